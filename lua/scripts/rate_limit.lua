-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
--
-- rate_limit.lua - so many requests for each client, key or user, and no more.
-- Arguments and examples: rate_limit.md.
local arg = tw.args(..., {
	rate = { "number", min = 0.001, max = 100000 }, -- requests
	per = { "time", 1, min = 0.001, max = 86400 },
	burst = { "integer", 0, min = 0, max = 100000 }, -- that many more at once
	key = { "string", "src" }, -- src, header:NAME, cookie:NAME or arg:NAME
	status = { "integer", 429, min = 400, max = 599 },
})

-- All threads count together; a reload does not forget.
local limit = tw.ratelimit {
	name = tw.script,
	rate = arg.rate, per = arg.per, burst = arg.burst, key = arg.key,
}

-- Where on_request tells on_response what is left.
local left = "left_" .. tw.script:gsub("%W", "_")

-- The fields of draft-ietf-httpapi-ratelimit-headers-03: how many at once, how many
-- of them are left, in how many seconds all are there again.
local function fields(n)
	return {
		["ratelimit-limit"] = arg.burst + 1,
		["ratelimit-remaining"] = n,
		["ratelimit-reset"] = math.ceil((arg.burst + 1 - n) * arg.per / arg.rate),
	}
end

function on_request(req)
	local ok, wait, n = limit:take(req)
	if ok then
		req.vars[left] = n -- nil: it has no such key, and no limit
		return
	end
	local headers = fields(0)
	headers["retry-after"] = math.max(1, math.ceil(wait))
	req:log { limited = tw.script }
	req:reply(arg.status, "Too many requests\n", headers)
end

function on_response(res, req)
	local n = req.vars[left]
	if n then
		for name, value in pairs(fields(n)) do
			res.headers[name] = value
		end
	end
end

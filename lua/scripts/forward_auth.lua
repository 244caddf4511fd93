-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
--
-- forward_auth.lua - an authentication server is asked before each request.
-- Arguments and examples: forward_auth.md.
local arg = tw.args(..., {
	url = { "string" },
	timeout = { "time", 2, min = 0.001 },
	send = { "list", { "authorization", "cookie" } }, -- the client's, to the server
	copy = { "list", {} }, -- the server's, to the request that passes
	on_fail = { "integer", 503, min = 400, max = 599 }, -- when it does not answer
})
if not arg.url:find("^https?://") then
	error(tw.script .. ": argument 'url' is '" .. arg.url ..
		"': http://... or https://... is expected", 0)
end

-- What the client gets when the server says no.
local told = { ["content-type"] = true, location = true, ["www-authenticate"] = true,
	["set-cookie"] = true }

local function question(req)
	local headers = {
		["x-forwarded-method"] = req.method,
		["x-forwarded-proto"] = req.scheme,
		["x-forwarded-host"] = req.headers.host,
		["x-forwarded-uri"] = req.target,
		["x-forwarded-for"] = req.src,
	}
	for _, name in ipairs(arg.send) do
		headers[name] = req.headers[name]
	end
	return { url = arg.url, headers = headers, timeout = arg.timeout }
end

local function answer_no(req, res)
	local headers = {}
	for _, field in ipairs(res.fields) do
		local name, value = field[1], field[2]
		if told[name] then
			headers[name] = headers[name] or {}
			table.insert(headers[name], value)
		end
	end
	req:log { auth = res.status }
	req:reply(res.status, res.body, headers)
end

function on_request(req)
	local res, why = tw.http(question(req))
	-- Without an answer nobody passes.
	if not res or res.status < 200 or res.status >= 500 then
		tw.log("warning", tw.script .. ": " .. arg.url .. ": " ..
			(why or "status " .. res.status))
		req:log { auth = "failed" }
		return req:deny(arg.on_fail)
	elseif res.status >= 300 then
		return answer_no(req, res)
	end
	req:log { auth = "ok" }
	for _, name in ipairs(arg.copy) do
		req.headers[name] = res.headers[name] -- nil: not the client's either
	end
end

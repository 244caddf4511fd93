-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
--
-- canary.lua - a share of the users gets a new version, and keeps it.
-- Arguments and examples: canary.md.
local arg = tw.args(..., {
	stable = { "backend" },
	canary = { "backend" },
	share = { "number", 5, min = 0, max = 100 }, -- percent of new users
	cookie = { "string", "canary" },
	age = { "time", 30 * 86400, min = 0 }, -- how long a user keeps it
	header = { "string", "x-canary" }, -- yes or no: forces it
})

-- What cookie and header say, and where that leads.
local by_cookie = { canary = arg.canary, stable = arg.stable }
local by_header = { yes = arg.canary, no = arg.stable }
local word = { [arg.canary] = "canary", [arg.stable] = "stable" }

local split = tw.split {
	[arg.canary] = math.floor(arg.share * 1000),
	[arg.stable] = math.floor((100 - arg.share) * 1000),
}

-- The cookie says "canary" or "stable", nothing of the user.
local set_cookie = arg.cookie .. "=%s; Path=/; Max-Age=" .. math.floor(arg.age) ..
	"; HttpOnly; SameSite=Lax"

-- Where on_route tells on_response that there is a cookie to be set.
local new = "canary_" .. tw.script:gsub("%W", "_")

local function choose(req)
	local forced = by_header[req.headers[arg.header]]
	if forced then
		return forced
	end
	local known = by_cookie[req.cookies[arg.cookie]]
	if known then
		return known
	end
	local to = split:pick(req)
	req.vars[new] = word[to]
	return to
end

function on_route(req, proposal)
	if proposal ~= arg.stable and proposal ~= arg.canary then
		return -- what use_backend sends elsewhere is no concern of ours
	end
	local to = choose(req)
	if to == arg.canary and not tw.backend(to).up then
		to = arg.stable -- better the old version than none
		req.vars[new] = nil
	end
	req:log { canary = word[to] }
	return to
end

function on_response(res, req)
	local chosen = req.vars[new]
	if chosen then
		res.headers:add("set-cookie", set_cookie:format(chosen))
	end
end

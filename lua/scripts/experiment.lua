-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
--
-- experiment.lua - an experiment: users are shared out over variants and stay there.
-- Arguments and examples: experiment.md. Several experiments: several lines lua-script.
local arg = tw.args(..., {
	name = { "string", tw.script },
	variants = { "pairs" }, -- name:weight
	cookie = { "string", optional = true }, -- ab_NAME
	age = { "time", 30 * 86400, min = 0 },
	header = { "string", optional = true }, -- to the servers: x-ab-NAME
	route = { "boolean", false }, -- the variants are names of backends
})
local cookie = arg.cookie or "ab_" .. arg.name
local header = arg.header or "x-ab-" .. arg.name
local set_cookie = cookie .. "=%s; Path=/; Max-Age=" .. math.floor(arg.age) ..
	"; SameSite=Lax"
local new = "ab_new_" .. tw.script:gsub("%W", "_")

local total, known = 0, {}
for _, v in ipairs(arg.variants) do
	local weight = math.tointeger(tonumber(v[2]))
	if not weight or weight < 0 or known[v[1]] or not v[1]:find("^[%w_.-]+$") then
		error(("%s: argument 'variants': '%s:%s' is not understood: each name once, " ..
			"with a weight"):format(tw.script, v[1], v[2]), 0)
	elseif arg.route and not tw.backend(v[1]) then
		error(("%s: argument 'variants': there is no backend '%s'"):format(
			tw.script, v[1]), 0)
	end
	known[v[1]] = true
	v.upto = total + weight
	total = v.upto
end
if total == 0 then
	error(tw.script .. ": argument 'variants': none has a weight", 0)
end

-- The fetch rand(n) gives 0 to n - 1.
local function choose(req)
	local at = req.f:rand(total)
	for _, v in ipairs(arg.variants) do
		if at < v.upto then
			req.vars[new] = v[1]
			return v[1]
		end
	end
end

function on_route(req)
	local said = req.cookies[cookie]
	local variant = known[said] and said or choose(req)
	-- The log has all experiments: "checkout=b color=red".
	local others = req.vars["log.ab"]
	req:log { ab = (others and others .. " " or "") .. arg.name .. "=" .. variant }
	req.headers[header] = variant
	return arg.route and variant or nil
end

function on_response(res, req)
	local variant = req.vars[new]
	if variant then
		res.headers:add("set-cookie", set_cookie:format(variant))
	end
end

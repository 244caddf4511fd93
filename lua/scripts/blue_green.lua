-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
--
-- blue_green.lua - two versions; an operator says which one is live.
-- Arguments and examples: blue_green.md.
local arg = tw.args(..., {
	blue = { "backend" },
	green = { "backend" },
	live = { "string", "blue", one_of = { "blue", "green" } }, -- until somebody says
	switch = { "string", "proc.live" }, -- a variable of the process: blue or green
})

local other = { blue = "green", green = "blue" }

-- Has the colour's backend a server that is up?
local function is_up(colour)
	return tw.backend(arg[colour]).up
end

function on_route(req, proposal)
	if proposal ~= arg.blue and proposal ~= arg.green then
		return -- what use_backend sends elsewhere is no concern of ours
	end
	local said = req.vars[arg.switch]
	local colour = other[said] and said or arg.live
	-- Nobody is there: the other one takes over, until a server comes back.
	if not is_up(colour) and is_up(other[colour]) then
		colour = other[colour]
		req:log { colour = colour .. " instead of " .. other[colour] }
	else
		req:log { colour = colour }
	end
	return arg[colour]
end

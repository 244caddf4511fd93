-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
--
-- geo.lua - clients go to a backend by the network they come from.
-- Arguments, the map and examples: geo.md.
local arg = tw.args(..., {
	map = { "string" }, -- lines: network, then the name of a backend
	header = { "string", optional = true }, -- tells the servers, too
	unknown = { "backend", optional = true }, -- for those that are in no network
})

-- The control socket changes it while traffic runs: add map, set map, del map.
local networks = tw.map(arg.map, "ip")

function on_route(req)
	local to = networks:lookup(req.src) or arg.unknown
	if arg.header then
		req.headers[arg.header] = to -- nil: what a client says is not passed on
	end
	req:log { region = to or "-" }
	if not to then
		return -- as configured
	end
	local backend = tw.backend(to)
	if not backend then
		tw.log("warning", tw.script .. ": " .. arg.map .. ": there is no backend '" ..
			to .. "'")
		return
	end
	-- Its region has nobody left: any other is better.
	return backend.up and to or nil
end

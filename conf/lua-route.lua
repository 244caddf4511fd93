-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
--
-- /beta/... and whoever brings the header named by `arg header=` see the beta.
local args = ...

function on_route(req, proposal)
	if req.path:find("^/beta/") or req.headers[args.header] then
		return "beta"
	end
end

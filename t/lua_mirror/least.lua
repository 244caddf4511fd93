-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
-- The backend whose servers have the fewest sessions.
core.register_fetches("least-sessions", function(txn, prefix)
	local best, least
	for name, be in pairs(core.backends) do
		if name:find("^" .. prefix) then
			local sum, up = 0, 0
			for _, s in pairs(be.servers) do
				local stats = s:get_stats()
				if stats["status"] == "no check" or stats["status"]:find("^UP") then
					up, sum = up + 1, sum + (stats["scur"] or 0)
				end
			end
			if up > 0 and (not least or sum < least or sum == least and name < best) then
				best, least = name, sum
			end
		end
	end
	return best
end)

-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
-- The country of an address: from a map, and from a list that a C module reads.
local json = require "cjson"
local map = Map.new(os.getenv("GEO_MAP"), Map._ip)
local list

core.register_init(function()
	local f = assert(io.open(os.getenv("GEO_JSON")))
	list = json.decode(f:read("*a"))
	f:close()
	for _, net in ipairs(list) do net.range = core.parse_addr(net.net) end
end)

core.register_fetches("country", function(txn, from)
	local addr = from and txn.sf:req_hdr(from) or txn.sf:src()
	return map:lookup(addr) or "ZZ"
end)

core.register_converters("city", function(addr)
	local a = core.parse_addr(addr)
	for _, net in ipairs(list) do
		if a and core.match_addr(net.range, a) then return net.city end
	end
	return ""
end)

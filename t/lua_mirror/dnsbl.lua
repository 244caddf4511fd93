-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
-- Asks a block list over DNS and TCP: zone, server, port, variable.
local function question(name, id)
	local q = {}
	for label in name:gmatch("[^.]+") do q[#q + 1] = string.pack("s1", label) end
	return string.pack(">s2", string.pack(">I2I2I2I2I2I2", id, 0x0100, 1, 0, 0, 0) .. table.concat(q) .. "\0" .. string.pack(">I2I2", 1, 1))
end

core.register_action("dnsbl", { "http-req", "tcp-req" }, function(txn, zone, server, port, var)
	local addr = txn.sf:req_hdr("x-addr")
	if addr == "" then addr = txn.sf:src() end
	local a, b, c, d = addr:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$")
	if not a then return end
	local id = math.random(65535)
	local sock = core.tcp()
	sock:settimeout(10)
	if not sock:connect(server, tonumber(port)) then return txn:Warning("dnsbl: " .. server .. " does not answer") end
	sock:send(question(table.concat({ d, c, b, a, zone }, "."), id))
	local size = sock:receive(2)
	local answer = size and sock:receive((string.unpack(">I2", size)))
	sock:close()
	if not answer then return end
	local rid, flags, _, count = string.unpack(">I2I2I2I2", answer)
	txn:set_var(var, rid == id and flags & 15 == 0 and count > 0 and 1 or 0)
end, 4)

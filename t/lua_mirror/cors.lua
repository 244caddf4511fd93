-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
-- One name, two actions: preflights are answered, the rest gets its fields.
local function origin_of(txn, list)
	local data = txn:get_priv()
	if data == nil then return nil end
	for _, o in ipairs(core.tokenize(list, ",", true)) do
		if o == "*" or o == data.origin then return o == "*" and "*" or data.origin end
	end
	return nil
end

core.register_action("cors", { "http-req" }, function(txn, methods, origins, fields)
	local headers = txn.http:req_get_headers()
	if headers["origin"] == nil then return end
	txn:set_priv { origin = headers["origin"][0] }
	if txn.f:method() ~= "OPTIONS" or headers["access-control-request-method"] == nil then return end
	local reply = txn:reply()
	reply:set_status(204, "No Content")
	local allowed = origin_of(txn, origins)
	if allowed then
		reply:add_header("Access-Control-Allow-Origin", allowed)
		reply:add_header("Access-Control-Allow-Methods", methods)
		reply:add_header("Access-Control-Allow-Headers", fields)
		reply:add_header("Access-Control-Max-Age", "600")
	end
	txn:done(reply)
end, 3)

core.register_action("cors", { "http-res" }, function(txn, methods, origins)
	local allowed = origin_of(txn, origins)
	if not allowed then return end
	if allowed ~= "*" then txn.http:res_add_header("Vary", "Accept-Encoding, Origin") end
	txn.http:res_set_header("Access-Control-Allow-Origin", allowed)
end, 2)

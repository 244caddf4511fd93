-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
-- Bearer tokens signed with HS256: with rocks, and with converters.
local json = require "cjson"
local hmac = require "openssl.hmac"
local secret = os.getenv("JWT_SECRET")

local alphabet = {}
for c in ("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"):gmatch(".") do
	alphabet[#alphabet + 1] = c
end
local value_of = {}
for i, c in ipairs(alphabet) do value_of[c] = i - 1 end

local function decode(text)
	local out, bits, n = {}, 0, 0
	for c in text:gmatch(".") do
		if not value_of[c] then return nil end
		bits, n = bits << 6 | value_of[c], n + 6
		if n >= 8 then
			n = n - 8
			out[#out + 1] = string.char(bits >> n & 255)
			bits = bits & (1 << n) - 1
		end
	end
	return table.concat(out)
end

core.register_action("jwt-rocks", { "http-req" }, function(txn)
	local auth = txn.sf:req_hdr("authorization")
	local parts = core.tokenize(auth:match("^Bearer (.+)$") or "", ".")
	if #parts ~= 3 then return txn:set_var("txn.jwt", "malformed") end
	local ok, head = pcall(json.decode, decode(parts[1]) or "")
	if not ok or head.alg ~= "HS256" then return txn:set_var("txn.jwt", "algorithm") end
	local sum = hmac.new(secret, "sha256"):final(parts[1] .. "." .. parts[2])
	if sum ~= decode(parts[3]) then return txn:set_var("txn.jwt", "signature") end
	local claims = json.decode(decode(parts[2]))
	if claims.exp and claims.exp < core.now().sec then return txn:set_var("txn.jwt", "expired") end
	txn:set_var("txn.jwt", "good")
	txn:set_var("txn.jwt_sub", claims.sub)
end)

core.register_action("jwt-converters", { "http-req" }, function(txn)
	local token = txn.sf:req_hdr("authorization"):match("^Bearer (.+)$") or ""
	if txn.sc:jwt_header_query(token, "$.alg") ~= "HS256" then return txn:set_var("txn.jwt", "algorithm") end
	if tonumber(txn.c:jwt_verify(token, "HS256", secret)) ~= 1 then return txn:set_var("txn.jwt", "signature") end
	local exp = tonumber(txn.c:jwt_payload_query(token, "$.exp", "int"))
	if exp and exp < core.now().sec then return txn:set_var("txn.jwt", "expired") end
	txn:set_var("txn.jwt", "good")
	txn:set_var("txn.jwt_sub", txn.sc:jwt_payload_query(token, "$.sub"))
end)

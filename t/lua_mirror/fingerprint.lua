-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
-- A digest of bytes that a client sent, as fingerprints of TLS make them.
core.register_fetches("fingerprint", function(txn)
	local bytes = txn.c:b64dec(txn.f:req_fhdr("x-hello"))
	if not bytes then return "none" end
	local numbers = txn.c:be2dec(bytes, "-", 2)
	local text = "771," .. numbers .. "," .. txn.c:be2dec(bytes:sub(1, 2), "-", 1)
	txn:set_var("txn.fingerprint_text", text)
	return txn.c:lower(txn.c:hex(txn.c:digest(text, "md5")))
end)

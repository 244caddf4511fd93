-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
-- A form that browsers send and bots do not; who did has a cookie signed with HMAC.
local hmac = require "openssl.hmac"
local key = os.getenv("BOT_KEY")

local function hex(s)
	return (s:gsub(".", function(c) return string.format("%02x", string.byte(c)) end))
end
local function sign(text)
	return hex(hmac.new(key, "sha256"):final(text))
end

core.register_action("check-cookie", { "http-req" }, function(txn)
	local cookie = txn.sf:req_cook("pass")
	local until_when, sum = cookie:match("^(%d+)%.(%x+)$")
	local good = sum == sign(txn.sf:src() .. (until_when or "")) and tonumber(until_when) > os.time()
	txn:set_var("txn.human", good and 1 or 0)
end)

core.register_service("challenge", "http", function(applet)
	local body, status = "", 200
	if applet.method == "POST" then
		local form = {}
		for k, v in applet:receive():gmatch("([^&=]+)=([^&]*)") do form[k] = applet.sc:url_dec(v, 1) end
		if form.answer == "4 2" then
			local t = tostring(os.time() + 3600)
			applet:add_header("Set-Cookie", "pass=" .. t .. "." .. sign(applet.sf:src() .. t) .. "; Path=/; HttpOnly")
			applet:add_header("Location", applet.headers["referer"][0])
			status = 302
		else
			status, body = 403, "wrong"
		end
	else
		body = "<form method=post><input name=answer></form>"
	end
	applet:set_status(status)
	applet:add_header("Content-Type", "text/html")
	applet:add_header("Cache-Control", "no-store")
	applet:add_header("Content-Length", #body)
	applet:start_response()
	applet:send(body)
end)

-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
-- A protocol of lines.
local store = {}
core.register_service("lines", "tcp", function(applet)
	applet:send("hello\r\n")
	while true do
		local line = applet:getline()
		if line == nil or line == "" then return end
		local word, rest = line:match("^(%u+) ?([^\r\n]*)\r?\n$")
		if word == "QUIT" then
			applet:send("bye\r\n")
			return
		elseif word == "SET" then
			local k, v = rest:match("^(%S+) (.*)$")
			store[k] = v
			applet:send("ok\r\n")
		elseif word == "GET" then
			applet:send((store[rest] or "none") .. "\r\n")
		elseif word == "DATA" then
			applet:send("got " .. #applet:receive(tonumber(rest)) .. "\r\n")
		else
			applet:send("what?\r\n")
		end
	end
end)

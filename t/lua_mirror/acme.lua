-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
-- Answers an ACME challenge of type http-01 with what a client has left in a folder.
local M = { root = os.getenv("ACME_ROOT") }

function M.token(applet)
	return applet.path:match("^/%.well%-known/acme%-challenge/([%w_-]+)$")
end

function M.read(name)
	local f = io.open(M.root .. "/" .. name, "r")
	if f == nil then return nil end
	local text = f:read("*a")
	f:close()
	return text
end

core.register_service("acme-http01", "http", function(applet)
	local token = M.token(applet)
	local answer = token and M.read(token)
	if answer then
		applet:set_status(200)
	else
		answer = "resource not found\n"
		applet:set_status(404)
		core.Warning("acme: nothing for " .. applet.path)
	end
	applet:add_header("Server", "acme-responder")
	applet:add_header("Content-Length", string.len(answer))
	applet:add_header("Content-Type", "text/plain")
	applet:start_response()
	applet:send(answer)
end)

-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
-- LuaSocket's HTTP client over sockets of the proxy.
local http = require "socket.http"
local ltn12 = require "ltn12"

local function create()
	local sock = core.tcp()
	sock:settimeout(10)
	return {
		connect = function(_, host, port) return sock:connect(host, port) end,
		settimeout = function(_, t) return 1 end,
		send = function(_, ...) return sock:send(...) end,
		receive = function(_, ...) return sock:receive(...) end,
		close = function() return sock:close() end,
	}
end

local function fetch(txn, how, url)
	local body = {}
	local _, code, headers = http.request { url = url, create = how, sink = ltn12.sink.table(body), headers = { ["X-From"] = txn.sf:path() } }
	txn:set_var("txn.fetched", tostring(code) .. " " .. (headers and headers["x-server"] or "-") .. " " .. table.concat(body))
end
core.register_action("fetch-direct", { "http-req" }, function(txn, url) fetch(txn, core.tcp, url) end, 1)
core.register_action("fetch-wrapped", { "http-req" }, function(txn, url) fetch(txn, create, url) end, 1)

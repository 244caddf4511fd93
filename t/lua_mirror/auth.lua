-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
-- Asks a backend whether a request may pass: over a socket with two arguments (backend,
-- path), over the HTTP client with six (method, and which fields go there and come back,
-- when it may pass and when not).
local function server_of(txn, be)
	local backend = core.backends[be]
	if backend == nil then
		txn:Alert("auth: no backend '" .. be .. "'")
		return nil
	end
	for name, server in pairs(backend.servers) do
		local status = server:get_stats()["status"]
		if status == "no check" or status:find("^UP") then return server:get_addr() end
	end
	txn:Warning("auth: no server of '" .. be .. "' is up")
	return nil
end

local function with_vars(txn, headers)
	for name, value in pairs(headers) do
		txn:set_var("req.auth_header." .. name:gsub("%W", "_"), value)
	end
end

core.register_action("auth-request", { "http-req" }, function(txn, be, path)
	txn:set_var("txn.auth_ok", false)
	local addr = server_of(txn, be)
	if addr == nil then return end
	local sock = core.tcp()
	sock:settimeout(10)
	local host, port = addr:match("^(.*):(%d+)$")
	if not sock:connect(host, tonumber(port)) then
		txn:Warning("auth: cannot connect to " .. addr)
		return
	end
	local out = { "GET " .. path .. " HTTP/1.0" }
	for name, values in pairs(txn.http:req_get_headers()) do
		if name ~= "connection" and name ~= "content-length" then
			for i = 0, #values do out[#out + 1] = name .. ": " .. values[i] end
		end
	end
	sock:send(table.concat(out, "\r\n") .. "\r\n\r\n")
	local line = sock:receive("*l")
	local code = line and tonumber(line:match("^HTTP/%d%.%d (%d%d%d)"))
	local headers = {}
	while line and line ~= "" do
		line = sock:receive("*l")
		local name, value = (line or ""):match("^([^:]+):%s*(.*)$")
		if name then headers[name:lower()] = value end
	end
	sock:close()
	txn:set_var("txn.auth_code", code or 0)
	with_vars(txn, headers)
	if code and code >= 200 and code < 300 then txn.set_var(txn, "txn.auth_ok", true) end
end, 2)

local function wanted(list, name)
	if list == "-" then return false end
	for pattern in list:gmatch("[^,]+") do
		if name:find("^" .. pattern:gsub("[%-%.]", "%%%0"):gsub("%*", ".*") .. "$") then return true end
	end
	return false
end

core.register_action("auth-intercept", { "http-req" }, function(txn, be, path, method, to, good, bad)
	txn:set_var("txn.auth_ok", false)
	local addr = server_of(txn, be)
	if addr == nil then return end
	local headers = {}
	for name, values in pairs(txn.http:req_get_headers()) do
		if wanted(to, name) then
			headers[name] = {}
			for i = 0, #values do table.insert(headers[name], values[i]) end
		end
	end
	local client = core.httpclient()
	local call = method == "*" and txn.sf:method() or method
	local r = client[call:lower()](client, { url = "http://" .. addr .. path, headers = headers, timeout = 10000 })
	txn:set_var("txn.auth_code", r.status)
	if r.status < 200 or r.status > 299 then
		local reply = txn:reply { status = r.status, body = r.body }
		for name, values in pairs(r.headers) do
			if wanted(bad, name) then
				for i = 0, #values do reply:add_header(name, values[i]) end
			end
		end
		txn:done(reply)
		return
	end
	for name, values in pairs(r.headers) do
		if wanted(good, name) then
			txn.http:req_set_header(name, values[0])
			with_vars(txn, { [name] = values[0] })
		end
	end
	txn:set_var("txn.auth_ok", true)
end, 6)

-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
--
-- shadow.lua - a share of the requests goes to another place, too; nobody waits for
-- what it answers. Arguments and examples: shadow.md.
local arg = tw.args(..., {
	url = { "string" }, -- http://10.0.0.9:8080: path and query are the request's
	share = { "number", 100, min = 0, max = 100 }, -- percent
	max = { "integer", 20, min = 1, max = 1000 }, -- at the same time, in each thread
	body = { "integer", 65536, min = 0, max = 1048576 }, -- bytes; longer: no copy
	methods = { "list", { "GET", "HEAD" } },
	timeout = { "time", 5, min = 0.001 },
})
local base = arg.url:match("^(https?://[^/?#]+)/?$")
if not base then
	error(tw.script .. ": argument 'url' is '" .. arg.url ..
		"': http://HOST:PORT without a path is expected", 0)
end

local wanted = {}
for _, method in ipairs(arg.methods) do
	wanted[method] = true
end

-- RFC 9110, 7.6.1: what is between two neighbours only; tw.http says itself how long
-- the body is.
local hop = { connection = true, ["keep-alive"] = true, upgrade = true, te = true,
	trailer = true, ["proxy-connection"] = true, ["proxy-authorization"] = true,
	["content-length"] = true, ["transfer-encoding"] = true, expect = true }

local running = 0 -- in this thread

local function copy_of(req)
	local headers = {}
	for name, value in pairs(req.headers) do
		if not hop[name] then
			headers[name] = headers[name] or {}
			table.insert(headers[name], value)
		end
	end
	headers["x-shadow"] = tw.script
	local query = req.query
	return {
		url = base .. req.path .. (query and query ~= "" and "?" .. query or ""),
		method = req.method, headers = headers, timeout = arg.timeout,
	}
end

function on_request(req)
	if not wanted[req.method] or req.f:rand(100000) >= arg.share * 1000 then
		return
	elseif running >= arg.max then
		return req:log { shadow = "busy" } -- the copy suffers, not the request
	end
	local copy = copy_of(req)
	if req.headers.content_length or req.headers.transfer_encoding then
		copy.body = arg.body > 0 and req:body(arg.body) or nil
		if not copy.body then
			return req:log { shadow = "too long" }
		end
	end
	running = running + 1
	req:log { shadow = "sent" }
	tw.after(0.001, function() -- on its own: the request goes on at once
		pcall(tw.http, copy)
		running = running - 1
	end)
end

-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
--
-- maintenance.lua - a page with 503 while a switch is on.
-- Arguments and examples: maintenance.md.
local arg = tw.args(..., {
	switch = { "string", "proc.maintenance" }, -- a variable of the process
	allow = { "list", {} }, -- addresses and networks that pass all the same
	retry = { "time", 300, min = 1 }, -- Retry-After
	page = { "string", optional = true }, -- a file of HTML
})

local text = "<!DOCTYPE html>\n<title>Maintenance</title>\n" ..
	"<h1>We will be back soon</h1>\n"
if arg.page then
	local file, why = io.open(arg.page)
	if not file then
		error(("%s: argument 'page': %s"):format(tw.script, why), 0)
	end
	text = file:read("a")
	file:close()
end

-- The converter ipmask makes a network of an address; one of IPv6 takes the second
-- mask, one of IPv4 the first.
local function network_of(address, bits)
	return tw.c:ipmask(address, address:find(":") and 32 or bits, bits)
end

-- "10.0.0.0/8": {"10.0.0.0", 8}
local networks = {}
for i, word in ipairs(arg.allow) do
	local address, bits = word:match("^([%x.:]+)/?(%d*)$")
	local most = address and address:find(":") and 128 or 32
	bits = tonumber(bits) or most
	local base = address and bits <= most and network_of(address, bits)
	if not base then
		error(("%s: argument 'allow': '%s' is no address"):format(tw.script, word), 0)
	end
	networks[i] = { base, bits, most }
end

local function is_allowed(address)
	local most = address:find(":") and 128 or 32
	for _, n in ipairs(networks) do
		if n[3] == most and network_of(address, n[2]) == n[1] then
			return true
		end
	end
	return false
end

local on = { [true] = true, on = true, [1] = true, ["1"] = true, ["true"] = true }

function on_request(req)
	if not on[req.vars[arg.switch]] or is_allowed(req.src) then
		return
	end
	req:log { maintenance = true }
	req:reply(503, text, {
		["content-type"] = "text/html; charset=utf-8",
		["retry-after"] = math.ceil(arg.retry),
		["cache-control"] = "no-store",
	})
end

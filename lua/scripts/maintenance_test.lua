-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
local function script(args)
	test.script { "maintenance.lua", args = args, log = "%ST %[var(txn.log.maintenance)]",
		lines = "http-request set-var(proc.maintenance) bool(true) if { path /on }\n" ..
			"    http-request set-var(proc.maintenance) str(on) if { path /text }\n" ..
			"    http-request set-var(proc.maintenance) bool(false) if { path /off }" }
end
script { allow = "192.0.2.0/24,2001:db8::/32,198.51.100.7", retry = "10m" }

test("off", function()
	test.request("/off")
	test.eq(test.request("/").status, 200)
end)

test("on", function()
	test.request("/on")
	local r = test.request { path = "/", src = "203.0.113.1" }
	test.eq(r.status, 503)
	test.eq(r.headers["retry-after"], "600")
	test.eq(r.headers["cache-control"], "no-store")
	test.match(r.body, "back soon")
	test.eq(r.log, "503 1")
	test.eq(r.sent, nil)
	test.request("/text")
	test.eq(test.request { path = "/", src = "203.0.113.1" }.status, 503)
end)

test("who passes all the same", function()
	local function status(src)
		return test.request { path = "/", src = src }.status
	end
	test.request("/on")
	test.eq(status("192.0.2.200"), 200)
	test.eq(status("192.0.3.1"), 503)
	test.eq(status("198.51.100.7"), 200)
	test.eq(status("198.51.100.8"), 503)
	test.eq(status("2001:db8:1::5"), 200)
	test.eq(status("2001:db9::5"), 503)
	test.request { path = "/off", src = "192.0.2.1" }
end)

test("a page of one's own", function()
	local path = os.tmpname()
	local file = io.open(path, "w")
	file:write("<p>gone fishing")
	file:close()
	script { page = path }
	os.remove(path)
	test.request("/on")
	test.eq(test.request("/").body, "<p>gone fishing")
	test.request("/off")
end)

test("wrong arguments", function()
	for _, word in ipairs { "x", "10.0.0.0/33", "300.1.1.1", "10.0.0.0/x", "::/129" } do
		test.fails(function() script { allow = word } end,
			"maintenance: argument 'allow': '" .. word .. "' is no address")
	end
	test.fails(function() script { page = "/nonexistent/p" } end, "argument 'page': /nonex")
end)

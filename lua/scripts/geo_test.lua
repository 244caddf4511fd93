-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
local path = os.tmpname()
local file = io.open(path, "w")
file:write("192.0.2.0/24 eu\n198.51.100.0/24 us\n198.51.100.128/25 eu\n",
	"2001:db8::/32 us\n203.0.113.0/24 nowhere\n")
file:close()

local function script(args)
	args.map = path
	test.script { "geo.lua", args = args, backends = { "eu", "us", "rest" },
		default = "rest", log = "%b %[var(txn.log.region)]" }
end
script { header = "x-region" }

local function ask(src)
	return test.request { src = src, headers = { ["X-Region"] = "mine" } }
end

test("networks", function()
	test.eq(ask("192.0.2.7").log, "eu eu")
	test.eq(ask("198.51.100.7").log, "us us")
	test.eq(ask("198.51.100.200").log, "eu eu", "the longest counts")
	test.eq(ask("2001:db8::1").log, "us us")
	test.eq(ask("192.0.2.7").sent.headers["x-region"], "eu")
end)

test("no network", function()
	local r = ask("10.0.0.1")
	test.eq(r.log, "rest -")
	test.eq(r.sent.headers["x-region"], nil)
	script { unknown = "us" }
	test.eq(ask("10.0.0.1").log, "us us")
	test.eq(ask("10.0.0.1").sent.headers["x-region"], "mine")
end)

test("a map that names no backend is told", function()
	test.eq(ask("203.0.113.1").log, "rest nowhere")
	test.match(table.concat(test.logs(), "\n"), "there is no backend 'nowhere'")
end)

test("a region that is down", function()
	test.down("eu", "s")
	test.eq(ask("192.0.2.7").log, "rest eu")
	test.up("eu", "s")
end)

test("a map that is missing", function()
	test.fails(function()
		test.script { "geo.lua", args = { map = "/nonexistent/map" } }
	end, "/nonexistent/map")
	os.remove(path)
end)

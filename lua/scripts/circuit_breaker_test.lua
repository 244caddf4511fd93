-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
local function script(args, global)
	args.failures, args.open, args.window = 3, "30s", "10s"
	test.script { "circuit_breaker.lua", args = args, backends = { "app", "spare" },
		global = global or "lua-shared breaker 64k",
		log = "%b %ST %[var(txn.log.breaker)]" }
end

local function fail(n)
	test.upstream("app", 500)
	for _ = 1, n do
		test.eq(test.request("/").status, 500)
	end
end

script {}
test("few failures do nothing", function()
	fail(2)
	test.advance(11)
	fail(2)
	test.upstream("app", 200)
	test.eq(test.request("/").status, 200)
	test.advance(11)
end)

test("it opens, tries once, opens again, closes", function()
	fail(3)
	test.match(table.concat(test.logs(), "\n"), "backend app failed 3 times")
	local r = test.request("/")
	test.eq(r.log, "app 503 open app")
	test.eq(r.headers["retry-after"], "30")
	test.eq(r.sent, nil)
	test.advance(31)
	fail(1) -- the one that tries
	test.eq(test.request("/").status, 503)
	test.advance(31)
	test.upstream("app", 200)
	test.eq(test.request("/").status, 200)
	test.match(table.concat(test.logs(), "\n"), "backend app is used again")
	test.eq(test.request("/").status, 200)
end)

test("servers that cannot be reached count, too", function()
	test.upstream("app", false)
	for _ = 1, 3 do
		test.eq(test.request("/").status, 503)
	end
	local r = test.request("/")
	test.match(r.log, "open app")
	test.advance(31)
	test.upstream("app", 200)
	test.eq(test.request("/").status, 200)
end)

test("another backend instead", function()
	script { fallback = "spare" }
	fail(3)
	test.eq(test.request("/").log, "spare 200 open app")
	test.upstream("spare", 500)
	for _ = 1, 5 do
		test.eq(test.request("/").backend, "spare", "the spare one is never left alone")
	end
end)

test("a dictionary is needed", function()
	test.fails(function() script({ dict = "other" }) end,
		"circuit_breaker: argument 'dict': there is no line 'lua%-shared other 64k'")
end)

-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
local log = "%b %[var(txn.log.ab)]"
local second = "lua-script colour file experiment.lua arg variants=red:1,blue:1"
test.script { "experiment.lua", name = "checkout", args = { variants = "a:90,b:10" },
	global = second, log = log }

test("everybody gets one, and a cookie", function()
	local n = { a = 0, b = 0 }
	for _ = 1, 500 do
		local r = test.request { headers = { ["X-Ab-Checkout"] = "mine" } }
		local one = r.sent.headers["x-ab-checkout"]
		n[one] = n[one] + 1
		test.eq(#r.all["set-cookie"], 2)
		test.match(table.concat(r.all["set-cookie"], "\n"),
			"ab_checkout=" .. one .. "; Path=/; Max%-Age=2592000; SameSite=Lax")
		test.match(r.log, "^app checkout=" .. one .. " colour=%a+$")
	end
	test.ok(n.b > 15 and n.b < 100, "b had " .. n.b)
end)

test("who has one keeps it", function()
	local r = test.request { headers = { Cookie = "ab_checkout=b; ab_colour=red" } }
	test.eq(r.log, "app checkout=b colour=red")
	test.eq(r.headers["set-cookie"], nil)
	r = test.request { headers = { Cookie = "ab_checkout=zzz; ab_colour=red" } }
	test.match(r.headers["set-cookie"], "^ab_checkout=[ab];")
end)

test("variants that are backends", function()
	test.script { "experiment.lua", args = { variants = "old:0,new:1", route = "on",
		name = "site", cookie = "v", header = "x-v", age = "1d" },
		backends = { "old", "new" }, log = log }
	local r = test.request("/")
	test.eq(r.log, "new site=new")
	test.eq(r.sent.headers["x-v"], "new")
	test.eq(r.headers["set-cookie"], "v=new; Path=/; Max-Age=86400; SameSite=Lax")
	test.eq(test.request { headers = { Cookie = "v=old" } }.backend, "old")
end)

test("wrong variants", function()
	local function fails(variants, pattern, route)
		test.fails(function()
			test.script { "experiment.lua", args = { variants = variants, route = route } }
		end, "experiment: argument 'variants'.*" .. pattern)
	end
	fails("a:x", "'a:x' is not understood")
	fails("a:1,a:2", "'a:2' is not understood")
	fails("a:-1", "'a:%-1' is not understood")
	fails("a;b:1", "is not understood")
	fails("a:0,b:0", "none has a weight")
	fails("a:1", "no backend 'a'", "on")
	fails("a", "a list name:value")
end)

-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
test.script { "canary.lua", args = { stable = "old", canary = "new", share = 20 },
	backends = { "old", "new", "other" },
	lines = "use_backend other if { path_beg /static/ }",
	log = "%b %[var(txn.log.canary)]" }

test("about one in five of the new users", function()
	local n = 0
	for _ = 1, 500 do
		local r = test.request("/")
		local word = r.backend == "new" and "canary" or "stable"
		test.eq(r.headers["set-cookie"],
			"canary=" .. word .. "; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax")
		test.eq(r.log, r.backend .. " " .. word)
		n = n + (r.backend == "new" and 1 or 0)
	end
	test.ok(n > 50 and n < 150, "the share is " .. n)
end)

test("the cookie decides, and is not set again", function()
	for word, backend in pairs { canary = "new", stable = "old" } do
		local r = test.request { headers = { Cookie = "a=b; canary=" .. word } }
		test.eq(r.backend, backend)
		test.eq(r.headers["set-cookie"], nil)
	end
	local r = test.request { headers = { Cookie = "canary=nonsense" } }
	test.match(r.headers["set-cookie"], "^canary=")
end)

test("the header goes before the cookie", function()
	local headers = { ["X-Canary"] = "yes", Cookie = "canary=stable" }
	test.eq(test.request { headers = headers }.backend, "new")
	headers = { ["X-Canary"] = "no", Cookie = "canary=canary" }
	test.eq(test.request { headers = headers }.backend, "old")
end)

test("other backends are left alone", function()
	local r = test.request("/static/x")
	test.eq(r.backend, "other")
	test.eq(r.headers["set-cookie"], nil)
end)

test("a canary that is down", function()
	test.down("new", "s")
	local r = test.request { headers = { Cookie = "canary=canary" } }
	test.eq(r.backend, "old")
	for _ = 1, 50 do
		r = test.request("/")
		test.eq(r.backend, "old")
		test.ok(not (r.headers["set-cookie"] or ""):find("canary=canary"), "no such cookie")
	end
	test.up("new", "s")
end)

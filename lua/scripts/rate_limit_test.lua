-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
test.script { "rate_limit.lua", args = { rate = 6, per = "1m", burst = 2 },
	log = "%ST %[var(txn.log.limited)]" }

local function ask(src)
	return test.request { path = "/", src = src }
end

test("three at once, then one in ten seconds", function()
	for left = 2, 0, -1 do
		local r = ask("192.0.2.1")
		test.eq(r.status, 200)
		test.eq(r.headers["ratelimit-limit"], "3")
		test.eq(r.headers["ratelimit-remaining"], tostring(left))
		test.eq(r.headers["ratelimit-reset"], tostring((3 - left) * 10))
	end
	local r = ask("192.0.2.1")
	test.eq(r.status, 429)
	test.eq(r.headers["ratelimit-remaining"], "0")
	test.eq(r.headers["retry-after"], "10")
	test.eq(r.log, "429 rate_limit")
	test.eq(r.sent, nil)
	test.eq(ask("192.0.2.2").status, 200, "another client")
end)

test("time gives them back", function()
	test.advance(11)
	test.eq(ask("192.0.2.1").status, 200)
	test.eq(ask("192.0.2.1").status, 429)
end)

test("by a header; who has none is not limited", function()
	test.script { "rate_limit.lua", name = "keys",
		args = { rate = 1, per = "1h", key = "header:x-key", status = 503 } }
	local function status(key)
		return test.request { headers = { ["X-Key"] = key } }.status
	end
	test.eq(status("a"), 200)
	test.eq(status("a"), 503)
	test.eq(status("b"), 200)
	for _ = 1, 3 do
		local r = test.request("/")
		test.eq(r.status, 200)
		test.eq(r.headers["ratelimit-limit"], nil)
	end
end)

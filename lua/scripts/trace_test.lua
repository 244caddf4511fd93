-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
local function script(args)
	test.script { "trace.lua", args = args,
		log = "%[var(txn.log.request_id)] %[var(txn.log.trace)] %[var(txn.log.span)]" }
end
local good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

script {}
test("a trace begins", function()
	local seen = {}
	for _ = 1, 50 do
		local r = test.request { headers = { traceparent = good, tracestate = "a=1",
			["X-Request-Id"] = "mine" } }
		local h = r.sent.headers
		local trace, span = h.traceparent:match("^00%-(%x+)%-(%x+)%-01$")
		test.eq(#trace .. "/" .. #span, "32/16")
		test.ok(not seen[trace] and not seen[span] and trace ~= good:sub(4, 35), "a new one")
		seen[trace], seen[span] = true, true
		test.eq(h.tracestate, nil)
		test.eq(h["x-request-id"], trace)
		test.eq(r.headers["x-request-id"], trace)
		test.eq(r.log, trace .. " " .. trace .. " " .. span)
	end
end)

test("one goes on that is trusted", function()
	script { trust = "on", header = "x-id", answer = "off" }
	local r = test.request { headers = { traceparent = good, tracestate = "a=1",
		["X-Id"] = "abc-1" } }
	local h = r.sent.headers
	test.match(h.traceparent, "^00%-0af7651916cd43dd8448eb211c80319c%-%x+%-01$")
	test.ok(h.traceparent ~= good, "the parent is another one")
	test.eq(h.tracestate, "a=1")
	test.eq(h["x-id"], "abc-1")
	test.eq(r.headers["x-id"], nil)
	test.match(r.log, "^abc%-1 0af7651916cd43dd8448eb211c80319c ")
end)

test("contexts that are none", function()
	script { trust = "on", sample = 0 }
	for _, bad in ipairs { "", "00-x", good:upper(), good .. "-", "ff" .. good:sub(3),
		"00-" .. ("0"):rep(32) .. good:sub(36), good:sub(1, 36) .. ("0"):rep(16) .. "-01",
		good:sub(1, 34) .. good:sub(36) } do
		local r = test.request { headers = { traceparent = bad, ["X-Request-Id"] = "a b" } }
		test.match(r.sent.headers.traceparent, "^00%-%x+%-%x+%-00$", bad)
		test.ok(not r.sent.headers.traceparent:find(good:sub(4, 35), 1, true), bad)
		test.ok(r.sent.headers["x-request-id"] ~= "a b", "no such id")
	end
	local later = "01" .. good:sub(3) .. "-more"
	test.match(test.request { headers = { traceparent = later } }.sent.headers.traceparent,
		"^00%-0af7651916cd43dd8448eb211c80319c%-%x+%-01$")
end)

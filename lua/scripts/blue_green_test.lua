-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
test.script { "blue_green.lua", args = { blue = "b", green = "g" },
	backends = { "b", "g", "other" }, log = "%b %[var(txn.log.colour)]",
	lines = "http-request set-var(proc.live) req.hdr(x-live) if { req.hdr(x-live) -m found }\n" ..
		"    use_backend other if { path /other }" }

local function switch(colour)
	test.request { path = "/other", headers = { ["X-Live"] = colour } }
end

test("nobody has said anything", function()
	test.eq(test.request("/").log, "b blue")
	test.eq(test.request("/other").backend, "other")
end)

test("the switch", function()
	switch("green")
	test.eq(test.request("/").log, "g green")
	switch("nonsense")
	test.eq(test.request("/").log, "b blue")
	switch("blue")
	test.eq(test.request("/").log, "b blue")
end)

test("the live one has no server", function()
	test.down("b", "s")
	test.eq(test.request("/").log, "g green instead of blue")
	test.down("g", "s")
	test.eq(test.request("/").log, "b blue")
	test.eq(test.request("/").status, 503)
	test.up("b", "s")
	test.eq(test.request("/").log, "b blue")
	test.up("g", "s")
end)

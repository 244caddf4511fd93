-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
local function script(args)
	test.script { "cors.lua", args = args }
end
local args = { origins = "https://a.example,https://*.b.example", methods = "GET,PUT",
	headers = "x-one,x-two", expose = "x-total", credentials = "on", age = "5m" }
script(args)

local function preflight(origin)
	return test.request { method = "OPTIONS", headers = { Origin = origin,
		["Access-Control-Request-Method"] = "PUT" } }
end

test("a preflight", function()
	local r = preflight("https://a.example")
	test.eq(r.status, 204)
	test.eq(r.sent, nil)
	test.eq(r.headers["access-control-allow-origin"], "https://a.example")
	test.eq(r.headers["access-control-allow-credentials"], "true")
	test.eq(r.headers["access-control-allow-methods"], "GET, PUT")
	test.eq(r.headers["access-control-allow-headers"], "x-one, x-two")
	test.eq(r.headers["access-control-max-age"], "300")
	test.match(r.headers.vary, "Origin")
	test.eq(preflight("https://x.y.b.example").status, 204)
end)

test("a preflight from elsewhere", function()
	for _, origin in ipairs { "https://b.example", "http://a.example", "null",
		"https://a.example.evil.example", "https://evilb.example",
		"https://evil/x.b.example" } do
		local r = preflight(origin)
		test.eq(r.status, 403, origin)
		test.eq(r.headers["access-control-allow-origin"], nil, origin)
	end
end)

test("an answer", function()
	test.upstream("*", function()
		return 200, "", { ["Access-Control-Allow-Origin"] = "*", Vary = "Accept" }
	end)
	local r = test.request { headers = { Origin = "https://a.example" } }
	test.eq(r.all["access-control-allow-origin"], { "https://a.example" })
	test.eq(r.headers["access-control-allow-credentials"], "true")
	test.eq(r.headers["access-control-expose-headers"], "x-total")
	test.eq(r.all.vary, { "Accept", "Origin" })
	r = test.request { headers = { Origin = "https://evil.example" } }
	test.eq(r.status, 200)
	test.eq(r.headers["access-control-allow-origin"], nil, "the server's does not count")
	test.eq(r.all.vary, { "Accept", "Origin" })
	r = test.request { method = "OPTIONS" }
	test.eq(r.status, 200, "OPTIONS without an origin is the server's")
end)

test("everybody", function()
	script { origins = "*" }
	local r = test.request { headers = { Origin = "https://x" } }
	test.eq(r.headers["access-control-allow-origin"], "*")
	test.eq(r.headers.vary, nil)
	test.fails(function() script { origins = "*", credentials = "on" } end,
		"cors: argument 'origins' is '%*': not with credentials")
end)

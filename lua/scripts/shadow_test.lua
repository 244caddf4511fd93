-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
local function script(args)
	args.url = args.url or "http://192.0.2.9:8080/"
	test.script { "shadow.lua", args = args, log = "%ST %[var(txn.log.shadow)]" }
end
local server = "http://192.0.2.9:8080"

local copies
local function listen()
	copies = {}
	test.upstream(server, function(req)
		copies[#copies + 1] = req
		return 500
	end)
end

script { methods = "GET,POST", body = 10, max = 2 }
test("a copy", function()
	listen()
	local r = test.request { path = "/x?y=1", host = "shop",
		headers = { ["X-One"] = "1", Connection = "x", TE = "trailers" } }
	test.eq(r.log, "200 sent")
	test.advance(1)
	test.eq(#copies, 1)
	local c = copies[1]
	test.eq(c.method .. " " .. c.target, "GET /x?y=1")
	test.eq(c.headers.host, "shop")
	test.eq(c.headers["x-one"], "1")
	test.eq(c.headers["x-shadow"], "shadow")
	test.eq(c.headers.te, nil)
end)

test("bodies", function()
	listen()
	test.eq(test.request { body = "hello" }.log, "200 sent")
	test.advance(1)
	test.eq(copies[1].method, "POST")
	test.eq(copies[1].body, "hello")
	local r = test.request { body = "hello world" }
	test.eq(r.log, "200 too long")
	test.eq(r.sent.body, "hello world", "the request has all of it")
	test.eq(test.request { method = "PUT" }.log, "200 -")
	test.advance(1)
	test.eq(#copies, 1)
end)

test("not too many", function()
	listen()
	local busy = 0
	for _ = 1, 5 do
		busy = busy + (test.request("/").log == "200 busy" and 1 or 0)
	end
	test.eq(busy, 3)
	test.advance(1)
	test.eq(#copies, 2)
	test.eq(test.request("/").log, "200 sent", "there is room again")
	test.advance(1)
end)

test("nobody there", function()
	test.upstream(server, false)
	for _ = 1, 4 do
		test.eq(test.request("/").log, "200 sent")
		test.advance(1)
	end
end)

test("a share", function()
	script { share = 20, max = 1000 }
	listen()
	for _ = 1, 500 do
		test.request("/")
	end
	test.advance(1)
	test.ok(#copies > 50 and #copies < 150, "there were " .. #copies)
end)

test("a URL that is none", function()
	for _, url in ipairs { "192.0.2.9", "http://a/b", "ftp://a" } do
		test.fails(function() script { url = url } end,
			"shadow: argument 'url' is '" .. url .. "'")
	end
end)

-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
local function script(args)
	test.script { "forward_auth.lua", args = args, log = "%ST %[var(txn.log.auth)]" }
end
script { url = "http://192.0.2.9:9091/verify", copy = "x-user,x-groups", timeout = "3s" }

local server = "http://192.0.2.9:9091"

test("who passes", function()
	test.upstream(server, function(req)
		test.eq(req.method .. " " .. req.target, "GET /verify")
		test.eq(req.headers["x-forwarded-method"], "POST")
		test.eq(req.headers["x-forwarded-uri"], "/a?b=1")
		test.eq(req.headers["x-forwarded-host"], "shop")
		test.eq(req.headers["x-forwarded-proto"], "http")
		test.eq(req.headers["x-forwarded-for"], "198.51.100.7")
		test.eq(req.headers.authorization, "Bearer t")
		test.eq(req.headers["x-other"], nil)
		test.eq(req.body, "")
		return 204, "", { ["X-User"] = "ann" }
	end)
	local r = test.request { path = "/a?b=1", host = "shop", src = "198.51.100.7", body = "x",
		headers = { Authorization = "Bearer t", ["X-Other"] = "o", ["X-User"] = "admin",
			["X-Groups"] = "wheel" } }
	test.eq(r.log, "200 ok")
	test.eq(r.sent.headers["x-user"], "ann")
	test.eq(r.sent.headers["x-groups"], nil, "a client's own is deleted")
	test.eq(r.sent.body, "x")
end)

test("who does not", function()
	test.upstream(server, function()
		return 302, "login", { Location = "/login", ["Set-Cookie"] = { "a=1", "b=2" },
			["X-Secret"] = "s" }
	end)
	local r = test.request("/")
	test.eq(r.log, "302 302")
	test.eq(r.body, "login")
	test.eq(r.headers.location, "/login")
	test.eq(r.all["set-cookie"], { "a=1", "b=2" })
	test.eq(r.headers["x-secret"], nil)
	test.eq(r.sent, nil)
	test.upstream(server, 401)
	test.eq(test.request("/").status, 401)
end)

test("no answer: nobody passes", function()
	for _, is in ipairs { 500, 503, false, "nonsense\r\n\r\n" } do
		test.upstream(server, is)
		local r = test.request("/")
		test.eq(r.log, "503 failed")
		test.eq(r.sent, nil)
	end
	test.match(table.concat(test.logs(), "\n"), "http://192.0.2.9:9091/verify: status 503")
	script { url = "http://192.0.2.9:9091/verify", on_fail = 403 }
	test.upstream(server, false)
	test.eq(test.request("/").status, 403)
end)

test("a URL that is none", function()
	test.fails(function() script { url = "auth.example" } end,
		"forward_auth: argument 'url' is 'auth.example': http://")
end)

-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
test.script { "router.lua", args = { file = "routes.txt" }, default = "rest",
	backends = { "shop", "v2", "api", "post", "debug", "safe", "rest" } }

local function backend(t)
	return test.request(t).backend
end

test("host and path", function()
	test.eq(backend { path = "/cart/5", host = "a.shop.example" }, "shop")
	test.eq(backend { path = "/", host = "www.shop.example" }, "shop")
	test.eq(backend { path = "/", host = "a.shop.example" }, "rest")
	test.eq(backend { path = "/api/x" }, "api")
end)

test("headers, methods, arguments", function()
	test.eq(backend { path = "/api/x", headers = { ["X-Version"] = "2" } }, "v2")
	test.eq(backend { path = "/form" }, "rest")
	test.eq(backend { path = "/form", body = "a=b" }, "post")
	test.eq(backend { path = "/x?debug=1" }, "debug")
end)

test("another one when nobody is up", function()
	test.eq(backend("/old/x"), "safe")
	test.down("safe", "s")
	test.eq(backend("/old/x"), "rest")
	test.up("safe", "s")
end)

local function load_with(text)
	local path = os.tmpname()
	local file = io.open(path, "w")
	file:write(text)
	file:close()
	local ok, why = pcall(test.script, { "router.lua", args = { file = path } })
	os.remove(path)
	return not ok and tostring(why)
end

test("what a file can have wrong", function()
	test.match(load_with("app host=a\nnone path=/\n"), ":2: there is no backend 'none'")
	test.match(load_with("\n# x\napp pth=/\n"), ":3: 'pth=/' is not understood")
	test.match(load_with("app path\n"), ":1: 'path' is not understood")
	test.ok(load_with(""), "an empty one is refused")
	test.ok(load_with("app min_up=1\n"), "so is what the router does not take")
	os.remove("/nonexistent/x")
	test.fails(function()
		test.script { "router.lua", args = { file = "/nonexistent/x" } }
	end, "router: argument 'file': /nonexistent/x: ")
end)

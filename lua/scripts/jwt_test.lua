-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
--
-- Tokens signed with HS256 and "secret"; exp is in 2100. Those that openssl signs are
-- tried in t/lua_scripts.t.
local token = {
	good = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQ" ..
		"iOiJzaG9wIiwiZXhwIjo0MTAyNDQ0ODAwLCJzdWIiOiJhbm4iLCJsZXZlbCI6Nyw" ..
		"ib2JqIjp7ImEiOjF9fQ.8AhVqevDgYq_PUskmWi1dOcqzvWuB3YHjnis2_UtWjU",
	many = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQ" ..
		"iOlsieCIsInNob3AiXSwiZXhwIjo0MTAyNDQ0ODAwLCJuYmYiOjEsInN1YiI6ImF" ..
		"cbmIifQ.uiMTGGZNkHOGrssa0Rtj3BkY0Zlb6wBnxmy8fTLsX3Y",
	signed_by_others = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQ" ..
		"iOiJzaG9wIiwiZXhwIjo0MTAyNDQ0ODAwfQ.jGfGHYEDj913PdJ-A3gSkyosQ5R6" ..
		"Wu6zTSE9XA2D3nU",
	unsigned = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQi" ..
		"OiJzaG9wIiwiZXhwIjo0MTAyNDQ0ODAwfQ.",
	expired = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQ" ..
		"iOiJzaG9wIiwiZXhwIjoxMDAwMDAwMDAwfQ.6fWzKRMBNea8XgLVtzcosy7QQASs" ..
		"yXHAlO8Uf4V80GQ",
	for_ever = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQ" ..
		"iOiJzaG9wIn0.oUpEmz5cvINJNM8l82pO_V-hrVFbW-Yj8V2lOBvFJAw",
	not_yet = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQ" ..
		"iOiJzaG9wIiwiZXhwIjo0MTAyNDQ0ODAwLCJuYmYiOjQxMDI0NDQ3MDB9.D6onyY" ..
		"iJJwnio2sCItk9KS31PM0akcmXPzeLZy4cxh0",
	other_issuer = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJodHRwczovL2V2aWwuZXhhbXBsZSIsImF" ..
		"1ZCI6InNob3AiLCJleHAiOjQxMDI0NDQ4MDB9.O5sUZpBvPPr1AzAB958LwFgLG4" ..
		"slU_sdzepy097qEp0",
	other_audience = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQ" ..
		"iOlsieCJdLCJleHAiOjQxMDI0NDQ4MDB9.2yX88boiKiPiLxfQDAgozcp-MfsLQy" ..
		"l93SADqf6anys",
	no_json = "eyJhbGciOiJIUzI1NiJ9.aGVsbG8.UYmO_lPAY5V0Wf4KZsfhiYs1SxqXPhxvjuY" ..
		"qellDV5A",
	no_object = "eyJhbGciOiJIUzI1NiJ9.NQ.DV5yGcERd20O843vqDeYbKINKeR16kDEmK_ECkWz" ..
		"Xo0",
}

local function script(args)
	test.script { "jwt.lua", args = args, log = "%ST %[var(txn.log.jwt)]" }
end
script { alg = "HS256", key = "secret", iss = "https://id.example", aud = "shop",
	claims = "sub:x-user,level:x-level,obj:x-obj" }

local function ask(text, headers)
	headers = headers or {}
	headers.Authorization = text
	return test.request { headers = headers }
end

test("a good token passes with its claims", function()
	local mine = { ["X-User"] = "admin", ["X-Obj"] = "mine" }
	local r = ask("Bearer " .. token.good, mine)
	test.eq(r.log, "200 ok")
	test.eq(r.sent.headers["x-user"], "ann")
	test.eq(r.sent.headers["x-level"], "7")
	test.eq(r.sent.headers["x-obj"], nil, "a table is no header")
	r = ask("bearer " .. token.many, mine)
	test.eq(r.log, "200 ok")
	test.eq(r.sent.headers["x-user"], nil, "nor is what has line breaks")
end)

test("no token", function()
	for _, text in ipairs { "", "Basic YTpi", "Bearer", "Bearer a b", "Bearer \"x\"" } do
		local r = ask(text)
		test.eq(r.log, "401 no token", text)
		test.eq(r.headers["www-authenticate"], 'Bearer realm="api"')
		test.eq(r.sent, nil)
	end
end)

test("tokens that are refused", function()
	local why = { signed_by_others = "the signature is wrong",
		unsigned = "the signature is wrong", expired = "the token has expired",
		for_ever = "the token has expired", not_yet = "the token is not valid yet",
		other_issuer = "the token has another issuer",
		other_audience = "the token is for another audience",
		no_json = "the token cannot be read", no_object = "the token cannot be read" }
	for name, text in pairs(why) do
		local r = ask("Bearer " .. token[name])
		test.eq(r.log, "401 " .. text, name)
		test.eq(r.headers["www-authenticate"], 'Bearer realm="api", ' ..
			'error="invalid_token", error_description="' .. text .. '"')
		test.eq(r.sent, nil)
	end
	for _, text in ipairs { "a", "a.b", "a.b.c", "..", token.good .. "x" } do
		test.eq(ask("Bearer " .. text).log, "401 the signature is wrong", text)
	end
end)

test("a key that cannot be read", function()
	test.fails(function() script { alg = "RS256", key = "/nonexistent/key.pem" } end,
		"jwt: argument 'key'.*/nonexistent/key.pem")
end)

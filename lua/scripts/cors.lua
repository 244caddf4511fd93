-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
--
-- cors.lua - which other sites' pages may use this one (the Fetch standard).
-- Arguments and examples: cors.md.
local arg = tw.args(..., {
	origins = { "list" }, -- https://a.example, https://*.a.example, or *
	methods = { "list", { "GET", "HEAD", "POST" } },
	headers = { "list", { "content-type" } }, -- what pages may send
	expose = { "list", {} }, -- what pages may read
	credentials = { "boolean", false },
	age = { "time", 600, min = 0, max = 86400 }, -- how long browsers remember it
})

-- A star stands for names within one host: "https://*.a.example" becomes
-- "^https://[%w.-]+%.a%.example$".
local all, exact, patterns = false, {}, {}
for _, origin in ipairs(arg.origins) do
	if origin == "*" then
		all = true
	elseif origin:find("*", 1, true) then
		local plain = origin:lower():gsub("[^%w*]", "%%%0"):gsub("%*", "[%%w.-]+")
		patterns[#patterns + 1] = "^" .. plain .. "$"
	else
		exact[origin:lower()] = true
	end
end
if all and arg.credentials then
	error(tw.script .. ": argument 'origins' is '*': not with credentials, " ..
		"name the origins", 0)
end

local function is_allowed(origin)
	origin = origin:lower()
	if all or exact[origin] then
		return true
	end
	for _, pattern in ipairs(patterns) do
		if origin:find(pattern) then
			return true
		end
	end
	return false
end

local function joined(list)
	return list[1] and table.concat(list, ", ") or nil
end

-- What both kinds of answers have.
local function common(origin)
	return {
		["access-control-allow-origin"] = all and "*" or origin,
		["access-control-allow-credentials"] = arg.credentials and "true" or nil,
	}
end

function on_request(req)
	local origin = req.headers.origin
	req.vars.cors_origin = origin and is_allowed(origin) and origin or nil
	if req.method ~= "OPTIONS" or not origin or
		not req.headers["access-control-request-method"] then
		return
	elseif not req.vars.cors_origin then
		return req:deny(403)
	end
	local headers = common(origin) -- a preflight: the servers do not see it
	headers["access-control-allow-methods"] = joined(arg.methods)
	headers["access-control-allow-headers"] = joined(arg.headers)
	headers["access-control-max-age"] = math.floor(arg.age)
	headers.vary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
	req:reply(204, "", headers)
end

function on_response(res, req)
	local origin = req.vars.cors_origin
	if not all then
		res.headers:add("vary", "Origin") -- caches keep one answer for each
	end
	local headers = origin and common(origin) or {}
	headers["access-control-expose-headers"] = origin and joined(arg.expose)
	for _, name in ipairs { "allow-origin", "allow-credentials", "expose-headers" } do
		name = "access-control-" .. name
		res.headers[name] = headers[name] -- nil: what a server says does not count
	end
end

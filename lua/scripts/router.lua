-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
--
-- router.lua - routes by host, path, method, headers and arguments, from a file.
-- Arguments, the file and examples: router.md.
local arg = tw.args(..., {
	file = { "string" },
})

-- The line's words that are not a header's or an argument's.
local plain = { host = true, path = true, method = true, min_up = true, else_to = true }

local function fail(number, text, ...)
	error(("%s: %s:%d: " .. text):format(tw.script, arg.file, number, ...), 0)
end

-- "path=/api/*" or "header.x-v=2": into the route.
local function add_word(route, word, number)
	local name, value = word:match("^(.-)=(.+)$")
	local group, key = (name or ""):match("^(%a+)%.(.+)$")
	if plain[name] then
		route[name] = name == "min_up" and tonumber(value) or value
	elseif group == "header" or group == "query" then
		route[group] = route[group] or {}
		-- "*": it is there, whatever it says
		route[group][key] = value == "*" or value
	else
		fail(number, "'%s' is not understood", word)
	end
end

-- "shop host=shop.example path=/cart/*": the first word is the backend.
local function read_route(line, number)
	local words = line:gmatch("%S+")
	local route = { to = words() }
	if not tw.backend(route.to) then
		fail(number, "there is no backend '%s'", route.to)
	end
	for word in words do
		add_word(route, word, number)
	end
	return route
end

local function read_routes(path)
	local file, why = io.open(path)
	local routes, number = {}, 0
	if not file then
		error(("%s: argument 'file': %s"):format(tw.script, why), 0)
	end
	for line in file:lines() do
		number = number + 1
		line = line:gsub("%s*#.*", "")
		if line:find("%S") then
			routes[#routes + 1] = read_route(line, number)
		end
	end
	file:close()
	return routes
end

-- It is compiled: no Lua is run for a request.
on_route = tw.router(read_routes(arg.file))

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * tw.lua - the parts of tw that are written over the API of tasks, events and
 * maps. Called with the tables tw and core.
 */
local tw, core = ...
local error, pcall, type, tostring, tonumber = error, pcall, type, tostring, tonumber
local pairs, ipairs, math, string, table = pairs, ipairs, math, string, table

local function check(name, seconds, fn)
	if type(seconds) ~= "number" or not (seconds >= 0.001 and seconds < 4e6) then
		error(name .. ": seconds are expected, 0.001 or more", 3)
	end
	if type(fn) ~= "function" then
		error(name .. ": a function is expected, not a " .. type(fn), 3)
	end
end

local function run(name, fn)
	local ok, why = pcall(fn)
	if not ok then
		tw.log("error", name .. ": " .. tostring(why))
	end
	return ok
end

local function task(name, fn)
	local register = core.register_task
		or error(name .. ": tasks are not supported yet", 3)
	register(fn)
end

function tw.every(seconds, fn)
	check("tw.every", seconds, fn)
	task("tw.every", function()
		while true do
			core.msleep(seconds * 1000)
			run("tw.every", fn)
		end
	end)
end

function tw.after(seconds, fn)
	check("tw.after", seconds, fn)
	task("tw.after", function()
		core.msleep(seconds * 1000)
		run("tw.after", fn)
	end)
end

local events = {
	SERVER_UP = "up",
	SERVER_DOWN = "down",
	SERVER_ADD = "added",
	SERVER_DEL = "deleted",
}
local names = {}
for name in pairs(events) do
	names[#names + 1] = name
end

local G = _G
function tw.map(file, method)
	local Map = G.Map or error("tw.map: maps are not supported yet", 2)
	local how = Map["_" .. tostring(method or "str")]
	if how == nil then
		error("tw.map: there is no method '" .. tostring(method) .. "'", 2)
	end
	return Map.new(file, how)
end

---- arguments of the line lua-script ---------------------------------------------

local truth = { on = true, yes = true, ["true"] = true, off = false, no = false,
	["false"] = false }
local unit = { [""] = 1, us = 1e-6, ms = 1e-3, s = 1, m = 60, h = 3600, d = 86400 }

local function words(text)
	local list = {}
	for word in (text .. ","):gmatch("%s*(.-)%s*,") do
		list[#list + 1] = word ~= "" and word or nil
	end
	return list
end

--- Each: the value of a text, nil: it is none; and what is expected.
local kinds = {
	string = { function(s) return s ~= "" and s or nil end, "a text" },
	number = { tonumber, "a number" },
	integer = { function(s) return math.tointeger(tonumber(s)) end, "an integer" },
	boolean = { function(s) return truth[s] end, "'on' or 'off'" },
	time = { function(s)
		local n, u = s:match("^(%d+%.?%d*)(%a*)$")
		return n and unit[u] and tonumber(n) * unit[u]
	end, "a time, as 500ms, 10s or 5m," },
	backend = { function(s) return tw.backend(s) and s end, "the name of a backend" },
	list = { function(s)
		local list = words(s)
		return list[1] and list
	end, "a list of words with commas between them" },
	pairs = { function(s)
		local list = {}
		for _, word in ipairs(words(s)) do
			local name, value = word:match("^(.-):(.+)$")
			if not name or name == "" then
				return nil
			end
			list[#list + 1] = { name, value }
		end
		return list[1] and list
	end, "a list name:value,name:value" },
}

local function range(a)
	return (a.min and " from " .. a.min or "") .. (a.max and " up to " .. a.max or "") ..
		(a.one_of and " out of " .. table.concat(a.one_of, ", ") or "")
end

local function is_within(v, a)
	if a.min and v < a.min or a.max and v > a.max then
		return false
	end
	for _, one in ipairs(a.one_of or {}) do
		if v == one then
			return true
		end
	end
	return not a.one_of
end

local function names_of(spec)
	local list = {}
	for name in pairs(spec) do
		list[#list + 1] = name
	end
	table.sort(list)
	return list
end

-- Ends the load: says which script and which argument are meant.
local function refuse(name, text, ...)
	error(string.format("%s: argument '%s' %s", tw.script, name, text:format(...)), 0)
end

--- tw.args(..., {name = {kind, default, min =, max =, one_of =, optional = true}}):
--- what the arguments mean. One without a default must be given.
function tw.args(given, spec)
	local out = {}
	for name in pairs(given) do
		if not spec[name] then
			refuse(name, "is unknown: it takes %s", table.concat(names_of(spec), ", "))
		end
	end
	for _, name in ipairs(names_of(spec)) do
		local a, text = spec[name], given[name]
		local kind = kinds[a[1]]
			or error("tw.args: " .. name .. ": there is no kind " .. tostring(a[1]), 2)
		if text then
			out[name] = kind[1](text)
			if out[name] == nil or not is_within(out[name], a) then
				refuse(name, "is '%s': %s%s is expected", text, kind[2], range(a))
			end
		elseif a[2] == nil and not a.optional then
			refuse(name, "is missing: %s%s is expected", kind[2], range(a))
		else
			out[name] = a[2]
		end
	end
	return out
end

return function(fn)
	local sub = core.event_sub
		or error("on_server: events are not supported yet", 0)
	sub(names, function(event, data)
		run("on_server", function()
			fn{ type = events[event], server = data.name, backend = data.proxy_name }
		end)
	end)
end

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * tw.lua - the parts of tw that are written over the API of tasks, events and
 * maps. Called with the tables tw and core.
 */
local tw, core = ...
local error, pcall, type, tostring = error, pcall, type, tostring

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

return function(fn)
	local sub = core.event_sub
		or error("on_server: events are not supported yet", 0)
	sub(names, function(event, data)
		run("on_server", function()
			fn{ type = events[event], server = data.name, backend = data.proxy_name }
		end)
	end)
end

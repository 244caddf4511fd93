-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
--
-- circuit_breaker.lua - a backend that fails is left alone for a while.
-- Arguments and examples: circuit_breaker.md.
local arg = tw.args(..., {
	failures = { "integer", 5, min = 1 }, -- that many
	window = { "time", 10, min = 0.1 }, -- in that time open it
	open = { "time", 30, min = 0.1 }, -- then one request may try again
	fallback = { "backend", optional = true }, -- else 503
	dict = { "string", "breaker" }, -- a line lua-shared, for all threads
})
local found, state = pcall(function() return tw.shared[arg.dict] end)
if not found then
	error(tw.script .. ": argument 'dict': there is no line 'lua-shared " .. arg.dict ..
		" 64k' in 'global'", 0)
end

-- Of a backend: "fail NAME" counts in the window, "tripped NAME" is there until one
-- request went well, "open NAME" and "probe NAME" while nobody else may try.
local function may_try(name)
	if not state:get("tripped " .. name) then
		return true
	elseif state:get("open " .. name) then
		return false
	end
	return state:add("probe " .. name, true, arg.open) -- half open: one of all
end

local function trip(name)
	state:set("open " .. name, true, arg.open)
	state:delete("probe " .. name)
	if state:add("tripped " .. name, true) then
		tw.log("warning", ("%s: backend %s failed %d times, it is left alone for %g s")
			:format(tw.script, name, arg.failures, arg.open))
	end
end

local function recover(name)
	for _, key in ipairs { "tripped ", "open ", "probe ", "fail " } do
		state:delete(key .. name)
	end
	tw.log("notice", tw.script .. ": backend " .. name .. " is used again")
end

function on_route(req, proposal)
	if not proposal or proposal == arg.fallback or may_try(proposal) then
		return
	end
	req:log { breaker = "open " .. proposal }
	if arg.fallback then
		return arg.fallback
	end
	req.vars.breaker_answer = true -- our 503 is no failure of the backend
	local wait = state:ttl("open " .. proposal) or 1
	req:reply(503, "Service unavailable\n", { ["retry-after"] = math.max(1, math.ceil(wait)) })
end

-- A client that went away says nothing about the backend.
function on_log(rec)
	local name = rec.backend
	if not name or name == arg.fallback or rec.vars.breaker_answer or
		rec.termination:sub(1, 1) == "C" then
		return
	end
	local tripped = state:get("tripped " .. name)
	if rec.status < 500 then
		-- not one that began before, and not an answer of our own
		if tripped and rec.server_name and not state:get("open " .. name) then
			recover(name)
		end
		return
	end
	local n = state:incr("fail " .. name, 1, 0, arg.window)
	if tripped or n and n >= arg.failures then
		trip(name)
	end
end

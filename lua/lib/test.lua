--- SPDX-License-Identifier: Apache-2.0
--- Copyright the tideway authors
---
--- The global `test` of files that tideway lua-test runs. `play` is what
--- test_play.c gives; files see only `test`.

local play = ...
local test = {}
local cases = {}
local upstreams = {}
local config_text, config_file
local defaults = [[
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
]]

---- configuration -------------------------------------------------------------

local complaint = { __tostring = function(c) return c.text end }

local function complain(level, ...)
	local at = debug.getinfo(level + 1, "Sl")
	error(setmetatable({ text = at.short_src .. ":" .. at.currentline .. ": " ..
		string.format(...) }, complaint))
end

local function check_type(what, value, want, level)
	if type(value) ~= want then
		complain(level + 1, "%s: a %s is expected, not a %s", what, want, type(value))
	end
end

--- test.config(text): the configuration of the cases that follow.
function test.config(text)
	check_type("test.config", text, "string", 2)
	local path = play.spew(text)
	local ok, why = play.config(path)
	if not ok then
		complain(2, "test.config: %s", why)
	end
	config_text = text
end

--- test.config_file(path): the same from a file.
function test.config_file(path)
	check_type("test.config_file", path, "string", 2)
	local ok, why = play.config(path)
	if not ok then
		complain(2, "test.config_file: %s", why)
	end
	config_text = path
end

--- test.script{path, args = {k = v}, backends = {"b1", b2 = {"s1", "s2"}},
--- lines = "..."}: a frontend `web` with one script, and backends with a server
--- `s` each, or the named ones.
function test.script(t)
	if type(t) == "string" then
		t = { t }
	end
	check_type("test.script", t, "table", 2)
	check_type("test.script: the path", t[1], "string", 2)
	local name = t.name or t[1]:match("([^/]+)%.lua$") or t[1]
	local args, backends, first = "", "", nil
	for k, v in pairs(t.args or {}) do
		args = args .. string.format(" arg %s=%s", k, v)
	end
	for k, v in pairs(t.backends or { "app" }) do
		local backend = type(k) == "number" and v or k
		local servers = type(k) == "number" and { "s" } or v
		backends = backends .. "backend " .. backend .. "\n"
		for i, s in ipairs(servers) do
			backends = backends .. string.format(
				"    server %s 192.0.2.1:%d\n", s, 8000 + i)
		end
		first = first or backend
	end
	local text = "global\n    lua-script " .. name .. " file " .. t[1] .. args ..
		" " .. (t.options or "") .. "\n    " .. (t.global or "") .. "\n" .. defaults ..
		"frontend web\n    bind 127.0.0.1:80\n" ..
		"    log-format \"" .. (t.log or "%HM %HU %ST %b/%s") .. "\"\n    " ..
		(t.lines or "") .. "\n    default_backend " .. (t.default or first) .. "\n" ..
		backends .. (t.more or "")
	local ok, why = play.config(play.spew(text))
	if not ok then
		complain(2, "test.script: %s", why)
	end
	config_text = text
end

---- upstreams -------------------------------------------------------------------

local reasons = { [200] = "OK", [204] = "No Content", [404] = "Not Found",
	[500] = "Internal Server Error", [503] = "Service Unavailable" }

local function message(first, headers, body, length)
	local out = { first }
	for name, value in pairs(headers or {}) do
		if type(value) == "table" then
			for _, v in ipairs(value) do
				out[#out + 1] = name .. ": " .. tostring(v)
			end
		else
			out[#out + 1] = name .. ": " .. tostring(value)
		end
		if name:lower() == "content-length" or name:lower() == "transfer-encoding" then
			length = false
		end
	end
	if length then
		out[#out + 1] = "Content-Length: " .. #body
	end
	return table.concat(out, "\r\n") .. "\r\n\r\n" .. body
end

local function parse(bytes)
	local head, body = bytes:match("^(.-\r\n)\r\n(.*)$")
	if not head then
		return nil
	end
	local m = { headers = {}, all = {}, body = body, raw = bytes }
	local first, rest = head:match("^(.-)\r\n(.*)$")
	for name, value in rest:gmatch("([^:\r\n]+):[ \t]*(.-)[ \t]*\r\n") do
		name = name:lower()
		m.all[name] = m.all[name] or {}
		table.insert(m.all[name], value)
		m.headers[name] = m.headers[name] or value
	end
	if m.headers["transfer-encoding"] then
		local text, at = {}, 1
		while true do
			local n, from = body:match("^(%x+)[^\r\n]*\r\n()", at)
			n = n and tonumber(n, 16)
			if not n or n == 0 then
				break
			end
			text[#text + 1] = body:sub(from, from + n - 1)
			at = from + n + 2
		end
		m.body = table.concat(text)
	end
	return m, first
end

--- test.upstream(where, fn): what a backend ("b1"), a server ("b1/s") or, with
--- "*", everybody answers: fn(request, backend, server) returns status[, body[,
--- headers]], a string of raw bytes, nil to close without a word. fn may be a
--- number, too, or false: the connection is refused. With a URL without a path,
--- "http://10.0.0.9:8080", it is what tw.http and HTTP clients of scripts get:
--- fn(request, url). Nothing else answers them: a test asks no network.
function test.upstream(where, fn)
	check_type("test.upstream", where, "string", 2)
	local scheme, rest = where:match("^(https?)://(.*)$")
	if scheme then
		local host, port = rest:match("^([^/?#]-):(%d+)/?$")
		host = host or rest:match("^([^/?#:]+)/?$") or rest:match("^(%[[^/]+%])/?$")
		if not host then
			complain(2, "test.upstream: '%s': a host is expected, and no path", where)
		end
		host = host:match("^%[(.*)%]$") or host
		where = scheme .. "://" .. host .. ":" .. (port or scheme == "http" and 80 or 443)
	end
	upstreams[where] = fn
end

local function upstream(backend, server)
	for _, key in ipairs { backend .. "/" .. server, backend, "*" } do
		if upstreams[key] ~= nil then
			return upstreams[key]
		end
	end
	return 200
end

local function connects(backend, server)
	return upstream(backend, server) ~= false
end

--- What fn says, as bytes; nil: nothing. It is called with the request and `...`.
local function answer(fn, bytes, ...)
	local status, body, headers = fn, nil, nil
	if type(fn) == "function" then
		local request, first = parse(bytes)
		request = request or { raw = bytes }
		if first then
			request.method, request.target = first:match("^(%S+) (%S+)")
		end
		status, body, headers = fn(request, ...)
	end
	if type(status) == "string" then
		return status
	elseif status == nil then
		return nil
	end
	body = body or ""
	return message("HTTP/1.1 " .. status .. " " .. (reasons[status] or "X"), headers,
		body, not (status == 204 or status == 304 or status < 200))
end

local function answers(backend, server, bytes)
	return answer(upstream(backend, server), bytes, backend, server)
end

play.http(function(url, bytes)
	local fn = upstreams[url]
	if fn == nil then
		return nil, 'there is no test.upstream("' .. url .. '")'
	elseif fn == false then
		return nil, "connect: Connection refused"
	end
	return answer(fn, bytes, url) or ""
end)

---- requests --------------------------------------------------------------------

local function fill(x)
	local m, first = parse(x.answer)
	if m then
		x.status, x.reason = first:match("^%S+ (%d+) ?(.*)$")
		x.status = tonumber(x.status)
		x.headers, x.all, x.body = m.headers, m.all, m.body
	else
		x.headers, x.all, x.body = {}, {}, x.answer
	end
	local sent
	sent, first = parse(x.sent)
	if sent then
		sent.method, sent.target = first:match("^(%S+) (%S+)")
		x.sent = sent
	elseif x.sent == "" then
		x.sent = nil
	end
	return x
end

--- test.request{path = "/", method = "GET", headers = {}, body = "", src = "1.2.3.4",
--- dst = , frontend = , raw = }: plays one request. returns: status, reason, headers
--- (lower case; all[name] has every value), body, frontend, backend, server, sent (what
--- the server got: method, target, headers, body), log, term, trail (who chose what),
--- waited (seconds).
function test.request(t)
	if type(t) == "string" then
		t = { path = t }
	end
	check_type("test.request", t, "table", 2)
	for _, field in ipairs { "path", "method", "body", "raw", "host", "src", "dst",
		"frontend" } do
		if t[field] ~= nil then
			check_type("test.request: " .. field, t[field], "string", 2)
		end
	end
	local headers = {}
	for name, value in pairs(t.headers or {}) do
		headers[name] = value
	end
	local has_host = false
	for name in pairs(headers) do
		has_host = has_host or name:lower() == "host"
	end
	if not has_host then
		headers.Host = t.host or "test"
	end
	local method = t.method or (t.body and "POST" or "GET")
	local raw = t.raw or message(method .. " " .. (t.path or "/") .. " HTTP/1.1",
		headers, t.body or "", t.body ~= nil)
	local list, why = play.request(raw, t.src, t.dst, t.frontend, connects, answers)
	if not list then
		complain(2, "test.request: %s", why)
	end
	local last
	for _, x in ipairs(list) do
		last = fill(x)
	end
	if last then
		last.exchanges = list
	end
	return last
end

--- test.advance(seconds): lets time pass: timers, tasks, caches.
function test.advance(seconds)
	check_type("test.advance", seconds, "number", 2)
	play.pass(math.floor(seconds * 1000))
end

--- test.logs(): the program's own messages since the case began, or the last call.
test.logs = play.logs
--- test.down(backend, server), test.up(backend, server)
function test.down(backend, server)
	if not play.health(backend, server, false) then
		complain(2, "test.down: there is no server %s/%s", backend, server)
	end
end
function test.up(backend, server)
	if not play.health(backend, server, true) then
		complain(2, "test.up: there is no server %s/%s", backend, server)
	end
end

---- assertions ------------------------------------------------------------------

local function show(v, depth)
	if type(v) == "string" then
		return string.format("%q", v)
	elseif type(v) ~= "table" or (depth or 0) > 3 then
		return tostring(v)
	end
	local keys, out = {}, {}
	for k in pairs(v) do
		keys[#keys + 1] = k
	end
	table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
	for _, k in ipairs(keys) do
		out[#out + 1] = tostring(k) .. " = " .. show(v[k], (depth or 0) + 1)
	end
	return "{" .. table.concat(out, ", ") .. "}"
end

local function same(a, b)
	if type(a) ~= "table" or type(b) ~= "table" then
		return a == b
	end
	for k, v in pairs(a) do
		if not same(v, b[k]) then
			return false
		end
	end
	for k in pairs(b) do
		if a[k] == nil then
			return false
		end
	end
	return true
end

function test.eq(got, want, what)
	if not same(got, want) then
		complain(2, "%sgot %s, expected %s", what and what .. ": " or "", show(got),
			show(want))
	end
end

function test.ok(value, what)
	if not value then
		complain(2, "%s", what or "this is not so")
	end
end

function test.match(text, pattern, what)
	if type(text) ~= "string" or not text:find(pattern) then
		complain(2, "%s%s does not match %s", what and what .. ": " or "", show(text),
			show(pattern))
	end
end

function test.fails(fn, pattern)
	local ok, why = pcall(fn)
	if ok then
		complain(2, "no error was raised")
	elseif pattern and not tostring(why):find(pattern) then
		complain(2, "the error %s does not match %s", show(why), show(pattern))
	end
end

---- cases ----------------------------------------------------------------------

--- test(name, fn): a case.
function test.case(name, fn)
	check_type("test: the name", name, "string", 3)
	check_type("test: the case", fn, "function", 3)
	cases[#cases + 1] = { name = name, fn = fn }
end

setmetatable(test, { __call = function(_, name, fn) test.case(name, fn) end })

local function trace(why)
	local told = getmetatable(why) == complaint
	return { why = tostring(why), stack = not told and debug.traceback("", 2) or nil }
end

local function run(report, only)
	for _, c in ipairs(cases) do
		if not only or c.name:find(only, 1, true) then
			upstreams = {}
			play.logs()
			local ok, why = xpcall(c.fn, trace, test)
			report(c.name, ok, not ok and why.why or nil, not ok and why.stack or nil)
		end
	end
end

return test, run

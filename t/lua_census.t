# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Every symbol of HAProxy's Lua API, called where its manual allows it: the body
# of a file, init, a task, an action, a fetch, a converter, a service, an event's
# handler; in both load modes, with two threads.
#
# What no public script uses and is not there reads as nil, so that a script can
# ask: Proxy.get_mailers, CertCache.set, ACME.*, core.disable_legacy_mailers.
# Neither are names that HAProxy itself does not have, though scripts write them:
# core.Error, HTTP.res_set_body.
use Tideway::Test;
use Tideway::Cli;

my $script = spew('census.lua', <<'END');
local mapfile, aclfile, peer = ...
local missing, counted = {}, {}
local function note(where, what, why)
	missing[where] = missing[where] or {}
	table.insert(missing[where], what .. ": " .. why)
end
local function count(where) counted[where] = (counted[where] or 0) + 1 end

-- NAME... of an object: functions that are there
function has(where, class, object, names)
	for name in names:gmatch("%S+") do
		count(where)
		if type(object[name]) ~= "function" then note(where, class .. "." .. name, type(object[name])) end
	end
end
-- fields and what they are
function fields(where, class, object, kinds)
	for name, kind in kinds:gmatch("(%S+)=(%S+)") do
		count(where)
		local is = math.type(object[name]) or type(object[name])
		if is ~= kind then note(where, class .. "." .. name, is .. ", not " .. kind) end
	end
end
-- calls that must succeed
function call(where, what, fn, ...)
	count(where)
	local r = table.pack(pcall(fn, ...))
	if not r[1] then note(where, what, tostring(r[2])) end
	return table.unpack(r, 2, r.n)
end
function absent(where, what, value)
	count(where)
	if value ~= nil then note(where, what, "is there: take it out of the list of what is not") end
end
function report(where)
	return "[" .. table.concat(missing[where] or {}, "; ") .. "] " .. (counted[where] or 0)
end
function clear(where) missing[where], counted[where] = nil, nil end

local levels = "emerg alert crit err warning notice info debug"
local acts = "STOP YIELD ERROR DONE DENY ABORT INVALID CONTINUE"
map = Map.new(mapfile, Map._str)
for name in ("int ip str beg sub dir dom end reg"):gmatch("%S+") do
	count("body")
	if math.type(Map["_" .. name]) ~= "integer" then note("body", "Map._" .. name, "none") end
	if Map[name] ~= Map["_" .. name] then note("body", "Map." .. name, "is another than Map._" .. name) end
end

-- what is the same wherever a script is
function everywhere(w)
	for name in levels:gmatch("%S+") do fields(w, "core", core, name .. "=integer") end
	fields(w, "core", core, "silent=integer thread=integer")
	has(w, "core", core, [[log Debug Info Warning Alert register_action register_service register_fetches
	    register_converters register_init register_task register_cli register_filter now sleep msleep yield tcp
	    httpclient concat tokenize set_map del_map get_patref get_info add_acl del_acl get_var http_date imf_date
	    rfc850_date asctime_date queue done wait parse_addr match_addr event_sub set_nice]])
	for name in acts:gmatch("%S+") do fields(w, "act", act, name .. "=integer") end
	has(w, "act", act, "wake_time")
	fields(w, "filter", filter, "CONTINUE=integer WAIT=integer ERROR=integer FLT_CFG_FL_HTX=integer")
	has(w, "filter", filter, "wake_time register_data_filter unregister_data_filter")
	has(w, "Map", Map, "new")
	has(w, "Regex", Regex, "new")
	has(w, "json", require "json", "encode decode")
	absent(w, "core.Error", core.Error)
	absent(w, "core.disable_legacy_mailers", core.disable_legacy_mailers)
	absent(w, "CertCache", CertCache)
	absent(w, "ACME", ACME)

	for name in levels:gmatch("%S+") do call(w, "core.log", core.log, core[name], "census") end
	for name in ("Debug Info Warning Alert"):gmatch("%S+") do call(w, "core." .. name, core[name], "census") end
	local now = call(w, "core.now", core.now)
	fields(w, "core.now()", now, "sec=integer usec=integer")
	local parts = call(w, "core.tokenize", core.tokenize, "a, b", ", ", true)
	if #parts ~= 2 or parts[2] ~= "b" then note(w, "core.tokenize", table.concat(parts, "|")) end
	local c = call(w, "core.concat", core.concat)
	has(w, "Concat", c, "add dump")
	call(w, "Concat.add", c.add, c, "x")
	if call(w, "Concat.dump", c.dump, c) ~= "x" then note(w, "Concat.dump", "not what was added") end
	for name in ("http imf"):gmatch("%S+") do
		local t = call(w, "core." .. name .. "_date", core[name .. "_date"], "Sun, 06 Nov 1994 08:49:37 GMT")
		if t ~= 784111777 then note(w, "core." .. name .. "_date", tostring(t)) end
	end
	call(w, "core.rfc850_date", core.rfc850_date, "Sunday, 06-Nov-94 08:49:37 GMT")
	call(w, "core.asctime_date", core.asctime_date, "Sun Nov  6 08:49:37 1994")
	local a = call(w, "core.parse_addr", core.parse_addr, "10.0.0.0/8")
	local b = call(w, "core.parse_addr", core.parse_addr, "10.1.2.3")
	if call(w, "core.match_addr", core.match_addr, a, b) ~= true then note(w, "core.match_addr", "no match") end
	local ok, re = call(w, "Regex.new", Regex.new, "(a)b", false)
	has(w, "Regex", re, "exec match")
	if call(w, "Regex.exec", re.exec, re, "xAB") ~= true then note(w, "Regex.exec", "no match") end
	local hit, groups = call(w, "Regex.match", re.match, re, "xAB")
	if not hit or groups[2] ~= "A" then note(w, "Regex.match", "no groups") end
	local q = call(w, "core.queue", core.queue)
	has(w, "Queue", q, "push pop pop_wait size")
	call(w, "Queue.push", q.push, q, "v")
	if call(w, "Queue.size", q.size, q) ~= 1 or call(w, "Queue.pop", q.pop, q) ~= "v" then note(w, "Queue.pop", "lost") end
	has(w, "Map", map, "lookup slookup")
	if call(w, "Map.lookup", map.lookup, map, "k") ~= "v" or call(w, "Map.slookup", map.slookup, map, "none") ~= "" then
		note(w, "Map.lookup", "wrong value")
	end
end

-- what needs a configuration that has been read whole
function configured(w)
	for name in ("proxies frontends backends"):gmatch("%S+") do
		local n = 0
		for _ in pairs(core[name]) do n = n + 1 end
		count(w)
		if n == 0 then note(w, "core." .. name, "empty") end
		absent(w, "core." .. name .. ".none", core[name].none)
	end
	local px, fe = core.backends.app, core.frontends.web
	local px_names = "get_name get_uuid get_srv_act get_srv_bck get_stats get_cap get_mode pause resume stop shut_bcksess"
	has(w, "Proxy", px, px_names)
	has(w, "Proxy", fe, px_names)
	fields(w, "Proxy", px, "name=string uuid=string servers=table")
	fields(w, "Proxy", fe, "name=string uuid=string listeners=table")
	absent(w, "Proxy.get_mailers", px.get_mailers)
	for name in ("get_name get_uuid get_srv_act get_srv_bck get_stats get_cap get_mode"):gmatch("%S+") do
		call(w, "Proxy." .. name, px[name], px)
	end
	call(w, "Proxy.shut_bcksess", px.shut_bcksess, px)
	local s = px.servers.s1
	fields(w, "Server", s, "name=string puid=string rid=integer")
	has(w, "Server", s, [[get_name get_puid get_rid get_addr get_stats set_weight get_weight set_drain set_maint set_ready
	    get_proxy event_sub is_draining is_backup is_dynamic get_cur_sess get_pend_conn get_maxconn set_maxconn set_addr
	    shut_sess tracking get_trackers check_enable check_disable check_force_up check_force_nolb check_force_down
	    agent_enable agent_disable agent_force_up agent_force_down]])
	for name in ([[get_name get_puid get_rid get_addr get_stats get_weight get_proxy is_draining is_backup is_dynamic
	    get_cur_sess get_pend_conn get_maxconn tracking get_trackers]]):gmatch("%S+") do
		call(w, "Server." .. name, s[name], s)
	end
	call(w, "Server.set_weight", s.set_weight, s, "100%")
	call(w, "Server.set_maxconn", s.set_maxconn, s, "50")
	call(w, "Server.set_ready", s.set_ready, s)
	local _, l = next(fe.listeners)
	if not l then for _, x in pairs(fe.listeners) do l = x end end
	has(w, "Listener", l, "get_stats")
	call(w, "Listener.get_stats", l.get_stats, l)
	local info = call(w, "core.get_info", core.get_info)
	fields(w, "core.get_info()", info, "Name=string Pid=integer")
	local t = core.proxies.tab.stktable
	has(w, "StickTable", t, "lookup info dump")
	fields(w, "StickTable.info()", call(w, "StickTable.info", t.info, t), "type=string length=integer size=integer used=integer")
	call(w, "StickTable.lookup", t.lookup, t, "none")
	call(w, "StickTable.dump", t.dump, t)
	call(w, "StickTable.dump", t.dump, t, { { "gpc0", "gt", 0 } })
	call(w, "core.set_map", core.set_map, mapfile, "census", "1")
	call(w, "core.del_map", core.del_map, mapfile, "census")
	call(w, "core.add_acl", core.add_acl, aclfile, "census")
	call(w, "core.del_acl", core.del_acl, aclfile, "census")
	call(w, "core.get_var", core.get_var, "proc.none")
	call(w, "core.set_nice", core.set_nice, 0)
	local p = call(w, "core.get_patref", core.get_patref, mapfile)
	has(w, "Patref", p, "get_name is_map purge prepare commit giveup add add_bulk del set event_sub")
	call(w, "Patref.get_name", p.get_name, p)
	call(w, "Patref.is_map", p.is_map, p)
	call(w, "Patref.prepare", p.prepare, p)
	call(w, "Patref.add", p.add, p, "q", "r")
	call(w, "Patref.giveup", p.giveup, p)
	call(w, "Patref.add", p.add, p, "census", "2")
	call(w, "Patref.set", p.set, p, "census", "3")
	call(w, "Patref.del", p.del, p, "census")
	local n = 0
	for k, v in pairs(p) do n = n + 1 end
	count(w)
	if n == 0 then note(w, "Patref", "pairs() finds nothing") end
	local sub = call(w, "core.event_sub", core.event_sub, { "SERVER_ADD", "SERVER_DEL", "SERVER_UP", "SERVER_DOWN",
	    "SERVER_STATE", "SERVER_ADMIN", "SERVER_CHECK" }, function() end)
	has(w, "EventSub", sub, "unsub")
	call(w, "EventSub.unsub", sub.unsub, sub)
	local one = call(w, "Server.event_sub", s.event_sub, s, { "SERVER" }, function() end)
	call(w, "EventSub.unsub", one.unsub, one)
	local more = call(w, "Patref.event_sub", p.event_sub, p, { "PAT_REF_ADD", "PAT_REF_DEL", "PAT_REF_SET",
	    "PAT_REF_COMMIT", "PAT_REF_CLEAR" }, function() end)
	if more then call(w, "EventSub.unsub", more.unsub, more) end
end

-- what waits
function waits(w)
	call(w, "core.sleep", core.sleep, 0)
	call(w, "core.msleep", core.msleep, 1)
	call(w, "core.yield", core.yield)
	call(w, "core.wait", core.wait, 1)
	local q = core.queue()
	q:push(5)
	if call(w, "Queue.pop_wait", q.pop_wait, q) ~= 5 then note(w, "Queue.pop_wait", "lost") end
	local s = call(w, "core.tcp", core.tcp)
	has(w, "Socket", s, "connect connect_ssl send receive settimeout close getpeername getsockname setoption")
	call(w, "Socket.settimeout", s.settimeout, s, 20)
	local host, port = peer:match("(.*):(.*)")
	if not call(w, "Socket.connect", s.connect, s, host, tonumber(port)) then note(w, "Socket.connect", "failed") end
	call(w, "Socket.getpeername", s.getpeername, s)
	call(w, "Socket.getsockname", s.getsockname, s)
	call(w, "Socket.setoption", s.setoption, s, "keepalive", true)
	call(w, "Socket.send", s.send, s, "GET /sock HTTP/1.0\r\n\r\n")
	local line = call(w, "Socket.receive", s.receive, s, "*l")
	if not line or not line:find("^HTTP/1.1 200") then note(w, "Socket.receive", tostring(line)) end
	call(w, "Socket.close", s.close, s)
	for name in ("get head post put delete"):gmatch("%S+") do
		local h = call(w, "core.httpclient", core.httpclient)
		has(w, "HTTPClient", h, name)
		local r = call(w, "HTTPClient." .. name, h[name], h, { url = "http://" .. peer .. "/" .. name,
		    headers = { ["X-A"] = { "1" } }, body = name:find("^p") and "body" or nil, timeout = 20000 })
		fields(w, "HTTPClient." .. name .. "()", r, "status=integer reason=string headers=table body=string")
	end
end

function expressions(w, class, o)
	count(w)
	for name in ("f sf c sc"):gmatch("%S+") do
		if o[name] == nil then note(w, class .. "." .. name, "none") end
	end
	call(w, class .. ".f", function() return assert(o.f:src()) end)
	call(w, class .. ".sf", function() return assert(o.sf:req_ssl_sni()) end)
	call(w, class .. ".c", function() assert(o.c:upper("a") == "A") end)
	call(w, class .. ".sc", function() assert(o.sc:hex("a") == "61") end)
end
function vars(w, class, o)
	has(w, class, o, "set_var get_var unset_var get_priv set_priv")
	if call(w, class .. ".set_var", o.set_var, o, "txn.census", 5) ~= true then note(w, class .. ".set_var", "not true") end
	call(w, class .. ".set_var", o.set_var, o, "txn.census", 5, true)
	if call(w, class .. ".get_var", o.get_var, o, "txn.census") ~= 5 then note(w, class .. ".get_var", "lost") end
	call(w, class .. ".unset_var", o.unset_var, o, "txn.census")
	call(w, class .. ".set_priv", o.set_priv, o, { 1 })
	if call(w, class .. ".get_priv", o.get_priv, o)[1] ~= 1 then note(w, class .. ".get_priv", "lost") end
end
local channel = [[data line getline remove send append insert set prepend forward input output is_resp is_full may_recv
    dup get get_in_len get_out_len]]
local message = [[add_header append body del_header eom forward get_headers get_stline input insert is_full is_resp
    may_recv output prepend remove rep_header rep_value send set set_body_len set_eom set_header set_method set_path
    set_query set_status set_uri unset_eom]]
function in_txn(w, t)
	expressions(w, "TXN", t)
	vars(w, "TXN", t)
	has(w, "TXN", t, [[log deflog Debug Info Warning Alert reply done set_loglevel set_priority_class set_priority_offset
	    set_mark set_tos set_fc_mark set_fc_tos]])
	call(w, "TXN.log", t.log, t, core.info, "census")
	for name in ("deflog Debug Info Warning Alert"):gmatch("%S+") do call(w, "TXN." .. name, t[name], t, "census") end
	call(w, "TXN.set_loglevel", t.set_loglevel, t, core.info)
	call(w, "TXN.set_loglevel", t.set_loglevel, t, core.silent)
	for name in ("set_priority_class set_priority_offset set_mark set_tos set_fc_mark set_fc_tos"):gmatch("%S+") do
		call(w, "TXN." .. name, t[name], t, 0)
	end
	has(w, "Channel", t.req, channel)
	has(w, "Channel", t.res, channel)
	for name in ("input output is_resp is_full may_recv"):gmatch("%S+") do
		call(w, "Channel." .. name, t.req[name], t.req)
		call(w, "Channel." .. name, t.res[name], t.res)
	end
	if w:find("^tcp") then return end -- there is no HTTP to reply in
	local r = call(w, "TXN.reply", t.reply, t, { status = 201, reason = "R", body = "b", headers = { ["x-a"] = { "1" } } })
	has(w, "Reply", r, "set_status add_header del_header set_body")
	fields(w, "Reply", r, "status=integer reason=string body=string headers=table")
	call(w, "Reply.set_status", r.set_status, r, 200, "OK")
	call(w, "Reply.add_header", r.add_header, r, "x-b", "1")
	call(w, "Reply.del_header", r.del_header, r, "x-b")
	call(w, "Reply.set_body", r.set_body, r, "body")
end
local http = [[req_get_headers res_get_headers req_add_header res_add_header req_set_header res_set_header req_del_header
    res_del_header req_rep_header res_rep_header req_rep_value res_rep_value req_set_method req_set_path req_set_query
    req_set_uri res_set_status]]
function in_http(w, t, side)
	local h = t.http
	has(w, "HTTP", h, http)
	absent(w, "HTTP.res_set_body", h.res_set_body)
	local function each(name, ...) return call(w, "HTTP." .. side .. name, h[side .. name], h, ...) end
	each("add_header", "x-census", "1")
	each("add_header", "x-census", "2")
	local all = each("get_headers")
	if all["x-census"][0] ~= "1" or all["x-census"][1] ~= "2" then note(w, "HTTP." .. side .. "get_headers", "wrong") end
	each("set_header", "x-census", "abc")
	each("rep_header", "x-census", "a(.*)", "d\\1")
	each("rep_value", "x-census", "d", "e")
	all = each("get_headers")
	if not tostring(all["x-census"][0]):find("^[de]") then note(w, "HTTP." .. side .. "rep_header", all["x-census"][0]) end
	each("del_header", "x-census")
end

everywhere("body")
core.register_init(function() everywhere("init") configured("init") end)
-- started in each phase
core.register_task(function(a, b, c, d)
	everywhere("task") configured("task") waits("task")
	if a ~= 1 or b ~= 2 or c ~= 3 or d ~= 4 then note("task", "core.register_task", "lost its arguments") end
	core.register_task(function() core.task_of_task = true core.done() end)
	core.msleep(1)
	task_done = true
end, 1, 2, 3, 4)
core.event_sub({ "SERVER_ADMIN" }, function(event, data, sub)
	clear("event")
	everywhere("event") configured("event")
	fields("event", "SERVER_ADMIN", data, "name=string puid=string rid=integer proxy_name=string")
	core.Info("EVENT " .. report("event"))
end)
core.register_fetches("census", function(txn)
	clear("fetch")
	everywhere("fetch") configured("fetch") in_txn("fetch", txn)
	return report("fetch")
end)
core.register_converters("census", function()
	clear("converter")
	everywhere("converter") configured("converter")
	return report("converter")
end)
core.register_action("census", { "http-req", "http-res", "tcp-req", "tcp-res", "http-after-res" }, function(txn, phase)
	local w = phase .. tostring({})
	everywhere(w) configured(w) in_txn(w, txn)
	if phase ~= "http-after-res" then waits(w) end
	if phase == "http-req" then
		in_http(w, txn, "req_")
		local h = txn.http
		call(w, "HTTP.req_set_method", h.req_set_method, h, "PUT")
		call(w, "HTTP.req_set_uri", h.req_set_uri, h, "/u")
		call(w, "HTTP.req_set_path", h.req_set_path, h, "/p")
		call(w, "HTTP.req_set_query", h.req_set_query, h, "q=1")
		call(w, "core.register_task", core.register_task, function() end)
	elseif phase:find("^http") then
		in_http(w, txn, "res_")
		call(w, "HTTP.res_set_status", txn.http.res_set_status, txn.http, 202, "Counted")
	end
	if phase:find("^tcp") then core.Info("TCP " .. phase .. report(w)) end
	txn:set_var("txn." .. phase:gsub("-", "_"), report(w))
	clear(w)
end, 1)
core.register_action("denies", { "http-req" }, function() return act.DENY end)
core.register_action("ends", { "http-req" }, function(txn)
	txn:done(txn:reply { status = 418, body = "ended" })
	core.Info("AFTER DONE")
end)
core.register_service("census", "http", function(a)
	local w = "http service"
	clear(w)
	everywhere(w) configured(w) waits(w) expressions(w, "AppletHTTP", a) vars(w, "AppletHTTP", a)
	fields(w, "AppletHTTP", a, "method=string path=string qs=string version=string length=integer headers=table")
	has(w, "AppletHTTP", a, "receive getline set_status add_header start_response send")
	if a.headers["x-two"][0] ~= "1" or a.headers["x-two"][1] ~= "2" then note(w, "AppletHTTP.headers", "wrong") end
	call(w, "AppletHTTP.getline", a.getline, a)
	call(w, "AppletHTTP.receive", a.receive, a, 2)
	call(w, "AppletHTTP.receive", a.receive, a)
	call(w, "AppletHTTP.set_status", a.set_status, a, 200)
	call(w, "AppletHTTP.set_status", a.set_status, a, 200, "OK")
	call(w, "AppletHTTP.add_header", a.add_header, a, "x-c", "1")
	call(w, "AppletHTTP.start_response", a.start_response, a)
	a:send(report(w))
end)
core.register_service("told", "http", function(a)
	local s = "body " .. report("body") .. " init " .. report("init")
	a:add_header("content-length", #s)
	a:start_response()
	a:send(s)
end)
core.register_service("tasks", "http", function(a)
	a:start_response()
	a:send(task_done and "task " .. report("task") .. " " .. tostring(core.task_of_task) or "not yet")
end)
core.register_service("tcp", "tcp", function(a)
	local w = "tcp service"
	clear(w)
	everywhere(w) configured(w) waits(w) expressions(w, "AppletTCP", a) vars(w, "AppletTCP", a)
	has(w, "AppletTCP", a, "receive getline send try_receive")
	call(w, "AppletTCP.getline", a.getline, a)
	call(w, "AppletTCP.receive", a.receive, a, 2)
	call(w, "AppletTCP.try_receive", a.try_receive, a)
	call(w, "AppletTCP.receive", a.receive, a, 2, 10)
	a:send(report(w) .. "\n")
end)
core.register_cli({ "census" }, "census: counts", function(a, ...)
	local w = "command"
	clear(w)
	everywhere(w) configured(w) waits(w)
	has(w, "AppletTCP", a, "receive getline send")
	a:send(report(w) .. table.concat({ ... }, ",") .. "\n")
end)
local T = { id = "census", flags = filter.FLT_CFG_FL_HTX }
T.__index = T
function T:new() return setmetatable({}, T) end
function T:start_analyze(txn, chn) filter.register_data_filter(self, chn) end
function T:end_analyze() end
function T:http_headers(txn, m)
	local w = m:is_resp() and "filtered response" or "filtered request"
	clear(w)
	everywhere(w) configured(w) in_txn(w, txn)
	has(w, "HTTPMessage", txn.http_req, message)
	has(w, "HTTPMessage", txn.http_res, message)
	has(w, "Channel", m.channel, channel)
	for name in ("get_headers get_stline input output is_full is_resp may_recv eom"):gmatch("%S+") do
		call(w, "HTTPMessage." .. name, m[name], m)
	end
	call(w, "HTTPMessage.add_header", m.add_header, m, "x-filtered", "1")
	call(w, "HTTPMessage.set_header", m.set_header, m, "x-filtered", "2")
	call(w, "HTTPMessage.rep_header", m.rep_header, m, "x-filtered", "2", "3")
	call(w, "HTTPMessage.rep_value", m.rep_value, m, "x-filtered", "3", "4")
	call(w, "HTTPMessage.del_header", m.del_header, m, "x-filtered")
	if m:is_resp() then
		call(w, "HTTPMessage.set_status", m.set_status, m, 200, "OK")
	else
		call(w, "HTTPMessage.set_method", m.set_method, m, "POST")
		call(w, "HTTPMessage.set_path", m.set_path, m, "/flt")
		call(w, "HTTPMessage.set_query", m.set_query, m, "a")
		call(w, "HTTPMessage.set_uri", m.set_uri, m, "/flt")
	end
end
function T:http_payload(txn, m)
	local w = m:is_resp() and "filtered response" or "filtered request"
	call(w, "HTTPMessage.body", m.body, m)
	core.Info("FILTER " .. w .. " " .. report(w))
end
function T:http_end() end
core.register_filter("census", T, function(flt, args) return flt end)
END
my $o = origin(name => 's1');
my $map = spew('census.map', "k v\n");
my $acl = spew('census.acl', "none\n");

sub told
{
	my ($what, $text) = @_;

	like($text, qr/\[\] [1-9]\d+/, $what);
}

for my $how ('lua-load', 'lua-load-per-thread') {
	subtest $how => sub {
		my $sock = Tideway::Test::temp_dir() . "/$how.sock";
		my $p = start_proxy("global
    nbthread 2
    stats socket $sock level admin
    tune.lua.bool-sample-conversion normal
    $how $script $map $acl ${\ $o->addr}
" . defaults() . "
frontend web
    bind {BIND:web}
    http-request deny if { path -f $acl }
    http-request set-var(txn.m) path,map($map)
    http-request lua.denies if { path /denies }
    http-request lua.ends if { path /ends }
    http-request use-service lua.census if { path /service }
    http-request use-service lua.told if { path /told }
    http-request use-service lua.tasks if { path /tasks }
    http-request return status 200 content-type text/plain lf-string %[lua.census] if { path /fetch }
    http-request return status 200 content-type text/plain lf-string %[path,lua.census] if { path /converter }
    http-request lua.census http-req if { path /action }
    http-response lua.census http-res if { var(txn.http_req) -m found }
    http-response set-header X-Req %[var(txn.http_req)] if { var(txn.http_req) -m found }
    http-after-response lua.census http-after-res if { var(txn.http_req) -m found }
    http-after-response set-header X-Res %[var(txn.http_res)]
    http-after-response set-header X-After %[var(txn.http_after_res)]
    use_backend flt if { path_beg /flt }
    default_backend app
backend app
    server s1 ${\ $o->addr}
    server s2 ${\ $o->addr} backup
backend flt
    filter lua.census
    server s1 ${\ $o->addr}
backend tab
    stick-table type string size 100 store gpc0
listen tcp
    mode tcp
    bind {BIND:tcp}
    tcp-request inspect-delay 5s
    tcp-request content lua.census tcp-req
    tcp-response content lua.census tcp-res
    server s1 ${\ $o->addr}
listen applet
    mode tcp
    bind {BIND:applet}
    tcp-request content use-service lua.tcp
");
		my $get = sub { $p->request('web', "POST $_[0] HTTP/1.1\r\nHost: h\r\nX-Two: 1\r\nX-Two: 2\r\n"
		    . "Content-Length: 12\r\n\r\nline\nbcdefgh") };
		my $body = $get->('/told')->body;
		like($body, qr/^body \[\] \d+ /, 'the body of a file');
		like($body, qr/ init \[\] \d+$/, 'init');
		ok(wait_until { $body = $get->('/tasks')->body; $body !~ /not yet/ }, 'tasks run');
		like($body, qr/^task \[\] \d+ /, 'a task');
		ok(wait_until { $get->('/tasks')->body =~ /true$/ }, 'a task that a task has begun');
		told($_, $get->("/$_")->body) for qw(fetch converter service);
		my $r = $get->('/action');
		told('http-req', $r->header('X-Req') // 'none');
		told('http-res', $r->header('X-Res') // 'none');
		told('http-after-res', $r->header('X-After') // 'none');
		is($r->status, 202, 'res_set_status');
		is($get->('/denies')->status, 403, 'act.DENY');
		is($get->('/ends')->body, 'ended', 'TXN.done');
		my ($req) = grep { $_->{start} =~ m{/p\?q=1} } $o->requests;
		like($req->{start}, qr{^PUT /p\?q=1 }, 'req_set_method, path, query') if ok($req, 'was changed');
		my $c = $p->client('applet');
		$c->send("line\nxy");
		$c->shutdown_write;
		told('tcp service', $c->read_all);
		$c = $p->client('tcp');
		$c->request("GET /tcp HTTP/1.1\r\nHost: h\r\n\r\n");
		ok($p->wait_output(qr/TCP tcp-res/), 'tcp-response runs');
		told('tcp-req', $p->stderr =~ /TCP tcp-req(.*)/);
		told('tcp-res', $p->stderr =~ /TCP tcp-res(.*)/);
		$get->('/flt');
		ok($p->wait_output(qr/FILTER filtered response/), 'filters run');
		told('filtered request', $p->stderr =~ /FILTER filtered request (.*)/);
		told('filtered response', $p->stderr =~ /FILTER filtered response (.*)/);
		my $said = cli_ask($sock, 'census a b');
		told('command', $said);
		like($said, qr/census,a,b/, 'its words');
		cli_ask($sock, 'set server app/s2 state maint');
		ok($p->wait_output(qr/EVENT/), 'events come');
		told('event', $p->stderr =~ /EVENT (.*)/);
		unlike($p->stderr, qr/AFTER DONE/, 'nothing runs after txn:done()');
		stop_proxy($p);
	};
}

done_testing();

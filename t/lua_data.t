# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# core.proxies, frontends, backends; Proxy, Server, Listener; get_stats, get_info;
# scripts as those in the wild: a least-sessions router, an exporter, a task that
# sets servers to maintenance.
use Tideway::Test;
use Tideway::Cli;

my $script = spew('data.lua', <<'END');
body_saw = tostring(core.backends)
local function try(...)
	local ok, why = pcall(...)
	return ok and "ok" or why
end
local cases = {}
function cases.names()
	local fe, be, li = core.frontends.web, core.backends["app"], core.proxies.both
	local out = {}
	for name, srv in pairs(be.servers) do out[#out + 1] = name .. "=" .. srv.name .. ":" .. srv:get_addr() end
	table.sort(out)
	local all = {}
	for name, px in pairs(core.backends) do all[#all + 1] = name .. px:get_cap() end
	table.sort(all)
	local fes = {}
	for name in pairs(core.frontends) do fes[#fes + 1] = name end
	table.sort(fes)
	local ls = {}
	for name, l in pairs(fe.listeners) do ls[#ls + 1] = name .. l:get_stats().type .. l:get_stats().svname end
	return table.concat({ body_saw, tostring(core.backends.none), tostring(core.backends[1]), tostring(core.backends.web),
		be.name, be:get_name(), type(be.uuid), tostring(be.uuid == be:get_uuid()), fe:get_cap(), li:get_cap(), be:get_mode(),
		table.concat(out, ","), table.concat(all, ","), table.concat(fes, ","), table.concat(ls, ","),
		tostring(core.backends.both == core.frontends.both), tostring(be), tostring(be.servers.nope) }, " ")
end
function cases.stats()
	local be = core.backends.app
	local s = be.servers["s1"]:get_stats()
	local f = core.frontends.web:get_stats()
	local n = 0
	for k, v in pairs(s) do n = n + 1 end
	return table.concat({ s.svname, s.pxname, s.status, s['scur'], s.weight, s.type, s.slim, f.svname, f.status, be:get_stats().svname,
		tostring(n > 40), math.type(s.stot), tostring(s.throttle), be:get_srv_act(), be:get_srv_bck(), core.backends.chk.servers.c1:get_stats().status:match("^UP") or "-" }, " ")
end
function cases.server()
	local s, b = core.backends.app.servers.s1, core.backends.app.servers.s2
	return table.concat({ s:get_name(), s.puid, s:get_puid(), s.rid, s:get_rid(), tostring(s:is_backup()), tostring(b:is_backup()), tostring(s:is_dynamic()),
		s:get_cur_sess(), s:get_pend_conn(), s:get_weight(), s:get_maxconn(), s:get_proxy().name, tostring(s:tracking()), #s:get_trackers(),
		core.backends.trk.servers.t1:tracking().name, core.backends.chk.servers.c1:get_trackers()[1].name }, " ")
end
function cases.change()
	local s, out = core.backends.app.servers.s1, {}
	local function say(v) out[#out + 1] = tostring(v) end
	say(s:set_weight("50%")) say(s:get_weight())
	say(s:set_weight("x")) say(s:set_weight("300")) say(s:set_weight(10)) say(s:get_weight())
	say(s:set_maxconn("7")) say(s:get_maxconn()) say(s:set_maxconn("z"))
	s:set_drain() say(s:is_draining())
	s:set_maint() say(s:get_stats().status)
	s:set_ready() say(s:get_stats().status)
	say(s:set_addr("127.0.0.1", "9")) say(s:get_addr()) say(s:set_addr("zz")) say(s:set_addr("127.0.0.1", "99999"))
	local c = core.backends.chk.servers.c1
	c:check_force_down() say(c:get_stats().status) c:check_force_nolb() say(c:get_stats().status) c:check_force_up() say(c:get_stats().status:sub(1, 2))
	c:check_disable() say(c:get_stats().status) c:check_enable()
	c:agent_enable() c:agent_disable() c:agent_force_up() c:agent_force_down() c:shut_sess()
	return table.concat(out, "|")
end
function cases.proxy()
	local p = core.frontends.gone
	p:pause() local a = p:get_stats().status
	p:resume() local b = p:get_stats().status
	core.backends.app:pause() core.backends.app:shut_bcksess()
	core.frontends.gone:stop()
	return a .. b .. core.frontends.gone:get_stats().status .. tostring(p.get_mailers)
end
function cases.info()
	local i = core.get_info()
	return table.concat({ i.Name, i.Nbthread, math.type(i.Uptime_sec), tostring(i.Pid > 1), i.CumReq > 0 and "some" or "none" }, " ")
end
function cases.router()
	local best, least
	for name, srv in pairs(core.backends.app.servers) do
		local st = srv:get_stats()
		if st.status == "no check" or st["status"]:find("^UP") then
			if not least or st.scur < least or (st.scur == least and name < best) then best, least = name, st.scur end
		end
	end
	return best
end
function cases.exporter()
	local out = {}
	for name, be in pairs(core.backends) do
		for sname, srv in pairs(be.servers) do
			local st = srv.get_stats(srv)
			out[#out + 1] = string.format('server_sessions{backend="%s",server="%s"} %d', name, sname, st.scur)
		end
	end
	table.sort(out)
	return table.concat(out, ",")
end
function cases.deleted()
	local s = kept_server
	return s and try(s.get_stats, s) or "none"
end
function cases.keep()
	kept_server = core.backends.dyn.servers.d1
	return tostring(kept_server) .. tostring(kept_server:is_dynamic()) .. kept_server.rid
end
function cases.wrong()
	local s, b = core.backends.app.servers.s1, core.backends.app
	return table.concat({ try(s.get_stats), try(s.get_stats, {}), try(s.get_stats, b), try(b.get_stats, s), try(s.set_weight, s), try(s.set_addr, s), try(b.get_cap, 1),
		try(core.frontends.web.listeners[next(core.frontends.web.listeners)].get_stats, s) }, "|")
end
core.register_action("case", {"http-req"}, function(txn)
	txn:set_var("txn.out", cases[txn.sf:path():sub(2)]())
end)
core.register_fetches("least", function(txn) return cases.router() end)
core.register_fetches("setw", function(txn) return tostring(core.backends.app.servers.s2:set_weight("33")) end)
core.register_task(function()
	while true do
		core.msleep(5)
		if want_maint then
			for _, srv in pairs(core.backends.ill.servers) do
				if srv:get_stats().status:find("^DOWN") then srv:set_maint() end
			end
		end
	end
end)
function cases.ill() want_maint = true return "ok" end
END

for my $how ('lua-load', 'lua-load-per-thread') {
	subtest $how => sub {
		my $sock = test_dir() . "/$how.sock";
		my $o = origin(respond => sub { response(200, 'served') });
		my $p = start_proxy("global
    nbthread 2
    stats socket $sock level admin
    $how $script
" . defaults() . "
frontend web
    bind {BIND:web} name lsn
    http-request set-var(txn.out) lua.least if { path /fetch }
    http-request set-var(txn.out) lua.setw if { path /setw }
    http-request lua.case unless { path /fetch /setw }
    http-request return status 200 content-type text/plain lf-string %[var(txn.out)]
frontend gone
    bind {BIND:gone}
    http-request return status 200
listen both
    bind {BIND:both}
    server b1 127.0.0.1:9
backend app
    server s1 127.0.0.1:9 weight 20 maxconn 5
    server s2 127.0.0.1:10 backup
    server s3 127.0.0.1:11
backend chk
    server c1 @{[$o->addr]} check inter 60s
backend trk
    server t1 127.0.0.1:9 track chk/c1
backend dyn
    balance roundrobin
backend ill
    server i1 127.0.0.1:9 check inter 20ms fall 1
");
		my $get = sub { $p->request('web', "GET /$_[0] HTTP/1.1\r\nHost: h\r\n\r\n")->body };
		is($get->('names'), 'nil nil nil nil app app string true frontend proxy http ' .
		    's1=s1:127.0.0.1:9,s2=s2:127.0.0.1:10,s3=s3:127.0.0.1:11 ' .
		    'appbackend,bothproxy,chkbackend,dynbackend,illbackend,trkbackend both,gone,web lsn3lsn ' .
		    'true HAProxy class Proxy nil', 'names, tables') for 1 .. 3;
		like($get->('stats'), qr{^s1 app no check 0 20 2 5 FRONTEND OPEN BACKEND true integer nil 2 1 (UP|-)$},
		    'statistics');
		is($get->('server'), 's1 1 1 0 0 false true false 0 0 20 5 app nil 0 c1 t1', 'a server');
		is($get->('router'), 's1', 'a router by sessions');
		is($get->('fetch'), 's1', 'as a fetch');
		like($get->('exporter'), qr{server_sessions\{backend="app",server="s1"\} 0,}, 'an exporter');
		like($get->('info'), qr{^tideway 2 integer true some$}, 'get_info');
		is($get->('change'), 'nil|10|Empty weight string empty or preceded by garbage|' .
		    'Absolute weight can only be between 0 and 256 inclusive|nil|10|nil|7|' .
		    'maxconn string empty or preceded by garbage|true|MAINT|no check|' .
		    "no need to change the addr, no need to change the port by 'Lua script'|" .
		    "127.0.0.1:9|Invalid addr 'zz' by 'Lua script'|" .
		    "problem converting port '99999' to an int by 'Lua script'|DOWN|NOLB|UP|no check", 'changes');
		is(cli_stat($sock, 'weight', 'app/s1'), 10, 'are what show stat tells');
		is($get->('setw'), 'nil', 'a change in a fetch');
		ok(wait_until { cli_stat($sock, 'weight', 'app/s2') == 33 }, 'happens soon');
		is($get->('proxy'), 'PAUSEDOPENSTOPnil', 'proxies pause, resume, stop')
		    or diag $p->stderr;
		like($get->('wrong'), qr{^[^|]*a Server is expected, not a no value[^|]*\|[^|]*not a table[^|]*\|[^|]*a Server is expected[^|]*\|[^|]*a Proxy is expected[^|]*\|[^|]*string expected[^|]*\|[^|]*string expected[^|]*\|[^|]*a Proxy is expected, not a number[^|]*\|[^|]*a Listener is expected},
		    'wrong arguments');
		like(cli_ask($sock, 'add server dyn/d1 127.0.0.1:9'), qr{registered}, 'a server comes');
		is($get->('keep'), 'HAProxy class Servertrue0', 'and is there') for 1 .. 4;
		like(cli_ask($sock, 'del server dyn/d1'), qr{deleted}, 'it goes');
		like($get->('deleted'), qr{the server 'dyn/d1' was deleted|none}, 'its object says so') for 1 .. 4;
		cli_ask($sock, 'add server dyn/d1 127.0.0.1:9');
		is($get->('keep'), 'HAProxy class Servertrue1', 'another of its name is another');
		$get->('ill') for 1 .. 6;
		ok(wait_until { cli_stat($sock, 'status', 'ill/i1') eq 'MAINT' }, 'a task sets a server to maintenance');
		stop_proxy($p);
	};
}

done_testing();

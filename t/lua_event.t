# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# core.event_sub, Server:event_sub, Patref:event_sub, EventSub:unsub.
use Tideway::Test;
use Tideway::Cli;

my $map = spew('ev.map', "a one\n");
my $script = spew('event.lua', "local file = ...\nlocal m = Map.new(file)\n" . <<'END');
local function words(t) return "{" .. table.concat(t, ",") .. "}" end
core.register_init(function()
	if core.thread > 1 then return end
	core.event_sub({ "SERVER" }, function(event, data, sub, when)
		local more = ""
		if event == "SERVER_STATE" then
			more = data.state.old_state .. ">" .. data.state.new_state .. " " .. tostring(data.state.admin) .. " " .. data.state.requeued
		elseif event == "SERVER_ADMIN" then
			more = words(data.admin.old_admin) .. ">" .. words(data.admin.new_admin)
		elseif event == "SERVER_CHECK" then
			more = data.check.result .. " " .. data.check.reason.short .. " " .. data.check.health.cur .. "/" .. data.check.health.rise .. "/" .. data.check.health.fall .. " " .. tostring(data.check.agent)
		end
		core.msleep(1)
		core.Info(string.format("E %s %s/%s %s %s %s", event, data.proxy_name, data.name,
			data.reference and data.reference:get_name() or "gone", math.type(when), more))
	end)
	core.backends.b.servers.s1:event_sub({ "SERVER_DOWN", "SERVER_UP" }, function(event, data, sub)
		core.Info("ONE " .. event .. " " .. data.name)
		if event == "SERVER_UP" then sub:unsub() end
	end)
	core.get_patref(file):event_sub({ "PAT_REF" }, function(event, data)
		core.Info("LIST " .. event)
	end)
	core.event_sub({ "SERVER_ADD" }, function(event, data)
		data.reference:event_sub({ "SERVER_ADMIN" }, function(event, data)
			core.register_task(function(server) core.Info("TRACKED " .. server:get_name()) end, data.reference)
		end)
	end)
	local ok, why = pcall(core.event_sub, { "NONSENSE" }, print)
	core.Info("WHY " .. why)
	ok, why = pcall(core.event_sub, 1, print)
	core.Info("WHY2 " .. why)
end)
core.register_action("fail", {"http-req"}, function()
	core.event_sub({ "SERVER_UP" }, function() error("in a handler") end)
	core.set_map(file, "b", "x")
end)
END

for my $how ('lua-load', 'lua-load-per-thread') {
	subtest $how => sub {
		my $sock = test_dir() . "/$how.sock";
		my $o = origin(respond => sub { response(200, 'served') });
		my $p = start_proxy("global
    nbthread 2
    stats socket $sock level admin
    $how $script $map
" . defaults() . "
frontend web
    bind {BIND:web}
    http-request lua.fail
    http-request return status 200
backend b
    server s1 @{[$o->addr]}
backend c
    server c1 @{[$o->addr]} check inter 20ms rise 2
backend d
    balance roundrobin
");
		my $told = sub { ok($p->wait_output($_[0]), $_[1]) or diag $p->stderr };
		$told->(qr{WHY .*unknown event type 'NONSENSE'}, 'a wrong type');
		$told->(qr{WHY2 .*table expected}, 'no table');
		$told->(qr{E SERVER_CHECK c/c1 c1 integer PASSED L4OK \d/2/3 false}, 'a check');
		cli_ask($sock, 'set server b/s1 state maint');
		$told->(qr{E SERVER_ADMIN b/s1 s1 integer \{\}>\{MAINT,FMAINT\}}, 'admin');
		$told->(qr{E SERVER_STATE b/s1 s1 integer RUNNING>STOPPED true 0}, 'state');
		$told->(qr{E SERVER_DOWN b/s1 s1}, 'down');
		$told->(qr{ONE SERVER_DOWN s1}, 'one server');
		cli_ask($sock, 'set server b/s1 state ready');
		$told->(qr{E SERVER_UP b/s1 s1}, 'up');
		$told->(qr{ONE SERVER_UP s1}, 'one server');
		cli_ask($sock, 'set server b/s1 state maint');
		$told->(qr{E SERVER_DOWN.*E SERVER_DOWN b/s1}s, 'down again');
		my @one = $p->stderr =~ /ONE SERVER_DOWN/g;
		is(scalar @one, 1, 'which nobody hears who has unsubscribed');
		cli_ask($sock, 'add server d/d1 127.0.0.1:9');
		$told->(qr{E SERVER_ADD d/d1 d1}, 'add');
		cli_ask($sock, 'set server d/d1 state drain');
		$told->(qr{TRACKED d1}, 'a subscription made in a handler, a task from it');
		cli_ask($sock, 'set server d/d1 state maint');
		cli_ask($sock, 'del server d/d1');
		$told->(qr{E SERVER_DEL d/d1 gone}, 'del');
		cli_ask($sock, "add map $map k v");
		$told->(qr{LIST PAT_REF_ADD}, 'a list: add');
		cli_ask($sock, "set map $map k w");
		$told->(qr{LIST PAT_REF_SET}, 'set');
		cli_ask($sock, "del map $map k");
		$told->(qr{LIST PAT_REF_DEL}, 'del');
		cli_ask($sock, "clear map $map");
		$told->(qr{LIST PAT_REF_CLEAR}, 'clear');
		$p->request('web', "GET / HTTP/1.1\r\nHost: h\r\n\r\n") for 1 .. 2;
		cli_ask($sock, 'set server b/s1 state ready');
		$told->(qr{Lua.*in a handler}, 'a handler that fails is told');
		# after a reload the new generation's subscriptions hear
		my $n = () = $p->stderr =~ /WHY2/g;
		$p->signal('USR2');
		ok(wait_until { my $m = () = $p->stderr =~ /WHY2/g; $m > $n }, 'reloaded');
		ok(wait_until { cli_ask($sock, 'set server b/s1 state maint') eq '' . "\n" }, 'command');
		ok(wait_until { my $m = () = $p->stderr =~ /E SERVER_DOWN b/g; $m == 3 }, 'an event after it');
		stop_proxy($p);
	};
}

done_testing();

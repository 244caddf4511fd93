# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# lua-load, lua-load-per-thread: actions, fetches and converters that scripts
# register, in both load modes and with several threads.
use Tideway::Test;

my $script = spew('one.lua', <<'END');
local first, second = ...
core.register_action("say-it", {"http-req"}, function(txn, a, b)
	txn:set_var("txn.a", a .. b .. txn.f:path() .. "|" .. txn.sf:hdr("none"))
	txn.set_var(txn, "txn.b", txn.c:upper(first) .. txn.f:req_fhdr("host"))
end, 2)
core.register_action("wait", {"http-req"}, function(txn)
	core.msleep(5)
	pcall(function() core.yield() txn:set_var("txn.a", "waited") end)
end)
core.register_action("refuse", {"http-req"}, function() return act.DENY end)
core.register_action("fail", {"http-req"}, function() local x; x.y = 1 end)
core.register_fetches("pick", function(txn, a, b) return a .. "-" .. (b or second) end)
core.register_converters("twice", function(s, n) return s .. s .. (n or "") end)
END

for my $how ('lua-load', 'lua-load-per-thread') {
	subtest $how => sub {
		my $p = start_proxy("global
    nbthread 2
    $how $script one two
" . defaults() . "
frontend web
    bind {BIND:web}
    http-request lua.say-it A B
    http-request lua.wait if { path /wait }
    http-request lua.refuse if { path /refuse }
    http-request lua.fail if { path /fail }
    http-request return status 200 content-type text/plain lf-string \"%[var(txn.a)] %[var(txn.b)] %[lua.pick(p)] %[lua.pick(p,q)] %[path,lua.twice(k)]\"
");
		my $get = sub { $p->request('web', "GET $_[0] HTTP/1.1\r\nHost: h\r\n\r\n") };
		like($get->('/x')->body, qr{^AB/x\| ONEh p-two p-q /x/xk$}, 'values')
		    for 1 .. 3;
		like($get->('/wait')->body, qr{^waited ONEh}, 'an action that waits');
		is($get->('/refuse')->status, 403, 'act.DENY');
		like($get->('/fail')->body, qr{^AB/fail}, 'an error lets it pass');
		ok($p->wait_output(qr{Lua function 'fail': runtime error: .*\.lua:\d+: attempt to index a nil}),
			'and is told');
		stop_proxy($p);
	};
}

# However it was kept, it is not the next request's.
subtest 'a TXN that is kept' => sub {
	my $file = spew('keep.lua', <<'END');
local kept = {}
local function keeper(name, fn)
	core.register_action(name, {"http-req"}, fn)
	core.register_action("ask-" .. name, {"http-req"}, function(txn)
		local ok, why = pcall(function() return kept[name]:get_var("txn.a") end)
		txn:set_var("txn.said", tostring(ok) .. " " .. tostring(why))
	end)
end
local function helper(t) kept.handed = t end
keeper("direct", function(txn) kept.direct = txn end)
keeper("handed", function(txn) helper(txn) end)
keeper("moved", function(txn) local x = txn kept.moved = x end)
keeper("closed", function(txn)
	kept.closed = { get_var = function(_, n) return txn:get_var(n) end }
end)
core.register_action("harmless", {"http-req"}, function(txn) txn:set_var("txn.a", "b") end)
END
	for my $how ('lua-load', 'lua-load-per-thread') {
		my $p = start_proxy("global
    nbthread 1
    $how $file
" . defaults() . "
frontend web
    bind {BIND:web}
    http-request lua.harmless
" . join('', map { "    http-request lua.$_ if { path /$_ }
    http-request lua.ask-$_ if { path /ask-$_ }
" } qw(direct handed moved closed)) . "
    http-request return status 200 content-type text/plain lf-string \"%[var(txn.said)]\"
");
		for my $way (qw(direct handed moved closed)) {
			$p->get('web', "/$way");
			$p->get('web', '/other');
			like($p->get('web', "/ask-$way")->body,
			    qr/^false .*this TXN's request has ended/, "$how: $way");
		}
		stop_proxy($p);
	}
};

# The state is shared, the request is not.
subtest 'a TXN and an applet of another thread' => sub {
	my $file = spew('other.lua', <<'END');
local kept = {}
local function wait() while not kept.over do core.msleep(5) end end
local function try(o)
	if not o then return "none" end
	local ok, why = pcall(o.get_var, o, "txn.a")
	return tostring(ok) .. " " .. tostring(why)
end
core.register_action("hold", {"http-req"}, function(txn) kept.txn = txn wait() end)
core.register_service("serve", "http", function(applet)
	kept.applet = applet
	wait()
	applet:set_status(200)
	applet:start_response()
	applet:send("served")
end)
core.register_action("ask", {"http-req"}, function(txn)
	txn:set_var("txn.said", try(kept.txn) .. "|" .. try(kept.applet))
end)
core.register_action("over", {"http-req"}, function() kept.over = true end)
END
	my $p = start_proxy("global
    nbthread 2
    lua-load $file
" . defaults('timeout client 30s') . "
frontend web
    bind {BIND:web}
    http-request lua.hold if { path /hold }
    http-request use-service lua.serve if { path /serve }
    http-request lua.ask
    http-request lua.over if { path /over }
    http-request return status 200 content-type text/plain lf-string \"%[var(txn.said)]\"
");
	my @c = map { my $c = $p->client('web'); $c->send("GET $_ HTTP/1.1\r\nHost: h\r\n\r\n"); $c } '/hold', '/serve';
	for (qr/this TXN's request lives on another thread/, qr/this applet runs on another thread/) {
		my $said = '';
		ok(wait_until { ($said = $p->get('web', '/ask')->body) =~ $_ }, "$_") or diag($said);
	}
	$p->get('web', '/over');
	is($_->read_response->status, 200, 'they end') for @c;
	stop_proxy($p);
};

done_testing();

# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Fetches and converters of scripts, wherever expressions stand: conditions,
# use_backend, log-formats, http-response, tcp rules, checks; types, arguments.
use Tideway::Test;
use Tideway::Compare;

my $script = spew('fetch.lua', <<'END');
core.register_fetches("str", function(txn, a, b) return (a or "-") .. (b or "-") end)
core.register_fetches("int", function(txn) return 5 end)
core.register_fetches("yes", function(txn) return true end)
core.register_fetches("no", function(txn) return false end)
core.register_fetches("null", function(txn) return nil end)
core.register_fetches("none", function(txn) end)
core.register_fetches("table", function(txn) return {} end)
core.register_fetches("float", function(txn) return 1.5 end)
core.register_fetches("done", function(txn) txn:done() end)
core.register_fetches("sleep", function(txn) core.sleep(1) return "slept" end)
core.register_fetches("fail", function(txn) error("oops") end)
core.register_fetches("args", function(txn, ...)
	local t = table.pack(...)
	for i = 1, t.n do t[i] = type(t[i]) .. ":" .. tostring(t[i]) end
	return table.concat(t, " ")
end)
core.register_fetches("path", function(txn) return txn.sf:path() .. txn.sf:req_hdr("host") end)
core.register_fetches("status", function(txn) return txn.sf:status() end)
core.register_fetches("bin", function(txn) return "a\0b" end)
core.register_fetches("nested", function(txn) return txn.f:lua_str("x", "y") end)
core.register_converters("conv", function(v, a) return type(v) .. ":" .. v .. ":" .. (a or "") end)
core.register_converters("len", function(v) return #v end)
core.register_converters("bool", function(v) return v == "1" end)
core.register_converters("wait", function(v) core.msleep(1) return v end)
core.register_fetches("check", function(txn) return txn.c:upper("ok") .. tostring(txn.f:path()) .. tostring(txn.f:src()) .. select(2, pcall(txn.req.input, txn.req)) .. tostring(txn.f:be_name()) end)
core.register_fetches("be", function(txn) return txn.f:path() == "/two" and "two" or "one" end)
END
my $l = listener();
my $o = origin(name => 's');

sub config
{
	my ($log) = @_;

	return "global\n    log $log->{addr} local0\n    lua-load $script\n"
	    . defaults('log global', 'retries 0') . "
frontend web
    bind {BIND:web}
    log-format \"%[lua.str(log,x)] %[lua.int]\"
    http-request return status 200 content-type text/plain lf-string \"%[lua.str] %[lua.str(a,b)] %[lua.int] %[lua.int,add(1)] %[lua.yes] %[lua.no] [%[lua.null]] [%[lua.none]] [%[lua.table]] [%[lua.float]] [%[lua.done]] [%[lua.sleep]] %[lua.args(1,b)] %[lua.path] %[lua.bin,hex] %[lua.bin,length]\" if { path /values }
    http-request return status 200 content-type text/plain lf-string \"%[path,lua.conv] %[path,lua.conv(x)] %[int(5),lua.conv] %[path,lua.len] %[path,lua.len,add(1)] %[str(1),lua.bool] %[int(1),lua.bool]\" if { path /conv }
    http-request return status 200 content-type text/plain lf-string \"[%[path,lua.wait]] [%[lua.fail]]\" if { path /fail }
    http-request return status 201 if { path /acl } { lua.yes -m bool } !{ lua.no -m bool } { lua.int -m int eq 5 } { lua.str(q,r) -m str qr } { path,lua.len -m int eq 4 } !{ path,lua.bool -m bool }
    http-request set-var(txn.l) lua.str(v,w)
    use_backend %[lua.be]
    default_backend one
backend one
    http-response set-header X-Res %[lua.status]
    http-response set-header X-Var %[var(txn.l),lua.conv]
    server s1 ${\ $o->addr}
backend two
    http-response set-header X-Two %[lua.str(2)]
    server s2 ${\ $o->addr}
listen tcp
    mode tcp
    bind {BIND:tcp}
    log-format \"%[lua.str(tcp)]\"
    tcp-request inspect-delay 5s
    tcp-request content reject if { req.len gt 1 } { req.payload(0,2),lua.len eq 2 } { req.payload(0,2),lua.conv -m str string:no: }
    tcp-request content accept if { req.len gt 1 }
    server s ${\ $l->addr}
";
}

my @requests = map { "GET $_ HTTP/1.1\r\nHost: h\r\n\r\n" } qw(/values /conv /acl /one /two);
my %t = (origin => $o, requests => \@requests, whole => 1, config => sub { config($_[0]) });
my $mine = run_traffic(%t, bin => binary());
like($mine->[0], qr{\[-- ab 5 6 1 0 \[0\] \[0\] \[0\] \[0\] \[0\] \[\] string:1 string:b /valuesh 610062 3\]}, 'values')
    or diag $mine->[0];
like($mine->[1], qr{\[string:/conv: string:/conv:x string:5: 5 6 1 1\]}, 'converters');
like($mine->[2], qr{201 Created}, 'conditions');
like($mine->[3], qr{x-res: 200\n.*x-var: string:vw:.*LOGGED: logx 5}s, 'http-response, log-format');
like($mine->[4], qr{x-two: 2-}, 'use_backend');
my $haproxy = find_haproxy();
SKIP: {
	skip('haproxy is not installed', 1) unless $haproxy;
	my $log = syslog_unix();
	my $p = start_proxy(config($log), bin => $haproxy);
	for my $i (1, 2, 4) {
		my $his = $p->request('web', $requests[$i]);
		like($mine->[$i], qr/\Q[${\ $his->body}]\E/, 'as haproxy: ' . what_is($requests[$i]));
	}
	my $body = $p->request('web', $requests[0])->body;
	# a function that returns no value at all gives no sample in 2.6
	is($body =~ s/\[0\] \[\] \[0\]/[0] [0] [0]/r, ($mine->[0] =~ /^\[(.*)\] 0 interim/m)[0], 'as haproxy: values');
	$p->stop;
}

my $log = syslog_unix();
my $p = start_proxy(config($log));
$p->get('web', '/values');
ok($p->wait_output(qr/Lua [\w-]+ 'sleep': .*yield not allowed/), 'a fetch cannot wait: told');
is($p->get('web', '/fail')->body, '[] []', 'errors give nothing');
ok($p->wait_output(qr/Lua [\w-]+ 'fail': .*fetch\.lua:\d+: oops/), 'and are told');
ok($p->wait_output(qr/Lua [\w-]+ 'wait': .*yield not allowed/), 'a converter neither');
my $c = $p->client('tcp');
$c->send('no');
ok($c->is_closed, 'tcp-request content');
is($log->next_match(qr/^tcp/)->{msg}, 'tcp-', 'its log');
$c = $p->client('tcp');
$c->send('ok');
ok($l->accept, 'tcp-request content, the other way');
stop_proxy($p);

# bad uses
for (['lua.nope', qr/no script has registered a fetch/], ['str(a),lua.nope', qr/no script has registered a converter/]) {
	my $r = check_config("global\n    lua-load $script\n" . defaults()
	    . "listen a\n    bind :0\n    http-request set-var(txn.a) $_->[0]\n");
	isnt($r->{code}, 0, "$_->[0]: refused");
	like($r->{err}, $_->[1], "$_->[0]: why");
}

# a check has no request
my $h = origin(name => 'h', respond => sub { $_[2]->record('seen', $_[0]->header('X-Lua') // ''); $_[2]->reply($_[0]) });
my $q = start_proxy("global\n    lua-load $script\n" . defaults() . "
listen a
    bind {BIND:a}
    option httpchk
    http-check send meth GET uri / hdr X-Lua %[lua.check]
    http-check expect status 200
    server s ${\ $h->addr} check inter 50ms
");
ok($h->wait_events('seen', 2), 'checks are sent');
is(($h->events('seen'))[0][2], 'OKnilnilinput: a health check has no clientnil', 'a fetch without a request');
stop_proxy($q);

done_testing();

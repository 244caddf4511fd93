# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The words of errors that users search for and tools match, beside those of
# Debian's haproxy: the same function, reason, file and line.
use Tideway::Test;
use Tideway::Compare;
use Tideway::Cli;

my $script = spew('errors.lua', <<'END');
core.register_action("index", { "http-req" }, function(txn)
	local x
	x.y = 1
end)
core.register_action("call", { "http-req" }, function(txn) txn:nothing() end)
core.register_action("raise", { "http-req" }, function(txn) error("said so") end)
core.register_action("deep", { "http-req" }, function(txn)
	local function f(n) if n == 0 then error("at the end") end return (f(n - 1)) end
	f(3)
end)
core.register_action("loop", { "http-req" }, function(txn) while true do end end)
core.register_action("module", { "http-req" }, function(txn) require "no_such_module" end)
core.register_action("arithmetic", { "http-res" }, function(txn) return {} + 1 end)
core.register_fetches("fail", function(txn) local t = nil return t.x end)
core.register_fetches("wait", function(txn) core.sleep(1) return "x" end)
core.register_fetches("socket", function(txn) local s = core.tcp() s:connect("127.0.0.1", 1) return "x" end)
core.register_converters("concat", function(v) return v .. nil end)
core.register_converters("wait", function(v) core.msleep(1) return v end)
core.register_service("fail", "http", function(a)
	error("in a service")
end)
core.register_service("tcp-fail", "tcp", function(a) a.x.y = 1 end)
core.register_task(function()
	core.msleep(1)
	local n = nil + 1
end)
core.register_cli({ "errors" }, "", function(a) error("in a command") end)
END
my $o = origin(name => 's');
my @told = (
	['index', qr/Lua function 'index': RE\S+:3: attempt to index a nil value \(local 'x'\)/],
	['call', qr/Lua function 'call': RE\S+:5: attempt to call a nil value \(method 'nothing'\)/],
	['raise', qr/Lua function 'raise': RE\S+:6: said so/],
	['deep', qr/Lua function 'deep': RE\S+:8: at the end/],
	['loop', qr/Lua function 'loop': .*execution timeout/],
	['module', qr/Lua function 'module': RE\S+:12: module 'no_such_module' not found/],
	['arithmetic', qr/Lua function 'arithmetic': RE\S+:13: attempt to perform arithmetic on a table value/],
	['fetch', qr/Lua sample-fetch 'fail': RE\S+:14: attempt to index a nil value \(local 't'\)/],
	['fetch', qr/Lua sample-fetch 'wait': .*yield not allowed/],
	['fetch', qr/Lua sample-fetch 'socket': .*(?:yield|connect).*not allowed/],
	['converter', qr/Lua converter 'concat': RE\S+:17: attempt to concatenate a nil value/],
	['converter', qr/Lua converter 'wait': .*yield.* not allowed/],
	['service', qr/Lua applet (?:http )?'(?:<lua\.)?fail>?': RE\S+:20: in a service/],
	['tcp', qr/Lua applet (?:tcp )?'(?:<lua\.)?tcp-fail>?': RE\S+:22: attempt to index a nil value \(field 'x'\)/],
	['task', qr/Lua task: RE\S+:25: attempt to perform arithmetic on a nil value/],
	['cli', qr/Lua cli '.*errors.*': RE\S+:27: in a command/],
);

sub config
{
	my ($how, $sock, $more) = @_;

	return "global
    nbthread 2
    stats socket $sock level admin
    tune.lua.session-timeout 300ms
    ${\ ($more // '')}
    $how $script
" . defaults() . "
frontend web
    bind {BIND:web}
" . join('', map { "    http-request lua.$_ if { path /$_ }\n" } qw(index call raise deep loop module)) . "
    http-request return status 200 content-type text/plain lf-string \"[%[lua.fail]%[lua.wait]%[lua.socket]]\" if { path /fetch }
    http-request return status 200 content-type text/plain lf-string \"[%[path,lua.concat]%[path,lua.wait]]\" if { path /converter }
    http-request use-service lua.fail if { path /service }
    http-response lua.arithmetic
    default_backend app
backend app
    server s ${\ $o->addr}
listen tcp
    mode tcp
    bind {BIND:tcp}
    tcp-request content use-service lua.tcp-fail
";
}

# The statuses; what was told is on stderr: at most ten lines a second, so that a
# process is asked for a part of the errors only.
my @parts = ([0 .. 6], [7 .. 15]);

sub drive
{
	my ($p, $sock, $part) = @_;
	my $get = sub { map { my $r = $p->get('web', "/$_"); "$_ " . $r->status . ' ' . $r->body =~ s/\s.*//sr } @_ };

	return join "\n", $get->(qw(index call raise deep loop module arithmetic)) if $part == 0;
	my @seen = ($get->(qw(fetch converter)), 'service ' . $p->get('web', '/service')->status,
		'tcp ' . $p->client('tcp')->read_all);
	cli_ask($sock, 'errors');
	return join "\n", @seen;
}

sub tells
{
	my ($p, $what, $re) = @_;

	# HAProxy's words before: [state-id 0] runtime error:
	$re =~ s/RE/(?:\\[state-id \\d+\\] )?runtime error: /;
	return $p->wait_output(qr/$re/);
}

my $haproxy = find_haproxy();
my $dir = Tideway::Test::temp_dir();

sub part
{
	my ($how, $part) = @_;
	my @want = @told[@{ $parts[$part] }];
	my $p = start_proxy(config($how, "$dir/$how.$part.sock", 'tune.lua.bool-sample-conversion normal'));
	my $mine = drive($p, "$dir/$how.$part.sock", $part);

	for (@want) {
		ok(tells($p, @$_), "$_->[0]: $_->[1]") or diag($p->stderr);
	}
	unlike($mine, qr/^(?:index|call|raise|deep|loop|module|arithmetic) (?!200)/m, 'errors let requests pass');
	stop_proxy($p);
	return unless $haproxy;
	my $h = start_proxy(config($how, "$dir/$how.$part.h.sock"), bin => $haproxy);
	is($mine, drive($h, "$dir/$how.$part.h.sock", $part), 'what clients get, as haproxy');
	for (@want) {
		ok(tells($h, @$_), "$_->[0]: as haproxy") or diag($h->stderr);
	}
	$h->stop;
}

for my $how ('lua-load', 'lua-load-per-thread') {
	subtest "$how: actions" => sub { part($how, 0) };
	subtest "$how: the others" => sub { part($how, 1) };
}

done_testing();

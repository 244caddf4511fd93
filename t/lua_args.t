# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What ready scripts are made with: tw.args, tw.script, req.f, tw.c, what a rate
# has left; a script that is found by its name alone.
use Tideway::Test;

plan(skip_all => 'HAProxy has no such API') unless is_tideway();

my $origin = origin(name => 'o');
my $addr = $origin->addr;
my $dir = Tideway::Test::temp_dir() . '/ready';
mkdir $dir;
$ENV{TIDEWAY_LUA_PATH} = $dir;

sub conf
{
	my ($file, $args) = @_;

	return "global\n    nbthread 2\n    lua-script mine file $file " . ($args ne '' ? "arg $args" : '') . "\n"
	    . defaults() . "frontend web\n    bind {BIND:web}\n    default_backend b\nbackend b\n    server s $addr\n";
}

sub body_says
{
	my ($lua, $args) = @_;

	return check_config(conf(spew('body.lua', $lua), $args // '') =~ s/\{BIND:web\}/127.0.0.1:0/r);
}

subtest 'kinds of arguments' => sub {
	my $r = body_says(<<'END', 's=x n=1.5 i=-7 b=on c=off t=500ms u=2h v=3 be=b l=a,,b p=k:1,m:a:b');
local a = tw.args(..., {
	s = { "string" }, n = { "number", min = 1, max = 2 }, i = { "integer" }, b = { "boolean" },
	c = { "boolean", true }, t = { "time" }, u = { "time", max = 7200 }, v = { "time", 5 },
	be = { "backend" }, l = { "list" }, p = { "pairs" },
	usual = { "string", "u" }, no = { "boolean", false }, none = { "list", optional = true },
	some = { "list", { "x" } },
})
assert(a.s == "x" and a.n == 1.5 and a.i == -7 and a.b == true and a.c == false)
assert(a.t == 0.5 and a.u == 7200 and a.v == 3 and a.be == "b" and a.usual == "u" and a.no == false)
assert(#a.l == 2 and a.l[1] == "a" and a.l[2] == "b" and a.none == nil and a.some[1] == "x")
assert(#a.p == 2 and a.p[1][1] == "k" and a.p[1][2] == "1" and a.p[2][2] == "a:b")
assert(tw.script == "mine")
END
	is($r->{code}, 0, 'all kinds') or diag($r->{all});
};

subtest 'arguments that are refused' => sub {
	my @bad = (
		['{ "string" }', '', qr/mine: argument 'x' is missing: a text is expected/],
		['{ "string" }', 'x=', qr/mine: argument 'x' is '': a text/],
		['{ "string", one_of = { "a", "b" } }', 'x=c', qr/'x' is 'c': a text out of a, b is expected/],
		['{ "number", 1, min = 0, max = 5 }', 'x=6', qr/'x' is '6': a number from 0 up to 5 is expected/],
		['{ "number", 1 }', 'x=1a', qr/'x' is '1a': a number/],
		['{ "integer", 1 }', 'x=1.5', qr/an integer/],
		['{ "boolean", true }', 'x=maybe', qr/'on' or 'off'/],
		['{ "time", 1 }', 'x=5y', qr/a time, as 500ms/],
		['{ "time", 1, min = 1 }', 'x=5ms', qr/from 1/],
		['{ "backend" }', 'x=zz', qr/'x' is 'zz': the name of a backend/],
		['{ "list" }', 'x=,', qr/a list of words/],
		['{ "pairs" }', 'x=a', qr/a list name:value/],
		['{ "pairs" }', 'x=:a', qr/a list name:value/],
		['{ "string", "d" }', 'y=1', qr/mine: argument 'y' is unknown: it takes x/],
		['{ "strng" }', 'x=1', qr/tw\.args: x: there is no kind strng/],
	);
	for (@bad) {
		my ($spec, $args, $why) = @$_;
		my $r = body_says("tw.args(..., { x = $spec })\n", $args);
		ok($r->{sane} && $r->{code} == 1, "$spec $args");
		like($r->{all}, $why, 'and why');
	}
};

subtest 'fetches, converters' => sub {
	my $p = start_proxy(conf(spew('f.lua', <<'END'), ''));
assert(tw.c:lower("ABC") == "abc")
local ok, why = pcall(function() return tw.c:jwt_verify("", "RS256", "/nonexistent") end)
assert(not ok and why:find("/nonexistent", 1, true), why)
ok, why = pcall(function() return tw.c.lower("A") end)
assert(not ok and why:find("with a colon", 1, true), why)
assert(not pcall(function() return tw.c:nonsense("A") end))
local kept
function on_request(req)
	if req.path == "/kept" then
		local fetches = req.f
		kept = kept or fetches
		return req:reply(200, tostring(kept == fetches) .. kept:path())
	end
	local uuid = req.f:uuid()
	local t = { req.f:hdr("x-a"), req.f:url_param("q"), tostring(req.f:hdr("none")), #uuid,
		tw.c:ipmask("10.1.2.3", 8), tw.c:sub(7, 2), tostring(req.f:rand(1)) }
	req:reply(200, table.concat(t, " "))
end
END
	my $ask = sub { $p->request('web', "GET $_[0] HTTP/1.1\r\nHost: h\r\nX-A: v\r\n\r\n")->body };
	is($ask->('/?q=5'), 'v 5 nil 36 10.0.0.0 5 0', 'in a hook');
	is($ask->('/kept') . $ask->('/kept'), 'true/kepttrue/kept', 'the same for all requests');
	stop_proxy($p);
};

subtest 'what a rate has left' => sub {
	my $r = body_says(<<'END');
local l = tw.ratelimit{ name = "left", rate = 1, per = 1000, burst = 2 }
for want = 2, 0, -1 do
	local ok, wait, left = l:take("k")
	assert(ok and wait == 0 and left == want, left)
end
local ok, wait, left = l:take("k")
assert(not ok and wait > 900 and left == 0)
local by = tw.ratelimit{ rate = 1, key = "header:x" }
ok, wait, left = by:take{ path = "/" }
assert(ok and wait == 0 and left == nil)
END
	is($r->{code}, 0, 'counted down') or diag($r->{all});
};

subtest 'a ready script' => sub {
	spew('ready/found.lua', 'function on_request(req) req:reply(200, "found " .. tw.script) end');
	my $p = start_proxy(conf('found.lua', ''));
	is($p->get('web', '/')->body, 'found mine', 'by its name');
	stop_proxy($p);
	my $say = sub { check_config(conf($_[0], '') =~ s/\{BIND:web\}/127.0.0.1:0/r) };
	is($say->('found.lua')->{code}, 0, '-c, too');
	my $r = $say->('lost.lua');
	ok($r->{sane} && $r->{code} == 1, 'one that is nowhere');
	like($r->{all}, qr/there is no file 'lost\.lua', neither here nor in \Q$dir\E/, 'and where it was looked for');
	like($say->('./found.lua')->{all}, qr{cannot open \S*\./found\.lua}, 'a path is a path');
};

done_testing();

# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# tw.router and tw.split: against a naive matcher of random routes and requests,
# and through real sockets.
use Tideway::Test;

my @o = map { origin(name => "s$_") } 1 .. 3;
my $servers = join '', map { "backend b$_\n    server s$_ " . $o[$_ - 1]->addr . "\n" } 1 .. 3;

sub conf
{
	my ($lua, $more) = @_;
	my $path = spew('r.lua', $lua);

	return "global\n    nbthread 2\n    lua-script r file $path\n" . defaults()
	    . "frontend web\n    bind {BIND:web}\n    default_backend b1\n$servers" . ($more // '');
}

# runs the file's body only
sub body_says
{
	my ($lua) = @_;

	return check_config(conf($lua) =~ s/\{BIND:web\}/127.0.0.1:0/r);
}

subtest 'as a naive matcher' => sub {
	my $r = body_says(<<'END');
math.randomseed(tonumber(os.getenv("TW_SEED") or 7))
local rnd = math.random
local function one(t) return t[rnd(#t)] end
local hosts = { "a.b", "c.a.b", "d.c.a.b", "*.b", "*.a.b", "*.c.a.b", "X.b", "*" }
local paths = { "/", "/*", "/a", "/a/*", "/a/b", "/a/b/*", "/a/b/c", "/b/*", "/ab/*", "~^/a", "~b$", "~^/a/[bc]" }
local asked = { "/", "/a", "/a/", "/ab", "/a/b", "/a/b/", "/a/b/c", "/a/bc", "/b", "/b/x/y", "/ab/c", "", "*", "//a", "/a//b" }
local function route()
	local r = { to = one{ "b1", "b2", "b3" } }
	if rnd() < 0.7 then r.host = one(hosts) end
	if rnd() < 0.8 then r.path = one(paths) end
	if rnd() < 0.3 then r.method = one{ "GET", "POST" } end
	if rnd() < 0.3 then r.header = { [one{ "x", "y" }] = one{ "1", "2", true } } end
	if rnd() < 0.3 then r.query = { [one{ "p", "q" }] = one{ "1", "a b", true } } end
	return r
end
local function request()
	local r = { host = one{ "a.b", "A.B:80", "c.a.b", "d.c.a.b", "e.d.c.a.b", "x.b", "b", "z" }, path = one(asked),
	    method = one{ "GET", "POST", "PUT" }, headers = {} }
	if rnd() < 0.6 then r.headers[one{ "x", "y" }] = one{ "1", "2" } end
	if rnd() < 0.6 then r.query = one{ "p", "q" } .. one{ "", "=1", "=a+b", "=a%20b", "=2&p=1" } end
	return r
end
local function decode(s) return (s:gsub("+", " "):gsub("%%(%x%x)", function(h) return string.char(tonumber(h, 16)) end)) end
local re = { ["~^/a"] = "^/a", ["~b$"] = "b$", ["~^/a/[bc]"] = "^/a/[bc]" }
-- the rank of the host: nil, it does not match
local function host_rank(want, host)
	if want == nil or want == "*" then return 0 end
	want, host = want:lower(), host:lower():gsub(":.*", "")
	if want == host then return 1000 end
	if want:sub(1, 2) ~= "*." then return nil end
	local tail = want:sub(2)
	if #host > #tail and host:sub(-#tail) == tail then return #tail end
end
local function path_rank(want, path)
	if want == nil or want == "/*" then return 0 end
	if re[want] then return path:find(re[want]) and 1 end
	if want:sub(-2) == "/*" then
		local p = want:sub(1, -3)
		if path == p or path:sub(1, #p + 1) == p .. "/" then return 1 + #p end
		return nil
	end
	return path == want and 1000 or nil
end
local function args(q)
	local t = {}
	for k, v in (q or ""):gmatch("([^&=]+)=?([^&]*)") do if not t[k] then t[k] = decode(v) end end
	return t
end
local function count(t) local n = 0 for _ in pairs(t or {}) do n = n + 1 end return n end
local function rank(r, q)
	local h, p = host_rank(r.host, q.host), path_rank(r.path, q.path)
	if not h or not p or (r.method and r.method ~= q.method) then return nil end
	for k, v in pairs(r.header or {}) do if not q.headers[k] or (v ~= true and q.headers[k] ~= v) then return nil end end
	local a = args(q.query)
	for k, v in pairs(r.query or {}) do if not a[k] or (v ~= true and a[k] ~= v) then return nil end end
	return { h, p, r.method and 1 or 0, count(r.header), count(r.query) }
end
local function better(a, b)
	for i = 1, 5 do if a[i] ~= b[i] then return a[i] > b[i] end end
	return false
end
local function naive(list, q)
	local best, at
	for i, r in ipairs(list) do
		local k = rank(r, q)
		if k and (not best or better(k, best)) then best, at = k, i end
	end
	return at
end
local n, hits = 0, 0
for round = 1, 400 do
	local list = {}
	for i = 1, rnd(12) do list[i] = route() end
	local router = tw.router(list)
	for i = 1, 60 do
		local q = request()
		local want, got = naive(list, q), router:match(q)
		n = n + 1
		if got then hits = hits + 1 end
		if got ~= list[want or 0] then
			error(("round %d: %s %s %s ? %s: route %s, not %s"):format(round, q.method, q.host, q.path, tostring(q.query),
			    tostring(want), tostring(got and got.path)))
		end
	end
end
assert(hits > n / 4 and hits < n, "the requests say something")
END
	is($r->{code}, 0, 'the same routes') or diag($r->{all});
};

subtest 'splits' => sub {
	my $r = body_says(<<'END');
local s = tw.split{ b1 = 90, b2 = 10, by = "arg:u" }
local again = tw.split{ b2 = 10, b1 = 90, by = "arg:u" }
local more = tw.split{ b1 = 80, b2 = 20, by = "arg:u" }
local n, moved = { b1 = 0, b2 = 0 }, 0
for i = 1, 5000 do
	local q = { query = "u=" .. i }
	local to = s:pick(q)
	n[to] = n[to] + 1
	assert(to == s:pick(q) and to == again:pick(q))
	if more:pick(q) ~= to then moved = moved + 1 assert(to == "b1") end
end
assert(n.b2 > 400 and n.b2 < 600, n.b2)
assert(moved > 380 and moved < 620, moved)
local free, m = tw.split{ b1 = 1, b2 = 1, b3 = 0 }, { b1 = 0, b2 = 0 }
for i = 1, 2000 do local to = free:pick{} m[to] = m[to] + 1 end
assert(m.b1 > 800 and m.b2 > 800)
END
	is($r->{code}, 0, 'shares, keys, few moves') or diag($r->{all});
};

subtest 'what is wrong' => sub {
	my %say = (
		'tw.router{}' => qr/a list of routes is expected/,
		'tw.router{ 1 }' => qr/route 1 is a number/,
		'tw.router{ { path = "/a" } }' => qr/route 1: 'to' is missing/,
		'tw.router{ { to = "none" } }' => qr/no backend 'none'/,
		'tw.router{ { to = "b1", paht = "/" } }' => qr/unknown field 'paht'/,
		'tw.router{ { to = "b1", path = "a" } }' => qr/path 'a': write/,
		'tw.router{ { to = "b1", path = "/a*b" } }' => qr/write/,
		'tw.router{ { to = "b1", path = "~(" } }' => qr/path '~\(': missing/,
		'tw.router{ { to = "b1", host = "a*.b" } }' => qr/host 'a\*\.b': write/,
		'tw.router{ { to = "b1", header = { a = 1 } } }' => qr/'header' is/,
		'tw.router{ { to = "b1", min_up = 1 } }' => qr/needs 'else_to'/,
		'tw.router{ { to = "b1", method = {} } }' => qr/'method' is a table/,
		'tw.split{ none = 1 }' => qr/no backend 'none'/,
		'tw.split{ b1 = -1 }' => qr/a weight is 0 to/,
		'tw.split{ b1 = 0 }' => qr/no backend has a weight/,
		'tw.split{ b1 = 1, by = "what" }' => qr/a key is "src"/,
	);
	for my $lua (sort keys %say) {
		my $r = body_says($lua);
		ok($r->{sane} && $r->{code} == 1, $lua);
		like($r->{all}, $say{$lua}, 'and why');
	}
};

subtest 'through sockets' => sub {
	my $gone = listener();
	my $addr = $gone->addr;
	$gone->close;
	my $p = start_proxy(conf(<<'END', "backend down\n    server d $addr disabled\n"));
on_route = tw.router{
	{ host = "*.shop.io", path = "/api/*", method = "GET", header = { ["x-v"] = "2" }, to = "b3" },
	{ host = "*.shop.io", path = "/api/*", to = "b2" },
	{ path = "/split", to = tw.split{ b2 = 1, b3 = 0, by = "cookie:uid" } },
	{ path = "/down", to = "down", min_up = 1, else_to = "b3" },
	{ path = "~^/u/\\d+$", query = { beta = true }, to = "b3" },
}
END
	my $at = sub { my ($host, $uri, @f) = @_; $p->request('web', "GET $uri HTTP/1.1\r\nHost: $host\r\n"
	    . join('', map { "$_\r\n" } @f) . "\r\n")->header('x-server') };
	is($at->('www.Shop.io:80', '/api/x'), 's2', 'wildcard host, prefix');
	is($at->('www.shop.io', '/api', 'X-V: 2'), 's3', 'more precise by a header');
	is($at->('shop.io', '/api'), 's1', 'none: as proposed');
	is($at->('x', '/split', 'Cookie: uid=5'), 's2', 'a split');
	is($at->('x', '/down'), 's3', 'else_to');
	is($at->('x', '/u/12?beta'), 's3', 'a regular expression, an argument');
	is($at->('x', '/u/x?beta'), 's1', 'that does not match');
	stop_proxy($p);
	$p = start_proxy(conf(<<'END'));
local router = tw.router{ { path = "/a", to = "b2", name = "first" }, { path = "/x/*", to = "b3" } }
function on_route(req, proposal)
	local route, to = router:match(req)
	if route and route.name == "first" and req.args.not_it then return "b3" end
	if req.path == "/x/split" then return tw.split{ b2 = 1 } end
	if req.path == "/x/whole" then return router end
	return to
end
END
	is($at->('h', '/a'), 's2', 'match');
	is($at->('h', '/a?not_it=1'), 's3', 'amended');
	is($at->('h', '/x/split'), 's2', 'a split returned');
	is($at->('h', '/x/whole'), 's3', 'a router returned');
	is($at->('h', '/none'), 's1', 'no route');
	stop_proxy($p);
	my $cfg = spew('e.cfg', conf("\non_route = tw.router{\n\t{ path = '/a', to = 'b2' } }\n") =~ s/\{BIND:web\}/:8080/r);
	my $out = run_cmd('explain', '-f', $cfg, 'GET /a', '-H', 'Host: a')->{out};
	like($out, qr/the router's route 1/, 'explain: which route');
	like($out, qr/backend b2  by lua  \(r.lua:\d\)/, 'explain: whose');
};

done_testing();

# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The native API: in which hooks each function is allowed, objects that were kept beyond
# their request, and any arguments for everything, by chance, in every hook.
use Tideway::Test;
use Tideway::Cli;

plan(skip_all => 'ours') unless is_tideway();
my $sock = Tideway::Test::temp_dir() . '/admin.sock';
my $rounds = ($ENV{TW_SANITIZER} // 'no') =~ /thread/ ? 30 : 100;
my $o = origin(name => 's', respond => sub { response(200, 'answer', 'X-A: 1', 'X-A: 2') });
my $map = spew('n.map', "a b\n");

my $script = spew('native.lua', "local N, MAP = $rounds, '$map'\n" . <<'END');
local told = tw.shared.told
local function try(f, ...)
	local ok, e = pcall(f, ...)
	return ok and "ok" or (tostring(e):gsub("^[^ ]*%.lua:%d+: ", ""))
end

-- ---- where what is allowed
local calls = {
	route = function(q) q:route("b") end,
	server = function(q) q:server("b/s") end,
	reply = function(q) q:reply(200, "x") end,
	redirect = function(q) q:redirect("/x") end,
	deny = function(q) q:deny() end,
	drop = function(q) q:drop() end,
	tarpit = function(q) q:tarpit(0) end,
	rewrite = function(q) q:rewrite{ path = "/other" } end,
	timeout = function(q) q:timeout{ server = 5 } end,
	retry = function(q) q:retry{ times = 1 } end,
	priority = function(q) q:priority(1) end,
	log = function(q) q:log{ a = 1 } end,
	body = function(q) q:body() end,
	json = function(q) q:json() end,
	filter_body = function(q) q:filter_body(function() end) end,
	set = function(q) q.headers.x = "1" end,
	add = function(q) q.headers:add("x", "1") end,
	status = function(q) q.response.status = 201 end,
	res_set = function(q) q.response.headers.x = "1" end,
	res_add = function(q) q.response.headers:add("x", "1") end,
	res_body = function(q) q.response:body() end,
	res_filter_body = function(q) q.response:filter_body(function() end) end,
}
local function one(stage, req)
	local want, what = req.headers.x_stage, req.headers.x_do
	if want == stage and calls[what] then told:set(stage .. "/" .. what, try(calls[what], req)) end
end

-- ---- what was kept
local kept
local function keep(req)
	local step, t, k = pairs(req.headers)
	kept = {
		{ "req", function(o) return o.path end, req }, { "method", function(o) o:deny() end, req },
		{ "assign", function(o) o.path = 1 end, req }, { "headers", function(o) return o.host end, req.headers },
		{ "set", function(o) o.x = "1" end, req.headers }, { "all", function(o) return o:all("x") end, req.headers },
		{ "pairs", function(o) for _ in pairs(o) do end end, req.headers }, { "next", function() step(t, k) end, req },
		{ "args", function(o) return o.a end, req.args }, { "args pairs", function(o) for _ in pairs(o) do end end, req.args },
		{ "cookies", function(o) return o.a end, req.cookies }, { "cookies pairs", function(o) for _ in pairs(o) do end end, req.cookies },
		{ "vars", function(o) return o.a end, req.vars }, { "vars set", function(o) o.a = 1 end, req.vars },
		{ "time", function(o) return o.total end, req.time }, { "res", function(o) return o.status end, req.response },
		{ "res set", function(o) o.status = 300 end, req.response }, { "res body", function(o) o:body() end, req.response },
		{ "res headers", function(o) return o.x end, req.response.headers }, { "res headers set", function(o) o.x = "1" end, req.response.headers },
		{ "router", function(o) ROUTER:match(o) end, req }, { "split", function(o) SPLIT:pick(o) end, req },
		{ "rate", function(o) RATE:take(o) end, req },
	}
end
ROUTER = tw.router{ { host = "h", to = "b" } }
SPLIT = tw.split{ b = 1, by = "src" }
BMAP = tw.map(MAP)
RATE = tw.ratelimit{ rate = 100000, key = "src" }

-- ---- anything
local strings = { "", "x", "host", "content-length", "12", "-1", "a b", "a\r\nb: c", "\0", "txn.a", "proc.b", "nope.c", "b", "b/s", "b/", "/", "s",
	"500ms", "5x", "src", "cookie:x", string.rep("y", 3000), "/path", "?", "GET", "http://h/x", "\xff\xfe", "by", "leastconn", "random", "path" }
local numbers = { 0, 1, -1, 5, 200, 404, 503, 1e300, -1e300, 0 / 0, 1 / 0, 2.5, math.maxinteger, math.mininteger, 4096, -4096 }
local others = { {}, { 1 }, { by = "random" }, { by = error }, { path = "/x" }, { server = 1, connect = "x" }, { times = 1 }, { on = false }, { a = {} },
	{ { host = "*.x", path = "/y/*", to = "b" } }, { { path = 1 } }, { b = 1 }, { rate = 1 }, { rate = "x", key = {} }, print, coroutine.create(print), true, false,
	io.stdout, setmetatable({}, { __tostring = error, __index = error }) }
local OLD = {}
local function value(mine)
	local n = math.random(7)
	if n == 1 then return nil end
	if n == 2 then return strings[math.random(#strings)] end
	if n == 3 then return numbers[math.random(#numbers)] end
	if n == 4 then return others[math.random(#others)] end
	if n == 5 then return mine[math.random(#mine)] end
	if n == 6 and #OLD > 0 then return OLD[math.random(#OLD)] end
	return math.random(-10, 10)
end
local names = {}
for name in pairs(calls) do names[#names + 1] = name end
for _, name in ipairs{ "all", "up", "name", "servers", "server", "pick", "match", "take", "get", "incr", "cas", "ttl", "expire", "delete", "list", "info", "path", "query",
    "host", "src", "dst_port", "tls", "id", "unique_id", "backend", "server_name", "status", "retries", "bytes_in", "termination", "headers", "args", "cookies", "vars",
    "time", "response", "total", "lookup", "hash", "now", "map", "split", "router", "ratelimit", "log", "addr", "queue", "flush" } do
	names[#names + 1] = name
end
-- these wait, or do something later
local waits = { sleep = true, every = true, after = true, http = true, tcp = true, resolve = true, all = true, log = true }
local n, failed = 0, 0
local function drive(req)
	local ok, res = pcall(function() return req.response end)
	local mine = { req, req.headers, req.args, req.cookies, req.vars, req.time, ROUTER, SPLIT, RATE, tw.shared.any, tw.backend("b"), tw.backend("b"):server("s"), BMAP }
	if ok and res then
		mine[#mine + 1] = res
		mine[#mine + 1] = res.headers
	end
	local own = {}
	for name, f in pairs(tw) do if type(f) == "function" and not waits[name] then own[#own + 1] = name end end
	table.sort(own)
	for i = 1, N do
		local args, count = {}, math.random(0, 5)
		for k = 1, count do args[k] = value(mine) end
		local f, me, ok, e
		if math.random(4) == 1 then
			ok, e = pcall(tw[own[math.random(#own)]], table.unpack(args, 1, count))
		else
			me = mine[math.random(#mine)]
			ok, f = pcall(function() return me[names[math.random(#names)]] end)
			if ok and type(f) == "function" then
				if math.random(10) == 1 then me = value(mine) end
				ok, e = pcall(f, me, table.unpack(args, 1, count))
			end
		end
		n = n + 1
		if not ok then failed = failed + 1 end
		pcall(function() return mine[math.random(#mine)][value(mine)] end)
		if math.random(5) == 1 then pcall(function() mine[math.random(#mine)][value(mine)] = value(mine) end) end
		pcall(tostring, mine[math.random(#mine)])
		pcall(function() for k, v in pairs(mine[math.random(#mine)]) do if math.random(3) == 1 then break end end end)
	end
	for i = 1, #mine do OLD[math.random(40)] = mine[i] end
	for i = 1, 40 do OLD[i] = OLD[i] or req end
	told:incr("calls", n, 0)
	told:incr("failed", failed, 0)
	n, failed = 0, 0
end
local function stage(name, req)
	local ok, want = pcall(function() return req.headers.x_stage end)
	if not ok or not want then return end
	if want == name and req.headers.x_do == "any" then
		drive(req)
	else
		one(name, req)
	end
end
function on_init()

	for name, f in pairs(calls) do told:set("on_init/" .. name, try(f, {})) end
end
function on_accept(conn)
	if conn.frontend == "anyone" then drive(conn) end
	if conn.frontend == "acc" then
		for name, f in pairs(calls) do if name ~= "drop" and name ~= "deny" then told:set("on_accept/" .. name, try(f, conn)) end end
	end
end
function on_request(req)
	if req.path == "/told" then return req:reply(200, tostring(told:get(req.query))) end
	if req.path == "/tw" then
		local now, h = tw.now(), {}
		for i = 1, 200 do h[tw.hash("k" .. i, 5)] = true end
		return req:reply(200, table.concat({ tostring(math.abs(now - os.time()) < 5) .. #h .. tostring(h[0]) .. tostring(h[6]) ..
		    tostring(tw.hash("a", 9) == tw.hash("a", 9)) .. math.type(tw.hash("a")) .. math.type(tw.worker) ..
		    tw.json.encode(tw.json.decode('{"a":[1]}')), try(tw.hash), try(tw.hash, "a", -1), try(tw.hash, {}),
		    try(tw.sleep, "x"), try(tw.every, 0, print), try(tw.after, 1), try(tw.all, 1), try(tw.all, { 1 }) }, "|"))
	end
	if req.path == "/used" then
		local out = {}
		for _, k in ipairs(kept or {}) do out[#out + 1] = k[1] .. ": " .. try(k[2], k[3]) end
		return req:reply(200, table.concat(out, "\n"))
	end
	stage("on_request", req)
end
function on_route(req) stage("on_route", req) end
function on_pick(req) stage("on_pick", req) end
function on_response(res, req)
	if req.path == "/keep" then keep(req) end
	stage("on_response", req)
end
function on_log(rec) stage("on_log", rec) end
END

my $p = start_proxy("global
    nbthread 1
    stats socket $sock level admin
    lua-shared told 1m
    lua-shared any 1m
    lua-script native file $script
" . defaults('option dontlognull') . "
frontend web
    bind {BIND:web}
    default_backend b
frontend anyone
    bind {BIND:anyone}
    default_backend b
frontend acc
    bind {BIND:acc}
    default_backend b
backend b
    server s ${\ $o->addr}
");
sub told { $p->get('web', "/told?$_[0]")->body }
# what comes back does not matter
sub go
{
	my ($stage, $do, $at) = @_;
	my $c = $p->client($at // 'web');

	$c->send("POST /x?a=1&b HTTP/1.1\r\nHost: h\r\nCookie: a=1; b=2\r\nX-Stage: $stage\r\nX-Do: $do\r\n"
	    . "Connection: close\r\nContent-Length: 2\r\n\r\n{}");
	my $r = eval { $c->read_response(secs => 20) };
	$c->close;
	return $r;
}

subtest 'where' => sub {
	my $early = 'on_request on_route';
	my %allowed = (
		route => $early, server => $early, reply => "$early on_response", redirect => "$early on_response",
		deny => "$early on_pick on_response", drop => "$early on_response", tarpit => $early, rewrite => "$early on_pick",
		timeout => "$early on_pick on_response", retry => "$early on_pick", priority => "$early on_pick",
		log => "$early on_pick on_response on_log", body => $early, json => $early, filter_body => $early,
		set => "$early on_pick", add => "$early on_pick",
		(map { $_ => 'on_response' } qw(status res_set res_add res_body res_filter_body)),
	);
	for my $do (sort keys %allowed) {
		for my $stage (qw(on_request on_route on_pick on_response on_log)) {
			go($stage, $do);
			my $said = 'nil';
			wait_until { ($said = told("$stage/$do")) ne 'nil' };
			my $want = $allowed{$do} =~ /\b$stage\b/ ? qr/^ok$/
			    : $do =~ /^res_|status/ && $stage =~ /request|route|pick/ ? qr/index a nil value/ : qr/: not in $stage$/;
			like($said, $want, "$do in $stage");
		}
		isnt(told("on_init/$do"), 'ok', "$do in on_init");
	}
	$p->get('acc', '/x');
	for my $do (sort keys %allowed) {
		like(told("on_accept/$do"), $do eq 'log' ? qr/^ok$/ : $do =~ /^res_|status/ ? qr/nil value/ : qr/: not in on_accept$/, "$do in on_accept")
		    if $do !~ /deny|drop/;
	}
};

subtest 'tw' => sub {
	my ($values, @e) = split /\|/, $p->get('web', '/tw')->body;
	is($values, 'true5nilniltrueintegerinteger{"a":[1]}', 'now, hash, worker, json');
	isnt($_, 'ok', $_) for @e;
	is(scalar @e, 8, 'errors');
};

subtest 'kept' => sub {
	$p->get('web', '/keep?a=1', 'Cookie: a=1');
	my @said = split /\n/, $p->get('web', '/used')->body;
	is(scalar @said, 23, 'all kinds of objects');
	like($_, qr/^assign: .*cannot be assigned|ha(s|ve) ended: do not keep/, $_) for @said;
};

subtest 'anything' => sub {
	for my $stage (qw(on_request on_route on_pick on_response on_log)) {
		go($stage, 'any') for 1 .. 12;
	}
	go('none', 'none', 'anyone') for 1 .. 12;
	is($p->get('web', '/')->body, 'answer', 'it goes on');
	my ($calls, $failed) = (told('calls'), told('failed'));
	ok($calls >= 40 * $rounds && $failed > $calls / 4 && $failed < $calls, "$failed of $calls failed");
};

stop_proxy($p);
done_testing();

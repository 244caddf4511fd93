# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What scripts rely on, one subtest for each behaviour, in both load modes with two
# threads: the same scripts and requests through tideway and through Debian's
# haproxy, whose answers must be the same where that version has the function.
use Tideway::Test;
use Tideway::Compare;

my $dir = Tideway::Test::temp_dir();
mkdir "$dir/$_" or die "$_: $!" for qw(mods more cmods own);
spew('mods/prepended.lua', 'return { name = "prepended" }');
spew('more/byhand.lua', 'return { name = "by hand" }');
spew('own/json.lua', 'return { mine = true }');
spew('data.txt', "from a file\n");
spew('first.lua', "shared_global = 'of the first file'\nfunction shared_function(x) return x .. '!' end\n");

my $script = spew('behaviour.lua', "local dir = '$dir'\nlocal PEER = os.getenv('PEER')\n" . <<'END');
local args = { ... }
local case = {}
local function try(f, ...)
	local ok, why = pcall(f, ...)
	return ok and "ok" or (tostring(why):gsub("^.-:%d+: ", ""))
end

-- 1
case["1/headers"] = function(txn)
	local h = txn.http:req_get_headers()
	txn:set_var("txn.colon", h["x-a"][0])
	txn.set_var(txn, "txn.dot", txn.http.req_get_headers(txn.http)["x-a"][1])
	return txn:get_var("txn.colon") .. txn.get_var(txn, "txn.dot") .. tostring(h["x-a"][2]) .. tostring(h["x-none"])
end
case["1/reply"] = function(txn)
	local r = txn:reply { status = 202, headers = { ["x-r"] = { [0] = "zero" } }, body = "reply" }
	r:add_header("x-more", "1")
	r:add_header("x-more", "2")
	txn:done(r)
end
-- 2
case["2/txn"] = function(txn)
	local out = {}
	for _, name in ipairs { "f", "sf", "c", "sc", "req", "res", "http" } do out[#out + 1] = txn[name] ~= nil and name or "-" end
	return table.concat(out, " ") .. " " .. txn.f:path() .. txn.f.path(txn.f) .. txn.c:lower("A") .. tostring(txn.nothing)
end
-- 3
case["3/absent"] = function(txn)
	return tostring(txn.f:req_hdr("x-none")) .. "[" .. txn.sf:req_hdr("x-none") .. "]" .. tostring(txn.f:req_cook("none")) .. type(txn.f:src_port())
	    .. type(txn.sf:src_port()) .. "[" .. txn.sf:req_cook("none") .. "]"
end
case["3/converters"] = function(txn)
	return txn.c:hex(txn.f:req_hdr("x-none")) .. tostring(txn.c:b64dec(txn.f:req_hdr("x-none"))) .. "[" .. txn.sc:b64dec(nil) .. "]"
end
case["3/bool"] = function(txn) return tostring(txn.f:ssl_fc()) .. type(txn.f:ssl_fc()) .. txn.sf:ssl_fc() end
-- 4
case["4/third"] = function(txn)
	local first = pcall(txn.set_var, txn, "txn.probe", "1", true)
	local out = { tostring(first), tostring(txn:get_var("txn.probe")), tostring(txn:set_var("txn.seen4", "s", true)), tostring(txn:get_var("txn.seen4")) }
	for _, v in ipairs { "txn.four", "req.four", "sess.four", "proc.four" } do
		out[#out + 1] = tostring(txn:set_var(v, v)) .. txn:get_var(v)
		txn:unset_var(v)
		if not v:find("^proc") then out[#out + 1] = tostring(txn:get_var(v)) end
	end
	return table.concat(out, " ")
end
case["4/types"] = function(txn)
	txn:set_var("txn.n", 5) txn:set_var("txn.s", "five") txn:set_var("txn.b", true) txn:set_var("txn.i", "10")
	return txn:get_var("txn.n") + 1 .. txn:get_var("txn.s") .. type(txn:get_var("txn.b")) .. type(txn:get_var("txn.i"))
end
case["4/nil"] = function(txn)
	local out = {}
	for _, v in ipairs { "nil", "table" } do
		out[#out + 1] = tostring(txn:set_var("txn.nil", v == "table" and {} or nil)) .. tostring(txn:get_var("txn.nil"))
	end
	out[#out + 1] = tostring(txn:set_var("bad.x", 1)) .. tostring(txn:get_var("bad.x")) .. tostring(txn:unset_var("bad.x"))
	return table.concat(out, " ")
end
-- 5
case["5/backends"] = function(txn)
	local out = { tostring(core.backends["unknown"]), tostring(core.backends.app ~= nil) }
	local names = {}
	for name, be in pairs(core.backends) do names[#names + 1] = name .. ":" .. be.name end
	table.sort(names)
	for name, s in pairs(core.backends.app.servers) do names[#names + 1] = name .. ":" .. s.name .. ":" .. s:get_stats()["status"] end
	table.sort(names)
	local checked = core.backends.checked.servers.c1:get_stats()["status"]
	return table.concat(out, " ") .. " " .. table.concat(names, " ") .. (checked:find("^UP") and " up" or " " .. checked)
end
-- 6
case["6/args"] = function() return table.concat(args, "|") end
case["6/path"] = function() return require("prepended").name end
package.path = package.path .. ";" .. dir .. "/more/?.lua"
case["6/own"] = function() return require("byhand").name end
case["6/cpath"] = function() return tostring(package.cpath:find(dir .. "/cmods", 1, true) ~= nil) end
-- 7
case["7/globals"] = function() return shared_global .. shared_function("called") .. tostring(from_init) end
core.register_init(function()
	local f = io.open(dir .. "/data.txt")
	from_init = f:read("l") .. "," .. os.getenv("OF_CONF") .. "," .. tostring(core.backends.app ~= nil)
	f:close()
end)
-- 8
task_ran, task_rounds = 0, 0
core.register_task(function(...)
	task_ran = task_ran + 1
	while true do
		task_rounds = task_rounds + 1
		core.msleep(5)
	end
end)
case["8/task"] = function()
	while task_rounds < 3 do core.msleep(1) end
	return task_ran .. " " .. tostring(from_init ~= nil)
end
case["8/sleep"] = function() core.sleep(1) return "slept" end
guarded = 0
core.register_task(function()
	if core.thread == 1 then guarded = 1 end
	if core.thread == 0 then guarded = 2 end
end)
-- 10
local function dashes(txn, a, b) txn:set_var("txn.dashes", (txn:get_var("txn.dashes") or "") .. a .. "-" .. b .. ";") end
core.register_action("auth-request", { "http-req" }, dashes, 2)
core.register_action("auth-request", { "http-res" }, dashes, 2)
core.register_action("per-phase", { "http-req" }, function(txn, a) txn:set_var("txn.phase", a) end, 1)
core.register_action("per-phase", { "http-res" }, function(txn)
	txn.http:res_set_header("x-phase", txn:get_var("txn.phase") .. " then the other")
end)
core.register_action("in-both", { "http-req", "http-res" }, function(txn)
	txn:set_var("txn.both", (txn:get_var("txn.both") or "") .. "b")
end)
core.register_fetches("a-fetch", function(txn, a, b) return a .. "+" .. b end)
core.register_converters("a-conv", function(s, a) return s .. "/" .. a end)
case["10/names"] = function(txn) return txn:get_var("txn.dashes") end
-- 11
local function connected(line, limit)
	local s = core.tcp()
	s:settimeout(limit or 20)
	assert(s:connect(PEER))
	assert(s:send(line .. "\n"))
	return s
end
local function show(...)
	local t = table.pack(...)
	for i = 1, t.n do t[i] = tostring(t[i]):gsub("\r", "\\r"):gsub("\n", "\\n") end
	return table.concat(t, ",")
end
case["11/lines"] = function()
	local s = connected("lines")
	local out = show(s:receive("*l")) .. " " .. show(s:receive()) .. " " .. show(s:receive(3)) .. " " .. show(s:receive("*a"))
	    .. " " .. show(s:receive("*l"))
	s:close()
	return out
end
case["11/timeout"] = function()
	local s = connected("slow", 1)
	local v, why, part = s:receive("*l")
	s:close()
	return show(v, why)
end
case["11/left"] = function() left = connected("hold") left = nil return "left" end
case["11/refused"] = function() local s = core.tcp() return tostring((s:connect("127.0.0.1", 1))) end
-- 12
case["12/done"] = function(txn)
	txn:done { status = 403, body = "done" }
	txn:set_var("proc.after", "ran")
end
case["12/after"] = function(txn) return tostring(txn:get_var("proc.after")) end
core.register_action("done-res", { "http-res" }, function(txn)
	local r = txn:reply { status = 502, body = "replaced" }
	r:add_header("content-length", "8")
	txn:done(r)
	txn:set_var("proc.after", "ran")
end)
core.register_action("done-tcp", { "tcp-req" }, function(txn)
	txn:done()
	core.Info("AFTER TCP")
end)
-- 13
case["13/yield"] = function()
	local n = 0
	for i = 1, 3 do core.yield() n = n + 1 end
	core.msleep(1)
	return "yielded " .. n
end
core.register_action("yield-res", { "http-res" }, function(txn)
	core.msleep(2)
	core.yield()
	txn.http:res_set_header("x-yielded", "in http-res")
end)
core.register_fetches("yields", function() core.msleep(1) return "no" end)
core.register_converters("yields", function() core.msleep(1) return "no" end)
core.register_converters("hints", function(s) core.yield() return s end)

core.register_action("case", { "http-req" }, function(txn)
	local f = case[txn.sf:path():sub(2)]
	if f then txn:set_var("txn.r", f(txn)) end
end)
-- 9
core.register_service("applet", "http", function(a)
	local what = a.path:match("/9/(.*)")
	local body = what == "all" and a:receive() or "body"
	if what == "early" then body = try(a.send, a, "x") end
	a:set_status(what == "head" and 200 or 201)
	a:add_header("content-length", what == "head" and 1000 or #body)
	a:add_header("x-two", "1")
	a:add_header("x-two", "2")
	a:start_response()
	if what == "late" then pcall(a.add_header, a, "x-late", "1") end
	if a.method ~= "HEAD" then a:send(body) end
end)
core.register_service("vars", "http", function(a)
	local body = tostring(a:set_var("txn.v", nil)) .. tostring(a:get_var("txn.v")) .. tostring(a:set_var("txn.w", 1, true))
	    .. tostring(a:set_var("bad.v", 1)) .. tostring(a:get_var("bad.v")) .. tostring(a:unset_var("bad.v")) .. tostring(a:unset_var("txn.v"))
	a:add_header("content-length", #body)
	a:start_response()
	a:send(body)
end)
core.register_service("state", "http", function(a)
	local body = guarded .. " " .. task_ran
	a:add_header("content-length", #body)
	a:start_response()
	a:send(body)
end)
core.register_service("tcp-applet", "tcp", function(a) a:send("tcp " .. a:getline()) end)
END

# what a socket of a script speaks with
my $peer = origin(name => 'p', raw => 1, greet => sub {
	my ($c, $self) = @_;
	my $line = $c->read_until(qr/\n/, 30) // return;

	$c->send("one\r\ntwo\nthree rest") if $line =~ /^lines/;
	$c->read_all(30) if $line =~ /^(?:hold|slow)/;
	$self->record('ended', $line) if $line =~ /^hold/;
});
my $o = origin(name => 's');
my %load = ('lua-load' => 0, 'lua-load-per-thread' => 1);

sub config
{
	my ($how, $mine) = @_;
	my $bool = $mine // '';

	return "global
    nbthread 2
    $bool
    setenv OF_CONF written
    setenv PEER ${\ $peer->addr}
    lua-prepend-path $dir/mods/?.lua
    lua-prepend-path $dir/cmods/?.so cpath
    $how $dir/first.lua
    $how $script one 'two words'
" . defaults() . "
frontend web
    bind {BIND:web}
    http-request set-var(txn.r) str() if { path_beg /never }
    http-request set-var(txn.seen4) str() if { path_beg /never }
    http-request set-var(txn.p) path
    http-request lua.auth-request a b if { path_beg /10 }
    http-request lua.per-phase first if { path /10/phase }
    http-request lua.in-both if { path_beg /10 }
    http-request use-service lua.vars if { path /9/vars }
    http-request use-service lua.applet if { path_beg /9/ }
    http-request use-service lua.state if { path /8/state }
    http-request lua.case
    http-request return status 200 content-type text/plain lf-string \"[%[lua.yields]] [%[str(x),lua.yields]] %[str(x),lua.hints]\" if { path /13/fetch }
    http-request return status 200 content-type text/plain lf-string \"%[lua.a-fetch(x,y)] %[path,lua.a-conv(z)]\" if { path /10/expr }
    http-request return status 200 content-type text/plain lf-string \"%[var(txn.r)]\" if { var(txn.r) -m found }
    default_backend app
backend app
    http-response lua.auth-request c d if { var(txn.p) -m beg /10 }
    http-response lua.per-phase if { var(txn.p) -m str /10/phase }
    http-response lua.in-both if { var(txn.p) -m beg /10 }
    http-response set-header X-Dashes %[var(txn.dashes)] if { var(txn.p) -m beg /10 }
    http-response set-header X-Both %[var(txn.both)] if { var(txn.p) -m beg /10 }
    http-response lua.yield-res if { var(txn.p) -m str /13/res }
    http-response lua.done-res if { var(txn.p) -m str /12/res }
    http-response set-header X-After done
    server s1 ${\ $o->addr}
backend checked
    server c1 ${\ $o->addr} check inter 50ms
listen tcp
    mode tcp
    bind {BIND:tcp}
    tcp-request inspect-delay 5s
    tcp-request content lua.done-tcp if { req.len gt 0 }
    server s1 ${\ $o->addr}
listen applet
    mode tcp
    bind {BIND:applet}
    tcp-request content use-service lua.tcp-applet
";
}

sub with
{
	my ($path, $more, $body) = @_;

	return ($body ? 'POST' : 'GET') . " $path HTTP/1.1\r\nHost: h\r\n" . ($more // '')
	    . (defined $body ? 'Content-Length: ' . length($body) . "\r\n" : '') . "\r\n" . ($body // '');
}

# what is compared: the status, fields that scripts write, the body
sub seen
{
	my ($r) = @_;

	return join ' ', $r->status, (sort map { lc($_->[0]) . "=$_->[1]" } grep { $_->[0] =~ /^x-(?!server)/i }
	    @{ $r->{headers} }), '[' . $r->body . ']';
}

# number => [what it is, [path, what is expected, fields, body]...]
my %behaviour = (
	1 => ['tables of fields begin at zero, methods are called either way',
		['/1/headers', qr/^200 \[12nilnil\]$/, "X-A: 1\r\nX-A: 2\r\n"],
		['/1/reply', qr/^202 x-more=1 x-more=2 x-r=zero \[reply\]$/]],
	2 => ['TXN has its objects, and nothing else',
		['/2/txn', qr{^200 \[f sf c sc req res http /2/txn/2/txnanil\]$}]],
	3 => ['f gives nil, sf an empty string; booleans',
		['/3/absent', qr/^200 \[nil\[\]nilnumberstring\[\]\]$/],
		['/3/converters', qr/^200 \[0000000000000000nil\[\]\]$/],
		['/3/bool', qr/^200 \[0number0\]$/]],
	4 => ['variables, the third argument of set_var',
		['/4/third', qr/^200 \[true \S+ true s truetxn.four nil truereq.four nil truesess.four nil trueproc.four\]$/],
		['/4/nil', qr/^200 \[true0 true0 falsenilfalse\]$/],
		['/4/types', qr/^200 \[6five(?:boolean|number)string\]$/]],
	5 => ['core.backends',
		['/5/backends', qr/^200 \[nil true app:app .*s1:s1:no check .*up\]$/]],
	6 => ['arguments and paths of files',
		['/6/args', qr/^200 \[one\|two words\]$/], ['/6/path', qr/^200 \[prepended\]$/],
		['/6/own', qr/^200 \[by hand\]$/], ['/6/cpath', qr/^200 \[true\]$/]],
	7 => ['globals of other files, init, the environment',
		['/7/globals', qr/^200 \[of the first filecalled!from a file,written,true\]$/]],
	8 => ['tasks run, once in each state',
		['/8/task', qr/^200 \[1 true\]$/], ['/8/sleep', qr/^200 \[slept\]$/]],
	9 => ['services',
		['/9/all', qr/^201 x-two=1 x-two=2 \[line\nmore\]$/, '', "line\nmore"],
		['/9/vars', qr/^200 \[true0truefalsenilfalsetrue\]$/],
		['/9/late', qr/^201 x-two=1 x-two=2 \[body\]$/]],
	10 => ['names of actions, arguments, the same name twice',
		['/10/names', qr/^200 \[a-b;\]$/],
		['/10/res', qr/^200 x-after=done x-both=bb x-dashes=a-b;c-d; \[s\n\]$/],
		['/10/phase', qr/^200 .*x-phase=first then the other \[s\n\]$/],
		['/10/expr', qr{^200 \[x\+y /10/expr/z\]$}]],
	11 => ['sockets',
		['/11/lines', qr/^200 \[one two thr ee rest nil,closed,\]$/],
		['/11/timeout', qr/^200 \[nil,timeout\]$/],
		['/11/left', qr/^200 \[left\]$/], ['/11/refused', qr/^200 \[nil\]$/]],
	12 => ['nothing runs after txn:done()',
		['/12/done', qr/^403 \[done\]$/], ['/12/res', qr/^502 (?:x-after=done )?\[replaced\]$/],
		['/12/after', qr/^200 \[nil\]$/]],
	13 => ['waiting, where it is allowed and where not',
		['/13/yield', qr/^200 \[yielded 3\]$/], ['/13/res', qr/^200 x-after=done x-yielded=in http-res \[s\n\]$/],
		['/13/fetch', qr/^200 \[\[\] \[\] x\]$/]],
);
# Not compared: 2.6 gives files no arguments; its sockets say "connection closed."
# where LuaSocket's, and those that wrap ours, say "closed" or "timeout".
my %other = map { $_ => 1 } qw(/6/args /11/lines /11/timeout);

my $haproxy = find_haproxy();

sub answers
{
	my ($p) = @_;
	my %got;

	for my $n (sort { $a <=> $b } keys %behaviour) {
		for my $ask (@{ $behaviour{$n} }[1 .. $#{ $behaviour{$n} }]) {
			my ($path, undef, $fields, $body) = @$ask;
			$got{$path} = seen($p->request('web', with($path, $fields, $body)));
		}
	}
	my $c = $p->client('web');
	$c->send("HEAD /9/head HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	$got{head} = $c->read_all =~ /^content-length: (\d+)\r\n.*\r\n\r\n\z/ims ? "length $1" : 'other';
	$c = $p->client('tcp');
	$c->send('x');
	$got{tcp} = $c->is_closed ? 'closed' : 'open';
	$c = $p->client('applet');
	$c->send("line\n");
	$got{applet} = $c->read_all;
	return \%got;
}

for my $how (sort keys %load) {
	my $p = start_proxy(config($how, 'tune.lua.bool-sample-conversion pre-3.1-bug'));
	my $mine = answers($p);
	my $his;
	if ($haproxy) {
		my $h = start_proxy(config($how), bin => $haproxy);
		$his = answers($h);
		$h->wait_output(qr/yields.*yield not allowed/);
		$his->{said} = $h->stderr;
		$h->stop;
	}
	for my $n (sort { $a <=> $b } keys %behaviour) {
		my ($what, @asks) = @{ $behaviour{$n} };
		subtest "$how: $n: $what" => sub {
			for my $ask (@asks) {
				my ($path, $want) = @$ask;
				like($mine->{$path}, $want, $path);
				is($mine->{$path}, $his->{$path}, "$path as haproxy") if $his && !$other{$path};
			}
			if ($n == 8) {
				my %seen;
				my $want = $load{$how} ? qr/^[01] 1$/ : qr/^2 1$/;
				ok(wait_until {
					for (1 .. 4) {
						my $state = $p->get('web', '/8/state')->body;
						$seen{$state}++ if $state !~ /0$/; # its tasks have begun
					}
					keys %seen == ($load{$how} ? 2 : 1);
				}, 'core.thread in each state');
				like($_, $want, 'a state') for keys %seen;
			}
			if ($n == 9) {
				is($mine->{head}, 'length 1000', 'HEAD is the script\'s business');
				is($mine->{head}, $his->{head}, 'as haproxy') if $his;
				is($mine->{applet}, "tcp line\n", 'a service for TCP');
			}
			if ($n == 11) {
				ok($peer->wait_events('ended', 1), 'a socket that is left is closed');
			}
			if ($n == 12) {
				is($mine->{tcp}, 'closed', 'txn:done() in tcp-request');
				is($mine->{tcp}, $his->{tcp}, 'as haproxy') if $his;
				unlike($p->stderr, qr/AFTER TCP/, 'nothing after it');
			}
			if ($n == 13) {
				ok($p->wait_output(qr/Lua [\w-]+ 'yields': .*yield not allowed/), 'the words users look for');
				like($his->{said}, qr/Lua [\w-]+ 'yields': .*yield not allowed/, 'those of haproxy') if $his;
			}
		};
	}
	stop_proxy($p);

	subtest "$how: 3: booleans as they are" => sub {
		my $q = start_proxy(config($how, 'tune.lua.bool-sample-conversion normal'));
		is($q->get('web', '/3/bool')->body, 'falseboolean0', 'normal');
		unlike($q->stderr, qr/bool-sample-conversion/, 'nothing to warn of');
		stop_proxy($q);
		$q = start_proxy(config($how));
		is($q->get('web', '/3/bool')->body, '0number0', 'nothing said');
		like($q->stderr, qr/WARNING.*bool-sample-conversion/, 'a warning');
		stop_proxy($q);
	};
	subtest "$how: 14: json" => sub {
		for (['', 'function'], ["lua-prepend-path $dir/own/?.lua", 'nil']) {
			my $f = spew('json_user.lua', "local json = require 'json'\ncore.register_fetches('json', function(txn)
				return type(json.encode) .. (json.encode and json.encode(json.decode('{\"a\":[1,2,{\"b\":null}]}')) or '') end)");
			my $q = start_proxy("global\n    nbthread 2\n    $_->[0]\n    $how $f\n" . defaults() . "
frontend web
    bind {BIND:web}
    http-request return status 200 content-type text/plain lf-string %[lua.json]
");
			like($q->get('web', '/')->body, qr/^$_->[1](?:\{"a":\[1,2,.*)?$/, $_->[0] ? 'a module of the user is taken' : 'bundled');
			stop_proxy($q);
		}
	};
}

done_testing();

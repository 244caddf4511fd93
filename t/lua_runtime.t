# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What runs under all scripts: the watchdog, coroutines of a script's own, errors
# and what is shown of them, what a script may use, lua-load-per-thread.
use Tideway::Test;
use Tideway::Cli;

my $dir = spew('here', '') =~ s{/here\z}{}r;
my $script = spew('run.lua', <<'END_LUA');
local function endless() while true do end end
core.register_action("loop", {"http-req"}, endless)
core.register_action("loop-pcall", {"http-req"}, function()
	while true do pcall(endless) end
end)
core.register_action("loop-xpcall", {"http-req"}, function()
	while true do xpcall(endless, endless) end
end)
core.register_action("loop-co", {"http-req"}, function()
	while true do pcall(coroutine.wrap(function() pcall(endless) end)) end
end)
core.register_action("loop-pattern", {"http-req"}, function()
	string.find(string.rep("a", 60), string.rep("a*", 30) .. "b")
end)
core.register_action("loop-table", {"http-req"}, function()
	table.insert(setmetatable({}, {__len = function() return 1 << 50 end}), 1, 1)
end)
core.register_action("loop-sort", {"http-req"}, function()
	table.sort({1, 2, 3}, function() endless() end)
end)
core.register_fetches("loop", function() endless() end)

local function co_body(txn)
	core.msleep(2)
	coroutine.yield("y")
	local inner = coroutine.wrap(function() core.msleep(1) return "deep" end)
	txn:set_var("txn.v", inner())
	return "end"
end
core.register_action("co", {"http-req"}, function(txn)
	local co = coroutine.create(co_body)
	local _, a = coroutine.resume(co, txn)
	local _, b = coroutine.resume(co)
	txn:set_var("txn.v", a .. b .. txn:get_var("txn.v") .. coroutine.status(co))
end)
core.register_action("co-inside", {"http-req"}, function(txn)
	local ok, err
	string.gsub("x", "x", function()
		local co = coroutine.create(function() core.msleep(1) end)
		ok, err = coroutine.resume(co)
	end)
	txn:set_var("txn.v", tostring(ok) .. err)
end)
core.register_action("fail", {"http-req"}, function(txn) error("told " .. (txn.f:path())) end)
core.register_action("json", {"http-req"}, function(txn)
	local json = require "json"
	local t = json.decode('{"a": [1, 2.5, null, "\\u00e4\\n"], "b": {"c": true}}')
	local ok, err = pcall(json.decode, '{"a" 1}')
	local ok2, err2 = pcall(json.encode, {print})
	txn:set_var("txn.v", json.encode(t.a[2]) .. json.encode({1, {x = "\"q\""}}) ..
	    #t.a[4] .. tostring(t.b.c) .. err:match("expected.*") .. err2:match("function"))
end)
core.register_action("fork", {"http-req"}, function(txn)
	local f, err = io.popen("echo hi")
	txn:set_var("txn.v", f and f:read("l") or err)
end)
core.register_action("code", {"http-req"}, function(txn)
	local f, err = load(string.dump(function() end), "x", "b")
	txn:set_var("txn.v", tostring(f) .. err .. load("return 7")())
end)
core.register_action("global", {"http-req"}, function(txn) leaked = txn.f:path() end)
END_LUA

sub config
{
	my ($how, $more) = @_;
	my @names = qw(loop loop-pcall loop-xpcall loop-co loop-pattern loop-table
	    loop-sort co co-inside fail json fork code global);

	return "global
    nbthread 2
    stats socket $more->{sock} level admin
    tune.lua.burst-timeout 60ms
    " . ($more->{global} // '') . "
    $how $script
" . defaults() . "
frontend web
    bind {BIND:web}
" . join('', map {"    http-request lua.$_ if { path /$_ }\n"} @names) . "
    http-request set-var(txn.v) lua.loop if { path /fetch }
    http-request return status 200 content-type text/plain lf-string \"%[var(txn.v)]\"
";
}

for my $how ('lua-load', 'lua-load-per-thread') {
	subtest $how => sub {
		my $sock = "$dir/$how.sock";
		my $p = start_proxy(config($how, { sock => $sock }));
		my $get = sub { $p->request('web', "GET /$_[0] HTTP/1.1\r\nHost: h\r\n\r\n") };
		for my $which (qw(loop loop-pcall loop-xpcall loop-co loop-pattern loop-table
			loop-sort fetch)) {
			is($get->($which)->status, 200, "$which ends");
		}
		is($get->('x')->status, 200, 'and others are served');
		ok($p->wait_output(qr{Lua function 'loop': \S+run\.lua:1: execution timeout}),
			'told in words');
		is($get->('co')->body, 'yenddeepdead', 'core.msleep inside of coroutines');
		like($get->('co-inside')->body, qr{^falsecore\.msleep: yield not allowed|.},
			'not where nothing can wait');
		like($get->('co-inside')->body, qr{yield not allowed}, 'in these words');
		like($get->('json')->body,
			qr{^2\.5\[1,\{"x":"\\"q\\""\}\]3trueexpected ':' after key at line 1 col 6function},
			'a json of our own');
		like($get->('fork')->body, qr{insecure-fork-wanted}, 'io.popen is not allowed');
		like($get->('code')->body, qr{^nil.*load a text chunk|^nil.*binary chunk.*7$},
			'no bytecode');
		$get->('global') for 1 .. 3;
		my @told = $p->stderr =~ /the global 'leaked' is first assigned/g;
		is(scalar @told, 1, 'a new global is told of once');

		$get->('fail') for 1 .. 5;
		my $all = cli_ask($sock, 'show lua errors');
		like($all, qr{^5 times: Lua function 'fail': runtime error: \S+run\.lua:\d+: told /fail\n  first: request \S+, http-request, $how, generation 1\n  stack traceback:\n.*function 'error'}m,
			'an error with request, stage, place and trace');
		my @lines = $p->stderr =~ /runtime error: \S+ told/g;
		is(scalar @lines, 1, 'it is logged once');
		my $show = cli_ask($sock, 'show lua');
		like($show, qr{^$how generation=1 profile=trusted states=}m, 'show lua');
		like($show, qr{^  action fail calls=5 errors=5 yields=0 }m, 'calls and errors');
		like($show, qr{^  action loop calls=1 errors=1 yields=0 slow=0 stopped=1 }m,
			'stopped');
		like($show, qr{^  action co calls=1 errors=0 yields=[23] }m, 'yields');
		cli_ask($sock, 'clear lua errors');
		is(cli_ask($sock, 'show lua errors'), "\n", 'clear lua errors');
		stop_proxy($p);
	};
}

# Short bursts, each within the limit, that come to too much together; waiting is
# not counted.
subtest 'tune.lua.service-timeout, task-timeout, forced-yield' => sub {
	my $file = spew('bursts.lua', <<'END_LUA');
local function bursts(n)
	for i = 1, n do
		local t = os.clock()
		while os.clock() - t < 0.03 do end
		core.msleep(1)
	end
end
core.register_service("busy", "http", function(applet)
	bursts(1000)
	applet:set_status(200)
	applet:start_response()
end)
core.register_service("brief", "http", function(applet)
	core.msleep(300)
	bursts(1)
	applet:set_status(200)
	applet:start_response()
	applet:send("brief")
end)
core.register_task(function() bursts(1000) end)
core.register_task(function()
	core.msleep(300)
	bursts(1)
	print("the brief task is over")
end)
END_LUA
	my $p = start_proxy("global
    nbthread 2
    tune.lua.bool-sample-conversion normal
    tune.lua.burst-timeout 5s
    tune.lua.service-timeout 200ms
    tune.lua.task-timeout 200ms
    tune.lua.forced-yield 10
    lua-load $file
" . defaults() . "
frontend web
    bind {BIND:web}
    http-request use-service lua.busy if { path /busy }
    http-request use-service lua.brief
");
	is($p->get('web', '/busy')->status, 500, 'a service that needs too much');
	ok($p->wait_output(qr/Lua applet 'busy': .*bursts\.lua:4: execution timeout: it ran too long in all/), 'is stopped');
	is($p->get('web', '/')->body, 'brief', 'one that waits is not');
	ok($p->wait_output(qr/Lua task: .*bursts\.lua:4: execution timeout: it ran too long in all/), 'a task, too');
	ok($p->wait_output(qr/the brief task is over/), 'and another is not');
	stop_proxy($p);
	for my $bad ('service-timeout x', 'task-timeout -1', 'forced-yield x') {
		my $r = check_config("global\n    tune.lua.$bad\n" . defaults());
		isnt($r->{code}, 0, "$bad: refused");
		like($r->{all}, qr/tune\.lua\.\Q${\ $bad =~ s{ .*}{}r}\E/, 'by its name');
	}
};

subtest 'insecure-fork-wanted, tune.lua.openlibs' => sub {
	my $sock = "$dir/fork.sock";
	my $p = start_proxy(config('lua-load', { sock => $sock, global => 'insecure-fork-wanted' }));
	is($p->request('web', "GET /fork HTTP/1.1\r\nHost: h\r\n\r\n")->body, 'hi', 'io.popen');
	stop_proxy($p);

	my $few = spew('few.lua', 'assert(string and table and not io and not os and not debug and not require)');
	my $ok = check_config("global\n    tune.lua.openlibs string,table\n    tune.lua.bool-sample-conversion normal\n    lua-load $few\n");
	unlike($ok->{all}, qr{few\.lua}, 'only these libraries');
	my $r = check_config("global\n    tune.lua.openlibs string,strings\n");
	isnt($r->{code}, 0, 'an unknown library');
	like($r->{all}, qr{'tune\.lua\.openlibs' expects .*not 'strings'}, 'is named');
	my $all = spew('all.lua', 'assert(io)');
	$r = check_config("global\n    lua-load $all\n    tune.lua.openlibs none\n");
	like($r->{all}, qr{move it up}, 'too late');
};

subtest 'files of a unit share their globals, package.path, lua-prepend-path' => sub {
	spew('mod_one.lua', 'return { name = "one" }');
	my $one = spew('first.lua', <<'END_LUA');
shared = { n = 1 }
package.path = package.path .. ";" .. (...) .. "/?.lua"
END_LUA
	my $two = spew('second.lua', <<'END_LUA');
local one = require "mod_one"
core.register_fetches("got", function() shared.n = shared.n + 1 return one.name .. shared.n end)
END_LUA
	my $p = start_proxy("global
    nbthread 2
    lua-prepend-path /nowhere/?.lua
    lua-load-per-thread $one $dir
    lua-load-per-thread $two
" . defaults() . "
frontend web
    bind {BIND:web}
    http-request return status 200 content-type text/plain lf-string \"%[lua.got]\"
");
	like($p->get('web', '/')->body, qr{^one\d}, 'a module and a global');
	stop_proxy($p);
};

subtest 'all threads register the same' => sub {
	my $odd = spew('odd.lua', <<'END_LUA');
if core.thread == 1 then core.register_fetches("odd", function() return "x" end) end
END_LUA
	my $p = eval { start_proxy("global
    nbthread 2
    lua-load-per-thread $odd
" . defaults() . "
frontend web
    bind {BIND:web}
    http-request return status 200 content-type text/plain lf-string \"%[lua.odd]\"
") };
	is($p, undef, 'refused');
	like($@, qr{the fetch 'odd' is not registered in all threads: it is missing in thread 2},
		'with a name');
};

subtest 'lua-script: soft and hard limits, profiles, globals' => sub {
	my $native = spew('native.lua', <<'END_LUA');
return {
	on_request = function(req)
		if req.path == "/loop" then while true do pcall(function() while true do end end) end end
		if req.path == "/slow" then
			for i = 1, 1e9 do if i % 1000 == 0 and os.clock() - start > 0.02 then break end end
		end
		if req.path == "/global" then leaked = 1 end
		if req.path == "/what" then
			local ok, err = pcall(require, "nothing.at.all")
			return req:reply(200, tostring(io.popen) .. tostring(os.execute) .. tostring(dofile) ..
			    tostring(debug.sethook) .. err)
		end
	end,
}
END_LUA
	my $untrusted = spew('untrusted.lua', <<'END_LUA');
assert(not io and not require and not package and not os.getenv)
mine = 1
assert(mine == 1 and _G.mine == nil)
assert(not pcall(setmetatable, {}, { __gc = function() end }))
return { on_request = function(req)
	if req.path == "/steps" then while true do end end
end }
END_LUA
	my $sock = "$dir/native.sock";
	my $o = origin(name => 'o', respond => sub { $_[2]->reply($_[0], 'ok') });
	my $p = start_proxy("global
    nbthread 2
    stats socket $sock level admin
    lua-script one file $native
    lua-script two file $untrusted profile untrusted
" . defaults() . "
frontend web
    bind {BIND:web}
    stats enable
    stats uri /stats
    default_backend be
backend be
    server s " . $o->addr . "
");
	my $get = sub { $p->request('web', "GET /$_[0] HTTP/1.1\r\nHost: h\r\n\r\n") };
	is($get->('loop')->status, 500, 'an endless loop is stopped, and fails the request');
	is($get->('x')->body, 'ok', 'others are served');
	is($get->('global')->status, 500, 'a new global is an error');
	ok($p->wait_output(qr{assignment to the undeclared global 'leaked'}), 'with its name');
	like($get->('what')->body, qr{^nilnilnilnil.*not at run time}, 'what a standard script has not');
	is($get->('steps')->status, 500, 'an untrusted one is stopped, too');
	my $show = cli_ask($sock, 'show lua');
	like($show, qr{^one generation=1 profile=standard}m, 'profiles');
	like($show, qr{^two generation=1 profile=untrusted}m, 'are shown');
	like($show, qr{^  hook \S+ calls=\d+ errors=\d+ .*slow=[1-9]\d* stopped=[1-9]}m,
		'told of before it was stopped');
	ok($p->wait_output(qr{it has run for more than 5 ms}), 'in words');
	like($get->('stats;json')->body, qr{"Lua".*on_request}s, 'on the page, as JSON');
	like(cli_ask($sock, 'lua reload one'), qr{^one is loaded anew: generation 2}, 'lua reload of one');
	stop_proxy($p);
};

done_testing();

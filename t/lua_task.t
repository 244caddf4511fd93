# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# core.register_init, core.register_task, core.queue, core.wait, core.done: in both
# load modes, with several threads, over a reload.
use Tideway::Test;

my $script = spew('task.lua', <<'END');
core.register_init(function()
	core.Info("init " .. core.thread .. " " .. core.backends["b"].name)
end)
core.register_init(function() inited = "yes" end)
local n = 0
core.register_task(function(...)
	core.Info("task " .. core.thread .. " " .. table.concat({...}, ",") .. " " .. inited)
	while true do
		n = n + 1
		core.msleep(2)
	end
end, 1, "two", 3, 4)
local q = core.queue()
local back = core.queue()
core.register_task(function()
	while true do
		local item = q:pop_wait()
		back:push("<" .. item .. ">")
	end
end)
core.register_task(function() error("boo") end)
core.register_task(function() core.done() core.Info("never said") end)
core.register_task(function() core.sleep(1000) end)
core.register_action("count", {"http-req"}, function(txn)
	local before = n
	for i = 1, 1000 do
		core.msleep(2)
		if n > before then break end
	end
	txn:set_var("txn.out", n > before and "runs" or "stands")
end)
core.register_action("queue", {"http-req"}, function(txn)
	q:push("a")
	q:push("b")
	local one, two = back:pop_wait(), back:pop_wait()
	txn:set_var("txn.out", one .. two .. back:size() .. tostring(back:pop()))
end)
core.register_action("alarm", {"http-req"}, function(txn)
	local done = core.queue()
	local out = ""
	core.wait(1)
	done:alarm()
	core.register_task(function(a, b) core.msleep(1) done:push(a + b) end, 3, 4)
	core.wait()
	out = out .. done:pop()
	core.register_task(function() done:push("x") done:push("y") end)
	for i = 1, 2 do out = out .. done:pop_wait() end
	txn:set_var("txn.out", out)
end)
core.register_action("done", {"http-req"}, function(txn)
	txn:set_var("txn.out", "before")
	pcall(function() core.done("x") txn:set_var("txn.out", "after") end)
	txn:set_var("txn.out", "after")
end)
core.register_fetches("done", function() core.done("given") return "not" end)
core.register_action("wrong", {"http-req"}, function(txn)
	local out = {}
	local function try(...)
		local ok, why = pcall(...)
		out[#out + 1] = ok and "ok" or why
	end
	try(core.register_task)
	try(core.register_task, print, 1, 2, 3, 4, 5)
	try(core.register_init, print)
	try(q.push, q)
	try(q.push, {})
	try(q.pop)
	try(core.wait, {})
	try(core.queue().alarm)
	txn:set_var("txn.out", table.concat(out, "|"))
end)
END

sub conf { my ($how) = @_; return "global
    nbthread 2
    $how $script
" . defaults() . "
frontend web
    bind {BIND:web}
    http-request lua.count if { path /count }
    http-request lua.queue if { path /queue }
    http-request lua.alarm if { path /alarm }
    http-request lua.done if { path /done }
    http-request lua.wrong if { path /wrong }
    http-request return status 200 content-type text/plain lf-string %[lua.done] if { path /fetch }
    http-request return status 200 content-type text/plain lf-string %[var(txn.out)]
backend b
    server s 127.0.0.1:9
" }

sub count_of { my ($p, $re) = @_; my @all = ($p->stderr . $p->stdout) =~ /$re/g; return scalar @all }

for my $how ('lua-load', 'lua-load-per-thread') {
	subtest $how => sub {
		my $p = start_proxy(conf($how));
		my $get = sub { $p->request('web', "GET $_[0] HTTP/1.1\r\nHost: h\r\n\r\n")->body };
		my @on = $how eq 'lua-load' ? (0) : (1, 2);
		for my $thread (@on) {
			ok($p->wait_output(qr{init $thread b\n}), "init in state $thread");
			ok($p->wait_output(qr{task $thread 1,two,3,4 yes\n}), 'its task');
		}
		is(count_of($p, qr{: task \d}), scalar @on, 'one for each'); diag $p->stderr;
		ok($p->wait_output(qr{Lua.*: .*boo}), 'a task that fails is told');
		for my $i (1 .. 6) {
			is($get->('/count'), 'runs', 'a task that loops for ever');
			is($get->('/queue'), '<a><b>0nil', 'a queue between a task and an action');
			is($get->('/alarm'), '7xy', 'alarm, wait, tasks with arguments');
		}
		is($get->('/done'), 'before', 'core.done ends an action');
		is($get->('/fetch'), 'given', 'and is what a fetch gives');
		unlike($p->stderr, qr{never said}, 'and ends a task');
		my @why = split /\|/, $get->('/wrong');
		like($why[$_->[0]], $_->[1], "wrong use $_->[0]")
		    for [0, qr{function expected, got no value}], [1, qr{at most 4 arguments}],
		    [2, qr{core.register_init: only allowed while the file is loaded}],
		    [3, qr{an item is expected, not nil}], [4, qr{Queue expected, got table}],
		    [5, qr{Queue expected, got no value}], [6, qr{number expected, got table}];
		# a reload: old tasks end, new ones begin
		my $before = count_of($p, qr{: task \d});
		$p->signal('USR2');
		ok(wait_until(sub { count_of($p, qr{: task \d}) == $before + @on }),
			'tasks begin again after a reload');
		is($get->('/count'), 'runs', 'and run');
		is($get->('/alarm'), '7xy', 'as do those that begin at run time');
		stop_proxy($p);
	};
}

my $bad = spew('bad.lua', 'core.register_init(function() error("will not do") end)');
my $conf = "global\n    lua-load $bad\n" . defaults() .
    "\nfrontend web\n    bind 127.0.0.1:0\n    http-request return status 200\n";
unlike(check_config($conf)->{all}, qr{will not do}, '-c does not run init functions, as in HAProxy');
my $path = spew('bad.cfg', $conf);
my $r = run_cmd('-db', '-f', $path);
isnt($r->{code}, 0, 'an error in an init function stops the start');
like($r->{err}, qr{Lua init: runtime error: .*bad\.lua:1: will not do}, 'and is told');

# The message that wakes a call is under way when the call ends.
subtest 'an item whose waiter has ended goes to the next one' => sub {
	my $file = spew('next.lua', <<'END');
local q = core.queue()
local others = 0
function on_request(req)
	if req.path == "/first" then
		local ok = pcall(tw.all, {
			function() return q:pop_wait() end,
			function()
				while others == 0 do core.msleep(5) end
				q:push("item")
				error("the first one ends here")
			end,
		})
		req:reply(200, tostring(ok))
	else
		others = others + 1
		req:reply(200, q:pop_wait())
	end
end
END
	my $p = start_proxy("global
    nbthread 1
    lua-script s file $file
" . defaults('timeout client 30s') . "
frontend web
    bind {BIND:web}
");
	my @c = map { $p->client('web') } 1, 2;
	$c[0]->send("GET /first HTTP/1.1\r\nHost: h\r\n\r\n");
	$c[1]->send("GET /next HTTP/1.1\r\nHost: h\r\n\r\n");
	is($c[0]->read_response->body, 'false', 'one waiter ends');
	is($c[1]->read_response->body, 'item', 'the other has the item');
	stop_proxy($p);
};

done_testing();

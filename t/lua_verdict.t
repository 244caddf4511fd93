# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What actions of a script do in the end: act.*, txn:done() with and without a
# reply, errors; in each rule set, beside Debian's haproxy. Where its manual and
# its doings differ (a response that is denied, or aborted) the manual is right.
use Tideway::Test;
use Tideway::Compare;

my $script = spew('verdict.lua', <<'END');
local all = {"http-req", "http-res", "tcp-req", "tcp-res"}
for _, n in ipairs{"CONTINUE", "STOP", "ERROR", "DONE", "DENY", "ABORT", "INVALID"} do
	core.register_action(n, all, function() return act[n] end)
end
core.register_action("nine", all, function() return 9 end)
core.register_action("text", all, function() return "x" end)
core.register_action("error", all, function() error("oops") end)
core.register_action("done", all, function(txn) txn:done() txn:set_var("txn.after", 1) end)
core.register_action("table", all, function(txn)
	txn:done{status = 418, reason = "Pot", body = "tea\n",
	    headers = {["x-a"] = {"1", "2"}, ["content-length"] = {"77"}}}
end)
core.register_action("reply", all, function(txn)
	local r = txn:reply()
	r:set_status(404)
	r:add_header("x-b", "1")
	r:add_header("x-b", "2")
	r:add_header("x-c", "3")
	r:del_header("x-c")
	r:set_body("gone\n")
	txn:done(r)
end)
core.register_action("long", all, function(txn)
	txn:done{status = 200, body = string.rep("0123456789", 5000)}
end)
END
my $ours = spew('ours.lua', <<'END');
local all = {"http-req", "http-res", "tcp-req", "tcp-res", "http-after-res"}
core.register_action("caught", all, function(txn)
	while true do pcall(function() txn:done() end) end
end)
core.register_action("sorted", all, function(txn)
	pcall(table.sort, {3, 2, 1}, function(a, b) pcall(txn.done, txn, {status = 204}) return a < b end)
	txn:set_var("proc.after", "bad")
end)
core.register_action("inner", all, function(txn)
	local f = coroutine.wrap(function() txn:done{status = 204} end)
	pcall(f)
	txn:set_var("proc.after", "bad")
end)
core.register_action("again", all, function(txn)
	local n = (txn:get_priv() or 0) + 1
	txn:set_priv(n)
	act.wake_time(5)
	if n < 4 then return act.YIELD end
	txn:set_var("txn.n", n)
end)
core.register_action("zero", all, function(txn)
	txn:done{headers = {["x-z"] = {[0] = "a", "b"}, ["x-y"] = "c"}}
end)
core.register_action("after", {"http-after-res"}, function(txn)
	txn.http:res_set_header("x-err", select(2, pcall(txn.done, txn, {status = 200})))
	txn:done()
	txn.http:res_set_header("x-err", "not reached")
end)
core.register_action("bad", all, function(txn)
	local e = {}
	for _, t in ipairs{ {status = 99}, {status = "x"}, {headers = 1}, {headers = {1}},
	    {headers = {a = {"x\ny"}}}, {headers = {["a:"] = {"x"}}}, {headers = {a = {{}}}},
	    {reason = "a\rb"}, {body = {}} } do
		e[#e + 1] = select(2, pcall(txn.done, txn, t))
	end
	e[#e + 1] = select(2, pcall(txn.done, txn, 5))
	e[#e + 1] = select(2, pcall(txn.reply, txn, 5))
	e[#e + 1] = select(2, pcall(txn.reply))
	txn:done{body = table.concat(e, "\n")}
end)
END
my @names = qw(CONTINUE STOP ERROR DONE DENY ABORT INVALID nine text error done table reply long);
my $o = origin(name => 's');

sub config
{
	my ($log, $how, $more) = @_;
	my $text = "global\n    log $log->{addr} local0\n    $how $script\n" . ($more // '')
	    . defaults('log global', 'option httplog', 'retries 0') . "
frontend stats
    bind {BIND:stats}
    no log
    stats uri /
frontend web
    bind {BIND:web}
    tcp-request inspect-delay 5s
";
	$text .= "    tcp-request content lua.$_ if { path /t/$_ }\n" for @names;
	$text .= "    http-request lua.$_ if { path /q/$_ }\n" for @names;
	$text .= "    http-request set-header x-q 1\n    http-request set-var(txn.path) path\n"
	    . "    default_backend be\nbackend be\n";
	$text .= "    http-response lua.$_ if { var(txn.path) -m str /s/$_ }\n" for @names;
	return $text . "    http-response set-header x-s 1\n    server s ${\ $o->addr}\n";
}

my @requests = map { "GET /$_ HTTP/1.1\r\nHost: h\r\n\r\n" } map { ("q/$_", "s/$_") } @names;
my %t = (origin => $o, whole => 1,
	requests => [ grep { !m{/(?:s/(?:DENY|ABORT|DONE)|./(?:error|long)) } } @requests ]);
my $haproxy = find_haproxy();

for my $how ('lua-load', 'lua-load-per-thread') {
	my $mine = run_traffic(%t, bin => binary(), config => sub { config($_[0], $how) });
	if ($haproxy && $how eq 'lua-load') {
		my $his = run_traffic(%t, bin => $haproxy, config => sub { config($_[0], $how) });
		is($mine->[$_], $his->[$_], what_is($t{requests}[$_])) for 0 .. $#$mine;
	}
	like((grep { m{/q/ABORT } } @$mine)[0], qr/503.* PR--/s, "$how: ABORT");
}

subtest 'connections, counters, letters' => sub {
	my $log = syslog_unix();
	my $p = start_proxy(config($log, 'lua-load'));
	my %stays = map { $_ => 1 } qw(q/DENY q/ERROR q/ABORT q/table q/reply s/DENY s/ERROR
	    s/INVALID s/table t/reply s/DONE q/long s/long q/error s/error);
	my %want = ('q/DENY' => 'PR 403', 'q/ERROR' => 'IR 500', 'q/ABORT' => 'PR 503',
		'q/INVALID' => 'PR 400', 'q/table' => 'LR 418', 'q/reply' => 'LR 404',
		'q/done' => 'LR 0', 's/DENY' => 'PH 502', 's/ERROR' => 'IH 500',
		's/INVALID' => 'PH 502', 's/ABORT' => 'PH 200', 's/table' => 'LH 418',
		's/done' => 'LH 0', 'q/long' => 'LR 200', 's/long' => 'LH 200', 'q/error' => '-- 200', 's/error' => '-- 200', 's/DONE' => '-- 200', 't/reply' => 'LR 404',
		't/DENY' => 'PR -1', 't/ERROR' => 'IR -1', 't/done' => 'LR 0');
	for (sort keys %want) {
		my $c = $p->client('web');
		my $r = $c->request("GET /$_ HTTP/1.1\r\nHost: h\r\n\r\n");
		is(length $r->body, 50000, "$_: all of a long body") if /long/;
		if ($stays{$_}) {
			is($c->request("GET /x HTTP/1.1\r\nHost: h\r\n\r\n")->status, 200, "$_: kept");
		} else {
			ok($c->is_closed, "$_: closed");
		}
		my $l = $log->next_match(qr{"GET /\Q$_\E });
		my ($st, $term) = $l->{msg} =~ m{ [-\d]+/[-\d]+/[-\d]+/[-\d]+/\d+ (-?\d+) \d+ - - (..)};
		is("$term $st", $want{$_}, "$_: the log");
	}
	my %row;
	my ($head, @rows) = split /\n/, $p->get('stats', '/;csv')->body;
	my @col = split /,/, $head =~ s/^# //r;
	for my $r (map { [split /,/, $_, -1] } @rows) {
		@{ $row{"$r->[0]/$r->[1]"} }{@col} = @$r;
	}
	my $is = sub {
		my ($name, %n) = @_;
		is($row{$name}{$_}, $n{$_}, "$name $_") for sort keys %n;
	};
	$is->('web/FRONTEND', dreq => 2, ereq => 1, eint => 3, dresp => 1, intercepted => 6);
	$is->('be/BACKEND', eint => 1, eresp => 1, dresp => 1);
	$is->('be/s', eint => 1, eresp => 1, dresp => 1);
	stop_proxy($p);
};

for my $how ('lua-load', 'lua-load-per-thread') {
	subtest "$how: nothing after done, act.YIELD, errors" => sub {
		my $p = start_proxy("global\n    nbthread 2\n    $how $ours\n" . defaults() . "
frontend web
    bind {BIND:web}
    http-request return status 200 content-type text/plain lf-string \"%[var(proc.after)]\" if { path /after }
    http-request lua.caught if { path /caught }
    http-request lua.sorted if { path /sorted }
    http-request lua.inner if { path /inner }
    http-request lua.again if { path /again }
    http-request lua.zero if { path /zero }
    http-request lua.bad if { path /bad }
    http-request return status 299 if { path /own }
    http-after-response lua.after if { status 299 }
    http-request return status 200 content-type text/plain lf-string \"%[var(txn.n)]\"
");
		my $get = sub { $p->request('web', "GET $_[0] HTTP/1.1\r\nHost: h\r\n\r\n") };
		for my $i (1 .. 3) {
			my $c = $p->client('web');
			$c->send("GET /caught HTTP/1.1\r\nHost: h\r\n\r\n");
			ok($c->is_closed, 'done in a pcall, for ever');
			is($get->('/sorted')->status, 204, 'done where nothing can yield');
			is($get->('/inner')->status, 204, 'done in a coroutine of its own');
			is($get->('/after')->body, '', 'nothing was run after them');
			is($get->('/again')->body, '4', 'act.YIELD runs it again, act.wake_time');
		}
		my $r = $get->('/zero');
		is(join(',', $r->all('x-z'), $r->all('x-y'), $r->status), 'a,b,c,200', 'lists from 0 on');
		like($get->('/own')->header('x-err'), qr/done: not allowed in http-after-response/, 'after');
		my @e = split /\n/, $get->('/bad')->body;
		like($e[0], qr/200 to 599/, 'status');
		like($e[1], qr/field 'status' of a reply: a number is expected, not a string/, 'its type');
		like($e[2], qr/field 'headers'.*a table is expected/, 'headers');
		like($e[3], qr/names of 'headers' are strings/, 'names');
		like($e[4], qr/header 'a': CR, LF and NUL/, 'values');
		like($e[5], qr/'a:' cannot be the name/, 'a name');
		like($e[6], qr/value of header 'a' is a table/, 'a value');
		like($e[7], qr/field 'reason': CR, LF/, 'reason');
		like($e[8], qr/field 'body'.*a string is expected, not a table/, 'body');
		like($e[9], qr/table expected, got number/, 'no table');
		like($e[10], qr/table expected, got number/, 'reply');
		like($e[11], qr/a TXN is expected/, 'no TXN');
		stop_proxy($p);
	};
}

subtest 'mode tcp' => sub {
	my $l = listener();
	my $log = syslog_unix();
	my @tcp = grep { !/reply|table|long|nine|text/ } @names;
	my $text = "global\n    log $log->{addr} local0\n    lua-load $script\ndefaults
    mode tcp
    log global
    option tcplog
    timeout connect 5s
    timeout client 5s
    timeout server 5s
frontend web
    bind {BIND:web}
    tcp-request inspect-delay 5s
    tcp-request content accept if { req.payload(0,2) -m str xx }
";
	$text .= "    tcp-request content lua.$_ if { req.payload(0,4) -m str ${\ substr($_, 0, 4) } }\n" for @tcp;
	$text .= "    default_backend be\nbackend be\n    tcp-response inspect-delay 5s\n";
	$text .= "    tcp-response content lua.$_ if { res.payload(0,4) -m str ${\ substr($_, 0, 4) } }\n" for @tcp;
	my $p = start_proxy($text . "    server s ${\ $l->addr}\n");
	my %req = (ERROR => 'IR', DENY => 'PR', ABORT => 'PR', INVALID => 'PR', done => 'LR');
	my %res = (ERROR => 'ID', DENY => 'PD', ABORT => 'PD', INVALID => 'PD', done => 'LD');
	for (@tcp) {
		my $c = $p->client('web');
		$c->send(substr($_, 0, 4));
		if ($req{$_}) {
			ok($c->is_closed, "tcp-request: $_ closes");
		} else {
			my $s = $l->accept;
			is($s->read_bytes(4), substr($_, 0, 4), "tcp-request: $_ lets pass");
			$s->close;
			$c->close;
		}
		is($log->next_tcp->{flags}, $req{$_} // '--', "tcp-request: $_: the log");
		$c = $p->client('web');
		$c->send('xx');
		my $s = $l->accept;
		$s->read_bytes(2);
		$s->send(substr($_, 0, 4));
		if ($res{$_}) {
			ok($c->is_closed, "tcp-response: $_ closes");
		} else {
			is($c->read_bytes(4), substr($_, 0, 4), "tcp-response: $_ lets pass");
		}
		$c->close;
		$s->close;
		is($log->next_tcp->{flags}, $res{$_} // '--', "tcp-response: $_: the log");
	}
	stop_proxy($p);
};

done_testing();

# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What health does to servers and their sessions: observe and on-error, track,
# slowstart, on-marked-down and on-marked-up, init-state.
use Tideway::Test;

my $log;
my @o = map { origin(name => "s$_", respond => sub {
	my ($req, $c, $o) = @_;
	return response(slurp("$o->{dir}/status") || 200, 'x') if $req->uri eq '/traffic';
	return response(slurp("$o->{dir}/check") || 200, 'x') if $req->uri eq '/check';
	$c->send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), $c->read_all, return undef
	    if $req->uri eq '/long';
	return undef if $req->uri eq '/close';
	return $o->reply($req);
}) } 1, 2;

sub status { Tideway::Test::spew("$o[$_[0]]{dir}/status", $_[1]) }
sub check { Tideway::Test::spew("$o[$_[0]]{dir}/check", $_[1]) }

sub proxy
{
	my ($text, %opt) = @_;

	$log = syslog_unix();
	return start_proxy("global\n    log $log->{addr} local0\n"
	    . defaults('log global', 'option httplog', 'retries 0', 'timeout check 2s') . "
frontend stats
    bind {BIND:stats}
    stats enable
    stats uri /s
$text", %opt);
}

sub wait_log
{
	my ($what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $l = $log->next_match($what);

	ok($l, "logged: $what");
	return $l ? $l->{msg} : '';
}

sub row
{
	my ($p, $be, $srv) = @_;
	my @l = split /\n/, $p->get('stats', '/s;csv')->body;
	my @names = split /,/, shift(@l) =~ s/^# //r;

	for (@l) {
		my @v = split /,/, $_, -1;
		return { map { $names[$_] => $v[$_] } 0 .. $#names }
		    if $v[0] eq $be && $v[1] eq $srv;
	}
	return {};
}

sub wait_row
{
	my ($p, $be, $srv, %want) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $what = join ', ', map { "$_ $want{$_}" } sort keys %want;
	my $r;
	my $good = wait_until {
		$r = row($p, $be, $srv);
		!grep { $r->{$_} !~ /^(?:$want{$_})$/ } keys %want;
	};

	ok($good, "$be/$srv: $what") or diag(join ', ', map { "$_ $r->{$_}" } sort keys %want);
	return $r;
}

my $S1 = "server s1 ${\ $o[0]->addr}";
my $S2 = "server s2 ${\ $o[1]->addr}";

for my $how (['mark-down', 'DOWN'], ['sudden-death', 'UP 1/3'], ['fail-check', 'UP 2/3'],
	['fastinter', 'UP']) {
	my ($word, $after) = @$how;
	subtest "observe layer7, on-error $word" => sub {
		status(0, 500);
		my $p = proxy("listen web
    bind {BIND:web}
    option httpchk GET /check
    $S1 check inter 200ms fastinter 600s downinter 600s observe layer7 error-limit 3 on-error $word
");
		wait_row($p, 'web', 's1', check_health => 4);
		$p->get('web', '/traffic') for 1 .. 2;
		status(0, 404);
		$p->get('web', '/traffic'); # not in a row
		status(0, 500);
		$p->get('web', '/traffic') for 1 .. 2;
		is(row($p, 'web', 's1')->{check_status}, 'L7OK', 'two in a row are not enough');
		$p->get('web', '/traffic');
		if ($word eq 'fastinter') {
			wait_row($p, 'web', 's1', status => 'UP');
		} else {
			my $r = wait_row($p, 'web', 's1', status => $after, check_status => 'HANA');
			is($r->{last_chk}, '"Detected 3 consecutive errors', 'and why');
		}
		like(wait_log(qr/web\/s1 is DOWN/), qr/reason: Health analyze, info: "Detected 3 consecutive errors, last one was: Wrong http response"/,
		    'logged') if $word eq 'mark-down';
		stop_proxy($p);
		status(0, 200);
	};
}

subtest 'observe: answers that never come' => sub {
	my $p = proxy("listen web
    bind {BIND:web}
    option httpchk GET /check
    $S1 check inter 600s rise 1 fall 1 observe layer7 error-limit 2 on-error mark-down
");
	wait_row($p, 'web', 's1', check_status => 'L7OK');
	$p->get('web', '/close') for 1 .. 2;
	like(wait_log(qr/web\/s1 is DOWN/), qr/Health analyze/, 'closed without an answer');
	stop_proxy($p);
};

subtest 'observe layer4' => sub {
	my $gone = origin(name => 'gone');
	my $p = proxy("listen web
    bind {BIND:web}
    server s1 ${\ $gone->addr} check port ${\ $o[0]->port} addr $o[0]{host} inter 600s rise 1 fall 1 observe layer4 error-limit 2 on-error mark-down
");
	wait_row($p, 'web', 's1', check_status => 'L4OK');
	$gone->stop;
	$p->get('web', '/') for 1 .. 2;
	like(wait_log(qr/web\/s1 is DOWN/), qr/last one was: L4 unsuccessful connection/, 'logged');
	stop_proxy($p);
};

subtest 'track' => sub {
	check(0, 200);
	my $p = proxy("backend b
    option httpchk GET /check
    http-check disable-on-404
    $S1 check inter 30ms fall 1 rise 1
listen web
    bind {BIND:web}
    option httpchk
    http-check disable-on-404
    $S1 track b/s1
    $S2 track s1
");
	wait_row($p, 'web', $_, status => 'UP', tracked => 'b/s1|web/s1') for 's1', 's2';
	check(0, 500);
	like(wait_log(qr/Server web\/s1 is DOWN/), qr/is DOWN via b\/s1\. 1 active/, 'follows');
	like(wait_log(qr/Server web\/s2 is DOWN/), qr/is DOWN via web\/s1\. 0 active/, 'and so does who follows it');
	is($p->get('web', '/')->status, 503, 'nobody serves');
	check(0, 404);
	wait_row($p, 'b', 's1', status => 'DOWN');
	check(0, 200);
	wait_row($p, 'web', 's2', status => 'UP');
	check(0, 404);
	wait_row($p, 'web', 's2', status => 'NOLB');
	check(0, 200);
	stop_proxy($p);
};

subtest 'track: a reload' => sub {
	plan(skip_all => 'HAProxy reloads otherwise') unless is_tideway();
	check(0, 500);
	my $text = "backend b
    option httpchk GET /check
    $S1 check inter 30ms fall 1 rise 1
listen web
    bind {BIND:web}
    $S2 track b/s1
";
	my $p = proxy($text);
	wait_row($p, 'web', 's2', status => 'DOWN');
	$p->write_config($p->config =~ s/track b\/s1/track b\/s1 weight 7/r);
	$p->signal('HUP');
	wait_row($p, 'web', 's2', status => 'DOWN', weight => 7);
	$p->write_config($p->config =~ s/track b\/s1//r);
	$p->signal('HUP');
	wait_row($p, 'web', 's2', status => 'no check');
	check(0, 200);
	stop_proxy($p);
};

subtest 'slowstart' => sub {
	check(0, 200);
	my $p = proxy("listen web
    bind {BIND:web}
    option httpchk GET /check
    $S1 check inter 30ms fall 1 rise 1 weight 100 maxconn 100 slowstart 3s
    $S2 weight 100
");
	wait_row($p, 'web', 's1', status => 'UP', weight => 100, throttle => '100|');
	check(0, 500);
	wait_row($p, 'web', 's1', status => 'DOWN');
	check(0, 200);
	my $r = wait_row($p, 'web', 's1', status => 'UP', throttle => '\d\d?');
	cmp_ok($r->{weight}, '<', 100, "begins with a part of its weight ($r->{weight})");
	is($r->{uweight}, 100, 'the weight itself is the same') if is_tideway();
	my %by;
	$by{ $p->get('web', '/')->header('X-Server') // '-' }++ for 1 .. 20;
	cmp_ok($by{s1} // 0, '<', $by{s2}, 'and gets fewer requests');
	wait_row($p, 'web', 's1', weight => 100, throttle => '100|');
	%by = ();
	$by{ $p->get('web', '/')->header('X-Server') // '-' }++ for 1 .. 20;
	is($by{s1}, 10, 'and its share when it is over');
	stop_proxy($p);
};

subtest 'on-marked-down' => sub {
	check(0, 200);
	my $p = proxy("listen web
    bind {BIND:web}
    option httpchk GET /check
    $S1 check inter 30ms fall 1 rise 1 on-marked-down shutdown-sessions
");
	wait_row($p, 'web', 's1', check_status => 'L7OK');
	my $c = $p->client('web');
	$c->send("GET /long HTTP/1.1\r\nHost: a\r\n\r\n");
	ok($c->read_until(qr/half/), 'a session runs');
	check(0, 500);
	$c->read_all;
	isnt($c->state, 'open', 'and is ended');
	my $l = $log->next_match(qr{GET /long});
	like($l->{msg}, qr/ D[A-Z]-- /, 'with D in the log');
	check(0, 200);
	stop_proxy($p);
};

subtest 'on-marked-up' => sub {
	check(0, 500);
	my $p = proxy("listen web
    bind {BIND:web}
    option httpchk GET /check
    $S1 check inter 30ms fall 1 rise 1 on-marked-up shutdown-backup-sessions
    $S2 backup
");
	wait_row($p, 'web', 's1', status => 'DOWN');
	my $c = $p->client('web');
	$c->send("GET /long HTTP/1.1\r\nHost: a\r\n\r\n");
	ok($c->read_until(qr/half/), 'a session runs on the backup');
	check(0, 200);
	$c->read_all;
	isnt($c->state, 'open', 'and is ended');
	my $l = $log->next_match(qr{GET /long});
	like($l->{msg}, qr/ U[A-Z]-- /, 'with U in the log');
	stop_proxy($p);
};

subtest 'init-state' => sub {
	plan(skip_all => 'since HAProxy 3.1') unless is_tideway();
	my $far = 'check inter 600s rise 3 fall 5';
	my $l = listener();
	my $p = proxy("backend b
    server up ${\ $l->addr} $far
    server fully-up ${\ $l->addr} $far init-state fully-up
    server down ${\ $l->addr} $far init-state down
    server fully-down ${\ $l->addr} $far init-state fully-down
listen web
    bind {BIND:web}
    option httpchk GET /check
    $S1 check inter 30ms rise 2 init-state fully-down
");
	wait_row($p, 'web', 's1', status => 'UP');
	like(wait_log(qr/web\/s1 is UP/), qr/Layer7 check passed/, 'it had to prove itself');
	my %status = map { $_ => row($p, 'b', $_)->{status} } 'up', 'fully-up';
	like($status{$_}, qr/^UP/, $_) for keys %status;
	stop_proxy($p);
	$p = proxy("backend b
    server down 127.0.0.1:1 check inter 600s rise 3 init-state down
    server fully-down 127.0.0.1:1 check inter 600s rise 3 init-state fully-down
    default-server init-state up
    server x 127.0.0.1:1 check inter 600s disabled
");
	like(row($p, 'b', 'down')->{status}, qr/^DOWN/, 'down');
	like(row($p, 'b', 'fully-down')->{status}, qr/^DOWN/, 'fully-down');
	stop_proxy($p);
};

subtest 'log-health-checks' => sub {
	check(0, 200);
	my $p = proxy("backend b
    option log-health-checks
    option httpchk GET /check
    $S1 check inter 30ms rise 2 fall 3
");
	like(wait_log(qr/Health check for server b\/s1 succeeded/),
	    qr/reason: Layer7 check passed, code: 200, check duration: \d+ms, status: 3\/3 UP\./, 'the first');
	check(0, 503);
	like(wait_log(qr/Health check for server b\/s1 failed/),
	    qr/reason: Layer7 wrong status, code: 503, info: "X", check duration: \d+ms, status: 2\/3 UP\./, 'one failure');
	wait_log(qr/status: 1\/3 UP\./);
	wait_log(qr/status: 0\/2 DOWN\./);
	check(0, 200);
	wait_log(qr/status: 1\/2 DOWN\./);
	wait_log(qr/status: 3\/3 UP\./);
	stop_proxy($p);
};

subtest 'lines' => sub {
	my $head = defaults() . "backend b0\n    server t 127.0.0.1:1 check\n    server nc 127.0.0.1:1\n"
	    . "backend b\n    ";
	my %bad = (
		'server s 127.0.0.1:80 check observe foo' => qr/'observe' expects .*'layer4'.*'foo'/,
		"mode tcp\n    server s 127.0.0.1:80 check observe layer7" => qr/can only be used in http/,
		'server s 127.0.0.1:80 check on-error foo' => qr/'on-error' expects .*'mark-down'.*'foo'/,
		'server s 127.0.0.1:80 check error-limit 0' => qr/error-limit has to be > 0/,
		'server s 127.0.0.1:80 check on-marked-down x' => qr/'on-marked-down' expects 'shutdown-sessions'/,
		'server s 127.0.0.1:80 check on-marked-up x' => qr/'on-marked-up' expects 'shutdown-backup-sessions'/,
		'server s 127.0.0.1:80 slowstart x' => qr/'slowstart'/,
		'server s 127.0.0.1:80 track foo' => qr/'?foo'?/,
		'server s 127.0.0.1:80 track b0/foo' => qr/foo/,
		'server s 127.0.0.1:80 track b0/nc' => qr/b0\/nc.*check/,
		'server s 127.0.0.1:80 track b/s' => qr/loop/,
		'server s 127.0.0.1:80 check track b0/t' => qr/same time/,
		"server s 127.0.0.1:80 track b/r\n    server r 127.0.0.1:81 track b/s" => qr/loop/,
		"http-check disable-on-404\n    option httpchk\n    server s 127.0.0.1:80 track b0/t" => qr/disable-on-404/,
		'server s 127.0.0.1 check' => qr/port/,
	);
	$bad{'server s 127.0.0.1:80 check init-state x'} = qr/'init-state' expects/ if is_tideway();
	for my $line (sort keys %bad) {
		my $r = check_config("$head$line\n");
		ok($r->{code} == 1 && $r->{all} =~ $bad{$line}, $line) or diag($r->{all});
	}
	for my $good ("option tcp-check\n    tcp-check connect port 80\n    server s 127.0.0.1 check",
	    'server s 127.0.0.1:80 observe layer4 on-error fastinter error-limit 5') {
		my $r = check_config("$head$good\n");
		ok(!$r->{signal} && $r->{all} !~ /ALERT|Sanitizer/, $good) or diag($r->{all});
	}
	for my $word ('check-via-socks4', 'check-proto fcgi') {
		last unless is_tideway();
		my $r = check_config("${head}server s 127.0.0.1:80 check $word\n");
		ok($r->{code} == 1 && $r->{all} =~ /not supported by tideway yet/, "$word: refused");
	}
};

done_testing;

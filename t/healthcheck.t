# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Health checks: TCP and HTTP in their forms, fall and rise, what is logged,
# and where the requests of a dead server go.
use Tideway::Test;

my $log;
my @o = map { origin(name => "s$_", greet => sub {
	my ($c, $o) = @_;
	$c->reset if $o->is_set('reset');
}, respond => sub {
	my ($req, $c, $o) = @_;
	if ($req->uri =~ m{^/check}) {
		return undef if $o->is_set('mute');
		return response(slurp("$o->{dir}/status") || 200, 'checked');
	}
	$o->wait_flag('go') if $req->uri eq '/wait';
	return $o->reply($req);
}) } 1, 2;

sub status
{
	my ($n, $status) = @_;

	Tideway::Test::spew("$o[$n]{dir}/status", $status);
}

sub proxy
{
	my ($options, $server) = @_;
	my $lines = join '', map { "    $_\n" } @$options;
	$log = syslog_unix();

	return start_proxy("global\n    log $log->{addr} local0\n"
	    . defaults('log global', 'option httplog', 'option redispatch') . "
listen web
    bind {BIND:web}
    timeout check 2s
    default-server inter 30ms $server
$lines    server s1 ${\ $o[0]->addr} check
    server s2 ${\ $o[1]->addr}
");
}

sub wait_log
{
	my ($what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $l = $log->next_match($what);

	ok($l, "logged: $what");
	return $l ? $l->{msg} : '';
}

sub served_by
{
	my ($p) = @_;
	my %seen;

	$seen{ $p->get('web', '/')->header('X-Server') // '-' }++ for 1 .. 4;
	return join ' ', sort keys %seen;
}

subtest 'TCP check' => sub {
	my $p = proxy([], 'fall 2 rise 2');
	is(served_by($p), 's1 s2', 'both serve');
	$o[0]->stop;
	my $msg = wait_log(qr{Server web/s1 is DOWN});
	like($msg, qr/reason: Layer4 connection problem, info: ".*[Cc]onnection refused/,
	    'with the reason');
	like($msg, qr/1 active and 0 backup servers left\. \d+ sessions active, \d+ requeued, \d+ remaining in queue\.$/,
	    'and what is left');
	is(served_by($p), 's2', 'one serves');
	$o[0]->restart;
	$msg = wait_log(qr{Server web/s1 is UP});
	like($msg, qr/reason: Layer4 check passed, check duration: \d+ms\. 2 active and 0 backup servers online\./,
	    'with the reason');
	is(served_by($p), 's1 s2', 'both serve again');
	stop_proxy($p);
};

my @forms = (
	['option httpchk OPTIONS /check', 'OPTIONS /check HTTP/1.0'],
	['option httpchk /check', 'OPTIONS /check HTTP/1.0'],
	['option httpchk HEAD /check', 'HEAD /check HTTP/1.0'],
	['option httpchk GET /check HTTP/1.0', 'GET /check HTTP/1.0'],
	['option httpchk GET /check HTTP/1.1\r\nHost:\ x', 'GET /check HTTP/1.1'],
);

for my $form (@forms) {
	my ($option, $line) = @$form;
	subtest $option => sub {
		my $old = $o[0]->requests;
		my $p = proxy([$option], 'fall 1 rise 1');
		my $first = wait_until {
			my @r = $o[0]->requests;
			@r > $old ? $r[$old] : 0;
		};
		is($first->start, $line, 'the request line');
		is($first->header('Host'), 'x', 'the Host') if $option =~ /Host/;
		for my $s (404, 500) {
			status(0, $s);
			my $msg = wait_log(qr{web/s1 is DOWN});
			like($msg, qr/Layer7 wrong status, code: $s/, "because of $s");
			status(0, $s == 404 ? 200 : 302);
			wait_log(qr{web/s1 is UP.*Layer7 check passed, code: (?:200|302)});
		}
		stop_proxy($p);
		status(0, 200);
	};
}

subtest 'http-check expect' => sub {
	my $p = proxy(['option httpchk GET /check', 'http-check expect status 418'],
	    'fall 1 rise 1');
	wait_log(qr{web/s1 is DOWN});
	status(0, 418);
	wait_log(qr{web/s1 is UP});
	stop_proxy($p);
	status(0, 200);
};

subtest 'fall and rise count' => sub {
	my $p = proxy(['option httpchk GET /check'], 'fall 3 rise 4');
	my $n = sub { scalar grep { $_->uri eq '/check' } $o[0]->requests };
	my $start = $n->();
	wait_until { $n->() > $start };
	status(0, 503);
	my $before = $n->();
	wait_log(qr{web/s1 is DOWN});
	my $failed = $n->() - $before;
	cmp_ok($failed, '>=', 2, "down after $failed checks, not before");
	cmp_ok($failed, '<=', 5, 'and not much later');
	$before = $n->();
	status(0, 200);
	wait_log(qr{web/s1 is UP});
	$failed = $n->() - $before;
	cmp_ok($failed, '>=', 3, "up after $failed checks, not before");
	cmp_ok($failed, '<=', 6, 'and not much later');
	stop_proxy($p);
};

subtest 'bad answers' => sub {
	my $p = proxy(['option httpchk GET /check', ],
	    'fall 1 rise 1');
	$o[0]->set('mute');
	like(wait_log(qr{web/s1 is DOWN}), qr/reason: (?:Socket error|Layer7 invalid response)/,
	    'closed without an answer');
	$o[0]->unset('mute');
	wait_log(qr{web/s1 is UP});
	$o[0]->set('reset');
	like(wait_log(qr{web/s1 is DOWN}), qr/reason: (?:Socket error|Layer4)/,
	    'reset');
	$o[0]->unset('reset');
	wait_log(qr{web/s1 is UP});
	stop_proxy($p);
};

subtest 'a check that hangs' => sub {
	my $l = listener();
	$log = syslog_unix();
	my $p = start_proxy("global\n    log $log->{addr} local0\n"
	    . defaults('log global') . "
listen web
    bind {BIND:web}
    option httpchk
    timeout check 100ms
    server s1 ${\ $l->addr} check inter 50ms fall 1
");
	like(wait_log(qr{web/s1 is DOWN}), qr/Layer7 timeout/, 'times out');
	is($p->get('web', '/')->status, 503, 'no server is left');
	ok($log->next_match(qr/has no server available/), 'and says so');
	stop_proxy($p);
};

subtest 'queued requests move on' => sub {
	$log = syslog_unix();
	my $p = start_proxy("global\n    log $log->{addr} local0\n"
	    . defaults('log global', 'timeout queue 5s', 'timeout check 5s', 'option redispatch') . "
listen web
    bind {BIND:web}
    option httpchk GET /check
    cookie C insert
    server s1 ${\ $o[0]->addr} check inter 30ms fall 1 maxconn 1 cookie s1
    server s2 ${\ $o[1]->addr} cookie s2
");
	my $n = () = grep { $_->uri eq '/wait' } $o[0]->requests;
	my @c = map { $p->client('web') } 1 .. 3;
	my $req = "GET %s HTTP/1.1\r\nHost: a\r\nCookie: C=s1\r\n\r\n";
	$c[0]->send(sprintf $req, '/wait');
	wait_until { $n < grep { $_->uri eq '/wait' } $o[0]->requests };
	$_->send(sprintf $req, '/') for @c[1, 2];
	ok($c[1]->is_quiet(0.05), 'they wait for their server');
	status(0, 503);
	is($_->read_response->header('X-Server') // '-', 's2',
	    'when it dies, another one serves them') for @c[1, 2];
	$o[0]->set('go');
	is($c[0]->read_response->header('X-Server'), 's1',
	    'what it was working on is still delivered');
	stop_proxy($p);
	status(0, 200);
};

subtest 'check port' => sub {
	$log = syslog_unix();
	my $p = start_proxy("global\n    log $log->{addr} local0\n"
	    . defaults('log global') . "
listen web
    bind {BIND:web}
    server s1 ${\ $o[0]->addr} check inter 30ms fall 1 port 1
");
	wait_log(qr{web/s1 is DOWN});
	is($p->get('web', '/')->status, 503, 'the port given is checked');
	stop_proxy($p);
};

done_testing;

# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Every timeout, with the answer and the log line it leads to.
use Tideway::Test;

my $l = listener();
my $log;
my $K = "Host: a\r\n";

sub proxy
{
	my (@timeouts) = @_;
	$log = syslog_unix();
	my %t = (client => '5s', server => '5s', connect => '5s', @timeouts);

	return start_proxy("global\n    log $log->{addr} local0\ndefaults\n"
	    . "    mode http\n    log global\n    option httplog\n    retries 0\n"
	    . join('', map { "    timeout $_ $t{$_}\n" } sort keys %t) . "
listen web
    bind {BIND:web}
    server s ${\ $l->addr}
");
}

# runs a piece and says whether it took about as long as the timeout, which began
# at start (now) or later
sub took
{
	my ($min, $max, $what, $code, $start) = @_;

	$start //= time;

	$code->();
	my $t = time - $start;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok($t >= $min - 0.02 && $t < $max, "$what: in time") or diag("$t s");
}

subtest 'http-request' => sub {
	my $p = proxy('http-request' => '200ms');
	my $c = $p->client('web');
	took(0.2, 2, 'half a head', sub {
		$c->send("GET / HTTP/1.1\r\nHo");
		is($c->read_response->status, 408, 'status 408');
	});
	ok($c->is_closed, 'closed');
	is($log->next_http->{flags}, 'cR--', 'cR');
	$c = $p->client('web');
	took(0.2, 2, 'byte after byte', sub {
		for my $b (split //, 'GET /slowly HTTP/1.1') {
			$c->send($b);
			last if defined $c->fill(0.03);
		}
		is($c->read_response->status, 408, '408, not restarted by each byte');
	});
	$log->next_http;
	$c = $p->client('web');
	$c->send("POST / HTTP/1.1\r\n${K}Content-Length: 5\r\n\r\n");
	my $s = $l->accept;
	ok($s->read_head, 'the head is forwarded');
	ok($c->is_quiet(0.3), 'a body has its own time');
	$c->send('hello');
	$s->send(response(200, 'ok'));
	is($c->read_response->body, 'ok', 'and is served');
	$_->close for $c, $s;
	stop_proxy($p);
};

subtest 'http-keep-alive' => sub {
	my $p = proxy('http-keep-alive' => '200ms', 'http-request' => '3s');
	my $c = $p->client('web');
	$c->send("GET / HTTP/1.1\r\n$K\r\n");
	my $s = $l->accept;
	$s->read_head;
	my $start = time;
	$s->send(response(200, 'ok'));
	is($c->read_response->body, 'ok', 'one request');
	is($log->next_http->{status}, 200, 'logged');
	took(0.2, 2, 'idle', sub { ok($c->is_closed, 'closed without a word') }, $start);
	ok(!$log->next_http(0.1), 'and without a line');
	stop_proxy($p);
};

subtest 'client' => sub {
	my $p = proxy(client => '200ms');
	my $c = $p->client('web');
	took(0.2, 2, 'a silent client', sub {
		my $r = $c->read_response;
		like($r->status, qr/^(?:408|0)$/, '408 or nothing');
		$c->read_all;
	});
	isnt($c->state, 'open', 'closed');
	$log->next_http;
	$c = $p->client('web');
	$c->send("GET / HTTP/1.1\r\n$K\r\n");
	my $s = $l->accept;
	$s->read_head;
	ok($c->is_quiet(0.4), 'no client timeout while the server thinks');
	$s->send(response(200, 'late'));
	is($c->read_response->body, 'late', 'the answer comes');
	$_->close for $c, $s;
	stop_proxy($p);
};

subtest 'client does not read' => sub {
	my $p = proxy(client => '300ms');
	my $c = $p->client('web');
	$c->send("GET / HTTP/1.1\r\n$K\r\n");
	my $s = $l->accept;
	$s->read_head;
	$s->send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
	my $data = 'x' x 1_000_000;
	for (1 .. 100) {
		last if $s->send($data, 1) < length $data;
	}
	my $h = $log->next_http(3) // { flags => 'no line' };
	is($h->{flags}, 'cD--', 'cD');
	$_->close for $c, $s;
	stop_proxy($p);
};

subtest 'server' => sub {
	my $p = proxy(server => '200ms');
	my $c = $p->client('web');
	$c->send("GET / HTTP/1.1\r\n$K\r\n");
	my $s = $l->accept;
	took(0.2, 2, 'no answer', sub {
		is($c->read_response->status, 504, 'status 504');
	});
	my $h = $log->next_http;
	is($h->{flags}, 'sH--', 'sH');
	is($h->{tr}, -1, 'no response time');
	$s->close;
	$c = $p->client('web');
	$c->send("GET / HTTP/1.1\r\n$K\r\n");
	$s = $l->accept;
	$s->send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nh");
	took(0.2, 2, 'a body that stalls', sub { $c->read_all });
	is($log->next_http->{flags}, 'sD--', 'sD');
	$_->close for $c, $s;
	stop_proxy($p);
};

subtest 'connect' => sub {
	# a listener whose queue is full answers no connection request
	my $full = listener();
	listen $full->{sock}, 0;
	my @fill = map {
		IO::Socket::INET->new(PeerHost => $full->{host},
		    PeerPort => $full->port, Blocking => 0)
	} 1 .. 4;
	$log = syslog_unix();
	my $p = start_proxy("global\n    log $log->{addr} local0\n"
	    . defaults('log global', 'option httplog', 'retries 0') . "
listen web
    bind {BIND:web}
    timeout connect 200ms
    server s ${\ $full->addr}
");
	took(0.2, 3, 'no connection', sub {
		is($p->get('web', '/')->status, 503, 'status 503');
	});
	my $h = $log->next_http;
	is($h->{flags}, 'sC--', 'sC');
	is($h->{tc}, -1, 'no connection time');
	stop_proxy($p);
};

subtest 'tunnel' => sub {
	my $p = proxy(tunnel => '250ms');
	my $c = $p->client('web');
	$c->send("GET / HTTP/1.1\r\n${K}Connection: Upgrade\r\nUpgrade: x\r\n\r\n");
	my $s = $l->accept;
	$s->read_head;
	$s->send("HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
	$c->read_head;
	my $start;
	for (1 .. 4) {
		$start = time;
		$c->send('ping');
		is($s->read_bytes(4), 'ping', 'traffic keeps it');
		$s->is_quiet(0.1);
	}
	took(0.1, 2, 'idle', sub { ok($c->is_closed, 'closed when idle') }, $start);
	isnt($s->read_all // '', 'x', 'on both sides');
	isnt($s->state, 'open', 'both');
	stop_proxy($p);
};

subtest 'client-fin and server-fin' => sub {
	my $p = start_proxy("defaults
    mode tcp
    timeout connect 5s
    timeout client 5s
    timeout server 5s
listen a
    bind {BIND:a}
    timeout client-fin 200ms
    server s ${\ $l->addr}
listen b
    bind {BIND:b}
    timeout server-fin 200ms
    server s ${\ $l->addr}
");
	my $c = $p->client('a');
	my $s = $l->accept;
	$s->send('bye');
	$s->shutdown_write;
	is($c->read_all(0.1), 'bye', 'the server has finished');
	took(0, 2, 'client-fin', sub { $s->read_all });
	isnt($s->state, 'open', 'client-fin ends it');
	$_->close for $c, $s;

	$c = $p->client('b');
	$s = $l->accept;
	$c->send('bye');
	$c->shutdown_write;
	is($s->read_bytes(3), 'bye', 'the client has finished');
	took(0, 2, 'server-fin', sub { $c->read_all });
	isnt($c->state, 'open', 'server-fin ends it');
	stop_proxy($p);
};

subtest 'queue' => sub {
	$log = syslog_unix();
	my $p = start_proxy("global\n    log $log->{addr} local0\n"
	    . defaults('log global', 'option httplog') . "
listen web
    bind {BIND:web}
    timeout queue 200ms
    server s ${\ $l->addr} maxconn 1
");
	my $c = $p->client('web');
	$c->send("GET / HTTP/1.1\r\n$K\r\n");
	my $s = $l->accept;
	$s->read_head;
	took(0.2, 2, 'queue', sub { is($p->get('web', '/')->status, 503, 'status 503') });
	my $h = $log->next_http;
	is($h->{flags}, 'sQ--', 'sQ');
	cmp_ok($h->{tw}, '>=', 190, 'Tw is the time it waited');
	$_->close for $c, $s;
	stop_proxy($p);
};

subtest 'units' => sub {
	my %ok = ('200' => 0, '200us' => 0, '3s' => 0, '3m' => 0, '3h' => 0, '1d' => 0);
	for my $t (sort keys %ok) {
		my $r = check_config("defaults\n    mode http\n    timeout client $t\n"
		    . "    timeout server $t\n    timeout connect $t\nlisten a\n    bind 127.0.0.1:1\n");
		is($r->{code}, 0, "timeout $t") or diag $r->{all};
	}
};

done_testing;

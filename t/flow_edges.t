# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The corners of the request path: what is still in the pipe at the end, heads
# that fill the buffer, connections that fail late, and who bounds each wait.
use Tideway::Test;
use Digest::SHA qw(sha1_hex);
use IO::Socket::INET;
use Socket qw(:all);

my $l = listener();

# sends all of it to a peer while another one is read only now and then
sub pour
{
	my ($from, $data) = @_;
	my $pid = fork // die "fork: $!";

	return $pid if $pid;
	$from->send($data, 60);
	POSIX::_exit(0);
}

sub child_ends { waitpid $_[0], 0 }

subtest 'a slow reader gets what is left in the pipe' => sub {
	my $p = start_proxy(defaults() . "listen web
    bind {BIND:web}
    server s ${\ $l->addr}
");
	my $size = 24 << 20;
	my $data = pack 'N*', 0 .. $size / 4 - 1;
	for my $how ("Content-Length: $size\r\n", "Connection: close\r\n") {
		my $c = $p->client('web');
		setsockopt $c->sock, SOL_SOCKET, SO_RCVBUF, 65536;
		$c->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
		my $s = $l->accept;
		$s->read_head;
		$s->send("HTTP/1.1 200 OK\r\n$how\r\n");
		my $pid = pour($s, $data);
		$s->close;
		ok($c->read_head, 'the head');
		# the server goes on until nobody takes any more
		wait_until { waitpid($pid, POSIX::WNOHANG()) == $pid } 0.5;
		my $body = $c->read_bytes($size, 20);
		is(length $body, $size, 'all of it came');
		is(sha1_hex($body), sha1_hex($data), 'as it was sent');
		$c->close;
		kill 'KILL', $pid;
		waitpid $pid, 0;
	}
	stop_proxy($p);
};

subtest 'a head that fills the buffer, and long trailers' => sub {
	my $p = start_proxy(defaults() . "listen web
    bind {BIND:web}
    server s ${\ $l->addr}
");
	for my $len (16384, 16383, 15900, 14000) {
		my $start = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nX: ";
		my $head = $start . 'x' x ($len - length($start) - 4) . "\r\n\r\n";
		is(length $head, $len, "$len bytes of head");
		my $c = $p->client('web');
		$c->send($head);
		my $s = $l->accept;
		$s->read_head or next;
		$c->send("5\r\nhello\r\n0\r\nT: " . 't' x 6000);
		is($s->read_until(qr/hello/) // '', "5\r\nhello", 'the body passes');
		$c->send("\r\n\r\n");
		my $r = $s->read_until(qr/\r\n\r\n/, 0.5);
		if (defined $r) {
			$s->send(response(200));
			is($c->read_response->status, 200, 'the trailers passed');
		} else {
			is($c->read_response->status, 431, 'or there was no room');
		}
		$c->close;
		$s->close;
	}
	my $c = $p->client('web');
	$c->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	my $s = $l->accept;
	$s->read_head;
	my $start = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: ";
	$s->send($start . 'x' x (16000 - length $start) . "\r\n\r\n");
	$s->send("5\r\nhello\r\n0\r\nT: " . 't' x 6000);
	is($c->read_head->status, 200, 'a long head of a server');
	is($c->read_until(qr/hello/), "5\r\nhello", 'and its body');
	$s->send("\r\n\r\n");
	$c->read_all;
	isnt($c->state, 'open', 'ends in one way or another');
	stop_proxy($p);
};

subtest 'a PROXY header that does not come' => sub {
	my $p = start_proxy("defaults
    mode http
    timeout connect 5s
    timeout client 300ms
    timeout server 5s
listen web
    bind {BIND:web} accept-proxy
    server s ${\ $l->addr}
");
	my $silent = $p->client('web');
	my $half = $p->client('web');
	$half->send('PROXY TCP4 1.2.3');
	$silent->read_all(3);
	isnt($silent->state, 'open', 'nothing at all: closed in time');
	$half->read_all(3);
	isnt($half->state, 'open', 'half of it: closed in time');
	stop_proxy($p);
};

subtest 'retries take longer than http-request' => sub {
	my $p = start_proxy("defaults
    mode http
    retries 1
    timeout connect 5s
    timeout client 5s
    timeout server 5s
    timeout http-request 300ms
listen web
    bind {BIND:web}
    server s 127.0.0.1:1
");
	is($p->get('web', '/')->status, 503, 'the retry was made, and answered');
	stop_proxy($p);
};

subtest 'send-proxy: a connection belongs to one client' => sub {
	my $p = start_proxy(defaults('http-reuse always') . "listen web
    bind {BIND:web}
    server s ${\ $l->addr} send-proxy
");
	my @s;
	for my $n (1, 2) {
		my $c = $p->client('web');
		my $port = $c->local_port;
		$c->send("GET /$n HTTP/1.1\r\nHost: a\r\n\r\n");
		my $s = $l->accept(1);
		ok($s, "client $n: a connection of its own") or last;
		like($s->read_until(qr/\r\n/), qr/^PROXY TCP4 127\.0\.0\.1 \S+ $port /,
		    'which says whose it is');
		is($s->read_head->uri, "/$n", 'then the request');
		$s->send(response(200));
		is($c->read_response->status, 200, 'the answer');
		$c->send("GET /again HTTP/1.1\r\nHost: a\r\n\r\n");
		is($s->read_head->uri, '/again', 'the same client may use it again');
		$s->send(response(200));
		$c->read_response;
		push @s, $c, $s;
	}
	stop_proxy($p);
};

subtest 'data and a reset in one breath' => sub {
	my $p = start_proxy(defaults() . "listen web
    bind {BIND:web}
    server s ${\ $l->addr}
");
	my $c = $p->client('web');
	$c->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	my $s = $l->accept;
	$s->read_head;
	kill 'STOP', $p->pid;
	$s->send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello");
	$s->reset;
	kill 'CONT', $p->pid;
	my $start = time;
	$c->read_all(4);
	isnt($c->state, 'open', 'server: the client is told');
	cmp_ok(time - $start, '<', 2, 'at once');

	$c = $p->client('web');
	$c->send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n");
	$s = $l->accept;
	$s->read_head;
	kill 'STOP', $p->pid;
	$c->send('hello');
	$c->reset;
	kill 'CONT', $p->pid;
	$start = time;
	$s->read_all(4);
	isnt($s->state, 'open', 'client: the server is told');
	cmp_ok(time - $start, '<', 2, 'at once');
	stop_proxy($p);
};

# A listener whose queue is full leaves connections waiting; closed, it
# refuses them a moment later.
subtest 'a connection that is refused late, and a body' => sub {
	my $dead = listener(backlog => 0);
	my @fill;
	for (1 .. 3) {
		my $sock = IO::Socket::INET->new(Proto => 'tcp', Blocking => 0,
		    Type => SOCK_STREAM);
		connect $sock, sockaddr_in($dead->port, inet_aton($dead->{host}));
		push @fill, $sock;
	}
	my $p = start_proxy(defaults('option redispatch 1', 'retries 3') . "listen web
    bind {BIND:web}
    server dead ${\ $dead->addr}
    server s ${\ $l->addr}
");
	my $c = $p->client('web');
	$c->send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
	ok(!defined $l->accept(0.2), 'the first server is tried');
	$dead->close;
	my $s = $l->accept;
	ok($s, 'then the other') or return;
	my $m = $s->read_message(secs => 2);
	is($m ? $m->{raw_body} : undef, 'hello', 'with the whole body');
	$s->send(response(200));
	is($c->read_response->status, 200, 'the answer');
	stop_proxy($p);
};

subtest 'a flood of interim responses' => sub {
	my $p = start_proxy(defaults() . "listen web
    bind {BIND:web}
    server s ${\ $l->addr}
");
	my $c = $p->client('web');
	$c->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	my $s = $l->accept;
	$s->read_head;
	$s->send("HTTP/1.1 103 Early Hints\r\nLink: <${\ ('x' x 1000)}>\r\n\r\n" x 3);
	$s->send(response(200, 'end'));
	my $r = $c->read_response;
	is(scalar @{ $r->{interim} }, 3, 'interim responses pass');
	is($r->body, 'end', 'and the final one');
	stop_proxy($p);
};

done_testing();

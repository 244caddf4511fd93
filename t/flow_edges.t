# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The corners of the request path: what is still in the pipe at the end, heads
# that fill the buffer, connections that fail late, and who bounds each wait.
use Tideway::Test;
use IO::Socket::INET;
use Socket qw(:all);

my $l = listener();

# The end of a body must not stay in the pipe when the client's window closes
# just then: which sizes meet that moment depends on the kernel, so many are
# tried.
subtest 'a slow reader gets what is left in the pipe' => sub {
	my $p = start_proxy(defaults() . "listen web
    bind {BIND:web}
    server s ${\ $l->addr}
");
	my $bad = 0;
	for my $size (map { 3_000_000 + $_ * 50_000 } 0 .. 60) {
		my $c = $p->client('web');
		setsockopt $c->sock, SOL_SOCKET, SO_RCVBUF, 65536;
		$c->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
		my $s = $l->accept;
		$s->read_head;
		my $pid = fork // die "fork: $!";
		if ($pid == 0) {
			$s->send("HTTP/1.1 200 OK\r\nContent-Length: $size\r\n\r\n"
			    . 'x' x $size, 60);
			POSIX::_exit(0);
		}
		$s->close;
		$c->read_head;
		# the server goes on until nobody takes any more
		wait_until { waitpid($pid, POSIX::WNOHANG()) == $pid } 0.03;
		my $got = length $c->read_bytes($size, 3);
		$bad++, diag("$got of $size") if $got != $size;
		kill 'KILL', $pid;
		waitpid $pid, 0;
		last if $bad > 2;
	}
	is($bad, 0, 'all of each body came');
	stop_proxy($p);
};

# The end of a request's body must not stay behind when the server's window closes
# just then. Chunks: they pass through our own memory.
subtest 'a server that reads late gets the end of the body' => sub {
	my $slow = listener();
	setsockopt $slow->{sock}, SOL_SOCKET, SO_RCVBUF, 4096;
	my $p = start_proxy("global
    tune.sndbuf.server 8192
" . defaults() . "listen web
    bind {BIND:web}
    server s ${\ $slow->addr}
");
	my $bad = 0;
	for my $size (map { 4000 + $_ * 1500 } 0 .. 40) {
		my $c = $p->client('web');
		$c->send(sprintf "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
		    . "chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", $size, 'x' x $size);
		my $s = $slow->accept;
		$s->read_head;
		# as much as finds room has left by now
		wait_until { 0 } 0.01;
		my ($body) = eval { $s->read_until("\r\n0\r\n\r\n") };
		$bad++, diag("the end of $size bytes is missing") if !defined $body;
		$s->send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
		$c->read_response if defined $body;
		last if $bad > 1;
	}
	is($bad, 0, 'all of each body came');
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

subtest 'a second head in a buffer that the first one filled' => sub {
	my $p = start_proxy(defaults() . "listen web
    bind {BIND:web}
    server s ${\ $l->addr}
");
	my $head = sub {
		my ($len) = @_;
		my $start = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\nX: ";
		return $start . 'x' x ($len - length($start) - 4) . "\r\n\r\n";
	};
	my $c = $p->client('web');
	$c->send($head->(16384));
	my $s = $l->accept;
	ok($s->read_head, 'the first head');
	my $second = $head->(17408);
	$c->send('12345678' . substr $second, 0, 500);
	is($s->read_bytes(8), '12345678', 'its body');
	$s->send(response(200));
	is($c->read_response->status, 200, 'answered');
	$c->send(substr $second, 500);
	is($c->read_response->status, 431, 'the second is too long');
	ok($c->is_closed, 'closed');
	stop_proxy($p);
};

subtest 'more bytes than the answer, on a connection of one client' => sub {
	my $p = start_proxy(defaults() . "listen web
    bind {BIND:web}
    server s ${\ $l->addr}
");
	my $c = $p->client('web');
	$c->send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
	my $s = $l->accept;
	$s->read_head;
	$s->send(response(401, '', 'WWW-Authenticate: NTLM') . "HTTP/1.1 200 OK\r\nCont");
	is($c->read_response->status, 401, 'the answer');
	$c->send("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
	my $t = $l->accept;
	ok($t, 'the next request has a connection of its own');
	is($t && $t->read_head->uri, '/2', 'complete');
	$t->send(response(200, 'right')) if $t;
	is($c->read_response->body, 'right', 'and its own answer');
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

# No message lacks anything then: who is silent is asked a second later.
subtest 'the same in a tunnel' => sub {
	my $p = start_proxy(defaults('timeout client 60s', 'timeout server 60s',
	    'timeout tunnel 60s') . "
listen tcp
    mode tcp
    bind {BIND:tcp}
    server s ${\ $l->addr}
listen http
    bind {BIND:http}
    server s ${\ $l->addr}
");
	for my $mode (qw(tcp http)) {
		for my $who (qw(client server)) {
			my $c = $p->client($mode);
			$c->send($mode eq 'tcp' ? 'first' : "GET / HTTP/1.1\r\nHost: a\r\n"
			    . "Connection: Upgrade\r\nUpgrade: x\r\n\r\n");
			my $s = $l->accept;
			$mode eq 'tcp' ? $s->read_bytes(5) : $s->read_head;
			$s->send($mode eq 'tcp' ? 'hello'
			    : "HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
			$mode eq 'tcp' ? $c->read_bytes(5) : $c->read_head;
			my ($goes, $stays) = $who eq 'client' ? ($c, $s) : ($s, $c);

			kill 'STOP', $p->pid;
			$goes->send('bye');
			$goes->reset;
			kill 'CONT', $p->pid;
			is($stays->read_all(20), 'bye', "$mode: what the $who said last");
			isnt($stays->state, 'open', 'and that it went');
		}
	}
	stop_proxy($p);
};

# A listener whose queue is full leaves connections waiting; closed, it
# refuses them a moment later.
subtest 'a connection that is refused late, and a body' => sub {
	my $dead = listener(backlog => 1);
	my @fill;
	for (1 .. 4) {
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

# Each long body wants a pipe of its own; without one it is copied.
subtest 'no descriptors left for pipes' => sub {
	my $p = start_proxy("global\n    nbthread 1\n" . defaults() . "listen web
    bind {BIND:web}
    server s ${\ $l->addr}
");
	my $size = 300_000;
	my (@pairs, $bad);
	for (1 .. 4) {
		my $c = $p->client('web');
		$c->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
		my $s = $l->accept;
		ok($s->read_head, 'a request');
		push @pairs, [$c, $s];
	}
	is(run_cmd({ bin => 'prlimit' }, '--pid', $p->pid, '--nofile=4:')->{code}, 0,
	    'no more descriptors from now on');
	for my $pair (@pairs) {
		my ($c, $s) = @$pair;
		$s->send("HTTP/1.1 200 OK\r\nContent-Length: $size\r\n\r\n");
		$c->read_head(2) or $bad++, next;
		$s->send('x' x 50_000) for 1 .. 6;
		$bad++ if length $c->read_bytes($size, 2) != $size;
	}
	is($bad, undef, 'all of them end');
	run_cmd({ bin => 'prlimit' }, '--pid', $p->pid, '--nofile=1024:');
	stop_proxy($p); # a sanitizer opens files to look for leaks
};

# The listener of an idle connection may be gone, another proxy's, or of another
# mode after a reload: it gets one more answer, and the end.
subtest 'idle connections over a reload' => sub {
	my $o = origin();
	my $text = sub { "defaults
    timeout connect 5s
    timeout client 5s
    timeout server 5s
listen other
    mode http
    bind {BIND:other}
    server s ${\ $o->addr}
$_[0]" };
	my $web = sub { "listen $_[0]
    mode $_[1]
    bind {BIND:web}
    server s ${\ $o->addr}
" };
	for my $new ($web->('web', 'tcp'), $web->('renamed', 'http'), '') {
		my $p = start_proxy($text->($web->('web', 'http')));
		my $c = $p->client('web');
		is($c->request("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n")->status, 200, 'before');
		$p->write_config($text->($new));
		$p->signal('USR2');
		ok($p->wait_output(qr/Reloaded/), 'reloaded') or diag $p->stderr;
		my $r = $c->request("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
		is($r->status, 200, 'one more');
		is($r->header('Connection'), 'close', 'the last one');
		ok($c->is_closed, 'closed');
		is($p->get('other', '/')->status, 200, 'the rest goes on');
		stop_proxy($p);
	}
} if is_tideway();

done_testing();

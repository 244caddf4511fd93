# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Bodies in both directions (RFC 9112, sections 6 and 7): lengths, chunks,
# trailers, bodies that end with the connection, interim answers, and
# back-pressure on bodies larger than any buffer.
use Tideway::Test;
use Digest::SHA qw(sha1_hex);

my $l = listener();
my $p = start_proxy(defaults() . "
frontend web
    bind {BIND:web}
    default_backend b
backend b
    server s ${\ $l->addr}
");
my $K = "Host: a\r\n";

# sends a request; the client, the server's side and the request as it came
sub exchange
{
	my ($bytes) = @_;
	my $c = $p->client('web');

	$c->send($bytes);
	my $s = $l->accept or die 'no connection to the server';
	my $req = $s->read_head;
	return ($c, $s, $req);
}

subtest 'request with a length' => sub {
	my ($c, $s, $req) = exchange("POST / HTTP/1.1\r\n${K}Content-Length: 5\r\n\r\nhello");

	$s->read_body($req);
	is($req->body, 'hello', 'the body is there');
	is($req->header('Content-Length'), 5, 'with its length');
	$s->send(response(200, 'ok'));
	is($c->read_response->body, 'ok', 'answered');
	$_->close for $c, $s;
};

subtest 'chunked request, with trailers' => sub {
	my ($c, $s,
	    $req) = exchange("POST / HTTP/1.1\r\n${K}Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n");

	is(lc $req->header('Transfer-Encoding'), 'chunked', 'still chunked');
	$c->send("5;ext=1\r\nhello\r\n");
	$c->send("6\r\n world\r\n");
	$c->send("0\r\nX-Sum: 42\r\n\r\n");
	$s->read_body($req);
	ok($req->{complete}, 'complete');
	is($req->body, 'hello world', 'the data');
	is($req->trailer('X-Sum'), 42, 'the trailer');
	$s->send(response(200));
	is($c->read_response->status, 200, 'answered');
	$_->close for $c, $s;
};

subtest 'chunk headers in single bytes' => sub {
	my ($c, $s,
	    $req) = exchange("POST / HTTP/1.1\r\n${K}Transfer-Encoding: chunked\r\n\r\n");

	$c->send($_) for split //, "00a\r\n0123456789\r\n1\r\nx\r\n0\r\n\r\n";
	$s->read_body($req);
	is($req->body, '0123456789x', 'put together again');
	$_->close for $c, $s;
};

subtest 'chunked answer, with trailers' => sub {
	my ($c, $s) = exchange("GET / HTTP/1.1\r\n${K}TE: trailers\r\n\r\n");

	$s->send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwiki\r\n");
	my $r = $c->read_head;
	is($c->read_until(qr/wiki\r\n/) // '', "4\r\nwiki\r\n",
	    'a chunk is delivered as it comes');
	$s->send("5\r\npedia\r\n0\r\nX-End: yes\r\n\r\n");
	$c->read_body($r);
	is($r->body, 'pedia', 'and the next');
	is($r->trailer('X-End'), 'yes', 'and the trailer');
	$c->send("GET /2 HTTP/1.1\r\n$K\r\n");
	like($s->read_head->start, qr{^GET /2 }, 'both connections go on');
	$_->close for $c, $s;
};

subtest 'answer that ends with the connection' => sub {
	my ($c, $s) = exchange("GET / HTTP/1.1\r\n$K\r\n");

	$s->send("HTTP/1.1 200 OK\r\n\r\npart one ");
	my $r = $c->read_head;
	is($c->read_bytes(9), 'part one ', 'delivered as it comes') or 1
	    if !$r->has('Transfer-Encoding');
	$s->send('part two');
	$s->close;
	$c->read_body($r);
	like($r->body, qr/part two$/, 'to the end');
	ok($r->{complete}, 'ended properly');
	$c->close;

	($c, $s) = exchange("GET / HTTP/1.0\r\n$K\r\n");
	$s->send("HTTP/1.0 200 OK\r\n\r\nall of it");
	$s->close;
	$r = $c->read_response;
	is($r->body, 'all of it', 'HTTP/1.0 client and server');
	ok(!$r->has('Transfer-Encoding'), 'no chunks to HTTP/1.0');
};

subtest 'chunked answer to an HTTP/1.0 client' => sub {
	my ($c, $s) = exchange("GET / HTTP/1.0\r\n$K\r\n");

	$s->send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    . "4\r\nwiki\r\n0\r\n\r\n");
	my $r = $c->read_response;
	ok(!$r->has('Transfer-Encoding'), 'no chunks') if is_tideway();
	is($r->body, 'wiki', 'the data alone');
	$_->close for $c, $s;
};

subtest 'no body where none may be' => sub {
	my @cases = (['HEAD', "200 OK\r\nContent-Length: 1000"],
	    ['HEAD', "200 OK\r\nTransfer-Encoding: chunked"],
	    ['GET', '204 No Content'],
	    ['GET', "304 Not Modified\r\nContent-Length: 1000"]);

	for my $case (@cases) {
		my ($method, $head) = @$case;
		my ($c, $s) = exchange("$method / HTTP/1.1\r\n$K\r\n");
		$s->send("HTTP/1.1 $head\r\nX-A: 1\r\n\r\n");
		my $r = $c->read_response(method => $method);
		is($r->header('X-A'), 1, "$method $head");
		is($r->header('Content-Length'), 1000, 'the length is told')
		    if $head =~ /1000/;
		$c->send("GET /next HTTP/1.1\r\n$K\r\n");
		my $next = $s->read_head;
		like($next ? $next->start : '', qr{/next}, 'next one follows');
		$_->close for $c, $s;
	}
};

subtest 'Expect: 100-continue' => sub {
	my ($c, $s,
	    $req) = exchange("POST / HTTP/1.1\r\n${K}Expect: 100-continue\r\nContent-Length: 4\r\n\r\n");

	is($req->header('Expect'), '100-continue', 'the server is asked');
	$s->send("HTTP/1.1 100 Continue\r\n\r\n");
	my $i = $c->read_head;
	is($i->status, 100, 'the client may go on');
	$c->send('body');
	is($s->read_bytes(4), 'body', 'the body follows');
	$s->send(response(200, 'done'));
	is($c->read_response->body, 'done', 'final answer');
	$_->close for $c, $s;

	($c, $s) = exchange("POST / HTTP/1.1\r\n${K}Expect: 100-continue\r\nContent-Length: 4\r\n\r\n");
	$s->send("HTTP/1.1 417 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
	is($c->read_response->status, 417, 'a refusal without the body');
	$_->close for $c, $s;
};

subtest 'interim answers' => sub {
	my ($c, $s) = exchange("GET / HTTP/1.1\r\n$K\r\n");

	$s->send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
	    . "HTTP/1.1 102 Processing\r\n\r\n" . response(200, 'x'));
	my $r = $c->read_response;
	is($r->status, 200, 'the final answer');
	is(join(' ', map { $_->status } @{ $r->{interim} }), '103 102',
	    'after all the interim ones');
	is($r->{interim}[0]->header('Link'), '</a.css>', 'whole');
	$_->close for $c, $s;
};

subtest 'early answer' => sub {
	my ($c, $s) = exchange("POST / HTTP/1.1\r\n${K}Content-Length: 100000\r\n\r\nstart");

	$s->send("HTTP/1.1 413 Too much\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
	$s->close;
	my $r = $c->read_response;
	is($r->status, 413, 'reaches the client');
	is($r->body, 'no', 'whole');
	$c->send("GET /in-doubt HTTP/1.1\r\n$K\r\n");
	my $again = $l->accept(0.2);
	ok(!$again, 'what follows is body, never a request');
	$c->close;
};

subtest 'early answer, and both go on' => sub {
	my ($c, $s) = exchange("POST / HTTP/1.1\r\n${K}Content-Length: 10\r\n\r\n12345");

	is($s->read_bytes(5), '12345', 'half of the body');
	$s->send(response(200, 'early'));
	is($c->read_response->body, 'early', 'the answer comes first');
	$c->send('67890' . "GET /next HTTP/1.1\r\n$K\r\n");
	my $rest = $s->read_until(qr{\r\n\r\n}, 0.5) // $s->read_all(0.1);
	unlike($rest, qr/^GET/, 'the server is not left in doubt');
	like($rest, qr/^67890GET/, 'the next head comes behind the body') if $rest =~ /GET/;
	$_->close for $c, $s;
	# whoever asks next must not be taken for the rest of that body
	while (my $extra = $l->accept(0.1)) {
		like($extra->read_head(0.5)->start // '', qr{^GET /next},
		    'or on a new connection');
		$extra->close;
	}
};

subtest 'server ends half way' => sub {
	for my $how ("Content-Length: 10\r\n\r\nhalf",
	    "Transfer-Encoding: chunked\r\n\r\n5\r\nha") {
		my ($c, $s) = exchange("GET / HTTP/1.1\r\n$K\r\n");
		$s->send("HTTP/1.1 200 OK\r\n$how");
		my $head = $c->read_head;
		$s->close;
		$c->read_body($head);
		ok(!$head->{complete}, 'the client sees that it is not whole');
		isnt($c->state, 'open', 'because the connection ended');
		$c->close;
	}
};

subtest 'large bodies, and back-pressure' => sub {
	my $big = join '', map { pack 'N', $_ * 2654435761 % 2**32 } 1 .. 2**18;
	my ($c, $s, $req) = exchange("GET / HTTP/1.1\r\n$K\r\n");
	my $head = 'HTTP/1.1 200 OK' . "\r\nContent-Length: "
	    . (48 * length $big) . "\r\n\r\n";
	my $sent = 0;

	$s->send($head);
	for (1 .. 48) {
		my $n = $s->send($big, 0.3);
		$sent += $n;
		last if $n < length $big;
	}
	cmp_ok($sent, '<', 48 * length $big,
	    'a client that does not read stops the server');
	my $r = $c->read_head;
	my $left = 48 * length($big) - $sent;
	my $got = '';
	while ($left > 0 || length $got < 48 * length $big) {
		if ($left > 0) {
			my $piece = substr $big x 2, $sent % length $big, 1 << 18;
			$piece = substr $piece, 0, $left;
			my $n = $s->send($piece, 0.01);
			$sent += $n;
			$left -= $n;
		}
		my $data = $c->read_bytes(1 << 20, $left > 0 ? 0.01 : 2);
		last if $data eq '' && $left <= 0;
		$got .= $data;
	}
	is(sha1_hex($got), sha1_hex($big x 48), '48 MiB down, unharmed');
	$_->close for $c, $s;

	my $o = origin(name => 'sum', respond => sub {
		my ($req, $c, $o) = @_;
		return $o->reply($req, sha1_hex($req->body));
	});
	my $p2 = start_proxy(defaults() . "
listen up
    bind {BIND:up}
    server s ${\ $o->addr}
");
	my $u = $p2->client('up');
	$u->send("POST / HTTP/1.1\r\n${K}Content-Length: " . length($big)
	    . "\r\n\r\n$big", 10);
	is($u->read_response->body, sha1_hex($big), '1 MiB up with a length');
	$u->send("POST / HTTP/1.1\r\n${K}Transfer-Encoding: chunked\r\n\r\n");
	for my $i (0 .. 15) {
		$u->send("10000\r\n" . substr($big, $i * 65536, 65536)
		    . "\r\n");
	}
	$u->send("0\r\n\r\n");
	is($u->read_response->body, sha1_hex($big), 'and in chunks');
	stop_proxy($p2);
};

SKIP: {
	skip 'HAProxy 3.3 and later', 1 unless is_tideway();
	subtest 'trailers that an option drops' => sub {
		my $d = start_proxy(defaults() . "
frontend drops
    bind {BIND:drops}
    option http-drop-response-trailers
    default_backend drops
frontend keeps
    bind {BIND:keeps}
    default_backend keeps
backend drops
    option http-drop-request-trailers
    server s ${\ $l->addr}
backend keeps
    server s ${\ $l->addr}
");
		for my $name ('drops', 'keeps') {
			my $want = $name eq 'keeps' ? 1 : undef;
			my $c = $d->client($name);
			$c->send("POST / HTTP/1.1\r\n${K}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n");
			my $s = $l->accept;
			my $req = $s->read_head;
			$s->read_body($req);
			is($req->body, 'abc', "$name: the request's body");
			is($req->trailer('X-Sum'), $want, 'its trailer');
			$s->send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nxyz\r\n0\r\nX-End: 1\r\n\r\n");
			my $r = $c->read_response;
			is($r->body, 'xyz', 'the answer');
			is($r->trailer('X-End'), $want, 'its trailer');
			$_->close for $c, $s;
		}
		stop_proxy($d);
	};
}

stop_proxy($p);
done_testing;

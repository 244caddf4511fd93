# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# retry-on: each condition, with and without bodies, on the same server and on
# another, and when a request is not sent again.
use Tideway::Test;

my $get = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
my $post = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
my $chunked = "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    . "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
my $ok = response(200, 'fine');

# what a server does that fails, and the answer without a retry
my %how = (
	'empty-response' => [ sub { $_[0]->close }, 502 ],
	'junk-response' => [ sub { $_[0]->send("nonsense\r\n\r\n"); $_[0]->close }, 502 ],
	'response-timeout' => [ sub { }, 504 ],
	map({ my $s = $_; $s => [ sub { $_[0]->send(response($s, 'bad')) }, $s ] }
	    401, 403, 404, 408, 425, 500, 501, 502, 503, 504),
);
$how{$_} = [ sub { $_[0]->send(response(substr($_[1], 0, 3), 'bad')) }, $_ ] for is_tideway ? (421, 429) : ();

sub proxy
{
	my ($backend, $defaults) = @_;

	return start_proxy(defaults('timeout server 300ms', $defaults // ()) . "
listen web
    bind {BIND:web}
    stats uri /stats
    $backend
");
}

# the request at the server, its body with it
sub request_at
{
	my ($l) = @_;
	my $s = $l->accept // return ();
	my $r = $s->read_message(request => 1) // return ();

	return ($s, $r);
}

for my $on (sort keys %how) {
	subtest "on $on" => sub {
		my ($fail, $status) = @{ $how{$on} };
		my $l = listener();
		my $p = proxy("retry-on $on\n    server s ${\ $l->addr}");
		for my $ask ([ GET => $get, '' ], [ POST => $post, 'hello' ],
		    [ chunked => $chunked, 'hello world' ]) {
			my ($name, $bytes, $body) = @$ask;
			my $c = $p->client('web');
			$c->send($bytes);
			my ($s, $r) = request_at($l);
			is($r->body, $body, "$name arrives");
			$fail->($s, $on);
			my ($s2, $r2) = request_at($l);
			is(defined $r2 ? $r2->body : undef, $body, 'and arrives again, whole');
			$s2->send($ok);
			is($c->read_response->status, 200, 'the client never knows');
		}
		my ($csv) = grep { /^web,s,/ } split /\n/, $p->get('web', '/stats;csv')->body;
		is((split /,/, $csv)[15], 3, 'wretr counts them') if is_tideway;
		stop_proxy($p);
	};
}

subtest 'all-retryable-errors' => sub {
	my $l = listener();
	my $p = proxy("retry-on all-retryable-errors\n    retries 2\n    server s ${\ $l->addr}");
	my $c = $p->client('web');
	$c->send($post);
	my ($s) = request_at($l);
	$s->close;
	($s) = request_at($l);
	$s->send(response(503, 'one'));
	($s) = request_at($l);
	$s->send(response(503, 'two'));
	my $r = $c->read_response;
	is($r->status . $r->body, '503two', 'after the last retry, what came passes');
	$c = $p->client('web');
	$c->send($get);
	($s) = request_at($l);
	$s->send(response(404, 'no'));
	is($c->read_response->status, 404, '404 is none of them');
	stop_proxy($p);
};

subtest 'not otherwise' => sub {
	my $l = listener();
	my $p = proxy("server s ${\ $l->addr}");
	my $c = $p->client('web');
	$c->send($get);
	my ($s) = request_at($l);
	$s->close;
	is($c->read_response->status, 502, 'the default: connection failures only');
	stop_proxy($p);

	my $gone = $l->addr;
	$l->close;
	$p = proxy("retry-on none\n    server s $gone");
	my $t = time;
	is($p->get('web', '/')->status, 503, 'none: no second attempt to connect');
	my ($csv) = grep { /^web,s,/ } split /\n/, $p->get('web', '/stats;csv')->body;
	is((split /,/, $csv)[15], 0, 'wretr');
	stop_proxy($p);
};

subtest 'a body that is too long' => sub {
	my $l = listener();
	my $p = proxy("retry-on 503\n    server s ${\ $l->addr}");
	my $body = 'x' x 100_000;
	for my $bytes ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n$body",
	    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
	    . "186a0\r\n$body\r\n0\r\n\r\n") {
		my $c = $p->client('web');
		$c->send($bytes);
		my ($s, $r) = request_at($l);
		is(length $r->body, 100_000, 'passes');
		$s->send(response(503, 'no'));
		is($c->read_response->status, 503, 'but is not sent again');
	}
	stop_proxy($p);
};

subtest 'an answer before the body is complete' => sub {
	my $l = listener();
	my $p = proxy("retry-on 503\n    server s ${\ $l->addr}");
	for my $how ([ "Content-Length: 10\r\n\r\nhello", ' yes!' ],
	    [ "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "5\r\n yes!\r\n0\r\n\r\n" ]) {
		my $c = $p->client('web');
		$c->send("POST / HTTP/1.1\r\nHost: a\r\n$how->[0]");
		my $s = $l->accept;
		$s->read_head;
		$s->read_until(qr/hello/);
		$s->send(response(503, 'no'));
		my $s2 = $l->accept;
		$s2->read_head;
		$s2->read_until(qr/hello/);
		$c->send($how->[1]);
		$s2->read_until(qr/ yes!/);
		$s2->send($ok);
		is($c->read_response->status, 200, 'the rest follows on the second try');
	}
	stop_proxy($p);
};

subtest 'another server' => sub {
	my @l = map { listener() } 1, 2;
	my $p = proxy("retry-on 500\n    option redispatch 1\n"
	    . join '', map { "    server s$_ ${\ $l[$_ - 1]->addr}\n" } 1, 2);
	my $c = $p->client('web');
	$c->send($post);
	my ($s) = request_at($l[0]);
	$s->send(response(500, 'no'));
	my ($s2, $r) = request_at($l[1]);
	is(defined $r ? $r->body : undef, 'hello', 'option redispatch 1');
	$s2->send($ok);
	is($c->read_response->status, 200, 'answers');
	stop_proxy($p);
};

# from defaults, and a listen without its own keeps it
subtest 'inherited' => sub {
	my $l = listener();
	my $p = proxy("server s ${\ $l->addr}", 'retry-on 503');
	my $c = $p->client('web');
	$c->send($get);
	my ($s) = request_at($l);
	$s->send(response(503, 'no'));
	($s) = request_at($l);
	$s->send($ok);
	is($c->read_response->status, 200, 'from defaults');
	stop_proxy($p);
};

# an answer that has begun is the answer
subtest 'never twice' => sub {
	my $l = listener();
	my $p = proxy("retry-on all-retryable-errors\n    server s ${\ $l->addr}");
	my $c = $p->client('web');
	$c->send($get);
	my ($s) = request_at($l);
	$s->send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
	$s->close;
	like($c->read_all // '', qr/half$/, 'half an answer is not tried again');
	stop_proxy($p);
};

subtest 'errors' => sub {
	for my $case ([ 'retry-on', qr/retry-on/ ], [ 'retry-on foo', qr/unknown keyword 'foo'/ ],
	    [ 'retry-on 418', qr/unknown keyword '418'/ ],
	    [ 'retry-on none 503', qr/alone/ ]) {
		my $r = check_config(defaults() . "backend b\n $case->[0]\n");
		is($r->{code}, 1, "refused: $case->[0]");
		like($r->{all}, $case->[1], 'for that reason') if is_tideway;
	}
	my $r = check_config(defaults() . "frontend f\n bind 127.0.0.1:1\n retry-on none\n");
	like($r->{all}, qr/only .*backend or listen section/, 'not in a frontend');
};

done_testing;

# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Persistent connections on both sides (RFC 9112, section 9): who keeps, who
# closes, and which server connection serves which request.
use Tideway::Test;

sub pair
{
	my ($options, $server, %origin) = @_;
	my $o = origin(name => 's', %origin);
	my $p = start_proxy(defaults(@$options) . "
frontend web
    bind {BIND:web}
    default_backend b
backend b
    server s ${\ $o->addr} $server
");
	return ($o, $p);
}

my $GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

subtest 'both sides stay open' => sub {
	my ($o, $p) = pair([], '');
	my $c = $p->client('web');

	for my $n (1 .. 5) {
		my $r = $c->request($GET);
		is($r->status, 200, "request $n");
		unlike($r->header('Connection') // '', qr/close/, 'not closed');
	}
	is($o->n_connections, 1, 'over one server connection');
	ok($c->is_quiet, 'the client connection is still open');
	stop_proxy($p);
};

subtest 'client asks to close' => sub {
	my ($o, $p) = pair([], '');
	my $c = $p->client('web');
	my $r = $c->request("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");

	is($r->status, 200, 'answered');
	is(lc $r->header('Connection'), 'close', 'the answer says close');
	ok($c->is_closed, 'and closes');
	$c = $p->client('web');
	$r = $c->request("GET / HTTP/1.1\r\nHost: a\r\nConnection: Foo,  CLOSE\r\n\r\n");
	ok($c->is_closed, 'close within a list of any case');
	stop_proxy($p);
};

subtest 'HTTP/1.0' => sub {
	my ($o, $p) = pair([], '');
	my $c = $p->client('web');
	my $r = $c->request("GET / HTTP/1.0\r\n\r\n");

	is($r->status, 200, 'answered without a Host');
	ok($c->is_closed, 'closes by default');
	$c = $p->client('web');
	for my $n (1, 2) {
		$r = $c->request("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
		is(lc($r->header('Connection') // ''), 'keep-alive',
		    "keep-alive granted, request $n");
	}
	ok($c->is_quiet, 'and kept');
	stop_proxy($p);
};

subtest 'server closes after each answer' => sub {
	my ($o, $p) = pair([], '', respond => sub {
		return response(200, 'x', 'Connection: close');
	});
	my $c = $p->client('web');

	for my $n (1 .. 3) {
		my $r = $c->request($GET);
		is($r->body, 'x', "request $n");
		isnt(lc($r->header('Connection') // ''), 'close',
		    'which is no matter of the client');
	}
	is($o->n_connections, 3, 'one server connection each');
	stop_proxy($p);
};

subtest 'server drops an idle connection' => sub {
	my ($o, $p) = pair([], '', respond => sub {
		my ($req, $c, $o) = @_;
		$c->send($o->reply($req));
		$c->close;
		$o->record('closed', '');
		return undef;
	});
	my $c = $p->client('web');

	for my $n (1 .. 3) {
		is($c->request($GET)->status, 200, "request $n");
		ok(scalar $o->wait_events('closed', $n), 'closed by the server');
	}
	stop_proxy($p);
};

subtest 'option httpclose' => sub {
	my ($o, $p) = pair(['option httpclose'], '');
	my $c = $p->client('web');

	is(lc $c->request($GET)->header('Connection'), 'close', 'says close');
	ok($c->is_closed, 'the client side is closed');
	my ($req) = $o->requests;
	is(lc $req->header('Connection'), 'close', 'and the server is told');
	stop_proxy($p);
};

subtest 'option http-server-close' => sub {
	my ($o, $p) = pair(['option http-server-close'], '');
	my $c = $p->client('web');

	is($c->request($GET)->status, 200, "request $_") for 1 .. 3;
	is($o->n_connections, 3, 'one server connection a request');
	my ($req) = $o->requests;
	is(lc $req->header('Connection'), 'close', 'the server is told');
	stop_proxy($p);
};

for my $mode (qw(never safe always)) {
	subtest "http-reuse $mode" => sub {
		my ($o, $p) = pair(["http-reuse $mode", 'option http-keep-alive'], '');
		$p->request('web', "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n"
		    . "Connection: close\r\n\r\n") for 1 .. 4;
		my %max = (never => 4, safe => 4, always => 1);
		my $n = $o->n_connections;
		if ($mode eq 'always') {
			cmp_ok($n, '<=', 2, 'other clients use what is idle');
		} else {
			is($n, $max{$mode}, 'a first request opens its own');
		}
		stop_proxy($p);
	};
}

subtest 'http-reuse safe: a first request that can be sent again' => sub {
	plan(skip_all => 'HAProxy opens one for each client') unless is_tideway();
	my ($o, $p) = pair(['http-reuse safe'], '');
	is($p->request('web', "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")->status,
	    200, "client $_") for 1 .. 4;
	cmp_ok($o->n_connections, '<=', 2, 'goes over an idle connection');
	stop_proxy($p);
};

subtest 'a server that says more than it was asked' => sub {
	my $l = listener();
	my $p = start_proxy(defaults('http-reuse always') . "
listen web
    bind {BIND:web}
    server s ${\ $l->addr}
");
	my $c = $p->client('web');
	$c->send($GET);
	my $s = $l->accept;
	$s->read_head;
	$s->send(response(200, 'first') . response(200, 'evil'));
	is($c->read_response->body, 'first', 'the answer');
	ok($c->is_quiet(0.05), 'and not the rest');
	$c->send($GET);
	my $again = $l->accept;
	ok($again, 'the next request goes elsewhere') or return $p->stop;
	$again->read_head;
	$again->send(response(200, 'second'));
	is($c->read_response->body, 'second', 'and gets its own answer');
	stop_proxy($p);
};

subtest 'keep-alive with the same server' => sub {
	my ($o, $p) = pair(['http-reuse safe'], '');
	my @c = map { $p->client('web') } 1 .. 3;

	for my $round (1 .. 3) {
		is($_->request($GET)->status, 200, 'answered') for @c;
	}
	cmp_ok($o->n_connections, '<=', 3, 'no more than one each');
	stop_proxy($p);
};

done_testing;

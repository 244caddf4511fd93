# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# HTTP/2 towards servers: `proto h2`, and what TLS has agreed on.
use Tideway::Test;
use Tideway::H2;
use Tideway::TLS;

my $OCTETS = join '', map { sprintf "%07d\n", $_ } 0 .. 130_000;

# a listener for clients of both kinds, one server
sub config
{
	my ($server, %o) = @_;

	return "global\n    nbthread 1\n" . defaults() . "listen web
    bind {BIND:web}
    timeout server ${\ ($o{server_timeout} // '20s')}
" . ($o{listen} // '') . "    server s $server\n";
}

sub records { return scalar(my @e = $_[0]->events($_[1])) }

# the same question from a client of HTTP/1 and one of HTTP/2
sub both
{
	my ($p, $name, $code) = @_;

	subtest $name => sub {
		for my $kind ('h1', 'h2') {
			my $c = $kind eq 'h1' ? $p->client('web')
			    : h2_client($p->addr('web'));
			$code->($kind, $c, sub {
				my ($path, %o) = @_;
				return $kind eq 'h1' ? h1_ask($c, $path, %o)
				    : h2_ask($c, $path, %o);
			});
			$c->close;
		}
	};
}

sub h1_ask
{
	my ($c, $path, %o) = @_;
	my $body = $o{body} // '';
	my $method = $o{method} // ($body ne '' ? 'POST' : 'GET');
	my $r = $c->request("$method $path HTTP/1.1\r\nHost: a.test\r\n"
	    . ($o{chunked} ? sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n%s\r\n",
		length $body, $body, $o{trailer} ? "$o{trailer}\r\n" : '')
	    : $body ne '' ? 'Content-Length: ' . length($body) . "\r\n\r\n$body" : "\r\n"));
	return { status => $r ? $r->status : 0, body => $r ? $r->body : '',
		header => sub { $r->header($_[0]) } };
}

sub h2_ask
{
	my ($c, $path, %o) = @_;
	my $sid = $c->request(path => $path, method => $o{method}
	    // (defined $o{body} ? 'POST' : 'GET'), authority => 'a.test',
	    defined $o{body} ? (body => $o{body}) : (),
	    $o{trailer} ? (trailers => [[split /: /, $o{trailer}]]) : ());
	my $s = $c->response($sid);
	return { status => $s ? $s->status : 0, body => $s ? $s->body : '',
		header => sub { $s->header($_[0]) }, stream => $s };
}

my $o = h2_origin();
my $p = start_proxy(config($o->addr . ' proto h2'));

both($p, 'heads and bodies', sub {
	my ($kind, $c, $ask) = @_;
	my $r = $ask->('/echo?x=1', body => 'hello');
	is($r->{status}, 200, "$kind: answered");
	is($r->{body}, 'hello', 'the body came back');
	is($r->{header}->('x-in-method'), 'POST', 'method');
	is($r->{header}->('x-in-path'), '/echo?x=1', 'path');
	is($r->{header}->('x-in-scheme'), 'http', 'scheme');
	is($r->{header}->('x-in-authority'), 'a.test', 'authority');
	is($r->{header}->('x-in-host'), undef, 'which is no field');
	is($r->{header}->('x-in-connection'), undef, 'nor is that of one hop');
	is($ask->('/', method => 'HEAD')->{status}, 200, 'HEAD');
	is($ask->('/empty?204')->{status}, 204, 'no content');
	is($ask->('/empty?304')->{status}, 304, 'not modified');
	is($ask->('/')->{body}, "h2\n", 'and one more');
	is($ask->('/early')->{body}, "h2\n", '103 before it');
	for my $n (1, 16384, 65535, 65536, 1_000_000) {
		is($ask->("/big?$n")->{body}, substr($OCTETS, 0, $n), "$n octets down");
		is($ask->('/echo', body => substr($OCTETS, 0, $n))->{body},
		    substr($OCTETS, 0, $n), "$n octets both ways");
	}
});

subtest 'chunks and trailers' => sub {
	my $c = $p->client('web');
	my $r = h1_ask($c, '/echo', body => 'in chunks', chunked => 1,
	    trailer => 'X-Sum: 12');
	is($r->{body}, 'in chunks', 'the body came back');
	is($r->{header}->('x-in-x-sum'), '12', 'with the trailer that followed');
	$c->send("GET /trailers HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n");
	like($c->read_until(qr/0\r\n.*?\r\n\r\n/s), qr/x-check: abc\r\nx-end: 1/,
	    'trailers of the server');
	my $h2 = h2_client($p->addr('web'));
	my $s = h2_ask($h2, '/grpc', body => 'message')->{stream};
	is($s->body, 'message', 'a message');
	is($s->trailer('grpc-status'), '0', 'and its status');
	is(h2_ask($h2, '/grpc-error')->{header}->('grpc-status'), '5', 'a status alone');
};

subtest 'one connection for many' => sub {
	my $n = $o->n_connections;
	my $c = h2_client($p->addr('web'));
	my @sid = map { $c->request(path => '/slow', authority => 'a') } 1 .. 20;
	$c->wait_for(sub { 20 == grep { $c->stream($_)->{headers} } @sid });
	is($o->n_connections, $n, 'no other was made for 20 at once');
	$o->set('go');
	is($c->response($_)->body, "slow\n", "stream $_") for @sid;
	$o->unset('go');
	my $d = $p->client('web');
	is(h1_ask($d, '/')->{status}, 200, 'another client');
	is($o->n_connections, $n, 'uses it, too');
	is(scalar(grep { $_->[0] } $o->events('violation')), 0, 'nothing wrong was sent')
	    or diag explain [$o->events('violation')];
};

subtest 'what servers do' => sub {
	my $c = h2_client($p->addr('web'));
	is(h2_ask($c, '/rst?REFUSED_STREAM', body => 'x')->{status}, 502, 'a reset, and a body');
	is(h2_ask($c, '/goaway')->{status}, 200, 'GOAWAY behind an answer');
	is(h2_ask($c, '/')->{status}, 200, 'another connection');
	my $s = $c->stream($c->request(path => '/close', authority => 'a'));
	$c->wait_for(sub { $s->is_reset || $s->{ended} });
	ok($s->is_reset, 'an answer that was cut is no whole one');
	is($s->body, 'half', 'what came of it was passed on');
	$s = $c->stream($c->request(path => '/rst-mid?INTERNAL_ERROR', authority => 'a'));
	$c->wait_for(sub { $s->is_reset || $s->{ended} });
	ok($s->is_reset, 'nor is one that was reset');
	is(h2_ask($c, '/')->{status}, 200, 'the client goes on');
};
stop_proxy($p);

subtest 'windows' => sub {
	my $slow = h2_origin(hold => 1, settings => { INITIAL_WINDOW_SIZE => 1000 });
	$p = start_proxy(config($slow->addr . ' proto h2'));
	my $c = $p->client('web');
	my $body = substr $OCTETS, 0, 200_000;
	$c->send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n$body");
	wait_until { 1000 <= $slow->n_connections * 1000 };
	$slow->set('open');
	my $r = $c->read_response;
	is($r && $r->body, $body, 'a body that had to wait for them');
	stop_proxy($p);
	$slow->stop;
};

subtest 'http-reuse' => sub {
	for my $case (['never', 2], ['always', 1]) {
		my $own = h2_origin();
		$p = start_proxy(config($own->addr . ' proto h2',
		    listen => "    http-reuse $case->[0]\n"));
		h1_ask($p->client('web'), '/') for 1, 2;
		is($own->n_connections, $case->[1], $case->[0]);
		stop_proxy($p);
		$own->stop;
	}
};

subtest 'by what TLS has agreed on' => sub {
	my $ca = ca('root');
	my $cert = cert('a.test', ca => $ca);
	my $tls = h2_origin(cert => $cert);
	$p = start_proxy(config($tls->addr
	    . " ssl verify required ca-file $ca->{crt} verifyhost a.test alpn h2,http/1.1"));
	both($p, 'both kinds of clients', sub {
		my ($kind, $c, $ask) = @_;
		is($ask->('/')->{body}, "h2\n", 'GET'); # may go where others are
		my $r = $ask->('/echo', body => substr $OCTETS, 0, 300_000);
		is($r->{body}, substr($OCTETS, 0, 300_000), "$kind: 300,000 octets");
		# a client of HTTP/2 has said its own
		is($r->{header}->('x-in-scheme'), $kind eq 'h1' ? 'https' : 'http', 'scheme');
	});
	is($tls->n_connections, 1, 'on one connection');
	stop_proxy($p);
	$tls->stop;
};

subtest 'nobody there' => sub {
	my $gone = listener();
	my $addr = $gone->addr;
	$gone->close;
	$p = start_proxy(config("$addr proto h2", listen => "    retries 1\n    timeout connect 100ms\n"));
	is($p->get('web', '/')->status, 503, 'refused');
	stop_proxy($p);
	my $silent = listener();
	$p = start_proxy(config($silent->addr . ' proto h2', server_timeout => '200ms'));
	is($p->get('web', '/')->status, 504, 'silent');
	stop_proxy($p);
	my $h1 = origin(respond => sub { $_[1]->send("HTTP/1.1 200 OK\r\n\r\n") });
	$p = start_proxy(config($h1->addr . ' proto h2'));
	is($p->get('web', '/')->status, 502, 'speaks HTTP/1');
	stop_proxy($p);
};

done_testing();

# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# WebSocket to servers of HTTP/2 (RFC 8441), from clients of both versions, and the
# server's word `ws`.
use Tideway::Test;
use Tideway::H2;
use Tideway::TLS;

my $KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
my $ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';
my $log = syslog_unix();

sub config
{
	my (@servers) = @_;

	return "global\n    nbthread 1\n" . defaults() . join '', map { "listen web$_
    bind {BIND:web$_}
    option httplog
    log ${\ $log->addr } local0
    http-reuse always
    server s $servers[$_]\n" } 0 .. $#servers;
}

sub h1_ask
{
	my ($p, $bind) = @_;
	my $c = $p->client($bind);

	$c->send("GET /chat HTTP/1.1\r\nHost: a.test\r\nUpgrade: WebSocket\r\n"
	    . "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
	    . "Sec-WebSocket-Key: $KEY\r\n\r\n");
	return $c;
}

sub h2_ask
{
	my ($p, $bind) = @_;
	my $c = h2_client($p->addr($bind));

	$c->wait_for(sub { defined $c->theirs->{ENABLE_CONNECT_PROTOCOL} });
	return ($c, $c->request(open => 1, fields => [[':method', 'CONNECT'],
	    [':scheme', 'http'], [':path', '/chat'], [':authority', 'a.test'],
	    [':protocol', 'websocket'], ['sec-websocket-version', 13]]));
}

# 101 or 200, octets both ways, the end by the client; the fields of a 101
sub h1_talk
{
	my ($p, $bind) = @_;
	my $c = h1_ask($p, $bind);
	my $head = $c->read_until(qr/\r\n\r\n/) // '';

	like($head, qr{\AHTTP/1.1 101 Switching Protocols\r\n}, "$bind: agreed to");
	$c->send('x' x 100_000);
	is(length($c->read_bytes(100_000)), 100_000, 'octets both ways');
	$c->send('more');
	is($c->read_bytes(4), 'more', 'and more');
	$c->shutdown_write;
	ok($c->is_closed, 'the end comes back');
	$c->close;
	return $head;
}

sub h2_talk
{
	my ($p, $bind) = @_;
	my ($c, $sid) = h2_ask($p, $bind);
	my $r = $c->response($sid, early => 1);

	is($r->status, 200, "$bind: agreed to");
	is($r->header($_), undef, "no $_")
	    for qw(upgrade connection sec-websocket-accept sec-websocket-key);
	$c->send_data($sid, 'x' x 100_000);
	$c->wait_for(sub { length $r->body >= 100_000 });
	is(length $r->body, 100_000, 'octets both ways');
	$c->send_data($sid, '', end => 1);
	is($c->response($sid)->{complete}, 1, 'the end comes back');
	is(scalar($c->violations), 0, 'nothing wrong was said');
	$c->close;
}

my %offer = (settings => { ENABLE_CONNECT_PROTOCOL => 1 });
my $o = h2_origin(%offer);
my $no = h2_origin();
my $p = start_proxy(config($o->addr . ' proto h2', $no->addr . ' proto h2'));

subtest 'extended CONNECT' => sub {
	for my $first (1, 0) {
		my $head = h1_talk($p, 'web0');
		like($head, qr/^upgrade: websocket\r$/mi, 'Upgrade');
		like($head, qr/^connection: upgrade\r$/mi, 'Connection');
		like($head, qr/^sec-websocket-accept: \Q$ACCEPT\E\r$/mi, 'the proof');
	}
	h2_talk($p, 'web0') for 1, 2;
	is($o->n_connections, 1, 'all on one connection');
	for my $r ($o->requests) {
		is($r->method, 'CONNECT', 'what the server saw');
		is($r->header(':protocol'), 'websocket', ':protocol');
		is($r->header(':scheme'), 'http', ':scheme');
		is($r->path, '/chat', ':path');
		is($r->header(':authority'), 'a.test', ':authority');
		is($r->header('sec-websocket-version'), 13, 'a field');
		is($r->header($_), undef, "no $_")
		    for qw(upgrade connection sec-websocket-key host);
	}
	is(scalar(my @wrong = $o->events('violation')), 0, 'nothing wrong was sent');
};

subtest 'many at once' => sub {
	my @c = map { h1_ask($p, 'web0') } 1 .. 5;
	like($_->read_until(qr/\r\n\r\n/), qr/ 101 /, 'agreed to') for @c;
	for my $i (0 .. 4) {
		$c[$i]->send("client $i");
	}
	is($c[$_]->read_bytes(8), "client $_", 'its own') for 0 .. 4;
	is($p->get('web0', '/')->body, "h2\n", 'others go on');
	$_->close for @c;
};

subtest 'not offered' => sub {
	1 while $log->next_line(0.2);
	for my $try (1, 2) {
		my $c = h1_ask($p, 'web1');
		is($c->read_response->status, 502, 'HTTP/1: 502');
		like($log->next_match(qr/\/chat/)->{msg}, qr/ 502 .* SH-- /, 'logged');
		my ($h2, $sid) = h2_ask($p, 'web1');
		is($h2->response($sid)->status, 502, 'HTTP/2: 502');
		like($log->next_match(qr/\/chat/)->{msg}, qr/ 502 .* SH-- /, 'logged');
	}
	is($p->get('web1', '/')->body, "h2\n", 'others go on');
	is(scalar(grep { $_->method eq 'CONNECT' } $no->requests), 0,
	    'the server has not heard of it');
};

subtest 'another upgrade is left out' => sub {
	my $c = $p->client('web0');
	my $r = $c->request("GET /echo HTTP/1.1\r\nHost: a\r\nUpgrade: other\r\n"
	    . "Connection: Upgrade\r\n\r\n");
	is($r->status, 200, 'answered');
	is($r->header('x-in-method'), 'GET', 'as a request without it');
};
stop_proxy($p);

subtest 'refused, and the end by the server' => sub {
	my $mine = h2_origin(%offer, tunnel => sub {
		my ($s, $h2, $data) = @_;
		if ($s->path eq '/chat' && !$s->{told}++) {
			$h2->respond($s->{sid}, 200, open => 1);
			$h2->send_data($s->{sid}, 'bye', end => 1);
		}
		return 1;
	});
	my $refuses = h2_origin(%offer, tunnel => sub {
		my ($s, $h2) = @_;
		$h2->respond($s->{sid}, 403, body => 'no') unless $s->{told}++;
		return 1;
	});
	$p = start_proxy(config(map { $_->addr . ' proto h2' } $mine, $refuses));
	my $c = h1_ask($p, 'web0');
	like($c->read_until(qr/\r\n\r\n/), qr/ 101 /, 'agreed to');
	is($c->read_all, 'bye', 'the server ends it');
	my ($h2, $sid) = h2_ask($p, 'web0');
	my $r = $h2->response($sid);
	is_deeply([$r->status, $r->body, $r->{complete}], [200, 'bye', 1], 'HTTP/2, too');
	$c = h1_ask($p, 'web1');
	$r = $c->read_response;
	is_deeply([$r->status, $r->body], [403, 'no'], 'refused');
	($h2, $sid) = h2_ask($p, 'web1');
	$r = $h2->response($sid);
	is_deeply([$r->status, $r->body], [403, 'no'], 'HTTP/2, too');
	stop_proxy($p);
	$_->stop for $mine, $refuses;
};

# a server of HTTP/1 that echoes
sub h1_server
{
	return origin(respond => sub {
		my ($m, $peer) = @_;
		if (!$m->header('Upgrade')) {
			return "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nh1\n";
		}
		my $accept = $m->header('Sec-WebSocket-Key') eq $KEY ? $ACCEPT
		    : main::accept_of($m->header('Sec-WebSocket-Key'));
		$peer->send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		    . "Connection: Upgrade\r\nSec-WebSocket-Accept: $accept\r\n\r\n");
		while ($peer->fill(5)) {
			$peer->send($peer->read_bytes(length $peer->buffered));
		}
		return undef;
	});
}

sub accept_of
{
	require Digest::SHA;
	require MIME::Base64;
	return MIME::Base64::encode_base64(
	    Digest::SHA::sha1("$_[0]258EAFA5-E914-47DA-95CA-C5AB0DC85B11"), '');
}

subtest 'ws h1 and ws h2' => sub {
	my $h1 = h1_server();
	my $h2 = h2_origin(%offer);
	$p = start_proxy(config($h1->addr . ' proto h2 ws h1', $h2->addr . ' ws h2',
	    $h2->addr . ' proto h1 ws h2', $h1->addr . ' ws h1', $h1->addr . ' ws auto'));
	for my $bind (qw(web0 web3 web4)) {
		h1_talk($p, $bind);
		h2_talk($p, $bind);
	}
	is($p->get('web0', '/')->status, 502, 'others in HTTP/2');
	for my $bind (qw(web1 web2)) {
		my $n = $h2->n_connections;
		h1_talk($p, $bind);
		h2_talk($p, $bind);
		is($h2->n_connections, $n + 2, 'each on a connection of its own');
	}
	stop_proxy($p);
	$_->stop for $h1, $h2;
};

subtest 'ws and ALPN' => sub {
	my $ca = ca();
	my $cert = cert('a.test', ca => $ca);
	my $plain = ' ssl verify none ';
	my $tls = h2_origin(cert => $cert, %offer, alpn => ['h2', 'http/1.1']);
	my $off = "$plain alpn h2,http/1.1";
	$p = start_proxy(config($tls->addr . "$plain alpn h2", $tls->addr . "$off ws h2",
	    $tls->addr . $off, $tls->addr . "$off ws h1"));
	for my $bind (qw(web0 web1)) {
		h1_talk($p, $bind);
		h2_talk($p, $bind);
	}
	# this server takes what is not HTTP/2 for a bad preface
	for my $bind (qw(web2 web3)) {
		my $n = my @before = $tls->events('bad-preface');
		is(h1_ask($p, $bind)->read_response->status, 502, "$bind: HTTP/1.1 was asked for");
		is(scalar(my @e = $tls->events('bad-preface')), $n + 1, 'and spoken');
		is($p->get($bind, '/')->body, "h2\n", 'others in HTTP/2');
	}
	stop_proxy($p);
	$tls->stop;
};

done_testing();

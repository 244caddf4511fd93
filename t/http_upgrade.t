# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Upgrade (RFC 9110, section 7.8): after a 101 the connection is a tunnel.
use Tideway::Test;

my $l = listener();
my $log = syslog_unix();
my $p = start_proxy("global
    log $log->{addr} local0
" . defaults('log global', 'option httplog', 'timeout tunnel 10s') . "
listen web
    bind {BIND:web}
    server s ${\ $l->addr}
");
my $UP = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
    . "Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    . "Sec-WebSocket-Version: 13\r\n\r\n";
my $OK = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
    . "Upgrade: websocket\r\n"
    . "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

sub upgrade
{
	my $c = $p->client('web');

	$c->send($UP);
	my $s = $l->accept;
	my $req = $s->read_head;
	return ($c, $s, $req);
}

subtest 'granted' => sub {
	my ($c, $s, $req) = upgrade();

	is(lc $req->header('Upgrade'), 'websocket', 'the server is asked');
	like($req->header('Connection'), qr/upgrade/i, 'in full');
	$s->send($OK . "\x81\x05hello");
	my $r = $c->read_head;
	is($r->status, 101, 'the client gets it');
	is(lc $r->header('Upgrade'), 'websocket', 'with the protocol');
	is($c->read_bytes(7), "\x81\x05hello", 'data right behind the head');
	$c->send("\x81\x85mask\0\r\n\r\n");
	is($s->read_bytes(11), "\x81\x85mask\0\r\n\r\n", 'bytes up');
	my $bin = join('', map { chr } 0 .. 255) x 1000;
	$s->send($bin);
	is($c->read_bytes(length $bin), $bin, 'bytes down, any of them');
	$s->close;
	ok($c->is_closed, 'the end reaches the client');
	my $line = $log->next_http;
	is($line->{status}, 101, 'logged with 101');
};

subtest 'client leaves' => sub {
	my ($c, $s) = upgrade();

	$s->send($OK);
	is($c->read_head->status, 101, 'upgraded');
	$c->send('last words');
	$c->close;
	is($s->read_all, 'last words', 'the server reads to the end');
	isnt($s->state, 'open', 'and sees it');
	$s->close;
	ok($log->next_http, 'logged');
};

subtest 'refused' => sub {
	my ($c, $s) = upgrade();

	$s->send(response(200, 'plain'));
	is($c->read_response->body, 'plain', 'an ordinary answer');
	$c->send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
	my $next = $s->read_head;
	ok($next, 'the connection stays HTTP') or return;
	like($next->start, qr{/next}, 'for the next request');
	$_->close for $c, $s;
};

SKIP: {
	skip 'HAProxy lets it through', 1 unless is_tideway();
	my $c = $p->client('web');

	$c->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	my $s = $l->accept;
	$s->read_head;
	$s->send($OK);
	is($c->read_response->status, 502, 'a 101 nobody asked for is a 502');
	$_->close for $c, $s;
}

stop_proxy($p);
done_testing;

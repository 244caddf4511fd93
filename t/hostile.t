# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Broken and hostile bytes from both sides, made from good messages by chance
# with a fixed seed: whatever it answers, it goes on serving others.
use Tideway::Test;

srand($ENV{TW_SEED} // 20);
my $l = listener();
my $o = origin(name => 'good');
my $p = start_proxy(defaults('timeout http-request 300ms', 'timeout server 300ms',
    'timeout client 500ms', 'retries 0') . "
frontend web
    bind {BIND:web}
    default_backend hostile
    use_backend good if { path /good }
backend hostile
    cookie C insert indirect
    server s ${\ $l->addr}
backend good
    server s ${\ $o->addr}
listen proxied
    bind {BIND:px} accept-proxy
    server s ${\ $o->addr}
");

my @requests = (
	"GET / HTTP/1.1\r\nHost: a\r\nCookie: C=s; a=b\r\n\r\n",
	"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
	"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
	"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
	"HEAD http://a/b?c HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
);
my @answers = (
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nSet-Cookie: C=x; path=/\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n",
	"HTTP/1.0 200 OK\r\n\r\nto the end",
	"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\n\r\n",
	"HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nbytes",
);
my @spice = ("\r", "\n", "\r\n\r\n", "\0", ' ', "\t", ':', ';', '0', 'ffffffff', "\xff",
    ',', '"', '=', '-1', 'chunked', 'Content-Length: 3', 'x' x 300, "\x16\x03\x01");

sub spoil
{
	my ($bytes) = @_;

	for (0 .. int rand 4) {
		my $at = int rand length $bytes;
		my $how = int rand 4;
		if ($how == 0) {
			substr($bytes, $at, 1) = chr int rand 256;
		} elsif ($how == 1) {
			substr($bytes, $at, 0) = $spice[rand @spice];
		} elsif ($how == 2) {
			substr($bytes, $at, int rand 6) = '';
		} else {
			$bytes = substr $bytes, 0, 1 + $at;
		}
		last if $bytes eq '';
	}
	return $bytes;
}

sub still_serves
{
	my ($what) = @_;
	my $r = $p->get('web', '/good');
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is($r->status, 200, "$what: others are served");
	ok(!defined $p->wait_exit(0), "$what: it is alive");
}

for my $round (1 .. 200) {
	my $c = $p->client('web');
	$c->send(spoil($requests[rand @requests]));
	$c->shutdown_write if rand() < 0.5;
	$c->fill(0.01);
	while (my $s = $l->accept(0)) {
		$s->reset;
	}
	rand() < 0.5 ? $c->reset : $c->close;
}
still_serves('spoilt requests');

for my $round (1 .. 150) {
	my $c = $p->client('web');
	$c->send("GET /$round HTTP/1.1\r\nHost: a\r\n\r\n");
	my $s = $l->accept(0.5) or next;
	$s->send(spoil($answers[rand @answers]));
	rand() < 0.3 ? $s->reset : $s->close;
	$c->fill(0.1);
	$c->close;
}
still_serves('spoilt answers');

my @heads = ("PROXY TCP4 10.1.2.3 10.9.8.7 1234 80\r\n", "PROXY UNKNOWN\r\n",
    "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" . pack('C4 C4 n n', 10, 1, 2, 3, 10, 9, 8, 7, 1, 80));
for my $round (1 .. 100) {
	my $c = $p->client('px');
	$c->send(spoil($heads[rand @heads]) . "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	$c->shutdown_write;
	$c->fill(0.05);
	$c->close;
}
still_serves('spoilt PROXY headers');

for my $round (1 .. 60) {
	my $c = $p->client('web');
	$c->send(join '', map { chr int rand 256 } 1 .. 20 + rand 3000);
	$c->fill(0.02);
	$c->close;
}
still_serves('noise');

stop_proxy($p);
done_testing;

# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# CONNECT (RFC 9110, section 9.3.6): a tunnel after 2xx, HTTP after all else.
use Tideway::Test;

my $l = listener();
my $p = start_proxy(defaults('timeout tunnel 10s') . "
listen web
    bind {BIND:web}
    server s ${\ $l->addr}
");

sub ask
{
	my $c = $p->client('web');

	$c->send("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n");
	my $s = $l->accept;
	my $req = $s->read_head;
	return ($c, $s, $req);
}

my ($c, $s, $req) = ask();
is($req->start, 'CONNECT example.com:443 HTTP/1.1', 'reaches the server');
$s->send("HTTP/1.1 200 Connection established\r\n\r\n");
is($c->read_head->status, 200, 'granted');
$c->send("\x16\x03\x01");
is($s->read_bytes(3), "\x16\x03\x01", 'bytes up');
$s->send("GET not http\0");
is($c->read_bytes(13), "GET not http\0", 'bytes down');
$c->shutdown_write;
is($s->read_all(1), '', 'half-closed by the client');
$s->close;
ok($c->is_closed, 'then closed');

($c, $s) = ask();
$s->send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nmore");
is($c->read_head->status, 200, 'a length in a 2xx means nothing');
is($c->read_bytes(4), 'more', 'what follows is the tunnel');
$_->close for $c, $s;

($c, $s) = ask();
$s->send(response(403, 'no'));
my $r = $c->read_response;
is($r->status, 403, 'refused');
is($r->body, 'no', 'with a body');
$_->close for $c, $s;

for my $bad ("CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n",
    "CONNECT example.com HTTP/1.1\r\nHost: example.com\r\n\r\n",
    "CONNECT http://a:1/ HTTP/1.1\r\nHost: a:1\r\n\r\n") {
	next if $bad =~ /http:/ && !is_tideway();
	$c = $p->client('web');
	$c->send($bad);
	my ($line) = split /\r/, $bad;
	is($c->read_response->status, 400, "$line: 400");
}

stop_proxy($p);
done_testing;

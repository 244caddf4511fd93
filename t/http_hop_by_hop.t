# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Fields of one hop (RFC 9110, section 7.6.1) and the fields the proxy adds.
use Tideway::Test;

my $l = listener();

sub proxy
{
	my ($options) = @_;

	return start_proxy(defaults(@$options) . "
frontend web
    bind {BIND:web}
    default_backend b
backend b
    server s ${\ $l->addr}
");
}

sub forwarded
{
	my ($p, @headers) = @_;
	my $c = $p->client('web');

	$c->send("GET / HTTP/1.1\r\nHost: a\r\n"
	    . join('', map { "$_\r\n" } @headers) . "\r\n");
	my $s = $l->accept;
	my $req = $s->read_head;
	$s->send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
	    . "Connection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n"
	    . "X-End: 2\r\n\r\n");
	my $r = $c->read_response;
	$_->close for $c, $s;
	return ($req, $r);
}

my $p = proxy([]);
my ($req, $r) = forwarded($p, 'Connection: keep-alive, X-Private',
    'X-Private: 1', 'Keep-Alive: 300', 'X-Public: 2', 'TE: trailers, gzip',
    'Proxy-Connection: keep-alive');
is($req->header('X-Public'), 2, 'an end-to-end field passes');
unlike($req->header('Connection') // '', qr/keep-alive/i,
    'Connection is our own');
is($r->header('X-End'), 2, 'an end-to-end field passes back');
SKIP: {
	skip 'HAProxy forwards these', 6 unless is_tideway();
	ok(!$req->has('X-Private'), 'a field named by Connection does not');
	ok(!$req->has('Keep-Alive'), 'nor Keep-Alive');
	ok(!$req->has('Proxy-Connection'), 'nor Proxy-Connection');
	is($req->header('TE') // 'trailers', 'trailers', 'TE: trailers alone');
	ok(!$r->has('X-Hop'), 'a field named by a Connection answer neither');
	ok(!$r->has('Keep-Alive'), 'nor Keep-Alive of an answer');
}

($req) = forwarded($p, 'Connection: close, Host, Content-Length');
is($req->header('Host'), 'a', 'Connection cannot take away Host');
($req) = forwarded($p, 'X-A: 1', 'x-b:2', 'X-A: 3', 'X-C:   spaced   ');
is(join('|', $req->all('X-A')), '1|3', 'repeated fields stay, in order');
is($req->header('X-B'), 2, 'no space needed');
is($req->header('X-C'), 'spaced', 'white space around a value is none of it');
ok(!$req->has('X-Forwarded-For'), 'nothing is added unasked');
stop_proxy($p);

$p = proxy(['option forwardfor']);
($req) = forwarded($p);
is($req->header('X-Forwarded-For'), '127.0.0.1', 'option forwardfor');
($req) = forwarded($p, 'X-Forwarded-For: 10.1.2.3');
is(join('|', $req->all('X-Forwarded-For')), '10.1.2.3|127.0.0.1',
    'is added behind what is there');
stop_proxy($p);

$p = proxy(['option forwardfor if-none header X-Client']);
($req) = forwarded($p);
is($req->header('X-Client'), '127.0.0.1', 'with a name of its own');
($req) = forwarded($p, 'X-Client: 10.1.2.3');
is($req->header('X-Client'), '10.1.2.3', 'if-none');
stop_proxy($p);

$p = proxy(['option forwardfor except 127.0.0.0/8']);
($req) = forwarded($p);
ok(!$req->has('X-Forwarded-For'), 'except a network');
stop_proxy($p);

done_testing;

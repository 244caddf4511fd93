# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Several requests sent before the first answer (RFC 9112, section 9.3.2): the
# answers come in order, and what fails does not take the earlier ones along.
use Tideway::Test;

my $o = origin(name => 's', respond => sub {
	my ($req, $c, $o) = @_;
	$o->wait_flag('go') if $req->uri eq '/wait';
	return $o->reply($req, $req->uri . '=' . $req->body);
});
my $p = start_proxy(defaults() . "
listen web
    bind {BIND:web}
    server s ${\ $o->addr}
");
my $K = "Host: a\r\n";

my $c = $p->client('web');
$c->send(join '', map { "GET /$_ HTTP/1.1\r\n$K\r\n" } 1 .. 20);
my @got = map { $c->read_response->body } 1 .. 20;
is("@got", join(' ', map { "/$_=" } 1 .. 20), '20 requests in one write');

my $many = join '', map { "GET /" . ('x' x 800) . "$_ HTTP/1.1\r\n$K\r\n" } 1 .. 60;
$c->send($many);
my $ok = 0;
for my $n (1 .. 60) {
	$ok++ if $c->read_response->body eq '/' . ('x' x 800) . "$n=";
}
is($ok, 60, 'more than a buffer full of requests');

$c->send("POST /a HTTP/1.1\r\n${K}Content-Length: 3\r\n\r\nabc"
    . "POST /b HTTP/1.1\r\n${K}Transfer-Encoding: chunked\r\n\r\n"
    . "3\r\ndef\r\n0\r\n\r\nGET /c HTTP/1.1\r\n$K\r\n");
@got = map { $c->read_response->body } 1 .. 3;
is("@got", '/a=abc /b=def /c=', 'bodies of all kinds between');

$c->send("GET /wait HTTP/1.1\r\n$K\r\nGET /after HTTP/1.1\r\n$K\r\n");
ok(scalar $o->wait_events('request', 84), 'the first is at the server');
ok($c->is_quiet(0.05), 'the second is not answered first');
$o->set('go');
@got = map { $c->read_response->body } 1, 2;
is("@got", '/wait= /after=', 'in order again');

$c->send(join '', map { "$_ /$_ HTTP/1.1\r\n$K\r\n" } qw(HEAD GET HEAD GET));
@got = map { $c->read_response(method => $_)->body } qw(HEAD GET HEAD GET);
is("@got", ' /GET=  /GET=', 'HEAD and GET mixed');

$c->send("GET /good HTTP/1.1\r\n$K\r\n" . "BAD\x01 / HTTP/1.1\r\n\r\n");
is($c->read_response->body, '/good=', 'the good one is answered');
is($c->read_response->status, 400, 'then the bad one');
ok($c->is_closed, 'and that is the end');

$c = $p->client('web');
$c->send("GET /1 HTTP/1.1\r\n${K}Connection: close\r\n\r\nGET /never HTTP/1.1\r\n$K\r\n");
is($c->read_response->body, '/1=', 'close: answered');
$c->read_all;
ok(!grep({ $_->uri eq '/never' } $o->requests), 'close: what follows is not');

$c = $p->client('web');
$c->send("\r\nGET /crlf HTTP/1.1\r\n$K\r\n");
is($c->read_response->body, '/crlf=', 'an empty line before a request');

stop_proxy($p);
done_testing;

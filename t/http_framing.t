# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Framing and syntax (RFC 9112): every way of saying where a message ends that
# two parsers could read differently is refused, 400 to a client, 502 for a
# server, and nothing of it reaches the other side.
use Tideway::Test;

my $o = origin(name => 's', respond => \&answer);
my $p = start_proxy(defaults() . "
frontend web
    bind {BIND:web}
    default_backend b
backend b
    server s ${\ $o->addr}
");
my %answers;

BEGIN {
	%answers = (
	no_status => "HELLO\r\n\r\n",
	bad_version => "HTTP/1.x 200 OK\r\nContent-Length: 0\r\n\r\n",
	short_status => "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
	long_status => "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
	space_colon => "HTTP/1.1 200 OK\r\nContent-Length : 1\r\n\r\nx",
	two_lengths => "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"
	    . "Content-Length: 2\r\n\r\nxx",
	length_list => "HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\nxx",
	bad_length => "HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\nx",
	neg_length => "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx",
	plus_length => "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx",
	huge_length => "HTTP/1.1 200 OK\r\n"
	    . "Content-Length: 99999999999999999999\r\n\r\nx",
	nul => "HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n",
	empty_name => "HTTP/1.1 200 OK\r\n: a\r\nContent-Length: 0\r\n\r\n",
	no_colon => "HTTP/1.1 200 OK\r\nabc\r\nContent-Length: 0\r\n\r\n",
	bare_cr => "HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 0\r\n\r\n",
	endless => "HTTP/1.1 200 OK\r\nX: " . ('a' x 40000) . "\r\n\r\n",
	nothing => '',
	half_head => "HTTP/1.1 200 OK\r\nX: ",
	);
}

sub answer
{
	my ($req, $c) = @_;

	return response(200, 'good') if $req->uri eq '/good';
	return undef unless $req->uri =~ m{^/v/(\w+)};
	$c->send($answers{$1} // '');
	return undef;
}

sub seen { return scalar grep { $_->uri ne '/good' } $o->requests }

my $H = "Host: a\r\n";
my $T = "Transfer-Encoding: chunked\r\n";
my @bad = (
	['Content-Length twice, different',
	    "POST / HTTP/1.1\r\n${H}Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx"],
	['Content-Length list, different',
	    "POST / HTTP/1.1\r\n${H}Content-Length: 1, 2\r\n\r\nxx"],
	['Content-Length with a letter', "POST / HTTP/1.1\r\n${H}Content-Length: 1a\r\n\r\nx"],
	['Content-Length with a sign', "POST / HTTP/1.1\r\n${H}Content-Length: +1\r\n\r\nx"],
	['negative Content-Length', "POST / HTTP/1.1\r\n${H}Content-Length: -1\r\n\r\nx"],
	['hexadecimal Content-Length', "POST / HTTP/1.1\r\n${H}Content-Length: 0x1\r\n\r\nx"],
	['empty Content-Length', "POST / HTTP/1.1\r\n${H}Content-Length: \r\n\r\n"],
	['Content-Length beyond 64 bits',
	    "POST / HTTP/1.1\r\n${H}Content-Length: 18446744073709551617\r\n\r\nx", 1],
	['space before the colon', "POST / HTTP/1.1\r\n${H}Content-Length : 1\r\n\r\nx"],
	['tab before the colon', "GET / HTTP/1.1\r\n${H}X\t: 1\r\n\r\n"],
	['space in a name', "GET / HTTP/1.1\r\n${H}X Y: 1\r\n\r\n"],
	['empty name', "GET / HTTP/1.1\r\n${H}: 1\r\n\r\n"],
	['no colon', "GET / HTTP/1.1\r\n${H}XY\r\n\r\n"],
	['bad character in a name', "GET / HTTP/1.1\r\n${H}X(Y): 1\r\n\r\n"],
	['NUL in a value', "GET / HTTP/1.1\r\n${H}X: a\0b\r\n\r\n", 1],
	['NUL in the request line', "GET /\0 HTTP/1.1\r\n${H}\r\n"],
	['bare CR in a value', "GET / HTTP/1.1\r\n${H}X: a\rb\r\n\r\n"],
	['bare CR ends a line', "GET / HTTP/1.1\r${H}\r\n\r\n"],
	['folded line first', "GET / HTTP/1.1\r\n folded: x\r\n${H}\r\n"],
	['no Host', "GET / HTTP/1.1\r\n\r\n", 1],
	['two different Hosts', "GET / HTTP/1.1\r\n${H}Host: b\r\n\r\n"],
	['two equal Hosts', "GET / HTTP/1.1\r\n${H}${H}\r\n", 1],
	['bad character in Host', "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 1],
	['Host differs from the authority', "GET http://b/ HTTP/1.1\r\n${H}\r\n"],
	['control character in the target', "GET /\x01 HTTP/1.1\r\n${H}\r\n"],
	['space in the target', "GET /a b HTTP/1.1\r\n${H}\r\n"],
	['empty target', "GET  HTTP/1.1\r\n${H}\r\n"],
	['bad version', "GET / HTTP/1.\r\n${H}\r\n"],
	['version of letters', "GET / HTTP/x.y\r\n${H}\r\n"],
	['lower case version', "GET / http/1.1\r\n${H}\r\n"],
	['another protocol', "GET / FTP/1.1\r\n${H}\r\n"],
	['bad character in the method', "G(T / HTTP/1.1\r\n${H}\r\n"],
	['chunked and Content-Length',
	    "POST / HTTP/1.1\r\n${H}${T}Content-Length: 4\r\n\r\n0\r\n\r\n", 1],
	['chunked twice',
	    "POST / HTTP/1.1\r\n${H}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"],
	['chunked not last',
	    "POST / HTTP/1.1\r\n${H}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"],
	['chunked in HTTP/1.0', "POST / HTTP/1.0\r\n${H}${T}\r\n0\r\n\r\n", 1],
	['chunked misspelt',
	    "POST / HTTP/1.1\r\n${H}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 1],
	['binary garbage', join('', map { chr } 128 .. 255) . "\r\n\r\n"],
	['TLS hello', "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"],
);


for my $case (@bad) {
	my ($what, $bytes, $ours) = @$case;
	next if $ours && !is_tideway();
	my $c = $p->client('web');
	my $before = seen();
	$c->send($bytes . "GET /smuggled HTTP/1.1\r\n${H}\r\n");
	my $r = $c->read_response;
	like($r->status, qr/^(?:400|501|505)$/, "$what: refused") or
	    diag(explain($r->{start}));
	ok($c->is_closed, "$what: closed after that");
	is(seen(), $before, "$what: nothing reached the server");
}

my @chunks = (
	['size of letters', "xyz\r\nabc\r\n0\r\n\r\n"],
	['empty size', "\r\nabc\r\n0\r\n\r\n"],
	['negative size', "-3\r\nabc\r\n0\r\n\r\n"],
	['size too large', "fffffffffffffffff\r\nabc\r\n0\r\n\r\n"],
	['no CRLF after the data', "3\r\nabcd\r\n0\r\n\r\n"],
	['0x before the size', "0x3\r\nabc\r\n0\r\n\r\n"],
	['bare LF after the size', "3\nabc\r\n0\r\n\r\n", 1],
	['bare CR in an extension', "3;a\rb\r\nabc\r\n0\r\n\r\n"],
);

for my $case (@chunks) {
	my ($what, $body, $ours) = @$case;
	next if $ours && !is_tideway();
	my $c = $p->client('web');
	$c->send("POST /good HTTP/1.1\r\n${H}${T}\r\n$body");
	my $r = $c->read_response;
	is($r->status, 400, "chunk: $what: 400") or diag explain $r->{start};
	ok($c->is_closed, "chunk: $what: closed");
}

for my $name (sort keys %answers) {
	next if !is_tideway() &&
	    $name =~ /^(?:bare_cr|nul|long_status|short_status)$/;
	my $c = $p->client('web');
	my $r = $c->request("GET /v/$name HTTP/1.1\r\n${H}\r\n");
	is($r->status, 502, "a server's answer: $name: 502");
	unlike($r->{raw}, qr/x-bad|hello/i, "$name: nothing of it came through");
}

is($p->get('web', '/v/none-of-these')->status, 502, 'an unknown one closes');

# HTTP/1.0: not every server looks for a body behind these
my $L = "Content-Length: 3\r\n\r\nabc";
my @methods = qw(GET HEAD DELETE);

for my $method (@methods) {
	my $c = $p->client('web');
	my $before = seen();
	$c->send("$method /body HTTP/1.0\r\n${H}$L");
	my $r = $c->read_response;
	is($r->status, 413, "$method with a body in HTTP/1.0: 413");
	ok($c->is_closed, 'closed after that');
	is(seen(), $before, 'nothing reached the server');
}
is($p->client('web')->request("DELETE /good HTTP/1.0\r\n${H}Content-Length: 0\r\n\r\n")
	->status, 200, 'a length of 0 is none');
is($p->client('web')->request("POST /good HTTP/1.0\r\n${H}$L")->status, 200,
	'POST may have one');
is($p->client('web')->request("GET /good HTTP/1.1\r\n${H}$L")->status, 200,
	'GET of HTTP/1.1 may have one');
stop_proxy($p);

$p = start_proxy("global
    h1-accept-payload-with-any-method
" . defaults() . "
frontend web
    bind {BIND:web}
    default_backend b
backend b
    server s ${\ $o->addr}
");
for my $method (@methods) {
	is($p->client('web')->request("$method /good HTTP/1.0\r\n${H}$L")
		->status, 200, "$method: allowed by the file");
}
stop_proxy($p);
done_testing;

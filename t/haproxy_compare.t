# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# HTTP in its many forms through Debian's haproxy and through tideway: what is
# received, answered and logged is the same (Tideway::Compare says what counts).
use Tideway::Test;
use Tideway::Compare;

my $haproxy = find_haproxy() or plan(skip_all => 'haproxy is not installed');

my %answer = (
	plain => "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\nX-A: 2\r\n\r\nhello",
	close => "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi",
	until_close => "HTTP/1.1 200 OK\r\nX-B: 1\r\n\r\nto the end",
	old => "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold",
	chunked => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-T: 1\r\n\r\n",
	empty => "HTTP/1.1 204 No Content\r\n\r\n",
	not_modified => "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n",
	hints => "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
	error => "HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops",
	no_reason => "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
	cookie => "HTTP/1.1 200 OK\r\nSet-Cookie: APP=v1; Path=/\r\nContent-Length: 0\r\n\r\n",
	bad => "not http at all\r\n\r\n",
	odd_case => "HTTP/1.1 200 OK\r\ncONTENT-lENGTH: 1\r\nX-Odd:\tv \t\r\n\r\nx",
	two_same => "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
);
my $o = origin(name => 's', respond => sub {
	my ($req, $c, $o) = @_;
	my ($name) = $req->uri =~ m{/r/(\w+)} or return $o->reply($req);
	my $out = $answer{$name};
	$out =~ s/\r\n\r\n.*/\r\n\r\n/s if $req->method eq 'HEAD';
	$c->send($out);
	return undef if $name =~ /^(?:until_close|bad|close|old)$/;
	return '';
});

my $H = "Host: www.example.com\r\n";
my @requests = (
	(map { "GET /r/$_ HTTP/1.1\r\n$H\r\n" } sort keys %answer),
	(map { "GET /r/$_ HTTP/1.0\r\n$H\r\n" } qw(plain until_close error old)),
	(map { "HEAD /r/$_ HTTP/1.1\r\n$H\r\n" } qw(plain chunked error)),
	"GET /r/plain HTTP/1.0\r\n\r\n",
	"GET /r/plain HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	"GET /r/plain HTTP/1.1\r\n${H}Connection: close\r\n\r\n",
	"GET http://www.example.com/r/plain HTTP/1.1\r\n$H\r\n",
	"GET /a?b=c&d=%20#f HTTP/1.1\r\n$H\r\n" =~ s/#f//r,
	"GET /a%2fb/../c//d HTTP/1.1\r\n$H\r\n",
	"POST /r/plain HTTP/1.1\r\n${H}Content-Length: 3\r\n\r\nabc",
	"POST /r/plain HTTP/1.1\r\n${H}Content-Length: 0\r\n\r\n",
	"POST /r/plain HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
	"PUT /x HTTP/1.1\r\n${H}Content-Length: 1\r\nX-Two: a\r\nX-Two: b\r\n\r\nz",
	"DELETE /x HTTP/1.1\r\n$H\r\n", "OPTIONS * HTTP/1.1\r\n$H\r\n",
	"PURGE /x HTTP/1.1\r\n$H\r\n", "GET /x HTTP/1.1\r\n${H}X-Empty:\r\n\r\n",
	"GET /x HTTP/1.1\r\n${H}X-Long: " . ('l' x 4000) . "\r\n\r\n",
	"GET /x HTTP/1.1\r\n${H}Accept:  */*  \r\nx-lower: 1\r\n\r\n",
	"GET /x HTTP/1.1\r\n${H}Cookie: SRV=c1; a=b\r\n\r\n",
	"GET /x HTTP/1.1\r\n${H}Cookie: SRV=none\r\n\r\n",
	"GET /x HTTP/1.1\r\n${H}X-Utf8: \xc3\xa4\r\n\r\n",
	"GET /x HTTP/1.1\r\n${H}Range: bytes=0-1\r\nIf-None-Match: \"a\"\r\n\r\n",
	"GET /route/me HTTP/1.1\r\n$H\r\n", "GET /none HTTP/1.1\r\n$H\r\n",
	"GET /dead HTTP/1.1\r\n$H\r\n", "GET /x HTTP/1.1\r\nHost : bad\r\n\r\n",
	"nonsense\r\n\r\n", "GET /x HTTP/1.1\r\n${H}Content-Length: x\r\n\r\n",
);

sub config
{
	my ($log, $cookie) = @_;

	return "global\n    log $log->{addr} local0\n"
	    . defaults('log global', 'option httplog', 'option forwardfor', 'retries 0') . "
frontend web
    bind {BIND:web}
    acl route path_beg /route
    use_backend other if route
    use_backend none if { path /none }
    use_backend dead if { path /dead }
    default_backend main
backend main
    $cookie
    server s1 ${\ $o->addr} cookie c1
backend other
    server o1 ${\ $o->addr}
backend none
backend dead
    server d1 127.0.0.1:1
";
}

sub run
{
	my ($bin, $cookie) = @_;

	return run_traffic(bin => $bin, origin => $o, requests => \@requests,
	    config => sub { config($_[0], $cookie) });
}

for my $cookie ('', 'cookie SRV insert indirect nocache', 'cookie APP prefix') {
	subtest $cookie || 'no cookie' => sub {
		my $want = run($haproxy, $cookie);
		my $got = run(binary(), $cookie);
		for my $i (0 .. $#requests) {
			is($got->[$i], $want->[$i], what_is($requests[$i]));
		}
	};
}

done_testing;

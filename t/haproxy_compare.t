# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The same traffic through Debian's haproxy and through tideway: what the
# server receives, what the client gets, what is logged. Compared is what is
# the same by contract: not the case of field names, not the order of fields
# of different names, not clocks and port numbers; not the version, where
# HAProxy repeats its peer's and tideway gives its own (RFC 9110, 6.2); and not
# Cache-Control: private, which tideway gives with a new cookie even when the
# answer has no lifetime of its own.
use Tideway::Test;

my ($haproxy) = grep { -x } qw(/usr/sbin/haproxy /usr/local/sbin/haproxy);
plan(skip_all => 'haproxy is not installed') unless $haproxy;

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

sub fields
{
	my ($m) = @_;

	return join '', sort map { lc($_->[0]) . ": $_->[1]\n" }
	    grep { $_->[0] !~ /^(?:connection|keep-alive)$/i
	    && lc "@$_" ne 'cache-control private' }
	    @{ $m->{headers} };
}

sub start
{
	return $_[0]{start} =~ s{HTTP/1\.[01]}{HTTP/1.x}r;
}

sub line
{
	my ($msg) = @_;

	$msg =~ s/^\S+ \[[^\]]*\] //;
	$msg =~ s{ (-?\d+)/(-?\d+)/(-?\d+)/(-?\d+)/(\+?-?\d+) (-?\d+) \+?\d+ }
	    {' ' . join('/', map { $_ < 0 ? '-' : 't' } $2, $3, $4) . " $6 "}e;
	# the connection before may not be gone yet
	$msg =~ s{ \d+/\d+/(\d+/\d+/\+?\d+ )}{ c/c/$1};
	return $msg;
}

# one result a request: what was received, what was answered, what was logged
sub run
{
	my ($bin, $cookie) = @_;
	my $log = syslog_unix();
	my $p = start_proxy(config($log, $cookie), bin => $bin);
	my @results;

	for my $bytes (@requests) {
		my $n = $o->requests;
		my $c = $p->client('web');
		my $r = $c->request($bytes);
		my @got = $o->requests;
		my $req = @got > $n ? $got[-1] : undef;
		my $text = 'RECEIVED: ' . ($req ? start($req) . "\n" . fields($req)
		    . "[$req->{raw_body}]\n" : "nothing\n");
		my $server_made = $req && $r->status != 502;
		$text .= 'ANSWERED: ' . ($server_made ? start($r) . "\n" . fields($r)
		    . '[' . $r->body . "] " . scalar(@{ $r->{interim} // [] }) . " interim, "
		    . join(',', map { lc $_->[0] . " $_->[1]" } @{ $r->{trailers} }) : 'status '
		    . $r->status) . "\n";
		$c->shutdown_write;
		$c->read_all;
		my $l = $log->next_line;
		$text .= 'LOGGED: ' . ($l ? line($l->{msg}) : 'nothing') . "\n";
		push @results, $text;
	}
	stop_proxy($p);
	return \@results;
}

for my $cookie ('', 'cookie SRV insert indirect nocache', 'cookie APP prefix') {
	subtest $cookie || 'no cookie' => sub {
		my $want = run($haproxy, $cookie);
		my $got = run(binary(), $cookie);
		for my $i (0 .. $#requests) {
			my ($what) = $requests[$i] =~ /^([^\r]{0,60})/;
			$what .= $1 if $requests[$i] =~ /\r\n((?!Host:)[^\r]{1,30})/;
			is($got->[$i], $want->[$i], $what);
		}
	};
}

done_testing;

# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# TLS from clients: versions, alpn, bodies both ways, pipelining, mode tcp, a
# PROXY header before it, a reload, and what hostile or broken clients do.
use Tideway::Test;
use IO::Socket::INET;
use IO::Socket::SSL;

my $dir = Tideway::Test::temp_dir();
my $log = syslog_udp();
my $GET = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";

system('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
    'ec_paramgen_curve:P-256', '-nodes', '-keyout', "$dir/k.pem", '-out',
    "$dir/c.pem", '-days', 30, '-subj', '/CN=localhost', '-addext',
    'subjectAltName=DNS:localhost') == 0 or die 'openssl';
Tideway::Test::spew('s.pem',
    Tideway::Test::slurp("$dir/c.pem") . Tideway::Test::slurp("$dir/k.pem"));

sub tls
{
	my ($p, $bind, %opt) = @_;

	return IO::Socket::SSL->new(PeerAddr => $p->addr($bind),
	    SSL_verify_mode => SSL_VERIFY_NONE, %opt);
}

# all that comes until `want` matches, or the end
sub until_match
{
	my ($s, $want) = @_;
	my $got = '';

	local $SIG{ALRM} = sub { die "nothing came: $got" };
	alarm 30;
	while ($got !~ $want) {
		sysread($s, $got, 65536, length $got) or last;
	}
	alarm 0;
	return $got;
}

my $o = origin(name => 's', respond => sub {
	my ($req) = @_;
	return response(200, $req->method eq 'POST' ? $req->body : 'fine' . $req->uri);
});
my $p = start_proxy("global
    log ${\ $log->addr} local0
" . defaults('log global', 'option httplog') . "
frontend web
    bind {BIND:web} ssl crt $dir/s.pem
    bind {BIND:plain}
    bind {BIND:pp} accept-proxy ssl crt $dir/s.pem
    http-request return status 200 content-type text/plain string %ci if { path /src }
    default_backend b
backend b
    server s ${\ $o->addr}
frontend short
    timeout client-hs 300ms
    bind {BIND:hs} ssl crt $dir/s.pem
    default_backend b
listen raw
    mode tcp
    option tcplog
    bind {BIND:raw} ssl crt $dir/s.pem alpn foo,bar
    server s ${\ $o->addr}
");

subtest 'versions' => sub {
	for my $v (qw(TLSv1_2 TLSv1_3)) {
		my $s = tls($p, 'web', SSL_version => $v);
		ok($s, "$v") or diag $SSL_ERROR;
		is($s->get_sslversion, $v, 'as asked for');
		print $s $GET;
		like(until_match($s, qr{fine/a}), qr/^HTTP\/1.1 200/, 'answer');
		print $s $GET;
		like(until_match($s, qr{fine/a}), qr/^HTTP\/1.1 200/, 'another');
	}
	ok(!tls($p, 'web', SSL_version => 'TLSv1', SSL_cipher_list =>
	    'ALL:@SECLEVEL=0'), 'TLS 1.0 is off');
};

subtest 'alpn' => sub {
	my $s = tls($p, 'web', SSL_alpn_protocols => ['http/1.1', 'x']);
	is($s->alpn_selected, 'http/1.1', 'the default in mode http');
	is(tls($p, 'raw', SSL_alpn_protocols => ['bar', 'foo'])->alpn_selected, 'foo',
	    'our order');
	is(tls($p, 'raw', SSL_alpn_protocols => ['none'])->alpn_selected, undef,
	    'nothing in common');
};

subtest 'bodies and pipelining' => sub {
	my $body = join '', map { chr(65 + $_ * 7 % 26) } 1 .. 1_000_000;
	my $s = tls($p, 'web');
	my $kid = fork // die;
	if ($kid == 0) {
		my $msg = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"
		    . $body;
		require POSIX;
		my $at = 0;
		while ($at < length $msg) {
			$at += syswrite($s, $msg, 20000, $at) // last;
		}
		my $got = '';
		while ($got !~ /\r\n\r\n(.*)/s || length $1 < length $body) {
			sysread($s, $got, 65536, length $got) or last;
		}
		my ($back) = $got =~ /\r\n\r\n(.*)/s;
		POSIX::_exit($back eq $body ? 0 : 1);
	}
	waitpid $kid, 0;
	is($?, 0, 'a million bytes both ways');

	$s = tls($p, 'web');
	print $s "$GET$GET$GET";
	like(until_match($s, qr{(?:fine/a.*){3}}s), qr{(?:HTTP/1.1 200.*){3}}s,
	    'pipelined');
	$s = tls($p, 'web');
	print $s "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
	like(until_match($s, qr/never/), qr{fine/a$}, 'close');
	is($s->sysread(my $x, 1), 0, 'with its alert: a clean end');
};

subtest 'byte by byte' => sub {
	my $s = tls($p, 'web');
	syswrite $s, $_ for split //, $GET;
	like(until_match($s, qr{fine/a}), qr/ 200 /, 'records of one byte');
};

subtest 'PROXY header before TLS' => sub {
	for my $split (0, 1) {
		my $s = IO::Socket::INET->new(PeerAddr =>
		    $p->addr("pp"));
		syswrite $s, "PROXY TCP4 192.0.2.7 192.0.2.8 1 2\r\n";
		$s = IO::Socket::SSL->start_SSL($s, SSL_verify_mode => SSL_VERIFY_NONE);
		ok($s, 'handshake') or next;
		print $s "GET /src HTTP/1.1\r\nHost: a\r\n\r\n";
		like(until_match($s, qr/192\.0\.2\.7/), qr/ 200 /, 'its address');
	}
};

subtest 'mode tcp' => sub {
	my $s = tls($p, 'raw');
	print $s $GET;
	like(until_match($s, qr{fine/a}), qr/ 200 /, 'answer');
	close $s;
};

subtest 'clients that break it' => sub {
	my $r = Tideway::Peer->new(IO::Socket::INET->new(PeerAddr =>
	    $p->addr("web")));
	$r->send($GET);
	$r->read_all;
	ok($r->is_closed, 'clear text: closed');
	like(($log->next_match(qr/handshake/i) // {})->{msg} // '', qr/SSL handshake failure/, 'logged');
	for my $bytes ("\x16\x03\x01\xff\xff" . 'x' x 100, "\0" x 300,
	    "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03", "\x80\x2e\x01\x00\x02" . 'z' x 50) {
		$r = Tideway::Peer->new(IO::Socket::INET->new(PeerAddr =>
		    $p->addr("web")));
		$r->send($bytes);
		$r->shutdown_write;
		$r->read_all;
		ok($r->is_closed, 'garbage: closed');
	}
	$r = Tideway::Peer->new(IO::Socket::INET->new(PeerAddr =>
	    $p->addr("hs")));
	$r->send("\x16\x03\x01\x02\x00\x01");
	$r->read_all;
	ok($r->is_closed, 'half a hello: timeout client-hs');

	my $s = tls($p, 'web', SSL_version => 'TLSv1_2');
	my $got = run_cmd({ bin => '/usr/bin/openssl', stdin => "R\n" }, 's_client',
	    '-connect', $p->addr('web'), '-tls1_2', '-legacy_renegotiation');
	ok($got->{signal} == 0, 'renegotiation');
	print $s $GET;
	like(until_match($s, qr{fine/a}), qr/ 200 /, 'others go on');
};

subtest 'reload' => sub {
	my $s = tls($p, 'web');
	print $s $GET;
	until_match($s, qr{fine/a});
	my $n = () = $p->stderr =~ /./sg;
	$p->signal('USR2');
	for my $i (1 .. 20) {
		my $t = tls($p, 'web');
		ok($t, 'a new one') or last;
		print $t $GET;
		like(until_match($t, qr{fine/a}), qr/ 200 /, 'is answered');
	}
	print $s $GET;
	like(until_match($s, qr{fine/a|$}), qr/ 200 |^$/, 'the old one is answered');
};

stop_proxy($p);
done_testing();

# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The tests' own TLS library: certificates, clients and origin, against each
# other and through Debian's haproxy.
use Tideway::Test;
use Tideway::Compare;
use Tideway::TLS;

my $dir = Tideway::Test::temp_dir();
my $root = ca('Root');
my $mid = ca('Mid', ca => $root);
my $site = cert('www.example.org', ca => $mid);
my $rsa = cert('rsa.example.org', ca => $root, type => 'rsa',
    names => ['*.example.org', '127.0.0.1', '::1']);
my $client = cert('alice', ca => $root, client => 1);

subtest 'certificates' => sub {
	my @root = ('-CAfile', $root->{crt});
	like(openssl('verify', @root, '-untrusted', $site->{chain}, $site->{crt}),
	    qr/OK/, 'a chain');
	like(openssl('x509', '-in', $rsa->{crt}, '-noout', '-text'),
	    qr/2048 bit.*DNS:\*\.example\.org, IP Address:127\.0\.0\.1, IP/s, 'RSA and names');
	my $old = cert('old', ca => $root, days => -1);
	ok(!eval { openssl('verify', @root, $old->{crt}) }, 'expired');
	like($@, qr/has expired/, 'it says so');
	my $early = cert('early', ca => $root, start => '20600101000000Z',
	    end => '20700101000000Z');
	ok(!eval { openssl('verify', @root, $early->{crt}) }, 'not valid yet');
	my $self = cert('self');
	like(openssl('verify', '-CAfile', $self->{crt}, $self->{crt}), qr/OK/,
	    'signed by itself');
	isnt(slurp(cert('x', key => fresh_key('rsa'))->{key}), slurp($rsa->{key}),
	    'a key of its own');
	like(slurp(encrypted_key($site, 'pw')), qr/ENCRYPTED/, 'an encrypted key');
	is(scalar(my @m = many_certs($root, "$dir/many", map { "h$_.example" } 1 .. 20)),
	    20, 'many');
	like(openssl('verify', @root, "$dir/many/h20.example.pem"), qr/OK/, 'the last');
	spew('dh.pem', dh_params());
	like(openssl('dhparam', '-in', "$dir/dh.pem", '-noout', '-text'), qr/2048 bit/,
	    'DH parameters');
};

subtest 'CRL and OCSP' => sub {
	my $bad = cert('bad', ca => $root);
	my $good = ocsp_response($root, $bad);
	revoke($root, $bad);
	my $crl = crl($root);
	ok(!eval { openssl('verify', '-CAfile', $root->{crt}, '-CRLfile', $crl,
	    '-crl_check', $bad->{crt}) }, 'revoked');
	like($@, qr/certificate revoked/, 'it says so');
	like(openssl('crl', '-in', crl($root, days => -2), '-noout', '-nextupdate'),
	    qr/nextUpdate/, 'an old CRL');
	my @ask = ('-CAfile', $root->{crt}, '-issuer', $root->{crt}, '-cert', $bad->{crt});
	like(openssl('ocsp', '-respin', $good, @ask), qr/: good/, 'good');
	like(openssl('ocsp', '-respin', ocsp_response($root, $bad), @ask), qr/: revoked/,
	    'revoked');
};

my $o = tls_origin(certs => { '' => $site, 'rsa.example.org' => $rsa },
    ca => $root, verify => 0, alpn => ['http/1.1']);

subtest 's_client with the origin' => sub {
	my $f = s_client($o->addr, sni => 'rsa.example.org', ca => $root,
	    alpn => 'h2,http/1.1', cert => $client,
	    input => "GET /a HTTP/1.1\r\nHost: a\r\n\r\n", until => qr/^tls$/m);
	is($f->{exit}, 0, 'it ends');
	is_deeply([@$f{qw(protocol alpn subject issuer verify serial connected)}],
	    ['TLSv1.3', 'http/1.1', 'CN = rsa.example.org', 'CN = Root', 0,
	    $rsa->{serial}, 1], 'facts') or diag $f->{out};
	like($f->{out}, qr/X-TLS-Subject: alice/, 'the client certificate');
	like($f->{out}, qr/X-TLS-Sni: rsa\.example\.org/, 'the name');
	$f = s_client($o->addr, version => 'tls1_2', sess_out => "$dir/s12");
	is_deeply([@$f{qw(protocol subject reused)}],
	    ['TLSv1.2', 'CN = www.example.org', 0], 'no name, TLS 1.2');
	is_deeply($f->{chain}, ['CN = www.example.org', 'CN = Mid'], 'the chain');
	is(s_client($o->addr, version => 'tls1_2', sess_in => "$dir/s12")->{reused},
	    1, 'resumed');
	$f = s_client($o->addr, sess_out => "$dir/s13");
	is(s_client($o->addr, sess_in => "$dir/s13")->{reused}, 1, 'with TLS 1.3');
	$f = s_client($o->addr, ciphers => 'AES128-SHA', version => 'tls1_2');
	is_deeply([@$f{qw(connected alert)}], [0, 40], 'no cipher in common');
	is(s_client($o->addr, ca => $client)->{verify}, 20, 'an unknown authority');
};

subtest 'client with the origin' => sub {
	my $m = https_get($o->addr, host => 'www.example.org', ca => $root,
	    verify_name => 'www.example.org', alpn => ['http/1.1']);
	is($m->status, 200, 'an answer') or diag tls_error();
	is_deeply([@{ $m->{tls} }{qw(subject alpn)}], ['www.example.org', 'http/1.1'],
	    'facts');
	my $n = https_get($o->addr, conn => $m->{conn}, method => 'HEAD', path => '/b');
	is($n->status, 200, 'another on the same connection');
	is(https_get($o->addr, ca => $root, verify_name => 'other.org')->status, 0,
	    'a wrong name');
	like(tls_error(), qr/verif/, 'it says so');
	my $ctx = tls_context(version => 'TLSv1_2');
	my @r = map { https_get($o->addr, host => 'a', close => 1, reuse => $ctx)->{tls}{reused} } 1, 2;
	is_deeply(\@r, [0, 1], 'resumed');
	$ctx = tls_context();
	@r = map { https_get($o->addr, host => 'a', close => 1, reuse => $ctx)->{tls}{reused} } 1, 2;
	is_deeply(\@r, [0, 1], 'with TLS 1.3');
	my $strict = tls_origin(cert => $site, ca => $root);
	is(https_get($strict->addr)->status, 0, 'a certificate is asked for');
	is(https_get($strict->addr, cert => $client)->status, 200, 'and taken');
	like(($strict->wait_events('tlserror', 1))[0][2], qr/certificate/, 'it says so');
	is(($strict->handshakes)[0]{subject}, 'alice', 'what it saw');
};

subtest 'bytes' => sub {
	my @r = tls_records(raw_client($o->addr, hello(sni => 'a', groups => 1,
	    points => [0], ciphers => [0xc02b, 0xc02f]))->read_bytes(200));
	is_deeply([@{ $r[0] }{qw(type version)}], [22, 0x303], 'a hello is answered');
	is(ord $r[0]{data}, 2, 'with a hello');
	@r = tls_records(raw_client($o->addr, hello(versions => [0x304],
	    key_share => 1, groups => [29], ciphers => [0x1301], session => 's' x 32,
	    extensions => [[0x4a4a, '']]))->read_bytes(100));
	is($r[0]{type}, 22, 'TLS 1.3');
	@r = tls_records(raw_client($o->addr, hello(minor => 3, ciphers => [0xffff],
	    bare => 1))->read_all);
	is($r[0]{alert}, 40, 'an alert');
};

subtest 'haproxy between them' => sub {
	my $haproxy = find_haproxy() or plan skip_all => 'haproxy is not installed';
	spew('multi.pem', pem_text($site->{pem}));
	spew('multi.pem.ocsp', slurp(ocsp_response($mid, $site)));
	my $p = start_proxy(defaults() . "listen a
    bind {BIND:a} ssl crt $dir/multi.pem crt $rsa->{pem} ca-file $root->{crt} verify optional alpn h2,http/1.1 allow-0rtt
    http-request set-header X-Client %[ssl_c_s_dn(cn)]
    server s ${\ $o->addr} ssl verify required ca-file $root->{crt} sni str(rsa.example.org) crt $client->{pem}
", bin => $haproxy);
	my $m = https_get($p->addr('a'), host => 'www.example.org', ca => $root,
	    cert => $client);
	is_deeply([$m->status, $m->header('X-TLS-Sni'), $m->header('X-TLS-Subject')],
	    [200, 'rsa.example.org', 'alice'], 'both ways') or diag tls_error();
	my $f = s_client($p->addr('a'), sni => 'www.example.org', ocsp => 1,
	    alpn => 'h2', ca => $root, sess_out => "$dir/h13");
	is_deeply([@$f{qw(alpn verify ocsp)}], ['h2', 0, 'good'], 'OCSP') or diag $f->{out};
	spew('early.txt', "GET /e HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	$f = s_client($p->addr('a'), sni => 'www.example.org', alpn => 'http/1.1',
	    sess_out => "$dir/e13");
	$f = s_client($p->addr('a'), sni => 'www.example.org', alpn => 'http/1.1',
	    sess_in => "$dir/e13", early => "$dir/early.txt", until => qr/^tls$/m);
	is_deeply([@$f{qw(early reused)}], ['accepted', 1], 'early data') or diag $f->{out};
	is($p->stop, '', 'haproxy ends');
};

done_testing();

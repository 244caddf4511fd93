# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Protocol options of bind lines and of the global section: what a client that
# offers everything gets, and what -c says of wrong ones.
use Tideway::Test;
use IO::Socket::SSL;

my $dir = Tideway::Test::temp_dir();
my $key = "$dir/s.pem";

system("cd $dir && openssl req -x509 -newkey rsa:2048 -nodes -keyout k.pem -out c.pem"
    . ' -days 30 -subj /CN=localhost 2>/dev/null && cat c.pem k.pem > s.pem') == 0
    or die 'openssl';
system("openssl genpkey -genparam -algorithm DH -pkeyopt group:ffdhe3072"
    . " -out $dir/dh.pem 2>/dev/null") == 0 or die;

system("cd $dir && openssl pkey -in k.pem -aes128 -passout pass:x -out e.pem"
    . ' && cat c.pem e.pem > enc.pem && openssl genpkey -algorithm EC -pkeyopt'
    . ' ec_paramgen_curve:P-256 2>/dev/null | cat c.pem - > other.pem') == 0 or die;

sub tls
{
	my ($p, $bind, %opt) = @_;

	return IO::Socket::SSL->new(PeerAddr => $p->addr($bind),
	    SSL_verify_mode => SSL_VERIFY_NONE, SSL_cipher_list =>
	    $opt{ciphers} // 'ALL:@SECLEVEL=0', %opt);
}

sub version { my $s = tls(@_); return $s ? $s->get_sslversion : 'none' }
sub cipher { my $s = tls(@_); return $s ? $s->get_cipher : 'none' }

# what s_client prints of a handshake
sub s_client
{
	my ($p, $bind, @args) = @_;
	my $r = run_cmd({ bin => '/usr/bin/openssl' }, 's_client', '-connect',
	    $p->addr($bind), @args);

	return $r->{out} . $r->{err};
}

my %lines = (
	plain => '',
	min => 'ssl-min-ver TLSv1.3',
	max => 'ssl-max-ver TLSv1.2',
	old => 'ssl-min-ver TLSv1.0 ssl-max-ver TLSv1.1',
	no12 => 'no-tlsv12',
	no13 => 'no-sslv3 no-tlsv10 no-tlsv11 no-tlsv13',
	f12 => 'force-tlsv12',
	f10 => 'force-tlsv10',
	f11 => 'force-tlsv11',
	f13 => 'force-tlsv13',
	ciphers => 'ssl-max-ver TLSv1.2 ciphers AES256-GCM-SHA384:AES128-GCM-SHA256',
	client => 'ssl-max-ver TLSv1.2 ciphers AES256-GCM-SHA384:AES128-GCM-SHA256 '
	    . 'prefer-client-ciphers',
	suites => 'ssl-min-ver TLSv1.3 ciphersuites TLS_CHACHA20_POLY1305_SHA256',
	curves => 'curves P-384',
	ecdhe => 'ecdhe P-521',
	sig => 'sigalgs RSA-PSS+SHA512',
	ticket => 'ssl-max-ver TLSv1.2 no-tls-tickets',
	dh => 'ssl-max-ver TLSv1.2 ciphers DHE-RSA-AES256-GCM-SHA384:@SECLEVEL=0',
	noalpn => 'no-alpn',
);
my $binds = join '', map { "    bind {BIND:$_} ssl crt $key $lines{$_}\n" } sort keys %lines;
my $p = start_proxy("global
    ssl-dh-param-file $dir/dh.pem
    tune.ssl.cachesize 100
    tune.ssl.lifetime 100s
    tune.ssl.force-private-cache
" . defaults() . "frontend f\n$binds    http-request return status 200\n");

is(version($p, 'plain'), 'TLSv1_3', 'the newest');
is(version($p, 'plain', SSL_version => 'TLSv1_2'), 'TLSv1_2', 'down to 1.2');
is(version($p, 'plain', SSL_version => 'TLSv1_1'), 'none', 'no further');
is(version($p, 'min', SSL_version => 'TLSv1_2'), 'none', 'ssl-min-ver');
is(version($p, 'max'), 'TLSv1_2', 'ssl-max-ver');
is(version($p, 'old'), 'TLSv1_1', 'older ones if asked for');
is(version($p, 'old', SSL_version => 'TLSv1'), 'TLSv1', 'and TLS 1.0');
is(version($p, 'no12', SSL_version => 'TLSv1_2'), 'none', 'no-tlsv12');
is(version($p, 'no13'), 'TLSv1_2', 'no-tlsv13');
is(version($p, 'no13', SSL_version => 'TLSv1_1'), 'none', 'no-tlsv11');
is(version($p, 'f12'), 'TLSv1_2', 'force-tlsv12');
is(version($p, 'f10'), 'TLSv1', 'force-tlsv10');
is(version($p, 'f11'), 'TLSv1_1', 'force-tlsv11');
is(version($p, 'f13', SSL_version => 'TLSv1_2'), 'none', 'force-tlsv13');
my $mine = 'AES128-GCM-SHA256:AES256-GCM-SHA384';
is(cipher($p, 'ciphers', SSL_cipher_list => $mine), 'AES256-GCM-SHA384',
    'ciphers: our order');
is(cipher($p, 'client', SSL_cipher_list => $mine), 'AES128-GCM-SHA256',
    'prefer-client-ciphers');
is(cipher($p, 'suites'), 'TLS_CHACHA20_POLY1305_SHA256', 'ciphersuites');
is(cipher($p, 'ciphers', SSL_cipher_list => 'ECDHE-RSA-AES128-SHA'), 'none',
    'no cipher in common');
like(s_client($p, 'curves'), qr/ECDH, (?:P-384|secp384r1)/, 'curves');
like(s_client($p, 'ecdhe'), qr/ECDH, (?:P-521|secp521r1)/, 'ecdhe');
like(s_client($p, 'sig', '-tls1_3'), qr/Peer signing digest: SHA512/, 'sigalgs');
like(s_client($p, 'dh', '-cipher', 'ALL:@SECLEVEL=0'), qr/DH, 3072 bits/,
    'ssl-dh-param-file');
like(s_client($p, 'max'), qr/TLS session ticket:/, 'tickets');
unlike(s_client($p, 'ticket'), qr/TLS session ticket:/, 'no-tls-tickets');
is(tls($p, 'noalpn', SSL_alpn_protocols => ['http/1.1'])->alpn_selected, undef,
    'no-alpn');
stop_proxy($p);

$p = start_proxy("global
    ssl-default-bind-ciphers AES256-GCM-SHA384
    ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256
    ssl-default-bind-curves P-384
    ssl-default-bind-sigalgs RSA-PSS+SHA384:RSA+SHA384
    ssl-default-bind-client-sigalgs RSA-PSS+SHA384
    ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets no-sslv3
    tune.ssl.maxrecord 1000
    tune.ssl.default-dh-param 4096
    tune.ssl.certificate-compression off
    crt-base $dir
    ca-base $dir
" . defaults() . "
frontend f
    bind {BIND:a} ssl crt s.pem
    bind {BIND:dh} ssl crt s.pem ciphers DHE-RSA-AES128-GCM-SHA256
    bind {BIND:b} ssl crt s.pem ciphers AES128-GCM-SHA256 ssl-max-ver TLSv1.2
    http-request return status 200
");
is(cipher($p, 'a'), 'TLS_AES_128_GCM_SHA256', 'ssl-default-bind-ciphersuites');
is(cipher($p, 'a', SSL_version => 'TLSv1_2'), 'AES256-GCM-SHA384',
    'ssl-default-bind-ciphers');
is(cipher($p, 'b'), 'AES128-GCM-SHA256', 'the line has the last word');
like(s_client($p, 'dh', '-tls1_2'), qr/DH, 4096 bits/, 'tune.ssl.default-dh-param');
my $out = s_client($p, 'a', '-tls1_3');
like($out, qr/ECDH, (?:P-384|secp384r1)/, 'ssl-default-bind-curves');
like($out, qr/Peer signing digest: SHA384/, 'ssl-default-bind-sigalgs');
unlike(s_client($p, 'a', '-tls1_2'), qr/TLS session ticket:/,
    'ssl-default-bind-options');
stop_proxy($p);

$p = start_proxy("global
    ssl-default-bind-options strict-sni prefer-client-ciphers
    ssl-default-bind-ciphers AES256-GCM-SHA384:AES128-GCM-SHA256
" . defaults() . "
frontend f
    bind {BIND:a} ssl crt $key
    bind {BIND:b} ssl crt $key no-strict-sni
    http-request return status 200
");
is(cipher($p, 'b', SSL_cipher_list => $mine, SSL_version => 'TLSv1_2'),
    'AES128-GCM-SHA256', 'ssl-default-bind-options prefer-client-ciphers');
is(version($p, 'a', SSL_hostname => 'localhost'), 'TLSv1_3', 'strict-sni: a name that is there');
is(version($p, 'a', SSL_hostname => 'none'), 'none', 'another one');
is(version($p, 'b', SSL_hostname => 'none'), 'TLSv1_3', 'no-strict-sni');
stop_proxy($p);

my @wrong = (
	['bind', 'ssl', qr/certificate/],
	['bind', "ssl crt $dir/none.pem", qr/none\.pem/],
	['bind', "ssl crt $dir/c.pem", qr/c\.pem/],
	['bind', "ssl crt $dir/enc.pem", qr/key in '\S*enc\.pem' is encrypted/],
	['bind', "ssl crt $dir/other.pem", qr/inconsistencies.*other\.pem/],
	['bind', "ssl crt $key ssl-min-ver TLSv9", qr/TLSv9.*TLSv1\.0/],
	['bind', "ssl crt $key ssl-min-ver", qr/ssl-min-ver/],
	['bind', "ssl crt $key ssl-min-ver TLSv1.3 ssl-max-ver TLSv1.2", qr/excluded/],
	['bind', "ssl crt $key ciphers NONE", qr/NONE/],
	['bind', "ssl crt $key ciphersuites NONE", qr/NONE/],
	['bind', "ssl crt $key curves NONE", qr/NONE/],
	['bind', "ssl crt $key sigalgs NONE", qr/NONE/],
	['bind', "ssl crt $key npn h2", qr/npn.*alpn/],
	['bind', "ssl crt $key force-sslv3", qr/SSLv3/],
	['bind', "ssl crt $key alpn h2,,x", qr/empty protocol/],
	['bind', "ssl crt $key verify maybe", qr/maybe/],
	['bind', "ssl crt $key verify required", qr/no CA file/],
	['bind', "ssl crt $key ca-file $dir/none", qr/none/],
	['bind', "ssl crt $key crt-ignore-err 999", qr/999/],
	['global', 'ssl-default-bind-options bogus', qr/bogus/],
	['global', 'tune.ssl.default-dh-param 100', qr/1024/],
	['global', 'tune.ssl.lifetime x', qr/lifetime/],
	['global', 'tune.ssl.cachesize -1', qr/cachesize/],
	['global', 'ca-base', qr/ca-base/],
	['global', 'tune.ssl.certificate-compression on', qr/'auto' or 'off', not 'on'/],
	['global', 'tune.ssl.certificate-compression', qr/certificate-compression/],
);
for my $w (@wrong) {
	my ($where, $text, $want) = @$w;
	my $r = check_config($where eq 'global'
	    ? "global\n    $text\n" . defaults() . "frontend f\n    bind :0\n"
	    : defaults() . "frontend f\n    bind 127.0.0.1:0 $text\n");

	ok($r->{sane} && $r->{code} == 1, "$text: refused");
	like($r->{all}, $want, 'with a word on it');
}

subtest 'a line with several addresses' => sub {
	my $r = check_config(defaults() . "frontend f
    bind 127.0.0.1:0,127.0.0.1:0 ssl crt $key ciphers NONE
    bind 127.0.0.1:0,127.0.0.1:0 ssl strict-sni ciphers NONE
");
	my @told = $r->{all} =~ /check\.cfg:(\d+)\].*NONE/g;

	is(scalar @told, 2, 'is complained of once') or diag $r->{all};
	is($told[1] - $told[0], 1, 'where it stands');
};
done_testing();

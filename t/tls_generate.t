# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# generate-certificates: certificates made for the names that clients ask for.
use Tideway::Test;
use Tideway::TLS;

my $dir = Tideway::Test::temp_dir();
my $ca = ca('Signer');
my $site = cert('site.test', ca => $ca);
my $other = ca('Other');
my $log = encrypted_key($ca, 'secret');

Tideway::Test::spew('site.pem', pem_text($site->{pem}));
Tideway::Test::spew('ca.pem', pem_text($ca->{crt}, $ca->{key}));
Tideway::Test::spew('enc.pem', pem_text($ca->{crt}, $log));
Tideway::Test::spew('wrong.pem', pem_text($ca->{crt}, $other->{key}));

my $p = start_proxy("global
    stats socket $dir/ctl
    tune.ssl.ssl-ctx-cache-size 2
    ca-base $dir
" . defaults() . "frontend f
    bind {BIND:a} ssl crt $dir/site.pem generate-certificates ca-sign-file ca.pem
    bind {BIND:enc} ssl crt $dir/site.pem generate-certificates ca-sign-file enc.pem ca-sign-pass secret
    bind {BIND:bare} ssl strict-sni generate-certificates ca-sign-file $dir/ca.pem
    http-request return status 200 content-type text/plain string seen
");

sub shown
{
	my ($bind, $name) = @_;
	my $s = IO::Socket::SSL->new(PeerAddr => $p->addr($bind), Timeout => 30,
	    SSL_verify_mode => 1, SSL_ca_file => $ca->{crt}, SSL_hostname => $name // '',
	    SSL_verifycn_scheme => 'http', SSL_verifycn_name => $name // 'site.test');

	return $s ? (($s->peer_certificate('commonName') // '-'),
	    IO::Socket::SSL::Utils::CERT_asHash($s->peer_certificate)->{serial})
	    : ("$IO::Socket::SSL::SSL_ERROR", '');
}

require IO::Socket::SSL::Utils;
is((shown('a', 'site.test'))[0], 'site.test', 'a name that is there');
is((shown('a', $_))[0], $_, "$_: made, and it verifies") for qw(one.test two.test a.b.c.test);
is((shown('a', 'UPPER.test'))[0], 'upper.test', 'in lower case');
is((shown('a'))[0], 'site.test', 'without a name: the first one');
my $long = join '.', ('x' x 40) x 3, 'test';
is((shown('a', $long))[0], '-', 'a long name is a subjectAltName only');
is((shown('enc', 'one.test'))[0], 'one.test', 'ca-sign-pass');
is((shown('bare', 'one.test'))[0], 'one.test', 'with no other certificate');
like((shown('bare'))[0], qr/unrecognized name/, 'strict-sni: a name there must be');

my @k1 = shown('a', 'keep.test');
is((shown('a', 'keep.test'))[1], $k1[1], 'the same one again');
shown('a', 'x1.test');
is((shown('a', 'keep.test'))[1], $k1[1], 'one of two');
shown('a', "x$_.test") for 2, 3;
isnt((shown('a', 'keep.test'))[1], $k1[1], 'not one of three');

my $f = s_client($p->addr('a'), sni => "a\tb", ca => $ca);
is($f->{subject}, 'CN = site.test', 'what is no host name gets the first one') or diag $f->{out};
$f = s_client($p->addr('a'), sni => 'resume.test', sess_out => "$dir/s",
    args => ['-tls1_2']);
is(s_client($p->addr('a'), sni => 'resume.test', sess_in => "$dir/s",
    args => ['-tls1_2'])->{reused}, 1, 'sessions are resumed');
is($p->stop, '', 'it ends');

my %wrong = ('generate-certificates' => "add 'ca-sign-file <file>'",
    "generate-certificates ca-sign-file $dir/none" => "ca-sign-file: unable to read '$dir/none'",
    "generate-certificates ca-sign-file $site->{key}" => 'ca-sign-file: no certificate in',
    "generate-certificates ca-sign-file $ca->{crt}" => "no private key that can be read (see 'ca-sign-pass')",
    "generate-certificates ca-sign-file $dir/enc.pem" => "no private key that can be read (see 'ca-sign-pass')",
    "generate-certificates ca-sign-file $dir/enc.pem ca-sign-pass no" => 'no private key that can be read',
    "generate-certificates ca-sign-file $dir/wrong.pem" => 'certificate and private key do not fit',
    'ca-sign-file' => "'ca-sign-file' expects", 'ca-sign-pass' => "'ca-sign-pass' expects");
for my $o (sort keys %wrong) {
	my $r = check_config(defaults() . "frontend f\n    bind 127.0.0.1:1 ssl crt $dir/site.pem $o\n");
	is($r->{code}, 1, $o);
	like($r->{all}, qr/\Q$wrong{$o}/, 'says why');
}
my $r = check_config("global\n    tune.ssl.ssl-ctx-cache-size x\n" . defaults());
like($r->{all}, qr/'tune\.ssl\.ssl-ctx-cache-size' : /, 'a number');
done_testing();

# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# jwt_verify_cert: signatures by the keys of certificates, made by the openssl
# program.
use Tideway::Test;
use MIME::Base64 qw(encode_base64url);

plan(skip_all => 'Debian\'s haproxy has no jwt_verify_cert') unless is_tideway();
plan(skip_all => 'no openssl program')
    unless run_cmd({ bin => '/bin/sh' }, '-c', 'openssl version')->{code} == 0;

my $dir = Tideway::Test::temp_dir();

sub openssl
{
	my (@args) = @_;
	my $r = run_cmd({ bin => '/bin/sh', secs => 30 }, '-c', 'cd "$0" && exec openssl "$@"', $dir, @args);

	die "openssl @args: $r->{err}" if $r->{code};
	return $r->{out};
}

openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=a', '-keyout', "$_.key", '-out', "$_.pem")
    for 'rsa', 'other';
openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=a',
    '-keyout', 'ec.key', '-out', 'ec.pem');
openssl('pkey', '-in', 'rsa.key', '-pubout', '-out', 'rsa.pub');
spew("$dir/both.pem", slurp("$dir/rsa.key") . slurp("$dir/rsa.pem") . slurp("$dir/other.pem"));

# the two numbers of an ECDSA signature side by side
sub raw
{
	my ($der) = @_;
	my ($r, $s) = unpack 'x2 x C/a x C/a', $der;

	return join '', map { substr "\0" x 32 . $_, -32 } $r, $s;
}

sub token
{
	my ($alg, $key) = @_;
	my $text = join '.', map { encode_base64url($_) } "{\"alg\":\"$alg\"}", '{"sub":"joe"}';

	spew("$dir/text", $text);
	openssl('dgst', '-sha256', '-sign', $key,
	    ($alg =~ /^P/ ? ('-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:32') : ()),
	    '-out', 'sig', 'text');
	my $sig = slurp("$dir/sig");
	return $text . '.' . encode_base64url($alg =~ /^E/ ? raw($sig) : $sig);
}

my $p = start_proxy(defaults() . "
frontend web
    bind {BIND:web}
    http-request set-var(txn.t) hdr(token)
    http-request set-var(txn.alg) hdr(alg)
    http-request return status 200 content-type text/plain lf-string '" . join(' ',
    map { "%[var(txn.t),jwt_verify_cert($_)]" } "RS256,$dir/rsa.pem", "RS256,$dir/other.pem", "PS256,$dir/both.pem",
    "ES256,$dir/ec.pem", "txn.alg,$dir/rsa.pem", "txn.alg,$dir/ec.pem") . "'
");

sub verify { $p->get('web', '/', "Token: $_[0]", "Alg: $_[1]")->body }

my $rs = token('RS256', 'rsa.key');
is(verify($rs, 'RS256'), '1 0 0 0 1 0', 'RS256');
is(verify(token('PS256', 'rsa.key'), 'PS256'), '0 0 1 0 1 0', 'PS256; the first certificate of a file');
is(verify(token('ES256', 'ec.key'), 'ES256'), '0 0 0 1 0 1', 'ES256');
is(verify($rs =~ s/\.\K(.)/$1 eq 'A' ? 'B' : 'A'/er, 'RS256'), '0 0 0 0 0 0', 'another text');
is(verify($rs, 'HS256'), '1 0 0 0 -5 -5', 'no secret is taken from a certificate');
is(verify($rs, 'none'), '1 0 0 0 -2 -2', 'none');
is(verify($rs, 'XS256'), '1 0 0 0 -1 -1', 'no algorithm');
is(verify('a.b', 'RS256'), '-3 -3 -3 -3 -3 -3', 'no token');
stop_proxy($p);

for my $case (["RS256,$dir/rsa.pub", qr/holds no certificate/], ["RS256,$dir/nope", qr/cannot open the certificate/],
    ["HS256,$dir/rsa.pem", qr/works with a secret.*use jwt_verify/], ["none,$dir/rsa.pem", qr/'none' is not supported/],
    ["XS256,$dir/rsa.pem", qr/not an algorithm/], ['RS256,txn.cert', qr/not supported by tideway yet: write its path/],
    ['RS256', qr/jwt_verify_cert/]) {
	my $r = check_config(defaults() . "listen a\n    bind 127.0.0.1:1\n"
	    . "    http-request set-var(txn.a) hdr(x),jwt_verify_cert($case->[0])\n");
	isnt($r->{code}, 0, "$case->[0]: refused");
	like($r->{all}, $case->[1], 'with its word');
}

done_testing;

# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Certificates of clients: those of the system's authorities (@system-ca), and
# what they may sign with (client-sigalgs).
use Tideway::Test;
use Tideway::TLS;

my $root = ca('Root');
my $other = ca('Other');
my $site = cert('localhost');
my $ec = cert('ec', ca => $root, client => 1);
my $rsa = cert('rsa', ca => $root, client => 1, type => 'rsa');
my $foreign = cert('foreign', ca => $other, client => 1);

my %lines = (
	system => 'ca-file @system-ca verify required',
	both => "ca-file \@system-ca ca-verify-file $other->{crt} verify required",
	rsa => "ca-file $root->{crt} verify required client-sigalgs RSA-PSS+SHA256:RSA+SHA256",
	ec => "ca-file $root->{crt} verify required client-sigalgs ECDSA+SHA256",
	global => "ca-file $root->{crt} verify required",
);
local $ENV{SSL_CERT_FILE} = $root->{crt}; # where OpenSSL finds the system's
local $ENV{SSL_CERT_DIR} = '/nonexistent';
my $p = start_proxy("global
    ssl-default-bind-client-sigalgs ECDSA+SHA384:ECDSA+SHA256
" . defaults() . "
frontend f
" . join('', map { "    bind {BIND:$_} ssl crt $site->{pem} $lines{$_}\n" } sort keys %lines)
    . "    http-request return status 200\n");

sub status
{
	my ($bind, $cert, $v) = @_;

	return https_get($p->addr($bind), version => $v, $cert ? (cert => $cert) : (),
	    close => 1)->status;
}

for my $v (qw(TLSv1_2 TLSv1_3)) {
	is(status('system', $ec, $v), 200, "$v: \@system-ca: one of the system's");
	is(status('system', $foreign, $v), 0, 'no other');
	is(status('system', undef, $v), 0, 'none');
	is(status('both', $foreign, $v), 200, 'beside ca-verify-file');
	is(status('rsa', $rsa, $v), 200, 'client-sigalgs: RSA');
	is(status('rsa', $ec, $v), 0, 'which excludes ECDSA');
	is(status('ec', $ec, $v), 200, 'client-sigalgs: ECDSA');
	is(status('ec', $rsa, $v), 0, 'which excludes RSA');
	is(status('global', $ec, $v), 200, 'ssl-default-bind-client-sigalgs');
	is(status('global', $rsa, $v), 0, 'which holds for lines that say nothing');
}
is_deeply(s_client($p->addr('system'))->{client_cas}, [],
    'clients are not told all names of the system');
stop_proxy($p);

for my $bad (["client-sigalgs NONE", qr/NONE/], ['client-sigalgs', qr/client-sigalgs/]) {
	my $r = check_config(defaults() . "frontend f\n    bind :0 ssl crt $site->{pem} "
	    . "ca-file $root->{crt} verify required $bad->[0]\n");
	ok($r->{sane} && $r->{code} == 1, "$bad->[0]: refused");
	like($r->{all}, $bad->[1], 'with a word on it');
}
done_testing();

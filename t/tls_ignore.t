# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# ca-ignore-err is about the chain, crt-ignore-err about the certificate itself,
# each for the errors that it names; beside Debian's haproxy.
use Tideway::Test;
use Tideway::Compare;
use Tideway::TLS;

my $root = ca('Root');
my $old_mid = ca('Old', ca => $root, days => -1);
my $site = cert('localhost');
my %client = (good => cert('good', ca => $root, client => 1),
    leaf => cert('leaf', ca => $root, client => 1, days => -1),
    chain => cert('chain', ca => $old_mid, client => 1));
my $EXPIRED = 'X509_V_ERR_CERT_HAS_EXPIRED';
my %lines = (
	none => '',
	crt => 'crt-ignore-err all',
	ca => 'ca-ignore-err all',
	crt_name => "crt-ignore-err $EXPIRED",
	ca_name => "ca-ignore-err $EXPIRED",
	crt_number => 'crt-ignore-err 10',
	crt_other => 'crt-ignore-err X509_V_ERR_CERT_REVOKED',
	ca_other => 'ca-ignore-err 23',
	both => "crt-ignore-err 10,23 ca-ignore-err 10,23",
);

# names of errors are younger than haproxy 2.6
sub outcomes
{
	my (@how) = @_;
	my %lines = map { @how && $lines{$_} =~ /X509/ ? () : ($_ => $lines{$_}) } keys %lines;
	my $p = start_proxy(defaults() . "frontend f\n" . join('', map
	    { "    bind {BIND:$_} ssl crt $site->{pem} ca-file $root->{crt} verify required $lines{$_}\n" }
	    sort keys %lines) . "    http-request return status 200\n", @how);
	my %r;

	for my $line (keys %lines) {
		for my $who (keys %client) {
			for my $v (qw(TLSv1_2 TLSv1_3)) {
				$r{"$line $who $v"} = https_get($p->addr($line), version => $v,
				    cert => $client{$who}, close => 1)->status;
			}
		}
	}
	stop_proxy($p);
	return \%r;
}

my %ignored = (leaf => [qw(crt crt_name crt_number both)], chain => [qw(ca ca_name both)]);
my $got = outcomes();
for my $line (sort keys %lines) {
	for my $v (qw(TLSv1_2 TLSv1_3)) {
		is($got->{"$line good $v"}, 200, "$line, $v: a good one");
		for my $who (qw(leaf chain)) {
			my $want = (grep { $_ eq $line } @{ $ignored{$who} }) ? 200 : 0;
			is($got->{"$line $who $v"}, $want, "$who is out of date");
		}
	}
}
SKIP: {
	my $bin = find_haproxy() or skip 'haproxy is not installed', 1;
	my $want = outcomes(bin => $bin);
	is($got->{$_}, $want->{$_}, "as haproxy: $_") for sort keys %$want;
}
done_testing();

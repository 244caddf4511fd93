# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# testssl.sh on what a bind line gives that says nothing but ssl and crt: no finding
# is worse than with Debian's haproxy and the same certificate. It takes minutes, so
# that TW_TESTSSL=1 has to ask for it; t/tls_defaults.t looks at the same by itself.
use Tideway::Test;
use Tideway::Compare;
use Tideway::TLS;

my ($testssl) = grep { -x } map { ("$_/testssl", "$_/testssl.sh") } split /:/, $ENV{PATH};
plan(skip_all => 'testssl.sh is not installed') unless $testssl;
plan(skip_all => 'it takes minutes: TW_TESTSSL=1') unless $ENV{TW_TESTSSL};
my $haproxy = find_haproxy() or plan(skip_all => 'haproxy is not installed');

alarm 1800;
my $dir = Tideway::Test::temp_dir();
my $ca = ca('Root');
my $site = cert('localhost', ca => $ca, type => 'rsa');
my @ranks = qw(OK INFO LOW MEDIUM HIGH CRITICAL);
my %rank = (map({ $ranks[$_] => $_ } 0 .. $#ranks), WARN => 1, DEBUG => 0, FATAL => 6);

# id => [severity, text]
sub findings
{
	my ($name, @how) = @_;
	my $p = start_proxy(defaults() . "frontend f\n    bind {BIND:a} ssl crt $site->{pem}\n"
	    . "    http-request return status 200\n", @how);
	my $file = "$dir/$name.csv";
	my $r = run_cmd({ bin => $testssl, secs => 800 }, '--quiet', '--color', 0, '--warnings', 'off',
	    '--csvfile', $file, '-p', '-s', '-f', '-P', '-S', '-U', $p->addr('a'));
	my %f;

	for (split /\n/, slurp($file) // '') {
		my ($id, undef, undef, $severity, $text) = /"([^"]*)"/g;
		$f{$id} = [$severity, $text] if exists $rank{ $severity // '' };
	}
	stop_proxy($p);
	return %f;
}

my %mine = findings('tideway');
my %theirs = findings('haproxy', bin => $haproxy);
cmp_ok(scalar(keys %mine), '>', 50, 'findings');
for my $id (sort keys %mine) {
	my ($m, $t) = ($mine{$id}, $theirs{$id} // ['OK', 'nothing']);

	ok($rank{ $m->[0] } <= $rank{ $t->[0] }, $id)
	    or diag "$m->[0] $m->[1]; haproxy: $t->[0] $t->[1]";
}
done_testing();

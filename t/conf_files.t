# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Every configuration the tree comes with passes its own check.
use Tideway::Test;

plan(skip_all => 'they are for tideway') unless is_tideway();

my %env = (DEMO_NAME => 'server1', DEMO_PORT => 8081, QS_SITE_PORT => 8080,
    QS_STATS_PORT => 8404, QS_SERVER1_PORT => 8081, QS_SERVER2_PORT => 8082);

for my $file (sort glob test_dir() . '/../conf/*.cfg') {
	my $r = run_cmd({ env => \%env }, '-c', '-f', $file);
	my ($name) = $file =~ m{([^/]+)$};

	is($r->{code}, 0, $name) or diag $r->{err};
	like($r->{out}, qr/^Configuration file is valid$/m, "$name: it says so");
	is($r->{err}, '', "$name: without a warning");
}

done_testing;

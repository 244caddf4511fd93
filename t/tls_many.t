# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Ten thousand certificates on one line: they are all there, each for its name, a
# wildcard between them and one in a crt-list, and a reload reads them again while
# clients are served.
use Tideway::Test;
use Tideway::Cli;
use Tideway::TLS;

alarm 400 * ($ENV{TW_TIME_SCALE} || 1);
my $N = $ENV{TW_MANY_CERTS} // (($ENV{TW_SANITIZER} // 'no') eq 'no' ? 10_000 : 1000);
my $dir = Tideway::Test::temp_dir();
my $ca = ca('Root');
my @names = map { sprintf 'h%05d.example', $_ } 1 .. $N;

many_certs($ca, "$dir/many", @names, '*.wild.example');
Tideway::Test::spew('list', join '', map { "$dir/many/$_.pem listed-$_ !$_\n" } @names[0 .. 99]);

my $conf = "global
    nbthread 2
    stats socket {DIR}/sock level admin
" . defaults('timeout client 60s') . "frontend f
    bind {BIND:a} ssl crt $dir/many
    bind {BIND:strict} ssl strict-sni crt $dir/many
    bind {BIND:list} ssl crt-list $dir/list
    http-request return status 200
";
my $p = start_proxy($conf);

sub shown { return s_client($p->addr($_[0]), sni => $_[1], ca => $ca)->{subject} // 'none' }
sub is_shown
{
	my ($bind, $name, $want) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is(shown($bind, $name), "CN = $want", "$bind: $name");
}

my @some = @names[0, 1, 99, $N / 2, $N - 2, $N - 1];
for my $bind (qw(a strict)) {
	is_shown($bind, $_, $_) for @some;
	is_shown($bind, uc $_, $_) for $some[3];
	is_shown($bind, 'x.wild.example', '*.wild.example');
}
is(shown('strict', 'h99999.example'), 'none', 'no other name');
is_shown('list', "listed-$names[7]", $names[7]);
my @files = grep { m{^\Q$dir\E/many/} } split /\n/, cli_ask("$p->{dir}/sock", 'show ssl cert');
is(scalar(@files), $N + 1, 'all are known');

my $c = tls_client($p->addr('a'), sni => $names[3], ca => $ca);
$p->signal('USR2');
my $n = 0;
until ($p->stderr =~ /Reloaded/) {
	$n++ if https_get($p->addr('a'), sni => $names[ $n % $N ], ca => $ca, close => 1)->status != 200;
	last if $n;
}
is($n, 0, 'clients are served while they are read again');
is(https_get($p->addr('a'), conn => $c)->status, 200, 'who was there goes on');
is_shown('a', $_, $_) for @some;
stop_proxy($p);
done_testing();

# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# bind ... nice: how much of a long answer passes before other connections have
# their turn, as a preloaded library (t/preload/turns.c) sees it.
use Tideway::Test;
use POSIX ();

plan skip_all => 'it looks into tideway' unless is_tideway();
plan skip_all => 'a sanitizer wants to be the first library' if ($ENV{TW_SANITIZER} // 'no') ne 'no'
    || run_cmd('-vv')->{out} =~ /\+SANITIZER/ || slurp(binary()) =~ /__[at]san_init/;
my $lib = Tideway::Test::temp_dir() . '/turns.so';
my $cc = run_cmd({ bin => '/bin/sh', secs => 60 }, '-c',
    "exec \${CC:-cc} -O2 -shared -fPIC -o $lib " . test_dir() . '/preload/turns.c -ldl');
plan skip_all => "no compiler: $cc->{err}" if $cc->{code} == 127;
is($cc->{code}, 0, 'the library compiles') or diag $cc->{err};

my $N = 8_000_000;
my $o = origin(name => 'o', respond => sub { response(200, 'x' x $N) });
my $file = spew('turns', "\0" x (65536 * 8));
my $p = start_proxy("global\n    nbthread 1\n    nosplice\n    tune.sndbuf.client 4m\n    tune.rcvbuf.server 4m\n" . defaults() . "
listen web
    bind {BIND:low} nice 1024
    bind {BIND:usual}
    bind {BIND:high} nice -1024
    server s ${\ $o->addr}
", env => { LD_PRELOAD => $lib, TW_TURNS_FILE => $file });

for my $fe (qw(low usual high)) {
	my $c = $p->client($fe);
	$c->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	is(length $c->read_response->body, $N, "$fe: the whole answer");
}
my @most = unpack 'Q65536', slurp($file);
my ($low, $usual, $high) = map { $most[$p->port($_)] } qw(low usual high);
cmp_ok($low, '>', 0, 'counted');
# each side may have an event, and so a turn, between two looks
cmp_ok($low, '<=', 2 * (64 + 32) << 10, 'nice 1024: 64 kB and the rest of a read are a turn');
cmp_ok($usual, '<=', 2 * (1024 + 32) << 10, '0: a megabyte');
cmp_ok($usual, '>', $low, 'more than that');
cmp_ok($high, '>', $low, 'nice -1024: more as well');
stop_proxy($p);

done_testing;

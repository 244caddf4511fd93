# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# A short run of every fuzz target over its corpus and variations of it. With
# libFuzzer (configure --enable-fuzzing) the variations follow coverage; a
# long run is then t/fuzz/fuzz_NAME -max_total_time=3600 DIR.
use strict;
use warnings;
use Cwd qw(abs_path getcwd);
use File::Temp qw(tempdir);
use FindBin;
use Test::More;

my $src   = $FindBin::Bin;
my $build = abs_path($ENV{builddir} // "$src/..");
my $runs  = $ENV{FUZZ_RUNS} // 20000;
my @names = map { m{fuzz/(fuzz_\w+)\.c$} } sort glob "$src/fuzz/fuzz_*.c";

# Built only with libmnl.
@names = grep { !/^fuzz_vrrp/ } @names unless -e "$build/modules/vrrp/libvrrp.la";
plan skip_all => 'no fuzz targets' unless @names;
for my $name (@names) {
    my $program = "$build/t/fuzz/$name";
    my $corpus  = "$src/fuzz/corpus/$name";
    ok(-x $program && -d $corpus, "$name is built and has a corpus") or next;
    my $tmp = tempdir(CLEANUP => 1);
    system 'cp', '-r', $corpus, "$tmp/corpus";
    system 'chmod', '-R', 'u+w', $tmp;
    my $dict = -e "$corpus.dict" ? "-dict=$corpus.dict" : '';
    my $cwd  = getcwd;
    chdir $tmp;
    my $out = `'$program' -runs=$runs -seed=1 -timeout=10 $dict corpus 2>&1`;
    is($?, 0, "$name: $runs variations")
      or diag(substr($out, -3000), map { "input: $_: " . `xxd '$_'` } glob 'crash-*');
    chdir $cwd;
}
done_testing;

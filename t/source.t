# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The tree's own rules, as far as a program sees them: contrib/dev/lint.sh,
# one test for each check, with what it found.
use strict;
use warnings;
use FindBin;
use Test::More;

my $lint = "$FindBin::Bin/../contrib/dev/lint.sh";
my %rule = (
    listed    => 'every source is compiled',
    spdx      => 'every source names its licence',
    length    => 'no file is too long',
    functions => 'no function is too long',
    width     => 'no line is too wide',
    spaces    => 'no line ends in blanks',
    includes  => 'modules include only public headers, base nothing above it',
    scripts   => 'the shell scripts parse',
);

# Each version of clang-format has its own opinion: the tree's is Debian 12's.
$rule{format} = 'the sources are formatted' if `clang-format --version 2>&1` =~ /version 14\./;

for my $check (sort keys %rule) {
    my $out = `'$lint' $check 2>&1`;
    ok($? == 0, $rule{$check}) or diag($out);
}

# A check that cannot fail is none: each fault below must be seen.
SKIP: {
    my $dir = $ENV{TMPDIR} // '/tmp';
    chomp(my $tmp = `mktemp -d '$dir/lint.XXXXXX'`);
    skip 'no scratch directory', 1 unless -d $tmp;
    system "mkdir -p '$tmp'/.ci '$tmp'/conf '$tmp'/contrib/dev '$tmp'/core '$tmp'/modules/a "
      . "'$tmp'/lua '$tmp'/t && cp '$lint' '$tmp'/contrib/dev/ && "
      . "touch '$tmp'/core/local.mk '$tmp'/modules/local.mk "
      . "'$tmp'/lua/local.mk '$tmp'/t/local.mk";
    my $body = "int x;\n" x 61;
    open my $f, '>', "$tmp/modules/a/b.c" or die $!;
    print $f '#include "base/x.h"', "\nint\nf(void)\n{\n$body}\n", 'x' x 97,
      " \n", "\n" x 800;
    close $f;
    for my $check (qw(listed spdx length functions width spaces includes)) {
        my $out = `'$tmp/contrib/dev/lint.sh' $check 2>&1`;
        ok($? != 0 && $out =~ /b\.c:\d+: /, "$check sees a fault")
          or diag($out);
    }
    system 'rm', '-rf', $tmp;
}

done_testing;

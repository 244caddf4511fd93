# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The module ABI is what modules were compiled against: the symbols that the
# program exports and the sizes and offsets of public structs. Both are listed in
# t/abi; a difference here means: raise TW_ABI_MINOR (something was added) or
# TW_ABI_MAJOR (something changed), then write the lists anew with
#   TW_ABI_UPDATE=1 prove t/abi.t
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use FindBin;
use Test::More;

my $src     = abs_path("$FindBin::Bin/..");
my $build   = abs_path($ENV{builddir} // $src);
my $program = $ENV{TIDEWAY} // "$build/tideway";
my $cc      = $ENV{CC} || 'cc';
plan skip_all => "no $program" unless -x $program;
plan skip_all => 'sanitizers export symbols of their own' if $ENV{TW_SANITIZER};

sub lines_of {
    my ($file) = @_;
    open my $fh, '<', $file or return;
    chomp(my @lines = <$fh>);
    return @lines;
}

sub compare {
    my ($file, $what, @now) = @_;
    if ($ENV{TW_ABI_UPDATE}) {
        open my $fh, '>', $file or die "$file: $!";
        print $fh "$_\n" for @now;
        close $fh;
    }
    my @then = lines_of($file);
    my %then = map { $_ => 1 } @then;
    my %now  = map { $_ => 1 } @now;
    is_deeply([sort grep { !$now{$_} } @then], [], "$what: nothing is gone or changed");
    is_deeply([sort grep { !$then{$_} } @now], [], "$what: nothing is new");
}

my %seen;
my @symbols = sort grep { !$seen{$_}++ }
    map { /\s[TDBR]\s+(tw_\w+)$/ ? $1 : () } `nm -D --defined-only '$program'`;
ok(@symbols > 50, 'the program exports its API');
my @private = grep { /^tw__/ } @symbols;
is_deeply(\@private, [], 'no private symbol is exported');
compare("$src/t/abi/symbols", 'exported symbols', @symbols);

# Every struct of the public headers that is defined there, with its fields.
my (%fields, @order);
for my $header (sort glob "$src/core/tideway/*.h") {
    open my $fh, '<', $header or die "$header: $!";
    my $text = do { local $/; <$fh> };
    $text =~ s{/\*.*?\*/}{}gs;
    push @order, $1 while $text =~ /^struct (tw_\w+) \{/gm;
}
my $dir = tempdir(CLEANUP => 1);
open my $c, '>', "$dir/sizes.c" or die;
print $c "#include <stdio.h>\n";
print $c "#include <tideway/$_>\n" for map { m{([^/]+)$} } sort glob "$src/core/tideway/*.h";
print $c "int main(void) {\n";
print $c "printf(\"struct $_ %zu\\n\", sizeof(struct $_));\n" for sort @order;
print $c "printf(\"abi %d.%d\\n\", TW_ABI_MAJOR, TW_ABI_MINOR);\nreturn 0; }\n";
close $c;
is(system("$cc -std=gnu11 -D_GNU_SOURCE -I$src/core -o $dir/sizes $dir/sizes.c"), 0,
    'the public headers compile together');
chomp(my @sizes = `$dir/sizes`);
compare("$src/t/abi/sizes", 'struct sizes', @sizes);
done_testing;

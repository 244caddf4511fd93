# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The ABI is what is written down in t/abi: the symbols that the program
# exports to modules, and the sizes and fields' offsets of the public structs
# (of x86-64). When this fails, decide: undo the change, or raise TW_ABI_MINOR
# (something was added) or TW_ABI_MAJOR (something changed) in abi.h and write
# the lists anew: TW_ABI_WRITE=1 make check T=t/abi.t
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use FindBin;
use Test::More;

my $src = abs_path("$FindBin::Bin/..");
my $build = abs_path($ENV{builddir} // $src);
my $program = $ENV{TIDEWAY} // "$build/tideway";
my $cc = $ENV{CC} // 'cc';

plan skip_all => 'not in a build tree' unless -x $program;
plan skip_all => 'the lists are of x86-64' unless `uname -m` =~ /x86_64/;

my $tmp = tempdir(CLEANUP => 1);

sub slurp
{
	open my $fh, '<', $_[0] or return '';
	local $/;
	return <$fh> // '';
}

sub spew
{
	open my $fh, '>', $_[0] or die "$_[0]: $!";
	print $fh $_[1];
	close $fh or die "$_[0]: $!";
}

# the tw_ symbols that a module can link with
sub symbols
{
	return join '', sort map { /\s[A-Z] (tw_\w+)$/ ? "$1\n" : () }
	    `nm -D --defined-only '$program'`;
}

# "struct NAME SIZE" and "  FIELD OFFSET" for each struct the headers show
sub structs
{
	my (%seen, @calls);

	for my $header (sort glob "$src/core/tideway/*.h") {
		my $text = slurp($header);
		$text =~ s{/\*.*?\*/}{}gs;
		$text =~ s{^#(?:.*\\\n)*.*}{}gm;
		while ($text =~ /^struct (tw_\w+) (\{(?:[^{}]++|(?2))*\})\s*;/gm) {
			my ($name, $body) = ($1, $2);
			next if $seen{$name}++;
			push @calls, "\tSIZE($name);\n",
			    map { "\tFIELD($name, $_);\n" } fields($body);
		}
	}
	my $includes = join '', map { "#include <tideway/$_>\n" }
	    map { m{([^/]+\.h)$} } sort glob "$src/core/tideway/*.h";
	spew("$tmp/structs.c", <<"END" . join('', @calls) . "\treturn 0;\n}\n");
#include <stdio.h>
$includes
#define SIZE(s) printf("struct %s %zu\\n", #s, sizeof(struct s))
#define FIELD(s, f) printf("  %s %zu\\n", #f, offsetof(struct s, f))
int main(void)
{
END
	my $out = `$cc -std=gnu11 -I'$src/core' '$tmp/structs.c' -o '$tmp/structs' 2>&1`;
	is($?, 0, 'the public headers show their structs') or diag($out);
	return scalar `'$tmp/structs'`;
}

# the outermost members' names; bit-fields have no offset
sub fields
{
	my ($body) = @_;
	my @names;

	$body =~ s/^\{|\}$//g;
	1 while $body =~ s/(\{(?:[^{}]++|(?1))*\})//s;
	for my $member (split /;/, $body) {
		if ($member =~ /\(\s*\*\s*(?:const\s+)?(\w+)\s*\)\s*\(/) {
			push @names, $1;
			next;
		}
		$member =~ s/__attribute__\s*\(\(.*?\)\)//gs;
		$member =~ s/\[[^\]]*\]//g;
		next if $member =~ /:/;
		for my $part (split /,/, $member) {
			push @names, $1 if $part =~ /(\w+)\s*$/;
		}
	}
	return @names;
}

for (['symbols', symbols()], ['structs', structs()]) {
	my ($name, $now) = @$_;
	my $file = "$src/t/abi/$name";

	spew($file, $now) if $ENV{TW_ABI_WRITE};
	cmp_ok(length $now, '>', 100, "there are $name");
	is($now, slurp($file), "the $name are those in t/abi/$name") or do {
		spew("$tmp/now", $now);
		diag(`diff -u '$file' '$tmp/now'`);
	};
}

my ($major) = slurp("$src/core/tideway/abi.h") =~ /TW_ABI_MAJOR (\d+)/;
my ($minor) = slurp("$src/core/tideway/abi.h") =~ /TW_ABI_MINOR (\d+)/;
spew("$src/t/abi/version", "$major.$minor\n") if $ENV{TW_ABI_WRITE};
is("$major.$minor\n", slurp("$src/t/abi/version"),
    'the lists were written for this version');

done_testing;

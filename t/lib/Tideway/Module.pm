# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Small modules made by a test: a C text around a descriptor, compiled against
# the public headers, and a module directory of the test's own that holds the
# tree's modules and whatever the test drops in.
package Tideway::Module;
use strict;
use warnings;
use Exporter 'import';
use Tideway::Test;

our @EXPORT = qw(can_compile compile_module module_dir module_source with_modules);

my $cc = $ENV{CC} || 'cc';
my $include = ($ENV{srcdir} // test_dir() . '/..') . '/core';

sub can_compile
{
	return run_cmd({ bin => '/bin/sh' }, '-c', "$cc --version")->{code} == 0
	    && -f "$include/tideway/module.h";
}

# where the tree's own modules are
sub tree_dir { $ENV{TIDEWAY_MODULE_PATH} // '' }

# a new directory with the tree's modules, without those named
sub module_dir
{
	my (@without) = @_;
	my $dir = Tideway::Test::temp_dir() . '/modules' . ++$Tideway::Proxy::N;

	mkdir $dir or die "$dir: $!";
	for my $so (glob tree_dir() . '/*.so') {
		my ($name) = $so =~ m{([^/]+)\.so$};
		next if grep { $_ eq $name } @without;
		symlink $so, "$dir/$name.so" or die "symlink: $!";
	}
	return $dir;
}

# a module of this name; fields is C for the descriptor, code goes before it
sub module_source
{
	my ($name, $fields, $code) = @_;

	$code //= '';
	return "#include <stddef.h>\n#include <tideway/module.h>\n$code\n"
	    . "TW_API extern const struct tw_module tideway_module;\n"
	    . "const struct tw_module tideway_module = { TW_MODULE_HEAD,\n"
	    . ".name = \"$name\", .version = \"1\", .summary = \"a test\",\n"
	    . "$fields };\n";
}

# compiles source to dir/name.so; dies with what the compiler says
sub compile_module
{
	my ($dir, $name, $source, @flags) = @_;
	my $c = spew("$dir/$name.c", $source);
	my $r = run_cmd({ bin => '/bin/sh' }, '-c', "exec $cc \"\$@\"", 'cc',
	    '-shared', '-fPIC', '-fvisibility=hidden', '-D_GNU_SOURCE',
	    "-I$include", @flags, '-o', "$dir/$name.so", $c);

	unlink $c;
	die "$name: $r->{err}" if $r->{code};
	return "$dir/$name.so";
}

# runs the program with that module directory
sub with_modules
{
	my ($dir, @args) = @_;
	my $r = run_cmd({ env => { TIDEWAY_MODULE_PATH => $dir } }, @args);

	$r->{all} = $r->{out} . $r->{err};
	return $r;
}

1;

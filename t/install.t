# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What make install puts where, what a second one leaves alone, what
# make uninstall takes away; and that each public header stands by itself.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Find;
use File::Temp qw(tempdir);
use FindBin;
use Test::More;

my $build = abs_path($ENV{builddir} // "$FindBin::Bin/..");
my $make = $ENV{MAKE} // 'make';
my $cc = $ENV{CC} // 'cc';

plan skip_all => 'not in a build tree' unless -e "$build/config.status";

my $root = tempdir(CLEANUP => 1);
# the outer make's job server is not ours
delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL)};

sub make
{
	my ($target) = @_;
	my $out = `'$make' -s -C '$build' $target DESTDIR='$root' 2>&1`;

	is($?, 0, "make $target") or diag($out);
}

sub installed
{
	my @found;

	find({ no_chdir => 1, wanted => sub {
		push @found, substr $_, length $root if -f || -l;
	} }, $root);
	return sort @found;
}

sub slurp
{
	open my $fh, '<', $_[0] or return '';
	local $/;
	return <$fh>;
}

make('install');
my @files = installed();
my $list = join "\n", @files, '';
like($list, qr{/sbin/tideway$}m, 'the program');
like($list, qr{/lib\S*/tideway/modules/$_\.so$}m, "the module $_")
    for qw(http balance cookie healthcheck stats);
unlike($list, qr{\.l?a$}m, 'and no leftovers of libtool');
unlike($list, qr{/modules/skeleton\.so$}m, 'the skeleton is not loaded');
like($list, qr{/skeleton/skeleton_mod\.c$}m, 'but its source is there');
like($list, qr{/include/tideway/$_\.h$}m, "the header $_.h")
    for qw(abi conf hook module req);
like($list, qr{/pkgconfig/tideway\.pc$}m, 'tideway.pc');
like($list, qr{/man1/tideway\.1$}m, 'tideway(1)');
like($list, qr{/man5/tideway\.cfg\.5$}m, 'tideway.cfg(5)');
like($list, qr{/logrotate\.d/tideway$}m, 'the logrotate snippet');
like($list, qr{/rsyslog\.d/tideway\.conf$}m, 'the rsyslog snippet');

my ($conf) = grep { m{/etc/tideway/tideway\.cfg$} } @files;
ok(defined $conf, 'the default configuration');
my ($unit) = grep { m{tideway\.service$} } @files;
SKIP: {
	skip 'configured without systemd', 2 unless defined $unit;
	my $text = slurp("$root$unit");
	like($text, qr{^Type=notify$}m, 'the unit notifies');
	unlike($text, qr{\@\w+\@|\$\{prefix\}}, 'and its paths are filled in');
}

# modules show one symbol
for my $so (grep { m{/modules/[^/]+\.so$} } @files) {
	my @symbols = map { (split)[-1] } grep { / [A-Z] / }
	    `nm -D --defined-only '$root$so'`;
	# what a sanitizer adds is not ours
	@symbols = grep { !/^_|san|^sancov/ } @symbols;
	is("@symbols", 'tideway_module', "$so exports only its descriptor");
}

# each header alone, as a stranger's first include
for my $h (grep { m{/include/tideway/.*\.h$} } @files) {
	my ($include, $name) = $h =~ m{^(.*)/(tideway/.*)$};
	my $out = `printf '#include <$name>\\n' |
	    $cc -std=gnu11 -Wall -Wextra -Werror -fsyntax-only -I'$root$include' -xc - 2>&1`;
	is($?, 0, "<$name> compiles alone") or diag($out);
}

# a second installation keeps the administrator's file
open my $fh, '>>', "$root$conf" or die $!;
print $fh "# mine\n";
close $fh or die $!;
make('install');
like(slurp("$root$conf"), qr/^# mine$/m, 'a changed configuration is kept');
make('uninstall');
is(join("\n", installed()), $conf, 'uninstall leaves what is the user\'s');
unlink "$root$conf";
make('install');
make('uninstall');
is(join("\n", installed()), '', 'and nothing of ours');

done_testing;

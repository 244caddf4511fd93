# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# A kernel that has what the machine's own lacks: the test runs once more in
# user-mode Linux (Debian: user-mode-linux), as root over the same files, with a
# loopback interface and nothing else.
#
#   uml_or_skip(has => \&has_kernel_tls, modules => [...]);
#
# goes on when `has` is true here; else runs the test there and ends with its
# result; or skips it all.
package Tideway::Uml;
use strict;
use warnings;
use Cwd qw(abs_path);
use Exporter 'import';
use File::Temp qw(tempdir);
use POSIX ();
use Socket qw(AF_INET SOCK_STREAM IPPROTO_TCP);
use Test::More ();

our @EXPORT = qw(uml_or_skip has_kernel_tls);

use constant { TCP_ULP => 31, PATIENCE_S => 300 * ($ENV{TW_TIME_SCALE} || 1) };

my @INIT_ENV = grep { !/^(?:PWD|OLDPWD|SHLVL|_|TMPDIR)$/ } sort keys %ENV;

# Of a socket that is not connected the kernel says ENOTCONN, if it has it.
sub has_kernel_tls
{
	socket my $s, AF_INET, SOCK_STREAM, IPPROTO_TCP or return 0;
	setsockopt $s, IPPROTO_TCP, TCP_ULP, "tls\0";
	return !$!{ENOENT};
}

sub _find
{
	my ($name) = @_;

	return (grep { -x } map { "$_/$name" } split /:/, $ENV{PATH})[0];
}

sub _quote { return "'" . $_[0] =~ s/(['\\])/\\$1/gr . "'" }

# What the kernel runs first, and which must not end before it.
sub _init
{
	my ($dir, $cwd, $modules, @cmd) = @_;
	my ($ko, $command) = map { join ', ', map { _quote($_) } @$_ } $modules, \@cmd;
	my $env = join '', map { '$ENV{' . _quote($_) . '} = ' . _quote($ENV{$_}) . ";\n" } @INIT_ENV;

	return "#!$^X\n$env" . <<'HEAD' . <<"BODY";
sub done
{
	syscall 169, 0xfee1dead, 672274793, 0x4321fedc, 0; # reboot: off
}
HEAD
system 'mount -t proc proc /proc; mount -t sysfs sys /sys; mkdir -p /dev/shm;'
    . 'mount -t tmpfs tmp /dev/shm; mount -t tmpfs run /run; ip link set lo up';
\$ENV{TMPDIR} = '/dev/shm';
\$ENV{TW_IN_UML} = 1;
for my \$file ($ko) {
	open my \$fh, '<', \$file or next;
	syscall 313, fileno \$fh, my \$none = '', 0; # finit_module
}
chdir ${\ _quote($cwd)};
if (my \$pid = fork) {
	while ((my \$gone = wait) != -1) {
		next if \$gone != \$pid;
		open my \$rc, '>', '$dir/rc';
		print \$rc \$?;
		close \$rc;
		done();
	}
	done();
}
open STDOUT, '>', '$dir/out';
open STDERR, '>&', \\*STDOUT;
exec $command;
BODY
}

sub _boot
{
	my ($uml, $dir) = @_;
	my $pid = fork // return;

	if ($pid == 0) {
		open STDIN, '<', '/dev/null';
		open STDOUT, '>', "$dir/console";
		open STDERR, '>&', \*STDOUT;
		{ exec $uml, 'root=/dev/root', 'rootfstype=hostfs', 'rootflags=/', 'rw',
		    'mem=1G', 'con=null', 'con0=fd:0,fd:1', "uml_dir=$dir",
		    "init=$dir/init" }
		POSIX::_exit(127);
	}
	local $SIG{ALRM} = sub { kill 'KILL', $pid };
	alarm PATIENCE_S;
	waitpid $pid, 0;
	alarm 0;
}

sub _slurp
{
	open my $fh, '<', $_[0] or return;
	local $/;
	return <$fh>;
}

sub _run
{
	my ($uml, $modules) = @_;
	my $dir = tempdir('tideway-uml-XXXXXX', TMPDIR => 1, CLEANUP => 1);

	open my $fh, '>', "$dir/init" or die "$dir: $!";
	print $fh _init($dir, Cwd::getcwd(), $modules, $^X, (map { "-I$_" } grep { !ref } @INC), abs_path($0));
	close $fh;
	chmod 0755, "$dir/init";
	_boot($uml, $dir);
	my $rc = _slurp("$dir/rc");
	my $out = _slurp("$dir/out") // '';
	my @console = split /\n/, _slurp("$dir/console") // '';
	Test::More::plan(skip_all => 'user-mode Linux does not boot here: ' . ($console[-1] // 'no word'))
	    unless -e "$dir/out";
	print STDERR "# it ended early:\n", map { "# $_\n" }
	    splice @console, -20 unless defined $rc;
	syswrite STDOUT, $out;
	return defined $rc ? $rc >> 8 || $rc & 127 : 1;
}

sub uml_or_skip
{
	my (%o) = @_;
	my $uml = _find('linux.uml');
	my ($lib) = glob '/usr/lib/uml/modules/*/kernel';

	return if $o{has}->();
	Test::More::plan(skip_all => 'neither this kernel nor user-mode Linux has it')
	    if $ENV{TW_IN_UML} || !$uml || !$lib;
	Test::More::plan(skip_all => 'user-mode Linux is to be root') if $>;
	my $rc = _run($uml, [map { "$lib/$_.ko" } @{ $o{modules} }]);
	Test::More->builder->no_ending(1);
	exit $rc;
}

1;

# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What a .t file needs: use Tideway::Test gives it strict, warnings,
# Test::More and the helpers below. TIDEWAY names the program under test; with
# HAProxy there, everything that is common to both must pass just so.
package Tideway::Test;
use strict;
use warnings;
use Cwd qw(abs_path);
use Exporter 'import';
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use POSIX qw(WNOHANG);
use Test::More;
use Time::HiRes qw(time);
use Tideway::Origin;
use Tideway::Proxy;
use Tideway::Syslog;

our @EXPORT = (@Test::More::EXPORT, qw(start_proxy stop_proxy check_config
    origin listener response syslog_unix syslog_udp run_cmd is_tideway
    binary test_dir spew slurp wait_until defaults url_get time));

my ($bin, $dir, $is_tideway, $owner);
my $t_dir = dirname(dirname(dirname(abs_path(__FILE__))));

sub _find_binary
{
	return abs_path($ENV{TIDEWAY}) // $ENV{TIDEWAY} if $ENV{TIDEWAY};
	for my $try ('./tideway', '../tideway', "$t_dir/../tideway") {
		return abs_path($try) if -x $try && -f _;
	}
	plan(skip_all => 'no tideway here: build it or set TIDEWAY');
}

BEGIN {
	$SIG{PIPE} = 'IGNORE';
	$owner = $$;
}

$SIG{ALRM} = sub { die "the whole test took too long\n" };
$SIG{TERM} = $SIG{INT} = sub { die "stopped by a signal\n" };
alarm 90 * ($ENV{TW_TIME_SCALE} || 1);
$dir = tempdir('tideway-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $dir;
$bin = _find_binary();

# strict and warnings for the test file too
sub import_pragmas
{
	strict->import;
	warnings->import;
}

{
	no warnings 'redefine';
	my $exporter = \&Exporter::import;
	*import = sub {
		import_pragmas();
		goto &$exporter;
	};
}

sub binary { $bin }
sub test_dir { $t_dir }
sub temp_dir { $dir }

# false when HAProxy stands in
sub is_tideway
{
	$is_tideway //= run_cmd('-v')->{out} =~ /tideway/i ? 1 : 0;
	return $is_tideway;
}

sub spew
{
	my ($name, $text) = @_;
	my $path = $name =~ m{^/} ? $name : "$dir/$name";

	open my $fh, '>:raw', $path or die "$path: $!";
	print $fh $text;
	close $fh or die;
	return $path;
}

sub slurp { Tideway::Proxy::_slurp($_[0]) }

sub wait_until(&;$)
{
	my ($test, $secs) = @_;
	my $end = time + ($secs // $Tideway::Peer::DEADLINE);

	while (1) {
		my $r = $test->();
		return $r if $r;
		return $r if time > $end;
		select undef, undef, undef, 0.01;
	}
}

# a defaults section that most tests can use
sub defaults
{
	my (@more) = @_;

	return join "\n    ", "defaults\n    mode http",
	    'timeout connect 5s', 'timeout client 5s', 'timeout server 5s',
	    @more, "\n";
}

sub start_proxy
{
	my ($text, %opt) = @_;

	return Tideway::Proxy->new($text, bin => $bin, dir => $dir, %opt);
}

# stops it and makes a test of how it ended
sub stop_proxy
{
	my ($proxy) = @_;
	my $bad = $proxy->stop;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	ok($bad eq '', 'the proxy stopped cleanly') or diag($bad);
}

sub origin { Tideway::Origin->new(dir => $dir, @_) }
sub listener { Tideway::Listener->new(@_) }
sub syslog_unix { Tideway::Syslog->new_unix($dir) }
sub syslog_udp { Tideway::Syslog->new_udp($dir) }

# response(200, body, 'Name: value', ...): bytes with a Content-Length
sub response
{
	my ($status, $body, @headers) = @_;

	$body //= '';
	return "HTTP/1.1 $status X\r\n"
	    . join('', map { "$_\r\n" } @headers)
	    . "Content-Length: " . length($body) . "\r\n\r\n$body";
}

# runs the program: { code, signal, out, err }; options in a leading hash:
# env, stdin, secs, bin
sub run_cmd
{
	my $opt = ref $_[0] ? shift : {};
	my @cmd = ($opt->{bin} // $bin, @_);
	my $pre = "$dir/run" . ++$Tideway::Proxy::N;

	spew("$pre.in", $opt->{stdin} // '');
	my $pid = fork // die "fork: $!";
	if ($pid == 0) {
		open STDIN, '<', "$pre.in";
		open STDOUT, '>', "$pre.out";
		open STDERR, '>', "$pre.err";
		for my $k (keys %{ $opt->{env} // {} }) {
			$ENV{$k} = $opt->{env}{$k};
		}
		exec { $cmd[0] } @cmd or POSIX::_exit(127);
	}
	my $status;
	wait_until {
		waitpid($pid, WNOHANG) == $pid or return 0;
		$status = $?;
		return 1;
	} $opt->{secs} // 4 * $Tideway::Peer::DEADLINE;
	unless (defined $status) {
		kill 'KILL', $pid;
		waitpid $pid, 0;
		$status = $?;
	}
	return { code => $status >> 8, signal => $status & 127,
	    out => slurp("$pre.out"), err => slurp("$pre.err") };
}

# -c on a text: run_cmd's result plus {all}, {sane}
sub check_config
{
	my ($text, @args) = @_;
	my $path = spew('check.cfg', $text);
	my $r = run_cmd('-c', @args, '-f', $path);

	$r->{all} = $r->{out} . $r->{err};
	$r->{sane} = !$r->{signal} && $r->{code} <= 1
	    && $r->{all} !~ /Sanitizer|:\d+: runtime error:/;
	return $r;
}

# a proxy or an origin left behind by a test that died
END {
	if ($$ == ($owner // 0)) {
		my $status = $?;
		for my $proxy (@Tideway::Proxy::RUNNING) {
			my $bad = $proxy->stop;
			next if $bad eq '';
			diag("the proxy did not end well: $bad");
			$status ||= 1;
		}
		$? = $status;
	}
}

1;

# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What the statistics of a proxy say of its health checks: its listener `stats` has
# them at /s, and each backend that is looked at has one server `s`.
package Tideway::Checks;
use strict;
use warnings;
use Exporter 'import';
use Tideway::Test ();

our @EXPORT = qw(check_rows check_reports);

# returns: backend => "status | check_status | check_code | last_chk" of those that
# have been checked.
sub check_rows
{
	my ($p) = @_;
	my @l = split /\n/, $p->get('stats', '/s;csv')->body;
	my @names = split /,/, shift(@l) =~ s/^# //r;
	my %of;

	for (@l) {
		my @v = split /,/, $_, -1;
		my %r = map { $names[$_] => $v[$_] } 0 .. $#names;
		# while a check runs, HAProxy shows only a part of the last result
		next if $r{check_status} =~ /^(?:\*.*|INI)?$/;
		$of{ $r{pxname} } = join ' | ', @r{qw(status check_status check_code last_chk)}
		    if $r{svname} eq 's';
	}
	return %of;
}

# The same when n backends have been checked: the first result of each.
sub check_reports
{
	my ($p, $n) = @_;
	my %of;

	Test::More::ok(Tideway::Test::wait_until(
	    sub { %of = (check_rows($p), %of); keys %of == $n }, 60), 'all are checked');
	return %of;
}

1;

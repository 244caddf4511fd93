# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Sessions with a control socket, ours or HAProxy's.
package Tideway::Cli;
use strict;
use warnings;
use Exporter 'import';
use IO::Select;
use Time::HiRes qw(time);

our @EXPORT = qw(answer);

# all that comes until the peer closes ("[end]" is added then), or until what
# was asked for is there
sub answer
{
	my ($s, $until) = @_;
	my ($got, $end) = ('', time + 10);

	while (time < $end) {
		last if defined $until && $got =~ $until;
		next unless IO::Select->new($s)->can_read(0.2);
		$s->sysread($got, 65536, length $got) or return $got . '[end]';
	}
	return $got;
}

1;

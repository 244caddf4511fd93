# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Sessions with a control socket, ours or HAProxy's.
package Tideway::Cli;
use strict;
use warnings;
use Exporter 'import';
use IO::Select;
use IO::Socket::UNIX;
use Time::HiRes qw(time);

our @EXPORT = qw(answer cli_ask cli_stat);

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

# one line's whole answer; the master waits for the end of what it is sent
sub cli_ask
{
	my ($path, $line, $is_master) = @_;
	my $s = IO::Socket::UNIX->new(Peer => $path) or return "no connection: $!";

	$s->syswrite("$line\n");
	$s->shutdown(1) if $is_master;
	return answer($s) =~ s/\[end\]\z//r;
}

# a column of `show stat`, by the name in its first line; server: "backend/server"
sub cli_stat
{
	my ($path, $name, $server) = @_;
	my ($head, @rows) = split /\n/, cli_ask($path, 'show stat');
	my @names = split /,/, $head =~ s/^# //r;

	for (@rows) {
		my %f;
		@f{@names} = split /,/, $_, -1;
		return $f{$name} if "$f{pxname}/$f{svname}" eq $server;
	}
	return 'no such row';
}

1;

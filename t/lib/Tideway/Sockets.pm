# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# A look at the sockets of another process: its descriptors are borrowed with
# pidfd_getfd (Linux 5.6, and the right to trace it), so that getsockopt can be
# asked on them.
package Tideway::Sockets;
use strict;
use warnings;
use Exporter 'import';
use IO::Socket::IP;
use Socket qw(:all);

our @EXPORT = qw(sockets_of can_borrow sockopt);

sub _borrow
{
	my ($pid, $fd) = @_;
	my $pidfd = syscall(434, $pid + 0, 0);
	return if $pidfd < 0;
	my $copy = syscall(438, $pidfd, $fd + 0, 0);
	POSIX::close($pidfd);
	return if $copy < 0;
	open my $fh, '+<&=', $copy or return;
	return $fh;
}

sub can_borrow { my $fh = _borrow($$, 0); return defined $fh }

# the port and the family of a packed address
sub _port
{
	my ($sa) = @_;
	my $family = defined $sa && length $sa >= 2 ? sockaddr_family($sa) : 0;

	return (sockaddr_in($sa))[0] if $family == AF_INET;
	return (sockaddr_in6($sa))[0] if $family == AF_INET6;
	return 0;
}

# listening sockets on a port: sockets_of($pid, listen => $port); connections
# from or to one: local => $port, peer => $port
sub sockets_of
{
	my ($pid, %want) = @_;
	my @found;

	opendir my $dh, "/proc/$pid/fd" or return;
	for my $fd (grep { /^\d+$/ } readdir $dh) {
		(readlink "/proc/$pid/fd/$fd" // '') =~ /^socket:/ or next;
		my $fh = _borrow($pid, $fd) or next;
		my $listens = unpack 'i', getsockopt($fh, SOL_SOCKET, SO_ACCEPTCONN) // pack 'i', 0;
		my ($here, $there) = map { _port($_) } getsockname($fh), getpeername($fh);
		push @found, $fh if $listens && $here == ($want{listen} // -1);
		push @found, $fh if !$listens
		    && ($here == ($want{local} // -1) || $there == ($want{peer} // -1));
	}
	return @found;
}

# an option as a number
sub sockopt
{
	my ($fh, $level, $name) = @_;

	return unpack 'i', getsockopt($fh, $level, $name) // return undef;
}

1;

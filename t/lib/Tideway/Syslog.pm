# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Syslog receivers for tests, as a unix datagram socket or a UDP port, and the
# parsers for the lines that HAProxy's log formats produce.
package Tideway::Syslog;
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Socket qw(:all);
use Time::HiRes qw(time);
use Tideway::Peer;

our $N = 0;

sub new_unix
{
	my ($class, $dir) = @_;
	my $path = "$dir/log" . ++$N;
	my $sock = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $path)
	    or die "$path: $!";

	return $class->_start($sock, $path, "$path.txt");
}

sub new_udp
{
	my ($class, $dir) = @_;
	my $sock = IO::Socket::INET->new(Proto => 'udp',
	    LocalAddr => '127.0.0.1') or die "udp: $@";

	return $class->_start($sock, '127.0.0.1:' . $sock->sockport,
	    "$dir/log" . ++$N . '.txt');
}

# A process of its own empties the socket into a file: the kernel keeps only
# ten datagrams for a unix socket, and the test is busy with other things.
sub _start
{
	my ($class, $sock, $addr, $file) = @_;
	my $test = $$;
	my $pid = fork // die "fork: $!";

	if ($pid == 0) {
		$SIG{$_} = 'DEFAULT' for qw(TERM INT);
		open my $out, '>', $file or POSIX::_exit(1);
		my $select = IO::Select->new($sock);
		while (getppid == $test) {
			$select->can_read(1) or next;
			defined recv $sock, my $line, 65536, 0 or next;
			syswrite $out, pack('N', length $line) . $line;
		}
		POSIX::_exit(0);
	}
	return bless { addr => $addr, file => $file, pid => $pid, off => 0,
	    owner => $test }, $class;
}

sub addr { $_[0]{addr} }

# a receiver that no longer reads, and one that reads again
sub hold { kill 'STOP', $_[0]{pid} }
sub release { kill 'CONT', $_[0]{pid} }

sub DESTROY
{
	my ($self) = @_;
	local ($?, $!);

	return if $self->{owner} != $$;
	kill 'KILL', $self->{pid};
	waitpid $self->{pid}, 0;
}

sub _read_one
{
	my ($self) = @_;

	open my $fh, '<:raw', $self->{file} or return undef;
	seek $fh, $self->{off}, 0;
	return undef if (read $fh, my $head, 4) != 4;
	my $len = unpack 'N', $head;
	return undef if (read $fh, my $line, $len) != $len;
	$self->{off} += 4 + $len;
	return $line;
}

# the next datagram as it came, undef after the deadline
sub next_raw
{
	my ($self, $secs) = @_;
	my $end = time + ($secs // $Tideway::Peer::DEADLINE);

	while (1) {
		my $line = $self->_read_one;
		return $line if defined $line;
		return undef if time >= $end;
		select undef, undef, undef, 0.003;
	}
}

# the next line as { raw, pri, date, tag, pid, msg }
sub next_line
{
	my ($self, $secs) = @_;
	my $raw = $self->next_raw($secs) // return undef;
	my %l = (raw => $raw);

	if ($raw =~ /^<(\d+)>(\w{3} [ \d]\d [\d:]{8}) (?:(\S+) )?([^\s\[:]+)(?:\[(\d+)\])?: (.*)$/s) {
		@l{qw(pri date host tag pid msg)} = ($1, $2, $3, $4, $5, $6);
		$l{msg} =~ s/\n\z//;
	}
	return \%l;
}

# the next line whose message matches; what comes before is dropped
sub next_match
{
	my ($self, $re, $secs) = @_;
	my $end = time + ($secs // $Tideway::Peer::DEADLINE);

	while ((my $left = $end - time) > 0) {
		my $l = $self->next_line($left) // return undef;
		return $l if ($l->{msg} // $l->{raw}) =~ $re;
	}
	return undef;
}

# the next HTTP log line, parsed
sub next_http
{
	my ($self, $secs) = @_;
	my $l = $self->next_match(qr/"[^"]*"?$/, $secs) // return undef;

	return parse_http($l->{msg});
}

sub next_tcp
{
	my ($self, $secs) = @_;
	my $l = $self->next_match(qr{ [-\d]+/[-\d]+/\+?\d+ \+?\d+ .. }, $secs)
	    // return undef;

	return parse_tcp($l->{msg});
}

# option httplog, as section 8.2.3 of HAProxy's manual has it
sub parse_http
{
	my ($msg) = @_;
	my %r = (msg => $msg);

	$msg =~ m{^(\S+):(\d+)\ \[([^\]]+)\]\ (\S+)\ ([^/\s]+)/(\S+)\ 
	    (-?\d+)/(-?\d+)/(-?\d+)/(-?\d+)/(\+?\d+)\ 
	    (-?\d+)\ (\+?\d+)\ (\S+)\ (\S+)\ (\S{4})\ 
	    (\d+)/(\d+)/(\d+)/(\d+)/(\+?\d+)\ (\d+)/(\d+)\ 
	    (?:\{(.*?)\}\ )?(?:\{(.*?)\}\ )?"(.*)"$}x
	    or return \%r;
	@r{qw(ip port date frontend backend server
	    tR tw tc tr ta status bytes ccookie scookie flags
	    actconn feconn beconn srvconn retries srvq beq
	    cap_req cap_res request)} =
	    ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,
	    $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26);
	return \%r;
}

# option tcplog, section 8.2.2
sub parse_tcp
{
	my ($msg) = @_;
	my %r = (msg => $msg);

	$msg =~ m{^(\S+):(\d+)\ \[([^\]]+)\]\ (\S+)\ ([^/\s]+)/(\S+)\ 
	    (-?\d+)/(-?\d+)/(\+?\d+)\ (\+?\d+)\ (\S{2})\ 
	    (\d+)/(\d+)/(\d+)/(\d+)/(\+?\d+)\ (\d+)/(\d+)$}x
	    or return \%r;
	@r{qw(ip port date frontend backend server tw tc tt bytes flags
	    actconn feconn beconn srvconn retries srvq beq)} =
	    ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,
	    $15, $16, $17, $18);
	return \%r;
}

1;

# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# One raw connection, seen from either end: a client of the proxy, or a
# connection the proxy opened to a listener of the test. Everything has a
# deadline; nothing sleeps. Bytes go out exactly as given.
package Tideway::Peer;
use strict;
use warnings;
use Errno qw(EAGAIN EINTR EINPROGRESS);
use IO::Select;
use Socket qw(:all);
use Time::HiRes qw(time);
use Tideway::Message;

our $DEADLINE = 5 * ($ENV{TW_TIME_SCALE} || 1);

sub new
{
	my ($class, $sock) = @_;

	$sock->blocking(0);
	return bless { sock => $sock, buf => '', state => 'open' }, $class;
}

sub sock { $_[0]{sock} }
sub buffered { $_[0]{buf} }

# 'open', 'eof', 'reset'
sub state { $_[0]{state} }

sub local_port { $_[0]{sock}->sockport }

# as much as is taken without a pause of so many seconds
sub send
{
	my ($self, $bytes, $secs) = @_;
	my $end = time + ($secs // $DEADLINE);
	my $off = 0;
	my $select = IO::Select->new($self->{sock});

	while ($off < length $bytes) {
		my $n = syswrite $self->{sock}, $bytes,
		    length($bytes) - $off, $off;
		if (defined $n) {
			$off += $n;
			$end = time + ($secs // $DEADLINE);
		} elsif ($! != EAGAIN && $! != EINTR) {
			last;
		} else {
			my $left = $end - time;
			last if $left <= 0;
			$select->can_write($left);
		}
	}
	return $off;
}

# reads once what is there: the count, 0 at the end or on a reset, undef when
# the deadline passed
sub fill
{
	my ($self, $secs) = @_;
	my $end = time + ($secs // $DEADLINE);

	return 0 if $self->{state} ne 'open';
	while (1) {
		my $n = sysread $self->{sock}, $self->{buf}, 65536,
		    length $self->{buf};
		if (defined $n) {
			$self->{state} = 'eof' if $n == 0;
			return $n;
		}
		if ($! != EAGAIN && $! != EINTR) {
			$self->{state} = 'reset';
			return 0;
		}
		my $left = $end - time;
		return undef if $left <= 0;
		IO::Select->new($self->{sock})->can_read($left);
	}
}

sub _fill_until
{
	my ($self, $done, $secs) = @_;
	my $end = time + ($secs // $DEADLINE);

	until ($done->()) {
		my $left = $end - time;
		return 0 if $left <= 0;
		return 0 unless $self->fill($left);
	}
	return 1;
}

sub _take
{
	my ($self, $n) = @_;

	return substr $self->{buf}, 0, $n, '';
}

# reads exactly n bytes, or fewer when the peer ended or the deadline passed
sub read_bytes
{
	my ($self, $n, $secs) = @_;

	$self->_fill_until(sub { length $self->{buf} >= $n }, $secs);
	return $self->_take($n);
}

# reads up to and with the pattern; undef when it never came
sub read_until
{
	my ($self, $re, $secs) = @_;

	$self->_fill_until(sub { $self->{buf} =~ $re }, $secs) or return undef;
	$self->{buf} =~ $re;
	return $self->_take($+[0]);
}

# everything until the peer closes; look at state() for how it did
sub read_all
{
	my ($self, $secs) = @_;

	$self->_fill_until(sub { 0 }, $secs);
	return $self->_take(length $self->{buf});
}

# true when the peer closes without sending one more byte
sub is_closed
{
	my ($self, $secs) = @_;

	return $self->read_all($secs) eq '' && $self->{state} ne 'open';
}

# true while the connection is open and has nothing to read right now
sub is_quiet
{
	my ($self, $secs) = @_;

	return 0 if length $self->{buf};
	return !defined $self->fill($secs // 0);
}

sub read_head
{
	my ($self, $secs) = @_;
	my $raw = $self->read_until(qr/\r?\n\r?\n/, $secs);

	return defined $raw ? Tideway::Message->parse_head($raw) : undef;
}

sub _read_chunks
{
	my ($self, $m, $secs) = @_;

	while (1) {
		my $line = $self->read_until(qr/\r?\n/, $secs) // return 0;
		$m->{raw_body} .= $line;
		$line =~ /^([0-9a-fA-F]+)/ or return 0;
		my $size = hex $1;
		last if $size == 0;
		my $data = $self->read_bytes($size + 2, $secs);
		$m->{raw_body} .= $data;
		return 0 if length $data < $size + 2;
		$m->{body} .= substr $data, 0, $size;
	}
	my @lines;
	while (1) {
		my $line = $self->read_until(qr/\r?\n/, $secs) // return 0;
		$m->{raw_body} .= $line;
		last if $line =~ /^\r?\n/;
		push @lines, $line =~ s/\r?\n$//r;
	}
	$m->{trailers} = Tideway::Message::parse_fields(@lines);
	return 1;
}

# reads the body that belongs to the head in m; complete says whether all came
sub read_body
{
	my ($self, $m, %opt) = @_;
	my $how = $m->{ended_by} = $m->framing($opt{method});

	if ($how eq 'length') {
		my $n = $m->header('Content-Length');
		$m->{body} = $m->{raw_body} = $self->read_bytes($n, $opt{secs});
		$m->{complete} = length $m->{body} == $n;
	} elsif ($how eq 'chunked') {
		$m->{complete} = $self->_read_chunks($m, $opt{secs});
	} elsif ($how eq 'close') {
		$m->{body} = $m->{raw_body} = $self->read_all($opt{secs});
		$m->{complete} = $self->{state} eq 'eof';
	} else {
		$m->{complete} = 1;
	}
	return $m;
}

# one whole message; method => 'HEAD' when it answers a HEAD
sub read_message
{
	my ($self, %opt) = @_;
	my $m = $self->read_head($opt{secs}) // return undef;

	return $self->read_body($m, %opt);
}

# the final response: interim ones are kept in {interim}
sub read_response
{
	my ($self, %opt) = @_;
	my @interim;

	while (1) {
		my $m = $self->read_message(%opt)
		    // return Tideway::Message->parse_head('');
		if ($m->status =~ /^1/ && $m->status != 101) {
			push @interim, $m;
			next;
		}
		$m->{interim} = \@interim;
		return $m;
	}
}

sub request
{
	my ($self, $bytes, %opt) = @_;

	$opt{method} //= $1 if $bytes =~ /^(\S+)/;
	$self->send($bytes);
	return $self->read_response(%opt);
}

sub shutdown_write { shutdown $_[0]{sock}, SHUT_WR }

sub close
{
	my ($self) = @_;

	close delete $self->{sock} if $self->{sock};
	$self->{state} = 'closed';
}

# closes with a TCP RST
sub reset
{
	my ($self) = @_;

	setsockopt $self->{sock}, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
	$self->close;
}

1;

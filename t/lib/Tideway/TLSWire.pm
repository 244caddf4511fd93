# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# A TLS client that has its ciphertext in its hands: seal() makes records
# without sending them, so that a test can join, cut, hold back and forget them
# as it likes; what came is kept as it was on the wire.
#
#   my $w = tls_wire($addr, version => 'TLSv1_2', rcvbuf => 4096);
#   $w->push($w->seal($a . $b) . $w->seal($c) . $w->close_notify);
#   $w->shut;                       # FIN
#   my $text = $w->read(qr/end$/);  # or a number of bytes; or to the end
#   tls_records($w->{seen});        # all that was received
package Tideway::TLSWire;
use strict;
use warnings;
use Errno qw(EAGAIN EINTR);
use Exporter 'import';
use IO::Select;
use IO::Socket::INET;
use Net::SSLeay;
use Socket qw(:all);
use Time::HiRes qw(time);
use Tideway::Peer;

our @EXPORT = qw(tls_wire);

my %VERSION = (TLSv1_2 => 0x303, TLSv1_3 => 0x304);

sub tls_wire { return Tideway::TLSWire->new(@_) }

sub new
{
	my ($class, $addr, %o) = @_;
	my $ctx = Net::SSLeay::CTX_new;
	my $self = bless { ctx => $ctx, seen => '', plain => '', out => '',
	    eof => 0 }, $class;

	if ($o{version}) {
		Net::SSLeay::CTX_set_min_proto_version($ctx, $VERSION{ $o{version} });
		Net::SSLeay::CTX_set_max_proto_version($ctx, $VERSION{ $o{version} });
	}
	$self->{sock} = IO::Socket::INET->new(Proto => 'tcp') // die;
	socket $self->{sock}, AF_INET, SOCK_STREAM, 0 or die "socket: $!";
	setsockopt $self->{sock}, SOL_SOCKET, SO_RCVBUF, $o{rcvbuf} if $o{rcvbuf};
	setsockopt $self->{sock}, IPPROTO_TCP, TCP_NODELAY, 1;
	my ($host, $port) = $addr =~ /(.*):(\d+)/;
	connect $self->{sock}, sockaddr_in($port, inet_aton($host))
	    or die "connect: $!";
	$self->{sock}->blocking(0);
	@$self{qw(rbio wbio)} = map { Net::SSLeay::BIO_new(Net::SSLeay::BIO_s_mem()) } 1, 2;
	$self->{ssl} = Net::SSLeay::new($ctx);
	Net::SSLeay::set_bio($self->{ssl}, $self->{rbio}, $self->{wbio});
	Net::SSLeay::set_connect_state($self->{ssl});
	Net::SSLeay::set_session($self->{ssl}, $o{session}) if $o{session};
	$self->_handshake unless $o{raw};
	return $self;
}

sub _sealed { return Net::SSLeay::BIO_read($_[0]{wbio}, 1 << 26) // '' }

sub _handshake
{
	my ($self) = @_;

	while (Net::SSLeay::do_handshake($self->{ssl}) != 1) {
		$self->push($self->_sealed);
		$self->_fill or die 'no handshake: ' . ($self->{state} // 'late');
	}
	$self->{finished} = $self->_sealed; # with the first bytes that are sent
}

# records for these bytes, and those of the handshake that were not sent yet
sub seal
{
	my ($self, $plain) = @_;
	my $off = 0;

	while ($off < length $plain) {
		my $n = Net::SSLeay::write($self->{ssl}, substr $plain, $off, 16384);
		die 'seal' if $n <= 0;
		$off += $n;
	}
	return (delete $self->{finished} // '') . $self->_sealed;
}

sub close_notify
{
	my ($self) = @_;

	Net::SSLeay::shutdown($self->{ssl});
	return (delete $self->{finished} // '') . $self->_sealed;
}

# all of them, or as many as go out while nothing is read
sub push
{
	my ($self, $bytes, $secs) = @_;
	my $end = time + ($secs // 4 * $Tideway::Peer::DEADLINE);
	my $off = 0;

	while ($off < length $bytes && (my $left = $end - time) > 0) {
		my $n = syswrite $self->{sock}, $bytes, length($bytes) - $off, $off;

		if (defined $n) {
			$off += $n;
		} elsif ($! != EAGAIN && $! != EINTR) {
			last;
		} else {
			IO::Select->new($self->{sock})->can_write($left);
		}
	}
	return $off;
}

# sends of a text what can go, reads what has come (of one sysread of at most `max`
# bytes). returns: what was opened; undef: the end.
sub turn
{
	my ($self, $out, $max) = @_;
	my $io = IO::Select->new($self->{sock});
	my ($r, $w) = IO::Select->select($io, $$out ne '' ? $io : undef, undef,
	    2 * $Tideway::Peer::DEADLINE);

	return undef unless defined $r;
	if (@$w) {
		my $n = syswrite $self->{sock}, $$out;
		return undef if !defined $n && $! != EAGAIN;
		substr $$out, 0, $n // 0, '';
	}
	return undef if @$r && !$self->_fill($max);
	$self->_open;
	return substr $self->{plain}, 0, length $self->{plain}, '';
}

# seals and sends all of it, in pieces of any length; nothing is read meanwhile
sub upload
{
	my ($self, $text) = @_;

	while ($text ne '') {
		my $sealed = $self->seal(substr $text, 0, 1 + int rand 40000, '');
		return 0 if $self->push($sealed) < length $sealed;
	}
	return 1;
}

# what another one resumes: session => ...
sub session { return Net::SSLeay::get1_session($_[0]{ssl}) }

# RST
sub reset
{
	my ($self) = @_;

	setsockopt $self->{sock}, SOL_SOCKET, SO_LINGER, pack 'II', 1, 0;
	close $self->{sock};
}

sub shut { shutdown $_[0]{sock}, SHUT_WR }

# one sysread of at most `max` bytes; false at the end, or when nothing came
sub _fill
{
	my ($self, $max, $secs) = @_;

	IO::Select->new($self->{sock})->can_read($secs // 2 * $Tideway::Peer::DEADLINE)
	    or return 0;
	my $n = sysread $self->{sock}, my $buf, $max // 65536;
	if (!$n) {
		$self->{state} = defined $n ? 'eof' : 'reset';
		return 0;
	}
	$self->{seen} .= $buf unless $self->{forget};
	Net::SSLeay::BIO_write($self->{rbio}, $buf);
	return 1;
}

sub _open
{
	my ($self) = @_;

	while (defined(my $p = Net::SSLeay::read($self->{ssl}, 65536))) {
		last if $p eq '';
		$self->{plain} .= $p;
	}
}

# 'clean': the peer's close_notify has come; 'cut': FIN without; 'reset'; 'open'
sub ended
{
	my ($self) = @_;

	return 'clean' if Net::SSLeay::get_shutdown($self->{ssl}) & 2;
	return { eof => 'cut', reset => 'reset' }->{ $self->{state} // '' } // 'open';
}

# text up to what matches, or of so many bytes; without: all of it, until the
# peer has ended. Option max => sub: bytes for the next sysread.
sub read
{
	my ($self, $want, %o) = @_;

	$self->_open;
	until (defined $want && (ref $want ? $self->{plain} =~ $want
	    : length $self->{plain} >= $want)) {
		$self->_fill($o{max} ? $o{max}->() : undef, $o{secs}) or last;
		$self->_open;
	}
	my $n = !defined $want ? length $self->{plain}
	    : !ref $want ? $want : $self->{plain} =~ $want ? $+[0]
	    : length $self->{plain};
	return substr $self->{plain}, 0, $n, '';
}

sub DESTROY
{
	my ($self) = @_;

	Net::SSLeay::free($self->{ssl}) if $self->{ssl};
	Net::SSLeay::CTX_free($self->{ctx});
}

1;

# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# HTTP/2 frame by frame, as a client or as a server, over a Tideway::Peer (plain
# or TLS). Whatever is read is kept in streams; with auto (the default) SETTINGS
# and PING are acknowledged, windows are opened again as data come, and what
# waits for a window is sent as soon as there is one.
#
#   my $c = h2_client($addr, tls => { sni => 'a' }, settings => { ... });
#   my $r = $c->get('/x');               status, header('n'), body, trailer('n')
#   my $s = $c->request(method => 'POST', path => '/', headers => [['a', 'b']],
#       body => $b, trailers => [['t', '1']]);
#   $r = $c->response($s);               the stream; {complete} when it ended
#   $c->send_frame('DATA', 'END_STREAM', 1, 'x'); $c->send_raw($bytes);
#   my $f = $c->read_frame($secs);       { name, flags, sid, payload, ... }
#   $c->violations                       what the other side must not do
package Tideway::H2;
use strict;
use warnings;
use Exporter 'import';
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(time);
use Tideway::H2Stream;
use Tideway::Hpack;
use Tideway::Peer;
use Tideway::TLS;

our @EXPORT = qw(h2_frame h2_settings h2_client h2_origin h2_preface);

my @NAMES = qw(DATA HEADERS PRIORITY RST_STREAM SETTINGS PUSH_PROMISE PING
    GOAWAY WINDOW_UPDATE CONTINUATION);
my %TYPES = map { $NAMES[$_] => $_ } 0 .. $#NAMES;
my %FLAGS = (END_STREAM => 1, ACK => 1, END_HEADERS => 4, PADDED => 8,
    PRIORITY => 32);
my %SETTINGS = (HEADER_TABLE_SIZE => 1, ENABLE_PUSH => 2,
    MAX_CONCURRENT_STREAMS => 3, INITIAL_WINDOW_SIZE => 4, MAX_FRAME_SIZE => 5,
    MAX_HEADER_LIST_SIZE => 6, ENABLE_CONNECT_PROTOCOL => 8);
my %SETTING_NAMES = reverse %SETTINGS;
our @ERRORS = qw(NO_ERROR PROTOCOL_ERROR INTERNAL_ERROR FLOW_CONTROL_ERROR
    SETTINGS_TIMEOUT STREAM_CLOSED FRAME_SIZE_ERROR REFUSED_STREAM CANCEL
    COMPRESSION_ERROR CONNECT_ERROR ENHANCE_YOUR_CALM INADEQUATE_SECURITY
    HTTP_1_1_REQUIRED);
my %ERRORS = map { $ERRORS[$_] => $_ } 0 .. $#ERRORS;

sub h2_preface { return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" }
sub code { return $ERRORS{ $_[0] } // $_[0] }
sub code_name { return $ERRORS[ $_[0] ] // $_[0] }

sub _flags
{
	my ($flags) = @_;
	my $n = 0;

	return $flags if ($flags //= 0) =~ /^\d+$/;
	$n |= $FLAGS{$_} // die "no flag $_" for split /\|/, $flags;
	return $n;
}

# type and flags by name ('END_STREAM|PADDED') or number; length => a lie
sub h2_frame
{
	my ($type, $flags, $sid, $payload, %o) = @_;

	$payload //= '';
	return substr(pack('N', $o{length} // length $payload), 1)
	    . pack('CCN', $TYPES{$type} // $type, _flags($flags), $sid) . $payload;
}

# the payload of SETTINGS: NAME or number => value, in the order given
sub h2_settings
{
	my (@s) = @_;
	my $out = '';

	while (my ($k, $v) = splice @s, 0, 2) {
		$out .= pack 'nN', $SETTINGS{$k} // $k, $v;
	}
	return $out;
}

# tls => 1 or options of tls_client (alpn is ['h2'] then). Others: those of
# start, raw => 1 to send nothing at first. Dies when there is no connection.
sub h2_client
{
	my ($addr, %o) = @_;
	my $tls = ref $o{tls} ? $o{tls} : {};
	my $peer = !$o{tls} ? raw_client($addr)
	    : tls_client($addr, alpn => ['h2'], %$tls);

	die 'no connection: ' . tls_error() unless $peer;
	my $c = Tideway::H2->new($peer, %o);
	$c->start unless $o{raw};
	return $c;
}

sub h2_origin
{
	require Tideway::H2Origin;
	return Tideway::H2Origin->new(dir => Tideway::Test::temp_dir(), @_);
}

# Options: server => 1, settings => { NAME => value }, window => octets that the
# connection's window is opened by at first, auto => 0, hold => 1 (no window is
# opened again), huffman, static (of Hpack), trace => sub (frame)
sub new
{
	my ($class, $peer, %o) = @_;

	setsockopt $peer->sock, IPPROTO_TCP, TCP_NODELAY, 1;
	return bless { auto => 1, settings => {}, %o, peer => $peer,
	    in => Tideway::Hpack->new(
		max => ($o{settings} // {})->{HEADER_TABLE_SIZE} // 4096),
	    out => Tideway::Hpack->new(map { $_ => $o{$_} }
		grep { exists $o{$_} } qw(huffman static)),
	    streams => {}, next => 1, send_window => 65535,
	    recv_window => 65535, theirs => { INITIAL_WINDOW_SIZE => 65535,
		MAX_FRAME_SIZE => 16384 }, wrong => [] }, $class;
}

sub peer { $_[0]{peer} }
sub alpn { $_[0]{peer}->sock->alpn_selected }
sub state { $_[0]{peer}->state }
sub theirs { $_[0]{theirs} }
sub goaway { $_[0]{goaway} }
sub violations { @{ $_[0]{wrong} } }
sub send_raw { $_[0]{peer}->send($_[1]) }
sub close { $_[0]{peer}->close if $_[0]{peer}{sock} }
sub _wrong { push @{ $_[0]{wrong} }, $_[1] }

sub send_frame
{
	my ($self, @frame) = @_;

	return $self->send_raw(h2_frame(@frame));
}

# the preface (of a client) and SETTINGS
sub start
{
	my ($self) = @_;
	my $s = $self->{settings};

	$self->send_raw(($self->{server} ? '' : h2_preface())
	    . h2_frame('SETTINGS', 0, 0, h2_settings(map { $_ => $s->{$_} } sort keys %$s)));
	$self->window(0, $self->{window}) if $self->{window};
}

# server: the client's preface; false when it is something else
sub read_preface
{
	my ($self, $secs) = @_;

	return $self->{peer}->read_bytes(24, $secs) eq h2_preface();
}

# opens a window by n
sub window
{
	my ($self, $sid, $n) = @_;

	$self->send_frame('WINDOW_UPDATE', 0, $sid, pack 'N', $n);
	if ($sid) {
		$self->stream($sid)->{recv_window} += $n;
	} else {
		$self->{recv_window} += $n;
	}
}

sub rst { $_[0]->send_frame('RST_STREAM', 0, $_[1], pack 'N', code($_[2])) }
sub ping { $_[0]->send_frame('PING', 0, 0, $_[1] // '12345678') }

sub send_goaway
{
	my ($self, $last, $code, $text) = @_;

	$self->send_frame('GOAWAY', 0, 0, pack('NN', $last, code($code // 0))
	    . ($text // ''));
}

sub stream
{
	my ($self, $sid) = @_;

	return $self->{streams}{$sid} //= Tideway::H2Stream->new($sid,
	    $self->{theirs}{INITIAL_WINDOW_SIZE},
	    $self->{settings}{INITIAL_WINDOW_SIZE} // 65535);
}

# --- reading ---

# the next frame; undef when none came in time or the connection ended, which
# state() tells
sub read_frame
{
	my ($self, $secs) = @_;
	my $peer = $self->{peer};
	my $size = sub { 9 + unpack 'N', "\0" . substr $peer->{buf}, 0, 3 };

	$peer->_fill_until(sub { length $peer->{buf} >= 9
	    && length $peer->{buf} >= $size->() }, $secs) or return undef;
	my ($len, $type, $flags, $sid) = unpack 'a3CCN', $peer->_take(9);
	my $f = { type => $type, name => $NAMES[$type] // $type,
	    flags => $flags, sid => $sid & 0x7fffffff,
	    payload => $peer->_take(unpack 'N', "\0$len") };
	$self->_parse($f);
	$self->{trace}->($f) if $self->{trace};
	$self->_check($f);
	$self->_note($f);
	$self->flush;
	return $f;
}

sub _parse
{
	my ($self, $f) = @_;
	my ($name, $p) = @$f{qw(name payload)};

	if ($name =~ /^(?:DATA|HEADERS)$/ && $f->{flags} & 8) {
		my $pad = ord $p;
		$self->_wrong("padding of $pad") if $pad >= length $p;
		$p = substr $p, 1, -$pad || length $p;
	}
	$p = substr $p, 5 if $name eq 'HEADERS' && $f->{flags} & 32;
	$f->{data} = $p;
	$f->{end_stream} = $f->{flags} & 1 if $name =~ /^(?:DATA|HEADERS)$/;
	$f->{ack} = $f->{flags} & 1 if $name =~ /^(?:SETTINGS|PING)$/;
	$f->{code} = code_name(unpack 'N', $p) if $name eq 'RST_STREAM';
	$f->{increment} = unpack 'N', $p if $name eq 'WINDOW_UPDATE';
	if ($name eq 'GOAWAY') {
		my ($last, $code, $text) = unpack 'NNa*', $p;
		@$f{qw(last code text)} = ($last, code_name($code), $text);
	} elsif ($name eq 'SETTINGS') {
		my @s = unpack '(nN)*', $p;
		while (my ($k, $v) = splice @s, 0, 2) {
			$f->{settings}{ $SETTING_NAMES{$k} // $k } = $v;
		}
	}
}

# what a peer must not do, whoever it is
sub _check
{
	my ($self, $f) = @_;
	my $len = length $f->{payload};
	my $what = "$f->{name} of stream $f->{sid}";

	$self->_wrong("$what before SETTINGS")
	    if !$self->{seen}++ && $f->{name} ne 'SETTINGS';
	$self->_wrong("$what with $len octets")
	    if $len > ($self->{settings}{MAX_FRAME_SIZE} // 16384);
	$self->_wrong("$what inside a header block")
	    if $self->{block} && ($f->{name} ne 'CONTINUATION'
	    || $f->{sid} != $self->{block}{sid});
	if ($f->{name} =~ /^(?:DATA|HEADERS)$/) {
		my $s = $self->stream($f->{sid});
		$self->_wrong("$what after its end") if $s->{ended} || $s->{reset};
		$self->_wrong("$what on stream 0") unless $f->{sid};
	}
	$self->_check_window($f, $len) if $f->{name} eq 'DATA';
}

sub _check_window
{
	my ($self, $f, $len) = @_;
	my $s = $self->stream($f->{sid});
	my $slack = $self->{acked} ? 0 : 65535;

	$self->{recv_window} -= $len;
	$s->{recv_window} -= $len;
	$self->_wrong("DATA beyond the connection's window")
	    if $self->{recv_window} < 0;
	$self->_wrong("DATA beyond the window of stream $f->{sid}")
	    if $s->{recv_window} + $slack < 0;
}

sub _note
{
	my ($self, $f) = @_;
	my $note = $self->can("_note_\L$f->{name}");

	$note->($self, $f) if $note;
}

sub _note_settings
{
	my ($self, $f) = @_;
	my $s = $f->{settings} // {};

	if ($f->{ack}) {
		$self->{acked} = 1;
		return;
	}
	if (defined(my $w = $s->{INITIAL_WINDOW_SIZE})) {
		my $by = $w - $self->{theirs}{INITIAL_WINDOW_SIZE};
		$_->{send_window} += $by for values %{ $self->{streams} };
	}
	$self->{announce} = $self->{out}->resize($s->{HEADER_TABLE_SIZE})
	    if ($s->{HEADER_TABLE_SIZE} // 4096) < $self->{out}{max};
	$self->{theirs} = { %{ $self->{theirs} }, %$s };
	$self->send_frame('SETTINGS', 'ACK', 0) if $self->{auto};
}

sub _note_ping
{
	my ($self, $f) = @_;

	$self->send_frame('PING', 'ACK', 0, $f->{payload})
	    if $self->{auto} && !$f->{ack};
}

sub _note_goaway { $_[0]{goaway} = $_[1] }
sub _note_rst_stream { $_[0]->stream($_[1]{sid})->{reset} = $_[1]{code} }

sub _note_window_update
{
	my ($self, $f) = @_;

	$self->_wrong("WINDOW_UPDATE of 0") if !$f->{increment};
	($f->{sid} ? $self->stream($f->{sid}) : $self)->{send_window}
	    += $f->{increment};
}

sub _note_data
{
	my ($self, $f) = @_;
	my $s = $self->stream($f->{sid});
	my $len = length $f->{payload};

	$s->{body} .= $f->{data};
	$s->{ended} = 1 if $f->{end_stream};
	return if !$self->{auto} || $self->{hold} || !$len;
	$self->window(0, $len);
	$self->window($f->{sid}, $len) unless $s->{ended};
}

sub _note_headers
{
	my ($self, $f) = @_;

	$self->{block} = { sid => $f->{sid}, bytes => '', end => $f->{end_stream} };
	$self->_note_continuation($f);
}

sub _note_continuation
{
	my ($self, $f) = @_;
	my $block = $self->{block} // return;

	$block->{bytes} .= $f->{data};
	return unless $f->{flags} & 4;
	delete $self->{block};
	my $fields = $f->{fields} = [$self->{in}->decode($block->{bytes})];
	my $s = $self->stream($block->{sid});
	$self->_wrong("the name $_->[0]")
	    for grep { $_->[0] =~ /[A-Z\s]/ || $_->[0] eq '' } @$fields;
	$s->take($fields, $block->{end});
}

# reads until the sub is true, or secs are over, or the connection ended; what
# the sub returned last
sub wait_for
{
	my ($self, $sub, $secs) = @_;
	my $end = time + ($secs // 2 * $Tideway::Peer::DEADLINE);

	while (1) {
		my $r = $sub->();
		return $r if $r;
		my $left = $end - time;
		return $r if $left <= 0;
		$self->read_frame($left) // return $sub->();
	}
}

# the next frame of that name, undef when none comes
sub read_named
{
	my ($self, $name, $secs) = @_;
	my $end = time + ($secs // 2 * $Tideway::Peer::DEADLINE);

	while ((my $left = $end - time) > 0) {
		my $f = $self->read_frame($left) // return undef;
		return $f if $f->{name} eq $name;
	}
	return undef;
}

# reads to the end of the connection: { code (of GOAWAY, if any), state }
sub ended
{
	my ($self, $secs) = @_;

	$self->wait_for(sub { 0 }, $secs);
	return { code => ($self->{goaway} // {})->{code}, state => $self->state };
}

# the code a stream was reset with, undef when it was not
sub reset_code
{
	my ($self, $sid, $secs) = @_;

	$self->wait_for(sub { $self->stream($sid)->{reset} }, $secs);
	return $self->stream($sid)->{reset};
}

# --- writing ---

# a header block of fields; end => 1 with END_STREAM, split => octets of each
# frame, pad => octets
sub send_headers
{
	my ($self, $sid, $fields, %o) = @_;
	my $block = (delete $self->{announce} // '') . $self->{out}->encode(@$fields);
	my $max = $o{split} // $self->{theirs}{MAX_FRAME_SIZE} - 256;
	my $flags = $o{end} ? 1 : 0;
	my $name = 'HEADERS';

	do {
		my $part = substr $block, 0, $max, '';
		if (defined $o{pad} && $name eq 'HEADERS') {
			$part = chr($o{pad}) . $part . "\0" x $o{pad};
			$flags |= 8;
		}
		$self->send_frame($name, $flags | ($block eq '' ? 4 : 0), $sid, $part);
		($name, $flags) = ('CONTINUATION', 0);
	} while ($block ne '');
}

# data as windows allow it, now and with each frame that is read; end => 1,
# trailers => fields after it, chunk => octets of a frame
sub send_data
{
	my ($self, $sid, $bytes, %o) = @_;
	my $s = $self->stream($sid);

	$s->{out} = ($s->{out} // '') . $bytes;
	$s->{chunk} = $o{chunk} if $o{chunk};
	$s->{out_end} = 1 if $o{end} || $o{trailers};
	$s->{out_trailers} = $o{trailers};
	$self->flush;
}

# nothing waits for a window
sub is_flushed { return !grep { defined $_->{out} } values %{ $_[0]{streams} } }

sub flush
{
	my ($self) = @_;

	for my $s (sort { $a->{sid} <=> $b->{sid} }
	    grep { defined $_->{out} } values %{ $self->{streams} }) {
		$self->_flush_stream($s);
	}
}

sub _flush_stream
{
	my ($self, $s) = @_;

	if ($s->{reset}) {
		delete $s->{out};
		return;
	}
	while ($s->{out} ne '') {
		my ($n) = sort { $a <=> $b } length $s->{out}, $s->{send_window},
		    $self->{send_window}, $self->{theirs}{MAX_FRAME_SIZE},
		    $s->{chunk} // ();
		return if $n <= 0;
		my $end = $n == length $s->{out} && $s->{out_end} && !$s->{out_trailers};
		$self->send_frame('DATA', $end ? 1 : 0, $s->{sid},
		    substr $s->{out}, 0, $n, '');
		$_->{send_window} -= $n for $s, $self;
		$s->{sent_end} = 1 if $end;
	}
	delete $s->{out};
	return if !$s->{out_end} || $s->{sent_end};
	$s->{sent_end} = 1;
	return $self->send_headers($s->{sid}, $s->{out_trailers}, end => 1)
	    if $s->{out_trailers};
	$self->send_frame('DATA', 'END_STREAM', $s->{sid});
}

# The number of a new stream. Options: method, path, scheme, authority, headers,
# body, trailers, open => 1 (END_STREAM comes later), fields => the whole list
# in place of the first five, sid, split, pad, chunk
sub request
{
	my ($self, %o) = @_;
	my $sid = $o{sid} // $self->{next};
	my $body = defined $o{body} || $o{trailers} || $o{open};
	my @fields = @{ $o{fields} // [[':method', $o{method} // 'GET'],
	    [':scheme', $o{scheme} // 'http'], [':path', $o{path} // '/'],
	    [':authority', $o{authority} // 'test'], @{ $o{headers} // [] }] };

	$self->{next} = $sid + 2 if $sid >= $self->{next};
	$self->stream($sid);
	$self->send_headers($sid, \@fields, %o, end => !$body);
	$self->send_data($sid, $o{body} // '', %o, end => !$o{open})
	    if $body && (defined $o{body} || !$o{open});
	return $sid;
}

# the stream when it ended, was reset or the deadline passed; early => 1: when
# its header section came
sub response
{
	my ($self, $sid, %o) = @_;
	my $s = $self->stream($sid);

	$self->wait_for(sub { $s->{ended} || defined $s->{reset}
	    || $o{early} && $s->{headers} }, $o{secs});
	$s->{complete} = $s->{ended} ? 1 : 0;
	return $s;
}

sub get
{
	my ($self, $path, %o) = @_;

	return $self->response($self->request(path => $path, %o), secs => $o{secs});
}

# server: an answer. headers, body, trailers, interim => [[103, [n, v]..], ..],
# open => 1
sub respond
{
	my ($self, $sid, $status, %o) = @_;
	my $body = length($o{body} // '') || $o{trailers} || $o{open};

	$self->send_headers($sid, [[':status', shift @$_], @$_])
	    for map { [@$_] } @{ $o{interim} // [] };
	$self->send_headers($sid, [[':status', $status], @{ $o{headers} // [] }],
	    %o, end => !$body);
	$self->send_data($sid, $o{body} // '', %o, end => !$o{open}) if $body;
}

1;

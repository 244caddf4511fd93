# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# HPACK (RFC 7541) in both directions. An object is one direction of one
# connection, as its dynamic table is.
#
#   $h->decode($block): fields as [name, value, how]; how is 'indexed', 'index'
#   (literal, put into the table), 'plain' or 'never'. Dies on what is wrong.
#   $h->encode(@fields): fields as [name, value] or [name, value, how]; 'plain'
#   is the default; what is no reference is put there as it is.
# Options: huffman => 1, static => 0 (no index of the static table is used),
# max => size of the table.
package Tideway::Hpack;
use strict;
use warnings;

# Appendix A, in its order
my @STATIC = map { [split /=/, $_, 2] } split /\n/, <<'END';
:authority=
:method=GET
:method=POST
:path=/
:path=/index.html
:scheme=http
:scheme=https
:status=200
:status=204
:status=206
:status=304
:status=400
:status=404
:status=500
accept-charset=
accept-encoding=gzip, deflate
accept-language=
accept-ranges=
accept=
access-control-allow-origin=
age=
allow=
authorization=
cache-control=
content-disposition=
content-encoding=
content-language=
content-length=
content-location=
content-range=
content-type=
cookie=
date=
etag=
expect=
expires=
from=
host=
if-match=
if-modified-since=
if-none-match=
if-range=
if-unmodified-since=
last-modified=
link=
location=
max-forwards=
proxy-authenticate=
proxy-authorization=
range=
referer=
refresh=
retry-after=
server=
set-cookie=
strict-transport-security=
transfer-encoding=
user-agent=
vary=
via=
www-authenticate=
END

# Appendix B is a canonical code: the lengths of the symbols 0 to 256 are all of
# it. NxM is M times N.
my @LENGTHS = map { /(\d+)x(\d+)/ ? ($1) x $2 : $_ } split ' ', <<'END';
13 23 28x7 24 30 28x2 30 28x8 30 28x9
6 10x2 12 13 6 8 11 10x2 8 11 8 6x3 5x3 6x7 7 8 15 6 12 10
13 6 7x22 8 7 8 13 19 13 14 6
15 5 6 5 6 5 6x3 5 7x2 6x3 5 6 7 6 5x2 6 7x5 15 11 14 13 28
20 22 20x2 22x3 23 22 23x5 24 23 24x2 22 23 24 23x4 21 22 23 22 23x2 24
22 21 20 22x2 23x2 21 23 22x2 24 21 22 23x2 21x2 22 21 23 22 23x2 20 22x3 23
22x2 23 26x2 20 19 22 23 22 25 26x3 27x2 26 24 25 19 21 26 27x2 26 27 24
21x2 26x2 28 27x3 20 24 20 21 22 21x2 23 22x2 25x2 24x2 26 23 26 27 26x2
27x5 28 27x5 26 30
END

my (@CODES, %SYMBOLS);

{
	my ($code, $last) = (0, 5);

	die 'the table of lengths' unless @LENGTHS == 257 && @STATIC == 61;
	for my $s (sort { $LENGTHS[$a] <=> $LENGTHS[$b] || $a <=> $b } 0 .. 256) {
		$code <<= $LENGTHS[$s] - $last;
		$last = $LENGTHS[$s];
		$CODES[$s] = sprintf '%0*b', $last, $code++;
		$SYMBOLS{ $CODES[$s] } = $s;
	}
}

sub new
{
	my ($class, %opt) = @_;

	return bless { static => 1, huffman => 0, max => 4096, limit =>
	    $opt{max} // 4096, table => [], size => 0, %opt }, $class;
}

# --- pieces ---

sub huffman_encode
{
	my ($bytes) = @_;
	my $bits = join '', map { $CODES[$_] } unpack 'C*', $bytes;

	return pack 'B*', $bits . '1' x (-length($bits) % 8);
}

sub huffman_decode
{
	my ($bytes) = @_;
	my ($out, $code) = ('', '');

	for my $bit (split //, unpack 'B*', $bytes) {
		$code .= $bit;
		my $s = $SYMBOLS{$code} // next;
		die "hpack: EOS in a string\n" if $s == 256;
		$out .= chr $s;
		$code = '';
	}
	die "hpack: bad padding\n" if length $code > 7 || $code =~ /0/;
	return $out;
}

# n in the low bits of the first octet, whose other bits are flags
sub int_encode
{
	my ($n, $bits, $flags) = @_;
	my $max = (1 << $bits) - 1;
	my $out = '';

	return chr($n | ($flags // 0)) if $n < $max;
	for ($n -= $max; $n >= 128; $n >>= 7) {
		$out .= chr($n & 127 | 128);
	}
	return chr($max | ($flags // 0)) . $out . chr $n;
}

# takes it from the front of the bytes
sub int_decode
{
	my ($in, $bits) = @_;
	my $max = (1 << $bits) - 1;
	my $n = _octet($in) & $max;
	my $shift = 0;

	return $n if $n < $max;
	while (1) {
		my $o = _octet($in);
		$n += ($o & 127) << $shift;
		return $n unless $o & 128;
		$shift += 7;
		die "hpack: an integer without end\n" if $shift > 35;
	}
}

sub _octet
{
	my ($in) = @_;

	die "hpack: the block ends too early\n" if $$in eq '';
	return ord substr $$in, 0, 1, '';
}

sub string_encode
{
	my ($s, $huffman) = @_;

	$s = huffman_encode($s) if $huffman;
	return int_encode(length $s, 7, $huffman ? 128 : 0) . $s;
}

sub string_decode
{
	my ($in) = @_;
	my $huffman = length $$in && ord($$in) & 128;
	my $n = int_decode($in, 7);

	die "hpack: a string is longer than the block\n" if $n > length $$in;
	my $s = substr $$in, 0, $n, '';
	return $huffman ? huffman_decode($s) : $s;
}

# --- the table ---

sub _evict
{
	my ($self) = @_;

	while ($self->{size} > $self->{max}) {
		my $e = pop @{ $self->{table} };
		$self->{size} -= 32 + length($e->[0]) + length $e->[1];
	}
}

sub _insert
{
	my ($self, $name, $value) = @_;

	unshift @{ $self->{table} }, [$name, $value];
	$self->{size} += 32 + length($name) + length $value;
	$self->_evict;
}

sub _at
{
	my ($self, $i) = @_;
	my $e = $i == 0 ? undef : $i <= @STATIC ? $STATIC[$i - 1]
	    : $self->{table}[$i - 1 - @STATIC];

	return $e // die "hpack: no entry $i\n";
}

# ours: announced by the next block; the peer's: what it may announce
sub resize
{
	my ($self, $max) = @_;

	$self->{limit} = $self->{max} = $max;
	$self->_evict;
	return int_encode($max, 5, 32);
}

# --- blocks ---

sub _literal
{
	my ($self, $in, $bits) = @_;
	my $i = int_decode($in, $bits);
	my $name = $i ? $self->_at($i)->[0] : string_decode($in);

	return ($name, string_decode($in));
}

sub _size_update
{
	my ($self, $in, $fields) = @_;
	my $max = int_decode($in, 5);

	die "hpack: a size update after a field\n" if @$fields;
	die "hpack: a table of $max\n" if $max > $self->{limit};
	$self->{max} = $max;
	$self->_evict;
}

sub decode
{
	my ($self, $block) = @_;
	my @fields;

	while (length $block) {
		my $o = ord $block;
		if ($o & 128) {
			my $e = $self->_at(int_decode(\$block, 7));
			push @fields, [@$e, 'indexed'];
		} elsif ($o & 64) {
			my @f = $self->_literal(\$block, 6);
			$self->_insert(@f);
			push @fields, [@f, 'index'];
		} elsif ($o & 32) {
			$self->_size_update(\$block, \@fields);
		} else {
			push @fields, [$self->_literal(\$block, 4),
			    $o & 16 ? 'never' : 'plain'];
		}
	}
	return @fields;
}

# where the field is: (index of the whole, index of a name)
sub _find
{
	my ($self, $name, $value, $how) = @_;
	my ($name_at, $i) = (0, 0);

	for my $e ($self->{static} ? @STATIC : map { ['', ''] } @STATIC) {
		$i++;
		next if $e->[0] ne $name || $name eq '';
		return ($i, $i) if $e->[1] eq $value;
		$name_at ||= $i;
	}
	for my $e ($how eq 'index' ? @{ $self->{table} } : ()) {
		$i++;
		next if $e->[0] ne $name;
		return ($i, $i) if $e->[1] eq $value;
		$name_at ||= $i;
	}
	return (0, $name_at);
}

sub _encode_one
{
	my ($self, $name, $value, $how) = @_;
	my ($bits, $flags) = @{ { plain => [4, 0], never => [4, 16],
	    index => [6, 64] }->{ $how //= 'plain' } };
	my ($whole, $at) = $self->_find($name, $value, $how);

	return int_encode($whole, 7, 128) if $whole && $how ne 'never';
	$self->_insert($name, $value) if $how eq 'index';
	return int_encode($at, $bits, $flags)
	    . ($at ? '' : string_encode($name, $self->{huffman}))
	    . string_encode($value, $self->{huffman});
}

sub encode
{
	my ($self, @fields) = @_;

	return join '', map { ref $_ ? $self->_encode_one(@$_) : $_ } @fields;
}

1;

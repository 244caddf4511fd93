# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The first bytes of a TLS client (RFC 8446, 4.1.2), made as a test wants them.
# hello(sni => name, alpn => [names], groups => 1 or [ids], ticket => bytes,
# minor => n, ciphers => [ids], sigalgs => [ids], versions => [ids], points =>
# [ids], key_share => 1, session => bytes, extensions => [[type, bytes], ...],
# bare => 1 for no list of signature algorithms): what is left out is not in it.
# hello_parts($bytes) is the other way round, of a whole record: session, ciphers,
# sni, alpn, groups, sigalgs, versions, as above, and ext => { type => bytes }.
package Tideway::Hello;
use strict;
use warnings;
use Exporter 'import';

our @EXPORT = qw(hello hello_parts);

sub v1 { return chr(length $_[0]) . $_[0] }
sub v2 { return pack('n', length $_[0]) . $_[0] }
sub ext { return pack('n', $_[0]) . v2($_[1]) }

sub n16 { return pack 'n*', @{ $_[0] } }

sub extensions
{
	my (%o) = @_;
	my $groups = ref $o{groups} ? $o{groups} : [29, 23];

	return (defined $o{sni} ? ext(0, v2("\0" . v2($o{sni}))) : '')
	    . ($o{alpn} ? ext(16, v2(join '', map { v1($_) } @{ $o{alpn} })) : '')
	    . ($o{groups} ? ext(10, v2(n16($groups))) : '')
	    . ($o{points} ? ext(11, v1(pack 'C*', @{ $o{points} })) : '')
	    . (defined $o{ticket} ? ext(35, $o{ticket}) : '')
	    . ($o{bare} ? '' : ext(13, v2(n16($o{sigalgs} // [0x403, 0x804]))))
	    . ($o{versions} ? ext(43, v1(n16($o{versions}))) : '')
	    . ($o{key_share} ? ext(51, v2(pack('n', 29) . v2('k' x 32))) : '')
	    . join('', map { ext(@$_) } @{ $o{extensions} // [] });
}

sub hello
{
	my (%o) = @_;
	my $e = extensions(%o);
	my $body = "\3" . chr($o{minor} // 3) . ('r' x 32) . v1($o{session} // '')
	    . v2(n16($o{ciphers} // [0x1301, 0xc02f])) . v1("\0")
	    . ($e eq '' ? '' : v2($e));

	return "\x16\3\1" . v2("\1" . substr(pack('N', length $body), 1) . $body);
}

sub list16 { return [unpack 'n*', substr $_[0] // '', 2] }

sub hello_parts
{
	my ($bytes) = @_;
	my ($session, $ciphers, undef, $e) = unpack 'x43 C/a n/a C/a n/a', $bytes;
	my %ext = unpack '(n n/a)*', $e // '';

	return { session => $session, ciphers => [unpack 'n*', $ciphers], ext => \%ext,
	    sni => defined $ext{0} ? unpack 'x3 n/a', $ext{0} : undef,
	    alpn => [unpack 'x2 (C/a)*', $ext{16} // "\0\0"],
	    groups => list16($ext{10}), sigalgs => list16($ext{13}),
	    versions => [unpack 'x (n)*', $ext{43} // "\0"] };
}

1;

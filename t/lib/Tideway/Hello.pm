# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The first bytes of a TLS client (RFC 8446, 4.1.2), made as a test wants them.
# hello(sni => name, alpn => [names], groups => 1, ticket => bytes, minor => n):
# what is left out is not in it.
package Tideway::Hello;
use strict;
use warnings;
use Exporter 'import';

our @EXPORT = qw(hello);

sub v1 { return chr(length $_[0]) . $_[0] }
sub v2 { return pack('n', length $_[0]) . $_[0] }
sub ext { return pack('n', $_[0]) . v2($_[1]) }

sub hello
{
	my (%o) = @_;
	my $e = (defined $o{sni} ? ext(0, v2("\0" . v2($o{sni}))) : '')
	    . ($o{alpn} ? ext(16, v2(join '', map { v1($_) } @{ $o{alpn} })) : '')
	    . ($o{groups} ? ext(10, v2(pack 'n*', 29, 23)) : '')
	    . (defined $o{ticket} ? ext(35, $o{ticket}) : '')
	    . ext(13, v2(pack 'n*', 0x403, 0x804));
	my $body = "\3" . chr($o{minor} // 3) . ('r' x 32) . v1('') . v2(pack 'n*', 0x1301, 0xc02f)
	    . v1("\0") . v2($e);
	return "\x16\3\1" . v2("\1" . substr(pack('N', length $body), 1) . $body);
}

1;

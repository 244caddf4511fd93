# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What the tests of ktls share. It comes before Tideway::Test: where the kernel
# has no TLS the test runs in user-mode Linux (Tideway::Uml), or not at all.
#
#   use Tideway::Ktls;
#   $random                       4 MiB
#   ktls_counter($proxy, 'connections')   by the bind `plain`, which has /stats
#   ktls_now()                    connections whose records the kernel makes
#   queued(@ports)                bytes in the queues of all connections of them
#   stalled($least, @ports)       waits until those are so many and change no more
package Tideway::Ktls;
use strict;
use warnings;
use Exporter 'import';
use Tideway::Uml;

BEGIN {
	uml_or_skip(has => \&has_kernel_tls, modules => [qw(net/tls/tls crypto/gf128mul
	    crypto/ghash-generic crypto/ctr crypto/gcm lib/crypto/libchacha lib/crypto/libpoly1305
	    crypto/chacha_generic crypto/poly1305_generic crypto/chacha20poly1305)]);
}

# OpenSSL 3.5 gives the keys for clients with TLS 1.3 only
BEGIN {
	my ($bin) = grep { defined && -x } $ENV{TIDEWAY}, './tideway', '../tideway';
	my $text = defined $bin ? `'$bin' -vv 2>&1` : '';
	require Test::More;
	Test::More::plan(skip_all => 'a sanitizer does not run in user-mode Linux')
	    if $ENV{TW_IN_UML} && $text =~ /Sanitizer|ASan|TSan/;
	Test::More::plan(skip_all => 'OpenSSL does not give the keys that these tests are about')
	    if $text =~ /Running on OpenSSL version : OpenSSL (\S+)/ && $1 !~ /^3\.[01]\./
	    && $0 !~ /tls_ktls_clients\.t$/;
}

our @EXPORT = qw($random ktls_counter ktls_now queued stalled);

our $random = do {
	open my $fh, '<:raw', '/dev/urandom' or die;
	read $fh, my $b, 1 << 20;
	$b x 4;
};

sub _lines
{
	open my $fh, '<', $_[0] or return ();
	return <$fh>;
}

sub ktls_counter
{
	my ($p, $name) = @_;

	return $p->get('plain', '/stats')->body =~ m{tls_ktls_${name}_total</dt><dd>(\d+)</dd>} ? $1 : 'none';
}

sub ktls_now { return join('', _lines('/proc/net/tls_stat')) =~ /^TlsCurrTxSw\s+(\d+)/m ? $1 : 'none' }

sub queued
{
	my $ports = join '|', map { sprintf '%04X', $_ } @_;
	my ($n, $all) = (0, join '', _lines('/proc/net/tcp'));

	while ($all =~ /^ *\d+: \w+:(?:(?:$ports) \w+:\w+|\w+ \w+:(?:$ports)) \w\w (\w+):(\w+)/mg) {
		$n += hex($1) + hex $2;
	}
	return $n;
}

sub stalled
{
	my ($least, @ports) = @_;
	my ($last, $same) = (-1, 0);

	return Tideway::Test::wait_until(sub {
		my $n = queued(@ports);
		$same = $n == $last ? $same + 1 : 0;
		$last = $n;
		return $same > 10 && $n >= $least && $n;
	}, 10);
}

1;

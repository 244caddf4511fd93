# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# ktls: records that the kernel makes, to clients and to servers; in user-mode
# Linux where the machine's own kernel has no TLS.
use FindBin;
use lib "$FindBin::Bin/lib";
use Tideway::Uml;

BEGIN {
	uml_or_skip(has => \&has_kernel_tls, modules => [qw(net/tls/tls crypto/gf128mul
	    crypto/ghash-generic crypto/ctr crypto/gcm lib/crypto/libchacha lib/crypto/libpoly1305 crypto/chacha_generic
	    crypto/poly1305_generic crypto/chacha20poly1305)]);
}

use Tideway::Test;
use Tideway::TLS;
use Tideway::TLSWire;
use Digest::MD5 qw(md5_hex);
my @SIZES = (0, 1, 15, 16, 17, 2047, 2048, 2049, 16383, 16384, 16385, 70000, 1_000_000);

my $random = do { open my $fh, '<:raw', '/dev/urandom' or die; read $fh, my $b, 1 << 20; $b };
my $dir = Tideway::Test::temp_dir();
my $pem = cert('localhost')->{pem};
my $o = origin(respond => sub {
	my ($req) = @_;
	return response(200, $req->body, 'X-Md5: ' . md5_hex($req->body)) if $req->method eq 'POST';
	return response(200, substr $random, 0, $req->uri =~ m{/(\d+)} ? $1 : 5);
});

sub start
{
	my ($opts, @global) = @_;

	return start_proxy(join("\n    ", 'global', @global) . "\n" . defaults() . "
frontend web
    bind {BIND:web} ssl crt $pem ktls on $opts
    default_backend server
backend server
    server s ${\ $o->addr}
frontend plain
    bind {BIND:plain}
    use_backend stats if { path /stats }
    default_backend tls
backend tls
    server s 127.0.0.1:{PORT:web} ssl verify none ktls on $opts
backend stats
    stats enable
    stats uri /stats
");
}

sub counter
{
	my ($p, $name) = @_;

	return $p->get('plain', '/stats')->body =~ m{tls_ktls_${name}_total</dt><dd>(\d+)</dd>} ? $1 : 0;
}

for my $case (['TLSv1_3', 'TLS_AES_128_GCM_SHA256'], ['TLSv1_3', 'TLS_AES_256_GCM_SHA384'],
    ['TLSv1_3', 'TLS_CHACHA20_POLY1305_SHA256'], ['TLSv1_2', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
    ['TLSv1_2', 'ECDHE-ECDSA-AES256-GCM-SHA384'], ['TLSv1_2', 'ECDHE-ECDSA-CHACHA20-POLY1305']) {
	my ($version, $cipher) = @$case;
	subtest "$version $cipher" => sub {
		my $p = start($version eq 'TLSv1_3' ? "ciphersuites $cipher" : "ssl-max-ver TLSv1.2 ciphers $cipher");
		my $m;
		for my $n (@SIZES) {
			$m = https_get($p->addr('web'), path => "/$n", version => $version, ($version eq 'TLSv1_3' ? (suites => $cipher) : ()), $m ? (conn => $m->{conn}) : ());
			ok($m->status == 200 && $m->body eq substr($random, 0, $n), "$n bytes");
		}
		is($m->{tls}{cipher}, $cipher, 'the cipher');
		is(counter($p, 'records'), 1, 'the kernel\'s');
		$m = $p->get('plain', '/1000000');
		ok($m->body eq substr($random, 0, 1_000_000), 'from a server');
		$m = $p->request('plain', "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n"
		    . substr $random, 0, 500_000);
		is($m->header('X-Md5'), md5_hex(substr $random, 0, 500_000), 'to a server');
		is(counter($p, 'records'), 5, 'the kernel\'s');
		stop_proxy($p);
	};
}

diag(`cat /proc/net/tls_stat`);
done_testing;

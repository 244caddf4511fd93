# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# ktls for clients with TLS 1.3: what each OpenSSL can that gives keys at all; the
# other tls_ktls*.t need one that gives all of them.
use FindBin;
use lib "$FindBin::Bin/lib";
use Tideway::Ktls;
use Tideway::Test;
use Tideway::TLS;

my ($minor) = run_cmd('-vv')->{out} =~ /Running on OpenSSL version : OpenSSL 3\.(\d+)/;

plan(skip_all => 'this OpenSSL gives no keys') unless grep { ($minor // '') eq $_ } 0, 1, 5;

my $pem = cert('localhost')->{pem};
my $o = origin(respond => sub {
	return response(200, substr $random, 0, $_[0]->uri =~ m{/(\d+)} ? $1 : 5);
});
my $p = start_proxy(defaults() . "
frontend web
    bind {BIND:web} ssl crt $pem ktls on
    default_backend server
backend server
    server s ${\ $o->addr}
frontend plain
    bind {BIND:plain}
    use_backend stats if { path /stats }
    default_backend tls
backend tls
    server s 127.0.0.1:{PORT:web} ssl verify none ktls on
backend stats
    stats enable
    stats uri /stats
");
my $m;

for my $n (0, 1, 16384, 70_000, 1_000_000) {
	$m = https_get($p->addr('web'), path => "/$n", version => 'TLSv1_3', $m ? (conn => $m->{conn}) : ());
	ok($m->status == 200 && $m->body eq substr($random, 0, $n), "$n bytes");
}
is(ktls_counter($p, 'connections'), 1, 'the kernel\'s');
$m = https_get($p->addr('web'), path => '/100000', version => 'TLSv1_2');
ok($m->body eq substr($random, 0, 100_000), 'TLS 1.2');
$m = $p->get('plain', '/100000');
ok($m->body eq substr($random, 0, 100_000), 'from a server');
stop_proxy($p);

done_testing;

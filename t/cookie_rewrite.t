# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# cookie NAME rewrite: the server sets a cookie, its value becomes the server.
use Tideway::Test;

my @o = map { origin(name => "server$_", respond => sub {
	my ($req, $c, $o) = @_;
	$o->record('cookie', join '|', $req->all('Cookie'));
	my @set = $req->uri =~ m{^/set/(.*)} ? ("Set-Cookie: $1") : ();
	return $o->reply($req, undef, @set);
}) } 1, 2;

my $p = start_proxy(defaults() . "
listen web
    bind {BIND:web}
    balance roundrobin
    cookie SERVERID rewrite nocache
    server server1 ${\ $o[0]->addr} cookie server1
    server server2 ${\ $o[1]->addr} cookie server2
");

is($p->get('web', '/set/SERVERID=')->header('Set-Cookie'),
    'SERVERID=server1', 'an empty value is filled in');
is($p->get('web', '/set/SERVERID=xyz')->header('Set-Cookie'),
    'SERVERID=server2', 'a value is replaced');
is($p->get('web', '/set/SERVERID=xyz;Path=/')->header('Set-Cookie'),
    'SERVERID=server1;Path=/', 'attributes stay');
is($p->get('web', '/set/other=1')->header('Set-Cookie'), 'other=1',
    'other cookies stay');
is($p->get('web', '/')->header('Set-Cookie'), undef, 'none is made up');

for (1 .. 3) {
	my $r = $p->get('web', '/', 'Cookie: SERVERID=server2; a=b');
	is($r->header('X-Server'), 'server2', 'the client stays');
	is(($o[1]->events('cookie'))[-1][2], 'SERVERID=server2; a=b',
	    'the server sees the cookie');
}

stop_proxy($p);

for my $bad ('cookie', 'cookie X insert rewrite', 'cookie X insert prefix',
    'cookie X rewrite prefix', 'cookie X insert nonsense') {
	my $r = check_config(defaults() . "backend b\n    $bad\n    server s 127.0.0.1:1\n");
	is($r->{code}, 1, "'$bad' is refused");
	like($r->{all}, qr/check\.cfg:8\b/, 'with its line') or diag $r->{all};
}

done_testing;

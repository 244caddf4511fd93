# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# cookie NAME insert with its options (HAProxy's manual, 4.2 "cookie").
use Tideway::Test;

my %extra;
my @o = map { origin(name => "server$_", respond => sub {
	my ($req, $c, $o) = @_;
	$o->record('cookie', join '; ', map { $_ } $req->all('Cookie'));
	my @more = ('Cache-Control: max-age=60');
	push @more, "Set-Cookie: $1" if $req->uri =~ m{^/set/(.*)};
	return $o->reply($req, undef, @more);
}) } 1, 2;

sub proxy
{
	my ($cookie, @more) = @_;
	my $more = join '', map { "    $_\n" } @more;

	return start_proxy(defaults() . "
frontend web
    bind {BIND:web}
    default_backend b
backend b
    balance roundrobin
    $cookie
$more    server server1 ${\ $o[0]->addr} cookie server1
    server server2 ${\ $o[1]->addr} cookie server2
");
}

sub last_cookie { ($_[0]->events('cookie'))[-1][2] }
sub ours { grep { /^SRV=/ } $_[0]->all('Set-Cookie') }

subtest 'insert indirect nocache' => sub {
	my $p = proxy('cookie SRV insert indirect nocache');
	my $r = $p->get('web', '/');

	is_deeply([ours($r)], ['SRV=server1; path=/'], 'inserted');
	like(join(',', $r->all('Cache-Control')), qr/private/, 'nocache');
	$r = $p->get('web', '/');
	is_deeply([ours($r)], ['SRV=server2; path=/'], 'next client, next server');
	for my $in ('SRV=server2', 'a=b; SRV=server2', 'SRV=server2; a=b',
	    'a=b; SRV=server2; c=d', 'a="x;y"; SRV=server2',
	    'a=b;SRV=server2;c=d', '  SRV = server2 ;a=b') {
		$r = $p->get('web', '/', "Cookie: $in");
		is($r->header('X-Server'), 'server2', "'$in' stays");
		is_deeply([ours($r)], [], 'no new cookie');
		unlike(last_cookie($o[1]), qr/SRV/, 'the server does not see it');
		is($r->header('Cache-Control'), 'max-age=60',
		    'nothing to hide from caches');
	}
	$p->get('web', '/', 'Cookie: a=b; SRV=server2; c=d');
	is(last_cookie($o[1]), 'a=b; c=d', 'the others stay as they are');
	$p->get('web', '/', 'Cookie: SRV=server2');
	my ($req) = reverse $o[1]->requests;
	ok(!$req->has('Cookie'), 'no empty Cookie field is left');
	stop_proxy($p);
};

subtest 'which value counts' => sub {
	my $p = proxy('cookie SRV insert indirect');
	my $r = $p->get('web', '/', 'Cookie: SRV=nobody');

	is(scalar(ours($r)), 1, 'an unknown server: a new cookie');
	$r = $p->get('web', '/', 'Cookie: XSRV=server2; SRVX=server2');
	is(scalar(ours($r)), 1, 'names must match whole');
	$p->get('web', '/');
	$r = $p->get('web', '/', 'Cookie: srv=server2');
	is(scalar(ours($r)), 1, 'and in case');
	for (1, 2) {
		$r = $p->get('web', '/', 'Cookie: a=1', 'Cookie: SRV=server2');
		is($r->header('X-Server'), 'server2', 'a second Cookie field');
	}
	my $c = $p->client('web');
	for my $n (1, 2, 1, 2, 2, 1) {
		$r = $c->request("GET / HTTP/1.1\r\nHost: a\r\nCookie: SRV=server$n\r\n\r\n");
		is($r->header('X-Server'), "server$n", 'each request for itself');
	}
	stop_proxy($p);
};

subtest 'insert without indirect' => sub {
	my $p = proxy('cookie SRV insert');
	my $r = $p->get('web', '/', 'Cookie: SRV=server2');

	is($r->header('X-Server'), 'server2', 'stays');
	is(last_cookie($o[1]), 'SRV=server2', 'the server sees it');
	stop_proxy($p);
};

subtest 'the server sets the same name' => sub {
	my $p = proxy('cookie SRV insert indirect');
	my $r = $p->get('web', '/set/SRV=mine');

	is_deeply([ours($r)], ['SRV=server1; path=/'], 'ours replaces it');
	stop_proxy($p);

	$p = proxy('cookie SRV insert indirect preserve');
	$r = $p->get('web', '/set/SRV=mine');
	is_deeply([ours($r)], ['SRV=mine'], 'preserve: the server decides');
	stop_proxy($p);
};

subtest 'attributes' => sub {
	my $p = proxy('cookie SRV insert httponly secure domain .example.com attr "SameSite=Lax"');
	my ($own) = ours($p->get('web', '/'));

	is($own, 'SRV=server1; path=/; domain=.example.com; HttpOnly; Secure; SameSite=Lax',
	    'httponly secure domain attr');
	stop_proxy($p);
};

subtest 'postonly' => sub {
	my $p = proxy('cookie SRV insert postonly');

	is_deeply([ours($p->get('web', '/'))], [], 'nothing on GET');
	my $r = $p->request('web', "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
	is(scalar(ours($r)), 1, 'inserted on POST');
	stop_proxy($p);
};

subtest 'maxidle and maxlife' => sub {
	my $p = proxy('cookie SRV insert maxidle 30m maxlife 8h');
	my ($own) = ours($p->get('web', '/'));
	like($own, qr/^SRV=server1\|[\w+\/]{5}\|[\w+\/]{5}; path=\/$/, 'dated');
	my ($value) = $own =~ /^(SRV=[^;]+)/;
	my $r = $p->get('web', '/', "Cookie: $value");
	is($r->header('X-Server'), 'server1', 'a fresh one is good');
	# 1970: long since gone
	$r = $p->get('web', '/', 'Cookie: SRV=server2|AAAAB|AAAAB');
	is(scalar(ours($r)), 1, 'an old one is replaced');
	stop_proxy($p);
};

subtest 'a server without a cookie, a dead one' => sub {
	my $dead = listener();
	my $addr = $dead->addr;
	$dead->close;
	my $p = proxy('cookie SRV insert indirect', 'option redispatch',
	    'retries 1', 'timeout connect 1s',
	    "server dead $addr cookie dead weight 0",
	    'server gone 127.0.0.1:1 cookie gone disabled');
	my $r = $p->get('web', '/', 'Cookie: SRV=gone');
	is($r->status, 200, 'disabled: another one serves');
	is(scalar(ours($r)), 1, 'and is remembered');
	$r = $p->get('web', '/', 'Cookie: SRV=dead');
	is($r->status, 200, 'dead: redispatched');
	is(scalar(ours($r)), 1, 'and remembered');
	stop_proxy($p);
};

done_testing;

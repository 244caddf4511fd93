# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# cookie NAME prefix: the application's cookie carries the server's name.
use Tideway::Test;

my @o = map { origin(name => "server$_", respond => sub {
	my ($req, $c, $o) = @_;
	$o->record('cookie', join '|', $req->all('Cookie'));
	my @set = map { "Set-Cookie: $_" } split /&/,
	    $req->uri =~ m{^/set/(.*)} ? $1 : '';
	return $o->reply($req, undef, @set);
}) } 1, 2;

sub proxy
{
	return start_proxy(defaults() . "
listen web
    bind {BIND:web}
    balance roundrobin
    cookie $_[0]
    server server1 ${\ $o[0]->addr} cookie server1
    server server2 ${\ $o[1]->addr} cookie server2
");
}

sub last_cookie { ($_[0]->events('cookie'))[-1][2] }
sub set { join ' & ', $_[0]->all('Set-Cookie') }

my $p = proxy('JSESSIONID prefix indirect nocache');

subtest 'answers' => sub {
	is(set($p->get('web', '/set/JSESSIONID=abc')), 'JSESSIONID=server1~abc',
	    'the prefix goes before the value');
	is(set($p->get('web', '/set/JSESSIONID=abc;%20Path=/;%20HttpOnly' =~ s/%20/ /gr =~ s/ //gr)),
	    'JSESSIONID=server2~abc;Path=/;HttpOnly', 'attributes stay');
	is(set($p->get('web', '/set/other=1&JSESSIONID=x&more=2')),
	    'other=1 & JSESSIONID=server1~x & more=2', 'other cookies stay');
	is(set($p->get('web', '/set/JSESSION=abc')), 'JSESSION=abc',
	    'other names stay');
	is(set($p->get('web', '/')), '', 'nothing is made up');
	is(set($p->get('web', '/set/JSESSIONID="q"')),
	    'JSESSIONID=server2~"q"', 'quoted values');
};

subtest 'requests' => sub {
	for my $in (['JSESSIONID=server2~abc', 'JSESSIONID=abc'],
	    ['a=b; JSESSIONID=server2~abc; c=d', 'a=b; JSESSIONID=abc; c=d'],
	    ['JSESSIONID=server2~a~b', 'JSESSIONID=a~b'],
	    ['JSESSIONID=server2~', 'JSESSIONID=']) {
		for (1, 2) {
			my $r = $p->get('web', '/', "Cookie: $in->[0]");
			is($r->header('X-Server'), 'server2', "'$in->[0]' stays");
		}
		is(last_cookie($o[1]), $in->[1], 'without the prefix');
	}
	for my $in ('JSESSIONID=abc', 'JSESSIONID=nobody~abc') {
		my $r = $p->get('web', '/', "Cookie: $in");
		my $o = $o[ $r->header('X-Server') =~ /1/ ? 0 : 1 ];
		my $want = $in =~ s/nobody~//r;
		is(last_cookie($o), $want, "'$in' reaches a server")
		    if $in !~ /~/;
		is($r->status, 200, 'and is served');
	}
};

stop_proxy($p);

subtest 'a whole session' => sub {
	my $p = proxy('JSESSIONID prefix');
	my $jar = set($p->get('web', '/set/JSESSIONID=s1'));
	for (1 .. 3) {
		my $r = $p->get('web', '/', "Cookie: $jar");
		is($r->header('X-Server'), 'server1', 'on the same server');
		is(last_cookie($o[0]), 'JSESSIONID=s1', 'with its own value');
	}
	stop_proxy($p);
};

done_testing;

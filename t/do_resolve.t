# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The action do-resolve: requests that wait for name servers, what is kept of
# their answers, where set-dst leads with it, and requests that leave while they
# wait. Compared with Debian's haproxy where it answers the same questions.
use Tideway::Test;
use Tideway::Dns;
use Tideway::Expr qw(haproxy_path);

my ($third, $fourth) = $Tideway::Listener::ADDR =~ /^127\.\d+\.(\d+)\.(\d+)$/;
my @ip = map { "127.$_.$third.$fourth" } 151, 152;
my @o = (origin(name => 'o1', host => $ip[0]));
my $port = $o[0]{port};
push @o, origin(name => 'o2', host => $ip[1], port => $port);

my $dns = Tideway::Dns->new(zone => {
	'one.test/A' => [$ip[0]], 'two.test/A' => [$ip[1]], 'six.test/AAAA' => ['2001:db8::1'],
	'six.test/A' => [$ip[0]], 'late.test/A' => 'late', 'late.test/late' => [$ip[0]], 'silent.test/*' => 'silent',
	'nx.test/*' => 'nx', 'alias.test/A' => 'cname:one.test', 'many.test/A' => [@ip],
	map({ +"n$_.test/A" => [$ip[$_ % 2]] } 1 .. 40),
});

sub config
{
	my ($hold) = @_;

	return "global\n    stats socket {DIR}/sock level admin\n" . defaults() . "
resolvers dns
    nameserver a ${\ $dns->addr}
    resolve_retries 2
    timeout resolve 1s
    timeout retry 1s
    hold valid ${\ ($hold // '10s')}
    hold nx ${\ ($hold // '10s')}
frontend web
    bind {BIND:web}
    http-request do-resolve(txn.ip,dns,ipv4) hdr(host),lower if !{ path_beg /v6 }
    http-request do-resolve(txn.ip,dns,ipv6) hdr(host),lower if { path_beg /v6 }
    http-request return status 200 hdr ip \"[%[var(txn.ip)]]\" if { path_end /ask }
    http-request return status 404 unless { var(txn.ip) -m found }
    default_backend any
backend any
    http-request set-dst var(txn.ip)
    http-request set-dst-port int($port)
    server s 0.0.0.0:0
frontend tcp
    bind {BIND:tcp}
    mode tcp
    tcp-request inspect-delay 5s
    tcp-request content do-resolve(txn.ip,dns,ipv4) req.payload(0,0),word(2,/),lower if { req.len gt 0 }
    tcp-request content set-dst var(txn.ip)
    tcp-request content set-dst-port int($port)
    tcp-request content accept if { var(txn.ip) -m found }
    tcp-request content reject
    default_backend tcpany
backend tcpany
    mode tcp
    server s 0.0.0.0:0
";
}

sub ask
{
	my ($p, $path, $host) = @_;

	return $p->request('web', "GET $path HTTP/1.1\r\nHost: $host\r\nConnection: close\r\n\r\n");
}

sub asked { my ($name) = @_; return scalar grep { m{^\Q$name\E/} } $dns->asked }

my @cases = (['/ask', 'one.test'], ['/ask', 'ONE.Test'], ['/ask', 'two.test'], ['/ask', 'alias.test'], ['/ask', 'nx.test'],
    ['/ask', 'silent.test'], ['/ask', 'six.test'], ['/v6/ask', 'six.test'], ['/v6/ask', 'one.test'], ['/ask', 'late.test'], ['/', 'one.test'],
    ['/', 'two.test'], ['/', 'nx.test'], ['/ask', ''], ['/ask', 'a..b'], ['/ask', 'x' x 300], ['/ask', "bad_name-.test"]);

sub all
{
	my ($bin) = @_;
	my $p = start_proxy(config(), $bin ? (bin => $bin) : ());
	my @got = map {
		my $r = ask($p, @$_);
		join ' ', $r->status, $r->header('ip') // '', $r->header('X-Server') // '';
	} @cases;

	stop_proxy($p);
	return @got;
}

subtest 'compared' => sub {
	my @got = all();
	my @want = haproxy_path() ? all(haproxy_path()) : ();

	for my $i (0 .. $#cases) {
		my $name = join(' ', @{ $cases[$i] }) =~ s/x{20,}/xxx/r;
		@want ? is($got[$i], $want[$i], $name) : ok($got[$i], $name);
	}
	is($got[0], "200 [$ip[0]] ", 'an address');
	is($got[7], '200 [2001:db8::1] ', 'ipv6');
	is($got[10] =~ s/ .*//r, 200, 'set-dst leads to it');
};

subtest 'what is kept' => sub {
	my $p = start_proxy(config());
	my $before = asked('one.test');
	is(ask($p, '/ask', 'one.test')->header('ip'), "[$ip[0]]", 'asked') for 1 .. 5;
	is(asked('one.test') - $before, 1, 'once for all of them: hold valid');
	$before = asked('nx.test');
	ask($p, '/ask', 'nx.test');
	my $once = asked('nx.test') - $before;
	ask($p, '/ask', 'nx.test');
	is(asked('nx.test') - $before, $once, 'what is not there is kept, too: hold nx');
	stop_proxy($p);
	$p = start_proxy(config('100ms'));
	$before = asked('one.test');
	ask($p, '/ask', 'one.test');
	ok(wait_until { ask($p, '/ask', 'one.test'); asked('one.test') >= $before + 3 }, 'no longer than that');
	$dns->zone('two.test/A' => [$ip[0]]);
	ok(wait_until { ask($p, '/ask', 'two.test')->header('ip') eq "[$ip[0]]" }, 'a changed address is found');
	$dns->zone('two.test/A' => [$ip[1]]);
	stop_proxy($p);
};

subtest 'many at once, and who leaves' => sub {
	my $p = start_proxy("" . config() =~ s/global\n/global\n    nbthread 2\n/r);
	my $before = asked('late.test');
	my @c = map { my $c = $p->client('web'); $c->send("GET /ask HTTP/1.1\r\nHost: late.test\r\n\r\n"); $c } 1 .. 8;
	$c[$_]->close for 0 .. 3;
	is($c[$_]->read_message->header('ip'), "[$ip[0]]", "waiter $_") for 4 .. 7;
	is(asked('late.test') - $before, 1, 'one question');
	@c = map { my $c = $p->client('web'); $c->send("GET / HTTP/1.1\r\nHost: n$_.test\r\n\r\n"); [$c, $_] } 1 .. 40;
	for (@c) {
		my ($c, $n) = @$_;
		my $r = $c->read_message;
		is($r && $r->status, 200, "name $n");
	}
	# several on one connection, other names each time
	my $c = $p->client('web');
	for my $n (1, 0, 1) {
		my $r = $c->request("GET / HTTP/1.1\r\nHost: " . ('one.test', 'two.test')[$n] . "\r\n\r\n");
		is($r->header('X-Server'), $o[$n]{name}, 'its own server');
	}
	# one leaves, and one stays when the program is told to end
	$c = $p->client('web');
	$c->send("GET /ask HTTP/1.1\r\nHost: silent.test\r\n\r\n");
	ok(wait_until { asked('silent.test') > 0 }, 'a question without an answer');
	$c->close;
	# a reload while one waits
	$c = $p->client('web');
	$c->send("GET /ask HTTP/1.1\r\nHost: silent.test\r\n\r\n");
	kill 'HUP', $p->{pid};
	is($c->read_message->header('ip'), '[]', 'answered after all');
	is(ask($p, '/ask', 'one.test')->header('ip'), "[$ip[0]]", 'and so are others');
	stop_proxy($p);
};

subtest 'mode tcp' => sub {
	my $p = start_proxy(config());
	for my $case (['one.test', 0], ['two.test', 1]) {
		my $c = $p->client('tcp');
		my $r = $c->request("GET /$case->[0]/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
		is($r && $r->header('X-Server'), $o[$case->[1]]{name}, 'set-dst leads there');
	}
	my $c = $p->client('tcp');
	$c->send("GET /nx.test/x HTTP/1.1\r\n\r\n");
	is($c->read_all, '', 'none: rejected');
	stop_proxy($p);
};

subtest 'mistakes' => sub {
	my @cases = (
		['http-request do-resolve hdr(host)', qr/'do-resolve' needs its arguments in parentheses/],
		['http-request do-resolve(txn.a) hdr(host)', qr/expects a variable and a resolvers section: write do-resolve/],
		['http-request do-resolve(a,dns) hdr(host)', qr/invalid variable name 'a'/],
		['http-request do-resolve(txn.a,none) hdr(host)', qr/there is no resolvers section 'none'/],
		['http-request do-resolve(txn.a,dns,ipx) hdr(host)', qr/'ipv4', 'ipv6' or nothing is expected behind the section/],
		['http-request do-resolve(txn.a,dns,ipv4,x) hdr(host)', qr/'ipv4', 'ipv6' or nothing is expected/],
		['http-request do-resolve(txn.a,dns)', qr/expects an expression that gives a host name/],
		['http-response do-resolve(txn.a,dns) hdr(host)', qr/not supported by tideway in this place/],
		['tcp-request session do-resolve(txn.a,dns) src', qr/not supported by tideway in this place/],
	);
	for my $case (@cases) {
		my $r = check_config("resolvers dns\n    nameserver a 127.0.0.1:5353\n" . defaults()
		    . "frontend f\n    bind 127.0.0.1:1\n    $case->[0]\n    http-request deny\n");
		like($r->{all}, $case->[1], $case->[0]);
		is($r->{code}, 1, 'refused');
	}
};

done_testing;

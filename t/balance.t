# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Every balance algorithm through sockets: how requests are spread, what happens
# when servers are full, go and come back. Exact where servers take turns,
# within five standard deviations where chance decides.
use Tideway::Test;

my $o = origin(host => '0.0.0.0', respond => sub {
	my ($req, $c, $o) = @_;
	my ($n) = $c->sock->sockhost =~ /(\d+)$/;
	$o->wait_flag($1) if $req->uri =~ m{^/wait/(\w+)};
	select undef, undef, undef, 0.03 if $n == 66; # a slow one
	return response($1, "s$n") if $req->uri =~ m{^/status/(\d+)};
	return response(200, "s$n");
});

sub servers
{
	my ($options, @more) = @_;
	my $n = 0;

	return join '', map { $n++; "    server s$n 127.0.4.$n:${\ $o->port} $_\n" } @more;
}

sub request_of
{
	my ($uri, @headers) = @_;

	return "GET $uri HTTP/1.1\r\nHost: www.a.org\r\n"
	    . join('', map { "$_\r\n" } @headers) . "\r\n";
}

# how often each server answered n requests of one connection
sub spread
{
	my ($p, $name, $n, $uri) = @_;
	my $c = $p->client($name);
	my %seen;

	$seen{ $c->request(request_of(($uri // '/') =~ s/%/$_/r))->body }++ for 1 .. $n;
	return \%seen;
}

sub between
{
	my ($n, $of, $p, $what) = @_;
	my $d = $n - $of * $p;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	ok($d * $d <= 25 * $of * $p * (1 - $p), "$what: $n of $of");
}

subtest 'in turn, by weight' => sub {
	my $p = start_proxy(defaults('http-reuse always') . "
listen rr
    bind {BIND:rr}
    balance roundrobin
" . servers('', 'weight 5', 'weight 2', 'weight 1', 'weight 0') . "
listen plain
    bind {BIND:plain}
    balance
" . servers('', '', '', '') . "
listen static
    bind {BIND:static}
    balance static-rr
" . servers('', 'weight 30', 'weight 20', 'weight 10') . "
listen least
    bind {BIND:least}
    balance leastconn
" . servers('', 'weight 2', 'weight 1'));
	is_deeply(spread($p, 'rr', 80), { s1 => 50, s2 => 20, s3 => 10 }, 'roundrobin');
	is_deeply(spread($p, 'plain', 30), { s1 => 10, s2 => 10, s3 => 10 },
	    'balance alone is roundrobin');
	is_deeply(spread($p, 'static', 60), { s1 => 30, s2 => 20, s3 => 10 }, 'static-rr');
	my @c = map { $p->client('least') } 1 .. 6;
	for my $c (@c) { # one after the other: the n-th knows of n - 1
		my $n = $o->requests;
		$c->send(request_of('/wait/least'));
		$o->wait_events('request', $n + 1);
	}
	$o->set('least');
	my %seen;
	$seen{ $_->read_response->body }++ for @c;
	is_deeply(\%seen, { s1 => 4, s2 => 2 }, 'leastconn');
	stop_proxy($p);
};

subtest 'by chance' => sub {
	my $p = start_proxy(defaults('http-reuse always')
	    . join('', map { my $n = $_ =~ s/\W//gr; "
listen $n
    bind {BIND:$n}
    balance $_
" . servers('', 'weight 6', 'weight 3', 'weight 1') } 'random(1)', 'random', 'p2c'));
	my $s = spread($p, 'random1', 600);
	between($s->{s1}, 600, 0.6, 'random(1), weight 6');
	between($s->{s3}, 600, 0.1, 'random(1), weight 1');
	for my $n (qw(random p2c)) {
		$s = spread($p, $n, 300);
		is(($s->{s1} // 0) + ($s->{s2} // 0) + ($s->{s3} // 0), 300, "$n: all answered");
		cmp_ok($s->{s1}, '>', $s->{s3} // 0, "$n: the heavy one has more");
	}
	stop_proxy($p);
};

subtest 'by response times' => sub {
	my $p = start_proxy(defaults('http-reuse always') . "
listen web
    bind {BIND:web}
    balance peak-ewma
    server s1 127.0.4.1:${\ $o->port}
    server s2 127.0.4.2:${\ $o->port}
    server s66 127.0.4.66:${\ $o->port}
    retries 2
    option redispatch 1
listen tcp
    mode tcp
    bind {BIND:tcp}
    balance peak-ewma
    server s1 127.0.4.1:${\ $o->port}
    server dead 127.0.4.1:1
    option redispatch 1
");
	my $s = spread($p, 'web', 100);
	# once it is known, only when it is drawn twice or before anything is known
	cmp_ok($s->{s66} // 0, '<', 34, 'the slow server has less than its share')
	    or diag explain $s;
	my %seen;
	$seen{ $p->request('tcp', request_of('/'))->body }++ for 1 .. 20;
	is_deeply(\%seen, { s1 => 20 }, 'mode tcp, one server dead');
	stop_proxy($p);
};

subtest 'first and sticky' => sub {
	my $p = start_proxy(defaults('http-reuse always') . "
listen first
    bind {BIND:first}
    balance first
    server s1 127.0.4.1:${\ $o->port} id 30 maxconn 1
    server s2 127.0.4.2:${\ $o->port} id 10 maxconn 1
    server s3 127.0.4.3:${\ $o->port} id 20 maxconn 1
listen sticky
    bind {BIND:sticky}
    balance sticky
    default-server inter 50ms fall 1 rise 1 check
" . servers('', '', '', ''));
	is_deeply(spread($p, 'first', 5), { s2 => 5 }, 'the lowest number');
	my @c = map { $p->client('first') } 1 .. 4;
	for my $c (@c[0 .. 2]) {
		my $n = $o->requests;
		$c->send(request_of('/wait/first'));
		$o->wait_events('request', $n + 1);
	}
	$c[3]->send(request_of('/'));
	$o->set('first');
	is(join(' ', map { $_->read_response->body } @c[0 .. 2]), 's2 s3 s1',
	    'then the next ones');
	like($c[3]->read_response->body, qr/^s\d$/, 'then the queue');
	is_deeply(spread($p, 'sticky', 5), { s1 => 5 }, 'sticky: one for all');
	stop_proxy($p);
};

subtest 'backups' => sub {
	my @b = ('disabled', 'backup weight 1', 'backup weight 3');
	my $p = start_proxy(defaults('http-reuse always') . "
listen one
    bind {BIND:one}
" . servers('', @b) . "
listen all
    bind {BIND:all}
    option allbackups
" . servers('', @b) . "
listen hash
    bind {BIND:hash}
    balance uri
    option allbackups
" . servers('', @b) . "
listen unused
    bind {BIND:unused}
    balance random
" . servers('', '', 'backup'));
	is_deeply(spread($p, 'one', 8), { s2 => 8 }, 'the first backup');
	is_deeply(spread($p, 'all', 8), { s2 => 2, s3 => 6 }, 'all of them');
	my $s = spread($p, 'hash', 40, '/%');
	is(($s->{s2} // 0) + ($s->{s3} // 0), 40, 'a hash over all of them');
	is_deeply(spread($p, 'unused', 8), { s1 => 8 }, 'none while a server is there');
	stop_proxy($p);
};

subtest 'hashes' => sub {
	my $p = start_proxy(defaults('http-reuse always') . "
listen post
    bind {BIND:post}
    balance url_param id check_post
" . servers('', ('') x 7) . "
backend late
    balance url_param id check_post
" . servers('', ('') x 7) . "
frontend front
    bind {BIND:front}
    default_backend late
listen tcp
    mode tcp
    bind {BIND:tcp}
    balance uri
" . servers('', '', '') . "
listen source
    mode tcp
    bind {BIND:source} accept-proxy
    balance source
    hash-type consistent
" . servers('', ('') x 5) . "
listen none
    bind {BIND:none}
    balance hash req.hdr_val(X-N)
    hash-type map-based none
" . servers('', ('') x 4) . "
listen addr
    bind {BIND:addr}
    balance uri
    hash-type consistent
    default-server hash-key addr-port
" . servers('', ('') x 4));
	for my $name (qw(post front)) {
		my $want = $p->request($name, request_of('/?id=user7'))->body;
		my $post = sub {
			my ($body, @h) = @_;
			return "POST / HTTP/1.1\r\nHost: a\r\n" . join('', map { "$_\r\n" } @h)
			    . "Content-Length: " . length($body) . "\r\n\r\n$body";
		};
		is($p->request($name, $post->('a=1&id=user7&b=2'))->body, $want,
		    "$name: a parameter in the body, the same server");
		my $c = $p->client($name);
		my $late = $post->('id=user7');
		$c->send(substr $late, 0, -5);
		ok($c->is_quiet(0.1), "$name: waits for the body");
		is($c->request(substr $late, -5)->body, $want, "$name: and finds it");
		is($p->request($name, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked"
		    . "\r\n\r\n8\r\nid=user7\r\n0\r\n\r\n")->body, $want, "$name: chunked");
		is($p->request($name, $post->('id=user7&x=' . 'y' x 200000))->body, $want,
		    "$name: at the beginning of a long one");
		my %seen;
		$seen{ $p->request($name, $post->('nothing'))->body }++ for 1 .. 14;
		is_deeply([values %seen], [(2) x 7], "$name: without it in turn");
	}
	my %seen;
	$seen{ $p->request('tcp', request_of('/a'))->body }++ for 1 .. 4;
	is_deeply(\%seen, { s1 => 2, s2 => 2 }, 'a hash of HTTP in mode tcp: in turn');
	for my $ip ('10.0.0.1', '10.9.8.7') {
		%seen = map { $p->request('source', "PROXY TCP4 $ip 127.0.0.1 1 2\r\n"
		    . request_of('/'))->body => 1 } 1 .. 4;
		is(scalar keys %seen, 1, "$ip: always the same server");
	}
	is($p->request('none', request_of('/', "X-N: $_"))->body, 's' . (1 + $_ % 4),
	    "none: $_ is the hash itself") for 0, 5, 1000003;
	my $s = spread($p, 'addr', 60, '/%');
	cmp_ok(scalar keys %$s, '>=', 3, 'hash-key addr-port: spread');
	is_deeply(spread($p, 'addr', 60, '/%'), $s, 'and the same again');
	stop_proxy($p);
};

# what waits, what goes on, what is refused when the key's server is full
subtest 'affinity' => sub {
	my $p = start_proxy(defaults('http-reuse always') . join('', map {
		my ($name, $words) = @$_; "
listen $name
    bind {BIND:$name}
    balance uri
    hash-type consistent
    $words
" . servers('', ('maxconn 1 maxqueue 1') x 3) } ['always', ''],
	    ['maxconn', 'hash-preserve-affinity maxconn'],
	    ['maxqueue', 'hash-preserve-affinity maxqueue']));
	for my $name (qw(always maxconn maxqueue)) {
		my $uri = "/wait/$name";
		my @c = map { $p->client($name) } 1 .. 3;
		my $n = $o->requests;
		$c[0]->send(request_of($uri));
		$o->wait_events('request', $n + 1);
		$c[1]->send(request_of($uri));
		if ($name eq 'maxconn') {
			$o->wait_events('request', $n + 2);
		} else {
			ok($c[1]->is_quiet(0.1), "$name: the second waits");
		}
		$c[2]->send(request_of($uri));
		if ($name eq 'always') {
			is($c[2]->read_response->status, 503, 'always: the third is refused');
		} else {
			$o->wait_events('request', $n + ($name eq 'maxconn' ? 3 : 2));
		}
		$o->set($name);
		my @s = map { $_->read_response->body } @c[0 .. ($name eq 'always' ? 1 : 2)];
		is($s[0], $s[1], "$name: at the same server") if $name ne 'maxconn';
		isnt($s[0], $s[-1], "$name: the last at another one") if $name ne 'always';
	}
	stop_proxy($p);
};

subtest 'the last server' => sub {
	my $p = start_proxy(defaults() . "
listen prefer
    bind {BIND:prefer}
    option prefer-last-server
" . servers('', ('') x 3) . "
listen plain
    bind {BIND:plain}
" . servers('', ('') x 3) . "
listen hash
    bind {BIND:hash}
    balance uri
    option prefer-last-server
" . servers('', ('') x 3) . "
listen off
    bind {BIND:off}
    no option prefer-last-server
" . servers('', ('') x 3));
	is(scalar keys %{ spread($p, 'prefer', 9) }, 1, 'the option: stays');
	is(scalar keys %{ spread($p, 'plain', 9) }, 3, 'without: goes around');
	is(scalar keys %{ spread($p, 'off', 9) }, 3, 'no option: goes around');
	cmp_ok(scalar keys %{ spread($p, 'hash', 30, '/%') }, '>', 1,
	    'a hash is not overruled');
	for my $status (401, 407) {
		my $c = $p->client('plain');
		my $first = $c->request(request_of("/status/$status"))->body;
		is(join(' ', map { $c->request(request_of('/'))->body } 1 .. 4),
		    join(' ', ($first) x 4), "$status: the client stays there");
	}
	stop_proxy($p);
};

subtest 'minconn and fullconn' => sub {
	my $p = start_proxy(defaults() . "
listen web
    bind {BIND:web}
    fullconn 4
    server s1 127.0.4.1:${\ $o->port} minconn 1 maxconn 2
listen only
    bind {BIND:only}
    server s1 127.0.4.1:${\ $o->port} minconn 1
");
	my @c = map { $p->client('web') } 1 .. 4;
	my $n = $o->requests;
	$_->send(request_of('/wait/min')) for @c[0, 1, 2];
	$o->wait_events('request', $n + 1);
	ok($c[1]->is_quiet(0.1) && $c[2]->is_quiet(0), 'few sessions: minconn holds');
	is(scalar($o->requests), $n + 1, 'one request is at the server');
	$c[3]->send(request_of('/wait/min'));
	$o->wait_events('request', $n + 2);
	pass('at fullconn: maxconn');
	$o->set('min');
	is(join(' ', map { $_->read_response->status } @c), '200 200 200 200',
	    'all are answered');
	@c = map { $p->client('only') } 1 .. 2;
	$n = $o->requests;
	$c[0]->send(request_of('/wait/only'));
	$o->wait_events('request', $n + 1);
	$c[1]->send(request_of('/'));
	ok($c[1]->is_quiet(0.1), 'minconn alone is maxconn');
	$o->set('only');
	is($_->read_response->status, 200, 'answered') for @c;
	stop_proxy($p);
};

subtest 'what is wrong' => sub {
	my $head = defaults() . "listen a\n    bind 127.0.0.1:1\n    server s 127.0.0.1:2\n";
	for (['balance nosuch', qr/nosuch/], ['balance hdr', qr/http header field name/],
	    ['balance hdr()', qr/http header field name/],
	    ['balance hdr(a) foo', qr/use_domain_only.*foo/],
	    ['balance hdr(a) use_domain_only b', qr/got 'b'/],
	    ['balance uri len', qr/'len' expects a positive integer/],
	    ['balance uri depth 0', qr/'depth' expects a positive integer.*'0'/],
	    ['balance uri foo', qr/'whole'.*'foo'/], ['balance uri(x)', qr/parenthes/],
	    ['balance url_param', qr/requires an URL parameter name/],
	    ['balance url_param x foo', qr/'check_post'.*'foo'/],
	    ['balance url_param x check_post 64 y', qr/'y'|nothing after/],
	    ['balance source x', qr/takes no arguments/],
	    ['balance roundrobin x', qr/takes no arguments/],
	    ['balance roundrobin(2)', qr/parenthes/],
	    ['balance random(0)', qr/draws must be at least 1/],
	    ['balance random(x)', qr/draws must be at least 1/],
	    ['balance random(2', qr/draws in parentheses/],
	    ['balance random 2', qr/no other arguments/],
	    ['balance hash', qr/requires a sample expression/],
	    ['balance hash nosuch', qr/nosuch/], ['balance hash src x', qr/got 'x'/],
	    ['hash-type', qr/hash-type/], ['hash-type foo', qr/'consistent' and 'map-based'/],
	    ['hash-type avalanche', qr/map-based sdbm avalanche/],
	    ['hash-type consistent foo', qr/'foo'/],
	    ['hash-type consistent wt6', qr/'wt6' is known to HAProxy but not/],
	    ['hash-type consistent sdbm foo', qr/'avalanche' as a modifier/],
	    ['hash-type consistent sdbm avalanche x', qr/'x'/],
	    ['hash-balance-factor 100', qr/0 or greater than 100/],
	    ['hash-balance-factor x', qr/integer/],
	    ['hash-preserve-affinity never', qr/always \| maxconn \| maxqueue/],
	    ['server t 127.0.0.1:3 hash-key foo', qr/addr-port/],
	    ['server t 127.0.0.1:3 minconn x', qr/minconn/],
	    ['option prefer-last-server x', qr/'x'/]) {
		my $r = check_config("$head    $_->[0]\n");
		is($r->{code}, 1, $_->[0]);
		like($r->{all}, $_->[1], 'with the reason');
	}
	my $r = check_config("$head    balance url_param x check_post 64\n");
	is($r->{code}, 0, 'check_post with its former argument');
	like($r->{all}, qr/'64' is ignored/, 'is warned of');
	$r = check_config("$head    mode tcp\n    balance uri\n");
	is($r->{code}, 0, 'a hash of HTTP in mode tcp');
	like($r->{all}, qr/Layer 7 hash not possible/, 'is warned of');
	for my $line ('hash-type consistent', 'hash-balance-factor 150', 'balance uri',
	    'hash-preserve-affinity maxconn', 'persist rdp-cookie', 'cookie S insert',
	    'dynamic-cookie-key k', 'option prefer-last-server', 'option persist') {
		$r = check_config(defaults()
		    . "frontend f\n    bind 127.0.0.1:1\n    $line\n");
		is($r->{code}, 0, "$line in a frontend");
		like($r->{all}, qr/ignored because frontend 'f' has no backend capability/,
		    'is warned of');
	}
	# what a defaults section says holds for all
	$r = check_config("defaults\n    mode http\n    balance hdr(a)\n    hash-type consistent\n"
	    . "    hash-balance-factor 150\n    hash-preserve-affinity maxconn\n"
	    . "    option prefer-last-server\n    timeout client 1s\n    timeout server 1s\n"
	    . "    timeout connect 1s\n    default-server hash-key addr minconn 1 maxconn 2\n"
	    . "listen a\n    bind 127.0.0.1:1\n    server s 127.0.0.1:2\n");
	is($r->{code}, 0, 'all of it in defaults') or diag $r->{all};
};

done_testing;

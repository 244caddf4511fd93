# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Options of servers: where connections to them come from, how many are kept,
# redirections, and servers whose address or port is what the client asked for.
use Tideway::Test;
use IO::Socket::INET;

my ($third, $fourth) = $Tideway::Listener::ADDR =~ /^127\.\d+\.(\d+)\.(\d+)$/;
my @ip = map { "127.$_.$third.$fourth" } 151 .. 154;
# answers with where the connection came from
my $o = origin(name => 's', respond => sub {
	my ($req, $c, $o) = @_;
	$o->wait_flag($1) if $req->uri =~ m{^/wait/(\w+)};
	return response(200, $c->sock->peerhost, 'X-Port: ' . $c->sock->peerport);
});
my $get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

sub proxy
{
	my ($lines, %opt) = @_;

	return start_proxy(($opt{global} // '') . defaults(@{ $opt{defaults} // [] }) . "
frontend web
    bind {BIND:web}
    bind {BIND:pp} accept-proxy
    stats uri /stats
    default_backend b
backend b
    $lines
");
}

sub row
{
	my ($p, $name) = @_;
	my ($csv) = grep { /^b,$name,/ } split /\n/, $p->get('web', '/stats;csv')->body;

	return split /,/, $csv;
}

subtest 'source' => sub {
	my $p = proxy("source $ip[0]
    server s ${\ $o->addr}");
	is($p->get('web', '/')->body, $ip[0], 'of the backend');
	stop_proxy($p);
	$p = proxy("source $ip[0]
    server s ${\ $o->addr} source $ip[1] weight 3");
	is($p->get('web', '/')->body, $ip[1], "a server's own");
	stop_proxy($p);
	$p = proxy("server s ${\ $o->addr}", defaults => ["source $ip[2]"]);
	is($p->get('web', '/')->body, $ip[2], 'from defaults');
	stop_proxy($p);
	$p = proxy("source *
    server s ${\ $o->addr} source 0.0.0.0");
	is($p->get('web', '/')->status, 200, 'any');
	stop_proxy($p);
};

subtest 'a range of ports' => sub {
	my $free = IO::Socket::INET->new(Listen => 1, LocalAddr => $ip[3])->sockport;
	my ($low, $high) = $free > 60000 ? ($free - 3, $free) : ($free, $free + 3);
	my $p = proxy("http-reuse never
    server s ${\ $o->addr} source $ip[3]:$low-$high");
	my %seen;
	for (1 .. 8) {
		my $r = $p->get('web', '/');
		is($r->body, $ip[3], 'the address');
		$seen{ $r->header('X-Port') }++;
	}
	is(scalar(grep { $_ < $low || $_ > $high } keys %seen), 0, 'ports of the range');
	cmp_ok(scalar(keys %seen), '>', 1, 'more than one of them');
	stop_proxy($p);
};

subtest 'usesrc' => sub {
	plan skip_all => 'needs root' unless $> == 0;
	my $as = sub {
		my ($how, @headers) = @_;
		my $p = proxy("server s ${\ $o->addr} source 0.0.0.0 usesrc $how");
		my $c = $p->client('pp');
		$c->send("PROXY TCP4 $ip[1] $ip[0] 12345 80\r\nGET / HTTP/1.1\r\nHost: a\r\n"
		    . join('', map { "$_\r\n" } @headers) . "\r\n");
		my $r = $c->read_response;
		stop_proxy($p);
		return $r->body;
	};
	my $xff = 'X-Forwarded-For';
	is($as->('clientip'), $ip[1], 'clientip');
	is($as->($ip[2]), $ip[2], 'an address');
	is($as->("hdr_ip($xff)", "$xff: $ip[0], $ip[3]"), $ip[3], 'hdr_ip: the last');
	is($as->("hdr_ip($xff,1)", "$xff: $ip[0], $ip[3]"), $ip[0], 'the first');
	is($as->("hdr_ip($xff,-2)", "$xff: $ip[0]", "$xff: $ip[3]"), $ip[0], 'the last but one');
	is($as->("hdr_ip($xff)", "$xff: junk"), '127.0.0.1', 'none: the system chooses');
	# each client has connections of its own
	my $p = proxy("server s ${\ $o->addr} source 0.0.0.0 usesrc clientip");
	for my $n (1, 2, 1) {
		my $c = $p->client('pp');
		$c->send("PROXY TCP4 $ip[$n] $ip[0] 0 80\r\n$get");
		is($c->read_response->body, $ip[$n], "client $n");
	}
	stop_proxy($p);
};

subtest 'checks have the source too' => sub {
	my $l = listener();
	my $p = proxy("option httpchk
    server s ${\ $l->addr} source $ip[2] check inter 50ms");
	my $s = $l->accept;
	is($s->sock->peerhost, $ip[2], 'a check');
	$s->send(response(200, ''));
	stop_proxy($p);
};

subtest 'redir' => sub {
	my $p = proxy("server s ${\ $o->addr} redir http://there.test/base");
	my $c = $p->client('web');
	my $r = $c->request("GET /a/b?c=d HTTP/1.1\r\nHost: a\r\n\r\n");
	is($r->status, 302, 'GET');
	is($r->header('Location'), 'http://there.test/base/a/b?c=d', 'to the prefix and its path');
	is($c->request("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")->status, 302, 'HEAD');
	is($c->request("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")->status, 200,
	    'POST is served');
	is($c->request($get)->status, 302, 'GET again');
	is((row($p, 's'))[4], 0, 'no slot is left taken');
	stop_proxy($p);
};

# connections that the server sees for requests of several clients
sub connections
{
	my ($options, $between) = @_;
	my $p = proxy("http-reuse always\n    server s ${\ $o->addr} $options",
	    global => "global\n    nbthread 1\n"); # each thread has its own
	my %ports;
	for (1 .. 3) {
		my $c = $p->client('web');
		$ports{ $c->request($get)->header('X-Port') }++;
		$c->close;
		$between->($p) if $between;
	}
	stop_proxy($p);
	return scalar keys %ports;
}

subtest 'idle connections' => sub {
	is(connections(''), 1, 'kept');
	is(connections('pool-max-conn -1 pool-low-conn 2'), 1, 'without a limit');
	is(connections('pool-max-conn 0'), 3, 'pool-max-conn 0');
	is(connections('pool-purge-delay 0'), 3, 'pool-purge-delay 0');
	my $gone = sub {
		my ($p) = @_;
		wait_until { (row($p, 's'))[4] == 0 };
		select undef, undef, undef, 0.1; # longer than the delay: two periods
	};
	is(connections('pool-purge-delay 20ms', $gone), 3, 'pool-purge-delay 20ms');
};

subtest 'what the client asked for' => sub {
	my @l = map { origin(name => "o$_", host => $ip[$_]) } 0, 1;
	my $p = start_proxy(defaults() . "
listen web
    bind {BIND:pp} accept-proxy
    http-reuse always
    server s *:$l[0]{port}
listen port
    bind {BIND:port} accept-proxy
    http-reuse always
    server s $ip[0]
");
	my $ask = sub {
		my ($bind, $dst, $port) = @_;
		my $c = $p->client($bind);
		$c->send("PROXY TCP4 127.0.0.1 $dst 1 $port\r\n$get");
		return $c->read_response->header('X-Server') // 'none';
	};
	my $other = origin(name => 'other', host => $ip[1], port => $l[0]{port});
	is($ask->('pp', $ip[0], 80), 'o0', "'*': the address");
	is($ask->('pp', $ip[1], 80), 'other', 'another one, on a connection of its own');
	is($ask->('port', '10.0.0.1', $l[0]{port}), 'o0', 'no port: the port');
	my $second = origin(name => 'second', host => $ip[0]);
	is($ask->('port', '10.0.0.1', $second->{port}), 'second', 'another one');
	stop_proxy($p);
};

subtest 'accepted' => sub {
	my $r = check_config(defaults() . "
backend b
    default-server non-stick proto h1 ws auto
    server s 127.0.0.1:1 ws h1 source 127.0.0.1 interface lo weight 2
backend t
    mode tcp
    server s 127.0.0.1:1 proto none
");
	unlike($r->{all}, qr/ALERT/, 'non-stick, proto, ws, source with an interface');
};

subtest 'errors' => sub {
	for my $case ([ 'source', qr/source/ ], [ 'source foo', qr/expects an IP address/ ],
	    [ 'source 127.0.0.1 usesrc', qr/'usesrc' expects/ ],
	    [ 'source 127.0.0.1 usesrc foo', qr/expects an IP address/ ],
	    [ 'source 127.0.0.1 usesrc hdr_ip(a', qr/missing '\)'/ ],
	    [ 'source 127.0.0.1 usesrc hdr_ip(a,x)', qr/occurrence 'x'/ ],
	    [ 'source 127.0.0.1 interface', qr/'interface' expects/ ],
	    [ 'source 127.0.0.1:9-3', qr/invalid port range/ ],
	    [ 'redir', qr/redir/ ],
	    [ 'pool-max-conn -2', qr/pool-max-conn/ ], [ 'pool-purge-delay x', qr/pool-purge-delay/ ],
	    [ 'proto fcgi', qr/not supported by tideway yet/ ], [ 'proto foo', qr/does not know 'foo'/ ],
	    [ 'proto none', qr/does not know 'none'/ ],
	    [ 'ws x', qr/does not know/ ],
	    [ 'tcp-ut', qr/tcp-ut/ ],
	    [ 'shard 1', qr/not supported by tideway yet/ ],
	    [ 'socks4 127.0.0.1:1', qr/not supported by tideway yet/ ]) {
		my $r = check_config(defaults() . "backend b\n server s 127.0.0.1:1 $case->[0]\n");
		is($r->{code}, 1, "refused: $case->[0]");
		like($r->{all}, $case->[1], 'for that reason');
	}
	my $r = check_config(defaults() . "backend b\n source 127.0.0.1 foo\n");
	like($r->{all}, qr/'source' does not know 'foo'/, 'of a backend: surplus words');
};

done_testing;

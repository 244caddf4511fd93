# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What bind and server lines say of their sockets, by its effect on a network:
# foreign addresses, interfaces, segment sizes, time-outs, TCP Fast Open, where
# connections come from. All of it in namespaces of the test's own.
use Tideway::Test;
use Tideway::Netns;
use IO::Socket::INET;
use Socket qw(:all);

my $why = netns_enter();
plan skip_all => $why if $why;
netns_add('client', 1); # 10.1.0.2
netns_add('other', 2);  # 10.2.0.2
netns_add('server', 3); # 10.3.0.2
sh("sysctl -w net.ipv4.ip_forward=0 net.ipv4.tcp_fastopen=3");

my $get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
my $from = in_netns('server', sub {
	origin(name => 'there', host => '10.3.0.2', respond => sub {
		my ($req, $c, $o) = @_;
		return response(200, $c->sock->peerhost, 'X-Port: ' . $c->sock->peerport,
		    'X-Local: ' . $c->sock->sockhost . ':' . $c->sock->sockport);
	});
});

# a connection from a namespace
sub reach
{
	my ($ns, $host, $port, %opt) = @_;
	my $s = in_netns($ns, sub {
		IO::Socket::INET->new(PeerHost => $host, PeerPort => $port, Timeout => $opt{secs} // 5,
		    Proto => 'tcp', %{ $opt{sock} // {} });
	});
	return $s ? Tideway::Peer->new($s) : undef;
}

sub free_port
{
	my $s = IO::Socket::INET->new(Listen => 1, LocalAddr => $_[0] // '127.0.0.1', ReuseAddr => 1);
	return $s->sockport;
}

# what a counter of the kernel has, in our namespace
sub counter
{
	my ($name, $of) = @_;
	$of //= 'TcpExt';
	my ($head, $line) = grep { /^$of:/ } split /\n/, slurp('/proc/net/netstat');
	my @names = split ' ', $head;
	my @v = split ' ', $line;

	for my $i (0 .. $#names) {
		return $v[$i] if $names[$i] eq $name;
	}
	return 0;
}

subtest 'bind transparent' => sub {
	plan skip_all => 'no TPROXY here' unless sh('iptables -t mangle -A PREROUTING -p tcp -d 10.9.9.0/24 '
	    . '-j TPROXY --on-port 8080 --on-ip 10.9.9.9 --tproxy-mark 1');
	sh('ip rule add fwmark 1 lookup 100 && ip route add local 0.0.0.0/0 dev lo table 100');
	my $text = sub { defaults() . "
listen web
    bind {BIND:web}
    bind 10.9.9.9:8080 $_[0]
    http-response set-header X-Dst %[dst]:%[dst_port]
    server s ${\ $from->addr}
" };
	my $r = run_cmd('-db', '-f', spew('foreign.cfg', $text->('') =~ s/\{BIND:web\}/127.0.0.1:0/r));
	is($r->{code}, 1, 'without it a foreign address cannot be bound');
	like($r->{all} // $r->{err}, qr/cannot bind socket \[10\.9\.9\.9:8080\]/, 'and why');
	my $p = start_proxy($text->('transparent'));
	my $c = reach('client', '10.9.9.9', 8080);
	ok($c, 'what is routed here for it is taken') or return;
	my $a = $c->request($get);
	is($a->status, 200, 'and served');
	is($a->header('X-Dst'), '10.9.9.9:8080', 'at the address that was asked for');
	$c = reach('client', '10.9.9.77', 8080);
	is($c && $c->request($get)->status, 200, 'and so is what TPROXY brings for another');
	stop_proxy($p);
	sh('iptables -t mangle -F');
};

subtest 'bind interface' => sub {
	my $port = free_port();
	my $p = start_proxy(defaults() . "
listen web
    bind {BIND:web}
    bind 0.0.0.0:$port interface w1
    server s ${\ $from->addr}
");
	my $c = reach('client', '10.1.0.1', $port);
	is($c && $c->request($get)->status, 200, 'by that interface');
	is(reach('other', '10.2.0.1', $port), undef, 'not by another');
	is(IO::Socket::INET->new(PeerHost => '127.0.0.1', PeerPort => $port), undef, 'nor by lo');
	stop_proxy($p);
	my $r = run_cmd('-db', '-f', spew('if.cfg', defaults()
	    . "listen a\n    bind 127.0.0.1:0 interface nosuchone\n"));
	is($r->{code}, 1, 'one that is not there: no start');
};

subtest 'bind mss' => sub {
	my @port = map { free_port() } 1 .. 3;
	my $p = start_proxy(defaults() . "
listen web
    bind {BIND:web}
    bind 10.1.0.1:$port[0]
    bind 10.1.0.1:$port[1] mss 700
    bind 10.1.0.1:$port[2] mss 900
    server s ${\ $from->addr}
");
	my @mss = map {
		my $c = reach('client', '10.1.0.1', $_);
		unpack 'i', getsockopt($c->sock, IPPROTO_TCP, 2);
	} @port;
	cmp_ok($mss[0], '>', 1300, 'a full segment');
	cmp_ok($mss[1], '<=', 700, 'mss 700: what the client may send');
	cmp_ok($mss[1], '>', 600, 'not less than that');
	cmp_ok($mss[2], '<=', 900, 'mss 900');
	cmp_ok($mss[2], '>', 800, 'not less than that');
	stop_proxy($p);
};

subtest 'bind defer-accept, backlog' => sub {
	my $l = listener();
	my @port = map { free_port() } 1, 2;
	my $p = start_proxy(defaults() . "
listen tcp
    mode tcp
    bind {BIND:web}
    bind 127.0.0.1:$port[0] backlog 7
    bind 127.0.0.1:$port[1] defer-accept backlog 13
    server s ${\ $l->addr}
");
	my @c = map { IO::Socket::INET->new(PeerHost => '127.0.0.1', PeerPort => $_) } @port;
	my $s = $l->accept;
	ok($s, 'a connection is passed on at once');
	is($l->accept(0.3), undef, 'with defer-accept not before it says something');
	syswrite $c[1], 'hello';
	$s = $l->accept;
	is($s && $s->read_bytes(5), 'hello', 'then it is, with its bytes');
	my $ss = `ss -Hltn`;
	like($ss, qr/^LISTEN\s+\d+\s+7\s+127\.0\.0\.1:$port[0]\s/m, 'backlog 7');
	like($ss, qr/^LISTEN\s+\d+\s+13\s+127\.0\.0\.1:$port[1]\s/m, 'backlog 13');
	stop_proxy($p);
};

# a client that takes nothing any more, and whose acknowledgements are lost
subtest 'bind tcp-ut' => sub {
	my $port = free_port('10.1.0.1');
	my $l = listener();
	my $p = start_proxy("
defaults
    mode tcp
    timeout connect 5s
    timeout client 90s
    timeout server 90s
listen web
    bind {BIND:web}
    bind 10.1.0.1:$port tcp-ut 300ms
    server s ${\ $l->addr}
");
	my $c = reach('client', '10.1.0.1', $port);
	my $s = $l->accept;
	ok($s, 'connected') or return;
	sh('ip -n ' . netns_name('client') . ' link set out down');
	$s->send('x' x 1000);
	ok($s->is_closed, 'the connection is given up');
	sh('ip -n ' . netns_name('client') . ' link set out up');
	sh('ip -n ' . netns_name('client') . ' route add default via 10.1.0.1');
	stop_proxy($p);
};

subtest 'bind tfo' => sub {
	my $port = free_port('10.1.0.1');
	my $p = start_proxy(defaults() . "
listen web
    bind {BIND:web}
    bind 10.1.0.1:$port tfo
    server s ${\ $from->addr}
");
	my $before = counter('TCPFastOpenPassive');
	in_netns('client', sub { sh('sysctl -w net.ipv4.tcp_fastopen=1') });
	for (1 .. 3) { # the first one gets a cookie
		my $s = in_netns('client', sub {
			socket(my $fh, AF_INET, SOCK_STREAM, 0) or die $!;
			send($fh, $get, 0x20000000, pack_sockaddr_in($port, inet_aton('10.1.0.1'))) or die $!;
			bless $fh, 'IO::Socket::INET';
		});
		is(Tideway::Peer->new($s)->read_response->status, 200, 'served');
	}
	cmp_ok(counter('TCPFastOpenPassive') - $before, '>=', 1, 'by the first packet');
	stop_proxy($p);
};

subtest 'server tfo' => sub {
	my $fast = IO::Socket::INET->new(Listen => 9, LocalAddr => '127.0.0.1', ReuseAddr => 1);
	setsockopt($fast, IPPROTO_TCP, 23, pack 'i', 9) or plan skip_all => 'no TCP_FASTOPEN';
	my $l = bless { sock => $fast, host => '127.0.0.1', port => $fast->sockport }, 'Tideway::Listener';
	my $p = start_proxy("global\n    nbthread 1\n" . defaults('http-reuse never', 'max-session-srv-conns 0') . "
listen plain
    bind {BIND:plain}
    server s ${\ $l->addr}
listen fast
    bind {BIND:fast}
    default-server tfo
    retry-on conn-failure empty-response response-timeout
    server s ${\ $l->addr}
listen no
    bind {BIND:no}
    default-server tfo
    server s ${\ $l->addr} no-tfo
listen tcp
    mode tcp
    bind {BIND:tcp}
    server s ${\ $l->addr} tfo
");
	my $turn = sub {
		my ($fe) = @_;
		my $c = $p->client($fe);
		$c->send($get);
		my $s = $l->accept or return 'no connection';
		my $head = $s->read_head;
		$s->send(response(200, 'x'));
		return $head->method . ' ' . $c->read_response->status;
	};
	my $active = sub { counter('TCPFastOpenActive') };
	$turn->('fast'); # gets a cookie
	my $n = $active->();
	is($turn->('plain'), 'GET 200', 'without tfo');
	is($turn->('no'), 'GET 200', 'with no-tfo');
	is($active->(), $n, 'connects as usual');
	is($turn->('fast'), 'GET 200', 'with tfo');
	is($active->(), $n + 1, 'the request goes with the first packet');
	is($turn->('tcp'), 'GET 200', 'mode tcp');
	$n = $active->();
	my $c = $p->client('tcp');
	my $s = $l->accept;
	ok($s, 'a client that says nothing is connected nevertheless');
	$s->send('220 hello');
	is($c->read_bytes(9), '220 hello', 'to a server that speaks first');
	is($active->(), $n, 'in the usual way');

	$l->close; # the cookie is still known
	my $began = $p->client('fast');
	$began->send($get);
	is($began->read_response->status, 503, 'nobody there: tried again, then told');
	stop_proxy($p);
	for my $bad ('tfo', 'no-tfo') {
		my $r = check_config(defaults() . "backend b\n    server s 127.0.0.1:1 $bad surplus\n");
		is($r->{code}, 1, "$bad with an argument: refused");
		like($r->{all}, qr/surplus/, 'by its word');
	}
};

subtest 'source ... usesrc' => sub {
	sh('ip rule add fwmark 1 lookup 100; ip route add local 0.0.0.0/0 dev lo table 100');
	plan skip_all => 'no socket match here'
	    unless sh('iptables -t mangle -A PREROUTING -p tcp -m socket --transparent -j MARK --set-mark 1');
	my $port = free_port('10.1.0.1');
	my $as = sub {
		my ($how, $head) = @_;
		my $p = start_proxy(defaults() . "
listen web
    bind {BIND:web}
    bind 10.1.0.1:$port
    source 0.0.0.0 usesrc $how
    server s ${\ $from->addr}
");
		my $c = reach('client', '10.1.0.1', $port);
		my $r = $c->request("GET / HTTP/1.1\r\nHost: a\r\n$head\r\n");
		my $own = $c->sock->sockport;
		stop_proxy($p);
		return ($r->body // '', $r->header('X-Port') // '', $own);
	};
	my @v = $as->('clientip', '');
	is($v[0], '10.1.0.2', 'clientip: the server sees the client');
	@v = $as->('client', '');
	is("$v[0]:$v[1]", "10.1.0.2:$v[2]", 'client: and its port');
	@v = $as->('hdr_ip(X-Real-IP)', "X-Real-IP: 10.7.7.7\r\n");
	is($v[0], '10.7.7.7', 'hdr_ip: whom the field names');
	@v = $as->('10.8.8.8', '');
	is($v[0], '10.8.8.8', 'an address that is nobody\'s here');
	sh('iptables -t mangle -F');
};

# a backend without a server, which goes where the client wanted to
subtest 'option transparent, server 0.0.0.0' => sub {
	plan skip_all => 'no REDIRECT here' unless sh('iptables -t nat -A PREROUTING -i w1 -p tcp -d 10.3.0.0/24 '
	    . '-j REDIRECT --to-ports 8080');
	my @how = (['option transparent', 'listen'], ['transparent', 'deprecated word'], ['server s 0.0.0.0', 'a server'],
	    ['server s *', 'the same']);
	for my $how (@how) {
		my $p = start_proxy(defaults('retries 0') . "
listen web
    bind {BIND:web}
    bind 10.1.0.1:8080
    http-response set-header X-Dst %[dst]:%[dst_port]
    $how->[0]
");
		my $c = reach('client', '10.3.0.2', $from->port);
		ok($c, "$how->[0]: a client of another address") or next;
		my $r = $c->request($get);
		is($r->status, 200, 'is served');
		is($r->header('X-Local'), '10.3.0.2:' . $from->port, 'by the one it asked for');
		is($r->header('X-Dst'), '10.3.0.2:' . $from->port, 'dst is that, too');
		is($r->body, '10.3.0.1', 'from an address of the proxy');
		is($c->request($get)->status, 200, 'and once more');
		is($p->get('web', '/')->status, 503, 'who asks for the proxy itself gets no circle');
		my $one = reach('client', '10.3.0.2', 1);
		is($one && $one->request($get)->status, 503, 'nobody there: 503');
		stop_proxy($p);
	}
	sh('iptables -t nat -F');
};

subtest 'mptcp@' => sub {
	use constant MPTCP => 262;
	socket(my $try, AF_INET, SOCK_STREAM, MPTCP) or plan skip_all => 'no Multipath TCP here';
	my $got = sub { counter("MPCapable$_[0]", 'MPTcpExt') };
	my $fast;
	socket($fast, AF_INET, SOCK_STREAM, MPTCP) && bind($fast, pack_sockaddr_in(0, INADDR_LOOPBACK))
	    && listen($fast, 9) or plan skip_all => 'no server';
	my ($srv_port) = unpack_sockaddr_in(getsockname $fast);
	my $l = bless { sock => (bless $fast, 'IO::Socket::INET'), host => '127.0.0.1', port => $srv_port }, 'Tideway::Listener';
	my @port = map { free_port() } 1 .. 3;
	my $text = sub { defaults('http-reuse never') . "
listen in
    bind {BIND:web}
    bind mptcp\@127.0.0.1:$port[0]
    bind mptcp4\@127.0.0.1:$port[1],$_[0]127.0.0.1:$port[2]
    server s ${\ $from->addr}
listen out
    bind {BIND:out}
    server s mptcp4\@127.0.0.1:$srv_port
" };
	my $p = start_proxy($text->(''));
	my $ask = sub {
		my ($port, $proto) = @_;
		my $c;
		socket($c, AF_INET, SOCK_STREAM, $proto) && connect($c, pack_sockaddr_in($port, INADDR_LOOPBACK)) or return 0;
		return Tideway::Peer->new(bless $c, 'IO::Socket::INET')->request($get)->status;
	};
	for my $n (0, 1) {
		my $before = $got->('SYNACKRX');
		is($ask->($port[$n], MPTCP), 200, 'a client of several paths');
		is($got->('SYNACKRX'), $before + 1, 'is answered as one');
		is($ask->($port[$n], IPPROTO_TCP), 200, 'and one of plain TCP is served, too');
	}
	my $before = $got->('SYNACKRX');
	is($ask->($port[2], MPTCP), 200, 'another address of the line');
	is($got->('SYNACKRX'), $before, 'is plain TCP');
	my $c = $p->client('out');
	$c->send($get);
	my $s = $l->accept;
	is($got->('ACKRX') > 0 && $s->read_head->method, 'GET', 'a server');
	is($got->('SYNACKRX'), $before + 1, 'of several paths');
	my $n = 3_000_000;
	my $pid = fork // die;
	if ($pid == 0) {
		$s->send("HTTP/1.1 200 OK\r\nContent-Length: $n\r\n\r\n" . 'x' x $n);
		POSIX::_exit(0);
	}
	is(length $c->read_response->body, $n, 'whose long answers pass');
	waitpid $pid, 0;
	$p->write_config($text->('mptcp@'));
	$p->signal('HUP');
	ok(wait_until { ;
		my $n = $got->('SYNACKRX');
		$ask->($port[2], MPTCP) == 200 && $got->('SYNACKRX') > $n;
	}, 'a reload makes a socket of the other kind');
	stop_proxy($p);
};

# the namespace that a PROXY header names
subtest 'server ... namespace *' => sub {
	my ($known, $other) = map { netns_name($_) } 'server', 'other';
	my $p = start_proxy(defaults('retries 0', 'http-reuse always') . "
listen web
    bind {BIND:web} accept-proxy
    bind 127.0.0.1:1 namespace $known
    server s 10.3.0.2:${\ $from->port} namespace *
");
	my $ask = sub {
		my ($ns) = @_;
		my $tlv = defined $ns ? pack('Cn/a*', 0x30, $ns) : '';
		my $c = $p->client('web');
		$c->send("\r\n\r\n\0\r\nQUIT\n" . pack('CCn', 0x21, 0x11, 12 + length $tlv)
		    . inet_aton('10.1.0.2') . inet_aton('10.1.0.1') . pack('nn', 1, 80) . $tlv . $get);
		return $c->read_response;
	};
	is($ask->($known)->body, '10.3.0.2', 'inside of it the server is a neighbour of itself');
	is($ask->(undef)->body, '10.3.0.1', 'without a name: from here');
	is($ask->('no-such')->body, '10.3.0.1', 'a name that the configuration has not: from here');
	is($ask->($other)->body, '10.3.0.1', 'be it one of the system\'s');
	is($ask->($known)->body, '10.3.0.2', 'no connection is taken for another\'s');
	stop_proxy($p);
};

subtest 'source ... interface' => sub {
	my $p = start_proxy(defaults('timeout connect 300ms', 'retries 0') . "
listen ok
    bind {BIND:ok}
    server s ${\ $from->addr} source 0.0.0.0 interface w3
listen wrong
    bind {BIND:wrong}
    server s ${\ $from->addr} source 0.0.0.0 interface w2
");
	is($p->get('ok', '/')->status, 200, 'the one that leads there');
	is($p->get('wrong', '/')->status, 503, 'one that does not');
	stop_proxy($p);
};

done_testing;

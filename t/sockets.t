# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Options of sockets: of proxies and bind lines, as the kernel has them; which
# threads serve a listener; network namespaces.
use Tideway::Test;
use IO::Socket::INET;
use POSIX ();
use Socket qw(:all);
use Tideway::Sockets;

use constant { KEEPIDLE => 4, KEEPINTVL => 5, KEEPCNT => 6, DEFER_ACCEPT => 9,
	QUICKACK => 12, USER_TIMEOUT => 18, FASTOPEN => 23, MAXSEG => 2,
	IP_TRANSPARENT => 19 };

my $o = origin(name => 's', respond => sub {
	my ($req, $c, $o) = @_;
	$o->wait_flag('go') if $req->uri eq '/wait';
	return $o->reply($req);
});
my $HOST = $Tideway::Listener::ADDR;

# a free port on an address of our own
sub port
{
	my $s = IO::Socket::INET->new(Listen => 1, LocalAddr => $HOST, ReuseAddr => 1);
	return $s->sockport;
}

sub status_at
{
	my ($port) = @_;
	my $s = IO::Socket::INET->new(PeerHost => $HOST, PeerPort => $port) or return 'refused';

	return Tideway::Peer->new($s)->request("GET / HTTP/1.1\r\nHost: a\r\n\r\n")->status;
}

plan skip_all => 'no way to look at the sockets of another process' unless can_borrow();

subtest 'bind lines' => sub {
	my %p = map { $_ => port() } qw(plain all less);
	my $p = start_proxy(defaults() . "
listen web
    bind {BIND:web}
    bind $HOST:$p{plain}
    bind $HOST:$p{all} tfo defer-accept tcp-ut 30s mss 1000 nice -512
    bind $HOST:$p{less} mss -36 nice 1024
    server s ${\ $o->addr}
");
	is(status_at($_), 200, 'serves') for sort values %p;
	my %s = map { $_ => (sockets_of($p->pid, listen => $p{$_}))[0] } keys %p;
	my $opt = sub { sockopt($s{ $_[0] }, IPPROTO_TCP, $_[1]) };
	is($opt->('plain', FASTOPEN), 0, 'plain: no tfo');
	is($opt->('plain', DEFER_ACCEPT), 0, 'no defer-accept');
	is($opt->('plain', USER_TIMEOUT), 0, 'no tcp-ut');
	cmp_ok($opt->('all', FASTOPEN), '>', 0, 'tfo');
	cmp_ok($opt->('all', DEFER_ACCEPT), '>', 0, 'defer-accept');
	is($opt->('all', USER_TIMEOUT), 30000, 'tcp-ut');
	is($opt->('all', MAXSEG), 1000, 'mss') if $opt->('all', MAXSEG) != 536;
	cmp_ok($opt->('less', MAXSEG), '<=', 536, 'a negative mss');
	stop_proxy($p);
};

subtest 'cc' => sub {
	my ($usual) = slurp('/proc/sys/net/ipv4/tcp_congestion_control') =~ /(\S+)/;
	my ($cc) = grep { $_ ne $usual } split ' ', slurp('/proc/sys/net/ipv4/tcp_allowed_congestion_control');
	plan skip_all => 'the system has one only' unless defined $cc;
	plan skip_all => 'HAProxy 2.6 has none' unless is_tideway();
	my %p = map { $_ => port() } qw(plain other);
	my $p = start_proxy(defaults('http-reuse never') . "
listen web
    bind {BIND:web}
    bind $HOST:$p{plain}
    bind $HOST:$p{other} cc $cc
    default-server cc $cc
    server s ${\ $o->addr}
");
	my $of = sub { unpack 'Z*', getsockopt($_[0], IPPROTO_TCP, 13) };
	my %s = map { $_ => (sockets_of($p->pid, listen => $p{$_}))[0] } keys %p;
	is($of->($s{plain}), $usual, 'a listener as the system has it');
	is($of->($s{other}), $cc, 'and another one');
	$o->unset('go');
	my $before = $o->requests;
	my $c = IO::Socket::INET->new(PeerHost => $HOST, PeerPort => $p{other});
	my $peer = Tideway::Peer->new($c);
	$peer->send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
	ok(wait_until { $o->requests > $before }, 'a request is under way');
	is($of->((sockets_of($p->pid, peer => $c->sockport))[0]), $cc, "the client's connection has it");
	is($of->((sockets_of($p->pid, peer => $o->{port}))[0]), $cc, "the server's, too");
	$o->set('go');
	is($peer->read_response->status, 200, 'answered');
	stop_proxy($p);
	for my $line ('bind 127.0.0.1:1 cc nosuch', 'server s 127.0.0.1:1 cc nosuch') {
		my $r = check_config(defaults() . "listen l\n    $line\n");
		is($r->{code}, 1, "$line: refused");
		like($r->{all}, qr/'cc': this system has no congestion control 'nosuch'/, 'and why');
	}
};

subtest 'proxies' => sub {
	my %p = map { $_ => port() } qw(plain ka tcp);
	my $p = start_proxy(defaults() . "
listen web
    bind {BIND:web}
    bind $HOST:$p{plain}
    server s ${\ $o->addr}
listen ka
    bind $HOST:$p{ka}
    option tcpka
    clitcpka-cnt 4
    clitcpka-idle 50
    clitcpka-intvl 7s
    srvtcpka-cnt 5
    srvtcpka-idle 2m
    srvtcpka-intvl 8
    option nolinger
    no option tcp-smart-accept
    option tcp-smart-connect
    server s ${\ $o->addr} tcp-ut 20s
listen tcp
    mode tcp
    bind $HOST:$p{tcp}
    option tcp-smart-accept
    server s ${\ $o->addr}
");
	my $before = $o->requests;
	my $c = IO::Socket::INET->new(PeerHost => $HOST, PeerPort => $p{ka});
	my $peer = Tideway::Peer->new($c);
	$peer->send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
	ok(wait_until { $o->requests > $before }, 'a request is under way');
	my ($cli) = sockets_of($p->pid, peer => $c->sockport);
	my ($srv) = sockets_of($p->pid, peer => $o->{port});
	is(sockopt($cli, SOL_SOCKET, SO_KEEPALIVE), 1, 'client: keep-alive');
	is(sockopt($cli, IPPROTO_TCP, KEEPCNT), 4, 'clitcpka-cnt');
	is(sockopt($cli, IPPROTO_TCP, KEEPIDLE), 50, 'clitcpka-idle');
	is(sockopt($cli, IPPROTO_TCP, KEEPINTVL), 7, 'clitcpka-intvl');
	is(sockopt($cli, SOL_SOCKET, SO_LINGER), 1, 'option nolinger');
	is(sockopt($srv, SOL_SOCKET, SO_KEEPALIVE), 1, 'server: keep-alive');
	is(sockopt($srv, IPPROTO_TCP, KEEPCNT), 5, 'srvtcpka-cnt');
	is(sockopt($srv, IPPROTO_TCP, KEEPIDLE), 120, 'srvtcpka-idle');
	is(sockopt($srv, IPPROTO_TCP, KEEPINTVL), 8, 'srvtcpka-intvl');
	is(sockopt($srv, IPPROTO_TCP, USER_TIMEOUT), 20000, 'tcp-ut of the server');
	$o->set('go');
	is($peer->read_response->status, 200, 'answered');
	$o->unset('go');
	my %s = map { $_ => (sockets_of($p->pid, listen => $p{$_}))[0] } keys %p;
	is(sockopt($s{plain}, IPPROTO_TCP, QUICKACK), 0, 'tcp-smart-accept in mode http');
	is(sockopt($s{ka}, IPPROTO_TCP, QUICKACK), 1, 'unless told not to');
	is(sockopt($s{tcp}, IPPROTO_TCP, QUICKACK), 0, 'and in mode tcp when told to');
	is(sockopt($s{plain}, SOL_SOCKET, SO_LINGER), 0, 'no nolinger');
	stop_proxy($p);
};

# pipes of the process while a long answer is on its way
sub pipes
{
	my ($defaults, @args) = @_;
	my $l = listener();
	my $p = start_proxy(defaults($defaults) . "
listen web
    bind {BIND:web}
    server s ${\ $l->addr}
", args => ['-db', @args]);
	my $count = sub { scalar grep { (readlink $_ // '') =~ /^pipe:/ } glob '/proc/' . $p->pid . '/fd/*' };
	my $before = $count->();
	my $c = $p->client('web', RcvBuf => 4096);
	$c->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	my $s = $l->accept;
	$s->read_head;
	my $n = 8_000_000;
	my $pid = fork // die;
	if ($pid == 0) {
		$s->send("HTTP/1.1 200 OK\r\nContent-Length: $n\r\n\r\n" . 'x' x $n);
		POSIX::_exit(0);
	}
	$c->read_bytes(400_000);
	my $is = 0;
	wait_until { ($is = $count->() - $before) > 0 } 0.5;
	$c->read_bytes($n - 400_000);
	waitpid $pid, 0;
	stop_proxy($p);
	return $is > 0 ? 'pipe' : 'copied';
}

subtest 'splice' => sub {
	is(pipes('no option splice-auto'), 'copied', 'no option splice-auto');
	is(pipes('no option splice-response'), 'copied', 'no option splice-response');
	is(pipes('no option splice-request'), 'pipe', 'only requests are copied');
	is(pipes('option splice-auto'), 'pipe', 'option splice-auto');
	is(pipes('option splice-auto', '-dS'), 'copied', '-dS');
};

subtest '-dR, -dr and what means nothing here' => sub {
	for my $args ([], ['-dR'], ['-dk', '-dp', '-dv', '-dF', '-dZ']) {
		next if @$args > 1 && !is_tideway();
		my $port = port();
		my $p = start_proxy(defaults() . "listen web\n    bind {BIND:web}\n    bind $HOST:$port\n    server s ${\ $o->addr}\n",
		    args => ['-db', @$args]);
		is(status_at($port), 200, "@$args: serves");
		my ($s) = sockets_of($p->pid, listen => $port);
		is(sockopt($s, SOL_SOCKET, 15), "@$args" eq '-dR' ? 0 : 1, 'SO_REUSEPORT') if is_tideway();
		stop_proxy($p);
	}
	my $f = spew('dr.cfg', defaults() . "listen web\n    bind 127.0.0.1:1\n    server s no-such-name.invalid:1\n");
	is(run_cmd('-c', '-f', $f)->{code}, 1, 'a name without an address');
	is(run_cmd('-c', '-dr', '-f', $f)->{code}, 0, '-dr: is no error');
};

# which of four threads answered
sub threads_at
{
	my ($port, $n) = @_;
	my %t;

	for (1 .. $n) {
		my $s = IO::Socket::INET->new(PeerHost => $HOST, PeerPort => $port) or return 'refused';
		my $r = Tideway::Peer->new($s)->request("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
		$t{ $r->header('X-Server') // '-' }++;
	}
	return join ' ', sort keys %t;
}

subtest 'threads and shards' => sub {
	my @by = map { origin(name => "t$_") } 1 .. 4;
	my %p = map { $_ => port() } qw(two even shards each);
	my $text = sub {
		my ($two) = @_;
		return "global\n    nbthread 4\n" . defaults() . "
frontend web
    bind {BIND:web}
    bind $HOST:$p{two} thread $two
    bind $HOST:$p{even} thread even
    bind $HOST:$p{shards} shards 2
    bind $HOST:$p{each} shards by-thread thread 1/2-4
" . join('', map { "    use_backend b$_ if { thread " . ($_ - 1) . " }\n" } 1 .. 4)
		    . join '', map { "backend b$_\n    server s ${\ $by[$_ - 1]->addr}\n" } 1 .. 4;
	};
	my $p = start_proxy($text->(2));
	is(threads_at($p{two}, 12), 't2', 'thread 2');
	like(threads_at($p{even}, 40), qr/^t2(?: t4)?$|^t4$/, 'thread even');
	unlike(threads_at($p{each}, 40), qr/t1/, 'not thread 1');
	unlike(threads_at($p{shards}, 40), qr/-|refused/, 'every shard is served');
	is(scalar(sockets_of($p->pid, listen => $p{two})), 1, 'one socket');
	is(scalar(sockets_of($p->pid, listen => $p{shards})), 2, 'shards 2');
	is(scalar(sockets_of($p->pid, listen => $p{each})), 3, 'by-thread, of three');
	$p->write_config($text->(3));
	$p->signal('USR2');
	ok(wait_until { threads_at($p{two}, 4) eq 't3' }, 'another thread after a reload');
	unlike(threads_at($p{each}, 20), qr/t1|-|refused/, 'the others as before');
	is(scalar(sockets_of($p->pid, listen => $p{each})), 3, 'with the same sockets');
	stop_proxy($p);
};

subtest 'threads of groups' => sub {
	my @by = map { origin(name => "t$_") } 1 .. 4;
	my %p = map { $_ => port() } qw(first second all by);
	my $text = sub {
		my ($groups) = @_;
		return "global\n    nbthread 4\n    $groups\n" . defaults() . "
frontend web
    bind {BIND:web}
    bind $HOST:$p{first} thread 1/1
    bind $HOST:$p{second} thread 2/2-3,1/2
    bind $HOST:$p{all} thread 2/all
    bind $HOST:$p{by} shards by-group
" . join('', map { "    use_backend b$_ if { thread " . ($_ - 1) . " }\n" } 1 .. 4)
		    . join '', map { "backend b$_\n    server s ${\ $by[$_ - 1]->addr}\n" } 1 .. 4;
	};
	my $p = start_proxy($text->('thread-groups 2'));
	is(threads_at($p{first}, 8), 't1', 'the first of the first group');
	like(threads_at($p{second}, 30), qr/^(?:t2 t4|t2|t4)$/, 'some of both');
	like(threads_at($p{all}, 30), qr/^(?:t3 t4|t3|t4)$/, 'a whole group');
	unlike(threads_at($p{by}, 30), qr/-|refused/, 'by-group: all are served');
	is(scalar(sockets_of($p->pid, listen => $p{by})), 2, 'with a socket for each group');
	$p->write_config($text->("thread-groups 2\n    thread-group 1 4\n    thread-group 2 1-3"));
	$p->signal('USR2');
	ok(wait_until { threads_at($p{first}, 4) eq 't4' }, 'thread-group: other ones');
	like(threads_at($p{second}, 30), qr/^(?:t2 t3|t2|t3)$/, 'as the lines say');
	like(threads_at($p{all}, 30), qr/^t[123](?: t[123])*$/, 'a whole group');
	$p->write_config($text->("thread-groups 2\n    thread-group 2 2\n    thread-group 2 1"));
	$p->signal('USR2');
	ok(wait_until { threads_at($p{all}, 4) eq 't1' }, 'the last line of a group counts');
	is(threads_at($p{first}, 8), 't2', 'those that no line names go where no line names any');
	stop_proxy($p);
};

subtest 'tune.listener.default-shards' => sub {
	my %p = map { $_ => port() } qw(none own);
	for my $c (['by-thread', 4, 2], ['by-process', 1, 2], ['by-group', 2, 2]) {
		my ($how, $none, $own) = @$c;
		my $p = start_proxy("global\n    nbthread 4\n    thread-groups 2\n    tune.listener.default-shards $how\n" . defaults() . "
listen web
    bind {BIND:web}
    bind $HOST:$p{none}
    bind $HOST:$p{own} shards 2
    server s ${\ $o->addr}
");
		is(status_at($_), 200, "$how: serves") for ($p{none}) x 4;
		is(scalar(sockets_of($p->pid, listen => $p{none})), $none, 'so many sockets');
		is(scalar(sockets_of($p->pid, listen => $p{own})), $own, 'a line may say something else');
		stop_proxy($p);
	}
};

subtest 'namespaces' => sub {
	my $ns = "twns$$";
	my $ok = $> == 0 && system("ip netns add $ns 2>/dev/null && ip -n $ns link set lo up") == 0;
	plan skip_all => 'no network namespaces here' unless $ok;
	my $port = port();
	# nobody else's out here: bound, and not listening
	my $held = IO::Socket::INET->new(Proto => 'tcp', LocalAddr => "127.0.0.1:$port") or die;
	my $inside = fork // die;
	if ($inside == 0) { # a server in there
		exec 'ip', 'netns', 'exec', $ns, $^X, '-MIO::Socket::INET', '-e', q{
			my $l = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 7, Listen => 9, ReuseAddr => 1) or exit 1;
			while (my $c = $l->accept) {
				sysread $c, my $x, 4096;
				syswrite $c, "HTTP/1.1 200 OK\r\nX-Server: inside\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
				close $c;
			}
		};
	}
	my $p = start_proxy(defaults('retries 50', 'timeout connect 100ms') . "
frontend in
    bind {BIND:web}
    bind 127.0.0.1:$port namespace $ns
    default_backend b
backend b
    server s 127.0.0.1:7 namespace $ns
");
	is($p->get('web', '/')->header('X-Server'), 'inside', 'a server in a namespace');
	is(IO::Socket::INET->new(PeerHost => '127.0.0.1', PeerPort => $port), undef,
	    'the listener is not out here');
	my $ask = q{
		my $c = IO::Socket::INET->new(PeerHost => q(127.0.0.1), PeerPort => } . $port . q{) or die "connect: $@";
		syswrite $c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
		print while <$c>;
	};
	like(scalar `ip netns exec $ns $^X -MIO::Socket::INET -e '$ask' 2>&1`, qr/X-Server: inside/i,
	    'but in there');
	$p->signal('USR2');
	is($p->get('web', '/')->header('X-Server'), 'inside', 'after a reload, too');
	stop_proxy($p);
	kill 'TERM', $inside;
	waitpid $inside, 0;
	system "ip netns del $ns";
};

subtest 'errors' => sub {
	for my $case ([ 'bind', 'mss 0', qr/'mss' expects/ ], [ 'bind', 'mss', qr/mss/ ],
	    [ 'bind', 'nice 1025', qr/-1024 to 1024/ ], [ 'bind', 'tcp-ut x', qr/tcp-ut/ ],
	    [ 'bind', 'namespace no-such-one', qr/cannot open namespace 'no-such-one'/ ],
	    [ 'bind', 'namespace ../x', qr/cannot open namespace/ ],
	    [ 'bind', 'thread 0', qr/'thread' expects/ ], [ 'bind', 'thread 4-2', qr/'thread' expects/ ],
	    [ 'bind', 'thread 2/1', qr/none of the threads/ ], [ 'bind', 'thread 0/1', qr/'thread' expects/ ],
	    [ 'bind', 'thread 1/65', qr/'thread' expects/ ], [ 'bind', 'thread 65/1', qr/'thread' expects/ ],
	    [ 'bind', 'thread 1/', qr/'thread' expects/ ], [ 'bind', 'thread 200', qr/none of the threads/ ],
	    [ 'bind', 'shards 0', qr/'shards' expects/ ], [ 'bind', 'shards x', qr/'shards' expects/ ],
	    [ 'bind', 'accept-netscaler-cip 1', qr/not supported by tideway yet/ ],
	    [ 'server', 'namespace no-such-one', qr/cannot open namespace/ ],
	    [ '', 'clitcpka-cnt 0', qr/clitcpka-cnt/ ], [ '', 'clitcpka-idle 0', qr/1 to 32767/ ],
	    [ '', 'srvtcpka-intvl x', qr/srvtcpka-intvl/ ]) {
		my ($where, $words, $re) = @$case;
		my $r = check_config("global\n nbthread 2\n" . defaults() . "listen l\n bind 127.0.0.1:1"
		    . ($where eq 'bind' ? " $words" : '') . "\n server s 127.0.0.1:2"
		    . ($where eq 'server' ? " $words" : '') . "\n" . ($where eq '' ? " $words\n" : ''));
		is($r->{code}, 1, "refused: $words");
		like($r->{all}, $re, 'for that reason');
	}
	my $r = check_config(defaults() . "backend b\n clitcpka-cnt 3\n server s 127.0.0.1:2\n");
	like($r->{all}, qr/clitcpka-cnt.*ignored/, 'a word for the other side: a warning');
};

done_testing;

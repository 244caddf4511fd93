# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What real configuration files use besides HTTP rules, one row for each
# feature: addresses, mode tcp, health checks, names, the process. The names are
# those of a census of such files.
use Tideway::Test;
use Tideway::Ladder;
use Tideway::Cli;
use Tideway::Dns;
use Tideway::Hello;
use Tideway::Sockets;
use IO::Socket::UNIX;
use Socket qw(:all);

my $dir = Tideway::Test::temp_dir();
my ($a, $b) = (echo_origin('a'), echo_origin('b'));
my $log = syslog_udp();
my $ip = $Tideway::Listener::ADDR;
my ($third, $fourth) = $ip =~ /^127\.\d+\.(\d+)\.(\d+)$/;
my $other_ip = "127.150.$third.$fourth"; # binds of the program: nobody else's
my $port = 20000 + $$ % 10000;
my $abns = "tw-ladder-$$";
my $ctl = "$dir/ctl";

# an origin that answers "name" and the first bytes it got
sub raw_origin
{
	my ($name, $hello) = @_;

	return origin(name => $name, raw => 1, greet => sub {
		my ($c) = @_;
		$c->send($hello) if defined $hello;
		$c->fill(30);
		$c->send("$name:" . $c->buffered);
		$c->close;
	});
}

# what a server sees and says when bytes go through a frontend
sub through
{
	my ($p, $name, $bytes) = @_;
	my $c = $p->client($name);

	$c->send($bytes);
	return $c->read_all;
}

my ($raw, $raw2) = (raw_origin('raw'), raw_origin('two'));

# the check status of a server, by CSV
sub server_is
{
	my ($be, $srv, $want, $what) = @_;
	my $is;

	wait_until {
		($is) = cli_ask($ctl, 'show stat') =~ /^\Q$be\E,\Q$srv\E,(?:[^,]*,){15}([^,]*),/m;
		($is // '') =~ $want;
	};
	like($is, $want, $what // "$be/$srv");
}

# a row whose server's checks succeed with one origin and fail with another
sub checked
{
	my ($be, $good, $bad) = @_;

	return sub {
		my ($p, $name, $n) = @_;
		server_is("be$n", 'good', qr/^UP/, 'a good server is up');
		server_is("be$n", 'bad', qr/^DOWN/, 'a bad one is down');
	};
}

# origins for checks: what they say at once, and what they answer to what
sub talker
{
	my ($greet, %answers) = @_;

	return origin(name => 'talker', raw => 1, greet => sub {
		my ($c) = @_;
		my $got = '';
		$c->send($greet);
		while ($c->fill(10)) {
			for my $k (keys %answers) {
				$c->send($answers{$k}) if $c->buffered =~ /$k/s;
			}
		}
	});
}

my $pong = talker('', 'PING\r\n' => "+PONG\r\n");
my $nopong = talker('', 'PING\r\n' => "-ERR\r\n");
my $bin = talker("\1\2\3ready");
my $wrong = talker("\1\2\4wrong");
my $hello = "\x0a5.5.5-10.11-MariaDB\0" . 'x' x 46;
my $mysql = talker(substr(pack('V', length $hello), 0, 3) . "\0$hello",
    'haproxy\0\0\x01\0\0\0\x01' => "\7\0\0\2\0\0\0\2\0\0\0");
my $pg = talker('', 'user\0' => "R" . pack('NN', 8, 0));
my $hang = origin(name => 'hang', raw => 1, greet => sub { $_[0]->fill(60) });
my $dead = do { my $l = listener(); my $at = $l->addr; $l->close; $at };
my $dns = Tideway::Dns->new(zone => { 'a.test/A' => [ $a->{host} ], 'ladder.test/A' => [ $other_ip ],
    '_web._tcp.test/SRV' => [ '10 1 ' . $a->port . ' a.test' ] });
my $uxlisten = IO::Socket::UNIX->new(Local => "$dir/ux", Listen => 5) or die;
my $abns_sock = IO::Socket::UNIX->new(Local => "\0$abns-out", Listen => 5) or die;

# the next connection on a listener of the test: answered with a name
sub serve_one
{
	my ($listener, $name) = @_;
	my $pid = fork // die;

	return $pid if $pid;
	my $c = $listener->accept or POSIX::_exit(1);
	my $p = Tideway::Peer->new($c);
	$p->read_head(5);
	$p->send(response(200, $name));
	$p->close;
	POSIX::_exit(0);
}

sub served_by
{
	my ($listener) = @_;

	return sub {
		my ($p, $name) = @_;
		my $pid = serve_one($listener, 'here');
		is($p->get($name, '/')->body, 'here', 'reached');
		waitpid $pid, 0;
	};
}

my $CHECK = 'inter 500ms fall 1 rise 1'; # the origins fork for each
my @rows = (
# --- addresses of binds
{ f => ['bind address: :::port (IPv6)', 'bind v6only'], bind => ":::$port v6only", ask => sub {
	my $c = IO::Socket::IP->new(PeerHost => '::1', PeerPort => $port) or return fail("connect: $@");
	my $peer = Tideway::Peer->new($c);
	$peer->send(get('/'));
	is($peer->read_response->status, 200, 'IPv6');
	ok(!IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $port), 'and nothing else');
    } },
{ f => ['bind v4v6'], bind => ':::' . ($port + 1) . ' v4v6', ask => sub {
	for my $h ('::1', '127.0.0.1') {
		my $c = IO::Socket::IP->new(PeerHost => $h, PeerPort => $port + 1) or return fail("connect: $@");
		my $peer = Tideway::Peer->new($c);
		$peer->send(get('/'));
		is($peer->read_response->status, 200, $h);
	}
    } },
{ f => ['bind address: comma list'], bind => "$other_ip:$port,$other_ip:" . ($port + 1), ask => sub {
	is(at($other_ip, $port + $_), 200, "the address $_") for 0, 1;
    } },
{ f => ['bind address: port range'], bind => "$other_ip:" . ($port + 2) . '-' . ($port + 4), ask => sub {
	is(at($other_ip, $port + $_), 200, "port $_") for 2 .. 4;
    } },
{ f => ['bind address: hostname:port'], bind => 'localhost:' . ($port + 5), ask => sub { is(at('127.0.0.1', $port + 5) || at('::1', $port + 5), 200, 'by name') } },
{ f => ['bind address: $ENV in address', 'env variables in the file ($VAR, ${VAR})'], bind => '"$LADDER_IP:${LADDER_PORT}"', ask => sub { is(at($other_ip, $port + 6), 200, 'from the environment') } },
{ f => ['bind address: abns@'], bind => "abns\@$abns", ask => sub {
	# the name fills the address, as HAProxy has it
	my $s = IO::Socket::UNIX->new(Peer => "\0" . $abns . "\0" x (107 - length $abns)) or return fail("connect: $!");
	my $peer = Tideway::Peer->new($s);
	$peer->send(get('/'));
	is($peer->read_response->status, 200, 'an abstract name');
    } },
{ f => ['bind name', 'stats show-legends'], bind => '{BIND:named} name front-door', fe => 'http-request set-header X-T %[so_name]', ask => sub { like($_[0]->get('named', '/')->body, qr/X-T: front-door\r/i, 'so_name') } },
{ f => ['bind tfo', 'backlog'], bind => "$other_ip:" . ($port + 7) . ' tfo', fe => 'backlog 77', ask => sub {
	my ($p) = @_;
	plan(skip_all => 'sockets of others cannot be borrowed') unless can_borrow();
	my ($s) = map { sockets_of($_, listen => $port + 7) } $p->pids;
	ok($s, 'the socket') or return;
	is(sockopt($s, IPPROTO_TCP, 23), 77, 'TCP_FASTOPEN with the backlog');
    } },
{ f => ['bind accept-proxy'], bind => '{BIND:prx} accept-proxy', fe => 'http-request set-header X-T %[src]:%[src_port]', ask => sub {
	like($_[0]->request('prx', "PROXY TCP4 9.8.7.6 1.2.3.4 555 80\r\n" . get('/'))->body, qr/X-T: 9.8.7.6:555\r/i, 'version 1');
    } },
{ f => ['fetch fc_pp_unique_id', 'server send-proxy-v2'], bind => '{BIND:ppin} accept-proxy', fe => 'http-request set-header X-T %[fc_pp_unique_id]',
    top => "frontend ppout{ME}\n    bind {BIND:ppout}\n    unique-id-format the-id\n    mode http\n    default_backend ppout{ME}\nbackend ppout{ME}\n    mode http\n    server s 127.0.0.1:{PORT:ppin} send-proxy-v2 proxy-v2-options unique-id\n",
    ask => sub { like($_[0]->request('ppout', get('/'))->body, qr/X-T: the-id\r/i, 'through the TLV') } },
# --- addresses of servers
{ f => ['server address: IP without port', 'server address: *:port'], bind => "$other_ip:" . $a->port, be => "server s $a->{host}", ask => sub {
	my $c = IO::Socket::IP->new(PeerHost => $other_ip, PeerPort => $a->port) or return fail("connect: $@");
	my $peer = Tideway::Peer->new($c);
	$peer->send(get('/'));
	like($peer->read_response->body, qr/^server a/, 'the port that the client asked for');
    } },
{ f => ['server address: name without port'], bind => "127.0.0.1:" . ($port + 8), top => "resolvers np{ME}\n    nameserver n ${\ $dns->addr}\n    timeout resolve 100ms\n    timeout retry 100ms\nlisten np{ME}\n    bind $other_ip:" . ($port + 8) . "\n    mode http\n    server a {A}\n",
    be => "server s ladder.test resolvers np{ME} resolve-prefer ipv4 init-addr none", ask => sub { my $is; wait_until { ($is = ask_at('127.0.0.1', $port + 8)->body) =~ /^server a/ }; like($is, qr/^server a/, 'the port that the client asked for') } },
{ f => ['server address: $ENV in address'], be => 'server s "${LADDER_SERVER}"', ask => [get('/'), qr/server b/] },
{ f => ['server address: ipv4@'], be => 'server s ipv4@{A}', ask => [get('/'), qr/server a/] },
{ f => ['server address: /path (unix socket)'], be => "server s $dir/ux", ask => served_by($uxlisten) },
{ f => ['server address: unix@'], be => "server s unix\@$dir/ux", ask => served_by($uxlisten) },
{ f => ['server address: abns@'], top => "listen ab{ME}\n    bind abns\@$abns-in\n    mode http\n    server b {B}\n", be => "server s abns\@$abns-in", ask => [get('/'), qr/server b/] },
{ f => ['server resolvers', 'resolvers section', 'server init-addr', 'server resolve-prefer'], top => "resolvers r{ME}\n    nameserver n ${\ $dns->addr}\n    timeout resolve 100ms\n    timeout retry 100ms\n",
    be => 'server s a.test:' . $a->port . ' resolvers r{ME} resolve-prefer ipv4 init-addr none', ask => sub { becomes(@_, qr/^server a/) } },
{ f => ['server address: SRV record', 'server resolve-opts'], top => "resolvers r{ME}\n    nameserver n ${\ $dns->addr}\n    timeout resolve 100ms\n    timeout retry 100ms\n",
    be => 'server s _web._tcp.test resolvers r{ME} resolve-prefer ipv4 resolve-opts allow-dup-ip init-addr none', ask => sub { becomes(@_, qr/^server a/) } },
{ f => ['server-template'], be => "server-template web 1-3 $a->{host}:" . $a->port . " maxconn 5", ask => sub {
	my ($p, $name, $n) = @_;
	like($p->get($name, '/')->body, qr/^server a/, 'served');
	my @names = cli_ask($ctl, "show servers state be$n") =~ /^\d+ be$n \d+ (\S+)/mg;
	is("@names", 'web1 web2 web3', 'three of them');
    } },
{ f => ['server send-proxy'], be => "server s ${\ $raw->addr} send-proxy", mode => 'tcp', ask => sub { like(through(@_[0, 1], 'hi'), qr/^raw:PROXY TCP4 127.0.0.1 127.0.0.1 \d+ \d+\r\n/, 'version 1') } },
{ f => ['default-server', 'server maxconn'], be => "default-server weight 1 maxconn 7\nserver a {A}", ask => sub {
	my ($p, $name, $n) = @_;
	like(cli_ask($ctl, 'show stat'), qr/^be$n,a,(?:[^,]*,){4}7,/m, 'its limit');
	like(cli_ask($ctl, "show servers state be$n"), qr/ a \S+ \d \d 1 1 /, 'its weight');
    } },
# --- mode tcp
{ f => ['mode tcp', 'option tcplog', 'log global (inherit)', 'global: log'], mode => 'tcp', fe => "log global\noption tcplog", be => "server s ${\ $raw->addr}", ask => sub {
	my ($p, $name, $n) = @_;
	is(through($p, $name, 'bytes'), 'raw:bytes', 'as they are');
	like(text($log->next_match(qr/ fe$n /)), qr{^127.0.0.1:\d+ \[.*\] fe$n be$n/s \d+/\d+/\d+ \d+ -- }, 'a line of tcplog');
    } },
{ f => ['timeout tunnel'], mode => 'tcp', be => "timeout tunnel 150ms\nserver s ${\ $hang->addr}", ask => sub {
	my $c = $_[0]->client($_[1]);
	$c->send('x');
	ok($c->is_closed(4), 'a silent tunnel ends before the client\'s 5 s');
    } },
{ f => ['timeout client-fin', 'timeout server-fin'], mode => 'tcp', fe => 'timeout client-fin 150ms', be => "timeout server-fin 150ms\nserver s ${\ $hang->addr}", ask => sub {
	my $c = $_[0]->client($_[1]);
	$c->send('x');
	$c->shutdown_write;
	ok($c->is_closed(4), 'half closed: not for long');
    } },
{ f => ['option tcpka', 'option clitcpka'], mode => 'tcp', fe => 'option tcpka', be => "option tcpka\nserver s ${\ $hang->addr}", ask => sub {
	my ($p, $name) = @_;
	plan(skip_all => 'sockets of others cannot be borrowed') unless can_borrow();
	my $c = $p->client($name);
	$c->send('x');
	wait_until { map { sockets_of($_, peer => $hang->port) } $p->pids };
	my @cli = map { sockets_of($_, peer => $c->local_port) } $p->pids;
	my @srv = map { sockets_of($_, peer => $hang->port) } $p->pids;
	ok($cli[0] && sockopt($cli[0], SOL_SOCKET, SO_KEEPALIVE), 'to the client');
	ok((grep { sockopt($_, SOL_SOCKET, SO_KEEPALIVE) } @srv), 'to the server');
	$c->close;
    } },
{ f => ['option splice-auto'], fe => 'option splice-auto', be => "option splice-auto\nserver a {A}", ask => sub {
	my $r = $_[0]->get($_[1], '/', 'X-Size: 500000');
	is(length($r->body =~ s/^.*\r\n\r\n//sr), 500000, 'a large body, whole');
    } },
{ f => ['option contstats'], fe => 'option contstats', ask => sub {
	my ($p, $name, $n) = @_;
	my $c = $p->client($name);
	$c->send(get('/', 'X-Size: 100000', 'X-Sleep: 0.1'));
	ok(wait_until { my ($out) = cli_ask($ctl, 'show stat') =~ /^fe$n,FRONTEND,(?:[^,]*,){7}(\d+),/m; ($out // 0) > 50000 }, 'counted before the connection ends');
	$c->close;
    } },
{ f => ['tcp-request connection accept', 'tcp-request connection reject'], fe => "tcp-request connection accept if { src 10.0.0.0/8 }\ntcp-request connection reject if { src 127.0.0.1 }", ask => [get('/'), qr/closed/] },
{ f => ['tcp-request connection silent-drop'], fe => 'tcp-request connection silent-drop if { src 127.0.0.1 }', ask => sub {
	my $c = $_[0]->client($_[1]);
	$c->send(get('/'));
	is($c->read_all(5), '', 'no byte');
    } },
{ f => ['tcp-request content accept', 'tcp-request content reject', 'tcp-request inspect-delay', 'fetch req.ssl_hello_type', 'fetch req_ssl_hello_type', 'fetch req.ssl_sni', 'fetch req_ssl_sni'], mode => 'tcp',
    fe => "tcp-request inspect-delay 5s\ntcp-request content reject if { req_ssl_sni -i bad.example }\ntcp-request content accept if { req.ssl_hello_type 1 }\ntcp-request content reject if { req_len gt 4 }\nuse_backend two{ME} if { req.ssl_sni -i two.example } { req_ssl_hello_type 1 }",
    top => "backend two{ME}\n    mode tcp\n    server s ${\ $raw2->addr}\n", be => "server s ${\ $raw->addr}", ask => sub {
	my ($p, $name) = @_;
	like(through($p, $name, hello(sni => 'one.example', alpn => ['h2'])), qr/^raw:/, 'by default');
	like(through($p, $name, hello(sni => 'TWO.example', alpn => ['h2'])), qr/^two:/, 'by name');
	is(through($p, $name, hello(sni => 'bad.example', alpn => ['h2'])), '', 'refused by name');
	is(through($p, $name, 'no TLS at all'), '', 'no hello: refused');
    } },
{ f => ['fetch req.ssl_alpn'], mode => 'tcp', fe => "tcp-request inspect-delay 5s\ntcp-request content accept if { req.ssl_hello_type 1 }\nuse_backend two{ME} if { req.ssl_alpn acme-tls/1 }",
    top => "backend two{ME}\n    mode tcp\n    server s ${\ $raw2->addr}\n", be => "server s ${\ $raw->addr}", ask => sub {
	my ($p, $name) = @_;
	like(through($p, $name, hello(sni => 'x', alpn => ['acme-tls/1'])), qr/^two:/, 'that protocol');
	like(through($p, $name, hello(sni => 'x', alpn => ['h2'])), qr/^raw:/, 'another');
    } },
{ f => ['tcp-request content capture'], mode => 'tcp', fe => "log $log->{addr} local0\nlog-format \"C fe{ME} %[capture.req.hdr(0)]\"\ntcp-request inspect-delay 5s\ntcp-request content capture req.payload(0,4) len 4\ntcp-request content accept if { req.len ge 4 }", be => "server s ${\ $raw->addr}", ask => sub {
	my ($p, $name, $n) = @_;
	through($p, $name, 'abcdef');
	like(text($log->next_match(qr/C fe$n/)), qr/ abcd$/, 'in the log');
    } },
# --- checks
{ f => ['server check', 'server inter, fall, rise'], be => "server good {A} check $CHECK\nserver bad $dead check $CHECK", ask => checked() },
{ f => ['server fastinter, downinter'], be => "server good {A} check inter 1h fastinter 50ms downinter 50ms\nserver bad $dead check inter 50ms fastinter 50ms downinter 50ms", ask => checked() },
{ f => ['server port', 'server addr'], be => "server good $dead check addr $a->{host} port ${\ $a->port} $CHECK\nserver bad {A} check port 1 $CHECK", ask => checked() },
{ f => ['timeout check'], be => "option httpchk\ntimeout check 100ms\nserver good {A} check $CHECK\nserver bad ${\ $hang->addr} check $CHECK", ask => checked() },
{ f => ['option httpchk', 'http-check expect status'], be => "option httpchk GET /health\nhttp-check expect status 200-299\nserver good {A} check $CHECK\nserver bad {B} check $CHECK", ask => sub {
	my ($p, $name, $n) = @_;
	server_is("be$n", 'good', qr/^UP/);
	ok((grep { $_->uri eq '/health' && $_->method eq 'GET' } $a->requests), 'asked for so');
    } },
{ f => ['option httpchk: headers in the version string'], be => "option httpchk GET /vers HTTP/1.1\\r\\nHost:\\ in.version\nserver good {A} check $CHECK", ask => sub {
	my ($p, $name, $n) = @_;
	server_is("be$n", 'good', qr/^UP/);
	my ($r) = grep { $_->uri eq '/vers' } $a->requests;
	is($r && $r->header('Host'), 'in.version', 'the field is sent');
    } },
{ f => ['http-check send'], be => "option httpchk\nhttp-check send meth PUT uri /sent ver HTTP/1.1 hdr Host h.example hdr X-C 1 body data\nserver good {A} check $CHECK", ask => sub {
	my ($p, $name, $n) = @_;
	server_is("be$n", 'good', qr/^UP/);
	my ($r) = grep { $_->uri eq '/sent' } $a->requests;
	is(join(' ', map { $r && $r->header($_) // '-' } qw(Host X-C)) . " $r->{raw_body}", 'h.example 1 data', 'as written');
    } },
{ f => ['http-check expect string', 'http-check expect rstatus'], be => "option httpchk\nhttp-check send meth GET uri /s hdr Host x\nhttp-check expect rstatus ^20[0-9]\nhttp-check expect string \"server a\"\nserver good {A} check $CHECK\nserver bad {B} check $CHECK", ask => checked() },
{ f => ['http-check disable-on-404'], be => "option httpchk\nhttp-check disable-on-404\nhttp-check send meth GET uri / hdr Host x hdr X-Status 404\nserver good {A} check inter 500ms fall 99", ask => sub { server_is("be$_[2]", 'good', qr/^NOLB/) } },
{ f => ['option tcp-check', 'tcp-check connect', 'tcp-check send', 'tcp-check expect string'], be => "option tcp-check\ntcp-check connect\ntcp-check send PING\\r\\n\ntcp-check expect string +PONG\nserver good ${\ $pong->addr} check $CHECK\nserver bad ${\ $nopong->addr} check $CHECK", ask => checked() },
{ f => ['tcp-check send-binary', 'tcp-check expect binary'], be => "option tcp-check\ntcp-check send-binary 00\ntcp-check expect binary 010203\nserver good ${\ $bin->addr} check $CHECK\nserver bad ${\ $wrong->addr} check $CHECK", ask => checked() },
{ f => ['option mysql-check'], be => "option mysql-check user haproxy\nserver good ${\ $mysql->addr} check $CHECK\nserver bad ${\ $wrong->addr} check $CHECK", ask => checked() },
{ f => ['option pgsql-check'], be => "option pgsql-check user haproxy\nserver good ${\ $pg->addr} check $CHECK\nserver bad ${\ $wrong->addr} check $CHECK", ask => checked() },
{ f => ['option log-health-checks'], be => "log $log->{addr} local0\noption log-health-checks\nserver good {A} check $CHECK", ask => sub {
	my ($p, $name, $n) = @_;
	server_is("be$n", 'good', qr/^UP/);
	my $mark = cli_ask($ctl, "set server be$n/good addr 127.0.0.1 port 1");
	like(text($log->next_match(qr{Health check for server be$n/good failed})), qr/Layer4 connection problem|Connection refused/, 'said');
    } },
{ f => ['server on-marked-down'], mode => 'tcp', be => "server s ${\ $hang->addr} check inter 1h on-marked-down shutdown-sessions", ask => sub {
	my ($p, $name, $n) = @_;
	my $c = $p->client($name);
	$c->send('x');
	wait_until { cli_ask($ctl, 'show stat') =~ /^be$n,s,(?:[^,]*,){2}1,/m };
	cli_ask($ctl, "set server be$n/s health down");
	ok($c->is_closed(4), 'its sessions end');
    } },
{ f => ['server observe', 'server error-limit', 'server on-error'], be => "server s {A} check inter 1h observe layer7 error-limit 2 on-error mark-down", ask => sub {
	my ($p, $name, $n) = @_;
	$p->get($name, '/', 'X-Status: 500') for 1 .. 3;
	server_is("be$n", 's', qr/^DOWN/, 'errors of traffic count');
    } },
);

# the answer at an address
sub ask_at
{
	my ($host, $port) = @_;
	my $c = IO::Socket::IP->new(PeerHost => $host, PeerPort => $port) or return Tideway::Message->parse_head('');
	my $peer = Tideway::Peer->new($c);

	$peer->send(get('/'));
	return $peer->read_response;
}

sub at { return ask_at(@_)->status }

sub becomes
{
	my ($p, $name, undef, $want) = @_;
	my $is;

	wait_until { ($is = $p->get($name, '/')->body) =~ $want };
	like($is, $want, 'served once the name is known');
}

sub text { $_[0] ? $_[0]{msg} // $_[0]{raw} : 'no line' }

my $p = run_rows("global\n    max-spread-checks 100ms\n    log $log->{addr} local0\n    stats socket $ctl level admin\ndefaults\n    timeout connect 5s\n"
    . "    timeout client 5s\n    timeout server 5s\n    timeout check 5s\n", [@rows],
    { A => $a->addr, B => $b->addr, C => $dead },
    env => { LADDER_IP => $other_ip, LADDER_PORT => $port + 6, LADDER_SERVER => $b->addr });
stop_proxy($p);
done_testing;

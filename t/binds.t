# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# bind: every form of address, and what accept-proxy makes of the source.
use Tideway::Test;
use IO::Socket::IP;
use IO::Socket::UNIX;

my $dir = Tideway::Test::temp_dir();
my $HOST = $Tideway::Listener::ADDR;
my $log = syslog_unix();
my $o = origin(name => 's', respond => sub {
	my ($req, $c, $o) = @_;
	return $o->reply($req, $req->header('X-Forwarded-For') // '-');
});

# starts a proxy on the bind lines; nothing else of it listens
sub proxy
{
	my (@binds) = @_;

	return start_proxy("global\n    log $log->{addr} local0\n"
	    . defaults('log global', 'option httplog', 'option forwardfor') . "
listen web
" . join('', map { "    bind $_\n" } @binds) . "    server s ${\ $o->addr}\n");
}

sub ask
{
	my ($peer, $before) = @_;
	my $sock = $peer =~ m{^/} ? IO::Socket::UNIX->new(Peer => $peer)
	    : IO::Socket::IP->new(PeerHost => $peer =~ s/^\[?(.*?)\]?:\d+$/$1/r,
	    PeerPort => $peer =~ s/.*://r);

	return 'refused' unless $sock;
	my $c = Tideway::Peer->new($sock);
	$c->send($before) if defined $before;
	my $r = $c->request("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	return $r->status == 200 ? $r->body : 'status ' . $r->status;
}

subtest 'forms of address' => sub {
	my $p = proxy("$HOST:18001", "ipv4\@$HOST:18002", "$HOST:18003,$HOST:18004",
	    "$HOST:18010-18012", "$dir/sock1", "unix\@$dir/sock2 mode 600",
	    "[::1]:18005", "ipv6\@::1:18006", "fd\@{BIND:given}" =~ s/fd.\{/{/r,
	    "$HOST:18007 name seven");
	like(ask("$HOST:$_"), qr/^127\./, "port $_")
	    for 18001 .. 18004, 18007, 18010 .. 18012;
	is(ask("$HOST:18013"), 'refused', 'not beyond the range');
	is(ask("[::1]:$_"), '::1', "IPv6 port $_") for 18005, 18006;
	like(ask("$dir/sock$_"), qr/^(?!refused|status)/, "unix socket $_") for 1, 2;
	is((stat "$dir/sock2")[2] & 0777, 0600, 'unix: mode');
	is($p->get('given', '/')->status, 200, 'fd@');
	stop_proxy($p);
};

subtest 'wildcards' => sub {
	my $port = 20000 + $$ % 10000;
	for my $form ("*:$port", ":$port", "0.0.0.0:$port", "[::]:$port", ":::$port v4v6") {
		my $p = proxy($form);
		my $r = ask($form =~ /^\[/ ? "[::1]:$port" : "$HOST:$port");
		like($r, qr/^(?:::ffff:)?(?:127\.|::1)/, "bind $form");
		is(ask("[::1]:$port"), 'refused', 'IPv4 alone') if $form =~ /^(?:\*|:\d|0)/;
		stop_proxy($p);
	}
};

# what a line does not say is the system's
subtest 'IPv6 wildcards and IPv4' => sub {
	my $port = 20000 + $$ % 10000;
	my $v4 = slurp('/proc/sys/net/ipv6/bindv6only') =~ /1/ ? 'refused' : '127.0.0.1';
	my %want = ('' => $v4, 'v4v6' => '127.0.0.1', 'v6only' => 'refused',
	    'v4v6 v6only' => 'refused');
	for my $options (sort keys %want) {
		my $p = proxy(":::$port $options");
		is(ask("127.0.0.1:$port") =~ s/^::ffff://r, $want{$options}, ":: $options");
		is(ask("[::1]:$port"), '::1', 'IPv6');
		stop_proxy($p);
	}
	my $p = proxy("*:$port", ":::$port");
	is(ask("127.0.0.1:$port"), '127.0.0.1', 'beside a line for IPv4');
	is(ask("[::1]:$port"), '::1', 'IPv6');
	stop_proxy($p);
};

subtest 'accept-proxy' => sub {
	$log = syslog_unix();
	my $p = start_proxy("global\n    log $log->{addr} local0\n"
	    . defaults('log global', 'option httplog', 'option forwardfor',
	    'timeout http-request 300ms') . "
listen web
    bind {BIND:web} accept-proxy
    server s ${\ $o->addr}
");
	my $addr = $p->addr('web');
	my $v2 = "\r\n\r\n\0\r\nQUIT\n";
	my $four = pack('C4 C4 n n', 10, 1, 2, 3, 10, 9, 8, 7, 1234, 80);
	my $six = ("\x20\x01\x0d\xb8" . "\0" x 11 . "\x05") x 2 . pack('n n', 1234, 80);
	my %good = (
	    'v1 TCP4' => ["PROXY TCP4 10.1.2.3 10.9.8.7 1234 80\r\n", '10.1.2.3'],
	    'v1 TCP6' => ["PROXY TCP6 2001:db8::5 2001:db8::6 1234 80\r\n", '2001:db8::5'],
	    'v1 UNKNOWN' => ["PROXY UNKNOWN\r\n", '127.0.0.1'],
	    'v1 UNKNOWN, more' => ["PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", '127.0.0.1'],
	    'v2 IPv4' => [$v2 . "\x21\x11" . pack('n', 12) . $four, '10.1.2.3'],
	    'v2 IPv6' => [$v2 . "\x21\x21" . pack('n', 36) . $six, '2001:db8::5'],
	    'v2 LOCAL' => [$v2 . "\x20\x00" . pack('n', 0), '127.0.0.1'],
	    'v2 with TLVs' => [$v2 . "\x21\x11" . pack('n', 17) . $four . "\x04\0\x02xx",
	    '10.1.2.3'],
	);
	# HAProxy wants v1 in one piece, with nothing behind UNKNOWN
	delete $good{'v1 UNKNOWN, more'} unless is_tideway();
	for my $what (sort keys %good) {
		is(ask($addr, $good{$what}[0]), $good{$what}[1], $what);
	}
	my $h;
	$h = $log->next_http for 1 .. keys %good;
	my $sock = IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $p->port('web'));
	my $c = Tideway::Peer->new($sock);
	if (is_tideway()) {
		$c->send($_) for split //, $good{'v1 TCP4'}[0];
	} else {
		$c->send($good{'v1 TCP4'}[0]);
	}
	my $r = $c->request("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	is($r->body, '10.1.2.3', 'byte by byte');
	$h = $log->next_http;
	is("$h->{ip}:$h->{port}", '10.1.2.3:1234', 'the log has the source');
	my %bad = ('no header' => '', 'nonsense' => "PROXY x\r\n",
	    'bad address' => "PROXY TCP4 10.1.2.3.4 10.9.8.7 1 2\r\n",
	    'bad port' => "PROXY TCP4 10.1.2.3 10.9.8.7 99999 2\r\n",
	    'too long' => 'PROXY UNKNOWN ' . ('x' x 200) . "\r\n",
	    'v2 of version 3' => $v2 . "\x31\x11" . pack('n', 12) . $four,
	    'v2 too short' => $v2 . "\x21\x11" . pack('n', 4) . substr($four, 0, 4));
	for my $what (sort keys %bad) {
		next if $what eq 'bad port' && !is_tideway();
		unlike(ask($addr, $bad{$what}), qr/^[\d:]/, "$what: refused");
	}
	stop_proxy($p);
};

subtest 'send-proxy to accept-proxy' => sub {
	my $inner = start_proxy(defaults('option forwardfor') . "
listen inner
    bind {BIND:in} accept-proxy
    server s ${\ $o->addr}
");
	my $outer = start_proxy(defaults() . "
listen outer
    bind $HOST:18020
    server inner ${\ $inner->addr('in')} send-proxy
");
	like(ask("$HOST:18020"), qr/^127\./, 'the source arrives');
	stop_proxy($outer);
	stop_proxy($inner);
};

subtest 'maxconn' => sub {
	my $p = start_proxy(defaults() . "
frontend web
    bind {BIND:web}
    maxconn 2
    default_backend b
backend b
    server s ${\ $o->addr}
");
	my @c = map { $p->client('web') } 1 .. 3;
	my $get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
	$c[$_]->request($get)->status for 0, 1;
	$c[2]->send($get);
	ok($c[2]->is_quiet(0.2), 'the third waits');
	$c[0]->close;
	is($c[2]->read_response->status, 200, 'until one leaves');
	stop_proxy($p);
};

done_testing;

# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# server and default-server: the forms of an address, where a missing port
# comes from, what default-server gives to whom, and every form of init-addr.
use Tideway::Test;
use IO::Socket::INET;
use IO::Socket::IP;
use IO::Socket::UNIX;
use Socket qw(SOCK_STREAM);

my $dir = Tideway::Test::temp_dir();
my $o = origin(name => 'here', host => '127.0.0.1');
my $other = origin(name => 'other');

sub web
{
	my ($servers, @defaults) = @_;

	return start_proxy(defaults(@defaults) . "
frontend web
    bind {BIND:web}
    default_backend b
backend b
" . join '', map { "    $_\n" } @$servers);
}

sub who { $_[0]->get('web', '/')->header('X-Server') // '-' }

# one answer from a socket that is no origin's
sub serve_one
{
	my ($p, $sock) = @_;
	my $c = $p->client('web');

	$c->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	IO::Select->new($sock)->can_read(5) or return 'nobody came';
	my $s = Tideway::Peer->new(scalar $sock->accept);
	my $head = $s->read_head or return 'no request';
	$s->send(response(200, 'hello'));
	return $c->read_response->body;
}

subtest 'forms of address' => sub {
	for my $addr ($o->addr, 'ipv4@' . $o->addr, 'ipv4@localhost:' . $o->port) {
		my $p = web(["server s $addr"]);
		is(who($p), 'here', $addr);
		stop_proxy($p);
	}
	my $six = IO::Socket::IP->new(LocalHost => '::1', LocalPort => 0,
	    Listen => 5, Type => SOCK_STREAM) or return;
	for my $addr ('[::1]:', '::1:', 'ipv6@::1:', 'ipv6@[::1]:') {
		my $p = web(["server s $addr" . $six->sockport]);
		is(serve_one($p, $six), 'hello', "$addr and a port");
		stop_proxy($p);
	}
	my $unix = IO::Socket::UNIX->new(Type => SOCK_STREAM, Listen => 5,
	    Local => "$dir/srv") or die;
	for my $addr ("$dir/srv", "unix\@$dir/srv") {
		my $p = web(["server s $addr"]);
		is(serve_one($p, $unix), 'hello', $addr);
		stop_proxy($p);
	}
};

# A server without a port is reached at the port the client came to: the proxy
# and the server share a number on two addresses.
subtest 'no port, and a relative one' => sub {
	my $host = $Tideway::Listener::ADDR;
	my $p = start_proxy(defaults() . "
listen web
    bind {BIND:web}
    server s $host
listen off
    bind {BIND:off}
    server s $host:+1
");
	my $l = IO::Socket::INET->new(LocalAddr => $host, ReuseAddr => 1,
	    LocalPort => $p->port('web'), Listen => 5) or die "listen: $@";
	is(serve_one($p, $l), 'hello', 'the port the client came to');
	my $next = IO::Socket::INET->new(LocalAddr => $host, ReuseAddr => 1,
	    LocalPort => $p->port('off') + 1, Listen => 5);
	SKIP: {
		skip 'the port is taken', 1 unless $next;
		my $c = $p->client('off');
		$c->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
		ok(IO::Select->new($next)->can_read(5), '+1: the next one');
	}
	stop_proxy($p);
};

subtest 'default-server' => sub {
	my ($a, $b) = ($o->addr, $other->addr);
	my $p = web(["server s1 $a", 'default-server disabled', "server s2 $b"]);
	is(join(' ', map { who($p) } 1 .. 3), 'here here here',
	    'is for the lines below it');
	stop_proxy($p);
	$p = web(["server s1 $a", "server s2 $b"], 'default-server weight 3');
	is(who($p), 'here', 'in defaults');
	stop_proxy($p);
	$p = web(["default-server enabled", "server s1 $a", "server s2 $b disabled"],
	    'default-server disabled');
	is(join(' ', map { who($p) } 1 .. 3), 'here here here',
	    'a later one adds to the earlier, and the server has the last word');
	stop_proxy($p);
	$p = web(['default-server weight 5', 'default-server maxconn 9',
	    "server s1 $a", "server s2 $b weight 1"]);
	my $n = grep { who($p) eq 'here' } 1 .. 12;
	is($n, 10, 'two lines: the first still holds');
	stop_proxy($p);
};

subtest 'init-addr' => sub {
	my $port = $o->port;
	my $no = 'no.such.host.invalid';
	my %up = (
	    "init-addr 127.0.0.1" => "$no:$port",
	    "init-addr libc,127.0.0.1" => "$no:$port",
	    "init-addr last,libc,none,127.0.0.1" => "ipv4\@localhost:$port",
	    "init-addr libc" => "ipv4\@localhost:$port",
	    "init-addr last,libc" => "ipv4\@localhost:$port",
	);
	for my $form (sort keys %up) {
		my $p = web(["server s $up{$form} $form"]);
		is(who($p), 'here', "$form with $up{$form}");
		stop_proxy($p);
	}
	for my $form ('none', 'last,none', 'libc,none', 'last,libc,none') {
		my $p = web(["server s $no:$port init-addr $form",
		    "server t " . $other->addr]);
		is(join(' ', map { who($p) } 1, 2), 'other other',
		    "init-addr $form: starts, and the server is down");
		stop_proxy($p);
	}
	my $p = web(["server s ipv4\@localhost:$port init-addr none"]);
	is(who($p), '-', 'init-addr none: the name is not asked for');
	stop_proxy($p);
	for my $form ('', 'last', 'libc', 'last,libc') {
		my $r = check_config(defaults() . "backend b\n    server s $no:80"
		    . ($form ? " init-addr $form" : '') . "\n");
		is($r->{code}, 1, 'init-addr ' . ($form || 'by default')
		    . ': an unknown name is an error');
		like($r->{all}, qr/\Q$no\E/, 'that names it');
	}
	for my $bad ('init-addr', 'init-addr sometimes', 'init-addr 300.1.1.1') {
		my $r = check_config(defaults() . "backend b\n    server s $no:80 $bad\n");
		is($r->{code}, 1, "'$bad' is refused");
	}
};

done_testing;

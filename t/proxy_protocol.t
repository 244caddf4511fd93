# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The PROXY header that goes to a server, by the client's address family, with
# checks, in mode tcp, and what a server that gets one twice sees.
use Tideway::Test;
use IO::Socket::IP;
use IO::Socket::UNIX;
use Socket qw(SOCK_STREAM);

my $dir = Tideway::Test::temp_dir();
my $HOST = $Tideway::Listener::ADDR;
my $get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

# the first line at the server when this client asks
sub first_line
{
	my ($l, $sock) = @_;
	my $c = Tideway::Peer->new($sock);

	$c->send($get);
	my $s = $l->accept or return ('nobody');
	my $line = $s->read_until(qr/\r\n/) // '';
	my $head = $s->read_head;
	$s->send(response(200, 'x'));
	return ($line, $head ? $head->start : '', $c->read_response->status);
}

for my $mode (qw(http tcp)) {
	subtest "mode $mode" => sub {
		my $l = listener();
		my $p = start_proxy(defaults() . "
listen web
    mode $mode
    bind {BIND:four}
    bind {BIND6:six}
    bind $dir/$mode
    server s ${\ $l->addr} send-proxy
");
		my %bind = (four => 'TCP4 127.0.0.1 127.0.0.1', six => 'TCP6 ::1 ::1');
		for my $name (sort keys %bind) {
			my $sock = $p->client($name)->sock;
			my $want = "PROXY $bind{$name} " . $sock->sockport . ' ' . $p->port($name) . "\r\n";
			my ($line, $start, $status) = first_line($l, $sock);
			is($line, $want, $name);
			is($start, 'GET / HTTP/1.1', 'and the request behind it');
			is($status, 200, 'answered');
		}
		my ($line) = first_line($l, IO::Socket::UNIX->new(Peer => "$dir/$mode"));
		like($line, qr/^PROXY UNKNOWN/, 'a unix socket');
		stop_proxy($p);
	};
}

subtest 'the source of the source' => sub {
	my $l = listener();
	my $p = start_proxy(defaults('option forwardfor') . "
listen web
    bind {BIND:web} accept-proxy
    server s ${\ $l->addr} send-proxy
");
	my $c = $p->client('web');
	$c->send("PROXY TCP6 2001:db8::1 2001:db8::2 1111 2222\r\n$get");
	my $s = $l->accept;
	is($s->read_until(qr/\r\n/), "PROXY TCP6 2001:db8::1 2001:db8::2 1111 2222\r\n",
	    'what came in goes out');
	is($s->read_head->header('X-Forwarded-For'), '2001:db8::1', 'and is the client');
	stop_proxy($p);
};

# one connection, one header: requests that follow have none
subtest 'keep-alive' => sub {
	my $l = listener();
	my $p = start_proxy(defaults() . "
listen web
    bind {BIND:web}
    default-server send-proxy
    server s ${\ $l->addr}
listen plain
    bind {BIND:plain}
    default-server send-proxy
    server s ${\ $l->addr} no-send-proxy
");
	my $c = $p->client('web');
	$c->send($get);
	my $s = $l->accept;
	like($s->read_until(qr/\r\n/), qr/^PROXY TCP4 /, 'a header, from default-server');
	$s->read_head;
	$s->send(response(200, 'x'));
	$c->read_response;
	$c->send($get);
	like($s->read_until(qr/\r\n/), qr{^GET / }, 'none before the second request');
	$c = $p->client('plain');
	$c->send($get);
	like($l->accept->read_until(qr/\r\n/), qr{^GET / }, 'no-send-proxy');
	stop_proxy($p);
};

done_testing;

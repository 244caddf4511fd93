# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The PROXY header that goes to a server, by the client's address family, with
# checks, in mode tcp, and what a server that gets one twice sees.
use Tideway::Test;
use IO::Socket::IP;
use IO::Socket::UNIX;
use Socket qw(SOCK_STREAM inet_ntop AF_INET AF_INET6);

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

# version 2: the header's parts
sub header2
{
	my ($s) = @_;
	my $head = $s->read_bytes(16) // '';
	my ($sig, $cmd, $fam, $len) = unpack 'a12CCn', $head;
	my $body = $len ? $s->read_bytes($len) : '';
	my %h = (sig => $sig, cmd => $cmd, fam => $fam, all => $head . $body);
	my $a = $fam == 0x11 ? 4 : $fam == 0x21 ? 16 : 0;

	if ($a) {
		my ($src, $dst, $sport, $dport) = unpack "a$a a$a n n", $body;
		@h{qw(src dst)} = map { inet_ntop($a == 4 ? AF_INET : AF_INET6, $_) } $src, $dst;
		@h{qw(sport dport)} = ($sport, $dport);
		substr $body, 0, 2 * $a + 4, '';
	}
	while (length $body) {
		my ($type, $value) = unpack 'C n/a*', $body;
		$h{$type} = $value;
		substr $body, 0, 3 + length $value, '';
	}
	return \%h;
}

for my $mode (qw(http tcp)) {
	subtest "version 2, mode $mode" => sub {
		my $l = listener();
		my $p = start_proxy(defaults() . "
listen web
    mode $mode
    bind {BIND:four}
    bind {BIND6:six}
    bind $dir/v2$mode
    server s ${\ $l->addr} send-proxy-v2
");
		my %ip = (four => '127.0.0.1', six => '::1');
		for my $name (sort keys %ip) {
			my $sock = $p->client($name)->sock;
			my $c = Tideway::Peer->new($sock);
			$c->send($get);
			my $s = $l->accept;
			my $h = header2($s);
			is($h->{sig}, "\r\n\r\n\0\r\nQUIT\n", "$name: signature");
			is($h->{cmd}, 0x21, 'version 2, PROXY');
			is("$h->{src} $h->{sport}", "$ip{$name} " . $sock->sockport, 'source');
			is("$h->{dst} $h->{dport}", "$ip{$name} " . $p->port($name), 'destination');
			is($s->read_head->start, 'GET / HTTP/1.1', 'the request behind it');
			$s->send(response(200, 'x'));
			is($c->read_response->status, 200, 'answered');
		}
		my $c = Tideway::Peer->new(IO::Socket::UNIX->new(Peer => "$dir/v2$mode"));
		$c->send($get);
		is(header2($l->accept)->{fam}, 0, 'a unix socket: unspecified');
		stop_proxy($p);
	};
}

subtest 'version 2, values' => sub {
	plan skip_all => 'of 3.x' unless is_tideway;
	my $l = listener();
	my $p = start_proxy(defaults() . "
frontend in
    bind {BIND:web} accept-proxy
    default_backend b
    use_backend b2 if { fc_pp_authority two.test }
    use_backend b3 if { fc_rcvd_proxy } { fc_pp_unique_id three }
backend b
    default-server send-proxy-v2 proxy-v2-options crc32c
    server s ${\ $l->addr} set-proxy-v2-tlv-fmt(0xe1) %[fc_pp_tlv(0xe0)] set-proxy-v2-tlv-fmt(226) \"<%[src]>\"
backend b2
    server s ${\ $l->addr} send-proxy-v2 proxy-v2-options unique-id,authority
backend b3
    default-server send-proxy-v2
    server s ${\ $l->addr} no-send-proxy-v2
");
	my $addrs = pack 'C4 C4 n n', 192, 0, 2, 1, 192, 0, 2, 2, 1111, 2222;
	my $ask = sub {
		my ($cmd, @tlvs) = @_;
		my $body = $addrs;
		while (my ($type, $value) = splice @tlvs, 0, 2) {
			$body .= pack 'C n/a*', $type, $value;
		}
		my $c = $p->client('web');
		$c->send("\r\n\r\n\0\r\nQUIT\n" . pack('CC n/a*', $cmd, 0x11, $body) . $get);
		return $c;
	};
	my $c = $ask->(0x21, 0xe0 => 'mine', 0x30 => 'blue');
	my $h = header2($l->accept);
	is("$h->{src} $h->{sport} $h->{dst} $h->{dport}", '192.0.2.1 1111 192.0.2.2 2222', 'passed on');
	is($h->{0xe1}, 'mine', 'set-proxy-v2-tlv-fmt with a received value');
	is($h->{226}, '<192.0.2.1>', 'and another');
	is($h->{0x30}, 'blue', 'the namespace goes on');
	is(length($h->{3}), 4, 'crc32c');
	my $again = $p->client('web'); # what it wrote with its sum, it takes
	$again->send($h->{all} . $get);
	is(header2($l->accept)->{src}, '192.0.2.1', 'is right');
	my $bad = $h->{all};
	substr($bad, -1) ^= "\1";
	$again = $p->client('web');
	$again->send($bad . $get);
	is($again->read_all // '', '', 'a wrong one: closed');
	$c = $ask->(0x21, 2 => 'two.test');
	$h = header2($l->accept);
	is(join(' ', grep { /^\d+$/ } keys %$h), '', 'no unique id, nothing said');
	$c = $ask->(0x21, 5 => 'three');
	like($l->accept->read_until(qr/\r\n/), qr{^GET / }, 'no-send-proxy-v2, fc_pp_unique_id');
	$c = $ask->(0x20);
	is(header2($l->accept)->{src}, '127.0.0.1', 'LOCAL: the real addresses');
	stop_proxy($p);
};

subtest 'errors' => sub {
	plan skip_all => 'our words' unless is_tideway;
	for my $case (
	    [ 'proxy-v2-options foo', qr/does not know 'foo'/ ],
	    [ 'proxy-v2-options', qr/proxy-v2-options/ ],
	    [ 'set-proxy-v2-tlv-fmt x', qr/in parentheses/ ],
	    [ 'set-proxy-v2-tlv-fmt(300) x', qr/from 0 to 255/ ],
	    [ 'set-proxy-v2-tlv-fmt(3) x', qr/crc32c/ ],
	    [ 'set-proxy-v2-tlv-fmt(0xe0)', qr/set-proxy-v2-tlv-fmt/ ]) {
		my $r = check_config(defaults() . "backend b\n server s 127.0.0.1:1 $case->[0]\n");
		is($r->{code}, 1, "refused: $case->[0]");
		like($r->{all}, $case->[1], 'for that reason');
	}
};

done_testing;

# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Actions of rules that concern the exchange as a whole: lines of the log in
# between, timeouts, retries, marks of packets, closing.
use Tideway::Test;
use Time::HiRes qw(time);

my $get = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

# this many lines, without their header
sub lines
{
	my ($log, $n) = @_;
	my @got;

	while (@got < $n) {
		my $line = $log->next_line(5) or last;
		push @got, $line->{msg} =~ s/\s+\z//r unless $line->{msg} =~ /Proxy|tarted|Stopping|running/;
	}
	return @got;
}

subtest 'do-log' => sub {
	my $log = syslog_unix();
	my $other = syslog_unix();
	my $o = origin(name => 's');
	my $p = start_proxy("global
    nbthread 1
log-profile steps
    on http-req format \"REQ %HM %HP\"
    on http-res format \"RES %ST\"
    on http-after-res drop
    on any format \"ANY %OG\"
log-profile named
    log-tag named
    on any format \"NAMED %OG %HP\"
" . defaults('log-format "%OG %HM %HP %ST"') . "
frontend web
    bind {BIND:web}
    log $log->{addr} local0
    log $other->{addr} profile steps local0
    tcp-request connection do-log if { dst_port gt 0 }
    tcp-request session do-log
    tcp-request content do-log
    http-request do-log if { path /x }
    http-request do-log profile named if { path /named }
    http-request set-log-level silent if { path /silent }
    http-request do-log if { path /silent }
    http-response do-log
    http-after-response do-log
    default_backend be
backend be
    http-response do-log
    tcp-response content do-log
    server s ${\ $o->addr}
frontend tcp
    bind {BIND:tcp}
    mode tcp
    log $log->{addr} local0
    log-format '%OG %ci'
    tcp-request content do-log
    tcp-request inspect-delay 5s
    default_backend tcpbe
backend tcpbe
    mode tcp
    tcp-response inspect-delay 5s
    tcp-response content do-log
    server s ${\ $o->addr}
");
	$p->request('web', $get =~ s/\r\n\z/Connection: close\r\n\r\n/r);
	is_deeply([lines($log, 9)], ['tcp-req-conn <BADREQ> <BADREQ> -1', 'tcp-req-sess <BADREQ> <BADREQ> -1',
	    'tcp-req-cont GET /x -1', 'http-req GET /x -1', 'tcp-res-cont GET /x 200', 'http-res GET /x 200',
	    'http-res GET /x 200', 'http-after-res GET /x 200', 'txn_close GET /x 200'], 'a line at each rule');
	is_deeply([lines($other, 8)], ['ANY tcp-req-conn', 'ANY tcp-req-sess', 'ANY tcp-req-cont', 'REQ GET /x',
	    'ANY tcp-res-cont', 'RES 200', 'RES 200', 'ANY txn_close'], 'as the profile says');
	$p->request('web', "GET /named HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	is((lines($log, 4))[3], 'NAMED http-req /named', 'a profile of the rule');
	is((lines($other, 4))[3], 'NAMED http-req /named', 'for all targets');
	lines($log, 5);
	lines($other, 4);
	$p->request('web', "GET /silent HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	$p->request('web', "GET /end HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	is((lines($log, 6))[-1], 'tcp-req-cont GET /end -1', 'nothing behind set-log-level silent');
	my $c = $p->client('tcp');
	$c->request($get);
	$c->shutdown_write;
	$c->read_all;
	my @got = grep { !/GET|BADREQ/ } lines($log, 8);
	is_deeply(\@got, ['tcp-req-cont 127.0.0.1', 'tcp-res-cont 127.0.0.1', 'txn_close 127.0.0.1'], 'mode tcp');
	stop_proxy($p);
};

subtest 'disable-l7-retry' => sub {
	my $l = listener();
	my $p = start_proxy(defaults('retries 2') . "
listen web
    bind {BIND:web}
    retry-on empty-response
    http-request disable-l7-retry if { path /once }
    server s ${\ $l->addr}
");
	for my $case (['/again', 1], ['/once', 0]) {
		my $c = $p->client('web');
		$c->send("GET $case->[0] HTTP/1.1\r\nHost: a\r\n\r\n");
		my $s = $l->accept;
		$s->read_message(request => 1);
		$s->close;
		if ($case->[1]) {
			$s = $l->accept;
			ok($s && $s->read_message(request => 1), 'sent again');
			$s->send(response(200, 'fine'));
		}
		is($c->read_message->status, $case->[1] ? 200 : 502, "$case->[0]");
	}
	stop_proxy($p);
};

subtest 'set-timeout' => sub {
	my $l = listener();
	my $p = start_proxy(defaults('timeout connect 60s', 'timeout client 60s', 'timeout server 60s', 'timeout queue 60s',
	    'timeout tarpit 60s', 'retries 0') . "
listen web
    bind {BIND:web}
    http-request set-timeout tarpit 20ms if { path /tarpit }
    http-request set-timeout tarpit hdr(ms) if { path /expr }
    http-request tarpit if { path /tarpit /expr }
    http-request set-timeout queue 50ms if { path /queue }
    http-request set-timeout server 50ms if { path /server }
    http-request return status 200 hdr times \"%[cur_client_timeout] %[cur_connect_timeout] %[cur_queue_timeout] %[cur_server_timeout] %[cur_tarpit_timeout] %[cur_tunnel_timeout]\" if { path /times }
    http-request set-timeout client 1s if { path /set }
    http-request set-timeout connect 2s if { path /set }
    http-request set-timeout queue 3s if { path /set }
    http-request set-timeout server 4s if { path /set }
    http-request set-timeout tarpit 5s if { path /set }
    http-request set-timeout tunnel 6s if { path /set }
    http-request return status 200 hdr times \"%[cur_client_timeout] %[cur_connect_timeout] %[cur_queue_timeout] %[cur_server_timeout] %[cur_tarpit_timeout] %[cur_tunnel_timeout]\" if { path /set }
    server s ${\ $l->addr} maxconn 1
listen lost
    bind {BIND:lost}
    http-request set-timeout connect 50ms
    server s 192.0.2.1:9
");
	is($p->get('web', '/tarpit')->status, 500, 'tarpit');
	is($p->request('web', "GET /expr HTTP/1.1\r\nHost: a\r\nms: 30\r\n\r\n")->status, 500, 'tarpit, an expression');
	is($p->get('web', '/server')->status, 504, 'server');
	$l->accept;
	my $first = $p->client('web');
	$first->send("GET /first HTTP/1.1\r\nHost: a\r\n\r\n");
	my $s = $l->accept;
	ok($s->read_message(request => 1), 'one at the server');
	is($p->get('web', '/queue')->status, 503, 'queue: the other one gives up');
	is($p->get('web', '/times')->header('times'), '60000 60000 60000 60000 60000 0', 'cur_*_timeout: of the proxy');
	is($p->get('web', '/set')->header('times'), '1000 2000 3000 4000 5000 6000', 'cur_*_timeout: of rules');
	my $begin = time;
	my $r = $p->get('lost', '/');
	is($r && $r->status, 503, 'connect');
	cmp_ok(time - $begin, '<', 30, 'long before the minute');
	stop_proxy($p);
};

subtest 'marks to servers' => sub {
	my ($ss) = grep { -x } '/usr/bin/ss', '/bin/ss', '/usr/sbin/ss';
	plan(skip_all => 'ss is not installed') unless $ss;
	my $l = listener();
	my $p = start_proxy(defaults() . "
listen web
    bind {BIND:web}
    http-reuse always
    http-request set-bc-tos 0x20 if { path /tos }
    http-request set-bc-tos hdr(tos) if { path /expr }
    http-request set-bc-mark 0x77 if { path /mark }
    server s ${\ $l->addr}
listen client
    bind {BIND:client}
    http-reuse never
    http-request set-fc-tos int(48) if { path /client }
    server s ${\ $l->addr}
");
	my $look = sub {
		my ($path, $field, $listen) = @_;
		my $c = $p->client($listen // 'web');
		$c->send("GET $path HTTP/1.1\r\nHost: a\r\n" . ($field // '') . "\r\n");
		my $s = $l->accept or return ('none', '');
		$s->read_message(request => 1);
		my $port = $s->{sock}->peerport;
		my $text = `$ss -tnHe --tos sport = :$port 2>&1`;
		my $from = $c->local_port;
		my $client = `$ss -tnHe --tos dport = :$from 2>&1`;
		$s->send(response(200, 'ok'));
		$c->read_message;
		return ($text, $client, $s, $c);
	};
	my ($plain, undef, $s0, $c0) = $look->('/plain');
	like($plain, qr/\d/, 'ss shows the connection');
	unlike($plain, qr/tos:0x20/, 'nothing is set');
	my ($tos, undef, $s1) = $look->('/tos');
	like($tos, qr/tos:0x20/, 'set-bc-tos, on a connection of its own');
	like(($look->('/expr', "tos: 64\r\n"))[0], qr/tos:0x40/, 'an expression');
	unlike(($look->('/expr', "tos: 640\r\n"))[0], qr/tos:0x[1-9]/, 'out of range: nothing');
	my ($mark) = $look->('/mark');
	SKIP: {
		skip('no CAP_NET_ADMIN', 1) if $> != 0 || $mark !~ /fwmark/;
		like($mark, qr/fwmark:0x77/, 'set-bc-mark');
	}
	my @client = $look->('/client', undef, 'client');
	like($client[1], qr/tos:0x30/, 'set-fc-tos, an expression');
	stop_proxy($p);
};

subtest 'close, silent-drop, set-nice' => sub {
	my $l = listener();
	my $big = 'x' x 3_000_000;
	my $p = start_proxy(defaults() . "
listen tcp
    bind {BIND:tcp}
    mode tcp
    tcp-response inspect-delay 5s
    tcp-response content close if { res.payload(0,3) -m str BYE }
    server s ${\ $l->addr}
listen web
    bind {BIND:web}
    http-reuse never
    http-request silent-drop rst-ttl 5 if { path /drop }
    http-request set-nice 1024 if { path /nice }
    http-request set-nice -1024 if { path /first }
    http-request wait-for-handshake
    http-response set-nice 512 if { status 200 }
    server s ${\ $l->addr}
");
	my $c = $p->client('tcp');
	$c->send('hello');
	my $s = $l->accept;
	$s->send('BYE now');
	is($c->read_all, 'BYE now', 'close: what came goes to the client');
	is($c->state, 'eof', 'then it is closed');
	isnt($s->read_all, undef, 'so is the server');
	$c = $p->client('web');
	$c->send("GET /drop HTTP/1.1\r\nHost: a\r\n\r\n");
	is($c->read_all, '', 'silent-drop: nothing is said');
	for my $path ('/nice', '/first') {
		$c = $p->client('web');
		$c->send("GET $path HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
		$s = $l->accept;
		$s->read_message(request => 1);
		$s->send("HTTP/1.1 200 OK\r\nContent-Length: ${\ length $big}\r\n\r\n");
		my $pid = fork // die;
		if ($pid == 0) {
			$s->send($big, 30);
			POSIX::_exit(0);
		}
		is(length($c->read_message->body), length $big, "$path: all of it");
		waitpid $pid, 0;
	}
	stop_proxy($p);
};

subtest 'mistakes' => sub {
	my @cases = (
		['http-request do-log prof x', qr/'http-request do-log' takes 'profile <name>', or nothing/],
		['http-request do-log profile', qr/expects the name of a log-profile/],
		['http-request do-log profile none', qr/there is no log-profile 'none'/],
		['http-request set-timeout foo 1s', qr/expects 'client', 'connect', 'queue', 'server', 'tarpit' or 'tunnel'/],
		['http-request set-timeout connect 1s', qr/proxy 'f' has no backend capability/],
		['http-request set-timeout tarpit 0', qr/a time above 0 is expected/],
		['http-request set-nice many', qr/expects a number from -1024 to 1024/],
		['http-request set-bc-tos 256', qr/expects a number from 0 to 0xff, or an expression/],
		['http-request set-bc-mark nofetch', qr/unknown fetch method 'nofetch'|nofetch/],
		['http-response set-bc-tos 1', qr/not supported by tideway in this place/],
		['http-request silent-drop rst 5', qr/takes 'rst-ttl <ttl>', or nothing/],
		['http-request silent-drop rst-ttl 0', qr/'0'/],
		['http-request silent-drop rst-ttl', qr/a TTL from 1 to 255/],
		['tcp-request content close', qr/'close'|close/],
		['tcp-request content switch-mode http', qr/known to HAProxy 3\.4 but not supported by tideway yet/],
	);
	for my $case (@cases) {
		my $r = check_config(defaults() . "frontend f\n    bind 127.0.0.1:1\n    $case->[0]\n    http-request deny\n");
		like($r->{all}, $case->[1], $case->[0]);
		is($r->{code}, 1, 'refused');
	}
};

done_testing;

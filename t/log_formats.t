# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What is logged in the three fixed formats: httplog, tcplog, the default.
use Tideway::Test;

my $log = syslog_unix();
my $l = listener();
my $o = origin(name => 's');

sub proxy
{
	my ($text) = @_;

	return start_proxy("global\n    log $log->{addr} local0\n"
	    . defaults('log global', 'retries 0') . $text);
}

subtest 'httplog' => sub {
	my $p = proxy("
frontend fe
    bind {BIND:web}
    option httplog
    default_backend be
backend be
    server srv ${\ $o->addr}
frontend alone
    option httplog
    bind {BIND:alone}
");
	my $c = $p->client('web');
	my $r = $c->request("GET /a?b=\"c HTTP/1.1\r\nHost: a\r\n\r\n");
	my $line = $log->next_line;
	like($line->{raw}, qr/^<134>\w{3} [ \d]\d \d\d:\d\d:\d\d [^\s\[]+\[\d+\]: \S/,
	    'the syslog header') or diag $line->{raw};
	is($line->{pid}, $p->pid, 'with our pid');
	my $h = Tideway::Syslog::parse_http($line->{msg});
	is($h->{ip}, '127.0.0.1', 'client address');
	is($h->{port}, $c->local_port, 'client port');
	like($h->{date}, qr{^\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d\.\d{3}$}, 'date');
	is("$h->{frontend} $h->{backend}/$h->{server}", 'fe be/srv', 'where to');
	is($h->{status}, 200, 'status');
	# HAProxy counts its own form of the head, not what it sent
	is($h->{bytes}, length($r->{raw}) + length($r->body), 'bytes')
	    if is_tideway();
	is("$h->{ccookie}$h->{scookie}", '--', 'no cookies');
	is("$h->{actconn}/$h->{feconn}/$h->{beconn}/$h->{srvconn}/$h->{retries}",
	    '1/1/0/0/0', 'connections');
	is("$h->{srvq}/$h->{beq}", '0/0', 'queues');
	like($h->{request}, qr{^GET /a\?b=(?:"|#22)c HTTP/1\.1$}, 'request');
	cmp_ok($h->{ta}, '>=', $h->{tr}, 'times add up');

	$p->get('alone', '/x');
	my $msg = $log->next_match(qr/alone/)->{msg};
	like($msg, qr{ alone alone/<NOSRV> -?\d+/-1/-1/-1/\d+ 503 \d+ - - SC-- }, 'no backend');

	$c = $p->client('web');
	$c->send("bad\x01 request\r\n\r\n");
	$c->read_all;
	$msg = $log->next_match(qr/BADREQ/)->{msg};
	like($msg, qr{ fe fe/<NOSRV> -1/-1/-1/-1/\d+ 400 \d+ - - PR-- .* "<BADREQ>"$},
	    'bad request');
	stop_proxy($p);
};

subtest 'tcplog and the default format' => sub {
	my $p = proxy("
listen tcp
    mode tcp
    option tcplog
    bind {BIND:tcp}
    server srv ${\ $l->addr}
listen plain
    mode tcp
    bind {BIND:plain}
    server srv ${\ $l->addr}
");
	for my $name (qw(tcp plain)) {
		my $c = $p->client($name);
		$c->send('ping');
		my $s = $l->accept;
		$s->read_bytes(4);
		$s->send('pong!');
		is($c->read_bytes(5), 'pong!', 'through');
		$s->close;
		$c->read_all;
		$c->close;
		my $msg = $log->next_match(qr/$name/)->{msg};
		my $port = $p->port($name);
		if ($name eq 'tcp') {
			my $h = Tideway::Syslog::parse_tcp($msg);
			is("$h->{frontend} $h->{backend}/$h->{server}",
			    'tcp tcp/srv', 'tcplog: where to');
			is($h->{bytes}, 5, 'tcplog: bytes');
			is($h->{flags}, '--', 'tcplog: flags');
		} else {
			like($msg, qr{^Connect from 127\.0\.0\.1:\d+ to 127\.0\.0\.1:$port \(plain/TCP\)$},
			    'the default format');
		}
	}
	stop_proxy($p);
};

done_testing;

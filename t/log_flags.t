# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The termination state that is logged (HAProxy's manual, 8.5), in each of the
# situations that produce one; with it the answer the client got.
use Tideway::Test;

my $log = syslog_unix();
my $l = listener();
my $spare = listener();
my $gone = listener();
my $gone_addr = $gone->addr;
$gone->close;
my @abort = check_config("defaults\n    mode http\n    option abortonclose\n")
    ->{all} =~ /abortonclose/ ? () : 'option abortonclose';

sub proxy
{
	my ($text, @defaults) = @_;

	return start_proxy("global\n    log $log->{addr} local0\n"
	    . defaults('log global', 'retries 0', @defaults) . $text);
}

subtest 'termination states, HTTP' => sub {
	my $p = proxy("
frontend fe
    bind {BIND:web}
    option httplog
    timeout client 5s
    timeout http-request 150ms
    default_backend be
    use_backend gone if { path /gone }
    use_backend slow if { path /slow }
    use_backend none if { path /none }
    use_backend queue if { path_beg /q }
    use_backend spare if { path /spare }
frontend impatient
    bind {BIND:impatient}
    option httplog
    timeout client 150ms
    default_backend be
backend be
    server srv ${\ $l->addr}
backend spare
    server srv ${\ $spare->addr}
backend slow
    timeout server 150ms
    server srv ${\ $l->addr}
backend gone
    server srv $gone_addr
backend queue
    timeout queue 150ms
    server srv ${\ $l->addr} maxconn 1
backend none
", @abort);
	my $is = sub {
		my ($flags, $status, $what) = @_;
		local $Test::Builder::Level = $Test::Builder::Level + 1;
		my $h = $log->next_http // { msg => 'no line', flags => '' };
		like(substr($h->{flags}, 0, 2), qr/^(?:$flags)$/, "$what: $flags")
		    or diag $h->{msg};
		like($h->{status}, qr/^(?:$status)$/, "$what: $status");
		return $h;
	};
	my $go = sub {
		my ($uri, $name) = @_;
		my $c = $p->client($name // 'web');
		$c->send("GET $uri HTTP/1.1\r\nHost: a\r\n\r\n");
		return $c;
	};
	my ($c, $s, $h);

	$go->('/gone')->read_response;
	$is->('SC', 503, 'connection refused');
	$go->('/none')->read_response;
	$is->('SC', 503, 'no server');

	$c = $go->('/slow');
	$s = $l->accept;
	$c->read_response;
	$is->('sH', 504, 'the server is silent');

	for my $how (qw(close reset)) {
		$c = $go->('/');
		$s = $l->accept;
		$s->read_head;
		$s->$how;
		$c->read_response;
		$is->('SH', 502, "the server, before a head: $how");
	}
	$c = $go->('/');
	$s = $l->accept;
	$s->read_head;
	$s->send("nonsense\r\n\r\n");
	$c->read_response;
	$is->('PH', 502, 'a bad answer');

	$c = $go->('/');
	$s = $l->accept;
	$s->read_head;
	$s->send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
	$s->close;
	$c->read_all;
	$is->('SD', 200, 'the server, within the body');

	$c = $go->('/slow');
	$s = $l->accept;
	$s->send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
	$c->read_all;
	$is->('sD', 200, 'the server stalls within the body');

	$c = $p->client('web');
	$c->send("GET / HT");
	$c->read_all;
	$is->('cR', 408, 'the client stalls within the head');

	$c = $p->client('web');
	$c->send("GET / HT");
	$c->shutdown_write;
	$c->read_all;
	$is->('CR', 400, 'the client closes within the head');

	$c = $p->client('web');
	$c->send("GET / HT");
	$c->is_quiet(0.02);
	$c->reset;
	$is->('CR', 400, 'the client resets within the head');

	for my $how (qw(close reset)) {
		$p->client('web')->$how;
		$is->('CR', 400, "the client says nothing: $how");
	}

	# without the option a client that closes is one that has said it all
	if (@abort) {
		for my $how (qw(close reset)) {
			$c = $go->('/');
			$s = $l->accept;
			$s->read_head;
			$c->$how;
			$is->($how eq 'close' ? 'CH' : 'CH|CD', '400|499|-1', "the client leaves while the server thinks: $how");
			$s->close;
		}
		$p->signal('STOP'); # its request and its end are one event
		$c = $go->('/spare');
		$c->reset;
		$p->signal('CONT');
		$is->('C.', '400|499|-1', 'the client has left when it comes');
	}

	$c = $go->('/');
	$s = $l->accept;
	$s->read_head;
	$s->send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\nhalf");
	$c->read_until(qr/half/);
	$c->reset;
	$s->send('x' x 65536, 1) for 1 .. 4;
	$is->('CD', 200, 'the client leaves within the body');
	$s->close;

	if (is_tideway()) {
		$c = $p->client('impatient');
		$c->send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf");
		$s = $l->accept;
		$c->read_all;
		$is->('cD|cH', '408|-1', 'the client stalls within its body');
		$s->close;
	}

	my $first = $go->('/q1');
	$s = $l->accept;
	$s->read_head;
	$go->('/q2')->read_response;
	$is->('sQ', 503, 'the queue takes too long');
	for my $how (qw(close reset)) {
		$c = $go->('/q3');
		ok($c->is_quiet(0.05), 'it is in the queue');
		$c->$how;
		$h = $is->('CQ', '400|499|503|-1', "the client leaves the queue: $how");
	}
	$s->send(response(200));
	$first->read_response;
	$is->('--', 200, 'all well');
	stop_proxy($p);
};

subtest 'termination states, TCP' => sub {
	my $p = proxy("
defaults
    mode tcp
    log global
    option tcplog
    timeout connect 2s
    timeout client 150ms
    timeout server 1s
    retries 0
listen a
    bind {BIND:a}
    server srv ${\ $l->addr}
listen b
    timeout client 1s
    timeout server 150ms
    bind {BIND:b}
    server srv ${\ $l->addr}
listen gone
    bind {BIND:gone}
    server srv $gone_addr
");
	my $is = sub {
		my ($flags, $what) = @_;
		local $Test::Builder::Level = $Test::Builder::Level + 1;
		my $h = $log->next_tcp // { msg => 'no line', flags => '' };
		is($h->{flags}, $flags, "$what: $flags") or diag $h->{msg};
	};
	my $c = $p->client('gone');
	$c->read_all;
	$is->('SC', 'connection refused');
	$c = $p->client('a');
	my $s = $l->accept;
	$c->read_all;
	$is->('cD', 'the client is silent');
	$s->close;
	$c = $p->client('b');
	$s = $l->accept;
	$c->send('x');
	$c->read_all;
	$is->('sD', 'the server is silent');
	$s->close;
	$c = $p->client('b');
	$s = $l->accept;
	$c->send('x');
	$s->read_bytes(1);
	$c->reset;
	$s->read_all;
	$is->('CD', 'the client resets');
	$s->close;
	$c = $p->client('b');
	$s = $l->accept;
	$c->send('x');
	$s->read_bytes(1);
	$s->reset;
	$c->read_all;
	$is->('SD', 'the server resets');
	stop_proxy($p);
};

done_testing;

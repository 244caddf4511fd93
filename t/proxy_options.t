# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Options of a proxy that change how its connections are served:
# http-pretend-keepalive, http-ignore-probes, idle-close-on-response,
# independent-streams, contstats, rate-limit sessions, max-session-srv-conns;
# and frontends and backends of one name.
use Tideway::Test;

my $l = listener();
my $log = syslog_unix();
my $o = origin(name => 'o');

sub http { join '', map { "$_\r\n" } @_, '' }

sub stats
{
	my ($p, $px, $sv) = @_;
	my ($head, @rows) = split /\n/, $p->get('stats', '/;csv')->body;
	my @names = split /,/, $head =~ s/^# //r;

	for my $row (map { [split /,/] } @rows) {
		next unless $row->[0] eq $px && $row->[1] eq $sv;
		return { map { $names[$_] => $row->[$_] } 0 .. $#names };
	}
}
my $STATS = "listen stats\n    bind {BIND:stats}\n    stats enable\n    stats uri /\n";

subtest 'http-pretend-keepalive' => sub {
	my $p = start_proxy(defaults('option http-server-close') . "
frontend plain
    bind {BIND:plain}
    default_backend plain
frontend pretend
    bind {BIND:pretend}
    default_backend pretend
backend plain
    server s ${\ $l->addr}
backend pretend
    option http-pretend-keepalive
    server s ${\ $l->addr}
");
	for my $fe ('plain', 'pretend') {
		my $c = $p->client($fe);
		$c->send(http('GET / HTTP/1.1', 'Host: a'));
		my $s = $l->accept;
		my $req = $s->read_head;
		is($req->header('Connection') // '-', $fe eq 'plain' ? 'close' : '-',
		    "$fe: what the server is told");
		$s->send(response(200, 'x'));
		is($c->read_response->status, 200, 'answered');
		ok($s->is_closed, 'and its connection is closed');
		ok($c->is_quiet, "the client's is not");
	}
	stop_proxy($p);
};

subtest 'http-ignore-probes' => sub {
	my $p = start_proxy("global\n    log $log->{addr} local0\n"
	    . defaults('log global', 'option httplog', 'timeout http-request 100ms') . $STATS . "
listen probes
    bind {BIND:probes}
    option http-ignore-probes
    server s ${\ $o->addr}
");
	my $c = $p->client('probes');
	ok($c->is_closed, 'the time is over: not a word');
	$c = $p->client('probes');
	$c->shutdown_write;
	ok($c->is_closed, 'nothing came: not a word');
	$c = $p->client('probes');
	$c->send('GET');
	is($c->read_response->status, 408, 'but half a request is answered');
	my $line = $log->next_match(qr/ probes /)->{msg};
	like($line, qr/ 408 .* cR-- /, 'and the first that is logged');
	is(stats($p, 'probes', 'FRONTEND')->{ereq}, 1, 'and counted');
	stop_proxy($p);
};

subtest 'idle-close-on-response' => sub {
	for my $opt (0, 1) {
		my $p = start_proxy(defaults() . "
listen web
    bind {BIND:web}
    ${\ ($opt ? 'option' : 'no option')} idle-close-on-response
    http-reuse never
    server s ${\ $o->addr}
");
		my $c = $p->client('web');
		is($c->request(http('GET / HTTP/1.1', 'Host: a'))->status, 200, 'idle');
		my $n = $o->n_connections;
		my $busy = $p->client('web'); # keeps the process alive
		$busy->send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n");
		ok($o->wait_events('connect', $n + 1), 'another is under way');
		$p->signal('USR1');
		if ($opt) {
			ok($c->is_quiet(0.3), 'with the option it stays open');
			my $r = $c->request(http('GET / HTTP/1.1', 'Host: a'));
			is($r->status, 200, 'for one more request');
			is($r->header('Connection') // '', 'close', 'which is told');
		}
		ok($c->is_closed, 'then it is closed');
		$busy->send('x');
		is($busy->read_response->status, 200, 'what was under way ends well');
		ok(defined $p->wait_exit, 'the process ends');
		stop_proxy($p);
	}
};

subtest 'independent-streams' => sub {
	my $p = start_proxy("
defaults
    mode tcp
    timeout connect 5s
    timeout client 5s
    timeout server 1s
listen usual
    bind {BIND:usual}
    server s ${\ $l->addr}
listen apart
    bind {BIND:apart}
    option independent-streams
    server s ${\ $l->addr}
");
	for my $fe ('usual', 'apart') {
		my $c = $p->client($fe);
		$c->send('hello');
		my $s = $l->accept;
		is($s->read_bytes(5), 'hello', "$fe: connected");
		my $end = time + ($fe eq 'usual' ? 2.5 : $Tideway::Peer::DEADLINE);
		while (time < $end && $c->is_quiet(0.05)) {
			$c->send('x');
		}
		is($c->state, $fe eq 'usual' ? 'open' : 'eof',
		    "what is sent: the server's time and that");
	}
	stop_proxy($p);
};

subtest 'contstats' => sub {
	my $p = start_proxy(defaults() . $STATS . "
listen plain
    bind {BIND:plain}
    server s ${\ $l->addr}
listen cont
    bind {BIND:cont}
    option contstats
    server s ${\ $l->addr}
");
	for my $fe ('plain', 'cont') {
		my $c = $p->client($fe);
		$c->send(http('GET / HTTP/1.1', 'Host: a'));
		my $s = $l->accept;
		$s->read_head;
		$s->send("HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" . 'x' x 1000);
		$c->read_bytes(1000);
		if ($fe eq 'cont') {
			ok(wait_until { (stats($p, $fe, 'FRONTEND')->{bout} || 0) >= 1000 },
			    'bytes are counted while they pass');
			cmp_ok(stats($p, $fe, 's')->{bout}, '>=', 1000, 'the server\'s, too');
		} else {
			is(stats($p, $fe, 'FRONTEND')->{bout} || 0, 0, 'not without it')
			    if is_tideway();
		}
		$s->send('x' x 1000);
		$c->close;
	}
	stop_proxy($p);
};

subtest 'rate-limit sessions, maxconnrate' => sub {
	for my $how ('frontend', 'process', 'sessions') {
		my $g = { frontend => '', process => 'maxconnrate 5',
		    sessions => 'maxsessrate 5' }->{$how};
		my $p = start_proxy("global\n    $g\n" . defaults() . "
listen web
    bind {BIND:web}
    bind {BIND:stats}
    ${\ ($how eq 'frontend' ? 'rate-limit sessions 5' : '')}
    stats enable
    stats uri /
");
		my $begin = time;
		my @c = map { $p->client('web') } 1 .. 20;
		$_->send(http('GET /;csv HTTP/1.0')) for @c;
		my $last;
		$last = $_->read_response for @c;
		is($last->status, 200, "$how: all are served");
		cmp_ok(time - $begin, '>=', 2, 'at five a second');
		is(stats($p, 'web', 'FRONTEND')->{rate_lim}, 5, 'which the statistics tell')
		    if $how eq 'frontend';
		stop_proxy($p);
	}
};

subtest 'max-session-srv-conns' => sub {
	plan(skip_all => 'private connections are tested with tideway') unless is_tideway();
	for my $n (0, 1) {
		my $p = start_proxy(defaults("max-session-srv-conns $n", 'http-reuse never') . "
listen web
    bind {BIND:web}
    server s ${\ $l->addr}
");
		my $c = $p->client('web');
		$c->send(http('GET /1 HTTP/1.1', 'Host: a'));
		my $s = $l->accept;
		$s->read_head;
		$s->send(response(200, 'x'));
		is($c->read_response->status, 200, 'answered');
		ok($n ? $s->is_quiet(0.1) : $s->is_closed, "$n: the server's connection");
		stop_proxy($p);
	}
};

subtest 'one name on both sides' => sub {
	my $p = start_proxy(defaults() . $STATS . "
frontend web
    bind {BIND:web}
    default_backend web
backend web
    server s ${\ $o->addr}
");
	is($p->get('web', '/')->status, 200, 'a frontend and a backend may share a name');
	is(stats($p, 'web', 'FRONTEND')->{stot}, 1, 'each counts for itself');
	is(stats($p, 'web', 'BACKEND')->{stot}, 1, 'the backend, too');
	like($p->stderr, qr/backend 'web' has the same name as frontend 'web'.*HAProxy 3\.3/,
	    'with a warning') if is_tideway();
	stop_proxy($p);
	for my $two (['frontend', 'frontend'], ['backend', 'backend'], ['listen', 'backend'],
	    ['frontend', 'listen']) {
		my $r = check_config(defaults() . join '', map { "$_ web\n" } @$two);
		is($r->{code}, 1, "@$two of one name: refused");
		like($r->{all}, qr/'web' has the same name as \w+ 'web' declared at/, 'and where');
	}
};

done_testing;

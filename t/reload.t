# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Reload and stop. A good configuration takes over with no request lost, a bad
# one changes nothing; counters and health stay. SIGUSR1 drains, SIGTERM stops.
use Tideway::Test;

# HAProxy reloads with a second set of processes: what it promises is less.
my @args = is_tideway() ? ('-db') : ('-W', '-db');
my @o = map { origin(name => "s$_", respond => sub {
	my ($req, $c, $o) = @_;
	return response(500) if $o->is_set('down') && $req->method eq 'OPTIONS';
	$o->wait_flag('go') if $req->uri eq '/wait';
	return $o->reply($req);
}) } 1, 2;
my $log = syslog_unix();

sub text
{
	my ($n, $extra) = @_;

	return "global\n    log $log->{addr} local0\n" . defaults('log global',
	    'option httplog', 'timeout check 5s') . "
listen stats
    bind {BIND:st}
    stats enable
    stats uri /st
    no log
listen web
    bind {BIND:web}
    # what is lost here is to be the program's fault, not a busy machine's
    timeout check 1m
    timeout connect 1m
    timeout client 1m
    timeout server 1m
    default-server inter 50ms fall 1
    option httpchk
    server s1 ${\ $o[$n - 1]->addr} check
" . ($extra // '');
}

sub reload
{
	my ($p, $text, $signal) = @_;

	# HAProxy's master executes itself once more and loses a signal till then
	wait_until {
		my $pid = $p->pid;
		slurp("/proc/$pid/environ") =~ /MWORKER_WAIT_ONLY/
		    && grep { (readlink($_) // '') =~ /eventpoll/ } glob "/proc/$pid/fd/*";
	} unless is_tideway();
	$p->write_config($text);
	$p->signal($signal // 'USR2');
}

sub who { $_[0]->get('web', '/')->header('X-Server') // '-' }

sub csv_field
{
	my ($p, $row, $n) = @_;
	my ($line) = grep { /^\Q$row\E,/ } split /\n/, $p->get('st', '/st;csv')->body;

	return (split /,/, $line // '')[$n];
}

for my $signal (is_tideway() ? qw(USR2 HUP) : 'USR2') {
	subtest "SIG$signal" => sub {
		my $p = start_proxy(text(1), args => \@args);
		is(who($p), 's1', 'before');
		reload($p, text(2), $signal);
		ok(wait_until { who($p) eq 's2' }, 'the new configuration is used');
		reload($p, text(1), $signal);
		ok(wait_until { who($p) eq 's1' }, 'and again');
		stop_proxy($p);
	};
}

subtest 'a bad configuration' => sub {
	my $p = start_proxy(text(1), args => \@args);
	reload($p, text(2, "    bogus word\n"));
	my $told = $p->wait_output(qr/bogus/) || $log->next_match(qr/bogus/, 1);
	ok($told, 'is told') if is_tideway();
	is(who($p), 's1', 'the old one goes on');
	reload($p, text(2));
	ok(wait_until { who($p) eq 's2' }, 'until a good one comes');
	stop_proxy($p);
};

subtest 'under load' => sub {
	# a client that gives up on a busy machine has lost nothing
	local $Tideway::Peer::DEADLINE = 60;
	my $p = start_proxy(text(1), args => \@args);
	my ($n, @lost, %seen) = (0);
	my $count = sub {
		my ($r, $what) = @_;
		push @lost, "$what: " . ($r->status || 'no answer') if $r->status != 200;
	};
	my $keep = $p->client('web');
	for my $round (1 .. 20) {
		reload($p, text(1 + $round / 4 % 2)) if $round % 4 == 0;
		for (1 .. 15) {
			$n++;
			my $r = $p->get('web', "/$n");
			$count->($r, "request $n");
			$seen{ $r->header('X-Server') // '-' }++;
			next unless is_tideway();
			$r = $keep->request("GET /k HTTP/1.1\r\nHost: a\r\n\r\n");
			$count->($r, "request $n of the one connection");
		}
	}
	is(join("\n", @lost), '', "none of $n requests lost") if is_tideway();
	ok(wait_until { who($p) eq 's2' }, 'the last configuration is in force');
	stop_proxy($p);
};

subtest 'what was begun ends on the old one' => sub {
	my $p = start_proxy(text(1), args => \@args);
	my $c = $p->client('web');
	$c->send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
	ok(wait_until { grep { $_->uri eq '/wait' } $o[0]->requests }, 'it is at s1');
	reload($p, text(2));
	ok(wait_until { who($p) eq 's2' }, 'new ones go to s2');
	$o[0]->set('go');
	is($c->read_response->header('X-Server'), 's1', 'the answer comes from s1');
	if (is_tideway()) {
		my $r = $c->request("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
		is($r->header('X-Server'), 's2', 'the connection goes on with the new one');
	}
	stop_proxy($p);
};

subtest 'counters, health and listeners' => sub {
	plan(skip_all => 'HAProxy starts afresh') unless is_tideway();
	my $p = start_proxy(text(1), args => \@args);
	who($p) for 1 .. 5;
	is(csv_field($p, 'web,FRONTEND', 7), 5, 'five sessions');
	$o[0]->set('down');
	ok(wait_until { csv_field($p, 'web,s1', 17) eq 'DOWN' }, 's1 is down');
	reload($p, text(1) =~ s/fall 1/fall 1 rise 3/r . "backend added\n    server x 127.0.0.1:1\n");
	ok(wait_until { defined csv_field($p, 'added,x', 17) }, 'reloaded');
	is(csv_field($p, 'web,s1', 17), 'DOWN', 's1 is still down, at once');
	cmp_ok(csv_field($p, 'web,FRONTEND', 7), '>=', 5, 'sessions still counted');
	$o[0]->unset('down');
	ok(wait_until { csv_field($p, 'web,s1', 17) eq 'UP' }, 'and it recovers');
	reload($p, text(1));
	ok(wait_until { !defined csv_field($p, 'added,x', 17) }, 'a backend goes');
	stop_proxy($p);
};

subtest 'many times' => sub {
	plan(skip_all => 'HAProxy starts processes') unless is_tideway();
	my $p = start_proxy(text(1), args => \@args);
	my $fds = sub { my @f = glob '/proc/' . $p->pid . '/fd/*'; scalar @f };
	who($p);
	reload($p, text(2));
	wait_until { who($p) eq 's2' };
	my $before = $fds->();
	for my $n (1 .. 20) {
		my $want = 's' . (1 + $n % 2);
		reload($p, text(1 + $n % 2));
		wait_until { who($p) eq $want } or return fail("reload $n");
	}
	cmp_ok($fds->(), '<=', $before + 4, '20 reloads leave no descriptors behind');
	stop_proxy($p);
};

subtest 'SIGUSR1 drains' => sub {
	$_->unset('go') for @o;
	my $p = start_proxy(text(1));
	my $c = $p->client('web');
	my $n = grep { $_->uri eq '/wait' } $o[0]->requests;
	$c->send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
	ok(wait_until { $n < grep { $_->uri eq '/wait' } $o[0]->requests },
	    'a request is there');
	$p->signal('USR1');
	ok(wait_until {
		my $s = IO::Socket::INET->new(PeerHost => '127.0.0.1',
		    PeerPort => $p->port('web'));
		!$s;
	}, 'nobody new is let in');
	ok(!$p->wait_exit(0), 'it is still there');
	$o[0]->set('go');
	is($c->read_response->status, 200, 'the request is finished');
	my $exit = $p->wait_exit;
	ok($exit, 'then it ends') and is($exit->{code}, 0, 'with exit code 0');
	stop_proxy($p);
};

for my $signal (qw(TERM INT)) {
	subtest "SIG$signal stops" => sub {
		$_->unset('go') for @o;
		my $p = start_proxy(text(1));
		my $c = $p->client('web');
		$c->send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
		who($p);
		$p->signal($signal);
		my $exit = $p->wait_exit;
		ok($exit, 'at once') or return $p->stop;
		my $num = $signal eq 'TERM' ? 15 : 2;
		ok($exit->{code} == 0 || $exit->{code} == 128 + $num || $exit->{signal} == $num,
		    'as HAProxy does') or diag explain $exit;
		stop_proxy($p);
	};
}

done_testing;

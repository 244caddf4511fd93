# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# tune.* of descriptors, sockets and variables, and busy-polling, by their
# effect.
use Tideway::Test;

plan(skip_all => 'HAProxy counts in another way') unless is_tideway();

my $l = listener();
my $get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

# answers one request of a new client; returns the server's connection
sub turn
{
	my ($p, $from) = @_;
	my $c = $p->client('web');

	$c->send($get);
	my $s = $from // $l->accept or return;
	$s->read_head or return;
	$s->send(response(200, 'x'));
	$c->read_response;
	$c->close;
	return $s;
}

subtest 'tune.pool-low-fd-ratio' => sub {
	my $text = sub { "global\n    nbthread 1\n    fd-hard-limit 400\n    $_[0]\n" . defaults('http-reuse always') . "
listen web
    bind {BIND:web}
    server s ${\ $l->addr}
" };
	my $p = start_proxy($text->('tune.pool-low-fd-ratio 1'));
	ok(turn($p)->is_closed, 'too many descriptors in use: not kept');
	$p->write_config($text->('tune.pool-low-fd-ratio 100'));
	$p->signal('HUP');
	ok($p->wait_output(qr/Reloaded/), 'a reload');
	my $s = turn($p);
	ok($s->is_quiet(0.1), 'few: kept');
	ok(turn($p, $s), 'and used again');
	stop_proxy($p);
};

subtest 'tune.pool-high-fd-ratio' => sub {
	my $other = listener();
	my $text = sub { "global\n    nbthread 1\n    fd-hard-limit 400\n    $_[0]\n" . defaults('http-reuse always') . "
listen web
    bind {BIND:web}
    server s ${\ $l->addr}
listen other
    bind {BIND:other}
    server s ${\ $other->addr}
" };
	for my $pct (100, 1) {
		my $p = start_proxy($text->("tune.pool-high-fd-ratio $pct"));
		my $s = turn($p);
		ok($s->is_quiet(0.1), 'idle');
		my $c = $p->client('other');
		$c->send($get);
		my $o = $other->accept;
		ok($o, 'another connection is needed');
		$pct == 1 ? ok($s->is_closed, 'in place of the idle one') : ok($s->is_quiet(0.1), 'beside it');
		$o->read_head;
		$o->send(response(200, 'x'));
		$c->read_response;
		stop_proxy($p);
	}
};

# ticks of CPU that the process has used
sub ticks
{
	my ($pid) = @_;
	my @f = split ' ', slurp("/proc/$pid/stat") =~ s/.*\)//r;

	return $f[11] + $f[12];
}

subtest 'busy-polling' => sub {
	my $text = sub { "global\n    nbthread 1\n    $_[0]\n" . defaults() . "listen web\n    bind {BIND:web}\n    server s ${\ $l->addr}\n" };
	my $p = start_proxy($text->('busy-polling'));
	my $pid = $p->pid;
	my $began = ticks($pid);
	ok(wait_until { ticks($pid) - $began >= 20 }, 'never sleeps');
	ok(turn($p), 'and serves');
	$p->write_config($text->("busy-polling\n    no busy-polling"));
	$p->signal('HUP');
	ok($p->wait_output(qr/Reloaded/), 'reloaded without');
	turn($p);
	my $idle = wait_until {
		my $n = ticks($pid);
		select undef, undef, undef, 0.2;
		ticks($pid) - $n <= 2;
	};
	ok($idle, 'sleeps again');
	stop_proxy($p);
};

subtest 'tune.rcvbuf.frontend, tune.sndbuf.frontend' => sub {
	my ($ss) = grep { -x } qw(/usr/bin/ss /bin/ss) or plan(skip_all => 'no ss');
	my $port = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1')->sockport;
	my $p = start_proxy("global\n    tune.rcvbuf.frontend 16000\n    tune.sndbuf.frontend 20000\n" . defaults() . "
listen web
    bind {BIND:web}
log-forward f
    dgram-bind 127.0.0.1:$port
    log 127.0.0.1:9 local0
");
	like(`$ss -uanm 'sport = :$port'`, qr/\brb32000,t\d+,tb40000\b/, 'of a dgram-bind');
	stop_proxy($p);
};

subtest 'tune.vars.*-max-size' => sub {
	my $p = start_proxy("global\n    tune.vars.sess-max-size 30\n    tune.vars.txn-max-size 20\n"
	    . "    tune.vars.reqres-max-size 10\n" . defaults() . "
frontend web
    bind {BIND:web}
    http-request set-var(sess.s) hdr(s) if { hdr(s) -m found }
    http-request set-var(txn.t) hdr(t) if { hdr(t) -m found }
    http-request set-var(req.r) hdr(r) if { hdr(r) -m found }
    http-request set-var(req.r) hdr(q) if { hdr(q) -m found }
    http-request return status 200 hdr X \"%[var(sess.s)]/%[var(txn.t)]/%[var(req.r)]\"
");
	my $ask = sub {
		my ($c, %h) = @_;
		return $c->request("GET / HTTP/1.1\r\nHost: a\r\n" . join('', map { "$_: $h{$_}\r\n" } sort keys %h) . "\r\n")
		    ->header('X');
	};
	my $c = $p->client('web');
	is($ask->($c, r => 'r' x 10), '//' . 'r' x 10, 'as many bytes as allowed');
	is($ask->($c, r => 'r' x 11), '//', 'one more: not set');
	is($ask->($c, r => 'r' x 5, q => 'q' x 11), '//', 'a new value without room: unset');
	is($ask->($c, r => 'r' x 10, q => 'q' x 10), '//' . 'q' x 10, 'one that takes the former one\'s place');
	is($ask->($c, t => 't' x 20), '/' . 't' x 20 . '/', 'txn');
	is($ask->($c, t => 't' x 15, r => 'r' x 6), '/' . 't' x 15 . '/', 'txn includes req');
	is($ask->($c, t => 't' x 15, r => 'r' x 5), '/' . 't' x 15 . '/rrrrr', 'which fits');
	is($ask->($c, s => 's' x 30), 's' x 30 . '//', 'sess');
	is($ask->($c, t => 't'), 's' x 30 . '//', 'sess includes txn, also later');
	is($ask->($c, s => 's' x 20, t => 't' x 10), 's' x 20 . '/' . 't' x 10 . '/', 'which fits');
	stop_proxy($p);
};

# how many of ten idle clients are still there when the first has gone
sub left_at_stop
{
	my ($word, $do) = @_;
	my $o = origin(name => 'o');
	my $p = start_proxy("global\n    nbthread 2\n    $word\n" . defaults('timeout http-keep-alive 4s') . "listen web\n    bind {BIND:web}\n    server s ${\ $o->addr}\n");
	my @c = map { $p->client('web') } 1 .. 10;
	is($_->request($get)->status, 200, 'idle') for @c[0, 9];
	$_->request($get) for @c[1 .. 8];
	$p->signal('USR1');
	my @closed;
	$do->(\@c) if $do;
	wait_until { @closed = grep { !$_->is_quiet(0) } @c };
	my $n = @c - @closed;
	ok($_->is_closed, 'closed in the end') for @c[0, 9];
	ok($_->is_closed) || last for @c[1 .. 8];
	ok(defined $p->wait_exit, 'and the process ends');
	return $n;
}

subtest 'close-spread-time' => sub {
	cmp_ok(left_at_stop('close-spread-time 3s'), '>', 0, 'some stay when others have gone');
	my ($n, @told);
	left_at_stop('close-spread-time infinite', sub {
		my ($c) = @_;
		wait_until { $n = grep { !$_->is_quiet(0) } @$c; 1 };
		for my $one (@$c) {
			my $r = $one->request($get);
			push @told, $r->status . ' ' . ($r->header('Connection') // '-');
		}
	});
	is($n, 0, 'infinite: nobody is sent away');
	is(join(',', @told), join(',', ('200 -') x 10), 'and answers do not tell that they are the last');
	@told = ();
	left_at_stop('close-spread-time 1ms', sub {
		my ($c) = @_;
		wait_until { grep { !$_->is_quiet(0) } @$c };
	});
	pass('a short one');
};

subtest 'bad arguments' => sub {
	for my $bad (['tune.pool-low-fd-ratio 101', qr/pool-low-fd-ratio/], ['tune.pool-high-fd-ratio 0', qr/pool-high-fd-ratio/],
	    ['tune.vars.sess-max-size x', qr/sess-max-size/], ['busy-polling on', qr/busy-polling/], ['close-spread-time x', qr/close-spread-time.*'infinite'/], ['close-spread-time', qr/close-spread-time/],
	    ['tune.rcvbuf.frontend -1', qr/rcvbuf\.frontend/],
	    ['noepoll', qr/'noepoll' .*not supported/], ['tune.vars.proc-max-size 1', qr/proc-max-size.*not supported/]) {
		my $r = check_config("global\n    $bad->[0]\n" . defaults() . "listen a\n    bind 127.0.0.1:1\n");
		is($r->{code}, 1, "$bad->[0]: refused") or diag $r->{all};
		like($r->{all}, $bad->[1], 'by its word');
	}
};

done_testing;

# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Nobody's slowness becomes a request's: not a log receiver's that stopped
# reading, not that of servers whose checks hang, not that of clients who read
# a long statistics page drop by drop. Each is measured against the same
# proxy, or the same configuration, at rest. Bounds are relative and wide,
# because machines are busy: a step shows as a multiple.
use Tideway::Test;
use Fcntl;
use POSIX qw(mkfifo);
use Socket qw(SOL_SOCKET SO_RCVBUF);

use constant F_SETPIPE_SZ => 1031;

my $N = 400;
my $o = origin(name => 's1');
my $http = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

# seconds that requests took; each_time is called between them
sub measure
{
	my ($p, $each_time) = @_;
	my $c = $p->client('web');
	my (@t, $bad);

	for (1 .. $N) {
		my $start = time;
		my $r = $c->request($http);
		push @t, time - $start;
		$bad++ if $r->status ne '200';
		$each_time->() if $each_time;
	}
	@t = sort { $a <=> $b } @t;
	return { median => $t[$N / 2], p99 => $t[$N * 0.99],
	    worst => $t[-1], bad => $bad // 0 };
}

sub text
{
	my ($m) = @_;

	return join ', ', map { sprintf '%s %.2f ms', $_, 1000 * $m->{$_} }
	    qw(median p99 worst);
}

sub no_step
{
	my ($quiet, $now) = @_;
	my $slack = $quiet->{worst} * 20;

	is($quiet->{bad} + $now->{bad}, 0, 'every request was answered');
	cmp_ok($now->{median}, '<', $quiet->{median} * 10, 'the median');
	cmp_ok($now->{worst}, '<', $slack > 0.5 ? $slack : 0.5, 'the worst');
	diag('at rest: ', text($quiet), "\nnow:     ", text($now))
	    if $ENV{TW_VERBOSE} || !Test::More->builder->is_passing;
}

sub logging
{
	my ($target) = @_;

	return "global\n    nbthread 1\n    log $target local0\n"
	    . defaults('log global', 'option httplog')
	    . "listen web\n    bind {BIND:web}\n    server s1 ${\ $o->addr}\n";
}

subtest 'a log socket that is full' => sub {
	my $log = syslog_unix();
	my $p = start_proxy(logging($log->addr));
	measure($p);
	my $quiet = measure($p);
	$log->hold;
	no_step($quiet, measure($p));
	$log->release;
	my $n = 0;
	$n++ while defined $log->next_raw(0.3);
	cmp_ok($n, '<', 3 * $N, 'lines were lost, and nothing else');
	is($p->get('web', '/again')->status, 200, 'one more');
	ok($log->next_match(qr{/again}), 'the receiver has lines again');
	stop_proxy($p);
};

subtest 'a log pipe that is full' => sub {
	my $fifo = Tideway::Test::temp_dir() . '/fifo';
	mkfifo($fifo, 0600) or die "mkfifo: $!";
	sysopen my $rd, $fifo, O_RDONLY | O_NONBLOCK or die "$fifo: $!";
	fcntl $rd, F_SETPIPE_SZ, 4096;
	my $p = start_proxy(logging('stdout format raw'), bin => '/bin/sh',
	    args => [ '-c', 'exec "$0" -db "$@" >' . $fifo, binary() ]);
	my $drained = '';
	my $drain = sub { 1 while sysread $rd, $drained, 65536, length $drained };
	my $quiet = measure($p, $drain);
	no_step($quiet, measure($p));
	$drained = '';
	ok(wait_until(sub { $drain->(); length $drained }), 'some lines came');
	cmp_ok(length $drained, '<', $N * 50, 'others were lost');
	is($p->get('web', '/again')->status, 200, 'one more');
	ok(wait_until(sub { $drain->(); $drained =~ m{/again} }),
	    'the pipe has lines again');
	stop_proxy($p);
};

# a server that takes connections and says nothing
sub checks
{
	my ($check, $hang) = @_;

	return "global\n    nbthread 1\n" . defaults('timeout check 3s')
	    . "listen web\n    bind {BIND:web}\n    server s1 ${\ $o->addr}\n"
	    . "backend hang\n    option httpchk GET /\n"
	    . join '', map { "    server h$_ ${\ $hang->addr} $check\n" } 1 .. 100;
}

subtest 'checks that hang' => sub {
	my $hang = listener(backlog => 1024);
	my $p = start_proxy(checks('', $hang));
	measure($p);
	my $quiet = measure($p);
	stop_proxy($p);
	$p = start_proxy(checks('check inter 100ms', $hang));
	my @held;
	while (my $c = $hang->accept(@held < 100 ? () : 0)) {
		push @held, $c;
	}
	cmp_ok(scalar @held, '>=', 100, 'all of them hang');
	measure($p);
	no_step($quiet, measure($p));
	ok($held[0]->buffered ne '' || defined $held[0]->fill,
	    'a check had been sent');
	stop_proxy($p);
};

subtest 'a long statistics page' => sub {
	my $servers = join '', map {
		my $b = $_;
		"backend b$b\n" . join '', map {
			"    server s$_ 127.0.0.1:1\n" } 1 .. 100;
	} 1 .. 20;
	my $p = start_proxy("global\n    nbthread 1\n" . defaults()
	    . "listen web\n    bind {BIND:web}\n    server s1 ${\ $o->addr}\n"
	    . "listen st\n    bind {BIND:st}\n    stats enable\n    stats uri /st\n"
	    . $servers);
	my $start = time;
	my $page = $p->get('st', '/st');
	my $took = time - $start;
	is($page->status, 200, 'the page');
	cmp_ok(length $page->body, '>', 2000 * 100, 'is long');
	diag(sprintf '%d bytes in %.1f ms', length $page->body, 1000 * $took)
	    if $ENV{TW_VERBOSE};
	measure($p);
	my $quiet = measure($p);
	my $test = $$;
	my @readers = map { slow_reader($p, $test) } 1 .. 6;
	ok(wait_until(sub { -s "$_->{file}" or return 0 for @readers; 1 }),
	    'they all read');
	my $now = measure($p);
	no_step($quiet, $now);
	kill 'KILL', map { $_->{pid} } @readers;
	waitpid $_->{pid}, 0 for @readers;
	is($p->get('st', '/st')->status, 200, 'the page is still there');
	stop_proxy($p);
};

# asks for the page again and again, and reads half a megabyte of it a second
sub slow_reader
{
	my ($p, $test) = @_;
	my $file = spew('reader' . ++$Tideway::Proxy::N, '');
	my $pid = fork // die "fork: $!";

	return { pid => $pid, file => $file } if $pid;
	while (getppid == $test) {
		my $c = eval { $p->client('st') } or last;
		setsockopt $c->sock, SOL_SOCKET, SO_RCVBUF, pack 'i', 4096;
		$c->send("GET /st HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
		$c->read_head(30) or last;
		spew($file, 'reads');
		for (1 .. 100) {
			last unless length $c->read_bytes(1024, 30);
			select undef, undef, undef, 0.002;
		}
		$c->close;
	}
	POSIX::_exit(0);
}

done_testing;

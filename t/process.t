# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The process itself: user, group, chroot, threads, limits, and that a client
# is not kept waiting by checks, logs or statistics.
use Tideway::Test;

my $o = origin(name => 's');
my $web = defaults() . "
listen web
    bind {BIND:web}
    server s ${\ $o->addr}
";

sub status_of
{
	my ($pid) = @_;
	my %s = slurp("/proc/$pid/status") =~ /^(\w+):[ \t]*(.*)$/mg;

	return \%s;
}

SKIP: {
	skip 'only root may change user', 1 if $> != 0;
	subtest 'user, group, chroot' => sub {
		my $dir = Tideway::Test::temp_dir() . '/jail';
		mkdir $dir;
		my $p = start_proxy("global\n    user nobody\n    group nogroup\n    chroot $dir\n$web");
		is($p->get('web', '/')->status, 200, 'it serves');
		my ($pid) = reverse $p->pids;
		my $s = status_of($pid);
		my $uid = getpwnam 'nobody';
		like($s->{Uid}, qr/^$uid\s+$uid\s+$uid\s/, 'as nobody, for good');
		my $gid = getgrnam 'nogroup';
		like($s->{Gid}, qr/^$gid\s+$gid\s/, 'in nogroup');
		is(readlink "/proc/$pid/root", $dir, 'in its jail');
		like($s->{Groups} // '', qr/^\s*(?:$gid)?\s*$/,
		    'with no other groups') if is_tideway();
		stop_proxy($p);

		$p = start_proxy("global\n    uid 65534\n    gid 65534\n$web");
		like(status_of((reverse $p->pids)[0])->{Uid}, qr/^65534\s/,
		    'uid and gid by number');
		stop_proxy($p);
	};
	for my $bad ('user no-such-user', 'group no-such-group', 'chroot /no/such/dir') {
		my $r = run_cmd('-db', '-f', spew('bad.cfg', "global\n    $bad\n" . $web
		    =~ s/\{BIND:web\}/$Tideway::Listener::ADDR:17100/r));
		is($r->{code}, 1, "$bad: refused");
		like($r->{err}, qr/no.such/, "$bad: named");
	}
}

subtest 'threads' => sub {
	for my $n (1, 3) {
		my $p = start_proxy("global\n    nbthread $n\n$web");
		is($p->get('web', '/')->status, 200, "nbthread $n");
		my ($pid) = reverse $p->pids;
		cmp_ok(status_of($pid)->{Threads}, '>=', $n, 'that many at least');
		cmp_ok(status_of($pid)->{Threads}, '<=', $n + 3, 'and few more');
		stop_proxy($p);
	}
	is(check_config("global\n    nbthread $_\n" . $web =~ s/\{BIND:web\}/127.0.0.1:1/r)->{code},
	    1, "nbthread $_ is refused") for 0, 'x', 100000;
};

subtest 'global maxconn' => sub {
	my $p = start_proxy("global\n    maxconn 3\n$web");
	my @c = map { $p->client('web') } 1 .. 4;
	my $get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
	is($c[$_]->request($get)->status, 200, "client $_") for 0 .. 2;
	$c[3]->send($get);
	ok($c[3]->is_quiet(0.2), 'one too many waits');
	$c[1]->close;
	is($c[3]->read_response->status, 200, 'until another leaves');
	stop_proxy($p);
};

subtest 'ulimit-n' => sub {
	my $p = start_proxy("global\n    ulimit-n 777\n    maxconn 100\n$web",
	    prlimit => ['--nofile=500:2000']);
	my ($pid) = reverse $p->pids;
	like(slurp("/proc/$pid/limits"), qr/^Max open files\s+777\s/m,
	    'the limit is raised to it');
	stop_proxy($p);
};

# the longest of a number of requests, in seconds
sub slowest
{
	my ($p, $n) = @_;
	my $c = $p->client('web');
	my $max = 0;

	for (1 .. $n) {
		my $start = time;
		$c->request("GET / HTTP/1.1\r\nHost: a\r\n\r\n")->status == 200 or return 99;
		my $t = time - $start;
		$max = $t if $t > $max;
	}
	return $max;
}

subtest 'nothing delays a request' => sub {
	my $dead = listener();
	# each that goes down is work for the control thread, which this slows tenfold
	my $n = ($ENV{TW_SANITIZER} // 'no') eq 'thread' ? 500 : 5000;
	my $servers = join '',
	    map { "    server s$_ ${\ $dead->addr} check inter 1s\n" } 1 .. $n;
	my $p = start_proxy($web
	    . "backend many\n    option httpchk\n    timeout check 500ms\n$servers"
	    . "listen st\n    bind {BIND:st}\n    stats enable\n    stats uri /\n");
	my $limit = 1 * ($ENV{TW_TIME_SCALE} || 1);
	cmp_ok(slowest($p, 200), '<', $limit, "$n checks, none of them answered");
	my @slow = map { $p->client('st') } 1 .. 20;
	$_->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n") for @slow;
	cmp_ok(slowest($p, 100), '<', $limit, 'twenty who ask for a long page and do not read it');
	stop_proxy($p);
};

done_testing;

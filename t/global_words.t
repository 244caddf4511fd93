# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Words of the global section by what they do to the process: CPUs and threads,
# limits, priority, capabilities, core files; and default-path.
use POSIX ();
use Tideway::Test;

my $dir = Tideway::Test::temp_dir();
my $web = defaults() . "listen web\n    bind {BIND:web}\n";

# of each thread but the first, the CPUs it may run on
sub cpus
{
	my ($p) = @_;
	my ($pid) = reverse $p->pids;
	my @tasks = sort { $a <=> $b } map { m{/(\d+)$} } glob "/proc/$pid/task/*";

	shift @tasks;
	return map { slurp("/proc/$pid/task/$_/status") =~ /^Cpus_allowed_list:\s+(\S+)/m }
	    @tasks;
}

my ($mine) = slurp('/proc/self/status') =~ /^Cpus_allowed_list:\s+(\S+)/m;
my @have = map { my ($a, $b) = split /-/; $a .. $b // $a } split /,/, $mine;
my $has_own_threads = ($ENV{TW_SANITIZER} // '') eq 'thread';

subtest 'cpu-map' => sub {
	plan(skip_all => 'needs two CPUs') if @have < 2;
	plan(skip_all => 'the sanitizer has a thread of its own') if $has_own_threads;
	my ($a, $b) = @have;
	my @cases = (
	    ["cpu-map auto:1/1-2 $a $b", 2, [$a, $b], 'auto: one each'],
	    ["cpu-map 1/all $b", 2, [$b, $b], 'all threads of a group'],
	    ["cpu-map 1 $a", 2, [$a, $a], 'a group'],
	    ["cpu-map 1/even $a", 2, [$mine, $a], 'even ones'],
	    ["cpu-map 1/2- $b", 3, [$mine, $b, $b], 'an open range'],
	    ["cpu-map 1/1 $a\n    cpu-map 1/1 $b", 1, [$b], 'the last line counts'],
	    ["cpu-map 1 $a,$b\n    cpu-map 1/1 $b", 2, [$b, undef], "where the group's and the thread's agree"],
	);
	push @cases, ["thread-groups 2\n    cpu-map auto:1-2 $a $b", 3, [$a, $a, $b], 'groups of threads'],
	    ["max-threads-per-group 1\n    cpu-map 2/1 $b", 2, [$mine, $b], 'small groups'],
	    ["thread-groups 2\n    thread-group 1 2-3\n    cpu-map 1 $a\n    cpu-map 2/1 $b", 3, [$b, $a, $a], 'thread-group'],
	    ["cpu-set only-cpu $b", 2, [$b, $b], 'cpu-set only-cpu'],
	    ["cpu-set drop-cpu $a", 1, [undef], 'cpu-set drop-cpu']
	    if is_tideway();
	for my $c (@cases) {
		my ($lines, $n, $want, $what) = @$c;
		my $p = start_proxy("global\n    nbthread $n\n    $lines\n$web");
		my @got;
		wait_until { # the threads may still be starting
			@got = cpus($p);
			return 1 unless is_tideway();
			@got == $n && !grep { defined $want->[$_] && $got[$_] ne $want->[$_] }
			    0 .. $#$want;
		};
		# HAProxy's first thread does work, too
		is(scalar @got, $n, "$what: threads") if is_tideway();
		for my $i (0 .. $#$want) {
			next if !defined $want->[$i] || !is_tideway();
			is($got[$i], $want->[$i], "$what: thread " . ($i + 1));
		}
		stop_proxy($p);
	}
	return unless is_tideway(); # HAProxy starts anew
	my $p = start_proxy("global\n    nbthread 1\n    cpu-map 1/1 $a\n$web");
	ok(wait_until { (cpus($p))[0] eq $a }, 'before a reload');
	$p->write_config("global\n    nbthread 1\n    cpu-map 1/1 $b\n$web");
	$p->signal('HUP');
	ok(wait_until { (cpus($p))[0] eq $b }, 'a reload binds anew');
	$p->write_config("global\n    nbthread 1\n$web");
	$p->signal('HUP');
	ok(wait_until { (cpus($p))[0] eq $mine }, 'or lets go');
	stop_proxy($p);
};

subtest 'how many threads' => sub {
	plan(skip_all => 'HAProxy 2.6 has other words') unless is_tideway();
	plan(skip_all => 'the sanitizer has a thread of its own') if $has_own_threads;
	my $n = sub {
		my ($lines, $want) = @_;
		my $p = start_proxy("global\n    $lines\n$web");
		my $got;
		wait_until { ($got = scalar(my @c = cpus($p))) == $want };
		stop_proxy($p);
		is($got, $want, $lines =~ s/\n\s*/, /r);
	};
	$n->("cpu-set only-cpu $have[0]", 1);
	$n->("nbthread 4\n    thread-hard-limit 2", 2);
	$n->('cpu-policy none', scalar @have);
	# of what kind this machine's CPUs are is another matter: t/unit/test_topology
	for my $policy (qw(performance group-by-cluster group-by-2-clusters group-by-ccx)) {
		my $p = start_proxy("global\n    cpu-policy $policy\n$web");
		my @got;
		wait_until { (@got = cpus($p)) >= 1 && !grep { !defined } @got };
		cmp_ok(scalar @got, '<=', scalar @have, "$policy: a thread for each CPU at most");
		my %of = map { my ($a, $b) = split /-/; map { $_ => 1 } $a .. $b // $a } map { split /,/ } @got;
		is(scalar keys %of, scalar @got, 'bound to those CPUs');
		stop_proxy($p);
	}
	$n->("nbthread 3\n    cpu-policy performance", 3);
	return if -e '/sys/devices/system/node/node1';
	$n->('cpu-policy first-usable-node', scalar @have);
	$n->('numa-cpu-mapping', scalar @have);
};

subtest 'default-path' => sub {
	mkdir "$dir/$_" for 'dp', 'dp/conf', 'dp/pages', 'elsewhere';
	my $page = sub { "HTTP/1.0 503 X\r\n\r\n$_[0]\n" };
	spew('dp/conf/503.http', $page->('beside the file'));
	spew('dp/503.http', $page->('above it'));
	spew('elsewhere/503.http', $page->('elsewhere'));
	spew('503.http', $page->('from the start'));
	for my $c (['config', 'beside the file'], ['parent', 'above it'],
	    ["origin $dir/elsewhere", 'elsewhere'], ['origin elsewhere', 'elsewhere'],
	    ["config\n    default-path current", 'from the start']) {
		my ($how, $want) = @$c;
		spew('dp/conf/g.cfg', "global\n    default-path $how\n"
		    . defaults('errorfile 503 503.http'));
		my $p = start_proxy("listen web\n    bind {BIND:web}\n",
		    args => ['-db', '-C', $dir, '-f', 'dp/conf/g.cfg']);
		is($p->get('web', '/')->body, "$want\n", $how =~ s/\n\s*/, /r);
		if (is_tideway()) {
			$p->signal('HUP');
			ok($p->wait_output(qr/Reloaded/), 'found again at a reload');
		}
		stop_proxy($p);
	}
};

subtest 'limits and priority' => sub {
	plan(skip_all => 'HAProxy counts in another way') unless is_tideway();
	my $of = sub {
		my ($lines, $get) = @_;
		my $p = start_proxy("global\n    $lines\n$web");
		my ($pid) = reverse $p->pids;
		my $v = $get->($pid);
		stop_proxy($p);
		return $v;
	};
	my $files = sub { slurp("/proc/$_[0]/limits") =~ /^Max open files\s+(\d+)/m ? $1 : 0 };
	cmp_ok($of->('fd-hard-limit 500', $files), '<=', 500, 'fd-hard-limit');
	my $table = sub { slurp("/proc/$_[0]/status") =~ /^FDSize:\s+(\d+)/m ? $1 : 0 };
	cmp_ok($of->('ulimit-n 3000', $table), '<', 2000, 'the table of descriptors grows by and by');
	cmp_ok($of->("ulimit-n 3000\n    prealloc-fd", $table), '>=', 3000, 'prealloc-fd: it is there');
	my $nice = sub { (split ' ', slurp("/proc/$_[0]/stat") =~ s/.*\)//r)[16] };
	is($of->('tune.renice.runtime 15', $nice), 15, 'tune.renice.runtime');
	my ($nr_open) = slurp('/proc/sys/fs/nr_open') =~ /(\d+)/;
	my $r = run_cmd('-db', '-f', spew('strict.cfg', "global\n    strict-limits\n    maxconn $nr_open\n"
	    . defaults() . "listen a\n    bind 127.0.0.1:0\n"));
	is($r->{code}, 1, 'strict-limits: does not start');
	like($r->{err}, qr/'strict-limits' is set/, 'and why');
};

subtest 'setcap, set-dumpable' => sub {
	plan(skip_all => 'needs root') if $>;
	plan(skip_all => 'HAProxy 2.6 has no setcap') unless is_tideway();
	plan(skip_all => 'a sanitizer wants its files') if ($ENV{TW_SANITIZER} // 'no') ne 'no';
	my $uid = getpwnam 'nobody';
	# what is dumpable its own user may look into
	my $looks = sub {
		my ($pid) = @_;
		my $kid = fork // die;
		if ($kid == 0) {
			POSIX::setgid(scalar getgrnam 'nogroup');
			POSIX::setuid($uid);
			POSIX::_exit(open(my $fh, '<', "/proc/$pid/environ") ? 1 : 0);
		}
		waitpid $kid, 0;
		return $? >> 8;
	};
	my $run = sub {
		my $p = start_proxy("global\n    user nobody\n    group nogroup\n    $_[0]\n$web");
		my ($pid) = reverse $p->pids;
		my $status = slurp("/proc/$pid/status");
		my @v = ($status =~ /^CapEff:\s+(\S+)/m ? hex $1 : -1, $looks->($pid),
		    slurp("/proc/$pid/limits") =~ /^Max core file size\s+(\S+)/m ? $1 : '');
		stop_proxy($p);
		return @v;
	};
	my @v = $run->('');
	is($v[0], 0, 'no capabilities are kept');
	is($v[1], 0, 'no core of a process that changed its user');
	@v = $run->('setcap cap_net_raw,cap_net_bind_service');
	is($v[0], 1 << 13 | 1 << 10, 'setcap');
	@v = $run->('set-dumpable');
	is($v[1], 1, 'set-dumpable');
	is($v[2], 'unlimited', 'of any size');
};

subtest 'noreuseport' => sub {
	my $l = listener();
	my $addr = $l->addr;
	$l->close;
	for my $word ('', 'noreuseport') {
		my $text = "global\n    $word\n" . defaults() . "listen a\n    bind $addr\n";
		my $first = start_proxy("$text    bind {BIND:own}\n");
		my $second = Tideway::Proxy->new("$text    bind {BIND:own}\n", bin => binary(), dir => $dir,
		    wait => 0);
		if ($word eq '') {
			ok($second->_wait_ready, 'two programs may share a port');
		} else {
			is(($second->wait_exit // {})->{code}, 1, 'not with noreuseport');
			like($second->stderr, qr/cannot bind socket/, 'and why');
		}
		$second->stop; # what it leaves when it could not start is not asked here
		stop_proxy($first);
	}
};

subtest 'buffers of sockets' => sub {
	my ($ss) = grep { -x } qw(/usr/bin/ss /bin/ss /usr/sbin/ss /sbin/ss) or plan(skip_all => 'no ss');
	my $l = listener();
	my $text = sub { "global\n    tune.rcvbuf.client $_[0]\n    tune.sndbuf.client 20000\n"
	    . "    tune.rcvbuf.server 24000\n    tune.sndbuf.server 28000\n" . defaults()
	    . "listen web\n    bind {BIND:web}\n    server s ${\ $l->addr}\n" };
	my $p = start_proxy($text->(16000));
	my $c = $p->client('web');
	my $sizes = sub { (`$ss -tnm $_[0]` // '') =~ /\brb(\d+),t\d+,tb(\d+)/ ? "$1 $2" : '' };
	my $port = $p->port('web');
	$c->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	my $s = $l->accept;
	like($sizes->("'dport = :" . $l->port . "'"), qr/^48000 56000$/, 'a server\'s connection');
	my $client = sub { $sizes->("'sport = :$port'") };
	if (is_tideway()) { # HAProxy leaves an inherited listener alone
		is($client->(), '32000 40000', 'a client\'s');
		$p->write_config($text->(18000));
		$p->signal('HUP');
		ok(wait_until { my $c2 = $p->client('web'); $client->() =~ /^36000|^32000/
		    && (`$ss -tnm 'sport = :$port'` =~ /\brb36000,/) }, 'a new one after a reload');
	}
	stop_proxy($p);
};

subtest 'unix-bind' => sub {
	my $at = sub {
		my ($lines, $bind) = @_;
		my $p = start_proxy("global\n    unix-bind prefix $dir/ub- $lines\n" . defaults()
		    . "listen web\n    bind {BIND:own}\n    bind unix\@/sock $bind\n");
		my $s;
		wait_until { $s = [(stat "$dir/ub-/sock")[2, 4, 5]]; defined $s->[0] };
		stop_proxy($p);
		return $s->[0] & 07777, @$s[1, 2];
	};
	mkdir "$dir/ub-";
	is(($at->('mode 0612', ''))[0], 0612, 'mode');
	is(($at->('mode 612', 'mode 604'))[0], 0604, "the line's own is stronger");
	if ($> == 0) {
		is_deeply([($at->('uid 12 gid 34', ''))[1, 2]], [12, 34], 'uid, gid');
		is_deeply([($at->('uid 12 gid 34', 'uid 13'))[1, 2]], [13, 34], 'uid, gid of the line');
		my $uid = getpwnam 'nobody';
		is(($at->('user nobody', ''))[1], $uid, 'user');
	}
};

subtest 'guid' => sub {
	plan(skip_all => 'HAProxy 2.6 has none') unless is_tideway();
	my $text = sub { defaults() . "listen a\n    guid $_[0]\n    bind 127.0.0.1:1 guid-prefix $_[1]\n"
	    . "    server s 127.0.0.1:1 guid $_[2]\n" };
	is(check_config($text->('a:1', 'b-2', 'c.3_d'))->{code}, 0, 'names of their own');
	for my $same (['x', 'x', 'y'], ['x', 'y', 'x'], ['y', 'x', 'x']) {
		my $r = check_config($text->(@$same));
		is($r->{code}, 1, "@$same: refused");
		like($r->{all}, qr/'x' is the guid of what is declared at .*check\.cfg:\d+/, 'and where');
	}
};

subtest 'localpeer' => sub {
	plan(skip_all => 'it is seen with -dC') unless is_tideway();
	my $f = spew('peer.cfg', "global\n    localpeer me\n    node \"\$HAPROXY_LOCALPEER\"\n" . defaults()
	    . "listen a\n    bind 127.0.0.1:1\n");
	like(run_cmd('-c', '-dC', '-f', $f)->{out}, qr/node me$/m, 'in the environment');
	like(run_cmd('-c', '-dC', '-L', 'other', '-f', $f)->{out}, qr/node other$/m, '-L is stronger');
};

subtest 'bad arguments' => sub {
	for my $bad (['cpu-map 1', qr/cpu-map/], ['cpu-map x 0', qr/'x' is not a valid/],
	    ['cpu-map 1/0 0', qr/'0' is not a valid/], ['cpu-map 99 0', qr/'99' is not a valid/],
	    ['cpu-map 1 0-99999', qr/CPU/], ['cpu-map auto:1/1-4 0-2', qr/auto|same size/],
	    ['default-path', qr/default-path/], ['default-path nowhere', qr/default-path/],
	    ['default-path origin', qr/origin/], ['default-path origin /no/such', qr{/no/such}],
	    ['tune.maxaccept x', qr/tune\.maxaccept/, 1], ['tune.maxaccept 0', qr/from 1 on/, 1],
	    ['tune.idletimer 5q', qr/tune\.idletimer/], ['tune.fd.edge-triggered maybe', qr/on/],
	    ['setcap cap_chown', qr/'cap_chown'.*cap_net_raw/, 1], ['cpu-policy group-by-5-ccx', qr/unknown CPU policy/, 1],
	    ['thread-group', qr/thread-group/], ['thread-group 0 1', qr/thread-group/], ['thread-group 1 x', qr/expects numbers of threads.*'x'/, 1],
	    ['thread-group 1 3-2', qr/'3-2'/, 1], ["thread-group 1 1-2\n    thread-group 2 2", qr/thread 2 is in another group/, 1, 3],
	    ["thread-group 1 1\n    nbthread 2", qr/thread 2 is in no group/, 1], ["thread-group 3 1\n    thread-groups 2", qr/names group 3, but there are 2/, 1],
	    ['unix-bind mode', qr/unix-bind/, 1], ['unix-bind mode 9', qr/'9'.*octal/, 1],
	    ['unix-bind prefix', qr/unix-bind/, 1], ['unix-bind what x', qr/'what'/, 1],
	    ['unix-bind user no-such-user', qr/no-such-user/], ['unix-bind mode 600 uid', qr/'uid' expects/, 1],
	    ['cpu-policy x', qr/'none'/, 1], ['cpu-set only-core 1', qr/known to HAProxy.*only-cpu/, 1],
	    ['cpu-set only-cpu', qr/cpu-set/, 1], ['tune.renice.runtime 20', qr/-20 to 19/, 1],
	    ['tune.rcvbuf.client x', qr/tune\.rcvbuf\.client/, 1], ['set-dumpable libs', qr/'on' or 'off'/, 1]) {
		next if $bad->[2] && !is_tideway();
		my $r = check_config("global\n    $bad->[0]\n" . defaults() . "listen a\n    bind 127.0.0.1:1\n");
		is($r->{code}, 1, "$bad->[0]: refused") or diag $r->{all};
		like($r->{all}, qr/check\.cfg:${\ ($bad->[3] \/\/ 2)}\]/, 'where');
		like($r->{all}, $bad->[1], 'and why');
	}
};

done_testing;

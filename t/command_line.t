# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The command line is HAProxy's: options, what they print, exit codes.
use Tideway::Test;
use IO::Socket::UNIX;
use Socket qw(SOCK_DGRAM);
use IO::Select;

my $dir = Tideway::Test::temp_dir();
my $HOST = $Tideway::Listener::ADDR;
my $text = defaults() . "listen a\n    bind $HOST:17001\n";
my $cfg = spew('a.cfg', $text);

sub cli
{
	my $r = run_cmd(@_);

	$r->{all} = $r->{out} . $r->{err};
	return $r;
}

subtest 'version and help' => sub {
	my $r = cli('-v');
	is($r->{code}, 0, '-v: exit code 0');
	like($r->{out}, qr/version \d+\.\d+/i, '-v: the version');
	$r = cli('-vv');
	is($r->{code}, 0, '-vv: exit code 0');
	like($r->{out}, qr/OpenSSL|PCRE2/, '-vv: libraries');
	like($r->{out}, qr/libevent.*\d\.\d/i, '-vv: libevent') if is_tideway();
	if (is_tideway()) {
		like($r->{out}, qr/\b$_\b/, "-vv: module $_")
		    for qw(http roundrobin cookie healthcheck stats);
	}
	for my $also (['-c', '-f', $cfg, '-v'], ['-v', '-c', '-f', $cfg],
	    ['-v', '-cc', '0'], ['-v', '-f', '/nowhere.cfg']) {
		$r = cli(@$also);
		is($r->{code}, 0, "@$also: exit code 0");
		like($r->{out}, qr/\A.*version \d/i, "@$also: the version");
		unlike($r->{all}, qr/is valid|nowhere/, "@$also: and nothing else");
	}
	for my $bad (['-Z'], [], ['-c']) {
		$r = cli(@$bad);
		is($r->{code}, 1, "'@$bad': exit code 1");
		like($r->{all}, qr/usage ?:/i, "'@$bad': usage");
	}
};

subtest '-c' => sub {
	my $r = cli('-c', '-f', $cfg);
	is($r->{code}, 0, 'exit code 0');
	is($r->{out}, "Configuration file is valid\n", 'says so');
	is($r->{err}, '', 'and nothing else');
	$r = cli('-c', '-q', '-f', $cfg);
	is("$r->{code}$r->{all}", '0', '-q: not a word');
	$r = cli('-c', '-V', '-f', $cfg);
	like($r->{out}, qr/^Configuration file is valid$/m, '-V');
	$r = cli('-c', '-dC', '-f', $cfg);
	is($r->{code}, 0, '-dC');
	like($r->{out}, qr/^listen a$/m, '-dC: the configuration') if is_tideway();
	my $bad = spew('bad.cfg', "bogus\n");
	$r = cli('-c', '-f', $bad);
	is($r->{code}, 1, 'a bad file: exit code 1');
	like($r->{err}, qr/\[ALERT\].*bad\.cfg:1/, 'an alert with file and line');
	unlike($r->{out}, qr/is valid/, 'not valid');
	$r = cli('-f', $bad);
	is($r->{code}, 1, 'the same without -c');
	$r = cli('-c', '-f', '/nowhere.cfg');
	is($r->{code}, 1, 'a missing file');
	like($r->{err}, qr{/nowhere\.cfg}, 'that is named');
};

subtest 'several files' => sub {
	my $one = spew('one.cfg', defaults());
	my $two = spew('two.cfg', "listen a\n    bind $HOST:17001\n");
	is(cli('-c', '-f', $one, '-f', $two)->{code}, 0, '-f twice');
	is(cli('-c', '--', $one, $two)->{code}, 0, '--');
	is(cli('-c', '-f', $one, '--', $two)->{code}, 0, '-f and --');
	mkdir "$dir/conf.d";
	spew('conf.d/10-a.cfg', defaults());
	spew('conf.d/20-b.cfg', "listen a\n    bind $HOST:17001\n");
	spew('conf.d/30-c.txt', "bogus\n");
	spew('conf.d/.hidden.cfg', "bogus\n");
	my $r = cli('-c', '-f', "$dir/conf.d");
	is($r->{code}, 0, 'a directory: its *.cfg') or diag $r->{all};
	spew('conf.d/15-bad.cfg', "    bogus\n");
	$r = cli('-c', '-f', "$dir/conf.d");
	like($r->{err}, qr/15-bad\.cfg:1/, 'in order, with the name of the file');
	unlink "$dir/conf.d/15-bad.cfg";
	$r = cli('-c', '-C', $dir, '-f', 'a.cfg');
	is($r->{code}, 0, '-C');
	is(cli('-C', '/nowhere', '-c', '-f', $cfg)->{code}, 1, '-C to nowhere');
};

subtest 'limits and names' => sub {
	is(cli('-c', '-n', '500', '-f', $cfg)->{code}, 0, '-n');
	is(cli('-c', '-N', '500', '-f', $cfg)->{code}, 0, '-N');
	is(cli('-c', '-m', '500', '-f', $cfg)->{code}, 0, '-m');
	is(cli('-c', '-L', 'me', '-f', $cfg)->{code}, 0, '-L');
	my $p = start_proxy(defaults()
	    . "listen s\n    bind {BIND:s}\n    stats enable\n    stats uri /\n",
	    args => ['-db', '-n', '321']);
	like($p->get('s', '/')->body, qr/maxconn<?\/?\w*>? *=? *(?:<[^>]*>)*321|321/,
	    '-n is the maxconn');
	stop_proxy($p);
};

subtest '-cc' => sub {
	is(cli('-cc', 'streq(a,a)')->{code}, 0, 'true: 0');
	is(cli('-cc', 'streq(a,b)')->{code}, 1, 'false: 1');
	is(cli('-cc', 'streq(a')->{code}, 2, 'nonsense: 2');
};

sub pid_gone
{
	my ($pid) = @_;

	return wait_until { !kill 0, $pid };
}

sub answers
{
	my ($port) = @_;

	return wait_until {
		my $s = IO::Socket::INET->new(PeerHost => $HOST, PeerPort => $port)
		    or return 0;
		my $c = Tideway::Peer->new($s);
		$c->request("GET / HTTP/1.0\r\n\r\n")->status == 503;
	};
}

subtest '-D, -p, -sf, -st' => sub {
	my $file = spew('d.cfg', $text =~ s/17001/17002/r);
	my $r = cli('-D', '-p', "$dir/pid", '-f', $file);
	is($r->{code}, 0, '-D returns') or diag $r->{all};
	my ($pid) = slurp("$dir/pid") =~ /^(\d+)$/m;
	ok($pid && kill(0, $pid), 'the pid file names what runs') or return;
	ok(answers(17002), 'and it serves');
	for my $opt ('-sf', '-st') {
		my $old = $pid;
		$r = cli('-D', '-p', "$dir/pid", '-f', $file, $opt, $old);
		is($r->{code}, 0, "$opt: a new one starts") or diag $r->{all};
		($pid) = slurp("$dir/pid") =~ /^(\d+)$/m;
		isnt($pid, $old, "$opt: with a pid of its own");
		ok(pid_gone($old), "$opt: the old one leaves");
		ok(answers(17002), "$opt: the new one serves");
	}
	kill 'TERM', $pid;
	ok(pid_gone($pid), 'SIGTERM ends it');
	is(cli('-D', '-p', '/nowhere/pid', '-f', $file)->{code}, 1,
	    'a pid file that cannot be written');
	$r = cli('-D', '-f', spew('busy.cfg', "bogus\n"));
	is($r->{code}, 1, 'errors are told before it leaves the terminal');
};

subtest 'global daemon and pidfile' => sub {
	my $file = spew('g.cfg', "global\n    daemon\n    pidfile $dir/gpid\n"
	    . $text =~ s/17001/17003/r);
	my $r = cli('-f', $file);
	is($r->{code}, 0, 'returns') or diag $r->{all};
	my ($pid) = slurp("$dir/gpid") =~ /^(\d+)$/m;
	ok($pid && kill(0, $pid), 'the pid file') or return;
	kill 'TERM', $pid;
	ok(pid_gone($pid), 'stopped');
};

subtest '-W and -Ws' => sub {
	my $p = start_proxy(defaults() . "listen a\n    bind {BIND:a}\n", args => ['-W',
	    '-db']);
	is($p->get('a', '/')->status, 503, '-W serves');
	cmp_ok(scalar $p->pids, '>=', 2, 'a master and a worker');
	stop_proxy($p);

	my $path = "$dir/notify";
	my $sock = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $path) or die;
	$p = start_proxy(defaults() . "listen a\n    bind {BIND:a}\n",
	    args => ['-Ws', '-db'], env => { NOTIFY_SOCKET => $path });
	my $got = '';
	while (IO::Select->new($sock)->can_read(5)) {
		recv $sock, my $m, 4096, 0;
		$got .= "$m\n";
		last if $got =~ /READY=1/;
	}
	like($got, qr/^READY=1$/m, '-Ws tells systemd that it is ready');
	like($got, qr/^MAINPID=${\ $p->pid}$/m, 'and its pid') if $got =~ /MAINPID/;
	stop_proxy($p);
};

subtest 'a port in use' => sub {
	my $l = listener(port => 17004);
	my $file = spew('busy.cfg', $text =~ s/17001/17004/r);
	my $r = cli('-db', '-f', $file);
	is($r->{code}, 1, 'exit code 1');
	like($r->{err}, qr/17004/, 'that names it');
};

subtest 'maxconn beyond the descriptors' => sub {
	my $cfg = "global\n    maxconn 5000\n" . defaults() . "listen a\n    bind {BIND:a}\n";
	my $p = start_proxy($cfg, prlimit => ['--nofile=256:256'], wait => 0,
	    bin => binary());
	if (is_tideway()) {
		ok($p->_wait_ready, 'runs all the same');
		is($p->get('a', '/')->status, 503, 'and serves');
		like($p->stderr, qr/5000/, 'and says what was wanted');
		like($p->stderr, qr/256/, 'and what there is');
	} else {
		ok($p->wait_exit, 'HAProxy does not start');
	}
	stop_proxy($p);
};

subtest 'tideway only' => sub {
	plan(skip_all => 'HAProxy has other options') unless is_tideway();
	my $r = cli('-T', '-f', $cfg);
	is($r->{code}, 0, '-T') or diag $r->{all};
	like($r->{out}, qr/\bREQUEST\b/i, '-T: hook points');
	like($r->{out}, qr/\bcookie\b/, '-T: modules');
	$r = cli('-K');
	is($r->{code}, 0, '-K') or diag $r->{all};
	like($r->{out}, qr/\b$_\b/, "-K: $_") for qw(balance cookie timeout maxconn);
};

done_testing;

# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What surrounds the program, each tried with the tool that reads it: the init
# script, the systemd unit, logrotate, rsyslog, the manual pages.
use Tideway::Test;
use IO::Socket::UNIX;
use Socket qw(SOCK_DGRAM);

plan(skip_all => 'they are for tideway') unless is_tideway();

my $src = ($ENV{srcdir} // test_dir() . '/..') . '/contrib';
my $dir = Tideway::Test::temp_dir();
my $HOST = $Tideway::Listener::ADDR;

sub tool
{
	my ($name) = @_;

	for my $d (split(/:/, $ENV{PATH}), '/usr/sbin', '/sbin') {
		return "$d/$name" if -x "$d/$name";
	}
	return undef;
}

sub run
{
	my ($bin, @args) = @_;
	my $r = run_cmd({ bin => $bin, secs => 30 }, @args);

	$r->{all} = $r->{out} . $r->{err};
	return $r;
}

subtest 'the init script' => sub {
	my $text = slurp("$src/init.d/tideway");
	like($text, qr/^### BEGIN INIT INFO\n(?:# .*\n)*# Provides: +tideway\n/m,
	    'a header for insserv');
	is(run('/bin/sh', '-n', "$src/init.d/tideway")->{code}, 0, 'it parses');
	my $cfg = spew('init.cfg', defaults() . "listen a\n    bind $HOST:17401\n");
	my $settings = spew('default', "DAEMON=" . binary() . "\nCONFIG=$cfg\n"
	    . "PIDFILE=$dir/init.pid\nSTOP_WAIT=5\n");
	my $script = spew('init', $text =~ s{/etc/default/\$NAME}{$settings}gr);
	my $init = sub { run('/bin/sh', $script, @_) };
	my $pid = sub { slurp("$dir/init.pid") =~ /^(\d+)$/m ? $1 : 0 };
	my $serves = sub {
		my $s = IO::Socket::INET->new(PeerHost => $HOST, PeerPort => 17401)
		    or return 0;
		return Tideway::Peer->new($s)->request("GET / HTTP/1.0\r\n\r\n")->status;
	};

	is($init->('status')->{code}, 3, 'status: not running');
	is($init->('start')->{code}, 0, 'start');
	my $first = $pid->();
	ok($first && kill(0, $first), 'the process it names runs') or return;
	is(wait_until { $serves->() }, 503, 'and serves');
	is($init->('start')->{code}, 0, 'start again: already there');
	is($pid->(), $first, 'and the same');
	is($init->('status')->{code}, 0, 'status: running');
	is($init->('check')->{code}, 0, 'check');
	spew('init.cfg', slurp($cfg) =~ s/17401/$&\n    bind $HOST:17402/r);
	is($init->('reload')->{code}, 0, 'reload');
	ok(wait_until { IO::Socket::INET->new(PeerHost => $HOST, PeerPort => 17402) },
	    'reads the file again');
	is($pid->(), $first, 'without a new process');
	spew('init.cfg', "bogus\n" . slurp($cfg));
	my $r = $init->('reload');
	is($r->{code}, 6, 'reload of a bad file: refused');
	like($r->{all}, qr/init\.cfg:1\b.*bogus/, 'with the reason');
	is($init->('restart')->{code}, 6, 'restart: nor');
	is($serves->(), 503, 'and all goes on');
	spew('init.cfg', slurp($cfg) =~ s/bogus\n//r);
	is($init->('restart')->{code}, 0, 'restart');
	my $second = $pid->();
	isnt($second, $first, 'a new process');
	is(wait_until { $serves->() }, 503, 'serves');
	is($init->('try-restart')->{code}, 0, 'try-restart');
	isnt($pid->(), $second, 'one more');
	my $last = $pid->();
	is($init->('stop')->{code}, 0, 'stop');
	ok(!kill(0, $last), 'it is gone');
	ok(!-e "$dir/init.pid", 'and its file');
	is($init->('stop')->{code}, 0, 'stop again');
	is($init->('try-restart')->{code}, 0, 'try-restart of nothing');
	is($init->('reload')->{code}, 7, 'reload of nothing');
	is($init->('nonsense')->{code}, 2, 'a word it does not know');
};

subtest 'the systemd unit' => sub {
	my $verify = tool('systemd-analyze');
	my $text = slurp("$src/systemd/tideway.service.in");
	like($text, qr/^ExecStartPre=\S+ .*-c /m, 'checks before it starts');
	like($text, qr/^ExecReload=\S+ .*-c .*\n(?:ExecReload=.*\n)*ExecReload=.*USR2/m,
	    'and before it reloads');
	plan(skip_all => 'no systemd-analyze') unless $verify;
	my $bin = binary();
	$text =~ s{\@sbindir\@/tideway}{$bin}g;
	$text =~ s{\@sysconfdir\@}{$dir}g;
	$text =~ s{^Documentation=.*\n}{}m;
	my $unit = spew('tideway-test.service', $text);
	my $r = run($verify, 'verify', $unit);
	unlike($r->{all}, qr/tideway\S*\.service/, 'systemd has nothing to say about it');
};

subtest 'logrotate' => sub {
	my $logrotate = tool('logrotate') or plan(skip_all => 'no logrotate');
	my $log = spew('tideway.log', "a line\n");
	my $conf = spew('rotate', slurp("$src/logrotate/tideway")
	    =~ s{/var/log/tideway\.log}{$log}r);
	chmod 0644, $conf;
	my $r = run($logrotate, '-s', "$dir/state", '-f', $conf);
	is($r->{code}, 0, 'it takes the file') or diag $r->{all};
	is(slurp("$log.1"), "a line\n", 'and rotates');
};

subtest 'rsyslog' => sub {
	my $rsyslogd = tool('rsyslogd') or plan(skip_all => 'no rsyslogd');
	my $snippet = slurp("$src/rsyslog/tideway.conf")
	    =~ s{/var/lib/tideway/dev/log}{$dir/devlog}r
	    =~ s{/var/log/tideway\.log}{$dir/own.log}r;
	my $conf = spew('rsyslog.conf', "module(load=\"imuxsock\" SysSock.Use=\"off\")\n"
	    . "$snippet\n*.* $dir/rest.log\n");
	my $r = run($rsyslogd, '-N1', '-f', $conf);
	is($r->{code}, 0, 'it takes the file') or diag $r->{all};
	my $pid = fork // die;
	if ($pid == 0) {
		open STDOUT, '>', '/dev/null';
		open STDERR, '>', "$dir/rsyslog.err";
		exec $rsyslogd, '-n', '-f', $conf, '-i', "$dir/rsyslog.pid"
		    or POSIX::_exit(127);
	}
	ok(wait_until { -S "$dir/devlog" }, 'it listens where a chroot sees it');
	my $p = start_proxy("global\n    log $dir/devlog local0\n"
	    . defaults('log global', 'option httplog') . "listen web\n    bind {BIND:web}\n");
	$p->get('web', '/through-rsyslog');
	ok(wait_until { slurp("$dir/own.log") =~ m{"GET /through-rsyslog HTTP/1\.1"} },
	    'a line arrives in the file of its own');
	my $s = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Peer => "$dir/devlog");
	$s->send('<134>Nov 22 12:00:00 other[1]: not ours');
	ok(wait_until { slurp("$dir/rest.log") =~ /not ours/ }, 'what others say goes on');
	unlike(slurp("$dir/rest.log"), qr/through-rsyslog/, 'ours does not');
	unlike(slurp("$dir/own.log"), qr/not ours/, 'and theirs is not in our file');
	stop_proxy($p);
	kill 'TERM', $pid;
	waitpid $pid, 0;
};

subtest 'manual pages' => sub {
	my $mandoc = tool('mandoc') or plan(skip_all => 'no mandoc');
	for my $page (glob "$src/man/*.[0-9]") {
		my $r = run($mandoc, '-T', 'lint', '-W', 'warning', $page);
		is($r->{all}, '', $page =~ s{.*/}{}r);
	}
	# every option of the usage text has its paragraph
	my $man = slurp("$src/man/tideway.1");
	my $usage = run_cmd();
	my @options = "$usage->{out}$usage->{err}" =~ /^  (-\w+)/mg;
	cmp_ok(scalar @options, '>', 15, 'the usage text has options');
	for my $o (@options) {
		my $fl = $o =~ s/^-//r;
		like($man, qr/^\.It .*\bFl \Q$fl\E\b/m, "tideway(1) has $o");
	}
};

done_testing;

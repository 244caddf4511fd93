# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# option external-check: what the program is told, what its end means, programs
# that hang, leave children behind, or cannot be run; and that they get nothing
# of the proxy's.
use Tideway::Test;

my $dir = Tideway::Test::temp_dir();
my $script = Tideway::Test::spew('check.pl', <<"EOS");
#!/usr/bin/perl
opendir my \$d, '/proc/self/fd';
my \@fds = grep { /\\d/ && \$_ != fileno \$d } sort readdir \$d;
open my \$s, '<', '/proc/self/status';
open my \$f, '>', '$dir/seen.new';
print \$f "args \@ARGV\\n", map({ "\$_=\$ENV{\$_}\\n" } sort keys %ENV), "fds \@fds\\n",
    grep { /^Sig(?:Blk|Ign)/ } <\$s>;
close \$f;
rename '$dir/seen.new', '$dir/seen';
open \$f, '<', '$dir/how';
my \$how = <\$f>;
kill 'KILL', \$\$ if \$how eq 'kill';
exit \$how unless \$how eq 'hang';
open \$f, '>', '$dir/pid';
print \$f \$\$;
close \$f;
fork;
sleep 600;
EOS
chmod 0755, $script;

sub how { spew("$dir/how.new", $_[0]); rename "$dir/how.new", "$dir/how" }

my $o = origin(name => 's1');
my $log;

sub proxy
{
	my ($command, $more) = @_;

	$log = syslog_unix();
	return start_proxy("global\n    log $log->{addr} local0\n    external-check\n"
	    . "    insecure-fork-wanted\n" . defaults('log global', $more // 'timeout check 5s') . "
frontend stats
    bind {BIND:stats}
    stats enable
    stats uri /s
backend b
    option external-check
    external-check command $command
    external-check path /usr/bin:/bin
    server s1 ${\ $o->addr} check inter 50ms rise 1 fall 1 maxconn 7
");
}

sub wait_row
{
	my ($p, %want) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my %r;
	my $good = wait_until {
		my @l = split /\n/, $p->get('stats', '/s;csv')->body;
		my @names = split /,/, $l[0] =~ s/^# //r;
		my ($row) = grep { /^b,s1,/ } @l;
		@r{@names} = split /,/, $row, -1;
		!grep { $r{$_} !~ /^(?:\* )?(?:$want{$_})$/ } keys %want;
	};

	ok($good, join ', ', map { "$_ $want{$_}" } sort keys %want)
	    or diag(join ', ', map { "$_ $r{$_}" } sort keys %want);
}

subtest 'results' => sub {
	how(0);
	my $p = proxy($script);
	wait_row($p, status => 'UP', check_status => 'PROCOK', check_code => 0,
	    check_desc => 'External check passed');
	how(3);
	wait_row($p, status => 'DOWN', check_status => 'PROCERR', check_code => 3,
	    check_desc => 'External check error');
	like($log->next_match(qr/Server b\/s1 is DOWN/)->{msg},
	    qr/reason: External check error, code: 3, check duration: \d+ms/, 'logged');
	how(0);
	wait_row($p, status => 'UP');
	how('kill');
	wait_row($p, status => 'DOWN');
	how(0);
	wait_row($p, status => 'UP');
	stop_proxy($p);
};

subtest 'what the program gets' => sub {
	how(0);
	my $p = proxy($script);
	unlink "$dir/seen";
	ok(wait_until { -e "$dir/seen" }, 'it runs');
	my $seen = slurp("$dir/seen");
	like($seen, qr/^args NOT_USED NOT_USED \Q$o->{host}\E $o->{port}$/m, 'its arguments');
	my %env = $seen =~ /^(HAPROXY_\w+|PATH)=(.*)$/mg;
	my %want = (PATH => '/usr/bin:/bin', HAPROXY_PROXY_NAME => 'b', HAPROXY_SERVER_NAME => 's1',
	    HAPROXY_SERVER_ADDR => $o->{host}, HAPROXY_SERVER_PORT => $o->{port},
	    HAPROXY_SERVER_MAXCONN => 7, HAPROXY_SERVER_CURCONN => 0, HAPROXY_SERVER_ID => 1,
	    HAPROXY_PROXY_ADDR => '', HAPROXY_PROXY_PORT => '');
	is($env{$_}, $want{$_}, $_) for sort keys %want;
	like($env{HAPROXY_PROXY_ID}, qr/^\d+$/, 'HAPROXY_PROXY_ID');
	SKIP: {
		skip 'HAProxy forks from itself', 3 unless is_tideway();
		like($seen, qr/^fds 0 1 2(?: 3)?$/m, 'no descriptor of ours, but perl has one on its script');
		like($seen, qr/^SigBlk:\s*0+$/m, 'no blocked signal');
		like($seen, qr/^SigIgn:\s*0+(?:80)?$/m, 'and none ignored; perl ignores SIGFPE');
	}
	stop_proxy($p);
};

subtest 'a program that hangs' => sub {
	how('hang');
	my $p = proxy($script, 'timeout check 200ms');
	wait_row($p, status => 'DOWN', check_status => 'PROCTOUT',
	    check_desc => 'External check timeout');
	my $pid = slurp("$dir/pid") + 0;
	ok(wait_until { !kill 0, -$pid }, 'it is ended, and its children with it');
	how(0);
	wait_row($p, status => 'UP');
	how('hang');
	wait_row($p, status => 'DOWN');
	$pid = slurp("$dir/pid") + 0;
	stop_proxy($p);
	ok(wait_until { !kill 0, -$pid }, 'and when the proxy stops');
};

subtest 'a program that is not there' => sub {
	my $p = proxy("$dir/none");
	wait_row($p, status => 'DOWN', check_status => 'PROCERR', check_code => is_tideway() ? 127 : '\d+');
	stop_proxy($p);
};

subtest 'a reload' => sub {
	plan(skip_all => 'HAProxy reloads otherwise') unless is_tideway();
	how(0);
	my $p = proxy($script);
	wait_row($p, status => 'UP', check_status => 'PROCOK');
	$p->write_config($p->config =~ s/rise 1/rise 1 weight 9/r);
	$p->signal('HUP');
	wait_row($p, status => 'UP', weight => 9);
	how(4);
	wait_row($p, status => 'DOWN', check_code => 4);
	stop_proxy($p);
};

subtest 'lines' => sub {
	my $head = defaults() . "backend b\n    server s 127.0.0.1:1 check\n";
	my %bad = (
		"$head    option external-check\n    external-check command /bin/true\n"
		    => qr/unable to find required 'global\.external-check'/,
		"global\n    external-check\n$head    option external-check\n"
		    => qr/unable to find required 'external-check command'/,
		"$head    external-check command\n" => qr/external-check/,
	);
	for my $text (sort keys %bad) {
		my $r = check_config($text);
		ok($r->{code} == 1 && $r->{all} =~ $bad{$text}, "$bad{$text}") or diag($r->{all});
	}
};

done_testing;

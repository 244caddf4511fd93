# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The master's command line (-S): its own commands, those it passes on to the
# worker, levels, and that a worker that dies takes no session with it.
use Tideway::Test;
use Tideway::Cli;
use IO::Select;
use IO::Socket::UNIX;

plan skip_all => 'the answers name what tideway reloads' unless is_tideway();

my $dir = Tideway::Test::temp_dir();
my $sock = "$dir/master.sock";
my $o = origin(name => 's');

sub text
{
	return defaults() . "
listen web
    bind {BIND:web}
    server s ${\ $o->addr}
" . ($_[0] // '');
}

sub connect_to { return IO::Socket::UNIX->new(Peer => $_[0] // $sock) }

# the session ends when its peer sends no more
sub ask
{
	my ($text, $where) = @_;
	my $s = connect_to($where) or return 'no connection';

	$s->syswrite($text);
	$s->shutdown(1);
	return answer($s);
}

my $p = start_proxy(text(), args => ['-W', '-db', '-S', "$sock,mode,600", '-S',
    "$dir/low.sock,level,user"]);
my ($worker) = grep { $_ != $p->pid } $p->pids;

subtest 'its own' => sub {
	my $proc = ask("show proc\n") =~ s/ +/ /gr =~ s/0d00h00m\d\ds \S+/UP/gr;
	is($proc, "#<PID> <type> <reloads> <uptime> <version> \n" .
	    $p->pid . " master 0 [failed: 0] UP\n# workers\n$worker worker 0 UP\n" .
	    "# programs\n\n[end]", 'show proc');
	like(ask("show version\n"), qr/^\d+\.\d+.*\n\n\[end\]$/, 'show version');
	like(ask("help\n"), qr/^  \@!<pid> .*^  reload .*^  quit /ms, 'help');
	is((stat $sock)[2] & 0777, 0600, 'mode 600');
	is(ask("show cli level\n"), "admin\n\n[end]", 'admin is the default');
};

subtest 'the worker\'s' => sub {
	is(ask("\@1 show cli level\n"), "admin\n\n[end]", '@1');
	is(ask("\@!$worker show cli level\n"), "admin\n\n[end]", '@!pid');
	like(ask("\@1 show env PATH\n"), qr/^PATH=/, 'a command that only it has');
	is(ask("\@1 show cli level;show cli level\n"), "admin\n\nadmin\n\n[end]",
	    'and one of the master\'s');
	is(ask("\@2 show version\n"),
	    "Can't find the target PID matching the prefix '\@2'\n[end]", 'nobody');
	is(ask("user\n\@1 show env\n"), "\nPermission denied\n\n[end]",
	    'the level goes with it');
	my $s = connect_to();
	$s->syswrite("prompt\n");
	is(answer($s, qr/> $/), 'master> ', 'the prompt says where');
	$s->syswrite("\@1\n");
	is(answer($s, qr/> $/), "$worker> ", 'the worker');
	$s->syswrite("show cli level\n");
	is(answer($s, qr/> $/), "admin\n\n$worker> ", 'all commands are its now');
	$s->syswrite("\@master\n");
	is(answer($s, qr/> $/), 'master> ', 'and back');
	$s->syswrite("quit\n");
	is(answer($s), '[end]', 'quit');
};

subtest 'reload' => sub {
	$p->write_config(text("    http-reuse always\n"));
	is(ask("reload\n"), "Success=1\n\n[end]", 'a good one');
	$p->write_config(text("    bogus\n"));
	is(ask("reload\n"), "Success=0\n\n[end]", 'a bad one');
	like(ask("show proc\n"), qr/master\s+2 \[failed: 1\].*worker\s+2\s/s, 'counted');
	my $s = connect_to();
	$s->syswrite("prompt\n");
	is(answer($s, qr/> $/), 'master[ReloadFailed]> ', 'the prompt says so');
	$s->close;
	is(ask("reload\n", "$dir/low.sock"), "Permission denied\n\n[end]",
	    'not by a user');
	$p->write_config(text());
	is(ask("reload\n"), "Success=1\n\n[end]", 'good again');
};

subtest 'a worker dies' => sub {
	my $s = connect_to();
	$s->syswrite("prompt\n");
	answer($s, qr/> $/);
	kill 'KILL', $worker;
	ok(wait_until { ask("show proc\n") =~ /^(\d+)\s+worker/m && $1 != $worker },
	    'another one follows');
	$s->syswrite("\@1 show cli level\n");
	is(answer($s, qr/> $/), "admin\n\nmaster> ", 'in the same session');
};

stop_proxy($p);
ok(!-e $sock, 'the path is removed at the end');

for (
	["$dir/x.sock,level,root", qr/'level' takes/],
	["$dir/x.sock,bogus,1", qr/'bogus' is not supported/],
	['127.0.0.1', qr/port/],
	["/no/such/dir/x.sock", qr/no.such.dir/],
) {
	my ($arg, $re) = @$_;
	my $r = run_cmd('-W', '-db', '-f',
	    spew('s.cfg', text() =~ s/\{BIND:web\}/$Tideway::Listener::ADDR:17841/r),
	    '-S', $arg);

	is($r->{code}, 1, "-S $arg: refused");
	like($r->{err}, $re, 'with a reason');
}

done_testing;

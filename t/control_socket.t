# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The control socket (`stats socket`): sessions, levels, built-in commands,
# modules' commands, reload, bad peers. Answers are HAProxy's where it has
# them: the same session is held with both when it is installed.
use Tideway::Test;
use Tideway::Cli;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;

my $HOST = $Tideway::Listener::ADDR;
my $dir = Tideway::Test::temp_dir();
my $sock = "$dir/admin.sock";
my $o = origin(name => 's');

sub text
{
	my ($global, $more) = @_;

	return "global\n    $global\n" . defaults() . "
listen web
    bind {BIND:web}
    server s ${\ $o->addr}
" . ($more // '');
}

my $sockets = "stats socket $sock mode 600 level admin expose-fd listeners
    stats socket $dir/user.sock level user
    stats socket $HOST:17831
    stats timeout 5s";

sub connect_to
{
	my ($where) = @_;
	my $s = $where =~ m{/} ? IO::Socket::UNIX->new(Peer => $where)
	    : IO::Socket::INET->new(PeerHost => $HOST, PeerPort => $where);

	return $s;
}

sub ask
{
	my ($where, $text) = @_;
	my $s = connect_to($where) or return 'no connection';

	$s->syswrite($text);
	return answer($s);
}

my $p = start_proxy(text($sockets));

subtest 'one line, one answer' => sub {
	is(ask($sock, "show cli level\n"), "admin\n\n[end]", 'and it closes');
	is(ask($sock, "show cli level;show cli level\n"), "admin\n\nadmin\n\n[end]",
	    'two commands on a line');
	is(ask($sock, "  show \t cli  level  too many\n"), "admin\n\n[end]", 'blanks');
	is(ask($sock, "operator\nshow cli level\n"), "\noperator\n\n[end]",
	    'two lines at once');
	like(ask($sock, "show env\n"), qr/^PATH=/m, 'environment');
	is(ask($sock, "show env NO_SUCH\n"), "Variable not found\n\n[end]", 'not there');
	like(ask($sock, "show version\n"), qr/^\d+\.\d+.*\n\n\[end\]$/, 'version');
	like(ask($sock, "show\n"), qr/better match:\n  show cli level.*\n\n\[end\]$/s,
	    'half a command');
	like(ask($sock, "bogus\n"), qr/^Unknown command\..*^  help /ms, 'an unknown one');
	like(ask($sock, "help show cli\n"), qr/^The following.*\n  show cli level +: /,
	    'help');
	unlike(ask($sock, "help show cli\n"), qr/prompt/, 'of what was asked for');
};

subtest 'prompt' => sub {
	my $s = connect_to($sock);

	$s->syswrite("prompt\n");
	is(answer($s, qr/> $/), "\n> ", 'interactive');
	for (1 .. 3) {
		$s->syswrite("show cli level\n");
		is(answer($s, qr/> $/), "admin\n\n> ", "answer $_");
	}
	$s->syswrite("user\n");
	is(answer($s, qr/> $/), "\n> ", 'a level is given up');
	$s->syswrite("operator\n");
	is(answer($s, qr/> $/), "Permission denied\n\n> ", 'for good');
	$s->syswrite("quit\n");
	is(answer($s), '[end]', 'quit');
};

subtest 'levels' => sub {
	is(ask("$dir/user.sock", "show cli level\n"), "user\n\n[end]", 'user');
	is(ask(17831, "show cli level\n"), "operator\n\n[end]", 'operator is the default');
	is(ask("$dir/user.sock", "show env\n"), "Permission denied\n\n[end]", 'too low');
	unlike(ask("$dir/user.sock", "help\n"), qr/show env/, 'help leaves it out');
	is(ask(17831, "expert-mode on\n"), "Permission denied\n\n[end]", 'expert-mode');
	is(ask($sock, "expert-mode on;expert-mode\n"), "\nexpert-mode is ON\n\n[end]",
	    'by an administrator');
	is((stat $sock)[2] & 0777, 0600, 'mode 600');
	is(ask($sock, "show cli sockets\n"), "# socket lvl processes
unix\@$sock admin all\nunix\@$dir/user.sock user all\nipv4\@$HOST:17831 operator all

[end]", 'show cli sockets');
};

subtest 'bad peers' => sub {
	my $s = connect_to($sock);

	$s->syswrite('x' x 20000);
	like(answer($s), qr/too long/, 'an endless line');
	like(ask($sock, ('a ' x 100) . "\n"), qr/Too many words/, 'endless words');
	$s = connect_to($sock);
	$s->syswrite("show version <<\n" . ("y\n" x 20000));
	like(answer($s), qr/too long/, 'endless payload');
	like(ask($sock, "show version <<\nabc\n\n"), qr/^\d/, 'payload');
	for my $bytes ("\0\xff\x01\n", "\\\n", ";;;;\n", "<<\n\n", "\n") {
		like(ask($sock, $bytes), qr/Unknown command|\[end\]/, 'rubbish');
	}
	$s = connect_to($sock);
	$s->syswrite("show env\n") for 1 .. 2000;
	$s->close;
	is(ask($sock, "show cli level\n"), "admin\n\n[end]", 'one who does not read');
	$s = connect_to($sock);
	$s->syswrite("set timeout cli 1\nprompt\n");
	is(answer($s), "\n\n> [end]", 'an idle one is sent away');
};

subtest 'reload' => sub {
	plan skip_all => 'HAProxy reloads in another way' unless is_tideway();
	my $s = connect_to($sock);
	my $ino = (stat $sock)[1];

	$s->syswrite("prompt\n");
	answer($s, qr/> $/);
	$p->write_config(text("stats socket $sock mode 640 level user
    stats socket $dir/new.sock"));
	$p->signal('USR2');
	ok(wait_until { -S "$dir/new.sock" }, 'a new one is opened');
	is(ask($sock, "show cli level\n"), "user\n\n[end]", 'settings follow');
	is((stat $sock)[1], $ino, 'on the same socket');
	is((stat $sock)[2] & 0777, 0640, 'mode, too');
	ok(!-e "$dir/user.sock", 'one that is gone is removed');
	$s->syswrite("show cli level\n");
	is(answer($s, qr/> $/), "admin\n\n> ", 'a session goes on');
	$p->write_config(text("stats socket /no/such/dir/x.sock"));
	$p->signal('USR2');
	ok($p->wait_output(qr/refused.*no.such.dir/s), 'one that cannot be opened');
	is(ask($sock, "show cli level\n"), "user\n\n[end]", 'changes nothing');
	stop_proxy($p);
	ok(!-e $sock, 'the path is removed at the end');
};

subtest 'stats maxconn' => sub {
	my $p = start_proxy(text("stats socket $sock level admin\n    stats maxconn 2"));
	my @s = map { connect_to($sock) } 1 .. 3;

	$_->syswrite("prompt\n") for @s;
	is(answer($_, qr/> $/), "\n> ", 'served') for @s[0, 1];
	ok(!IO::Select->new($s[2])->can_read(0.2), 'the third waits');
	$s[0]->close;
	is(answer($s[2], qr/> $/), "\n> ", 'until one has left');
	$_->close for @s;
	stop_proxy($p);
};

subtest "a socket's own maxconn" => sub {
	my $p = start_proxy(text("stats socket $sock level admin maxconn 2
    stats socket $dir/user.sock level user"));
	my @s = map { connect_to($sock) } 1 .. 3;

	$_->syswrite("prompt\n") for @s;
	is(answer($_, qr/> $/), "\n> ", 'served') for @s[0, 1];
	ok(!IO::Select->new($s[2])->can_read(0.2), 'the third waits');
	is(ask("$dir/user.sock", "show cli level\n"), "user\n\n[end]", 'others do not');
	ok(!IO::Select->new($s[2])->can_read(0.2), 'and it goes on waiting');
	$s[0]->close;
	is(answer($s[2], qr/> $/), "\n> ", 'until one has left');
	$p->signal('USR2');
	ok($p->wait_output(qr/configuration 2 is in force/), 'reloaded');
	my $s = connect_to($sock);
	$s->syswrite("prompt\n");
	ok(!IO::Select->new($s)->can_read(0.2), 'the same holds');
	$s[1]->close;
	is(answer($s, qr/> $/), "\n> ", 'until one has left');
	$_->close for @s, $s;
	stop_proxy($p);
};

subtest 'parameters' => sub {
	my $p = start_proxy(text("stats socket $sock severity-output number name a id 7
    stats socket $dir/user.sock severity-output string user root group root
    stats socket $HOST:17834 interface lo backlog 5 level user
    stats socket ::1:17834 v6only
    stats socket $dir/plain.sock severity-output none"));
	is(ask($sock, "set timeout cli x\n"), "[3]: Invalid timeout value.\n\n[end]",
	    'severity-output number');
	is(ask("$dir/user.sock", "show cli level\n"), "[info]: operator\n\n[end]", 'string');
	is(ask("$dir/plain.sock", "show cli level\n"), "operator\n\n[end]", 'none');
	is(ask("$dir/plain.sock", "set severity-output string;set severity-output x\n"),
	    "\n[err]: one of 'none', 'number', 'string' is a required argument\n\n[end]",
	    'set severity-output');
	is(ask(17834, "show cli level\n"), "user\n\n[end]", 'interface, backlog');
	stop_proxy($p);
};

subtest 'bad lines' => sub {
	for (
		["stats socket $sock severity-output loud", qr/none.*number.*string/],
		["stats socket $sock severity-output", qr/needs a value/],
		["stats socket $sock id 0", qr/above 0/],
		["stats socket $sock maxconn 0", qr/'maxconn' expects a number from 1/],
		["stats socket $sock maxconn", qr/'maxconn' needs a value/],
		["stats socket $sock interface " . 'x' x 40, qr/too long/],

		["stats socket $sock level root", qr/'level' takes/],
		["stats socket $sock mode 999", qr/octal/],
		["stats socket $sock ssl", qr/'ssl' is not supported/],
		["stats socket $sock level", qr/'level' needs a value/],
		["stats socket $sock user no-such-user", qr/no user 'no-such-user'/],
		["stats socket $sock expose-fd sockets", qr/listeners/],
		["stats socket $sock\n    stats socket $sock", qr/already \(line 2\)/],
		['stats socket 127.0.0.1', qr/port/],
		['stats timeout soon', qr/soon/],
		['stats maxconn 0', qr/0/],
	) {
		my ($line, $re) = @$_;
		my $r = check_config(text($line) =~ s/\{BIND:web\}/127.0.0.1:1/r);

		is($r->{code}, 1, "$line: refused");
		like($r->{err}, $re, 'with a reason') if is_tideway();
	}
};

my $haproxy = is_tideway() && (grep { -x } '/usr/sbin/haproxy')[0];

# whoever takes sockets from us
SKIP: {
	skip 'no haproxy to hand over to', 1 unless $haproxy;
	subtest '_getsocks, to HAProxy' => sub {
		my $p = start_proxy(text("stats socket $sock level admin expose-fd listeners",
		    "    bind $HOST:17832\n"));
		my $file = spew('next.cfg', defaults() . "
listen web
    bind $HOST:17832
    server s ${\ $o->addr}
");
		my $pid = fork // die "fork: $!";
		if ($pid == 0) {
			open STDERR, '>', "$dir/next.err";
			exec $haproxy, '-db', '-f', $file, '-x', $sock, '-sf', $p->pid;
			die "$haproxy: $!";
		}
		my $bad = 0;
		ok(wait_until {
			my $s = connect_to(17832);
			$bad++ unless $s && ask(17832,
			    "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
			    =~ m{^HTTP/1.1 200};
			return $p->wait_exit(0);
		}, 'the old one has ended');
		is($bad, 0, 'no client was refused');
		unlike(slurp("$dir/next.err"), qr/Failed/, 'HAProxy is content');
		kill 'TERM', $pid;
		waitpid $pid, 0;
		$p->stop;
	};
}

SKIP: {
	skip 'no haproxy to compare with', 1 unless $haproxy;
	subtest 'as HAProxy' => sub {
		my $p = start_proxy(text("stats socket $sock level admin
    stats socket $dir/user.sock level user"));
		my $file = spew('peer.cfg', "global
    stats socket $dir/peer.sock level admin
    stats socket $dir/peer-user.sock level user
" . defaults() . "listen web\n    bind $HOST:17833\n");
		my $pid = fork // die "fork: $!";
		if ($pid == 0) {
			open STDERR, '>', '/dev/null';
			exec $haproxy, '-db', '-f', $file;
			die "$haproxy: $!";
		}
		wait_until { -S "$dir/peer-user.sock" };
		for my $line ("show cli level\n", "show cli level;show cli level\n",
		    "show env PATH\n", "show env NO_SUCH\n", "set timeout cli 10\n",
		    "set timeout cli x\n", "set timeout cli\n", "expert-mode\n",
		    "expert-mode on;expert-mode\n", "operator\nshow cli level\n",
		    "prompt\nshow cli level\nquit\n", "prompt;operator;user;quit\n",
		    "show cli level <<\nabc\n\n", "  show\tcli level  x\n") {
			is(ask($sock, $line), ask("$dir/peer.sock", $line),
			    $line =~ s/\n/\\n/gr);
		}
		is(ask("$dir/user.sock", $_), ask("$dir/peer-user.sock", $_), "user: $_" =~
		    s/\n//gr) for "show env\n", "operator\n", "expert-mode on\n";
		kill 'TERM', $pid;
		waitpid $pid, 0;
		stop_proxy($p);
	};
}

done_testing;

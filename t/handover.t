# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Listening sockets that outlive a process: the master keeps them while there
# is no worker, and -x takes them over from another program.
use Tideway::Test;
use IO::Socket::INET;
use IO::Socket::UNIX;
use Socket qw(inet_aton PF_UNIX SOCK_STREAM pack_sockaddr_un);
use Tideway::Module;

plan skip_all => 'HAProxy does this in another way' unless is_tideway();

my $HOST = $Tideway::Listener::ADDR;
my $port6 = 20000 + $$ % 2500 * 4;
my $dir = Tideway::Test::temp_dir();
my $o = origin(name => 's', respond => sub {
	my ($req, $c, $o) = @_;
	$o->wait_flag($1) if $req->uri =~ m{^/wait/(\w+)};
	return $o->reply($req);
});

sub text
{
	return defaults() . "
listen web
    bind {BIND:web}
    bind $HOST:17811
    bind $dir/web.sock
" . join('', map { "    bind $HOST:$_\n" } @_) . "    server s ${\ $o->addr}
";
}

sub workers { my ($p) = @_; return grep { $_ != $p->pid } $p->pids }

# ready to the end: a worker that dies before that is not followed by another
sub start_master
{
	my ($text, %opt) = @_;
	my $p = start_proxy($text, args => ['-W', '-db'], %opt);

	$p->wait_output(qr/Loading success/) && keeps($p, 17811)
	    or diag('it is not ready');
	return $p;
}

# the master has the socket that listens on the port
sub keeps
{
	my ($p, $port) = @_;

	return wait_until { my %i = inodes($p->pid); $i{ inode_of($port) } };
}

# what a client on a new connection gets; "refused" when there is none
sub ask
{
	my ($where, $uri) = @_;
	my $s = $where =~ m{/} ? IO::Socket::UNIX->new(Peer => $where)
	    : IO::Socket::INET->new(PeerHost => $HOST, PeerPort => $where);

	return $s ? ask_on($s) : 'refused';
}

sub ask_on
{
	my ($s) = @_;
	my $c = Tideway::Peer->new($s);
	my $r = $c->request("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	$c->close;
	return $r->status;
}

# HAProxy fills the name up with zeros
sub ask_abstract
{
	my ($name) = @_;

	socket my $s, PF_UNIX, SOCK_STREAM, 0 or die "socket: $!";
	connect $s, pack_sockaddr_un("\0$name" . "\0" x (107 - length $name))
	    or return 'refused';
	return ask_on($s);
}

# asks all the time until another worker is there
sub kill_and_ask
{
	my ($p, @where) = @_;
	my ($old) = workers($p);
	my %got;

	kill 'KILL', $old;
	my $new = wait_until {
		$got{ ask($_) }++ for @where;
		my ($now) = workers($p);
		return defined $now && $now != $old;
	};
	$got{ ask($_) }++ for @where;
	return ($new, join ' ', sort keys %got);
}

sub inodes
{
	my ($pid) = @_;

	return map { (readlink($_) // '') =~ /^socket:\[(\d+)\]/ ? ($1 => 1) : () }
	    glob "/proc/$pid/fd/*";
}

sub inode_of
{
	my ($port) = @_;
	my $hex = sprintf '%08X:%04X', unpack('L', inet_aton($HOST)), $port;
	my @found = map { (split)[9] }
	    grep { /^\s*\d+: $hex [0-9A-F]+:0000 0A / } split /\n/,
	    slurp('/proc/net/tcp');

	return join ' ', sort @found;
}

subtest 'a worker dies' => sub {
	my $p = start_master(text());
	my $inode = inode_of(17811);

	for my $time (1, 2) {
		my ($new, $got) = kill_and_ask($p, 17811, "$dir/web.sock");
		ok($new, "time $time: another one comes");
		is($got, '200', 'no client is refused or reset meanwhile');
	}
	is(inode_of(17811), $inode, 'it is the same socket');
	$p->write_config(text(17812));
	kill 'USR2', $p->pid;
	ok(wait_until { ask(17812) eq '200' }, 'a reload brings another line');
	ok(keeps($p, 17812), 'which the master keeps, too');
	my ($new, $got) = kill_and_ask($p, 17812);
	is($got, '200', 'so nobody is refused there');
	$p->write_config(text());
	kill 'USR2', $p->pid;
	ok(wait_until { ask(17812) eq 'refused' }, 'a line that is gone is closed');
	is(ask(17811), 200, 'the others are not');
	stop_proxy($p);
	ok(!-e "$dir/web.sock", 'the path is removed at the end');
};

subtest 'it finishes' => sub {
	my $p = start_master(text());
	my $c = Tideway::Peer->new(
	    IO::Socket::INET->new(PeerHost => $HOST, PeerPort => 17811));

	$c->send("GET /wait/finish HTTP/1.1\r\nHost: a\r\n\r\n");
	ok(wait_until { grep { $_->uri eq '/wait/finish' } $o->requests },
	    'a request is on its way');
	kill 'USR1', $p->pid;
	ok(wait_until { ask(17811) eq 'refused' },
	    'the master does not go on queueing clients');
	$o->set('finish');
	is($c->read_response->status, 200, 'who is there is served');
	ok(defined $p->wait_exit, 'and it ends');
	$p->stop;
};

# a worker that was told alone: until it has ended, nobody is there
subtest 'the worker finishes' => sub {
	my $p = start_master(text());
	my $c = Tideway::Peer->new(
	    IO::Socket::INET->new(PeerHost => $HOST, PeerPort => 17811));
	my ($old) = workers($p);

	$c->send("GET /wait/alone HTTP/1.1\r\nHost: a\r\n\r\n");
	ok(wait_until { grep { $_->uri eq '/wait/alone' } $o->requests },
	    'a request is on its way');
	kill 'USR1', $old;
	ok(wait_until { ask(17811) eq 'refused' },
	    'the master does not go on queueing clients');
	$o->set('alone');
	is($c->read_response->status, 200, 'who is there is served');
	$c->close;
	ok(wait_until { ask(17811) eq '200' }, 'another worker opens the port again');
	stop_proxy($p);
};

subtest 'more sockets than the soft limit of open files' => sub {
	my $p = start_master(text('17900-18099'),
	    prlimit => ['--nofile=100:2000']);
	my ($new, $got) = kill_and_ask($p, 17900, 18099);

	ok($new, 'another worker comes');
	is($got, '200', 'no client is refused or reset meanwhile');
	unlike($p->stderr, qr/cannot keep|does not have/, 'the master has them all');
	stop_proxy($p);
};

# it would keep ports open that nobody serves any more
subtest 'the process of a module' => sub {
	plan skip_all => 'needs a compiler' unless can_compile();
	my $modules = module_dir();

	compile_module($modules, 'waits', module_source('waits',
	    '.flags = TW_MODULE_PROCESS, .process = waits', '
#include <unistd.h>
static int waits(struct tw_gen *gen, int fd)
{
	(void)gen;
	for (;;)
		pause();
	return fd;
}'));
	my $p = start_master(text(),
	    env => { TIDEWAY_MODULE_PATH => $modules });
	my $waits = sub { grep { slurp("/proc/$_/comm") eq "waits\n" } workers($p) };
	my $inode = inode_of(17811);

	ok(wait_until { $waits->() }, 'runs') or return;
	ok(keeps($p, 17811), 'the master has the sockets');
	my ($old) = $waits->();
	kill 'KILL', $old;
	ok(wait_until { my ($new) = $waits->(); $new && $new != $old }, 'runs again');
	my %i = inodes($waits->());
	ok(!$i{$inode}, 'without the listening sockets');
	stop_proxy($p);
};

my $haproxy = (grep { -x } '/usr/sbin/haproxy', '/usr/local/sbin/haproxy')[0];

sub start_haproxy
{
	my $file = spew('old.cfg', defaults() . "
global
    stats socket $dir/old.sock level admin expose-fd listeners
listen web
    bind $HOST:17811
    bind $HOST:17813
    bind [::1]:$port6
    bind :::${\ ($port6 + 1)}
    bind :::${\ ($port6 + 2)} v6only
    bind $dir/old-web.sock
    bind abns\@handover-$$
    server s ${\ $o->addr}
");
	my $pid = fork // die "fork: $!";

	if ($pid == 0) {
		open STDERR, '>', "$dir/old.err";
		exec $haproxy, '-db', '-f', $file or die "$haproxy: $!";
	}
	wait_until { ask(17811) eq '200' } or diag slurp("$dir/old.err");
	return $pid;
}

SKIP: {
	skip 'no haproxy to take over from', 1 unless $haproxy;
	for my $mode ('-db', '-W') {
		subtest "-x -sf, from HAProxy, $mode" => sub {
			my $old = start_haproxy();
			my $inode = inode_of(17811);
			my %of_old = inodes($old);
			my $p = start_proxy(text() . "
listen more
    bind [::1]:$port6
    bind :::${\ ($port6 + 1)}
    bind :::${\ ($port6 + 2)}
    bind $dir/old-web.sock
    bind abns\@handover-$$
    server s ${\ $o->addr}
",
			    args => ['-x', "$dir/old.sock", '-sf', $old, $mode]);

			is(inode_of(17811), $inode, 'the same socket');
			my ($worker) = reverse $p->pids;
			my %both = map { $_ => 1 } grep { $of_old{$_} } inodes($worker);
			is(scalar keys %both, 5, 'as all that lines want; one takes IPv4, too');
			waitpid $old, 0;
			is(ask("$dir/old-web.sock"), 200, 'a unix socket, too');
			is(ask_abstract("handover-$$"), 200, 'and an abstract one');
			is(ask(17811), 200, 'serves when the old program has ended');
			is(ask(17813), 'refused', 'what no line wants is closed');
			unlike($p->stderr, qr/Failed to get/, 'nothing to complain of');
			stop_proxy($p);
			ok(!-e "$dir/old-web.sock", 'the path is removed at the end');
		};
	}
	subtest 'fd@N is what was inherited' => sub {
		my $old = start_haproxy();
		my $text = text() =~ s/\{BIND:web\}/$HOST:17815/r;
		my $refused = 0;

		for my $fd (3 .. 20) {
			my $r = run_cmd('-x', "$dir/old.sock", '-db', '-f',
			    spew('fd.cfg', "$text    bind fd\@$fd\n"));
			is($r->{code}, 1, "not fd\@$fd");
			$refused++ if $r->{err} =~ /fd\@$fd was not inherited/;
		}
		ok($refused, 'not a socket that was taken over');
		is(ask(17811), 200, 'the old program serves on');
		kill 'TERM', $old;
		waitpid $old, 0;
	};
}

# without a master that is the end, as HAProxy has it
sub refused_to_start
{
	my ($socket, $why) = @_;
	my $r = run_cmd('-x', $socket, '-db', '-f',
	    spew('x.cfg', text() =~ s/\{BIND:web\}/$HOST:17815/r));

	is($r->{code}, 1, 'it ends');
	like($r->{err}, qr/Failed to get the sockets from the old process.*$why/, 'and says why');
	is(ask(17811), 'refused', 'nothing was opened');
}

subtest 'nobody to take over from' => sub {
	for my $path ("$dir/no-such.sock", '/' . 'x' x 200, spew('plain', '')) {
		refused_to_start($path, quotemeta $path);
	}
	my $p = start_proxy(text(), args => ['-x', "$dir/no-such.sock", '-W', '-db']);
	like($p->stderr, qr/Failed to get the sockets/, 'with a master: told');
	is(ask(17811), 200, 'and opened');
	stop_proxy($p);
	$p = start_proxy(text(), args => ['-x', '/dev/null', '-db']);
	is($p->stderr, '', '/dev/null: there is no old process');
	is(ask(17811), 200, 'opened');
	stop_proxy($p);
};

# a peer that does not do what it should
for my $case (
	['closes at once', qr/expose-fd listeners/, sub { }],
	['sends half a number', qr/the peer closed/, sub { $_[0]->syswrite("\1\0") }],
	['announces too many', qr/no number/, sub { $_[0]->syswrite("\xff\xff\xff\xff") }],
	['announces two and sends none', qr/closed after 0 of 2/, sub { $_[0]->syswrite(pack 'L', 2) }],
	['sends bytes without sockets', qr/closed after 0 of 1/, sub { $_[0]->syswrite(pack('L', 1) . 'x' x 999) }],
) {
	my ($what, $why, $act) = @$case;
	subtest "the old program $what" => sub {
		my $l = IO::Socket::UNIX->new(Local => "$dir/bad.sock", Listen => 1)
		    or die "listen: $!";
		my $pid = fork // die "fork: $!";

		if ($pid == 0) {
			my $c = $l->accept;
			$c->sysread(my $question, 100);
			$act->($c);
			close $c;
			require POSIX;
			POSIX::_exit($question eq "_getsocks\n" ? 0 : 1);
		}
		refused_to_start("$dir/bad.sock", $why);
		waitpid $pid, 0;
		is($?, 0, 'it was asked');
		unlink "$dir/bad.sock";
	};
}

# one after the other under a stream of clients
for my $mode ('-db', '-W') {
	subtest "-x -sf, from another tideway, $mode" => sub {
		my $more = "global\n    stats socket $dir/tw.sock mode 600 expose-fd listeners\n";
		my $old = start_proxy($more . text() =~ s/\{BIND:web\}/$HOST:17815/r,
		    args => [$mode, '-db']);
		my %got;

		ok(wait_until { ask(17811) eq '200' }, 'the old one serves');
		my $inode = inode_of(17811);
		my $new = start_proxy(text() =~ s/\{BIND:web\}/$HOST:17815/r, wait => 0,
		    args => ['-x', "$dir/tw.sock", '-sf', $old->pid, $mode, '-db']);
		ok(wait_until {
			$got{ ask($_) }++ for 17811, 17815, "$dir/web.sock";
			defined $old->wait_exit(0);
		}, 'the old one ends');
		$got{ ask($_) }++ for 17811, 17815, "$dir/web.sock";
		is(join(' ', sort keys %got), '200', 'no client was refused or reset');
		is(inode_of(17811), $inode, 'the same socket');
		$old->stop;
		stop_proxy($new);
		ok(!-e "$dir/web.sock", 'the new one removes the path');
	};
}

done_testing;

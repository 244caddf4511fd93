# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Listening sockets that outlive a process: the master keeps them while there
# is no worker, and -x takes them over from another program.
use Tideway::Test;
use IO::Socket::INET;
use IO::Socket::UNIX;

plan skip_all => 'HAProxy does this in another way' unless is_tideway();

my $HOST = $Tideway::Listener::ADDR;
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

# what a client on a new connection gets; "refused" when there is none
sub ask
{
	my ($where, $uri) = @_;
	my $s = $where =~ m{/} ? IO::Socket::UNIX->new(Peer => $where)
	    : IO::Socket::INET->new(PeerHost => $HOST, PeerPort => $where);

	return 'refused' unless $s;
	my $c = Tideway::Peer->new($s);
	my $r = $c->request("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	$c->close;
	return $r->status;
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

# of the listening socket at a port of ours; other programs may have it elsewhere
sub inode_of
{
	my ($port) = @_;
	my $hex = sprintf '%s:%04X', join('', map { sprintf '%02X', $_ }
	    reverse split /\./, $HOST), $port;
	my @found = map { (split)[9] }
	    grep { /^\s*\d+: $hex [0-9A-F]+:0000 0A / } split /\n/,
	    slurp('/proc/net/tcp');

	return join ' ', sort @found;
}

# the master has its copy
sub is_kept
{
	my ($p, $port) = @_;
	my $inode = inode_of($port);

	return grep { (readlink($_) // '') eq "socket:[$inode]" }
	    glob "/proc/${\ $p->pid}/fd/*";
}

subtest 'a worker dies' => sub {
	my $p = start_proxy(text(), args => ['-W', '-db']);
	my $inode = inode_of(17811);

	$p->wait_output(qr/Loading success/);
	ok(wait_until { is_kept($p, 17811) }, 'the master has the sockets, too');
	for my $time (1, 2) {
		my ($new, $got) = kill_and_ask($p, 17811, "$dir/web.sock");
		ok($new, "time $time: another one comes");
		wait_until { is_kept($p, 17811) };
		is($got, '200', 'no client is refused or reset meanwhile');
	}
	is(inode_of(17811), $inode, 'it is the same socket');
	$p->write_config(text(17812));
	kill 'USR2', $p->pid;
	ok(wait_until { ask(17812) eq '200' && is_kept($p, 17812) },
	    'a reload brings another line');
	my ($new, $got) = kill_and_ask($p, 17812);
	is($got, '200', 'which the master keeps, too');
	$p->write_config(text());
	kill 'USR2', $p->pid;
	ok(wait_until { ask(17812) eq 'refused' }, 'a line that is gone is closed');
	is(ask(17811), 200, 'the others are not');
	stop_proxy($p);
	ok(!-e "$dir/web.sock", 'the path is removed at the end');
};

subtest 'it finishes' => sub {
	my $p = start_proxy(text(), args => ['-W', '-db']);
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

my $haproxy = (grep { -x } '/usr/sbin/haproxy', '/usr/local/sbin/haproxy')[0];

sub start_haproxy
{
	my $file = spew('old.cfg', defaults() . "
global
    stats socket $dir/old.sock level admin expose-fd listeners
listen web
    bind $HOST:17811
    bind $HOST:17813
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
			my $p = start_proxy(text(),
			    args => ['-x', "$dir/old.sock", '-sf', $old, $mode]);

			is(inode_of(17811), $inode, 'the same socket');
			waitpid $old, 0;
			is(ask(17811), 200, 'serves when the old program has ended');
			is(ask(17813), 'refused', 'what no line wants is closed');
			unlike($p->stderr, qr/Failed to get/, 'nothing to complain of');
			stop_proxy($p);
		};
	}
}

subtest 'nobody to take over from' => sub {
	for my $path ("$dir/no-such.sock", '/' . 'x' x 200, spew('plain', '')) {
		my $p = start_proxy(text(), args => ['-x', $path, '-db']);

		like($p->stderr, qr/Failed to get the sockets.*\Q$path\E/,
		    substr($path, 0, 40) . ': told');
		is(ask(17811), 200, 'and opened');
		stop_proxy($p);
	}
};

# a peer that does not do what it should
for my $case (
	['closes at once', sub { }],
	['sends half a number', sub { $_[0]->syswrite("\1\0") }],
	['announces too many', sub { $_[0]->syswrite("\xff\xff\xff\xff") }],
	['announces two and sends none', sub { $_[0]->syswrite(pack 'L', 2) }],
	['sends bytes without sockets', sub { $_[0]->syswrite(pack('L', 1) . 'x' x 999) }],
) {
	my ($what, $act) = @$case;
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
		my $p = start_proxy(text(), args => ['-x', "$dir/bad.sock", '-db']);
		waitpid $pid, 0;
		is($?, 0, 'it was asked');
		like($p->stderr, qr/Failed to get the sockets/, 'told');
		is(ask(17811), 200, 'and opened');
		stop_proxy($p);
		unlink "$dir/bad.sock";
	};
}

done_testing;

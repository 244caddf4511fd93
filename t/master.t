# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The master (-W, -Ws, master-worker): what it does with each signal, what it
# tells systemd, what becomes of it when its worker dies, its pid file.
use Tideway::Test;
use IO::Select;
use IO::Socket::UNIX;
use Socket qw(SOCK_DGRAM);

my $dir = Tideway::Test::temp_dir();
my $HOST = $Tideway::Listener::ADDR;
my @o = map { origin(name => "s$_", respond => sub {
	my ($req, $c, $o) = @_;
	$o->wait_flag($1) if $req->uri =~ m{^/wait/(\w+)};
	return $o->reply($req);
}) } 1, 2;

sub connect_to { IO::Socket::INET->new(PeerHost => $HOST, PeerPort => $_[0]) }

sub text
{
	my ($n, $more) = @_;

	return defaults() . "
listen web
    bind {BIND:web}
    server s ${\ $o[$n - 1]->addr}
" . ($more // '');
}

sub master { start_proxy(text(1), args => [@_ ? @_ : ('-W', '-db')]) }
sub who { $_[0]->get('web', '/')->header('X-Server') // '-' }
sub workers { my ($p) = @_; return grep { $_ != $p->pid } $p->pids }

# a master whose worker has never been up ends with it; HAProxy's runs its
# program anew and is deaf until that is done
sub settled
{
	my ($p) = @_;

	return $p->wait_output(qr/Loading success/) if is_tideway();
	wait_until {
		grep { (readlink($_) // '') =~ /eventpoll/ } glob "/proc/${\ $p->pid}/fd/*"
	};
}

subtest 'reload' => sub {
	my $p = master();
	is(who($p), 's1', 'it serves');
	my @before = workers($p);
	ok(scalar @before, 'by a worker');
	settled($p);
	$p->write_config(text(2));
	kill 'USR2', $p->pid;
	ok(wait_until { who($p) eq 's2' }, 'SIGUSR2: the new configuration');
	is(join(' ', workers($p)), "@before", 'in the same worker') if is_tideway();
	settled($p);
	$p->write_config(text(1, "    bogus\n"));
	kill 'USR2', $p->pid;
	ok($p->wait_output(qr/bogus/), 'a bad one is told');
	is(who($p), 's2', 'and not used');
	settled($p);
	$p->write_config(text(1));
	kill is_tideway() ? 'HUP' : 'USR2', $p->pid;
	ok(wait_until { who($p) eq 's1' }, 'SIGHUP: a good one again');
	stop_proxy($p);
};

for my $signal (qw(TERM INT)) {
	subtest "SIG$signal" => sub {
		my $p = master();
		my @all = $p->pids;
		my $c = $p->client('web');
		is($c->request("GET / HTTP/1.1\r\nHost: a\r\n\r\n")->status, 200, 'a client');
		settled($p);
		kill $signal, $p->pid;
		ok(defined $p->wait_exit, 'it ends');
		ok(wait_until { !grep { kill 0, $_ } @all }, 'and the worker');
		ok($c->is_closed, 'and the connection');
		$p->stop;
	};
}

# a port that it opened itself: those of the test stay open in the test
subtest 'SIGUSR1' => sub {
	my $p = start_proxy(text(1, "    bind $HOST:17802\n"), args => ['-W', '-db']);
	my @all = $p->pids;
	my $c = Tideway::Peer->new(connect_to(17802));
	$c->send("GET /wait/drain HTTP/1.1\r\nHost: a\r\n\r\n");
	ok(wait_until { grep { $_->uri eq '/wait/drain' } $o[0]->requests },
	    'a request is under way');
	settled($p);
	kill 'USR1', $p->pid;
	ok(wait_until { !connect_to(17802) }, 'nobody new is let in');
	ok(!defined $p->wait_exit(0.05), 'the master waits');
	$o[0]->set('drain');
	is($c->read_response->status, 200, 'until it is answered');
	$c->close;
	ok(defined $p->wait_exit, 'then ends');
	ok(!grep({ kill 0, $_ } @all), 'with its worker');
	$p->stop;
};

subtest 'a worker that dies' => sub {
	my $p = master();
	settled($p);
	my ($old) = workers($p);
	kill 'KILL', workers($p);
	ok($p->wait_output(qr/worker \(?$old.*137/), 'the master says which and how');
	if (is_tideway()) {
		ok(wait_until { my ($new) = workers($p); $new && $new != $old },
		    'and starts another');
		is(who($p), 's1', 'which serves');
		stop_proxy($p);
	} else {
		is($p->wait_exit && $p->{exit}{code}, 137, 'and ends as it did');
		$p->stop;
	}
};

subtest 'systemd' => sub {
	my $path = "$dir/notify";
	my $sock = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $path) or die;
	my $got = '';
	my $heard = sub {
		my ($re) = @_;
		my $end = time + 5;
		while ($got !~ $re && time < $end) {
			IO::Select->new($sock)->can_read(0.2) or next;
			recv $sock, my $m, 4096, 0;
			$got .= "$m\n";
		}
		return $got =~ $re;
	};
	my $p = start_proxy(text(1), args => ['-Ws', '-db'], env => { NOTIFY_SOCKET => $path });
	ok($heard->(qr/^READY=1$/m), 'ready');
	settled($p);
	$got = '';
	$p->write_config(text(2));
	kill 'USR2', $p->pid;
	ok($heard->(qr/^RELOADING=1$/m), 'a reload begins');
	ok($heard->(qr/RELOADING=1.*^READY=1$/ms), 'and ends');
	is(wait_until { who($p) eq 's2' }, 1, 'with the new configuration');
	SKIP: {
		skip 'HAProxy keeps quiet', 2 unless is_tideway();
		$got = '';
		$p->write_config(text(2, "    bogus\n"));
		kill 'USR2', $p->pid;
		ok($heard->(qr/RELOADING=1.*^READY=1$/ms), 'a bad reload ends too');
		$got = '';
		kill 'TERM', $p->pid;
		ok($heard->(qr/^STOPPING=1$/m), 'it says that it stops');
	}
	$p->stop;
};

subtest 'in the background' => sub {
	my $cfg = spew('bg.cfg', "global\n    master-worker\n    daemon\n    pidfile $dir/pid\n"
	    . text(1) =~ s/\{BIND:web\}/$HOST:17801/r);
	my $r = run_cmd('-f', $cfg);
	is($r->{code}, 0, 'returns') or diag $r->{err};
	my ($pid) = slurp("$dir/pid") =~ /^(\d+)$/m;
	ok($pid && kill(0, $pid), 'the pid file') or return;
	my @kids = split ' ', slurp("/proc/$pid/task/$pid/children");
	ok(wait_until { @kids = split ' ', slurp("/proc/$pid/task/$pid/children"); scalar @kids },
	    'is the master\'s');
	kill 'TERM', $pid;
	ok(wait_until { !grep { kill 0, $_ } $pid, @kids }, 'whose end is the worker\'s');
};

done_testing;

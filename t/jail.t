# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Life in a chroot without privileges: where log lines go, what a reload can
# still do, a port that only root may open, and that nothing was kept open.
use Tideway::Test;
use IO::Socket::INET;

plan(skip_all => 'only root may change root') if $> != 0;

my $dir = Tideway::Test::temp_dir();
my $jail = "$dir/jail";
mkdir $jail;
mkdir "$jail/dev";
my $inside = Tideway::Syslog->new_unix("$jail/dev");
(my $path = $inside->addr) =~ s/^\Q$jail\E//;
chmod 0777, $inside->addr;
my $o = origin(name => 's');
my $page = spew('page', "HTTP/1.0 503 X\r\n\r\nfrom outside\n");

sub text
{
	my ($more) = @_;

	return "global\n    chroot $jail\n    user nobody\n    group nogroup\n"
	    . "    log $path local0\n" . defaults('log global', 'option httplog',
	    "errorfile 503 $page") . "
listen web
    bind {BIND:web}
    server s ${\ $o->addr}
listen st
    bind {BIND:st}
    stats enable
    stats uri /
" . ($more // '');
}

for my $how (['-db'], ['-W', '-db']) {
	subtest "@$how" => sub {
		my $p = start_proxy(text("listen empty\n    bind {BIND:empty}\n"), args => $how);
		is($p->get('web', '/jailed')->status, 200, 'it serves');
		ok($inside->next_match(qr{GET /jailed }), 'the log is the one inside');
		like($p->get('empty', '/')->body, qr/from outside/, 'files were read before');
		is($p->get('st', '/')->status, 200, 'statistics');
		my ($pid) = reverse $p->pids;
		is(readlink "/proc/$pid/root", $jail, 'and it is inside');
		my ($cap) = slurp("/proc/$pid/status") =~ /^CapEff:\s+(\S+)/m;
		is(hex $cap, 0, 'with no privileges');
		$p->write_config(text() =~ s/listen st/listen other/r);
		kill 'USR2', $p->pid;
		if (is_tideway()) {
			ok($p->wait_output(qr/reload|[Cc]onfiguration|proxy\.cfg/), 'a reload is answered');
			is($p->get('web', '/after')->status, 200, 'and requests go on');
		}
		stop_proxy($p);
	};
}

subtest 'a low port' => sub {
	my $host = $Tideway::Listener::ADDR;
	my ($port) = grep {
		IO::Socket::INET->new(LocalAddr => $host, LocalPort => $_, Listen => 1)
	} 881 .. 899;
	plan(skip_all => 'no low port is free') unless $port;
	my $p = start_proxy(text("    bind $host:$port\n"));
	my $s = IO::Socket::INET->new(PeerHost => $host, PeerPort => $port);
	ok($s && Tideway::Peer->new($s)->request("GET / HTTP/1.0\r\n\r\n")->status,
	    "port $port was opened while it could");
	stop_proxy($p);
};

done_testing;

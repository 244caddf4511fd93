# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Clients of HTTP/2 that go while their requests wait for a slot of a server, and
# when one has just been given to them: nothing is lost, slots least of all.
use Tideway::Test;
use Tideway::Cli;
use Tideway::H2;

my $slow = origin(name => 'slow', respond => sub {
	my ($req, $c, $o) = @_;
	$o->wait_flag('never', 30) if $req->uri =~ /hang/;
	return response(200, 'served');
});
my $quick = origin(name => 'quick');
my $p;

sub conf
{
	my ($threads, $server, @lines) = @_;

	return "global
    nbthread $threads
    stats socket {DIR}/sock level admin
" . defaults('timeout client 60s', @lines) . "
listen web
    bind {BIND:web}
    server s $server maxconn 1
listen other
    bind {BIND:other}
    http-request return status 200
";
}

# a column of the server's statistics
sub column
{
	my ($name) = @_;
	my @l = split /\n/, cli_ask("$p->{dir}/sock", 'show stat');
	my @names = split /,/, $l[0] =~ s/^# //r;
	my ($row) = grep { /^web,(?:s|BACKEND),/ && ($name ne 'qcur' || /BACKEND/) } @l;
	my %v;

	@v{@names} = split /,/, $row // '', -1;
	return $v{$name} // 'none';
}

# The first has the slot. Its time is over when the client is not there any more:
# the answer shows that, and all streams end at once.
subtest 'the slot comes when the client has gone' => sub {
	for my $how (qw(close reset)) {
		$p = start_proxy(conf(1, $slow->addr, 'timeout server 300ms', 'timeout queue 20s'));
		my $c = h2_client($p->addr('web'));
		$c->request(path => "/hang/$_") for 1 .. 20;
		ok((wait_until { column('qcur') == 19 }), "$how: one is at the server, others wait");
		$how eq 'reset' ? $c->peer->reset : $c->close;
		ok((wait_until { column('qcur') == 0 && column('scur') == 0 }), 'all are gone');
		ok((wait_until { $p->get('web', '/after')->status == 200 }), 'and the slot is free');
		stop_proxy($p);
	}
};

# slots change hands between threads while streams and connections end
subtest 'at all times' => sub {
	$p = start_proxy(conf(4, $quick->addr, 'timeout queue 20s'));
	my @pids;
	for my $n (1 .. 4) {
		my $pid = fork // die;
		if ($pid) {
			push @pids, $pid;
			next;
		}
		srand $n;
		for my $round (1 .. 60) {
			my $c = h2_client($p->addr('web'));
			my @sid = map { $c->request(path => "/$n.$round.$_") } 1 .. 12;
			$c->response($sid[ rand 3 ], secs => 5) if rand() < 0.7;
			$c->rst($_, 'CANCEL') for grep { rand() < 0.3 } @sid;
			$c->response($sid[ rand 3 ], secs => 0.2) if rand() < 0.3;
			rand() < 0.5 ? $c->peer->reset : $c->close;
		}
		POSIX::_exit(0);
	}
	waitpid $_, 0 for @pids;
	ok((wait_until { column('qcur') == 0 && column('scur') == 0 } 30), 'nobody waits, no slot is taken')
	    or diag column('qcur'), ' ', column('scur');
	my $c = h2_client($p->addr('web'));
	is($c->get('/')->status, 200, 'the server is free');
	is($p->get('other', '/')->status, 200, 'others are served');
	stop_proxy($p);
};

done_testing();

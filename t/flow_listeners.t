# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# A listener that comes and goes with one reload after the other, faster than
# busy workers look: it listens when it is named, and is gone when it is not.
use Tideway::Test;
use IO::Socket::INET;
use POSIX ();

plan(skip_all => 'HAProxy starts new processes') unless is_tideway();

my $o = origin();
my $free = listener();
my ($host, $port) = ($free->{host}, $free->port);
$free->close;
my $without = "global\n    nbthread 4\n" . defaults() . "listen web
    bind {BIND:web}
    server s ${\ $o->addr}
";
my $with = $without . "listen x
    bind $host:$port
    server s ${\ $o->addr}
";
my $p = start_proxy($with);
my $n = 0;

sub reload
{
	my ($text) = @_;

	$p->write_config($text);
	$p->signal('USR2');
	$n++;
	return wait_until { (() = $p->stderr =~ /Reloaded/g) >= $n };
}

sub is_open { IO::Socket::INET->new(PeerHost => $host, PeerPort => $port, Timeout => 2) }

my @busy;
for (1 .. 3) {
	my $pid = fork // die "fork: $!";
	if ($pid == 0) {
		while (my $c = eval { $p->client('web') }) {
			$c->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n" x 200);
			$c->read_bytes(8000, 1);
			$c->close;
		}
		POSIX::_exit(0);
	}
	push @busy, $pid;
}
my $bad = 0;
for my $i (1 .. 60) {
	# whose first packet meets the socket that is going is refused, and asks again
	$bad++ unless reload($without) && reload($with) && wait_until { is_open() };
	last if $bad;
}
is($bad, 0, 'it listens after each return');
ok(reload($without), 'taken away');
ok(wait_until { !is_open() }, 'it is gone');
kill 'KILL', @busy;
waitpid $_, 0 for @busy;
is($p->get('web', '/')->status, 200, 'the other one is still there');
stop_proxy($p);
done_testing();

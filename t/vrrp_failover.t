# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Everything that takes an address from a node: its proxy dies or hangs, its
# servers go, the machine, its cable, its VRRP process, an administrator. In
# each case there is one owner afterwards, the right one, and the client
# reaches it. Bounds are generous: contrib/bench/vrrp.pl measures; TW_MEASURE
# prints what was seen here.
use Tideway::Test;
use Tideway::Lab;
use Tideway::Lab::Conf;

my $missing = Tideway::Lab->missing(qw(keepalived haproxy curl));
plan(skip_all => $missing) if $missing;
alarm 400 * ($ENV{TW_TIME_SCALE} || 1);

my $VIP = $Tideway::Lab::Conf::VIP;
my $OURS = Tideway::Lab::is_ours();
my ($lab, $client);

sub vrrp_text
{
	my ($kind, $name, %opt) = @_;
	my ($before, $inside) = $opt{health} ? health($kind, $opt{health},
	    interval => 1, fall => 1, rise => 1, weight => 0) : ('', ());

	return $before . instance(priority => $name eq 'a' ? 101 : 99,
	    version => $opt{version} // 2, advert => $opt{advert} // 1,
	    lines => [ $inside // () ]);
}

# opt: kinds, health, advert, version, path (both know each other by it)
sub start_node
{
	my ($name, %opt) = @_;
	my $kind = ($opt{kinds} // [qw(tideway tideway)])->[ $name eq 'b' ];

	$lab->node($name)->start($kind, vrrp_text($kind, $name, %opt),
	    peer => $opt{path} && ($name eq 'a' ? 'b' : 'a'));
}

# a pair with a in charge, in a laboratory of its own; body gets a, b
sub with_pair
{
	my ($what, $opt, $body) = @_;

	subtest $what => sub {
		$lab = Tideway::Lab->new(hub => $opt->{hub});
		$client = $lab->prober($VIP);
		start_node($_, %$opt) for qw(a b);
		becomes('a', 'at first');
		ok($lab->node('b')->wait_log(qr/Entering BACKUP STATE/), 'b waits');
		ok($lab->stays($VIP, 'a', 1.5 * ($opt->{advert} // 1)), 'a stays');
		$body->($lab->nodes);
		is($_->halt, '', "$_->{name} ends well") for $lab->nodes;
		$lab->end;
	};
}

# one owner, and the client sees it
sub becomes
{
	my ($name, $what, $since) = @_;

	$since //= time;
	ok($lab->wait_owners($VIP, $name, 30), "$what: $name has the address")
	    or diag($lab->logs);
	my $first = $client->wait_first($since, $name, 30);
	ok($first, "$what: $name serves the client") or diag($lab->logs);
	return $first ? $first->[0] - $since : 99;
}

# does something to a: `name` is the owner then, within `secs`
sub after
{
	my ($what, $do, $name, $secs) = @_;
	my $since = time;

	$do->();
	my $took = becomes($name, $what, $since);
	my $now = time;
	cmp_ok($took, '<', $secs, "$what: in time") or diag($lab->logs);
	diag(sprintf '%s: outage %.0f ms, new owner %.0f ms, two owners %.0f ms',
	    $what, map { 1000 * $_ } $client->outage($since, $now), $took,
	    $lab->watch->overlap($VIP, $since, $now)) if $ENV{TW_MEASURE};
}

sub two_owners { return $lab->watch->overlap($VIP, $_[0], time) }

my %PATH = (path => 1);
my $FAST = $OURS ? 2 : 9; # a script takes its time

for my $pair ([qw(tideway tideway)], [qw(tideway keepalived)]) {
	my %pair = (kinds => $pair, path => $pair->[1] eq 'tideway');
	my $peer = "peer $pair->[1]";

	with_pair "worker killed, $peer", { %pair, health => 'worker' }, sub {
		my ($a) = @_;
		after('killed', sub { $a->signal_worker('KILL') }, 'b', $FAST);
	};

	with_pair "worker hung, $peer", { %pair, health => 'worker' }, sub {
		my ($a) = @_;
		my @hung = $a->worker_pids;
		after('hung', sub { kill 'STOP', @hung }, 'b', $FAST);
		after('goes on', sub { kill 'CONT', @hung }, 'a', 15);
	};

	with_pair "backend down, $peer", { %pair, health => 'backend' }, sub {
		my ($a) = @_;
		after('down', sub { $a->web_down }, 'b', $FAST);
		after('up', sub { $a->web_up }, 'a', 15);
	};

	with_pair "graceful stop, $peer", \%pair, sub {
		my ($a) = @_;
		my $since = time;
		after('SIGTERM', sub { kill 'TERM', $a->{pid} }, 'b', 2.5);
		cmp_ok(two_owners($since), '<', 0.5, 'one after the other');
		is($a->stop, '', 'a ended well');
		after('back', sub { start_node('a', %pair) }, 'a', 20);
	};
}

SKIP: {
	skip 'keepalived stands in', 1 unless $OURS;
	with_pair 'yield and resume', \%PATH, sub {
		my ($a) = @_;
		after('yield', sub { $a->control('vrrp yield') }, 'b', 2);
		ok($lab->stays($VIP, 'b', 5), 'a does not preempt');
		like($a->control('show vrrp'), qr/VI_1.*BACKUP/, 'show vrrp');
		after('resume', sub { $a->control('vrrp resume') }, 'a', 15);
	};
}

with_pair 'node lost', \%PATH, sub {
	my ($a) = @_;
	after('lost', sub { $a->lose }, 'b', 8);
};

with_pair 'node lost, version 3', { version => 3, advert => 0.1 }, sub {
	my ($a) = @_;
	after('lost', sub { $a->lose }, 'b', 3);
};

with_pair 'link cut', \%PATH, sub {
	after('cut', sub { $lab->unplug('a') }, 'b', 8);
	after('in again', sub { $lab->plug('a') }, 'a', 15);
};

# The process is started again and finds its address; nobody else takes it, or
# gives it back.
with_pair 'the VRRP process is killed', \%PATH, sub {
	my ($a) = @_;
	my $since = time;
	my $old = $a->vrrp_pid;
	kill 'KILL', $old;
	ok(wait_until(sub { ($a->vrrp_pid // $old) != $old }), 'there is a new one');
	becomes('a', 'killed');
	ok($lab->stays($VIP, 'a', 3), 'and it remains so');
	cmp_ok(two_owners($since), '<', 1.5, 'never two for long');
};

SKIP: {
	skip 'keepalived leaves its address behind', 1 unless $OURS;
	with_pair 'everything but the master is killed', \%PATH, sub {
		my ($a) = @_;
		my $since = time;
		kill 'KILL', $a->vrrp_pid, $a->worker_pids;
		ok($client->wait_first($since + 0.5), 'somebody serves')
		    or diag($lab->logs);
		ok(wait_until(sub { $lab->owners($VIP) =~ /^[ab]$/ }), 'one has it');
		ok($lab->stays($VIP, $lab->owners($VIP), 3), 'and keeps it');
		cmp_ok(two_owners($since), '<', 1.5, 'two for one interval at most');
	};
}

# Nobody is left to remove the address: the kernel does it, because nobody asks
# for it any more.
SKIP: {
	skip 'keepalived leaves its address behind', 1 unless $OURS;
	for my $path ([ 'no other path' => {}, 0.5 ], [ 'a second path' => \%PATH, 1.5 ]) {
		my ($what, $opt, $bound) = @$path;
		with_pair "all of it is killed, $what", $opt, sub {
			my ($a) = @_;
			my $since = time;
			$a->kill_daemon;
			becomes('b', 'killed', $since);
			cmp_ok(two_owners($since), '<', $bound, 'never two for long');
		};
	}
}

with_pair 'the address is deleted', \%PATH, sub {
	my $since = time;
	$lab->ip('a', "address del $VIP/32 dev eth0");
	for my $is (0, 1) {
		ok(wait_until(sub {
			grep { $_->[1] == $is && $_->[0] >= $since }
			    $lab->watch->changes('a', $VIP)
		}, 20), $is ? 'it was put back' : 'it is gone') or diag($lab->logs);
	}
	becomes('a', 'afterwards');
	is($lab->watch->changes('b', $VIP), 0, 'b never had it') if $OURS;
};

# keepalived loses without a word: who wins cannot know that there was anybody.
with_pair 'split and heal, peer keepalived', { kinds => [qw(tideway keepalived)],
    version => 3, advert => 0.2 }, sub {
	$lab->isolate('a');
	ok($lab->wait_owners($VIP, 'a b', 15), 'both are masters');
	ok($client->wait_first(time, 'b'), 'the client is with b');
	my $since = time;
	$lab->rejoin('a');
	ok($lab->wait_owners($VIP, 'a', 15), 'one is');
	my $first = $client->wait_first($since, 'a', 60);
	ok($first, 'the client is with a again');
	cmp_ok($first->[0] - $since, '<', 6, 'soon') if $OURS;
};

with_pair 'split and heal', { version => 3, advert => 0.2 }, sub {
	$lab->isolate('a');
	ok($lab->wait_owners($VIP, 'a b', 15), 'both are masters');
	ok($client->wait_first(time, 'b'), 'the client is with b');
	my $since = time;
	$lab->rejoin('a');
	ok($lab->wait_owners($VIP, 'a', 15), 'one is');
	cmp_ok(two_owners($since), '<', 2, 'soon');
	my $first = $client->wait_first($since, 'a', 60);
	ok($first, 'the client is with a again');
	cmp_ok($first->[0] - $since, '<', 3, 'at once') if $OURS;
	diag(sprintf 'healed: the client is back after %.0f ms',
	    1000 * ($first->[0] - $since)) if $ENV{TW_MEASURE};
};

SKIP: {
	skip 'keepalived has no second path', 1 unless $OURS;
	with_pair 'the second path prevents a split', { %PATH, hub => 1,
	    version => 3, advert => 0.2 }, sub {
		$lab->drop(lan => 'a>b' => 100, 'b>a' => 100);
		ok($lab->stays($VIP, 'a', 4), 'b hears that a lives');
		$lab->drop(path => '*>*' => 100);
		ok($lab->wait_owners($VIP, 'a b', 15), 'until it hears nothing');
		my $since = time;
		$lab->drop($_) for qw(lan path);
		ok($lab->wait_owners($VIP, 'a', 15), 'healed');
		ok($client->wait_first($since, 'a'), 'the client is with a');
	};
}

with_pair 'one packet in five is lost', { hub => 1, version => 3, advert => 0.2 }, sub {
	my ($a) = @_;
	$lab->drop(lan => 'client>*' => 0, '*>client' => 0, '*>*' => 20);
	ok($client->wait_first(time, undef), 'somebody serves');
	after('lost', sub { $a->lose }, 'b', 15);
};

done_testing;

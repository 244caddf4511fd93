# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The laboratory itself, without any VRRP: cables, faults, the client, who
# holds an address, and that nothing of it is left.
use Tideway::Test;
use Tideway::Lab;

$Tideway::Lab::Node::OURS = 'none'; # no program is needed
my $missing = Tideway::Lab->missing;
plan(skip_all => $missing) if $missing;

my $VIP = '192.168.2.100';
my $lab;

# can one connect to the other?
sub connects
{
	my ($from, $address) = @_;
	my $try = 'print IO::Socket::IP->new(PeerHost => shift, PeerPort => 80, '
	    . 'Timeout => 0.5) ? "yes" : "no"';

	return $lab->read_in($from, $^X, '-MIO::Socket::IP', '-e', $try, $address)
	    eq 'yes';
}

sub reaches
{
	my ($from, $address) = @_;

	return wait_until { connects($from, $address) };
}

sub start_lab
{
	$lab = Tideway::Lab->new(@_);
	$_->start_web('::', 80) for $lab->nodes;
}

for my $hub (0, 1) {
	subtest $hub ? 'a hub' : 'a bridge' => sub {
		start_lab(hub => $hub);
		ok(reaches('client', '192.168.2.2'), 'the client sees b');
		ok(reaches('a', '10.9.9.2'), 'there is a second path');
		ok(reaches('a', 'fd00:2::2'), 'and IPv6');
		$lab->isolate('b');
		ok(!connects('client', '192.168.2.2'), 'b is isolated');
		like($lab->read_in('b', qw(ip -o link show dev eth0)), qr/LOWER_UP/,
		    'and has its carrier');
		ok(reaches('a', '10.9.9.2'), 'the second path is there');
		$lab->rejoin('b');
		ok(reaches('client', '192.168.2.2'), 'b is back');
		$lab->unplug('b');
		unlike($lab->read_in('b', qw(ip -o link show dev eth0)), qr/LOWER_UP/,
		    'unplugged: no carrier');
		$lab->plug('b');
		ok(reaches('client', '192.168.2.2'), 'b is back');
		$lab->end;
	};
}

subtest 'loss by direction' => sub {
	start_lab(hub => 1);
	ok(reaches('client', '192.168.2.1'), 'nothing is lost');
	$lab->drop(lan => 'a>client' => 100);
	ok(!connects('client', '192.168.2.1'), 'one way');
	ok(reaches('b', '192.168.2.1'), 'others are not concerned');
	$lab->drop(lan => '*>*' => 15);
	my $client = $lab->prober('192.168.2.2');
	ok(wait_until(sub { $client->answers >= 10 }), 'some come through');
	ok(wait_until(sub {
		my @t = map { $_->[0] } $client->answers;
		return grep { $t[$_] - $t[$_ - 1] > 0.025 } 1 .. $#t;
	}), 'and some of one every 10 ms do not');
	$lab->end;
};

subtest 'owners, the client, the end' => sub {
	start_lab();
	my ($a, $b) = $lab->nodes;
	my $since = time;
	is($lab->owners($VIP), '', 'nobody has it');
	$lab->ip('a', "address add $VIP/32 dev eth0");
	$lab->ip('b', 'address add fd00:2::64/128 dev eth0');
	ok($lab->wait_owners($VIP, 'a'), 'a has it');
	is($lab->owners('fd00:2::64'), 'b', 'b has another');
	my $client = $lab->prober($VIP);
	ok($client->wait_first($since, 'a'), 'a answers');
	my $cut = time;
	$lab->unplug('client');
	ok(wait_until(sub { $client->outage($cut, time) > 0.3 }), 'an outage');
	$lab->plug('client');
	ok($client->wait_first(time, 'a'), 'a answers again');
	cmp_ok($client->outage($cut, time), '>=', 0.3, 'the outage is seen');
	$lab->ip('b', "address add $VIP/32 dev eth0");
	ok($lab->wait_owners($VIP, 'a b'), 'both have it');
	$lab->ip('a', "address del $VIP/32 dev eth0");
	ok(wait_until(sub { $lab->watch->changes('a', $VIP) == 2 }), 'it moved');
	my $both = $lab->watch->overlap($VIP, $since, time);
	ok($both > 0 && $both < time - $cut, "both had it for $both s");
	my ($ns, $web) = ($lab->ns('a'), $a->{web_pid});
	$lab->end;
	unlike(scalar `ip netns list`, qr/\Q$ns\E/, 'no namespace is left');
	ok(!kill(0, $web), 'no process is left');
};

done_testing;

# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# A pair of tideway and Debian's keepalived, in both roles: versions 2 and 3,
# IPv4 and IPv6, multicast and unicast, passwords, preemption and not, sync
# groups, all as instances of one pair of programs.
use Tideway::Test;
use Tideway::Lab;
use Tideway::Lab::Conf;

my $missing = Tideway::Lab->missing(qw(keepalived haproxy));
plan(skip_all => $missing) if $missing;
alarm 180 * ($ENV{TW_TIME_SCALE} || 1);

my ($lab, %at);

sub password { "authentication {\n auth_type PASS\n auth_pass $_[0]\n }" }

# the instances of one node; each key is a virtual address
sub instances
{
	my ($node, $other) = @_;
	my $net4 = sub { $_[0] eq 'v6' ? "fd00:2::$_[1]{host}" : $_[1]->address };
	my $unicast = sub {
		my ($family) = @_;
		return 'unicast_src_ip ' . $net4->($family, $node),
		    "unicast_peer {\n " . $net4->($family, $other) . "\n }";
	};

	return (
		'192.168.2.101' => { name => 'V2M', lines => [ password('1111') ] },
		'192.168.2.102' => { name => 'V2U',
			lines => [ password('secret12'), $unicast->('v4') ] },
		'192.168.2.103' => { name => 'V3M', version => 3, advert => 0.2 },
		'192.168.2.104' => { name => 'V3U', version => 3, advert => 0.2,
			lines => [ $unicast->('v4') ] },
		'fd00:2::105' => { name => 'V6M', version => 3, advert => 0.2 },
		'fd00:2::106' => { name => 'V6U', version => 3, advert => 0.2,
			lines => [ $unicast->('v6') ] },
		'192.168.2.107' => { name => 'STAY', version => 3, advert => 0.2,
			lines => ['nopreempt'] },
		'192.168.2.108' => { name => 'G1', version => 3, advert => 0.2 },
		'10.9.9.108' => { name => 'G2', version => 3, advert => 0.2,
			interface => 'eth1' },
		'192.168.2.109' => { name => 'PW', version => 2,
			lines => [ password($node->{name} eq 'a' ? 'one' : 'two') ] },
	);
}

sub vrrp_text
{
	my ($node, $other, $priority) = @_;
	my %all = instances($node, $other);
	my $vrid = 50;
	my $text = "vrrp_sync_group PAIR {\n    group {\n        G1\n        G2\n    }\n}\n";

	for my $address (sort keys %all) {
		$text .= instance(%{ $all{$address} }, vrid => ++$vrid,
		    priority => $priority, addresses => [$address]);
		$at{ $all{$address}{name} } = $address;
	}
	return $text;
}

# each named instance's owners
sub owners_are
{
	my ($names, $wanted, $what) = @_;
	my @late = grep { !$lab->wait_owners($at{$_}, $wanted, 15) } @$names;

	ok(!@late, "$what: @$names at $wanted")
	    or diag(map({ "$_: " . $lab->owners($at{$_}) . "\n" } @late), $lab->logs);
}

# from the moment one lost the address until the other had it
sub handed_over
{
	my ($name, $from, $to, $since) = @_;
	my ($lost, $got);

	# who writes changes down may be behind
	wait_until {
		$lost = (grep { !$_->[1] && $_->[0] >= $since }
		    $lab->watch->changes($from, $at{$name}))[0];
		$got = (grep { $_->[1] && $_->[0] >= $since }
		    $lab->watch->changes($to, $at{$name}))[0];
		return $lost && $got;
	};
	return $lost && $got ? $got->[0] - $lost->[0] : 99;
}

my @ALL = qw(V2M V2U V3M V3U V6M V6U G1 G2);
my $REFUSED = qr/checksum|invalid|mismatch|not expected|incorrect|bogus|wrong/i;

# a has the higher priority
sub run_pair
{
	my ($kind_a, $kind_b) = @_;

	$lab = Tideway::Lab->new;
	my ($a, $b) = $lab->nodes;
	my $text_a = vrrp_text($a, $b, 110);
	$b->start($kind_b, vrrp_text($b, $a, 100));
	owners_are([ @ALL, 'STAY', 'PW' ], 'b', 'a lone node');

	$a->start($kind_a, $text_a);
	owners_are(\@ALL, 'a', 'the higher priority preempts');
	owners_are(['STAY'], 'b', 'unless it shall not');
	owners_are(['PW'], 'a b', 'another password is not heard');
	for my $node ($a, $b) {
		my @bad = grep { /$REFUSED/ && !/\(PW\)|authentication|auth|passw/i }
		    split /\n/, $node->log;
		is("@bad", '', "$node->{name} complains of nothing else");
	}

	$lab->unplug('a', 'path');
	owners_are([qw(G1 G2)], 'b', 'a member of a group lost its link');
	owners_are([qw(V2M V3M V6M)], 'a', 'others are not in it');
	$lab->plug('a', 'path');
	owners_are([qw(G1 G2)], 'a', 'and has it again');

	$b->log_mark;
	my $since = time;
	is($a->stop, '', 'a stops');
	owners_are([ @ALL, 'STAY', 'PW' ], 'b', 'the other one takes over');
	for my $name (qw(V2M V2U)) {
		my $took = handed_over($name, 'a', 'b', $since);
		cmp_ok($took, '<', 2.5, "$name: at once, because of priority 0");
		diag(sprintf '%s: %.0f ms', $name, 1000 * $took) if $ENV{TW_MEASURE};
	}
	like($b->log, qr/\(V2M\) Entering MASTER STATE/, 'and says so');

	$a->start($kind_a, $text_a);
	owners_are(\@ALL, 'a', 'back');
	is($b->stop, '', 'b stops');
	owners_are([ @ALL, 'STAY', 'PW' ], 'a', 'nothing changes but what b had');
	$b->start($kind_b, vrrp_text($b, $a, 100));
	owners_are([ @ALL, 'STAY' ], 'a', 'b comes back as a backup');
	is($a->stop . $b->stop, '', 'both stop');
	owners_are([ @ALL, 'STAY', 'PW' ], '', 'nobody keeps an address');
	$lab->end;
}

subtest 'tideway before keepalived' => sub { run_pair(qw(tideway keepalived)) };
subtest 'keepalived before tideway' => sub { run_pair(qw(keepalived tideway)) };
SKIP: {
	skip 'keepalived stands in', 1 unless Tideway::Lab::is_ours();
	subtest 'tideway before tideway' => sub { run_pair(qw(tideway tideway)) };
}

done_testing;

# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The file is read again: what did not change goes on without a gap, what did
# is taken over, and a file that is wrong changes nothing.
use Tideway::Test;
use Tideway::Lab;
use Tideway::Lab::Conf;

my $missing = Tideway::Lab->missing;
plan(skip_all => $missing) if $missing;
alarm 180 * ($ENV{TW_TIME_SCALE} || 1);

my $VIP = $Tideway::Lab::Conf::VIP;
my ($SECOND, $THIRD) = map { "192.168.2.$_" } 101, 102;
my $OURS = Tideway::Lab::is_ours();
my $lab = Tideway::Lab->new;
my ($a, $b) = $lab->nodes;
my $client;

sub one { instance(version => 3, advert => 0.2, priority => 110, @_) }
sub two { instance(name => 'VI_2', vrid => 52, version => 3, advert => 0.2,
	priority => 100, addresses => [$THIRD], @_) }

# what is watched is stamped when it is read: later than it happened
sub is_watched
{
	my ($address, $names) = @_;

	for my $node ($a, $b) {
		my @changes = $lab->watch->changes($node->{name}, $address);
		my $there = @changes ? $changes[-1][1] : 0;
		return 0 if $there != ($names =~ /\b$node->{name}\b/ ? 1 : 0);
	}
	return 1;
}

# who has what: owners(VIP => 'a', ...)
sub owners
{
	my ($what, @pairs) = @_;

	while (my ($address, $names) = splice @pairs, 0, 2) {
		ok($lab->wait_owners($address, $names, 15)
		    && Tideway::Lab::wait_until(sub { is_watched($address, $names) }, 15),
		    "$what: $address at '$names'") or diag($lab->logs);
	}
}

# an address neither went nor came since
sub untouched
{
	my ($what, $since, $address) = @_;

	for my $node ($a, $b) {
		my @changes = grep { $_->[0] >= $since }
		    $lab->watch->changes($node->{name}, $address);
		is(scalar @changes, 0, "$what: $address not touched at $node->{name}");
	}
}

# until the programs have taken the new text: a marker address that it adds
my $n_marks = 0;
sub reload
{
	my ($node, $text) = @_;
	my $mark = sprintf '192.168.2.%d', 150 + ++$n_marks;

	$node->reload($text . instance(name => 'MARK', vrid => 99, version => 3,
	    advert => 0.1, addresses => [$mark]));
	ok($lab->wait_owners($mark, $node->{name}, 15), 'it was read')
	    or diag($node->log);
}

$a->start('tideway', one() . two());
$b->start('tideway', one(priority => 105) . two(priority => 90));
$client = $lab->prober($VIP);
owners('at first', $VIP => 'a', $THIRD => 'a');
ok($client->wait_first(0, 'a'), 'the client is with a');

subtest 'nothing changed' => sub {
	my $since = time;
	reload($a, one() . two());
	ok($lab->stays($VIP, 'a', 2), 'a stays');
	untouched('reload', $since, $_) for $VIP, $THIRD;
	cmp_ok($client->outage($since, time), '<', 1, 'the client is served');
};

subtest 'addresses come and go' => sub {
	my $since = time;
	reload($a, one(addresses => [ $VIP, $SECOND ]) . two());
	owners('one more', $SECOND => 'a');
	untouched('one more', $since, $VIP);
	reload($a, one() . two());
	owners('one less', $SECOND => '', $VIP => 'a');
	untouched('one less', $since, $VIP);
};

subtest 'a priority changes' => sub {
	my $since = time;
	reload($a, one() . two(priority => 80));
	owners('lower', $THIRD => 'b');
	owners('the other instance', $VIP => 'a');
	untouched('the other instance', $since, $VIP);
	reload($a, one() . two());
	owners('higher', $THIRD => 'a');
};

subtest 'an instance comes and goes' => sub {
	my $since = time;
	reload($a, one());
	owners('removed', $THIRD => 'b', $VIP => 'a');
	reload($a, one() . two());
	owners('back', $THIRD => 'a');
	untouched('removed and back', $since, $VIP);
};

SKIP: {
	skip 'keepalived takes what it understands', 1 unless $OURS;
	subtest 'a file that is wrong' => sub {
		# who watches may be late with what was before
		ok($lab->stays($THIRD, 'a', 1), 'at rest');
		my $since = time;
		$a->log_mark;
		$a->reload(one(lines => ['no_such_word 1']));
		ok($a->wait_log(qr/keepalived\.conf:\d+.*no_such_word/), 'it says where')
		    or diag($a->log);
		ok($lab->stays($VIP, 'a', 2), 'a stays');
		owners('the old file', $THIRD => 'a');
		untouched('the old file', $since, $_) for $VIP, $THIRD;
		reload($a, one() . two());
		untouched('right again', $since, $_) for $VIP, $THIRD;
		cmp_ok($client->outage($since, time), '<', 1, 'the client is served');
	};
}

subtest 'the backup reads its file' => sub {
	my $since = time;
	reload($b, one(priority => 106) . two(priority => 91));
	ok($lab->stays($VIP, 'a', 2), 'a stays');
	untouched('reload', $since, $_) for $VIP, $THIRD;
};

SKIP: {
	skip 'keepalived has no leases', 1 unless $OURS;
	subtest 'leases' => sub {
		my $lent = sub {
			$lab->read_in('a', qw(ip address show to), $VIP) =~
			    /valid_lft (\d+)sec/ ? $1 : 'for ever';
		};
		my $since = time;
		cmp_ok($lent->(), '<', 3, 'lent');
		$a->{opt}{global} = ['vrrp-lease off'];
		reload($a, one() . two());
		ok(wait_until(sub { $lent->() eq 'for ever' }), 'off');
		$a->{opt}{global} = [];
		reload($a, one() . two());
		ok(wait_until(sub { $lent->() ne 'for ever' }), 'on again');
		untouched('leases', $since, $VIP);
	};
}

SKIP: {
	skip 'keepalived stands in', 1 unless $OURS;
	subtest 'many times' => sub {
		my $since = time;
		reload($a, one() . two()) for 1 .. 5;
		untouched('reload', $since, $VIP);
		is(scalar(grep { $_ == $a->vrrp_pid } Tideway::Lab::Node::tree($a->{pid})),
		    1, 'one VRRP process');
	};
}

$client->stop;
is($_->halt, '', "$_->{name} ends well") for $a, $b;
is($lab->owners($_), '', "nobody keeps $_") for $VIP, $SECOND, $THIRD;

done_testing;

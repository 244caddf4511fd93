#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# How long a client is cut off when a pair of balancers changes hands: two
# nodes and a client in network namespaces, a request over a fresh connection
# every 10 ms. Prints one table for each pair: how long the client was without
# an answer, when the new owner answered, and how long both held the address,
# in ms, medians. Needs root, keepalived, haproxy, curl.
#
#   contrib/bench/vrrp.pl [option...]
#   --pairs keepalived/keepalived,tideway/tideway    who is a, who is b
#   --only REGEX     events whose names match      --runs N    3
#   --advert SECS    1; below it is version 3      --path      a second path
# TIDEWAY names the program, TIDEWAY_MODULE_PATH its modules.
use strict;
use warnings;
use FindBin;
use Getopt::Long;
use Time::HiRes qw(sleep time);
use lib "$FindBin::Bin/../../t/lib";
use Tideway::Lab;
use Tideway::Lab::Conf;

my %opt = (pairs => 'keepalived/keepalived', runs => 3, advert => 1, only => '.');
GetOptions(\%opt, 'pairs=s', 'only=s', 'runs=i', 'advert=f', 'path') or exit 2;
$SIG{INT} = $SIG{TERM} = sub { exit 1 };
$| = 1;

use constant AFTER => 1.5; # seconds watched once the new owner serves
my $VIP = $Tideway::Lab::Conf::VIP;
my @NETS = qw(lan path);
my ($lab, @kind);

# name => what happens to a; options: health; who answers next (b); heal; only
# where a is of this kind
my @events = (
	[ 'start of a lone node', undef, alone => 1 ],
	[ 'worker killed', sub { $_[0]->signal_worker('KILL') }, health => 'worker' ],
	[ 'worker hung', sub { $_[0]->signal_worker('STOP') }, health => 'worker' ],
	[ 'backend down', sub { $_[0]->web_down }, health => 'backend' ],
	[ 'backend up again', sub { $_[0]->web_up }, health => 'backend', back => 1 ],
	[ 'SIGTERM', sub { kill 'TERM', $_[0]{pid} } ],
	[ 'vrrp yield', sub { $_[0]->control('vrrp yield') }, kind => 'tideway' ],
	[ 'VRRP process killed', sub { $_[0]->signal_vrrp('KILL') }, stays => 1 ],
	[ 'daemon killed', sub { $_[0]->kill_daemon } ],
	[ 'node lost', sub { $_[0]->lose } ],
	[ 'link cut', sub { $lab->unplug('a') } ],
	[ 'address deleted', sub { $lab->ip('a', "address del $VIP/32 dev eth0") },
	    stays => 1 ],
	[ 'split healed', sub { $lab->rejoin('a', $_) for @NETS }, split => 1 ],
	[ 'reload', sub { $_[0]->reload }, stays => 1 ],
);

sub start_node
{
	my ($name, $health) = @_;
	my $node = $lab->node($name);
	my $kind = $name eq 'a' ? $kind[0] : $kind[1];
	my ($before, $inside) = $health ? health($kind, $health,
	    weight => $kind[0] eq $kind[1] ? 10 : 0) : ('', ());
	$node->start($kind, $before . instance(advert => $opt{advert},
	    version => $opt{advert} < 1 ? 3 : 2, lines => [$inside // ()],
	    priority => $name eq 'a' ? 100 : 99),
	    peer => $opt{path} && ($name eq 'a' ? 'b' : 'a'));
}

# both are up, a has the address and the client is served
sub settle
{
	my ($event, $prober) = @_;

	start_node('a', $event->{health});
	return if $event->{alone};
	start_node('b', $event->{health});
	my $secs = 10 + 10 * $opt{advert};
	$lab->wait_owners($VIP, 'a', $secs) or die "a is not master\n" . $lab->logs;
	$prober->wait_first(time, 'a', 60) or die "nobody answers\n";
	sleep 4 * $opt{advert} + 1;
	return unless $event->{split} || $event->{back};
	if ($event->{split}) {
		$lab->isolate('a', $_) for @NETS;
	} else {
		$lab->node('a')->web_down;
	}
	$prober->wait_first(time, 'b', 30) or die "b does not answer\n" . $lab->logs;
	$lab->wait_owners($VIP, $event->{split} ? 'a b' : 'b', 30);
	sleep 3 * $opt{advert};
}

# one run in a laboratory of its own: [outage, new owner, both], seconds
sub run
{
	my ($event) = @_;

	$lab = Tideway::Lab->new;
	my $prober = $lab->prober($VIP);
	my $from = time;
	settle($event, $prober);
	unless ($event->{alone}) {
		$from = time;
		$event->{do}->($lab->node('a'));
	}
	my $next = $event->{alone} || $event->{back} || $event->{split} ? 'a' : 'b';
	my $first = $event->{stays} ? undef : $prober->wait_first($from, $next, 70);
	sleep $event->{stays} ? 5 * $opt{advert} + 1 : AFTER;
	my $to = time;
	my @result = ($prober->outage($from, $to), $first ? $first->[0] - $from : undef,
	    $lab->watch->overlap($VIP, $from, $to));
	$lab->end;
	return \@result;
}

sub median
{
	my @v = sort { $a <=> $b } grep { defined } @_;

	return @v ? sprintf '%.0f', 1000 * $v[$#v / 2] : '-';
}

sub table
{
	my ($pair) = @_;

	@kind = split m{/}, $pair;
	printf "\n%s, advert_int %s%s, %d runs: ms\n%-22s %8s %10s %10s\n", $pair,
	    $opt{advert}, $opt{path} ? ', second path' : '', $opt{runs}, 'event',
	    'outage', 'new owner', 'two owners';
	for my $line (@events) {
		my ($name, $do, %how) = @$line;
		next if $name !~ /$opt{only}/ || ($how{kind} // $kind[0]) ne $kind[0];
		my @runs = map { run({ do => $do, %how }) } 1 .. $opt{runs};
		printf "%-22s %8s %10s %10s\n", $name,
		    map { my $i = $_; median(map { $_->[$i] } @runs) } 0 .. 2;
	}
}

$Tideway::Lab::Node::OURS = 'keepalived' if $opt{pairs} !~ /tideway/;
my $why = Tideway::Lab->missing(qw(keepalived haproxy curl));
die "$why\n" if $why;
table($_) for split /,/, $opt{pairs};

# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Who held which address, and when: `ip monitor` in every node, with the
# kernel's own word for each change.
package Tideway::Lab::Watch;
use strict;
use warnings;
use POSIX ();
use Time::Local qw(timegm);

sub new
{
	my ($class, $lab) = @_;
	my $self = bless { lab => $lab }, $class;

	for my $name (@{ $lab->{nodes} }) {
		$self->{log}{$name} = "$lab->{dir}/addresses-$name";
		$self->{pid}{$name} = $lab->spawn_in($name, $self->{log}{$name},
		    'env', 'TZ=UTC', 'ip', '-o', '-ts', 'monitor', 'address');
	}
	$self->_wait_ready($_) for @{ $lab->{nodes} };
	return $self;
}

# it hears changes when it has heard one
sub _wait_ready
{
	my ($self, $name) = @_;
	my $address = "127.9.9.9";

	Tideway::Lab::wait_until(sub {
		for my $do (qw(add del)) {
			$self->{lab}->ip($name, "address $do $address/32 dev lo");
		}
		return $self->changes($name, $address) > 0;
	}) or die "no ip monitor";
}

# [time, there] for each change of an address at a node; one that is lent again
# has not changed
sub changes
{
	my ($self, $name, $address) = @_;
	my @changes;

	for my $line (split /\n/, Tideway::Lab::slurp($self->{log}{$name})) {
		$line =~ m{^\[(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+\.\d+)\] (Deleted )?.* inet6? (\S+?)/}
		    or next;
		next if $8 ne $address;
		my $there = $7 ? 0 : 1;
		push @changes, [ timegm(0, $5, $4, $3, $2 - 1, $1) + $6, $there ]
		    if !@changes || $changes[-1][1] != $there;
	}
	return @changes;
}

# [from, to] of each time it was there; to is $now when it still is
sub spans
{
	my ($self, $name, $address, $now) = @_;
	my (@spans, $since);

	for my $change ($self->changes($name, $address)) {
		if ($change->[1]) {
			$since //= $change->[0];
		} elsif (defined $since) {
			push @spans, [ $since, $change->[0] ];
			undef $since;
		}
	}
	push @spans, [ $since, $now ] if defined $since;
	return @spans;
}

# how long two nodes had it at once between two times, seconds
sub overlap
{
	my ($self, $address, $from, $to) = @_;
	my ($x, $y) = map { [ $self->spans($_, $address, $to) ] }
	    @{ $self->{lab}{nodes} }[0, 1];
	my $sum = 0;

	for my $p (@$x) {
		for my $q (@$y) {
			my $begin = _max($from, _max($p->[0], $q->[0]));
			my $end = _min($to, _min($p->[1], $q->[1]));
			$sum += $end - $begin if $end > $begin;
		}
	}
	return $sum;
}

sub _max { $_[0] > $_[1] ? $_[0] : $_[1] }
sub _min { $_[0] < $_[1] ? $_[0] : $_[1] }

1;

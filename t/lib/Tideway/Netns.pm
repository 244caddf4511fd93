# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# A network of one test's own: the test moves into a new network namespace, with
# what it starts from then on, and makes others beside it, each at the end of
# a wire. A socket that is made inside of one stays there, and can be used from
# here. Needs root.
package Tideway::Netns;
use strict;
use warnings;
use Exporter 'import';
use POSIX ();

our @EXPORT = qw(netns_enter netns_add netns_name in_netns sh);

use constant { SYS_unshare => 272, SYS_setns => 308, CLONE_NEWNET => 0x40000000 };

my (%ns, $here, $owner);

# returns: true when the command went well
sub sh
{
	my ($cmd) = @_;

	return system("{ $cmd; } >/dev/null 2>&1") == 0;
}

# returns: '' or why it cannot be
sub netns_enter
{
	return 'needs root' if $>;
	return 'has no ip(8)' unless sh('command -v ip');
	return 'needs x86-64' unless (POSIX::uname())[4] eq 'x86_64';
	return 'no network namespaces here' if syscall(SYS_unshare, CLONE_NEWNET) != 0;
	$owner = $$;
	open $here, '<', '/proc/self/ns/net' or return 'no /proc';
	return sh('ip link set lo up') ? '' : 'lo stays down';
}

sub netns_name { "tw$$-$_[0]" }

# a namespace at the other end of a wire: 10.<n>.0.1 here (port "w<n>"),
# 10.<n>.0.2 there
sub netns_add
{
	my ($name, $n) = @_;
	my $ns = netns_name($name);

	sh("ip netns add $ns") or die "netns $ns";
	$ns{$name} = $ns;
	sh("ip link add w$n type veth peer name out netns $ns && ip link set w$n up"
	    . " && ip addr add 10.$n.0.1/24 dev w$n && ip -n $ns link set lo up"
	    . " && ip -n $ns link set out up && ip -n $ns addr add 10.$n.0.2/24 dev out"
	    . " && ip -n $ns route add default via 10.$n.0.1")
	    or die "wire to $ns";
}

sub _move
{
	my ($fh) = @_;

	syscall(SYS_setns, fileno $fh, CLONE_NEWNET) == 0 or die "setns: $!";
}

sub in_netns
{
	my ($name, $code) = @_;

	open my $there, '<', "/var/run/netns/$ns{$name}" or die "$ns{$name}: $!";
	_move($there);
	my @r = eval { $code->() };
	my $why = $@;
	_move($here);
	die $why if $why;
	return wantarray ? @r : $r[0];
}

END {
	local $?;
	if (defined $owner && $owner == $$) {
		sh("ip netns del $_") for values %ns;
	}
}

1;

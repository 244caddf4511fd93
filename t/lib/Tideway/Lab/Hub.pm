# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# A hub that loses frames: a process that copies what comes in at one port to
# all others, except what a file of rules takes away. It works where the
# kernel has no netem, and it loses frames in one direction only if told so.
# Rules are lines "FROM>TO PERCENT", names or *; read at start and at SIGHUP.
package Tideway::Lab::Hub;
use strict;
use warnings;
use Socket qw(SOCK_RAW);

use constant {
	AF_PACKET => 17,
	ETH_P_ALL => 3,
	SOL_PACKET => 263,
	PACKET_ADD_MEMBERSHIP => 1,
	PACKET_MR_PROMISC => 1,
	PACKET_VNET_HDR => 15, # checksums left to the card stay so
	PACKET_OUTGOING => 4,
};

my (@rules, $stale);

# ARGV: RULES NAME=DEVICE...
sub main
{
	my ($file, @ends) = @ARGV;
	my @ports = map { open_port(split /=/) } @ends;
	my $wanted = '';

	$SIG{HUP} = sub { $stale = 1 };
	vec($wanted, fileno $_->{sock}, 1) = 1 for @ports;
	read_rules($file);
	syswrite STDOUT, "ready\n";
	while (1) {
		read_rules($file) if $stale;
		my $n = select my $ready = $wanted, undef, undef, undef;
		next if $n <= 0;
		for my $from (grep { vec $ready, fileno $_->{sock}, 1 } @ports) {
			copy($from, \@ports);
		}
	}
}

sub open_port
{
	my ($name, $device) = @_;
	my $address = "/sys/class/net/$device/ifindex";

	open my $fh, '<', $address or die "$address: $!";
	chomp(my $index = <$fh>);
	socket my $sock, AF_PACKET, SOCK_RAW, unpack('S', pack 'n', ETH_P_ALL)
	    or die "packet socket: $!";
	setsockopt $sock, SOL_PACKET, PACKET_VNET_HDR, pack 'i', 1
	    or die "vnet header: $!";
	bind $sock, pack 'S n i S C C a8', AF_PACKET, ETH_P_ALL, $index, 0, 0, 0, ''
	    or die "bind to $device: $!";
	setsockopt $sock, SOL_PACKET, PACKET_ADD_MEMBERSHIP,
	    pack 'i S S a8', $index, PACKET_MR_PROMISC, 0, ''
	    or die "promiscuous $device: $!";
	return { name => $name, sock => $sock };
}

sub read_rules
{
	my ($file) = @_;

	$stale = 0;
	open my $fh, '<', $file or die "$file: $!";
	@rules = map { [ /^(\S+)>(\S+) (\S+)/ ] } <$fh>;
}

sub copy
{
	my ($from, $ports) = @_;

	while (defined(my $peer = recv $from->{sock}, my $frame, 70000, 0x40)) {
		next if unpack('x10 C', $peer) == PACKET_OUTGOING;
		for my $to (@$ports) {
			next if $to == $from || lost($from->{name}, $to->{name});
			send $to->{sock}, $frame, 0x40;
		}
	}
}

sub lost
{
	my ($from, $to) = @_;

	for my $rule (@rules) {
		next if $rule->[0] ne '*' && $rule->[0] ne $from;
		next if $rule->[1] ne '*' && $rule->[1] ne $to;
		return rand(100) < $rule->[2];
	}
	return 0;
}

1;

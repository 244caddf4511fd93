# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Our advertisements, judged by somebody else: tshark finds them well-formed,
# the checksum right, and in them what was asked for.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use FindBin;
use Test::More;

my $build  = abs_path($ENV{builddir} // "$FindBin::Bin/..");
my $writer = "$build/t/unit/test_vrrp_packet";
plan skip_all => 'needs cmocka and libmnl' unless -x $writer;
for my $program (qw(tshark text2pcap)) {
	plan skip_all => "needs $program"
	  unless grep { -x "$_/$program" } split /:/, $ENV{PATH};
}
my $dir = tempdir(CLEANUP => 1);

# Gives the bytes an IP header and asks tshark for fields of the packet.
sub judge
{
	my ($hex, $src, $dst) = @_;
	my $six = $src =~ /:/ ? '-6' : '-4';

	open my $dump, '>', "$dir/hex" or die "$dir/hex: $!";
	print $dump '0000 ', join(' ', $hex =~ /../g), "\n";
	close $dump;
	system("text2pcap -q -i 112 $six $src,$dst $dir/hex $dir/pcap >$dir/log 2>&1");
	my @names = map { "-e $_" } qw(vrrp.version vrrp.type vrrp.virt_rtr_id vrrp.prio
	  vrrp.checksum.status vrrp.ip_addr vrrp.ipv6_addr _ws.malformed);
	my $fields = qx(tshark -r $dir/pcap -o ip.check_checksum:FALSE -T fields @names 2>/dev/null);
	my $text   = qx(tshark -r $dir/pcap -V 2>/dev/null);
	chomp $fields;
	return ([split /\t/, $fields, -1], $text);
}

my @cases = (
	[2, 100, '10.9.0.1', '224.0.0.18', 0, '10.9.0.100'],
	[2, 0, '10.9.0.1', '224.0.0.18', 0, '10.9.0.100', '10.9.0.101'],
	[3, 100, '10.9.0.1', '224.0.0.18', 1, '10.9.0.100'],
	[3, 255, '10.9.0.1', '10.9.0.2', 1, '10.9.0.100', '10.9.0.101'],
	[3, 100, 'fe80::1', 'ff02::12', 1, 'fe80::100', 'fd00::101'],
	[3, 0, 'fd00::1', 'fd00::2', 0, 'fd00::101'],
);
for my $case (@cases) {
	my ($version, $priority, $src, $dst, $pseudo, @vips) = @$case;
	my $name = "version $version, priority $priority, $src to $dst, " . @vips . ' addresses';

	chomp(my $hex = qx($writer @$case));
	my ($got, $text) = judge($hex, $src, $dst);
	my ($four, $six) = $src =~ /:/ ? ('', join ',', @vips) : (join(',', @vips), '');
	is_deeply($got, [$version, 1, 51, $priority, 1, $four, $six, ''], $name)
	  or diag($hex, "\n", $text);
	unlike($text, qr/malformed|Checksum:.*incorrect/i, "$name: nothing is malformed");
	my ($vrrp) = $text =~ /^(Virtual Router Redundancy.*)/ms;
	unlike($vrrp // 'Expert: not VRRP', qr/Expert/, "$name: no expert's remark");
}

# The judge can say no.
chomp(my $hex = qx($writer 2 100 10.9.0.1 224.0.0.18 0 10.9.0.100));
my ($got) = judge(substr($hex, 0, 12) . 'ffff' . substr($hex, 16), '10.9.0.1', '224.0.0.18');
is($got->[4], 0, 'a wrong checksum is found');
done_testing;

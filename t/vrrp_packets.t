# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What a VRRP router puts on the wire, captured at the switch and judged by
# tshark: advertisements of both versions and families, gratuitous ARP,
# unsolicited neighbour advertisements, and the goodbye at priority 0.
# source: RFC 3768 section 5, RFC 9568 section 5.
use Tideway::Test;
use Tideway::Lab;
use Tideway::Lab::Conf;

my $missing = Tideway::Lab->missing(qw(tcpdump tshark));
plan(skip_all => $missing) if $missing;

my @FIELDS = qw(frame.time_epoch eth.src eth.dst ip.src ip.dst ip.ttl ip.dsfield
    ip.flags.df ipv6.src ipv6.dst ipv6.hlim vrrp.version vrrp.type
    vrrp.virt_rtr_id vrrp.prio vrrp.addr_count vrrp.checksum.status
    vrrp.auth_type vrrp.auth_string vrrp.adver_int vrrp.short_adver_int
    vrrp.ip_addr vrrp.ipv6_addr arp.opcode arp.isgratuitous
    arp.src.proto_ipv4 arp.dst.proto_ipv4 arp.src.hw_mac icmpv6.type
    icmpv6.checksum.status icmpv6.nd.na.target_address icmpv6.nd.na.flag.o
    icmpv6.opt.linkaddr _ws.malformed ip.checksum.status);
my $lab = Tideway::Lab->new;
my ($node) = $lab->nodes;
my ($pcap, $tcpdump) = capture();

sub capture
{
	my $path = "$lab->{dir}/capture";
	my $pid = $lab->spawn_in('switch', "$path.log", 'tcpdump', '-Z', 'root',
	    '-U', '-n', '-i', 'a-lan', '-Q', 'in', '-w', $path);

	wait_until { slurp("$path.log") =~ /listening on/ }
	    or die slurp("$path.log");
	return ($path, $pid);
}

# the frames that a filter lets through, each a hash of FIELDS
sub frames
{
	my ($filter) = @_;
	my @cmd = ('tshark', '-n', '-r', $pcap, '-o', 'ip.check_checksum:TRUE',
	    '-Y', $filter, '-T', 'fields', '-E', 'separator=|',
	    map { ('-e', $_) } @FIELDS);

	open my $fh, '-|', 'sh', '-c', 'exec "$@" 2>/dev/null', 'sh', @cmd or die;
	return map {
		chomp;
		my @f = split /\|/, $_, -1;
		+{ map { $FIELDS[$_] => $f[$_] } 0 .. $#FIELDS }
	} <$fh>;
}

# every frame has exactly these values
sub all_have
{
	my ($what, $frames, %want) = @_;

	cmp_ok(scalar @$frames, '>', 0, "$what: there are some");
	for my $field (sort keys %want) {
		my %seen = map { $_->{$field} => 1 } @$frames;
		is(join(' or ', sort keys %seen), $want{$field}, "$what: $field");
	}
}

my %COMMON = ('_ws.malformed' => '', 'vrrp.type' => 1, 'vrrp.checksum.status' => 1);
my $LINK_LOCAL = do {
	my ($fe80) = $lab->read_in('a', qw(ip -6 -o addr show dev eth0))
	    =~ m{inet6 (fe80\S+)/};
	$fe80;
};
my $MAC = do {
	my ($mac) = $lab->read_in('a', qw(ip -o link show dev eth0))
	    =~ m{link/ether (\S+)};
	$mac;
};

# vrid => [instance, fields of its advertisements]
my %instances = (
	51 => [ { name => 'V2', priority => 120,
		addresses => [qw(192.168.2.101 192.168.2.111/24)],
		lines => ["authentication {\n auth_type PASS\n auth_pass 1111\n }"] },
		{ 'vrrp.version' => 2, 'vrrp.auth_type' => 1, 'vrrp.prio' => 120,
		'vrrp.auth_string' => '1111', 'vrrp.adver_int' => 1,
		'vrrp.addr_count' => 2, 'ip.src' => '192.168.2.1', 'ip.ttl' => 255,
		'ip.dst' => '224.0.0.18', 'eth.dst' => '01:00:5e:00:00:12',
		'vrrp.ip_addr' => '192.168.2.101,192.168.2.111',
		'ip.dsfield' => '0xc0', 'ip.checksum.status' => 1 } ],
	52 => [ { name => 'V2U', addresses => ['192.168.2.102'],
		lines => [ 'unicast_src_ip 192.168.2.1',
			"unicast_peer {\n 192.168.2.2\n }" ] },
		{ 'vrrp.version' => 2, 'vrrp.auth_type' => 0, 'ip.ttl' => 255,
		'ip.dst' => '192.168.2.2', 'vrrp.ip_addr' => '192.168.2.102' } ],
	53 => [ { name => 'V3', version => 3, advert => 0.25,
		addresses => ['192.168.2.103'] },
		{ 'vrrp.version' => 3, 'vrrp.short_adver_int' => 25, 'ip.ttl' => 255,
		'ip.dst' => '224.0.0.18', 'vrrp.addr_count' => 1,
		'vrrp.ip_addr' => '192.168.2.103' } ],
	54 => [ { name => 'V6', version => 3, advert => 0.5,
		addresses => [qw(fe80::54 fd00:2::104)] },
		{ 'vrrp.version' => 3, 'vrrp.short_adver_int' => 50,
		'ipv6.hlim' => 255, 'ipv6.dst' => 'ff02::12',
		'ipv6.src' => $LINK_LOCAL, 'eth.dst' => '33:33:00:00:00:12',
		'vrrp.addr_count' => 2, 'vrrp.ipv6_addr' => 'fe80::54,fd00:2::104' } ],
);

$node->start('tideway', join '', map { instance(vrid => $_,
    %{ $instances{$_}[0] }) } sort keys %instances);
for my $vrid (sort keys %instances) {
	my $address = $instances{$vrid}[0]{addresses}[0];
	ok($lab->wait_owners($address, 'a', 15), "it has $address") or diag($lab->logs);
}
ok(wait_until(sub { frames('vrrp.virt_rtr_id == 51') >= 3 }), 'adverts go out');
ok(wait_until(sub { frames('arp.isgratuitous') >= 4 * 5 }), 'ARP goes out');
is($node->stop, '', 'it stops');
ok(wait_until(sub { frames('vrrp.prio == 0') >= 4 }), 'it says goodbye');
$lab->end_pid($tcpdump);

for my $vrid (sort keys %instances) {
	subtest "advertisements of $instances{$vrid}[0]{name}" => sub {
		my @alive = frames("vrrp.virt_rtr_id == $vrid && vrrp.prio > 0");
		all_have('alive', \@alive, 'vrrp.prio' => 100, %COMMON,
		    %{ $instances{$vrid}[1] });
		all_have('leaving', [ frames("vrrp.virt_rtr_id == $vrid && vrrp.prio == 0") ],
		    %COMMON, %{ $instances{$vrid}[1] }, 'vrrp.prio' => 0);
		my @last = frames("vrrp.virt_rtr_id == $vrid");
		is($last[-1]{'vrrp.prio'}, 0, 'nothing comes after that');
		my @t = map { $_->{'frame.time_epoch'} } @alive;
		my $every = @t > 1 ? ($t[-1] - $t[0]) / $#t : 0;
		my $advert = $instances{$vrid}[0]{advert} // 1;
		ok(abs($every - $advert) < 0.4 * $advert,
		    "one in $advert s") or diag("$every s");
	};
}

subtest 'gratuitous ARP' => sub {
	for my $address (map { "192.168.2.$_" } 101, 111, 102, 103) {
		my @arp = frames("arp.src.proto_ipv4 == $address && arp.isgratuitous");
		all_have($address, \@arp, 'arp.opcode' => 1,
		    'arp.dst.proto_ipv4' => $address, 'eth.dst' => 'ff:ff:ff:ff:ff:ff',
		    'eth.src' => $MAC, 'arp.src.hw_mac' => $MAC);
		cmp_ok(scalar @arp, '>=', 5, 'five of them');
	}
};

subtest 'unsolicited neighbour advertisements' => sub {
	for my $address (qw(fe80::54 fd00:2::104)) {
		my @na = frames("icmpv6.nd.na.target_address == $address");
		all_have($address, \@na, 'icmpv6.type' => 136, 'ipv6.hlim' => 255,
		    'ipv6.dst' => 'ff02::1', 'icmpv6.checksum.status' => 1,
		    'icmpv6.nd.na.flag.o' => 1, 'icmpv6.opt.linkaddr' => $MAC);
		cmp_ok(scalar @na, '>=', 5, 'five of them');
	}
};

subtest 'nothing else' => sub {
	is(scalar frames('_ws.malformed'), 0, 'no malformed frame');
	is(scalar frames('vrrp.checksum.status == 0'), 0, 'no bad checksum');
};

done_testing;

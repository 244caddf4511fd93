# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Terminal services: persist rdp-cookie finds the server that the client's token
# names, balance rdp-cookie hashes the client's name. Needs the fetch
# req.rdp_cookie and tcp-request content; the same against Debian's haproxy.
use Tideway::Test;

my ($haproxy) = grep { -x } qw(/usr/sbin/haproxy /usr/local/sbin/haproxy);
my $o = origin(host => '0.0.0.0', raw => 1, greet => sub {
	my ($c) = @_;
	my ($n) = $c->sock->sockhost =~ /(\d+)$/;
	$c->read_until(qr/\r\n/);
	$c->send("s$n\n");
});

sub config
{
	my ($more) = @_;

	return "defaults
    mode tcp
    timeout connect 5s
    timeout client 5s
    timeout server 5s
" . join '', map { "
listen $_->[0]
    bind {BIND:$_->[0]}
    tcp-request inspect-delay 5s
    tcp-request content accept if RDP_COOKIE
    $_->[1]
" . join('', map { "    server s$_ 127.0.6.$_:${\ $o->port}" . ($_ == 3 ? ' disabled' : '')
	. "\n" } 1 .. 5) } ['persist', 'persist rdp-cookie'],
	    ['down', "persist rdp-cookie(msts)\n    option persist"],
	    ['ignore', "persist rdp-cookie\n    ignore-persist if TRUE"],
	    ['user', 'balance rdp-cookie'],
	    ['ring', "balance rdp-cookie(mstshash)\n    hash-type consistent"];
}

# an X.224 connection request
sub rdp
{
	my ($p, $name, $cookie) = @_;
	my $tpdu = "\xe0\0\0\0\0\0Cookie: $cookie\r\n";
	my $x224 = chr(length $tpdu) . $tpdu;
	my $c = $p->client($name);

	$c->send(pack('CCn', 3, 0, 4 + length $x224) . $x224);
	return $c->read_until(qr/\n/) =~ s/\n//r;
}

sub token
{
	my ($n) = @_;
	my ($port) = unpack 'v', pack 'n', $o->port;

	return 'msts=' . unpack('V', pack 'C4', 127, 0, 6, $n) . ".$port.0000";
}

my $r = check_config(config() =~ s/\{BIND:(\w+)\}/127.0.0.1:1/gr);
my $ours = $r->{code} == 0;
if (!$ours && $r->{all} !~ /not supported by tideway yet|not available/) {
	fail('the configuration is read') or diag $r->{all};
}
my %got;
for my $bin ($ours ? binary() : (), $haproxy ? $haproxy : ()) {
	my $who = $bin eq binary() ? 'tideway' : 'haproxy';

	subtest $who => sub {
		my $p = start_proxy(config(), bin => $bin);
		is(rdp($p, 'persist', token($_)), "s$_", "the token of s$_")
		    for 5, 2, 1, 4, 2;
		isnt(rdp($p, 'persist', token(3)), 's3', 'of one that is down');
		is(rdp($p, 'down', token(3)), 's3', 'option persist');
		is(rdp($p, 'ignore', token(2)), 's2', 'ignore-persist is for HTTP') for 1, 2;
		like(rdp($p, 'persist', 'msts=nonsense'), qr/^s\d$/, 'no token: balanced');
		for my $name (qw(user ring)) {
			my @s = map { rdp($p, $name, "mstshash=user$_") } 1 .. 20;
			is_deeply([map { rdp($p, $name, "mstshash=user$_") } 1 .. 20], \@s,
			    "$name: the same user, the same server");
			push @{ $got{$who} }, @s;
		}
		stop_proxy($p);
	};
}
is_deeply($got{tideway}, $got{haproxy}, 'where haproxy sends them') if $ours && $haproxy;

subtest 'what is wrong' => sub {
	my $head = "listen a\n    bind 127.0.0.1:1\n    server s 127.0.0.1:2\n";
	for (['persist rdp-cookie(', qr/rdp cookie name/], ['persist cookies', qr/'cookies'/],
	    ['persist', qr/persist/], ['balance rdp-cookie()', qr/rdp cookie name/],
	    ['balance rdp-cookie x', qr/no other arguments/]) {
		my $bad = check_config("$head    $_->[0]\n");
		is($bad->{code}, 1, $_->[0]);
		like($bad->{all}, $_->[1], 'with the reason');
	}
};

done_testing;

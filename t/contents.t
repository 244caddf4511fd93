# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Fetches from the first bytes of a connection in mode tcp: TLS hellos, RDP
# cookies, parts of the payload. The bytes follow a PROXY header, so they are
# there when the backend is chosen; Debian's haproxy decides the same.
use Tideway::Test;
use Tideway::Expr;
use Tideway::Hello;

sub rdp
{
	my ($cookie) = @_;
	my $x = pack('C', 6 + length $cookie) . "\xe0\0\0\0\0\0" . $cookie;

	return pack('CCn', 3, 0, 4 + length $x) . $x;
}

my $full = hello(sni => 'www.example.org', alpn => ['h2', 'http/1.1'], groups => 1, ticket => 'old');
my $plain = hello(minor => 1);
my $desk = rdp("Cookie: mstshash=user\r\n");
my $http = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
my $bytes = "\0\3abcdef\0\0\2xyz";

# bytes, condition, does it hold?
my @cases = (
	[$full, 'req.ssl_sni www.example.org', 1], [$full, 'req_ssl_sni -i WWW.Example.org', 1],
	[$full, 'req.ssl_sni -m end .example.org', 1], [$full, 'req.ssl_sni example.org', 0],
	[$plain, 'req.ssl_sni -m found', 0], [$http, 'req.ssl_sni -m found', 0],
	[$full, 'req.ssl_hello_type 1', 1], [$full, 'req_ssl_hello_type 2', 0], [$http, 'req.ssl_hello_type 1', 0],
	[$full, 'req.ssl_ver 3.3', 1], [$full, 'req.ssl_ver 3.1', 0], [$plain, 'req.ssl_ver 3.1', 1],
	[$full, 'req_ssl_ver gt 3.2', 1], [$full, 'req.ssl_ver 3.2:3.4', 1], [$full, 'req.ssl_ver 3', 0],
	[$full, 'req.ssl_alpn http/1.1', 1], [$full, 'req.ssl_alpn h2', 1], [$full, 'req.ssl_alpn h3', 0], [$full, 'req.ssl_alpn -m sub http', 1],
	[$plain, 'req.ssl_alpn -m found', 0],
	[$full, 'req.ssl_ec_ext 1', 1], [$plain, 'req.ssl_ec_ext 1', 0], [$plain, 'req.ssl_ec_ext -m found', 0],
	[$full, 'req.ssl_st_ext 2', 1], [$plain, 'req.ssl_st_ext 0', 1],
	[hello(ticket => ''), 'req.ssl_st_ext 1', 1],
	[$desk, 'req.rdp_cookie(mstshash) user', 1], [$desk, 'rdp_cookie user', 1], [$desk, 'req.rdp_cookie(msts) -m found', 0],
	[$desk, 'req.rdp_cookie_cnt(mstshash) 1', 1], [$desk, 'rdp_cookie_cnt gt 0', 1], [rdp(''), 'req.rdp_cookie -m found', 0],
	[$http, 'rdp_cookie_cnt gt 0', 0], [$desk, 'req.rdp_cookie(MSTSHASH) -m found', 1],
	[$bytes, 'req.payload(2,3) -m str abc', 1], [$bytes, 'req.payload(0,2) -m bin 0003', 1],
	[$bytes, 'req.payload(20,1) -m found', 0], [$bytes, 'req.payload_lv(0,2) -m str abc', 1],
	[$bytes, 'req.payload_lv(8,3) -m str xy', 1],
	[$bytes, 'req.payload_lv(0,2,+1) -m str bcd', 1], [$bytes, 'req.len 14', 1], [$bytes, 'req_len gt 14', 0],
	[$http, 'req.proto_http', 1], [$bytes, 'req.proto_http', 0], [$full, 'req_proto_http', 0],
);
my @ours = (
	[$bytes, 'payload(2,0) -m len 12', 1],
	[$bytes, 'payload_lv(8,3,2) -m str ab', 1],
	[$bytes, 'req.payload(0,2) 0003', 1],
	[$full, 'req.ssl_cipherlist,hex 1301C02F', 1], [$full, 'req.ssl_supported_groups,hex 001D0017', 1],
	[$full, 'req.ssl_sigalgs,hex 04030804', 1], [$plain, 'req.ssl_keyshare_groups -m found', 0],
);

sub decide
{
	my ($bin, $is_ours, @cases) = @_;
	my $o = listener();
	my $log = syslog_unix();
	my $wait = $is_ours ? '' : "    tcp-request inspect-delay 2s\n    tcp-request content accept if { req.len gt 0 }\n";
	my $text = "global\n    log $log->{addr} local0\ndefaults\n    mode tcp\n    log global\n    timeout connect 2s\n"
	    . "    timeout client 2s\n    timeout server 2s\n    retries 0\n    log-format %b\n";

	for my $i (0 .. $#cases) {
		$text .= "frontend f$i\n    bind {BIND:f$i} accept-proxy\n$wait"
		    . "    use_backend yes if { $cases[$i][1] }\n    default_backend no\n";
	}
	$text .= join '', map { "backend $_\n    server s 127.0.0.1:1\n" } qw(yes no);
	my $p = start_proxy($text, bin => $bin);
	my @got;
	for my $i (0 .. $#cases) {
		my $c = $p->client("f$i");
		$c->send("PROXY TCP4 192.0.2.1 192.0.2.2 1000 2000\r\n$cases[$i][0]");
		$c->read_all;
		push @got, $log->next_line->{msg} =~ /yes/ ? 1 : 0;
	}
	$is_ours ? stop_proxy($p) : $p->stop;
	return @got;
}

sub name { return $_[0][1] . ' in ' . unpack('H40', $_[0][0]) }

my @got = decide(binary(), 1, @cases, @ours);
my @want = haproxy_path() ? decide(haproxy_path(), 0, @cases) : ();
for my $i (0 .. $#cases) {
	is($got[$i], $cases[$i][2], name($cases[$i]));
	is($want[$i], $cases[$i][2], 'in haproxy: ' . name($cases[$i])) if @want;
}
is($got[@cases + $_], $ours[$_][2], name($ours[$_])) for 0 .. $#ours;

done_testing;

# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Converters of MQTT and FIX messages, ciphers, set-var, and others of 3.x.
# Values are compared with Debian's haproxy where it has them.
use Tideway::Test;
use Tideway::Expr;

sub str { return pack 'n/a*', $_[0] }
sub packet
{
	my ($first, $rest) = @_;
	my $len = length $rest;
	my $bytes = chr $first;

	do {
		$bytes .= chr(($len & 127) | ($len > 127 ? 128 : 0));
		$len >>= 7;
	} while ($len > 0);
	return $bytes . $rest;
}
sub hex_of { return "bin(" . unpack('H*', $_[0]) . ")" }

my %connect = (
	v31 => packet(0x10, str('MQIsdp') . "\x03\x02\x00\x3c" . str('abc')),
	v311 => packet(0x10, str('MQTT') . "\x04\x02\x00\x3c" . str('abc')),
	empty_id => packet(0x10, str('MQTT') . "\x04\x02\x00\x3c" . str('')),
	empty_id_kept => packet(0x10, str('MQTT') . "\x04\x00\x00\x3c" . str('')),
	all => packet(0x10, str('MQTT') . "\x04\xf6\x01\x00" . str('id') . str('will/t') . str('gone') . str('bob') . str('secret')),
	long => packet(0x10, str('MQTT') . "\x04\x82\x01\x00" . str('id') . str('u' x 300)),
	password_only => packet(0x10, str('MQTT') . "\x04\x42\x01\x00" . str('id') . str('secret')),
	reserved => packet(0x10, str('MQTT') . "\x04\x03\x00\x3c" . str('abc')),
	qos3 => packet(0x10, str('MQTT') . "\x04\x1e\x00\x3c" . str('abc') . str('t') . str('p')),
	qos_no_will => packet(0x10, str('MQTT') . "\x04\x0a\x00\x3c" . str('abc')),
	name => packet(0x10, str('MQTX') . "\x04\x02\x00\x3c" . str('abc')),
	version => packet(0x10, str('MQTT') . "\x07\x02\x00\x3c" . str('abc')),
	surplus => packet(0x10, str('MQTT') . "\x04\x02\x00\x3c" . str('abc') . 'x'),
	short => packet(0x10, str('MQTT') . "\x04\x82\x00\x3c" . str('abc')),
	v5 => packet(0x10, str('MQTT') . "\x05\x02\x00\x3c" . "\x0b\x11\x00\x00\x00\x0a\x21\x00\x05\x17\x01\x19\x00"x0 . "\x0c\x11\x00\x00\x00\x0a\x21\x00\x05\x17\x01\x19\x00" . str('abc')),
	v5_texts => packet(0x10, str('MQTT') . "\x05\x02\x00\x3c" . "\x0d\x15" . str('SCRAM') . "\x16" . str("ab") . str('abc')),
	v5_user => packet(0x10, str('MQTT') . "\x05\x02\x00\x3c" . chr(7) . "\x26" . str('k') . str('v') . str('abc')),
	v5_will => packet(0x10, str('MQTT') . "\x05\x06\x00\x3c" . "\x00" . str('abc') . "\x07\x18\x00\x00\x00\x09\x01\x01" . str('t') . str('p')),
	v5_twice => packet(0x10, str('MQTT') . "\x05\x02\x00\x3c" . "\x06\x21\x00\x05\x21\x00\x06" . str('abc')),
	v5_unknown => packet(0x10, str('MQTT') . "\x05\x02\x00\x3c" . "\x02\x04\x01" . str('abc')),
	v5_zero => packet(0x10, str('MQTT') . "\x05\x02\x00\x3c" . "\x03\x21\x00\x00" . str('abc')),
	flags => packet(0x11, str('MQTT') . "\x04\x02\x00\x3c" . str('abc')),
);
my %connack = (
	v311 => "\x20\x02\x01\x00", code => "\x20\x02\x00\x05", bad_flags => "\x20\x02\x02\x00", empty => "\x20\x00",
	v5 => "\x20\x03\x01\x00\x00", v5_props => packet(0x20, "\x00\x87" . "\x09\x24\x01\x12" . str('abc') . ''),
	v5_more => packet(0x20, "\x00\x00\x0b\x27\x00\x00\x10\x00\x13\x00\x1e\x25\x00\x2a\x01"),
);
$connack{v5_props} = packet(0x20, "\x00\x87\x08\x24\x01\x12" . str('abc') . ('')) ;

# begin, body, the right length and sum unless told
sub fix
{
	my ($body, %o) = @_;
	my $text = join("\1", "8=" . ($o{begin} // 'FIX.4.4'), "9=" . ($o{len} // length($body =~ tr/|/\x01/r)), '') . $body =~ tr/|/\x01/r;

	return $text . sprintf("10=%s\1", $o{sum} // sprintf '%03d', unpack('%32C*', $text) % 256);
}
my $body = '35=A|49=SENDER|56=TARGET|34=1|52=20240101-00:00:00|98=0|108=30|';
my %fix = (
	good => fix($body), old => fix($body, begin => 'FIX.4.2'), fixt => fix($body, begin => 'FIXT.1.1'),
	begin => fix($body, begin => 'FIX.9.9'), len => fix($body, len => 5), sum => fix($body, sum => '000'),
	type => fix('49=A|35=B|'), tag => fix('35=A|x=1|'), more => fix($body) . fix($body), none => 'hello world, this is not it',
);

my $key = 'Zm9vb2Zvb29mb29wZm9vbw=='; # 16 bytes
my $nonce = 'Zm9vb2Zvb29mb29w';
my @rows = (
	(map { hex_of($connect{$_}) . ',mqtt_is_valid' } sort grep { !/^(?:short|v5_zero|empty_id)$/ } keys %connect),
	(map { hex_of($connack{$_}) . ',mqtt_is_valid' } sort grep { !/^empty$/ } keys %connack),
	(map { my $f = $_; map { hex_of($connect{$_}) . ",mqtt_field_value(connect,$f)" } qw(v31 v311 all v5) }
	    qw(flags protocol_name protocol_version client_identifier will_topic will_payload username password keepalive)),
	hex_of($connect{v311}) . ',mqtt_field_value(1,Client_Identifier)', hex_of($connect{long}) . ',mqtt_field_value(CONNECT,username),length',
	(map { hex_of($connect{v5}) . ",mqtt_field_value(connect,$_)" } 17, 33, 23, 25, 39),
	(map { hex_of($connect{v5_texts}) . ",mqtt_field_value(connect,$_)" } 21, 22),
	(map { hex_of($connack{$_->[0]}) . ",mqtt_field_value(connack,$_->[1])" } [v311 => 'flags'], [v311 => 'protocol_version'],
	    [v311 => 'reason_code'], [code => 'reason_code'], [v5 => 'protocol_version'], [v5_props => 18], [v5_props => 36], [v5_more => 39], [v5_more => 19], [v5_more => 37], [v5_more => 42]),
	hex_of($connack{v311}) . ',mqtt_field_value(connect,flags)',
	(map { hex_of($fix{$_}) . ',fix_is_valid' } sort grep { $_ ne 'none' } keys %fix),
	(map { hex_of($fix{good}) . ",fix_tag_value($_)" } qw(8 9 35 49 56 34 52 108 10 99 BeginString MsgType SenderCompID TargetCompID BodyLength CheckSum)),
	[hex_of($connect{short}) . ',mqtt_is_valid', 0], [hex_of($connect{v5_zero}) . ',mqtt_is_valid', 0],
	[hex_of($connect{empty_id}) . ',mqtt_is_valid', 1], [hex_of($fix{none}) . ',fix_is_valid', 0],
	[hex_of(substr $connect{v311}, 0, 6) . ',mqtt_is_valid', ''], [hex_of(substr $fix{good}, 0, 30) . ',fix_is_valid', ''],
	["str(hello),aes_cbc_enc(128,$key,$key),hex", '8EB921481D5BEC32BE31B1127F63013A'],
	["str(hello),aes_cbc_enc(128,$key,$key),aes_cbc_dec(128,$key,$key)", 'hello'],
	["bin(00),aes_cbc_dec(128,$key,$key)", ''],
	["str(a=1&b=2&c&d=),param(b)", '2'], ["str(a=1&b=2&c&d=),param(c)", ''], ["str(a=1;b=2),param(b,;)", '2'], ['str(a=1&bb=2),param(b)', ''],
	['str(x=a=b),param(x)', 'a=b'], ["str(a=1&b=2&c&d=),param(c),length", 0], ["str(a=1),param(z),length", ''],
);
my @set = (
	'str(abc),set-var(txn.cv),upper', 'var(txn.cv)', 'int(5),set-var(txn.n),add(1)', 'var(txn.n)',
	['int(7),set-var(txn.n,ifgt)', 7], ['var(txn.n)', 5], ['int(7),set-var(txn.n,iflt)', 7], ['var(txn.n),add(0)', 7],
	['str(x),set-var(txn.f,ifnotset),set-var(txn.f,ifnotset,ifnotempty)', 'x'], 'str(a),unset-var(txn.cv),upper', ['var(txn.cv),upper', ''],
);
my @gcm = (
	["str(hello),aes_gcm_enc(128,$nonce,$key,txn.tag),aes_gcm_dec(128,$nonce,$key,txn.tag)", 'hello'],
	["str(hello),aes_gcm_enc(128,$nonce,$key,txn.tag2,YWFk),aes_gcm_dec(128,$nonce,$key,txn.tag2,YWFk)", 'hello'],
	["str(hello),aes_gcm_enc(128,$nonce,$key,txn.tag3,YWFk),aes_gcm_dec(128,$nonce,$key,txn.tag3,YWFj)", ''],
	["var(txn.tag),b64dec,length", 16],
);
subtest 'AES-GCM' => sub { compare_rows(\@gcm) };
subtest 'set-var' => sub { compare_rows(\@set) };

subtest 'values' => sub { compare_rows(\@rows) };

# a message in two pieces: the rule waits for the rest
subtest 'contents' => sub {
	my $o = origin(name => 'm', raw => 1, greet => sub { my ($peer) = @_; $peer->fill; $peer->send('seen'); $peer->close });
	my $p = start_proxy(defaults() . "
listen web
    bind {BIND:web}
    mode tcp
    tcp-request inspect-delay 10s
    tcp-request content reject if !{ req.payload(0,0),mqtt_is_valid }
    tcp-request content set-var(txn.u) req.payload(0,0),mqtt_field_value(connect,username)
    tcp-request content reject if !{ var(txn.u) -m str bob }
    server s ${\ $o->addr}
");
	my $c = $p->client('web');
	$c->send(substr $connect{all}, 0, 9);
	$c->send(substr $connect{all}, 9);
	is($c->read_all, 'seen', 'a valid one');
	$c = $p->client('web');
	$c->send($connect{reserved});
	is($c->read_all, '', 'an invalid one');
	$c = $p->client('web');
	$c->send($connect{v311});
	is($c->read_all, '', 'another user');
	stop_proxy($p);
};

subtest 'packets' => sub {
	my $p = start_proxy(defaults() . "
frontend web
    bind {BIND:web} tcp-ss 1
    tcp-request connection set-var(sess.syn) fc_saved_syn
    http-request set-var(txn.tcp) var(sess.syn),ip.data
    http-request return status 200 hdr ip \"%[var(sess.syn),ip.ver] %[var(sess.syn),ip.src] %[var(sess.syn),ip.dst] %[var(sess.syn),ip.proto]\" hdr tcp \"%[var(txn.tcp),tcp.src] %[var(txn.tcp),tcp.dst] %[var(txn.tcp),tcp.flags] %[var(txn.tcp),tcp.options.sack]\" hdr fp \"%[var(sess.syn),ip.fp(1),hex]\" hdr mss \"%[var(txn.tcp),tcp.options.mss]\"
frontend eth
    bind {BIND:eth} tcp-ss 2
    tcp-request connection set-var(sess.syn) fc_saved_syn
    http-request return status 200 hdr eth \"%[var(sess.syn),eth.proto] %[var(sess.syn),eth.data,ip.src] %[var(sess.syn),eth.vlan]\"
frontend none
    bind {BIND:none}
    http-request return status 200 hdr syn \"[%[fc_saved_syn,hex]]\"
");
	my $c = $p->client('web');
	my $r = $c->request("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	is($r->header('ip'), '4 127.0.0.1 ' . $p->{hosts}{web} . ' 6', 'the IP header');
	like($r->header('tcp'), qr/^\d+ \d+ 2 [01]$/, 'the TCP header');
	like($r->header('fp'), qr/^[0-9A-F]{18}$/, 'a fingerprint');
	like($r->header('mss'), qr/^[1-9]\d+$/, 'an option');
	like($p->get('eth', '/')->header('eth'), qr/^2048 127\.0\.0\.1 $|^2048 127\.0\.0\.1$/, 'with the Ethernet header');
	is($p->get('none', '/')->header('syn'), '[]', 'nothing is kept without tcp-ss');
	stop_proxy($p);
};

subtest 'mistakes' => sub {
	my @cases = (
		['mqtt_field_value(publish,flags)', qr/the packet type 'publish' is not supported: write connect or connack/],
		['mqtt_field_value(connect,reason_code)', qr/'reason_code' is no field or property of a packet 'connect'/],
		['mqtt_field_value(connect,38)', qr/'38' is no field or property/], ['mqtt_field_value(connect)', qr/mqtt_field_value/],
		['fix_tag_value(0)', qr/'0' is no tag/], ['fix_tag_value(Foo)', qr/'Foo' is no tag/],
		["aes_gcm_enc(100,$nonce,$key,txn.a)", qr/100 bits: write 128, 192 or 256/], ["aes_gcm_enc(128,$nonce,$key,a)", qr/invalid variable name 'a'/],
		["aes_cbc_enc(128,$key,$key,YWFk)", qr/CBC authenticates nothing/], ["aes_cbc_dec(128,??,$key)", qr/is not base64/],
		['ip.fp(8)', qr/the mode 8 is not a sum of 1, 2 and 4/], ['set-var(a)', qr/invalid variable name 'a'/], ['set-var(txn.a,ifwhat)', qr/'ifwhat' is no condition/],
	);
	for my $case (@cases) {
		my $r = check_config(defaults() . "frontend f\n    bind 127.0.0.1:1\n    http-request set-var(txn.x) str(a),$case->[0]\n");
		like($r->{all}, $case->[1], $case->[0]);
		is($r->{code}, 1, 'refused');
	}
};

done_testing;

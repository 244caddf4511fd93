# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Converters on constants: the same value as Debian's haproxy gives, or, for
# what its version does not know, the documented one.
use Tideway::Test;
use Tideway::Expr;

my @text = (
	# fields and words
	(map { ("str(f1_f2_f3__f5),field($_)", "str(f1_f2_f3__f5),word($_)",
		"str(__a__b_c__),word($_)", "str(__a__b_c__),field($_)") }
	    '1,_', '2,_', '3,_', '4,_', '5,_', '6,_', '-1,_', '-2,_', '-3,_', '-6,_',
	    '2,_,0', '2,_,2', '-2,_,3', '-3,_,0', '3,_,2', '1,_,9', '-1,_,0', '2,_,3'),
	'str(/f1/f2/f3/f4),word(1,/)', 'str(a.b-c),field(2,.-)', 'str(a.b-c),word(3,.-)',
	'str(abc),field(1,.)', 'str(abc),field(2,.)', 'str(),word(1,.)', 'str(),field(1,.)',
	# parts
	(map { "str(abcdef),bytes($_)" } 0, 1, 5, 6, 9, '0,2', '2,3', '4,9', '0,0'),
	'str(xxabcxx),ltrim(x)', 'str(xxabcxx),rtrim(x)', 'str(abc),ltrim(xyz)',
	'str(  a),ltrim( )', 'str(aaa),ltrim(a)',
	'str(AbC),lower', 'str(AbC),upper', 'str(abc),length', 'str(),length',
	'bin(61620d0a63),cut_crlf', 'str(abc),cut_crlf', 'bin(0a),cut_crlf',
	# joining
	'str(a),concat(b)', 'str(a),concat(<,,>)', 'str(),concat(x)', 'str(a),concat()',
	'str(a),concat(,,b)', "str(a),concat('(')", 'str(a),add_item(;,,b)',
	'str(),add_item(;,,b)', 'bool(true),iif(yes,no)', 'bool(false),iif(yes,no)',
	'int(0),iif(a,b)', 'int(7),iif(a,b)', 'str(x),iif(a,b)', 'str(1),iif(a,b)',
	# regsub
	'str(abcabc),regsub(b,X)', 'str(abcabc),regsub(b,X,g)', 'str(abcABC),regsub(B,x,gi)',
	"str(/////a///b/c/xzxyz/),regsub('/+','/','g')", 'str(x1y22),regsub([0-9]+,N,g)',
	"str(foo12),regsub(\"(foo|bar)([0-9]+)?\",\"\\2\\1\",i)",
	"str(abc),regsub('x*','-','g')", "str(abc),regsub('^a','','g')",
	"str(aaa),regsub('^a','','g')", "str(?a;b),regsub([?;&]*,'')",
	"str(abcd),regsub('(.)(.)','\\2\\1',g)",
	# Host
	(map { ("str($_),host_only", "str($_),port_only") } 'Example.ORG', 'Example.ORG:80',
	    '127.0.0.1', '127.0.0.1:8080', '[::1]', '[::1]:443', 'x:'),
	# language
	(map { "str('$_'),language(es;fr;en)" } 'fr;q=0.5,en', 'fr-CA,en;q=0.9', 'de',
	    'es;q=0.1, fr;q=0.3 ,en;q=0.2', 'fr,en', ''),
	"str('de'),language(es;fr,fr)", "str('fr-CA'),language(fr-CA;fr)",
	["str('en;q=0,fr'),language(es;fr;en)", 'fr'], # 2.6 gives nothing
	"str(xxx),regsub('x*','-','g')", "str(),regsub('x*','-','g')", "str(axa),regsub('x*','-','g')",
	# the newer ones
	['str(abc),reverse', 'cba'], ['str(www.example.org),reverse_dom', 'org.example.www.'],
);

my @numbers = (
	(map { my $op = $_; map { "int($_->[0]),$op($_->[1])" } [7, 3], [-7, 3], [7, -3], [0, 5],
		[5, 0], [9223372036854775807, 1], [-9223372036854775807, 9],
		[4611686018427387904, 4], [12, 10] } qw(add mul div mod and or xor)),
	(map { "int($_->[0]),sub($_->[1])" } [7, 3], [7, -3], [0, 5], [5, 0], [9223372036854775807, 1], [12, 10]),
	['int(-7),sub(3)', -10], ['int(-9223372036854775807),sub(9)', '-9223372036854775808'], # 2.6 overflows
	(map { my $n = $_; map { "int($n),$_" } qw(neg not bool odd even cpl) } 0, 1, 2, -3),
	'bin(01020304050607),be2dec(:,2)', 'bin(01020304050607),be2dec(-,2,1)',
	'bin(01020304050607),be2dec(,2,1)', 'bin(7f000001),be2dec(.,1)', 'bin(ffffffffffffffff),be2dec(,8)',
	'bin(01020304050607),be2hex', 'bin(01020304050607),be2hex(:,2)',
	'bin(01020304050607),be2hex(--,2,1)', 'bin(0102030405060708),be2hex(,3,1)',
	'bin(0102),be2hex(:,1)', 'bin(01),be2hex(:,3,1)',
	'str(abc),hex', 'bin(00ff),hex', 'str(ff),hex2i', 'str(00FF),hex2i', 'str(7fffffff),hex2i',
	'str(),hex2i', 'int(1),htonl,hex', 'int(-1),htonl,hex', 'int(4294967296),htonl,hex',
	'str(12),add(1)', 'str(12abc),add(1)', 'str(-5),add(1)', 'str(x),add(1)', 'bool(true),add(1)',
	'ipv4(1.2.3.4),add(0)', 'int(16909060),ipmask(32)', 'ipv4(1.2.3.4),hex', 'ipv6(::1),hex',
	['bin(0102),base2', '0000000100000010'], ['bin(01020304),le2dec(:,2)', '513:1027'],
	['bin(010203),le2dec(-,2,1)', '513'],
);

my @encoded = (
	(map { ("bin($_),base64", "bin($_),ub64enc", "bin($_),base64,b64dec,hex",
		"bin($_),ub64enc,ub64dec,hex") } '00', 'ff', 'fbff', 'fbffbf', '61626364'),
	'str(YQ==),b64dec', 'str(YQ),b64dec', 'str(YQ=),b64dec', 'str(YQ),ub64dec', 'str(Y*),b64dec',
	'str(-_8),ub64dec,hex', 'str(+/8=),b64dec,hex', 'str(YWI=),b64dec', 'str(YWI),ub64dec',
	"str('a b+c?d+e%41'),url_dec", "str('a b+c?d+e%41'),url_dec(1)", 'str(%4),url_dec', 'str(%zz),url_dec',
	'str(%C3%A4),url_dec,hex', "str('a b/c?d=e&f~.-_%'),url_enc", 'bin(c3a4),url_enc', 'str(aZ09),url_enc(query)',
	"str('a\"b/c\\\\d'),json", 'bin(080c0a0d09),json', 'bin(01027f),json', 'bin(c3a4),json',
	(map { my $code = $_; map { "bin($_),json($code)" } 'c3a4', 'e282ac', 'c0af', 'ff61', '61c3', 'f09f9880', 'eda080',
		'e282' } qw(ascii utf8 utf8s utf8p utf8ps)),
);

my @hashes = (
	(map { my $h = $_; ("str(hello world),$h", "str(hello world),${h}(1)", "str(),$h", "bin(fffe8081),$h",
		"str(123456789),$h", "str(123456789),${h}(0)") } qw(crc32 crc32c djb2 sdbm)),
	(map { "str(abc),$_,hex" } 'sha1', 'sha2', 'sha2(224)', 'sha2(256)', 'sha2(384)', 'sha2(512)', 'digest(sha256)',
	    'digest(md5)', 'hmac(sha256,a2V5)', 'hmac(sha1,)'),
	'str(),sha1,hex', 'str(),digest(sha512),hex',
);

my @xxhash = map { my $h = $_; ("str(hello world),$h", "str(hello world),${h}(7)", "str(),$h") }
    qw(xxh32 xxh64 xxh3);

my @times = (
	(map { "int($_),utime(%Y-%m-%d %H:%M:%S)" } 0, 1404940410, 253402300799),
	['int(-1),utime(%Y-%m-%d %H:%M:%S)', '1969-12-31 23:59:59'],
	'int(1404940410),utime(%H,3600)', 'int(1404940410),utime(%H:%M,-1800)', 'int(1404940410),utime(%%)',
	'int(1404940410),ltime(%Y%m%d%H%M%S)', 'int(1404940410),http_date', 'int(1404940410),http_date(3600)',
	'int(1404940410123),http_date(0,ms)', 'int(1404940410123456),http_date(1000000,us)',
	'int(1404940410),http_date(-10,s)', 'int(951782400),http_date',
	['int(1404940410123),ms_utime(%S.%N)', '30.123'], ['int(1404940410123456),us_utime(%S.%N)', '30.123456'],
	['int(1404940410123),ms_ltime(%N,1)', '124'], ['int(1404940410123456),us_ltime(%N)', '123456'],
);

my @nets = (
	(map { "ipv4(192.168.37.201),ipmask($_)" } 24, '255.255.240.0', 0, 32, 8, '17,64'),
	(map { "ipv6(2001:db8:1:2:3:4:5:6),ipmask($_)" } '24,64', '24,ffff:ffff::', '24,0', '24,33', 24),
	'str(10.1.2.3),ipmask(8)', 'str(2001:db8::1),ipmask(8,16)', 'str(x),ipmask(8)',
);

my $json = q({"a":1,"b":"text","c":true,"d":null,"e":1.5,"f":[1,2,{"g":"deep"}],"h":{"i":{"j":42}},"my.key":"dot","n":-7,"s":"12","u":"\u00e4","o":false,"big":1e10,"z":0.1});
my $bin = 'bin(' . unpack('H*', $json) . ')';
my @json = (
	(map { ("$bin,json_query('\$.$_')", "$bin,json_query('\$.$_',int)") } 'a', 'b', 'c', 'd', 'e', 'f[0]', 'f[2].g',
	    'f[9]', 'h.i.j', 'x', 'n', 's', 'o', 'z'),
	"$bin,json_query('\$.my\\.key')", ["$bin,json_query('\$.u'),hex", 'C3A4'],
	"str(not json),json_query('\$.a')", "str('{'),json_query('\$.a')", "str(),json_query('\$.a')",
	['str(\'{"a":[1,"x"]}\'),json_query(\'$.a\')', '[1,"x"]'],
	['str(\'{"a b":{"c":3}}\'),json_query("$[\'a b\'].c")', '3'],
);

my ($head, $body) = ('eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9', 'eyJzdWIiOiIxMjMiLCJuIjo3fQ');
my $tail = 'Cq1hCs2fWIrGu1RwzQf1UUhrCIB7KqXcVkUlFgPRjHA';
my @tokens = (
	"str($head.$body.$tail),jwt_header_query('\$.alg')", ["str($head.$body.$tail),jwt_header_query", '{"alg":"HS256","typ":"JWT"}'],
	"str($head.$body.$tail),jwt_payload_query('\$.sub')", "str($head.$body.$tail),jwt_payload_query('\$.n','int')",
	["str($head.$body.$tail),jwt_payload_query", '{"sub":"123","n":7}'], "str($head),jwt_payload_query", "str(a.b.c.d),jwt_header_query",
	"str($head.$body.$tail),jwt_verify(HS256,key)", "str($head.$body),jwt_verify(HS256,key)",
	"str(..),jwt_verify(HS256,key)",
);

# protocol buffers: 48 { 59 { 1: 409146138, 2: -746188906 } }, 3: "x", 4: fixed
sub varint
{
	my ($n) = @_;
	my $out = '';

	while (1) {
		my $low = $n & 0x7f;
		$n = ($n >> 7) & ~(0x7f << 57);
		return $out . chr $low if !$n;
		$out .= chr($low | 0x80);
	}
}
sub lenf { my ($n, $v) = @_; return varint($n << 3 | 2) . varint(length $v) . $v }
my $inner = varint(1 << 3) . varint(409146138) . varint(2 << 3) . varint(-746188906)
    . varint(5 << 3) . varint(7);
my $msg = lenf(48, lenf(59, $inner)) . lenf(3, 'text') . varint(4 << 3 | 1) . pack('Q<', 77)
    . varint(6 << 3 | 5) . pack('l<', -5) . varint(7 << 3) . varint(3);
my ($pb, $grpc) = map { 'bin(' . unpack('H*', $_) . ')' } $msg, pack('CN', 0, length $msg) . $msg;
my @messages = (
	(map { ("$pb,protobuf($_)", "$grpc,ungrpc($_)") } '48.59.1,int32', '48.59.2,int32', '48.59.5,sint32',
	    '48.59.1,uint64', '4,fixed64', '6,sfixed32', '7,bool', '9,int32', '48.59.9,int32', '48.60.1,int32'),
	"$pb,protobuf(3)", "$pb,protobuf(48),hex", "$grpc,ungrpc(48.59),protobuf(1,int32)",
	"$grpc,ungrpc(48),protobuf(59.1,int32)", 'str(),protobuf(1,int32)', 'bin(ff),protobuf(1,int32)',
	'bin(1aff),protobuf(3)', 'bin(00000000),ungrpc(1,int32)', 'bin(00000000ff08),ungrpc(1,int32)',
);

# 2.6 has none of these
my $quoted = 'for="[2001:db8::7]:_p";by=_me;host="a.b:80";proto=https';
my @forwarded = map { [$_->[0] . ",rfc7239_$_->[1]", $_->[2]] } (
	["str('for=192.0.2.1')", 'is_valid', 1], ["str('$quoted')", 'is_valid', 1], ["str('for=a')", 'is_valid', 0],
	["str('for=1.2.3.4, for=unknown')", 'is_valid', 1], ["str('for=1.2.3.4,')", 'is_valid', 0], ['str()', 'is_valid', 0],
	["str('for=1.2.3.4;for=1.2.3.5')", 'is_valid', 0], ["str('x=y')", 'is_valid', 1], ["str('for=2001:db8::1')", 'is_valid', 0],
	["str('$quoted')", 'field(host)', 'a.b:80'], ["str('$quoted')", 'field(for)', '[2001:db8::7]:_p'],
	["str('$quoted')", 'field(proto)', 'https'], ["str('for=1.2.3.4')", 'field(by)', ''],
	["str('for=1.2.3.4, for=5.6.7.8')", 'field(for)', '1.2.3.4'],
	['str(127.0.0.1:99)', 'n2nn', '127.0.0.1'], ['str(127.0.0.1:99)', 'n2np', 99], ['str([::1]:_x)', 'n2nn', '::1'],
	['str([::1]:_x)', 'n2np', '_x'], ['str(unknown)', 'n2nn', 'unknown'], ['str(_h:1)', 'n2nn', '_h'],
	['str(unknown)', 'n2np', ''], ['str(x)', 'n2nn', ''], ['str(1.2.3.4:70000)', 'n2np', ''],
	['ipv6(ab:cd:ff:ff:ff:ff:ff:ff)', 'nn', '[ab:cd:ff:ff:ff:ff:ff:ff]'], ['ipv4(1.2.3.4)', 'nn', '1.2.3.4'],
	['src', 'nn', '127.0.0.1'], ['str(test)', 'nn', '_test'], ['str()', 'nn', 'unknown'], ["str('a b')", 'nn', ''],
	['int(7)', 'nn', '_7'], ['str(a.b_c-D)', 'nn', '_a.b_c-D'], ['str("a,b")', 'nn', ''], ['int(12)', 'np', 12],
	['int(0)', 'np', 0], ['int(65536)', 'np', ''], ['int(-1)', 'np', ''], ['str(test)', 'np', '_test'],
	['str()', 'np', ''], ['str(a:b)', 'np', ''], ['src', 'np', ''], ['src_port', 'np', qr/^\d+$/],
	['str(test),rfc7239_nn', 'n2nn', '_test'], ['ipv6(::1),rfc7239_nn', 'n2nn', '::1'],
);
subtest 'Forwarded' => sub { compare_rows(\@forwarded) };
subtest 'text' => sub { compare_rows(\@text) };
subtest 'numbers' => sub { compare_rows(\@numbers) };
subtest 'encodings' => sub { compare_rows(\@encoded) };
subtest 'hashes' => sub { compare_rows(\@hashes) };
subtest 'xxHash' => sub {
	my $r = check_config(defaults() . "frontend f\n    bind 127.0.0.1:1\n"
	    . "    log 127.0.0.1 local0\n    log-format '%[str(a),xxh64]'\n");
	return compare_rows(\@xxhash) if $r->{code} == 0;
	like($r->{all}, qr/'xxh64': this tideway was built without libxxhash/, 'refused with the reason');
};
subtest 'times' => sub { compare_rows(\@times) };
subtest 'addresses' => sub { compare_rows(\@nets) };
subtest 'json' => sub { compare_rows(\@json) };
subtest 'tokens' => sub { compare_rows(\@tokens) };
subtest 'messages' => sub { compare_rows(\@messages) };

done_testing;

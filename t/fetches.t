# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Fetches of one request and of internal states: the same as in Debian's
# haproxy, or, for what its version does not know, as documented.
use Tideway::Test;
use Tideway::Expr;
use MIME::Base64;

my $o = origin(name => 's', respond => sub {
	my ($req, $c, $o) = @_;

	$c->send("HTTP/1.1 207 Multi\r\nSet-Cookie: A=1; Path=/\r\nX-One: a, b\r\n"
	    . "Set-Cookie: B=two; Secure\r\nSet-Cookie: A=3\r\nX-One: c\r\n"
	    . "X-Num: 42x\r\nContent-Length: 5\r\n\r\nhello");
	return '';
});

my $body = 'one=1&two=second&one=3';
sub request
{
	my ($target, @more) = @_;

	return "POST $target HTTP/1.1\r\nHost: www.Example.org:8080\r\nX-List: a, \"b,c\" ,d\r\n"
	    . "X-Ip: 10.0.0.1, 2001:db8::7\r\nX-List: e\r\nX-Num: 17, -4\r\nX-Empty:\r\n"
	    . "Cookie: SID=abc; n=12x; q=\"a;b\"; SID=last\r\nCookie: third=3\r\n"
	    . join('', map { "$_\r\n" } @more)
	    . 'Content-Length: ' . length($body) . "\r\nConnection: close\r\n\r\n$body";
}

my @fields = (
	(map { ("req.hdr($_)", "req.fhdr($_)", "req.hdr_cnt($_)", "req.fhdr_cnt($_)") }
	    'x-list', 'X-List', 'x-none', 'x-empty', 'host'),
	(map { "req.hdr(x-list,$_)" } 1, 2, 3, 4, 5, -1, -2, -9),
	(map { "req.fhdr(x-list,$_)" } 1, 2, 3, -1),
	'hdr(host)', 'hdr_cnt(x-list)', 'hdr_val(x-num)', 'req.hdr_val(x-num,1)', 'req.hdr_val(x-num,2)',
	'req.hdr_ip(x-ip)', 'req.hdr_ip(x-ip,1)', 'hdr_ip(x-ip,2)', 'req.hdr_val(x-list)',
	'req.hdr_names', 'req.hdr_names(:)', 'req.hdrs,hex', 'req.hdrs_bin,hex',
	'method', 'req.ver', 'req_ver', 'http_first_req', 'req.proto_http', 'ssl_fc',
);
my @cookies = (
	(map { ("req.cook($_)", "req.cook_cnt($_)") } 'SID', 'n', 'q', 'third', 'none'),
	(map { "req.cook_val($_)" } 'SID', 'n', 'third', 'none'),
	'req.cook', 'req.cook_cnt', 'cook(SID)', 'cook_val(n)', 'cook_cnt(SID)', 'cookie(SID)',
	['req.cook_names', 'SID,n,q,SID,third'], ['req.cook_names(+)', 'SID+n+q+SID+third'],
);
my @urls = (
	'path', 'pathq', 'query', 'url', 'base', 'baseq', 'base32', 'url32', 'base32+src,hex', 'url32+src,hex',
	'url_ip', 'url_port', (map { ("urlp($_)", "url_param($_)", "urlp_val($_)") } 'a', 'b', 'none', 'a,;', 'p,;', 'b,&'),
	'urlp', 'urlp_val',
);
my @states = (
	'always_true', 'always_false', 'int(-5)', 'str(x)', 'bool(1)', 'bin(414243)', 'ipv4(1.2.3.4)', 'ipv6(2001:db8::1)',
	'meth(GET)', 'src', 'dst', 'fc_src', 'fc_dst', 'src_is_local', 'dst_is_local', 'fc_http_major', 'fc_err', 'fc_err_str',
	'be_conn(be)', 'nbsrv(be)', 'queue(be)', 'avg_queue(be)', 'connslots(limited)', 'be_conn_free(limited)',
	'connslots(be)', 'srv_conn(limited/l1)', 'srv_conn_free(limited/l1)', 'srv_queue(limited/l1)', 'srv_is_up(limited/l1)',
	'srv_weight(limited/l1)', 'srv_iweight(limited/l1)', 'str(limited),nbsrv', 'str(none),nbsrv', 'str(limited/l1),srv_queue',
	['nbthread', 1], 'proc', 'hostname', ['fe_client_timeout', 5000], 'dst_conn', ['act_conn', 1], ['fe_name', qr{^web[0-9]$}],
	'rand(1)', 'env(TW_TEST_VALUE)', 'env(TW_TEST_NONE)', 'http_auth_type', 'http_auth_user', 'http_auth_pass', 'http_auth_bearer',
	['quic_enabled', 0], ['tgroup', 1], ['txn.redispatched', 0], ['txn.conn_retries', 0], ['bytes_out', qr/^1\d\d$/],
	['txn.status', 207], ['srv_name', 's1'], ['srv_id', 1], ['be_name', 'be'],
	['so_id', 1], ['bc_be_queue', 0], ['bc_srv_queue', 0], ['be_connect_timeout', 5000], ['txn.sess_term_state', '--'],
);

my %common = (more => "backend limited\n    server l1 127.0.0.1:1 maxconn 10 maxqueue 5 weight 7\n"
	. "    server l2 127.0.0.1:1 maxconn 20 maxqueue 3\n",
	proxy => { env => { TW_TEST_VALUE => 'a value' } }, origin => $o, global => "    nbthread 1\n");

subtest 'fields' => sub { compare_rows(\@fields, %common, request => request('/')) };
subtest 'cookies' => sub { compare_rows(\@cookies, %common, request => request('/')) };
my @targets = ('/', '/a/b?a=1&b=two&a=3', '/x;p=1;q=2?a=;b=&none', 'http://10.1.2.3:99/y?a=1', 'http://h/',
	'http://[2001:db8::5]/', '/?', '/a?b=1?a=2', '*');
for my $target (@targets) {
	subtest "target $target" => sub { compare_rows(\@urls, %common, request => request($target)) };
}
subtest 'states' => sub { compare_rows(\@states, %common, request => request('/')) };
for my $auth ('Basic ' . encode_base64('me:my:pw', ''), 'basic bWU6', 'Basic x', 'Bearer tok.en', 'Digest a=b', 'Basic') {
	subtest "Authorization: $auth" => sub {
		compare_rows([qw(http_auth_type http_auth_user http_auth_pass http_auth_bearer)], %common,
		    request => request('/', "Authorization: $auth"));
	};
}

# of responses: haproxy has them in http-response
my @answers = (
	['status', 207], ['server_status', 207], ['res.ver', '1.1'], ['res.hdr(x-one)', 'c'], ['res.fhdr(x-one,1)', 'a, b'],
	['res.hdr_cnt(x-one)', 3], ['res.hdr_val(x-num)', 42], ['res.cook(A)', 3], ['res.cook(B)', 'two'], ['res.cook', 1],
	['res.cook_cnt(A)', 2], ['res.cook_cnt', 3], ['res.cook_val(A)', 3], ['res.cook_names', 'A,B,A'], ['scook(B)', 'two'],
	['set-cookie(A)', 3], ['scook_cnt(A)', 2], ['scook_val(A)', 3], ['shdr(x-one,2)', 'b'],
	['res.hdr_names', 'set-cookie,x-one,set-cookie,set-cookie,x-one,x-num,content-length'],
	['res.hdrs,length', 125], ['res.hdrs_bin,length', 111], ['res.body_size', 5],
);
subtest 'answers' => sub { compare_rows(\@answers, %common, response => 1, request => request('/')) };

# while the server's connection is there
my $early = check_config(defaults('option logasap') . "frontend f\n    bind 127.0.0.1:1\n")->{code} == 0;
my @servers = (!$early ? () : (['bc_http_major', 1], ['bc_dst', (split /:/, $o->addr)[0]], ['bc_dst_port', $o->port], ['bc_src', '127.0.0.1'],
	['bc_src_port', qr/^\d+$/], ['bc_rtt(us)', qr/^\d+$/], ['bc_rttvar', qr/^\d+$/], ['bc.timer.connect', qr/^\d+$/]),
	['fc_rtt', qr/^\d+$/], ['fc_rttvar(us)', qr/^\d+$/], (map { [$_, qr/^\d+$/] } qw(fc_unacked fc_sacked fc_retrans
	    fc_fackets fc_lost fc_reordering src_port fc_src_port fc_dst_port dst_port)));
subtest 'servers' => sub {
	compare_rows(\@servers, %common, defaults => [$early ? 'option logasap' : ()], request => request('/'));
};

# what differs each time
my @changing = (['date', qr/^\d{10}$/], ['date(0,ms)', qr/^\d{13}$/], ['date(5,us)', qr/^\d{16}$/], ['date_us', qr/^\d{1,6}$/],
	['accept_date', qr/^\d{10}$/], ['accept_date(ms)', qr/^\d{13}$/], ['request_date(us)', qr/^\d{16}$/],
	['uuid', qr/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/],
	['uuid(7)', qr/^01[0-9a-f]{6}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/],
	['pid', qr/^\d+$/], ['thread', qr/^\d+$/], ['rand', qr/^\d+$/], ['rand(10)', qr/^\d$/], ['uptime', qr/^\d+$/],
	['txn.id32', qr/^\d+$/], (map { [$_, qr/^\d+$/] } qw(fc.timer.handshake fc.timer.total req.timer.hdr req.timer.idle
	    req.timer.queue req.timer.tq res.timer.hdr res.timer.data txn.timer.total txn.timer.user bytes_in)));
subtest 'changing' => sub { compare_rows(\@changing, %common, request => request('/')) };

done_testing;

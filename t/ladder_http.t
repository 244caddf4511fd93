# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What real configuration files use in HTTP mode, one row for each feature:
# conditions, fetches, converters, rules, options, the statistics page. The
# names are those of a census of such files.
use Tideway::Test;
use Tideway::Cli;
use Tideway::Ladder;
use MIME::Base64;
use Digest::SHA qw(hmac_sha256);

my ($a, $b) = (echo_origin('a'), echo_origin('b'));
my $log = syslog_udp();
spew('names.lst', "one.example\ntwo.example\n");
spew('paths.map', "/img img\n/css css\n");
spew('503.http', "HTTP/1.0 503 Sorry\r\nX-Page: mine\r\nContent-Length: 5\r\n\r\nsorry");
spew('404.http', "HTTP/1.0 404 Gone\r\nX-Page: group\r\nContent-Length: 3\r\n\r\nno\n");
my $dir = Tideway::Test::temp_dir();

sub jwt
{
	my ($key) = @_;
	my $url = sub { my $t = encode_base64($_[0], ''); $t =~ tr{+/}{-_}; $t =~ s/=+$//r };
	my $text = $url->('{"alg":"HS256","typ":"JWT"}') . '.' . $url->('{"sub":"ann"}');

	return "$text." . $url->(hmac_sha256($text, $key));
}

sub text { $_[0] ? $_[0]{msg} // $_[0]{raw} : 'no line' }

# the line of the last request of a row that logs
sub logged
{
	my ($request, $want) = @_;

	return sub {
		my ($p, $name, $n) = @_;
		my $c = $p->client($name);
		$c->send($request);
		$c->read_response;
		$c->close;
		my $l = $log->next_match(qr/\bfe$n\b/) // {};
		like(text($l), $want, 'the line');
	};
}

my @rows = (
# --- sections and routing
{ f => ['bind', 'section frontend', 'section backend', 'section defaults', 'section global', 'default_backend',
    'server', 'mode http'], ask => [get('/x'), qr{^HTTP/1.1 200.*server a\nGET /x HTTP/1.1}s] },
{ f => ['section listen'], top => "listen l{ME}\n    bind {BIND:l}\n    mode http\n    server b {B}\n",
    ask => sub { like($_[0]->get('l', '/')->body, qr/^server b/, 'is both') } },
{ f => ['use_backend', 'acl'], fe => "acl api path /api\nuse_backend be{ME}b if api",
    top => "backend be{ME}b\n    mode http\n    server b {B}\n",
    ask => [get('/api'), qr/server b/, get('/other'), qr/server a/] },
{ f => ['use_backend with %[expression]'], fe => 'use_backend site_%[req.hdr(host),lower,field(1,.)]',
    top => "backend site_www\n    mode http\n    server b {B}\n",
    ask => [get('/', 'Host: WWW.x.example'), qr/server b/, get('/', 'Host: other'), qr/server a/] },
{ f => ['converter lower', 'converter field()'], fe => 'http-request set-header X-T %[req.hdr(x-in),lower,field(2,-)]',
    ask => [get('/', 'X-In: AB-CD-EF'), qr/X-T: cd\r/i] },
{ f => ['section form: named defaults'], head => "defaults named{ME}\n    mode http\n    timeout client 5s\n"
    . "    timeout server 5s\n    timeout connect 5s\n    http-request set-header X-D named\n"
    , top => "frontend n from named{ME}\n    bind {BIND:n}\n    default_backend be{ME}\n",
    ask => sub { like($_[0]->get('n', '/')->body, qr/X-D: named/i, 'its rules hold') } },
{ f => ['description', 'stats show-desc'], be => "description \"a shop\"\nserver a {A}", fe => "stats uri /s\nstats show-desc the\\ farm",
    ask => sub {
	my ($p, $name, $n) = @_;
	my $body = $p->get($name, '/s')->body;
	like($body, qr/a shop/, 'the proxy\'s, on the page');
	like($body, qr/the farm/, 'and the page\'s own');
    } },
# --- conditions
{ f => ['conditions: if, unless, !, or, ||, { anonymous }'],
    fe => 'http-request return status 401 if { path /if } || { path /or } or { path /or2 }
	http-request return status 403 unless { path_beg /u } || { path_beg /n }
	http-request return status 404 if { path_beg /n } !{ query ok }',
    ask => [(map { get($_), qr/ 401 / } '/if', '/or', '/or2'), get('/x'), qr/ 403 /, get('/n'), qr/ 404 /,
	get('/n?ok'), qr/ 200 /, get('/u'), qr/ 200 /] },
{ f => ['predefined ACLs (TRUE, HTTP, LOCALHOST, METH_GET, WAIT_END ...)'],
    fe => 'http-request set-header X-1 1 if TRUE
	http-request set-header X-2 2 if FALSE
	http-request set-header X-3 3 if METH_GET HTTP LOCALHOST HTTP_1.1 HTTP_URL_SLASH
	http-request set-header X-4 4 if METH_POST or HTTP_1.0',
    ask => [get('/'), qr/x-1: 1\r\nx-3: 3\r\n\r\n/i, "POST / HTTP/1.0\r\nContent-Length: 0\r\n\r\n",
	qr/x-1: 1\r\nx-4: 4/i] },
{ f => ['ACL -i'], fe => 'http-request deny if { path -i /Secret }', ask => [get('/sECRET'), qr/ 403 /, get('/se'), qr/ 200 /] },
{ f => ['ACL -f'], fe => "http-request deny if !{ req.hdr(host) -i -f $dir/names.lst }",
    ask => [get('/', 'Host: TWO.example'), qr/ 200 /, get('/', 'Host: three.example'), qr/ 403 /] },
{ f => ['ACL --'], fe => 'http-request deny if { req.hdr(x-a) -m str -- -i }',
    ask => [get('/', 'X-A: -i'), qr/ 403 /, get('/', 'X-A: i'), qr/ 200 /] },
{ f => ['ACL -m <method>'], fe => 'http-request set-header X-M "%[req.hdr(x-a)]" if { req.hdr(x-a) -m found }
	http-request deny deny_status 401 if { req.hdr(x-a) -m beg ab } { req.hdr(x-a) -m end yz }
	http-request deny deny_status 404 if { req.hdr(x-a) -m reg ^[0-9]+$ }
	http-request deny deny_status 405 if { req.hdr(x-a) -m sub mid } || { req.hdr(x-a) -m len 7 }
	http-request deny deny_status 429 if { req.hdr(x-a) -m dir sub } || { req.hdr(x-a) -m dom example.com }',
    ask => [(map { get('/', "X-A: $_->[0]"), qr/ $_->[1] / } ['abxyz', 401], ['012', 404], ['a-mid-b', 405], ['sevench', 405],
	['/x/sub/y', 429], ['www.example.com', 429], ['axz', 200])] },
{ f => ['ACL integer operators (gt, ge, eq, lt, le)'],
    fe => join("\n", map { "http-request set-header X-" . uc . " 1 if { req.hdr_val(n) $_ 5 }" } qw(gt ge eq lt le)),
    ask => [get('/', 'N: 5'), qr/x-ge: 1\r\nx-eq: 1\r\nx-le: 1\r\n\r/i, get('/', 'N: 6'), qr/x-gt: 1\r\nx-ge: 1\r\n\r/i,
	get('/', 'N: 4'), qr/x-lt: 1\r\nx-le: 1\r\n\r/i] },
# --- fetches
{ f => ['%[expression] in values', 'fetch path', 'fetch query', 'fetch method', 'fetch base', 'fetch url_param()',
    'fetch hdr()|req.hdr()', 'fetch req.ver', 'fetch src', 'fetch dst_port', 'fetch str()', 'fetch bool()'],
    fe => 'http-request set-header X-T "%[path]|%[query]|%[method]|%[base]|%[url_param(b)]|%[hdr(x-in)]|%[req.ver]|%[src]|%[str(lit)]|%[bool(true)]|%[dst_port]|"',
    ask => sub {
	my ($p, $name) = @_;
	my $port = $p->port($name);
	like($p->request($name, get('/p/q?a=1&b=two', 'X-In: v', 'Connection: close'))->body,
	    qr{X-T: /p/q\|a=1&b=two\|GET\|site.example/p/q\|two\|v\|1.1\|127.0.0.1\|lit\|1\|$port\|\r}i, 'each');
    } },
{ f => ['fetch path_beg'], fe => 'http-request deny if { path_beg /adm }', ask => [get('/admin'), qr/ 403 /, get('/xadm'), qr/ 200 /] },
{ f => ['fetch path_end'], fe => 'http-request deny if { path_end .php .asp }', ask => [get('/x.php?a'), qr/ 403 /, get('/x.php/'), qr/ 200 /] },
{ f => ['fetch path_reg'], fe => 'http-request deny if { path_reg ^/v[0-9]+/ }', ask => [get('/v12/x'), qr/ 403 /, get('/v/'), qr/ 200 /] },
{ f => ['fetch hdr_beg()'], fe => 'http-request deny if { hdr_beg(host) -i api. }', ask => [get('/', 'Host: API.x'), qr/ 403 /, get('/', 'Host: xapi.'), qr/ 200 /] },
{ f => ['fetch hdr_sub()'], fe => 'http-request deny if { hdr_sub(user-agent) curl }', ask => [get('/', 'User-Agent: my curl/7'), qr/ 403 /, get('/'), qr/ 200 /] },
{ f => ['fetch hdr_reg()'], fe => 'http-request deny if { hdr_reg(host) -i ^(www|ftp)\. }', ask => [get('/', 'Host: FTP.x'), qr/ 403 /, get('/', 'Host: x'), qr/ 200 /] },
{ f => ['fetch hdr_dom()'], fe => 'http-request deny if { hdr_dom(host) -i example.org }', ask => [get('/', 'Host: a.example.org:80'), qr/ 403 /, get('/', 'Host: aexample.org'), qr/ 200 /] },
{ f => ['fetch hdr_cnt()'], fe => 'http-request deny if { hdr_cnt(x-a) gt 1 }', ask => [get('/', 'X-A: 1', 'X-A: 2'), qr/ 403 /, get('/', 'X-A: 1'), qr/ 200 /] },
{ f => ['fetch hdr_val()'], fe => 'http-request deny if { hdr_val(content-length) gt 3 }', ask => [post('/', 'four'), qr/ 403 /, post('/', 'abc'), qr/ 200 /] },
{ f => ['fetch hdr_ip()'], fe => 'http-request deny if { hdr_ip(x-forwarded-for,-1) 10.0.0.0/8 }', ask => [get('/', 'X-Forwarded-For: 1.2.3.4, 10.9.8.7'), qr/ 403 /, get('/', 'X-Forwarded-For: 10.1.1.1, 1.2.3.4'), qr/ 200 /] },
{ f => ['fetch req.cook()'], fe => 'http-request set-header X-C %[req.cook(sid)]', ask => [get('/', 'Cookie: a=1; sid=z9; b=2'), qr/X-C: z9\r/i] },
{ f => ['fetch req.hdrs'], fe => 'http-request return status 200 content-type text/plain lf-string %[req.hdrs,base64]',
    ask => [get('/', 'X-A: 1'), qr/\r\n\r\n\Q${\ encode_base64("host: site.example\r\nx-a: 1\r\n\r\n", '')}\E$/] },
{ f => ['fetch res.hdr()', 'fetch status', 'http-response set-header'], fe => 'http-response set-header X-T "%[status] %[res.hdr(x-up)]"',
    ask => [get('/', 'X-Reply: X-Up: yes', 'X-Status: 404'), qr/X-T: 404 yes\r/i] },
{ f => ['fetch env()'], fe => 'http-request set-header X-T %[env(TW_LADDER)]', ask => [get('/'), qr/X-T: from-env\r/i] },
{ f => ['fetch uuid()', 'fetch uuid'], fe => 'http-request set-header X-T %[uuid(4)]/%[uuid]', ask => [get('/'), qr{X-T: [0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/[-0-9a-f]{36}\r}i] },
{ f => ['fetch date'], fe => 'http-request set-header X-T %[date]/%[date(3600),http_date]', ask => sub {
	my ($t, $d) = $_[0]->get($_[1], '/')->body =~ m{X-T: (\d+)/(\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT)\r}i;
	ok($t && abs($t - time) < 5, 'the time') or return;
	ok($d, 'as text');
    } },
{ f => ['fetch capture.req.hdr()', 'fetch capture.req.uri', 'http-request capture', 'capture request header'],
    fe => 'capture request header X-Cap len 8
	http-request capture req.hdr(x-two) len 4
	http-response set-header X-T "%[capture.req.hdr(0)] %[capture.req.hdr(1)] %[capture.req.uri]"',
    ask => [get('/u?v', 'X-Cap: 123456789', 'X-Two: abcdef'), qr{X-T: 12345678 abcd /u\?v\r}i] },
{ f => ['fetch srv_id'], fe => 'http-response set-header X-T %[srv_id]', be => 'server b {B} weight 0
	server a {A} id 77', ask => [get('/'), qr/X-T: 77\r/i] },
{ f => ['fetch var()', 'http-request set-var()', 'http-response set-var()'],
    fe => 'http-request set-var(txn.h) req.hdr(host),lower
	http-response set-var(res.s) status
	http-response set-header X-T "%[var(txn.h)] %[var(res.s)]"', ask => [get('/', 'Host: Up.Case'), qr/X-T: up.case 200\r/i] },
{ f => ['unique-id-header', 'unique-id-format', 'fetch unique-id'], fe => 'unique-id-format %{+X}o%ci-%rt
	unique-id-header X-Id
	http-request set-header X-T %[unique-id]', ask => sub {
	my ($t, $id) = map { $_[0]->get($_[1], '/') } 1;
	my $body = $t->body;
	my ($x) = $body =~ /X-T: (\S+)\r/i;
	like($x, qr/^7F000001-[0-9A-F]+$/, 'its form');
	like($body, qr/X-Id: \Q$x\E\r/i, 'the header has the same');
    } },
{ f => ['fetch req.payload()', 'fetch payload()', 'fetch req.len'], mode => 'tcp',
    fe => 'tcp-request inspect-delay 3s
	tcp-request content reject if { req.len gt 0 } { req.payload(0,3) -m bin 000102 }
	tcp-request content reject if { payload(1,2) -m str AD }
	tcp-request content accept if { req.len gt 20 }',
    ask => [get('/'), qr/ 200 /, "HAD / HTTP/1.1\r\n\r\n", qr/closed/, "\0\1\2 some more bytes than twenty", qr/closed/] },
{ f => ['fetch http_auth()', 'http-request auth', 'userlist section'],
    top => "userlist u{ME}\n    user ann insecure-password secret\n",
    fe => 'http-request auth realm "the yard" unless { http_auth(u{ME}) }',
    ask => [get('/'), qr/ 401 .*WWW-Authenticate: Basic realm="the yard"\r/si,
	get('/', 'Authorization: Basic ' . encode_base64('ann:secret', '')), qr/ 200 /,
	get('/', 'Authorization: Basic ' . encode_base64('ann:wrong', '')), qr/ 401 /] },
{ f => ['fetch http_auth_bearer', 'converter jwt_header_query()', 'converter jwt_payload_query()', 'converter jwt_verify()'],
    fe => 'http-request set-var(txn.t) http_auth_bearer
	http-request set-var(txn.alg) http_auth_bearer,jwt_header_query(\'$.alg\')
	http-request set-var(txn.sub) http_auth_bearer,jwt_payload_query(\'$.sub\')
	http-request set-header X-T "%[var(txn.alg)] %[var(txn.sub)]"
	http-request deny unless { var(txn.t),jwt_verify(txn.alg,"key") 1 }',
    ask => [get('/', 'Authorization: Bearer ' . jwt('key')), qr/ 200 .*X-T: HS256 ann\r/si,
	get('/', 'Authorization: Bearer ' . jwt('other')), qr/ 403 /] },
# --- converters
{ f => ['converter regsub()'], fe => 'http-request set-header X-T "%[path,regsub(/v[0-9]+/,/v/,g)]"', ask => [get('/v1/v22/x'), qr{X-T: /v/v22/x\r}i] },
{ f => ['converter sub()'], fe => 'http-request set-header X-T %[req.hdr_val(n),sub(5)]', ask => [get('/', 'N: 47'), qr/X-T: 42\r/i] },
{ f => ['converter map_beg()'], fe => "http-request set-header X-T %[path,map_beg($dir/paths.map,none)]", ask => [get('/css/a'), qr/X-T: css\r/i, get('/x'), qr/X-T: none\r/i] },
# --- rules
{ f => ['http-request deny'], fe => 'http-request deny deny_status 429 if { path /no }', ask => [get('/no'), qr/ 429 /, get('/'), qr/ 200 /] },
{ f => ['http-request allow'], fe => 'http-request allow if { path /yes }
	http-request deny', ask => [get('/yes'), qr/ 200 /, get('/no'), qr/ 403 /] },
{ f => ['http-request set-header', 'http-request add-header', 'http-request del-header'],
    fe => 'http-request set-header X-S new
	http-request add-header X-A second
	http-request del-header X-D', ask => [get('/', 'X-S: old', 'X-A: first', 'X-D: gone'),
	qr/\A(?=.*X-S: new\r)(?!.*(?:old|gone)).*X-A: first\r.*X-A: second\r/si] },
{ f => ['http-request replace-value'], fe => 'http-request replace-value X-L ^b(.*)$ <\1>', ask => [get('/', 'X-L: a, bcd, e'), qr/X-L: a, ?<cd>, ?e\r/i] },
{ f => ['http-request replace-path'], fe => 'http-request replace-path ^/old/(.*) /new/\1', ask => [get('/old/x?q=1'), qr{GET /new/x\?q=1 }] },
{ f => ['http-request set-path'], fe => 'http-request set-path /p%[path]', ask => [get('/x?y'), qr{GET /p/x\?y }] },
{ f => ['http-request redirect'], fe => 'http-request redirect code 301 location https://new%[path] if { path_beg /go }',
    ask => [get('/go/x'), qr{ 301 .*location: https://new/go/x\r}si, get('/'), qr/ 200 /] },
{ f => ['redirect scheme'], fe => 'redirect scheme https code 301', ask => [get('/x?y'), qr{ 301 .*location: https://site.example/x\?y\r}si] },
{ f => ['redirect prefix'], fe => 'redirect prefix http://www.example drop-query', ask => [get('/x?y'), qr{ 302 .*location: http://www.example/x\r}si] },
{ f => ['redirect location'], fe => 'redirect location /home if { path / }', ask => [get('/'), qr{ 302 .*location: /home\r}si, get('/x'), qr/ 200 /] },
{ f => ['http-request return'], fe => 'http-request return status 200 content-type text/plain lf-string "hi %[src]" hdr X-R 1 if { path /hi }',
    ask => [get('/hi'), qr{ 200 .*content-type: text/plain\r.*hi 127.0.0.1}si, get('/hi'), qr/X-R: 1\r/i] },
{ f => ['http-request reject'], fe => 'http-request reject if { path /r }', ask => [get('/r'), qr/^\(closed\)$/, get('/'), qr/ 200 /] },
{ f => ['http-request silent-drop'], fe => 'http-request silent-drop if { path /s }', ask => sub {
	my ($p, $name) = @_;
	my $c = $p->client($name);
	$c->send(get('/s'));
	is($c->read_all, '', 'no byte');
	like($p->get($name, '/')->raw, qr/ 200 /, 'another is served') if 0;
    } },
{ f => ['http-request tarpit', 'timeout tarpit'], fe => 'timeout tarpit 200ms
	http-request tarpit deny_status 429 if { path /t }', ask => sub {
	my ($p, $name) = @_;
	my $start = time;
	is($p->get($name, '/t')->status, 429, 'the answer');
	cmp_ok(time - $start, '>=', 0.19, 'comes late');
    } },
{ f => ['http-request set-src'], fe => 'http-request set-src req.hdr(x-ip)
	http-request set-header X-T %[src]', ask => [get('/', 'X-Ip: 9.8.7.6'), qr/X-T: 9.8.7.6\r/i] },
{ f => ['http-request set-log-level'], fe => "log $log->{addr} local0\nlog-format \"line fe{ME} %ST %B %r\"\nhttp-request set-log-level silent if { path /quiet }",
    ask => sub {
	my ($p, $name, $n) = @_;
	$p->get($name, $_) for '/quiet', '/loud';
	like(text($log->next_match(qr/line fe$n /)), qr/loud/, 'the silent one has no line');
    } },
{ f => ['http-response add-header', 'http-response del-header'], fe => 'http-response add-header X-Up more
	http-response del-header X-Gone', ask => [get('/', 'X-Reply: X-Up: first', 'X-Reply: X-Gone: 1'), qr/\A(?!.*X-Gone:.*\r\n\r\nserver).*X-Up: first\r.*X-Up: more\r.*\r\n\r\n/si] },
{ f => ['http-response replace-header'], fe => 'http-response replace-header Location http://(.*) https://\1',
    ask => [get('/', 'X-Reply: Location: http://h/x', 'X-Status: 302'), qr{\nLocation: https://h/x\r}i] },
{ f => ['http-response deny'], fe => 'http-response deny deny_status 502 if { res.hdr(x-bad) -m found }', ask => [get('/', 'X-Reply: X-Bad: 1'), qr/ 502 /, get('/'), qr/ 200 /] },
{ f => ['http-response redirect'], fe => 'http-response redirect location /login if { status 401 }', ask => [get('/', 'X-Status: 401'), qr{ 302 .*location: /login\r}si] },
{ f => ['http-response return'], fe => 'http-response return status 404 content-type text/plain string gone if { status 500 }', ask => [get('/', 'X-Status: 500'), qr/ 404 .*gone$/s] },
{ f => ['http-response silent-drop'], fe => 'http-response silent-drop if { status 500 }', ask => sub {
	my $c = $_[0]->client($_[1]);
	$c->send(get('/', 'X-Status: 500'));
	is($c->read_all, '', 'no byte');
    } },
{ f => ['http-after-response add-header', 'http-after-response set-header'], fe => 'http-after-response set-header X-Set 1
	http-after-response add-header X-Add 2
	http-request deny if { path /no }', ask => [get('/no'), qr/ 403 .*X-Set: 1\r.*X-Add: 2\r/si, get('/'), qr/ 200 .*X-Set: 1\r.*X-Add: 2\r/si] },
{ f => ['http-errors section', 'errorfiles'], top => "http-errors myerr{ME}\n    errorfile 404 $dir/404.http\n",
    fe => "errorfiles myerr{ME}\nhttp-request return status 404 default-errorfiles if { path /none }", ask => [get('/none'), qr/ 404 Gone\r.*X-Page: group\r.*no\n$/si] },
{ f => ['errorfile'], fe => "errorfile 503 $dir/503.http", be => 'server none 127.0.0.1:1', ask => [get('/'), qr/ 503 Sorry\r.*sorry$/s] },
{ f => ['monitor-uri'], fe => 'monitor-uri /alive', be => 'server none 127.0.0.1:1', ask => [get('/alive'), qr/ 200 /, get('/'), qr/ 503 /] },
# --- options
{ f => ['option forwardfor'], fe => 'option forwardfor', ask => [get('/'), qr/X-Forwarded-For: 127.0.0.1\r/i] },
{ f => ['option forwardfor except|header|if-none'], fe => 'option forwardfor except 10.0.0.0/8 header X-Client if-none',
    ask => [get('/'), qr/X-Client: 127.0.0.1\r/i, get('/', 'X-Client: 1.1.1.1'), qr/\A(?!.*127.0.0.1).*X-Client: 1.1.1.1/si] },
{ f => ['option forwarded'], new => 1, be => "option forwarded\nserver a {A}", ask => [get('/'), qr/forwarded: proto=http;for=127.0.0.1\r/i] },
{ f => ['option http-server-close'], fe => 'option http-server-close', ask => sub {
	my ($p, $name) = @_;
	my $before = $a->n_connections;
	my $c = $p->client($name);
	for (1, 2) {
		$c->send(get('/'));
		is($c->read_response->status, 200, "request $_ of one client connection");
	}
	is($a->n_connections - $before, 2, 'a server connection for each');
	$c->close;
    } },
{ f => ['option http-keep-alive'], fe => 'option http-keep-alive', be => "option http-keep-alive\nhttp-reuse safe\nserver a {A}", ask => sub {
	my ($p, $name) = @_;
	my $before = $a->n_connections;
	my $c = $p->client($name);
	for (1, 2) {
		$c->send(get('/'));
		is($c->read_response->status, 200, "request $_ of one client connection");
	}
	is($a->n_connections - $before, 1, 'one server connection for both');
	$c->close;
    } },
{ f => ['option httpclose'], fe => 'option httpclose', ask => sub {
	my $c = $_[0]->client($_[1]);
	$c->send(get('/'));
	like($c->read_response->header('Connection'), qr/close/i, 'says so');
	ok($c->is_closed, 'and closes');
    } },
{ f => ['option http-pretend-keepalive'], be => "option httpclose\noption http-pretend-keepalive\nserver a {A}", ask => [get('/'), qr/\A(?!.*\nConnection: close\r.*server a\n.*Connection: close).*server a\n(?!.*Connection: close)/si] },
{ f => ['option http-buffer-request'], fe => 'option http-buffer-request
	http-request deny if { req.body -m sub attack }', ask => [post('/', 'an attack!'), qr/ 403 /, post('/', 'fine'), qr/ 200 .*fine$/s] },
{ f => ['option abortonclose'], be => "option abortonclose\nserver a {A}", ask => sub {
	my ($p, $name) = @_;
	my $c = $p->client($name);
	my $before = () = $a->events('close');
	$c->send(get('/abort', 'X-Sleep: 0.3'));
	wait_until { grep { $_->uri eq '/abort' } $a->requests };
	$c->close;
	ok(wait_until { (() = $a->events('close')) > $before }, 'the server side is closed too');
    } },
{ f => ['http-reuse always'], be => "http-reuse always\nserver a {A}", ask => sub {
	my ($p, $name) = @_;
	my $before = $a->n_connections;
	$p->get($name, '/') for 1 .. 6;
	cmp_ok($a->n_connections - $before, '<', 6, 'six clients share server connections');
    } },
{ f => ['http-reuse never'], be => "http-reuse never\nserver a {A}", ask => sub {
	my ($p, $name) = @_;
	my $before = $a->n_connections;
	$p->get($name, '/') for 1 .. 3;
	is($a->n_connections - $before, 3, 'three clients, three connections');
    } },
{ f => ['cookie (insert|prefix indirect nocache ...)', 'server ... cookie'], be => "cookie SRV insert indirect nocache\nserver a {A} cookie ca\nserver b {B} cookie cb",
    ask => [get('/', 'Cookie: SRV=cb'), qr/\A(?!.*SRV=).*server b/s, get('/', 'X-Reply: Cache-Control: max-age=9'), qr/set-cookie: SRV=c[ab]; path=\/\r.*Cache-control: private\r|Cache-control: private\r.*set-cookie: SRV=c[ab]; path=\/\r/si] },
{ f => ['dynamic-cookie-key'], be => "dynamic-cookie-key secret\ncookie SRV insert dynamic\nserver a {A}\nserver b {B}", ask => sub {
	my ($p, $name) = @_;
	my $r = $p->get($name, '/');
	my ($v) = $r->header('Set-Cookie') =~ /SRV=([0-9a-f]{16})/;
	my ($who) = $r->body =~ /server (\w)/;
	ok($v, 'a value of sixteen hex digits');
	like($p->get($name, '/', "Cookie: SRV=$v")->body, qr/^server $who/, 'leads to the same server') for 1, 2;
    } },
{ f => ['option redispatch', 'retries'], be => "balance first\noption redispatch 1\nretries 2\nserver none 127.0.0.1:1\nserver a {A}", ask => sub {
	my ($p, $name) = @_;
	like($p->get($name, '/')->body, qr/^server a/, 'the other server after one retry');
    } },
{ f => ['option prefer-last-server'], be => "option prefer-last-server\nhttp-reuse never\nserver a {A}\nserver b {B}", ask => sub {
	my ($p, $name) = @_;
	my $c = $p->client($name);
	my %seen;
	for (1 .. 4) {
		$c->send(get('/'));
		$seen{$1}++ if $c->read_response->body =~ /^server (\w)/;
	}
	is(keys %seen, 1, 'four requests of one connection stay with one server');
	$c->close;
    } },
# --- balance
(map { my $b = $_; { f => ["balance $b->[0]"], be => "balance $b->[1]\nserver a {A}\nserver b {B}", ask => $b->[2] } }
    ['roundrobin', 'roundrobin', sub {
	my %n;
	$_[0]->get($_[1], '/')->body =~ /^server (\w)/ && $n{$1}++ for 1 .. 6;
	is("$n{a} $n{b}", '3 3', 'in turn');
    } ],
    ['(no argument)', '', sub {
	my %n;
	$_[0]->get($_[1], '/')->body =~ /^server (\w)/ && $n{$1}++ for 1 .. 6;
	is("$n{a} $n{b}", '3 3', 'in turn');
    } ],
    ['source', 'source', sub {
	my %n;
	$_[0]->get($_[1], '/')->body =~ /^server (\w)/ && $n{$1}++ for 1 .. 5;
	is(keys %n, 1, 'one client, one server');
    } ],
    ['random', 'random', sub {
	my %n;
	$_[0]->get($_[1], '/')->body =~ /^server (\w)/ && $n{$1}++ for 1 .. 40;
	is(keys %n, 2, 'both, of forty');
    } ],
    ['first', 'first', sub {
	my %n;
	$_[0]->get($_[1], '/')->body =~ /^server (\w)/ && $n{$1}++ for 1 .. 4;
	is($n{a}, 4, 'the first as long as it has room');
    } ],
    ['leastconn', 'leastconn', sub {
	my ($p, $name, $n) = @_;
	my $c = $p->client($name);
	$c->send(get('/least', 'X-Sleep: 1'));
	wait_until { grep { $_->uri eq '/least' } $a->requests, $b->requests } or return fail('no request');
	my ($busy) = grep { grep { $_->uri eq '/least' } ($_ eq 'a' ? $a : $b)->requests } qw(a b);
	my $free = $busy eq 'a' ? 'b' : 'a';
	for (1, 2) {
		wait_until { cli_ask("$p->{dir}/ctl", 'show stat') =~ /^be$n,$free,(?:\d+,){2}0,/m };
		like($p->get($name, '/')->body, qr/^server $free/, "$free, not $busy, who is busy");
	}
	$c->read_response;
	$c->close;
    } ]),
{ f => ['hash-type consistent'], be => "balance uri\nhash-type consistent\nserver a {A}\nserver b {B}", ask => sub {
	my ($p, $name) = @_;
	my %n;
	for my $i (map { "/$_" } 1 .. 12) {
		my %who;
		$p->get($name, $i)->body =~ /^server (\w)/ && $who{$1}++ for 1, 2;
		is(keys %who, 1, "$i: always the same");
		$n{$_}++ for keys %who;
	}
	is(keys %n, 2, 'and both have some');
    } },
{ f => ['server weight'], be => "server a {A} weight 3\nserver b {B} weight 1", ask => sub {
	my %n;
	$_[0]->get($_[1], '/')->body =~ /^server (\w)/ && $n{$1}++ for 1 .. 8;
	is("$n{a} $n{b}", '6 2', 'three to one');
    } },
{ f => ['server backup', 'option allbackups'], be => "option allbackups\nserver down 127.0.0.1:1 disabled\nserver a {A} backup\nserver b {B} backup", ask => sub {
	my %n;
	$_[0]->get($_[1], '/')->body =~ /^server (\w)/ && $n{$1}++ for 1 .. 4;
	is("$n{a} $n{b}", '2 2', 'all backups take part');
    } },
{ f => ['server disabled'], be => "server a {A} disabled\nserver b {B}", ask => [get('/'), qr/server b/, get('/'), qr/server b/] },
{ f => ['server maxconn', 'timeout queue'], be => "timeout queue 200ms\nserver a {A} maxconn 1", ask => sub {
	my ($p, $name) = @_;
	my $c = $p->client($name);
	$c->send(get('/queue', 'X-Sleep: 1'));
	wait_until { grep { $_->uri eq '/queue' } $a->requests };
	is($p->get($name, '/')->status, 503, 'the second waits in vain');
	is($c->read_response->status, 200, 'the first has its answer');
	$c->close;
    } },
{ f => ['maxconn'], fe => 'maxconn 1', ask => sub {
	my ($p, $name) = @_;
	my $c = $p->client($name);
	$c->send(get('/'));
	is($c->read_response->status, 200, 'the first');
	my $second = $p->client($name);
	$second->send(get('/'));
	ok($second->is_quiet(0.2), 'a second has to wait');
	$c->close;
	is($second->read_response->status, 200, 'until the first is gone');
	$second->close;
    } },
# --- stick tables
{ f => ['stick-table (type, size, expire, store ...)', 'http-request track-scN', 'fetch sc_http_req_rate()'],
    fe => 'stick-table type ip size 1k expire 1m store http_req_rate(1m)
	http-request track-sc0 src
	http-request deny deny_status 429 if { sc_http_req_rate(0) gt 2 }', ask => [get('/'), qr/ 200 /, get('/'), qr/ 200 /, get('/'), qr/ 429 /] },
{ f => ['fetch src_http_req_rate()', 'fetch sc0_http_req_rate', 'fetch sc0_http_req_rate()'], top => "backend rates{ME}\n    stick-table type ip size 1k expire 1m store http_req_rate(1m)\n",
    fe => 'http-request track-sc0 src table rates{ME}
	http-request set-header X-T "%[src_http_req_rate(rates{ME})] %[sc0_http_req_rate]"', ask => [get('/'), qr/X-T: 1 1\r/i, get('/'), qr/X-T: 2 2\r/i] },
{ f => ['tcp-request connection track-scN', 'fetch src_conn_cur', 'fetch src_conn_rate', 'fetch sc_conn_rate()', 'fetch sc0_conn_cur()'],
    fe => 'stick-table type ip size 1k expire 1m store conn_cur,conn_rate(1m)
	tcp-request connection track-sc0 src
	http-request set-header X-T "%[src_conn_cur] %[src_conn_rate] %[sc_conn_rate(0)] %[sc0_conn_cur]"', ask => [get('/'), qr/X-T: 1 1 1 1\r/i] },
{ f => ['tcp-request content track-scN', 'fetch sc_http_err_rate()'], fe => 'stick-table type ip size 1k expire 1m store http_err_rate(1m)
	tcp-request content track-sc1 src
	http-request set-header X-T %[sc_http_err_rate(1)]
	http-request deny if { path /no }', ask => [get('/no'), qr/ 403 /, get('/'), qr/X-T: 1\r/i] },
{ f => ['fetch sc0_get_gpc0()', 'fetch sc_get_gpt0()', 'http-request sc-set-gpt0()'], fe => 'stick-table type ip size 1k expire 1m store gpc0,gpt0
	http-request track-sc0 src
	http-request sc-inc-gpc0(0) if { path /inc }
	http-request sc-set-gpt0(0) 7 if { path /inc }
	http-request set-header X-T "%[sc0_get_gpc0] %[sc_get_gpt0(0)]"', ask => [get('/'), qr/X-T: 0 0\r/i, get('/inc'), qr/X-T: 1 7\r/i] },
{ f => ['stick on'], be => "stick-table type string len 32 size 1k expire 1m\nstick on url_param(id)\nserver a {A}\nserver b {B}", ask => sub {
	my ($p, $name) = @_;
	for my $id (1 .. 4) {
		my %who;
		$p->get($name, "/?id=$id")->body =~ /^server (\w)/ && $who{$1}++ for 1 .. 3;
		is(keys %who, 1, "id $id: one server");
	}
    } },
# --- compression
{ f => ['compression algo|type'], fe => "compression algo gzip\ncompression type text/plain",
    ask => [get('/', 'Accept-Encoding: gzip', 'X-Reply: Content-Type: text/plain', 'X-Size: 3000'), qr/content-encoding: gzip\r/i,
	get('/', 'Accept-Encoding: gzip', 'X-Reply: Content-Type: image/png', 'X-Size: 3000'), qr/\A(?!.*content-encoding)/si] },
{ f => ['compression offload'], be => "compression algo gzip\ncompression type text/plain\ncompression offload\nserver a {A}",
    ask => [get('/', 'Accept-Encoding: gzip', 'X-Size: 3000', 'X-Reply: Content-Type: text/plain'), qr/content-encoding: gzip\r/i] },
{ f => ['filter compression'], fe => "filter compression\ncompression algo gzip", ask => [get('/', 'Accept-Encoding: gzip', 'X-Size: 3000', 'X-Reply: Content-Type: text/css'), qr/content-encoding: gzip\r/i] },
{ f => ['compression minsize-res', 'compression minsize-req'], new => 1, fe => "compression algo gzip\ncompression minsize-res 2000",
    ask => [get('/', 'Accept-Encoding: gzip', 'X-Reply: Content-Type: text/plain'), qr/\A(?!.*content-encoding)/si,
	get('/', 'Accept-Encoding: gzip', 'X-Reply: Content-Type: text/plain', 'X-Size: 3000'), qr/content-encoding: gzip\r/i] },
{ f => ['converter debug()'], fe => 'http-request set-header X-T %[path,debug(here),upper]', ask => [get('/deb'), qr{X-T: /DEB\r}i] },
# --- beyond the census
{ f => ['fetch fe_conn'], fe => 'http-request set-header X-T %[fe_conn]', ask => [get('/'), qr/X-T: 1\r/i] },
{ f => ['fetch req.body_param()'], fe => 'option http-buffer-request
	http-request set-header X-T "%[req.body_param(b)]"', ask => [post('/', 'a=1&b=two', 'Content-Type: application/x-www-form-urlencoded'), qr/X-T: two\r/i] },
{ f => ['fetch wait_end'], mode => 'tcp', fe => 'tcp-request inspect-delay 200ms
	tcp-request content reject if { wait_end } { req.len lt 5 }', ask => sub {
	my ($p, $name) = @_;
	my ($c, $start) = ($p->client($name), time);
	$c->send('ab');
	is($c->read_all, '', 'refused');
	cmp_ok(time - $start, '>=', 0.19, 'when the time to inspect is over, not before');
    } },
{ f => ['opt@ files'], new => 1, fe => "http-request deny if { path -f opt\@$dir/not-there.lst }", ask => [get('/'), qr/ 200 /] },
# --- timeouts
{ f => ['timeout server'], be => "timeout server 200ms\nretries 0\nserver a {A}", ask => [get('/', 'X-Sleep: 1'), qr/ 504 /] },
{ f => ['timeout client'], fe => 'timeout client 200ms', ask => ["GET / HTTP/1.1\r\nHo", qr/ 408 /] },
{ f => ['timeout http-request'], fe => 'timeout http-request 200ms', ask => ["GET / HTTP/1.1\r\nHo", qr/ 408 /] },
{ f => ['timeout http-keep-alive'], fe => 'timeout http-keep-alive 100ms', ask => sub {
	my $c = $_[0]->client($_[1]);
	$c->send(get('/'));
	is($c->read_response->status, 200, 'one answer');
	ok($c->is_closed, 'then it is closed without a word');
    } },
{ f => ['timeout connect'], be => "timeout connect 200ms\nretries 0\nserver a {C}", ask => [get('/'), qr/ 503 /] },
# --- the statistics page
{ f => ['stats enable', 'stats uri', 'stats refresh'], fe => "stats enable\nstats uri /st\nstats refresh 7s", ask => [get('/st'), qr/ 200 .*(?:http-equiv="refresh" content="7"|Refresh: 7)/si, get('/'), qr/server a/] },
{ f => ['stats auth', 'stats realm'], fe => "stats uri /st\nstats realm the\\ realm\nstats auth u:p", ask => [get('/st'), qr/ 401 .*realm="the realm"/si, get('/st', 'Authorization: Basic ' . encode_base64('u:p', '')), qr/ 200 /] },
{ f => ['stats hide-version'], fe => "stats uri /st\nstats hide-version", ask => sub {
	my $body = $_[0]->get($_[1], '/st')->body;
	my ($v) = run_cmd('-v')->{out} =~ /version (\S+)/i;
	unlike($body, qr{version \Q$v\E|\Q$v\E<}, 'no version on the page');
    } },
{ f => ['stats admin'], fe => "stats uri /st\nstats admin if { src 127.0.0.1 }", be => "server a {A}\nserver b {B}", ask => sub {
	my ($p, $name, $n) = @_;
	my $body = "s=a&action=maint&b=be$n";
	is($p->request($name, "POST /st HTTP/1.1\r\nHost: h\r\nContent-Length: " . length($body) . "\r\n\r\n$body")->status, 303, 'done');
	like($p->get($name, '/')->body, qr/^server b/, 'the server is out') for 1 .. 2;
    } },
{ f => ['stats show-node', 'stats show-legends'], fe => "stats uri /st\nstats show-node here\nstats show-legends", ask => [get('/st'), qr/ 200 .*here/si] },
{ f => ['service: prometheus-exporter', 'http-request use-service'], fe => 'http-request use-service prometheus-exporter if { path /metrics }', ask => [get('/metrics'), qr/ 200 .*haproxy_frontend_http_requests_total\{proxy="fe/s, get('/'), qr/server a/] },
# --- logs
{ f => ['log-format', 'log-format variables (%ci, %b/%s, %ST, %{+Q}r ...)', 'log (in proxies)', 'log <syslog target>: /dev/log, IP, host, path'],
    fe => "log $log->{addr} local0\nlog-format \"L %f %ci %b/%s %ST %B %{+Q}r\"", ask => logged(get('/log'), qr{L fe\d+ 127.0.0.1 be\d+/a 200 \d+ "GET /log HTTP/1.1"}) },
{ f => ['option httplog', 'log ... level|len', 'log ... format raw'], fe => "log $log->{addr} len 2048 format raw local2 info\noption httplog",
    ask => logged(get('/hl'), qr{^127.0.0.1:\d+ \[.*\] fe\d+ be\d+/a [-\d]+/[-\d]+/[-\d]+/[-\d]+/\d+ 200 \d+ - - ---- [\d/]+ \d+/\d+ "GET /hl HTTP/1.1"}) },
{ f => ['option logasap'], fe => "log $log->{addr} local0\noption httplog\noption logasap", ask => logged(get('/as'), qr{/\+\d+ 200 \+\d+ }) },
{ f => ['option dontlog-normal'], fe => "log $log->{addr} local0\nlog-format \"N fe{ME} %ST %B %r\"\noption dontlog-normal\nhttp-request deny if { path /no }", ask => sub {
	my ($p, $name, $n) = @_;
	$p->get($name, $_) for '/yes', '/no';
	like(text($log->next_match(qr/N fe$n /)), qr{/no}, 'only what failed');
    } },
{ f => ['option dontlognull'], fe => "log $log->{addr} local0\noption httplog\noption dontlognull", ask => sub {
	my ($p, $name, $n) = @_;
	$p->client($name)->close;
	$p->get($name, '/after-null');
	like(text($log->next_match(qr/\bfe$n\b/)), qr/after-null/, 'nothing of the connection without a byte');
    } },
);

# One thread: what a request leaves behind is there when the next one comes.
my $p = run_rows("global\n    nbthread 1\n    stats socket {DIR}/ctl level admin\ndefaults\n    timeout connect 5s\n"
    . "    timeout client 5s\n    timeout server 5s\n", [grep { is_tideway() || !$_->{new} } @rows],
    { A => $a->addr, B => $b->addr, C => full_listener() }, env => { TW_LADDER => 'from-env' });
stop_proxy($p);

# a listener that takes no more connections: its backlog is full
sub full_listener
{
	our $full = listener(backlog => 1);
	our @fill;

	for (1 .. 4) {
		push @fill, IO::Socket::INET->new(PeerAddr => $full->addr, Blocking => 0);
	}
	return $full->addr;
}

done_testing;

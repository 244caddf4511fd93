# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# core.httpclient(), tw.http, tw.tcp, tw.resolve, tw.all, and socket.http over
# core.tcp: what goes out, what comes back, connections that are kept, peers
# that close, stall, lie or refuse, TLS, names, requests that end meanwhile,
# reloads; scripts that ask for a decision elsewhere, as public ones do.
use Tideway::Test;
use Tideway::Cli;
use Tideway::Dns;
use IO::Select;
use IO::Socket::INET;

my $big = 24 * 1024 * 1024;

# ---- an origin that does as its path says ----
sub respond
{
	my ($req, $c, $o) = @_;
	my $path = $req->{uri};

	return "HTTP/1.1 200 Fine\r\nX-One: 1\r\nx-one:  2 \r\nSet-Cookie: a\r\nContent-Length: 4\r\n\r\nbody"
	    if $path eq '/head' && $req->method ne 'HEAD';
	return "HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n" if $path eq '/head';
	if ($path eq '/echo') {
		my $body = $req->{body} // '';
		return response(200, $req->{raw} . $body);
	}
	if ($path eq '/len') { return response(200, length($req->{body} // '') . ' ' . ($req->header('content-length') // 'none')) }
	if ($path eq '/chunked') {
		my $out = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
		$out .= "A;x=y\r\n0123456789\r\n" for 1 .. 1000;
		return $out . "0\r\nTrailer: x\r\n\r\n";
	}
	if ($path eq '/big') {
		$c->send("HTTP/1.1 200 OK\r\nContent-Length: $big\r\n\r\n", 60);
		my $block = 'z' x 65536;
		$c->send($block, 60) for 1 .. $big / 65536;
		return '';
	}
	if ($path eq '/close') {
		$c->send("HTTP/1.0 200 OK\r\n\r\nuntil the end");
		return undef;
	}
	if ($path eq '/early') { return "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n" . response(200, 'late') }
	if ($path eq '/204') { return "HTTP/1.1 204 No\r\n\r\n" }
	if ($path eq '/bye') { return response(200, 'bye', 'Connection: close') }
	if ($path eq '/once') { $c->send(response(200, 'once')); return undef }
	if ($path eq '/slow') { $o->wait_flag('go', 30); return response(200, 'slow') }
	if ($path eq '/partial') { $c->send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"); return undef }
	if ($path eq '/garbage') { $c->send("SSH-2.0-x\r\n\r\n"); return undef }
	if ($path eq '/badchunk') { $c->send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"); return undef }
	if ($path eq '/none') { return undef }
	if ($path eq '/redirect') { return response(302, '', 'Location: /head') }
	if ($path =~ m{^/auth}) {
		return ($req->header('authorization') // '') eq 'ok'
		    ? response(200, '', 'X-Auth-User: alice') : response(401, 'no');
	}
	return response(404, $path);
}

my $script = spew('client.lua', <<'END');
local O, CLOSED = os.getenv("ORIGIN"), os.getenv("CLOSED")
local tw = require "tideway"
local function flat(r)
	local names, o = {}, {}
	for n in pairs(r.headers) do names[#names + 1] = n end
	table.sort(names)
	for _, n in ipairs(names) do
		local v = r.headers[n]
		o[#o + 1] = n .. "=" .. v[0] .. (v[1] and "," .. v[1] or "")
	end
	return ("%d %s {%s} %s%s"):format(r.status, r.reason, table.concat(o, " "), #r.body > 300 and #r.body or r.body, r.error and " !" .. r.error or "")
end
local c = core.httpclient()
local case = {}
local function plain(path) case[path] = function() return flat(c:get{url = "http://" .. O .. "/" .. path}) end end
for _, p in ipairs{"head", "chunked", "big", "close", "early", "204", "bye", "partial", "garbage", "badchunk", "none", "redirect", "once"} do plain(p) end
function case.headhead() return flat(c:head{url = "http://" .. O .. "/head"}) end
function case.echo() return c:get{url = "http://" .. O .. "/echo#frag", headers = {["X-A"] = {"1", "2"}, ["x-z"] = {[0] = "zero"}, Plain = "p"}}.body end
function case.post() return c:post{url = "http://" .. O .. "/echo", body = "hello", headers = {["Content-Length"] = {"99"}, host = {"other"}}}.body end
function case.put() return c:put{url = "http://" .. O .. "/len", body = ("q"):rep(20 * 1024 * 1024)}.body end
function case.delete() return c:delete{url = "http://" .. O .. "/echo"}.body end
function case.empty() return c:post{url = "http://" .. O .. "/len"}.body end
function case.dst() return flat(c:get{url = "http://made.up.example/head", dst = O}) end
function case.refused() return flat(c:get{url = "http://127.0.0.1:" .. CLOSED .. "/"}) end
function case.timeout() return flat(c:get{url = "http://" .. O .. "/slow", timeout = 50}) end
function case.name() return flat(c:get{url = "http://o.test:" .. O:match("%d+$") .. "/head"}) .. "|" .. flat(c:get{url = "http://nx.test/"}) end
function case.many()
	local n = 0
	for i = 1, 50 do if core.httpclient():get{url = "http://" .. O .. "/head"}.status == 200 then n = n + 1 end end
	return tostring(n)
end
function case.https() return flat(c:get{url = "https://tls.test:" .. os.getenv("TLS") .. "/x"}) end
function case.https_twice() local a = case.https() return a == case.https() and a or "different" end
function case.slow() return flat(c:get{url = "http://" .. O .. "/slow"}) end
function case.errors()
	local r = {}
	for _, a in ipairs{{}, {url = 1}, {url = "ftp://x/"}, {url = "http://"}, {url = "http://a b/"}, {url = "http://u@x/"}, {url = "http://x:0/"}, {url = {}}, {url = "http://x/", headers = 1}, {url = "http://x/", headers = {["a b"] = "x"}}, {url = "http://x/", headers = {a = "x\ny"}}, {url = "http://x/", headers = {a = {{}}}}, {url = "http://x/", headers = {[1] = "x"}}, {url = "http://x/", body = {}}, {url = "http://x/", timeout = "x"}, {url = "http://x/", timeout = -1}, {url = "http://x/", dst = "fd@3"}} do
		local ok, why = pcall(c.get, c, a)
		r[#r + 1] = (ok and "OK" or "") .. tostring(type(why) == "string" and why:find("HTTPClient:get: ", 1, true) and "good" or why)
	end
	for _, a in ipairs{{}, {1}, {c}, {c, 1}, {"x", {}}, {core, {url = "http://x"}}} do r[#r + 1] = pcall(c.get, table.unpack(a)) and "OK" or "no" end
	return table.concat(r, " ")
end

function case.native()
	local r, why = tw.http{url = "http://" .. O .. "/head"}
	local o = {r.status, r.reason, r.headers["x-one"], r.body, r.fields[1][1], r.fields[1][2], #r.fields}
	for _, a in ipairs{{url = "http://127.0.0.1:" .. CLOSED .. "/"}, {url = "http://nx.test/"}, {url = "http://" .. O .. "/slow", timeout = 0.05}, {url = "http://" .. O .. "/slow", timeout = "50ms"}, {url = "bogus"}, {url = "http://" .. O .. "/garbage"}} do
		local ok, why = tw.http(a)
		o[#o + 1] = tostring(ok) .. " " .. why
	end
	o[#o + 1] = tw.http{url = "http://" .. O .. "/echo", method = "PATCH", body = "x"}.body:match("^%S+")
	return table.concat(o, "|")
end
function case.tcp()
	local host, port = O:match("(.*):(%d+)")
	local s = tw.tcp{host = host, port = port, timeout = 5}
	s:send("GET /head HTTP/1.0\r\n\r\n")
	local a = s:receive()
	local t = tw.tcp{addr = O}
	return a .. "|" .. tostring(t:send("x")) .. "|" .. select(2, tw.tcp{addr = "127.0.0.1:" .. CLOSED}) .. "|" .. select(2, tw.tcp{addr = "nx.test:1"}) .. "|" .. tostring(select(2, pcall(tw.tcp, {})))
end
function case.resolve()
	local r = {table.concat(tw.resolve("o.test"), ","), table.concat(tw.resolve("six.test", "AAAA"), ","), table.concat(tw.resolve("127.0.0.9"), ","), table.concat(tw.resolve("both.test", "a"), ","),
		select(2, tw.resolve("nx.test")), select(2, tw.resolve("six.test", "A"))}
	return table.concat(r, "|") .. "|" .. tostring(pcall(tw.resolve, "x", "MX")) .. tostring(pcall(tw.resolve)) .. tostring(pcall(tw.resolve, ""))
end
function case.all()
	local order = {}
	local a, b, d, why = tw.all{
		function() core.msleep(30) order[#order + 1] = "a" return 1 end,
		function() order[#order + 1] = "b" return tw.http{url = "http://nx.test/"} end,
		function() core.msleep(5) order[#order + 1] = "d" return (tw.http{url = "http://" .. O .. "/head"}).status end}
	local x, y = tw.all{function() return 1 end, function() return 2 end}
	local ok, e = pcall(tw.all, {function() core.msleep(10000) end, function() core.msleep(1) error("boom", 0) end})
	local ok2, e2 = pcall(tw.all, {1})
	local n = {}
	for i = 1, 100 do n[i] = function() core.msleep(i % 7) return i end end
	local sum = 0
	for _, v in ipairs{tw.all(n)} do if type(v) == "number" then sum = sum + v end end
	local in1, in2 = tw.all{function() local p, q = tw.all{function() core.yield() return 3 end, function() return 4 end} return p + q end, function() return 5 end}
	return table.concat({a, tostring(b), d, why[2], x, y, tostring(ok), e, tostring(ok2), tostring(e2:find("function is expected at 1") ~= nil), sum, in1, in2, order[#order]}, "|")
end
function case.allslow() tw.all{function() c:get{url = "http://" .. O .. "/slow"} end, function() core.sleep(100) end} return "x" end

function case.luasocket()
	local http, ltn12 = require "socket.http", require "ltn12"
	local out = {}
	local ok, code, headers = http.request{url = "http://" .. O .. "/chunked", create = core.tcp, sink = ltn12.sink.table(out), headers = {["x-a"] = "1"}}
	local function create()
		local sock = core.tcp()
		sock.old_settimeout = sock.settimeout
		sock.settimeout = function(s, t) s:old_settimeout(t) return 1 end
		return sock
	end
	local out2 = {}
	local _, code2 = http.request{url = "http://" .. O .. "/len", method = "POST", create = create, source = ltn12.source.string(("b"):rep(100000)), headers = {["content-length"] = "100000"}, sink = ltn12.sink.table(out2)}
	local body3, code3 = http.request{url = "http://127.0.0.1:" .. CLOSED .. "/", create = core.tcp}
	return ok .. "|" .. code .. "|" .. #table.concat(out) .. "|" .. code2 .. "|" .. table.concat(out2) .. "|" .. tostring(body3) .. "|" .. code3
end
function case.rocks()
	local cjson, socket = require "cjson", require "socket"
	local digest = require "openssl.digest"
	local hex = digest.new("sha256"):final("abc"):gsub(".", function(ch) return ("%02x"):format(ch:byte()) end)
	return cjson.encode{a = {1, 2}} .. "|" .. type(socket.gettime()) .. "|" .. hex:sub(1, 8)
end

-- an authorization request, as public scripts make it: two and six arguments
local function authorize(txn, url, method, headers)
	local h = {}
	for name, v in pairs(headers) do h[name] = v end
	local res = core.httpclient()[method:lower()](core.httpclient(), {url = url, headers = h})
	txn:set_var("txn.auth_response_successful", res.status >= 200 and res.status < 300)
	txn:set_var("txn.auth_response_code", res.status)
	for name, v in pairs(res.headers) do txn:set_var("req.auth_response_header." .. name:gsub("%-", "_"), v[0]) end
end
core.register_action("auth-request", {"http-req"}, function(txn, be, path)
	authorize(txn, "http://" .. be .. path, "GET", {authorization = {txn.sf:req_fhdr("authorization")}})
end, 2)
core.register_action("auth-intercept", {"http-req"}, function(txn, be, path, method, hdr_req, hdr_succeed, hdr_fail)
	authorize(txn, "http://" .. be .. path, method == "*" and txn.sf:method() or method, {[hdr_req] = {txn.sf:req_fhdr(hdr_req)}})
end, 6)
core.register_action("auth-tcp", {"http-req"}, function(txn, be, path)
	local sock = core.tcp()
	sock:settimeout(5)
	sock:connect(be:match("(.*):"), be:match(":(.*)"))
	sock:send("GET " .. path .. " HTTP/1.0\r\nHost: x\r\nAuthorization: " .. txn.sf:req_fhdr("authorization") .. "\r\n\r\n")
	local status = sock:receive("*l")
	repeat local line = sock:receive("*l") local n, v = (line or ""):match("^([%w-]+):%s*(.*)") if n then txn:set_var("req.auth_response_header." .. n:lower():gsub("%-", "_"), v) end until not line or line == ""
	sock:close()
	txn:set_var("txn.auth_response_code", tonumber(status:match(" (%d+)")))
	txn:set_var("txn.auth_response_successful", status:find(" 200 ") ~= nil)
end, 2)
core.register_action("run", {"http-req"}, function(txn)
	local ok, r = pcall(case[txn.f:path():sub(2)])
	txn:set_var("txn.out", (ok and "" or "ERROR ") .. tostring(r))
end)
core.register_action("direct", {"http-req"}, function(txn) txn:set_var("txn.out", case[txn.f:path():sub(2)]()) end)
END

my $o = origin(respond => \&respond);
my $gone = listener(host => '127.0.0.1');
$ENV{CLOSED} = $gone->port;
$gone->close;
$ENV{ORIGIN} = $o->addr;

# ---- an HTTPS server, several requests a connection ----
my $has_tls = eval { require IO::Socket::SSL; require IO::Socket::SSL::Utils; 1 };
my ($tls_pid, $ca) = (0, 'none');
$ENV{TLS} = 1;
if ($has_tls) {
	my @issuer = IO::Socket::SSL::Utils::CERT_create(CA => 1, subject => { CN => 'ca' });
	my ($cert, $key) = IO::Socket::SSL::Utils::CERT_create(purpose => 'server',
	    issuer => \@issuer, subject => { CN => 'tls.test' },
	    subjectAltNames => [['DNS', 'tls.test']]);
	my $text = IO::Socket::SSL::Utils::PEM_cert2string($cert);
	$ca = spew('ca.pem', IO::Socket::SSL::Utils::PEM_cert2string($issuer[0]));
	my $pem = spew('tls.pem', $text . IO::Socket::SSL::Utils::PEM_key2string($key));
	my $l = IO::Socket::SSL->new(Listen => 64, LocalAddr => '127.0.0.1',
	    SSL_cert_file => $pem, SSL_key_file => $pem) or die 'no TLS listener';
	$ENV{TLS} = $l->sockport;
	$tls_pid = fork // die;
	if ($tls_pid == 0) {
		$SIG{TERM} = 'DEFAULT';
		$SIG{CHLD} = 'IGNORE';
		my $n = 0;
		while (1) {
			my $c = $l->accept or next;
			$n++;
			next if fork; # threads keep theirs at the same time
			$SIG{ALRM} = 'DEFAULT';
			while (1) {
				my $line = '';
				while (my $x = <$c>) { $line .= $x; last if $x eq "\r\n" }
				last if $line eq '';
				my $body = "conn $n " . ($c->get_servername // 'none');
				print $c response(200, $body);
				$c->flush;
			}
			POSIX::_exit(0);
		}
	}
}
my $dns = Tideway::Dns->new(zone => { 'o.test/A' => [$o->{host}], 'nx.test/A' => 'nx',
	'tls.test/A' => ['127.0.0.1'], 'six.test/AAAA' => ['::1', 'fe80::1'],
	'both.test/A' => ['127.0.0.3', '127.0.0.4'] });
my $cli = Tideway::Test::temp_dir() . '/cli';

sub config
{
	my ($how, @more) = @_;
	return "global
    nbthread 2
    stats socket $cli level admin
    $how $script
    httpclient.ssl.ca-file $ca
    httpclient.resolvers.id mine
    httpclient.resolvers.prefer ipv4
    httpclient.timeout.connect 3s
" . join('', map { "    $_\n" } 'httpclient.retries 1', @more) . "
resolvers default
    nameserver a " . $dns->addr . "
    timeout retry 200ms
resolvers mine
    nameserver a " . $dns->addr . "
" . defaults('timeout server 60s', 'timeout client 60s') . "
frontend web
    bind {BIND:web}
    http-request lua.auth-request $ENV{ORIGIN} /auth if { path /a2 }
    http-request lua.auth-intercept $ENV{ORIGIN} /auth GET authorization - - if { path /a6 }
    http-request lua.auth-tcp $ENV{ORIGIN} /auth if { path /at }
    http-request return status 403 content-type text/plain lf-string \"%[var(txn.auth_response_code)]\" if { path /a2 /a6 /at } !{ var(txn.auth_response_successful) -m bool }
    http-request return status 200 content-type text/plain lf-string \"%[var(req.auth_response_header.x_auth_user)]\" if { path /a2 /a6 /at }
    http-request lua.direct if { path /slow /allslow }
    http-request lua.run if !{ path /slow /allslow }
    http-request return status 200 content-type text/plain lf-string \"%[var(txn.out)]\"
";
}
$ca = '@system-ca' unless $has_tls;

for my $how ('lua-load', 'lua-load-per-thread') {
	subtest $how => sub {
		my $p = start_proxy(config($how));
		my $get = sub {
			my ($path, @h) = @_;
			$p->request('web', "GET /$path HTTP/1.1\r\nHost: h\r\n" . join('', map { "$_\r\n" } @h) . "\r\n", secs => 60)->body
			    =~ s/%0D%0A/\r\n/gr
		};
		is($get->('head'), '200 Fine {content-length=4 set-cookie=a x-one=1,2} body', 'get: status, reason, zero-based headers, body');
		is($get->('headhead'), '200 OK {content-length=400} ', 'head');
		my $echo = $get->('echo');
		like($echo, qr{^GET /echo HTTP/1\.1\r\n}, 'no fragment goes out');
		like($echo, qr/^$_\r$/m, $_) for 'x-a: 1', 'x-a: 2', 'x-z: zero', 'plain: p', "host: $ENV{ORIGIN}", 'accept: \*/\*', 'user-agent: tideway';
		like($get->('post'), qr{^POST /echo .*host: other\r\n.*content-length: 5\r\n\r\nhello$}s, 'post');
		is($get->('put'), '20971520 20971520', 'put: 20 MB');
		like($get->('delete'), qr{^DELETE /echo}, 'delete');
		is($get->('empty'), '0 0', 'post without a body');
		is($get->('chunked'), '200 OK {transfer-encoding=chunked} 10005', 'chunked');
		is($get->('big'), "200 OK {content-length=$big} $big", '24 MB come back');
		is($get->('close'), '200 OK {} until the end', 'until the end of the connection');
		is($get->('early'), '200 X {content-length=4} late', '100 and 103 before it');
		is($get->('204'), '204 No {} ', 'a status without a body');
		is($get->('redirect'), '302 X {content-length=0 location=/head} ', 'a redirect is not followed');
		is($get->('bye'), '200 X {connection=close content-length=3} bye', 'Connection: close');
		is($get->('once'), '200 X {content-length=4} once', 'a peer that closes after it') for 1 .. 6;
		is($get->('dst'), '200 Fine {content-length=4 set-cookie=a x-one=1,2} body', 'dst');
		is($get->('partial'), '502 Bad Gateway {}  !bad response: the connection was closed before its end', 'cut short');
		is($get->('garbage'), '502 Bad Gateway {}  !bad response: it is not HTTP/1', 'no HTTP');
		is($get->('badchunk'), '502 Bad Gateway {}  !bad response: a chunk\'s size is not a number', 'a bad chunk');
		is($get->('none'), '502 Bad Gateway {}  !bad response: the connection was closed before its head', 'no answer');
		is($get->('refused'), '503 Service Unavailable {}  !connect: Connection refused', 'refused');
		is($get->('timeout'), '504 Gateway Timeout {}  !timeout', 'timeout');
		is($get->('name'), '200 Fine {content-length=4 set-cookie=a x-one=1,2} body|503 Service Unavailable {}  !name not found', 'names');
		my $n = $o->n_connections;
		is($get->('many'), 50, 'many requests');
		cmp_ok($o->n_connections - $n, '<=', 2, 'over connections that are kept');
		like($get->('errors'), qr/^(good ){17}(no ){5}no$/, 'wrong arguments');
	    SKIP: {
			skip 'IO::Socket::SSL is missing', 2 unless $has_tls;
			like($get->('https'), qr/^200 X \{content-length=\d+\} conn \d+ tls\.test$/, 'https: verified, SNI');
			like($get->('https_twice'), qr/^200 X/, 'a TLS connection is kept');
		}
		is($get->('native'), '200|Fine|1, 2|body|x-one|1|4|nil connect: Connection refused|nil name not found|nil timeout|nil timeout|'
		    . 'nil the URL does not begin with http:// or https://|nil bad response: it is not HTTP/1|PATCH', 'tw.http');
		like($get->('tcp'), qr{^HTTP/1.1 200 Fine\|1\|connect: Connection refused\|name not found\|.*tw\.tcp: addr: it is missing$}, 'tw.tcp');
		is($get->('resolve'), "$o->{host}|::1,fe80::1|127.0.0.9|127.0.0.3,127.0.0.4|name not found|name not found|falsefalsefalse", 'tw.resolve');
		is($get->('all'), '1|nil|200|name not found|1|2|false|boom|false|true|5050|7|5|a', 'tw.all');
		is($get->($_), '401', "$_: denied") for 'a2', 'a6', 'at';
		is($get->($_, 'Authorization: ok'), 'alice', "$_: passes") for 'a2', 'a6', 'at';
	    SKIP: {
			skip 'lua-socket is missing', 1 unless -e '/usr/share/lua/5.3/socket/http.lua';
			is($get->('luasocket'), '1|200|10005|200|100000 100000|nil|connect: Connection refused', 'socket.http over core.tcp');
		}
	    SKIP: {
			skip 'lua-cjson, lua-socket or lua-luaossl is missing', 1
			    unless -e '/usr/lib/x86_64-linux-gnu/lua/5.3/cjson.so'
			    && -e '/usr/share/lua/5.3/socket/http.lua' && -e '/usr/share/lua/5.3/openssl';
			is($get->('rocks'), '{"a":[1,2]}|number|ba7816bf', 'C rocks');
		}
		for my $path ('slow', 'allslow') {
			my $closed = () = $o->events('close');
			my $asked = () = $o->events('request');
			my $c = $p->client('web');
			$c->send("GET /$path HTTP/1.1\r\nHost: h\r\n\r\n");
			ok(scalar $o->wait_events('request', $asked + 1), "$path: it waits");
			my ($id) = cli_ask($cli, 'show sess') =~ /^(0x\w+): .*fe=web/m;
			cli_ask($cli, "shutdown session $id");
			ok(defined $c->read_all(10) && $c->state ne 'open', 'its session is ended');
			$o->set('go');
			ok(scalar wait_until { (my @e = $o->events('close')) > $closed }, 'the connection, too');
			$o->unset('go');
		}
		my $c = $p->client('web');
		my $asked = () = $o->events('request');
		$c->send("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
		ok(scalar $o->wait_events('request', $asked + 1), 'one waits');
		like(cli_ask($cli, 'reload'), qr/./, 'a reload meanwhile');
		like($get->('head'), qr/^200 Fine/, 'the new generation asks');
		$o->set('go');
		is($c->read_response(secs => 20)->body, '200 X {content-length=4} slow', 'the old one gets its answer');
		$o->unset('go');
		stop_proxy($p);
	};
}

subtest 'keywords' => sub {
	my $base = "global\n    %s\n" . defaults() . "frontend f\n    bind 127.0.0.1:0\n";
	for (['httpclient.retries x', qr/'httpclient\.retries'/], ['httpclient.timeout.connect x', qr/'httpclient\.timeout\.connect'/],
	    ['httpclient.resolvers.id none', qr/there is no section 'resolvers none'/], ['httpclient.resolvers.prefer ipv5', qr/'ipv4' or 'ipv6'/],
	    ['httpclient.ssl.verify maybe', qr/'none' or 'required'/], ['httpclient.ssl.ca-file /nonexistent', qr/cannot read certificates from '\/nonexistent'/],
	    ['httpclient.resolvers.disabled maybe', qr/'on' or 'off'/]) {
		my $r = check_config(sprintf $base, $_->[0]);
		ok($r->{code} == 1 && $r->{sane}, "$_->[0] is refused");
		like($r->{all}, $_->[1], 'with its reason');
	}
	is(check_config(sprintf $base, $_)->{code}, 0, $_) for 'httpclient.ssl.verify none', 'httpclient.resolvers.disabled on', 'httpclient.retries 0';
};

# The time limit of what was sent is over while the next connection is made.
subtest 'a kept connection that has ended, a peer that accepts no other' => sub {
	my $l = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') or die;
	my $file = spew('kept.lua', <<'END');
core.register_action("ask", {"http-req"}, function(txn)
	local r = core.httpclient():get{url = "http://127.0.0.1:" .. os.getenv("KEPT_PORT") .. "/", timeout = 200}
	txn:set_var("txn.out", r.status)
end)
END
	local $ENV{KEPT_PORT} = $l->sockport;
	my $p = start_proxy("global
    nbthread 1
    lua-load $file
    httpclient.retries 0
    httpclient.timeout.connect 1s
" . defaults('timeout client 30s') . "
frontend web
    bind {BIND:web}
    http-request lua.ask unless { path /alive }
    http-request return status 200 content-type text/plain lf-string \"%[var(txn.out)]\"
");
	my $begin = sub {
		my $c = $p->client('web');
		$c->send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
		return $c;
	};
	my $c = $begin->();
	my $peer = $l->accept;
	sysread $peer, my $head, 4096;
	syswrite $peer, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
	like($c->read_response->body, qr/^(200|504)$/, 'the first one');
	my @full = map {
		IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $l->sockport, Blocking => 0)
	} 1 .. 4;
	$c = $begin->();
	IO::Select->new($peer)->can_read(5);
	close $peer;
	like($c->read_response->body, qr/^50[34]$/, 'the second one');
	is(eval { $p->get('web', '/alive')->status }, 200, 'it goes on');
	stop_proxy($p);
};

SKIP: {
	skip 'IO::Socket::SSL is missing', 1 unless $has_tls;
	subtest 'certificates' => sub {
		my $ask = sub {
			my $p = start_proxy(config('lua-load-per-thread', @_));
			my $r = $p->request('web', "GET /https HTTP/1.1\r\nHost: h\r\n\r\n")->body;
			stop_proxy($p);
			return $r;
		};
		like($ask->('httpclient.ssl.ca-file @system-ca'), qr/^503 .*!TLS: (unable to get local issuer|self-signed)/, 'an unknown authority');
		like($ask->('httpclient.ssl.ca-file @system-ca', 'httpclient.ssl.verify none'), qr/^200 /, 'verify none');
		like($ask->('httpclient.resolvers.disabled'), qr/ERROR .*names are not resolved/, 'names are not resolved');
	};
}
if ($tls_pid) {
	kill 'TERM', $tls_pid;
	waitpid $tls_pid, 0;
}
done_testing();

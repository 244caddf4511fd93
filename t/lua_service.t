# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# core.register_service: use-service lua.NAME over HTTP and TCP, in both load modes
# and with several threads; what scripts do with it in the wild; bad scripts and
# peers. The same answers as HAProxy's, where one is installed.
use Tideway::Test;
use Tideway::Compare;

my $script = spew('service.lua', <<'END');
local function text(a, s, status)
	a:set_status(status or 200)
	a:add_header("content-length", #s)
	a:add_header("content-type", "text/plain")
	a:start_response()
	a:send(s)
end

core.register_service("hello", "http", function(a) text(a, "Hello World !") end)

-- everything that a request is
core.register_service("show", "http", function(a)
	local o = {}
	for _, name in ipairs { "method", "path", "qs", "version", "length" } do
		o[#o + 1] = name .. "=" .. tostring(a[name])
	end
	local h = a.headers
	o[#o + 1] = "x-a=" .. h["x-a"][0] .. "," .. h["x-a"][1] .. "," .. tostring(h["x-a"][2])
	o[#o + 1] = "same=" .. tostring(h == a.headers) .. tostring(a.nothing)
	o[#o + 1] = "line=" .. a:getline() .. "|" .. a:receive(3) .. "|" .. a:receive()
	    .. "|" .. a:receive() .. "|" .. a:receive(5) .. a:getline()
	o[#o + 1] = "var=" .. tostring(a:set_var("txn.v", "val")) .. a:get_var("txn.v")
	    .. tostring(a.set_var(a, "txn.w", 1, true)) .. tostring(a:get_var("txn.none"))
	a:unset_var("txn.v")
	o[#o + 1] = "unset=" .. tostring(a:get_var("txn.v"))
	o[#o + 1] = "priv=" .. tostring(a:get_priv())
	a:set_priv({ k = "mine" })
	o[#o + 1] = "priv=" .. a:get_priv().k
	o[#o + 1] = "f=" .. a.f:src() .. "," .. a.sf:req_hdr("none") .. "," .. a.c:upper("x") .. "," .. a.sc:lower("Y")
	a.kept = { 1, 2 }
	o[#o + 1] = "kept=" .. #a.kept
	o[#o + 1] = "status=" .. tostring(a:set_status(99)) .. tostring(a:set_status(600))
	    .. tostring(a:set_status(299, "Fine"))
	o[#o + 1] = "early=" .. tostring(pcall(a.send, a, "x"))
	a:add_header("X-Twice", "1")
	a:add_header("X-Twice", "2")
	a:start_response()
	o[#o + 1] = "late=" .. tostring(pcall(a.start_response, a)) .. tostring(pcall(a.add_header, a, "x", "y"))
	    .. tostring(pcall(a.set_status, a, 200))
	a:send(table.concat(o, "\n") .. "\n")
	a:send("sent=" .. a:send("abc"))
end)

core.register_service("nothing", "http", function(a) end)
core.register_service("nostart", "http", function(a) a:set_status(204) end)
core.register_service("err", "http", function(a) error("boo") end)
core.register_service("err2", "http", function(a) a:start_response() a:send("abc") error("boo") end)
core.register_service("short", "http", function(a) a:add_header("content-length", 10) a:start_response() a:send("abc") end)
core.register_service("badlen", "http", function(a) a:add_header("content-length", "x") a:start_response() a:send("abc") end)
core.register_service("status", "http", function(a) a:set_status(tonumber(a.qs), "Its reason") a:start_response() a:send("body") end)

-- as it comes
core.register_service("echo", "http", function(a)
	a:start_response()
	while true do
		local s = a:receive(10000)
		if #s == 0 then break end
		a:send(s)
	end
end)
core.register_service("whole", "http", function(a) text(a, a:receive()) end)
core.register_service("lines", "http", function(a)
	local n, last = 0
	while true do
		local s = a:getline()
		if s == "" then break end
		n, last = n + 1, s
	end
	text(a, n .. last)
end)
core.register_service("big", "http", function(a)
	local piece = string.rep("0123456789abcdef", 4096)
	a:start_response()
	for i = 1, tonumber(a.qs) do a:send(piece) end
end)
core.register_service("slow", "http", function(a)
	a:start_response()
	for i = 1, 3 do a:send(i .. ";") core.msleep(5) end
end)
core.register_service("hang", "http", function(a)
	core.Info("hangs")
	a:start_response()
	a:send("begin;")
	while core.tripped ~= true do core.msleep(5) a:send(".") end
end)
core.register_service("yields", "http", function(a)
	pcall(function() core.yield() coroutine.yield() a.x = 5 end)
	text(a, "after " .. a.x)
end)
core.register_service("keeps", "http", function(a)
	local why = "none"
	if KEPT then
		local _, e = pcall(function() return KEPT:get_priv() end)
		why = e
	end
	KEPT = a
	text(a, why)
end)
core.register_service("thread", "http", function(a) text(a, tostring(core.thread)) end)

-- an ACME client has put the answers to its challenges here
local tokens = { ["token-1"] = "token-1.thumbprint" }
core.register_service("acme-http01", "http", function(applet)
	local challenge = string.match(applet.path, "^/%.well%-known/acme%-challenge/(.+)$")
	local response = tokens[challenge]
	if response then
		applet:set_status(200)
	else
		applet:set_status(404)
		response = "resource not found\n"
	end
	applet:add_header("Server", "haproxy/acme-http01-authenticator")
	applet:add_header("Content-Length", string.len(response))
	applet:add_header("Content-Type", "text/plain")
	applet:start_response()
	applet:send(response)
end)

-- metrics; what it tells of proxies, if the script can know them
core.register_service("prometheus", "http", function(applet)
	local out = { "# HELP lua_up Whether this answers.\n# TYPE lua_up gauge\nlua_up 1\n" }
	for name in pairs(core.backends or {}) do
		out[#out + 1] = string.format('lua_backend_up{backend="%s"} 1\n', name)
	end
	local s = table.concat(out)
	applet:set_status(200)
	applet:add_header("content-length", string.len(s))
	applet:add_header("content-type", "text/plain; version=0.0.4")
	applet:start_response()
	if applet.method ~= "HEAD" then applet:send(s) end
end)

core.register_service("tcp-echo", "tcp", function(a)
	while true do
		local s = a:receive(1)
		if s == "" then return end
		a:send(s)
	end
end)
core.register_service("tcp-lines", "tcp", function(a)
	a:send("hello " .. a.f:src() .. "\n")
	while true do
		local s = a:getline()
		if s == "" or s == "quit\n" then return end
		if s == "fail\n" then error("asked for it") end
		if s == "wait\n" then
			local t = a:receive(10, 20)
			s = "late " .. tostring(t) .. "\n"
		end
		if s == "try\n" then s = "try " .. tostring(a:try_receive()) .. "\n" end
		if s == "priv\n" then a:set_priv(7) a:set_var("txn.x", "y") s = a:get_priv() .. a:get_var("txn.x") .. "\n" end
		if s == "all\n" then s = "all " .. a:receive() .. "|" .. a:receive() .. "|" .. tostring(a.try_receive and a:try_receive()) end
		a:send("> " .. s)
	end
end)
core.register_service("tcp-flood", "tcp", function(a)
	local piece = string.rep("x", 65536)
	for i = 1, 300 do a:send(piece) end
end)
core.register_service("tcp-sink", "tcp", function(a) a:send(tostring(#a:receive())) end)
END

sub web
{
	my ($how) = @_;

	return "global
    nbthread 2
    $how $script
" . defaults('timeout client 20s') . "
frontend web
    bind {BIND:web}
    http-request set-var(txn.w) str(set) if { path /set }
" . join('', map { "    http-request use-service lua.$_ if { path_beg /$_ }\n" } qw(hello show
		nothing nostart err2 err short badlen status echo whole lines big slow hang yields keeps thread
		prometheus)) . "
    http-request use-service lua.acme-http01 if { path_beg /.well-known/acme-challenge/ }
    http-response set-header X-Rule yes
" . join('', map { "frontend f$_
    mode tcp
    bind {BIND:$_}
    tcp-request content use-service lua.tcp-$_
" } qw(echo lines flood sink));
}

sub req { return "$_[0] $_[1] HTTP/" . ($_[2] // '1.1') . "\r\nHost: a\r\n" . ($_[3] // '') . "\r\n" . ($_[4] // '') }
sub post { return req('POST', $_[0], '1.1', 'Content-Length: ' . length($_[1]) . "\r\n", $_[1]) }

my $MB = 1 << 20;
# slower machines and sanitizers
my $BIG = ($ENV{TW_SANITIZER} // 'no') =~ /address|thread/ ? 4 : 20;

sub tests
{
	my ($p) = @_;

	subtest 'answers' => sub {
		my $c = $p->client('web');
		for (1 .. 3) {
			$c->send(req('GET', '/hello'));
			my $r = $c->read_response;
			is($r->status . $r->body, '200Hello World !', 'hello');
			is($r->header('content-length'), 13, 'its length');
			is($r->header('x-rule'), 'yes', 'http-response rules see it');
		}
		$c->send(req('POST', '/show/x?a=b&c', '1.1',
		    "X-A: 1\r\nX-a: 2\r\nContent-Length: 16\r\n", "one\nabcdef\nthree"));
		my $r = $c->read_response;
		is($r->start, 'HTTP/1.1 299 Fine', 'set_status');
		is(join(',', $r->all('x-twice')), '1,2', 'add_header');
		is($r->header('transfer-encoding'), 'chunked', 'of no known length');
		is($r->body, 'method=POST
path=/show/x
qs=a=b&c
version=HTTP/1.1
length=16
x-a=1,2,nil
same=truenil
line=one
|abc|def
three||
var=truevaltruenil
unset=nil
priv=nil
priv=mine
f=127.0.0.1,,X,y
kept=2
status=falsefalsetrue
early=false
late=falsefalsefalse
abcsent=3', 'all of it');
		$c->send(req('GET', '/yields'));
		is($c->read_response->body, 'after 5', 'it may wait');
		$c->send(req('GET', '/slow'));
		is($c->read_response->body, '1;2;3;', 'piece by piece');
	};

	subtest 'errors' => sub {
		for my $uri (qw(nothing nostart err badlen status?199 status?150)) {
			my $r = $p->get('web', "/$uri");
			is($r->status, 500, "$uri: 500");
			ok($r->{complete}, 'whole');
		}
		ok($p->wait_output(qr/Lua [\w-]+ 'err': .*service\.lua:\d+: boo/), 'it is told');
		for my $uri (qw(err2 short)) {
			my $r = $p->get('web', "/$uri");
			is($r->status . $r->body, '200abc', $uri);
			ok(!$r->{complete}, 'cut');
		}
		$p->get('web', '/keeps');
		my %seen;
		$seen{ $p->get('web', '/keeps')->body }++ for 1 .. 6;
		ok((grep { /run has ended|none/ } keys %seen) == keys %seen && (grep { /has ended/ } keys %seen),
		    'an applet that was kept is of no use');
	};

	subtest 'pipelining, HEAD, HTTP/1.0' => sub {
		my $c = $p->client('web');
		$c->send(post('/whole', 'a') . post('/hello', 'unread' x 1000) . req('GET', '/slow') . post('/echo', 'b' x 40000));
		is($c->read_response->body, $_, 'in order') for 'a', 'Hello World !', '1;2;3;', 'b' x 40000;
		for my $uri ('/hello', '/slow', '/prometheus') {
			$c->send(req('HEAD', $uri));
			my $r = $c->read_response(method => 'HEAD');
			is($r->status . $r->body, '200', "HEAD $uri");
			ok($c->is_quiet(0.02), 'no body');
		}
		for my $s (204, 304) {
			$c->send(req('GET', "/status?$s"));
			my $r = $c->read_response;
			is($r->start, "HTTP/1.1 $s Its reason", "status $s");
			is($r->body, '', 'has no body');
		}
		$c = $p->client('web');
		$c->send(req('GET', '/slow', '1.0'));
		my $r = $c->read_response;
		is($r->body, '1;2;3;', 'HTTP/1.0: until it is closed');
		ok(!defined $r->header('transfer-encoding'), 'no chunks');
		is($c->state, 'eof', 'closed');
		$c = $p->client('web');
		$c->send(req('GET', '/hello', '1.0', "Connection: keep-alive\r\n") x 2);
		is($c->read_response->body, 'Hello World !', 'kept') for 1, 2;
	};

	subtest 'bodies' => sub {
		my $body = join '', map { sprintf "%07d\n", $_ } 1 .. $BIG * $MB / 8;
		my $c = $p->client('web');
		$c->send(post('/whole', $body), 60);
		ok($c->read_response(secs => 60)->body eq $body, 'all at once');
		$c->send(post('/lines', substr $body, 0, $MB), 60);
		is($c->read_response(secs => 60)->body, $MB / 8 . sprintf("%07d\n", $MB / 8), 'by lines');
		$c->send(req('POST', '/whole', '1.1', "Transfer-Encoding: chunked\r\n",
		    "4\r\nwiki\r\n5\r\npedia\r\n0\r\n\r\n"));
		is($c->read_response->body, 'wikipedia', 'chunks');
		$c->send(req('POST', '/whole', '1.1', "Content-Length: 6\r\nExpect: 100-continue\r\n"));
		like($c->read_until(qr/\r\n\r\n/), qr/^HTTP\/1.1 100 /, '100 Continue');
		$c->send('abcdef');
		is($c->read_response->body, 'abcdef', 'then its body');

		# a client that reads late, of a service that writes much
		$c->send(req('GET', '/big?' . $BIG * 16));
		ok($c->read_until(qr/\r\n\r\n/), 'a head');
		select undef, undef, undef, 0.05;
		$c->close;
		$c = $p->client('web');
		$c->send(req('GET', '/big?' . $BIG * 16));
		is(length $c->read_response(secs => 60)->body, $BIG * $MB, 'a long answer');
		# and both at once
		my $pid = fork // die;
		if ($pid == 0) {
			$c->send(post('/echo', $body), 60);
			POSIX::_exit(0);
		}
		ok($c->read_response(secs => 60)->body eq $body, 'there and back');
		waitpid $pid, 0;
		is($c->request(req('GET', '/hello'))->body, 'Hello World !', 'the connection is kept');
	};

	subtest 'clients that leave' => sub {
		for my $uri ('/hang', '/big?1000') {
			my $c = $p->client('web');
			$c->send(req('GET', $uri));
			ok($c->read_until(qr/\r\n\r\n/), $uri);
			$c->reset;
		}
		my $c = $p->client('web');
		$c->send(req('POST', '/whole', '1.1', "Content-Length: 1000\r\n", 'abc'));
		$c->reset;
		$c = $p->client('web');
		$c->send(req('POST', '/echo', '1.1', "Transfer-Encoding: chunked\r\n", "4\r\nwiki\r\nzz\r\n"));
		like($c->read_all, qr/ (400|200) /, 'broken chunks');
		$c = $p->client('web');
		$c->send(req('POST', '/whole', '1.1', "Content-Length: 10\r\n", 'abc'));
		$c->shutdown_write;
		like($c->read_all, qr/^HTTP\/1.1 400 /, 'half a body');
		is($p->get('web', '/hello')->status, 200, 'it lives');
	};

	subtest 'scripts in the wild' => sub {
		my $r = $p->get('web', '/.well-known/acme-challenge/token-1');
		is($r->status . $r->body, '200token-1.thumbprint', 'ACME: a token');
		$r = $p->get('web', '/.well-known/acme-challenge/other');
		is($r->status . $r->body, "404resource not found\n", 'none');
		$r = $p->get('web', '/prometheus');
		like($r->body, qr/^lua_up 1$/m, 'metrics');
		is($r->header('content-type'), 'text/plain; version=0.0.4', 'their type');
	};

	subtest 'mode tcp' => sub {
		my $c = $p->client('echo');
		$c->send('abc');
		is($c->read_bytes(3), 'abc', 'echo');
		$c->send('x' x 100_000);
		is($c->read_bytes(100_000), 'x' x 100_000, 'much');
		$c->shutdown_write;
		ok($c->is_closed, 'to the end');
		$c = $p->client('lines');
		is($c->read_until(qr/\n/), "hello 127.0.0.1\n", 'who speaks first');
		$c->send("a\nb\n");
		is($c->read_until(qr/b\n/), "> a\n> b\n", 'lines');
		$c->send("priv\n");
		is($c->read_until(qr/\n/), "> 7y\n", 'private data, variables');
		$c->send("wait\n");
		is($c->read_until(qr/\n/), "> late nil\n", 'receive with a timeout: nothing');
		$c->send("wait\nabc");
		is($c->read_until(qr/\n/), "> late abc\n", 'a part');
		$c->send("wait\n0123456789");
		is($c->read_until(qr/\n/), "> late 0123456789\n", 'all');
		$c->send("try\n");
		is($c->read_until(qr/\n/), "> try nil\n", 'try_receive: nothing');
		$c->send("all\nabc\ndef");
		$c->shutdown_write;
		is($c->read_all, "> all abc\ndef||", 'the rest');
		$c = $p->client('lines');
		$c->send("fail\n");
		is($c->read_all, "hello 127.0.0.1\n", 'an error closes');
		ok($p->wait_output(qr/Lua [\w-]+ 'tcp-lines': .*asked for it/), 'and is told');
		$c = $p->client('lines');
		$c->send("quit\n");
		is($c->read_all, "hello 127.0.0.1\n", 'its end, too');
		$c = $p->client('flood');
		select undef, undef, undef, 0.02;
		is(length $c->read_bytes(300 * 65536, 60), 300 * 65536, 'a reader who is late');
		ok($c->is_closed, 'then the end');
		$c = $p->client('sink');
		$c->send('x' x ($BIG * $MB), 60);
		$c->shutdown_write;
		is($c->read_all, $BIG * $MB, 'much to read');
	};
}

SKIP: {
	skip 'ours', 1 unless is_tideway();
for my $how ('lua-load', 'lua-load-per-thread') {
	subtest $how => sub {
		my $p = start_proxy(web($how));
		tests($p);

		# threads
		my %t;
		wait_until {
			$t{ $p->get('web', '/thread')->body }++ for 1 .. 30;
			$how eq 'lua-load' || keys %t > 1;
		};
		is(join(',', sort keys %t), $how eq 'lua-load' ? '0' : '1,2', 'core.thread');

		# a service that runs goes on in its generation
		my $c = $p->client('web');
		$c->send(req('GET', '/hang'));
		ok($c->read_until(qr/begin;/), 'it runs');
		my $slow = $p->client('lines');
		$slow->read_until(qr/hello.*\n/);
		spew('service.lua', slurp($script) =~ s/"Hello World !"/"Hello again"/r);
		$p->write_config(web($how));
		$p->signal('USR2');
		ok(wait_until { $p->get('web', '/hello')->body eq 'Hello again' }, 'reloaded');
		ok($c->read_until(qr/\..*\..*\./s), 'it still runs');
		$slow->send("still\n");
		is($slow->read_until(qr/\n/), "> still\n", 'and so does the other');
		spew('service.lua', slurp($script) =~ s/"Hello again"/"Hello World !"/r . "\nerror('not this')\n");
		$p->signal('USR2');
		ok($p->wait_output(qr/not this/), 'a script that fails');
		is($p->get('web', '/hello')->body, 'Hello again', 'changes nothing');
		spew('service.lua', slurp($script) =~ s/\nerror\('not this'\)\n\z//r);
		$c->reset;
		$slow->send("quit\n");
		ok($slow->is_closed, 'the end');
		stop_proxy($p);
	};
}

subtest 'bad lines' => sub {
	my $try = sub {
		my ($lua, $line) = @_;
		my $file = spew('bad.lua', $lua);
		return check_config("global\n    lua-load $file\n" . defaults()
		    . "\nfrontend web\n    bind 127.0.0.1:1\n    $line\nfrontend tcp\n    mode tcp\n    bind 127.0.0.1:2\n    "
		    . ($_[2] // '') . "\n")->{err};
	};
	my $two = 'core.register_service("a", "http", function() end) core.register_service("b", "tcp", function() end)';
	like($try->($two, 'http-request use-service lua.none'), qr/no service 'lua\.none'/, 'no such name');
	like($try->($two, 'http-request use-service lua.b'), qr/'lua\.b' is one for 'tcp-request content/, 'a mode');
	like($try->($two, '', 'tcp-request content use-service lua.a'), qr/'lua\.a' is one for 'http-request/, 'the other');
	like($try->('core.register_service("a", "udp", function() end)', ''), qr/bad\.lua:1: bad argument #2 .*udp/, 'none');
	like($try->('core.register_service("a", "http")', ''), qr/bad argument #3 .*function expected/, 'no function');
	like($try->('core.register_service()', ''), qr/bad argument #1/, 'nothing');
	like($try->('core.register_service("a", "http", print) core.register_service("a", "tcp", print)', ''),
	    qr/'a' is registered for mode http already/, 'twice');
};
}

done_testing();

# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# core.register_filter: lines `filter lua.NAME`, their callbacks, HTTPMessage and
# Channel, in both load modes and with several threads; long bodies, slow peers.
# One script runs in HAProxy, too, where one is installed, with the same results.
use Tideway::Test;
use Tideway::Compare;

my $MB = 1 << 20;
my $BIG = ($ENV{TW_SANITIZER} // 'no') =~ /address|thread/ ? 4 : 20;
my $o = origin(name => 's', respond => sub {
	my ($req, $c, $o) = @_;
	my $uri = $req->uri;

	return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    . join('', map { sprintf "%x\r\n%s\r\n", length $_, $_ } 'Hello ', 'World', '!')
	    . "0\r\n\r\n" if $uri =~ /chunked/;
	return "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nHello World!" if $uri =~ /close/;
	return "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" if $uri =~ /empty/;
	return "HTTP/1.1 204 No\r\n\r\n" if $uri =~ /204/;
	return $o->reply($req, "World\n" x ($uri =~ /big=(\d+)/ ? $1 : 1)) if $uri =~ /big/;
	return $o->reply($req, join '', map { "$_: " . $req->header($_) . "\n" } grep { $req->has($_) } 'X-Seen', 'Content-Length', 'Transfer-Encoding')
	    if $uri =~ /head/;
	return $o->reply($req, $req->method . " $uri " . ($req->{body} // '')) if $uri =~ /echo/;
	return $o->reply($req, length($req->{body} // '') . '') if $uri =~ /count/;
	return $o->reply($req, 'Hello World!');
});

# what both can do: what passes, and a line for each thing that was seen
my $common = <<'END';
local F = { id = "common", flags = filter.FLT_CFG_FL_HTX }
F.__index = F
local function text(...)
	local t = table.pack(...)
	for i = 1, t.n do t[i] = type(t[i]) .. ":" .. (tostring(t[i]):gsub("^.*%.lua:%d+: ", "")) end
	return table.concat(t, " ")
end
function F:new() return setmetatable({ seen = {}, n = 0, mode = self.args[1], last = {} }, F) end
function F:say(...) self.seen[#self.seen + 1] = text(...) end
function F:start_analyze(txn, chn)
	self:say("start", chn:is_resp(), chn:input() >= 0)
	filter.register_data_filter(self, chn)
end
function F:http_headers(txn, m)
	self:say("headers", m:is_resp(), m.channel:is_resp())
	local l = m:get_stline()
	if m:is_resp() then
		self:say(l.version, l.code, l.reason)
		m:del_header("content-length")
		m:add_header("transfer-encoding", "chunked")
		m:add_header("x-args", table.concat(ARGS, ","))
		self:say(m:set_status(201), m:set_status(203, "Changed"), (pcall(m.set_path, m, "/x")))
	else
		self:say(l.version, l.method, l.uri)
		m:add_header("X-Seen", "1")
		m:add_header("x-seen", "2")
		m:set_header("x-other", "a")
		m:del_header("X-OTHER")
		m:set_header("X-Rep", "one two, three")
		self:say(m:rep_header("x-rep", "(o.)e", "<\\1>"), m:get_headers()["x-rep"][0])
		m:set_header("X-Rep", "one, two,three")
		self:say(m:rep_value("x-rep", "^t(.*)$", "T\\1"), m:get_headers()["x-rep"][0])
		self:say(m:set_path("/echo/p"), m:set_query("a=b"), m:get_stline().uri, m:set_uri("/echo/u?c=d"), m:get_stline().uri)
		self:say(m:set_query(""), m:get_stline().uri, (pcall(m.set_status, m, 200)))
		self:say(m:get_headers()["x-seen"][0], m:get_headers()["x-seen"][1], m:get_headers()["x-other"])
		self:say(m:set_method("PUT"))
	end
	self:say(pcall(m.channel.data, m.channel))
	self:say(pcall(m.add_header, m, "x"))
	self:say(txn.sf:src())
	return filter.CONTINUE
end
function F:http_payload(txn, m)
	if not m:is_resp() then return end
	if self.mode == "edit" and not self.done then
		self.done = true
		self:say("payload", m:input(), m:body(), m:body(-3), m:body(1, 2), m:body(0, 1000), m:body(0, -1), m:body(-1000))
		self:say(m:append("TAIL"), m:prepend("HEAD"), m:insert("I", 2), m:insert("J", -1), m:remove(0, 1), m:set("SET", 0, 2))
		self:say(m:send("SENT"), m:forward(3), m:input(), m:body())
		self:say(pcall(m.remove, m, 100000)) self:say(pcall(m.insert, m, "x", 100000))
		self:say(pcall(m.body, m, 100000)) self:say(pcall(m.remove, m, 0, 1000))
		self:say(pcall(m.set, m, "x", 0, 1000)) self:say(m:remove(-2), m:body())
		self:say(m:set("(" .. m:body() .. ")"), m:body(0, 1000))
	end
	self.n = self.n + m:input()
end
function F:http_end(txn, m)
	self:say("end", m:is_resp())
	if m:is_resp() then txn:set_var("txn.seen", table.concat(self.seen, "\n")) SEEN = table.concat(self.seen, "\n") end
	return filter.CONTINUE
end
core.register_filter("common", F, function(flt, args)
	flt.args = args
	ARGS = args
	return flt
end)
core.register_service("seen", "http", function(a)
	a:start_response()
	a:send(SEEN)
end)
END

my $ours = <<'END';
-- a class with these callbacks, and payload if it has one for that
local function class(name, t)
	t.flags = filter.FLT_CFG_FL_HTX
	t.__index = t
	function t:new() return setmetatable({ args = self.args, n = 0, kept = "" }, t) end
	if t.http_payload or t.tcp_payload then
		t.start_analyze = t.start_analyze or function(self, txn, chn) filter.register_data_filter(self, chn) end
	end
	core.register_filter(name, t, function(flt, args) flt.args = args return flt end)
end

-- the answer's text is another one, whatever pieces it comes in; a length is told anew
class("rewrite", {
	http_headers = function(self, txn, m)
		if m:is_resp() then m:set_body_len("chunked") end
	end,
	http_payload = function(self, txn, m)
		if not m:is_resp() then return end
		if not m:eom() then
			-- what may be the beginning of the word stays
			local s = m:body()
			local cut = #s - 4
			if cut <= 0 then return filter.WAIT end
			local new = (s:gsub("World", "Moon!"))
			m:set(new)
			m:forward(#new - 4)
			return filter.WAIT
		end
		m:set(((m:body() or ""):gsub("World", "Moon!")))
	end,
})
-- the whole body at once
class("whole", {
	http_headers = function(self, txn, m)
		if m:is_resp() then m:set_body_len("chunked") end
	end,
	http_payload = function(self, txn, m)
		if not m:is_resp() then return end
		if not m:eom() then return filter.WAIT end
		m:set("<" .. (m:body() or "") .. ">")
	end,
})
-- the same, kept in the script
class("collect", {
	http_headers = function(self, txn, m) m:set_body_len("chunked") end,
	http_payload = function(self, txn, m)
		local r = m:is_resp()
		self[r] = (self[r] or "") .. (m:body() or "")
		m:remove()
		if m:eom() then m:append("[" .. self[r] .. "]") end
	end,
})
class("len", {
	http_headers = function(self, txn, m) m:set_body_len(5) end,
	http_payload = function(self, txn, m) if m:eom() then m:set("12345") else m:remove() end end,
})
class("clen", {
	http_headers = function(self, txn, m) m:set_header("content-length", "3") end,
	http_payload = function(self, txn, m) if m:eom() then m:set("abc") else m:remove() end end,
})
class("tooshort", { http_payload = function(self, txn, m) if m:is_resp() then m:remove(0, 1) end end })
class("toolong", { http_payload = function(self, txn, m) if m:is_resp() then m:append("more") end end })
class("count", {
	http_payload = function(self, txn, m) self.n = self.n + m:input() end,
	http_end = function(self, txn, m)
		if m:is_resp() then txn:set_var("txn.n", self.n) COUNTED = self.n end
	end,
	end_analyze = function(self, txn, chn) ENDED = (ENDED or 0) + 1 end,
})
class("deny", { http_headers = function(self, txn, m)
	local p = txn.sf:path()
	if not m:is_resp() and p == "/deny" then return filter.ERROR end
	if m:is_resp() and p == "/denyres" then return filter.ERROR end
	if not m:is_resp() and p == "/boo" then error("boo") end
	if p == "/strange" then return "x" end
	if p == "/yields" and not m:is_resp() then
		local ok, e = pcall(core.msleep, 5)
		m:add_header("X-Seen", (e:gsub("^.-: ", "")))
	end
	if p == "/late" and m:is_resp() then
		local ok, e = pcall(txn.http_req.set_header, txn.http_req, "a", "b")
		m:add_header("X-Seen", e)
	end
end })
class("payloaderr", {
	http_payload = function(self, txn, m)
		if m:is_resp() and txn.sf:path() == "/big=30000" then return filter.ERROR end
		if m:is_resp() and txn.sf:path() == "/big=30001" then error("poo") end
	end,
})
class("wait", {
	http_headers = function(self, txn, m)
		self.n = self.n + 1
		if m:is_resp() or self.n > 3 then
			m:add_header("X-Seen", tostring(self.n))
			return
		end
		filter.wake_time(5)
		return filter.WAIT
	end,
	http_payload = function(self, txn, m)
		if not m:is_resp() then return end
		if m:input() > 100 then
			m:forward(m:input() // 2)
			filter.wake_time(1)
			return filter.WAIT
		end
	end,
})
class("eom", { http_headers = function(self, txn, m) if m:is_resp() then m:set_body_len("chunked") end end,
	http_payload = function(self, txn, m)
		if m:is_resp() then m:unset_eom() local a = m:eom() m:set_eom() m:set(tostring(a) .. tostring(m:eom()) .. tostring(m:may_recv())) end
	end })
class("unreg", {
	start_analyze = function(self, txn, chn) filter.register_data_filter(self, chn) end,
	http_headers = function(self, txn, m) filter.unregister_data_filter(self, m.channel) end,
	http_payload = function(self, txn, m) error("not to be called") end,
})
class("kept", { http_headers = function(self, txn, m) KEPT = m KEPTC = m.channel end })
core.register_action("use-kept", { "http-req" }, function(txn)
	local _, a = pcall(function() return KEPT:get_stline() end)
	local _, b = pcall(function() return KEPTC:is_resp() end)
	local _, c = pcall(function() return txn.http_req:get_headers() end)
	txn:set_var("txn.kept", a .. "|" .. b .. "|" .. c)
end)
core.register_fetches("ended", function() return tostring(ENDED) .. "," .. tostring(COUNTED) end)
class("upper", {
	tcp_payload = function(self, txn, chn)
		if chn:is_resp() then
			local l = chn:line(0, -1)
			chn:set("<" .. chn:get_in_len() .. ">" .. chn:data():upper())
			return
		end
		if not chn:data():find("\n") and chn:may_recv() then return filter.WAIT end
		while true do
			local l = chn:getline()
			if not l or l == "" then break end
			chn:send((l:gsub("X%-Up", "X-Seen")))
		end
		chn:append(chn:get() or "")
		chn:append(chn:dup() or "")
	end,
})
class("notcp", { http_headers = function() error("no") end })
core.register_filter("ignored", { flags = 1, new = function() error("never") end }, function() return nil end)
core.register_filter("nonew", { flags = 1, http_headers = function() error("never") end }, function(f) return f end)
core.register_filter("nilnew", { flags = 1, new = function() return nil end, http_headers = function() error("never") end }, function(f) return f end)
END

sub get { "GET $_[0] HTTP/1.1\r\nHost: a\r\n" . ($_[1] // '') . "\r\n" }
sub post { "POST $_[0] HTTP/1.1\r\nHost: a\r\nContent-Length: " . length($_[1]) . "\r\n\r\n$_[1]" }

my @names = qw(rewrite whole collect len clen tooshort toolong count deny payloaderr wait eom unreg kept);

sub text
{
	my ($how, $file) = @_;

	return "global
    nbthread 2
    $how $file
" . defaults('timeout client 20s', 'timeout server 20s') . "
" . join('', map { "listen $_
    bind {BIND:$_}
    filter lua.$_ arg
    server s ${\ $o->addr}
" } @names) . "
listen two
    bind {BIND:two}
    filter lua.whole
    filter lua.collect
    filter lua.ignored
    filter lua.nonew
    filter lua.nilnew
    server s ${\ $o->addr}
listen info
    bind {BIND:info}
    http-request lua.use-kept
    http-request return status 200 content-type text/plain lf-string \"%[lua.ended]|%[var(txn.kept)]\"
listen served
    bind {BIND:served}
    filter lua.whole
    filter lua.count
    http-request use-service lua.seen
listen beside
    bind {BIND:beside}
    filter compression
    filter lua.rewrite
    compression algo gzip
    compression type text/plain
    server s ${\ $o->addr}
frontend fe
    bind {BIND:fe}
    filter lua.whole
    default_backend be
backend be
    filter lua.collect
    server s ${\ $o->addr}
listen tcp
    mode tcp
    bind {BIND:tcp}
    filter lua.upper
    filter lua.notcp
    server s ${\ $o->addr}
";
}

sub tests
{
	my ($p) = @_;
	my $ask = sub { $p->request($_[0], $_[1], secs => 20) };

	subtest 'bodies that change' => sub {
		for my $uri ('/', '/chunked', '/close') {
			my $r = $ask->('rewrite', get($uri));
			is($r->body, 'Hello Moon!!', "$uri: rewritten");
			is($r->header('transfer-encoding'), 'chunked', 'of no known length');
			is($ask->('whole', get($uri))->body, '<Hello World!>', 'whole');
			is($ask->('collect', get($uri))->body, '[Hello World!]', 'collected');
			is($ask->('two', get($uri))->body, '[<Hello World!>]', 'two of them');
			is($ask->('fe', get($uri))->body, '[<Hello World!>]', "a frontend's and a backend's");
			$r = $ask->('len', get($uri));
			is($r->header('content-length') . $r->body, '512345', 'another length');
			$r = $ask->('clen', get($uri)) ;
			is($r->body, 'abc', 'by its field') if $uri eq '/';
		}
		is($ask->('rewrite', get('/', "Connection: close\r\n") =~ s/1\.1/1.0/r)->body, 'Hello Moon!!', 'HTTP/1.0');
		my $c = $p->client('rewrite');
		$c->send(get('/') . get('/chunked') . get('/big=3'));
		is($c->read_response->body, $_, 'pipelined') for 'Hello Moon!!', 'Hello Moon!!', "Moon!\n" x 3;
		$c->send(get('/') =~ s/GET/HEAD/r);
		is($c->read_response(method => 'HEAD')->body, '', 'HEAD');
		ok($c->is_quiet(0.02), 'no body');
		$c->send(get('/204'));
		is($c->read_response->status, 204, 'status 204');
		$c->send(get('/'));
		is($c->read_response->body, 'Hello Moon!!', 'the connection is of use');
		is($ask->('collect', post('/echo', 'abc'))->body, '[POST /echo [abc]]', 'a request');
		is($ask->('whole', get('/empty'))->body, '<>', 'an empty one is filled');
	};

	subtest 'lengths that are not kept' => sub {
		my $r = $ask->('tooshort', get('/'));
		ok(!$r->{complete}, 'too short: cut');
		ok($p->wait_output(qr/Lua filter 'tooshort' has made a body shorter than its Content-Length/), 'and told');
		$r = $ask->('toolong', get('/'));
		is($r->body, 'Hello World!', 'too long: the surplus is left out');
		like($p->get('toolong', '/chunked')->body, qr/!more$/, 'without a length it may pass');
	};

	subtest 'what only looks' => sub {
		my $c = $p->client('count');
		my $body = 'x' x ($BIG * $MB);
		$c->send(post('/count', $body), 60);
		is($c->read_response(secs => 60)->body, length $body, 'an upload');
		is($c->request(get('/'))->header('content-length'), 12, 'the length stays');
		like($p->get('info', '/')->body, qr/^\d+,12\|/, 'counted');
		my $r = $ask->('count', get('/big=' . $BIG * 170_000));
		is(length $r->body, $BIG * 170_000 * 6, 'a long answer');
		$c = $p->client('rewrite');
		$c->send(get('/big=' . $BIG * 100_000));
		ok($c->read_until(qr/\r\n\r\n/), 'one that is rewritten, for a slow client');
		select undef, undef, undef, 0.05;
		$c->close;
		$r = $ask->('rewrite', get('/big=' . $BIG * 100_000));
		ok($r->body eq "Moon!\n" x ($BIG * 100_000), 'all of it');
		is($ask->('unreg', get('/'))->body, 'Hello World!', 'one that does not want payload');
		$c = $p->client('count');
		$c->send(post('/count', 'x') =~ s/Length: 1/Length: 100/r);
		$c->reset;
		my ($ended) = $p->get('info', '/')->body =~ /^(\d+),/;
		ok(wait_until { ($p->get('info', '/')->body =~ /^(\d+),/)[0] >= 4 }, 'end_analyze');
	};

	subtest 'errors' => sub {
		is($ask->('deny', get('/deny'))->status, 400, 'ERROR for a request');
		is($ask->('deny', get('/denyres'))->status, 502, 'and for a response');
		is($ask->('deny', get('/boo'))->status, 400, 'an error');
		ok($p->wait_output(qr/Lua filter 'deny': .*filter\.lua:\d+: boo/), 'is told');
		is($ask->('deny', get('/strange'))->status, 400, 'a strange result');
		like($ask->('deny', get('/late'))->header('X-Seen'), qr/a head can only be changed in http_headers/, 'too late');
		like($ask->('deny', get('/yields'))->body, qr/Hello/, 'no yield');
		is($ask->('deny', get('/'))->body, 'Hello World!', 'else it passes');
		for my $n (30000, 30001) {
			my $r = $ask->('payloaderr', get("/big=$n"));
			ok(!$r->{complete}, 'an error in payload cuts');
		}
		ok($p->wait_output(qr/Lua filter 'payloaderr': .*: poo/), 'and is told');
		$ask->('kept', get('/'));
		my $m = 'HTTPMessage and a filter\'s Channel are only for a filter\'s callbacks';
		like($p->get('info', '/')->body, qr/\|.*\Q$m\E\|.*\Q$m\E\|.*\Q$m\E$/, 'what was kept is of no use')
		    for 1 .. 4;
		my $c = $p->client('rewrite');
		$c->send(get('/big=1000000'));
		$c->read_bytes(1000);
		$c->reset;
		is($ask->('rewrite', get('/'))->status, 200, 'who leaves does no harm');
	};

	subtest 'waiting' => sub {
		my $r = $ask->('wait', get('/head'));
		is($r->header('X-Seen'), 5, 'a head waits, twice three times');
		like($r->body, qr/^X-Seen: 4$/m, 'the request, too');
		$r = $ask->('wait', get('/big=1000'));
		is($r->body, "World\n" x 1000, 'and payload');
		$r = $ask->('eom', get('/'));
		is($r->body, 'falsetruefalse', 'set_eom, unset_eom');
		my $c = $p->client('wait');
		$c->send(get('/big=100000'));
		$c->read_until(qr/\r\n\r\n/);
		$c->reset;
		is($ask->('wait', get('/head'))->status, 200, 'a client that leaves');
	};

	subtest 'beside others' => sub {
		my $r = $ask->('beside', get('/big=1000', "Accept-Encoding: gzip\r\n"));
		is($r->status, 200, 'compression');
		my $seen = $ask->('served', get('/'));
		like($seen->body, qr/^<.*>$/s, "a service's answer");
	};

	subtest 'mode tcp' => sub {
		my $c = $p->client('tcp');
		$c->send("GET /head HTTP/1.1\r\n");
		$c->send("Host: a\r\nX-Up: v\r\nConnection: close\r\n\r\n");
		my $all = $c->read_all;
		like($all, qr/^<\d+>HTTP\/1\.1 200.*X-SEEN: V\n/s, 'both ways') or diag($all);
		like($p->stderr, qr/^(?!.*filter 'notcp')/s, 'no http_headers there');
	};
}

SKIP: {
	skip 'ours', 1 unless is_tideway();
for my $how ('lua-load', 'lua-load-per-thread') {
	subtest $how => sub {
		my $file = spew('filter.lua', $common . "SEEN = 'seen'\n" . $ours);
		my $p = start_proxy(text($how, $file));
		tests($p) if $how eq 'lua-load';
		if ($how ne 'lua-load') {
			# the states are two: what is counted in one is not in the other
			is($p->request('rewrite', get($_ % 2 ? '/' : '/chunked'))->body, 'Hello Moon!!', 'rewritten') for 1 .. 10;
			is($p->request('two', post('/echo', 'x' x 100_000))->body,
			    '[<POST /echo [' . 'x' x 100_000 . ']>]', 'both ways') for 1 .. 4;
			is($p->request('deny', get('/deny'))->status, 400, 'an error');
		}
		$p->write_config(text($how, $file) =~ s/filter lua\.rewrite arg/filter lua.whole/r);
		my $c = $p->client('rewrite');
		$c->send(get('/big=1000000'));
		ok($c->read_until(qr/\r\n\r\n/), 'it runs');
		$p->signal('USR2');
		ok(wait_until { $p->request('rewrite', get('/'))->body eq '<Hello World!>' }, 'a reload');
		like($c->read_until(qr/\r\n0\r\n\r\n/, 30), qr/Moon!/, 'what runs goes on');
		stop_proxy($p);
	};
}

subtest 'bad lines' => sub {
	my $try = sub {
		my ($lua, $line, $mode) = @_;
		return check_config("global\n    lua-load " . spew('bad.lua', $lua) . "\n" . defaults()
		    . "\nlisten web\n    mode " . ($mode // 'http') . "\n    bind 127.0.0.1:1\n    $line\n")->{all};
	};
	my $r = 'core.register_filter("a", {flags = 1}, ';
	like($try->($r . 'function(f, a) error("no " .. #a .. a[1]) end)', 'filter lua.a x y'), qr/'filter lua\.a': .*no 2x/, 'its function fails');
	like($try->($r . 'function() return 5 end)', 'filter lua.a'), qr/gives a table or nil, not a number/, 'gives a number');
	like($try->($r . 'print)', 'filter lua.b'), qr/no script has registered a filter 'b'/, 'no such name');
	like($try->($r . '5)', ''), qr/bad argument #3 .*function expected/, 'no function');
	like($try->('core.register_filter("a", 5, print)', ''), qr/bad argument #2 .*table expected/, 'no class');
	like($try->('core.register_filter("a", {}, function(f) return f end)', 'filter lua.a'), qr/'lua\.a' is not one for mode http/, 'mode http');
	is($try->('core.register_filter("a", {}, function(f) return f end)', 'filter lua.a', 'tcp') =~ /ALERT/, '', 'mode tcp');
};
}

# the same script in both
my $file = spew('common.lua', $common);
my %seen;
for my $bin (grep { defined } find_haproxy(), is_tideway() ? Tideway::Test::binary() : ()) {
	my $p = start_proxy("global\n    lua-load $file\n" . defaults() . "
listen edit
    bind {BIND:edit}
    filter lua.common edit b c
    server s ${\ $o->addr}
listen look
    bind {BIND:look}
    http-request use-service lua.seen
", bin => $bin, args => ['-db']);
	for my $uri ('/', '/echo') {
		my $r = $p->request('edit', post($uri, 'abc'));
		push @{ $seen{$bin} }, $r->start, $r->header('x-args'), $r->body, split /\n/, $p->get('look', '/')->body;
	}
	$p->stop;
}
SKIP: {
	my ($one, $two) = values %seen;
	skip 'nothing to compare', 1 unless defined $two;
	is_deeply($one, $two, "HAProxy and tideway see the same");
}

done_testing();

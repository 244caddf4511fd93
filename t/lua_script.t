# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# lua-script: hooks of our own API, what a request shows them and what they
# decide.
use Tideway::Test;

my @o = map { origin(name => "s$_", respond => sub {
	my ($req, $c, $o) = @_;
	return $o->reply($req, $req->{raw_body}, 'X-Up: 1', 'X-Up: 2')
	    if $req->uri =~ /echo-body/;
	return $o->reply($req, $req->{raw});
}) } 1 .. 3;
my @a = map { $_->addr } @o;
my $gone = listener();
my $gone_addr = $gone->addr;
$gone->close;

my $servers = "
backend b1
    server s1 $a[0]
backend b2
    server s2 $a[1]
    server s3 $a[2]
backend dead
    retries 1
    server d1 $gone_addr
    server d2 $gone_addr
";

my $n = 0;
sub proxy
{
	my ($lua, %opt) = @_;
	my $path = spew('s' . ++$n . '.lua', $lua);

	return start_proxy("global
    nbthread 2
    lua-script main file $path " . ($opt{line} // '') . "
" . ($opt{global} // '') . defaults(@{ $opt{defaults} // [] }) . "
frontend web
    bind {BIND:web}
" . ($opt{web} // '') . "
    default_backend b1
$servers" . ($opt{more} // ''));
}

sub ask
{
	my ($p, $uri, @fields) = @_;

	return $p->request('web', "GET $uri HTTP/1.1\r\nHost: "
	    . "App.Example:80\r\n" . join('', map { "$_\r\n" } @fields) . "\r\n");
}

subtest 'what a request shows' => sub {
	my $p = proxy(<<'END', line => 'arg who=me n=2',
local args = ...
local tw2 = require "tideway"
assert(tw2 == tw and args.who == "me" and args.n == "2")
local show = {
	line = function(r) return r.method .. r.path .. r.query .. r.host .. r.scheme .. r.version end,
	args = function(r) return r.args.a .. tostring(r.args.none) .. r.args["b c"] .. r.args.empty end,
	cookies = function(r) return r.cookies.one .. tostring(r.cookies.none) .. r.cookies.two end,
	headers = function(r)
		return r.headers.x_one .. r.headers["X-One"] .. tostring(r.headers.none) .. "|" ..
		    r.headers.x_list .. "|" .. table.concat(r.headers:all("x-list"), "+")
	end,
	pairs = function(r)
		local t = {}
		for k, v in pairs(r.headers) do t[#t + 1] = k .. "=" .. v end
		for k, v in pairs(r.args) do t[#t + 1] = k .. "=" .. v end
		for k, v in pairs(r.cookies) do t[#t + 1] = k .. "=" .. v end
		table.sort(t)
		return table.concat(t, ",")
	end,
	addr = function(r)
		return r.src .. r.dst .. math.type(r.src_port) .. math.type(r.dst_port) .. tostring(r.tls) ..
		    math.type(r.id) .. r.frontend .. tostring(r.backend)
	end,
	vars = function(r)
		r.vars.x = 5
		r.vars["sess.y"] = "s"
		r.vars.t = true
		local before = tostring(r.vars.x) .. r.vars["sess.y"] .. tostring(r.vars.t) .. tostring(r.vars.z)
		r.vars.x = nil
		return before .. tostring(r.vars.x) .. r.vars["txn.rule"]
	end,
	same = function(r) return tostring(r.headers == r.headers) end,
}
function on_request(req)
	req:reply(200, show[req.path:match("%a+")](req), { ["x-a"] = "1", ["X-B"] = { "2", "3" } })
end
END
	    web => "    http-request set-var(txn.rule) str(r)\n");
	my @f = ('Cookie: one=1; two="b"', 'X-One: 1', 'X-List: a', 'X-List: b');
	my $get = sub { ask($p, $_[0], @f)->body };
	my $r = ask($p, '/line?q=1', @f);
	is($r->body, 'GET/lineq=1app.examplehttp1.1', 'method, path, query, host, scheme, version');
	is(join(',', $r->header('x-a'), $r->all('x-b')), '1,2,3', 'headers of a reply');
	is($get->('/args?a=%41+b&b+c=2&empty&=x&a=2'), 'A bnil2', 'args');
	is($get->('/cookies'), '1nil"b"', 'cookies');
	is($get->('/headers'), '11nil|a, b|a+b', 'headers');
	is($get->('/pairs?k=v'), 'cookie=one=1; two="b",host=App.Example:80,k=v,one=1,'
	    . 'two="b",x-list=a,x-list=b,x-one=1', 'pairs');
	is($get->('/addr'), '127.0.0.1' . ($p->addr('web') =~ /(.*):/)[0] . 'integerintegernilintegerwebnil', 'addresses');
	is($get->('/vars'), '5struenilnilr', 'variables');
	is($get->('/same'), 'true', 'parts are made once');
	stop_proxy($p);
};

subtest 'decisions' => sub {
	my $p = proxy(<<'END',
local big = ("0123456789"):rep(50000)
function on_request(req)
	local p = req.path
	if p == "/big" then req:reply(201, big)
	elseif p == "/empty" then req:reply(204)
	elseif p == "/redirect" then req:redirect("https://x/" .. req.query, 308)
	elseif p == "/deny" then req:deny()
	elseif p == "/deny451" then req:deny(451)
	elseif p == "/deny429" then req:deny(429)
	elseif p == "/drop" then req:drop()
	elseif p == "/tarpit" then req:tarpit(0.05)
	elseif p == "/route" then req:route("b2")
	elseif p == "/object" then req:route(tw.backend("b2"))
	elseif p == "/server" then req:server("b2/s3")
	elseif p == "/late" then req:route("b2") req:server("s3")
	elseif p == "/servobj" then
		for s in tw.backend("b2"):servers() do if s.name == "s3" then req:server(s) end end
	elseif p == "/rewrite" then
		req:rewrite{ method = "PUT", host = "h2", path = "/new", query = "a=b" }
		req:rewrite{ query = "" }
	elseif p == "/headers" then
		local h = req.headers
		h["x-set"] = "v" h.x_del = nil h.x_two = "only" h:add("X-Add", 1) h:add("X-Add", "2")
		h.Host = "other"
	elseif p == "/log" then
		req:log{ a = "text", n = 5 }
	elseif p == "/slow" then
		tw.sleep(0.01) tw.sleep(0.01) req:route("b2")
	elseif p == "/body" then
		req:reply(200, "<" .. req:body() .. ">")
	elseif p == "/json" then
		local v, why = req:json()
		req:reply(200, type(v) == "table" and v.a[2] or type(why))
	elseif p == "/bodymax" then
		req:reply(200, tostring(req:body(10)))
	elseif p == "/tune" then
		req:timeout{ connect = 1, server = "3s", queue = 2, client = 5, tunnel = "1m" }
		req:retry{ times = 2, on = false } req:priority(-5)
	end
end
END
	    web => "    log-format x\n    http-response set-header X-Log \"%[var(txn.log.a)] %[var(txn.log.n)]\"\n");
	my $big = ask($p, '/big');
	is($big->status . ' ' . length $big->body, '201 500000', 'a long reply');
	is(ask($p, '/empty')->status, 204, 'an empty one');
	my $r = ask($p, '/redirect?x=1');
	is($r->status . $r->header('location'), '308https://x/x=1', 'redirect');
	is(ask($p, '/deny')->status, 403, 'deny');
	is(ask($p, '/deny451')->status, 451, 'deny with a status that has no page');
	like(ask($p, '/deny429')->body, qr/429/, 'deny with one that has');
	is(ask($p, '/drop')->status, 0, 'drop');
	is(ask($p, '/tarpit')->status, 500, 'tarpit');
	like(ask($p, '/route')->header('x-server'), qr/s[23]/, 'route');
	like(ask($p, '/object')->header('x-server'), qr/s[23]/, 'route to an object');
	is(ask($p, "/$_")->header('x-server'), 's3', "server, $_") for qw(server late servobj) x 2;
	like(ask($p, '/rewrite?old')->body, qr{^PUT /new HTTP/1.1\r\n(?i:host): h2\r}, 'rewrite');
	my $b = ask($p, '/headers', 'X-Del: 1', 'X-Two: 1', 'X-Two: 2')->body;
	like($b, qr/^x-set: v\r/m, 'a header is set');
	unlike($b, qr/x-del/i, 'one is deleted');
	is(join(',', $b =~ /^x-two: (.*)\r/mgi), 'only', 'the only one of its name');
	is(join(',', $b =~ /^x-add: (.*)\r/mgi), '1,2', 'added');
	is(join(',', $b =~ /^host: (.*)\r/mgi), 'other', 'the host');
	is(ask($p, '/log')->header('x-log'), 'text 5', 'what is to be logged');
	like(ask($p, '/slow')->header('x-server'), qr/s[23]/, 'a hook that sleeps');
	is(ask($p, '/tune')->status, 200, 'timeouts, retries, priority');
	my $post = sub { $p->request('web', "POST $_[0] HTTP/1.1\r\nHost: h\r\nContent-Length: 20\r\n\r\n"
	    . 'a' x 20) };
	is($post->('/body')->body, '<' . 'a' x 20 . '>', 'the body');
	is($post->('/bodymax')->body, 'nil', 'one that is too long');
	is($post->('/json')->body, 'string', 'one that is no JSON');
	is($p->request('web', "POST /json HTTP/1.1\r\nHost: h\r\nContent-Length: 13\r\n\r\n{\"a\":[1,\"b\"]}")->body,
	    'b', 'JSON');
	my $c = $p->client('web');
	$c->send("POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc");
	ok($c->is_silent(0.05), 'it waits') if $c->can('is_silent');
	$c->send('def');
	is($c->read_message->body, '<abcdef>', 'a body that comes in pieces');
	stop_proxy($p);
};

subtest 'hooks in a table, route, pick, response, log' => sub {
	my $log = syslog_udp();
	my $p = proxy(<<'END',
local hooks = {}
function hooks.on_init(worker) assert(math.type(worker) == "integer") ready = worker end
function hooks.on_request(req) assert(ready == tw.worker) end
function hooks.on_route(req, proposal)
	if req.path == "/nil" then return nil end
	if req.path == "/obj" then return tw.backend("b2") end
	if req.path == "/see" then req.headers.x_see = proposal end
	if req.path == "/wrong" then return "nowhere" end
	if req.args.to then return req.args.to end
	if req.path == "/sleep" then tw.sleep(0.005) return "b2" end
end
function hooks.on_pick(req, backend)
	if backend.name == "b2" and req.path ~= "/rr" then
		if req.path == "/badpick" then return "s9" end
		if req.path == "/sleeppick" then tw.sleep(1) end
		if req.path == "/pickobj" then return backend:server("s2") end
		return "s3"
	end
end
function hooks.on_retry(req, attempt, why)
	if req.path == "/stop" then return false end
	if req.path == "/other" and attempt == 1 then return "b2" end
	req:log{ attempt = attempt, why = why }
end
function hooks.on_response(res, req)
	if req.path == "/hide" then return req:reply(200, "hidden", {}) end
	if req.path == "/denied" then return req:deny() end
	if req.path == "/slowres" then tw.sleep(0.005) end
	if req.path == "/echo-body" then
		local b = res:body()
		res.headers["x-body"] = b
	end
	res.headers["x-res"] = req.path .. res.status .. tostring(res.headers.x_none) .. req.server_name
	res.headers.x_up = nil
	if req.path == "/status" then res.status = 418 end
end
function hooks.on_log(rec)
	rec:log{ what = rec.status .. rec.backend .. rec.server_name .. rec.termination .. (rec.time.total >= 0 and "t" or "") }
end
return hooks
END
	    global => '',
	    defaults => ['log ' . $log->addr . ' local0'],
	    web => "    log-format \"%[var(txn.log.what)] %[var(txn.log.attempt)] %[var(txn.log.why)]\"\n");
	my $from = sub { my $r = ask($p, $_[0]); $r->status . ' ' . ($r->header('x-server') // '-') };
	is($from->('/nil'), '200 s1', 'nil: as proposed');
	is($log->next_line->{msg}, '200b1s1----t - -', 'on_log');
	is($from->('/obj'), '200 s3', 'a backend, and on_pick');
	is($from->('/?to=b2'), '200 s3', 'a name');
	is($from->('/pickobj?to=b2'), '200 s2', 'a server');
	is($from->('/sleep'), '200 s3', 'a hook that sleeps');
	like(ask($p, '/see')->body, qr/x-see: b1/i, 'the proposal');
	is($from->('/wrong'), '500 -', 'a backend that is not there');
	ok($p->wait_output(qr/on_route: it returned 'nowhere', which is no backend of mode http/), 'said');
	is($from->('/badpick?to=b2'), '500 -', 'a server that is not there');
	is($from->('/sleeppick?to=b2'), '500 -', 'on_pick may not wait');
	ok($p->wait_output(qr/tw.sleep: yield not allowed in a hook/), 'said');
	is($from->('/stop?to=dead'), '503 -', 'on_retry gives up');
	is($from->('/other?to=dead'), '200 s3', 'on_retry: another backend');
	is($from->('/x?to=dead'), '503 -', 'on_retry leaves it');
	my ($l) = $log->next_match(qr/503dead.* connect/);
	ok($l, 'attempt and reason') or diag($l);
	is(ask($p, '/hide')->body, 'hidden', 'on_response: another answer');
	is(ask($p, '/denied')->status, 502, 'on_response: deny');
	my $r = ask($p, '/slowres');
	is($r->header('x-res'), '/slowres200nils1', 'on_response: headers');
	is(ask($p, '/status')->status, 418, 'on_response: the status');
	$r = $p->request('web', "POST /echo-body HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody");
	is($r->body . $r->header('x-body') . ($r->header('x-up') // 'none'), 'bodybodynone', 'on_response: the body');
	stop_proxy($p);
};

subtest 'errors' => sub {
	my $lua = <<'END';
local kept
function on_request(req)
	if req.path == "/fail" then local x = nil; x.y = 1 end
	if req.path == "/keep" then kept = { req, req.headers } end
	if req.path == "/use" then
		local ok, why = pcall(function() return kept[1].path end)
		local ok2, why2 = pcall(function() return kept[2].host end)
		req:reply(200, why .. "|" .. why2)
	end
	local bad = {
		backend = function() req:route("none") end,
		server = function() req:server("b2/none") end,
		field = function() return req.nothing end,
		assign = function() req.path = "/" end,
		status = function() req:reply(1000) end,
		header = function() req.headers["a b"] = "x" end,
		value = function() req.headers.a = "x\r\ny" end,
		length = function() req.headers["content-length"] = "1" end,
		rewrite = function() req:rewrite{ path = "x y" } end,
		unknown = function() req:rewrite{ pth = "/x" } end,
		time = function() req:timeout{ server = "x" } end,
		var = function() req.vars.x = {} end,
		self = function() req.route("b1") end,
		stage = function() req.response = 1 end,
		prio = function() req:priority(5000) end,
		redirect = function() req:redirect("x", 200) end,
		nores = function() return req.response.status end,
	}
	local f = bad[req.path:match("%a+")]
	if f then req:reply(200, select(2, pcall(f))) end
end
END
	my $p = proxy($lua);
	my $r = ask($p, '/fail');
	is($r->status, 500, 'an error answers 500');
	my ($id) = $r->body =~ /error id (\w+)/;
	is($r->header('x-request-error-id'), $id, 'its id in header and body');
	ok($p->wait_output(qr/on_request failed, answered with 500, error id $id/), 'and in the log');
	my $kept;
	ok(wait_until {
		ask($p, '/keep');
		$kept = ask($p, '/use')->body;
		return $kept =~ /req.path: this request has ended: do not keep it\|.*headers: their request has ended/;
	}, 'what was kept') or diag($kept);
	my %say = (
		backend => qr/req:route: there is no backend 'none'/,
		server => qr/there is no server 'none' in backend 'b2'/,
		field => qr/a request has no field 'nothing'/,
		assign => qr/field 'path' cannot be assigned/,
		status => qr/a status is 200 to 599/,
		header => qr/cannot be a header's name/,
		value => qr/no line breaks/,
		length => qr/tells where the body ends/,
		rewrite => qr/is no path/,
		unknown => qr/unknown field 'pth'/,
		time => qr/a time is seconds, or "500ms"/,
		var => qr/string, number, boolean or nil is expected, not a table/,
		self => qr/write req:route\(\.\.\.\), with a colon/,
		prio => qr/-2047 to 2047/,
		redirect => qr/301, 302/,
		nores => qr/index a nil/,
	);
	like(ask($p, "/$_")->body, $say{$_}, $_) for sort keys %say;
	stop_proxy($p);
	for (['deny', 403], [503, 503], ['continue', 200]) {
		my $q = proxy('function on_request(r) error("no") end', line => "on-error $_->[0]");
		is(ask($q, '/')->status, $_->[1], "on-error $_->[0]");
		stop_proxy($q);
	}
};

subtest 'where it runs' => sub {
	my $lua = 'function on_request(r) r.headers:add("x-seen", r.frontend) end
function on_accept(conn) if conn.src == "127.0.0.9" then conn:drop() end assert(conn.path == nil) end';
	my $more = "frontend two\n    bind {BIND:two}\n    use_backend L if { path /l }\n    default_backend b1\nlisten L\n    bind {BIND:l}\n    server s $a[0]\n";
	my $seen = sub { my $b = $_[0]->get($_[1], $_[2])->body; scalar(my @n = $b =~ /x-seen/g) };
	my $p = proxy($lua, more => $more);
	is(join('', $seen->($p, 'web', '/'), $seen->($p, 'two', '/'), $seen->($p, 'two', '/l'), $seen->($p, 'l', '/')),
	    '1111', 'everywhere, once');
	stop_proxy($p);
	$p = proxy($lua, more => $more, line => 'in two,b1');
	is(join('', $seen->($p, 'web', '/'), $seen->($p, 'two', '/'), $seen->($p, 'two', '/l')), '121', 'in two, b1');
	stop_proxy($p);
	$p = proxy($lua, more => $more, web => "    http-request lua-hook main if { path /yes }\n");
	is(join('', $seen->($p, 'web', '/'), $seen->($p, 'web', '/yes'), $seen->($p, 'two', '/')), '010', 'lua-hook');
	stop_proxy($p);
};

subtest 'mode tcp' => sub {
	my $path = spew('tcp.lua', 'function on_accept(c) if c.dst_port == 1 then c:deny() end tw.sleep(0.002) end
function on_route(c, be) return "t2" end
function on_pick(c, be) return "s2" end');
	my $p = start_proxy("global\n    lua-script t file $path\n" . defaults() . "
frontend web
    mode tcp
    bind {BIND:web}
    default_backend t1
backend t1
    mode tcp
    server s1 $a[0]
backend t2
    mode tcp
    server s1 $a[0]
    server s2 $a[1]
");
	is($p->get('web', '/')->header('x-server'), 's2', 'route and pick') for 1 .. 2;
	stop_proxy($p);
};

subtest 'explain' => sub {
	my $path = spew('canary.lua', "function on_request(req)\n\tif req.path == '/r' then\n\t\treq:route('b2')\n"
	    . "\tend\nend\nfunction on_route(req)\n\tif req.path == '/x' then\n\t\treturn 'b2'\n\tend\nend\n"
	    . "function on_pick(req, be)\n\treturn be.name == 'b2' and 's3' or nil\nend\n");
	my $cfg = spew('explain.cfg', "global\n    lua-script canary file $path\n" . defaults()
	    . "frontend web\n    bind :8080\n    default_backend b1\n$servers");
	my $out = run_cmd('explain', '-f', $cfg, 'GET /x', '-H', 'Host: a')->{out};
	# with that sanitizer Lua's hook is taken: the function's line is told
	my ($route, $pick) = ($ENV{TW_SANITIZER} // '') eq 'thread' ? (6, 11) : (8, 12);
	like($out, qr/backend b2  by lua  \(canary.lua:$route\)/, 'the line of the return');
	like($out, qr/server s3  by lua  \(canary.lua:$pick\)/, 'of the server, too');
	$out = run_cmd('explain', '-f', $cfg, 'GET /r', '-H', 'Host: a')->{out};
	like($out, qr/backend b2  by lua  \(canary.lua:3\)/, 'the line of req:route');
};

subtest 'bad lines' => sub {
	my $ok = spew('ok.lua', 'function on_log() end');
	my $bad = spew('bad.lua', "local x = 1\nx.y.z = 1\n");
	my $typo = spew('typo.lua', 'function on_reqest() end');
	my $syntax = spew('syntax.lua', "local\n");
	my $init = spew('init.lua', 'function on_init() error("not ready") end');
	my %say = (
		"a file $bad" => qr/bad.lua:2: attempt to index/,
		"a file $typo" => qr/there is no hook 'on_reqest'/,
		"a file $syntax" => qr/syntax.lua:\d+: .*expected/,
		'a file /nowhere.lua' => qr/cannot open/,
		"a path $ok" => qr/'lua-script' expects <name> file/,
		"a file $ok in none" => qr/there is no proxy 'none'/,
		"a file $ok arg x" => qr/'arg' expects name=value, not x/,
		"a file $ok profile odd" => qr/'trusted', 'standard' or 'untrusted', not 'odd'/,
		"a file $ok limit memory 1k" => qr/needs 64k at least/,
		"a file $ok limit time 0" => qr/must not be 0/,
		"a file $ok limit disk 1" => qr/'memory' or 'time', not 'disk'/,
		"a file $ok on-error 200" => qr/status from 400 to 599, not '200'/,
		"a file $ok what x" => qr/unknown word 'what'/,
		"a file $ok in" => qr/is missing/,
		"a file $ok\n    lua-script a file $ok" => qr/there is a script 'a' already/,
	);
	for my $line (sort keys %say) {
		my $r = check_config("global\n    lua-script $line\n" . defaults() . "frontend w\n    bind :0\n");
		ok($r->{sane} && $r->{code} == 1, "$line: refused");
		like($r->{all}, $say{$line}, 'and why');
	}
	my $r = check_config("global\n    lua-script a file $ok arg a=1 b=2 profile trusted limit memory 8m limit time 50ms on-error continue in w\n"
	    . defaults() . "frontend w\n    bind :0\n    http-request lua-hook a\n");
	like($r->{all}, qr/the script 'a' has no function on_request/, 'lua-hook without on_request');
	$r = check_config(defaults() . "frontend w\n    bind :0\n    http-request lua-hook a\n");
	like($r->{all}, qr/there is no script 'a'/, 'lua-hook of no script');
};

done_testing();

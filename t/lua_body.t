# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# lua-script: on_body, bodies of requests and responses that a script reads, changes,
# drops, lengthens and waits for while they pass; both framings, long ones, errors,
# peers that leave, `lua reload` meanwhile.
use Tideway::Test;
use Tideway::Cli;

plan(skip_all => 'ours') unless is_tideway();
my $big = join '', map { "line $_\n" } 1 .. (($ENV{TW_SANITIZER} // 'no') =~ /address|thread/ ? 30_000 : 200_000);
my $scale = $ENV{TW_TIME_SCALE} || 1;
my $sock = Tideway::Test::temp_dir() . '/admin.sock';
my $o = origin(name => 's', respond => sub {
	my ($req) = @_;
	my $uri = $req->uri;
	my $body = $uri =~ /big/ ? $big : $uri =~ /empty/ ? '' : 'answer';

	return response(200, ($req->{body} // '') . '|' . ($req->header('Transfer-Encoding') // '') . '|'
	    . ($req->header('Content-Length') // '')) if $uri =~ /mirror/;
	return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    . join('', map { sprintf "%x\r\n%s\r\n", length $_, $_ } unpack '(a3001)*', $body)
	    . "0\r\n\r\n" if $uri =~ /chunked/;
	return "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n$body" if $uri =~ /until_close/;
	return "HTTP/1.1 204 No\r\n\r\n" if $uri =~ /204/;
	return response(200, $body);
});

my $lua = <<'END';
local VERSION = "v1"
local how = {
	nothing = function() end,
	upper = function(msg, chunk) return chunk and chunk:upper() or "<end>" end,
	slow = function(msg, chunk)
		tw.sleep(0.002)
		return chunk and chunk:upper() or "<end>"
	end,
	-- what came is passed although it was waited for
	late = function(msg, chunk) if chunk then tw.sleep(0.002) end end,
	drop = function(msg, chunk) if chunk then return false end return "<end>" end,
	empty = function(msg, chunk) return "" end,
	twice = function(msg, chunk) return chunk and chunk .. chunk end,
	bad = function(msg, chunk) return {} end,
	yes = function(msg, chunk) return true end,
	fail = function(msg, chunk) error("no more") end,
	late_fail = function(msg, chunk) tw.sleep(0.002) error("no more") end,
	end_fail = function(msg, chunk) if not chunk then tw.sleep(0.002) error("no end") end end,
	ever = function(msg, chunk) tw.sleep(1000) end,
	seen = function(msg, chunk, req)
		req.vars.seen = (req.vars.seen or "") .. (chunk and "c" or "e") .. tostring(msg == req) ..
		    tostring(msg.method) .. tostring(req.path)
	end,
	limits = function(msg, chunk, req)
		if chunk then return false end
		local out = {}
		for _, f in ipairs{ function() req:route("b") end, function() req:deny() end, function() req.headers.x = "1" end,
		    function() req:body() end, function() req:filter_body() end, function() msg:filter_body() end,
		    function() msg.status = 300 end, function() msg:body() end } do
			out[#out + 1] = select(2, pcall(f)):gsub("^[^ ]*: ", "", 1)
		end
		return table.concat(out, "\n") .. "\n" .. msg.status .. req.host .. req.headers.x_res
	end,
}
local function hold(msg, chunk)
	while not io.open(GATE) do tw.sleep(0.005) end
	return chunk and VERSION .. chunk
end
how.hold = hold
function on_body(msg, chunk, req)
	return how[req.headers.x_do](msg, chunk, req)
end
local function stateful(msg)
	local n = 0
	return function(m, chunk)
		assert(m == msg)
		n = n + (chunk and #chunk or 0)
		return chunk and "" or tostring(n)
	end
end
local function want(msg, req)
	local what = req.headers.x_do
	if what == "state" then
		assert(msg:filter_body(stateful(msg)) == true)
	elseif what == "two" then
		msg:filter_body(how.upper)
		msg:filter_body(function(m, chunk) return not chunk and "<2>" or nil end)
	elseif what == "any" then
		req.vars.any = tostring(msg:filter_body(how.upper))
	elseif what == "args" then
		local out = {}
		for _, f in ipairs{ function() msg:filter_body(1) end, function() msg.filter_body() end,
		    function() msg.filter_body("x", print) end } do
			out[#out + 1] = select(2, pcall(f))
		end
		req.vars.any = table.concat(out, "; ")
	else
		msg:filter_body()
	end
end
function on_request(req)
	if req.headers.x_at == "req" then want(req, req) end
end
function on_response(res, req)
	if req.headers.x_at == "res" then want(res, req) end
	if req.vars.any or req.vars.seen then res.headers["x-any"] = req.vars.any or req.vars.seen end
end
function on_log(rec)
	rec:log{ seen = rec.vars.seen or "-" }
end
END
my $gate = Tideway::Test::temp_dir() . '/gate';
$lua =~ s/GATE/"$gate"/;
my $file = spew('body.lua', $lua);
my $pick = spew('pick.lua', 'function on_pick(req) if req.headers.x_at == "pick" then req:filter_body() end end');
my $none = spew('none.lua', "function on_request(req) req:filter_body() end\n");
my $p = start_proxy("global
    nbthread 2
    stats socket $sock level admin
    lua-script body file $file in web
    lua-script go file " . spew('go.lua', $lua) . " on-error continue in go
    lua-script none file $none in none
    lua-script pick file $pick in b
" . defaults() . "
frontend web
    bind {BIND:web}
    default_backend b
frontend go
    bind {BIND:go}
    default_backend b
frontend none
    bind {BIND:none}
    default_backend b
backend b
    server s ${\ $o->addr}
");

# at: req, res; body: undef, 'HEAD', text
sub ask
{
	my ($at, $do, $uri, $body, $more) = @_;
	my $method = !defined $body ? 'GET' : $body eq 'HEAD' ? 'HEAD' : 'POST';

	return "$method $uri HTTP/1.1\r\nHost: h\r\nX-At: $at\r\nX-Do: $do\r\nX-Res: r\r\n" . ($more // '')
	    . ($method eq 'POST' && !$more ? 'Content-Length: ' . length($body) . "\r\n" : '') . "\r\n"
	    . ($method eq 'POST' ? $body : '');
}

sub req
{
	my ($text, %opt) = @_;
	my $c = $p->client($opt{to} // 'web');

	$c->send($text);
	return $c->read_response(secs => 30 * $scale, %opt);
}

sub in_chunks
{
	return join('', map { sprintf "%x\r\n%s\r\n", length $_, $_ } unpack '(a5003)*', $_[0]) . "0\r\n\r\n";
}

subtest 'what it returns' => sub {
	for my $do ('upper', 'slow') {
		for my $uri ('/short', '/chunked', '/until_close') {
			my $r = req(ask('res', $do, $uri));
			is($r->body, 'ANSWER<end>', "$do, response, $uri");
			is($r->header('content-length'), undef, 'of another length');
		}
		is(req(ask('req', $do, '/mirror', 'question'))->body, 'QUESTION<end>|chunked|', "$do, request");
		is(req(ask('req', $do, '/mirror', in_chunks('question'), "Transfer-Encoding: chunked\r\n"))->body,
		    'QUESTION<end>|chunked|', "$do, request in chunks");
	}
	my %want = (nothing => 'answer', late => 'answer', drop => '<end>', empty => '', twice => 'answeranswer', state => '6',
		two => 'ANSWER<end><2>');
	is(req(ask('res', $_, '/short'))->body, $want{$_}, $_) for sort keys %want;
	is(req(ask('req', 'state', '/mirror', 'x' x 1000))->body, '1000|chunked|', 'a function of its own');
	is(req(ask('none', 'upper', '/short'))->header('content-length'), 6, 'nobody asked: nothing is changed');
	my $r = req(ask('req', 'seen', '/mirror', 'x'));
	is($r->header('x-any'), 'ctruePOST/mirroretruePOST/mirror', 'its arguments');
	is(req(ask('res', 'limits', '/short'))->body =~ s/\s+\z//r, join("\n",
		'req:route: not in on_body', 'req:deny: not in on_body',
		'changing a request\'s headers: not in on_body', 'req:body: not in on_body', 'req:filter_body: not in on_body',
		'res:filter_body: not in on_body', 'res.status: not in on_body', 'res:body: not in on_body', '200hr'), 'what it may not');
};

subtest 'long ones' => sub {
	for my $do ('upper', 'slow', 'nothing', 'late') {
		my $want = $do =~ /upper|slow/ ? uc($big) . '<end>' : $big;
		for my $uri ('/big', '/big/chunked', '/big/until_close') {
			ok(req(ask('res', $do, $uri))->body eq $want, "$do, response, $uri");
		}
		ok(req(ask('req', $do, '/mirror', $big))->body eq "$want|chunked|", "$do, request");
		ok(req(ask('req', $do, '/mirror', in_chunks($big), "Transfer-Encoding: chunked\r\n"))->body eq "$want|chunked|",
		    "$do, request in chunks");
	}
	my $n = 2 * length $big;
	is(length req(ask('res', 'twice', '/big'))->body, $n, 'more than came');
	is(req(ask('res', 'state', '/big'))->body, length $big, 'counted');

	my $c = $p->client('web');
	$c->send(ask('res', 'upper', '/big'));
	select(undef, undef, undef, 0.05);
	ok($c->read_response(secs => 30 * $scale)->body eq uc($big) . '<end>', 'a client that begins to read late');
	$c->send(ask('res', 'slow', '/short'));
	is($c->read_response->body, 'ANSWER<end>', 'the connection goes on');
};

subtest 'none' => sub {
	for ([ask('res', 'any', '/empty'), ''], [ask('res', 'any', '/204'), ''], [ask('req', 'any', '/mirror'), '||'],
		[ask('req', 'any', '/mirror', ''), '||0']) {
		my $r = req($_->[0]);
		is($r->body, $_->[1], 'no body');
		is($r->header('x-any'), 'false', 'was told');
	}
	is(req(ask('res', 'any', '/short'))->header('x-any'), 'true', 'there is one');
	my $r = req(ask('res', 'upper', '/short', 'HEAD'), method => 'HEAD');
	is($r->status, 200, 'HEAD');
	like(req(ask('req', 'args', '/mirror', 'x'))->header('x-any'),
	    qr/function expected, got number.*; .*req:filter_body: a request is expected.*; .*req:filter_body: a request is expected/, 'arguments');
	like(req(ask('res', 'args', '/short'))->header('x-any'), qr/function expected, got number.*; .*response of a request/, 'arguments');
	$r = req("POST /mirror HTTP/1.0\r\nX-At: req\r\nX-Do: upper\r\nContent-Length: 1\r\n\r\nx");
	is($r->status, 500, 'HTTP/1.0 without a host has no way to tell another length');
};

subtest 'errors' => sub {
	for my $do ('bad', 'yes', 'fail', 'late_fail') {
		is(req(ask('req', $do, '/mirror', 'x'))->status, 400, "$do: request") if $do !~ /late/;
		my $r = req(ask('res', $do, '/short'));
		ok($r->status == 502 || !$r->{complete}, "$do: response");
	}
	ok(!req(ask('res', 'end_fail', '/short'))->{complete}, 'at the end');
	ok($p->wait_output(qr/on_body returns a string, false or nil, not a table/), 'told');
	ok($p->wait_output(qr/'body': on_body failed, the response is cut off, error id \w+/), 'with an id');
	for my $do ('bad', 'fail', 'late_fail', 'end_fail') {
		is(req(ask('res', $do, '/short'), to => 'go')->body, 'answer', "on-error continue, $do: response");
		is(req(ask('req', $do, '/mirror', 'x'), to => 'go')->body, 'x|chunked|', "on-error continue, $do: request");
	}
	is(req(ask('req', 'x', '/mirror', 'x'), to => 'none')->status, 500, 'no on_body');
	ok($p->wait_output(qr/req:filter_body: the script has no on_body, and no function is given/), 'told');
	is(req(ask('pick', 'x', '/mirror', 'x'))->status, 500, 'too late');
	ok($p->wait_output(qr/req:filter_body: not in on_pick/), 'told');
};

subtest 'the ends' => sub {
	for my $at ('res', 'req') {
		my $c = $p->client('web');
		$c->send(ask($at, 'ever', '/mirror', 'x'));
		$c->read_until(qr/\r\n\r\n/) if $at eq 'res';
		$c->reset;
	}
	my $c = $p->client('web');
	$c->send(ask('res', 'hold', '/short'));
	$c->read_until(qr/\r\n\r\n/);
	spew('body.lua', $lua =~ s/"v1"/"v2"/r);
	like(cli_ask($sock, 'lua reload body'), qr/generation 2/, 'reloaded while one waits');
	spew('gate', '');
	like($c->read_until(qr/answer/), qr/v1answer/, 'it ends where it began');
	is(req(ask('res', 'hold', '/short'))->body, 'v2answer', 'the next is in the new one');
	is(req(ask('res', 'upper', '/short'))->body, 'ANSWER<end>', 'all goes on');
};

stop_proxy($p);

like(check_config("global\n    lua-script x file " . spew('alone.lua', "function on_body() end\n") . "\n"
    . defaults() . "listen l\n    bind 127.0.0.1:0\n")->{all}, qr/on_body: no hook can ask for it/, 'on_body alone');
done_testing();

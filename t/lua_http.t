# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The classes HTTP and TXN of HAProxy's Lua API, one method after the other, in
# tideway and, where it gives the same, in Debian's haproxy.
use Tideway::Test;
use Tideway::Compare;

my $lib = <<'END';
local function dump(t)
	local k, o = {}, {}
	for n in pairs(t) do k[#k + 1] = n end
	table.sort(k)
	for _, n in ipairs(k) do
		local v = {}
		for i = 0, 9 do if t[n][i] then v[#v + 1] = i .. "=" .. t[n][i] end end
		o[#o + 1] = n .. "{" .. table.concat(v, ",") .. "}"
	end
	return table.concat(o, " ")
end
local function try(f, ...)
	local r = table.pack(pcall(f, ...))
	for i = 1, r.n do r[i] = tostring(r[i]) end
	return table.concat(r, ",")
end
local function lines()
	local o = {}
	return o, function(name, f, ...) o[#o + 1] = name .. ": " .. try(f, ...) end
end
local function note(name, f)
	core.register_action(name, {"http-req"}, function(txn)
		local o, say = lines()
		f(txn, say, txn.http)
		txn:done{body = table.concat(o, "\n") .. "\n"}
	end)
end
END
# what both give alike
my $both = spew('both.lua', $lib . <<'END');
note("headers", function(txn, say, h)
	say("all", function() return dump(h:req_get_headers()) end)
	h:req_add_header("X-A", "1")
	h:req_add_header("X-A", 2)
	h:req_set_header("X-B", "b, c, b")
	h:req_set_header("X-Two", "one")
	h:req_del_header("X-Del")
	h:req_rep_header("X-A", "^(.)$", "<\\1>")
	h:req_rep_value("X-B", "^b$", "z")
	say("all", function() return dump(h:req_get_headers()) end)
	say("sf", function() return txn.sf:req_hdr("X-A") end)
	say("returns", function() return h:req_add_header("a", "b") end)
	say("missing", function() return h:req_get_headers()["nope"] end)
end)
note("line", function(txn, say, h)
	say("path", h.req_set_path, h, "/p")
	say("url", function() return txn.f:url() end)
	say("query", h.req_set_query, h, "a=b")
	say("url", function() return txn.f:url() end)
	say("query", h.req_set_query, h, "?c")
	say("url", function() return txn.f:url() end)
	say("query", h.req_set_query, h, "")
	say("url", function() return txn.f:url() end)
	say("uri", h.req_set_uri, h, "/u?v=w")
	say("url", function() return txn.f:url(), txn.f:path(), txn.f:query() end)
	say("method", h.req_set_method, h, "POST")
end)
note("vars", function(txn, say)
	local set, get = txn.set_var, txn.get_var
	say("known", set, txn, "txn.known", "x", true)
	say("unknown", set, txn, "txn.unknown", "x", true)
	say("unknown", get, txn, "txn.unknown")
	say("proc", set, txn, "proc.nobody", "x", true)
	say("proc", get, txn, "proc.nobody")
	say("proc", set, txn, "proc.somebody", "x", true)
	say("bool", set, txn, "txn.bool", true)
	say("bool", get, txn, "txn.bool")
	say("int", set, txn, "txn.int", 5)
	say("int", function() return math.type(get(txn, "txn.int")) end)
	say("float", set, txn, "txn.f", 1.5)
	say("float", get, txn, "txn.f")
	say("bad", set, txn, "bad.f", 1)
	say("bad", get, txn, "bad.f")
	say("table", set, txn, "txn.t", {})
	say("nil", set, txn, "txn.int", nil)
	say("unset", txn.unset_var, txn, "txn.bool")
	say("unset", get, txn, "txn.bool")
	say("dot", function() return txn.set_var(txn, "txn.d", "1"), txn:get_var("txn.d") end)
	say("priv", txn.get_priv, txn)
	txn:set_priv({a = 1})
	say("priv", function() return txn:get_priv().a end)
	txn:set_priv(nil)
	say("priv", txn.get_priv, txn)
	say("field", function() return txn.nope end)
end)
note("fetches", function(txn, say)
	local f, sf = txn.f, txn.sf
	say("none", function() return f:req_hdr("nope"), sf:req_hdr("nope") end)
	say("bool", function() return f:ssl_fc(), sf:ssl_fc() end)
	say("int", function() return math.type(f:src_port()), type(sf:src_port()) end)
	say("ip", function() return f:src(), sf:src() end)
	say("dots", function() return f:req_hdr_cnt("host"), f:req_fhdr("HOST"), sf:fe_name() end)
	say("meth", function() return f:method(), sf:method() end)
	say("res", function() return f:res_hdr("a"), sf:res_hdr("a") end)
	say("c", function() return txn.c:upper("a"), txn.c:length("abc"), math.type(txn.c:length("abc")) end)
	say("sc", function() return type(txn.sc:length("abc")), txn.sc:hex("ab") end)
	say("none", function() return txn.c:json_query("x", "$.a"), txn.sc:json_query("x", "$.a") end)
	say("nope", function() return f.nope, txn.c.nope end)
end)
note("channel", function(txn, say)
	for _, c in ipairs{txn.req, txn.res} do
		say("res", c.is_resp, c)
		say("may", c.may_recv, c)
		say("full", c.is_full, c)
		say("out", c.output, c)
	end
	say("in", function() return txn.req:input() > 0 end)
end)
note("packets", function(txn, say)
	say("tos", txn.set_tos, txn, 8)
	say("mark", txn.set_mark, txn, 1)
	say("class", txn.set_priority_class, txn, 99999)
	say("offset", txn.set_priority_offset, txn, -5)
	say("level", txn.set_loglevel, txn, 3)
end)
note("reply", function(txn, say)
	local r = txn:reply{status = 400, headers = {a = {"x"}}}
	say("new", function() return r.status, r.reason, r.body, r.headers.a[1] end)
	r:add_header("A", "y")
	r:add_header("a", "z")
	r:add_header("b", "z")
	r:del_header("b")
	r:set_status(201)
	r:set_body("body")
	say("now", function() return r.status, r.reason, r.body, r.headers.a[2], r.headers.A[1], r.headers.b end)
	r:set_status(200, "Fine")
	say("now", function() return r.status, r.reason end)
	say("usual", function() local e = txn:reply() return e.status, e.reason, e.body, type(e.headers) end)
end)
core.register_action("res", {"http-res"}, function(txn)
	local o, say = lines()
	local h = txn.http
	say("all", function() return dump(h:res_get_headers()) end)
	h:res_add_header("X-A", "1")
	h:res_set_header("X-B", "b, c, b")
	h:res_rep_header("X-A", "^(.)$", "<\\1>")
	h:res_rep_value("X-B", "^b$", "z")
	h:res_del_header("X-Gone")
	say("all", function() return dump(h:res_get_headers()) end)
	h:res_set_status(404)
	say("status", function() return txn.sf:status(), txn.f:status() end)
	say("path", function() return txn.f:path() end)
	txn:done{body = table.concat(o, "\n") .. "\n"}
end)
core.register_action("edit", {"http-res"}, function(txn)
	txn.http:res_set_status(404, "Nix")
	txn.http:res_set_header("X-Edit", "yes")
end)
core.register_action("route", {"http-req"}, function(txn)
	txn:set_var("txn.be", "two")
	txn.http:req_set_header("Host", "other")
	txn.http:req_set_uri("/new?x=1")
	txn.http:req_set_method("PUT")
	txn:set_loglevel(3)
end)
END
my @notes = qw(headers line vars fetches channel packets reply);
my $o = origin(name => 's', respond => sub {
	my ($req, $c) = @_;
	$c->send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Gone: 1\r\nX-M: 1\r\nx-m: 2\r\n\r\nok");
	return '';
});

sub config
{
	my ($log, $how, $threads) = @_;

	return "global\n    log $log->{addr} local0\n    $how $both\n"
	    . ($threads ? "    nbthread $threads\n" : '')
	    . defaults('log global', 'option httplog', 'retries 0') . "
frontend web
    bind {BIND:web}
    http-request set-var(txn.path) path
    http-request set-var(txn.known) str(1)
    http-request set-var(proc.somebody) str(1)
" . join('', map { "    http-request lua.$_ if { path /$_ }\n" } @notes) . "
    http-request lua.route if { path /route }
    http-response lua.res if { var(txn.path) -m str /res }
    http-response lua.edit if { var(txn.path) -m str /edit }
    use_backend %[var(txn.be)] if { var(txn.be) -m found }
    default_backend one
backend one
    server s1 ${\ $o->addr}
backend two
    server s2 ${\ $o->addr}
";
}

my @requests = map { "GET /$_ HTTP/1.1\r\nHost: h\r\nX-Del: 1\r\nAccept: a, b\r\n"
    . "ACCEPT: c\r\nx-two: 1\r\nX-Two: 2\r\nX-Empty:\r\n\r\n" } @notes, qw(res edit route);
my $haproxy = find_haproxy();
my %t = (origin => $o, whole => 1, requests => \@requests);
my $his = $haproxy && run_traffic(%t, bin => $haproxy, config => sub { config($_[0], 'lua-load') });

for my $how ('lua-load', 'lua-load-per-thread') {
	my $mine = run_traffic(%t, bin => binary(), config => sub { config($_[0], $how, 2) });
	for (0 .. $#$mine) {
		is($mine->[$_], $his->[$_], "$how: " . what_is($requests[$_])) if $his;
	}
	like($mine->[0], qr/all: true,accept\{0=a, b,1=c\} host\{0=h\}/, "$how: zero-based");
	like($mine->[-1], qr{PUT /new\?x=1.*host: other.*web two/s2}s, "$how: routed, rewritten");
	like($mine->[-2], qr{404 Nix.*x-edit: yes}s, "$how: a response");
}

# errors that say what was expected, and what only tideway refuses
my $errors = spew('errors.lua', $lib . <<'END');
note("errors", function(txn, say, h)
	say("1", h.req_set_header, h, "X")
	say("2", h.req_set_header, h, "X", {})
	say("3", h.req_set_header, h, "X", "a\r\nb")
	say("4", h.req_set_header, h, "X", "a\0b")
	say("5", h.req_set_header, h, "X\n", "a")
	say("6", h.req_set_header, "X", "a", "b")
	say("7", h.req_rep_header, h, "X", "(", "b")
	say("8", h.res_set_header, h, "X", "b")
	say("9", h.req_set_path, h, "/a\nb")
	say("10", h.req_set_method, h, "A B")
	say("11", h.res_get_headers, h)
	say("12", txn.set_loglevel, txn, 9)
	say("13", txn.log, txn, 9, "x")
	say("14", txn.req.data, txn.req)
	say("15", txn.set_var, txn, "txn.a")
	say("16", txn.set_var, 5, "txn.a", 1)
	say("17", txn.get_var, txn)
	say("18", function() txn.f:req_hdr("a", "b") end)
	say("19", function() txn.f.src() end)
	say("20", function() for i = 1, 200 do h:req_add_header("X-" .. i, "v") end end)
	say("21", h.req_set_path, h, "/with blank")
	say("22", function() return txn.f:url() end)
	say("23", txn.set_loglevel, txn, -1)
	say("24", txn.set_fc_tos, txn, 4)
	say("25", txn.set_fc_mark, txn, 4)
	say("26", coroutine.wrap(function() return txn.f:path(), h:req_get_headers().host[0] end))
	say("27", h.req_set_header, h, "X", true)
end)
core.register_action("response", {"http-res"}, function(txn)
	txn.http:res_set_header("x-1", select(2, pcall(txn.http.req_get_headers, txn.http)))
	txn.http:res_set_header("x-2", select(2, pcall(txn.http.req_set_path, txn.http, "/")))
	txn.http:res_set_header("x-3", select(2, pcall(txn.http.res_set_status, txn.http, 99)))
end)
core.register_action("after", {"http-after-res"}, function(txn)
	txn.http:res_set_header("x-after", txn.http:res_get_headers()["x-1"] and "1" or "0")
	txn.http:res_set_status(203)
	txn.http:res_set_header("x-4", select(2, pcall(core.sleep, 1)))
end)
local kept
core.register_action("keep", {"http-req"}, function(txn) kept = txn end)
core.register_action("use", {"http-req"}, function(txn)
	txn:done{body = select(2, pcall(kept.get_var, kept, "txn.a"))}
end)
core.register_action("logs", {"http-req"}, function(txn)
	txn:Debug("a debug") txn:Info("an info") txn:Warning("a warning") txn:Alert("an alert")
	txn:log(core.err, "an err") txn:deflog("by default")
	txn:set_loglevel(4) txn:deflog("by 4")
end)
END
my $log = syslog_unix();
my $p = start_proxy("global
    lua-load $errors
" . defaults('option httplog') . "
frontend web
    bind {BIND:web}
    log $log->{addr} local0
    http-request lua.errors if { path /errors }
    http-request lua.keep if { path /keep }
    http-request lua.use if { path /use }
    http-request lua.logs if { path /logs }
    http-response lua.response
    http-after-response lua.after
    default_backend one
backend one
    server s1 ${\ $o->addr}
");
my @want = (qr/string expected, got no value/, qr/string expected, got table/,
	qr/CR, LF and NUL are not allowed/, qr/CR, LF and NUL are not allowed/,
	qr/name of a header field is expected/, qr/req_set_header: call it as txn\.http:req_set/,
	qr/regular expression '\(' is not valid/, qr/res_set_header: not allowed in http-request/,
	qr/CR, LF and NUL/, qr/a method is expected/, qr/res_get_headers: not allowed/,
	qr/between 0 and 7/, qr/Invalid loglevel/, qr/data: Cannot manipulate HAProxy channels in HTTP mode/,
	qr/value expected/, qr/a TXN is expected, not a number/, qr/string expected, got no value/,
	qr/argument 2: a number is expected/, qr/call it as f:name/,
	qr/128 header fields: no more/, qr/true,true/, qr{true,/with%20blank}, qr/true/, qr/true/,
	qr/true/, qr{true,/with%20blank,h}, qr/string expected, got boolean/);
my @got = split /\n/, $p->request('web', "GET /errors HTTP/1.1\r\nHost: h\r\n\r\n")->body;
like($got[$_], $want[$_], "error $_") for 0 .. $#want;
my $l = $log->next_line;
is($l->{msg} =~ /GET/ ? 'a line' : 'none', 'none', 'a silent level: no line') if defined $l;

my $r = $p->request('web', "GET /r HTTP/1.1\r\nHost: h\r\n\r\n");
like($r->header('x-1'), qr/req_get_headers: not allowed in http-response rules/, 'a request in http-res');
like($r->header('x-2'), qr/req_set_path: not allowed in http-response/, 'its path');
like($r->header('x-3'), qr/100 to 999/, 'a status');
is($r->header('x-after') . $r->status, '1203', 'http-after-res');
like($r->header('x-4'), qr/yield not allowed/, 'which cannot wait');
$p->get('web', '/keep');
like($p->get('web', '/use')->body, qr/this TXN's request (has ended|lives on another thread)/, 'a TXN that was kept');
$p->get('web', '/logs');
my %pri;
while (my $line = $log->next_line) {
	$pri{ $line->{msg} } = $line->{pri} & 7;
	last if $line->{msg} =~ m{GET /logs};
}
is_deeply([ @pri{'a debug', 'an info', 'a warning', 'an alert', 'an err', 'by default', 'by 4'} ],
	[ 7, 6, 4, 1, 3, 6, 4 ], 'to the log of the proxy, with their levels');
is($pri{(grep { m{GET /logs} } keys %pri)[0] // ''}, 4, 'set_loglevel');
stop_proxy($p);

# booleans
for (['normal', 'boolean'], ['pre-3.1-bug', 'number']) {
	my $s = spew('bool.lua', 'core.register_fetches("b", function(t) return type(t.f:ssl_fc()) .. t.sf:ssl_fc() end)');
	my $q = start_proxy("global\n    tune.lua.bool-sample-conversion $_->[0]\n    lua-load $s\n"
	    . defaults() . "frontend web\n    bind {BIND:web}\n"
	    . "    http-request return status 200 content-type text/plain lf-string %[lua.b]\n");
	is($q->get('web', '/')->body, "$_->[1]0", "bool-sample-conversion $_->[0]");
	unlike($q->stderr, qr/WARNING/, 'no warning');
	stop_proxy($q);
	my $c = check_config("global\n    lua-load $s\n" . defaults() . "listen a\n    bind :0\n");
	like($c->{err}, qr/write 'tune.lua.bool-sample-conversion normal'/, 'unsaid: a warning');
}

done_testing();

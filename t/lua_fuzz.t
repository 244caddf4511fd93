# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Every method of TXN, HTTP, Reply, Channel, Fetches and Converters with random
# wrong types and counts of arguments, thousands of times, in each rule set: it
# gives a value or an error with a text, and the program lives.
use Tideway::Test;

my $script = spew('fuzz.lua', <<'END');
local seed = tonumber((...)) or 1
local function random(n) -- the same on every machine
	seed = (seed * 1103515245 + 12345) & 0x7fffffff
	return (seed >> 8) % n + 1
end
local names = {
	txn = {"Alert", "Debug", "Info", "Warning", "deflog", "log", "get_priv", "get_var", "set_priv",
	    "set_var", "unset_var", "reply", "set_fc_mark", "set_fc_tos", "set_loglevel", "set_mark",
	    "set_priority_class", "set_priority_offset", "set_tos", "nope"},
	http = {"req_add_header", "req_del_header", "req_get_headers", "req_rep_header", "req_rep_value",
	    "req_set_header", "req_set_method", "req_set_path", "req_set_query", "req_set_uri",
	    "res_add_header", "res_del_header", "res_get_headers", "res_rep_header", "res_rep_value",
	    "res_set_header", "res_set_status"},
	channel = {"append", "data", "dup", "forward", "get", "get_in_len", "get_out_len", "getline",
	    "input", "insert", "is_full", "is_resp", "line", "may_recv", "output", "prepend", "remove",
	    "send", "set"},
	reply = {"add_header", "del_header", "set_body", "set_status"},
	f = {"path", "src", "req_hdr", "hdr", "var", "req_body", "url_param", "lua_f", "sc_get_gpc0",
	    "src_port", "ssl_fc", "res_hdr", "status", "rand", "env", "query", "method", "payload",
	    "req_payload", "uuid", "date", "be_name", "nbsrv", "table_cnt", "capture_req_hdr"},
	c = {"upper", "hex", "add", "digest", "json_query", "map", "field", "word", "regsub", "bytes",
	    "url_dec", "b64dec", "ipmask", "lua_c", "strcmp", "concat", "sha2", "mod", "ltrim"},
}
local values
local function value(txn)
	local n = random(#values + 4)
	if n <= #values then return values[n] end
	if n == #values + 1 then return string.rep("x", random(20) == 1 and random(9000) or random(40)) end
	if n == #values + 2 then return random(1000) - 500 end
	if n == #values + 3 then return txn end
	return nil
end
local function args(txn, self)
	local t = {n = random(6) - 1}
	for i = 1, t.n do t[i] = value(txn) end
	if random(5) > 1 then t[1] = self if t.n == 0 then t.n = 1 end end
	return t
end
local calls, bad = 0, ""
local function call(what, txn, obj, name)
	local a = args(txn, obj)
	local f = obj[name]
	calls = calls + 1
	if f == nil then return end
	local r = table.pack(pcall(f, table.unpack(a, 1, a.n)))
	if not r[1] and type(r[2]) ~= "string" then bad = bad .. what .. "." .. name .. " " end
end
local function all(txn)
	values = values or {"txn.a", "", "a\0b", "a\r\nb", "X-A", "200", "(", "\\1", "%s%n", 0, -1, 1, 5, 99999,
	    math.maxinteger, math.mininteger, 1.5, 0/0, 1/0, true, false, {}, {1}, {status = 200},
	    {headers = {a = {1, {}}}}, print, coroutine.create(print), setmetatable({}, {__index = error}),
	    setmetatable({}, {__tostring = error}), io.stdout, "proc.a", "sess.b", "req.c", "bad"}
	values[#values + 1] = txn.req
	local reply = pcall(txn.reply, txn) and txn:reply() or {}
	for _ = 1, 40 do
		call("txn", txn, txn, names.txn[random(#names.txn)])
		if txn.http then call("http", txn, txn.http, names.http[random(#names.http)]) end
		local c = random(2) == 1 and txn.req or txn.res
		call("channel", txn, c, names.channel[random(#names.channel)])
		call("reply", txn, reply, names.reply[random(#names.reply)])
		local f = random(2) == 1 and txn.f or txn.sf
		call("f", txn, f, names.f[random(#names.f)])
		local v = random(2) == 1 and txn.c or txn.sc
		call("c", txn, v, names.c[random(#names.c)])
	end
	table.remove(values)
end
core.register_fetches("f", function(txn, ...) return value(txn) end)
core.register_converters("c", function(v, ...) return value(nil) end)
core.register_fetches("fuzz", function(txn) all(txn) return calls end)
core.register_action("fuzz", {"http-req", "http-res", "tcp-req", "tcp-res", "http-after-res"}, function(txn)
	values = values or {0}
	all(txn)
	local n = random(12)
	if n == 1 then return value(nil) end
	if n == 2 then pcall(txn.done, txn, value(nil)) end
	if n == 3 then txn:done(txn.http and {status = value(nil), headers = value(nil), body = value(nil)}) end
end)
core.register_fetches("calls", function() return calls .. " " .. bad end)
END
my $o = origin(name => 's');
my $l = origin(name => 't', raw => 1, greet => sub { my ($c) = @_; $c->send($c->read_bytes(4)); });

sub get
{
	my ($p, $bind, $bytes) = @_;
	my $c = $p->client($bind);

	$c->send($bytes);
	$c->shutdown_write;
	$c->read_all;
	$c->close;
}

for my $how ('lua-load', 'lua-load-per-thread') {
	my $p = start_proxy("global
    nbthread 2
    $how $script 7
" . defaults('retries 0') . "
frontend web
    bind {BIND:web}
    http-request lua.fuzz
    http-request set-var(txn.x) lua.fuzz
    http-request set-var(txn.y) path,lua.c,lua.c(a,b)
    http-response lua.fuzz
    http-response set-header X-F %[lua.f]
    http-after-response lua.fuzz
    default_backend b
backend b
    server s ${\ $o->addr}
frontend calls
    bind {BIND:calls}
    http-request return status 200 content-type text/plain lf-string %[lua.calls]
frontend tcp
    mode tcp
    bind {BIND:tcp}
    tcp-request inspect-delay 20ms
    tcp-request content lua.fuzz if { req.len gt 1 }
    tcp-request content set-var(sess.z) lua.fuzz if { req.len gt 1 }
    tcp-request content accept if { req.len gt 1 }
    default_backend t
backend t
    mode tcp
    tcp-response inspect-delay 20ms
    tcp-response content lua.fuzz if { res.len gt 1 }
    server s ${\ $l->addr}
");
	my $end = time + 4 * ($ENV{TW_TIME_SCALE} || 1);
	for my $i (1 .. 40) {
		get($p, 'web', "POST /a?b=c HTTP/1.1\r\nHost: h\r\nCookie: a=b\r\nContent-Length: 3\r\n\r\nabc");
		get($p, 'tcp', "ab\nd") if $i % 4 == 0;
		last if time > $end;
	}
	my $sum = 0;
	my %bad;
	for (1 .. 8) {
		my ($n, $bad) = split / /, $p->get('calls', '/')->body, 2;
		$sum = $n if $n > $sum;
		$bad{$bad} = 1 if $bad =~ /\S/;
	}
	cmp_ok($sum, '>', 2000, "$how: calls ($sum)");
	is(join(' ', keys %bad), '', "$how: each error is a text");
	stop_proxy($p);
}

done_testing();

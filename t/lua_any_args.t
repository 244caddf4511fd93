# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Arguments of all types and any number for every method of what services, commands
# and filters get, by chance: each call gives a result or a Lua error.
use Tideway::Test;
use Tideway::Cli;

my $rounds = ($ENV{TW_SANITIZER} // 'no') =~ /thread/ ? 10 : 40;
my $sock = Tideway::Test::temp_dir() . '/admin.sock';
my $o = origin(name => 's', respond => sub { $_[2]->reply($_[0], 'x' x 5000) });

my $script = spew('types.lua', <<'END');
local N = ...
local applet = { "get_priv", "get_var", "getline", "set_priv", "set_var", "unset_var", "receive", "send" }
local names = {
	http = { "set_status", "add_header", "start_response", table.unpack(applet) },
	tcp = { "try_receive", table.unpack(applet) },
	message = { "add_header", "append", "body", "del_header", "eom", "forward", "get_headers", "get_stline", "input",
	    "insert", "is_full", "is_resp", "may_recv", "output", "prepend", "remove", "send", "set", "set_body_len",
	    "set_eom", "set_header", "set_method", "set_status", "unset_eom", "rep_header", "rep_value", "set_path",
	    "set_query", "set_uri" },
	channel = { "append", "data", "dup", "forward", "get", "get_in_len", "get_out_len", "getline", "input", "insert",
	    "is_full", "is_resp", "line", "may_recv", "output", "prepend", "remove", "send", "set" },
}
local strings = { "", "x", "content-length", "12", "-1", "a b", "a\r\nb: c", "\0", "txn.a", "proc.b", "nope.c", "chunked",
	"(", "[", "\\1", ".*", string.rep("y", 3000), "/path", "?", "GET", "http://h/x", "\xff\xfe" }
local numbers = { 0, 1, -1, 5, 200, 404, 1e300, -1e300, 0 / 0, 1 / 0, 2.5, math.maxinteger, math.mininteger, 4096, -4096 }
local others = { {}, print, coroutine.create(print), true, false, io.stdout, setmetatable({}, { __tostring = error }) }
local function value(extra)
	local n = math.random(6)
	if n == 1 then return nil end
	if n == 2 then return strings[math.random(#strings)] end
	if n == 3 then return numbers[math.random(#numbers)] end
	if n == 4 then return others[math.random(#others)] end
	if n == 5 then return extra[math.random(#extra)] end
	return math.random(-10, 10)
end
local calls, failed = 0, 0
KEPT = {}
local function drive(what, self, extra)
	for i = 1, N do
		local name = names[what][math.random(#names[what])]
		local f = self[name]
		local args = {}
		local n = math.random(0, 5)
		for k = 1, n do args[k] = value(extra) end
		local me = self
		if math.random(20) == 1 then me = value(extra) end
		-- what a call without a size would wait for
		local ok, e = pcall(f, me, table.unpack(args, 1, n))
		calls = calls + 1
		if not ok then
			failed = failed + 1
			if type(e) ~= "string" then error("an error that is a " .. type(e)) end
		end
		pcall(function() return self[value(extra)] end)
		if math.random(30) == 1 then pcall(function() self[value(extra)] = value(extra) end) end
	end
end
core.register_service("http", "http", function(a)
	drive("http", a, { a, KEPT[1], KEPT[2], KEPT[3], a.f, a.c })
	KEPT[1] = a
	pcall(a.start_response, a)
	pcall(a.send, a, "end")
end)
core.register_service("tcp", "tcp", function(a)
	drive("tcp", a, { a, KEPT[1], KEPT[2], KEPT[3] })
	KEPT[2] = a
end)
core.register_cli({ "types" }, "", function(a)
	drive("tcp", a, { a, KEPT[1], KEPT[2], KEPT[3] })
	a:send("\ndone " .. calls .. " " .. failed .. "\n")
end)
local T = { flags = filter.FLT_CFG_FL_HTX }
T.__index = T
function T:new() return setmetatable({}, T) end
local function both(self, txn, m, chn)
	local e = { m, chn, txn, KEPT[1], KEPT[3], KEPT[4], txn.http_req, txn.http_res }
	drive("message", m, e)
	drive("channel", chn, e)
	drive("message", txn.http_res, e)
	pcall(filter.register_data_filter, value(e), value(e), value(e))
	pcall(filter.unregister_data_filter, value(e), value(e))
	pcall(filter.wake_time, value(e))
	KEPT[3], KEPT[4] = m, chn
end
function T:start_analyze(txn, chn) filter.register_data_filter(self, chn) both(self, txn, txn.http_req, chn) end
function T:http_headers(txn, m) both(self, txn, m, m.channel) if math.random(10) == 1 then return value({}) end end
function T:http_payload(txn, m) both(self, txn, m, m.channel) if math.random(10) == 1 then return value({}) end end
function T:tcp_payload(txn, chn) both(self, txn, txn.http_req, chn) end
function T:http_end(txn, m) both(self, txn, m, m.channel) end
function T:end_analyze(txn, chn) both(self, txn, txn.http_res, chn) end
core.register_filter("types", T, function(f) return f end)
-- the same ones in each thread's state
math.randomseed(42)
for i = 1, N * 4 do
	local e = { T, print, { "a" } }
	for _, name in ipairs { "register_service", "register_cli", "register_filter" } do
		local ok, err = pcall(core[name], "z" .. i, value(e), value(e), value(e))
		ok, err = pcall(core[name], value(e), value(e), value(e), value(e), value(e))
	end
end
END

SKIP: {
	skip 'ours', 1 unless is_tideway();
for my $how ('lua-load', 'lua-load-per-thread') {
	my $p = start_proxy("global
    nbthread 2
    stats socket $sock mode 600 level admin
    $how $script 60
" . defaults('timeout client 2s', 'timeout server 2s') . "
listen web
    bind {BIND:web}
    http-request use-service lua.http if { path /service }
    filter lua.types
    server s ${\ $o->addr}
listen tcp
    mode tcp
    bind {BIND:tcp}
    filter lua.types
    tcp-request content use-service lua.tcp if { src 127.0.0.1 } { dst_port ${\ '{PORT:tcp}'} }
listen pass
    mode tcp
    bind {BIND:pass}
    filter lua.types
    server s ${\ $o->addr}
listen alive
    bind {BIND:alive}
    http-request return status 200
");
	for (1 .. $rounds) {
		my @c = map { $p->client($_) } qw(web web tcp pass);
		$c[0]->send("POST /service HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 500\r\n\r\n" . 'x' x 500);
		$c[1]->send("POST /other HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 500\r\n\r\n" . 'x' x 500);
		$c[2]->send('x' x 100);
		$c[3]->send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
		$c[$_]->shutdown_write for 2, 3;
		cli_ask($sock, 'types');
		$_->read_all(8) for @c;
	}
	is($p->get('alive', '/')->status, 200, "$how: it lives");
	like(cli_ask($sock, 'types'), qr/done (\d+) /, 'calls');
	unlike($p->stderr, qr/an error that is a/, 'each error is a text');
	my $bad = $p->stop; # scripts' errors are told, which is no complaint
	unlike($bad, qr/signal|Sanitizer|runtime error:|assert/i, 'it ends well');
}
}

done_testing();

# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Map, core.set_map and its like, Patref, Regex; concat, tokenize, dates, addresses,
# variables.
use Tideway::Test;
use Tideway::Cli;

my $geo = spew('geo.map', "10.0.0.0/8 DE\n10.1.0.0/16 FR\n2001:db8::/32 JP\n");
my $str = spew('str.map', "a one\nb two words\n");
my $reg = spew('reg.map', "^/u/([0-9]+) user-\\1\n");
my $acl = spew('list.acl', "x\ny\n");
my $script = spew('map.lua', "local geo_file, str_file, reg_file, acl_file = ...\n" . <<'END');
local geo = Map.new(geo_file, Map._ip)
local str = Map.new(str_file, Map.str)
local same = Map.new(str_file)
local beg = Map.new(str_file, Map._beg)
local reg = Map.new(reg_file, Map._regm)
local new_fails = select(2, pcall(Map.new, "/does/not/exist", Map._str))
local cases = {}
local function try(...)
	local ok, why = pcall(...)
	return ok and "ok" or why
end
function cases.map()
	return table.concat({ geo:lookup("10.1.2.3"), geo:lookup("10.9.9.9"), tostring(geo:lookup("11.0.0.1")), geo:slookup("2001:db8::1"), "<" .. geo:slookup("zz") .. ">",
		str:lookup("b"), same:lookup("a"), beg:lookup("abc"), reg:lookup("/u/42/x"), tostring(str), tostring(Map._str == Map.str) }, " ")
end
function cases.set()
	core.set_map(str_file, "c", "three")
	local out = str:lookup("c")
	core.set_map(str_file, "c", "3")
	out = out .. same:lookup("c")
	core.del_map(str_file, "c")
	return out .. tostring(str:lookup("c"))
end
function cases.acl()
	core.add_acl(acl_file, "z")
	core.del_acl(acl_file, "y")
	return "ok"
end
function cases.show() return str:slookup("cli") end
function cases.wrong()
	return table.concat({ new_fails, try(Map.new, str_file), try(core.set_map, "none", "a", "b"), try(core.del_map, "none", "a"), try(core.add_acl, "none", "a"),
		try(core.set_map, str_file, "a"), try(str.lookup), try(str.lookup, geo), try(str.lookup, str, {}), try(core.set_map, str_file, "a\0b", "c"),
		try(core.set_map, geo_file, "notanip", "c") }, "|")
end
function cases.patref()
	local p = core.get_patref(str_file)
	local out = {}
	local function say(...) for _, v in ipairs({...}) do out[#out + 1] = tostring(v) end end
	say(core.get_patref("nothing") == nil, p:is_map(), p:get_name() == str_file, p.a, p.nokey == nil)
	say(p:add("k", "v"), p:set("k", "w"), str:lookup("k"), p:del("k"), p:del("k"))
	local ok, why = p:set("k", "w")
	say(ok == nil, why, p:set("k", "w", true), p.k, p:del("k"))
	p:prepare()
	say(p:add_bulk({ a = "uno", b = "dos" }), str:lookup("a"), p.a, p:commit(), str:lookup("a"))
	local all = {}
	for key, value in pairs(p) do all[#all + 1] = key .. value p:add("more" .. key, "x") p:del("more" .. key) end
	table.sort(all)
	say(table.concat(all, ","))
	p:prepare() p:add("lost", "x") p:giveup()
	say(str:lookup("lost") == nil)
	local l = core.get_patref(acl_file)
	say(l:is_map(), l:add_bulk({ "m", "n" }), l.m, l.q == nil)
	l:purge() say(l.m == nil, l:add("x"), l:add("y"))
	ok, why = core.get_patref(geo_file):add("zz", "q")
	say(ok == nil, why ~= nil)
	p:prepare() p:add_bulk({ a = "one", b = "two words" }) say(p:commit())
	return table.concat(out, " ")
end
function cases.patref_wrong()
	local p = core.get_patref(str_file)
	return table.concat({ try(p.add), try(p.add, p), try(p.add, p, "x"), try(p.commit, p), try(p.giveup, p), try(p.add_bulk, p, 1), try(p.add_bulk, p, { 1 }), try(core.get_patref),
		try(p.event_sub, p, { "SERVER_UP" }, print) }, "|")
end
function cases.regex()
	local out = {}
	local function say(...) for _, v in ipairs({...}) do out[#out + 1] = tostring(v) end end
	local ok, re = Regex.new("a(b+)(x)?c", false)
	say(ok, re, re:exec("zABBC"), re:exec("no"))
	local found, m = re:match("zABBC")
	say(found, #m, m[1], m[2], m[0] == nil)
	found, m = re:match("no")
	say(found, #m)
	ok, re = Regex.new("a", true)
	say(re:exec("A"))
	say(Regex.new("a(", true))
	say((try(re.exec)), (try(re.exec, re, {})), (try(Regex.new)), (try(Regex.new("(a+)+$") and print)))
	local _, slow = Regex.new("^(a+)+$", true)
	say(slow:exec(string.rep("a", 40) .. "b"))
	return table.concat(out, "|")
end
function cases.text()
	local out = {}
	local function say(...) local t = table.pack(...) for i = 1, t.n do out[#out + 1] = tostring(t[i]) end end
	local c = core.concat()
	for i = 1, 300 do c:add("ab") end
	say(#c:dump(), core.concat():dump() == "")
	say(table.concat(core.tokenize("This function is useful, for tokenizing an entry.", "., ", true), "/"))
	say(#core.tokenize("a,b,,c", ","), #core.tokenize(",", ","), #core.tokenize("", ","), #core.tokenize("", ",", true), core.tokenize("a,b", "")[1])
	for _, f in ipairs({ "http_date", "imf_date" }) do say(core[f]("Sun, 06 Nov 1994 08:49:37 GMT")) end
	say(core.http_date("Sunday, 06-Nov-94 08:49:37 GMT"), core.http_date("Sun Nov  6 08:49:37 1994"), core.rfc850_date("Sunday, 06-Nov-94 08:49:37 GMT"), core.asctime_date("Sun Nov  6 08:49:37 1994"), core.imf_date("zz"))
	local a = core.parse_addr("127.0.0.0/8")
	say(core.match_addr(a, core.parse_addr("127.1.2.3")), core.match_addr(core.parse_addr("127.0.0.1/32"), a), core.match_addr(a, core.parse_addr("128.1.1.1")), core.match_addr(a, core.parse_addr("::1")), core.match_addr(core.parse_addr("aaaa::1/16"), core.parse_addr("aaaa:1::")), core.parse_addr("x"), core.parse_addr("1.2.3.4/33"))
	say(core.match_addr(1, {}), try(core.match_addr, a), try(core.parse_addr))
	core.set_nice(3)
	return table.concat(out, "|")
end
function cases.var(txn)
	txn:set_var("proc.here", 7)
	return tostring(core.get_var("proc.here")) .. tostring(core.get_var("proc.not")) .. try(core.get_var) .. try(core.get_var, "bad")
end
core.register_action("case", {"http-req"}, function(txn)
	txn:set_var("txn.out", cases[txn.sf:path():sub(2)](txn))
end)
END

for my $how ('lua-load', 'lua-load-per-thread') {
	subtest $how => sub {
		my $sock = test_dir() . "/$how.sock";
		my $p = start_proxy("global
    nbthread 2
    stats socket $sock level admin
    $how $script $geo $str $reg $acl
" . defaults() . "
frontend web
    bind {BIND:web}
    http-request return status 200 content-type text/plain string in if { path /acl } { req.hdr(x-k) -f $acl }
    http-request lua.case
    http-request return status 200 content-type text/plain lf-string \"%[var(txn.out)]%[str(a),map($str)]\" if { path /map }
    http-request return status 200 content-type text/plain lf-string %[var(txn.out)]
");
		my $ask = sub { my ($path, $k) = @_; $p->request('web', "GET /$path HTTP/1.1\r\nHost: h\r\nX-K: " . ($k // '') . "\r\n\r\n")->body };
		is($ask->('map'), 'FR DE nil JP <> two words one one user-42 HAProxy class Map trueone', 'lookups');
		is($ask->('set'), 'three3nil', 'set_map, del_map') for 1 .. 3;
		is($ask->('acl', 'y'), 'in', 'an entry of an ACL');
		is($ask->('acl', 'z'), $how ? 'ok' : '', 'add_acl, del_acl');
		is($ask->('acl', 'z'), 'in', 'and is there for the ACL');
		is($ask->('acl', 'y'), 'ok', 'and is not');
		cli_ask($sock, "add map $str cli by-command");
		is($ask->('show'), 'by-command', 'what a command adds') for 1 .. 3;
		my @why = split /\|/, $ask->('wrong');
		like($why[$_->[0]], $_->[1], "wrong $_->[0]")
		    for [0, qr{cannot open the pattern file '/does/not/exist'}], [1, qr{Map.new: only allowed}],
		    [2, qr{core.set_map: unknown map file 'none'}], [3, qr{core.del_map: unknown map}], [4, qr{core.add_acl: unknown acl}],
		    [5, qr{string expected}], [6, qr{Map expected}], [7, qr{string expected}], [8, qr{string expected}],
		    [9, qr{NUL}], [10, qr{core.set_map: .*notanip}];
		cli_ask($sock, "del map $str cli");
		is($ask->('patref'), 'true true true one true true true w true false true ' .
		    "key 'k' not found true w true true one uno true uno auno,bdos true false true true true " .
		    'true true true true true true', 'Patref') for 1 .. 2;
		@why = split /\|/, $ask->('patref_wrong');
		like($why[$_->[0]], $_->[1], "wrong $_->[0]")
		    for [0, qr{Patref expected}], [1, qr{string expected}], [2, qr{string expected}], [3, qr{prepare\(\) comes first}],
		    [4, qr{prepare\(\) comes first}], [5, qr{table expected}], [6, qr{are to be strings}], [7, qr{string expected}], [8, qr{unknown event type 'SERVER_UP'}];
		like($ask->('regex'), qr{^true\|HAProxy class Regex\|true\|false\|true\|2\|ABBC\|BB\|true\|false\|0\|false\|false\|regex 'a\(' is invalid \(error=missing closing parenthesis, erroffset=2\)\|.*Regex expected.*\|.*string expected.*\|.*string expected.*\|.*\|false$}, 'Regex');
		is($ask->('text') =~ s/\|bad argument #2[^|]*\|bad argument #1.*/|E/r, '600|true|This/function/is/useful/for/tokenizing/an/entry|4|2|1|0|a,b|784111777|784111777|784111777|784111777|784111777|784111777|nil|' .
		    'true|true|false|false|true|nil|nil|false|E', 'text, dates, addresses');
		like($ask->('var'), qr{^7nilbad argument.*bad argument}, 'get_var');
		stop_proxy($p);
	};
}

done_testing();

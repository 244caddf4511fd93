# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Every function of core and of its classes with arguments of any type and number: an
# error or a value, never the end of the program.
use Tideway::Test;

my $map = spew('w.map', "a b\n");
my $script = spew('wrong.lua', "local file = ...\nlocal map = Map.new(file)\n" . <<'END');
local _, regex = Regex.new("a(b)?", true)
local seed = 1
local function rnd(n)
	seed = (seed * 1103515245 + 12345) % 2147483648
	return (seed // 65536) % n + 1
end
-- what would end the test's own connection, or wait for ever
local leave = { done = true, wait = true, sleep = true, msleep = true, yield = true, pop_wait = true, register_task = true, Alert = true, Warning = true,
	Info = true, Debug = true, log = true, tcp = true, httpclient = true }
local function objects(txn)
	local be = core.backends.b
	return { core, Map, Regex, map, regex, be, core.frontends.other, be.servers.s, be.stktable, next(core.frontends.other.listeners) and select(2, next(core.frontends.other.listeners)),
		core.queue(), core.concat(), core.get_patref(file), core.event_sub({ "SERVER_UP" }, function() end), core.parse_addr("::1") }
end
local function methods(o)
	local out = {}
	local t = type(o) == "table" and o or nil
	if t then for k, v in pairs(t) do if type(v) == "function" then out[k] = v end end end
	for _, name in ipairs({ "get_name", "get_uuid", "get_cap", "get_mode", "get_srv_act", "get_srv_bck", "get_stats", "pause", "resume", "stop", "shut_bcksess",
		"get_puid", "get_rid", "get_addr", "get_proxy", "get_weight", "get_maxconn", "get_cur_sess", "get_pend_conn", "is_draining", "is_backup", "is_dynamic",
		"tracking", "get_trackers", "set_ready", "set_drain", "set_maint", "shut_sess", "check_enable", "check_disable", "check_force_up", "check_force_nolb",
		"check_force_down", "agent_enable", "agent_disable", "agent_force_up", "agent_force_down", "set_weight", "set_maxconn", "set_addr", "event_sub",
		"lookup", "slookup", "exec", "match", "push", "pop", "size", "alarm", "add", "add_bulk", "dump", "del", "set", "purge", "prepare", "commit", "giveup", "is_map",
		"unsub", "info" }) do
		local ok, f = pcall(function() return o[name] end)
		if ok and type(f) == "function" then out[name] = f end
	end
	return out
end
core.register_action("wrong", {"http-req"}, function(txn)
	local objs = objects(txn)
	local values = { 0, -1, 1.5, 1 / 0, math.maxinteger, math.mininteger, "", "a", "127.0.0.1", string.rep("x", 5000), "a\0b", true, false, {}, { 1 }, { "SERVER" }, { { "gpc0", "gt", 1 } },
		print, coroutine.create(print), txn, setmetatable({}, { __index = error }), { [0] = txn }, { [0] = core.queue() }, file, "50%" }
	for _, o in ipairs(objs) do values[#values + 1] = o end
	local n, failed = 0, 0
	seed = tonumber(txn.sf:path():sub(2))
	for i = 1, #objs do
		local o = objs[i]
		local names = {}
		for name in pairs(methods(o)) do names[#names + 1] = name end
		table.sort(names)
		for _, name in ipairs(names) do
			local f = not leave[name] and methods(o)[name]
			for round = 1, f and 6 or 0 do
				local args = { }
				local count = rnd(6) - 1
				for a = 1, count do if rnd(8) > 1 then args[a] = values[rnd(#values)] end end
				if round > 2 and o ~= core then args[1] = o end
				local ok = pcall(f, table.unpack(args, 1, count))
				n = n + 1
				if not ok then failed = failed + 1 end
			end
		end
	end
	collectgarbage()
	txn:set_var("txn.out", n .. " " .. (failed > 0 and failed < n and "some" or failed))
end)
END

for my $how ('lua-load', 'lua-load-per-thread') {
	my $p = start_proxy("global
    nbthread 2
    tune.lua.log.stderr off
    $how $script $map
" . defaults() . "
frontend web
    bind {BIND:web}
    http-request lua.wrong
    http-request return status 200 content-type text/plain lf-string %[var(txn.out)]
frontend other
    bind {BIND:other}
    http-request return status 200
backend b
    stick-table type ip size 10 store gpc0
    server s 127.0.0.1:9
");
	for my $seed (1 .. 12) {
		my $m = $p->request('web', "GET /$seed HTTP/1.1\r\nHost: h\r\n\r\n");
		like($m->body, qr{^\d{3,} some$}, "$how: seed $seed");
	}
	stop_proxy($p);
}

done_testing();

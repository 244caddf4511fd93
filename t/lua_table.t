# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Proxy.stktable: info, lookup, dump with and without a filter.
use Tideway::Test;

my $script = spew('table.lua', <<'END');
local function flat(t)
	local out = {}
	for k, v in pairs(t) do
		if type(v) == "table" then v = "{" .. flat(v) .. "}" end
		out[#out + 1] = k .. "=" .. tostring(v)
	end
	table.sort(out)
	return table.concat(out, ",")
end
local function try(...)
	local t = table.pack(pcall(...))
	return tostring(t[2]) .. ":" .. tostring(t[3])
end
core.register_action("t", {"http-req"}, function(txn)
	local st, str = core.backends.st.stktable, core.backends.str.stktable
	local e = st:lookup("127.0.0.1")
	e.expire = e.expire > 0 and e.expire <= 30000
	txn:set_var("txn.out", table.concat({ flat(st:info()), flat(e), flat(str:lookup("abc")), flat(st:dump()), flat(str:dump()),
		flat(st:dump({ { "gpc0", "gt", 1 } })), flat(st:dump({ { "gpc0", "gt", 100 }, { "conn_cur", "ge", 0 } })), flat(core.backends.int.stktable:dump()),
		tostring(st:lookup("1.2.3.4")), tostring(st:lookup("zz")), tostring(core.backends.none.stktable), flat(core.backends.arr.stktable:lookup("x") or {}) }, "|"))
	txn:set_var("txn.bad", table.concat({ try(st.dump, st, 1), try(st.dump, st, { 1 }), try(st.dump, st, { { "gpc0", "zz", 1 } }), try(st.dump, st, { { "gpc1", "gt", 1 } }),
		try(st.dump, st, { { "gpc0", "gt", 1 }, { "gpc0", "gt", 1 }, { "gpc0", "gt", 1 }, { "gpc0", "gt", 1 }, { "gpc0", "gt", 1 } }), try(st.lookup), try(st.lookup, st, {}), try(st.info, {}) }, "|"))
end)
END

for my $how ('lua-load', 'lua-load-per-thread') {
	subtest $how => sub {
		my $p = start_proxy("global
    nbthread 2
    tune.stick-counters 4
    $how $script
" . defaults() . "
frontend web
    bind {BIND:web}
    http-request track-sc0 src table st
    http-request track-sc1 str(abc) table str
    http-request track-sc2 int(7) table int
    http-request track-sc3 str(x) table arr
    http-request sc-inc-gpc0(0)
    http-request sc-inc-gpc0(0)
    http-request lua.t if { path /t }
    http-request return status 200 content-type text/plain lf-string %[var(txn.out)]~%[var(txn.bad)]
backend st
    stick-table type ip size 10 expire 30s store gpc0,http_req_rate(10s),conn_cur
backend str
    stick-table type string len 20 size 10 nopurge store gpc0
backend int
    stick-table type integer size 10 store gpc0
backend arr
    stick-table type string size 10 store gpc(3)
backend none
    server s 127.0.0.1:9
");
		my ($out, $bad) = split /~/, $p->request('web', "GET /t HTTP/1.1\r\nHost: h\r\n\r\n")->body;
		my @got = split /\|/, $out, -1;
		my @want = ('data={conn_cur=-1,gpc0=-1,http_req_rate=10000},expire=30000,length=4,nopurge=false,size=10,type=ip,used=1',
		    'conn_cur=1,expire=true,gpc0=2,http_req_rate=1,use=1', 'expire=0,gpc0=0,use=1',
		    '127.0.0.1={conn_cur=1,gpc0=2,http_req_rate=1}', 'abc={gpc0=0}',
		    '127.0.0.1={conn_cur=1,gpc0=2,http_req_rate=1}', '', '7={gpc0=0}', 'nil', 'nil', 'nil', 'expire=0,gpc={0=0,1=0,2=0},use=1');
		is($got[$_], $want[$_], "value $_") for 0 .. $#want;
		my $triplet = 'Filter table entry must be a triplet: {"data_col", "op", val} (entry #1)';
		like($bad, qr{^\Qnil:filter table expected|nil:$triplet|nil:Unknown operator in filter table (entry #1)|nil:Filter table data column not present in stick table (entry #1)|nil:Filter table too large (len > 4)|\E.*a StickTable is expected.*\|.*string expected.*\|.*a StickTable is expected}, 'wrong use');
		stop_proxy($p);
	};
}

done_testing();

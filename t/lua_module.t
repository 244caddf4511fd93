# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# A module may bring functions for scripts: require "NAME" (struct tw_module,
# lua_open).
use Tideway::Test;
use Tideway::Module;

plan(skip_all => 'HAProxy has no modules') unless is_tideway();
plan(skip_all => 'TIDEWAY_MODULE_PATH does not say where modules are')
    unless $ENV{TIDEWAY_MODULE_PATH};
plan(skip_all => 'no compiler or no headers') unless can_compile();
my $r = run_cmd({ bin => '/bin/sh' }, '-c', 'pkg-config --cflags --libs lua5.3');
plan(skip_all => 'no headers of Lua') if $r->{code};

my $dir = module_dir();
compile_module($dir, 'sums', module_source('sums', '.lua_open = open_sums', <<'END'), '-Wl,--no-as-needed', split ' ', $r->{out});
#include <lauxlib.h>
static int add(lua_State *L)
{
	lua_pushinteger(L, luaL_checkinteger(L, 1) + luaL_checkinteger(L, 2));
	return 1;
}
static int open_sums(lua_State *L)
{
	lua_newtable(L);
	lua_pushcfunction(L, add);
	lua_setfield(L, -2, "add");
	return 1;
}
END

my $old = spew('old.lua', <<'END');
local sums = require "sums"
core.register_fetches("sum", function(txn, a, b) return sums.add(tonumber(a), tonumber(b)) end)
END
my $new = spew('new.lua', <<'END');
local sums = require "sums"
function on_request(req)
	if req.path == "/new" then req:reply(200, tostring(sums.add(20, 22))) end
	if req.path == "/wrong" then req:reply(200, select(2, pcall(sums.add, {}))) end
end
END
my $p = start_proxy("global
    module-path $dir
    nbthread 2
    lua-load-per-thread $old
    lua-script new file $new
" . defaults() . "
frontend web
    bind {BIND:web}
    http-request return status 200 content-type text/plain lf-string %[lua.sum(1,2)] if { path /old }
");
is($p->get('web', '/old')->body, '3', 'a script of HAProxy\'s kind');
is($p->get('web', '/new')->body, '42', 'one of ours');
like($p->get('web', '/wrong')->body, qr/number expected, got table/, 'wrong arguments');
stop_proxy($p);

done_testing();

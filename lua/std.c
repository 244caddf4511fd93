/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * std.c - the standard libraries as a script gets them.
 *
 * All are opened, then what the profile or tune.lua.openlibs leaves out is taken
 * away, and what could load bytecode, fork or never end is replaced. A trusted
 * script sees what HAProxy's would.
 */
#include "std.h"

#include <tideway/log.h>

#include "gc.h"

void
lu_set_in(lua_State *L, const char *library, const luaL_Reg *functions)
{
	if (lua_getglobal(L, library) == LUA_TTABLE)
		luaL_setfuncs(L, functions, 0);
	lua_pop(L, 1);
}

/* in: field "path" or "cpath" of `package`. */
static void
prepend_path(lua_State *L, const char *field, const char *what)
{
	if (what == NULL || lua_getglobal(L, "package") != LUA_TTABLE) {
		lua_settop(L, 1);
		return;
	}
	lua_getfield(L, -1, field);
	lua_pushfstring(L, "%s;%s", what, lua_tostring(L, -1));
	lua_setfield(L, -3, field);
	lua_settop(L, 1);
}

/* ---- what is left out ---------------------------------------------------------- */

static void
drop_field(lua_State *L, const char *library, const char *field)
{
	if (lua_getglobal(L, library) == LUA_TTABLE) {
		lua_pushnil(L);
		lua_setfield(L, -2, field);
	}
	lua_pop(L, 1);
}

static void
drop_global(lua_State *L, const char *name)
{
	lua_pushnil(L);
	lua_setglobal(L, name);
}

static void
drop_library(lua_State *L, const char *name)
{
	drop_global(L, name);
	luaL_getsubtable(L, LUA_REGISTRYINDEX, "_LOADED");
	lua_pushnil(L);
	lua_setfield(L, -2, name);
	lua_pop(L, 1);
	if (strcmp(name, "string") == 0) { /* ("x"):rep(2) */
		lua_pushliteral(L, "");
		lua_pushnil(L);
		lua_setmetatable(L, -2);
		lua_pop(L, 1);
	}
}

/* Only these fields of a library stay. */
static void
keep_only(lua_State *L, const char *library, const char *const *names)
{
	lua_newtable(L);
	if (lua_getglobal(L, library) == LUA_TTABLE)
		for (; *names != NULL; names++) {
			lua_getfield(L, -1, *names);
			lua_setfield(L, -3, *names);
		}
	lua_pop(L, 1);
	luaL_getsubtable(L, LUA_REGISTRYINDEX, "_LOADED");
	lua_pushvalue(L, -2);
	lua_setfield(L, -2, library);
	lua_pop(L, 1);
	lua_setglobal(L, library);
}

static void
drop_unlisted(lua_State *L, const char *list)
{
	static const char *const library[] = { "table", "io", "os", "string", "math",
		"utf8", "package", "debug", "coroutine", "bit32" };

	for (size_t i = 0; i < TW_N_ELEMENTS(library); i++) {
		char word[16];
		snprintf(word, sizeof(word), ",%s,", library[i]);
		if (strstr(list, word) != NULL)
			continue;
		drop_library(L, library[i]);
		if (strcmp(library[i], "package") == 0)
			drop_global(L, "require");
	}
}

static void
restrict_standard(lua_State *L)
{
	static const char *const debug[] = { "traceback", NULL };

	drop_field(L, "io", "popen");
	drop_field(L, "os", "execute");
	drop_field(L, "os", "exit");
	drop_field(L, "string", "dump");
	drop_global(L, "dofile");
	drop_global(L, "loadfile");
	keep_only(L, "debug", debug);
}

static void
restrict_untrusted(lua_State *L)
{
	static const char *const os[] = { "clock", "date", "difftime", "time", NULL };

	restrict_standard(L);
	drop_library(L, "io");
	keep_only(L, "os", os);
	drop_library(L, "package");
	drop_global(L, "require");
}

/* ---- processes ----------------------------------------------------------------- */

static bool
may_fork(lua_State *L)
{
	struct tw_gen *const gen = lu_state_from(L)->gen;

	return !lu_conf_of(gen)->began || tw_gen_may_fork(gen);
}

static int
no_fork(lua_State *L, const char *function)
{
	lua_pushnil(L);
	lua_pushfstring(L,
	    "%s: no process may be started: 'insecure-fork-wanted' is not set in the "
	    "global section",
	    function);
	lua_pushinteger(L, 1); /* EPERM */
	return 3;
}

static int
call_original(lua_State *L)
{
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
	return lua_gettop(L);
}

static int
io_popen(lua_State *L)
{
	return may_fork(L) ? call_original(L) : no_fork(L, "io.popen");
}

static int
os_execute(lua_State *L)
{
	if (!lua_isnoneornil(L, 1) && !may_fork(L))
		return no_fork(L, "os.execute");
	return call_original(L);
}

/* The function in a library's field, with the original as its upvalue. */
static void
wrap(lua_State *L, const char *library, const char *field, lua_CFunction fn)
{
	if (lua_getglobal(L, library) == LUA_TTABLE &&
	    lua_getfield(L, -1, field) == LUA_TFUNCTION) {
		lua_pushcclosure(L, fn, 1);
		lua_setfield(L, -2, field);
	}
	lua_settop(L, 1);
}

/* ---- code ---------------------------------------------------------------------- */

/* The mode at index i without "b": bytecode is never loaded. */
static void
text_only(lua_State *L, int i)
{
	const char *const mode = luaL_optstring(L, i, "bt");

	if (lua_gettop(L) < i)
		lua_settop(L, i);
	lua_pushstring(L, strchr(mode, 't') != NULL ? "t" : "");
	lua_replace(L, i);
}

static int
base_load(lua_State *L)
{
	text_only(L, 3);
	return call_original(L);
}

static int
base_loadfile(lua_State *L)
{
	text_only(L, 2);
	return call_original(L);
}

static int
dofile_k(lua_State *L, int status, lua_KContext ctx)
{
	(void)status;
	(void)ctx;
	return lua_gettop(L) - 1;
}

static int
base_dofile(lua_State *L)
{
	const char *const path = luaL_checkstring(L, 1);

	lua_settop(L, 1);
	if (luaL_loadfilex(L, path, "t") != LUA_OK)
		return lua_error(L);
	lua_callk(L, 0, LUA_MULTRET, 0, dofile_k);
	return dofile_k(L, 0, 0);
}

/* The second searcher: a Lua file on package.path. */
static int
search_lua(lua_State *L)
{
	const char *const name = luaL_checkstring(L, 1);

	lua_settop(L, 1);
	lua_getfield(L, lua_upvalueindex(1), "searchpath");
	lua_pushvalue(L, 1);
	if (lua_getfield(L, lua_upvalueindex(1), "path") != LUA_TSTRING)
		return luaL_error(L, "'package.path' must be a string");
	lua_call(L, 2, 2);
	if (lua_isnil(L, 2)) /* where it was looked for */
		return 1;
	if (luaL_loadfilex(L, lua_tostring(L, 2), "t") != LUA_OK)
		return luaL_error(L, "error loading module '%s' from file '%s':\n\t%s",
		    name, lua_tostring(L, 2), lua_tostring(L, -1));
	lua_pushvalue(L, 2);
	return 2;
}

/* The last searcher: what is built in, when no rock of that name is there. */
static int
search_own(lua_State *L)
{
	if (strcmp(luaL_checkstring(L, 1), "json") != 0) {
		lua_pushliteral(L, "");
		return 1;
	}
	lua_pushcfunction(L, lu_open_json);
	return 1;
}

static void
searchers(lua_State *L)
{
	if (lua_getglobal(L, "package") == LUA_TTABLE &&
	    lua_getfield(L, -1, "searchers") == LUA_TTABLE) {
		lua_pushvalue(L, -2);
		lua_pushcclosure(L, search_lua, 1);
		lua_rawseti(L, -2, 2);
		lua_pushcfunction(L, search_own);
		lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
	}
	lua_settop(L, 1);
}

/* A standard script loads its modules while it is loaded itself. */
static int
base_require(lua_State *L)
{
	const char *const name = luaL_checkstring(L, 1);
	const struct lu_state *const s = lu_state_from(L);

	luaL_getsubtable(L, LUA_REGISTRYINDEX, "_LOADED");
	const bool there = lua_getfield(L, -1, name) != LUA_TNIL;
	lua_settop(L, 1);
	if (!s->loading && !there)
		return luaL_error(L,
		    "require '%s': modules are loaded while the file is loaded, not at "
		    "run time",
		    name);
	return call_original(L);
}

/* ---- errors, garbage ----------------------------------------------------------- */

/* No handler runs, with hooks off, in a script that shall end. */
static int
handler(lua_State *L)
{
	if (lu_stopping())
		return 1;
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, lua_gettop(L) - 1, 1);
	return 1;
}

static int
xpcall_k(lua_State *L, int status, lua_KContext ctx)
{
	(void)status;
	(void)ctx;
	return lua_gettop(L);
}

static int
base_xpcall(lua_State *L)
{
	luaL_checktype(L, 2, LUA_TFUNCTION);
	lua_pushvalue(L, 2);
	lua_pushcclosure(L, handler, 1);
	lua_replace(L, 2);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_callk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, xpcall_k);
	return lua_gettop(L);
}

static bool
in_request(lua_State *L)
{
	const struct lu_call *const c = lu_call_of(L);

	return c != NULL && c->req != NULL;
}

/* A whole collection would hold up the other requests: it is done in steps, soon. */
static int
base_collectgarbage(lua_State *L)
{
	static const char *const words[] = { "collect", "step", "count", "isrunning",
		"stop", "restart", "setpause", "setstepmul", NULL };
	struct lu_state *const s = lu_state_from(L);

	switch (luaL_checkoption(L, 1, "collect", words)) {
	case 0:
	case 1:
		if (in_request(L) && s->gc_at != 0)
			lu_gc_wanted(s);
		else
			lua_gc(L, LUA_GCCOLLECT, 0);
		lua_pushinteger(L, 0);
		break;
	case 2:
		lua_pushnumber(L,
		    (lua_Number)lua_gc(L, LUA_GCCOUNT, 0) +
			(lua_Number)lua_gc(L, LUA_GCCOUNTB, 0) / 1024);
		break;
	case 3:
		lua_pushboolean(L, true);
		break;
	default:
		lua_pushinteger(L, 0);
	}
	return 1;
}

/* Hooks are off in finalizers: an untrusted script has none. */
static int
base_setmetatable(lua_State *L)
{
	if (lua_istable(L, 2)) {
		lua_pushliteral(L, "__gc");
		if (lua_rawget(L, 2) != LUA_TNIL)
			return luaL_error(L, "setmetatable: __gc is not allowed");
		lua_pop(L, 1);
	}
	return call_original(L);
}

/* ---- globals ------------------------------------------------------------------- */

static void
say_where(lua_State *L, char *to, size_t room)
{
	lua_Debug ar;

	if (lua_getstack(L, 1, &ar) != 0 && lua_getinfo(L, "Sl", &ar) != 0)
		snprintf(to, room, "%s:%d", ar.short_src, ar.currentline);
	else
		snprintf(to, room, "?");
}

/* A global that the files did not make: usually a `local` that was forgotten. */
static int
new_global(lua_State *L)
{
	struct lu_state *const s = lu_state_from(L);
	const struct lu_call *const c = lu_call_of(L);

	if (s->strict && c != NULL && c->at != LU_AT_INIT) {
		const char *const name =
		    lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
		char where[200];
		say_where(L, where, sizeof(where));
		if (s->unit->kind == LU_SCRIPT)
			return luaL_error(L,
			    "assignment to the undeclared global '%s': write 'local', or "
			    "give it a value in the file itself",
			    name);
		if (!s->unit->global_told) {
			s->unit->global_told = true;
			tw_log(TW_WARNING,
			    "Lua: %s: the global '%s' is first assigned while requests "
			    "are served, which they all share: is 'local' missing?",
			    where, name);
		}
	}
	lua_settop(L, 3);
	lua_rawset(L, 1);
	return 0;
}

void
lu_strict_globals(lua_State *L)
{
	lua_pushglobaltable(L);
	if (lua_getmetatable(L, -1) == 0) {
		lua_createtable(L, 0, 1);
		lua_pushcfunction(L, new_global);
		lua_setfield(L, -2, "__newindex");
		lua_setmetatable(L, -2);
	} else {
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
}

/* ---- all of it ----------------------------------------------------------------- */

static void
replace_base(lua_State *L)
{
	wrap(L, "_G", "load", base_load);
	wrap(L, "_G", "loadfile", base_loadfile);
	wrap(L, "_G", "dofile", base_dofile);
	wrap(L, "_G", "xpcall", base_xpcall);
	wrap(L, "_G", "collectgarbage", base_collectgarbage);
	wrap(L, "io", "popen", io_popen);
	wrap(L, "os", "execute", os_execute);
}

void
lu_open_libs(lua_State *L, struct lu_state *s)
{
	const struct lu_conf *const conf = lu_conf_of(s->gen);
	const enum lu_profile profile = s->unit->profile;

	luaL_openlibs(L);
	prepend_path(L, "path", conf->path);
	prepend_path(L, "cpath", conf->cpath);
	replace_base(L);
	searchers(L);
	lu_open_string(L);
	lu_open_table(L);
	lu_open_coroutine(L);
	if (profile >= LU_STANDARD) {
		wrap(L, "_G", "require", base_require);
		restrict_standard(L);
	}
	if (profile == LU_UNTRUSTED) {
		wrap(L, "_G", "setmetatable", base_setmetatable);
		restrict_untrusted(L);
	}
	if (conf->openlibs != NULL && s->unit->kind != LU_SCRIPT)
		drop_unlisted(L, conf->openlibs);
}

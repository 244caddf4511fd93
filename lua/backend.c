/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * backend.c - tw.backend(name) and its servers, as hooks see them.
 *
 * The same object each time, one for each state. A server is kept by its name:
 * it may be deleted while all goes on.
 */
#include "script.h"

#define BACKEND "Backend"
#define SERVER "Server"

struct backend {
	struct tw_proxy *px; /* borrow: gen */
};

struct server {
	struct tw_proxy *px;
	char name[];
};

static const char cache_key; /* registry: objects by proxy, by "proxy/server" */

static void
push_cache(lua_State *L)
{
	if (lua_rawgetp(L, LUA_REGISTRYINDEX, &cache_key) == LUA_TTABLE)
		return;
	lua_pop(L, 1);
	lua_newtable(L);
	lua_pushvalue(L, -1);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &cache_key);
}

void
lu_push_backend(lua_State *L, struct tw_proxy *px)
{
	push_cache(L);
	if (lua_rawgetp(L, -1, px) == LUA_TUSERDATA) {
		lua_remove(L, -2);
		return;
	}
	lua_pop(L, 1);
	struct backend *const b = lua_newuserdata(L, sizeof(*b));
	b->px = px;
	luaL_setmetatable(L, BACKEND);
	lua_pushvalue(L, -1);
	lua_rawsetp(L, -3, px);
	lua_remove(L, -2);
}

void
lu_push_srv(lua_State *L, const struct tw_server *srv)
{
	struct tw_proxy *const px = tw_server_proxy(srv);
	const char *const name = tw_server_name(srv);

	push_cache(L);
	lua_pushfstring(L, "%s/%s", tw_proxy_name(px), name);
	lua_pushvalue(L, -1);
	if (lua_rawget(L, -3) == LUA_TUSERDATA) {
		lua_replace(L, -3);
		lua_pop(L, 1);
		return;
	}
	lua_pop(L, 1);
	const size_t len = strlen(name) + 1;
	struct server *const s = lua_newuserdata(L, sizeof(*s) + len);
	s->px = px;
	memcpy(s->name, name, len);
	luaL_setmetatable(L, SERVER);
	lua_insert(L, -2);
	lua_pushvalue(L, -2);
	lua_rawset(L, -4);
	lua_remove(L, -2);
}

struct tw_proxy *
lu_test_backend(lua_State *L, int i)
{
	struct backend *const b =
	    lua_isuserdata(L, i) ? luaL_testudata(L, i, BACKEND) : NULL;

	return b != NULL ? b->px : NULL;
}

struct tw_server *
lu_test_server(lua_State *L, int i)
{
	struct server *const s =
	    lua_isuserdata(L, i) ? luaL_testudata(L, i, SERVER) : NULL;

	return s != NULL ? tw_proxy_find_server(s->px, s->name) : NULL;
}

static struct tw_server *
server_check(lua_State *L, int i)
{
	const struct server *const s = luaL_checkudata(L, i, SERVER);
	struct tw_server *const srv = tw_proxy_find_server(s->px, s->name);

	if (srv == NULL)
		luaL_error(
		    L, "server %s/%s was deleted", tw_proxy_name(s->px), s->name);
	return srv;
}

/* ---- backends -------------------------------------------------------------- */

/*@ tw.backend(name: string): Backend? */
static int
tw_backend(lua_State *L)
{
	struct tw_proxy *const px =
	    tw_gen_find(lu_state_from(L)->gen, luaL_checkstring(L, 1), TW_BACKEND);

	if (px == NULL)
		lua_pushnil(L);
	else
		lu_push_backend(L, px);
	return 1;
}

static bool
is_up(const struct tw_proxy *px)
{
	int active, backup;
	uint32_t weight;

	tw_proxy_usable(px, &active, &backup, &weight);
	return active + backup > 0;
}

static struct tw_server *
server_next(const struct tw_proxy *px, int *i)
{
	return tw_proxy_server(px, (*i)++);
}

static int
servers_step(lua_State *L)
{
	const struct backend *const b = lua_touserdata(L, lua_upvalueindex(1));
	int i = (int)lua_tointeger(L, lua_upvalueindex(2));
	struct tw_server *const srv = server_next(b->px, &i);

	lua_pushinteger(L, i);
	lua_replace(L, lua_upvalueindex(2));
	if (srv == NULL)
		return 0;
	lu_push_srv(L, srv);
	return 1;
}

/*@ Backend:servers(): fun(): Server? */
static int
backend_servers(lua_State *L)
{
	luaL_checkudata(L, 1, BACKEND);
	lua_pushvalue(L, 1);
	lua_pushinteger(L, 0);
	lua_pushcclosure(L, servers_step, 2);
	return 1;
}

/*@ Backend:server(name: string): Server? */
static int
backend_server(lua_State *L)
{
	const struct backend *const b = luaL_checkudata(L, 1, BACKEND);
	struct tw_server *const srv =
	    tw_proxy_find_server(b->px, luaL_checkstring(L, 2));

	if (srv == NULL)
		lua_pushnil(L);
	else
		lu_push_srv(L, srv);
	return 1;
}

static int64_t
load_of(const struct tw_proxy *px, bool queued)
{
	struct tw_gauges g;

	tw_proxy_gauges(px, TW_BACKEND, &g);
	return queued ? g.queue : g.cur;
}

static int
backend_index(lua_State *L)
{
	const struct backend *const b = luaL_checkudata(L, 1, BACKEND);
	const char *const name = luaL_checkstring(L, 2);

	if (strcmp(name, "name") == 0)
		lua_pushstring(L, tw_proxy_name(b->px));
	else if (strcmp(name, "up") == 0)
		lua_pushboolean(L, is_up(b->px));
	else if (strcmp(name, "sessions") == 0)
		lua_pushinteger(L, load_of(b->px, false));
	else if (strcmp(name, "queue") == 0)
		lua_pushinteger(L, load_of(b->px, true));
	else if (strcmp(name, "servers") == 0)
		lua_pushcfunction(L, backend_servers);
	else if (strcmp(name, "server") == 0)
		lua_pushcfunction(L, backend_server);
	else if (strcmp(name, "pick") == 0)
		lua_pushcfunction(L, lu_backend_pick);
	else
		return luaL_error(L, "a backend has no field '%s'", name);
	return 1;
}

static int
backend_tostring(lua_State *L)
{
	const struct backend *const b = luaL_checkudata(L, 1, BACKEND);

	lua_pushstring(L, tw_proxy_name(b->px));
	return 1;
}

/* ---- servers --------------------------------------------------------------- */

static int
push_addr(lua_State *L, const struct tw_addr *a)
{
	char text[160];
	struct tw_out o = tw_out_of(text, sizeof(text));

	tw_addr_port_out(&o, a);
	lua_pushlstring(L, text, (size_t)(o.p - text));
	return 1;
}

static lua_Integer
queue_of(const struct tw_server *srv)
{
	struct tw_gauges g;

	tw_server_gauges(srv, &g);
	return g.queue;
}

static int
server_index(lua_State *L)
{
	const struct tw_server *const srv = server_check(L, 1);
	const char *const name = luaL_checkstring(L, 2);
	char text[32];

	if (strcmp(name, "name") == 0)
		lua_pushstring(L, tw_server_name(srv));
	else if (strcmp(name, "backend") == 0)
		lua_pushstring(L, tw_proxy_name(tw_server_proxy(srv)));
	else if (strcmp(name, "up") == 0)
		lua_pushboolean(L, tw_server_is_usable(srv));
	else if (strcmp(name, "sessions") == 0)
		lua_pushinteger(L, tw_server_load(srv));
	else if (strcmp(name, "queue") == 0)
		lua_pushinteger(L, queue_of(srv));
	else if (strcmp(name, "maxconn") == 0)
		lua_pushinteger(L, tw_server_maxconn(srv));
	else if (strcmp(name, "weight") == 0)
		lua_pushinteger(L, tw_server_weight(srv));
	else if (strcmp(name, "backup") == 0)
		lua_pushboolean(L, tw_server_is_backup(srv));
	else if (strcmp(name, "addr") == 0)
		push_addr(L, tw_server_addr(srv));
	else if (strcmp(name, "status") == 0) {
		tw_server_status_text(srv, text);
		lua_pushstring(L, text);
	} else {
		return luaL_error(L, "a server has no field '%s'", name);
	}
	return 1;
}

static int
server_tostring(lua_State *L)
{
	const struct server *const s = luaL_checkudata(L, 1, SERVER);

	lua_pushstring(L, s->name);
	return 1;
}

static void
meta(lua_State *L, const char *name, lua_CFunction index, lua_CFunction text)
{
	luaL_newmetatable(L, name);
	lua_pushcfunction(L, index);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, text);
	lua_setfield(L, -2, "__tostring");
	lua_pushliteral(L, "access denied");
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
}

/* in: the table `tw` is on top. */
void
lu_open_backend(lua_State *L)
{
	meta(L, BACKEND, backend_index, backend_tostring);
	meta(L, SERVER, server_index, server_tostring);
	lua_pushcfunction(L, tw_backend);
	lua_setfield(L, -2, "backend");
}

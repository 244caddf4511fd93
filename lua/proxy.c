/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * proxy.c - core.proxies, core.frontends, core.backends; the classes Proxy and
 * Listener.
 *
 * The tables look proxies up when they are asked; an object is made once for each
 * proxy and state. A proxy lives as long as the state does: both are of one
 * generation.
 * source: HAProxy's Lua manual, Proxy class.
 */
#include "data.h"

#include <tideway/report.h>

static const char class_proxy[] = "Proxy";
static const char class_listener[] = "Listener";
static const char objects_key; /* registry: proxies' objects, by address */

struct proxy {
	struct tw_proxy *px;
};

struct listener {
	struct tw_proxy *px;
	struct tw_bind *bind;
};

static struct tw_proxy *
check_proxy(lua_State *L, int i)
{
	return ((struct proxy *)lu_check_object(L, i, class_proxy))->px;
}

/* ---- reports ------------------------------------------------------------------------ */

static void
value_set(const struct tw_report_value *v, void *arg)
{
	lua_State *const L = arg;

	if (v->text != NULL)
		lua_pushstring(L, v->text);
	else
		lua_pushinteger(L, v->n);
	lua_setfield(L, -2, v->name);
}

void
lu_push_report(lua_State *L, const struct tw_report_of *of)
{
	lua_createtable(L, 0, 96);
	tw_report_object(of, value_set, L);
}

/*@ core.get_info(): table */
static int
get_info(lua_State *L)
{
	lua_createtable(L, 0, 96);
	tw_report_process(value_set, L);
	return 1;
}

/* ---- Listener ------------------------------------------------------------------------ */

/*@ Listener:get_stats(): table */
static int
listener_get_stats(lua_State *L)
{
	const struct listener *const l = lu_check_object(L, 1, class_listener);

	lu_push_report(L,
	    &(struct tw_report_of){
		.px = l->px, .side = TW_FRONTEND, .bind = l->bind });
	return 1;
}

static void
push_listeners(lua_State *L, struct tw_proxy *px)
{
	struct tw_bind *bind;

	lua_newtable(L);
	for (int i = 0; (bind = tw_proxy_bind(px, i)) != NULL; i++) {
		*(struct listener *)lu_object(L, class_listener,
		    sizeof(struct listener)) = (struct listener){ px, bind };
		lua_setfield(L, -2, tw_bind_name(bind));
	}
}

/* ---- servers of a proxy: looked up when asked for ------------------------------------- */

/* Upvalue 1: the proxy, 2: objects made so far, by name. */
static struct tw_proxy *
servers_of(lua_State *L)
{
	return lua_touserdata(L, lua_upvalueindex(1));
}

static void
push_cached(lua_State *L, struct tw_server *srv)
{
	lua_getfield(L, lua_upvalueindex(2), tw_server_name(srv));
	if (!lua_isnil(L, -1)) {
		lua_getfield(L, -1, "rid");
		const bool same = lua_tointeger(L, -1) == lu_server_rid(srv);
		lua_pop(L, 1);
		if (same)
			return;
	}
	lua_pop(L, 1);
	lu_push_server(L, srv);
	lua_pushvalue(L, -1);
	lua_setfield(L, lua_upvalueindex(2), tw_server_name(srv));
}

static int
servers_index(lua_State *L)
{
	struct tw_server *const srv = lua_type(L, 2) == LUA_TSTRING
	    ? tw_proxy_find_server(servers_of(L), lua_tostring(L, 2))
	    : NULL;

	if (srv == NULL)
		return 0;
	push_cached(L, srv);
	return 1;
}

static int
servers_pairs(lua_State *L)
{
	struct tw_proxy *const px = servers_of(L);
	struct tw_server *srv;

	lua_getglobal(L, "next");
	lua_newtable(L);
	for (int i = 0; (srv = tw_proxy_server(px, i)) != NULL; i++) {
		push_cached(L, srv);
		lua_setfield(L, -2, tw_server_name(srv));
	}
	return 2;
}

/* A table whose metatable has these two, with n upvalues that are on top. */
static void
push_lazy(lua_State *L, lua_CFunction index, lua_CFunction pairs, int n)
{
	const int up = lua_gettop(L) - n + 1;

	lua_newtable(L);
	lua_newtable(L);
	for (int i = 0; i < n; i++)
		lua_pushvalue(L, up + i);
	lua_pushcclosure(L, index, n);
	lua_setfield(L, -2, "__index");
	for (int i = 0; i < n; i++)
		lua_pushvalue(L, up + i);
	lua_pushcclosure(L, pairs, n);
	lua_setfield(L, -2, "__pairs");
	lua_setmetatable(L, -2);
	lua_replace(L, up);
	lua_settop(L, up);
}

/* ---- Proxy ------------------------------------------------------------------------------- */

/*@ Proxy:get_name(): string */
static int
get_name(lua_State *L)
{
	lua_pushstring(L, tw_proxy_name(check_proxy(L, 1)));
	return 1;
}

/*@ Proxy:get_uuid(): string */
static int
get_uuid(lua_State *L)
{
	lua_pushfstring(L, "%I", (LUAI_UACINT)tw_proxy_id(check_proxy(L, 1)));
	return 1;
}

/*@ Proxy:get_cap(): "frontend"|"backend"|"proxy" */
static int
get_cap(lua_State *L)
{
	const struct tw_proxy *const px = check_proxy(L, 1);

	lua_pushstring(L,
	    !tw_proxy_has(px, TW_FRONTEND)     ? "backend"
		: tw_proxy_has(px, TW_BACKEND) ? "proxy"
					       : "frontend");
	return 1;
}

/*@ Proxy:get_mode(): "tcp"|"http"|"syslog"|"unknown" */
static int
get_mode(lua_State *L)
{
	static const char *const words[] = {
		[TW_MODE_TCP] = "tcp", [TW_MODE_HTTP] = "http", [TW_MODE_LOG] = "syslog"
	};

	lua_pushstring(L, words[tw_proxy_mode(check_proxy(L, 1))]);
	return 1;
}

static int
push_usable(lua_State *L, bool backup)
{
	int n[2];
	uint32_t weight;

	tw_proxy_usable(check_proxy(L, 1), &n[0], &n[1], &weight);
	lua_pushinteger(L, n[backup]);
	return 1;
}

/*@ Proxy:get_srv_act(): integer */
static int
get_srv_act(lua_State *L)
{
	return push_usable(L, false);
}

/*@ Proxy:get_srv_bck(): integer */
static int
get_srv_bck(lua_State *L)
{
	return push_usable(L, true);
}

/*@ Proxy:get_stats(): table */
static int
get_stats(lua_State *L)
{
	const struct tw_proxy *const px = check_proxy(L, 1);

	lu_push_report(L,
	    &(struct tw_report_of){ .px = px,
		.side = tw_proxy_has(px, TW_BACKEND) ? TW_BACKEND : TW_FRONTEND });
	return 1;
}

/* ---- changes ------------------------------------------------------------------- */

static int
change(lua_State *L, void (*run)(struct lu_change *c))
{
	return lu_change(L, &(struct lu_change){ .run = run, .px = check_proxy(L, 1) });
}

static void
pause_run(struct lu_change *c)
{
	struct tw_err err = { "" };

	if (tw_proxy_has(c->px, TW_FRONTEND))
		tw_frontend_pause(c->px, &err);
}

/*@ Proxy:pause() */
static int
proxy_pause(lua_State *L)
{
	return change(L, pause_run);
}

static void
resume_run(struct lu_change *c)
{
	struct tw_err err = { "" };

	if (tw_proxy_has(c->px, TW_FRONTEND))
		tw_frontend_resume(c->px, &err);
}

/*@ Proxy:resume() */
static int
proxy_resume(lua_State *L)
{
	return change(L, resume_run);
}

static void
stop_run(struct lu_change *c)
{
	if (tw_proxy_has(c->px, TW_FRONTEND))
		tw_frontend_stop(c->px);
}

/*@ Proxy:stop() */
static int
proxy_stop(lua_State *L)
{
	return change(L, stop_run);
}

static void
shut_run(struct lu_change *c)
{
	struct tw_server *srv;

	for (int i = 0; (srv = tw_proxy_server(c->px, i)) != NULL; i++)
		if (tw_server_is_backup(srv))
			tw_server_shut_sessions(srv);
}

/*@ Proxy:shut_bcksess() */
static int
proxy_shut_bcksess(lua_State *L)
{
	return change(L, shut_run);
}

static const luaL_Reg methods[] = {
	{ "get_cap", get_cap },
	{ "get_mode", get_mode },
	{ "get_name", get_name },
	{ "get_srv_act", get_srv_act },
	{ "get_srv_bck", get_srv_bck },
	{ "get_stats", get_stats },
	{ "get_uuid", get_uuid },
	{ "pause", proxy_pause },
	{ "resume", proxy_resume },
	{ "shut_bcksess", proxy_shut_bcksess },
	{ "stop", proxy_stop },
	{ NULL, NULL },
};

static const luaL_Reg listener_methods[] = {
	{ "get_stats", listener_get_stats },
	{ NULL, NULL },
};

/* The fields of a new object, which is on top. */
static void
fill(lua_State *L, struct tw_proxy *px)
{
	lua_pushstring(L, tw_proxy_name(px));
	lua_setfield(L, -2, "name");
	lua_pushfstring(L, "%I", (LUAI_UACINT)tw_proxy_id(px));
	lua_setfield(L, -2, "uuid");
	push_listeners(L, px);
	lua_setfield(L, -2, "listeners");
	lua_pushlightuserdata(L, px);
	lua_newtable(L);
	push_lazy(L, servers_index, servers_pairs, 2);
	lua_setfield(L, -2, "servers");
	lu_push_stktable(L, px);
	lua_setfield(L, -2, "stktable");
}

void
lu_push_proxy(lua_State *L, struct tw_proxy *px)
{
	lua_rawgetp(L, LUA_REGISTRYINDEX, &objects_key);
	if (lua_rawgetp(L, -1, px) == LUA_TNIL) {
		lua_pop(L, 1);
		((struct proxy *)lu_object(L, class_proxy, sizeof(struct proxy)))->px =
		    px;
		fill(L, px);
		lua_pushvalue(L, -1);
		lua_rawsetp(L, -3, px);
	}
	lua_remove(L, -2);
}

/* ---- the three tables ---------------------------------------------------------- */

enum { ALL = 2 }; /* beside the two sides */

/* Upvalue 1: the side. */
static struct tw_proxy *
find(lua_State *L, const char *name)
{
	struct tw_gen *const gen = lu_state_from(L)->gen;
	const int side = (int)lua_tointeger(L, lua_upvalueindex(1));
	struct tw_proxy *px = NULL;

	if (side != TW_BACKEND)
		px = tw_gen_find(gen, name, TW_FRONTEND);
	if (px == NULL && side != TW_FRONTEND)
		px = tw_gen_find(gen, name, TW_BACKEND);
	return px;
}

static int
proxies_index(lua_State *L)
{
	struct tw_proxy *const px =
	    lua_type(L, 2) == LUA_TSTRING ? find(L, lua_tostring(L, 2)) : NULL;

	if (px == NULL)
		return 0;
	lu_push_proxy(L, px);
	return 1;
}

static int
proxies_pairs(lua_State *L)
{
	struct tw_gen *const gen = lu_state_from(L)->gen;
	const int side = (int)lua_tointeger(L, lua_upvalueindex(1));
	struct tw_proxy *px;

	lua_getglobal(L, "next");
	lua_newtable(L);
	for (int i = 0; (px = tw_gen_proxy(gen, i)) != NULL; i++) {
		if (side != ALL && !tw_proxy_has(px, (enum tw_side)side))
			continue;
		lu_push_proxy(L, px);
		lua_setfield(L, -2, tw_proxy_name(px));
	}
	return 2;
}

void
lu_proxies_show(lua_State *L)
{
	static const struct {
		const char *field;
		int side;
	} tables[] = { { "proxies", ALL }, { "frontends", TW_FRONTEND },
		{ "backends", TW_BACKEND } };

	lua_getglobal(L, "core");
	for (size_t i = 0; lua_istable(L, -1) && i < TW_N_ELEMENTS(tables); i++) {
		lua_pushinteger(L, tables[i].side);
		push_lazy(L, proxies_index, proxies_pairs, 1);
		lua_setfield(L, -2, tables[i].field);
	}
	lua_pop(L, 1);
}

void
lu_open_proxy(lua_State *L)
{
	lu_class_of_objects(L, class_proxy, methods);
	lu_class_of_objects(L, class_listener, listener_methods);
	lua_newtable(L);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &objects_key);
	lua_pushcfunction(L, get_info);
	lua_setfield(L, -2, "get_info");
}

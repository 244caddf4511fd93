/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * server.c - the class Server.
 *
 * A server may be deleted while a script keeps its object, so it is looked for each
 * time, first where it stood. What changes it is made by the control thread, see
 * change.c.
 * source: HAProxy's Lua manual, Server class; management guide, `set server`.
 */
#include "data.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include <tideway/balance.h>
#include <tideway/report.h>
#include <tideway/server_run.h>

#define WHO "Lua script"

static const char class_server[] = "Server";

struct server {
	struct tw_proxy *px;
	struct tw_server *srv; /* perhaps gone: to be compared only */
	int index;
	uint32_t rid;
	char name[]; /* NUL-terminated */
};

static struct tw_server *
find(const struct server *s)
{
	struct tw_server *srv = NULL;

	if (s->index < tw_proxy_n_servers(s->px))
		srv = tw_proxy_server(s->px, s->index);
	if (srv != s->srv || srv == NULL)
		srv = tw_proxy_find_server(s->px, s->name);
	return srv == s->srv && srv != NULL && lu_server_rid(srv) == s->rid &&
		strcmp(tw_server_name(srv), s->name) == 0
	    ? srv
	    : NULL;
}

struct tw_server *
lu_check_server(lua_State *L, int i)
{
	const struct server *const s = lu_check_object(L, i, class_server);
	struct tw_server *const srv = find(s);

	if (srv == NULL)
		luaL_argerror(L, i,
		    lua_pushfstring(L, "the server '%s/%s' was deleted",
			tw_proxy_name(s->px), s->name));
	return srv;
}

uint32_t
lu_server_rid(const struct tw_server *srv)
{
	return ((struct lu_server *)tw_server_block(srv, lu_self))->rid;
}

void
lu_push_server(lua_State *L, struct tw_server *srv)
{
	const char *const name = tw_server_name(srv);
	const size_t len = strlen(name) + 1;
	struct server *const s = lu_object(L, class_server, sizeof(*s) + len);

	s->px = tw_server_proxy(srv);
	s->srv = srv;
	s->index = tw_server_index(srv);
	s->rid = lu_server_rid(srv);
	memcpy(s->name, name, len);
	lua_pushstring(L, name);
	lua_setfield(L, -2, "name");
	lua_pushfstring(L, "%I", (LUAI_UACINT)tw_server_id(srv));
	lua_setfield(L, -2, "puid");
	lua_pushinteger(L, s->rid);
	lua_setfield(L, -2, "rid");
}

/* ---- revisions: a name may come back after it was deleted ------------------------------- */

static uint32_t revision; /* control */
static bool was_deleted;

int
lu_server_check(struct tw_server *srv, struct tw_err *err)
{
	(void)err;
	if (was_deleted)
		revision++;
	was_deleted = false;
	((struct lu_server *)tw_server_block(srv, lu_self))->rid = revision;
	return 0;
}

void
lu_server_event(struct tw_server *srv, enum tw_server_event what)
{
	was_deleted |= what == TW_SERVER_REMOVED;
	if (what != TW_SERVER_RENAMED)
		lu_event_server(srv, what == TW_SERVER_ADDED);
}

/* ---- reading ------------------------------------------------------------------------- */

/*@ Server:get_name(): string */
static int
get_name(lua_State *L)
{
	lua_pushstring(L, tw_server_name(lu_check_server(L, 1)));
	return 1;
}

/*@ Server:get_puid(): string */
static int
get_puid(lua_State *L)
{
	lua_pushfstring(L, "%I", (LUAI_UACINT)tw_server_id(lu_check_server(L, 1)));
	return 1;
}

/*@ Server:get_rid(): integer */
static int
get_rid(lua_State *L)
{
	lua_pushinteger(L, lu_server_rid(lu_check_server(L, 1)));
	return 1;
}

/*@ Server:get_addr(): string */
static int
get_addr(lua_State *L)
{
	char text[160];
	struct tw_out o = tw_out_of(text, sizeof(text));

	tw_addr_port_out(&o, tw_server_addr(lu_check_server(L, 1)));
	lua_pushlstring(L, text, (size_t)(o.p - text));
	return 1;
}

/*@ Server:get_stats(): table */
static int
get_stats(lua_State *L)
{
	struct tw_server *const srv = lu_check_server(L, 1);

	lu_push_report(L,
	    &(struct tw_report_of){
		.px = tw_server_proxy(srv), .side = TW_BACKEND, .srv = srv });
	return 1;
}

/*@ Server:get_proxy(): Proxy */
static int
get_proxy(lua_State *L)
{
	lu_push_proxy(L, tw_server_proxy(lu_check_server(L, 1)));
	return 1;
}

/*@ Server:get_weight(): integer */
static int
get_weight(lua_State *L)
{
	lua_pushinteger(L, tw_server_uweight(lu_check_server(L, 1)));
	return 1;
}

/*@ Server:get_maxconn(): integer */
static int
get_maxconn(lua_State *L)
{
	lua_pushinteger(L, tw_server_maxconn(lu_check_server(L, 1)));
	return 1;
}

/*@ Server:get_cur_sess(): integer */
static int
get_cur_sess(lua_State *L)
{
	struct tw_gauges g;

	tw_server_gauges(lu_check_server(L, 1), &g);
	lua_pushinteger(L, g.cur);
	return 1;
}

/*@ Server:get_pend_conn(): integer */
static int
get_pend_conn(lua_State *L)
{
	struct tw_gauges g;

	tw_server_gauges(lu_check_server(L, 1), &g);
	lua_pushinteger(L, g.queue);
	return 1;
}

/*@ Server:is_draining(): boolean */
static int
is_draining(lua_State *L)
{
	lua_pushboolean(
	    L, (tw_server_admin(lu_check_server(L, 1)) & TW_ADM_DRAIN) != 0);
	return 1;
}

/*@ Server:is_backup(): boolean */
static int
is_backup(lua_State *L)
{
	lua_pushboolean(L, tw_server_is_backup(lu_check_server(L, 1)));
	return 1;
}

/*@ Server:is_dynamic(): boolean */
static int
is_dynamic(lua_State *L)
{
	lua_pushboolean(L, tw_server_is_dynamic(lu_check_server(L, 1)));
	return 1;
}

/*@ Server:tracking(): Server|nil */
static int
tracking(lua_State *L)
{
	const struct tw_server *const of = tw_server_tracked(lu_check_server(L, 1));

	if (of == NULL) {
		lua_pushnil(L);
		return 1;
	}
	lu_push_server(L, (struct tw_server *)(uintptr_t)of);
	return 1;
}

/*@ Server:get_trackers(): Server[] */
static int
get_trackers(lua_State *L)
{
	const struct tw_server *const of = lu_check_server(L, 1);
	struct tw_gen *const gen = lu_state_from(L)->gen;
	struct tw_proxy *px;
	struct tw_server *srv;
	lua_Integer n = 0;

	lua_newtable(L);
	for (int i = 0; (px = tw_gen_proxy(gen, i)) != NULL; i++)
		for (int j = 0; (srv = tw_proxy_server(px, j)) != NULL; j++) {
			if (tw_server_tracked(srv) != of)
				continue;
			lu_push_server(L, srv);
			lua_rawseti(L, -2, ++n);
		}
	return 1;
}

/* ---- changing ------------------------------------------------------------------------ */

static int
change(lua_State *L, void (*run)(struct lu_change *c))
{
	struct tw_server *const srv = lu_check_server(L, 1);

	return lu_change(L,
	    &(struct lu_change){ .run = run, .px = tw_server_proxy(srv), .srv = srv });
}

/* A server whose line has no address that is known stays away. */
#define KEPT(srv) (tw_server_has_addr(srv) ? 0 : TW_ADM_MAINT)

#define CHANGES(X)                                                                     \
	/*@ Server:set_ready() */                                                      \
	X(set_ready, tw_server_set_admin(c->srv, KEPT(c->srv), WHO))                   \
	/*@ Server:set_drain() */                                                      \
	X(set_drain, tw_server_set_admin(c->srv, TW_ADM_DRAIN | KEPT(c->srv), WHO))    \
	/*@ Server:set_maint() */                                                      \
	X(set_maint, tw_server_set_admin(c->srv, TW_ADM_MAINT, WHO))                   \
	/*@ Server:shut_sess() */                                                      \
	X(shut_sess, tw_server_shut_sessions(c->srv))                                  \
	/*@ Server:check_enable() */                                                   \
	X(check_enable,                                                                \
	    if (tw_server_is_checked(c->srv))                                          \
		tw_server_pause_checks(c->srv, false, WHO))                            \
	/*@ Server:check_disable() */                                                  \
	X(check_disable,                                                               \
	    if (tw_server_is_checked(c->srv))                                          \
		tw_server_pause_checks(c->srv, true, WHO))                             \
	/*@ Server:check_force_up() */                                                 \
	X(check_force_up, tw_server_force_health(c->srv, TW_UP, WHO))                  \
	/*@ Server:check_force_nolb() */                                               \
	X(check_force_nolb, tw_server_force_health(c->srv, TW_NOLB, WHO))              \
	/*@ Server:check_force_down() */                                               \
	X(check_force_down, tw_server_force_health(c->srv, TW_DOWN, WHO))              \
	/*@ Server:agent_enable() */                                                   \
	X(agent_enable,                                                                \
	    if (tw_server_has_agent(c->srv))                                           \
		tw_server_pause_agent(c->srv, false, WHO))                             \
	/*@ Server:agent_disable() */                                                  \
	X(agent_disable,                                                               \
	    if (tw_server_has_agent(c->srv)) tw_server_pause_agent(c->srv, true, WHO)) \
	/*@ Server:agent_force_up() */                                                 \
	X(agent_force_up,                                                              \
	    if (tw_server_has_agent(c->srv)) tw_server_force_agent(c->srv, true, WHO)) \
	/*@ Server:agent_force_down() */                                               \
	X(agent_force_down,                                                            \
	    if (tw_server_has_agent(c->srv))                                           \
		tw_server_force_agent(c->srv, false, WHO))

#define X(name, what)                               \
	static void name##_run(struct lu_change *c) \
	{                                           \
		what;                               \
	}                                           \
	static int name(lua_State *L)               \
	{                                           \
		return change(L, name##_run);       \
	}
CHANGES(X)
#undef X

static void
weight_run(struct lu_change *c)
{
	tw_server_set_weight(c->srv, (uint32_t)c->n, WHO);
}

static int
refuse(lua_State *L, const char *why)
{
	lua_pushstring(L, why);
	return 1;
}

/* what went wrong; nil: nothing did */
/*@ Server:set_weight(weight: string): string|nil */
static int
set_weight(lua_State *L)
{
	struct tw_server *const srv = lu_check_server(L, 1);
	struct lu_change c = {
		.run = weight_run, .px = tw_server_proxy(srv), .srv = srv
	};
	uint32_t weight = 0;
	const char *const why =
	    tw_server_parse_weight(srv, luaL_checkstring(L, 2), &weight);

	if (why != NULL) { /* without the socket's end of the line */
		lua_pushlstring(L, why, strcspn(why, ".\n"));
		return 1;
	}
	c.n = weight;
	if ((tw_proxy_balance_flags(c.px) & TW_BALANCE_STATIC) && c.n != 0 &&
	    c.n != tw_server_iweight(srv))
		return refuse(L,
		    "Backend is using a static LB algorithm and only accepts weights "
		    "'0%' and '100%'.");
	return lu_change(L, &c);
}

static void
maxconn_run(struct lu_change *c)
{
	tw_server_set_maxconn(c->srv, (uint32_t)c->n, WHO);
}

/*@ Server:set_maxconn(maxconn: string): string|nil */
static int
set_maxconn(lua_State *L)
{
	struct tw_server *const srv = lu_check_server(L, 1);
	const struct tw_str word = lu_check_str(L, 2);
	uint64_t n;

	if (word.len == 0 || word.p[0] < '0' || word.p[0] > '9')
		return refuse(L, "maxconn string empty or preceded by garbage");
	if (!tw_str_to_u64(word, &n) || n > INT32_MAX)
		return refuse(L, "Trailing garbage in maxconn string");
	return lu_change(L,
	    &(struct lu_change){ .run = maxconn_run,
		.px = tw_server_proxy(srv),
		.srv = srv,
		.n = (int64_t)n });
}

/* HAProxy's words: "IP changed from 'a' to 'b', port changed from '1' to '2' by ..." */
static void
addr_run(struct lu_change *c)
{
	const struct tw_addr was = *tw_server_addr(c->srv);
	struct tw_addr at_same_port = c->addr;
	struct tw_out o = tw_out_of(c->text, sizeof(c->text) - 1);

	if (c->n < 0)
		c->addr.port = was.port;
	at_same_port.port = was.port;
	if (tw_addr_eq(&was, &at_same_port)) {
		tw_out_lit(&o, "no need to change the addr");
	} else {
		tw_out_lit(&o, "IP changed from '");
		tw_addr_out(&o, &was);
		tw_out_lit(&o, "' to '");
		tw_addr_out(&o, &c->addr);
		tw_out_lit(&o, "'");
	}
	if (was.port != c->addr.port)
		tw_out_printf(&o, ", port changed from '%u' to '%u'",
		    (unsigned)was.port, (unsigned)c->addr.port);
	else if (c->n >= 0)
		tw_out_lit(&o, ", no need to change the port");
	tw_out_lit(&o, " by '" WHO "'");
	*o.p = '\0';
	if (!tw_addr_eq(&was, &c->addr))
		tw_server_set_addr(c->srv, &c->addr, NULL, WHO);
}

static bool
addr_parse(const char *word, struct tw_addr *out)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };

	if (inet_pton(AF_INET, word, &v4.sin_addr) == 1)
		tw_addr_from_sockaddr(out, (struct sockaddr *)&v4, sizeof(v4));
	else if (inet_pton(AF_INET6, word, &v6.sin6_addr) == 1)
		tw_addr_from_sockaddr(out, (struct sockaddr *)&v6, sizeof(v6));
	else
		return false;
	return true;
}

/* what was done, or what went wrong */
/*@ Server:set_addr(addr: string, port?: string|integer): string */
static int
set_addr(lua_State *L)
{
	struct tw_server *const srv = lu_check_server(L, 1);
	const char *const word = luaL_checkstring(L, 2);
	struct lu_change c = {
		.run = addr_run, .px = tw_server_proxy(srv), .srv = srv, .n = -1
	};
	uint64_t port = 0;

	if (!addr_parse(word, &c.addr))
		return refuse(
		    L, lua_pushfstring(L, "Invalid addr '%s' by '" WHO "'", word));
	if (!lua_isnoneornil(L, 3)) {
		if (!tw_str_to_u64(lu_check_str(L, 3), &port) || port == 0 ||
		    port > 65535)
			return refuse(L,
			    lua_pushfstring(L,
				"problem converting port '%s' to an int by '" WHO "'",
				lua_tostring(L, 3)));
		c.n = (int64_t)port;
		c.addr.port = (uint16_t)port;
	}
	return lu_change(L, &c);
}

/*@ Server:event_sub(types: string[], fn: function): EventSub */
static int
event_sub(lua_State *L)
{
	return lu_event_sub(L, lu_check_server(L, 1), 2);
}

static const luaL_Reg methods[] = {
#define X(name, what) { #name, name },
	CHANGES(X)
#undef X
	    { "event_sub", event_sub },
	{ "get_addr", get_addr },
	{ "get_cur_sess", get_cur_sess },
	{ "get_maxconn", get_maxconn },
	{ "get_name", get_name },
	{ "get_pend_conn", get_pend_conn },
	{ "get_proxy", get_proxy },
	{ "get_puid", get_puid },
	{ "get_rid", get_rid },
	{ "get_stats", get_stats },
	{ "get_trackers", get_trackers },
	{ "get_weight", get_weight },
	{ "is_backup", is_backup },
	{ "is_draining", is_draining },
	{ "is_dynamic", is_dynamic },
	{ "set_addr", set_addr },
	{ "set_maxconn", set_maxconn },
	{ "set_weight", set_weight },
	{ "tracking", tracking },
	{ NULL, NULL },
};

void
lu_open_server(lua_State *L)
{
	lu_class_of_objects(L, class_server, methods);
}

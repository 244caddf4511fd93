/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * txn.c - the class TXN: a request, as HAProxy's API shows it.
 *
 * One userdata for each request and state, made when a function first gets it,
 * cut off at RESET: what a script has kept raises an error then. f, sf, c, sc,
 * http, req, res are fields of its methods' table, the same for all requests.
 * source: HAProxy's Lua manual, TXN class.
 */
#include "lu.h"

#include "txn.h"

#include "filter.h"

#define CLASS "TXN"
#define CLASS_TCP "TXN (mode tcp)"

static struct lu_txn *
txn_make(struct lu_call *c, bool http)
{
	struct lu_state *const s = c->s;
	lua_State *const L = c->L;
	struct lu_txn *const t = lua_newuserdata(L, sizeof(*t));

	*t = (struct lu_txn){ .s = s, .priv = LUA_NOREF, .http = http };
	lua_rawgeti(L, LUA_REGISTRYINDEX, http ? s->txn_meta : s->txn_tcp_meta);
	lua_setmetatable(L, -2);
	t->ref = lu_anchor(L, s);
	return t;
}

static struct lu_txn *
txn_new(struct lu_call *c, struct lu_req *r)
{
	const bool http = tw_proxy_mode(tw_req_proxy(c->req)) == TW_MODE_HTTP;
	struct lu_txn *t = http ? c->s->txn_pool : NULL;

	if (t != NULL) {
		c->s->txn_pool = t->next;
		lua_rawgeti(c->L, LUA_REGISTRYINDEX, t->ref);
	} else {
		t = txn_make(c, http);
	}
	t->req = c->req;
	t->worker = tw_worker_self();
	t->next = r->txns;
	r->txns = t;
	lu_hold(c->s);
	return t;
}

void
lu_push_txn(struct lu_call *c)
{
	lua_State *const L = c->L;
	struct lu_state *const s = c->s;
	struct lu_req *const r = tw_req_block(c->req, lu_self);
	struct lu_txn *t = r->txns;

	while (t != NULL && t->s != s)
		t = t->next;
	if (t == NULL)
		t = txn_new(c, r);
	else
		lua_rawgeti(L, LUA_REGISTRYINDEX, t->ref);
	t->kept |= (c->keeps & 1u) != 0;
	c->txn = t;
}

struct lu_txn *
lu_check_txn(lua_State *L, int i)
{
	struct lu_txn *t = luaL_testudata(L, i, CLASS);

	if (t == NULL)
		t = luaL_testudata(L, i, CLASS_TCP);
	if (t == NULL)
		luaL_argerror(L, i,
		    lua_pushfstring(
			L, "a TXN is expected, not a %s", luaL_typename(L, i)));
	if (t->req == NULL)
		luaL_argerror(L, i, "this TXN's request has ended: do not keep it");
	if (t->s->shared && t->worker != tw_worker_self())
		luaL_argerror(
		    L, i, "this TXN's request lives on another thread: do not keep it");
	return t;
}

void
lu_req_reset(struct tw_req *req, struct lu_req *r)
{
	if (r->call != NULL)
		lu_end(&r->call);
	if (r->pause != NULL)
		tw_timer_del(&r->pause->timer);
	r->pause = NULL;
	lu_filters_reset(req, &r->filters);
	while (r->txns != NULL) {
		struct lu_txn *const t = r->txns;
		struct lu_state *const s = t->s;
		r->txns = t->next;
		lu_enter(s);
		t->req = NULL;
		if (t->priv != LUA_NOREF)
			luaL_unref(s->L, LUA_REGISTRYINDEX, t->priv);
		t->priv = LUA_NOREF;
		if (t->kept || !t->http) {
			lu_unanchor(s, t->ref);
		} else {
			t->next = s->txn_pool;
			s->txn_pool = t;
		}
		lu_release(s);
		lu_leave(s);
	}
}

/* ---- variables -------------------------------------------------------------------- */

/* Those of the process are not made by who asks for that; other scopes' are known
 * from the configuration. */
bool
lu_may_create_var(lua_State *L)
{
	return !lua_toboolean(L, 4) || strncmp(luaL_checkstring(L, 2), "proc.", 5) != 0;
}

/*@ TXN:set_var(name: string, value: any, ifexist?: boolean): boolean */
static int
txn_set_var(lua_State *L)
{
	struct lu_txn *const t = lu_check_txn(L, 1);
	struct tw_sample s;

	luaL_checkany(L, 3);
	struct tw_var *const var = lu_var_or_null(L, 2, lu_may_create_var(L));
	if (var == NULL) {
		lua_pushboolean(L, false);
		return 1;
	}
	if (!lu_to_sample(L, 3, &s))
		s.type = TW_BOOL; /* nil and the like are false, as in HAProxy */
	lua_pushboolean(L, tw_var_set(t->req, var, &s));
	return 1;
}

/*@ TXN:get_var(name: string): any */
static int
txn_get_var(lua_State *L)
{
	struct lu_txn *const t = lu_check_txn(L, 1);
	struct tw_var *const var = lu_var_or_null(L, 2, false);
	struct tw_sample s;

	if (var != NULL && tw_var_get(t->req, var, &s))
		lu_push_sample(L, t->req, &s, false);
	else
		lua_pushnil(L);
	return 1;
}

/*@ TXN:unset_var(name: string): boolean */
static int
txn_unset_var(lua_State *L)
{
	struct lu_txn *const t = lu_check_txn(L, 1);
	struct tw_var *const var = lu_var_or_null(L, 2, false);

	if (var != NULL)
		tw_var_unset(t->req, var);
	lua_pushboolean(L, var != NULL);
	return 1;
}

/*@ TXN:set_priv(data: any) */
static int
txn_set_priv(lua_State *L)
{
	struct lu_txn *const t = lu_check_txn(L, 1);

	luaL_checkany(L, 2);
	luaL_unref(L, LUA_REGISTRYINDEX, t->priv);
	t->priv = LUA_NOREF;
	lua_settop(L, 2);
	t->priv = luaL_ref(L, LUA_REGISTRYINDEX);
	return 0;
}

/*@ TXN:get_priv(): any */
static int
txn_get_priv(lua_State *L)
{
	lua_rawgeti(L, LUA_REGISTRYINDEX, lu_check_txn(L, 1)->priv);
	return 1;
}

/* ---- the class --------------------------------------------------------------------- */

static const luaL_Reg methods[] = {
	{ "get_priv", txn_get_priv },
	{ "get_var", txn_get_var },
	{ "set_priv", txn_set_priv },
	{ "set_var", txn_set_var },
	{ "unset_var", txn_unset_var },
	{ NULL, NULL },
};

static void
fill(lua_State *L, bool http)
{
	lua_getfield(L, -1, "__index");
	lu_expr_fields(L);
	lu_channel_fields(L);
	if (http)
		lu_http_field(L);
	lu_reply_methods(L);
	lu_txn_set_methods(L);
	lu_message_fields(L);
	lua_pop(L, 1);
}

void
lu_open_txn(lua_State *L)
{
	struct lu_state *const s = lu_state_from(L);

	lu_open_http(L);
	lu_open_reply(L);
	lu_open_channel(L);
	lu_class(L, CLASS, methods);
	fill(L, true);
	s->txn_meta = luaL_ref(L, LUA_REGISTRYINDEX);
	lu_class(L, CLASS_TCP, methods);
	fill(L, false);
	s->txn_tcp_meta = luaL_ref(L, LUA_REGISTRYINDEX);
}

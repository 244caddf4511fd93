/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * split.c - tw.split{v1 = 90, v2 = 10, by = "cookie:uid"}: shares of the traffic.
 *
 * The parts stand in the order of their names, so that the same key gives the
 * same part on each thread, and a change of weights moves as few as can be.
 */
#include "route.h"

#include <stdlib.h>

#include <tideway/hash.h>

#include "message.h"

#define SPLIT "Split"
#define PARTS_MAX 64

struct part {
	struct tw_proxy *px; /* borrow: gen */
	uint32_t weight;
};

struct lu_split {
	uint32_t total;
	int n;
	struct tw_str by; /* p NULL: at random */
	char key[64];
	struct part part[PARTS_MAX];
};

/* ---- what of a request is looked at ---------------------------------------- */

static struct tw_str
host_of(struct tw_str h, char text[256])
{
	size_t n = 0;

	if (h.p == NULL || h.len > 255)
		return (struct tw_str){ NULL, 0 };
	for (; n < h.len && (h.p[n] != ':' || h.p[0] == '['); n++) {
		text[n] =
		    h.p[n] >= 'A' && h.p[n] <= 'Z' ? (char)(h.p[n] | 0x20) : h.p[n];
		if (h.p[n] == ']') {
			n++;
			break;
		}
	}
	if (n > 1 && text[n - 1] == '.')
		n--;
	return (struct tw_str){ text, n };
}

void
lu_view_of(struct lu_view *v, struct tw_req *req)
{
	const struct tw_msg *const msg = tw_req_request(req);

	v->req = req;
	v->path = tw_msg_path(msg);
	v->query = tw_msg_query(msg);
	v->method = msg->method_name;
	v->host = host_of(msg->host, v->text);
}

/* What stands in the table stays there. */
static struct tw_str
table_text(lua_State *L, int table, const char *name)
{
	struct tw_str s = { NULL, 0 };

	if (lua_getfield(L, table, name) == LUA_TSTRING)
		s.p = lua_tolstring(L, -1, &s.len);
	lua_pop(L, 1);
	return s;
}

void
lu_view_check(lua_State *L, int i, struct lu_view *v)
{
	if (!lua_istable(L, i)) {
		struct lu_native *const n = lu_native(L, i, "match");
		if (tw_proxy_mode(tw_req_frontend(n->req)) != TW_MODE_HTTP)
			luaL_error(L, "a request in mode http is expected");
		lu_view_of(v, n->req);
		return;
	}
	v->req = NULL;
	v->L = L;
	v->table = i;
	v->path = table_text(L, i, "path");
	v->query = table_text(L, i, "query");
	v->method = table_text(L, i, "method");
	v->host = host_of(table_text(L, i, "host"), v->text);
}

static bool
table_header(const struct lu_view *v, struct tw_str name, struct tw_str value)
{
	lua_State *const L = v->L;
	bool is = false;

	if (lua_getfield(L, v->table, "headers") == LUA_TTABLE) {
		lu_push_str(L, name);
		if (lua_rawget(L, -2) == LUA_TSTRING)
			is = value.p == NULL || tw_str_eq(lu_check_str(L, -1), value);
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
	return is;
}

bool
lu_view_header(const struct lu_view *v, struct tw_str name, struct tw_str value)
{
	struct tw_hdr *h = NULL;

	if (v->req == NULL)
		return table_header(v, name, value);
	while ((h = tw_msg_find(tw_req_request(v->req), name, h)) != NULL)
		if (value.p == NULL || tw_str_eq(tw_hdr_value(h), value))
			return true;
	return false;
}

/* ---- keys ------------------------------------------------------------------ */

static bool
takes(struct tw_str by, const char *prefix, struct tw_str *name)
{
	const struct tw_str p = tw_str_of(prefix);

	if (by.len <= p.len || !tw_str_has_prefix(by, p))
		return false;
	*name = (struct tw_str){ by.p + p.len, by.len - p.len };
	return true;
}

void
lu_key_check(lua_State *L, struct tw_str by, const char *function)
{
	struct tw_str name;

	if (!tw_str_eq(by, TW_STR("src")) && !takes(by, "cookie:", &name) &&
	    !takes(by, "header:", &name) && !takes(by, "arg:", &name))
		luaL_error(L,
		    "%s: a key is \"src\", \"cookie:NAME\", \"header:NAME\" or "
		    "\"arg:NAME\", not '%s'",
		    function, by.p);
}

struct tw_str
lu_key_of(const struct lu_view *v, struct tw_str by, char room[128])
{
	struct tw_str value = { NULL, 0 }, name;
	struct tw_out o = tw_out_of(room, 128);

	if (takes(by, "arg:", &name)) {
		lu_arg_find(v->query, name, &value);
		return value;
	}
	if (v->req == NULL)
		return value;
	if (takes(by, "cookie:", &name)) {
		if (!lu_cookie_find(tw_req_request(v->req), name, &value))
			value.p = NULL;
	} else if (takes(by, "header:", &name)) {
		const struct tw_hdr *const h =
		    tw_msg_find(tw_req_request(v->req), name, NULL);
		if (h != NULL)
			value = tw_hdr_value(h);
	} else {
		tw_addr_out(&o, tw_conn_src(tw_req_conn(v->req)));
		value = (struct tw_str){ room, (size_t)(o.p - room) };
	}
	return value;
}

/* ---- splits ---------------------------------------------------------------- */

uint32_t
lu_chance(void)
{
	static _Thread_local uint64_t x;

	if (x == 0)
		x = (uint64_t)(uintptr_t)&x ^ (tw_now_us() << 16) ^ 0x9e3779b97f4a7c15u;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (uint32_t)(x >> 32);
}

struct tw_proxy *
lu_split_pick(const struct lu_split *s, const struct lu_view *v)
{
	char room[128];
	const struct tw_str key =
	    s->by.p != NULL ? lu_key_of(v, s->by, room) : (struct tw_str){ NULL, 0 };
	uint32_t at =
	    key.p != NULL ? tw_hash_avalanche(tw_hash_sdbm(key)) : lu_chance();
	int i = 0;

	at = (uint32_t)((uint64_t)at * s->total >> 32);
	while (at >= s->part[i].weight)
		at -= s->part[i++].weight;
	return s->part[i].px;
}

static int
by_name(const void *a, const void *b)
{
	const struct part *const x = a, *const y = b;

	return strcmp(tw_proxy_name(x->px), tw_proxy_name(y->px));
}

static void
part_add(lua_State *L, struct lu_split *s)
{
	const char *const name = lua_tostring(L, -2);
	int is_int;
	const lua_Integer weight = lua_tointegerx(L, -1, &is_int);
	struct tw_proxy *const px =
	    tw_gen_find(lu_state_from(L)->gen, name, TW_BACKEND);

	if (px == NULL)
		luaL_error(L, "tw.split: there is no backend '%s'", name);
	if (!is_int || weight < 0 || weight > 1000000)
		luaL_error(L, "tw.split: %s: a weight is 0 to 1000000", name);
	if (s->n == PARTS_MAX)
		luaL_error(L, "tw.split: more than %d backends", PARTS_MAX);
	s->part[s->n++] = (struct part){ px, (uint32_t)weight };
	s->total += (uint32_t)weight;
}

/*@ tw.split(parts: table<string, integer|string>): Split */
static int
tw_split(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	struct lu_split *const s = lua_newuserdata(L, sizeof(*s));
	memset(s, 0, sizeof(*s));
	lua_pushnil(L);
	while (lua_next(L, 1) != 0) {
		if (lua_type(L, -2) != LUA_TSTRING)
			return luaL_error(
			    L, "tw.split: names of backends are expected");
		if (strcmp(lua_tostring(L, -2), "by") == 0 &&
		    lua_type(L, -1) == LUA_TSTRING) {
			const struct tw_str by = lu_check_str(L, -1);
			lu_key_check(L, by, "tw.split");
			luaL_argcheck(
			    L, by.len < sizeof(s->key), 1, "'by' is too long");
			memcpy(s->key, by.p, by.len);
			s->by = (struct tw_str){ s->key, by.len };
		} else {
			part_add(L, s);
		}
		lua_pop(L, 1);
	}
	luaL_argcheck(L, s->total > 0, 1, "no backend has a weight above 0");
	qsort(s->part, (size_t)s->n, sizeof(s->part[0]), by_name);
	luaL_setmetatable(L, SPLIT);
	return 1;
}

/*@ Split:pick(req: Request|table): string */
static int
split_pick(lua_State *L)
{
	const struct lu_split *const s = luaL_checkudata(L, 1, SPLIT);
	struct lu_view v;

	lu_view_check(L, 2, &v);
	lua_pushstring(L, tw_proxy_name(lu_split_pick(s, &v)));
	return 1;
}

struct lu_split *
lu_test_split(lua_State *L, int i)
{
	return lua_isuserdata(L, i) ? luaL_testudata(L, i, SPLIT) : NULL;
}

/* in: the table `tw` is on top. */
void
lu_open_split(lua_State *L)
{
	static const luaL_Reg methods[] = { { "pick", split_pick }, { NULL, NULL } };

	lu_class(L, SPLIT, methods);
	lua_pop(L, 1);
	lua_pushcfunction(L, tw_split);
	lua_setfield(L, -2, "split");
}

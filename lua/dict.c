/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * dict.c - tw.shared.NAME and tw.ratelimit, as scripts have them; lua-shared.
 *
 * tw.shared.NAME is the same object each time; what it holds is shared.c's.
 */
#include "route.h"
#include "shared.h"

#define DICT "Shared"
#define LIMITER "Ratelimit"
#define LIST_MAX 10000
#define RATES ":rates" /* no name that a line can give */
#define RATES_BYTES (8u << 20)

struct dict {
	struct lu_shared *d;
};

static struct lu_shared *
dict_check(lua_State *L)
{
	return ((struct dict *)luaL_checkudata(L, 1, DICT))->d;
}

/* ---- values ---------------------------------------------------------------- */

static void
value_check(lua_State *L, int i, struct lu_shared_value *v)
{
	switch (lua_type(L, i)) {
	case LUA_TBOOLEAN:
		v->type = LU_SHARED_BOOL;
		v->n = lua_toboolean(L, i);
		return;
	case LUA_TNUMBER:
		v->type = lua_isinteger(L, i) ? LU_SHARED_INT : LU_SHARED_FLOAT;
		v->n = lua_tointeger(L, i);
		v->f = lua_tonumber(L, i);
		return;
	case LUA_TSTRING:
		v->type = LU_SHARED_STRING;
		v->str = lu_check_str(L, i);
		return;
	default:
		luaL_argerror(L, i,
		    lua_pushfstring(L,
			"a string, number or boolean is expected, not a %s",
			luaL_typename(L, i)));
	}
}

static void
number_check(lua_State *L, int i, struct lu_shared_value *v)
{
	luaL_checktype(L, i, LUA_TNUMBER);
	value_check(L, i, v);
}

static int
value_push(lua_State *L, const struct lu_shared_value *v)
{
	if (v->type == LU_SHARED_BOOL)
		lua_pushboolean(L, v->n != 0);
	else if (v->type == LU_SHARED_INT)
		lua_pushinteger(L, v->n);
	else if (v->type == LU_SHARED_FLOAT)
		lua_pushnumber(L, v->f);
	else
		lu_push_str(L, v->str);
	return 1;
}

/* Seconds; none, nil: 0. */
static uint64_t
ttl_opt(lua_State *L, int i)
{
	const lua_Number s = luaL_optnumber(L, i, 0);

	luaL_argcheck(L, s >= 0 && s < 4e9, i, "seconds are expected, 0: for ever");
	return s > 0 && s < 0.001 ? 1 : (uint64_t)(s * 1000);
}

static int
push_result(lua_State *L, enum lu_shared_result r)
{
	static const char *const why[] = { NULL, NULL, "missing", "not a number",
		"too long for the dictionary" };

	lua_pushboolean(L, r == LU_SHARED_OK);
	if (why[r] == NULL)
		return 1;
	lua_pushstring(L, why[r]);
	return 2;
}

/* ---- methods --------------------------------------------------------------- */

/*@ Shared:get(key: string): string|number|boolean|nil */
static int
dict_get(lua_State *L)
{
	struct lu_shared_value v;

	if (lu_shared_get(dict_check(L), lu_check_str(L, 2), &v))
		return value_push(L, &v);
	lua_pushnil(L);
	return 1;
}

static int
set(lua_State *L, bool only_new)
{
	struct lu_shared *const d = dict_check(L);
	struct lu_shared_value v = { .type = LU_SHARED_BOOL };

	value_check(L, 3, &v);
	return push_result(
	    L, lu_shared_set(d, lu_check_str(L, 2), &v, ttl_opt(L, 4), only_new));
}

/*@ Shared:set(key: string, value: any, ttl?: number): boolean, string? */
static int
dict_set(lua_State *L)
{
	if (!lua_isnil(L, 3))
		return set(L, false);
	lu_shared_delete(dict_check(L), lu_check_str(L, 2));
	lua_pushboolean(L, true);
	return 1;
}

/*@ Shared:add(key: string, value: any, ttl?: number): boolean, string? */
static int
dict_add(lua_State *L)
{
	return set(L, true);
}

/*@ Shared:delete(key: string): boolean */
static int
dict_delete(lua_State *L)
{
	lua_pushboolean(L, lu_shared_delete(dict_check(L), lu_check_str(L, 2)));
	return 1;
}

/*@ Shared:incr(key: string, by?: number, first?: number, ttl?: number): number?, string? */
static int
dict_incr(lua_State *L)
{
	struct lu_shared *const d = dict_check(L);
	struct lu_shared_value by = { .type = LU_SHARED_INT, .n = 1 }, first, out;
	const bool has_first = !lua_isnoneornil(L, 4);

	if (!lua_isnoneornil(L, 3))
		number_check(L, 3, &by);
	if (has_first)
		number_check(L, 4, &first);
	const enum lu_shared_result r = lu_shared_incr(
	    d, lu_check_str(L, 2), &by, has_first ? &first : NULL, ttl_opt(L, 5), &out);
	if (r == LU_SHARED_OK)
		return value_push(L, &out);
	push_result(L, r);
	lua_pushnil(L);
	lua_replace(L, -3);
	return 2;
}

/*@ Shared:cas(key: string, old: any, new: any, ttl?: number): boolean, string? */
static int
dict_cas(lua_State *L)
{
	struct lu_shared *const d = dict_check(L);
	struct lu_shared_value old, v;
	const bool has_old = !lua_isnil(L, 3), has_new = !lua_isnoneornil(L, 4);

	luaL_checkany(L, 3);
	if (has_old)
		value_check(L, 3, &old);
	if (has_new)
		value_check(L, 4, &v);
	return push_result(L,
	    lu_shared_cas(d, lu_check_str(L, 2), has_old ? &old : NULL,
		has_new ? &v : NULL, ttl_opt(L, 5)));
}

/* nil: missing; 0: for ever. */
/*@ Shared:ttl(key: string): number? */
static int
dict_ttl(lua_State *L)
{
	int64_t ms;

	if (!lu_shared_ttl(dict_check(L), lu_check_str(L, 2), &ms))
		lua_pushnil(L);
	else
		lua_pushnumber(L, ms < 0 ? 0 : (lua_Number)ms / 1000);
	return 1;
}

/*@ Shared:expire(key: string, ttl: number): boolean */
static int
dict_expire(lua_State *L)
{
	luaL_checknumber(L, 3);
	lua_pushboolean(
	    L, lu_shared_expire(dict_check(L), lu_check_str(L, 2), ttl_opt(L, 3)));
	return 1;
}

/*@ Shared:list(prefix?: string, max?: integer): string[] */
static int
dict_list(lua_State *L)
{
	struct lu_shared *const d = dict_check(L);
	const size_t room = 1u << 20;
	size_t len;
	const char *const prefix = luaL_optlstring(L, 2, "", &len);
	const lua_Integer max = luaL_optinteger(L, 3, 1000);
	lua_Integer n = 0;
	uint32_t key_len;

	luaL_argcheck(L, max > 0 && max <= LIST_MAX, 3, "1 to 10000 is expected");
	char *const mem = lua_newuserdata(L, room);
	const size_t used =
	    lu_shared_keys(d, (struct tw_str){ prefix, len }, (int)max, mem, room);
	lua_newtable(L);
	for (size_t at = 0; at < used; at += sizeof(key_len) + key_len) {
		memcpy(&key_len, mem + at, sizeof(key_len));
		lua_pushlstring(L, mem + at + sizeof(key_len), key_len);
		lua_rawseti(L, -2, ++n);
	}
	return 1;
}

/*@ Shared:flush() */
static int
dict_flush(lua_State *L)
{
	lu_shared_flush(dict_check(L));
	return 0;
}

/*@ Shared:info(): table<string, integer> */
static int
dict_info(lua_State *L)
{
	struct lu_shared_info i;

	lu_shared_info(dict_check(L), &i);
	lua_createtable(L, 0, 4);
	lua_pushinteger(L, (lua_Integer)i.n);
	lua_setfield(L, -2, "entries");
	lua_pushinteger(L, (lua_Integer)i.bytes);
	lua_setfield(L, -2, "bytes");
	lua_pushinteger(L, (lua_Integer)i.limit);
	lua_setfield(L, -2, "limit");
	lua_pushinteger(L, (lua_Integer)i.evicted);
	lua_setfield(L, -2, "evicted");
	return 1;
}

/* tw.shared.NAME, kept in the table. */
static int
shared_index(lua_State *L)
{
	const char *const name = luaL_checkstring(L, 2);
	struct lu_shared *const d = name[0] != ':' ? lu_shared_open(name, 0) : NULL;

	if (d == NULL)
		return luaL_error(L,
		    "tw.shared.%s: there is no such dictionary: write 'lua-shared %s "
		    "<size>' in 'global'",
		    name, name);
	struct dict *const u = lua_newuserdata(L, sizeof(*u));
	u->d = d;
	luaL_setmetatable(L, DICT);
	lua_pushvalue(L, 2);
	lua_pushvalue(L, -2);
	lua_rawset(L, 1);
	return 1;
}

/* ---- rates ----------------------------------------------------------------- */

struct limiter {
	struct lu_shared *d;
	uint64_t each_us, burst;
	struct tw_str by; /* p NULL: the key is given */
	size_t name_len;
	char key[64];
	char name[64];
};

/* A field of the table at 1. */
static lua_Number
number_field(lua_State *L, const char *name, lua_Number usual)
{
	lua_getfield(L, 1, name);
	const lua_Number n = luaL_optnumber(L, -1, usual);
	lua_pop(L, 1);
	return n;
}

static void
limiter_name(lua_State *L, struct limiter *l)
{
	const struct tw_origin *const o = lu_origin_here(L);
	struct tw_out out = tw_out_of(l->name, sizeof(l->name));

	if (lua_getfield(L, 1, "name") == LUA_TSTRING)
		tw_out_str(&out, lu_check_str(L, -1));
	else
		tw_out_printf(&out, "%s:%d", o->file != NULL ? o->file : "?", o->line);
	lua_pop(L, 1);
	if (out.over)
		luaL_error(L, "tw.ratelimit: give it a 'name' of up to 60 bytes");
	tw_out_char(&out, '|');
	l->name_len = (size_t)(out.p - l->name);
}

/*@ tw.ratelimit(what: table<string, number|string>): Ratelimit */
static int
tw_ratelimit(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	const lua_Number rate = number_field(L, "rate", 0);
	const lua_Number per = number_field(L, "per", 1);
	const lua_Number burst = number_field(L, "burst", 0);
	luaL_argcheck(L, rate > 0 && rate < 1e6 && per > 0 && per < 1e6, 1,
	    "'rate' (requests) and 'per' (seconds) are above 0");
	luaL_argcheck(L, burst >= 0 && burst < 1e6, 1, "'burst' is 0 to 1000000");
	struct limiter *const l = lua_newuserdata(L, sizeof(*l));
	memset(l, 0, sizeof(*l));
	l->each_us = (uint64_t)(per * 1e6 / rate);
	if (l->each_us == 0)
		l->each_us = 1;
	l->burst = (uint64_t)burst;
	l->d = lu_shared_open(RATES, RATES_BYTES);
	if (l->d == NULL)
		return luaL_error(L, "out of memory");
	if (lua_getfield(L, 1, "key") == LUA_TSTRING) {
		const struct tw_str by = lu_check_str(L, -1);
		lu_key_check(L, by, "tw.ratelimit");
		luaL_argcheck(L, by.len < sizeof(l->key), 1, "'key' is too long");
		memcpy(l->key, by.p, by.len);
		l->by = (struct tw_str){ l->key, by.len };
	}
	lua_pop(L, 1);
	limiter_name(L, l);
	luaL_setmetatable(L, LIMITER);
	return 1;
}

/* Whether, seconds to wait, how many are left. Whose key the request does not have
 * is not limited: true, 0, nil. */
/*@ Ratelimit:take(req: Request|string): boolean, number, integer? */
static int
limiter_take(lua_State *L)
{
	const struct limiter *const l = luaL_checkudata(L, 1, LIMITER);
	char room[128], text[512];
	struct tw_str key = { NULL, 0 };
	struct lu_view v;
	struct lu_shared_left left = { 0, 0 };

	if (lua_type(L, 2) == LUA_TSTRING) {
		key = lu_check_str(L, 2);
	} else if (l->by.p != NULL) {
		lu_view_check(L, 2, &v);
		key = lu_key_of(&v, l->by, room);
	} else {
		luaL_argerror(L, 2, "a text is expected: the limiter has no 'key'");
	}
	if (key.len > 256)
		key.len = 256;
	memcpy(text, l->name, l->name_len);
	if (key.p != NULL)
		memcpy(text + l->name_len, key.p, key.len);
	lua_pushboolean(L,
	    key.p == NULL ||
		lu_shared_rate(l->d, (struct tw_str){ text, l->name_len + key.len },
		    l->each_us, l->burst, &left));
	lua_pushnumber(L, (lua_Number)left.wait_us / 1e6);
	if (key.p == NULL)
		return 2;
	lua_pushinteger(L, (lua_Integer)left.n);
	return 3;
}

/* ---- the line -------------------------------------------------------------- */

int
lu_shared_set_line(struct tw_line *ln)
{
	const char *const name = tw_arg(ln, 0);
	struct tw_err err = { "" };
	uint64_t bytes;

	for (const char *p = name; *p != '\0'; p++)
		if (!(*p >= 'a' && *p <= 'z') && !(*p >= 'A' && *p <= 'Z') &&
		    !(*p >= '0' && *p <= '9') && *p != '_')
			return tw_line_fail(ln, 0,
			    "'lua-shared': a name has letters, digits and '_', not "
			    "'%s'",
			    name);
	if (tw_parse_size(tw_arg(ln, 1), &bytes, &err) != 0)
		return tw_line_fail(ln, 1, "'lua-shared': %s", err.text);
	if (bytes < 65536)
		return tw_line_fail(
		    ln, 1, "'lua-shared': a dictionary needs 64k at least");
	if (lu_shared_open(name, bytes) == NULL)
		return tw_line_fail(ln, 1, "'lua-shared': out of memory");
	return 0;
}

/* in: the table `tw` is on top. */
void
lu_open_dict(lua_State *L)
{
	static const luaL_Reg methods[] = { { "add", dict_add }, { "cas", dict_cas },
		{ "delete", dict_delete }, { "expire", dict_expire },
		{ "flush", dict_flush }, { "get", dict_get }, { "incr", dict_incr },
		{ "info", dict_info }, { "list", dict_list }, { "set", dict_set },
		{ "ttl", dict_ttl }, { NULL, NULL } };
	static const luaL_Reg limiter[] = { { "take", limiter_take }, { NULL, NULL } };

	lu_class(L, DICT, methods);
	lua_pop(L, 1);
	lu_class(L, LIMITER, limiter);
	lua_pop(L, 1);
	lua_newtable(L);
	lua_newtable(L);
	lua_pushcfunction(L, shared_index);
	lua_setfield(L, -2, "__index");
	lua_setmetatable(L, -2);
	lua_setfield(L, -2, "shared");
	lua_pushcfunction(L, tw_ratelimit);
	lua_setfield(L, -2, "ratelimit");
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * core_text.c - core.concat(), tokenize(), dates, addresses, get_var(), done(),
 * set_nice().
 *
 * source: HAProxy's Lua manual, core and Concat classes; RFC 9110, 5.6.7 (dates).
 */
#include "data.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <time.h>

#define CONCAT "Concat"
#define ADDR "tideway.addr"

/* ---- Concat ------------------------------------------------------------------------------ */

struct concat {
	char *p; /* owns */
	size_t len, cap;
};

/*@ core.concat(): Concat */
static int
concat(lua_State *L)
{
	struct concat *const c = lua_newuserdata(L, sizeof(*c));

	*c = (struct concat){ NULL, 0, 0 };
	luaL_setmetatable(L, CONCAT);
	return 1;
}

/* Grows by Lua's allocator, so that it counts. */
static void
room(lua_State *L, struct concat *c, size_t more)
{
	void *ud;
	lua_Alloc alloc = lua_getallocf(L, &ud);

	if (c->cap - c->len >= more)
		return;
	size_t cap = c->cap > 0 ? c->cap : 256;
	while (cap - c->len < more)
		cap *= 2;
	char *const p = alloc(ud, c->p, c->cap, cap);
	if (p == NULL)
		luaL_error(L, "Concat:add: out of memory");
	c->p = p;
	c->cap = cap;
}

/*@ Concat:add(text: string) */
static int
concat_add(lua_State *L)
{
	struct concat *const c = luaL_checkudata(L, 1, CONCAT);
	const struct tw_str s = lu_check_str(L, 2);

	room(L, c, s.len);
	memcpy(c->p + c->len, s.p, s.len);
	c->len += s.len;
	return 0;
}

/*@ Concat:dump(): string */
static int
concat_dump(lua_State *L)
{
	const struct concat *const c = luaL_checkudata(L, 1, CONCAT);

	lua_pushlstring(L, c->len > 0 ? c->p : "", c->len);
	return 1;
}

static int
concat_gc(lua_State *L)
{
	struct concat *const c = luaL_checkudata(L, 1, CONCAT);
	void *ud;
	lua_Alloc alloc = lua_getallocf(L, &ud);

	if (c->p != NULL)
		alloc(ud, c->p, c->cap, 0);
	*c = (struct concat){ NULL, 0, 0 };
	return 0;
}

static const luaL_Reg concat_methods[] = {
	{ "add", concat_add },
	{ "dump", concat_dump },
	{ NULL, NULL },
};

/* ---- tokenize ------------------------------------------------------------------ */

/*@ core.tokenize(text: string, separators: string, noblank?: boolean): string[] */
static int
tokenize(lua_State *L)
{
	const struct tw_str s = lu_check_str(L, 1);
	const struct tw_str seps = lu_check_str(L, 2);
	const bool noblank = lua_toboolean(L, 3);
	const char *at = s.p, *const end = s.p + s.len;
	lua_Integer n = 0;

	lua_newtable(L);
	for (;;) {
		const char *to = at;
		while (to < end && memchr(seps.p, *to, seps.len) == NULL)
			to++;
		if (to > at || !noblank) {
			lua_pushlstring(L, at, (size_t)(to - at));
			lua_rawseti(L, -2, ++n);
		}
		if (to == end)
			return 1;
		at = to + 1;
	}
}

/* ---- dates: text to seconds ---------------------------------------------------- */

#define IMF "%a, %d %b %Y %H:%M:%S GMT"
#define RFC850 "%A, %d-%b-%y %H:%M:%S GMT"
#define ASCTIME "%a %b %e %H:%M:%S %Y"

static bool
date_parse(const char *text, const char *format, lua_Integer *out)
{
	struct tm tm = { 0 };
	const char *const end = strptime(text, format, &tm);

	if (end == NULL || *end != '\0')
		return false;
	*out = (lua_Integer)timegm(&tm);
	return true;
}

static int
date(lua_State *L, const char *a, const char *b, const char *c)
{
	const char *const text = luaL_checkstring(L, 1);
	lua_Integer t;

	if (date_parse(text, a, &t) || (b != NULL && date_parse(text, b, &t)) ||
	    (c != NULL && date_parse(text, c, &t)))
		lua_pushinteger(L, t);
	else
		lua_pushnil(L);
	return 1;
}

/*@ core.http_date(text: string): integer|nil */
static int
http_date(lua_State *L)
{
	return date(L, IMF, RFC850, ASCTIME);
}

/*@ core.imf_date(text: string): integer|nil */
static int
imf_date(lua_State *L)
{
	return date(L, IMF, NULL, NULL);
}

/*@ core.rfc850_date(text: string): integer|nil */
static int
rfc850_date(lua_State *L)
{
	return date(L, RFC850, NULL, NULL);
}

/*@ core.asctime_date(text: string): integer|nil */
static int
asctime_date(lua_State *L)
{
	return date(L, ASCTIME, NULL, NULL);
}

/* ---- addresses ----------------------------------------------------------------- */

struct addr {
	bool is_v6;
	uint8_t ip[16], mask[16];
};

static bool
mask_parse(const char *text, struct addr *a)
{
	const int bits = a->is_v6 ? 128 : 32;
	uint64_t n = (uint64_t)bits;

	if (text != NULL && !tw_str_to_u64(tw_str_of(text), &n)) {
		return !a->is_v6 && inet_pton(AF_INET, text, a->mask) == 1;
	}
	if (n > (uint64_t)bits)
		return false;
	for (unsigned i = 0; i < n; i++)
		a->mask[i / 8] |= (uint8_t)(0x80 >> i % 8);
	return true;
}

static bool
addr_parse(const char *text, struct addr *a)
{
	char copy[128];
	const size_t len = strlen(text);

	if (len >= sizeof(copy))
		return false;
	memcpy(copy, text, len + 1);
	char *slash = strchr(copy, '/');
	if (slash != NULL)
		*slash++ = '\0';
	*a = (struct addr){ .is_v6 = strchr(copy, ':') != NULL };
	return inet_pton(a->is_v6 ? AF_INET6 : AF_INET, copy, a->ip) == 1 &&
	    mask_parse(slash, a);
}

/*@ core.parse_addr(text: string): userdata|nil */
static int
parse_addr(lua_State *L)
{
	const char *const text = luaL_checkstring(L, 1);
	struct addr a;

	if (!addr_parse(text, &a)) {
		lua_pushnil(L);
		return 1;
	}
	*(struct addr *)lua_newuserdata(L, sizeof(a)) = a;
	luaL_setmetatable(L, ADDR);
	return 1;
}

/* Whether one of the two networks is in the other. What is no address matches none. */
/*@ core.match_addr(a: userdata, b: userdata): boolean */
static int
match_addr(lua_State *L)
{
	const struct addr *a, *b;
	bool same;

	luaL_checkany(L, 1);
	luaL_checkany(L, 2);
	a = luaL_testudata(L, 1, ADDR);
	b = luaL_testudata(L, 2, ADDR);
	same = a != NULL && b != NULL && a->is_v6 == b->is_v6;
	for (int i = 0; same && i < (a->is_v6 ? 16 : 4); i++)
		same = ((a->ip[i] ^ b->ip[i]) & a->mask[i] & b->mask[i]) == 0;
	lua_pushboolean(L, same);
	return 1;
}

/* ---- the rest ------------------------------------------------------------------ */

/* Of the request, when there is one; else of scope proc only. */
/*@ core.get_var(name: string): any */
static int
get_var(lua_State *L)
{
	const struct lu_call *const c = lu_call_of(L);
	struct tw_req *const req = c != NULL ? c->req : NULL;
	struct tw_var *const var = lu_var(L, 1);
	struct tw_sample s;

	if (tw_var_get(req, var, &s))
		lu_push_sample(L, req, &s, false);
	else
		lua_pushnil(L);
	return 1;
}

/* Nothing more of this call is run; the value is what a fetch or converter gives. */
/*@ core.done(value?: any) */
static int
done(lua_State *L)
{
	struct lu_call *const c = lu_call_of(L);

	lua_settop(L, 1);
	if (c == NULL)
		return luaL_error(L, "core.done: not allowed in the file itself");
	c->finished = true;
	c->verdict = TW_ACT_NEXT;
	if (lua_isyieldable(L))
		return lua_yield(L, 1);
	return lua_error(L);
}

/* Scripts of one worker share it fairly; there is nothing to be set. */
/*@ core.set_nice(nice: integer) */
static int
set_nice(lua_State *L)
{
	luaL_checkinteger(L, 1);
	return 0;
}

static const luaL_Reg functions[] = {
	{ "asctime_date", asctime_date },
	{ "concat", concat },
	{ "done", done },
	{ "get_var", get_var },
	{ "http_date", http_date },
	{ "imf_date", imf_date },
	{ "match_addr", match_addr },
	{ "parse_addr", parse_addr },
	{ "rfc850_date", rfc850_date },
	{ "set_nice", set_nice },
	{ "tokenize", tokenize },
	{ NULL, NULL },
};

void
lu_open_text(lua_State *L)
{
	luaL_setfuncs(L, functions, 0);
	lu_class(L, CONCAT, concat_methods);
	lua_pushcfunction(L, concat_gc);
	lua_setfield(L, -2, "__gc");
	lua_pop(L, 1);
	luaL_newmetatable(L, ADDR);
	lua_pushliteral(L, "access denied");
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
}

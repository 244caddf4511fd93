/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * regex.c - the class Regex (PCRE2 with JIT).
 *
 * source: HAProxy's Lua manual, Regex class.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "data.h"

#include <pcre2.h>

#define REGEX "Regex"
#define MATCH_LIMIT 1000000u /* steps: what takes longer does not match */

struct regex {
	pcre2_code *code;             /* owns */
	pcre2_match_data *match;      /* owns; the state is one thread's at a time */
	pcre2_match_context *context; /* owns */
};

static int
regex_gc(lua_State *L)
{
	struct regex *const re = luaL_checkudata(L, 1, REGEX);

	pcre2_match_data_free(re->match);
	pcre2_match_context_free(re->context);
	pcre2_code_free(re->code);
	*re = (struct regex){ NULL, NULL, NULL };
	return 0;
}

static int
to_string(lua_State *L)
{
	lua_pushliteral(L, "HAProxy class Regex");
	return 1;
}

static int
compile_error(lua_State *L, const char *text, int code, size_t at)
{
	char why[256] = "";

	pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof(why));
	lua_pushboolean(L, false);
	lua_pushfstring(
	    L, "regex '%s' is invalid (error=%s, erroffset=%d)", text, why, (int)at);
	return 2;
}

/*@ Regex.new(pattern: string, case_sensitive?: boolean): boolean, Regex|string */
static int
regex_new(lua_State *L)
{
	const struct tw_str text = lu_check_str(L, 1);
	const uint32_t flags =
	    lua_isnoneornil(L, 2) || lua_toboolean(L, 2) ? 0 : PCRE2_CASELESS;
	int code;
	size_t at;

	lua_pushboolean(L, true);
	struct regex *const re = lua_newuserdata(L, sizeof(*re));
	*re = (struct regex){ NULL, NULL, NULL };
	luaL_setmetatable(L, REGEX);
	re->code = pcre2_compile((PCRE2_SPTR)text.p, text.len, flags, &code, &at, NULL);
	if (re->code == NULL)
		return compile_error(L, text.p, code, at);
	pcre2_jit_compile(re->code, PCRE2_JIT_COMPLETE);
	re->match = pcre2_match_data_create_from_pattern(re->code, NULL);
	re->context = pcre2_match_context_create(NULL);
	if (re->match == NULL || re->context == NULL)
		return luaL_error(L, "Regex.new: out of memory");
	pcre2_set_match_limit(re->context, MATCH_LIMIT);
	return 2;
}

/* returns: groups that took part; 0: no match. */
static int
run(lua_State *L, struct regex **out, struct tw_str *s)
{
	struct regex *const re = luaL_checkudata(L, 1, REGEX);

	*out = re;
	*s = lu_check_str(L, 2);
	if (re->code == NULL)
		return 0;
	const int n = pcre2_match(
	    re->code, (PCRE2_SPTR)s->p, s->len, 0, 0, re->match, re->context);
	return n > 0 ? n : 0;
}

/*@ Regex:exec(text: string): boolean */
static int
regex_exec(lua_State *L)
{
	struct regex *re;
	struct tw_str s;

	lua_pushboolean(L, run(L, &re, &s) > 0);
	return 1;
}

/* [1] is what matched, [2] the first group; one that took no part is "". */
/*@ Regex:match(text: string): boolean, string[] */
static int
regex_match(lua_State *L)
{
	struct regex *re;
	struct tw_str s;
	const int n = run(L, &re, &s);

	lua_pushboolean(L, n > 0);
	lua_newtable(L);
	const size_t *const at = n > 0 ? pcre2_get_ovector_pointer(re->match) : NULL;
	for (int i = 0; i < n; i++) {
		const size_t from = at[2 * i], to = at[2 * i + 1];
		if (from == PCRE2_UNSET || to < from)
			lua_pushliteral(L, "");
		else
			lua_pushlstring(L, s.p + from, to - from);
		lua_rawseti(L, -2, i + 1);
	}
	return 2;
}

static const luaL_Reg methods[] = {
	{ "exec", regex_exec },
	{ "match", regex_match },
	{ NULL, NULL },
};

void
lu_open_regex(lua_State *L)
{
	lu_class(L, REGEX, methods);
	lua_pushcfunction(L, regex_gc);
	lua_setfield(L, -2, "__gc");
	lua_pushcfunction(L, to_string);
	lua_setfield(L, -2, "__tostring");
	lua_pop(L, 1);
	lua_newtable(L);
	lua_pushcfunction(L, regex_new);
	lua_setfield(L, -2, "new");
	lua_setglobal(L, REGEX);
}

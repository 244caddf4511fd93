/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * field.c - header fields between Lua and messages.
 *
 * HAProxy's tables of fields: names in lower case, values counted from 0.
 * source: RFC 9110, section 5; HAProxy's Lua manual, HTTP class.
 */
#include "field.h"

#include <tideway/edit.h>
#include <tideway/text.h>

#define REGEX "tideway.regex"
#define REGEXES_KEPT 64

static const char regexes_key; /* registry: userdata by text; [0]: how many */

bool
lu_is_token(struct tw_str s)
{
	/* one bit for each byte */
	static const uint32_t allowed[8] = { 0, 0x03ff6cfa, 0xc7fffffe, 0x57ffffff };

	for (size_t i = 0; i < s.len; i++) {
		const unsigned char c = (unsigned char)s.p[i];
		if ((allowed[c >> 5] >> (c & 31) & 1) == 0)
			return false;
	}
	return s.len > 0;
}

bool
lu_is_field_value(struct tw_str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] == '\r' || s.p[i] == '\n' || s.p[i] == '\0')
			return false;
	return true;
}

/* ---- tables -------------------------------------------------------------------- */

void
lu_push_lower(lua_State *L, struct tw_str s)
{
	luaL_Buffer b;
	char *const to = luaL_buffinitsize(L, &b, s.len);

	for (size_t i = 0; i < s.len; i++)
		to[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] | 0x20) : s.p[i];
	luaL_pushresultsize(&b, s.len);
}

void
lu_add_field(lua_State *L, struct tw_str name, struct tw_str value)
{
	lua_Integer n = 0;

	lu_push_lower(L, name);
	lua_pushvalue(L, -1);
	if (lua_rawget(L, -3) == LUA_TTABLE) {
		n = (lua_Integer)lua_rawlen(L, -1) + 1;
	} else {
		lua_pop(L, 1);
		lua_createtable(L, 0, 1);
		lua_pushvalue(L, -2);
		lua_pushvalue(L, -2);
		lua_rawset(L, -5);
	}
	lu_push_str(L, value);
	lua_rawseti(L, -2, n);
	lua_pop(L, 2);
}

void
lu_push_fields(lua_State *L, const struct tw_msg *msg)
{
	lua_createtable(L, 0, (int)msg->n_hdr);
	for (unsigned i = 0; i < msg->n_hdr; i++) {
		const struct tw_hdr *const h = &msg->hdr[i];
		if (!(h->flags & TW_HDR_DELETED))
			lu_add_field(L, (struct tw_str){ h->name, h->name_len },
			    tw_hdr_value(h));
	}
}

void
lu_host_changed(lua_State *L, struct tw_req *req, const struct tw_msg *msg,
    struct tw_str name, struct tw_str value)
{
	if (tw_hdr_id(name) != TW_H_HOST || msg != tw_req_request(req))
		return;
	if (tw_req_host_changed(req, value) != 0)
		luaL_error(L, "'host' of this value cannot be part of the target");
}

/* ---- regular expressions ------------------------------------------------------- */

static int
regex_gc(lua_State *L)
{
	tw_regex_free(luaL_checkudata(L, 1, REGEX));
	return 0;
}

/* A table that is begun anew when it holds many: of texts that always differ. */
static void
regexes_push(lua_State *L)
{
	lua_rawgetp(L, LUA_REGISTRYINDEX, &regexes_key);
	lua_rawgeti(L, -1, 0);
	const lua_Integer n = lua_tointeger(L, -1) + 1;
	lua_pop(L, 1);
	if (n > REGEXES_KEPT) {
		lua_pop(L, 1);
		lua_newtable(L);
		lua_pushvalue(L, -1);
		lua_rawsetp(L, LUA_REGISTRYINDEX, &regexes_key);
	}
	lua_pushinteger(L, n > REGEXES_KEPT ? 1 : n);
	lua_rawseti(L, -2, 0);
}

/* Compiled once for each state; stays on the stack. */
const struct tw_regex *
lu_check_regex(lua_State *L, int i)
{
	struct tw_err err = { "" };
	const char *const text = luaL_checkstring(L, i);

	lua_rawgetp(L, LUA_REGISTRYINDEX, &regexes_key);
	lua_pushvalue(L, i);
	if (lua_rawget(L, -2) == LUA_TUSERDATA)
		return *(struct tw_regex **)lua_touserdata(L, -1);
	lua_pop(L, 2);
	struct tw_regex **const re = lua_newuserdata(L, sizeof(*re));
	*re = NULL;
	luaL_setmetatable(L, REGEX);
	*re = tw_regex_new(text, false, &err);
	if (*re == NULL)
		luaL_argerror(L, i, lua_pushstring(L, err.text));
	regexes_push(L);
	lua_pushvalue(L, i);
	lua_pushvalue(L, -3);
	lua_rawset(L, -3);
	lua_pop(L, 1);
	return *re;
}

void
lu_open_fields(lua_State *L)
{
	luaL_newmetatable(L, REGEX);
	lua_pushcfunction(L, regex_gc);
	lua_setfield(L, -2, "__gc");
	lua_pop(L, 1);
	lua_newtable(L);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &regexes_key);
}

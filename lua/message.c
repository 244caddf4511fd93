/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * message.c - req.headers, req.args, req.cookies, req.vars: read where they
 * stand, edited in place.
 *
 * source: RFC 9110, section 5; RFC 6265, section 4.2; the URL standard's
 * application/x-www-form-urlencoded.
 */
#include "script.h"

#include "field.h"
#include "message.h"

/* ---- headers --------------------------------------------------------------- */

static struct tw_msg *
msg_of(const struct lu_part *p)
{
	return p->kind == LU_P_RES_HEADERS ? tw_req_response(p->of->req)
					   : tw_req_request(p->of->req);
}

/* Before it goes out. */
static struct tw_msg *
msg_for_edit(lua_State *L, const struct lu_part *p)
{
	if (p->kind == LU_P_RES_HEADERS)
		lu_stage_check(L, LU_BIT(RESPONSE), "changing a response's headers");
	else
		lu_stage_check(L,
		    LU_BIT(REQUEST) | LU_BIT(ROUTE) | LU_BIT(PICK) | LU_BIT(RETRY),
		    "changing a request's headers");
	return msg_of(p);
}

/* x_y: x-y. in: text has room for name.len. */
static struct tw_str
dashed(struct tw_str name, char *text)
{
	for (size_t i = 0; i < name.len; i++)
		text[i] = name.p[i] == '_' ? '-' : name.p[i];
	return (struct tw_str){ text, name.len };
}

#define NAME_MAX_BYTES 256

static struct tw_hdr *
find(struct tw_msg *msg, struct tw_str *name, char text[NAME_MAX_BYTES])
{
	struct tw_hdr *h = tw_msg_find(msg, *name, NULL);

	if (h == NULL && name->len < NAME_MAX_BYTES &&
	    memchr(name->p, '_', name->len) != NULL) {
		*name = dashed(*name, text);
		h = tw_msg_find(msg, *name, NULL);
	}
	return h;
}

/* Several fields of one name are one list: RFC 9110, 5.3. */
static void
push_joined(lua_State *L, struct tw_msg *msg, struct tw_hdr *h, struct tw_str name)
{
	luaL_Buffer b;

	luaL_buffinit(L, &b);
	luaL_addlstring(&b, h->value, h->value_len);
	while ((h = tw_msg_find(msg, name, h)) != NULL) {
		luaL_addlstring(&b, h->id == TW_H_COOKIE ? "; " : ", ", 2);
		luaL_addlstring(&b, h->value, h->value_len);
	}
	luaL_pushresult(&b);
}

/*@ Headers:all(name: string): string[] */
static int
headers_all(lua_State *L)
{
	const struct lu_part *const p = lu_part(L, 1, LU_P_HEADERS);
	struct tw_msg *const msg = msg_of(p);
	const struct tw_str name = lu_check_str(L, 2);
	struct tw_hdr *h = NULL;
	lua_Integer n = 0;

	lua_newtable(L);
	while ((h = tw_msg_find(msg, name, h)) != NULL) {
		lua_pushlstring(L, h->value, h->value_len);
		lua_rawseti(L, -2, ++n);
	}
	return 1;
}

/* What says where the body ends is not a script's. */
static struct tw_str
check_name(lua_State *L, int i)
{
	const struct tw_str name = lu_check_str(L, i);

	if (!lu_is_token(name) || name.len > UINT16_MAX)
		luaL_argerror(L, i, "this cannot be a header's name");
	if (tw_str_ieq(name, TW_STR("content-length")) ||
	    tw_str_ieq(name, TW_STR("transfer-encoding")))
		luaL_argerror(L, i, "this header tells where the body ends");
	return name;
}

static struct tw_str
check_value(lua_State *L, int i)
{
	const struct tw_str value = lu_check_str(L, i);

	if (!lu_is_field_value(value))
		luaL_argerror(L, i, "a header's value has no line breaks");
	return value;
}

static void
add(lua_State *L, const struct lu_part *p, struct tw_msg *msg, struct tw_str name,
    struct tw_str value)
{
	if (tw_msg_add(
		msg, lu_keep(L, p->of->req, name), lu_keep(L, p->of->req, value)) != 0)
		luaL_error(L, "headers: there are %d already", TW_MAX_HDR);
}

/*@ Headers:add(name: string, value: string|number) */
static int
headers_add(lua_State *L)
{
	const struct lu_part *const p = lu_part(L, 1, LU_P_HEADERS);
	const struct tw_str name = check_name(L, 2);

	add(L, p, msg_for_edit(L, p), name, check_value(L, 3));
	return 0;
}

int
lu_headers_index(lua_State *L)
{
	const struct lu_part *const p = lu_part(L, 1, LU_P_HEADERS);
	struct tw_str name = lu_check_str(L, 2);
	char text[NAME_MAX_BYTES];
	struct tw_msg *const msg = msg_of(p);

	if (name.len == 3 && memcmp(name.p, "all", 3) == 0) {
		lua_pushcfunction(L, headers_all);
		return 1;
	}
	if (name.len == 3 && memcmp(name.p, "add", 3) == 0) {
		lua_pushcfunction(L, headers_add);
		return 1;
	}
	struct tw_hdr *const h = find(msg, &name, text);
	if (h == NULL)
		lua_pushnil(L);
	else if (h->id == TW_H_SET_COOKIE || tw_msg_find(msg, name, h) == NULL)
		lua_pushlstring(L, h->value, h->value_len);
	else
		push_joined(L, msg, h, name);
	return 1;
}

/* headers.x = value: the only one of that name; nil: none. */
int
lu_headers_newindex(lua_State *L)
{
	const struct lu_part *const p = lu_part(L, 1, LU_P_HEADERS);
	struct tw_str name = check_name(L, 2);
	char text[NAME_MAX_BYTES];
	struct tw_msg *const msg = msg_for_edit(L, p);
	struct tw_hdr *h = find(msg, &name, text);
	const bool is_nil = lua_isnil(L, 3);
	struct tw_str value = { "", 0 };

	if (!is_nil)
		value = lu_keep(L, p->of->req, check_value(L, 3));
	if (p->kind == LU_P_HEADERS && tw_str_ieq(name, TW_STR("host")))
		msg->host = value;
	if (h != NULL && !is_nil)
		tw_msg_set_value(msg, h, value);
	else if (h != NULL)
		tw_msg_del(msg, h);
	else if (!is_nil)
		add(L, p, msg, name, value);
	while (h != NULL && (h = tw_msg_find(msg, name, h)) != NULL)
		tw_msg_del(msg, h);
	return 0;
}

/* Upvalue 1: the headers; 2: the index of the next one. */
static int
headers_next(lua_State *L)
{
	const struct lu_part *const p = lu_part(L, lua_upvalueindex(1), LU_P_HEADERS);
	const struct tw_msg *const msg = msg_of(p);

	for (lua_Integer i = lua_tointeger(L, lua_upvalueindex(2)); i < msg->n_hdr;
	     i++) {
		const struct tw_hdr *const h = &msg->hdr[i];
		if ((h->flags & TW_HDR_DELETED) != 0)
			continue;
		lua_pushinteger(L, i + 1);
		lua_replace(L, lua_upvalueindex(2));
		lu_push_lower(L, (struct tw_str){ h->name, h->name_len });
		lua_pushlstring(L, h->value, h->value_len);
		return 2;
	}
	return 0;
}

/* ---- pairs of a query or of cookies ---------------------------------------- */

/* One pair, separators behind it taken. returns: false: there are no more. */
typedef bool next_pair(struct tw_str *rest, struct tw_str *name, struct tw_str *value);

static struct tw_str
cut(struct tw_str *rest, char sep)
{
	const char *const end = memchr(rest->p, sep, rest->len);
	const struct tw_str one = { rest->p,
		end != NULL ? (size_t)(end - rest->p) : rest->len };
	const size_t n = one.len + (end != NULL ? 1 : 0);

	rest->p += n;
	rest->len -= n;
	return one;
}

static void
split(struct tw_str one, struct tw_str *name, struct tw_str *value)
{
	const char *const eq = one.len > 0 ? memchr(one.p, '=', one.len) : NULL;
	const size_t n = eq != NULL ? (size_t)(eq - one.p) : one.len;

	*name = (struct tw_str){ one.p, n };
	*value = eq != NULL ? (struct tw_str){ eq + 1, one.len - n - 1 }
			    : (struct tw_str){ "", 0 };
}

static bool
next_arg(struct tw_str *rest, struct tw_str *name, struct tw_str *value)
{
	while (rest->len > 0) {
		const struct tw_str one = cut(rest, '&');
		if (one.len == 0)
			continue;
		split(one, name, value);
		return true;
	}
	return false;
}

static bool
next_cookie(struct tw_str *rest, struct tw_str *name, struct tw_str *value)
{
	while (rest->len > 0) {
		const struct tw_str one = tw_str_trim(cut(rest, ';'));
		if (memchr(one.p, '=', one.len) == NULL)
			continue;
		split(one, name, value);
		*name = tw_str_trim(*name);
		*value = tw_str_trim(*value);
		return true;
	}
	return false;
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void
push_decoded(lua_State *L, struct tw_str s)
{
	luaL_Buffer b;
	char *const to = luaL_buffinitsize(L, &b, s.len + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		const bool escaped = s.p[i] == '%' && i + 2 < s.len &&
		    hex(s.p[i + 1]) >= 0 && hex(s.p[i + 2]) >= 0;
		if (escaped) {
			to[n++] = (char)(hex(s.p[i + 1]) << 4 | hex(s.p[i + 2]));
			i += 2;
		} else {
			to[n++] = s.p[i] == '+' ? ' ' : s.p[i];
		}
	}
	luaL_pushresultsize(&b, n);
}

static struct tw_str
cookies_of(struct tw_msg *msg, struct tw_hdr **h)
{
	*h = *h == NULL ? tw_msg_first(msg, TW_H_COOKIE) : tw_msg_next(msg, *h);
	return *h != NULL ? tw_hdr_value(*h) : (struct tw_str){ NULL, 0 };
}

bool
lu_form_eq(struct tw_str raw, struct tw_str plain)
{
	size_t n = 0;

	for (size_t i = 0; i < raw.len; i++, n++) {
		char c = raw.p[i] == '+' ? ' ' : raw.p[i];
		if (c == '%' && i + 2 < raw.len && hex(raw.p[i + 1]) >= 0 &&
		    hex(raw.p[i + 2]) >= 0) {
			c = (char)(hex(raw.p[i + 1]) << 4 | hex(raw.p[i + 2]));
			i += 2;
		}
		if (n == plain.len || plain.p[n] != c)
			return false;
	}
	return n == plain.len;
}

bool
lu_arg_find(struct tw_str query, struct tw_str wanted, struct tw_str *value)
{
	struct tw_str name;

	while (query.p != NULL && next_arg(&query, &name, value))
		if (lu_form_eq(name, wanted))
			return true;
	return false;
}

bool
lu_cookie_find(struct tw_msg *msg, struct tw_str wanted, struct tw_str *value)
{
	struct tw_str name, rest;
	struct tw_hdr *h = NULL;

	while ((rest = cookies_of(msg, &h)).p != NULL)
		while (next_cookie(&rest, &name, value))
			if (tw_str_eq(name, wanted))
				return true;
	return false;
}

static struct tw_str
query_of(const struct lu_part *p)
{
	const struct tw_msg *const msg = tw_req_request(p->of->req);

	return msg != NULL ? tw_msg_query(msg) : (struct tw_str){ NULL, 0 };
}

int
lu_args_index(lua_State *L)
{
	struct tw_str value;

	if (lu_arg_find(query_of(lu_part(L, 1, LU_P_ARGS)), lu_check_str(L, 2), &value))
		push_decoded(L, value);
	else
		lua_pushnil(L);
	return 1;
}

int
lu_cookies_index(lua_State *L)
{
	struct tw_msg *const msg = tw_req_request(lu_part(L, 1, LU_P_COOKIES)->of->req);
	struct tw_str value;

	if (lu_cookie_find(msg, lu_check_str(L, 2), &value))
		lu_push_str(L, value);
	else
		lua_pushnil(L);
	return 1;
}

/* pairs() over a table of them: rarely wanted. */
static int
pairs_of_top(lua_State *L)
{
	lua_getglobal(L, "next");
	lua_insert(L, -2);
	lua_pushnil(L);
	return 3;
}

static int
args_pairs(lua_State *L)
{
	struct tw_str rest = query_of(lu_part(L, 1, LU_P_ARGS));
	struct tw_str name, value;

	lua_newtable(L);
	while (rest.p != NULL && next_arg(&rest, &name, &value)) {
		push_decoded(L, name);
		push_decoded(L, value);
		lua_rawset(L, -3);
	}
	return pairs_of_top(L);
}

static int
cookies_pairs(lua_State *L)
{
	struct tw_msg *const msg = tw_req_request(lu_part(L, 1, LU_P_COOKIES)->of->req);
	struct tw_str name, value, rest;
	struct tw_hdr *h = NULL;

	lua_newtable(L);
	while ((rest = cookies_of(msg, &h)).p != NULL)
		while (next_cookie(&rest, &name, &value)) {
			lu_push_str(L, name);
			lu_push_str(L, value);
			lua_rawset(L, -3);
		}
	return pairs_of_top(L);
}

static int
headers_pairs(lua_State *L)
{
	lu_part(L, 1, LU_P_HEADERS);
	lua_pushvalue(L, 1);
	lua_pushinteger(L, 0);
	lua_pushcclosure(L, headers_next, 2);
	return 1;
}

void
lu_set_pairs(lua_State *L, enum lu_part_kind kind)
{
	lua_pushcfunction(L,
	    kind == LU_P_ARGS          ? args_pairs
		: kind == LU_P_COOKIES ? cookies_pairs
				       : headers_pairs);
	lua_setfield(L, -2, "__pairs");
}

/* ---- variables ------------------------------------------------------------- */

/* "x": txn.x; "sess.x" as it stands. Upvalue 1: what was looked up. */
static struct tw_var *
var_of(lua_State *L)
{
	static const char *const scopes[] = { "proc.", "sess.", "txn.", "req.", "res.",
		NULL };
	const char *const name = luaL_checkstring(L, 2);
	struct tw_err err = { "" };
	bool scoped = false;

	lua_pushvalue(L, 2);
	if (lua_rawget(L, lua_upvalueindex(1)) == LUA_TLIGHTUSERDATA)
		return lua_touserdata(L, -1);
	for (int i = 0; scopes[i] != NULL; i++)
		scoped |= strncmp(name, scopes[i], strlen(scopes[i])) == 0;
	lua_pushfstring(L, "%s%s", scoped ? "" : "txn.", name);
	struct tw_var *const var = tw_var_of(lu_check_str(L, -1), &err);
	if (var == NULL)
		luaL_error(L, "vars: %s", err.text);
	lua_pushvalue(L, 2);
	lua_pushlightuserdata(L, var);
	lua_rawset(L, lua_upvalueindex(1));
	return var;
}

int
lu_vars_index(lua_State *L)
{
	const struct lu_part *const p = lu_part(L, 1, LU_P_VARS);
	struct tw_sample s;

	if (!tw_var_get(p->of->req, var_of(L), &s))
		lua_pushnil(L);
	else if (s.type == TW_BOOL)
		lua_pushboolean(L, s.u.n != 0);
	else
		lu_push_sample(L, p->of->req, &s, false);
	return 1;
}

int
lu_vars_newindex(lua_State *L)
{
	const struct lu_part *const p = lu_part(L, 1, LU_P_VARS);
	struct tw_var *const var = var_of(L);
	struct tw_sample s;

	if (lua_isnil(L, 3))
		tw_var_unset(p->of->req, var);
	else if (!lu_to_sample(L, 3, &s))
		luaL_error(L,
		    "vars: a string, number, boolean or nil is expected, not a %s",
		    luaL_typename(L, 3));
	else if (!tw_var_set(p->of->req, var, &s))
		luaL_error(L, "vars: '%s' could not be set", lua_tostring(L, 2));
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * json.c - the module `json` for scripts that find no other: encode(), decode().
 *
 * As the module of that name that most scripts bring along: null is nil, an empty
 * table is an array, errors are raised. json.null writes null. source: RFC 8259.
 */
#include "std.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_DEPTH 100
#define STEPS 1024

/* ---- encode -------------------------------------------------------------------- */

static void
put_string(luaL_Buffer *b, struct tw_str s)
{
	static const char *const short_for[32] = {
		[8] = "\\b", [9] = "\\t", [10] = "\\n", [12] = "\\f", [13] = "\\r"
	};
	char text[8];

	luaL_addchar(b, '"');
	for (size_t i = 0; i < s.len; i++) {
		const unsigned char c = (unsigned char)s.p[i];
		if (c == '"' || c == '\\') {
			luaL_addchar(b, '\\');
			luaL_addchar(b, (char)c);
		} else if (c >= 32 && c != 0x7f) {
			luaL_addchar(b, (char)c);
		} else if (c < 32 && short_for[c] != NULL) {
			luaL_addstring(b, short_for[c]);
		} else {
			snprintf(text, sizeof(text), "\\u%04x", c);
			luaL_addstring(b, text);
		}
	}
	luaL_addchar(b, '"');
}

/* A buffer may keep its text on the stack: values have a stack of their own. No
 * function that can raise an error is called for that one. */
struct encoder {
	lua_State *L;  /* the function's, where the buffer is */
	lua_State *of; /* a thread that holds the values */
	luaL_Buffer b;
	int n;
};

static void
put_number(struct encoder *e)
{
	char text[40];

	if (lua_isinteger(e->of, -1)) {
		snprintf(
		    text, sizeof(text), "%lld", (long long)lua_tointeger(e->of, -1));
	} else {
		const double x = lua_tonumber(e->of, -1);
		if (!isfinite(x))
			luaL_error(e->L, "json.encode: a number is not finite");
		snprintf(text, sizeof(text), "%.14g", x);
		if (strtod(text, NULL) != x)
			snprintf(text, sizeof(text), "%.17g", x);
	}
	luaL_addstring(&e->b, text);
}

static void write_value(struct encoder *e, int depth);

static void
write_array(struct encoder *e, lua_Integer n, int depth)
{
	luaL_addchar(&e->b, '[');
	for (lua_Integer i = 1; i <= n; i++) {
		if (i > 1)
			luaL_addchar(&e->b, ',');
		lua_rawgeti(e->of, -1, i);
		write_value(e, depth + 1);
		lua_pop(e->of, 1);
	}
	luaL_addchar(&e->b, ']');
}

static void
write_key(struct encoder *e)
{
	char text[32];

	if (lua_type(e->of, -2) == LUA_TSTRING) {
		struct tw_str key;
		key.p = lua_tolstring(e->of, -2, &key.len);
		put_string(&e->b, key);
		return;
	}
	if (!lua_isinteger(e->of, -2))
		luaL_error(e->L, "json.encode: a key is a %s, not a string",
		    luaL_typename(e->of, -2));
	snprintf(text, sizeof(text), "\"%lld\"", (long long)lua_tointeger(e->of, -2));
	luaL_addstring(&e->b, text);
}

static void
write_object(struct encoder *e, int depth)
{
	bool first = true;

	luaL_addchar(&e->b, '{');
	lua_pushnil(e->of);
	while (lua_next(e->of, -2) != 0) {
		if (!first)
			luaL_addchar(&e->b, ',');
		first = false;
		write_key(e);
		luaL_addchar(&e->b, ':');
		write_value(e, depth + 1);
		lua_pop(e->of, 1);
	}
	luaL_addchar(&e->b, '}');
}

/* 1 to n and no other key: an array. returns: -1: it is none. */
static lua_Integer
array_len(lua_State *of)
{
	const lua_Integer len = (lua_Integer)lua_rawlen(of, -1);
	lua_Integer n = 0;

	lua_pushnil(of);
	while (lua_next(of, -2) != 0) {
		const bool is_in = lua_isinteger(of, -2) &&
		    lua_tointeger(of, -2) >= 1 && lua_tointeger(of, -2) <= len;
		lua_pop(of, 1);
		if (!is_in) {
			lua_pop(of, 1);
			return -1;
		}
		n++;
	}
	return n == len ? n : -1;
}

static void
write_table(struct encoder *e, int depth)
{
	if (depth > MAX_DEPTH || !lua_checkstack(e->of, 8))
		luaL_error(e->L,
		    "json.encode: tables are nested more than %d deep, or in a circle",
		    MAX_DEPTH);
	const lua_Integer n = array_len(e->of);
	if (n >= 0)
		write_array(e, n, depth);
	else
		write_object(e, depth);
}

static void
write_value(struct encoder *e, int depth)
{
	struct tw_str s;

	if (++e->n % STEPS == 0)
		lu_stop_if(e->L);
	switch (lua_type(e->of, -1)) {
	case LUA_TNIL:
		luaL_addstring(&e->b, "null");
		break;
	case LUA_TBOOLEAN:
		luaL_addstring(&e->b, lua_toboolean(e->of, -1) ? "true" : "false");
		break;
	case LUA_TNUMBER:
		put_number(e);
		break;
	case LUA_TSTRING:
		s.p = lua_tolstring(e->of, -1, &s.len);
		put_string(&e->b, s);
		break;
	case LUA_TTABLE:
		write_table(e, depth);
		break;
	case LUA_TLIGHTUSERDATA:
		if (lua_touserdata(e->of, -1) == NULL) {
			luaL_addstring(&e->b, "null");
			break;
		} /* fallthrough */
	default:
		luaL_error(e->L, "json.encode: a %s has no form in JSON",
		    luaL_typename(e->of, -1));
	}
}

/*@ json.encode(value: any): string */
static int
json_encode(lua_State *L)
{
	struct encoder e = { .L = L };

	luaL_checkany(L, 1);
	lua_settop(L, 1);
	e.of = lua_newthread(L);
	lua_pushvalue(L, 1);
	lua_xmove(L, e.of, 1);
	luaL_buffinit(L, &e.b);
	write_value(&e, 0);
	luaL_pushresult(&e.b);
	return 1;
}

/* ---- decode -------------------------------------------------------------------- */

struct decoder {
	lua_State *L;
	const char *from, *p, *end;
	int n;
};

static void read_value(struct decoder *d, int depth);

static void
bad(const struct decoder *d, const char *what)
{
	int line = 1, column = 1;

	for (const char *p = d->from; p < d->p; p++)
		if (*p == '\n') {
			line++;
			column = 1;
		} else {
			column++;
		}
	luaL_error(d->L, "json.decode: %s at line %d col %d", what, line, column);
}

static void
skip_space(struct decoder *d)
{
	while (d->p < d->end &&
	    (*d->p == ' ' || *d->p == '\t' || *d->p == '\n' || *d->p == '\r'))
		d->p++;
}

static bool
take(struct decoder *d, char c)
{
	skip_space(d);
	if (d->p >= d->end || *d->p != c)
		return false;
	d->p++;
	return true;
}

static unsigned
read_hex4(struct decoder *d)
{
	unsigned x = 0;

	for (int i = 0; i < 4; i++, d->p++) {
		const char c = d->p < d->end ? *d->p : '\0';
		if (c >= '0' && c <= '9')
			x = x << 4 | (unsigned)(c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			x = x << 4 | (unsigned)((c | 32) - 'a' + 10);
		else
			bad(d, "four hexadecimal digits are missing");
	}
	return x;
}

static void
put_utf8(luaL_Buffer *b, unsigned x)
{
	if (x >= 0x10000) {
		luaL_addchar(b, (char)(0xf0 | x >> 18));
		luaL_addchar(b, (char)(0x80 | (x >> 12 & 63)));
	} else if (x >= 0x800) {
		luaL_addchar(b, (char)(0xe0 | x >> 12));
	}
	if (x >= 0x800)
		luaL_addchar(b, (char)(0x80 | (x >> 6 & 63)));
	else if (x >= 0x80)
		luaL_addchar(b, (char)(0xc0 | x >> 6));
	luaL_addchar(b, x >= 0x80 ? (char)(0x80 | (x & 63)) : (char)x);
}

static void
read_unicode(struct decoder *d, luaL_Buffer *b)
{
	unsigned x = read_hex4(d);

	if (x >= 0xd800 && x < 0xdc00 && d->end - d->p >= 6 && d->p[0] == '\\' &&
	    d->p[1] == 'u') {
		d->p += 2;
		const unsigned low = read_hex4(d);
		if (low < 0xdc00 || low > 0xdfff)
			bad(d, "half of a surrogate pair");
		x = 0x10000 + ((x - 0xd800) << 10) + (low - 0xdc00);
	}
	put_utf8(b, x);
}

static void
read_escape(struct decoder *d, luaL_Buffer *b)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";

	const char c = d->p < d->end ? *d->p++ : '\0';
	const char *const at = c != '\0' ? strchr(from, c) : NULL;
	if (c == 'u')
		read_unicode(d, b);
	else if (at != NULL)
		luaL_addchar(b, to[at - from]);
	else
		bad(d, "invalid escape");
}

static void
read_string(struct decoder *d)
{
	luaL_Buffer b;

	luaL_buffinit(d->L, &b);
	while (d->p < d->end && *d->p != '"') {
		const char *const run = d->p;
		while (d->p < d->end && *d->p != '"' && *d->p != '\\' &&
		    (unsigned char)*d->p >= 32)
			d->p++;
		luaL_addlstring(&b, run, (size_t)(d->p - run));
		if (d->p < d->end && (unsigned char)*d->p < 32)
			bad(d, "control character in a string");
		if (d->p < d->end && *d->p == '\\') {
			d->p++;
			read_escape(d, &b);
		}
	}
	if (d->p++ >= d->end)
		bad(d, "a string does not end");
	luaL_pushresult(&b);
}

static void
read_array(struct decoder *d, int depth)
{
	lua_newtable(d->L);
	if (take(d, ']'))
		return;
	for (lua_Integer i = 1;; i++) {
		read_value(d, depth + 1);
		lua_rawseti(d->L, -2, i);
		if (take(d, ']'))
			return;
		if (!take(d, ','))
			bad(d, "expected ']' or ','");
	}
}

static void
read_object(struct decoder *d, int depth)
{
	lua_newtable(d->L);
	if (take(d, '}'))
		return;
	for (;;) {
		if (!take(d, '"'))
			bad(d, "expected string for key");
		read_string(d);
		if (!take(d, ':'))
			bad(d, "expected ':' after key");
		read_value(d, depth + 1);
		lua_rawset(d->L, -3);
		if (take(d, '}'))
			return;
		if (!take(d, ','))
			bad(d, "expected '}' or ','");
	}
}

static bool
is_digit(const struct decoder *d)
{
	return d->p < d->end && *d->p >= '0' && *d->p <= '9';
}

static void
digits(struct decoder *d)
{
	if (!is_digit(d))
		bad(d, "invalid number");
	while (is_digit(d))
		d->p++;
}

static void
read_number(struct decoder *d)
{
	const char *const from = d->p;

	if (*d->p == '-')
		d->p++;
	if (d->p < d->end && *d->p == '0')
		d->p++;
	else
		digits(d);
	if (d->p < d->end && *d->p == '.') {
		d->p++;
		digits(d);
	}
	if (d->p < d->end && (*d->p | 32) == 'e') {
		d->p++;
		if (d->p < d->end && (*d->p == '+' || *d->p == '-'))
			d->p++;
		digits(d);
	}
	lua_pushlstring(d->L, from, (size_t)(d->p - from));
	if (lua_stringtonumber(d->L, lua_tostring(d->L, -1)) == 0)
		bad(d, "invalid number");
	lua_remove(d->L, -2);
}

static bool
is_word(struct decoder *d, const char *word)
{
	const size_t len = strlen(word);

	if ((size_t)(d->end - d->p) < len || memcmp(d->p, word, len) != 0)
		return false;
	d->p += len;
	return true;
}

static void
read_value(struct decoder *d, int depth)
{
	if (++d->n % STEPS == 0)
		lu_stop_if(d->L);
	if (depth > MAX_DEPTH)
		bad(d, "nested too deep");
	luaL_checkstack(d->L, 8, "json.decode");
	skip_space(d);
	if (take(d, '{'))
		read_object(d, depth);
	else if (take(d, '['))
		read_array(d, depth);
	else if (take(d, '"'))
		read_string(d);
	else if (is_word(d, "true"))
		lua_pushboolean(d->L, true);
	else if (is_word(d, "false"))
		lua_pushboolean(d->L, false);
	else if (is_word(d, "null"))
		lua_pushnil(d->L);
	else if (d->p < d->end && (*d->p == '-' || is_digit(d)))
		read_number(d);
	else
		bad(d, d->p < d->end ? "unexpected character" : "unexpected end");
}

/*@ json.decode(text: string): any */
static int
json_decode(lua_State *L)
{
	const struct tw_str s = lu_check_str(L, 1);
	struct decoder d = { .L = L, .from = s.p, .p = s.p, .end = s.p + s.len };

	read_value(&d, 0);
	skip_space(&d);
	if (d.p < d.end)
		bad(&d, "trailing garbage");
	return 1;
}

int
lu_open_json(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "decode", json_decode },
		{ "encode", json_encode },
		{ NULL, NULL },
	};

	luaL_newlib(L, functions);
	lua_pushlightuserdata(L, NULL);
	lua_setfield(L, -2, "null");
	return 1;
}

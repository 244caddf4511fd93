/* SPDX-License-Identifier: Apache-2.0 AND MIT */
/* Copyright the tideway authors */
/*
 * std_str.c - string.find, match, gmatch, gsub, rep that can be stopped.
 *
 * No hook reaches into a C function, and a pattern can take for ever on a
 * short string. This is the matcher of Lua 5.3's lstrlib.c, step by step, with
 * a look at the watchdog now and then. Results are the same as the originals':
 * t/unit/test_lua_str.c compares them. Lua's notice:
 *
 * Copyright (C) 1994-2020 Lua.org, PUC-Rio.
 *
 * Permission is hereby granted, free of charge, to any person obtaining a copy
 * of this software and associated documentation files (the "Software"), to deal
 * in the Software without restriction, including without limitation the rights
 * to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
 * copies of the Software, and to permit persons to whom the Software is
 * furnished to do so, subject to the following conditions:
 *
 * The above copyright notice and this permission notice shall be included in
 * all copies or substantial portions of the Software.
 *
 * THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
 * IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
 * FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
 * AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
 * LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
 * OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
 * SOFTWARE.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "std.h"

#include <ctype.h>
#include <string.h>

#define CAP_UNFINISHED (-1)
#define CAP_POSITION (-2)
#define MAX_CAPTURES 32
#define MAX_DEPTH 200
#define ESC '%'
#define SPECIALS "^$*+?.([%-"
#define STEPS 4096 /* between looks at the watchdog */

#define UC(c) ((unsigned char)(c))

struct match {
	const char *src, *src_end, *pat_end;
	lua_State *L;
	int depth; /* what recursion is left */
	int steps; /* until the next look */
	int level; /* captures, finished or not */
	struct {
		const char *at;
		ptrdiff_t len;
	} cap[MAX_CAPTURES];
};

static const char *match(struct match *m, const char *s, const char *p);

static void
step(struct match *m)
{
	if (--m->steps > 0)
		return;
	m->steps = STEPS;
	lu_stop_if(m->L);
}

/* Where a position of Lua's is: negative ones count from the end. */
static lua_Integer
position(lua_Integer pos, size_t len)
{
	if (pos >= 0)
		return pos;
	if (0u - (size_t)pos > len)
		return 0;
	return (lua_Integer)len + pos + 1;
}

/* ---- captures ------------------------------------------------------------------ */

static int
cap_check(struct match *m, int digit)
{
	digit -= '1';
	if (digit < 0 || digit >= m->level || m->cap[digit].len == CAP_UNFINISHED)
		return luaL_error(m->L, "invalid capture index %%%d", digit + 1);
	return digit;
}

static int
cap_to_close(struct match *m)
{
	int level = m->level;

	for (level--; level >= 0; level--)
		if (m->cap[level].len == CAP_UNFINISHED)
			return level;
	return luaL_error(m->L, "invalid pattern capture");
}

static const char *
class_end(struct match *m, const char *p)
{
	if (p == m->pat_end)
		luaL_error(m->L, "malformed pattern (ends with '%%')");
	switch (*p++) {
	case ESC:
		if (p == m->pat_end)
			luaL_error(m->L, "malformed pattern (ends with '%%')");
		return p + 1;
	case '[':
		if (*p == '^')
			p++;
		do {
			if (p == m->pat_end)
				luaL_error(m->L, "malformed pattern (missing ']')");
			if (*p++ == ESC && p < m->pat_end)
				p++;
		} while (*p != ']');
		return p + 1;
	default:
		return p;
	}
}

static bool
is_in_class(int c, int class)
{
	bool is;

	switch (tolower(class)) {
	case 'a':
		is = isalpha(c) != 0;
		break;
	case 'c':
		is = iscntrl(c) != 0;
		break;
	case 'd':
		is = isdigit(c) != 0;
		break;
	case 'g':
		is = isgraph(c) != 0;
		break;
	case 'l':
		is = islower(c) != 0;
		break;
	case 'p':
		is = ispunct(c) != 0;
		break;
	case 's':
		is = isspace(c) != 0;
		break;
	case 'u':
		is = isupper(c) != 0;
		break;
	case 'w':
		is = isalnum(c) != 0;
		break;
	case 'x':
		is = isxdigit(c) != 0;
		break;
	case 'z':
		is = c == 0; /* deprecated, as there */
		break;
	default:
		return class == c;
	}
	return isupper(class) != 0 ? !is : is;
}

/* in: p at "[", end at "]". */
static bool
is_in_set(int c, const char *p, const char *end)
{
	bool is = true;

	if (p[1] == '^') {
		is = false;
		p++;
	}
	while (++p < end) {
		if (*p == ESC) {
			p++;
			if (is_in_class(c, UC(*p)))
				return is;
		} else if (p[1] == '-' && p + 2 < end) {
			p += 2;
			if (UC(p[-2]) <= c && c <= UC(*p))
				return is;
		} else if (UC(*p) == c) {
			return is;
		}
	}
	return !is;
}

static bool
is_single(const struct match *m, const char *s, const char *p, const char *end)
{
	if (s >= m->src_end)
		return false;
	const int c = UC(*s);
	switch (*p) {
	case '.':
		return true;
	case ESC:
		return is_in_class(c, UC(p[1]));
	case '[':
		return is_in_set(c, p, end - 1);
	default:
		return UC(*p) == c;
	}
}

/* ---- items --------------------------------------------------------------------- */

static const char *
match_balance(struct match *m, const char *s, const char *p)
{
	if (p >= m->pat_end - 1)
		luaL_error(m->L, "malformed pattern (missing arguments to '%%b')");
	if (s >= m->src_end || *s != *p) /* at the end nothing begins */
		return NULL;
	const int open = *p, close = p[1];
	int nested = 1;
	while (++s < m->src_end) {
		if (*s == close) {
			if (--nested == 0)
				return s + 1;
		} else if (*s == open) {
			nested++;
		}
	}
	return NULL;
}

static const char *
expand_max(struct match *m, const char *s, const char *p, const char *end)
{
	ptrdiff_t i = 0;

	while (is_single(m, s + i, p, end))
		i++;
	for (; i >= 0; i--) {
		const char *const to = match(m, s + i, end + 1);
		if (to != NULL)
			return to;
	}
	return NULL;
}

static const char *
expand_min(struct match *m, const char *s, const char *p, const char *end)
{
	for (;;) {
		const char *const to = match(m, s, end + 1);
		if (to != NULL)
			return to;
		if (!is_single(m, s, p, end))
			return NULL;
		s++;
	}
}

static const char *
cap_start(struct match *m, const char *s, const char *p, ptrdiff_t what)
{
	const int level = m->level;

	if (level >= MAX_CAPTURES)
		luaL_error(m->L, "too many captures");
	m->cap[level].at = s;
	m->cap[level].len = what;
	m->level = level + 1;
	const char *const to = match(m, s, p);
	if (to == NULL)
		m->level--;
	return to;
}

static const char *
cap_end(struct match *m, const char *s, const char *p)
{
	const int i = cap_to_close(m);

	m->cap[i].len = s - m->cap[i].at;
	const char *const to = match(m, s, p);
	if (to == NULL)
		m->cap[i].len = CAP_UNFINISHED;
	return to;
}

static const char *
match_capture(struct match *m, const char *s, int digit)
{
	const int i = cap_check(m, digit);
	const size_t len = (size_t)m->cap[i].len;

	if ((size_t)(m->src_end - s) >= len && memcmp(m->cap[i].at, s, len) == 0)
		return s + len;
	return NULL;
}

/* in: p behind "%f". returns: behind the set, when the frontier is here. */
static const char *
match_frontier(struct match *m, const char *s, const char *p)
{
	if (p == m->pat_end || *p != '[')
		luaL_error(m->L, "missing '[' after '%%f' in pattern");
	const char *const end = class_end(m, p);
	const int before = s == m->src ? '\0' : UC(s[-1]);
	const int here = s == m->src_end ? '\0' : UC(*s);

	if (!is_in_set(before, p, end - 1) && is_in_set(here, p, end - 1))
		return end;
	return NULL;
}

/* A single character and what follows it. out: s, p moved on. returns: false: the
 * end is *s. */
static bool
match_single(struct match *m, const char **s, const char **p)
{
	const char *const end = class_end(m, *p);
	const char after = end < m->pat_end ? *end : '\0';

	if (!is_single(m, *s, *p, end)) {
		if (after == '*' || after == '?' || after == '-') {
			*p = end + 1;
			return true;
		}
		*s = NULL;
		return false;
	}
	if (after == '?') {
		const char *const to = match(m, *s + 1, end + 1);
		if (to != NULL) {
			*s = to;
			return false;
		}
		*p = end + 1;
		return true;
	}
	if (after == '+' || after == '*') {
		*s = expand_max(m, after == '+' ? *s + 1 : *s, *p, end);
		return false;
	}
	if (after == '-') {
		*s = expand_min(m, *s, *p, end);
		return false;
	}
	++*s;
	*p = end;
	return true;
}

/* "%" and what it means. returns: as match_single. */
static bool
match_escape(struct match *m, const char **s, const char **p)
{
	const char what = *p + 1 < m->pat_end ? (*p)[1] : '\0';

	if (what == 'b') {
		*s = match_balance(m, *s, *p + 2);
		*p += 4;
		return *s != NULL;
	}
	if (what == 'f') {
		*p = match_frontier(m, *s, *p + 2);
		if (*p == NULL)
			*s = NULL;
		return *p != NULL;
	}
	if (isdigit(UC(what)) && *p + 1 < m->pat_end) {
		*s = match_capture(m, *s, UC(what));
		*p += 2;
		return *s != NULL;
	}
	return match_single(m, s, p);
}

static const char *
match_items(struct match *m, const char *s, const char *p)
{
	bool more = true;

	while (more && p != m->pat_end) {
		step(m);
		switch (*p) {
		case '(':
			return p + 1 < m->pat_end && p[1] == ')'
			    ? cap_start(m, s, p + 2, CAP_POSITION)
			    : cap_start(m, s, p + 1, CAP_UNFINISHED);
		case ')':
			return cap_end(m, s, p + 1);
		case '$':
			if (p + 1 == m->pat_end)
				return s == m->src_end ? s : NULL;
			more = match_single(m, &s, &p);
			break;
		case ESC:
			more = match_escape(m, &s, &p);
			break;
		default:
			more = match_single(m, &s, &p);
		}
	}
	return s;
}

static const char *
match(struct match *m, const char *s, const char *p)
{
	if (m->depth-- == 0)
		luaL_error(m->L, "pattern too complex");
	const char *const to = match_items(m, s, p);
	m->depth++;
	return to;
}

/* ---- results ------------------------------------------------------------------- */

static void
push_capture(struct match *m, int i, const char *s, const char *e)
{
	if (i >= m->level) {
		if (i == 0)
			lua_pushlstring(m->L, s, (size_t)(e - s)); /* the whole */
		else
			luaL_error(m->L, "invalid capture index %%%d", i + 1);
		return;
	}
	const ptrdiff_t len = m->cap[i].len;
	if (len == CAP_UNFINISHED)
		luaL_error(m->L, "unfinished capture");
	if (len == CAP_POSITION)
		lua_pushinteger(m->L, m->cap[i].at - m->src + 1);
	else
		lua_pushlstring(m->L, m->cap[i].at, (size_t)len);
}

static int
push_captures(struct match *m, const char *s, const char *e)
{
	const int n = m->level == 0 && s != NULL ? 1 : m->level;

	luaL_checkstack(m->L, n, "too many captures");
	for (int i = 0; i < n; i++)
		push_capture(m, i, s, e);
	return n;
}

static void
begin(struct match *m, lua_State *L, struct tw_str src, struct tw_str pat)
{
	m->L = L;
	m->depth = MAX_DEPTH;
	m->steps = STEPS;
	m->src = src.p;
	m->src_end = src.p + src.len;
	m->pat_end = pat.p + pat.len;
}

static void
again(struct match *m)
{
	m->level = 0;
	m->depth = MAX_DEPTH;
}

static bool
is_plain(struct tw_str pat)
{
	size_t from = 0;

	do { /* a NUL ends what strpbrk sees */
		if (strpbrk(pat.p + from, SPECIALS) != NULL)
			return false;
		from += strlen(pat.p + from) + 1;
	} while (from <= pat.len);
	return true;
}

static int
find_plain(lua_State *L, struct tw_str src, struct tw_str pat, size_t from)
{
	const char *const at = pat.len == 0
	    ? src.p + from
	    : memmem(src.p + from, src.len - from, pat.p, pat.len);

	if (at == NULL) {
		lua_pushnil(L);
		return 1;
	}
	lua_pushinteger(L, at - src.p + 1);
	lua_pushinteger(L, at - src.p + (lua_Integer)pat.len);
	return 2;
}

static int
search(lua_State *L, struct tw_str src, struct tw_str pat, size_t from, bool find)
{
	struct match m;
	const char *s = src.p + from, *p = pat.p;
	const bool anchored = pat.len > 0 && *p == '^';

	p += anchored;
	begin(&m, L, src, pat);
	do {
		again(&m);
		const char *const e = match(&m, s, p);
		if (e == NULL)
			continue;
		if (!find)
			return push_captures(&m, s, e);
		lua_pushinteger(L, s - src.p + 1);
		lua_pushinteger(L, e - src.p);
		return push_captures(&m, NULL, NULL) + 2;
	} while (s++ < m.src_end && !anchored);
	lua_pushnil(L);
	return 1;
}

static int
find_or_match(lua_State *L, bool find)
{
	const struct tw_str src = lu_check_str(L, 1), pat = lu_check_str(L, 2);
	lua_Integer from = position(luaL_optinteger(L, 3, 1), src.len);

	if (from < 1)
		from = 1;
	if (from > (lua_Integer)src.len + 1) {
		lua_pushnil(L);
		return 1;
	}
	if (find && (lua_toboolean(L, 4) || is_plain(pat)))
		return find_plain(L, src, pat, (size_t)from - 1);
	return search(L, src, pat, (size_t)from - 1, find);
}

static int
str_find(lua_State *L)
{
	return find_or_match(L, true);
}

static int
str_match(lua_State *L)
{
	return find_or_match(L, false);
}

/* ---- gmatch -------------------------------------------------------------------- */

struct each {
	const char *src, *pat, *last;
	struct match m;
};

static int
gmatch_next(lua_State *L)
{
	struct each *const g = lua_touserdata(L, lua_upvalueindex(3));

	g->m.L = L;
	for (const char *s = g->src; s <= g->m.src_end; s++) {
		again(&g->m);
		const char *const e = match(&g->m, s, g->pat);
		if (e != NULL && e != g->last) {
			g->src = g->last = e;
			return push_captures(&g->m, s, e);
		}
	}
	return 0;
}

static int
str_gmatch(lua_State *L)
{
	const struct tw_str src = lu_check_str(L, 1), pat = lu_check_str(L, 2);

	lua_settop(L, 2);
	struct each *const g = lua_newuserdata(L, sizeof(*g));
	begin(&g->m, L, src, pat);
	g->src = src.p;
	g->pat = pat.p;
	g->last = NULL;
	lua_pushcclosure(L, gmatch_next, 3);
	return 1;
}

/* ---- gsub ---------------------------------------------------------------------- */

static void
add_text(struct match *m, luaL_Buffer *b, const char *s, const char *e)
{
	size_t len;
	lua_State *const L = m->L;
	const char *const with = lua_tolstring(L, 3, &len);

	for (size_t i = 0; i < len; i++) {
		if (with[i] != ESC) {
			luaL_addchar(b, with[i]);
			continue;
		}
		i++;
		if (!isdigit(UC(with[i]))) {
			if (with[i] != ESC)
				luaL_error(L,
				    "invalid use of '%c' in replacement string", ESC);
			luaL_addchar(b, with[i]);
		} else if (with[i] == '0') {
			luaL_addlstring(b, s, (size_t)(e - s));
		} else {
			push_capture(m, with[i] - '1', s, e);
			luaL_tolstring(L, -1, NULL); /* a position is a number */
			lua_remove(L, -2);
			luaL_addvalue(b);
		}
	}
}

static void
add_value(struct match *m, luaL_Buffer *b, const char *s, const char *e, int type)
{
	lua_State *const L = m->L;

	if (type == LUA_TFUNCTION) {
		lua_pushvalue(L, 3);
		lua_call(L, push_captures(m, s, e), 1);
	} else if (type == LUA_TTABLE) {
		push_capture(m, 0, s, e);
		lua_gettable(L, 3);
	} else {
		add_text(m, b, s, e);
		return;
	}
	if (!lua_toboolean(L, -1)) {
		lua_pop(L, 1);
		lua_pushlstring(L, s, (size_t)(e - s));
	} else if (!lua_isstring(L, -1)) {
		luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
	}
	luaL_addvalue(b);
}

static int
str_gsub(lua_State *L)
{
	const struct tw_str src = lu_check_str(L, 1), pat = lu_check_str(L, 2);
	const int type = lua_type(L, 3);
	const lua_Integer max = luaL_optinteger(L, 4, (lua_Integer)src.len + 1);
	const bool anchored = pat.len > 0 && *pat.p == '^';
	const char *const p = pat.p + anchored;
	const char *s = src.p, *last = NULL;
	lua_Integer n = 0;
	struct match m;
	luaL_Buffer b;

	luaL_argcheck(L,
	    type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION ||
		type == LUA_TTABLE,
	    3, "string/function/table expected");
	luaL_buffinit(L, &b);
	begin(&m, L, src, pat);
	while (n < max) {
		again(&m);
		step(&m);
		const char *const e = match(&m, s, p);
		if (e != NULL && e != last) {
			n++;
			add_value(&m, &b, s, e, type);
			s = last = e;
		} else if (s < m.src_end) {
			luaL_addchar(&b, *s++);
		} else {
			break;
		}
		if (anchored)
			break;
	}
	luaL_addlstring(&b, s, (size_t)(m.src_end - s));
	luaL_pushresult(&b);
	lua_pushinteger(L, n);
	return 2;
}

/* ---- rep ----------------------------------------------------------------------- */

#define MAX_SIZE ((size_t)LUA_MAXINTEGER)

static int
str_rep(lua_State *L)
{
	const struct tw_str s = lu_check_str(L, 1);
	lua_Integer n = luaL_checkinteger(L, 2);
	struct tw_str sep;
	luaL_Buffer b;

	sep.p = luaL_optlstring(L, 3, "", &sep.len);
	if (n <= 0 || s.len + sep.len == 0) {
		lua_pushliteral(L, "");
		return 1;
	}
	if (s.len + sep.len < s.len || s.len + sep.len > MAX_SIZE / (size_t)n)
		return luaL_error(L, "resulting string too large");
	const size_t total = (size_t)n * s.len + (size_t)(n - 1) * sep.len;
	char *p = luaL_buffinitsize(L, &b, total);
	for (size_t i = 0; n-- > 0; i++) {
		memcpy(p, s.p, s.len);
		p += s.len;
		if (n > 0 && sep.len > 0) {
			memcpy(p, sep.p, sep.len);
			p += sep.len;
		}
		if (i % STEPS == 0 || s.len > STEPS)
			lu_stop_if(L);
	}
	luaL_pushresultsize(&b, total);
	return 1;
}

static const luaL_Reg functions[] = {
	{ "find", str_find },
	{ "gmatch", str_gmatch },
	{ "gsub", str_gsub },
	{ "match", str_match },
	{ "rep", str_rep },
	{ NULL, NULL },
};

void
lu_open_string(lua_State *L)
{
	lu_set_in(L, "string", functions);
}

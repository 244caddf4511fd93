/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * filter_data.c - payload in a filter's callback: what HTTPMessage and Channel have
 * in common.
 *
 * Offsets are from the beginning of what is there and not forwarded yet, negative
 * ones from its end. source: HAProxy's Lua manual, HTTPMessage and Channel classes.
 */
#include "filter.h"

#include <stdlib.h>

#define SIZE_MIN 16384u
#define FULL (16u << 20) /* as many bytes as a script may keep back */

/* ---- bytes ---------------------------------------------------------------------- */

static bool
grow(char **p, size_t *size, size_t want)
{
	size_t n = *size < SIZE_MIN ? SIZE_MIN : *size;

	if (*p != NULL && want <= *size)
		return true;
	while (n < want)
		n *= 2;
	char *const more = realloc(*p, n);
	if (more == NULL)
		return false;
	*p = more;
	*size = n;
	return true;
}

bool
lu_dir_own(struct lu_dir *d, size_t more)
{
	const size_t at = d->own && d->in_len > 0 ? (size_t)(d->in - d->buf) : 0;

	if (!grow(&d->buf, &d->buf_size,
		at + d->in_len + more)) /* in stays where it is */
		return false;
	if (!d->own && d->in_len > 0)
		memcpy(d->buf, d->in, d->in_len);
	d->own = true;
	d->in = d->buf + at;
	return true;
}

bool
lu_dir_insert(struct lu_dir *d, size_t at, struct tw_str s)
{
	if (!lu_dir_own(d, s.len))
		return false;
	char *const p = d->buf + (d->in - d->buf) + at;
	memmove(p + s.len, p, d->in_len - at);
	if (s.len > 0)
		memcpy(p, s.p, s.len);
	d->in_len += s.len;
	return true;
}

static void
take(struct lu_dir *d, size_t at, size_t n)
{
	if (n == 0)
		return;
	if (at == 0) {
		d->in += n;
	} else {
		char *const p = d->buf + (d->in - d->buf) + at;
		memmove(p, p + n, d->in_len - at - n);
	}
	d->in_len -= n;
}

static bool
out_add(struct lu_dir *d, struct tw_str s)
{
	if (!grow(&d->out, &d->out_size, d->out_len + s.len))
		return false;
	if (s.len > 0)
		memcpy(d->out + d->out_len, s.p, s.len);
	d->out_len += s.len;
	return true;
}

bool
lu_dir_forward(struct lu_dir *d, size_t n)
{
	if (!out_add(d, (struct tw_str){ d->in, n }))
		return false;
	take(d, 0, n);
	return true;
}

/* ---- arguments --------------------------------------------------------------------- */

/* Optional; left out: the beginning. */
static size_t
offset_arg(lua_State *L, int i, const struct lu_dir *d, lua_Integer usual)
{
	const lua_Integer len = (lua_Integer)d->in_len;
	lua_Integer at = luaL_optinteger(L, i, usual);

	if (at < 0)
		at = at + len < 0 ? 0 : at + len;
	if (at > len)
		luaL_error(L, "offset out of range.");
	return (size_t)at;
}

/* Optional; left out: to the end; -1: as much as there is. */
static size_t
length_arg(lua_State *L, int i, const struct lu_dir *d, size_t at, bool may_exceed)
{
	const size_t left = d->in_len - at;
	const lua_Integer n = luaL_optinteger(L, i, -1);

	if (n < -1 || (n > (lua_Integer)left && !may_exceed))
		luaL_error(L, "length out of range.");
	return n == -1 || (size_t)n > left ? left : (size_t)n;
}

static struct lu_dir *
data_args(lua_State *L, int min, int max)
{
	struct lu_dir *const d = lu_data_of(L);
	const int n = lua_gettop(L) - 1;

	if (n < min || n > max)
		luaL_error(L, "%d to %d arguments are expected, not %d", min, max, n);
	return d;
}

/* ---- methods ------------------------------------------------------------------------- */

static int
out_of_memory(lua_State *L)
{
	lua_pushinteger(L, -1);
	return 1;
}

static int
insert_at(lua_State *L, struct lu_dir *d, size_t at)
{
	const struct tw_str s = lu_check_str(L, 2);

	if (d->in_len + s.len > FULL || !lu_dir_insert(d, at, s))
		return out_of_memory(L);
	lua_pushinteger(L, (lua_Integer)s.len);
	return 1;
}

/*@ HTTPMessage:append(data: string): integer */
/*@ Channel:append(data: string): integer */
static int
append(lua_State *L)
{
	struct lu_dir *const d = data_args(L, 1, 1);

	return insert_at(L, d, d->in_len);
}

/*@ HTTPMessage:prepend(data: string): integer */
/*@ Channel:prepend(data: string): integer */
static int
prepend(lua_State *L)
{
	return insert_at(L, data_args(L, 1, 1), 0);
}

/*@ HTTPMessage:insert(data: string, offset?: integer): integer */
/*@ Channel:insert(data: string, offset?: integer): integer */
static int
insert(lua_State *L)
{
	struct lu_dir *const d = data_args(L, 1, 2);

	return insert_at(L, d, offset_arg(L, 3, d, 0));
}

/* nil: there is nothing, and nothing will come. */
static int
push_data(lua_State *L, const struct lu_dir *d, size_t at, size_t n)
{
	if (n == 0 && d->last)
		lua_pushnil(L);
	else
		lua_pushlstring(L, n > 0 ? d->in + at : "", n);
	return 1;
}

/*@ HTTPMessage:body(offset?: integer, length?: integer): string? */
/*@ Channel:data(offset?: integer, length?: integer): string? */
static int
body(lua_State *L)
{
	struct lu_dir *const d = data_args(L, 0, 2);
	const size_t at = offset_arg(L, 2, d, 0);

	return push_data(L, d, at, length_arg(L, 3, d, at, true));
}

static size_t
line_length(const struct lu_dir *d, size_t at, size_t n)
{
	const char *const nl = n > 0 ? memchr(d->in + at, '\n', n) : NULL;

	return nl != NULL ? (size_t)(nl + 1 - d->in) - at : n;
}

/*@ Channel:line(offset?: integer, length?: integer): string? */
static int
line(lua_State *L)
{
	struct lu_dir *const d = data_args(L, 0, 2);
	const size_t at = offset_arg(L, 2, d, 0);
	const size_t n = length_arg(L, 3, d, at, true);

	return push_data(L, d, at, line_length(d, at, n));
}

/* What cannot be moved where it is. */
static bool
take_from(struct lu_dir *d, size_t at, size_t n)
{
	if (at > 0 && n > 0 && !lu_dir_own(d, 0))
		return false;
	take(d, at, n);
	return true;
}

/*@ HTTPMessage:remove(offset?: integer, length?: integer): integer */
/*@ Channel:remove(offset?: integer, length?: integer): integer */
static int
remove_data(lua_State *L)
{
	struct lu_dir *const d = data_args(L, 0, 2);
	const size_t at = offset_arg(L, 2, d, 0);
	const size_t n = length_arg(L, 3, d, at, false);

	if (!take_from(d, at, n))
		return out_of_memory(L);
	lua_pushinteger(L, (lua_Integer)n);
	return 1;
}

/*@ HTTPMessage:set(data: string, offset?: integer, length?: integer): integer */
/*@ Channel:set(data: string, offset?: integer, length?: integer): integer */
static int
set(lua_State *L)
{
	struct lu_dir *const d = data_args(L, 1, 3);
	const size_t at = offset_arg(L, 3, d, 0);
	const size_t n = length_arg(L, 4, d, at, false);

	luaL_checkstring(L, 2);
	if (!take_from(d, at, n))
		return out_of_memory(L);
	return insert_at(L, d, at);
}

/*@ HTTPMessage:forward(length: integer): integer */
/*@ Channel:forward(length: integer): integer */
static int
forward(lua_State *L)
{
	struct lu_dir *const d = data_args(L, 1, 1);
	const lua_Integer want = luaL_checkinteger(L, 2);
	const size_t n =
	    want < 0 || (size_t)want > d->in_len ? d->in_len : (size_t)want;

	if (!lu_dir_forward(d, n))
		return out_of_memory(L);
	lua_pushinteger(L, (lua_Integer)n);
	return 1;
}

/*@ HTTPMessage:send(data: string): integer */
/*@ Channel:send(data: string): integer */
static int
send_data(lua_State *L)
{
	struct lu_dir *const d = data_args(L, 1, 1);
	const struct tw_str s = lu_check_str(L, 2);

	if (d->out_len + s.len > FULL || !out_add(d, s))
		return out_of_memory(L);
	lua_pushinteger(L, (lua_Integer)s.len);
	return 1;
}

/* ---- what may always be asked ---------------------------------------------------------- */

/*@ HTTPMessage:input(): integer */
/*@ Channel:input(): integer */
static int
input(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)lu_dir_of(L, 1, NULL)->in_len);
	return 1;
}

/*@ HTTPMessage:output(): integer */
/*@ Channel:output(): integer */
static int
output(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)lu_dir_of(L, 1, NULL)->out_len);
	return 1;
}

/*@ HTTPMessage:is_full(): boolean */
/*@ Channel:is_full(): boolean */
static int
is_full(lua_State *L)
{
	lua_pushboolean(L, lu_dir_of(L, 1, NULL)->in_len >= FULL);
	return 1;
}

/*@ HTTPMessage:is_resp(): boolean */
/*@ Channel:is_resp(): boolean */
static int
is_resp(lua_State *L)
{
	lua_pushboolean(L, lu_dir_of(L, 1, NULL)->response);
	return 1;
}

/*@ HTTPMessage:may_recv(): boolean */
/*@ Channel:may_recv(): boolean */
static int
may_recv(lua_State *L)
{
	lua_pushboolean(L, !lu_dir_of(L, 1, NULL)->last);
	return 1;
}

/*@ HTTPMessage:eom(): boolean */
static int
eom(lua_State *L)
{
	const struct lu_dir *const d = lu_dir_of(L, 1, LU_MESSAGE);

	lua_pushboolean(L, (d->last || d->cut) && !d->no_eom);
	return 1;
}

/* Nothing of what follows will pass. */
/*@ HTTPMessage:set_eom() */
static int
set_eom(lua_State *L)
{
	struct lu_dir *const d = lu_dir_of(L, 1, LU_MESSAGE);

	d->cut = true;
	d->no_eom = false;
	return 0;
}

/*@ HTTPMessage:unset_eom() */
static int
unset_eom(lua_State *L)
{
	struct lu_dir *const d = lu_dir_of(L, 1, LU_MESSAGE);

	d->cut = false;
	d->no_eom = true;
	return 0;
}

/* ---- older names -------------------------------------------------------*/

/*@ Channel:dup(): string? */
static int
dup_data(lua_State *L)
{
	struct lu_dir *const d = data_args(L, 0, 0);

	return push_data(L, d, 0, d->in_len);
}

/*@ Channel:get(): string? */
static int
get(lua_State *L)
{
	struct lu_dir *const d = data_args(L, 0, 0);

	push_data(L, d, 0, d->in_len);
	take(d, 0, d->in_len);
	return 1;
}

/*@ Channel:getline(): string? */
static int
getline_data(lua_State *L)
{
	struct lu_dir *const d = data_args(L, 0, 0);
	const size_t n = line_length(d, 0, d->in_len);

	push_data(L, d, 0, n);
	take(d, 0, n);
	return 1;
}

static const luaL_Reg common[] = {
	{ "append", append },
	{ "forward", forward },
	{ "input", input },
	{ "insert", insert },
	{ "is_full", is_full },
	{ "is_resp", is_resp },
	{ "may_recv", may_recv },
	{ "output", output },
	{ "prepend", prepend },
	{ "remove", remove_data },
	{ "send", send_data },
	{ "set", set },
	{ NULL, NULL },
};

static const luaL_Reg of_message[] = {
	{ "body", body },
	{ "eom", eom },
	{ "set_eom", set_eom },
	{ "unset_eom", unset_eom },
	{ NULL, NULL },
};

/*@ Channel:get_in_len(): integer */
/*@ Channel:get_out_len(): integer */
static const luaL_Reg of_channel[] = {
	{ "data", body },
	{ "dup", dup_data },
	{ "get", get },
	{ "get_in_len", input },
	{ "get_out_len", output },
	{ "getline", getline_data },
	{ "line", line },
	{ NULL, NULL },
};

void
lu_message_data_methods(lua_State *L)
{
	luaL_setfuncs(L, common, 0);
	luaL_setfuncs(L, of_message, 0);
}

void
lu_channel_methods(lua_State *L)
{
	luaL_setfuncs(L, common, 0);
	luaL_setfuncs(L, of_channel, 0);
}

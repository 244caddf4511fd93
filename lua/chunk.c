/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * chunk.c - reading a binary chunk (chunk.h).
 */
#include "chunk.h"

#include <stdlib.h>
#include <string.h>

#define HEADER (4 + 1 + 1 + 6 + 5 + 8 + 8 + 1) /* signature .. number of upvalues */

static int
chunk_write(lua_State *L, const void *p, size_t len, void *chunk)
{
	struct lu_chunk *const c = chunk;

	(void)L;
	if (c->len + len > c->room) {
		char *const more = realloc(c->p, (c->len + len) * 2);
		if (more == NULL)
			return 1;
		c->p = more;
		c->room = (c->len + len) * 2;
	}
	memcpy(c->p + c->len, p, len);
	c->len += len;
	return 0;
}

bool
lu_chunk_dump(struct lu_chunk *c, lua_State *L, bool strip)
{
	*c = (struct lu_chunk){ .at = HEADER };
	if (lua_isfunction(L, -1) && !lua_iscfunction(L, -1) &&
	    lua_dump(L, chunk_write, c, strip) == 0 && c->len > HEADER)
		return true;
	lu_chunk_free(c);
	return false;
}

void
lu_chunk_free(struct lu_chunk *c)
{
	free(c->p);
	c->p = NULL;
}

static void
take(struct lu_chunk *c, void *to, size_t len)
{
	if (c->bad || c->len - c->at < len) {
		c->bad = true;
		memset(to, 0, len);
		return;
	}
	memcpy(to, c->p + c->at, len);
	c->at += len;
}

void
lu_chunk_skip(struct lu_chunk *c, size_t len)
{
	if (c->bad || c->len - c->at < len)
		c->bad = true;
	else
		c->at += len;
}

int
lu_chunk_int(struct lu_chunk *c)
{
	int n;

	take(c, &n, sizeof(n));
	if (n < 0)
		c->bad = true;
	return n < 0 ? 0 : n;
}

int
lu_chunk_byte(struct lu_chunk *c)
{
	unsigned char byte;

	take(c, &byte, 1);
	return byte;
}

void
lu_chunk_skip_string(struct lu_chunk *c)
{
	size_t len = (size_t)lu_chunk_byte(c);

	if (len == 0xff)
		take(c, &len, sizeof(len));
	if (len > 0)
		lu_chunk_skip(c, len - 1);
}

void
lu_chunk_skip_constants(struct lu_chunk *c)
{
	for (int n = lu_chunk_int(c); n > 0 && !c->bad; n--)
		switch (lu_chunk_byte(c)) {
		case LUA_TNIL:
			break;
		case LUA_TBOOLEAN:
			lu_chunk_byte(c);
			break;
		case LUA_TNUMBER:
		case LUA_TNUMBER | 1 << 4: /* an integer */
			lu_chunk_skip(c, sizeof(lua_Integer));
			break;
		default:
			lu_chunk_skip_string(c);
		}
}

void
lu_chunk_head(struct lu_chunk *c, struct lu_chunk_head *out)
{
	lu_chunk_skip_string(c);
	lu_chunk_skip(c, 2 * sizeof(int));
	out->n_params = lu_chunk_byte(c);
	out->is_vararg = lu_chunk_byte(c) != 0;
	lu_chunk_skip(c, 1);
	out->n_code = lu_chunk_int(c);
	out->code = c->p + c->at;
	lu_chunk_skip(c, 4 * (size_t)out->n_code);
	if (c->bad)
		out->n_code = 0;
}

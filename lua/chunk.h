/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * chunk.h - reading a function as lua_dump() writes it: Lua 5.3's binary chunk.
 *
 * What this same library has just written is read, nothing from outside; a format
 * that is not understood sets `bad`. source: Lua 5.3, ldump.c, lopcodes.h.
 */
#ifndef TW_LUA_CHUNK_H
#define TW_LUA_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lua.h>

struct lu_chunk {
	char *p; /* owns */
	size_t len, room, at;
	bool bad;
};

struct lu_chunk_head {
	int n_params;
	bool is_vararg;
	const char *code; /* borrow: 4 bytes each, perhaps not aligned */
	int n_code;
};

/** lu_chunk_dump - the function on top of the stack, positioned at it. returns: false:
 * it is none of Lua's, or there is no memory. */
bool lu_chunk_dump(struct lu_chunk *c, lua_State *L, bool strip);
void lu_chunk_free(struct lu_chunk *c);
/** lu_chunk_head - up to the constants. */
void lu_chunk_head(struct lu_chunk *c, struct lu_chunk_head *out);
int lu_chunk_int(struct lu_chunk *c);
int lu_chunk_byte(struct lu_chunk *c);
void lu_chunk_skip(struct lu_chunk *c, size_t len);
void lu_chunk_skip_string(struct lu_chunk *c);
void lu_chunk_skip_constants(struct lu_chunk *c);

/** lu_keeps_arg - may the function on top of the stack keep its argument `arg` (from
 * 0) beyond its own end? false: it only asks for its fields, sets them, calls its
 * methods. true: yes, or that cannot be told. */
bool lu_keeps_arg(lua_State *L, int arg);

#endif

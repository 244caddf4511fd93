/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * arena.h - memory that dies together.
 *
 * Nothing is freed singly: a generation's arena dies with the generation, a
 * request's with RESET. Allocation is a pointer bump. Out of memory is fatal
 * in a generation's arena and NULL in a request's.
 */
#ifndef TIDEWAY_ARENA_H
#define TIDEWAY_ARENA_H

#include <stdarg.h>

#include <tideway/str.h>

/** tw_arena_new - an empty arena. in: chunk_bytes, the size of the blocks it
 * takes from malloc (0: a sensible default). returns: owned by the caller. */
TW_API struct tw_arena *tw_arena_new(size_t chunk_bytes);
/** tw_arena_free - frees all its memory and clears the pointer. */
TW_API void tw_arena_free(struct tw_arena **arena);
/** tw_arena_reset - forgets all allocations; keeps the first block. */
TW_API void tw_arena_reset(struct tw_arena *arena);
/** tw_arena_bytes - memory held, in bytes. */
TW_API size_t tw_arena_bytes(const struct tw_arena *arena);

/** tw_arena_alloc - `len` bytes aligned to 16, not cleared. errors: never
 * returns NULL; out of memory panics (generation and start-up arenas). */
TW_API void *tw_arena_alloc(struct tw_arena *arena, size_t len);
/** tw_arena_try - as tw_arena_alloc, but NULL when out of memory. */
TW_API void *tw_arena_try(struct tw_arena *arena, size_t len);
/** tw_arena_zalloc - cleared. */
TW_API void *tw_arena_zalloc(struct tw_arena *arena, size_t len);
/** tw_arena_strdup - a NUL-terminated copy; NULL in gives NULL. */
TW_API char *tw_arena_strdup(struct tw_arena *arena, const char *z);
/** tw_arena_str - a NUL-terminated copy of a slice. */
TW_API struct tw_str tw_arena_str(struct tw_arena *arena, struct tw_str s);
/** tw_arena_printf - formatted, NUL-terminated. */
TW_API char *tw_arena_printf(struct tw_arena *arena, const char *fmt, ...)
    TW_PRINTF(2, 3);

/** tw_arena_at_end - runs fn(arg) when the arena is freed or reset, the latest
 * first, while its memory is still there: for what is not memory of its own. */
TW_API void tw_arena_at_end(struct tw_arena *arena, void (*fn)(void *arg), void *arg);

#endif

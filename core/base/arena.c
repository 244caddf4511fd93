/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * arena.c - memory that dies together.
 *
 * A list of chunks; the newest ordinary chunk is bumped. What is larger than
 * a quarter of a chunk gets a chunk of its own, linked behind the current
 * one, so that a big block does not waste the room that is left. The first
 * chunk lies in the same malloc block as the arena itself: an arena that
 * never grows costs one malloc in its life. No locks: an arena belongs to one
 * thread at a time.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include <tideway/arena.h>
#include <tideway/assert.h>

#define ARENA_MAGIC 0x54574152u
#define ARENA_ALIGN 16u
#define ARENA_CHUNK_BYTES 16384u

struct chunk {
	struct chunk *next; /* owns */
	size_t size;        /* usable bytes after the header */
	_Alignas(ARENA_ALIGN) char data[];
};

/* In the arena itself. */
struct end {
	struct end *next; /* the one before it */
	void (*fn)(void *arg);
	void *arg;
};

struct tw_arena {
	uint32_t magic;
	size_t chunk_bytes;
	size_t held_bytes;
	char *p; /* next free byte of the current chunk */
	char *end;
	struct chunk *more; /* owns: chunks after the first; newest first */
	struct end *ends;   /* newest first */
	size_t first_size;
	_Alignas(ARENA_ALIGN) char first[];
};

static size_t
round_up(size_t len)
{
	return (len + (ARENA_ALIGN - 1)) & ~(size_t)(ARENA_ALIGN - 1);
}

struct tw_arena *
tw_arena_new(size_t chunk_bytes)
{
	const size_t size = round_up(chunk_bytes ? chunk_bytes : ARENA_CHUNK_BYTES);
	struct tw_arena *a = malloc(sizeof(*a) + size);

	if (a == NULL)
		TW_WRONG("out of memory for an arena");
	*a = (struct tw_arena){
		.magic = ARENA_MAGIC,
		.chunk_bytes = size,
		.held_bytes = sizeof(*a) + size,
		.first_size = size,
	};
	a->p = a->first;
	a->end = a->first + size;
	return a;
}

static void
chunks_free(struct tw_arena *a)
{
	struct chunk *next;

	for (; a->ends != NULL; a->ends = a->ends->next)
		a->ends->fn(a->ends->arg);
	for (struct chunk *c = a->more; c != NULL; c = next) {
		next = c->next;
		a->held_bytes -= sizeof(*c) + c->size;
		free(c);
	}
	a->more = NULL;
}

void
tw_arena_free(struct tw_arena **arena)
{
	struct tw_arena *a = *arena;

	*arena = NULL;
	if (a == NULL)
		return;
	TW_CHECK_MAGIC(a, ARENA_MAGIC);
	chunks_free(a);
	a->magic = 0;
	free(a);
}

void
tw_arena_reset(struct tw_arena *arena)
{
	TW_CHECK_MAGIC(arena, ARENA_MAGIC);
	chunks_free(arena);
	arena->p = arena->first;
	arena->end = arena->first + arena->first_size;
}

size_t
tw_arena_bytes(const struct tw_arena *arena)
{
	TW_CHECK_MAGIC(arena, ARENA_MAGIC);
	return arena->held_bytes;
}

/* A chunk of `size` bytes, linked in; the bump pointer stays. */
static struct chunk *
chunk_add(struct tw_arena *a, size_t size)
{
	struct chunk *c = malloc(sizeof(*c) + size);

	if (c == NULL)
		return NULL;
	c->size = size;
	c->next = a->more;
	a->more = c;
	a->held_bytes += sizeof(*c) + size;
	return c;
}

static void *
alloc_slow(struct tw_arena *a, size_t len)
{
	const bool own = len > a->chunk_bytes / 4;
	struct chunk *c = chunk_add(a, own ? len : a->chunk_bytes);

	if (c == NULL)
		return NULL;
	if (!own) {
		a->p = c->data + len;
		a->end = c->data + c->size;
	}
	return c->data;
}

void *
tw_arena_try(struct tw_arena *arena, size_t len)
{
	TW_CHECK_MAGIC(arena, ARENA_MAGIC);
	if (len > SIZE_MAX / 2)
		return NULL;
	len = round_up(len ? len : 1);
	if (TW_UNLIKELY((size_t)(arena->end - arena->p) < len))
		return alloc_slow(arena, len);
	void *p = arena->p;
	arena->p += len;
	return p;
}

void *
tw_arena_alloc(struct tw_arena *arena, size_t len)
{
	void *p = tw_arena_try(arena, len);

	if (TW_UNLIKELY(p == NULL))
		TW_WRONG("out of memory in an arena");
	return p;
}

void *
tw_arena_zalloc(struct tw_arena *arena, size_t len)
{
	return memset(tw_arena_alloc(arena, len), 0, len);
}

char *
tw_arena_strdup(struct tw_arena *arena, const char *z)
{
	if (z == NULL)
		return NULL;
	const size_t size = strlen(z) + 1;
	return memcpy(tw_arena_alloc(arena, size), z, size);
}

struct tw_str
tw_arena_str(struct tw_arena *arena, struct tw_str s)
{
	char *p = tw_arena_alloc(arena, s.len + 1);

	if (s.len > 0)
		memcpy(p, s.p, s.len);
	p[s.len] = '\0';
	return (struct tw_str){ p, s.len };
}

char *
tw_arena_printf(struct tw_arena *arena, const char *fmt, ...)
{
	va_list ap;

	TW_ASSERT(fmt != NULL);
	va_start(ap, fmt);
	const int len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	TW_ASSERT(len >= 0);
	char *p = tw_arena_alloc(arena, (size_t)len + 1);
	va_start(ap, fmt);
	vsnprintf(p, (size_t)len + 1, fmt, ap);
	va_end(ap);
	return p;
}

void
tw_arena_at_end(struct tw_arena *arena, void (*fn)(void *arg), void *arg)
{
	struct end *const e = tw_arena_alloc(arena, sizeof(*e));

	*e = (struct end){ .next = arena->ends, .fn = fn, .arg = arg };
	arena->ends = e;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * mem.c - the memory of a state.
 *
 * Lua asks for many small blocks and tells their sizes when it gives them
 * back: lists of free blocks by size need no headers and no lock, and once a
 * script has warmed up nothing is asked of malloc. What a state holds is
 * counted; at its limit Lua collects garbage and, if that is not enough, raises
 * an error that a script can catch. The limits hold while protected Lua runs:
 * what C pushes elsewhere is little. The thread that has entered the state.
 */
#include "lu.h"

#include <stdlib.h>

#define STEP 16u
#define SMALL ((LU_CLASSES - 1) * STEP)
#define SLAB 16384u

#if defined(__SANITIZE_ADDRESS__)
#define TW_EACH_BY_MALLOC 1 /* so that the sanitizer sees each block */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TW_EACH_BY_MALLOC 1
#endif
#endif
#ifndef TW_EACH_BY_MALLOC
#define TW_EACH_BY_MALLOC 0
#endif

static size_t
class_of(size_t len)
{
	return (len + STEP - 1) / STEP;
}

static bool
is_small(size_t len)
{
	return !TW_EACH_BY_MALLOC && len <= SMALL;
}

static void *
carve(struct lu_mem *m, size_t class)
{
	const size_t len = class * STEP;

	if ((size_t)(m->end - m->next) < len) {
		char *const slab = malloc(SLAB);
		m->n_mallocs++;
		if (slab == NULL)
			return NULL;
		*(void **)(void *)slab = m->slabs;
		m->slabs = slab;
		m->next = slab + STEP;
		m->end = slab + SLAB;
	}
	void *const p = m->next;
	m->next += len;
	return p;
}

static void *
get(struct lu_mem *m, size_t len)
{
	if (!is_small(len)) {
		m->n_mallocs++;
		return malloc(len);
	}
	const size_t class = class_of(len);
	void *const p = m->free[class];
	if (p == NULL)
		return carve(m, class);
	m->free[class] = *(void **)p;
	return p;
}

static void
put(struct lu_mem *m, void *p, size_t len)
{
	if (!is_small(len)) {
		free(p);
		return;
	}
	*(void **)p = m->free[class_of(len)];
	m->free[class_of(len)] = p;
}

static size_t
used(const struct lu_mem *m)
{
	return atomic_load_explicit(&m->used, memory_order_relaxed);
}

static bool
is_too_much(const struct lu_mem *m, size_t more)
{
	if (!m->bounded)
		return false;
	if (m->limit != 0 && used(m) + more > m->limit)
		return true;
	return m->total != NULL && m->total_limit != 0 &&
	    atomic_load_explicit(m->total, memory_order_relaxed) + more >
	    m->total_limit;
}

static void
account(struct lu_mem *m, size_t had, size_t want)
{
	const size_t now = used(m) - had + want;

	atomic_store_explicit(&m->used, now, memory_order_relaxed);
	if (now > atomic_load_explicit(&m->peak, memory_order_relaxed))
		atomic_store_explicit(&m->peak, now, memory_order_relaxed);
	if (m->total != NULL && m->total_limit != 0)
		atomic_fetch_add_explicit(m->total, want - had, memory_order_relaxed);
	/* Steps outside of requests do not keep up: Lua shall help itself. To
	 * restart its collector sets two fields, no more. */
	if (m->ceiling != 0 && now > m->ceiling && m->L != NULL) {
		m->ceiling = 0;
		lua_gc(m->L, LUA_GCRESTART, 0);
	}
}

void
lu_mem_limit(struct lu_mem *m, size_t limit, size_t total_limit)
{
	m->limit = limit;
	if (m->total_limit == 0 && total_limit != 0 && m->total != NULL)
		atomic_fetch_add_explicit(m->total, used(m), memory_order_relaxed);
	m->total_limit = total_limit;
}

void *
lu_mem_alloc(void *mem, void *p, size_t had, size_t want)
{
	struct lu_mem *const m = mem;

	if (p == NULL)
		had = 0; /* then it is the kind of object */
	if (want == 0) {
		if (p != NULL && had > 0)
			put(m, p, had);
		account(m, had, 0);
		return NULL;
	}
	if (want > had && is_too_much(m, want - had))
		return NULL;
	void *to = p;
	if (p == NULL)
		to = get(m, want);
	else if (!is_small(had) && !is_small(want))
		to = realloc(p, want);
	else if (!is_small(had) || !is_small(want) || class_of(had) != class_of(want)) {
		to = get(m, want);
		if (to != NULL) {
			memcpy(to, p, had < want ? had : want);
			put(m, p, had);
		}
	}
	if (to == NULL && want <= had)
		to = p; /* shrinking never fails */
	if (to != NULL)
		account(m, had, want);
	return to;
}

void
lu_mem_fini(struct lu_mem *m)
{
	while (m->slabs != NULL) {
		void *const slab = m->slabs;
		m->slabs = *(void **)slab;
		free(slab);
	}
	if (m->total != NULL && m->total_limit != 0)
		atomic_fetch_sub_explicit(m->total, used(m), memory_order_relaxed);
	m->next = m->end = NULL;
}

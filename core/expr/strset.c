/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * strset.c - many strings, found at the price of a few.
 *
 * Up to eight are compared one by one. More go into an open hash table; a
 * prefix or suffix is looked up once for each length that occurs among the
 * patterns, which is a handful in practice. Built once, read by all workers.
 */
#include "config.h"

#include <stdlib.h>

#ifdef HAVE_XXHASH
#define XXH_INLINE_ALL
#include <xxhash.h>
#endif

#include "expr/pattern.h"

#define LINEAR_MAX 8

uint32_t
tw__strset_hash(const char *p, size_t len)
{
#ifdef HAVE_XXHASH
	return (uint32_t)XXH3_64bits(p, len);
#else
	uint64_t h = len * 0x9e3779b97f4a7c15u;

	for (; len > 0; len -= len < 8 ? len : 8, p += 8) {
		uint64_t word = 0;
		memcpy(&word, p, len < 8 ? len : 8);
		h = (h ^ word) * 0xff51afd7ed558ccdu;
		h ^= h >> 32;
		if (len <= 8)
			break;
	}
	return (uint32_t)(h ^ h >> 29);
#endif
}

static void
lower_into(char *to, struct tw_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		const unsigned char c = (unsigned char)s.p[i];
		to[i] = (char)(c | ((unsigned)(c - 'A') < 26u ? 0x20 : 0));
	}
}

struct tw_str
tw__lower(struct tw_req *req, struct tw_str s)
{
	char *const mem = tw__scratch(req, s.len);

	if (mem != NULL)
		lower_into(mem, s);
	return (struct tw_str){ mem, s.len };
}

void
tw__strset_add(struct tw_arena *arena, struct tw__strset *set, struct tw_str s)
{
	if (set->n == set->cap) {
		const uint32_t cap = set->cap ? set->cap * 2 : 4;
		struct tw_str *const grown =
		    tw_arena_alloc(arena, sizeof(*grown) * cap);
		if (set->n > 0)
			memcpy(grown, set->item, sizeof(*grown) * set->n);
		set->item = grown;
		set->cap = cap;
	}
	char *const copy = tw_arena_alloc(arena, s.len + 1);
	if (set->fold)
		lower_into(copy, s);
	else if (s.len > 0)
		memcpy(copy, s.p, s.len);
	copy[s.len] = '\0';
	set->item[set->n++] = (struct tw_str){ copy, s.len };
}

/* Where `s` is or would be. */
static uint32_t *
find_slot(const struct tw__strset *set, struct tw_str s)
{
	uint32_t i = tw__strset_hash(s.p, s.len) & set->mask;

	while (set->slot[i] && !tw_str_eq(set->item[set->slot[i] - 1], s))
		i = (i + 1) & set->mask;
	return &set->slot[i];
}

static int
by_number(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void
note_lengths(struct tw_arena *arena, struct tw__strset *set)
{
	uint32_t n = 0;

	set->length = tw_arena_alloc(arena, sizeof(uint32_t) * set->n);
	for (uint32_t i = 0; i < set->n; i++)
		set->length[i] = (uint32_t)set->item[i].len;
	qsort(set->length, set->n, sizeof(uint32_t), by_number);
	for (uint32_t i = 0; i < set->n; i++)
		if (n == 0 || set->length[n - 1] != set->length[i])
			set->length[n++] = set->length[i];
	set->n_lengths = n;
}

void
tw__strset_close(struct tw_arena *arena, struct tw__strset *set)
{
	uint32_t size = 16;

	if (set->n == 0)
		return;
	note_lengths(arena, set);
	if (set->n <= LINEAR_MAX)
		return;
	while (size < set->n * 2)
		size *= 2;
	set->mask = size - 1;
	set->slot = tw_arena_zalloc(arena, sizeof(uint32_t) * size);
	for (uint32_t i = 0; i < set->n; i++) {
		uint32_t *const slot = find_slot(set, set->item[i]);
		if (*slot == 0)
			*slot = i + 1;
	}
}

static bool
has(const struct tw__strset *set, struct tw_str s)
{
	if (set->slot != NULL)
		return *find_slot(set, s) != 0;
	for (uint32_t i = 0; i < set->n; i++)
		if (tw_str_eq(set->item[i], s))
			return true;
	return false;
}

static uint32_t
longest(const struct tw__strset *set)
{
	return set->length[set->n_lengths - 1];
}

bool
tw__strset_has(const struct tw__strset *set, struct tw_req *req, struct tw_str s)
{
	if (set->n == 0 || s.len > longest(set))
		return false;
	if (set->fold)
		s = tw__lower(req, s);
	return (s.p != NULL || s.len == 0) && has(set, s);
}

bool
tw__strset_has_prefix_of(
    const struct tw__strset *set, struct tw_req *req, struct tw_str s)
{
	if (set->n == 0)
		return false;
	if (s.len > longest(set))
		s.len = longest(set);
	if (set->fold)
		s = tw__lower(req, s);
	if (s.p == NULL && s.len > 0)
		return false;
	for (uint32_t i = 0; i < set->n && set->slot == NULL; i++)
		if (tw_str_has_prefix(s, set->item[i]))
			return true;
	for (uint32_t i = 0; i < set->n_lengths && set->slot != NULL; i++)
		if (set->length[i] <= s.len &&
		    has(set, (struct tw_str){ s.p, set->length[i] }))
			return true;
	return false;
}

bool
tw__strset_has_suffix_of(
    const struct tw__strset *set, struct tw_req *req, struct tw_str s)
{
	if (set->n == 0)
		return false;
	if (s.len > longest(set))
		s = (struct tw_str){ s.p + s.len - longest(set), longest(set) };
	if (set->fold)
		s = tw__lower(req, s);
	if (s.p == NULL && s.len > 0)
		return false;
	const char *const end = s.p + s.len;
	for (uint32_t i = 0; i < set->n && set->slot == NULL; i++) {
		const struct tw_str x = set->item[i];
		if (x.len <= s.len &&
		    tw_str_eq(x, (struct tw_str){ end - x.len, x.len }))
			return true;
	}
	for (uint32_t i = 0; i < set->n_lengths && set->slot != NULL; i++) {
		const uint32_t len = set->length[i];
		if (len <= s.len && has(set, (struct tw_str){ end - len, len }))
			return true;
	}
	return false;
}

/* ---- which one ---------------------------------------------------------- */

uint32_t
tw__strset_find(const struct tw__strset *set, struct tw_str s)
{
	if (set->slot != NULL)
		return *find_slot(set, s);
	for (uint32_t i = 0; i < set->n; i++)
		if (tw_str_eq(set->item[i], s))
			return i + 1;
	return 0;
}

uint32_t
tw__strset_prefix(const struct tw__strset *set, struct tw_str s)
{
	for (uint32_t i = set->n > 0 ? set->n_lengths : 0; i > 0; i--) {
		const uint32_t len = set->length[i - 1];
		const uint32_t at =
		    len > s.len ? 0 : tw__strset_find(set, (struct tw_str){ s.p, len });
		if (at != 0)
			return at;
	}
	return 0;
}

uint32_t
tw__strset_suffix(const struct tw__strset *set, struct tw_str s)
{
	uint32_t first = 0;

	for (uint32_t i = 0; set->n > 0 && i < set->n_lengths; i++) {
		const uint32_t len = set->length[i];
		if (len > s.len)
			break;
		const uint32_t at =
		    tw__strset_find(set, (struct tw_str){ s.p + s.len - len, len });
		if (at != 0 && (first == 0 || at < first))
			first = at;
	}
	return first;
}

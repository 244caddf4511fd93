/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * subset.c - strings looked for inside of others: sub, dir, dom.
 *
 * Up to eight are searched one by one. Of more, the first bytes (as many as
 * the shortest has, eight at most) are in a hash: one look for each position
 * of the subject, however many patterns there are. Built once, read by all
 * workers. source: HAProxy's manual, 7.1.3.
 */
#include "config.h"

#include "expr/pattern.h"

#define LINEAR_MAX 8
#define WIDTH_MAX 8

static const char *
delimiters(enum tw__match m)
{
	return m == TW__DIR ? "/?" : m == TW__DOM ? "/?.:" : NULL;
}

static bool
is_delimiter(const char *delims, char c)
{
	return c != '\0' && strchr(delims, c) != NULL;
}

struct tw_str
tw__subset_trim(enum tw__match m, struct tw_str s)
{
	const char *const delims = delimiters(m);

	if (delims == NULL)
		return s;
	while (s.len > 0 && is_delimiter(delims, s.p[0]))
		s = (struct tw_str){ s.p + 1, s.len - 1 };
	while (s.len > 0 && is_delimiter(delims, s.p[s.len - 1]))
		s.len--;
	return s;
}

static void
add_to_hash(struct tw__subset *ss, uint32_t i)
{
	const struct tw_str x = ss->set->item[i];

	if (x.len == 0)
		return; /* "/" of dir matches nothing */
	uint32_t *const head = &ss->head[tw__strset_hash(x.p, ss->width) & ss->mask];
	ss->next[i] = *head;
	*head = i + 1;
}

void
tw__subset_build(struct tw_arena *arena, struct tw__subset *ss,
    const struct tw__strset *set, enum tw__match m)
{
	uint32_t size = 16;

	if (m != TW__SUB && m != TW__DIR && m != TW__DOM)
		return;
	ss->set = set;
	ss->delims = delimiters(m);
	if (set->n <= LINEAR_MAX)
		return;
	ss->width = WIDTH_MAX;
	for (uint32_t i = 0; i < set->n; i++)
		if (set->item[i].len > 0 && set->item[i].len < ss->width)
			ss->width = (uint32_t)set->item[i].len;
	while (size < set->n * 2)
		size *= 2;
	ss->mask = size - 1;
	ss->head = tw_arena_zalloc(arena, sizeof(uint32_t) * size);
	ss->next = tw_arena_zalloc(arena, sizeof(uint32_t) * set->n);
	for (uint32_t i = set->n; i > 0; i--) /* the first stands first */
		add_to_hash(ss, i - 1);
}

/* Is what stands at `at` between delimiters or the ends? */
static bool
stands_alone(const struct tw__subset *ss, struct tw_str s, size_t at, size_t len)
{
	if (ss->delims == NULL)
		return true;
	return (at == 0 || is_delimiter(ss->delims, s.p[at - 1])) &&
	    (at + len == s.len || is_delimiter(ss->delims, s.p[at + len]));
}

static bool
is_inside(const struct tw__subset *ss, struct tw_str s, struct tw_str x)
{
	const char *p = s.p, *const end = s.p + s.len;

	if (x.len == 0)
		return false;
	while (p < end && (p = memmem(p, (size_t)(end - p), x.p, x.len)) != NULL) {
		if (stands_alone(ss, s, (size_t)(p - s.p), x.len))
			return true;
		p++;
	}
	return false;
}

static uint32_t
find_hashed(const struct tw__subset *ss, struct tw_str s)
{
	uint32_t first = 0;

	for (size_t at = 0; at + ss->width <= s.len; at++) {
		uint32_t i = ss->head[tw__strset_hash(s.p + at, ss->width) & ss->mask];
		for (; i != 0 && (first == 0 || i < first); i = ss->next[i - 1]) {
			const struct tw_str x = ss->set->item[i - 1];
			if (x.len <= s.len - at && memcmp(s.p + at, x.p, x.len) == 0 &&
			    stands_alone(ss, s, at, x.len))
				first = i;
		}
	}
	return first;
}

uint32_t
tw__subset_find(const struct tw__subset *ss, struct tw_str s)
{
	if (ss->set == NULL)
		return 0;
	if (ss->width != 0)
		return find_hashed(ss, s);
	for (uint32_t i = 0; i < ss->set->n; i++)
		if (is_inside(ss, s, ss->set->item[i]))
			return i + 1;
	return 0;
}

static void
each_hashed(const struct tw__subset *ss, struct tw_str s,
    void (*fn)(void *arg, uint32_t item), void *arg)
{
	for (size_t at = 0; at + ss->width <= s.len; at++) {
		uint32_t i = ss->head[tw__strset_hash(s.p + at, ss->width) & ss->mask];
		for (; i != 0; i = ss->next[i - 1]) {
			const struct tw_str x = ss->set->item[i - 1];
			if (x.len <= s.len - at && memcmp(s.p + at, x.p, x.len) == 0 &&
			    stands_alone(ss, s, at, x.len))
				fn(arg, i - 1);
		}
	}
}

void
tw__subset_each(const struct tw__subset *ss, struct tw_str s,
    void (*fn)(void *arg, uint32_t item), void *arg)
{
	if (ss->width != 0) {
		each_hashed(ss, s, fn, arg);
		return;
	}
	for (uint32_t i = 0; i < ss->set->n; i++)
		if (is_inside(ss, s, ss->set->item[i]))
			fn(arg, i);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * mapidx.c - a map compiled for one match method: from a sample to an entry.
 *
 * Strings are in a hash (prefixes and suffixes by length, parts by their
 * first bytes), addresses are cut into intervals that do not overlap, each
 * with its finest network; so a look costs about the same for ten entries and
 * for ten thousand. Only regular expressions, and numbers whose ranges
 * overlap, are tried in order. Built by the control thread, read by all.
 * source: HAProxy's manual, 7.3.1 (map).
 */
#include "config.h"

#include <stdlib.h>

#include <tideway/assert.h>

#include "expr/patref.h"
#include "expr/regex.h"

typedef unsigned __int128 wide;

/* From lo to hi: entry i. */
struct span {
	wide lo, hi;
	uint32_t i;
};

struct spans {
	struct span *p;
	uint32_t n, cap;
};

struct holed {
	uint32_t addr, mask, i;
};

struct tw__mapidx {
	struct tw__patkind kind;
	struct tw_arena *arena; /* owns */
	struct tw__mapval *val; /* entry i */
	uint32_t n, cap;
	struct tw__strset set; /* item i is entry i's key */
	struct tw__subset inside;
	struct spans v4, v6, ints;
	bool ints_overlap;
	struct holed *holed; /* IPv4 masks with holes */
	uint32_t n_holed;
	struct tw__regex **re; /* of entry i; owns their code */
};

struct tw__mapidx *
tw__mapidx_new(const struct tw__patkind *kind)
{
	struct tw_arena *const arena = tw_arena_new(0);
	struct tw__mapidx *const m = tw_arena_zalloc(arena, sizeof(*m));

	m->kind = *kind;
	m->arena = arena;
	return m;
}

void
tw__mapidx_free(struct tw__mapidx **pm)
{
	struct tw__mapidx *const m = *pm;
	struct tw_arena *arena = m->arena;

	*pm = NULL;
	for (uint32_t i = 0; m->re != NULL && i < m->n; i++)
		if (m->re[i] != NULL)
			tw__regex_free(m->re[i]);
	tw_arena_free(&arena);
}

/* ---- adding ------------------------------------------------------------- */

static void *
grow(struct tw_arena *arena, void *old, uint32_t n, uint32_t cap, size_t size)
{
	void *const p = tw_arena_zalloc(arena, size * cap);

	if (n > 0)
		memcpy(p, old, size * n);
	return p;
}

static void
span_add(struct tw__mapidx *m, struct spans *s, wide lo, wide hi)
{
	if (s->n == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 8;
		s->p = grow(m->arena, s->p, s->n, s->cap, sizeof(*s->p));
	}
	s->p[s->n++] = (struct span){ lo, hi, m->n };
}

static wide
wide_of(const uint8_t ip[16])
{
	wide w = 0;

	for (int i = 0; i < 16; i++)
		w = w << 8 | ip[i];
	return w;
}

/* Signed order as unsigned. */
static wide
biased(int64_t n)
{
	return (uint64_t)n ^ (uint64_t)1 << 63;
}

static int
add_ip(struct tw__mapidx *m, const char *key, struct tw_err *err)
{
	struct tw__patip ip;

	if (tw__pat_parse_ip(key, m->kind.resolve, &ip, err) != 0)
		return -1;
	if (ip.is_v6) {
		span_add(m, &m->v6, wide_of(ip.lo), wide_of(ip.hi));
	} else if ((~ip.mask & (~ip.mask + 1)) == 0) {
		span_add(m, &m->v4, ip.addr, ip.addr | ~ip.mask);
	} else {
		m->holed = grow(
		    m->arena, m->holed, m->n_holed, m->n_holed + 1, sizeof(*m->holed));
		m->holed[m->n_holed++] = (struct holed){ ip.addr, ip.mask, m->n };
	}
	return 0;
}

static int
add_key(struct tw__mapidx *m, const char *key, struct tw_err *err)
{
	int64_t lo, hi;

	switch (m->kind.match) {
	case TW__IP:
		return add_ip(m, key, err);
	case TW__INT:
		if (tw__pat_parse_int(key, &lo, &hi, err) != 0)
			return -1;
		span_add(m, &m->ints, biased(lo), biased(hi));
		return 0;
	case TW__REG:
		m->re[m->n] = tw__regex_new(m->arena, key, m->kind.fold, err);
		return m->re[m->n] != NULL ? 0 : -1;
	default:
		tw__strset_add(
		    m->arena, &m->set, tw__subset_trim(m->kind.match, tw_str_of(key)));
		return 0;
	}
}

static int
set_value(
    struct tw__mapidx *m, struct tw__mapval *v, const char *value, struct tw_err *err)
{
	int64_t hi;

	v->str = tw_arena_str(m->arena, tw_str_of(value));
	if (m->kind.out == TW_SINT) {
		v->typed.type = TW_SINT;
		if (tw__pat_parse_int(value, &v->typed.u.n, &hi, err) != 0 ||
		    hi != v->typed.u.n)
			return tw_err_set(err, "the value '%s' is not a number", value);
	} else if (m->kind.out == TW_IPV4 && !tw__parse_ip(v->str, &v->typed)) {
		return tw_err_set(err, "the value '%s' is not an address", value);
	}
	return 0;
}

int
tw__mapidx_add(
    struct tw__mapidx *m, const char *key, const char *value, struct tw_err *err)
{
	if (m->n == m->cap) {
		m->cap = m->cap ? m->cap * 2 : 16;
		m->val = grow(m->arena, m->val, m->n, m->cap, sizeof(*m->val));
		if (m->kind.match == TW__REG)
			m->re = grow(m->arena, m->re, m->n, m->cap, sizeof(*m->re));
	}
	struct tw__mapval *const v = &m->val[m->n];
	v->key = tw_arena_strdup(m->arena, key);
	if (set_value(m, v, value, err) != 0 || add_key(m, key, err) != 0)
		return -1;
	m->n++;
	return 0;
}

/* ---- closing ------------------------------------------------------------ */

/* By beginning; the wider first, of equals the later, so that the first in the
 * list is the last and wins. */
static int
by_span(const void *a, const void *b)
{
	const struct span *const x = a, *const y = b;

	if (x->lo != y->lo)
		return x->lo > y->lo ? 1 : -1;
	if (x->hi != y->hi)
		return x->hi < y->hi ? 1 : -1;
	return x->i < y->i ? 1 : x->i > y->i ? -1 : 0;
}

static void
emit(struct spans *to, wide lo, wide hi, uint32_t i)
{
	if (lo <= hi)
		to->p[to->n++] = (struct span){ lo, hi, i };
}

/* Networks lie in each other or apart: a stack of those that are open gives
 * the pieces, each with the innermost. */
static void
flatten(struct tw__mapidx *m, struct spans *s)
{
	uint32_t depth = 0;
	wide at = 0; /* the first address without a piece */

	if (s->n == 0)
		return;
	qsort(s->p, s->n, sizeof(*s->p), by_span);
	struct spans out = { .cap = 2 * s->n + 1 };
	out.p = tw_arena_alloc(m->arena, sizeof(*out.p) * out.cap);
	struct span *const open = tw_arena_alloc(m->arena, sizeof(*open) * s->n);
	for (uint32_t k = 0; k <= s->n; k++) {
		while (depth > 0 && (k == s->n || open[depth - 1].hi < s->p[k].lo)) {
			const struct span top = open[--depth];
			if (at <= top.hi) {
				emit(&out, at, top.hi, top.i);
				at = top.hi + 1;
			}
			if (top.hi == ~(wide)0)
				depth = 0; /* nothing lies behind the last one */
		}
		if (k == s->n)
			break;
		if (depth > 0 && at < s->p[k].lo)
			emit(&out, at, s->p[k].lo - 1, open[depth - 1].i);
		at = s->p[k].lo;
		open[depth++] = s->p[k];
	}
	*s = out;
}

static void
sort_ints(struct tw__mapidx *m)
{
	struct spans *const s = &m->ints;

	if (s->n == 0)
		return;
	struct span *const order = grow(m->arena, s->p, s->n, s->n, sizeof(*order));
	qsort(order, s->n, sizeof(*order), by_span);
	for (uint32_t k = 0; k + 1 < s->n; k++)
		m->ints_overlap |= order[k].hi >= order[k + 1].lo;
	if (!m->ints_overlap)
		s->p = order;
}

void
tw__mapidx_close(struct tw__mapidx *m)
{
	tw__strset_close(m->arena, &m->set);
	tw__subset_build(m->arena, &m->inside, &m->set, m->kind.match);
	flatten(m, &m->v4);
	flatten(m, &m->v6);
	sort_ints(m);
}

/* ---- finding ------------------------------------------------------------ */

/* returns: 1 + entry; 0: none. */
static uint32_t
span_find(const struct spans *s, wide at)
{
	uint32_t lo = 0, hi = s->n; /* the first whose lo is above `at` */

	while (lo < hi) {
		const uint32_t mid = (lo + hi) / 2;
		if (s->p[mid].lo <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo > 0 && at <= s->p[lo - 1].hi ? s->p[lo - 1].i + 1 : 0;
}

static uint32_t
int_find(const struct tw__mapidx *m, int64_t n)
{
	const struct spans *const s = &m->ints;

	if (!m->ints_overlap)
		return span_find(s, biased(n));
	for (uint32_t k = 0; k < s->n; k++)
		if (s->p[k].lo <= biased(n) && biased(n) <= s->p[k].hi)
			return s->p[k].i + 1;
	return 0;
}

static uint32_t
v4_find(const struct tw__mapidx *m, const uint8_t ip[4])
{
	const uint32_t a = (uint32_t)ip[0] << 24 | (uint32_t)ip[1] << 16 |
	    (uint32_t)ip[2] << 8 | ip[3];
	const uint32_t at = span_find(&m->v4, a);

	for (uint32_t k = 0; at == 0 && k < m->n_holed; k++)
		if ((a & m->holed[k].mask) == m->holed[k].addr)
			return m->holed[k].i + 1;
	return at;
}

static uint32_t
ip_find(const struct tw__mapidx *m, const struct tw_sample *s)
{
	struct tw_sample ip = *s;
	uint32_t at;

	if (s->type == TW_STRING || s->type == TW_BINARY)
		if (!tw__text_ip(s->u.str, &ip))
			return 0;
	if (ip.type == TW_IPV4) {
		if ((at = v4_find(m, ip.u.ip)) != 0 || m->v6.n == 0)
			return at;
		return tw__cast(NULL, &ip, TW_IPV6)
		    ? span_find(&m->v6, wide_of(ip.u.ip))
		    : 0;
	}
	const uint8_t *const v4 = tw__v4_within(ip.u.ip);
	at = span_find(&m->v6, wide_of(ip.u.ip));
	return at == 0 && v4 != NULL ? v4_find(m, v4) : at;
}

static uint32_t
reg_find(const struct tw__mapidx *m, struct tw_str s)
{
	for (uint32_t i = 0; i < m->n; i++)
		if (tw__regex_match(m->re[i], s))
			return i + 1;
	return 0;
}

static uint32_t
find(const struct tw__mapidx *m, const struct tw_sample *s)
{
	const struct tw_str text = { s->u.str.p ? s->u.str.p : "", s->u.str.len };

	switch (m->kind.match) {
	case TW__IP:
		return ip_find(m, s);
	case TW__INT:
		return int_find(m, s->u.n);
	case TW__REG:
		return reg_find(m, s->u.str);
	case TW__BEG:
		return tw__strset_prefix(&m->set, text);
	case TW__END:
		return tw__strset_suffix(&m->set, text);
	case TW__SUB:
	case TW__DIR:
	case TW__DOM:
		return tw__subset_find(&m->inside, text);
	default:
		return tw__strset_find(&m->set, text);
	}
}

const struct tw__mapval *
tw__mapidx_find(const struct tw__mapidx *m, struct tw_req *req,
    const struct tw_sample *s, const struct tw__regex **re)
{
	const uint32_t at = m->n > 0 ? find(m, s) : 0;

	(void)req;
	if (at == 0)
		return NULL;
	if (re != NULL)
		*re = m->re != NULL ? m->re[at - 1] : NULL;
	return &m->val[at - 1];
}

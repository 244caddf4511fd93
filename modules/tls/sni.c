/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * sni.c - the table of server names.
 *
 * Keys are in lower case; a wildcard's begins with its dot (".example.org"),
 * that of "!*" is empty. Entries with one key are chained in the order of
 * the lines. A line that excludes names (`!name`) has them in the same table,
 * so that a search costs two or three hashes whatever the number of lines.
 */
#include "config.h"

#include <stdlib.h>

#include <tideway/assert.h>

#include "sni.h"

#define SNI_NAME_MAX 255

struct entry {
	char *key; /* owns */
	size_t len;
	uint32_t hash;
	int next; /* in the same bucket; -1: none */
	int line;
	enum tls_kind kind;
	bool excludes;
	bool has_excluded; /* its line has names to leave out */
	time_t not_before, not_after;
	void *ctx;
};

struct tls_sni {
	struct entry *entry; /* owns */
	int n, room;
	int *bucket; /* owns: -1: empty */
	uint32_t mask;
};

static bool
lower(char *to, struct tw_str s)
{
	if (s.len > SNI_NAME_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		const unsigned char c = (unsigned char)s.p[i];
		to[i] = (char)(c | ((unsigned)(c - 'A') < 26u ? 0x20 : 0));
	}
	return true;
}

static void
add(struct tls_sni *sni, const struct tls_sni_line *l, const char *name,
    struct entry as)
{
	char key[SNI_NAME_MAX];
	const struct tw_str s = tw_str_of(name[0] == '*' ? name + 1 : name);

	if (!lower(key, s))
		return; /* no client can name it */
	if (sni->n == sni->room) {
		sni->room = sni->room * 2 + 16;
		sni->entry = realloc(sni->entry, sizeof(as) * (size_t)sni->room);
		TW_ASSERT(sni->entry != NULL);
	}
	as.key = strndup(key, s.len);
	TW_ASSERT(as.key != NULL);
	as.len = s.len;
	as.hash = tls__hash(key, s.len);
	as.kind = l->cert->kind;
	as.not_before = l->cert->not_before;
	as.not_after = l->cert->not_after;
	as.ctx = l->ctx;
	sni->entry[sni->n++] = as;
}

static void
add_line(struct tls_sni *sni, const struct tls_sni_line *l, int number)
{
	int n_excluded = 0;

	for (int i = 0; i < l->n_filters; i++)
		n_excluded += l->filters[i][0] == '!';
	struct entry as = { .line = number, .has_excluded = n_excluded > 0 };
	for (int i = 0; i < l->n_filters; i++) {
		const bool no = as.excludes = l->filters[i][0] == '!';
		if (no || strcmp(l->filters[i], "*") != 0)
			add(sni, l, l->filters[i] + no, as);
	}
	as.excludes = false;
	if (l->n_filters == 0)
		for (int i = 0; i < l->cert->n_names; i++)
			add(sni, l, l->cert->names[i], as);
}

/* From the last to the first, so that chains keep the order of the lines. */
static void
index_entries(struct tls_sni *sni)
{
	uint32_t size = 16;

	while (size < (uint32_t)sni->n * 2)
		size *= 2;
	sni->mask = size - 1;
	sni->bucket = malloc(sizeof(*sni->bucket) * size);
	TW_ASSERT(sni->bucket != NULL);
	for (uint32_t i = 0; i < size; i++)
		sni->bucket[i] = -1;
	for (int i = sni->n; i-- > 0;) {
		int *const head = &sni->bucket[sni->entry[i].hash & sni->mask];
		sni->entry[i].next = *head;
		*head = i;
	}
}

struct tls_sni *
tls__sni_new(const struct tls_sni_line *lines, int n_lines)
{
	struct tls_sni *const sni = calloc(1, sizeof(*sni));

	TW_ASSERT(sni != NULL);
	for (int i = 0; i < n_lines; i++)
		add_line(sni, &lines[i], i);
	index_entries(sni);
	return sni;
}

void
tls__sni_free(struct tls_sni **sni)
{
	struct tls_sni *const s = *sni;

	*sni = NULL;
	if (s == NULL)
		return;
	for (int i = 0; i < s->n; i++)
		free(s->entry[i].key);
	free(s->entry);
	free(s->bucket);
	free(s);
}

/* The next entry of this key at or behind `i`. */
static int
next_of(const struct tls_sni *sni, int i, struct tw_str key, uint32_t hash)
{
	for (; i >= 0; i = sni->entry[i].next) {
		const struct entry *const e = &sni->entry[i];
		if (e->hash == hash && e->len == key.len &&
		    memcmp(e->key, key.p, key.len) == 0)
			return i;
	}
	return -1;
}

static struct tw_str
from_dot(struct tw_str name)
{
	const char *const dot = name.len > 0 ? memchr(name.p, '.', name.len) : NULL;

	return dot == NULL ? (struct tw_str){ NULL, 0 }
			   : (struct tw_str){ dot, (size_t)(name.p + name.len - dot) };
}

static bool
has_excluding(const struct tls_sni *sni, int line, struct tw_str key)
{
	const uint32_t hash = tls__hash(key.len > 0 ? key.p : "", key.len);
	int i = sni->bucket[hash & sni->mask];

	while ((i = next_of(sni, i, key, hash)) >= 0) {
		if (sni->entry[i].line == line && sni->entry[i].excludes)
			return true;
		i = sni->entry[i].next;
	}
	return false;
}

static bool
is_excluded(const struct tls_sni *sni, const struct entry *e, struct tw_str name)
{
	const struct tw_str tail = from_dot(name), any = { "", 0 };

	return e->has_excluded &&
	    (has_excluding(sni, e->line, name) ||
		(tail.len > 0 && has_excluding(sni, e->line, tail)) ||
		has_excluding(sni, e->line, any));
}

static int
rank(const struct entry *e, const struct tls_sni_ask *ask)
{
	static const int by_kind[TLS_N_KINDS] = {
		[TLS_ECDSA] = 3,
		[TLS_RSA] = 2,
		[TLS_DSA] = 1,
		[TLS_OTHER] = 0,
	};
	const bool valid = e->not_before <= ask->now && ask->now <= e->not_after;
	const bool known = ask->kinds & 1u << e->kind;

	return (known ? 16 : 0) + (valid ? 8 : 0) + by_kind[e->kind];
}

int
tls__sni_rank(const struct tls_cert *cert, const struct tls_sni_ask *ask)
{
	const struct entry e = { .kind = cert->kind,
		.not_before = cert->not_before,
		.not_after = cert->not_after };

	return rank(&e, ask);
}

/* The best of this key, if it is better than `best`. */
static const struct entry *
best_of(const struct tls_sni *sni, struct tw_str key, const struct tls_sni_ask *ask,
    const struct entry *best)
{
	const uint32_t hash = tls__hash(key.p, key.len);
	int i = sni->bucket[hash & sni->mask];

	while ((i = next_of(sni, i, key, hash)) >= 0) {
		const struct entry *const e = &sni->entry[i];
		if (!e->excludes && !is_excluded(sni, e, ask->name) &&
		    (best == NULL || rank(e, ask) > rank(best, ask)))
			best = e;
		i = e->next;
	}
	return best;
}

void *
tls__sni_find(const struct tls_sni *sni, const struct tls_sni_ask *ask)
{
	char mem[SNI_NAME_MAX];
	struct tls_sni_ask a = *ask;

	a.name.p = mem;
	if (ask->name.len == 0 || !lower(mem, ask->name))
		return NULL;
	const struct tw_str tail = from_dot(a.name);
	const struct entry *e = best_of(sni, a.name, &a, NULL);
	if (tail.len > 0)
		e = best_of(sni, tail, &a, e);
	return e == NULL ? NULL : e->ctx;
}

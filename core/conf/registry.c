/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * registry.c - who takes which word: keywords by hash, sections by list.
 *
 * A word may be registered several times for different scopes; two owners for
 * one word in one scope are refused, naming both. A table goes in as a whole
 * or not at all. Start-up fills it; after that it is only read.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include <tideway/assert.h>
#include <tideway/str.h>
#include "core/conf/registry.h"

#define N_BUCKETS 1024u
#define MAX_SECTIONS 64

static struct tw__kw_entry *buckets[N_BUCKETS]; /* owns */
static struct tw__kw_entry **entries;           /* owns: the array */
static int n_entries, cap_entries;
static struct tw__section_entry sections[MAX_SECTIONS];
static int n_sections;

const char *
tw__owner_name(const struct tw_self *owner)
{
	return owner ? owner->module->name : "the core";
}

/* FNV-1a; a two-word keyword hashes as "first second". */
static uint32_t
hash_more(uint32_t h, const char *s)
{
	for (; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * 16777619u;
	return h;
}

static uint32_t
hash_word(const char *word)
{
	return hash_more(2166136261u, word);
}

static bool
is_words(const char *kw, const char *first, size_t first_len, const char *second)
{
	return strncmp(kw, first, first_len) == 0 && kw[first_len] == ' ' &&
	    strcmp(kw + first_len + 1, second) == 0;
}

static bool
is_at(const struct tw_kw *kw, struct tw__place at)
{
	if ((kw->scopes & at.scope & ~TW_SC_SECTION) != 0)
		return true;
	if ((kw->scopes & at.scope & TW_SC_SECTION) == 0)
		return false;
	return at.section == NULL || kw->section == NULL ||
	    strcmp(kw->section, at.section) == 0;
}

static const struct tw__kw_entry *
lookup_one(struct tw__place at, const char *word)
{
	const uint32_t h = hash_word(word);

	for (struct tw__kw_entry *e = buckets[h % N_BUCKETS]; e; e = e->next)
		if (e->hash == h && strcmp(e->kw->word, word) == 0 && is_at(e->kw, at))
			return e;
	return NULL;
}

static const struct tw__kw_entry *
lookup_two(struct tw__place at, const char *first, const char *second)
{
	const uint32_t h = hash_more(hash_more(hash_word(first), " "), second);
	const size_t len = strlen(first);

	for (struct tw__kw_entry *e = buckets[h % N_BUCKETS]; e; e = e->next)
		if (e->hash == h && is_words(e->kw->word, first, len, second) &&
		    is_at(e->kw, at))
			return e;
	return NULL;
}

const struct tw__kw_entry *
tw__kw_lookup(struct tw__place at, const char *first, const char *second, int *n_words)
{
	const struct tw__kw_entry *e = second ? lookup_two(at, first, second) : NULL;

	*n_words = e ? 2 : 1;
	/* A quoted word with a blank in it is not a two-word keyword. */
	if (e == NULL && strchr(first, ' ') == NULL)
		e = lookup_one(at, first);
	return e;
}

const struct tw_kw *
tw__kw_find(unsigned scope, const char *first, const char *second, int *n_words,
    const struct tw_self **owner)
{
	const struct tw__place at = { .scope = scope };
	const struct tw__kw_entry *e = tw__kw_lookup(at, first, second, n_words);

	if (e == NULL)
		return NULL;
	if (owner != NULL)
		*owner = e->owner;
	return e->kw;
}

static int
kw_add_one(const struct tw_kw *kw, const struct tw_self *owner, struct tw_err *err)
{
	const struct tw__place at = { kw->scopes, kw->section };
	const struct tw__kw_entry *twin = lookup_one(at, kw->word);

	if (twin != NULL)
		return tw_err_set(err,
		    "keyword '%s' is claimed by %s and by %s; load only one", kw->word,
		    tw__owner_name(twin->owner), tw__owner_name(owner));
	struct tw__kw_entry *e = malloc(sizeof(*e));
	if (n_entries == cap_entries) {
		cap_entries = cap_entries ? cap_entries * 2 : 256;
		entries = realloc(entries, sizeof(*entries) * (size_t)cap_entries);
	}
	TW_ASSERT(e != NULL && entries != NULL);
	const uint32_t h = hash_word(kw->word);
	*e = (struct tw__kw_entry){ buckets[h % N_BUCKETS], kw, owner, h };
	buckets[h % N_BUCKETS] = e;
	entries[n_entries++] = e;
	return 0;
}

/* Takes the newest entries back, until `n` are left. */
static void
kw_take_back(int n)
{
	while (n_entries > n) {
		struct tw__kw_entry *e = entries[--n_entries];

		TW_ASSERT(buckets[e->hash % N_BUCKETS] == e);
		buckets[e->hash % N_BUCKETS] = e->next;
		free(e);
	}
}

int
tw__kw_add(const struct tw_kw *table, const struct tw_self *owner, struct tw_err *err)
{
	const int before = n_entries;

	for (; table->word != NULL; table++) {
		if (kw_add_one(table, owner, err) != 0) {
			kw_take_back(before);
			return -1;
		}
	}
	return 0;
}

const struct tw__kw_entry *
tw__kw_at(int i)
{
	return i >= 0 && i < n_entries ? entries[i] : NULL;
}

static int
section_add(struct tw__section_entry s, struct tw_err *err)
{
	const struct tw__section_entry *twin = tw__section_find(s.word);

	if (twin != NULL)
		return tw_err_set(err,
		    "section '%s' is claimed by %s and by %s; load only one", s.word,
		    tw__owner_name(twin->owner), tw__owner_name(s.owner));
	if (n_sections == MAX_SECTIONS)
		return tw_err_set(
		    err, "section '%s': there are %d already", s.word, n_sections);
	sections[n_sections++] = s;
	return 0;
}

int
tw__section_add(const struct tw__section *section, struct tw_err *err)
{
	return section_add(
	    (struct tw__section_entry){ .word = section->word, .core = section }, err);
}

int
tw__module_section_add(
    const struct tw_section *s, const struct tw_self *owner, struct tw_err *err)
{
	return section_add(
	    (struct tw__section_entry){ .word = s->word, .module = s, .owner = owner },
	    err);
}

const struct tw__section_entry *
tw__section_find(const char *word)
{
	for (int i = 0; i < n_sections; i++)
		if (strcmp(sections[i].word, word) == 0)
			return &sections[i];
	return NULL;
}

const struct tw__section_entry *
tw__section_at(int i)
{
	return i >= 0 && i < n_sections ? &sections[i] : NULL;
}

void
tw__registry_clear(void)
{
	kw_take_back(0);
	free(entries);
	entries = NULL;
	cap_entries = 0;
	n_sections = 0;
}

/* ---- the nearest word ---- */

#define MAX_DISTANCE_LEN 64

static int
min_int(int a, int b)
{
	return a < b ? a : b;
}

int
tw__distance(const char *a, const char *b)
{
	int row[3][MAX_DISTANCE_LEN];
	const int n = (int)strlen(a), m = (int)strlen(b);

	if (n >= MAX_DISTANCE_LEN || m >= MAX_DISTANCE_LEN)
		return MAX_DISTANCE_LEN;
	for (int j = 0; j <= m; j++)
		row[0][j] = j;
	for (int i = 1; i <= n; i++) {
		int *const cur = row[i % 3], *const prev = row[(i + 2) % 3];

		cur[0] = i;
		for (int j = 1; j <= m; j++) {
			cur[j] = prev[j - 1] + (a[i - 1] != b[j - 1]);
			cur[j] = min_int(cur[j], min_int(prev[j], cur[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				cur[j] = min_int(cur[j], row[(i + 1) % 3][j - 2] + 1);
		}
	}
	return row[n % 3][m];
}

/* Distance, or -1 when the words are too different for a typing error. */
static int
near(const char *typed, const char *word)
{
	const size_t len = strlen(typed);
	const int limit = len <= 3 ? 1 : len <= 6 ? 2 : 3;
	const int d = tw__distance(typed, word);

	return d <= limit ? d : -1;
}

/* A keyword against what was typed; -1: not near. */
static int
near_kw(const char *kw, const char *first, const char *second)
{
	char head[MAX_DISTANCE_LEN];
	const char *blank = strchr(kw, ' ');

	if (blank == NULL)
		return near(first, kw);
	if (second == NULL || (size_t)(blank - kw) >= sizeof(head))
		return -1;
	memcpy(head, kw, (size_t)(blank - kw));
	head[blank - kw] = '\0';
	const int d1 = near(first, head), d2 = near(second, blank + 1);
	return d1 < 0 || d2 < 0 ? -1 : d1 + d2;
}

const char *
tw__kw_nearest(struct tw__place at, const char *first, const char *second)
{
	const char *best = NULL;
	int best_d = MAX_DISTANCE_LEN;

	for (int i = 0; i < n_entries; i++) {
		const struct tw_kw *kw = entries[i]->kw;
		const int d = is_at(kw, at) ? near_kw(kw->word, first, second) : -1;

		if (d >= 0 && d < best_d) {
			best = kw->word;
			best_d = d;
		}
	}
	return best;
}

const char *
tw__section_nearest(const char *word)
{
	const char *best = NULL;
	int best_d = MAX_DISTANCE_LEN;

	for (int i = 0; i < n_sections; i++) {
		const int d = near(word, sections[i].word);

		if (d >= 0 && d < best_d) {
			best = sections[i].word;
			best_d = d;
		}
	}
	return best;
}

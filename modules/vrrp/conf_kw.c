/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conf_kw.c - keywords by their tables: found, counted, set, listed.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf.h"

static const struct {
	const char *name;
	const struct vr_kw *table;
} blocks[] = {
	{ "top level", vr_kw_top },
	{ "global_defs", vr_kw_global },
	{ "vrrp_instance", vr_kw_instance },
	{ "authentication", vr_kw_auth },
	{ "vrrp_sync_group", vr_kw_group },
	{ "vrrp_script", vr_kw_script },
	{ "vrrp_track_process", vr_kw_process },
	{ "track_file", vr_kw_file },
	{ "garp_group", vr_kw_garp },
	{ "virtual_ipaddress", vr_kw_vip },
	{ "virtual_routes", vr_kw_route },
	{ "virtual_rules", vr_kw_rule },
};
#define N_BLOCKS (sizeof(blocks) / sizeof(blocks[0]))

void *
vr_grow(struct vr_reader *r, void *array, unsigned n, size_t size)
{
	if (n == 0 || (n & (n - 1)) == 0) { /* full: has room for a power of two */
		void *const more =
		    tw_arena_zalloc(r->arena, (n == 0 ? 1 : 2 * n) * size);
		if (n > 0)
			memcpy(more, array, n * size);
		return more;
	}
	return array;
}

/* How many letters must be changed, left out or put in; two are far. */
static unsigned
distance(const char *a, const char *b)
{
	if (*a == '\0' || *b == '\0')
		return (unsigned)(strlen(a) + strlen(b));
	if (*a == *b)
		return distance(a + 1, b + 1);
	if (a[1] == b[0] && a[0] == b[1] && strcmp(a + 2, b + 2) == 0)
		return 1;
	if (strcmp(a + 1, b + 1) == 0 || strcmp(a, b + 1) == 0 || strcmp(a + 1, b) == 0)
		return 1;
	return 9;
}

const char *
vr_nearest(
    const char *word, const char *(*name)(const void *arg, unsigned i), const void *arg)
{
	const char *candidate;
	for (unsigned i = 0; (candidate = name(arg, i)) != NULL; i++) {
		if (distance(word, candidate) <= 1)
			return candidate;
	}
	return NULL;
}

static const char *
kw_name(const void *table, unsigned i)
{
	return ((const struct vr_kw *)table)[i].word;
}

const struct vr_kw *
vr_kw_find(const struct vr_kw *table, const char *word)
{
	for (; table->word != NULL; table++) {
		if (strcmp(table->word, word) == 0)
			return table;
	}
	return NULL;
}

static const char *
elsewhere(const char *word)
{
	for (size_t i = 0; i < N_BLOCKS; i++) {
		if (vr_kw_find(blocks[i].table, word) != NULL)
			return blocks[i].name;
	}
	return NULL;
}

void
vr_kw_unknown(struct vr_reader *r, const struct vr_kw *table, const char *what,
    const struct vr_line *l, const char *word)
{
	const char *const nearest = vr_nearest(word, kw_name, table);
	const char *const other = nearest == NULL ? elsewhere(word) : NULL;

	if (strchr(word, '{') != NULL || strstr(word, "}}") != NULL)
		vr_fail(r->rep, &l->where,
		    "'%s': a variable that was not replaced: define "
		    "it with $NAME=VALUE",
		    word);
	else if (nearest != NULL)
		vr_fail(r->rep, &l->where, "unknown keyword '%s' in %s: is '%s' meant?",
		    word, what, nearest);
	else if (other != NULL)
		vr_fail(r->rep, &l->where,
		    "'%s' is not for %s but for %s: is a brace missing before this line?",
		    word, what, other);
	else
		vr_fail(r->rep, &l->where,
		    "unknown keyword '%s' in %s: remove it, or see keepalived.conf(5)",
		    word, what);
}

static bool
is_block_ok(struct vr_reader *r, const struct vr_line *l, const struct vr_kw *kw)
{
	if (kw->block == VR_BLOCK && !l->has_block) {
		vr_fail(r->rep, &l->where, "'%s' needs a block: %s %s{ ... }", kw->word,
		    kw->word, kw->usage);
		return false;
	}
	if (kw->block == VR_NO_BLOCK && l->has_block) {
		vr_fail(r->rep, &l->where, "'%s' has no block: remove '{' and '}'",
		    kw->word);
		return false;
	}
	return true;
}

static bool
is_count_ok(struct vr_reader *r, const struct vr_line *l, const struct vr_kw *kw)
{
	const unsigned n = l->n_words - 1;

	if (n < kw->min) {
		vr_fail(r->rep, &l->where, "'%s' needs more words: %s %s", kw->word,
		    kw->word, kw->usage);
		return false;
	}
	if (kw->max != VR_ANY && n > kw->max)
		vr_warn(r->rep, &l->where,
		    "'%s' from '%s' on is ignored, as by keepalived: write one keyword "
		    "on a line",
		    kw->word, l->word[1 + kw->max]);
	return true;
}

static void
kw_works(struct vr_reader *r, const struct vr_kw *kw, const struct vr_line *l, void *to)
{
	if (is_block_ok(r, l, kw) && is_count_ok(r, l, kw))
		kw->set(r, to, l, kw);
}

/* What is switched off has no effect by intention. */
static bool
is_off(const char *word)
{
	return strcmp(word, "off") == 0 || strcmp(word, "false") == 0 ||
	    strcmp(word, "no") == 0 || strcmp(word, "0") == 0 ||
	    strcmp(word, "-1") == 0;
}

bool
vr_kw_state(struct vr_reader *r, const struct vr_kw *kw, const struct vr_line *l)
{
	switch (kw->status) {
	case VR_KW_WORKS:
		return true;
	case VR_KW_QUIET:
		return false;
	case VR_KW_NOTED:
		if (l->n_words < 2 || !is_off(l->word[1]))
			vr_warn(r->rep, &l->where, "'%s' has no effect: %s", kw->word,
			    kw->help);
		return false;
	case VR_KW_REFUSED:
		vr_fail(r->rep, &l->where, "'%s' is not supported yet: %s", kw->word,
		    kw->help);
		return false;
	}
	return false;
}

void
vr_kw_apply(struct vr_reader *r, const struct vr_kw *table, const char *what,
    const struct vr_line *l, void *to)
{
	const struct vr_kw *const kw = vr_kw_find(table, l->word[0]);

	if (kw == NULL)
		vr_kw_unknown(r, table, what, l, l->word[0]);
	else if (vr_kw_state(r, kw, l))
		kw_works(r, kw, l, to);
}

void
vr_block_read(struct vr_reader *r, const struct vr_kw *table, const char *what,
    const struct vr_line *first, void *to)
{
	for (const struct vr_line *l = first; l != NULL; l = l->next)
		vr_kw_apply(r, table, what, l, to);
}

unsigned
vr_option_read(struct vr_reader *r, const struct vr_kw *table, const struct vr_line *l,
    unsigned i, void *to)
{
	const struct vr_kw *const kw = vr_kw_find(table, l->word[i]);
	const struct vr_line option = {
		.word = l->word + i, .n_words = l->n_words - i, .where = l->where
	};

	if (kw == NULL)
		return 0;
	const unsigned taken = 1u + kw->min;
	if (!vr_kw_state(r, kw, &option))
		return taken;
	if (option.n_words < taken)
		vr_fail(r->rep, &l->where, "'%s' needs more words: %s %s", kw->word,
		    kw->word, kw->usage);
	else
		kw->set(r, to, &option, kw);
	return taken;
}

void
vr_conf_manual(void (*line)(void *arg, const char *text), void *arg)
{
	static const char *const status[] = { "works", "no effect", "no effect",
		"refused" };

	for (size_t i = 0; i < N_BLOCKS; i++) {
		for (const struct vr_kw *kw = blocks[i].table; kw->word != NULL; kw++) {
			char text[512];
			snprintf(text, sizeof(text), "%s: %s%s%s | %s | %s",
			    blocks[i].name, kw->word, kw->usage[0] != '\0' ? " " : "",
			    kw->usage, status[kw->status], kw->help);
			line(arg, text);
		}
	}
}

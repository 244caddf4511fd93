/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conf/registry.h - who takes which word.
 *
 * Filled at start-up by the core's units and the module loader, read-only
 * afterwards: it belongs to the program, not to a generation.
 */
#ifndef TW_CONF_REGISTRY_H
#define TW_CONF_REGISTRY_H

#include "core/conf/conf.h"

struct tw__kw_entry {
	struct tw__kw_entry *next;  /* same bucket */
	const struct tw_kw *kw;     /* borrow: its owner's table */
	const struct tw_self *owner; /* NULL: the core */
	uint32_t hash;
};

struct tw__section_entry {
	const char *word;
	const struct tw__section *core;   /* one of these two */
	const struct tw_section *module;
	const struct tw_self *owner;      /* NULL: the core */
};

/* Where a word is looked up. */
struct tw__place {
	unsigned scope;      /* TW_SC_ bits, any of which will do */
	const char *section; /* TW_SC_SECTION: its word; NULL: any */
};

/** tw__kw_lookup - as tw__kw_find, and tells module sections apart. */
const struct tw__kw_entry *tw__kw_lookup(struct tw__place at,
    const char *first, const char *second, int *n_words);
/** tw__kw_at - entry i in order of registration; NULL after the last. */
const struct tw__kw_entry *tw__kw_at(int i);
const struct tw__section_entry *tw__section_find(const char *word);
const struct tw__section_entry *tw__section_at(int i);
/** tw__registry_clear - forgets all; for tests. */
void tw__registry_clear(void);
/** tw__owner_name - "the core" or the module's name. */
const char *tw__owner_name(const struct tw_self *owner);

/** tw__distance - edits from a to b: one byte more, less, other, or two
 * swapped (Damerau-Levenshtein, adjacent only). Words over 63 bytes are far. */
int tw__distance(const char *a, const char *b);
/** tw__kw_nearest - the word valid at that place that was probably meant;
 * NULL: nothing is near. in: second may be NULL. */
const char *tw__kw_nearest(struct tw__place at, const char *first,
    const char *second);
/** tw__section_nearest - the same among the words that open a section. */
const char *tw__section_nearest(const char *word);

#endif

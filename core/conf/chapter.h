/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * chapter.h - what the manual (-K) tells besides keywords.
 *
 * Whoever keeps a table of names adds a chapter that walks it. Start-up only.
 */
#ifndef TW_CONF_CHAPTER_H
#define TW_CONF_CHAPTER_H

#include <stdio.h>

#include <tideway/module.h>

struct tw__topic {
	const char *name;            /* borrow: for ever */
	char usage[192];             /* behind the name */
	const char *help;            /* borrow: for ever; NULL: none */
	char note[192];              /* where, types; "" */
	const struct tw_self *owner; /* NULL: the core */
};

/* The i-th of a table, from 0. in: out, zeroed. returns: false: there is none. */
typedef bool tw__topic_fn(int i, struct tw__topic *out);

/** tw__chapter_add - in: title, borrow: for ever. errors: too many. */
int tw__chapter_add(const char *title, tw__topic_fn *at, struct tw_err *err);
/** tw__chapters_print - in: match, as tw__conf_manual(). returns: was there any? */
bool tw__chapters_print(FILE *to, const char *match);
/** tw__manual_title - a heading, underlined. */
void tw__manual_title(FILE *to, const char *title);
/** tw__manual_wrapped - words, indented and broken before the 80th column. */
void tw__manual_wrapped(FILE *to, const char *text);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */

/*
 * dead_rules.h - the rewrites of reqadd, reqrep, rspdel and their family.
 *
 * Private to conf/dead_forms.c and conf/dead_rules.c. Every function writes at
 * least one line or a line of advice. Control thread, while parsing.
 */
#ifndef TW_CONF_DEAD_RULES_H
#define TW_CONF_DEAD_RULES_H

#include <stdbool.h>

#include "../tbl/dead_forms.h"
#include "dead_text.h"

enum dead_how {
#define X(how, text) HOW_##how,
	TW_DEAD_HOW(X)
#undef X
};

struct dead_form {
	unsigned sections; /* TW_KN_x */
	const char *word;
	const char *second;
	enum dead_how how;
	bool icase;
	const char *text;
};

/* What a rewrite reads: the form, and the arguments after its words. */
struct dead_line {
	const struct dead_form *form;
	const char **args;
	int n;
};

void tw__dead_add(struct out *o, const struct dead_line *l);
void tw__dead_delete(struct out *o, const struct dead_line *l);
void tw__dead_match(struct out *o, const struct dead_line *l);
void tw__dead_replace(struct out *o, const struct dead_line *l);

#endif

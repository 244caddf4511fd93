/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * rules_late.c - checks of actions whose arguments name what may stand further
 * down in the files. Control thread, reading a configuration.
 */
#include "rules.h"

struct rules_late {
	struct rules_late *next;
	rules_late_fn *fn;
	void *conf;
	const struct tw_origin *origin;
};

void
rules_late(struct tw_action_line *a, rules_late_fn *fn, void *conf)
{
	struct rules_gen *const g = tw_gen_block(a->ln->gen, rules_self);
	struct rules_late *const l =
	    tw_arena_zalloc(tw_gen_arena(a->ln->gen), sizeof(*l));

	*l = (struct rules_late){ NULL, fn, conf, a->origin };
	if (g->late_end == NULL)
		g->late_end = &g->late;
	*g->late_end = l;
	g->late_end = &l->next;
}

int
rules_late_check(struct tw_gen *gen)
{
	struct rules_gen *const g = tw_gen_block(gen, rules_self);
	int rc = 0;

	for (const struct rules_late *l = g->late; l != NULL; l = l->next)
		rc |= l->fn(gen, l->conf, l->origin);
	return rc;
}

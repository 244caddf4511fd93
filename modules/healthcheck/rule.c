/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * rule.c - lists of rules while they are made.
 *
 * A section that writes a rule of its own gets a list of its own; until then
 * it shares what its defaults have. Configuration time only.
 */
#include "hc.h"

struct hc_rule *
hc_rule_add(struct tw_arena *arena, struct hc_set *set, enum hc_act act, bool step)
{
	struct hc_rule *const r = tw_arena_zalloc(arena, sizeof(*r));

	r->act = act;
	r->comment = set->comment;
	set->comment = NULL;
	if (step)
		r->step = ++set->n_steps;
	if (set->tail == NULL)
		set->tail = &set->first;
	*set->tail = r;
	set->tail = &r->next;
	return r;
}

struct hc_set *
hc_set_own(struct tw_line *ln, struct hc_set *set)
{
	if (set->inherited || set->file == NULL)
		*set = (struct hc_set){
			.kind = set->kind, .file = ln->file, .line = ln->number
		};
	return set;
}

bool
hc_set_has(const struct hc_set *set, enum hc_act act)
{
	for (const struct hc_rule *r = set->first; r != NULL; r = r->next)
		if (r->act == act)
			return true;
	return false;
}

void
hc_set_complete(struct tw_arena *arena, struct hc_set *set)
{
	struct hc_rule **at = &set->first;

	if (hc_set_has(set, HC_CONNECT))
		return;
	while (*at != NULL && ((*at)->act == HC_SET_VAR || (*at)->act == HC_UNSET_VAR))
		at = &(*at)->next;
	struct hc_rule *const r = tw_arena_zalloc(arena, sizeof(*r));
	r->act = HC_CONNECT;
	r->u.connect.server_defaults = true;
	r->next = *at;
	*at = r;
}

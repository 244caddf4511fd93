/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * use_run.c - runs of use_backend rules that one look answers (expr/condrun.h).
 *
 * The first rule of a run knows the others; the rules between it and the first
 * that may apply are passed over. The order and the outcome stay those of the
 * file. Found by the control thread, used by workers.
 */
#include "config.h"

#include "core/expr/condrun.h"
#include "core/proxy/proxy_int.h"
#include "core/proxy/use_run.h"

struct tw__use_run {
	const struct tw__condrun *conds;
	const struct tw__use *use[]; /* its rules, and the one behind (or NULL) */
};

static struct tw__use_run *
run_from(struct tw_arena *arena, struct tw__use *const *use, int n)
{
	struct tw_cond **const cond =
	    tw_arena_alloc(arena, sizeof(struct tw_cond *) * (size_t)n);

	for (int i = 0; i < n; i++)
		cond[i] = use[i]->cond;
	struct tw__condrun *const conds = tw__condrun_new(arena, cond, n);
	if (conds == NULL)
		return NULL;
	const int len = tw__condrun_length(conds);
	struct tw__use_run *const run = tw_arena_zalloc(
	    arena, sizeof(*run) + sizeof(run->use[0]) * ((size_t)len + 1));
	run->conds = conds;
	for (int i = 0; i <= len && i < n; i++)
		run->use[i] = use[i];
	return run;
}

void
tw__use_runs(struct tw_arena *arena, struct tw__use_list *list)
{
	struct tw__use *use;
	int n = 0, i = 0;

	STAILQ_FOREACH(use, list, link)
		n++;
	if (n < 2)
		return;
	struct tw__use **const all =
	    tw_arena_alloc(arena, sizeof(struct tw__use *) * (size_t)n);
	STAILQ_FOREACH(use, list, link)
		all[i++] = use;
	for (i = 0; i < n;) {
		all[i]->run = run_from(arena, all + i, n - i);
		i += all[i]->run != NULL ? tw__condrun_length(all[i]->run->conds) : 1;
	}
}

const struct tw__use *
tw__use_skip(const struct tw__use *use, struct tw_req *req)
{
	while (use != NULL && use->run != NULL) {
		const struct tw__use_run *const run = use->run;
		const int i = tw__condrun_first(run->conds, req);
		use = run->use[i];
		if (i < tw__condrun_length(run->conds))
			break; /* one of the run: it is asked itself */
	}
	return use;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * use_run.c - use_backend rules, compiled.
 *
 * Of a run that asks for the same text (tw_cond_run_new), each rule knows its
 * place; rules that cannot apply are passed over. The order and the outcome
 * stay those of the file. Found by the control thread, used by workers.
 */
#include "config.h"

#include <stdlib.h>

#include <tideway/trail.h>
#include "core/proxy/proxy_int.h"
#include "core/proxy/use_run.h"

struct tw__use_run {
	const struct tw_cond_run *conds;
	const struct tw__use *use[]; /* its rules, and the one behind (or NULL) */
};

/* The rules from `use` on, if they begin a run. returns: how many they are. */
static int
run_from(struct tw_gen *gen, struct tw__use *const *use,
    const struct tw_cond *const *cond, int n)
{
	const struct tw_cond_run *const conds = tw_cond_run_new(gen, cond, n);

	if (conds == NULL)
		return 1;
	const int len = tw_cond_run_length(conds);
	struct tw__use_run *const run = tw_arena_zalloc(
	    tw_gen_arena(gen), sizeof(*run) + sizeof(run->use[0]) * ((size_t)len + 1));
	run->conds = conds;
	for (int i = 0; i <= len && i < n; i++)
		run->use[i] = use[i];
	for (int i = 0; i < len; i++) {
		use[i]->run = run;
		use[i]->nth = i;
	}
	return len;
}

static void
use_runs(struct tw_gen *gen, struct tw_proxy *px)
{
	struct tw__use *use;
	size_t n = 0, i = 0;

	STAILQ_FOREACH(use, &px->uses, link)
		n++;
	if (n == 0)
		return;
	struct tw__use **const all = malloc(n * sizeof(struct tw__use *));
	const struct tw_cond **const cond = malloc(n * sizeof(struct tw_cond *));
	if (all == NULL || cond == NULL)
		TW_WRONG("out of memory for rules");
	STAILQ_FOREACH(use, &px->uses, link) {
		if (tw_cond_constant(use->cond) == 1)
			use->cond = NULL;
		px->memo_routes |= tw_memo_wanted(use->cond);
		cond[i] = use->cond;
		all[i++] = use;
	}
	for (i = 0; i < n;)
		i += (size_t)run_from(gen, all + i, cond + i, (int)(n - i));
	free(all);
	free(cond);
}

void
tw__routes_compile(struct tw_gen *gen)
{
	struct tw_proxy *px;

	TAILQ_FOREACH(px, &gen->proxies, link)
		use_runs(gen, px);
}

const struct tw__use *
tw__use_skip(const struct tw__use *use, struct tw_req *req, struct tw_cond_hits *hits)
{
	while (use != NULL && use->run != NULL) {
		const struct tw__use_run *const run = use->run;
		const int i = tw_cond_run_next(run->conds, req, use->nth, hits);
		use = run->use[i];
		if (i < tw_cond_run_length(run->conds))
			break; /* one of the run: it is asked itself */
	}
	return use;
}

/* Neighbours of one run are told together. */
void
tw__use_tell(const struct tw__use *use, const struct tw__use *end, struct tw_req *req)
{
	while (use != NULL && use != end) {
		const struct tw__use *const first = use, *last = use;
		int n = 0;

		for (; use != NULL && use != end && use->run == first->run; n++) {
			last = use;
			use = STAILQ_NEXT(use, link);
		}
		tw_trail_rule(req, &first->origin, first->text);
		if (n > 1)
			tw_trail_note(req, "and the next %d, to line %d, asked at once",
			    n - 1, last->origin.line);
		tw_trail_cond_run(req, first->run->conds);
		tw_trail_result(req, TW_TOLD_NO);
	}
}

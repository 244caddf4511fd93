/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * apply.c - a keyword's setter for words that stand elsewhere than in the
 * configuration's files, also while the generation runs. What the setter reports
 * becomes the caller's error. Configuration and control thread.
 */
#include "config.h"

#include <stdlib.h>

#include "core/run/gen.h"

static int
apply(struct tw_line *ln, struct tw_err *err)
{
	struct tw_report report = { .to = NULL };
	struct tw__conf *const conf = &ln->gen->conf;
	const struct tw__conf saved = *conf;

	conf->report = &report;
	conf->raw = NULL;
	const int rc = ln->kw->set(ln);
	conf->report = saved.report;
	conf->raw = saved.raw;
	if (rc != 0)
		tw__report_first(&report, err);
	free(report.text);
	return rc;
}

int
tw_kw_apply(struct tw_gen *gen, const struct tw_kw *kw, char *const *word, int n_words,
    void *state, struct tw_err *err)
{
	const int n =
	    kw->max_args < 0 || kw->max_args > n_words - 1 ? n_words - 1 : kw->max_args;
	struct tw_line ln = {
		.gen = gen,
		.state = state,
		.kw = kw,
		.scope = kw->scopes & -kw->scopes,
		.word = word,
		.n_words = n_words,
		.arg = 1,
		.n_args = n,
		.used = n,
	};

	if (n < kw->min_args)
		return tw_err_set(
		    err, "'%s' expects %s", kw->word, kw->usage ? kw->usage : "more");
	return apply(&ln, err) != 0 ? -1 : 1 + ln.used;
}

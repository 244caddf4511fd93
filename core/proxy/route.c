/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * route.c - from the frontend to a backend; the step `route`.
 *
 * The use_backend rules in the order of the file, then default_backend; a
 * listen section without either is its own backend. A name that is made for
 * each request and is no backend of the frontend's mode leads to
 * default_backend. Worker threads.
 */
#include "config.h"

#include "core/proxy/proxy_int.h"
#include "core/proxy/use_run.h"

#define NAME_MAX_BYTES 256

static struct tw_proxy *
by_made_name(const struct tw_proxy *fe, const struct tw__use *use, struct tw_req *req)
{
	char name[NAME_MAX_BYTES];
	struct tw_out o = tw_out_of(name, sizeof(name) - 1);

	tw_logfmt_out(use->fmt, req, &o);
	*o.p = '\0';
	struct tw_proxy *const be =
	    o.over ? NULL : tw_gen_find(fe->gen, name, TW_BACKEND);
	return be != NULL && be->c.mode == fe->c.mode ? be : NULL;
}

/* The rule that applies; NULL: none does. */
static const struct tw__use *
rule_of(const struct tw_proxy *fe, struct tw_req *req)
{
	struct tw_cond_hits hits;
	const struct tw__use *use = STAILQ_FIRST(&fe->uses);

	hits.run = NULL;
	for (; use != NULL; use = STAILQ_NEXT(use, link)) {
		if (use->run != NULL && (use = tw__use_skip(use, req, &hits)) == NULL)
			break;
		if (use->cond == NULL || tw_cond_eval(use->cond, req))
			break;
	}
	return use;
}

struct tw_proxy *
tw__route(
    const struct tw_proxy *fe, struct tw_req *req, const struct tw_origin **origin)
{
	if (fe->memo_routes)
		tw_memo_begin(req);
	const struct tw__use *const use = rule_of(fe, req);
	if (fe->memo_routes)
		tw_memo_end(req);
	if (use != NULL) {
		struct tw_proxy *const be =
		    use->backend != NULL ? use->backend : by_made_name(fe, use, req);
		*origin = &use->origin;
		if (be != NULL)
			return be;
	}
	*origin = &fe->default_origin;
	return fe->default_backend;
}

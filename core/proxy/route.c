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

#include <tideway/trail.h>
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

static inline __attribute__((always_inline)) bool
applies(const struct tw__use *use, struct tw_req *req, bool told)
{
	if (!told)
		return use->cond == NULL || tw_cond_eval(use->cond, req);
	tw_trail_rule(req, &use->origin, use->text);
	if (use->cond == NULL || tw_trail_cond(req, use->cond) == 1)
		return true;
	tw_trail_result(req, TW_TOLD_NO);
	return false;
}

/* The rule that applies; NULL: none does. One text for both: with a trail and,
 * without any cost of it, for all others. */
static inline __attribute__((always_inline)) const struct tw__use *
rule_of(const struct tw_proxy *fe, struct tw_req *req, const bool told)
{
	struct tw_cond_hits hits;
	const struct tw__use *use = STAILQ_FIRST(&fe->uses);

	hits.run = NULL;
	for (; use != NULL; use = STAILQ_NEXT(use, link)) {
		if (use->run != NULL) {
			const struct tw__use *const first = use;

			use = tw__use_skip(use, req, &hits);
			if (told)
				tw__use_tell(first, use, req);
			if (use == NULL)
				break;
		}
		if (applies(use, req, told))
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
	const struct tw__use *const use = rule_of(fe, req, false);
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

/* The rule that was taken, and those behind it. */
static void
taken_tell(const struct tw__use *use, const struct tw_proxy *be, struct tw_req *req)
{
	if (be == NULL)
		tw_trail_note(
		    req, "there is no backend of that name and mode: default_backend");
	else if (use->backend == NULL)
		tw_trail_note(req, "the name is %s", be->name);
	tw_trail_result(req, TW_TOLD_LAST);
	while ((use = STAILQ_NEXT(use, link)) != NULL) {
		tw_trail_rule(req, &use->origin, use->text);
		tw_trail_result(req, TW_TOLD_UNREACHED);
	}
}

struct tw_proxy *
tw__route_told(
    const struct tw_proxy *fe, struct tw_req *req, const struct tw_origin **origin)
{
	const struct tw__use *const use = rule_of(fe, req, true);
	struct tw_proxy *be = NULL;

	if (use != NULL) {
		be = use->backend != NULL ? use->backend : by_made_name(fe, use, req);
		taken_tell(use, be, req);
	}
	*origin = be != NULL ? &use->origin : &fe->default_origin;
	return be != NULL ? be : fe->default_backend;
}

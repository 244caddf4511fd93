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

struct tw_proxy *
tw__route(
    const struct tw_proxy *fe, struct tw_req *req, const struct tw_origin **origin)
{
	const struct tw__use *use;

	STAILQ_FOREACH(use, &fe->uses, link) {
		if (use->run != NULL && (use = tw__use_skip(use, req)) == NULL)
			break;
		if (use->cond != NULL && !tw_cond_eval(use->cond, req))
			continue;
		*origin = &use->origin;
		if (use->backend != NULL)
			return use->backend;
		struct tw_proxy *const be = by_made_name(fe, use, req);
		if (be != NULL)
			return be;
		break;
	}
	*origin = &fe->default_origin;
	return fe->default_backend;
}

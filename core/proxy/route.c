/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * route.c - from the frontend to a backend; the step `route`.
 *
 * The use_backend rules in the order of the file, then default_backend; a
 * listen section without either is its own backend. Worker threads.
 */
#include "config.h"

#include "core/proxy/proxy_int.h"
#include "core/proxy/use_run.h"

struct tw_proxy *
tw__route(
    const struct tw_proxy *fe, struct tw_req *req, const struct tw_origin **origin)
{
	const struct tw__use *use;

	STAILQ_FOREACH(use, &fe->uses, link) {
		if (use->run != NULL && (use = tw__use_skip(use, req)) == NULL)
			break;
		if (use->cond == NULL || tw_cond_eval(use->cond, req)) {
			*origin = &use->origin;
			return use->backend;
		}
	}
	*origin = &fe->default_origin;
	return fe->default_backend;
}

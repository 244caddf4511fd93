/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * hook.h - the points where a module may step into a request's path.
 *
 * Every hook has one signature and answers with one verdict; each point
 * lists the verdicts it takes (core/tbl/hooks.h), anything else is a defect
 * of the module and panics. A chain runs in load order, refined by the
 * modules' before[] and after[]; `tideway -T` prints the chains. Chains are
 * built for each proxy, from the hooks that want it: what is not configured
 * is not called.
 */
#ifndef TIDEWAY_HOOK_H
#define TIDEWAY_HOOK_H

#include <tideway/abi.h>

enum tw_point {
#define X(name, verdicts, text) TW_ON_##name,
#include <tideway/hooks.def>
#undef X
	TW_N_POINTS
};

enum tw_verdict {
	TW_NEXT,    /* go on with the next hook */
	TW_DONE,    /* this hook decided or answered; the rest is skipped */
	TW_WAIT,    /* tw_resume() will come; set a deadline first */
	TW_RESTART, /* back to ROUTE; bounded by the core */
	TW_FAIL,    /* end with the status set by tw_req_fail() */
};

/** tw_hook_fn - in: the request; this module's per-request block (req_size
 * bytes, zeroed when the request began). context: worker. */
typedef enum tw_verdict tw_hook_fn(struct tw_req *req, void *state);

struct tw_hook {
	enum tw_point point;  /* or'ed with TW_HOOK_LATE: see below */
	tw_hook_fn *fn;
	const char *name; /* for -T and traces: "cookie_on_pick" */
	/* Does this proxy need it? Asked once for each generation, after
	 * check(). NULL: always. */
	bool (*wants)(const struct tw_proxy *px);
};

/* Or'ed to a hook's point: it runs after all modules' hooks of that point that
 * do not say so. */
#define TW_HOOK_LATE 0x100

#endif

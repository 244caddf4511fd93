/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * compression_mod.c - the module's descriptor, and what logs may say of it.
 *
 * source: HAProxy's manual, 9.2 and 7.3.6.
 */
#include "config.h"

#include "comp.h"

const struct tw_self *comp_self;

static int
comp_load(const struct tw_self *self, struct tw_err *err)
{
	(void)err;
	comp_self = self;
	return 0;
}

static int
comp_start(struct tw_gen *gen, struct tw_err *err)
{
	const struct comp_gen *const g = tw_gen_block(gen, comp_self);

	(void)err;
	tw_process_comp_limits(g->tune.max_rate, g->tune.max_bytes);
	return 0;
}

static void
comp_worker_end(struct tw_worker *w, void *state)
{
	(void)w;
	comp_worker_fini(state);
}

static void
comp_describe(void (*line)(void *arg, const char *text), void *arg)
{
	comp_versions(line, arg);
}

static bool
get_comp(struct tw_req *req, const struct tw_arg_val *args, struct tw_cursor *cur,
    struct tw_sample *out)
{
	const struct comp_req *const r = tw_req_block(req, comp_self);

	(void)args;
	(void)cur;
	return tw_sample_bool(out, r->done);
}

static bool
get_comp_algo(struct tw_req *req, const struct tw_arg_val *args, struct tw_cursor *cur,
    struct tw_sample *out)
{
	const struct comp_req *const r = tw_req_block(req, comp_self);

	(void)args;
	(void)cur;
	if (!r->done)
		return false;
	return tw_sample_str(out, TW_STRING, tw_str_of(r->algo->name));
}

static const struct tw_fetch fetches[] = {
	{ .name = "res.comp",
	    .args = "",
	    .out = TW_BOOL,
	    .where = TW_AT_RESPONSE | TW_AT_LOG,
	    .get = get_comp,
	    .match = "bool",
	    .help = "The response was compressed here." },
	{ .name = "res.comp_algo",
	    .args = "",
	    .out = TW_STRING,
	    .where = TW_AT_RESPONSE | TW_AT_LOG,
	    .get = get_comp_algo,
	    .match = "str",
	    .help = "With what it was." },
	{ .name = NULL },
};

static const char *const requires[] = { "filter", NULL };

const struct tw_module tideway_module = {
	TW_MODULE_HEAD,
	.name = "compression",
	.version = "0.1.0",
	.summary = "compression of payload: gzip, deflate, brotli, zstd",
	.requires = requires,
	.size_of = { [TW_IN_GEN] = sizeof(struct comp_gen),
	    [TW_IN_PROXY] = sizeof(struct comp_proxy),
	    [TW_IN_WORKER] = sizeof(struct comp_worker),
	    [TW_IN_REQ] = sizeof(struct comp_req) },
	.keywords = comp_keywords,
	.fetches = fetches,
	.filters = comp_filters,
	.load = comp_load,
	.start = comp_start,
	.worker_fini = comp_worker_end,
	.describe = comp_describe,
};

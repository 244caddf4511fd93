/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * h2_mod.c - the module h2: its descriptor.
 */
#include "config.h"

#include <nghttp2/nghttp2.h>

#include "h2_conf.h"
#include "h2_mod.h"

const struct tw_self *h2__self;

static int
h2_load(const struct tw_self *self, struct tw_err *err)
{
	(void)err;
	h2__self = self;
	return 0;
}

static int
h2_worker_up(struct tw_worker *w, void *state)
{
	struct h2_own *const own = state;

	(void)w;
	h2_worker_init(&own->engine);
	return 0;
}

static void
h2_worker_down(struct tw_worker *w, void *state)
{
	(void)w;
	h2__own_fini(state);
}

static const struct tw_proto protos[] = {
	{ .name = "h2",
	    .alpn = "h2",
	    .read_head = h2__read_head,
	    .write_head = h2__write_head,
	    .read_body = h2__read_body,
	    .write_body = h2__write_body,
	    .raw = h2__raw,
	    .moved = h2__moved,
	    .mux = &h2__mux },
	{ .name = NULL },
};

/* clang-format off */
static const struct tw_kw keywords[] = {
#include "h2_kw.def"
	{ .word = NULL },
};
/* clang-format on */

static void
h2_describe(void (*line)(void *arg, const char *text), void *arg)
{
	line(arg, "HPACK by nghttp2 version : " NGHTTP2_VERSION);
}

const struct tw_module tideway_module = {
	TW_MODULE_HEAD,
	.name = "h2",
	.version = PACKAGE_VERSION,
	.summary = "HTTP/2",
	.size_of = { [TW_IN_GEN] = sizeof(struct h2_gen),
	    [TW_IN_PROXY_LIVE] = sizeof(struct h2_live),
	    [TW_IN_WORKER] = sizeof(struct h2_own) },
	.keywords = keywords,
	.protos = protos,
	.counters = h2__counters,
	.load = h2_load,
	.check = h2__conf_check,
	.worker_init = h2_worker_up,
	.worker_fini = h2_worker_down,
	.describe = h2_describe,
	.stats_tables = h2__stats_tables,
};

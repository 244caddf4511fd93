/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * healthcheck_mod.c - the descriptor of the health check module.
 *
 * What is checked and how: rules (rule.h), made by the keywords (hc_kw.c)
 * and run by script.c over connections (talk.c). When, and what came of it:
 * runner.c, on the control thread, so that no request ever waits for a check.
 * A reload keeps the health of the servers it finds again.
 */
#include "hc_run.h"

const struct tw_self *hc_self;

static int
healthcheck_load(const struct tw_self *self, struct tw_err *err)
{
	(void)err;
	hc_self = self;
	return 0;
}

/* The lists of the defaults stay theirs. */
static int
healthcheck_inherit(struct tw_gen *gen, void *block)
{
	struct hc_proxy *const px = block;

	(void)gen;
	px->tcp.inherited = px->http.inherited = px->preset.inherited = true;
	return 0;
}

static void
healthcheck_stop(struct tw_gen *gen)
{
	hc_runner_drop(gen);
}

static int
healthcheck_worker_init(struct tw_worker *w, void *state)
{
	(void)state;
	if (tw_worker_id(w) == 0)
		hc_runner_start();
	return 0;
}

static void
healthcheck_worker_fini(struct tw_worker *w, void *state)
{
	(void)state;
	if (tw_worker_id(w) == 0)
		hc_runner_stop();
}

const struct tw_module tideway_module = {
	TW_MODULE_HEAD,
	.flags = TW_MODULE_PROCESS,
	.name = "healthcheck",
	.version = "0.1.0",
	.summary = "health checks of servers, agents, and what traffic shows",
	.size_of = {
		[TW_IN_GEN] = sizeof(struct hc_gen),
		[TW_IN_PROXY] = sizeof(struct hc_proxy),
		[TW_IN_SERVER] = sizeof(struct hc_server),
		[TW_IN_SERVER_LIVE] = sizeof(struct hc_live),
	},
	.keywords = hc_keywords,
	.sections = hc_sections,
	.hooks = hc_hooks,
	.load = healthcheck_load,
	.check = hc_complete,
	.worker_init = healthcheck_worker_init,
	.worker_fini = healthcheck_worker_fini,
	.stop = healthcheck_stop,
	.stats_tables = hc_tables,
	.process = hc_process,
	.process_wanted = hc_process_wanted,
	.proxy_inherit = healthcheck_inherit,
	.running = hc_runner_follow,
	.server_check = hc_server_check,
	.server_event = hc_server_event,
};

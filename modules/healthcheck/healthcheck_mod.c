/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * healthcheck_mod.c - the descriptor of the health check module.
 *
 * What is checked and how: hc_kw.c, httpchk.c, tcpchk.c. When and what came
 * of it: runner.c, on the control thread, so that no request ever waits for
 * a check. A reload keeps the health of the servers it finds again.
 */
#include "hc_run.h"

const struct tw_self *hc_self;

const struct tw_check_type hc_types[] = {
	[HC_HTTPCHK] = { "httpchk", hc_httpchk_request, hc_httpchk_answer,
	    "The server is alive when it answers an HTTP request well." },
	[HC_TCPCHK] = { "tcp-check", hc_tcpchk_request, hc_tcpchk_answer,
	    "The server is alive when it accepts a connection." },
	{ .name = NULL },
};

static int
healthcheck_load(const struct tw_self *self, struct tw_err *err)
{
	(void)err;
	hc_self = self;
	return 0;
}

/* The request of a proxy, once, from what its lines say. */
static int
request_make(struct tw_gen *gen, struct tw_proxy *px)
{
	struct hc_proxy *conf = tw_proxy_block(px, hc_self);
	char mem[HC_REQUEST_MAX];
	struct tw_out out = tw_out_of(mem, sizeof(mem));
	int line;
	const char *file = tw_proxy_where(px, &line);

	if (!conf->http.given) {
		if (conf->http.send_given || conf->http.expect.match != HC_ANY_OK)
			tw_gen_warn(gen, file, line,
			    "'http-check' in proxy '%s' is "
			    "ignored: add 'option httpchk' to it",
			    tw_proxy_name(px));
		return 0;
	}
	hc_http_request(&conf->http, &out);
	if (out.over)
		return tw_gen_fail(gen, file, line,
		    "the request of 'option httpchk' "
		    "is longer than %u bytes",
		    HC_REQUEST_MAX);
	conf->http.request = tw_arena_str(
	    tw_gen_arena(gen), (struct tw_str){ mem, (size_t)(out.p - mem) });
	return 0;
}

static int
healthcheck_check(struct tw_gen *gen)
{
	struct tw_proxy *px;
	int rc = 0;

	for (int i = 0; (px = tw_gen_proxy(gen, i)) != NULL; i++)
		if (tw_proxy_has(px, TW_BACKEND) && request_make(gen, px) < 0)
			rc = -1;
	return rc;
}

static int
healthcheck_start(struct tw_gen *gen, struct tw_err *err)
{
	(void)gen;
	(void)err;
	hc_runner_sync();
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
	.name = "healthcheck",
	.version = "0.1.0",
	.summary = "health checks of servers: TCP connect and HTTP",
	.size_of = {
		[TW_IN_GEN] = sizeof(struct hc_gen),
		[TW_IN_PROXY] = sizeof(struct hc_proxy),
		[TW_IN_SERVER_LIVE] = sizeof(struct hc_check),
	},
	.keywords = hc_keywords,
	.checks = hc_types,
	.load = healthcheck_load,
	.check = healthcheck_check,
	.start = healthcheck_start,
	.worker_init = healthcheck_worker_init,
	.worker_fini = healthcheck_worker_fini,
	.stop = healthcheck_stop,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * prom_states.c - metrics of several samples: states, codes, histograms.
 *
 * A state is a sample for each that there can be, 1 for the one there is.
 * Worker.
 */
#include <stdio.h>

#include "prom.h"

#define N_STATES 5
static const char *const states[N_STATES] = { "DOWN", "UP", "MAINT", "DRAIN", "NOLB" };

static int
server_state(const struct tw_server *srv)
{
	if (tw_server_admin(srv) & TW_ADM_MAINT)
		return 2;
	if (tw_server_health(srv) == TW_DOWN)
		return 0;
	if (tw_server_admin(srv) & TW_ADM_DRAIN)
		return 3;
	return tw_server_health(srv) == TW_NOLB ? 4 : 1;
}

static void
listener_status(const struct prom_at *at)
{
	static const char *const of[] = { "OPEN", "PAUSED", "CLOSED" };
	const char *const now = tw_bind_status_text(at->bind);

	for (size_t i = 0; i < TW_N_ELEMENTS(of); i++)
		prom_u64(at, "state", of[i], strcmp(of[i], now) == 0);
}

void
prom_status(const struct prom_at *at)
{
	if (at->scope == PROM_LISTENER) {
		listener_status(at);
		return;
	}
	if (at->scope == PROM_SERVER) {
		for (int i = 0; i < N_STATES; i++)
			prom_u64(at, "state", states[i], server_state(at->srv) == i);
		return;
	}
	const enum tw_side side = at->scope == PROM_FRONTEND ? TW_FRONTEND : TW_BACKEND;
	const char *const text = tw_proxy_status_text(at->px, side);
	const bool up = strcmp(text, "OPEN") == 0 || strcmp(text, "UP") == 0;
	prom_u64(at, "state", "DOWN", !up);
	prom_u64(at, "state", "UP", up);
}

void
prom_responses(const struct prom_at *at)
{
	static const struct {
		const char *code;
		enum tw_cnt id;
	} of[] = {
		{ "1xx", TW_CNT_HRSP_1XX },
		{ "2xx", TW_CNT_HRSP_2XX },
		{ "3xx", TW_CNT_HRSP_3XX },
		{ "4xx", TW_CNT_HRSP_4XX },
		{ "5xx", TW_CNT_HRSP_5XX },
		{ "other", TW_CNT_HRSP_OTHER },
	};

	for (size_t i = 0; i < TW_N_ELEMENTS(of); i++)
		prom_u64(at, "code", of[i].code, prom_sum(at, of[i].id));
}

/* --- checks --- */

/* In HAProxy's order; the last three are outcomes of programs, which are not
 * there yet. */
static const struct {
	const char *name;
	int what; /* enum tw_chk; -1: none */
} checks[] = {
	{ "HANA", TW_CHK_HANA },
	{ "SOCKERR", TW_CHK_SOCKERR },
	{ "L4OK", TW_CHK_L4OK },
	{ "L4TOUT", TW_CHK_L4TOUT },
	{ "L4CON", TW_CHK_L4CON },
	{ "L6OK", TW_CHK_L6OK },
	{ "L6TOUT", TW_CHK_L6TOUT },
	{ "L6RSP", TW_CHK_L6RSP },
	{ "L7TOUT", TW_CHK_L7TOUT },
	{ "L7RSP", TW_CHK_L7RSP },
	{ "L7OK", TW_CHK_L7OK },
	{ "L7OKC", TW_CHK_L7OKC },
	{ "L7STS", TW_CHK_L7STS },
	{ "PROCERR", -1 },
	{ "PROCTOUT", -1 },
	{ "PROCOK", -1 },
};
#define N_CHECKS TW_N_ELEMENTS(checks)
#define N_WHAT (TW_CHK_HANA + 1)

/* returns: -1: it is not checked now. */
static int
check_of(const struct tw_server *srv)
{
	struct tw_check_result r;

	if (!tw_server_is_checked(srv) || tw_server_checks_paused(srv) ||
	    (tw_server_admin(srv) & TW_ADM_MAINT))
		return -1;
	tw_server_last_check(srv, &r);
	return (int)r.what;
}

void
prom_check_status(const struct prom_at *at)
{
	const int now = check_of(at->srv);

	for (size_t i = 0; i < N_CHECKS; i++)
		prom_u64(at, "state", checks[i].name,
		    checks[i].what >= 0 && checks[i].what == now);
}

/* How many servers are in each state; all of a backend in one go, which is
 * some hundred microseconds for ten thousand. */
void
prom_agg_server(const struct prom_at *at)
{
	uint64_t n[N_STATES] = { 0 };
	const struct tw_server *srv;

	for (int i = 0; (srv = tw_proxy_server(at->px, i)) != NULL; i++)
		n[server_state(srv)]++;
	for (int i = 0; i < N_STATES && tw_proxy_n_servers(at->px) > 0; i++)
		prom_u64(at, "state", states[i], n[i]);
}

void
prom_agg_check(const struct prom_at *at)
{
	uint64_t n[N_WHAT] = { 0 };
	const struct tw_server *srv;

	for (int i = 0; (srv = tw_proxy_server(at->px, i)) != NULL; i++) {
		const int now = check_of(srv);

		if (now >= 0 && now < N_WHAT)
			n[now]++;
	}
	for (size_t k = 0; k < N_CHECKS && tw_proxy_n_servers(at->px) > 0; k++)
		prom_u64(at, "state", checks[k].name,
		    checks[k].what >= 0 ? n[checks[k].what] : 0);
}

/* --- histograms --- */

static bool
histogram_of(const struct prom_at *at, struct tw_histogram *h)
{
	switch (at->scope) {
	case PROM_FRONTEND:
		return tw_proxy_histogram(at->px, TW_FRONTEND, h);
	case PROM_BACKEND:
		return tw_proxy_histogram(at->px, TW_BACKEND, h);
	default:
		return tw_server_histogram(at->srv, h);
	}
}

void
prom_latency(const struct prom_at *at)
{
	struct tw_histogram h;
	uint64_t n = 0;

	if (!histogram_of(at, &h))
		return;
	for (int i = 0; i < TW_HISTOGRAM_BUCKETS; i++) {
		char le[16] = "+Inf";

		if (i < TW_HISTOGRAM_BUCKETS - 1)
			snprintf(le, sizeof(le), "%g", tw_histogram_ms[i] / 1000.0);
		n += h.n[i];
		prom_sample(at, "_bucket", "le", le);
		tw_out_u64(at->out, n);
		tw_out_char(at->out, '\n');
	}
	prom_sample(at, "_sum", NULL, NULL);
	tw_out_printf(at->out, "%llu.%03u\n", (unsigned long long)(h.sum_ms / 1000),
	    (unsigned)(h.sum_ms % 1000));
	prom_sample(at, "_count", NULL, NULL);
	tw_out_u64(at->out, n);
	tw_out_char(at->out, '\n');
}

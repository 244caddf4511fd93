/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * outlier.c - servers that traffic shows to be worse than the others are left
 * out for a while.
 *
 * The words and the rules are Envoy's: so many errors in a row eject a server
 * from balancing, for base-ejection-time times the number of its ejections, up
 * to max-ejection-time; never more than max-ejection-percent of a backend (but
 * always one), never the last usable server. Checks go on meanwhile, and
 * persistent sessions stay. What is counted is in observe.c; here is the
 * control thread's part. source: Envoy's documentation, outlier detection.
 */
#include <inttypes.h>
#include <stdio.h>

#include <tideway/stats.h>

#include "hc_run.h"
#include "kw.h"

static TAILQ_HEAD(, hc_live) ejected = TAILQ_HEAD_INITIALIZER(ejected);

static struct hc_live *
live_of(const struct tw_server *srv)
{
	return tw_server_live_block(srv, hc_self);
}

static void
take_back(struct hc_live *l)
{
	tw_timer_del(&l->outlier.timer);
	TAILQ_REMOVE(&ejected, l, outlier.link);
	atomic_store(&l->outlier.until_ms, 0);
	l->outlier.returned_ms = tw_now_ms();
}

static void
time_over(struct tw_timer *t)
{
	struct hc_live *const l =
	    (struct hc_live *)((char *)t - offsetof(struct hc_live, outlier.timer));

	take_back(l);
	tw_server_eject(l->outlier.srv, false, "its ejection time is over");
}

/* As many as max-ejection-percent allows, and somebody must be left. */
static bool
may_eject(const struct tw_server *srv, const struct hc_outlier *o)
{
	const struct tw_proxy *const px = tw_server_proxy(srv);
	const uint32_t most = (uint32_t)tw_proxy_n_servers(px) * o->max_percent / 100;
	const struct hc_live *l;
	uint32_t n = 0;
	int active, backup;
	uint32_t weight;

	TAILQ_FOREACH(l, &ejected, outlier.link)
		n += tw_server_proxy(l->outlier.srv) == px;
	tw_proxy_usable(px, &active, &backup, &weight);
	return n < (most > 0 ? most : 1) && active + backup > 1;
}

/* Each ejection makes the next one longer; a time as long without any takes
 * one off again. */
static uint64_t
eject_ms(struct hc_live *l, const struct hc_outlier *o)
{
	const uint64_t now = tw_now_ms();
	const uint64_t good = (now - l->outlier.returned_ms) / o->base_ms;

	l->outlier.in_row -=
	    good < l->outlier.in_row ? (uint32_t)good : l->outlier.in_row;
	l->outlier.in_row++;
	const uint64_t ms = (uint64_t)o->base_ms * l->outlier.in_row;
	return ms < o->max_ms ? ms : o->max_ms > o->base_ms ? o->max_ms : o->base_ms;
}

void
hc_outlier_take(struct hc_live *l, uint32_t n_5xx, uint32_t n_gateway)
{
	struct tw_server *const srv = l->outlier.srv;
	char why[96];

	if (srv == NULL || atomic_load(&l->outlier.until_ms) != 0)
		return;
	const struct hc_outlier *const o = &hc_proxy_of(srv)->outlier;
	if (!o->on || !tw_server_is_usable(srv) || !may_eject(srv, o))
		return;
	const uint64_t ms = eject_ms(l, o);
	if (o->gateway != 0 && n_gateway >= o->gateway)
		snprintf(why, sizeof(why),
		    "%u consecutive gateway failures; for %" PRIu64 "ms", n_gateway,
		    ms);
	else
		snprintf(why, sizeof(why), "%u consecutive 5xx; for %" PRIu64 "ms",
		    n_5xx, ms);
	TAILQ_INSERT_TAIL(&ejected, l, outlier.link);
	l->outlier.timer.fn = time_over;
	tw_timer_set(&l->outlier.timer, tw_now_ms() + ms);
	atomic_store(&l->outlier.until_ms, tw_now_ms() + ms);
	atomic_fetch_add(&l->outlier.total, 1);
	tw_server_eject(srv, true, why);
}

/* ---- generations ---- */

void
hc_outlier_adopt(struct tw_server *srv, const struct tw_gen *gen)
{
	struct hc_live *const l = live_of(srv);

	l->outlier.srv = srv;
	l->outlier.gen = gen;
	if (atomic_load(&l->outlier.until_ms) == 0 || hc_proxy_of(srv)->outlier.on)
		return;
	take_back(l);
	tw_server_eject(srv, false, "the configuration has no outlier detection now");
}

void
hc_outlier_forget(struct tw_server *srv)
{
	struct hc_live *const l = live_of(srv);

	if (atomic_load(&l->outlier.until_ms) != 0)
		take_back(l);
	l->outlier.srv = NULL;
	l->outlier.gen = NULL;
}

/* Servers that the new generation has not any more. */
void
hc_outlier_prune(const struct tw_gen *keep)
{
	struct hc_live *l = TAILQ_FIRST(&ejected);

	while (l != NULL) {
		struct hc_live *const next = TAILQ_NEXT(l, outlier.link);

		if (l->outlier.gen != keep)
			take_back(l);
		l = next;
	}
}

/* ---- the line ---- */

enum { O_5XX, O_GATEWAY, O_BASE, O_MAX, O_PERCENT, O_N };

static const char *const words[O_N] = {
	[O_5XX] = "consecutive-5xx",
	[O_GATEWAY] = "consecutive-gateway-failure",
	[O_BASE] = "base-ejection-time",
	[O_MAX] = "max-ejection-time",
	[O_PERCENT] = "max-ejection-percent",
};

static int
value_take(struct tw_line *ln, int i, int w, struct hc_outlier *o)
{
	uint32_t *const to[O_N] = { &o->all, &o->gateway, &o->base_ms, &o->max_ms,
		&o->max_percent };
	const char *const arg = tw_arg(ln, i);
	struct tw_err err = { "" };
	uint64_t n = 0;

	if (arg == NULL)
		return tw_line_fail(ln, i - 1, "'%s' needs a value after it", words[w]);
	if (w == O_BASE || w == O_MAX) {
		if (tw_parse_ms(arg, 1000, to[w], &err) == 0 && *to[w] > 0)
			return 0;
		return tw_line_fail(ln, i, "'%s' expects a time above 0: %s", words[w],
		    err.text[0] ? err.text : arg);
	}
	if (tw_parse_uint(arg, 0, w == O_PERCENT ? 100 : 1000000, &n, &err) < 0)
		return tw_line_fail(ln, i, "'%s': %s", words[w], err.text);
	*to[w] = (uint32_t)n;
	return 0;
}

int
hc_line_outlier(struct tw_line *ln)
{
	struct hc_outlier o = { true, 5, 0, 30000, 300000, 10 };
	struct hc_proxy *const px = ln->state;

	o.on = !ln->no;
	for (int i = 0; i < ln->n_args; i += 2) {
		int w = 0;

		while (w < O_N && strcmp(tw_arg(ln, i), words[w]) != 0)
			w++;
		if (w == O_N)
			return tw_line_fail(ln, i,
			    "'outlier-detection' takes %s, %s, %s, %s and %s, not '%s'",
			    words[0], words[1], words[2], words[3], words[4],
			    tw_arg(ln, i));
		if (value_take(ln, i + 1, w, &o) < 0)
			return -1;
	}
	if (o.on && o.all == 0 && o.gateway == 0)
		return tw_line_fail(ln, -1,
		    "with both numbers 0 nothing is ever ejected; write 'no "
		    "outlier-detection'");
	px->outlier = o;
	return 0;
}

/* ---- the report ---- */

static bool
row_fill(struct tw_gen *gen, int i, struct tw_stats_row *row)
{
	struct tw_proxy *px;
	struct tw_server *srv;

	for (int p = 0; (px = tw_gen_proxy(gen, p)) != NULL; p++) {
		const struct hc_proxy *const conf = tw_proxy_block(px, hc_self);

		if (!tw_proxy_has(px, TW_BACKEND) || !conf->outlier.on)
			continue;
		for (int s = 0; (srv = tw_proxy_server(px, s)) != NULL; s++)
			if (atomic_load(&live_of(srv)->outlier.total) != 0 && i-- == 0)
				goto found;
	}
	return false;
found:;
	struct hc_live *const l = live_of(srv);
	const uint64_t until = atomic_load(&l->outlier.until_ms);
	const uint64_t now = tw_now_ms();
	row->look = until != 0 ? TW_STATS_DOWN : TW_STATS_UP;
	snprintf(row->cell[0], TW_STATS_CELL, "%s/%s", tw_proxy_name(px),
	    tw_server_name(srv));
	snprintf(
	    row->cell[1], TW_STATS_CELL, "%s", until != 0 ? "ejected" : "returned");
	snprintf(row->cell[2], TW_STATS_CELL, "%u",
	    (unsigned)atomic_load(&l->outlier.total));
	snprintf(row->cell[3], TW_STATS_CELL, "%" PRIu64,
	    until > now ? (until - now + 999) / 1000 : 0);
	snprintf(row->cell[4], TW_STATS_CELL, "%u",
	    (unsigned)atomic_load(&l->outlier.n_5xx));
	snprintf(row->cell[5], TW_STATS_CELL, "%u",
	    (unsigned)atomic_load(&l->outlier.n_gateway));
	return true;
}

static const struct tw_stats_column columns[] = {
	{ "server", "Server", TW_STATS_TEXT },
	{ "state", "State", TW_STATS_STATE },
	{ "ejections", "Ejections", TW_STATS_NUMBER },
	{ "returns_in", "Returns in s", TW_STATS_NUMBER },
	{ "consecutive_5xx", "5xx in a row", TW_STATS_NUMBER },
	{ "consecutive_gateway_failures", "Gateway failures in a row",
	    TW_STATS_NUMBER },
	{ .name = NULL },
};

const struct tw_stats_table hc_tables[] = {
	{ "outliers", "Ejected servers", columns, row_fill },
	{ .name = NULL },
};

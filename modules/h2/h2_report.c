/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * h2_report.c - what becomes known of HTTP/2 connections: counters, rows of the
 * statistics, log lines, and glitches in stick tables.
 *
 * Sessions count for themselves; here it is only looked at what came to it
 * since. Whoever attacks must not fill the logs: a worker writes few such lines
 * a second. Worker.
 */
#include "config.h"

#include <stdio.h>

#include <tideway/log.h>
#include <tideway/table.h>

#include "h2_child.h"
#include "h2_conf.h"

#define LINES_A_SECOND 10u

const struct tw_counter h2__counters[] = {
#define X(id, name, column, title, help) { name, help },
#include "counters.def"
#undef X
	{ .name = NULL },
};

static void
count(const struct h2_carrier *c, enum h2_cnt i, uint64_t n)
{
	const struct tw_proxy *const px = tw_mux_proxy(c->conn);

	tw_count(h2__self, (int)i, n);
	if (px == NULL)
		return;
	struct h2_live *const live = tw_proxy_live_block(px, h2__self);
	atomic_fetch_add_explicit(&live->n[i], n, memory_order_relaxed);
}

/* --- log lines --- */

static bool
may_log(struct h2_own *own)
{
	if (own->line_s != own->engine.now_s) {
		if (own->lines_left_out > 0)
			tw_log(TW_NOTICE, "HTTP/2: %u more errors were not logged",
			    own->lines_left_out);
		own->line_s = own->engine.now_s;
		own->lines = own->lines_left_out = 0;
	}
	if (own->lines++ < LINES_A_SECOND)
		return true;
	own->lines_left_out++;
	return false;
}

static void
peer_addr(const struct h2_carrier *c, struct tw_addr *out)
{
	struct sockaddr_storage ss = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(ss);

	*out = *tw_conn_src(c->conn);
	if (c->is_server &&
	    getpeername(tw_conn_fd(c->conn), (struct sockaddr *)&ss, &len) == 0)
		tw_addr_from_sockaddr(out, (struct sockaddr *)&ss, len);
}

static void
log_error(const struct h2_carrier *c, const char *what, uint32_t code, const char *why)
{
	const struct tw_proxy *const px = tw_mux_proxy(c->conn);
	char text[80], more[160];
	struct tw_out o = tw_out_of(text, sizeof(text) - 1);
	struct tw_addr addr;

	if (!may_log(c->own))
		return;
	peer_addr(c, &addr);
	tw_addr_port_out(&o, &addr);
	*o.p = '\0';
	snprintf(more, sizeof(more), "HTTP/2 %s: %s: %s (%u streams, %u glitches)",
	    what, h2_code_name(code), why, c->s.n_total, c->s.glitches);
	if (px != NULL)
		tw_proxy_log(px, TW_NOTICE, "Proxy '%s': client %s: %s",
		    tw_proxy_name(px), text, more);
	else
		tw_log(TW_NOTICE, "Server %s: %s", text, more);
}

/* --- what happened --- */

void
h2__begun(struct h2_carrier *c)
{
	count(c, H2_CNT_CONNECTIONS, 1);
}

static void
glitches_add(const struct h2_carrier *c, uint32_t n)
{
	count(c, H2_CNT_GLITCHES, n);
	if (!c->is_server)
		tw_table_glitches(c->conn, n);
}

void
h2__told(struct h2_carrier *c)
{
	struct h2_session *const s = &c->s;
	const uint32_t streams = s->n_total - c->told_streams;
	const uint32_t glitches = s->glitches - c->told_glitches;

	if (streams > 0)
		count(c, H2_CNT_STREAMS, streams);
	c->told_streams = s->n_total;
	if (glitches == 0)
		return;
	c->told_glitches = s->glitches;
	glitches_add(c, glitches);
	if (c->log_errors == H2_LOG_STREAM)
		log_error(c, "stream error", s->glitch_code,
		    s->glitch_why != NULL ? s->glitch_why : "frames out of place");
}

/* What ends a connection is a glitch, too: floods are banned by what is counted. */
void
h2__ended(struct h2_carrier *c)
{
	const struct h2_session *const s = &c->s;

	h2__told(c);
	if (!s->dead)
		return;
	if (s->code != H2_INTERNAL_ERROR && s->abuse != H2_ABUSE_GLITCHES)
		glitches_add(c, 1);
	count(c,
	    s->abuse != H2_ABUSE_NONE
		? (enum h2_cnt)(H2_CNT_RESETS + s->abuse - H2_ABUSE_RESETS)
		: H2_CNT_ERRORS,
	    1);
	if (c->log_errors != H2_LOG_NONE)
		log_error(c, "connection ended", s->code, s->why);
}

/* --- statistics: one row for each frontend that has had such connections --- */

static const struct tw_stats_column columns[] = {
	{ "proxy", "Frontend", TW_STATS_TEXT },
#define X(id, name, column, title, help) { column, title, TW_STATS_NUMBER },
#include "counters.def"
#undef X
	{ .name = NULL },
};

/* returns: the i-th with a connection; NULL: there is none. */
static const struct tw_proxy *
proxy_at(struct tw_gen *gen, int i)
{
	const struct tw_proxy *px;

	for (int j = 0; (px = tw_gen_proxy(gen, j)) != NULL; j++) {
		struct h2_live *const live = tw_proxy_live_block(px, h2__self);

		if (atomic_load_explicit(
			&live->n[H2_CNT_CONNECTIONS], memory_order_relaxed) > 0 &&
		    i-- == 0)
			return px;
	}
	return NULL;
}

static bool
row(struct tw_gen *gen, int i, struct tw_stats_row *r)
{
	const struct tw_proxy *const px = proxy_at(gen, i);

	if (px == NULL)
		return false;
	struct h2_live *const live = tw_proxy_live_block(px, h2__self);
	snprintf(r->cell[0], TW_STATS_CELL, "%s", tw_proxy_name(px));
	for (unsigned n = 0; n < H2_N_CNT; n++)
		snprintf(r->cell[n + 1], TW_STATS_CELL, "%llu",
		    (unsigned long long)atomic_load_explicit(
			&live->n[n], memory_order_relaxed));
	return true;
}

const struct tw_stats_table h2__stats_tables[] = {
	{ "h2", "HTTP/2", columns, row },
	{ .name = NULL },
};

uint32_t
h2__busy_pct(void)
{
	struct tw_process_info info;

	tw_process_info(&info);
	return 100 - info.idle_pct;
}

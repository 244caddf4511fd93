/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * track.c - track-sc0 and its like, and what is counted for tracked entries.
 *
 * What `tcp-request connection` and `session` rules track belongs to the
 * connection, what other rules track to the request; in mode tcp that is the
 * whole session. Memory for it is made when something is tracked. A worker's
 * own thread; entries are shared. source: HAProxy's manual, track-sc0,
 * stick-table; what its counters count was observed at version 2.6.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "mod.h"

struct track_conf {
	uint32_t counter;
	const struct tw_expr *expr;
	const struct tb_ref *ref;
};

/* Set by check(), before the hooks are asked for: some proxy tracks. */
static bool any_tracks;

/* ---- what is tracked ----------------------------------------------------- */

static struct tb_req *
req_of(struct tw_req *req)
{
	return tw_req_block(req, tb_self);
}

static struct tb_conn *
conn_of(struct tw_req *req)
{
	const struct tw_conn *const conn = tw_req_conn(req);

	return conn != NULL ? tw_conn_block_seen(conn, tb_self) : NULL;
}

static struct tb_track *
track_in(struct tb_track *sc, uint32_t n, uint64_t counter)
{
	return sc != NULL && counter < n && sc[counter].table != NULL ? &sc[counter]
								      : NULL;
}

struct tb_track *
tb_track_of(struct tw_req *req, uint64_t counter)
{
	const struct tb_req *const r = req_of(req);
	struct tb_track *const t = track_in(r->sc, r->n, counter);
	const struct tb_conn *const c = t == NULL ? conn_of(req) : NULL;

	return c != NULL ? track_in(c->sc, c->n, counter) : t;
}

/* Calls fn for each, held. */
static void
each(struct tb_track *sc, uint32_t n,
    void (*fn)(struct tb_hold *, struct tb_track *, const void *), const void *arg)
{
	struct tb_hold h;

	for (uint32_t i = 0; sc != NULL && i < n; i++) {
		if (sc[i].table == NULL)
			continue;
		tb_enter(&h, sc[i].table, sc[i].e, tw_now_ms());
		fn(&h, &sc[i], arg);
		tb_leave(&h);
	}
}

/* Two data that count the same events. */
struct event {
	enum tb_data count, rate;
};

static void
add_event(struct tb_hold *h, const struct event *ev)
{
	tb_add(h, ev->count, 0, 1);
	tb_add(h, ev->rate, 0, 1);
}

static void
count_event(struct tb_hold *h, struct tb_track *t, const void *arg)
{
	(void)t;
	add_event(h, arg);
}

static const struct event conns = { TB_conn_cnt, TB_conn_rate },
			  sessions = { TB_sess_cnt, TB_sess_rate },
			  requests = { TB_http_req_cnt, TB_http_req_rate },
			  errors = { TB_http_err_cnt, TB_http_err_rate },
			  failures = { TB_http_fail_cnt, TB_http_fail_rate };

static void
each_of_conn(struct tw_req *req, const struct event *ev)
{
	const struct tb_conn *const c = conn_of(req);

	if (c != NULL)
		each(c->sc, c->n, count_event, ev);
}

static void
each_of_both(struct tw_req *req, const struct event *ev)
{
	const struct tb_req *const r = req_of(req);

	each(r->sc, r->n, count_event, ev);
	each_of_conn(req, ev);
}

/* ---- the end ------------------------------------------------------------- */

static void
untrack(struct tb_track *t)
{
	struct tb_hold h;

	tb_enter(&h, t->table, t->e, tw_now_ms());
	tb_add(&h, TB_conn_cur, 0, -1);
	tb_untrack(&h);
	tb_leave(&h);
	t->table = NULL;
}

static void
on_conn_end(struct tw_conn_end *end, struct tw_conn *conn)
{
	struct tb_conn *const c = (struct tb_conn *)end; /* its first field */

	(void)conn;
	for (uint32_t i = 0; i < c->n; i++) {
		struct tb_table *t = c->sc[i].table;

		if (t == NULL)
			continue;
		untrack(&c->sc[i]);
		tb_table_unref(&t);
	}
	free(c->sc);
	c->sc = NULL;
}

enum tw_verdict
tb_on_reset(struct tw_req *req, void *state)
{
	struct tb_req *const r = state;

	(void)req;
	for (uint32_t i = 0; r->sc != NULL && i < r->n; i++)
		if (r->sc[i].table != NULL)
			untrack(&r->sc[i]);
	r->sc = NULL;
	return TW_NEXT;
}

/* ---- reloads ------------------------------------------------------------- */

/* Its table has another one in its place since a reload: the same key there. */
static void
follow(struct tb_track *t)
{
	struct tb_table *next = tb_table_next(t->table), *old = t->table;

	while (tb_table_next(next) != NULL)
		next = tb_table_next(next);
	const struct tw_str text = tb_entry_key(t->table, t->e);
	const struct tb_key key = { .p = text.p, .len = text.len };
	struct tb_hold h;
	if (!tb_find(&h, next, &key, TB_MAKE, tw_now_ms()))
		return;
	tb_track(&h);
	tb_add(&h, TB_conn_cur, 0, 1);
	tb_leave(&h);
	tb_table_ref(next);
	untrack(t);
	*t = (struct tb_track){ .table = next, .e = h.e };
	tb_table_unref(&old);
}

static void
follow_reload(struct tb_conn *c)
{
	for (uint32_t i = 0; c != NULL && c->sc != NULL && i < c->n; i++)
		if (c->sc[i].table != NULL && tb_table_next(c->sc[i].table) != NULL)
			follow(&c->sc[i]);
}

/* ---- the beginning ------------------------------------------------------- */

static struct tb_track *
slot_in_conn(struct tw_req *req, uint32_t counter)
{
	struct tw_conn *const conn = tw_req_conn(req);
	struct tb_conn *const c = tw_conn_block(conn, tb_self);

	if (c->sc == NULL) {
		const uint32_t n = tb_counters(tw_req_gen(req));

		c->sc = calloc(n, sizeof(*c->sc));
		if (c->sc == NULL)
			return NULL;
		c->n = n;
		c->end.ended = on_conn_end;
		tw_conn_at_end(conn, &c->end);
	}
	return counter < c->n ? &c->sc[counter] : NULL;
}

static struct tb_track *
slot_in_req(struct tw_req *req, uint32_t counter)
{
	struct tb_req *const r = req_of(req);

	if (r->sc == NULL) {
		const uint32_t n = tb_counters(tw_req_gen(req));
		const size_t bytes = n * sizeof(*r->sc);

		r->sc = tw_arena_try(tw_req_arena(req), bytes);
		if (r->sc == NULL)
			return NULL;
		memset(r->sc, 0, bytes);
		r->n = (uint16_t)n;
	}
	return counter < r->n ? &r->sc[counter] : NULL;
}

/* A response that was read before this began counts all the same. */
static void
count_response(struct tw_req *req, struct tb_hold *h)
{
	const int status = tw_req_response(req)->status;

	if (!req_of(req)->has_response)
		return;
	if (tw_status_is_err(tw_req_gen(req), status))
		add_event(h, &errors);
	if (tw_status_is_fail(tw_req_gen(req), status))
		add_event(h, &failures);
}

static void
begin(struct tw_req *req, struct tb_hold *h, enum tw_rules rules)
{
	tb_track(h);
	add_event(h, &conns);
	tb_add(h, TB_conn_cur, 0, 1);
	if (rules <= TW_TCP_SESSION ||
	    tw_proxy_mode(tw_req_frontend(req)) != TW_MODE_HTTP)
		return;
	add_event(h, &requests);
	if (rules >= TW_TCP_RESPONSE && rules != TW_HTTP_REQUEST)
		count_response(req, h);
}

static enum tw_act
run_track(struct tw_req *req, const struct tw_action_call *call)
{
	const struct track_conf *const conf = call->conf;
	const bool of_conn = call->rules <= TW_TCP_SESSION;
	struct tb_table *const table = conf->ref->conf->table;
	struct tw_sample s;
	struct tb_key key;
	struct tb_hold h;

	if (of_conn)
		req_of(req)->is_accept = true;
	if (tb_track_of(req, conf->counter) != NULL ||
	    !tw_expr_eval(conf->expr, req, &s))
		return TW_ACT_NEXT;
	struct tb_track *const t = of_conn ? slot_in_conn(req, conf->counter)
					   : slot_in_req(req, conf->counter);
	if (t == NULL || !tb_key_make(req, tb_table_layout(table), &s, &key) ||
	    !tb_find(&h, table, &key, TB_MAKE, tw_now_ms()))
		return TW_ACT_NEXT;
	*t = (struct tb_track){ .table = table, .e = h.e };
	begin(req, &h, call->rules);
	tb_leave(&h);
	if (of_conn)
		tb_table_ref(table);
	return TW_ACT_NEXT;
}

/* ---- the line ------------------------------------------------------------ */

static int
parse_table(struct tw_action_line *a, const char **table)
{
	const char *const word = tw_arg(a->ln, a->i);

	*table = NULL;
	if (word == NULL || strcmp(word, "table") != 0)
		return 0;
	a->i++;
	*table = tw_action_arg(a);
	return *table != NULL
	    ? 0
	    : tw_line_fail(a->ln, a->i - 1,
		  "'%s %s': 'table' lacks the name of a table", a->set, a->word);
}

static int
parse_counter(struct tw_action_line *a, uint32_t *counter)
{
	const char *const digits = a->word + strlen("track-sc");
	const uint32_t n = tb_counters(a->ln->gen);

	if (!tb_parse_u32(tw_str_of(digits), counter) || *counter >= n)
		return tw_line_fail(a->ln, 0,
		    "'%s %s': the counters are numbered from 0 on and there are %u: "
		    "'tune.stick-counters' in 'global' makes it more",
		    a->set, a->word, n);
	return 0;
}

static int
parse_track(struct tw_action_line *a, const void **out)
{
	struct track_conf *const conf =
	    tw_arena_zalloc(tw_gen_arena(a->ln->gen), sizeof(*conf));
	struct tb_proxy *const p = tb_proxy_of(a->ln->proxy);
	const char *table, *text;
	char what[64];

	*out = conf;
	if (parse_counter(a, &conf->counter) != 0)
		return -1;
	if ((text = tw_action_arg(a)) == NULL)
		return tw_line_fail(a->ln, 0,
		    "'%s %s' needs a key: write '%s %s src table <table>'", a->set,
		    a->word, a->set, a->word);
	conf->expr = tw_expr_compile(a->ln, a->i - 1, text, a->where);
	if (conf->expr == NULL || parse_table(a, &table) != 0)
		return -1;
	if (table == NULL && a->ln->scope == TW_SC_DEFAULTS)
		return tw_line_fail(a->ln, 0,
		    "'%s %s' in a defaults section must name a table: add 'table "
		    "<table>'",
		    a->set, a->word);
	snprintf(what, sizeof(what), "%s %s", a->set, a->word);
	conf->ref = tb_ref_new(a->ln, what, table, conf->expr);
	if (a->rules <= TW_TCP_SESSION)
		p->tracks_session = true;
	else
		p->tracks_request = true;
	return 0;
}

const struct tw_action tb_track_action = { .name = "track-sc",
	.rules =
	    (1u << TW_N_RULES) - 1 - (1u << TW_TCP_RESPONSE) - (1u << TW_HTTP_AFTER),
	.parse = parse_track,
	.run = run_track,
	.usage = "<key> [table <table>]",
	.help = "Tracks the entry of a key from now on: counts for it, and keeps it.",
	.flags = TW_ACTION_DIGITS };

/* ---- what happens -------------------------------------------------------- */

enum tw_verdict
tb_on_session(struct tw_req *req, void *state)
{
	(void)state;
	each_of_conn(req, &sessions);
	return TW_NEXT;
}

enum tw_verdict
tb_on_request(struct tw_req *req, void *state)
{
	struct tb_req *const r = state;

	if (r->is_counted)
		return TW_NEXT;
	r->is_counted = true;
	follow_reload(conn_of(req));
	each_of_conn(req, &requests);
	return TW_NEXT;
}

enum tw_verdict
tb_on_response(struct tw_req *req, void *state)
{
	struct tb_req *const r = state;
	const int status = tw_req_response(req)->status;

	if (tw_req_proxy(req) != tw_req_backend(req) || r->has_response || status < 200)
		return TW_NEXT;
	r->has_response = true;
	if (tw_status_is_err(tw_req_gen(req), status))
		each_of_both(req, &errors);
	if (tw_status_is_fail(tw_req_gen(req), status))
		each_of_both(req, &failures);
	return TW_NEXT;
}

static void
add_glitches(struct tb_hold *h, struct tb_track *t, const void *arg)
{
	const uint32_t n = *(const uint32_t *)arg;

	(void)t;
	tb_add(h, TB_glitch_cnt, 0, n);
	tb_add(h, TB_glitch_rate, 0, n);
}

void
tb_glitches(struct tw_conn *conn, uint32_t n)
{
	const struct tb_conn *const c = tw_conn_block_seen(conn, tb_self);

	if (c != NULL)
		each(c->sc, c->n, add_glitches, &n);
}

/* A request for a login, as 'http-request auth' makes it. */
static bool
asked_to_log_in(const struct tw_req *req)
{
	const struct tw_trail *trail;
	const int n = tw_req_trail(req, &trail);

	return n > 0 && trail[n - 1].what == TW_ANSWERED &&
	    strcmp(trail[n - 1].origin->who, "http-request auth") == 0;
}

/* An exchange without a server's response: whose fault was that? Time that ran
 * out on the client's side is nobody's. */
static void
count_fault(struct tw_req *req)
{
	char t[4];

	tw_req_term(req, t);
	if (tw_req_status(req) <= 0)
		return;
	if ((t[0] == 'P' && (t[1] == 'R' || t[1] == 'T')) ||
	    (t[0] == 'C' && t[1] == 'R') || asked_to_log_in(req))
		each_of_both(req, &errors);
	else if (t[1] == 'H' && (t[0] == 'P' || t[0] == 'S' || t[0] == 's'))
		each_of_both(req, &failures);
}

struct moved {
	uint64_t bytes[2];
};

/* Rates of bytes count whole blocks; what is over waits for the next ones. */
static void
count_bytes(struct tb_hold *h, struct tb_track *t, const void *arg)
{
	static const enum tb_data sums[] = { TB_bytes_in_cnt, TB_bytes_out_cnt },
				  rates[] = { TB_bytes_in_rate, TB_bytes_out_rate };
	const struct moved *const m = arg;
	const uint32_t block = tb_table_layout(h->t)->block;

	for (int i = 0; i < 2; i++) {
		const uint64_t all = m->bytes[i] + t->rest[i];

		tb_add(h, sums[i], 0, (int64_t)m->bytes[i]);
		tb_add(h, rates[i], 0, (int64_t)(all / block));
		t->rest[i] = (uint32_t)(all % block);
	}
}

/* What has passed since it was counted last. */
static void
count_moved(struct tw_req *req, struct tb_req *r)
{
	const struct tb_conn *const c = conn_of(req);
	const uint64_t in = tw_req_bytes_in(req), out = tw_req_bytes_out(req);
	const struct moved m = { { in - r->bytes[0], out - r->bytes[1] } };

	r->bytes[0] = in;
	r->bytes[1] = out;
	each(r->sc, r->n, count_bytes, &m);
	if (c != NULL)
		each(c->sc, c->n, count_bytes, &m);
}

enum tw_verdict
tb_on_moved(struct tw_req *req, void *state)
{
	count_moved(req, state);
	return TW_NEXT;
}

static void
count_request(struct tw_req *req, struct tb_req *r)
{
	tb_on_request(req, r);
	if (!r->has_response)
		count_fault(req);
	if (tw_req_request(req)->raw.len > 0) /* else it was never understood */
		count_moved(req, r);
}

enum tw_verdict
tb_on_log(struct tw_req *req, void *state)
{
	struct tb_req *const r = state;

	if (r->sc == NULL && conn_of(req) == NULL)
		return TW_NEXT;
	if (tw_proxy_mode(tw_req_frontend(req)) != TW_MODE_HTTP)
		count_moved(req, r);
	else if (!r->is_accept)
		count_request(req, r);
	return TW_NEXT;
}

/* ---- who wants them ------------------------------------------------------ */

bool
tb_any_tracks(const struct tw_proxy *px)
{
	(void)px;
	return any_tracks;
}

bool
tb_wants_session(const struct tw_proxy *px)
{
	return tb_proxy_of(px)->tracks_session;
}

bool
tb_wants_request(const struct tw_proxy *px)
{
	return tb_proxy_of(px)->tracks_session && tw_proxy_mode(px) == TW_MODE_HTTP;
}

bool
tb_wants_response(const struct tw_proxy *px)
{
	return any_tracks && tw_proxy_has(px, TW_BACKEND) &&
	    tw_proxy_mode(px) == TW_MODE_HTTP;
}

void
tb_tracks_check(struct tw_gen *gen)
{
	struct tw_proxy *px;

	any_tracks = false;
	for (int i = 0; (px = tw_gen_proxy(gen, i)) != NULL; i++)
		any_tracks |=
		    tb_proxy_of(px)->tracks_session || tb_proxy_of(px)->tracks_request;
}

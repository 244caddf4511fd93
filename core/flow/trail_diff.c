/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * flow/trail_diff.c - what has changed about a request: found by comparing it
 * with how it was when its trail was told last.
 *
 * No action has to tell what it does, and none can forget to. Fields of a
 * message are only added, marked deleted or given another value, so they are
 * compared one by one. One worker's thread, for requests with a trail.
 */
#include "config.h"

#include <stdio.h>

#include "core/expr/expr_int.h"
#include "core/flow/trail.h"

#define VARS_MAX 128

struct seen_field {
	struct tw_str value;
	bool gone;
};

struct seen_msg {
	unsigned n_hdr;
	struct seen_field hdr[TW_MAX_HDR];
};

struct seen_var {
	const char *name;
	struct tw_str value; /* p NULL: not set */
};

struct tw__snapshot {
	struct tw_str method, target, reason;
	uint16_t status;
	struct seen_msg req, res;
	struct tw_addr src, dst;
	bool dst_known;
	uint8_t log_level;
	int prio_class, prio_offset_ms;
	struct tw__req_limits limits;
	struct tw_str captured[TW_N_CAPTURES * 32];
	int n_vars;
	struct seen_var var[VARS_MAX];
};

/* ---- what is told ------------------------------------------------------- */

struct telling {
	struct tw_req *req;
	struct tw__record *r;
	bool in_rule, is_first;
};

static void
change(const struct telling *t, struct tw_str what, struct tw_str was, struct tw_str is)
{
	if (t->is_first)
		return;
	struct tw__rec *const e = tw__rec_add(t->r, TW__REC_CHANGE);
	if (e == NULL)
		return;
	e->in_rule = t->in_rule;
	e->text = tw__rec_copy(t->r, what);
	e->was = was.p != NULL ? tw__rec_copy(t->r, was) : was;
	e->is = is.p != NULL ? tw__rec_copy(t->r, is) : is;
}

static void
text_changed(
    const struct telling *t, const char *what, struct tw_str *seen, struct tw_str is)
{
	if (tw_str_eq(*seen, is) && (seen->p == NULL) == (is.p == NULL))
		return;
	change(t, tw_str_of(what), *seen, is);
	*seen = is;
}

static void
number_changed(const struct telling *t, const char *what, int64_t was, int64_t is)
{
	char from[24], to[24];

	if (was == is)
		return;
	snprintf(from, sizeof(from), "%lld", (long long)was);
	snprintf(to, sizeof(to), "%lld", (long long)is);
	change(t, tw_str_of(what), tw_str_of(from), tw_str_of(to));
}

/* ---- messages ----------------------------------------------------------- */

static void
field_look(const struct telling *t, struct seen_field *seen, const struct tw_hdr *h,
    bool is_new)
{
	const struct tw_str none = { NULL, 0 }, name = { h->name, h->name_len };
	const struct tw_str value = { h->value != NULL ? h->value : "", h->value_len };
	const bool gone = (h->flags & TW_HDR_DELETED) != 0;
	const bool was_gone = is_new || seen->gone;

	if (was_gone && !gone)
		change(t, name, none, value);
	else if (!was_gone && gone)
		change(t, name, seen->value, none);
	else if (!gone && !tw_str_eq(seen->value, value))
		change(t, name, seen->value, value);
	*seen = (struct seen_field){ value, gone };
}

static void
msg_look(const struct telling *t, struct seen_msg *seen, const struct tw_msg *msg)
{
	if (msg->n_hdr < seen->n_hdr) /* another message */
		seen->n_hdr = 0;
	for (unsigned i = 0; i < msg->n_hdr; i++)
		field_look(t, &seen->hdr[i], &msg->hdr[i], i >= seen->n_hdr);
	seen->n_hdr = msg->n_hdr;
}

/* A response that has just come is no change: it is where changes begin. */
static void
response_look(const struct telling *t, struct tw__snapshot *s, const struct tw_msg *msg)
{
	struct telling quiet = *t;

	quiet.is_first = t->is_first || s->status == 0 || msg->status == 0;
	if (!quiet.is_first)
		number_changed(t, "status", s->status, msg->status);
	text_changed(&quiet, "reason", &s->reason, msg->reason);
	s->status = msg->status;
	msg_look(&quiet, &s->res, msg);
}

/* ---- variables ---------------------------------------------------------- */

struct tw_str
tw__trail_sample(struct tw_req *req, const struct tw_sample *s)
{
	struct tw_sample copy = *s;

	if (s->type == TW_BOOL)
		return tw_str_of(s->u.n != 0 ? "true" : "false");
	if (s->type == TW_ANY || !tw__cast(req, &copy, TW_STRING))
		return (struct tw_str){ NULL, 0 };
	return copy.u.str.p != NULL ? copy.u.str : (struct tw_str){ "", 0 };
}

static struct seen_var *
seen_var_of(struct tw__snapshot *s, const char *name)
{
	for (int i = 0; i < s->n_vars; i++)
		if (s->var[i].name == name)
			return &s->var[i];
	if (s->n_vars == VARS_MAX)
		return NULL;
	s->var[s->n_vars] = (struct seen_var){ .name = name };
	return &s->var[s->n_vars++];
}

static void
vars_look(const struct telling *t, struct tw__snapshot *s)
{
	struct tw_sample sample;
	const char *name;

	for (int i = 0; (name = tw__var_each(t->req, i, &sample)) != NULL; i++) {
		struct seen_var *const v = seen_var_of(s, name);
		const struct tw_str is = tw__trail_sample(t->req, &sample);

		if (v == NULL)
			return;
		if (tw_str_eq(v->value, is) && (v->value.p == NULL) == (is.p == NULL))
			continue;
		change(t, tw_str_of(name), v->value, is);
		v->value = is.p != NULL ? tw__rec_copy(t->r, is) : is;
	}
}

/* ---- the connection and the rest ---------------------------------------- */

static void
addr_changed(const struct telling *t, const char *what, struct tw_addr *seen,
    const struct tw_addr *is)
{
	char from[128], to[128];
	struct tw_out o = tw_out_of(from, sizeof(from) - 1);
	struct tw_out n = tw_out_of(to, sizeof(to) - 1);

	if (tw_addr_eq(seen, is))
		return;
	tw_addr_port_out(&o, seen);
	tw_addr_port_out(&n, is);
	change(t, tw_str_of(what), (struct tw_str){ from, (size_t)(o.p - from) },
	    (struct tw_str){ to, (size_t)(n.p - to) });
	*seen = *is;
}

static void
limit_changed(const struct telling *t, const char *what, uint32_t was, uint32_t is)
{
	char text[24];

	if (was == is)
		return;
	snprintf(text, sizeof(text), "%u", is);
	change(t, tw_str_of(what), (struct tw_str){ NULL, 0 }, tw_str_of(text));
}

static void
limits_look(const struct telling *t, struct tw__req_limits *seen)
{
	static const struct tw__req_limits none = { .server_ms = UINT32_MAX,
		.tunnel_ms = UINT32_MAX,
		.client_ms = UINT32_MAX,
		.retries = UINT32_MAX,
		.connect_ms = UINT32_MAX,
		.queue_ms = UINT32_MAX,
		.tarpit_ms = UINT32_MAX };
	const struct tw__req_limits *const is =
	    t->req->limits != NULL ? t->req->limits : &none;

	limit_changed(t, "timeout server (ms)", seen->server_ms, is->server_ms);
	limit_changed(t, "timeout tunnel (ms)", seen->tunnel_ms, is->tunnel_ms);
	limit_changed(t, "timeout client (ms)", seen->client_ms, is->client_ms);
	limit_changed(t, "timeout connect (ms)", seen->connect_ms, is->connect_ms);
	limit_changed(t, "timeout queue (ms)", seen->queue_ms, is->queue_ms);
	limit_changed(t, "timeout tarpit (ms)", seen->tarpit_ms, is->tarpit_ms);
	limit_changed(t, "retries", seen->retries, is->retries);
	*seen = *is;
}

static void
captures_look(const struct telling *t, struct tw__snapshot *s)
{
	const struct tw_req *const req = t->req;
	int n = 0;

	if (req->captured == NULL)
		return;
	for (int k = 0; k < TW_N_CAPTURES; k++)
		n += req->fe->captures[k].n;
	for (int i = 0; i < n && i < (int)TW_N_ELEMENTS(s->captured); i++) {
		char what[32];

		snprintf(what, sizeof(what), "capture %d", i);
		text_changed(t, what, &s->captured[i], req->captured[i]);
	}
}

static struct tw_str
level_text(uint8_t level)
{
	static const char *const words[] = { NULL, "emerg", "alert", "crit", "err",
		"warning", "notice", "info", "debug" };

	if (level == TW__LOG_SILENT)
		return TW_STR("silent");
	return tw_str_of(level < TW_N_ELEMENTS(words) ? words[level] : NULL);
}

static void
rest_look(const struct telling *t, struct tw__snapshot *s)
{
	struct tw_req *const req = t->req;

	addr_changed(t, "src", &s->src, &req->cli->src);
	if (req->cli->dst_known && s->dst_known)
		addr_changed(t, "dst", &s->dst, &req->cli->dst);
	s->dst = req->cli->dst;
	s->dst_known = req->cli->dst_known;
	if (s->log_level != req->log_level)
		change(t, TW_STR("log-level"), level_text(s->log_level),
		    level_text(req->log_level));
	s->log_level = req->log_level;
	number_changed(t, "priority-class", s->prio_class, req->pend.prio_class);
	s->prio_class = req->pend.prio_class;
	number_changed(
	    t, "priority-offset (ms)", s->prio_offset_ms, req->pend.prio_offset_ms);
	s->prio_offset_ms = req->pend.prio_offset_ms;
	limits_look(t, &s->limits);
	captures_look(t, s);
}

static struct tw__snapshot *
snapshot_of(struct tw__record *r)
{
	if (r->seen == NULL) {
		r->seen = tw_arena_try(r->arena, sizeof(*r->seen));
		if (r->seen != NULL)
			memset(r->seen, 0, sizeof(*r->seen));
	}
	return r->seen;
}

void
tw__trail_diff(struct tw_req *req, bool in_rule)
{
	struct tw__record *const r = req->record;
	const bool is_first = r->seen == NULL;
	struct tw__snapshot *const s = snapshot_of(r);
	const struct telling t = { req, r, in_rule, is_first };

	if (s == NULL)
		return;
	rest_look(&t, s);
	vars_look(&t, s);
	if (!req->http)
		return;
	text_changed(&t, "method", &s->method, req->req.method_name);
	text_changed(&t, "target", &s->target, req->req.target);
	msg_look(&t, &s->req, &req->req);
	response_look(&t, s, &req->res);
}

void
tw__trail_mark(struct tw__record *r)
{
	r->before = r->seen != NULL ? tw_arena_try(r->arena, sizeof(*r->before)) : NULL;
	if (r->before != NULL)
		*r->before = *r->seen;
}

void
tw__trail_back(struct tw__record *r)
{
	if (r->before != NULL)
		*r->seen = *r->before;
}

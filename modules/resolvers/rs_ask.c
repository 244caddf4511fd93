/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * rs_ask.c - one name: asked for in rounds.
 *
 * A round asks all name servers of the section at once; the first valid
 * answer ends it. When all have failed, the other type of address is asked
 * for, then all again, as often as resolve_retries says; each question has a
 * number of its own, drawn at random. After the round, valid or not, the next
 * one is due. source: HAProxy's manual, 5.3.2. Control thread.
 */
#include <sys/random.h>

#include <tideway/assert.h>
#include "modules/resolvers/rs.h"

static void
next_round_at(struct rs_name *n, uint32_t ms)
{
	tw_timer_set(&n->timer, tw_now_ms() + (ms > 0 ? ms : 1));
}

void
rs_ask_end(struct rs_name *n)
{
	if (n->asking)
		LIST_REMOVE(n, id_link);
	n->asking = false;
	n->sent = n->failed = 0;
}

static uint16_t
type_first(const struct rs_name *n)
{
	return n->srv ? RS_SRV : n->prefer_v4 ? RS_A : RS_AAAA;
}

static uint16_t
id_draw(void)
{
	uint16_t id = 0;

	if (getrandom(&id, sizeof(id), 0) != sizeof(id))
		TW_WRONG("no random numbers");
	return id;
}

/* One question, to all. */
static void
question_send(struct rs_name *n)
{
	struct rs_group *const g = n->group;
	uint8_t query[RS_QUERY_MAX];

	rs_ask_end(n);
	n->id = id_draw();
	const size_t len =
	    rs_query_make(query, &(struct rs_question){ n->id, n->type, n->host },
		(uint16_t)g->conf->payload);
	TW_ASSERT(len > 0); /* the name was looked at when it was made */
	n->asking = true;
	LIST_INSERT_HEAD(&g->by_id[n->id % RS_ID_SLOTS], n, id_link);
	uint64_t sent = 0;
	for (int i = 0; i < g->n_ns; i++)
		sent |= (uint64_t)rs_ns_send(&g->ns[i], query, len) << i;
	n->sent = sent; /* not before: see rs_wire.c, is_asking */
	next_round_at(n, g->conf->retry_ms);
}

static void
type_ask(struct rs_name *n)
{
	n->type = type_first(n);
	n->fell_back = false;
	question_send(n);
}

void
rs_ask(struct rs_name *n)
{
	n->tries = n->group->conf->retries;
	n->last = RS_TIMEOUT;
	type_ask(n);
}

static void
round_failed(struct rs_name *n)
{
	const enum rs_answer why = n->last;

	rs_ask_end(n);
	next_round_at(n, n->group->conf->resolve_ms);
	rs_apply_failure(n, why);
	if (n->look)
		rs_looks_answer(n, rs_hold_ms(n->group->conf, why));
}

static void
try_again(struct rs_name *n)
{
	if (n->tries <= 1) {
		round_failed(n);
		return;
	}
	n->tries--;
	type_ask(n);
}

/* All that were asked have failed. */
static void
all_failed(struct rs_name *n)
{
	if (n->srv || n->fell_back) {
		try_again(n);
		return;
	}
	n->fell_back = true;
	n->type = n->type == RS_A ? RS_AAAA : RS_A;
	question_send(n);
}

void
rs_name_due(struct tw_timer *t)
{
	struct rs_name *const n =
	    (struct rs_name *)((char *)t - offsetof(struct rs_name, timer));

	if (!n->asking && n->look) {
		rs_name_free(n);
		return;
	}
	if (!n->asking) {
		rs_ask(n);
		return;
	}
	for (int i = 0; i < n->group->n_ns; i++)
		if ((n->sent & ~n->failed) >> i & 1)
			rs_ns_silent(&n->group->ns[i]);
	if (n->failed == 0)
		n->last = RS_TIMEOUT;
	if (n->failed != 0 && !n->srv && !n->fell_back)
		all_failed(n);
	else
		try_again(n);
}

/* --- answers --- */

static struct rs_name *
name_by_id(struct rs_group *g, uint16_t id)
{
	struct rs_name *n;

	LIST_FOREACH(n, &g->by_id[id % RS_ID_SLOTS], id_link)
		if (n->id == id)
			return n;
	return NULL;
}

static void
failure_count(struct rs_counters *c, enum rs_answer a)
{
	switch (a) {
	case RS_NX:
		c->nx++;
		break;
	case RS_REFUSED:
		c->refused++;
		break;
	case RS_CNAME_ERROR:
		c->cname_error++;
		break;
	case RS_TRUNCATED:
		c->truncated++;
		break;
	case RS_INVALID:
		c->invalid++;
		break;
	case RS_EMPTY:
		c->any_err++;
		break;
	default:
		c->other++;
		break;
	}
}

static void
valid(struct rs_name *n, struct rs_ns *ns, const struct rs_records *got)
{
	char who[256];
	struct tw_out o = tw_out_of(who, sizeof(who) - 1);

	ns->count.valid++;
	ns->count.cname += got->alias;
	rs_ask_end(n);
	n->valid_ms = tw_now_ms();
	next_round_at(n, n->group->conf->resolve_ms);
	tw_out_printf(&o, "%s/%s", n->group->conf->name, ns->conf->name);
	*o.p = '\0';
	if (rs_apply(n, got, who))
		ns->count.update++;
	if (n->look)
		rs_looks_answer(n, n->group->conf->hold_valid_ms);
}

void
rs_ns_answered(struct rs_ns *ns, const uint8_t *p, size_t len)
{
	static struct rs_records got;
	struct rs_name *n;

	if (len < 12) {
		ns->count.invalid++;
		return;
	}
	n = name_by_id(ns->group, rs_answer_id(p));
	if (n == NULL) {
		ns->count.outdated++;
		return;
	}
	const enum rs_answer a = rs_answer_read(
	    p, len, &(struct rs_question){ n->id, n->type, n->host }, &got);
	if (a == RS_VALID) {
		valid(n, ns, &got);
		return;
	}
	if (a == RS_OUTDATED) { /* our number, another question: not ours */
		ns->count.invalid++;
		return;
	}
	failure_count(&ns->count, a);
	n->last = a;
	n->failed |= UINT64_C(1) << (ns - ns->group->ns);
	if ((n->sent & ~n->failed) == 0)
		all_failed(n);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * flow/trail.c - recording a trail (tideway/trail.h).
 *
 * An entry is a few slices; their text lies in the record's arena or lives as
 * long as the generation. Decisions are not recorded a second time: the
 * request's own list of them (decision.h) is read when the next thing is told.
 * One worker's thread.
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>

#include <tideway/text.h>
#include "core/flow/trail.h"

#define SHOWN_MAX 512 /* bytes of a value */

bool
tw_trail_on(const struct tw_req *req)
{
	return req->record != NULL;
}

struct tw__record *
tw__record_new(struct tw_arena *arena, uint32_t room)
{
	struct tw__record *const r = tw_arena_try(arena, sizeof(*r));

	if (r == NULL)
		return NULL;
	*r = (struct tw__record){ .arena = arena, .room = room };
	r->tail = &r->first;
	return r;
}

/* ---- entries ------------------------------------------------------------ */

static void *
memory(struct tw__record *r, size_t len)
{
	if (len > r->room) {
		r->full = true;
		return NULL;
	}
	void *const p = tw_arena_try(r->arena, len);
	if (p == NULL)
		r->full = true;
	else if (!r->exact)
		r->room -= (uint32_t)len;
	return p;
}

struct tw_str
tw__rec_copy(struct tw__record *r, struct tw_str s)
{
	const size_t len = s.len <= SHOWN_MAX || r->exact ? s.len : SHOWN_MAX;
	char *const p = memory(r, len + 1);

	if (p == NULL)
		return (struct tw_str){ NULL, 0 };
	if (len > 0)
		memcpy(p, s.p, len);
	p[len] = '\0';
	return (struct tw_str){ p, len };
}

struct tw__rec *
tw__rec_add(struct tw__record *r, enum tw__rec_kind kind)
{
	struct tw__rec *const e = r->quiet ? NULL : memory(r, sizeof(*e));

	if (e == NULL)
		return NULL;
	*e = (struct tw__rec){ .kind = (uint8_t)kind };
	*r->tail = e;
	r->tail = &e->next;
	return e;
}

static void
note_add(struct tw__record *r, struct tw_str text, bool in_rule)
{
	struct tw__rec *const e = tw__rec_add(r, TW__REC_NOTE);

	if (e == NULL)
		return;
	e->text = tw__rec_copy(r, text);
	e->in_rule = in_rule;
}

void
tw_trail_note(struct tw_req *req, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if (req->record == NULL)
		return;
	va_start(ap, fmt);
	const int n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	const size_t len = (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;
	if (req->record->rule == NULL)
		tw__trail_sync(req);
	note_add(req->record, (struct tw_str){ text, len }, req->record->rule != NULL);
}

/* ---- decisions ---------------------------------------------------------- */

/* Another request like this one may get another server. */
static const char *
chance_of(const char *algorithm)
{
	return strcmp(algorithm, "random") == 0 || strcmp(algorithm, "p2c") == 0 ||
		strcmp(algorithm, "peak-ewma") == 0
	    ? " (at random: another time perhaps another one)"
	    : strcmp(algorithm, "roundrobin") == 0 ||
		strcmp(algorithm, "static-rr") == 0
	    ? " (its turn)"
	    : "";
}

static struct tw_str
balance_text(struct tw__record *r, const struct tw_proxy *be)
{
	char text[128];
	const char *const name =
	    be->c.balance != NULL ? be->c.balance->name : "roundrobin";
	const int n =
	    snprintf(text, sizeof(text), "balance %s%s", name, chance_of(name));

	return tw__rec_copy(r, (struct tw_str){ text, n > 0 ? (size_t)n : 0 });
}

static void
choice_add(struct tw_req *req, const struct tw_trail *t)
{
	struct tw__record *const r = req->record;
	struct tw__rec *const e = tw__rec_add(r, TW__REC_CHOICE);

	if (e == NULL)
		return;
	e->what = (uint8_t)t->what;
	e->is = tw_str_of(t->name);
	if (t->origin == NULL)
		return;
	e->text = req->be != NULL && t->origin == &req->be->balance_origin
	    ? balance_text(r, req->be)
	    : tw_str_of(t->origin->who);
	e->file = t->origin->file;
	e->line = t->origin->line;
}

void
tw__trail_sync(struct tw_req *req)
{
	struct tw__record *const r = req->record;

	while (r->n_choices < req->n_trail)
		choice_add(req, &req->trail[r->n_choices++]);
	tw__trail_diff(req, false);
}

/* ---- rules -------------------------------------------------------------- */

/* "http-request" of "http-request deny". */
static struct tw_str
set_of(const struct tw_origin *origin)
{
	const char *const blank = strrchr(origin->who, ' ');

	return (struct tw_str){ origin->who,
		blank != NULL ? (size_t)(blank - origin->who) : strlen(origin->who) };
}

/* The same rules are looked at once more: what was told of them is forgotten. */
static void
phase_restart(struct tw__record *r)
{
	r->again = false;
	r->phase->next = NULL;
	r->tail = &r->phase->next;
	r->rule = NULL;
	tw__trail_back(r);
}

static void
phase_enter(struct tw_req *req, struct tw_str set)
{
	struct tw__record *const r = req->record;
	const struct tw_proxy *const px = tw_req_proxy(req);

	if (r->phase != NULL && r->px == px && tw_str_eq(r->phase->text, set)) {
		if (r->again)
			phase_restart(r);
		return;
	}
	r->again = false;
	tw__trail_sync(req);
	struct tw__rec *const e = tw__rec_add(r, TW__REC_PHASE);
	if (e == NULL)
		return;
	e->text = set;
	e->is = tw_str_of(px->name);
	e->what = px->scope == TW_SC_LISTEN ? TW__PX_LISTEN
	    : px == req->fe                 ? TW__PX_FRONTEND
					    : TW__PX_BACKEND;
	r->phase = e;
	r->px = px;
	r->before = NULL;
	if (!tw_req_final(req))
		tw__trail_mark(r);
}

void
tw_trail_rule(struct tw_req *req, const struct tw_origin *origin, const char *text)
{
	struct tw__record *const r = req->record;

	if (r == NULL)
		return;
	phase_enter(req, set_of(origin));
	r->rule = tw__rec_add(r, TW__REC_RULE);
	if (r->rule == NULL)
		return;
	r->rule->file = origin->file;
	r->rule->line = origin->line;
	r->rule->text = tw_str_of(text != NULL ? text : origin->who);
}

void
tw_trail_result(struct tw_req *req, enum tw_told result)
{
	struct tw__record *const r = req->record;

	if (r == NULL)
		return;
	if (r->rule != NULL)
		r->rule->result = (uint8_t)result;
	if (result != TW_TOLD_NO && result != TW_TOLD_UNREACHED)
		tw__trail_diff(req, true);
	r->again = result == TW_TOLD_WAITS; /* the same rule, or all from the first */
	if (!r->again)
		r->rule = NULL;
}

void
tw__trail_acl(struct tw_req *req, const struct tw__acl_told *t)
{
	struct tw__record *const r = req->record;
	struct tw__rec *const e = tw__rec_add(r, TW__REC_ACL);

	if (e == NULL)
		return;
	e->in_rule = true;
	e->text = tw_str_of(t->name);
	e->file = t->file;
	e->line = t->line;
	e->result = t->is_true;
	e->negated = t->negated;
	e->n_more = (uint16_t)(t->n_values > 1 ? t->n_values - 1 : 0);
	e->was = t->value.p != NULL ? tw__rec_copy(r, t->value) : t->value;
	e->verb = t->verb;
	e->expr = t->expr;
	e->is = t->pattern.p != NULL ? tw__rec_copy(r, t->pattern) : t->pattern;
}

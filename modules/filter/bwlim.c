/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * bwlim.c - `filter bwlim-in`, `filter bwlim-out`, and the action that sets them
 * to work.
 *
 * A filter limits how many bytes of payload one stream passes in a period, from
 * the client or to it, once a rule `set-bandwidth-limit` has named it; until then
 * all passes. A limit that several streams share lives in a stick table
 * (bwlim_shared.c). Worker. source: HAProxy's manual, Bandwidth limitation.
 */
#include <string.h>

#include <tideway/text.h>

#include "bwlim.h"

#define S(x) (1u << TW_##x)

/* A rule. */
struct bwlim_use {
	struct bwlim_use *next;
	const char *name;
	const struct tw_proxy *px; /* NULL: of a defaults section */
	const struct tw_origin *origin;
	unsigned where;     /* TW_AT_... */
	uint64_t limit;     /* 0: as the filter says, or as the expression does */
	uint32_t period_ms; /* 0: the same */
	const struct tw_expr *limit_expr, *period_expr;
};

/* ---- the line ----------------------------------------------------------- */

int
bwlim_size(struct tw_line *ln, int i, uint64_t *out, uint64_t least)
{
	const char *const word = tw_arg(ln, i), *const value = tw_arg(ln, i + 1);
	struct tw_err err;

	if (value == NULL)
		return tw_line_fail(ln, i, "'%s' expects a size in bytes", word);
	if (tw_parse_size(value, out, &err) != 0)
		return tw_line_fail(ln, i + 1, "'%s': %s", word, err.text);
	if (*out < least)
		return tw_line_fail(ln, i + 1, "'%s' must be at least 1 byte", word);
	return 0;
}

static int
set_period(struct tw_line *ln, int i, uint32_t *out)
{
	const char *const word = tw_arg(ln, i), *const value = tw_arg(ln, i + 1);
	struct tw_err err;

	if (value == NULL)
		return tw_line_fail(ln, i, "'%s' expects a time", word);
	if (tw_parse_ms(value, 1000, out, &err) != 0)
		return tw_line_fail(ln, i + 1, "'%s': %s", word, err.text);
	if (*out == 0)
		return tw_line_fail(
		    ln, i + 1, "'%s' must be at least a millisecond", word);
	return 0;
}

/* The words seen so far. */
struct seen {
	const char *each, *shared; /* one of a kind; NULL: none */
};

static int
set_word(struct tw_line *ln, int i, struct bwlim *b, struct seen *seen)
{
	const char *const word = tw_arg(ln, i);

	if (strcmp(word, "min-size") == 0)
		return bwlim_size(ln, i, &b->min, 0);
	seen->each = word;
	if (strcmp(word, "default-limit") == 0)
		return bwlim_size(ln, i, &b->limit, 1);
	if (strcmp(word, "default-period") == 0)
		return set_period(ln, i, &b->period_ms);
	seen->each = NULL;
	seen->shared = word;
	const int rc = bwlim_shared_word(ln, i, b);
	if (rc <= 0)
		return rc;
	return tw_line_fail(ln, i,
	    "'filter %s' : unknown keyword '%s'; there are default-limit, "
	    "default-period, limit, key, table and min-size",
	    tw_arg(ln, 0), word);
}

static int
set_words(struct tw_line *ln, int i, struct bwlim *b)
{
	struct seen seen = { NULL, NULL };
	const char *each = NULL;

	for (; tw_arg(ln, i) != NULL; i += 2) {
		if (set_word(ln, i, b, &seen) != 0)
			return -1;
		each = seen.each != NULL ? seen.each : each;
		if (each != NULL && seen.shared != NULL)
			return tw_line_fail(ln, i,
			    "'%s' and '%s' do not go together: a limit is shared ("
			    "'limit', 'key', 'table') or each stream's ("
			    "'default-limit', 'default-period')",
			    each, seen.shared);
	}
	if (seen.shared != NULL && (b->limit == 0 || b->key == NULL))
		return tw_line_fail(ln, -1,
		    "'filter %s' expects both 'limit <size>' and 'key <expression>'",
		    tw_arg(ln, 0));
	if (seen.shared == NULL && (b->limit == 0 || b->period_ms == 0))
		return tw_line_fail(ln, -1,
		    "'filter %s' expects 'default-limit <size>' and 'default-period "
		    "<time>', or 'limit <size>' and 'key <expression>'",
		    tw_arg(ln, 0));
	return 0;
}

static const struct bwlim *
bwlim_find(const struct tw_proxy *px, const char *name)
{
	const struct filter_line *l = filter_proxy_of(px)->first;

	for (; l != NULL; l = l->next) {
		if (l->filter->parse == bwlim_parse &&
		    strcmp(((const struct bwlim *)l->conf)->name, name) == 0)
			return l->conf;
	}
	return NULL;
}

int
bwlim_parse(struct tw_line *ln, int i, const void **conf)
{
	struct bwlim *const b = tw_arena_zalloc(tw_gen_arena(ln->gen), sizeof(*b));
	const char *const name = tw_arg(ln, i);

	if (name == NULL)
		return tw_line_fail(
		    ln, -1, "'filter %s' expects a name", tw_arg(ln, 0));
	if (bwlim_find(ln->proxy, name) != NULL)
		return tw_line_fail(ln, i,
		    "'filter %s' : there is a bandwidth limit '%s' in this section "
		    "already; give each a name of its own",
		    tw_arg(ln, 0), name);
	b->name = tw_arena_strdup(tw_gen_arena(ln->gen), name);
	if (set_words(ln, i + 1, b) != 0)
		return -1;
	if (b->key != NULL)
		bwlim_shared_keep(ln, b);
	*conf = b;
	return 0;
}

/* ---- the filter --------------------------------------------------------- */

static struct bwlim_on *
on_find(struct tw_req *req, const struct bwlim *conf)
{
	const struct filter_req *const r = tw_req_block(req, filter_self);
	struct bwlim_on *on = r->on;

	while (on != NULL && on->conf != conf)
		on = on->next;
	return on;
}

/* Of a response, all rules have been tried by now. */
int
bwlim_begin(struct tw_req *req, struct tw_msg *msg, void *state)
{
	const bool is_http = tw_proxy_mode(tw_req_frontend(req)) == TW_MODE_HTTP;

	if (!is_http)
		return 0;
	if (msg->body == TW_BODY_NONE && !(msg->flags & TW_MSG_UPGRADE))
		return -1;
	if ((msg->flags & TW_MSG_RESPONSE) &&
	    on_find(req, tw_filter_conf(state)) == NULL)
		return -1;
	return 0;
}

size_t
bwlim_room_of(struct tw_req *req, void *state, size_t len, bool last, uint32_t *wait_ms)
{
	struct bwlim_state *const st = state;
	struct bwlim_on *const on = on_find(req, st->conf);

	(void)last;
	if (on == NULL)
		return len;
	if (st->conf->key != NULL)
		return (size_t)bwlim_shared_room(on, len, wait_ms);
	const uint64_t n = bwlim_room(&st->rate, on->limit, on->period_ms, tw_now_ms(),
	    len, st->conf->min, wait_ms);
	bwlim_passed(&st->rate, n);
	return (size_t)n;
}

/* ---- the action --------------------------------------------------------- */

static int
use_fail(struct tw_action_line *a, const char *what)
{
	return tw_line_fail(
	    a->ln, a->i - 1, "'%s %s' expects %s", a->set, a->word, what);
}

/* A number with its unit, or an expression. */
static int
use_limit(struct tw_action_line *a, struct bwlim_use *u)
{
	const char *const word = tw_action_arg(a);
	struct tw_err err;

	if (word == NULL)
		return use_fail(a, "a size or an expression after 'limit'");
	if (tw_parse_size(word, &u->limit, &err) == 0)
		return u->limit > 0 ? 0 : use_fail(a, "a limit of at least 1 byte");
	if (*word >= '0' && *word <= '9')
		return tw_line_fail(a->ln, a->i - 1, "'limit': %s", err.text);
	u->limit_expr = tw_expr_compile(a->ln, a->i - 1, word, a->where);
	return u->limit_expr != NULL ? 0 : -1;
}

static int
use_period(struct tw_action_line *a, struct bwlim_use *u)
{
	const char *const word = tw_action_arg(a);
	struct tw_err err;

	if (word == NULL)
		return use_fail(a, "a time or an expression after 'period'");
	if (tw_parse_ms(word, 1000, &u->period_ms, &err) == 0)
		return u->period_ms > 0 ? 0 : use_fail(a, "a period of at least 1 ms");
	if (*word >= '0' && *word <= '9')
		return tw_line_fail(a->ln, a->i - 1, "'period': %s", err.text);
	u->period_expr = tw_expr_compile(a->ln, a->i - 1, word, a->where);
	return u->period_expr != NULL ? 0 : -1;
}

static void
use_keep(struct tw_action_line *a, struct bwlim_use *u)
{
	struct filter_gen *const g = tw_gen_block(a->ln->gen, filter_self);

	u->origin = a->origin;
	u->where = a->where;
	u->px = a->ln->scope == TW_SC_DEFAULTS ? NULL : a->ln->proxy;
	u->next = g->uses;
	g->uses = u;
}

static int
use_parse(struct tw_action_line *a, const void **conf)
{
	struct bwlim_use *const u =
	    tw_arena_zalloc(tw_gen_arena(a->ln->gen), sizeof(*u));
	const char *word = tw_action_arg(a);

	if (word == NULL)
		return use_fail(a, "the name of a bandwidth limit");
	u->name = tw_arena_strdup(tw_gen_arena(a->ln->gen), word);
	while ((word = tw_arg(a->ln, a->i)) != NULL) {
		const bool is_limit = strcmp(word, "limit") == 0;
		if (!is_limit && strcmp(word, "period") != 0)
			break;
		a->i++;
		if ((is_limit ? use_limit(a, u) : use_period(a, u)) != 0)
			return -1;
	}
	use_keep(a, u);
	*conf = u;
	return 0;
}

/* What an expression says, where it says something of use. */
static uint64_t
use_value(
    struct tw_req *req, const struct tw_expr *expr, uint64_t fixed, uint64_t usual)
{
	struct tw_sample s;

	if (fixed != 0)
		return fixed;
	if (expr != NULL && tw_expr_eval(expr, req, &s) &&
	    tw_sample_cast(req, &s, TW_SINT) && s.u.n > 0)
		return (uint64_t)s.u.n;
	return usual;
}

static struct bwlim_on *
on_of(struct tw_req *req, const struct bwlim *conf)
{
	struct filter_req *const r = tw_req_block(req, filter_self);
	struct bwlim_on *on = on_find(req, conf);

	if (on != NULL)
		return on;
	on = tw_arena_try(tw_req_arena(req), sizeof(*on));
	if (on == NULL)
		return NULL;
	*on = (struct bwlim_on){ .next = r->on, .conf = conf };
	return r->on = on;
}

/* Whatever becomes of the stream: its entries are let go. */
enum tw_verdict
bwlim_on_reset(struct tw_req *req, void *state)
{
	struct filter_req *const r = state;

	(void)req;
	for (struct bwlim_on *on = r->on; on != NULL; on = on->next)
		tw_table_unpin(&on->pin);
	r->on = NULL;
	return TW_NEXT;
}

static enum tw_act
use_run(struct tw_req *req, const struct tw_action_call *call)
{
	const struct bwlim_use *const u = call->conf;
	const struct bwlim *const conf = bwlim_find(tw_req_proxy(req), u->name);
	struct bwlim_on *const on = conf != NULL ? on_of(req, conf) : NULL;

	if (on == NULL)
		return TW_ACT_NEXT;
	if (conf->key != NULL) {
		bwlim_shared_begin(req, on);
		return TW_ACT_NEXT;
	}
	const uint64_t ms =
	    use_value(req, u->period_expr, u->period_ms, conf->period_ms);
	on->limit = use_value(req, u->limit_expr, u->limit, conf->limit);
	on->period_ms = ms < INT32_MAX ? (uint32_t)ms : INT32_MAX;
	return TW_ACT_NEXT;
}

static int
check_use(struct tw_gen *gen, const struct bwlim_use *u)
{
	const struct bwlim *const b = bwlim_find(u->px, u->name);
	const char *const file = u->origin->file, *const who = u->origin->who;

	if (b == NULL)
		return tw_gen_fail(gen, file, u->origin->line,
		    "'%s': there is no bandwidth limit '%s' in %s; a line 'filter "
		    "bwlim-in %s' or 'filter bwlim-out %s' makes one",
		    who, u->name, tw_proxy_name(u->px), u->name, u->name);
	if (b->key == NULL)
		return 0;
	if (u->limit != 0 || u->period_ms != 0 || u->limit_expr != NULL ||
	    u->period_expr != NULL)
		return tw_gen_fail(gen, file, u->origin->line,
		    "'%s': the bandwidth limit '%s' is shared: its line and its table "
		    "say how much and how long; remove 'limit' and 'period' here",
		    who, u->name);
	if (!tw_expr_is_valid_at(b->key, u->where))
		return tw_gen_fail(gen, file, u->origin->line,
		    "'%s': the key of the bandwidth limit '%s' (%s:%d) has no value "
		    "here: what it reads is not known yet or no more",
		    who, u->name, b->file, b->line);
	return 0;
}

int
bwlim_check(struct tw_gen *gen)
{
	const struct filter_gen *const g = tw_gen_block(gen, filter_self);
	int rc = bwlim_shared_check(gen);

	for (const struct bwlim_use *u = g->uses; u != NULL; u = u->next)
		rc |= u->px != NULL ? check_use(gen, u) : 0;
	return rc;
}

const struct tw_action filter_actions[] = {
	{ "set-bandwidth-limit",
	    S(TCP_CONTENT) | S(TCP_RESPONSE) | S(HTTP_REQUEST) | S(HTTP_RESPONSE),
	    use_parse, use_run,
	    "<name> [limit { <size> | <expr> }] [period { <time> | <expr> }]",
	    "The bandwidth limit of that name, of a line 'filter bwlim-in' or "
	    "'filter bwlim-out' of the same section, holds for this stream.",
	    0 },
	{ .name = NULL },
};

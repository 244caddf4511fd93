/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * bwlim_shared.c - a bandwidth limit that all streams of a key share: the rate of
 * bytes in an entry of a stick table.
 *
 * The rule that names the limit takes the key and tracks its entry as long as the
 * stream lasts, so the entry tells how many streams share it. Each of them may
 * have its part of what is left, at once; who asks again later has his part of
 * what has become free since. Worker. source: HAProxy's manual, Bandwidth
 * limitation.
 */
#include "config.h"

#include <string.h>

#include <tideway/text.h>

#include "bwlim.h"

#define AT_STREAM (TW_AT_CONN | TW_AT_REQUEST | TW_AT_REQ_BODY | TW_AT_RESPONSE)

static const char *
rate_name(const struct bwlim *b)
{
	return b->is_in ? "bytes_in_rate" : "bytes_out_rate";
}

/* ---- the line ------------------------------------------------------------ */

int
bwlim_shared_word(struct tw_line *ln, int i, struct bwlim *b)
{
	const char *const word = tw_arg(ln, i), *const value = tw_arg(ln, i + 1);

	if (strcmp(word, "limit") == 0)
		return bwlim_size(ln, i, &b->limit, 1);
	if (strcmp(word, "key") != 0 && strcmp(word, "table") != 0)
		return 1;
	if (value == NULL)
		return tw_line_fail(ln, i, "'%s' expects %s", word,
		    *word == 'k' ? "an expression" : "the name of a table");
	if (*word == 't') {
		b->table_name = tw_arena_strdup(tw_gen_arena(ln->gen), value);
		return 0;
	}
	b->key = tw_expr_compile(ln, i + 1, value, AT_STREAM);
	return b->key != NULL ? 0 : -1;
}

void
bwlim_shared_keep(struct tw_line *ln, struct bwlim *b)
{
	struct filter_gen *const g = tw_gen_block(ln->gen, filter_self);

	b->px = ln->proxy;
	b->is_in = strcmp(tw_arg(ln, 0), "bwlim-in") == 0;
	b->file = ln->file;
	b->line = ln->number;
	b->next = g->shared;
	g->shared = b;
}

static int
check_table(struct tw_gen *gen, struct bwlim *b)
{
	const char *const name =
	    b->table_name != NULL ? b->table_name : tw_proxy_name(b->px);
	struct tw_table_info info;

	b->table = tw_table_find(gen, name);
	if (b->table == NULL)
		return tw_gen_fail(gen, b->file, b->line,
		    "bandwidth limit '%s': there is no table '%s': add 'stick-table "
		    "...' to a proxy of that name",
		    b->name, name);
	if (!tw_table_slot(b->table, rate_name(b), &b->slot))
		return tw_gen_fail(gen, b->file, b->line,
		    "bandwidth limit '%s': the table '%s' does not store the rate that "
		    "is to be limited: add 'store %s(1s)' to it",
		    b->name, name, rate_name(b));
	tw_table_info(b->table, &info);
	if (!tw_expr_gives(b->key, info.key))
		return tw_gen_fail(gen, b->file, b->line,
		    "bandwidth limit '%s': what the expression gives is no key of the "
		    "table '%s', whose type is %s",
		    b->name, name, info.type);
	return 0;
}

int
bwlim_shared_check(struct tw_gen *gen)
{
	const struct filter_gen *const g = tw_gen_block(gen, filter_self);
	int rc = 0;

	for (struct bwlim *b = g->shared; b != NULL; b = b->next)
		rc |= check_table(gen, b);
	return rc;
}

/* ---- a stream ------------------------------------------------------------ */

void
bwlim_shared_begin(struct tw_req *req, struct bwlim_on *on)
{
	struct tw_sample s;
	const struct tw_table_key key = { .req = req, .sample = &s };

	tw_table_unpin(&on->pin);
	if (tw_expr_eval(on->conf->key, req, &s))
		tw_table_pin(on->conf->table, &key, &on->pin);
}

struct asking {
	struct bwlim_on *on;
	uint64_t want, room;
	uint32_t wait_ms;
};

static void
take(struct tw_table_entry *e, void *arg)
{
	struct asking *const a = arg;
	const struct bwlim *const b = a->on->conf;
	const uint64_t passed = tw_table_get(e, b->slot) + a->on->rest;
	const uint64_t room = passed < b->limit ? b->limit - passed : 0;
	const uint64_t least = bwlim_least(b->limit, a->want, b->min);
	struct tw_table_entry_info info;

	if (room < least) {
		const uint64_t most = b->limit - least;

		a->wait_ms = tw_table_wait_ms(
		    e, b->slot, most > a->on->rest ? most - a->on->rest : 0);
		a->wait_ms += a->wait_ms == 0;
		return;
	}
	tw_table_entry_info(e, &info);
	const uint64_t part = info.uses > 1 ? room / info.uses : room;
	a->room = part < least ? least : part < a->want ? part : a->want;
	a->on->rest = tw_table_add(e, b->slot, (int64_t)(a->on->rest + a->room));
}

uint64_t
bwlim_shared_room(struct bwlim_on *on, uint64_t want, uint32_t *wait_ms)
{
	struct asking a = { .on = on, .want = want };

	if (on->pin.ops == NULL)
		return want;
	tw_table_with(&on->pin, take, &a);
	if (a.room == 0)
		*wait_ms = a.wait_ms;
	return a.room;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * log_hash.c - log messages by what converters make of them: balance log-hash.
 *
 * The converters of the line stand behind a fetch of the module's own, the
 * message that is on its way, which exists nowhere else: so they are compiled
 * and run like those of any other expression. A message that they make nothing
 * of goes to the server of the empty key: it is better sent than lost. source:
 * HAProxy's manual, `balance log-hash`.
 */
#include <tideway/worker.h>

#include "hash.h"

#define FETCH "log_message"

static _Thread_local struct tw_str message_now; /* borrow: while it is hashed */

static bool
fetch_message(struct tw_req *req, const struct tw_arg_val *args, struct tw_cursor *cur,
    struct tw_sample *out)
{
	(void)req;
	(void)args;
	(void)cur;
	return tw_sample_str(out, TW_STRING, message_now);
}

const struct tw_fetch log_hash_fetches[] = {
	{
	    .name = FETCH,
	    .args = "",
	    .out = TW_STRING,
	    .where = TW_AT_MESSAGE,
	    .get = fetch_message,
	    .help = "What 'balance log-hash' puts its converters behind.",
	},
	{ .name = NULL },
};

int
log_hash_args(struct tw_line *ln, void *conf)
{
	struct hash_conf *c = conf;
	const char *convs = tw_arg(ln, 1);

	c->kind = HASH_MESSAGE;
	if (strchr(tw_arg(ln, 0), '(') != NULL)
		return tw_line_fail(
		    ln, 0, "balance 'log-hash' takes nothing in parentheses");
	if (convs == NULL || convs[0] == '\0')
		return tw_line_fail(ln, -1,
		    "balance log-hash requires a list of converters, such as "
		    "'word(1)' or 'lower,field(2,|)'");
	if (ln->n_args > 2)
		return tw_line_fail(ln, 2,
		    "balance log-hash takes no other argument (got '%s')",
		    tw_arg(ln, 2));
	c->expr = tw_expr_compile(ln, 1,
	    tw_arena_printf(tw_gen_arena(ln->gen), FETCH ",%s", convs), TW_AT_MESSAGE);
	return c->expr != NULL ? 0 : -1;
}

int
log_hash_check(struct tw_gen *gen, struct tw_proxy *px, void *conf)
{
	struct hash_conf *c = conf;

	(void)gen;
	c->type =
	    ((const struct balance_proxy *)tw_proxy_block(px, balance_self))->hash;
	c->px = px;
	return 0;
}

/* Requests are never sent to a log backend. */
struct tw_server *
log_hash_pick(void *state, const void *conf, struct tw_req *req)
{
	(void)state;
	(void)conf;
	(void)req;
	return NULL;
}

struct tw_server *
log_hash_pick_message(void *state, const void *conf, struct tw_str message)
{
	const struct hash_conf *c = conf;
	struct tw_req *const req = tw_message_req((struct tw_proxy *)(uintptr_t)c->px);
	struct tw_sample s = { .type = TW_STRING };
	uint32_t hash = 0;

	message_now = message;
	if (req == NULL || !tw_expr_eval(c->expr, req, &s) ||
	    !hash_sample(c, &s, &hash))
		hash = 0;
	message_now = (struct tw_str){ NULL, 0 };
	return hash_message_server(state, hash);
}

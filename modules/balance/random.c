/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * random.c - the lightest of some servers drawn by chance: random, p2c.
 *
 * Each draw gives a server as often as its weight says; of those drawn the one
 * with the fewest sessions for its weight is taken. p2c is two draws that
 * never give the same server twice. hash-balance-factor bounds random: a
 * server with more than its share of that load is not drawn. source:
 * Mitzenmacher, The Power of Two Choices in Randomized Load Balancing, 2001.
 */
#include <stdlib.h>

#include "draw.h"
#include "hash.h"

#define DRAWS 2
#define DRAWS_MAX 1000
#define TRIES 8 /* draws that may come to nothing, beside those asked for */

int
random_args(struct tw_line *ln, void *conf)
{
	struct random_conf *c = conf;
	const char *open = strchr(tw_arg(ln, 0), '(');
	struct tw_err err;
	uint64_t n;

	if (ln->n_args > 1)
		return tw_line_fail(ln, 1, "balance 'random' takes no other arguments");
	if (open == NULL)
		return 0;
	const size_t len = strlen(open + 1);
	char digits[16];
	if (len < 2 || len >= sizeof(digits) || open[len] != ')')
		return tw_line_fail(ln, 0,
		    "balance random expects the number of draws in parentheses, as in "
		    "'random(2)'");
	memcpy(digits, open + 1, len - 1);
	digits[len - 1] = '\0';
	if (tw_parse_uint(digits, 1, DRAWS_MAX, &n, &err) != 0)
		return tw_line_fail(ln, 0,
		    "balance random : number of draws must be at least 1 and at most "
		    "%d, not '%s'",
		    DRAWS_MAX, digits);
	c->draws = (uint32_t)n;
	return 0;
}

int
random_check(struct tw_gen *gen, struct tw_proxy *px, void *conf)
{
	struct random_conf *c = conf;

	(void)gen;
	if (c->draws == 0)
		c->draws = DRAWS;
	c->factor = ((const struct balance_proxy *)tw_proxy_block(px, balance_self))
			->hash.factor;
	c->px = px;
	return 0;
}

void *
random_build(const struct tw_choice *choices, int n, const void *conf, const void *old)
{
	(void)conf;
	(void)old;
	return draw_new(choices, n);
}

void
random_free(void *state)
{
	struct draw *d = state;

	draw_free(&d);
}

static bool
is_within_bound(
    const struct draw *d, const struct tw_choice *c, const struct random_conf *conf)
{
	if (conf->factor == 0)
		return true;
	const uint64_t all =
	    ((uint64_t)tw_proxy_sessions(conf->px) * conf->factor + 99) / 100;
	const uint64_t share = (all * c->weight + d->weight - 1) / d->weight;

	return tw_server_load(c->server) < share;
}

struct tw_server *
random_pick(void *state, const void *conf, struct tw_req *req)
{
	const struct draw *d = state;
	const struct random_conf *c = conf;
	const struct tw_choice *best = NULL;
	uint64_t best_load = 0;

	for (uint32_t drawn = 0, tries = 0;
	     drawn < c->draws && tries < c->draws + TRIES; tries++) {
		const struct tw_choice *one = &d->choice[draw_one(d)];

		if (!draw_may(one, req) || !is_within_bound(d, one, c))
			continue;
		drawn++;
		const uint64_t load = tw_server_load(one->server);
		if (best == NULL || draw_is_lighter(one, load, best, best_load)) {
			best = one;
			best_load = load;
		}
	}
	return best != NULL ? best->server : draw_rest(d, req);
}

/* Nobody knows what a log server has to do: one draw is as good as two. */
struct tw_server *
random_pick_message(void *state, const void *conf, struct tw_str message)
{
	const struct draw *d = state;

	(void)conf;
	(void)message;
	return d->choice[draw_one(d)].server;
}

struct tw_server *
p2c_pick(void *state, const void *conf, struct tw_req *req)
{
	const struct draw *d = state;
	const uint32_t i = draw_one(d);
	uint32_t k = draw_one(d);

	(void)conf;
	for (int tries = 0; k == i && d->n > 1 && tries < TRIES; tries++)
		k = draw_one(d);
	const struct tw_choice *a = &d->choice[i], *b = &d->choice[k];
	const bool a_may = draw_may(a, req), b_may = draw_may(b, req);

	if (a_may && b_may)
		return draw_is_lighter(b, tw_server_load(b->server) + 1ull, a,
			   tw_server_load(a->server) + 1ull)
		    ? b->server
		    : a->server;
	return a_may ? a->server : b_may ? b->server : draw_rest(d, req);
}

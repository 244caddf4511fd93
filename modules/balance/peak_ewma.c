/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * peak_ewma.c - two servers drawn by chance, the one that answers sooner.
 *
 * Each server has a mean of its response times that weighs old ones less
 * (e-fold in DECAY_US) and follows a slower one at once, so that one slow
 * answer is enough to be asked less. A server's cost is that mean times the
 * requests it has and would have, for its weight; of two drawn by chance the
 * cheaper is taken. While nobody asks a server its mean decays, so that it is
 * tried again. The mean lives with the server's live part: one word, changed
 * by compare and swap, read by any worker. source: the "peak EWMA" of
 * Twitter's Finagle, as its documentation describes it.
 */
#include <stdatomic.h>

#include <tideway/proxy.h>
#include <tideway/req.h>
#include <tideway/worker.h>

#include "draw.h"
#include "ewma.h"

#define DECAY_US 10000000u /* what is so old counts e times less */
#define START_US 1000u     /* of a server that nobody has asked yet */
#define FAILED_US 1000000u /* what a failed connection counts, at least */
#define TRIES 8

/* In one word: microseconds of the mean, and milliseconds of the clock. */
static uint64_t
pack(uint32_t mean_us, uint32_t at_ms)
{
	return (uint64_t)mean_us << 32 | at_ms;
}

/* e^(-x), x in units of 1/256, as a fraction of 65536: by halves, then a line. */
static uint32_t
decay_of(uint64_t x256)
{
	const uint64_t halves = x256 * 369 / 65536;        /* x / ln 2 */
	const uint64_t left = x256 - halves * 65536 / 369; /* 0 .. 177 */

	if (halves >= 16)
		return 0;
	return (uint32_t)((65536 - left * 65536 * 721 / 1000 / 256) >> halves);
}

static uint32_t
decayed(uint64_t word, uint32_t now_ms)
{
	const uint32_t mean_us = (uint32_t)(word >> 32);
	const uint32_t age_ms = now_ms - (uint32_t)word;
	const uint64_t x256 = (uint64_t)age_ms * 1000 * 256 / DECAY_US;

	if ((int32_t)age_ms <= 0)
		return mean_us;
	return (uint32_t)((uint64_t)mean_us * decay_of(x256) >> 16);
}

uint32_t
ewma_after(uint32_t mean_us, uint32_t age_ms, uint32_t seen_us)
{
	const uint64_t x256 = (uint64_t)age_ms * 1000 * 256 / DECAY_US;
	const uint64_t keep = decay_of(x256);

	if (seen_us > mean_us)
		return seen_us; /* a peak */
	/* at least a little: many answers within one tick count, too */
	const uint64_t k = keep > 65000 ? 65000 : keep;
	return (uint32_t)((mean_us * k + seen_us * (65536 - k)) >> 16);
}

static void
observe(struct tw_server *srv, uint64_t seen_us)
{
	struct ewma *e = tw_server_live_block(srv, balance_self);
	const uint32_t now_ms = (uint32_t)tw_now_ms();
	const uint32_t us = seen_us < UINT32_MAX ? (uint32_t)seen_us : UINT32_MAX;
	uint64_t was = atomic_load_explicit(&e->word, memory_order_relaxed);
	uint64_t is;

	do {
		const uint32_t age = now_ms - (uint32_t)was;
		const uint32_t mean =
		    ewma_after((uint32_t)(was >> 32), (int32_t)age > 0 ? age : 0, us);

		is = pack(mean > 0 ? mean : 1, now_ms);
	} while (!atomic_compare_exchange_weak_explicit(
	    &e->word, &was, is, memory_order_relaxed, memory_order_relaxed));
}

static uint64_t
cost(const struct tw_choice *c, uint32_t now_ms)
{
	const struct ewma *e = tw_server_live_block(c->server, balance_self);
	const uint64_t word = atomic_load_explicit(&e->word, memory_order_relaxed);
	const uint32_t mean_us = word != 0 ? decayed(word, now_ms) : START_US;
	uint64_t load = tw_server_load(c->server) + 1ull;

	if (load > UINT16_MAX) /* times a weight it must fit */
		load = UINT16_MAX;
	return (mean_us + 1ull) * load;
}

struct tw_server *
peak_ewma_pick(void *state, const void *conf, struct tw_req *req)
{
	const struct draw *d = state;
	const uint32_t now_ms = (uint32_t)tw_now_ms();
	const uint32_t i = draw_one(d);
	uint32_t k = draw_one(d);

	(void)conf;
	for (int tries = 0; k == i && d->n > 1 && tries < TRIES; tries++)
		k = draw_one(d);
	const struct tw_choice *a = &d->choice[i], *b = &d->choice[k];
	const bool a_may = draw_may(a, req), b_may = draw_may(b, req);

	if (a_may && b_may)
		return draw_is_lighter(b, cost(b, now_ms), a, cost(a, now_ms))
		    ? b->server
		    : a->server;
	return a_may ? a->server : b_may ? b->server : draw_rest(d, req);
}

/* ---- hooks of backends that balance so ---- */

static struct tw_server *
asked(struct tw_req *req)
{
	return tw_req_proxy(req) == tw_req_backend(req) ? tw_req_server(req) : NULL;
}

/* Mode tcp: the connection stands; that is all there is to see. */
enum tw_verdict
peak_ewma_on_send(struct tw_req *req, void *state)
{
	struct tw_server *srv = asked(req);

	(void)state;
	if (srv != NULL && tw_proxy_mode(tw_req_proxy(req)) == TW_MODE_TCP)
		observe(srv, tw_req_server_us(req));
	return TW_NEXT;
}

enum tw_verdict
peak_ewma_on_response(struct tw_req *req, void *state)
{
	struct tw_server *srv = asked(req);

	(void)state;
	if (srv != NULL && tw_req_response(req)->status >= 200)
		observe(srv, tw_req_server_us(req));
	return TW_NEXT;
}

enum tw_verdict
peak_ewma_on_fail(struct tw_req *req, void *state)
{
	struct tw_server *srv = tw_req_server(req);
	const uint64_t us = tw_req_server_us(req);

	(void)state;
	if (srv != NULL)
		observe(srv, us > FAILED_US ? us : FAILED_US);
	return TW_NEXT;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * runner.c - whose turn it is: intervals, rise and fall, reloads.
 *
 * Every checked server has one timer in the control thread's wheel. Checks
 * that begin together are spread over the shortest interval, as HAProxy
 * spreads them. After a reload the runner takes over the servers of the new
 * generation: who was known goes on with its health and its turn, who is
 * gone stops, what has changed applies from the next check on.
 */
#include <stdlib.h>

#include <tideway/assert.h>

#include "hc_run.h"

/* Between a generation's start and its publication; it may never come. */
#define SYNC_RETRY_MS 5
#define SYNC_TRIES 2000

static TAILQ_HEAD(, hc_check) checks = TAILQ_HEAD_INITIALIZER(checks);
static const struct tw_gen *synced; /* borrow: only compared */
static bool is_up;
static struct tw_timer sync_timer;
static int sync_tries; /* left */

const struct tw_check_type *
hc_type_of(const struct tw_server *srv)
{
	const struct tw_check_type *type = hc_proxy_of(srv)->type;

	return type != NULL ? type : &hc_types[HC_TCPCHK];
}

/* --- one server's turns --- */

/* spread-checks: that many percent more or less. */
static uint32_t
spread(const struct hc_check *c, uint32_t ms)
{
	const struct hc_gen *g = tw_gen_block((struct tw_gen *)c->gen, hc_self);
	const uint64_t range = (uint64_t)ms * g->spread_pct / 100;

	if (range == 0)
		return ms;
	return (uint32_t)(ms - range + (uint64_t)random() % (2 * range + 1));
}

static void
turn_arm(struct hc_check *c)
{
	const uint32_t ms = spread(c, hc_interval_ms(&c->conf, c->health, !c->known));
	uint64_t due = c->turn_ms + ms;

	/* From start to start, unless the check took longer than that. */
	if (due <= tw_now_ms())
		due = tw_now_ms() + 1;
	tw_timer_set(&c->timer, due);
}

static void
health_settle(struct hc_check *c)
{
	c->health = hc_health_settle(
	    c->health, c->conf.rise, c->conf.fall, tw_server_health(c->srv) != TW_DOWN);
}

static bool
has_passed(enum tw_chk what)
{
	return what == TW_CHK_L4OK || what == TW_CHK_L6OK || what == TW_CHK_L7OK ||
	    what == TW_CHK_L7OKC;
}

void
hc_talk_ended(struct hc_check *c, struct tw_check_result *r)
{
	if (r != NULL) {
		health_settle(c);
		c->known = true;
		c->health = hc_health_next(
		    c->health, c->conf.rise, c->conf.fall, has_passed(r->what));
		r->duration_ms = (uint32_t)((tw_now_us() - c->begun_us) / 1000);
		r->rise = c->conf.rise;
		r->fall = c->conf.fall;
		r->health = c->health;
		tw_server_checked(c->srv, r);
	}
	turn_arm(c);
}

/* A server in maintenance, or whose checks an administrator has stopped, is
 * left alone; its turns go on empty. */
static void
turn_begin(struct hc_check *c)
{
	struct tw_check_conf conf;

	tw_server_check_conf(c->srv, &conf); /* its address may be another one now */
	c->conf.addr = conf.addr;
	c->conf.has_addr = conf.has_addr;
	c->turn_ms = tw_now_ms();
	if ((tw_server_admin(c->srv) & TW_ADM_MAINT) != 0 ||
	    tw_server_checks_paused(c->srv) || !c->conf.has_addr)
		turn_arm(c);
	else
		hc_talk_begin(c);
}

static void
check_due(struct tw_timer *t)
{
	struct hc_check *c = (struct hc_check *)t;

	if (c->phase == HC_WAITING)
		turn_begin(c);
	else
		hc_talk_timeout(c);
}

/* --- reloads --- */

static void
check_end(struct hc_check *c)
{
	hc_talk_abort(c);
	tw_timer_del(&c->timer);
	TAILQ_REMOVE(&checks, c, link);
	c->phase = HC_OFF;
	c->srv = NULL;
	c->gen = NULL;
}

/* HAProxy's first state: up, but one failure makes it down. */
static void
check_new(struct hc_check *c)
{
	c->phase = HC_WAITING;
	c->fd = -1;
	c->known = false;
	c->health = tw_server_health(c->srv) != TW_DOWN ? c->conf.rise : 0;
	c->timer.fn = check_due;
	TAILQ_INSERT_TAIL(&checks, c, link);
}

/* A server that goes on: nothing is asked of where it was before. */
static void
check_update(struct hc_check *c, const struct tw_check_conf *conf)
{
	const bool moved = !tw_addr_eq(&c->conf.addr, &conf->addr);

	c->conf = *conf;
	health_settle(c);
	if (moved && c->phase != HC_WAITING) {
		hc_talk_abort(c);
		tw_timer_set(&c->timer, tw_now_ms() + 1);
	}
}

/* returns: true: it is new and waits for its first turn. */
static bool
server_adopt(struct tw_server *srv, const struct tw_gen *gen)
{
	struct hc_check *c = tw_server_live_block(srv, hc_self);
	struct tw_check_conf conf;
	const bool is_new = c->phase == HC_OFF;

	tw_server_check_conf(srv, &conf);
	c->srv = srv;
	c->gen = gen;
	if (is_new) {
		c->conf = conf;
		check_new(c);
	} else
		check_update(c, &conf);
	return is_new;
}

/* The n-th of n_new servers has its first turn at n / n_new of the shortest
 * interval among them. */
static void
first_turns(int n_new)
{
	struct hc_check *c;
	uint32_t shortest = UINT32_MAX;
	int n = 0;

	TAILQ_FOREACH(c, &checks, link)
		if (!c->known && c->timer.due_ms == 0 && c->conf.inter_ms < shortest)
			shortest = c->conf.inter_ms;
	TAILQ_FOREACH(c, &checks, link)
		if (!c->known && c->timer.due_ms == 0)
			tw_timer_set(&c->timer,
			    tw_now_ms() + 1 +
				(uint64_t)shortest * (uint64_t)n++ / (uint64_t)n_new);
}

static int
gen_adopt(struct tw_gen *gen)
{
	struct tw_proxy *px;
	int n_new = 0;

	for (int i = 0; (px = tw_gen_proxy(gen, i)) != NULL; i++) {
		struct tw_server *srv;

		if (!tw_proxy_has(px, TW_BACKEND) || tw_proxy_is_disabled(px))
			continue;
		for (int s = 0; (srv = tw_proxy_server(px, s)) != NULL; s++)
			if (tw_server_is_checked(srv))
				n_new += server_adopt(srv, gen);
	}
	return n_new;
}

static void
checks_prune(const struct tw_gen *keep)
{
	struct hc_check *c = TAILQ_FIRST(&checks);

	while (c != NULL) {
		struct hc_check *next = TAILQ_NEXT(c, link);

		if (c->gen != keep)
			check_end(c);
		c = next;
	}
}

static void
switch_to(struct tw_gen *gen)
{
	const int n_new = gen_adopt(gen);

	checks_prune(gen);
	if (n_new > 0)
		first_turns(n_new);
	synced = gen;
}

/* Runs until the generation that was started is the running one. */
static void
sync_due(struct tw_timer *t)
{
	struct tw_gen *running = tw_gen_running();

	if (running != NULL && running != synced)
		switch_to(running);
	else if (sync_tries-- > 0)
		tw_timer_set(t, tw_now_ms() + SYNC_RETRY_MS);
}

void
hc_runner_sync(void)
{
	sync_timer.fn = sync_due;
	sync_tries = SYNC_TRIES;
	if (is_up)
		tw_timer_set(&sync_timer, tw_now_ms() + 1);
}

void
hc_runner_start(void)
{
	is_up = true;
	hc_runner_sync();
}

void
hc_runner_drop(const struct tw_gen *gen)
{
	struct tw_gen *running = tw_gen_running();
	struct hc_check *c;

	if (running != NULL && running != gen && running != synced && is_up)
		switch_to(running);
	TAILQ_FOREACH(c, &checks, link)
		if (c->gen == gen)
			break;
	if (c != NULL)
		checks_prune(running);
	if (synced == gen)
		synced = NULL;
}

void
hc_runner_stop(void)
{
	checks_prune(NULL);
	tw_timer_del(&sync_timer);
	synced = NULL;
	is_up = false;
}

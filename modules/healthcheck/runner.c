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
	const uint32_t ms = spread(c,
	    c->is_agent ? c->conf.inter_ms
			: hc_interval_ms(&c->conf, c->health, !c->known));
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

bool
hc_has_passed(enum tw_chk what)
{
	return what == TW_CHK_L4OK || what == TW_CHK_L6OK || what == TW_CHK_L7OK ||
	    what == TW_CHK_L7OKC || what == TW_CHK_PROCOK;
}

/* option log-health-checks: what is no change of state, but new. */
static void
result_log(struct hc_check *c, const struct tw_check_result *r)
{
	struct tw_check_result last;

	if (!hc_proxy_of(c->srv)->log_checks)
		return;
	tw_server_last_check(c->srv, &last);
	if (last.what != r->what || last.health != r->health || !c->known)
		tw_server_check_logged(c->srv, r);
}

void
hc_check_result(struct hc_check *c, struct tw_check_result *r)
{
	health_settle(c);
	c->health = hc_health_next(
	    c->health, c->conf.rise, c->conf.fall, hc_has_passed(r->what));
	r->rise = c->conf.rise;
	r->fall = c->conf.fall;
	r->health = c->health;
	result_log(c, r);
	c->known = true;
	tw_server_checked(c->srv, r);
}

void
hc_check_ended(struct hc_check *c, struct tw_check_result *r)
{
	if (r != NULL) {
		r->duration_ms = (uint32_t)((tw_now_us() - c->begun_us) / 1000);
		if (c->is_agent)
			hc_agent_ended(c, r);
		else
			hc_check_result(c, r);
	}
	turn_arm(c);
}

/* Few programs run at a time, and starting one costs much more than this. */
struct hc_check *
hc_check_of_program(uint32_t id)
{
	struct hc_check *c;

	TAILQ_FOREACH(c, &checks, link)
		if (c->phase == HC_PROGRAM && c->program_id == id)
			return c;
	return NULL;
}

void
hc_check_soon(struct hc_check *c)
{
	const uint64_t due = tw_now_ms() + c->conf.fastinter_ms;

	if (c->phase == HC_WAITING && c->timer.due_ms > due)
		tw_timer_set(&c->timer, due);
}

static struct tw_check_conf
agent_conf(const struct tw_server *srv, struct tw_check_conf conf)
{
	const struct hc_server *const s = hc_server_of(srv);

	conf.rise = conf.fall = 1;
	if (s->agent_inter_ms != 0)
		conf.inter_ms = s->agent_inter_ms;
	conf.fastinter_ms = conf.downinter_ms = conf.inter_ms;
	conf.addr = s->agent_addr != NULL ? *s->agent_addr : *tw_server_addr(srv);
	conf.has_addr = conf.addr.family != 0;
	if (conf.addr.family != AF_UNIX)
		conf.addr.port = (uint16_t)s->agent_port;
	conf.send_proxy = false;
	return conf;
}

/* Its address may be another one now. */
static void
addr_follow(struct hc_check *c)
{
	struct tw_check_conf conf;

	tw_server_check_conf(c->srv, &conf);
	if (c->is_agent)
		conf = agent_conf(c->srv, conf);
	c->conf.addr = conf.addr;
	c->conf.has_addr = conf.has_addr;
}

/* A server in maintenance, or whose checks an administrator has stopped, is
 * left alone; its turns go on empty. Its agent may take it out of there. */
static bool
is_paused(const struct hc_check *c)
{
	if (c->is_agent)
		return tw_server_agent_paused(c->srv);
	return (tw_server_admin(c->srv) & TW_ADM_MAINT) != 0 ||
	    tw_server_checks_paused(c->srv);
}

static void
turn_begin(struct hc_check *c)
{
	addr_follow(c);
	c->turn_ms = tw_now_ms();
	c->fresh = false;
	if (is_paused(c) || !c->conf.has_addr)
		turn_arm(c);
	else if (!c->is_agent && hc_proxy_of(c->srv)->kind == HC_EXTERNAL)
		hc_external_begin(c);
	else
		hc_script_begin(c);
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

/* As the core says: up, but one failure makes it down. */
static void
check_new(struct hc_check *c)
{
	struct tw_check_result r;

	c->phase = HC_WAITING;
	c->fd = -1;
	c->known = false;
	c->fresh = true;
	tw_server_last_check(c->srv, &r);
	c->health = r.health < c->conf.rise + c->conf.fall ? r.health : c->conf.rise;
	c->timer.fn = check_due;
	TAILQ_INSERT_TAIL(&checks, c, link);
}

/* A server that goes on. What runs, runs by the rules of the former
 * generation: it begins anew. */
static void
check_update(struct hc_check *c, const struct tw_check_conf *conf)
{
	c->conf = *conf;
	if (!c->is_agent)
		health_settle(c);
	if (c->phase != HC_WAITING) {
		hc_talk_abort(c);
		tw_timer_set(&c->timer, tw_now_ms() + 1);
	}
}

/* returns: 1: it is new and waits for its first turn; else 0. */
static int
check_adopt(struct hc_check *c, struct tw_server *srv, const struct tw_gen *gen,
    const struct tw_check_conf *conf)
{
	const bool is_new = c->phase == HC_OFF;

	c->srv = srv;
	c->gen = gen;
	if (is_new) {
		c->conf = *conf;
		check_new(c);
	} else
		check_update(c, conf);
	return is_new;
}

/* returns: how many of its checks are new. */
static int
server_adopt(struct tw_server *srv, const struct tw_gen *gen)
{
	struct hc_live *const l = tw_server_live_block(srv, hc_self);
	struct tw_check_conf conf;
	int n_new = 0;

	tw_server_check_conf(srv, &conf);
	if (tw_server_is_checked(srv))
		n_new += check_adopt(&l->check, srv, gen, &conf);
	if (tw_server_has_agent(srv)) {
		l->agent.is_agent = true;
		conf = agent_conf(srv, conf);
		n_new += check_adopt(&l->agent, srv, gen, &conf);
	}
	return n_new;
}

static bool
is_fresh(const struct hc_check *c)
{
	return c->fresh && c->timer.due_ms == 0;
}

/* The n-th of n_new checks has its first turn at n / n_new of the shortest
 * interval among them, or of max-spread-checks. */
static void
first_turns(const struct tw_gen *gen, int n_new)
{
	const struct hc_gen *const g = tw_gen_block((struct tw_gen *)gen, hc_self);
	struct hc_check *c;
	uint32_t shortest = g->max_spread_ms != 0 ? g->max_spread_ms : UINT32_MAX;
	int n = 0;

	TAILQ_FOREACH(c, &checks, link)
		if (is_fresh(c) && c->conf.inter_ms < shortest)
			shortest = c->conf.inter_ms;
	TAILQ_FOREACH(c, &checks, link)
		if (is_fresh(c))
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
		for (int s = 0; (srv = tw_proxy_server(px, s)) != NULL; s++) {
			n_new += server_adopt(srv, gen);
			hc_outlier_adopt(srv, gen);
		}
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
	hc_outlier_prune(keep);
}

static void
switch_to(struct tw_gen *gen)
{
	const int n_new = gen_adopt(gen);

	checks_prune(gen);
	if (n_new > 0)
		first_turns(gen, n_new);
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
	hc_external_up();
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
	checks_prune(running);
	if (synced == gen)
		synced = NULL;
}

void
hc_runner_stop(void)
{
	checks_prune(NULL);
	hc_external_down();
	tw_timer_del(&sync_timer);
	synced = NULL;
	is_up = false;
}

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

static TAILQ_HEAD(, hc_check) checks = TAILQ_HEAD_INITIALIZER(checks);
static const struct tw_gen *synced; /* borrow: only compared */

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
result_log(struct hc_check *c, struct tw_check_result *r)
{
	struct tw_check_result last;

	r->logged = hc_proxy_of(c->srv)->log_checks;
	if (!r->logged)
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

	struct tw_probe at;

	tw_server_probe(srv, TW_PROBE_AGENT, &at);
	conf.rise = conf.fall = 1;
	if (s->agent_inter_ms != 0)
		conf.inter_ms = s->agent_inter_ms;
	conf.fastinter_ms = conf.downinter_ms = conf.inter_ms;
	conf.addr = at.addr.family != 0 ? at.addr : *tw_server_addr(srv);
	conf.has_addr = conf.addr.family != 0;
	if (conf.addr.family != AF_UNIX)
		conf.addr.port =
		    at.port != 0 ? (uint16_t)at.port : tw_server_addr(srv)->port;
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
	else if (!c->is_agent && hc_conf_of(c->srv)->kind == HC_EXTERNAL)
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

void
hc_runner_follow(struct tw_gen *gen)
{
	const int n_new = gen_adopt(gen);

	checks_prune(gen);
	if (n_new > 0)
		first_turns(gen, n_new);
	synced = gen;
}

void
hc_runner_add(struct tw_server *srv)
{
	struct tw_gen *const gen = tw_proxy_gen(tw_server_proxy(srv));
	const int n_new = server_adopt(srv, gen);

	hc_outlier_adopt(srv, gen);
	if (n_new > 0)
		first_turns(gen, n_new);
}

void
hc_runner_remove(struct tw_server *srv)
{
	struct hc_live *const l = tw_server_live_block(srv, hc_self);

	if (l->check.phase != HC_OFF && l->check.srv == srv)
		check_end(&l->check);
	if (l->agent.phase != HC_OFF && l->agent.srv == srv)
		check_end(&l->agent);
	hc_outlier_forget(srv);
}

void
hc_runner_start(void)
{
	hc_external_up();
}

void
hc_runner_drop(const struct tw_gen *gen)
{
	if (synced != gen)
		return; /* never was in force, or is followed by another */
	checks_prune(NULL);
	synced = NULL;
}

void
hc_runner_stop(void)
{
	checks_prune(NULL);
	hc_external_down();
	synced = NULL;
}

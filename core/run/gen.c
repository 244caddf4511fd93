/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * gen.c - generations: built, started, published, retired.
 *
 * Publication is one pointer store. A generation that was replaced is kept
 * until no connection refers to it: each worker counts its own references in
 * a cell of its own, and once every worker has seen the new pointer (so that
 * no new reference can appear) the control thread sums the cells from time to
 * time. Build, start, publish and free on the control thread or at start-up;
 * ref and unref on any worker.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tideway/assert.h>
#include <tideway/names.h>
#include "core/conf/env.h"
#include "core/conf/path.h"
#include "core/expr/cond.h"
#include "core/module/module_int.h"
#include "core/net/conn.h"
#include "core/proxy/logger.h"
#include "core/proxy/proxy.h"
#include "core/proxy/use_run.h"
#include "core/run/run.h"
#include "core/run/worker.h"

#define CELL_STEP 16 /* uint32_t: a cache line for each worker */
#define RETIRED_POLL_MS 100

/* A replaced generation, until its last reference is gone. */
struct retired {
	struct tw_timer timer; /* first */
	SLIST_ENTRY(retired) link;
	struct tw_gen *gen; /* owns */
};

static struct tw_gen *_Atomic current; /* shared: one writer, control thread */
static SLIST_HEAD(, retired) retired_list = SLIST_HEAD_INITIALIZER(retired_list);
static uint32_t maxconn_override, proxy_maxconn_override;
static bool nosplice_override, noreuseport_override;

void
tw__gen_overrides(const struct tw__options *o)
{
	maxconn_override = o->maxconn;
	proxy_maxconn_override = o->proxy_maxconn;
	nosplice_override = o->nosplice;
	noreuseport_override = o->noreuseport;
	if (o->ignore_unresolved)
		tw__init_addr_default = "last,libc,none";
}

struct tw_gen *
tw__gen_current(void)
{
	return atomic_load_explicit(&current, memory_order_acquire);
}

struct tw_gen *
tw_gen_running(void)
{
	return tw__gen_current();
}

void *
tw_gen_block(struct tw_gen *gen, const struct tw_self *self)
{
	TW_CHECK_MAGIC(gen, TW_GEN_MAGIC);
	return gen->block + self->off[TW_IN_GEN];
}

/* --- building --- */

static struct tw_gen *
gen_new(struct tw_report *report)
{
	struct tw_gen *const gen = calloc(1, sizeof(*gen));
	const struct tw_gen *const former = tw__gen_current();

	TW_ASSERT(gen != NULL);
	gen->magic = TW_GEN_MAGIC;
	gen->number = former != NULL ? former->number + 1 : 1;
	gen->conf.arena = tw_arena_new(0);
	gen->conf.report = report;
	tw__global_defaults(&gen->global);
	TAILQ_INIT(&gen->proxies);
	TAILQ_INIT(&gen->defaults);
	gen->block =
	    tw_arena_zalloc(gen->conf.arena, tw__module_block_bytes(TW_IN_GEN) + 1);
	return gen;
}

static void
overrides_apply(struct tw_gen *gen)
{
	struct tw_proxy *px;

	if (maxconn_override != 0)
		gen->global.maxconn = maxconn_override;
	gen->global.tune.nosplice |= nosplice_override;
	gen->global.tune.noreuseport |= noreuseport_override;
	if (proxy_maxconn_override == 0)
		return;
	TAILQ_FOREACH(px, &gen->proxies, link) {
		if (px->c.maxconn == 0)
			px->c.maxconn = proxy_maxconn_override;
	}
}

static void
node_default(struct tw_gen *gen)
{
	char host[256];

	if (gen->global.node != NULL)
		return;
	if (gethostname(host, sizeof(host)) != 0)
		host[0] = '\0';
	host[sizeof(host) - 1] = '\0';
	gen->global.node = tw_arena_strdup(gen->conf.arena, host);
}

/* Names are checked even after errors, so that one run tells them all; the
 * modules only look at what is sound. */
static bool
gen_check(struct tw_gen *gen, const struct tw_report *report)
{
	const bool is_sound = tw__proxies_check(gen) == 0;

	if (tw__expr_check(gen) != 0 || tw__log_check(gen) != 0 || !is_sound ||
	    report->n_errors > 0)
		return false;
	tw__exprs_fold(gen);
	tw__exprs_memo(gen);
	tw__routes_compile(gen);
	if (tw__modules_check(gen) != 0 || report->n_errors > 0)
		return false;
	tw__proxies_hint(gen);
	return true;
}

static void
chains_build(struct tw_gen *gen)
{
	struct tw_proxy *px;

	TAILQ_FOREACH(px, &gen->proxies, link) {
		for (int p = 0; p < TW_N_POINTS; p++)
			tw__chain_build(
			    px, (enum tw_point)p, gen->conf.arena, &px->chain[p]);
	}
}

struct tw_gen *
tw__gen_build(char *const *files, int n_files, struct tw_report *report)
{
	struct tw_gen *gen = gen_new(report);
	bool is_read = true;

	tw__env_begin();
	tw__path_begin();
	for (int i = 0; i < n_files; i++)
		is_read = tw__conf_read(gen, files[i]) == 0 && is_read;
	tw__path_end();
	overrides_apply(gen);
	node_default(gen);
	if (!gen_check(gen, report) || !is_read) {
		tw__gen_free(&gen);
		return NULL;
	}
	chains_build(gen);
	gen->conf.report = NULL;
	return gen;
}

/* --- life --- */

int
tw__gen_start(struct tw_gen *gen, struct tw_err *err)
{
	const size_t n = (size_t)tw_n_workers() + 1;

	TW_CHECK_MAGIC(gen, TW_GEN_MAGIC);
	gen->refs = aligned_alloc(64, n * CELL_STEP * sizeof(*gen->refs));
	TW_ASSERT(gen->refs != NULL);
	memset(gen->refs, 0, n * CELL_STEP * sizeof(*gen->refs));
	if (tw__proxies_start(gen, err) != 0)
		return -1;
	if (tw__modules_start(gen, err) != 0) {
		tw__proxies_stop(gen);
		return -1;
	}
	gen->started = true;
	return 0;
}

void
tw__gen_free(struct tw_gen **pgen)
{
	struct tw_gen *const gen = *pgen;

	if (gen == NULL)
		return;
	TW_CHECK_MAGIC(gen, TW_GEN_MAGIC);
	if (gen->started) {
		tw__modules_stop(gen);
		tw__proxies_stop(gen);
	}
	free(gen->refs);
	tw__expr_fini(gen);
	tw_arena_free(&gen->conf.arena);
	gen->magic = 0;
	free(gen);
	*pgen = NULL;
}

/* --- references --- */

static uint32_t *
own_cell(struct tw_gen *gen)
{
	const int id = tw__self != NULL ? tw__self->id : 0;

	return &gen->refs[id * CELL_STEP];
}

static void
cell_add(struct tw_gen *gen, uint32_t n)
{
	uint32_t *const cell = own_cell(gen);

	/* one writer: a plain sum, but whole for the control thread's eyes */
	__atomic_store_n(
	    cell, __atomic_load_n(cell, __ATOMIC_RELAXED) + n, __ATOMIC_RELEASE);
}

void
tw__gen_ref(struct tw_gen *gen)
{
	cell_add(gen, 1);
}

void
tw__gen_unref(struct tw_gen *gen)
{
	cell_add(gen, UINT32_MAX);
}

void
tw_gen_hold(struct tw_gen *gen)
{
	TW_CHECK_MAGIC(gen, TW_GEN_MAGIC);
	tw__gen_ref(gen);
}

void
tw_gen_release(struct tw_gen *gen)
{
	TW_CHECK_MAGIC(gen, TW_GEN_MAGIC);
	tw__gen_unref(gen);
}

static bool
is_referred(const struct tw_gen *gen)
{
	uint32_t sum = 0;

	for (int i = 0; i <= tw_n_workers(); i++)
		sum += __atomic_load_n(&gen->refs[i * CELL_STEP], __ATOMIC_ACQUIRE);
	return sum != 0;
}

/* --- retirement --- */

static void
retired_free(struct retired *r)
{
	SLIST_REMOVE(&retired_list, r, retired, link);
	tw__gen_free(&r->gen);
	free(r);
}

static void
retired_look(struct tw_timer *t)
{
	struct retired *const r = (struct retired *)t;

	if (is_referred(r->gen)) {
		tw_timer_set(&r->timer, tw_now_ms() + RETIRED_POLL_MS);
		return;
	}
	tw_timer_del(&r->timer);
	retired_free(r);
}

/* Every worker has gone through its loop: none can still be about to ref. */
static void
retired_begin(void *arg)
{
	struct retired *const r = arg;

	retired_look(&r->timer);
}

static void
gen_retire(struct tw_gen *gen)
{
	struct retired *const r = calloc(1, sizeof(*r));

	TW_ASSERT(r != NULL);
	r->gen = gen;
	r->timer.fn = retired_look;
	SLIST_INSERT_HEAD(&retired_list, r, link);
	tw_retire(retired_begin, r);
}

void
tw__gen_publish(struct tw_gen *gen)
{
	TW_CHECK_MAGIC(gen, TW_GEN_MAGIC);
	TW_ASSERT(gen->started);
	tw__pipes_set(gen->global.tune.pipesize, gen->global.tune.maxpipes,
	    gen->global.tune.nosplice);
	tw__memory_keep(gen->global.tune.no_trimming);
	tw__idle_fds_set(gen->global.tune.pool_low_pct, gen->global.tune.pool_high_pct);
	atomic_store(&tw__busy_polling, gen->global.tune.busy_polling);
	struct tw_gen *const former =
	    atomic_exchange_explicit(&current, gen, memory_order_acq_rel);
	tw__proc_vars_published(gen);
	tw__proxies_published(gen);
	tw__listeners_published(gen);
	tw__frontends_changed(gen);
	if (former == NULL)
		return; /* the control thread tells the modules when it is up */
	tw__modules_running(gen);
	gen_retire(former);
}

void
tw_gen_nameservers_add(struct tw_gen *gen, struct tw_nameservers *ns)
{
	ns->next = gen->nameservers;
	gen->nameservers = ns;
}

const struct tw_nameservers *
tw_gen_nameservers(const struct tw_gen *gen, const char *id)
{
	const struct tw_nameservers *ns = gen->nameservers;

	while (ns != NULL && strcmp(ns->id, id) != 0)
		ns = ns->next;
	return ns;
}

void
tw__gens_end(void)
{
	struct tw_gen *last = atomic_exchange(&current, NULL);

	while (!SLIST_EMPTY(&retired_list)) {
		struct retired *const r = SLIST_FIRST(&retired_list);

		tw_timer_del(&r->timer);
		retired_free(r);
	}
	tw__dooms_end();
	tw__gen_free(&last);
}

bool
tw_gen_may_fork(const struct tw_gen *gen)
{
	return gen->global.tune.fork_wanted;
}

uint32_t
tw_gen_idle_ms(const struct tw_gen *gen)
{
	return gen->global.tune.idle_ms;
}

uint32_t
tw_gen_bufsize(const struct tw_gen *gen)
{
	return gen->global.bufsize;
}

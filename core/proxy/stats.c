/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * stats.c - counters, gauges, rates and averages.
 *
 * Each worker adds to cells of its own; whoever reads sums them. Rates are
 * differences of those sums, taken by the control thread once a second.
 * Averages are HAProxy's: a sum that loses 1/1024 of itself with each new
 * value, divided by the number of values, 1024 at most.
 */
#include "config.h"

#include <malloc.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/proxy/logger.h"
#include "core/proxy/process.h"
#include "core/run/worker.h"
#include "core/proxy/proxy_int.h"
#include "core/run/worker.h"

#define TIME_SAMPLES 1024u

struct tw__process tw__process = { .idle_pct = 100 }; /* not looked at yet */

static int
own_cell(void)
{
	const struct tw_worker *w = tw_worker_self();

	return w != NULL ? tw_worker_id(w) : 0;
}

/* Since the start, whatever was cleared. */
static uint64_t
side_raw(const struct tw__side_live *s, enum tw_cnt id)
{
	const int n = tw_n_workers();
	uint64_t sum = 0;

	for (int i = 0; i <= n; i++)
		sum += atomic_load_explicit(&s->cells[i].v[id], memory_order_relaxed);
	return sum;
}

static uint64_t
side_sum(const struct tw__side_live *s, enum tw_cnt id)
{
	/* read first: the cells only grow */
	const uint64_t hidden = atomic_load(&s->hidden[id]);

	return side_raw(s, id) - hidden;
}

static struct tw__side_live *
proxy_side(const struct tw_proxy *px, enum tw_side side)
{
	return side == TW_FRONTEND ? &px->live->fe : &px->live->be;
}

void
tw_proxy_count(const struct tw_proxy *px, enum tw_side side, enum tw_cnt id, uint64_t n)
{
	tw__cnt(proxy_side(px, side), own_cell(), id, n);
}

void
tw_server_count(const struct tw_server *srv, enum tw_cnt id, uint64_t n)
{
	tw__cnt(&srv->live->s, own_cell(), id, n);
}

uint64_t
tw_proxy_sum(const struct tw_proxy *px, enum tw_side side, enum tw_cnt id)
{
	return px->live != NULL ? side_sum(proxy_side(px, side), id) : 0;
}

uint64_t
tw_server_sum(const struct tw_server *srv, enum tw_cnt id)
{
	const struct tw_server_live *l = srv->live;
	uint64_t sum;

	if (l == NULL)
		return 0;
	sum = side_sum(&l->s, id);
	if (id == TW_CNT_DOWNTIME_MS && !tw__server_runs(l))
		sum += tw__live_ms() - atomic_load(&l->changed_ms);
	return sum;
}

uint64_t
tw_bind_sum(const struct tw_bind *bind, enum tw_cnt id)
{
	return bind->live != NULL ? side_sum(&bind->live->s, id) : 0;
}

/* ---- the modules' own counters ---- */

static _Atomic uint64_t *own; /* owns: for ever; rows of own_row */
static size_t own_row;

void
tw__counters_init(void)
{
	const size_t n = tw__module_n_counters();
	const size_t rows = (size_t)tw_n_workers() + 1;

	if (own != NULL || n == 0)
		return;
	own_row = (n + 7) & ~(size_t)7; /* a row has its cache lines for itself */
	own = aligned_alloc(64, rows * own_row * sizeof(*own));
	if (own == NULL)
		TW_WRONG("out of memory for counters");
	memset(own, 0, rows * own_row * sizeof(*own));
}

void
tw_count(const struct tw_self *self, int i, uint64_t n)
{
	_Atomic uint64_t *cell =
	    &own[(size_t)own_cell() * own_row + self->counter + (size_t)i];

	atomic_store_explicit(cell,
	    atomic_load_explicit(cell, memory_order_relaxed) + n, memory_order_relaxed);
}

uint64_t
tw_count_sum(const struct tw_self *self, int i)
{
	uint64_t sum = 0;

	for (int w = 0; own != NULL && w <= tw_n_workers(); w++)
		sum += atomic_load_explicit(
		    &own[(size_t)w * own_row + self->counter + (size_t)i],
		    memory_order_relaxed);
	return sum;
}

/* ---- sessions and times; worker ---- */

void
tw__session_begin(struct tw__side_live *s)
{
	const uint32_t cur = atomic_fetch_add(&s->cur, 1) + 1;
	const uint64_t now_s = tw_now_ms() / 1000;
	uint32_t max = atomic_load_explicit(&s->max, memory_order_relaxed);

	while (cur > max && !atomic_compare_exchange_weak(&s->max, &max, cur))
		continue;
	if (atomic_load_explicit(&s->last_session_s, memory_order_relaxed) != now_s)
		atomic_store_explicit(&s->last_session_s, now_s, memory_order_relaxed);
}

void
tw__session_end(struct tw__side_live *s)
{
	const uint32_t before = atomic_fetch_sub(&s->cur, 1);

	TW_ASSERT(before > 0);
}

void
tw__time_add(struct tw__side_live *s, int worker, int i, uint32_t ms)
{
	struct tw__cells *c = &s->cells[worker];
	const uint32_t n = atomic_load_explicit(&c->time_n[i], memory_order_relaxed);
	uint64_t sum = atomic_load_explicit(&c->time_sum[i], memory_order_relaxed);

	if (n < TIME_SAMPLES)
		atomic_store_explicit(&c->time_n[i], n + 1, memory_order_relaxed);
	else
		sum -= (sum + TIME_SAMPLES - 1) / TIME_SAMPLES;
	atomic_store_explicit(&c->time_sum[i], sum + ms, memory_order_relaxed);
	if (ms > atomic_load_explicit(&c->time_max[i], memory_order_relaxed))
		atomic_store_explicit(&c->time_max[i], ms, memory_order_relaxed);
}

/* ---- gauges ---- */

static uint32_t
time_average(const struct tw__side_live *s, int i, uint32_t *max)
{
	const int workers = tw_n_workers();
	uint64_t sum = 0, n = 0;

	*max = 0;
	for (int w = 0; w <= workers; w++) {
		const struct tw__cells *c = &s->cells[w];
		const uint32_t most =
		    atomic_load_explicit(&c->time_max[i], memory_order_relaxed);

		sum += atomic_load_explicit(&c->time_sum[i], memory_order_relaxed);
		n += atomic_load_explicit(&c->time_n[i], memory_order_relaxed);
		if (most > *max)
			*max = most;
	}
	return n > 0 ? (uint32_t)((sum + n / 2) / n) : 0;
}

static void
side_gauges(const struct tw__side_live *s, struct tw_gauges *out)
{
	const uint64_t last = atomic_load(&s->last_session_s);

	*out = (struct tw_gauges){
		.cur = atomic_load(&s->cur),
		.max = atomic_load(&s->max),
		.rate = atomic_load(&s->sess.now),
		.rate_max = atomic_load(&s->sess.max),
		.conn_rate = atomic_load(&s->conn.now),
		.conn_rate_max = atomic_load(&s->conn.max),
		.req_rate = atomic_load(&s->req.now),
		.req_rate_max = atomic_load(&s->req.max),
		.last_session_s =
		    last == 0 ? -1 : (int64_t)(tw__live_ms() / 1000 - last),
	};
	out->qtime_ms = time_average(s, 0, &out->qtime_max_ms);
	out->ctime_ms = time_average(s, 1, &out->ctime_max_ms);
	out->rtime_ms = time_average(s, 2, &out->rtime_max_ms);
	out->ttime_ms = time_average(s, 3, &out->ttime_max_ms);
}

/* By default a tenth of what may come; the process's own limit, for frontends
 * that have none, is known only now. */
uint32_t
tw__fullconn(const struct tw_proxy *px)
{
	const uint64_t sum =
	    px->fe_maxconn + px->n_fe_unlimited * (uint64_t)tw__process.maxconn;
	const uint64_t tenth = (sum + 9) / 10;

	if (px->c.fullconn != 0)
		return px->c.fullconn;
	return tenth > UINT32_MAX ? UINT32_MAX : tenth > 0 ? (uint32_t)tenth : 1;
}

void
tw_proxy_gauges(const struct tw_proxy *px, enum tw_side side, struct tw_gauges *out)
{
	if (px->live == NULL) {
		*out = (struct tw_gauges){ .last_session_s = -1 };
		return;
	}
	side_gauges(proxy_side(px, side), out);
	if (side == TW_FRONTEND) {
		out->limit = atomic_load(&px->live->fe_maxconn);
		if (out->limit == 0)
			out->limit = tw__process.maxconn;
		return;
	}
	out->limit = tw__fullconn(px);
	out->queue = atomic_load(&px->live->queue.len);
	out->queue_max = atomic_load(&px->live->queue.max);
}

uint32_t
tw_server_idle_at(const struct tw_server *srv, int worker)
{
	return atomic_load_explicit(
	    &srv->live->s.cells[worker].idle, memory_order_relaxed);
}

void
tw_server_gauges(const struct tw_server *srv, struct tw_gauges *out)
{
	if (srv->live == NULL) {
		*out = (struct tw_gauges){ .last_session_s = -1 };
		return;
	}
	side_gauges(&srv->live->s, out);
	out->limit = atomic_load(&srv->live->maxconn);
	out->queue = atomic_load(&srv->live->queue.len);
	out->queue_max = atomic_load(&srv->live->queue.max);
	for (int i = 0; i <= tw_n_workers(); i++)
		out->idle += tw_server_idle_at(srv, i);
}

void
tw_bind_gauges(const struct tw_bind *bind, struct tw_gauges *out)
{
	if (bind->live == NULL) {
		*out = (struct tw_gauges){ .last_session_s = -1 };
		return;
	}
	side_gauges(&bind->live->s, out);
	out->limit = bind->maxconn;
}

/* ---- once a second; control thread ---- */

static void
rate_sample(struct tw__rate *r, uint64_t total)
{
	const uint64_t diff = total - r->last_total;
	const uint32_t now = diff > UINT32_MAX ? UINT32_MAX : (uint32_t)diff;

	r->last_total = total;
	atomic_store_explicit(&r->now, now, memory_order_relaxed);
	if (now > atomic_load_explicit(&r->max, memory_order_relaxed))
		atomic_store_explicit(&r->max, now, memory_order_relaxed);
}

struct totals {
	uint64_t sess, conn, req, bytes_out;
};

static void
side_tick(struct tw__side_live *s)
{
	rate_sample(&s->sess, side_raw(s, TW_CNT_SESS));
	rate_sample(&s->conn, side_raw(s, TW_CNT_CONN));
	rate_sample(&s->req, side_raw(s, TW_CNT_REQ));
}

static void
proxy_tick(void *live, void *arg)
{
	struct tw_proxy_live *l = live;
	struct totals *t = arg;

	side_tick(&l->fe);
	side_tick(&l->be);
	t->sess += l->fe.sess.last_total;
	t->conn += l->fe.conn.last_total;
	t->bytes_out += side_raw(&l->fe, TW_CNT_BOUT);
}

static void
server_tick(void *live, void *arg)
{
	struct tw_server_live *l = live;

	(void)arg;
	rate_sample(&l->s.sess, side_raw(&l->s, TW_CNT_SESS));
}

static void
bind_tick(void *live, void *arg)
{
	struct tw__bind_live *l = live;

	(void)arg;
	side_tick(&l->s);
}

/* A total falls when a proxy goes away: that second counts as none. */
static void
total_sample(struct tw__rate *r, uint64_t total)
{
	if (total < r->last_total)
		r->last_total = total;
	rate_sample(r, total);
}

/* How much of the time since the last tick the traffic threads slept. */
static void
idle_sample(void)
{
	static uint64_t cpu_before, now_before; /* control thread */
	const uint64_t cpu = tw__workers_cpu_us(), now = tw_now_us();
	const uint64_t most = (now - now_before) * (uint64_t)tw_n_workers();
	const uint64_t busy = cpu - cpu_before;

	if (now_before != 0 && most > 0)
		atomic_store(&tw__process.idle_pct,
		    busy >= most ? 0 : (uint32_t)(100 - busy * 100 / most));
	cpu_before = cpu;
	now_before = now;
}

void
tw__live_tick(void)
{
	struct totals t = { 0 };

	idle_sample();
	tw__live_each_proxy(proxy_tick, &t);
	tw__live_each_server(server_tick, NULL);
	tw__live_each_bind(bind_tick, NULL);
	tw__ramps_tick();
	total_sample(&tw__process.sess, t.sess);
	total_sample(&tw__process.conn, t.conn);
	total_sample(&tw__process.bytes_out, t.bytes_out);
	total_sample(&tw__process.comp_in_rate, atomic_load(&tw__process.comp_in));
	total_sample(&tw__process.comp_out_rate, atomic_load(&tw__process.comp_out));
}

/* ---- the process ---- */

void
tw__process_keep(const struct tw__side_live *s)
{
	atomic_fetch_add(&tw__process.kept_conns, side_raw(s, TW_CNT_CONN));
	atomic_fetch_add(&tw__process.kept_req, side_raw(s, TW_CNT_REQ));
}

void
tw__process_published(const struct tw_gen *gen)
{
	if (atomic_load(&tw__process.start_ms) == 0)
		atomic_store(&tw__process.start_ms, tw__live_ms());
	tw__maxconn_follow(gen->global.maxconn);
	tw__rates_follow(gen->global.maxconnrate, gen->global.maxsessrate);
}

static void
process_totals(struct tw_gen *gen, struct tw_process_info *out)
{
	const struct tw_proxy *px;

	out->cum_conns = atomic_load(&tw__process.kept_conns);
	out->cum_req = atomic_load(&tw__process.kept_req);
	TAILQ_FOREACH(px, &gen->proxies, link) {
		if (px->live == NULL)
			continue;
		out->cum_conns += side_raw(&px->live->fe, TW_CNT_CONN);
		out->cum_req += side_raw(&px->live->fe, TW_CNT_REQ);
		out->bytes_out += side_raw(&px->live->fe, TW_CNT_BOUT);
	}
}

void
tw_process_info(struct tw_process_info *out)
{
	const struct tw__process *p = &tw__process;
	struct tw_gen *gen = tw_gen_running();
	const struct mallinfo2 heap = mallinfo2();
	struct rlimit files = { 0, 0 };

	getrlimit(RLIMIT_NOFILE, &files);
	*out = (struct tw_process_info){
		.pid = (int)getpid(),
		.n_threads = tw_n_workers(),
		.uptime_s = (tw__live_ms() - atomic_load(&p->start_ms)) / 1000,
		.maxconn = atomic_load(&p->maxconn),
		.maxsock = atomic_load(&p->maxsock),
		.ulimit_n = files.rlim_cur,
		.max_conn_rate = atomic_load(&p->conn.max),
		.conn_rate_limit = atomic_load(&p->conn_limit),
		.sess_rate_limit = atomic_load(&p->sess_limit),
		.cur_sess_rate = atomic_load(&p->sess.now),
		.max_sess_rate = atomic_load(&p->sess.max),
		.conn_rate = atomic_load(&p->conn.now),
		.bytes_out_rate = atomic_load(&p->bytes_out.now),
		.n_tasks = atomic_load(&p->n_tasks),
		.idle_pct = atomic_load(&p->idle_pct),
		.log_lost = tw__log_dropped(),
		.version = PACKAGE_VERSION,
		.stopping = atomic_load(&p->stopping),
		.uptime_us = tw_now_us() - atomic_load(&p->start_ms) * 1000,
		.released = TW_RELEASE_DATE,
		.heap = heap.arena + heap.hblkhd,
		.heap_used = heap.uordblks + heap.hblkhd,
		.comp_in_rate = atomic_load(&p->comp_in_rate.now),
		.comp_out_rate = atomic_load(&p->comp_out_rate.now),
		.comp_in = atomic_load(&p->comp_in),
		.comp_out = atomic_load(&p->comp_out),
		.comp_rate_limit = atomic_load(&p->comp_limit),
		.comp_memory = atomic_load(&p->comp_memory),
		.comp_memory_limit = atomic_load(&p->comp_memory_limit),
	};
	if (out->maxsock == 0)
		out->maxsock = (uint32_t)out->ulimit_n;
	for (int i = 1; i <= tw_n_workers(); i++)
		out->cur_conns += atomic_load(&tw_worker_at(i)->conns);
	if (gen == NULL)
		return;
	out->n_listeners = (uint32_t)gen->n_binds;
	out->node = gen->global.node;
	out->description = gen->global.description;
	out->generation = gen->number;
	out->hard_maxconn = gen->global.maxconn;
	process_totals(gen, out);
}

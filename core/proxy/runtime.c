/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * runtime.c - limits that an operator changes while all goes on, and counters
 * that begin again.
 *
 * The control socket and the statistics page come here. A value set at run
 * time lives with the live object: it survives a reload as long as the line
 * it stands in place of stays as it is; a line that was changed wins.
 * Control thread, but for tw__rate_admits().
 */
#include "config.h"

#include <stdlib.h>

#include "core/net/conn.h"
#include "core/proxy/process.h"
#include "core/proxy/proxy_int.h"

/* --- servers --- */

void
tw_server_set_maxconn(struct tw_server *srv, uint32_t n, const char *who)
{
	struct tw_server_live *const l = srv->live;

	TW_CHECK_MAGIC(srv, TW_SERVER_MAGIC);
	(void)who; /* HAProxy does not say */
	atomic_store(&l->maxconn, n);
	l->maxconn_conf = srv->maxconn;
	tw__queue_kick(srv->proxy);
}

bool
tw_server_is_new(const struct tw_server *srv)
{
	return srv->live->fresh;
}

static bool
takes_last(const struct tw_server *srv)
{
	return srv->init_addr == NULL || strstr(srv->init_addr, "last") != NULL;
}

/* A name's address may be the last one, unless the line is against it; a port
 * is as it was. As HAProxy has it. */
static void
place_restore(struct tw_server *srv, const struct tw_server_saved *saved)
{
	struct tw_addr is = srv->addr;

	if (saved->host != NULL && srv->resolved)
		tw__server_host_say(srv, saved->host);
	if (saved->addr.family != 0 && srv->host != NULL && takes_last(srv)) {
		is = saved->addr;
		is.port = srv->addr.port;
	}
	if (saved->port != 0 && is.family != AF_UNIX && srv->map_port == 0)
		is.port = (uint16_t)saved->port;
	if (is.family != 0 && is.family != AF_UNIX && !tw_addr_eq(&is, &srv->addr))
		tw__server_where_say(srv, &is, saved->target);
	if (is.family != 0 && is.family != AF_UNIX && !srv->has_addr &&
	    atomic_load(&srv->live->where) != NULL)
		atomic_fetch_and(&srv->live->admin, (uint8_t)~TW__ADM_NOADDR);
}

bool
tw_server_restore(struct tw_server *srv, const struct tw_server_saved *saved)
{
	struct tw_server_live *const l = srv->live;
	const int up = l->last.rise + l->last.fall - 1;

	TW_CHECK_MAGIC(srv, TW_SERVER_MAGIC);
	if (!l->fresh)
		return false;
	atomic_store(&l->health, (uint8_t)saved->health);
	atomic_store(
	    &l->admin, (uint8_t)(saved->admin | (srv->has_addr ? 0 : TW__ADM_NOADDR)));
	atomic_store(&l->changed_ms, tw__live_ms() - (uint64_t)saved->changed_s * 1000);
	if (saved->weight != UINT32_MAX) {
		atomic_store(&l->weight, saved->weight);
		l->weight_conf = srv->weight;
	}
	place_restore(srv, saved);
	atomic_store(&l->checks_paused, srv->check && saved->checks_paused);
	atomic_store(&l->agent_paused, srv->agent && saved->agent_paused);
	l->last.what = srv->check ? saved->what : TW_CHK_UNK;
	l->last.health = saved->health == TW_DOWN ? 0
	    : saved->health == TW_NOLB            ? l->last.rise
						  : up;
	return true;
}

void
tw__server_limits_follow(struct tw_server *srv)
{
	struct tw_server_live *const l = srv->live;

	if (l->maxconn_conf != srv->maxconn) {
		atomic_store(&l->maxconn, srv->maxconn);
		l->maxconn_conf = UINT32_MAX;
	}
	if (l->weight_conf != srv->weight) {
		atomic_store(&l->weight, UINT32_MAX);
		l->weight_conf = UINT32_MAX;
	}
}

/* --- frontends --- */

void
tw_frontend_set_maxconn(struct tw_proxy *px, uint32_t n)
{
	TW_CHECK_MAGIC(px, TW_PROXY_MAGIC);
	atomic_store(&px->live->fe_maxconn, n);
}

void
tw__frontend_limits_follow(struct tw_proxy *px)
{
	struct tw_proxy_live *const l = px->live;

	if (atomic_exchange(&l->fe_stopped, false)) {
		for (int i = 0; i < px->n_binds; i++)
			atomic_store(&px->bind[i]->live->paused, false);
		tw__listeners_look();
	}
	if (l->fe_maxconn_conf == px->c.maxconn)
		return;
	l->fe_maxconn_conf = px->c.maxconn;
	atomic_store(&l->fe_maxconn, px->c.maxconn);
}

enum tw_fe_state
tw_frontend_state(const struct tw_proxy *px)
{
	bool is_paused = px->n_binds > 0;

	TW_CHECK_MAGIC(px, TW_PROXY_MAGIC);
	if (px->c.disabled || (px->live != NULL && atomic_load(&px->live->fe_stopped)))
		return TW_FE_STOPPED;
	for (int i = 0; i < px->n_binds && is_paused; i++) {
		const struct tw__bind_live *const l = px->bind[i]->live;

		is_paused =
		    l != NULL && atomic_load_explicit(&l->paused, memory_order_relaxed);
	}
	return is_paused ? TW_FE_PAUSED : TW_FE_OPEN;
}

int
tw_frontend_pause(struct tw_proxy *px, struct tw_err *err)
{
	int rc = 0;

	TW_CHECK_MAGIC(px, TW_PROXY_MAGIC);
	for (int i = 0; i < px->n_binds; i++) {
		if (tw__listener_pause(px->bind[i], err) != 0)
			rc = -1;
	}
	tw__listeners_look();
	tw_proxy_log(px, TW_WARNING, "Paused %s %s.", tw__proxy_type(px), px->name);
	tw__proxy_changed(px);
	return rc;
}

int
tw_frontend_resume(struct tw_proxy *px, struct tw_err *err)
{
	int rc = 0;

	TW_CHECK_MAGIC(px, TW_PROXY_MAGIC);
	for (int i = 0; i < px->n_binds; i++) {
		if (tw__listener_resume(px->bind[i], err) != 0)
			rc = -1;
	}
	tw__listeners_look();
	tw_proxy_log(px, TW_WARNING, "Resumed %s %s.", tw__proxy_type(px), px->name);
	tw__proxy_changed(px);
	return rc;
}

void
tw_frontend_stop(struct tw_proxy *px)
{
	TW_CHECK_MAGIC(px, TW_PROXY_MAGIC);
	atomic_store(&px->live->fe_stopped, true);
	tw__listeners_stop(px);
	tw_proxy_log(px, TW_WARNING, "Proxy %s stopped (cumulated conns: FE: %llu).",
	    px->name, (unsigned long long)tw_proxy_sum(px, TW_FRONTEND, TW_CNT_CONN));
	tw__proxy_changed(px);
}

/* --- the process --- */

static void
maxconn_set(uint32_t n)
{
	__atomic_store_n(&tw__maxconn, n, __ATOMIC_RELAXED);
	atomic_store(&tw__process.maxconn, n);
}

bool
tw_process_set_maxconn(uint32_t n)
{
	if (n == 0 || n > tw__process.maxconn_conf)
		return false;
	maxconn_set(n);
	return true;
}

void
tw__maxconn_follow(uint32_t configured)
{
	if (configured == tw__process.maxconn_conf)
		return;
	tw__process.maxconn_conf = configured;
	maxconn_set(configured);
}

void
tw__rates_follow(uint32_t connections, uint32_t sessions)
{
	if (connections != tw__process.conn_limit_conf)
		atomic_store(&tw__process.conn_limit, connections);
	if (sessions != tw__process.sess_limit_conf)
		atomic_store(&tw__process.sess_limit, sessions);
	tw__process.conn_limit_conf = connections;
	tw__process.sess_limit_conf = sessions;
}

void
tw_process_set_rates(uint32_t connections, uint32_t sessions)
{
	if (connections != UINT32_MAX)
		atomic_store(&tw__process.conn_limit, connections);
	if (sessions != UINT32_MAX)
		atomic_store(&tw__process.sess_limit, sessions);
}

/* Every accepted connection begins a session, so one count serves both. */
bool
tw__rate_admits(void)
{
	const uint32_t conn = atomic_load(&tw__process.conn_limit);
	const uint32_t sess = atomic_load(&tw__process.sess_limit);
	const uint32_t limit = conn == 0 || (sess != 0 && sess < conn) ? sess : conn;
	const uint64_t second = (tw_now_ms() / 1000) << 32;
	uint64_t now = atomic_load(&tw__process.window), next;

	do {
		next = now >= second ? now : second;
		if (limit != 0 && (uint32_t)next >= limit)
			return false;
		next++;
	} while (!atomic_compare_exchange_weak(&tw__process.window, &now, next));
	return true;
}

void
tw__rate_return(void)
{
	const uint64_t second = (tw_now_ms() / 1000) << 32;
	uint64_t now = atomic_load(&tw__process.window);

	while (now > second &&
	    !atomic_compare_exchange_weak(&tw__process.window, &now, now - 1))
		;
}

/* --- counters --- */

static void
maxima_clear(struct tw__side_live *s)
{
	atomic_store(&s->max, atomic_load(&s->cur));
	atomic_store(&s->sess.max, 0);
	atomic_store(&s->conn.max, 0);
	atomic_store(&s->req.max, 0);
	for (int w = 0; w <= tw_n_workers(); w++) {
		for (int i = 0; i < 4; i++)
			atomic_store(&s->cells[w].time_max[i], 0);
	}
}

/* The cells are their workers': what they hold now is hidden instead. */
static void
sums_hide(struct tw__side_live *s)
{
	for (int id = 0; id < TW_N_CNT; id++) {
		uint64_t sum = 0;

		for (int w = 0; w <= tw_n_workers(); w++)
			sum += atomic_load(&s->cells[w].v[id]);
		atomic_store(&s->hidden[id], sum);
	}
}

/* Averages and histograms begin again where they are made. A live object
 * outlasts the message: what is freed later goes through all workers first. */
struct forget {
	struct tw__side_live **side; /* owns */
	size_t n, room;
	_Atomic int left;
};

static void
row_clear(struct tw__side_live *s, int worker)
{
	struct tw__histogram *const h = atomic_load(&s->histogram);
	struct tw__cells *const c = &s->cells[worker];

	for (int i = 0; i < 4; i++) {
		atomic_store_explicit(&c->time_sum[i], 0, memory_order_relaxed);
		atomic_store_explicit(&c->time_n[i], 0, memory_order_relaxed);
	}
	if (h != NULL)
		tw__histogram_clear(&h[worker]);
}

static void
averages_forget(void *arg)
{
	struct forget *const f = arg;
	const int me = tw_worker_id(tw_worker_self());

	for (size_t k = 0; k < f->n; k++)
		row_clear(f->side[k], me);
	if (atomic_fetch_sub(&f->left, 1) > 1)
		return;
	free(f->side);
	free(f);
}

static void
side_clear(struct tw__side_live *s, struct forget *f)
{
	maxima_clear(s);
	if (f == NULL)
		return;
	sums_hide(s);
	if (f->n == f->room) {
		f->room = f->room > 0 ? 2 * f->room : 64;
		f->side = realloc(f->side, f->room * sizeof(*f->side));
		TW_ASSERT(f->side != NULL);
	}
	f->side[f->n++] = s;
}

static void
proxy_clear(void *live, void *arg)
{
	struct tw_proxy_live *const l = live;

	side_clear(&l->fe, arg);
	side_clear(&l->be, arg);
	atomic_store(&l->queue.max, atomic_load(&l->queue.len));
	if (arg == NULL)
		return;
	atomic_store(&l->downtime_ms, 0);
	atomic_store(&l->chkdown, 0);
}

static void
server_clear(void *live, void *arg)
{
	struct tw_server_live *const l = live;

	side_clear(&l->s, arg);
	atomic_store(&l->queue.max, atomic_load(&l->queue.len));
}

static void
bind_clear(void *live, void *arg)
{
	struct tw__bind_live *const l = live;

	side_clear(&l->s, arg);
}

void
tw_stats_clear(bool all)
{
	struct forget *const f = all ? calloc(1, sizeof(*f)) : NULL;

	TW_ASSERT(!all || f != NULL);
	atomic_store(&tw__process.sess.max, 0);
	atomic_store(&tw__process.conn.max, 0);
	tw__live_each_proxy(proxy_clear, f);
	tw__live_each_server(server_clear, f);
	tw__live_each_bind(bind_clear, f);
	if (f == NULL)
		return;
	atomic_store(&f->left, tw_n_workers());
	for (int i = 1; i <= tw_n_workers(); i++)
		tw_worker_post(tw_worker_at(i), averages_forget, f);
}

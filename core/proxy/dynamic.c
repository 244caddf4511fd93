/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * dynamic.c - servers that are added and deleted while their backend runs.
 *
 * A generation is read-only but for this: the array of a backend's servers is
 * replaced whole, and workers read one pointer (struct tw__servers). A server
 * that is added is read like a line of a file, into an arena of its own; it
 * begins in maintenance, with its checks paused, and ends with its generation.
 * One that is deleted can be found by nobody from then on: not in the array,
 * not by the algorithm, not by its name, not by a module. Who had found it
 * before goes on with it; each worker is asked whether such a request is still
 * there, and when none is, its memory is given back. Control thread, but for
 * what says otherwise. source: HAProxy's management guide, `add server`, `del
 * server`.
 */
#include "config.h"

#include <stdlib.h>

#include "core/net/conn.h"
#include "core/proxy/logger.h"
#include "core/proxy/proxy_int.h"
#include "core/run/worker.h"

#define LOOK_FIRST_MS 20
#define LOOK_MAX_MS 2000

/* ---- the array ---- */

static void
servers_publish(struct tw_proxy *px, struct tw__servers *now)
{
	struct tw__servers *const former = atomic_exchange(&px->now, now);

	px->server = now->of;
	px->n_servers = now->n;
	for (int i = 0; i < now->n; i++) /* a hint: where it stands */
		if (now->of[i]->live != NULL)
			atomic_store(&now->of[i]->live->index, (uint32_t)i);
	if (former != NULL)
		tw_retire(free, former);
}

static struct tw__servers *
servers_new(int n)
{
	struct tw__servers *const s =
	    malloc(sizeof(*s) + ((size_t)n + 1) * sizeof(s->of[0]));

	if (s == NULL)
		TW_WRONG("out of memory for servers");
	s->n = n;
	return s;
}

void
tw__servers_begin(struct tw_proxy *px)
{
	struct tw__servers *const s = servers_new(px->n_servers);

	for (int i = 0; i < px->n_servers; i++)
		s->of[i] = px->server[i];
	servers_publish(px, s);
}

void
tw__servers_end(struct tw_proxy *px)
{
	struct tw__servers *const s = atomic_exchange(&px->now, NULL);

	for (int i = 0; i < px->n_servers; i++)
		tw_arena_free(&px->server[i]->arena);
	px->server = NULL;
	px->n_servers = 0;
	free(s);
}

static void
list_add(struct tw_proxy *px, struct tw_server *srv)
{
	struct tw__servers *const s = servers_new(px->n_servers + 1);

	memcpy(s->of, px->server, (size_t)px->n_servers * sizeof(s->of[0]));
	s->of[px->n_servers] = srv;
	servers_publish(px, s);
}

static void
list_del(struct tw_proxy *px, const struct tw_server *srv)
{
	struct tw__servers *const s = servers_new(px->n_servers - 1);
	int n = 0;

	for (int i = 0; i < px->n_servers; i++)
		if (px->server[i] != srv)
			s->of[n++] = px->server[i];
	TW_ASSERT(n == s->n);
	servers_publish(px, s);
}

/* ---- a new one: its words ---- */

/* The options that such a server may have. */
static bool
may_have(const char *word)
{
	static const char *const words[] = { "addr", "agent-addr", "agent-check",
		"agent-inter", "agent-port", "agent-send", "backup", "check",
		"check-proto", "check-send-proxy", "disabled", "downinter", "enabled",
		"error-limit", "fall", "fastinter", "guid", "hash-key", "healthcheck",
		"id", "init-state", "inter", "maxconn", "maxqueue", "minconn",
		"no-backup", "observe", "on-error", "on-marked-down", "on-marked-up",
		"pool-low-conn", "pool-max-conn", "pool-purge-delay", "port", "proto",
		"proxy-v2-options", "rise", "send-proxy", "send-proxy-v2", "slowstart",
		"source", "track", "weight", "ws",
		/* TLS */
		"allow-0rtt", "alpn", "ca-file", "check-alpn", "check-sni",
		"check-sni-auto", "check-ssl", "ciphers", "ciphersuites",
		"client-sigalgs", "crl-file", "crt", "curves", "force-sslv3",
		"force-tlsv10", "force-tlsv11", "force-tlsv12", "force-tlsv13", "ktls",
		"no-check-sni-auto", "no-sni-auto", "no-ssl-reuse", "no-sslv3",
		"no-tls-tickets", "no-tlsv10", "no-tlsv11", "no-tlsv12", "no-tlsv13",
		"npn", "send-proxy-v2-ssl", "send-proxy-v2-ssl-cn", "sigalgs", "sni",
		"sni-auto", "ssl", "ssl-max-ver", "ssl-min-ver", "tls-tickets",
		"verify", "verifyhost", NULL };

	return tw_is_one_of(word, words);
}

static int
line_read(struct tw_line *ln, struct tw_server *srv, struct tw_err *err)
{
	struct tw__conf *const conf = &ln->gen->conf;

	conf->takes = may_have;
	const int rc = tw__server_read(ln, srv);
	conf->takes = NULL;
	if (rc != 0)
		tw__report_first(conf->report, err);
	return rc;
}

/* ---- a new one: its place among the others ---- */

static const struct tw_server *
with_id(const struct tw_proxy *px, uint32_t id)
{
	for (int i = 0; i < px->n_servers; i++)
		if (px->server[i]->id == id)
			return px->server[i];
	return NULL;
}

static int
id_take(struct tw_proxy *px, struct tw_server *srv, struct tw_err *err)
{
	const struct tw_server *const other =
	    srv->id != 0 ? with_id(px, srv->id) : NULL;

	srv->id_forced = srv->id != 0;
	if (other != NULL)
		return tw_err_set(err,
		    "'id' : custom id %u already used at %s:%d ('server %s')", srv->id,
		    other->file, other->line, other->name);
	for (uint32_t id = 1; srv->id == 0; id++)
		if (with_id(px, id) == NULL)
			srv->id = id;
	return 0;
}

/* The smallest that is free: what algorithms have by it stays small. */
static int
index_free(const struct tw_proxy *px)
{
	bool *const taken = calloc((size_t)px->n_servers + 1, sizeof(*taken));
	int at = 0;

	if (taken == NULL)
		TW_WRONG("out of memory for servers");
	for (int i = 0; i < px->n_servers; i++)
		if (px->server[i]->index <= px->n_servers)
			taken[px->server[i]->index] = true;
	while (taken[at])
		at++;
	free(taken);
	return at;
}

static int
place_take(struct tw_proxy *px, struct tw_server *srv, struct tw_err *err)
{
	if (tw_proxy_find_server(px, srv->name) != NULL)
		return tw_err_set(
		    err, "Already exists a server with the same name in backend.");
	if (id_take(px, srv, err) != 0)
		return -1;
	srv->index = index_free(px);
	tw__server_finish(px, srv);
	if (tw__log_server_take(srv, err) != 0)
		return -1;
	return tw__modules_server_check(srv, err);
}

static void
untrack(struct tw_server *srv)
{
	struct tw_server **at;

	if (srv->tracked == NULL)
		return;
	for (at = &srv->tracked->trackers; *at != NULL; at = &(*at)->next_tracker)
		if (*at == srv)
			break;
	if (*at != NULL)
		*at = srv->next_tracker;
}

/* Its words are warned of, or what they name is, by modules. */
static int
line_take(struct tw_line *ln, struct tw_server *srv, struct tw_err *err)
{
	struct tw_report report = { .to = NULL };
	struct tw__conf *const conf = &ln->gen->conf;

	conf->report = &report;
	int rc = line_read(ln, srv, err);
	if (rc == 0)
		rc = place_take(ln->proxy, srv, err);
	conf->report = NULL;
	if (rc == 0)
		tw__report_all(&report, err);
	free(report.text);
	return rc;
}

static int
server_make(struct tw_line *ln, struct tw_server **out, struct tw_err *err)
{
	struct tw_arena *const arena = ln->gen->conf.arena;
	struct tw_server *const srv =
	    tw__server_make(ln, tw__server_prototype(ln->proxy, arena));

	*out = srv;
	srv->arena = arena;
	srv->file = "cli";
	ln->server = srv;
	if (line_take(ln, srv, err) != 0) {
		untrack(srv);
		tw__guid_drop(ln->gen, srv->guid);
		return -1;
	}
	return 0;
}

/* Nothing is in force of it but what is said here; as HAProxy begins them. */
static void
live_begin(struct tw_server *srv)
{
	struct tw_server_live *const l = srv->live;

	atomic_fetch_or(&l->admin, TW_ADM_MAINT);
	atomic_store(&l->checks_paused, true);
	atomic_store(&l->agent_paused, true);
}

static void
server_enter(struct tw_proxy *px, struct tw_server *srv)
{
	tw__live_server_new(srv);
	live_begin(srv);
	tw__server_publish(srv);
	srv->live->fresh = false;
	tw__balance_rebuild(px);
	list_add(px, srv);
	tw__modules_server_event(srv, TW_SERVER_ADDED);
	if (srv->tracked != NULL)
		tw__track_follow(srv->tracked);
}

/* in: word, name, address, options. */
static int
words_check(const struct tw_proxy *px, int n, struct tw_err *err)
{
	if (px->c.balance == NULL || (tw_proxy_balance_flags(px) & TW_BALANCE_STATIC))
		return tw_err_set(err,
		    "Backend must use a dynamic load balancing to support dynamic "
		    "servers.");
	if (n < 2)
		return tw_err_set(
		    err, "'server' expects <name> and <addr>[:<port>] as arguments.");
	return 0;
}

struct tw_server *
tw_server_add(struct tw_proxy *px, char *const *word, int n, struct tw_err *err)
{
	struct tw_gen *const gen = px->gen;
	struct tw_arena *const arena = gen->conf.arena;
	struct tw_line ln = { .gen = gen,
		.proxy = px,
		.scope = TW_SC_SERVER,
		.file = "cli",
		.word = word,
		.n_words = n,
		.n_args = n };
	struct tw_server *srv = NULL;

	TW_CHECK_MAGIC(px, TW_PROXY_MAGIC);
	if (words_check(px, n, err) != 0)
		return NULL;
	/* what its words need lives as long as it does */
	gen->conf.arena = tw_arena_new(0);
	const int rc = server_make(&ln, &srv, err);
	if (rc != 0)
		tw_arena_free(&gen->conf.arena);
	gen->conf.arena = arena;
	if (rc != 0)
		return NULL;
	server_enter(px, srv);
	return srv;
}

bool
tw_server_is_dynamic(const struct tw_server *srv)
{
	return srv->arena != NULL;
}

void
tw_server_set_named(struct tw_server *srv)
{
	TW_CHECK_MAGIC(srv, TW_SERVER_MAGIC);
	srv->named = true;
}

/* ---- gone: may it? ---- */

static bool
is_used(const struct tw_server_live *l)
{
	uint32_t n = atomic_load(&l->s.cur) + atomic_load(&l->served) +
	    atomic_load(&l->queue.len);

	for (int i = 0; i <= tw_n_workers(); i++)
		n += atomic_load_explicit(&l->s.cells[i].idle, memory_order_relaxed);
	return n != 0;
}

enum tw_removal
tw_server_removal(const struct tw_server *srv)
{
	TW_CHECK_MAGIC(srv, TW_SERVER_MAGIC);
	if (srv->named || srv->trackers != NULL)
		return TW_REMOVAL_NAMED;
	if (!(tw_server_admin(srv) & TW_ADM_MAINT))
		return TW_REMOVAL_RUNS;
	return is_used(srv->live) ? TW_REMOVAL_USED : TW_REMOVABLE;
}

/* ---- all workers do something with it ---- */

struct round {
	LIST_ENTRY(round) link;
	void (*work)(struct tw_worker *w, void *arg); /* on each worker */
	tw_post_fn *done;                             /* then here */
	void *arg;
	_Atomic int left;
};

/* Those under way; the process may end before they do. */
static LIST_HEAD(, round) rounds = LIST_HEAD_INITIALIZER(rounds);

static void
round_end(void *arg)
{
	struct round *const r = arg;

	LIST_REMOVE(r, link);
	r->done(r->arg);
	free(r);
}

static void
round_work(void *arg)
{
	struct round *const r = arg;

	r->work(tw_worker_self(), r->arg);
	if (atomic_fetch_sub(&r->left, 1) == 1)
		tw_worker_post(tw_worker_at(0), round_end, r);
}

static void
round_begin(void (*work)(struct tw_worker *w, void *arg), tw_post_fn *done, void *arg)
{
	struct round *const r = malloc(sizeof(*r));

	TW_ASSERT(r != NULL);
	*r = (struct round){
		.work = work, .done = done, .arg = arg, .left = tw_n_workers()
	};
	LIST_INSERT_HEAD(&rounds, r, link);
	for (int i = 1; i <= tw_n_workers(); i++)
		tw_worker_post(tw_worker_at(i), round_work, r);
}

struct purge {
	const struct tw_server_live *live; /* outlives what has been posted */
	tw_post_fn *done;
	void *arg;
};

static void
purge_work(struct tw_worker *w, void *arg)
{
	const struct purge *const p = arg;

	tw__upstream_drop(w, p->live);
}

static void
purge_end(void *arg)
{
	const struct purge p = *(struct purge *)arg;

	free(arg);
	p.done(p.arg);
}

void
tw_server_purge(struct tw_server *srv, tw_post_fn *done, void *arg)
{
	struct purge *const p = malloc(sizeof(*p));

	TW_CHECK_MAGIC(srv, TW_SERVER_MAGIC);
	TW_ASSERT(p != NULL);
	*p = (struct purge){ srv->live, done, arg };
	round_begin(purge_work, purge_end, p);
}

/* ---- gone: until nobody looks any more ---- */

struct doom {
	struct tw_timer timer; /* first */
	LIST_ENTRY(doom) link;
	struct tw_server *srv; /* owns, as its arena; else compared only */
	struct tw_server_live *live;
	struct tw_arena *arena; /* owns; NULL: the generation's */
	uint64_t *before;       /* owns: by worker: a request's number; its own */
	_Atomic bool is_held;
	uint32_t pause_ms;
};

static LIST_HEAD(, doom) dooms = LIST_HEAD_INITIALIZER(dooms);

static void
doom_free(struct doom *d)
{
	LIST_REMOVE(d, link);
	tw__live_server_drop(d->live);
	tw_arena_free(&d->arena);
	free(d->before);
	free(d);
}

static void
doom_work(struct tw_worker *w, void *arg)
{
	struct doom *const d = arg;

	tw__upstream_drop(w, d->live);
	if (tw__flow_holds(d->srv, d->live, &d->before[tw_worker_id(w)]))
		atomic_store(&d->is_held, true);
}

static void
doom_looked(void *arg)
{
	struct doom *const d = arg;

	if (!atomic_exchange(&d->is_held, false)) {
		doom_free(d);
		return;
	}
	tw_timer_set(&d->timer, tw_now_ms() + d->pause_ms);
	if (d->pause_ms < LOOK_MAX_MS)
		d->pause_ms *= 2;
}

static void
doom_due(struct tw_timer *t)
{
	round_begin(doom_work, doom_looked, t);
}

static void
doom_begin(struct tw_server *srv)
{
	struct doom *const d = calloc(1, sizeof(*d));

	TW_ASSERT(d != NULL);
	d->timer.fn = doom_due;
	d->srv = srv;
	d->live = srv->live;
	d->arena = srv->arena;
	d->before = calloc((size_t)tw_n_workers() + 1, sizeof(*d->before));
	d->pause_ms = LOOK_FIRST_MS;
	TW_ASSERT(d->before != NULL);
	LIST_INSERT_HEAD(&dooms, d, link);
	doom_due(&d->timer);
}

void
tw__dooms_end(void)
{
	struct doom *d;

	while ((d = LIST_FIRST(&dooms)) != NULL) {
		tw_timer_del(&d->timer);
		doom_free(d);
	}
}

void
tw_server_del(struct tw_server *srv)
{
	struct tw_proxy *const px = srv->proxy;

	TW_CHECK_MAGIC(srv, TW_SERVER_MAGIC);
	TW_ASSERT(px->live != NULL);
	tw__ramp_forget(srv);
	untrack(srv);
	list_del(px, srv);
	tw__balance_now(px);
	tw__live_server_hide(srv);
	tw__modules_server_event(srv, TW_SERVER_REMOVED);
	tw__guid_drop(px->gen, srv->guid);
	doom_begin(srv);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * live.c - the registry of what outlives a generation.
 *
 * Live objects are found by key ("fe/NAME", "be/NAME", "be/NAME/SERVER", a
 * listener's address), made when the first generation that names them is
 * started, and freed when the last one is stopped. Checking a configuration
 * makes none. The registry belongs to the control thread (and start-up);
 * workers reach live objects through their configuration only.
 */
#include "config.h"

#include <stdlib.h>

#include "core/proxy/process.h"
#include "core/proxy/proxy_int.h"

/* A chained hash table; the key lies in the live object. */
struct entry {
	struct entry *next;
	uint32_t hash;
	const char *key; /* borrow: the live object's */
	void *live;
};

struct registry {
	struct entry **slot; /* owns: [size], size a power of two */
	uint32_t size, n;
};

static struct registry proxies, servers, binds;

/* Numbers of servers: small, unique, used again. */
static struct {
	uint32_t *free_list; /* owns */
	uint32_t n_free, cap, next;
} numbers;

static void *
must(void *p)
{
	if (p == NULL)
		TW_WRONG("out of memory for live objects");
	return p;
}

static struct entry **
registry_slot(struct registry *r, const char *key, uint32_t hash)
{
	struct entry **e = &r->slot[hash & (r->size - 1)];

	while (*e != NULL && ((*e)->hash != hash || strcmp((*e)->key, key) != 0))
		e = &(*e)->next;
	return e;
}

static void *
registry_find(struct registry *r, const char *key)
{
	struct entry *e =
	    r->size > 0 ? *registry_slot(r, key, tw__name_hash(key)) : NULL;

	return e != NULL ? e->live : NULL;
}

static void
registry_grow(struct registry *r)
{
	const uint32_t size = r->size > 0 ? 2 * r->size : 64;
	struct registry bigger = { must(calloc(size, sizeof(*r->slot))), size, r->n };

	for (uint32_t i = 0; i < r->size; i++) {
		struct entry *e, *next;

		for (e = r->slot[i]; e != NULL; e = next) {
			next = e->next;
			e->next = bigger.slot[e->hash & (size - 1)];
			bigger.slot[e->hash & (size - 1)] = e;
		}
	}
	free(r->slot);
	*r = bigger;
}

static void
registry_add(struct registry *r, const char *key, void *live)
{
	struct entry *e = must(malloc(sizeof(*e)));

	if (r->n >= r->size)
		registry_grow(r);
	*e = (struct entry){ NULL, tw__name_hash(key), key, live };
	*registry_slot(r, key, e->hash) = e;
	r->n++;
}

static void
registry_del(struct registry *r, const char *key)
{
	struct entry **e = registry_slot(r, key, tw__name_hash(key)), *gone = *e;

	TW_ASSERT(gone != NULL);
	*e = gone->next;
	free(gone);
	if (--r->n == 0) {
		free(r->slot);
		*r = (struct registry){ NULL, 0, 0 };
	}
}

static char *
key_make(const char *a, const char *b, const char *c)
{
	const size_t len = strlen(a) + strlen(b) + strlen(c) + 2;
	char *key = must(malloc(len));
	struct tw_out o = tw_out_of(key, len);

	tw_out_str(&o, tw_str_of(a));
	tw_out_str(&o, tw_str_of(b));
	if (c[0] != '\0')
		tw_out_char(&o, '/');
	tw_out_str(&o, tw_str_of(c));
	tw_out_char(&o, '\0');
	return key;
}

static uint32_t
number_get(void)
{
	return numbers.n_free > 0 ? numbers.free_list[--numbers.n_free]
				  : numbers.next++;
}

static void
number_put(uint32_t number)
{
	if (numbers.n_free == numbers.cap) {
		numbers.cap = numbers.cap > 0 ? 2 * numbers.cap : 64;
		numbers.free_list = must(realloc(
		    numbers.free_list, numbers.cap * sizeof(*numbers.free_list)));
	}
	numbers.free_list[numbers.n_free++] = number;
	if (numbers.n_free == numbers.next) {
		free(numbers.free_list);
		memset(&numbers, 0, sizeof(numbers));
	}
}

/* ---- parts ---- */

static void
side_init(struct tw__side_live *s)
{
	const size_t size = sizeof(*s->cells) * ((size_t)tw_n_workers() + 1);

	s->cells = must(aligned_alloc(_Alignof(struct tw__cells), size));
	memset(s->cells, 0, size);
	tw__histogram_init(s);
}

static void
side_fini(struct tw__side_live *s)
{
	free(s->cells);
	free(atomic_load(&s->histogram));
	s->cells = NULL;
}

static void
queue_init(struct tw__queue *q)
{
	pthread_mutex_init(&q->lock, NULL);
	TAILQ_INIT(&q->list);
}

static void
queue_fini(struct tw__queue *q)
{
	TW_ASSERT(TAILQ_EMPTY(&q->list));
	pthread_mutex_destroy(&q->lock);
}

static char *
block_new(enum tw_scope_block scope)
{
	return must(calloc(1, tw__module_block_bytes(scope) + 1));
}

/* ---- proxies ---- */

static struct tw_proxy_live *
proxy_live_ref(const struct tw_proxy *px)
{
	const char *kind = px->scope == TW_SC_FRONTEND ? "fe/"
	    : px->scope == TW_SC_BACKEND               ? "be/"
						       : "li/";
	char *key = key_make(kind, px->name, "");
	struct tw_proxy_live *l = registry_find(&proxies, key);

	if (l != NULL) {
		free(key);
		l->refs++;
		return l;
	}
	l = must(calloc(1, sizeof(*l)));
	l->key = key;
	l->refs = 1;
	side_init(&l->fe);
	side_init(&l->be);
	queue_init(&l->queue);
	atomic_store(&l->changed_ms, tw__live_ms());
	atomic_store(&l->fe_maxconn, px->c.maxconn);
	l->fe_maxconn_conf = px->c.maxconn;
	l->block = block_new(TW_IN_PROXY_LIVE);
	registry_add(&proxies, key, l);
	return l;
}

static void
proxy_live_free(void *arg)
{
	struct tw_proxy_live *l = arg;

	tw__lb_free(atomic_load(&l->balance));
	side_fini(&l->fe);
	side_fini(&l->be);
	queue_fini(&l->queue);
	free(l->bad_req);
	free(l->bad_res);
	free(l->block);
	free(l->key);
	free(l);
}

static void
proxy_live_unref(struct tw_proxy_live **lp)
{
	struct tw_proxy_live *l = *lp;

	*lp = NULL;
	if (l == NULL || --l->refs > 0)
		return;
	tw__process_keep(&l->fe);
	tw__balance_fresh(l);
	registry_del(&proxies, l->key);
	tw_retire(proxy_live_free, l);
}

/* ---- servers ---- */

struct tw_server_live *
tw__live_server_find(const struct tw_server *srv)
{
	char *key = key_make("be/", srv->proxy->name, srv->name);
	struct tw_server_live *l = registry_find(&servers, key);

	free(key);
	return l;
}

static void
server_live_make(struct tw_server *srv)
{
	struct tw_server_live *l;

	srv->live = l = must(calloc(1, sizeof(*l)));
	l->key = key_make("be/", srv->proxy->name, srv->name);
	l->refs = 1;
	l->number = number_get();
	l->fresh = true;
	side_init(&l->s);
	queue_init(&l->queue);
	pthread_mutex_init(&l->lock, NULL);
	l->block = block_new(TW_IN_SERVER_LIVE);
	tw__server_state_start(srv);
	registry_add(&servers, l->key, l);
}

static void
server_live_ref(struct tw_server *srv)
{
	srv->live = tw__live_server_find(srv);
	if (srv->live != NULL)
		srv->live->refs++;
	else
		server_live_make(srv);
}

static void
live_hide(struct tw_server_live *l)
{
	if (!l->hidden)
		registry_del(&servers, l->key);
	l->hidden = true;
}

void
tw__live_server_new(struct tw_server *srv)
{
	struct tw_server_live *const other = tw__live_server_find(srv);

	if (other != NULL)
		live_hide(other);
	server_live_make(srv);
}

static void
server_live_free(void *arg)
{
	struct tw_server_live *l = arg;

	side_fini(&l->s);
	queue_fini(&l->queue);
	pthread_mutex_destroy(&l->lock);
	number_put(l->number);
	free(atomic_load(&l->where));
	tw__server_probes_free(l);
	free(l->block);
	free(l->key);
	free(l);
}

static void
server_live_unref(struct tw_server *srv)
{
	struct tw_server_live *l = srv->live;

	if (l == NULL)
		return;
	if (l->refs == 1)
		tw__ramp_forget(srv);
	srv->live = NULL;
	if (atomic_load(&l->srv) == srv)
		atomic_store(&l->srv, NULL);
	tw__live_server_drop(l);
}

void
tw__live_server_drop(struct tw_server_live *l)
{
	if (--l->refs > 0)
		return;
	live_hide(l);
	tw_retire(server_live_free, l);
}

/* Connections that come back are not kept. */
void
tw__live_server_hide(struct tw_server *srv)
{
	struct tw_server_live *const l = srv->live;

	live_hide(l);
	if (atomic_load(&l->srv) == srv)
		atomic_store(&l->srv, NULL);
	atomic_fetch_add(&l->epoch, 1);
}

/* ---- listeners ---- */

static void
bind_live_ref(struct tw_bind *b)
{
	struct tw__bind_live *l = registry_find(&binds, b->key);

	b->live = l;
	if (l != NULL) {
		l->refs++;
		return;
	}
	b->live = l = must(calloc(1, sizeof(*l)));
	l->key = key_make("", b->key, "");
	l->refs = 1;
	l->fd = -1;
	side_init(&l->s);
	registry_add(&binds, l->key, l);
}

static void
bind_live_free(void *arg)
{
	struct tw__bind_live *l = arg;

	side_fini(&l->s);
	free(l->key);
	free(l);
}

static void
bind_live_unref(struct tw_bind *b)
{
	struct tw__bind_live *l = b->live;

	b->live = NULL;
	if (l == NULL)
		return;
	if (atomic_load(&l->bind) == b)
		atomic_store(&l->bind, NULL);
	if (--l->refs > 0)
		return;
	registry_del(&binds, l->key);
	tw_retire(bind_live_free, l);
}

/* ---- generations ---- */

int
tw__proxies_start(struct tw_gen *gen, struct tw_err *err)
{
	struct tw_proxy *px;

	(void)err;
	tw__counters_init();
	tw__proxies_index(gen);
	TAILQ_FOREACH(px, &gen->proxies, link) {
		px->live = proxy_live_ref(px);
		for (int i = 0; i < px->n_servers; i++)
			server_live_ref(px->server[i]);
		if (px->direct != NULL)
			server_live_ref(px->direct);
		tw__servers_begin(px);
		for (int i = 0; i < px->n_binds; i++)
			bind_live_ref(px->bind[i]);
		/* A worker may come to a new backend before all is published. */
		if (tw__is_be(px) && atomic_load(&px->live->balance) == NULL)
			tw__backend_publish(px);
	}
	return 0;
}

void
tw__proxies_stop(struct tw_gen *gen)
{
	struct tw_proxy *px;

	TAILQ_FOREACH(px, &gen->proxies, link) {
		if (px->live != NULL)
			tw__balance_forget(px);
		for (int i = 0; i < px->n_servers; i++)
			server_live_unref(px->server[i]);
		if (px->direct != NULL)
			server_live_unref(px->direct);
		for (int i = 0; i < px->n_binds; i++)
			bind_live_unref(px->bind[i]);
		tw__servers_end(px);
		proxy_live_unref(&px->live);
	}
}

static void
registry_each(const struct registry *r, void (*fn)(void *live, void *arg), void *arg)
{
	for (uint32_t i = 0; i < r->size; i++) {
		for (const struct entry *e = r->slot[i]; e != NULL; e = e->next)
			fn(e->live, arg);
	}
}

void
tw__live_each_proxy(void (*fn)(void *, void *), void *arg)
{
	registry_each(&proxies, fn, arg);
}

void
tw__live_each_server(void (*fn)(void *, void *), void *arg)
{
	registry_each(&servers, fn, arg);
}

void
tw__live_each_bind(void (*fn)(void *, void *), void *arg)
{
	registry_each(&binds, fn, arg);
}

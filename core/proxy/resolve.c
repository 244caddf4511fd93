/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * resolve.c - the first addresses of servers that were given by name.
 *
 * Servers are sorted by name, so that each distinct name is asked for once
 * however many servers share it. A few threads ask, because the resolver
 * blocks: a hundred names behind a silent name server must not cost a hundred
 * time-outs. The threads only fill in their own questions; all reporting is
 * done afterwards, in the order of the files. source: HAProxy's manual,
 * `init-addr`.
 */
#include "config.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "core/proxy/addr.h"
#include "core/proxy/proxy_int.h"

#define RESOLVE_THREADS 8

/* A name, and the servers that want it: of[first .. first + n). */
struct question {
	const char *host;
	int family;
	int first, n;
	bool ok;
	struct tw_addr addr;
	struct tw_err err;
};

struct inquiry {
	struct question *q; /* owns */
	int n;
	_Atomic int next; /* shared: the first that nobody has taken */
};

/* The words of a server's init-addr, tried in order. */
enum method { INIT_END, INIT_LAST, INIT_LIBC, INIT_NONE, INIT_IP };

static enum method
method_next(const char **list, struct tw_addr *ip)
{
	char word[64];
	const size_t len = strcspn(*list, ",");
	struct tw__addr_spec spec;
	struct tw_arena *arena;
	bool ok;

	if (len == 0 || len >= sizeof(word))
		return INIT_END;
	memcpy(word, *list, len);
	word[len] = '\0';
	*list += len + ((*list)[len] == ',');
	if (strcmp(word, "last") == 0)
		return INIT_LAST;
	if (strcmp(word, "libc") == 0)
		return INIT_LIBC;
	if (strcmp(word, "none") == 0)
		return INIT_NONE;
	arena = tw_arena_new(512);
	ok = tw__addr_parse(arena, word, TW__ADDR_NO_PORT, &spec, NULL) == 0;
	tw_arena_free(&arena);
	*ip = spec.addr;
	return ok ? INIT_IP : INIT_END;
}

const char *tw__init_addr_default = "last,libc";

static const char *
methods_of(const struct tw_server *srv)
{
	return srv->init_addr != NULL ? srv->init_addr : tw__init_addr_default;
}

/* The address that it has now, if the same name led to it. in: found, only one
 * that was found at run time: a reload must not lose that, whatever the line
 * says of the first one. */
static bool
last_use(struct tw_server *srv, bool found)
{
	const struct tw_server_live *live = tw__live_server_find(srv);
	const struct tw_server *last = live != NULL ? atomic_load(&live->srv) : NULL;
	const uint16_t port = srv->addr.port;

	if (last == NULL || last->host == NULL || strcmp(last->host, srv->host) != 0 ||
	    !tw_server_has_addr(last) || atomic_load(&live->host) != NULL)
		return false; /* the address of another name, then */
	srv->carried = last->carried || atomic_load(&live->where) != NULL;
	if (found && !srv->carried)
		return false;
	srv->addr = *tw_server_addr(last);
	if (!tw__is_srv_label(srv->host))
		srv->addr.port = port;
	return srv->has_addr = true;
}

/* Tries the ways before "libc". returns: whether libc must be asked. */
static bool
server_try_without_libc(struct tw_server *srv)
{
	const char *list = methods_of(srv);
	const uint16_t port = srv->addr.port;
	enum method m;

	if (last_use(srv, true) || tw__is_srv_label(srv->host))
		return false;
	while ((m = method_next(&list, &srv->addr)) != INIT_END) {
		if (m == INIT_LIBC)
			return true;
		if (m == INIT_NONE)
			return false;
		srv->has_addr = m == INIT_IP;
		if (m == INIT_LAST && last_use(srv, false))
			return false;
		srv->addr.port = port;
		if (srv->has_addr)
			return false;
	}
	return false;
}

/* What follows "libc" when that has failed. */
static bool
server_try_after_libc(struct tw_server *srv)
{
	const char *list = methods_of(srv);
	const uint16_t port = srv->addr.port;
	enum method m;

	do
		m = method_next(&list, &srv->addr);
	while (m != INIT_LIBC && m != INIT_END);
	while ((m = method_next(&list, &srv->addr)) != INIT_END) {
		if (m == INIT_NONE)
			return true;
		srv->addr.port = port;
		if (m == INIT_IP)
			return srv->has_addr = true;
	}
	return false;
}

static bool
allows_none(const struct tw_server *srv)
{
	return tw__is_srv_label(srv->host) || strstr(methods_of(srv), "none") != NULL;
}

static int
by_host(const void *a, const void *b)
{
	const struct tw_server *x = *(struct tw_server *const *)a;
	const struct tw_server *y = *(struct tw_server *const *)b;
	const int host = strcmp(x->host, y->host);

	return host != 0 ? host : (int)x->family - (int)y->family;
}

static void *
resolve_run(void *arg)
{
	struct inquiry *all = arg;
	int i;

	while ((i = atomic_fetch_add(&all->next, 1)) < all->n) {
		struct question *q = &all->q[i];

		q->ok = tw__addr_resolve(q->host, q->family, &q->addr, &q->err) == 0;
	}
	return NULL;
}

static void
inquiry_run(struct inquiry *all)
{
	pthread_t thread[RESOLVE_THREADS];
	int n = 0;

	while (n < RESOLVE_THREADS - 1 && n < all->n - 1 &&
	    pthread_create(&thread[n], NULL, resolve_run, all) == 0)
		n++;
	resolve_run(all);
	while (n > 0)
		pthread_join(thread[--n], NULL);
}

static void
inquiry_make(struct inquiry *all, struct tw_server *const *of, int n)
{
	*all = (struct inquiry){ .q = calloc((size_t)n, sizeof(*all->q)) };
	if (all->q == NULL)
		TW_WRONG("out of memory for host names");
	for (int i = 0; i < n; i++) {
		struct question *q = &all->q[all->n - (all->n > 0)];

		if (all->n == 0 || by_host(&of[i], &of[i - 1]) != 0) {
			q = &all->q[all->n++];
			*q = (struct question){ of[i]->host, of[i]->family, i, 0, false,
				{ 0 }, { "" } };
		}
		q->n++;
	}
}

static void
answer_use(const struct question *q, struct tw_server *const *of)
{
	for (int i = q->first; i < q->first + q->n; i++) {
		const uint16_t port = of[i]->addr.port;

		if (!q->ok)
			continue;
		of[i]->addr = q->addr;
		of[i]->addr.port = port;
		of[i]->has_addr = true;
	}
}

/* Reports in the order of the files. */
static int
unresolved_report(struct tw_gen *gen)
{
	struct tw_proxy *px;
	int rc = 0;

	TAILQ_FOREACH(px, &gen->proxies, link) {
		for (int i = 0; i < px->n_servers; i++) {
			struct tw_server *srv = px->server[i];

			if (srv->has_addr || srv->host == NULL ||
			    server_try_after_libc(srv) || allows_none(srv))
				continue;
			rc = tw_gen_fail(gen, srv->file, srv->line,
			    "'server %s/%s' : could not resolve address '%s'", px->name,
			    srv->name, srv->host);
		}
	}
	return rc;
}

int
tw__servers_resolve(struct tw_gen *gen)
{
	struct tw_server **of = malloc(((size_t)gen->n_servers + 1) * sizeof(*of));
	struct inquiry all;
	struct tw_proxy *px;
	int n = 0;

	if (of == NULL)
		TW_WRONG("out of memory for host names");
	TAILQ_FOREACH(px, &gen->proxies, link) {
		for (int i = 0; i < px->n_servers; i++) {
			struct tw_server *srv = px->server[i];

			if (srv->host != NULL && server_try_without_libc(srv))
				of[n++] = srv;
		}
	}
	if (n > 0) {
		qsort(of, (size_t)n, sizeof(*of), by_host);
		inquiry_make(&all, of, n);
		inquiry_run(&all);
		for (int i = 0; i < all.n; i++)
			answer_use(&all.q[i], of);
		free(all.q);
	}
	free(of);
	return unresolved_report(gen);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * rs_run.c - who asks for what, as the generation in force says.
 *
 * When a generation has come into force its sections and names are made anew,
 * and take over what the former ones know: counters, answers, and when the
 * last valid one came. The former are then let go, before their generation
 * is. A section that nobody uses costs nothing but its counters. Control thread.
 */
#include <stdlib.h>

#include <tideway/assert.h>
#include <tideway/proxy.h>
#include "modules/resolvers/rs.h"

#define NAMES_A_MS 16

static struct rs_groups groups = TAILQ_HEAD_INITIALIZER(groups);
static const struct tw_gen *synced;
static bool is_down; /* the program ends */

const struct rs_groups *
rs_groups_now(void)
{
	return &groups;
}

static void *
must(void *p)
{
	if (p == NULL)
		TW_WRONG("out of memory for names");
	return p;
}

/* --- names --- */

static void
host_lower(char to[RS_NAME_MAX], const char *host)
{
	size_t i = 0;

	for (; host[i] != '\0' && i < RS_NAME_MAX - 1; i++)
		to[i] =
		    (char)(host[i] >= 'A' && host[i] <= 'Z' ? host[i] + 32 : host[i]);
	to[i] = '\0';
}

static uint32_t
host_slot(const char *host)
{
	uint32_t h = 2166136261u;

	for (; *host != '\0'; host++)
		h = (h ^ (unsigned char)*host) * 16777619u;
	return h % RS_HOST_SLOTS;
}

static struct rs_name *
name_find(const struct rs_group *g, const char *host, bool srv, bool prefer_v4)
{
	struct rs_name *n;

	LIST_FOREACH(n, &g->by_host[host_slot(host)], host_link)
		if (!n->look && n->srv == srv && n->prefer_v4 == prefer_v4 &&
		    strcmp(n->host, host) == 0)
			return n;
	return NULL;
}

static struct rs_name *
name_new(struct rs_group *g, const char *host, bool srv, bool prefer_v4)
{
	struct rs_name *const n = must(calloc(1, sizeof(*n)));

	strcpy(n->host, host);
	n->group = g;
	n->srv = srv;
	n->prefer_v4 = prefer_v4;
	n->valid_ms = tw_now_ms(); /* `hold` counts from here */
	n->timer.fn = rs_name_due;
	TAILQ_INIT(&n->items);
	TAILQ_INIT(&n->users);
	TAILQ_INSERT_TAIL(&g->names, n, link);
	LIST_INSERT_HEAD(&g->by_host[host_slot(host)], n, host_link);
	/* thousands of names are not asked for in one burst */
	tw_timer_set(&n->timer, tw_now_ms() + 1 + g->n_names++ / NAMES_A_MS);
	return n;
}

static struct rs_name *
name_get(struct rs_group *g, const char *host, bool srv, bool prefer_v4)
{
	struct rs_name *const n = name_find(g, host, srv, prefer_v4);

	return n != NULL ? n : name_new(g, host, srv, prefer_v4);
}

struct rs_name *
rs_name_find_look(const struct rs_group *g, const char *host, bool prefer_v4)
{
	struct rs_name *n;

	LIST_FOREACH(n, &g->by_host[host_slot(host)], host_link)
		if (n->look && n->prefer_v4 == prefer_v4 && strcmp(n->host, host) == 0)
			return n;
	return NULL;
}

struct rs_name *
rs_name_new_look(struct rs_group *g, const char *host, bool prefer_v4)
{
	struct rs_name *const n = name_new(g, host, false, prefer_v4);

	n->look = true;
	LIST_INIT(&n->looks);
	g->n_looks++;
	return n;
}

void
rs_name_free(struct rs_name *n)
{
	rs_ask_end(n);
	if (n->look) {
		rs_looks_again(n);
		n->group->n_looks--;
	}
	tw_timer_del(&n->timer);
	while (!TAILQ_EMPTY(&n->items))
		rs_item_drop(n, TAILQ_FIRST(&n->items));
	TAILQ_REMOVE(&n->group->names, n, link);
	LIST_REMOVE(n, host_link);
	n->group->n_names--;
	free(n);
}

struct rs_user *
rs_user_new(
    struct rs_group *g, struct tw_server *srv, const char *host, struct rs_user *parent)
{
	const struct rs_server *opt = tw_server_block(srv, rs_self);
	const bool is_srv = parent == NULL && host[0] == '_';
	char lower[RS_NAME_MAX];
	struct rs_user *u;

	host_lower(lower, host);
	if (!rs_name_is_ok(lower))
		return NULL;
	u = must(calloc(1, sizeof(*u)));
	u->srv = srv;
	u->opt = opt;
	u->parent = parent;
	u->name = name_get(g, lower, is_srv, !is_srv && opt->prefer_v4);
	TAILQ_INSERT_TAIL(&u->name->users, u, link);
	u->name->n_users++;
	TAILQ_INSERT_TAIL(&g->users, u, all);
	return u;
}

void
rs_user_free(struct rs_user **pu)
{
	struct rs_user *u = *pu;

	*pu = NULL;
	if (u == NULL)
		return;
	rs_user_free(&u->target);
	TAILQ_REMOVE(&u->name->users, u, link);
	u->name->n_users--;
	TAILQ_REMOVE(&u->name->group->users, u, all);
	if (TAILQ_EMPTY(&u->name->users))
		rs_name_free(u->name);
	free(u);
}

/* --- sections --- */

static struct rs_group *
group_new(const struct rs_conf *conf)
{
	struct rs_group *g = must(calloc(1, sizeof(*g)));
	const struct rs_ns_conf *ns;

	g->conf = conf;
	g->ns = must(calloc((size_t)conf->n_servers + 1, sizeof(*g->ns)));
	TAILQ_INIT(&g->names);
	TAILQ_INIT(&g->users);
	STAILQ_FOREACH(ns, &conf->servers, link)
		rs_ns_init(&g->ns[g->n_ns++], g, ns);
	return g;
}

static void
group_free(struct rs_group *g)
{
	struct rs_user *u;

	while ((u = TAILQ_FIRST(&g->users)) != NULL) {
		while (u->parent != NULL) /* targets go with their parents */
			u = u->parent;
		rs_user_free(&u); /* and names with their last user */
	}
	while (!TAILQ_EMPTY(&g->names)) /* do-resolve's */
		rs_name_free(TAILQ_FIRST(&g->names));
	for (int i = 0; i < g->n_ns; i++)
		rs_ns_fini(&g->ns[i]);
	free(g->ns);
	free(g);
}

static struct rs_group *
group_find(const struct rs_groups *in, const char *name)
{
	struct rs_group *g;

	TAILQ_FOREACH(g, in, link)
		if (strcmp(g->conf->name, name) == 0)
			return g;
	return NULL;
}

static void
counters_inherit(struct rs_group *g, const struct rs_group *former)
{
	for (int i = 0; i < g->n_ns; i++)
		for (int k = 0; k < former->n_ns; k++)
			if (strcmp(g->ns[i].conf->name, former->ns[k].conf->name) == 0)
				g->ns[i].count = former->ns[k].count;
}

/* What is known of a name stays known. */
static void
names_inherit(struct rs_group *g, struct rs_group *former)
{
	struct rs_name *n;

	TAILQ_FOREACH(n, &g->names, link) { /* none of them is do-resolve's yet */
		struct rs_name *const was =
		    name_find(former, n->host, n->srv, n->prefer_v4);

		if (was == NULL)
			continue;
		n->valid_ms = was->valid_ms;
		while (!TAILQ_EMPTY(&was->items)) {
			struct rs_item *const item = TAILQ_FIRST(&was->items);

			TAILQ_REMOVE(&was->items, item, link);
			TAILQ_INSERT_TAIL(&n->items, item, link);
		}
	}
}

/* --- following the generations --- */

static void
users_make(struct tw_proxy *px)
{
	struct tw_server *srv;

	for (int i = 0; (srv = tw_proxy_server(px, i)) != NULL; i++) {
		const struct rs_server *opt = tw_server_block(srv, rs_self);
		const char *host = tw_server_host(srv);

		if (opt->resolvers != NULL && host != NULL)
			rs_user_new(
			    group_find(&groups, opt->resolvers), srv, host, NULL);
	}
}

static void
groups_make(struct tw_gen *gen)
{
	const struct rs_gen *conf = tw_gen_block(gen, rs_self);
	const struct rs_conf *c;
	struct tw_proxy *px;

	STAILQ_FOREACH(c, &conf->sections, link) {
		struct rs_group *const g = group_new(c);

		TAILQ_INSERT_TAIL(&groups, g, link);
	}
	for (int i = 0; (px = tw_gen_proxy(gen, i)) != NULL; i++)
		if (tw_proxy_has(px, TW_BACKEND) && !tw_proxy_is_disabled(px))
			users_make(px);
}

static void
switch_to(struct tw_gen *gen)
{
	struct rs_groups former = TAILQ_HEAD_INITIALIZER(former);
	struct rs_group *g;

	TAILQ_CONCAT(&former, &groups, link);
	if (gen != NULL)
		groups_make(gen);
	TAILQ_FOREACH(g, &groups, link) {
		struct rs_group *const was = group_find(&former, g->conf->name);

		if (was == NULL)
			continue;
		counters_inherit(g, was);
		names_inherit(g, was);
	}
	while ((g = TAILQ_FIRST(&former)) != NULL) {
		TAILQ_REMOVE(&former, g, link);
		group_free(g);
	}
	synced = gen;
}

struct rs_group *
rs_group_now(const char *name)
{
	return group_find(&groups, name);
}

static struct rs_user *
user_of(const struct tw_server *srv)
{
	struct rs_group *g;
	struct rs_user *u;

	TAILQ_FOREACH(g, &groups, link)
		TAILQ_FOREACH(u, &g->users, all)
			if (u->srv == srv && u->parent == NULL)
				return u;
	return NULL;
}

/* It follows another name, which is asked for at once, or none. */
void
rs_run_server(struct tw_server *srv, enum tw_server_event what)
{
	const struct rs_server *const opt = tw_server_block(srv, rs_self);
	struct rs_user *u = user_of(srv);

	if (opt->resolvers == NULL || what == TW_SERVER_ADDED || synced == NULL)
		return;
	rs_user_free(&u);
	if (what == TW_SERVER_REMOVED)
		return;
	u = rs_user_new(
	    group_find(&groups, opt->resolvers), srv, tw_server_host(srv), NULL);
	if (u != NULL && !u->name->asking)
		tw_timer_set(&u->name->timer, tw_now_ms() + 1);
}

bool
rs_run_is_up(void)
{
	return !is_down;
}

void
rs_run_follow(struct tw_gen *gen)
{
	switch_to(gen);
}

void
rs_run_drop(const struct tw_gen *gen)
{
	if (synced == gen)
		switch_to(NULL);
}

void
rs_run_stop(void)
{
	is_down = true;
	switch_to(NULL);
	rs_taken_end();
}

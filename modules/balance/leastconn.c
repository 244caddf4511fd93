/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * leastconn.c - the server with the fewest sessions for its weight.
 *
 * A binary heap with the next server on top: those with room first, then by
 * (load + 1) / weight, then the one that was chosen longest ago, so that
 * idle servers take turns. Each change of a server's load moves it, O(log n),
 * under one mutex; a choice counts at once as one more session, so that two
 * workers do not choose the same server for being told late.
 */
#include <pthread.h>
#include <stdlib.h>

#include <tideway/assert.h>

#include "balance.h"

struct node {
	struct tw_server *server; /* borrow: gen */
	uint32_t weight, load;
	bool full;
	uint64_t chosen; /* when, in choices; lock */
};

struct state {
	pthread_mutex_t lock;
	uint64_t choices; /* lock */
	int n, n_where;
	struct node *heap; /* owns; lock */
	int *where;        /* owns: place in heap by tw_server_index; -1; lock */
};

static bool
node_before(const struct node *a, const struct node *b)
{
	const uint64_t x = (uint64_t)(a->load + 1) * b->weight;
	const uint64_t y = (uint64_t)(b->load + 1) * a->weight;

	if (a->full != b->full)
		return b->full;
	if (x != y)
		return x < y;
	return a->chosen < b->chosen;
}

static void
node_put(struct state *s, int i, struct node node)
{
	s->heap[i] = node;
	s->where[tw_server_index(node.server)] = i;
}

static void
heap_up(struct state *s, int i)
{
	const struct node node = s->heap[i];

	while (i > 0 && node_before(&node, &s->heap[(i - 1) / 2])) {
		node_put(s, i, s->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	node_put(s, i, node);
}

static void
heap_down(struct state *s, int i)
{
	const struct node node = s->heap[i];

	for (int child = 2 * i + 1; child < s->n; child = 2 * i + 1) {
		if (child + 1 < s->n &&
		    node_before(&s->heap[child + 1], &s->heap[child]))
			child++;
		if (!node_before(&s->heap[child], &node))
			break;
		node_put(s, i, s->heap[child]);
		i = child;
	}
	node_put(s, i, node);
}

static void
node_refresh(struct node *node)
{
	node->load = tw_server_load(node->server);
	node->full = !tw_server_has_room(node->server);
}

static void *
must(void *p)
{
	if (p == NULL)
		TW_WRONG("out of memory for a balance state");
	return p;
}

void *
leastconn_build(
    const struct tw_choice *choices, int n, const void *conf, const void *old)
{
	struct state *s = must(calloc(1, sizeof(*s)));

	(void)conf;
	(void)old; /* the loads are the servers' own */
	pthread_mutex_init(&s->lock, NULL);
	s->choices = (uint64_t)n;
	s->n = n;
	for (int i = 0; i < n; i++) {
		const int index = tw_server_index(choices[i].server);

		s->n_where = index >= s->n_where ? index + 1 : s->n_where;
	}
	s->heap = must(calloc((size_t)n + 1, sizeof(*s->heap)));
	s->where = must(malloc(((size_t)s->n_where + 1) * sizeof(*s->where)));
	for (int i = 0; i < s->n_where; i++)
		s->where[i] = -1;
	for (int i = 0; i < n; i++) {
		struct node node = { choices[i].server, choices[i].weight, 0, false,
			(uint64_t)i };

		node_refresh(&node);
		node_put(s, i, node);
		heap_up(s, i);
	}
	return s;
}

void
leastconn_free(void *state)
{
	struct state *s = state;

	pthread_mutex_destroy(&s->lock);
	free(s->heap);
	free(s->where);
	free(s);
}

/* What the top says of its room may be out of date: then the next is asked. */
static struct tw_server *
heap_choose(struct state *s)
{
	for (int tries = 0; tries <= s->n; tries++) {
		struct node *top = &s->heap[0];

		if (top->full)
			return NULL;
		if (tw_server_has_room(top->server)) {
			top->load++;
			top->chosen = ++s->choices;
			return top->server;
		}
		node_refresh(top);
		top->full = true;
		heap_down(s, 0);
	}
	return NULL;
}

static int
heap_find(const struct state *s, const struct tw_server *srv)
{
	const int index = srv != NULL ? tw_server_index(srv) : s->n_where;
	const int i = index < s->n_where ? s->where[index] : -1;

	return i >= 0 && s->heap[i].server == srv ? i : -1;
}

static void
heap_moved(struct state *s, int i)
{
	const int index = tw_server_index(s->heap[i].server);

	heap_up(s, i);
	heap_down(s, s->where[index]);
}

/* A server to avoid stands behind all others for the time of one choice. */
static struct tw_server *
choose_other(struct state *s, int avoid)
{
	struct tw_server *const bad = s->heap[avoid].server;

	s->heap[avoid].full = true;
	heap_moved(s, avoid);
	struct tw_server *const srv = heap_choose(s);
	if (srv != NULL)
		heap_down(s, 0);
	const int i = heap_find(s, bad);
	node_refresh(&s->heap[i]);
	heap_moved(s, i);
	return srv;
}

struct tw_server *
leastconn_pick(void *state, const void *conf, struct tw_req *req)
{
	struct state *s = state;
	struct tw_server *srv;

	(void)conf;
	if (s->n == 0)
		return NULL;
	pthread_mutex_lock(&s->lock);
	const int avoid = heap_find(s, tw_req_avoid(req));
	if (avoid >= 0) {
		srv = choose_other(s, avoid);
	} else {
		srv = heap_choose(s);
		if (srv != NULL)
			heap_down(s, 0);
	}
	pthread_mutex_unlock(&s->lock);
	return srv;
}

void
leastconn_moved(void *state, struct tw_server *srv)
{
	struct state *s = state;

	pthread_mutex_lock(&s->lock);
	const int i = heap_find(s, srv);
	if (i >= 0) {
		node_refresh(&s->heap[i]);
		heap_moved(s, i);
	}
	pthread_mutex_unlock(&s->lock);
}

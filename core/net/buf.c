/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * buf.c - each worker's free lists: buffers, connections, pipes.
 *
 * In steady state nothing is allocated: blocks return to a list of their
 * worker and the one used last, still in the cache, is given first. An idle
 * connection holds none of them.
 */
#include "config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <tideway/assert.h>
#include "core/net/conn.h"

#define PIPE_BYTES (256 * 1024)
#define PIPES_KEPT 64

void *
tw__pool_get(struct tw__pool *pool)
{
	void *const p = pool->free;

	if (TW_LIKELY(p != NULL)) {
		pool->free = *(void **)p;
		if (--pool->n_free < pool->least)
			pool->least = pool->n_free;
	} else {
		void *const fresh = malloc(pool->size);
		if (fresh == NULL)
			return NULL;
		pool->n_used++;
		return fresh;
	}
	pool->n_used++;
	return p;
}

void
tw__pool_put(struct tw__pool *pool, void *p)
{
	*(void **)p = pool->free;
	pool->free = p;
	pool->n_free++;
	pool->n_used--;
}

void
tw__pool_drain(struct tw__pool *pool)
{
	while (pool->free != NULL) {
		void *const p = pool->free;
		pool->free = *(void **)p;
		if (pool->fini != NULL)
			pool->fini(p);
		free(p);
	}
	pool->n_free = pool->least = 0;
}

bool
tw__buf_get(struct tw_conn *conn)
{
	struct tw__net *const net = conn->worker->net;

	conn->in.base = tw__pool_get(&net->bufs);
	conn->in.size = net->buf_size;
	conn->in.head = conn->in.tail = 0;
	return conn->in.base != NULL;
}

void
tw__buf_put(struct tw_conn *conn)
{
	if (conn->in.base == NULL)
		return;
	struct tw__net *const net = conn->worker->net;
	tw__pool_put(&net->bufs, conn->in.base);
	conn->in = (struct tw_buf){ 0 };
	if (TW_UNLIKELY(net->bufs.n_free > TW__POOL_KEEP))
		tw__trim_arm(net);
}

static _Atomic uint32_t pipe_bytes = PIPE_BYTES, max_pipes;
static _Atomic uint32_t n_pipes; /* of all workers */

static _Atomic bool no_pipes;

void
tw__pipes_set(uint32_t bytes, uint32_t most, bool none)
{
	atomic_store(&no_pipes, none);
	atomic_store(&pipe_bytes, bytes != 0 ? bytes : PIPE_BYTES);
	atomic_store(&max_pipes, most);
}

static struct tw__pipe *
pipe_new(void)
{
	struct tw__pipe *const p = malloc(sizeof(*p));
	const uint32_t most = atomic_load(&max_pipes);
	int fd[2];

	if (p == NULL)
		return NULL;
	if ((most != 0 && atomic_load(&n_pipes) >= most) ||
	    pipe2(fd, O_NONBLOCK | O_CLOEXEC) != 0) {
		free(p);
		return NULL;
	}
	atomic_fetch_add(&n_pipes, 1);
	*p = (struct tw__pipe){ .rd = fd[0], .wr = fd[1] };
	fcntl(p->wr, F_SETPIPE_SZ,
	    (int)atomic_load(&pipe_bytes)); /* smaller is fine, too */
	return p;
}

static void
pipe_free(struct tw__pipe *p)
{
	atomic_fetch_sub(&n_pipes, 1);
	close(p->rd);
	close(p->wr);
	free(p);
}

struct tw__pipe *
tw__pipe_get(struct tw_worker *w)
{
	struct tw__net *const net = w->net;
	struct tw__pipe *const p = net->pipes;

	if (TW_UNLIKELY(atomic_load_explicit(&no_pipes, memory_order_relaxed)))
		return NULL;
	if (p == NULL)
		return pipe_new();
	net->pipes = p->next;
	net->n_pipes--;
	return p;
}

void
tw__pipe_put(struct tw_worker *w, struct tw__pipe **pipe)
{
	struct tw__net *const net = w->net;
	struct tw__pipe *const p = *pipe;

	if (p == NULL)
		return;
	*pipe = NULL;
	if (p->held > 0 || net->n_pipes >= PIPES_KEPT) {
		pipe_free(p);
		return;
	}
	p->next = net->pipes;
	net->pipes = p;
	net->n_pipes++;
}

static void
purge_fire(struct tw_timer *t)
{
	(void)t;
	tw__upstream_purge(tw__self);
}

int
tw__net_up(struct tw_worker *w, uint32_t buf_size)
{
	struct tw__net *const net = calloc(1, sizeof(*net));

	if (net == NULL)
		return -1;
	net->buf_size = buf_size;
	net->bufs.size = buf_size + TW_BUF_RESERVE;
	net->outs.size = (uint32_t)sizeof(struct tw__out) + buf_size;
	net->conns.size = sizeof(struct tw_conn);
	net->purge.fn = purge_fire;
	TAILQ_INIT(&net->clients);
	TAILQ_INIT(&net->lingering);
	LIST_INIT(&net->again);
	LIST_INIT(&net->wakes);
	LIST_INIT(&net->asks);
	net->hook = (struct tw__turn_hook){ .fn = tw__conns_again, .arg = net };
	tw__turn_hook_add(w, &net->hook);
	w->net = net;
	return 0;
}

void
tw__net_down(struct tw_worker *w)
{
	struct tw__net *const net = w->net;

	if (net == NULL)
		return;
	while (net->pipes != NULL) {
		struct tw__pipe *const p = net->pipes;
		net->pipes = p->next;
		pipe_free(p);
	}
	tw__turn_hook_del(w, &net->hook);
	tw_timer_del(&net->trim);
	tw_timer_del(&net->ask);
	tw__pool_drain(&net->bufs);
	tw__pool_drain(&net->outs);
	tw__pool_drain(&net->conns);
	free(net->idle);
	free(net);
	w->net = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * histogram.c - how long requests took, by frontend, backend and server.
 *
 * Nobody pays for it until somebody asks (a metrics exporter): then each live
 * object gets a row for each worker, and keeps it. Workers add to their own
 * row, the reader sums.
 */
#include "config.h"

#include <stdlib.h>

#include "core/proxy/proxy_int.h"

const uint32_t tw_histogram_ms[TW_HISTOGRAM_BUCKETS - 1] = { 1, 2, 5, 10, 25, 50, 100,
	250, 500, 1000, 2500, 5000, 10000 };

static bool wanted; /* control */

void
tw__histogram_init(struct tw__side_live *s)
{
	const size_t size = sizeof(struct tw__histogram) * ((size_t)tw_n_workers() + 1);
	struct tw__histogram *h;

	if (!wanted || atomic_load(&s->histogram) != NULL)
		return;
	h = aligned_alloc(_Alignof(struct tw__histogram), size);
	if (h == NULL)
		TW_WRONG("out of memory for histograms");
	memset(h, 0, size);
	atomic_store(&s->histogram, h);
}

void
tw__histogram_add(struct tw__histogram *h, uint32_t ms)
{
	int i = 0;

	while (i < TW_HISTOGRAM_BUCKETS - 1 && ms > tw_histogram_ms[i])
		i++;
	atomic_store_explicit(&h->n[i],
	    atomic_load_explicit(&h->n[i], memory_order_relaxed) + 1,
	    memory_order_relaxed);
	atomic_store_explicit(&h->sum_ms,
	    atomic_load_explicit(&h->sum_ms, memory_order_relaxed) + ms,
	    memory_order_relaxed);
}

/* context: the row's worker. */
void
tw__histogram_clear(struct tw__histogram *h)
{
	for (int i = 0; i < TW_HISTOGRAM_BUCKETS; i++)
		atomic_store_explicit(&h->n[i], 0, memory_order_relaxed);
	atomic_store_explicit(&h->sum_ms, 0, memory_order_relaxed);
}

static bool
histogram_sum(const struct tw__side_live *s, struct tw_histogram *out)
{
	const struct tw__histogram *const h = atomic_load(&s->histogram);

	*out = (struct tw_histogram){ .sum_ms = 0 };
	for (int w = 0; h != NULL && w <= tw_n_workers(); w++) {
		for (int i = 0; i < TW_HISTOGRAM_BUCKETS; i++)
			out->n[i] +=
			    atomic_load_explicit(&h[w].n[i], memory_order_relaxed);
		out->sum_ms += atomic_load_explicit(&h[w].sum_ms, memory_order_relaxed);
	}
	return h != NULL;
}

bool
tw_proxy_histogram(
    const struct tw_proxy *px, enum tw_side side, struct tw_histogram *out)
{
	return histogram_sum(side == TW_FRONTEND ? &px->live->fe : &px->live->be, out);
}

bool
tw_server_histogram(const struct tw_server *srv, struct tw_histogram *out)
{
	return histogram_sum(&srv->live->s, out);
}

static void
proxy_begin(void *live, void *arg)
{
	struct tw_proxy_live *const l = live;

	(void)arg;
	tw__histogram_init(&l->fe);
	tw__histogram_init(&l->be);
}

static void
server_begin(void *live, void *arg)
{
	struct tw_server_live *const l = live;

	(void)arg;
	tw__histogram_init(&l->s);
}

void
tw_histograms_begin(void)
{
	if (wanted)
		return;
	wanted = true;
	tw__live_each_proxy(proxy_begin, NULL);
	tw__live_each_server(server_begin, NULL);
}

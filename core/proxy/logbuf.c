/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * logbuf.c - a worker's log lines on their way out.
 *
 * Lines leave together at the end of a loop's turn: when there are enough of
 * them, or after a few milliseconds. What a receiver cannot take yet waits in
 * the buffer, and is lost, and counted, only when that is full. Each worker
 * has its own; so have, together, the threads that are none.
 */
#include "config.h"

#include <stdlib.h>

#include "proxy/forward.h"
#include "proxy/logbuf.h"
#include "proxy/ring.h"

#define IOV_PER_MSG 3
#define FLUSH_AT \
	8            /* lines that are worth a system call; a unix datagram
                        socket takes ten by default (net.unix.max_dgram_qlen) */
#define FLUSH_MS 4   /* the longest that fewer wait */
#define TRY_MAX 32   /* messages in one system call */
#define RETRY_US 200 /* until a full receiver is tried again */

static void
entry_iov(const struct tw__logw *lw, const struct tw__log_entry *e, struct iovec *iov)
{
	static char newline[] = "\n";
	char *const text = lw->buf + e->text;
	const bool has_newline = text[e->text_len] == '\n';

	if (e->head + e->head_len == e->text && has_newline) { /* one piece */
		iov[0] =
		    (struct iovec){ lw->buf + e->head, e->head_len + e->text_len + 1 };
		iov[1] = iov[2] = (struct iovec){ newline, 0 };
		return;
	}
	iov[0] = (struct iovec){ lw->buf + e->head, e->head_len };
	iov[1] = (struct iovec){ text, e->text_len + has_newline };
	iov[2] = (struct iovec){ newline, !has_newline };
}

/* Messages for the target of entry `first`, some at a time, until all are sent
 * (or given up) or it is full; they are taken out. */
static void
flush_target(struct tw__logw *lw, int first)
{
	struct iovec iov[TRY_MAX * IOV_PER_MSG];
	struct tw__log_target *const target = lw->entry[first].target;
	int from = first;

	while (from < lw->n) {
		int n = 0, at[TRY_MAX];

		for (; from < lw->n && n < TRY_MAX; from++) {
			if (lw->entry[from].target != target)
				continue;
			entry_iov(lw, &lw->entry[from], iov + IOV_PER_MSG * n);
			at[n++] = from;
		}
		const int sent =
		    n > 0 ? tw__log_target_send(target, iov, IOV_PER_MSG, n) : 0;
		for (int i = 0; i < sent; i++)
			lw->entry[at[i]].target = NULL;
		if (sent < n)
			return;
	}
}

/* Each target that has entries is served once. */
static void
flush_targets(struct tw__logw *lw)
{
	const struct tw__log_target *done[2 * TW__LOGGERS_MAX];
	size_t n_done = 0;

	for (int i = lw->first; i < lw->n; i++) {
		const struct tw__log_target *const t = lw->entry[i].target;
		size_t k = 0;

		while (k < n_done && done[k] != t)
			k++;
		if (t == NULL || k < n_done)
			continue;
		if (n_done < TW_N_ELEMENTS(done))
			done[n_done++] = t;
		flush_target(lw, i);
	}
}

void
tw__logw_flush(struct tw__logw *lw)
{
	flush_targets(lw);
	while (lw->first < lw->n && lw->entry[lw->first].target == NULL)
		lw->first++;
	if (lw->first < lw->n) {
		lw->retry_us = tw_now_us() + RETRY_US;
		return;
	}
	lw->first = lw->n = 0;
	lw->used = 0;
	lw->retry_us = 0;
}

/* What is left moves to the front. */
static void
compact(struct tw__logw *lw)
{
	uint32_t from = lw->used;
	int n = 0;

	for (int i = lw->first; i < lw->n; i++) {
		const struct tw__log_entry *const e = &lw->entry[i];
		const uint32_t start = e->head < e->text ? e->head : e->text;

		if (e->target == NULL)
			continue;
		if (start < from)
			from = start;
		lw->entry[n++] = *e;
	}
	memmove(lw->buf, lw->buf + from, lw->used - from);
	for (int i = 0; i < n; i++) {
		lw->entry[i].head -= from;
		lw->entry[i].text -= from;
	}
	lw->used -= from;
	lw->first = 0;
	lw->n = n;
}

/* Nobody can wait for these receivers any longer. */
static void
drop_all(struct tw__logw *lw)
{
	for (int i = lw->first; i < lw->n; i++) {
		if (lw->entry[i].target != NULL)
			tw__log_drop(lw->entry[i].target, 1);
	}
	lw->first = lw->n = 0;
	lw->used = 0;
	lw->retry_us = 0;
}

void
tw__logw_make_room(struct tw__logw *lw, uint32_t bytes, uint32_t entries)
{
	tw__logw_flush(lw);
	if (!tw__logw_has_room(lw, bytes, entries))
		compact(lw);
	if (!tw__logw_has_room(lw, bytes, entries))
		drop_all(lw);
}

static void
on_timer(struct tw_timer *t)
{
	struct tw__logw *const lw =
	    (struct tw__logw *)((char *)t - offsetof(struct tw__logw, timer));

	if (lw->n > 0)
		tw__logw_flush(lw);
	if (lw->n > 0)
		tw_timer_set(t, tw_now_ms() + FLUSH_MS);
}

static void
on_turn(struct tw_worker *w, void *arg)
{
	struct tw__logw *const lw = arg;

	(void)w;
	if (lw->n == 0)
		return;
	if (lw->n - lw->first >= FLUSH_AT &&
	    (lw->retry_us == 0 || tw_now_us() >= lw->retry_us))
		tw__logw_flush(lw);
	if (lw->n > 0 && lw->timer.due_ms == 0)
		tw_timer_set(&lw->timer, tw_now_ms() + FLUSH_MS);
}

struct tw__logw *
tw__logw_new(void)
{
	struct tw__logw *const lw = calloc(1, sizeof(*lw));

	if (lw == NULL)
		return NULL;
	lw->buf = malloc(TW__LOGW_BYTES);
	if (lw->buf == NULL) {
		free(lw);
		return NULL;
	}
	return lw;
}

int
tw__log_worker_up(struct tw_worker *w)
{
	struct tw__logw *const lw = tw__logw_new();

	if (lw == NULL)
		return -1;
	lw->hook.fn = on_turn;
	lw->timer.fn = on_timer;
	lw->hook.arg = lw;
	w->log = lw;
	tw__turn_hook_add(w, &lw->hook);
	if (w->id == 0) {
		tw__rings_up();
		tw__forwards_up();
	}
	return 0;
}

void
tw__log_worker_down(struct tw_worker *w)
{
	struct tw__logw *const lw = w->log;

	if (lw == NULL)
		return;
	if (w->id == 0)
		tw__forwards_down();
	tw__logw_flush(lw);
	drop_all(lw);
	if (w->id == 0)
		tw__rings_down();
	tw_timer_del(&lw->timer);
	tw__turn_hook_del(w, &lw->hook);
	w->log = NULL;
	free(lw->buf);
	free(lw);
}

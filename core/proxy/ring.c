/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * ring.c - rings: messages, each behind its length, in a circle of bytes.
 *
 * Positions only grow; where they are in memory is the rest of a division. The
 * lock is held for a copy of one message, never longer. Any thread.
 */
#include "config.h"

#include <stdlib.h>

#include <tideway/assert.h>

#include "proxy/logger.h"
#include "proxy/ring.h"

#define LEN_BYTES sizeof(uint32_t)
#define NONE SIZE_MAX

static SLIST_HEAD(, tw__ring) rings; /* shared: rings_lock */
static pthread_mutex_t rings_lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- the registry ------------------------------------------------------- */

struct tw__ring *
tw__ring_find(const char *name)
{
	struct tw__ring *r;

	pthread_mutex_lock(&rings_lock);
	SLIST_FOREACH(r, &rings, link)
		if (strcmp(r->name, name) == 0)
			break;
	pthread_mutex_unlock(&rings_lock);
	return r;
}

struct tw__ring *
tw__ring_get(const char *name)
{
	struct tw__ring *r = tw__ring_find(name);

	if (r != NULL)
		return r;
	r = calloc(1, sizeof(*r));
	TW_ASSERT(r != NULL);
	r->magic = TW__RING_MAGIC;
	r->name = strdup(name);
	r->description = strdup(name);
	TW_ASSERT(r->name != NULL && r->description != NULL);
	pthread_mutex_init(&r->lock, NULL);
	r->target = tw__log_target_ring(r);
	pthread_mutex_lock(&rings_lock);
	SLIST_INSERT_HEAD(&rings, r, link);
	pthread_mutex_unlock(&rings_lock);
	return r;
}

void
tw__ring_each(void (*fn)(struct tw__ring *r, void *arg), void *arg)
{
	struct tw__ring *r;

	/* rings are never freed */
	pthread_mutex_lock(&rings_lock);
	r = SLIST_FIRST(&rings);
	pthread_mutex_unlock(&rings_lock);
	for (; r != NULL; r = SLIST_NEXT(r, link))
		fn(r, arg);
}

/* ---- bytes (lock) ------------------------------------------------------- */

static void
bytes_in(struct tw__ring *r, uint64_t pos, const void *p, size_t len)
{
	const size_t at = (size_t)(pos % r->size);
	const size_t first = len < r->size - at ? len : (size_t)r->size - at;

	memcpy(r->mem + at, p, first);
	memcpy(r->mem, (const char *)p + first, len - first);
}

static void
bytes_out(const struct tw__ring *r, uint64_t pos, void *p, size_t len)
{
	const size_t at = (size_t)(pos % r->size);
	const size_t first = len < r->size - at ? len : (size_t)r->size - at;

	memcpy(p, r->mem + at, first);
	memcpy((char *)p + first, r->mem, len - first);
}

/* Of the message at `pos`, which is before the head. A file's bytes may be
 * anybody's: what would end behind the head is no message. */
static size_t
length_at(const struct tw__ring *r, uint64_t pos)
{
	uint32_t len;

	if (r->head - pos < LEN_BYTES)
		return NONE;
	bytes_out(r, pos, &len, LEN_BYTES);
	return len <= r->head - pos - LEN_BYTES ? len : NONE;
}

/* Behind the message at `pos`; all that follows one that is none is lost. */
static uint64_t
after(const struct tw__ring *r, uint64_t pos)
{
	const size_t len = length_at(r, pos);

	return len != NONE ? pos + LEN_BYTES + len : r->head;
}

/* Somebody who must not miss it has not read the oldest message. */
static bool
is_held(const struct tw__ring *r)
{
	const struct tw__ring_reader *rd;

	LIST_FOREACH(rd, &r->readers, link)
		if (rd->holds && rd->pos == r->tail)
			return true;
	return false;
}

/* Room for `need` bytes; old messages go for it. */
static bool
make_room(struct tw__ring *r, uint64_t need)
{
	if (need > r->size)
		return false;
	while (r->size - (r->head - r->tail) < need) {
		if (is_held(r))
			return false;
		r->tail = after(r, r->tail);
	}
	return true;
}

/* ---- writing ------------------------------------------------------------ */

static uint32_t
total(const struct iovec *iov, int n)
{
	size_t len = 0;

	for (int i = 0; i < n; i++)
		len += iov[i].iov_len;
	for (int i = n - 1; i >= 0; i--) {
		if (iov[i].iov_len == 0)
			continue;
		if (((const char *)iov[i].iov_base)[iov[i].iov_len - 1] == '\n')
			len--;
		break;
	}
	return len < UINT32_MAX ? (uint32_t)len : UINT32_MAX;
}

static void
message_in(struct tw__ring *r, uint32_t len, const struct iovec *iov, int n)
{
	uint64_t pos = r->head;
	size_t left = len;

	bytes_in(r, pos, &len, LEN_BYTES);
	pos += LEN_BYTES;
	for (int i = 0; i < n && left > 0; i++) {
		const size_t part = iov[i].iov_len < left ? iov[i].iov_len : left;

		bytes_in(r, pos, iov[i].iov_base, part);
		pos += part;
		left -= part;
	}
	r->head = pos;
}

bool
tw__ring_put(struct tw__ring *r, const struct iovec *iov, int n)
{
	uint32_t len = total(iov, n);

	pthread_mutex_lock(&r->lock);
	if (len > r->maxlen)
		len = r->maxlen;
	const bool ok = make_room(r, LEN_BYTES + (uint64_t)len);
	if (r->page != NULL && ok) /* what is overwritten now is there no more */
		tw__ring_file_note(r->page, r->tail, r->head);
	if (ok)
		message_in(r, len, iov, n);
	if (r->page != NULL && ok)
		tw__ring_file_note(r->page, r->tail, r->head);
	pthread_mutex_unlock(&r->lock);
	atomic_fetch_add_explicit(
	    ok ? &r->messages : &r->dropped, 1, memory_order_relaxed);
	if (atomic_load_explicit(&r->has_servers, memory_order_acquire))
		tw__ring_wake(r);
	return ok;
}

/* The newest messages, in their places for another size. lock. */
static void
copy_to(const struct tw__ring *r, struct tw__ring *to)
{
	for (uint64_t pos = r->tail; pos < r->head;) {
		const size_t at = (size_t)(pos % r->size);
		uint64_t part = r->size - at;

		part = part < r->head - pos ? part : r->head - pos;
		bytes_in(to, pos, r->mem + at, (size_t)part);
		pos += part;
	}
}

static void
memory_free(struct tw__ring *r)
{
	if (r->page == NULL)
		free(r->mem);
	tw__ring_file_unmap(&r->page, r->size);
}

void
tw__ring_resize(struct tw__ring *r, uint64_t size, struct tw__ring_page *page)
{
	struct tw__ring_reader *rd;
	struct tw__ring fresh = { .size = size,
		.mem = page != NULL ? tw__ring_file_bytes(page) : malloc(size) };

	TW_ASSERT(fresh.mem != NULL);
	pthread_mutex_lock(&r->lock);
	while (r->head - r->tail > size)
		r->tail = after(r, r->tail);
	copy_to(r, &fresh);
	LIST_FOREACH(rd, &r->readers, link)
		if (rd->pos < r->tail)
			rd->pos = r->tail;
	memory_free(r);
	r->mem = fresh.mem;
	r->page = page;
	r->size = size;
	if (page != NULL)
		tw__ring_file_note(page, r->tail, r->head);
	pthread_mutex_unlock(&r->lock);
}

/* ---- reading ------------------------------------------------------------ */

void
tw__ring_read_from(struct tw__ring *r, struct tw__ring_reader *rd, bool newest)
{
	pthread_mutex_lock(&r->lock);
	rd->pos = newest ? r->head : r->tail;
	LIST_INSERT_HEAD(&r->readers, rd, link);
	pthread_mutex_unlock(&r->lock);
}

void
tw__ring_read_end(struct tw__ring *r, struct tw__ring_reader *rd)
{
	pthread_mutex_lock(&r->lock);
	LIST_REMOVE(rd, link);
	pthread_mutex_unlock(&r->lock);
}

/* in: mem NULL: only looks. */
static size_t
next_message(struct tw__ring *r, struct tw__ring_reader *rd, char *mem, size_t room)
{
	size_t len = NONE;

	pthread_mutex_lock(&r->lock);
	if (rd->pos < r->tail) /* overtaken */
		rd->pos = r->tail;
	if (rd->pos < r->head) {
		len = length_at(r, rd->pos);
		rd->pos = len != NONE ? rd->pos : r->head;
	}
	if (len != NONE && mem != NULL && len <= room) {
		bytes_out(r, rd->pos + LEN_BYTES, mem, len);
		rd->pos += LEN_BYTES + len;
	} else if (mem != NULL) {
		len = NONE;
	}
	pthread_mutex_unlock(&r->lock);
	return len;
}

size_t
tw__ring_next(struct tw__ring *r, struct tw__ring_reader *rd, char *mem, size_t room)
{
	return next_message(r, rd, mem, room);
}

size_t
tw__ring_next_len(struct tw__ring *r, struct tw__ring_reader *rd)
{
	return next_message(r, rd, NULL, 0);
}

uint64_t
tw__ring_used(struct tw__ring *r, uint64_t *messages)
{
	uint64_t n = 0;

	pthread_mutex_lock(&r->lock);
	const uint64_t used = r->head - r->tail;
	for (uint64_t pos = r->tail; pos < r->head; n++)
		pos = after(r, pos);
	pthread_mutex_unlock(&r->lock);
	*messages = n;
	return used;
}

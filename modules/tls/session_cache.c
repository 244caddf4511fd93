/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * session_cache.c - sessions of clients without tickets, for all threads.
 *
 * Encoded sessions, found by their id, which is random: its bytes choose the
 * part and the bucket. Each part has a lock of its own, held while a few
 * pointers move and some hundred bytes are copied. When a part is full, what has
 * not been asked for the longest goes. Memory is counted in blocks of 256 bytes,
 * as HAProxy does: one holds a session, a client's certificate needs some more.
 * The cache belongs to the process: reloads keep it. Any thread.
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/queue.h>

#include <openssl/crypto.h>

#include "session.h"

#define PARTS 16u /* a power of two, up to 256 */
#define BLOCK 256u
#define BUCKETS_MAX (1u << 20)

struct entry {
	struct entry *chain; /* of its bucket */
	TAILQ_ENTRY(entry) link;
	uint64_t end_s;
	uint32_t len, blocks;
	uint32_t id_len;
	char id[TLS_SESSION_ID];
	char bytes[];
};

TAILQ_HEAD(entries, entry);

struct part {
	_Alignas(64) pthread_mutex_t lock;
	/* shared: under the lock */
	struct entry **bucket; /* owns; NULL: nothing is kept */
	uint32_t mask;
	uint32_t used, max; /* blocks */
	struct entries lru; /* the last one asked for first */
	uint64_t lookups, misses;
};

static struct part parts[PARTS];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
parts_init(void)
{
	for (uint32_t i = 0; i < PARTS; i++) {
		pthread_mutex_init(&parts[i].lock, NULL);
		TAILQ_INIT(&parts[i].lru);
	}
}

static struct part *
part_lock(struct tw_str id)
{
	struct part *const p = &parts[id.len > 0 ? (unsigned char)id.p[0] % PARTS : 0];

	pthread_once(&once, parts_init);
	pthread_mutex_lock(&p->lock);
	return p;
}

static struct entry **
bucket_of(const struct part *p, struct tw_str id)
{
	uint32_t hash = 0;

	if (id.len > sizeof(hash))
		memcpy(&hash, id.p + 1, sizeof(hash));
	return &p->bucket[hash & p->mask];
}

/* returns: where it hangs; *that is NULL: there is none. in: p->bucket is there. */
static struct entry **
entry_at(const struct part *p, struct tw_str id)
{
	struct entry **at = bucket_of(p, id);

	while (*at != NULL &&
	    ((*at)->id_len != id.len || memcmp((*at)->id, id.p, id.len) != 0))
		at = &(*at)->chain;
	return at;
}

static void
entry_drop(struct part *p, struct entry **at)
{
	struct entry *const e = *at;

	*at = e->chain;
	TAILQ_REMOVE(&p->lru, e, link);
	p->used -= e->blocks;
	OPENSSL_clear_free(e, sizeof(*e) + e->len);
}

static void
make_room(struct part *p, uint32_t blocks)
{
	while (p->used + blocks > p->max && !TAILQ_EMPTY(&p->lru)) {
		const struct entry *const last = TAILQ_LAST(&p->lru, entries);

		entry_drop(p, entry_at(p, (struct tw_str){ last->id, last->id_len }));
	}
}

static struct entry *
entry_new(struct tw_str id, struct tw_str session, uint64_t end_s)
{
	struct entry *const e = OPENSSL_malloc(sizeof(*e) + session.len);

	if (e == NULL)
		return NULL;
	*e = (struct entry){
		.end_s = end_s,
		.len = (uint32_t)session.len,
		.blocks = ((uint32_t)session.len + BLOCK - 1) / BLOCK,
		.id_len = (uint32_t)id.len,
	};
	memcpy(e->id, id.p, id.len);
	memcpy(e->bytes, session.p, session.len);
	return e;
}

void
tls__cache_put(struct tw_str id, struct tw_str session, uint64_t end_s)
{
	struct entry *e, **at;
	struct part *p;

	if (id.len == 0 || id.len > TLS_SESSION_ID || session.len == 0 ||
	    session.len > TLS_SESSION_BYTES)
		return;
	e = entry_new(id, session, end_s);
	if (e == NULL)
		return;
	p = part_lock(id);
	if (p->bucket == NULL || e->blocks > p->max) {
		pthread_mutex_unlock(&p->lock);
		OPENSSL_clear_free(e, sizeof(*e) + e->len);
		return;
	}
	at = entry_at(p, id);
	if (*at != NULL)
		entry_drop(p, at);
	make_room(p, e->blocks);
	at = bucket_of(p, id);
	e->chain = *at;
	*at = e;
	TAILQ_INSERT_HEAD(&p->lru, e, link);
	p->used += e->blocks;
	pthread_mutex_unlock(&p->lock);
}

static size_t
entry_take(struct part *p, struct entry *e, char *to)
{
	memcpy(to, e->bytes, e->len);
	TAILQ_REMOVE(&p->lru, e, link);
	TAILQ_INSERT_HEAD(&p->lru, e, link);
	return e->len;
}

size_t
tls__cache_get(struct tw_str id, uint64_t now_s, char *to)
{
	struct part *const p = part_lock(id);
	struct entry **const at = p->bucket == NULL ? NULL : entry_at(p, id);
	size_t len = 0;

	p->lookups++;
	if (at != NULL && *at != NULL && (*at)->end_s <= now_s)
		entry_drop(p, at);
	else if (at != NULL && *at != NULL)
		len = entry_take(p, *at, to);
	if (len == 0)
		p->misses++;
	pthread_mutex_unlock(&p->lock);
	return len;
}

void
tls__cache_del(struct tw_str id)
{
	struct part *const p = part_lock(id);
	struct entry **const at = p->bucket == NULL ? NULL : entry_at(p, id);

	if (at != NULL && *at != NULL)
		entry_drop(p, at);
	pthread_mutex_unlock(&p->lock);
}

/* --- its size --- */

static uint32_t
buckets_for(uint32_t blocks)
{
	uint32_t n = 16;

	while (n < blocks && n < BUCKETS_MAX)
		n *= 2;
	return n;
}

static void
rehash(struct part *p, struct entry **bucket, uint32_t mask)
{
	struct entry *e;

	free(p->bucket);
	p->bucket = bucket;
	p->mask = mask;
	TAILQ_FOREACH(e, &p->lru, link) {
		struct entry **const at =
		    bucket_of(p, (struct tw_str){ e->id, e->id_len });

		e->chain = *at;
		*at = e;
	}
}

static int
part_resize(struct part *p, uint32_t blocks)
{
	const uint32_t n = buckets_for(blocks);
	struct entry **const bucket = blocks == 0 ? NULL : calloc(n, sizeof(*bucket));

	if (blocks != 0 && bucket == NULL)
		return -1;
	pthread_mutex_lock(&p->lock);
	p->max = blocks;
	if (p->bucket != NULL)
		make_room(p, 0);
	rehash(p, bucket, n - 1);
	pthread_mutex_unlock(&p->lock);
	return 0;
}

int
tls__cache_resize(uint32_t blocks)
{
	const uint32_t each = blocks / PARTS + (blocks % PARTS != 0);

	pthread_once(&once, parts_init);
	for (uint32_t i = 0; i < PARTS; i++)
		if (parts[i].max != each && part_resize(&parts[i], each) < 0)
			return -1;
	return 0;
}

/* --- counters --- */

struct tls_cache_count
tls__cache_count(void)
{
	struct tls_cache_count c = { 0 };

	pthread_once(&once, parts_init);
	for (uint32_t i = 0; i < PARTS; i++) {
		pthread_mutex_lock(&parts[i].lock);
		c.lookups += parts[i].lookups;
		c.misses += parts[i].misses;
		c.blocks += parts[i].used;
		pthread_mutex_unlock(&parts[i].lock);
	}
	return c;
}

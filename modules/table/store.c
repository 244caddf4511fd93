/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * store.c - finding, making, recycling entries; who tracks them.
 *
 * An entry is counted in `used` before it is made, so the size is never
 * exceeded. When that fails, the shard whose list begins with the oldest entry
 * gives that one up; no two shards are locked at a time. Any thread.
 */
#include "config.h"

#include <stdlib.h>
#include <sys/random.h>

#include "siphash.h"
#include "store_int.h"

#define SHARDS_MAX 64
#define SHARD_ENTRIES 64 /* a shard is worth it from there on */
#define CHAINS_MAX (1u << 20)
#define CHUNK_BYTES 8192
#define CHUNK_ENTRIES_MAX 64
#define TRIES 16 /* for room that others may take */

/* ---- tables ------------------------------------------------------------- */

static uint64_t
power_of_two(uint64_t n, uint64_t max)
{
	uint64_t p = 1;

	while (p < n && p < max)
		p *= 2;
	return p;
}

static void
sizes_set(struct tb_table *t, uint64_t size)
{
	const struct tb_layout *const l = &t->layout;
	const size_t bytes = sizeof(struct tb_entry) + l->data_bytes + l->key_len;

	t->entry_bytes = (uint32_t)((bytes + 7) & ~(size_t)7);
	t->chunk_entries = CHUNK_BYTES / t->entry_bytes;
	if (t->chunk_entries < 1)
		t->chunk_entries = 1;
	if (t->chunk_entries > CHUNK_ENTRIES_MAX)
		t->chunk_entries = CHUNK_ENTRIES_MAX;
	t->n_shards = (uint32_t)power_of_two(size / SHARD_ENTRIES, SHARDS_MAX);
	t->n_chains = (uint32_t)power_of_two(size / t->n_shards, CHAINS_MAX);
}

static void
secret_make(struct tb_table *t)
{
	if (getrandom(t->secret, sizeof(t->secret), 0) != sizeof(t->secret)) {
		t->secret[0] = (uint64_t)(uintptr_t)t;
		t->secret[1] = (uint64_t)(uintptr_t)t->shards;
	}
}

static bool
shards_make(struct tb_table *t)
{
	const size_t bytes = t->n_shards * sizeof(struct tb_shard);

	t->shards = aligned_alloc(64, bytes);
	if (t->shards == NULL)
		return false;
	memset(t->shards, 0, bytes);
	for (uint32_t i = 0; i < t->n_shards; i++) {
		struct tb_shard *const s = &t->shards[i];

		pthread_mutex_init(&s->lock, NULL);
		TAILQ_INIT(&s->idle);
		TAILQ_INIT(&s->open);
		s->oldest_ms = UINT64_MAX;
		s->chains = calloc(t->n_chains, sizeof(struct tb_entry *));
		if (s->chains == NULL)
			return false;
	}
	return true;
}

static void
entries_free(struct tb_table *t, struct tb_shard *s)
{
	for (uint32_t i = 0; s->chains != NULL && i < t->n_chains; i++)
		while (s->chains[i] != NULL) {
			TW_ASSERT(s->chains[i]->refs == 0);
			tb__drop(t, s, s->chains[i]);
		}
}

static void
table_free(struct tb_table *t)
{
	for (uint32_t i = 0; t->shards != NULL && i < t->n_shards; i++) {
		struct tb_shard *const s = &t->shards[i];

		entries_free(t, s);
		struct tb_chunk *const last = TAILQ_FIRST(&s->open);
		free(last);
		free(s->chains);
		pthread_mutex_destroy(&s->lock);
	}
	struct tb_table *next = atomic_load(&t->next);
	if (next != NULL)
		tb_table_unref(&next);
	pthread_mutex_destroy(&t->names_lock);
	free(t->shards);
	free(t->name);
	t->magic = 0;
	free(t);
}

struct tb_table *
tb_table_new(
    const char *name, const struct tb_layout *layout, const struct tb_limits *limits)
{
	struct tb_table *const t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->magic = TB_TABLE_MAGIC;
	t->refs = 1;
	t->layout = *layout;
	pthread_mutex_init(&t->names_lock, NULL);
	t->name = strdup(name);
	sizes_set(t, limits->size);
	if (t->name == NULL || !shards_make(t)) {
		table_free(t);
		return NULL;
	}
	secret_make(t);
	tb_table_limit(t, limits);
	return t;
}

void
tb_table_ref(struct tb_table *t)
{
	TW_CHECK_MAGIC(t, TB_TABLE_MAGIC);
	atomic_fetch_add(&t->refs, 1);
}

void
tb_table_unref(struct tb_table **pt)
{
	struct tb_table *const t = *pt;

	*pt = NULL;
	TW_CHECK_MAGIC(t, TB_TABLE_MAGIC);
	if (atomic_fetch_sub(&t->refs, 1) == 1)
		table_free(t);
}

const char *
tb_table_name(const struct tb_table *t)
{
	return t->name;
}

const struct tb_layout *
tb_table_layout(const struct tb_table *t)
{
	return &t->layout;
}

bool
tb_table_limit(struct tb_table *t, const struct tb_limits *limits)
{
	if (limits->size / 8 > (uint64_t)t->n_shards * t->n_chains)
		return false;
	atomic_store(&t->size, limits->size);
	atomic_store(&t->expire_ms, limits->expire_ms);
	atomic_store(&t->nopurge, limits->nopurge);
	return true;
}

void
tb_table_limits(const struct tb_table *t, struct tb_limits *out)
{
	*out = (struct tb_limits){ atomic_load(&t->size), atomic_load(&t->expire_ms),
		atomic_load(&t->nopurge) };
}

uint64_t
tb_table_used(const struct tb_table *t)
{
	const uint64_t used = atomic_load_explicit(&t->used, memory_order_relaxed);
	const uint64_t size = atomic_load_explicit(&t->size, memory_order_relaxed);

	return used < size ? used : size; /* one may be on its way back */
}

void
tb_table_succeed(struct tb_table *t, struct tb_table *next)
{
	tb_table_ref(next);
	TW_ASSERT(atomic_load(&t->next) == NULL);
	atomic_store(&t->next, next);
}

struct tb_table *
tb_table_next(const struct tb_table *t)
{
	return atomic_load_explicit(&t->next, memory_order_acquire);
}

void
tb_table_watch(struct tb_table *t, struct tb_watch *w)
{
	w->next = t->watches;
	t->watches = w;
}

/* ---- memory; shard locked ------------------------------------------------ */

void
tb__oldest(struct tb_shard *s)
{
	const struct tb_entry *const e = TAILQ_FIRST(&s->idle);

	atomic_store_explicit(&s->oldest_ms, e != NULL ? e->touched_ms : UINT64_MAX,
	    memory_order_relaxed);
}

static struct tb_chunk *
chunk_new(struct tb_table *t, struct tb_shard *s)
{
	struct tb_chunk *const c =
	    malloc(sizeof(*c) + (size_t)t->chunk_entries * t->entry_bytes);

	if (c == NULL)
		return NULL;
	c->free = NULL;
	c->n_used = 0;
	for (uint32_t i = t->chunk_entries; i-- > 0;) {
		struct tb_entry *const e =
		    (struct tb_entry *)(void *)(c->mem + (size_t)i * t->entry_bytes);

		e->next = c->free;
		c->free = e;
	}
	TAILQ_INSERT_HEAD(&s->open, c, link);
	return c;
}

static struct tb_entry *
entry_get(struct tb_table *t, struct tb_shard *s)
{
	struct tb_chunk *c = TAILQ_FIRST(&s->open);

	if (c == NULL && (c = chunk_new(t, s)) == NULL)
		return NULL;
	struct tb_entry *const e = c->free;
	c->free = e->next;
	c->n_used++;
	if (c->free == NULL)
		TAILQ_REMOVE(&s->open, c, link);
	memset(e, 0, t->entry_bytes);
	e->chunk = c;
	return e;
}

/* One empty chunk is kept, so that a single entry that comes and goes does not
 * have one made each time. */
static void
entry_put(struct tb_shard *s, struct tb_entry *e)
{
	struct tb_chunk *const c = e->chunk;

	if (c->free == NULL)
		TAILQ_INSERT_TAIL(&s->open, c, link);
	e->next = c->free;
	c->free = e;
	if (--c->n_used > 0 ||
	    (TAILQ_FIRST(&s->open) == c && TAILQ_NEXT(c, link) == NULL))
		return;
	TAILQ_REMOVE(&s->open, c, link);
	free(c);
}

static struct tb_entry **
chain_of(const struct tb_table *t, struct tb_shard *s, uint32_t hash_rest)
{
	return &s->chains[hash_rest & (t->n_chains - 1)];
}

void
tb__drop(struct tb_table *t, struct tb_shard *s, struct tb_entry *e)
{
	struct tb_entry **at = chain_of(t, s, e->hash_rest);

	TW_ASSERT(e->refs == 0);
	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	TAILQ_REMOVE(&s->idle, e, link);
	tb__oldest(s);
	tb__names_drop(t, e);
	entry_put(s, e);
	atomic_fetch_sub_explicit(&t->used, 1, memory_order_relaxed);
}

/* ---- room ---------------------------------------------------------------- */

static struct tb_shard *
oldest_shard(struct tb_table *t)
{
	struct tb_shard *found = NULL;
	uint64_t oldest = UINT64_MAX;

	for (uint32_t i = 0; i < t->n_shards; i++) {
		const uint64_t ms =
		    atomic_load_explicit(&t->shards[i].oldest_ms, memory_order_relaxed);

		if (ms < oldest) {
			oldest = ms;
			found = &t->shards[i];
		}
	}
	return found;
}

/* The table's oldest entry goes. returns: false: none may. No lock is held. */
static bool
recycle(struct tb_table *t, uint64_t now_ms)
{
	struct tb_shard *const s = oldest_shard(t);

	if (s == NULL)
		return false;
	pthread_mutex_lock(&s->lock);
	struct tb_entry *const e = TAILQ_FIRST(&s->idle);
	const bool may =
	    e == NULL || !atomic_load(&t->nopurge) || tb_is_expired(t, e, now_ms);
	if (e != NULL && may)
		tb__drop(t, s, e);
	pthread_mutex_unlock(&s->lock);
	return may;
}

static bool
room_take(struct tb_table *t)
{
	if (atomic_fetch_add(&t->used, 1) < atomic_load(&t->size))
		return true;
	atomic_fetch_sub(&t->used, 1);
	return false;
}

static bool
room_make(struct tb_table *t, uint64_t now_ms)
{
	for (int i = 0; i < TRIES; i++) {
		if (!recycle(t, now_ms))
			return false;
		if (room_take(t))
			return true;
	}
	return false;
}

/* ---- finding ------------------------------------------------------------- */

struct place {
	struct tb_shard *shard;
	uint32_t hash_rest;
};

static struct place
place_of(const struct tb_table *t, const struct tb_key *key)
{
	const uint64_t hash = tb_siphash(t->secret, key->p, key->len);

	return (struct place){ &t->shards[hash & (t->n_shards - 1)],
		(uint32_t)(hash >> 32) };
}

/* What has expired is gone. Shard locked. */
static struct tb_entry *
look(struct tb_table *t, const struct place *at, const struct tb_key *key,
    uint64_t now_ms)
{
	struct tb_entry *e = *chain_of(t, at->shard, at->hash_rest);

	while (e != NULL &&
	    (e->hash_rest != at->hash_rest || e->key_len != key->len ||
		memcmp(tb_key_of(t, e), key->p, key->len) != 0))
		e = e->next;
	if (e == NULL || !tb_is_expired(t, e, now_ms))
		return e;
	tb__drop(t, at->shard, e);
	return NULL;
}

/* Its room is taken. Shard locked. */
static struct tb_entry *
insert(struct tb_table *t, const struct place *at, const struct tb_key *key,
    uint64_t now_ms)
{
	struct tb_entry *const first = TAILQ_FIRST(&at->shard->idle);

	if (first != NULL && tb_is_expired(t, first, now_ms))
		tb__drop(t, at->shard, first); /* one comes, one goes */
	struct tb_entry *const e = entry_get(t, at->shard);
	if (e == NULL) {
		atomic_fetch_sub(&t->used, 1);
		return NULL;
	}
	struct tb_entry **const chain = chain_of(t, at->shard, at->hash_rest);
	e->hash_rest = at->hash_rest;
	e->key_len = (uint32_t)key->len;
	e->touched_ms = now_ms;
	memcpy(tb_key_of(t, e), key->p, key->len);
	e->next = *chain;
	*chain = e;
	TAILQ_INSERT_TAIL(&at->shard->idle, e, link);
	tb__oldest(at->shard);
	return e;
}

/* Shard locked, before and after; perhaps not in between. */
static struct tb_entry *
make(struct tb_table *t, const struct place *at, const struct tb_key *key,
    uint64_t now_ms)
{
	if (room_take(t))
		return insert(t, at, key, now_ms);
	pthread_mutex_unlock(&at->shard->lock);
	const bool has_room = room_make(t, now_ms);
	pthread_mutex_lock(&at->shard->lock);
	struct tb_entry *const e = look(t, at, key, now_ms);
	if (!has_room)
		return e;
	if (e == NULL)
		return insert(t, at, key, now_ms);
	atomic_fetch_sub(&t->used, 1); /* another thread was faster */
	return e;
}

bool
tb_find(struct tb_hold *h, struct tb_table *t, const struct tb_key *key,
    enum tb_how how, uint64_t now_ms)
{
	const struct place at = place_of(t, key);

	TW_CHECK_MAGIC(t, TB_TABLE_MAGIC);
	TW_ASSERT(key->len <= t->layout.key_len);
	*h = (struct tb_hold){ .t = t, .shard = at.shard, .now_ms = now_ms };
	pthread_mutex_lock(&at.shard->lock);
	h->e = look(t, &at, key, now_ms);
	if (h->e == NULL && how == TB_MAKE) {
		h->e = make(t, &at, key, now_ms);
		h->changed = h->e != NULL;
	}
	if (h->e == NULL)
		pthread_mutex_unlock(&at.shard->lock);
	return h->e != NULL;
}

/* The shard of an entry is told by its key alone. */
void
tb_enter(struct tb_hold *h, struct tb_table *t, struct tb_entry *e, uint64_t now_ms)
{
	const struct tb_key key = { .p = tb_key_of(t, e), .len = e->key_len };

	*h = (struct tb_hold){
		.t = t, .shard = place_of(t, &key).shard, .e = e, .now_ms = now_ms
	};
	pthread_mutex_lock(&h->shard->lock);
}

static void
tell(struct tb_hold *h)
{
	h->e->seq = atomic_fetch_add(&h->t->seq, 1) + 1;
	for (struct tb_watch *w = h->t->watches; w != NULL; w = w->next)
		w->changed(w, h->t, h->e);
}

void
tb_leave(struct tb_hold *h)
{
	if (TW_UNLIKELY(h->t->watches != NULL) && h->changed && !h->quiet)
		tell(h);
	pthread_mutex_unlock(&h->shard->lock);
}

void
tb_touch(struct tb_hold *h)
{
	h->e->touched_ms = h->now_ms;
	if (h->e->refs > 0)
		return;
	TAILQ_REMOVE(&h->shard->idle, h->e, link);
	TAILQ_INSERT_TAIL(&h->shard->idle, h->e, link);
	tb__oldest(h->shard);
}

void
tb_track(struct tb_hold *h)
{
	h->e->touched_ms = h->now_ms;
	if (h->e->refs++ > 0)
		return;
	TAILQ_REMOVE(&h->shard->idle, h->e, link);
	tb__oldest(h->shard);
}

void
tb_untrack(struct tb_hold *h)
{
	TW_ASSERT(h->e->refs > 0);
	h->e->touched_ms = h->now_ms;
	if (--h->e->refs > 0)
		return;
	TAILQ_INSERT_TAIL(&h->shard->idle, h->e, link);
	tb__oldest(h->shard);
}

bool
tb_remove(struct tb_hold *h)
{
	const bool may = h->e->refs == 0;

	if (may)
		tb__drop(h->t, h->shard, h->e);
	pthread_mutex_unlock(&h->shard->lock);
	return may;
}

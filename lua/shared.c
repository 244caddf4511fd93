/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * shared.c - dictionaries that all threads and all scripts share: the store.
 *
 * A dictionary lives as long as the process, found by its name: a reload finds
 * it as it was. It is split into shards, each with a lock that is held for one
 * look-up only, its share of the memory, and its entries in the order of their
 * use: the one that was not used longest makes place. Nothing of Lua is called
 * with a lock held. Any thread.
 */
#include "shared.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/queue.h>

#include <tideway/worker.h>

#define SHARDS 16
#define SLOTS_MAX (1u << 18)

struct entry {
	struct entry *next;      /* of its slot */
	TAILQ_ENTRY(entry) link; /* the first: used last */
	uint64_t hash;
	uint64_t due_ms; /* 0: never */
	uint32_t key_len, len;
	struct lu_shared_value v; /* STRING: behind the key */
	char key[];
};

struct shard {
	_Alignas(64) pthread_mutex_t lock;
	TAILQ_HEAD(entry_list, entry) used; /* shared: by lock, as all below */
	struct entry **slot;                /* owns */
	uint64_t bytes, limit, n, evicted;
};

struct lu_shared {
	struct lu_shared *next;
	char *name;       /* owns */
	uint32_t n_slots; /* of a shard; a power of two */
	struct shard shard[SHARDS];
};

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static struct lu_shared *dicts; /* shared: by list_lock; never freed */

static uint64_t
hash_of(struct tw_str s)
{
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < s.len; i++)
		h = (h ^ (uint8_t)s.p[i]) * 1099511628211u;
	h ^= h >> 29;
	return h * 0x9e3779b97f4a7c15u;
}

/* ---- dictionaries ---------------------------------------------------------- */

static bool
shards_init(struct lu_shared *d)
{
	for (int i = 0; i < SHARDS; i++) {
		struct shard *const s = &d->shard[i];
		pthread_mutex_init(&s->lock, NULL);
		TAILQ_INIT(&s->used);
		s->slot = calloc(d->n_slots, sizeof(struct entry *));
		if (s->slot == NULL)
			return false;
	}
	return true;
}

static struct lu_shared *
dict_new(const char *name, uint64_t bytes)
{
	struct lu_shared *d = NULL;

	if (posix_memalign((void **)&d, 64, sizeof(*d)) != 0)
		return NULL;
	memset(d, 0, sizeof(*d));
	d->name = strdup(name);
	for (d->n_slots = 64;
	     d->n_slots < SLOTS_MAX && d->n_slots < bytes / SHARDS / 128;)
		d->n_slots *= 2;
	if (d->name == NULL || !shards_init(d))
		return NULL;
	d->next = dicts;
	dicts = d;
	return d;
}

static struct lu_shared *
dict_find(const char *name)
{
	struct lu_shared *d = dicts;

	while (d != NULL && strcmp(d->name, name) != 0)
		d = d->next;
	return d;
}

static void
unlink_entry(struct lu_shared *d, struct shard *s, struct entry *e)
{
	struct entry **at = &s->slot[e->hash >> 8 & (d->n_slots - 1)];

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	TAILQ_REMOVE(&s->used, e, link);
	s->bytes -= sizeof(*e) + e->key_len + e->len;
	s->n--;
	free(e);
}

static void
make_room(struct lu_shared *d, struct shard *s, uint64_t bytes)
{
	while (s->bytes + bytes > s->limit && !TAILQ_EMPTY(&s->used)) {
		unlink_entry(d, s, TAILQ_LAST(&s->used, entry_list));
		s->evicted++;
	}
}

struct lu_shared *
lu_shared_open(const char *name, uint64_t bytes)
{
	pthread_mutex_lock(&list_lock);
	struct lu_shared *d = dict_find(name);
	if (d == NULL && bytes > 0)
		d = dict_new(name, bytes);
	for (int i = 0; d != NULL && bytes > 0 && i < SHARDS; i++) {
		pthread_mutex_lock(&d->shard[i].lock);
		d->shard[i].limit = bytes / SHARDS;
		make_room(d, &d->shard[i], 0);
		pthread_mutex_unlock(&d->shard[i].lock);
	}
	pthread_mutex_unlock(&list_lock);
	return d;
}

/* ---- entries --------------------------------------------------------------- */

static struct shard *
shard_enter(struct lu_shared *d, uint64_t hash)
{
	struct shard *const s = &d->shard[hash & (SHARDS - 1)];

	pthread_mutex_lock(&s->lock);
	return s;
}

/* One that is not over. in: its shard is entered. */
static struct entry *
find(struct lu_shared *d, struct shard *s, struct tw_str key, uint64_t hash)
{
	struct entry *e = s->slot[hash >> 8 & (d->n_slots - 1)];

	while (e != NULL &&
	    (e->hash != hash || e->key_len != key.len ||
		memcmp(e->key, key.p, key.len) != 0))
		e = e->next;
	if (e != NULL && e->due_ms != 0 && e->due_ms <= tw_now_ms()) {
		unlink_entry(d, s, e);
		e = NULL;
	}
	return e;
}

static void
touch(struct shard *s, struct entry *e)
{
	if (TAILQ_FIRST(&s->used) == e)
		return;
	TAILQ_REMOVE(&s->used, e, link);
	TAILQ_INSERT_HEAD(&s->used, e, link);
}

/* In place of `old`, which may be NULL. returns: false: too long for it. */
static bool
put(struct lu_shared *d, struct shard *s, struct entry *old, struct tw_str key,
    uint64_t hash, const struct lu_shared_value *v, uint64_t due_ms)
{
	const size_t len = v->type == LU_SHARED_STRING ? v->str.len : 0;
	const uint64_t bytes = sizeof(struct entry) + key.len + len;

	if (bytes > s->limit || len > UINT32_MAX || key.len > UINT32_MAX)
		return false;
	if (old != NULL)
		unlink_entry(d, s, old);
	make_room(d, s, bytes);
	struct entry *const e = malloc((size_t)bytes);
	if (e == NULL)
		return false;
	struct entry **const at = &s->slot[hash >> 8 & (d->n_slots - 1)];
	*e = (struct entry){ .next = *at,
		.hash = hash,
		.due_ms = due_ms,
		.key_len = (uint32_t)key.len,
		.len = (uint32_t)len,
		.v = *v };
	memcpy(e->key, key.p, key.len);
	if (v->type == LU_SHARED_STRING) {
		if (len > 0)
			memcpy(e->key + key.len, v->str.p, len);
		e->v.str = (struct tw_str){ e->key + key.len, len };
	}
	*at = e;
	TAILQ_INSERT_HEAD(&s->used, e, link);
	s->bytes += bytes;
	s->n++;
	return true;
}

static _Thread_local char *text; /* owns */
static _Thread_local size_t room;

void
lu_shared_thread_ends(void)
{
	free(text);
	text = NULL;
	room = 0;
}

/* Outlives the lock: until this thread's next call. */
static bool
copy_out(const struct entry *e, struct lu_shared_value *out)
{
	*out = e->v;
	if (e->v.type != LU_SHARED_STRING)
		return true;
	if (room < e->len) {
		char *const more = realloc(text, e->len);
		if (more == NULL)
			return false;
		text = more;
		room = e->len;
	}
	if (e->len > 0)
		memcpy(text, e->v.str.p, e->len);
	out->str = (struct tw_str){ e->len > 0 ? text : "", e->len };
	return true;
}

bool
lu_shared_get(struct lu_shared *d, struct tw_str key, struct lu_shared_value *out)
{
	const uint64_t hash = hash_of(key);
	struct shard *const s = shard_enter(d, hash);
	struct entry *const e = find(d, s, key, hash);
	bool ok = e != NULL;

	if (ok) {
		touch(s, e);
		ok = copy_out(e, out);
	}
	pthread_mutex_unlock(&s->lock);
	return ok;
}

static uint64_t
due_of(uint64_t ttl_ms)
{
	return ttl_ms != 0 ? tw_now_ms() + ttl_ms : 0;
}

enum lu_shared_result
lu_shared_set(struct lu_shared *d, struct tw_str key, const struct lu_shared_value *v,
    uint64_t ttl_ms, bool only_new)
{
	const uint64_t hash = hash_of(key), due = due_of(ttl_ms);
	struct shard *const s = shard_enter(d, hash);
	struct entry *const e = find(d, s, key, hash);
	enum lu_shared_result r = LU_SHARED_IS_THERE;

	if (!only_new || e == NULL)
		r = put(d, s, e, key, hash, v, due) ? LU_SHARED_OK : LU_SHARED_FULL;
	pthread_mutex_unlock(&s->lock);
	return r;
}

bool
lu_shared_delete(struct lu_shared *d, struct tw_str key)
{
	const uint64_t hash = hash_of(key);
	struct shard *const s = shard_enter(d, hash);
	struct entry *const e = find(d, s, key, hash);

	if (e != NULL)
		unlink_entry(d, s, e);
	pthread_mutex_unlock(&s->lock);
	return e != NULL;
}

static void
add_to(struct lu_shared_value *v, const struct lu_shared_value *by)
{
	if (v->type == LU_SHARED_INT && by->type == LU_SHARED_INT) {
		v->n = (int64_t)((uint64_t)v->n + (uint64_t)by->n);
		return;
	}
	v->f = (v->type == LU_SHARED_INT ? (double)v->n : v->f) +
	    (by->type == LU_SHARED_INT ? (double)by->n : by->f);
	v->type = LU_SHARED_FLOAT;
}

static bool
is_number(const struct lu_shared_value *v)
{
	return v->type == LU_SHARED_INT || v->type == LU_SHARED_FLOAT;
}

enum lu_shared_result
lu_shared_incr(struct lu_shared *d, struct tw_str key, const struct lu_shared_value *by,
    const struct lu_shared_value *first, uint64_t ttl_ms, struct lu_shared_value *out)
{
	const uint64_t hash = hash_of(key), due = due_of(ttl_ms);
	struct shard *const s = shard_enter(d, hash);
	struct entry *const e = find(d, s, key, hash);
	enum lu_shared_result r = LU_SHARED_OK;

	if (e != NULL && is_number(&e->v)) {
		add_to(&e->v, by);
		*out = e->v;
		touch(s, e);
	} else if (e != NULL) {
		r = LU_SHARED_NO_NUMBER;
	} else if (first == NULL) {
		r = LU_SHARED_MISSING;
	} else {
		*out = *first;
		add_to(out, by);
		if (!put(d, s, NULL, key, hash, out, due))
			r = LU_SHARED_FULL;
	}
	pthread_mutex_unlock(&s->lock);
	return r;
}

static bool
same(const struct lu_shared_value *a, const struct lu_shared_value *b)
{
	if (a->type != b->type)
		return false;
	if (a->type == LU_SHARED_STRING)
		return tw_str_eq(a->str, b->str);
	return a->type == LU_SHARED_FLOAT ? !(a->f < b->f) && !(a->f > b->f)
					  : a->n == b->n;
}

enum lu_shared_result
lu_shared_cas(struct lu_shared *d, struct tw_str key, const struct lu_shared_value *old,
    const struct lu_shared_value *v, uint64_t ttl_ms)
{
	const uint64_t hash = hash_of(key), due = due_of(ttl_ms);
	struct shard *const s = shard_enter(d, hash);
	struct entry *const e = find(d, s, key, hash);
	const bool is = old == NULL ? e == NULL : e != NULL && same(&e->v, old);
	enum lu_shared_result r = LU_SHARED_IS_THERE;

	if (is && v != NULL)
		r = put(d, s, e, key, hash, v, due) ? LU_SHARED_OK : LU_SHARED_FULL;
	else if (is) {
		if (e != NULL)
			unlink_entry(d, s, e);
		r = LU_SHARED_OK;
	}
	pthread_mutex_unlock(&s->lock);
	return r;
}

bool
lu_shared_ttl(struct lu_shared *d, struct tw_str key, int64_t *ms)
{
	const uint64_t hash = hash_of(key);
	struct shard *const s = shard_enter(d, hash);
	const struct entry *const e = find(d, s, key, hash);

	if (e != NULL)
		*ms = e->due_ms == 0 ? -1 : (int64_t)(e->due_ms - tw_now_ms());
	pthread_mutex_unlock(&s->lock);
	return e != NULL;
}

bool
lu_shared_expire(struct lu_shared *d, struct tw_str key, uint64_t ttl_ms)
{
	const uint64_t hash = hash_of(key), due = due_of(ttl_ms);
	struct shard *const s = shard_enter(d, hash);
	struct entry *const e = find(d, s, key, hash);

	if (e != NULL)
		e->due_ms = due;
	pthread_mutex_unlock(&s->lock);
	return e != NULL;
}

void
lu_shared_flush(struct lu_shared *d)
{
	for (int i = 0; i < SHARDS; i++) {
		struct shard *const s = &d->shard[i];
		pthread_mutex_lock(&s->lock);
		while (!TAILQ_EMPTY(&s->used))
			unlink_entry(d, s, TAILQ_FIRST(&s->used));
		pthread_mutex_unlock(&s->lock);
	}
}

void
lu_shared_info(struct lu_shared *d, struct lu_shared_info *out)
{
	*out = (struct lu_shared_info){ .name = d->name };
	for (int i = 0; i < SHARDS; i++) {
		struct shard *const s = &d->shard[i];
		pthread_mutex_lock(&s->lock);
		out->n += s->n;
		out->bytes += s->bytes;
		out->limit += s->limit;
		out->evicted += s->evicted;
		pthread_mutex_unlock(&s->lock);
	}
}

/* ---- names ----------------------------------------------------------------- */

struct keys {
	struct tw_out o;
	uint64_t now;
	struct tw_str prefix;
	int max;
};

static int
shard_keys(struct shard *s, struct keys *k)
{
	const struct entry *e;
	int n = 0;

	pthread_mutex_lock(&s->lock);
	TAILQ_FOREACH(e, &s->used, link) {
		const uint32_t len = e->key_len;
		if ((e->due_ms != 0 && e->due_ms <= k->now) || len < k->prefix.len ||
		    memcmp(e->key, k->prefix.p, k->prefix.len) != 0)
			continue;
		if (n == k->max || (size_t)(k->o.end - k->o.p) < sizeof(len) + len)
			break;
		tw_out_mem(&k->o, &len, sizeof(len));
		tw_out_mem(&k->o, e->key, len);
		n++;
	}
	pthread_mutex_unlock(&s->lock);
	return n;
}

/* Each: four bytes of length, then the key. */
size_t
lu_shared_keys(
    struct lu_shared *d, struct tw_str prefix, int max, char *mem, size_t size)
{
	struct keys k = { tw_out_of(mem, size), tw_now_ms(), prefix, max };

	for (int i = 0; i < SHARDS && k.max > 0; i++)
		k.max -= shard_keys(&d->shard[i], &k);
	return (size_t)(k.o.p - mem);
}

/* ---- rates ----------------------------------------------------------------- */

/* The time at which all that was taken will have been earned again: GCRA, ITU-T
 * I.371. */
bool
lu_shared_rate(struct lu_shared *d, struct tw_str key, uint64_t each_us, uint64_t burst,
    struct lu_shared_left *left)
{
	const uint64_t hash = hash_of(key), now = tw_turn_us(), most = each_us * burst;
	struct shard *const s = shard_enter(d, hash);
	struct entry *const e = find(d, s, key, hash);
	const bool is_int = e != NULL && e->v.type == LU_SHARED_INT;
	uint64_t at = is_int ? (uint64_t)e->v.n : 0;

	if (at < now)
		at = now;
	const bool ok = at - now <= most;
	left->wait_us = ok ? 0 : at - now - most;
	left->n = ok ? (most - (at - now)) / each_us : 0;
	if (ok) {
		const struct lu_shared_value v = { .type = LU_SHARED_INT,
			.n = (int64_t)(at + each_us) };
		const uint64_t due = (at + each_us) / 1000 + 1;
		if (is_int) {
			e->v = v;
			e->due_ms = due;
			touch(s, e);
		} else {
			put(d, s, e, key, hash, &v, due);
		}
	}
	pthread_mutex_unlock(&s->lock);
	return ok;
}

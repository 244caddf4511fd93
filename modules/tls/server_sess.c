/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * server_sess.c - sessions with servers, kept to be resumed.
 *
 * Each thread has its own, so that no lock is taken. A session stands for what
 * was verified when it was made: it is found again only for the same server of
 * the same generation, at the same address, under the same name, while the same
 * authorities are trusted. A thread keeps a fixed number; the one that was not
 * asked for longest goes first.
 */
#include <stdlib.h>
#include <sys/queue.h>

#include <tideway/assert.h>

#include "server.h"
#include "store.h"

#define SESSIONS 1024
#define SLOTS 1024 /* a power of two */

struct entry {
	TAILQ_ENTRY(entry) used; /* the last one first */
	LIST_ENTRY(entry) slot;
	struct tls_sess_key key; /* name: owns */
	SSL_SESSION *session;    /* owns one reference */
};

struct cache {
	TAILQ_HEAD(used_list, entry) used;
	LIST_HEAD(, entry) slots[SLOTS];
	int n;
};

static __thread struct cache *cache; /* owns; NULL: none was kept */

static struct cache *
cache_get(void)
{
	if (cache == NULL) {
		cache = calloc(1, sizeof(*cache));
		if (cache == NULL)
			return NULL;
		TAILQ_INIT(&cache->used);
	}
	return cache;
}

static unsigned
slot_of(const struct tls_sess_key *key)
{
	return (tls__hash(key->name.p, key->name.len) ^ (uint32_t)key->serial * 31u) &
	    (SLOTS - 1);
}

static struct entry *
entry_find(const struct tls_sess_key *key)
{
	struct entry *e;

	if (cache == NULL)
		return NULL;
	LIST_FOREACH(e, &cache->slots[slot_of(key)], slot)
		if (e->key.serial == key->serial && e->key.trust == key->trust &&
		    tw_str_eq(e->key.name, key->name) &&
		    tw_addr_eq(&e->key.addr, &key->addr))
			return e;
	return NULL;
}

static void
entry_free(struct entry *e)
{
	TAILQ_REMOVE(&cache->used, e, used);
	LIST_REMOVE(e, slot);
	cache->n--;
	SSL_SESSION_free(e->session);
	free((char *)(uintptr_t)e->key.name.p);
	free(e);
}

static struct entry *
entry_new(const struct tls_sess_key *key)
{
	struct cache *const c = cache_get();
	struct entry *const e = c == NULL ? NULL : calloc(1, sizeof(*e));
	char *const name = e == NULL ? NULL : malloc(key->name.len + 1);

	if (name == NULL) {
		free(e);
		return NULL;
	}
	if (c->n == SESSIONS)
		entry_free(TAILQ_LAST(&c->used, used_list));
	if (key->name.len > 0)
		memcpy(name, key->name.p, key->name.len);
	e->key = *key;
	e->key.name.p = name;
	TAILQ_INSERT_HEAD(&c->used, e, used);
	LIST_INSERT_HEAD(&c->slots[slot_of(key)], e, slot);
	c->n++;
	return e;
}

SSL_SESSION *
tls__sess_find(const struct tls_sess_key *key)
{
	struct entry *const e = entry_find(key);

	if (e == NULL)
		return NULL;
	TAILQ_REMOVE(&cache->used, e, used);
	TAILQ_INSERT_HEAD(&cache->used, e, used);
	return e->session;
}

bool
tls__sess_set(const struct tls_sess_key *key, SSL_SESSION *session)
{
	struct entry *e = entry_find(key);

	if (e == NULL)
		e = entry_new(key);
	if (e == NULL)
		return false;
	SSL_SESSION_free(e->session);
	e->session = session;
	return true;
}

void
tls__sess_forget(const struct tls_sess_key *key)
{
	struct entry *const e = entry_find(key);

	if (e != NULL)
		entry_free(e);
}

void
tls__sess_free_all(void)
{
	while (cache != NULL && !TAILQ_EMPTY(&cache->used))
		entry_free(TAILQ_FIRST(&cache->used));
	free(cache);
	cache = NULL;
}

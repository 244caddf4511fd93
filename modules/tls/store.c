/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * store.c - certificates by the name of their file.
 *
 * An open hash table that doubles; a name removed leaves a hole that the
 * entries behind it are moved into, so that no search passes dead ones.
 * Configuration and control thread only: workers hold certificates by
 * reference and never look here.
 */
#include "config.h"

#include <stdlib.h>

#ifdef HAVE_XXHASH
#define XXH_INLINE_ALL
#include <xxhash.h>
#endif

#include <tideway/assert.h>

#include "store.h"

struct tls_store {
	struct tls_cert **slot; /* owns: the table and one reference each */
	size_t mask, n;
};

#define FIRST_SLOTS 64

uint32_t
tls__hash(const char *p, size_t len)
{
#ifdef HAVE_XXHASH
	return (uint32_t)XXH3_64bits(p, len);
#else
	uint64_t h = 0xcbf29ce484222325u; /* FNV-1a, 64 bits */

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)p[i]) * 0x100000001b3u;
	return (uint32_t)(h ^ h >> 32);
#endif
}

struct tls_store *
tls__store_new(void)
{
	struct tls_store *const s = calloc(1, sizeof(*s));

	TW_ASSERT(s != NULL);
	s->mask = FIRST_SLOTS - 1;
	s->slot = calloc(FIRST_SLOTS, sizeof(struct tls_cert *));
	TW_ASSERT(s->slot != NULL);
	return s;
}

void
tls__store_free(struct tls_store **store)
{
	struct tls_store *const s = *store;

	*store = NULL;
	if (s == NULL)
		return;
	for (size_t i = 0; i <= s->mask; i++)
		tls__cert_unref(&s->slot[i]);
	free(s->slot);
	free(s);
}

static size_t
home(const struct tls_store *s, const char *path)
{
	return tls__hash(path, strlen(path)) & s->mask;
}

/* Where the name stands, or would. */
static size_t
seek(const struct tls_store *s, const char *path)
{
	size_t i = home(s, path);

	while (s->slot[i] != NULL && strcmp(s->slot[i]->path, path) != 0)
		i = (i + 1) & s->mask;
	return i;
}

static void
grow(struct tls_store *s)
{
	struct tls_cert **const old = s->slot;
	const size_t n_old = s->mask + 1;

	s->mask = n_old * 2 - 1;
	s->slot = calloc(n_old * 2, sizeof(struct tls_cert *));
	TW_ASSERT(s->slot != NULL);
	for (size_t i = 0; i < n_old; i++)
		if (old[i] != NULL)
			s->slot[seek(s, old[i]->path)] = old[i];
	free(old);
}

struct tls_cert *
tls__store_find(const struct tls_store *store, const char *path)
{
	return store->slot[seek(store, path)];
}

struct tls_cert *
tls__store_set(struct tls_store *store, struct tls_cert *cert)
{
	if (store->n * 2 > store->mask)
		grow(store);
	const size_t i = seek(store, cert->path);
	struct tls_cert *const before = store->slot[i];
	store->slot[i] = cert;
	store->n += before == NULL;
	return before;
}

struct tls_cert *
tls__store_take(struct tls_store *store, const char *path)
{
	size_t hole = seek(store, path);
	struct tls_cert *const cert = store->slot[hole];

	if (cert == NULL)
		return NULL;
	store->slot[hole] = NULL;
	store->n--;
	for (size_t i = hole; store->slot[i = (i + 1) & store->mask] != NULL;) {
		const size_t at = home(store, store->slot[i]->path);
		if (((i - at) & store->mask) < ((i - hole) & store->mask))
			continue; /* it would stand before its home */
		store->slot[hole] = store->slot[i];
		store->slot[i] = NULL;
		hole = i;
	}
	return cert;
}

struct tls_cert *
tls__store_get(struct tls_store *store, const char *path, const struct tls_load *how,
    struct tw_err *err)
{
	struct tls_cert *cert = tls__store_find(store, path);

	if (cert == NULL && (cert = tls__cert_load(path, how, err)) != NULL)
		TW_ASSERT(tls__store_set(store, cert) == NULL);
	return cert;
}

size_t
tls__store_count(const struct tls_store *store)
{
	return store->n;
}

void
tls__store_each(const struct tls_store *store,
    void (*fn)(struct tls_cert *cert, void *arg), void *arg)
{
	for (size_t i = 0; i <= store->mask; i++)
		if (store->slot[i] != NULL)
			fn(store->slot[i], arg);
}

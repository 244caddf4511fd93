/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * rs_taken.c - who of a backend has what, while an answer is applied.
 *
 * Each answer is shared out among the servers that follow the name; thousands of
 * them and hundreds of records must not be compared each with each. So what is
 * taken is counted in a hash table, made anew for each answer in one pass. An
 * entry is an address or a record of one backend. Control thread.
 */
#include <stdlib.h>

#include <tideway/assert.h>
#include <tideway/proxy.h>
#include "modules/resolvers/rs.h"

struct taken {
	const struct tw_proxy *px;
	uint8_t what[16];
	uint16_t kind; /* the family; 0: a record */
	uint32_t n;    /* who have it */
};

static struct taken *table; /* owns */
static size_t room, size;   /* slots: there are; in use now, a power of two */

void
rs_taken_begin(size_t n_users)
{
	size_t want = 64;

	while (want < 2 * n_users + 2)
		want *= 2;
	if (want > room) {
		free(table);
		table = malloc(want * sizeof(*table));
		if (table == NULL)
			TW_WRONG("out of memory for servers' addresses");
		room = want;
	}
	size = want;
	memset(table, 0, size * sizeof(*table));
}

void
rs_taken_end(void)
{
	free(table);
	table = NULL;
	room = size = 0;
}

static uint32_t
hash(const struct taken *key)
{
	uint32_t h = 2166136261u ^ (uint32_t)((uintptr_t)key->px >> 4);

	for (size_t i = 0; i < sizeof(key->what); i++)
		h = (h ^ key->what[i]) * 16777619u;
	return h ^ h >> 15;
}

/* Its slot, or the one where it would be. */
static struct taken *
slot_of(const struct taken *key)
{
	size_t i = hash(key) & (size - 1);

	while (table[i].px != NULL &&
	    (table[i].px != key->px || table[i].kind != key->kind ||
		memcmp(table[i].what, key->what, sizeof(key->what)) != 0))
		i = (i + 1) & (size - 1);
	return &table[i];
}

static struct taken
key_of(const struct tw_server *srv, const struct tw_addr *a, const struct rs_item *item)
{
	struct taken key = { .px = tw_server_proxy(srv) };

	if (a != NULL) {
		key.kind = a->family;
		memcpy(key.what, a->u.v6, a->family == AF_INET ? 4 : 16);
	} else {
		memcpy(key.what, &item, sizeof(item));
	}
	return key;
}

void
rs_taken_add(const struct tw_server *srv, const struct tw_addr *a,
    const struct rs_item *item, int n)
{
	const struct taken key = key_of(srv, a, item);
	struct taken *const t = slot_of(&key);
	const uint32_t before = t->px != NULL ? t->n : 0;

	TW_ASSERT(n > 0 || before > 0);
	*t = key;
	t->n = before + (uint32_t)n;
}

uint32_t
rs_taken_count(
    const struct tw_server *srv, const struct tw_addr *a, const struct rs_item *item)
{
	const struct taken key = key_of(srv, a, item);
	const struct taken *const t = slot_of(&key);

	return t->px != NULL ? t->n : 0;
}

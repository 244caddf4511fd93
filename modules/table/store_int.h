/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * store_int.h - a table from the inside: store.c, walk.c and value.c.
 */
#ifndef TABLE_STORE_INT_H
#define TABLE_STORE_INT_H

#include <tideway/assert.h>

#include "table.h"

TAILQ_HEAD(tb_idle, tb_entry);

/* Entries are cut from chunks; a chunk goes back when none of it is used. */
struct tb_chunk {
	TAILQ_ENTRY(tb_chunk) link; /* shard's list, while it has free ones */
	struct tb_entry *free;
	uint32_t n_used;
	_Alignas(8) char mem[];
};
TAILQ_HEAD(tb_chunks, tb_chunk);

struct tb_shard {
	_Alignas(64) pthread_mutex_t lock;
	struct tb_entry **chains;   /* owns */
	struct tb_idle idle;        /* untracked, the least recently touched first */
	struct tb_chunks open;      /* with free entries */
	_Atomic uint64_t oldest_ms; /* shared: idle's head; UINT64_MAX: none */
};

#define TB_NAME_CHAINS 64

struct tb_name {
	struct tb_name *next;
	uint32_t refs;
	size_t len;
	char text[];
};

#define TB_TABLE_MAGIC 0x54425431u

struct tb_table {
	uint32_t magic;
	_Atomic uint32_t refs;
	char *name; /* owns */
	struct tb_layout layout;
	uint32_t entry_bytes, chunk_entries;
	uint32_t n_shards; /* a power of two, as are the chains */
	uint32_t n_chains; /* of each shard */
	uint64_t secret[2];
	struct tb_shard *shards;          /* owns */
	_Atomic uint64_t size, used, seq; /* shared */
	_Atomic uint32_t expire_ms;       /* shared; 0: never */
	_Atomic bool nopurge;             /* shared */
	struct tb_table *_Atomic next;    /* owns a reference; shared */
	struct tb_watch *watches;
	pthread_mutex_t names_lock;
	struct tb_name *names[TB_NAME_CHAINS];
};

static inline char *
tb_data_of(const struct tb_entry *e)
{
	return (char *)(uintptr_t)(e + 1);
}

static inline char *
tb_key_of(const struct tb_table *t, const struct tb_entry *e)
{
	return tb_data_of(e) + t->layout.data_bytes;
}

static inline bool
tb_is_expired(const struct tb_table *t, const struct tb_entry *e, uint64_t now_ms)
{
	const uint32_t ms = atomic_load_explicit(&t->expire_ms, memory_order_relaxed);

	return ms != 0 && e->refs == 0 && now_ms >= e->touched_ms + ms;
}

/* store.c; shard locked */
/** tb__oldest - the idle list's head may be another one. */
void tb__oldest(struct tb_shard *s);
/** tb__drop - an entry that is not tracked. */
void tb__drop(struct tb_table *t, struct tb_shard *s, struct tb_entry *e);

/* value.c */
/** tb__names_drop - what an entry that goes shares. */
void tb__names_drop(struct tb_table *t, struct tb_entry *e);
void tb__name_put(struct tb_table *t, struct tb_name **name);
struct tb_name *tb__name_get(struct tb_table *t, struct tw_str text);

#endif

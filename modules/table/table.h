/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * table.h - stick tables themselves: keys, what they store, and how long.
 *
 * A table is cut into shards by a keyed hash of the key; each has a short lock,
 * chains, and a list of the entries that nobody tracks in the order in which
 * they were last touched. As all entries of a table live equally long, the head
 * of that list is what expires next and what is recycled when the table is
 * full: nothing is ever searched. An expired entry is never found; its memory
 * goes back when its shard is used or swept. Everything in here is free of
 * requests and configuration. Any thread.
 */
#ifndef TABLE_TABLE_H
#define TABLE_TABLE_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include <tideway/err.h>
#include <tideway/str.h>

enum tb_key_type { TB_IP, TB_IPV6, TB_INTEGER, TB_STRING, TB_BINARY, TB_N_KEYS };

enum tb_data {
	TB_NONE = -1,
#define X(id, kind, array, by) TB_##id,
#include "data.def"
#undef X
	TB_N_DATA
};

enum tb_kind { TB_UINT, TB_ULL, TB_RATE, TB_NAME };

struct tb_type {
	const char *word;
	enum tb_kind kind;
	bool is_array;
	enum tb_data array; /* that has it as an element; TB_NONE */
};
extern const struct tb_type tb_types[TB_N_DATA];
extern const char *const tb_key_words[TB_N_KEYS]; /* "ip" */

#define TB_ARRAY_MAX 100
#define TB_STRING_MAX 16384 /* bytes of a key */
#define TB_EXPIRE_MAX INT32_MAX

/* What entries of a table look like. A plain value. */
struct tb_layout {
	enum tb_key_type key;
	uint32_t key_len;              /* the longest key */
	uint8_t n[TB_N_DATA];          /* elements; 0: not stored */
	uint32_t period_ms[TB_N_DATA]; /* rates */
	uint32_t off[TB_N_DATA];       /* after tb_layout_end() */
	uint32_t data_bytes;
	uint32_t block; /* bytes that count as one in rates of bytes; 1 .. 1024 */
};

/** tb_data_find - by word. returns: TB_NONE. */
enum tb_data tb_data_find(struct tw_str word);
/** tb_store_parse - "gpc0,conn_rate(10s)": adds to the layout. out: twice, the
 * word that was stored already; NULL. returns: -1 with err. */
int tb_store_parse(
    struct tb_layout *l, const char *list, const char **twice, struct tw_err *err);
/** tb_layout_end - all is known: offsets. */
void tb_layout_end(struct tb_layout *l);
bool tb_layout_eq(const struct tb_layout *a, const struct tb_layout *b);

/* Text that many entries share (server_key). */
struct tb_name;

/* Events in a sliding window of any length. */
struct tb_rate {
	uint64_t start_ms; /* of the present period */
	uint32_t now, before;
};
/** tb_rate_add, tb_rate_read - source: HAProxy's frequency counters: the last
 * period counts for as much as the window still reaches into it. */
void tb_rate_add(struct tb_rate *r, uint32_t period_ms, uint32_t n, uint64_t now_ms);
uint32_t tb_rate_read(const struct tb_rate *r, uint32_t period_ms, uint64_t now_ms);
/** tb_rate_wait - when it will have sunk to `most`: ms from now. */
uint32_t tb_rate_wait(
    const struct tb_rate *r, uint32_t period_ms, uint32_t most, uint64_t now_ms);

struct tb_chunk;

struct tb_entry {
	struct tb_entry *next;      /* chain */
	TAILQ_ENTRY(tb_entry) link; /* shard's list, while refs is 0 */
	struct tb_chunk *chunk;     /* whose memory it is */
	uint64_t touched_ms;
	uint64_t seq; /* of its last change, for watchers */
	uint32_t hash_rest;
	uint32_t refs; /* who tracks it */
	uint32_t key_len;
	/* data, then the key */
};

struct tb_table;

/* Who wants every change of a table (peers); embed it. A change has a number,
 * one more than the last of the table, which its entry keeps: so who sends
 * entries in the order of their numbers sends each as it is by then, once.
 * changed() runs with the entry's shard locked, so it may read the entry and
 * must be brief: put its key and number into a queue. What comes from a peer
 * is written with tb_find(.., TB_MAKE) and tb_set(), and `quiet` in the hold
 * so that it is not told again. */
struct tb_watch {
	struct tb_watch *next;
	void (*changed)(
	    struct tb_watch *self, struct tb_table *t, const struct tb_entry *e);
};

struct tb_limits {
	uint64_t size;
	uint32_t expire_ms; /* 0: never */
	bool nopurge;
};

/** tb_table_new - in: layout, ended. returns: one reference. errors: NULL. */
struct tb_table *tb_table_new(
    const char *name, const struct tb_layout *layout, const struct tb_limits *limits);
void tb_table_ref(struct tb_table *t);
/** tb_table_unref - the last one frees it: nobody tracks its entries by then. */
void tb_table_unref(struct tb_table **t);
const char *tb_table_name(const struct tb_table *t);
const struct tb_layout *tb_table_layout(const struct tb_table *t);
/** tb_table_limit - a reload has changed them. returns: false: it is too small
 * for that many. */
bool tb_table_limit(struct tb_table *t, const struct tb_limits *limits);
void tb_table_limits(const struct tb_table *t, struct tb_limits *out);
uint64_t tb_table_used(const struct tb_table *t);
/** tb_table_succeed - another one takes the place of `t`, which keeps a reference
 * to it. tb_table_next - that one; NULL: `t` is in force. */
void tb_table_succeed(struct tb_table *t, struct tb_table *next);
struct tb_table *tb_table_next(const struct tb_table *t);
/** tb_table_watch - before anybody else knows the table, or while nobody can
 * change it. */
void tb_table_watch(struct tb_table *t, struct tb_watch *w);

/* A key as a table has it. */
struct tb_key {
	const void *p; /* borrow; IP: 4 bytes, INTEGER: uint32_t */
	size_t len;
	char room[16];
};
/** tb_key_of - cuts or pads text to what the table keeps. in: room for a padded
 * one, layout's key_len bytes. */
void tb_key_text(
    const struct tb_layout *l, struct tw_str s, char *room, struct tb_key *out);

/* An entry, its shard locked. */
struct tb_hold {
	struct tb_table *t;
	struct tb_shard *shard;
	struct tb_entry *e;
	uint64_t now_ms;
	bool changed, quiet;
};

enum tb_how { TB_LOOK, TB_MAKE };
/** tb_find - with TB_MAKE it is there afterwards, unless the table is full.
 * returns: false: nothing is held. */
bool tb_find(struct tb_hold *h, struct tb_table *t, const struct tb_key *key,
    enum tb_how how, uint64_t now_ms);
/** tb_enter - the same for an entry that the caller tracks. */
void tb_enter(
    struct tb_hold *h, struct tb_table *t, struct tb_entry *e, uint64_t now_ms);
/** tb_leave - tells watchers when it changed; unlocks. */
void tb_leave(struct tb_hold *h);
/** tb_touch - its life begins anew. */
void tb_touch(struct tb_hold *h);
/** tb_track, tb_untrack - it stays until then, and lives on from there. */
void tb_track(struct tb_hold *h);
void tb_untrack(struct tb_hold *h);
/** tb_remove - returns: false: it is tracked. The hold is left in any case. */
bool tb_remove(struct tb_hold *h);

/* Data of what is held. `i` counts elements of arrays. */
static inline bool
tb_has(const struct tb_table *t, enum tb_data d)
{
	return tb_table_layout(t)->n[d] != 0;
}
/** tb_at - where "gpc0" and the like are: there or in their array. out: i.
 * returns: TB_NONE: not stored. */
enum tb_data tb_at(const struct tb_table *t, enum tb_data d, unsigned *i);
enum tb_data tb_layout_at(const struct tb_layout *l, enum tb_data d, unsigned *i);
/** tb_unit - what counts as one: bytes of a block in rates of bytes; else 1. */
uint32_t tb_unit(const struct tb_table *t, enum tb_data d);
/** tb_wait_ms - when a rate will have sunk to `most`; 0 for what is none. */
uint32_t tb_wait_ms(
    const struct tb_hold *h, enum tb_data d, unsigned i, uint64_t most);
/** tb_get - as a number; rates: of this moment. */
uint64_t tb_get(const struct tb_hold *h, enum tb_data d, unsigned i);
/** tb_set - rates: as if all had happened in this period. */
void tb_set(struct tb_hold *h, enum tb_data d, unsigned i, uint64_t value);
/** tb_add - nothing when it is not stored. Negative sums are 0. */
void tb_add(struct tb_hold *h, enum tb_data d, unsigned i, int64_t n);
/** tb_name_get - returns: p NULL: none. borrow: while held. */
struct tw_str tb_name_get(const struct tb_hold *h, enum tb_data d);
void tb_name_set(struct tb_hold *h, enum tb_data d, struct tw_str name);
struct tw_str tb_entry_key(const struct tb_table *t, const struct tb_entry *e);
/** tb_expires_ms - what is left of its life; 0: none, or it has no end. */
uint64_t tb_expires_ms(const struct tb_hold *h);

/** tb_sweep - frees what has expired, `max` entries at most. returns: false:
 * there is more. out: due_ms, when the next one does; UINT64_MAX. */
bool tb_sweep(struct tb_table *t, uint64_t now_ms, unsigned max, uint64_t *due_ms);

/* A walk over all entries, in pieces. Zeroed at the beginning. */
struct tb_cursor {
	uint32_t shard, bucket;
};
/** tb_walk - calls fn for some of the entries, shard locked; fn returns true to
 * have it removed (unless it is tracked). returns: false: that was all. */
bool tb_walk(struct tb_table *t, struct tb_cursor *c, uint64_t now_ms,
    bool (*fn)(struct tb_hold *h, void *arg), void *arg);

/** tb_copy - entries of a table of the same keys, which store other things, go
 * over; for a reload. */
void tb_copy(struct tb_table *to, struct tb_table *from, uint64_t now_ms);

#endif

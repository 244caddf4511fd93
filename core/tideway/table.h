/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * table.h - stick tables, for modules other than the one that keeps them.
 *
 * A table belongs to a generation, as the line that declares it, and is found by
 * name; what it holds outlives reloads. Entries are shared by all threads: each is
 * seen under a lock, by a function that must be brief and must not ask for
 * another entry, of this table or of others. What an entry stores is named once,
 * when the configuration is read (tw_table_slot), and read by that afterwards.
 *
 * The module that keeps the tables says so in its descriptor (table_ops); without
 * it there are none. source: HAProxy's manual, stick-table.
 */
#ifndef TIDEWAY_TABLE_H
#define TIDEWAY_TABLE_H

#include <tideway/expr.h>

struct tw_table;       /* gen */
struct tw_table_entry; /* borrow: until the function that was given it returns */

/** tw_table_find - in: name, of the proxy it stands in. returns: NULL: there is
 * none. context: when all files are read (check() and later), any thread.
 * lifetime: the generation. */
TW_API struct tw_table *tw_table_find(struct tw_gen *gen, const char *name);

struct tw_table_info {
	const char *name;   /* borrow: gen */
	const char *type;   /* "ip", "ipv6", "integer", "string", "binary" */
	enum tw_type key;   /* the sample's type */
	uint32_t key_len;   /* bytes of the longest key */
	uint32_t expire_ms; /* 0: never */
	bool nopurge;
	uint64_t size, used; /* entries: the most, and those there are */
};
TW_API void tw_table_info(const struct tw_table *t, struct tw_table_info *out);

/* ---- what is stored ------------------------------------------------------ */

enum tw_table_kind {
	TW_TABLE_COUNT,
	TW_TABLE_RATE, /* in a sliding period */
	TW_TABLE_TEXT, /* server_key */
};

struct tw_table_data {
	const char *word; /* "http_req_rate"; static */
	enum tw_table_kind kind;
	bool is_array; /* of n elements: "gpc(3)" */
	unsigned n;
	uint32_t period_ms; /* rates; else 0 */
	int id;             /* for a slot */
};
/** tw_table_data - the i-th that its entries store, in the order of `show table`,
 * from 0. returns: false: there are no more. */
TW_API bool tw_table_data(const struct tw_table *t, int i, struct tw_table_data *out);

/* One of these; of an array, one element. A plain value. */
struct tw_table_slot {
	int id;
	unsigned i;
};
/** tw_table_slot - in: word, "gpc0", "gpc[2]", "bytes_in_rate"; "gpc0" and its
 * like are found in their array, too. returns: false: it is not stored. */
TW_API bool tw_table_slot(
    const struct tw_table *t, const char *word, struct tw_table_slot *out);

/* ---- an entry ------------------------------------------------------------ */

struct tw_table_entry_info {
	struct tw_sample key; /* of the table's type. borrow: as the entry */
	uint32_t uses;        /* who tracks it */
	uint64_t expires_ms;  /* from now; 0: never */
};
TW_API void tw_table_entry_info(
    const struct tw_table_entry *e, struct tw_table_entry_info *out);

/** tw_table_get - a number; a rate: of this moment. returns: 0: it is none. */
TW_API uint64_t tw_table_get(const struct tw_table_entry *e, struct tw_table_slot s);
/** tw_table_text - returns: p NULL: none. borrow: as the entry. */
TW_API struct tw_str tw_table_text(
    const struct tw_table_entry *e, struct tw_table_slot s);
/** tw_table_set - rates: as if all had happened in this period. */
TW_API void tw_table_set(struct tw_table_entry *e, struct tw_table_slot s, uint64_t n);
/** tw_table_add - so many more events, or bytes. Counters may become less, but
 * never less than 0. returns: how many of them were too few to be counted
 * (rates of bytes, brates-factor): to be added with those that come next. */
TW_API uint32_t tw_table_add(
    struct tw_table_entry *e, struct tw_table_slot s, int64_t n);
/** tw_table_wait_ms - rates: when it will have sunk to `most`, if nothing is added.
 * returns: ms from now; 0: it has. */
TW_API uint32_t tw_table_wait_ms(
    const struct tw_table_entry *e, struct tw_table_slot s, uint64_t most);

/* ---- entries by key ------------------------------------------------------ */

typedef void tw_table_fn(struct tw_table_entry *e, void *arg);

/* A key: what an expression gave, or text. */
struct tw_table_key {
	struct tw_req *req;       /* for the sample */
	struct tw_sample *sample; /* is cast to the table's type; NULL: see text */
	struct tw_str text;       /* "127.0.0.1"; strings and binary keys as they are */
};
/** tw_table_look - calls fn with the entry of a key; it does not live longer for
 * that. returns: false: there is none, or it is no key for this table. context:
 * worker, control. */
TW_API bool tw_table_look(struct tw_table *t, const struct tw_table_key *key,
    tw_table_fn *fn, void *arg);

/* An entry that somebody needs for a while, as tracking does: it stays until then
 * and is found without a look. */
struct tw_table_pin {
	const struct tw_table_ops *ops; /* NULL: nothing is pinned */
	void *table, *entry;
};
/** tw_table_pin - makes the entry if there is none. out: pin, zeroed before.
 * returns: false: no key for this table, or the table is full. context: worker,
 * control; the same for the other two. */
TW_API bool tw_table_pin(
    struct tw_table *t, const struct tw_table_key *key, struct tw_table_pin *out);
TW_API void tw_table_with(const struct tw_table_pin *pin, tw_table_fn *fn, void *arg);
/** tw_table_unpin - its life begins anew. Nothing if nothing is pinned. */
TW_API void tw_table_unpin(struct tw_table_pin *pin);

/* ---- all entries --------------------------------------------------------- */

enum tw_table_cmp {
	TW_TABLE_EQ,
	TW_TABLE_NE,
	TW_TABLE_LE,
	TW_TABLE_GE,
	TW_TABLE_LT,
	TW_TABLE_GT,
};
/** tw_table_cmp - "eq", "ne", "le", "ge", "lt", "gt". returns: false: none of
 * them. */
TW_API bool tw_table_cmp(const char *word, enum tw_table_cmp *out);

struct tw_table_cond {
	struct tw_table_slot slot;
	enum tw_table_cmp cmp;
	int64_t value;
};
struct tw_table_walk {
	const struct tw_table_cond *conds; /* all of them hold for what is shown */
	int n_conds;
	uint32_t at[2]; /* zeroed at the beginning */
};
/** tw_table_walk - calls fn for some of the entries; fn returns true to have that
 * one removed, unless it is tracked. What comes and goes between two calls may
 * be seen or not. returns: false: that was all. */
TW_API bool tw_table_walk(struct tw_table *t, struct tw_table_walk *walk,
    bool (*fn)(struct tw_table_entry *e, void *arg), void *arg);

/** tw_table_glitches - a connection's peer did n odd things: counted in what the
 * connection tracks. context: its worker. */
TW_API void tw_table_glitches(struct tw_conn *conn, uint32_t n);

/* ---- for the module that keeps the tables -------------------------------- */

/* What its own struct of a table, and of an entry, begins with. */
struct tw_table {
	const struct tw_table_ops *ops;
};
struct tw_table_entry {
	const struct tw_table_ops *ops;
};

/* As the functions above. */
struct tw_table_ops {
	const char *name; /* "stick-table"; NULL ends the descriptor's list */
	struct tw_table *(*find)(struct tw_gen *gen, const char *name);
	void (*info)(const struct tw_table *t, struct tw_table_info *out);
	bool (*data)(const struct tw_table *t, int i, struct tw_table_data *out);
	bool (*slot)(
	    const struct tw_table *t, const char *word, struct tw_table_slot *out);
	void (*entry_info)(
	    const struct tw_table_entry *e, struct tw_table_entry_info *out);
	uint64_t (*get)(const struct tw_table_entry *e, struct tw_table_slot s);
	struct tw_str (*text)(const struct tw_table_entry *e, struct tw_table_slot s);
	void (*set)(struct tw_table_entry *e, struct tw_table_slot s, uint64_t n);
	uint32_t (*add)(struct tw_table_entry *e, struct tw_table_slot s, int64_t n);
	uint32_t (*wait_ms)(
	    const struct tw_table_entry *e, struct tw_table_slot s, uint64_t most);
	bool (*look)(struct tw_table *t, const struct tw_table_key *key,
	    tw_table_fn *fn, void *arg);
	bool (*pin)(struct tw_table *t, const struct tw_table_key *key,
	    struct tw_table_pin *out);
	void (*with)(const struct tw_table_pin *pin, tw_table_fn *fn, void *arg);
	void (*unpin)(struct tw_table_pin *pin);
	bool (*walk)(struct tw_table *t, struct tw_table_walk *walk,
	    bool (*fn)(struct tw_table_entry *e, void *arg), void *arg);
	void (*glitches)(struct tw_conn *conn, uint32_t n);
};

#endif

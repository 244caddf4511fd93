/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * bwlim.h - what the files about bandwidth limits share.
 */
#ifndef FILTER_BWLIM_H
#define FILTER_BWLIM_H

#include <tideway/table.h>

#include "filter.h"

/* A line. gen. */
struct bwlim {
	const char *name;
	uint64_t limit, min;
	uint32_t period_ms; /* 0: the table's */
	/* what streams share; key NULL: each has the limit for itself */
	struct bwlim *next;
	const struct tw_expr *key;
	const char *table_name; /* NULL: the proxy's own */
	const struct tw_proxy *px;
	bool is_in;
	const char *file;
	int line;
	struct tw_table *table; /* after check() */
	struct tw_table_slot slot;
};

/* A rule has named the limit, in this stream. arena */
struct bwlim_on {
	struct bwlim_on *next;
	const struct bwlim *conf;
	uint64_t limit;
	uint32_t period_ms;
	uint32_t rest; /* bytes that the table's rate has not counted yet */
	struct tw_table_pin pin;
};

/* bwlim_shared.c: the limit of all streams that share an entry of a table */
/** bwlim_shared_word - `limit`, `key`, `table` at argument i. returns: 0: it was
 * one of them; 1: it is none; -1: reported. */
int bwlim_shared_word(struct tw_line *ln, int i, struct bwlim *b);
/** bwlim_shared_keep - the line is read. */
void bwlim_shared_keep(struct tw_line *ln, struct bwlim *b);
int bwlim_shared_check(struct tw_gen *gen);
/** bwlim_shared_begin - takes the entry of this stream's key, instead of the one
 * that it may have; without a key nothing is limited. */
void bwlim_shared_begin(struct tw_req *req, struct bwlim_on *on);
/** bwlim_shared_room - as bwlim_room(), and has counted what it gives. */
uint64_t bwlim_shared_room(struct bwlim_on *on, uint64_t want, uint32_t *wait_ms);

/* bwlim.c */
/** bwlim_size - a size behind the word at argument i. */
int bwlim_size(struct tw_line *ln, int i, uint64_t *out, uint64_t least);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * filter.h - words of the control socket's commands: which entries are meant,
 * and what they are to store.
 */
#ifndef TABLE_FILTER_H
#define TABLE_FILTER_H

#include "table.h"

#define TB_FILTERS 4

enum tb_cmp { TB_EQ, TB_NE, TB_LE, TB_GE, TB_LT, TB_GT, TB_N_CMPS };

/* "data.gpc0 gt 5", "data.gpc_rate[1] gt 5": all of them must hold. */
struct tb_filter {
	int n;
	struct {
		enum tb_data data;
		unsigned i;
		enum tb_cmp cmp;
		int64_t value;
	} at[TB_FILTERS];
};

/** tb_data_word - "data.gpc[2]", tb_data_parse - "gpc[2]". out: i. returns:
 * TB_NONE: no such word. */
enum tb_data tb_data_word(const char *word, unsigned *i);
enum tb_data tb_data_parse(const char *word, unsigned *i);
/** tb_filter_parse - words from argv[0] on. in: before, how many words stood in
 * front of them. out: text of what is wrong. returns: -1. */
int tb_filter_parse(const struct tb_layout *l, int argc, char *const argv[], int before,
    struct tb_filter *f, struct tw_err *err);
bool tb_compare(uint64_t n, enum tb_cmp cmp, int64_t with);
bool tb_filter_holds(const struct tb_filter *f, const struct tb_hold *h);
/** tb_key_parse - a key as it is written. in: room of sizeof(struct tb_key).
 * returns: false: it is none, or the table's keys cannot be written. */
bool tb_key_parse(const struct tb_layout *l, const char *word, struct tb_key *out);
/** tb_int_parse - an integer that is all of the word. */
bool tb_int_parse(const char *word, int64_t *out);
/** tb_entry_out - a line of `show table`, without its end. */
void tb_entry_out(struct tw_out *o, const struct tb_hold *h);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * layout.c - what a table stores: the list behind `store`, and where each
 * thing is in an entry. Reading the configuration. source: HAProxy's manual,
 * stick-table.
 */
#include "config.h"

#include <tideway/conf.h>

#include "table.h"

#define X(id, kind, array, by) [TB_##id] = { #id, TB_##kind, array, by },
const struct tb_type tb_types[TB_N_DATA] = {
#include "data.def"
};
#undef X

const char *const tb_key_words[TB_N_KEYS] = { "ip", "ipv6", "integer", "string",
	"binary" };

enum tb_data
tb_data_find(struct tw_str word)
{
	for (int d = 0; d < TB_N_DATA; d++)
		if (tw_str_eq(word, tw_str_of(tb_types[d].word)))
			return (enum tb_data)d;
	return TB_NONE;
}

static int
parse_count(struct tb_layout *l, enum tb_data d, struct tw_str arg, struct tw_err *err)
{
	uint64_t n;

	if (!tw_str_to_u64(arg, &n) || n < 1 || n > TB_ARRAY_MAX)
		return tw_err_set(err,
		    "'store %s(%.*s)': the number of elements is 1 to %d",
		    tb_types[d].word, TW_STR_FMT(arg), TB_ARRAY_MAX);
	l->n[d] = (uint8_t)n;
	return 0;
}

static int
parse_period(struct tb_layout *l, enum tb_data d, struct tw_str arg, struct tw_err *err)
{
	char word[32];
	struct tw_err why;

	if (arg.len == 0 || arg.len >= sizeof(word))
		return tw_err_set(err, "'store %s(...)' takes a period, such as 10s",
		    tb_types[d].word);
	memcpy(word, arg.p, arg.len);
	word[arg.len] = '\0';
	if (tw_parse_ms(word, 1000, &l->period_ms[d], &why) != 0)
		return tw_err_set(
		    err, "'store %s(%s)': %s", tb_types[d].word, word, why.text);
	if (l->period_ms[d] == 0 || l->period_ms[d] > TB_EXPIRE_MAX)
		return tw_err_set(err,
		    "'store %s(%s)': a period is 1 ms to 24 days long",
		    tb_types[d].word, word);
	return 0;
}

/* in: arg, what is in the parentheses; p NULL: nothing. */
static int
parse_args(struct tb_layout *l, enum tb_data d, struct tw_str arg, struct tw_err *err)
{
	const struct tb_type *const t = &tb_types[d];
	const bool wants = t->is_array || t->kind == TB_RATE;

	if (wants != (arg.p != NULL))
		return tw_err_set(err,
		    wants ? "'store %s' needs an argument: write %s(%s)"
			  : "'store %s' takes no argument: write %s",
		    t->word, t->word,
		    t->is_array ? t->kind == TB_RATE ? "<number>,<period>" : "<number>"
				: "<period>");
	l->n[d] = 1;
	if (t->is_array && t->kind == TB_RATE) {
		const char *const comma = memchr(arg.p, ',', arg.len);

		if (comma == NULL)
			return tw_err_set(err,
			    "'store %s(%.*s)' lacks the period: write %s(%.*s,10s)",
			    t->word, TW_STR_FMT(arg), t->word, TW_STR_FMT(arg));
		const struct tw_str n = { arg.p, (size_t)(comma - arg.p) };
		arg = (struct tw_str){ comma + 1, arg.len - n.len - 1 };
		return parse_count(l, d, n, err) != 0 ? -1
						      : parse_period(l, d, arg, err);
	}
	if (t->is_array)
		return parse_count(l, d, arg, err);
	return t->kind == TB_RATE ? parse_period(l, d, arg, err) : 0;
}

/* An array takes the place of its old single forms. */
static int
check_arrays(const struct tb_layout *l, struct tw_err *err)
{
	for (int d = 0; d < TB_N_DATA; d++) {
		const enum tb_data array = tb_types[d].array;

		if (array != TB_NONE && l->n[d] != 0 && l->n[array] != 0)
			return tw_err_set(err,
			    "'store': '%s' and '%s' exclude each other: '%s' is the "
			    "first or second element of '%s'",
			    tb_types[array].word, tb_types[d].word, tb_types[d].word,
			    tb_types[array].word);
	}
	return 0;
}

/* One of the list, up to a comma outside of parentheses. */
static int
parse_one(
    struct tb_layout *l, struct tw_str one, const char **twice, struct tw_err *err)
{
	const char *const open = one.len > 0 ? memchr(one.p, '(', one.len) : NULL;
	struct tw_str word = one, arg = { NULL, 0 };

	if (open != NULL) {
		word.len = (size_t)(open - one.p);
		if (one.p[one.len - 1] != ')')
			return tw_err_set(
			    err, "'store': missing ')' after '%.*s'", TW_STR_FMT(one));
		arg = (struct tw_str){ open + 1, one.len - word.len - 2 };
	}
	const enum tb_data d = tb_data_find(word);
	if (d == TB_NONE)
		return tw_err_set(err,
		    "'store' does not know '%.*s'; it takes gpc0, gpt0, conn_cur, "
		    "conn_rate(<period>), http_req_rate(<period>) and the like",
		    TW_STR_FMT(word));
	if (l->n[d] != 0) {
		*twice = tb_types[d].word;
		return 0;
	}
	return parse_args(l, d, arg, err);
}

int
tb_store_parse(
    struct tb_layout *l, const char *list, const char **twice, struct tw_err *err)
{
	const char *p = list, *start = list;
	int depth = 0;

	*twice = NULL;
	for (;; p++) {
		depth += (*p == '(') - (*p == ')');
		if (*p != '\0' && (*p != ',' || depth > 0))
			continue;
		const struct tw_str one = { start, (size_t)(p - start) };
		if (one.len > 0 && parse_one(l, one, twice, err) != 0)
			return -1;
		if (*p == '\0')
			break;
		start = p + 1;
	}
	return check_arrays(l, err);
}

static uint32_t
bytes_of(enum tb_kind kind)
{
	switch (kind) {
	case TB_RATE:
		return sizeof(struct tb_rate);
	case TB_UINT:
		return sizeof(uint32_t);
	default:
		return sizeof(uint64_t);
	}
}

/* What needs eight bytes of alignment first. */
void
tb_layout_end(struct tb_layout *l)
{
	uint32_t at = 0;

	for (int small = 0; small < 2; small++)
		for (int d = 0; d < TB_N_DATA; d++) {
			if ((tb_types[d].kind == TB_UINT) != (small == 1))
				continue;
			l->off[d] = at;
			at += l->n[d] * bytes_of(tb_types[d].kind);
		}
	l->data_bytes = at;
	if (l->block == 0)
		l->block = 1;
}

bool
tb_layout_eq(const struct tb_layout *a, const struct tb_layout *b)
{
	return a->key == b->key && a->key_len == b->key_len && a->block == b->block &&
	    memcmp(a->n, b->n, sizeof(a->n)) == 0 &&
	    memcmp(a->period_ms, b->period_ms, sizeof(a->period_ms)) == 0;
}

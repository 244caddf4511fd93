/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * filter.c - reading the words of table commands, writing entries. Pure.
 *
 * source: HAProxy's management guide, 9.3 "show table", "set table"; texts of
 * errors as it has them.
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "filter.h"

enum tb_data
tb_data_parse(const char *word, unsigned *i)
{
	char *end;

	*i = 0;
	const size_t len = strcspn(word, "[");
	const enum tb_data d = tb_data_find((struct tw_str){ word, len });
	if (d == TB_NONE || word[len] == '\0')
		return d;
	if (!tb_types[d].is_array || word[len + 1] < '0' || word[len + 1] > '9')
		return TB_NONE;
	const unsigned long n = strtoul(word + len + 1, &end, 10);
	if (end[0] != ']' || end[1] != '\0' || n >= TB_ARRAY_MAX)
		return TB_NONE;
	*i = (unsigned)n;
	return d;
}

enum tb_data
tb_data_word(const char *word, unsigned *i)
{
	*i = 0;
	return strncmp(word, "data.", 5) == 0 ? tb_data_parse(word + 5, i) : TB_NONE;
}

bool
tb_int_parse(const char *word, int64_t *out)
{
	char *end;

	if (word == NULL || (word[0] != '-' && (word[0] < '0' || word[0] > '9')))
		return false;
	errno = 0;
	*out = strtoll(word, &end, 10);
	return end != word && *end == '\0' && errno == 0;
}

static int
parse_cmp(const char *word)
{
	static const char *const words[TB_N_CMPS] = { "eq", "ne", "le", "ge", "lt",
		"gt" };
	int c = 0;

	while (c < TB_N_CMPS && (word == NULL || strcmp(word, words[c]) != 0))
		c++;
	return c;
}

/* Three words. */
static int
parse_one(const struct tb_layout *l, char *const argv[], int argc, struct tb_filter *f,
    struct tw_err *err)
{
	const int cmp = parse_cmp(argc > 1 ? argv[1] : NULL), nr = f->n + 1;
	unsigned i;
	const enum tb_data d = tb_data_word(argv[0], &i);

	if (d == TB_NONE)
		return tw_err_set(err, "Filter entry #%d: Unknown data type\n", nr);
	if (cmp == TB_N_CMPS)
		return tw_err_set(err,
		    "Filter entry #%d: Require and operator among \"eq\", \"ne\", "
		    "\"le\", \"ge\", \"lt\", \"gt\"\n",
		    nr);
	if (i >= l->n[d])
		return tw_err_set(
		    err, "Filter entry #%d: Data type not stored in this table\n", nr);
	if (!tb_int_parse(argc > 2 ? argv[2] : NULL, &f->at[f->n].value))
		return tw_err_set(err,
		    "Filter entry #%d: Require a valid integer value to compare "
		    "against\n",
		    nr);
	f->at[f->n].data = d;
	f->at[f->n].i = i;
	f->at[f->n].cmp = (enum tb_cmp)cmp;
	f->n++;
	return 0;
}

int
tb_filter_parse(const struct tb_layout *l, int argc, char *const argv[], int before,
    struct tb_filter *f, struct tw_err *err)
{
	f->n = 0;
	for (int i = 0; i < argc; i += 3) {
		if (f->n == TB_FILTERS)
			return tw_err_set(err,
			    "Detected extra data in filter, %dth word of input, after "
			    "'%.200s'\n",
			    before + i + 1, argv[i - 1]);
		if (parse_one(l, argv + i, argc - i, f, err) != 0)
			return -1;
	}
	return 0;
}

bool
tb_compare(uint64_t n, enum tb_cmp cmp, int64_t b)
{
	const int64_t a = n > INT64_MAX ? INT64_MAX : (int64_t)n;

	switch (cmp) {
	case TB_EQ:
		return a == b;
	case TB_NE:
		return a != b;
	case TB_LE:
		return a <= b;
	case TB_GE:
		return a >= b;
	case TB_LT:
		return a < b;
	default:
		return a > b;
	}
}

bool
tb_filter_holds(const struct tb_filter *f, const struct tb_hold *h)
{
	for (int i = 0; i < f->n; i++)
		if (!tb_compare(tb_get(h, f->at[i].data, f->at[i].i), f->at[i].cmp,
			f->at[i].value))
			return false;
	return true;
}

bool
tb_key_parse(const struct tb_layout *l, const char *word, struct tb_key *out)
{
	int64_t n;

	out->p = out->room;
	out->len = l->key_len;
	switch (l->key) {
	case TB_IP:
		return inet_pton(AF_INET, word, out->room) == 1;
	case TB_IPV6:
		return inet_pton(AF_INET6, word, out->room) == 1;
	case TB_INTEGER:
		if (!tb_int_parse(word, &n) || n < 0 || n > UINT32_MAX)
			return false;
		memcpy(out->room, &(uint32_t){ (uint32_t)n }, sizeof(uint32_t));
		return true;
	case TB_STRING:
		tb_key_text(l, tw_str_of(word), NULL, out);
		return true;
	default:
		return false;
	}
}

/* ---- writing ------------------------------------------------------------- */

static void
text_out(struct tw_out *o, struct tw_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		const unsigned char c = (unsigned char)s.p[i];

		if (c == '\n' || c == '\t' || c == '\r' || c == '\033')
			tw_out_printf(o, "\\%c",
			    c == '\n'       ? 'n'
				: c == '\t' ? 't'
				: c == '\r' ? 'r'
					    : 'e');
		else if (c < ' ' || c > '~')
			tw_out_printf(o, "\\x%02x", c);
		else if (c == ' ' || c == '\\' || c == '=')
			tw_out_printf(o, "\\%c", c);
		else
			tw_out_char(o, (char)c);
	}
}

static void
key_out(struct tw_out *o, const struct tb_layout *l, struct tw_str key)
{
	char text[INET6_ADDRSTRLEN] = "";
	uint32_t n;

	switch (l->key) {
	case TB_IP:
	case TB_IPV6:
		inet_ntop(
		    l->key == TB_IP ? AF_INET : AF_INET6, key.p, text, sizeof(text));
		tw_out_str(o, tw_str_of(text));
		break;
	case TB_INTEGER:
		memcpy(&n, key.p, sizeof(n));
		tw_out_u64(o, n);
		break;
	case TB_STRING:
		text_out(o, key);
		break;
	default:
		for (size_t i = 0; i < key.len; i++)
			tw_out_printf(o, "%02X", (unsigned char)key.p[i]);
	}
}

/* "gpc0_rate(10000)": an element has its index before the underscore. */
static void
name_out(struct tw_out *o, const struct tb_layout *l, enum tb_data d, unsigned i)
{
	const char *const word = tb_types[d].word;
	const size_t head = strcspn(word, "_");

	if (tb_types[d].is_array)
		tw_out_printf(o, " %.*s%u%s", (int)head, word, i, word + head);
	else
		tw_out_printf(o, " %s", word);
	if (tb_types[d].kind == TB_RATE)
		tw_out_printf(o, "(%u)", l->period_ms[d]);
	tw_out_char(o, '=');
}

static void
data_out(struct tw_out *o, const struct tb_hold *h, enum tb_data d)
{
	const struct tb_layout *const l = tb_table_layout(h->t);

	for (unsigned i = 0; i < l->n[d]; i++) {
		name_out(o, l, d, i);
		if (tb_types[d].kind != TB_NAME) {
			tw_out_u64(o, tb_get(h, d, i));
			continue;
		}
		const struct tw_str name = tb_name_get(h, d);
		tw_out_str(o, name.p != NULL ? name : TW_STR("-"));
	}
}

void
tb_entry_out(struct tw_out *o, const struct tb_hold *h)
{
	tw_out_printf(o, "%p: key=", (const void *)h->e);
	key_out(o, tb_table_layout(h->t), tb_entry_key(h->t, h->e));
	tw_out_printf(o, " use=%u exp=%llu shard=0", h->e->refs,
	    (unsigned long long)tb_expires_ms(h));
	for (int d = 0; d < TB_N_DATA; d++)
		data_out(o, h, (enum tb_data)d);
}

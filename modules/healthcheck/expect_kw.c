/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * expect_kw.c - the words of `tcp-check expect` and `http-check expect`.
 *
 * Options first, then the match and its pattern; what is not valid is refused
 * where it stands. source: HAProxy's manual, tcp-check expect, http-check
 * expect.
 */
#include <stdlib.h>

#include <tideway/encode.h>

#include "hc.h"

#define MAX_RANGES 32

static int
code_parse(const char **p, uint16_t *code)
{
	char *end;

	if (**p < '1' || **p > '9')
		return -1;
	const unsigned long v = strtoul(*p, &end, 10);
	if (v < 100 || v > 999)
		return -1;
	*p = end;
	*code = (uint16_t)v;
	return 0;
}

/* "200,201,300-310" */
static int
ranges_parse(struct tw_line *ln, int i, struct hc_expect *e)
{
	struct hc_range range[MAX_RANGES];
	const char *const text = tw_arg(ln, i);
	const char *p = text;
	int n = 0;

	for (;; p++) {
		struct hc_range r;

		if (n == MAX_RANGES)
			return tw_line_fail(
			    ln, i, "more than %d ranges of status codes", MAX_RANGES);
		if (code_parse(&p, &r.from) < 0)
			break;
		r.to = r.from;
		if (*p == '-' && (p++, code_parse(&p, &r.to)) < 0)
			break;
		range[n++] = r;
		if (r.to >= r.from && *p == '\0') {
			struct hc_range *copy = tw_arena_alloc(
			    tw_gen_arena(ln->gen), sizeof(r) * (size_t)n);
			memcpy(copy, range, sizeof(r) * (size_t)n);
			e->range = copy;
			e->n_ranges = n;
			return 0;
		}
		if (r.to < r.from || *p != ',')
			break;
	}
	return tw_line_fail(ln, i,
	    "'%s' is no list of status codes; write codes "
	    "from 100 to 999 and ranges as in '200,300-399'",
	    text);
}

int
hc_text_format(struct tw_line *ln, int i, struct hc_text *t)
{
	t->fmt = tw_logfmt_compile_at(ln, i, tw_arg(ln, i), TW_AT_CHECK);
	return t->fmt != NULL ? 0 : -1;
}

struct tw_str
hc_hex_decode(struct tw_arena *arena, struct tw_str hex, const char **why)
{
	static const struct tw_str none = { NULL, 0 };

	*why = "an even number of hex digits is expected";
	if (hex.len == 0 || hex.len % 2 != 0)
		return none;
	char *const mem = tw_arena_try(arena, hex.len / 2);
	*why = "it is too long";
	if (mem == NULL)
		return none;
	*why = "a character of it is no hex digit";
	for (size_t i = 0; i < hex.len; i += 2) {
		const int hi = tw_hex_digit(hex.p[i]), lo = tw_hex_digit(hex.p[i + 1]);

		if (hi < 0 || lo < 0)
			return none;
		mem[i / 2] = (char)(hi * 16 + lo);
	}
	return (struct tw_str){ mem, hex.len / 2 };
}

static int
pattern_parse(struct tw_line *ln, int i, struct hc_expect *e)
{
	const char *const arg = tw_arg(ln, i);
	const char *why;

	switch (e->match) {
	case HC_STATUS:
		return ranges_parse(ln, i, e);
	case HC_RSTATUS:
	case HC_RSTRING:
	case HC_RBINARY:
		e->regex = hc_regex_compile(ln, i, arg);
		return e->regex != NULL ? 0 : -1;
	case HC_STRING:
		e->text.s = tw_arena_str(tw_gen_arena(ln->gen), tw_str_of(arg));
		return 0;
	case HC_BINARY:
		e->text.s = hc_hex_decode(tw_gen_arena(ln->gen), tw_str_of(arg), &why);
		if (e->text.s.p == NULL)
			return tw_line_fail(
			    ln, i, "'%s' is no binary string: %s", arg, why);
		return 0;
	default:
		return hc_text_format(ln, i, &e->text);
	}
}

/* ---- hdr and fhdr ---- */

/* "[-m <meth>] <pattern>" from *i on. */
static int
hdr_part(struct tw_line *ln, int *i, bool lf, struct hc_hdr_match *m)
{
	static const char *const hows[] = { "str", "beg", "end", "sub", "reg" };
	const char *arg = tw_arg(ln, *i);

	if (arg != NULL && strcmp(arg, "-m") == 0) {
		const char *const how = tw_arg(ln, ++*i);
		size_t h = 0;

		while (
		    how != NULL && h < TW_N_ELEMENTS(hows) && strcmp(how, hows[h]) != 0)
			h++;
		if (how == NULL || h == TW_N_ELEMENTS(hows))
			return tw_line_fail(ln, *i - (how == NULL),
			    "'-m' is followed by 'str', 'beg', 'end', 'sub' or 'reg'");
		m->how = (enum hc_how)h;
		arg = tw_arg(ln, ++*i);
	}
	if (arg == NULL || *arg == '\0')
		return tw_line_fail(
		    ln, *i - 1, "a pattern is missing after '%s'", tw_arg(ln, *i - 1));
	if (lf && m->how == HC_REG)
		return tw_line_fail(ln, *i,
		    "a log-format cannot be a regular expression; write 'name' or "
		    "'value', or another method than 'reg'");
	++*i;
	if (lf)
		return hc_text_format(ln, *i - 1, &m->text);
	m->text.s = tw_arena_str(tw_gen_arena(ln->gen), tw_str_of(arg));
	if (m->how != HC_REG)
		return 0;
	m->regex = hc_regex_compile(ln, *i - 1, arg);
	return m->regex != NULL ? 0 : -1;
}

static int
hdr_parse(struct tw_line *ln, int *i, struct hc_expect *e)
{
	const char *word = tw_arg(ln, *i);
	const bool lf = word != NULL && strcmp(word, "name-lf") == 0;

	if (!lf && (word == NULL || strcmp(word, "name") != 0))
		return tw_line_fail(ln, word ? *i : -1,
		    "write 'name' or 'name-lf' and a pattern after '%s'",
		    tw_arg(ln, *i - 1));
	++*i;
	if (hdr_part(ln, i, lf, &e->name) < 0)
		return -1;
	word = tw_arg(ln, *i);
	if (word == NULL)
		return 0;
	const bool value_lf = strcmp(word, "value-lf") == 0;
	if (!value_lf && strcmp(word, "value") != 0)
		return 0; /* the caller reports it */
	++*i;
	e->has_value = true;
	return hdr_part(ln, i, value_lf, &e->value);
}

/* ---- options ---- */

static int
min_recv_parse(struct tw_line *ln, int i, struct hc_expect *e)
{
	const char *const arg = tw_arg(ln, i);
	struct tw_err err;
	uint64_t n;

	if (strcmp(arg, "-1") == 0) {
		e->min_recv = -1;
		return 0;
	}
	if (tw_parse_uint(arg, 0, HC_ANSWER_MAX, &n, &err) < 0)
		return tw_line_fail(
		    ln, i, "'min-recv' is -1 or a number of bytes: %s", err.text);
	e->min_recv = (int)n;
	return 0;
}

#define SET(chk) (1u << TW_CHK_##chk)

static int
status_parse(struct tw_line *ln, int i, unsigned allowed, enum tw_chk *to)
{
	for (int c = TW_CHK_UNK; c <= TW_CHK_L7STS; c++) {
		if ((allowed & (1u << c)) != 0 &&
		    strcasecmp(tw_arg(ln, i), tw_chk_code((enum tw_chk)c)) == 0) {
			*to = (enum tw_chk)c;
			return 0;
		}
	}
	char words[64];
	struct tw_out o = tw_out_of(words, sizeof(words));
	for (int c = TW_CHK_UNK; c <= TW_CHK_L7STS; c++)
		if (allowed & (1u << c))
			tw_out_printf(&o, "%s%s", o.p == words ? "" : ", ",
			    tw_chk_code((enum tw_chk)c));
	return tw_line_fail(ln, i, "'%s' takes %.*s, not '%s'", tw_arg(ln, i - 1),
	    (int)(o.p - words), words, tw_arg(ln, i));
}

/* One option and its argument. returns: 1 it was one; 0 it was none; -1. */
static int
option_parse(struct tw_line *ln, int i, struct hc_expect *e)
{
	static const char *const words[] = { "min-recv", "comment", "ok-status",
		"error-status", "tout-status", "on-success", "on-error",
		"status-code" };
	struct hc_text t = { .fmt = NULL };
	size_t w = 0;
	int rc = 0;

	while (w < TW_N_ELEMENTS(words) && strcmp(tw_arg(ln, i), words[w]) != 0)
		w++;
	if (w == TW_N_ELEMENTS(words))
		return 0;
	if (tw_arg(ln, ++i) == NULL)
		return tw_line_fail(ln, i - 1, "'%s' needs an argument", words[w]);
	switch (w) {
	case 0:
		rc = min_recv_parse(ln, i, e);
		break;
	case 1:
		break; /* the caller's */
	case 2:
		rc = status_parse(
		    ln, i, SET(L4OK) | SET(L6OK) | SET(L7OK) | SET(L7OKC), &e->ok);
		break;
	case 3:
		rc = status_parse(ln, i,
		    SET(L4CON) | SET(L6RSP) | SET(L7OKC) | SET(L7RSP) | SET(L7STS),
		    &e->error);
		break;
	case 4:
		rc = status_parse(
		    ln, i, SET(L4TOUT) | SET(L6TOUT) | SET(L7TOUT), &e->tout);
		break;
	case 5:
		rc = hc_text_format(ln, i, &t);
		e->on_success = t.fmt;
		break;
	case 6:
		rc = hc_text_format(ln, i, &t);
		e->on_error = t.fmt;
		break;
	default:
		e->status_code = tw_expr_compile(ln, i, tw_arg(ln, i), TW_AT_CHECK);
		rc = e->status_code != NULL ? 0 : -1;
		break;
	}
	return rc < 0 ? -1 : 1;
}

static const struct {
	const char *word;
	enum hc_match match;
	bool tcp, http;
} matches[] = {
	{ "status", HC_STATUS, false, true },
	{ "rstatus", HC_RSTATUS, false, true },
	{ "hdr", HC_HDR, false, true },
	{ "fhdr", HC_FHDR, false, true },
	{ "string", HC_STRING, true, true },
	{ "rstring", HC_RSTRING, true, true },
	{ "string-lf", HC_STRING_LF, true, true },
	{ "binary", HC_BINARY, true, false },
	{ "rbinary", HC_RBINARY, true, false },
	{ "binary-lf", HC_BINARY_LF, true, false },
};

static int
match_find(struct tw_line *ln, int i, const char *word, struct hc_expect *e)
{
	for (size_t m = 0; word != NULL && m < TW_N_ELEMENTS(matches); m++) {
		if ((e->is_http ? matches[m].http : matches[m].tcp) &&
		    strcmp(word, matches[m].word) == 0) {
			e->match = matches[m].match;
			return 0;
		}
	}
	return tw_line_fail(ln, word ? i : -1, "write [!] %s and a pattern here",
	    e->is_http ? "status, rstatus, hdr, fhdr, string, rstring or string-lf"
		       : "string, rstring, string-lf, binary, rbinary or binary-lf");
}

/* "[!] <match> <pattern>" from *i on. */
static int
match_parse(struct tw_line *ln, int *i, struct hc_expect *e)
{
	const char *word = tw_arg(ln, *i);

	while (word != NULL && word[0] == '!') {
		e->negate = !e->negate;
		word = word[1] != '\0' ? word + 1 : tw_arg(ln, ++*i);
	}
	if (match_find(ln, *i, word, e) < 0)
		return -1;
	++*i;
	if (e->match == HC_HDR || e->match == HC_FHDR)
		return hdr_parse(ln, i, e);
	const char *const pattern = tw_arg(ln, *i);
	if (pattern == NULL || *pattern == '\0')
		return tw_line_fail(ln, *i - 1, "'%s' needs a pattern after it", word);
	return pattern_parse(ln, (*i)++, e);
}

int
hc_expect_parse(struct tw_line *ln, int i, struct hc_expect *e)
{
	bool matched = false;

	e->min_recv = -1;
	while (tw_arg(ln, i) != NULL) {
		const int n = option_parse(ln, i, e);

		if (n < 0)
			return -1;
		if (n > 0) {
			i += 2;
			continue;
		}
		if (matched)
			return tw_line_fail(ln, i,
			    "'%s' may not follow the pattern; escape the spaces of a "
			    "pattern with a backslash",
			    tw_arg(ln, i));
		if (match_parse(ln, &i, e) < 0)
			return -1;
		matched = true;
	}
	return matched ? 0 : match_find(ln, -1, NULL, e);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * status_kw.c - which statuses are errors of clients, and which are failures of
 * servers: http-err-codes and http-fail-codes.
 *
 * A set of bits for each, in the generation; nothing is kept while the usual
 * ones hold. Reading on the control thread, asking on any. source: HAProxy's
 * manual, 3.1, http-err-codes.
 */
#include "config.h"

#include <stdlib.h>

#include <tideway/req.h>

#include "core/proxy/proxy_int.h"

#define FIRST 100
#define LAST 599

struct tw__statuses {
	uint64_t bits[(LAST - FIRST) / 64 + 1]; /* from FIRST on */
};

static void
change(struct tw__statuses *s, uint32_t low, uint32_t high, bool in)
{
	for (uint32_t i = low - FIRST; i <= high - FIRST; i++) {
		const uint64_t bit = 1ull << (i % 64);

		s->bits[i / 64] = in ? s->bits[i / 64] | bit : s->bits[i / 64] & ~bit;
	}
}

/* Three digits at *p, which moves behind them. returns: 0: there are none, or
 * it is no status. */
static uint32_t
code(const char **p)
{
	uint64_t n;

	if (strspn(*p, "0123456789") != 3 ||
	    !tw_str_to_u64((struct tw_str){ *p, 3 }, &n))
		return 0;
	*p += 3;
	return n >= FIRST && n <= LAST ? (uint32_t)n : 0;
}

/* "400,402-444": returns: false: it is no list. */
static bool
list_apply(struct tw__statuses *s, const char *p, bool in)
{
	for (;; p++) {
		const uint32_t low = code(&p);
		uint32_t high = low;

		if (low != 0 && *p == '-') {
			p++;
			high = code(&p);
		}
		if (low == 0 || high < low)
			return false;
		change(s, low, high, in);
		if (*p != ',')
			return *p == '\0';
	}
}

static int
set_codes(struct tw_line *ln)
{
	struct tw__global *const g = ln->core;
	struct tw__statuses **const at = strcmp(ln->kw->word, "http-err-codes") == 0
	    ? &g->err_codes
	    : &g->fail_codes;
	struct tw__statuses *const s =
	    tw_arena_zalloc(tw_gen_arena(ln->gen), sizeof(*s));

	if (*at != NULL)
		*s = **at;
	else if (at == &g->err_codes)
		list_apply(s, "400-499", true);
	else
		list_apply(s, "500,502-504,506-599", true);
	for (int i = 0; i < ln->n_args; i++) {
		const char *const word = tw_arg(ln, i);
		const bool is_change = word[0] == '+' || word[0] == '-';

		if (!is_change)
			memset(s, 0, sizeof(*s));
		if (!list_apply(s, word + is_change, word[0] != '-'))
			return tw_line_fail(ln, i,
			    "'%s' expects statuses from 100 to 599 and ranges of them, "
			    "as in '400,402-444', which '+' adds and '-' takes away; "
			    "not '%s'",
			    ln->kw->word, word);
	}
	*at = s;
	return 0;
}

const struct tw_kw tw__status_kw[] = {
	{ .word = "http-err-codes",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 1,
	    .max_args = -1,
	    .set = set_codes,
	    .usage = "[+ | -]<code>[-<code>][,...] ...",
	    .help = "Statuses that count as a client's error (http_err_cnt of "
		    "stick-tables): these, these too, or these not.",
	    .def = "400-499" },
	{ .word = "http-fail-codes",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 1,
	    .max_args = -1,
	    .set = set_codes,
	    .usage = "[+ | -]<code>[-<code>][,...] ...",
	    .help = "The same of a server's failure (http_fail_cnt).",
	    .def = "500-599 -501,505" },
	{ .word = NULL },
};

static bool
is_in(const struct tw__statuses *s, int status)
{
	const uint32_t i = (uint32_t)(status - FIRST);

	return status >= FIRST && status <= LAST &&
	    (s->bits[i / 64] >> (i % 64) & 1) != 0;
}

bool
tw_status_is_err(const struct tw_gen *gen, int status)
{
	if (gen->global.err_codes != NULL)
		return is_in(gen->global.err_codes, status);
	return status >= 400 && status < 500;
}

bool
tw_status_is_fail(const struct tw_gen *gen, int status)
{
	if (gen->global.fail_codes != NULL)
		return is_in(gen->global.fail_codes, status);
	return status >= 500 && status < 600 && status != 501 && status != 505;
}

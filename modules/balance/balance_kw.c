/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * balance_kw.c - hash-type and its like, and hash-key on server lines.
 *
 * They go into the module's blocks; the algorithms read them when all files
 * are read (hash_check). Control thread. source: HAProxy's manual, 4.2 and 5.2.
 */
#include "hash.h"
#include "rdp.h"

static int
function_of(const char *word)
{
	static const char *const functions[] = {
		[HASH_SDBM] = "sdbm",
		[HASH_DJB2] = "djb2",
		[HASH_CRC32] = "crc32",
		[HASH_NONE] = "none",
	};

	for (size_t i = 0; i < TW_N_ELEMENTS(functions); i++) {
		if (strcmp(word, functions[i]) == 0)
			return (int)i;
	}
	return -1;
}

static int
function_unknown(struct tw_line *ln, const char *word)
{
	if (strcmp(word, "wt6") == 0)
		return tw_line_fail(ln, 1,
		    "the hash function 'wt6' is known to HAProxy but not to tideway "
		    "yet; write 'sdbm avalanche' or 'crc32', which spread as well");
	return tw_line_fail(ln, 1,
	    "'hash-type' does not know the function '%s'; write 'sdbm', 'djb2', "
	    "'crc32' or 'none'",
	    word);
}

static int
set_hash_type(struct tw_line *ln)
{
	struct hash_type *t = &((struct balance_proxy *)ln->state)->hash;
	const char *method = tw_arg(ln, 0), *function = tw_arg(ln, 1);
	const char *modifier = tw_arg(ln, 2);

	if (strcmp(method, "avalanche") == 0)
		return tw_line_fail(ln, 0,
		    "'hash-type avalanche' has gone; write 'hash-type map-based sdbm "
		    "avalanche'");
	if (strcmp(method, "consistent") != 0 && strcmp(method, "map-based") != 0)
		return tw_line_fail(ln, 0,
		    "'hash-type' only supports 'consistent' and 'map-based', not '%s'",
		    method);
	if (function != NULL && function_of(function) < 0)
		return function_unknown(ln, function);
	if (modifier != NULL && strcmp(modifier, "avalanche") != 0)
		return tw_line_fail(ln, 2,
		    "'hash-type' only supports 'avalanche' as a modifier for hash "
		    "functions, not '%s'",
		    modifier);
	t->consistent = *method == 'c';
	t->func = (uint8_t)(function != NULL ? function_of(function) : HASH_SDBM);
	t->avalanche = modifier != NULL || (t->consistent && function == NULL);
	return 0;
}

static int
set_factor(struct tw_line *ln)
{
	struct hash_type *t = &((struct balance_proxy *)ln->state)->hash;
	struct tw_err err;
	uint64_t n;

	if (tw_parse_uint(tw_arg(ln, 0), 0, 1000000, &n, &err) != 0)
		return tw_line_fail(ln, 0,
		    "'hash-balance-factor' expects an integer argument: %s", err.text);
	if (n != 0 && n <= 100)
		return tw_line_fail(
		    ln, 0, "'hash-balance-factor' must be 0 or greater than 100");
	t->factor = (uint32_t)n;
	return 0;
}

static int
word_of(struct tw_line *ln, const char *const *words, int n, uint8_t *to)
{
	for (int i = 0; i < n; i++) {
		if (strcmp(tw_arg(ln, 0), words[i]) == 0) {
			*to = (uint8_t)i;
			return 0;
		}
	}
	return tw_line_fail(
	    ln, 0, "'%s' expects one of: %s", ln->kw->word, ln->kw->usage);
}

static int
set_affinity(struct tw_line *ln)
{
	static const char *const words[] = { "always", "maxconn", "maxqueue" };

	return word_of(ln, words, TW_N_ELEMENTS(words),
	    &((struct balance_proxy *)ln->state)->hash.affinity);
}

static int
set_hash_key(struct tw_line *ln)
{
	static const char *const words[] = { "id", "addr", "addr-port", "id32" };

	return word_of(ln, words, TW_N_ELEMENTS(words),
	    &((struct balance_server *)ln->state)->point);
}

const struct tw_kw balance_keywords[] = {
	{ .word = "hash-type",
	    .scopes = TW_SC_BE,
	    .min_args = 1,
	    .max_args = 3,
	    .set = set_hash_type,
	    .usage = "{ map-based | consistent } [{ sdbm | djb2 | crc32 | none } "
		     "[avalanche]]",
	    .help = "How a hash becomes a server: a place in a table of all weights, "
		    "or the nearest point on a ring, which moves few keys when "
		    "servers come and go.",
	    .def = "map-based sdbm; consistent: sdbm avalanche" },
	{ .word = "hash-balance-factor",
	    .scopes = TW_SC_BE,
	    .min_args = 1,
	    .max_args = 1,
	    .set = set_factor,
	    .usage = "<percent>",
	    .help = "With 'hash-type consistent' and 'balance random': no server has "
		    "more than this percentage of the average load; 0: no bound.",
	    .def = "0" },
	{ .word = "hash-preserve-affinity",
	    .scopes = TW_SC_BE,
	    .min_args = 1,
	    .max_args = 1,
	    .set = set_affinity,
	    .usage = "{ always | maxconn | maxqueue }",
	    .help = "Whether a key's server is kept to always, only while it is below "
		    "its maxconn, or only while its queue is below its maxqueue.",
	    .def = "always" },
	{ .word = "persist",
	    .scopes = TW_SC_BE,
	    .min_args = 1,
	    .max_args = 1,
	    .set = rdp_set_persist,
	    .usage = "rdp-cookie[(<name>)]",
	    .help = "Terminal services: a connection goes to the server that its RDP "
		    "cookie names." },
	{ .word = "hash-key",
	    .scopes = TW_SC_SERVER,
	    .min_args = 1,
	    .max_args = 1,
	    .set = set_hash_key,
	    .usage = "{ id | addr | addr-port | id32 }",
	    .help = "What places the server on the ring of 'hash-type consistent': "
		    "its number, its address, or both address and port.",
	    .def = "id" },
	TW_KW_IGNORED("hash-type"),
	TW_KW_IGNORED("hash-balance-factor"),
	TW_KW_IGNORED("hash-preserve-affinity"),
	TW_KW_IGNORED("persist"),
	{ .word = NULL },
};

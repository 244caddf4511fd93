/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * retry_kw.c - the keyword `retry-on`.
 *
 * source: HAProxy's manual, retry-on; core/flow/retry.c acts on it.
 */
#include "config.h"

#include "core/proxy/proxy_int.h"

static const struct {
	const char *word;
	uint32_t bits;
} conditions[] = {
	{ "none", 0 },
	{ "conn-failure", TW__RETRY_CONN },
	{ "empty-response", TW__RETRY_EMPTY },
	{ "junk-response", TW__RETRY_JUNK },
	{ "response-timeout", TW__RETRY_TIMEOUT },
	{ "0rtt-rejected", TW__RETRY_0RTT },
	{ "all-retryable-errors",
	    TW__RETRY_CONN | TW__RETRY_EMPTY | TW__RETRY_JUNK | TW__RETRY_TIMEOUT |
		TW__RETRY_0RTT },
};

static int
condition_add(struct tw_line *ln, int i, uint32_t *bits)
{
	static const uint16_t in_all[] = { 500, 502, 503, 504 };
	const char *word = tw_arg(ln, i);
	uint64_t status;

	for (size_t k = 0; k < TW_N_ELEMENTS(conditions); k++) {
		if (strcmp(word, conditions[k].word) != 0)
			continue;
		if (k == 0 && ln->n_args > 1)
			return tw_line_fail(
			    ln, i, "'retry-on' : 'none' is only possible alone");
		*bits |= conditions[k].bits;
		for (size_t s = 0;
		     k == TW_N_ELEMENTS(conditions) - 1 && s < TW_N_ELEMENTS(in_all);
		     s++)
			*bits |= tw__retry_status_bit(in_all[s]);
		return 0;
	}
	if (!tw_str_to_u64(tw_str_of(word), &status) || status > 599 ||
	    tw__retry_status_bit((unsigned)status) == 0)
		return tw_line_fail(ln, i, "'retry-on': unknown keyword '%s'", word);
	*bits |= tw__retry_status_bit((unsigned)status);
	return 0;
}

static int
set_retry_on(struct tw_line *ln)
{
	uint32_t bits = 0;

	for (int i = 0; i < ln->n_args; i++) {
		if (condition_add(ln, i, &bits) < 0)
			return -1;
	}
	((struct tw_proxy *)ln->state)->c.retry_on = bits;
	return 0;
}

static int
misplaced(struct tw_line *ln)
{
	return tw_line_fail(
	    ln, -1, "'retry-on' is only possible in a backend or listen section");
}

/* clang-format off */
const struct tw_kw tw__retry_kw[] = {
	{ "retry-on", TW_SC_BE, 1, -1, set_retry_on,
		"{ none | conn-failure | empty-response | junk-response | "
		"response-timeout | 0rtt-rejected | <status> | "
		"all-retryable-errors }...",
		"What a request is sent once more for, as often as 'retries' says. A "
		"body is replayed when it fits a buffer. With 0rtt-rejected servers "
		"with 'allow-0rtt' get requests as early data.", "conn-failure",
		TW_KW_HTTP | TW_KW_REST, 0, 0, 0, NULL },
	{ .word = "retry-on", .scopes = TW_SC_FRONTEND, .max_args = -1,
		.set = misplaced, .help = "Refused here." },
	{ .word = NULL },
};
/* clang-format on */

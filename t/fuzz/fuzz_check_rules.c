/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fuzz_check_rules.c - answers to checks of known protocols, header rules and
 * agents' lines: whatever comes is judged, and judged for good at its end.
 */
#include <stdlib.h>

#include <tideway/assert.h>

#include "../../modules/healthcheck/hc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static hc_judge *const judges[] = { hc_judge_mysql_hello, hc_judge_mysql_packet,
	hc_judge_pgsql, hc_judge_ldap, hc_judge_redis, hc_judge_ssl, hc_judge_spop,
	hc_judge_smtp, hc_judge_grpc };

static void
eval(const struct hc_expect *e, struct tw_str got)
{
	struct tw_check_result r;

	for (int eof = 0; eof < 2; eof++) {
		const struct hc_answer a = { got, eof != 0, NULL };

		memset(&r, 0, sizeof(r));
		const enum tw_io io = hc_expect_eval(e, &a, &r);
		TW_ASSERT(!eof || io != TW_IO_AGAIN);
		TW_ASSERT(memchr(r.text, '\0', sizeof(r.text)) != NULL);
	}
}

static void
rules(struct tw_str got)
{
	struct hc_expect e = { .match = HC_HDR,
		.is_http = true,
		.min_recv = -1,
		.has_value = true,
		.name = { HC_SUB, { TW_STR("Cookie"), NULL }, NULL },
		.value = { HC_END, { TW_STR("x"), NULL }, NULL } };

	eval(&e, got);
	e.match = HC_FHDR;
	eval(&e, got);
	e = (struct hc_expect){
		.match = HC_STRING, .min_recv = 3, .text = { TW_STR("PONG"), NULL }
	};
	eval(&e, got);
	e.is_http = true;
	eval(&e, got);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hc_agent_word word;

	if (size < 1 || size > HC_ANSWER_MAX)
		return 0;
	char *const copy = malloc(size); /* the sanitizer sees what goes beyond */
	TW_ASSERT(copy != NULL);
	memcpy(copy, data + 1, size - 1);
	const struct tw_str got = { copy, size - 1 };
	const size_t which = data[0] % (TW_N_ELEMENTS(judges) + 2);

	if (which < TW_N_ELEMENTS(judges)) {
		const struct hc_expect e = { .match = HC_CUSTOM,
			.judge = judges[which] };

		eval(&e, got);
	} else if (which == TW_N_ELEMENTS(judges)) {
		rules(got);
	} else {
		hc_agent_parse(got, &word);
		TW_ASSERT(word.percent >= -1 && word.percent <= 25600);
		TW_ASSERT(word.maxconn >= -1 && word.maxconn <= INT32_MAX);
	}
	free(copy);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fuzz_check.c - answers to HTTP health checks: whatever a responder sends,
 * the head is judged, and what is taken for its body lies within the answer.
 */
#include <stdlib.h>

#include <tideway/assert.h>

#include "../../modules/healthcheck/hc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hc_head head;
	struct tw_str body;

	if (size > HC_ANSWER_MAX)
		return 0;
	const struct tw_str got = { (const char *)data, size };
	char *mem = malloc(size + 1); /* the sanitizer sees what goes beyond */
	TW_ASSERT(mem != NULL);
	if (hc_head_parse(got, &head) == TW_IO_OK) {
		TW_ASSERT(head.status <= 999);
		TW_ASSERT(head.body.p + head.body.len == got.p + got.len);
		hc_body_of(&head, false, mem, &body);
		TW_ASSERT(body.len <= head.body.len);
		TW_ASSERT(hc_body_of(&head, true, mem, &body));
	}
	free(mem);
	return 0;
}

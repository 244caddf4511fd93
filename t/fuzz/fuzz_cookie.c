/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fuzz_cookie.c - any bytes as Cookie and Set-Cookie values: an edit never
 * writes more than it reads, and what was to be removed is gone.
 */
#include <stdint.h>
#include <stdlib.h>

#include <tideway/assert.h>

#include "../../modules/cookie/cookie_edit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int
count(struct tw_str rest, struct tw_str name)
{
	struct cookie_pair pair = { .delim = 0 };
	int n = 0;

	while (tw__cookie_next(&rest, &pair)) {
		TW_ASSERT(pair.all.p != NULL);
		n += pair.value.p != NULL && tw_str_eq(pair.name, name);
	}
	return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct tw_str name = TW_STR("S");
	char *text = malloc(len + 1), *mem = malloc(len + 1);
	struct tw_str in = { text, len }, value, rest;

	TW_ASSERT(text != NULL && mem != NULL);
	if (len > 0)
		memcpy(text, data, len);
	struct tw_out out = tw_out_of(mem, len);

	tw__cookie_delete(in, name, &out);
	TW_ASSERT(!out.over);
	TW_ASSERT(count((struct tw_str){ mem, (size_t)(out.p - mem) }, name) == 0);
	out = tw_out_of(mem, len);
	tw__cookie_strip(in, name, '~', &out);
	TW_ASSERT(!out.over);
	/* A prefix may end inside quotes: then other delimiters count after it. */
	TW_ASSERT((len > 0 && memchr(text, '"', len)) ||
	    count((struct tw_str){ mem, (size_t)(out.p - mem) }, name) ==
		count(in, name));
	if (tw__set_cookie_split(in, name, &value, &rest)) {
		TW_ASSERT(value.p >= text && rest.p + rest.len == text + len);
		TW_ASSERT(value.p + value.len <= rest.p);
	}
	(void)tw__cookie_date(in);
	free(text);
	free(mem);
	return 0;
}

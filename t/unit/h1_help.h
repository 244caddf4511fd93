/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * h1_help.h - what the tests of the HTTP/1 codec share.
 *
 * The bytes under test lie at the end of a block of their exact size, so that
 * the address sanitizer sees every read beyond them.
 */
#ifndef TW_TEST_H1_HELP_H
#define TW_TEST_H1_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
/* after the above, as cmocka wants it */
#include <cmocka.h>

#include "../../modules/http/h1.h"

struct h1_in {
	struct tw_stream st;
	struct tw_buf buf;
	struct tw_msg msg;
	struct tw_msg request; /* what a response answers */
};

/* Fills the buffer; free with h1_fini(). */
static inline void
h1_init(struct h1_in *t, const char *bytes, size_t len)
{
	memset(t, 0, sizeof(*t));
	t->buf.base = malloc(len > 0 ? len : 1);
	assert_non_null(t->buf.base);
	memcpy(t->buf.base, bytes, len);
	t->buf.tail = (uint32_t)len;
	t->buf.size = (uint32_t)len + 1;
	t->request.method = TW_M_GET;
	t->request.major = t->request.minor = 1;
}

static inline void
h1_fini(struct h1_in *t)
{
	free(t->buf.base);
	t->buf.base = NULL;
}

static inline enum tw_io
h1_request(struct h1_in *t, const char *text)
{
	h1_init(t, text, strlen(text));
	return tw__h1_read_head(&t->st, &t->buf, &t->msg, NULL, false);
}

/* Exactly `want` in `got`. */
static inline void
assert_str(struct tw_str got, const char *want)
{
	assert_int_equal(got.len, strlen(want));
	assert_memory_equal(got.len > 0 ? got.p : "", want, got.len);
}

#endif

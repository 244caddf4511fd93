/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fuzz_lua_h1.c - any bytes as the answer to a script's HTTP request, in one piece
 * and byte by byte: both give the same. The first byte picks HEAD.
 */
#include <stdlib.h>
#include <string.h>

#include <tideway/assert.h>
#include "lua/h1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check(const struct lu_h1 *h)
{
	TW_ASSERT(h->at == LU_H1_DONE || (h->at == LU_H1_BAD && h->why != NULL));
	TW_ASSERT(h->fields_len <= h->fields_size);
	TW_ASSERT(h->fields_len == 0 || h->fields[h->fields_len - 1] == '\0');
	TW_ASSERT(h->at != LU_H1_DONE ||
	    (h->status >= 200 && h->status <= 999 && h->body != NULL));
}

static void
feed(struct lu_h1 *h, const uint8_t *data, size_t len, size_t piece)
{
	struct evbuffer *const in = evbuffer_new();
	bool over = false;

	TW_ASSERT(in != NULL);
	for (size_t at = 0; at < len && !over; at += piece) {
		evbuffer_add(in, data + at, len - at < piece ? len - at : piece);
		over = lu_h1_feed(h, in, false);
	}
	if (!over)
		TW_ASSERT(lu_h1_feed(h, in, true));
	evbuffer_free(in);
	check(h);
}

static size_t
body_len(const struct lu_h1 *h)
{
	return h->body != NULL ? evbuffer_get_length(h->body) : 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len < 1 || len > 65536)
		return 0;
	struct lu_h1 whole = { .is_head = data[0] & 1 }, parts = whole;
	feed(&whole, data + 1, len - 1, len);
	feed(&parts, data + 1, len - 1, 1);
	TW_ASSERT(whole.at == parts.at && whole.status == parts.status);
	TW_ASSERT(whole.at != LU_H1_DONE || body_len(&whole) == body_len(&parts));
	lu_h1_fini(&whole);
	lu_h1_fini(&parts);
	return 0;
}

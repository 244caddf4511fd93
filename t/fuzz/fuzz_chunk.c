/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fuzz_chunk.c - any bytes as a chunked body: decoding them one by one and all
 * at once gives the same, and what is encoded of it decodes to it again.
 */
#include <stdint.h>
#include <stdlib.h>

#include <tideway/assert.h>

#include "../../modules/http/h1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct text {
	char *p; /* owns */
	size_t len;
};

static void
text_add(struct text *t, const char *p, size_t len)
{
	if (len == 0)
		return;
	t->p = realloc(t->p, t->len + len);
	TW_ASSERT(t->p != NULL);
	memcpy(t->p + t->len, p, len);
	t->len += len;
}

static enum tw_io
decode(struct tw_stream *st, const uint8_t *data, size_t len, uint32_t step,
    struct text *body, struct text *trailers)
{
	struct tw_buf in = { .base = malloc(len + 1), .size = (uint32_t)len + 1 };
	enum tw_io r = TW_IO_AGAIN;
	struct tw_str got;

	TW_ASSERT(in.base != NULL);
	if (len > 0)
		memcpy(in.base, data, len);
	while (r == TW_IO_OK || (r == TW_IO_AGAIN && in.tail < len)) {
		if (r == TW_IO_AGAIN)
			in.tail +=
			    len - in.tail < step ? (uint32_t)len - in.tail : step;
		r = tw__h1_read_body(st, &in, &got, false);
		TW_ASSERT(in.head <= in.tail);
		TW_ASSERT(r != TW_IO_OK || got.len > 0);
		if (r != TW_IO_ERR)
			text_add(body, got.p, got.len);
	}
	if (r == TW_IO_END)
		text_add(trailers, st->trailers.p, st->trailers.len);
	free(in.base);
	return r;
}

static void
encode(const struct text *body, const struct text *trailers, struct text *out)
{
	struct tw_stream st = { .body = TW_BODY_CHUNKED,
		.trailers = { trailers->p, trailers->len } };
	struct iovec iov[TW_PROTO_IOV];
	char mem[32];
	struct tw_out scratch = tw_out_of(mem, sizeof(mem));
	const int n = tw__h1_write_body(
	    &st, (struct tw_str){ body->p, body->len }, true, &scratch, iov);

	TW_ASSERT(n > 0 && n <= TW_PROTO_IOV && st.done);
	for (int i = 0; i < n; i++)
		text_add(out, iov[i].iov_base, iov[i].iov_len);
}

static bool
same(const struct text *a, const struct text *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->p, b->p, a->len) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct text body[3] = { { NULL, 0 } }, trailers[3] = { { NULL, 0 } };
	struct text wire = { NULL, 0 };
	struct tw_stream st = { .body = TW_BODY_CHUNKED };
	const enum tw_io one = decode(&st, data, len, 1, &body[0], &trailers[0]);

	st = (struct tw_stream){ .body = TW_BODY_CHUNKED };
	const enum tw_io all =
	    decode(&st, data, len, (uint32_t)len + 1, &body[1], &trailers[1]);

	TW_ASSERT((one == TW_IO_END) == (all == TW_IO_END));
	if (all == TW_IO_END) {
		TW_ASSERT(same(&body[0], &body[1]) && same(&trailers[0], &trailers[1]));
		encode(&body[1], &trailers[1], &wire);
		st = (struct tw_stream){ .body = TW_BODY_CHUNKED };
		TW_ASSERT(decode(&st, (const uint8_t *)wire.p, wire.len, 7, &body[2],
			      &trailers[2]) == TW_IO_END);
		TW_ASSERT(same(&body[1], &body[2]) && same(&trailers[1], &trailers[2]));
	}
	for (int i = 0; i < 3; i++) {
		free(body[i].p);
		free(trailers[i].p);
	}
	free(wire.p);
	return 0;
}

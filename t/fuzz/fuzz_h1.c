/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fuzz_h1.c - any bytes as HTTP/1 heads: whatever is accepted lies inside the
 * buffer, what is written of it is accepted again with the same meaning, and
 * bytes that come one by one are judged like bytes that come together.
 *
 * The first byte says what is read: a request, or the answer to one.
 */
#include <stdint.h>
#include <stdlib.h>

#include <tideway/assert.h>

#include "../../modules/http/h1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define OUT_BYTES 65536

static void
inside(const struct tw_buf *in, const char *p, size_t len)
{
	TW_ASSERT(p >= in->base && p + len <= in->base + in->tail);
}

static void
check(const struct tw_buf *in, const struct tw_stream *st, const struct tw_msg *msg)
{
	TW_ASSERT(in->head <= in->tail && msg->n_hdr <= TW_MAX_HDR);
	inside(in, msg->raw.p, msg->raw.len);
	TW_ASSERT(msg->raw.p + msg->raw.len == in->base + in->head);
	for (unsigned i = 0; i < msg->n_hdr; i++) {
		const struct tw_hdr *h = &msg->hdr[i];

		inside(in, h->name, h->name_len);
		if (h->value_len > 0)
			inside(in, h->value, h->value_len);
		TW_ASSERT(h->name_len > 0 && !memchr(h->value, '\n', h->value_len));
	}
	TW_ASSERT(st->body == msg->body);
	TW_ASSERT(st->body != TW_BODY_LENGTH || st->left == msg->content_length);
}

static enum tw_io
read_steps(struct tw_buf *in, struct tw_msg *msg, const struct tw_msg *request,
    uint32_t tail, uint32_t step)
{
	struct tw_stream st = { 0 };
	enum tw_io r = TW_IO_AGAIN;

	for (in->tail = 0; r == TW_IO_AGAIN && in->tail < tail;) {
		in->tail += tail - in->tail < step ? tail - in->tail : step;
		r = tw__h1_read_head(&st, in, msg, request, false);
		TW_ASSERT(r != TW_IO_ERR || (st.status >= 400 && st.why != NULL));
		TW_ASSERT(r != TW_IO_AGAIN || st.scanned == in->tail - in->head);
	}
	if (r == TW_IO_OK)
		check(in, &st, msg);
	return r;
}

static void
write_again(struct tw_msg *msg, const struct tw_msg *request, unsigned how)
{
	static char mem[OUT_BYTES];
	static struct tw_msg again;
	struct tw_out out = tw_out_of(mem, sizeof(mem));
	struct tw_stream st = { 0 }, st2 = { 0 };

	if (request && request->method == TW_M_HEAD)
		how |= TW_HEAD_NO_BODY;
	TW_ASSERT(tw__h1_write_head(&st, msg, &out, how) == 0);
	struct tw_buf in = { mem, sizeof(mem), 0, (uint32_t)(out.p - mem) };

	TW_ASSERT(tw__h1_read_head(&st2, &in, &again, request, false) == TW_IO_OK);
	TW_ASSERT(in.head == in.tail);
	TW_ASSERT(again.method == msg->method && again.status == msg->status);
	TW_ASSERT(tw_str_eq(again.target, msg->target));
	TW_ASSERT(again.body == st.body);
	TW_ASSERT(
	    again.content_length == msg->content_length || st.body != TW_BODY_LENGTH);
}

/* What the second look makes of it lies inside, too, and can be written. */
static void
loosely(struct tw_buf *in, struct tw_msg *msg, const struct tw_msg *request)
{
	static char mem[OUT_BYTES];
	struct tw_out out = tw_out_of(mem, sizeof(mem));
	struct tw_stream st = { .state = request ? H1_RESPONSE : 0 }, to = { 0 };
	const char *p = in->base;

	msg->flags = request ? TW_MSG_RESPONSE : 0;
	if (tw__h1_loose_head(&st, &p, in->base + in->tail, msg) != TW_IO_OK)
		return;
	msg->raw = (struct tw_str){ in->base, (size_t)(p - in->base) };
	in->head = (uint32_t)msg->raw.len;
	if (tw__h1_meaning(&st, msg, request) != TW_IO_OK)
		return;
	check(in, &st, msg);
	tw__h1_write_head(&to, msg, &out,
	    request && request->method == TW_M_HEAD ? TW_HEAD_NO_BODY : 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct tw_msg msg;
	static const struct tw_msg requests[] = { { .method = TW_M_GET },
		{ .method = TW_M_HEAD }, { .method = TW_M_CONNECT },
		{ .method = TW_M_GET, .flags = TW_MSG_UPGRADE } };

	if (len < 1)
		return 0;
	const unsigned kind = data[0] % 5;
	const struct tw_msg *request = kind == 0 ? NULL : &requests[kind - 1];
	const uint32_t tail = (uint32_t)len - 1;
	struct tw_buf in = { .base = malloc(tail + 1), .size = tail + 1 };

	TW_ASSERT(in.base != NULL);
	memcpy(in.base, data + 1, tail);
	const enum tw_io one = read_steps(&in, &msg, request, tail, 1);

	in.head = 0;
	memcpy(in.base, data + 1, tail); /* a port may have been dropped there */
	const enum tw_io all =
	    read_steps(&in, &msg, request, tail, tail > 0 ? tail : 1);

	/* Refused sooner or later, but not differently. */
	TW_ASSERT((one == TW_IO_OK) == (all == TW_IO_OK));
	if (all == TW_IO_OK)
		write_again(
		    &msg, request, data[0] >> 4 & (TW_HEAD_CLOSE | TW_HEAD_KEEP));
	in.tail = tail;
	memcpy(in.base, data + 1, tail);
	loosely(&in, &msg, request);
	free(in.base);
	return 0;
}

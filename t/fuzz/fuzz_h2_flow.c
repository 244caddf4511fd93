/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fuzz_h2_flow.c - any bytes as HTTP/2 frames from a client, through engine, records
 * and codec: whatever becomes a message lies within its record, has nothing in it
 * that would end a line of HTTP/1, and its payload is what came.
 *
 * The first byte says how small the pieces are.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <tideway/assert.h>

#include "../../modules/h2/h2_mod.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define ROOM 40000

static struct h2_worker wk;
static char record[ROOM], answer[ROOM];
static struct tw_msg msg, copy;

static bool
is_inside(struct tw_str s, size_t len)
{
	return s.len == 0 || (s.p >= record && s.p + s.len <= record + len);
}

/* returns: it could not be mistaken for the end of a line, or of a head. */
static bool
is_harmless(struct tw_str s, const char *also)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] == 0 || strchr(also, s.p[i]) != NULL)
			return false;
	return true;
}

static void
look(size_t len)
{
	TW_ASSERT(is_inside(msg.raw, len) && is_inside(msg.target, len));
	TW_ASSERT(is_inside(msg.method_name, len) && is_inside(msg.host, len));
	TW_ASSERT(msg.method_name.len > 0 && is_harmless(msg.method_name, " \r\n\t:"));
	TW_ASSERT(msg.target.len > 0 && is_harmless(msg.target, " \r\n\t"));
	for (unsigned i = 0; i < msg.n_hdr; i++) {
		const struct tw_hdr *const h = &msg.hdr[i];
		const struct tw_str name = { h->name, h->name_len };

		TW_ASSERT(is_inside(name, len) && is_harmless(name, " \r\n\t:"));
		TW_ASSERT(is_inside(tw_hdr_value(h), len));
		TW_ASSERT(is_harmless(tw_hdr_value(h), "\r\n"));
	}
}

/* What a codec on the other side would send of it is read the same. */
static void
again(const struct tw_buf *in)
{
	struct tw_stream to = { 0 }, from = { 0 };
	struct tw_out out = tw_out_of(answer, ROOM);

	(void)in;
	if (h2__write_head(&to, &msg, &out, 0) != 0)
		return;
	struct tw_buf buf = { answer, ROOM, 0, (uint32_t)(out.p - answer) };
	TW_ASSERT(h2__read_head(&from, &buf, &copy, NULL, false) == TW_IO_OK);
	TW_ASSERT(buf.head == buf.tail && copy.method == msg.method);
	TW_ASSERT(tw_str_eq(copy.target, msg.target));
	TW_ASSERT(copy.n_hdr <= msg.n_hdr + 1);
}

static void
on_head(struct h2_session *s, struct h2_stream *st, const struct h2_head *hd)
{
	struct tw_stream in = { 0 };

	(void)s;
	(void)st;
	if (hd->kind == H2_TRAILERS)
		return;
	const size_t n = h2__rec_request(record, ROOM / 2, hd, "key");
	TW_ASSERT(n >= sizeof(struct h2_rec) && n <= ROOM / 2);
	struct tw_buf buf = { record, ROOM, 0, (uint32_t)n - 1 };
	TW_ASSERT(h2__read_head(&in, &buf, &msg, NULL, false) == TW_IO_AGAIN);
	buf.tail++;
	const enum tw_io io = h2__read_head(&in, &buf, &msg, NULL, false);
	TW_ASSERT(io == TW_IO_OK || (io == TW_IO_ERR && in.status == 431));
	TW_ASSERT(buf.head == buf.tail);
	if (io != TW_IO_OK)
		return;
	look(n);
	again(&buf);
}

static void
on_data(struct h2_session *s, struct h2_stream *st, struct tw_str data, bool end)
{
	struct tw_stream in = { .body = TW_BODY_CHUNKED };
	struct tw_str got;
	char *const p =
	    h2__rec_put(record, (uint32_t)data.len, H2_REC_DATA, end ? H2_REC_END : 0);

	memcpy(p, data.p, data.len);
	struct tw_buf buf = { record, ROOM, 0, (uint32_t)(p + data.len - record) };
	const enum tw_io io = h2__read_body(&in, &buf, &got, false);
	TW_ASSERT(io == (end ? TW_IO_END : TW_IO_OK) && tw_str_eq(got, data));
	h2_consumed(s, st, data.len);
}

static void
on_reset(struct h2_session *s, struct h2_stream *st, uint32_t code)
{
	(void)code;
	h2_release(s, st);
}

static void
on_window(struct h2_session *s, struct h2_stream *st)
{
	(void)s;
	(void)st;
}

static const struct h2_events events = {
	.head = on_head, .data = on_data, .reset = on_reset, .window = on_window
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct h2_session s;
	struct h2_limits lim;
	size_t at = 1, used;

	if (len < 1)
		return 0;
	const size_t step = data[0] + 1u;
	h2_limits_init(&lim, false);
	lim.connect_protocol = true;
	TW_ASSERT(h2_init(&s, &wk, false, &lim, &events) == 0);
	for (size_t end = 1; end < len;) {
		end = end + step < len ? end + step : len;
		if (h2_feed(&s, (const char *)data + at, end - at, &used) < 0)
			break;
		at += used;
	}
	h2_reset_all(&s, H2_CANCEL);
	h2_out_sent(&s, s.out_bytes);
	h2_fini(&s);
	return 0;
}

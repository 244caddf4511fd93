/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fuzz_h2.c - any bytes as HTTP/2 frames, in both roles: the engine stays within
 * them, ends or goes on, and bytes that come in pieces mean the same.
 *
 * The first byte says who is read (bit 0: a client reads a server's) and how
 * small the pieces are (the rest).
 */
#include <stdint.h>
#include <stdlib.h>

#include <tideway/assert.h>

#include "../../modules/h2/h2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct h2_worker wk;
static uint64_t sum; /* of what the events say */

#define HELD 512
static struct h2_stream *held[HELD];
static unsigned n_held;

static void
mix(const void *p, size_t len)
{
	const uint8_t *const b = p;

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ b[i]) * 1099511628211u;
}

static void
drop(struct h2_session *s, struct h2_stream *st)
{
	for (unsigned i = 0; i < n_held; i++)
		if (held[i] == st) {
			held[i] = held[--n_held];
			h2_release(s, st);
			return;
		}
	TW_WRONG("a stream that is not held");
}

static void
on_head(struct h2_session *s, struct h2_stream *st, const struct h2_head *hd)
{
	static const struct h2_head ok = { .kind = H2_RESPONSE, .status = 200 };

	if (hd->kind == H2_REQUEST) {
		TW_ASSERT(n_held < HELD);
		held[n_held++] = st;
	}
	for (unsigned i = 0; i < hd->n_hdr; i++) {
		const struct tw_hdr *const h = &hd->hdr[i];

		TW_ASSERT(h->name >= hd->text.p && h->value >= hd->text.p &&
		    h->value + h->value_len <= hd->text.p + hd->text.len);
		TW_ASSERT(memchr(h->value, '\n', h->value_len) == NULL);
		mix(h->value, h->value_len);
	}
	if (hd->kind == H2_REQUEST && !hd->end && !hd->too_large)
		TW_ASSERT(hd->method.len > 0);
	if (hd->end && !s->is_client) {
		h2_submit_head(s, st, &ok, true);
		drop(s, st);
	}
}

static void
on_data(struct h2_session *s, struct h2_stream *st, struct tw_str data, bool end)
{
	mix(data.p, data.len);
	h2_consumed(s, st, data.len);
	if (end)
		drop(s, st);
}

static void
on_reset(struct h2_session *s, struct h2_stream *st, uint32_t code)
{
	mix(&code, sizeof(code));
	drop(s, st);
}

static void
on_window(struct h2_session *s, struct h2_stream *st)
{
	h2_submit_data(s, st, "more", 4, false);
}

static const struct h2_events events = {
	.head = on_head, .data = on_data, .reset = on_reset, .window = on_window
};

static void
ask(struct h2_session *s)
{
	const struct h2_head hd = { .kind = H2_REQUEST,
		.method = TW_STR("GET"),
		.scheme = TW_STR("http"),
		.authority = TW_STR("a"),
		.path = TW_STR("/") };

	for (int i = 0; i < 3; i++) {
		struct h2_stream *const st = h2_open(s, NULL);

		TW_ASSERT(st != NULL);
		held[n_held++] = st;
		TW_ASSERT(h2_submit_head(s, st, &hd, i > 0) == 0);
	}
}

static uint64_t
run(const uint8_t *data, size_t len, bool is_client, size_t step)
{
	struct h2_session s;
	struct h2_limits lim;
	size_t at = 0, used;

	sum = 0;
	n_held = 0;
	h2_limits_init(&lim, is_client);
	TW_ASSERT(h2_init(&s, &wk, is_client, &lim, &events) == 0);
	if (is_client)
		ask(&s);
	for (size_t end = 0; end < len && !s.dead;) {
		end = end + step < len ? end + step : len;
		if (h2_feed(&s, (const char *)data + at, end - at, &used) < 0)
			break;
		at += used;
		TW_ASSERT(end - at < H2_MIN_FEED);
	}
	mix(&s.code, sizeof(s.code));
	h2_reset_all(&s, H2_CANCEL);
	while (n_held > 0)
		drop(&s, held[0]);
	h2_out_sent(&s, s.out_bytes);
	h2_fini(&s);
	return sum;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len < 1)
		return 0;
	const bool is_client = data[0] & 1;
	const uint64_t whole = run(data + 1, len - 1, is_client, len);

	TW_ASSERT(
	    run(data + 1, len - 1, is_client, (size_t)(data[0] >> 1) + 1) == whole);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * h2_help.h - what the tests of the HTTP/2 engine share: one session with its
 * events written down, and frames made by hand.
 *
 * Bytes are fed from a block of their exact size, so that the address sanitizer
 * sees every read beyond them.
 */
#ifndef TW_TEST_H2_HELP_H
#define TW_TEST_H2_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* after the above, as cmocka wants it */
#include <cmocka.h>

#include "../../modules/h2/h2_priv.h"

#define LOG_BYTES 65536
#define HELD 256

struct side {
	struct h2_session s;
	struct h2_limits lim;
	struct h2_worker *wk;
	char log[LOG_BYTES]; /* events, as text */
	size_t n_log;
	struct h2_stream *held[HELD];
	unsigned n_held;
	bool keeps; /* payload is not consumed */
};

/* Frames put together by hand. */
struct bytes {
	char p[262144];
	size_t n;
};

__attribute__((format(printf, 2, 3))) static inline void
note(struct side *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	const int n = vsnprintf(t->log + t->n_log, LOG_BYTES - t->n_log, fmt, ap);
	va_end(ap);
	if (n > 0 && t->n_log + (size_t)n < LOG_BYTES)
		t->n_log += (size_t)n;
}

static inline void
hold(struct side *t, struct h2_stream *st)
{
	for (unsigned i = 0; i < t->n_held; i++)
		if (t->held[i] == st)
			return;
	assert_true(t->n_held < HELD);
	t->held[t->n_held++] = st;
}

static inline void
let_go(struct side *t, struct h2_stream *st)
{
	for (unsigned i = 0; i < t->n_held; i++)
		if (t->held[i] == st) {
			t->held[i] = t->held[--t->n_held];
			h2_release(&t->s, st);
			return;
		}
	fail_msg("a stream that is not held");
}

static inline void
on_head(struct h2_session *s, struct h2_stream *st, const struct h2_head *hd)
{
	static const char *const kind[] = { "request", "response", "interim",
		"trailers" };
	struct side *const t = s->user;

	hold(t, st);
	st->user = t;
	note(t, "%s %u%s", kind[hd->kind], st->id, hd->end ? " end" : "");
	if (hd->too_large) {
		note(t, " too-large\n");
		return;
	}
	if (hd->kind == H2_REQUEST)
		note(t, " %.*s %.*s %.*s %.*s%s%.*s", TW_STR_FMT(hd->method),
		    TW_STR_FMT(hd->scheme), TW_STR_FMT(hd->authority),
		    TW_STR_FMT(hd->path), hd->protocol.len ? " " : "",
		    TW_STR_FMT(hd->protocol));
	if (hd->status != 0)
		note(t, " %u", hd->status);
	for (unsigned i = 0; i < hd->n_hdr; i++) {
		const struct tw_hdr *const h = &hd->hdr[i];

		assert_true(h->name >= hd->text.p &&
		    h->value + h->value_len <= hd->text.p + hd->text.len);
		note(t, " [%.*s=%.*s]", h->name_len, h->name, (int)h->value_len,
		    h->value);
	}
	note(t, "\n");
}

static inline void
on_data(struct h2_session *s, struct h2_stream *st, struct tw_str data, bool end)
{
	struct side *const t = s->user;

	if (data.len > 64)
		note(t, "data %u%s %zu\n", st->id, end ? " end" : "", data.len);
	else
		note(t, "data %u%s '%.*s'\n", st->id, end ? " end" : "",
		    TW_STR_FMT(data));
	if (!t->keeps)
		h2_consumed(s, st, data.len);
}

static inline void
on_reset(struct h2_session *s, struct h2_stream *st, uint32_t code)
{
	note(s->user, "reset %u %s\n", st->id, h2_code_name(code));
	let_go(s->user, st);
}

static inline void
on_window(struct h2_session *s, struct h2_stream *st)
{
	note(s->user, "window %u\n", st->id);
}

static inline void
on_goaway(struct h2_session *s, uint32_t last, uint32_t code)
{
	note(s->user, "goaway %u %s\n", last, h2_code_name(code));
}

static inline void
on_settings(struct h2_session *s)
{
	note(s->user, "settings\n");
}

static const struct h2_events test_events = { on_head, on_data, on_reset, on_window,
	on_goaway, on_settings, NULL };

/* Begins; the limits may be changed before. */
static inline void
side_begin(struct side *t, struct h2_worker *wk, bool is_client)
{
	t->wk = wk;
	assert_int_equal(h2_init(&t->s, wk, is_client, &t->lim, &test_events), 0);
	t->s.user = t;
}

static inline struct side *
side_new(bool is_client)
{
	struct side *const t = calloc(1, sizeof(*t));

	assert_non_null(t);
	h2_limits_init(&t->lim, is_client);
	return t;
}

static inline void
side_free(struct side *t)
{
	while (t->n_held > 0)
		let_go(t, t->held[0]);
	h2_fini(&t->s);
	free(t);
}

/* ---- frames by hand ---- */

static inline void
put_frame(struct bytes *b, unsigned type, unsigned flags, uint32_t id, const void *p,
    size_t len)
{
	assert_true(b->n + len + 9 <= sizeof(b->p));
	h2_frame_head((uint8_t *)b->p + b->n, len, type, flags, id);
	memcpy(b->p + b->n + 9, p, len);
	b->n += len + 9;
}

/* "name=value\n" lines as literals without indexing; '=' may begin no name but
 * ':' may. returns: bytes. */
static inline size_t
literals(char *out, const char *lines)
{
	char *to = out;

	while (*lines != '\0') {
		const char *const eq = strchr(lines, '=');
		const char *const nl = strchr(eq, '\n');
		const size_t n = (size_t)(eq - lines), v = (size_t)(nl - eq - 1);

		assert_true(n < 127 && v < 127);
		*to++ = 0;
		*to++ = (char)n;
		memcpy(to, lines, n);
		to += n;
		*to++ = (char)v;
		memcpy(to, eq + 1, v);
		to += v;
		lines = nl + 1;
	}
	return (size_t)(to - out);
}

static inline void
put_head(struct bytes *b, uint32_t id, unsigned flags, const char *lines)
{
	char mem[16000];

	put_frame(
	    b, H2_HEADERS, flags | H2_F_END_HEADERS, id, mem, literals(mem, lines));
}

#define GET_LINES ":method=GET\n:scheme=https\n:authority=a\n:path=/\n"
#define POST_LINES ":method=POST\n:scheme=https\n:authority=a\n:path=/\n"

static inline void
put_preface(struct bytes *b)
{
	memcpy(b->p, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
	b->n = 24;
	put_frame(b, H2_SETTINGS, 0, 0, "", 0);
}

static inline void
put_u32(struct bytes *b, unsigned type, uint32_t id, uint32_t v)
{
	uint8_t m[4];

	h2_put32(m, v);
	put_frame(b, type, 0, id, m, 4);
}

static inline void
put_setting_frame(struct bytes *b, unsigned id, uint32_t v)
{
	uint8_t m[6] = { 0, (uint8_t)id };

	h2_put32(m + 2, v);
	put_frame(b, H2_SETTINGS, 0, 0, m, 6);
}

/* All of them, in pieces of at most `step` bytes. returns: h2_feed's. */
static inline int
feed(struct side *t, const char *p, size_t len, size_t step)
{
	size_t at = 0, end = 0, used;

	while (end < len && !t->s.dead) {
		end = end + step < len ? end + step : len;
		char *const copy = malloc(end - at + !(end - at));
		memcpy(copy, p + at, end - at);
		const int r = h2_feed(&t->s, copy, end - at, &used);
		free(copy);
		if (r < 0)
			return -1;
		at += used;
		assert_true(end - at < H2_MIN_FEED);
	}
	return t->s.dead ? -1 : 0;
}

static inline int
feed_all(struct side *t, const struct bytes *b)
{
	return feed(t, b->p, b->n, b->n);
}

/* Takes the output. */
static inline void
drain(struct side *t, struct bytes *b)
{
	struct iovec iov[64];
	const int n = h2_out_iov(&t->s, iov, 64);
	size_t sum = 0;

	for (int i = 0; i < n; i++) {
		assert_true(b->n + iov[i].iov_len <= sizeof(b->p));
		memcpy(b->p + b->n, iov[i].iov_base, iov[i].iov_len);
		b->n += iov[i].iov_len;
		sum += iov[i].iov_len;
	}
	h2_out_sent(&t->s, sum);
}

/* How many frames of a type are in it; out: the last one's last 4 bytes. */
static inline unsigned
frames(const struct bytes *b, unsigned type, uint32_t *last)
{
	unsigned n = 0;

	for (size_t at = 0; at + 9 <= b->n;) {
		const uint8_t *const p = (const uint8_t *)b->p + at;
		const size_t len = h2_get32(p) >> 8;

		if (p[3] == type) {
			n++;
			if (last != NULL && len >= 4)
				*last = h2_get32(p + 9 + len - 4);
		}
		at += 9 + len;
	}
	return n;
}

/* Both ways until nothing moves. */
static inline void
talk(struct side *a, struct side *b, size_t step)
{
	struct bytes *const m = malloc(sizeof(*m));

	assert_non_null(m);
	while (a->s.out_bytes + b->s.out_bytes > 0) {
		m->n = 0;
		drain(a, m);
		feed(b, m->p, m->n, step);
		m->n = 0;
		drain(b, m);
		feed(a, m->p, m->n, step);
	}
	free(m);
}

static struct h2_worker wk;

static inline int
wk_setup(void **state)
{
	(void)state;
	h2_worker_init(&wk);
	return 0;
}

static inline int
wk_teardown(void **state)
{
	(void)state;
	h2_worker_fini(&wk);
	return 0;
}

#endif

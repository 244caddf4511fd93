/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * h2_single.c - one exchange as a client, on somebody else's connection.
 *
 * The session and all of its memory live as long as the exchange does, and end
 * with it: nothing is shared with the worker's other sessions. Interim responses
 * and trailers are read and left out; what is malformed ends it as it ends a
 * proxied response. One worker's thread. source: RFC 9113, sections 3.3, 8.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <tideway/assert.h>

#include "h2_mod.h"

#define HEAD_ROOM 32768u /* of an answer's head with its index */

struct h2_single {
	struct h2_worker wk;
	struct h2_session s;
	struct h2_limits lim; /* its generation may end before it */
	struct h2_stream *st; /* the engine's, ours; NULL: let go */
	tw_single_got *got;   /* while bytes are fed */
	void *arg;
	uint32_t code;   /* with lost, enum h2_code */
	const char *why; /* static; NULL: no words */
	bool ended, lost;
};

/* --- what the engine tells --- */

static void
lose(struct h2_single *x, uint32_t code, const char *why)
{
	x->lost = true;
	x->code = code;
	x->why = why;
}

static void
head_give(struct h2_single *x, const struct h2_head *hd)
{
	char mem[HEAD_ROOM];
	struct tw_hdr hdr[TW_MAX_HDR];
	struct h2_head made;
	struct h2_rec rec;

	if (h2__rec_response(mem, sizeof(mem), hd) <= sizeof(rec)) {
		lose(x, H2_CANCEL, "a head that is too large");
		return;
	}
	memcpy(&rec, mem, sizeof(rec));
	if (h2__rec_read(&rec, mem + sizeof(rec), &made, hdr))
		x->got(x->arg, made.text);
}

static void
on_head(struct h2_session *s, struct h2_stream *st, const struct h2_head *hd)
{
	struct h2_single *const x = s->user;

	(void)st;
	if (hd->kind == H2_RESPONSE)
		head_give(x, hd);
	x->ended = x->ended || (hd->end && !x->lost);
}

static void
on_data(struct h2_session *s, struct h2_stream *st, struct tw_str data, bool end)
{
	struct h2_single *const x = s->user;

	if (data.len > 0)
		x->got(x->arg, data);
	h2_consumed(s, st, data.len);
	x->ended = x->ended || end;
}

/* GOAWAY without a look at the request: no answer is all of it. */
static void
on_reset(struct h2_session *s, struct h2_stream *st, uint32_t code)
{
	struct h2_single *const x = s->user;

	if (s->goaway_seen && code == H2_REFUSED_STREAM)
		x->ended = true;
	else
		lose(x, code, st->flags & H2_ST_HEAD_SEEN ? NULL : s->glitch_why);
}

static void
on_window(struct h2_session *s, struct h2_stream *st)
{
	(void)s;
	(void)st;
}

static const struct h2_events events = {
	.head = on_head,
	.data = on_data,
	.reset = on_reset,
	.window = on_window,
};

/* --- the request --- */

/* An absolute target says scheme and authority itself. */
static void
target_split(struct h2_head *hd)
{
	const struct tw_str t = hd->path;
	struct tw_uri uri;

	if (!tw_uri_split(t, &uri) || uri.scheme.len == 0 ||
	    memchr(uri.scheme.p, '/', uri.scheme.len) != NULL)
		return;
	hd->scheme = uri.scheme;
	hd->authority = uri.authority;
	hd->path = uri.pathq;
	if (hd->path.len == 0)
		hd->path = TW_STR("/");
}

static int
request_send(struct h2_single *x, const struct tw_single_request *r)
{
	const struct tw_msg *const msg = r->msg;
	const bool is_connect = tw_str_eq(msg->method_name, TW_STR("CONNECT"));
	struct h2_head hd = { .kind = H2_REQUEST,
		.method = msg->method_name,
		.scheme = r->is_secure ? TW_STR("https") : TW_STR("http"),
		.authority = msg->host,
		.path = msg->target,
		.hdr = msg->hdr,
		.n_hdr = msg->n_hdr };

	target_split(&hd);
	if (is_connect) {
		hd.authority = hd.path;
		hd.path = hd.scheme = (struct tw_str){ NULL, 0 };
	}
	const bool end = r->body.len == 0 && !is_connect;
	if (h2_submit_head(&x->s, x->st, &hd, end) != 0)
		return -1;
	if (end || is_connect)
		return 0;
	return h2_submit_data(&x->s, x->st, r->body.p, r->body.len, true) == r->body.len
	    ? 0
	    : -1;
}

static void
single_leave(void *state)
{
	struct h2_single *const x = state;

	if (x->st != NULL)
		h2_release(&x->s, x->st);
	x->st = NULL;
	if (!x->s.dead) /* else it was told why */
		h2_goaway(&x->s, H2_NO_ERROR);
}

static void
single_fini(void *state)
{
	struct h2_single *const x = state;

	if (x->st != NULL)
		h2_release(&x->s, x->st);
	h2_fini(&x->s);
	h2_worker_fini(&x->wk);
	free(x);
}

static void
clock_set(struct h2_single *x)
{
	x->wk.now_s = (uint32_t)(tw_now_ms() / 1000);
}

void *
h2__single_new(const struct h2_limits *lim, const struct tw_single_request *r)
{
	struct h2_single *const x = calloc(1, sizeof(*x));

	if (x == NULL)
		return NULL;
	x->lim = *lim;
	h2_worker_init(&x->wk);
	clock_set(x);
	if (h2_init(&x->s, &x->wk, true, &x->lim, &events) != 0) {
		h2_worker_fini(&x->wk);
		free(x);
		return NULL;
	}
	x->s.user = x;
	x->st = h2_open(&x->s, x);
	if (x->st == NULL || request_send(x, r) != 0) {
		single_fini(x);
		return NULL;
	}
	return x;
}

/* --- bytes --- */

static enum tw_io
single_feed(
    void *state, struct tw_str bytes, size_t *used, tw_single_got *got, void *arg)
{
	struct h2_single *const x = state;
	int rc;

	*used = 0;
	x->got = got;
	x->arg = arg;
	clock_set(x);
	do {
		size_t n;

		x->s.paused = false;
		x->s.turn_frames = x->s.turn_resets = 0;
		rc = h2_feed(&x->s, bytes.p + *used, bytes.len - *used, &n);
		*used += n;
	} while (rc == 0 && x->s.paused);
	if (x->ended)
		return TW_IO_END;
	return rc < 0 || x->lost ? TW_IO_ERR : TW_IO_AGAIN;
}

static int
single_out(const void *state, struct iovec *iov, int max)
{
	return h2_out_iov(&((const struct h2_single *)state)->s, iov, max);
}

static void
single_sent(void *state, size_t n)
{
	h2_out_sent(&((struct h2_single *)state)->s, n);
}

static void
single_why(const void *state, struct tw_out *out)
{
	const struct h2_single *const x = state;
	const bool dead = x->s.dead;
	const char *const why = dead ? x->s.why : x->why;

	tw_out_printf(out, "%s %s",
	    dead ? "HTTP/2 connection error" : "HTTP/2 stream reset",
	    h2_code_name(dead ? x->s.code : x->code));
	if (why != NULL)
		tw_out_printf(out, ": %s", why);
}

const struct tw_single h2__single = {
	.begin = h2__single_begin,
	.feed = single_feed,
	.out = single_out,
	.sent = single_sent,
	.leave = single_leave,
	.fini = single_fini,
	.why = single_why,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * h1_write.c - from a message head to bytes (steps send and deliver).
 *
 * What nobody touched goes out as it came: neighbouring lines that stay are
 * copied as one run of the received bytes, and a head that needs no change at
 * all is two copies. Fields of one hop stay behind; Connection, TE and the
 * framing fields are made anew for the receiver. Any thread. RFC 9110 section
 * 7.6, RFC 9112 sections 2.3, 6 and 9.
 */
#include "config.h"

#include <stdatomic.h>

#include <tideway/assert.h>

#include "h1.h"
#include "http.h"

#define BIT(id) (UINT64_C(1) << (id))
_Static_assert(TW_N_HDR_IDS <= 64, "ids do not fit a 64-bit set any more");

/* What one head needs besides the fields that pass. */
struct plan {
	uint64_t drop;   /* set of ids that do not pass */
	bool te_chunked; /* to be added */
	bool length;     /* to be added */
	uint64_t length_value;
	bool http10; /* a request that can only be HTTP/1.0 */
};

static bool
is_response(const struct tw_msg *msg)
{
	return msg->flags & TW_MSG_RESPONSE;
}

/* Does a Content-Length field that says so go out already? */
static bool
has_length(struct tw_msg *msg, uint64_t want)
{
	struct tw_hdr *h = tw_msg_first(msg, TW_H_CONTENT_LENGTH);
	uint64_t n;

	return h && !tw_msg_next(msg, h) && tw_str_to_u64(tw_hdr_value(h), &n) &&
	    n == want;
}

static bool
has_chunked(struct tw_msg *msg)
{
	struct tw_hdr *h = tw_msg_first(msg, TW_H_TRANSFER_ENCODING);

	return h && !tw_msg_next(msg, h) &&
	    tw_str_ieq(tw_hdr_value(h), TW_STR("chunked"));
}

static void
plan_length(struct plan *plan, struct tw_msg *msg, uint64_t n)
{
	plan->drop |= BIT(TW_H_TRANSFER_ENCODING);
	if (has_length(msg, n))
		return;
	plan->drop |= BIT(TW_H_CONTENT_LENGTH);
	plan->length = true;
	plan->length_value = n;
}

static void
plan_chunked(struct plan *plan, struct tw_msg *msg)
{
	plan->drop |= BIT(TW_H_CONTENT_LENGTH);
	if (has_chunked(msg))
		return;
	plan->drop |= BIT(TW_H_TRANSFER_ENCODING);
	plan->te_chunked = true;
}

/* A message without a body may still have to say 0, and the answer to HEAD, or
 * a 304, what there would be. */
static void
plan_none(struct plan *plan, struct tw_msg *msg, unsigned how)
{
	const bool no_body = (how & TW_HEAD_NO_BODY) || msg->status == 304;

	if (is_response(msg) && (msg->status < 200 || msg->status == 204)) {
		plan->drop |= BIT(TW_H_TRANSFER_ENCODING) | BIT(TW_H_CONTENT_LENGTH);
	} else if (is_response(msg) && no_body) {
		if ((how & TW_HEAD_HTTP10) || !has_chunked(msg))
			plan->drop |= BIT(TW_H_TRANSFER_ENCODING);
		if (msg->body == TW_BODY_LENGTH)
			plan_length(plan, msg, msg->content_length);
		else if (msg->body == TW_BODY_CHUNKED && !(how & TW_HEAD_HTTP10))
			plan_chunked(plan, msg);
	} else if (is_response(msg) || msg->first[TW_H_CONTENT_LENGTH]) {
		plan_length(plan, msg, 0);
	} else {
		plan->drop |= BIT(TW_H_TRANSFER_ENCODING);
	}
}

/* Chooses how the body is framed for the receiver. */
static enum tw_body
body_out(const struct tw_msg *msg, unsigned how)
{
	if (is_response(msg) && msg->body != TW_BODY_TUNNEL &&
	    ((how & TW_HEAD_NO_BODY) || msg->status < 200 || msg->status == 204 ||
		msg->status == 304))
		return TW_BODY_NONE;
	if (msg->body == TW_BODY_CHUNKED && (how & TW_HEAD_HTTP10) && is_response(msg))
		return TW_BODY_CLOSE;
	return (enum tw_body)msg->body;
}

static void
plan_framing(struct plan *plan, struct tw_stream *st, struct tw_msg *msg, unsigned how)
{
	st->body = (uint8_t)body_out(msg, how);
	st->left = 0;
	switch (st->body) {
	case TW_BODY_NONE:
		plan_none(plan, msg, how);
		st->done = 1;
		break;
	case TW_BODY_LENGTH:
		st->left = msg->content_length;
		plan_length(plan, msg, msg->content_length);
		break;
	case TW_BODY_CHUNKED:
		plan_chunked(plan, msg);
		break;
	case TW_BODY_CLOSE:
	case TW_BODY_TUNNEL:
		plan->drop |= BIT(TW_H_TRANSFER_ENCODING) | BIT(TW_H_CONTENT_LENGTH);
		st->last = 1;
		break;
	default:
		TW_WRONG("unknown kind of body");
	}
}

static bool
in_raw(const struct tw_msg *msg, const char *p)
{
	return (uintptr_t)p - (uintptr_t)msg->raw.p < msg->raw.len;
}

/* The request line as received may be sent: nobody set another method or
 * target, and the version is ours. */
static bool
request_line_is_raw(const struct tw_msg *msg)
{
	const struct tw_str m = msg->method_name, t = msg->target;

	return in_raw(msg, t.p) && m.p == msg->raw.p && t.p == m.p + m.len + 1 &&
	    msg->raw.len - (size_t)(t.p + t.len - msg->raw.p) >= 11 &&
	    memcmp(t.p + t.len, " HTTP/1.1\r\n", 11) == 0;
}

static bool
status_line_is_raw(const struct tw_msg *msg)
{
	const char *p = msg->raw.p;
	const int status = msg->status;

	return msg->raw.len > 13 && memcmp(p, "HTTP/1.1 ", 9) == 0 && p[12] == ' ' &&
	    (p[9] - '0') * 100 + (p[10] - '0') * 10 + p[11] - '0' == status &&
	    msg->reason.p == p + 13;
}

static void
request_line(struct tw_out *out, const struct tw_msg *msg, bool http10)
{
	tw_out_str(out, msg->method_name);
	tw_out_char(out, ' ');
	tw_out_str(out, msg->target);
	if (http10)
		tw_out_lit(out, " HTTP/1.0\r\n");
	else
		tw_out_lit(out, " HTTP/1.1\r\n");
}

static void
status_line(struct tw_out *out, const struct tw_msg *msg)
{
	tw_out_lit(out, "HTTP/1.1 ");
	tw_out_u64(out, msg->status);
	tw_out_char(out, ' ');
	tw_out_str(out,
	    msg->reason.p ? msg->reason : tw_str_of(tw_status_reason(msg->status)));
	tw_out_lit(out, "\r\n");
}

/* returns: where the run of received bytes that may be sent begins; NULL when
 * the start line was written and no run has begun. */
static const char *
start_line(struct tw_out *out, const struct tw_msg *msg, const struct plan *plan)
{
	if (is_response(msg)) {
		if (status_line_is_raw(msg))
			return msg->raw.p;
		status_line(out, msg);
		return NULL;
	}
	if (!plan->http10 && request_line_is_raw(msg))
		return msg->raw.p;
	request_line(out, msg, plan->http10);
	return NULL;
}

static void
field(struct tw_out *out, const struct tw_hdr *h)
{
	tw_out_mem(out, h->name, h->name_len);
	tw_out_lit(out, ": ");
	tw_out_mem(out, h->value, h->value_len);
	tw_out_lit(out, "\r\n");
}

/* Where the received line of an untouched field ends. */
static const char *
line_end(const struct tw_msg *msg, const struct tw_hdr *h)
{
	const char *p = h->value + h->value_len;
	const char *end = msg->raw.p + msg->raw.len;

	while (p < end && *p != '\n')
		p++;
	TW_ASSERT(p < end);
	return p + 1;
}

static void
fields(struct tw_out *out, const struct tw_msg *msg, uint64_t drop, const char *run)
{
	const char *run_end;
	const struct tw_hdr *last = NULL; /* of the run */

	for (unsigned i = 0; i < msg->n_hdr; i++) {
		const struct tw_hdr *h = &msg->hdr[i];

		if (TW_LIKELY(h->flags == 0 && !(drop >> h->id & 1))) {
			if (!run)
				run = h->name;
			last = h;
			continue;
		}
		if (run) {
			run_end = last ? line_end(msg, last) : NULL;
			if (!run_end) /* the start line alone */
				run_end =
				    (const char *)memchr(run, '\n', msg->raw.len) + 1;
			tw_out_mem(out, run, (size_t)(run_end - run));
			run = NULL;
			last = NULL;
		}
		if (h->flags == TW_HDR_ADDED && !(drop >> h->id & 1))
			field(out, h);
	}
	if (!run)
		return;
	run_end = last ? line_end(msg, last)
		       : (const char *)memchr(run, '\n', msg->raw.len) + 1;
	tw_out_mem(out, run, (size_t)(run_end - run));
}

/* What is true of this connection, in one Connection field. */
static void
connection(struct tw_out *out, const struct tw_msg *msg, bool close, unsigned how)
{
	const char *sep = "connection: ";

	if (msg->flags & TW_MSG_UPGRADE) {
		tw_out_lit(out, "connection: upgrade");
		sep = ", ";
	} else if (close) {
		tw_out_lit(out, "connection: close");
		sep = ", ";
	} else if (how & TW_HEAD_KEEP) {
		tw_out_lit(out, "connection: keep-alive");
		sep = ", ";
	}
	if (msg->flags & TW_MSG_TE_TRAILERS && !is_response(msg)) {
		tw_out_str(out, tw_str_of(sep));
		tw_out_lit(out, "TE\r\nte: trailers");
		sep = ", ";
	}
	if (*sep == ',')
		tw_out_lit(out, "\r\n");
}

static void
plan_start(struct plan *plan, struct tw_stream *st, struct tw_msg *msg)
{
	/* HTTP/1.0 may come without a Host, HTTP/1.1 may not. */
	plan->http10 = !is_response(msg) && msg->minor == 0 && msg->major == 1 &&
	    !msg->first[TW_H_HOST];
	if (plan->http10 && msg->body != TW_BODY_TUNNEL)
		st->last = 1;
}

int
tw__h1_write_head(
    struct tw_stream *st, struct tw_msg *msg, struct tw_out *out, unsigned how)
{
	/* Those that an HTTP/1 peer sent are marked as well. */
	struct plan plan = { .drop = BIT(TW_H_CONNECTION) | BIT(TW_H_KEEP_ALIVE) |
		    BIT(TW_H_PROXY_CONNECTION) | BIT(TW_H_TE) };
	char *const begin = out->p;

	TW_ASSERT(!is_response(msg) || (msg->status >= 100 && msg->status < 1000));
	plan_framing(&plan, st, msg, how);
	plan_start(&plan, st, msg);
	if (!(msg->flags & TW_MSG_UPGRADE))
		plan.drop |= BIT(TW_H_UPGRADE);
	if (how & TW_HEAD_CLOSE)
		st->last = 1;
	const bool interim = is_response(msg) && msg->status < 200;
	const bool close = st->last && msg->body != TW_BODY_TUNNEL && !interim;

	fields(out, msg, plan.drop, start_line(out, msg, &plan));
	if (plan.te_chunked)
		tw_out_lit(out, "transfer-encoding: chunked\r\n");
	if (plan.length) {
		tw_out_lit(out, "content-length: ");
		tw_out_u64(out, plan.length_value);
		tw_out_lit(out, "\r\n");
	}
	connection(out, msg, close, interim ? 0 : how);
	tw_out_lit(out, "\r\n");
	if (TW_UNLIKELY(
		atomic_load_explicit(&tw__http_is_adjusting, memory_order_relaxed)) &&
	    !out->over && st->px != NULL)
		tw__http_case_adjust(st->px, !is_response(msg), begin, out->p);
	if (!out->over)
		return 0;
	out->p = begin;
	return -1;
}

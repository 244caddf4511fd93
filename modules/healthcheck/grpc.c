/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * grpc.c - `option grpc-check`: grpc.health.v1.Health/Check over HTTP/2.
 *
 * What is sent never differs but for the service's name, so its frames are
 * put together when the line is read, with a header block that needs no
 * compression state. Of the answer only the frames' heads and the message are
 * read: the message says how the server is, and one that does not come is an
 * error whatever its trailers say. source: RFC 9113, section 4 and 6; RFC
 * 7541, section 6.2.2; gRPC's health checking protocol.
 */
#include <stdio.h>

#include "kw.h"

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define FRAME_HEAD 9u

enum { F_DATA = 0, F_HEADERS = 1, F_RST_STREAM = 3, F_SETTINGS = 4, F_GOAWAY = 7 };
#define END_STREAM 0x01u
#define END_HEADERS 0x04u
#define PADDED 0x08u

/* ---- what is sent ---- */

static void
frame_head(struct tw_out *o, size_t len, int type, unsigned flags, uint32_t stream)
{
	tw_out_char(o, (char)(len >> 16));
	tw_out_char(o, (char)(len >> 8));
	tw_out_char(o, (char)len);
	tw_out_char(o, (char)type);
	tw_out_char(o, (char)flags);
	for (int shift = 24; shift >= 0; shift -= 8)
		tw_out_char(o, (char)(stream >> shift));
}

/* A field that is not indexed; both parts are shorter than 127 bytes. */
static void
field(struct tw_out *o, const char *name, const char *value)
{
	tw_out_char(o, 0);
	tw_out_char(o, (char)strlen(name));
	tw_out_str(o, tw_str_of(name));
	tw_out_char(o, (char)strlen(value));
	tw_out_str(o, tw_str_of(value));
}

static struct tw_str
headers_make(char *mem, size_t size, const char *authority)
{
	struct tw_out o = tw_out_of(mem, size);

	field(&o, ":method", "POST");
	field(&o, ":scheme", "http");
	field(&o, ":path", "/grpc.health.v1.Health/Check");
	field(&o, ":authority", authority);
	field(&o, "content-type", "application/grpc");
	field(&o, "te", "trailers");
	field(&o, "user-agent", "tideway-grpc-check");
	return (struct tw_str){ mem, (size_t)(o.p - mem) };
}

/* A message: not compressed, its length, HealthCheckRequest { service = 1 }. */
static struct tw_str
message_make(char *mem, size_t size, const char *service)
{
	const size_t n = strlen(service), len = n > 0 ? n + 2 : 0;
	struct tw_out o = tw_out_of(mem, size);

	tw_out_mem(&o, "\0\0\0\0", 4);
	tw_out_char(&o, (char)len);
	if (n > 0) {
		tw_out_char(&o, 0x0a);
		tw_out_char(&o, (char)n);
		tw_out_str(&o, tw_str_of(service));
	}
	return (struct tw_str){ mem, (size_t)(o.p - mem) };
}

static struct tw_str
request_make(struct tw_arena *arena, const char *service, const char *authority)
{
	char head[512], body[256], mem[1024];
	const struct tw_str h = headers_make(head, sizeof(head), authority);
	const struct tw_str m = message_make(body, sizeof(body), service);
	struct tw_out o = tw_out_of(mem, sizeof(mem));

	tw_out_lit(&o, PREFACE);
	frame_head(&o, 0, F_SETTINGS, 0, 0);
	frame_head(&o, h.len, F_HEADERS, END_HEADERS, 1);
	tw_out_str(&o, h);
	frame_head(&o, m.len, F_DATA, END_STREAM, 1);
	tw_out_str(&o, m);
	return tw_arena_str(arena, (struct tw_str){ mem, (size_t)(o.p - mem) });
}

static int
word_take(struct tw_line *ln, int i, const char **to)
{
	const char *const arg = tw_arg(ln, i);

	if (arg == NULL)
		return tw_line_fail(
		    ln, i - 1, "'%s' needs a value after it", tw_arg(ln, i - 1));
	if (strlen(arg) > 100 || !hc_is_word(arg))
		return tw_line_fail(
		    ln, i, "'%s': write up to 100 characters without blanks", arg);
	*to = arg;
	return 0;
}

int
hc_line_grpc(struct tw_line *ln)
{
	struct hc_set *const set = hc_preset_begin(ln);
	const char *service = "", *authority = "localhost";

	for (int i = 0; i < ln->n_args; i += 2) {
		const bool is_service = strcmp(tw_arg(ln, i), "service") == 0;

		if (!is_service && strcmp(tw_arg(ln, i), "authority") != 0)
			return tw_line_fail(ln, i,
			    "'%s' takes 'service <name>' and 'authority <name>', not "
			    "'%s'",
			    ln->kw->word, tw_arg(ln, i));
		if (word_take(ln, i + 1, is_service ? &service : &authority) < 0)
			return -1;
	}
	hc_preset_send(
	    ln, set, request_make(tw_gen_arena(ln->gen), service, authority));
	hc_preset_expect(ln, set, hc_judge_grpc);
	return 0;
}

/* ---- what comes back ---- */

static enum tw_io
bad(struct tw_check_result *r, enum tw_chk what, const char *text)
{
	r->what = what;
	snprintf(r->text, sizeof(r->text), "%s", text);
	return TW_IO_ERR;
}

/* HealthCheckResponse { status = 1 }: a varint; absent, it is 0. Other fields
 * are skipped as far as they are varints. */
static enum tw_io
status_judge(struct tw_str m, struct tw_check_result *r)
{
	static const char *const names[] = { "UNKNOWN", "SERVING", "NOT_SERVING",
		"SERVICE_UNKNOWN" };
	unsigned status = 0;

	if (m.len >= 2 && m.p[0] == 0x08)
		status = (unsigned char)m.p[1];
	r->status = (uint16_t)status;
	snprintf(r->text, sizeof(r->text), "%s",
	    status < TW_N_ELEMENTS(names) ? names[status] : "unknown status");
	if (status == 1)
		return TW_IO_OK;
	r->what = TW_CHK_L7STS;
	return TW_IO_ERR;
}

/* A DATA frame's payload: one whole message is expected in it. */
static enum tw_io
data_judge(struct tw_str d, unsigned flags, struct tw_check_result *r)
{
	if (flags & PADDED) {
		const size_t pad = d.len > 0 ? (unsigned char)d.p[0] : 0;

		if (d.len < 1 + pad)
			return bad(r, TW_CHK_L7RSP, "broken HTTP/2 frame");
		d = (struct tw_str){ d.p + 1, d.len - 1 - pad };
	}
	if (d.len < 5)
		return bad(r, TW_CHK_L7RSP, "broken gRPC message");
	const size_t len = (size_t)(unsigned char)d.p[1] << 24 |
	    (size_t)(unsigned char)d.p[2] << 16 | (size_t)(unsigned char)d.p[3] << 8 |
	    (unsigned char)d.p[4];
	if (d.p[0] != 0 || len > d.len - 5)
		return bad(r, TW_CHK_L7RSP, "broken gRPC message");
	return status_judge((struct tw_str){ d.p + 5, len }, r);
}

static enum tw_io
frame_judge(const unsigned char *h, struct tw_str payload, struct tw_check_result *r)
{
	switch (h[3]) {
	case F_DATA:
		return payload.len == 0 && !(h[4] & END_STREAM)
		    ? TW_IO_AGAIN
		    : data_judge(payload, h[4], r);
	case F_HEADERS:
		if (h[4] & END_STREAM)
			return bad(r, TW_CHK_L7STS, "an error instead of a message");
		return TW_IO_AGAIN;
	case F_RST_STREAM:
		return bad(r, TW_CHK_L7RSP, "the stream was reset");
	case F_GOAWAY:
		return bad(r, TW_CHK_L7RSP, "the connection was given up");
	default:
		return TW_IO_AGAIN;
	}
}

enum tw_io
hc_judge_grpc(const struct hc_answer *a, struct tw_check_result *r)
{
	struct tw_str s = a->got;
	bool first = true;

	while (s.len >= FRAME_HEAD) {
		const unsigned char *const h = (const unsigned char *)s.p;
		const size_t len = (size_t)h[0] << 16 | (size_t)h[1] << 8 | h[2];

		/* the first one is SETTINGS: who speaks HTTP/1 is seen at once */
		if (len > HC_ANSWER_MAX - FRAME_HEAD || (first && h[3] != F_SETTINGS))
			return bad(r, TW_CHK_L7RSP, "no HTTP/2");
		if (s.len < FRAME_HEAD + len)
			return TW_IO_AGAIN;
		const enum tw_io io =
		    frame_judge(h, (struct tw_str){ s.p + FRAME_HEAD, len }, r);
		if (io != TW_IO_AGAIN)
			return io;
		s.p += FRAME_HEAD + len;
		s.len -= FRAME_HEAD + len;
		first = false;
	}
	return TW_IO_AGAIN;
}

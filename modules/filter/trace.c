/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * trace.c - `filter trace`: tells on standard error what passes.
 *
 * To see what other filters before and behind it do. With random-forwarding it
 * lets payload pass in pieces of any size, which shows whether they, and peers,
 * bear that. Worker. source: HAProxy's manual, 9.1.
 */
#include <stdio.h>
#include <string.h>

#include "filter.h"

#define HEX_LINE 16

/* A line. */
struct trace {
	const char *name;
	bool quiet, random, hexdump;
};

/* ---- the line ----------------------------------------------------------- */

int
trace_parse(struct tw_line *ln, int i, const void **conf)
{
	struct trace *const t = tw_arena_zalloc(tw_gen_arena(ln->gen), sizeof(*t));
	const char *word;

	t->name = "TRACE";
	for (; (word = tw_arg(ln, i)) != NULL; i++) {
		if (strcmp(word, "name") == 0) {
			if (tw_arg(ln, ++i) == NULL)
				return tw_line_fail(ln, i - 1,
				    "'filter trace' : 'name' expects a value");
			t->name = tw_arena_strdup(tw_gen_arena(ln->gen), tw_arg(ln, i));
		} else if (strcmp(word, "quiet") == 0) {
			t->quiet = true;
		} else if (strcmp(word, "random-forwarding") == 0) {
			t->random = true;
		} else if (strcmp(word, "hexdump") == 0) {
			t->hexdump = true;
		} else {
			return tw_line_fail(ln, i,
			    "'filter trace' : unknown keyword '%s'; there are name "
			    "<name>, quiet, random-forwarding and hexdump",
			    word);
		}
	}
	*conf = t;
	return 0;
}

/* ---- what it tells ------------------------------------------------------ */

static void
tell(struct tw_req *req, const struct trace_state *st, const char *event, uint64_t n)
{
	const uint64_t us = tw_wall_us();

	if (st->conf->quiet)
		return;
	fprintf(stderr, "%llu.%06llu [%s] %s id=%llx %s %s %llu\n",
	    (unsigned long long)(us / 1000000), (unsigned long long)(us % 1000000),
	    st->conf->name, tw_proxy_name(tw_req_frontend(req)),
	    (unsigned long long)tw_req_id(req), st->response ? "response" : "request",
	    event, (unsigned long long)n);
}

static void
tell_head(const struct trace *t, const struct tw_msg *msg)
{
	if (t->quiet)
		return;
	for (unsigned i = 0; i < msg->n_hdr; i++) {
		const struct tw_hdr *const h = &msg->hdr[i];
		if (!(h->flags & TW_HDR_DELETED))
			fprintf(stderr, "[%s]\t%.*s: %.*s\n", t->name, (int)h->name_len,
			    h->name, (int)h->value_len, h->value);
	}
}

static void
hex_line(const struct trace *t, size_t at, struct tw_str s)
{
	static const char digits[] = "0123456789abcdef";
	char text[HEX_LINE * 4 + 2];

	memset(text, ' ', sizeof(text));
	for (size_t i = 0; i < s.len; i++) {
		const unsigned char c = (unsigned char)s.p[i];
		text[i * 3] = digits[c >> 4];
		text[i * 3 + 1] = digits[c & 15];
		text[HEX_LINE * 3 + 1 + i] = c >= 0x20 && c < 0x7f ? (char)c : '.';
	}
	fprintf(stderr, "[%s]\t%06zx: %.*s\n", t->name, at,
	    (int)(HEX_LINE * 3 + 1 + s.len), text);
}

static void
hexdump(const struct trace *t, struct tw_str s)
{
	for (size_t at = 0; at < s.len; at += HEX_LINE) {
		const size_t n = s.len - at < HEX_LINE ? s.len - at : HEX_LINE;
		hex_line(t, at, (struct tw_str){ s.p + at, n });
	}
}

/* ---- the filter --------------------------------------------------------- */

/* In mode tcp a request is told of first, when there is a server. */
int
trace_begin(struct tw_req *req, struct tw_msg *msg, void *state)
{
	struct trace_state *const st = state;
	const bool is_http = tw_proxy_mode(tw_req_frontend(req)) == TW_MODE_HTTP;

	st->response = msg == tw_req_response(req);
	st->seed = tw_wall_us() * 2 + 1;
	tell(req, st, "begins, headers", is_http ? msg->n_hdr : 0);
	if (is_http)
		tell_head(st->conf, msg);
	return 0;
}

static uint64_t
draw(struct trace_state *st)
{
	st->seed ^= st->seed << 13;
	st->seed ^= st->seed >> 7;
	return st->seed ^= st->seed << 17;
}

/* Sometimes it waits a moment, too. */
size_t
trace_room(struct tw_req *req, void *state, size_t len, bool last, uint32_t *wait_ms)
{
	struct trace_state *const st = state;

	(void)req;
	(void)last;
	if (!st->conf->random)
		return len;
	if (draw(st) % 8 == 0) {
		*wait_ms = 1;
		return 0;
	}
	return (size_t)(1 + draw(st) % len);
}

enum tw_io
trace_data(struct tw_req *req, void *state, struct tw_str data, struct tw_str *out)
{
	struct trace_state *const st = state;

	st->n += data.len;
	tell(req, st, "payload, bytes", data.len);
	if (st->conf->hexdump && !st->conf->quiet)
		hexdump(st->conf, data);
	*out = data;
	return TW_IO_OK;
}

enum tw_io
trace_end(struct tw_req *req, void *state, struct tw_str *out)
{
	struct trace_state *const st = state;

	(void)out;
	tell(req, st, "ends, bytes", st->n);
	return TW_IO_OK;
}

void
trace_again(struct tw_req *req, void *state)
{
	struct trace_state *const st = state;

	st->n = 0;
	tell(req, st, "begins again, headers", 0);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * h2_conf.c - the keywords' setters, and what sessions are held to.
 *
 * check() makes one set of limits for each side of a generation. A carrier has
 * a copy of its own: it may live longer than the generation it began in.
 * Control thread. source: HAProxy's manual, 3.2.
 */
#include "config.h"

#include <string.h>

#include "h2_conf.h"
#include "h2_mod.h"

/* Buffers that all streams of a connection may fill together, by default. */
#define RXBUF_DEFAULT (1600u << 10)
#define WINDOW_LEAST 65535u /* it begins with that. source: RFC 9113, 6.9.2 */
#define WINDOW_MOST 0x7fffffffu
#define FRAME_LEAST 16384u
#define HEAD_MOST 65536u

struct h2_gen *
h2__gen_of(struct tw_gen *gen)
{
	return tw_gen_block(gen, h2__self);
}

/* --- setters --- */

static struct h2_number *
number_of(const struct tw_line *ln)
{
	return (struct h2_number *)((char *)ln->state + ln->kw->offset);
}

int
h2__set_number(struct tw_line *ln)
{
	struct tw_err err;
	uint64_t n;

	if (tw_parse_uint(tw_arg(ln, 0), (uint64_t)ln->kw->min, (uint64_t)ln->kw->max,
		&n, &err) != 0)
		return tw_line_fail(ln, 0, "'%s': %s", ln->kw->word, err.text);
	*number_of(ln) = (struct h2_number){ (uint32_t)n, true };
	return 0;
}

int
h2__set_rxbuf(struct tw_line *ln)
{
	struct tw_err err;
	uint64_t n;

	if (tw_parse_size(tw_arg(ln, 0), &n, &err) != 0)
		return tw_line_fail(ln, 0, "'%s': %s", ln->kw->word, err.text);
	if (n > WINDOW_MOST)
		return tw_line_fail(ln, 0,
		    "'%s' is at most %u bytes, the largest window of HTTP/2",
		    ln->kw->word, WINDOW_MOST);
	*number_of(ln) = (struct h2_number){ (uint32_t)n, true };
	return 0;
}

int
h2__set_log_errors(struct tw_line *ln)
{
	static const char *const words[] = { [H2_LOG_CONNECTION] = "connection",
		[H2_LOG_STREAM] = "stream",
		[H2_LOG_NONE] = "none" };
	struct h2_gen *const g = ln->state;

	for (unsigned i = 0; i < TW_N_ELEMENTS(words); i++) {
		if (strcmp(tw_arg(ln, 0), words[i]) != 0)
			continue;
		g->log_errors = (uint8_t)i;
		return 0;
	}
	return tw_line_fail(ln, 0,
	    "'%s' expects 'none', 'connection' or 'stream', not '%s'", ln->kw->word,
	    tw_arg(ln, 0));
}

int
h2__set_nothing(struct tw_line *ln)
{
	const char *const word = tw_arg(ln, 0);

	if (strcmp(word, "on") == 0 || strcmp(word, "off") == 0)
		return 0;
	return tw_line_fail(
	    ln, 0, "'%s' expects 'on' or 'off', not '%s'", ln->kw->word, word);
}

/* --- limits --- */

static uint32_t
given(struct h2_number n, uint32_t otherwise)
{
	return n.given ? n.n : otherwise;
}

/* One side's own number; 0 says the same as none. */
static uint32_t
own(struct h2_number n, uint32_t otherwise)
{
	return n.n != 0 ? n.n : otherwise;
}

static uint32_t
rxbuf(struct h2_number n, uint32_t bufsize)
{
	const uint64_t want = given(n, RXBUF_DEFAULT);
	const uint64_t whole = (want + bufsize - 1) / bufsize * bufsize;

	if (whole < WINDOW_LEAST)
		return WINDOW_LEAST;
	return whole > WINDOW_MOST ? WINDOW_MOST : (uint32_t)whole;
}

static void
make_limits(struct h2_gen *g, bool is_client, uint32_t bufsize)
{
	const struct h2_side *const side = &g->side[is_client];
	struct h2_limits *const l = &g->limits[is_client];
	const uint32_t most = bufsize > FRAME_LEAST ? bufsize : FRAME_LEAST;
	const uint32_t streams = given(g->streams, 100);

	h2_limits_init(l, is_client);
	l->header_table_size = given(g->table_size, l->header_table_size);
	l->initial_window_size = own(side->window, given(g->window, 65536));
	l->max_concurrent_streams =
	    own(side->streams, streams != 0 ? streams : UINT32_MAX);
	l->max_frame_size = given(g->frame_size, most);
	if (l->max_frame_size > most)
		l->max_frame_size = most;
	l->max_list_bytes = bufsize < HEAD_MOST ? bufsize : HEAD_MOST;
	l->connection_window_size = rxbuf(side->rxbuf, bufsize);
	l->max_total_streams = side->total.n;
	l->max_glitches = side->glitches.n;
	l->kill_busy_pct = g->kill_busy.n;
	l->max_turn_frames = side->frames.n;
	l->max_turn_resets = side->resets.n;
	l->connect_protocol = !is_client && !g->no_websocket;
}

int
h2__conf_check(struct tw_gen *gen)
{
	struct h2_gen *const g = h2__gen_of(gen);
	const uint32_t bufsize = tw_gen_bufsize(gen);

	make_limits(g, false, bufsize);
	make_limits(g, true, bufsize);
	if (g->frame_size.given && g->frame_size.n > g->limits[0].max_frame_size)
		tw_gen_hint(gen, NULL, 0,
		    "'tune.h2.max-frame-size' is above 'tune.bufsize': %u is announced",
		    g->limits[0].max_frame_size);
	return 0;
}

void *
h2__single_begin(const struct tw_single_request *r)
{
	return h2__single_new(&h2__gen_of(tw_proxy_gen(r->px))->limits[1], r);
}

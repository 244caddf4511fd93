/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * h2_priv.h - what the files of the HTTP/2 engine share.
 *
 * Session and worker in h2_session.c, streams in h2_stream.c, output in
 * h2_out.c, frames in h2_feed.c (DATA and dispatch), h2_ctl.c (control) and
 * h2_block.c (heads), whose fields are judged in h2_field.c and whole heads in
 * h2_head.c; what goes out is made in h2_submit.c.
 */
#ifndef TW_H2_PRIV_H
#define TW_H2_PRIV_H

#include <nghttp2/nghttp2.h>

#include <tideway/assert.h>

#include "h2.h"

#define H2_MAGIC 0x68327373u
#define H2_DEFAULT_WINDOW 65535
#define H2_MAX_WINDOW 0x7fffffff
#define H2_RESET_BIT 0x80000000u

enum h2_type {
	H2_DATA,
	H2_HEADERS,
	H2_PRIORITY,
	H2_RST_STREAM,
	H2_SETTINGS,
	H2_PUSH_PROMISE,
	H2_PING,
	H2_GOAWAY,
	H2_WINDOW_UPDATE,
	H2_CONTINUATION,
};

#define H2_F_END_STREAM 0x01u
#define H2_F_ACK 0x01u
#define H2_F_END_HEADERS 0x04u
#define H2_F_PADDED 0x08u
#define H2_F_PRIORITY 0x20u

enum h2_setting {
	H2_S_TABLE_SIZE = 1,
	H2_S_PUSH,
	H2_S_STREAMS,
	H2_S_WINDOW,
	H2_S_FRAME_SIZE,
	H2_S_LIST_SIZE,
	H2_S_CONNECT = 8,
};

/* What of a frame is read next. */
enum h2_state {
	H2_READ_PREFACE,
	H2_READ_FIRST, /* a header, which must be that of SETTINGS */
	H2_READ_HEADER,
	H2_READ_START, /* pad length and priority of DATA, HEADERS */
	H2_READ_PAYLOAD,
	H2_READ_PADDING, /* and anything else to be skipped */
};

/* Pseudo-header fields seen in a block. */
#define H2_P_METHOD 0x01u
#define H2_P_SCHEME 0x02u
#define H2_P_AUTHORITY 0x04u
#define H2_P_PATH 0x08u
#define H2_P_PROTOCOL 0x10u
#define H2_P_STATUS 0x20u
#define H2_P_REGULAR 0x40u /* a field that is none */
#define H2_P_HOST 0x80u

/* A head while it is decoded. */
struct h2_block {
	struct h2_block *next; /* free list */
	uint32_t id;
	uint32_t text_size, max_hdr;
	uint32_t n_text, n_hdr;
	uint32_t n_listed, n_fields; /* bytes and fields as the limits count */
	uint32_t n_frames, n_bytes;  /* compressed */
	uint32_t crumbs;             /* Cookie fields */
	uint32_t crumb_bytes;
	uint32_t lines;  /* where in text they begin */
	uint16_t pseudo; /* H2_P_... */
	bool end;        /* END_STREAM */
	bool drop;       /* decoded for the table's sake only */
	uint32_t code;   /* with drop: RST_STREAM says it; 0: none */
	bool too_large;
	bool is_trailers;
	const char *bad; /* malformed: the reason; static */
	struct h2_head head;
	struct tw_hdr *hdr; /* behind this struct */
	char *text;         /* behind them */
};

struct h2_chunk {
	struct h2_chunk *next;
	uint32_t head, tail;
	uint8_t mem[H2_CHUNK_BYTES];
};

static inline uint32_t
h2_get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void
h2_put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static inline void
h2_frame_head(uint8_t *p, size_t len, unsigned type, unsigned flags, uint32_t id)
{
	h2_put32(p, (uint32_t)len << 8 | type);
	p[4] = (uint8_t)flags;
	h2_put32(p + 5, id);
}

/* h2_session.c */
/** h2_fail - ends the connection. returns: -1. */
int h2_fail(struct h2_session *s, uint32_t code, const char *why);
/** h2_tell_refused - refused(), if anybody wants to know. */
void h2_tell_refused(struct h2_session *s);
int h2_fail_abuse(struct h2_session *s, unsigned abuse, const char *why);
/** h2_count - one more of what a limit is about. returns: 0; -1: too many. */
int h2_count(struct h2_session *s, uint32_t *n, uint32_t max, unsigned abuse);
/** h2_glitch - one more oddity of the peer. returns: 0; -1: too many. */
int h2_glitch(struct h2_session *s);
/** h2_is_idle_id - nobody has opened that stream yet. */
bool h2_is_idle_id(const struct h2_session *s, uint32_t id);

/* h2_stream.c */
struct h2_stream *h2_find(const struct h2_session *s, uint32_t id);
struct h2_stream *h2_stream_new(struct h2_session *s, uint32_t id);
/** h2_stream_end - one side has ended (H2_ST_..._END); both: it leaves the table. */
void h2_stream_end(struct h2_session *s, struct h2_stream *st, unsigned side);
/** h2_stream_kill - it was reset; leaves the table. */
void h2_stream_kill(
    struct h2_session *s, struct h2_stream *st, uint32_t code, bool by_us);
/** h2_recent - what is known of an id that is not in the table. returns: 0, it
 * is not among those closed lately; 1, it ended or the peer reset it; 2, we did. */
int h2_recent(const struct h2_session *s, uint32_t id);
void h2_block_on(struct h2_session *s, struct h2_stream *st);
void h2_unblock(struct h2_session *s, struct h2_stream *st);
/** h2_wake - window() for those that may send now. */
void h2_wake(struct h2_session *s);
/** h2_stream_error - the peer's fault: RST_STREAM and reset(). returns: 0; -1:
 * one too many. */
int h2_stream_error(struct h2_session *s, uint32_t id, uint32_t code);

/* h2_out.c */
/** h2_out_room - contiguous bytes at the end of the output, at least n (which
 * is at most H2_CHUNK_BYTES). NULL: out of memory. out: room, how many. */
uint8_t *h2_out_room(struct h2_session *s, size_t n, size_t *room);
void h2_out_wrote(struct h2_session *s, size_t n);
int h2_out_mem(struct h2_session *s, const void *p, size_t n);
/** h2_out_frame - a whole small frame. in: payload, at most 64 bytes. */
int h2_out_frame(struct h2_session *s, unsigned type, unsigned flags, uint32_t id,
    struct tw_str payload);
/** h2_out_reply - a frame that the peer made us send. returns: -1: one too many. */
int h2_out_reply(struct h2_session *s, unsigned type, unsigned flags, uint32_t id,
    struct tw_str payload);
void h2_out_rst(struct h2_session *s, uint32_t id, uint32_t code);
void h2_out_drop(struct h2_session *s);

/* h2_ctl.c */
/** h2_control - a control frame's payload. returns: bytes used, 0: more are
 * needed; -1: connection error. */
int h2_control(struct h2_session *s, const uint8_t *p, size_t len);
/** h2_control_size - checks length and id against the type. */
int h2_control_size(struct h2_session *s);
void h2_settings_out(struct h2_session *s);
/** h2_credit_conn - n bytes of the connection's window are free again. */
void h2_credit_conn(struct h2_session *s, size_t n);

/* h2_block.c */
int h2_headers_begin(struct h2_session *s, bool end);
/** h2_block_feed - a fragment; last, of the whole block. returns: 0, -1. */
int h2_block_feed(struct h2_session *s, const uint8_t *p, size_t len, bool last);
void h2_block_put(struct h2_worker *wk, struct h2_block *b);

/* h2_field.c: one decoded field. errors: b->bad. */
void h2_field_add(struct h2_block *b, struct tw_str name, struct tw_str value);
bool h2_is_forbidden(struct tw_str name);
bool h2_is_token(struct tw_str s);

/* h2_head.c: the whole head. errors: b->bad. */
void h2_head_finish(const struct h2_session *s, struct h2_block *b);

#endif

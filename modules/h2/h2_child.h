/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * h2_child.h - a carrier and its streams, between h2_mux.c and h2_stream_io.c.
 */
#ifndef TW_H2_CHILD_H
#define TW_H2_CHILD_H

#include <sys/queue.h>

#include <tideway/encode.h>

#include "h2_mod.h"

/* Bytes queued for one carrier before its streams have to wait. */
#define H2_OUT_MAX (64u << 10)

/* Payload for which the stream's buffer had no room. */
struct h2_piece {
	struct h2_piece *next;
	uint32_t off, len, size;
	char data[];
};

/* A stream as the core sees it. */
struct h2_child {
	struct h2_child *free_next;
	struct h2_carrier *carrier; /* NULL: it is gone */
	struct h2_own *own;         /* worker */
	struct h2_stream *st;       /* NULL: it is lost, or has not begun */
	struct tw_conn *conn;       /* NULL: it has gone */
	LIST_ENTRY(h2_child) all_link, ready_link;
	TAILQ_ENTRY(h2_child) stalled_link;
	struct h2_piece *in_first, **in_end; /* owns */
	struct tw_str trailers;     /* owns: received, not handed on yet */
	bool ended;                 /* the peer's last byte is in the queue */
	bool end_told;              /* and was handed on */
	bool is_ready, is_stalled, begun, lost;
	bool can_read, can_write;   /* what its event will say */
	/* the record being sent */
	uint32_t data_left;         /* bytes of a DATA record to come */
	bool data_end;              /* the message ends with it */
	uint32_t held_len, held_size;
	char *held;                 /* owns: a head or trailers that came in parts */
	/* towards a server */
	bool sent;                  /* the request is on its way */
	bool refused;               /* the server has not looked at it */
	bool waits;                 /* what is held is, for its SETTINGS */
	bool is_upgrade;            /* the request is an extended CONNECT */
	const char *why;            /* it is lost; static; NULL: the peer said so */
	char accept[TW_WEBSOCKET_ACCEPT]; /* [0] is 0: no key was seen */
};

struct h2_carrier {
	struct h2_session s;
	struct tw_conn *conn;
	struct h2_own *own; /* worker */
	LIST_HEAD(, h2_child) all, ready;
	TAILQ_HEAD(, h2_child) stalled; /* the one that waits longest first */
	struct h2_child *ready_last;
	bool is_server; /* towards one */
	bool is_secure, leaving, eof, fed;
	uint8_t log_errors;  /* enum h2_log_errors */
	uint32_t told_streams, told_glitches; /* of the session's, counted */
	struct h2_limits lim; /* its generation may end before it */
	uint8_t bad_lines;   /* logged of malformed requests */
	bool waking; /* those of `stalled` have their turn */
};

/* h2_stream_io.c */
extern const struct tw_transport h2__stream_transport;
/** h2__child_new - in: conn, of a server's stream, which begins with its head; NULL:
 * a client's, which is made for st. */
struct h2_child *h2__child_new(
    struct h2_carrier *c, struct h2_stream *st, struct tw_conn *conn);
/** h2__child_orphan - its carrier goes. */
void h2__child_orphan(struct h2_child *ch);
/** h2__child_ready - its flow runs when what came has been read. */
void h2__child_ready(struct h2_child *ch);
/** h2__child_head - the head goes where the codec will find it. returns: false: no
 * room. */
void h2__child_head(struct h2_child *ch, const struct h2_head *hd);
void h2__child_data(struct h2_child *ch, struct tw_str data, bool end);
void h2__child_trailers(struct h2_child *ch, const struct h2_head *hd);
/** h2__child_settings - the server's have come. */
void h2__child_settings(struct h2_child *ch);
/** h2__child_lost - the engine's stream is no more. */
void h2__child_lost(struct h2_child *ch);

/* h2_websocket.c */
#define H2_WEBSOCKET_KEY 24u
/** h2__websocket_key - what a server of HTTP/1 has to prove with that it knows it. */
void h2__websocket_key(char key[H2_WEBSOCKET_KEY + 1]);
/** h2__websocket_asked - makes an extended CONNECT of what asks for an upgrade. in,
 * out: hdr, those of hd. */
void h2__websocket_asked(struct h2_child *ch, struct h2_head *hd, struct tw_hdr *hdr);
/** h2__websocket_answered - the record of the answer 200 to it. returns: as
 * h2__rec_response. */
size_t h2__websocket_answered(
    const struct h2_child *ch, char *p, size_t room, const struct h2_head *hd);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * h2.h - the HTTP/2 engine: bytes in, events out; calls in, bytes out.
 *
 * Pure protocol state for one connection, server or client: it reads no
 * socket, knows no flow and no clock but the one it is told. Framing is done
 * here, HPACK by libnghttp2. One worker thread owns a session and everything
 * it uses; what sessions share (scratch, free streams, free output blocks)
 * is in struct h2_worker.
 *
 * Streams. One is the user's from the moment that head() of a request or
 * h2_open() handed it out until h2_release(), whatever happens to it in
 * between; a stream that was reset or has ended both ways only takes no more
 * calls (they return 0 or -1). Events may make any call but h2_fini() and
 * h2_feed(). source: RFC 9113, RFC 7541, RFC 8441.
 */
#ifndef TW_H2_H
#define TW_H2_H

#include <sys/uio.h>

#include <tideway/msg.h>

struct h2_session;
struct h2_stream;
struct h2_block;
struct h2_chunk;

#define H2_FRAME_HEAD 9u
#define H2_MIN_FEED 32u /* bytes that h2_feed() must be offered room for */
#define H2_MAX_ID 0x7fffffffu
#define H2_CHUNK_BYTES 16384u
#define H2_RECENT 32u
#define H2_BUCKETS 16u

enum h2_code {
	H2_NO_ERROR,
	H2_PROTOCOL_ERROR,
	H2_INTERNAL_ERROR,
	H2_FLOW_CONTROL_ERROR,
	H2_SETTINGS_TIMEOUT,
	H2_STREAM_CLOSED,
	H2_FRAME_SIZE_ERROR,
	H2_REFUSED_STREAM,
	H2_CANCEL,
	H2_COMPRESSION_ERROR,
	H2_CONNECT_ERROR,
	H2_ENHANCE_YOUR_CALM,
	H2_INADEQUATE_SECURITY,
	H2_HTTP_1_1_REQUIRED,
};

enum h2_kind {
	H2_REQUEST,
	H2_RESPONSE,
	H2_INTERIM, /* 1xx */
	H2_TRAILERS,
};

/* One head, as it was received or is to be sent. Received: all that it points
 * to lies in `text` (so one copy and one offset move it), valid until head()
 * returns; hdr holds exactly one Host field when there is an authority, which
 * is that of :authority alone; crumbs of Cookie are one field, ids are set. To
 * be sent: fields marked DELETED or HOP, Host and those that HTTP/2 forbids are
 * left out, names may have any case. */
struct h2_head {
	uint8_t kind;   /* enum h2_kind */
	bool end;       /* END_STREAM came with it; nothing follows */
	bool too_large; /* above the limits: nothing else is set; answer 431 */
	bool has_length;
	uint16_t status; /* responses */
	uint16_t n_hdr;
	uint64_t content_length;
	struct tw_str method, scheme, authority, path;
	struct tw_str protocol; /* extended CONNECT; p NULL: none */
	const struct tw_hdr *hdr;
	struct tw_str text;  /* received: all the bytes */
	struct tw_str lines; /* received trailers: fields as lines with CRLF */
};

/* What a session is held to; owned by the configuration, one per side. 0 in an
 * abuse limit: no limit. Rates are per second, see h2_worker.now_s. */
struct h2_limits {
	uint32_t max_concurrent_streams;
	uint32_t initial_window_size; /* of each stream, that peers fill */
	uint32_t connection_window_size;
	uint32_t max_frame_size;
	uint32_t header_table_size; /* of the decoder; the encoder's upper bound */
	uint32_t max_list_bytes;    /* of a decoded head */
	uint32_t max_fields;        /* at most TW_MAX_HDR */
	uint32_t max_total_streams; /* then GOAWAY; 0: no limit */
	bool connect_protocol;      /* server: offers extended CONNECT */
	/* abuse */
	uint32_t max_glitches;    /* in all */
	uint32_t max_resets;      /* RST_STREAM received, rate */
	uint32_t max_resets_sent; /* resets that the peer made us send, rate */
	uint32_t max_settings;    /* frames, rate */
	uint32_t max_pings;
	uint32_t max_priorities;   /* PRIORITY, unknown frames */
	uint32_t max_empty;        /* frames without bytes that end nothing */
	uint32_t max_updates;      /* WINDOW_UPDATE beyond the DATA sent, rate */
	uint32_t max_block_frames; /* CONTINUATION of one head */
	uint32_t max_block_bytes;  /* compressed, of one head */
	uint32_t max_replies;      /* frames queued for a peer that does not read */
	uint32_t kill_busy_pct;    /* max_glitches holds only from there on */
	/* before others get their turn; 0: no limit */
	uint32_t max_turn_frames, max_turn_resets;
};

/* Why a session was ended for abuse, or what counted as a glitch. */
enum h2_abuse {
	H2_ABUSE_NONE,
	H2_ABUSE_RESETS,      /* rapid reset */
	H2_ABUSE_RESETS_SENT, /* MadeYouReset */
	H2_ABUSE_CONTINUATION,
	H2_ABUSE_SETTINGS,
	H2_ABUSE_PING,
	H2_ABUSE_EMPTY,
	H2_ABUSE_PRIORITY,
	H2_ABUSE_UPDATES,
	H2_ABUSE_REPLIES,
	H2_ABUSE_GLITCHES,
	H2_N_ABUSE
};

struct h2_events {
	/* a head that is whole and valid; st->user is NULL for a new request */
	void (*head)(struct h2_session *, struct h2_stream *, const struct h2_head *);
	/* payload, not copied: valid until return; len 0 only with end */
	void (*data)(struct h2_session *, struct h2_stream *, struct tw_str, bool end);
	/* the stream is dead: by the peer, or for what the peer did */
	void (*reset)(struct h2_session *, struct h2_stream *, uint32_t code);
	/* a stream that h2_data_*() had cut short may send again */
	void (*window)(struct h2_session *, struct h2_stream *);
	/* the peer opens and takes no more; streams above last_id got reset()
	 * with REFUSED_STREAM before. NULL: not wanted */
	void (*goaway)(struct h2_session *, uint32_t last_id, uint32_t code);
	/* the peer's settings changed. NULL: not wanted */
	void (*settings)(struct h2_session *);
	/* server: a request was refused that never became a stream, or the
	 * connection, for what the peer did. NULL: not wanted */
	void (*refused)(struct h2_session *);
};

/* What the sessions of one worker share. */
struct h2_worker {
	uint32_t now_s;            /* the user sets it, any monotonic seconds */
	uint32_t busy_pct;         /* the same: how busy the threads are */
	struct h2_stream *streams; /* free */
	struct h2_block *blocks;   /* free */
	struct h2_chunk *chunks;   /* free */
	uint32_t n_streams, n_blocks, n_chunks; /* free ones held */
	uint8_t *enc;                           /* owns: encoder scratch */
	size_t enc_size;
	uint64_t abuses[H2_N_ABUSE];
};

struct h2_settings {
	uint32_t header_table_size;
	uint32_t max_concurrent_streams;
	uint32_t initial_window_size;
	uint32_t max_frame_size;
	uint32_t max_list_bytes;
	bool push, connect_protocol;
};

#define H2_ST_LOCAL_END 0x01u  /* we have sent END_STREAM */
#define H2_ST_REMOTE_END 0x02u /* the peer has */
#define H2_ST_RESET 0x04u      /* by whom ever */
#define H2_ST_USER 0x08u       /* the user holds it */
#define H2_ST_LINKED 0x10u     /* in the table of open streams */
#define H2_ST_BLOCKED 0x20u    /* waits for a window */
#define H2_ST_HEAD_SEEN 0x40u  /* the final head came */
#define H2_ST_NO_BODY 0x80u    /* the answer to HEAD, 204, 304 */
#define H2_ST_LENGTH 0x100u    /* content-length was declared */
#define H2_ST_HEAD_SENT 0x200u /* our final head has gone */
#define H2_ST_TUNNEL 0x400u    /* CONNECT */

struct h2_stream {
	uint32_t id;
	uint16_t flags; /* H2_ST_... */
	uint32_t code;  /* with H2_ST_RESET */
	int64_t send_window, recv_window;
	uint32_t unconsumed;           /* handed to the user, not credited yet */
	uint32_t credit;               /* consumed, no WINDOW_UPDATE sent yet */
	uint64_t left;                 /* of content-length */
	void *user;                    /* borrow: the user's */
	struct h2_stream *chain;       /* of the table; of the free list */
	struct h2_stream *prev, *next; /* of those that wait for a window */
};

struct h2_session {
	uint32_t magic;
	bool is_client;
	uint8_t state; /* engine's: what is read next */
	bool dead;     /* a connection error: flush and close */
	bool goaway_sent, goaway_seen;
	uint8_t shutdown;            /* 0; 1: announced; 2: last id told */
	bool acked;                  /* our SETTINGS are in force */
	uint8_t abuse;               /* enum h2_abuse, with dead */
	uint32_t code;               /* enum h2_code, with dead */
	const char *why;             /* with dead: static text */
	const struct h2_events *ev;  /* borrow: static */
	const struct h2_limits *lim; /* borrow: gen */
	struct h2_worker *wk;        /* borrow: worker */
	void *user;
	struct h2_settings peer;
	int64_t send_window, recv_window;
	uint32_t credit;
	uint32_t last_id;   /* highest that the peer opened */
	uint32_t next_id;   /* client: the one h2_open() gives */
	uint32_t goaway_id; /* highest that we still take */
	uint32_t n_streams; /* open ones */
	uint32_t n_blocked; /* those that wait for a window (timer!) */
	uint32_t n_total;   /* streams opened */
	struct h2_stream *blocked_first, *blocked_last;
	struct h2_stream **table; /* own_table, or owns */
	uint32_t n_buckets;
	struct h2_stream *own_table[H2_BUCKETS];
	uint32_t recent[H2_RECENT]; /* closed ids; top bit: we reset it */
	uint8_t recent_at;
	/* the frame being read */
	uint8_t type, frame_flags;
	uint8_t pad;
	uint32_t frame_id, left;
	struct h2_stream *cur;  /* of a DATA frame; NULL: dropped */
	struct h2_block *block; /* owns: the head being decoded */
	/* HPACK */
	struct nghttp2_hd_inflater *inflater; /* owns */
	struct nghttp2_hd_deflater *deflater; /* owns */
	/* output */
	struct h2_chunk *out_first, *out_last; /* owns */
	size_t out_bytes;
	/* abuse: see struct h2_limits */
	uint32_t seen_s;
	uint32_t glitches, replies;
	uint32_t glitch_code;   /* enum h2_code of the last one */
	uint32_t turn_frames, turn_resets; /* since the user zeroed them */
	bool paused;            /* there are enough of them: h2_feed() later */
	const char *glitch_why; /* static text; NULL: nothing to say */
	uint32_t n_resets, n_resets_sent, n_settings, n_pings, n_empty, n_priorities,
	    n_updates;
	bool settings_seen; /* the peer's first ones */
};

/** h2_limits_init - what holds where nothing is configured. */
void h2_limits_init(struct h2_limits *lim, bool is_client);

void h2_worker_init(struct h2_worker *wk);
/** h2_worker_fini - no session may be left. */
void h2_worker_fini(struct h2_worker *wk);

/** h2_init - a zeroed session begins: preface (client) and SETTINGS are queued.
 * in: lim, ev, wk outlive it. returns: 0; -1: out of memory. */
int h2_init(struct h2_session *s, struct h2_worker *wk, bool is_client,
    const struct h2_limits *lim, const struct h2_events *ev);
/** h2_reset_all - reset() for every stream that the user holds and that lives:
 * the connection is lost. */
void h2_reset_all(struct h2_session *s, uint32_t code);
/** h2_fini - in: every stream was released. */
void h2_fini(struct h2_session *s);
/** h2_trim - gives back what an idle session does not need. */
void h2_trim(struct h2_session *s);

/** h2_feed - any number of received bytes. out: used, how many were taken; the
 * rest (less than H2_MIN_FEED) must be offered again with more behind it.
 * returns: 0; -1: connection error (s->dead, code, why; GOAWAY is queued). Less
 * than all may have been taken when it is paused. */
int h2_feed(struct h2_session *s, const char *p, size_t len, size_t *used);

/** h2_can_open - client: one more request may go out on this connection. */
bool h2_can_open(const struct h2_session *s);
/** h2_open - client: a new stream, the user's; h2_submit_head() must follow
 * before the next one is opened, ids go out in order. NULL: not now. */
struct h2_stream *h2_open(struct h2_session *s, void *user);
/** h2_submit_head - queues a request, response, 1xx (by hd->kind).
 * returns: 0; -1: the stream is dead, or out of memory. */
int h2_submit_head(
    struct h2_session *s, struct h2_stream *st, const struct h2_head *hd, bool end);
/** h2_submit_trailers - ends the stream with them. */
int h2_submit_trailers(struct h2_session *s, struct h2_stream *st,
    const struct tw_hdr *hdr, unsigned n_hdr);

/** h2_may_send - payload bytes that one DATA frame may hold now. */
size_t h2_may_send(const struct h2_session *s, const struct h2_stream *st);
/** h2_data_frame - debits and makes the header of one DATA frame; the payload
 * must go out behind it, and what is in the output before it. in: want bytes;
 * end, when all of them fit END_STREAM goes along. out: head. returns: bytes of
 * payload (when < want, ask again); -1: no frame: window() will tell, or the
 * stream is dead. */
ssize_t h2_data_frame(struct h2_session *s, struct h2_stream *st, size_t want, bool end,
    uint8_t head[H2_FRAME_HEAD]);
/** h2_submit_data - copies as much payload into the output as may be sent, in
 * as many frames as needed. returns: bytes taken; end counts when all were. */
size_t h2_submit_data(
    struct h2_session *s, struct h2_stream *st, const char *p, size_t len, bool end);

/** h2_consumed - the user has dealt with n bytes of payload. */
void h2_consumed(struct h2_session *s, struct h2_stream *st, size_t n);
/** h2_reset - RST_STREAM; no event. The stream is still the user's. */
void h2_reset(struct h2_session *s, struct h2_stream *st, uint32_t code);
/** h2_release - the user lets go; one that lives is reset (NO_ERROR for a
 * server that has answered in full, CANCEL else). */
void h2_release(struct h2_session *s, struct h2_stream *st);
/** h2_take_blocked - one that waits for a window, which then does not any more.
 * returns: NULL: none does. */
struct h2_stream *h2_take_blocked(struct h2_session *s);

/** h2_goaway - GOAWAY with the last id; nothing new is taken. */
void h2_goaway(struct h2_session *s, uint32_t code);
/** h2_shutdown - the graceful one: GOAWAY with 2^31-1 and a PING; with its
 * answer (or the second call) the last id. */
void h2_shutdown(struct h2_session *s);
void h2_ping(struct h2_session *s);

/** h2_out_iov - what is to be sent. returns: entries used. */
int h2_out_iov(const struct h2_session *s, struct iovec *iov, int max);
/** h2_out_sent - n bytes of it are gone. */
void h2_out_sent(struct h2_session *s, size_t n);

static inline bool
h2_is_open(const struct h2_stream *st)
{
	return (st->flags & H2_ST_LINKED) != 0;
}

/* The session may be closed now, or pooled: nothing is on it. */
static inline bool
h2_is_idle(const struct h2_session *s)
{
	return s->n_streams == 0 && s->block == NULL && s->out_bytes == 0;
}

/** h2_abuse_name - a word for logs. h2_code_name - the RFC's. */
const char *h2_abuse_name(unsigned abuse);
const char *h2_code_name(uint32_t code);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * mux.h - a protocol that carries several exchanges at once on one connection.
 *
 * Each of them, a stream, is a connection of its own to everybody else: it has
 * a transport (struct tw_mux's `stream`) in place of a socket, and its bytes are
 * in the form that the protocol's codec reads and writes. The connection that
 * has the socket is the carrier; the module owns what passes there. One worker's
 * thread has a carrier and all of its streams.
 */
#ifndef TIDEWAY_MUX_H
#define TIDEWAY_MUX_H

#include <tideway/transport.h>

/* Found through the codec, struct tw_proto. */
struct tw_mux {
	/* A client's first bytes are this protocol's without anybody having said so.
	 * returns: OK; AGAIN: as far as they go; END: they are not. NULL: never. */
	enum tw_io (*sees)(struct tw_str bytes);
	/* returns: the carrier's state; NULL: out of memory. */
	void *(*begin)(struct tw_conn *carrier, bool is_server);
	/* Something can be read, or written, or tw_mux_wakes() was called. returns:
	 * false: the carrier is of no more use; what its streams have is lost. */
	bool (*event)(struct tw_conn *carrier, void *state);
	/* The carrier goes when its streams have ended; none comes any more. Once more:
	 * at once, without asking the peer whether some are under way. */
	void (*leave)(struct tw_conn *carrier, void *state);
	/* No stream is left. */
	void (*fini)(struct tw_conn *carrier, void *state);
	/* Server side: one more stream fits. NULL: clients only. */
	bool (*has_room)(const void *state);
	/* Server side: begins one. returns: its transport's state; NULL: not now. */
	void *(*open)(struct tw_conn *carrier, void *state, struct tw_conn *stream);
	/* What a stream has for a transport: recv, send, shut, fini; the others are
	 * never called. */
	const struct tw_transport *stream;
	/* Odd things that the peer did, and how many streams fit. NULL: not told. */
	uint32_t (*glitches)(const void *state);
	uint32_t (*limit)(const void *state);
	const struct tw_single *single; /* NULL: it has none */
};

/* One exchange as a client, on a connection that the core knows nothing of: who asks
 * moves the bytes himself, as a health check does. Nothing blocks; one worker's thread
 * makes all of the calls. */
struct tw_single_request {
	const struct tw_proxy *px; /* whose generation's settings hold */
	const struct tw_msg *msg;  /* method_name, target, host and fields; borrow */
	struct tw_str body;        /* all of it, up to 65535 bytes; borrow */
	bool is_secure;            /* what carries it */
};

#define TW_SINGLE_REST 32u /* bytes that feed() may leave */

typedef void tw_single_got(void *arg, struct tw_str bytes);

struct tw_single {
	/* The request is to be sent. returns: its state; NULL: out of memory. */
	void *(*begin)(const struct tw_single_request *r);
	/* Bytes that came. The answer is given to got() piece by piece: its head in the
	 * form of HTTP/1, when that is whole, then payload. out: used; the rest, less
	 * than TW_SINGLE_REST, must be offered again with more behind it. returns:
	 * AGAIN: more is to come; END: the answer is whole; ERR: no more of it comes. */
	enum tw_io (*feed)(void *state, struct tw_str bytes, size_t *used,
	    tw_single_got *got, void *arg);
	/* What is to be sent now. returns: entries used. sent - n bytes of it are gone. */
	int (*out)(const void *state, struct iovec *iov, int max);
	void (*sent)(void *state, size_t n);
	/* No more of it is wanted, which the peer may be told: out(), then fini(). */
	void (*leave)(void *state);
	void (*fini)(void *state);
	/* Words for ERR. */
	void (*why)(const void *state, struct tw_out *out);
};

/** tw_mux_proto - the codec of a loaded module that carries several exchanges on one
 * connection. returns: NULL: there is none. context: any. */
TW_API const struct tw_proto *tw_mux_proto(void);

/* --- for the carrier --- */

/** tw_mux_read - more of what came. out: bytes, all that is unread; borrow, until
 * the next call. returns: OK, AGAIN, END, ERR. */
TW_API enum tw_io tw_mux_read(struct tw_conn *carrier, struct tw_str *bytes);
/** tw_mux_used - the first n of them are done with. */
TW_API void tw_mux_used(struct tw_conn *carrier, size_t n);
/** tw_mux_write - out: sent, of n_iov pieces; the rest is the caller's. returns:
 * OK: all of it; AGAIN: an event follows; ERR. */
TW_API enum tw_io tw_mux_write(
    struct tw_conn *carrier, struct iovec *iov, int n_iov, size_t *sent);
/** tw_mux_wakes - event() is called before this turn of the loop ends. */
TW_API void tw_mux_wakes(struct tw_conn *carrier);
/** tw_mux_later - event() is called in the next turn, beside others' events. */
TW_API void tw_mux_later(struct tw_conn *carrier);
TW_API uint32_t tw_mux_streams(const struct tw_conn *carrier);
/** tw_mux_refused - client side: something was no request; it is counted. */
TW_API void tw_mux_refused(struct tw_conn *carrier);
/** tw_mux_malformed - the same, and it is logged as a bad request. in: why, static;
 * NULL: no words. */
TW_API void tw_mux_malformed(struct tw_conn *carrier, const char *why);

/** tw_mux_proxy - whose client it is. returns: NULL: a server's. */
TW_API const struct tw_proxy *tw_mux_proxy(const struct tw_conn *carrier);

/* --- for a stream --- */

/** tw_stream_new - client side: in: state, of its transport. returns: NULL: out of
 * memory. */
TW_API struct tw_conn *tw_stream_new(struct tw_conn *carrier, void *state);
/** tw_stream_room - where what came may be put without a call of recv(). out: n,
 * bytes of room; 0: none now. Then tw_stream_fed(). */
TW_API char *tw_stream_room(struct tw_conn *stream, size_t *n);
TW_API void tw_stream_fed(struct tw_conn *stream, size_t n);
/** tw_stream_begin - its request's head is there: the flow begins. The stream may
 * be gone afterwards. */
TW_API void tw_stream_begin(struct tw_conn *stream);
/** tw_stream_event - there is something to read, or room to write. The stream may
 * be gone afterwards. */
TW_API void tw_stream_event(struct tw_conn *stream, bool readable, bool writable);
/** tw_stream_lost - the peer takes and sends no more of it. The stream may be gone
 * afterwards. in: why, static. */
TW_API void tw_stream_lost(struct tw_conn *stream, const char *why);
/** tw_stream_carrier - returns: itself, where it is none. */
TW_API struct tw_conn *tw_stream_carrier(struct tw_conn *conn);

/** tw_stream_untouched - server side: the peer has not looked at its request, nor
 * will it, so that may go elsewhere. Before tw_stream_lost(), or a send() that fails. */
TW_API void tw_stream_untouched(struct tw_conn *stream);

/* What a connection is, for fetches and reports; a stream: that of its carrier. */
struct tw_mux_info {
	const char *name; /* of its protocol; static; NULL: one exchange at a time */
	uint32_t streams, limit, glitches;
};
TW_API void tw_mux_info(struct tw_conn *conn, struct tw_mux_info *out);

#endif

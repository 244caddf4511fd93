/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * proto.h - a protocol codec: bytes to messages and back.
 *
 * The flow (core/flow) moves bytes between connections and buffers; a codec
 * only looks at memory. For each exchange there are four struct tw_stream,
 * zeroed when it begins: request in and out, response in and out. A codec
 * never blocks, never allocates on the heap, and is strict: what it does not
 * understand it refuses with a status and a reason.
 */
#ifndef TIDEWAY_PROTO_H
#define TIDEWAY_PROTO_H

#include <tideway/conn.h>
#include <tideway/msg.h>

struct tw_proxy;
struct tw_mux;
struct tw_server;

struct tw_stream {
	uint64_t left;        /* payload bytes to come (of the body or chunk) */
	uint32_t scanned;     /* bytes of an incomplete head already looked at */
	uint8_t body;         /* enum tw_body as framed on this side */
	uint8_t state;        /* the codec's own */
	uint8_t last;         /* the connection must close after this message */
	uint8_t done;         /* the message is complete on this side */
	uint16_t status;      /* after TW_IO_ERR: what to answer (400, 431, ..) */
	uint16_t n_trailers;
	const char *why;      /* after TW_IO_ERR: the reason; after a head that is OK:
	                       * what of it was tolerated; NULL: nothing; static */
	struct tw_str trailers; /* raw lines, each with CRLF; borrow: the next read_body */
	uint64_t own[2];      /* the codec's own */
	const struct tw_proxy *px; /* whose settings hold: the frontend towards the client,
	                            * the backend towards the server; NULL: no one's */
	/* after TW_IO_ERR: the offending byte; NULL: none in particular. borrow: the
	 * buffer, until it is read into again */
	const char *bad;
	uint32_t extra; /* of what was written: bytes that are the codec's own, which
	                 * nobody counts; the flow takes them off */
};

#define TW_HEAD_CLOSE 0x01u /* say that the connection ends after this */
#define TW_HEAD_KEEP 0x02u  /* say keep-alive where the peer needs to be told */
#define TW_HEAD_HTTP10 0x04u /* the receiver speaks HTTP/1.0 */
#define TW_HEAD_NO_BODY 0x08u /* response to HEAD: framing fields, no body */

#define TW_PROTO_IOV 6

struct tw_proto {
	const char *name; /* "h1" */
	const char *alpn; /* "http/1.1" */

	/* read_head - takes one whole head off `in`. in: request, NULL when a
	 * request is read, else the request that a response answers (its method
	 * decides the framing); eof, no more bytes will come. out: msg filled,
	 * st->body and st->left set, in->head moved behind the head; the bytes
	 * stay where they are. returns: OK; AGAIN (incomplete; nothing consumed);
	 * END (eof and not one byte); ERR (st->status, st->why). */
	enum tw_io (*read_head)(struct tw_stream *st, struct tw_buf *in,
	    struct tw_msg *msg, const struct tw_msg *request, bool eof);

	/* write_head - the head as it goes out on a connection of this codec:
	 * connection fields removed and re-made, framing fields right for
	 * st->body, which it chooses from msg->body. in: how, TW_HEAD_...
	 * out: st->last when the connection cannot be kept. returns: 0; -1: does
	 * not fit. */
	int (*write_head)(struct tw_stream *st, struct tw_msg *msg,
	    struct tw_out *out, unsigned how);

	/* read_body - decodes in place. out: data, the next payload bytes, which
	 * stay valid until the next call; in->head moved behind them. returns: OK
	 * (data not empty, more may be in the buffer); AGAIN (read more); END (the
	 * body is complete; data may hold its last bytes; trailers set); ERR. */
	enum tw_io (*read_body)(struct tw_stream *st, struct tw_buf *in,
	    struct tw_str *data, bool eof);

	/* write_body - frames `data` for this side. in: end, nothing follows
	 * (st->trailers may be set); scratch, memory for sizes. out: iov, at most
	 * TW_PROTO_IOV entries that borrow data, scratch and literals. returns: how
	 * many entries; 0: nothing to send. */
	int (*write_body)(struct tw_stream *st, struct tw_str data, bool end,
	    struct tw_out *scratch, struct iovec *iov);

	/* raw - payload bytes that may pass from the in stream to the out stream
	 * without being looked at (splice); UINT64_MAX: until the connection ends;
	 * 0: none. moved - says how many did. */
	uint64_t (*raw)(const struct tw_stream *in, const struct tw_stream *out);
	void (*moved)(struct tw_stream *in, struct tw_stream *out, uint64_t n);

	/* error_text - a whole response for a status, as bytes, for when the peer
	 * must be told and no message exists. in: px, whose page (p NULL: it has
	 * none of its own; len 0: close without a word); NULL: the built-in one.
	 * returns: gen or static bytes. */
	struct tw_str (*error_text)(const struct tw_proxy *px, int status);
	/* error_made - the same where a page is made for each request. NULL: never.
	 * returns: arena; p NULL: see error_text. */
	struct tw_str (*error_made)(
	    const struct tw_proxy *px, int status, struct tw_req *req);
	/* error_named - as tw_error_page_named. NULL: there are no such sections. */
	int (*error_named)(struct tw_gen *gen, const char *section, int status,
	    struct tw_str *page);

	/* What carries several exchanges; NULL: one after the other. Such a codec
	 * reads and writes the bytes of one stream. */
	const struct tw_mux *mux;
};

/** tw_server_proto - what its line says that it speaks; NULL: nothing. */
TW_API const struct tw_proto *tw_server_proto(const struct tw_server *srv);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * h2_mod.h - between the HTTP/2 engine (h2.h) and the core: codec and mux.
 *
 * The bytes of a stream are records. h2_mux.c makes them of what the engine
 * decoded, and gives to the engine what they say; h2_codec.c reads them into
 * messages and writes them. Both ends are in one process, so numbers are the
 * machine's own.
 */
#ifndef TW_H2_MOD_H
#define TW_H2_MOD_H

#include <tideway/module.h>
#include <tideway/mux.h>
#include <tideway/proto.h>
#include <tideway/proxy.h>
#include <tideway/req.h>
#include <tideway/stats.h>
#include <tideway/worker.h>

#include "h2.h"

/* --- records --- */

enum h2_rec_type {
	H2_REC_HEAD,     /* struct h2_rec_head, its fields, its text */
	H2_REC_DATA,     /* payload */
	H2_REC_TRAILERS, /* lines, each with CRLF; the message ends */
};

#define H2_REC_END 0x01u       /* the message ends with it */
#define H2_REC_TOO_LARGE 0x02u /* of a head: nothing else is there */

struct h2_rec {
	uint32_t len; /* bytes behind it */
	uint8_t type; /* enum h2_rec_type */
	uint8_t flags;
	uint16_t unused;
};

/* Offsets are those of the text; it looks like a head of HTTP/1, which is what
 * logs show and what an HTTP/1 peer gets, line by line. */
struct h2_rec_head {
	uint64_t content_length;
	uint32_t text_len;
	uint32_t method_len; /* at offset 0 */
	uint32_t target, target_len;
	uint16_t n_hdr, status;
	uint8_t has_length, is_upgrade; /* extended CONNECT, made a GET */
	uint16_t unused;
	uint32_t authority, authority_len; /* behind scheme and "://"; 0: none */
};

struct h2_rec_field {
	uint32_t name, value, value_len;
	uint16_t name_len;
	uint8_t id, flags; /* as in struct tw_hdr */
};

/** h2__rec_put - a record's header; returns: behind it. */
static inline char *
h2__rec_put(char *p, uint32_t len, enum h2_rec_type type, unsigned flags)
{
	const struct h2_rec rec = { len, (uint8_t)type, (uint8_t)flags, 0 };

	memcpy(p, &rec, sizeof(rec));
	return p + sizeof(rec);
}

/** h2__rec_request - a request's head as one record. in: key, for an extended
 * CONNECT: what Sec-WebSocket-Key says; NULL: it goes out as it
 * is. returns: bytes; 0: more than `room`. */
size_t h2__rec_request(char *p, size_t room, const struct h2_head *hd, const char *key);
/** h2__rec_response - the same, of a response or 1xx. */
size_t h2__rec_response(char *p, size_t room, const struct h2_head *hd);
/** h2__rec_read - the head in a record of rec->len bytes at p. out: hd, which
 * borrows p; hdr, room for TW_MAX_HDR. returns: false: it is none. */
bool h2__rec_read(const struct h2_rec *rec, const char *p, struct h2_head *hd,
    struct tw_hdr *hdr);

/* --- codec (h2_codec.c) --- */

enum tw_io h2__read_head(struct tw_stream *st, struct tw_buf *in, struct tw_msg *msg,
    const struct tw_msg *request, bool eof);
int h2__write_head(
    struct tw_stream *st, struct tw_msg *msg, struct tw_out *out, unsigned how);
enum tw_io h2__read_body(
    struct tw_stream *st, struct tw_buf *in, struct tw_str *data, bool eof);
int h2__write_body(struct tw_stream *st, struct tw_str data, bool end,
    struct tw_out *scratch, struct iovec *iov);
uint64_t h2__raw(const struct tw_stream *in, const struct tw_stream *out);
void h2__moved(struct tw_stream *in, struct tw_stream *out, uint64_t n);

/* --- mux (h2_mux.c) --- */

extern const struct tw_mux h2__mux;
extern const struct tw_self *h2__self;

/* --- one exchange of somebody else's (h2_single.c) --- */

extern const struct tw_single h2__single;
/** h2__single_begin - struct tw_single's begin, with what is configured. (h2_conf.c) */
void *h2__single_begin(const struct tw_single_request *r);
void *h2__single_new(const struct h2_limits *lim, const struct tw_single_request *r);

/* One worker's part. */
struct h2_own {
	struct h2_worker engine;
	struct h2_child *children; /* free */
	uint32_t n_children;
	uint32_t line_s, lines, lines_left_out; /* logged in that second */
};

void h2__own_fini(struct h2_own *own);

#endif

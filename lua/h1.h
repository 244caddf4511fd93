/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * h1.h - reading an HTTP/1 answer, for the scripts' own client.
 */
#ifndef TW_LUA_H1_H
#define TW_LUA_H1_H

#include <event2/buffer.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LU_H1_HEAD_MAX (1u << 20) /* bytes of a head, or of trailers */

enum lu_h1_at {
	LU_H1_STATUS,
	LU_H1_FIELDS,
	LU_H1_LENGTH,
	LU_H1_SIZE,
	LU_H1_CHUNK,
	LU_H1_CHUNK_END,
	LU_H1_TRAILERS,
	LU_H1_CLOSE, /* the body ends with the connection */
	LU_H1_DONE,
	LU_H1_BAD
};

struct lu_h1 {
	bool is_head; /* in: the request was a HEAD */
	enum lu_h1_at at;
	int minor; /* of HTTP/1.x */
	int status;
	char *reason; /* owns */
	char *fields; /* owns: "name\0value\0"..., names in lower case */
	size_t fields_len, fields_size;
	size_t head_len; /* bytes so far */
	uint64_t left;   /* of the body, or of the chunk */
	bool chunked, has_length, closes, keeps;
	struct evbuffer *body; /* owns; made when a head is there */
	const char *why;       /* LU_H1_BAD */
};

/** lu_h1_feed - takes what it can from `in`. in: end, nothing more will come.
 * returns: true: it is over: h->at is DONE or BAD. */
bool lu_h1_feed(struct lu_h1 *h, struct evbuffer *in, bool end);
/** lu_h1_keeps - another request may follow on this connection. */
bool lu_h1_keeps(const struct lu_h1 *h);
void lu_h1_fini(struct lu_h1 *h);

#endif

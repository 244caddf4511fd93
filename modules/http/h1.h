/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * h1.h - what the files of the HTTP/1 codec share.
 *
 * The codec is read_head (h1_parse.c, with the meaning of the fields in
 * h1_head.c and of targets in h1_target.c), write_head (h1_write.c) and bodies
 * (h1_body.c). None of them allocates or keeps anything but struct tw_stream.
 */
#ifndef TW_H1_H
#define TW_H1_H

#include <tideway/proto.h>

/* struct tw_stream's `state`: where the chunk decoder stands, and whose bytes
 * these are (a server's errors are 502, a client's 400). */
enum h1_chunk {
	H1_SIZE,     /* at the first digit of a chunk's size */
	H1_DIGITS,   /* behind it */
	H1_EXT,      /* in chunk extensions */
	H1_SIZE_LF,  /* after their CR */
	H1_DATA,
	H1_DATA_CR,
	H1_DATA_LF,
	H1_TRAILERS,
	H1_ENDED,
};
#define H1_STATE 0x0fu
#define H1_LOOSE 0x40u /* while a head is read: violations are tolerated */
#define H1_RESPONSE 0x80u
#define H1_PORT 0x20u /* while a head is read: its target names a port for nothing */

/* struct tw_stream's `own`, by index. */
#define H1_OWN_BLANK 0 /* reading a head: blank lines skipped before it */
#define H1_OWN_EXT 0   /* reading a body: bytes of extensions so far */
#define H1_OWN_SEEN 1  /* bytes of incomplete trailers looked at */

#define H1_MAX_BLANK 8      /* blank lines before a request line */
#define H1_MAX_EXT 4096     /* bytes of chunk extensions in a whole body */
#define H1_MAX_TRAILERS 8192 /* bytes */
#define H1_MAX_TRAILER_FIELDS 64

/* Character classes (RFC 9110 section 5.6.2, RFC 3986). */
#define H1_TOKEN 0x01u  /* tchar */
#define H1_TARGET 0x02u /* visible ASCII but '#' */
#define H1_HOST 0x04u   /* reg-name, without ',' */
#define H1_HEX 0x08u
extern const uint8_t tw__h1_class[256];

static inline bool
h1_is(char c, unsigned class)
{
	return (tw__h1_class[(unsigned char)c] & class) != 0;
}

/** tw__h1_refuse - in: status, for a client's fault. returns: TW_IO_ERR. */
enum tw_io tw__h1_refuse(struct tw_stream *st, int status, const char *why);

/** tw__h1_refuse_at - the same, in: at, the offending byte. */
enum tw_io tw__h1_refuse_at(
    struct tw_stream *st, const char *at, int status, const char *why);

/** tw__h1_ctl - the first control byte (tab and DEL too) in p..end, or end. */
const char *tw__h1_ctl(const char *p, const char *end);

/** tw__h1_line - takes one field line. in: p, its first byte; end. out: h;
 * p, behind its CRLF. returns: OK, AGAIN (not whole), ERR. */
enum tw_io tw__h1_line(struct tw_stream *st, const char **p, const char *end,
    struct tw_hdr *h);

/** tw__h1_next_token - walks a list of comma-separated values. in: rest. out:
 * one without blanks around. returns: false when there is none any more. */
bool tw__h1_next_token(struct tw_str *rest, struct tw_str *one);

/** tw__h1_target - checks the target's form and finds its authority. out:
 * authority (p NULL: none). errors: a reason. source: RFC 9112 section 3.2 */
const char *tw__h1_target(const struct tw_msg *msg, struct tw_str *authority);
/** tw__h1_host - settles msg->host from the authority and Host fields. errors: a
 * reason. source: RFC 9112 section 3.2, RFC 9110 section 7.2 */
const char *tw__h1_host(struct tw_msg *msg, struct tw_str authority);

/** tw__h1_is_loose - the proxy has asked for a second look at what is refused. */
bool tw__h1_is_loose(const struct tw_stream *st);
/** tw__h1_has_implied_port - in: authority, that of an absolute target. */
bool tw__h1_has_implied_port(const struct tw_msg *msg, struct tw_str authority);
/** tw__h1_drop_port - leaves such a port out, in the target and in Host, so that rules
 * find the name alone. in: msg, read from in, which is changed. source: RFC 9110
 * section 4.2.3 */
void tw__h1_drop_port(struct tw_buf *in, struct tw_msg *msg);
/** tw__h1_loose_head - that look, at the same bytes. in: p, where they begin. out:
 * p, behind the head; msg; st's H1_LOOSE. returns: OK, AGAIN, ERR. */
enum tw_io tw__h1_loose_head(struct tw_stream *st, const char **p, const char *end,
    struct tw_msg *msg);
/** tw__h1_loose_host - as tw__h1_host, whatever the two say. */
const char *tw__h1_loose_host(struct tw_msg *msg, struct tw_str authority);

/** tw__h1_meaning - what a whole head says about connection and framing: sets
 * msg's flags, body and length, st's body, left. in: request, NULL for one. */
enum tw_io tw__h1_meaning(struct tw_stream *st, struct tw_msg *msg,
    const struct tw_msg *request);

enum tw_io tw__h1_read_head(struct tw_stream *st, struct tw_buf *in,
    struct tw_msg *msg, const struct tw_msg *request, bool eof);
int tw__h1_write_head(struct tw_stream *st, struct tw_msg *msg,
    struct tw_out *out, unsigned how);
enum tw_io tw__h1_read_body(struct tw_stream *st, struct tw_buf *in,
    struct tw_str *data, bool eof);
int tw__h1_write_body(struct tw_stream *st, struct tw_str data, bool end,
    struct tw_out *scratch, struct iovec *iov);
uint64_t tw__h1_raw(const struct tw_stream *in, const struct tw_stream *out);
void tw__h1_moved(struct tw_stream *in, struct tw_stream *out, uint64_t n);

#endif

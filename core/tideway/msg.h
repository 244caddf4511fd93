/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * msg.h - one request or response head, whatever protocol brought it.
 *
 * A codec (http/1 today) fills it with slices of its receive buffer and
 * writes it out again; everything between reads and edits it through these
 * functions. Slices stay valid until RESET. Deleting marks, adding appends;
 * what nobody touched goes out as it came. source: RFC 9110.
 */
#ifndef TIDEWAY_MSG_H
#define TIDEWAY_MSG_H

#include <tideway/str.h>

enum tw_method {
	TW_M_OTHER,
#define X(name) TW_M_##name,
#include <tideway/methods.def>
#undef X
};

/* Field names with an id of their own; TW_H_OTHER for all others. */
enum tw_hdr_id {
	TW_H_OTHER,
#define X(id, text) TW_H_##id,
#include <tideway/headers.def>
#undef X
	TW_N_HDR_IDS
};

#define TW_HDR_DELETED 0x01u /* is not sent */
#define TW_HDR_ADDED 0x02u   /* not part of the received bytes */
#define TW_HDR_HOP 0x04u     /* named by Connection, or hop-by-hop itself */

struct tw_hdr {
	const char *name;  /* as received or added */
	const char *value; /* without surrounding blanks */
	uint32_t value_len;
	uint16_t name_len;
	uint8_t id;        /* enum tw_hdr_id */
	uint8_t flags;     /* TW_HDR_... */
};

enum tw_body {
	TW_BODY_NONE,
	TW_BODY_LENGTH,  /* content_length bytes */
	TW_BODY_CHUNKED, /* self-delimited, length unknown; may have trailers */
	TW_BODY_CLOSE,   /* ends with the connection (responses only) */
	TW_BODY_TUNNEL,  /* after 101 or a successful CONNECT: opaque bytes */
};

#define TW_MSG_KEEP_ALIVE 0x01u /* the sender will keep the connection */
#define TW_MSG_EXPECT 0x02u     /* Expect: 100-continue */
#define TW_MSG_UPGRADE 0x04u    /* Connection: upgrade and an Upgrade field */
#define TW_MSG_RESPONSE 0x08u
#define TW_MSG_EDITED 0x10u     /* something was added, changed or deleted */
#define TW_MSG_TE_TRAILERS 0x20u
/* A request that says scheme and authority beside its target, which has the origin
 * form all the same: tw_req_uri() has both together. raw begins with such a line. */
#define TW_MSG_ABSOLUTE 0x40u

#define TW_MAX_HDR 128

struct tw_msg {
	uint8_t major, minor;   /* HTTP version as received: 1, 1 */
	uint8_t method;         /* enum tw_method; requests */
	uint8_t body;           /* enum tw_body */
	uint16_t status;        /* responses */
	uint16_t flags;         /* TW_MSG_... */
	uint16_t n_hdr;
	uint64_t content_length;
	struct tw_str method_name;
	struct tw_str target;   /* the request target as received or set */
	struct tw_str reason;
	struct tw_str host;     /* Host, or the absolute target's authority */
	struct tw_str raw;      /* the head as received, blank line included */
	uint16_t first[TW_N_HDR_IDS]; /* 1 + index of the first field of an id; 0: none */
	struct tw_hdr hdr[TW_MAX_HDR];
};

/** tw_msg_first / tw_msg_next - the live fields of a known name, in order.
 * returns: NULL when there is none (any more). */
TW_API struct tw_hdr *tw_msg_first(struct tw_msg *msg, enum tw_hdr_id id);
TW_API struct tw_hdr *tw_msg_next(struct tw_msg *msg, struct tw_hdr *after);
/** tw_msg_find - the next live field called `name` (any case), after
 * `after` (NULL: the first). */
TW_API struct tw_hdr *tw_msg_find(struct tw_msg *msg, struct tw_str name,
    struct tw_hdr *after);

static inline struct tw_str
tw_hdr_value(const struct tw_hdr *h)
{
	return (struct tw_str){ h->value, h->value_len };
}

/* The sender speaks HTTP/1.0, or 0.9. */
static inline bool
tw_msg_is_http10(const struct tw_msg *msg)
{
	return msg->major <= 1 && msg->minor == 0;
}

/** tw_msg_add - appends a field. in: name and value must live until RESET
 * (literals, generation memory, the request's arena). returns: 0, or -1 when
 * there are TW_MAX_HDR fields already. */
TW_API int tw_msg_add(struct tw_msg *msg, struct tw_str name, struct tw_str value);
/** tw_msg_set_value - replaces one field's value; lifetime as in tw_msg_add. */
TW_API void tw_msg_set_value(struct tw_msg *msg, struct tw_hdr *h, struct tw_str value);
/** tw_msg_del - removes one field. */
TW_API void tw_msg_del(struct tw_msg *msg, struct tw_hdr *h);
/** tw_msg_set_target - replaces the request target; lifetime as above. */
TW_API void tw_msg_set_target(struct tw_msg *msg, struct tw_str target);
/** tw_hdr_id - the id of a field name; TW_H_OTHER when it has none. */
TW_API enum tw_hdr_id tw_hdr_id(struct tw_str name);
/** tw_method_of - the method of a token. */
TW_API enum tw_method tw_method_of(struct tw_str token);
/** tw_msg_path / tw_msg_query - parts of the target; the query without '?'. */
TW_API struct tw_str tw_msg_path(const struct tw_msg *msg);
TW_API struct tw_str tw_msg_query(const struct tw_msg *msg);

/* A URI in the absolute form: scheme "://" authority pathq. */
struct tw_uri {
	struct tw_str scheme;
	struct tw_str authority; /* user information and '@' included; may be empty */
	struct tw_str pathq;     /* path and query: empty, or from '/' or '?' on */
};
/** tw_uri_split - cuts it; what the parts are made of is not checked, an empty scheme
 * is one, too. out: uri, borrows text; an empty part still has its place there.
 * returns: false: another form: nothing, what begins with '/', or no "//" behind the
 * first ':'; uri is left alone. source: RFC 3986, section 3. context: any. */
TW_API bool tw_uri_split(struct tw_str text, struct tw_uri *uri);
/** tw_authority_host - host and port, what stands behind the last '@'; borrows. */
TW_API struct tw_str tw_authority_host(struct tw_str authority);
/** tw_status_reason - the reason phrase of RFC 9110 for a status. */
TW_API const char *tw_status_reason(int status);

#endif

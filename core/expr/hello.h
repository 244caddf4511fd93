/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * expr/hello.h - what the first bytes of a connection say: TLS, RDP, HTTP.
 */
#ifndef TW_EXPR_HELLO_H
#define TW_EXPR_HELLO_H

#include <tideway/str.h>

enum tw__seen {
	TW__SEEN_ALL,
	TW__SEEN_PART, /* it may become one when more bytes come */
	TW__SEEN_NOT,
};

/* A TLS hello; slices of the input, p NULL: not there. */
struct tw__hello {
	uint8_t type;        /* 1: of a client, 2: of a server */
	uint32_t version;    /* major << 16 | minor, as the hello says */
	struct tw_str ciphers;
	struct tw_str sni;   /* the host name */
	struct tw_str alpn;  /* names, each behind its length */
	struct tw_str groups, key_shares, sigalgs; /* lists as sent */
	bool has_groups;     /* supported_groups (elliptic curves) */
	bool has_ticket;
	size_t ticket_len;
};

/** tw__hello_parse - the first record. context: any; pure.
 * source: RFC 5246, RFC 8446, RFC 6066, RFC 7301; SSL 2 hellos as in RFC 5246,
 * appendix E. */
enum tw__seen tw__hello_parse(struct tw_str in, struct tw__hello *h);

/** tw__rdp_parse - the connection request of RDP and the cookie in it. out: name
 * and value: empty when it has none. source: MS-RDPBCGR, 2.2.1.1. */
enum tw__seen tw__rdp_parse(struct tw_str in, struct tw_str *name,
    struct tw_str *value);

/** tw__http_seen - do the bytes begin with a whole request head? */
enum tw__seen tw__http_seen(struct tw_str in);

#endif

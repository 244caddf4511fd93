/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * watch.h - what a connection keeps of its handshake, for fetches.
 */
#ifndef MODULE_TLS_WATCH_H
#define MODULE_TLS_WATCH_H

#include "tls.h"

/* Labels of the log of keys. source: the NSS key log format. */
#define TLS_KEY_LABELS(X)                  \
	X(CLIENT_EARLY_TRAFFIC_SECRET)     \
	X(CLIENT_HANDSHAKE_TRAFFIC_SECRET) \
	X(CLIENT_TRAFFIC_SECRET_0)         \
	X(EARLY_EXPORTER_SECRET)           \
	X(EXPORTER_SECRET)                 \
	X(SERVER_HANDSHAKE_TRAFFIC_SECRET) \
	X(SERVER_TRAFFIC_SECRET_0)

enum tls_key {
#define X(label) TLS_KEY_##label,
	TLS_KEY_LABELS(X)
#undef X
	    TLS_N_KEYS
};

struct tls_keys {
	char secret[TLS_N_KEYS][2 * EVP_MAX_MD_SIZE + 1]; /* "": not seen */
};

/* What is kept of a client's hello, one behind the other in one buffer. */
enum tls_hello_part {
	TLS_HELLO_CIPHERS,
	TLS_HELLO_EXTENSIONS, /* their types */
	TLS_HELLO_GROUPS,
	TLS_HELLO_FORMATS, /* of elliptic curve points */
	TLS_HELLO_VERSIONS,
	TLS_HELLO_SIGALGS,
	TLS_N_HELLO_PARTS
};

struct tls_hello {
	uint16_t version;
	bool hashed; /* xxh is there */
	int64_t xxh; /* of the whole list of ciphers */
	uint16_t len[TLS_N_HELLO_PARTS];
	unsigned char data[];
};

/* A hello's parts as they stand in the message. */
struct tls_hello_slices {
	uint16_t version;
	struct tw_str extensions;              /* all of them with what is in them */
	struct tw_str part[TLS_N_HELLO_PARTS]; /* of EXTENSIONS: empty */
};

/** tls__hello_parse - in: msg, the handshake message with its header of four
 * bytes. returns: false: it is no whole ClientHello. source: RFC 8446, 4.1.2. */
bool tls__hello_parse(struct tw_str msg, struct tls_hello_slices *out);
/** tls__hello_keep - in: room, bytes for all parts together; what does not fit is
 * left out. returns: owned by the caller, free(); NULL: out of memory. */
struct tls_hello *tls__hello_keep(const struct tls_hello_slices *s, uint32_t room);
/** tls__hello_part - borrow. */
struct tw_str tls__hello_part(const struct tls_hello *h, enum tls_hello_part part);
/** tls__is_grease - source: RFC 8701. */
static inline bool
tls__is_grease(unsigned v)
{
	return (v & 0x0f0f) == 0x0a0a && v >> 8 == (v & 0xff);
}

#endif

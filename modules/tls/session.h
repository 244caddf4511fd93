/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * session.h - sessions that clients resume: which lines take which, and the
 * cache of those that clients have no ticket for.
 */
#ifndef MODULE_TLS_SESSION_H
#define MODULE_TLS_SESSION_H

#include "tls.h"

#define TLS_SESSION_BLOCKS 20000u /* tune.ssl.cachesize */
#define TLS_SESSION_LIFETIME_S 300u

/** tls__session_use - a listener's context resumes sessions: call it when the
 * authorities that verify clients are loaded. */
void tls__session_use(
    SSL_CTX *ctx, const struct tls_gen *g, const struct tls_opts *opts);
/** tls__session_start - the cache is there, with the generation's size. */
int tls__session_start(struct tw_gen *gen, struct tw_err *err);

#define TLS_SESSION_CONTEXT 32

/** tls__session_context - of a line that verifies clients with the store: sessions
 * are resumed only where it is the same. */
void tls__session_context(const struct tls_opts *opts, X509_STORE *store,
    unsigned char out[TLS_SESSION_CONTEXT]);

/* --- the cache (session_cache.c); context: any thread --- */

#define TLS_SESSION_ID 32
#define TLS_SESSION_BYTES 16384 /* of one session at most */

/** tls__cache_resize - in: blocks of 256 bytes; 0: none are kept. Sessions that
 * have no room any more go. returns: -1: out of memory. context: control. */
int tls__cache_resize(uint32_t blocks);
void tls__cache_put(struct tw_str id, struct tw_str session, uint64_t end_s);
/** tls__cache_get - out: to, TLS_SESSION_BYTES. returns: bytes; 0: not there. */
size_t tls__cache_get(struct tw_str id, uint64_t now_s, char *to);
void tls__cache_del(struct tw_str id);

struct tls_cache_count {
	uint64_t lookups, misses;
	uint32_t blocks; /* in use */
};
struct tls_cache_count tls__cache_count(void);

#endif

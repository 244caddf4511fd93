/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * early.h - early data (0-RTT): a client's bytes before its handshake is complete.
 *
 * tls__early(), for fetches, is in tls.h; so is early_ever (ssl_fc_early_rcvd).
 */
#ifndef MODULE_TLS_EARLY_H
#define MODULE_TLS_EARLY_H

#include "tls.h"

/* A connection's, from begin until its handshake is complete and the bytes that
 * came before have been read. */
struct tls_early {
	struct tls_left left; /* came, and was not read */
	bool ended;           /* no more will come: the handshake's rest */
	bool complete;        /* the handshake is */
	/* towards a server (server_early.c): left holds what was sent until it is known
	 * to be taken */
	SSL_SESSION *session; /* owns a reference: what is resumed */
	uint32_t most;        /* bytes that the session allows */
	uint32_t sent;        /* of them, gone early */
};

/** tls__early_use - the context takes early data when the line says so. */
void tls__early_use(SSL_CTX *ctx, struct tw_gen *gen, const struct tls_opts *opts);
/** tls__early_switch - the same for a connection that goes on with another context. */
void tls__early_switch(SSL *ssl, SSL_CTX *ctx, const struct tls_opts *opts);
int tls__early_start(struct tw_gen *gen, struct tw_err *err);

/* transport.c's, for a connection that has st->early */

/** tls__early_begin - of a connection whose line takes it. returns: false: out of
 * memory. */
bool tls__early_begin(struct tls_state *st);
void tls__early_free(struct tls_state *st);
/** tls__early_accept - in place of SSL_do_handshake(): also 1 when bytes came. */
int tls__early_accept(struct tls_stage *sg, struct tls_state *st);
/** tls__early_recv - returns: OK with *n 0: the handshake is complete, and
 * SSL_read() goes on. */
enum tw_io tls__early_recv(
    struct tls_stage *sg, struct tls_state *st, struct iovec to, size_t *n);
/** tls__early_complete - reads on until the handshake is complete; bytes wait. */
enum tw_io tls__early_complete(struct tls_stage *sg, struct tls_state *st);
/** tls__early_holds - bytes wait. */
bool tls__early_holds(const struct tls_state *st);

/** tls__early_write - in place of SSL_write_ex(). */
int tls__early_write(SSL *ssl, const void *p, size_t len, size_t *n);

/* --- towards servers (server_early.c) --- */

/** tls__server_early - the connection begins with it, when the session that is resumed
 * and the request allow that. */
void tls__server_early(
    struct tls_state *st, const struct tw_start *start, SSL_SESSION *session);
/** tls__server_early_write - sends the first bytes early, and keeps them. */
int tls__server_early_write(struct tls_state *st, const void *p, size_t len, size_t *n);
/** tls__server_early_step - the handshake goes on. returns: OK: it is complete, and
 * the server has, or will have, what was sent. */
enum tw_io tls__server_early_step(struct tls_stage *sg, struct tls_state *st);
/** tls__early_hold - in: io, of a flush. returns: AGAIN: more waits, for the
 * handshake. */
enum tw_io tls__early_hold(struct tls_state *st, enum tw_io io);
/** tls__alpn_of - the protocol agreed upon, or that will be. out: p NULL: none. */
void tls__alpn_of(const struct tls_state *st, const unsigned char **p, unsigned *len);

/* --- the request's header --- */

tw_hook_fn tls_early_on_request;
bool tls_early_wants(const struct tw_proxy *px);

/* --- replays (early_seen.c); context: any thread --- */

#define TLS_EARLY_RANDOM 32
/* OpenSSL takes early data when the ticket's age is the one that the client tells,
 * give or take ten seconds: longer a ClientHello is of no use. */
#define TLS_EARLY_WINDOW_S 20u

/** tls__early_seen_init - room for what is seen. returns: -1: out of memory. */
int tls__early_seen_init(void);
/** tls__early_is_first - in: random, of the ClientHello. returns: false: it was
 * seen within the window, or there is no room to know. */
bool tls__early_is_first(const unsigned char random[TLS_EARLY_RANDOM], uint64_t now_s);

#endif

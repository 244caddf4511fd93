/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * server.h - TLS towards servers: what their lines say, and the sessions that
 * are resumed.
 */
#ifndef MODULE_TLS_SERVER_H
#define MODULE_TLS_SERVER_H

#include "tls.h"

/* A server line's block. */
struct tls_server {
	struct tls_opts opts;   /* first: the setters write here */
	struct tls_side side;   /* ctx NULL: nobody needs one */
	/* shared: tells its sessions from all others', and from those of before */
	_Atomic uint64_t serial;
	struct tw_server *srv;  /* set by check() */
	const char *crt;        /* gen: the client certificate's file; NULL: none */
	const char *verifyhost; /* gen: the name to verify without a server name */
	struct tw_expr *sni;    /* gen: whom the server shall take itself for; NULL */
	bool offered;           /* `ssl` was said, perhaps in default-server only */
	bool no_sni_auto;
	bool sni_is_auto; /* sni is made of the Host field */
	bool no_reuse;
	bool tickets; /* tls-tickets, whatever the defaults are */
	struct tls_cert *cert; /* owns a reference: what it shows; NULL: none */
	/* shared; owns a reference: in place of the context's; NULL: that one */
	_Atomic(struct tls_cert *) instead;
};

static inline struct tls_server *
tls_server_of(const struct tw_server *srv)
{
	return tw_server_block(srv, tls_self);
}

/* --- server.c --- */

/** tls__servers_check - all servers of a generation. returns: -1 when reported. */
int tls__servers_check(struct tw_gen *gen);
/** tls__server_check - of a server that is being added. */
int tls__server_check(struct tw_server *srv, struct tw_err *err);
/** tls__server_prepare - the transport's prepare(). */
int tls__server_prepare(struct tw_server *srv, void **conf, struct tw_err *err);

/** tls__server_serial - gives it a serial that none had. */
void tls__server_serial(struct tls_server *ts);

/* --- server_crt.c --- */

/** tls__server_crt_use - what its `crt` names, in its context. */
int tls__server_crt_use(struct tw_gen *gen, struct tls_server *ts, struct tw_err *err);
/** tls__server_crt_apply - a connection shows what was changed since the context was
 * made. returns: false: out of memory. context: worker. */
bool tls__server_crt_apply(SSL *ssl, const struct tls_server *ts);
/** tls__servers_showing - how many show the certificate. */
int tls__servers_showing(struct tw_gen *gen, const struct tls_cert *cert);
/** tls__servers_try - OpenSSL takes `cert` for all that show `was`. */
int tls__servers_try(struct tw_gen *gen, const struct tls_cert *was,
    const struct tls_cert *cert, struct tw_err *err);
/** tls__servers_show - they do so from now on: in new connections, which alone are
 * used for requests to come. */
void tls__servers_show(
    struct tw_gen *gen, const struct tls_cert *was, struct tls_cert *cert);
/** tls__servers_trust - the CA or CRL file has changed: those that verify with it do
 * not use connections that exist for requests to come. */
void tls__servers_trust(struct tw_gen *gen, const char *file);

/* --- server_pp.c --- */

/** tls__tlvs - the transport's tlvs(). */
void tls__tlvs(const void *state, unsigned what, struct tw_out *out);

/* --- server_conn.c --- */

int tls__server_load(void);
/** tls__server_begin - what the handshake begins with: name, session. returns:
 * false: out of memory. */
bool tls__server_begin(struct tls_state *st, const struct tw_start *start);
/** tls__server_failed - the session that was offered is not offered again. */
void tls__server_failed(struct tls_state *st);
/** tls__server_hooks - callbacks of a server's context. */
void tls__server_hooks(SSL_CTX *ctx, const struct tls_server *ts);

/* --- server_sess.c: sessions of the calling thread --- */

struct tls_sess_key {
	uint64_t serial;     /* the server's */
	struct tw_addr addr; /* where it is */
	struct tw_str name;  /* what it was asked for, verified as that */
	uint64_t trust;      /* tls__trust_number() */
};
/** tls__sess_find - borrow: until the next call. NULL: none. */
SSL_SESSION *tls__sess_find(const struct tls_sess_key *key);
/** tls__sess_set - takes the reference. returns: false: it did not. */
bool tls__sess_set(const struct tls_sess_key *key, SSL_SESSION *session);
void tls__sess_forget(const struct tls_sess_key *key);
/** tls__sess_free_all - the thread ends. */
void tls__sess_free_all(void);

/* --- ca_dir.c --- */

bool tls__is_dir(const char *path);
/** tls__ca_dir - loads what files of a directory hold: .pem, .crt, .cer, .crl.
 * in: names, of the authorities, to be appended to; NULL: not wanted. */
int tls__ca_dir(X509_STORE *store, const char *dir, STACK_OF(X509_NAME) * names,
    struct tw_err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * tls.h - what the files of the module share.
 *
 * A bind or server line has a block that begins with struct tls_opts, so that
 * the keywords both sides have are one entry of one table. check() makes an
 * SSL_CTX of it (ctx.c) and gives the line's struct tls_side to the core as
 * the transport's configuration; transport.c knows no more of a line than
 * that. A connection has one struct tls_state, which tls_state_of() finds.
 *
 * Tables (keywords, counters, ...) are assembled in tls_mod.c, one #include
 * "x.def" for each file that brings some.
 */
#ifndef MODULE_TLS_H
#define MODULE_TLS_H

#include <stdatomic.h>

#include <openssl/ssl.h>

#include <tideway/conf.h>
#include <tideway/module.h>
#include <tideway/proxy.h>
#include <tideway/req.h>
#include <tideway/stats.h>
#include <tideway/transport.h>
#include <tideway/worker.h>

#include "ocsp_conf.h"

extern const struct tw_self *tls_self;
extern const struct tw_transport tls_transports[];
#define tls_transport (tls_transports[0])

/* --- options --- */

enum tls_verify {
	TLS_VERIFY_UNSET,
	TLS_VERIFY_NONE,
	TLS_VERIFY_OPTIONAL,
	TLS_VERIFY_REQUIRED,
};

/* Versions as bits, for no_versions. */
enum { TLS_NO_SSL3 = 1, TLS_NO_10 = 2, TLS_NO_11 = 4, TLS_NO_12 = 8, TLS_NO_13 = 16 };

/* X509_V_ERR_* numbers that do not end a handshake. */
struct tls_errset {
	uint64_t bits[2];
};

/* Protocol options. Zeroed: nothing was said, and what `global` says holds.
 * Strings live as long as the generation; NULL: not said. */
struct tls_opts {
	bool ssl;                   /* the line says so */
	bool prefer_client_ciphers;
	bool no_tickets;
	bool no_ca_names;
	bool no_alpn;
	bool strict_sni, no_strict_sni;
	uint8_t verify;             /* enum tls_verify */
	uint8_t no_versions;        /* TLS_NO_* */
	int min_ver, max_ver;       /* TLS1_2_VERSION and so on; 0: not said */
	const char *ciphers, *ciphersuites, *curves, *sigalgs, *client_sigalgs;
	const char *ca_file, *ca_verify_file, *crl_file;
	const char *alpn;           /* wire format; NULL: not said */
	uint32_t alpn_len;
	struct tls_errset ca_ignore, crt_ignore;
	bool allow_0rtt;            /* early data is taken; towards a server: sent */
	bool ktls;                  /* the kernel makes the records that are sent */
};

/* The global section. */
struct tls_gen {
	struct tls_opts bind;       /* ssl-default-bind-* */
	struct tls_opts server;     /* ssl-default-server-* */
	const char *ca_base, *crt_base; /* NULL: none */
	const char *dh_file;        /* ssl-dh-param-file */
	uint32_t default_dh;        /* tune.ssl.default-dh-param; 0: not said */
	uint32_t cachesize;         /* tune.ssl.cachesize, plus 1; 0: not said */
	uint32_t lifetime_s;        /* tune.ssl.lifetime; 0: not said */
	uint32_t maxrecord;         /* tune.ssl.maxrecord; 0: as much as fits */
	uint32_t hard_maxrecord;    /* tune.ssl.hard-maxrecord; 0: 16384 */
	bool private_cache;         /* tune.ssl.force-private-cache */
	struct tls_store *store;    /* owns: the certificates of all lines */
	int store_rc;               /* tls__certs_begin()'s answer */
	bool plain_certs;           /* tune.ssl.certificate-compression off */
	bool openssl_records;       /* tune.ssl.record-layer openssl */
	bool noktls;                /* no line's ktls holds */
	bool ktls;                  /* one's does; set by check() */
	struct tls_shared *shared;  /* owns: what they have in common */
	struct tls_list *lists;     /* certs.h */
	struct tls_certs *lines;
	struct tls_crt_load *loads; /* crt_store.h */
	struct tls_issuers *issuers; /* certs_chain.c; NULL: none */
	const char *key_base;       /* NULL: none */
	uint32_t extras;            /* ssl-load-extra-files: TLS_EXTRA_*, if ... */
	bool extras_said;
	bool extras_del_ext, skip_self_issued;
	uint32_t forged_size;       /* tune.ssl.ssl-ctx-cache-size, plus 1 */
	uint32_t capture;           /* tune.ssl.capture-buffer-size; 0: off */
	bool keylog;                /* tune.ssl.keylog */
	/* shared: atomic; fetches ask for connections to servers (keep.c); a script may
	 * come to it late */
	atomic_bool keep_servers;
	struct tls_ocsp_conf ocsp;  /* ocsp-update.* and who uses what */
	struct tls_ca *cas;         /* owns: ctl_trust.h */
	uint32_t ticket_rotation_ms; /* tune.ssl.ticket-rotation; 0: not said */
	uint32_t maxsslconn, maxsslrate; /* 0: no limit */
	_Atomic(struct tls_expiry *) expiry; /* shared; owns: expiry.h */
};

struct tls_state;
struct tls_cert;
struct tls_certs;

/* What transport.c needs of a line. Filled by check(). */
struct tls_side {
	struct tw_gen *gen;         /* whose line it is: connections hold it */
	SSL_CTX *ctx;               /* owns one reference, until the generation ends */
	const struct tls_opts *opts;
	uint32_t max_record;        /* bytes of payload in a record */
	bool own_records, kernel_records; /* seal.c, kernel.c make them if they can */
	bool can_13, can_rsa, can_ecdsa; /* TLS 1.3; with TLS 1.2 ciphers */
	const struct tls_server *server; /* NULL: a listener's */
	uint32_t first_record;      /* the same until much has followed; 0: no other */
	uint32_t idle_ms;           /* silence, before it holds again; 0: never */
	struct tls_ticket_keys *keys; /* set by start(): the process's */
	bool early;                 /* a listener's: early data may be taken, by its line
	                             * or one of its crt-list */
};

/* A bind line's block. */
struct tls_bind {
	struct tls_opts opts;       /* first: the setters write here */
	struct tls_side side;
	const struct tw_bind *bind; /* set by check() */
	struct tls_certs *certs;    /* gen: certs.h; NULL: nothing was said */
	const char *crt;            /* gen: the file; certs.c's until the store is there */
	const char *ticket_file;    /* gen; NULL: keys are made here */
	const struct tls_keyring *ticket_ring; /* gen: what that had */
};

struct tls_gen *tls_gen_of(struct tw_gen *gen);
struct tls_bind *tls_bind_of(const struct tw_bind *bind);

/* --- contexts (ctx.c) --- */

/** tls__ctx_new - a context with the protocol options of the line, and of
 * `global` where the line says nothing; certificates are the caller's.
 * in: is_listener, else a server's. returns: NULL with the reason. */
SSL_CTX *tls__ctx_new(struct tw_gen *gen, const struct tls_opts *opts,
    bool is_listener, struct tw_err *err);
/** tls__ctx_keep - freed when the generation ends. */
void tls__ctx_keep(struct tw_gen *gen, SSL_CTX *ctx);
/** tls__file - `name` in the directory `base` unless it is absolute. gen */
const char *tls__file(struct tw_gen *gen, const char *base, const char *name);
/** tls__ssl_error - OpenSSL's last words, and clears its queue. returns: err's -1. */
int tls__ssl_error(struct tw_err *err, const char *what, const char *word);
/** tls__x509_code - of X509_V_ERR_...; -1: there is no such name. */
int tls__x509_code(const char *name);
bool tls__errset_has(const struct tls_errset *set, int code);
/** tls__alpn_has - in: list, protocols in wire format. */
bool tls__alpn_has(struct tw_str list, struct tw_str name);
/** tls__alpn_default - what a bind line without alpn offers: the loaded codecs'.
 * in: out, room for 255. returns: bytes in wire format. */
uint32_t tls__alpn_default(const struct tw_proxy *px, unsigned char *out);

/* --- certificates of a bind line (bind_crt.c) --- */

/** tls__bind_certs - loads what `crt` and its like name, and tb->side.ctx chooses
 * from it. Called by check(), once for each line. returns: -1 after tw_gen_fail(). */
int tls__bind_certs(
    const struct tw_proxy *px, const struct tw_bind *bind, struct tls_bind *tb);
/** tls__bind_same - a copy of a line that is ready gets that line's side: clients
 * may resume on any of its addresses. returns: false: the line is still to do. */
bool tls__bind_same(struct tls_bind *tb);
/** tls__state_certs_free - what the handshake's choice holds. */
void tls__state_certs_free(struct tls_state *st);

/* --- connections (transport.c, bio.c) --- */

/** tls__side_records - what makes them, and what tune.ssl.maxrecord and its
 * like say. in: side->opts. out: side */
void tls__side_records(struct tls_side *side, struct tw_gen *gen);

#define TLS_STATE_MAGIC 0x7c5e57a7u

/* Bytes of ours that wait. */
struct tls_left {
	char *p; /* owns; NULL: none */
	uint32_t off, len;
};

/* seal.c: what makes the records towards the peer. */
#define TLS_SEAL_IV 12u
#define TLS_SEAL_HEAD 5u
#define TLS_SEAL_MORE (TLS_SEAL_HEAD + 1u + 16u) /* a record has, beside its payload */
struct tls_seal {
	struct evp_cipher_ctx_st *ctx; /* owns; NULL: OpenSSL makes them */
	uint64_t seq;                  /* of the next record */
	unsigned char iv[TLS_SEAL_IV];
};

struct tls_state {
	uint32_t magic;
	int fd;
	struct tw_conn *conn;        /* borrow; NULL: a health check */
	SSL *ssl;                    /* owns; its app data is this state */
	const struct tls_side *side; /* gen */
	const char *why;             /* static: what went wrong; NULL: nothing */
	struct tls_left in;          /* ciphertext read, not yet taken by OpenSSL */
	struct tls_left out;         /* ciphertext for which the socket had no room; with
	                              * kernel: OpenSSL's messages, in clear */
	struct tls_seal seal;
	struct tls_kernel *kernel;   /* owns: kernel.c; NULL: not the kernel's */
	uint8_t clear_type;          /* of what OpenSSL writes next, in clear; 0: data */
	bool is_server;              /* towards a server */
	bool established;            /* the handshake is complete */
	bool failed;                 /* no more use */
	bool eof;                    /* the socket is at its end */
	bool drained;                /* the last recv() of this call came back short */
	bool waits;                  /* OpenSSL was told to wait for the socket */
	bool lazy;                   /* what waits in out may go with the next bytes */
	bool last;                   /* nothing will follow, but FIN */
	bool renegotiates;
	uint32_t flow;               /* bytes sent without a pause, if first_record */
	uint64_t sent_ms;            /* the last of them */
	int err;                     /* errno of the socket; 0: none */
	unsigned long ssl_err;       /* ERR_get_error() of the failed handshake */
	struct tls_cert *cert;       /* owns a reference: what we show; NULL: none */
	bool sni_matched;            /* it is there because of the client's name */
	/* What the peer's certificate gave (watch.c). */
	uint16_t crt_err, ca_err;    /* X509_V_ERR_*, the first of each; 0: none */
	uint16_t ca_err_depth;
	bool crt_seen;               /* one came in this handshake */
	X509 *bad_crt;               /* owns; that which did not hold; NULL: none */
	struct tls_hello *hello;     /* owns; NULL: not captured (watch.c) */
	struct tls_keys *keys;       /* owns; NULL: none seen (watch.c) */
	struct tw_req *req;          /* server side: whose handshake it is; NULL: done */
	struct tls_early *early;     /* owns; NULL: all early data was read, or none is
	                              * taken */
	bool early_ever;             /* some was */
	bool early_now;              /* and the handshake is not complete; towards a
	                              * server: some was, or will be, sent */
};

/** tls_state_of - of a connection. returns: NULL: it is not (yet) TLS. */
static inline struct tls_state *
tls_state_of(const struct tw_conn *conn)
{
	return conn == NULL ? NULL : tw_conn_transport(conn, &tls_transport);
}

/** tls_state_of_ssl - in OpenSSL's callbacks. */
static inline struct tls_state *
tls_state_of_ssl(const SSL *ssl)
{
	return SSL_get_app_data(ssl);
}

/** tls__early - early data came (towards a server: goes) and the handshake is not
 * complete: it may be a replay.
 * in: st NULL: no TLS. */
static inline bool
tls__early(const struct tls_state *st)
{
	return st != NULL && st->early_now;
}

/** tls__established - a handshake is complete: counts it. */
void tls__established(struct tls_state *st);

/* The calling thread's buffers: one send() for many records. */
#define TLS_STAGE_OUT (72u << 10)
#define TLS_RECORD 16384u

struct tls_stage {
	uint32_t out_len;
	bool direct;                 /* the next record is the last: send at once */
	char out[TLS_STAGE_OUT];
	char gather[TLS_RECORD];
};

/** tls__stage - returns: NULL: out of memory. */
struct tls_stage *tls__stage(void);
void tls__stage_free(void);
/** tls__stage_enter - before OpenSSL is called for st. */
void tls__stage_enter(struct tls_stage *sg, struct tls_state *st);
/** tls__stage_flush - what OpenSSL wrote goes to the socket, or waits in st->out.
 * returns: AGAIN: something waits; ERR. */
enum tw_io tls__stage_flush(struct tls_stage *sg, struct tls_state *st);
/** tls__stage_room - in sg->out, for `len` bytes. returns: NULL: it failed. */
char *tls__stage_room(struct tls_stage *sg, struct tls_state *st, size_t len);
/** tls__writes_clear - OpenSSL does not make the records that are sent. */
static inline bool
tls__writes_clear(const struct tls_state *st)
{
	return st->seal.ctx != NULL || st->kernel != NULL;
}
/** tls__session_began - Unix time, seconds. */
static inline uint64_t
tls__session_began(const SSL_SESSION *session)
{
#if OPENSSL_VERSION_NUMBER >= 0x30400000L
	return (uint64_t)SSL_SESSION_get_time_ex(session);
#else
	return (uint64_t)SSL_SESSION_get_time(session);
#endif
}
/** tls__pending - bytes are here that OpenSSL has not handed on, be they a whole
 * record or not. */
static inline bool
tls__pending(const struct tls_state *st)
{
	return SSL_has_pending(st->ssl) || st->in.p != NULL;
}
/** tls__held_flush - sends st->out. */
enum tw_io tls__held_flush(struct tls_state *st);
void tls__left_free(struct tls_left *left);
bool tls__left_set(struct tls_left *left, const char *p, size_t len);
/** tls__bio_new - what a connection's SSL reads and writes with. */
BIO *tls__bio_new(struct tls_state *st);
int tls__bio_load(void);
/** tls__keys_wanted - if tls__keys_late: the version is agreed upon. */
void tls__keys_wanted(struct tls_state *st);
/* This OpenSSL gives us the keys; when it is told so in the handshake (ctx.c). */
extern bool tls__gives_keys, tls__keys_late;
void tls__seal_load(void);
/** tls__seal_begin - in: info, the kernel's struct tls_crypto_info and what follows
 * it. returns: false: OpenSSL goes on. */
bool tls__seal_begin(struct tls_seal *s, const void *info);
/** tls__seal - makes a record of a type (SSL3_RT_*). in: p, may stand in out behind
 * the header. out: len + TLS_SEAL_MORE bytes. returns: false: the cipher failed. */
bool tls__seal(struct tls_seal *s, uint8_t type, const char *p, size_t len, char *out);
void tls__seal_end(struct tls_seal *s);
/** tls__memory_load - OpenSSL's record buffers are kept for the next one (memory.c). */
void tls__memory_load(void);
/** tls__memory_free - the calling thread's; it ends. */
void tls__memory_free(void);

/* --- what fetches will ask for (watch.c) --- */

/** tls__watch_ctx - connections made with it keep what tune.ssl.* ask for. */
void tls__watch_ctx(SSL_CTX *ctx, const struct tls_gen *g, bool is_listener);
/** tls__watch_verify - in the callback that verifies: one certificate was looked
 * at. */
void tls__watch_verify(struct tls_state *st, int ok, X509_STORE_CTX *store);
/** tls__watch_free - with the connection. */
void tls__watch_free(struct tls_state *st);

/** tls__keep_failed - a handshake with a server came to nothing: its request
 * keeps what fetches will ask for, as the connection goes (keep.c). */
void tls__keep_failed(struct tls_state *st);

/* --- counters --- */

enum tls_cnt {
#define X(id, name, help) TLS_CNT_##id,
#include "counters.def"
#undef X
	TLS_N_CNT
};

static inline void
tls_count(enum tls_cnt id)
{
	tw_count(tls_self, (int)id, 1);
}

#endif

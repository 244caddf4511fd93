/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fetch.h - what the files of fetches share.
 *
 * A fetch is a row of a fetch_*.def; rows of one file have their functions in the
 * .c of the same name. What a value borrows lives as long as the connection, or
 * until RESET.
 */
#ifndef MODULE_TLS_FETCH_H
#define MODULE_TLS_FETCH_H

#include <tideway/expr.h>
#include <tideway/mux.h>

#include "tls.h"

/* Where a value can be had; in check rules there is no client. */
#define TLS_AT_CLIENT (TW_AT_ANY & ~TW_AT_CHECK)
#define TLS_AT_SERVER (TW_AT_RESPONSE | TW_AT_LOG)

typedef int tls_check_fn(
    struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err);

#define F(name, args, out, where, check, help) TW_GET_FN(tls__get_##name);
#include "fetch_cert.def"
#include "fetch_conn.def"
#include "fetch_hello.def"
#include "fetch_keys.def"
#undef F

extern const struct tw_fetch tls_fetches[];
extern const struct tw_logvar tls_logvars[];
extern const struct tw_conv tls_convs[];

tls_check_fn tls__check_npn; /* there is none any more */
tls_check_fn tls__check_dn;
tls_check_fn tls__check_server; /* the same for what asks for servers (keep.c) */
tls_check_fn tls__check_server_dn;
tls_check_fn tls__check_grease;
tls_check_fn tls__check_xxh;

#define TLS_GET(name) TW_GET_FN(tls__get_##name)

/* Of several exchanges on one connection, each has that one's. */
static inline struct tls_state *
tls__carried(struct tw_conn *conn)
{
	return conn == NULL ? NULL : tls_state_of(tw_stream_carrier(conn));
}

static inline struct tls_state *
tls__client(const struct tw_req *req)
{
	return tls__carried(tw_req_conn(req));
}

/** tls__client_ssl - returns: NULL: the client does not speak TLS. */
static inline SSL *
tls__client_ssl(const struct tw_req *req)
{
	const struct tls_state *const st = tls__client(req);

	return st == NULL ? NULL : st->ssl;
}

/* A connection to a server, or what its request has kept of it. */
struct tls_server_seen {
	SSL *ssl;                    /* borrow; NULL: it is not TLS */
	unsigned long err;           /* of OpenSSL; 0: none */
	const struct tls_keys *keys; /* NULL: none */
};

/* What a request keeps (its block). */
struct tls_req {
	struct tls_server_seen *server; /* arena; NULL: nothing */
	bool early; /* it came as early data, and was passed on before the handshake was
	             * complete */
};

/** tls__server - context: worker. */
struct tls_server_seen tls__server(struct tw_req *req);
/** tls_on_send - hook; tls_wants_send - some fetch asks for servers' TLS. */
tw_hook_fn tls_on_send;
bool tls_wants_send(const struct tw_proxy *px);

static inline SSL *
tls__server_ssl(struct tw_req *req)
{
	return tls__server(req).ssl;
}

static inline bool
tls__give(struct tw_sample *out, enum tw_type type, const void *p, size_t len)
{
	return tw_sample_str(out, type, (struct tw_str){ p, len }) && p != NULL;
}

static inline bool
tls__give_z(struct tw_sample *out, const char *z)
{
	return z != NULL && tls__give(out, TW_STRING, z, strlen(z));
}

/** tls__dn_out - a name. in: args, of ssl_c_s_dn and its like: entry, occurrence,
 * format. out: mem, room for `room` bytes. returns: bytes; -1: there is no such
 * entry, or it does not fit. */
int tls__dn_out(
    const X509_NAME *name, const struct tw_arg_val *args, char *mem, size_t room);
/** tls__time_text - "YYMMDDhhmmss" and "Z". returns: false: another century, or
 * broken. out: borrow of `t`. */
bool tls__time_text(const ASN1_TIME *t, struct tw_str *out);

#endif

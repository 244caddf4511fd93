/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * server_conn.c - one handshake with a server: its name, its certificate, the
 * session that is resumed.
 *
 * The name that the server is asked for must be in its certificate; when it was
 * asked for none, `verifyhost` must. What was verified is not verified again when
 * a session is resumed: sessions are kept by that name. Worker threads; the
 * control thread for health checks.
 */
#include <arpa/inet.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <tideway/expr.h>
#include <tideway/text.h>

#include "ctl_trust.h"
#include "early.h"
#include "server.h"

/* What a connection began with; goes with its SSL. */
struct peer {
	struct tw_addr addr;
	uint64_t serial, trust;
	size_t len;
	char name[]; /* NUL-terminated; "": none */
};

static int peer_at; /* its index in an SSL; set once */

static void
peer_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
	(void)parent;
	(void)ad;
	(void)idx;
	(void)argl;
	(void)argp;
	free(ptr);
}

int
tls__server_load(void)
{
	peer_at = SSL_get_ex_new_index(0, NULL, NULL, NULL, peer_free);
	return peer_at < 0 ? -1 : 0;
}

static const struct peer *
peer_of(const SSL *ssl)
{
	return SSL_get_ex_data(ssl, peer_at);
}

static struct tls_sess_key
key_of(const struct peer *peer)
{
	return (struct tls_sess_key){ peer->serial, peer->addr,
		{ peer->name, peer->len }, peer->trust };
}

/* --- the name --- */

static struct tw_str
name_of(const struct tls_server *ts, const struct tw_start *start)
{
	struct tw_sample s;

	if (start->req == NULL)
		return start->name;
	if (ts->sni == NULL || !tw_expr_eval(ts->sni, start->req, &s) ||
	    !tw_sample_cast(start->req, &s, TW_STRING))
		return (struct tw_str){ NULL, 0 };
	return s.u.str;
}

/* A name ends where a C string does; addresses are none (RFC 6066, section 3),
 * which the host of a request may be. */
static void
name_tell(SSL *ssl, const struct peer *peer, bool is_auto)
{
	unsigned char ip[4];
	const bool is_ip = is_auto &&
	    (peer->name[0] == '[' || inet_pton(AF_INET, peer->name, ip) == 1);

	if (peer->len > 0 && !is_ip && !SSL_set_tlsext_host_name(ssl, peer->name))
		ERR_clear_error(); /* too long: no certificate has it either */
}

static const struct peer *
peer_new(struct tls_state *st, struct tw_str name)
{
	const size_t len = name.len == 0 ? 0 : strnlen(name.p, name.len);
	struct peer *const peer = malloc(sizeof(*peer) + len + 1);

	if (peer == NULL)
		return NULL;
	/* before what it stands for: sessions of what came meanwhile are not found */
	peer->serial = atomic_load(&st->side->server->serial);
	peer->addr = *tw_server_addr(st->side->server->srv);
	peer->trust = tls__trust_number(st->side->ctx);
	peer->len = len;
	if (len > 0)
		memcpy(peer->name, name.p, len);
	peer->name[len] = '\0';
	if (!SSL_set_ex_data(st->ssl, peer_at, peer)) {
		free(peer);
		return NULL;
	}
	return peer;
}

bool
tls__server_begin(struct tls_state *st, const struct tw_start *start)
{
	const struct tls_server *const ts = st->side->server;
	const struct peer *const peer = peer_new(st, name_of(ts, start));
	struct tls_sess_key key;
	SSL_SESSION *session;

	if (peer == NULL || !tls__server_crt_apply(st->ssl, ts))
		return false;
	name_tell(st->ssl, peer, start->req != NULL && ts->sni_is_auto);
	if (start->alpn.p != NULL &&
	    SSL_set_alpn_protos(st->ssl, (const unsigned char *)start->alpn.p,
		(unsigned)start->alpn.len) != 0)
		return false;
	if (ts->no_reuse)
		return true;
	key = key_of(peer);
	session = tls__sess_find(&key);
	if (session != NULL && !SSL_set_session(st->ssl, session)) {
		ERR_clear_error();
		return true;
	}
	if (session != NULL && ts->opts.allow_0rtt)
		tls__server_early(st, start, session);
	return true;
}

/* --- sessions --- */

static int
session_new(SSL *ssl, SSL_SESSION *session)
{
	const struct tls_state *const st = tls_state_of_ssl(ssl);
	const struct peer *const peer = peer_of(ssl);

	if (st == NULL || peer == NULL || !SSL_SESSION_is_resumable(session))
		return 0;
	const struct tls_sess_key key = key_of(peer);
	return tls__sess_set(&key, session);
}

void
tls__server_failed(struct tls_state *st)
{
	const struct peer *const peer = peer_of(st->ssl);

	if (peer == NULL)
		return;
	const struct tls_sess_key key = key_of(peer);
	tls__sess_forget(&key);
}

/* --- the certificate --- */

/* For OpenSSL a name that begins with a dot has all names below it: a Host field
 * may say so, a server is one of them. */
static bool
has_name(X509 *leaf, const char *name, size_t len)
{
	return (name[0] != '.' &&
		   X509_check_host(leaf, name, len,
		       X509_CHECK_FLAG_ALWAYS_CHECK_SUBJECT, NULL) == 1) ||
	    X509_check_ip_asc(leaf, name, 0) == 1;
}

/* source: HAProxy's manual, verify, and its words. */
static const char *
name_wrong(const SSL *ssl, const struct tls_server *ts, X509 *leaf)
{
	const struct peer *const peer = peer_of(ssl);

	if (peer->len > 0)
		return has_name(leaf, peer->name, peer->len)
		    ? NULL
		    : "Server presented an SSL certificate different from the expected "
		      "one";
	if (ts->verifyhost == NULL ||
	    has_name(leaf, ts->verifyhost, strlen(ts->verifyhost)))
		return NULL;
	return "Server presented an SSL certificate different from the configured one";
}

static int
verify(int ok, X509_STORE_CTX *store)
{
	const SSL *const ssl =
	    X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls_state *const st = tls_state_of_ssl(ssl);

	if (!ok || st == NULL || X509_STORE_CTX_get_error_depth(store) != 0)
		return ok;
	st->why =
	    name_wrong(ssl, st->side->server, X509_STORE_CTX_get_current_cert(store));
	if (st->why == NULL)
		return 1;
	X509_STORE_CTX_set_error(store, X509_V_ERR_HOSTNAME_MISMATCH);
	return 0;
}

void
tls__server_hooks(SSL_CTX *ctx, const struct tls_server *ts)
{
	SSL_CTX_set_verify(ctx, SSL_CTX_get_verify_mode(ctx),
	    ts->opts.verify == TLS_VERIFY_NONE ? NULL : verify);
	if (ts->tickets && !ts->opts.no_tickets)
		SSL_CTX_clear_options(ctx, SSL_OP_NO_TICKET);
	if (ts->no_reuse) {
		SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
		return;
	}
	SSL_CTX_set_session_cache_mode(
	    ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, session_new);
}

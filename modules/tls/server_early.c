/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * server_early.c - early data towards a server: what is sent first goes with the
 * ClientHello of a resumed session.
 *
 * Nothing is sent until the first bytes are there; these leave in one piece with the
 * hello, as far as the session allows, and are kept. All that follows waits for the
 * handshake: so what was not asked whether it may come twice never does. A server
 * that did not take them gets the same bytes again, behind the handshake: it has not
 * looked at them (RFC 8446, 4.2.10). Where it may speak another protocol now, or an
 * older TLS, the connection is of no use, and the flow begins another one. Worker
 * threads.
 */
#include <time.h>

#include <openssl/err.h>

#include "early.h"
#include "kernel.h"
#include "fetch.h"
#include "server.h"

/* --- may it begin so? --- */

/* in: list, p NULL: the server's own. */
static bool
is_offered(const struct tls_state *st, struct tw_str list, struct tw_str name)
{
	const struct tls_opts *const o = st->side->opts;

	if (list.p == NULL)
		list = (struct tw_str){ o->alpn, o->alpn_len };
	return name.len == 0 || tls__alpn_has(list, name);
}

static struct tw_str
session_alpn(const SSL_SESSION *session)
{
	const unsigned char *p = NULL;
	size_t len = 0;

	SSL_SESSION_get0_alpn_selected(session, &p, &len);
	return (struct tw_str){ (const char *)p, len };
}

/* OpenSSL leaves out a ticket that is too old, but not the early data. */
static bool
is_fresh(const SSL_SESSION *session)
{
	const uint64_t began = tls__session_began(session);
	const uint64_t hint = SSL_SESSION_get_ticket_lifetime_hint(session);
	const uint64_t own = (uint64_t)SSL_SESSION_get_timeout(session);
	const uint64_t now = (uint64_t)time(NULL);

	return now >= began && now - began < (hint < own ? hint : own);
}

/* What the session was made for has to hold for this connection as well. */
static bool
is_fit(const struct tls_state *st, const struct tw_start *start,
    const SSL_SESSION *session)
{
	const char *const name = SSL_SESSION_get0_hostname(session);
	const char *const told = SSL_get_servername(st->ssl, TLSEXT_NAMETYPE_host_name);

	return SSL_SESSION_get_max_early_data(session) > 0 &&
	    SSL_SESSION_is_resumable(session) && is_fresh(session) &&
	    SSL_SESSION_get_protocol_version(session) == TLS1_3_VERSION &&
	    (name == NULL || (told != NULL && strcmp(name, told) == 0)) &&
	    is_offered(st, start->alpn, session_alpn(session));
}

static bool
is_allowed(const struct tw_start *start)
{
	const struct tls_req *r;

	if (start->req == NULL || start->first == TW_FIRST_WAITS)
		return false;
	r = tw_req_block(start->req, tls_self);
	return start->first == TW_FIRST_EARLY || r->early ||
	    tls__early(tls_state_of(tw_req_conn(start->req)));
}

void
tls__server_early(
    struct tls_state *st, const struct tw_start *start, SSL_SESSION *session)
{
	if (!is_allowed(start) || !is_fit(st, start, session) || !tls__early_begin(st))
		return;
	SSL_SESSION_up_ref(session);
	st->early->session = session;
	st->early->most = SSL_SESSION_get_max_early_data(session);
	st->early_now = true;
	tw_conn_early(st->conn, TW_EARLY_BEGINS);
	st->req = NULL; /* a connection that carries streams may outlive it */
}

/* --- sending --- */

/* returns: 1; 0: the connection failed. */
static int
write_first(struct tls_state *st, const char *p, size_t len)
{
	struct tls_early *const e = st->early;
	size_t n = e->most - e->sent;

	if (n > len)
		n = len;
	if (n == 0 || e->ended)
		return 1;
	tls__stage()->direct = false; /* with the hello */
	if (SSL_write_early_data(st->ssl, p, n, &n) != 1)
		return 0;
	if (e->sent == 0)
		tls_count(TLS_CNT_SERVER_EARLY);
	e->sent += (uint32_t)n;
	return 1;
}

int
tls__server_early_write(struct tls_state *st, const void *p, size_t len, size_t *n)
{
	ERR_clear_error();
	if (write_first(st, p, len) != 1 || !tls__left_set(&st->early->left, p, len)) {
		tls__server_failed(st);
		if (st->early->sent == 0) /* nor was the hello */
			tw_conn_early(st->conn, TW_EARLY_REFUSED);
		return 0;
	}
	tw_conn_holds(st->conn, true);
	*n = len;
	return 1;
}

enum tw_io
tls__early_hold(struct tls_state *st, enum tw_io io)
{
	if (io != TW_IO_OK || !st->is_server || !tls__early_holds(st))
		return io;
	tw_conn_holds(st->conn, true);
	return TW_IO_AGAIN;
}

/* --- the handshake's rest --- */

void
tls__alpn_of(const struct tls_state *st, const unsigned char **p, unsigned *len)
{
	if (TW_LIKELY(st->early == NULL) || st->early->session == NULL) {
		SSL_get0_alpn_selected(st->ssl, p, len);
		return;
	}
	const struct tw_str name = session_alpn(st->early->session);
	*p = (const unsigned char *)name.p;
	*len = (unsigned)name.len;
}

/* What was sent is in words that the other side does not speak any more. */
static bool
speaks_other(const struct tls_state *st)
{
	const struct tw_server *const srv = st->side->server->srv;
	const struct tw_str before = session_alpn(st->early->session);
	const unsigned char *p = NULL;
	unsigned len = 0;

	SSL_get0_alpn_selected(st->ssl, &p, &len);
	return tw_proxy_mode(tw_server_proxy(srv)) == TW_MODE_HTTP &&
	    !tw_str_eq(before, (struct tw_str){ (const char *)p, len });
}

/* The server answers in an older TLS, or with an alert at once; or it is further than
 * where it would have said that it takes them. */
static bool
is_refused(const struct tls_state *st)
{
	if (SSL_get_early_data_status(st->ssl) == SSL_EARLY_DATA_ACCEPTED)
		return false;
	if (SSL_version(st->ssl) < TLS1_3_VERSION)
		return true;
	switch (SSL_get_state(st->ssl)) {
	case TLS_ST_CW_CLNT_HELLO:
	case TLS_ST_EARLY_DATA:
		return ERR_GET_REASON(st->ssl_err) > SSL_AD_REASON_OFFSET;
	case TLS_ST_CR_CERT:
	case TLS_ST_CR_CERT_REQ:
	case TLS_ST_CR_CERT_VRFY:
	case TLS_ST_CR_FINISHED:
		return true;
	default:
		return false;
	}
}

static enum tw_io
failed(struct tls_stage *sg, struct tls_state *st, const char *why, bool refused)
{
	tls_count(TLS_CNT_SERVER_FAILED);
	if (st->why == NULL)
		st->why = why;
	tls__server_failed(st);
	(void)tls__stage_flush(sg, st); /* the alert */
	st->failed = true;
	if (refused)
		tw_conn_early(st->conn, TW_EARLY_REFUSED);
	ERR_clear_error();
	return TW_IO_ERR;
}

static bool
write_rest(struct tls_state *st, size_t off)
{
	const struct tls_left *const all = &st->early->left;
	size_t done;

	while (off < all->len) {
		const size_t rest = all->len - off;

		if (SSL_write_ex(st->ssl, all->p + off,
			rest < st->side->max_record ? rest : st->side->max_record,
			&done) != 1 ||
		    (st->kernel != NULL && tls__kernel_flush(st) == TW_IO_ERR))
			return false;
		off += done;
	}
	return true;
}

static enum tw_io
complete(struct tls_stage *sg, struct tls_state *st)
{
	const uint32_t sent = st->early->sent;
	const bool taken =
	    SSL_get_early_data_status(st->ssl) == SSL_EARLY_DATA_ACCEPTED;

	if (!taken && sent > 0)
		tls_count(TLS_CNT_SERVER_EARLY_REJECTED);
	if (!taken && speaks_other(st))
		return failed(sg, st, "Server refused early data", true);
	tls__established(st);
	st->early_now = false;
	if (!write_rest(st, taken ? sent : 0)) {
		st->failed = true;
		return TW_IO_ERR;
	}
	tls__early_free(st);
	tw_conn_holds(st->conn, st->out.p != NULL);
	tw_conn_early(st->conn,
	    sent == 0   ? TW_EARLY_NONE
		: taken ? TW_EARLY_TAKEN
			: TW_EARLY_REPEATED);
	return TW_IO_OK;
}

enum tw_io
tls__server_early_step(struct tls_stage *sg, struct tls_state *st)
{
	ERR_clear_error();
	st->early->ended = true; /* what follows waits */
	const int rc = SSL_do_handshake(st->ssl);

	if (rc == 1)
		return complete(sg, st);
	switch (SSL_get_error(st->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return TW_IO_AGAIN;
	default:
		st->ssl_err = ERR_peek_error();
		return failed(sg, st, "SSL handshake failure", is_refused(st));
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * transport.c - TLS under a connection.
 *
 * Nothing blocks: OpenSSL works on memory (bio.c), and what it wrote leaves in
 * one send() when it is done. The head and body of an answer become one record;
 * of a long write several records leave together. Renegotiation is refused,
 * records with next to nothing in them end a read early, so that none keeps a
 * worker busy. Worker threads; the control thread for health checks.
 */
#include <errno.h>
#include <stdlib.h>

#include <openssl/err.h>

#include "server.h"
#include "early.h"
#include "kernel.h"
#include "limits.h"
#include "tls.h"

#define TINY_RECORDS 64u /* of one read, that together ... */
#define TINY_BYTES 4096u /* ... have less than this */
#define IN_FULL_FLOW (3u * TLS_RECORD)

static void
state_free(struct tls_state *st)
{
	SSL_free(st->ssl);
	tls__state_certs_free(st);
	tls__left_free(&st->in);
	tls__left_free(&st->out);
	tls__seal_end(&st->seal);
	tls__kernel_end(st);
	tls__watch_free(st);
	tls__early_free(st);
	if (st->is_server)
		tls__limits_end();
	tw_gen_release(st->side->gen);
	st->magic = 0;
	free(st);
}

static bool
state_make_ssl(struct tls_state *st)
{
	BIO *bio;

	st->ssl = SSL_new(st->side->ctx);
	if (st->ssl == NULL)
		return false;
	bio = tls__bio_new(st);
	if (bio == NULL)
		return false;
	SSL_set_bio(st->ssl, bio, bio);
	SSL_set_app_data(st->ssl, st);
	if (st->is_server)
		SSL_set_connect_state(st->ssl);
	else
		SSL_set_accept_state(st->ssl);
	return !st->side->early || tls__early_begin(st);
}

static void *
tls_begin(struct tw_conn *conn, const struct tw_start *start)
{
	struct tls_state *st;

	if (start->is_server && !tls__limits_begin())
		return NULL;
	st = calloc(1, sizeof(*st));
	if (st == NULL) {
		if (start->is_server)
			tls__limits_end();
		return NULL;
	}
	tw_gen_hold(((const struct tls_side *)start->conf)->gen);
	*st = (struct tls_state){
		.magic = TLS_STATE_MAGIC,
		.fd = start->fd,
		.conn = conn,
		.side = start->conf,
		.is_server = start->is_server,
		.req = start->req,
	};
	if (tls__stage() == NULL || !state_make_ssl(st) ||
	    !tls__left_set(&st->in, start->early.p, start->early.len) ||
	    (st->is_server && !tls__server_begin(st, start))) {
		ERR_clear_error();
		state_free(st);
		return NULL;
	}
	return st;
}

/* --- the handshake --- */

static bool
is_clear_text(unsigned long e)
{
	const int reason = ERR_GET_REASON(e);

	return ERR_GET_LIB(e) == ERR_LIB_SSL &&
	    (reason == SSL_R_HTTP_REQUEST || reason == SSL_R_HTTPS_PROXY_REQUEST ||
		reason == SSL_R_WRONG_VERSION_NUMBER);
}

static const char *
failure_words(const struct tls_state *st, int how)
{
	if (st->why != NULL)
		return st->why;
	if (how != SSL_ERROR_SSL && !st->is_server &&
	    SSL_get_state(st->ssl) == TLS_ST_BEFORE)
		return st->err == 0 ? "Connection closed during SSL handshake"
				    : "Connection error during SSL handshake";
	return "SSL handshake failure";
}

static enum tw_io
handshake_failed(struct tls_stage *sg, struct tls_state *st, int how)
{
	st->ssl_err = ERR_peek_error();
	if (is_clear_text(st->ssl_err) && !st->is_server)
		tls_count(TLS_CNT_CLEAR_TEXT);
	tls_count(st->is_server ? TLS_CNT_SERVER_FAILED : TLS_CNT_CLIENT_FAILED);
	st->why = failure_words(st, how);
	if (st->is_server)
		tls__server_failed(st);
	(void)tls__stage_flush(sg, st); /* the alert */
	st->failed = true;
	tls__keep_failed(st);
	return TW_IO_ERR;
}

void
tls__established(struct tls_state *st)
{
	st->established = true;
	st->req = NULL;
	tls_count(st->is_server ? TLS_CNT_SERVER_OK : TLS_CNT_CLIENT_OK);
	tls__limits_done(st->is_server, SSL_session_reused(st->ssl));
	if (SSL_session_reused(st->ssl))
		tls_count(
		    st->is_server ? TLS_CNT_SERVER_RESUMED : TLS_CNT_CLIENT_RESUMED);
}

/* The client's first request mostly stands behind its Finished: the tickets of
 * TLS 1.3 then go with the answer. What TLS 1.2 sends last is waited for. */
static void
be_lazy(struct tls_stage *sg, struct tls_state *st)
{
	if (st->is_server || !tls__pending(st) || SSL_version(st->ssl) < TLS1_3_VERSION)
		return;
	if (st->kernel != NULL) {
		st->lazy = st->out.p != NULL;
	} else if (sg->out_len > 0 && st->out.p == NULL &&
	    tls__left_set(&st->out, sg->out, sg->out_len)) {
		sg->out_len = 0;
		st->lazy = true;
	}
}

static enum tw_io
handshake_done(struct tls_stage *sg, struct tls_state *st)
{
	if (st->early != NULL) /* bytes came, the rest will */
		return tls__stage_flush(sg, st) == TW_IO_ERR ? TW_IO_ERR : TW_IO_OK;
	tls__established(st);
	be_lazy(sg, st);
	if (tls__stage_flush(sg, st) == TW_IO_ERR)
		return TW_IO_ERR;
	if (tls__pending(st))
		return TW_IO_OK;
	(void)SSL_free_buffers(st->ssl); /* the next bytes may take their time */
	return TW_IO_OK;
}

static enum tw_io
tls_handshake(struct tw_conn *conn, void *state)
{
	struct tls_state *const st = state;
	struct tls_stage *const sg = tls__stage();

	(void)conn;
	if (st->failed || sg == NULL)
		return TW_IO_ERR;
	if (st->out.p != NULL) {
		const enum tw_io io = tls__held_flush(st);

		if (io != TW_IO_OK)
			return io;
	}
	tls__stage_enter(sg, st);
	ERR_clear_error();
	const int rc =
	    st->early != NULL ? tls__early_accept(sg, st) : SSL_do_handshake(st->ssl);
	if (rc == 1)
		return handshake_done(sg, st);
	const int how = SSL_get_error(st->ssl, rc);
	switch (how) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
	case SSL_ERROR_WANT_CLIENT_HELLO_CB:
	case SSL_ERROR_WANT_X509_LOOKUP:
		if (tls__stage_flush(sg, st) != TW_IO_ERR)
			return TW_IO_AGAIN;
		/* FALLTHROUGH */
	default:
		handshake_failed(sg, st, how);
		ERR_clear_error();
		return TW_IO_ERR;
	}
}

/* --- reading --- */

/* OpenSSL's queue of errors may hold those of others: it is not asked. */
static enum tw_io
recv_failed(struct tls_state *st)
{
	if (st->waits)
		return TW_IO_AGAIN;
	if (!SSL_in_init(st->ssl) && st->err == 0 && /* no fatal alert */
	    (SSL_get_shutdown(st->ssl) & SSL_RECEIVED_SHUTDOWN) != 0)
		return TW_IO_END;
	st->failed = true;
	st->ssl_err = ERR_peek_error();
	ERR_clear_error();
	if (st->eof && st->err == 0)
		return TW_IO_END;
	if (st->why == NULL)
		st->why = "SSL fatal error";
	return TW_IO_ERR;
}

/* Record after record, as long as there is room and ciphertext. */
static enum tw_io
recv_records(struct tls_state *st, char *p, size_t len, size_t *n)
{
	size_t got = 0;
	unsigned records = 0;

	while (*n < len) {
		if (SSL_read_ex(st->ssl, p + *n, len - *n, &got) != 1)
			return recv_failed(st);
		*n += got;
		if (++records == TINY_RECORDS && *n < TINY_BYTES) {
			tls_count(TLS_CNT_TINY);
			return TW_IO_OK;
		}
		if (!tls__pending(st))
			break;
	}
	return TW_IO_OK;
}

/* RFC 8446, 4.6.3: before the next record. OpenSSL does that in SSL_write(), which is
 * not called where others make the records. */
static bool
key_update_answered(struct tls_state *st)
{
	if (TW_LIKELY(!tls__writes_clear(st) || st->failed ||
		SSL_get_key_update_type(st->ssl) == SSL_KEY_UPDATE_NONE))
		return true;
	if (st->kernel != NULL)
		tls__kernel_refuse_key(st);
	else if (SSL_key_update(st->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 &&
	    SSL_do_handshake(st->ssl) == 1)
		return true;
	return false;
}

/* of OpenSSL's own, made while it read */
static bool
has_messages(const struct tls_stage *sg, const struct tls_state *st)
{
	return sg->out_len > 0 ||
	    (st->kernel != NULL && st->out.p != NULL && !st->lazy);
}

static enum tw_io
tls_recv(struct tw_conn *conn, void *state, void *p, size_t len, size_t *n)
{
	struct tls_state *const st = state;
	struct tls_stage *const sg = tls__stage();
	enum tw_io io;

	*n = 0;
	if (sg == NULL || (st->failed && !st->eof))
		return TW_IO_ERR;
	if (st->failed)
		return st->err == 0 ? TW_IO_END : TW_IO_ERR;
	tls__stage_enter(sg, st);
	io = TW_LIKELY(st->early == NULL)
	    ? TW_IO_OK
	    : tls__early_recv(sg, st, (struct iovec){ p, len }, n);
	if (io == TW_IO_OK && st->early == NULL)
		io = recv_records(st, p, len, n);
	if (TW_UNLIKELY(st->renegotiates) || !key_update_answered(st))
		io = TW_IO_ERR;
	if (has_messages(sg, st) && tls__stage_flush(sg, st) == TW_IO_ERR)
		io = TW_IO_ERR;
	if (TW_UNLIKELY(io == TW_IO_ERR)) {
		st->failed = true;
		return io;
	}
	if (*n == 0)
		return io;
	/* what is left of a record needs more of the socket; an end that came with the
	 * bytes is told by the next call */
	if (conn != NULL && st->drained && io != TW_IO_END &&
	    (io == TW_IO_AGAIN || !tls__pending(st)) && !tls__early_holds(st))
		tw_conn_drained(conn);
	return TW_IO_OK;
}

/* --- writing --- */

/* A browser can begin with a record only when it is complete: the first ones are
 * small. A stream in full flow is better served with large ones. */
void
tls__side_records(struct tls_side *side, struct tw_gen *gen)
{
	struct tls_gen *const g = tls_gen_of(gen);

	side->own_records = tls__gives_keys && !g->openssl_records;
	side->kernel_records = side->opts->ktls && !g->noktls;
	g->ktls |= side->kernel_records;
	side->max_record = g->hard_maxrecord != 0 && g->hard_maxrecord < TLS_RECORD
	    ? g->hard_maxrecord
	    : TLS_RECORD;
	side->first_record = g->maxrecord < side->max_record ? g->maxrecord : 0;
	side->idle_ms = tw_gen_idle_ms(gen);
}

static uint32_t
record_most(struct tls_state *st)
{
	const struct tls_side *const side = st->side;

	if (TW_LIKELY(side->first_record == 0))
		return side->max_record;
	if (side->idle_ms != 0 && tw_now_ms() - st->sent_ms >= side->idle_ms)
		st->flow = 0;
	st->sent_ms = tw_now_ms();
	return st->flow < IN_FULL_FLOW ? side->first_record : side->max_record;
}

struct source {
	const struct iovec *iov;
	int n_iov;
	size_t off;  /* in iov[0] */
	size_t left; /* in all of them */
};

/* The next `len` bytes in one piece: as they stand, or gathered. */
static const char *
source_take(struct source *src, char *gather, size_t len)
{
	const char *const whole = (const char *)src->iov->iov_base + src->off;
	const bool is_whole = src->iov->iov_len - src->off >= len;
	size_t have = 0;

	while (have < len) {
		const size_t rest = src->iov->iov_len - src->off;
		const size_t part = rest < len - have ? rest : len - have;

		if (!is_whole)
			memcpy(gather + have,
			    (const char *)src->iov->iov_base + src->off, part);
		have += part;
		src->off += part;
		if (src->off == src->iov->iov_len) {
			src->iov++;
			src->n_iov--;
			src->off = 0;
		}
	}
	src->left -= len;
	return is_whole ? whole : gather;
}

static struct source
source_of(const struct iovec *iov, int n_iov)
{
	struct source src = { iov, n_iov, 0, 0 };

	for (int i = 0; i < n_iov; i++)
		src.left += iov[i].iov_len;
	while (src.n_iov > 0 && src.iov->iov_len == 0) {
		src.iov++;
		src.n_iov--;
	}
	return src;
}

static bool
openssl_record(
    struct tls_stage *sg, struct tls_state *st, struct source *src, size_t len)
{
	const char *const p = source_take(src, sg->gather, len);
	size_t done;

	sg->direct = src->left == 0;
	return (tls__early(st) ? tls__early_write : SSL_write_ex)(
		   st->ssl, p, len, &done) == 1 &&
	    done == len;
}

static bool
sealed_record(
    struct tls_stage *sg, struct tls_state *st, struct source *src, size_t len)
{
	char *const out = tls__stage_room(sg, st, len + TLS_SEAL_MORE);

	if (out == NULL)
		return false;
	const char *const p = source_take(src, out + TLS_SEAL_HEAD, len);
	if (!tls__seal(&st->seal, SSL3_RT_APPLICATION_DATA, p, len, out))
		return false;
	sg->out_len += (uint32_t)(len + TLS_SEAL_MORE);
	return true;
}

static enum tw_io
send_records(struct tls_stage *sg, struct tls_state *st, struct source *src, size_t *n)
{
	const uint32_t most = record_most(st);
	const bool sealed = st->seal.ctx != NULL && !tls__early(st);

	while (src->left > 0 && (st->out.p == NULL || st->lazy)) {
		const size_t len = src->left < most ? src->left : most;

		if (!(sealed ? sealed_record : openssl_record)(sg, st, src, len) ||
		    (st->kernel != NULL && tls__kernel_flush(st) == TW_IO_ERR))
			return TW_IO_ERR;
		*n += len;
	}
	if (st->flow < IN_FULL_FLOW)
		st->flow += (uint32_t)*n;
	return TW_IO_OK;
}

/* The kernel cuts those of the usual size itself. */
static enum tw_io
kernel_records(struct tls_stage *sg, struct tls_state *st, const struct iovec *iov,
    int n_iov, size_t *n)
{
	const uint32_t most = record_most(st);
	struct source src = source_of(iov, n_iov);
	enum tw_io io = TW_IO_OK;

	if (most == TLS_RECORD)
		io = tls__kernel_send(st, iov, n_iov, n);
	while (most < TLS_RECORD && io == TW_IO_OK && src.left > 0) {
		const size_t len = src.left < most ? src.left : most;
		struct iovec one = { NULL, len };

		one.iov_base = (char *)(uintptr_t)source_take(&src, sg->gather, len);
		io = tls__kernel_send(st, &one, 1, n);
	}
	if (st->flow < IN_FULL_FLOW)
		st->flow += (uint32_t)*n;
	return io;
}

static enum tw_io
send_failed(struct tls_state *st)
{
	if (st->ssl_err == 0)
		st->ssl_err = ERR_peek_error();
	ERR_clear_error();
	st->failed = true;
	errno = st->err != 0 ? st->err : EPIPE;
	return TW_IO_ERR;
}

static enum tw_io
tls_send(
    struct tw_conn *conn, void *state, const struct iovec *iov, int n_iov, size_t *n)
{
	struct tls_state *const st = state;
	struct tls_stage *const sg = tls__stage();
	struct source src = source_of(iov, n_iov);

	(void)conn;
	*n = 0;
	if (sg == NULL || st->failed)
		return send_failed(st);
	if (st->out.p != NULL && (!st->lazy || st->kernel != NULL)) {
		const enum tw_io io = tls__held_flush(st);

		if (io != TW_IO_OK)
			return io == TW_IO_ERR ? send_failed(st) : io;
	}
	tls__stage_enter(sg, st);
	if (st->kernel != NULL && !tls__early(st)) {
		const enum tw_io io = kernel_records(sg, st, iov, n_iov, n);

		return io == TW_IO_ERR ? send_failed(st) : io;
	}
	if (send_records(sg, st, &src, n) == TW_IO_ERR)
		return send_failed(st);
	sg->direct = false;
	return tls__stage_flush(sg, st) == TW_IO_ERR ? send_failed(st) : TW_IO_OK;
}

static enum tw_io
tls_flush(struct tw_conn *conn, void *state)
{
	struct tls_state *const st = state;
	enum tw_io io = tls__early_hold(st, tls__held_flush(st));

	if (io == TW_IO_OK && st->last && !tls__kernel_settle(st)) {
		tw_conn_holds(conn, true);
		io = TW_IO_AGAIN;
	}
	return io == TW_IO_ERR ? send_failed(st) : io;
}

/* --- the end --- */

static enum tw_io
tls_complete(struct tw_conn *conn, void *state)
{
	struct tls_state *const st = state;
	struct tls_stage *const sg = tls__stage();
	enum tw_io io;

	if (sg == NULL || st->failed)
		return TW_IO_ERR;
	if (!tls__early(st))
		return TW_IO_OK;
	tls__stage_enter(sg, st);
	io = tls__early_complete(sg, st);
	if (tls__stage_flush(sg, st) == TW_IO_ERR)
		io = TW_IO_ERR;
	if (conn != NULL && (tls__early_holds(st) || tls__pending(st)))
		tw_conn_fed(conn);
	return io;
}

/* The alert leaves together with the FIN that is to follow, if that may. Before the
 * handshake is complete OpenSSL sends none. */
static void
tls_shut(struct tw_conn *conn, void *state)
{
	struct tls_state *const st = state;
	struct tls_stage *const sg = tls__stage();

	if (tls__early(st))
		(void)tls_complete(conn, st);
	if (st->failed || !st->established || sg == NULL ||
	    (SSL_get_shutdown(st->ssl) & SSL_SENT_SHUTDOWN) != 0)
		return;
	tls__stage_enter(sg, st);
	st->last = true;
	(void)SSL_shutdown(st->ssl);
	ERR_clear_error();
	(void)tls__stage_flush(sg, st);
	if (st->out.p != NULL)
		(void)tls__held_flush(st);
	if (st->out.p == NULL && !tls__kernel_settle(st))
		tw_conn_holds(conn, true);
}

/* A session that ended without the peer's alert may be resumed all the same. */
static void
tls_fini(struct tw_conn *conn, void *state)
{
	struct tls_state *const st = state;

	(void)conn;
	if (st->established && (!st->failed || st->eof))
		SSL_set_shutdown(st->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	if (!st->established && !st->failed && !tls__early(st)) /* it took too long */
		tls_count(
		    st->is_server ? TLS_CNT_SERVER_FAILED : TLS_CNT_CLIENT_FAILED);
	if (st->req != NULL) /* a handshake that took too long */
		tls__keep_failed(st);
	state_free(st);
	ERR_clear_error();
}

static bool
tls_splices(const void *state)
{
	const struct tls_state *const st = state;

	return st->kernel != NULL && st->out.p == NULL && !tls__early(st) &&
	    st->side->first_record == 0 && st->side->max_record == TLS_RECORD;
}

static void
tls_spliced(void *state, uint64_t n)
{
	tls__kernel_spliced(state, n);
}

static struct tw_str
tls_alpn(const void *state)
{
	const struct tls_state *const st = state;
	const unsigned char *p = NULL;
	unsigned len = 0;

	tls__alpn_of(st, &p, &len);
	return (struct tw_str){ (const char *)p, len };
}

static bool
tls_offers(const void *conf, struct tw_str alpn)
{
	const struct tls_side *const side = conf;

	return tls__alpn_has(
	    (struct tw_str){ side->opts->alpn, side->opts->alpn_len }, alpn);
}

static const char *
tls_why(const void *state)
{
	const struct tls_state *const st = state;

	return st->why;
}

const struct tw_transport tls_transports[] = {
	{
	    .name = "tls",
	    .begin = tls_begin,
	    .handshake = tls_handshake,
	    .recv = tls_recv,
	    .send = tls_send,
	    .flush = tls_flush,
	    .shut = tls_shut,
	    .fini = tls_fini,
	    .splices = tls_splices,
	    .spliced = tls_spliced,
	    .alpn = tls_alpn,
	    .offers = tls_offers,
	    .why = tls_why,
	    .prepare = tls__server_prepare,
	    .accepted = tls__limits_accepted,
	    .closed = tls__limits_closed,
	    .places = tls__limits_places,
	    .complete = tls_complete,
	    .tlvs = tls__tlvs,
	},
	{ .name = NULL },
};

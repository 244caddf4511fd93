/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * early.c - early data: what a client that resumes sends with its ClientHello.
 *
 * The handshake step ends when there are such bytes, and the flow reads them as
 * any others; reading goes on with the handshake behind them. Answers may leave
 * before it is complete. Anyone may send a recorded ClientHello again: it is taken
 * once (early_seen.c), and servers are told by a header, so that they may refuse
 * with 425. Tickets stay stateless, which is why OpenSSL's own protection, a cache
 * of each context, is off. source: RFC 8446, 2.3 and 8; RFC 8470.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include <openssl/err.h>

#include "early.h"
#include "fetch.h"
#include "ticket.h"

static uint64_t start_s; /* of the process; control thread, before any connection */

/* --- contexts (control thread) --- */

/* Who took part of what before this process began, nobody knows any more: tickets
 * of a file's keys may be as old. */
static bool
is_known(const struct tls_side *side, uint64_t now_s)
{
	return side->keys == NULL || side->keys->file == NULL ||
	    now_s - start_s >= TLS_EARLY_WINDOW_S;
}

/* OpenSSL asks when all else is in order. returns: 0: the client has to wait for
 * the handshake, and sends them again. */
static int
is_allowed(SSL *ssl, void *arg)
{
	const struct tls_state *const st = tls_state_of_ssl(ssl);
	const uint64_t now_s = tw_turn_us() / 1000000;
	unsigned char random[TLS_EARLY_RANDOM] = { 0 };

	(void)arg;
	if (st == NULL || st->early == NULL)
		return 0;
	if (SSL_get_client_random(ssl, random, sizeof(random)) == sizeof(random) &&
	    is_known(st->side, now_s) && tls__early_is_first(random, now_s))
		return 1;
	tls_count(TLS_CNT_EARLY_REFUSED);
	return 0;
}

/* As much as a buffer holds beside what rules add, as HAProxy has it. */
static uint32_t
most(const struct tw_gen *gen)
{
	const uint32_t size = tw_gen_bufsize(gen);

	return size > 2048 ? size - 1024 : size / 2;
}

void
tls__early_use(SSL_CTX *ctx, struct tw_gen *gen, const struct tls_opts *opts)
{
	if (!opts->allow_0rtt)
		return;
	SSL_CTX_set_options(ctx, SSL_OP_NO_ANTI_REPLAY);
	SSL_CTX_set_max_early_data(ctx, most(gen));
	SSL_CTX_set_recv_max_early_data(ctx, most(gen));
	SSL_CTX_set_allow_early_data_cb(ctx, is_allowed, NULL);
}

/* A line of a crt-list may take it where the others do not. */
void
tls__early_switch(SSL *ssl, SSL_CTX *ctx, const struct tls_opts *opts)
{
	SSL_set_max_early_data(ssl, SSL_CTX_get_max_early_data(ctx));
	SSL_set_recv_max_early_data(ssl, SSL_CTX_get_recv_max_early_data(ctx));
	SSL_set_allow_early_data_cb(ssl, opts->allow_0rtt ? is_allowed : NULL, NULL);
}

int
tls__early_start(struct tw_gen *gen, struct tw_err *err)
{
	const struct tw_proxy *px;

	if (start_s == 0)
		start_s = tw_now_us() / 1000000;
	for (int i = 0; (px = tw_gen_proxy(gen, i)) != NULL; i++)
		if (tls_early_wants(px) && tls__early_seen_init() < 0)
			return tw_err_set(err, "no memory for 'allow-0rtt'");
	return 0;
}

/* --- a connection (its worker) --- */

bool
tls__early_begin(struct tls_state *st)
{
	st->early = calloc(1, sizeof(*st->early));
	return st->early != NULL;
}

void
tls__early_free(struct tls_state *st)
{
	if (st->early == NULL)
		return;
	tls__left_free(&st->early->left);
	SSL_SESSION_free(st->early->session);
	free(st->early);
	st->early = NULL;
}

bool
tls__early_holds(const struct tls_state *st)
{
	return st->early != NULL && st->early->left.p != NULL;
}

static void
came(struct tls_state *st)
{
	if (!st->early_ever)
		tls_count(TLS_CNT_EARLY);
	st->early_ever = st->early_now = true;
}

/* One record of early data, or a step of the handshake. returns: as
 * SSL_do_handshake(); 1 with n 0: it is complete. */
static int
step(struct tls_state *st, void *p, size_t len, size_t *n)
{
	struct tls_early *const e = st->early;

	*n = 0;
	while (!e->ended) {
		switch (SSL_read_early_data(st->ssl, p, len, n)) {
		case SSL_READ_EARLY_DATA_ERROR:
			return 0;
		case SSL_READ_EARLY_DATA_FINISH:
			e->ended = true;
			break;
		default:
			if (*n == 0)
				continue; /* an empty record */
			came(st);
			return 1;
		}
	}
	const int rc = SSL_do_handshake(st->ssl);
	if (rc == 1) {
		e->complete = true;
		st->early_now = false;
	}
	return rc;
}

int
tls__early_accept(struct tls_stage *sg, struct tls_state *st)
{
	size_t n;

	if (st->is_server) /* it begins with the first bytes that are sent */
		return 1;
	const int rc = step(st, sg->gather, sizeof(sg->gather), &n);

	if (rc == 1 && n == 0)
		tls__early_free(st);
	else if (rc == 1 && !tls__left_set(&st->early->left, sg->gather, n))
		return -1;
	return rc;
}

static enum tw_io
step_failed(struct tls_state *st, int rc)
{
	const int how = SSL_get_error(st->ssl, rc);

	if (how == SSL_ERROR_WANT_READ || how == SSL_ERROR_WANT_WRITE)
		return TW_IO_AGAIN;
	tls_count(TLS_CNT_CLIENT_FAILED);
	ERR_clear_error();
	st->failed = true;
	return st->eof && st->err == 0 && how == SSL_ERROR_SYSCALL ? TW_IO_END
								   : TW_IO_ERR;
}

static void
left_read(struct tls_left *left, struct iovec to, size_t *n)
{
	const size_t rest = left->len - left->off;

	*n = rest < to.iov_len ? rest : to.iov_len;
	memcpy(to.iov_base, left->p + left->off, *n);
	left->off += (uint32_t)*n;
	if (left->off == left->len)
		tls__left_free(left);
}

enum tw_io
tls__early_recv(struct tls_stage *sg, struct tls_state *st, struct iovec to, size_t *n)
{
	int rc;

	if (st->is_server)
		return tls__server_early_step(sg, st);
	if (tls__early_holds(st)) {
		left_read(&st->early->left, to, n);
		return TW_IO_OK;
	}
	if (!st->early->complete) {
		ERR_clear_error();
		rc = step(st, to.iov_base, to.iov_len, n);
		if (rc != 1)
			return step_failed(st, rc);
		if (*n > 0)
			return TW_IO_OK;
		tls__established(st);
	}
	tls__early_free(st);
	return TW_IO_OK;
}

enum tw_io
tls__early_complete(struct tls_stage *sg, struct tls_state *st)
{
	size_t n;

	if (st->is_server)
		return TW_IO_AGAIN;
	ERR_clear_error();
	while (!st->early->complete) {
		const int rc = step(st, sg->gather, sizeof(sg->gather), &n);

		if (rc != 1)
			return step_failed(st, rc);
		if (n > 0 && !tls__left_set(&st->early->left, sg->gather, n)) {
			st->failed = true;
			return TW_IO_ERR;
		}
	}
	tls__established(st);
	return TW_IO_OK;
}

int
tls__early_write(SSL *ssl, const void *p, size_t len, size_t *n)
{
	struct tls_state *const st = tls_state_of_ssl(ssl);

	return st->is_server ? tls__server_early_write(st, p, len, n)
			     : SSL_write_early_data(ssl, p, len, n);
}

/* --- the request's header --- */

bool
tls_early_wants(const struct tw_proxy *px)
{
	const struct tw_bind *bind;

	for (int i = 0; (bind = tw_proxy_bind(px, i)) != NULL; i++)
		if (tls_bind_of(bind)->side.early)
			return true;
	return false;
}

enum tw_verdict
tls_early_on_request(struct tw_req *req, void *state)
{
	struct tw_msg *const msg = tw_req_request(req);
	struct tls_req *const r = tw_req_block(req, tls_self);

	(void)state;
	r->early = tls__early(tls_state_of(tw_req_conn(req)));
	if (!r->early || tw_msg_find(msg, TW_STR("Early-Data"), NULL) != NULL ||
	    tw_msg_add(msg, TW_STR("Early-Data"), TW_STR("1")) == 0)
		return TW_NEXT;
	tw_req_fail(req, 425, "no room for the header Early-Data", NULL);
	return TW_FAIL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * bio.c - OpenSSL's ends of the socket.
 *
 * OpenSSL reads ahead: one recv() fills the buffer it has for a record, which it
 * gives back when nothing is left in it (memory.c). It writes record by record;
 * to pay one system call for many of them these go through a buffer of the
 * thread. So an idle connection holds none. Worker threads and the control
 * thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "kernel.h"
#include "tls.h"

/* What OpenSSL asks a BIO that makes the records itself; openssl/bio.h has the names
 * in a comment. */
#define CTRL_SET_KEY 72
#define CTRL_HAS_KEY 73
#define CTRL_TYPE 74
#define CTRL_TYPE_CLEAR 75

static __thread struct tls_stage *stage;
static BIO_METHOD *method;

struct tls_stage *
tls__stage(void)
{
	if (stage == NULL) {
		stage = malloc(sizeof(*stage));
		if (stage == NULL)
			return NULL;
		stage->out_len = 0;
		stage->direct = false;
	}
	return stage;
}

void
tls__stage_free(void)
{
	free(stage);
	stage = NULL;
}

void
tls__left_free(struct tls_left *left)
{
	free(left->p);
	*left = (struct tls_left){ 0 };
}

/* Appends. */
bool
tls__left_set(struct tls_left *left, const char *p, size_t len)
{
	const size_t rest = left->len - left->off;
	char *mem;

	if (len == 0)
		return true;
	mem = malloc(rest + len);
	if (mem == NULL)
		return false;
	if (rest > 0)
		memcpy(mem, left->p + left->off, rest);
	memcpy(mem + rest, p, len);
	free(left->p);
	*left = (struct tls_left){ mem, 0, (uint32_t)(rest + len) };
	return true;
}

void
tls__stage_enter(struct tls_stage *sg, struct tls_state *st)
{
	sg->out_len = 0;
	sg->direct = false;
	st->drained = st->waits = false;
}

/* --- towards the socket --- */

static ssize_t
socket_send(struct tls_state *st, const struct iovec *iov, int n_iov)
{
	const struct msghdr m = { .msg_iov = (struct iovec *)(uintptr_t)iov,
		.msg_iovlen = (size_t)n_iov };
	const int flags = st->last ? MSG_NOSIGNAL | MSG_MORE : MSG_NOSIGNAL;
	ssize_t n;

	do
		n = st->conn != NULL ? tw_conn_put(st->conn, iov, n_iov, flags)
				     : sendmsg(st->fd, &m, flags);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n < 0) {
		st->err = errno;
		st->failed = true;
	}
	return n;
}

static void
holds(struct tls_state *st, bool is)
{
	if (st->conn != NULL)
		tw_conn_holds(st->conn, is);
}

enum tw_io
tls__held_flush(struct tls_state *st)
{
	struct iovec iov = { st->out.p + st->out.off, st->out.len - st->out.off };
	ssize_t n;

	if (st->kernel != NULL)
		return tls__kernel_flush(st);
	if (st->failed)
		return TW_IO_ERR;
	if (st->out.p != NULL) {
		n = socket_send(st, &iov, 1);
		if (n < 0)
			return TW_IO_ERR;
		st->out.off += (uint32_t)n;
		if (st->out.off < st->out.len) {
			st->lazy = false;
			holds(st, true);
			return TW_IO_AGAIN;
		}
		tls__left_free(&st->out);
	}
	st->lazy = false;
	holds(st, false);
	return TW_IO_OK;
}

/* What was written before, and `p`; the rest waits. */
static enum tw_io
stage_send(struct tls_stage *sg, struct tls_state *st, const char *p, size_t len)
{
	struct iovec iov[2] = { { sg->out, sg->out_len },
		{ (char *)(uintptr_t)p, len } };
	const int first = sg->out_len == 0;
	size_t sent;
	ssize_t n = 0;

	if (st->out.p == NULL) { /* else it must wait behind that */
		n = socket_send(st, iov + first, 2 - first - (len == 0));
		if (n < 0)
			return TW_IO_ERR;
	}
	sent = (size_t)n;
	if (sent == sg->out_len + len) {
		sg->out_len = 0;
		return TW_IO_OK;
	}
	const size_t of_out = sent < sg->out_len ? sent : sg->out_len;
	const size_t of_p = sent - of_out;
	if (!tls__left_set(&st->out, sg->out + of_out, sg->out_len - of_out) ||
	    !tls__left_set(&st->out, p + of_p, len - of_p)) {
		st->err = ENOMEM;
		st->failed = true;
		return TW_IO_ERR;
	}
	sg->out_len = 0;
	holds(st, true);
	return TW_IO_AGAIN;
}

/* Tickets that waited go before the next bytes, in one piece. */
static void
stage_take_lazy(struct tls_stage *sg, struct tls_state *st)
{
	const uint32_t len = st->out.len - st->out.off;

	st->lazy = false;
	if (st->out.p == NULL || sg->out_len > 0 || len > sizeof(sg->out))
		return;
	memcpy(sg->out, st->out.p + st->out.off, len);
	sg->out_len = len;
	tls__left_free(&st->out);
}

enum tw_io
tls__stage_flush(struct tls_stage *sg, struct tls_state *st)
{
	if (st->failed)
		return TW_IO_ERR;
	if (sg->out_len > 0)
		return stage_send(sg, st, NULL, 0);
	if (st->kernel != NULL && st->out.p != NULL && !st->lazy)
		return tls__kernel_flush(st);
	return st->out.p != NULL && !st->lazy ? TW_IO_AGAIN : TW_IO_OK;
}

char *
tls__stage_room(struct tls_stage *sg, struct tls_state *st, size_t len)
{
	if (st->lazy)
		stage_take_lazy(sg, st);
	if (sizeof(sg->out) - sg->out_len < len &&
	    stage_send(sg, st, NULL, 0) == TW_IO_ERR)
		return NULL;
	return sg->out + sg->out_len;
}

static int
sealed_write(
    struct tls_stage *sg, struct tls_state *st, uint8_t type, const char *p, int len)
{
	const size_t n = (size_t)len + TLS_SEAL_MORE;
	char *const out = tls__stage_room(sg, st, n);

	if (out == NULL || !tls__seal(&st->seal, type, p, (size_t)len, out))
		return -1;
	sg->out_len += (uint32_t)n;
	if (type == SSL3_RT_HANDSHAKE && *p == SSL3_MT_KEY_UPDATE)
		tls__seal_end(&st->seal);
	return len;
}

/* A message of OpenSSL's own, in clear. */
static int
clear_write(struct tls_stage *sg, struct tls_state *st, const char *p, int len)
{
	const uint8_t type =
	    st->clear_type != 0 ? st->clear_type : SSL3_RT_APPLICATION_DATA;

	st->clear_type = 0;
	if (st->kernel == NULL)
		return sealed_write(sg, st, type, p, len);
	return tls__kernel_message(st, type, p, (size_t)len) ? len : -1;
}

static int
bio_write(BIO *bio, const char *p, int len)
{
	struct tls_state *const st = BIO_get_data(bio);
	struct tls_stage *const sg = stage;

	if (st->failed || len <= 0)
		return -1;
	if (tls__writes_clear(st))
		return clear_write(sg, st, p, len);
	if (st->lazy)
		stage_take_lazy(sg, st);
	if (sg->direct || sizeof(sg->out) - sg->out_len < (size_t)len)
		return stage_send(sg, st, p, (size_t)len) == TW_IO_ERR ? -1 : len;
	memcpy(sg->out + sg->out_len, p, (size_t)len);
	sg->out_len += (uint32_t)len;
	return len;
}

/* --- from the socket --- */

static int
left_take(struct tls_left *left, char *p, int len)
{
	const uint32_t n = left->len - left->off < (uint32_t)len ? left->len - left->off
								 : (uint32_t)len;

	memcpy(p, left->p + left->off, n);
	left->off += n;
	if (left->off == left->len)
		tls__left_free(left);
	return (int)n;
}

/* A short answer says what EAGAIN would say: nothing more is there. */
static int
socket_recv(struct tls_state *st, char *p, int len)
{
	ssize_t n;

	do
		n = recv(st->fd, p, (size_t)len, 0);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		st->drained = n < len;
		return (int)n;
	}
	if (n < 0 && errno == EAGAIN) {
		st->drained = st->waits = true;
		return -1;
	}
	st->err = n < 0 ? errno : 0;
	st->eof = true;
	return (int)n;
}

/* Of an end no other event will tell, when it came with the bytes. FIN was told of;
 * of a reset one hears when something is sent, or read again by who was handed
 * bytes: not so in a handshake that has nothing to say. */
static bool
is_told_later(const struct tls_state *st)
{
	return (st->conn == NULL || !tw_conn_fin_came(st->conn)) &&
	    (st->established || stage->out_len > 0);
}

static int
bio_read(BIO *bio, char *p, int len)
{
	struct tls_state *const st = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (len <= 0 || st->eof)
		return 0;
	if (st->in.p != NULL)
		return left_take(&st->in, p, len);
	if (st->drained && is_told_later(st))
		st->waits = true;
	const int n = st->waits ? -1 : socket_recv(st, p, len);
	if (st->waits)
		BIO_set_retry_read(bio);
	return n;
}

void
tls__keys_wanted(struct tls_state *st)
{
	const struct tls_side *const side = st->side;

	if (SSL_version(st->ssl) == TLS1_3_VERSION &&
	    (side->own_records || side->kernel_records))
		SSL_set_options(st->ssl, SSL_OP_ENABLE_KTLS);
}

/* num: it is the key of what goes to the peer */
static bool
key_set(struct tls_state *st, long num, const void *key)
{
	const struct tls_side *const side = st->side;

	if (tls__keys_late)
		SSL_clear_options(st->ssl, SSL_OP_ENABLE_KTLS);
	if (num == 0 || tls__writes_clear(st))
		return false;
	return (side->kernel_records && tls__kernel_begin(st, key)) ||
	    (side->own_records && tls__seal_begin(&st->seal, key));
}

static long
bio_ctrl(BIO *bio, int cmd, long num, void *arg)
{
	struct tls_state *const st = BIO_get_data(bio);

	switch (cmd) {
	case BIO_CTRL_FLUSH:
	case BIO_CTRL_DUP:
		return 1;
	case BIO_CTRL_EOF:
		return st->eof;
	case CTRL_HAS_KEY:
		return tls__writes_clear(st);
	case CTRL_SET_KEY:
		return key_set(st, num, arg);
	case CTRL_TYPE:
		st->clear_type = (uint8_t)num;
		return 1;
	case CTRL_TYPE_CLEAR:
		st->clear_type = 0;
		return 1;
	default:
		return 0;
	}
}

static int
bio_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

int
tls__bio_load(void)
{
	method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "tideway");
	if (method == NULL || !BIO_meth_set_write(method, bio_write) ||
	    !BIO_meth_set_read(method, bio_read) ||
	    !BIO_meth_set_ctrl(method, bio_ctrl) ||
	    !BIO_meth_set_create(method, bio_create))
		return -1;
	return 0;
}

BIO *
tls__bio_new(struct tls_state *st)
{
	BIO *const bio = BIO_new(method);

	if (bio != NULL)
		BIO_set_data(bio, st);
	return bio;
}

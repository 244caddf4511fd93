/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * bio.c - OpenSSL's ends of the socket.
 *
 * OpenSSL asks for five bytes, then for a record's body, and writes record by
 * record. To pay one system call for many of them, both ways go through a
 * buffer of the thread. What OpenSSL has not taken stays there until another
 * connection needs the buffer, and moves to memory of its own only then: an
 * idle connection holds none. Worker threads and the control thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "tls.h"

static __thread struct tls_stage *stage;
static BIO_METHOD *method;

struct tls_stage *
tls__stage(void)
{
	if (stage == NULL) {
		stage = malloc(sizeof(*stage));
		if (stage == NULL)
			return NULL;
		memset(stage, 0, offsetof(struct tls_stage, in));
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

/* The buffer's bytes go to their connection. */
static void
stage_spill(struct tls_stage *sg)
{
	struct tls_state *const st = sg->in_of;

	sg->in_of = NULL;
	if (sg->in_off < sg->in_len &&
	    !tls__left_set(&st->in, sg->in + sg->in_off, sg->in_len - sg->in_off))
		st->failed = true;
	sg->in_off = sg->in_len = 0;
}

void
tls__stage_enter(struct tls_stage *sg, struct tls_state *st, uint32_t want)
{
	if (sg->in_of != st) {
		if (sg->in_of != NULL)
			stage_spill(sg);
		sg->in_of = st;
	}
	want += 256; /* a record's header and tag, and a bit of the next */
	sg->want = want < TLS_STAGE_IN ? want : TLS_STAGE_IN;
	sg->out_len = 0;
	sg->direct = false;
	st->drained = false;
}

void
tls__stage_forget(struct tls_state *st)
{
	if (stage == NULL || stage->in_of != st)
		return;
	stage->in_of = NULL;
	stage->in_off = stage->in_len = 0;
}

bool
tls__stage_holds(const struct tls_stage *sg, const struct tls_state *st)
{
	return st->in.len > 0 || (sg->in_of == st && sg->in_off < sg->in_len);
}

/* --- towards the socket --- */

static ssize_t
socket_send(struct tls_state *st, const struct iovec *iov, int n_iov)
{
	const struct msghdr m = { .msg_iov = (struct iovec *)(uintptr_t)iov,
		.msg_iovlen = (size_t)n_iov };
	ssize_t n;

	do
		n = n_iov == 1 ? send(st->fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL)
			       : sendmsg(st->fd, &m, MSG_NOSIGNAL);
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
	return st->out.p != NULL && !st->lazy ? TW_IO_AGAIN : TW_IO_OK;
}

static int
bio_write(BIO *bio, const char *p, int len)
{
	struct tls_state *const st = BIO_get_data(bio);
	struct tls_stage *const sg = stage;

	if (st->failed || len <= 0)
		return -1;
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

static int
stage_take(struct tls_stage *sg, char *p, int len)
{
	const uint32_t rest = sg->in_len - sg->in_off;
	const uint32_t n = rest < (uint32_t)len ? rest : (uint32_t)len;

	memcpy(p, sg->in + sg->in_off, n);
	sg->in_off += n;
	if (sg->in_off == sg->in_len)
		sg->in_off = sg->in_len = 0;
	return (int)n;
}

/* returns: bytes; 0: the end; -1: none now, or an error. */
static ssize_t
stage_fill(struct tls_stage *sg, struct tls_state *st)
{
	ssize_t n;

	if (st->drained) { /* it has just said that there is no more */
		errno = EAGAIN;
		return -1;
	}
	do
		n = recv(st->fd, sg->in, sg->want, 0);
	while (n < 0 && errno == EINTR);
	if (n < (ssize_t)sg->want && n != 0)
		st->drained = true;
	if (n > 0) {
		sg->in_len = (uint32_t)n;
		st->any = true;
	}
	return n;
}

static int
bio_read(BIO *bio, char *p, int len)
{
	struct tls_state *const st = BIO_get_data(bio);
	struct tls_stage *const sg = stage;

	BIO_clear_retry_flags(bio);
	if (len <= 0)
		return 0;
	if (st->in.p != NULL) {
		st->any = true;
		return left_take(&st->in, p, len);
	}
	if (sg->in_off == sg->in_len) {
		const ssize_t n = st->eof ? 0 : stage_fill(sg, st);

		if (n < 0 && errno == EAGAIN) {
			BIO_set_retry_read(bio);
			return -1;
		}
		if (n <= 0) {
			st->err = n < 0 ? errno : 0;
			st->eof = true;
			return (int)n;
		}
	}
	return stage_take(sg, p, len);
}

static long
bio_ctrl(BIO *bio, int cmd, long num, void *arg)
{
	const struct tls_state *const st = BIO_get_data(bio);

	(void)num;
	(void)arg;
	switch (cmd) {
	case BIO_CTRL_FLUSH:
	case BIO_CTRL_DUP:
		return 1;
	case BIO_CTRL_EOF:
		return st->eof;
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

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * later.c - small sends leave together, at the end of a loop turn.
 *
 * Each send runs through the kernel's whole way to the peer, and wakes it. Some of
 * them one behind the other find that way in the processor's cache, and the peer
 * still awake: 3 % of what an exchange costs. So what is small is put down first, and
 * counts as sent; it goes when the turn ends, when enough of it is there, or when
 * more is to be done with its connection. Where few are served at a time nothing is
 * put down: the peer could have begun meanwhile. What the kernel then does not take waits in
 * conn->rest, before all else. One worker's thread.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/net/conn.h"

#define MOST 2048u /* bytes of one send */
#define BUSY 4u    /* sends of the turn before: with fewer, waiting gains nothing */

static ssize_t
send_now(const struct tw_conn *conn, const struct iovec *iov, int n_iov, int flags)
{
	const struct msghdr m = { .msg_iov = (struct iovec *)(uintptr_t)iov,
		.msg_iovlen = (size_t)n_iov };
	ssize_t n;

	do
		n = n_iov == 1 ? send(conn->fd, iov->iov_base, iov->iov_len, flags)
			       : sendmsg(conn->fd, &m, flags);
	while (n < 0 && errno == EINTR);
	return n;
}

/* returns: false: nobody can take the rest. */
static bool
rest_keep(struct tw_conn *conn, const char *p, size_t len)
{
	conn->rest = malloc(sizeof(*conn->rest) + len);
	if (conn->rest == NULL)
		return false;
	conn->rest->off = 0;
	conn->rest->len = (uint32_t)len;
	memcpy(conn->rest->data, p, len);
	conn->writable = false;
	tw__conn_watch(conn);
	return true;
}

static void
lost(struct tw_conn *conn, int err)
{
	conn->err = (uint8_t)err;
	conn->failed = true;
	tw__conn_again(conn);
}

void
tw__later_send(struct tw_conn *conn)
{
	struct tw__net *const net = conn->worker->net;
	struct tw__later *const l = &net->later[conn->later - 1];
	const struct iovec iov = { net->later_text + l->off, l->len };

	conn->later = 0;
	l->conn = NULL;
	const ssize_t n = send_now(conn, &iov, 1, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN) {
		lost(conn, errno);
		return;
	}
	const size_t done = n < 0 ? 0 : (size_t)n;
	if (done < l->len &&
	    !rest_keep(conn, (const char *)iov.iov_base + done, l->len - done))
		lost(conn, ENOMEM);
}

void
tw__conns_send_now(struct tw__net *net)
{
	for (uint32_t i = 0; i < net->n_later; i++)
		if (net->later[i].conn != NULL)
			tw__later_send(net->later[i].conn);
	net->n_later = net->later_used = 0;
}

void
tw__conns_turn_over(struct tw__net *net)
{
	tw__conns_send_now(net);
	net->many_puts = net->n_puts >= BUSY;
	net->n_puts = 0;
}

enum tw_io
tw__conn_rest_flush(struct tw_conn *conn)
{
	struct tw__out *const r = conn->rest;
	const struct iovec iov = { r->data + r->off, r->len };
	const ssize_t n = send_now(conn, &iov, 1, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN) {
		conn->err = (uint8_t)errno;
		conn->failed = true;
		return TW_IO_ERR;
	}
	if (n > 0) {
		r->off += (uint32_t)n;
		r->len -= (uint32_t)n;
	}
	if (r->len > 0) {
		conn->writable = false;
		return TW_IO_AGAIN;
	}
	free(r);
	conn->rest = NULL;
	if (conn->shut && !conn->holds) /* it waited for this */
		shutdown(conn->fd, SHUT_WR);
	return TW_IO_OK;
}

static ssize_t
put_down(struct tw_conn *conn, const struct iovec *iov, int n_iov, size_t total)
{
	struct tw__net *const net = conn->worker->net;

	if (net->n_later == TW__LATER ||
	    total > sizeof(net->later_text) - net->later_used)
		tw__conns_send_now(net);
	char *to = net->later_text + net->later_used;
	net->later[net->n_later] =
	    (struct tw__later){ conn, net->later_used, (uint32_t)total };
	for (int i = 0; i < n_iov; i++) {
		memcpy(to, iov[i].iov_base, iov[i].iov_len);
		to += iov[i].iov_len;
	}
	net->later_used += (uint32_t)total;
	conn->later = (uint8_t)++net->n_later;
	return (ssize_t)total;
}

ssize_t
tw_conn_put(struct tw_conn *conn, const struct iovec *iov, int n_iov, int flags)
{
	size_t total = 0;

	tw__conn_send_now(conn);
	if (TW_UNLIKELY(conn->failed || conn->rest != NULL)) {
		errno = conn->failed ? conn->err : EAGAIN;
		return -1;
	}
	for (int i = 0; i < n_iov; i++)
		total += iov[i].iov_len;
	struct tw__net *const net = conn->worker->net;
	net->n_puts++;
	if (!net->many_puts || total > MOST || flags != MSG_NOSIGNAL ||
	    conn->connecting || conn->worker->id == 0)
		return send_now(conn, iov, n_iov, flags);
	return put_down(conn, iov, n_iov, total);
}

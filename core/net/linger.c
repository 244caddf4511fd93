/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * linger.c - connections that nobody needs any more, and their last bytes.
 *
 * Who closes with bytes unread has the kernel send a reset, which may overtake the
 * answer. So FIN goes first, and what still comes is read and forgotten for a short
 * while. A transport may hold the end of what was said before (transport.h): then FIN
 * waits for it, for longer; and a peer that sent its own FIN meanwhile may be reading
 * on. One worker's thread.
 */
#include "config.h"

#include <errno.h>
#include <sys/socket.h>

#include "core/net/conn.h"

#define LINGER_MS 2000
#define LINGER_LONG_MS 60000
#define LINGER_LONG_MOST 256u /* of a worker */
#define LINGER_READS 64

/* A slow peer may have the last of what it was sent, if there are not many of them. */
static void
linger_time(struct tw_conn *conn, bool is_late)
{
	struct tw__net *const net = conn->worker->net;

	net->n_long -= conn->lingers_long;
	conn->lingers_long =
	    !is_late && conn->shut && conn->holds && net->n_long < LINGER_LONG_MOST;
	net->n_long += conn->lingers_long;
	tw_timer_set(&conn->timer,
	    tw_now_ms() + (conn->lingers_long ? LINGER_LONG_MS : LINGER_MS));
}

static void
linger_step(struct tw_conn *conn)
{
	struct tw__net *const net = conn->worker->net;
	bool over = conn->timed_out || conn->failed;

	for (int i = 0; !over && conn->readable && i < LINGER_READS; i++) {
		const ssize_t n = recv(conn->fd, net->scratch, sizeof(net->scratch), 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			conn->readable = false;
		} else if (n == 0) { /* it may read on */
			conn->eof = true;
			conn->readable = false;
		} else if (n < 0) {
			over = true;
		}
	}
	if (over || (conn->eof && !tw__conn_backlog(conn))) {
		struct tw_conn *c = conn;
		tw__conn_free(&c);
	}
}

/* What waits for a window may still leave. */
static void
stream_linger(struct tw_conn *conn)
{
	struct tw_conn *c = conn;

	if (conn->timed_out || conn->failed || tw__conn_flush(conn) != TW_IO_AGAIN) {
		tw__conn_free(&c);
	} else if (!conn->lingering) {
		conn->lingering = true;
		TAILQ_INSERT_TAIL(&conn->worker->net->lingering, conn, link);
		conn->req = NULL;
		tw__buf_put(conn);
		tw_timer_set(&conn->timer, tw_now_ms() + LINGER_MS);
	}
}

static void
linger_on(struct tw_conn *conn)
{
	const bool waited = tw__conn_backlog(conn);

	if (tw__conn_flush(conn) == TW_IO_OK) {
		tw__conn_shut(conn);
		if (waited)
			linger_time(conn, false);
	}
	linger_step(conn);
}

void
tw__conn_linger(struct tw_conn **pconn)
{
	struct tw_conn *const conn = *pconn;
	const bool is_late = conn->timed_out;

	*pconn = NULL;
	if (TW_UNLIKELY(conn->is_stream)) {
		stream_linger(conn);
		return;
	}
	if (conn->lingering) {
		linger_on(conn);
		return;
	}
	conn->lingering = true;
	tw__conn_watch(conn);
	TAILQ_INSERT_TAIL(&conn->worker->net->lingering, conn, link);
	conn->timed_out = false;
	conn->req = NULL;
	tw__buf_put(conn);
	if (!tw__conn_backlog(conn))
		tw__conn_shut(conn);
	linger_time(conn, is_late);
	linger_step(conn);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * ask.c - resets that came together with bytes.
 *
 * An edge tells once, and not of what: a peer whose last bytes and whose reset
 * come in one piece has a short read, and no event behind it. A message that
 * lacks something asks the socket once more. In a tunnel nothing says whether
 * more is to come, and a system call for each piece would be much: so all that
 * have read such a piece are asked together, a second later. One worker's thread.
 */
#include "config.h"

#include "core/net/conn.h"

#define LATER_MS 1000

/* An event may free others of the list. */
static void
on_ask(struct tw_timer *t)
{
	struct tw__net *const net = tw__self->net;

	(void)t;
	while (!LIST_EMPTY(&net->asks)) {
		struct tw_conn *const conn = LIST_FIRST(&net->asks);

		tw__conn_ask_not(conn);
		conn->short_read = true; /* or it is not asked */
		if (tw__conn_is_reset(conn))
			tw__flow_event(conn);
	}
}

void
tw__conn_ask_later(struct tw_conn *conn)
{
	struct tw__net *const net = conn->worker->net;

	conn->short_read = false;
	if (conn->asks || conn->is_stream)
		return;
	if (LIST_EMPTY(&net->asks)) {
		net->ask.fn = on_ask;
		tw_timer_set(&net->ask, tw_now_ms() + LATER_MS);
	}
	conn->asks = true;
	LIST_INSERT_HEAD(&net->asks, conn, asks_link);
}

void
tw__conn_ask_not(struct tw_conn *conn)
{
	if (conn->asks)
		LIST_REMOVE(conn, asks_link);
	conn->asks = false;
}

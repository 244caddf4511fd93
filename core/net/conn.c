/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conn.c - a connection: its event, reading, sending, splicing, closing.
 *
 * Edge triggering means that an event tells once that something changed;
 * `readable` and `writable` remember it until a call says EAGAIN. A read that
 * returns less than it asked for has emptied the socket: the next byte, or
 * FIN, makes a new edge. Only when FIN was already announced (rdhup) is
 * there more to see; and a reset that came together with the bytes is not
 * announced, so who needs more bytes after a short read asks once again. Each
 * connection belongs to one worker's thread.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tideway/assert.h>
#include "core/net/conn.h"

static void
on_event(evutil_socket_t fd, short what, void *arg)
{
	struct tw_conn *const conn = arg;

	(void)fd;
	if (what & (EV_READ | EV_CLOSED))
		conn->readable = true;
	if (what & EV_WRITE)
		conn->writable = true;
	if (what & EV_CLOSED)
		conn->rdhup = true;
	if (TW_UNLIKELY(conn->rest != NULL) && (what & EV_WRITE) && !conn->failed)
		(void)tw__conn_rest_flush(conn);
	tw__flow_event(conn);
}

static void
on_timer(struct tw_timer *t)
{
	struct tw_conn *const conn =
	    (struct tw_conn *)((char *)t - offsetof(struct tw_conn, timer));

	conn->timed_out = true;
	tw__flow_event(conn);
}

struct tw_conn *
tw__conn_new(struct tw_worker *w, int fd)
{
	struct tw_conn *const conn = tw__pool_get(&w->net->conns);

	if (conn == NULL)
		return NULL;
	memset(conn, 0, sizeof(*conn));
	conn->magic = TW_CONN_MAGIC;
	conn->fd = fd;
	conn->worker = w;
	conn->writable = true;
	conn->timer.fn = on_timer;
	conn->out_end = &conn->out;
	event_assign(&conn->ev, w->base, fd,
	    EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST, on_event, conn);
	return conn;
}

struct tw_conn *
tw__conn_new_stream(struct tw_conn *carrier, void *state)
{
	struct tw_conn *const conn = tw__conn_new(carrier->worker, -1);

	if (conn == NULL)
		return NULL;
	conn->fd = carrier->fd;
	conn->is_stream = true;
	conn->carrier = carrier;
	conn->proto = carrier->proto;
	conn->transport = carrier->mux->stream;
	conn->transport_state = state;
	conn->watched = conn->nodelay = true; /* there is nothing to ask for */
	conn->server_side = carrier->server_side;
	conn->server = carrier->server;
	conn->epoch = carrier->epoch;
	LIST_INSERT_HEAD(&carrier->streams, conn, stream_link);
	carrier->n_streams++;
	return conn;
}

/* Registering tells what is ready already, so nothing is missed before. */
void
tw__conn_watch(struct tw_conn *conn)
{
	if (conn->watched)
		return;
	conn->watched = true;
	if (event_add(&conn->ev, NULL) == 0)
		return;
	conn->failed = true;
	event_active(&conn->ev, EV_READ, 0);
}

/* Not by event_active() at once: libevent would run it in this same turn, and
 * what else has become ready meanwhile would wait. */
void
tw__conn_again(struct tw_conn *conn)
{
	tw__conn_watch(conn);
	if (conn->again)
		return;
	conn->again = true;
	LIST_INSERT_HEAD(&conn->worker->net->again, conn, again_link);
}

static void
again_forget(struct tw_conn *conn)
{
	if (conn->again)
		LIST_REMOVE(conn, again_link);
	conn->again = false;
}

void
tw__conn_wakes_forget(struct tw_conn *conn)
{
	if (conn->mux_wakes)
		LIST_REMOVE(conn, wakes_link);
	conn->mux_wakes = false;
}

void
tw__conns_again(struct tw_worker *w, void *arg)
{
	struct tw__net *const net = arg;

	(void)w;
	while (TW_UNLIKELY(!LIST_EMPTY(&net->wakes))) {
		struct tw_conn *const conn = LIST_FIRST(&net->wakes);
		tw__conn_wakes_forget(conn);
		tw__mux_event(conn);
	}
	tw__conns_turn_over(net);
	while (!LIST_EMPTY(&net->again)) {
		struct tw_conn *const conn = LIST_FIRST(&net->again);
		again_forget(conn);
		event_active(&conn->ev, EV_READ, 0);
	}
}

void
tw__conn_nodelay(struct tw_conn *conn)
{
	const int one = 1;

	if (conn->nodelay)
		return;
	conn->nodelay = true;
	setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static void
out_drop(struct tw_conn *conn)
{
	while (conn->out != NULL) {
		struct tw__out *const o = conn->out;
		conn->out = o->next;
		tw__pool_put(&conn->worker->net->outs, o);
	}
	conn->out_end = &conn->out;
}

/* Who closes first keeps the port in TIME_WAIT for a minute. Towards a server
 * that would use up our ports, and searching for free ones costs more than
 * all the rest of a short exchange: so we reset instead, as HAProxy does. All
 * that mattered has been read by then. A carrier's is not short, and says good-bye. */
static void
avoid_time_wait(const struct tw_conn *conn)
{
	const struct linger now = { .l_onoff = 1, .l_linger = 0 };

	if (conn->server_side && conn->proto == NULL && !conn->rdhup && !conn->eof &&
	    !conn->shut && !conn->connecting)
		setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

void
tw__conn_free(struct tw_conn **pconn)
{
	struct tw_conn *const conn = *pconn;

	TW_CHECK_MAGIC(conn, TW_CONN_MAGIC);
	*pconn = NULL;
	tw_timer_del(&conn->timer);
	tw__upstream_unuse(conn);
	tw__conn_ask_not(conn);
	if (conn->lingering) {
		TAILQ_REMOVE(&conn->worker->net->lingering, conn, link);
		conn->worker->net->n_long -= conn->lingers_long;
	}
	tw__conn_wakes_forget(conn);
	if (TW_UNLIKELY(conn->mux != NULL))
		conn->mux->fini(conn, conn->mux_state); /* and says good-bye */
	tw__conn_send_now(conn);
	free(conn->rest);
	again_forget(conn);
	if (conn->transport != NULL)
		conn->transport->fini(conn, conn->transport_state);
	event_del(&conn->ev);
	struct tw_conn *const carrier = conn->carrier;
	if (TW_LIKELY(!conn->is_stream)) {
		avoid_time_wait(conn);
		close(conn->fd);
	} else if (carrier != NULL) {
		LIST_REMOVE(conn, stream_link);
		carrier->n_streams--;
	}
	out_drop(conn);
	tw__buf_put(conn);
	free(conn->block);
	if (TW_UNLIKELY(conn->pp_tlvs.p != NULL))
		free((void *)(uintptr_t)conn->pp_tlvs.p);
	if (TW_UNLIKELY(conn->vars != NULL))
		tw__vars_free(&conn->vars);
	if (TW_UNLIKELY(conn->pool_name.p != NULL))
		free((void *)(uintptr_t)conn->pool_name.p);
	conn->magic = 0;
	struct tw__net *const net = conn->worker->net;
	tw__pool_put(&net->conns, conn);
	if (TW_UNLIKELY(carrier != NULL))
		tw__mux_stream_ended(carrier);
	if (TW_UNLIKELY(net->conns.n_free > TW__POOL_KEEP))
		tw__trim_arm(net);
}

static ssize_t
plain_recv(struct tw_conn *conn, size_t room)
{
	ssize_t n;

	do
		n = recv(conn->fd, conn->in.base + conn->in.tail, room, 0);
	while (n < 0 && errno == EINTR);
	return n;
}

/* Makes room behind what is unread: to the front, but not over `keep`. */
static void
buf_settle(struct tw_buf *in, uint32_t keep)
{
	if (in->head == in->tail) {
		in->head = in->tail = keep;
	} else if (in->tail == in->size && in->head > keep) {
		memmove(in->base + keep, in->base + in->head, in->tail - in->head);
		in->tail -= in->head - keep;
		in->head = keep;
	}
}

static enum tw_io
recv_error(struct tw_conn *conn)
{
	conn->readable = false;
	if (errno == EAGAIN)
		return TW_IO_AGAIN;
	conn->err = (uint8_t)errno;
	conn->failed = true;
	return TW_IO_ERR;
}

static enum tw_io
transport_recv(struct tw_conn *conn, size_t room)
{
	size_t n = 0;

	/* until it says otherwise: what it has taken from the socket and not handed
	 * on makes no event */
	conn->readable = true;
	const enum tw_io io = conn->transport->recv(
	    conn, conn->transport_state, conn->in.base + conn->in.tail, room, &n);

	conn->in.tail += (uint32_t)n;
	if (io == TW_IO_AGAIN)
		conn->readable = false;
	else if (io == TW_IO_END)
		conn->eof = true;
	else if (io == TW_IO_ERR)
		conn->failed = true;
	return io;
}

bool
tw__conn_begin(struct tw_conn *conn, const struct tw_transport *transport,
    const struct tw_start *start)
{
	struct tw_start s = *start;
	void *state;

	s.fd = conn->fd;
	state = transport->begin(conn, &s);
	if (state == NULL)
		return false;
	conn->transport = transport;
	conn->transport_state = state;
	return true;
}

void *
tw_conn_transport(const struct tw_conn *conn, const struct tw_transport *transport)
{
	if (conn->transport != transport && conn->carrier != NULL)
		conn = conn->carrier;
	return conn->transport == transport ? conn->transport_state : NULL;
}

bool
tw_conn_is_secure(const struct tw_conn *conn)
{
	const struct tw_conn *const c = conn->carrier != NULL ? conn->carrier : conn;

	return c->transport != NULL && !c->is_stream;
}

void
tw_conn_holds(struct tw_conn *conn, bool holds)
{
	conn->holds = holds;
}

bool
tw_conn_settled(struct tw_conn *conn)
{
	tw__conn_send_now(conn);
	return conn->rest == NULL && !conn->failed;
}

void
tw_conn_retry(struct tw_conn *conn)
{
	conn->writable = conn->retried = true;
	tw__conn_again(conn);
}

void
tw_conn_drained(struct tw_conn *conn)
{
	if (conn->rdhup)
		return;
	conn->readable = false;
	conn->short_read = true;
}

bool
tw_conn_fin_came(const struct tw_conn *conn)
{
	return conn->rdhup;
}

void
tw_conn_fed(struct tw_conn *conn)
{
	conn->readable = true;
}

enum tw_io
tw__conn_recv(struct tw_conn *conn, uint32_t keep)
{
	if (conn->failed)
		return TW_IO_ERR;
	if (conn->eof)
		return TW_IO_END;
	if (!conn->readable && !conn->short_read)
		return TW_IO_AGAIN;
	conn->short_read = false;
	if (conn->in.base == NULL && !tw__buf_get(conn)) {
		conn->failed = true;
		return TW_IO_ERR;
	}
	if (TW_UNLIKELY(conn->in.size < keep + TW_BUF_RESERVE))
		conn->in.size = keep + TW_BUF_RESERVE; /* a head took it all */
	TW_ASSERT(keep <= conn->worker->net->buf_size);
	buf_settle(&conn->in, keep);
	const size_t room = conn->in.size - conn->in.tail;
	if (room == 0)
		return TW_IO_ERR;
	if (conn->transport != NULL)
		return transport_recv(conn, room);
	const ssize_t n = plain_recv(conn, room);
	if (n < 0)
		return recv_error(conn);
	if (n == 0) {
		conn->eof = true;
		return TW_IO_END;
	}
	conn->in.tail += (uint32_t)n;
	if ((size_t)n < room && !conn->rdhup) {
		conn->readable = false;
		conn->short_read = true;
	}
	return TW_IO_OK;
}

/* --- sending --- */

static enum tw_io
send_some(struct tw_conn *conn, const struct iovec *iov, int n_iov, size_t *sent)
{
	ssize_t n;

	*sent = 0;
	if (conn->transport != NULL)
		return conn->transport->send(
		    conn, conn->transport_state, iov, n_iov, sent);
	n = tw_conn_put(conn, iov, n_iov, MSG_NOSIGNAL);
	if (n >= 0) {
		*sent = (size_t)n;
		return TW_IO_OK;
	}
	return errno == EAGAIN ? TW_IO_AGAIN : TW_IO_ERR;
}

enum tw_io
tw__conn_write(struct tw_conn *conn, struct iovec *iov, int n_iov, size_t *sent)
{
	size_t total = 0;

	*sent = 0;
	if (conn->failed || conn->shut)
		return TW_IO_ERR;
	if (tw__conn_backlog(conn)) {
		const enum tw_io io = tw__conn_flush(conn);
		if (io != TW_IO_OK)
			return io;
	}
	if (!conn->writable)
		return TW_IO_AGAIN;
	const enum tw_io io = send_some(conn, iov, n_iov, sent);
	if (io == TW_IO_ERR) {
		conn->err = (uint8_t)errno;
		conn->failed = true;
		return TW_IO_ERR;
	}
	for (int i = 0; i < n_iov; i++)
		total += iov[i].iov_len;
	if (*sent < total)
		conn->writable = false;
	return *sent < total || conn->holds ? TW_IO_AGAIN : TW_IO_OK;
}

static bool
backlog_add(struct tw_conn *conn, const char *p, size_t len)
{
	const uint32_t cap = conn->worker->net->buf_size;

	while (len > 0) {
		struct tw__out *o = conn->out == NULL
		    ? NULL
		    : (struct tw__out *)((char *)conn->out_end -
			  offsetof(struct tw__out, next));
		if (o == NULL || o->off + o->len == cap) {
			o = tw__pool_get(&conn->worker->net->outs);
			if (o == NULL)
				return false;
			o->next = NULL;
			o->off = o->len = 0;
			*conn->out_end = o;
			conn->out_end = &o->next;
		}
		const size_t room = cap - o->off - o->len;
		const size_t part = len < room ? len : room;
		memcpy(o->data + o->off + o->len, p, part);
		o->len += (uint32_t)part;
		p += part;
		len -= part;
	}
	return true;
}

static enum tw_io
backlog_rest(struct tw_conn *conn, const struct iovec *iov, int n_iov, size_t skip)
{
	for (int i = 0; i < n_iov; i++) {
		if (skip >= iov[i].iov_len) {
			skip -= iov[i].iov_len;
			continue;
		}
		if (!backlog_add(conn, (const char *)iov[i].iov_base + skip,
			iov[i].iov_len - skip)) {
			conn->failed = true;
			return TW_IO_ERR;
		}
		skip = 0;
	}
	return conn->out != NULL ? TW_IO_AGAIN : TW_IO_OK;
}

enum tw_io
tw__conn_send(struct tw_conn *conn, struct iovec *iov, int n_iov)
{
	size_t sent = 0, total = 0;

	if (conn->failed || conn->shut)
		return TW_IO_ERR;
	if (tw__conn_backlog(conn) || !conn->writable)
		return backlog_rest(conn, iov, n_iov, 0);
	const enum tw_io io = send_some(conn, iov, n_iov, &sent);
	if (io == TW_IO_ERR) {
		conn->err = (uint8_t)errno;
		conn->failed = true;
		return TW_IO_ERR;
	}
	for (int i = 0; i < n_iov; i++)
		total += iov[i].iov_len;
	if (sent == total)
		return conn->holds ? TW_IO_AGAIN : TW_IO_OK;
	conn->writable = false;
	return backlog_rest(conn, iov, n_iov, sent);
}

/* What the transport took before goes first. */
static enum tw_io
held_flush(struct tw_conn *conn)
{
	if (conn->failed)
		return TW_IO_ERR;
	if (!conn->writable)
		return TW_IO_AGAIN;
	const enum tw_io io = conn->transport->flush(conn, conn->transport_state);
	if (io == TW_IO_ERR) {
		conn->err = (uint8_t)errno;
		conn->failed = true;
	} else if (io == TW_IO_AGAIN) {
		conn->writable = false;
	} else if (conn->shut) { /* it waited for this */
		tw__conn_send_now(conn);
		if (conn->rest == NULL)
			shutdown(conn->fd, SHUT_WR);
	}
	return io;
}

static enum tw_io
backlog_flush(struct tw_conn *conn)
{
	while (conn->out != NULL) {
		struct tw__out *const o = conn->out;
		const struct iovec iov = { o->data + o->off, o->len };
		size_t sent;

		if (conn->failed)
			return TW_IO_ERR;
		if (!conn->writable)
			return TW_IO_AGAIN;
		const enum tw_io io = send_some(conn, &iov, 1, &sent);
		if (io == TW_IO_ERR) {
			conn->err = (uint8_t)errno;
			conn->failed = true;
			return TW_IO_ERR;
		}
		o->off += (uint32_t)sent;
		o->len -= (uint32_t)sent;
		if (o->len > 0) {
			conn->writable = false;
			return TW_IO_AGAIN;
		}
		conn->out = o->next;
		if (conn->out == NULL)
			conn->out_end = &conn->out;
		tw__pool_put(&conn->worker->net->outs, o);
	}
	return TW_IO_OK;
}

enum tw_io
tw__conn_flush(struct tw_conn *conn)
{
	enum tw_io io = TW_IO_OK;

	tw__conn_send_now(conn);
	if (TW_UNLIKELY(conn->rest != NULL))
		io = conn->failed ? TW_IO_ERR : tw__conn_rest_flush(conn);
	if (io == TW_IO_OK && TW_UNLIKELY(conn->holds))
		io = held_flush(conn);
	if (io == TW_IO_OK)
		io = backlog_flush(conn);
	return io == TW_IO_OK && TW_UNLIKELY(conn->holds) ? held_flush(conn) : io;
}

bool
tw__conn_is_reset(struct tw_conn *conn)
{
	int e = 0;
	socklen_t len = sizeof(e);

	if (!conn->failed && !conn->is_stream &&
	    (conn->readable || conn->rdhup || conn->short_read) &&
	    getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &e, &len) == 0 && e != 0) {
		conn->err = (uint8_t)e;
		conn->failed = true;
	}
	conn->short_read = false; /* from now on there are events */
	return conn->failed;
}

/* --- splice --- */

static enum tw_io
pipe_fill(struct tw_conn *from, struct tw__pipe *pipe, uint64_t want)
{
	ssize_t n;

	if (!from->readable)
		return TW_IO_AGAIN;
	do
		n = splice(from->fd, NULL, pipe->wr, NULL,
		    want < (1u << 30) ? want : 1u << 30,
		    SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return recv_error(from);
	if (n == 0) {
		from->eof = true;
		return TW_IO_END;
	}
	pipe->held += (uint32_t)n;
	return TW_IO_OK;
}

static enum tw_io
pipe_empty(struct tw_conn *to, struct tw__pipe *pipe, uint64_t *n_out)
{
	while (pipe->held > 0) {
		ssize_t n;

		if (!to->writable)
			return TW_IO_AGAIN;
		do
			n = splice(pipe->rd, NULL, to->fd, NULL, pipe->held,
			    SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
		while (n < 0 && errno == EINTR);
		if (n < 0 && errno == EAGAIN) {
			to->writable = false;
			return TW_IO_AGAIN;
		}
		if (n <= 0) {
			to->failed = true;
			return TW_IO_ERR;
		}
		pipe->held -= (uint32_t)n;
		*n_out += (uint64_t)n;
	}
	return TW_IO_OK;
}

enum tw_io
tw__conn_splice(struct tw_conn *from, struct tw_conn *to, struct tw__pipe *pipe,
    uint64_t want, uint64_t *n)
{
	*n = 0;
	tw__conn_send_now(to);
	if (to->failed || to->shut)
		return TW_IO_ERR;
	if (pipe->held == 0) {
		if (from->failed)
			return TW_IO_ERR;
		if (from->eof)
			return TW_IO_END;
		const enum tw_io io = pipe_fill(from, pipe, want);
		if (io != TW_IO_OK)
			return io;
	}
	const enum tw_io io = pipe_empty(to, pipe, n);
	if (TW_UNLIKELY(to->transport != NULL) && *n > 0)
		to->transport->spliced(to->transport_state, *n);
	return io;
}

/* --- the end --- */

void
tw__conn_shut(struct tw_conn *conn)
{
	tw__conn_send_now(conn);
	if (conn->shut || conn->failed)
		return;
	conn->shut = true;
	if (conn->transport != NULL)
		conn->transport->shut(conn, conn->transport_state);
	tw__conn_send_now(conn);
	if (!conn->holds && conn->rest == NULL &&
	    !conn->is_stream) /* else when they left */
		shutdown(conn->fd, SHUT_WR);
}

bool
tw__conn_bye(struct tw_conn *conn)
{
	tw__conn_send_now(conn);
	if (conn->transport == NULL || conn->failed || conn->shut)
		return !conn->holds && conn->rest == NULL;
	if (tw__conn_backlog(conn))
		return false;
	conn->transport->shut(conn, conn->transport_state);
	conn->shut = conn->holds; /* FIN follows the last of it */
	return !conn->holds;
}

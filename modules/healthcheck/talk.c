/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * talk.c - the connection of a check: connect, send, receive.
 *
 * A check holds memory and a descriptor only while it runs. Its answer grows
 * up to HC_ANSWER_MAX; who sends more is judged by what came so far. The
 * socket is closed with a reset, so that thousands of checks leave no
 * TIME_WAIT behind. Lack of descriptors here says nothing about the server:
 * such a check is left out. What is sent and what an answer means is the
 * rules' (script.c). Control thread.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <tideway/assert.h>
#include <tideway/log.h>

#include "hc_run.h"

#define FIRST_BUF 1024u

static void io_ready(evutil_socket_t fd, short what, void *arg);

static void
socket_close(struct hc_check *c)
{
	const struct linger now = { .l_onoff = 1, .l_linger = 0 };

	if (c->mux != NULL)
		hc_mux_close(c);
	if (c->state != NULL) {
		c->transport->shut(NULL, c->state);
		c->transport->fini(NULL, c->state);
	}
	if (c->fd >= 0) {
		event_del(&c->event);
		if (!c->linger)
			setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		close(c->fd);
	}
	c->fd = -1;
	free(c->buf);
	free(c->out);
	c->buf = c->out = NULL;
	c->len = c->size = c->sent = c->out_len = 0;
	c->eof = c->reset = c->linger = false;
	c->headed = c->established = c->drained = false;
	c->transport = NULL;
	c->state = NULL;
}

void
hc_talk_abort(struct hc_check *c)
{
	if (c->phase == HC_CONNECTING || c->phase == HC_TALKING ||
	    c->phase == HC_HANDSHAKE) {
		socket_close(c);
		tw_vars_free(&c->vars);
	} else if (c->phase == HC_PROGRAM)
		hc_external_abort(c);
	c->rule = NULL;
	c->phase = HC_WAITING;
}

void
hc_talk_end(struct hc_check *c, struct tw_check_result *r)
{
	hc_talk_abort(c);
	hc_check_ended(c, r);
}

static void
fail(struct hc_check *c, enum tw_chk what, const char *why)
{
	struct tw_check_result r = { .what = what };
	struct tw_out o = tw_out_of(r.text, sizeof(r.text) - 1);

	tw_out_printf(&o, "%s", why);
	hc_script_where(c, &o);
	*o.p = '\0';
	hc_talk_end(c, &r);
}

void
hc_talk_fail(struct hc_check *c, enum tw_chk what, int error)
{
	fail(c, what, error != 0 ? strerror(error) : "");
}

/* The socket has what is waited for, and this thread has not looked yet: that
 * it was late says nothing about the server. */
static bool
is_late(const struct hc_check *c)
{
	struct pollfd p = { .fd = c->fd,
		.events = c->phase == HC_CONNECTING ? POLLOUT : POLLIN };

	return c->fd >= 0 && c->phase != HC_PROGRAM && poll(&p, 1, 0) > 0;
}

void
hc_talk_timeout(struct hc_check *c)
{
	if (!c->was_late && is_late(c)) {
		c->was_late = true;
		tw_timer_set(&c->timer, tw_now_ms() + 1);
		return;
	}
	hc_talk_fail(c,
	    c->phase == HC_PROGRAM          ? TW_CHK_PROCTOUT
		: c->phase == HC_CONNECTING ? TW_CHK_L4TOUT
		: c->phase == HC_HANDSHAKE  ? TW_CHK_L6TOUT
					    : hc_tout_status(c),
	    0);
}

static void
wait_for(struct hc_check *c, short what)
{
	event_del(&c->event);
	event_assign(&c->event, tw_worker_base(tw_worker_self()), c->fd,
	    what | EV_PERSIST, io_ready, c);
	event_add(&c->event, NULL);
}

static bool
buf_grow(struct hc_check *c)
{
	const uint32_t twice = c->size != 0 ? c->size * 2 : FIRST_BUF;
	const uint32_t size = twice < HC_ANSWER_MAX ? twice : HC_ANSWER_MAX;
	char *buf = realloc(c->buf, size);

	if (buf == NULL)
		return false;
	c->buf = buf;
	c->size = size;
	return true;
}

bool
hc_talk_take(struct hc_check *c, struct tw_str bytes)
{
	while (bytes.len > 0 && c->len < HC_ANSWER_MAX) {
		if (c->len == c->size && !buf_grow(c))
			return false;
		const uint32_t room = c->size - c->len;
		const uint32_t n = bytes.len < room ? (uint32_t)bytes.len : room;

		memcpy(c->buf + c->len, bytes.p, n);
		c->len += n;
		bytes.p += n;
		bytes.len -= n;
	}
	c->eof = c->eof || c->len == HC_ANSWER_MAX;
	return true;
}

/* Takes what there is, then asks the rule. */
static void
answer_read(struct hc_check *c)
{
	const uint32_t before = c->len;

	for (;;) {
		if (c->len == HC_ANSWER_MAX) {
			c->eof = true;
			break;
		}
		if (c->len == c->size && !buf_grow(c)) {
			hc_talk_end(c, NULL);
			return;
		}
		const ssize_t n = hc_io_recv(c, c->buf + c->len, c->size - c->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0 && c->len == 0) {
			hc_talk_fail(c, TW_CHK_SOCKERR, errno);
			return;
		}
		/* what came before a reset counts */
		c->len += n > 0 ? (uint32_t)n : 0;
		c->eof = n <= 0;
		if (c->eof)
			break;
	}
	if (c->state == NULL || c->eof || c->len > before) /* else it was a ticket */
		hc_script_go(c);
}

/* returns: true: all is sent. */
static bool
out_flush(struct hc_check *c)
{
	while (c->sent < c->out_len) {
		const ssize_t n = hc_io_send(c, c->out + c->sent, c->out_len - c->sent);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			wait_for(c, EV_WRITE);
			return false;
		}
		if (n < 0) {
			hc_talk_fail(c, TW_CHK_SOCKERR, errno);
			return false;
		}
		c->sent += (uint32_t)n;
	}
	if (!hc_io_flush(c)) {
		wait_for(c, EV_WRITE);
		return false;
	}
	free(c->out);
	c->out = NULL;
	c->out_len = c->sent = 0;
	return true;
}

bool
hc_talk_send(struct hc_check *c, struct tw_str bytes)
{
	TW_ASSERT(c->out == NULL);
	if (bytes.len == 0)
		return true;
	if (c->reset) {
		hc_talk_fail(c, TW_CHK_SOCKERR, ECONNRESET);
		return false;
	}
	c->out = malloc(bytes.len);
	if (c->out == NULL) {
		hc_talk_end(c, NULL);
		return false;
	}
	memcpy(c->out, bytes.p, bytes.len);
	c->out_len = (uint32_t)bytes.len;
	c->sent = 0;
	return out_flush(c);
}

void
hc_talk_read(struct hc_check *c)
{
	if (c->reset) {
		hc_talk_fail(c, TW_CHK_SOCKERR, ECONNRESET);
		return;
	}
	wait_for(c, c->mux_waits ? EV_READ | EV_WRITE : EV_READ);
	if (c->state != NULL && !c->drained) /* what it has makes no event */
		event_active(&c->event, EV_READ, 0);
}

/* An answer is waited for from here on. */
static void
read_timer_set(struct hc_check *c)
{
	const uint32_t read_ms = tw_proxy_timeout_ms(tw_server_proxy(c->srv), "check");

	c->phase = HC_TALKING;
	c->was_late = false;
	if (read_ms != 0)
		tw_timer_set(&c->timer, tw_now_ms() + read_ms);
}

/* Without memory it could not be tried. */
bool
hc_talk_secure(struct hc_check *c, struct tw_req *req)
{
	if (c->transport == NULL || c->established)
		return true;
	if (c->state == NULL) {
		const struct tw_start start =
		    hc_secure_start(c, c->transport_conf, req);

		c->state = c->transport->begin(NULL, &start);
	}
	if (c->state == NULL) {
		hc_talk_end(c, NULL);
		return false;
	}
	switch (c->transport->handshake(NULL, c->state)) {
	case TW_IO_OK:
		c->established = true;
		read_timer_set(c);
		return true;
	case TW_IO_AGAIN:
		c->phase = HC_HANDSHAKE;
		wait_for(c, EV_READ);
		return false;
	default:
		fail(c, TW_CHK_L6RSP, c->transport->why(c->state));
		return false;
	}
}

static void
connected(struct hc_check *c)
{
	c->phase = HC_TALKING;
	c->was_late = false;
	if (c->transport == NULL) /* else its handshake is part of connecting */
		read_timer_set(c);
	hc_script_go(c);
}

static void
connect_ready(struct hc_check *c)
{
	int error = 0;
	socklen_t len = sizeof(error);

	event_del(&c->event);
	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	if (error != 0 && error != ECONNRESET) {
		hc_talk_fail(c, TW_CHK_L4CON, error);
		return;
	}
	c->reset = error != 0; /* accepted and at once reset: it did connect */
	connected(c);
}

static void
io_ready(evutil_socket_t fd, short what, void *arg)
{
	struct hc_check *c = arg;

	(void)fd;
	if (c->phase == HC_CONNECTING)
		connect_ready(c);
	else if (c->phase == HC_HANDSHAKE)
		hc_script_go(c);
	else if (c->mux != NULL)
		hc_mux_event(c);
	else if (!(what & EV_WRITE))
		answer_read(c);
	else if (out_flush(c))
		hc_script_go(c);
}

/* Before any data: the whole time, or with `timeout check`, that of the
 * connection alone. source: HAProxy's manual, timeout check. */
static void
connect_timer_set(struct hc_check *c)
{
	const struct tw_proxy *px = tw_server_proxy(c->srv);
	const uint32_t connect_ms = tw_proxy_timeout_ms(px, "connect");
	const uint64_t whole = c->turn_ms + c->conf.inter_ms;

	if (tw_proxy_timeout_ms(px, "check") == 0)
		tw_timer_set(&c->timer, whole);
	else
		tw_timer_set(&c->timer,
		    tw_now_ms() +
			(connect_ms != 0 && connect_ms < c->conf.inter_ms
				? connect_ms
				: c->conf.inter_ms));
}

static bool
is_our_lack(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS ||
	    error == ENOMEM || error == EADDRNOTAVAIL;
}

static void
connect_failed(struct hc_check *c, int error)
{
	if (!is_our_lack(error)) {
		hc_talk_fail(c, TW_CHK_L4CON, error);
		return;
	}
	tw_log_limited(TW_WARNING,
	    "a health check of %s/%s was left out: %s; raise "
	    "ulimit-n or check less often",
	    tw_proxy_name(tw_server_proxy(c->srv)), tw_server_name(c->srv),
	    strerror(error));
	hc_talk_end(c, NULL);
}

bool
hc_talk_connect(
    struct hc_check *c, const struct tw_addr *to, const struct hc_connect *conn)
{
	struct sockaddr_storage ss;
	const int one = 1;
	const socklen_t len = tw_addr_to_sockaddr(to, &ss);

	socket_close(c);
	c->was_late = false;
	c->to = *to;
	c->phase = HC_CONNECTING;
	c->fd = tw_server_socket(c->srv, ss.ss_family);
	if (c->fd < 0) {
		connect_failed(c, errno);
		return false;
	}
	c->linger = conn->linger;
	c->transport = hc_secure_of(c, conn, &c->transport_conf);
	event_assign(
	    &c->event, tw_worker_base(tw_worker_self()), c->fd, EV_WRITE, io_ready, c);
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	connect_timer_set(c);
	if (connect(c->fd, (struct sockaddr *)&ss, len) == 0)
		connected(c);
	else if (errno == EINPROGRESS)
		wait_for(c, EV_WRITE);
	else
		connect_failed(c, errno);
	return false;
}

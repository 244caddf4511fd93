/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * talk.c - one check: connect, send, read until the type knows.
 *
 * A check holds memory and a descriptor only while it runs. Its answer grows
 * up to HC_ANSWER_MAX; who sends more is judged by what came so far. The
 * socket is closed with a reset, so that thousands of checks leave no
 * TIME_WAIT behind. Lack of descriptors here says nothing about the server:
 * such a check is left out. Control thread.
 */
#include <errno.h>
#include <netinet/tcp.h>
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

	event_del(&c->event);
	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(c->fd);
	c->fd = -1;
	free(c->buf);
	c->buf = NULL;
	c->len = c->size = c->sent = 0;
}

void
hc_talk_abort(struct hc_check *c)
{
	if (c->phase == HC_CONNECTING || c->phase == HC_TALKING)
		socket_close(c);
	c->phase = HC_WAITING;
}

static void
talk_end(struct hc_check *c, struct tw_check_result *r)
{
	hc_talk_abort(c);
	hc_talk_ended(c, r);
}

static void
talk_fail(struct hc_check *c, enum tw_chk what, int error)
{
	struct tw_check_result r = { .what = what };

	if (error != 0)
		snprintf(r.text, sizeof(r.text), "%s", strerror(error));
	talk_end(c, &r);
}

void
hc_talk_timeout(struct hc_check *c)
{
	talk_fail(c, c->phase == HC_CONNECTING ? TW_CHK_L4TOUT : TW_CHK_L7TOUT, 0);
}

static void
wait_for(struct hc_check *c, short what)
{
	event_del(&c->event);
	event_assign(&c->event, tw_worker_base(tw_worker_self()), c->fd,
	    what | EV_PERSIST, io_ready, c);
	event_add(&c->event, NULL);
}

/* returns: false: the check has ended. */
static bool
judge(struct hc_check *c, bool eof)
{
	struct tw_check_result r = { .what = TW_CHK_UNK };
	const struct tw_str got = { c->buf, c->len };

	if (c->len == HC_ANSWER_MAX)
		eof = true;
	if (hc_type_of(c->srv)->answer(c->srv, got, eof, &r) == TW_IO_AGAIN && !eof)
		return true;
	if (r.what == TW_CHK_UNK)
		r.what = TW_CHK_L7RSP;
	talk_end(c, &r);
	return false;
}

static bool
buf_grow(struct hc_check *c)
{
	const uint32_t size = c->size * 2 < HC_ANSWER_MAX ? c->size * 2 : HC_ANSWER_MAX;
	char *buf = realloc(c->buf, size);

	if (buf == NULL)
		return false;
	c->buf = buf;
	c->size = size;
	return true;
}

static void
answer_read(struct hc_check *c)
{
	for (;;) {
		if (c->len == c->size && !buf_grow(c)) {
			talk_end(c, NULL);
			return;
		}
		const ssize_t n = recv(c->fd, c->buf + c->len, c->size - c->len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			talk_fail(c, TW_CHK_SOCKERR, errno);
			return;
		}
		c->len += (uint32_t)n;
		if (!judge(c, n == 0))
			return;
	}
}

/* The request is in buf[sent..len). */
static void
request_send(struct hc_check *c)
{
	while (c->sent < c->len) {
		const ssize_t n =
		    send(c->fd, c->buf + c->sent, c->len - c->sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			wait_for(c, EV_WRITE);
			return;
		}
		if (n < 0) {
			talk_fail(c, TW_CHK_SOCKERR, errno);
			return;
		}
		c->sent += (uint32_t)n;
	}
	c->len = 0;
	wait_for(c, EV_READ);
}

/* in: error, ECONNRESET when the peer accepted and at once reset. */
static void
connected(struct hc_check *c, int error)
{
	char mem[HC_REQUEST_MAX];
	struct tw_out out = tw_out_of(mem, sizeof(mem));
	const uint32_t read_ms = tw_proxy_timeout_ms(tw_server_proxy(c->srv), "check");

	c->phase = HC_TALKING;
	c->len = (uint32_t)hc_type_of(c->srv)->request(c->srv, &out);
	if (c->len == 0) {
		judge(c, true);
		return;
	}
	if (error != 0) {
		talk_fail(c, TW_CHK_SOCKERR, error);
		return;
	}
	c->size = c->len > FIRST_BUF ? HC_REQUEST_MAX : FIRST_BUF;
	c->buf = malloc(c->size);
	if (c->buf == NULL) {
		talk_end(c, NULL);
		return;
	}
	memcpy(c->buf, mem, c->len);
	c->sent = 0;
	if (read_ms != 0)
		tw_timer_set(&c->timer, tw_now_ms() + read_ms);
	request_send(c);
}

static void
connect_ready(struct hc_check *c)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	if (error != 0 && error != ECONNRESET)
		talk_fail(c, TW_CHK_L4CON, error);
	else
		connected(c, error);
}

static void
io_ready(evutil_socket_t fd, short what, void *arg)
{
	struct hc_check *c = arg;

	(void)fd;
	if (c->phase == HC_CONNECTING)
		connect_ready(c);
	else if (what & EV_WRITE)
		request_send(c);
	else
		answer_read(c);
}

/* Before any data: the whole time, or with `timeout check`, that of the
 * connection alone. source: HAProxy's manual, timeout check. */
static uint32_t
connect_timeout_ms(const struct hc_check *c)
{
	const struct tw_proxy *px = tw_server_proxy(c->srv);
	const uint32_t connect_ms = tw_proxy_timeout_ms(px, "connect");

	if (tw_proxy_timeout_ms(px, "check") == 0 || connect_ms == 0)
		return c->conf.inter_ms;
	return connect_ms < c->conf.inter_ms ? connect_ms : c->conf.inter_ms;
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
		talk_fail(c, TW_CHK_L4CON, error);
		return;
	}
	tw_log_limited(TW_WARNING,
	    "a health check of %s/%s was left out: %s; raise "
	    "ulimit-n or check less often",
	    tw_proxy_name(tw_server_proxy(c->srv)), tw_server_name(c->srv),
	    strerror(error));
	talk_end(c, NULL);
}

void
hc_talk_begin(struct hc_check *c)
{
	struct sockaddr_storage ss;
	const int one = 1;
	const socklen_t len = tw_addr_to_sockaddr(&c->conf.addr, &ss);

	c->begun_us = tw_now_us();
	c->fd = tw_server_socket(c->srv, ss.ss_family);
	if (c->fd < 0) {
		connect_failed(c, errno);
		return;
	}
	c->phase = HC_CONNECTING;
	event_assign(
	    &c->event, tw_worker_base(tw_worker_self()), c->fd, EV_WRITE, io_ready, c);
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	tw_timer_set(&c->timer, tw_now_ms() + connect_timeout_ms(c));
	if (connect(c->fd, (struct sockaddr *)&ss, len) == 0)
		connected(c, 0);
	else if (errno == EINPROGRESS)
		wait_for(c, EV_WRITE);
	else
		connect_failed(c, errno);
}

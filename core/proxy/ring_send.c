/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * ring_send.c - a ring's messages on their way to its servers.
 *
 * One stream for each server, on the control thread: connected to when there
 * is something to send, tried again after a second when that fails. A message
 * that was cut off is sent again on the next connection. What a server says is
 * read and forgotten. source: RFC 6587, 3.4.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>

#include <tideway/assert.h>
#include <tideway/log.h>
#include <tideway/worker.h>

#include "proxy/ring.h"

#define OUT_BYTES (80 * 1024) /* more than the longest message and its length */
#define AGAIN_MS 1000

static bool sending; /* control: between up and down */

static void server_run(struct tw__ring_server *s);

static struct timeval
after(uint32_t ms)
{
	return (struct timeval){ .tv_sec = ms / 1000,
		.tv_usec = (suseconds_t)(ms % 1000 * 1000) };
}

/* ---- the connection ----------------------------------------------------- */

static void
disconnect(struct tw__ring_server *s)
{
	if (s->io != NULL)
		event_free(s->io);
	s->io = NULL;
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	s->connected = s->asked = false;
	s->out_off = s->out_done;
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	server_run(arg);
}

/* Lost, or refused. */
static void
failed(struct tw__ring_server *s, const char *why)
{
	const struct timeval tv = after(AGAIN_MS);

	disconnect(s);
	atomic_fetch_add_explicit(&s->failures, 1, memory_order_relaxed);
	/* not tw_log_limited: its own line might go to this very ring */
	tw_log(TW_DEBUG, "ring '%s': server '%s': %s", s->ring->name, s->name, why);
	if (s->again == NULL)
		s->again = evtimer_new(tw_worker_base(tw_worker_at(0)), on_again, s);
	if (s->again != NULL)
		event_add(s->again, &tv);
}

/* What the server says; returns: false: it has gone. */
static bool
swallow(const struct tw__ring_server *s)
{
	char mem[4096];
	ssize_t n;

	do
		n = recv(s->fd, mem, sizeof(mem), MSG_DONTWAIT);
	while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

static bool
finish_connect(struct tw__ring_server *s)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0) {
		failed(s, "cannot connect");
		return false;
	}
	s->connected = true;
	return true;
}

static void
on_io(evutil_socket_t fd, short what, void *arg)
{
	struct tw__ring_server *const s = arg;

	(void)fd;
	if (what & EV_TIMEOUT) {
		failed(
		    s, s->connected ? "took nothing in time" : "no connection in time");
		return;
	}
	if (what & EV_WRITE)
		s->asked = false;
	if (!s->connected && (what & EV_WRITE) && !finish_connect(s))
		return;
	if ((what & EV_READ) && !swallow(s)) {
		failed(s, "closed the connection");
		return;
	}
	server_run(s);
}

/* Waits for what the server says and, when something is pending, for room. */
static void
watch(struct tw__ring_server *s, bool write)
{
	struct event_base *const base = tw_worker_base(tw_worker_at(0));
	const uint32_t ms = s->connected ? s->server_ms : s->connect_ms;
	const struct timeval tv = after(ms);

	if (s->io != NULL && s->asked == write)
		return;
	if (s->io != NULL)
		event_free(s->io);
	s->io = event_new(base, s->fd,
	    (short)(EV_READ | EV_PERSIST | (write ? EV_WRITE : 0)), on_io, s);
	TW_ASSERT(s->io != NULL);
	s->asked = write;
	event_add(s->io, write && ms > 0 ? &tv : NULL);
}

static bool
start_connect(struct tw__ring_server *s)
{
	struct sockaddr_storage ss;
	const socklen_t len = tw_addr_to_sockaddr(&s->addr, &ss);

	s->fd = socket(s->addr.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0) {
		failed(s, "no socket");
		return false;
	}
	if (connect(s->fd, (struct sockaddr *)&ss, len) == 0) {
		s->connected = true;
	} else if (errno != EINPROGRESS) {
		failed(s, "cannot connect");
		return false;
	}
	return true;
}

/* ---- messages ----------------------------------------------------------- */

/* As many as fit behind what is there already. */
static void
fill(struct tw__ring_server *s)
{
	size_t len;

	while ((len = tw__ring_next_len(s->ring, &s->reader)) != SIZE_MAX) {
		char head[16];
		const int head_len =
		    s->octet_count ? snprintf(head, sizeof(head), "%zu ", len) : 0;

		if (s->out_len + (size_t)head_len + len + 1 > OUT_BYTES)
			return;
		memcpy(s->out + s->out_len, head, (size_t)head_len);
		if (tw__ring_next(s->ring, &s->reader, s->out + s->out_len + head_len,
			OUT_BYTES - s->out_len - (size_t)head_len - 1) == SIZE_MAX)
			return;
		s->out_len += (size_t)head_len + len;
		if (!s->octet_count)
			s->out[s->out_len++] = '\n';
	}
}

/* Where the first message that is not wholly sent begins. */
static void
note_sent(struct tw__ring_server *s)
{
	for (;;) {
		const char *const p = s->out + s->out_done;
		size_t len;

		if (s->out_done >= s->out_off)
			return;
		if (s->octet_count) {
			char *end;
			const unsigned long n = strtoul(p, &end, 10);
			len = (size_t)(end - p) + 1 + n;
		} else {
			const char *const nl =
			    memchr(p, '\n', s->out_off - s->out_done);
			len = nl != NULL ? (size_t)(nl - p) + 1 : SIZE_MAX;
		}
		if (len > s->out_off - s->out_done)
			return;
		s->out_done += len;
		atomic_fetch_add_explicit(&s->sent, 1, memory_order_relaxed);
	}
}

/* returns: false: the server has no room, or has gone. */
static bool
send_out(struct tw__ring_server *s)
{
	while (s->out_off < s->out_len) {
		const ssize_t n = send(s->fd, s->out + s->out_off,
		    s->out_len - s->out_off, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			watch(s, true);
			return false;
		}
		if (n < 0) {
			failed(s, "closed the connection");
			return false;
		}
		s->out_off += (size_t)n;
		note_sent(s);
	}
	s->out_len = s->out_off = s->out_done = 0;
	return true;
}

static void
server_run(struct tw__ring_server *s)
{
	if (!sending)
		return;
	if (s->fd < 0) {
		if (s->again != NULL && evtimer_pending(s->again, NULL))
			return;
		if (s->out_len == 0 &&
		    tw__ring_next_len(s->ring, &s->reader) == SIZE_MAX)
			return; /* nothing to connect for */
		if (!start_connect(s))
			return;
	}
	if (!s->connected) {
		watch(s, true);
		return;
	}
	do
		fill(s);
	while (s->out_len > 0 && send_out(s));
	if (s->fd >= 0 && s->out_len == 0)
		watch(s, false);
}

/* ---- rings -------------------------------------------------------------- */

static void
ring_run(void *arg)
{
	struct tw__ring *const r = arg;
	struct tw__ring_server *s;

	atomic_store(&r->woken, false);
	LIST_FOREACH(s, &r->servers, link)
		server_run(s);
}

void
tw__ring_wake(struct tw__ring *r)
{
	struct tw_worker *const control = tw_worker_at(0);

	if (control == NULL || atomic_load_explicit(&r->woken, memory_order_relaxed) ||
	    atomic_exchange(&r->woken, true))
		return;
	tw_worker_post(control, ring_run, r);
}

static void
server_free(struct tw__ring_server *s)
{
	disconnect(s);
	if (s->again != NULL)
		event_free(s->again);
	tw__ring_read_end(s->ring, &s->reader);
	LIST_REMOVE(s, link);
	if (s->addr.family == AF_UNIX)
		free((char *)(uintptr_t)s->addr.u.path);
	free(s->name);
	free(s->out);
	free(s);
}

static void
address_set(struct tw__ring_server *s, const struct tw_addr *addr)
{
	if (s->addr.family == AF_UNIX)
		free((char *)(uintptr_t)s->addr.u.path);
	s->addr = *addr;
	if (addr->family != AF_UNIX)
		return;
	s->addr.u.path = strdup(addr->u.path);
	TW_ASSERT(s->addr.u.path != NULL);
}

static struct tw__ring_server *
server_new(struct tw__ring *r, const struct tw__ring_server_conf *conf)
{
	struct tw__ring_server *const s = calloc(1, sizeof(*s));

	TW_ASSERT(s != NULL);
	s->ring = r;
	s->fd = -1;
	s->octet_count = conf->octet_count;
	s->name = strdup(conf->name);
	s->out = malloc(OUT_BYTES);
	TW_ASSERT(s->name != NULL && s->out != NULL);
	address_set(s, &conf->addr);
	s->reader.holds = true;
	tw__ring_read_from(r, &s->reader, false);
	LIST_INSERT_HEAD(&r->servers, s, link);
	return s;
}

/* The server of a log backend is known by its name, wherever it is; in a ring
 * section another address is another server, which gets all that is in memory. */
static bool
is_same(const struct tw__ring_server *s, const struct tw__ring_server_conf *conf,
    bool may_move)
{
	return strcmp(s->name, conf->name) == 0 &&
	    s->octet_count == conf->octet_count &&
	    (may_move || tw_addr_eq(&s->addr, &conf->addr));
}

static const struct tw__ring_server_conf *
wanted(const struct tw__ring_server *s, const struct tw__ring_conf *conf)
{
	const struct tw__ring_server_conf *c = conf != NULL ? conf->servers : NULL;

	while (c != NULL && !is_same(s, c, conf->implicit))
		c = c->next;
	return c;
}

static struct tw__ring_server *
server_of(struct tw__ring *r, const struct tw__ring_server_conf *conf, bool may_move)
{
	struct tw__ring_server *s;

	LIST_FOREACH(s, &r->servers, link) {
		if (!is_same(s, conf, may_move))
			continue;
		if (!tw_addr_eq(&s->addr, &conf->addr)) {
			disconnect(s);
			address_set(s, &conf->addr);
		}
		return s;
	}
	return server_new(r, conf);
}

void
tw__ring_serve(struct tw__ring *r, const struct tw__ring_conf *conf)
{
	struct tw__ring_server *s, *next;

	for (s = LIST_FIRST(&r->servers); s != NULL; s = next) {
		next = LIST_NEXT(s, link);
		if (wanted(s, conf) == NULL)
			server_free(s);
	}
	for (const struct tw__ring_server_conf *c = conf != NULL ? conf->servers : NULL;
	     c != NULL; c = c->next) {
		s = server_of(r, c, conf->implicit);
		s->connect_ms = conf->connect_ms;
		s->server_ms = conf->server_ms;
	}
	atomic_store_explicit(
	    &r->has_servers, !LIST_EMPTY(&r->servers), memory_order_release);
	if (sending)
		ring_run(r);
}

static void
up_one(struct tw__ring *r, void *arg)
{
	(void)arg;
	ring_run(r);
}

void
tw__rings_up(void)
{
	sending = true;
	tw__ring_each(up_one, NULL);
}

static void
down_one(struct tw__ring *r, void *arg)
{
	struct tw__ring_server *s;

	(void)arg;
	LIST_FOREACH(s, &r->servers, link) {
		if (s->fd >= 0 && s->connected)
			server_run(s);
		disconnect(s);
		if (s->again != NULL)
			event_free(s->again);
		s->again = NULL;
	}
}

void
tw__rings_down(void)
{
	tw__ring_each(down_one, NULL);
	sending = false;
}

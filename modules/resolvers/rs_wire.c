/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * rs_wire.c - the sockets to name servers.
 *
 * A datagram socket is connected, so that the kernel passes nothing on that
 * comes from elsewhere, and is renewed now and then, so that its port is no
 * constant to be guessed. Messages over TCP (RFC 7766) go through a
 * bufferevent that is made when there is something to ask and that ends with
 * the first error. Control thread.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include <tideway/assert.h>
#include "modules/resolvers/rs.h"

#define PORT_LIFE_MS 10000
#define READS_A_TURN 64
#define STREAM_BACKLOG_MAX (256u * 1024)

static struct event_base *
base(void)
{
	return tw_worker_base(tw_worker_self());
}

static uint8_t answer[65536];

static void
on_datagram(evutil_socket_t fd, short what, void *arg)
{
	struct rs_ns *const ns = arg;

	(void)what;
	for (int i = 0; i < READS_A_TURN; i++) {
		/* one byte more than allowed tells what is too big */
		const ssize_t n =
		    recv(fd, answer, ns->group->conf->payload + 1u, MSG_DONTWAIT);

		if (n < 0)
			return; /* nothing more, or an ICMP error: time runs out */
		if ((size_t)n > ns->group->conf->payload)
			ns->count.too_big++;
		else
			rs_ns_answered(ns, answer, (size_t)n);
	}
}

static void
datagram_close(struct rs_ns *ns)
{
	if (ns->ev != NULL)
		event_free(ns->ev);
	if (ns->fd >= 0)
		close(ns->fd);
	ns->ev = NULL;
	ns->fd = -1;
}

static bool
datagram_open(struct rs_ns *ns)
{
	struct sockaddr_storage ss;
	const socklen_t len = tw_addr_to_sockaddr(&ns->conf->addr, &ss);

	ns->fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (ns->fd < 0 || connect(ns->fd, (struct sockaddr *)&ss, len) != 0)
		return false;
	ns->ev = event_new(base(), ns->fd, EV_READ | EV_PERSIST, on_datagram, ns);
	ns->opened_ms = tw_now_ms();
	return ns->ev != NULL && event_add(ns->ev, NULL) == 0;
}

static bool
is_asking(const struct rs_group *g)
{
	for (int i = 0; i < RS_ID_SLOTS; i++) {
		const struct rs_name *n;

		LIST_FOREACH(n, &g->by_id[i], id_link)
			if (n->sent != 0)
				return true;
	}
	return false;
}

static bool
datagram_send(struct rs_ns *ns, const uint8_t *p, size_t len)
{
	if (ns->fd >= 0 && tw_now_ms() - ns->opened_ms > PORT_LIFE_MS &&
	    !is_asking(ns->group))
		datagram_close(ns);
	if (ns->fd < 0 && !datagram_open(ns)) {
		datagram_close(ns);
		return false;
	}
	/* the first try may bring the ICMP error of an earlier message */
	return send(ns->fd, p, len, MSG_NOSIGNAL) >= 0 ||
	    (errno == ECONNREFUSED && send(ns->fd, p, len, MSG_NOSIGNAL) >= 0);
}

/* --- TCP --- */

static void
stream_close(struct rs_ns *ns)
{
	if (ns->tcp != NULL)
		bufferevent_free(ns->tcp);
	ns->tcp = NULL;
}

static void
on_stream(struct bufferevent *bev, void *arg)
{
	struct rs_ns *const ns = arg;
	struct evbuffer *const in = bufferevent_get_input(bev);

	for (;;) {
		uint8_t head[2];

		if (evbuffer_copyout(in, head, 2) < 2)
			return;
		const size_t len = rs_answer_id(head);
		if (evbuffer_get_length(in) < 2 + len)
			return;
		evbuffer_drain(in, 2);
		evbuffer_remove(in, answer, len);
		if (len > ns->group->conf->payload)
			ns->count.too_big++;
		else
			rs_ns_answered(ns, answer, len);
		if (ns->tcp != bev)
			return;
	}
}

static void
on_stream_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR | BEV_EVENT_TIMEOUT))
		stream_close(arg);
}

static bool
stream_open(struct rs_ns *ns)
{
	struct sockaddr_storage ss;
	const socklen_t len = tw_addr_to_sockaddr(&ns->conf->addr, &ss);

	ns->tcp = bufferevent_socket_new(base(), -1, BEV_OPT_CLOSE_ON_FREE);
	if (ns->tcp == NULL)
		return false;
	bufferevent_setcb(ns->tcp, on_stream, NULL, on_stream_event, ns);
	bufferevent_setwatermark(ns->tcp, EV_READ, 0, sizeof(answer) + 2);
	bufferevent_enable(ns->tcp, EV_READ | EV_WRITE);
	/* a failure at once calls on_stream_event, which lets go of it */
	return bufferevent_socket_connect(ns->tcp, (struct sockaddr *)&ss, (int)len) ==
	    0 &&
	    ns->tcp != NULL;
}

static bool
stream_send(struct rs_ns *ns, const uint8_t *p, size_t len)
{
	const uint8_t head[2] = { (uint8_t)(len >> 8), (uint8_t)len };

	if (ns->tcp == NULL && !stream_open(ns)) {
		stream_close(ns);
		return false;
	}
	/* one that takes nothing shall not make us gather questions */
	if (evbuffer_get_length(bufferevent_get_output(ns->tcp)) > STREAM_BACKLOG_MAX)
		return false;
	return bufferevent_write(ns->tcp, head, 2) == 0 &&
	    bufferevent_write(ns->tcp, p, len) == 0;
}

/* --- both --- */

void
rs_ns_init(struct rs_ns *ns, struct rs_group *g, const struct rs_ns_conf *conf)
{
	*ns = (struct rs_ns){ .group = g, .conf = conf, .fd = -1 };
}

void
rs_ns_fini(struct rs_ns *ns)
{
	datagram_close(ns);
	stream_close(ns);
}

void
rs_ns_silent(struct rs_ns *ns)
{
	ns->count.timeout++;
	stream_close(ns);
}

bool
rs_ns_send(struct rs_ns *ns, const uint8_t *p, size_t len)
{
	const bool sent =
	    ns->conf->stream ? stream_send(ns, p, len) : datagram_send(ns, p, len);

	if (sent)
		ns->count.sent++;
	else
		ns->count.snd_error++;
	return sent;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * exchange.c - one request of a script's, and the connections that are kept for
 * the next ones.
 *
 * Connections are kept for each worker and destination. One that turns out to be
 * closed before a byte of an answer came is replaced by a new one.
 */
#include "net.h"

#include <event2/bufferevent_ssl.h>
#include <stdio.h>
#include <stdlib.h>

#define OF(member, p)                                         \
	((struct lu_exchange *)(void *)((char *)(p)-offsetof( \
	    struct lu_exchange, member)))
#define KEPT_MAX 128
#define KEPT_S 30
#define AGAIN_MS 1000 /* between a connection that failed and the next try */

/* ---- kept connections ---- */

struct lu_kept {
	struct lu_kept *next, **prev;
	struct lu_net *net;
	struct bufferevent *bev; /* owns */
	char key[];
};

static struct bufferevent *
kept_take(struct lu_kept *k)
{
	struct bufferevent *const bev = k->bev;

	*k->prev = k->next;
	if (k->next != NULL)
		k->next->prev = k->prev;
	k->net->n_kept--;
	free(k);
	bufferevent_set_timeouts(bev, NULL, NULL);
	return bev;
}

static void
kept_drop(struct lu_kept *k)
{
	struct bufferevent *bev = kept_take(k);

	lu_bev_free(&bev);
}

/* It has nothing to say: whatever it is, it is the end. */
static void
kept_reads(struct bufferevent *bev, void *arg)
{
	(void)bev;
	kept_drop(arg);
}

static void
kept_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	(void)what;
	kept_drop(arg);
}

static struct lu_kept *
kept_find(struct lu_net *net, const char *key)
{
	struct lu_kept *k = net->kept;

	while (k != NULL && strcmp(k->key, key) != 0)
		k = k->next;
	return k;
}

static void
keep(struct lu_exchange *x)
{
	struct lu_net *const net = lu_net_here();
	struct lu_kept *const k = malloc(sizeof(*k) + strlen(x->key) + 1);
	const struct timeval limit = { KEPT_S, 0 };

	if (k == NULL)
		return;
	k->net = net;
	k->bev = x->bev;
	x->bev = NULL;
	strcpy(k->key, x->key);
	k->next = net->kept;
	k->prev = &net->kept;
	if (k->next != NULL)
		k->next->prev = &k->next;
	net->kept = k;
	bufferevent_setcb(k->bev, kept_reads, NULL, kept_event, k);
	bufferevent_set_timeouts(k->bev, &limit, NULL);
	if (++net->n_kept <= KEPT_MAX)
		return;
	struct lu_kept *last = k;
	while (last->next != NULL)
		last = last->next;
	kept_drop(last);
}

void
lu_kept_fini(struct lu_net *net)
{
	while (net->kept != NULL)
		kept_drop(net->kept);
}

/* ---- the exchange ---- */

static void begin(struct lu_exchange *x, bool may_reuse);

static void
finish(struct lu_exchange *x)
{
	tw_timer_del(&x->idle);
	tw_timer_del(&x->whole);
	lu_dial_stop(&x->dial);
	lu_bev_free(&x->bev);
	x->busy = false;
	x->done(x);
}

static void
fail(struct lu_exchange *x, int status, const char *why)
{
	if (why != x->why)
		snprintf(x->why, sizeof(x->why), "%s", why);
	x->status = status;
	finish(x);
}

static void
arm(struct lu_exchange *x)
{
	if (x->idle_ms > 0)
		tw_timer_set(&x->idle, tw_now_ms() + x->idle_ms);
}

static void
complete(struct lu_exchange *x)
{
	if (x->h1.at == LU_H1_BAD) {
		snprintf(x->why, sizeof(x->why), "bad response: %s", x->h1.why);
		fail(x, 502, x->why);
		return;
	}
	if (!x->no_keep && lu_h1_keeps(&x->h1) &&
	    evbuffer_get_length(bufferevent_get_output(x->bev)) == 0 &&
	    evbuffer_get_length(bufferevent_get_input(x->bev)) == 0)
		keep(x);
	finish(x);
}

static void
on_read(struct bufferevent *bev, void *arg)
{
	struct lu_exchange *const x = arg;

	if (lu_h1_feed(&x->h1, bufferevent_get_input(bev), false))
		complete(x);
	else
		arm(x);
}

/* A kept connection that its peer has closed meanwhile. */
static bool
is_stale(const struct lu_exchange *x)
{
	return x->reused && x->h1.at == LU_H1_STATUS && x->h1.head_len == 0 &&
	    evbuffer_get_length(bufferevent_get_input(x->bev)) == 0;
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct lu_exchange *const x = arg;
	const int error = EVUTIL_SOCKET_ERROR();
	struct evbuffer *const in = bufferevent_get_input(bev);

	if (is_stale(x)) {
		tw_timer_del(&x->idle); /* looks at what was sent */
		lu_bev_free(&x->bev);
		begin(x, false);
	} else if (what & BEV_EVENT_EOF) {
		lu_h1_feed(&x->h1, in, true);
		complete(x);
	} else if (lu_h1_feed(&x->h1, in, false)) {
		complete(x); /* all is there, although sending failed */
	} else {
		snprintf(x->why, sizeof(x->why), "%s: %s",
		    what & BEV_EVENT_WRITING ? "send" : "receive",
		    error != 0 ? evutil_socket_error_to_string(error)
			       : "connection lost");
		fail(x, 502, x->why);
	}
}

static void
on_sent(struct bufferevent *bev, void *arg)
{
	(void)bev;
	arm(arg);
}

static void
on_idle(struct tw_timer *t)
{
	struct lu_exchange *const x = OF(idle, t);
	const size_t left = evbuffer_get_length(bufferevent_get_output(x->bev));

	if (left < x->unsent) {
		x->unsent = left;
		arm(x);
		return;
	}
	fail(x, 504, "timeout");
}

static void
on_whole(struct tw_timer *t)
{
	fail(OF(whole, t), 504, "timeout");
}

static void
talk(struct lu_exchange *x)
{
	bufferevent_setcb(x->bev, on_read, on_sent, on_event, x);
	evbuffer_add_buffer_reference(bufferevent_get_output(x->bev), x->request);
	bufferevent_enable(x->bev, EV_READ | EV_WRITE);
	x->unsent = evbuffer_get_length(bufferevent_get_output(x->bev));
	x->idle.fn = on_idle;
	arm(x);
}

static void
on_again(struct tw_timer *t)
{
	struct lu_exchange *const x = OF(idle, t);

	lu_dial(&x->dial);
}

static void
dialled(struct lu_dial *d)
{
	struct lu_exchange *const x = OF(dial, d);

	x->bev = d->bev;
	d->bev = NULL;
	if (x->bev != NULL) {
		talk(x);
	} else if (x->retries > 0 && strncmp(d->why, "connect: ", 9) == 0) {
		x->retries--;
		x->idle.fn = on_again;
		tw_timer_set(&x->idle, tw_now_ms() + AGAIN_MS);
	} else {
		fail(x, 503, d->why);
	}
}

static void
begin(struct lu_exchange *x, bool may_reuse)
{
	struct lu_kept *const k =
	    may_reuse && !x->no_keep ? kept_find(lu_net_here(), x->key) : NULL;

	x->reused = k != NULL;
	if (k != NULL) {
		x->bev = kept_take(k);
		talk(x);
		return;
	}
	x->dial.done = dialled;
	lu_dial(&x->dial);
}

/* ---- played, in lua-test ---- */

lu_played_fn *lu_exchange_played;

static void
on_played(struct tw_timer *t)
{
	struct lu_exchange *const x = OF(idle, t);

	if (x->why[0] != '\0') {
		fail(x, 503, x->why);
		return;
	}
	lu_h1_feed(&x->h1, x->request, true);
	complete(x);
}

/* As with the network, the answer comes later. */
static void
play(struct lu_exchange *x)
{
	x->no_keep = true;
	lu_exchange_played(x);
	x->idle.fn = on_played;
	tw_timer_set(&x->idle, tw_now_ms());
}

/* ---- both ---- */

static void
key_make(struct lu_exchange *x)
{
	const struct lu_to *const to = &x->dial.to;
	struct tw_out o = tw_out_of(x->key, sizeof(x->key) - 1);
	struct tw_addr a;

	if (to->len > 0) {
		tw_addr_from_sockaddr(&a, (const struct sockaddr *)&to->ss, to->len);
		if (a.family == AF_UNIX)
			tw_out_mem(
			    &o, (const char *)&to->ss + sizeof(sa_family_t), 108);
		else
			tw_addr_port_out(&o, &a);
	} else {
		tw_out_printf(&o, "%s:%u/%d", to->host, to->port, to->family);
	}
	for (char *p = x->key; p < o.p; p++)
		if (*p == '\0')
			*p = '\n';
	if (x->dial.tls != NULL)
		tw_out_printf(&o, " %p %d %s", (void *)x->dial.tls, x->dial.verify,
		    x->dial.sni != NULL ? x->dial.sni : to->host);
	*o.p = '\0';
	if (o.over)
		x->no_keep = true;
}

void
lu_exchange(struct lu_exchange *x)
{
	x->busy = true;
	x->h1.is_head = x->is_head;
	key_make(x);
	if (x->whole_ms > 0) {
		x->whole.fn = on_whole;
		tw_timer_set(&x->whole, tw_now_ms() + x->whole_ms);
	}
	if (TW_UNLIKELY(lu_exchange_played != NULL))
		play(x);
	else
		begin(x, true);
}

void
lu_exchange_fini(struct lu_exchange *x)
{
	if (x->busy) {
		tw_timer_del(&x->idle);
		tw_timer_del(&x->whole);
		lu_dial_stop(&x->dial);
		lu_bev_free(&x->bev);
		x->busy = false;
	}
	lu_h1_fini(&x->h1);
	if (x->request != NULL)
		evbuffer_free(x->request);
	x->request = NULL;
}

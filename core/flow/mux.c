/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * flow/mux.c - connections that carry streams, and the streams.
 *
 * A carrier serves no exchange: its events go to its protocol's module, which
 * makes streams of what comes and sends what they say. A stream goes through
 * the flow as a connection with one request. What a module queues for a carrier
 * leaves once for each turn of the loop, so many answers cost one send. A stream
 * that is lost ends its exchange at once; a carrier that ends loses its streams.
 * One worker's thread.
 */
#include "config.h"

#include <tideway/assert.h>
#include "core/flow/req.h"

/* --- the beginning of a carrier --- */

static void
mux_begin(struct tw_conn *cli, const struct tw_proto *proto)
{
	cli->mux_state = proto->mux->begin(cli, cli->server_side);
	if (cli->mux_state == NULL) {
		tw__client_end(cli);
		return;
	}
	cli->mux = proto->mux;
	cli->proto = proto;
	tw__conn_watch(cli);
	tw__conn_nodelay(cli);
	cli->readable = true;
	tw__mux_event(cli);
}

/* What the transport's peers have agreed upon. returns: NULL: nothing with streams. */
static const struct tw_proto *
agreed(const struct tw_conn *conn, const struct tw_proto *proto)
{
	const struct tw_transport *const t = conn->transport;

	if (proto == NULL || t == NULL || t->alpn == NULL)
		return NULL;
	const struct tw_str name = t->alpn(conn->transport_state);
	return name.p != NULL && tw_str_eq(name, tw_str_of(proto->alpn)) ? proto : NULL;
}

bool
tw__mux_agreed(struct tw_conn *cli)
{
	const struct tw_proto *const proto = cli->bind->proto != NULL
	    ? cli->bind->proto
	    : agreed(cli, cli->bind->proxy->mux_proto);

	if (proto == NULL || proto->mux == NULL)
		return false;
	mux_begin(cli, proto);
	return true;
}

/* A client may speak it without a word before. returns: OK, AGAIN, END: no. */
static enum tw_io
sees(struct tw_conn *cli, const struct tw_proto *proto)
{
	enum tw_io io;

	for (;;) {
		io = proto->mux->sees(tw__buf_str(&cli->in));
		if (io != TW_IO_AGAIN)
			return io;
		io = tw__conn_recv(cli, 0);
		if (io != TW_IO_OK)
			return io == TW_IO_AGAIN ? TW_IO_AGAIN : TW_IO_END;
	}
}

bool
tw__mux_begins(struct tw_conn *cli)
{
	const struct tw_proxy *const px = cli->bind->proxy;
	const struct tw_proto *const proto = px->mux_proto;

	if (proto == NULL || px->c.no_mux_upgrade || cli->bind->proto != NULL)
		return false;
	switch (sees(cli, proto)) {
	case TW_IO_OK:
		mux_begin(cli, proto);
		return true;
	case TW_IO_AGAIN:
		tw__client_idle(cli);
		return true;
	default:
		return false;
	}
}

/* --- servers --- */

const struct tw_proto *
tw__mux_speaks(const struct tw_req *req)
{
	const struct tw_proto *said = req->srv->proto, *instead;

	if (TW_UNLIKELY(req->srvc->private) &&
	    (instead = tw__websocket_instead(req)) != NULL)
		said = req->srvc->transport != NULL && instead->mux != NULL ? NULL
									    : instead;
	if (TW_LIKELY(said == NULL && req->srvc->transport == NULL))
		return NULL;
	if (said == NULL)
		return agreed(req->srvc, req->fe->mux_proto);
	return said->mux != NULL && said->mux->open != NULL ? said : NULL;
}

struct tw_conn *
tw__mux_stream(struct tw_conn *c)
{
	struct tw_conn *const s = tw__conn_new_stream(c, NULL);

	if (s == NULL)
		return NULL;
	s->transport_state = c->mux->open(c, c->mux_state, s);
	if (s->transport_state == NULL) {
		struct tw_conn *gone = s;
		s->transport = NULL;
		tw__conn_free(&gone);
		return NULL;
	}
	s->n_requests = c->n_requests++;
	tw__upstream_share(c);
	return s;
}

bool
tw__mux_connected(struct tw_req *req, const struct tw_proto *proto)
{
	struct tw_conn *const c = req->srvc;

	req->srvc = NULL;
	tw__upstream_unuse(c);
	tw_timer_set(&c->timer, 0);
	c->req = NULL;
	c->connecting = false;
	c->n_requests = 0;
	tw__upstream_share(c);
	if (c->shared)
		c->mux_state = proto->mux->begin(c, true);
	if (c->mux_state == NULL) {
		struct tw_conn *gone = c;
		if (c->shared)
			tw__upstream_carrier_off(c);
		tw__conn_free(&gone);
		return false;
	}
	c->mux = proto->mux;
	c->proto = proto;
	c->private |= req->srv->per_client || req->be->c.reuse == TW__REUSE_NEVER;
	tw__conn_watch(c);
	tw__conn_nodelay(c);
	req->srvc = tw__mux_stream(c);
	if (req->srvc == NULL)
		tw_mux_wakes(c);
	return req->srvc != NULL;
}

/* --- events --- */

/* An idle carrier waits as any client does between two requests, whatever else than a
 * request may come meanwhile; one whose streams are at work waits only for room. */
static void
rest(struct tw_conn *c)
{
	const uint32_t ms = c->bind->proxy->c.timeout.client;
	const bool was_idle = c->mux_idle;

	c->mux_idle = c->n_streams == 0 && c->writable;
	if (c->mux_idle && was_idle && !atomic_load(&tw__stopping))
		; /* since then */
	else if (c->mux_idle)
		tw__client_idle(c);
	else if (!c->writable && ms != 0)
		tw_timer_set(&c->timer, tw_now_ms() + ms);
	else
		tw_timer_set(&c->timer, 0);
	if (c->in.head == c->in.tail) /* else: the beginning of a frame */
		tw__buf_put(c);
}

/* Bodies end here. Who has asked for all may still wait for it; option abortonclose
 * thinks otherwise. */
static void
tell_half_closed(struct tw_conn *c)
{
	struct tw_conn *s;

	LIST_FOREACH(s, &c->streams, stream_link) {
		if (s->rdhup)
			continue;
		s->rdhup = true;
		tw__conn_again(s);
	}
}

void
tw__mux_event(struct tw_conn *c)
{
	const bool is_over = c->timed_out;

	if (TW_UNLIKELY(c->mux == NULL))
		return; /* it has ended since it was woken */
	c->timed_out = false;
	if (is_over) {
		c->mux->leave(c, c->mux_state);
		c->mux->leave(c, c->mux_state); /* nobody waits for an answer to it */
	}
	/* behind FIN nothing is read any more that would tell of a reset */
	if (!c->mux->event(c, c->mux_state) || is_over ||
	    (TW_UNLIKELY(c->eof) && tw__conn_is_reset(c))) {
		tw__mux_end(c);
		return;
	}
	/* What its streams did meanwhile has been seen to; else one that always finds
	 * more to send would be woken on and on, and others would wait. */
	tw__conn_wakes_forget(c);
	if (TW_UNLIKELY(c->eof))
		tell_half_closed(c);
	if (!c->server_side)
		rest(c);
	else if (c->n_streams == 0 && c->shared)
		tw__upstream_carrier_rests(c);
}

void
tw__mux_leave(struct tw_conn *c)
{
	c->mux->leave(c, c->mux_state);
	tw_mux_wakes(c);
}

/* What a server's stream has received may still be of use. */
static void
server_end(struct tw_conn *c)
{
	struct tw_conn *stream;

	tw__upstream_carrier_off(c); /* what follows may look for one */
	c->mux->fini(c, c->mux_state);
	c->mux = NULL;
	while ((stream = LIST_FIRST(&c->streams)) != NULL) {
		LIST_REMOVE(stream, stream_link);
		c->n_streams--;
		stream->carrier = NULL;
		stream->fd = -1;
		stream->untouched |= c->untouched;
		tw_stream_lost(stream, "its connection ended");
	}
	tw__conn_free(&c);
}

void
tw__mux_end(struct tw_conn *c)
{
	struct tw_conn *stream;

	if (c->server_side) {
		server_end(c);
		return;
	}
	while ((stream = LIST_FIRST(&c->streams)) != NULL)
		tw_stream_lost(stream, "its connection ended");
	c->mux->fini(c, c->mux_state);
	c->mux = NULL;
	c->linger_wanted = true;
	tw__client_end(c);
}

/* --- a carrier's bytes --- */

enum tw_io
tw_mux_read(struct tw_conn *c, struct tw_str *bytes)
{
	/* up to what recv() says: a reset that came with the last bytes makes no event of
	 * its own, and the streams may have nothing to write for long */
	const enum tw_io io = tw__conn_recv(c, 0);

	*bytes = tw__buf_str(&c->in);
	return io == TW_IO_ERR && !c->failed ? TW_IO_OK : io; /* it is full */
}

void
tw_mux_used(struct tw_conn *c, size_t n)
{
	c->in.head += (uint32_t)n;
}

enum tw_io
tw_mux_write(struct tw_conn *c, struct iovec *iov, int n_iov, size_t *sent)
{
	return tw__conn_write(c, iov, n_iov, sent);
}

void
tw_mux_wakes(struct tw_conn *c)
{
	if (c->mux_wakes)
		return;
	c->mux_wakes = true;
	LIST_INSERT_HEAD(&c->worker->net->wakes, c, wakes_link);
}

void
tw_mux_later(struct tw_conn *c)
{
	tw__conn_again(c);
}

uint32_t
tw_mux_streams(const struct tw_conn *c)
{
	return c->n_streams;
}

const struct tw_proxy *
tw_mux_proxy(const struct tw_conn *c)
{
	return c->bind != NULL ? c->bind->proxy : NULL;
}

void
tw_mux_info(struct tw_conn *conn, struct tw_mux_info *out)
{
	const struct tw_conn *const c = tw__conn_session(conn);

	*out = (struct tw_mux_info){ .streams = 1, .limit = 1 };
	if (conn->is_stream || c->mux != NULL)
		out->name = conn->proto->name;
	if (c->mux == NULL)
		return;
	out->streams = c->n_streams;
	if (c->mux->limit != NULL)
		out->limit = c->mux->limit(c->mux_state);
	if (c->mux->glitches != NULL)
		out->glitches = c->mux->glitches(c->mux_state);
}

void
tw_mux_refused(struct tw_conn *c)
{
	const int id = c->worker->id;

	tw__cnt(&c->bind->proxy->live->fe, id, TW_CNT_EREQ, 1);
	tw__cnt(&c->bind->live->s, id, TW_CNT_EREQ, 1);
}

void
tw_mux_malformed(struct tw_conn *c, const char *why)
{
	tw_mux_refused(c);
	struct tw_req *req = tw__req_new(c);

	if (req == NULL)
		return;
	c->n_requests--; /* it is none */
	req->status = 0;
	req->t_first = req->t_end = tw_turn_us();
	req->step = TW__READ;
	tw__flow_fail(req, 0, 'P', 'R', why);
	tw__flow_log(req);
	c->req = NULL;
	tw__req_free(&req);
}

/* --- streams --- */

struct tw_conn *
tw_stream_new(struct tw_conn *c, void *state)
{
	struct tw_conn *const s = tw__conn_new_stream(c, state);

	if (s == NULL)
		return NULL;
	tw__client_follow(c);
	s->bind = c->bind;
	s->gen = c->gen;
	tw__gen_ref(s->gen);
	s->src = c->src;
	s->dst = c->dst;
	s->dst_known = c->dst_known;
	s->accepted_us = tw_turn_us();
	s->idle_us = c->n_streams > 1 ? s->accepted_us : c->idle_us;
	s->n_requests = c->n_requests++;
	s->writable = true;
	c->mux_idle = false;
	TAILQ_INSERT_TAIL(&c->worker->net->clients, s, link);
	if (TW_UNLIKELY(c->last || tw__stop_closes()))
		tw__mux_leave(c);
	return s;
}

char *
tw_stream_room(struct tw_conn *s, size_t *n)
{
	*n = 0;
	if (s->lingering || (s->in.base == NULL && !tw__buf_get(s)))
		return NULL;
	*n = s->in.size - s->in.tail;
	return s->in.base + s->in.tail;
}

void
tw_stream_fed(struct tw_conn *s, size_t n)
{
	s->in.tail += (uint32_t)n;
}

void
tw_stream_begin(struct tw_conn *s)
{
	struct tw_req *const req = tw__client_request(s);

	s->readable = true; /* more than the head may be there */
	if (req == NULL)
		tw__client_end(s);
	else
		tw__flow_run(req);
}

void
tw_stream_event(struct tw_conn *s, bool readable, bool writable)
{
	if (readable)
		s->readable = true;
	if (writable)
		s->writable = true;
	tw__flow_event(s);
}

/* HAProxy's letters: D, as soon as there is a server to answer. */
static void
exchange_lost(struct tw_req *req, const char *why)
{
	const char when = tw__step_term(req);

	tw__pick_leave(req);
	if (req->step != TW__LOG) {
		if (req->be_counted)
			tw__count_client_abort(req);
		tw__flow_fail(req, 0, 'C', when == 'H' ? 'D' : when, why);
	}
	tw__flow_run(req);
}

void
tw_stream_lost(struct tw_conn *s, const char *why)
{
	struct tw_conn *conn = s;

	if (s->server_side) { /* recv() tells */
		s->lost_why = why;
		tw_stream_event(s, true, true);
		return;
	}
	s->failed = true;
	if (s->lingering)
		tw__conn_free(&conn);
	else if (s->req != NULL)
		exchange_lost(s->req, why);
	else
		tw__client_end(s);
}

void
tw_stream_untouched(struct tw_conn *s)
{
	s->untouched = true;
}

struct tw_conn *
tw_stream_carrier(struct tw_conn *conn)
{
	return tw__conn_session(conn);
}

void
tw__stream_ends(struct tw_conn *s)
{
	struct tw_conn *conn = s;
	struct tw_gen *const gen = s->gen;

	TAILQ_REMOVE(&s->worker->net->clients, s, link);
	s->carrier->idle_us = s->idle_us;
	tw__conn_linger(&conn);
	tw__gen_unref(gen);
}

void
tw__mux_stream_ended(struct tw_conn *c)
{
	if (c->mux != NULL)
		tw_mux_wakes(c);
}

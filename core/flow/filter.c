/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * flow/filter.c - moving a body through filters (tideway/filter.h).
 *
 * The filters of a direction are a row of stages. What one gives is held for
 * the next until that has taken it, and always the last stage that has anything
 * to do runs first: so at most one piece waits in front of each, and nothing is
 * read before all of them are empty. A stage that takes nothing for now, or a
 * receiver with a backlog, thus holds back the sender. What leaves is gathered in
 * the worker's scratch memory behind the head, as many small pieces would cost a
 * system call each. Steps `send`, `response` and `deliver`. One worker's thread.
 */
#include "config.h"

#include <tideway/assert.h>
#include <tideway/edit.h>
#include "core/flow/req.h"
#include "core/module/module_int.h"

#define MAX_FILTERS 16
/* A stage that waits is asked again after this at the latest, so that no peer is
 * thought to have stalled meanwhile. */
#define WAIT_MS_MAX 1000u
/* Longer pieces are not copied. */
#define GATHER_MAX 4096u

struct tw__stage {
	const struct tw_filter *filter;
	void *state;
	struct tw_str held; /* came to it and was not taken yet */
	bool last;          /* nothing follows that */
	bool more;          /* it has more to give */
	bool ending;        /* its `end` was called */
	bool ended;         /* it has given everything */
	bool dirty;         /* has taken something since its `flush` */
	bool off;           /* left out: all passes */
};

/* What is on its way to the receiver, at the start of the scratch memory; or, when
 * that is a service, what it gets next. */
struct sink {
	struct tw_req *req;
	struct tw__half *h;
	struct tw_str *taken; /* by the service; NULL: there is a connection */
	size_t len;
	bool failed;
};

/* --- the sink --- */

static char *
gathered(const struct sink *s)
{
	return s->req->worker->net->scratch;
}

static void
sink_send(struct sink *s, struct iovec *iov, int n)
{
	if (n == 0 || s->failed)
		return;
	s->req->moved = true;
	s->failed = tw__conn_send(tw__half_receiver(s->req, s->h), iov, n) == TW_IO_ERR;
}

static void
sink_flush(struct sink *s)
{
	struct iovec iov = { gathered(s), s->len };

	sink_send(s, &iov, s->len > 0);
	s->len = 0;
}

static size_t
iov_bytes(const struct iovec *iov, int n)
{
	size_t sum = 0;

	for (int i = 0; i < n; i++)
		sum += iov[i].iov_len;
	return sum;
}

static bool
sink_is_full(const struct sink *s)
{
	if (s->taken != NULL)
		return s->taken->len > 0;
	return s->failed || tw__conn_backlog(tw__half_receiver(s->req, s->h));
}

static void
sink_put(struct sink *s, struct tw_str data, bool end)
{
	char mem[32];
	struct tw_out scratch = tw_out_of(mem, sizeof(mem));
	struct iovec iov[TW_PROTO_IOV + 1] = { { gathered(s), s->len } };
	struct tw__half *const h = s->h;

	if (s->taken != NULL)
		*s->taken = data;
	if ((data.len == 0 && !end) || s->taken != NULL)
		return;
	tw__half_trailers(s->req, h);
	const int n = tw__half_out_proto(s->req, h)->write_body(
	    &h->out, data, end, &scratch, iov + 1);
	const size_t bytes = iov_bytes(iov + 1, n);
	h->bytes += tw__counted(&h->out, bytes);
	if (bytes > GATHER_MAX ||
	    bytes > sizeof(s->req->worker->net->scratch) - s->len) {
		const int skip = s->len == 0;
		sink_send(s, iov + skip, n + 1 - skip);
		s->len = 0;
		return;
	}
	for (int i = 1; i <= n; i++) {
		memcpy(gathered(s) + s->len, iov[i].iov_base, iov[i].iov_len);
		s->len += iov[i].iov_len;
	}
}

/* --- the stages --- */

static void
on_timer(struct tw_timer *t)
{
	tw__flow_run(((struct tw__filters *)t)->req);
}

/* Half of the shorter one of the peers' times, so that neither is over. */
static uint32_t
patience_ms(struct tw_req *req)
{
	const uint32_t client = tw_req_timeout_ms(req, "client") / 2;
	const uint32_t server = tw_req_timeout_ms(req, "server") / 2;
	uint32_t ms = WAIT_MS_MAX;

	if (client != 0 && client < ms)
		ms = client;
	return server != 0 && server < ms ? server : ms;
}

/* It takes nothing now. */
static void
wait_for(struct tw__filters *f, const struct tw_filter *filter, uint32_t ms)
{
	const uint32_t most = patience_ms(f->req);
	const uint32_t in = ms == 0 ? 1 : ms < most ? ms : most;

	tw_timer_set(&f->timer, tw_now_ms() + in);
	f->req->moved = true; /* neither peer is at fault */
	f->req->waiting_filter = filter;
}

static enum tw_io
stage_take(struct tw__filters *f, struct tw__stage *st, struct tw_str *out)
{
	const struct tw_filter *const filter = st->filter;
	struct tw_str piece = st->held;
	uint32_t ms = 0;

	if (filter->room != NULL && !st->off)
		piece.len = filter->room(f->req, st->state, piece.len, st->last, &ms);
	TW_ASSERT(piece.len <= st->held.len);
	if (piece.len == 0) {
		wait_for(f, filter, ms);
		return TW_IO_END;
	}
	f->req->waiting_filter = NULL;
	st->held.p += piece.len;
	st->held.len -= piece.len;
	st->dirty = true;
	*out = piece;
	if (filter->data == NULL || st->off)
		return TW_IO_OK;
	*out = (struct tw_str){ NULL, 0 };
	return filter->data(f->req, st->state, piece, out);
}

static enum tw_io
stage_end(struct tw__filters *f, struct tw__stage *st, struct tw_str *out)
{
	enum tw_io io = TW_IO_OK;

	st->ending = true;
	if (st->filter->end != NULL && !st->off)
		io = st->filter->end(f->req, st->state, out);
	st->ended = io != TW_IO_AGAIN && io != TW_FILTER_WAIT;
	return io;
}

/* returns: as data() does. */
static enum tw_io
stage_call(struct tw__filters *f, struct tw__stage *st, struct tw_str *out)
{
	const struct tw_str none = { NULL, 0 };

	if (st->more && !st->ending)
		return st->filter->data(f->req, st->state, none, out);
	if (!st->more && st->held.len > 0)
		return stage_take(f, st, out);
	return stage_end(f, st, out);
}

/* It waits for something of its own, unless that has come already. */
static enum tw_io
stage_waits(struct tw__filters *f, struct tw__stage *st, struct tw_str *out)
{
	*out = (struct tw_str){ NULL, 0 };
	st->more = true;
	if (f->resumed)
		return TW_IO_OK;
	f->waits = true;
	wait_for(f, st->filter, WAIT_MS_MAX);
	return TW_IO_END;
}

/* One call of one filter. returns: OK; END: it waits; ERR. */
static enum tw_io
stage_run(struct tw__filters *f, struct tw__stage *st, struct tw_str *out)
{
	const size_t held = st->held.len;
	const bool had_more = st->more;

	f->resumed = f->waits = false;
	const enum tw_io io = stage_call(f, st, out);
	if (io == TW_IO_END && !had_more && !st->ending && st->held.len == held)
		return io; /* it has no room */
	if (io == TW_FILTER_WAIT)
		return stage_waits(f, st, out);
	st->more = io == TW_IO_AGAIN;
	return io == TW_IO_AGAIN ? TW_IO_OK : io;
}

/* returns: the last one that has anything to do; -1: none. */
static int
stage_busy(const struct tw__filters *f)
{
	for (int i = f->n - 1; i >= 0; i--) {
		const struct tw__stage *const st = &f->stage[i];
		if (st->held.len > 0 || st->more || (st->last && !st->ended))
			return i;
	}
	return -1;
}

static void
pass_on(struct tw__filters *f, int i, struct tw_str out, struct sink *sink)
{
	const bool ended = f->stage[i].ended;

	if (i + 1 < f->n) {
		f->stage[i + 1].held = out;
		f->stage[i + 1].last = ended;
		return;
	}
	sink_put(sink, out, ended);
	f->finished = ended;
}

/* A client that goes away while nothing may be sent to it; its event said that
 * there is something to read. Servers are read from meanwhile. */
static bool
client_left(struct tw_conn *to)
{
	return to != NULL && !to->server_side && to->readable && tw__conn_is_reset(to);
}

/* Runs them until nothing is left to do. returns: DONE; WAIT: for the receiver, or
 * until the timer fires; IN_BAD: one gave up. */
static enum tw__pump
stages_run(struct tw__filters *f, struct sink *sink)
{
	struct tw_conn *const to = tw__half_receiver(sink->req, sink->h);
	int i;

	while ((i = stage_busy(f)) >= 0) {
		struct tw_str out = { NULL, 0 };

		if (sink_is_full(sink))
			return TW__P_WAIT;
		switch (stage_run(f, &f->stage[i], &out)) {
		case TW_IO_ERR:
			sink->req->last_filter = f->stage[i].filter;
			return TW__P_IN_BAD;
		case TW_IO_END:
			sink->failed |= client_left(to);
			return TW__P_WAIT;
		default:
			pass_on(f, i, out, sink);
			break;
		}
	}
	return TW__P_DONE;
}

/* The sender has nothing else for now: what they kept back shall not wait. */
static enum tw__pump
stages_flush(struct tw__filters *f, struct sink *sink)
{
	for (int i = 0; i < f->n; i++) {
		struct tw__stage *const st = &f->stage[i];
		struct tw_str out = { NULL, 0 };

		if (!st->dirty || st->off || st->filter->flush == NULL)
			continue;
		const enum tw_io io = st->filter->flush(f->req, st->state, &out);
		if (io == TW_IO_ERR)
			return TW__P_IN_BAD;
		st->dirty = false;
		st->more = io == TW_IO_AGAIN;
		pass_on(f, i, out, sink);
		const enum tw__pump p = stages_run(f, sink);
		if (p != TW__P_DONE)
			return p;
	}
	return TW__P_DONE;
}

/* --- a half --- */

static bool
reads(struct tw_req *req, struct tw__half *h, enum tw__pump *p)
{
	struct tw__gathered *const g = &h->filters->gathered;
	struct tw__stage *const first = &h->filters->stage[0];

	if (g->p != NULL && !g->given) {
		g->given = true;
		first->held = (struct tw_str){ g->p, g->len };
		first->last = g->whole;
		if (g->len > 0 || g->whole)
			return true;
	}
	const bool eof = tw__half_eof(req, h);
	const enum tw_io io = tw__half_read(req, h, &first->held);

	if (io == TW_IO_ERR) {
		*p = eof ? TW__P_IN_ERR : TW__P_IN_BAD;
		return false;
	}
	h->filters->used = true;
	first->last = io == TW_IO_END;
	return first->held.len > 0 || first->last;
}

/* More comes from the sender. returns: DONE: go on; else why not. */
static enum tw__pump
more_comes(struct tw_req *req, struct tw__half *h, struct sink *sink)
{
	const bool eof = tw__half_eof(req, h);
	enum tw__pump p = TW__P_WAIT;

	if (reads(req, h, &p))
		return TW__P_DONE;
	if (p == TW__P_WAIT)
		p = eof ? TW__P_IN_ERR : tw__half_recv(req, h);
	if (p != TW__P_WAIT)
		return p;
	const enum tw__pump flushed = stages_flush(h->filters, sink);
	return flushed == TW__P_IN_BAD ? flushed : TW__P_WAIT;
}

/* While one waits nothing is read or sent: what becomes of the client is not seen. */
static enum tw__pump
client_reset(struct tw_req *req, const struct tw__half *h)
{
	if (!tw__conn_is_reset(req->cli))
		return TW__P_WAIT;
	return h == &req->up ? TW__P_IN_ERR : TW__P_OUT_ERR;
}

static enum tw__pump
leave(struct tw_req *req, struct tw__half *h, struct sink *sink, enum tw__pump p)
{
	sink_flush(sink);
	if (sink->failed)
		return TW__P_OUT_ERR;
	return h->filters->finished && p == TW__P_DONE ? tw__half_finish(req, h) : p;
}

static void
begin_again(struct tw_req *req, struct tw__filters *f)
{
	for (int i = 0; i < f->n; i++) {
		struct tw__stage *const st = &f->stage[i];
		if (st->filter->again != NULL)
			st->filter->again(req, st->state);
		*st = (struct tw__stage){
			.filter = st->filter, .state = st->state, .off = st->off
		};
	}
	f->finished = false;
	tw_timer_set(&f->timer, 0);
}

/* It is over with its head, whatever they wait for. */
static bool
is_empty(const struct tw_req *req, const struct tw__half *h)
{
	return req->http && h->in.body == TW_BODY_NONE && h->out.body == TW_BODY_NONE;
}

enum tw__pump
tw__filtered_begin(struct tw_req *req, struct tw__half *h, struct tw_str head)
{
	struct tw__filters *const f = h->filters;
	struct sink sink = { .req = req, .h = h, .len = head.len };
	enum tw__pump p = TW__P_DONE;

	TW_ASSERT(head.len == 0 || head.p == gathered(&sink));
	h->bytes += tw__counted(&h->out, head.len);
	if (f->used)
		begin_again(req, f);
	if (reads(req, h, &p))
		p = stages_run(f, &sink);
	if (p == TW__P_IN_BAD || p == TW__P_IN_ERR)
		return p; /* before anything has left */
	h->begun = true;
	if (p == TW__P_WAIT && is_empty(req, h)) {
		f->finished = true;
		p = TW__P_DONE;
	}
	if (p == TW__P_DONE && !f->finished)
		p = TW__P_WAIT;
	return leave(req, h, &sink, p);
}

enum tw__pump
tw__filtered_pump(struct tw_req *req, struct tw__half *h)
{
	struct tw_conn *const to = tw__half_receiver(req, h);
	struct tw_conn *const from = tw__half_sender(req, h);
	struct sink sink = { .req = req, .h = h };
	const uint64_t start = h->bytes;
	enum tw__pump p;

	for (;;) {
		if (tw__conn_backlog(to) && tw__flow_flush(req, to) != TW_IO_OK)
			return to->failed ? TW__P_OUT_ERR : TW__P_WAIT;
		p = stages_run(h->filters, &sink);
		if (p == TW__P_DONE && !h->filters->finished)
			p = more_comes(req, h, &sink);
		else if (p == TW__P_DONE)
			break;
		if (p != TW__P_DONE || sink.failed)
			break;
		if (h->bytes - start >= req->cli->bind->turn_bytes) {
			tw__conn_again(from != NULL ? from : req->cli);
			p = TW__P_WAIT;
			break;
		}
	}
	if (p == TW__P_WAIT && h->filters->waits && client_reset(req, h) != TW__P_WAIT)
		return client_reset(req, h);
	return leave(req, h, &sink, p);
}

enum tw_io
tw__filtered_read(struct tw_req *req, struct tw__half *h, struct tw_str *data)
{
	struct tw__filters *const f = h->filters;
	struct sink sink = { .req = req, .h = h, .taken = data };
	enum tw__pump p = TW__P_DONE;

	*data = (struct tw_str){ NULL, 0 };
	while (p == TW__P_DONE && data->len == 0 && !f->finished) {
		p = stages_run(f, &sink);
		if (p == TW__P_DONE && data->len == 0 && !f->finished)
			p = more_comes(req, h, &sink);
	}
	if (p == TW__P_IN_BAD || p == TW__P_IN_ERR)
		return TW_IO_ERR;
	if (f->finished)
		return TW_IO_END;
	return data->len > 0 ? TW_IO_OK : TW_IO_AGAIN;
}

/* --- attaching --- */

static struct tw__filters *
filters_of(struct tw_req *req, struct tw__half *h)
{
	if (h->filters != NULL)
		return h->filters;
	struct tw__filters *const f = tw_arena_try(
	    tw_req_arena(req), sizeof(*f) + MAX_FILTERS * sizeof(struct tw__stage));
	if (f == NULL)
		return NULL;
	*f = (struct tw__filters){
		.req = req, .timer.fn = on_timer, .stage = (struct tw__stage *)(f + 1)
	};
	return h->filters = f;
}

static struct tw__stage *
stage_new(struct tw_req *req, struct tw__half *h, const struct tw_filter *filter)
{
	const size_t size = filter->state_size + 1;
	struct tw__filters *const f = filters_of(req, h);

	if (f == NULL || f->n == MAX_FILTERS)
		return NULL;
	void *const state = tw_arena_try(tw_req_arena(req), size);
	if (state == NULL)
		return NULL;
	memset(state, 0, size);
	f->stage[f->n] = (struct tw__stage){ .filter = filter, .state = state };
	return &f->stage[f->n];
}

/* Chunks are needed where HTTP/1.0, which has none, is all the server gets. */
static bool
can_change(const struct tw_msg *msg, bool response)
{
	return response || !tw_msg_is_http10(msg) || msg->first[TW_H_HOST] != 0;
}

/* An empty body that may get something nevertheless. */
static bool
can_fill(const struct tw_req *req, const struct tw_msg *msg, bool response)
{
	if (msg->body != TW_BODY_NONE)
		return false;
	if (!response)
		return msg->first[TW_H_CONTENT_LENGTH] != 0;
	return !tw__is_head(req) && msg->status >= 200 && msg->status != 204 &&
	    msg->status != 304;
}

int
tw_req_filter_line(
    struct tw_req *req, const struct tw_filter *filter, const void *conf, bool response)
{
	struct tw__half *const h = response ? &req->down : &req->up;
	struct tw_msg *const msg = response ? &req->res : &req->req;
	const bool same = (filter->flags & TW_FILTER_SAME_LENGTH) != 0 || !req->http;

	if (h->begun || (!same && !can_change(msg, response)))
		return -1;
	struct tw__stage *const st = stage_new(req, h, filter);
	if (st == NULL)
		return -1;
	if (conf != NULL) {
		TW_ASSERT(filter->state_size >= sizeof(conf));
		memcpy(st->state, &conf, sizeof(conf));
	}
	if (filter->begin(req, msg, st->state) != 0) {
		if (h->filters->n == 0)
			h->filters = NULL;
		return 0;
	}
	if (!same &&
	    (msg->body == TW_BODY_LENGTH ||
		((filter->flags & TW_FILTER_ADDS) && can_fill(req, msg, response))))
		msg->body = TW_BODY_CHUNKED;
	h->filters->n++;
	return 0;
}

int
tw_req_filter(struct tw_req *req, const struct tw_filter *filter, bool response)
{
	return tw_req_filter_line(req, filter, NULL, response);
}

void
tw_filter_resume(struct tw_req *req)
{
	TW_CHECK_MAGIC(req, TW_REQ_MAGIC);
	if (req->up.filters != NULL)
		req->up.filters->resumed = true;
	if (req->down.filters != NULL)
		req->down.filters->resumed = true;
	if (req->worker->flow->running != req) /* else it is at them */
		tw__flow_run(req);
}

/* --- gathering --- */

static int
gather_begin(struct tw_req *req, struct tw_msg *msg, void *state)
{
	(void)req;
	(void)msg;
	(void)state;
	return 0;
}

static const struct tw_filter gather = {
	.name = "gather",
	.begin = gather_begin,
	.flags = TW_FILTER_SAME_LENGTH | TW_FILTER_TUNNEL | TW_FILTER_TCP,
};

struct tw__gathered *
tw__filters_gather(struct tw_req *req, struct tw__half *h)
{
	if (h->filters == NULL && tw_req_filter(req, &gather, h == &req->down) != 0)
		return NULL;
	return h->begun ? NULL : &h->filters->gathered;
}

void
tw__filters_tunnel(struct tw_req *req, struct tw__half *h)
{
	struct tw__filters *const f = h->filters;

	(void)req;
	for (int i = 0; i < f->n; i++) {
		struct tw__stage *const st = &f->stage[i];
		*st = (struct tw__stage){ .filter = st->filter,
			.state = st->state,
			.off = !(st->filter->flags & TW_FILTER_TUNNEL) };
	}
	f->finished = false;
}

void
tw__filters_fini(struct tw_req *req, struct tw__half *h)
{
	struct tw__filters *const f = h->filters;

	if (TW_LIKELY(f == NULL))
		return;
	tw_timer_del(&f->timer);
	for (int i = 0; i < f->n; i++) {
		if (f->stage[i].filter->fini != NULL)
			f->stage[i].filter->fini(req, f->stage[i].state);
	}
	h->filters = NULL;
}

const struct tw_filter *
tw_filter_find(const char *name)
{
	return tw__module_find_filter(name, NULL);
}

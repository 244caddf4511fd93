/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * comp_filter.c - the filters `compression`, `comp-req` and `comp-res`.
 *
 * What a response may be compressed with is chosen when its request leaves, as
 * that is when Accept-Encoding goes in option offload. Payload is taken as it
 * comes and given on in pieces of one buffer; when the sender pauses, what was
 * kept back leaves, too. Above the process's limits a message is passed by, and
 * one at work is compressed less. Worker. source: HAProxy's manual, 9.2,
 * maxcomprate, maxcompcpuusage.
 */
#include "comp.h"

static const struct comp_tune *
tune_of(struct tw_req *req)
{
	const struct comp_gen *const g = tw_gen_block(tw_req_gen(req), comp_self);

	return &g->tune;
}

static uint8_t
max_level(const struct comp_tune *t)
{
	return t->max_level != 0 ? t->max_level : COMP_LEVEL;
}

static bool
has_leave(const struct comp_tune *t)
{
	return tw_process_may_compress(t->max_cpu != 0 ? t->max_cpu - 1u : 100u);
}

static void
count(struct tw_req *req, enum tw_cnt id, uint64_t n)
{
	const struct tw_proxy *const fe = tw_req_frontend(req);
	const struct tw_proxy *const be = tw_req_backend(req);

	tw_proxy_count(fe, TW_FRONTEND, id, n);
	if (be != NULL)
		tw_proxy_count(be, TW_BACKEND, id, n);
}

static struct comp_worker *
worker_of(struct tw_req *req)
{
	return tw_worker_block(tw_conn_worker(tw_req_conn(req)), comp_self);
}

/* ---- a message begins --------------------------------------------------- */

static void
offload(struct tw_msg *msg)
{
	struct tw_hdr *h;

	while ((h = tw_msg_first(msg, TW_H_ACCEPT_ENCODING)) != NULL)
		tw_msg_del(msg, h);
}

/* Once for a request, whatever lines there are. */
static const struct comp_algo *
chosen(struct tw_req *req)
{
	struct comp_req *const r = tw_req_block(req, comp_self);

	if (r->chosen)
		return r->algo;
	r->chosen = true;
	r->algo = comp_choose(req);
	if (r->algo != NULL && comp_offloads(req))
		offload(tw_req_request(req));
	return r->algo;
}

/* One without a length is looked at while it passes. */
static int
bypass(struct tw_req *req, const struct tw_msg *msg, struct comp_state *st)
{
	if (msg->body == TW_BODY_LENGTH) {
		if (st->response)
			count(req, TW_CNT_COMP_BYP, msg->content_length);
		return -1;
	}
	st->bypass = true;
	return 0;
}

static int
begin_with(struct tw_req *req, struct tw_msg *msg, struct comp_state *st,
    const struct comp_algo *algo)
{
	const struct comp_tune *const t = tune_of(req);

	if (!has_leave(t))
		return bypass(req, msg, st);
	st->ctx = comp_get(worker_of(req), algo, t, max_level(t));
	if (st->ctx == NULL)
		return bypass(req, msg, st);
	if (comp_edit(req, msg, algo, st->response) != 0) {
		comp_put(worker_of(req), &st->ctx);
		return -1;
	}
	return 0;
}

static int
request_begin(struct tw_req *req, struct tw_msg *msg, void *state)
{
	const struct comp_algo *const algo = comp_request_algo(req);

	chosen(req);
	if (algo == NULL || (msg->flags & TW_MSG_UPGRADE) || !comp_may(req, msg, false))
		return -1;
	return begin_with(req, msg, state, algo);
}

static int
response_begin(struct tw_req *req, struct tw_msg *msg, void *state)
{
	struct comp_req *const r = tw_req_block(req, comp_self);
	struct comp_state *const st = state;

	st->response = true;
	if (r->algo == NULL || !comp_may(req, msg, true) ||
	    begin_with(req, msg, st, r->algo) != 0)
		return -1;
	if (st->ctx == NULL)
		return 0;
	r->done = true;
	count(req, TW_CNT_COMP_RSP, 1);
	return 0;
}

static int
comp_begin(struct tw_req *req, struct tw_msg *msg, void *state)
{
	return msg == tw_req_response(req) ? response_begin(req, msg, state)
					   : request_begin(req, msg, state);
}

/* `comp-res` needs to see the request, too. */
static int
comp_res_begin(struct tw_req *req, struct tw_msg *msg, void *state)
{
	if (msg == tw_req_response(req))
		return response_begin(req, msg, state);
	chosen(req);
	return -1;
}

/* ---- payload ------------------------------------------------------------ */

static void
account(struct tw_req *req, const struct comp_state *st, uint64_t in, uint64_t out)
{
	tw_process_compressed(in, out);
	if (!st->response) /* the counters are of responses */
		return;
	count(req, TW_CNT_COMP_IN, in);
	count(req, TW_CNT_COMP_OUT, out);
}

static enum tw_io
work(struct tw_req *req, struct comp_state *st, struct tw_str *out)
{
	struct comp_ctx *const ctx = st->ctx;
	struct tw_out o = tw_out_of(ctx->out, sizeof(ctx->out));
	const size_t before = ctx->in.len;
	const int rc = ctx->algo->run(ctx, ctx->op, &o);

	if (rc < 0)
		return TW_IO_ERR;
	*out = (struct tw_str){ ctx->out, (size_t)(o.p - ctx->out) };
	account(req, st, before - ctx->in.len, out->len);
	return rc > 0 ? TW_IO_AGAIN : TW_IO_OK;
}

/* Less for each piece above the limits, more for each below. */
static void
adapt(struct tw_req *req, struct comp_ctx *ctx)
{
	const struct comp_tune *const t = tune_of(req);

	if (!has_leave(t))
		ctx->level -= ctx->level > 0;
	else
		ctx->level += ctx->level < max_level(t);
}

static enum tw_io
comp_data(struct tw_req *req, void *state, struct tw_str data, struct tw_str *out)
{
	struct comp_state *const st = state;

	if (TW_UNLIKELY(st->bypass)) {
		if (st->response)
			count(req, TW_CNT_COMP_BYP, data.len);
		*out = data;
		return TW_IO_OK;
	}
	if (st->failed)
		return TW_IO_ERR;
	if (data.len > 0) {
		st->ctx->in = data;
		st->ctx->op = COMP_RUN;
		adapt(req, st->ctx);
	}
	return work(req, st, out);
}

static enum tw_io
comp_flush(struct tw_req *req, void *state, struct tw_str *out)
{
	struct comp_state *const st = state;

	if (st->bypass)
		return TW_IO_OK;
	st->ctx->op = COMP_FLUSH;
	return work(req, st, out);
}

static enum tw_io
comp_end(struct tw_req *req, void *state, struct tw_str *out)
{
	struct comp_state *const st = state;

	if (st->bypass)
		return TW_IO_OK;
	if (st->failed)
		return TW_IO_ERR;
	st->ctx->op = COMP_FINISH;
	return work(req, st, out);
}

static void
comp_begin_again(struct tw_req *req, void *state)
{
	struct comp_state *const st = state;

	(void)req;
	st->failed = st->ctx != NULL && comp_again(st->ctx) != 0;
}

static void
comp_fini(struct tw_req *req, void *state)
{
	struct comp_state *const st = state;

	comp_put(worker_of(req), &st->ctx);
}

/* ---- lines -------------------------------------------------------------- */

static int
comp_parse(struct tw_line *ln, int i, const void **conf)
{
	struct comp_proxy *const p = tw_proxy_block(ln->proxy, comp_self);

	if (tw_arg(ln, i) != NULL)
		return tw_line_fail(ln, i, "'filter %s' : unknown keyword '%s'",
		    tw_arg(ln, 0), tw_arg(ln, i));
	p->has_line = true;
	*conf = NULL;
	return 0;
}

static bool
comp_implied(const struct tw_proxy *px)
{
	const struct comp_proxy *const p = comp_of(px);

	return !p->has_line && (p->n_algos > 0 || p->algo_req != 0);
}

/* clang-format off */
#define COMP .state_size = sizeof(struct comp_state), .data = comp_data, \
	.end = comp_end, .flush = comp_flush, .again = comp_begin_again, \
	.fini = comp_fini, .parse = comp_parse, .usage = ""

const struct tw_filter comp_filters[] = {
	{ .name = "compression", COMP, .begin = comp_begin, .implied = comp_implied,
		.help = "Compresses payload as the lines 'compression' say." },
	{ .name = "comp-req", COMP, .begin = request_begin,
		.directions = TW_FILTER_REQUEST,
		.help = "The same for requests only." },
	{ .name = "comp-res", COMP, .begin = comp_res_begin,
		.help = "The same for responses only." },
	{ .name = NULL },
};
/* clang-format on */

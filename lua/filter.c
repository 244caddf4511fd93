/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * filter.c - `filter lua.NAME args`: the lines, the streams, the callbacks.
 *
 * Before a head leaves, start_analyze and http_headers are called; then, if the
 * script has asked for it, http_payload or tcp_payload for each piece of payload,
 * http_end, and end_analyze when the request is over. What a callback does not keep
 * back, by returning filter.WAIT, passes. An error fails the request: 400, 502, or
 * the transfer ends. Worker. source: HAProxy's Lua manual, Filter class.
 */
#include "filter.h"

#include <stdlib.h>

#include <tideway/edit.h>
#include <tideway/log.h>

enum { ERROR = LU_FILTER_ERROR, WAIT = LU_FILTER_WAIT, CONTINUE = LU_FILTER_CONTINUE };

#define KEEP_MAX (16u << 20) /* bytes that a script may keep back */
#define WAIT_MS 0x7fffffffu

/* ---- instances ------------------------------------------------------------------- */

/* What runs: a callback of a direction. */
struct job {
	struct lu_stream *stream;
	struct lu_dir *dir; /* NULL: new() */
	const char *callback;
	bool message; /* its argument is the HTTPMessage, not the Channel */
	int result;
};

/* The class of a slot, and what register_filter's function gave for a line, are in the
 * registry by their address. A copy of the class is made for each line. */
static void
push_line_new(lua_State *L, const struct lu_filter_line *line)
{
	const struct lu_state *const s = lu_state_from(L);
	const int index = line->slot->index;

	if (index >= s->n_fn || s->fn[index].ref == LUA_NOREF)
		luaL_error(L, "no script has registered it any more");
	lua_rawgeti(L, LUA_REGISTRYINDEX, s->fn[index].ref);
	lua_newtable(L);
	lua_rawgetp(L, LUA_REGISTRYINDEX, line->slot);
	lua_pushnil(L);
	while (lua_next(L, -2) != 0) {
		lua_pushvalue(L, -2);
		lua_insert(L, -2);
		lua_rawset(L, -5);
	}
	if (lua_getmetatable(L, -1))
		lua_setmetatable(L, -3);
	lua_pop(L, 1);
	lua_createtable(L, line->n_args, 0);
	for (int i = 0; i < line->n_args; i++) {
		lua_pushstring(L, line->arg[i]);
		lua_rawseti(L, -2, i + 1);
	}
	lua_call(L, 2, 1);
	if (lua_isnil(L, -1)) {
		lua_pop(L, 1);
		lua_pushboolean(L, false);
	} else if (!lua_istable(L, -1)) {
		luaL_error(L,
		    "the function of core.register_filter() gives a table or nil, "
		    "not a %s",
		    luaL_typename(L, -1));
	}
}

void
lu_push_filter_line(lua_State *L, const struct lu_filter_line *line)
{
	if (lua_rawgetp(L, LUA_REGISTRYINDEX, line) != LUA_TNIL)
		return;
	lua_pop(L, 1);
	push_line_new(L, line);
	lua_pushvalue(L, -1);
	lua_rawsetp(L, LUA_REGISTRYINDEX, line);
}

/* in: a job. The instance of a stream; none without new(). */
static int
make_instance(lua_State *L)
{
	struct job *const job = lua_touserdata(L, 1);
	struct lu_stream *const st = job->stream;

	luaL_checkstack(L, 16, NULL);
	lu_push_txn(lu_state_from(L)->running);
	lu_push_filter_line(L, st->line);
	if (!lua_istable(L, -1) || lua_getfield(L, -1, "new") == LUA_TNIL)
		return 0;
	lua_pushvalue(L, -2);
	lua_call(L, 1, 1);
	if (lua_isnil(L, -1))
		return 0;
	if (!lua_istable(L, -1) && !lua_isuserdata(L, -1))
		return luaL_error(L, "new() gives the filter's object or nil, not a %s",
		    luaL_typename(L, -1));
	st->ref = luaL_ref(L, LUA_REGISTRYINDEX);
	return 0;
}

/* ---- callbacks --------------------------------------------------------------------- */

static int
result_of(lua_State *L, const struct job *job)
{
	const lua_Integer n = lua_isnil(L, -1) ? CONTINUE : lua_tointeger(L, -1);

	if (!lua_isnil(L, -1) && (!lua_isinteger(L, -1) || n < ERROR || n > CONTINUE))
		return luaL_error(L,
		    "%s() returns filter.CONTINUE, filter.WAIT, filter.ERROR or "
		    "nothing",
		    job->callback);
	return (int)n;
}

/* in: a job. */
static int
call_back(lua_State *L)
{
	struct job *const job = lua_touserdata(L, 1);
	const bool response = job->dir->response;

	job->result = CONTINUE;
	luaL_checkstack(L, 16, NULL);
	lua_rawgeti(L, LUA_REGISTRYINDEX, job->stream->ref);
	if (lua_getfield(L, -1, job->callback) == LUA_TNIL)
		return 0;
	lua_pushvalue(L, -2);
	lu_push_txn(lu_state_from(L)->running);
	if (job->message)
		lu_push_message(L, response);
	else
		lu_push_channel(L, response);
	lua_call(L, 3, 1);
	job->result = result_of(L, job);
	return 0;
}

/* returns: false: it failed, which was told. */
static bool
run_job(struct job *job, lua_CFunction fn)
{
	struct lu_stream *const st = job->stream;
	struct lu_call *c = lu_begin(st->s, LU_AT_FILTER, st->req);

	if (c == NULL)
		return false;
	c->slot = st->line->slot;
	c->stage = job->dir != NULL && job->dir->response;
	c->owner = job->dir;
	c->keeps = LU_KEEPS_ALL;
	lua_pushcfunction(c->L, fn);
	lua_pushlightuserdata(c->L, job);
	const enum lu_result result = lu_run(c, 1);
	if (result == LU_WAITS)
		tw_log_limited(
		    TW_ALERT, "Lua filter '%s': yield not allowed", c->slot->name);
	lu_end(&c);
	return result == LU_DONE;
}

static int
run_callback(struct lu_dir *d, const char *name, bool message)
{
	struct job job = { d->stream, d, name, message, CONTINUE };

	if (d->failed || !run_job(&job, call_back))
		job.result = ERROR;
	d->failed = job.result == ERROR;
	return job.result;
}

/* ---- streams --------------------------------------------------------------------------- */

static bool
is_http(const struct tw_req *req)
{
	return tw_proxy_mode(tw_req_frontend(req)) == TW_MODE_HTTP;
}

static void
on_timer(struct tw_timer *t)
{
	struct lu_dir *const d =
	    (struct lu_dir *)(void *)((char *)t - offsetof(struct lu_dir, timer));

	if (d->paused) {
		d->paused = false;
		tw_filter_resume(d->stream->req);
	} else {
		tw_resume(d->stream->req);
	}
}

/* Nobody's, when there is no memory. */
static struct lu_stream *
stream_new(struct tw_req *req, const struct lu_filter_line *line)
{
	struct lu_req *const r = tw_req_block(req, lu_self);
	struct lu_stream *const st = tw_arena_try(tw_req_arena(req), sizeof(*st));
	struct job job = { .stream = st };

	if (st == NULL)
		return NULL;
	*st = (struct lu_stream){ .line = line, .req = req, .ref = LUA_NOREF };
	st->s = lu_state_of(line->slot->unit, tw_worker_id(tw_worker_self()));
	lu_enter(st->s);
	lu_hold(st->s);
	lu_leave(st->s);
	for (int i = 0; i < 2; i++)
		st->dir[i] = (struct lu_dir){
			.stream = st,
			.response = i == 1,
			.body_len = -2,
			.timer.fn = on_timer,
		};
	st->next = r->filters;
	r->filters = st;
	if (!run_job(&job, make_instance))
		st->dir[0].failed = st->dir[1].failed = true;
	else
		st->ignored = st->ref == LUA_NOREF;
	return st;
}

static struct lu_stream *
stream_of(struct tw_req *req, const struct lu_filter_line *line)
{
	struct lu_stream *st = ((struct lu_req *)tw_req_block(req, lu_self))->filters;

	while (st != NULL && st->line != line)
		st = st->next;
	return st != NULL ? st : stream_new(req, line);
}

static void
buffers_free(struct lu_dir *d)
{
	free(d->buf);
	free(d->out);
	d->buf = d->out = NULL;
	d->in_len = d->out_len = d->buf_size = d->out_size = 0;
}

void
lu_filters_reset(struct tw_req *req, struct lu_stream **filters)
{
	(void)req;
	while (*filters != NULL) {
		struct lu_stream *const st = *filters;
		struct lu_state *const s = st->s;

		for (int i = 0; i < 2; i++)
			if (st->dir[i].headed && !st->dir[i].failed)
				run_callback(&st->dir[i], "end_analyze", false);
		*filters = st->next;
		tw_timer_del(&st->dir[0].timer);
		tw_timer_del(&st->dir[1].timer);
		buffers_free(&st->dir[0]);
		buffers_free(&st->dir[1]);
		lu_enter(s);
		luaL_unref(s->L, LUA_REGISTRYINDEX, st->ref);
		lu_release(s);
		lu_leave(s);
	}
}

/* ---- heads ----------------------------------------------------------------------------- */

static bool
says_chunked(struct tw_msg *msg)
{
	const struct tw_hdr *const h = tw_msg_first(msg, TW_H_TRANSFER_ENCODING);

	return h != NULL && tw_str_ieq(tw_hdr_value(h), TW_STR("chunked"));
}

/* No answer to HEAD, and none whose status forbids one, has a body. */
static bool
may_have_body(struct tw_req *req, const struct tw_msg *msg, bool response)
{
	return !response ||
	    (tw_req_request(req)->method != TW_M_HEAD && msg->status >= 200 &&
		msg->status != 204 && msg->status != 304);
}

static void
frame_length(struct tw_msg *msg, uint64_t n)
{
	msg->body = TW_BODY_LENGTH;
	msg->content_length = n;
	msg->flags |= TW_MSG_EDITED;
}

static void
frame_chunked(struct tw_msg *msg, bool response)
{
	if (!response && msg->minor == 0)
		return; /* its server does not know them */
	msg->body = TW_BODY_CHUNKED;
	msg->flags |= TW_MSG_EDITED;
}

/* What the script has made of the fields that say how long the body is. */
static void
frame(struct tw_req *req, struct lu_dir *d, struct tw_msg *msg)
{
	const bool lengthy = msg->body == TW_BODY_LENGTH;
	const struct tw_hdr *const h = tw_msg_first(msg, TW_H_CONTENT_LENGTH);
	uint64_t n;

	d->no_body = !may_have_body(req, msg, d->response);
	if (!d->data_on || msg->body == TW_BODY_TUNNEL || d->no_body)
		return;
	if (d->body_len >= 0)
		frame_length(msg, (uint64_t)d->body_len);
	else if (d->body_len == -1)
		frame_chunked(msg, d->response);
	else if (lengthy && (h == NULL || says_chunked(msg)))
		frame_chunked(msg, d->response);
	else if (lengthy && tw_str_to_u64(tw_hdr_value(h), &n))
		frame_length(msg, n);
	d->no_body = msg->body == TW_BODY_NONE;
	d->has_left = msg->body == TW_BODY_LENGTH;
	d->left = msg->content_length;
}

static int
run_head(struct tw_req *req, struct lu_dir *d)
{
	struct lu_stream *const st = d->stream;
	const bool http = is_http(req);
	int result = CONTINUE;

	st->wake_ms = 0;
	if (!d->headed)
		result = run_callback(d, "start_analyze", false);
	d->headed = true;
	if (result == ERROR || !http)
		return result;
	d->head_open = true;
	result = run_callback(d, "http_headers", true);
	d->head_open = false;
	return result;
}

static enum tw_verdict
refuse(struct tw_req *req, const struct lu_dir *d)
{
	const int status = !is_http(req) ? 0 : d->response ? 502 : 400;

	return tw_req_fail(req, status, "a script's filter failed", NULL);
}

/* Called again until it is done. */
static enum tw_verdict
head(struct tw_req *req, const void *conf, bool response)
{
	struct lu_stream *const st = stream_of(req, conf);
	struct lu_dir *const d = st != NULL ? &st->dir[response] : NULL;

	if (st != NULL && (st->ignored || d->attached))
		return TW_NEXT;
	if (st == NULL || d->failed)
		return tw_req_fail(req, is_http(req) ? 500 : 0,
		    "a script's filter could not begin", NULL);
	const int result = run_head(req, d);
	if (result == ERROR)
		return refuse(req, d);
	if (result == CONTINUE) {
		d->attached = true;
		if (is_http(req))
			frame(req, d,
			    response ? tw_req_response(req) : tw_req_request(req));
		return TW_NEXT;
	}
	tw_req_deadline(req, st->wake_ms > 0 ? WAIT_MS : 30000);
	if (st->wake_ms > 0)
		tw_timer_set(&d->timer, tw_now_ms() + st->wake_ms);
	return TW_WAIT;
}

/* ---- payload ----------------------------------------------------------------------------- */

struct state {
	const struct lu_filter_line *line; /* first: tw_filter_conf */
	struct lu_dir *dir;
};

static int
begin(struct tw_req *req, struct tw_msg *msg, void *state)
{
	struct state *const s = state;
	const bool response = msg == tw_req_response(req);
	struct lu_stream *const st = stream_of(req, s->line);

	if (st == NULL || st->ignored)
		return -1;
	s->dir = &st->dir[response];
	if (!s->dir->attached && !s->dir->failed &&
	    head(req, s->line, response) != TW_NEXT)
		s->dir->failed = true; /* it cannot wait here */
	if (s->dir->data_on && !response)
		tw_req_no_retry(req); /* it has seen the body once */
	return 0;
}

/* Bytes that are to leave. What exceeds the length that was told does not. */
static void
limit_out(struct lu_dir *d, struct tw_str *out)
{
	if (!d->has_left)
		return;
	if (out->len > d->left)
		out->len = (size_t)d->left;
	d->left -= out->len;
}

/* What passes of all that is there. */
static enum tw_io
pass(struct lu_dir *d, int result, struct tw_str *out)
{
	if (result == CONTINUE && d->out_len == 0) {
		*out = (struct tw_str){ d->in, d->in_len };
		d->in_len = 0; /* stays where it is until the next call */
		limit_out(d, out);
		return TW_IO_OK;
	}
	if (result == CONTINUE && !lu_dir_forward(d, d->in_len))
		return TW_IO_ERR;
	if (d->in_len > KEEP_MAX || !lu_dir_own(d, 0)) {
		tw_log_limited(TW_ALERT,
		    "Lua filter '%s' keeps back more than %u bytes",
		    d->stream->line->slot->name, KEEP_MAX);
		return TW_IO_ERR;
	}
	*out = (struct tw_str){ d->out, d->out_len };
	d->out_len = 0;
	limit_out(d, out);
	return TW_IO_OK;
}

static enum tw_io
run_payload(struct tw_req *req, struct lu_dir *d, struct tw_str *out)
{
	const bool http = is_http(req);

	d->in_data = true;
	d->stream->wake_ms = 0;
	d->told_last = d->last;
	int result = run_callback(d, http ? "http_payload" : "tcp_payload", http);
	d->in_data = false;
	if (result == ERROR)
		return TW_IO_ERR;
	d->paused = result == WAIT && d->stream->wake_ms > 0;
	if (d->last && !d->paused)
		result = CONTINUE;
	if (pass(d, result, out) != TW_IO_OK)
		return TW_IO_ERR;
	if (!d->paused)
		return TW_IO_OK;
	tw_timer_set(&d->timer, tw_now_ms() + d->stream->wake_ms);
	return out->len > 0 ? TW_IO_AGAIN : TW_FILTER_WAIT;
}

/* Those that no callback looks at pass. */
static enum tw_io
data(struct tw_req *req, void *state, struct tw_str bytes, struct tw_str *out)
{
	struct lu_dir *const d = ((struct state *)state)->dir;

	if (d->failed)
		return TW_IO_ERR;
	if (d->cut)
		return TW_IO_OK;
	if (d->paused)
		return TW_FILTER_WAIT;
	if (!d->data_on && d->in_len == 0) {
		*out = bytes;
		limit_out(d, out);
		return TW_IO_OK;
	}
	d->out_len = 0;
	if (d->in_len == 0) {
		d->own = false;
		d->in = bytes.p;
		d->in_len = bytes.len;
	} else if (!lu_dir_insert(d, d->in_len, bytes)) {
		return TW_IO_ERR;
	}
	return d->data_on ? run_payload(req, d, out) : pass(d, CONTINUE, out);
}

static bool
is_short(struct lu_dir *d)
{
	if (!d->has_left || d->left == 0)
		return false;
	tw_log_limited(TW_ALERT,
	    "Lua filter '%s' has made a body shorter than its Content-Length: call "
	    "set_body_len() in http_headers()",
	    d->stream->line->slot->name);
	return true;
}

/* What is left passes; the script sees the end also when no bytes come with it. */
static enum tw_io
end(struct tw_req *req, void *state, struct tw_str *out)
{
	struct lu_dir *const d = ((struct state *)state)->dir;
	enum tw_io io = TW_IO_OK;

	if (d->failed)
		return TW_IO_ERR;
	if (d->paused)
		return TW_FILTER_WAIT;
	d->last = true;
	d->out_len = 0;
	if (d->data_on && !d->cut && !d->no_body && (!d->told_last || d->in_len > 0))
		io = run_payload(req, d, out);
	else if (d->in_len > 0 && !d->cut)
		io = pass(d, CONTINUE, out);
	if (io == TW_IO_OK && is_http(req) &&
	    run_callback(d, "http_end", true) == ERROR)
		io = TW_IO_ERR;
	return io == TW_IO_OK && is_short(d) ? TW_IO_ERR : io;
}

/* The only one to know which bytes are the last. */
static size_t
room(struct tw_req *req, void *state, size_t len, bool last, uint32_t *wait_ms)
{
	struct lu_dir *const d = ((struct state *)state)->dir;

	(void)req;
	(void)wait_ms;
	d->last = last;
	return len;
}

/* ---- the table ------------------------------------------------------------- */

const struct tw_filter lu_filters[] = {
	{
	    .name = "lua.",
	    .state_size = sizeof(struct state),
	    .begin = begin,
	    .data = data,
	    .end = end,
	    .room = room,
	    .parse = lu_filter_parse,
	    .head = head,
	    .flags = TW_FILTER_SAME_LENGTH | TW_FILTER_TCP,
	    .usage = "[<arg>...]",
	    .help = "A class that a script has registered with core.register_filter().",
	},
	{ .name = NULL },
};

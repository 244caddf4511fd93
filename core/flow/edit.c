/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * flow/edit.c - what rules change about an exchange (edit.h), and answers of
 * the proxy's own that rules may still change.
 *
 * Nothing here is called unless a rule asks for it. One worker's thread.
 */
#include "config.h"

#include <sys/socket.h>

#include <tideway/assert.h>
#include <tideway/edit.h>
#include "core/flow/req.h"

/* ---- the record --------------------------------------------------------- */

void
tw_req_set_term(struct tw_req *req, char who, char when)
{
	req->term[0] = who;
	req->term[1] = when;
}

void
tw_req_set_status(struct tw_req *req, int status)
{
	req->status = (int16_t)status;
}

int
tw_req_set_method(struct tw_req *req, struct tw_str name)
{
	struct tw_msg *const msg = &req->req;
	const uint8_t method = (uint8_t)tw_method_of(name);

	if (method == TW_M_CONNECT || msg->method == TW_M_CONNECT)
		return -1;
	req->head_how = tw__is_head(req) ? TW__HEAD_ASKED : TW__HEAD_UNASKED;
	msg->method_name = name;
	msg->method = method;
	msg->flags |= TW_MSG_EDITED;
	if ((msg->flags & TW_MSG_ABSOLUTE) && method != TW_M_OPTIONS &&
	    tw_str_eq(msg->target, TW_STR("*"))) /* which stood for no path at all */
		msg->target = TW_STR("/");
	return 0;
}

static void
count_side(struct tw_req *req, enum tw_cnt c)
{
	const int id = req->worker->id;

	tw__cnt(&req->fe->live->fe, id, c, 1);
	tw__cnt(&req->cli->bind->live->s, id, c, 1);
	if (req->be != NULL && req->be_counted)
		tw__cnt(&req->be->live->be, id, c, 1);
}

void
tw_req_denied(struct tw_req *req, bool response)
{
	count_side(req, response ? TW_CNT_DRESP : TW_CNT_DREQ);
	if (response && req->srv != NULL)
		tw__cnt(&req->srv->live->s, req->worker->id, TW_CNT_DRESP, 1);
}

void
tw_req_set_log_level(struct tw_req *req, int level)
{
	req->log_level = level < 0 ? TW__LOG_SILENT : (uint8_t)(level + 1);
}

enum tw_level
tw_req_log_level(const struct tw_req *req, enum tw_level usual)
{
	return req->log_level != 0 && req->log_level != TW__LOG_SILENT
	    ? (enum tw_level)(req->log_level - 1)
	    : usual;
}

struct tw_str
tw_req_page(struct tw_req *req, int status)
{
	return tw__page_of(req, status);
}

int
tw_error_page_named(
    struct tw_gen *gen, const char *section, int status, struct tw_str *page)
{
	const struct tw_proto *const proto = tw__module_find_proto("h1", NULL);

	if (proto == NULL || proto->error_named == NULL)
		return -1;
	return proto->error_named(gen, section, status, page);
}

/* ---- contents ----------------------------------------------------------- */

enum tw_io
tw_req_content(struct tw_req *req, bool response, struct tw_str *bytes)
{
	struct tw_conn *const conn = response ? req->srvc : req->cli;
	enum tw_io io;

	do
		io = tw__conn_recv(conn, 0);
	while (io == TW_IO_OK);
	const struct tw_buf *const in = &conn->in;
	*bytes = in->base != NULL
	    ? (struct tw_str){ in->base + in->head, in->tail - in->head }
	    : (struct tw_str){ NULL, 0 };
	if (io == TW_IO_ERR)
		return conn->failed ? TW_IO_ERR : TW_IO_END;
	if (io == TW_IO_END)
		return TW_IO_END;
	req->body_wanted = true;
	return TW_IO_OK;
}

/* ---- connections -------------------------------------------------------- */

void
tw_conn_set_src(struct tw_conn *conn, const struct tw_addr *src)
{
	conn->src = *src;
}

void
tw_conn_set_dst(struct tw_conn *conn, const struct tw_addr *dst)
{
	conn->dst = *dst;
	conn->dst_known = true;
}

void
tw_conn_abort(struct tw_conn *conn)
{
	const struct linger none = { .l_onoff = 1 };

	(void)setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	conn->failed = true;
}

void
tw_conn_expect_proxy(struct tw_conn *conn)
{
	conn->proxy_wanted = true;
}

/* ---- limits ------------------------------------------------------------- */

/* The one of a timeout's name; NULL: rules cannot set it. */
static uint32_t *
limit_of(struct tw__req_limits *l, const char *which)
{
	const struct {
		const char *name;
		uint32_t *ms;
	} all[] = {
		{ "server", &l->server_ms },
		{ "tunnel", &l->tunnel_ms },
		{ "client", &l->client_ms },
		{ "connect", &l->connect_ms },
		{ "queue", &l->queue_ms },
		{ "tarpit", &l->tarpit_ms },
	};

	for (size_t i = 0; i < TW_N_ELEMENTS(all); i++)
		if (strcmp(which, all[i].name) == 0)
			return all[i].ms;
	return NULL;
}

void
tw_req_set_timeout(struct tw_req *req, const char *which, uint32_t ms)
{
	struct tw__req_limits *const l = tw__req_limits_of(req);

	if (l == NULL)
		return;
	*limit_of(l, which) = ms;
	req->moved = true; /* deadlines are set anew */
}

uint32_t
tw_req_rule_timeout_ms(const struct tw_req *req, const char *which)
{
	const uint32_t *const set =
	    req->limits != NULL ? limit_of(req->limits, which) : NULL;

	return set != NULL && *set != UINT32_MAX ? *set : 0;
}

uint32_t
tw_req_timeout_ms(const struct tw_req *req, const char *which)
{
	const bool of_client = strncmp(which, "client", 6) == 0;
	const struct tw_proxy *const px =
	    of_client || req->be == NULL ? req->fe : req->be;
	const uint32_t set = tw_req_rule_timeout_ms(req, which);

	return set != 0 ? set : tw_proxy_timeout_ms(px, which);
}

void
tw_req_no_retry(struct tw_req *req)
{
	struct tw__req_limits *const l = tw__req_limits_of(req);

	if (l != NULL)
		l->no_retry = true;
}

void
tw_req_set_nice(struct tw_req *req, int nice)
{
	struct tw__req_limits *const l = tw__req_limits_of(req);

	if (l != NULL)
		l->turn_bytes = tw__nice_bytes(nice);
}

void
tw_req_set_server_mark(struct tw_req *req, uint32_t mark)
{
	struct tw__req_limits *const l = tw__req_limits_of(req);

	if (l != NULL) {
		l->marks.has_mark = true;
		l->marks.mark = mark;
	}
}

void
tw_req_set_server_tos(struct tw_req *req, uint8_t tos)
{
	struct tw__req_limits *const l = tw__req_limits_of(req);

	if (l != NULL) {
		l->marks.has_tos = true;
		l->marks.tos = tos;
	}
}

void
tw_req_set_retries(struct tw_req *req, uint32_t n)
{
	struct tw__req_limits *const l = tw__req_limits_of(req);

	if (l != NULL)
		l->retries = n;
}

void
tw_req_set_priority_class(struct tw_req *req, int cls)
{
	req->pend.prio_class = cls;
}

void
tw_req_set_priority_offset(struct tw_req *req, int ms)
{
	req->pend.prio_offset_ms = ms;
}

void
tw_req_ruled(struct tw_req *req, const struct tw_origin *origin)
{
	req->last_rule = origin;
}

void
tw_req_waits_for(struct tw_req *req, const struct tw_origin *origin)
{
	req->waiting = origin;
}

struct tw__req_limits *
tw__req_limits_of(struct tw_req *req)
{
	if (req->limits != NULL)
		return req->limits;
	struct tw__req_limits *const l = tw_arena_try(tw_req_arena(req), sizeof(*l));
	if (l == NULL)
		return NULL;
	*l = (struct tw__req_limits){ .server_ms = UINT32_MAX,
		.tunnel_ms = UINT32_MAX,
		.client_ms = UINT32_MAX,
		.retries = UINT32_MAX,
		.connect_ms = UINT32_MAX,
		.queue_ms = UINT32_MAX,
		.tarpit_ms = UINT32_MAX,
		.turn_bytes = req->cli != NULL ? req->cli->bind->turn_bytes : 0 };
	return req->limits = l;
}

/* ---- answers ------------------------------------------------------------ */

bool
tw_req_interim(
    struct tw_req *req, int status, const struct tw_str *headers, int n_headers)
{
	struct tw_out out = tw__head_out(req);
	struct tw_stream st = { 0 };
	struct iovec iov = { out.p, 0 };
	struct tw_msg *const msg = &req->res; /* no response has come yet */
	bool sent = false;

	if (!req->http || tw_msg_is_http10(&req->req) || tw__conn_backlog(req->cli))
		return false;
	tw__msg_clear(msg);
	msg->flags = TW_MSG_RESPONSE | TW_MSG_EDITED;
	msg->major = msg->minor = 1;
	msg->status = (uint16_t)status;
	msg->reason = tw_str_of(tw_status_reason(status));
	for (int i = 0; i < n_headers; i++)
		tw_msg_add(msg, headers[2 * i], headers[2 * i + 1]);
	if (req->proto->write_head(&st, msg, &out, 0) == 0) {
		iov.iov_len = (size_t)(out.p - (char *)iov.iov_base);
		req->down.bytes += tw__counted(&st, iov.iov_len);
		sent = tw__conn_send(req->cli, &iov, 1) != TW_IO_ERR;
	}
	tw__msg_clear(msg);
	return sent;
}

int
tw__own_page(struct tw_req *req, struct tw_str page, struct tw_out *out,
    struct iovec iov[TW_PROTO_IOV + 1])
{
	char *const mem = tw_arena_try(tw_req_arena(req), page.len);
	struct tw_stream st = { 0 }, to = { .px = req->fe };
	char *const start = out->p;

	if (mem == NULL || page.len == 0)
		return 0;
	memcpy(mem, page.p, page.len);
	struct tw_buf in = { mem, (uint32_t)page.len, 0, (uint32_t)page.len };
	tw__msg_clear(&req->res);
	if (req->fe->proto->read_head(&st, &in, &req->res, &req->req, true) != TW_IO_OK)
		return 0;
	const struct tw_str body = { mem + in.head, in.tail - in.head };
	tw__hooks_run(req, req->fe, TW_ON_OWN_RESPONSE);
	req->res.content_length = body.len; /* whatever it or they say of it */
	if (req->proto->write_head(&to, &req->res, out, tw__response_how(req)) != 0)
		return 0;
	iov[0] = (struct iovec){ start, (size_t)(out->p - start) };
	struct tw_out scratch = { out->p, out->end + TW__BODY_SCRATCH, false };
	const int n = to.body == TW_BODY_NONE
	    ? 0
	    : req->proto->write_body(&to, body, true, &scratch, iov + 1);
	req->down.out.extra = to.extra;
	return 1 + n;
}

/* What the codec makes itself. */
static bool
is_framing(struct tw_str name)
{
	return tw_str_ieq(name, TW_STR("content-length")) ||
	    tw_str_ieq(name, TW_STR("transfer-encoding")) ||
	    tw_str_ieq(name, TW_STR("connection"));
}

static int
headers_take(const struct tw_msg *msg, struct tw_str *to)
{
	int n = 0;

	for (unsigned i = 0; i < msg->n_hdr; i++) {
		const struct tw_hdr *const h = &msg->hdr[i];
		const struct tw_str name = { h->name, h->name_len };

		if ((h->flags & TW_HDR_DELETED) || is_framing(name))
			continue;
		to[2 * n] = name;
		to[2 * n + 1] = tw_hdr_value(h);
		n++;
	}
	return n;
}

/* in: page, arena. The response's memory is free to be used: an answer that is
 * queued takes its place. */
static enum tw_verdict
page_reply(
    struct tw_req *req, struct tw_str page, bool close, const struct tw_origin *origin)
{
	struct tw_buf in = { (char *)(uintptr_t)page.p, (uint32_t)page.len, 0,
		(uint32_t)page.len };
	struct tw_stream st = { 0 };
	struct tw_msg *const msg = &req->res;

	tw__msg_clear(msg);
	if (req->fe->proto->read_head(&st, &in, msg, &req->req, true) != TW_IO_OK)
		return tw_req_fail(req, 500, "an error page is malformed", origin);
	struct tw_str *const headers =
	    tw_arena_try(tw_req_arena(req), sizeof(*headers) * 2 * (msg->n_hdr + 1u));
	char *const reason = tw_arena_try(tw_req_arena(req), msg->reason.len + 1);
	if (headers == NULL || reason == NULL)
		return tw_req_fail(req, 503, "out of memory", origin);
	if (msg->reason.len > 0)
		memcpy(reason, msg->reason.p, msg->reason.len);
	reason[msg->reason.len] = '\0';
	const struct tw_reply reply = { .status = msg->status,
		.reason = reason,
		.headers = headers,
		.n_headers = headers_take(msg, headers),
		.body = { in.base + in.head, in.tail - in.head },
		.close = close };
	return tw_req_reply(req, &reply, origin);
}

enum tw_verdict
tw_req_reply_page(
    struct tw_req *req, int status, bool close, const struct tw_origin *origin)
{
	const struct tw_str page = tw_req_page(req, status);

	if (page.len == 0) /* errorfile /dev/null: not a word */
		return tw_req_fail(req, 0, "refused", origin);
	const struct tw_str copy = tw_req_copy(req, page);
	return copy.p != NULL ? page_reply(req, copy, close, origin)
			      : tw_req_fail(req, 503, "out of memory", origin);
}

const struct tw_service *
tw_service_find(const char *name, const struct tw_self **owner)
{
	return tw__module_find_service(name, owner);
}

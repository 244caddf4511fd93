/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * run.c - the step table, the loop that runs it, and the events that call it.
 *
 * Start here to follow a request: core/tbl/steps.h names the steps in order;
 * each is a function of its name in this folder. A step returns MORE (run
 * what req->step says now), WAIT (an event will run it again) or, from LOG,
 * KEEP or GONE. One worker's thread.
 */
#include "config.h"

#include <tideway/assert.h>
#include "core/flow/req.h"

/* Requests begun from one buffer before others get their turn. */
#define PIPELINE_TURN 32

struct step {
	enum tw__next (*fn)(struct tw_req *req);
	const char *name, *what;
	char term;
};

static const struct step steps[TW__N_STEPS] = {
#define X(name, fn, term, what) [TW__##name] = { fn, #name, what, term },
#include "core/tbl/steps.h"
#undef X
};

const char *
tw__step_name(unsigned step)
{
	return step < TW__N_STEPS ? steps[step].name : "?";
}

char
tw__step_term(const struct tw_req *req)
{
	return steps[req->step].term;
}

/* --- ends --- */

/* An answer to HEAD ends with its head. */
static void
head_only(struct tw_str *text)
{
	const char *const end = memmem(text->p, text->len, "\r\n\r\n", 4);

	if (end != NULL)
		text->len = (size_t)(end + 4 - text->p);
}

/* One proxy's page. returns: p NULL: it has none of its own. */
static struct tw_str
own_page(struct tw_req *req, const struct tw_proxy *px, int status)
{
	const struct tw_proto *const proto = req->fe->proto; /* pages are its */
	struct tw_str text = { NULL, 0 };

	if (proto->error_made != NULL)
		text = proto->error_made(px, status, req);
	return text.p != NULL ? text : proto->error_text(px, status);
}

struct tw_str
tw__page_of(struct tw_req *req, int status)
{
	struct tw_str text = { NULL, 0 };

	if (!req->http)
		return text;
	if (req->be != NULL)
		text = own_page(req, req->be, status);
	if (text.p == NULL)
		text = own_page(req, req->fe, status);
	return text.p != NULL ? text : req->fe->proto->error_text(NULL, status);
}

/* returns: entries of what goes out. */
static int
edit_page(struct tw_req *req, struct tw_str text, struct iovec iov[TW_PROTO_IOV + 1])
{
	struct tw_out out = tw__head_out(req);
	const int n = tw__own_page(req, text, &out, iov);

	if (n == 0)
		return req->proto == req->fe->proto;
	req->status = (int16_t)req->res.status;
	return n;
}

static void
answer_status(struct tw_req *req, int status)
{
	struct tw_str text = tw__page_of(req, status);

	if (tw__is_head(req) && text.len > 0)
		head_only(&text);
	struct iovec iov[TW_PROTO_IOV + 1] = { { (void *)(uintptr_t)text.p,
	    text.len } };
	int n = 1;

	req->status = (int16_t)status;
	if (text.len == 0 || req->cli->failed)
		return;
	if (req->fe->chain[TW_ON_OWN_RESPONSE] != NULL || req->proto != req->fe->proto)
		n = edit_page(req, text, iov);
	for (int i = 0; i < n; i++)
		req->down.bytes += iov[i].iov_len;
	req->down.bytes += tw__counted(&req->down.out, 0);
	req->answered = true;
	req->cli->linger_wanted = true;
	tw__conn_send(req->cli, iov, n);
}

enum tw__next
tw__flow_fail(struct tw_req *req, int status, char who, char when, const char *why)
{
	if (req->term[0] == 0) {
		req->term[0] = who;
		req->term[1] = when;
	}
	req->fail_why = why;
	req->failed_at = req->step;
	req->keep = false;
	req->failed = true;
	req->hook_at = NULL;
	tw_timer_set(&req->timer, 0);
	if (TW_UNLIKELY(req->serving != NULL))
		tw__serve_over(req, false);
	if (req->answered) /* cut: the client must not take it for whole */
		req->cli->failed = true;
	else if (status != 0)
		answer_status(req, status);
	tw__server_leave(req, false);
	req->step = TW__LOG;
	return TW__MORE;
}

/* --- timeouts --- */

static enum tw__next
client_timed_out(struct tw_req *req)
{
	const char when = tw__step_term(req);

	req->cli->timed_out = false;
	switch (req->step) {
	case TW__ACCEPT:
	case TW__READ:
		tw__count_client(req, TW_CNT_EREQ);
		return tw__flow_fail(
		    req, req->http ? 408 : 0, 'c', 'R', "request timed out");
	case TW__HELLO:
		return tw__flow_fail(req, 0, 'c', when,
		    req->sub == 0 && req->cli->transport != NULL
			? "Timeout during SSL handshake"
			: "client stalled");
	case TW__REQUEST:
	case TW__ROUTE:
		return tw__flow_fail(req, 408, 'c', when, "the body did not come");
	case TW__SERVE:
	case TW__RESPONSE:
		return tw__flow_fail(req, 408, 'c', 'D', "client stalled");
	default:
		return tw__flow_fail(req, 0, 'c', when, "client stalled");
	}
}

static enum tw__next
server_timed_out(struct tw_req *req)
{
	req->srvc->timed_out = false;
	switch (req->step) {
	case TW__CONNECT:
	case TW__SEND:
		return tw__server_failed(req, true);
	case TW__RESPONSE:
		if (tw__retry_wanted(req, TW__RETRY_TIMEOUT))
			return tw__retry(req);
		if (!req->tunnel)
			tw__count_response_error(req);
		return tw__flow_fail(
		    req, 504, 's', 'H', "server did not answer in time");
	default:
		return tw__flow_fail(req, 0, 's', tw__step_term(req), "server stalled");
	}
}

/* --- the loop --- */

/* A connection that ends before its first byte still is an exchange to be
 * answered (408) and logged; one that ends between requests is not. */
static struct tw_req *
nothing_came(struct tw_conn *cli)
{
	struct tw_req *req = NULL;

	if (cli->n_requests == 0 && !cli->bind->proxy->c.ignore_probes &&
	    (cli->timed_out || !cli->bind->proxy->c.dontlognull))
		req = tw__client_request(cli);
	if (req == NULL)
		tw__client_end(cli);
	else
		req->silent = true;
	return req;
}

/* What the connection holds already, or can read now, begins a request. */
static struct tw_req *
client_next(struct tw_conn *cli)
{
	if (TW_UNLIKELY(cli->n_requests == 0) && tw__mux_agreed(cli))
		return NULL;
	if (cli->in.head == cli->in.tail) {
		cli->short_read = false; /* a reset without a request can wait */
		switch (tw__conn_recv(cli, 0)) {
		case TW_IO_OK:
			break;
		case TW_IO_AGAIN:
			tw__buf_put(cli);
			tw__client_idle(cli);
			return NULL;
		default:
			return nothing_came(cli);
		}
	}
	if (TW_UNLIKELY(cli->n_requests == 0) && tw__mux_begins(cli))
		return NULL;
	struct tw_req *const req = tw__client_request(cli);
	if (req == NULL)
		tw__client_end(cli);
	return req;
}

static enum tw__next
run_steps(struct tw_req *req)
{
	enum tw__next next = TW__MORE;

	if (TW_UNLIKELY(req->cli->timed_out))
		next = client_timed_out(req);
	else if (TW_UNLIKELY(req->srvc != NULL && req->srvc->timed_out))
		next = server_timed_out(req);
	while (next == TW__MORE)
		next = steps[req->step].fn(req);
	return next;
}

/* While only the server (or a slot of it) is waited for, what the client does
 * does not matter, unless option abortonclose says so. */
static bool
waits_for_client(const struct tw_req *req)
{
	switch (req->step) {
	case TW__PICK:
	case TW__CONNECT:
	case TW__SEND:
		return req->be->c.abortonclose;
	case TW__RESPONSE:
		return req->be->c.abortonclose || tw__conn_backlog(req->cli) ||
		    (!req->up.done && !req->up_broken);
	default:
		return true;
	}
}

static void
watch(struct tw_req *req)
{
	if (req->srvc != NULL)
		tw__conn_watch(req->srvc);
	if (!req->cli->watched && (waits_for_client(req) || req->hook_at != NULL))
		tw__conn_watch(req->cli);
}

void
tw__flow_run(struct tw_req *req)
{
	struct tw__flow *const f = req->worker->flow;

	for (int n = 0; req != NULL; n++) {
		struct tw_conn *const cli = req->cli;
		TW_CHECK_MAGIC(req, TW_REQ_MAGIC);
		struct tw_req *const outer = f->running;
		f->running = req;
		const enum tw__next next = run_steps(req);
		f->running = outer;
		if (next == TW__WAIT) {
			watch(req);
			tw__flow_timers(req);
			return;
		}
		if (next == TW__GONE)
			return;
		if (n == PIPELINE_TURN) {
			tw__conn_again(cli);
			return;
		}
		req = client_next(cli);
	}
}

void
tw__client_start(struct tw_conn *cli)
{
	struct tw_req *const req = client_next(cli);

	if (req != NULL)
		tw__flow_run(req);
}

void
tw__req_abort(struct tw_req *req)
{
	req->cli->failed = true;
	tw__pick_leave(req);
	tw__flow_fail(req, 0, 'K', tw__step_term(req), "the program stops");
	tw__flow_run(req);
}

/* --- events --- */

void
tw__flow_client_event(struct tw_conn *cli)
{
	struct tw_conn *conn = cli;

	if (TW_UNLIKELY(cli->lingering)) {
		tw__conn_linger(&conn);
		return;
	}
	if (cli->req != NULL) {
		tw__flow_run(cli->req);
		return;
	}
	if (TW_UNLIKELY(cli->mux != NULL)) {
		tw__mux_event(cli);
		return;
	}
	if (!cli->timed_out && !cli->readable && cli->in.head == cli->in.tail) {
		if (TW_UNLIKELY(cli->holds)) /* its transport's own */
			tw__conn_flush(cli);
		return;
	}
	struct tw_req *const req =
	    cli->timed_out ? nothing_came(cli) : client_next(cli);
	if (req != NULL)
		tw__flow_run(req);
}

void
tw__flow_server_event(struct tw_conn *srvc)
{
	struct tw_conn *conn = srvc;

	if (srvc->req != NULL)
		tw__flow_run(srvc->req);
	else if (TW_UNLIKELY(srvc->mux != NULL))
		tw__mux_event(srvc);
	else if (srvc->kept_by != NULL)
		tw__kept_event(srvc);
	else if (srvc->readable || srvc->rdhup || srvc->failed)
		tw__upstream_lost(&conn);
}

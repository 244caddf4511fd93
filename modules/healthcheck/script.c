/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * script.c - runs the rules of a check, one after the other.
 *
 * A rule either is done at once, or waits for the socket and is gone on with
 * when that is ready; a failed one ends the check. What a success means says
 * the last rule. Messages are worded as HAProxy words them. Control thread.
 */
#include <stdio.h>

#include <tideway/assert.h>

#include "hc_run.h"

const struct hc_set *
hc_script_of(const struct hc_check *c)
{
	return c->is_agent ? &hc_server_of(c->srv)->agent_set
			   : hc_conf_of(c->srv)->active;
}

/* Lines that a person wrote: messages say which one. */
static bool
is_scripted(const struct hc_check *c)
{
	const struct hc_set *const set = hc_script_of(c);

	return set->kind == HC_TCP && set->n_steps > 0;
}

/* ---- what is said of a rule ---- */

static void
connect_words(const struct hc_connect *conn, struct tw_out *o)
{
	tw_out_lit(o, "connect");
	if (conn->port != 0)
		tw_out_printf(o, " port %u", conn->port);
}

void
hc_script_where(const struct hc_check *c, struct tw_out *o)
{
	const struct hc_rule *const r = c->rule;

	if (r == NULL || c->is_agent || hc_script_of(c)->kind != HC_TCP)
		return;
	if (r->step == 0) { /* nobody wrote it, but somebody `option tcp-check` */
		if (hc_conf_of(c->srv)->tcp_given)
			tw_out_lit(o, " at initial connection step of tcp-check");
		return;
	}
	tw_out_printf(o, " at step %d of tcp-check (", r->step);
	if (r->act == HC_CONNECT)
		connect_words(&r->u.connect, o);
	else if (r->act == HC_EXPECT)
		hc_expect_words(&r->u.expect, o);
	else
		tw_out_lit(o, "send");
	tw_out_char(o, ')');
	if (r->comment != NULL)
		tw_out_printf(o, " comment: '%.60s'", r->comment);
}

enum tw_chk
hc_tout_status(const struct hc_check *c)
{
	const struct hc_rule *const r = c->rule;

	if (r != NULL && r->act == HC_EXPECT && r->u.expect.tout != TW_CHK_UNK)
		return r->u.expect.tout;
	return TW_CHK_L7TOUT;
}

/* A format's text takes the place of what is there. */
static void
text_set(struct tw_check_result *r, const struct tw_logfmt *fmt, struct tw_req *req)
{
	struct tw_out o = tw_out_of(r->text, sizeof(r->text) - 1);

	tw_logfmt_out(fmt, req, &o);
	*o.p = '\0';
}

/* status-code, an expression: its integer. */
static void
code_set(struct tw_check_result *r, const struct hc_expect *e, struct tw_req *req)
{
	struct tw_sample s;
	uint64_t n;

	if (e->status_code == NULL || !tw_expr_eval(e->status_code, req, &s))
		return;
	if (s.type == TW_SINT || s.type == TW_BOOL)
		r->status = (uint16_t)s.u.n;
	else if (s.type == TW_STRING && tw_str_to_u64(s.u.str, &n))
		r->status = (uint16_t)n;
}

static void append(struct tw_check_result *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
append(struct tw_check_result *r, const char *fmt, ...)
{
	const size_t len = strlen(r->text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->text + len, sizeof(r->text) - len, fmt, ap);
	va_end(ap);
}

/* ---- the end ---- */

static void
passed(struct hc_check *c, const struct hc_rule *last, struct tw_check_result *r,
    struct tw_req *req)
{
	if (last == NULL || last->act == HC_CONNECT)
		r->what = c->established ? TW_CHK_L6OK : TW_CHK_L4OK;
	else
		r->what = TW_CHK_L7OK;
	if (is_scripted(c))
		snprintf(r->text, sizeof(r->text), "(tcp-check)");
	if (last != NULL && last->act == HC_EXPECT) {
		const struct hc_expect *const e = &last->u.expect;

		if (e->ok != TW_CHK_UNK)
			r->what = e->ok;
		r->nolb = e->ok == TW_CHK_L7OKC;
		if (e->on_success != NULL)
			text_set(r, e->on_success, req);
		code_set(r, e, req);
	}
	hc_talk_end(c, r);
}

/* A server that speaks HTTP/2 has ended without an answer to rules. */
static bool
is_unanswered(const struct hc_check *c)
{
	return c->mux != NULL && c->len == 0 && hc_script_of(c)->kind == HC_HTTP;
}

/* The step, as HAProxy counts them in this message: what goes before it, a comment of
 * its own, too; a request that nobody wrote is none behind a line that somebody did. */
static int
place_of(const struct hc_check *c)
{
	const struct hc_rule *r = hc_script_of(c)->first;
	int n = 0, step = 0;
	bool asked = false, connected = false;

	for (; r != NULL && r != c->rule; r = r->next) {
		n += r->act == HC_CONNECT || r->act == HC_SEND || r->act == HC_EXPECT;
		asked = asked || (r->act == HC_SEND && r->step != 0);
		connected = connected || (r->act == HC_CONNECT && r->step != 0);
		step = r->step != 0 ? r->step : step;
	}
	if (c->rule->step == 0)
		return n + (connected && !asked);
	return n - !asked + (c->rule->step > step + 1);
}

static void
expect_failed(struct hc_check *c, struct tw_check_result *r, struct tw_req *req)
{
	const struct hc_rule *const rule = c->rule;
	const struct hc_expect *const e = &rule->u.expect;

	if (e->error != TW_CHK_UNK)
		r->what = e->error;
	r->nolb = r->what == TW_CHK_L7OKC;
	code_set(r, e, req);
	if (is_unanswered(c))
		append(r, "TCPCHK got an empty response at step %d", place_of(c));
	else if (e->on_error != NULL)
		text_set(r, e->on_error, req);
	else if (is_scripted(c) && rule->step != 0)
		append(r, " at step %d", rule->step);
	if (rule->comment != NULL) /* with and without quotes, as HAProxy */
		append(r,
		    is_unanswered(c) || (c->len == 0 && is_scripted(c))
			? " comment: '%s'"
			: " comment: %s",
		    rule->comment);
	hc_talk_end(c, r);
}

/* ---- the rules; each returns true: done, on to the next ---- */

static bool
port_of(const struct hc_connect *conn, struct tw_req *req, struct tw_addr *to)
{
	struct tw_sample s;
	uint64_t n = conn->port;

	if (conn->port_expr != NULL) {
		if (!tw_expr_eval(conn->port_expr, req, &s))
			return false;
		if (s.type == TW_SINT)
			n = s.u.n > 0 ? (uint64_t)s.u.n : 0;
		else if (s.type != TW_STRING || !tw_str_to_u64(s.u.str, &n))
			return false;
		if (n == 0 || n > 65535)
			return false;
	}
	if (n != 0)
		to->port = (uint16_t)n;
	return true;
}

static bool
run_connect(struct hc_check *c, struct tw_req *req)
{
	const struct hc_connect *const conn = &c->rule->u.connect;
	struct tw_addr to = c->conf.addr;

	if (c->phase != HC_CONNECTING && c->fd >= 0 && c->connected_by == c->rule)
		return true;
	if (conn->addr != NULL) {
		const uint16_t port = to.port;

		to = *conn->addr;
		if (to.port == 0)
			to.port = port;
	}
	if (!port_of(conn, req, &to)) {
		struct tw_check_result r = { .what = TW_CHK_SOCKERR };

		snprintf(r.text, sizeof(r.text), "the port is none");
		hc_talk_end(c, &r);
		return false;
	}
	c->connected_by = c->rule;
	return hc_talk_connect(c, &to, conn);
}

/* The PROXY header that a connection begins with: its version; 0: none. */
static int
proxy_version(const struct hc_check *c)
{
	const struct hc_connect *const conn = &c->rule->u.connect;

	if (c->is_agent)
		return 0;
	if (conn->send_proxy ||
	    (conn->server_defaults && hc_server_of(c->srv)->check_send_proxy))
		return c->conf.pp_version;
	return conn->server_defaults ? c->conf.send_proxy : 0;
}

/* The connection is there: it may have to begin with a header. */
static bool
header_sent(struct hc_check *c)
{
	const int version = proxy_version(c);
	char mem[128];
	struct tw_out o = tw_out_of(mem, sizeof(mem));

	if (c->headed)
		return true;
	c->headed = true;
	if (version != 0)
		tw_server_check_header(c->srv, version, c->fd, &o);
	return hc_talk_send(c, (struct tw_str){ mem, (size_t)(o.p - mem) });
}

static bool
send_failed(struct hc_check *c)
{
	struct tw_check_result r = { .what = TW_CHK_L7RSP };

	snprintf(r.text, sizeof(r.text), "%s send : failed to build log-format string",
	    c->rule->u.send.is_http ? "http-check" : "tcp-check");
	append(&r, " at step %d", c->rule->step);
	hc_talk_end(c, &r);
	return false;
}

/* What the agent is told; an operator's words go first. returns: false: nothing. */
static bool
agent_line(const struct hc_check *c, struct tw_str *bytes)
{
	const char *const said = tw_server_agent_send(c->srv);

	*bytes = said != NULL ? tw_str_of(said) : c->rule->u.send.data.s;
	return bytes->len > 0;
}

static bool
run_send(struct hc_check *c, struct tw_req *req)
{
	const struct hc_send *const s = &c->rule->u.send;
	char mem[2 * HC_REQUEST_MAX];
	struct tw_out o = tw_out_of(mem, sizeof(mem));
	struct tw_str bytes;
	struct hc_request parts;
	const char *why;

	if (s->is_http) {
		hc_http_request(s,
		    hc_conf_of(c->srv)->first_send == c->rule ? &hc_conf_of(c->srv)->opt
							      : NULL,
		    req, &o, &parts);
	} else if (s->data.fmt != NULL)
		tw_logfmt_out(s->data.fmt, req, &o);
	if (c->is_agent && !agent_line(c, &bytes))
		return true;
	if (!c->is_agent)
		bytes = s->is_http || s->data.fmt != NULL
		    ? (struct tw_str){ mem, (size_t)(o.p - mem) }
		    : s->data.s;
	if (s->is_hex)
		bytes = hc_hex_decode(tw_req_arena(req), bytes, &why);
	if (o.over || (s->is_hex && bytes.p == NULL))
		return send_failed(c);
	c->len = 0; /* what came before was no answer to this */
	if (s->is_http && hc_mux_begins(c))
		return hc_mux_send(c, &parts);
	return hc_talk_send(c, bytes);
}

/* disable-on-404 goes before what is expected; a server that is down stays. */
static bool
is_404(struct hc_check *c, const struct tw_check_result *r)
{
	return c->rule->u.expect.is_http && r->status == 404 &&
	    hc_conf_of(c->srv)->disable_on_404 && tw_server_health(c->srv) != TW_DOWN;
}

static bool
run_expect(struct hc_check *c, struct tw_check_result *r, struct tw_req *req)
{
	const struct hc_answer a = { { c->buf, c->len }, c->eof, req };
	const struct hc_expect *const e = &c->rule->u.expect;
	const enum tw_io io = hc_expect_eval(e, &a, r);

	if (io != TW_IO_AGAIN && is_404(c, r)) {
		*r = (struct tw_check_result){
			.what = TW_CHK_L7OKC, .status = 404, .nolb = true
		};
		hc_talk_end(c, r);
		return false;
	}
	if (io == TW_IO_OK)
		return true;
	if (io == TW_IO_AGAIN && !c->eof)
		hc_talk_read(c);
	else {
		if (r->what == TW_CHK_UNK)
			r->what = TW_CHK_L7RSP;
		expect_failed(c, r, req);
	}
	return false;
}

static bool
run_rule(struct hc_check *c, struct tw_check_result *r, struct tw_req *req)
{
	switch (c->rule->act) {
	case HC_CONNECT:
		if (!run_connect(c, req))
			return false;
		return header_sent(c) && hc_talk_secure(c, req);
	case HC_SEND:
		return run_send(c, req);
	case HC_EXPECT:
		return run_expect(c, r, req);
	case HC_SET_VAR:
		hc_var_set(&c->rule->u.var, req);
		return true;
	case HC_UNSET_VAR:
		tw_var_unset(req, c->rule->u.var.var);
		return true;
	}
	TW_WRONG("rule");
}

/* A send that was blocked is done when its event comes; behind the line that
 * begins a connection there may be more to do. */
static bool
was_sending(struct hc_check *c)
{
	const bool was = c->is_sending;

	c->is_sending = false;
	return was && c->rule->act != HC_CONNECT;
}

void
hc_script_go(struct hc_check *c)
{
	struct tw_check_result r = { .what = TW_CHK_UNK };
	struct tw_req *const req = tw_check_req(c->srv);
	const struct hc_rule *last = c->rule;

	if (req == NULL) {
		hc_talk_end(c, NULL);
		return;
	}
	tw_check_vars(req, &c->vars);
	if (c->rule != NULL && was_sending(c))
		c->rule = c->rule->next;
	while (c->rule != NULL) {
		last = c->rule;
		if (!run_rule(c, &r, req)) {
			tw_check_vars(req, NULL);
			if (c->out != NULL)
				c->is_sending = true;
			return;
		}
		c->rule = c->rule->next;
	}
	passed(c, last, &r, req);
	tw_check_vars(req, NULL);
}

void
hc_script_begin(struct hc_check *c)
{
	c->begun_us = tw_now_us();
	c->phase = HC_TALKING;
	c->fd = -1;
	c->is_sending = false;
	c->connected_by = NULL;
	c->rule = hc_script_of(c)->first;
	hc_script_go(c);
}

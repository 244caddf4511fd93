/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * httpchk.c - `option httpchk`: a request, and what its answer means.
 *
 * The request is made once, when the configuration is checked. Header names
 * go out in lower case and HTTP/1.1 gets "connection: close", as HAProxy
 * sends them. Answers are judged as soon as they are conclusive. Control
 * thread. source: RFC 9112; HAProxy's manual, http-check.
 */
#include <stdio.h>

#include "hc.h"

static const char *
first_of(const char *a, const char *b, const char *fallback)
{
	return a != NULL ? a : b != NULL ? b : fallback;
}

void
hc_http_request(const struct hc_http *http, struct tw_out *out)
{
	const char *version = first_of(http->send_version, http->version, "HTTP/1.0");

	tw_out_printf(out, "%s %s %s\r\n",
	    first_of(http->send_method, http->method, "OPTIONS"),
	    first_of(http->send_uri, http->uri, "/"), version);
	tw_out_str(out, http->headers);
	if (http->body != NULL)
		tw_out_printf(out, "content-length: %zu\r\n", strlen(http->body));
	if (!http->has_connection && strcmp(version, "HTTP/1.0") != 0)
		tw_out_lit(out, "connection: close\r\n");
	tw_out_lit(out, "\r\n");
	if (http->body != NULL)
		tw_out_str(out, tw_str_of(http->body));
}

size_t
hc_httpchk_request(const struct tw_server *srv, struct tw_out *out)
{
	const struct tw_str request = hc_proxy_of(srv)->http.request;

	tw_out_str(out, request);
	return request.len;
}

static enum tw_io
result(struct tw_check_result *r, enum tw_chk what, const char *text)
{
	r->what = what;
	if (what == TW_CHK_L7RSP)
		r->status = 0; /* HAProxy tells no code with it */
	snprintf(r->text, sizeof(r->text), "%s", text);
	return TW_IO_OK;
}

static enum tw_io
judge_status(
    const struct hc_expect *e, const struct hc_head *head, struct tw_check_result *r)
{
	if (hc_status_is_expected(e, head->status))
		return result(r, TW_CHK_L7OK, "");
	r->what = TW_CHK_L7STS;
	snprintf(r->text, sizeof(r->text), "%.*s", TW_STR_FMT(head->reason));
	return TW_IO_OK;
}

static enum tw_io
judge_body(const struct hc_expect *e, const struct hc_head *head, bool eof,
    struct tw_check_result *r)
{
	char mem[HC_ANSWER_MAX];
	struct tw_str body;
	const bool whole = hc_body_of(head, eof, mem, &body);

	if (body.len > 0 && hc_body_matches(e, body))
		return e->negate
		    ? result(r, TW_CHK_L7RSP, "HTTP check matched unwanted content")
		    : result(r, TW_CHK_L7OK, "");
	if (!whole)
		return TW_IO_AGAIN;
	if (body.len == 0)
		return result(r, TW_CHK_L7RSP,
		    "HTTP content check could not find a response body");
	return e->negate ? result(r, TW_CHK_L7OK, "")
			 : result(r, TW_CHK_L7RSP, "HTTP content check did not match");
}

enum tw_io
hc_httpchk_answer(
    const struct tw_server *srv, struct tw_str got, bool eof, struct tw_check_result *r)
{
	const struct hc_http *http = &hc_proxy_of(srv)->http;
	struct hc_head head;
	const enum tw_io io = hc_head_parse(got, &head);

	if (io == TW_IO_ERR || (io == TW_IO_AGAIN && eof))
		return result(r, TW_CHK_L7RSP, "");
	if (io == TW_IO_AGAIN)
		return io;
	r->status = head.status;
	/* A server that is down stays so: 404 only stops one that runs. */
	if (http->disable_on_404 && head.status == 404 &&
	    tw_server_health(srv) != TW_DOWN) {
		r->nolb = true;
		return result(r, TW_CHK_L7OKC, "");
	}
	if (http->expect.match == HC_STRING || http->expect.match == HC_RSTRING)
		return judge_body(&http->expect, &head, eof, r);
	return judge_status(&http->expect, &head, r);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * expect.c - what an expect rule finds in an answer.
 *
 * On a mismatch more bytes are waited for, unless the rule said how many must
 * do (min-recv) or no more will come. HTTP rules look at the head, or at the
 * body without its framing. Control thread; what is looked at is a possibly
 * hostile peer's. source: HAProxy's manual, tcp-check and http-check expect.
 */
#include <stdio.h>

#include "hc.h"

static bool
contains(struct tw_str in, struct tw_str what)
{
	return what.len == 0 || (in.len > 0 && memmem(in.p, in.len, what.p, what.len));
}

/* The text of a rule, now. in: mem, of HC_TEXT_MAX bytes. */
static bool
text_of(const struct hc_text *t, struct tw_req *req, char *mem, struct tw_str *out)
{
	struct tw_out o = tw_out_of(mem, HC_TEXT_MAX);

	*out = t->s;
	if (t->fmt == NULL)
		return true;
	*out = (struct tw_str){ mem, tw_logfmt_out(t->fmt, req, &o) };
	return !o.over;
}

/* ---- HTTP heads ---- */

static bool
one_matches(
    const struct hc_hdr_match *m, struct tw_str want, struct tw_str got, bool fold)
{
	switch (m->how) {
	case HC_REG:
		return hc_regex_matches(m->regex, got);
	case HC_STR:
		return fold ? tw_str_ieq(got, want) : tw_str_eq(got, want);
	case HC_BEG:
	case HC_END:
		if (got.len < want.len)
			return false;
		if (m->how == HC_END)
			got.p += got.len - want.len;
		got.len = want.len;
		return fold ? tw_str_ieq(got, want) : tw_str_eq(got, want);
	default:
		return contains(got, want);
	}
}

static void
lower(char *to, struct tw_str s)
{
	for (size_t i = 0; i < s.len; i++)
		to[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] | 0x20) : s.p[i];
}

/* Names are compared in lower case; a regex gets what was sent. */
static bool
name_matches(const struct hc_expect *e, struct tw_str want, struct tw_str name)
{
	char a[256], b[256];

	if (e->name.how != HC_SUB || want.len > sizeof(a) || name.len > sizeof(b))
		return one_matches(&e->name, want, name, true);
	lower(a, want);
	lower(b, name);
	return contains((struct tw_str){ b, name.len }, (struct tw_str){ a, want.len });
}

/* A comma-separated list, each element on its own; or the whole. */
static bool
value_matches(const struct hc_expect *e, struct tw_str want, struct tw_str value)
{
	if (e->match == HC_FHDR)
		return one_matches(&e->value, want, value, false);
	for (;;) {
		const char *comma =
		    value.len > 0 ? memchr(value.p, ',', value.len) : NULL;
		const size_t n = comma ? (size_t)(comma - value.p) : value.len;

		if (one_matches(&e->value, want,
			tw_str_trim((struct tw_str){ value.p, n }), false))
			return true;
		if (comma == NULL)
			return false;
		value.p += n + 1;
		value.len -= n + 1;
	}
}

static bool
header_found(const struct hc_expect *e, const struct hc_head *head, struct tw_req *req)
{
	char mem[2][HC_TEXT_MAX];
	struct tw_str fields = head->fields, name, value, want_name, want;

	if (!text_of(&e->name.text, req, mem[0], &want_name) ||
	    !text_of(&e->value.text, req, mem[1], &want))
		return false;
	while (hc_field_next(&fields, &name, &value))
		if (name_matches(e, want_name, name) &&
		    (!e->has_value || value_matches(e, want, value)))
			return true;
	return false;
}

bool
hc_status_is_expected(const struct hc_expect *e, uint16_t status)
{
	char text[8];
	bool found = false;

	if (e->match == HC_RSTATUS) {
		const int n = snprintf(text, sizeof(text), "%u", status);
		found = hc_regex_matches(e->regex, (struct tw_str){ text, (size_t)n });
	}
	for (int i = 0; e->match == HC_STATUS && i < e->n_ranges; i++)
		if (status >= e->range[i].from && status <= e->range[i].to)
			found = true;
	return found != e->negate;
}

/* ---- HTTP ---- */

static enum tw_io
fail(struct tw_check_result *r, enum tw_chk what, const char *text)
{
	r->what = what;
	if (what == TW_CHK_L7RSP)
		r->status = 0; /* HAProxy tells no code with it */
	snprintf(r->text, sizeof(r->text), "%s", text);
	return TW_IO_ERR;
}

static enum tw_io
head_eval(const struct hc_expect *e, const struct hc_answer *a,
    const struct hc_head *head, struct tw_check_result *r)
{
	const bool good = e->match == HC_HDR || e->match == HC_FHDR
	    ? header_found(e, head, a->req) != e->negate
	    : hc_status_is_expected(e, head->status);

	if (good)
		return TW_IO_OK;
	r->what = TW_CHK_L7STS;
	snprintf(r->text, sizeof(r->text), "%.*s", TW_STR_FMT(head->reason));
	return TW_IO_ERR;
}

static bool
body_matches(const struct hc_expect *e, struct tw_req *req, struct tw_str body)
{
	char mem[HC_TEXT_MAX];
	struct tw_str want;

	if (e->match == HC_RSTRING)
		return hc_regex_matches(e->regex, body);
	return text_of(&e->text, req, mem, &want) && contains(body, want);
}

static enum tw_io
body_eval(const struct hc_expect *e, const struct hc_answer *a,
    const struct hc_head *head, struct tw_check_result *r)
{
	char mem[HC_ANSWER_MAX];
	struct tw_str body;
	const bool whole = hc_body_of(head, a->eof, mem, &body);
	const bool enough = e->min_recv >= 0 && body.len >= (size_t)e->min_recv;

	if (!whole && e->min_recv > 0 && !enough)
		return TW_IO_AGAIN;
	if (body.len > 0 && body_matches(e, a->req, body))
		return e->negate
		    ? fail(r, TW_CHK_L7RSP, "HTTP check matched unwanted content")
		    : TW_IO_OK;
	if (!whole && !enough)
		return TW_IO_AGAIN;
	if (body.len == 0)
		return fail(r, TW_CHK_L7RSP,
		    "HTTP content check could not find a response body");
	return e->negate ? TW_IO_OK
			 : fail(r, TW_CHK_L7RSP, "HTTP content check did not match");
}

static enum tw_io
http_eval(
    const struct hc_expect *e, const struct hc_answer *a, struct tw_check_result *r)
{
	struct hc_head head;
	const enum tw_io io = hc_head_parse(a->got, &head);

	if (io == TW_IO_ERR || (io == TW_IO_AGAIN && a->eof))
		return fail(r, TW_CHK_L7RSP, "");
	if (io == TW_IO_AGAIN)
		return io;
	r->status = head.status;
	if (e->match == HC_STATUS || e->match == HC_RSTATUS || e->match == HC_HDR ||
	    e->match == HC_FHDR)
		return head_eval(e, a, &head, r);
	return body_eval(e, a, &head, r);
}

/* ---- any bytes ---- */

static bool
hex_matches(const struct hc_expect *e, struct tw_str got)
{
	static const char digits[] = "0123456789ABCDEF";
	char hex[2 * HC_ANSWER_MAX];

	for (size_t i = 0; i < got.len && i < HC_ANSWER_MAX; i++) {
		hex[2 * i] = digits[(unsigned char)got.p[i] >> 4];
		hex[2 * i + 1] = digits[got.p[i] & 15];
	}
	return hc_regex_matches(e->regex, (struct tw_str){ hex, 2 * got.len });
}

/* The bytes that are looked for. returns: false: the format made none. */
static bool
want_of(const struct hc_expect *e, struct tw_req *req, char *mem, struct tw_str *want)
{
	const char *why;

	if (!text_of(&e->text, req, mem, want))
		return false;
	if (e->match != HC_BINARY_LF)
		return true;
	*want = hc_hex_decode(tw_req_arena(req), *want, &why);
	return want->p != NULL;
}

static enum tw_io
mismatch(const struct hc_expect *e, struct tw_check_result *r)
{
	struct tw_out o = tw_out_of(r->text, sizeof(r->text) - 1);

	r->what = TW_CHK_L7RSP;
	tw_out_printf(
	    &o, "TCPCHK %s content ", e->negate ? "matched unwanted" : "did not match");
	switch (e->match) {
	case HC_STRING:
		tw_out_printf(&o, "'%.*s'",
		    (int)(e->text.s.len > 40 ? 40 : e->text.s.len), e->text.s.p);
		break;
	case HC_RSTRING:
		tw_out_lit(&o, "(regex)");
		break;
	case HC_BINARY:
		tw_out_lit(&o, "(binary)");
		break;
	case HC_RBINARY:
		tw_out_lit(&o, "(binary regex)");
		break;
	case HC_BINARY_LF:
		tw_out_lit(&o, "(log-format binary)");
		break;
	default:
		tw_out_lit(&o, "(log-format string)");
		break;
	}
	*o.p = '\0';
	return TW_IO_ERR;
}

static enum tw_io
bytes_eval(
    const struct hc_expect *e, const struct hc_answer *a, struct tw_check_result *r)
{
	char mem[HC_TEXT_MAX];
	struct tw_str want = { NULL, 0 };
	const bool is_regex = e->match == HC_RSTRING || e->match == HC_RBINARY;
	size_t least = e->min_recv > 0 ? (size_t)e->min_recv : 0;

	if (!is_regex && !want_of(e, a->req, mem, &want))
		return fail(
		    r, TW_CHK_L7RSP, "TCPCHK failed to build log-format string");
	if (!is_regex && (e->min_recv <= 0 || want.len < least))
		least = want.len;
	if (a->got.len == 0 && a->eof)
		return fail(r, TW_CHK_L7RSP, "TCPCHK got an empty response");
	if (a->got.len == 0 || (!a->eof && a->got.len < least))
		return TW_IO_AGAIN;
	const bool found = e->match == HC_RBINARY ? hex_matches(e, a->got)
	    : e->match == HC_RSTRING              ? hc_regex_matches(e->regex, a->got)
						  : contains(a->got, want);
	if (!found && !a->eof && e->min_recv < 0)
		return TW_IO_AGAIN;
	return found != e->negate ? TW_IO_OK : mismatch(e, r);
}

enum tw_io
hc_expect_eval(
    const struct hc_expect *e, const struct hc_answer *a, struct tw_check_result *r)
{
	if (e->match == HC_CUSTOM) {
		const enum tw_io io = e->judge(a, r);

		if (io == TW_IO_AGAIN && a->eof)
			return fail(r, TW_CHK_L7RSP,
			    a->got.len == 0 ? "empty response" : "incomplete response");
		return io;
	}
	return e->is_http ? http_eval(e, a, r) : bytes_eval(e, a, r);
}

void
hc_expect_words(const struct hc_expect *e, struct tw_out *o)
{
	switch (e->match) {
	case HC_STRING:
	case HC_BINARY:
		tw_out_printf(o, "expect %s '%.*s'",
		    e->match == HC_STRING ? "string" : "binary",
		    (int)(e->text.s.len > 40 ? 40 : e->text.s.len), e->text.s.p);
		break;
	case HC_RSTRING:
		tw_out_lit(o, "expect regex");
		break;
	case HC_RBINARY:
		tw_out_lit(o, "expect binary regex");
		break;
	case HC_STRING_LF:
		tw_out_lit(o, "expect log-format string");
		break;
	case HC_BINARY_LF:
		tw_out_lit(o, "expect log-format binary");
		break;
	default:
		tw_out_lit(o, "expect");
		break;
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * http_capture.c - `capture request|response header`, `capture cookie`.
 *
 * The first hooks of a request and of its response, so that what is logged is
 * what the peers sent. A response is looked at in the backend's chain, before
 * the backend edits it, for whichever frontend the request came through: all
 * backends take part when some frontend captures. Workers; the keywords at
 * start-up. source: HAProxy's manual, 4.2, 8.7 and 8.8.
 */
#include "config.h"

#include <tideway/capture.h>

#include "h1.h"
#include "http.h"

#define COOKIE_LEN_MAX 63 /* HAProxy's, unless tune.http.cookielen says else */

/* A field and the slot for its last value. */
struct captured_field {
	struct captured_field *next;
	struct tw_str name;
	int slot;
};

/* What a frontend captures. */
struct http_captures {
	struct captured_field *field[2], **tail[2]; /* request, response */
	struct tw_str cookie; /* beginning of a name; p NULL: none */
};

/* ---- requests and responses --------------------------------------------- */

static void
capture_fields(struct tw_req *req, enum tw_capture kind, const struct captured_field *f,
    struct tw_msg *msg)
{
	for (; f != NULL; f = f->next) {
		struct tw_hdr *last = NULL, *h = NULL;

		while ((h = tw_msg_find(msg, f->name, h)) != NULL)
			last = h;
		tw_capture_set(req, kind, f->slot,
		    last != NULL ? tw_hdr_value(last) : (struct tw_str){ NULL, 0 });
	}
}

/* The first "name=value" of a Cookie field (or the only one of a Set-Cookie
 * field) whose name begins with `prefix`. */
static struct tw_str
find_cookie(struct tw_str field, struct tw_str prefix)
{
	const char *p = field.p, *const end = field.p + field.len;

	while (p < end) {
		const char *stop = memchr(p, ';', (size_t)(end - p));
		if (stop == NULL)
			stop = end;
		const struct tw_str pair =
		    tw_str_trim((struct tw_str){ p, (size_t)(stop - p) });
		if (tw_str_has_prefix(pair, prefix) &&
		    memchr(pair.p, '=', pair.len) != NULL)
			return pair;
		p = stop + 1;
	}
	return (struct tw_str){ NULL, 0 };
}

static struct tw_str
request_cookie(struct tw_msg *msg, struct tw_str prefix)
{
	struct tw_str found = { NULL, 0 };

	for (struct tw_hdr *h = tw_msg_first(msg, TW_H_COOKIE);
	     h != NULL && found.p == NULL; h = tw_msg_next(msg, h))
		found = find_cookie(tw_hdr_value(h), prefix);
	return found;
}

/* Attributes follow the cookie after a ';'. */
static struct tw_str
response_cookie(struct tw_msg *msg, struct tw_str prefix)
{
	struct tw_str found = { NULL, 0 };

	for (struct tw_hdr *h = tw_msg_first(msg, TW_H_SET_COOKIE);
	     h != NULL && found.p == NULL; h = tw_msg_next(msg, h)) {
		struct tw_str pair = tw_hdr_value(h);
		const char *const stop =
		    pair.len > 0 ? memchr(pair.p, ';', pair.len) : NULL;
		if (stop != NULL)
			pair.len = (size_t)(stop - pair.p);
		found = find_cookie(pair, prefix);
	}
	return found;
}

bool
tw__http_captures_cookie(const struct http_proxy *conf)
{
	return conf->captures != NULL && conf->captures->cookie.p != NULL;
}

static const struct http_captures *
captures_of(struct tw_req *req)
{
	const struct http_proxy *conf =
	    tw_proxy_block(tw_req_frontend(req), tw__http_self);

	return conf->captures;
}

enum tw_verdict
tw__http_capture_request(struct tw_req *req, void *state)
{
	const struct http_captures *const c = captures_of(req);
	struct tw_msg *const msg = tw_req_request(req);

	(void)state;
	if (c == NULL || tw_req_proxy(req) != tw_req_frontend(req))
		return TW_NEXT;
	capture_fields(req, TW_CAPTURE_REQUEST, c->field[0], msg);
	if (c->cookie.p != NULL)
		tw_capture_set(
		    req, TW_CAPTURE_COOKIE, 0, request_cookie(msg, c->cookie));
	return TW_NEXT;
}

enum tw_verdict
tw__http_capture_response(struct tw_req *req, void *state)
{
	const struct http_captures *const c = captures_of(req);
	struct tw_msg *const msg = tw_req_response(req);

	(void)state;
	if (c == NULL || tw_req_proxy(req) != tw_req_backend(req))
		return TW_NEXT;
	capture_fields(req, TW_CAPTURE_RESPONSE, c->field[1], msg);
	if (c->cookie.p != NULL)
		tw_capture_set(
		    req, TW_CAPTURE_COOKIE, 1, response_cookie(msg, c->cookie));
	return TW_NEXT;
}

bool
tw__http_captures_request(const struct tw_proxy *px)
{
	const struct http_proxy *conf = tw_proxy_block(px, tw__http_self);

	return conf->captures != NULL;
}

bool
tw__http_captures_response(const struct tw_proxy *px)
{
	const struct http_proxy *conf = tw_proxy_block(px, tw__http_self);

	return conf->sees_captures;
}

void
tw__http_captures_check(struct tw_gen *gen)
{
	struct tw_proxy *px;
	bool any = false;

	for (int i = 0; (px = tw_gen_proxy(gen, i)) != NULL; i++) {
		const struct http_proxy *conf = tw_proxy_block(px, tw__http_self);
		const struct http_captures *const c = conf->captures;

		any =
		    any || (c != NULL && (c->field[1] != NULL || c->cookie.p != NULL));
	}
	for (int i = 0; (px = tw_gen_proxy(gen, i)) != NULL; i++) {
		struct http_proxy *conf = tw_proxy_block(px, tw__http_self);

		conf->sees_captures = any && tw_proxy_has(px, TW_BACKEND) &&
		    tw_proxy_mode(px) == TW_MODE_HTTP;
	}
}

/* ---- keywords ----------------------------------------------------------- */

static struct http_captures *
captures_get(struct tw_line *ln)
{
	struct http_proxy *conf = ln->state;

	if (conf->captures == NULL) {
		conf->captures =
		    tw_arena_zalloc(tw_gen_arena(ln->gen), sizeof(*conf->captures));
		for (int i = 0; i < 2; i++)
			conf->captures->tail[i] = &conf->captures->field[i];
	}
	return conf->captures;
}

/* `len <bytes>` from argument i on. */
static int
parse_len(struct tw_line *ln, int i, uint64_t *len)
{
	struct tw_err err;

	if (strcmp(tw_arg(ln, i), "len") != 0)
		return tw_line_fail(ln, i,
		    "'%s' expects 'len' and the most bytes to log, not '%s'",
		    ln->kw->word, tw_arg(ln, i));
	if (tw_parse_uint(tw_arg(ln, i + 1), 1, INT32_MAX, len, &err) != 0)
		return tw_line_fail(ln, i + 1, "%s", err.text);
	return 0;
}

static int
set_header(struct tw_line *ln, enum tw_capture kind)
{
	struct captured_field *f;
	uint64_t len;

	if (strcmp(tw_arg(ln, 0), "header") != 0)
		return tw_line_fail(ln, 0, "'%s' expects 'header', not '%s'",
		    ln->kw->word, tw_arg(ln, 0));
	if (!tw__http_is_token(tw_arg(ln, 1)))
		return tw_line_fail(
		    ln, 1, "'%s' is not the name of a field", tw_arg(ln, 1));
	if (parse_len(ln, 2, &len) != 0)
		return -1;
	struct http_captures *const c = captures_get(ln);
	f = tw_arena_zalloc(tw_gen_arena(ln->gen), sizeof(*f));
	f->name = tw_str_of(tw_arena_strdup(tw_gen_arena(ln->gen), tw_arg(ln, 1)));
	f->slot = tw_capture_declare(ln->proxy, kind, (uint32_t)len);
	*c->tail[kind == TW_CAPTURE_RESPONSE] = f;
	c->tail[kind == TW_CAPTURE_RESPONSE] = &f->next;
	return 0;
}

int
tw__http_set_capture_request(struct tw_line *ln)
{
	return set_header(ln, TW_CAPTURE_REQUEST);
}

int
tw__http_set_capture_response(struct tw_line *ln)
{
	return set_header(ln, TW_CAPTURE_RESPONSE);
}

static uint32_t
cookie_len_max(struct tw_gen *gen)
{
	const struct http_gen *const g = tw_gen_block(gen, tw__http_self);

	return g->cookie_len != 0 ? g->cookie_len : COOKIE_LEN_MAX;
}

int
tw__http_set_capture_cookie(struct tw_line *ln)
{
	const char *const name = tw_arg(ln, 0);
	uint64_t len;

	if (name[0] == '\0')
		return tw_line_fail(ln, 0, "'capture cookie' expects a cookie's name");
	if (parse_len(ln, 1, &len) != 0)
		return -1;
	struct http_captures *const c = captures_get(ln);
	if (c->cookie.p != NULL)
		return tw_line_fail(ln, -1,
		    "a frontend can capture one cookie: '%.*s' is declared already",
		    TW_STR_FMT(c->cookie));
	const uint32_t most = cookie_len_max(ln->gen);
	if (len > most) {
		tw_line_warn(ln, 2,
		    "capture length %s is cut to %u bytes; tune.http.cookielen, if "
		    "before this, allows more",
		    tw_arg(ln, 2), most);
		len = most;
	}
	c->cookie = tw_str_of(tw_arena_strdup(tw_gen_arena(ln->gen), name));
	tw_capture_declare(ln->proxy, TW_CAPTURE_COOKIE, (uint32_t)len); /* %CC */
	tw_capture_declare(ln->proxy, TW_CAPTURE_COOKIE, (uint32_t)len); /* %CS */
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * http_guard.c - messages that a proxy shall not let through as they are:
 * option http-restrict-req-hdr-names, checkcache, http-buffer-request.
 *
 * Hooks REQUEST, ROUTE and RESPONSE, where configured. source: HAProxy's
 * manual, 4.2; RFC 9111.
 */
#include "config.h"

#include <ctype.h>

#include <tideway/log.h>
#include <tideway/stats.h>

#include "http.h"
#include "http_opt.h"

static const struct tw_origin at_names = { "option http-restrict-req-hdr-names", NULL,
	0 };
static const struct tw_origin at_cache = { "option checkcache", NULL, 0 };

/* --- names of fields --- */

int
tw__http_set_names(struct tw_line *ln)
{
	static const char *const words[] = { "preserve", "delete", "reject" };
	struct http_proxy *conf = ln->state;

	for (size_t i = 0; i < TW_N_ELEMENTS(words); i++) {
		if (strcmp(tw_arg(ln, 0), words[i]) == 0) {
			conf->opt.names = (uint8_t)i;
			return 0;
		}
	}
	return tw_line_fail(ln, 0,
	    "invalid parameter '%s'. option 'http-restrict-req-hdr-names' expects "
	    "'preserve', 'reject' or 'delete' option.",
	    tw_arg(ln, 0));
}

bool
tw__http_wants_names(const struct tw_proxy *px)
{
	return tw_proxy_mode(px) == TW_MODE_HTTP &&
	    tw__http_opt(px)->names != HTTP_NAMES_PRESERVE;
}

static bool
is_plain(const struct tw_hdr *h)
{
	for (unsigned i = 0; i < h->name_len; i++) {
		const unsigned char c = (unsigned char)h->name[i];

		if (!isalnum(c) && c != '-')
			return false;
	}
	return true;
}

static enum tw_verdict
names_check(struct tw_req *req, const struct http_opt *o)
{
	struct tw_msg *msg = tw_req_request(req);

	for (int i = 0; i < msg->n_hdr; i++) {
		struct tw_hdr *h = &msg->hdr[i];

		if ((h->flags & TW_HDR_DELETED) != 0 || is_plain(h))
			continue;
		if (o->names == HTTP_NAMES_REJECT)
			return tw_req_fail(req, 403,
			    "the name of a field has more than letters, digits "
			    "and hyphens",
			    &at_names);
		tw_msg_del(msg, h);
	}
	return TW_NEXT;
}

/* The frontend's: when its rules have been run. */
enum tw_verdict
tw__http_on_names_route(struct tw_req *req, void *state)
{
	(void)state;
	return names_check(req, tw__http_opt(tw_req_proxy(req)));
}

/* The backend's. */
enum tw_verdict
tw__http_on_names_request(struct tw_req *req, void *state)
{
	const struct tw_proxy *px = tw_req_proxy(req);

	(void)state;
	return px == tw_req_frontend(req) ? TW_NEXT
					  : names_check(req, tw__http_opt(px));
}

/* --- cacheable cookies --- */

bool
tw__http_wants_checkcache(const struct tw_proxy *px)
{
	return tw_proxy_mode(px) == TW_MODE_HTTP && tw_proxy_has(px, TW_BACKEND) &&
	    tw__http_opt(px)->checkcache;
}

/* The next word of a comma list, without its value when that is quoted. */
static struct tw_str
next_word(struct tw_str *list)
{
	struct tw_str word = *list;
	size_t n = 0;
	bool quoted = false;

	for (; n < list->len && (quoted || list->p[n] != ','); n++)
		quoted ^= list->p[n] == '"';
	word.len = n;
	n += n < list->len;
	list->p += n;
	list->len -= n;
	return tw_str_trim(word);
}

#define STARTS(s, lit) \
	((s).len >= sizeof(lit) - 1 && strncasecmp((s).p, lit, sizeof(lit) - 1) == 0)

enum cacheability { CACHE_UNSAID, CACHE_PUBLIC, CACHE_NEVER };

static enum cacheability
directive(struct tw_str w)
{
	if (tw_str_ieq(w, TW_STR("private")) || tw_str_ieq(w, TW_STR("no-store")) ||
	    tw_str_ieq(w, TW_STR("no-cache")) || tw_str_ieq(w, TW_STR("max-age=0")) ||
	    tw_str_ieq(w, TW_STR("s-maxage=0")) ||
	    STARTS(w, "no-cache=\"set-cookie\"") || STARTS(w, "no-cache=\"set-cookie,"))
		return CACHE_NEVER;
	return tw_str_ieq(w, TW_STR("public")) ? CACHE_PUBLIC : CACHE_UNSAID;
}

static enum cacheability
cacheability_of(struct tw_msg *msg)
{
	enum cacheability c = CACHE_UNSAID;
	struct tw_hdr *h;

	for (h = tw_msg_first(msg, TW_H_PRAGMA); h; h = tw_msg_next(msg, h)) {
		if (tw_str_ieq(tw_hdr_value(h), TW_STR("no-cache")))
			return CACHE_NEVER;
	}
	for (h = tw_msg_first(msg, TW_H_CACHE_CONTROL); h; h = tw_msg_next(msg, h)) {
		struct tw_str list = tw_hdr_value(h);

		while (list.len > 0) {
			const enum cacheability d = directive(next_word(&list));

			if (d == CACHE_NEVER)
				return d;
			c = d == CACHE_PUBLIC ? d : c;
		}
	}
	return c;
}

static bool
has_field(struct tw_msg *msg, const char *name)
{
	return tw_msg_find(msg, tw_str_of(name), NULL) != NULL;
}

/* Without an age or a validator nobody keeps it. */
static bool
can_be_kept(struct tw_msg *msg)
{
	struct tw_hdr *h;

	for (h = tw_msg_first(msg, TW_H_CACHE_CONTROL); h; h = tw_msg_next(msg, h)) {
		struct tw_str list = tw_hdr_value(h);

		while (list.len > 0) {
			const struct tw_str w = next_word(&list);

			if (STARTS(w, "max-age=") || STARTS(w, "s-maxage="))
				return true;
		}
	}
	return tw_msg_first(msg, TW_H_EXPIRES) != NULL || has_field(msg, "etag") ||
	    has_field(msg, "last-modified");
}

/* By default, without a word from the server. */
static bool
is_cacheable(const struct tw_msg *request, int status)
{
	static const uint16_t kept[] = { 200, 203, 204, 206, 300, 301, 404, 405, 410,
		414, 501 };
	const bool safe = request->method == TW_M_GET || request->method == TW_M_HEAD ||
	    request->method == TW_M_OPTIONS || request->method == TW_M_TRACE;

	for (size_t i = 0; safe && i < TW_N_ELEMENTS(kept); i++) {
		if (kept[i] == status)
			return true;
	}
	return false;
}

enum tw_verdict
tw__http_on_checkcache(struct tw_req *req, void *state)
{
	const struct tw_proxy *be = tw_req_proxy(req);
	struct tw_msg *msg = tw_req_response(req);
	enum cacheability c;

	(void)state;
	if (be != tw_req_backend(req) || !tw_msg_first(msg, TW_H_SET_COOKIE))
		return TW_NEXT;
	c = cacheability_of(msg);
	if (c == CACHE_NEVER || !can_be_kept(msg) ||
	    (c == CACHE_UNSAID && !is_cacheable(tw_req_request(req), msg->status)))
		return TW_NEXT;
	tw_proxy_count(be, TW_BACKEND, TW_CNT_DRESP, 1);
	tw_proxy_count(tw_req_frontend(req), TW_FRONTEND, TW_CNT_DRESP, 1);
	tw_server_count(tw_req_server(req), TW_CNT_DRESP, 1);
	tw_log_limited(TW_ALERT,
	    "Blocking cacheable cookie in response from instance %s, server %s.",
	    tw_proxy_name(be), tw_server_name(tw_req_server(req)));
	return tw_req_fail(req, 502, "a cookie in a cacheable response", &at_cache);
}

/* --- whole requests --- */

bool
tw__http_wants_buffer(const struct tw_proxy *px)
{
	return tw_proxy_mode(px) == TW_MODE_HTTP && tw__http_opt(px)->buffer_request;
}

/* What is longer than a buffer goes on when that is full. */
enum tw_verdict
tw__http_on_buffer(struct tw_req *req, void *state)
{
	const size_t room = tw_gen_bufsize(tw_req_gen(req));
	const size_t head = tw_req_request(req)->raw.len;
	struct tw_str body;

	(void)state;
	return tw_req_body(req, room > head ? room - head : 0, &body) == TW_IO_AGAIN
	    ? TW_WAIT
	    : TW_NEXT;
}

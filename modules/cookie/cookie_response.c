/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * cookie_response.c - the cookie on its way to the client (step response).
 *
 * What the server sets under our name is removed, rewritten, prefixed or left
 * alone as the mode says; in insert mode the client gets a cookie when it has
 * none that leads to this server. With nocache a response that a cache might
 * keep is marked private, so that nobody gets another one's cookie from there.
 * Worker. source: HAProxy's manual, 4.2 "cookie"; RFC 9111 sections 3 and 4.2.2.
 */
#include "config.h"

#include "cookie.h"
#include "cookie_edit.h"

/* Did the cookie lead to the server that answered? */
static bool
is_direct(struct tw_req *req, const struct cookie_req *r)
{
	return r->server != NULL && r->server == tw_req_server(req);
}

static int
replace(struct tw_req *req, struct tw_hdr *h, const struct tw_str *part, int n)
{
	size_t len = 0;

	for (int i = 0; i < n; i++)
		len += part[i].len;
	char *mem = tw_arena_try(tw_req_arena(req), len);

	if (!mem)
		return -1;
	struct tw_out out = tw_out_of(mem, len);

	for (int i = 0; i < n; i++)
		tw_out_str(&out, part[i]);
	const struct tw_str value = { mem, len };

	if (h) {
		tw_msg_set_value(tw_req_response(req), h, value);
		return 0;
	}
	return tw_msg_add(tw_req_response(req), TW_STR("set-cookie"), value);
}

/* One Set-Cookie field of our name. returns: the letter for it; 0: failed. */
static char
server_cookie(struct tw_req *req, struct tw_hdr *h, const struct cookie_req *r,
    const struct cookie_proxy *conf)
{
	const struct tw_str id = tw__cookie_value(tw_req_server(req));
	struct tw_str value, rest;

	(void)tw__set_cookie_split(tw_hdr_value(h), conf->name, &value, &rest);
	if (!conf->preserve &&
	    (conf->mode == COOKIE_INSERT || (conf->indirect && is_direct(req, r)))) {
		tw_msg_del(tw_req_response(req), h);
		return 'D';
	}
	if (!id.p || (conf->mode != COOKIE_REWRITE && conf->mode != COOKIE_PREFIX))
		return 'P';
	const bool prefix = conf->mode == COOKIE_PREFIX;
	const struct tw_str part[] = { conf->name, TW_STR("="), id,
		prefix ? TW_STR("~") : TW_STR(""), prefix ? value : TW_STR(""), rest };

	return replace(req, h, part, TW_N_ELEMENTS(part)) == 0 ? 'R' : '\0';
}

static bool
needs_update(const struct cookie_req *r, const struct cookie_proxy *conf)
{
	if (conf->idle_s == 0 && conf->life_s == 0)
		return r->last != 0 || r->first != 0;
	return r->last < tw__cookie_now() || (conf->life_s > 0) != (r->first != 0);
}

static int
insert(struct tw_req *req, const struct cookie_req *r, const struct cookie_proxy *conf,
    bool update)
{
	const struct tw_str id = tw__cookie_value(tw_req_server(req));
	char dates[16];
	struct tw_out out = tw_out_of(dates, sizeof(dates));
	struct tw_str value = TW_STR("; Expires=Thu, 01-Jan-1970 00:00:01 GMT");

	if (id.p) {
		value = id;
		if (conf->idle_s > 0 || conf->life_s > 0) {
			tw_out_char(&out, COOKIE_DATES);
			tw__cookie_date_out(&out, tw__cookie_now());
		}
		if (conf->life_s > 0) {
			tw_out_char(&out, COOKIE_DATES);
			tw__cookie_date_out(&out,
			    update && r->first != 0 ? r->first : tw__cookie_now());
		}
	}
	const struct tw_str part[] = { conf->name, TW_STR("="), value,
		{ dates, (size_t)(out.p - dates) }, conf->tail };

	return replace(req, NULL, part, TW_N_ELEMENTS(part));
}

static bool
has_word(struct tw_str value, const char *word)
{
	const size_t len = strlen(word);

	for (size_t i = 0; i + len <= value.len; i++) {
		const bool begins = i == 0 || value.p[i - 1] == ' ' ||
		    value.p[i - 1] == ',' || value.p[i - 1] == '\t';
		const char after = i + len < value.len ? value.p[i + len] : ',';

		if (begins && strncasecmp(value.p + i, word, len) == 0 &&
		    (after < '0' || after > '9') && after != '-')
			return true;
	}
	return false;
}

static bool
field_has(struct tw_msg *msg, enum tw_hdr_id id, const char *word)
{
	for (struct tw_hdr *h = tw_msg_first(msg, id); h; h = tw_msg_next(msg, h)) {
		if (has_word(tw_hdr_value(h), word))
			return true;
	}
	return false;
}

/* Might a shared cache keep the response, so that it must be told not to? */
static bool
is_cacheable(struct tw_req *req)
{
	static const char *const nots[] = { "no-store", "no-cache", "private",
		"max-age=0", "s-maxage=0" };
	static const uint16_t statuses[] = { 200, 203, 204, 206, 300, 301, 404, 405,
		410, 414, 501 };
	struct tw_msg *msg = tw_req_response(req);
	const uint8_t method = tw_req_request(req)->method;
	bool status = false;

	if (method != TW_M_GET && method != TW_M_HEAD && method != TW_M_OPTIONS &&
	    method != TW_M_TRACE)
		return false;
	for (size_t i = 0; i < TW_N_ELEMENTS(statuses); i++)
		status = status || msg->status == statuses[i];
	for (size_t i = 0; status && i < TW_N_ELEMENTS(nots); i++) {
		if (field_has(msg, TW_H_CACHE_CONTROL, nots[i]))
			return false;
	}
	return status && !field_has(msg, TW_H_PRAGMA, "no-cache");
}

char
tw__cookie_response(
    struct tw_req *req, const struct cookie_req *r, const struct cookie_proxy *conf)
{
	struct tw_msg *msg = tw_req_response(req);
	struct tw_str value, rest;
	char out = 'N';

	for (struct tw_hdr *h = tw_msg_first(msg, TW_H_SET_COOKIE); h;
	     h = tw_msg_next(msg, h)) {
		if (!tw__set_cookie_split(tw_hdr_value(h), conf->name, &value, &rest))
			continue;
		out = server_cookie(req, h, r, conf);
		if (out == '\0')
			return '\0';
	}
	const bool direct = is_direct(req, r);
	const bool post = tw_req_request(req)->method == TW_M_POST;

	if (conf->mode != COOKIE_INSERT || out == 'P' || r->how == TW_PERSIST_IGNORE ||
	    (conf->postonly && !post) || (direct && !needs_update(r, conf)))
		return out;
	if (!direct && tw_req_is_persistent(req)) /* a stick rule remembers it */
		return out;
	const bool cacheable = conf->nocache && is_cacheable(req);

	if (insert(req, r, conf, direct) != 0 ||
	    (cacheable &&
		tw_msg_add(msg, TW_STR("cache-control"), TW_STR("private")) != 0))
		return '\0';
	return direct ? 'U' : 'I';
}

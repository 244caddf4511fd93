/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * cookie_request.c - from a request's cookie to a server (step pick).
 *
 * All Cookie fields are searched, and all cookies of the name in them, until
 * one names a server that may be used. After that the request is made fit for
 * the server: the cookie removed (insert indirect) or its prefix (prefix).
 * Worker. source: HAProxy's manual, 4.2 "cookie", 8.5 for the letters.
 */
#include "config.h"

#include <time.h>

#include <tideway/worker.h>

#include "cookie.h"
#include "cookie_edit.h"

#define FUTURE_S 86400 /* a date further ahead than this is no date of ours */

uint32_t
tw__cookie_now(void)
{
	return (uint32_t)(((tw_wall_us() / 1000000 + 3) >> 2) & 0x3fffffff);
}

static bool
is_stale(uint32_t date, uint32_t limit_s)
{
	const int64_t now_s = (int64_t)(tw_wall_us() / 1000000);
	const int64_t date_s = (int64_t)date << 2;

	return limit_s > 0 && date != 0 &&
	    (now_s - date_s > (int64_t)limit_s || date_s - now_s > FUTURE_S);
}

/* Cuts the dates off. out: r->last, r->first. */
static struct tw_str
take_dates(struct cookie_req *r, struct tw_str value)
{
	const char *bar =
	    value.len > 0 ? memchr(value.p, COOKIE_DATES, value.len) : NULL;

	r->last = r->first = 0;
	if (!bar)
		return value;
	const char *end = value.p + value.len;
	struct tw_str dates = { bar + 1, (size_t)(end - bar - 1) };

	value.len = (size_t)(bar - value.p);
	r->last = tw__cookie_date(dates);
	bar = dates.len > 0 ? memchr(dates.p, COOKIE_DATES, dates.len) : NULL;
	if (bar)
		r->first = tw__cookie_date(
		    (struct tw_str){ bar + 1, (size_t)(end - bar - 1) });
	return value;
}

/* A cookie of our name. out: r->in, r->server. returns: whether it decides. */
static bool
look_up(struct cookie_req *r, const struct cookie_proxy *conf, struct tw_str value)
{
	struct tw_server *srv;

	if (r->how == TW_PERSIST_IGNORE) {
		r->in = 'U';
		return true;
	}
	if (conf->mode == COOKIE_INSERT) {
		value = take_dates(r, value);
		if (is_stale(r->first, conf->life_s)) {
			r->in = 'O';
			return false;
		}
		if (is_stale(r->last, conf->idle_s)) {
			r->in = 'E';
			return false;
		}
	} else if (conf->mode == COOKIE_PREFIX && value.len > 0) {
		const char *mark = memchr(value.p, COOKIE_MARK, value.len);

		if (mark)
			value.len = (size_t)(mark - value.p);
	}
	if (r->in != 'D')
		r->in = 'I';
	for (int i = 0; (srv = tw__cookie_server(conf, value, i)) != NULL; i++) {
		if (tw_server_is_alive(srv)) {
			r->in = 'V';
			r->server = srv;
			return true;
		}
		r->in = 'D';
		if (r->how != TW_PERSIST_USUAL && !r->server)
			r->server = srv;
	}
	return r->server != NULL;
}

/* returns: whether the field has a cookie of our name. */
static bool
search(struct cookie_req *r, const struct cookie_proxy *conf, struct tw_str rest,
    bool *decided)
{
	struct cookie_pair pair = { .delim = 0 };
	bool found = false;

	while (tw__cookie_next(&rest, &pair)) {
		if (!pair.value.p || !tw_str_eq(pair.name, conf->name))
			continue;
		found = true;
		if (!*decided)
			*decided = look_up(r, conf, pair.value);
	}
	return found;
}

static int
edit(struct tw_req *req, struct tw_hdr *h, const struct cookie_proxy *conf)
{
	char *mem = tw_arena_try(tw_req_arena(req), h->value_len + 1);

	if (!mem)
		return -1;
	struct tw_out out = tw_out_of(mem, h->value_len);

	if (conf->mode == COOKIE_PREFIX)
		tw__cookie_strip(tw_hdr_value(h), conf->name, COOKIE_MARK, &out);
	else
		tw__cookie_delete(tw_hdr_value(h), conf->name, &out);
	struct tw_str value = { mem, (size_t)(out.p - mem) };

	if (value.len == 0)
		tw_msg_del(tw_req_request(req), h);
	else if (value.len != h->value_len)
		tw_msg_set_value(tw_req_request(req), h, value);
	return 0;
}

int
tw__cookie_request(struct tw_req *req, struct cookie_req *r,
    const struct cookie_proxy *conf, enum tw_persistence how)
{
	struct tw_msg *msg = tw_req_request(req);
	const bool edits = conf->mode == COOKIE_PREFIX ||
	    (conf->mode == COOKIE_INSERT && conf->indirect);
	bool decided = false;

	*r = (struct cookie_req){ .conf = conf, .in = 'N', .how = (uint8_t)how };
	for (struct tw_hdr *h = tw_msg_first(msg, TW_H_COOKIE); h;
	     h = tw_msg_next(msg, h)) {
		if (search(r, conf, tw_hdr_value(h), &decided) && edits &&
		    edit(req, h, conf) != 0)
			return -1;
	}
	return 0;
}

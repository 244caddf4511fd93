/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * h1_tune.c - what the codec asks of a proxy's settings (http_tune.c).
 *
 * Workers.
 */
#include "config.h"

#include "h1.h"
#include "http.h"

_Atomic bool tw__http_is_limited, tw__http_is_adjusting; /* shared: only set */

bool
tw__h1_is_loose(const struct tw_stream *st)
{
	if (st->px == NULL)
		return false;
	const struct http_proxy *const conf = tw_proxy_block(st->px, tw__http_self);

	return (st->state & H1_RESPONSE) ? conf->opt.loose_response
					 : conf->opt.loose_request;
}

bool
tw__http_has_too_many(const struct tw_proxy *px, const struct tw_msg *msg)
{
	if (px == NULL)
		return false;
	const struct http_proxy *const conf = tw_proxy_block(px, tw__http_self);

	return conf->opt.max_hdr != 0 && msg->n_hdr >= conf->opt.max_hdr;
}

const struct http_case *
tw__http_case_find(const struct http_case *c, struct tw_str name)
{
	while (c != NULL && !tw_str_ieq(c->name, name))
		c = c->next;
	return c;
}

void
tw__http_case_adjust(const struct tw_proxy *px, bool is_request, char *head, char *end)
{
	const struct http_proxy *const conf = tw_proxy_block(px, tw__http_self);
	char *p = head;

	if (is_request ? !conf->opt.adjust_server : !conf->opt.adjust_client)
		return;
	while ((p = memchr(p, '\n', (size_t)(end - p))) != NULL && ++p < end) {
		const char *const colon = memchr(p, ':', (size_t)(end - p));
		if (colon == NULL)
			return;
		const struct tw_str name = { p, (size_t)(colon - p) };
		const struct http_case *const c =
		    tw__http_case_find(conf->opt.cases, name);
		if (c != NULL)
			memcpy(p, c->name.p, name.len);
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * http_fetch_auth.c - fetches of the credentials that a request brings.
 *
 * They say what the client claims; nothing is verified here. Any worker.
 * source: HAProxy's manual, 7.3.6; RFC 7617, RFC 6750.
 */
#include <tideway/encode.h>

#include "http.h"
#include "http_fetch.h"

/* "Basic dXNlcjpwdw==": scheme and credentials. A request with an absolute
 * target brings them for a proxy. */
static bool
credentials(struct tw_req *req, struct tw_str *scheme, struct tw_str *rest)
{
	struct tw_msg *const msg = tw_req_request(req);
	const struct tw_hdr *h = tw_msg_first(msg, TW_H_PROXY_AUTHORIZATION);

	if (h == NULL || (msg->target.len > 0 && msg->target.p[0] == '/'))
		h = tw_msg_first(msg, TW_H_AUTHORIZATION);
	if (h == NULL)
		return false;
	const struct tw_str value = tw_hdr_value(h);
	const char *const sp = value.len > 0 ? memchr(value.p, ' ', value.len) : NULL;
	if (sp == NULL || sp == value.p)
		return false;
	*scheme = (struct tw_str){ value.p, (size_t)(sp - value.p) };
	*rest = tw_str_trim((struct tw_str){ sp + 1, value.len - scheme->len - 1 });
	return rest->len > 0;
}

/* returns: p NULL: not base64. */
static struct tw_str
decode(struct tw_req *req, struct tw_str in)
{
	const size_t room = in.len / 4 * 3 + 4;
	char *const mem = tw_arena_try(tw_req_arena(req), room);
	const int64_t n = mem != NULL ? tw_base64_decode(in, mem, room, false) : -1;

	return n >= 0 ? (struct tw_str){ mem, (size_t)n } : (struct tw_str){ NULL, 0 };
}

static bool
basic(struct tw_req *req, struct tw_str *user, struct tw_str *pass)
{
	struct tw_str scheme, rest;

	if (!credentials(req, &scheme, &rest) || !tw_str_ieq(scheme, TW_STR("basic")))
		return false;
	const struct tw_str text = decode(req, rest);
	const char *const colon = text.len > 0 ? memchr(text.p, ':', text.len) : NULL;
	if (colon == NULL)
		return false;
	*user = (struct tw_str){ text.p, (size_t)(colon - text.p) };
	*pass = (struct tw_str){ colon + 1, text.len - user->len - 1 };
	return true;
}

HTTP_FETCH(auth_type)
{
	struct tw_str scheme, rest;

	TW_GET_UNUSED;
	if (!credentials(req, &scheme, &rest))
		return false;
	if (tw_str_ieq(scheme, TW_STR("basic")))
		return decode(req, rest).p != NULL &&
		    tw_sample_str(out, TW_STRING, TW_STR("Basic"));
	if (tw_str_ieq(scheme, TW_STR("bearer")))
		return tw_sample_str(out, TW_STRING, TW_STR("Bearer"));
	return false;
}

HTTP_FETCH(auth_user)
{
	struct tw_str user, pass;

	TW_GET_UNUSED;
	return basic(req, &user, &pass) && tw_sample_str(out, TW_STRING, user);
}

HTTP_FETCH(auth_pass)
{
	struct tw_str user, pass;

	TW_GET_UNUSED;
	return basic(req, &user, &pass) && tw_sample_str(out, TW_STRING, pass);
}

/* (field): its value as it is, without a scheme it may have. */
HTTP_FETCH(auth_bearer)
{
	struct tw_str scheme, rest;

	TW_GET_UNUSED;
	if (args[0].type != TW_STRING)
		return credentials(req, &scheme, &rest) &&
		    tw_str_ieq(scheme, TW_STR("bearer")) &&
		    tw_sample_str(out, TW_STRING, rest);
	const struct tw_hdr *const h =
	    tw_msg_find(tw_req_request(req), args[0].str, NULL);
	if (h == NULL)
		return false;
	const struct tw_str value = tw_hdr_value(h);
	const bool has_scheme =
	    value.len > 7 && strncasecmp(value.p, "bearer ", 7) == 0;
	return has_scheme &&
	    tw_sample_str(out, TW_STRING,
		tw_str_trim((struct tw_str){ value.p + 7, value.len - 7 }));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * h1_target.c - request targets and the host they are for.
 *
 * A target has one of four forms, each with its methods, and there is one
 * answer to which host is meant: Host and an authority must say the same, but
 * for a scheme's default port. Anything else is refused, because a server may
 * read it another way. Any thread. RFC 9112 section 3.2, RFC 9110 section 7.2.
 */
#include "config.h"

#include "h1.h"

/* A token that begins with a letter. */
static bool
is_scheme(struct tw_str s)
{
	const char first = s.len > 0 ? (char)(s.p[0] | 0x20) : '\0';

	for (size_t i = 0; i < s.len; i++)
		if (!h1_is(s.p[i], H1_TOKEN))
			return false;
	return first >= 'a' && first <= 'z';
}

/* Splits "host:port"; `port` without the colon, p NULL: none. returns: false
 * when it is not of that form. */
static bool
split_port(struct tw_str s, struct tw_str *host, struct tw_str *port)
{
	const char *p = s.p;
	const char *end = s.p + s.len;

	if (p < end && *p == '[') {
		for (p++; p < end && (h1_is(*p, H1_HEX) || *p == ':' || *p == '.'); p++)
			;
		if (p == end || *p != ']' || p - s.p < 3)
			return false;
		p++;
	} else {
		while (p < end && h1_is(*p, H1_HOST))
			p++;
	}
	*host = (struct tw_str){ s.p, (size_t)(p - s.p) };
	*port = (struct tw_str){ NULL, 0 };
	if (p == end)
		return true;
	if (*p++ != ':')
		return false;
	*port = (struct tw_str){ p, (size_t)(end - p) };
	if (port->len > 5)
		return false;
	for (; p < end; p++) {
		if (*p < '0' || *p > '9')
			return false;
	}
	return true;
}

const char *
tw__h1_target(const struct tw_msg *msg, struct tw_str *authority)
{
	const struct tw_str t = msg->target;
	struct tw_str host, port;
	struct tw_uri uri;

	*authority = (struct tw_str){ NULL, 0 };
	if (msg->method == TW_M_CONNECT) {
		*authority = t;
		if (!split_port(t, &host, &port) || host.len == 0 || port.len == 0)
			return "the target of CONNECT is not host:port";
		return NULL;
	}
	if (t.p[0] == '/')
		return NULL;
	if (t.len == 1 && t.p[0] == '*')
		return msg->method == TW_M_OPTIONS ? NULL
						   : "target '*' without OPTIONS";
	if (!tw_uri_split(t, &uri) || !is_scheme(uri.scheme) ||
	    uri.authority.len + uri.pathq.len == 0)
		return "request target in no known form";
	*authority = uri.authority;
	if (!split_port(*authority, &host, &port) || host.len == 0)
		return "invalid authority in the request target";
	return NULL;
}

static bool
is_default_port(const struct tw_msg *msg, struct tw_str port)
{
	const bool http = tw_str_eq(port, TW_STR("80"));
	const bool https = tw_str_eq(port, TW_STR("443"));

	if (msg->method == TW_M_CONNECT)
		return http || https;
	if (msg->target.len > 5 && (msg->target.p[4] | 0x20) == 's')
		return https;
	return http;
}

static bool
same_host(const struct tw_msg *msg, struct tw_str a, struct tw_str b)
{
	struct tw_str a_host, a_port, b_host, b_port;

	if (!split_port(a, &a_host, &a_port) || !split_port(b, &b_host, &b_port) ||
	    !tw_str_ieq(a_host, b_host))
		return false;
	if (a_port.len == 0 || b_port.len == 0) {
		return (a_port.len == 0 || is_default_port(msg, a_port)) &&
		    (b_port.len == 0 || is_default_port(msg, b_port));
	}
	return tw_str_eq(a_port, b_port);
}

const char *
tw__h1_host(struct tw_msg *msg, struct tw_str authority)
{
	struct tw_hdr *h = tw_msg_first(msg, TW_H_HOST);
	struct tw_str host, port;

	if (!h) {
		if (msg->minor > 0)
			return "no Host field";
		msg->host = authority;
		return NULL;
	}
	if (tw_msg_next(msg, h))
		return "more than one Host field";
	msg->host = tw_hdr_value(h);
	if (!split_port(msg->host, &host, &port))
		return "invalid Host field";
	if (authority.p && !same_host(msg, authority, msg->host))
		return "Host differs from the request target's authority";
	return NULL;
}

bool
tw__h1_has_implied_port(const struct tw_msg *msg, struct tw_str authority)
{
	const size_t scheme = (size_t)(authority.p - msg->target.p);
	struct tw_str host, port;

	if (!(scheme == 7 && strncasecmp(msg->target.p, "http:", 5) == 0) &&
	    !(scheme == 8 && strncasecmp(msg->target.p, "https:", 6) == 0))
		return false;
	return split_port(authority, &host, &port) && port.p != NULL &&
	    (port.len == 0 || is_default_port(msg, port));
}

/* What stands before it moves up to what stands behind it. */
void
tw__h1_drop_port(struct tw_buf *in, struct tw_msg *msg)
{
	char *const begin = in->base + (msg->raw.p - in->base);
	struct tw_hdr *const h = tw_msg_first(msg, TW_H_HOST);
	struct tw_str authority, host, port;

	tw__h1_target(msg, &authority);
	split_port(authority, &host, &port);
	const size_t n = port.len + 1;
	memmove(begin + n, begin, (size_t)(host.p + host.len - begin));
	host.p += n;
	msg->raw.p += n;
	msg->raw.len -= n;
	msg->method_name.p += n;
	msg->target.p += n;
	msg->target.len -= n;
	msg->host = host;
	if (h != NULL && !tw_str_eq(tw_hdr_value(h), host))
		tw_msg_set_value(msg, h, host);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * to.c - where a script wants to connect to: addresses as HAProxy writes them,
 * and names.
 */
#include "net.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <sys/un.h>

bool
lu_is_ip(const char *host)
{
	unsigned char raw[16];

	return inet_pton(AF_INET, host, raw) == 1 ||
	    inet_pton(AF_INET6, host, raw) == 1;
}

static bool
take_prefix(struct tw_str *s, const char *prefix)
{
	const size_t len = strlen(prefix);

	if (!tw_str_has_prefix(*s, (struct tw_str){ prefix, len }))
		return false;
	s->p += len;
	s->len -= len;
	return true;
}

/* in: abstract, "abns@": the name begins with a NUL. */
static const char *
to_path(struct lu_to *to, struct tw_str path, bool abstract)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	if (path.len == 0 || path.len + 1 >= sizeof(un.sun_path))
		return "the path is empty or too long";
	if (memchr(path.p, '\0', path.len) != NULL)
		return "the path has a NUL";
	memcpy(un.sun_path + abstract, path.p, path.len);
	memcpy(&to->ss, &un, sizeof(un));
	/* As bind abns@ has it, all of the field is the name. */
	to->len = abstract
	    ? sizeof(un)
	    : (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len + 1);
	return NULL;
}

static const char *
to_number(struct lu_to *to)
{
	struct sockaddr_in *const v4 = (struct sockaddr_in *)(void *)&to->ss;
	struct sockaddr_in6 *const v6 = (struct sockaddr_in6 *)(void *)&to->ss;

	if (inet_pton(AF_INET, to->host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(to->port);
		to->len = sizeof(*v4);
	} else if (inet_pton(AF_INET6, to->host, &v6->sin6_addr) == 1) {
		memset(&to->ss, 0, sizeof(to->ss));
		inet_pton(AF_INET6, to->host, &v6->sin6_addr);
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(to->port);
		to->len = sizeof(*v6);
	} else if (to->family == 0 || !lu_is_ip(to->host)) {
		return NULL;
	}
	if (to->family != 0 && to->len != 0 && to->ss.ss_family != to->family)
		return "the address is of the other family";
	return NULL;
}

static bool
is_name(struct tw_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		const unsigned char c = (unsigned char)s.p[i];
		if (c <= ' ' || c > '~' || strchr("/@\"'\\<>", c) != NULL)
			return false;
	}
	return s.len > 0;
}

/* Cuts ":port" or "[...]:port" off. returns: NULL, or what is wrong. */
static const char *
cut_port(struct tw_str *s, uint16_t *port)
{
	const char *end = s->p + s->len;
	const char *colon = memrchr(s->p, ':', s->len);
	const bool bracket = s->len > 0 && s->p[0] == '[';
	const char *const close = bracket ? memchr(s->p, ']', s->len) : NULL;
	uint64_t n;

	if (bracket && close == NULL)
		return "the address has no ']'";
	if (close != NULL)
		colon = close + 1 < end && close[1] == ':' ? close + 1 : NULL;
	else if (colon != NULL && *port != 0 &&
	    memchr(s->p, ':', (size_t)(colon - s->p)))
		colon = NULL; /* "::1" with the port apart */
	if (colon != NULL) {
		const struct tw_str digits = { colon + 1, (size_t)(end - colon - 1) };
		if (!tw_str_to_u64(digits, &n) || n == 0 || n > 65535)
			return "the port is not a number from 1 to 65535";
		*port = (uint16_t)n;
		end = colon;
	} else if (close != NULL && close + 1 != end)
		return "something follows the ']'";
	if (close != NULL)
		*s = (struct tw_str){ s->p + 1, (size_t)(close - s->p - 1) };
	else
		s->len = (size_t)(end - s->p);
	return *port == 0 ? "port missing" : NULL;
}

const char *
lu_to_parse(struct lu_to *to, struct tw_str s, uint16_t port)
{
	const char *why;

	*to = (struct lu_to){ .port = port };
	if (take_prefix(&s, "unix@") || (s.len > 0 && s.p[0] == '/'))
		return to_path(to, s, false);
	if (take_prefix(&s, "abns@"))
		return to_path(to, s, true);
	if (take_prefix(&s, "ipv4@"))
		to->family = AF_INET;
	else if (take_prefix(&s, "ipv6@"))
		to->family = AF_INET6;
	else if (take_prefix(&s, "fd@") || take_prefix(&s, "sockpair@"))
		return "'fd@' and 'sockpair@' are not supported";
	why = cut_port(&s, &to->port);
	if (why != NULL)
		return why;
	if (!is_name(s) || s.len >= sizeof(to->host))
		return "cannot parse destination address";
	memcpy(to->host, s.p, s.len);
	return to_number(to);
}

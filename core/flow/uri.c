/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * flow/uri.c - URIs in the absolute form, cut into parts.
 *
 * The one place that knows where scheme, authority and path meet. It does not
 * judge what they are made of: rules may set any target, and codecs are strict
 * with what they receive. Pure, any thread. source: RFC 3986, section 3.
 */
#include "config.h"

#include <tideway/msg.h>

bool
tw_uri_split(struct tw_str text, struct tw_uri *uri)
{
	if (text.len == 0 || text.p[0] == '/')
		return false;
	const char *const end = text.p + text.len;
	const char *const colon = memchr(text.p, ':', text.len);
	if (colon == NULL || end - colon < 3 || memcmp(colon, "://", 3) != 0)
		return false;
	const char *const authority = colon + 3;
	const char *p = authority;
	while (p < end && *p != '/' && *p != '?')
		p++;
	uri->scheme = (struct tw_str){ text.p, (size_t)(colon - text.p) };
	uri->authority = (struct tw_str){ authority, (size_t)(p - authority) };
	uri->pathq = (struct tw_str){ p, (size_t)(end - p) };
	return true;
}

struct tw_str
tw_authority_host(struct tw_str authority)
{
	const char *const at =
	    authority.len > 0 ? memrchr(authority.p, '@', authority.len) : NULL;

	if (at == NULL)
		return authority;
	const size_t skip = (size_t)(at + 1 - authority.p);
	return (struct tw_str){ at + 1, authority.len - skip };
}

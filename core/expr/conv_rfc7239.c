/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conv_rfc7239.c - converters of the field Forwarded and the nodes in it.
 *
 * Only the first element is looked into for a parameter; all must be valid.
 * The field comes from peers. Any worker. source: RFC 7239, 4 to 6.
 */
#include "config.h"

#include <arpa/inet.h>
#include <ctype.h>

#include "expr/conv.h"

static bool
is_token_char(unsigned char c)
{
	return isalnum(c) || (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static struct tw_str
rest_of(struct tw_str s, size_t n)
{
	return (struct tw_str){ s.p + n, s.len - n };
}

static void
skip_blanks(struct tw_str *s)
{
	while (s->len > 0 && (s->p[0] == ' ' || s->p[0] == '\t'))
		*s = rest_of(*s, 1);
}

static bool
take_token(struct tw_str *s, struct tw_str *out)
{
	size_t n = 0;

	while (n < s->len && is_token_char((unsigned char)s->p[n]))
		n++;
	*out = (struct tw_str){ s->p, n };
	*s = rest_of(*s, n);
	return n > 0;
}

/* A token, or what is between quotes (a backslash makes it no value here). */
static bool
take_value(struct tw_str *s, struct tw_str *out)
{
	size_t n = 1;

	if (s->len == 0 || s->p[0] != '"')
		return take_token(s, out);
	while (n < s->len && s->p[n] != '"' && s->p[n] != '\\' &&
	    (unsigned char)s->p[n] >= 0x20)
		n++;
	if (n == s->len || s->p[n] != '"')
		return false;
	*out = (struct tw_str){ s->p + 1, n - 1 };
	*s = rest_of(*s, n + 1);
	return true;
}

/* ---- nodes -------------------------------------------------------------- */

/* "_" and letters, digits, dots, underlines, dashes */
static bool
is_obfuscated(struct tw_str s)
{
	for (size_t i = 1; i < s.len; i++)
		if (!isalnum((unsigned char)s.p[i]) && strchr("._-", s.p[i]) == NULL)
			return false;
	return s.len > 1 && s.p[0] == '_';
}

static bool
is_port(struct tw_str s)
{
	uint64_t n;

	return s.len > 0 && s.len <= 5 && tw_str_to_u64(s, &n) && n <= 65535;
}

/* out: name: without brackets; port: p NULL: none. */
static bool
split_node(struct tw_str s, struct tw_str *name, struct tw_str *port)
{
	struct tw_sample ip;
	const char *const end = s.p + s.len;
	const bool bracket = s.len > 0 && s.p[0] == '[';
	const char *const close = bracket ? memchr(s.p, ']', s.len) : NULL;

	if (s.len == 0 || (bracket && close == NULL))
		return false;
	const char *const from = close ? close + 1 : s.p;
	const char *const colon =
	    from < end ? memchr(from, ':', (size_t)(end - from)) : NULL;
	*name = close ? (struct tw_str){ s.p + 1, (size_t)(close - s.p - 1) }
		      : (struct tw_str){ s.p, (size_t)((colon ? colon : end) - s.p) };
	*port = (struct tw_str){ NULL, 0 };
	if (close != NULL && from < end && colon != from)
		return false;
	if (colon != NULL) {
		*port = (struct tw_str){ colon + 1, (size_t)(end - colon - 1) };
		if (!is_port(*port) && !is_obfuscated(*port))
			return false;
	}
	if (close != NULL)
		return tw__parse_ip(*name, &ip) && ip.type == TW_IPV6;
	return tw_str_ieq(*name, TW_STR("unknown")) || is_obfuscated(*name) ||
	    (tw__parse_ip(*name, &ip) && ip.type == TW_IPV4);
}

TW__CONV(n2nn)
{
	struct tw_str name, port;

	TW__UNUSED_CONV;
	if (!split_node(s->u.str, &name, &port))
		return false;
	if (tw__parse_ip(name, s))
		return true;
	return tw__set_text(s, TW_STRING, name.p, name.len);
}

TW__CONV(n2np)
{
	struct tw_str name, port;
	uint64_t n;

	TW__UNUSED_CONV;
	if (!split_node(s->u.str, &name, &port) || port.p == NULL)
		return false;
	if (!tw_str_to_u64(port, &n))
		return tw__set_text(s, TW_STRING, port.p, port.len);
	return tw_sample_int(s, (int64_t)n);
}

/* The other way: "_" before what is neither an address nor a number. */
static bool
set_obfuscated(struct tw_req *req, struct tw_sample *s)
{
	if (!tw__cast(req, s, TW_STRING))
		return false;
	const size_t len = s->u.str.len + 1;
	char *const mem = tw__scratch(req, len);

	if (mem == NULL)
		return false;
	mem[0] = '_';
	if (len > 1)
		memmove(mem + 1, s->u.str.p, len - 1);
	return is_obfuscated((struct tw_str){ mem, len }) &&
	    tw__set_text(s, TW_STRING, mem, len);
}

TW__CONV(nn)
{
	const bool is_v6 = s->type == TW_IPV6;

	(void)args;
	if (s->type != TW_IPV4 && !is_v6) {
		if (s->type <= TW_SINT || s->u.str.len > 0)
			return set_obfuscated(req, s);
		return tw__set_text(s, TW_STRING, "unknown", 7);
	}
	char *const mem = tw__scratch(req, INET6_ADDRSTRLEN + 2);
	if (mem == NULL)
		return false;
	mem[0] = '[';
	inet_ntop(is_v6 ? AF_INET6 : AF_INET, s->u.ip, mem + is_v6, INET6_ADDRSTRLEN);
	if (is_v6)
		strcat(mem, "]");
	return tw__set_text(s, TW_STRING, mem, strlen(mem));
}

TW__CONV(np)
{
	(void)args;
	if (s->type == TW_SINT)
		return s->u.n >= 0 && s->u.n <= 65535 && tw__cast(req, s, TW_STRING);
	return s->type != TW_IPV4 && s->type != TW_IPV6 && set_obfuscated(req, s);
}

/* ---- the field ---------------------------------------------------------- */

static const char *const params[] = { "proto", "host", "for", "by" };
#define N_PARAMS 4

static bool
is_valid_param(size_t i, struct tw_str value)
{
	struct tw_str name, port;

	if (i >= 2)
		return split_node(value, &name, &port);
	return value.len > 0;
}

/* One element "for=..;proto=..". out: value, each p NULL: not there. */
static bool
take_element(struct tw_str *s, struct tw_str value[N_PARAMS])
{
	struct tw_str name, v;

	for (;;) {
		skip_blanks(s);
		if (!take_token(s, &name) || s->len == 0 || s->p[0] != '=')
			return false;
		*s = rest_of(*s, 1);
		if (!take_value(s, &v))
			return false;
		size_t i = 0;
		while (i < N_PARAMS && !tw_str_ieq(name, tw_str_of(params[i])))
			i++;
		if (i < N_PARAMS) {
			if (value[i].p != NULL || !is_valid_param(i, v))
				return false;
			value[i] = v;
		}
		skip_blanks(s);
		if (s->len == 0 || s->p[0] != ';')
			return true;
		*s = rest_of(*s, 1);
	}
}

static bool
read_field(struct tw_str s, struct tw_str first[N_PARAMS])
{
	memset(first, 0, sizeof(*first) * N_PARAMS);
	if (!take_element(&s, first))
		return false;
	while (s.len > 0) {
		struct tw_str more[N_PARAMS] = { { NULL, 0 } };
		if (s.p[0] != ',')
			return false;
		s = rest_of(s, 1);
		if (!take_element(&s, more))
			return false;
	}
	return true;
}

TW__CONV(is_valid)
{
	struct tw_str first[N_PARAMS];

	TW__UNUSED_CONV;
	s->u.n = s->u.str.len > 0 && read_field(s->u.str, first);
	return true;
}

TW__CHECK(param)
{
	TW__UNUSED_CHECK;
	for (int i = 0; i < N_PARAMS; i++) {
		if (strcmp(args[0].str.p, params[i]) == 0) {
			args[1].n = i;
			return 0;
		}
	}
	return tw_err_set(
	    err, "'%s' is unknown: write proto, host, for or by", args[0].str.p);
}

TW__CONV(param)
{
	struct tw_str first[N_PARAMS];

	(void)req;
	if (s->u.str.len == 0 || !read_field(s->u.str, first))
		return false;
	s->u.str = first[args[1].n];
	return s->u.str.p != NULL;
}

const struct tw_conv tw__conv_rfc7239[] = {
	{ "rfc7239_field", "s", TW_STRING, TW_STRING, conv_param, check_param,
	    "(proto, host, for or by) A parameter of a field Forwarded." },
	{ "rfc7239_is_valid", "", TW_STRING, TW_BOOL, conv_is_valid, NULL,
	    "Is it a field Forwarded of RFC 7239?" },
	{ "rfc7239_n2nn", "", TW_STRING, TW_ANY, conv_n2nn, NULL,
	    "The name of a node: an address, unknown, or _obfuscated." },
	{ "rfc7239_n2np", "", TW_STRING, TW_ANY, conv_n2np, NULL,
	    "The port of a node: a number or _obfuscated." },
	{ "rfc7239_nn", "", TW_ANY, TW_STRING, conv_nn, NULL,
	    "The name of a node made of an address, of a text (_obfuscated), or of an "
	    "empty one (unknown)." },
	{ "rfc7239_np", "", TW_ANY, TW_STRING, conv_np, NULL,
	    "The port of a node made of a number or of a text (_obfuscated)." },
	{ .name = NULL },
};

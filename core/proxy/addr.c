/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * addr.c - addresses: as written, as the kernel wants them, as logs show them.
 *
 * The port is what follows the last colon, as in HAProxy: "::1:80" is port
 * 80 of ::1. Only where that leaves no address is the whole text tried as an
 * IPv6 address without a port. Names are not resolved here but collected,
 * see resolve.c. RFC 4291 section 2.2, RFC 5952 (as inet_ntop writes).
 */
#include "config.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/un.h>

#include <tideway/assert.h>
#include <tideway/conf.h>
#include "core/proxy/addr.h"

void
tw_addr_from_sockaddr(struct tw_addr *a, const struct sockaddr *sa, socklen_t len)
{
	*a = (struct tw_addr){ .family = sa->sa_family };
	if (sa->sa_family == AF_INET && len >= sizeof(struct sockaddr_in)) {
		const struct sockaddr_in *in = (const void *)sa;

		a->port = ntohs(in->sin_port);
		memcpy(a->u.v4, &in->sin_addr, sizeof(a->u.v4));
	} else if (sa->sa_family == AF_INET6 && len >= sizeof(struct sockaddr_in6)) {
		const struct sockaddr_in6 *in6 = (const void *)sa;

		a->port = ntohs(in6->sin6_port);
		a->scope = in6->sin6_scope_id;
		memcpy(a->u.v6, &in6->sin6_addr, sizeof(a->u.v6));
	} else if (sa->sa_family == AF_UNIX) {
		a->u.path = ""; /* a client's: the path is not kept */
	} else {
		a->family = 0;
	}
}

/* An abstract name is filled up with zeros, as HAProxy does (abns@), or ends
 * with its last character (abnsz@): "@name" and "@\1name". */
#define TIGHT '\1'

static socklen_t
unix_to_sockaddr(const char *path, struct sockaddr_un *un)
{
	const bool tight = path[0] == '@' && path[1] == TIGHT;
	const char *const name = tight ? path + 1 : path;
	const size_t len = strlen(name);

	TW_ASSERT(len < sizeof(un->sun_path));
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, name, len + 1);
	if (path[0] == '@')
		un->sun_path[0] = '\0';
	return tight ? (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)
		     : (socklen_t)sizeof(*un);
}

socklen_t
tw_addr_to_sockaddr(const struct tw_addr *a, struct sockaddr_storage *ss)
{
	memset(ss, 0, sizeof(*ss));
	if (a->family == AF_INET) {
		struct sockaddr_in *in = (void *)ss;

		in->sin_family = AF_INET;
		in->sin_port = htons(a->port);
		memcpy(&in->sin_addr, a->u.v4, sizeof(a->u.v4));
		return sizeof(*in);
	}
	if (a->family == AF_INET6) {
		struct sockaddr_in6 *in6 = (void *)ss;

		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(a->port);
		in6->sin6_scope_id = a->scope;
		memcpy(&in6->sin6_addr, a->u.v6, sizeof(a->u.v6));
		return sizeof(*in6);
	}
	if (a->family == AF_UNIX)
		return unix_to_sockaddr(a->u.path, (void *)ss);
	return 0;
}

bool
tw_addr_eq(const struct tw_addr *a, const struct tw_addr *b)
{
	if (a->family != b->family || a->port != b->port)
		return false;
	switch (a->family) {
	case AF_INET:
		return memcmp(a->u.v4, b->u.v4, sizeof(a->u.v4)) == 0;
	case AF_INET6:
		return a->scope == b->scope &&
		    memcmp(a->u.v6, b->u.v6, sizeof(a->u.v6)) == 0;
	case AF_UNIX:
		return strcmp(a->u.path, b->u.path) == 0;
	default:
		return true;
	}
}

static void
v4_out(struct tw_out *o, const uint8_t v4[4])
{
	for (int i = 0; i < 4; i++) {
		if (i > 0)
			tw_out_char(o, '.');
		tw_out_u64(o, v4[i]);
	}
}

void
tw_addr_out(struct tw_out *o, const struct tw_addr *a)
{
	char text[INET6_ADDRSTRLEN];

	if (a->family == AF_INET) {
		v4_out(o, a->u.v4);
	} else if (a->family == AF_INET6) {
		if (inet_ntop(AF_INET6, a->u.v6, text, sizeof(text)) != NULL)
			tw_out_str(o, tw_str_of(text));
	} else if (a->family == AF_UNIX) {
		tw_out_lit(o, "unix");
	} else {
		tw_out_char(o, '-');
	}
}

void
tw_addr_port_out(struct tw_out *o, const struct tw_addr *a)
{
	if (a->family == AF_UNIX && a->u.path[0] == '@' && a->u.path[1] == TIGHT) {
		tw_out_lit(o, "abnsz@");
		tw_out_str(o, tw_str_of(a->u.path + 2));
		return;
	}
	if (a->family == AF_UNIX) {
		tw_out_str(o, tw_str_of(a->u.path));
		return;
	}
	if (a->family == AF_INET6)
		tw_out_char(o, '[');
	tw_addr_out(o, a);
	if (a->family == AF_INET6)
		tw_out_char(o, ']');
	tw_out_char(o, ':');
	tw_out_u64(o, a->port);
}

/* The length of a variable's name at `p`. */
static size_t
var_len(const char *p)
{
	return strspn(p,
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789_");
}

/* One $VAR or ${VAR} at `p`, which is moved behind it. */
static const char *
var_value(struct tw_arena *arena, const char **p)
{
	const char *s = *p + 1;
	const bool brace = *s == '{';
	const size_t len = var_len(s + brace);
	const struct tw_str name = { s + brace, len };
	const char *end = s + brace + len;
	const char *value;

	if (brace && *end == '}')
		end++;
	*p = end;
	value = getenv(tw_arena_str(arena, name).p);
	return value != NULL ? value : "";
}

static char *
addr_expand(struct tw_arena *arena, const char *text)
{
	char *out = tw_arena_strdup(arena, "");
	const char *dollar;

	while ((dollar = strchr(text, '$')) != NULL) {
		const int before = (int)(dollar - text);
		const char *value = var_value(arena, &dollar);

		out = tw_arena_printf(arena, "%s%.*s%s", out, before, text, value);
		text = dollar;
	}
	return tw_arena_printf(arena, "%s%s", out, text);
}

static int
port_number(const char *s, size_t len)
{
	uint64_t n;

	if (!tw_str_to_u64((struct tw_str){ s, len }, &n) || n > 65535)
		return -1;
	return (int)n;
}

/* "80", "80-89", "+80", "-80" */
static int
port_parse(const char *s, unsigned how, struct tw__addr_spec *out, struct tw_err *err)
{
	const char *all = s;
	size_t len;

	if ((*s == '+' || *s == '-') && (how & TW__ADDR_RELATIVE))
		out->sign = *s++;
	len = strcspn(s, "-");
	out->port = out->port_last = port_number(s, len);
	if (out->port < 0)
		return tw_err_set(err, "invalid port '%s'", all);
	out->has_port = true;
	if (s[len] == '\0')
		return 0;
	if (!(how & TW__ADDR_RANGE))
		return tw_err_set(err, "no port range is possible here: '%s'", all);
	out->port_last = port_number(s + len + 1, strlen(s + len + 1));
	if (out->port_last < out->port)
		return tw_err_set(err, "invalid port range '%s'", all);
	return 0;
}

/* fe80::1%eth0 */
static bool
v6_parse(const char *text, struct tw_addr *a)
{
	char copy[INET6_ADDRSTRLEN + IF_NAMESIZE + 1];
	char *percent;

	if (strlen(text) >= sizeof(copy))
		return false;
	strcpy(copy, text);
	percent = strchr(copy, '%');
	if (percent != NULL) {
		*percent = '\0';
		a->scope = if_nametoindex(percent + 1);
		if (a->scope == 0)
			return false;
	}
	if (inet_pton(AF_INET6, copy, a->u.v6) != 1)
		return false;
	a->family = AF_INET6;
	return true;
}

static bool
host_is_name(const char *host)
{
	const size_t len = strlen(host);

	return len > 0 && len < 256 &&
	    strspn(host,
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"abcdefghijklmnopqrstuvwxyz0123456789_-.") == len;
}

/* An address, a name or "any". returns: false when it is none of them. */
static bool
host_parse(struct tw_arena *arena, const char *host, struct tw__addr_spec *out)
{
	struct tw_addr *a = &out->addr;

	if (host[0] == '\0' || strcmp(host, "*") == 0) {
		a->family = out->family == AF_INET6 ? AF_INET6 : AF_INET;
		out->any = true;
		return true;
	}
	if (out->family != AF_INET6 && inet_pton(AF_INET, host, a->u.v4) == 1) {
		a->family = AF_INET;
		return true;
	}
	if (out->family != AF_INET && v6_parse(host, a))
		return true;
	if (!host_is_name(host) || host[strspn(host, "0123456789.")] == '\0')
		return false;
	out->host = tw_arena_strdup(arena, host);
	return true;
}

static int
inet_parse(struct tw_arena *arena, char *text, unsigned how, struct tw__addr_spec *out,
    struct tw_err *err)
{
	char *host = text, *colon = strrchr(text, ':');
	char *bracket = text[0] == '[' ? strchr(text, ']') : NULL;

	if (bracket != NULL && (bracket[1] == '\0' || bracket[1] == ':')) {
		colon = bracket[1] == ':' ? bracket + 1 : NULL;
		*bracket = '\0';
		host = text + 1;
	} else if (text[0] == '[' || (how & TW__ADDR_NO_PORT)) {
		colon = NULL;
	}
	if (colon != NULL)
		*colon = '\0';
	if (!host_parse(arena, host, out)) {
		if (colon == NULL || bracket != NULL)
			return tw_err_set(err, "invalid address: '%s'", host);
		*colon = ':';
		if (out->family == AF_INET || !v6_parse(text, &out->addr)) {
			*colon = '\0';
			return tw_err_set(err, "invalid address: '%s' in '%s:%s'", text,
			    text, colon + 1);
		}
		colon = NULL;
	}
	if (colon != NULL && colon[1] != '\0' &&
	    port_parse(colon + 1, how, out, err) < 0)
		return -1;
	if (!out->has_port && (how & TW__ADDR_NEED_PORT))
		return tw_err_set(err, "missing port specification in '%s'", text);
	out->addr.port = (uint16_t)(out->sign == '-' ? -out->port : out->port);
	return 0;
}

static int
unix_parse(struct tw_arena *arena, const char *path, const char *mark,
    struct tw__addr_spec *out, struct tw_err *err)
{
	const size_t zero = mark[0] != '\0'; /* an abstract name's first byte */

	if (path[0] == '\0')
		return tw_err_set(err, "a unix address needs a path");
	if (strlen(path) + zero >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return tw_err_set(err, "socket path '%s' is too long", path);
	out->addr.family = AF_UNIX;
	out->addr.u.path = tw_arena_printf(arena, "%s%s", mark, path);
	return 0;
}

static int
fd_parse(const char *text, unsigned how, struct tw__addr_spec *out, struct tw_err *err)
{
	uint64_t fd;

	if (!(how & TW__ADDR_FD))
		return tw_err_set(err, "'fd@' is not possible here");
	if (!tw_str_to_u64(tw_str_of(text), &fd) || fd > INT32_MAX)
		return tw_err_set(err,
		    "file descriptor '%s' is not a valid integer in 'fd@%s'", text,
		    text);
	out->fd = (int)fd;
	return 0;
}

/* returns: what follows the prefix, or NULL. */
static char *
after_prefix(char *text, const char *prefix)
{
	const size_t len = strlen(prefix);

	return strncmp(text, prefix, len) == 0 ? text + len : NULL;
}

/* HAProxy's other kinds of addresses. */
static bool
prefix_later(char *text, struct tw_err *err)
{
	static const char *const later[] = { "udp@", "udp4@", "udp6@", "uxdg@",
		"dgram+", "quic4@", "quic6@", "quic+", "rhttp@", "sockpair@" };

	for (size_t i = 0; i < TW_N_ELEMENTS(later); i++) {
		if (after_prefix(text, later[i]) == NULL)
			continue;
		tw_err_set(err,
		    "'%s' addresses are known to HAProxy 3.4 but not supported by "
		    "tideway here yet",
		    later[i]);
		return true;
	}
	return false;
}

/* returns: what follows the prefix, or NULL. */
static char *
mptcp_prefix(char *text, struct tw__addr_spec *out)
{
	char *const rest = after_prefix(text, "mptcp");

	if (rest == NULL || (rest[0] != '4' && rest[0] != '6' && rest[0] != '@'))
		return NULL;
	if (rest[0] != '@' && rest[1] != '@')
		return NULL;
	out->family = rest[0] == '4' ? AF_INET : rest[0] == '6' ? AF_INET6 : AF_UNSPEC;
	out->mptcp = true;
	return rest + (rest[0] == '@' ? 1 : 2);
}

const char *
tw__dgram_addr(struct tw_arena *arena, const char *text, bool *is_dgram)
{
	static const struct {
		const char *prefix, *instead;
	} prefixes[] = {
		{ "udp@", "" },
		{ "udp4@", "ipv4@" },
		{ "udp6@", "ipv6@" },
		{ "uxdg@", "unix@" },
	};

	*is_dgram = false;
	for (size_t i = 0; i < TW_N_ELEMENTS(prefixes); i++) {
		const size_t len = strlen(prefixes[i].prefix);

		if (strncmp(text, prefixes[i].prefix, len) != 0)
			continue;
		*is_dgram = true;
		return tw_arena_printf(arena, "%s%s", prefixes[i].instead, text + len);
	}
	return text;
}

int
tw__addr_parse(struct tw_arena *arena, const char *text, unsigned how,
    struct tw__addr_spec *out, struct tw_err *err)
{
	char *all = addr_expand(arena, text), *rest;

	*out = (struct tw__addr_spec){ .fd = -1, .family = AF_UNSPEC };
	if (all[0] == '\0')
		return tw_err_set(err,
		    "'%s' resolves to an empty address "
		    "(environment variable missing?)",
		    text);
	if ((rest = after_prefix(all, "stream+")) != NULL)
		all = rest; /* what else could it be */
	if ((rest = after_prefix(all, "unix@")) != NULL ||
	    (rest = after_prefix(all, "uxst@")) != NULL)
		return unix_parse(arena, rest, "", out, err);
	if (all[0] == '/')
		return unix_parse(arena, all, "", out, err);
	if ((rest = after_prefix(all, "abns@")) != NULL)
		return unix_parse(arena, rest, "@", out, err);
	if ((rest = after_prefix(all, "abnsz@")) != NULL)
		return unix_parse(arena, rest, "@\1", out, err);
	if ((rest = after_prefix(all, "fd@")) != NULL)
		return fd_parse(rest, how, out, err);
	if (prefix_later(all, err))
		return -1;
	if ((rest = after_prefix(all, "ipv4@")) != NULL ||
	    (rest = after_prefix(all, "tcp4@")) != NULL)
		out->family = AF_INET;
	else if ((rest = after_prefix(all, "ipv6@")) != NULL ||
	    (rest = after_prefix(all, "tcp6@")) != NULL)
		out->family = AF_INET6;
	else if ((rest = after_prefix(all, "tcp@")) == NULL)
		rest = mptcp_prefix(all, out);
	if (out->mptcp && !(how & TW__ADDR_MPTCP))
		return tw_err_set(err, "'mptcp@' is not possible here");
	return inet_parse(arena, rest != NULL ? rest : all, how, out, err);
}

int
tw_parse_addr(
    struct tw_arena *arena, const char *word, struct tw_addr *out, struct tw_err *err)
{
	struct tw__addr_spec spec;

	if (tw__addr_parse(arena, word, TW__ADDR_NEED_PORT, &spec, err) < 0)
		return -1;
	if (spec.host != NULL || spec.any)
		return tw_err_set(err, "invalid address: '%s'", word);
	*out = spec.addr;
	return 0;
}

int
tw__addr_resolve(const char *host, int family, struct tw_addr *addr, struct tw_err *err)
{
	const struct addrinfo hints = {
		.ai_family = family,
		.ai_socktype = SOCK_STREAM,
	};
	const uint16_t port = addr->port;
	struct addrinfo *list;
	int rc;

	/* A name server that is silent must not hold a start or a reload up
	 * for the half minute that is the library's default. */
	if (res_init() == 0) {
		_res.retrans = 2;
		_res.retry = 2;
	}
	rc = getaddrinfo(host, NULL, &hints, &list);
	if (rc != 0)
		return tw_err_set(
		    err, "could not resolve address '%s': %s", host, gai_strerror(rc));
	tw_addr_from_sockaddr(addr, list->ai_addr, list->ai_addrlen);
	addr->port = port;
	freeaddrinfo(list);
	return 0;
}

int
tw_parse_host(
    struct tw_gen *gen, const char *word, struct tw_addr *out, struct tw_err *err)
{
	struct tw__addr_spec spec;

	if (tw__addr_parse(tw_gen_arena(gen), word, 0, &spec, err) < 0)
		return -1;
	if (spec.any)
		return tw_err_set(err, "'%s' names no address", word);
	if (spec.host != NULL &&
	    tw__addr_resolve(spec.host, spec.family, &spec.addr, err) < 0)
		return -1;
	*out = spec.addr;
	return 0;
}

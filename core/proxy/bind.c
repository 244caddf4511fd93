/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * bind.c - the `bind` line and its options.
 *
 * A line makes one struct tw_bind for each address and each port of a range;
 * the options are parsed once, into the first, and copied to the others.
 * source: HAProxy's manual, `bind` and chapter 5.1.
 */
#include "config.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>

#include "core/proxy/addr.h"
#include "core/proxy/proxy_int.h"

#define BIND_NO_ID UINT32_MAX

static struct tw_bind *
bind_add(struct tw_line *ln, const struct tw_addr *addr, int fd)
{
	struct tw_arena *arena = ln->gen->conf.arena;
	struct tw_proxy *px = ln->proxy;
	struct tw_bind *b = tw_arena_zalloc(arena, sizeof(*b));

	*b = (struct tw_bind){
		.magic = TW_BIND_MAGIC,
		.proxy = px,
		.addr = *addr,
		.fd = fd,
		.file = ln->file,
		.line = ln->number,
		.uid = BIND_NO_ID,
		.gid = BIND_NO_ID,
		.turn_bytes = TW__TURN_BYTES,
		.block = tw_arena_zalloc(arena, tw__module_block_bytes(TW_IN_BIND)),
	};
	px->bind = tw__grow(arena, px->bind, px->n_binds);
	px->bind[px->n_binds++] = b;
	ln->gen->n_binds++;
	return b;
}

/* One of the addresses between the commas; a name is resolved at once. */
static int
bind_add_addr(struct tw_line *ln, const char *text)
{
	struct tw__addr_spec spec;
	struct tw_err err;

	if (tw__addr_parse(ln->gen->conf.arena, text,
		TW__ADDR_NEED_PORT | TW__ADDR_RANGE | TW__ADDR_FD | TW__ADDR_MPTCP,
		&spec, &err) < 0)
		return tw_line_fail(ln, 0, "'bind' : %s", err.text);
	if (spec.host != NULL &&
	    tw__addr_resolve(spec.host, spec.family, &spec.addr, &err) < 0)
		return tw_line_fail(ln, 0, "'bind' : %s in '%s'", err.text, text);
	if (spec.fd >= 0 || spec.addr.family == AF_UNIX) {
		bind_add(ln, &spec.addr, spec.fd);
		return 0;
	}
	for (int port = spec.port; port <= spec.port_last; port++) {
		spec.addr.port = (uint16_t)port;
		bind_add(ln, &spec.addr, -1)->mptcp = spec.mptcp;
	}
	return 0;
}

static void
bind_copy_options(struct tw_bind *to, const struct tw_bind *from)
{
	const struct tw_addr addr = to->addr;
	const int fd = to->fd;
	const bool mptcp = to->mptcp;
	char *block = to->block;

	*to = *from;
	to->mptcp = mptcp;
	to->addr = addr;
	to->fd = fd;
	to->id = 0;
	to->block = block;
	memcpy(block, from->block, tw__module_block_bytes(TW_IN_BIND));
}

int
tw__line_add_bind(struct tw_line *ln)
{
	struct tw_proxy *px = ln->proxy;
	const int first = px->n_binds;
	char *list = tw_arena_strdup(ln->gen->conf.arena, tw_arg(ln, 0));
	char *save, *text = strtok_r(list, ",", &save);
	int rc = 0;

	if (text == NULL)
		return tw_line_fail(ln, 0, "'bind' expects an address");
	for (; text != NULL; text = strtok_r(NULL, ",", &save)) {
		if (bind_add_addr(ln, text) < 0)
			rc = -1;
	}
	if (px->n_binds == first) { /* so that the options are checked too */
		bind_add(ln, &(struct tw_addr){ 0 }, -1);
		rc = -1;
	}
	ln->bind = px->bind[first];
	if (tw__line_options(ln, TW_SC_BIND, ln->arg + 1, ln->bind, ln->bind->block) <
	    0)
		rc = -1;
	for (int i = first + 1; i < px->n_binds; i++)
		bind_copy_options(px->bind[i], px->bind[first]);
	return rc;
}

static int
bind_set_user(struct tw_line *ln)
{
	struct tw_bind *b = ln->state;
	const struct passwd *pw = getpwnam(tw_arg(ln, 0));

	if (pw == NULL)
		return tw_line_fail(
		    ln, 0, "there is no user '%s' on this system", tw_arg(ln, 0));
	b->user = tw_arena_strdup(ln->gen->conf.arena, tw_arg(ln, 0));
	b->uid = pw->pw_uid;
	return 0;
}

static int
bind_set_group(struct tw_line *ln)
{
	struct tw_bind *b = ln->state;
	const struct group *gr = getgrnam(tw_arg(ln, 0));

	if (gr == NULL)
		return tw_line_fail(
		    ln, 0, "there is no group '%s' on this system", tw_arg(ln, 0));
	b->group = tw_arena_strdup(ln->gen->conf.arena, tw_arg(ln, 0));
	b->gid = gr->gr_gid;
	return 0;
}

static int
bind_set_mode(struct tw_line *ln)
{
	struct tw_bind *b = ln->state;
	char *end;
	const unsigned long mode = strtoul(tw_arg(ln, 0), &end, 8);

	if (*end != '\0' || tw_arg(ln, 0)[0] == '\0' || mode > 07777)
		return tw_line_fail(ln, 0,
		    "'mode' expects octal permissions, such as "
		    "660");
	b->mode = (uint32_t)mode;
	return 0;
}

#define AT(field) offsetof(struct tw_bind, field)

/* clang-format off */
const struct tw_kw tw__bind_kw[] = {
	{ "name", TW_SC_BIND, 1, 1, tw_set_str, "<name>",
		"The listener's name in statistics.", "sock-1, ...", 0, AT(name),
		0, 0, NULL },
	{ "id", TW_SC_BIND, 1, 1, tw_set_uint, "<number>",
		"The listener's number in statistics.", "the next free", 0, AT(id),
		1, INT32_MAX, NULL },
	{ "accept-proxy", TW_SC_BIND, 0, 0, tw_set_flag, "",
		"Connections begin with a PROXY protocol header.", "off", 0,
		AT(accept_proxy), 0, 0, NULL },
	{ "maxconn", TW_SC_BIND, 1, 1, tw_set_uint, "<number>",
		"Most connections at a time on this listener; 0: no limit.", "0", 0,
		AT(maxconn), 0, INT32_MAX, NULL },
	{ "proto", TW_SC_BIND, 1, 1, tw_set_str, "<name>",
		"The protocol that clients speak, whatever they say; in mode http: h1, "
		"h2.",
		"as was agreed on by TLS, or as its first bytes say", 0, AT(proto_name),
		0, 0, NULL },
	{ "backlog", TW_SC_BIND, 1, 1, tw_set_uint, "<number>",
		"Connections that the system may hold before they are accepted.",
		"the frontend's", 0, AT(backlog), 0, INT32_MAX, NULL },
	{ "v4v6", TW_SC_BIND, 0, 0, tw_set_flag, "",
		"An IPv6 address takes IPv4 connections too.", "as the system", 0,
		AT(v4v6), 0, 0, NULL },
	{ "v6only", TW_SC_BIND, 0, 0, tw_set_flag, "",
		"An IPv6 address takes IPv6 connections only.", "as the system", 0,
		AT(v6only), 0, 0, NULL },
	{ "interface", TW_SC_BIND, 1, 1, tw_set_str, "<name>",
		"Only connections that come in by this interface.", NULL, 0,
		AT(interface), 0, 0, NULL },
	{ "mode", TW_SC_BIND, 1, 1, bind_set_mode, "<octal>",
		"Permissions of a unix socket.", "as the umask leaves", 0, 0, 0, 0,
		NULL },
	{ "user", TW_SC_BIND, 1, 1, bind_set_user, "<name>",
		"Owner of a unix socket.", NULL, 0, 0, 0, 0, NULL },
	{ "group", TW_SC_BIND, 1, 1, bind_set_group, "<name>",
		"Group of a unix socket.", NULL, 0, 0, 0, 0, NULL },
	{ "uid", TW_SC_BIND, 1, 1, tw_set_uint, "<number>",
		"Owner of a unix socket.", NULL, 0, AT(uid), 0, INT32_MAX, NULL },
	{ "gid", TW_SC_BIND, 1, 1, tw_set_uint, "<number>",
		"Group of a unix socket.", NULL, 0, AT(gid), 0, INT32_MAX, NULL },
	{ .word = NULL },
};
/* clang-format on */

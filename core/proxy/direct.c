/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * direct.c - `dispatch` and `option transparent`: where requests go that no
 * persistence has given to a server.
 *
 * To an address of the line, or to the one that the client asked for; nothing is
 * balanced then. Behind both is one server that is in no list: no report has it,
 * no check looks at it, logs have <NOSRV>. Both words are deprecated, as a server
 * can do the same. Start and control thread. source: HAProxy's manual, 4.2.
 */
#include "config.h"

#include "core/proxy/addr.h"
#include "core/proxy/proxy_int.h"

static int
set_dispatch(struct tw_line *ln)
{
	struct tw_arena *const arena = ln->gen->conf.arena;
	struct tw_proxy *const px = ln->state;
	struct tw__addr_spec spec;
	struct tw_err err;

	if (tw__addr_parse(arena, tw_arg(ln, 0), TW__ADDR_NEED_PORT, &spec, &err) < 0 ||
	    (spec.host != NULL &&
		tw__addr_resolve(spec.host, spec.family, &spec.addr, &err) < 0))
		return tw_line_fail(ln, 0, "'dispatch' : %s", err.text);
	if (spec.any || spec.addr.family == AF_UNIX || spec.port == 0)
		return tw_line_fail(ln, 0,
		    "'dispatch' expects an IP address and a port, not '%s'",
		    tw_arg(ln, 0));
	struct tw_addr *const addr = tw_arena_alloc(arena, sizeof(*addr));
	*addr = spec.addr;
	px->c.dispatch = addr;
	px->c.transparent = false;
	return tw_line_warn(ln, -1,
	    "'dispatch' is deprecated; write 'server <name> %s' in its place",
	    tw_arg(ln, 0));
}

static int
set_transparent(struct tw_line *ln)
{
	struct tw_proxy *const px = ln->state;

	px->c.transparent = !ln->no;
	if (ln->no)
		return 0;
	px->c.dispatch = NULL;
	return tw_line_warn(ln, -1,
	    "'%s' is deprecated; write 'server <name> 0.0.0.0' in its place",
	    ln->kw->word);
}

/* What default-server lines say of connections holds; nobody looks after it. */
void
tw__direct_make(struct tw_gen *gen, struct tw_proxy *px)
{
	const size_t size = tw__module_block_bytes(TW_IN_SERVER);

	if (px->c.dispatch == NULL && !px->c.transparent)
		return;
	struct tw_server *const srv = tw_arena_alloc(gen->conf.arena, sizeof(*srv));
	*srv = *px->proto_server;
	srv->proxy = px;
	srv->index = px->n_servers;
	srv->name = "<NOSRV>";
	srv->file = px->file;
	srv->line = px->line;
	srv->origin =
	    (struct tw_origin){ px->c.transparent ? "option transparent" : "dispatch",
		    px->file, px->line };
	srv->check = srv->agent = srv->disabled = srv->backup = false;
	srv->tracked = NULL;
	srv->maxconn = srv->minconn = 0;
	srv->has_addr = true;
	srv->map_addr = px->c.transparent;
	srv->map_port = px->c.transparent;
	srv->addr =
	    px->c.transparent ? (struct tw_addr){ .family = AF_INET } : *px->c.dispatch;
	srv->addr_text = "";
	srv->block = tw_arena_zalloc(gen->conf.arena, size);
	px->direct = srv;
	px->c.prefer_last = true; /* the flow's question before it balances */
}

#define IGNORED(text)                                                   \
	{                                                               \
		.word = text, .scopes = TW_SC_FRONTEND, .max_args = -1, \
		.set = tw__kw_ignored, .flags = TW_KW_NO,               \
		.help = "Ignored here, with a warning."                 \
	}

const struct tw_kw tw__direct_kw[] = {
	{ .word = "dispatch",
	    .scopes = TW_SC_LISTEN | TW_SC_BACKEND,
	    .min_args = 1,
	    .max_args = 1,
	    .set = set_dispatch,
	    .usage = "<address>:<port>",
	    .help = "Where requests go that no persistence gives to a server; "
		    "nothing is balanced then. Deprecated: a server does it." },
	{ .word = "option transparent",
	    .scopes = TW_SC_BE,
	    .set = set_transparent,
	    .def = "off",
	    .help = "Requests that no persistence gives to a server go to the "
		    "address that the client asked for, before any redirection by "
		    "this system. Deprecated: a server 0.0.0.0 does it.",
	    .flags = TW_KW_NO },
	{ .word = "transparent",
	    .scopes = TW_SC_BE,
	    .set = set_transparent,
	    .def = "off",
	    .help = "As 'option transparent'.",
	    .flags = TW_KW_NO },
	IGNORED("dispatch"),
	IGNORED("option transparent"),
	IGNORED("transparent"),
	{ .word = NULL },
};

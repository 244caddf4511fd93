/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * server.c - the `server` and `default-server` lines and their options.
 *
 * A server begins as a copy of the prototype that default-server lines have
 * filled, module blocks included. Names of hosts are kept for resolve.c,
 * which asks for each one once, after all files are read.
 * source: HAProxy's manual, `server` and chapter 5.2.
 */
#include "config.h"

#include "core/proxy/addr.h"
#include "core/proxy/proxy_int.h"

#define TEMPLATE_MAX 10000

static bool
is_zero(const uint8_t *p, size_t len)
{
	while (len > 0 && *p == 0)
		p++, len--;
	return len == 0;
}

static int
server_set_addr(struct tw_line *ln, struct tw_server *srv, const char *text)
{
	struct tw__addr_spec spec;
	struct tw_err err;
	struct tw_arena *const arena = ln->gen->conf.arena;

	text = tw__dgram_addr(arena, text, &srv->is_dgram);
	if (tw__addr_parse(
		arena, text, TW__ADDR_RELATIVE | TW__ADDR_MPTCP, &spec, &err) < 0)
		return tw_line_fail(
		    ln, 1, "'server %s/%s' : %s", ln->proxy->name, srv->name, err.text);
	srv->addr = spec.addr;
	srv->map_addr = spec.any ||
	    (spec.addr.family == AF_INET && is_zero(spec.addr.u.v4, 4)) ||
	    (spec.addr.family == AF_INET6 && is_zero(spec.addr.u.v6, 16));
	srv->mptcp = spec.mptcp;
	srv->host = spec.host;
	srv->family = (uint16_t)spec.family;
	srv->has_addr = spec.host == NULL;
	srv->map_port = spec.addr.family != AF_UNIX && !tw__is_srv_label(spec.host) &&
	    (!spec.has_port || spec.sign != 0 || spec.addr.port == 0);
	return 0;
}

struct tw_server *
tw__server_make(struct tw_line *ln, const struct tw_server *proto)
{
	struct tw_arena *arena = ln->gen->conf.arena;
	struct tw_server *srv = tw_arena_alloc(arena, sizeof(*srv));
	const size_t size = tw__module_block_bytes(TW_IN_SERVER);

	*srv = *proto;
	srv->proxy = ln->proxy;
	srv->file = ln->file;
	srv->line = ln->number;
	srv->origin = (struct tw_origin){ "server", ln->file, ln->number };
	srv->block = tw_arena_alloc(arena, size);
	memcpy(srv->block, proto->block, size);
	return srv;
}

static struct tw_server *
server_new(struct tw_line *ln, const char *name, const char *addr)
{
	struct tw_arena *arena = ln->gen->conf.arena;
	struct tw_proxy *px = ln->proxy;
	struct tw_server *srv = tw__server_make(ln, px->proto_server);

	srv->index = px->n_servers;
	srv->name = tw_arena_strdup(arena, name);
	srv->addr_text = tw_arena_strdup(arena, addr);
	px->server = tw__grow(arena, px->server, px->n_servers);
	px->server[px->n_servers++] = srv;
	ln->gen->n_servers++;
	return srv;
}

int
tw__server_read(struct tw_line *ln, struct tw_server *srv)
{
	struct tw_arena *arena = ln->gen->conf.arena;
	const char bad = tw__name_bad_char(tw_arg(ln, 0));
	int rc = 0;

	srv->name = tw_arena_strdup(arena, tw_arg(ln, 0));
	srv->addr_text = tw_arena_strdup(arena, tw_arg(ln, 1));
	if (bad != '\0')
		rc = tw_line_fail(ln, 0,
		    "character '%c' is not permitted in server "
		    "name '%s'",
		    bad, srv->name);
	if (server_set_addr(ln, srv, tw_arg(ln, 1)) < 0)
		rc = -1;
	ln->server = srv;
	if (tw__line_options(ln, TW_SC_SERVER, ln->arg + 2, srv, srv->block) < 0)
		rc = -1;
	return rc;
}

int
tw__line_add_server(struct tw_line *ln)
{
	return tw__server_read(ln, server_new(ln, tw_arg(ln, 0), tw_arg(ln, 1)));
}

/* "5" or "3-7". */
static int
template_range(struct tw_line *ln, uint64_t *first, uint64_t *last)
{
	const char *text = tw_arg(ln, 1), *dash = strchr(text, '-');
	const struct tw_str low = { text, dash != NULL ? (size_t)(dash - text) : 0 };

	*first = 1;
	if ((dash != NULL && !tw_str_to_u64(low, first)) ||
	    !tw_str_to_u64(tw_str_of(dash != NULL ? dash + 1 : text), last) ||
	    *last < *first || *last > TEMPLATE_MAX)
		return tw_line_fail(ln, 1,
		    "'server-template' expects how many servers to make, or the first "
		    "and the last number with a '-' between, up to %d; not '%s'",
		    TEMPLATE_MAX, text);
	return 0;
}

/* The same options hold for all: they are parsed once, for the first. */
static void
template_copy(struct tw_line *ln, const struct tw_server *first, const char *name)
{
	struct tw_server *srv = server_new(ln, name, first->addr_text);
	const struct tw_server own = *srv;

	*srv = *first;
	srv->index = own.index;
	srv->name = own.name;
	srv->id = 0;
	srv->block = own.block;
	memcpy(srv->block, first->block, tw__module_block_bytes(TW_IN_SERVER));
}

int
tw__line_server_template(struct tw_line *ln)
{
	struct tw_arena *arena = ln->gen->conf.arena;
	const char *prefix = tw_arg(ln, 0);
	const char bad = tw__name_bad_char(prefix);
	struct tw_server *srv;
	uint64_t first, last;
	int rc;

	if (template_range(ln, &first, &last) < 0)
		return -1;
	if (bad != '\0')
		return tw_line_fail(ln, 0,
		    "character '%c' is not permitted in server name '%s'", bad, prefix);
	srv = server_new(
	    ln, tw_arena_printf(arena, "%s%d", prefix, (int)first), tw_arg(ln, 2));
	rc = server_set_addr(ln, srv, tw_arg(ln, 2));
	ln->server = srv;
	if (tw__line_options(ln, TW_SC_SERVER, ln->arg + 3, srv, srv->block) < 0)
		rc = -1;
	while (rc == 0 && first++ < last)
		template_copy(
		    ln, srv, tw_arena_printf(arena, "%s%d", prefix, (int)first));
	return rc;
}

int
tw__line_default_server(struct tw_line *ln)
{
	struct tw_server *proto = ln->proxy->proto_server;

	ln->server = proto;
	return tw__line_options(ln, TW_SC_SERVER, ln->arg, proto, proto->block);
}

/* Options of one server that make no sense for all. */
static int
not_for_defaults(struct tw_line *ln)
{
	if (ln->server == ln->proxy->proto_server)
		return tw_line_fail(ln, -1,
		    "'%s' is not possible in a "
		    "'default-server' line",
		    ln->kw->word);
	return 0;
}

static int
server_set_id(struct tw_line *ln)
{
	return not_for_defaults(ln) < 0 ? -1 : tw_set_uint(ln);
}

static int
server_set_weight(struct tw_line *ln)
{
	struct tw_server *srv = ln->state;
	struct tw_err err;
	uint64_t weight;

	if (tw_parse_uint(tw_arg(ln, 0), 0, 256, &weight, &err) < 0)
		return tw_line_fail(ln, 0,
		    "weight of server %s is not within 0 and "
		    "256 (%s)",
		    srv->name, tw_arg(ln, 0));
	srv->weight = (uint32_t)weight;
	return 0;
}

/* An interval of 0 would be a busy loop. */
static int
server_set_interval(struct tw_line *ln)
{
	struct tw_err err;
	uint32_t ms;

	if (tw_parse_ms(tw_arg(ln, 0), 1000, &ms, &err) < 0)
		return tw_line_fail(ln, 0, "'%s': %s", ln->kw->word, err.text);
	if (ms == 0)
		return tw_line_fail(ln, 0, "'%s' expects more than 0", ln->kw->word);
	*(uint32_t *)((char *)ln->state + ln->kw->offset) = ms;
	return 0;
}

static int
server_set_enabled(struct tw_line *ln)
{
	((struct tw_server *)ln->state)->disabled = false;
	return 0;
}

/* "no-check" and the like: the flag of their twin is cleared. */
int
tw__server_clear_flag(struct tw_line *ln)
{
	*(bool *)((char *)ln->state + ln->kw->offset) = false;
	return 0;
}

static int
server_set_check_addr(struct tw_line *ln)
{
	struct tw_server *srv = ln->state;
	struct tw__addr_spec spec;
	struct tw_addr *addr;
	struct tw_err err;

	if (tw__addr_parse(ln->gen->conf.arena, tw_arg(ln, 0), 0, &spec, &err) < 0)
		return tw_line_fail(ln, 0, "'addr' : %s", err.text);
	if (spec.host != NULL &&
	    tw__addr_resolve(spec.host, spec.family, &spec.addr, &err) < 0)
		return tw_line_fail(ln, 0, "'addr' : %s", err.text);
	if (spec.has_port)
		srv->check_port = (uint32_t)spec.port;
	addr = tw_arena_alloc(ln->gen->conf.arena, sizeof(*addr));
	*addr = spec.addr;
	srv->check_addr = addr;
	return 0;
}

static int
server_set_init_addr(struct tw_line *ln)
{
	struct tw_server *srv = ln->state;
	char *list = tw_arena_strdup(ln->gen->conf.arena, tw_arg(ln, 0));
	char *save, *word;

	for (word = strtok_r(list, ",", &save); word != NULL;
	     word = strtok_r(NULL, ",", &save)) {
		struct tw__addr_spec spec;
		struct tw_err err;

		if (strcmp(word, "last") == 0 || strcmp(word, "libc") == 0 ||
		    strcmp(word, "none") == 0)
			continue;
		if (tw__addr_parse(
			ln->gen->conf.arena, word, TW__ADDR_NO_PORT, &spec, &err) < 0 ||
		    spec.host != NULL || spec.any)
			return tw_line_fail(ln, 0,
			    "'init-addr' expects a list of "
			    "'last', 'libc', 'none' and addresses, not '%s'",
			    word);
	}
	srv->init_addr = tw_arena_strdup(ln->gen->conf.arena, tw_arg(ln, 0));
	return 0;
}

#define AT(field) offsetof(struct tw_server, field)

/* clang-format off */
const struct tw_kw tw__server_kw[] = {
	{ "weight", TW_SC_SERVER, 1, 1, server_set_weight, "<0..256>",
		"Its share of the load; 0: persistent sessions only.", "1", 0, 0, 0,
		0, NULL },
	{ "backup", TW_SC_SERVER, 0, 0, tw_set_flag, "",
		"Used only when no other server is usable.", "off", 0, AT(backup),
		0, 0, NULL },
	{ "no-backup", TW_SC_SERVER, 0, 0, tw__server_clear_flag, "",
		"Undoes 'backup'.", NULL, 0, AT(backup), 0, 0, NULL },
	{ "disabled", TW_SC_SERVER, 0, 0, tw_set_flag, "",
		"Starts in maintenance.", "off", 0, AT(disabled), 0, 0, NULL },
	{ "enabled", TW_SC_SERVER, 0, 0, server_set_enabled, "",
		"Undoes 'disabled'.", NULL, 0, 0, 0, 0, NULL },
	{ "maxconn", TW_SC_SERVER, 1, 1, tw_set_uint, "<number>",
		"Most requests at a time; more wait in the queue. 0: no limit.",
		"0", 0, AT(maxconn), 0, INT32_MAX, NULL },
	{ "minconn", TW_SC_SERVER, 1, 1, tw_set_uint, "<number>",
		"What maxconn shrinks to while the backend has few sessions; it "
		"reaches its own value at 'fullconn'. 0: it does not shrink.",
		"0", 0, AT(minconn), 0, INT32_MAX, NULL },
	{ "maxqueue", TW_SC_SERVER, 1, 1, tw_set_uint, "<number>",
		"Most requests that wait for this server; more go to another. 0: "
		"no limit.", "0", 0, AT(maxqueue), 0, INT32_MAX, NULL },
	{ "check", TW_SC_SERVER, 0, 0, tw_set_flag, "",
		"Health checks decide whether it is used.", "off", 0, AT(check), 0,
		0, NULL },
	{ "no-check", TW_SC_SERVER, 0, 0, tw__server_clear_flag, "",
		"Undoes 'check'.", NULL, 0, AT(check), 0, 0, NULL },
	{ "inter", TW_SC_SERVER, 1, 1, server_set_interval, "<time>",
		"Between two checks.", "2s", 0, AT(inter_ms), 0, 0, NULL },
	{ "fastinter", TW_SC_SERVER, 1, 1, server_set_interval, "<time>",
		"Between two checks while the state is changing.", "inter", 0,
		AT(fastinter_ms), 0, 0, NULL },
	{ "downinter", TW_SC_SERVER, 1, 1, server_set_interval, "<time>",
		"Between two checks while it is down.", "inter", 0,
		AT(downinter_ms), 0, 0, NULL },
	{ "rise", TW_SC_SERVER, 1, 1, tw_set_uint, "<count>",
		"Checks that must pass before it is up.", "2", 0, AT(rise), 1,
		INT16_MAX, NULL },
	{ "fall", TW_SC_SERVER, 1, 1, tw_set_uint, "<count>",
		"Checks that must fail before it is down.", "3", 0, AT(fall), 1,
		INT16_MAX, NULL },
	{ "port", TW_SC_SERVER, 1, 1, tw_set_uint, "<port>",
		"Where checks connect.", "the server's", 0, AT(check_port), 1,
		65535, NULL },
	{ "addr", TW_SC_SERVER, 1, 1, server_set_check_addr, "<address>",
		"Where checks connect.", "the server's", 0, 0, 0, 0, NULL },
	{ "init-addr", TW_SC_SERVER, 1, 1, server_set_init_addr,
		"{ last | libc | none | <ip> }[,...]",
		"How the first address is found, in this order.", "last,libc", 0, 0,
		0, 0, NULL },
	{ "send-proxy", TW_SC_SERVER, 0, 0, tw_set_flag, "",
		"Connections begin with a PROXY protocol header, version 1.", "off",
		0, AT(send_proxy), 0, 0, NULL },
	{ "no-send-proxy", TW_SC_SERVER, 0, 0, tw__server_clear_flag, "",
		"Undoes 'send-proxy'.", NULL, 0, AT(send_proxy), 0, 0, NULL },
	{ "id", TW_SC_SERVER, 1, 1, server_set_id, "<number>",
		"The server's number in statistics.", "the next free", 0, AT(id), 1,
		INT32_MAX, NULL },
	{ .word = NULL },
};
/* clang-format on */

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * source_kw.c - `source`, of a server or of all servers of a backend, and other
 * options of servers about how connections to them are made and kept.
 *
 * source: HAProxy's manual, `source` in 4.2 and chapter 5.2.
 */
#include "config.h"

#include <stdlib.h>

#include "core/net/conn.h"
#include "core/proxy/addr.h"
#include "core/proxy/proxy_int.h"

/* An address without a name; "*" and 0.0.0.0: the system chooses. */
static int
source_addr(struct tw_line *ln, int i, unsigned how, struct tw__addr_spec *spec)
{
	struct tw_err err;

	if (tw__addr_parse(ln->gen->conf.arena, tw_arg(ln, i), how, spec, &err) < 0)
		return tw_line_fail(ln, i, "'source' : %s", err.text);
	if (spec->host != NULL || spec->addr.family == AF_UNIX)
		return tw_line_fail(ln, i,
		    "'source' expects an IP address of this machine, not '%s'",
		    tw_arg(ln, i));
	if (spec->any && !spec->has_port)
		spec->addr.family = 0;
	return 0;
}

/* "hdr_ip(x-forwarded-for,-1)" */
static int
header_parse(struct tw_line *ln, int i, struct tw__source *s)
{
	char *text =
	    tw_arena_strdup(ln->gen->conf.arena, tw_arg(ln, i) + strlen("hdr_ip("));
	char *close = strrchr(text, ')'), *comma = strchr(text, ','), *end;

	s->occ = -1;
	if (close == NULL || close[1] != '\0' || close == text)
		return tw_line_fail(ln, i,
		    "'usesrc' : missing ')' or header name in '%s'", tw_arg(ln, i));
	*close = '\0';
	if (comma != NULL) {
		*comma = '\0';
		s->occ = (int)strtol(comma + 1, &end, 10);
		if (end == comma + 1 || *end != '\0' || s->occ < -128 || s->occ > 128)
			return tw_line_fail(ln, i,
			    "'usesrc' : occurrence '%s' is no number from -128 to 128",
			    comma + 1);
	}
	s->as = TW__AS_HEADER;
	s->header = text;
	return 0;
}

/* returns: arguments taken; -1. */
static int
usesrc_parse(struct tw_line *ln, int i, struct tw__source *s)
{
	const char *word = tw_arg(ln, i + 1);
	struct tw__addr_spec spec;

	if (word == NULL)
		return tw_line_fail(ln, i,
		    "'usesrc' expects 'client', 'clientip', 'hdr_ip(name[,num])' or an "
		    "address");
	if (strcmp(word, "client") == 0) {
		s->as = TW__AS_CLIENT;
	} else if (strcmp(word, "clientip") == 0) {
		s->as = TW__AS_CLIENTIP;
	} else if (strncmp(word, "hdr_ip(", 7) == 0) {
		if (header_parse(ln, i + 1, s) < 0)
			return -1;
	} else {
		if (source_addr(ln, i + 1, 0, &spec) < 0)
			return -1;
		s->as = TW__AS_OTHER;
		s->other = spec.addr;
	}
	return 2;
}

/* returns: gen; NULL: reported. out: used. */
static struct tw__source *
source_parse(struct tw_line *ln, unsigned how, int *used)
{
	struct tw_arena *arena = ln->gen->conf.arena;
	struct tw__source *s = tw_arena_zalloc(arena, sizeof(*s));
	struct tw__addr_spec spec;
	int i = 1;

	if (source_addr(ln, 0, how, &spec) < 0)
		return NULL;
	s->addr = spec.addr;
	s->port_last = spec.has_port ? spec.port_last : 0;
	s->next_port = tw_arena_zalloc(arena, sizeof(*s->next_port));
	while (tw_arg(ln, i) != NULL) {
		int n = 0;

		if (strcmp(tw_arg(ln, i), "usesrc") == 0) {
			n = usesrc_parse(ln, i, s);
		} else if (strcmp(tw_arg(ln, i), "interface") == 0) {
			n = tw_arg(ln, i + 1) != NULL
			    ? 2
			    : tw_line_fail(
				  ln, i, "'interface' expects the name of one");
			if (n > 0)
				s->interface =
				    tw_arena_strdup(arena, tw_arg(ln, i + 1));
		}
		if (n < 0)
			return NULL;
		if (n == 0)
			break;
		i += n;
	}
	*used = i;
	return s;
}

static int
server_set_source(struct tw_line *ln)
{
	const struct tw__source *s = source_parse(ln, TW__ADDR_RANGE, &ln->used);

	if (s == NULL)
		return -1;
	((struct tw_server *)ln->state)->source = s;
	return 0;
}

static int
proxy_set_source(struct tw_line *ln)
{
	int used = 0;
	const struct tw__source *s = source_parse(ln, 0, &used);

	if (s == NULL)
		return -1;
	if (used < ln->n_args)
		return tw_line_fail(ln, used,
		    "'source' does not know '%s'; only 'usesrc' and 'interface' may "
		    "follow the address",
		    tw_arg(ln, used));
	((struct tw_proxy *)ln->state)->c.source = s;
	return 0;
}

static int
server_set_namespace(struct tw_line *ln)
{
	struct tw_server *srv = ln->state;
	struct tw_err err;

	srv->netns_of_client = strcmp(tw_arg(ln, 0), "*") == 0;
	srv->netns = NULL;
	if (srv->netns_of_client)
		return 0;
	srv->netns = tw__netns_get(tw_arg(ln, 0), &err);
	return srv->netns != NULL ? 0 : tw_line_fail(ln, 0, "%s", err.text);
}

static int
server_set_redir(struct tw_line *ln)
{
	struct tw_server *srv = ln->state;

	if (tw_arg(ln, 0)[0] == '\0')
		return tw_line_fail(ln, 0, "'redir' expects the beginning of an URL");
	srv->redir = tw_arena_strdup(ln->gen->conf.arena, tw_arg(ln, 0));
	return 0;
}

static int
server_set_pool_name(struct tw_line *ln)
{
	struct tw_server *srv = ln->state;

	srv->pool_name =
	    tw_expr_compile(ln, 0, tw_arg(ln, 0), TW_AT_CONN | TW_AT_REQUEST);
	return srv->pool_name != NULL ? 0 : -1;
}

static int
server_set_cc(struct tw_line *ln)
{
	return tw__line_congestion(ln, &((struct tw_server *)ln->state)->cc);
}

static int
server_set_max_reuse(struct tw_line *ln)
{
	struct tw_server *srv = ln->state;
	struct tw_err err;
	uint64_t n;

	srv->max_reuse = 0;
	if (strcmp(tw_arg(ln, 0), "-1") == 0)
		return 0;
	if (tw_parse_uint(tw_arg(ln, 0), 0, INT32_MAX, &n, &err) < 0)
		return tw_line_fail(ln, 0,
		    "'max-reuse' expects -1 (no limit) or a number: %s", err.text);
	srv->max_reuse = (uint32_t)n + 1;
	return 0;
}

static int
server_set_pool_max(struct tw_line *ln)
{
	struct tw_server *srv = ln->state;
	struct tw_err err;
	uint64_t n;

	srv->pool_max = UINT32_MAX;
	if (strcmp(tw_arg(ln, 0), "-1") == 0)
		return 0;
	if (tw_parse_uint(tw_arg(ln, 0), 0, INT32_MAX, &n, &err) < 0)
		return tw_line_fail(ln, 0,
		    "'pool-max-conn' expects -1 (no limit) or a number: %s", err.text);
	srv->pool_max = (uint32_t)n;
	return 0;
}

/* Words of which only some have a meaning without HTTP/2. in: known, NULL-
 * terminated; later, what is to come. */
static int
word_choose(struct tw_line *ln, const char *const *known, const char *const *later)
{
	const char *word = tw_arg(ln, 0);

	for (; *known != NULL; known++) {
		if (strcmp(word, *known) == 0)
			return 0;
	}
	for (; *later != NULL; later++) {
		if (strcmp(word, *later) == 0)
			return tw_line_fail(ln, 0,
			    "'%s %s' is known to HAProxy 3.4 but not supported by "
			    "tideway yet",
			    ln->kw->word, word);
	}
	return tw_line_fail(ln, 0, "'%s' does not know '%s'; write %s", ln->kw->word,
	    word, ln->kw->usage);
}

static int
server_set_proto(struct tw_line *ln)
{
	static const char *const http[] = { "h1", NULL },
				 *const tcp[] = { "none", NULL };
	static const char *const later[] = { "fcgi", "spop", "quic", NULL };
	struct tw_server *const srv = ln->state;

	if (ln->proxy->c.mode == TW_MODE_HTTP &&
	    (srv->proto = tw__module_find_proto(tw_arg(ln, 0), NULL)) != NULL)
		return 0;
	return word_choose(ln, ln->proxy->c.mode == TW_MODE_HTTP ? http : tcp, later);
}

static int
server_set_ws(struct tw_line *ln)
{
	static const char *const known[] = { "auto", "h1", "h2" };

	for (uint8_t i = 0; i < TW_N_ELEMENTS(known); i++) {
		if (strcmp(tw_arg(ln, 0), known[i]) != 0)
			continue;
		((struct tw_server *)ln->state)->ws = i; /* enum tw__ws */
		return 0;
	}
	return tw_line_fail(ln, 0, "'%s' does not know '%s'; write %s", ln->kw->word,
	    tw_arg(ln, 0), ln->kw->usage);
}

#define AT(field) offsetof(struct tw_server, field)

/* clang-format off */
const struct tw_kw tw__source_kw[] = {
	{ "source", TW_SC_SERVER, 1, -1, server_set_source,
		"<address>[:<port>[-<port>]] [usesrc { client | clientip | "
		"hdr_ip(<name>[,<number>]) | <address>[:<port>] }] "
		"[interface <name>]",
		"Where connections to it come from.", "the backend's", 0, 0, 0, 0,
		NULL },
	{ "source", TW_SC_BE, 1, -1, proxy_set_source,
		"<address>[:<port>] [usesrc { client | clientip | "
		"hdr_ip(<name>[,<number>]) | <address>[:<port>] }] "
		"[interface <name>]",
		"Where connections to servers come from.", "the system chooses",
		TW_KW_REST, 0, 0, 0, NULL },
	{ .word = "source", .scopes = TW_SC_FRONTEND, .max_args = -1,
		.set = tw__kw_ignored, .help = "Ignored here, with a warning." },
	{ "namespace", TW_SC_SERVER, 1, 1, server_set_namespace, "{ <name> | * }",
		"The network namespace that connections to it are made in; *: the "
		"one that the client's PROXY header names, when some line of the "
		"configuration names it, too.", NULL, 0, 0, 0, 0, NULL },
	{ "tcp-ut", TW_SC_SERVER, 1, 1, tw_set_ms, "<time>",
		"How long sent bytes may wait for the server's acknowledgement.",
		"as the system", 0, AT(tcp_ut_ms), 0, 0, NULL },
	{ "tfo", TW_SC_SERVER, 0, 0, tw_set_flag, "",
		"A request's first bytes go with the first packet of its connection "
		"(TCP Fast Open); should that fail, 'retry-on conn-failure "
		"empty-response response-timeout' tries again.", "off", 0, AT(tfo), 0,
		0, NULL },
	{ "no-tfo", TW_SC_SERVER, 0, 0, tw__server_clear_flag, "",
		"Undoes 'tfo'.", NULL, 0, AT(tfo), 0, 0, NULL },
	{ "redir", TW_SC_SERVER, 1, 1, server_set_redir, "<prefix>",
		"GET and HEAD requests for it are answered with a redirection to "
		"<prefix> and their path.", NULL, TW_KW_HTTP, 0, 0, 0, NULL },
	{ "pool-max-conn", TW_SC_SERVER, 1, 1, server_set_pool_max, "<number>",
		"Most idle connections that are kept for it; -1: no limit.", "-1",
		0, 0, 0, 0, NULL },
	{ "cc", TW_SC_SERVER, 1, 1, server_set_cc, "<algorithm>",
		"The congestion control of connections to it, such as bbr.",
		"as the system", 0, 0, 0, 0, NULL },
	{ "max-reuse", TW_SC_SERVER, 1, 1, server_set_max_reuse, "<number>",
		"How often a connection is used again for another request; -1: no "
		"limit.", "-1", TW_KW_HTTP, 0, 0, 0, NULL },
	{ "pool-conn-name", TW_SC_SERVER, 1, 1, server_set_pool_name, "<expression>",
		"A connection has the name that this gave when it was made; a "
		"request uses only idle ones of its own.", NULL, TW_KW_HTTP, 0, 0, 0,
		NULL },
	{ "pool-purge-delay", TW_SC_SERVER, 1, 1, tw_set_ms, "<time>",
		"How often half of the idle connections that nobody needed are "
		"closed; 0: none are kept.", "5s", 0, AT(pool_purge_ms), 0, 0, NULL },
	{ "pool-low-conn", TW_SC_SERVER, 1, 1, tw_set_uint, "<number>",
		"How many idle connections a thread leaves to the others; here a "
		"thread never takes another's.", "0", 0, AT(pool_low), 0, INT32_MAX,
		NULL },
	{ "non-stick", TW_SC_SERVER, 0, 0, tw_set_flag, "",
		"Sessions on it are not entered into stick tables.", "off", 0,
		AT(non_stick), 0, 0, NULL },
	{ "proto", TW_SC_SERVER, 1, 1, server_set_proto,
		"h1, h2 or, in mode tcp, none",
		"The protocol to speak with it.",
		"as was agreed on by TLS, else h1", 0, 0, 0, 0, NULL },
	{ "ws", TW_SC_SERVER, 1, 1, server_set_ws, "{ auto | h1 | h2 }",
		"The protocol that WebSocket requests use; auto: HTTP/1.1 if 'alpn' "
		"has it, else that of all requests. What is not that of others has a "
		"connection for each request.", "auto", 0, 0, 0, 0, NULL },
	{ .word = NULL },
};
/* clang-format on */

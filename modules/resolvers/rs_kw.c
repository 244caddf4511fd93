/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * rs_kw.c - the `resolvers` section, and the options of servers that name one.
 *
 * source: HAProxy's manual, 5.2 (resolvers, resolve-*) and 5.3.2. Control
 * thread or start-up.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include <tideway/names.h>
#include <tideway/proxy.h>
#include "modules/resolvers/rs.h"

#define RESOLV_CONF "/etc/resolv.conf"

/* --- sections --- */

struct rs_conf *
rs_conf_find(struct tw_gen *gen, const char *name)
{
	struct rs_gen *g = tw_gen_block(gen, rs_self);
	struct rs_conf *c;

	STAILQ_FOREACH(c, &g->sections, link)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

static struct rs_conf *
conf_new(struct tw_gen *gen, const char *name, const char *file, int line)
{
	struct rs_gen *g = tw_gen_block(gen, rs_self);
	struct rs_conf *c = tw_arena_zalloc(tw_gen_arena(gen), sizeof(*c));

	*c = (struct rs_conf){
		.name = tw_arena_strdup(tw_gen_arena(gen), name),
		.file = file,
		.line = line,
		.retries = 3,
		.payload = 512,
		.resolve_ms = 1000,
		.retry_ms = 1000,
		.hold_nx_ms = 30000,
		.hold_refused_ms = 30000,
		.hold_timeout_ms = 30000,
		.hold_other_ms = 30000,
		.hold_valid_ms = 10000,
	};
	STAILQ_INIT(&c->servers);
	if (g->sections.stqh_last == NULL) /* the block comes zeroed */
		STAILQ_INIT(&g->sections);
	STAILQ_INSERT_TAIL(&g->sections, c, link);
	return c;
}

static int
section_open(struct tw_line *ln, void **section)
{
	const char *name = ln->n_words > 1 ? ln->word[1] : "";
	struct rs_conf *c;

	if (name[0] == '\0')
		return tw_line_fail(
		    ln, -1, "'resolvers' expects a name for the section");
	if (ln->n_words > 2)
		return tw_line_fail(ln, -1,
		    "'resolvers' cannot handle unexpected argument '%s'", ln->word[2]);
	c = rs_conf_find(ln->gen, name);
	if (c != NULL)
		return tw_line_fail(ln, -1,
		    "resolvers '%s' has the same name as another one, declared at "
		    "%s:%d",
		    name, c->file, c->line);
	*section = conf_new(ln->gen, name, ln->file, ln->number);
	return 0;
}

/* For those who ask off the request path: see names.h. */
static int
section_close(struct tw_gen *gen, void *section)
{
	const struct rs_conf *const c = section;
	struct tw_arena *const arena = tw_gen_arena(gen);
	struct tw_nameservers *const out = tw_arena_zalloc(arena, sizeof(*out));
	struct tw_addr *const addr =
	    tw_arena_zalloc(arena, sizeof(*addr) * (size_t)(c->n_servers + 1));
	const struct rs_ns_conf *ns;

	STAILQ_FOREACH(ns, &c->servers, link)
		if (!ns->stream)
			addr[out->n++] = ns->addr;
	out->id = c->name;
	out->addr = addr;
	out->retry_ms = c->retry_ms;
	out->retries = c->retries;
	tw_gen_nameservers_add(gen, out);
	return 0;
}

const struct tw_section rs_sections[] = {
	{ "resolvers", section_open, section_close,
	    "Name servers, and how they are asked." },
	{ .word = NULL },
};

static struct rs_ns_conf *
ns_find(const struct rs_conf *c, const char *name)
{
	struct rs_ns_conf *ns;

	STAILQ_FOREACH(ns, &c->servers, link)
		if (strcmp(ns->name, name) == 0)
			return ns;
	return NULL;
}

static struct rs_ns_conf *
ns_add(struct tw_gen *gen, struct rs_conf *c, const char *name, int line)
{
	struct rs_ns_conf *ns = tw_arena_zalloc(tw_gen_arena(gen), sizeof(*ns));

	ns->name = tw_arena_strdup(tw_gen_arena(gen), name);
	ns->line = line;
	STAILQ_INSERT_TAIL(&c->servers, ns, link);
	c->n_servers++;
	return ns;
}

static int
set_nameserver(struct tw_line *ln)
{
	struct rs_conf *c = ln->section;
	const char *name = tw_arg(ln, 0), *addr = tw_arg(ln, 1);
	struct rs_ns_conf *ns = ns_find(c, name);
	const bool stream = strncmp(addr, "tcp@", 4) == 0;
	struct tw_err err;

	if (ns != NULL)
		return tw_line_fail(ln, 0,
		    "nameserver '%s' has the same name as another one, declared at "
		    "line %d",
		    name, ns->line);
	if (c->n_servers == RS_MAX_SERVERS)
		return tw_line_fail(ln, -1,
		    "a resolvers section has room for %d name servers", RS_MAX_SERVERS);
	if (ln->n_args > 2)
		return tw_line_fail(ln, 2,
		    "'%s' after a name server's address is known to HAProxy 3.4 but not "
		    "supported by tideway yet",
		    tw_arg(ln, 2));
	if (stream || strncmp(addr, "udp@", 4) == 0)
		addr += 4;
	ns = ns_add(ln->gen, c, name, ln->number);
	ns->stream = stream;
	if (tw_parse_addr(tw_gen_arena(ln->gen), addr, &ns->addr, &err) < 0)
		return tw_line_fail(ln, 1, "'nameserver %s' : %s", name, err.text);
	return 0;
}

/* What the file said last: behind chroot a reload cannot read it again. */
static struct {
	int n;
	char name[RS_MAX_SERVERS][INET6_ADDRSTRLEN];
	struct tw_addr addr[RS_MAX_SERVERS];
} system_servers;

/* One line of the file. */
static void
resolv_line(char *text)
{
	char *save, *word = strtok_r(text, " \t\r\n", &save);
	struct tw_addr addr = { .port = 53 };
	const int n = system_servers.n;

	if (word == NULL || strcmp(word, "nameserver") != 0)
		return;
	word = strtok_r(NULL, " \t\r\n", &save);
	if (word == NULL || n == RS_MAX_SERVERS || strlen(word) >= INET6_ADDRSTRLEN)
		return;
	if (inet_pton(AF_INET, word, addr.u.v4) == 1)
		addr.family = AF_INET;
	else if (inet_pton(AF_INET6, word, addr.u.v6) == 1)
		addr.family = AF_INET6;
	if (addr.family == 0)
		return;
	strcpy(system_servers.name[n], word);
	system_servers.addr[n] = addr;
	system_servers.n++;
}

static void
resolv_conf_load(void)
{
	FILE *f = fopen(RESOLV_CONF, "re");
	char *text = NULL;
	size_t room = 0;

	if (f == NULL)
		return;
	system_servers.n = 0;
	while (getline(&text, &room, f) >= 0)
		resolv_line(text);
	free(text);
	fclose(f);
}

static int
resolv_conf_read(struct tw_gen *gen, struct rs_conf *c, int line)
{
	resolv_conf_load();
	for (int i = 0; i < system_servers.n && c->n_servers < RS_MAX_SERVERS; i++) {
		const char *name = system_servers.name[i];

		if (ns_find(c, name) == NULL)
			ns_add(gen, c, name, line)->addr = system_servers.addr[i];
	}
	return system_servers.n > 0 ? 0 : -1;
}

static int
set_parse_resolv_conf(struct tw_line *ln)
{
	if (resolv_conf_read(ln->gen, ln->section, ln->number) < 0)
		return tw_line_warn(
		    ln, -1, "'parse-resolv-conf' : no name server in " RESOLV_CONF);
	return 0;
}

struct rs_conf *
rs_conf_default(struct tw_gen *gen)
{
	struct rs_conf *c = rs_conf_find(gen, "default");

	if (c != NULL)
		return c;
	c = conf_new(gen, "default", NULL, 0);
	if (resolv_conf_read(gen, c, 0) == 0)
		return c;
	STAILQ_REMOVE(
	    &((struct rs_gen *)tw_gen_block(gen, rs_self))->sections, c, rs_conf, link);
	return NULL;
}

/* A time between questions of 0 would be a busy loop. */
static int
set_interval(struct tw_line *ln)
{
	uint32_t *ms = (uint32_t *)((char *)ln->state + ln->kw->offset);

	if (tw_set_ms(ln) < 0)
		return -1;
	if (*ms == 0)
		return tw_line_fail(ln, 0, "'%s' expects more than 0", ln->kw->word);
	return 0;
}

/* --- servers --- */

static int
set_prefer(struct tw_line *ln)
{
	struct rs_server *s = ln->state;

	if (strcmp(tw_arg(ln, 0), "ipv4") == 0)
		s->prefer_v4 = true;
	else if (strcmp(tw_arg(ln, 0), "ipv6") == 0)
		s->prefer_v4 = false;
	else
		return tw_line_fail(ln, 0,
		    "'resolve-prefer' expects either ipv4 or ipv6 as argument, not "
		    "'%s'",
		    tw_arg(ln, 0));
	return 0;
}

static int
set_opts(struct tw_line *ln)
{
	struct rs_server *s = ln->state;
	char *list = tw_arena_strdup(tw_gen_arena(ln->gen), tw_arg(ln, 0));
	char *save, *word;

	for (word = strtok_r(list, ",", &save); word != NULL;
	     word = strtok_r(NULL, ",", &save)) {
		if (strcmp(word, "allow-dup-ip") == 0)
			s->dup_ip = true;
		else if (strcmp(word, "prevent-dup-ip") == 0)
			s->dup_ip = false;
		else if (strcmp(word, "ignore-weight") == 0)
			s->ignore_weight = true;
		else
			return tw_line_fail(ln, 0,
			    "'resolve-opts' does not know '%s'; write a list of "
			    "'allow-dup-ip', 'prevent-dup-ip' and 'ignore-weight'",
			    word);
	}
	return 0;
}

static int
net_parse(struct tw_line *ln, char *word, struct rs_net *net)
{
	char *slash = strchr(word, '/');
	struct tw_err err;
	uint64_t bits;

	if (slash != NULL)
		*slash = '\0';
	if (inet_pton(AF_INET, word, net->addr.u.v4) == 1)
		net->addr.family = AF_INET;
	else if (inet_pton(AF_INET6, word, net->addr.u.v6) == 1)
		net->addr.family = AF_INET6;
	else
		return tw_line_fail(ln, 0,
		    "'resolve-net' expects networks such as 10.0.0.0/8, not '%s'",
		    word);
	net->bits = net->addr.family == AF_INET ? 32 : 128;
	if (slash == NULL)
		return 0;
	if (tw_parse_uint(slash + 1, 0, (uint64_t)net->bits, &bits, &err) < 0)
		return tw_line_fail(
		    ln, 0, "'resolve-net' : '%s/%s' : %s", word, slash + 1, err.text);
	net->bits = (int)bits;
	return 0;
}

static int
set_net(struct tw_line *ln)
{
	struct rs_server *s = ln->state;
	char *list = tw_arena_strdup(tw_gen_arena(ln->gen), tw_arg(ln, 0));
	char *save, *word;

	s->n_nets = 0;
	for (word = strtok_r(list, ",", &save); word != NULL;
	     word = strtok_r(NULL, ",", &save)) {
		if (s->n_nets == RS_MAX_NETS)
			return tw_line_fail(
			    ln, 0, "'resolve-net' takes %d networks", RS_MAX_NETS);
		if (net_parse(ln, word, &s->net[s->n_nets++]) < 0)
			return -1;
	}
	return 0;
}

/* --- when all is read --- */

static int
server_check(struct tw_gen *gen, struct tw_proxy *px, struct tw_server *srv)
{
	const struct rs_server *s = tw_server_block(srv, rs_self);
	const char *const type = tw_proxy_has(px, TW_FRONTEND) ? "proxy" : "backend";
	const char *const host = tw_server_host(srv);
	int line;
	const char *file = tw_server_where(srv, &line);

	if (s->resolvers == NULL) {
		if (host != NULL && host[0] == '_')
			return tw_gen_fail(gen, file, line,
			    "%s '%s', server '%s': an SRV label ('%s') needs "
			    "'resolvers <section>'",
			    type, tw_proxy_name(px), tw_server_name(srv), host);
		return 0;
	}
	if (rs_conf_find(gen, s->resolvers) == NULL &&
	    (strcmp(s->resolvers, "default") != 0 || rs_conf_default(gen) == NULL))
		return tw_gen_fail(gen, file, line,
		    "%s '%s', server '%s': unable to find required resolvers '%s'",
		    type, tw_proxy_name(px), tw_server_name(srv), s->resolvers);
	tw_server_set_resolved(srv);
	if (host != NULL && !rs_name_is_ok(host))
		return tw_gen_fail(gen, file, line,
		    "%s '%s', server '%s': '%s' is no name that can be asked for", type,
		    tw_proxy_name(px), tw_server_name(srv), host);
	return 0;
}

int
rs_conf_check(struct tw_gen *gen)
{
	const struct rs_gen *g = tw_gen_block(gen, rs_self);
	const struct rs_conf *c;
	struct tw_proxy *px;
	int rc = 0;

	STAILQ_FOREACH(c, &g->sections, link)
		if (c->n_servers == 0)
			tw_gen_warn(gen, c->file, c->line,
			    "resolvers '%s' has no nameservers configured!", c->name);
	for (int i = 0; (px = tw_gen_proxy(gen, i)) != NULL; i++) {
		struct tw_server *srv;

		if (!tw_proxy_has(px, TW_BACKEND))
			continue;
		for (int k = 0; (srv = tw_proxy_server(px, k)) != NULL; k++)
			if (server_check(gen, px, srv) < 0)
				rc = -1;
	}
	return rc;
}

#define AT(field) offsetof(struct rs_conf, field)
#define IN_SECTION(text, n, setter, use, what, deflt, off, low, high)                \
	{                                                                            \
		.word = text, .scopes = TW_SC_SECTION, .min_args = n, .max_args = n, \
		.set = setter, .usage = use, .help = what, .def = deflt,             \
		.offset = off, .min = low, .max = high, .section = "resolvers"       \
	}
#define HOLD(event, field, deflt, what) \
	IN_SECTION("hold " event, 1, tw_set_ms, "<time>", what, deflt, AT(field), 0, 0)

/* clang-format off */
const struct tw_kw rs_keywords[] = {
	{ .word = "nameserver", .scopes = TW_SC_SECTION, .min_args = 2, .max_args = -1,
		.set = set_nameserver, .usage = "<name> [udp@|tcp@]<ip>:<port>",
		.help = "A name server; all of a section are asked at once and the "
		    "first valid answer counts.", .section = "resolvers" },
	IN_SECTION("parse-resolv-conf", 0, set_parse_resolv_conf, "",
		"The name servers of " RESOLV_CONF " too.", NULL, 0, 0, 0),
	IN_SECTION("resolve_retries", 1, tw_set_uint, "<count>",
		"Questions before a name is given up for this time.", "3", AT(retries),
		1, 1000),
	IN_SECTION("accepted_payload_size", 1, tw_set_uint, "<bytes>",
		"What name servers are told that an answer may take; a longer one is "
		"not looked at.", "512", AT(payload), 12, 65535),
	IN_SECTION("timeout resolve", 1, set_interval, "<time>",
		"Between two rounds of questions for a name.", "1s", AT(resolve_ms), 0, 0),
	IN_SECTION("timeout retry", 1, set_interval, "<time>",
		"How long a question waits for a valid answer.", "1s", AT(retry_ms), 0, 0),
	HOLD("nx", hold_nx_ms, "30s", "How long an address outlives the last valid "
		"answer when the name is said not to exist."),
	HOLD("refused", hold_refused_ms, "30s", "The same when an answer is refused."),
	HOLD("timeout", hold_timeout_ms, "30s", "The same when no answer comes."),
	HOLD("other", hold_other_ms, "30s", "The same after any other failure."),
	HOLD("valid", hold_valid_ms, "10s", "How long a valid answer is kept for those "
		"who ask in between; servers ask at each 'timeout resolve'."),
	HOLD("obsolete", hold_obsolete_ms, "0", "How long a record that answers no "
		"longer have is kept."),
	{ .word = "resolvers", .scopes = TW_SC_SERVER, .min_args = 1, .max_args = 1,
		.set = tw_set_str, .usage = "<section>",
		.help = "Its name is asked for at run time, again and again.",
		.offset = offsetof(struct rs_server, resolvers) },
	{ .word = "resolve-prefer", .scopes = TW_SC_SERVER, .min_args = 1, .max_args = 1,
		.set = set_prefer, .usage = "{ ipv4 | ipv6 }",
		.help = "Which kind of address is asked for first.", .def = "ipv6" },
	{ .word = "resolve-opts", .scopes = TW_SC_SERVER, .min_args = 1, .max_args = 1,
		.set = set_opts,
		.usage = "{ allow-dup-ip | prevent-dup-ip | ignore-weight }[,...]",
		.help = "Whether servers of a backend may share an address; whether "
		    "weights of SRV records count.", .def = "prevent-dup-ip" },
	{ .word = "resolve-net", .scopes = TW_SC_SERVER, .min_args = 1, .max_args = 1,
		.set = set_net, .usage = "<network>[,...]",
		.help = "Addresses of these networks are taken before others." },
	{ .word = NULL },
};
/* clang-format on */

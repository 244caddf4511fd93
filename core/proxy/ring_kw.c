/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * ring_kw.c - `ring` sections, and the rings that `log tcp@...` lines and the
 * servers of log backends imply.
 *
 * Start-up and control thread. source: HAProxy's manual, 3.9.
 */
#include "config.h"

#include <stdlib.h>

#include "proxy/addr.h"
#include "proxy/logger.h"
#include "proxy/proxy_int.h"
#include "proxy/ring.h"

#define SIZE_DEFAULT 16384 /* tune.bufsize of both */
#define SIZE_MIN 256
#define MAXLEN_DEFAULT 16384
#define CONNECT_MS 1000
#define SERVER_MS 5000

static struct tw__ring_conf *
conf_of(struct tw_line *ln)
{
	return ln->section;
}

const struct tw__ring_conf *
tw__ring_conf_find(const struct tw_gen *gen, const char *name)
{
	const struct tw__ring_conf *c = gen->rings;

	while (c != NULL && strcmp(c->name, name) != 0)
		c = c->next;
	return c;
}

static struct tw__ring_conf *
conf_new(struct tw_gen *gen, const char *name, const char *file, int line)
{
	struct tw_arena *const arena = tw_gen_arena(gen);
	struct tw__ring_conf *const c = tw_arena_zalloc(arena, sizeof(*c));

	*c = (struct tw__ring_conf){ .next = gen->rings,
		.name = tw_arena_strdup(arena, name),
		.description = tw_arena_strdup(arena, name),
		.size = SIZE_DEFAULT,
		.maxlen = MAXLEN_DEFAULT,
		.format = TW__LOG_RAW,
		.connect_ms = CONNECT_MS,
		.server_ms = SERVER_MS,
		.file = file,
		.line = line };
	gen->rings = c;
	return c;
}

const struct tw__ring_conf *
tw__ring_buf0(struct tw_gen *gen)
{
	const struct tw__ring_conf *const old = tw__ring_conf_find(gen, "buf0");

	if (old != NULL)
		return old;
	struct tw__ring_conf *const c = conf_new(gen, "buf0", NULL, 0);
	c->description = "in-memory ring buffer";
	c->format = TW__LOG_TIMED;
	return c;
}

struct tw__ring_conf *
tw__ring_implicit(struct tw_line *ln, const char *text, const struct tw_addr *addr)
{
	struct tw_arena *const arena = tw_gen_arena(ln->gen);
	const struct tw__ring_conf *const old = tw__ring_conf_find(ln->gen, text);

	if (old != NULL) /* another line names it, too */
		return (struct tw__ring_conf *)(uintptr_t)old;
	struct tw__ring_conf *const c = conf_new(ln->gen, text, ln->file, ln->number);
	c->implicit = true;
	c->description = tw_arena_printf(arena,
	    "created from logserver declared into '%s' at line %d", ln->file,
	    ln->number);
	c->maxlen = TW__LOG_LEN_MAX;
	c->servers = tw_arena_zalloc(arena, sizeof(*c->servers));
	c->servers->name = c->name;
	c->servers->addr = *addr;
	return c;
}

struct tw__ring_conf *
tw__ring_of_server(struct tw_gen *gen, const struct tw_server *srv)
{
	struct tw_arena *const arena = tw_gen_arena(gen);
	struct tw__ring_conf *const c =
	    conf_new(gen, tw_arena_printf(arena, "%s/%s", srv->proxy->name, srv->name),
		srv->file, srv->line);

	c->implicit = true;
	c->description = tw_arena_printf(
	    arena, "of a log server declared in '%s' at line %d", srv->file, srv->line);
	c->size = srv->log_bufsize != 0 ? srv->log_bufsize : gen->global.bufsize;
	c->maxlen = (uint32_t)(c->size < TW__LOG_LEN_MAX ? c->size : TW__LOG_LEN_MAX);
	c->connect_ms = srv->proxy->c.timeout.connect != 0
	    ? srv->proxy->c.timeout.connect
	    : CONNECT_MS;
	c->server_ms = srv->proxy->c.timeout.server != 0 ? srv->proxy->c.timeout.server
							 : SERVER_MS;
	if (!srv->has_addr)
		return c;
	c->servers = tw_arena_zalloc(arena, sizeof(*c->servers));
	c->servers->name = tw_arena_strdup(arena, srv->name);
	c->servers->addr = srv->addr;
	c->servers->octet_count = srv->octet_count;
	return c;
}

/* ---- keywords ----------------------------------------------------------- */

static int
ring_open(struct tw_line *ln, void **section)
{
	const char *const name = ln->n_words > 1 ? ln->word[1] : "";

	*section = conf_new(ln->gen, name, ln->file, ln->number);
	if (name[0] == '\0')
		return tw_line_fail(ln, -1, "'ring' expects a name");
	if (ln->n_words > 2)
		return tw_line_fail(ln, -1,
		    "'ring' takes a name and nothing else, not '%s'", ln->word[2]);
	if (tw__name_bad_char(name) != '\0')
		return tw_line_fail(ln, -1,
		    "character '%c' is not permitted in the name of ring '%s'",
		    tw__name_bad_char(name), name);
	const struct tw__ring_conf *other = ((struct tw__ring_conf *)*section)->next;
	while (other != NULL && strcmp(other->name, name) != 0)
		other = other->next;
	if (other != NULL)
		return tw_line_fail(ln, -1, "ring '%s' is declared already at %s:%d",
		    name, other->file, other->line);
	return 0;
}

static int
ring_close(struct tw_gen *gen, void *section)
{
	const struct tw__ring_conf *const c = section;

	if (c->maxlen > c->size)
		return tw_gen_fail(gen, c->file, c->line,
		    "ring '%s': 'maxlen' %u is more than its 'size' %llu has room "
		    "for",
		    c->name, c->maxlen, (unsigned long long)c->size);
	return 0;
}

static int
set_description(struct tw_line *ln)
{
	conf_of(ln)->description =
	    tw_arena_strdup(tw_gen_arena(ln->gen), tw_arg(ln, 0));
	return 0;
}

static int
set_format(struct tw_line *ln)
{
	const int f = tw__log_format_of(tw_arg(ln, 0));

	if (f <= 0)
		return tw_line_fail(ln, 0, "unknown log format '%s': write %s",
		    tw_arg(ln, 0), TW__LOG_FORMAT_NAMES);
	conf_of(ln)->format = (uint8_t)f;
	return 0;
}

static int
set_maxlen(struct tw_line *ln)
{
	struct tw_err err;
	uint64_t n;

	if (tw_parse_uint(tw_arg(ln, 0), 1, TW__LOG_LEN_MAX, &n, &err) != 0)
		return tw_line_fail(ln, 0, "%s", err.text);
	conf_of(ln)->maxlen = (uint32_t)n;
	return 0;
}

static int
set_size(struct tw_line *ln)
{
	struct tw_err err;
	uint64_t n;

	if (tw_parse_size(tw_arg(ln, 0), &n, &err) != 0)
		return tw_line_fail(ln, 0, "%s", err.text);
	if (n < SIZE_MIN || n > INT32_MAX)
		return tw_line_fail(ln, 0,
		    "invalid size '%s': it must be between %d bytes and 2g",
		    tw_arg(ln, 0), SIZE_MIN);
	conf_of(ln)->size = n;
	if (conf_of(ln)->maxlen > n)
		conf_of(ln)->maxlen = (uint32_t)n - (uint32_t)sizeof(uint32_t);
	return 0;
}

static int
set_backing_file(struct tw_line *ln)
{
	const char *const path = tw_arg(ln, 0);

	for (const struct tw__ring_conf *c = ln->gen->rings; c != NULL; c = c->next)
		if (c->file_path != NULL && strcmp(c->file_path, path) == 0)
			return tw_line_fail(ln, 0,
			    "'%s' is the backing-file of ring '%s' (%s:%d) already; "
			    "give each ring a file of its own",
			    path, c->name, c->file, c->line);
	if (path[0] == '\0')
		return tw_line_fail(ln, 0, "'backing-file' expects the path of a file");
	conf_of(ln)->file_path = tw_arena_strdup(tw_gen_arena(ln->gen), path);
	return 0;
}

static int
set_ms(struct tw_line *ln, uint32_t *ms)
{
	struct tw_err err;

	if (tw_parse_ms(tw_arg(ln, 0), 1000, ms, &err) != 0)
		return tw_line_fail(ln, 0, "%s", err.text);
	return 0;
}

static int
set_timeout_connect(struct tw_line *ln)
{
	return set_ms(ln, &conf_of(ln)->connect_ms);
}

static int
set_timeout_server(struct tw_line *ln)
{
	return set_ms(ln, &conf_of(ln)->server_ms);
}

static int
server_address(struct tw_line *ln, struct tw__ring_server_conf *s)
{
	struct tw__addr_spec spec;
	struct tw_err err = { "" };

	if (tw__addr_parse(tw_gen_arena(ln->gen), tw_arg(ln, 1), TW__ADDR_NEED_PORT,
		&spec, &err) != 0)
		return tw_line_fail(ln, 1, "%s", err.text);
	if (spec.host != NULL &&
	    tw__addr_resolve(spec.host, spec.family, &spec.addr, &err) != 0)
		return tw_line_fail(ln, 1, "%s", err.text);
	if (spec.any)
		return tw_line_fail(
		    ln, 1, "'%s' names no host to send to", tw_arg(ln, 1));
	if (spec.addr.family != AF_UNIX)
		spec.addr.port = (uint16_t)spec.port;
	s->addr = spec.addr;
	return 0;
}

static int
server_proto(struct tw_line *ln, int i, struct tw__ring_server_conf *s)
{
	const char *const word = tw_arg(ln, i);

	const int proto = word != NULL ? tw__log_proto_of(word) : -1;

	if (proto < 0)
		return tw_line_fail(ln, word != NULL ? i : i - 1,
		    "'log-proto' expects 'legacy' or 'octet-count'");
	s->octet_count = proto != 0;
	return 0;
}

static int
set_server(struct tw_line *ln)
{
	struct tw__ring_conf *const c = conf_of(ln);
	struct tw_arena *const arena = tw_gen_arena(ln->gen);
	struct tw__ring_server_conf *const s = tw_arena_zalloc(arena, sizeof(*s));

	s->name = tw_arena_strdup(arena, tw_arg(ln, 0));
	for (const struct tw__ring_server_conf *o = c->servers; o != NULL; o = o->next)
		if (strcmp(o->name, s->name) == 0)
			return tw_line_fail(ln, 0,
			    "ring '%s' has a server '%s' already", c->name, s->name);
	if (server_address(ln, s) != 0)
		return -1;
	for (int i = 2; i < ln->n_args; i += 2) {
		if (strcmp(tw_arg(ln, i), "log-proto") != 0)
			return tw_line_fail(ln, i,
			    "'%s' is not supported for the servers of a ring: "
			    "'log-proto' is",
			    tw_arg(ln, i));
		if (server_proto(ln, i + 1, s) != 0)
			return -1;
	}
	s->next = c->servers;
	c->servers = s;
	return 0;
}

#define RING .scopes = TW_SC_SECTION, .section = "ring"

static const struct tw_kw keywords[] = {
	{ RING, .word = "backing-file", .min_args = 1, .max_args = 1,
	    .set = set_backing_file, .usage = "<path>",
	    .help = "A file in the place of memory: what is in it is there after the "
		    "process, for 'tideway-ring'. One that exists is kept as "
		    "<path>.bak." },
	{ RING, .word = "description", .min_args = 1, .max_args = 1,
	    .set = set_description, .usage = "<text>",
	    .help = "What 'show events' says of the ring." },
	{ RING, .word = "format", .min_args = 1, .max_args = 1, .set = set_format,
	    .usage = "{ iso | local | raw | rfc3164 | rfc5424 | short | priority | "
		     "timed }",
	    .help = "The form of messages from 'log' lines that say none.",
	    .def = "raw" },
	{ RING, .word = "maxlen", .min_args = 1, .max_args = 1, .set = set_maxlen,
	    .usage = "<bytes>", .help = "Longer messages are cut.", .def = "16384" },
	{ RING, .word = "size", .min_args = 1, .max_args = 1, .set = set_size,
	    .usage = "<size>", .help = "Bytes of memory for messages.", .def = "16k" },
	{ RING, .word = "timeout connect", .min_args = 1, .max_args = 1,
	    .set = set_timeout_connect, .usage = "<time>",
	    .help = "How long a connection to a server may take.", .def = "1s" },
	{ RING, .word = "timeout server", .min_args = 1, .max_args = 1,
	    .set = set_timeout_server, .usage = "<time>",
	    .help = "How long a server may take nothing of what is sent.",
	    .def = "5s" },
	{ RING, .word = "server", .min_args = 2, .max_args = -1, .set = set_server,
	    .usage = "<name> <address>:<port> [log-proto { legacy | octet-count }]",
	    .help = "Gets all messages over a stream; what it does not take stays "
		    "in the ring while there is room." },
	{ .word = NULL },
};

static const struct tw_section section = {
	.word = "ring",
	.open = ring_open,
	.close = ring_close,
	.help = "Messages in memory, for 'show events' and for log servers over "
		"TCP.",
};

int
tw__ring_register(struct tw_err *err)
{
	if (tw__module_section_add(&section, NULL, err) != 0)
		return -1;
	return tw__kw_add(keywords, NULL, err);
}

/* ---- generations -------------------------------------------------------- */

static void
follow(struct tw__ring *r, void *arg)
{
	const struct tw__ring_conf *const c = tw__ring_conf_find(arg, r->name);

	r->in_use = c != NULL;
	if (c != NULL) {
		char *const text = strdup(c->description);
		TW_ASSERT(text != NULL);
		pthread_mutex_lock(&r->lock);
		free(r->description);
		r->description = text;
		r->maxlen = c->maxlen;
		pthread_mutex_unlock(&r->lock);
		tw__ring_file_follow(r, c);
	}
	tw__ring_serve(r, c);
}

void
tw__rings_published(struct tw_gen *gen)
{
	for (const struct tw__ring_conf *c = gen->rings; c != NULL; c = c->next)
		tw__ring_get(c->name);
	tw__ring_each(follow, gen);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * state_file.c - server-state files: what another process knew of the servers.
 *
 * Read when a generation is started, for servers that are new in this process;
 * those that lived before know better. A file that is not there or not sound
 * is told and costs nothing but that. Start-up, control thread. source:
 * HAProxy's manual, load-server-state-from-file, server-state-file,
 * server-state-base, server-state-file-name.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include <tideway/assert.h>

#include "ctl.h"

/* --- keywords --- */

static int
state_set_load(struct tw_line *ln)
{
	static const char *const words[] = { "none", "global", "local" };
	struct ctl_proxy *const c = ln->state;

	for (size_t i = 0; i < TW_N_ELEMENTS(words); i++) {
		if (strcmp(tw_arg(ln, 0), words[i]) != 0)
			continue;
		c->load = (enum ctl_load)i;
		return 0;
	}
	return tw_line_fail(ln, 0,
	    "'load-server-state-from-file' takes 'global', 'local' or 'none', not "
	    "'%s'",
	    tw_arg(ln, 0));
}

static int
state_set_file_name(struct tw_line *ln)
{
	struct ctl_proxy *const c = ln->state;
	const char *const word = tw_arg(ln, 0);

	c->file = NULL;
	if (word != NULL && strcmp(word, "use-backend-name") != 0)
		c->file = tw_arena_strdup(tw_gen_arena(ln->gen), word);
	return 0;
}

/* clang-format off */
const struct tw_kw ctl_keywords[] = {
	{ .word = "server-state-base", .scopes = TW_SC_GLOBAL, .min_args = 1,
	  .max_args = 1, .set = tw_set_str,
	  .offset = offsetof(struct ctl_global, base), .usage = "<directory>",
	  .help = "Where server-state files are whose names do not begin with '/'." },
	{ .word = "server-state-file", .scopes = TW_SC_GLOBAL, .min_args = 1,
	  .max_args = 1, .set = tw_set_str,
	  .offset = offsetof(struct ctl_global, file), .usage = "<file>",
	  .help = "The saved state of all servers ('show servers state')." },
	{ .word = "load-server-state-from-file", .scopes = TW_SC_BE, .min_args = 1,
	  .max_args = 1, .set = state_set_load, .usage = "{ global | local | none }",
	  .help = "Which file tells how the servers were before the start.",
	  .def = "none" },
	{ .word = "server-state-file-name", .scopes = TW_SC_BE, .max_args = 1,
	  .set = state_set_file_name, .usage = "[ use-backend-name | <file> ]",
	  .help = "The file that 'load-server-state-from-file local' names.",
	  .def = "use-backend-name" },
	{ .word = NULL },
};
/* clang-format on */

/* --- applying --- */

struct load {
	struct tw_gen *gen;
	struct tw_proxy *only; /* NULL: all that load the global file */
	struct tw_proxy *px;   /* of the line before */
	int at;                /* behind its server */
	const char *path;
	unsigned line, bad;
};

static bool
is_wanted(const struct load *l, const struct tw_proxy *px)
{
	const struct ctl_proxy *const c = tw_proxy_block(px, ctl_self);

	return l->only != NULL ? px == l->only : c->load == CTL_LOAD_GLOBAL;
}

/* Lines come in the order of the servers: the next one is looked at first. */
static struct tw_server *
server_find(struct load *l, const char *name)
{
	struct tw_server *srv = tw_proxy_server(l->px, l->at);

	if (srv == NULL || strcmp(tw_server_name(srv), name) != 0)
		srv = tw_proxy_find_server(l->px, name);
	if (srv != NULL)
		l->at = tw_server_index(srv) + 1;
	return srv;
}

static bool
is_paused(uint32_t bits)
{
	return (bits & CTL_CHECK_CONFIGURED) && !(bits & CTL_CHECK_ENABLED);
}

/* An SRV record of another label says nothing of this one. */
static void
place_take(const struct tw_server *srv, const struct ctl_state *s,
    struct tw_server_saved *saved)
{
	const char *const label = tw_server_label(srv);

	if ((label == NULL) != (s->label == NULL) ||
	    (label != NULL && strcmp(label, s->label) != 0)) {
		tw_log(TW_WARNING,
		    "server-state partially applied for server '%s/%s', SRV record "
		    "mismatch between configuration ('%s') and state file ('%s'): "
		    "previous address not applied",
		    s->backend, s->server, label != NULL ? label : "-",
		    s->label != NULL ? s->label : "-");
		return;
	}
	saved->port = s->port;
	if (s->addr != NULL && !ctl_addr(s->addr, &saved->addr))
		saved->addr.family = 0;
	if (s->admin & CTL_RMAINT)
		saved->addr.family = 0;
	if (label != NULL)
		saved->target = s->host;
	else if (s->admin & CTL_FHOST)
		saved->host = s->host;
}

static void
probe_apply(
    struct tw_server *srv, enum tw_probe_kind kind, const char *addr, uint32_t port)
{
	struct tw_addr a;
	struct tw_probe now;
	const bool has_addr = addr != NULL && ctl_addr(addr, &a);

	tw_server_probe(srv, kind, &now);
	tw_server_set_probe(srv, kind, has_addr ? &a : NULL,
	    port != 0 && port != now.port ? &port : NULL);
}

static void
probes_apply(struct tw_server *srv, const struct ctl_state *s)
{
	if (tw_server_is_checked(srv))
		probe_apply(srv, TW_PROBE_CHECK, s->check_addr, s->check_port);
	if (tw_server_has_agent(srv) && !is_paused(s->agent))
		probe_apply(srv, TW_PROBE_AGENT, s->agent_addr, s->agent_port);
}

static void
state_apply(struct load *l, const struct ctl_state *s)
{
	struct tw_server *srv;

	if (l->px == NULL || strcmp(tw_proxy_name(l->px), s->backend) != 0) {
		l->px = tw_gen_find(l->gen, s->backend, TW_BACKEND);
		l->at = 0;
	}
	if (l->px == NULL || !is_wanted(l, l->px) ||
	    (srv = server_find(l, s->server)) == NULL)
		return; /* gone since */
	struct tw_server_saved saved = {
		.health = s->health,
		.admin = ctl_state_admin(s, tw_server_is_disabled(srv)),
		.weight =
		    s->uweight != s->iweight && s->iweight == tw_server_iweight(srv)
		    ? s->uweight
		    : UINT32_MAX,
		.changed_s = s->changed_s,
		.what = s->what,
		.checks_paused = is_paused(s->check),
		.agent_paused = is_paused(s->agent),
	};

	place_take(srv, s, &saved);
	if (tw_server_restore(srv, &saved))
		probes_apply(srv, s);
}

/* returns: false: the file is of another version. */
static bool
line_take(struct load *l, char *line)
{
	struct ctl_state s;

	line[strcspn(line, "\r\n")] = '\0';
	if (l->line++ == 0) {
		if (strcmp(line, "1") == 0)
			return true;
		tw_log(TW_WARNING,
		    "server state file '%s': its first line must be the version 1, "
		    "not '%.20s': nothing is loaded from it",
		    l->path, line);
		return false;
	}
	if (line[0] == '#' || line[0] == '\0')
		return true;
	if (ctl_state_line(line, &s))
		state_apply(l, &s);
	else if (l->bad++ == 0)
		tw_log(TW_WARNING,
		    "server state file '%s', line %u: not the state of a server, "
		    "ignored",
		    l->path, l->line);
	return true;
}

static void
file_load(struct load *l)
{
	FILE *const f = fopen(l->path, "re");
	char *line = NULL;
	size_t room = 0;

	if (f == NULL) {
		tw_log(TW_NOTICE, "server state file '%s' is not loaded: %s", l->path,
		    strerror(errno));
		return;
	}
	while (getline(&line, &room, f) >= 0 && line_take(l, line))
		;
	free(line);
	fclose(f);
}

/* in: name, relative to the base. returns: NULL: there is none. */
static const char *
path_make(struct tw_gen *gen, const char *name, char path[PATH_MAX])
{
	const struct ctl_global *const g = tw_gen_block(gen, ctl_self);
	const bool is_plain = name[0] == '/' || g->base == NULL;
	const int n = snprintf(path, PATH_MAX, "%s%s%s", is_plain ? "" : g->base,
	    is_plain ? "" : "/", name);

	if (n >= 0 && n < PATH_MAX)
		return path;
	tw_log(TW_WARNING, "the name of server state file '%s' is too long", name);
	return NULL;
}

static bool
has_new(const struct tw_proxy *px)
{
	const struct tw_server *srv;

	for (int i = 0; (srv = tw_proxy_server(px, i)) != NULL; i++) {
		if (tw_server_is_new(srv))
			return true;
	}
	return false;
}

void
ctl_states_load(struct tw_gen *gen)
{
	const struct ctl_global *const g = tw_gen_block(gen, ctl_self);
	bool wants_global = false;
	struct tw_proxy *px;
	char path[PATH_MAX];

	for (int i = 0; (px = tw_gen_proxy(gen, i)) != NULL; i++) {
		const struct ctl_proxy *const c = tw_proxy_block(px, ctl_self);
		struct load l = { .gen = gen, .only = px };

		if (c->load == CTL_LOAD_NONE || !has_new(px))
			continue;
		wants_global |= c->load == CTL_LOAD_GLOBAL;
		if (c->load != CTL_LOAD_LOCAL)
			continue;
		l.path =
		    path_make(gen, c->file != NULL ? c->file : tw_proxy_name(px), path);
		if (l.path != NULL)
			file_load(&l);
	}
	struct load all = { .gen = gen };
	if (wants_global && g->file != NULL &&
	    (all.path = path_make(gen, g->file, path)) != NULL)
		file_load(&all);
}

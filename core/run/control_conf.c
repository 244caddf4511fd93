/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * control_conf.c - `stats socket`, `stats timeout`, `stats maxconn`, and what
 * the worker's sessions may call.
 *
 * The same address and parameters follow -S, with commas. What of HAProxy's
 * parameters has no meaning here yet is refused by name. Start-up, control
 * thread. source: HAProxy's manual, section 3.1.
 */
#include "config.h"

#include <errno.h>
#include <grp.h>
#include <net/if.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <tideway/worker.h>
#include "core/conf/registry.h"
#include "core/proxy/addr.h"
#include "core/run/cli.h"
#include "core/run/gen.h"
#include "core/run/run.h"

#define AT(field) .offset = offsetof(struct tw__global, field)

/* --- parameters --- */

static int
number_set(const char *word, int base, uint32_t max, uint32_t *out)
{
	char *end;

	errno = 0;
	const unsigned long n = strtoul(word, &end, base);
	if (*word < '0' || *word > '9' || *end != '\0' || errno != 0 || n > max)
		return -1;
	*out = (uint32_t)n;
	return 0;
}

static int
set_level(struct tw__control_conf *c, const char *word, struct tw_err *err)
{
	if (strcmp(word, "user") == 0)
		c->level = TW_CLI_USER;
	else if (strcmp(word, "operator") == 0)
		c->level = TW_CLI_OPERATOR;
	else if (strcmp(word, "admin") == 0)
		c->level = TW_CLI_ADMIN;
	else
		return tw_err_set(
		    err, "'level' takes 'user', 'operator' or 'admin', not '%s'", word);
	return 0;
}

static int
set_mode(struct tw__control_conf *c, const char *word, struct tw_err *err)
{
	if (number_set(word, 8, 07777, &c->mode) == 0)
		return 0;
	return tw_err_set(
	    err, "'mode' expects octal permissions, such as 660, not '%s'", word);
}

static int
set_user(struct tw__control_conf *c, const char *word, struct tw_err *err)
{
	const struct passwd *const pw = getpwnam(word);

	if (pw == NULL)
		return tw_err_set(err, "there is no user '%s' on this system", word);
	c->uid = pw->pw_uid;
	return 0;
}

static int
set_group(struct tw__control_conf *c, const char *word, struct tw_err *err)
{
	const struct group *const gr = getgrnam(word);

	if (gr == NULL)
		return tw_err_set(err, "there is no group '%s' on this system", word);
	c->gid = gr->gr_gid;
	return 0;
}

static int
set_uid(struct tw__control_conf *c, const char *word, struct tw_err *err)
{
	if (number_set(word, 10, INT32_MAX, &c->uid) == 0)
		return 0;
	return tw_err_set(err, "'uid' expects a number, not '%s'", word);
}

static int
set_gid(struct tw__control_conf *c, const char *word, struct tw_err *err)
{
	if (number_set(word, 10, INT32_MAX, &c->gid) == 0)
		return 0;
	return tw_err_set(err, "'gid' expects a number, not '%s'", word);
}

static int
set_backlog(struct tw__control_conf *c, const char *word, struct tw_err *err)
{
	if (number_set(word, 10, 65535, &c->backlog) == 0)
		return 0;
	return tw_err_set(err, "'backlog' expects a number, not '%s'", word);
}

static int
set_maxconn(struct tw__control_conf *c, const char *word, struct tw_err *err)
{
	if (number_set(word, 10, 65535, &c->maxconn) == 0 && c->maxconn > 0)
		return 0;
	return tw_err_set(
	    err, "'maxconn' expects a number from 1 to 65535, not '%s'", word);
}

static int
set_expose_fd(struct tw__control_conf *c, const char *word, struct tw_err *err)
{
	if (strcmp(word, "listeners") != 0)
		return tw_err_set(err, "'expose-fd' takes 'listeners', not '%s'", word);
	c->expose_listeners = true;
	return 0;
}

static int
set_name(struct tw__control_conf *c, const char *word, struct tw_err *err)
{
	(void)c; /* nothing counts sessions by it */
	(void)word;
	(void)err;
	return 0;
}

static int
set_id(struct tw__control_conf *c, const char *word, struct tw_err *err)
{
	uint32_t id;

	(void)c; /* as its name */
	if (number_set(word, 10, INT32_MAX, &id) == 0 && id > 0)
		return 0;
	return tw_err_set(err, "'id' expects a number above 0, not '%s'", word);
}

static int
set_interface(struct tw__control_conf *c, const char *word, struct tw_err *err)
{
	if (strlen(word) >= IFNAMSIZ)
		return tw_err_set(err, "'%s' is too long for an interface", word);
	c->interface = word;
	return 0;
}

static int
set_severity(struct tw__control_conf *c, const char *word, struct tw_err *err)
{
	const int severity = tw__cli_severity_of(word);

	if (severity < 0)
		return tw_err_set(err,
		    "'severity-output' takes 'none', 'number' or 'string', not '%s'",
		    word);
	c->severity = (uint8_t)severity;
	return 0;
}

static int
set_v4v6(struct tw__control_conf *c, const char *word, struct tw_err *err)
{
	(void)word;
	(void)err;
	c->v4v6 = true;
	return 0;
}

static int
set_v6only(struct tw__control_conf *c, const char *word, struct tw_err *err)
{
	(void)word;
	(void)err;
	c->v6only = true;
	return 0;
}

static const struct {
	const char *word;
	int (*set)(struct tw__control_conf *c, const char *word, struct tw_err *err);
	bool is_flag; /* takes no value */
} parameters[] = {
	{ "backlog", set_backlog, false },
	{ "expose-fd", set_expose_fd, false },
	{ "gid", set_gid, false },
	{ "group", set_group, false },
	{ "id", set_id, false },
	{ "interface", set_interface, false },
	{ "level", set_level, false },
	{ "maxconn", set_maxconn, false },
	{ "mode", set_mode, false },
	{ "name", set_name, false },
	{ "severity-output", set_severity, false },
	{ "uid", set_uid, false },
	{ "user", set_user, false },
	{ "v4v6", set_v4v6, true },
	{ "v6only", set_v6only, true },
};

/* returns: how many words it took; -1: an error. */
static int
parameter_set(struct tw__control_conf *c, char *const *word, int n, struct tw_err *err)
{
	for (size_t i = 0; i < TW_N_ELEMENTS(parameters); i++) {
		if (strcmp(parameters[i].word, word[0]) != 0)
			continue;
		if (!parameters[i].is_flag && n < 2)
			return tw_err_set(err, "'%s' needs a value", word[0]);
		if (parameters[i].set(c, parameters[i].is_flag ? NULL : word[1], err) !=
		    0)
			return -1;
		return parameters[i].is_flag ? 1 : 2;
	}
	return tw_err_set(err,
	    "'%s' is not supported on a control socket; tideway knows 'backlog', "
	    "'expose-fd listeners', 'gid', 'group', 'id', 'interface', 'level', "
	    "'maxconn', 'mode', 'name', 'severity-output', 'uid', 'user', 'v4v6' and "
	    "'v6only' there",
	    word[0]);
}

int
tw__control_parse(struct tw_arena *arena, char *const *word, int n,
    struct tw__control_conf *c, struct tw_err *err)
{
	struct tw__addr_spec spec;

	*c = (struct tw__control_conf){ .uid = UINT32_MAX,
		.gid = UINT32_MAX,
		.level = c->level,
		.text = tw_arena_strdup(arena, word[0]) };
	if (tw__addr_parse(
		arena, word[0], TW__ADDR_NEED_PORT | TW__ADDR_FD, &spec, err) != 0)
		return -1;
	if (spec.host != NULL &&
	    tw__addr_resolve(spec.host, spec.family, &spec.addr, err) != 0)
		return -1;
	c->addr = spec.addr;
	c->fd = spec.fd;
	for (int i = 1, used; i < n; i += used) {
		c->line = i;
		used = parameter_set(c, word + i, n - i, err);
		if (used < 0)
			return -1;
	}
	if (c->interface != NULL)
		c->interface = tw_arena_strdup(arena, c->interface);
	return 0;
}

/* --- keywords --- */

static int
control_set_socket(struct tw_line *ln)
{
	struct tw__global *const g = ln->core;
	struct tw_arena *const arena = tw_gen_arena(ln->gen);
	struct tw__control_conf *const c = tw_arena_zalloc(arena, sizeof(*c));
	struct tw__control_conf **at = &g->controls;
	struct tw_err err;

	c->level = TW_CLI_OPERATOR;
	if (tw__control_parse(arena, ln->word + ln->arg, ln->n_args, c, &err) != 0)
		return tw_line_fail(ln, c->line, "%s", err.text);
	c->file = ln->file;
	c->line = ln->number;
	for (; *at != NULL; at = &(*at)->next) {
		if (strcmp((*at)->text, c->text) == 0)
			return tw_line_fail(ln, 0,
			    "'%s' is a control socket already (line %d)", c->text,
			    (*at)->line);
	}
	*at = c;
	return 0;
}

static int
control_set_timeout(struct tw_line *ln)
{
	struct tw__global *const g = ln->core;
	struct tw_err err;

	if (tw_parse_ms(tw_arg(ln, 0), 1000, &g->stats_timeout_ms, &err) != 0)
		return tw_line_fail(ln, 0, "%s", err.text);
	if (g->stats_timeout_ms == 0)
		return tw_line_fail(ln, 0, "'stats timeout' expects more than 0");
	return 0;
}

/* clang-format off */
static const struct tw_kw keywords[] = {
	{ .word = "stats socket", .scopes = TW_SC_GLOBAL, .min_args = 1,
	  .max_args = -1, .set = control_set_socket,
	  .usage = "<address> [level user|operator|admin] [mode <octal>] "
		   "[user|uid <user>] [group|gid <group>] [expose-fd listeners] "
		   "[backlog <number>] [severity-output none|number|string] "
		   "[interface <name>] [v4v6|v6only] "
		   "[name <name>] [id <number>] [maxconn <number>]",
	  .help = "A control socket: 'help' on it lists its commands." },
	{ .word = "stats timeout", .scopes = TW_SC_GLOBAL, .min_args = 1,
	  .max_args = 1, .set = control_set_timeout, .usage = "<time>",
	  .help = "How long a session of a control socket may be idle.",
	  .def = "10s" },
	{ .word = "stats maxconn", .scopes = TW_SC_GLOBAL, .min_args = 1,
	  .max_args = 1, .set = tw_set_uint, AT(stats_maxconn),
	  .min = 1, .max = 65535, .usage = "<number>",
	  .help = "Sessions of control sockets at a time; others wait.",
	  .def = "10" },
	{ .word = NULL },
};
/* clang-format on */

int
tw__control_register(struct tw_err *err)
{
	return tw__kw_add(keywords, NULL, err);
}

/* --- the worker's sockets --- */

int
tw__control_prepare(const struct tw_gen *gen, struct tw_err *err)
{
	return tw__control_open(gen->global.controls, err);
}

static void
plain_prompt(const struct tw_cli *cli, char *buf, size_t size)
{
	(void)cli;
	snprintf(buf, size, "> ");
}

static struct tw__cli_host worker_host = { .command = tw__command_worker,
	.prompt = plain_prompt };

void
tw__control_follow(const struct tw_gen *gen)
{
	worker_host.base = tw_worker_base(tw_worker_at(0));
	worker_host.max_sessions = gen->global.stats_maxconn;
	tw__control_serve(
	    gen->global.controls, &worker_host, gen->global.stats_timeout_ms);
}

struct tw_cli *
tw__control_session(int fd, enum tw_cli_level level)
{
	return tw__cli_new(&worker_host, fd, level, 0, true);
}

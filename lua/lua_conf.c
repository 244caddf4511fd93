/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * lua_conf.c - keywords: lua-load, lua-load-per-thread, lua-prepend-path,
 * tune.lua.*.
 *
 * A file is run when its line is read, so that the lines that follow can use
 * what it registers. source: HAProxy's manual, 3.1 and 3.2.
 */
#include "core.h"
#include "net.h"
#include "text.h"

#include <limits.h>
#include <stdlib.h>

#include "script.h"
#include "shared.h"

static struct lu_file *
file_new(struct tw_line *ln, const char *path, int first_arg)
{
	struct tw_arena *const arena = tw_gen_arena(ln->gen);
	struct lu_file *const f = tw_arena_zalloc(arena, sizeof(*f));
	char **const arg =
	    tw_arena_zalloc(arena, sizeof(*arg) * (size_t)(ln->n_args + 1));

	lu_file_find(ln, f, path);
	f->conf_file = ln->file;
	f->conf_line = ln->number;
	for (int i = first_arg; i < ln->n_args; i++)
		arg[f->n_args++] = tw_arena_strdup(arena, tw_arg(ln, i));
	f->arg = arg;
	return f;
}

static int
load(struct tw_line *ln, enum lu_kind kind, struct lu_unit **unit)
{
	struct tw_err err = { "" };
	struct lu_conf *const conf = ln->state;

	if (!conf->bool_said && conf->units == NULL)
		tw_line_warn(ln, -1,
		    "boolean samples reach Lua as integers, 0 and 1, which is easily "
		    "mistaken for true: write 'tune.lua.bool-sample-conversion normal' "
		    "(or 'pre-3.1-bug', to keep that) before '%s'",
		    ln->kw->word);
	if (*unit == NULL)
		*unit = lu_unit_new(ln->gen, kind, ln->kw->word);
	if (lu_unit_load(*unit, file_new(ln, tw_arg(ln, 0), 1), &err) != 0)
		return tw_line_fail(ln, 0, "'%s': %s", ln->kw->word, err.text);
	return 0;
}

static int
set_load(struct tw_line *ln)
{
	struct lu_conf *const conf = ln->state;

	return load(ln, LU_SHARED, &conf->shared);
}

static int
set_load_per_thread(struct tw_line *ln)
{
	struct lu_conf *const conf = ln->state;

	return load(ln, LU_PER_THREAD, &conf->per_thread);
}

static int
set_prepend_path(struct tw_line *ln)
{
	struct lu_conf *const conf = ln->state;
	const char *const type = tw_arg(ln, 1);
	const bool is_c = type != NULL && strcmp(type, "cpath") == 0;
	const char **const to = is_c ? &conf->cpath : &conf->path;

	if (type != NULL && !is_c && strcmp(type, "path") != 0)
		return tw_line_fail(ln, 1,
		    "'lua-prepend-path' expects 'path' or 'cpath', not '%s'", type);
	if (conf->units != NULL)
		tw_line_warn(ln, -1,
		    "'lua-prepend-path' stands after a script that was "
		    "loaded without it: move it up");
	*to = *to == NULL
	    ? tw_arena_strdup(tw_gen_arena(ln->gen), tw_arg(ln, 0))
	    : tw_arena_printf(tw_gen_arena(ln->gen), "%s;%s", tw_arg(ln, 0), *to);
	return 0;
}

static int
set_maxmem(struct tw_line *ln)
{
	struct lu_conf *const conf = ln->state;
	struct tw_err err;
	uint64_t mb;

	if (tw_parse_uint(tw_arg(ln, 0), 0, INT_MAX, &mb, &err) != 0)
		return tw_line_fail(ln, 0, "'tune.lua.maxmem': %s", err.text);
	conf->maxmem = mb << 20;
	return 0;
}

static int
set_bools(struct tw_line *ln)
{
	struct lu_conf *const conf = ln->state;
	const char *const word = tw_arg(ln, 0);

	if (strcmp(word, "normal") != 0 && strcmp(word, "pre-3.1-bug") != 0)
		return tw_line_fail(ln, 0,
		    "'tune.lua.bool-sample-conversion' expects "
		    "'normal' or 'pre-3.1-bug', not '%s'",
		    word);
	conf->bool_said = true;
	conf->bool_is_integer = word[0] == 'p';
	return 0;
}

/* 0 is no limit; nothing said, the usual one. */
static int
set_limit(struct tw_line *ln)
{
	uint32_t *const ms = (uint32_t *)(void *)((char *)ln->state + ln->kw->offset);

	if (tw_set_ms(ln) != 0)
		return -1;
	if (*ms == 0)
		*ms = LU_NO_LIMIT;
	return 0;
}

static int
set_log(struct tw_line *ln, uint32_t *to, bool has_auto)
{
	const char *const word = tw_arg(ln, 0);

	if (strcmp(word, "on") == 0)
		*to = LU_LOG_ON;
	else if (strcmp(word, "off") == 0)
		*to = LU_LOG_OFF;
	else if (has_auto && strcmp(word, "auto") == 0)
		*to = LU_LOG_AUTO;
	else
		return tw_line_fail(ln, 0, "'%s' expects %s, not '%s'", ln->kw->word,
		    has_auto ? "'on', 'auto' or 'off'" : "'on' or 'off'", word);
	return 0;
}

static int
check_library(struct tw_line *ln, struct tw_str word)
{
	static const char *const known[] = { "table", "io", "os", "string", "math",
		"utf8", "package", "debug", "coroutine", "base" };

	for (size_t i = 0; i < TW_N_ELEMENTS(known); i++)
		if (tw_str_eq(tw_str_of(known[i]), word))
			return 0;
	return tw_line_fail(ln, 0,
	    "'tune.lua.openlibs' expects 'all', 'none' or some of 'table', 'io', 'os', "
	    "'string', 'math', 'utf8', 'package', 'debug', 'coroutine', separated by "
	    "commas, not '%.*s'",
	    (int)word.len, word.p);
}

static int
set_openlibs(struct tw_line *ln)
{
	struct lu_conf *const conf = ln->state;
	const char *const list = tw_arg(ln, 0);

	if (conf->units != NULL)
		return tw_line_fail(ln, -1,
		    "'tune.lua.openlibs' stands after a script that was loaded with "
		    "all libraries: move it up");
	if (strcmp(list, "all") == 0) {
		conf->openlibs = NULL;
		return 0;
	}
	if (strcmp(list, "none") == 0) {
		conf->openlibs = ",";
		return 0;
	}
	for (const char *p = list;; p++) {
		const size_t len = strcspn(p, ",");
		if (check_library(ln, (struct tw_str){ p, len }) != 0)
			return -1;
		p += len;
		if (*p == '\0')
			break;
	}
	conf->openlibs = tw_arena_printf(tw_gen_arena(ln->gen), ",%s,", list);
	return 0;
}

static int
set_loggers(struct tw_line *ln)
{
	return set_log(ln, &((struct lu_conf *)ln->state)->log_loggers, false);
}

static int
set_stderr(struct tw_line *ln)
{
	return set_log(ln, &((struct lu_conf *)ln->state)->log_stderr, true);
}

#define IN_CONF(member) .offset = offsetof(struct lu_conf, member)

const struct tw_kw lu_keywords[] = {
	{ .word = "httpclient.resolvers.disabled",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 0,
	    .max_args = 1,
	    .set = lu_client_set_disabled,
	    .usage = "[on|off]",
	    .def = "off",
	    .help =
		"Whether names in URLs are not resolved for scripts' HTTP clients." },
	{ .word = "httpclient.resolvers.id",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 1,
	    .max_args = 1,
	    .set = lu_client_set_id,
	    .usage = "<resolvers id>",
	    .def = "default",
	    .help = "The `resolvers` section whose name servers are asked for names in "
		    "URLs; without a section \"default\", the system's." },
	{ .word = "httpclient.resolvers.prefer",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 1,
	    .max_args = 1,
	    .set = lu_client_set_prefer,
	    .usage = "{ipv4|ipv6}",
	    .def = "ipv6",
	    .help = "Which of a name's addresses are tried first." },
	{ .word = "httpclient.retries",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 1,
	    .max_args = 1,
	    .set = lu_client_set_retries,
	    .usage = "<number>",
	    .def = "3",
	    .help = "How often a scripts' HTTP client tries again to connect." },
	{ .word = "httpclient.ssl.ca-file",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 1,
	    .max_args = 1,
	    .set = lu_client_set_ca_file,
	    .usage = "<cafile>",
	    .def = "@system-ca",
	    .help =
		"Certificate authorities that scripts' HTTP clients trust: a file, a "
		"directory, or @system-ca." },
	{ .word = "httpclient.ssl.verify",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 0,
	    .max_args = 1,
	    .set = lu_client_set_verify,
	    .usage = "[none|required]",
	    .def = "required",
	    .help = "Whether scripts' HTTP clients verify certificates." },
	{ .word = "httpclient.timeout.connect",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 1,
	    .max_args = 1,
	    .set = lu_client_set_connect,
	    .usage = "<time>",
	    .def = "5s",
	    .help = "How long scripts' HTTP clients wait for a connection." },
	{ .word = "lua-load",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 1,
	    .max_args = -1,
	    .set = set_load,
	    .usage = "<file> [<arg>...]",
	    .help = "Loads a Lua file into one state that all threads share; the "
		    "arguments are what ... stands for in it." },
	{ .word = "lua-load-per-thread",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 1,
	    .max_args = -1,
	    .set = set_load_per_thread,
	    .usage = "<file> [<arg>...]",
	    .help = "Loads a Lua file into a state of its own for each thread." },
	{ .word = "lua-prepend-path",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 1,
	    .max_args = 2,
	    .set = set_prepend_path,
	    .usage = "<string> [path|cpath]",
	    .help = "Puts a pattern in front of package.path or package.cpath of the "
		    "scripts that are loaded after it." },
	{ .word = "lua-script",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 3,
	    .max_args = -1,
	    .set = lu_script_set,
	    .usage = LU_SCRIPT_USAGE,
	    .help =
		"Loads a script of its own, whose functions on_request, on_route "
		"and so on are run for each request of all proxies, or of those "
		"named. A file that is not in the current directory and has no "
		"slash in its name is looked for among the ready scripts, in " LU_SCRIPT_DIR
		"." },
	{ .word = "lua-shared",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 2,
	    .max_args = 2,
	    .set = lu_shared_set_line,
	    .usage = "<name> <size>",
	    .help = "Makes a dictionary that all threads and scripts share, "
		    "tw.shared.<name>; it outlives reloads. What was not used longest "
		    "makes place when it is full." },
	{ .word = "tune.lua.bool-sample-conversion",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 1,
	    .max_args = 1,
	    .set = set_bools,
	    .usage = "{normal|pre-3.1-bug}",
	    .def = "pre-3.1-bug",
	    .help = "Whether boolean samples reach Lua as booleans, or as 0 and 1." },
	{ .word = "tune.lua.burst-timeout",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 1,
	    .max_args = 1,
	    .set = set_limit,
	    IN_CONF(burst_ms),
	    .usage = "<time>",
	    .def = "1s",
	    .help = "How long a script may run without waiting for anything." },
	{ .word = "tune.lua.forced-yield",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 1,
	    .max_args = 1,
	    .set = tw_set_uint,
	    IN_CONF(forced_yield),
	    .max = INT_MAX,
	    .usage = "<number>",
	    .def = "10000",
	    .help = "Accepted for HAProxy's sake: a script is only interrupted when it "
		    "runs too long, which costs nothing before that." },
	{ .word = "tune.lua.log.loggers",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 1,
	    .max_args = 1,
	    .set = set_loggers,
	    .usage = "{on|off}",
	    .def = "on",
	    .help =
		"Whether what scripts log goes to the request's proxy's loggers, or "
		"to the global ones." },
	{ .word = "tune.lua.log.stderr",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 1,
	    .max_args = 1,
	    .set = set_stderr,
	    .usage = "{on|auto|off}",
	    .def = "auto",
	    .help = "Whether what scripts log goes to standard error, too; auto: only "
		    "when it goes to no logger." },
	{ .word = "tune.lua.maxmem",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 1,
	    .max_args = 1,
	    .set = set_maxmem,
	    .usage = "<megabytes>",
	    .def = "0",
	    .help = "The memory of all scripts together; 0: no limit." },
	{ .word = "tune.lua.openlibs",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 1,
	    .max_args = 1,
	    .set = set_openlibs,
	    .usage = "{all|none|<library>[,<library>...]}",
	    .def = "all",
	    .help =
		"The standard libraries that HAProxy's scripts find: table, io, os, "
		"string, math, utf8, package, debug, coroutine; before lua-load." },
	{ .word = "tune.lua.service-timeout",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 1,
	    .max_args = 1,
	    .set = set_limit,
	    IN_CONF(service_ms),
	    .usage = "<time>",
	    .def = "4s",
	    .help = "How long a service may run, waiting not counted." },
	{ .word = "tune.lua.session-timeout",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 1,
	    .max_args = 1,
	    .set = set_limit,
	    IN_CONF(session_ms),
	    .usage = "<time>",
	    .def = "4s",
	    .help = "How long an action, fetch or converter may run, waiting not "
		    "counted." },
	{ .word = "tune.lua.task-timeout",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 1,
	    .max_args = 1,
	    .set = set_limit,
	    IN_CONF(task_ms),
	    .usage = "<time>",
	    .help = "How long a task may run, waiting not counted." },
	{ .word = NULL },
};

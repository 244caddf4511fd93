/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * global.c - the global section: what concerns the process.
 *
 * `log` and `stats` lines belong to others; all that is needed to set up the
 * process is here. Names of users and groups are resolved while reading, so
 * that -c tells a wrong one. Control thread or start-up.
 */
#include "config.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>

#include "core/run/affinity.h"
#include "core/run/gen.h"
#include "core/run/run.h"

bool tw__local_peer_given;

#define AT(field) .offset = offsetof(struct tw__global, field)
#define BUFSIZE_MIN 2048
#define BUFSIZE_MAX (16 << 20)

static struct tw__global *
global_of(const struct tw_line *ln)
{
	return ln->core;
}

/* --- setters --- */

static int
global_set_user(struct tw_line *ln)
{
	const struct passwd *const pw = getpwnam(tw_arg(ln, 0));

	if (pw == NULL)
		return tw_line_fail(ln, 0,
		    "there is no user '%s' on this "
		    "system; write an existing one, or uid with a number",
		    tw_arg(ln, 0));
	global_of(ln)->user = tw_arena_strdup(tw_gen_arena(ln->gen), tw_arg(ln, 0));
	global_of(ln)->uid = pw->pw_uid;
	return 0;
}

static int
global_set_group(struct tw_line *ln)
{
	const struct group *const gr = getgrnam(tw_arg(ln, 0));

	if (gr == NULL)
		return tw_line_fail(ln, 0,
		    "there is no group '%s' on this "
		    "system; write an existing one, or gid with a number",
		    tw_arg(ln, 0));
	global_of(ln)->group = tw_arena_strdup(tw_gen_arena(ln->gen), tw_arg(ln, 0));
	global_of(ln)->gid = gr->gr_gid;
	return 0;
}

static int
size_set(struct tw_line *ln, uint64_t min, uint32_t *out)
{
	struct tw_err err;
	uint64_t bytes;

	if (tw_parse_size(tw_arg(ln, 0), &bytes, &err) != 0)
		return tw_line_fail(ln, 0, "'%s': %s", ln->kw->word, err.text);
	if (bytes < min || bytes > BUFSIZE_MAX)
		return tw_line_fail(ln, 0, "'%s' takes %llu to %d bytes", ln->kw->word,
		    (unsigned long long)min, BUFSIZE_MAX);
	*out = (uint32_t)bytes;
	return 0;
}

static int
global_set_bufsize(struct tw_line *ln)
{
	return size_set(ln, BUFSIZE_MIN, &global_of(ln)->bufsize);
}

static int
global_set_maxrewrite(struct tw_line *ln)
{
	return size_set(ln, 0, &global_of(ln)->maxrewrite);
}

/* All arguments, with single blanks between. */
static int
global_set_description(struct tw_line *ln)
{
	struct tw_arena *const arena = tw_gen_arena(ln->gen);
	const char *text = tw_arg(ln, 0);

	for (int i = 1; i < ln->n_args; i++)
		text = tw_arena_printf(arena, "%s %s", text, tw_arg(ln, i));
	global_of(ln)->description = tw_arena_strdup(arena, text);
	return 0;
}

static int
global_set_master_worker(struct tw_line *ln)
{
	const char *const how = tw_arg(ln, 0);

	if (how != NULL && strcmp(how, "no-exit-on-failure") != 0)
		return tw_line_fail(ln, 0,
		    "'master-worker' takes nothing, or "
		    "'no-exit-on-failure' (which is what tideway always does)");
	global_of(ln)->master_worker = !ln->no;
	return 0;
}

static int
global_set_log_send_hostname(struct tw_line *ln)
{
	struct tw__global *const g = global_of(ln);

	g->log_send_hostname = !ln->no;
	g->log_hostname =
	    ln->no ? NULL : tw_arena_strdup(tw_gen_arena(ln->gen), tw_arg(ln, 0));
	return 0;
}

/* The files were searched for these two before the modules were loaded;
 * here they are kept, so that a reload can tell that they changed. */
static int
global_set_module_load(struct tw_line *ln)
{
	struct tw__global *const g = global_of(ln);
	struct tw_arena *const arena = tw_gen_arena(ln->gen);
	size_t n = 0;

	while (g->module_load != NULL && g->module_load[n] != NULL)
		n++;
	const char **const names =
	    tw_arena_zalloc(arena, (n + (size_t)ln->n_args + 1) * sizeof(*names));
	for (size_t i = 0; i < n; i++)
		names[i] = g->module_load[i];
	for (int i = 0; i < ln->n_args; i++)
		names[n + (size_t)i] = tw_arena_strdup(arena, tw_arg(ln, i));
	g->module_load = names;
	return 0;
}

/* --- tables --- */

/* clang-format off */
static const struct tw_kw keywords[] = {
	{ .word = "maxconn", .scopes = TW_SC_GLOBAL, .min_args = 1,
	  .max_args = 1, .set = tw_set_uint, AT(maxconn), .usage = "<number>",
	  .help = "Most client connections at a time, over all proxies.",
	  .def = "what the limit of open files allows" },
	{ .word = "maxconnrate", .scopes = TW_SC_GLOBAL, .min_args = 1,
	  .max_args = 1, .set = tw_set_uint, AT(maxconnrate), .min = 0,
	  .max = INT32_MAX, .usage = "<number>", .def = "0, no limit",
	  .help = "Connections a second that are accepted, over all proxies." },
	{ .word = "maxsessrate", .scopes = TW_SC_GLOBAL, .min_args = 1,
	  .max_args = 1, .set = tw_set_uint, AT(maxsessrate), .min = 0,
	  .max = INT32_MAX, .usage = "<number>", .def = "0, no limit",
	  .help = "As maxconnrate: each connection is a session here." },
	{ .word = "nbthread", .scopes = TW_SC_GLOBAL, .min_args = 1,
	  .max_args = 1, .set = tw_set_uint, AT(nbthread), .min = 1,
	  .max = TW__MAX_THREADS, .usage = "<number>",
	  .help = "Worker threads for traffic.", .def = "one per usable CPU" },
	{ .word = "ulimit-n", .scopes = TW_SC_GLOBAL, .min_args = 1,
	  .max_args = 1, .set = tw_set_uint, AT(ulimit_n), .usage = "<number>",
	  .help = "Limit of open files to ask for.", .def = "what maxconn needs" },
	{ .word = "user", .scopes = TW_SC_GLOBAL, .min_args = 1,
	  .max_args = 1, .set = global_set_user, .usage = "<name>",
	  .help = "Runs as this user once the sockets are open." },
	{ .word = "group", .scopes = TW_SC_GLOBAL, .min_args = 1,
	  .max_args = 1, .set = global_set_group, .usage = "<name>",
	  .help = "Runs with this group once the sockets are open." },
	{ .word = "uid", .scopes = TW_SC_GLOBAL, .min_args = 1,
	  .max_args = 1, .set = tw_set_uint, AT(uid), .usage = "<number>",
	  .help = "As user, by number." },
	{ .word = "gid", .scopes = TW_SC_GLOBAL, .min_args = 1,
	  .max_args = 1, .set = tw_set_uint, AT(gid), .usage = "<number>",
	  .help = "As group, by number." },
	{ .word = "chroot", .scopes = TW_SC_GLOBAL, .min_args = 1,
	  .max_args = 1, .set = tw_set_str, AT(chroot), .usage = "<directory>",
	  .help = "Locks the running program into this directory." },
	{ .word = "pidfile", .scopes = TW_SC_GLOBAL, .min_args = 1,
	  .max_args = 1, .set = tw_set_str, AT(pidfile), .usage = "<file>",
	  .help = "Where a daemon or a master writes its process number." },
	{ .word = "daemon", .scopes = TW_SC_GLOBAL, .set = tw_set_flag,
	  AT(daemon), .flags = TW_KW_NO,
	  .help = "Goes to the background, as -D." },
	{ .word = "master-worker", .scopes = TW_SC_GLOBAL, .max_args = 1,
	  .set = global_set_master_worker, .flags = TW_KW_NO,
	  .usage = "[no-exit-on-failure]",
	  .help = "A master process supervises the worker, as -W." },
	{ .word = "node", .scopes = TW_SC_GLOBAL, .min_args = 1,
	  .max_args = 1, .set = tw_set_str, AT(node), .usage = "<name>",
	  .help = "This node's name on the statistics page.",
	  .def = "the host's name" },
	{ .word = "description", .scopes = TW_SC_GLOBAL, .min_args = 1,
	  .max_args = -1, .set = global_set_description, .usage = "<text>",
	  .help = "Describes this process on the statistics page.",
	  .flags = TW_KW_REST },
	{ .word = "quiet", .scopes = TW_SC_GLOBAL, .set = tw_set_flag,
	  AT(quiet), .flags = TW_KW_NO,
	  .help = "Prints nothing at start, as -q." },
	{ .word = "zero-warning", .scopes = TW_SC_GLOBAL, .set = tw_set_flag,
	  AT(zero_warning), .flags = TW_KW_NO,
	  .help = "Refuses to start when there is a warning, as -dW." },
	{ .word = "tune.bufsize", .scopes = TW_SC_GLOBAL, .min_args = 1,
	  .max_args = 1, .set = global_set_bufsize, .usage = "<size>",
	  .help = "Bytes of a buffer; a message head must fit.",
	  .def = "16384" },
	{ .word = "tune.maxrewrite", .scopes = TW_SC_GLOBAL, .min_args = 1,
	  .max_args = 1, .set = global_set_maxrewrite, .usage = "<size>",
	  .help = "Bytes of a buffer kept free for added fields: a longer head is "
		  "refused.",
	  .def = "0" },
	{ .word = "hard-stop-after", .scopes = TW_SC_GLOBAL, .min_args = 1,
	  .max_args = 1, .set = tw_set_ms, AT(hard_stop_after_ms),
	  .usage = "<time>",
	  .help = "Ends a drain (SIGUSR1) after this time at the latest." },
	{ .word = "grace", .scopes = TW_SC_GLOBAL, .min_args = 1,
	  .max_args = 1, .set = tw_set_ms, AT(grace_ms), .usage = "<time>",
	  .help = "Goes on accepting for this time after SIGUSR1." },
	{ .word = "module-path", .scopes = TW_SC_GLOBAL, .min_args = 1,
	  .max_args = 1, .set = tw_set_str, AT(module_path),
	  .usage = "<directory>", .help = "Where modules are loaded from.",
	  .def = TW_MODULEDIR },
	{ .word = "module-load", .scopes = TW_SC_GLOBAL, .min_args = 1,
	  .max_args = -1, .set = global_set_module_load, .usage = "<name>...",
	  .help = "Loads these modules only; may be given again.",
	  .def = "all in the module directory", .flags = TW_KW_REST },
	{ .word = "log-tag", .scopes = TW_SC_GLOBAL, .min_args = 1,
	  .max_args = 1, .set = tw_set_str, AT(log_tag), .usage = "<text>",
	  .help = "The program's name in log lines.", .def = "tideway" },
	{ .word = "log-send-hostname", .scopes = TW_SC_GLOBAL, .max_args = 1,
	  .set = global_set_log_send_hostname, .usage = "[<name>]",
	  .help = "Puts the host's name into syslog headers.",
	  .flags = TW_KW_NO },
	{ .word = NULL },
};
/* clang-format on */

static int
global_open(struct tw_line *ln)
{
	if (ln->n_args > 0)
		return tw_line_fail(ln, 0, "'global' takes no name");
	ln->core = &ln->gen->global;
	ln->block = ln->gen->block;
	ln->proxy = NULL;
	ln->scope = TW_SC_GLOBAL;
	return 0;
}

void
tw__global_head_max(struct tw__global *g)
{
	g->head_max = g->bufsize - (g->maxrewrite < g->bufsize ? g->maxrewrite : 0);
}

static int
global_close(struct tw_line *ln)
{
	struct tw__global *const g = &ln->gen->global;
	const bool fits = g->maxrewrite < g->bufsize;

	if (!fits)
		g->maxrewrite = g->bufsize / 2;
	tw__global_head_max(g);
	if (fits)
		return 0;
	return tw_gen_warn(ln->gen, NULL, 0,
	    "tune.maxrewrite must be below "
	    "tune.bufsize (%u): using %u",
	    g->bufsize, g->maxrewrite);
}

void
tw__global_defaults(struct tw__global *g)
{
	*g = (struct tw__global){
		.bufsize = 16384,
		.tune.idle_ms = 1000,
		.head_max = 16384,
		.maxaccept = 64,
		.log_tag = "tideway",
		.stats_timeout_ms = 10000,
		.stats_maxconn = 10,
	};
}

int
tw__global_register(struct tw_err *err)
{
	static const struct tw__section section = { .word = "global",
		.scope = TW_SC_GLOBAL,
		.open = global_open,
		.close = global_close };

	if (tw__section_add(&section, err) != 0)
		return -1;
	if (tw__kw_add(keywords, NULL, err) != 0 || tw__cpus_register(err) != 0)
		return -1;
	return tw__tune_register(err);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * main.c - from the command line to a running process.
 *
 * Reads the options, loads the modules, builds the first generation, and then
 * checks, shows or runs it. Exit statuses are HAProxy's: 0 fine, 1 an error,
 * 2 with -c when there is no listener, with -cc when the condition is bad.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tideway/log.h>
#include <tideway/play.h>
#include "core/base/oplog.h"
#include "core/base/panic.h"
#include "core/conf/env.h"
#include "core/conf/path.h"
#include "core/expr/expr_int.h"
#include "core/flow/debug.h"
#include "core/flow/logvars.h"
#include "core/module/module_int.h"
#include "core/net/handover.h"
#include "core/proxy/proxy.h"
#include "core/run/cli.h"
#include "core/run/explain.h"
#include "core/run/limits.h"
#include "core/run/run.h"

static int
fail(const struct tw_err *err)
{
	tw_log(TW_ALERT, "%s", err->text);
	return 1;
}

static int
usage(const char *program)
{
	tw__version_print(stdout);
	fflush(stdout);
	tw__usage_print(stderr, program);
	return 1;
}

/* --- before anything is read --- */

static int
dir_enter(const char *dir, struct tw_err *err)
{
	if (dir != NULL && chdir(dir) != 0)
		return tw_err_errno(err, "Could not change to directory %s", dir);
	return 0;
}

/* What HAProxy lets configuration files refer to. */
static void
environment_set(const struct tw__options *o)
{
	char host[256] = "";
	char *files;
	size_t len;
	FILE *const f = open_memstream(&files, &len);

	gethostname(host, sizeof(host) - 1);
	tw__local_peer_given = o->local_peer != NULL;
	setenv("HAPROXY_LOCALPEER", o->local_peer != NULL ? o->local_peer : host, 1);
	if (o->master)
		setenv("HAPROXY_MWORKER", "1", 1);
	if (f == NULL)
		return;
	for (int i = 0; i < o->n_files; i++)
		fprintf(f, "%s%s", i > 0 ? ";" : "", o->files[i]);
	fclose(f);
	setenv("HAPROXY_CFGFILES", files, 1);
	free(files);
}

static int
core_register(struct tw_err *err)
{
	tw__features_register();
	if (tw__global_register(err) != 0 || tw__control_register(err) != 0 ||
	    tw__kw_add(tw__env_keywords, NULL, err) != 0 ||
	    tw__kw_add(tw__path_keywords, NULL, err) != 0 ||
	    tw__proxy_register(err) != 0 || tw__expr_register(err) != 0 ||
	    tw__topics_register(err) != 0 || tw__commands_register(err) != 0 ||
	    tw__logvars_register(err) != 0)
		return -1;
	return 0;
}

static int
modules_load(const struct tw__options *o, struct tw_err *err)
{
	struct tw_arena *arena = tw_arena_new(0);
	struct tw__module_choice choice = { 0 };

	tw__prescan(o->files, o->n_files, arena, &choice);
	const int rc = tw__modules_load(&choice, err);
	tw_arena_free(&arena);
	return rc;
}

/* --- what needs no configuration --- */

static int
condition_eval(const char *text)
{
	struct tw_err err = { "" };
	const int rc = tw__conf_predicate(text, &err);

	if (rc >= 0)
		return rc > 0 ? 0 : 1;
	tw_log(TW_ALERT, "config : Failed to evaluate condition: %s", err.text);
	return 2;
}

static int
version_all(const struct tw__options *o)
{
	struct tw_err err = { "" };
	const int rc = modules_load(o, &err);

	tw__version_all_print(stdout);
	return rc == 0 ? 0 : fail(&err);
}

static int
manual(const struct tw__options *o)
{
	struct tw_err err = { "" };

	if (modules_load(o, &err) != 0)
		return fail(&err);
	if (o->manual_table) {
		tw__conf_table(stdout);
		return 0;
	}
	if (tw__conf_manual(stdout, o->manual))
		return 0;
	tw_err_set(
	    &err, "no keyword has '%s' in it: -K alone prints them all", o->manual);
	return fail(&err);
}

/* --- with a configuration --- */

static bool
is_quiet(const struct tw__run *run)
{
	return (run->opt.quiet || run->first->global.quiet) && !run->opt.verbose;
}

static int
config_check(const struct tw__run *run, const struct tw_report *report)
{
	if (run->first->n_binds == 0) {
		if (!run->quiet)
			puts("Configuration file has no error but will not start "
			     "(no listener) => exit(2).");
		return 2;
	}
	if (run->quiet)
		return 0;
	if (report->n_warnings > 0)
		puts("Warnings were found.");
	puts("Configuration file is valid");
	return 0;
}

/* As HAProxy: with a master, what cannot be had is opened. */
static int
sockets_take_over(const struct tw__run *run, struct tw_err *err)
{
	const char *const path = run->opt.old_socket;

	if (run->master || path != NULL)
		tw__limits_raise();
	if (path == NULL || strcmp(path, "/dev/null") == 0 ||
	    tw__handover_ask(path, err) == 0)
		return 0;
	tw_log(
	    TW_ALERT, "Failed to get the sockets from the old process: %s", err->text);
	return run->master ? 0 : -1;
}

static int
daemon_run(struct tw__run *run)
{
	struct tw_err err = { "" };
	const struct tw__global *const g = &run->first->global;
	const struct tw__options *const o = &run->opt;

	run->daemon = (o->daemon || g->daemon) && !o->foreground && !o->debug;
	run->master = o->master || g->master_worker;
	if (run->first->n_binds == 0) {
		tw_log(TW_ALERT,
		    "[tideway.main()] No enabled listener found "
		    "(check for 'bind' directives) ! Exiting.");
		return 1;
	}
	if (run->daemon && tw__daemonize(&run->ready_fd, &err) != 0)
		return fail(&err);
	if (o->debug)
		tw__debug_up();
	if (o->n_control > 0 && !run->master)
		tw_log(TW_WARNING, "-S has no effect without a master (-W, -Ws)");
	if (sockets_take_over(run, &err) != 0)
		return 1;
	return run->master ? tw__master_run(run) : tw__boot_run(run);
}

static int
config_use(struct tw__run *run, const struct tw_report *report)
{
	if (report->n_warnings > 0 &&
	    (run->opt.zero_warning || run->first->global.zero_warning)) {
		tw_log(TW_ALERT,
		    "config : Some warnings were found and "
		    "'zero-warning' is set. Aborting.");
		return 1;
	}
	switch (run->opt.todo) {
	case TW__DO_CHECK:
		return config_check(run, report);
	case TW__DO_CHAINS:
		tw__chains_print(stdout, run->first);
		return 0;
	case TW__DO_EXPLAIN:
		return tw__explain_run(run);
	default:
		return daemon_run(run);
	}
}

static int
config_run(struct tw__run *run)
{
	struct tw_report report = { .to = run->opt.quiet ? NULL : stderr,
		.wants_hints = run->opt.todo == TW__DO_CHECK,
		.quiet_warnings = run->opt.todo == TW__DO_EXPLAIN };
	struct tw_err err = { "" };

	if (modules_load(&run->opt, &err) != 0)
		return fail(&err);
	tw__gen_overrides(&run->opt);
	if (run->opt.dump)
		tw__conf_dump_to = stdout;
	run->first = tw__gen_build(run->opt.files, run->opt.n_files, &report);
	tw__conf_dump_to = NULL;
	free(report.text);
	if (run->first == NULL) {
		tw_log(TW_ALERT,
		    "config : Fatal errors found in "
		    "configuration.");
		return 1;
	}
	run->quiet = is_quiet(run);
	tw__oplog_quiet(run->quiet);
	return config_use(run, &report);
}

static int
todo_run(struct tw__run *run)
{
	switch (run->opt.todo) {
	case TW__DO_USAGE:
		return usage(run->program);
	case TW__DO_VERSION:
		tw__version_print(stdout);
		return 0;
	case TW__DO_VERSION_ALL:
		return version_all(&run->opt);
	case TW__DO_CONDITION:
		return condition_eval(run->opt.condition);
	case TW__DO_MANUAL:
		return manual(&run->opt);
	default:
		return config_run(run);
	}
}

/* --- what modules bring --- */

static const struct tw_tool *
tool_find(const char *name)
{
	const struct tw_self *self;

	for (int i = 0; (self = tw_module_each(i)) != NULL; i++)
		for (const struct tw_tool *t = self->module->tools;
		     t != NULL && t->name != NULL; t++)
			if (strcmp(t->name, name) == 0)
				return t;
	return NULL;
}

static int
tool(int argc, char **argv)
{
	const struct tw__options none = { .n_files = 0 };
	struct tw_err err = { "" };

	if (core_register(&err) != 0 || modules_load(&none, &err) != 0)
		return fail(&err);
	const struct tw_tool *const t = tool_find(argv[0]);
	return t != NULL ? t->run(argc, argv) : usage(argv[-1]);
}

int
main(int argc, char **argv)
{
	struct tw__run run = { .program = argv[0], .ready_fd = -1, .report_fd = -1 };
	struct tw_err err = { "" };

	tw__panic_init();
	if (argc > 1 && argv[1][0] != '-' && strcmp(argv[1], "explain") != 0)
		return tool(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "explain") == 0) {
		const int status = tw__explain_options(&run, argc, argv);
		if (status >= 0)
			return status;
	} else if (tw__options_parse(&run.opt, argc, argv, &err) != 0)
		return err.text[0] != '\0' ? fail(&err) : usage(argv[0]);
	tw__oplog_quiet(run.opt.quiet);
	if (dir_enter(run.opt.dir, &err) != 0 || core_register(&err) != 0)
		return fail(&err);
	environment_set(&run.opt);
	const int status = todo_run(&run);
	tw__gen_free(&run.first);
	tw__options_fini(&run.opt);
	tw__explain_free(&run.explain);
	tw__run_end(&run, status);
}

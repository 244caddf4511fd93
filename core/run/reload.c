/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * reload.c - a new generation in place of the running one.
 *
 * Everything that can fail happens before the pointer is stored: when the
 * files are bad, a socket cannot be opened or a module does not want to
 * start, the running generation goes on untouched and the operator is told.
 * Control thread.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <tideway/log.h>
#include <tideway/worker.h>
#include "core/net/conn.h"
#include "core/proxy/forward.h"
#include "core/run/affinity.h"
#include "core/run/limits.h"
#include "core/run/cli.h"
#include "core/run/run.h"

static bool
is_same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* What a running process cannot change any more. */
static void
restart_tell(const struct tw__global *now, const struct tw__global *next)
{
	if (next->nbthread != 0 && next->nbthread != (uint32_t)tw_n_workers())
		tw_log(TW_WARNING,
		    "nbthread %u takes effect at the next start; "
		    "%d threads go on",
		    next->nbthread, tw_n_workers());
	if (next->bufsize != now->bufsize)
		tw_log(TW_WARNING,
		    "tune.bufsize %u takes effect at the next "
		    "start",
		    next->bufsize);
	if (!is_same_text(now->module_path, next->module_path))
		tw_log(TW_WARNING, "module-path takes effect at the next start");
	if (now->uid != next->uid || now->gid != next->gid ||
	    !is_same_text(now->chroot, next->chroot))
		tw_log(TW_WARNING,
		    "user, group and chroot take effect at the "
		    "next start");
	if (now->tune.caps != next->tune.caps ||
	    now->tune.renice != next->tune.renice ||
	    now->tune.dumpable != next->tune.dumpable)
		tw_log(TW_WARNING,
		    "setcap, set-dumpable and tune.renice.runtime take effect at the "
		    "next start");
}

static int
gen_accept(struct tw__run *run, const struct tw_gen *gen,
    const struct tw_report *report, struct tw_err *err)
{
	if (gen == NULL)
		return tw_err_set(err, "%d error%s", report->n_errors,
		    report->n_errors == 1 ? "" : "s");
	if (gen->n_binds == 0)
		return tw_err_set(err,
		    "no listener (check for 'bind' "
		    "directives)");
	if (report->n_warnings > 0 &&
	    (run->opt.zero_warning || gen->global.zero_warning))
		return tw_err_set(err,
		    "warnings were found and 'zero-warning' "
		    "is set");
	return 0;
}

static int
gen_enter(struct tw_gen *gen, struct tw_err *err)
{
	restart_tell(&tw__gen_current()->global, &gen->global);
	/* the threads and their buffers stay as they are */
	gen->global.bufsize = tw__gen_current()->global.bufsize;
	tw__global_head_max(&gen->global);
	if (tw__limits_apply(gen, (uint32_t)tw_n_workers(), err) != 0 ||
	    tw__gen_start(gen, err) != 0 || tw__log_sources_open(gen, err) != 0)
		return -1;
	if (tw__control_prepare(gen, err) != 0) {
		tw__log_sources_abandon();
		return -1;
	}
	if (tw__listeners_open(gen, err) != 0) {
		tw__log_sources_abandon();
		tw__control_abandon();
		return -1;
	}
	tw__gen_publish(gen);
	tw__control_follow(gen);
	tw__affinity_follow(gen);
	return 0;
}

/* A daemon has no terminal: the log gets every message, else only the sum. */
static void
refusal_tell(
    const struct tw__run *run, const struct tw_report *report, const struct tw_err *err)
{
	char *save = NULL;
	char *line = run->daemon && report->text != NULL
	    ? strtok_r(report->text, "\n", &save)
	    : NULL;

	for (; line != NULL; line = strtok_r(NULL, "\n", &save))
		tw_log(TW_ALERT, "%s", line);
	tw_log(TW_ALERT,
	    "Reload refused: %s. The running configuration goes "
	    "on.",
	    err->text);
}

int
tw__reload(struct tw__run *run)
{
	struct tw_report report = { .to = run->daemon ? NULL : stderr,
		.quiet_warnings = run->quiet };
	struct tw_err err = { "" };

	tw__tell_master(run, TW__TELL_RELOADING);
	struct tw_gen *gen = tw__gen_build(run->opt.files, run->opt.n_files, &report);
	int rc = gen_accept(run, gen, &report, &err);
	if (rc == 0)
		rc = gen_enter(gen, &err);
	if (rc == 0) {
		tw_log(TW_NOTICE, "Reloaded: configuration %llu is in force.",
		    (unsigned long long)gen->number);
		tw__lend_sockets(run);
	} else {
		refusal_tell(run, &report, &err);
		tw__gen_free(&gen);
	}
	tw__tell_master(run, rc == 0 ? TW__TELL_RELOADED : TW__TELL_REFUSED);
	free(report.text);
	return rc;
}

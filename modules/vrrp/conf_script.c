/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conf_script.c - vrrp_script, vrrp_track_process, track_file.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "conf.h"

/* A struct's weight and whether it is reversed, wherever they are. */
static void
weight_read(struct vr_reader *r, const struct vr_line *l, const struct vr_kw *kw,
    int *weight, bool *reverse)
{
	int64_t value;

	if (vr_get_int(r, l, l->word[1], kw->low, kw->high, &value) != 0)
		return;
	*weight = (int)value;
	*reverse = l->n_words > 2 && strcmp(l->word[2], "reverse") == 0;
	if (l->n_words > 2 && !*reverse)
		vr_expected(r, l, l->word[2], "nothing or 'reverse' behind the number");
}

/* returns: whether the name is taken in a table; reported. */
static bool
is_taken(struct vr_reader *r, const struct vr_line *l, const char *name)
{
	if (name == NULL || strcmp(l->word[1], name) != 0)
		return false;
	vr_fail(r->rep, &l->where, "a second %s '%s': give it another name", l->word[0],
	    l->word[1]);
	return true;
}

/* --- vrrp_script --------------------------------------------------------- */

/* Words that were meant as arguments count, though keepalived drops them: what
 * is left of the command could succeed always. */
static const char *
unquoted(struct vr_reader *r, const struct vr_line *l)
{
	const char *text = l->word[1];

	for (unsigned i = 2; i < l->n_words; i++)
		text = tw_arena_printf(r->arena,
		    strpbrk(l->word[i], " \t") != NULL ? "%s \"%s\"" : "%s %s", text,
		    l->word[i]);
	if (l->n_words > 2)
		vr_warn(r->rep, &l->where,
		    "keepalived would run '%s' without its arguments: put all of it into "
		    "quotes: script \"%s\"",
		    l->word[1], text);
	return text;
}

static void
set_script(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	(void)kw;
	vr_command_split(r, l, unquoted(r, l), &((struct vr_script *)to)->run);
}

static void
set_script_weight(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	struct vr_script *const s = to;
	weight_read(r, l, kw, &s->weight, &s->reverse);
}

static void
set_script_user(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	struct vr_script *const s = to;
	(void)kw;
	s->run.has_user = vr_user_read(r, l, 1, &s->run.uid, &s->run.gid) == 0;
}

#define DAY_US (86400 * INT64_C(1000000))

const struct vr_kw vr_kw_script[] = {
	{ "script", "COMMAND", VR_KW_WORKS, 1, VR_ANY, 0, set_script,
	    .help = "program and arguments, in quotes; no shell" },
	{ "interval", "SECONDS", VR_KW_WORKS, 1, 1, 0, vr_set_seconds,
	    VR_AT(struct vr_script, interval_us), 1000, DAY_US,
	    "between two runs; 1 unless given; fractions are possible" },
	{ "timeout", "SECONDS", VR_KW_WORKS, 1, 1, 0, vr_set_seconds,
	    VR_AT(struct vr_script, timeout_us), 1000, DAY_US,
	    "a run that takes longer counts as failed; the interval unless given" },
	{ "weight", "NUMBER [reverse]", VR_KW_WORKS, 1, 2, 0, set_script_weight,
	    .low = -253, .high = 253,
	    .help = "added while it succeeds, or (negative) while it fails; 0, the "
		    "default: a failure is FAULT" },
	{ "rise", "NUMBER", VR_KW_WORKS, 1, 1, 0, vr_set_int,
	    VR_AT(struct vr_script, rise), 1, INT32_MAX,
	    "successes in a row until it counts as good; 1 unless given" },
	{ "fall", "NUMBER", VR_KW_WORKS, 1, 1, 0, vr_set_int,
	    VR_AT(struct vr_script, fall), 1, INT32_MAX,
	    "failures in a row until it counts as bad; 1 unless given" },
	{ "user", "USER [GROUP]", VR_KW_WORKS, 1, 2, 0, set_script_user,
	    .help = "whom it runs as; script_user unless given" },
	{ "init_fail", "", VR_KW_WORKS, 0, 0, 0, vr_set_flag,
	    VR_AT(struct vr_script, init_fail), .help = "counts as bad at first" },
	{ .word = NULL },
};

static void
script_finish(struct vr_reader *r, struct vr_script *s)
{
	if (s->run.argv == NULL) {
		vr_fail(r->rep, &s->where,
		    "vrrp_script '%s' has no script: write script \"COMMAND\" into it",
		    s->name);
		return;
	}
	if (s->timeout_us == 0)
		s->timeout_us = s->interval_us;
	vr_command_user(r, &s->where, &s->run);
	vr_command_check(r, &s->where, &s->run);
}

void
vr_set_script(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	struct vr_conf *const conf = to;

	(void)kw;
	for (unsigned i = 0; i < conf->n_scripts; i++) {
		if (is_taken(r, l, conf->script[i].name))
			return;
	}
	conf->script = vr_grow(r, conf->script, conf->n_scripts, sizeof(*conf->script));
	struct vr_script *const s = &conf->script[conf->n_scripts++];
	*s = (struct vr_script){ .name = l->word[1],
		.where = l->where,
		.rise = 1,
		.fall = 1,
		.interval_us = 1000000,
		.run.is_check = true };
	vr_block_read(r, vr_kw_script, "vrrp_script", l->child, s);
	script_finish(r, s);
}

/* --- vrrp_track_process -------------------------------------------------- */

static void
set_command(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	struct vr_track_process *const p = to;

	(void)kw;
	p->command = l->word[1];
	for (unsigned i = 2; i < l->n_words; i++)
		p->param = p->param == NULL
		    ? l->word[i]
		    : tw_arena_printf(r->arena, "%s %s", p->param, l->word[i]);
}

static void
set_param_match(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	struct vr_track_process *const p = to;

	(void)kw;
	if (strcmp(l->word[1], "initial") != 0 && strcmp(l->word[1], "partial") != 0)
		vr_expected(r, l, l->word[1], "initial or partial");
	p->param_initial = true;
}

/* param_match without parameters: the process must have none. */
static void
param_finish(struct vr_track_process *p)
{
	if (p->param != NULL || !p->param_initial)
		return;
	p->param = "";
	p->param_initial = false;
}

static void
set_process_weight(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	struct vr_track_process *const p = to;
	weight_read(r, l, kw, &p->weight, &p->reverse);
}

static void
set_quorum_max(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	if (strcmp(l->word[1], "0") == 0)
		vr_fail(r->rep, &l->where,
		    "'quorum_max 0' is not supported yet: write 'weight 0 reverse' for a "
		    "process that must not run");
	else
		vr_set_int(r, to, l, kw);
}

static void
set_delay(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	struct vr_track_process *const p = to;
	vr_set_seconds(r, to, l, kw);
	p->terminate_delay_us = p->fork_delay_us;
}

const struct vr_kw vr_kw_process[] = {
	{ "process", "COMMAND [PARAMETER ...]", VR_KW_WORKS, 1, VR_ANY, 0, set_command,
	    .help = "name of the process; with parameters: its command line" },
	{ "param_match", "initial|partial", VR_KW_WORKS, 1, 1, 0, set_param_match,
	    .help = "the parameters are the beginning of the process's" },
	{ "weight", "NUMBER [reverse]", VR_KW_WORKS, 1, 2, 0, set_process_weight,
	    .low = -254, .high = 254, .help = "1 unless given; 0: FAULT" },
	{ "quorum", "NUMBER", VR_KW_WORKS, 1, 1, 0, vr_set_int,
	    VR_AT(struct vr_track_process, quorum), 1, 65535,
	    "as many must run; 1 unless given" },
	{ "quorum_max", "NUMBER", VR_KW_WORKS, 1, 1, 0, set_quorum_max,
	    VR_AT(struct vr_track_process, quorum_max), 1, 65535, "more must not run" },
	{ "fork_delay", "SECONDS", VR_KW_WORKS, 1, 1, 0, vr_set_seconds,
	    VR_AT(struct vr_track_process, fork_delay_us), 0, DAY_US,
	    "until a process that started counts" },
	{ "terminate_delay", "SECONDS", VR_KW_WORKS, 1, 1, 0, vr_set_seconds,
	    VR_AT(struct vr_track_process, terminate_delay_us), 0, DAY_US,
	    "until a process that ended counts" },
	{ "delay", "SECONDS", VR_KW_WORKS, 1, 1, 0, set_delay,
	    VR_AT(struct vr_track_process, fork_delay_us), 0, DAY_US, "both delays" },
	{ "full_command", "", VR_KW_WORKS, 0, 0, 0, vr_set_flag,
	    VR_AT(struct vr_track_process, full_command),
	    .help = "the whole command line is compared" },
	{ .word = NULL },
};

void
vr_set_process(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	struct vr_conf *const conf = to;

	(void)kw;
	for (unsigned i = 0; i < conf->n_processes; i++) {
		if (is_taken(r, l, conf->process[i].name))
			return;
	}
	conf->process =
	    vr_grow(r, conf->process, conf->n_processes, sizeof(*conf->process));
	struct vr_track_process *const p = &conf->process[conf->n_processes++];
	*p = (struct vr_track_process){
		.name = l->word[1], .where = l->where, .quorum = 1, .weight = 1
	};
	vr_block_read(r, vr_kw_process, "vrrp_track_process", l->child, p);
	param_finish(p);
	if (p->command == NULL)
		vr_fail(r->rep, &p->where,
		    "vrrp_track_process '%s' has no process: write "
		    "process COMMAND into it",
		    p->name);
	if (p->quorum_max != 0 && p->quorum_max < p->quorum)
		vr_fail(r->rep, &p->where,
		    "vrrp_track_process '%s': quorum_max is below "
		    "quorum: it could never be good",
		    p->name);
}

/* --- track_file ---------------------------------------------------------- */

static void
set_file_weight(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	struct vr_track_file *const f = to;
	weight_read(r, l, kw, &f->weight, &f->reverse);
}

static void
set_init(struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	struct vr_track_file *const f = to;
	int64_t value;

	(void)kw;
	f->has_init = true;
	for (unsigned i = 1; i < l->n_words; i++) {
		if (strcmp(l->word[i], "overwrite") == 0)
			f->init_overwrite = true;
		else if (vr_get_int(r, l, l->word[i], INT32_MIN, INT32_MAX, &value) ==
		    0)
			f->init_value = (int)value;
	}
}

const struct vr_kw vr_kw_file[] = {
	{ "file", "PATH", VR_KW_WORKS, 1, 1, 0, vr_set_name,
	    VR_AT(struct vr_track_file, path), .help = "the number is read from it" },
	{ "weight", "NUMBER [reverse]", VR_KW_WORKS, 1, 2, 0, set_file_weight,
	    .low = -INT32_MAX, .high = INT32_MAX,
	    .help = "times the number; 1 unless given; 0: a number other than 0 is "
		    "FAULT" },
	{ "init_file", "[VALUE] [overwrite]", VR_KW_WORKS, 0, 2, 0, set_init,
	    .help = "written at start where there is no file" },
	{ .word = NULL },
};

void
vr_set_file(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	struct vr_conf *const conf = to;

	(void)kw;
	for (unsigned i = 0; i < conf->n_files; i++) {
		if (is_taken(r, l, conf->file[i].name))
			return;
	}
	conf->file = vr_grow(r, conf->file, conf->n_files, sizeof(*conf->file));
	struct vr_track_file *const f = &conf->file[conf->n_files++];
	*f = (struct vr_track_file){
		.name = l->word[1], .where = l->where, .weight = 1
	};
	vr_block_read(r, vr_kw_file, "track_file", l->child, f);
	if (f->path == NULL)
		vr_fail(r->rep, &f->where,
		    "track_file '%s' has no file: write file \"PATH\" into it",
		    f->name);
	else if (f->path[0] != '/')
		vr_fail(r->rep, &f->where,
		    "track_file '%s': the path '%s' must begin "
		    "with '/'",
		    f->name, f->path);
}

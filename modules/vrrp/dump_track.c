/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * dump_track.c - what is tracked and what is run, in keepalived's data dump.
 * The VRRP process.
 */
#include "config.h"

#include <inttypes.h>

#include "dump.h"

/* --- who tracks what --- */

static const struct {
	const char *title, *comma;
	bool named; /* there can be more than one */
} kinds[VR_N_TRACK_KINDS] = {
	[VR_TRACK_INTERFACE] = { "interfaces", "", true },
	[VR_TRACK_SCRIPT] = { "scripts", "", true },
	[VR_TRACK_FILE] = { "files", ",", true },
	[VR_TRACK_PROCESS] = { "processes", ",", true },
	[VR_TRACK_FRONTEND] = { "frontends", "", true },
	[VR_TRACK_BACKEND] = { "backends", "", true },
	[VR_TRACK_WORKER] = { "worker", "", false },
};

static void
track_dump(FILE *to, const struct vr_track *t)
{
	fprintf(to, "     %s%s weight %d%s", kinds[t->kind].named ? t->name : "worker",
	    kinds[t->kind].comma, t->weight, t->reverse ? " reverse" : "");
	if (t->kind == VR_TRACK_BACKEND)
		fprintf(to, " min-servers %" PRIu32, t->min_servers);
	fputc('\n', to);
}

void
vr_dump_tracks(FILE *to, const struct vr_track *track, unsigned n)
{
	static const enum vr_track_kind order[] = { VR_TRACK_INTERFACE, VR_TRACK_SCRIPT,
		VR_TRACK_FILE, VR_TRACK_PROCESS, VR_TRACK_FRONTEND, VR_TRACK_BACKEND,
		VR_TRACK_WORKER };

	for (size_t k = 0; k < TW_N_ELEMENTS(order); k++) {
		bool has_title = false;

		for (unsigned i = 0; i < n; i++) {
			if (track[i].kind != order[k])
				continue;
			if (!has_title)
				fprintf(to, "   Tracked %s :\n", kinds[order[k]].title);
			has_title = true;
			track_dump(to, &track[i]);
		}
	}
}

static void
trackers_scan(FILE *to, const struct vr_track *track, unsigned n_tracks,
    const struct vr_track *wanted, const char *who)
{
	for (unsigned i = 0; i < n_tracks; i++)
		if (track[i].kind == wanted->kind && track[i].index == wanted->index)
			fprintf(to, "     %s, weight %d%s\n", who, track[i].weight,
			    track[i].reverse ? " reverse" : "");
}

static void
trackers_dump(
    FILE *to, const struct vr_conf *conf, enum vr_track_kind kind, unsigned index)
{
	const struct vr_track wanted = { .kind = kind, .index = index };

	fputs("   Tracking instances :\n", to);
	for (unsigned i = 0; i < conf->n_instances; i++) {
		const struct vr_instance *const in = &conf->instance[i];

		trackers_scan(to, in->track, in->n_tracks, &wanted, in->name);
		if (in->group >= 0)
			trackers_scan(to, conf->group[in->group].track,
			    conf->group[in->group].n_tracks, &wanted, in->name);
	}
}

/* --- programs --- */

static void
command_dump(FILE *to, const char *label, const struct vr_command *cmd)
{
	char text[VR_TEXT_BYTES];

	if (cmd->argv == NULL)
		return;
	fprintf(to, "   %s state transition script = %s", label,
	    vr_text_command(cmd, text));
	if (cmd->has_user)
		fprintf(to, ", uid:gid %u:%u", (unsigned)cmd->uid, (unsigned)cmd->gid);
	fputc('\n', to);
}

void
vr_dump_notify(FILE *to, const struct vr_notify *notify)
{
	command_dump(to, "Backup", &notify->backup);
	command_dump(to, "Master", &notify->master);
	command_dump(to, "Fault", &notify->fault);
	command_dump(to, "Stop", &notify->stop);
	command_dump(to, "Deleted", &notify->deleted);
	command_dump(to, "Master rx lower pri", &notify->master_rx_lower_pri);
	command_dump(to, "Generic", &notify->any);
}

/* --- scripts, files, processes --- */

static void
result_dump(
    FILE *to, const struct vr_watch *watch, enum vr_track_kind kind, unsigned index)
{
	const struct vr_result *const r =
	    watch != NULL ? vr_watch_result(watch, kind, index) : NULL;
	char text[VR_TEXT_BYTES] = "";

	fprintf(to, "   Status = %s\n",
	    r == NULL || !r->known ? "INIT"
		: r->good          ? "GOOD"
				   : "BAD");
	if (kind == VR_TRACK_FILE)
		fprintf(to, "   Value = %d\n", r != NULL ? r->value : 0);
	if (watch != NULL)
		vr_watch_text(watch, kind, index, text, sizeof(text));
	if (text[0] != '\0')
		fprintf(to, "   Result = %s\n", text);
}

static void
weight_dump(FILE *to, int weight, bool reverse)
{
	fprintf(to, "   Weight = %d%s\n", weight, reverse ? " reverse" : "");
}

static void
script_dump(FILE *to, const struct vr_script *s)
{
	char text[VR_TEXT_BYTES];

	fprintf(to, " VRRP Script = %s\n   Command = %s\n", s->name,
	    vr_text_command(&s->run, text));
	fprintf(to, "   Interval = %g sec\n   Timeout = %g sec\n",
	    (double)s->interval_us / 1e6, (double)s->timeout_us / 1e6);
	weight_dump(to, s->weight, s->reverse);
	fprintf(to, "   Rise = %u\n   Fall = %u\n", s->rise, s->fall);
	fprintf(to, "   Init state = %s\n", s->init_fail ? "failed" : "unknown");
	if (s->run.has_user)
		fprintf(to, "   Script uid:gid = %u:%u\n", (unsigned)s->run.uid,
		    (unsigned)s->run.gid);
}

static void
process_dump(FILE *to, const struct vr_track_process *p)
{
	fprintf(to, " VRRP Track process = %s\n   Process = %s\n", p->name, p->command);
	if (p->param != NULL)
		fprintf(to, "   Parameters = %s%s\n", p->param,
		    p->param_initial ? " (initial match)" : "");
	fprintf(to, "   Min processes = %" PRIu32 "\n", p->quorum);
	if (p->quorum_max != 0)
		fprintf(to, "   Max processes = %" PRIu32 "\n", p->quorum_max);
	weight_dump(to, p->weight, p->reverse);
	fprintf(to, "   Terminate delay = %fs\n   Fork delay = %fs\n",
	    (double)p->terminate_delay_us / 1e6, (double)p->fork_delay_us / 1e6);
	fprintf(to, "   Full command = %s\n", p->full_command ? "true" : "false");
}

static void
scripts_dump(FILE *to, const struct vr_conf *conf, const struct vr_watch *watch)
{
	if (conf->n_scripts > 0)
		fputs("------< VRRP Scripts >------\n", to);
	for (unsigned i = 0; i < conf->n_scripts; i++) {
		script_dump(to, &conf->script[i]);
		result_dump(to, watch, VR_TRACK_SCRIPT, i);
		trackers_dump(to, conf, VR_TRACK_SCRIPT, i);
	}
}

static void
files_dump(FILE *to, const struct vr_conf *conf, const struct vr_watch *watch)
{
	if (conf->n_files > 0)
		fputs("------< VRRP Track files >------\n", to);
	for (unsigned i = 0; i < conf->n_files; i++) {
		fprintf(to, " Track file = %s\n   File = %s\n", conf->file[i].name,
		    conf->file[i].path);
		weight_dump(to, conf->file[i].weight, conf->file[i].reverse);
		result_dump(to, watch, VR_TRACK_FILE, i);
		trackers_dump(to, conf, VR_TRACK_FILE, i);
	}
}

static void
processes_dump(FILE *to, const struct vr_conf *conf, const struct vr_watch *watch)
{
	if (conf->n_processes > 0)
		fputs("------< VRRP Track processes >------\n", to);
	for (unsigned i = 0; i < conf->n_processes; i++) {
		process_dump(to, &conf->process[i]);
		result_dump(to, watch, VR_TRACK_PROCESS, i);
		trackers_dump(to, conf, VR_TRACK_PROCESS, i);
	}
}

void
vr_dump_things(FILE *to, const struct vr_conf *conf, const struct vr_watch *watch)
{
	scripts_dump(to, conf, watch);
	files_dump(to, conf, watch);
	processes_dump(to, conf, watch);
}

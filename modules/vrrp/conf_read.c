/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conf_read.c - a whole file: its blocks, then the names between them.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "conf.h"

#define BLOCK(name, args, n, setter, text)                                      \
	{                                                                       \
		name, args, VR_KW_WORKS, n, n, VR_BLOCK, setter, .help = (text) \
	}
#define LVS(name, args)                                                               \
	{                                                                             \
		name, args, VR_KW_WORKS, 0, VR_ANY, VR_MAY_BLOCK, vr_set_lvs,         \
		    .help = "skipped with a warning: LVS is not part of this program" \
	}
#define STATIC(name)                                                                \
	{                                                                           \
		name, "", VR_KW_REFUSED,                                            \
		    .block = VR_MAY_BLOCK,                                          \
		    .help =                                                         \
			"what does not move belongs into the system's own network " \
			"configuration"                                             \
	}
#define QUIET(name, args, text)                                                \
	{                                                                      \
		name, args, VR_KW_QUIET, .block = VR_MAY_BLOCK, .help = (text) \
	}

const struct vr_kw vr_kw_top[] = {
	BLOCK("global_defs", "", 0, vr_set_elsewhere, "for the process; defaults"),
	BLOCK("vrrp_instance", "NAME", 1, vr_set_instance, "a virtual router"),
	BLOCK(
	    "vrrp_sync_group", "NAME", 1, vr_set_group, "instances that move together"),
	BLOCK("vrrp_script", "NAME", 1, vr_set_script, "a check by a program"),
	BLOCK("vrrp_track_process", "NAME", 1, vr_set_process,
	    "a check that processes run"),
	BLOCK("track_process", "NAME", 1, vr_set_process, "as vrrp_track_process"),
	BLOCK("track_file", "NAME", 1, vr_set_file, "a number in a file"),
	BLOCK("vrrp_track_file", "NAME", 1, vr_set_file, "as track_file"),
	{ "garp_group", "", VR_KW_WORKS, 0, 0, VR_BLOCK, vr_set_garp_group,
	    .help = "pauses between announcements on some interfaces" },
	STATIC("static_ipaddress"),
	STATIC("static_routes"),
	STATIC("static_rules"),
	STATIC("track_group"),
	{ "bfd_instance", "NAME", VR_KW_REFUSED, .block = VR_MAY_BLOCK,
	    .help = "BFD; use track_script or the second path (vrrp-peer)" },
	{ "interface_up_down_delays", "", VR_KW_REFUSED, .block = VR_MAY_BLOCK,
	    .help = "an interface's state counts at once" },
	{ "linkbeat_interfaces", "", VR_KW_NOTED, .block = VR_MAY_BLOCK,
	    .help = "the kernel tells when a link goes" },
	{ "linkbeat_use_polling", "", VR_KW_NOTED, .block = VR_MAY_BLOCK,
	    .help = "the kernel tells when a link goes" },
	{ "net_namespace", "NAME", VR_KW_REFUSED, .block = VR_MAY_BLOCK,
	    .help = "start the program in it: ip netns exec NAME" },
	QUIET("net_namespace_ipvs", "NAME",
	    "about LVS, which is not part of this program"),
	QUIET("namespace_with_ipsets", "", "no firewall rules are made"),
	QUIET("instance", "NAME", "file names of process ids"),
	QUIET("use_pid_dir", "", "file names of process ids"),
	QUIET("child_wait_time", "SECONDS", "the program has its own limits"),
	{ "include_check", "[CHECK ...]", VR_KW_WORKS, 0, VR_ANY, 0, vr_set_elsewhere,
	    .help = "what of include is an error" },
	LVS("virtual_server", "ADDRESS [PORT]"),
	LVS("virtual_server_group", "NAME"),
	LVS("real_server", "ADDRESS [PORT]"),
	LVS("SSL", ""),
	{ .word = NULL },
};

static void
instances_resolve(struct vr_reader *r)
{
	for (unsigned i = 0; i < r->conf->n_instances; i++) {
		struct vr_instance *const in = &r->conf->instance[i];
		vr_tracks_resolve(r, &r->draft[i], &in->track, &in->n_tracks);
	}
}

static void
conf_build(struct vr_reader *r)
{
	vr_globals_read(r);
	vr_block_read(r, vr_kw_top, "the top level", r->lines, r->conf);
	instances_resolve(r);
	vr_groups_resolve(r);
	vr_garp_groups_apply(r);
	vr_instances_compare(r);
}

struct vr_conf *
vr_conf_read_from(const char *path, const struct vr_source *from, struct vr_report *rep)
{
	struct tw_arena *const arena = tw_arena_new(0);
	struct vr_conf *conf = tw_arena_zalloc(arena, sizeof(*conf));
	struct vr_reader *const r = calloc(1, sizeof(*r));
	const unsigned errors = rep->n_errors;

	conf->arena = arena;
	conf->path = tw_arena_strdup(arena, path);
	if (r == NULL) {
		vr_fail(rep, &(struct vr_where){ .file = path }, "out of memory");
	} else {
		r->conf = conf;
		r->arena = arena;
		r->rep = rep;
		r->blind = from->text != NULL;
		r->rule_priority = 16384;
		r->lines = vr_tree_read(arena, conf->path, from, rep);
		if (rep->n_errors == errors) /* else what follows is confused */
			conf_build(r);
	}
	free(r);
	if (rep->n_errors != errors)
		vr_conf_free(&conf);
	return conf;
}

struct vr_conf *
vr_conf_read(const char *path, struct vr_report *rep)
{
	static const struct vr_source plain = { 0 };
	return vr_conf_read_from(path, &plain, rep);
}

void
vr_conf_free(struct vr_conf **conf)
{
	if (*conf == NULL)
		return;
	struct tw_arena *arena = (*conf)->arena;
	tw_arena_free(&arena);
	*conf = NULL;
}

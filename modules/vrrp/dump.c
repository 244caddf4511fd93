/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * dump.c - keepalived's data dump (SIGUSR1): the whole, its head, the groups.
 * The VRRP process.
 */
#include "config.h"

#include <inttypes.h>

#include "dump.h"

static void
yes_no(FILE *to, const char *label, bool on)
{
	fprintf(to, " %s = %s\n", label, on ? "true" : "false");
}

static void
path_dump(FILE *to, const char *label, const char *path)
{
	if (path != NULL)
		fprintf(to, " %s = %s\n", label, path);
}

static void
command_dump(FILE *to, const char *label, const struct vr_command *cmd)
{
	char text[VR_TEXT_BYTES];

	if (cmd->argv != NULL)
		fprintf(to, " %s = %s, uid:gid %u:%u\n", label,
		    vr_text_command(cmd, text), (unsigned)cmd->uid, (unsigned)cmd->gid);
}

static void
fifos_dump(FILE *to, const struct vr_globals *g)
{
	path_dump(to, "Global notify fifo", g->notify_fifo.path);
	command_dump(to, "Global notify fifo script", &g->notify_fifo.script);
	path_dump(to, "VRRP notify fifo", g->vrrp_fifo.path);
	command_dump(to, "VRRP notify fifo script", &g->vrrp_fifo.script);
	command_dump(to, "Startup script", &g->startup_script);
	command_dump(to, "Shutdown script", &g->shutdown_script);
}

void
vr_dump_globals(FILE *to, const struct vr_globals *g)
{
	fputs("------< Global definitions >------\n", to);
	path_dump(to, "Router ID", g->router_id);
	fifos_dump(to, g);
	fprintf(to, " VRRP default protocol version = %u\n", g->version);
	yes_no(to, "VRRP skip check advert addresses", g->skip_check_adv_addr);
	yes_no(to, "VRRP strict mode", g->strict);
	fprintf(to, " VRRP process priority = %d\n", g->process_priority);
	yes_no(to, "VRRP don't swap", g->no_swap);
	fprintf(to, " VRRP realtime priority = %d\n", g->rt_priority);
	fprintf(to, " VRRP realtime limit = %" PRIu64 "\n", g->rlimit_rttime_us);
	fprintf(
	    to, " Script security %s\n", g->script_security ? "enabled" : "disabled");
	if (g->has_script_user)
		fprintf(to, " Default script uid:gid %u:%u\n", (unsigned)g->script_uid,
		    (unsigned)g->script_gid);
	if (g->startup_delay_us != 0)
		fprintf(to, " vrrp_startup_delay = %g\n",
		    (double)g->startup_delay_us / 1e6);
}

/* The others follow whoever moved last; while they do, FAULT counts most. */
static enum vr_state
group_state(const struct vr_group *g, const struct vr_router *routers)
{
	enum vr_state state = VR_INIT;

	for (unsigned i = 0; i < g->n_members; i++) {
		state = routers[g->member[i]].state;
		if (state == VR_FAULT)
			break;
	}
	return state;
}

static unsigned
count(const struct vr_group *g, const struct vr_router *routers, enum vr_state state)
{
	unsigned n = 0;

	for (unsigned i = 0; i < g->n_members; i++)
		n += routers[g->member[i]].state == state;
	return n;
}

static void
group_dump(FILE *to, const struct vr_conf *conf, const struct vr_group *g,
    const struct vr_router *routers)
{
	fprintf(to, " VRRP Sync Group = %s, %s\n", g->name,
	    vr_state_name(group_state(g, routers)));
	fprintf(to, "   Num member fault %u, num member init %u\n",
	    count(g, routers, VR_FAULT), count(g, routers, VR_INIT));
	fputs("   VRRP member instances :\n", to);
	for (unsigned i = 0; i < g->n_members; i++)
		fprintf(to, "     %s\n", conf->instance[g->member[i]].name);
	if (g->tracking_weight)
		fputs("   sync group tracking weight set\n", to);
	vr_dump_tracks(to, g->track, g->n_tracks);
	vr_dump_notify(to, &g->notify);
}

void
vr_dump_data(FILE *to, const struct vr_conf *conf, const struct vr_router *routers,
    const struct vr_watch *watch)
{
	vr_dump_globals(to, &conf->global);
	fputs("------< VRRP Topology >------\n", to);
	for (unsigned i = 0; i < conf->n_instances; i++)
		vr_dump_instance(to, conf, &routers[i]);
	if (conf->n_groups > 0)
		fputs("------< VRRP Sync groups >------\n", to);
	for (unsigned i = 0; i < conf->n_groups; i++)
		group_dump(to, conf, &conf->group[i], routers);
	vr_dump_things(to, conf, watch);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * lint.c - warnings about a file that can be read, but hardly does what was
 * meant: the mistakes that are made again and again in keepalived.conf files.
 */
#include "config.h"

#include <string.h>

#include "lint.h"

/* --- weights ------------------------------------------------------------- */

/* What a tracked thing adds while it is good, and while it is bad. */
static void
adjustments(const struct vr_track *t, int *good, int *bad)
{
	const int weight = t->reverse ? -t->weight : t->weight;
	*good = t->weight > 0 ? weight : 0;
	*bad = t->weight < 0 ? weight : 0;
}

static void
range_add(struct vr_range *range, const struct vr_track *track, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		int good, bad;
		if (track[i].weight == 0)
			continue;
		adjustments(&track[i], &good, &bad);
		range->has_weights = true;
		range->is_open |= track[i].kind == VR_TRACK_FILE;
		range->healthy += good;
		range->lowest += good < bad ? good : bad;
		range->highest += good > bad ? good : bad;
	}
}

struct vr_range
vr_range_of(const struct vr_conf *conf, const struct vr_instance *in)
{
	struct vr_range range = { in->priority, in->priority, in->priority, false,
		false };

	range_add(&range, in->track, in->n_tracks);
	if (in->group >= 0)
		range_add(&range, conf->group[in->group].track,
		    conf->group[in->group].n_tracks);
	if (in->priority == VR_OWNER)
		range.lowest = range.highest = range.healthy = VR_OWNER;
	return range;
}

static void
lint_weights(
    const struct vr_conf *conf, const struct vr_instance *in, struct vr_report *rep)
{
	const struct vr_range range = vr_range_of(conf, in);

	if (!range.has_weights)
		return;
	if (in->priority == VR_OWNER)
		vr_warn(rep, &in->where,
		    "'%s': priority 255 owns the addresses: the weights of what it tracks "
		    "never count; write a lower priority, or weight 0",
		    in->name);
	else if (range.highest > 254 || range.lowest < 1)
		vr_warn(rep, &in->where,
		    "'%s': with its weights the priority may be %d to %d, but it is kept "
		    "within 1 to 254, so that some of them have no effect",
		    in->name, range.lowest, range.highest);
	if (in->nopreempt)
		vr_warn(rep, &in->where,
		    "'%s': with nopreempt a router does not take over from a master whose "
		    "checks fail by weight; use weight 0 for what must move the address",
		    in->name);
}

/* --- scripts ------------------------------------------------------------- */

static bool
is_tracked_by(
    const struct vr_track *track, unsigned n, enum vr_track_kind kind, unsigned index)
{
	for (unsigned i = 0; i < n; i++) {
		if (track[i].kind == kind && track[i].index == index)
			return true;
	}
	return false;
}

static bool
is_tracked(const struct vr_conf *conf, enum vr_track_kind kind, unsigned index)
{
	for (unsigned i = 0; i < conf->n_instances; i++) {
		const struct vr_instance *const in = &conf->instance[i];
		if (is_tracked_by(in->track, in->n_tracks, kind, index))
			return true;
	}
	for (unsigned i = 0; i < conf->n_groups; i++) {
		const struct vr_group *const g = &conf->group[i];
		if (is_tracked_by(g->track, g->n_tracks, kind, index))
			return true;
	}
	return false;
}

static void
unused(const struct vr_where *at, const char *what, const char *name, const char *how,
    struct vr_report *rep)
{
	vr_warn(rep, at,
	    "%s '%s' is used nowhere, so it is never looked at: write %s { %s } into the "
	    "vrrp_instance, or remove it",
	    what, name, how, name);
}

static void
lint_unused(const struct vr_conf *conf, struct vr_report *rep)
{
	for (unsigned i = 0; i < conf->n_scripts; i++) {
		if (!is_tracked(conf, VR_TRACK_SCRIPT, i))
			unused(&conf->script[i].where, "vrrp_script",
			    conf->script[i].name, "track_script", rep);
	}
	for (unsigned i = 0; i < conf->n_processes; i++) {
		if (!is_tracked(conf, VR_TRACK_PROCESS, i))
			unused(&conf->process[i].where, "vrrp_track_process",
			    conf->process[i].name, "track_process", rep);
	}
	for (unsigned i = 0; i < conf->n_files; i++) {
		if (!is_tracked(conf, VR_TRACK_FILE, i))
			unused(&conf->file[i].where, "track_file", conf->file[i].name,
			    "track_file", rep);
	}
}

static bool
names_balancer(const char *text)
{
	return text != NULL && strstr(text, "haproxy") != NULL;
}

/* killall -0 haproxy, pidof haproxy, systemctl is-active haproxy, ... */
static bool
is_process_check(const struct vr_command *c)
{
	static const char *const programs[] = { "killall", "pidof", "pgrep",
		"systemctl", "service" };
	const char *const slash = strrchr(c->argv[0], '/');
	const char *const name = slash != NULL ? slash + 1 : c->argv[0];

	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		if (strcmp(name, programs[i]) == 0)
			return names_balancer(c->text);
	}
	return false;
}

static void
say_worker(struct vr_report *rep, const struct vr_where *at, const char *name)
{
	vr_warn(rep, at,
	    "'%s' asks whether a process called haproxy exists: here the balancer is "
	    "this program, so it would fail; write track_worker into the vrrp_instance, "
	    "which also sees one that is stuck",
	    name);
}

static void
lint_process_checks(const struct vr_conf *conf, struct vr_report *rep)
{
	for (unsigned i = 0; i < conf->n_scripts; i++) {
		if (is_process_check(&conf->script[i].run))
			say_worker(rep, &conf->script[i].where, conf->script[i].name);
	}
	for (unsigned i = 0; i < conf->n_processes; i++) {
		if (names_balancer(conf->process[i].command))
			say_worker(rep, &conf->process[i].where, conf->process[i].name);
	}
}

/* --- addresses ----------------------------------------------------------- */

static void
same_address(const struct vr_instance *a, const struct vr_vip *v,
    const struct vr_instance *b, struct vr_report *rep)
{
	char text[64];

	for (unsigned i = 0; i < b->n_vips; i++) {
		if (&b->vip[i] == v)
			return; /* each pair once */
		if (vr_ip_cmp(&b->vip[i].ip, &v->ip) == 0)
			vr_warn(rep, &v->where,
			    "%s of '%s' stands on line %d already, for '%s': remove one",
			    vr_ip_out(&v->ip, text, sizeof(text)), a->name,
			    b->vip[i].where.line, b->name);
	}
}

static void
lint_addresses(const struct vr_conf *conf, struct vr_report *rep)
{
	for (unsigned i = 0; i < conf->n_instances; i++) {
		const struct vr_instance *const a = &conf->instance[i];
		for (unsigned j = 0; j < a->n_vips; j++) {
			for (unsigned k = 0; k <= i; k++)
				same_address(a, &a->vip[j], &conf->instance[k], rep);
		}
	}
}

void
vr_lint(const struct vr_conf *conf, const struct vr_conf *peer, struct vr_report *rep)
{
	for (unsigned i = 0; i < conf->n_instances; i++)
		lint_weights(conf, &conf->instance[i], rep);
	lint_unused(conf, rep);
	lint_process_checks(conf, rep);
	lint_addresses(conf, rep);
	vr_lint_net(conf, rep);
	vr_lint_firewall(conf, rep);
	if (peer != NULL)
		vr_lint_peer(conf, peer, rep);
}

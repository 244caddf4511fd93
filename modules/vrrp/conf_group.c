/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conf_group.c - vrrp_sync_group and garp_group.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "conf.h"

#define GR(field) VR_AT(struct vr_group, field)

static void
set_members(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	(void)to, (void)kw;
	if (r->now->members != NULL)
		vr_fail(
		    r->rep, &l->where, "a second 'group': write all names into one");
	else
		r->now->members = l;
}

const struct vr_kw vr_kw_group[] = {
	{ "group", "", VR_KW_WORKS, 0, 0, VR_BLOCK, set_members,
	    .help = "names of the instances that move together" },
	VR_TRACK_KWS,
	VR_NOTIFY_KWS(GR),
	{ "sync_group_tracking_weight", "", VR_KW_WORKS, 0, 0, 0, vr_set_flag,
	    GR(tracking_weight),
	    .help = "what members track may change their priorities" },
	{ "smtp_alert", "[BOOL]", VR_KW_NOTED,
	    .help = "no mail is sent; a notify script can send it" },
	{ "global_tracking", "", VR_KW_NOTED,
	    .help = "a member's fault is the group's anyway; let the group track what "
		    "all need" },
	{ .word = NULL },
};

void
vr_set_group(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	struct vr_conf *const conf = to;
	const unsigned n = conf->n_groups;

	(void)kw;
	for (unsigned i = 0; i < n; i++) {
		if (strcmp(l->word[1], conf->group[i].name) == 0) {
			vr_fail(r->rep, &l->where,
			    "a second vrrp_sync_group '%s': give it another name",
			    l->word[1]);
			return;
		}
	}
	conf->group = vr_grow(r, conf->group, n, sizeof(*conf->group));
	r->group_draft = vr_grow(r, r->group_draft, n, sizeof(*r->group_draft));
	r->now = &r->group_draft[n];
	conf->n_groups++;
	struct vr_group *const g = &conf->group[n];
	g->name = l->word[1];
	g->where = l->where;
	g->notify.priority_changes = r->defaults.notify.priority_changes;
	vr_block_read(r, vr_kw_group, "vrrp_sync_group", l->child, g);
}

/* --- members ------------------------------------------------------------- */

static const char *
instance_name(const void *conf, unsigned i)
{
	const struct vr_conf *const c = conf;
	return i < c->n_instances ? c->instance[i].name : NULL;
}

static void
member_missing(struct vr_reader *r, const struct vr_line *l, const char *word)
{
	const char *const near = vr_nearest(word, instance_name, r->conf);
	vr_fail(r->rep, &l->where,
	    "there is no vrrp_instance '%s'%s%s%s: define it, or remove the name", word,
	    near != NULL ? "; is '" : "", near != NULL ? near : "",
	    near != NULL ? "' meant?" : "");
}

/* A member must not change its priority alone: what it tracks by weight is left
 * out. */
static void
weights_clear(struct vr_reader *r, const struct vr_group *g, struct vr_instance *in)
{
	for (unsigned i = 0; i < in->n_tracks; i++) {
		struct vr_track *const t = &in->track[i];
		if (t->weight == 0 || g->tracking_weight)
			continue;
		vr_warn(r->rep, &t->where,
		    "'%s' is in sync group '%s': what it tracks with a weight is ignored, "
		    "as by keepalived; use weight 0, let the group track it, or write "
		    "sync_group_tracking_weight into the group",
		    in->name, g->name);
		memmove(t, t + 1, (in->n_tracks - i - 1) * sizeof(*t));
		in->n_tracks--;
		i--;
	}
}

static void
member_add(
    struct vr_reader *r, unsigned group, const struct vr_line *l, const char *word)
{
	struct vr_group *const g = &r->conf->group[group];
	unsigned i = 0;

	while (i < r->conf->n_instances && strcmp(r->conf->instance[i].name, word) != 0)
		i++;
	if (i == r->conf->n_instances) {
		member_missing(r, l, word);
		return;
	}
	struct vr_instance *const in = &r->conf->instance[i];
	if (in->group >= 0) {
		vr_fail(r->rep, &l->where,
		    "'%s' is in sync group '%s' already: an instance has one group",
		    word, r->conf->group[in->group].name);
		return;
	}
	in->group = (int)group;
	weights_clear(r, g, in);
	g->member = vr_grow(r, g->member, g->n_members, sizeof(*g->member));
	g->member[g->n_members++] = i;
}

static void
group_resolve(struct vr_reader *r, unsigned i)
{
	struct vr_group *const g = &r->conf->group[i];
	const struct vr_draft *const d = &r->group_draft[i];

	vr_tracks_resolve(r, d, &g->track, &g->n_tracks);
	for (const struct vr_line *l = d->members != NULL ? d->members->child : NULL;
	     l != NULL; l = l->next) {
		for (unsigned j = 0; j < l->n_words; j++)
			member_add(r, i, l, l->word[j]);
	}
	if (d->members == NULL)
		vr_fail(r->rep, &g->where,
		    "vrrp_sync_group '%s' has no members: write group { NAME ... } into it",
		    g->name);
	else if (g->n_members < 2)
		vr_warn(r->rep, &g->where,
		    "vrrp_sync_group '%s' has %u members: it does "
		    "nothing for fewer than two",
		    g->name, g->n_members);
}

void
vr_groups_resolve(struct vr_reader *r)
{
	for (unsigned i = 0; i < r->conf->n_groups; i++)
		group_resolve(r, i);
}

/* --- garp_group ---------------------------------------------------------- */

struct garp_group {
	uint64_t garp_us, na_us;
	const char *interface;
	const struct vr_line *interfaces;
};

static void
set_garp_interfaces(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	(void)r, (void)kw;
	((struct garp_group *)to)->interfaces = l;
}

const struct vr_kw vr_kw_garp[] = {
	{ "garp_interval", "SECONDS", VR_KW_WORKS, 1, 1, 0, vr_set_seconds,
	    VR_AT(struct garp_group, garp_us), 0, 10000000,
	    "pause between gratuitous ARPs" },
	{ "gna_interval", "SECONDS", VR_KW_WORKS, 1, 1, 0, vr_set_seconds,
	    VR_AT(struct garp_group, na_us), 0, 10000000,
	    "pause between neighbour advertisements" },
	{ "interface", "NAME", VR_KW_WORKS, 1, 1, 0, vr_set_name,
	    VR_AT(struct garp_group, interface), .help = "where that holds" },
	{ "interfaces", "", VR_KW_WORKS, 0, 0, VR_BLOCK, set_garp_interfaces,
	    .help = "where that holds; each has a pause of its own" },
	{ .word = NULL },
};

void
vr_set_garp_group(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	(void)to, (void)kw;
	r->garp_group =
	    vr_grow(r, r->garp_group, r->n_garp_groups, sizeof(*r->garp_group));
	r->garp_group[r->n_garp_groups++] = l;
}

static void
garp_apply(struct vr_reader *r, const struct garp_group *g, const char *interface)
{
	for (unsigned i = 0; i < r->conf->n_instances; i++) {
		struct vr_instance *const in = &r->conf->instance[i];
		if (in->interface == NULL || strcmp(in->interface, interface) != 0)
			continue;
		if (g->garp_us != UINT64_MAX)
			in->garp.interval_us = g->garp_us;
		if (g->na_us != UINT64_MAX)
			in->garp.na_interval_us = g->na_us;
	}
}

void
vr_garp_groups_apply(struct vr_reader *r)
{
	for (unsigned i = 0; i < r->n_garp_groups; i++) {
		const struct vr_line *const block = r->garp_group[i];
		struct garp_group g = { .garp_us = UINT64_MAX, .na_us = UINT64_MAX };
		vr_block_read(r, vr_kw_garp, "garp_group", block->child, &g);
		if ((g.interface != NULL) == (g.interfaces != NULL))
			vr_fail(r->rep, &block->where,
			    "garp_group needs either 'interface' or 'interfaces'");
		if (g.interface != NULL)
			garp_apply(r, &g, g.interface);
		if (g.interfaces == NULL)
			continue;
		for (const struct vr_line *l = g.interfaces->child; l != NULL;
		     l = l->next)
			garp_apply(r, &g, l->word[0]);
	}
}

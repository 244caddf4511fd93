/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * lint_peer.c - two routers' files against each other: what makes both master,
 * or keeps the address where it is.
 */
#include "config.h"

#include <string.h>

#include "lint.h"

/* Two instances of one virtual router, and where messages go. */
struct pair {
	const struct vr_instance *a, *b; /* ours, the peer's */
	const struct vr_conf *conf, *peer;
	struct vr_report *rep;
};

static const struct vr_instance *
same_router(const struct vr_conf *conf, const struct vr_instance *in)
{
	for (unsigned i = 0; i < conf->n_instances; i++) {
		const struct vr_instance *const other = &conf->instance[i];
		if (other->vrid == in->vrid && other->family == in->family)
			return other;
	}
	return NULL;
}

static const struct vr_instance *
same_name(const struct vr_conf *conf, const struct vr_instance *in)
{
	for (unsigned i = 0; i < conf->n_instances; i++) {
		if (strcmp(conf->instance[i].name, in->name) == 0)
			return &conf->instance[i];
	}
	return NULL;
}

static void
no_partner(
    const struct vr_instance *in, const struct vr_conf *peer, struct vr_report *rep)
{
	const struct vr_instance *const named = same_name(peer, in);

	if (named != NULL && named->vrid != in->vrid)
		vr_warn(rep, &in->where,
		    "'%s': virtual_router_id is %u here and %u in %s: they are two routers, "
		    "and both become master; write the same",
		    in->name, in->vrid, named->vrid, peer->path);
	else if (named != NULL)
		vr_warn(rep, &in->where,
		    "'%s': IPv4 in one file and IPv6 in the other: "
		    "both become master",
		    in->name);
	else
		vr_warn(rep, &in->where,
		    "'%s': no instance of %s has its virtual_router_id %u: nobody takes "
		    "over from it",
		    in->name, peer->path, in->vrid);
}

static void
differs(const struct pair *p, const char *what, const char *effect)
{
	vr_warn(p->rep, &p->a->where, "'%s': %s differs from %s:%d: %s", p->a->name,
	    what, p->b->where.file, p->b->where.line, effect);
}

static const char both_masters[] =
    "each drops the other's advertisements, and both become master; write the same";

static bool
has_address(const struct vr_instance *in, const struct vr_ip *ip)
{
	for (unsigned i = 0; i < in->n_advertised; i++) {
		if (vr_ip_cmp(&in->vip[i].ip, ip) == 0)
			return true;
	}
	return false;
}

static bool
same_addresses(const struct vr_instance *a, const struct vr_instance *b)
{
	if (a->n_advertised != b->n_advertised)
		return false;
	for (unsigned i = 0; i < a->n_advertised; i++) {
		if (!has_address(b, &a->vip[i].ip))
			return false;
	}
	return true;
}

static void
compare_protocol(const struct pair *p)
{
	const struct vr_instance *const a = p->a, *const b = p->b;

	if (a->version != b->version)
		differs(p, "the version", both_masters);
	else if (a->version == 2 && a->advert_us != b->advert_us)
		differs(p, "advert_int", both_masters);
	else if (a->advert_us != b->advert_us)
		differs(
		    p, "advert_int", "a backup waits for the master's; write the same");
	if (a->auth != b->auth)
		differs(p, "authentication", both_masters);
	else if (memcmp(a->password, b->password, sizeof(a->password)) != 0)
		differs(p, "auth_pass", both_masters);
	if (!same_addresses(a, b))
		differs(p, "virtual_ipaddress", both_masters);
}

static bool
is_peer(const struct vr_instance *in, const struct vr_ip *ip)
{
	for (unsigned i = 0; i < in->n_peers; i++) {
		if (vr_ip_cmp(&in->peer[i].ip, ip) == 0)
			return true;
	}
	return false;
}

static void
compare_paths(const struct pair *p)
{
	const struct vr_instance *const a = p->a, *const b = p->b;
	char text[64];

	if ((a->n_peers > 0) != (b->n_peers > 0))
		differs(p, "unicast or multicast", both_masters);
	else if (a->n_peers == 0 && vr_ip_cmp(&a->mcast_group, &b->mcast_group) != 0)
		differs(p, "the multicast group", both_masters);
	else if (a->n_peers > 0 && a->source.family != 0 && !is_peer(b, &a->source))
		vr_warn(p->rep, &a->where,
		    "'%s': its unicast_src_ip %s is no unicast_peer in %s: it is not heard "
		    "there",
		    a->name, vr_ip_out(&a->source, text, sizeof(text)), p->peer->path);
}

static int
limited(int priority)
{
	return priority < 1                          ? 1
	    : priority > 254 && priority != VR_OWNER ? 254
						     : priority;
}

/* Whoever is preferred while all is well must be able to fall below the other. */
static void
compare_priorities(const struct pair *p)
{
	const struct vr_range a = vr_range_of(p->conf, p->a);
	const struct vr_range b = vr_range_of(p->peer, p->b);
	const bool ours = a.healthy >= b.healthy;
	const struct vr_range *const first = ours ? &a : &b,
				     *const second = ours ? &b : &a;

	if (p->a->priority == p->b->priority)
		vr_warn(p->rep, &p->a->where,
		    "'%s': both files say priority %u: the higher address wins; write "
		    "different ones",
		    p->a->name, p->a->priority);
	if (p->a->wants_master && p->b->wants_master)
		vr_warn(p->rep, &p->a->where,
		    "'%s': both files say 'state MASTER': write BACKUP into one",
		    p->a->name);
	if (!a.has_weights && !b.has_weights)
		return;
	if (!first->is_open && !second->is_open &&
	    limited(first->lowest) > limited(second->highest))
		vr_warn(p->rep, ours ? &p->a->where : &p->b->where,
		    "'%s': its weights can never change the election: when all checks fail "
		    "it still has %d, the other at best %d; the weights must exceed the "
		    "difference of the priorities, or be 0",
		    ours ? p->a->name : p->b->name, limited(first->lowest),
		    limited(second->highest));
}

void
vr_lint_peer(
    const struct vr_conf *conf, const struct vr_conf *peer, struct vr_report *rep)
{
	for (unsigned i = 0; i < conf->n_instances; i++) {
		const struct vr_instance *const in = &conf->instance[i];
		const struct pair p = { in, same_router(peer, in), conf, peer, rep };
		if (p.b == NULL) {
			no_partner(in, peer, rep);
			continue;
		}
		compare_protocol(&p);
		compare_paths(&p);
		compare_priorities(&p);
	}
	for (unsigned i = 0; i < peer->n_instances; i++) {
		const struct vr_instance *const in = &peer->instance[i];
		if (same_router(conf, in) == NULL && same_name(conf, in) == NULL)
			no_partner(in, conf, rep);
	}
}

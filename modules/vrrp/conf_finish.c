/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conf_finish.c - what several lines of an instance say together: what may be
 * left out is filled in, what cannot be together is reported.
 *
 * Where keepalived silently does something else than the file says, so does
 * this, since the other router may be keepalived; but it says so.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "conf.h"

#define KEEP_MIN_US 1000000u

static const char *
family_name(uint8_t family)
{
	return family == AF_INET6 ? "IPv6" : "IPv4";
}

/* Advertised addresses first, in the file's order. */
static void
vips_sort(struct vr_reader *r, struct vr_instance *in)
{
	struct vr_vip *const sorted =
	    tw_arena_zalloc(r->arena, (in->n_vips + 1) * sizeof(*sorted));
	unsigned n = 0;

	for (int excluded = 0; excluded < 2; excluded++) {
		for (unsigned i = 0; i < in->n_vips; i++) {
			if (in->vip[i].excluded == (excluded != 0))
				sorted[n++] = in->vip[i];
		}
		if (excluded == 0)
			in->n_advertised = n;
	}
	in->vip = sorted;
}

static uint8_t
family_of(const struct vr_instance *in)
{
	if (in->native_ipv6)
		return AF_INET6;
	for (unsigned i = 0; i < in->n_vips; i++) {
		if (in->vip[i].ip.family != 0)
			return in->vip[i].ip.family;
	}
	if (in->source.family != 0)
		return in->source.family;
	return in->n_peers > 0 && in->peer[0].ip.family == AF_INET6 ? AF_INET6
								    : AF_INET;
}

static void
vips_finish(struct vr_reader *r, struct vr_instance *in)
{
	const char *const own = in->use_vmac ? in->vmac_name : in->interface;

	for (unsigned i = 0; i < in->n_vips; i++) {
		struct vr_vip *const v = &in->vip[i];
		if (v->dev == NULL)
			v->dev = v->ip.family == in->family ? own : in->interface;
		if (i < in->n_advertised && v->ip.family != in->family)
			vr_fail(r->rep, &v->where,
			    "an %s address among %s ones: move it to "
			    "virtual_ipaddress_excluded, or to an instance of its own",
			    family_name(v->ip.family), family_name(in->family));
	}
	if (in->n_advertised > VR_MAX_VIPS)
		vr_fail(r->rep, &in->where,
		    "'%s': %u addresses, but an advertisement holds %d: move some to "
		    "virtual_ipaddress_excluded",
		    in->name, in->n_advertised, VR_MAX_VIPS);
	if (in->n_advertised == 0)
		vr_warn(r->rep, &in->where,
		    "'%s' has no address in virtual_ipaddress: nothing moves to the master",
		    in->name);
}

static void
version_finish(struct vr_reader *r, struct vr_instance *in)
{
	if (in->family == AF_INET6 && !r->now->has_version)
		in->version = 3;
	if (in->family == AF_INET6 && in->version == 2)
		vr_fail(r->rep, &in->where,
		    "'%s': version 2 knows IPv4 only: write version 3, on all routers",
		    in->name);
}

static void
priority_finish(struct vr_reader *r, struct vr_instance *in)
{
	if (r->now->has_priority)
		return;
	in->priority = in->wants_master ? VR_OWNER : 100;
	if (in->wants_master)
		vr_warn(r->rep, &in->where,
		    "'%s': 'state MASTER' without 'priority' makes it 255, the owner of "
		    "the addresses, as with keepalived: weights do not count; write a "
		    "priority",
		    in->name);
}

static void
interval_finish(struct vr_reader *r, struct vr_instance *in)
{
	const uint64_t unit = in->version == 2 ? 1000000 : 10000;
	const uint64_t most = in->version == 2 ? 255000000 : 40950000;
	uint64_t us = (in->advert_us + unit / 2) / unit * unit;

	if (us == 0)
		us = unit;
	if (us > most) {
		vr_fail(r->rep, &in->where,
		    "'%s': advert_int is at most %g seconds in "
		    "version %u",
		    in->name, (double)most / 1e6, in->version);
		return;
	}
	if (us != in->advert_us)
		vr_warn(r->rep, &in->where,
		    "'%s': advert_int %g is rounded to %g, as by keepalived: version %u "
		    "counts in units of %g seconds%s",
		    in->name, (double)in->advert_us / 1e6, (double)us / 1e6,
		    in->version, (double)unit / 1e6,
		    in->version == 2 ? "; write version 3 for fractions" : "");
	in->advert_us = us;
}

static void
auth_finish(struct vr_reader *r, struct vr_instance *in)
{
	const struct vr_draft *const d = r->now;
	const char *why = NULL;

	if (d->auth_at.file == NULL)
		return;
	if (in->version == 3)
		why = "version 3 has no authentication";
	else if (!d->has_auth_type)
		why = "auth_type is missing: write auth_type PASS";
	else if (!d->has_password)
		why = "auth_pass is missing";
	if (why == NULL)
		return;
	in->auth = VR_AUTH_NONE;
	memset(in->password, 0, sizeof(in->password));
	vr_warn(r->rep, &d->auth_at, "authentication is ignored, as by keepalived: %s",
	    why);
}

static bool
is_vmac_taken(const struct vr_conf *conf, const struct vr_instance *in)
{
	for (unsigned i = 0; i < conf->n_instances; i++) {
		const struct vr_instance *const other = &conf->instance[i];
		if (other != in && other->use_vmac &&
		    strcmp(other->vmac_name, in->vmac_name) == 0)
			return true;
	}
	return false;
}

/* "vrrp.51", "vrrp1.51", ... */
static void
vmac_name(struct vr_reader *r, struct vr_instance *in)
{
	char number[8] = "";
	for (unsigned i = 1; i < 1000; i++) {
		snprintf(in->vmac_name, sizeof(in->vmac_name), "%s%s.%u",
		    r->vmac_prefix, number, in->vrid);
		if (!is_vmac_taken(r->conf, in))
			return;
		snprintf(number, sizeof(number), "%u", i);
	}
}

static void
vmac_finish(struct vr_reader *r, struct vr_instance *in)
{
	const uint8_t standard[6] = { 0, 0, 0x5e, 0, in->family == AF_INET6 ? 2 : 1,
		in->vrid };

	if (r->now->mac_len == 0)
		memcpy(in->vmac_mac, standard, sizeof(standard));
	else if (r->now->mac_len == 5)
		in->vmac_mac[5] = in->vrid;
	if (!in->use_vmac)
		return;
	if (in->vmac_name[0] == '\0')
		vmac_name(r, in);
	if (in->n_peers > 0 && !in->vmac_xmit_base) {
		in->vmac_xmit_base = true;
		vr_warn(r->rep, &in->where,
		    "'%s': use_vmac with unicast_peer works with vmac_xmit_base only, "
		    "which is taken as given: write it",
		    in->name);
	}
}

static void
one_family(struct vr_reader *r, const struct vr_instance *in, const struct vr_ip *ip,
    const char *what)
{
	char text[64];
	if (ip->family != 0 && ip->family != in->family)
		vr_fail(r->rep, &in->where,
		    "'%s': %s %s is no %s address, as the virtual "
		    "ones are",
		    in->name, what, vr_ip_out(ip, text, sizeof(text)),
		    family_name(in->family));
}

static void
unicast_finish(struct vr_reader *r, struct vr_instance *in)
{
	const struct vr_draft *const d = r->now;

	if (in->mcast_group.family == 0)
		in->mcast_group =
		    in->family == AF_INET6 ? r->mcast_group6 : r->mcast_group4;
	one_family(r, in, &in->mcast_group, "mcast_dst_ip");
	one_family(r, in, &in->source, "source address");
	for (unsigned i = 0; i < in->n_peers; i++) {
		one_family(r, in, &in->peer[i].ip, "unicast_peer");
		if (in->source.family == in->peer[i].ip.family &&
		    vr_ip_cmp(&in->source, &in->peer[i].ip) == 0)
			vr_fail(r->rep, &d->unicast_at,
			    "'%s': its own unicast_src_ip is "
			    "among its peers: remove it",
			    in->name);
	}
	if (!d->wants_unicast || in->n_peers > 0)
		return;
	if (d->no_peer_is_fault)
		vr_fail(r->rep, &d->unicast_at,
		    "'%s' has no unicast_peer, which unicast_fault_no_peer forbids",
		    in->name);
	else
		vr_warn(r->rep, &d->unicast_at,
		    "'%s' has no unicast_peer: it uses multicast, as keepalived does",
		    in->name);
}

static void
preempt_finish(struct vr_reader *r, struct vr_instance *in)
{
	const struct vr_where *const at = &r->now->nopreempt_at;

	if (in->nopreempt && in->priority == VR_OWNER) {
		vr_warn(r->rep, at,
		    "nopreempt is ignored, as by keepalived: priority 255 "
		    "owns the addresses");
		in->nopreempt = false;
	} else if (in->nopreempt && in->wants_master) {
		vr_warn(r->rep, at,
		    "nopreempt is honoured here; keepalived ignores it because of 'state "
		    "MASTER': write 'state BACKUP' for both");
	}
	if (in->nopreempt && in->preempt_delay_us > 0)
		vr_warn(r->rep, at,
		    "preempt_delay has no effect with nopreempt: remove one");
}

static bool
is_complete(struct vr_reader *r, const struct vr_instance *in)
{
	if (in->interface == NULL)
		vr_fail(r->rep, &in->where,
		    "vrrp_instance '%s' has no interface: write interface NAME into it",
		    in->name);
	if (in->vrid == 0)
		vr_fail(r->rep, &in->where,
		    "vrrp_instance '%s' has no virtual_router_id: write "
		    "virtual_router_id NUMBER into it, the same on all its routers",
		    in->name);
	return in->interface != NULL && in->vrid != 0;
}

/* Who does not say when addresses are announced again gets one after the other
 * beside the advertisements: after a split a loser that says nothing (keepalived)
 * leaves clients with its hardware address. A virtual one moves with the master. */
static void
garp_finish(struct vr_garp *g, const struct vr_instance *in)
{
	if (g->refresh_us != VR_NOT_GIVEN)
		return;
	g->refresh_us = 0;
	if (!in->use_vmac)
		g->keep_us = in->advert_us > KEEP_MIN_US ? in->advert_us : KEEP_MIN_US;
}

void
vr_instance_finish(struct vr_reader *r, struct vr_instance *in)
{
	vips_sort(r, in);
	in->family = family_of(in);
	if (!is_complete(r, in))
		return;
	version_finish(r, in);
	priority_finish(r, in);
	vr_strict_apply(r, in);
	interval_finish(r, in);
	auth_finish(r, in);
	unicast_finish(r, in);
	vmac_finish(r, in);
	vips_finish(r, in);
	preempt_finish(r, in);
	garp_finish(&in->garp, in);
}

/* --- strict mode --------------------------------------------------------- */

static void
strict_forbid(
    struct vr_reader *r, const struct vr_instance *in, bool it_is, const char *what)
{
	if (it_is)
		vr_fail(
		    r->rep, &in->where, "'%s': strict mode forbids %s", in->name, what);
}

static void
strict_clear(
    struct vr_reader *r, const struct vr_instance *in, bool it_is, const char *what)
{
	if (it_is)
		vr_warn(r->rep, &in->where,
		    "'%s': strict mode has no %s: it is ignored, as by keepalived",
		    in->name, what);
}

void
vr_strict_apply(struct vr_reader *r, struct vr_instance *in)
{
	if (!in->strict)
		return;
	strict_forbid(r, in, in->n_advertised == 0, "an instance without addresses");
	strict_forbid(r, in, in->n_peers > 0, "unicast_peer");
	strict_forbid(r, in,
	    in->family == AF_INET6 && in->n_advertised > 0 &&
		(in->vip[0].ip.bytes[0] != 0xfe ||
		    (in->vip[0].ip.bytes[1] & 0xc0) != 0x80),
	    "a first IPv6 address that is not link-local");
	strict_clear(r, in, in->auth != VR_AUTH_NONE, "authentication");
	strict_clear(r, in, in->preempt_delay_us > 0, "preempt_delay");
	strict_clear(r, in, in->vmac_xmit_base, "vmac_xmit_base");
	strict_clear(r, in, in->higher_prio_send_advert, "higher_prio_send_advert");
	strict_clear(r, in, in->wants_master != (in->priority == VR_OWNER),
	    "'state MASTER' but for priority 255");
	strict_clear(r, in, in->priority != VR_OWNER,
	    "address that answers on a router that does not own it, but here it does");
	in->auth = VR_AUTH_NONE;
	r->now->auth_at.file = NULL;
	in->preempt_delay_us = 0;
	in->vmac_xmit_base = in->higher_prio_send_advert = false;
	in->wants_master = in->priority == VR_OWNER;
	in->lower_prio_no_advert = true;
}

/* --- several instances --------------------------------------------------- */

static bool
share_a_peer(const struct vr_instance *a, const struct vr_instance *b)
{
	for (unsigned i = 0; i < a->n_peers; i++) {
		for (unsigned j = 0; j < b->n_peers; j++) {
			if (vr_ip_cmp(&a->peer[i].ip, &b->peer[j].ip) == 0)
				return true;
		}
	}
	return false;
}

/* They would take each other's advertisements for their own. */
static bool
collide(const struct vr_instance *a, const struct vr_instance *b)
{
	if (a->vrid != b->vrid || a->family != b->family || a->interface == NULL ||
	    b->interface == NULL || strcmp(a->interface, b->interface) != 0)
		return false;
	if (a->n_peers > 0 || b->n_peers > 0)
		return share_a_peer(a, b);
	return vr_ip_cmp(&a->mcast_group, &b->mcast_group) == 0;
}

void
vr_instances_compare(struct vr_reader *r)
{
	const struct vr_conf *const c = r->conf;

	for (unsigned i = 1; i < c->n_instances; i++) {
		for (unsigned j = 0; j < i; j++) {
			const struct vr_instance *const a = &c->instance[j];
			const struct vr_instance *const b = &c->instance[i];
			if (collide(a, b))
				vr_fail(r->rep, &b->where,
				    "'%s' and '%s' both have virtual_router_id %u on %s: "
				    "give one of them another, on all its routers",
				    b->name, a->name, b->vrid, b->interface);
			if (a->use_vmac && b->use_vmac &&
			    strcmp(a->vmac_name, b->vmac_name) == 0)
				vr_fail(r->rep, &b->where,
				    "'%s' and '%s' both name their macvlan '%s': write "
				    "use_vmac NAME",
				    b->name, a->name, b->vmac_name);
		}
	}
}

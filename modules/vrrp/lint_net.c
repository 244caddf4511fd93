/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * lint_net.c - a file against the interfaces of this machine. source:
 * getifaddrs(3).
 */
#include "config.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>

#include "lint.h"

static bool
is_within(const struct vr_ip *ip, const uint8_t *net, const uint8_t *mask)
{
	const int len = ip->family == AF_INET6 ? 16 : 4;
	for (int i = 0; i < len; i++) {
		if (((ip->bytes[i] ^ net[i]) & mask[i]) != 0)
			return false;
	}
	return true;
}

static const uint8_t *
bytes_of(const struct sockaddr *sa)
{
	return sa->sa_family == AF_INET6
	    ? ((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr.s6_addr
	    : (const uint8_t *)&((const struct sockaddr_in *)(const void *)sa)
		  ->sin_addr;
}

/* out: any, whether the interface has an address of the family at all. */
static bool
is_in_network(
    const struct ifaddrs *all, const char *dev, const struct vr_ip *ip, bool *any)
{
	*any = false;
	for (const struct ifaddrs *a = all; a != NULL; a = a->ifa_next) {
		if (strcmp(a->ifa_name, dev) != 0 || a->ifa_addr == NULL ||
		    a->ifa_netmask == NULL || a->ifa_addr->sa_family != ip->family)
			continue;
		*any = true;
		if (is_within(ip, bytes_of(a->ifa_addr), bytes_of(a->ifa_netmask)))
			return true;
	}
	return false;
}

static bool
exists(const char *name)
{
	return if_nametoindex(name) != 0;
}

static void
lint_vip(const struct ifaddrs *all, const struct vr_instance *in,
    const struct vr_vip *v, struct vr_report *rep)
{
	const char *const dev =
	    in->use_vmac && strcmp(v->dev, in->vmac_name) == 0 ? in->interface : v->dev;
	const uint8_t whole = v->ip.family == AF_INET6 ? 128 : 32;
	char text[64];
	bool any;

	if (!exists(dev)) {
		if (strcmp(dev, in->interface) != 0)
			vr_warn(rep, &v->where,
			    "there is no interface '%s' on this machine: the address waits "
			    "for it; correct 'dev'",
			    dev);
		return;
	}
	if (v->prefix != whole || is_in_network(all, dev, &v->ip, &any) || !any)
		return;
	vr_warn(rep, &v->where,
	    "%s is in no network of %s: others on that network cannot reach it without a "
	    "route; correct it, or write its prefix length",
	    vr_ip_out(&v->ip, text, sizeof(text)), dev);
}

static void
lint_tracked(const struct vr_track *track, unsigned n, struct vr_report *rep)
{
	for (unsigned i = 0; i < n; i++) {
		if (track[i].kind == VR_TRACK_INTERFACE && !exists(track[i].name))
			vr_warn(rep, &track[i].where,
			    "there is no interface '%s' on this machine: it counts as "
			    "down; correct the name",
			    track[i].name);
	}
}

void
vr_lint_net(const struct vr_conf *conf, struct vr_report *rep)
{
	struct ifaddrs *all = NULL;

	if (getifaddrs(&all) != 0)
		return;
	for (unsigned i = 0; i < conf->n_instances; i++) {
		const struct vr_instance *const in = &conf->instance[i];
		if (!exists(in->interface))
			vr_warn(rep, &in->where,
			    "'%s': there is no interface '%s' on this machine: the "
			    "instance waits for it in FAULT; correct 'interface'",
			    in->name, in->interface);
		for (unsigned j = 0; j < in->n_vips; j++)
			lint_vip(all, in, &in->vip[j], rep);
		lint_tracked(in->track, in->n_tracks, rep);
	}
	for (unsigned i = 0; i < conf->n_groups; i++)
		lint_tracked(conf->group[i].track, conf->group[i].n_tracks, rep);
	freeifaddrs(all);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * hold.c - what a master holds: addresses, routes, rules; and announcing them.
 *
 * Taken in that order and given back in the reverse, because routes need
 * their source address and rules their table. What somebody else removes is
 * put back at once. Addresses are lent for a second or two and lent again in
 * time, so that the kernel itself takes them back when nobody is left to do it:
 * killed with its master, a node is no second owner for long. Announcements
 * leave as a burst unless the file asks for a pause between them. The VRRP
 * process's thread.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <tideway/log.h>

#include "fleet.h"

static void
addr_set(struct vr_node *n, const struct vr_vip *vip, bool add)
{
	struct vr_kernel *const k = n->fleet->kernel;
	char text[64];
	struct tw_err err;

	if ((add ? vr_kernel_lend(k, vip, n->lease_s, &err)
		 : vr_kernel_addr(k, vip, false, &err)) != 0)
		tw_log(TW_ERR, "(%s) cannot %s %s %s %s: %s", n->conf->name,
		    add ? "add" : "remove", vr_ip_out(&vip->ip, text, sizeof(text)),
		    add ? "to" : "from", vip->dev, err.text);
	else
		tw_log(TW_INFO, "(%s) %s %s/%u %s %s", n->conf->name,
		    add ? "setting" : "removing",
		    vr_ip_out(&vip->ip, text, sizeof(text)), vip->prefix,
		    add ? "on" : "from", vip->dev);
}

static void
route_set(struct vr_node *n, const struct vr_route *rt, bool add)
{
	struct tw_err err;

	if (vr_kernel_route(n->fleet->kernel, rt, add, &err) != 0)
		tw_log(TW_ERR, "(%s) cannot %s the route of %s:%d: %s", n->conf->name,
		    add ? "add" : "remove", rt->where.file, rt->where.line, err.text);
}

static void
rule_set(struct vr_node *n, const struct vr_rule *ru, bool add)
{
	struct tw_err err;

	if (vr_kernel_rule(n->fleet->kernel, ru, add, &err) != 0)
		tw_log(TW_ERR, "(%s) cannot %s the rule of %s:%d: %s", n->conf->name,
		    add ? "add" : "remove", ru->where.file, ru->where.line, err.text);
}

static void
paths_take(struct vr_node *n)
{
	const struct vr_instance *const in = n->conf;

	for (unsigned i = 0; i < in->n_routes; i++)
		route_set(n, &in->route[i], true);
	for (unsigned i = 0; i < in->n_rules; i++)
		rule_set(n, &in->rule[i], true);
}

static const struct vr_link *
link_of(const struct vr_node *n, const struct vr_vip *vip)
{
	return vr_kernel_link(n->fleet->kernel, vip->dev);
}

static bool
is_there(const struct vr_node *n, const struct vr_vip *vip)
{
	const struct vr_link *const l = link_of(n, vip);

	return l != NULL && vr_link_has(l, &vip->ip);
}

/* --- lending --- */

/* A peer that sees it on the second path takes over at once; any other waits
 * for three advertisements, and by then the address is to be gone. */
static uint32_t
lease_wanted(const struct vr_node *n)
{
	const struct vr_fleet *const f = n->fleet;
	const uint64_t us = n->conf->advert_us;
	const uint64_t s = f->heart != NULL ? us / 1000000 : us * 3 / 1000000 - 1;

	if (!f->lends)
		return VR_FOR_EVER;
	return us < 1000000 ? 1 : (uint32_t)s;
}

static void
lease_begin(struct vr_node *n, uint64_t now_us)
{
	n->lease_s = lease_wanted(n);
	n->lease_due_us = n->lease_s == VR_FOR_EVER
	    ? UINT64_MAX
	    : now_us + n->lease_s * (uint64_t)1000000 / 3;
}

static void
lease_renew(struct vr_node *n)
{
	struct tw_err err;

	for (unsigned i = 0; i < n->conf->n_vips; i++) {
		const struct vr_vip *const vip = &n->conf->vip[i];

		if (is_there(n, vip) && /* else it was told why */
		    vr_kernel_lend(n->fleet->kernel, vip, n->lease_s, &err) != 0)
			tw_log_limited(TW_ERR, "(%s) cannot keep an address on %s: %s",
			    n->conf->name, vip->dev, err.text);
	}
}

uint64_t
vr_hold_renew(struct vr_node *n, uint64_t now_us)
{
	if (!n->holds)
		return UINT64_MAX;
	if (now_us >= n->lease_due_us || n->lease_s != lease_wanted(n)) {
		lease_begin(n, now_us);
		lease_renew(n);
	}
	return n->lease_due_us;
}

/* --- taking and giving back --- */

void
vr_hold_take(struct vr_node *n)
{
	lease_begin(n, vr_now_us());
	n->holds = true;
	for (unsigned i = 0; i < n->conf->n_vips; i++)
		addr_set(n, &n->conf->vip[i], true);
	paths_take(n);
}

void
vr_hold_release(struct vr_node *n)
{
	const struct vr_instance *const in = n->conf;

	n->holds = false;
	n->pace_left = 0;
	for (unsigned i = in->n_rules; i > 0; i--)
		rule_set(n, &in->rule[i - 1], false);
	for (unsigned i = in->n_routes; i > 0; i--)
		route_set(n, &in->route[i - 1], false);
	for (unsigned i = in->n_vips; i > 0; i--)
		addr_set(n, &in->vip[i - 1], false);
}

unsigned
vr_hold_leftovers(const struct vr_node *n)
{
	unsigned found = 0;

	for (unsigned i = 0; i < n->conf->n_vips; i++)
		found += is_there(n, &n->conf->vip[i]);
	return found;
}

unsigned
vr_hold_restore(struct vr_node *n)
{
	const struct vr_instance *const in = n->conf;
	unsigned restored = 0;

	for (unsigned i = 0; i < in->n_vips; i++) {
		const struct vr_vip *const vip = &in->vip[i];

		if (vip->no_track || link_of(n, vip) == NULL || is_there(n, vip))
			continue;
		tw_log(TW_WARNING, "(%s) somebody removed an address: putting it back",
		    in->name);
		addr_set(n, vip, true);
		restored++;
	}
	for (unsigned i = 0; i < in->n_routes; i++) {
		if (!in->route[i].no_track &&
		    !vr_kernel_has_route(n->fleet->kernel, &in->route[i]))
			route_set(n, &in->route[i], true);
	}
	for (unsigned i = 0; i < in->n_rules; i++) {
		if (!in->rule[i].no_track &&
		    !vr_kernel_has_rule(n->fleet->kernel, &in->rule[i]))
			rule_set(n, &in->rule[i], true);
	}
	return restored;
}

static bool
is_same_vip(const struct vr_vip *a, const struct vr_vip *b)
{
	return vr_ip_cmp(&a->ip, &b->ip) == 0 && a->prefix == b->prefix &&
	    strcmp(a->dev, b->dev) == 0;
}

static bool
wants(const struct vr_instance *in, const struct vr_vip *vip)
{
	for (unsigned i = 0; i < in->n_vips; i++) {
		if (is_same_vip(&in->vip[i], vip))
			return true;
	}
	return false;
}

/* Routes and rules are cheap to take away and to set again; an address is not:
 * its connections would break. */
void
vr_hold_change(struct vr_node *n, const struct vr_instance *old)
{
	for (unsigned i = old->n_rules; i > 0; i--)
		rule_set(n, &old->rule[i - 1], false);
	for (unsigned i = old->n_routes; i > 0; i--)
		route_set(n, &old->route[i - 1], false);
	for (unsigned i = 0; i < old->n_vips; i++) {
		if (!wants(n->conf, &old->vip[i]))
			addr_set(n, &old->vip[i], false);
	}
	for (unsigned i = 0; i < n->conf->n_vips; i++) {
		if (!wants(old, &n->conf->vip[i]))
			addr_set(n, &n->conf->vip[i], true);
	}
	paths_take(n);
}

/* --- announcing --- */

static void
announce_one(struct vr_node *n, const struct vr_vip *vip)
{
	const struct vr_link *const l = link_of(n, vip);

	if (l != NULL && l->has_arp && vr_wire_announce(l, &vip->ip) != 0)
		tw_log_limited(TW_WARNING, "(%s) cannot announce an address on %s: %s",
		    n->conf->name, vip->dev, strerror(errno));
}

static void
announce_all(struct vr_node *n)
{
	for (unsigned i = 0; i < n->conf->n_vips; i++)
		announce_one(n, &n->conf->vip[i]);
}

static uint64_t
pause_us(const struct vr_instance *in)
{
	return in->family == AF_INET6 ? in->garp.na_interval_us : in->garp.interval_us;
}

static void
pace_next(struct vr_node *n)
{
	const uint64_t us = pause_us(n->conf);
	const struct timeval tv = { .tv_sec = (time_t)(us / 1000000),
		.tv_usec = (suseconds_t)(us % 1000000) };

	if (n->pace_left > 0)
		event_add(n->pacing, &tv);
}

static void
on_pace(evutil_socket_t fd, short what, void *arg)
{
	struct vr_node *const n = arg;

	(void)fd;
	(void)what;
	if (n->pace_left == 0 || !n->holds || n->conf->n_vips == 0)
		return;
	announce_one(n, &n->conf->vip[n->pace_at % n->conf->n_vips]);
	n->pace_at++;
	n->pace_left--;
	pace_next(n);
}

/* The first round leaves at once in any case. */
void
vr_hold_announce(struct vr_node *n, enum vr_announce why, unsigned repeat)
{
	if (!n->holds || repeat == 0 || n->conf->n_vips == 0)
		return;
	if (why == VR_ANN_KEEP) {
		announce_one(n, &n->conf->vip[n->keep_at++ % n->conf->n_vips]);
		return;
	}
	announce_all(n);
	if (pause_us(n->conf) == 0) {
		for (unsigned i = 1; i < repeat; i++)
			announce_all(n);
		return;
	}
	if (n->pacing == NULL)
		n->pacing = evtimer_new(n->fleet->base, on_pace, n);
	n->pace_at = 0;
	n->pace_left = (repeat - 1) * n->conf->n_vips;
	if (n->pacing != NULL)
		pace_next(n);
}

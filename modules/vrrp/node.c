/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * node.c - one instance: its state machine joined with sockets and health.
 *
 * The state machine decides; here its orders become packets and addresses,
 * and what arrives becomes its input. Packets are judged before they reach
 * it: one that is dropped touches no timer. The VRRP process's thread.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tideway/assert.h>
#include <tideway/log.h>

#include "fleet.h"

/* --- what the state machine orders --- */

static void
node_send(struct vr_node *n, uint8_t priority, const struct vr_ip *dst)
{
	uint8_t bytes[VR_PACKET_MAX];
	const struct vr_ip *const src = &n->r.own;
	const size_t len =
	    vr_packet_write(bytes, n->conf, priority, src, dst, n->r.pseudo);

	if (vr_wire_send(n->tx, src, dst, bytes, len) != 0)
		tw_log_limited(TW_WARNING,
		    "(%s) cannot send an advertisement on %s: %s", n->conf->name,
		    n->conf->interface, strerror(errno));
}

static void
node_advert(struct vr_router *r, uint8_t priority)
{
	struct vr_node *const n = r->arg;

	if (n->tx == NULL)
		return;
	if (n->conf->n_peers == 0)
		node_send(n, priority, &n->conf->mcast_group);
	for (unsigned i = 0; i < n->conf->n_peers; i++)
		node_send(n, priority, &n->conf->peer[i].ip);
}

static void
node_take(struct vr_router *r)
{
	vr_hold_take(r->arg);
}

static void
node_release(struct vr_router *r)
{
	vr_hold_release(r->arg);
}

static void
node_announce(struct vr_router *r, enum vr_announce why, unsigned repeat)
{
	struct vr_node *const n = r->arg;

	if (why == VR_ANN_LOWER_PRIO)
		vr_notify(n->fleet->notifier, "INSTANCE", n->conf->name,
		    &n->conf->notify, "MASTER_RX_LOWER_PRI", r->priority);
	vr_hold_announce(n, why, repeat);
}

static const char *
notify_word(const struct vr_node *n)
{
	if (n->is_deleted)
		return vr_deleted_word(&n->conf->notify);
	return n->r.state == VR_INIT ? "STOP" : vr_state_name(n->r.state);
}

static void
node_entered(struct vr_router *r, enum vr_state from, const char *why)
{
	struct vr_node *const n = r->arg;

	(void)why; /* the state machine has said it */
	if (n->fleet->notifier != NULL && !(from == VR_INIT && r->state == VR_INIT))
		vr_notify(n->fleet->notifier, "INSTANCE", n->conf->name,
		    &n->conf->notify, notify_word(n), r->priority);
	if (n->sync != NULL)
		vr_sync_entered(n->sync, vr_now_us(), r);
	if (n->fleet->heart != NULL)
		vr_heart_beat(n->fleet->heart);
}

static void
node_say(struct vr_router *r, int level, const char *text)
{
	(void)r;
	tw_log((enum tw_level)level, "%s", text);
}

const struct vr_router_ops vr_node_ops = {
	.advert = node_advert,
	.take = node_take,
	.release = node_release,
	.announce = node_announce,
	.entered = node_entered,
	.say = node_say,
};

/* --- what arrives --- */

static void
datagram_take(struct vr_node *n, const struct vr_datagram *d)
{
	struct vr_advert advert;
	const enum vr_drop drop =
	    vr_packet_read(d, n->conf, &n->r.own, &n->r.master, &advert);
	char text[64];

	if (drop == VR_OK) {
		vr_router_heard(&n->r, vr_now_us(), &advert);
		return;
	}
	n->r.n.dropped[drop]++;
	if (drop != VR_DROP_VRID && drop != VR_DROP_OWN)
		tw_log_limited(TW_WARNING, "(%s) dropped a packet from %s: %s",
		    n->conf->name, vr_ip_out(&d->src, text, sizeof(text)),
		    vr_drop_text(drop));
}

/* The socket is shared by the instances of its interface, and whoever wakes
 * first empties it: each datagram is for the one with its router id. */
static void
datagram_deliver(struct vr_node *n, const struct vr_datagram *d)
{
	struct vr_fleet *const f = n->fleet;
	const int vrid = vr_packet_vrid(d);

	for (unsigned i = 0; i < f->conf->n_instances; i++) {
		struct vr_node *const other = &f->node[i];

		if (other->wire == n->wire && other->conf->vrid == vrid)
			datagram_take(other, d);
	}
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct vr_node *const n = arg;
	struct vr_datagram d;
	int r;

	(void)fd;
	(void)what;
	while ((r = vr_wire_recv(n->wire, &d)) == 1) {
		datagram_deliver(n, &d);
		if (n->wire == NULL)
			return;
	}
	if (r < 0)
		vr_node_weigh(n);
	vr_fleet_settle(n->fleet);
}

static bool
is_ours(const struct vr_node *n, const struct vr_ip *ip)
{
	for (unsigned i = 0; i < n->conf->n_vips; i++) {
		if (vr_ip_cmp(&n->conf->vip[i].ip, ip) == 0)
			return true;
	}
	return false;
}

static void
on_claimed(evutil_socket_t fd, short what, void *arg)
{
	struct vr_node *const n = arg;
	struct vr_ip ip;
	uint8_t mac[6];

	(void)fd;
	(void)what;
	while (n->claims != NULL && vr_claims_recv(n->claims, &ip, mac) == 1) {
		if (n->holds && is_ours(n, &ip))
			vr_router_contested(&n->r, vr_now_us());
	}
	vr_fleet_settle(n->fleet);
}

/* --- sockets --- */

static void
node_unbind(struct vr_node *n)
{
	if (n->readable != NULL)
		event_free(n->readable);
	if (n->claimed != NULL)
		event_free(n->claimed);
	n->readable = n->claimed = NULL;
	if (n->tx != NULL && n->tx != n->wire)
		vr_wire_put(&n->tx);
	n->tx = NULL;
	if (n->wire != NULL)
		vr_wire_put(&n->wire);
	if (n->claims != NULL)
		vr_claims_free(&n->claims);
	n->ifindex = 0;
}

static int
node_listen(struct vr_node *n)
{
	struct event_base *const base = n->fleet->base;

	n->readable =
	    event_new(base, vr_wire_fd(n->wire), EV_READ | EV_PERSIST, on_readable, n);
	if (n->readable == NULL || event_add(n->readable, NULL) != 0)
		return -1;
	if (n->claims == NULL)
		return 0;
	n->claimed = event_new(
	    base, vr_claims_fd(n->claims), EV_READ | EV_PERSIST, on_claimed, n);
	return n->claimed != NULL && event_add(n->claimed, NULL) == 0 ? 0 : -1;
}

/* The interface that addresses sit on and packets leave from. */
static const struct vr_link *
link_wanted(struct vr_node *n, const struct vr_link *parent, struct tw_err *err)
{
	struct vr_kernel *const k = n->fleet->kernel;

	if (!n->conf->use_vmac)
		return parent;
	if (vr_kernel_vmac(k, n->conf->interface, n->conf->vmac_name, n->conf->vmac_mac,
		n->conf->family, err) == 0)
		return NULL;
	n->has_vmac = true;
	return vr_kernel_link(k, n->conf->vmac_name);
}

static int
node_open(struct vr_node *n, const struct vr_link *parent)
{
	struct tw_err err = { "" };
	const struct vr_link *const l = link_wanted(n, parent, &err);

	if (l == NULL) {
		snprintf(n->why, sizeof(n->why), "%s", err.text);
		return -1;
	}
	const struct vr_link *const send =
	    n->conf->use_vmac && !n->conf->vmac_xmit_base ? l : parent;
	n->wire = vr_wire_get(parent, n->conf, &err);
	n->tx = send == parent ? n->wire : vr_wire_get(send, n->conf, &err);
	if (n->wire == NULL || n->tx == NULL) {
		snprintf(n->why, sizeof(n->why), "%s", err.text);
		node_unbind(n);
		return -1;
	}
	if (n->conf->promote_secondaries &&
	    vr_kernel_promote(n->fleet->kernel, n->conf->interface, &err) != 0)
		tw_log(TW_WARNING, "(%s) cannot set promote_secondaries: %s",
		    n->conf->name, err.text);
	n->claims = l->has_arp ? vr_claims_new(l, &err) : NULL;
	n->ifindex = parent->index;
	return node_listen(n);
}

static bool
node_source(struct vr_node *n, const struct vr_link *l)
{
	const struct vr_instance *const in = n->conf;

	if (in->source.family != 0) {
		n->r.own = in->source;
		return !in->track_source || vr_link_has(l, &in->source);
	}
	return vr_link_primary(l, in->family, in->vip, in->n_vips, &n->r.own);
}

const char *
vr_node_bind(struct vr_node *n)
{
	const struct vr_instance *const in = n->conf;
	const struct vr_link *const l = vr_kernel_link(n->fleet->kernel, in->interface);

	if (l == NULL || l->index != n->ifindex)
		node_unbind(n);
	if (l == NULL) {
		snprintf(n->why, sizeof(n->why), "interface %s does not exist",
		    in->interface);
		return n->why;
	}
	if (n->wire == NULL && node_open(n, l) != 0)
		return n->why;
	if (!l->is_up && !in->dont_track_primary) {
		snprintf(n->why, sizeof(n->why), "interface %s is down", in->interface);
		return n->why;
	}
	if (!node_source(n, l)) {
		snprintf(n->why, sizeof(n->why),
		    "interface %s has no address to send from", in->interface);
		return n->why;
	}
	return NULL;
}

/* --- what is tracked --- */

static void
look_at(struct vr_node *n, unsigned i)
{
	const struct vr_track *const t = &n->track[i];
	const struct vr_link *l;

	switch (t->kind) {
	case VR_TRACK_SCRIPT:
	case VR_TRACK_PROCESS:
	case VR_TRACK_FILE:
		n->result[i] = vr_watch_result(n->fleet->watch, t->kind, t->index);
		return;
	case VR_TRACK_INTERFACE:
		l = vr_kernel_link(n->fleet->kernel, t->name);
		n->own[i] =
		    (struct vr_result){ .known = true, .good = l != NULL && l->is_up };
		break;
	case VR_TRACK_WORKER:
	case VR_TRACK_FRONTEND:
	case VR_TRACK_BACKEND:
		n->own[i] = vr_health_result(n->fleet->health, t);
		break;
	default:
		TW_WRONG("no such thing to track");
	}
	n->result[i] = &n->own[i];
}

static const char *
why_at_fault(struct vr_node *n)
{
	static const char *const what[VR_N_TRACK_KINDS] = { "script", "interface",
		"process", "file", "frontend", "backend", "worker" };

	for (unsigned i = 0; i < n->n_tracks; i++) {
		const struct vr_track *const t = &n->track[i];

		if (vr_track_is_bad(t, n->result[i])) {
			snprintf(n->why, sizeof(n->why), "tracked %s %s is bad",
			    what[t->kind], t->kind == VR_TRACK_WORKER ? "" : t->name);
			return n->why;
		}
	}
	return "something tracked is bad";
}

static void
priority_tell(struct vr_node *n)
{
	if (n->r.state == VR_MASTER || n->r.state == VR_BACKUP)
		vr_notify(n->fleet->notifier, "INSTANCE", n->conf->name,
		    &n->conf->notify,
		    n->r.state == VR_MASTER ? "MASTER_PRIORITY" : "BACKUP_PRIORITY",
		    n->r.priority);
	if (n->fleet->heart != NULL)
		vr_heart_beat(n->fleet->heart);
}

void
vr_node_weigh(struct vr_node *n)
{
	bool fault = false;
	char text[256];
	const char *why = vr_node_bind(n);

	for (unsigned i = 0; i < n->n_tracks; i++)
		look_at(n, i);
	const uint8_t priority =
	    vr_weigh(n->conf->priority, n->track, n->result, n->n_tracks, &fault);
	const uint64_t now = vr_now_us();

	if (n->r.state == VR_INIT) {
		n->r.priority = priority;
		n->r.fault = fault || why != NULL;
		return;
	}
	if (fault && why == NULL)
		why = why_at_fault(n);
	vr_router_set_fault(&n->r, now, why != NULL, why != NULL ? why : "");
	if (n->sync != NULL)
		vr_sync_entered(n->sync, now, &n->r);
	n->r.arithmetic = vr_weigh_text(
	    text, sizeof(text), n->conf->priority, n->track, n->result, n->n_tracks);
	const uint8_t before = n->r.priority;

	vr_router_set_priority(&n->r, now, priority);
	n->r.arithmetic = NULL;
	if (before != priority)
		priority_tell(n);
}

/* --- life --- */

/* A group's tracks are its members' too; unless it says otherwise they can
 * only make a FAULT. */
static void
tracks_join(struct vr_node *n)
{
	const struct vr_instance *const in = n->conf;
	const struct vr_group *const g =
	    in->group >= 0 ? &n->fleet->conf->group[in->group] : NULL;

	n->n_tracks = in->n_tracks + (g != NULL ? g->n_tracks : 0);
	n->track = calloc(n->n_tracks + 1, sizeof(*n->track));
	n->own = calloc(n->n_tracks + 1, sizeof(*n->own));
	n->result = calloc(n->n_tracks + 1, sizeof(*n->result));
	TW_ASSERT(n->track != NULL && n->own != NULL && n->result != NULL);
	for (unsigned i = 0; i < n->n_tracks; i++) {
		n->track[i] =
		    i < in->n_tracks ? in->track[i] : g->track[i - in->n_tracks];
		if (i >= in->n_tracks && !g->tracking_weight)
			n->track[i].weight = 0;
	}
}

void
vr_node_init(struct vr_node *n, struct vr_fleet *f, const struct vr_instance *conf)
{
	*n = (struct vr_node){ .fleet = f, .conf = conf };
	vr_router_init(&n->r, conf, &vr_node_ops, n);
	tracks_join(n);
}

void
vr_node_fini(struct vr_node *n)
{
	node_unbind(n);
	if (n->has_vmac)
		vr_kernel_vmac_end(n->fleet->kernel, n->conf->vmac_name);
	if (n->pacing != NULL)
		event_free(n->pacing);
	free(n->track);
	free(n->own);
	free(n->result);
}

/* Addresses of ours that are there already are a killed predecessor's: this
 * program's own of a moment ago, and it goes on where that stood; or older,
 * and they have to go. */
void
vr_node_start(struct vr_node *n)
{
	const uint64_t now = vr_now_us();
	const unsigned left = vr_hold_leftovers(n);

	vr_node_weigh(n);
	const bool adopt = !n->r.fault && vr_publish_was_master(n->conf, now);
	if (left > 0 && !adopt) {
		tw_log(TW_NOTICE,
		    "(%s) %u of its addresses are left from before: "
		    "removing them",
		    n->conf->name, left);
		vr_hold_release(n);
	}
	vr_router_start(&n->r, now, adopt);
}

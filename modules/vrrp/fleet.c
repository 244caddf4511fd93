/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fleet.c - all instances of a configuration: up, reload, stop.
 *
 * Everything that happens ends in vr_fleet_settle(): timers that are due run,
 * the next one is set, and the new state is shown. A reload keeps the state of
 * an instance that has the same router id, family and interface in both files;
 * one that is gone leaves at priority 0. The VRRP process's thread.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <tideway/assert.h>
#include <tideway/log.h>

#include "fleet.h"

/* --- what happens outside --- */

static void
weigh_all(struct vr_fleet *f)
{
	for (unsigned i = 0; i < f->conf->n_instances; i++)
		vr_node_weigh(&f->node[i]);
}

static void
on_watch(
    void *arg, enum vr_track_kind kind, unsigned index, const struct vr_result *result)
{
	struct vr_fleet *const f = arg;

	(void)kind;
	(void)index;
	(void)result;
	if (f->node == NULL || f->watch == NULL)
		return; /* while it is being built */
	weigh_all(f);
	vr_fleet_settle(f);
}

static void
on_health(void *arg)
{
	struct vr_fleet *const f = arg;

	if (f->node == NULL)
		return;
	weigh_all(f);
	vr_fleet_settle(f);
}

static void
on_link(void *arg, const struct vr_link *l)
{
	struct vr_fleet *const f = arg;

	(void)l;
	if (f->node != NULL)
		weigh_all(f);
}

static void
restore_all(struct vr_fleet *f)
{
	for (unsigned i = 0; i < f->conf->n_instances; i++) {
		struct vr_node *const n = &f->node[i];

		if (n->holds && vr_hold_restore(n) > 0)
			vr_hold_announce(n, VR_ANN_CONTESTED, 1);
	}
}

static void
on_addr(void *arg, const struct vr_link *l, const struct vr_ip *ip, bool added)
{
	struct vr_fleet *const f = arg;

	(void)l;
	(void)ip;
	if (f->node == NULL)
		return;
	if (!added)
		restore_all(f);
	weigh_all(f); /* the address to send from may be another now */
}

static void
on_removed(void *arg)
{
	struct vr_fleet *const f = arg;

	if (f->node != NULL)
		restore_all(f);
}

static void
on_kernel(evutil_socket_t fd, short what, void *arg)
{
	struct vr_fleet *const f = arg;

	(void)fd;
	(void)what;
	vr_kernel_read(f->kernel);
	vr_fleet_settle(f);
}

/* --- time --- */

static void
timer_set(struct vr_fleet *f, uint64_t due_us)
{
	const uint64_t now = vr_now_us();
	const uint64_t us = due_us > now ? due_us - now : 0;
	const struct timeval tv = { .tv_sec = (time_t)(us / 1000000),
		.tv_usec = (suseconds_t)(us % 1000000) };

	if (due_us == UINT64_MAX)
		event_del(f->timer);
	else
		event_add(f->timer, &tv);
}

static void
paths_look(struct vr_fleet *f, uint64_t now)
{
	for (unsigned i = 0; i < f->conf->n_instances; i++)
		vr_heart_look(f->heart, &f->node[i], now);
}

/* returns: when next. */
static uint64_t
node_tick(struct vr_node *n, uint64_t now)
{
	vr_router_tick(&n->r, now);
	const uint64_t router = vr_router_due(&n->r);
	const uint64_t lease = vr_hold_renew(n, now);
	return router < lease ? router : lease;
}

void
vr_fleet_settle(struct vr_fleet *f)
{
	const uint64_t now = vr_now_us();
	uint64_t due = UINT64_MAX;

	if (f->heart != NULL) {
		due = vr_heart_tick(f->heart, now);
		if (!f->is_stopping)
			paths_look(f, now);
	}
	for (unsigned i = 0; i < f->conf->n_instances; i++) {
		const uint64_t next = node_tick(&f->node[i], now);

		if (next < due)
			due = next;
	}
	timer_set(f, due);
	vr_publish(f);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	vr_fleet_settle(arg);
}

/* --- groups --- */

static void
on_group(struct vr_sync *g, enum vr_state from, void *arg)
{
	struct vr_fleet *const f = arg;

	(void)from;
	if (f->notifier != NULL)
		vr_notify(f->notifier, "GROUP", g->conf->name, &g->conf->notify,
		    g->state == VR_INIT ? "STOP" : vr_state_name(g->state), 0);
}

static void
groups_make(struct vr_fleet *f)
{
	struct vr_router **at;

	f->sync = calloc(f->conf->n_groups + 1, sizeof(*f->sync));
	f->members = at = calloc(f->conf->n_instances + 1, sizeof(*f->members));
	TW_ASSERT(f->sync != NULL && f->members != NULL);
	for (unsigned i = 0; i < f->conf->n_groups; i++) {
		const struct vr_group *const g = &f->conf->group[i];

		f->sync[i] = (struct vr_sync){ .conf = g,
			.member = at,
			.n_members = g->n_members,
			.entered = on_group,
			.arg = f };
		for (unsigned k = 0; k < g->n_members; k++) {
			struct vr_node *const n = &f->node[g->member[k]];

			n->sync = &f->sync[i];
			*at++ = &n->r;
		}
	}
}

/* --- up and down --- */

static void
nodes_make(struct vr_fleet *f)
{
	f->node = calloc(f->conf->n_instances + 1, sizeof(*f->node));
	TW_ASSERT(f->node != NULL);
	for (unsigned i = 0; i < f->conf->n_instances; i++)
		vr_node_init(&f->node[i], f, &f->conf->instance[i]);
	groups_make(f);
}

static int
watches_make(struct vr_fleet *f, const struct vr_watch *old, struct tw_err *err)
{
	f->watch = vr_watch_new(f->base, f->conf, old, on_watch, f, err);
	if (f->watch == NULL)
		return -1;
	f->notifier = vr_notifier_new(f->base, f->conf, err);
	return f->notifier != NULL ? 0 : -1;
}

static int
kernel_watch(struct vr_fleet *f, struct tw_err *err)
{
	const struct vr_kernel_events events = {
		.link = on_link, .addr = on_addr, .removed = on_removed, .arg = f
	};

	f->kernel = vr_kernel_new(&events, err);
	if (f->kernel == NULL)
		return -1;
	f->kernel_event = event_new(
	    f->base, vr_kernel_fd(f->kernel), EV_READ | EV_PERSIST, on_kernel, f);
	f->timer = evtimer_new(f->base, on_timer, f);
	f->health = vr_health_new(f->base, on_health, f, err);
	if (f->kernel_event == NULL || f->timer == NULL || f->health == NULL ||
	    event_add(f->kernel_event, NULL) != 0)
		return -1;
	return 0;
}

/* Those that a reload did not bring along. */
static void
nodes_start(struct vr_fleet *f)
{
	for (unsigned i = 0; i < f->conf->n_instances; i++) {
		if (f->node[i].r.state == VR_INIT)
			vr_node_start(&f->node[i]);
	}
	vr_fleet_settle(f);
}

static void
on_delayed(evutil_socket_t fd, short what, void *arg)
{
	struct vr_fleet *const f = arg;

	(void)fd;
	(void)what;
	event_free(f->delayed);
	f->delayed = NULL;
	tw_log(TW_INFO, "VRRP: the delay at start is over");
	nodes_start(f);
}

static void
delay_start(struct vr_fleet *f, uint64_t us)
{
	const struct timeval tv = { .tv_sec = (time_t)(us / 1000000),
		.tv_usec = (suseconds_t)(us % 1000000) };

	tw_log(TW_INFO, "VRRP starts in %.1f s (vrrp_startup_delay)", (double)us / 1e6);
	f->delayed = evtimer_new(f->base, on_delayed, f);
	TW_ASSERT(f->delayed != NULL);
	event_add(f->delayed, &tv);
	vr_fleet_settle(f);
}

int
vr_fleet_up(struct vr_fleet *f, struct vr_conf *conf, struct tw_err *err)
{
	f->conf = conf;
	if (kernel_watch(f, err) != 0 || watches_make(f, NULL, err) != 0)
		return -1;
	nodes_make(f);
	if (conf->global.startup_delay_us > 0) {
		delay_start(f, conf->global.startup_delay_us);
		return 0;
	}
	nodes_start(f);
	return 0;
}

void
vr_fleet_stop(struct vr_fleet *f)
{
	const uint64_t now = vr_now_us();

	f->is_stopping = true;
	for (unsigned i = 0; i < f->conf->n_instances; i++)
		vr_router_stop(&f->node[i].r, now);
	vr_publish(f);
}

static void
nodes_end(struct vr_node *node, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		vr_node_fini(&node[i]);
	free(node);
}

void
vr_fleet_down(struct vr_fleet *f)
{
	nodes_end(f->node, f->conf->n_instances);
	free(f->sync);
	free(f->members);
	vr_watch_free(&f->watch);
	vr_notifier_free(&f->notifier);
	vr_health_free(&f->health);
	if (f->delayed != NULL)
		event_free(f->delayed);
	event_free(f->kernel_event);
	event_free(f->timer);
	vr_kernel_free(&f->kernel);
	vr_conf_free(&f->conf);
}

/* --- reload --- */

static struct vr_node *
node_like(struct vr_node *node, unsigned n, const struct vr_instance *in)
{
	for (unsigned i = 0; i < n; i++) {
		const struct vr_instance *const old = node[i].conf;

		if (old->vrid == in->vrid && old->family == in->family &&
		    strcmp(old->interface, in->interface) == 0)
			return &node[i];
	}
	return NULL;
}

/* The state machine goes on where it was, under the new settings. */
static void
node_follow(struct vr_node *n, struct vr_node *old)
{
	const struct vr_instance *const before = old->conf;

	n->r = old->r;
	n->r.conf = n->conf;
	n->r.arg = n;
	n->holds = old->holds;
	n->lease_s = old->lease_s;
	n->lease_due_us = old->lease_due_us;
	if (n->conf->use_vmac && strcmp(before->vmac_name, n->conf->vmac_name) == 0) {
		n->has_vmac = old->has_vmac;
		old->has_vmac = false;
	}
	old->r.state = VR_INIT;
	if (n->holds)
		vr_hold_change(n, before);
	vr_node_weigh(n);
}

static void
nodes_follow(struct vr_fleet *f, struct vr_node *old, unsigned n_old)
{
	for (unsigned i = 0; i < f->conf->n_instances; i++) {
		struct vr_node *const was =
		    node_like(old, n_old, &f->conf->instance[i]);

		if (was != NULL && was->r.state != VR_INIT)
			node_follow(&f->node[i], was);
	}
}

static void
nodes_leave(struct vr_node *old, unsigned n_old)
{
	for (unsigned i = 0; i < n_old; i++) {
		if (old[i].r.state == VR_INIT)
			continue;
		old[i].sync = NULL;
		old[i].is_deleted = true;
		vr_router_stop(&old[i].r, vr_now_us());
	}
}

static bool
has_group(const struct vr_conf *conf, const char *name)
{
	for (unsigned i = 0; i < conf->n_groups; i++) {
		if (strcmp(conf->group[i].name, name) == 0)
			return true;
	}
	return false;
}

static void
groups_leave(struct vr_fleet *f, const struct vr_conf *old)
{
	for (unsigned i = 0; i < old->n_groups; i++) {
		const struct vr_group *const g = &old->group[i];

		if (!has_group(f->conf, g->name))
			vr_notify(f->notifier, "GROUP", g->name, &g->notify,
			    vr_deleted_word(&g->notify), 0);
	}
}

static void
report_log(void *arg, bool is_error, const struct vr_where *at, const char *text)
{
	(void)arg;
	if (at != NULL && at->file != NULL)
		tw_log(is_error ? TW_ALERT : TW_WARNING, "%s:%d: %s", at->file,
		    at->line, text);
	else
		tw_log(is_error ? TW_ALERT : TW_WARNING, "%s", text);
}

/* Order: who leaves does so before who comes starts; the old notifier ends last
 * because old instances still speak through it. */
static void
conf_swap(struct vr_fleet *f, struct vr_conf *conf)
{
	struct vr_fleet old = *f;
	struct tw_err err = { "" };

	f->conf = conf;
	f->node = NULL; /* nothing is called back meanwhile */
	if (watches_make(f, old.watch, &err) != 0) {
		tw_log(TW_ALERT, "VRRP keeps the former configuration: %s", err.text);
		vr_watch_free(&f->watch);
		*f = old;
		vr_conf_free(&conf);
		return;
	}
	nodes_make(f);
	nodes_follow(f, old.node, old.conf->n_instances);
	nodes_leave(old.node, old.conf->n_instances);
	groups_leave(f, old.conf);
	if (f->delayed == NULL)
		nodes_start(f);
	nodes_end(old.node, old.conf->n_instances);
	free(old.sync);
	free(old.members);
	vr_watch_free(&old.watch);
	vr_notifier_free(&old.notifier);
	vr_conf_free(&old.conf);
}

/* What follows may take its time on a slow machine. */
static void
leases_extend(struct vr_fleet *f)
{
	for (unsigned i = 0; i < f->conf->n_instances; i++) {
		if (f->node[i].lease_due_us != UINT64_MAX)
			f->node[i].lease_due_us = 0;
		vr_hold_renew(&f->node[i], vr_now_us());
	}
}

void
vr_fleet_reload(struct vr_fleet *f)
{
	struct vr_report rep = { .say = report_log };

	leases_extend(f);
	struct vr_conf *const conf = vr_conf_read(f->path, &rep);

	if (conf == NULL) {
		tw_log(
		    TW_ALERT, "%s is bad: VRRP goes on with the former one", f->path);
		return;
	}
	conf_swap(f, conf);
	tw_log(TW_NOTICE, "VRRP follows %s as it is now", f->path);
	vr_fleet_settle(f);
}

/* --- orders --- */

void
vr_fleet_order(struct vr_fleet *f, const char *name, bool yield)
{
	for (unsigned i = 0; i < f->conf->n_instances; i++) {
		struct vr_node *const n = &f->node[i];

		if (*name != '\0' && strcmp(name, n->conf->name) != 0)
			continue;
		if (n->sync != NULL)
			vr_sync_yield(n->sync, vr_now_us(), yield);
		else
			vr_router_yield(&n->r, vr_now_us(), yield);
	}
	vr_fleet_settle(f);
}

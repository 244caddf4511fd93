/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * vrrp_world.h - the invented world of test_vrrp_sim.c: chance, a queue of
 * events in virtual time, a network that loses, delays, doubles and spoils
 * packets, a second path, nodes as a driver would run them, and the
 * properties that are looked at after each event.
 */
#ifndef TW_T_VRRP_WORLD_H
#define TW_T_VRRP_WORLD_H

#include "vrrp_help.h"

#define MS UINT64_C(1000)
#define SECOND UINT64_C(1000000)
#define HOUR (3600 * SECOND)
#define NEVER UINT64_MAX

#define MAX_NODES 5
#define MAX_ROUTERS 2
#define PACKET_BYTES 32
#define DELAY_US (2 * MS)    /* of the network, at most */
#define LATE_US (2 * MS)     /* of a timer, at most */
#define OVERLAP_US (10 * MS) /* two masters, or none, in a change */
#define DEAD_US (150 * MS)   /* silence of the second path */
#define QUEUE_MAX 65536

struct node {
	struct vr_router r[MAX_ROUTERS];
	struct vr_instance conf[MAX_ROUTERS];
	struct vr_router *member[MAX_ROUTERS];
	struct vr_sync sync;
	struct vr_ip own;
	bool holds[MAX_ROUTERS];
	uint64_t silent_us[MAX_ROUTERS]; /* since when nothing was heard */
	bool is_up, knows_peer;
	uint64_t wake_us, stalled_us;
	unsigned run; /* raised by each start */
};

enum kind { PACKET, LOOK, CLAIM };

struct item {
	uint64_t at_us, order;
	enum kind kind;
	unsigned from, to, router; /* nodes; of PACKET */
	unsigned run;              /* in whose socket it lies; 0: in nobody's yet */
	size_t len;
	uint8_t bytes[PACKET_BYTES];
};

static struct {
	uint64_t seed, random, now, end;
	unsigned n_nodes, n_routers;
	struct node node[MAX_NODES];
	struct vr_vip vip[MAX_ROUTERS];
	bool has_group, has_path, path_is_safe;
	bool is_mixed;                 /* each node has an interval of its own */
	uint64_t advert_us, settle_us; /* the longest */
	/* the network */
	bool cut[MAX_NODES][MAX_NODES], path_cut, is_reachable;
	uint64_t unreachable_us;
	unsigned loss_pct, burst[MAX_NODES][MAX_NODES];
	uint64_t arrives[MAX_NODES][MAX_NODES]; /* the last one that is on its way */
	struct item *queue;                     /* owns; a heap */
	size_t n_queue;
	uint64_t order;
	/* properties */
	unsigned n_masters[MAX_ROUTERS];
	uint64_t odd_us[MAX_ROUTERS];  /* since when not exactly one; NEVER */
	uint64_t many_us[MAX_ROUTERS]; /* since when more than one; NEVER */
	bool is_settled;
	uint64_t n_packets, n_dropped, n_changes, n_worlds, max_gap_us;
} w;

static bool trace;

/* --- chance --- */

static uint64_t
chance(uint64_t below)
{
	w.random ^= w.random << 13;
	w.random ^= w.random >> 7;
	w.random ^= w.random << 17;
	return (w.random * UINT64_C(0x2545f4914f6cdd1d) >> 32) % below;
}

static bool
percent(unsigned n)
{
	return chance(100) < n;
}

/* --- what is wrong is told with what is needed to see it again --- */

static void __attribute__((noreturn)) wrong(unsigned router, const char *what)
{
	fprintf(stderr, "# TW_SIM_SEED=%llu at %.6f s, router %u: %s\n",
	    (unsigned long long)w.seed, (double)w.now / 1e6, router, what);
	for (unsigned i = 0; i < w.n_nodes; i++) {
		const struct vr_router *const r = &w.node[i].r[router];

		fprintf(stderr,
		    "#   node %u: %s %s, priority %u, advert %.2f s, due %.6f\n", i,
		    w.node[i].is_up ? "up" : "down", vr_state_name(r->state),
		    r->priority, (double)r->conf->advert_us / 1e6,
		    (double)vr_router_due(r) / 1e6);
	}
	fail();
	abort();
}

/* --- the queue --- */

static bool
is_before(const struct item *a, const struct item *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void
push(struct item it)
{
	size_t i = w.n_queue++;

	assert_true(w.n_queue < QUEUE_MAX);
	it.order = w.order++;
	for (; i > 0 && is_before(&it, &w.queue[(i - 1) / 2]); i = (i - 1) / 2)
		w.queue[i] = w.queue[(i - 1) / 2];
	w.queue[i] = it;
}

static struct item
pop(void)
{
	const struct item top = w.queue[0], last = w.queue[--w.n_queue];
	size_t i = 0;

	for (size_t child = 1; child < w.n_queue; child = 2 * i + 1) {
		if (child + 1 < w.n_queue &&
		    is_before(&w.queue[child + 1], &w.queue[child]))
			child++;
		if (!is_before(&w.queue[child], &last))
			break;
		w.queue[i] = w.queue[child];
		i = child;
	}
	w.queue[i] = last;
	return top;
}

/* --- the network --- */

static bool
is_lost(unsigned from, unsigned to)
{
	if (w.cut[from][to])
		return true;
	if (w.loss_pct == 0 || !percent(w.loss_pct) || w.burst[from][to] >= 4) {
		w.burst[from][to] = 0;
		return false;
	}
	w.burst[from][to]++;
	return true;
}

/* Late, but in order: a link layer may do much, but it does not reorder. */
static void
packet_queue(struct item it)
{
	uint64_t *const last = &w.arrives[it.from][it.to];

	it.at_us = w.now + 50 + chance(DELAY_US - 50);
	if (it.at_us < *last)
		it.at_us = *last;
	*last = it.at_us;
	push(it);
}

static void
packet_send(struct item it, unsigned to)
{
	it.to = to;
	packet_queue(it);
	if (percent(1)) /* twice */
		packet_queue(it);
	if (percent(1)) { /* and something that looks like it */
		it.bytes[chance(it.len)] ^= (uint8_t)(1u << chance(8));
		packet_queue(it);
	}
}

static void
on_advert(struct vr_router *r, uint8_t priority)
{
	const struct node *const n = r->arg;
	struct item it = { .kind = PACKET,
		.from = (unsigned)(n - w.node),
		.router = (unsigned)(r - n->r) };

	it.len = vr_packet_write(
	    it.bytes, r->conf, priority, &r->own, &r->conf->mcast_group, r->pseudo);
	assert_true(it.len <= PACKET_BYTES);
	for (unsigned to = 0; to < w.n_nodes; to++) {
		if (to != it.from && !is_lost(it.from, to))
			packet_send(it, to);
	}
}

static void
packet_take(const struct item *it)
{
	struct node *const n = &w.node[it->to];
	struct vr_router *const r = &n->r[it->router];
	const struct vr_datagram d = { .src = w.node[it->from].own,
		.dst = r->conf->mcast_group,
		.ttl = VR_TTL,
		.bytes = it->bytes,
		.len = it->len };
	struct vr_advert a;

	if (!n->is_up || (it->run != 0 && it->run != n->run))
		return;
	if (n->stalled_us > w.now) {
		struct item later = *it;

		later.at_us = n->stalled_us;
		later.run = n->run;
		push(later);
		return;
	}
	w.n_packets++;
	if (vr_packet_read(&d, r->conf, &r->own, &r->master, &a) != VR_OK) {
		w.n_dropped++;
		return;
	}
	n->silent_us[it->router] = w.now;
	vr_router_heard(r, w.now, &a);
}

/* --- the second path: what its heartbeats would have told --- */

static void
look_soon(uint64_t after_us)
{
	for (unsigned i = 0; w.has_path && i < 2; i++)
		push((struct item){ .kind = LOOK, .to = i, .at_us = w.now + after_us });
}

static void
path_changed(void)
{
	const bool now = w.node[0].is_up && w.node[1].is_up &&
	    (!w.path_cut || (!w.cut[0][1] && !w.cut[1][0]));

	if (!w.has_path)
		return;
	if (w.is_reachable && !now)
		w.unreachable_us = w.now;
	w.is_reachable = now;
	look_soon(MS);
	look_soon(DEAD_US);
}

static void
path_look(struct node *n)
{
	struct node *const peer = &w.node[n == &w.node[0]];

	if (!n->is_up)
		return;
	n->knows_peer = n->knows_peer || w.is_reachable;
	for (unsigned i = 0; i < w.n_routers; i++) {
		struct vr_router *const r = &n->r[i], *const p = &peer->r[i];

		r->path_priority = w.is_reachable ? p->priority : 0;
		r->path_wins_tie = vr_ip_cmp(&p->own, &r->own) > 0;
		if (w.is_reachable)
			vr_router_set_path(r, w.now,
			    p->state == VR_MASTER ? VR_PATH_MASTER : VR_PATH_BACKUP);
		else if (n->knows_peer && w.now - w.unreachable_us >= DEAD_US)
			vr_router_set_path(r, w.now, VR_PATH_GONE);
	}
}

static void
path_claim(struct node *n)
{
	for (unsigned i = 0; n->is_up && w.is_reachable && i < w.n_routers; i++) {
		if (n->r[i].state == VR_BACKUP && !n->r[i].yielding)
			vr_router_claim(&n->r[i], w.now, "the peer hands over");
	}
}

/* --- the nodes --- */

static void
on_take(struct vr_router *r)
{
	struct node *const n = r->arg;

	n->holds[r - n->r] = true;
}

static void
on_release(struct vr_router *r)
{
	struct node *const n = r->arg;

	n->holds[r - n->r] = false;
}

static void
on_announce(struct vr_router *r, enum vr_announce why, unsigned repeat)
{
	(void)why;
	(void)repeat;
	assert_int_equal(r->state, VR_MASTER);
}

/* Not preempting, not after priority 0: only because nothing is heard. */
static void
silence_look(const struct vr_router *r)
{
	const struct node *const n = r->arg;
	const unsigned at = (unsigned)(r - n->r);
	const struct vr_router *const peer = &w.node[n == &w.node[0]].r[at];

	if (peer->state == VR_MASTER && w.now - peer->entered_us > OVERLAP_US &&
	    n->silent_us[at] + vr_down_interval_us(r) <= w.now)
		wrong(at, "takes over from a silent master that lives");
}

static void
on_entered(struct vr_router *r, enum vr_state from, const char *why)
{
	struct node *const n = r->arg;

	(void)from;
	if (r->state == VR_MASTER) {
		w.n_changes++;
		if (w.path_is_safe && !w.is_mixed &&
		    strcmp(why, "no advertisements") == 0)
			silence_look(r);
		if (w.is_settled)
			wrong((unsigned)(r - n->r), why);
	}
	if (w.has_group)
		vr_sync_entered(&n->sync, w.now, r);
	look_soon(MS);
}

static void
on_group(struct vr_sync *g, enum vr_state from, void *arg)
{
	(void)g;
	(void)from;
	(void)arg;
}

static void
on_say(struct vr_router *r, int level, const char *text)
{
	(void)level;
	if (trace)
		fprintf(stderr, "# %12.6f node %u: %s\n", (double)w.now / 1e6,
		    (unsigned)((struct node *)r->arg - w.node), text);
}

static const struct vr_router_ops ops = {
	.advert = on_advert,
	.take = on_take,
	.release = on_release,
	.announce = on_announce,
	.entered = on_entered,
	.say = on_say,
};

static const struct vr_group group = { .name = "G1", .n_members = MAX_ROUTERS };

static void
node_start(struct node *n, bool adopt)
{
	if (n->is_up)
		return;
	n->sync = (struct vr_sync){ .conf = &group,
		.member = n->member,
		.n_members = w.n_routers,
		.entered = on_group };
	n->is_up = true;
	n->knows_peer = false;
	n->stalled_us = 0;
	n->run++;
	for (unsigned i = 0; i < w.n_routers; i++) {
		vr_router_init(&n->r[i], &n->conf[i], &ops, n);
		n->r[i].own = n->own;
		n->member[i] = &n->r[i];
	}
	for (unsigned i = 0; i < w.n_routers; i++) {
		if (n->r[i].state == VR_INIT)
			vr_router_start(&n->r[i], w.now, adopt);
	}
	path_changed();
}

/* Without a word, as by SIGKILL; what it held is taken away. */
static void
node_crash(struct node *n)
{
	n->is_up = false;
	for (unsigned i = 0; i < w.n_routers; i++) {
		n->r[i].state = VR_INIT;
		n->holds[i] = false;
	}
	path_changed();
}

static void
node_stop(struct node *n)
{
	for (unsigned i = 0; n->is_up && i < w.n_routers; i++)
		vr_router_stop(&n->r[i], w.now);
	n->is_up = false;
	path_changed();
}

static void
node_yield(struct node *n, bool on)
{
	for (unsigned i = 0; i < w.n_routers; i++)
		vr_router_yield(&n->r[i], w.now, on);
	if (on && w.has_path)
		push((struct item){
		    .kind = CLAIM, .to = n == &w.node[0], .at_us = w.now + MS });
}

static void
node_fault(struct node *n, unsigned i, bool on)
{
	vr_router_set_fault(&n->r[i], w.now, on, "something tracked");
	if (w.has_group)
		vr_sync_entered(&n->sync, w.now, &n->r[i]);
}

static void
node_priority(struct node *n, uint8_t priority)
{
	for (unsigned i = 0; i < w.n_routers && n->conf[0].priority != VR_OWNER; i++)
		vr_router_set_priority(&n->r[i], w.now, priority);
}

static void
node_plan(struct node *n)
{
	uint64_t due = NEVER;

	for (unsigned i = 0; n->is_up && i < w.n_routers; i++) {
		const uint64_t next = vr_router_due(&n->r[i]);
		due = next < due ? next : due;
	}
	if (due < n->stalled_us)
		due = n->stalled_us;
	if (due < w.now)
		due = w.now;
	n->wake_us = due == NEVER ? NEVER : due + chance(LATE_US);
}

/* --- properties --- */

static void
masters_count(unsigned router)
{
	unsigned n = 0;

	for (unsigned i = 0; i < w.n_nodes; i++) {
		const struct node *const at = &w.node[i];
		const bool is_master = at->is_up && at->r[router].state == VR_MASTER;

		n += is_master;
		if (at->holds[router] != is_master)
			wrong(router, "the addresses are not where the MASTER is");
	}
	w.n_masters[router] = n;
	if (n == 1)
		w.odd_us[router] = NEVER;
	else if (w.odd_us[router] == NEVER)
		w.odd_us[router] = w.now;
	if (n <= 1)
		w.many_us[router] = NEVER;
	else if (w.many_us[router] == NEVER)
		w.many_us[router] = w.now;
}

static bool
is_long(uint64_t since_us, uint64_t allowed_us)
{
	return since_us != NEVER && w.now - since_us > allowed_us;
}

static void
groups_look(void)
{
	for (unsigned i = 0; w.has_group && i < w.n_nodes; i++) {
		const struct node *const n = &w.node[i];

		if (n->is_up &&
		    (n->r[0].state != n->r[1].state || n->sync.state != n->r[0].state))
			wrong(0, "a group is not in one state");
	}
}

static void
look_after(void)
{
	groups_look();
	for (unsigned i = 0; i < w.n_routers; i++) {
		masters_count(i);
		if (w.is_settled && is_long(w.odd_us[i], 0))
			wrong(i, "not one master in a whole network");
		/* looked at every two intervals, while priorities may change */
		if (w.path_is_safe && is_long(w.many_us[i], 6 * w.advert_us))
			wrong(i, "two masters, with a second path");
	}
}

/* --- time --- */

static void
item_run(const struct item *it)
{
	struct node *const n = &w.node[it->to];

	if (it->kind == PACKET)
		packet_take(it);
	else if (it->kind == LOOK)
		path_look(n);
	else
		path_claim(n);
}

static struct node *
node_next(void)
{
	struct node *first = &w.node[0];

	for (unsigned i = 1; i < w.n_nodes; i++) {
		if (w.node[i].wake_us < first->wake_us)
			first = &w.node[i];
	}
	return first;
}

/* Packets before timers, as the driver does. returns: nothing is left before. */
static bool
step(uint64_t until_us)
{
	struct node *n = node_next();

	if (w.n_queue > 0 && w.queue[0].at_us <= n->wake_us) {
		if (w.queue[0].at_us > until_us)
			return false;
		const struct item it = pop();
		w.now = it.at_us;
		n = &w.node[it.to];
		item_run(&it);
	} else {
		if (n->wake_us > until_us)
			return false;
		w.now = n->wake_us;
		for (unsigned i = 0; i < w.n_routers; i++)
			vr_router_tick(&n->r[i], w.now);
	}
	node_plan(n);
	look_after();
	return true;
}

static void
replan(void)
{
	for (unsigned i = 0; i < w.n_nodes; i++)
		node_plan(&w.node[i]);
	look_after();
}

static void
pass(uint64_t us)
{
	const uint64_t until = w.now + us;

	replan();
	while (step(until))
		continue;
	w.now = until;
	look_after();
}

#endif

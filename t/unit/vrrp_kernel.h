/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * vrrp_kernel.h - what the tests of kernel.h share: a table of the interfaces
 * of a namespace of its own, made for each test, and what it called back.
 */
#ifndef TW_TEST_VRRP_KERNEL_H
#define TW_TEST_VRRP_KERNEL_H

#include "vrrp_net.h"

static struct vr_kernel *k;
static struct tw_err err;

/* What was called back. */
static struct seen {
	unsigned n_links, n_added, n_gone, n_removed;
	struct vr_link link; /* the last; without addresses */
	struct vr_ip added, gone;
	char vanished[IF_NAMESIZE];
	const struct vr_vip *put_back; /* what a callback adds again */
} seen;

static inline void
on_link(void *arg, const struct vr_link *l)
{
	struct seen *const s = arg;

	s->n_links++;
	s->link = *l;
	if (l->index == 0)
		memcpy(s->vanished, l->name, sizeof(s->vanished));
}

static inline void
on_addr(void *arg, const struct vr_link *l, const struct vr_ip *ip, bool added)
{
	struct seen *const s = arg;

	assert_int_equal(vr_link_has(l, ip), added);
	*(added ? &s->added : &s->gone) = *ip;
	++*(added ? &s->n_added : &s->n_gone);
	if (!added && s->put_back != NULL)
		assert_int_equal(vr_kernel_addr(k, s->put_back, true, &err), 0);
}

static inline void
on_removed(void *arg)
{
	struct seen *const s = arg;

	s->n_removed++;
}

static inline int
begin(void **state)
{
	const struct vr_kernel_events ev = { on_link, on_addr, on_removed, &seen };

	(void)state;
	net_do("echo 0 >/proc/sys/net/ipv6/conf/v0/accept_dad;"
	       "ip link set v0 up; ip link set v1 up");
	k = vr_kernel_new(&ev, &err);
	if (k == NULL)
		fail_msg("%s", err.text);
	vr_kernel_read(k);
	memset(&seen, 0, sizeof(seen));
	return 0;
}

/* Links come up a moment later than they are told to. */
static inline void
drain(void)
{
	while (net_wait(vr_kernel_fd(k), net_ms() + 20))
		vr_kernel_read(k);
}

static inline void
settle(void)
{
	drain();
	memset(&seen, 0, sizeof(seen));
}

static inline int
end(void **state)
{
	(void)state;
	vr_kernel_free(&k);
	net_do(
	    "ip addr flush dev v0 scope global; ip -6 addr flush dev v0 scope global;"
	    "ip link set v0 down");
	return 0;
}

static inline void
until(const unsigned *count, unsigned wanted)
{
	const uint64_t deadline = net_ms() + NET_PATIENCE_MS;

	while (*count < wanted) {
		if (!net_wait(vr_kernel_fd(k), deadline))
			fail_msg("no event");
		vr_kernel_read(k);
	}
}

static inline struct vr_vip
vip_of(const char *ip, uint8_t prefix)
{
	return (struct vr_vip){ .ip = net_ip(ip),
		.prefix = prefix,
		.preferred_s = UINT32_MAX,
		.dev = "v0" };
}

static inline void
add(const struct vr_vip *vip)
{
	if (vr_kernel_addr(k, vip, true, &err) != 0)
		fail_msg("%s", err.text);
}

#define net_test(f) cmocka_unit_test_setup_teardown(f, begin, end)

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_vrrp_wire.c - advertisements, announcements and claims between two
 * network namespaces with a cable between them; judged by tshark where it is
 * installed.
 */
#include "config.h"

#include "vrrp_net.h"

#include <errno.h>
#include <net/ethernet.h>
#include <linux/if_addr.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>

#include "../../modules/vrrp/wire.h"

#define PCAP "/tmp/test_vrrp_wire.XXXXXX"

static const uint8_t vmac[6] = { 0x00, 0x00, 0x5e, 0x00, 0x01, 0x33 };
static const uint8_t text[] = "\x21\x33\x64\x00 these are not looked at";

/* A machine: its namespace, and what it knows of its end. */
static struct side {
	const char *link, *ip, *ip6;
	int ns;
	struct vr_kernel *k;
} a = { "v0", "192.0.2.1", "2001:db8::1", -1, NULL },
  b = { "v1", "192.0.2.2", "2001:db8::2", -1, NULL };

static void
be(const struct side *s)
{
	assert_int_equal(setns(s->ns, CLONE_NEWNET), 0);
	vr_wire_announce_end(); /* it belongs to the other one */
}

static void
side_up(struct side *s)
{
	be(s);
	net_do("ip link set lo up; echo 0 >/proc/sys/net/ipv6/conf/%s/accept_dad;"
	       "ip link set %s up; ip addr add %s/24 dev %s;"
	       "ip -6 addr add %s/64 dev %s nodad",
	    s->link, s->link, s->ip, s->link, s->ip6, s->link);
}

/* Its link is up and may send over IPv6. */
static void
side_ready(struct side *s)
{
	const uint64_t deadline = net_ms() + NET_PATIENCE_MS;
	struct vr_ip ip;

	be(s);
	s->k = net_kernel();
	while (!vr_kernel_link(s->k, s->link)->is_up ||
	    !vr_link_primary(vr_kernel_link(s->k, s->link), AF_INET6, NULL, 0, &ip)) {
		if (!net_wait(vr_kernel_fd(s->k), deadline))
			fail_msg("%s does not come up", s->link);
		vr_kernel_read(s->k);
	}
}

static int
setup(void **state)
{
	(void)state;
	a.ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	b.ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	be(&a);
	net_do("ip link set v1 netns /proc/%d/fd/%d", getpid(), b.ns);
	side_up(&a);
	side_up(&b);
	side_ready(&a);
	side_ready(&b);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	vr_wire_announce_end();
	vr_kernel_free(&a.k);
	vr_kernel_free(&b.k);
	return 0;
}

static const struct vr_link *
link_of(const struct side *s)
{
	return vr_kernel_link(s->k, s->link);
}

static struct vr_ip
link_local(const struct side *s)
{
	struct vr_ip ip;

	assert_true(vr_link_primary(link_of(s), AF_INET6, NULL, 0, &ip));
	return ip;
}

/* --- what passes on the cable --- */

struct tap {
	int fd, file;
	char path[sizeof(PCAP)];
};

static void
tap_open(struct tap *t, const struct side *s)
{
	static const uint32_t head[6] = { 0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1 };
	const struct sockaddr_ll at = { .sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)link_of(s)->index };

	be(s);
	t->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(t->fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	memcpy(t->path, PCAP, sizeof(PCAP));
	t->file = mkstemp(t->path);
	assert_int_equal(write(t->file, head, sizeof(head)), sizeof(head));
}

static void
tap_save(const struct tap *t, const uint8_t *frame, size_t len)
{
	const uint32_t head[4] = { 0, 0, (uint32_t)len, (uint32_t)len };

	assert_int_equal(write(t->file, head, sizeof(head)), sizeof(head));
	assert_int_equal(write(t->file, frame, len), len);
}

/* Waits for a frame that came from the other end: of this Ethernet type, and
 * at this place these bytes. */
static void
tap_wait(const struct tap *t, uint16_t type, size_t at, const char *bytes, size_t len)
{
	const uint64_t deadline = net_ms() + NET_PATIENCE_MS;
	uint8_t frame[2048] = { 0 };

	for (;;) {
		struct sockaddr_ll from = { 0 };
		socklen_t from_len = sizeof(from);
		if (!net_wait(t->fd, deadline))
			fail_msg("no frame of type %04x", type);
		const ssize_t n = recvfrom(t->fd, frame, sizeof(frame), 0,
		    (struct sockaddr *)&from, &from_len);
		if (n <= 0 || from.sll_pkttype == PACKET_OUTGOING ||
		    (frame[12] << 8 | frame[13]) != type ||
		    memcmp(frame + at, bytes, len) != 0)
			continue;
		tap_save(t, frame, (size_t)n);
		return;
	}
}

/* What tshark says of the saved frames, as tab separated fields; true without
 * tshark. */
static bool
tap_says(const struct tap *t, const char *fields, const char *wanted)
{
	char cmd[512];

	if (net_run("command -v tshark >/dev/null") != 0)
		return true;
	snprintf(cmd, sizeof(cmd),
	    "tshark -r %s -o ip.check_checksum:TRUE -T fields %s "
	    "2>/dev/null",
	    t->path, fields);
	const char *const said = net_output(cmd);
	if (strcmp(said, wanted) == 0)
		return true;
	print_message("# tshark: %s# instead of %s", said, wanted);
	return false;
}

static void
tap_close(struct tap *t)
{
	close(t->fd);
	close(t->file);
	unlink(t->path);
}

/* --- advertisements --- */

static struct vr_instance
instance_of(uint8_t family)
{
	return (struct vr_instance){ .name = "VI_1",
		.family = family,
		.version = 3,
		.vrid = 0x33,
		.mcast_group = net_ip(family == AF_INET ? "224.0.0.18" : "ff02::12") };
}

static struct vr_wire *
wire(const struct side *s, const struct vr_link *l, const struct vr_instance *in)
{
	struct tw_err err = { "" };

	be(s);
	struct vr_wire *const w = vr_wire_get(l, in, &err);
	if (w == NULL)
		fail_msg("%s", err.text);
	return w;
}

static void
receive(struct vr_wire *w, struct vr_datagram *d)
{
	assert_true(net_wait(vr_wire_fd(w), net_ms() + NET_PATIENCE_MS));
	assert_int_equal(vr_wire_recv(w, d), 1);
	assert_int_equal(d->len, sizeof(text));
	assert_memory_equal(d->bytes, text, sizeof(text));
}

static void
send_to(struct vr_wire *w, const struct vr_ip *src, const struct vr_ip *dst)
{
	if (vr_wire_send(w, src, dst, text, sizeof(text)) != 0)
		fail_msg("send: %s", strerror(errno));
}

static void
test_multicast(void **state)
{
	const struct vr_instance in = instance_of(AF_INET);
	const struct vr_ip src = net_ip("192.0.2.1");
	struct vr_datagram d;
	struct tap t;

	(void)state;
	struct vr_wire *from = wire(&a, link_of(&a), &in),
		       *to = wire(&b, link_of(&b), &in);
	tap_open(&t, &b);
	assert_int_equal(vr_wire_recv(to, &d), 0);
	send_to(from, &src, &in.mcast_group);
	receive(to, &d);
	assert_true(net_is_ip(&d.src, "192.0.2.1") && net_is_ip(&d.dst, "224.0.0.18"));
	assert_int_equal(d.ttl, 255);
	assert_int_equal(d.ifindex, link_of(&b)->index);
	assert_int_equal(vr_wire_recv(to, &d), 0);
	assert_int_equal(vr_wire_recv(from, &d), 0); /* no loop */
	tap_wait(&t, ETHERTYPE_IP, 14 + 9, "\x70", 1);
	assert_true(tap_says(&t,
	    "-e eth.dst -e ip.ttl -e ip.dsfield -e ip.flags.df -e ip.checksum.status "
	    "-e ip.src -e ip.dst -e ip.proto -e ip.len",
	    "01:00:5e:00:00:12\t255\t0xc0\t0\t1\t192.0.2.1\t224.0.0.18\t112\t49\n"));
	tap_close(&t);
	vr_wire_put(&from);
	vr_wire_put(&to);
	assert_null(to);
}

static void
test_multicast_ipv6(void **state)
{
	const struct vr_instance in = instance_of(AF_INET6);
	struct vr_datagram d;
	struct tap t;

	(void)state;
	const struct vr_ip src = link_local(&a);
	struct vr_wire *from = wire(&a, link_of(&a), &in),
		       *to = wire(&b, link_of(&b), &in);
	tap_open(&t, &b);
	send_to(from, &src, &in.mcast_group);
	receive(to, &d);
	assert_int_equal(vr_ip_cmp(&d.src, &src), 0);
	assert_true(net_is_ip(&d.dst, "ff02::12"));
	assert_int_equal(d.ttl, 255);
	assert_int_equal(d.ifindex, link_of(&b)->index);
	assert_int_equal(vr_wire_recv(from, &d), 0);
	tap_wait(&t, ETHERTYPE_IPV6, 14 + 6, "\x70", 1);
	assert_true(tap_says(&t,
	    "-e eth.dst -e ipv6.hlim -e ipv6.tclass -e ipv6.dst -e ipv6.nxt",
	    "33:33:00:00:00:12\t255\t0x000000c0\tff02::12\t112\n"));
	tap_close(&t);
	vr_wire_put(&from);
	vr_wire_put(&to);
}

/* Each is heard by who listens to that address of the interface alone. */
static void
test_unicast(void **state)
{
	struct vr_peer_addr peer = { .ip = net_ip("192.0.2.2"), .max_ttl = 255 };
	struct vr_instance in = instance_of(AF_INET), there = in;
	struct vr_datagram d;
	struct vr_wire *other;

	(void)state;
	in.peer = there.peer = &peer;
	in.n_peers = there.n_peers = 1;
	in.source = net_ip("192.0.2.1");
	in.unicast_ttl = 64;
	there.source = peer.ip;
	struct vr_wire *from = wire(&a, link_of(&a), &in),
		       *to = wire(&b, link_of(&b), &there);
	there.source = net_ip("192.0.2.77"); /* is not there yet */
	other = wire(&b, link_of(&b), &there);
	send_to(from, &in.source, &peer.ip);
	receive(to, &d);
	assert_true(net_is_ip(&d.src, "192.0.2.1") && net_is_ip(&d.dst, "192.0.2.2"));
	assert_int_equal(d.ttl, 64);
	assert_int_equal(d.ifindex, link_of(&b)->index);
	assert_int_equal(vr_wire_recv(other, &d), 0);
	vr_wire_put(&from);
	/* Any interface. */
	in.unicast_ttl = 0;
	from = wire(&a, NULL, &in);
	send_to(from, &in.source, &peer.ip);
	receive(to, &d);
	assert_int_equal(d.ttl, 255);
	vr_wire_put(&from);
	vr_wire_put(&other);
	vr_wire_put(&to);
}

static void
test_unicast_ipv6(void **state)
{
	struct vr_peer_addr peer = { .ip = net_ip("2001:db8::2"), .max_ttl = 255 };
	struct vr_instance in = instance_of(AF_INET6), there = in;
	struct vr_datagram d;

	(void)state;
	in.peer = there.peer = &peer;
	in.n_peers = there.n_peers = 1;
	in.source = net_ip("2001:db8::1");
	there.source = peer.ip;
	struct vr_wire *from = wire(&a, link_of(&a), &in),
		       *to = wire(&b, link_of(&b), &there);
	send_to(from, &in.source, &peer.ip);
	receive(to, &d);
	assert_true(
	    net_is_ip(&d.src, "2001:db8::1") && net_is_ip(&d.dst, "2001:db8::2"));
	assert_int_equal(d.ttl, 255);
	vr_wire_put(&from);
	vr_wire_put(&to);
	/* Between link-local addresses. */
	in.source = link_local(&a);
	there.source = link_local(&b);
	from = wire(&a, link_of(&a), &in);
	to = wire(&b, link_of(&b), &there);
	send_to(from, &in.source, &there.source);
	receive(to, &d);
	assert_int_equal(vr_ip_cmp(&d.src, &in.source), 0);
	vr_wire_put(&from);
	vr_wire_put(&to);
}

/* One for each interface, family and unicast source. */
static void
test_sharing(void **state)
{
	struct vr_peer_addr peer = { .ip = net_ip("192.0.2.2") };
	struct vr_instance in = instance_of(AF_INET), in6 = instance_of(AF_INET6);
	struct vr_instance group = in, unicast = in;
	struct vr_datagram d;
	struct tw_err err;

	(void)state;
	group.mcast_group = net_ip("224.0.0.99");
	unicast.peer = &peer;
	unicast.n_peers = 1;
	struct vr_wire *first = wire(&a, link_of(&a), &in),
		       *same = wire(&a, link_of(&a), &in);
	struct vr_wire *joined = wire(&a, link_of(&a), &group);
	struct vr_wire *six = wire(&a, link_of(&a), &in6);
	struct vr_wire *uni = wire(&a, link_of(&a), &unicast);
	assert_ptr_equal(first, same);
	assert_ptr_equal(first, joined);
	assert_ptr_not_equal(first, six);
	assert_ptr_not_equal(first, uni);
	vr_wire_put(&same);
	vr_wire_put(&first);
	/* It is open as long as somebody has it, and in both groups. */
	struct vr_wire *from = wire(&b, link_of(&b), &in);
	const struct vr_ip src = net_ip("192.0.2.2");
	send_to(from, &src, &in.mcast_group);
	receive(joined, &d);
	send_to(from, &src, &group.mcast_group);
	receive(joined, &d);
	assert_true(net_is_ip(&d.dst, "224.0.0.99"));
	vr_wire_put(&from);
	vr_wire_put(&joined);
	vr_wire_put(&six);
	vr_wire_put(&uni);
	be(&a);
	in.mcast_group = net_ip("192.0.2.9");
	assert_null(vr_wire_get(link_of(&a), &in, &err));
	assert_non_null(strstr(err.text, "cannot join 192.0.2.9 on "));
	const struct vr_link none = { .index = 4711, .name = "nope" };
	assert_null(vr_wire_get(&none, &group, &err));
	assert_non_null(strstr(err.text, "cannot open a raw socket on nope"));
}

static void
test_buffer(void **state)
{
	const struct vr_instance in = instance_of(AF_INET);
	int bytes = 0;
	socklen_t len = sizeof(bytes);

	(void)state;
	vr_wire_set_buffer(4000000);
	struct vr_wire *w = wire(&a, link_of(&a), &in);
	assert_int_equal(
	    getsockopt(vr_wire_fd(w), SOL_SOCKET, SO_RCVBUF, &bytes, &len), 0);
	assert_true(bytes >= 4000000);
	vr_wire_set_buffer(0);
	vr_wire_put(&w);
}

/* --- announcements and claims --- */

static void
test_announce(void **state)
{
	const struct vr_ip ip = net_ip("192.0.2.100"), ip6 = net_ip("2001:db8::100");
	struct vr_link still;
	struct tap t;
	char wanted[256];

	(void)state;
	tap_open(&t, &b);
	be(&a);
	const uint8_t *const m = link_of(&a)->mac;
	assert_int_equal(vr_wire_announce(link_of(&a), &ip), 0);
	tap_wait(&t, ETHERTYPE_ARP, 28, "\xc0\x00\x02\x64", 4);
	snprintf(wanted, sizeof(wanted),
	    "ff:ff:ff:ff:ff:ff\t1\t1\t%02x:%02x:%02x:%02x:%02x:%02x\t192.0.2.100\t"
	    "ff:ff:ff:ff:ff:ff\t192.0.2.100\n",
	    m[0], m[1], m[2], m[3], m[4], m[5]);
	assert_true(tap_says(&t,
	    "-e eth.dst -e arp.opcode -e arp.isgratuitous -e arp.src.hw_mac "
	    "-e arp.src.proto_ipv4 -e arp.dst.hw_mac -e arp.dst.proto_ipv4",
	    wanted));
	tap_close(&t);
	tap_open(&t, &b);
	be(&a);
	assert_int_equal(vr_wire_announce(link_of(&a), &ip6), 0);
	tap_wait(&t, ETHERTYPE_IPV6, 14 + 40, "\x88", 1);
	snprintf(wanted, sizeof(wanted),
	    "33:33:00:00:00:01\t255\t2001:db8::100\tff02::1\t136\t1\t1\t0\t0\t"
	    "2001:db8::100\t%02x:%02x:%02x:%02x:%02x:%02x\n",
	    m[0], m[1], m[2], m[3], m[4], m[5]);
	assert_true(tap_says(&t,
	    "-e eth.dst -e ipv6.hlim -e ipv6.src -e ipv6.dst -e icmpv6.type "
	    "-e icmpv6.checksum.status -e icmpv6.nd.na.flag.o -e icmpv6.nd.na.flag.s "
	    "-e icmpv6.nd.na.flag.r -e icmpv6.nd.na.target_address -e icmpv6.opt.linkaddr",
	    wanted));
	still = *link_of(&a);
	still.has_arp = false;
	assert_int_equal(vr_wire_announce(&still, &ip), 0);
	still.has_arp = true;
	still.index = 4711;
	assert_int_equal(vr_wire_announce(&still, &ip), -1);
	tap_close(&t);
}

/* A router says that it is one. */
static void
test_announce_router(void **state)
{
	const struct vr_ip ip6 = net_ip("2001:db8::100");
	struct tap t;

	(void)state;
	tap_open(&t, &b);
	be(&a);
	net_do("echo 1 >/proc/sys/net/ipv6/conf/v0/forwarding");
	assert_int_equal(vr_wire_announce(link_of(&a), &ip6), 0);
	tap_wait(&t, ETHERTYPE_IPV6, 14 + 40, "\x88", 1);
	assert_true(
	    tap_says(&t, "-e icmpv6.nd.na.flag.r -e icmpv6.checksum.status", "1\t1\n"));
	net_do("echo 0 >/proc/sys/net/ipv6/conf/v0/forwarding");
	tap_close(&t);
}

/* The neighbour believes it. */
static void
test_announce_is_believed(void **state)
{
	static const char show[] = "ip -j neigh show dev v1";
	const struct vr_ip ip = net_ip("192.0.2.100"), ip6 = net_ip("2001:db8::100");
	const uint64_t deadline = net_ms() + NET_PATIENCE_MS;
	char wanted[64];
	unsigned n = 0;

	(void)state;
	be(&b);
	net_do("ip neigh add 192.0.2.100 lladdr 02:00:00:00:00:99 dev v1 nud stale;"
	       "ip neigh add 2001:db8::100 lladdr 02:00:00:00:00:99 dev v1 nud stale;"
	       "echo 0 >/proc/sys/net/ipv4/neigh/v1/locktime");
	be(&a);
	assert_int_equal(vr_wire_announce(link_of(&a), &ip), 0);
	assert_int_equal(vr_wire_announce(link_of(&a), &ip6), 0);
	be(&b);
	const uint8_t *const m = link_of(&a)->mac;
	snprintf(wanted, sizeof(wanted), "\"lladdr\":\"%02x:%02x:%02x:%02x:%02x:%02x\"",
	    m[0], m[1], m[2], m[3], m[4], m[5]);
	while (n < 2 && net_ms() < deadline) {
		n = 0;
		for (const char *at = net_output(show);
		     (at = strstr(at, "::100\"")) != NULL; at++)
			n += strncmp(at + 7, wanted, strlen(wanted)) == 0;
		for (const char *at = net_output(show);
		     (at = strstr(at, ".100\"")) != NULL; at++)
			n += strncmp(at + 6, wanted, strlen(wanted)) == 0;
	}
	assert_int_equal(n, 2);
}

static void
claim_is(struct vr_claims *c, const char *ip, const uint8_t *mac)
{
	struct vr_ip claimed;
	uint8_t by[6];

	assert_true(net_wait(vr_claims_fd(c), net_ms() + NET_PATIENCE_MS));
	assert_int_equal(vr_claims_recv(c, &claimed, by), 1);
	assert_true(net_is_ip(&claimed, ip));
	assert_memory_equal(by, mac, 6);
}

static void
test_claims(void **state)
{
	const struct vr_ip ip = net_ip("192.0.2.100"), ip6 = net_ip("2001:db8::100");
	struct vr_ip claimed;
	struct tw_err err = { "" };
	uint8_t by[6];

	(void)state;
	be(&a);
	struct vr_claims *c = vr_claims_new(link_of(&a), &err);
	if (c == NULL)
		fail_msg("%s", err.text);
	assert_int_equal(vr_claims_recv(c, &claimed, by), 0);
	/* Not what we say ourselves. */
	assert_int_equal(vr_wire_announce(link_of(&a), &ip), 0);
	assert_int_equal(vr_wire_announce(link_of(&a), &ip6), 0);
	be(&b);
	assert_int_equal(vr_wire_announce(link_of(&b), &ip6), 0);
	claim_is(c, "2001:db8::100", link_of(&b)->mac);
	assert_int_equal(vr_wire_announce(link_of(&b), &ip), 0);
	claim_is(c, "192.0.2.100", link_of(&b)->mac);
	/* A question of somebody who has no address names nobody. */
	struct vr_ip nobody = { .family = AF_INET };
	assert_int_equal(vr_wire_announce(link_of(&b), &nobody), 0);
	assert_int_equal(vr_wire_announce(link_of(&b), &ip6), 0);
	claim_is(c, "2001:db8::100", link_of(&b)->mac);
	assert_int_equal(vr_claims_recv(c, &claimed, by), 0);
	/* Down and up: it goes on. */
	be(&a);
	net_do("ip link set v0 down; ip link set v0 up");
	assert_int_equal(vr_claims_recv(c, &claimed, by), 0);
	vr_kernel_free(&a.k);
	net_do("ip addr add 2001:db8::1/64 dev v0 nodad");
	side_ready(&a);
	be(&b);
	assert_int_equal(vr_wire_announce(link_of(&b), &ip6), 0);
	claim_is(c, "2001:db8::100", link_of(&b)->mac);
	vr_claims_free(&c);
	assert_null(c);
	const struct vr_link none = { .index = 4711, .name = "nope" };
	assert_null(vr_claims_new(&none, &err));
	assert_non_null(strstr(err.text, "on nope"));
}

/* --- the virtual MAC --- */

/* Advertisements leave from the macvlan, with its parent's address; others'
 * come in on both. */
static void
test_vmac(void **state)
{
	const struct vr_instance in = instance_of(AF_INET);
	const struct vr_ip src = net_ip("192.0.2.1"), from_b = net_ip("192.0.2.2");
	struct vr_datagram d;
	struct tw_err err = { "" };
	struct tap t;

	(void)state;
	be(&a);
	if (vr_kernel_vmac(a.k, "v0", "vrrp.51", vmac, AF_INET, &err) == 0)
		fail_msg("%s", err.text);
	struct vr_wire *own = wire(&a, vr_kernel_link(a.k, "vrrp.51"), &in);
	struct vr_wire *parent = wire(&a, link_of(&a), &in),
		       *to = wire(&b, link_of(&b), &in);
	tap_open(&t, &b);
	send_to(own, &src, &in.mcast_group);
	receive(to, &d);
	assert_true(net_is_ip(&d.src, "192.0.2.1"));
	tap_wait(&t, ETHERTYPE_IP, 14 + 9, "\x70", 1);
	assert_true(
	    tap_says(&t, "-e eth.src -e ip.src", "00:00:5e:00:01:33\t192.0.2.1\n"));
	tap_close(&t);
	assert_int_equal(vr_wire_recv(parent, &d), 0);
	send_to(to, &from_b, &in.mcast_group);
	receive(own, &d);
	receive(parent, &d);
	vr_wire_put(&own);
	vr_wire_put(&parent);
	vr_wire_put(&to);
	be(&a);
	vr_kernel_vmac_end(a.k, "vrrp.51");
}

static void
ask_for(const char *ip)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(9),
		.sin_addr.s_addr = inet_addr(ip) };
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)sendto(fd, "x", 1, 0, (const struct sockaddr *)&to, sizeof(to));
	close(fd);
}

/* Who asks for the virtual address is told the virtual MAC, and the parent's
 * own for its own. */
static void
test_vmac_answers(void **state)
{
	struct vr_vip vip = { .ip = net_ip("192.0.2.100"),
		.prefix = 32,
		.preferred_s = UINT32_MAX,
		.dev = "vrrp.51" };
	struct tw_err err = { "" };
	char show[128];
	const char *said = "";

	(void)state;
	be(&a);
	if (vr_kernel_vmac(a.k, "v0", "vrrp.51", vmac, AF_INET, &err) == 0 ||
	    vr_kernel_addr(a.k, &vip, true, &err) != 0)
		fail_msg("%s", err.text);
	be(&b);
	net_do("ip neigh flush dev v1");
	ask_for("192.0.2.100");
	ask_for("192.0.2.1");
	const uint8_t *const m = link_of(&a)->mac;
	snprintf(show, sizeof(show), "192.0.2.1 lladdr %02x:%02x:%02x:%02x:%02x:%02x",
	    m[0], m[1], m[2], m[3], m[4], m[5]);
	const uint64_t deadline = net_ms() + NET_PATIENCE_MS;
	while (net_ms() < deadline) {
		said = net_output("ip -4 neigh show dev v1");
		if (strstr(said, "192.0.2.100 lladdr 00:00:5e:00:01:33") != NULL &&
		    strstr(said, show) != NULL)
			break;
	}
	if (strstr(said, "192.0.2.100 lladdr 00:00:5e:00:01:33") == NULL ||
	    strstr(said, show) == NULL)
		fail_msg("%s", said);
	be(&a);
	vr_kernel_vmac_end(a.k, "vrrp.51");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_multicast),
		cmocka_unit_test(test_multicast_ipv6),
		cmocka_unit_test(test_unicast),
		cmocka_unit_test(test_unicast_ipv6),
		cmocka_unit_test(test_sharing),
		cmocka_unit_test(test_buffer),
		cmocka_unit_test(test_announce),
		cmocka_unit_test(test_announce_router),
		cmocka_unit_test(test_announce_is_believed),
		cmocka_unit_test(test_claims),
		cmocka_unit_test(test_vmac),
		cmocka_unit_test(test_vmac_answers),
	};

	return net_make() ? cmocka_run_group_tests(tests, setup, teardown) : 0;
}

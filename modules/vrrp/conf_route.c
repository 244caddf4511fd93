/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conf_route.c - lines of virtual_routes.
 *
 * source: keepalived.conf(5), ip-route(8). What a line does not say is filled
 * in as `ip route` would; protocol 18 is keepalived's own.
 */
#include "config.h"

#include <ctype.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "conf.h"

#define PROTO_KEEPALIVED 18
#define TABLES_FILE "/etc/iproute2/rt_tables"

/* A route while its line is read. */
struct reading {
	struct vr_route *rt;
	const char *to; /* the destination's word; NULL: not yet */
	uint8_t family; /* `inet6`; 0: not said */
	bool has_nexthop;
};

static struct vr_hop *
hop_new(struct vr_reader *r, struct vr_route *rt)
{
	rt->hop = vr_grow(r, rt->hop, rt->n_hops, sizeof(*rt->hop));
	rt->hop[rt->n_hops].weight = 1;
	return &rt->hop[rt->n_hops++];
}

static struct vr_hop *
hop_now(struct vr_reader *r, struct vr_route *rt)
{
	return rt->n_hops > 0 ? &rt->hop[rt->n_hops - 1] : hop_new(r, rt);
}

static void
set_type(struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	(void)r, (void)l;
	((struct reading *)to)->rt->type = (uint8_t)kw->low;
}

static void
set_family(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	(void)r, (void)l;
	((struct reading *)to)->family = (uint8_t)kw->low;
}

static void
set_to(struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	(void)r, (void)kw;
	((struct reading *)to)->to = l->word[1];
}

static void
set_default6(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	struct reading *const rd = to;
	(void)r, (void)l, (void)kw;
	rd->family = AF_INET6;
	rd->to = "default";
}

static void
set_src(struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	(void)kw;
	vr_get_ip(r, l, l->word[1], &((struct reading *)to)->rt->src);
}

/* In: low, whether it is another gateway (`or`). */
static void
set_via(struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	struct vr_route *const rt = ((struct reading *)to)->rt;
	struct vr_hop *const hop = kw->low != 0 ? hop_new(r, rt) : hop_now(r, rt);
	vr_get_ip(r, l, l->word[1], &hop->via);
}

static void
set_dev(struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	(void)kw;
	vr_get_dev(r, l, l->word[1], &hop_now(r, ((struct reading *)to)->rt)->dev);
}

static void
set_onlink(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	(void)l, (void)kw;
	hop_now(r, ((struct reading *)to)->rt)->onlink = true;
}

static void
set_weight(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	int64_t weight;
	(void)kw;
	if (vr_get_int(r, l, l->word[1], 1, 255, &weight) == 0)
		hop_now(r, ((struct reading *)to)->rt)->weight = (uint8_t)weight;
}

static void
set_nexthop(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	struct reading *const rd = to;
	(void)kw;
	if (!rd->has_nexthop && rd->rt->n_hops > 0)
		vr_expected(r, l, "nexthop", "no 'via' or 'dev' before the first one");
	rd->has_nexthop = true;
	hop_new(r, rd->rt);
}

static void
set_scope(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	struct vr_route *const rt = ((struct reading *)to)->rt;
	(void)kw;
	rt->has_scope = vr_get_scope(r, l, l->word[1], &rt->scope) == 0;
}

static void
set_table(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	(void)kw;
	vr_get_table(r, l, l->word[1], &((struct reading *)to)->rt->table);
}

static void
set_protocol(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	static const struct {
		const char *name;
		uint8_t value;
	} names[] = { { "kernel", RTPROT_KERNEL }, { "boot", RTPROT_BOOT },
		{ "static", RTPROT_STATIC }, { "bird", RTPROT_BIRD },
		{ "zebra", RTPROT_ZEBRA }, { "keepalived", PROTO_KEEPALIVED } };
	struct vr_route *const rt = ((struct reading *)to)->rt;
	int64_t number;

	(void)kw;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(l->word[1], names[i].name) == 0) {
			rt->protocol = names[i].value;
			return;
		}
	}
	if (vr_get_int(r, l, l->word[1], 1, 255, &number) == 0)
		rt->protocol = (uint8_t)number;
}

/* Numbers that go straight into the route. */
static void
set_number(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	vr_set_int(r, ((struct reading *)to)->rt, l, kw);
}

static void
set_no_track(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	(void)r, (void)l, (void)kw;
	((struct reading *)to)->rt->no_track = true;
}

#define TYPE(name, value)                                                             \
	{                                                                             \
		name, "", VR_KW_WORKS, 0, 0, 0, set_type, .low = (value),             \
							  .help = "type of the route" \
	}
#define NUMBER(name, field, limit, text)                                      \
	{                                                                     \
		name, "NUMBER", VR_KW_WORKS, 1, 1, 0, set_number,             \
		    VR_AT(struct vr_route, field), .low = 0, .high = (limit), \
						   .help = (text)             \
	}
#define REFUSED(name, args)                                              \
	{                                                                \
		name, args ? "VALUE" : "", VR_KW_REFUSED, args, args, 0, \
		    .help = "this attribute of routes: leave it out"     \
	}

const struct vr_kw vr_kw_route[] = {
	TYPE("unicast", RTN_UNICAST),
	TYPE("local", RTN_LOCAL),
	TYPE("broadcast", RTN_BROADCAST),
	TYPE("anycast", RTN_ANYCAST),
	TYPE("multicast", RTN_MULTICAST),
	TYPE("throw", RTN_THROW),
	TYPE("unreachable", RTN_UNREACHABLE),
	TYPE("prohibit", RTN_PROHIBIT),
	TYPE("blackhole", RTN_BLACKHOLE),
	{ "inet", "", VR_KW_WORKS, 0, 0, 0, set_family, .low = AF_INET,
	    .help = "an IPv4 route" },
	{ "inet6", "", VR_KW_WORKS, 0, 0, 0, set_family, .low = AF_INET6,
	    .help = "an IPv6 route, where both could be meant" },
	{ "to", "NETWORK", VR_KW_WORKS, 1, 1, 0, set_to,
	    .help = "destination; the word may be left out; default: everywhere" },
	{ "default6", "", VR_KW_WORKS, 0, 0, 0, set_default6, .help = "inet6 default" },
	{ "src", "ADDRESS", VR_KW_WORKS, 1, 1, 0, set_src,
	    .help = "preferred source address" },
	{ "via", "ADDRESS", VR_KW_WORKS, 1, 1, 0, set_via, .help = "gateway" },
	{ "gw", "ADDRESS", VR_KW_WORKS, 1, 1, 0, set_via, .help = "as via" },
	{ "or", "ADDRESS", VR_KW_WORKS, 1, 1, 0, set_via, .low = 1,
	    .help = "another gateway; better: nexthop" },
	{ "nexthop", "via ADDRESS ...", VR_KW_WORKS, 0, 0, 0, set_nexthop,
	    .help = "one of several ways: via, dev, onlink, weight follow" },
	{ "dev", "INTERFACE", VR_KW_WORKS, 1, 1, 0, set_dev, .help = "way out" },
	{ "oif", "INTERFACE", VR_KW_WORKS, 1, 1, 0, set_dev, .help = "as dev" },
	{ "onlink", "", VR_KW_WORKS, 0, 0, 0, set_onlink,
	    .help = "the gateway is reached directly" },
	{ "weight", "NUMBER", VR_KW_WORKS, 1, 1, 0, set_weight,
	    .help = "share of a nexthop, 1 to 255" },
	{ "scope", "SCOPE", VR_KW_WORKS, 1, 1, 0, set_scope,
	    .help = "global, site, link, host, nowhere or a number" },
	{ "table", "TABLE", VR_KW_WORKS, 1, 1, 0, set_table,
	    .help = "number or name; main unless given" },
	{ "protocol", "PROTOCOL", VR_KW_WORKS, 1, 1, 0, set_protocol,
	    .help = "number or name; 18 unless given" },
	{ "proto", "PROTOCOL", VR_KW_WORKS, 1, 1, 0, set_protocol,
	    .help = "as protocol" },
	NUMBER("tos", tos, 255, "type of service"),
	NUMBER("dsfield", tos, 255, "as tos"),
	NUMBER("metric", metric, UINT32_MAX, "lower is better"),
	NUMBER("priority", metric, UINT32_MAX, "as metric"),
	NUMBER("preference", metric, UINT32_MAX, "as metric"),
	NUMBER("mtu", mtu, UINT32_MAX, "largest packet"),
	NUMBER("advmss", advmss, UINT32_MAX, "segment size told to peers"),
	NUMBER("window", window, UINT32_MAX, "largest window told to peers"),
	{ "no_track", "", VR_KW_WORKS, 0, 0, 0, set_no_track,
	    .help = "is not put back when somebody removes it" },
	REFUSED("append", 0),
	REFUSED("as", 1),
	REFUSED("congctl", 1),
	REFUSED("cwnd", 1),
	REFUSED("encap", 1),
	REFUSED("expires", 1),
	REFUSED("fastopen_no_cookie", 1),
	REFUSED("features", 1),
	REFUSED("hoplimit", 1),
	REFUSED("initcwnd", 1),
	REFUSED("initrwnd", 1),
	REFUSED("lock", 0),
	REFUSED("nat", 0),
	REFUSED("pref", 1),
	REFUSED("quickack", 1),
	REFUSED("realms", 1),
	REFUSED("reordering", 1),
	REFUSED("rto_min", 1),
	REFUSED("rtt", 1),
	REFUSED("rttvar", 1),
	REFUSED("ssthresh", 1),
	REFUSED("track_group", 1),
	REFUSED("ttl-propagate", 1),
	REFUSED("vrf", 1),
	{ .word = NULL },
};

/* A line of iproute2's file: NUMBER NAME. */
static bool
is_table(const char *line, const char *name, uint32_t *out)
{
	char found[64];
	unsigned value;
	if (sscanf(line, "%i %63s", (int *)&value, found) != 2 ||
	    strcmp(found, name) != 0)
		return false;
	*out = value;
	return true;
}

static bool
table_find(const char *name, uint32_t *out)
{
	FILE *const f = fopen(TABLES_FILE, "re");
	char line[256];
	bool found = false;

	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL)
		found = is_table(line, name, out);
	if (f != NULL)
		fclose(f);
	return found;
}

int
vr_get_table(
    struct vr_reader *r, const struct vr_line *l, const char *word, uint32_t *out)
{
	static const char *const names[] = { "default", "main", "local" };
	int64_t number;

	for (uint32_t i = 0; i < 3; i++) {
		if (strcmp(word, names[i]) == 0) {
			*out = RT_TABLE_DEFAULT + i;
			return 0;
		}
	}
	if (!isdigit((unsigned char)*word)) {
		if (!r->blind && table_find(word, out))
			return 0;
		return vr_expected(
		    r, l, word, "a number, or a name that is in " TABLES_FILE ",");
	}
	if (vr_get_int(r, l, word, 1, UINT32_MAX, &number) != 0)
		return -1;
	*out = (uint32_t)number;
	return 0;
}

static uint8_t
family_of(const struct reading *rd)
{
	const struct vr_route *const rt = rd->rt;
	if (rd->family != 0)
		return rd->family;
	if (rt->n_hops > 0 && rt->hop[0].via.family != 0)
		return rt->hop[0].via.family;
	return rt->src.family;
}

static bool
blocks(const struct vr_route *rt)
{
	return rt->type == RTN_BLACKHOLE || rt->type == RTN_UNREACHABLE ||
	    rt->type == RTN_PROHIBIT || rt->type == RTN_THROW;
}

static void
route_check(struct vr_reader *r, const struct vr_line *l, const struct vr_route *rt)
{
	if (blocks(rt) && rt->n_hops > 0) {
		vr_fail(r->rep, &l->where,
		    "a route that blocks leads nowhere: remove 'via' and 'dev'");
		return;
	}
	if (!blocks(rt) && rt->n_hops == 0)
		vr_fail(r->rep, &l->where,
		    "this route needs 'via ADDRESS' or 'dev INTERFACE'");
	for (unsigned i = 0; i < rt->n_hops; i++) {
		const struct vr_hop *const hop = &rt->hop[i];
		if (hop->via.family == 0 && hop->dev == NULL)
			vr_fail(r->rep, &l->where,
			    "each nexthop needs 'via ADDRESS' or 'dev INTERFACE'");
		if (hop->via.family != 0 && hop->via.family != rt->family)
			vr_fail(r->rep, &l->where,
			    "gateway and destination must be of one family, IPv4 or IPv6");
	}
	if (rt->src.family != 0 && rt->src.family != rt->family)
		vr_fail(r->rep, &l->where,
		    "'src' and the destination must be of one family, IPv4 or IPv6");
}

static void
route_read(struct vr_reader *r, const struct vr_line *l, struct vr_route *rt)
{
	struct reading rd = { .rt = rt };

	*rt = (struct vr_route){ .type = RTN_UNICAST,
		.table = RT_TABLE_MAIN,
		.protocol = PROTO_KEEPALIVED,
		.where = l->where };
	for (unsigned i = 0, taken; i < l->n_words; i += taken) {
		taken = vr_option_read(r, vr_kw_route, l, i, &rd);
		if (taken == 0 && rd.to != NULL) {
			vr_kw_unknown(r, vr_kw_route, "a route", l, l->word[i]);
			return;
		}
		if (taken == 0) {
			rd.to = l->word[i];
			taken = 1;
		}
	}
	if (rd.to == NULL) {
		vr_fail(r->rep, &l->where, "a route needs a destination: to NETWORK");
		return;
	}
	if (vr_get_net(r, l, rd.to, family_of(&rd), &rt->to, &rt->to_prefix) == 0) {
		rt->family = rt->to.family;
		route_check(r, l, rt);
	}
}

void
vr_set_routes(
    struct vr_reader *r, void *to, const struct vr_line *block, const struct vr_kw *kw)
{
	struct vr_instance *const in = to;

	(void)kw;
	for (const struct vr_line *l = block->child; l != NULL; l = l->next) {
		in->route = vr_grow(r, in->route, in->n_routes, sizeof(*in->route));
		route_read(r, l, &in->route[in->n_routes++]);
	}
}

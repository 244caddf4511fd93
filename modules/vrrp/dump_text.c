/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * dump_text.c - addresses, routes, rules and commands in keepalived's words.
 * Any thread; no state.
 */
#include "config.h"

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <time.h>

#include <tideway/worker.h>

#include "dump.h"

static const char *
end(struct tw_out *o, char buf[VR_TEXT_BYTES])
{
	*o->p = '\0';
	return buf;
}

static struct tw_out
begin(char buf[VR_TEXT_BYTES])
{
	return tw_out_of(buf, VR_TEXT_BYTES - 1);
}

static void
ip_out(struct tw_out *o, const char *before, const struct vr_ip *ip)
{
	char text[64];

	tw_out_printf(o, "%s%s", before, vr_ip_out(ip, text, sizeof(text)));
}

static unsigned
full_prefix(uint8_t family)
{
	return family == AF_INET6 ? 128 : 32;
}

/* "all" for none; the length only when it is not the whole address. */
static void
net_out(struct tw_out *o, const char *before, const struct vr_ip *ip, unsigned prefix)
{
	if (ip->family == 0) {
		tw_out_printf(o, "%sall", before);
		return;
	}
	ip_out(o, before, ip);
	if (prefix != full_prefix(ip->family))
		tw_out_printf(o, "/%u", prefix);
}

/* --- addresses --- */

static void
scope_out(struct tw_out *o, uint8_t scope)
{
	static const struct {
		uint8_t scope;
		const char *name;
	} names[] = {
		{ RT_SCOPE_UNIVERSE, "global" },
		{ RT_SCOPE_SITE, "site" },
		{ RT_SCOPE_LINK, "link" },
		{ RT_SCOPE_HOST, "host" },
		{ RT_SCOPE_NOWHERE, "nowhere" },
	};

	for (size_t i = 0; i < TW_N_ELEMENTS(names); i++) {
		if (names[i].scope == scope) {
			tw_out_printf(o, " scope %s", names[i].name);
			return;
		}
	}
	tw_out_printf(o, " scope %u", scope);
}

static void
dev_out(struct tw_out *o, const struct vr_instance *in, const struct vr_vip *vip)
{
	const char *const dev = vip->dev != NULL ? vip->dev : in->interface;

	if (in->use_vmac && strcmp(dev, in->interface) == 0)
		tw_out_printf(o, " dev %s@%s", in->vmac_name, in->interface);
	else
		tw_out_printf(o, " dev %s", dev);
}

static void
lifetime_out(struct tw_out *o, const struct vr_vip *vip)
{
	static const struct {
		uint32_t flag;
		const char *name;
	} names[] = {
		{ IFA_F_HOMEADDRESS, " home" },
		{ IFA_F_MANAGETEMPADDR, " mngtmpaddr" },
		{ IFA_F_NOPREFIXROUTE, " noprefixroute" },
	};

	for (size_t i = 0; i < TW_N_ELEMENTS(names); i++)
		if ((vip->flags & names[i].flag) != 0)
			tw_out_printf(o, "%s", names[i].name);
	if (vip->preferred_s == 0)
		tw_out_lit(o, " deprecated");
	else if (vip->preferred_s != VR_FOR_EVER)
		tw_out_printf(o, " preferred_lft %u", vip->preferred_s);
}

const char *
vr_text_vip(const struct vr_instance *in, const struct vr_vip *vip, bool is_set,
    char buf[VR_TEXT_BYTES])
{
	struct tw_out o = begin(buf);

	net_out(&o, "", &vip->ip,
	    vip->peer.family != 0 ? full_prefix(vip->ip.family) : vip->prefix);
	if (vip->broadcast.family != 0)
		ip_out(&o, " brd ", &vip->broadcast);
	dev_out(&o, in, vip);
	scope_out(&o, vip->scope);
	if (vip->label != NULL)
		tw_out_printf(&o, " label %s", vip->label);
	if (vip->peer.family != 0) {
		ip_out(&o, " peer ", &vip->peer);
		tw_out_printf(&o, "/%u", vip->prefix);
	}
	lifetime_out(&o, vip);
	if (vip->no_track)
		tw_out_lit(&o, " no_track");
	if (is_set)
		tw_out_lit(&o, " set");
	return end(&o, buf);
}

/* --- routes --- */

static void
type_out(struct tw_out *o, uint8_t type)
{
	static const char *const names[] = {
		[RTN_LOCAL] = "local",
		[RTN_BROADCAST] = "broadcast",
		[RTN_ANYCAST] = "anycast",
		[RTN_MULTICAST] = "multicast",
		[RTN_BLACKHOLE] = "blackhole",
		[RTN_UNREACHABLE] = "unreachable",
		[RTN_PROHIBIT] = "prohibit",
		[RTN_THROW] = "throw",
	};

	if (type < TW_N_ELEMENTS(names) && names[type] != NULL)
		tw_out_printf(o, "%s ", names[type]);
}

static void
hop_out(struct tw_out *o, const struct vr_hop *hop)
{
	if (hop->via.family != 0)
		ip_out(o, hop->via.family == AF_INET6 ? " via inet6 " : " via inet ",
		    &hop->via);
	if (hop->dev != NULL)
		tw_out_printf(o, " dev %s", hop->dev);
	if (hop->onlink)
		tw_out_lit(o, " onlink");
}

static void
hops_out(struct tw_out *o, const struct vr_route *rt)
{
	for (unsigned i = 0; i < rt->n_hops; i++) {
		tw_out_lit(o, " nexthop");
		hop_out(o, &rt->hop[i]);
		tw_out_printf(
		    o, " weight %u", rt->hop[i].weight != 0 ? rt->hop[i].weight : 1);
	}
}

static void
option_out(struct tw_out *o, const char *word, uint32_t v)
{
	if (v != 0)
		tw_out_printf(o, " %s %u", word, v);
}

const char *
vr_text_route(const struct vr_route *rt, char buf[VR_TEXT_BYTES])
{
	struct tw_out o = begin(buf);

	type_out(&o, rt->type);
	if (rt->to.family != 0)
		net_out(&o, "", &rt->to, rt->to_prefix);
	else
		tw_out_lit(&o, "default");
	if (rt->src.family != 0)
		ip_out(&o, " src ", &rt->src);
	option_out(&o, "tos", rt->tos);
	if (rt->n_hops == 1)
		hop_out(&o, &rt->hop[0]);
	option_out(&o, "table", rt->table);
	if (rt->has_scope)
		tw_out_printf(&o, " scope %u", rt->scope);
	option_out(&o, "proto", rt->protocol);
	option_out(&o, "metric", rt->metric);
	option_out(&o, "mtu", rt->mtu);
	option_out(&o, "advmss", rt->advmss);
	option_out(&o, "window", rt->window);
	if (rt->n_hops > 1)
		hops_out(&o, rt);
	if (rt->no_track)
		tw_out_lit(&o, " no_track");
	return end(&o, buf);
}

/* --- rules --- */

static void
action_out(struct tw_out *o, const struct vr_rule *ru)
{
	switch (ru->action) {
	case FR_ACT_GOTO:
		tw_out_printf(o, " goto %u", ru->goto_priority);
		return;
	case FR_ACT_NOP:
		tw_out_lit(o, " type nop");
		return;
	case FR_ACT_BLACKHOLE:
		tw_out_lit(o, " type blackhole");
		return;
	case FR_ACT_UNREACHABLE:
		tw_out_lit(o, " type unreachable");
		return;
	case FR_ACT_PROHIBIT:
		tw_out_lit(o, " type prohibit");
		return;
	default:
		tw_out_printf(o, " lookup %u", ru->table);
	}
}

const char *
vr_text_rule(const struct vr_rule *ru, char buf[VR_TEXT_BYTES])
{
	struct tw_out o = begin(buf);

	net_out(&o, ru->invert ? "not from " : "from ", &ru->from, ru->from_prefix);
	if (ru->to.family != 0)
		net_out(&o, " to ", &ru->to, ru->to_prefix);
	if (ru->has_priority)
		tw_out_printf(&o, " priority %u", ru->priority);
	tw_out_printf(&o, " tos 0x%x", ru->tos);
	if (ru->fwmark != 0 || ru->fwmask != 0)
		tw_out_printf(&o, " fwmark 0x%x/0x%x", ru->fwmark, ru->fwmask);
	if (ru->iif != NULL)
		tw_out_printf(&o, " iif %s", ru->iif);
	if (ru->oif != NULL)
		tw_out_printf(&o, " oif %s", ru->oif);
	action_out(&o, ru);
	if (ru->no_track)
		tw_out_lit(&o, " no_track");
	return end(&o, buf);
}

/* --- the rest --- */

const char *
vr_text_command(const struct vr_command *cmd, char buf[VR_TEXT_BYTES])
{
	struct tw_out o = begin(buf);

	for (int i = 0; cmd->argv != NULL && cmd->argv[i] != NULL; i++)
		tw_out_printf(&o, "%s'%s'", i > 0 ? " " : "", cmd->argv[i]);
	return end(&o, buf);
}

const char *
vr_text_password(const struct vr_instance *in, char *buf)
{
	memcpy(buf, in->password, VR_MAX_PASSWORD);
	buf[VR_MAX_PASSWORD] = '\0';
	return buf;
}

uint64_t
vr_wall_of(uint64_t monotonic_us)
{
	struct timespec ts;

	if (monotonic_us == 0)
		return 0;
	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000 -
	    tw_now_us() + monotonic_us;
}

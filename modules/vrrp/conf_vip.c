/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conf_vip.c - lines of virtual_ipaddress and virtual_ipaddress_excluded.
 *
 * source: keepalived.conf(5), ip-address(8).
 */
#include "config.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "conf.h"

static void
set_dev(struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	(void)kw;
	vr_get_dev(r, l, l->word[1], &((struct vr_vip *)to)->dev);
}

static void
set_label(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	(void)kw;
	if (strlen(l->word[1]) >= IF_NAMESIZE)
		vr_expected(r, l, l->word[1], "a label of at most 15 bytes");
	else
		((struct vr_vip *)to)->label = l->word[1];
}

static void
set_scope(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	(void)kw;
	vr_get_scope(r, l, l->word[1], &((struct vr_vip *)to)->scope);
}

/* Host bits all set or cleared. */
static void
host_bits(struct vr_vip *v, bool set)
{
	v->broadcast = v->ip;
	for (unsigned bit = v->prefix; bit < 32; bit++) {
		const uint8_t mask = (uint8_t)(0x80 >> bit % 8);
		uint8_t *const byte = &v->broadcast.bytes[bit / 8];
		*byte = (uint8_t)(set ? *byte | mask : *byte & ~mask);
	}
}

static void
set_broadcast(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	struct vr_vip *const v = to;
	const char *const word = l->word[1];

	(void)kw;
	if (v->ip.family != AF_INET)
		vr_expected(r, l, word, "an IPv4 address before it");
	else if (strcmp(word, "+") == 0 || strcmp(word, "-") == 0)
		host_bits(v, *word == '+');
	else
		vr_get_ip(r, l, word, &v->broadcast);
}

static void
set_peer(struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	struct vr_vip *const v = to;

	(void)kw;
	if (vr_get_ip(r, l, l->word[1], &v->peer) == 0 &&
	    v->peer.family != v->ip.family) {
		vr_expected(r, l, l->word[1], "an address of the same family");
		v->peer.family = 0;
	}
}

static void
set_address_flag(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	struct vr_vip *const v = to;

	if (kw->low != 0 && v->ip.family != AF_INET6)
		vr_fail(r->rep, &l->where, "'%s' is for IPv6 addresses: remove it",
		    l->word[0]);
	else if (strcmp(l->word[0], "-nodad") == 0)
		v->flags &= ~(uint32_t)IFA_F_NODAD;
	else
		v->flags |= (uint32_t)kw->high;
}

static void
set_preferred(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	int64_t seconds = UINT32_MAX;

	(void)kw;
	if (strcmp(l->word[1], "forever") == 0 ||
	    vr_get_int(r, l, l->word[1], 0, UINT32_MAX - 1, &seconds) == 0)
		((struct vr_vip *)to)->preferred_s = (uint32_t)seconds;
}

/* The ones of IPv6 have low 1. */
const struct vr_kw vr_kw_vip[] = {
	{ "brd", "ADDRESS|+|-", VR_KW_WORKS, 1, 1, 0, set_broadcast,
	    .help = "broadcast address; +, -: all host bits set or clear" },
	{ "broadcast", "ADDRESS|+|-", VR_KW_WORKS, 1, 1, 0, set_broadcast,
	    .help = "as brd" },
	{ "dev", "INTERFACE", VR_KW_WORKS, 1, 1, 0, set_dev,
	    .help = "where the address lives; the instance's interface unless given" },
	{ "scope", "SCOPE", VR_KW_WORKS, 1, 1, 0, set_scope,
	    .help = "global, site, link, host, nowhere or a number" },
	{ "label", "NAME", VR_KW_WORKS, 1, 1, 0, set_label,
	    .help = "the address's label, as eth0:1" },
	{ "peer", "ADDRESS", VR_KW_WORKS, 1, 1, 0, set_peer,
	    .help = "the other end of a point to point link" },
	{ "home", "", VR_KW_WORKS, 0, 0, 0, set_address_flag, .low = 1,
	    .high = IFA_F_HOMEADDRESS, .help = "Mobile IPv6 home address" },
	{ "-nodad", "", VR_KW_WORKS, 0, 0, 0, set_address_flag, .low = 1,
	    .help = "duplicate address detection, which is off unless this is given" },
	{ "mngtmpaddr", "", VR_KW_WORKS, 0, 0, 0, set_address_flag, .low = 1,
	    .high = IFA_F_MANAGETEMPADDR,
	    .help = "a template for temporary addresses" },
	{ "noprefixroute", "", VR_KW_WORKS, 0, 0, 0, set_address_flag,
	    .high = IFA_F_NOPREFIXROUTE, .help = "no route to the address's network" },
	{ "autojoin", "", VR_KW_WORKS, 0, 0, 0, set_address_flag,
	    .high = IFA_F_MCAUTOJOIN, .help = "joins multicast groups" },
	{ "no_track", "", VR_KW_WORKS, 0, 0, 0, vr_set_flag,
	    VR_AT(struct vr_vip, no_track),
	    .help = "is not put back when somebody removes it" },
	{ "preferred_lft", "SECONDS|forever", VR_KW_WORKS, 1, 1, 0, set_preferred,
	    .help = "preferred lifetime; 0 for an IPv6 /128, else forever" },
	{ "use_vmac", "", VR_KW_REFUSED, 0, 0, 0,
	    .help = "a virtual MAC for one address; write use_vmac into the "
		    "vrrp_instance" },
	{ "track_group", "GROUP", VR_KW_REFUSED, 1, 1, 0,
	    .help = "static addresses belong into the system's own configuration" },
	{ .word = NULL },
};

int
vr_get_scope(
    struct vr_reader *r, const struct vr_line *l, const char *word, uint8_t *out)
{
	static const struct {
		const char *name;
		uint8_t value;
	} scopes[] = { { "global", RT_SCOPE_UNIVERSE }, { "site", RT_SCOPE_SITE },
		{ "link", RT_SCOPE_LINK }, { "host", RT_SCOPE_HOST },
		{ "nowhere", RT_SCOPE_NOWHERE } };
	int64_t number;

	for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
		if (strcmp(word, scopes[i].name) == 0) {
			*out = scopes[i].value;
			return 0;
		}
	}
	if (*word < '0' || *word > '9')
		return vr_expected(r, l, word, "global, site, link, host or nowhere");
	if (vr_get_int(r, l, word, 0, 255, &number) != 0)
		return -1;
	*out = (uint8_t)number;
	return 0;
}

static void
vip_check(struct vr_reader *r, const struct vr_line *l, struct vr_vip *v)
{
	const bool is_v6 = v->ip.family == AF_INET6;

	if (v->peer.family != 0 && strchr(l->word[0], '/') != NULL) {
		vr_warn(r->rep, &l->where,
		    "'%s': with 'peer', the prefix length is "
		    "ignored, as by keepalived: remove it",
		    l->word[0]);
		v->prefix = is_v6 ? 128 : 32;
	}
	if (v->peer.family != 0 && v->broadcast.family != 0)
		vr_fail(r->rep, &l->where,
		    "'%s': an address with a peer has no broadcast "
		    "address: remove 'brd' or 'peer'",
		    l->word[0]);
	if (v->preferred_s == 0 && !is_v6)
		vr_fail(r->rep, &l->where,
		    "preferred_lft 0 is for IPv6 addresses: remove it");
}

static void
vip_read(struct vr_reader *r, const struct vr_line *l, struct vr_vip *v)
{
	const char *const word = l->word[0];

	if (vr_kw_find(vr_kw_vip, word) != NULL) {
		vr_expected(r, l, word, "an address before it");
		return;
	}
	if (strchr("0123456789abcdefABCDEF:/", *word) == NULL) {
		vr_kw_unknown(r, vr_kw_instance, "the block of addresses", l, word);
		return;
	}
	const struct vr_line named = { .word = l->word, .where = l->where };
	if (vr_get_net(r, &named, word, 0, &v->ip, &v->prefix) != 0)
		return;
	const bool is_v6 = v->ip.family == AF_INET6;
	v->flags = is_v6 ? IFA_F_NODAD : 0;
	v->preferred_s = is_v6 && v->prefix == 128 ? 0 : VR_FOR_EVER;
	for (unsigned i = 1, taken; i < l->n_words; i += taken) {
		taken = vr_option_read(r, vr_kw_vip, l, i, v);
		if (taken == 0) {
			vr_fail(r->rep, &l->where,
			    "'%s' behind an address: one of brd, dev, scope, label, peer, "
			    "no_track, ... is meant; each address needs a line of its own",
			    l->word[i]);
			return;
		}
	}
	vip_check(r, l, v);
}

static void
vips_read(struct vr_reader *r, struct vr_instance *in, const struct vr_line *block,
    bool excluded)
{
	for (const struct vr_line *l = block->child; l != NULL; l = l->next) {
		in->vip = vr_grow(r, in->vip, in->n_vips, sizeof(*in->vip));
		struct vr_vip *const v = &in->vip[in->n_vips++];
		v->excluded = excluded;
		v->where = l->where;
		vip_read(r, l, v);
	}
}

void
vr_set_vips(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	(void)kw;
	vips_read(r, to, l, false);
}

void
vr_set_excluded(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	(void)kw;
	vips_read(r, to, l, true);
}

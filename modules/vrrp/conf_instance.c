/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conf_instance.c - the keywords of vrrp_instance.
 *
 * What depends on several lines is in conf_finish.c.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "conf.h"

#define DAY_US (86400 * INT64_C(1000000))
#define IN(field) VR_AT(struct vr_instance, field)

static void
set_state(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	struct vr_instance *const in = to;

	(void)kw;
	in->wants_master = strcmp(l->word[1], "MASTER") == 0;
	if (!in->wants_master && strcmp(l->word[1], "BACKUP") != 0)
		vr_expected(r, l, l->word[1], "MASTER or BACKUP");
}

static void
set_interface(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	(void)kw;
	vr_get_dev(r, l, l->word[1], &((struct vr_instance *)to)->interface);
}

static void
set_priority(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	r->now->has_priority = true;
	vr_set_int(r, to, l, kw);
}

static void
set_version(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	r->now->has_version = true;
	vr_set_int(r, to, l, kw);
}

/* "00:00:5e:00:01:33", or five of them: the router id is the last. returns:
 * bytes; 0: is none. */
static unsigned
mac_read(const char *word, uint8_t mac[6])
{
	unsigned byte[6];
	int end = 0;
	const int n = sscanf(word, "%2x:%2x:%2x:%2x:%2x%n:%2x%n", &byte[0], &byte[1],
	    &byte[2], &byte[3], &byte[4], &end, &byte[5], &end);

	if (n < 5 || word[end] != '\0')
		return 0;
	for (int i = 0; i < n; i++)
		mac[i] = (uint8_t)byte[i];
	return (unsigned)n;
}

static void
set_vmac(struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	struct vr_instance *const in = to;
	const char *name;

	(void)kw;
	in->use_vmac = true;
	for (unsigned i = 1; i < l->n_words; i++) {
		if (strchr(l->word[i], ':') == NULL) {
			if (vr_get_dev(r, l, l->word[i], &name) == 0)
				snprintf(
				    in->vmac_name, sizeof(in->vmac_name), "%s", name);
			continue;
		}
		r->now->mac_len = mac_read(l->word[i], in->vmac_mac);
		if (r->now->mac_len == 0 || (in->vmac_mac[0] & 1) != 0)
			vr_expected(r, l, l->word[i],
			    "a unicast MAC address of 5 or 6 bytes, as "
			    "00:00:5e:00:01:33,");
	}
}

static void
set_source(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	if (kw->low != 0) {
		r->now->wants_unicast = true;
		r->now->unicast_at = l->where;
	}
	vr_set_ip(r, to, l, kw);
}

static bool
is_multicast(const struct vr_ip *ip)
{
	return ip->family == AF_INET
	    ? (ip->bytes[0] & 0xf0) == 0xe0
	    : ip->bytes[0] == 0xff && (ip->bytes[1] & 0xf) == 2;
}

void
vr_set_group_address(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	struct vr_ip ip;

	if (vr_get_ip(r, l, l->word[1], &ip) != 0)
		return;
	if (!is_multicast(&ip) || (kw->low != 0 && ip.family != kw->low))
		vr_expected(
		    r, l, l->word[1], "a multicast address (IPv6: link-local, ff02::)");
	else
		memcpy((char *)to + kw->offset, &ip, sizeof(ip));
}

static void
set_wants_unicast(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	r->now->wants_unicast = true;
	r->now->unicast_at = l->where;
	if (kw->size != 0)
		vr_set_int(r, to, l, kw);
	else
		r->now->no_peer_is_fault = true;
}

static void
peer_options(struct vr_reader *r, const struct vr_line *l, struct vr_peer_addr *p)
{
	for (unsigned i = 1; i < l->n_words; i += 2) {
		const bool is_min = strcmp(l->word[i], "min_ttl") == 0;
		int64_t ttl;
		if ((!is_min && strcmp(l->word[i], "max_ttl") != 0) ||
		    i + 1 == l->n_words) {
			vr_fail(r->rep, &l->where,
			    "'%s' behind a peer: min_ttl NUMBER or max_ttl NUMBER is "
			    "needed; each peer needs a line of its own",
			    l->word[i]);
			return;
		}
		if (vr_get_int(r, l, l->word[i + 1], 0, 255, &ttl) == 0)
			*(is_min ? &p->min_ttl : &p->max_ttl) = (uint8_t)ttl;
	}
	if (p->min_ttl > p->max_ttl)
		vr_fail(
		    r->rep, &l->where, "min_ttl is above max_ttl: nothing could pass");
}

static void
set_peers(
    struct vr_reader *r, void *to, const struct vr_line *block, const struct vr_kw *kw)
{
	struct vr_instance *const in = to;

	(void)kw;
	r->now->wants_unicast = true;
	r->now->unicast_at = block->where;
	for (const struct vr_line *l = block->child; l != NULL; l = l->next) {
		const struct vr_line named = { .word = block->word, .where = l->where };
		in->peer = vr_grow(r, in->peer, in->n_peers, sizeof(*in->peer));
		struct vr_peer_addr *const p = &in->peer[in->n_peers++];
		*p = (struct vr_peer_addr){ .max_ttl = 255 };
		if (vr_get_ip(r, &named, l->word[0], &p->ip) == 0)
			peer_options(r, l, p);
	}
}

static void
set_strict(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	r->now->strict_at = l->where;
	vr_set_flag(r, to, l, kw);
}

/* nopreempt and preempt. */
static void
set_preempt(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	((struct vr_instance *)to)->nopreempt = kw->low != 0;
	r->now->nopreempt_at = l->where;
}

static void
set_accept(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	(void)r, (void)l, (void)kw;
	((struct vr_instance *)to)->accept = true;
}

/* A socket buffer's size; the largest of all instances counts. */
static void
set_rx_buf(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	int64_t bytes;
	(void)to;
	if (vr_get_int(r, l, l->word[1], kw->low, kw->high, &bytes) == 0 &&
	    r->conf->global.rx_bufs < (unsigned long)bytes)
		r->conf->global.rx_bufs = (unsigned long)bytes;
}

static void
set_auth(struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	(void)kw;
	r->now->auth_at = l->where;
	vr_block_read(r, vr_kw_auth, "authentication", l->child, to);
}

static void
set_auth_type(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	(void)kw;
	r->now->has_auth_type = true;
	if (strcmp(l->word[1], "PASS") == 0)
		((struct vr_instance *)to)->auth = VR_AUTH_PASS;
	else if (strcmp(l->word[1], "AH") == 0)
		vr_fail(r->rep, &l->where,
		    "auth_type AH is not supported yet: write PASS on all routers; AH "
		    "protects nothing that a separate network would not");
	else
		vr_expected(r, l, l->word[1], "PASS");
}

static void
set_password(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	struct vr_instance *const in = to;
	const size_t len = strlen(l->word[1]);

	(void)kw;
	r->now->has_password = len > 0;
	if (len > VR_MAX_PASSWORD)
		vr_warn(r->rep, &l->where,
		    "auth_pass has %zu characters: only the first %d are used, as by "
		    "keepalived; cut it to '%.*s'",
		    len, VR_MAX_PASSWORD, VR_MAX_PASSWORD, l->word[1]);
	memset(in->password, 0, sizeof(in->password));
	memcpy(in->password, l->word[1], len < VR_MAX_PASSWORD ? len : VR_MAX_PASSWORD);
}

const struct vr_kw vr_kw_auth[] = {
	{ "auth_type", "PASS", VR_KW_WORKS, 1, 1, 0, set_auth_type,
	    .help = "PASS; AH is refused" },
	{ "auth_pass", "PASSWORD", VR_KW_WORKS, 1, 1, 0, set_password,
	    .help = "at most 8 characters; it is sent in the clear" },
	{ .word = NULL },
};

#define SECONDS(name, field, max, text)                                           \
	{                                                                         \
		name, "SECONDS", VR_KW_WORKS, 1, 1, 0, vr_set_seconds, IN(field), \
		    .low = 0, .high = (max), .help = (text)                       \
	}
#define NUMBER(name, field, min, max, text)                                         \
	{                                                                           \
		name, "NUMBER", VR_KW_WORKS, 1, 1, 0, vr_set_int, IN(field), (min), \
		    (max), text                                                     \
	}
#define FLAG(name, field, text)                                               \
	{                                                                     \
		name, "[BOOL]", VR_KW_WORKS, 0, 1, 0, vr_set_flag, IN(field), \
		    .help = (text)                                            \
	}
#define NOTED(name, args, text)                                                \
	{                                                                      \
		name, args, VR_KW_NOTED, .block = VR_MAY_BLOCK, .help = (text) \
	}
#define REFUSED(name, args, text)                                                \
	{                                                                        \
		name, args, VR_KW_REFUSED, .block = VR_MAY_BLOCK, .help = (text) \
	}

const struct vr_kw vr_kw_instance[] = {
	{ "state", "MASTER|BACKUP", VR_KW_WORKS, 1, 1, 0, set_state,
	    .help =
		"what it begins as only if its priority is 255, as with keepalived" },
	{ "interface", "NAME", VR_KW_WORKS, 1, 1, 0, set_interface,
	    .help = "where advertisements are sent and received" },
	{ "virtual_router_id", "NUMBER", VR_KW_WORKS, 1, 1, 0, vr_set_int, IN(vrid), 1,
	    255, "the same on all routers of this instance" },
	{ "priority", "NUMBER", VR_KW_WORKS, 1, 1, 0, set_priority, IN(priority), 1,
	    255, "the highest becomes master; 255: owns the addresses" },
	{ "advert_int", "SECONDS", VR_KW_WORKS, 1, 1, 0, vr_set_seconds, IN(advert_us),
	    10000, 255000000, "between advertisements; whole seconds in version 2" },
	{ "version", "2|3", VR_KW_WORKS, 1, 1, 0, set_version, IN(version), 2, 3,
	    "of the protocol; 3 for IPv6" },
	{ "authentication", "", VR_KW_WORKS, 0, 0, VR_BLOCK, set_auth,
	    .help = "a password, version 2 only" },
	{ "virtual_ipaddress", "", VR_KW_WORKS, 0, 0, VR_BLOCK, vr_set_vips,
	    .help = "the addresses that move, one on a line" },
	{ "virtual_ipaddress_excluded", "", VR_KW_WORKS, 0, 0, VR_BLOCK,
	    vr_set_excluded,
	    .help = "addresses that move but are not in the advertisements" },
	{ "virtual_routes", "", VR_KW_WORKS, 0, 0, VR_BLOCK, vr_set_routes,
	    .help = "routes that move, one on a line" },
	{ "virtual_rules", "", VR_KW_WORKS, 0, 0, VR_BLOCK, vr_set_rules,
	    .help = "routing rules that move, one on a line" },
	VR_TRACK_KWS,
	FLAG("dont_track_primary", dont_track_primary,
	    "the interface's own state does not matter"),
	{ "mcast_src_ip", "ADDRESS", VR_KW_WORKS, 1, 1, 0, set_source, IN(source),
	    .help = "sent from; the interface's first address unless given" },
	{ "unicast_src_ip", "ADDRESS", VR_KW_WORKS, 1, 1, 0, set_source, IN(source), 1,
	    .help = "sent from, to unicast peers" },
	{ "mcast_dst_ip", "ADDRESS", VR_KW_WORKS, 1, 1, 0, vr_set_group_address,
	    IN(mcast_group), .help = "multicast group; 224.0.0.18, ff02::12" },
	FLAG("track_src_ip", track_source, "FAULT while the source address is missing"),
	{ "unicast_peer", "", VR_KW_WORKS, 0, 0, VR_BLOCK, set_peers,
	    .help = "no multicast; ADDRESS [min_ttl N] [max_ttl N], one on a line" },
	{ "unicast_fault_no_peer", "", VR_KW_WORKS, 0, 0, 0, set_wants_unicast,
	    .help = "an error, not multicast, where there is no unicast_peer" },
	{ "unicast_ttl", "NUMBER", VR_KW_WORKS, 1, 1, 0, set_wants_unicast,
	    IN(unicast_ttl), 1, 255, "TTL or hop limit of what is sent to peers" },
	{ "check_unicast_src", "", VR_KW_QUIET, .help = "senders are always checked" },
	REFUSED("old_unicast_checksum", "[never]",
	    "the checksum of keepalived before 1.3.7; update the peer"),
	{ "nopreempt", "", VR_KW_WORKS, 0, 0, 0, set_preempt, .low = 1,
	    .help = "leaves a master of lower priority alone" },
	{ "preempt", "", VR_KW_WORKS, 0, 0, 0, set_preempt,
	    .help = "the default; takes back nopreempt" },
	SECONDS("preempt_delay", preempt_delay_us, 1000 * INT64_C(1000000),
	    "waits before it takes over from a lower priority"),
	SECONDS("garp_master_delay", garp.delay_us, DAY_US,
	    "until addresses are announced again; 5; 0: never"),
	NUMBER("garp_master_repeat", garp.repeat, 1, 100, "announcements at a time; 5"),
	SECONDS("garp_master_refresh", garp.refresh_us, DAY_US,
	    "announces every so many seconds; 0: never"),
	NUMBER("garp_master_refresh_repeat", garp.refresh_repeat, 0, 100,
	    "announcements at a refresh; 1"),
	SECONDS("garp_lower_prio_delay", garp.lower_prio_delay_us, DAY_US,
	    "until the second time after a lower advertisement; as "
	    "garp_master_delay"),
	NUMBER("garp_lower_prio_repeat", garp.lower_prio_repeat, 0, 100,
	    "announcements then; as garp_master_repeat"),
	REFUSED("garp_extra_if", "[all] SECONDS",
	    "garp_master_refresh announces all addresses, on all interfaces"),
	NUMBER("down_timer_adverts", down_timer_adverts, 1, 100,
	    "missed advertisements until the master counts as gone; 3"),
	FLAG("lower_prio_no_advert", lower_prio_no_advert,
	    "does not answer an advertisement of lower priority"),
	FLAG("higher_prio_send_advert", higher_prio_send_advert,
	    "sends one more before it gives way"),
	FLAG("skip_check_adv_addr", skip_check_adv_addr,
	    "does not compare the addresses of a known master again"),
	{ "strict_mode", "[BOOL]", VR_KW_WORKS, 0, 1, 0, set_strict, IN(strict),
	    .help = "nothing that the protocol's text does not have" },
	{ "accept", "", VR_KW_WORKS, 0, 0, 0, set_accept,
	    .help = "the default: the addresses answer" },
	REFUSED("no_accept", "",
	    "it needs firewall rules; write one yourself that drops what is sent to "
	    "the address"),
	{ "use_vmac", "[NAME] [MAC]", VR_KW_WORKS, 0, 2, 0, set_vmac,
	    .help = "the addresses live on a macvlan with the virtual router's MAC" },
	FLAG("vmac_xmit_base", vmac_xmit_base,
	    "advertisements pass the interface, not the macvlan"),
	REFUSED("use_vmac_addr", "", "virtual MACs for single addresses"),
	REFUSED("use_ipvlan", "[NAME] [ADDRESS] [MODE]", "ipvlan; use use_vmac"),
	REFUSED("vrf", "NAME", "unicast without an interface; name the interface"),
	FLAG("native_ipv6", native_ipv6, "an IPv6 instance; its addresses say so, too"),
	FLAG("promote_secondaries", promote_secondaries,
	    "other addresses of a network stay when the first one goes"),
	{ "debug", "LEVEL", VR_KW_QUIET,
	    .help = "keepalived has no use for it, either" },
	VR_NOTIFY_KWS(IN),
	VR_NOTIFY_KW(IN, "notify_master_rx_lower_pri", master_rx_lower_pri,
	    "runs when a master hears a lower priority"),
	NOTED("smtp_alert", "[BOOL]", "no mail is sent; a notify script can send it"),
	{ "kernel_rx_buf_size", "BYTES", VR_KW_WORKS, 1, 1, 0, set_rx_buf, .low = 1,
	    .high = INT32_MAX, .help = "receive buffer; the largest of all counts" },
	NOTED("linkbeat_use_polling", "", "the kernel tells when a link goes"),
	NOTED("lvs_sync_daemon_interface", "NAME", "LVS is not part of this program"),
	{ .word = NULL },
};

static void
instance_new(struct vr_reader *r, const struct vr_line *l)
{
	struct vr_conf *const conf = r->conf;
	const unsigned n = conf->n_instances;

	conf->instance = vr_grow(r, conf->instance, n, sizeof(*conf->instance));
	r->draft = vr_grow(r, r->draft, n, sizeof(*r->draft));
	conf->n_instances++;
	r->now = &r->draft[n];
	conf->instance[n] = r->defaults;
	conf->instance[n].name = l->word[1];
	conf->instance[n].where = l->where;
}

void
vr_set_instance(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	struct vr_conf *const conf = to;

	(void)kw;
	for (unsigned i = 0; i < conf->n_instances; i++) {
		if (strcmp(l->word[1], conf->instance[i].name) == 0) {
			vr_fail(r->rep, &l->where,
			    "a second vrrp_instance '%s': give it "
			    "another name",
			    l->word[1]);
			return;
		}
	}
	instance_new(r, l);
	struct vr_instance *const in = &conf->instance[conf->n_instances - 1];
	vr_block_read(r, vr_kw_instance, "vrrp_instance", l->child, in);
	vr_instance_finish(r, in);
}

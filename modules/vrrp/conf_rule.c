/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conf_rule.c - lines of virtual_rules.
 *
 * source: keepalived.conf(5), ip-rule(8).
 */
#include "config.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "conf.h"

/* A rule while its line is read. */
struct reading {
	struct vr_rule *ru;
	const char *from, *to; /* words; NULL: any */
};

static void
set_net(struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	struct reading *const rd = to;
	(void)r;
	*(kw->low != 0 ? &rd->to : &rd->from) = l->word[1];
}

static void
set_action(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	(void)r, (void)l;
	((struct reading *)to)->ru->action = (uint8_t)kw->low;
}

static void
set_table(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	(void)kw;
	vr_get_table(r, l, l->word[1], &((struct reading *)to)->ru->table);
}

static void
set_goto(struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	struct vr_rule *const ru = ((struct reading *)to)->ru;
	int64_t target;
	(void)kw;
	if (vr_get_int(r, l, l->word[1], 1, UINT32_MAX, &target) == 0) {
		ru->action = FR_ACT_GOTO;
		ru->goto_priority = (uint32_t)target;
	}
}

static void
set_priority(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	struct vr_rule *const ru = ((struct reading *)to)->ru;
	int64_t priority;
	(void)kw;
	if (vr_get_int(r, l, l->word[1], 0, UINT32_MAX, &priority) == 0) {
		ru->has_priority = true;
		ru->priority = (uint32_t)priority;
	}
}

/* MARK[/MASK] */
static void
set_mark(struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	struct vr_rule *const ru = ((struct reading *)to)->ru;
	char *const mark = tw_arena_strdup(r->arena, l->word[1]);
	char *const slash = strchr(mark, '/');
	int64_t value, mask = UINT32_MAX;

	(void)kw;
	if (slash != NULL)
		*slash = '\0';
	if (vr_get_int(r, l, mark, 0, UINT32_MAX, &value) != 0 ||
	    (slash != NULL && vr_get_int(r, l, slash + 1, 0, UINT32_MAX, &mask) != 0))
		return;
	ru->fwmark = (uint32_t)value;
	ru->fwmask = (uint32_t)mask;
}

static void
set_tos(struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	vr_set_int(r, ((struct reading *)to)->ru, l, kw);
}

static void
set_dev(struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	struct vr_rule *const ru = ((struct reading *)to)->ru;
	vr_get_dev(r, l, l->word[1], kw->low != 0 ? &ru->oif : &ru->iif);
}

static void
set_invert(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	(void)r, (void)l, (void)kw;
	((struct reading *)to)->ru->invert = true;
}

static void
set_no_track(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	(void)r, (void)l, (void)kw;
	((struct reading *)to)->ru->no_track = true;
}

static void
set_inet6(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	(void)r, (void)l, (void)kw;
	((struct reading *)to)->ru->family = AF_INET6;
}

#define ACTION(name, value)                                            \
	{                                                              \
		name, "", VR_KW_WORKS, 0, 0, 0, set_action,            \
		    .low = (value), .help = "what happens to a packet" \
	}
#define PRIORITY(name)                                              \
	{                                                           \
		name, "NUMBER", VR_KW_WORKS, 1, 1, 0, set_priority, \
		    .help = "place among all rules"                 \
	}
#define REFUSED(name, args)                                              \
	{                                                                \
		name, args ? "VALUE" : "", VR_KW_REFUSED, args, args, 0, \
		    .help = "this selector of rules: leave it out"       \
	}

const struct vr_kw vr_kw_rule[] = {
	{ "from", "NETWORK", VR_KW_WORKS, 1, 1, 0, set_net, .help = "source" },
	{ "to", "NETWORK", VR_KW_WORKS, 1, 1, 0, set_net, .low = 1,
	    .help = "destination" },
	{ "not", "", VR_KW_WORKS, 0, 0, 0, set_invert, .help = "what does not match" },
	{ "inet6", "", VR_KW_WORKS, 0, 0, 0, set_inet6,
	    .help = "an IPv6 rule, where both could be meant" },
	{ "table", "TABLE", VR_KW_WORKS, 1, 1, 0, set_table,
	    .help = "looks it up there; number or name" },
	{ "lookup", "TABLE", VR_KW_WORKS, 1, 1, 0, set_table, .help = "as table" },
	{ "goto", "PRIORITY", VR_KW_WORKS, 1, 1, 0, set_goto,
	    .help = "goes on with another rule" },
	ACTION("blackhole", FR_ACT_BLACKHOLE),
	ACTION("unreachable", FR_ACT_UNREACHABLE),
	ACTION("prohibit", FR_ACT_PROHIBIT),
	ACTION("nop", FR_ACT_NOP),
	PRIORITY("preference"),
	PRIORITY("order"),
	PRIORITY("priority"),
	{ "fwmark", "MARK[/MASK]", VR_KW_WORKS, 1, 1, 0, set_mark,
	    .help = "firewall mark" },
	{ "tos", "NUMBER", VR_KW_WORKS, 1, 1, 0, set_tos, VR_AT(struct vr_rule, tos),
	    .high = 255, .help = "type of service" },
	{ "dsfield", "NUMBER", VR_KW_WORKS, 1, 1, 0, set_tos,
	    VR_AT(struct vr_rule, tos), .high = 255, .help = "as tos" },
	{ "iif", "INTERFACE", VR_KW_WORKS, 1, 1, 0, set_dev,
	    .help = "where the packet came in" },
	{ "dev", "INTERFACE", VR_KW_WORKS, 1, 1, 0, set_dev, .help = "as iif" },
	{ "oif", "INTERFACE", VR_KW_WORKS, 1, 1, 0, set_dev, .low = 1,
	    .help = "where the packet goes out" },
	{ "no_track", "", VR_KW_WORKS, 0, 0, 0, set_no_track,
	    .help = "is not put back when somebody removes it" },
	REFUSED("dport", 1),
	REFUSED("ip_proto", 1),
	REFUSED("ipproto", 1),
	REFUSED("l3mdev", 0),
	REFUSED("protocol", 1),
	REFUSED("realms", 1),
	REFUSED("sport", 1),
	REFUSED("suppress_ifgroup", 1),
	REFUSED("suppress_prefixlength", 1),
	REFUSED("track_group", 1),
	REFUSED("tun_id", 1),
	REFUSED("uidrange", 1),
	{ .word = NULL },
};

/* Both ends, of one family. */
static int
nets_read(struct vr_reader *r, const struct vr_line *l, const struct reading *rd)
{
	struct vr_rule *const ru = rd->ru;
	const char *const word[2] = { rd->from, rd->to };
	struct vr_ip *const ip[2] = { &ru->from, &ru->to };
	uint8_t *const prefix[2] = { &ru->from_prefix, &ru->to_prefix };

	for (int i = 0; i < 2; i++) {
		if (word[i] == NULL)
			continue;
		if (vr_get_net(r, l, word[i], ru->family, ip[i], prefix[i]) != 0)
			return -1;
		if (*prefix[i] == 0)
			ip[i]->family = 0; /* any */
		else
			ru->family = ip[i]->family;
	}
	if (ru->family == 0)
		ru->family = AF_INET;
	return 0;
}

static void
rule_priority(struct vr_reader *r, const struct vr_line *l, struct vr_rule *ru)
{
	if (ru->has_priority)
		return;
	if (ru->action == FR_ACT_GOTO) {
		vr_fail(
		    r->rep, &l->where, "a rule with 'goto' needs 'preference NUMBER'");
		return;
	}
	ru->has_priority = true;
	ru->priority = r->rule_priority--;
	vr_warn(r->rep, &l->where,
	    "a rule without 'preference' gets %u, as from keepalived: write one, or its "
	    "place changes with the file",
	    (unsigned)ru->priority);
}

static void
rule_read(struct vr_reader *r, const struct vr_line *l, struct vr_rule *ru)
{
	struct reading rd = { .ru = ru };

	*ru = (struct vr_rule){ .action = FR_ACT_UNSPEC, .where = l->where };
	for (unsigned i = 0, taken; i < l->n_words; i += taken) {
		taken = vr_option_read(r, vr_kw_rule, l, i, &rd);
		if (taken == 0) {
			vr_kw_unknown(r, vr_kw_rule, "a rule", l, l->word[i]);
			return;
		}
	}
	if (nets_read(r, l, &rd) != 0)
		return;
	if (ru->action == FR_ACT_UNSPEC && ru->table == 0) {
		vr_fail(r->rep, &l->where,
		    "a rule needs 'table NUMBER', 'goto NUMBER', blackhole, unreachable, "
		    "prohibit or nop");
		return;
	}
	if (ru->action == FR_ACT_UNSPEC)
		ru->action = FR_ACT_TO_TBL;
	if (ru->action == FR_ACT_GOTO && ru->has_priority &&
	    ru->goto_priority <= ru->priority)
		vr_fail(r->rep, &l->where,
		    "'goto' leads to a later rule only: its number "
		    "must be above the preference");
	rule_priority(r, l, ru);
}

void
vr_set_rules(
    struct vr_reader *r, void *to, const struct vr_line *block, const struct vr_kw *kw)
{
	struct vr_instance *const in = to;

	(void)kw;
	for (const struct vr_line *l = block->child; l != NULL; l = l->next) {
		in->rule = vr_grow(r, in->rule, in->n_rules, sizeof(*in->rule));
		rule_read(r, l, &in->rule[in->n_rules++]);
	}
}

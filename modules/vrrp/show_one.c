/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * show_one.c - `show vrrp NAME`: everything about one instance. Any thread; no
 * state.
 */
#include "config.h"

#include <inttypes.h>
#include <sys/socket.h>

#include "show_text.h"

#define LABEL "  %-20s"

static void
text(FILE *to, const char *label, const char *value)
{
	if (value[0] != '\0')
		fprintf(to, LABEL "%s\n", label, value);
}

static void
number(FILE *to, const char *label, uint64_t v)
{
	fprintf(to, LABEL "%" PRIu64 "\n", label, v);
}

static void
state_write(FILE *to, const struct vr_shown *row)
{
	char age[32], date[32];

	fprintf(to, LABEL "%s%s%s", "state", vr_state_name(row->state),
	    row->is_split ? ", SPLIT: another node claims the addresses too" : "",
	    row->yielding ? ", yields until 'vrrp resume'" : "");
	if (row->entered_wall_us != 0)
		fprintf(to, " for %s, since %s", vr_text_age(row->entered_wall_us, age),
		    vr_text_date(row->entered_wall_us, date));
	fputc('\n', to);
	text(to, "wanted at start", vr_state_name(row->wants_state));
}

static void
master_write(FILE *to, const struct vr_shown *row)
{
	char ip[64];

	if (row->state == VR_MASTER || row->master.family == 0)
		text(to, "master", vr_text_master(row, ip));
	else
		fprintf(to, LABEL "%s, priority %u\n", "master",
		    vr_text_master(row, ip), row->master_priority);
}

static void
intervals_write(FILE *to, const struct vr_shown *row)
{
	char own[32], master[32];

	vr_text_seconds(row->advert_us, own);
	vr_text_seconds(row->master_advert_us, master);
	if (row->master_advert_us != 0 && row->master_advert_us != row->advert_us)
		fprintf(to, LABEL "%s, the master's %s\n", "interval", own, master);
	else
		text(to, "interval", own);
}

static void
addresses_write(FILE *to, const struct vr_shown *row)
{
	const unsigned known = TW_N_ELEMENTS(row->vip);
	char ip[64];

	fprintf(to, LABEL, "addresses");
	for (unsigned i = 0; i < row->n_vips && i < known; i++)
		fprintf(to, "%s%s", i > 0 ? ", " : "",
		    vr_ip_out(&row->vip[i], ip, sizeof(ip)));
	if (row->n_vips > known)
		fprintf(to, " and %u more", row->n_vips - known);
	fputs(row->n_vips == 0 ? "none\n" : "\n", to);
}

static void
counters_write(FILE *to, const struct vr_router_counters *n)
{
	fprintf(to, LABEL "%" PRIu64 " sent, %" PRIu64 " received\n", "advertisements",
	    n->adverts_sent, n->adverts_received);
	fprintf(to, LABEL "%" PRIu64 " sent, %" PRIu64 " received\n", "priority 0",
	    n->zero_sent, n->zero_received);
	number(to, "became master", n->became_master);
	number(to, "released", n->released);
	number(to, "preempted", n->preempted);
	number(to, "contested", n->contested);
	number(to, "held back", n->held_back);
	number(to, "dropped", vr_dropped(n));
	for (int i = VR_OK + 1; i < VR_N_DROPS; i++)
		if (n->dropped[i] != 0)
			fprintf(to, LABEL "%" PRIu64 " %s\n", "", n->dropped[i],
			    vr_drop_text((enum vr_drop)i));
}

void
vr_show_one(FILE *to, const struct vr_shown *row)
{
	char ip[64];

	fprintf(to, "%s\n", row->name);
	state_write(to, row);
	text(to, "interface", row->interface);
	number(to, "virtual router id", row->vrid);
	fprintf(to, LABEL "%u, %s\n", "version", row->version,
	    row->family == AF_INET6 ? "IPv6" : "IPv4");
	text(to, "sync group", row->group);
	fprintf(
	    to, LABEL "%u (base %u)\n", "priority", row->priority, row->base_priority);
	master_write(to, row);
	text(to, "sends from", vr_ip_out(&row->own, ip, sizeof(ip)));
	text(to, "second path", vr_text_path((enum vr_second_path)row->path));
	intervals_write(to, row);
	addresses_write(to, row);
	counters_write(to, &row->n);
}

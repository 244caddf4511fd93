/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * dump_instance.c - an instance in keepalived's data dump. The VRRP process.
 */
#include "config.h"

#include <inttypes.h>
#include <sys/socket.h>
#include <time.h>

#include "dump.h"

static void
on_off(FILE *to, const char *label, bool on)
{
	fprintf(to, "   %s = %s\n", label, on ? "enabled" : "disabled");
}

static void
truth(FILE *to, const char *label, bool on)
{
	fprintf(to, "   %s = %s\n", label, on ? "true" : "false");
}

/* "1795599416.368306 (Wed Nov 25 09:36:56.368306 2026)" */
static void
moment(FILE *to, const char *label, uint64_t monotonic_us)
{
	const uint64_t wall_us = vr_wall_of(monotonic_us);
	const time_t t = (time_t)(wall_us / 1000000);
	const unsigned us = (unsigned)(wall_us % 1000000);
	char day[32] = "";
	struct tm tm;

	if (localtime_r(&t, &tm) != NULL)
		strftime(day, sizeof(day), "%a %b %d %H:%M:%S", &tm);
	fprintf(to, "   %s = %" PRIu64 ".%06u (%s.%06u %d)\n", label, wall_us / 1000000,
	    us, day, us, tm.tm_year + 1900);
}

static void
state_dump(FILE *to, const struct vr_router *r)
{
	char ip[64];

	fprintf(to, "   State = %s\n", vr_state_name(r->state));
	if (r->state == VR_BACKUP && r->master.family != 0) {
		fprintf(to, "   Master router = %s\n",
		    vr_ip_out(&r->master, ip, sizeof(ip)));
		fprintf(to, "   Master priority = %u\n", r->master_priority);
		if (r->conf->version == 3)
			fprintf(to, "   Master advert int = %.2f sec\n",
			    (double)r->master_advert_us / 1e6);
	}
	if (r->conf->n_peers > 0)
		fputs("   Flags:\n     Using unicast\n", to);
	else
		fputs("   Flags: none\n", to);
	fprintf(to, "   Wantstate = %s\n", r->conf->wants_master ? "MASTER" : "BACKUP");
	fputs("   Number of config faults = 0\n", to);
	fprintf(to, "   Number of interface and track script faults = %d\n", r->fault);
}

static void
timers_dump(FILE *to, const struct vr_router *r)
{
	moment(to, "Last transition", r->entered_us);
	if (r->state == VR_MASTER)
		moment(to, "Read timeout", r->advert_due_us);
	else if (r->down_due_us != 0)
		moment(to, "Read timeout", r->down_due_us);
	fprintf(
	    to, "   Master down timer = %" PRIu64 " usecs\n", vr_down_interval_us(r));
}

static void
interface_dump(FILE *to, const struct vr_instance *in)
{
	if (in->use_vmac) {
		fprintf(to, "   Use VMAC, i/f name %s, xmit_base = %s\n", in->vmac_name,
		    in->vmac_xmit_base ? "true" : "false");
		fprintf(to, "   Interface = %s, vmac on %s%s\n", in->vmac_name,
		    in->interface, in->vmac_xmit_base ? ", xmit base i/f" : "");
	} else
		fprintf(to, "   Interface = %s\n", in->interface);
	if (in->dont_track_primary)
		fputs("   VRRP interface tracking disabled\n", to);
	if (in->skip_check_adv_addr)
		fputs("   Skip checking advert IP addresses\n", to);
	if (in->strict)
		fputs("   Enforcing strict VRRP compliance\n", to);
}

static void
addresses_dump(FILE *to, const struct vr_router *r)
{
	const struct vr_instance *const in = r->conf;
	char ip[64];

	fprintf(to, "   Using src_ip = %s%s\n", vr_ip_out(&r->own, ip, sizeof(ip)),
	    in->source.family != 0 ? " (from configuration)" : "");
	if (in->n_peers > 0)
		return;
	fprintf(
	    to, "   Multicast address %s", vr_ip_out(&in->mcast_group, ip, sizeof(ip)));
	if (in->family == AF_INET6)
		fprintf(to, ", ifindex %u", if_nametoindex(in->interface));
	fputc('\n', to);
}

static void
seconds(FILE *to, const char *label, uint64_t us)
{
	fprintf(to, "   %s = %" PRIu64 "\n", label, us / 1000000);
}

static void
garp_dump(FILE *to, const struct vr_instance *in)
{
	seconds(to, "Gratuitous ARP delay", in->garp.delay_us);
	fprintf(to, "   Gratuitous ARP repeat = %u\n", in->garp.repeat);
	seconds(to, "Gratuitous ARP refresh", in->garp.refresh_us);
	fprintf(to, "   Gratuitous ARP refresh repeat = %u\n", in->garp.refresh_repeat);
	seconds(
	    to, "Gratuitous ARP lower priority delay", in->garp.lower_prio_delay_us);
	fprintf(to, "   Gratuitous ARP lower priority repeat = %u\n",
	    in->garp.lower_prio_repeat);
	fprintf(to, "   Down timer adverts = %" PRIu64 "\n", in->down_timer_adverts);
	truth(to, "Send advert after receive lower priority advert",
	    !in->lower_prio_no_advert);
	truth(to, "Send advert after receive higher priority advert",
	    in->higher_prio_send_advert);
}

static void
interval(FILE *to, const char *label, const struct vr_instance *in, uint64_t us)
{
	if (in->version == 2)
		fprintf(to, "   %s = %" PRIu64 " sec\n", label, us / 1000000);
	else
		fprintf(to, "   %s = %" PRIu64 " milli-sec\n", label, us / 1000);
}

static void
election_dump(FILE *to, const struct vr_router *r)
{
	const struct vr_instance *const in = r->conf;

	fprintf(to, "   Virtual Router ID = %u\n   Priority = %u\n", in->vrid,
	    in->priority);
	fprintf(to, "   Effective priority = %u\n   Total priority = %u\n", r->priority,
	    r->priority);
	interval(to, "Advert interval", in, in->advert_us);
	if (in->version == 3 && r->state == VR_BACKUP)
		interval(to, "Master advert interval", in, r->master_advert_us);
	on_off(to, "Accept", in->accept);
	on_off(to, "Preempt", !in->nopreempt);
	if (in->preempt_delay_us != 0)
		fprintf(to, "   Preempt delay = %g secs\n",
		    (double)in->preempt_delay_us / 1e6);
	on_off(to, "Promote_secondaries", in->promote_secondaries);
}

static void
auth_dump(FILE *to, const struct vr_instance *in)
{
	char password[VR_MAX_PASSWORD + 1];

	if (in->auth == VR_AUTH_NONE)
		return;
	fprintf(to, "   Authentication type = %s\n",
	    in->auth == VR_AUTH_AH ? "IPSEC_AH" : "SIMPLE_PASSWORD");
	if (in->auth == VR_AUTH_PASS)
		fprintf(to, "   Password = %s\n", vr_text_password(in, password));
}

static void
vips_dump(FILE *to, const struct vr_instance *in, bool is_set)
{
	char text[VR_TEXT_BYTES];

	if (in->debug)
		fputs("   Debug level = 1\n", to);
	fprintf(to, "   Virtual IP (%u):\n", in->n_advertised);
	for (unsigned i = 0; i < in->n_vips; i++) {
		if (i == in->n_advertised)
			fputs("   Virtual IP Excluded :\n", to);
		fprintf(to, "     %s\n", vr_text_vip(in, &in->vip[i], is_set, text));
	}
}

static void
peers_dump(FILE *to, const struct vr_instance *in)
{
	char ip[64];

	if (in->n_peers == 0)
		return;
	fprintf(to, "   Unicast TTL = %u\n   Unicast Peer :\n", in->unicast_ttl);
	for (unsigned i = 0; i < in->n_peers; i++)
		fprintf(to, "     %s min_ttl %u max_ttl %u\n",
		    vr_ip_out(&in->peer[i].ip, ip, sizeof(ip)), in->peer[i].min_ttl,
		    in->peer[i].max_ttl);
}

static void
routes_dump(FILE *to, const struct vr_instance *in)
{
	char text[VR_TEXT_BYTES];

	if (in->n_routes > 0)
		fputs("   Virtual Routes :\n", to);
	for (unsigned i = 0; i < in->n_routes; i++)
		fprintf(to, "     %s\n", vr_text_route(&in->route[i], text));
	if (in->n_rules > 0)
		fputs("   Virtual Rules :\n", to);
	for (unsigned i = 0; i < in->n_rules; i++)
		fprintf(to, "     %s\n", vr_text_rule(&in->rule[i], text));
}

void
vr_dump_instance(FILE *to, const struct vr_conf *conf, const struct vr_router *r)
{
	const struct vr_instance *const in = r->conf;

	fprintf(
	    to, " VRRP Instance = %s\n   VRRP Version = %u\n", in->name, in->version);
	if (in->family == AF_INET6)
		fputs("   Using Native IPv6\n", to);
	if (in->group >= 0)
		fprintf(to, "   Sync group = %s\n", conf->group[in->group].name);
	state_dump(to, r);
	timers_dump(to, r);
	interface_dump(to, in);
	addresses_dump(to, r);
	garp_dump(to, in);
	election_dump(to, r);
	auth_dump(to, in);
	vips_dump(to, in, r->state == VR_MASTER);
	peers_dump(to, in);
	routes_dump(to, in);
	vr_dump_tracks(to, in->track, in->n_tracks);
	fprintf(to, "   Notify deleted = %s\n",
	    in->notify.tells_deleted ? "Deleted" : "Fault");
	vr_dump_notify(to, &in->notify);
	truth(to, "Notify priority changes", in->notify.priority_changes);
}

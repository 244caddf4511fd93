/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * dump_stats.c - keepalived's statistics dump (SIGUSR2). The VRRP process.
 */
#include "config.h"

#include <inttypes.h>

#include "dump.h"

static void
line(FILE *to, const char *label, uint64_t v)
{
	fprintf(to, "    %s: %" PRIu64 "\n", label, v);
}

static void
instance_dump(FILE *to, const char *name, const struct vr_router_counters *n)
{
	fprintf(to, "VRRP Instance: %s\n  Advertisements:\n", name);
	line(to, "Received", n->adverts_received);
	line(to, "Sent", n->adverts_sent);
	fprintf(to, "  Became master: %" PRIu64 "\n", n->became_master);
	fprintf(to, "  Released master: %" PRIu64 "\n", n->released);
	fputs("  Packet Errors:\n", to);
	line(to, "Length", n->dropped[VR_DROP_LENGTH]);
	line(to, "TTL", n->dropped[VR_DROP_TTL]);
	line(to, "Invalid Type", n->dropped[VR_DROP_TYPE]);
	line(to, "Advertisement Interval", n->dropped[VR_DROP_INTERVAL]);
	line(to, "Address List",
	    n->dropped[VR_DROP_ADDRESSES] + n->dropped[VR_DROP_COUNT]);
	fputs("  Authentication Errors:\n", to);
	line(to, "Invalid Type", 0); /* one that is not known differs too */
	line(to, "Type Mismatch", n->dropped[VR_DROP_AUTH_TYPE]);
	line(to, "Failure", n->dropped[VR_DROP_AUTH]);
	fputs("  Priority Zero:\n", to);
	line(to, "Received", n->zero_received);
	line(to, "Sent", n->zero_sent);
}

void
vr_dump_stats(FILE *to, const struct vr_conf *conf, const struct vr_router *routers)
{
	for (unsigned i = 0; i < conf->n_instances; i++)
		instance_dump(to, conf->instance[i].name, &routers[i].n);
}

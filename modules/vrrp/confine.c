/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * confine.c - what the VRRP process may do, and how it is scheduled.
 *
 * It keeps the network capabilities and those that running scripts as another
 * user needs. Programs it starts get the system's usual ones back by exec.
 * Pages are locked once touched, so that memory pressure never delays an
 * advertisement. source: capabilities(7), mlockall(2), sched(7).
 */
#include "config.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <tideway/log.h>

#include "fleet.h"

static const unsigned kept[] = { CAP_NET_ADMIN, CAP_NET_RAW, CAP_NET_BROADCAST,
	CAP_SETUID, CAP_SETGID, CAP_KILL, CAP_SYS_NICE, CAP_IPC_LOCK, CAP_SYS_PTRACE,
	CAP_DAC_OVERRIDE, CAP_CHOWN, CAP_FOWNER };

static void
capabilities_drop(void)
{
	struct __user_cap_header_struct head = { .version =
						     _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data) != 0)
		return;
	uint32_t mask[2] = { 0, 0 };
	for (size_t i = 0; i < TW_N_ELEMENTS(kept); i++)
		mask[kept[i] / 32] |= 1u << kept[i] % 32;
	for (int i = 0; i < 2; i++) {
		data[i].permitted &= mask[i];
		data[i].effective = data[i].permitted;
	}
	if (syscall(SYS_capset, &head, data) != 0)
		tw_log(
		    TW_WARNING, "VRRP cannot drop capabilities: %s", strerror(errno));
}

static void
schedule(const struct vr_globals *g)
{
	const struct sched_param param = { .sched_priority = g->rt_priority };
	const struct rlimit rttime = { .rlim_cur = g->rlimit_rttime_us,
		.rlim_max = g->rlimit_rttime_us };

	if (g->process_priority != 0 &&
	    setpriority(PRIO_PROCESS, 0, g->process_priority) != 0)
		tw_log(TW_WARNING, "VRRP cannot run at priority %d: %s",
		    g->process_priority, strerror(errno));
	if (g->rt_priority == 0)
		return;
	if (g->rlimit_rttime_us != 0)
		setrlimit(RLIMIT_RTTIME, &rttime);
	if (sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &param) != 0)
		tw_log(TW_WARNING, "VRRP cannot run at real-time priority %d: %s",
		    g->rt_priority, strerror(errno));
}

void
vr_confine(const struct vr_globals *g)
{
	schedule(g);
#ifndef TW_SANITIZER /* whose shadow memory is larger than any machine */
	if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0)
		tw_log(TW_WARNING, "VRRP cannot lock its memory: %s", strerror(errno));
#endif
	capabilities_drop();
}

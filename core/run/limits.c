/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * limits.c - how many connections the system's limits allow.
 *
 * A proxied connection takes two descriptors; listeners, checks, log targets
 * and threads take some more. maxconn and the descriptor limit are derived
 * from each other. Where the system gives less than the wanted maxconn needs,
 * the program says so with the numbers and runs with what there is: refusing
 * to start would turn a limit into an outage. Start-up and control thread.
 * source: HAProxy's management guide, chapter 5.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include <tideway/log.h>
#include "core/proxy/proxy.h"
#include "core/run/limits.h"

#define FDS_PROCESS 32u   /* standard ones, files, control, module processes */
#define FDS_PER_THREAD 4u /* event base, wake-up; splice pipes are optional */
#define FDS_PER_CONN 2u

static struct tw__limits in_force; /* start-up and control thread */

static uint32_t
clamp_u32(uint64_t v)
{
	return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

void
tw__limits_compute(const struct tw__limits_want *want, struct tw__limits *out)
{
	const uint64_t fixed = FDS_PROCESS + want->n_binds + want->n_checks +
	    want->n_loggers + (uint64_t)FDS_PER_THREAD * (want->n_threads + 1);
	const uint64_t asked = fixed + (uint64_t)want->maxconn * FDS_PER_CONN;
	uint64_t have = want->system_n;

	*out = (struct tw__limits){ .wanted_n = asked };
	if (want->ulimit_n != 0 && want->ulimit_n < have)
		have = want->ulimit_n;
	if (want->hard_n != 0 && want->hard_n < have)
		have = want->hard_n;
	const uint64_t room = have > fixed ? (have - fixed) / FDS_PER_CONN : 0;
	out->maxconn = want->maxconn;
	if (want->maxconn == 0 || want->maxconn > room) {
		out->is_short = want->maxconn != 0;
		out->maxconn = room > 0 ? clamp_u32(room) : 1;
	}
	out->maxsock = fixed + (uint64_t)out->maxconn * FDS_PER_CONN;
	out->nofile = want->ulimit_n != 0 || out->is_short || want->maxconn == 0
	    ? have
	    : out->maxsock;
}

/* --- the system --- */

/* The most this process could have: its hard limit, or, when it may raise
 * that, the kernel's. */
static uint64_t
system_max(const struct rlimit *now)
{
	const struct rlimit same = *now;
	unsigned long long kernel_max = 0;
	FILE *const f = fopen("/proc/sys/fs/nr_open", "re");

	if (f != NULL) {
		if (fscanf(f, "%llu", &kernel_max) != 1)
			kernel_max = 0;
		fclose(f);
	}
	if (kernel_max <= now->rlim_max)
		return now->rlim_max;
	const struct rlimit more = { now->rlim_cur, kernel_max };
	if (setrlimit(RLIMIT_NOFILE, &more) != 0)
		return now->rlim_max;
	setrlimit(RLIMIT_NOFILE, &same);
	return kernel_max;
}

static uint32_t
checks_count(struct tw_gen *gen)
{
	struct tw_proxy *px;
	uint32_t n = 0;

	TAILQ_FOREACH(px, &gen->proxies, link) {
		for (int i = 0; i < px->n_servers; i++)
			n += px->server[i]->check;
	}
	return n;
}

/* The kernel's hard limit is used for a wanted maxconn only; without one the
 * process's own is taken, else a privileged start would plan for a million. */
static void
want_from(struct tw_gen *gen, uint32_t n_threads, const struct rlimit *now,
    struct tw__limits_want *want)
{
	*want = (struct tw__limits_want){
		.maxconn = gen->global.maxconn,
		.ulimit_n = gen->global.ulimit_n,
		.hard_n = gen->global.tune.fd_hard_limit,
		.n_threads = n_threads,
		.n_binds = (uint32_t)gen->n_binds,
		.n_checks = checks_count(gen),
		.n_loggers = n_threads + 1,
		.system_n = now->rlim_max,
	};
	if (want->maxconn != 0 || want->ulimit_n > now->rlim_max)
		want->system_n = system_max(now);
}

static void
shortage_tell(const struct tw__limits_want *want, const struct tw__limits *l)
{
	if (want->ulimit_n > want->system_n)
		tw_log(TW_WARNING,
		    "ulimit-n %u is more than the system allows "
		    "(%llu descriptors): using %llu. Raise the limit of open "
		    "files (ulimit -Hn, or LimitNOFILE in the unit).",
		    want->ulimit_n, (unsigned long long)want->system_n,
		    (unsigned long long)l->nofile);
	if (l->is_short)
		tw_log(TW_WARNING,
		    "maxconn %u needs %llu descriptors, but only "
		    "%llu can be had: running with maxconn %u. Raise %s, or "
		    "lower maxconn.",
		    want->maxconn, (unsigned long long)l->wanted_n,
		    (unsigned long long)l->nofile, l->maxconn,
		    want->ulimit_n != 0 && want->ulimit_n < want->system_n
			? "ulimit-n"
			: "the limit of open files (ulimit -Hn, or "
			  "LimitNOFILE in the unit)");
}

/* The table never shrinks: one descriptor at its end, for a moment, is enough. */
static void
table_fill(rlim_t n)
{
	const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	const bool is_free = n > 0 && n <= INT_MAX && fcntl((int)n - 1, F_GETFD) < 0;
	const int last = is_free ? dup3(fd, (int)n - 1, O_CLOEXEC) : -1;
	if (last >= 0)
		close(last);
	close(fd);
}

int
tw__limits_apply(struct tw_gen *gen, uint32_t n_threads, struct tw_err *err)
{
	struct tw__limits_want want;
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) != 0)
		return tw_err_errno(err, "cannot read the limit of open files");
	const rlim_t before = rl.rlim_cur;
	const bool is_later = in_force.nofile != 0;
	want_from(gen, n_threads, &rl, &want);
	tw__limits_compute(&want, &in_force);
	rl.rlim_cur = in_force.nofile;
	if (is_later && rl.rlim_cur < before)
		rl.rlim_cur = before; /* descriptors in use may be above */
	if (rl.rlim_cur > rl.rlim_max)
		rl.rlim_max = rl.rlim_cur;
	if (setrlimit(RLIMIT_NOFILE, &rl) != 0)
		return tw_err_errno(err,
		    "cannot set the limit of open files to "
		    "%llu",
		    (unsigned long long)in_force.nofile);
	if (gen->global.tune.prealloc_fd && !is_later)
		table_fill(rl.rlim_cur);
	if (in_force.is_short && gen->global.tune.strict_limits)
		return tw_err_set(err,
		    "maxconn %u needs %llu descriptors, but only %llu can be had, and "
		    "'strict-limits' is set: raise the limit of open files, or lower "
		    "maxconn",
		    want.maxconn, (unsigned long long)in_force.wanted_n,
		    (unsigned long long)in_force.nofile);
	shortage_tell(&want, &in_force);
	gen->global.maxconn = in_force.maxconn;
	return 0;
}

void
tw__limits_raise(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) != 0)
		return;
	rl.rlim_cur = rl.rlim_max;
	setrlimit(RLIMIT_NOFILE, &rl); /* best effort: who lacks some tells it */
}

const struct tw__limits *
tw__limits_now(void)
{
	return &in_force;
}

int
tw__limits_memory(uint32_t megabytes, struct tw_err *err)
{
	const rlim_t bytes = (rlim_t)megabytes << 20;
	const struct rlimit rl = { bytes, bytes };

	/* Not RLIMIT_AS: it counts what threads only reserve. */
	if (megabytes != 0 && setrlimit(RLIMIT_DATA, &rl) != 0)
		return tw_err_errno(
		    err, "-m: cannot limit the memory to %u MB", megabytes);
	return 0;
}

uint32_t
tw__usable_cpus(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return 1;
	const int n = CPU_COUNT(&set);
	return n > 0 ? (uint32_t)n : 1;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * health.c - the memory that all processes share, and the bell.
 *
 * Made once, when the module is loaded, before anything is forked. Both are
 * never given back: the processes that use them end at times of their own.
 */
#include "config.h"

#include <sys/eventfd.h>
#include <sys/mman.h>

#include "health.h"

#define SHARED_MAGIC 0x56525348u

struct vr_shared *vr_shared;
static int bell = -1;

int
vr_health_load(struct tw_err *err)
{
	struct vr_shared *const s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (s == MAP_FAILED)
		return tw_err_errno(err, "cannot share memory with the VRRP process");
	bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (bell < 0)
		return tw_err_errno(err, "cannot make an eventfd for the VRRP process");
	s->magic = SHARED_MAGIC;
	vr_shared = s;
	return 0;
}

int
vr_health_bell(void)
{
	return bell;
}

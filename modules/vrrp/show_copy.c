/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * show_copy.c - takes what the VRRP process wrote out of the shared memory.
 *
 * The writer raises `turn` to an odd number, writes, and raises it again; who
 * saw the same even number before and after has a consistent copy. When the
 * writer died in the middle, `turn` stays odd: after some attempts the copy is
 * taken as it is, with its texts ended. Any thread.
 */
#include "config.h"

#include <sched.h>

#include "show_text.h"

#define ATTEMPTS 100

static uint32_t
turn_get(void)
{
	return atomic_load_explicit(&vr_shared->turn, memory_order_acquire);
}

/* Copies rows until they are of one turn. returns: how many were copied. */
static unsigned
copy(struct vr_shown *rows, unsigned from, unsigned most)
{
	unsigned n = 0;

	for (int i = 0; i < ATTEMPTS; i++) {
		const uint32_t before = turn_get();
		const unsigned all = vr_shared->n_shown < VR_MAX_SHOWN
		    ? vr_shared->n_shown
		    : VR_MAX_SHOWN;

		n = from < all ? all - from : 0;
		n = n < most ? n : most;
		memcpy(rows, vr_shared->shown + from, n * sizeof(*rows));
		atomic_thread_fence(memory_order_acquire);
		if ((before & 1) == 0 && before == turn_get())
			break;
		sched_yield();
	}
	return n;
}

static void
texts_end(struct vr_shown *row)
{
	row->name[sizeof(row->name) - 1] = '\0';
	row->interface[sizeof(row->interface) - 1] = '\0';
	row->group[sizeof(row->group) - 1] = '\0';
	if (row->state >= VR_N_STATES)
		row->state = VR_INIT;
}

unsigned
vr_show_copy(struct vr_shown *rows)
{
	const unsigned n = copy(rows, 0, VR_MAX_SHOWN);

	for (unsigned i = 0; i < n; i++)
		texts_end(&rows[i]);
	return n;
}

bool
vr_show_copy_one(unsigned i, struct vr_shown *row)
{
	if (i >= VR_MAX_SHOWN || copy(row, i, 1) == 0)
		return false;
	texts_end(row);
	return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * weight.c - what is tracked makes the effective priority, or a fault.
 *
 * Pure. The arithmetic is also written out for the log: why a priority is what
 * it is was the most asked question about keepalived's weights. source:
 * keepalived.conf(5), track_script, track_file.
 */
#include "config.h"

#include <stdio.h>

#include <tideway/assert.h>

#include "router.h"

#define PRIORITY_MIN 1
#define PRIORITY_MAX 254
#define FILE_FAULT (-253) /* below it a file's value is a fault */

/* Bounded before it is multiplied: a file can hold any number. */
static int
file_points(const struct vr_track *t, const struct vr_result *r)
{
	const int value = r->value > 1000 ? 1000 : r->value < -1000 ? -1000 : r->value;

	return t->reverse ? -value * t->weight : value * t->weight;
}

/* What the thing adds to the priority now. */
static int
track_points(const struct vr_track *t, const struct vr_result *r)
{
	if (!r->known)
		return 0;
	if (t->kind == VR_TRACK_FILE)
		return file_points(t, r);
	const bool counts = t->weight > 0 ? r->good : !r->good;
	if (!counts)
		return 0;
	return t->reverse ? -t->weight : t->weight;
}

bool
vr_track_is_bad(const struct vr_track *t, const struct vr_result *r)
{
	if (!r->known)
		return false;
	if (t->kind != VR_TRACK_FILE)
		return t->weight == 0 && r->good == t->reverse;
	if (t->weight == 0)
		return (r->value != 0) != t->reverse;
	return file_points(t, r) < FILE_FAULT;
}

uint8_t
vr_weigh(uint8_t base, const struct vr_track *track,
    const struct vr_result *const *result, unsigned n, bool *fault)
{
	int sum = base;

	*fault = false;
	for (unsigned i = 0; i < n; i++) {
		sum += track_points(&track[i], result[i]);
		*fault = *fault || vr_track_is_bad(&track[i], result[i]);
	}
	if (base == VR_OWNER)
		return base;
	if (sum < PRIORITY_MIN)
		return PRIORITY_MIN;
	return (uint8_t)(sum > PRIORITY_MAX ? PRIORITY_MAX : sum);
}

const char *
vr_weigh_text(char *buf, size_t size, uint8_t base, const struct vr_track *track,
    const struct vr_result *const *result, unsigned n)
{
	static const char *const kinds[VR_N_TRACK_KINDS] = {
		[VR_TRACK_SCRIPT] = "script",
		[VR_TRACK_INTERFACE] = "interface",
		[VR_TRACK_PROCESS] = "process",
		[VR_TRACK_FILE] = "file",
		[VR_TRACK_FRONTEND] = "frontend",
		[VR_TRACK_BACKEND] = "backend",
		[VR_TRACK_WORKER] = "worker",
	};
	size_t len = (size_t)snprintf(buf, size, "base %u", (unsigned)base);

	for (unsigned i = 0; i < n && len < size; i++) {
		const struct vr_track *const t = &track[i];
		const int points = base == VR_OWNER ? 0 : track_points(t, result[i]);

		TW_ASSERT(t->kind < VR_N_TRACK_KINDS);
		if (points == 0)
			continue;
		len += (size_t)snprintf(buf + len, size - len, ", %s%s%s %+d",
		    kinds[t->kind], t->kind == VR_TRACK_WORKER ? "" : " ",
		    t->kind == VR_TRACK_WORKER ? "" : t->name, points);
	}
	return buf;
}

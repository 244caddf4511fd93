/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * flow/capture.c - a frontend's capture slots and a request's values in them.
 *
 * The slots of all kinds are one array in the request's arena, made when the
 * first value comes. One worker's thread.
 */
#include "config.h"

#include <tideway/capture.h>

#include "core/flow/req.h"

int
tw_capture_declare(struct tw_proxy *fe, enum tw_capture kind, uint32_t bytes)
{
	struct tw__captures *const c = &fe->captures[kind];
	uint32_t *const len =
	    tw_arena_alloc(tw_gen_arena(fe->gen), sizeof(*len) * (size_t)(c->n + 1));

	if (c->n > 0)
		memcpy(len, c->len, sizeof(*len) * (size_t)c->n);
	len[c->n] = bytes;
	c->len = len;
	return c->n++;
}

int
tw_capture_slots(const struct tw_proxy *fe, enum tw_capture kind)
{
	return fe->captures[kind].n;
}

/* Where a slot is in the request's array; -1: the frontend has it not. */
static int
slot_index(const struct tw_proxy *fe, enum tw_capture kind, int slot)
{
	int first = 0;

	if (slot < 0 || slot >= fe->captures[kind].n)
		return -1;
	for (unsigned k = 0; k < kind; k++)
		first += fe->captures[k].n;
	return first + slot;
}

static struct tw_str *
slots_of(struct tw_req *req)
{
	size_t n = 0;

	if (req->captured != NULL)
		return req->captured;
	for (int k = 0; k < TW_N_CAPTURES; k++)
		n += (size_t)req->fe->captures[k].n;
	struct tw_str *const slots =
	    tw_arena_try(tw_req_arena(req), sizeof(*slots) * n);
	if (slots != NULL)
		memset(slots, 0, sizeof(*slots) * n);
	req->captured = slots;
	return slots;
}

void
tw_capture_set(struct tw_req *req, enum tw_capture kind, int slot, struct tw_str value)
{
	const int i = slot_index(req->fe, kind, slot);

	if (i < 0 || (value.p == NULL && req->captured == NULL))
		return;
	struct tw_str *const slots = slots_of(req);
	if (slots == NULL)
		return;
	if (value.len > req->fe->captures[kind].len[slot])
		value.len = req->fe->captures[kind].len[slot];
	slots[i] = value.p != NULL ? tw_req_copy(req, value) : value;
}

struct tw_str
tw_capture_get(const struct tw_req *req, enum tw_capture kind, int slot)
{
	if (TW_LIKELY(req->captured == NULL))
		return (struct tw_str){ NULL, 0 };
	const int i = slot_index(req->fe, kind, slot);
	return i < 0 ? (struct tw_str){ NULL, 0 } : req->captured[i];
}

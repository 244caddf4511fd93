/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * hooks.c - the hook chains.
 *
 * A chain is a flat array for one point of one proxy, with only the hooks
 * that want this proxy in it: the request path walks it without asking
 * anything. Built when a generation has been checked. Control thread.
 */
#include "config.h"

#include <string.h>

#include <tideway/assert.h>
#include "core/module/module_int.h"

#define CHAIN_MAX 256 /* hooks at one point; more is a defect */

static const struct {
	const char *name, *text;
} points[] = {
#define X(name, verdicts, text) { #name, text },
#include <tideway/hooks.def>
#undef X
};

const char *
tw__point_name(enum tw_point point)
{
	return points[point].name;
}

/* in: at, a point or a late one; out, with n entries. returns: how many now. */
static int
chain_collect(const struct tw_proxy *px, unsigned at, struct tw__hook_entry *out, int n)
{
	const struct tw_self *self;

	for (int i = 0; (self = tw__module_in_hook_order(i)) != NULL; i++) {
		for (const struct tw_hook *h = self->module->hooks;
		     h != NULL && h->fn != NULL; h++) {
			if ((unsigned)h->point != at ||
			    (h->wants != NULL && !h->wants(px)))
				continue;
			TW_ASSERT(n < CHAIN_MAX);
			out[n++] = (struct tw__hook_entry){ h->fn, self->off[TW_IN_REQ],
				h, self };
		}
	}
	return n;
}

void
tw__chain_build(const struct tw_proxy *px, enum tw_point point, struct tw_arena *arena,
    const struct tw__hook_entry **out)
{
	struct tw__hook_entry entries[CHAIN_MAX];
	const int early = chain_collect(px, point, entries, 0);
	const int n = chain_collect(px, (unsigned)point | TW_HOOK_LATE, entries, early);

	*out = NULL;
	if (n == 0)
		return;
	struct tw__hook_entry *const chain =
	    tw_arena_zalloc(arena, sizeof(*chain) * ((size_t)n + 1));
	memcpy(chain, entries, sizeof(*chain) * (size_t)n);
	*out = chain;
}

void
tw__modules_print(FILE *to)
{
	const struct tw_self *self;

	for (int i = 0; (self = tw__module_at(i)) != NULL; i++) {
		fprintf(to, "  %-12s %-8s %s\n", self->module->name,
		    self->module->version, self->module->summary);
		fprintf(to, "  %-12s %-8s %s (ABI %u.%u)\n", "", "", self->path,
		    self->module->abi_major, self->module->abi_minor);
	}
}

static int
hooks_print_at(FILE *to, unsigned at, int n)
{
	const struct tw_self *self;

	for (int i = 0; (self = tw__module_in_hook_order(i)) != NULL; i++) {
		for (const struct tw_hook *h = self->module->hooks;
		     h != NULL && h->fn != NULL; h++) {
			if ((unsigned)h->point == at)
				fprintf(to, "%s%s", n++ > 0 ? " > " : "", h->name);
		}
	}
	return n;
}

static void
point_print(FILE *to, enum tw_point point)
{
	fprintf(to, "  %-16s ", points[point].name);
	int n = hooks_print_at(to, point, 0);
	n = hooks_print_at(to, (unsigned)point | TW_HOOK_LATE, n);
	fprintf(to, "%s\n", n == 0 ? "-" : "");
}

void
tw__hooks_print(FILE *to)
{
	for (int p = 0; p < TW_N_POINTS; p++)
		point_print(to, (enum tw_point)p);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * show.c - -T: modules in load order, and the hook chains as resolved.
 */
#include "config.h"

#include "core/module/module_int.h"
#include "core/proxy/proxy.h"
#include "core/run/run.h"

static void
chain_print(FILE *to, enum tw_point point, const struct tw__hook_entry *e)
{
	fprintf(to, "  %-13s", tw__point_name(point));
	for (int n = 0; e->fn != NULL; e++, n++)
		fprintf(to, "%s%s", n > 0 ? " > " : "", e->hook->name);
	fputc('\n', to);
}

static const char *
scope_word(const struct tw_proxy *px)
{
	return px->scope == TW_SC_FRONTEND ? "frontend"
	    : px->scope == TW_SC_BACKEND   ? "backend"
					   : "listen";
}

void
tw__chains_print(FILE *to, struct tw_gen *gen)
{
	const struct tw_proxy *px;

	fprintf(to, "Modules, in load order, from %s:\n", tw__modules_dir(NULL));
	tw__modules_print(to);
	fputs("\nHooks, by point:\n", to);
	tw__hooks_print(to);
	TAILQ_FOREACH(px, &gen->proxies, link) {
		fprintf(to, "\n%s %s (%s:%d):\n", scope_word(px), px->name, px->file,
		    px->line);
		for (int p = 0; p < TW_N_POINTS; p++) {
			if (px->chain[p] != NULL)
				chain_print(to, (enum tw_point)p, px->chain[p]);
		}
	}
}

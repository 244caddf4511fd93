/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * rs_show.c - `show resolvers [<section>]`.
 *
 * The answer is HAProxy's, line by line: tools read it. Control thread.
 */

#include "modules/resolvers/rs.h"

static void
group_show(struct tw_cli *cli, const struct rs_group *g)
{
	tw_cli_printf(cli, "Resolvers section %s\n", g->conf->name);
	for (int i = 0; i < g->n_ns; i++) {
		const struct rs_counters *c = &g->ns[i].count;

		tw_cli_printf(cli, " nameserver %s:\n", g->ns[i].conf->name);
#define X(word) \
	tw_cli_printf(cli, "  %-12s %llu\n", #word ":", (unsigned long long)c->word);
		RS_COUNTERS(X)
#undef X
	}
}

static void
cmd_show_resolvers(struct tw_cli *cli, int argc, char *const argv[])
{
	const struct rs_groups *groups = rs_groups_now();
	const struct rs_group *g;
	bool found = argc == 0;

	TAILQ_FOREACH(g, groups, link) {
		if (argc > 0 && strcmp(argv[0], g->conf->name) != 0)
			continue;
		group_show(cli, g);
		found = true;
	}
	if (!found)
		tw_cli_printf(cli, "Can't find that resolvers section\n");
	else if (TAILQ_EMPTY(groups))
		tw_cli_printf(cli, "No resolvers found\n");
}

const struct tw_command rs_commands[] = {
	{ "show resolvers", TW_CLI_USER, 0, cmd_show_resolvers, "[<section>]",
	    "counters of the name servers of a resolvers section, or of all" },
	{ .words = NULL },
};

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * process.c - limits of the whole process, and its counters. Control thread.
 */
#include "ctl.h"

void
ctl_clear_counters(struct tw_cli *cli, int argc, char *const argv[])
{
	const bool all = argc > 0 && strcmp(argv[0], "all") == 0;

	if (all && tw_cli_level(cli) < TW_CLI_ADMIN)
		tw_cli_msg(cli, TW_ERR, "Permission denied\n");
	else
		tw_stats_clear(all);
}

void
ctl_set_maxconn_global(struct tw_cli *cli, int argc, char *const argv[])
{
	uint64_t n;

	if (argc == 0 || !ctl_number(argv[0], UINT32_MAX, &n))
		tw_cli_msg(cli, TW_ERR, "Expects an integer value.\n");
	else if (!tw_process_set_maxconn((uint32_t)n))
		tw_cli_msg(cli, TW_ERR, "Value out of range.\n");
}

static void
rate_usage(struct tw_cli *cli)
{
	tw_cli_msg(cli, TW_ERR,
	    "'set rate-limit' only supports :\n"
	    "   - 'connections global' to set the per-process maximum connection rate\n"
	    "   - 'sessions global' to set the per-process maximum session rate\n"
	    "   - 'ssl-sessions global' to set the per-process maximum SSL session rate\n"
	    "   - 'http-compression global' to set the per-process maximum "
	    "compression speed in kB/s\n");
}

void
ctl_set_rate_limit(struct tw_cli *cli, int argc, char *const argv[])
{
	uint64_t n;

	if (argc < 2 || strcmp(argv[1], "global") != 0) {
		rate_usage(cli);
		return;
	}
	if (argc < 3 || !ctl_number(argv[2], INT32_MAX, &n)) {
		tw_cli_msg(cli, TW_ERR, "Expects an integer value.\n");
		return;
	}
	if (strcmp(argv[0], "connections") == 0)
		tw_process_set_rates((uint32_t)n, UINT32_MAX);
	else if (strcmp(argv[0], "sessions") == 0)
		tw_process_set_rates(UINT32_MAX, (uint32_t)n);
	else if (strcmp(argv[0], "http-compression") == 0)
		tw_process_set_comp_rate(n * 1024);
	else if (strcmp(argv[0], "ssl-sessions") == 0) /* the module tls has it */
		tw_cli_msg(cli, TW_ERR, "'%s' needs the module 'tls'.\n", argv[0]);
	else
		rate_usage(cli);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * frontend.c - frontends: paused, resumed, shut down, limited. Control thread.
 */
#include "ctl.h"

static void
fe_pause_or_resume(struct tw_cli *cli, const char *name, bool pause)
{
	struct tw_proxy *const px = ctl_frontend_arg(cli, name);
	struct tw_err err;

	if (px == NULL)
		return;
	const enum tw_fe_state state = tw_frontend_state(px);
	if (state == TW_FE_STOPPED)
		tw_cli_msg(cli, TW_NOTICE,
		    "Frontend was previously shut down, cannot %s.\n",
		    pause ? "disable" : "enable");
	else if ((state == TW_FE_PAUSED) == pause)
		tw_cli_msg(cli, TW_NOTICE, "All sockets are already %s.\n",
		    pause ? "disabled" : "enabled");
	else if ((pause ? tw_frontend_pause : tw_frontend_resume)(px, &err) != 0)
		tw_cli_msg(cli, TW_ERR,
		    "Failed to %s frontend, check logs for precise cause (%s).\n",
		    pause ? "pause" : "resume", err.text);
}

void
ctl_disable_frontend(struct tw_cli *cli, int argc, char *const argv[])
{
	(void)argc;
	fe_pause_or_resume(cli, argv[0], true);
}

void
ctl_enable_frontend(struct tw_cli *cli, int argc, char *const argv[])
{
	(void)argc;
	fe_pause_or_resume(cli, argv[0], false);
}

void
ctl_shutdown_frontend(struct tw_cli *cli, int argc, char *const argv[])
{
	struct tw_proxy *const px = ctl_frontend_arg(cli, argv[0]);

	(void)argc;
	if (px == NULL)
		return;
	if (tw_frontend_state(px) == TW_FE_STOPPED)
		tw_cli_msg(cli, TW_NOTICE, "Frontend was already shut down.\n");
	else
		tw_frontend_stop(px);
}

void
ctl_set_maxconn_frontend(struct tw_cli *cli, int argc, char *const argv[])
{
	struct tw_proxy *const px = ctl_frontend_arg(cli, argv[0]);
	uint64_t n;

	if (px == NULL)
		return;
	if (argc < 2 || !ctl_number(argv[1], INT32_MAX, &n))
		tw_cli_msg(cli, TW_ERR, "Integer value expected.\n");
	else
		tw_frontend_set_maxconn(px, (uint32_t)n);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * cookie_cmd.c - enable and disable dynamic-cookie, set dynamic-cookie-key: what
 * `cookie ... dynamic` and `dynamic-cookie-key` say, changed while it runs.
 *
 * Until the next reload, whose files say anew. Control thread. source: HAProxy's
 * management guide, 9.3.
 */
#include "config.h"

#include <stdlib.h>

#include <tideway/command.h>
#include <tideway/proxy.h>

#include "cookie.h"

/* returns: NULL: said why. */
static struct tw_proxy *
backend_of(struct tw_cli *cli, int argc, char *const argv[])
{
	if (argc == 0) {
		tw_cli_msg(cli, TW_ERR, "A backend name is expected.\n");
		return NULL;
	}
	struct tw_proxy *const px = tw_gen_find(tw_gen_running(), argv[0], TW_BACKEND);
	if (px == NULL)
		tw_cli_msg(cli, TW_ERR, "No such backend.\n");
	return px;
}

static void
set_dynamic(struct tw_cli *cli, int argc, char *const argv[], bool on)
{
	struct tw_proxy *const px = backend_of(cli, argc, argv);

	if (px == NULL)
		return;
	struct cookie_proxy *const conf = tw_proxy_block(px, tw__cookie_self);
	conf->dynamic = on;
	tw__cookie_renew(conf, px);
}

static void
run_enable(struct tw_cli *cli, int argc, char *const argv[])
{
	set_dynamic(cli, argc, argv, true);
}

static void
run_disable(struct tw_cli *cli, int argc, char *const argv[])
{
	set_dynamic(cli, argc, argv, false);
}

static void
run_key(struct tw_cli *cli, int argc, char *const argv[])
{
	struct tw_proxy *const px = backend_of(cli, argc, argv);

	if (px == NULL)
		return;
	if (argc < 2) {
		tw_cli_msg(cli, TW_ERR, "String value expected.\n");
		return;
	}
	char *const key = strdup(argv[1]);
	if (key == NULL) {
		tw_cli_msg(cli, TW_ERR, "Failed to allocate memory.\n");
		return;
	}
	struct cookie_proxy *const conf = tw_proxy_block(px, tw__cookie_self);
	free(conf->own_key);
	conf->key = conf->own_key = key;
	tw__cookie_renew(conf, px);
}

const struct tw_command tw__cookie_commands[] = {
	{ "enable dynamic-cookie backend", TW_CLI_ADMIN, 0, run_enable, "<backend>",
	    "make cookie values from servers' addresses" },
	{ "disable dynamic-cookie backend", TW_CLI_ADMIN, 0, run_disable, "<backend>",
	    "forget such values and make no more" },
	{ "set dynamic-cookie-key backend", TW_CLI_ADMIN, 0, run_key, "<backend> <key>",
	    "make them with another key" },
	{ .words = NULL },
};

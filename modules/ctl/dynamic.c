/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * dynamic.c - `add server`, `del server`, `wait`.
 *
 * Idle connections to a server that is to be deleted are closed first, which is
 * the workers' work; so these commands wait for them, and look the server up
 * again afterwards: somebody else may have deleted it. Answers are HAProxy's.
 * Control thread. source: HAProxy's management guide, 9.3.
 */
#include <sys/queue.h>

#include <tideway/assert.h>
#include <tideway/balance.h>

#include "ctl.h"

#define LOOK_MS 20

/* ---- add ---- */

void
ctl_add_server(struct tw_cli *cli, int argc, char *const argv[])
{
	char *const slash = argc > 0 ? strchr(argv[0], '/') : NULL;
	struct tw_err err = { "" };
	struct tw_proxy *px;

	if (slash == NULL || slash[1] == '\0') {
		tw_cli_msg(cli, TW_ERR, "Require 'backend/server'.");
		return;
	}
	char *const backend = strndup(argv[0], (size_t)(slash - argv[0]));
	TW_ASSERT(backend != NULL);
	px = ctl_backend(backend);
	free(backend);
	if (px == NULL) {
		tw_cli_msg(cli, TW_ERR, "No such backend.");
		return;
	}
	if (tw_proxy_balance_flags(px) & TW_BALANCE_STATIC) {
		tw_cli_msg(cli, TW_ERR,
		    "Backend must use a dynamic load balancing to support dynamic "
		    "servers.");
		return;
	}
	/* the words of a line: the name, the address, the options */
	char *word[argc];

	word[0] = slash + 1;
	for (int i = 1; i < argc; i++)
		word[i] = argv[i];
	if (tw_server_add(px, word, argc, &err) == NULL) {
		tw_log(TW_ERR, "CLI : 'server %s' : %s", argv[0], err.text);
		tw_cli_msg(cli, TW_ERR, "%s\n", err.text);
	} else {
		if (err.text[0] != '\0')
			tw_log(TW_WARNING, "CLI : 'server %s' : %s", argv[0], err.text);
		tw_log(
		    TW_NOTICE, "CLI : 'server %s' : New server registered.", argv[0]);
		tw_cli_msg(cli, TW_INFO, "%s%sNew server registered.\n", err.text,
		    err.text[0] != '\0' ? "\n" : "");
	}
}

/* ---- who waits ---- */

struct waiter {
	struct tw_timer timer; /* first: the next look, or the end */
	LIST_ENTRY(waiter) link;
	struct tw_cli *cli; /* borrow: until `left` */
	bool left;          /* nobody wants the answer any more */
	bool away;          /* the workers close idle connections */
	bool deletes;
	uint64_t until_ms;
	struct tw_gen *gen; /* holds: the live server stays while workers look */
	char name[];        /* "backend/server"; "": none */
};

/* Who ends the process while workers are busy leaves them. */
static LIST_HEAD(, waiter) waiters = LIST_HEAD_INITIALIZER(waiters);

static struct waiter *
waiter_new(struct tw_cli *cli, const char *name)
{
	struct waiter *const w = calloc(1, sizeof(*w) + strlen(name) + 1);

	TW_ASSERT(w != NULL);
	LIST_INSERT_HEAD(&waiters, w, link);
	w->cli = cli;
	strcpy(w->name, name);
	return w;
}

static void
waiter_free(struct waiter *w)
{
	tw_timer_del(&w->timer);
	LIST_REMOVE(w, link);
	free(w);
}

static void
waiter_gone(void *arg)
{
	struct waiter *const w = arg;

	w->left = true;
	if (!w->away)
		waiter_free(w);
}

static void
answer(struct waiter *w, enum tw_level level, const char *text)
{
	struct tw_cli *const cli = w->cli;

	waiter_free(w);
	tw_cli_msg(cli, level, "%s", text);
	tw_cli_done(cli);
}

static const char *
removal_text(enum tw_removal r)
{
	switch (r) {
	case TW_REMOVAL_NAMED:
		return "This server cannot be removed at runtime due to other "
		       "configuration elements pointing to it.";
	case TW_REMOVAL_RUNS:
		return "Only servers in maintenance mode can be deleted.";
	case TW_REMOVAL_USED:
		return "Server still has connections attached to it, cannot remove it.";
	case TW_REMOVABLE:
		break;
	}
	return NULL;
}

static void
server_delete(struct tw_server *srv)
{
	tw_log(TW_NOTICE, "CLI : Server %s/%s deleted.",
	    tw_proxy_name(tw_server_proxy(srv)), tw_server_name(srv));
	tw_server_del(srv);
}

static void purge_begin(struct waiter *w, struct tw_server *srv);

/* Idle connections are closed: what is it now? */
static void
purge_done(void *arg)
{
	struct waiter *const w = arg;
	const char *why = NULL;

	w->away = false;
	tw_gen_release(w->gen);
	struct tw_server *const srv = ctl_server_named(w->name, &why);
	const enum tw_removal r =
	    srv != NULL ? tw_server_removal(srv) : TW_REMOVAL_NAMED;
	if (w->left) { /* what was asked for is done nevertheless */
		if (w->deletes && r == TW_REMOVABLE)
			server_delete(srv);
		waiter_free(w);
	} else if (srv == NULL) {
		answer(w, TW_ERR, why);
	} else if (r == TW_REMOVAL_USED && !w->deletes) {
		tw_timer_set(&w->timer, tw_now_ms() + LOOK_MS);
	} else if (r != TW_REMOVABLE) {
		answer(w, TW_ERR, removal_text(r));
	} else if (w->deletes) {
		server_delete(srv);
		answer(w, TW_INFO, "Server deleted.");
	} else {
		answer(w, TW_INFO, "Done.\n");
	}
}

static void
purge_begin(struct waiter *w, struct tw_server *srv)
{
	w->away = true;
	w->gen = tw_proxy_gen(tw_server_proxy(srv));
	tw_gen_hold(w->gen);
	tw_server_purge(srv, purge_done, w);
}

/* ---- del ---- */

void
ctl_del_server(struct tw_cli *cli, int argc, char *const argv[])
{
	const char *why = NULL;
	struct tw_server *const srv = ctl_server_named(argc > 0 ? argv[0] : NULL, &why);
	const enum tw_removal r =
	    srv != NULL ? tw_server_removal(srv) : TW_REMOVAL_NAMED;

	if (srv != NULL && r != TW_REMOVABLE && r != TW_REMOVAL_USED)
		why = removal_text(r);
	if (why != NULL) {
		tw_cli_msg(cli, TW_ERR, "%s", why);
		return;
	}
	struct waiter *const w = waiter_new(cli, argv[0]);
	w->deletes = true;
	tw_cli_wait(cli, UINT32_MAX, waiter_gone, w);
	purge_begin(w, srv);
}

/* ---- wait ---- */

static void
wait_due(struct tw_timer *t)
{
	struct waiter *const w = (struct waiter *)t;
	const bool over = tw_now_ms() >= w->until_ms;
	const char *why = NULL;

	if (w->name[0] == '\0') {
		answer(w, TW_INFO, "Done.\n");
		return;
	}
	struct tw_server *const srv = ctl_server_named(w->name, &why);
	const enum tw_removal r =
	    srv != NULL ? tw_server_removal(srv) : TW_REMOVAL_NAMED;
	if (srv == NULL)
		answer(w, TW_ERR, why);
	else if (r == TW_REMOVAL_NAMED || r == TW_REMOVAL_RUNS)
		answer(w, TW_ERR, removal_text(r));
	else if (r == TW_REMOVAL_USED && over)
		answer(w, TW_ERR, "Wait delay expired.\n");
	else
		purge_begin(w, srv);
}

static void
wait_help(struct tw_cli *cli)
{
	tw_cli_printf(cli,
	    "Usage: wait {-h|<duration>} [condition [args...]]\n"
	    "  - '-h' displays this help\n"
	    "  - <duration> is the maximum wait time, optionally suffixed by the unit "
	    "among\n"
	    "    'us', 'ms', 's', 'm', 'h', and 'd'. ; the default unit is 'ms'.\n"
	    "  - <condition> indicates what to wait for, no longer than the specified\n"
	    "    duration. Supported conditions are:\n"
	    "    - <none> : by default, just sleep for the specified duration.\n"
	    "    - srv-removable <px>/<sv> : wait for this server to become "
	    "removable.\n"
	    "    - srv-unused <px>/<sv> : same as srv-removable (deprecated).\n");
}

void
ctl_wait(struct tw_cli *cli, int argc, char *const argv[])
{
	const char *const condition = argc > 1 ? argv[1] : "";
	const bool for_server = strcmp(condition, "srv-removable") == 0 ||
	    strcmp(condition, "srv-unused") == 0;
	struct tw_err err;
	uint32_t ms;

	if (argc == 0) {
		tw_cli_msg(cli, TW_ERR, "Expects a duration in milliseconds.\n");
	} else if (strcmp(argv[0], "-h") == 0) {
		wait_help(cli);
	} else if (tw_parse_ms(argv[0], 1000, &ms, &err) != 0) {
		tw_cli_msg(cli, TW_ERR, "Invalid duration.\n");
	} else if (condition[0] != '\0' && !for_server) {
		tw_cli_msg(cli, TW_ERR, "Invalid condition.\n");
	} else if (for_server && argc < 3) {
		tw_cli_msg(cli, TW_ERR, "Missing server name (<backend>/<server>).\n");
	} else {
		struct waiter *const w = waiter_new(cli, for_server ? argv[2] : "");

		w->timer.fn = wait_due;
		w->until_ms = tw_now_ms() + ms;
		tw_cli_wait(cli, UINT32_MAX, waiter_gone, w);
		tw_timer_set(&w->timer, tw_now_ms() + (for_server ? 1 : ms + !ms));
	}
}

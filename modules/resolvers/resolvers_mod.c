/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * resolvers_mod.c - the module that asks name servers for servers' addresses.
 *
 * rs_kw.c reads the configuration, rs_run.c follows the generations, rs_ask.c
 * asks, rs_wire.c has the sockets, dns_msg.c the messages, rs_apply.c tells
 * the servers. All of it on the control thread; what workers see of it is a
 * server's address, and in rs_look.c what the action do-resolve asks for.
 */
#include <tideway/action.h>
#include <tideway/hook.h>

#include "modules/resolvers/rs.h"

const struct tw_self *rs_self;

static int
resolvers_load(const struct tw_self *self, struct tw_err *err)
{
	(void)err;
	rs_self = self;
	return 0;
}

/* Set by check(), just before the hooks are asked for. */
static bool any_looks;

static bool
wants_reset(const struct tw_proxy *px)
{
	(void)px;
	return any_looks;
}

static const struct tw_hook hooks[] = {
	{ TW_ON_RESET, rs_looks_on_reset, "rs_looks_on_reset", wants_reset },
	{ .fn = NULL },
};

static int
resolvers_check(struct tw_gen *gen)
{
	struct rs_gen *g = tw_gen_block(gen, rs_self);

	if (g->sections.stqh_last == NULL)
		STAILQ_INIT(&g->sections);
	any_looks = g->looks != NULL;
	return rs_conf_check(gen) | rs_looks_check(gen);
}

static void
resolvers_stop(struct tw_gen *gen)
{
	rs_run_drop(gen);
}

static void
resolvers_worker_fini(struct tw_worker *w, void *state)
{
	(void)state;
	if (tw_worker_id(w) == 0)
		rs_run_stop();
}

const struct tw_module tideway_module = {
	TW_MODULE_HEAD,
	.name = "resolvers",
	.version = "0.1.0",
	.summary = "addresses of servers by DNS at run time: A, AAAA, SRV",
	.size_of = {
		[TW_IN_GEN] = sizeof(struct rs_gen),
		[TW_IN_SERVER] = sizeof(struct rs_server),
		[TW_IN_REQ] = sizeof(struct rs_look *),
	},
	.keywords = rs_keywords,
	.sections = rs_sections,
	.commands = rs_commands,
	.actions = rs_actions,
	.hooks = hooks,
	.load = resolvers_load,
	.check = resolvers_check,
	.worker_fini = resolvers_worker_fini,
	.stop = resolvers_stop,
	.running = rs_run_follow,
	.server_event = rs_run_server,
};

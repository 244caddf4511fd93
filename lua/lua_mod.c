/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * lua_mod.c - the descriptor of the Lua module.
 */
#include "config.h"

#include "net.h"

#include <dlfcn.h>

#include <tideway/req.h>

#include "lint.h"
#include "script.h"
#include "test.h"

const struct tw_self *lu_self;

/* C rocks are not linked with Lua: they expect its symbols to be there. */
static int
load(const struct tw_self *self, struct tw_err *err)
{
	Dl_info where;

	(void)err;
	lu_self = self;
	if (dladdr((void *)(uintptr_t)lua_newstate, &where) != 0)
		dlopen(where.dli_fname, RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD);
	return 0;
}

static int
check(struct tw_gen *gen)
{
	lu_lint(gen);
	return lu_scripts_check(gen) != 0 ? -1 : lu_client_check(gen);
}

static int
start(struct tw_gen *gen, struct tw_err *err)
{
	struct lu_conf *const conf = lu_conf_of(gen);

	for (struct lu_unit *u = conf->units; u != NULL; u = u->next)
		if (lu_unit_begin(u, err) != 0)
			return -1;
	conf->began = true;
	lu_client_start(gen);
	return 0;
}

static void
stop(struct tw_gen *gen)
{
	for (struct lu_unit *u = lu_conf_of(gen)->units; u != NULL; u = u->next) {
		struct lu_set *set =
		    atomic_exchange_explicit(&u->set, NULL, memory_order_acq_rel);
		lu_set_free(&set);
		if (u->script != NULL)
			lu_script_free(u->script);
	}
	lu_client_stop(gen);
}

struct lu_net *
lu_net_here(void)
{
	return tw_worker_block(tw_worker_self(), lu_self);
}

static void
worker_fini(struct tw_worker *w, void *state)
{
	struct lu_net *const net = state;

	(void)w;
	lu_socks_fini(net);
	lu_kept_fini(net);
	lu_dns_fini(&net->dns);
}

static bool
wants_reset(const struct tw_proxy *px)
{
	return lu_conf_of(tw_proxy_gen(px))->units != NULL;
}

static enum tw_verdict
on_reset(struct tw_req *req, void *state)
{
	struct lu_req *const r = state;

	if (r->txns != NULL || r->call != NULL)
		lu_req_reset(req, r);
	if (r->natives != NULL)
		lu_native_reset(req, r);
	return TW_NEXT;
}

static const struct tw_hook hooks[] = {
	{ TW_ON_RESET, on_reset, "lua_on_reset", wants_reset },
	{ TW_ON_SESSION, lu_on_session, "lua_on_accept", lu_wants_session },
	{ TW_ON_REQUEST, lu_on_request, "lua_on_request", lu_wants_request },
	{ TW_ON_ROUTE, lu_on_route, "lua_on_route", lu_wants_route },
	{ TW_ON_PICK, lu_on_pick, "lua_on_pick", lu_wants_pick },
	{ TW_ON_CONNECT_FAIL, lu_on_retry, "lua_on_retry", lu_wants_retry },
	{ TW_ON_RESPONSE, lu_on_response, "lua_on_response", lu_wants_response },
	{ TW_ON_LOG, lu_on_log, "lua_on_log", lu_wants_log },
	{ .fn = NULL },
};

/* What a script says of the server goes before cookies, as use-server does. */
static const char *const after[] = { "rules", NULL };
static const char *const before[] = { "cookie", NULL };

static void
describe(void (*line)(void *arg, const char *text), void *arg)
{
	line(arg, "Built with " LUA_RELEASE);
}

TW_API const struct tw_module tideway_module = {
	TW_MODULE_HEAD,
	.name = "lua",
	.version = PACKAGE_VERSION,
	.summary = "scripts in Lua: HAProxy's API and our own",
	.before = before,
	.after = after,
	.size_of = { [TW_IN_GEN] = sizeof(struct lu_conf),
	    [TW_IN_PROXY] = sizeof(struct lu_px),
	    [TW_IN_WORKER] = sizeof(struct lu_net),
	    [TW_IN_REQ] = sizeof(struct lu_req) },
	.keywords = lu_keywords,
	.hooks = hooks,
	.fetches = lu_fetches,
	.convs = lu_convs,
	.actions = lu_actions,
	.tools = lu_tools,
	.load = load,
	.check = check,
	.start = start,
	.worker_fini = worker_fini,
	.stop = stop,
	.describe = describe,
};

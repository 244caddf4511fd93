/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * lua_mod.c - the descriptor of the Lua module.
 */
#include "config.h"

#include "data.h"
#include "net.h"

#include <dlfcn.h>

#include <tideway/req.h>

#include "count.h"
#include "gc.h"
#include "lint.h"
#include "script.h"
#include "shared.h"
#include "test.h"
#include "filter.h"

const struct tw_self *lu_self;

/* C rocks are not linked with Lua: they expect its symbols to be there. */
static int
load(const struct tw_self *self, struct tw_err *err)
{
	Dl_info where;

	(void)err;
	lu_self = self;
	lu_watch_load();
	lu_gc_load();
	lu_events_begin();
	if (dladdr((void *)(uintptr_t)lua_newstate, &where) != 0)
		dlopen(where.dli_fname, RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD);
	return 0;
}

static int
check(struct tw_gen *gen)
{
	if (lu_scripts_load(gen) != 0)
		return -1;
	lu_lint(gen);
	return (lu_filters_check(gen) | lu_scripts_check(gen)) != 0
	    ? -1
	    : lu_client_check(gen);
}

static int
inits_run(struct lu_unit *u, struct tw_err *err)
{
	struct lu_set *const set = u->set;

	for (int i = 0; set != NULL && i < set->n; i++)
		if (lu_inits_run(set->state[i], err) != 0)
			return -1;
	return 0;
}

static int
start(struct tw_gen *gen, struct tw_err *err)
{
	struct lu_conf *const conf = lu_conf_of(gen);

	for (struct lu_unit *u = conf->units; u != NULL; u = u->next)
		if (lu_unit_begin(u, err) != 0)
			return -1;
	for (struct lu_unit *u = conf->units; u != NULL; u = u->next)
		if (inits_run(u, err) != 0)
			return -1;
	conf->began = true;
	lu_client_start(gen);
	return 0;
}

static void
each_set(struct tw_gen *gen, void (*fn)(struct lu_set *set))
{
	for (struct lu_unit *u = lu_conf_of(gen)->units; u != NULL; u = u->next)
		if (u->set != NULL)
			fn(u->set);
}

/* Tasks end with their generation. It is not freed before this was called for the
 * next one. */
static void
running(struct tw_gen *gen)
{
	static struct tw_gen *in_force; /* borrow: perhaps freed since */

	if (in_force != NULL && in_force != gen)
		each_set(in_force, lu_set_halt);
	in_force = gen;
	each_set(gen, lu_set_go);
}

/* The module's part of a worker. */
struct worker {
	struct lu_worker data; /* first: data.h finds it there */
	struct lu_net net;
};

struct lu_net *
lu_net_here(void)
{
	struct worker *const w = tw_worker_block(tw_worker_self(), lu_self);

	return &w->net;
}

static void
worker_fini(struct tw_worker *self, void *state)
{
	struct worker *const w = state;

	(void)self;
	lu_tasks_end(NULL);
	lu_socks_fini(&w->net);
	lu_kept_fini(&w->net);
	lu_dns_fini(&w->net.dns);
	lu_shared_thread_ends();
}

static void
stop(struct tw_gen *gen)
{
	for (struct lu_unit *u = lu_conf_of(gen)->units; u != NULL; u = u->next)
		lu_unit_fini(u);
	lu_client_stop(gen);
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

	if (r->txns != NULL || r->call != NULL || r->pause != NULL ||
	    r->filters != NULL)
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
	    [TW_IN_REQ] = sizeof(struct lu_req),
	    [TW_IN_WORKER] = sizeof(struct worker),
	    [TW_IN_SERVER] = sizeof(struct lu_server) },
	.keywords = lu_keywords,
	.hooks = hooks,
	.fetches = lu_fetches,
	.convs = lu_convs,
	.actions = lu_actions,
	.tools = lu_tools,
	.commands = lu_commands,
	.counters = lu_counters,
	.stats_tables = lu_stats_tables,
	.filters = lu_filters,
	.load = load,
	.check = check,
	.start = start,
	.stop = stop,
	.worker_fini = worker_fini,
	.running = running,
	.server_check = lu_server_check,
	.server_event = lu_server_event,
	.describe = describe,
};

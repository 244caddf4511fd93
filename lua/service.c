/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * service.c - core.register_service(): `use-service lua.NAME`.
 *
 * Each is a service of the generation (tideway/service.h). The core calls it when
 * the client has sent or taken something and when it was woken; its function then
 * goes on where it waits. An error before start_response() is a 500; after it, the
 * answer is cut. Worker; registration: control thread.
 */
#include "applet.h"

struct run {
	struct lu_call *call;     /* NULL: it did not begin, or is over */
	struct lu_applet *applet; /* at the bottom of the call's stack */
	bool began;
};

static enum tw_io
io_read(struct lu_applet *a, struct tw_str *data)
{
	return tw_service_read(a->req, data);
}

static void
io_take(struct lu_applet *a, size_t n)
{
	tw_service_take(a->req, n);
}

static size_t
io_write(struct lu_applet *a, struct tw_str data)
{
	return tw_service_write(a->req, data);
}

static const struct lu_applet_io io = { io_read, io_take, io_write };

static void
wake(struct lu_call *c)
{
	tw_resume(c->req);
}

/* in: run. The function may forget its argument: the stack does not. */
static int
make_applet(lua_State *L)
{
	struct run *const r = lua_touserdata(L, 1);

	r->applet =
	    lu_push_applet(L, r->call->slot->is_tcp ? LU_APPLET_TCP : LU_APPLET_HTTP);
	r->applet->io = &io;
	r->applet->req = r->call->req;
	return 1;
}

/* Applet, function, argument; there may be no memory for one. */
static bool
begin(struct tw_req *req, struct run *r)
{
	struct lu_slot *const slot =
	    (struct lu_slot *)(uintptr_t)tw_req_service(req)->conf;
	const int worker = tw_worker_id(tw_conn_worker(tw_req_conn(req)));
	struct lu_call *c =
	    lu_begin(lu_state_of(slot->unit, worker), LU_AT_SERVICE, req);

	r->began = true;
	if (c == NULL)
		return false;
	r->call = c;
	c->worker = worker;
	c->on_wake = wake;
	c->slot = slot;
	lua_pushcfunction(c->L, make_applet);
	lua_pushlightuserdata(c->L, r);
	const int rc = lua_pcall(c->L, 1, 1, 0);
	if (rc == LUA_OK && lu_push_slot(c, slot)) {
		lua_pushvalue(c->L, 1);
		return true;
	}
	if (rc != LUA_OK)
		lu_failed(c, c->L, c->s, rc);
	lu_end(&r->call);
	return false;
}

/* returns: false: it waits for something else than the client. */
static bool
may_go_on(struct run *r)
{
	struct lu_call *const c = r->call;

	if (c->waits && !r->applet->waits_io)
		return false;
	c->waits = false;
	r->applet->waits_io = false;
	tw_timer_set(&c->timer, 0);
	return true;
}

static enum tw_serve
serve(struct tw_req *req, void *state)
{
	struct run *const r = state;
	enum lu_result result;

	if (!r->began) {
		if (!begin(req, r))
			return TW_SERVE_FAIL;
		result = lu_run(r->call, 1);
	} else {
		if (r->call == NULL || !may_go_on(r))
			return TW_SERVE_WAIT;
		result = lu_run(r->call, 0);
	}
	if (result == LU_WAITS)
		return TW_SERVE_WAIT;
	lu_applet_end(&r->call, r->applet);
	return result == LU_DONE ? TW_SERVE_END : TW_SERVE_FAIL;
}

static void
ended(struct tw_req *req, void *state, bool complete)
{
	struct run *const r = state;

	(void)req;
	(void)complete;
	lu_applet_end(&r->call, r->applet);
}

/* ---- registration --------------------------------------------------------------------- */

static void
add(lua_State *L, struct lu_slot *slot)
{
	struct tw_gen *const gen = lu_state_from(L)->gen;
	struct tw_arena *const arena = tw_gen_arena(gen);
	struct tw_service *const s = tw_arena_zalloc(arena, sizeof(*s));
	struct tw_err err = { "" };

	s->name = tw_arena_printf(arena, "lua.%s", slot->name);
	s->serve = serve;
	s->ended = ended;
	s->state_size = sizeof(struct run);
	s->conf = slot;
	s->modes = slot->is_tcp ? TW_SERVICE_TCP : TW_SERVICE_HTTP;
	s->help = "A function that a script has registered with "
		  "core.register_service().";
	if (tw_service_add(gen, lu_self, s, &err) != 0)
		luaL_error(L, "core.register_service: %s", err.text);
}

/*@ core.register_service(name: string, mode: "http"|"tcp", func: fun(applet)) */
int
lu_register_service(lua_State *L)
{
	static const char *const modes[] = { "http", "tcp", NULL };
	const struct lu_state *const s = lu_state_from(L);
	const char *const name = luaL_checkstring(L, 1);
	const bool is_tcp = luaL_checkoption(L, 2, NULL, modes) == 1;
	const int n_slots = s->unit->n_slots;

	luaL_checktype(L, 3, LUA_TFUNCTION);
	struct lu_slot *const slot = lu_slot_set(L, LU_SERVICE, name, 3);
	if (slot == NULL)
		return 0;
	if (s->unit->n_slots > n_slots) {
		slot->is_tcp = is_tcp;
		add(L, slot);
	} else if (slot->is_tcp != is_tcp) {
		return luaL_error(L,
		    "core.register_service: '%s' is registered for mode %s already",
		    name, modes[slot->is_tcp]);
	}
	return 0;
}

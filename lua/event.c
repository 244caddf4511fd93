/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * event.c - core.event_sub(), Server:event_sub(), Patref:event_sub().
 *
 * What happens is told on the control thread (lists: any) and carried to each worker
 * by a message, if anybody has subscribed at all. There it waits in the queue of each
 * subscription it is for; handlers run one event after the other, as tasks.
 * source: HAProxy's Lua manual, core.event_sub, ServerEvent class.
 */
#include "data.h"

#include <stdio.h>
#include <stdlib.h>

#include <tideway/list.h>
#include <tideway/log.h>
#include <tideway/server_news.h>
#include <tideway/server_run.h>

#define SUB "EventSub"
#define WAITING_MAX 100 /* events of one subscription; what is more is lost and told */

enum kind {
	ADD,
	DEL,
	DOWN,
	UP,
	STATE,
	ADMIN,
	CHECK,
	PAT_ADD,
	PAT_DEL,
	PAT_SET,
	PAT_COMMIT,
	PAT_CLEAR,
	N_KINDS
};
static const char *const kind_name[N_KINDS] = { "SERVER_ADD", "SERVER_DEL",
	"SERVER_DOWN", "SERVER_UP", "SERVER_STATE", "SERVER_ADMIN", "SERVER_CHECK",
	"PAT_REF_ADD", "PAT_REF_DEL", "PAT_REF_SET", "PAT_REF_COMMIT",
	"PAT_REF_CLEAR" };

#define SERVER_KINDS ((1u << PAT_ADD) - 1)
#define PAT_KINDS (((1u << N_KINDS) - 1) & ~SERVER_KINDS)

/* What has happened. Shared by all who hear of it. */
struct news {
	atomic_int refs;
	enum kind kind;
	int64_t when; /* seconds */
	/* of a server */
	const struct tw_server *srv; /* perhaps gone: to be compared */
	uint32_t puid, rid, px_id;
	char name[128], px_name[128]; /* of a list: name */
	struct tw_server_news server; /* its pointers: into what follows */
	bool has_check;
	struct tw_check_result check;
	char cause[128];
};

struct waiting {
	struct waiting *next;
	struct news *news;
};

/* The userdata of a subscription. */
struct lu_sub {
	struct lu_sub *next, **prev;
	struct lu_state *s;
	unsigned kinds;
	bool is_list;
	const struct tw_server *srv; /* NULL: all; to be compared */
	uint32_t rid;
	char name[128];               /* of the list */
	int self, fn;                 /* references; LUA_NOREF: it is over */
	struct waiting *first, **end; /* owns */
	int n;
	bool runs, over, lost;
};

static atomic_int n_subs;

static void
news_put(struct news *n)
{
	if (atomic_fetch_sub(&n->refs, 1) == 1)
		free(n);
}

/* ---- handlers ------------------------------------------------------------------ */

static void
str_field(lua_State *L, const char *field, const char *value)
{
	lua_pushstring(L, value);
	lua_setfield(L, -2, field);
}

static void
int_field(lua_State *L, const char *field, lua_Integer value)
{
	lua_pushinteger(L, value);
	lua_setfield(L, -2, field);
}

static void
bool_field(lua_State *L, const char *field, bool value)
{
	lua_pushboolean(L, value);
	lua_setfield(L, -2, field);
}

static void
push_check(lua_State *L, const struct news *n)
{
	const struct tw_check_result *const r = &n->check;

	lua_newtable(L);
	str_field(L, "result",
	    !n->server.passed ? "FAILED"
		: r->nolb     ? "CONDPASS"
			      : "PASSED");
	bool_field(L, "agent", n->server.agent);
	int_field(L, "duration", r->duration_ms);
	lua_newtable(L);
	str_field(L, "short", tw_chk_code(r->what));
	str_field(L, "desc", tw_chk_text(r->what));
	if (r->status != 0 || tw_chk_has_code(r->what))
		int_field(L, "code", r->status);
	lua_setfield(L, -2, "reason");
	lua_newtable(L);
	int_field(L, "cur", r->health);
	int_field(L, "rise", r->rise);
	int_field(L, "fall", r->fall);
	lua_setfield(L, -2, "health");
}

static void
push_admin(lua_State *L, unsigned admin)
{
	static const struct {
		unsigned bit;
		const char *words[2];
	} table[] = { { TW_ADM_MAINT, { "MAINT", "FMAINT" } },
		{ TW_ADM_DRAIN, { "DRAIN", "FDRAIN" } } };
	lua_Integer n = 0;

	lua_newtable(L);
	for (size_t i = 0; i < 4; i++) {
		if ((admin & table[i / 2].bit) == 0)
			continue;
		lua_pushstring(L, table[i / 2].words[i % 2]);
		lua_rawseti(L, -2, ++n);
	}
}

static void
details(lua_State *L, const struct news *n)
{
	const struct tw_server_news *const s = &n->server;

	if (n->kind == STATE) {
		lua_newtable(L);
		bool_field(L, "admin", s->by_admin);
		str_field(L, "cause", n->cause);
		str_field(L, "old_state", s->was);
		str_field(L, "new_state", s->is);
		int_field(L, "requeued", s->requeued);
		if (n->has_check) {
			push_check(L, n);
			lua_setfield(L, -2, "check");
		}
		lua_setfield(L, -2, "state");
	} else if (n->kind == ADMIN) {
		lua_newtable(L);
		str_field(L, "cause", n->cause);
		push_admin(L, s->was_admin);
		lua_setfield(L, -2, "old_admin");
		push_admin(L, s->is_admin);
		lua_setfield(L, -2, "new_admin");
		int_field(L, "requeued", s->requeued);
		lua_setfield(L, -2, "admin");
	} else if (n->kind == CHECK) {
		push_check(L, n);
		lua_setfield(L, -2, "check");
	}
}

static struct tw_server *
still_there(const struct lu_state *s, const struct news *n)
{
	struct tw_proxy *const px = tw_gen_find(s->gen, n->px_name, TW_BACKEND);
	struct tw_server *const srv =
	    px != NULL ? tw_proxy_find_server(px, n->name) : NULL;

	return srv != NULL && n->kind != DEL && lu_server_rid(srv) == n->rid ? srv
									     : NULL;
}

static void
push_data(lua_State *L, const struct lu_sub *sub, const struct news *n)
{
	char text[16];

	lua_newtable(L);
	str_field(L, "name", n->name);
	if (sub->is_list)
		return;
	struct tw_server *const srv = still_there(sub->s, n);
	snprintf(text, sizeof(text), "%u", (unsigned)n->puid);
	str_field(L, "puid", text);
	int_field(L, "rid", n->rid);
	str_field(L, "proxy_name", n->px_name);
	snprintf(text, sizeof(text), "%u", (unsigned)n->px_id);
	str_field(L, "proxy_uuid", text);
	if (srv != NULL) {
		lu_push_server(L, srv);
		lua_setfield(L, -2, "reference");
	}
	details(L, n);
}

/* Protected: makes the task of the first event. in: the subscription. out: task. */
static int
task_make(lua_State *L)
{
	struct lu_sub *const sub = lua_touserdata(L, 1);
	struct lu_task **const task = lua_touserdata(L, 2);
	const struct news *const n = sub->first->news;

	lua_rawgeti(L, LUA_REGISTRYINDEX, sub->fn);
	lua_pushstring(L, kind_name[n->kind]);
	push_data(L, sub, n);
	lua_rawgeti(L, LUA_REGISTRYINDEX, sub->self);
	lua_pushinteger(L, n->when);
	*task = lu_task_new(L, LU_AT_EVENT, 4);
	return 0;
}

static void
waiting_drop(struct lu_sub *sub)
{
	struct waiting *const w = sub->first;

	sub->first = w->next;
	if (sub->first == NULL)
		sub->end = &sub->first;
	sub->n--;
	news_put(w->news);
	free(w);
}

static void
forget(struct lu_sub *sub)
{
	lua_State *const L = sub->s->L;
	const int self = sub->self;

	luaL_unref(L, LUA_REGISTRYINDEX, sub->fn);
	sub->fn = sub->self = LUA_NOREF;
	luaL_unref(L, LUA_REGISTRYINDEX, self); /* may be collected from now on */
}

static void sub_next(struct lu_sub *sub);

/* A handler has come to its end. */
static void
handled(void *arg)
{
	struct lu_sub *const sub = arg;
	struct lu_state *const s = sub->s;

	lu_enter(s);
	sub->runs = false;
	if (sub->over)
		forget(sub);
	else
		sub_next(sub);
	lu_leave(s);
}

/* context: its worker, not in Lua; the state is entered. */
static void
sub_next(struct lu_sub *sub)
{
	lua_State *const L = sub->s->L;
	const struct lu_worker *const w = tw_worker_block(tw_worker_self(), lu_self);
	struct lu_task *task = NULL;

	while (sub->first != NULL && task == NULL && !w->ending) {
		lua_pushcfunction(L, task_make);
		lua_pushlightuserdata(L, sub);
		lua_pushlightuserdata(L, &task);
		if (lua_pcall(L, 2, 0, 0) != LUA_OK) {
			tw_log_limited(TW_ALERT, "Lua event: %s", lua_tostring(L, -1));
			lua_pop(L, 1);
		}
		waiting_drop(sub);
	}
	if (task == NULL)
		return;
	sub->runs = true;
	task->on_end = handled;
	task->arg = sub;
	lu_task_go(task);
}

static void
sub_hear(struct lu_sub *sub, struct news *n)
{
	struct waiting *const w = sub->n < WAITING_MAX ? calloc(1, sizeof(*w)) : NULL;

	if (w == NULL) {
		if (!sub->lost)
			tw_log(TW_ALERT,
			    "Lua event: a handler is too slow, events are lost");
		sub->lost = true;
		return;
	}
	sub->lost = false;
	atomic_fetch_add(&n->refs, 1);
	w->news = n;
	*sub->end = w;
	sub->end = &w->next;
	sub->n++;
}

static bool
is_for(const struct lu_sub *sub, const struct news *n)
{
	if ((sub->kinds & 1u << n->kind) == 0)
		return false;
	if (sub->is_list)
		return strcmp(sub->name, n->name) == 0;
	return sub->srv == NULL || (sub->srv == n->srv && sub->rid == n->rid);
}

static struct lu_sub *
ready(const struct lu_state *s)
{
	const struct lu_worker *const w = tw_worker_block(tw_worker_self(), lu_self);
	struct lu_sub *sub = w->ending ? NULL : s->subs;

	while (sub != NULL && (sub->runs || sub->first == NULL))
		sub = sub->next;
	return sub;
}

/* A handler may end any subscription, so the list is read anew after each. */
static void
state_hear(struct lu_state *s, struct news *n)
{
	struct lu_sub *sub;

	lu_enter(s);
	for (sub = s->subs; sub != NULL; sub = sub->next)
		if (is_for(sub, n))
			sub_hear(sub, n);
	while ((sub = ready(s)) != NULL)
		sub_next(sub);
	lu_leave(s);
}

static void
heard(void *arg)
{
	struct news *const n = arg;
	struct tw_gen *const gen = tw_gen_running();
	const int worker = tw_worker_id(tw_worker_self());

	for (struct lu_unit *u = gen != NULL ? lu_conf_of(gen)->units : NULL; u != NULL;
	     u = u->next) {
		struct lu_set *const set =
		    atomic_load_explicit(&u->set, memory_order_acquire);
		if (set != NULL && worker < set->n)
			state_hear(set->state[worker], n);
	}
	news_put(n);
}

/* ---- what happens -------------------------------------------------------------- */

static struct news *
news_new(enum kind kind)
{
	struct news *const n = atomic_load(&n_subs) > 0 ? calloc(1, sizeof(*n)) : NULL;

	if (n == NULL)
		return NULL;
	n->kind = kind;
	n->when = (int64_t)(tw_wall_us() / 1000000);
	return n;
}

static void
news_send(struct news *n)
{
	atomic_init(&n->refs, tw_n_workers() + 1);
	for (int i = 0; i <= tw_n_workers(); i++)
		tw_worker_post(tw_worker_at(i), heard, n);
}

static void
server_told(
    const struct tw_server *srv, enum kind kind, const struct tw_server_news *what)
{
	const struct tw_proxy *const px = tw_server_proxy(srv);
	struct news *const n = news_new(kind);

	if (n == NULL)
		return;
	n->srv = srv;
	n->puid = tw_server_id(srv);
	n->rid = lu_server_rid(srv);
	n->px_id = tw_proxy_id(px);
	snprintf(n->name, sizeof(n->name), "%s", tw_server_name(srv));
	snprintf(n->px_name, sizeof(n->px_name), "%s", tw_proxy_name(px));
	if (what != NULL) {
		n->server = *what;
		n->has_check = what->check != NULL;
		if (what->check != NULL)
			n->check = *what->check;
		snprintf(n->cause, sizeof(n->cause), "%s",
		    what->cause != NULL ? what->cause : "");
	}
	news_send(n);
}

static void
told(struct tw_server_watch *self, struct tw_server *srv,
    const struct tw_server_news *what)
{
	(void)self;
	if (what->kind == TW_SERVER_NEWS_ADMIN) {
		server_told(srv, ADMIN, what);
	} else if (what->kind == TW_SERVER_NEWS_CHECK) {
		server_told(srv, CHECK, what);
	} else {
		server_told(srv, STATE, what);
		if (what->ran != what->runs)
			server_told(srv, what->runs ? UP : DOWN, what);
	}
}

void
lu_event_server(struct tw_server *srv, bool added)
{
	server_told(srv, added ? ADD : DEL, NULL);
}

static void
list_told(struct tw_list_watch *self, const char *name, enum tw_list_change_kind what)
{
	static const enum kind kinds[] = { [TW_LIST_ADDED] = PAT_ADD,
		[TW_LIST_DELETED] = PAT_DEL,
		[TW_LIST_CHANGED] = PAT_SET,
		[TW_LIST_COMMITTED] = PAT_COMMIT,
		[TW_LIST_CLEARED] = PAT_CLEAR };
	struct news *const n = news_new(kinds[what]);

	(void)self;
	if (n == NULL)
		return;
	snprintf(n->name, sizeof(n->name), "%s", name);
	news_send(n);
}

void
lu_events_begin(void)
{
	static struct tw_server_watch servers = { .told = told };
	static struct tw_list_watch lists = { .changed = list_told };

	tw_server_watch(&servers);
	tw_list_watch(&lists);
}

/* ---- subscriptions ------------------------------------------------------------- */

/* context: the state is entered. */
static void
sub_end(struct lu_sub *sub)
{
	if (sub->over)
		return;
	sub->over = true;
	*sub->prev = sub->next;
	if (sub->next != NULL)
		sub->next->prev = sub->prev;
	while (sub->first != NULL)
		waiting_drop(sub);
	atomic_fetch_sub(&n_subs, 1);
	if (!sub->runs)
		forget(sub);
}

void
lu_subs_drop(struct lu_state *s)
{
	while (s->subs != NULL)
		sub_end(s->subs);
}

/*@ EventSub:unsub() */
static int
unsub(lua_State *L)
{
	sub_end(luaL_checkudata(L, 1, SUB));
	return 0;
}

static unsigned
kinds_of(lua_State *L, int i, bool list)
{
	const char *const all = list ? "PAT_REF" : "SERVER";
	const unsigned allowed = list ? PAT_KINDS : SERVER_KINDS;
	unsigned kinds = 0;

	luaL_checktype(L, i, LUA_TTABLE);
	for (lua_pushnil(L); lua_next(L, i) != 0; lua_pop(L, 1)) {
		const char *const word =
		    lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
		unsigned bit = strcmp(word, all) == 0 ? allowed : 0;
		for (int k = 0; k < N_KINDS; k++)
			if (strcmp(word, kind_name[k]) == 0)
				bit |= 1u << k & allowed;
		if (bit == 0)
			luaL_argerror(
			    L, i, lua_pushfstring(L, "unknown event type '%s'", word));
		kinds |= bit;
	}
	return kinds;
}

static struct lu_sub *
subscribe(lua_State *L, int i, bool list)
{
	struct lu_state *const s = lu_state_from(L);
	const unsigned kinds = kinds_of(L, i, list);

	luaL_checktype(L, i + 1, LUA_TFUNCTION);
	struct lu_sub *const sub = lua_newuserdata(L, sizeof(*sub));
	*sub = (struct lu_sub){ .s = s,
		.kinds = kinds,
		.is_list = list,
		.over = true,
		.self = LUA_NOREF,
		.fn = LUA_NOREF };
	sub->end = &sub->first;
	luaL_setmetatable(L, SUB);
	lua_pushvalue(L, i + 1);
	sub->fn = luaL_ref(L, LUA_REGISTRYINDEX);
	lua_pushvalue(L, -1);
	sub->self = luaL_ref(L, LUA_REGISTRYINDEX);
	if (atomic_load(&s->set->halted)) {
		forget(sub);
		return sub;
	}
	sub->over = false;
	sub->next = s->subs;
	sub->prev = &s->subs;
	if (sub->next != NULL)
		sub->next->prev = &sub->next;
	s->subs = sub;
	atomic_fetch_add(&n_subs, 1);
	return sub;
}

int
lu_event_sub(lua_State *L, struct tw_server *srv, int i)
{
	struct lu_sub *const sub = subscribe(L, i, false);

	sub->srv = srv;
	sub->rid = srv != NULL ? lu_server_rid(srv) : 0;
	return 1;
}

int
lu_event_sub_list(lua_State *L, const char *name, int i)
{
	struct lu_sub *const sub = subscribe(L, i, true);

	snprintf(sub->name, sizeof(sub->name), "%s", name);
	return 1;
}

/*@ core.event_sub(types: string[], fn: function): EventSub */
static int
core_event_sub(lua_State *L)
{
	return lu_event_sub(L, NULL, 1);
}

static const luaL_Reg methods[] = {
	{ "unsub", unsub },
	{ NULL, NULL },
};

void
lu_open_event(lua_State *L)
{
	lua_pushcfunction(L, core_event_sub);
	lua_setfield(L, -2, "event_sub");
	lu_class(L, SUB, methods);
	lua_pop(L, 1);
}

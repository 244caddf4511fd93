/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * queue.c - the class Queue; core.wait().
 *
 * A queue belongs to a state. What waits in it is a value of a table; who waits for
 * one has an alarm, which the next push rings: by a message to the worker on which
 * that call runs, as Lua is running here.
 * source: HAProxy's Lua manual, Queue class, core.wait.
 */
#include "data.h"

#include <stdlib.h>

#define QUEUE "Queue"

struct queue {
	lua_Integer first, next; /* places in the table */
	struct lu_alarm *alarms; /* of all calls that wait */
};

/* A call that wants to know of the next push. Seen by who has entered the state, and
 * freed by the message once that is under way. */
struct lu_alarm {
	struct lu_alarm *next, **prev;           /* of the queue; prev: NULL: of none */
	struct queue *queue;                     /* valid while prev is set */
	struct lu_alarm *call_next, **call_prev; /* of the call */
	struct lu_call *call;                    /* NULL: it has ended */
	struct lu_state *s;
	struct tw_gen *gen;
	bool posted;
};

/* ---- alarms ------------------------------------------------------------------------------ */

static void
unlink_alarm(struct lu_alarm *a)
{
	if (a->prev != NULL) {
		*a->prev = a->next;
		if (a->next != NULL)
			a->next->prev = a->prev;
		a->prev = NULL;
	}
	if (a->call_prev != NULL) {
		*a->call_prev = a->call_next;
		if (a->call_next != NULL)
			a->call_next->call_prev = a->call_prev;
		a->call_prev = NULL;
	}
}

static void wake_first(struct queue *q);

/* What woke one that has ended meanwhile is there for the next one. */
static void
alarm_drop(struct lu_alarm *a)
{
	struct queue *const q = a->posted && a->prev != NULL ? a->queue : NULL;

	unlink_alarm(a);
	a->call = NULL;
	if (!a->posted)
		free(a);
	if (q != NULL && q->first != q->next)
		wake_first(q);
}

/* context: the state is entered. */
void
lu_alarms_drop(struct lu_alarm **list)
{
	while (*list != NULL)
		alarm_drop(*list);
}

static void
ring(void *arg)
{
	struct lu_alarm *const a = arg;
	struct tw_gen *const gen = a->gen;

	lu_enter(a->s);
	struct lu_call *const c = a->call;
	if (c != NULL)
		c->alarmed = true;
	unlink_alarm(a);
	lu_leave(a->s);
	free(a);
	if (c != NULL && c->waited == c)
		lu_wake(c);
	tw_gen_release(gen);
}

static void
alarm_set(lua_State *L, struct queue *q)
{
	struct lu_call *const c = lu_call_of(L);
	struct lu_alarm *const a = calloc(1, sizeof(*a));

	if (a == NULL)
		luaL_error(L, "out of memory");
	a->call = c;
	a->s = c->s;
	a->gen = c->s->gen;
	c->worker = tw_worker_id(tw_worker_self());
	a->queue = q;
	a->next = NULL;
	a->prev = &q->alarms;
	while (*a->prev != NULL)
		a->prev = &(*a->prev)->next;
	*a->prev = a;
	a->call_next = c->alarms;
	a->call_prev = &c->alarms;
	if (a->call_next != NULL)
		a->call_next->call_prev = &a->call_next;
	c->alarms = a;
}

/* The one that has waited longest; the others wait for the next item. */
static void
wake_first(struct queue *q)
{
	struct lu_alarm *a = q->alarms;

	while (a != NULL && a->posted)
		a = a->next;
	if (a == NULL)
		return;
	a->posted = true;
	tw_gen_hold(a->gen);
	tw_worker_post(tw_worker_at(a->call->worker), ring, a);
}

/* ---- Queue --------------------------------------------------------------------- */

static struct queue *
check_queue(lua_State *L)
{
	return luaL_checkudata(L, 1, QUEUE);
}

/*@ core.queue(): Queue */
static int
queue_new(lua_State *L)
{
	struct queue *const q = lua_newuserdata(L, sizeof(*q));

	*q = (struct queue){ 1, 1, NULL };
	luaL_setmetatable(L, QUEUE);
	lua_newtable(L);
	lua_setuservalue(L, -2);
	return 1;
}

/* Alarms that are left belong to calls, which end first or wait for ever. */
static int
queue_gc(lua_State *L)
{
	struct queue *const q = check_queue(L);

	for (struct lu_alarm *a = q->alarms, *next; a != NULL; a = next) {
		next = a->next;
		a->prev = NULL;
		a->next = NULL;
	}
	q->alarms = NULL;
	return 0;
}

/*@ Queue:size(): integer */
static int
queue_size(lua_State *L)
{
	const struct queue *const q = check_queue(L);

	lua_pushinteger(L, q->next - q->first);
	return 1;
}

/*@ Queue:push(item: any): boolean */
static int
queue_push(lua_State *L)
{
	struct queue *const q = check_queue(L);

	luaL_argcheck(L, !lua_isnoneornil(L, 2), 2, "an item is expected, not nil");
	lua_getuservalue(L, 1);
	lua_pushvalue(L, 2);
	lua_rawseti(L, -2, q->next);
	q->next++;
	wake_first(q);
	lua_pushboolean(L, true);
	return 1;
}

/* returns: false: it is empty, nothing is pushed. */
static bool
take(lua_State *L, struct queue *q)
{
	if (q->first == q->next)
		return false;
	lua_getuservalue(L, 1);
	lua_rawgeti(L, -1, q->first);
	lua_pushnil(L);
	lua_rawseti(L, -3, q->first);
	q->first++;
	if (q->first == q->next)
		q->first = q->next = 1;
	else if (q->alarms != NULL)
		wake_first(q); /* there is more, and somebody waits */
	return true;
}

/*@ Queue:pop(): any */
static int
queue_pop(lua_State *L)
{
	if (!take(L, check_queue(L)))
		lua_pushnil(L);
	return 1;
}

static int pop_wait(lua_State *L, int status, lua_KContext ctx);

static int
queue_pop_wait(lua_State *L)
{
	lu_check_yield(L, "Queue:pop_wait");
	return pop_wait(L, 0, 0);
}

/*@ Queue:pop_wait(): any */
static int
pop_wait(lua_State *L, int status, lua_KContext ctx)
{
	struct queue *const q = check_queue(L);

	struct lu_call *const c = lu_call_of(L);

	(void)status;
	(void)ctx;
	lua_settop(L, 1);
	if (c->waited == c) { /* was woken */
		c->waited = NULL;
		lu_alarms_drop(&c->alarms);
		c->alarmed = false;
	}
	if (take(L, q))
		return 1;
	alarm_set(L, q);
	c->waited = c;
	return lu_yield(L, 0, pop_wait);
}

/* The next push ends core.wait() of this call. */
/*@ Queue:alarm() */
static int
queue_alarm(lua_State *L)
{
	struct queue *const q = check_queue(L);

	lu_check_yield(L, "Queue:alarm");
	alarm_set(L, q);
	return 0;
}

static const luaL_Reg methods[] = {
	{ "alarm", queue_alarm },
	{ "pop", queue_pop },
	{ "pop_wait", queue_pop_wait },
	{ "push", queue_push },
	{ "size", queue_size },
	{ NULL, NULL },
};

/* ---- core.wait ----------------------------------------------------------------- */

static int
waited(lua_State *L, int status, lua_KContext ctx)
{
	struct lu_call *const c = lu_call_of(L);

	(void)status;
	(void)ctx;
	lu_alarms_drop(&c->alarms);
	c->alarmed = false;
	c->waited = NULL;
	return 0;
}

/* Until an alarm rings or the time is over; without either: for ever. */
/*@ core.wait(ms?: integer) */
static int
core_wait(lua_State *L)
{
	const lua_Number ms = luaL_optnumber(L, 1, 0);
	struct lu_call *const c = lu_call_of(L);

	lu_check_yield(L, "core.wait");
	luaL_argcheck(L, ms >= 0 && ms < UINT32_MAX, 1, "the time is out of range");
	if (c->alarmed)
		return waited(L, 0, 0);
	c->waited = c; /* alarms wake it; they do not wake what waits elsewhere */
	return ms > 0 ? lu_sleep_then(L, (uint32_t)ms, 0, waited)
		      : lu_yield(L, 0, waited);
}

static const luaL_Reg functions[] = {
	{ "queue", queue_new },
	{ "wait", core_wait },
	{ NULL, NULL },
};

void
lu_open_queue(lua_State *L)
{
	luaL_setfuncs(L, functions, 0);
	lu_class(L, QUEUE, methods);
	lua_pushcfunction(L, queue_gc);
	lua_setfield(L, -2, "__gc");
	lua_pop(L, 1);
}

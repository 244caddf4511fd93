/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * data.h - what the rest of `core` shares: tasks, proxies, lists, events.
 *
 * Whoever waits for something that another thread brings keeps a lu_ticket: the
 * call forgets it when it ends before, and nothing dangles.
 */
#ifndef TW_LUA_DATA_H
#define TW_LUA_DATA_H

#include "lu.h"

/* ---- functions of register_init, tasks (task.c) ------------------------------- */

struct lu_start {
	struct lu_start *next;
	int ref; /* keeps the function */
};

/* A call that nobody waits for: a task, an event's handler. */
struct lu_task {
	struct lu_task *next,
	    **prev;           /* of its state until it starts, then its worker's */
	struct lu_call *call; /* owns */
	int n_args;
	void (*on_end)(void *arg); /* in its worker, not in Lua; or NULL */
	void *arg;
};

/* The module's part of a worker. */
struct lu_worker {
	struct lu_task *tasks; /* that run here; owns */
	bool ending;           /* none begins any more */
};

/** lu_task_new - function and n_args arguments are on top of L and are taken.
 * errors: a Lua error. lifetime: until it was run to its end. */
struct lu_task *lu_task_new(lua_State *L, enum lu_at at, int n_args);
/** lu_task_soon - it starts in the next turn of the worker its state runs on.
 * context: worker, in Lua or not. */
void lu_task_soon(struct lu_task *t);
/** lu_task_go - it starts now. context: its worker, not in Lua. */
void lu_task_go(struct lu_task *t);
/** lu_tasks_drop - those that have not been started. */
void lu_tasks_drop(struct lu_state *s);
/** lu_tasks_end - all of the calling worker. in: set, only its tasks; NULL: all. */
void lu_tasks_end(const struct lu_set *set);
/** lu_inits_run - the functions of register_init, once. errors: -1: err. */
int lu_inits_run(struct lu_state *s, struct tw_err *err);
/** lu_set_go - its tasks start, each on its worker. lu_set_halt - those and
 * subscriptions end. in: set of a generation that is held. context: control. */
void lu_set_go(struct lu_set *set);
void lu_set_halt(struct lu_set *set);
/** lu_worker_of - where a state runs: a shared one's tasks are the control
 * thread's. */
int lu_worker_of(const struct lu_state *s);

/* ---- waiting for another thread (ticket.c) -------------------------------------- */

struct lu_ticket {
	struct lu_call *call; /* NULL: it has ended, or was woken */
	int worker;           /* the call's */
};
/** lu_ticket_take - for the running call, which will lu_yield() next. */
void lu_ticket_take(lua_State *L, struct lu_ticket *t);
/** lu_ticket_use - wakes it, if it still waits. context: its worker, not in Lua. */
void lu_ticket_use(struct lu_ticket *t);

/* ---- objects (object.c) ------------------------------------------------------------ */

/** lu_object - a table whose [0] is a new userdata of `size` bytes and that
 * `class` (lu_class_of_objects) gives its methods; left on the stack. returns:
 * the userdata, zeroed. in: class: the same array for all functions. */
void *lu_object(lua_State *L, const char *class, size_t size);
/** lu_check_object - argument `i`. errors: a Lua error. */
void *lu_check_object(lua_State *L, int i, const char *class);
void lu_class_of_objects(lua_State *L, const char *class, const luaL_Reg *methods);

/* ---- proxies, servers (proxy.c, server.c) ------------------------------------------ */

void lu_push_proxy(lua_State *L, struct tw_proxy *px);
/** lu_push_server - nil when there is none any more. */
void lu_push_server(lua_State *L, struct tw_server *srv);
struct tw_server *lu_check_server(lua_State *L, int i);
void lu_push_stktable(lua_State *L, struct tw_proxy *px);
/** lu_push_report - the table of get_stats. */
struct tw_report_of;
void lu_push_report(lua_State *L, const struct tw_report_of *of);
uint32_t lu_server_rid(const struct tw_server *srv);
int lu_server_check(struct tw_server *srv, struct tw_err *err);
void lu_server_event(struct tw_server *srv, enum tw_server_event what);
/* The module's part of a server. */
struct lu_server {
	uint32_t rid;
};

/* What is changed of a proxy or a server, on the control thread. */
struct lu_change {
	void (*run)(struct lu_change *c);
	struct tw_proxy *px;
	struct tw_server *srv; /* NULL: the proxy is meant; found again by its name */
	int64_t n;
	struct tw_addr addr;
	char text[256]; /* run: what it returns to the script; "": nil */
};
/** lu_change - makes it, or has it made: where the running function may wait, it
 * does. returns: for lua. */
int lu_change(lua_State *L, const struct lu_change *c);

/* ---- what opens them: in: `core` is on top ---------------------------------------- */

/** lu_open_data - all of the following. lu_data_fini - before the state is closed. */
void lu_open_data(lua_State *L);
void lu_data_fini(struct lu_state *s);
void lu_open_task(lua_State *L);
void lu_open_proxy(lua_State *L);
void lu_open_server(lua_State *L);
void lu_open_map(lua_State *L);
void lu_open_patref(lua_State *L);
void lu_open_regex(lua_State *L);
void lu_open_text(lua_State *L);
void lu_open_queue(lua_State *L);
void lu_open_event(lua_State *L);
void lu_open_sticktable(lua_State *L);
/** lu_proxies_show - core.proxies and the like: when the configuration is read. */
void lu_proxies_show(lua_State *L);

/* ---- events (event.c) ---------------------------------------------------------------- */

/** lu_event_sub - core.event_sub(), Server:event_sub(). in: srv, NULL: any;
 * types and function are arguments i and i + 1. */
int lu_event_sub(lua_State *L, struct tw_server *srv, int i);
int lu_event_sub_list(lua_State *L, const char *name, int i);
void lu_events_begin(void); /* once, at load */
/** lu_event_server - it was added, or goes. */
void lu_event_server(struct tw_server *srv, bool added);
void lu_subs_drop(struct lu_state *s);

/* ---- queues (queue.c) ----------------------------------------------------------------- */

struct lu_alarm;
void lu_alarms_drop(struct lu_alarm **list);

#endif

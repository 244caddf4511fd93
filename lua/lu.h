/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * lu.h - the Lua module from the inside.
 *
 * A *unit* is a program: all files of lua-load (one state for all threads,
 * behind a lock), all of lua-load-per-thread, or one lua-script. Its *states*
 * are made together, one for each thread, and are replaced together (a *set*).
 * What a script registers gets a *slot* of its unit: the configuration refers
 * to slots, each state knows the function in each. Whoever calls a function
 * takes a *call* from the state's pool: a coroutine and what it waits for.
 *
 *   slot  = lu_slot_find(gen, LU_ACTION, name)
 *   call  = lu_begin(lu_state_of(slot->unit), LU_AT_ACTION, req)
 *           lu_push_slot(call, slot); push arguments to call->L
 *   lu_run(call, nargs): LU_DONE, results on call->L; LU_WAITS, later again;
 *           LU_FAILED, told already
 *   lu_end(&call)
 *
 * A state is used by one thread at a time: between lu_enter() and lu_leave(),
 * which lu_begin/lu_run/lu_end do themselves.
 */
#ifndef TW_LUA_LU_H
#define TW_LUA_LU_H

#include <pthread.h>
#include <stdatomic.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include <tideway/action.h>
#include <tideway/bound.h>
#include <tideway/command.h>
#include <tideway/module.h>
#include <tideway/proxy.h>
#include <tideway/var.h>
#include <tideway/worker.h>

#include "watch.h"

extern const struct tw_self *lu_self;

/* ---- memory (mem.c) --------------------------------------------------------- */

#define LU_CLASSES 33 /* of 16 bytes each; longer blocks are malloc's */

struct lu_mem {
	_Atomic size_t used; /* bytes that Lua holds; others read it only */
	_Atomic size_t peak;
	size_t limit;  /* 0: none */
	_Atomic size_t *total; /* shared: of all states that share one limit; or NULL */
	size_t total_limit;
	void *free[LU_CLASSES];
	void *slabs;   /* owns: a list */
	char *next, *end; /* of the newest slab */
	uint64_t n_mallocs; /* how often more was asked of malloc */
	size_t ceiling;     /* above it Lua collects garbage by itself; gc.c */
	bool bounded; /* protected Lua runs: the limits hold. Elsewhere nobody would
		       * catch the error: what is pushed there may go beyond them. */
	lua_State *L;       /* borrow; NULL: not made yet */
};

void *lu_mem_alloc(void *mem, void *p, size_t had, size_t want); /* a lua_Alloc */
void lu_mem_fini(struct lu_mem *mem);
/** lu_mem_limit - its own limit, and that of all who share its total; 0: none. */
void lu_mem_limit(struct lu_mem *mem, size_t limit, size_t total_limit);

/* ---- units, sets, states (state.c, unit.c) ------------------------------------ */

enum lu_kind { LU_SHARED, LU_PER_THREAD, LU_SCRIPT };

/* Where a function is called from; what it may do depends on that. */
enum lu_at {
	LU_AT_BODY, /* the file itself */
	LU_AT_INIT,
	LU_AT_TASK,
	LU_AT_ACTION,
	LU_AT_FETCH,
	LU_AT_CONV,
	LU_AT_SERVICE,
	LU_AT_CLI,
	LU_AT_EVENT,
	LU_AT_FILTER,
	LU_AT_HOOK, /* a native one: the request's stage is call->stage */
	LU_N_ATS
};
extern const char *const lu_at_name[LU_N_ATS]; /* "action" */

/* What a slot is for. */
enum lu_reg {
	LU_ACTION,
	LU_FETCH,
	LU_CONV,
	LU_SERVICE,
	LU_CLI,
	LU_FILTER,
	LU_HOOK,
	LU_N_REGS
};

#define LU_BUCKETS 96 /* of time: count.c */

/* Calls, errors and times of one slot in one state, whose thread writes it. */
struct lu_tally {
	_Atomic uint64_t calls, errors, yields, slow, stopped;
	_Atomic uint32_t cpu[LU_BUCKETS], wall[LU_BUCKETS]; /* of a sample */
};

/* What a script may use. */
enum lu_profile {
	LU_TRUSTED,  /* as in HAProxy; HAProxy's units by default */
	LU_STANDARD, /* no processes, no code from run-time files; lua-script */
	LU_UNTRUSTED /* no files, no C modules, counted instructions */
};

struct lu_slot {
	struct lu_slot *next;
	struct lu_unit *unit;
	enum lu_reg reg;
	int index;        /* into lu_state.fn */
	const char *name; /* gen; without "lua." */
	unsigned rules;   /* LU_ACTION: 1u << enum tw_rules */
	int n_args;       /* LU_ACTION: words after the name */
	bool is_tcp;      /* LU_SERVICE */
	const char *usage; /* LU_CLI */
	bool used;         /* the configuration refers to it */
};

/* A file of a unit. */
struct lu_file {
	struct lu_file *next;
	const char *path; /* gen; as written */
	const char *real; /* gen; the same from wherever one is, once it was found */
	int n_args;
	char *const *arg; /* gen */
	const char *conf_file; /* the line that names it */
	int conf_line;
};

/* What a file said when a set was made of it. */
struct lu_text {
	char *p; /* owns; or NULL */
	size_t len;
};

struct lu_unit {
	struct lu_unit *next;
	enum lu_kind kind;
	const char *name;  /* "lua-load", "lua-load-per-thread", a script's */
	struct tw_gen *gen;
	struct lu_file *files, **files_end;
	struct lu_slot *slots, **slots_end; /* grows while files are read only */
	int n_slots;
	struct lu_set *_Atomic set; /* shared: replaced by `lua reload` */
	struct lu_script *script;   /* LU_SCRIPT: what its line says; else NULL */
	uint64_t generation;        /* 1, 2, ...: of sets */
	enum lu_profile profile;
	struct lu_limits limits;    /* LU_SCRIPT: 5, 50, 1000 ms by default */
	uint64_t mem_limit;         /* bytes of one state; 0: none */
	struct lu_errors *errors;   /* owns; err.c */
	_Atomic bool global_told;           /* one warning is enough */
	struct lu_set *retired;     /* owns: replaced, with calls left; control */
	struct lu_text *previous;   /* owns: what `lua rollback` returns to; or NULL */
	int n_previous;
};

struct lu_set {
	struct lu_unit *unit;
	struct tw_gen *gen;
	uint64_t generation;
	atomic_bool halted;       /* shared: its tasks have ended */
	int n;                    /* LU_SHARED: 1; else workers + 1 */
	int n_texts;
	struct lu_text *text;     /* owns: by file */
	bool reloading;           /* its files are run while the generation works */
	struct lu_set *next;      /* of the retired */
	int n_left;               /* retired: states not free yet; control thread */
	struct lu_state *state[]; /* owns; by worker, 0: the control thread */
};

#define LU_NATIVE_PARTS 8 /* kinds of objects of a request: script.h */
/* A function that a script has registered. */
struct lu_fn {
	int ref;        /* LUA_NOREF: none */
	unsigned keeps; /* 1u << i: it may keep its argument i, of the first LU_KEPT */
};
#define LU_KEPT 4
#define LU_KEEPS_ALL ((1u << LU_KEPT) - 1)

/* One lua_State and what belongs to it. */
struct lu_state {
	lua_State *L;
	struct lu_set *set;
	struct lu_unit *unit;
	struct tw_gen *gen;
	int thread; /* core.thread: 0: shared, else the worker */
	bool shared; /* several threads use it: `lock` */
	pthread_mutex_t lock; /* recursive */
	struct lu_mem mem;
	struct lu_fn *fn; /* owns: by slot */
	int n_fn;
	struct lu_call *pool;  /* owns: idle calls */
	struct lu_call *live;  /* calls that wait */
	struct lu_call *running; /* innermost; NULL: none */
	_Atomic int n_live, n_pool; /* others read them only */
	bool loading;          /* the files are run: registration is allowed */
	struct lu_task *tasks; /* registered, not started; core_task.c */
	struct lu_start *inits; /* references to functions of register_init */
	size_t gc_at;          /* bytes at which a step is due */
	_Atomic uint64_t n_contended; /* the lock was taken by another thread */
	int txn_meta;          /* references to metatables: txn.c */
	int txn_tcp_meta;
	struct lu_txn *txn_pool;       /* objects that nobody can have kept */
	struct lu_native *native_pool;
	struct lu_sub *subs;   /* event.c; owns */
	int *anchors;          /* owns: places of lu_anchor() that are free */
	int n_anchors, max_anchors;
	int native_meta[LU_NATIVE_PARTS]; /* references: native.c */
	struct lu_tally **tally; /* owns: by slot, n_fn */
	struct lu_limits limits[LU_N_ATS]; /* by enum lu_at */
	int n_refs;              /* calls, transactions: while retired, until 0 */
	bool retired;
	bool strict;             /* loaded: new globals are told of or refused */
	struct lu_leaver *leavers; /* owns; lu_on_retire() */
	struct lu_state *gc_next;  /* gc.c */
	int gc_worker;             /* whose list it is in; -1: none */
	bool gc_running;           /* a cycle is under way */
	_Atomic uint64_t gc_us, gc_steps, gc_cycles;
	struct lu_router *router; /* on_route = tw.router{...}; NULL: a function */
};

/* Called when its state is replaced. */
struct lu_leaver {
	struct lu_leaver *next;
	void (*fn)(struct lu_state *s, void *arg);
	void *arg;
};

#define LU_NO_LIMIT UINT32_MAX /* a time of struct lu_conf: 0 was written */

/* The module's part of a generation. */
struct lu_conf {
	struct lu_unit *units, **units_end;
	struct lu_unit *shared, *per_thread; /* NULL: no such line */
	uint32_t session_ms, task_ms, service_ms, burst_ms; /* tune.lua.* timeouts */
	uint32_t forced_yield;
	uint64_t maxmem;       /* bytes; 0: none */
	uint32_t log_loggers, log_stderr; /* 0 off, 1 on, 2 auto */
	bool bool_is_integer, bool_said; /* tune.lua.bool-sample-conversion */
	const char *path, *cpath; /* lua-prepend-path, ";" between; or NULL */
	_Atomic size_t used;   /* shared: bytes of its states */
	bool began;            /* states of all threads are there */
	const char *openlibs;  /* ",string,table," ...; NULL: all */
	struct lu_client_conf *client; /* httpclient.*; NULL: no scripts */
	struct lu_filter_line *filter_lines; /* filter.h; the last first */
};

struct lu_conf *lu_conf_of(struct tw_gen *gen);

/** lu_unit_new - in: name, gen. */
struct lu_unit *lu_unit_new(struct tw_gen *gen, enum lu_kind kind, const char *name);
/** lu_unit_load - runs one more file in the state(s) that read the configuration,
 * so that what it registers can be referred to. errors: -1: err, with file and
 * line of the script. */
int lu_unit_load(struct lu_unit *unit, struct lu_file *file, struct tw_err *err);
/** lu_unit_begin - the states of the other threads; before the generation runs. */
int lu_unit_begin(struct lu_unit *unit, struct tw_err *err);
/** lu_set_new - the states of all threads, files run, for a unit that works
 * already. in: text, by file; takes. errors: NULL: err. */
struct lu_set *lu_set_new(
    struct lu_unit *unit, struct lu_text *text, int n_texts, struct tw_err *err);
void lu_set_free(struct lu_set **set);

/** lu_state_new - libraries and APIs opened, nothing run. */
struct lu_state *lu_state_new(struct lu_set *set, int thread, struct tw_err *err);
int lu_state_load(struct lu_state *s, const struct lu_file *file,
    const struct lu_text *text, struct tw_err *err);
void lu_state_free(struct lu_state **s);
/** lu_state_settle - the limits, once all of the configuration is known. */
void lu_state_settle(struct lu_state *s);
/** lu_state_of - the calling thread's. */
static inline struct lu_state *lu_state_of(const struct lu_unit *unit, int worker);
/** lu_state_from - whose L (any coroutine's) is. */
struct lu_state *lu_state_from(lua_State *L);

void lu_lock(struct lu_state *s);
static inline void
lu_enter(struct lu_state *s)
{
	if (s->shared)
		lu_lock(s);
}
static inline void
lu_leave(struct lu_state *s)
{
	if (s->shared)
		pthread_mutex_unlock(&s->lock);
}
/** lu_try_enter - false: another thread is in it. */
static inline bool
lu_try_enter(struct lu_state *s)
{
	return !s->shared || pthread_mutex_trylock(&s->lock) == 0;
}

void lu_state_left(struct lu_state *s);
/** lu_hold, lu_release - who keeps a reference into a state beyond a call (a
 * transaction, a subscription) holds it, so that it stays when `lua reload` has
 * replaced it. context: between lu_enter and lu_leave. */
static inline void
lu_hold(struct lu_state *s)
{
	s->n_refs++;
}
static inline void
lu_release(struct lu_state *s)
{
	if (--s->n_refs == 0 && s->retired)
		lu_state_left(s);
}
/** lu_on_retire - fn(s, arg) is called once when the state has been replaced, on
 * its own worker (shared: the control thread), outside of Lua: to end tasks,
 * subscriptions, timers. errors: false: out of memory. */
bool lu_on_retire(
    struct lu_state *s, void (*fn)(struct lu_state *s, void *arg), void *arg);

static inline struct lu_state *
lu_state_of(const struct lu_unit *unit, int worker)
{
	const struct lu_set *const set =
	    atomic_load_explicit(&unit->set, memory_order_acquire);

	return set->state[set->n > 1 ? worker : 0];
}

/** lu_state_for - the one that serves a request. */
static inline struct lu_state *
lu_state_for(const struct lu_unit *unit, const struct tw_req *req)
{
	return lu_state_of(unit, tw_worker_id(tw_conn_worker(tw_req_conn(req))));
}

/* ---- slots (slot.c) ------------------------------------------------------------ */

/** lu_slot_find - in: name without "lua.". returns: NULL: no script has it. */
struct lu_slot *lu_slot_find(struct tw_gen *gen, enum lu_reg reg, struct tw_str name);
/** lu_slot_set - while a file is run: the function at index `fn` of the stack is
 * what `name` stands for; made when it is new. errors: a Lua error. */
struct lu_slot *lu_slot_set(lua_State *L, enum lu_reg reg, const char *name, int fn);
/** lu_action_find - rules: 1u << enum tw_rules. returns: NULL: none of these. */
struct lu_slot *lu_action_find(struct tw_gen *gen, struct tw_str name, unsigned rules);
/** lu_action_set - lu_slot_set for LU_ACTION: of all these rules. */
void lu_action_set(lua_State *L, const char *name, int fn, unsigned rules, int n_args);

/* ---- calls (call.c) -------------------------------------------------------------- */

enum lu_result { LU_DONE, LU_WAITS, LU_FAILED };

/* A coroutine, whom it serves, and what it waits for. */
struct lu_call {
	/* What it keeps in the pool; all that follows is 0 there. */
	struct lu_call *next; /* in the pool, or among the live */
	struct lu_state *s;
	lua_State *L;
	int ref;          /* keeps L */
	struct lu_call **prev; /* among the live */
	enum lu_at at;
	int stage;        /* LU_AT_ACTION: enum tw_rules; LU_AT_HOOK: enum lu_stage */
	struct tw_req *req; /* NULL: none */
	struct lu_txn *txn; /* NULL: not made */
	struct lu_slot *slot;
	void *owner;      /* applet, task: theirs */
	int worker;       /* where it runs */
	unsigned keeps;   /* struct lu_fn: of the function that is called */
	bool began, waits, over;
	bool was_bounded; /* struct lu_mem, when the state was entered */
	bool wants_body;  /* LU_AT_HOOK: more of a body wakes it, too */
	bool finished;    /* txn:done() and the like: nothing more of it is run */
	enum tw_act verdict; /* what txn:done() said */
	/* What it waits for. wake() was or will be called once, on `worker`. */
	struct tw_timer timer;
	void (*on_wake)(struct lu_call *call); /* the owner's; runs it again */
	void (*cancel)(struct lu_call *call); /* forget what it waits for; or NULL */
	void *waited;     /* cancel's */
	uint64_t due_ms;  /* its whole life: tune.lua.*-timeout; 0: none */
	uint64_t wake_ms; /* act.wake_time; 0: none */
	uint32_t spent_ms;   /* CPU of its bursts, as far as the watchdog saw it */
	uint32_t steps_left; /* thousands of instructions; untrusted scripts */
	int blocked;         /* coroutines resumed where nothing can wait */
	struct lu_tally *tally; /* borrow: the state; or NULL */
	bool sampled;        /* its times are measured; count.c */
	bool stopped;        /* it ran too long */
	uint64_t began_us, cpu_ns, burst_ns;
	bool on_bytes;    /* it waits for contents: each event runs it again */
	const struct tw_origin *origin; /* gen: the rule's; NULL: none */
	struct lu_alarm *alarms; /* queue.c */
	bool alarmed;     /* one of them has rung */
	void *group; /* tw.all: whose part it is */
	int n_open; /* connections it has made and not closed: sock.c */
};

/** lu_begin - a call from the pool; the state is entered until lu_run or
 * lu_end. in: req may be NULL. errors: NULL: out of memory. */
struct lu_call *lu_begin(struct lu_state *s, enum lu_at at, struct tw_req *req);
/** lu_push_slot - its function. false: this state has none. */
bool lu_push_slot(struct lu_call *c, struct lu_slot *slot);
/** lu_run - the function and nargs arguments are on c->L; later calls, after it
 * was woken, with 0. LU_DONE: the state stays entered, the results are on c->L. */
enum lu_result lu_run(struct lu_call *c, int nargs);
/** lu_park - the state is left: the call goes on later. context: lu_begin() or
 * lu_run() have entered it. */
void lu_park(struct lu_call *c);
/** lu_pcall - lua_pcall() that the limits of memory hold for. */
int lu_pcall(lua_State *L, int nargs, int nresults, int handler);
/** lu_pool_drop - frees an idle one: there is one. context: entered. */
void lu_pool_drop(struct lu_state *s);
/** lu_end - also of one that waits, which is cancelled. Clears the pointer. */
void lu_end(struct lu_call **c);

/** lu_call_of - the call that runs, also in a coroutine of the script's own; NULL:
 * the file's body. */
static inline struct lu_call *
lu_call_of(lua_State *L)
{
	return lu_state_from(L)->running;
}
/** lu_req - the request of the running call. errors: a Lua error that says in
 * which function, when there is none. */
struct tw_req *lu_req(lua_State *L, const char *function);

/** lu_where - TW_AT_...: what fetches may read there. */
unsigned lu_where(const struct lu_call *c);

/** lu_yield - what a C function returns that waits: lu_wake() will run k. The
 * caller has arranged for it. errors: a Lua error, where waiting is not
 * allowed ("yield not allowed"): check first with lu_may_yield(). */
int lu_yield(lua_State *L, lua_KContext ctx, lua_KFunction k);
bool lu_may_yield(lua_State *L);
/** lu_check_yield - a Lua error in the words above, if it may not. */
void lu_check_yield(lua_State *L, const char *function);
/** lu_sleep_then - lu_yield() for that long. */
int lu_sleep_then(lua_State *L, uint32_t ms, lua_KContext ctx, lua_KFunction k);
/** lu_sleep - the same, for a function that then is over. */
int lu_sleep(lua_State *L, uint32_t ms);
/** lu_wake - what it waits for is there. context: its worker; not in Lua. */
void lu_wake(struct lu_call *c);
/** lu_finish - what a C function returns after which nothing more of the call is
 * run, not even a pcall around it. */
int lu_finish(lua_State *L, enum tw_act verdict);

/** lu_failed - tells of an error whose text is on top of L. in: c may be NULL. */
void lu_failed(struct lu_call *c, lua_State *L, struct lu_state *s, int status);
/** lu_traceback - a message handler: text, file:line, where it was called. */
int lu_traceback(lua_State *L);

/* ---- values (value.c) -------------------------------------------------------------- */

/** lu_push_sample - as the fetches f (text: as sf) give it. */
void lu_push_sample(lua_State *L, struct tw_req *req, struct tw_sample *s, bool text);
/** lu_to_sample - a string, number, boolean; nil and others: false. out: borrow:
 * while the value is on the stack. */
bool lu_to_sample(lua_State *L, int i, struct tw_sample *out);
static inline void
lu_push_str(lua_State *L, struct tw_str s)
{
	lua_pushlstring(L, s.p != NULL ? s.p : "", s.len);
}
/** lu_check_text - of an entry of a list: no NUL. errors: a Lua error. */
const char *lu_check_text(lua_State *L, int i);
static inline struct tw_str
lu_check_str(lua_State *L, int i)
{
	size_t len;
	const char *const p = luaL_checklstring(L, i, &len);

	return (struct tw_str){ p, len };
}
/** lu_var - the variable of a name, remembered. errors: a Lua error. */
struct tw_var *lu_var(lua_State *L, int i);
/** lu_anchor - keeps the value on top of L (which stays there) until lu_unanchor;
 * a place in the registry that is only reserved once: cheaper than luaL_ref. What
 * was unanchored may live on until its place is used again. returns: the place,
 * for lua_rawgeti(L, LUA_REGISTRYINDEX, place). */
int lu_anchor(lua_State *L, struct lu_state *s);
void lu_unanchor(struct lu_state *s, int place);
/** lu_var_or_null - NULL: it cannot be a name, or (create: false) nobody has named
 * it before. errors: no string. */
struct tw_var *lu_var_or_null(lua_State *L, int i, bool create);
/** lu_may_create_var - may set_var(name, value, ifexist) make the variable? */
bool lu_may_create_var(lua_State *L);
/** lu_class - a metatable in the registry, whose methods are its __index; left on
 * the stack. in: methods, NULL-terminated. */
void lu_class(lua_State *L, const char *name, const luaL_Reg *methods);

/* ---- transactions (txn.c) ----------------------------------------------------------- */

/* What a script gets of a request: one for each state, until RESET. */
struct lu_txn {
	struct tw_req *req; /* NULL: the request has ended */
	struct lu_state *s;
	struct lu_txn *next; /* of the request */
	int ref;            /* lu_anchor()s it */
	int priv;           /* set_priv; LUA_NOREF */
	bool http;          /* its class */
	bool kept;          /* perhaps, by a function that got it */
	const struct tw_worker *worker; /* on which its request lives */
};

/* The module's part of a request. */
struct lu_req {
	struct lu_call *call;  /* that waits, or NULL */
	struct lu_txn *txns;
	struct lu_call *service; /* use-service, or NULL */
	/* Of our own API: script.h */
	struct lu_native *natives;
	struct lu_answer *answer;  /* in its arena */
	struct tw_proxy *backend;  /* req:route(), until ROUTE */
	const struct tw_origin *backend_origin;
	bool rerouted;             /* by on_retry */
	const char *server;        /* req:server(), until PICK; in its arena */
	const struct tw_origin *server_origin;
	struct lu_pause *pause; /* arena: act.YIELD; NULL: never */
	uint32_t passed[2];     /* bytes that Channel.forward took: request, response */
	struct lu_stream *filters;  /* filter.h */
};

/** lu_push_txn - the request's, made when first asked for. */
void lu_push_txn(struct lu_call *c);
/** lu_check_txn - argument `i`, of a request that is still there, on this thread.
 * errors: a Lua error. */
struct lu_txn *lu_check_txn(lua_State *L, int i);
void lu_req_reset(struct tw_req *req, struct lu_req *r);

/* ---- what the files open: each sets globals or fields of the table on top -------- */

/* core_*.c: in: the table `core` is on top. */
void lu_open_core(lua_State *L);
/* expr.c, txn.c: the classes TXN, Fetches, Converters. */
void lu_open_txn(lua_State *L);
void lu_open_expr(lua_State *L);
/** lu_entry_find - the fetch or converter that a method's name stands for: "req_hdr"
 * for req.hdr. returns: NULL: none. */
const void *lu_entry_find(bool conv, const char *method);
/** lu_expr_fields - f, sf, c, sc: into the table on top. */
void lu_expr_fields(lua_State *L);
/** lu_push_expr - one of them, by its name. */
void lu_push_expr(lua_State *L, const char *field);

/* verdict.c */
void lu_open_act(lua_State *L);
/** lu_verdict - what an action that is over does: txn:done(), its return value. */
enum tw_act lu_verdict(struct lu_call *c, const struct tw_action_call *call);

extern const struct tw_kw lu_keywords[];
extern const struct tw_action lu_actions[];
extern const struct tw_fetch lu_fetches[];
extern const struct tw_conv lu_convs[];
extern const struct tw_command lu_commands[];

/** lu_set_init - init functions and self-tests of all its states, off the workers.
 * errors: -1: err, with file and line. */
int lu_set_init(struct lu_set *set, struct tw_err *err);
/** lu_unit_fini - its sets; a second time, nothing. context: control; nobody uses
 * it any more. */
void lu_unit_fini(struct lu_unit *unit);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * module/module_int.h - loaded modules, for core units only.
 *
 * Modules are loaded once, before any thread is started, and never unloaded:
 * everything here is read-only afterwards. What they bring is found by name;
 * the words of the configuration go to core/conf's registry instead.
 */
#ifndef TW_MODULE_MODULE_INT_H
#define TW_MODULE_MODULE_INT_H

#include <stdio.h>

#include <tideway/arena.h>
#include <tideway/err.h>
#include <tideway/module.h>

/* What is to be loaded. */
struct tw__module_choice {
	const char *dir;            /* NULL: environment, else the built-in one */
	const char *const *names;   /* NULL: every *.so there; else NULL-terminated */
};

/** tw__modules_load - loads, orders and registers; calls load hooks.
 * errors: names the file, what it needs, and what this core has. */
int tw__modules_load(const struct tw__module_choice *choice, struct tw_err *err);
/** tw__modules_dir - where modules are looked for. in: NULL as above; once
 * they are loaded, where they came from. */
const char *tw__modules_dir(const char *chosen);
int tw__modules_count(void);
/** tw__module_at - i-th in load order. returns: NULL after the last. */
const struct tw_self *tw__module_at(int i);
/** tw__module_in_hook_order - the same, in the order of hook chains. */
const struct tw_self *tw__module_in_hook_order(int i);
/** tw__module_block_bytes - size of all modules' blocks of a scope. */
size_t tw__module_block_bytes(enum tw_scope_block scope);
/** tw__module_n_counters - the modules' own counters, all together. */
uint32_t tw__module_n_counters(void);

/* Life of the loaded modules (life.c). */
/** tw__modules_check - check() of all; every module reports. 0 or -1. */
int tw__modules_check(struct tw_gen *gen);
/** tw__modules_start - start() in load order; undone when one fails. */
int tw__modules_start(struct tw_gen *gen, struct tw_err *err);
void tw__modules_stop(struct tw_gen *gen);
/** tw__modules_running - the generation is in force. context: control. */
void tw__modules_running(struct tw_gen *gen);
/** tw__modules_server_check - of a server that is being added. 0 or -1. */
int tw__modules_server_check(struct tw_server *srv, struct tw_err *err);
/** tw__modules_server_event - in load order, TW_SERVER_REMOVED in reverse. */
void tw__modules_server_event(struct tw_server *srv, enum tw_server_event what);
/** tw__modules_worker_init - on the worker's own thread. in: block, the
 * worker's module blocks. returns: -1 when a module failed: told. */
int tw__modules_worker_init(struct tw_worker *w, char *block);
void tw__modules_worker_fini(struct tw_worker *w, char *block);

/* One hook of a chain; arrays end with fn NULL. */
struct tw__hook_entry {
	tw_hook_fn *fn;
	uint32_t off;                /* of the owner's block in a request's */
	const struct tw_hook *hook;  /* borrow: for ever */
	const struct tw_self *owner; /* borrow: for ever */
};

/** tw__chain_build - the hooks that want this proxy, at one point.
 * out: an array that ends with fn NULL, in `arena`; NULL when empty. */
void tw__chain_build(const struct tw_proxy *px, enum tw_point point,
    struct tw_arena *arena, const struct tw__hook_entry **out);
/** tw__point_name - "CONN", "REQUEST", ... */
const char *tw__point_name(enum tw_point point);
/** tw__modules_print - -T and -vv: one line for each, in load order. */
void tw__modules_print(FILE *to);
/** tw__hooks_print - -T: who stands at each point, whatever the proxy. */
void tw__hooks_print(FILE *to);

/* What modules bring, found by name: X(kind, struct, table, what it is). */
#define TW__MODULE_TABLES(X)                                                  \
	X(fetch, tw_fetch, fetches, "sample fetch")                           \
	X(conv, tw_conv, convs, "converter")                                  \
	X(logvar, tw_logvar, logvars, "log variable")                         \
	X(balance, tw_balance, balances, "balance algorithm")                 \
	X(transport, tw_transport, transports, "transport")                   \
	X(proto, tw_proto, protos, "protocol")                                \
	X(filter, tw_filter, filters, "filter")                               \
	X(check, tw_check_type, checks, "check type")                         \
	X(counter, tw_counter, counters, "counter")                           \
	X(service, tw_service, services, "service")                           \
	X(stats_table, tw_stats_table, stats_tables, "statistics table")      \
	X(table, tw_table_ops, table_ops, "tables")                           \
	X(report, tw_report_ops, report_ops, "report")

/** tw__module_find_mux - the codec that carries streams. returns: NULL: none has come. */
const struct tw_proto *tw__module_find_mux(void);
/** tw__module_find_KIND - by name. out: owner (may be NULL).
 * returns: NULL when no loaded module has it. */
#define X(kind, type, table, text)                                            \
	const struct type *tw__module_find_##kind(const char *name,           \
	    const struct tw_self **owner);
TW__MODULE_TABLES(X)
#undef X
/** tw__module_check_names - refuses a name that an earlier module has. */
int tw__module_check_names(const struct tw_self *self, struct tw_err *err);

/* Order (order.c): pure, for the loader and its tests. */
struct tw__order_item {
	const char *name;
	const char *const *requires, *const *before, *const *after;
};
/** tw__order_load - what is required comes first; else as given.
 * out: order[n], indexes into items. errors: names both of a missing or
 * cyclic pair. */
int tw__order_load(const struct tw__order_item *items, int n, int *order,
    struct tw_err *err);
/** tw__order_hooks - before[] and after[] hold; else as given. Names of
 * modules that are not there are ignored. */
int tw__order_hooks(const struct tw__order_item *items, int n, int *order,
    struct tw_err *err);

/* One file (object.c). */
struct tw__object {
	struct tw_module desc; /* its descriptor; a missing tail is zero */
	void *handle;          /* owns: for ever */
};
/** tw__object_open - dlopen and every check that concerns one file. */
int tw__object_open(const char *path, struct tw__object *o, struct tw_err *err);

#endif

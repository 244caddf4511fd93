/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * module.h - the descriptor that makes a shared object a module.
 *
 * A module exports one symbol, `const struct tw_module tideway_module`, and
 * nothing else. Its first four fields never move; a tail that is missing
 * reads as zero. Tables end with an entry whose first field is NULL (hooks:
 * fn NULL). modules/skeleton is the smallest whole one: copy it.
 *
 * Lifecycle, in load order (stop and fini in reverse order):
 *   load     once, after dlopen; keeps `self`.
 *   check    for each generation, when all of its files are read; off the
 *            workers. Reports with tw_gen_fail() and returns -1.
 *   start    for each generation that will run, before it is published.
 *   worker_init / worker_fini   on each worker's thread (and the control
 *            thread's), once for each process.
 *   stop     when the generation's last user is gone.
 * Modules are never unloaded.
 *
 * State: a module says how many bytes it wants for each of the scopes below;
 * the core gives zeroed blocks and frees them. The *_live blocks belong to
 * objects that outlive generations (found by name at a reload).
 */
#ifndef TIDEWAY_MODULE_H
#define TIDEWAY_MODULE_H

#include <tideway/conf.h>
#include <tideway/hook.h>

#define TW_MODULE_MAGIC 0x54574d31u /* "TWM1" */

struct tw_action;
struct tw_balance;
struct tw_check_type;
struct tw_command;
struct tw_conv;
struct tw_counter;
struct tw_fetch;
struct tw_filter;
struct tw_logvar;
struct tw_proto;
struct tw_report_ops;
struct tw_service;
struct tw_stats_table;
struct tw_tool;
struct tw_table_ops;
struct tw_transport;
struct lua_State;

/* Which block: index into struct tw_self.off. */
enum tw_scope_block {
	TW_IN_GEN,
	TW_IN_PROXY,
	TW_IN_SERVER,
	TW_IN_BIND,
	TW_IN_PROXY_LIVE,
	TW_IN_SERVER_LIVE,
	TW_IN_WORKER,
	TW_IN_CONN,
	TW_IN_REQ,
	TW_N_BLOCKS
};

/* What the core tells a loaded module about itself. Stays valid for ever. */
struct tw_self {
	const struct tw_module *module;
	const char *path;            /* the file it came from */
	uint32_t id;                 /* position in load order */
	uint32_t off[TW_N_BLOCKS];   /* offset of its block in each scope */
	uint32_t counter;            /* index of its first own counter */
};

/* What becomes of a server while its generation runs. */
enum tw_server_event {
	TW_SERVER_ADDED,   /* it can be seen from now on */
	TW_SERVER_REMOVED, /* it cannot be found any more: nothing may refer to it */
	TW_SERVER_RENAMED, /* tw_server_host() is another one */
};

#define TW_MODULE_PROCESS 0x01u /* runs a process of its own */

struct tw_module {
	/* Never moves. */
	uint32_t magic;     /* TW_MODULE_MAGIC */
	uint16_t abi_major; /* TW_ABI_MAJOR */
	uint16_t abi_minor; /* TW_ABI_MINOR */
	uint32_t size;      /* sizeof(struct tw_module) */
	uint32_t flags;     /* TW_MODULE_... */

	const char *name;
	const char *version;
	const char *summary;         /* one line */
	const char *const *requires; /* names; NULL-terminated; may be NULL */
	const char *const *before;   /* hook order */
	const char *const *after;
	uint32_t size_of[TW_N_BLOCKS]; /* bytes wanted, by enum tw_scope_block */

	const struct tw_kw *keywords;
	const struct tw_section *sections;
	const struct tw_hook *hooks;
	const struct tw_fetch *fetches;
	const struct tw_conv *convs;
	const struct tw_logvar *logvars;
	const struct tw_action *actions;
	const struct tw_balance *balances;
	const struct tw_transport *transports;
	const struct tw_proto *protos;
	const struct tw_filter *filters;
	const struct tw_check_type *checks;
	const struct tw_command *commands;
	const struct tw_counter *counters;
	const struct tw_service *services;
	/* A lua_CFunction: what require "<name>" gives a script. */
	int (*lua_open)(struct lua_State *L);

	int (*load)(const struct tw_self *self, struct tw_err *err);
	int (*check)(struct tw_gen *gen);
	int (*start)(struct tw_gen *gen, struct tw_err *err);
	int (*worker_init)(struct tw_worker *w, void *state);
	void (*worker_fini)(struct tw_worker *w, void *state);
	void (*stop)(struct tw_gen *gen);
	/* Deepens the byte copy that a proxy's block got from its defaults:
	 * called for lists that grow by appending. NULL: the copy will do. */
	int (*proxy_inherit)(struct tw_gen *gen, void *block);
	/* Its own process (TW_MODULE_PROCESS): runs there until it returns. */
	int (*process)(struct tw_gen *gen, int control_fd);
	/* Libraries it uses and features it was built with, for -vv. */
	void (*describe)(void (*line)(void *arg, const char *text), void *arg);
	/* Whether a configuration needs the process; NULL: any does. */
	bool (*process_wanted)(struct tw_gen *gen);
	const struct tw_stats_table *stats_tables; /* stats.h */
	/* This generation is the one in force from now on (with the control
	 * thread, for the one that is then). context: control. */
	void (*running)(struct tw_gen *gen);
	/* A server that is being added at run time: completes its block as check()
	 * does. returns: -1: it cannot be added: err says why. context: control. */
	int (*server_check)(struct tw_server *srv, struct tw_err *err);
	/* One server of the generation in force has come, goes, or has another name.
	 * context: control. */
	void (*server_event)(struct tw_server *srv, enum tw_server_event what);
	const struct tw_tool *tools; /* play.h */
	const struct tw_table_ops *table_ops; /* it keeps the stick tables: table.h */
	const struct tw_report_ops *report_ops; /* it makes reports: report.h */
};

/* The one symbol that a module exports; this gives it its visibility. */
extern TW_API const struct tw_module tideway_module;

/* A module's block in ... (self as given to load). never NULL for size > 0. */
TW_API void *tw_gen_block(struct tw_gen *gen, const struct tw_self *self);
TW_API void *tw_proxy_block(const struct tw_proxy *px, const struct tw_self *self);
TW_API void *tw_server_block(const struct tw_server *srv, const struct tw_self *self);
TW_API void *tw_bind_block(const struct tw_bind *bind, const struct tw_self *self);
TW_API void *tw_proxy_live_block(const struct tw_proxy *px, const struct tw_self *self);
TW_API void *tw_server_live_block(const struct tw_server *srv, const struct tw_self *self);
TW_API void *tw_worker_block(struct tw_worker *w, const struct tw_self *self);
TW_API void *tw_conn_block(struct tw_conn *conn, const struct tw_self *self);
TW_API void *tw_req_block(struct tw_req *req, const struct tw_self *self);

/** tw_process_fd - the other end of its process's control_fd: a blocking stream
 * socket that stays the same when the process is started again. returns: -1:
 * it has no process. context: control. */
TW_API int tw_process_fd(const struct tw_self *self);

/** tw_process_confine - the calling process gives up what a worker gives up:
 * root directory, groups, group and user. context: a module's process. */
TW_API int tw_process_confine(struct tw_gen *gen, struct tw_err *err);

/** tw_module_each - the loaded modules in load order. in: i from 0.
 * returns: NULL after the last. */
TW_API const struct tw_self *tw_module_each(int i);

/** tw_is_family - in a table of fetches, converters, services and the like: a name
 * that ends in a dot is that of all that begin with it ("lua."). */
static inline bool
tw_is_family(const char *name)
{
	const size_t len = strlen(name);

	return len > 0 && name[len - 1] == '.';
}

/* The fields that every descriptor begins with. */
#define TW_MODULE_HEAD                                                        \
	.magic = TW_MODULE_MAGIC, .abi_major = TW_ABI_MAJOR,                  \
	.abi_minor = TW_ABI_MINOR, .size = sizeof(struct tw_module)

/** tw_conn_block_seen - as tw_conn_block, but none is made. returns: NULL: nobody
 * has asked for this connection's blocks. */
TW_API void *tw_conn_block_seen(const struct tw_conn *conn, const struct tw_self *self);

#endif

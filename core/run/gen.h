/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * run/gen.h - a generation: everything that was parsed, read-only once started.
 *
 * A reload builds a whole new one beside the running one, checks it, starts
 * it and publishes it with one pointer store; requests in flight end on the
 * generation they began with. It is freed (stop hooks, arena) when no
 * connection on any worker refers to it. Live state is not here: see
 * core/proxy/live.h. Built on the control thread (or at start-up).
 */
#ifndef TW_RUN_GEN_H
#define TW_RUN_GEN_H

#include <sys/queue.h>
#include "core/conf/conf.h"

TAILQ_HEAD(tw__proxy_list, tw_proxy);

struct tw__control_conf;
struct tw__logger;
struct tw__expr_gen;
struct tw__cpu_conf;
struct tw__unix_bind;
struct tw__guid;
struct tw__statuses;
struct tw_nameservers;
SLIST_HEAD(tw__logger_list, tw__logger);

/* tune_kw.c; 0: as the system has it. */
struct tw__tune {
	uint32_t rcvbuf_client, sndbuf_client, rcvbuf_server, sndbuf_server;
	uint32_t lowat_client, lowat_server; /* unsent bytes in the kernel */
	uint32_t pipesize, maxpipes;
	uint32_t fd_hard_limit;
	bool noreuseport, no_trimming, nosplice, strict_limits, dumpable;
	bool has_renice;
	int renice;
	uint64_t caps; /* bits: CAP_x */
	const char *localpeer;
	uint32_t logurilen; /* 0: as long as they are */
	uint32_t pool_low_pct, pool_high_pct; /* of all descriptors; 0: no matter */
	uint32_t rcvbuf_frontend, sndbuf_frontend; /* of sockets for datagrams */
	uint32_t vars_sess, vars_txn, vars_reqres; /* bytes; 0: no limit */
	bool busy_polling, prealloc_fd, fork_wanted;
	bool shards_by_thread, shards_by_group; /* of binds that say nothing */
	uint32_t close_spread_ms; /* 0: none; UINT32_MAX: infinite */
	uint32_t idle_ms;         /* tune.idletimer; 0: none */
};

/* The global section. */
struct tw__global {
	uint32_t maxconn;       /* 0: derive from the descriptor limit */
	uint32_t nbthread;      /* 0: one for each usable CPU */
	uint32_t ulimit_n;      /* 0: derive */
	const char *user, *group, *chroot, *pidfile, *node, *description;
	uint32_t uid, gid;      /* 0: not set */
	bool daemon, master_worker, quiet, zero_warning;
	uint32_t bufsize;       /* tune.bufsize, bytes: 16384 */
	uint32_t maxrewrite;    /* tune.maxrewrite, bytes; 0: not said */
	uint32_t head_max;      /* longest head: what maxrewrite leaves of bufsize */
	uint32_t maxaccept;     /* tune.maxaccept */
	uint32_t hard_stop_after_ms;
	uint32_t grace_ms;
	const char *module_path;      /* NULL: built-in */
	const char *const *module_load; /* NULL: all; else names, NULL-terminated */
	struct tw__logger_list loggers; /* `log` lines */
	const char *log_tag;          /* "haproxy"-style tag; default "tideway" */
	struct tw__control_conf *controls; /* `stats socket` lines */
	uint32_t stats_timeout_ms;    /* of their sessions */
	uint32_t stats_maxconn;       /* sessions at a time */
	bool log_send_hostname;
	const char *log_hostname;
	uint32_t maxconnrate, maxsessrate; /* a second; 0: none */
	struct tw__cpu_conf *cpu;     /* affinity.h; NULL: nothing said */
	struct tw__tune tune;
	const struct tw__unix_bind *unix_bind; /* NULL: nothing said */
	struct tw__statuses *err_codes, *fail_codes; /* status_kw.c; NULL: as usual */
};

#define TW_GEN_MAGIC 0x5457474eu

struct tw_gen {
	struct tw__conf conf;  /* first: the parser's part */
	uint32_t magic;
	uint64_t number;       /* 1, 2, ... */
	struct tw__global global;
	struct tw__proxy_list proxies;  /* in order of the files */
	struct tw_proxy **by_name; /* arena; a hash table; NULL: being built */
	uint32_t by_name_mask;
	struct tw__proxy_list defaults; /* defaults sections */
	int n_proxies, n_servers, n_binds;
	char *block;           /* the modules' blocks; arena */
	struct tw__guid *guids; /* guid words; arena */
	struct tw__expr_gen *expr; /* core/expr: late checks, regexes; NULL: none */
	struct tw__forward *forwards; /* `log-forward` sections; the last first */
	struct tw__log_profile *log_profiles; /* the last first */
	struct tw__ring_conf *rings; /* `ring` sections; the last first */
	struct tw__gen_service *services; /* tw_service_add; the last first */
	struct tw__gen_command *commands; /* tw_command_add; the last first */
	const struct tw_logfmt *error_logfmt; /* how lines of failed connections begin */
	struct tw_nameservers *nameservers; /* `resolvers` sections; the last first */
	bool started;          /* shared: read-only after publication */
	/* owns: one cell for each worker, own cache line each (16 uint32_t
	 * apart); written by its worker only */
	uint32_t *refs;
};

/** tw__gen_build - reads and checks the files; does not start. in: report gets
 * every error and warning. returns: owned; NULL when there were errors. */
struct tw_gen *tw__gen_build(char *const *files, int n_files, struct tw_report *report);
/** tw__gen_start - resolves live objects, runs start hooks. */
int tw__gen_start(struct tw_gen *gen, struct tw_err *err);
/** tw__gen_publish - makes it the current one; the former is retired when its last
 * user is gone. context: control thread. */
void tw__gen_publish(struct tw_gen *gen);
/** tw__gen_current - the published one. context: any; borrow: until the
 * calling worker's loop turn ends, longer with tw__gen_ref. */
struct tw_gen *tw__gen_current(void);
/** tw__gen_ref / tw__gen_unref - counted in the calling worker's cell. */
void tw__gen_ref(struct tw_gen *gen);
void tw__gen_unref(struct tw_gen *gen);
/** tw__gen_free - for one that was never published. */
void tw__gen_free(struct tw_gen **gen);

#endif

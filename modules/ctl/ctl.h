/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * ctl.h - the control socket's commands, a family in each file.
 *
 * ctl_mod.c has the table of them all. They run on the control thread, look
 * things up in the generation in force, change servers and frontends through
 * the public headers, and answer in HAProxy's words. What may be long is
 * written a row at a time (tw_cli_stream), on a generation that is held.
 * source: HAProxy's management guide, chapter 9.
 */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <stdlib.h>
#include <string.h>

#include <tideway/command.h>
#include <tideway/module.h>
#include <tideway/proxy.h>
#include <tideway/report.h>
#include <tideway/server_run.h>
#include <tideway/stats.h>
#include <tideway/worker.h>

extern const struct tw_self *ctl_self;

#define CTL_WHO "stats socket command"

typedef void ctl_run(struct tw_cli *cli, int argc, char *const argv[]);

/* --- find.c: what arguments name; a failure is answered --- */

/** ctl_backend - by name or "#id". returns: NULL: there is none. */
struct tw_proxy *ctl_backend(const char *name);
/** ctl_proxy - any proxy, by name or number. returns: NULL: there is none. */
struct tw_proxy *ctl_proxy(const char *name);
/** ctl_server_arg - from "backend/server". in: arg, NULL: missing. returns:
 * NULL: answered. */
struct tw_server *ctl_server_arg(struct tw_cli *cli, const char *arg);
/** ctl_server_named - the same, without an answer. out: why, when there is none. */
struct tw_server *ctl_server_named(const char *arg, const char **why);
/** ctl_frontend_arg - returns: NULL: answered. */
struct tw_proxy *ctl_frontend_arg(struct tw_cli *cli, const char *name);
/** ctl_number - decimal digits only. */
bool ctl_number(const char *word, uint64_t max, uint64_t *n);

/* --- walk.c: answers with a row for each server of all or one backend --- */

/** ctl_walk - a stream. in: only, NULL: all; row, for each server. */
void ctl_walk(struct tw_cli *cli, struct tw_proxy *only,
    void (*row)(struct tw_cli *cli, const struct tw_server *srv));

/** ctl_addr - an IPv4 or IPv6 address. */
bool ctl_addr(const char *text, struct tw_addr *a);

/* --- probe.c: of `set server` --- */
typedef void ctl_set(
    struct tw_cli *cli, struct tw_server *srv, int argc, char *const argv[]);
ctl_set ctl_set_check_addr, ctl_set_check_port, ctl_set_agent_addr, ctl_set_agent_port,
    ctl_set_agent_send, ctl_set_fqdn;

/* --- server.c --- */
ctl_run ctl_set_server, ctl_enable_server, ctl_disable_server, ctl_enable_health,
    ctl_disable_health, ctl_enable_agent, ctl_disable_agent, ctl_set_weight,
    ctl_get_weight, ctl_set_maxconn_server, ctl_shutdown_sessions;
/* --- dynamic.c --- */
ctl_run ctl_add_server, ctl_del_server, ctl_wait;
/* --- frontend.c --- */
ctl_run ctl_enable_frontend, ctl_disable_frontend, ctl_shutdown_frontend,
    ctl_set_maxconn_frontend;
/* --- process.c --- */
ctl_run ctl_clear_counters, ctl_set_maxconn_global, ctl_set_rate_limit;
/* --- info.c --- */
ctl_run ctl_show_info, ctl_show_schema;
extern const struct tw_report_ops ctl_reports[];
/* --- state.c --- */
ctl_run ctl_show_backend, ctl_show_servers_state, ctl_show_servers_conn;
/* --- sess.c --- */
ctl_run ctl_show_sess, ctl_shutdown_session, ctl_show_fd, ctl_show_pools;
/* --- errors.c --- */
ctl_run ctl_show_errors;
/* --- activity.c --- */
ctl_run ctl_show_activity;
/* --- state_line.c: pure --- */

/* HAProxy's number of a check's outcome, and what it means: 0 not known yet, 2
 * failed, 3 passed, 4 passed on condition. By enum tw_chk. */
#define CTL_N_CHECKS (TW_CHK_HANA + 1)
struct ctl_check {
	uint8_t status, result;
};
extern const struct ctl_check ctl_checks[CTL_N_CHECKS];

/* Bits of a saved admin state: by a person, by the line, drained. */
#define CTL_FMAINT 1u
#define CTL_IMAINT 2u /* by the server that it tracks */
#define CTL_CMAINT 4u
#define CTL_FDRAIN 8u
#define CTL_IDRAIN 16u /* as IMAINT */
#define CTL_RMAINT 32u /* its name has no address */
#define CTL_FHOST 64u  /* its name was set */
/* Bits of the state of a check or agent. */
#define CTL_CHECK_INPROGRESS 1u
#define CTL_CHECK_CONFIGURED 2u
#define CTL_CHECK_ENABLED 4u
#define CTL_CHECK_PAUSED 8u
#define CTL_CHECK_AGENT 16u

struct ctl_state {
	const char *backend, *server; /* borrow: the line */
	uint32_t iid, sid;
	enum tw_health health;
	uint32_t admin; /* CTL_... */
	uint32_t uweight, iweight, changed_s;
	enum tw_chk what;
	uint32_t check, agent; /* CTL_CHECK_... */
	/* NULL or 0: not told */
	const char *addr, *host, *label, *check_addr, *agent_addr;
	uint32_t port, check_port, agent_port;
};
/** ctl_state_line - in: line, is changed. returns: false: it is none. */
bool ctl_state_line(char *line, struct ctl_state *out);
/** ctl_state_admin - what becomes of it with the line of now. */
unsigned ctl_state_admin(const struct ctl_state *s, bool is_disabled);

/* --- state_file.c --- */

enum ctl_load { CTL_LOAD_NONE, CTL_LOAD_GLOBAL, CTL_LOAD_LOCAL };
/* A proxy's lines. */
struct ctl_proxy {
	enum ctl_load load;
	const char *file; /* gen; NULL: the backend's name */
};
/* The global section's. */
struct ctl_global {
	const char *base, *file; /* gen; NULL: none */
};
extern const struct tw_kw ctl_keywords[];
/** ctl_states_load - for the servers of this generation that are new. */
void ctl_states_load(struct tw_gen *gen);

#endif

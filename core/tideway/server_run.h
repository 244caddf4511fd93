/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * server_run.h - what an operator changes of servers while all goes on: where
 * checks and agents are, names, and servers that come and go.
 *
 * All of it ends with the generation; see server.h for what outlives it.
 */
#ifndef TIDEWAY_SERVER_RUN_H
#define TIDEWAY_SERVER_RUN_H

#include <tideway/server.h>
#include <tideway/worker.h>

/* Where checks connect, or an agent is asked, when that is not where the server
 * is. */
enum tw_probe_kind { TW_PROBE_CHECK, TW_PROBE_AGENT, TW_N_PROBES };
struct tw_probe {
	struct tw_addr addr; /* family 0: where the server is; its port is not used */
	uint32_t port;       /* 0: the server's */
};
/** tw_server_probe - what holds now. context: control. */
TW_API void tw_server_probe(const struct tw_server *srv, enum tw_probe_kind kind,
    struct tw_probe *out);
/** tw_server_set_probe - until the next generation; from the next check on. in: addr,
 * port: NULL: stays. context: control. */
TW_API void tw_server_set_probe(struct tw_server *srv, enum tw_probe_kind kind,
    const struct tw_addr *addr, const uint32_t *port);
/** tw_server_conf_agent - what its line says of the agent's place. gen, in check(). */
TW_API void tw_server_conf_agent(struct tw_server *srv, const struct tw_probe *at);
/** tw_server_agent_send - what an operator has the agent told; NULL: what the line
 * says. borrow: until it is set again. context: control. */
TW_API const char *tw_server_agent_send(const struct tw_server *srv);
TW_API void tw_server_set_agent_send(struct tw_server *srv, const char *text);

/** tw_server_set_resolved - name servers are asked for its name. gen, in check(). */
TW_API void tw_server_set_resolved(struct tw_server *srv);
TW_API bool tw_server_is_resolved(const struct tw_server *srv);
/** tw_server_set_host - another name stands for it, until the next generation; told
 * to the modules (TW_SERVER_RENAMED). in: who, for the log. context: control. */
TW_API void tw_server_set_host(struct tw_server *srv, const char *host, const char *who);
/** tw_server_host_is_set - a person chose its name. context: any. */
TW_API bool tw_server_host_is_set(const struct tw_server *srv);
/** tw_server_label - the SRV label on its line; NULL: there is none. */
TW_API const char *tw_server_label(const struct tw_server *srv);

/** tw_server_add - a server is added to a backend that runs, in maintenance, with
 * its checks paused; lost with the generation. in: word, n of them: name, address,
 * options of a `server` line. returns: NULL: err says why, in HAProxy's words where
 * it has any; else err has the warnings, a line each, or "". context: control. */
TW_API struct tw_server *tw_server_add(
    struct tw_proxy *px, char *const *word, int n, struct tw_err *err);
/* Why a server cannot be deleted. */
enum tw_removal {
	TW_REMOVABLE,
	TW_REMOVAL_USED,  /* has connections or requests that wait: perhaps later */
	TW_REMOVAL_RUNS,  /* is not in maintenance */
	TW_REMOVAL_NAMED, /* something in the configuration names it */
};
/** tw_server_removal - whether it could be deleted now. context: control. */
TW_API enum tw_removal tw_server_removal(const struct tw_server *srv);
/** tw_server_purge - closes its idle connections; then calls done(arg) on the
 * control thread. context: control. */
TW_API void tw_server_purge(struct tw_server *srv, tw_post_fn *done, void *arg);
/** tw_server_del - takes a removable server out of its backend. Who still looks at
 * it may go on; its memory is given back after the last of them. context: control. */
TW_API void tw_server_del(struct tw_server *srv);
/** tw_server_is_dynamic - tw_server_add made it. */
TW_API bool tw_server_is_dynamic(const struct tw_server *srv);
/** tw_server_set_named - the configuration names it: it stays. gen, in check(). */
TW_API void tw_server_set_named(struct tw_server *srv);
/** tw_server_guid - NULL: none. */
TW_API const char *tw_server_guid(const struct tw_server *srv);

/** tw_server_parse_weight - "12", or "50%" of the configured one. out: weight, 0 to
 * 256. returns: NULL; or what is wrong, as the control socket says it. */
TW_API const char *tw_server_parse_weight(
    const struct tw_server *srv, const char *word, uint32_t *weight);

/** tw_server_leave_idle - connections to it that exist are not used for requests to
 * come: they began otherwise than it is now. context: control. */
TW_API void tw_server_leave_idle(struct tw_server *srv);

#endif

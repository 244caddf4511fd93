/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * server.h - servers: what was configured, how they are, how they change.
 *
 * The configuration of a server belongs to a generation; its health, weight
 * and counters live on across reloads. Everything below goes through the
 * live part. State changes happen on the control thread only and rebuild
 * the balance state of the backend.
 */
#ifndef TIDEWAY_SERVER_H
#define TIDEWAY_SERVER_H

#include <tideway/conn.h>
#include <tideway/stats.h>

/* Why a server is not used, set by people or by rules. */
#define TW_ADM_MAINT 0x01u
#define TW_ADM_DRAIN 0x02u

enum tw_health {
	TW_DOWN,
	TW_UP,
	TW_NOLB, /* up, but takes only persistent sessions (404 on the check) */
};

TW_API const char *tw_server_name(const struct tw_server *srv);
TW_API struct tw_proxy *tw_server_proxy(const struct tw_server *srv);
TW_API uint32_t tw_server_id(const struct tw_server *srv); /* puid: 1, 2, ... */
TW_API int tw_server_index(const struct tw_server *srv);   /* position in the backend, from 0 */
TW_API const struct tw_addr *tw_server_addr(const struct tw_server *srv);
TW_API bool tw_server_is_backup(const struct tw_server *srv);
TW_API bool tw_server_is_checked(const struct tw_server *srv);
TW_API uint32_t tw_server_maxqueue(const struct tw_server *srv); /* 0: unlimited */
/** tw_server_cookie - its value of the persistence cookie; as tw_proxy_cookie. */
TW_API const char *tw_server_cookie(const struct tw_server *srv);
TW_API void tw_server_set_cookie(struct tw_server *srv, const char *value); /* gen */
TW_API uint32_t tw_server_maxconn(const struct tw_server *srv); /* 0: unlimited */

/* How the server is to be checked; what is not configured is filled in. */
struct tw_check_conf {
	uint32_t inter_ms, fastinter_ms, downinter_ms;
	int rise, fall;
	bool has_addr;       /* false: not resolved, cannot be checked */
	struct tw_addr addr; /* where to connect */
	bool no_port;        /* neither it nor the server's line names one */
	uint8_t send_proxy, pp_version; /* PROXY header's version, 0; where asked for */
};
TW_API void tw_server_check_conf(const struct tw_server *srv, struct tw_check_conf *out);

TW_API enum tw_health tw_server_health(const struct tw_server *srv);
TW_API unsigned tw_server_admin(const struct tw_server *srv); /* TW_ADM_... */
/** tw_server_is_usable - takes new sessions now. */
TW_API bool tw_server_is_usable(const struct tw_server *srv);
/** tw_server_is_alive - takes at least persistent sessions now. */
TW_API bool tw_server_is_alive(const struct tw_server *srv);
/** tw_server_has_room - below its maxconn and nobody queued. context: any. */
TW_API bool tw_server_has_room(const struct tw_server *srv);
TW_API uint32_t tw_server_load(const struct tw_server *srv); /* sessions now, with queued */
TW_API uint32_t tw_server_weight(const struct tw_server *srv); /* the one in force */
TW_API uint32_t tw_server_iweight(const struct tw_server *srv); /* configured */
/** tw_server_status_text - "UP", "DOWN", "UP 1/3", "DOWN 1/2", "NOLB", "MAINT",
 * "DRAIN", "no check". out: text. */
TW_API void tw_server_status_text(const struct tw_server *srv, char text[32]);
/** tw_server_changed_s - seconds since the health last changed. */
TW_API int64_t tw_server_changed_s(const struct tw_server *srv);

/* What a check found; HAProxy's codes. */
enum tw_chk {
	TW_CHK_UNK, TW_CHK_INI, TW_CHK_SOCKERR, TW_CHK_L4OK, TW_CHK_L4TOUT, TW_CHK_L4CON,
	TW_CHK_L6OK, TW_CHK_L6TOUT, TW_CHK_L6RSP, TW_CHK_L7OK, TW_CHK_L7OKC, TW_CHK_L7TOUT,
	TW_CHK_L7RSP, TW_CHK_L7STS, TW_CHK_HANA,
	TW_CHK_CHECKED, TW_CHK_PROCERR, TW_CHK_PROCTOUT, TW_CHK_PROCOK,
};
TW_API const char *tw_chk_code(enum tw_chk chk); /* "L4OK" */
TW_API const char *tw_chk_text(enum tw_chk chk); /* "Layer4 check passed" */

struct tw_check_result {
	enum tw_chk what;
	uint16_t status;      /* HTTP (or other) code; 0: none */
	uint32_t duration_ms;
	int rise, fall;       /* configured */
	int health;           /* 0 .. rise + fall - 1; >= rise means up */
	bool running;
	bool nolb;            /* up, but 404 with disable-on-404 */
	char text[192];       /* detail: "Connection refused", "HTTP status ..." */
	bool logged;          /* a line has told of it: a change need not say why */
};
/** tw_chk_has_code - status is a code, even when it is 0. */
TW_API bool tw_chk_has_code(enum tw_chk chk);
/** tw_server_checked - the health check module tells a result; the core changes
 * the health, rebuilds the balance, moves queued requests, counts and logs as
 * HAProxy words it ("Server b/s1 is DOWN, reason: ..."). context: control. */
TW_API void tw_server_checked(struct tw_server *srv, const struct tw_check_result *r);
/** tw_server_last_check - context: any. */
TW_API void tw_server_last_check(const struct tw_server *srv, struct tw_check_result *out);
/** tw_server_set_admin - MAINT, DRAIN or 0 (ready). context: control. */
TW_API void tw_server_set_admin(struct tw_server *srv, unsigned admin, const char *who);
/** tw_server_force_health - as the page's and socket's "health" action. */
TW_API void tw_server_force_health(struct tw_server *srv, enum tw_health h, const char *who);
TW_API void tw_server_set_weight(struct tw_server *srv, uint32_t weight, const char *who);
/** tw_server_pause_checks - stops or resumes its health checks; its health
 * stays. context: control. */
TW_API void tw_server_pause_checks(struct tw_server *srv, bool paused, const char *who);
TW_API bool tw_server_checks_paused(const struct tw_server *srv); /* any */
/** tw_server_eject - takes a server out of balancing, or back; persistent
 * sessions stay, and so does its health. in: why, for the log. control. */
TW_API void tw_server_eject(struct tw_server *srv, bool out, const char *why);
/** tw_server_uweight - the user's weight, without what slowstart takes off. */
TW_API uint32_t tw_server_uweight(const struct tw_server *srv);
/** tw_server_throttle - how far slowstart is, in percent; 0: it is over. */
TW_API uint32_t tw_server_throttle(const struct tw_server *srv);
/** tw_server_set_tracked - `srv` will be as `tracked` is. gen, in check(). */
TW_API void tw_server_set_tracked(struct tw_server *srv, struct tw_server *tracked);
TW_API const struct tw_server *tw_server_tracked(const struct tw_server *srv);
/** tw_server_set_agent - an agent is asked about it. gen, in check(). */
TW_API void tw_server_set_agent(struct tw_server *srv);
TW_API bool tw_server_has_agent(const struct tw_server *srv);
/** tw_server_agent_said - as tw_server_checked, for its agent; health 0 or rise.
 * context: control. */
TW_API void tw_server_agent_said(struct tw_server *srv, const struct tw_check_result *r);
/** tw_server_force_agent - as if its agent had said up or down. control. */
TW_API void tw_server_force_agent(struct tw_server *srv, bool up, const char *who);
/** tw_server_pause_agent - it is not asked, or is again. control. */
TW_API void tw_server_pause_agent(struct tw_server *srv, bool paused, const char *who);
TW_API bool tw_server_agent_paused(const struct tw_server *srv); /* any */
TW_API void tw_server_last_agent(const struct tw_server *srv, struct tw_check_result *out);
/** tw_server_check_logged - the result of a check that changed nothing, as
 * option log-health-checks tells it. context: control. */
TW_API void tw_server_check_logged(const struct tw_server *srv,
    const struct tw_check_result *r);

/** tw_server_shut_sessions - ends its sessions with "killed by an administrator". */
TW_API void tw_server_shut_sessions(struct tw_server *srv);
/** tw_server_host - the name on its line; NULL: that has an address. */
TW_API const char *tw_server_host(const struct tw_server *srv);
/** tw_server_target - the name that its address stands for now: the one that
 * tw_server_set_addr told (SRV), else the line's. borrow: this loop turn. */
TW_API const char *tw_server_target(const struct tw_server *srv);
/** tw_server_where - file and line that it comes from. */
TW_API const char *tw_server_where(const struct tw_server *srv, int *line);
/** tw_server_family - AF_INET or AF_INET6 when the line's prefix asks for it. */
TW_API int tw_server_family(const struct tw_server *srv);
/** tw_server_has_addr - false: its name is not resolved; it is in maintenance. */
TW_API bool tw_server_has_addr(const struct tw_server *srv);
/** tw_server_set_addr - from now on it is there: connections kept to where it
 * was are given up, and the change is logged as HAProxy words it. in: host, the
 * name that the address stands for, NULL: the line's; who, "mydns/ns1". */
TW_API void tw_server_set_addr(struct tw_server *srv, const struct tw_addr *addr,
    const char *host, const char *who);
/** tw_server_socket - a stream socket for a connection to it, as the request path
 * makes them: namespace, source address, options. returns: non-blocking, close-on-
 * exec; -1: errno. context: any. */
TW_API int tw_server_socket(const struct tw_server *srv, int family);
/** tw_server_lose_addr - it is nowhere: in maintenance until it has an address
 * again. in: why, "DNS NX status". context: control. */
TW_API void tw_server_lose_addr(struct tw_server *srv, const char *why);
/** tw_server_set_maxconn - 0: no limit. Stays until the configured one changes;
 * so does a weight. context: control. */
TW_API void tw_server_set_maxconn(struct tw_server *srv, uint32_t n, const char *who);
/** tw_server_is_disabled - its line says so. */
TW_API bool tw_server_is_disabled(const struct tw_server *srv);
TW_API bool tw_server_id_is_forced(const struct tw_server *srv); /* `id` gave it */
/** tw_server_idle_at - a worker's idle connections to it. context: any. */
TW_API uint32_t tw_server_idle_at(const struct tw_server *srv, int worker);

/* What is configured of its checks' target and its name. */
struct tw_check_view {
	struct tw_addr addr; /* `addr`; family 0: none */
	uint32_t port;       /* `port`; 0: none */
	const char *host;    /* gen: the name behind its address; NULL: none */
};
TW_API void tw_server_check_view(const struct tw_server *srv, struct tw_check_view *out);

/* How a server was in another process. */
struct tw_server_saved {
	enum tw_health health;
	unsigned admin;      /* TW_ADM_... */
	uint32_t weight;     /* UINT32_MAX: as configured */
	uint32_t changed_s;  /* seconds since its health changed */
	enum tw_chk what;    /* of its last check */
	struct tw_addr addr; /* family 0: not told */
	uint32_t port;       /* 0: as configured */
	const char *host;    /* NULL: as configured; else a person chose it */
	const char *target;  /* NULL: none; what an SRV record led to */
	bool checks_paused, agent_paused;
};
/** tw_server_is_new - no generation with it was in force. context: control. */
TW_API bool tw_server_is_new(const struct tw_server *srv);
/** tw_server_restore - a server that has just come to life takes that on, before
 * its generation is published. returns: false: it lived before, and knows
 * better. context: a module's start. */
TW_API bool tw_server_restore(
    struct tw_server *srv, const struct tw_server_saved *saved);

TW_API bool tw_server_is_non_stick(const struct tw_server *srv); /* its line says so */

#endif

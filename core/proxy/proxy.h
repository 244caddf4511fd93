/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * proxy/proxy.h - frontends, backends, listeners and servers from the inside.
 *
 * Everything here is configuration: it hangs off a generation and is
 * read-only once that has started. What changes at run time is in live.h.
 * A `listen` section is one struct tw_proxy with both sides.
 */
#ifndef TW_PROXY_PROXY_H
#define TW_PROXY_PROXY_H

#include <sys/queue.h>
#include <sys/un.h>

#include <tideway/balance.h>
#include <tideway/capture.h>
#include <tideway/expr.h>
#include <tideway/proto.h>
#include <tideway/proxy.h>
#include "core/module/module_int.h"
#include "core/proxy/live.h"
#include "core/run/gen.h"

/* Timeouts, ms; 0: none. Named as the keyword's second word. */
#define TW__TIMEOUTS(X)                                                       \
	X(connect) X(client) X(server) X(http_request) X(http_keep_alive)     \
	X(queue) X(tunnel) X(client_fin) X(server_fin) X(check) X(tarpit)     \
	X(client_hs)

struct tw__timeouts {
#define X(name) uint32_t name;
	TW__TIMEOUTS(X)
#undef X
};

enum tw__ws { TW__WS_AUTO, TW__WS_H1, TW__WS_H2 };
enum tw__init_state { TW__INIT_UP, TW__INIT_FULLY_UP, TW__INIT_DOWN, TW__INIT_FULLY_DOWN };
enum tw__http_mode { TW__KEEP_ALIVE, TW__SERVER_CLOSE, TW__CLOSE };
enum tw__reuse { TW__REUSE_SAFE, TW__REUSE_NEVER, TW__REUSE_AGGRESSIVE, TW__REUSE_ALWAYS };

/* What a request is sent once more for: retry-on. */
#define TW__RETRY_CONN 0x01u
#define TW__RETRY_EMPTY 0x02u
#define TW__RETRY_JUNK 0x04u
#define TW__RETRY_TIMEOUT 0x08u
#define TW__RETRY_0RTT 0x10u
#define TW__RETRY_STATUS 0x100u /* and the bits above it, in this order */
#define TW__RETRY_STATUSES                                                    \
	401, 403, 404, 408, 421, 425, 429, 500, 501, 502, 503, 504

/* TCP keep-alive; 0: as the system. */
struct tw__keepalive {
	uint32_t cnt, idle_s, intvl_s;
};

/* Where connections come from: `source`. */
enum tw__source_as { TW__AS_ADDR, TW__AS_CLIENT, TW__AS_CLIENTIP, TW__AS_OTHER, TW__AS_HEADER };

struct tw__source {
	struct tw_addr addr;    /* family 0: the system chooses */
	int port_last;          /* of a range that begins with addr.port */
	uint8_t as;             /* enum tw__source_as: usesrc */
	struct tw_addr other;   /* TW__AS_OTHER */
	const char *header;     /* TW__AS_HEADER */
	int occ;
	const char *interface;  /* NULL: any */
	_Atomic uint32_t *next_port; /* shared: round robin over the range */
};

struct tw__netns;
struct tw__log_target;
struct tw__ring_conf;

/* How connections to a server are made, when there is anything to it. */
struct tw__how {
	const struct tw__source *source; /* NULL: the system chooses */
	const struct tw__netns *netns;   /* NULL: the process's */
	struct tw__keepalive keepalive;
	uint32_t tcp_ut_ms;
	bool smart_connect;
	bool tfo;
	bool netns_of_client; /* the one that its PROXY header names */
	bool mptcp;
	const char *cc;
};

/* Settings that a defaults section hands on: copied as bytes. */
struct tw__proxy_conf {
	struct tw__timeouts timeout;
	uint32_t maxconn;      /* frontend; 0: the process's limit */
	uint32_t fullconn;     /* backend */
	uint32_t backlog;
	uint32_t retries;      /* 3 */
	uint8_t mode;          /* enum tw_mode */
	uint8_t http_mode;     /* enum tw__http_mode */
	uint8_t reuse;         /* enum tw__reuse */
	bool redispatch;       /* option redispatch */
	int32_t redispatch_every; /* n: every n-th retry; -n: the n-th from the last; -1 */
	bool dontlognull, log_separate_errors, dontlog_normal, logasap;
	bool drop_req_trailers, drop_res_trailers; /* backend's; frontend's */
	bool tcpka_client, tcpka_server;
	bool abortonclose;
	bool allbackups;
	bool disabled;
	const char *default_backend; /* as written */
	const char *default_backend_file;
	int default_backend_line;
	const struct tw_balance *balance; /* NULL: roundrobin */
	const struct tw_self *balance_owner;
	void *balance_conf;
	bool log_global;       /* `log global` */
	bool log_inherited;    /* loggers below come from defaults */
	struct tw__logger_list loggers;
	const struct tw_logfmt *logfmt; /* option httplog|tcplog, log-format */
	const char *logfmt_text;
	const struct tw_logfmt *logfmt_sd;    /* NULL: none */
	const struct tw_logfmt *error_logfmt; /* NULL: the usual one */
	const struct tw_logfmt *unique_id;    /* unique-id-format; NULL: none */
	const char *log_tag;
	uint8_t logfmt_kind;   /* enum format_kind, logfmt_kw.c */
	bool log_special;      /* one of the options that say when to log */
	uint8_t log_steps;     /* bits by enum tw__log_step; 0: as usual */
	const char *description;
	const char *cookie;    /* its name, for reports; NULL: none */
	bool prefer_last;      /* option prefer-last-server; or not to balance at all */
	bool persist;          /* option persist */
	uint32_t retry_on;     /* TW__RETRY_... */
	const struct tw__source *source; /* gen; NULL: none */
	struct tw__keepalive keepalive_client, keepalive_server;
	bool smart_connect, nolinger, no_splice_request, no_splice_response;
	bool no_mux_upgrade;    /* option disable-h2-upgrade */
	uint8_t smart_accept;  /* 0: in mode http; 1: on; 2: off */
	/* option_kw.c */
	bool pretend_keepalive, ignore_probes, idle_close_on_response;
	bool independent;      /* option independent-streams */
	uint32_t count_every;  /* bytes that may pass uncounted */
	uint32_t rate_limit;   /* sessions a second; 0: none */
	uint32_t session_conns; /* max-session-srv-conns */
	const char *logfmt_file; /* where logfmt was said */
	int logfmt_line;
	uint32_t log_uri_max;  /* bytes of a request line in logs; set by the check */
	const struct tw_addr *dispatch; /* gen; NULL: none */
	bool transparent;      /* option transparent */
	uint32_t ka_queue;     /* max-keep-alive-queue, plus 1; 0: no limit */
};
#define TW__COUNT_EVERY (1u << 20)

/* One `use_backend` line. */
struct tw__use {
	STAILQ_ENTRY(tw__use) link;
	struct tw_cond *cond;    /* NULL: always */
	const char *name;        /* as written, until checked */
	const struct tw_logfmt *fmt; /* a name made for each request; NULL: fixed */
	struct tw_proxy *backend; /* NULL: see fmt */
	struct tw_origin origin; /* "use_backend", file, line */
	const struct tw__use_run *run; /* it is of; NULL: none (use_run.c) */
	int nth;                       /* .. its place there */
	const char *text;              /* the line, for trails; gen */
};
STAILQ_HEAD(tw__use_list, tw__use);

/* One force-persist or ignore-persist line. */
struct tw__persist_rule {
	STAILQ_ENTRY(tw__persist_rule) link;
	struct tw_cond *cond;
	enum tw_persistence what;
	struct tw_origin origin;
	const char *text;        /* the line, for trails; gen */
};
STAILQ_HEAD(tw__persist_list, tw__persist_rule);

/* Slots of one kind that a frontend declares: capture.h. */
struct tw__captures {
	int n;
	const uint32_t *len; /* gen; bytes each may have */
};

struct tw__acl;
SLIST_HEAD(tw__acl_list, tw__acl);

/* The servers of a running backend. */
struct tw__servers {
	int n;
	struct tw_server *of[];
};

#define TW_PROXY_MAGIC 0x54575058u

struct tw_proxy {
	uint32_t magic;
	uint32_t id;            /* iid: 1, 2, ... over all proxies */
	TAILQ_ENTRY(tw_proxy) link;
	struct tw_gen *gen;     /* borrow: contains this */
	const char *name;
	uint32_t name_hash;     /* tw__name_hash(name) */
	unsigned scope;         /* TW_SC_FRONTEND, _LISTEN, _BACKEND, _DEFAULTS */
	const char *file;
	int line;
	struct tw__proxy_conf c;

	/* Frontend's side. */
	struct tw_bind **bind;
	int n_binds;
	struct tw__acl_list acls;
	struct tw__use_list uses;
	struct tw_proxy *default_backend; /* NULL: none (a listen: itself) */
	struct tw_origin default_origin;
	const struct tw_proto *proto;     /* mode http: "h1"; NULL in mode tcp */
	const struct tw_proto *mux_proto; /* mode http: the one that carries streams;
					   * NULL: there is none */
	struct tw__captures captures[TW_N_CAPTURES];

	/* Backend's side. */
	struct tw_server **server;
	int n_servers;
	struct tw_server *proto_server;   /* what default-server lines made */
	struct tw_origin balance_origin;
	uint64_t fe_maxconn;     /* of all frontends that may come here */
	uint32_t n_fe_unlimited; /* those of them that have none */
	bool rate_limited;       /* rate-limit sessions */
	const struct tw_proxy *fe_counted; /* the last of them */

	const struct tw__hook_entry *chain[TW_N_POINTS]; /* NULL: empty */
	char *block;            /* the modules' blocks */
	struct tw_proxy_live *live; /* from start on */
	struct tw__persist_list persists; /* backend */
	bool id_forced;         /* an `id` line gave it */
	const char *guid;       /* NULL: none */
	/* Its servers as workers see them: replaced whole when some are added or
	 * deleted, the former retired. `server` and `n_servers` are the control
	 * thread's then. NULL: not started. shared: one writer, control. */
	struct tw__servers *_Atomic now;
	bool named;             /* as a backend, somewhere in the files */
	bool used_by_name, used_as_last; /* defaults: by proxies */
	bool memo_routes;       /* its use_backend rules ask for something twice */
	struct tw_server *direct; /* dispatch, option transparent; NULL: none */
};

/* Worker threads; bit i: the one with number i + 1. */
struct tw__threads {
	uint64_t bits[4];
	const uint64_t *in_group; /* gen; "2/1-4", until the check; NULL: none */
};

#define TW__TURN_BYTES (1024u * 1024) /* moved by a connection in its turn */
/** tw__nice_bytes - each 256 of niceness halve or double that. */
static inline uint32_t
tw__nice_bytes(int nice)
{
	return nice < 0 ? TW__TURN_BYTES << -nice / 256 : TW__TURN_BYTES >> nice / 256;
}

/* Connection options that a `bind` line has. */
#define TW_BIND_MAGIC 0x54574264u
struct tw_bind {
	uint32_t magic;
	uint32_t id;            /* within the proxy: 1, 2, ... */
	struct tw_proxy *proxy;
	struct tw_addr addr;
	int fd;                 /* fd@N; -1: to be opened */
	const char *name;       /* NULL: not named */
	const char *key;        /* "127.0.0.1:80": finds the listener across reloads */
	const char *file;
	int line;
	bool accept_proxy, v6only, v4v6;
	uint32_t maxconn, backlog;
	const char *user, *group, *interface;
	uint32_t uid, gid;      /* unix sockets; -1: not set */
	uint32_t mode;          /* unix sockets; 0: not set */
	char *block;
	struct tw__bind_live *live;
	bool tfo, defer_accept, transparent;
	uint32_t save_syn;      /* tcp-ss; 0: off */
	bool confined;          /* not all threads serve it */
	uint32_t tcp_ut_ms;     /* 0: as the system */
	int32_t mss;            /* the same; negative: less by that */
	uint32_t turn_bytes;    /* TW__TURN_BYTES; nice */
	struct tw__netns *netns; /* NULL: the process's */
	const struct tw__threads *threads; /* gen; NULL: all */
	uint16_t n_shards, shard; /* 0 or 1: one; from 0 */
	bool shards_by_group;
	bool mptcp;             /* mptcp@ */
	const char *cc;         /* gen; congestion control; NULL: as the system */
	const struct tw_transport *transport; /* NULL: plain */
	void *transport_conf;   /* gen; its own */
	const char *proto_name; /* gen; the word `proto`; NULL: as clients say */
	const struct tw_proto *proto; /* of that name; NULL: the same */
};

/* What a PROXY header, version 2, has beside the addresses. */
struct tw__pp_value {
	struct tw__pp_value *next;
	struct tw_logfmt *fmt;
	uint8_t type;
};

struct tw__pp_conf {
	struct tw__pp_value *values;
	bool crc32c;
	unsigned tlvs;          /* TW_TLV_...: of the client's transport */
	const struct tw_transport *teller; /* who knows; NULL: nobody */
};

#define TW_SERVER_MAGIC 0x54575356u
struct tw_server {
	uint32_t magic;
	uint32_t id;            /* puid: 1, 2, ... */
	int index;              /* in the backend */
	struct tw_proxy *proxy;
	const char *name;
	const char *file;
	int line;
	struct tw_addr addr;    /* resolved */
	const char *addr_text, *host; /* as written; the name to resolve or NULL */
	uint16_t family;        /* by prefix: AF_INET, AF_INET6; AF_UNSPEC */
	bool has_addr;          /* false: init-addr none and not resolved */
	uint8_t map_port;       /* 0: as addr.port; 1: the client's port plus addr.port */
	uint32_t weight;        /* 1; 0..256 */
	uint32_t maxconn;       /* 0: none */
	uint32_t minconn, maxqueue;
	bool backup, disabled, check, send_proxy;
	uint32_t inter_ms, fastinter_ms, downinter_ms, rise, fall; /* 2000, 0, 0, 2, 3 */
	uint32_t check_port;    /* 0: as addr.port */
	const struct tw_addr *check_addr; /* NULL: as addr */
	const char *init_addr;
	const char *cookie;     /* its value, for reports; NULL: none */
	struct sockaddr_storage ss; /* of addr, for connect() */
	uint32_t ss_len;
	struct tw_origin origin;
	/* connections of another epoch lead elsewhere; shared: written on
	 * publication, and when its address changes, by the control thread */
	_Atomic uint32_t epoch;
	char *block;
	struct tw_server_live *live; /* from start on */
	bool map_addr;          /* "*": the address that the client asked for */
	bool carried;           /* its address was found at run time, before a reload */
	bool send_proxy2;       /* the PROXY header's version 2 */
	const struct tw_proto *proto; /* the word `proto`; NULL: not said */
	const struct tw__pp_conf *pp; /* gen; NULL: just addresses */
	const struct tw__source *source; /* gen; NULL: the backend's */
	struct tw__netns *netns;
	const struct tw__how *how; /* gen; NULL: nothing special; set by the check */
	const char *redir;      /* NULL: none */
	uint32_t tcp_ut_ms;
	uint32_t pool_max, pool_purge_ms, pool_low; /* UINT32_MAX, 5000, 0 */
	bool non_stick;
	bool per_client;        /* a connection speaks for, or leads as, one client */
	bool id_forced;         /* `id` gave it */
	uint32_t slowstart_ms;  /* 0: at once */
	uint8_t init_state;     /* enum tw__init_state */
	bool shut_when_down, shut_backups_when_up;
	bool agent;             /* an agent is asked, too */
	struct tw_server *tracked; /* who decides its health; NULL: nobody */
	struct tw_server *trackers, *next_tracker; /* whose health this one decides */
	struct tw_probe agent_at; /* what the line says of its agent */
	bool resolved;          /* name servers are asked for its name */
	bool named;             /* something in the configuration names it */
	const char *guid;       /* NULL: none */
	struct tw_arena *arena; /* owns: of a server added at run time; NULL: gen */
	bool tfo;               /* the first bytes go with the first packet */
	bool netns_of_client;   /* namespace * */
	bool mptcp;             /* mptcp@ */
	const char *cc;         /* gen; congestion control; NULL: as the system */
	uint32_t max_reuse;     /* max-reuse, plus 1; 0: no limit */
	struct tw_expr *pool_name; /* pool-conn-name; gen; NULL: none */
	uint8_t ws;             /* enum tw__ws */
	/* what connections begin with now; NULL: plain. shared: the control thread
	 * writes it */
	_Atomic(const struct tw_transport *) transport;
	const struct tw_transport *own_transport; /* what it has; NULL: none */
	bool transport_is_spare; /* its line does not begin with it */
	void *transport_conf;   /* gen; its own */
	/* A server of a log backend (log_backend.c). */
	bool is_dgram;          /* its address has a prefix that says so */
	bool octet_count;       /* log-proto octet-count */
	uint32_t log_bufsize;   /* 0: not given */
	const char *log_word;   /* the last of these words on its line; NULL: none */
	const struct tw__ring_conf *log_ring; /* gen; of a stream; NULL */
	/* for ever; NULL: not of a log backend. shared: written by the control
	 * thread when its address changes */
	_Atomic(struct tw__log_target *) log_target;
};

/* How a server without init-addr finds its first one; set before files are read. */
extern const char *tw__init_addr_default;

/** tw__proxy_register - sections and keywords of core/proxy. At start-up. */
int tw__proxy_register(struct tw_err *err);
/** tw__proxies_check - after all files are read: names resolved, modes and
 * timeouts checked, warnings as HAProxy's, chains not yet built. 0 or -1. */
int tw__proxies_check(struct tw_gen *gen);
/** tw__proxies_start - attaches (finds or makes) the live parts. */
int tw__proxies_start(struct tw_gen *gen, struct tw_err *err);
/** tw__proxies_published - on publication: live servers point at their new
 * configuration, balance states are rebuilt. */
void tw__proxies_published(struct tw_gen *gen);
/** tw__frontends_changed - their listeners were opened or closed: tells those who
 * watch. in: NULL: nothing to tell. control. */
void tw__frontends_changed(const struct tw_gen *gen);
/** tw__proxies_stop - lets go of the live parts. */
void tw__proxies_stop(struct tw_gen *gen);

/** tw__dooms_end - gives back what deleted servers had; no worker runs. */
void tw__dooms_end(void);

/** tw__retry_status_bit - of TW__RETRY_STATUSES; 0: none. core/flow/retry.c. */
uint32_t tw__retry_status_bit(unsigned status);
/** tw__binds_shard - the sockets that `shards` adds. returns: 0 or -1, reported. */
int tw__binds_shard(struct tw_gen *gen, struct tw_proxy *px);
/** tw__bind_runs_on - whether a worker (from 1) serves it. context: any. */
bool tw__bind_runs_on(const struct tw_bind *b, int worker);
/** tw__route - runs the use_backend rules, then default_backend. returns: NULL
 * when none applies; *origin says who. */
struct tw_proxy *tw__route(const struct tw_proxy *fe, struct tw_req *req,
    const struct tw_origin **origin);
/** tw__route_told - the same for a request with a trail. */
struct tw_proxy *tw__route_told(const struct tw_proxy *fe, struct tw_req *req,
    const struct tw_origin **origin);
/** tw__balance_pick - by the backend's algorithm. returns: NULL: all full or
 * none usable (*any tells which: true when some server is usable). */
struct tw_server *tw__balance_pick(const struct tw_proxy *be, struct tw_req *req, bool *any);

/** tw__persist_rules - what the backend's rules say of a request. context: worker. */
enum tw_persistence tw__persist_rules(const struct tw_proxy *be, struct tw_req *req);

/** tw__balance_any - some server is usable, be the balance state fresh or not. */
static inline bool
tw__balance_any(const struct tw_proxy *be)
{
	return atomic_load(&be->live->n_active) + atomic_load(&be->live->n_backup) > 0;
}

/** tw__balance_is_stale - a server that was picked may have become unusable. */
static inline bool
tw__balance_is_stale(const struct tw_proxy *be)
{
	return atomic_load_explicit(&be->live->stale, memory_order_acquire);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * rs.h - what the files of the module share.
 *
 * A `resolvers` section and the options of servers are configuration (struct
 * rs_conf, rs_server); what asks and remembers is made anew from them for each
 * generation that comes into force (struct rs_group, rs_name, rs_user), and
 * takes over the counters and what is known from the former. Control thread.
 */
#ifndef RS_RS_H
#define RS_RS_H

#include <sys/queue.h>

#include <tideway/action.h>
#include <tideway/command.h>
#include <tideway/module.h>
#include <tideway/server_run.h>
#include <tideway/worker.h>

#include "modules/resolvers/dns_msg.h"

struct event;
struct bufferevent;

/* --- configuration --- */

struct rs_ns_conf {
	STAILQ_ENTRY(rs_ns_conf) link;
	const char *name;
	struct tw_addr addr;
	bool stream; /* tcp@ */
	int line;
};

struct rs_conf {
	STAILQ_ENTRY(rs_conf) link;
	const char *name, *file;
	int line;
	STAILQ_HEAD(, rs_ns_conf) servers;
	int n_servers;
	uint32_t retries, payload;
	uint32_t resolve_ms, retry_ms;
	/* by what the last answer said */
	uint32_t hold_nx_ms, hold_refused_ms, hold_timeout_ms, hold_other_ms;
	uint32_t hold_valid_ms, hold_obsolete_ms;
};

struct resolve;

struct rs_gen {
	STAILQ_HEAD(, rs_conf) sections;
	struct resolve *looks; /* rules with do-resolve */
};

struct rs_net {
	struct tw_addr addr;
	int bits;
};

#define RS_MAX_NETS 16

/* Options of a server line; default-server's are copied as bytes. */
struct rs_server {
	const char *resolvers; /* gen; NULL: none */
	bool prefer_v4;
	bool dup_ip, ignore_weight;
	int n_nets;
	struct rs_net net[RS_MAX_NETS];
};

extern const struct tw_self *rs_self;
extern const struct tw_kw rs_keywords[];
extern const struct tw_section rs_sections[];

struct rs_conf *rs_conf_find(struct tw_gen *gen, const char *name);
/** rs_conf_default - the section "default", made of the system's name servers
 * when no file has one. returns: NULL: there are none. */
struct rs_conf *rs_conf_default(struct tw_gen *gen);
/** rs_conf_check - after all files are read: 0 or -1, reported. */
int rs_conf_check(struct tw_gen *gen);

/* --- at run time --- */

#define RS_COUNTERS(X)                                                        \
	X(sent) X(snd_error) X(valid) X(update) X(cname) X(cname_error)       \
	X(any_err) X(nx) X(timeout) X(refused) X(other) X(invalid)            \
	X(too_big) X(truncated) X(outdated)

struct rs_counters {
#define X(name) uint64_t name;
	RS_COUNTERS(X)
#undef X
};

struct rs_group;
struct rs_look;

#define RS_MAX_SERVERS 64 /* of one section */

/* A name server. */
struct rs_ns {
	struct rs_group *group;
	const struct rs_ns_conf *conf; /* borrow: gen */
	struct rs_counters count;
	int fd;                  /* datagrams; -1: closed */
	struct event *ev;        /* owns */
	struct bufferevent *tcp; /* owns; NULL: closed */
	uint64_t opened_ms;
};

/* One of the answers that are in force. */
struct rs_item {
	TAILQ_ENTRY(rs_item) link;
	struct rs_record r;
	uint64_t seen_ms;
};

#define RS_ID_SLOTS 256
#define RS_HOST_SLOTS 1024

/* A name that is asked for, and who wants it. */
struct rs_name {
	TAILQ_ENTRY(rs_name) link;
	LIST_ENTRY(rs_name) host_link;
	LIST_ENTRY(rs_name) id_link; /* while it is being asked */
	struct tw_timer timer;       /* the next question, or no answer */
	struct rs_group *group;
	char host[RS_NAME_MAX];
	bool srv, prefer_v4;
	bool asking, fell_back;
	uint16_t id, type;
	uint32_t tries;              /* left */
	uint64_t sent, failed;       /* name servers, this time: bit i, the i-th */
	enum rs_answer last;         /* the last failure of this time */
	uint64_t valid_ms;           /* when the last valid answer came */
	TAILQ_HEAD(, rs_item) items;
	TAILQ_HEAD(, rs_user) users;
	size_t n_users;
	bool look;                   /* not for servers: do-resolve */
	LIST_HEAD(, rs_look) looks;  /* requests that wait for it */
};

/* A server that follows a name. */
struct rs_user {
	TAILQ_ENTRY(rs_user) link;   /* of the name */
	TAILQ_ENTRY(rs_user) all;
	struct tw_server *srv;       /* borrow: gen */
	const struct rs_server *opt; /* borrow: gen */
	struct rs_name *name;
	/* SRV: what it was given; the target is asked for by a user of its own
	 * when the answer did not bring its address */
	struct rs_item *item;
	struct rs_user *target;      /* owns; NULL: none */
	struct rs_user *parent;      /* of a target; NULL: a line's server */
};

TAILQ_HEAD(rs_users, rs_user);

/* A section at work. */
struct rs_group {
	TAILQ_ENTRY(rs_group) link;
	const struct rs_conf *conf; /* borrow: gen */
	struct rs_ns *ns;           /* owns */
	int n_ns;
	TAILQ_HEAD(, rs_name) names;
	size_t n_names;
	LIST_HEAD(, rs_name) by_host[RS_HOST_SLOTS];
	struct rs_users users;
	LIST_HEAD(, rs_name) by_id[RS_ID_SLOTS];
	uint32_t n_looks; /* of the names */
};

TAILQ_HEAD(rs_groups, rs_group);

/* rs_run.c: following the generations */
void rs_run_follow(struct tw_gen *gen);
void rs_run_server(struct tw_server *srv, enum tw_server_event what);
void rs_run_stop(void);
/** rs_run_is_up - until rs_run_stop. */
bool rs_run_is_up(void);
void rs_run_drop(const struct tw_gen *gen);
/** rs_groups_now - the sections at work. */
const struct rs_groups *rs_groups_now(void);
/** rs_user_new - a server, or a target of one (parent given), follows the
 * name. returns: NULL: it cannot be asked for. */
struct rs_user *rs_user_new(struct rs_group *g, struct tw_server *srv, const char *host,
    struct rs_user *parent);
void rs_user_free(struct rs_user **user);
/** rs_group_now - a section of the running generation; NULL: it has none. */
struct rs_group *rs_group_now(const char *name);
/** rs_name_find_look, rs_name_new_look - a name that requests ask for. in: host,
 * in lower case, looked at. */
struct rs_name *rs_name_find_look(
    const struct rs_group *g, const char *host, bool prefer_v4);
struct rs_name *rs_name_new_look(struct rs_group *g, const char *host, bool prefer_v4);
void rs_name_free(struct rs_name *n);
/** rs_item_drop - an answer that holds no more. */
void rs_item_drop(struct rs_name *n, struct rs_item *item);

/* rs_ask.c: questions and answers */
/** rs_ask - begins a round of questions. */
void rs_ask(struct rs_name *n);
/** rs_ask_end - forgets what is under way. */
void rs_ask_end(struct rs_name *n);
void rs_name_due(struct tw_timer *t);

/* rs_wire.c: the name servers' sockets */
void rs_ns_init(struct rs_ns *ns, struct rs_group *g, const struct rs_ns_conf *conf);
void rs_ns_fini(struct rs_ns *ns);
/** rs_ns_send - returns: false: counted as an error. */
bool rs_ns_send(struct rs_ns *ns, const uint8_t *p, size_t len);
/** rs_ns_silent - it did not answer: a connection to it is given up. */
void rs_ns_silent(struct rs_ns *ns);
/* Provided by rs_ask.c: a message has come. */
void rs_ns_answered(struct rs_ns *ns, const uint8_t *p, size_t len);

/* rs_apply.c: answers to servers */
/** rs_apply - a valid answer. in: who, "mydns/ns1". returns: something changed. */
bool rs_apply(struct rs_name *n, const struct rs_records *got, const char *who);
/** rs_apply_failure - none came, or none that is of use. */
void rs_apply_failure(struct rs_name *n, enum rs_answer why);

/** rs_hold_ms - how long a failure of that kind holds. */
uint32_t rs_hold_ms(const struct rs_conf *c, enum rs_answer why);

/* rs_look.c: do-resolve */
extern const struct tw_action rs_actions[];
int rs_looks_check(struct tw_gen *gen);
enum tw_verdict rs_looks_on_reset(struct tw_req *req, void *state);
/** rs_looks_answer - a round is over: tells who waits what is known. in: hold_ms,
 * how long that is kept. */
void rs_looks_answer(struct rs_name *n, uint32_t hold_ms);
/** rs_looks_again - the name goes: its waiters ask anew. */
void rs_looks_again(struct rs_name *n);

/* rs_taken.c: who of a backend has an address (a), or a record (item) */
void rs_taken_begin(size_t n_users);
void rs_taken_add(const struct tw_server *srv, const struct tw_addr *a,
    const struct rs_item *item, int n);
uint32_t rs_taken_count(
    const struct tw_server *srv, const struct tw_addr *a, const struct rs_item *item);
void rs_taken_end(void);

/* rs_show.c */
extern const struct tw_command rs_commands[];

#endif

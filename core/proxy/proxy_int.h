/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * proxy/proxy_int.h - what the files of core/proxy share with each other only.
 */
#ifndef TW_PROXY_PROXY_INT_H
#define TW_PROXY_PROXY_INT_H

#include <tideway/assert.h>
#include <tideway/log.h>
#include <tideway/server_news.h>
#include "core/proxy/proxy.h"

/* The tables of keywords, registered by tw__proxy_register. */
extern const struct tw_kw tw__proxy_kw[];
extern const struct tw_kw tw__timeout_kw[];
extern const struct tw_kw tw__persist_kw[];
extern const struct tw_kw tw__option_kw[];
extern const struct tw_kw tw__guid_kw[];
extern const struct tw_kw tw__unix_bind_kw[];
extern const struct tw_kw tw__bind_kw[];
extern const struct tw_kw tw__server_kw[];
extern const struct tw_kw tw__server_pp_kw[];
extern const struct tw_kw tw__retry_kw[];
extern const struct tw_kw tw__source_kw[];
extern const struct tw_kw tw__socket_kw[];
extern const struct tw_kw tw__capture_kw[];
extern const struct tw_kw tw__logfmt_kw[];
extern const struct tw_kw tw__status_kw[];

/** tw__kw_ignored - the setter of words that stand in a section without the
 * side they speak of: warns as HAProxy does. returns: 0. */
int tw__kw_ignored(struct tw_line *ln);
/** tw__line_add_bind / _server / _default_server / _use - those lines. */
int tw__line_add_bind(struct tw_line *ln);
int tw__line_add_server(struct tw_line *ln);
int tw__line_default_server(struct tw_line *ln);
int tw__line_server_template(struct tw_line *ln);
/** tw__name_bad_char - the first character that a proxy's or a server's name
 * may not have; 0: none. */
char tw__name_bad_char(const char *name);
/** tw__unix_bind_apply - what unix-bind says, to a listener of its own address. */
void tw__unix_bind_apply(struct tw_gen *gen, struct tw_bind *b);
/** tw__name_hash - FNV-1a. */
uint32_t tw__name_hash(const char *name);
/** tw__proxies_index - when all are there: tw_gen_find() needs no list any more. */
void tw__proxies_index(struct tw_gen *gen);
/** tw__proxy_type - "frontend", "backend", "proxy" (listen), "defaults". */
const char *tw__proxy_type(const struct tw_proxy *px);
/** tw__grow - room for one more pointer in an arena's array that has `n`. */
void *tw__grow(struct tw_arena *arena, void *array, int n);

static inline bool
tw__is_fe(const struct tw_proxy *px)
{
	return (px->scope & (TW_SC_FRONTEND | TW_SC_LISTEN)) != 0;
}

static inline bool
tw__is_be(const struct tw_proxy *px)
{
	return (px->scope & (TW_SC_BACKEND | TW_SC_LISTEN)) != 0;
}

/** tw__is_srv_label - a name that stands for servers (RFC 2782), not for
 * addresses: only name servers can tell. in: NULL: none. */
static inline bool
tw__is_srv_label(const char *host)
{
	return host != NULL && host[0] == '_';
}

/** tw__servers_resolve - addresses of all servers whose host is a name; each
 * name is asked for once. returns: 0 or -1 (reported). */
int tw__servers_resolve(struct tw_gen *gen);

/* The registry of live objects; control thread. */
/** tw__live_server_find - NULL: there is none of this name yet. */
struct tw_server_live *tw__live_server_find(const struct tw_server *srv);
/** tw__live_each_proxy / _server / _bind - calls fn for each. */
void tw__live_each_proxy(void (*fn)(void *live, void *arg), void *arg);
void tw__live_each_server(void (*fn)(void *live, void *arg), void *arg);
void tw__live_each_bind(void (*fn)(void *live, void *arg), void *arg);

/* The servers in force, as workers see them: one pointer, replaced whole. */
struct tw__lb {
	const struct tw_balance *algo; /* static */
	const void *conf;              /* borrow: gen of the servers */
	void *state;                   /* owns: the algorithm's */
	struct tw_proxy *be;           /* borrow: gen of the servers */
	uint32_t weight;               /* of the set in use */
	bool on_backup;                /* that set is the backups' */
};
/** tw__lb_free - at once; see tw_retire for one that was published. */
void tw__lb_free(void *lb);

/** tw__proxy_changed - tells those who watch. control. */
void tw__proxy_changed(const struct tw_proxy *px);
/** tw__proxy_settled - the same, after the rebuild. control. */
void tw__proxy_settled(const struct tw_proxy *px);
/** tw__server_told - modules hear what has become of a server. control. */
void tw__server_told(struct tw_server *srv, const struct tw_server_news *news);
/** tw__server_check_told - the same of a check, when it says other than the last. */
void tw__server_check_told(struct tw_server *srv, const struct tw_check_result *r,
    const struct tw_check_result *last, bool agent);
/** tw__backend_publish - its servers, as configured here, are in force. */
void tw__backend_publish(struct tw_proxy *be);
/** tw__fullconn - the backend's, or its default. */
uint32_t tw__fullconn(const struct tw_proxy *px);
/** tw__server_limit_ramp - maxconn of a server that has a minconn, for the load
 * that its backend has now. context: any. */
uint32_t tw__server_limit_ramp(const struct tw_server_live *l) __attribute__((cold));
/** tw__server_limit - its slots now; 0: no limit. */
static inline uint32_t
tw__server_limit(const struct tw_server_live *l)
{
	const uint32_t max = atomic_load_explicit(&l->maxconn, memory_order_seq_cst);

	if (max == 0 ||
	    TW_LIKELY(atomic_load_explicit(&l->minconn, memory_order_relaxed) == 0))
		return max;
	return tw__server_limit_ramp(l);
}

/** tw__balance_fresh - nothing has to be rebuilt (any more). control. */
void tw__balance_fresh(struct tw_proxy_live *live);
/** tw__balance_forget - its generation is going: the state that refers to it
 * is retired. */
void tw__balance_forget(const struct tw_proxy *be);

/** tw__server_runs - whether a server runs, apart from its weight: up (or
 * NOLB) and not in maintenance. */
static inline bool
tw__server_runs(const struct tw_server_live *l)
{
	return atomic_load_explicit(&l->health, memory_order_relaxed) != TW_DOWN &&
	    !(atomic_load_explicit(&l->admin, memory_order_relaxed) &
		(TW_ADM_MAINT | TW__ADM_NOADDR));
}

/** tw__queue_flush_n - tw__queue_flush that tells how many there were. */
uint32_t tw__queue_flush_n(struct tw_server *srv);

/** tw__server_addressed - it has an address again (why NULL), or none any more:
 * counted, balanced and told. in: host, the name that was asked for. control. */
void tw__server_addressed(struct tw_server *srv, const char *host, const char *why);
/** tw__server_where_reset - on publication: it is where its line says, unless
 * the line took over what was found at run time. control. */
void tw__server_where_reset(const struct tw_server *srv);

/** tw__server_probes_reset - the same for what probe.c has. */
void tw__server_probes_reset(const struct tw_server *srv);
void tw__server_probes_free(struct tw_server_live *l);
/** tw__server_host_say - another name, told to nobody. */
void tw__server_host_say(struct tw_server *srv, const char *host);
/** tw__server_where_say - another place, told to nobody: before its generation
 * is published. */
void tw__server_where_say(
    struct tw_server *srv, const struct tw_addr *addr, const char *host);

/** tw__server_state_start - first state of a server that has just come to
 * life. */
void tw__server_state_start(struct tw_server *srv);

/** tw__server_limits_follow, tw__frontend_limits_follow - what a new generation
 * says is in force, unless an operator has set it and the line is as before. */
void tw__server_limits_follow(struct tw_server *srv);
void tw__frontend_limits_follow(struct tw_proxy *px);

/** tw__live_ms - monotonic ms on any thread. */
static inline uint64_t
tw__live_ms(void)
{
	return tw_now_us() / 1000;
}

/* server.c, sections.c, check.c: the parts of which a server is made. */
struct tw_server *tw__server_make(struct tw_line *ln, const struct tw_server *proto);
/** tw__server_read - name, address and options of a line whose server was made. */
int tw__server_read(struct tw_line *ln, struct tw_server *srv);
/** tw__server_prototype - as if no default-server line had been. */
const struct tw_server *tw__server_prototype(
    struct tw_proxy *px, struct tw_arena *arena);
void tw__server_finish(struct tw_proxy *px, struct tw_server *srv);
/** tw__server_publish - its configuration is in force. control. */
void tw__server_publish(struct tw_server *srv);
/** tw__guid_drop - nobody has it any more. in: text, as stored; NULL: none. */
void tw__guid_drop(struct tw_gen *gen, const char *text);

/* dynamic.c: a running backend's servers */
void tw__servers_begin(struct tw_proxy *px);
void tw__servers_end(struct tw_proxy *px);
/** tw__servers_now - as workers see them. context: any; borrow: this loop turn. */
static inline const struct tw__servers *
tw__servers_now(const struct tw_proxy *px)
{
	return atomic_load_explicit(&px->now, memory_order_acquire);
}
/** tw__balance_now - what waits for the turn's end is done at once. control. */
void tw__balance_now(struct tw_proxy *be);
/** tw__live_server_new - one of its own, even if a former generation's still is
 * there by that name. tw__live_server_hide - found by nobody any more.
 * tw__live_server_drop - the last reference goes. control. */
void tw__live_server_new(struct tw_server *srv);
void tw__live_server_hide(struct tw_server *srv);
void tw__live_server_drop(struct tw_server_live *l);
/** tw__server_clear_flag - setter of "no-check" and the like: the flag of their
 * twin is cleared. */
int tw__server_clear_flag(struct tw_line *ln);

/** tw__line_congestion - "cc <algorithm>". out: gen. */
int tw__line_congestion(struct tw_line *ln, const char **out);
/** tw__threads_planned - worker threads that run, or will run. control. */
int tw__threads_planned(const struct tw_gen *gen);

/* direct.c */
extern const struct tw_kw tw__direct_kw[];
/** tw__direct_make - the server that is in no list, where a backend wants one. */
void tw__direct_make(struct tw_gen *gen, struct tw_proxy *px);

/* turn.c */
extern const struct tw_kw tw__turn_kw[];
/** tw__server_turned - it runs, or no more: sessions, slowstart. */
void tw__server_turned(struct tw_server *srv, bool runs);
/** tw__server_init_state - its health before a check has spoken. */
void tw__server_init_state(struct tw_server *srv);
/** tw__balance_weight - for the balance state: has steps while it grows. */
uint32_t tw__balance_weight(const struct tw_server *srv);
/** tw__balance_scale - the unit of those weights. */
uint32_t tw__balance_scale(const struct tw_proxy *be);
/** tw__ramps_tick - once a second. tw__ramp_forget - it is freed. */
void tw__ramps_tick(void);
void tw__ramp_forget(struct tw_server *srv);

/* follow.c */
/** tw__track_follow - those that track it become as it is. */
void tw__track_follow(struct tw_server *tracked);
/** tw__track_status - the admin state of whom it tracks. returns: false: none. */
bool tw__track_status(const struct tw_server *srv, char text[32]);
/* server_state.c */
void tw__health_set_via(struct tw_server *srv, enum tw_health h,
    const struct tw_server *via);
void tw__health_set_checked(struct tw_server *srv, enum tw_health h,
    const struct tw_check_result *r);

#endif

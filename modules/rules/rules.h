/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * rules.h - the rule sets of proxies, inside the module `rules`.
 *
 * A set is a list in the order of the file, hung on the proxy's block; one
 * hook for each step runs it. Rules of a defaults section stay there: a proxy
 * runs them before its own.
 */
#ifndef RULES_RULES_H
#define RULES_RULES_H

#include <tideway/action.h>
#include <tideway/edit.h>
#include <tideway/expr.h>
#include <tideway/module.h>
#include <tideway/proxy.h>
#include <tideway/server_run.h>
#include <tideway/text.h>
#include <tideway/trail.h>
#include <tideway/var.h>
#include <tideway/worker.h>

struct rule {
	struct rule *next;
	const struct tw_cond *cond; /* NULL: always */
	const struct tw_action *action;
	const void *conf;
	struct tw_origin origin;
	const struct rule_run *run; /* it is of; NULL: none */
	int nth;                    /* .. its place there */
	bool edits; /* other conditions may have another outcome after it */
	const char *text; /* the line, for trails */
};

/* Neighbours whose conditions ask for the same text (rules_compile.c). */
struct rule_run {
	const struct tw_cond_run *conds;
	const struct rule *rule[]; /* its rules, and the one behind (or NULL) */
};

struct rule_list {
	struct rule *first;
	struct rule *last;
	bool waits; /* some action may answer WAIT */
	bool memo;  /* its conditions ask for something twice */
};

/* One rule of `use-server`. */
struct use_server {
	struct use_server *next;
	const struct tw_cond *cond; /* NULL: always */
	const char *name;           /* as written */
	const struct tw_logfmt *fmt; /* NULL: a fixed name */
	struct tw_server *server;   /* of a fixed name; after check() */
	struct tw_origin origin;
	const char *text; /* the line, for trails */
};

/* The sets of a proxy; enum tw_rules, and the old `redirect` lines. */
#define SET_REDIRECT TW_N_RULES
#define N_SETS (TW_N_RULES + 1)

/* Where the last rule of a kind stood, for warnings about their order. */
struct rules_conf {
	struct rule_list own[N_SETS];
	const struct rules_conf *above; /* the defaults section's; NULL: none */
	const struct tw_proxy *owner;   /* whose block this is */
	uint32_t inspect_ms[2];         /* of requests, of responses; 0: none */
	struct use_server *servers, **servers_end;
	const struct tw_origin *used_in; /* a defaults section's first rule */
	bool compiled;
	struct trail_wish *trails, **trails_end; /* `trail` lines (rules_trail.c) */
};

/* What an exchange that waits, or whose addresses were changed, keeps. */
struct rules_wait {
	struct tw_timer timer;
	struct tw_req *req;
	const struct rule *at;  /* the rule that waits; NULL: none */
	uint8_t set;            /* of that rule */
	bool fired;
	uint64_t until_ms;      /* inspect-delay; 0: not begun */
	bool has_src, has_dst;
	struct tw_addr src, dst; /* the connection's own */
};

/* This module's part of each request. */
struct rules_req {
	struct rules_wait *wait; /* arena; NULL: not needed */
};

extern const struct tw_self *rules_self; /* set once, at load */

static inline struct rules_conf *
rules_of(const struct tw_proxy *px)
{
	return tw_proxy_block(px, rules_self);
}

/* rules_mod.c */
struct userlist;
/** rules_userlists - the head of a generation's list of them. */
struct userlist **rules_userlists(struct tw_gen *gen);

/* rules_conf.c */
extern const struct tw_kw rules_keywords[];
int rules_inherit(struct tw_gen *gen, void *block);
int rules_check_proxy(struct tw_gen *gen, struct tw_proxy *px);
const char *rules_set_name(unsigned set);
/** rules_parse_cond - the condition at argument a->i, or the end of the line.
 * returns: -1 reported. */
int rules_parse_cond(struct tw_line *ln, int i, unsigned where, const char *what,
    const struct tw_cond **cond);

/* rules_compile.c */
/** rules_compile - hints about a section's rules, then drops those that never
 * apply and finds runs. in: px, may be a defaults section. */
void rules_compile(struct tw_gen *gen, const struct tw_proxy *px);

/* rules_run.c */
bool rules_any(const struct tw_proxy *px, unsigned set);
/** rules_run - the rules of one set, the defaults' first. */
enum tw_act rules_run(struct tw_req *req, const struct tw_proxy *px, unsigned set);
struct rules_wait *rules_wait_of(struct tw_req *req);
void rules_reset(struct tw_req *req);

/* rules_late.c: what an argument names may stand further down */
typedef int rules_late_fn(struct tw_gen *gen, void *conf, const struct tw_origin *origin);
/** rules_late - fn is called when all files are read; it reports errors. in: conf,
 * origin, gen. */
void rules_late(struct tw_action_line *a, rules_late_fn *fn, void *conf);
int rules_late_check(struct tw_gen *gen);

/* What this module keeps for a generation. */
struct rules_gen {
	struct userlist *lists;
	struct rules_late *late, **late_end;
};

/* rules_text.c: texts of arguments */
struct rule_text {
	struct tw_str fixed;         /* p NULL: fmt */
	const struct tw_logfmt *fmt;
};
/** text_parse - argument i as a log-format. */
int text_parse(struct tw_action_line *a, int i, const char *arg, bool http,
    struct rule_text *out);
/** text_make - returns: p NULL: does not fit, or out of memory. */
struct tw_str text_make(struct tw_req *req, const struct rule_text *t);
/** text_field - the same for the value of a header field, without blanks around
 * it; p NULL also when it cannot be one. */
struct tw_str text_field(struct tw_req *req, const struct rule_text *t);
/** text_is_field - it may stand in a header field. */
bool text_is_field(struct tw_str s);
const char *gen_dup(struct tw_line *ln, const char *z);
/** action_fail - reports an error at the argument before a->i, or at the end. */
#define action_fail(a, ...) tw_line_fail((a)->ln, (a)->i - 1, __VA_ARGS__)
/** action_missing - something is expected after the last argument. */
int action_missing(struct tw_action_line *a, const char *what);

/* rules_use.c */
int rules_use_server(struct tw_line *ln);
int rules_check_servers(struct tw_gen *gen, struct tw_proxy *px);
enum tw_verdict rules_on_pick(struct tw_req *req, void *state);

/* rules_trail.c */
int rules_set_trail(struct tw_line *ln);
bool rules_wants_trail(const struct tw_proxy *px);
int rules_check_trails(struct tw_gen *gen, const struct tw_proxy *px);
enum tw_verdict rules_on_trail(struct tw_req *req, void *state);

/* act_header.c: what it shares with act_headers_bin.c */
enum header_match {
	HEADER_BY_NAME,
	HEADER_BY_BEGIN,
	HEADER_BY_END,
	HEADER_BY_PART,
	HEADER_BY_REGEX
};
/** header_match_find - "str", "beg", "end", "sub", "reg". returns: false: none. */
bool header_match_find(const char *word, enum header_match *out);
bool header_begins(struct tw_str name, struct tw_str part);
/** header_matches - by all but regular expressions. */
bool header_matches(enum header_match how, struct tw_str part, struct tw_str name);
struct tw_msg *header_message(struct tw_req *req, enum tw_rules rules);
/** header_host_changed - to be called with each field that is set. errors: -1: the
 * target of the request cannot have such a host. */
int header_host_changed(struct tw_req *req, const struct tw_msg *msg, struct tw_str name,
    struct tw_str value);

/* act_*.c: tables end with name NULL */
#define ACTION_TABLES(X)                                                      \
	X(final) X(header) X(headers_bin) X(uri) X(normalize) X(redirect) X(reply) X(var)     \
	X(conn) X(wait) X(misc) X(auth) X(capture) X(list) X(log)
#define X(name) extern const struct tw_action act_##name[];
ACTION_TABLES(X)
#undef X
/** redirect_old - the `redirect` keyword's rule. */
extern const struct tw_action act_redirect_old;

/* auth.c */
extern const struct tw_section auth_sections[];
int auth_set_group(struct tw_line *ln);
int auth_set_user(struct tw_line *ln);
extern const struct tw_fetch auth_fetches[];
int auth_check(struct tw_gen *gen);

#endif

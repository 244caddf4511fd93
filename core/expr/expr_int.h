/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * expr/expr_int.h - the expression engine from the inside.
 *
 * Everything compiled here lives in the generation's arena and is read-only
 * afterwards; only the code of regular expressions is freed apart, with the
 * generation. Compiling happens on the control thread, evaluating on any.
 */
#ifndef TW_EXPR_EXPR_INT_H
#define TW_EXPR_EXPR_INT_H

#include <stdatomic.h>
#include <sys/queue.h>

#include <tideway/expr.h>
#include <tideway/module.h>

#define TW__ARGS_MAX 12

/* One converter of an expression. */
struct tw__call {
	const struct tw_conv *conv;
	struct tw_arg_val *args; /* gen; TW__ARGS_MAX + 1 of them */
};

struct tw_expr {
	const struct tw_fetch *fetch;
	struct tw_arg_val args[TW__ARGS_MAX + 1]; /* absent ones: TW_ANY */
	const struct tw__call *conv;
	uint8_t n_convs;
	uint8_t out;       /* enum tw_type of the result; TW_ANY: at run time */
	const char *text;  /* as written; gen */
	uint8_t memo;      /* from 1: its place among what memo.c keeps; 0: none */
	struct tw_expr *next; /* of the generation */
	const char *key;   /* the same for the same function, arguments, converters */
};

/* A fetch's or converter's check() that waits until all files are read,
 * because what it names may stand further down. */
struct tw__late {
	struct tw__late *next;
	int (*check)(struct tw_gen *gen, struct tw_arg_val *args,
	    struct tw_err *err);
	struct tw_arg_val *args;
	const char *name;
	const char *file;
	int line;
	const struct tw_proxy *proxy; /* for those that default to "this one" */
};

struct tw__regex;
struct tw__patref;
struct tw__jwt_key;

/* What the engine keeps for a generation (struct tw_gen.expr). */
struct tw__expr_gen {
	struct tw__late *late;
	struct tw__regex *regexes; /* owns their code */
	struct tw__patref *patrefs; /* owns their entries (patref.c) */
	int n_patrefs;
	struct tw__jwt_key *jwt_keys; /* owns (conv_jwt.c) */
	struct tw_expr *exprs;      /* all, the last one first */
	struct tw_cond *conds;
	struct tw__acl **anonymous; /* by text, TW__ANONYMOUS of them; NULL: none */
	struct tw_list *lists; /* gen; what rules change (patref.c) */
	struct tw__proc_set *proc_sets, **proc_sets_end; /* gen; global set-var */
	atomic_bool lines_changed; /* shared: some ACL's line, by a command */
};

/* Where something is compiled, for messages and memory. */
struct tw__ectx {
	struct tw_gen *gen;
	const struct tw_proxy *proxy; /* NULL: none */
	const char *file;
	int line;
	unsigned where;       /* TW_AT_... that hold there */
	struct tw_err *err;
	const struct tw_line *ln; /* for warnings; NULL: none are given */
	int *bad;             /* out: index of the word at fault; NULL: untold */
	unsigned lf_flags;    /* what a log-format begins with, besides the usual */
};

/** tw__ectx_of - the context of a configuration line. */
struct tw__ectx tw__ectx_of(const struct tw_line *ln, unsigned where,
    struct tw_err *err);
struct tw__expr_gen *tw__expr_gen(struct tw_gen *gen);

/** tw__expr_register - the core's fetches, converters. At start-up. */
int tw__expr_register(struct tw_err *err);
/** tw__expr_add_fetches, tw__expr_add_convs - adds a table (ends with name
 * NULL); it must stay valid. errors: -1 when there are too many tables. */
int tw__expr_add_fetches(const struct tw_fetch *table, struct tw_err *err);
int tw__expr_add_convs(const struct tw_conv *table, struct tw_err *err);
const struct tw_fetch *tw__expr_find_fetch(struct tw_str name);
const struct tw_conv *tw__expr_find_conv(struct tw_str name);
/** tw__expr_check - when all files are read: runs the late checks. returns: 0
 * or -1 (reported). */
int tw__expr_check(struct tw_gen *gen);
/** tw__expr_late_run - the late checks alone: of what a command compiled. out:
 * told, why one failed; NULL: reported. */
int tw__expr_late_run(struct tw_gen *gen, struct tw_err *told);
/** tw__expr_check_one - one such check, now. errors: -1: err. */
int tw__expr_check_one(
    int (*check)(struct tw_gen *, struct tw_arg_val *, struct tw_err *),
    struct tw_gen *gen, struct tw_arg_val *args, const char *name, struct tw_err *err);
/** tw__next_letter - walks the letters of "s,i" or "s[,i]". out: optional, set from
 * the first '[' on. returns: 0 at the end. */
char tw__next_letter(const char **spec, bool *optional);
/** tw__bound_lists - what stands for the generation's on this thread while a bound
 * call is made; NULL: none is. */
struct tw__expr_gen *tw__bound_lists(void);
/** tw__expr_late_proxy - while a late check runs: the proxy in whose section the
 * expression stands; NULL: none. */
const struct tw_proxy *tw__expr_late_proxy(void);
/** tw__expr_late_where - the same for file and line. out: cx->file, line. */
void tw__expr_late_where(struct tw__ectx *cx);
/** tw__expr_fini - frees what is not in the arena, before that is freed. */
void tw__expr_fini(struct tw_gen *gen);
void tw__expr_lists_fini(struct tw__expr_gen *eg);

/** tw__expr_parse - compiles an expression at *text and moves it to the first
 * character that does not belong to it. in: match, NULL, or where to put the
 * method of an ACL name such as path_beg (set to NULL when it has none). */
struct tw_expr *tw__expr_parse(const struct tw__ectx *cx, const char **text,
    const char **match);
/** tw__expr_needs_request - the fetch or converter in it that means nothing without
 * a request; NULL: none. tw__logfmt_needs_request - the same. */
const char *tw__expr_needs_request(const struct tw_expr *e);
const char *tw__logfmt_needs_request(const struct tw_logfmt *f);
/** tw__proc_vars_published - carries out the global section's set-var lines. */
void tw__proc_vars_published(struct tw_gen *gen);
/** tw__expr_next - the next value of a fetch that may have several, converted.
 * in: cur, zeroed before the first call. returns: 1 a value; 0 this one was
 * lost on the way, look at cur->more; -1 no value. */
int tw__expr_next(const struct tw_expr *e, struct tw_req *req,
    struct tw_cursor *cur, struct tw_sample *out);

/** tw__cast - changes a sample's type. errors: false when it has no meaning as
 * that. tw__cast_is_possible - may it ever succeed? */
bool tw__cast(struct tw_req *req, struct tw_sample *s, enum tw_type to);
bool tw__cast_is_possible(enum tw_type from, enum tw_type to);
const char *tw__type_name(enum tw_type type);
/** tw__type_word - as HAProxy's reports have it: "sint". */
const char *tw__type_word(enum tw_type type);
/** tw__parse_ip - "1.2.3.4" or "::1". out: IPV4 or IPV6 sample. */
bool tw__parse_ip(struct tw_str s, struct tw_sample *out);
/** tw__text_ip - the same of a sample's text: an IPv4 address may have anything
 * behind it but more of the same ("10.0.0.1:80"), as in HAProxy. */
bool tw__text_ip(struct tw_str s, struct tw_sample *out);
/** tw__fetch_last - a fetch's value; the last one of several counts, as in HAProxy. */
static inline bool
tw__fetch_last(const struct tw_fetch *f, const struct tw_arg_val *args,
    struct tw_req *req, struct tw_sample *out)
{
	struct tw_cursor cur = { .more = false };
	struct tw_sample s;
	bool found = false;

	do {
		memset(&s, 0, sizeof(s));
		s.type = (uint8_t)f->out;
		cur.more = false;
		if (!f->get(req, args, &cur, &s))
			break;
		*out = s;
		found = true;
	} while (cur.more);
	return found;
}
/** tw__conv_apply - one converter, with the casts before and behind it. */
static inline bool
tw__conv_apply(const struct tw_conv *c, const struct tw_arg_val *args,
    struct tw_req *req, struct tw_sample *s)
{
	if (!tw__cast(req, s, c->in) || !c->apply(req, args, s))
		return false;
	if (c->out != TW_ANY)
		s->type = (uint8_t)c->out;
	return true;
}
/** tw__scratch - `len` bytes, valid until the next but one call on this thread
 * (long ones: until RESET). returns: NULL when out of memory. */
char *tw__scratch(struct tw_req *req, size_t len);
/** tw__vars_visit - calls fn with each variable of a scope ("txn") that is set; it
 * must be brief and ask for no other. */
void tw__vars_visit(struct tw_req *req, const char *scope_name,
    void (*fn)(void *arg, const char *name, const struct tw_sample *s), void *arg);

/* ---- ACLs and conditions ------------------------------------------------ */

struct tw__acl_test;

/* A named ACL, or an anonymous one (name NULL). */
struct tw__acl {
	SLIST_ENTRY(tw__acl) link;
	const char *name;
	struct tw__acl_test *tests; /* any of them */
	struct tw__acl_test **tail;
	const char *file;
	int line;
	unsigned where; /* union of what its fetches need */
	bool used;
	uint8_t memo;   /* from 1: its place among what memo.c keeps; 0: none */
	uint32_t n_asked; /* how many terms are this one */
	const struct tw_proxy *proxy; /* anonymous: whose */
	const char *text; /* anonymous: its words, one blank between them */
};
#define TW__ANONYMOUS 1024u /* buckets; a power of two */

/** tw__acl_add - one `acl` line: appended to the ACL of that name, or a new
 * one at the head of *list. in: word, the criterion and what follows. */
int tw__acl_add(const struct tw__ectx *cx, struct tw__acl **list,
    const char *name, char *const *word, int n);
struct tw__acl *tw__acl_find(struct tw__acl *list, const char *name);
/** tw__acl_builtin - a predefined one, made when first asked for and put at the
 * head of *list. returns: NULL when unknown (err empty) or failed. */
struct tw__acl *tw__acl_builtin(const struct tw__ectx *cx,
    struct tw__acl **list, const char *name);
/** tw__acl_anonymous - from the words between braces. */
struct tw__acl *tw__acl_anonymous(const struct tw__ectx *cx,
    char *const *word, int n);
bool tw__acl_eval(const struct tw__acl *acl, struct tw_req *req);
/** tw__acl_eval_told - the same, and adds what it saw to the request's trail. */
bool tw__acl_eval_told(const struct tw__acl *acl, struct tw_req *req, bool negated);

/* Provided by core/proxy: the head of a proxy's list of ACLs. */
struct tw__acl **tw__proxy_acls(struct tw_proxy *px);

/** tw__cond_parse - the words after if/unless (word[0]). out: bad, the word at
 * fault. */
struct tw_cond *tw__cond_parse(const struct tw__ectx *cx,
    struct tw__acl **list, char *const *word, int n, int *bad);

/* ---- log-formats -------------------------------------------------------- */

#define TW__LOGVAR_SOURCE 0x80u  /* needs tw__watch_for(TW__WATCH_SOURCE) */
#define TW__LOGVAR_SOLID 0x20u   /* when empty, the spaces around it are two */
#define TW__LOGVAR_NOTHING 0x40u /* when empty, it is not even "-" */
#define TW_LOG_MANDATORY 0x800u /* given to out(): "-" when empty */
#define TW__LOG_VERBATIM 0x1000u /* given to out(): whoever reads it escapes */
#define TW__LOG_RULE 0x10000u   /* a rule's text: nothing is escaped .. */
#define TW__LOG_HTTP 0x20000u   /* .. but control characters, as %XX */
/** tw__rule_text - a value in such a text. */
void tw__rule_text(struct tw_out *o, struct tw_str s, unsigned flags);

/** tw__logvar_add - adds a table of variables (ends with name NULL). */
int tw__logvar_add(const struct tw_logvar *table, struct tw_err *err);
const struct tw_logvar *tw__logvar_find(struct tw_str name);
/** tw__logvar_nearest - the known name that is most alike; NULL: none is. */
const char *tw__logvar_nearest(struct tw_str name);
struct tw_logfmt *tw__logfmt_parse(const struct tw__ectx *cx, const char *text);
/** tw__logfmt_needs_http - the first variable in it that mode tcp has not;
 * NULL: none. */
const char *tw__logfmt_needs_http(const struct tw_logfmt *f);
/** tw__logfmt_has - some variable in it has one of these flags. in: f, may be
 * NULL. */
bool tw__logfmt_has(const struct tw_logfmt *f, unsigned flags);
/** tw__logfmt_trim - the same without variables that will always be empty; what
 * they write then stands in their place. in: is_empty(var, arg). returns: gen. */
const struct tw_logfmt *tw__logfmt_trim(struct tw_gen *gen, const struct tw_logfmt *f,
    bool (*is_empty)(const struct tw_logvar *var, const void *arg), const void *arg);
/** tw__log_word - text of our own (names, addresses) as HAProxy writes it:
 * quoted, escaped, "-" when empty and mandatory. */
void tw__log_word(struct tw_out *o, struct tw_str s, unsigned flags);
/** tw__log_header - a captured value: as tw_log_text, and '{', '|' and '}' are
 * escaped, too, because they frame it. */
void tw__log_header(struct tw_out *o, struct tw_str s, unsigned flags);

/* Defines fn: the i-th, from 0, of the core's tables, then of the modules'. */
#define TW__TABLES_AT(fn, type, tables, member)                                 \
	const struct type *fn(int i, const struct tw_self **owner)           \
	{                                                                    \
		const struct tw_self *self;                                  \
                                                                             \
		*owner = NULL;                                               \
		for (int k = 0; k < TABLES_MAX && tables[k] != NULL; k++)    \
			for (const struct type *t = tables[k]; t->name; t++) \
				if (i-- == 0)                                \
					return t;                            \
		for (int m = 0; (self = tw_module_each(m)) != NULL; m++)     \
			for (const struct type *t = self->module->member;    \
			     t != NULL && t->name; t++)                      \
				if (i-- == 0) {                              \
					*owner = self;                       \
					return t;                            \
				}                                            \
		return NULL;                                                 \
	}

/** tw__expr_fetch_at, _conv_at, tw__logvar_at - the i-th of all, modules' included.
 * out: owner, NULL: the core. returns: NULL: there is none. */
const struct tw_fetch *tw__expr_fetch_at(int i, const struct tw_self **owner);
const struct tw_conv *tw__expr_conv_at(int i, const struct tw_self **owner);
const struct tw_logvar *tw__logvar_at(int i, const struct tw_self **owner);
/** tw__acl_builtin_at - the i-th predefined ACL. out: text, what it stands for.
 * returns: its name; NULL: there is none. */
const char *tw__acl_builtin_at(int i, char *text, size_t room);
/** tw__topics_register - all these in the manual. At start-up. */
int tw__topics_register(struct tw_err *err);

#endif

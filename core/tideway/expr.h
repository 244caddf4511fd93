/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * expr.h - samples, fetches, converters, conditions, log-formats.
 *
 * A fetch takes a typed sample from where it is valid; converters change it;
 * an ACL matches it against patterns; a condition combines ACLs. All are
 * compiled when the configuration is read and evaluated without allocation.
 * source: HAProxy's manual, chapters 7 and 8.2.4.
 */
#ifndef TIDEWAY_EXPR_H
#define TIDEWAY_EXPR_H

#include <tideway/req.h>
#include <tideway/sample.h>

/* Where a fetch is valid. */
#define TW_AT_CONN 0x01u     /* from accept on */
#define TW_AT_REQUEST 0x02u  /* the request head is there */
#define TW_AT_REQ_BODY 0x04u
#define TW_AT_RESPONSE 0x08u /* the response head is there */
#define TW_AT_LOG 0x10u
#define TW_AT_CHECK 0x20u
#define TW_AT_ANY 0xffu

struct tw_arg_val {
	enum tw_type type; /* STRING or SINT; ANY: absent */
	struct tw_str str; /* gen */
	int64_t n;
	void *ptr;         /* what the fetch's `check` resolved it to; gen */
};

/* A cursor for fetches that yield several values (all Host fields): NULL
 * state when it starts; the fetch keeps what it needs in `at`. */
struct tw_cursor {
	uint64_t at[2];
	bool more; /* set by the fetch: call again for the next value */
	bool all;  /* every value is wanted; else only the one that counts */
};

struct tw_fetch {
	const char *name;     /* "path", "hdr" */
	const char *args;     /* "" none; "s" string; "s,i" ..; "[s]" optional */
	enum tw_type out;
	unsigned where;       /* TW_AT_...: needs one of these */
	bool (*get)(struct tw_req *req, const struct tw_arg_val *args,
	    struct tw_cursor *cur, struct tw_sample *out);
	/* default ACL match: "str", "beg", "ip", "int", "bool", "meth" .. */
	const char *match;
	int (*check)(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err);
	const char *help;
};

/* The head of a fetch's get(), and for what it has no use of. */
#define TW_GET_FN(fn)                                                   \
	bool fn(struct tw_req *req, const struct tw_arg_val *args, \
	    struct tw_cursor *cur, struct tw_sample *out)
#define TW_GET_UNUSED ((void)req, (void)args, (void)cur, (void)out)

struct tw_conv {
	const char *name;
	const char *args;
	enum tw_type in, out;
	bool (*apply)(struct tw_req *req, const struct tw_arg_val *args, struct tw_sample *s);
	int (*check)(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err);
	const char *help;
};

/** tw_expr_compile - "hdr(host),lower". in: i, the word of the line that holds
 * it (for messages). returns: gen; NULL: reported. */
TW_API struct tw_expr *tw_expr_compile(struct tw_line *ln, int i, const char *text,
    unsigned where);
TW_API bool tw_expr_eval(const struct tw_expr *e, struct tw_req *req, struct tw_sample *out);
/** tw_cond_compile - the condition from argument `i` on: `if ...` or
 * `unless ...`. returns: gen; NULL: reported. */
TW_API struct tw_cond *tw_cond_compile(struct tw_line *ln, int i, unsigned where);
TW_API bool tw_cond_eval(const struct tw_cond *c, struct tw_req *req);

/* One log-format variable. */
struct tw_logvar {
	const char *name; /* "ci" for %ci */
	void (*out)(struct tw_req *req, struct tw_out *o, unsigned flags);
	unsigned flags;   /* TW_LOGVAR_... */
	const char *help;
};
#define TW_LOGVAR_HTTP 0x01u  /* mode http only */
#define TW_LOGVAR_NUMBER 0x02u /* it writes a number: one in JSON and CBOR */
#define TW_LOGVAR_CHECK 0x04u /* has a value in health checks, too */
#define TW_LOG_QUOTE 0x100u   /* given to out(): %{+Q} */
#define TW_LOG_HEX 0x200u     /* %{+X} */
#define TW_LOG_ESCAPE 0x400u  /* %{+E} */

/** tw_logfmt_compile - "%ci:%cp [%tr] ...". returns: gen; NULL: reported. */
TW_API struct tw_logfmt *tw_logfmt_compile(struct tw_line *ln, int i, const char *text);
/** tw_logfmt_out - one line, without newline. returns: bytes written. */
TW_API size_t tw_logfmt_out(const struct tw_logfmt *f, struct tw_req *req, struct tw_out *o);
/** tw_logfmt_compile_at - the same for other text than log lines: only what has
 * a value at `where`; spaces stay as they are, and nothing stands for what is
 * empty. */
TW_API struct tw_logfmt *tw_logfmt_compile_at(struct tw_line *ln, int i,
    const char *text, unsigned where);
/** tw_log_text - peer-supplied text for a log: control bytes, quotes and
 * non-ASCII as #XX, as HAProxy does; cut to fit. */
TW_API void tw_log_text(struct tw_out *o, struct tw_str s, unsigned flags);

#define TW_AT_MESSAGE 0x100u /* a log message and nothing else */
/** tw_message_req - a request without connections and without a message of its
 * own, for what `mode log` evaluates: balance log-hash. lifetime: until the next
 * call. context: worker. returns: NULL: out of memory. */
TW_API struct tw_req *tw_message_req(struct tw_proxy *be);

/** tw_check_req - a request without connections, in which expressions of a
 * health check are evaluated (TW_AT_CHECK). lifetime: until the next call.
 * context: control. returns: NULL: out of memory. */
TW_API struct tw_req *tw_check_req(struct tw_server *srv);

/** tw_expr_gives - its value can be had as that type; some values perhaps not. */
TW_API bool tw_expr_gives(const struct tw_expr *e, enum tw_type type);
/** tw_check_proxy - while a fetch's or converter's check() runs: in whose section
 * the expression stands. returns: NULL: in no proxy's. */
TW_API const struct tw_proxy *tw_check_proxy(void);
/** tw_check_name - the same for the fetch's or converter's name as written: an
 * entry of a table whose name ends in a dot stands for all that begin with it. */
TW_API const char *tw_check_name(void);
/** tw_cond_constant - when all files are read (check() and later): 1 it always
 * holds, as NULL does; 0 it never does; -1 that depends. */
TW_API int tw_cond_constant(const struct tw_cond *c);
/** tw_cond_implies - whenever `a` holds, so does `b`, if nothing is edited between
 * asking for one and the other. false: not that one could tell. */
TW_API bool tw_cond_implies(const struct tw_cond *a, const struct tw_cond *b);
/** tw_cond_reads - some fetch or converter of it has this text in it. */
TW_API bool tw_cond_reads(const struct tw_cond *c, const char *what);

/** tw_memo_wanted - the condition asks for what others of its section ask for,
 * too; while a list of such is gone through, each is evaluated once:
 * tw_memo_begin - from now on, until something may have changed,
 * tw_memo_forget - it has, tw_memo_end - the list is over. context: worker. */
TW_API bool tw_memo_wanted(const struct tw_cond *c);
TW_API void tw_memo_begin(struct tw_req *req);
TW_API void tw_memo_forget(struct tw_req *req);
TW_API void tw_memo_end(struct tw_req *req);

/* Neighbouring conditions that compare one fetch with fixed text: a run. One look
 * tells which of them may hold. */
struct tw_cond_run;
#define TW_COND_HITS 14
/* What the last look has found; .run NULL: nothing, or it is out of date. */
struct tw_cond_hits {
	const struct tw_cond_run *run;
	uint16_t n, at;
	bool more; /* than there is room for */
	uint32_t i[TW_COND_HITS];
};
/** tw_cond_run_new - as many of the conditions, from the first on, as ask for the
 * same. in: cond, NULL ones always hold and end a run. returns: gen memory; NULL:
 * too few. context: control, in check(). tw_cond_run_length - how many. */
TW_API struct tw_cond_run *tw_cond_run_new(struct tw_gen *gen,
    const struct tw_cond *const *cond, int n);
TW_API int tw_cond_run_length(const struct tw_cond_run *run);
/** tw_cond_run_next - the first that may hold, from `from` on, it must be asked
 * itself; the length: none does. in: hits, of the same run or with .run NULL,
 * which it must be as soon as an edit may have changed something. context:
 * worker. */
TW_API int tw_cond_run_next(const struct tw_cond_run *run, struct tw_req *req,
    int from, struct tw_cond_hits *hits);

/** tw_expr_is_valid_at - whether it can have a value there. in: where, TW_AT_... */
TW_API bool tw_expr_is_valid_at(const struct tw_expr *e, unsigned where);

/** tw_log_word - text of a log variable that no peer has chosen freely; what is
 * empty is "-" where the flags given to its out() say so. */
TW_API void tw_log_word(struct tw_out *o, struct tw_str s, unsigned flags);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * rule.h - the rules of a check: connect, send, expect, variables.
 *
 * `tcp-check` and `http-check` lines, and the presets (mysql-check and so
 * on), all become one list of rules that script.c runs. Rules belong to the
 * generation and are read-only once it runs.
 */
#ifndef HEALTHCHECK_RULE_H
#define HEALTHCHECK_RULE_H

#include <tideway/expr.h>
#include <tideway/proxy.h>
#include <tideway/var.h>

enum hc_act { HC_CONNECT, HC_SEND, HC_EXPECT, HC_SET_VAR, HC_UNSET_VAR };

/* Text of a rule: fixed, or made by a format for each check. */
struct hc_text {
	struct tw_str s;             /* gen */
	const struct tw_logfmt *fmt; /* gen; NULL: `s` */
};

/* ---- connect ---- */
struct hc_connect {
	const struct tw_addr *addr;  /* gen; NULL: the server's check address */
	uint16_t port;               /* 0: the server's check port */
	const struct tw_expr *port_expr; /* gen; NULL: `port` */
	bool server_defaults;        /* `default`, or no connect rule was written */
	bool send_proxy, linger;
	bool ssl;
	const char *sni;             /* gen; NULL: none */
	struct tw_str alpn;          /* gen; wire format; p NULL: none */
	const char *proto;           /* gen; NULL: not given */
};

/* ---- send ---- */
struct hc_header {
	struct hc_header *next;
	struct tw_str name;          /* in lower case */
	struct hc_text value;
};

struct hc_send {
	struct hc_text data;         /* tcp-check */
	bool is_hex;                 /* the format writes hex digits */
	/* http-check; NULL: what `option httpchk` says */
	bool is_http;
	const char *method, *version;
	struct hc_text uri;          /* s.p and fmt NULL: not given */
	struct hc_header *headers, **headers_tail;
	bool has_connection;         /* among them */
	bool has_body;
	struct hc_text body;
};

/* ---- expect ---- */
enum hc_match {
	HC_STATUS, HC_RSTATUS, HC_HDR, HC_FHDR, /* HTTP */
	HC_STRING, HC_RSTRING, HC_STRING_LF,    /* HTTP: the body */
	HC_BINARY, HC_RBINARY, HC_BINARY_LF,
	HC_CUSTOM,                              /* of a preset */
};

enum hc_how { HC_STR, HC_BEG, HC_END, HC_SUB, HC_REG };

struct hc_range {
	uint16_t from, to;
};

/* A header's name or value. */
struct hc_hdr_match {
	enum hc_how how;
	struct hc_text text;
	void *regex;                 /* gen */
};

/* What has come in since the connection or the last send. */
struct hc_answer {
	struct tw_str got;
	bool eof;                    /* no more will come */
	struct tw_req *req;          /* for formats */
};

/* A preset's own look at an answer. out: r->what (failed), status, text.
 * returns: OK: it is good; AGAIN: too short to tell; ERR: it is bad. */
typedef enum tw_io hc_judge(const struct hc_answer *a, struct tw_check_result *r);

struct hc_expect {
	enum hc_match match;
	bool negate;
	bool is_http;
	int min_recv;                /* -1: none */
	struct hc_text text;         /* STRING, BINARY and the -LF ones */
	void *regex;                 /* gen: compiled */
	const struct hc_range *range; /* gen: STATUS */
	int n_ranges;
	struct hc_hdr_match name, value; /* HDR, FHDR */
	bool has_value;
	hc_judge *judge;             /* CUSTOM */
	enum tw_chk ok, error, tout; /* TW_CHK_UNK: the usual */
	const struct tw_logfmt *on_success, *on_error; /* gen; NULL: none */
	const struct tw_expr *status_code;             /* gen; NULL: none */
};

struct hc_set_var {
	const struct tw_var *var;    /* for ever: "check.x" */
	const struct tw_expr *expr;  /* gen */
	const struct tw_logfmt *fmt; /* gen; when expr is NULL */
	unsigned conds;              /* HC_IF_... */
};
#define HC_IF_EXISTS 0x01u
#define HC_IF_NOT_EXISTS 0x02u
#define HC_IF_EMPTY 0x04u
#define HC_IF_NOT_EMPTY 0x08u
#define HC_IF_GT 0x10u
#define HC_IF_LT 0x20u

struct hc_rule {
	struct hc_rule *next;
	enum hc_act act;
	int step;                    /* as messages count; 0: nobody wrote it */
	const char *comment;         /* gen; NULL: none */
	union {
		struct hc_connect connect;
		struct hc_send send;
		struct hc_expect expect;
		struct hc_set_var var;
	} u;
};

enum hc_kind { HC_TCP, HC_HTTP, HC_PRESET, HC_EXTERNAL };

struct hc_set {
	enum hc_kind kind;
	bool inherited;              /* from defaults: the first own rule replaces it */
	int n_steps;
	struct hc_rule *first, **tail; /* tail NULL: empty */
	const char *comment;         /* of the next rule */
	const char *file;            /* where it begins; NULL: nowhere */
	int line;
};

/* --- rule.c --- */
/** hc_rule_add - one more at the end. in: step, counted in messages. */
struct hc_rule *hc_rule_add(struct tw_arena *arena, struct hc_set *set,
    enum hc_act act, bool step);
/** hc_set_own - a set to which a line of this section adds. */
struct hc_set *hc_set_own(struct tw_line *ln, struct hc_set *set);
/** hc_set_complete - puts in what nobody wrote: the connection. */
void hc_set_complete(struct tw_arena *arena, struct hc_set *set);
/** hc_set_has - a rule of this kind. */
bool hc_set_has(const struct hc_set *set, enum hc_act act);

/* --- regex.c --- */
/** hc_regex_compile - argument `i`. returns: gen; NULL: reported. */
void *hc_regex_compile(struct tw_line *ln, int i, const char *text);
bool hc_regex_matches(const void *re, struct tw_str s);

/* --- expect_kw.c, rule_kw.c --- */
/** hc_expect_parse - from argument `i` of an `expect` line on. */
int hc_expect_parse(struct tw_line *ln, int i, struct hc_expect *e);
/** hc_text_format - argument `i` as a log-format. returns: 0 or -1. */
int hc_text_format(struct tw_line *ln, int i, struct hc_text *t);
/** hc_hex_decode - returns: gen; p NULL: it is none (why, static). */
struct tw_str hc_hex_decode(struct tw_arena *arena, struct tw_str hex,
    const char **why);

/* --- secure.c --- */
/** hc_alpn_parse - argument `i`, a list of protocols, in wire format. */
int hc_alpn_parse(struct tw_line *ln, int i, struct tw_str *out);
/** hc_alpn_check - an HTTP check speaks all of them. returns: 0; -1: err. */
int hc_alpn_check(struct tw_str wire, struct tw_err *err);

/* --- server_kw.c --- */
/** hc_proto_parse - argument `i`, what check-proto and its like take. out: gen. */
int hc_proto_parse(struct tw_line *ln, int i, const char **out);

/* --- expect.c: pure, apart from formats --- */
/** hc_expect_eval - out: r, when it failed or the answer says something. */
enum tw_io hc_expect_eval(const struct hc_expect *e, const struct hc_answer *a,
    struct tw_check_result *r);
/** hc_status_is_expected - for HC_STATUS and HC_RSTATUS. */
bool hc_status_is_expected(const struct hc_expect *e, uint16_t status);
/** hc_expect_words - "expect string 'x'", for messages. */
void hc_expect_words(const struct hc_expect *e, struct tw_out *o);

/* --- request.c --- */
/** hc_text_of - returns: arena of req, or gen. */
struct tw_str hc_text_of(const struct hc_text *t, struct tw_req *req);
/* Where its parts are; borrow: what it was written to. */
struct hc_request {
	struct tw_str method, target, fields, body;
};
/** hc_http_request - the request of an http-check send rule. in: opt, what
 * `option httpchk` said, or NULL. out: r. */
void hc_http_request(const struct hc_send *s, const struct hc_send *opt,
    struct tw_req *req, struct tw_out *out, struct hc_request *r);

/* --- vars.c --- */
/** hc_var_set - runs a set-var rule. in: req, with the check's variables. */
void hc_var_set(const struct hc_set_var *v, struct tw_req *req);
int hc_set_var_parse(struct tw_line *ln, const char *word, struct hc_set_var *v);
int hc_unset_var_parse(struct tw_line *ln, const char *word, struct hc_set_var *v);

/* --- presets --- */
hc_judge hc_judge_mysql_hello, hc_judge_mysql_packet, hc_judge_pgsql, hc_judge_ldap,
    hc_judge_redis, hc_judge_ssl, hc_judge_spop, hc_judge_smtp, hc_judge_grpc;

#endif

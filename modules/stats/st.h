/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * st.h - what the files of the statistics module share.
 *
 * A request whose target begins with a proxy's `stats uri` is answered here.
 * The report is made a row at a time: fields.c reads the counters into one
 * table row, and html.c, csv.c or json.c write that row as text, which
 * report.c hands out in pieces. Everything runs on the request's worker but
 * admin actions, which run on the control thread.
 */
#ifndef STATS_ST_H
#define STATS_ST_H

#include <tideway/command.h>
#include <tideway/module.h>
#include <tideway/proxy.h>
#include <tideway/report.h>
#include <tideway/req.h>
#include <tideway/stats.h>
#include <tideway/worker.h>

#define ST_URI "/haproxy?stats"
#define ST_REALM "HAProxy Statistics"
#define ST_ROW_MAX 32768u  /* bytes of one row as text */
#define ST_BODY_MAX 15360u /* bytes of a posted form */

struct st_user {
	const struct st_user *next; /* gen */
	struct tw_str login;        /* gen: "user:password" */
};

struct st_admin {
	const struct st_admin *next; /* gen */
	const struct tw_cond *cond;
};

/* `stats scope`: a proxy that is shown. */
struct st_scope {
	const struct st_scope *next; /* gen */
	const char *name;            /* gen; ".": the proxy of the line */
};

/* `stats http-request`: the first one that holds decides. */
enum st_rule_kind { ST_RULE_ALLOW, ST_RULE_DENY, ST_RULE_AUTH };
struct st_rule {
	struct st_rule *next;       /* gen */
	enum st_rule_kind kind;
	const char *realm;          /* gen; auth; NULL: the page's */
	const struct tw_cond *cond; /* NULL: always */
};

/* A proxy's `stats ...` lines. All pointers: gen. */
struct st_conf {
	bool enabled, hide_version, legends, show_node, show_desc;
	uint32_t refresh_s;
	const char *uri;       /* NULL: ST_URI */
	const char *realm;     /* NULL: ST_REALM */
	const char *node, *desc; /* NULL: the global section's */
	const struct st_user *users;   /* NULL: everybody */
	const struct st_admin *admins; /* NULL: nobody */
	bool socket_stats;     /* option socket-stats: a row for each listener */
	const struct st_scope *scopes; /* NULL: all */
	struct st_rule *rules;         /* NULL: `stats auth` decides */
	struct tw_origin origin;
};

extern const struct tw_self *st_self; /* set once, at load */
extern const struct tw_kw st_keywords[];

static inline const struct st_conf *
st_conf_of(const struct tw_proxy *px)
{
	return tw_proxy_block(px, st_self);
}

/* --- access.c --- */
/** st_shows - whether a proxy is part of a page. in: of, whose page it is. */
bool st_shows(const struct st_conf *c, const struct tw_proxy *of,
    const struct tw_proxy *px);
/** st_rule_for - the rule that decides. returns: NULL: none holds. */
const struct st_rule *st_rule_for(const struct st_conf *c, struct tw_req *req);
int st_set_scope(struct tw_line *ln);
int st_set_http_request(struct tw_line *ln);
/** st_line_conf - each word enables the page and says where it was asked for. */
struct st_conf *st_line_conf(struct tw_line *ln);

/* --- uri.c: pure --- */
enum st_format { ST_HTML, ST_CSV, ST_JSON, ST_TYPED };

struct st_options {
	enum st_format format;
	bool up;        /* ;up: hides what is DOWN */
	bool no_refresh;
	bool no_maint;  /* ;no-maint */
	char status[5]; /* ;st=DONE; "": none */
	bool desc;      /* `show stat desc`: what each field means */
};

/* Some of the rows (`show stat <proxy> <type> <sid>`). */
struct st_bounds {
	bool on;
	uint32_t iid;   /* 0: any */
	unsigned kinds; /* bits, by enum st_kind */
	uint32_t sid;   /* UINT32_MAX: any */
};
/** st_uri_matches - out: o, what follows the uri. */
bool st_uri_matches(struct tw_str target, struct tw_str uri,
    struct st_options *o);
/** st_form_next - the next name and value of a form, decoded in place.
 * returns: false at the end. source: URL standard, urlencoded. */
bool st_form_next(struct tw_str *form, struct tw_str *name,
    struct tw_str *value);

/* --- auth.c --- */
/** st_auth_passes - in: field, the value of Authorization. source: RFC 7617. */
bool st_auth_passes(const struct st_user *users, struct tw_str field);
/** st_auth_user - the name in it, for the log. out: name. */
void st_auth_user(struct tw_str field, char name[64]);

/* --- guard.c: against requests that another site's page makes --- */
int st_guard_init(struct tw_err *err);
/** st_guard_token - bound to this process and a proxy's name; 32 digits. */
void st_guard_token(const char *proxy, char token[33]);
/** st_guard_passes - in: token, what the form brought (may be empty). */
bool st_guard_passes(struct tw_msg *msg, const char *proxy, struct tw_str token);
/** st_nonce - random, for one page. */
void st_nonce(char nonce[33]);

/* --- fields.c --- */
enum st_field {
#define X(name, origin, nature, scope) ST_F_##name,
#include "stats_fields.h"
#undef X
	ST_N_FIELDS
};
extern const char *const st_field_name[ST_N_FIELDS];

enum st_type { ST_NONE, ST_U32, ST_U64, ST_S32, ST_STR };
struct st_val {
	enum st_type type;
	union {
		uint64_t u;
		int64_t s;
		const char *str; /* borrow: gen, literal, or the row's text */
	};
};

enum st_kind { ST_FRONTEND, ST_BACKEND, ST_SERVER, ST_LISTENER }; /* HAProxy's "type" */

struct st_row {
	enum st_kind kind;
	const struct tw_proxy *px;
	struct tw_server *srv;      /* ST_SERVER */
	const struct tw_bind *bind; /* ST_LISTENER */
	struct st_val v[ST_N_FIELDS];
	char status[32], addr[160], chk[32], last_chk[192];
	char agt[32], last_agt[192], tracked[256];
	struct tw_check_result check;
};
/** st_row_fill - reads all counters. in: kind, px, srv, bind set. */
void st_row_fill(struct st_row *row);
static inline uint64_t
st_num(const struct st_row *row, enum st_field f)
{
	return row->v[f].type == ST_NONE ? 0 : row->v[f].u;
}

/* --- report.c --- */
struct st_report {
	const struct st_conf *conf;
	const struct tw_proxy *px_self; /* whose page it is */
	struct st_options opt;
	bool admin;           /* actions are offered */
	char nonce[33], token[33];
	const char *path;     /* request memory: the uri, for links */
	/* Where it is. */
	int phase, i_proxy, i_row;
	struct tw_proxy *px;
	bool any;             /* a row was written (for commas) */
	bool sockets;         /* this proxy wants a row for each listener */
	struct st_row row;
	/* The modules' tables; i_row counts their rows too. */
	int i_module, i_table;
	const struct tw_stats_table *table;
	struct tw_stats_row cells; /* its next row */
	struct st_bounds bounds;
	char *text;           /* request memory: ST_ROW_MAX */
	size_t text_len, text_sent;
	bool past_servers;    /* the backend's row was written */
};
enum tw_io st_report_produce(struct tw_req *req, struct tw_out *out, void *arg);
/** st_report_part - writes the next part, of ST_ROW_MAX bytes at most, which may
 * be empty. returns: false: that was the last. */
bool st_report_part(struct st_report *rp, struct tw_gen *gen, struct tw_out *o);

/* A format: how the parts look. NULL: nothing there. */
struct st_writer {
	void (*begin)(struct st_report *rp, struct tw_out *o);
	void (*proxy_begin)(struct st_report *rp, struct tw_out *o);
	void (*row)(struct st_report *rp, struct tw_out *o);
	void (*proxy_end)(struct st_report *rp, struct tw_out *o);
	void (*table_begin)(struct st_report *rp, struct tw_out *o);
	void (*table_row)(struct st_report *rp, struct tw_out *o); /* NULL: no tables */
	void (*table_end)(struct st_report *rp, struct tw_out *o);
	void (*end)(struct st_report *rp, struct tw_out *o);
	bool tables_first; /* else behind the proxies */
};
extern const struct st_writer st_html, st_csv, st_json, st_typed;
/** st_csv_text - quoted where RFC 4180 and HAProxy quote. */
void st_csv_text(struct tw_out *o, const char *text);
void st_json_text(struct tw_out *o, const char *text);
/** st_html_text - escaped for text and attributes. */
void st_html_text(struct tw_out *o, const char *text);

/* Assets, made from page.css and page.js when building. */
extern const char st_page_css[], st_page_js[];
extern const size_t st_page_css_len, st_page_js_len;

/* --- admin.c --- */
struct st_job; /* an action on its way to the control thread and back */
/** st_job_post - in: body, the form. returns: NULL: `code` says why. */
struct st_job *st_job_post(struct tw_req *req, const struct st_conf *c,
    struct tw_str body, const char *who, const char **code);
/** st_job_result - NULL: not done yet. */
const char *st_job_result(const struct st_job *job);
/** st_job_leave - the request ends or has its answer. */
void st_job_leave(struct st_job **job);
struct st_action {
	const char *word, *label;
	/* returns: false: it does not apply to this server. */
	bool (*run)(struct tw_server *srv, const char *who);
};
extern const struct st_action st_actions[];

/* --- values.c --- */
extern const struct tw_report_ops st_reports[];

/* --- show.c --- */
extern const struct tw_command st_commands[];

/* --- typed.c --- */
/* Letters of a field's origin, nature and scope: "MGP". */
extern const char st_field_tags[ST_N_FIELDS][4];
/** st_row_tags - some fields mean something else in another kind of row. */
const char *st_row_tags(const struct st_row *row, int f);
extern const char *const st_field_help[ST_N_FIELDS]; /* fields_help.c */

/* The module's block of a request. */
struct st_req {
	struct st_job *job; /* owns a share; NULL: none */
};

#endif

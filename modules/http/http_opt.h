/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * http_opt.h - settings of mode http that are a hook of their own.
 *
 * Each is a value in the module's block of a proxy, so that a defaults section
 * hands it on; a hook is in a proxy's chain only where the setting is on.
 */
#ifndef TW_HTTP_OPT_H
#define TW_HTTP_OPT_H

#include <tideway/conf.h>
#include <tideway/decision.h>
#include <tideway/expr.h>
#include <tideway/module.h>

/* `monitor fail` */
struct http_fail {
	struct http_fail *next;
	struct tw_cond *cond;
};

/* An error page taken apart, for an answer that keeps the connection. */
struct http_answer {
	int status;
	const char *reason;
	struct tw_str *fields; /* name, value, ... */
	int n_fields;
	struct tw_str body;
	bool silent; /* an empty errorfile: close without a word */
};

enum http_names { HTTP_NAMES_PRESERVE, HTTP_NAMES_DELETE, HTTP_NAMES_REJECT };

struct http_forwarded;

struct http_opt {
	const char *monitor_uri;  /* gen; NULL: none */
	struct http_fail *fails;  /* frontends only, in order */
	const struct http_answer *ready, *failed; /* set by check */
	struct tw_origin monitor; /* who NULL: not said */
	const struct http_forwarded *forwarded; /* gen; NULL: off */
	uint8_t names;            /* enum http_names */
	bool checkcache, buffer_request;
	const char *name_header;  /* http-send-name-header; gen; NULL: none */
};

/** tw__http_opt - of a proxy. */
struct http_opt *tw__http_opt(const struct tw_proxy *px);
/** tw__http_misplaced - the setter of a word that a section without the side
 * it speaks of ignores with a warning. */
int tw__http_misplaced(struct tw_line *ln);

/* http_monitor.c */
int tw__http_set_monitor_uri(struct tw_line *ln);
int tw__http_add_monitor_fail(struct tw_line *ln);
void tw__http_check_monitor(struct tw_gen *gen, struct tw_proxy *px);
bool tw__http_wants_monitor(const struct tw_proxy *px);
enum tw_verdict tw__http_on_monitor(struct tw_req *req, void *state);

/* http_answer.c */
/** tw__http_answer - takes a proxy's page for a status apart. returns: gen. */
const struct http_answer *tw__http_answer(
    struct tw_gen *gen, const struct tw_proxy *px, int status);

/* http_forwarded.c */
int tw__http_set_forwarded(struct tw_line *ln);
/** tw__http_forwarded_add - the field, when the backend wants it. */
void tw__http_forwarded_add(struct tw_req *req, const struct http_forwarded *f);

/* http_guard.c */
int tw__http_set_names(struct tw_line *ln);
bool tw__http_wants_names(const struct tw_proxy *px);
enum tw_verdict tw__http_on_names_route(struct tw_req *req, void *state);
enum tw_verdict tw__http_on_names_request(struct tw_req *req, void *state);
bool tw__http_wants_checkcache(const struct tw_proxy *px);
enum tw_verdict tw__http_on_checkcache(struct tw_req *req, void *state);
bool tw__http_wants_buffer(const struct tw_proxy *px);
enum tw_verdict tw__http_on_buffer(struct tw_req *req, void *state);

/* http_errors.c */
int tw__http_set_errorloc(struct tw_line *ln);
int tw__http_set_errorfiles(struct tw_line *ln);
int tw__http_section_errorfile(struct tw_line *ln);
/** tw__http_check_errors - what `errorfiles` lines name becomes pages. */
int tw__http_check_errors(struct tw_gen *gen, struct tw_proxy *px);
int tw__http_errors_open(struct tw_line *ln, void **section);
/** tw__http_section_page - for tw_error_sections(). */
struct tw_str tw__http_section_page(
    struct tw_gen *gen, const char *name, int status, bool *known);

#endif

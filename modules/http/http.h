/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * http.h - what the files of the http module share, besides the codec.
 */
#ifndef TW_HTTP_H
#define TW_HTTP_H

#include <tideway/conn.h>
#include <tideway/expr.h>
#include <tideway/module.h>
#include <tideway/proto.h>
#include <tideway/proxy.h>

#include "http_opt.h"

#define HTTP_N_PAGES 22

struct http_page {
	int status;
	struct tw_str text;
};
/* Ends with status 0. */
extern const struct http_page tw__http_pages[HTTP_N_PAGES + 1];
/** tw__http_page_index - returns: -1 for a status without a page. */
int tw__http_page_index(int status);

/* `option forwardfor`; a plain value. */
struct http_forward {
	bool on;
	bool if_none;
	const char *name;       /* gen; NULL: the usual one */
	uint16_t except_family; /* 0: none */
	uint8_t except[16];
	uint8_t except_mask[16];
};

/* The module's block in a generation. */
struct http_gen {
	bool any_method; /* h1-accept-payload-with-any-method */
	struct http_errors *errors; /* sections http-errors; gen */
	struct http_case *cases, *file_cases; /* h1-case-adjust; gen */
	uint16_t max_hdr; /* tune.http.maxhdr, less the first line; 0: none */
	uint32_t cookie_len; /* tune.http.cookielen; 0: the usual */
};

/* The module's block in a proxy. Copied as bytes from the defaults. */
struct http_proxy {
	struct tw_str error[HTTP_N_PAGES]; /* gen; p NULL: the built-in page */
	struct http_forward forward;
	bool any_method; /* the generation's */
	struct http_captures *captures; /* gen; NULL: none; a frontend's own */
	bool sees_captures; /* a backend whose responses are looked at */
	bool sees_unique_ids; /* a backend whose requests may get the field */
	const char *unique_id_name; /* unique-id-header; gen; NULL: none */
	struct http_forward originalto;
	const struct http_errors_ref *errors_ref[HTTP_N_PAGES]; /* until check */
	struct http_opt opt;
	const struct http_made *made[HTTP_N_PAGES]; /* gen; before `error`; or NULL */
};

/* The module's block in a request. */
struct http_req {
	bool forwarded; /* the field is in: a retry adds no second one */
	bool identified; /* the same, of unique-id-header */
};

/** tw__http_warn_mode - of what mode tcp ignores (http_warn.c). */
void tw__http_warn_mode(struct tw_gen *gen, const struct tw_proxy *px,
    const struct http_proxy *conf);
/** tw__http_captures_cookie - `capture cookie` was said. */
bool tw__http_captures_cookie(const struct http_proxy *conf);

struct http_errors;
struct http_errors_ref;
struct http_made;
struct http_proxy;

/* http_errors.c */
/** tw__http_status_page - of the status that argument `i` names. returns: as
 * tw__http_page_index; -1: reported. */
int tw__http_status_page(struct tw_line *ln, int i);
/** tw__http_page_set - a page of a proxy, in the place of what was said before. */
void tw__http_page_set(struct http_proxy *conf, int i, struct tw_str text);
/** tw__http_page_refer - the same: that of a section http-errors, if it has one. */
void tw__http_page_refer(struct tw_line *ln, int i, const char *section);

/** tw__http_page_named - tw_proto.error_named. */
int tw__http_page_named(struct tw_gen *gen, const char *section, int status,
    struct tw_str *page);

/* http_error_kw.c */
int tw__http_set_error(struct tw_line *ln);
/** tw__http_made_answer - such a page as the answer to a request. */
enum tw_verdict tw__http_made_answer(
    struct tw_req *req, const struct http_made *m, const struct tw_origin *at);
/** tw__http_made_page - a page with formats, for a request. returns: arena; p
 * NULL: it is too long, or there is no memory. */
struct tw_str tw__http_made_page(const struct http_made *m, struct tw_req *req);

/* Set once by load(), before there are threads. */
extern const struct tw_self *tw__http_self;

extern const struct tw_kw tw__http_keywords[];
/** tw__http_is_token - may be a field's name. source: RFC 9110, 5.6.2. */
bool tw__http_is_token(const char *s);
/* http_capture.c */
int tw__http_set_capture_request(struct tw_line *ln);
int tw__http_set_capture_response(struct tw_line *ln);
int tw__http_set_capture_cookie(struct tw_line *ln);
enum tw_verdict tw__http_capture_request(struct tw_req *req, void *state);
enum tw_verdict tw__http_capture_response(struct tw_req *req, void *state);
bool tw__http_captures_request(const struct tw_proxy *px);
bool tw__http_captures_response(const struct tw_proxy *px);
/** tw__http_captures_check - which backends' responses are looked at. */
void tw__http_captures_check(struct tw_gen *gen);
extern const struct tw_fetch tw__http_fetches[];

/** tw__http_errorfile - reads and checks an answer. returns: gen; p NULL with
 * err. An empty file gives length 0 and p not NULL. */
struct tw_str tw__http_errorfile(struct tw_arena *arena, const char *path,
    struct tw_err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * edit.h - what rules change about an exchange and its connection.
 */
#ifndef TIDEWAY_EDIT_H
#define TIDEWAY_EDIT_H

#include <tideway/log.h>
#include <tideway/req.h>

/** tw_req_set_term - the two letters of the log's termination state, before
 * tw_req_reply(); without them it is "LR" or "LH". */
TW_API void tw_req_set_term(struct tw_req *req, char who, char when);
/** tw_req_set_status - of the response, as the log has it. */
TW_API void tw_req_set_status(struct tw_req *req, int status);
/** tw_req_set_method - in: name, lives as long as the request. What was asked for
 * with HEAD gets no body, whatever the server sends; what was not, an empty one when
 * the server is asked with HEAD. errors: -1: from or to CONNECT, as the client
 * would take the answer's end for elsewhere. */
TW_API int tw_req_set_method(struct tw_req *req, struct tw_str name);
/** tw_req_denied - counts a refusal, of the request or of the response. */
TW_API void tw_req_denied(struct tw_req *req, bool response);
/** tw_req_page - the answer for an error status, head and body, as the backend,
 * the frontend or the built-in pages have it. returns: p NULL: mode tcp; len 0:
 * none is to be sent. */
TW_API struct tw_str tw_req_page(struct tw_req *req, int status);
/** tw_error_page_named - the page that a section http-errors has for a status.
 * out: page, gen; len 0: close without a word. returns: 1: there; 0: the section
 * has none; -1: there is no such section. context: control, all files read. */
TW_API int tw_error_page_named(struct tw_gen *gen, const char *section, int status,
    struct tw_str *page);
/** tw_req_content - mode tcp: bytes that came and were not passed on. out:
 * borrow, until the hook returns. returns: OK: TW_WAIT will call the hook again
 * with more; END: there will be no more, or there is no room; ERR: reset.
 * context: CONTENT, RESPONSE_CONTENT. */
TW_API enum tw_io tw_req_content(struct tw_req *req, bool response, struct tw_str *bytes);
/** tw_conn_set_src, tw_conn_set_dst - what tw_conn_src() and tw_conn_dst() say
 * from now on. */
TW_API void tw_conn_set_src(struct tw_conn *conn, const struct tw_addr *src);
TW_API void tw_conn_set_dst(struct tw_conn *conn, const struct tw_addr *dst);
/** tw_conn_abort - it will be closed without a FIN; the hook fails. */
TW_API void tw_conn_abort(struct tw_conn *conn);
/** tw_conn_expect_proxy - a PROXY header must come first. context: CONN. */
TW_API void tw_conn_expect_proxy(struct tw_conn *conn);
/** tw_req_set_log_level - of its line in the log; -1: no line. */
TW_API void tw_req_set_log_level(struct tw_req *req, int level);
/** tw_req_log_level - what was set; else `usual`. */
TW_API enum tw_level tw_req_log_level(const struct tw_req *req, enum tw_level usual);
/** tw_req_set_timeout - in place of the backend's, for this exchange. in: which,
 * "server", "tunnel" or "client". */
TW_API void tw_req_set_timeout(struct tw_req *req, const char *which, uint32_t ms);
/** tw_req_set_retries - in place of the backend's. */
TW_API void tw_req_set_retries(struct tw_req *req, uint32_t n);
/** tw_req_set_priority_class, tw_req_set_priority_offset - its place in a queue:
 * lower classes go first, within one by time of arrival plus offset. */
TW_API void tw_req_set_priority_class(struct tw_req *req, int cls);
TW_API void tw_req_set_priority_offset(struct tw_req *req, int ms);
/** tw_req_interim - sends an interim response (103) now. in: headers, as in
 * struct tw_reply. returns: false: the client cannot take it. */
TW_API bool tw_req_interim(struct tw_req *req, int status, const struct tw_str *headers,
    int n_headers);
/** tw_proxy_has_routes - it has use_backend lines so far. */
TW_API bool tw_proxy_has_routes(const struct tw_proxy *px);
/** tw_service_find - what a module answers by this name; NULL: none does. out:
 * owner, the module, whose block run() gets. */
TW_API const struct tw_service *tw_service_find(
    const char *name, const struct tw_self **owner);
/** tw_known_word - a word of HAProxy's that may be supported some day. */
TW_API bool tw_known_word(const char *word, const char *second);

/* What the action do-log writes. */
struct tw_log_profile;
/** tw_log_profile_find - a `log-profile` section, when all files are read.
 * returns: gen; NULL: there is none. */
TW_API const struct tw_log_profile *tw_log_profile_find(
    const struct tw_gen *gen, const char *name);
/** tw_req_log_now - a line of the log about what is known by now, besides those
 * that are written anyway. in: rules, the enum tw_rules it comes from; profile,
 * NULL: each target's. */
TW_API void tw_req_log_now(struct tw_req *req, unsigned rules,
    const struct tw_log_profile *profile);
/** tw_req_timeout_ms - the timeout in force for this exchange, by the keyword's
 * second word, as tw_proxy_timeout_ms(): what a rule has set, else the frontend's
 * ("client", and others that it alone has) or the backend's. returns: 0: none. */
TW_API uint32_t tw_req_timeout_ms(const struct tw_req *req, const char *which);
/** tw_req_rule_timeout_ms - what a rule has set; 0: none has. */
TW_API uint32_t tw_req_rule_timeout_ms(const struct tw_req *req, const char *which);
/** tw_req_no_retry - it is not sent again once it went out, whatever retry-on
 * says. */
TW_API void tw_req_no_retry(struct tw_req *req);
/** tw_req_set_nice - -1024 to 1024: how much it moves in one turn of the loop. */
TW_API void tw_req_set_nice(struct tw_req *req, int nice);
/** tw_req_ruled - a rule has ended its rule set. in: origin, gen. */
TW_API void tw_req_ruled(struct tw_req *req, const struct tw_origin *origin);
/** tw_req_set_server_mark, tw_req_set_server_tos - of its connection to the
 * server, which is then not shared with others. context: before CONNECT. */
TW_API void tw_req_set_server_mark(struct tw_req *req, uint32_t mark);
TW_API void tw_req_set_server_tos(struct tw_req *req, uint8_t tos);
/** tw_req_waits_for - a rule, for reports should it fail meanwhile. in: origin,
 * gen; NULL: it goes on. */
TW_API void tw_req_waits_for(struct tw_req *req, const struct tw_origin *origin);

/** tw_req_content_edit - mode tcp: of the bytes that tw_req_content() gives, n
 * from `at` on become `by`. returns: false: no such bytes, or no room. What
 * tw_req_content() gave before is not valid any more. context: as there. */
TW_API bool tw_req_content_edit(struct tw_req *req, bool response, size_t at, size_t n,
    struct tw_str by);
/** tw_req_content_room - how many bytes more would fit there. */
TW_API size_t tw_req_content_room(const struct tw_req *req, bool response);
/** tw_req_content_send - mode tcp: bytes to the client (response) or to the server,
 * at once, before all that waits there. returns: OK: sent, or kept until they can
 * be; AGAIN: what was sent before has not left: TW_WAIT will call the hook again;
 * ERR: there is no such connection (yet), or it is lost. context: as
 * tw_req_content(). */
TW_API enum tw_io tw_req_content_send(struct tw_req *req, bool response,
    struct tw_str bytes);

/* The parts of a request's target. */
struct tw_target {
	struct tw_str before; /* scheme and authority; empty in the origin form */
	struct tw_str path;
	struct tw_str query;  /* without '?' */
	bool has_query;
};
enum tw_target_part {
	TW_TARGET_PATH,
	TW_TARGET_PATHQ, /* the path with the query */
	TW_TARGET_QUERY,
	TW_TARGET_URI,   /* all of it */
	TW_N_TARGET_PARTS
};
/** tw_target_split - out: borrow: while the target is not changed. */
TW_API struct tw_target tw_target_split(const struct tw_msg *msg);
/** tw_target_has_path - false for "*" and an authority. */
TW_API bool tw_target_has_path(const struct tw_msg *msg);
/** tw_target_join - the request's target becomes this. errors: -1: it would not
 * be one token, or is too long. */
TW_API int tw_target_join(struct tw_req *req, const struct tw_target *p);
/** tw_req_set_target - replaces a part, blanks escaped; what has no path keeps its
 * target. Another URI that has an authority makes that the Host. in: text, a query may
 * begin with '?'. errors: as tw_target_join(). */
TW_API int tw_req_set_target(struct tw_req *req, enum tw_target_part part,
    struct tw_str text);
/** tw_req_uri - the URI as the client said it, or rules since: the target, but absolute
 * where TW_MSG_ABSOLUTE is set. borrow: until target or host are changed. */
TW_API struct tw_str tw_req_uri(struct tw_req *req);
/** tw_req_host_changed - a Host field got this value: the request is told by it from
 * now on, and an authority in its target follows. in: value must live until RESET.
 * errors: -1: that would not be a target. */
TW_API int tw_req_host_changed(struct tw_req *req, struct tw_str value);
/** tw_req_reply_page - queues the page of an error status (tw_req_page) as the
 * answer; rules edit it as any other. in: close, the connection ends after it.
 * returns: DONE; FAIL: there is none to be sent, or mode tcp: it is closed. */
TW_API enum tw_verdict tw_req_reply_page(struct tw_req *req, int status, bool close,
    const struct tw_origin *origin);

#endif

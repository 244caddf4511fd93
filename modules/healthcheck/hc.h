/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * hc.h - what the files of the healthcheck module share.
 *
 * Configuration is in the module's proxy and server blocks (read-only once
 * the generation runs). What goes on with a server is in its live block, so
 * that a reload finds its checks where they were. All of it belongs to the
 * control thread.
 */
#ifndef HEALTHCHECK_HC_H
#define HEALTHCHECK_HC_H

#include <tideway/check.h>
#include <tideway/module.h>

#define HC_ANSWER_MAX 16384u /* bytes of an answer that are looked at */
#define HC_REQUEST_MAX 4096u

enum hc_match { HC_ANY_OK, HC_STATUS, HC_RSTATUS, HC_STRING, HC_RSTRING };

struct hc_range {
	uint16_t from, to;
};

/* `http-check expect`. */
struct hc_expect {
	enum hc_match match;
	bool negate;
	const char *text;             /* gen: as written */
	const struct hc_range *range; /* gen: HC_STATUS */
	int n_ranges;
	void *regex;                  /* gen: compiled */
};

/* `option httpchk` and `http-check send`. */
struct hc_http {
	bool given;                  /* option httpchk */
	bool send_given;
	const char *method, *uri, *version; /* gen; NULL: the default */
	const char *send_method, *send_uri, *send_version;
	struct tw_str headers;       /* gen: "name: value\r\n" ... */
	bool has_connection;         /* among them */
	const char *body;            /* gen; NULL: none */
	bool disable_on_404;
	struct hc_expect expect;
	struct tw_str request;       /* gen: what goes out, made by check() */
};

struct hc_proxy {
	const struct tw_check_type *type; /* static; NULL: connecting is enough */
	struct hc_http http;
};

struct hc_gen {
	uint32_t spread_pct;  /* spread-checks */
};

extern const struct tw_self *hc_self; /* set once, at load */
enum hc_type { HC_HTTPCHK, HC_TCPCHK };
extern const struct tw_check_type hc_types[]; /* by enum hc_type */
extern const struct tw_kw hc_keywords[];

static inline struct hc_proxy *
hc_proxy_of(const struct tw_server *srv)
{
	return tw_proxy_block(tw_server_proxy(srv), hc_self);
}

/* --- httpchk.c, tcpchk.c: the types --- */
size_t hc_httpchk_request(const struct tw_server *srv, struct tw_out *out);
enum tw_io hc_httpchk_answer(const struct tw_server *srv, struct tw_str got,
    bool eof, struct tw_check_result *r);
size_t hc_tcpchk_request(const struct tw_server *srv, struct tw_out *out);
enum tw_io hc_tcpchk_answer(const struct tw_server *srv, struct tw_str got,
    bool eof, struct tw_check_result *r);
/** hc_http_request - writes the request that `http` describes. */
void hc_http_request(const struct hc_http *http, struct tw_out *out);

/* --- answer.c: pure --- */
struct hc_head {
	uint16_t status;
	struct tw_str reason;
	struct tw_str body;    /* what came of it */
	bool chunked;
	bool has_length;
	uint64_t length;
};
/** hc_head_parse - the head of an HTTP/1 answer. returns: OK; AGAIN:
 * incomplete; ERR: it is none. source: RFC 9112. */
enum tw_io hc_head_parse(struct tw_str got, struct hc_head *head);
/** hc_body_of - the payload so far. in: mem, room for it when it must be
 * decoded (as long as `got`). out: body. returns: true when it is whole. */
bool hc_body_of(const struct hc_head *head, bool eof, char *mem,
    struct tw_str *body);

/* --- expect.c --- */
/** hc_expect_parse - from argument `i` of an `http-check expect` line. */
int hc_expect_parse(struct tw_line *ln, int i, struct hc_expect *e);
/** hc_status_is_expected - for HC_ANY_OK, HC_STATUS and HC_RSTATUS. */
bool hc_status_is_expected(const struct hc_expect *e, uint16_t status);
/** hc_body_matches - for HC_STRING and HC_RSTRING, without `negate`. */
bool hc_body_matches(const struct hc_expect *e, struct tw_str body);

/* --- health.c: pure --- */
/** hc_health_next - rise and fall: the counter after one more result.
 * in: health, 0 .. rise + fall - 1; at least `rise` means up. */
int hc_health_next(int health, int rise, int fall, bool passed);
/** hc_health_settle - the counter where a person forced the state. */
int hc_health_settle(int health, int rise, int fall, bool up);
/** hc_interval_ms - until the next check. source: HAProxy's manual 5.2,
 * inter, fastinter, downinter. */
uint32_t hc_interval_ms(const struct tw_check_conf *p, int health, bool first);

/* --- runner.c --- */
/** hc_runner_sync - makes the checks those of the running generation. */
void hc_runner_sync(void);
/** hc_runner_drop - the generation goes: nothing may refer to it. */
void hc_runner_drop(const struct tw_gen *gen);
/** hc_runner_start / hc_runner_stop - with the control thread. */
void hc_runner_start(void);
void hc_runner_stop(void);

#endif

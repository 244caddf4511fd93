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
#include <tideway/mux.h>
#include <tideway/proto.h>
#include <tideway/server_run.h>
#include <tideway/transport.h>

#include "rule.h"

#define HC_ANSWER_MAX 16384u /* bytes of an answer that are looked at */
#define HC_REQUEST_MAX 16384u
#define HC_TEXT_MAX 4096u    /* what a format may make */

#define HC_BE (TW_SC_DEFAULTS | TW_SC_LISTEN | TW_SC_BACKEND)

/* outlier-detection. */
struct hc_outlier {
	bool on;
	uint32_t all, gateway;       /* errors in a row; 0: not looked at */
	uint32_t base_ms, max_ms, max_percent;
};

struct hc_proxy {
	enum hc_kind kind;           /* HC_TCP unless an option says otherwise */
	struct hc_set tcp, http, preset;
	const char *preset_name;     /* "redis-check", for messages */
	struct hc_send opt;          /* what `option httpchk` said */
	bool tcp_given;              /* option tcp-check */
	bool disable_on_404, send_state;
	bool log_checks;             /* option log-health-checks */
	struct hc_outlier outlier;
	const char *command, *path;  /* gen: external-check */
	/* gen; made by check() */
	const struct hc_set *active;
	const struct hc_rule *first_send; /* gets what `opt` says, too */
};

enum hc_observe { HC_OBSERVE_NONE, HC_OBSERVE_L4, HC_OBSERVE_L7 };
enum hc_on_error { HC_FAIL_CHECK, HC_FASTINTER, HC_SUDDEN_DEATH, HC_MARK_DOWN };

enum hc_ssl { HC_SSL_AS_SERVER, HC_SSL_ON, HC_SSL_OFF };

struct hc_server {
	bool agent;                  /* agent-check */
	uint32_t agent_port, agent_inter_ms; /* 0: none; 0: inter */
	const struct tw_addr *agent_addr; /* gen; NULL: the server's */
	struct tw_str agent_send;    /* gen */
	bool check_send_proxy;
	const char *track;           /* gen: as written; NULL: none */
	struct tw_server *tracked;   /* gen: found by check() */
	uint8_t observe;             /* enum hc_observe */
	uint8_t on_error;            /* enum hc_on_error */
	uint32_t error_limit;        /* 0: 10 */
	struct hc_set agent_set;
	const char *named;           /* gen: healthcheck; NULL: its backend's */
	const struct hc_proxy *conf; /* gen: how it is checked; set by check() */
	const char *proto;           /* gen: check-proto; NULL: as its traffic */
	uint8_t check_ssl;           /* enum hc_ssl */
	bool no_sni_auto;            /* no-check-sni-auto */
	const char *sni;             /* gen: check-sni; NULL: none */
	struct tw_str alpn;          /* gen: check-alpn, wire format; p NULL: none */
	const struct tw_transport *tls; /* gen: prepared for its checks; NULL */
	void *tls_conf;
};

/* A `healthcheck` section. */
struct hc_named {
	struct hc_named *next;
	const char *name, *file;     /* gen */
	int line;
	struct hc_proxy conf;
};

struct hc_gen {
	uint32_t spread_pct;         /* spread-checks */
	uint32_t max_spread_ms;      /* max-spread-checks; 0: none */
	bool external;               /* external-check */
	bool observes;               /* some server does; made by check() */
	struct hc_named *named;      /* gen: sections, the last first */
};

extern const struct tw_self *hc_self; /* set once, at load */
extern const struct tw_kw hc_keywords[];

static inline struct hc_proxy *
hc_proxy_of(const struct tw_server *srv)
{
	return tw_proxy_block(tw_server_proxy(srv), hc_self);
}

static inline struct hc_server *
hc_server_of(const struct tw_server *srv)
{
	return tw_server_block(srv, hc_self);
}

/** hc_conf_of - how a server is checked. */
static inline const struct hc_proxy *
hc_conf_of(const struct tw_server *srv)
{
	return hc_server_of(srv)->conf;
}

/* --- section.c --- */
extern const struct tw_section hc_sections[];
/** hc_named_find - NULL: there is none. */
struct hc_named *hc_named_find(struct tw_gen *gen, const char *name);

/* --- complete.c: when all lines are read --- */
int hc_complete(struct tw_gen *gen);
/** hc_conf_choose - which check is a server's: a section's, or its backend's. */
int hc_conf_choose(struct tw_gen *gen, struct tw_server *srv, struct tw_err *err);
/** hc_has_port - the checks' rules say where to connect. */
bool hc_has_port(const struct hc_proxy *conf);
/** hc_secure_prepare - what checks over TLS need. (secure.c) */
int hc_secure_prepare(struct tw_server *srv, struct tw_err *err);
void hc_agent_complete(
    struct tw_arena *arena, struct tw_server *srv, struct hc_server *s);

/* --- dynamic.c: servers added and deleted at run time --- */
int hc_server_check(struct tw_server *srv, struct tw_err *err);
void hc_server_event(struct tw_server *srv, enum tw_server_event what);
/** hc_backend_observes - its traffic is looked at. */
bool hc_backend_observes(const struct tw_proxy *px);

/* --- mux.c --- */
/** hc_mux_proto - what HTTP checks speak beside HTTP/1. returns: NULL: no module is
 * loaded that knows more. */
const struct tw_proto *hc_mux_proto(void);

/* --- request.c --- */
/** hc_state_out - the header of `http-check send-state`. */
void hc_state_out(const struct tw_server *srv, struct tw_out *out);

/* --- answer.c: pure --- */
struct hc_head {
	uint16_t status;
	struct tw_str reason;
	struct tw_str fields;  /* the header's lines */
	struct tw_str body;    /* what came of it */
	bool chunked;
	bool has_length;
	uint64_t length;
};
/** hc_head_parse - the head of an HTTP/1 answer. returns: OK; AGAIN:
 * incomplete; ERR: it is none. source: RFC 9112. */
enum tw_io hc_head_parse(struct tw_str got, struct hc_head *head);
/** hc_field_next - takes one field off. returns: false: there is none. */
bool hc_field_next(struct tw_str *fields, struct tw_str *name, struct tw_str *value);
/** hc_body_of - the payload so far. in: mem, room for it when it must be
 * decoded (as long as `got`). out: body. returns: true when it is whole. */
bool hc_body_of(const struct hc_head *head, bool eof, char *mem,
    struct tw_str *body);

/* --- health.c: pure --- */
/** hc_health_next - rise and fall: the counter after one more result.
 * in: health, 0 .. rise + fall - 1; at least `rise` means up. */
int hc_health_next(int health, int rise, int fall, bool passed);
/** hc_health_settle - the counter where a person forced the state. */
int hc_health_settle(int health, int rise, int fall, bool up);
/** hc_interval_ms - until the next check. source: HAProxy's manual 5.2,
 * inter, fastinter, downinter. */
uint32_t hc_interval_ms(const struct tw_check_conf *p, int health, bool first);

/* --- agent.c --- */
/* What an agent said. */
struct hc_agent_word {
	int percent;                 /* -1: not said */
	int64_t maxconn;             /* -1: not said */
	enum { HC_AG_NONE, HC_AG_READY, HC_AG_DRAIN, HC_AG_MAINT } admin;
	enum { HC_AG_SAME, HC_AG_UP, HC_AG_DOWN } health;
	char status[16];             /* the word: "stopped" */
	char text[80];               /* after '#' */
	char unknown[40];            /* the first word that is none of these */
};
/** hc_agent_parse - one line. pure. */
void hc_agent_parse(struct tw_str line, struct hc_agent_word *out);
/** hc_agent_set - the rules of a server's agent check. */
void hc_agent_set(struct tw_arena *arena, struct hc_server *s);

/* --- runner.c --- */
/** hc_runner_follow - makes the checks those of the generation in force. */
void hc_runner_follow(struct tw_gen *gen);
/** hc_runner_add, hc_runner_remove - one server's checks. */
void hc_runner_add(struct tw_server *srv);
void hc_runner_remove(struct tw_server *srv);
/** hc_runner_drop - the generation goes: nothing may refer to it. */
void hc_runner_drop(const struct tw_gen *gen);
/** hc_runner_start / hc_runner_stop - with the control thread. */
void hc_runner_start(void);
void hc_runner_stop(void);

#endif

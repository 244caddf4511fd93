/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * hc_run.h - one server's checks, while they live.
 *
 * They are in the module's block in the server's live part: zeroed when the
 * server first appears, kept over reloads, freed by the core after
 * hc_runner_drop() has let go of them. Control thread only, but for what says
 * otherwise.
 */
#ifndef HEALTHCHECK_HC_RUN_H
#define HEALTHCHECK_HC_RUN_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include <tideway/worker.h>
#include "hc.h"

enum hc_phase {
	HC_OFF,        /* not checked: zeroed memory says so */
	HC_WAITING,    /* for its next turn */
	HC_CONNECTING,
	HC_TALKING,    /* the rules run */
	HC_HANDSHAKE,  /* of the transport; the rule is a connect */
	HC_PROGRAM,    /* a program runs */
};

struct hc_check {
	struct tw_timer timer;   /* first: the next turn, or the timeout */
	TAILQ_ENTRY(hc_check) link;
	enum hc_phase phase;
	bool is_agent;
	bool known;              /* a result was had */
	bool fresh;              /* waits for its first turn */
	int fd;                  /* owns; -1: none */
	int health;              /* 0 .. rise + fall - 1 */
	struct event event;      /* of fd */
	struct tw_server *srv;   /* borrow: gen */
	const struct tw_gen *gen; /* borrow: the generation of srv */
	struct tw_check_conf conf;
	uint64_t begun_us, turn_ms; /* when this check began */
	/* while the rules run */
	const struct hc_rule *rule; /* borrow: gen; the one that runs */
	const struct hc_rule *connected_by; /* borrow: gen; who made the connection */
	bool is_sending;         /* the rule at hand waits for the socket */
	bool was_late;           /* one more turn of the loop was given */
	bool linger, reset;      /* of the connection; it was reset at once */
	char *buf;               /* owns; the answer; NULL: none */
	uint32_t len, size;
	char *out;               /* owns; what is to be sent; NULL: nothing */
	uint32_t out_len, sent;
	bool eof;
	struct tw__var_value *vars; /* owns */
	uint32_t program_id;     /* 0: none runs */
	/* of the connection */
	const struct tw_transport *transport; /* NULL: clear text */
	void *transport_conf;    /* gen */
	void *state;             /* owns: the transport's, since it began */
	bool headed;             /* the PROXY header is said, if there is one */
	bool established;        /* the transport's handshake is done */
	bool drained;            /* the transport has no more without an event */
	struct tw_addr to;       /* where it goes */
	/* of an HTTP check that is not HTTP/1 */
	const struct tw_single *mux; /* since its request was sent; NULL: not so */
	void *mux_state;         /* owns */
	char left[TW_SINGLE_REST]; /* received, not taken yet */
	uint8_t n_left;
	bool mux_waits;          /* something has to wait for the socket */
	bool mux_heard;          /* something came */
};

/* What traffic shows of a server among its like. */
struct hc_outliers {
	struct tw_timer timer;       /* until it returns */
	TAILQ_ENTRY(hc_live) link;   /* while it is ejected */
	struct tw_server *srv;       /* borrow: gen */
	const struct tw_gen *gen;    /* borrow: of srv */
	uint32_t in_row;             /* ejections that make the next one longer */
	uint64_t returned_ms;
	/* shared: relaxed; the first two are written by workers */
	_Atomic uint32_t n_5xx, n_gateway; /* in a row */
	_Atomic uint32_t posted;     /* 1: a message is on its way */
	_Atomic uint32_t total;      /* ejections */
	_Atomic uint64_t until_ms;   /* 0: it is not ejected */
};

/* Everything of a server. */
struct hc_live {
	struct hc_check check, agent;
	int64_t agent_maxconn;   /* said by the agent, plus 1; 0: nothing */
	/* shared: relaxed; written by workers */
	_Atomic uint32_t errors; /* in a row, as observed */
	_Atomic uint32_t posted; /* 1: a message is on its way */
	struct hc_outliers outlier;
};

/* --- talk.c: one check's connection --- */
/** hc_talk_connect - ends what there was. in: what it is to be made with: rule,
 * whose connection it is. returns: false: it goes on later. */
bool hc_talk_connect(
    struct hc_check *c, const struct tw_addr *to, const struct hc_connect *conn);
/** hc_talk_secure - the transport's handshake, if it has one. returns: true: it is
 * done; false: later, or it has ended. */
bool hc_talk_secure(struct hc_check *c, struct tw_req *req);
/** hc_talk_send - in: bytes, copied. returns: true: all of it is sent; false:
 * later, or it has ended. */
bool hc_talk_send(struct hc_check *c, struct tw_str bytes);
/** hc_talk_read - waits for more. */
void hc_talk_read(struct hc_check *c);
/** hc_talk_timeout - the deadline has passed. */
void hc_talk_timeout(struct hc_check *c);
/** hc_talk_abort - closes without a result. */
void hc_talk_abort(struct hc_check *c);
/** hc_talk_end - closes, and tells r; NULL: it could not be tried. */
void hc_talk_end(struct hc_check *c, struct tw_check_result *r);
/** hc_talk_fail - in: error, 0 or an errno. */
void hc_talk_fail(struct hc_check *c, enum tw_chk what, int error);

/** hc_talk_take - in: more of the answer, copied as far as it is looked at. returns:
 * false: out of memory. */
bool hc_talk_take(struct hc_check *c, struct tw_str bytes);

/* --- mux.c --- */
/* What an HTTP check speaks: what the transport's peers have agreed upon, or what a
 * line says whatever that is. */
enum hc_speaks { HC_SPEAKS_AGREED, HC_SPEAKS_H1, HC_SPEAKS_MUX };
enum hc_speaks hc_mux_forced(
    const struct tw_server *srv, const struct hc_connect *conn);
/** hc_mux_begins - its request goes another way than that of HTTP/1. */
bool hc_mux_begins(const struct hc_check *c);
/** hc_mux_send - returns: as hc_talk_send. */
bool hc_mux_send(struct hc_check *c, const struct hc_request *r);
/** hc_mux_event - the socket is ready. */
void hc_mux_event(struct hc_check *c);
void hc_mux_close(struct hc_check *c);

/* --- secure.c --- */
/** hc_secure_of - what carries a connection. out: conf. returns: NULL: clear text. */
const struct tw_transport *hc_secure_of(
    const struct hc_check *c, const struct hc_connect *conn, void **conf);
/** hc_secure_start - how it begins, by the rule at hand. */
struct tw_start hc_secure_start(
    const struct hc_check *c, void *conf, struct tw_req *req);
/** hc_io_recv, hc_io_send - as recv() and send(), over what the check has. */
ssize_t hc_io_recv(struct hc_check *c, void *p, size_t len);
ssize_t hc_io_send(struct hc_check *c, const void *p, size_t len);
/** hc_io_flush - returns: false: something has to wait for the socket. */
bool hc_io_flush(struct hc_check *c);

/* --- script.c: the rules --- */
void hc_script_begin(struct hc_check *c);
/** hc_script_go - an event came: the rule at hand goes on. */
void hc_script_go(struct hc_check *c);
/** hc_script_where - " at step 1 of tcp-check (connect)", for messages. */
void hc_script_where(const struct hc_check *c, struct tw_out *o);
const struct hc_set *hc_script_of(const struct hc_check *c);
/** hc_tout_status - of the rule at hand. */
enum tw_chk hc_tout_status(const struct hc_check *c);

/* --- runner.c --- */
/** hc_check_ended - a result, or NULL: could not be tried. */
void hc_check_ended(struct hc_check *c, struct tw_check_result *r);
/** hc_check_result - one more result, of a check or of what was observed. */
void hc_check_result(struct hc_check *c, struct tw_check_result *r);
/** hc_check_of_program - who waits for it; NULL: nobody. */
struct hc_check *hc_check_of_program(uint32_t id);
/** hc_check_soon - the next turn comes after fastinter. */
void hc_check_soon(struct hc_check *c);
bool hc_has_passed(enum tw_chk what);

/* --- agent.c --- */
void hc_agent_ended(struct hc_check *c, struct tw_check_result *r);
hc_judge hc_agent_judge;

/* --- external.c --- */
void hc_external_begin(struct hc_check *c);
void hc_external_abort(struct hc_check *c);
/** hc_external_up, hc_external_down - with the control thread. */
void hc_external_up(void);
void hc_external_down(void);
bool hc_process_wanted(struct tw_gen *gen);
int hc_process(struct tw_gen *gen, int control_fd);

/* --- observe.c --- */
extern const struct tw_hook hc_hooks[];

/* --- outlier.c --- */
/** hc_outlier_take - enough errors were counted. in: so many. */
void hc_outlier_take(struct hc_live *l, uint32_t n_5xx, uint32_t n_gateway);
void hc_outlier_adopt(struct tw_server *srv, const struct tw_gen *gen);
/** hc_outlier_forget - the server was deleted. */
void hc_outlier_forget(struct tw_server *srv);
void hc_outlier_prune(const struct tw_gen *keep);
extern const struct tw_stats_table hc_tables[];

#endif

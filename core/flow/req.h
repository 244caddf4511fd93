/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * flow/req.h - one exchange from the inside.
 *
 * A request owns two halves that mirror each other: `up` moves the client's
 * bytes to the server, `down` the server's to the client; one relay function
 * serves both. Steps (core/tbl/steps.h) are run by tw__flow_run() until one
 * waits; every event on either connection, a timer or tw_resume() runs them
 * again from the step where they stood. One worker's thread.
 */
#ifndef TW_FLOW_REQ_H
#define TW_FLOW_REQ_H

#include <tideway/filter.h>
#include <tideway/proto.h>
#include <tideway/req.h>
#include "core/net/conn.h"
#include "core/proxy/logger.h"
#include "core/proxy/proxy.h"

enum tw__step {
#define X(name, fn, term, what) TW__##name,
#include "core/tbl/steps.h"
#undef X
	TW__N_STEPS
};

/* What a step returns. */
enum tw__next {
	TW__MORE, /* run the step that req->step names now */
	TW__WAIT, /* an event will run it again */
	TW__KEEP, /* the request is gone, its connection waits for the next */
	TW__GONE, /* the connection is gone, too */
};

/* What the client asked with, when a rule has set the method. */
enum tw__head_how {
	TW__HEAD_SAME,    /* none has */
	TW__HEAD_ASKED,   /* with HEAD, whatever the server is asked with */
	TW__HEAD_UNASKED, /* not with HEAD */
};

/* A body's beginning that was gathered before its head left. */
struct tw__gathered {
	char *p;       /* arena; NULL: none was */
	size_t len, room;
	bool whole;    /* that is all of it */
	bool given;    /* it is on its way */
};

struct tw__stage; /* filter.c */
struct tw__filters {
	struct tw_timer timer; /* the first field: its function looks from there */
	struct tw_req *req;
	struct tw__gathered gathered;
	int n;
	bool used;     /* something has passed through them */
	bool resumed;  /* tw_filter_resume() was called */
	bool waits;    /* one waits for that */
	bool finished; /* the last one has given everything */
	struct tw__stage *stage; /* arena: [n], with room */
};

struct tw__half {
	struct tw_stream in, out;
	struct tw__pipe *pipe;     /* owns: while splicing */
	uint64_t bytes;            /* payload and heads passed on */
	uint32_t keep;             /* bytes at the buffer's start that must stay */
	bool begun;                /* its head has left */
	bool done;                 /* all of it was handed to the receiver */
	bool shut;                 /* FIN was passed on */
	struct tw__filters *filters; /* arena; NULL: none is attached */
};

/* What a rule has set in place of the proxies' settings; UINT32_MAX: nothing. */
struct tw__req_limits {
	uint32_t server_ms, tunnel_ms, client_ms, retries;
	uint32_t connect_ms, queue_ms, tarpit_ms;
	uint32_t turn_bytes;
	bool no_retry; /* disable-l7-retry */
	struct tw__out_marks marks; /* of the server's connection */
};

#define TW__LOG_SILENT 255 /* tw_req.log_level */

#define TW_REQ_MAGIC 0x54575251u

/* Everything before `req.hdr` is cleared for each request. */
struct tw_req {
	uint32_t magic;
	uint8_t step;              /* enum tw__step */
	uint8_t sub;               /* where inside a step, when it waits */
	bool http;
	bool persist;              /* a cookie chose the server */
	bool forced;               /* and no other one will do (force-persist) */
	bool redispatched;
	bool slot;                 /* holds a slot of srv */
	bool be_counted;           /* counted in the backend's sessions */
	bool srv_counted;
	bool keep;                 /* the client's connection goes on */
	bool srv_keep;             /* the server's may be used again */
	bool reused;               /* this exchange runs on a reused connection */
	bool fresh;                /* must not reuse: the last one broke */
	bool tunnel;
	bool answered;             /* bytes of a response have left */
	bool failed;
	bool resumed;              /* tw_resume() was called */
	bool moved;                /* progress since the timers were set */
	bool granted;              /* a queue has spoken: pend.granted */
	bool up_broken;            /* the server stopped reading the request */
	bool body_read;            /* tw_req_body() took the whole body */
	bool body_sent;            /* what it gathered has been passed on */
	bool body_wanted;          /* it waits for the client */
	bool copying;              /* what passes of it is kept for retry-on */
	bool silent;               /* the client has sent nothing */
	uint8_t head_how;          /* enum tw__head_how */
	bool logged;               /* early: option logasap */
	uint8_t log_step;          /* enum tw__log_step, of the line being written */
	uint8_t failed_at;         /* enum tw__step, when it failed */
	bool undecided;            /* a fetch waits for more bytes */
	bool unfinished;           /* rules may wait for them */
	uint8_t log_level;         /* 1 + enum tw_level; 0: not set; 255: silent */
	uint8_t timers_step;
	uint8_t restarts;
	uint8_t bc_errno;          /* of the last server's connection that failed */
	char term[2];              /* who, when; 0: not set */
	char cookie[2];            /* persistence letters; 0: not set */
	int16_t status;            /* -1: none */
	int16_t retries;
	uint16_t fail_status;
	int debug_fd;              /* -d: of the server; 0: never connected */
	const char *fail_why;
	const char *connect_why;   /* static: what the last handshake with a server died of */
	struct tw_worker *worker;
	struct tw_conn *cli, *srvc;
	struct tw_proxy *fe, *be, *chain_px;
	struct tw_server *srv;
	struct tw_server *avoid;   /* redispatched away from it; NULL: none */
	const struct tw_proto *proto; /* the client's codec */
	const struct tw_proto *srv_proto; /* the server's; the client's, until known */
	const struct tw__hook_entry *hook_at; /* it returned WAIT; NULL: none */
	struct tw__half up, down;
	struct tw__pend pend;
	struct tw_timer timer;     /* queue, hook, turn-around */
	bool timed_out;            /* timer fired */
	uint64_t id;
	/* Microseconds of the monotonic clock; 0: not reached. */
	uint64_t t_accept, t_idle, t_first, t_head, t_queue, t_connect, t_response,
    t_end;
	uint64_t t_fail_head;      /* when a slow head must be complete; ms */
	uint64_t counted_in, counted_out; /* bytes already in the counters */
	uint64_t seen_up, seen_down; /* option independent-streams: bytes + 1 */
	struct tw_reply reply;
	char *reply_buf;           /* owns: pooled; for produce */
	char *body;                /* arena: gathered by tw_req_body */
	size_t body_len, body_room;
	struct tw_addr *source;    /* arena: of the server's connection; when logged */
	struct tw_str unique_id;   /* arena; p NULL: not made yet */
	struct tw_str *captured;   /* arena: the frontend's slots; NULL: none yet */
	struct tw_arena *arena;    /* owns: kept for the next request when pooled */
	struct tw_str start_line;  /* borrow: receive buffer */
	uint8_t n_trail;
	struct tw_trail trail[TW_TRAIL_MAX];
	const struct tw_origin *last_rule; /* gen: that ended its rule set; NULL */
	const struct tw_origin *waiting; /* gen: the rule that waits; NULL */
	const struct tw_filter *waiting_filter, *last_filter; /* that waits; that
								 failed */
	struct tw__req_limits *limits; /* arena: set by rules; NULL: none */
	struct tw__serving *serving; /* arena: a service at work (serve.h); NULL: none */
	struct tw__var_value *vars; /* arena: txn, req, res; NULL: none is set */
	struct tw__record *record; /* its trail (trail.h); NULL: nobody wants it */
	struct tw__var_value **side_vars; /* borrow: of the check whose it is; NULL */
	char *block;               /* the modules' blocks; behind the struct */
	struct tw_msg req;
	struct tw_msg res;
};

/* One worker's part of core/flow. */
struct tw__flow {
	struct tw__pool reqs;
	uint32_t block_bytes;
	uint64_t next_id;
	struct tw_req *running;    /* for the crash report */
	struct tw_req *message_req; /* owns: tw_message_req(); NULL: not yet */
};

#define TW__BODY_SCRATCH 1024u
/* Room for a head in the worker's scratch memory; what is behind it serves the
 * body's framing (tw__half_begin). */
static inline struct tw_out
tw__head_out(const struct tw_req *req)
{
	struct tw__net *const net = req->worker->net;

	return tw_out_of(net->scratch, sizeof(net->scratch) - TW__BODY_SCRATCH);
}

/* The codec that a half's sender speaks, and the one its receiver does. */
static inline const struct tw_proto *
tw__half_in_proto(const struct tw_req *req, const struct tw__half *h)
{
	return h == &req->up ? req->proto : req->srv_proto;
}

static inline const struct tw_proto *
tw__half_out_proto(const struct tw_req *req, const struct tw__half *h)
{
	return h == &req->up ? req->srv_proto : req->proto;
}

/* What a codec wrote, as logs and counters have it. */
static inline size_t
tw__counted(struct tw_stream *out, size_t bytes)
{
	const uint32_t extra = out->extra;

	out->extra = 0;
	return bytes - extra;
}

/* The server's connection ends with the exchange, when either side says so. */
static inline bool
tw__closes_server(const struct tw_req *req)
{
	return (req->fe->c.http_mode | req->be->c.http_mode) != TW__KEEP_ALIVE;
}

/* Where in `bytes` the codec saw what is wrong. returns: -1: nowhere. */
static inline int64_t
tw__bad_at(const struct tw_stream *st, struct tw_str bytes)
{
	return st->bad == NULL || st->bad < bytes.p || st->bad > bytes.p + bytes.len
	    ? -1
	    : st->bad - bytes.p;
}

/* Forgets all of a message; its fields' memory need not be cleared. */
static inline void
tw__msg_clear(struct tw_msg *msg)
{
	memset(msg, 0, offsetof(struct tw_msg, hdr));
}

int tw__flow_up(struct tw_worker *w, uint32_t req_block, uint32_t conn_block);
void tw__flow_down(struct tw_worker *w);
/** tw__flow_next_id - the number of the next request there. */
uint64_t tw__flow_next_id(const struct tw_worker *w);

/** tw__side_req_free - one that tw_message_req() has made. */
void tw__side_req_free(struct tw_req **req);

/** tw__crash_init - the request at hand appears in crash reports. start-up. */
void tw__crash_init(void);

/* req.c */
struct tw_req *tw__req_new(struct tw_conn *cli);
void tw__req_free(struct tw_req **req);
/** tw__say_continue - 100, when the client waits for it. */
void tw__say_continue(struct tw_req *req);
/** tw__client_tell_end - calls who asked tw_conn_at_end(). */
void tw__client_tell_end(struct tw_conn *cli);
struct tw_origin;
extern const struct tw_origin tw__origin_core;

/* client.c: the client's connection between requests */
void tw__client_idle(struct tw_conn *cli);
/** tw__client_start - a new one: its first bytes may be there already. */
void tw__client_start(struct tw_conn *cli);
/** tw__client_end - closes it. */
void tw__client_end(struct tw_conn *cli);
/** tw__client_request - bytes came: a request begins. returns: NULL: out of
 * memory. */
struct tw_req *tw__client_request(struct tw_conn *cli);

/** tw__client_follow - to the generation that is current now. */
void tw__client_follow(struct tw_conn *cli);

/* mux.c */
/** tw__mux_begins - before a connection's first request: whether it carries streams
 * by what was agreed on or by what has come; then that has begun, or waits for
 * more. */
bool tw__mux_begins(struct tw_conn *cli);
/** tw__mux_agreed - the same, by what was agreed on alone. */
bool tw__mux_agreed(struct tw_conn *cli);
/** tw__mux_speaks - what a connection to a server carries streams with. returns:
 * NULL: none. */
const struct tw_proto *tw__mux_speaks(const struct tw_req *req);
/** tw__mux_connected - its connection becomes a carrier, and it gets a stream.
 * returns: false: it cannot; there is no connection then. */
bool tw__mux_connected(struct tw_req *req, const struct tw_proto *proto);
/** tw__mux_stream - one more, of a carrier to a server. returns: NULL: not now. */
struct tw_conn *tw__mux_stream(struct tw_conn *carrier);
/** tw__mux_leave - it ends with the streams that it has. */
void tw__mux_leave(struct tw_conn *carrier);
/** tw__wants_websocket - the client asks for that protocol. */
bool tw__wants_websocket(const struct tw_req *req);
/** tw__websocket_instead - what such a request to its server needs a connection of its
 * own for, which speaks that. returns: NULL: it goes where others go. */
const struct tw_proto *tw__websocket_instead(const struct tw_req *req);
/** tw__stream_ends - the exchange is over. */
void tw__stream_ends(struct tw_conn *stream);

/* fetch_flow.c */
struct tw__acl;
struct tw_err;
/** tw__flow_acl - while a late check of the expression engine runs: an ACL of the
 * proxy that it is about. returns: NULL: err. */
struct tw__acl *tw__flow_acl(struct tw_gen *gen, struct tw_str name, struct tw_err *err);

/* edit.c */
/** tw__req_limits_of - made when first asked for. returns: NULL: out of memory. */
struct tw__req_limits *tw__req_limits_of(struct tw_req *req);
/** tw__own_page - an error page becomes a message, OWN_RESPONSE runs, and the
 * client's codec writes it. out: what goes out, its head first. returns: entries;
 * 0: it goes out as it is. */
int tw__own_page(struct tw_req *req, struct tw_str page, struct tw_out *out,
    struct iovec iov[TW_PROTO_IOV + 1]);

/* run.c */
/** tw__page_of - the backend's page for a status, the frontend's, or the
 * built-in one. */
struct tw_str tw__page_of(struct tw_req *req, int status);
/** tw__req_abort - ends it without an answer; when the program stops. */
void tw__req_abort(struct tw_req *req);
void tw__flow_run(struct tw_req *req);
/** tw__flow_fail - ends the exchange: answers `status` when nothing was answered
 * yet (0: nothing is sent), notes who and when for the log. returns: TW__MORE,
 * the next step being LOG. */
enum tw__next tw__flow_fail(struct tw_req *req, int status, char who, char when,
    const char *why);
/** tw__flow_restart - back to step ROUTE, so often and no more. */
enum tw__next tw__flow_restart(struct tw_req *req);
char tw__step_term(const struct tw_req *req);
const char *tw__step_name(unsigned step);

/* hooks.c */
enum tw__hooks { TW__H_NEXT, TW__H_DONE, TW__H_WAIT, TW__H_RESTART, TW__H_FAIL };
/** tw__hooks_run - the rest of a proxy's chain at a point. After H_FAIL the
 * caller returns tw__hooks_fail(req). tw__hooks_chain - the same; there is one. */
enum tw__hooks tw__hooks_chain(struct tw_req *req, struct tw_proxy *px, enum tw_point point);
static inline enum tw__hooks
tw__hooks_run(struct tw_req *req, struct tw_proxy *px, enum tw_point point)
{
	return px->chain[point] == NULL ? TW__H_NEXT : tw__hooks_chain(req, px, point);
}
enum tw__next tw__hooks_fail(struct tw_req *req);

/* relay.c */
enum tw__pump {
	TW__P_WAIT,    /* for one of the two connections */
	TW__P_DONE,    /* complete */
	TW__P_IN_ERR,  /* the sender went away before the end */
	TW__P_IN_BAD,  /* the sender broke its framing */
	TW__P_OUT_ERR, /* the receiver went away */
};
/** tw__half_begin - sends a head together with what is there of the body. in:
 * head, in the worker's scratch memory; end of it in `room`. */
enum tw__pump tw__half_begin(struct tw_req *req, struct tw__half *h, struct tw_str head);
/** tw__half_pump - moves what can be moved. */
enum tw__pump tw__half_pump(struct tw_req *req, struct tw__half *h);
/** tw__flow_flush - sends a connection's backlog; that is progress, too. */
enum tw_io tw__flow_flush(struct tw_req *req, struct tw_conn *conn);
void tw__half_end(struct tw_req *req, struct tw__half *h);
/** tw__is_head - the client expects no body. */
static inline bool
tw__is_head(const struct tw_req *req)
{
	return req->head_how == TW__HEAD_SAME ? req->req.method == TW_M_HEAD
					      : req->head_how == TW__HEAD_ASKED;
}
/** tw__half_trailers - those that came go on behind its body, unless an option drops
 * them. */
void tw__half_trailers(const struct tw_req *req, struct tw__half *h);
extern const struct tw_proto tw__raw_proto;
/* What both ways of moving bytes need. */
struct tw_conn *tw__half_sender(const struct tw_req *req, const struct tw__half *h);
struct tw_conn *tw__half_receiver(const struct tw_req *req, const struct tw__half *h);
/** tw__half_read - the next payload: gathered earlier, or from the buffer. */
enum tw_io tw__half_read(struct tw_req *req, struct tw__half *h, struct tw_str *data);
/** tw__half_eof - the sender has closed. */
bool tw__half_eof(const struct tw_req *req, const struct tw__half *h);
/** tw__half_recv - more into the sender's buffer. returns: DONE: there is some. */
enum tw__pump tw__half_recv(struct tw_req *req, struct tw__half *h);
/** tw__half_finish - all of it was handed on. */
enum tw__pump tw__half_finish(struct tw_req *req, struct tw__half *h);

/* filter.c: a half with filters */
enum tw__pump tw__filtered_begin(
    struct tw_req *req, struct tw__half *h, struct tw_str head);
enum tw__pump tw__filtered_pump(struct tw_req *req, struct tw__half *h);
/** tw__filtered_read - when a service is the receiver: what comes out of them next.
 * out: data, borrow: until the next call. returns: OK, AGAIN, ERR, or END, with the
 * last bytes. */
enum tw_io tw__filtered_read(struct tw_req *req, struct tw__half *h, struct tw_str *data);
/** tw__filters_gather - room for it; it will come first. returns: NULL: too late,
 * or out of memory. */
struct tw__gathered *tw__filters_gather(struct tw_req *req, struct tw__half *h);
/** tw__filters_gathered - returns: p NULL: none was, or it has left. */
static inline struct tw_str
tw__filters_gathered(const struct tw__half *h)
{
	if (h->filters == NULL || h->begun)
		return (struct tw_str){ NULL, 0 };
	return (struct tw_str){ h->filters->gathered.p, h->filters->gathered.len };
}
/** tw__filters_tunnel - from now on bytes are opaque. */
void tw__filters_tunnel(struct tw_req *req, struct tw__half *h);
/** tw__filters_fini - detaches them. */
void tw__filters_fini(struct tw_req *req, struct tw__half *h);

/* serve.c */
/** tw__serve_over - tells req->serving that it is, once. */
void tw__serve_over(struct tw_req *req, bool complete);
/** tw__serve_reply - sends req->reply as a service's answer. */
enum tw__next tw__serve_reply(struct tw_req *req);
/** tw__serve_waits - the client is waited for. */
bool tw__serve_waits(const struct tw_req *req);

/* retry.c */
/** tw__retry_keep - the body will be needed once more, perhaps. */
void tw__retry_keep(struct tw_req *req);
void tw__retry_copy(struct tw_req *req, struct tw_str data, enum tw_io io);
/** tw__retry_wanted - the backend retries on one of these (TW__RETRY_...), and
 * the request can be sent again. */
bool tw__retry_wanted(const struct tw_req *req, uint32_t on);
/** tw__body_is_whole - nothing of the request's body would be missing. */
bool tw__body_is_whole(const struct tw_req *req);
/** tw__early_first - of a request to which a new connection is about to begin. */
enum tw_first tw__early_first(struct tw_req *req);
/** tw__early_retry - TW__RETRY_...: which condition an answer's status is, beside that
 * of its number; 0: none. context: there is an answer. */
uint32_t tw__early_retry(const struct tw_req *req);
/** tw__retry - sends it again: on the same server at once, or on another. */
enum tw__next tw__retry(struct tw_req *req);

/* proxy_head.c */
/** tw__proxy_head - the PROXY header for req->srv. returns: -1: does not fit. */
int tw__proxy_head(struct tw_req *req, struct tw_out *out);

/* exchange.c */
/** tw__count_response_error - at the backend and at the server. */
void tw__count_response_error(struct tw_req *req);
/** tw__count_client_abort - the client left; at all three that serve it. */
void tw__count_client_abort(struct tw_req *req);
/** tw__response_how - TW_HEAD_... flags for the head that the client gets. */
unsigned tw__response_how(const struct tw_req *req);

/* upstream side (server.c) */
/** tw__server_leave - lets go of connection and slot. in: reuse, the connection is
 * clean and may be kept. */
void tw__server_leave(struct tw_req *req, bool reuse);
/** tw__server_failed - the connection attempt, or a reused connection, broke before
 * anything came back: retry, redispatch or give up. */
enum tw__next tw__server_failed(struct tw_req *req, bool timed_out);
/** tw__server_refused - the same, when the request has been sent with tfo. */
enum tw__next tw__server_refused(struct tw_req *req);
/** tw__server_retry - counts a retry, and redispatches when it is time for that.
 * in: pause, the same server is tried after a while. */
enum tw__next tw__server_retry(struct tw_req *req, bool pause);
/** tw__count_retry - the same server gets it once more. */
void tw__count_retry(struct tw_req *req);
bool tw__can_replay(const struct tw_req *req);
/** tw__client_gave_up - with option abortonclose: it has closed or reset its connection,
 * nobody waits for the answer. */
bool tw__client_gave_up(struct tw_req *req);
/** tw__is_stale - the server's connection has ended, and not because of the request,
 * which may be sent once more. */
bool tw__is_stale(const struct tw_req *req);
/** tw__connect_ms - the backend's timeout, or what a rule has set; 0: none. */
uint32_t tw__connect_ms(const struct tw_req *req);
/** tw__max_retries - the backend's, or what a rule has set. */
uint32_t tw__max_retries(const struct tw_req *req);
/** tw__kept_event - a private connection between requests had an event. */
void tw__kept_event(struct tw_conn *srvc);
/** tw__pick_leave - the request is about to end: it waits for no server any more,
 * and what it was granted meanwhile goes to others. */
void tw__pick_leave(struct tw_req *req);
/** tw__server_taken - a slot of req->srv is ours: counts it. */
void tw__server_taken(struct tw_req *req);

/* log.c */
/** tw__count_client - at the frontend and at the listener. */
void tw__count_client(struct tw_req *req, enum tw_cnt what);
void tw__flow_count_bytes(struct tw_req *req);
void tw__flow_timers(struct tw_req *req);
/** tw__flow_log - one line, unless the frontend's options are against it. */
void tw__flow_log(struct tw_req *req);
/* provided by core/proxy/logger.c */
void tw__log_connection(struct tw_req *req, const char *why);

#define X(name, fn, term, what) enum tw__next fn(struct tw_req *req);
#include "core/tbl/steps.h"
#undef X

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * net/conn.h - connections, buffers, listeners and upstream pools inside.
 *
 * A connection has one libevent event for its whole life, edge triggered for
 * both directions, so there is one epoll_ctl when it is first waited for and
 * none later. I/O is tried first and waited for only after EAGAIN (or after a read that
 * came back short, which says the same without the system call). Sending
 * takes everything: what the kernel does not take at once is copied to a
 * backlog, and whoever feeds the connection stops reading its source until
 * the backlog is gone. All on one worker's thread.
 */
#ifndef TW_NET_CONN_H
#define TW_NET_CONN_H

#include <sys/queue.h>
#include <sys/uio.h>

#include <tideway/conn.h>
#include <tideway/mux.h>
#include <tideway/proto.h>
#include <tideway/transport.h>
#include "core/proxy/proxy.h"
#include "core/run/gen.h"
#include "core/run/worker.h"

#define TW_CONN_MAGIC 0x5457434fu

/* Bytes that the kernel did not take yet. */
struct tw__out {
	struct tw__out *next;
	uint32_t off, len;
	char data[];
};

/* A kernel pipe for splice. */
struct tw__pipe {
	struct tw__pipe *next;
	int rd, wr;
	uint32_t held; /* bytes in it */
};

/* Behind each receive buffer, for the body of a message whose head fills it. */
#define TW_BUF_RESERVE 1024u

TAILQ_HEAD(tw__conn_list, tw_conn);

struct tw_conn {
	uint32_t magic;
	int fd;
	bool readable;      /* a read may return something */
	bool writable;      /* a write may take something */
	bool short_read;    /* `readable` ended with a read that came back short */
	bool rdhup;         /* the kernel told that FIN has arrived */
	bool eof;           /* FIN was read */
	bool failed;        /* reset, or another error: no more I/O */
	uint8_t err;        /* errno of that; 0: none is known */
	bool shut;          /* we sent FIN */
	bool in_use;        /* server side: counted as carrying a request */
	bool again, asks;   /* on the worker's list of that name */
	uint8_t later;      /* place among what is sent later (later.c), plus 1; 0: none */
	bool watched;       /* its event is registered */
	bool nodelay;       /* server side: TCP_NODELAY is set */
	bool connecting;    /* server side: connect() is under way */
	bool server_side;
	bool timed_out;     /* its timer fired; the flow clears it */
	bool private;       /* server side: bound to one client */
	bool lingering;     /* closing: reads and forgets what still comes */
	bool proxy_wanted;  /* a PROXY header must come first */
	bool dst_known;
	bool last;          /* client side: its listener is gone; one more request */
	bool linger_wanted; /* unread bytes may be on their way: close softly */
	uint32_t n_requests;
	struct event ev;
	struct tw_worker *worker;  /* borrow */
	struct tw_buf in;
	struct tw__out *out, **out_end; /* owns: worker's pool */
	struct tw__out *rest;      /* owns: goes before all else; NULL: nothing (later.c) */
	const struct tw_transport *transport; /* NULL: plain */
	void *transport_state;
	bool holds;         /* the transport has bytes for the socket */
	bool retried;       /* it asked for its flush() itself, no event did */
	bool lingers_long;  /* as one of net->n_long */
	struct tw_timer timer;
	struct tw_req *req;        /* the exchange it serves; NULL: idle */
	struct tw_gen *gen;        /* client side: counted reference */
	struct tw_bind *bind;      /* client side; borrow: gen */
	struct tw_server_live *server; /* server side */
	struct tw_conn *kept;      /* client side: its private server connection */
	struct tw_conn *kept_by;   /* server side: the other end of that */
	struct tw_addr src, dst; /* server side: src, what a client asked for */
	uint64_t accepted_us, idle_us; /* accept; end of the last request */
	uint32_t epoch;            /* server side: of the server when connected */
	TAILQ_ENTRY(tw_conn) link; /* worker's clients, or a pool */
	LIST_ENTRY(tw_conn) again_link, asks_link;
	char *block;               /* the modules' conn blocks */
	struct tw_server *prefer;  /* client side: served it last, and is to be asked
	                            * again; borrow: gen; NULL: none */
	struct tw_str pp_tlvs;     /* owns: what came with a PROXY header; p NULL */
	bool pp_received;          /* it began with a PROXY header */
	bool mptcp;                /* several paths: no splice() */
	struct tw_str pool_name;   /* owns: pool-conn-name, when it began; p NULL: its
	                            * server has none */
	struct tw__var_value *vars; /* owns: scope sess; NULL: none is set */
	struct tw_conn_end *ends;  /* client side: who is told; NULL: nobody */
	bool is_stream;            /* its socket is another one's */
	struct tw_conn *carrier;   /* that; NULL: it is gone */
	const struct tw_mux *mux;  /* carries streams; NULL: none */
	const struct tw_proto *proto; /* of a carrier, and its streams; NULL: neither */
	void *mux_state;
	bool mux_wakes;            /* on the worker's list of that name */
	bool shared;               /* server side: on the list of that name */
	bool mux_idle;             /* no stream; its timer runs since the last one */
	bool untouched;            /* server side: nobody has looked at the request */
	const char *lost_why;      /* static: of a stream to a server; NULL: it is not */
	uint32_t n_streams;
	LIST_HEAD(, tw_conn) streams;
	LIST_ENTRY(tw_conn) stream_link, wakes_link;
	const struct tw_transport *counted; /* client side: who counts it; NULL: nobody */
	bool early;                /* server side: what it sent first went before its
	                            * handshake was complete */
	bool alone;                /* and that still is not: no other request joins */
};

/* What lasts as long as the client's connection is there, whatever a stream of
 * it does. */
static inline struct tw_conn *
tw__conn_session(struct tw_conn *conn)
{
	return TW_UNLIKELY(conn->carrier != NULL) ? conn->carrier : conn;
}

struct tw__idle {
	struct tw__conn_list list, shared; /* shared: carriers that have streams */
	uint32_t n, least; /* idle now; the least since the last purge */
	uint32_t used;     /* carrying requests now */
	uint32_t peak, peak_before; /* the most of them, this period and the last */
	uint32_t purge_ms; /* a period */
	uint64_t due_ms;   /* the end of this one */
};

/* Bytes that are sent at the turn's end. */
#define TW__LATER 16
struct tw__later {
	struct tw_conn *conn; /* NULL: it is done */
	uint32_t off, len;    /* in later_text */
};

/* One worker's part of core/net. */
struct tw__net {
	struct tw__pool bufs, outs, conns;
	struct tw__pipe *pipes;
	uint32_t n_pipes;
	uint32_t buf_size;
	struct tw__conn_list clients, lingering;
	uint32_t n_long; /* of those, for as long as their transport holds something */
	LIST_HEAD(, tw_conn) again; /* get an event in the next loop turn */
	LIST_HEAD(, tw_conn) wakes; /* carriers, get theirs before this one ends */
	LIST_HEAD(, tw_conn) asks;  /* may have been reset, unseen (ask.c) */
	struct tw__turn_hook hook;
	struct tw__idle **idle;    /* owns: by tw_server_live.number */
	uint32_t n_idle_slots;
	struct tw_timer purge, trim, ask;
	struct tw__accept *accepts; /* owns: this worker's listeners */
	uint32_t n_full;           /* of them, waiting for room */
	struct tw_timer accept_retry;
	struct tw__later later[TW__LATER];
	uint32_t n_later, later_used;
	uint32_t n_puts;           /* of this turn */
	bool many_puts;            /* the turn before had */
	char later_text[16384];
	char scratch[65536];       /* heads and framing on their way out */
};

/* pools (buf.c) */
int tw__net_up(struct tw_worker *w, uint32_t buf_size);
void tw__net_down(struct tw_worker *w);
/** tw__buf_get - gives the connection's receive buffer memory. returns: false
 * when out of memory. */
bool tw__buf_get(struct tw_conn *conn);
/** tw__buf_put - takes it back when nothing unread is in it. */
void tw__buf_put(struct tw_conn *conn);
struct tw__pipe *tw__pipe_get(struct tw_worker *w);
void tw__pipe_put(struct tw_worker *w, struct tw__pipe **pipe);
void *tw__pool_get(struct tw__pool *pool);
void tw__pool_put(struct tw__pool *pool, void *p);
void tw__pool_drain(struct tw__pool *pool);

/* giving back (trim.c) */
/** tw__pool_trim - frees some of what the last period did not need. returns:
 * true when there is more to free. */
bool tw__pool_trim(struct tw__pool *pool);
/** tw__trim_arm - a pool holds more than TW__POOL_KEEP free blocks. */
void tw__trim_arm(struct tw__net *net);
/** tw__memory_give_back - freed pages to the system, if there may be any.
 * context: control. */
void tw__memory_give_back(void);

/* tune.c */
/** tw__socket_tune - what tune.* says of its buffers. in: client, a client's or a
 * listener's; else a server's. */
void tw__socket_tune(int fd, const struct tw__tune *t, bool client);
/** tw__pipes_set - tune.pipesize (0: the usual), maxpipes (0: no limit) and
 * nosplice, from now on. context: control. */
void tw__pipes_set(uint32_t bytes, uint32_t most, bool none);
/** tw__congestion_set - an algorithm that the system has. returns: 0; -1: errno. */
int tw__congestion_set(int fd, const char *name);
/** tw__idle_fds_set - tune.pool-low-fd-ratio and -high-, in percent of what the
 * process may have; 0: none. context: control. */
void tw__idle_fds_set(uint32_t low_pct, uint32_t high_pct);
/* Descriptors are given out from the lowest free number on: one that is as high
 * as this tells that so many were in use. */
extern _Atomic int tw__idle_fd_low, tw__idle_fd_high;
/** tw__dgram_tune - buffers of a socket that receives datagrams. */
void tw__dgram_tune(int fd, const struct tw__tune *t);
/** tw__memory_keep - no-memory-trimming. context: control. */
void tw__memory_keep(bool keep);

/* connections (conn.c) */
struct tw_conn *tw__conn_new(struct tw_worker *w, int fd);
/** tw__conn_watch - registers its event, before it is waited for: a connection
 * that comes, is served and goes at once never needs it. */
void tw__conn_watch(struct tw_conn *conn);
/** tw__conn_new_stream - one that `carrier` carries. */
struct tw_conn *tw__conn_new_stream(struct tw_conn *carrier, void *state);
/** tw__conn_write - sends what can be sent now and keeps nothing. out: sent. */
enum tw_io tw__conn_write(
    struct tw_conn *conn, struct iovec *iov, int n_iov, size_t *sent);
/** tw__conn_again - an event for it in the next loop turn, beside those that
 * have come by then. */
void tw__conn_again(struct tw_conn *conn);
/** tw__conn_wakes_forget - a carrier gets no event before this turn ends. */
void tw__conn_wakes_forget(struct tw_conn *conn);
/** tw__conns_again - at a turn's end; arg: the worker's struct tw__net. */
void tw__conns_again(struct tw_worker *w, void *arg);
/** tw__conn_nodelay - several sends in a row will follow each other: none shall
 * wait for an acknowledgement. */
void tw__conn_nodelay(struct tw_conn *conn);
/** tw__conn_free - closes and forgets it; no callback follows. */
void tw__conn_free(struct tw_conn **conn);
/** tw__conn_recv - reads once into conn->in. returns: OK (something came),
 * AGAIN, END, ERR (conn->failed; false: no room). in: keep, bytes at the
 * buffer's start that must stay. */
enum tw_io tw__conn_recv(struct tw_conn *conn, uint32_t keep);
/** tw__conn_send - sends all of it or keeps a copy of the rest. returns: OK,
 * AGAIN (there is a backlog now), ERR. */
enum tw_io tw__conn_send(struct tw_conn *conn, struct iovec *iov, int n_iov);
/** tw__conn_is_reset - asks the kernel, for who neither reads nor writes for now.
 * out: conn->failed and its error, if so. */
bool tw__conn_is_reset(struct tw_conn *conn);
/** tw__conn_ask_later - the same in a second, after a short read in a tunnel. */
void tw__conn_ask_later(struct tw_conn *conn);
void tw__conn_ask_not(struct tw_conn *conn);
/** tw__conn_send_now - what was put down to be sent later, if anything. */
void tw__later_send(struct tw_conn *conn);
static inline void
tw__conn_send_now(struct tw_conn *conn)
{
	if (TW_UNLIKELY(conn->later != 0))
		tw__later_send(conn);
}
/** tw__conns_send_now - that of all connections. */
void tw__conns_send_now(struct tw__net *net);
/** tw__conns_turn_over - the same at the end of a turn. */
void tw__conns_turn_over(struct tw__net *net);
/** tw__conn_rest_flush - sends conn->rest. returns: OK: it is gone; AGAIN; ERR. */
enum tw_io tw__conn_rest_flush(struct tw_conn *conn);
/** tw__conn_flush - sends the backlog. returns: OK when it is gone. */
enum tw_io tw__conn_flush(struct tw_conn *conn);
/** tw__conn_splice - moves up to `want` bytes from one connection to another inside
 * the kernel, if tw__conn_splices(). out: n, bytes that left. returns: OK (n moved,
 * all of it delivered), AGAIN, END, ERR. */
enum tw_io tw__conn_splice(struct tw_conn *from, struct tw_conn *to,
    struct tw__pipe *pipe, uint64_t want, uint64_t *n);
/** tw__conn_splices - bytes may pass from one to the other through a pipe. */
static inline bool
tw__conn_splices(const struct tw_conn *from, const struct tw_conn *to)
{
	return from->transport == NULL && !from->mptcp && !to->mptcp &&
	    (to->transport == NULL ||
		(to->transport->splices != NULL &&
		    to->transport->splices(to->transport_state)));
}
/** tw__conn_why - what its transport says went wrong. returns: static; NULL. */
static inline const char *
tw__conn_why(const struct tw_conn *conn)
{
	return conn->transport == NULL || conn->transport->why == NULL
	    ? NULL
	    : conn->transport->why(conn->transport_state);
}
/** tw__conn_handshake - of its transport. What came together with the end makes no
 * other event: it is asked again. */
static inline enum tw_io
tw__conn_handshake(struct tw_conn *conn)
{
	enum tw_io io;
	int n = 0;

	do
		io = conn->transport->handshake(conn, conn->transport_state);
	while (io == TW_IO_AGAIN && conn->rdhup && n++ < 3);
	return io;
}
/** tw__conn_begin - the transport, if there is to be one, takes the connection
 * over. in: start, without its fd. returns: false: out of memory. */
bool tw__conn_begin(struct tw_conn *conn, const struct tw_transport *transport,
    const struct tw_start *start);
/** tw__conn_shut - FIN to the peer, once the backlog is gone. */
void tw__conn_shut(struct tw_conn *conn);
/** tw__conn_bye - before it is freed: the transport tells the peer that this is the
 * end, and no accident. returns: false: that waits for the socket. */
bool tw__conn_bye(struct tw_conn *conn);
static inline bool
tw__conn_backlog(const struct tw_conn *conn)
{
	return conn->out != NULL || conn->holds || conn->rest != NULL;
}
/** tw__conn_linger - a connection on no list any more: FIN, then reads and
 * forgets for a short while so that the peer sees the answer instead of a
 * reset; then frees it. */
void tw__conn_linger(struct tw_conn **conn);

/* upstream (upstream.c) */
/** tw__upstream_get - an idle connection to the server, or NULL. in: proven,
 * only one that was used again before; name, of that pool-conn-name. */
struct tw_conn *tw__upstream_get(struct tw_worker *w, const struct tw_server *srv,
    bool proven, struct tw_str name);
/** tw__upstream_share - a carrier, on no list, whose streams others may join. */
void tw__upstream_share(struct tw_conn *carrier);
/** tw__upstream_carrier_rests - of a shared one: no stream is left. It may be gone
 * afterwards. */
void tw__upstream_carrier_rests(struct tw_conn *carrier);
/** tw__upstream_carrier_off - nobody finds it any more. */
void tw__upstream_carrier_off(struct tw_conn *carrier);
/** tw__upstream_use - a request begins on it; tw__upstream_unuse - ends. */
void tw__upstream_use(struct tw_conn *conn);
void tw__upstream_unuse(struct tw_conn *conn);
/** tw__upstream_is_clean - it may carry another exchange: nothing unread or
 * unsent, closed by nobody. */
bool tw__upstream_is_clean(struct tw_conn *conn);
/** tw__upstream_rests - an event of one without an exchange was about its transport
 * alone (a ticket came). */
bool tw__upstream_rests(struct tw_conn *conn);
/** tw__upstream_put - keeps it idle for the next request. */
void tw__upstream_put(struct tw_conn **conn);
/* What packets to a server carry, for one connection. */
struct tw__out_marks {
	bool has_mark, has_tos;
	uint8_t tos;
	uint32_t mark;
};
/** tw__upstream_connect - begins to connect. in: src, the client's address
 * (for mapped ports); marks, NULL: none. returns: NULL: failed at once, errno
 * says why. */
struct tw_conn *tw__upstream_connect(struct tw_worker *w, const struct tw_server *srv,
    const struct tw_conn *client, const struct tw__out_marks *marks);
/** tw__upstream_leads_to - it goes to where a new connection for this client would
 * go: rules may have changed that since. */
bool tw__upstream_leads_to(const struct tw_conn *conn, const struct tw_server *srv,
    const struct tw_conn *client);
/** tw__upstream_lost - an idle connection had an event: closes it, unless it was
 * about its transport alone. */
void tw__upstream_lost(struct tw_conn **conn);
void tw__upstream_close_all(struct tw_worker *w);
/** tw__upstream_instead - gives a connected socket in the server's place; NULL:
 * servers are connected to. Set at start-up (explain). */
extern int (*tw__upstream_instead)(const struct tw_server *srv,
    const struct sockaddr_storage *ss);
/** tw__upstream_purge - closes idle connections nobody needed, and those of
 * servers that are gone. */
void tw__upstream_purge(struct tw_worker *w);
/** tw__upstream_drop - closes the worker's idle connections to a server. */
void tw__upstream_drop(struct tw_worker *w, const struct tw_server_live *l);

/* sockets of servers (outgoing.c) */
/** tw__outgoing_socket - in: client, NULL: a check's. returns: -1: errno. */
int tw__outgoing_socket(const struct tw_server *srv, int family,
    const struct tw_conn *client);
void tw__keepalive_set(int fd, const struct tw__keepalive *k);

/* namespaces (netns.c) */
/** tw__netns_get - opened, if it is not yet. returns: NULL: err. control. */
struct tw__netns *tw__netns_get(const char *name, struct tw_err *err);
/** tw__netns_find - one that is open. returns: NULL: it is not. context: any. */
const struct tw__netns *tw__netns_find(struct tw_str name);
const char *tw__netns_name(const struct tw__netns *ns);
/** tw__netns_socket - socket(), there. in: ns NULL: here. */
int tw__netns_socket(const struct tw__netns *ns, int family, int type, int protocol);
#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
/** tw__netns_is - whether a socket is of that namespace. */
bool tw__netns_is(const struct tw__netns *ns, int fd);

/* options of listening sockets (bind_opt.c) */
/** tw__bind_options - before bind(). */
void tw__bind_options(int fd, const struct tw_bind *b);
/** tw__bind_tcp_options - those of TCP, also for one that is bound already. */
void tw__bind_tcp_options(int fd, const struct tw_bind *b);
/** tw__bind_transparent - the address may be foreign. returns: 0; -1: errno. */
int tw__bind_transparent(int fd, int family);
/** tw__bind_listens - what listen() would forget. returns: fd. */
int tw__bind_listens(int fd, const struct tw_bind *b);
int tw__bind_backlog(const struct tw_bind *b);
/** tw__bind_unix - to the line's path, with its owner and mode. */
int tw__bind_unix(int fd, const struct tw_bind *b);
int tw__bind_unix_permissions(const struct tw_bind *b);

/* listeners (listener.c) */
int tw__listeners_open(struct tw_gen *gen, struct tw_err *err);
/** tw__listeners_published - accepts on new sockets, closes vanished ones. */
void tw__listeners_published(struct tw_gen *gen);
/** tw__listeners_drain - stops accepting for good. */
void tw__listeners_drain(void);
/** tw__listener_pause, tw__listener_resume - what tw__listeners_look() tells the
 * workers afterwards. control. */
int tw__listener_pause(struct tw_bind *b, struct tw_err *err);
int tw__listener_resume(struct tw_bind *b, struct tw_err *err);
void tw__listeners_look(void);
/** tw__listeners_stop - closes a frontend's sockets. control. */
void tw__listeners_stop(const struct tw_proxy *px);
/** tw__listeners_down - a worker ends: lets go of its listeners. */
void tw__listeners_down(struct tw_worker *w);
/** tw__conns_active - client connections on all workers. */
uint32_t tw__conns_active(void);
/** tw__listeners_fds - the listening sockets. in: inherited, with those that
 * came as fd@N. returns: owned array of n descriptors, borrowed. */
int *tw__listeners_fds(bool inherited, int *n);
/** tw__listeners_leave_paths - unix paths are not removed at the end: another
 * process serves them. */
void tw__listeners_leave_paths(void);
/** tw__bind_is_v6only - the line's socket takes no IPv4. */
bool tw__bind_is_v6only(const struct tw_bind *b);
/** tw__listener_room - a connection ended: full listeners may go on. */
void tw__listener_room(struct tw_worker *w);
/** tw__listener_fd - the socket that this worker accepts on. returns: -1 when
 * it does not any more. */
int tw__listener_fd(const struct tw_worker *w, const struct tw__bind_live *live);
/** tw__client_new - a client that no listener has accepted; then
 * tw__flow_accepted(). in: fd, taken. returns: NULL: out of memory. */
struct tw_conn *tw__client_new(struct tw_worker *w, struct tw_bind *bind, int fd,
    const struct tw_addr *src);
/** tw__client_closed - counts a client connection out. */
void tw__client_closed(struct tw_conn *conn);
extern _Atomic uint32_t tw__n_conns;
extern uint32_t tw__maxconn; /* the process's limit in force; set before start */
extern _Atomic unsigned tw__stopping; /* drains under way (drain.c): connections
                                       * end when idle */

/* close-spread-time (spread.c) */
#define TW__SPREAD_EVER UINT32_MAX /* infinite: connections end by themselves */
/** tw__spread_begin - a soft stop begins. in: ms, 0: all end at once. control. */
void tw__spread_begin(uint32_t ms);
bool tw__spread_is_on(void);
/** tw__stop_closes_now - of a process that stops: whether this exchange is its
 * connection's last. */
bool tw__stop_closes_now(void);
/** tw__stop_due - when an idle connection has to end. in: due_ms, as its time-out
 * has it; 0: never. */
uint64_t tw__stop_due(uint64_t due_ms);
static inline bool
tw__stop_closes(void)
{
	return TW_UNLIKELY(
		   atomic_load_explicit(&tw__stopping, memory_order_relaxed) != 0) &&
	    tw__stop_closes_now();
}

/* PROXY protocol (proxy_hdr.c) */
/** tw__proxy_hdr_read - a v1 or v2 header at the start of `in`. out: src, dst
 * (family 0: LOCAL or UNKNOWN, keep the real ones). returns: OK (consumed),
 * AGAIN, ERR. source: the PROXY protocol, 2020/03/05. */
enum tw_io tw__proxy_hdr_read(struct tw_buf *in, struct tw_addr *src, struct tw_addr *dst);
/** tw__proxy_hdr_tlvs - of a version 2 header that was read: where its type-length-
 * value part lies. in: p, where the header began. returns: len 0: none. */
struct tw_str tw__proxy_hdr_tlvs(const char *p);
/** tw__proxy_tlv_find - the value of the first one of a type. returns: p NULL:
 * there is none. */
struct tw_str tw__proxy_tlv_find(struct tw_str tlvs, uint8_t type);
/** tw__proxy_hdr_write - version 1. returns: bytes. */
size_t tw__proxy_hdr_write(struct tw_out *out, const struct tw_addr *src,
    const struct tw_addr *dst);
/* Types of values. */
#define TW__PP_AUTHORITY 0x02u
#define TW__PP_CRC32C 0x03u
#define TW__PP_UNIQUE_ID 0x05u
#define TW__PP_NETNS 0x30u
/** tw__proxy_hdr2_begin - version 2, up to the addresses; then tw__proxy_tlv_out
 * for each value, then tw__proxy_hdr2_end, which sets the length. in: start, where
 * out->p was before _begin; crc, with a checksum. */
void tw__proxy_hdr2_begin(struct tw_out *out, const struct tw_addr *src,
    const struct tw_addr *dst);
void tw__proxy_tlv_out(struct tw_out *out, uint8_t type, struct tw_str value);
void tw__proxy_hdr2_end(struct tw_out *out, char *start, bool crc);

/** tw__vars_free - provided by core/expr (vars.c): of a session. */
struct tw__var_value;
void tw__vars_free(struct tw__var_value **list);

/* Provided by core/flow. */
/** tw__mux_event - of a carrier. */
void tw__mux_event(struct tw_conn *carrier);
/** tw__mux_end - it ends, and its streams with it. */
void tw__mux_end(struct tw_conn *carrier);
/** tw__mux_stream_ended - it is off its carrier's list. */
void tw__mux_stream_ended(struct tw_conn *carrier);
void tw__flow_client_event(struct tw_conn *conn);
void tw__flow_server_event(struct tw_conn *conn);
static inline void
tw__flow_event(struct tw_conn *conn)
{
	if (conn->server_side)
		tw__flow_server_event(conn);
	else
		tw__flow_client_event(conn);
}
void tw__flow_accepted(struct tw_conn *conn);
/** tw__flow_close_clients - ends this worker's idle client connections (draining)
 * or, hard, all of them. */
void tw__flow_close_clients(struct tw_worker *w, bool hard);
/** tw__flow_pool - the worker's requests. */
struct tw__pool *tw__flow_pool(struct tw_worker *w);

/** tw__buf_str - what was read and not consumed. */
static inline struct tw_str
tw__buf_str(const struct tw_buf *b)
{
	return (struct tw_str){ b->base != NULL ? b->base + b->head : "",
		b->base != NULL ? b->tail - b->head : 0 };
}

#endif

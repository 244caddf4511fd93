/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conn.h - connections as modules see them.
 */
#ifndef TIDEWAY_CONN_H
#define TIDEWAY_CONN_H

#include <sys/socket.h>
#include <sys/uio.h>

#include <tideway/err.h>
#include <tideway/str.h>

/* An address without the kernel's padding. A plain value. */
struct tw_addr {
	uint16_t family; /* AF_INET, AF_INET6, AF_UNIX; 0: none */
	uint16_t port;   /* host byte order; 0 for AF_UNIX */
	uint32_t scope;  /* AF_INET6: scope id */
	union {
		uint8_t v4[4];    /* network byte order */
		uint8_t v6[16];
		const char *path; /* AF_UNIX; '@' first: abstract. gen */
	} u;
};

TW_API void tw_addr_from_sockaddr(struct tw_addr *a, const struct sockaddr *sa, socklen_t len);
/** tw_addr_to_sockaddr - returns: the length to give to the kernel. */
TW_API socklen_t tw_addr_to_sockaddr(const struct tw_addr *a, struct sockaddr_storage *ss);
TW_API bool tw_addr_eq(const struct tw_addr *a, const struct tw_addr *b);
/** tw_addr_out - the address without its port ("unix" for AF_UNIX, as logs
 * show it). */
TW_API void tw_addr_out(struct tw_out *o, const struct tw_addr *a);
/** tw_addr_port_out - "127.0.0.1:80", "[::1]:80", "/path". */
TW_API void tw_addr_port_out(struct tw_out *o, const struct tw_addr *a);

/* The outcome of an I/O operation. */
enum tw_io {
	TW_IO_OK,
	TW_IO_AGAIN, /* later: wait for the event */
	TW_IO_END,   /* the peer sent FIN; or: the body is complete */
	TW_IO_ERR,
};

/* A receive buffer: what was read and not consumed is base[head..tail). */
struct tw_buf {
	char *base; /* borrow: the worker's pool; NULL: none held */
	uint32_t size, head, tail;
};

/** tw_conn_src / tw_conn_dst - the client's and the local address; what a
 * PROXY header said replaces them. dst is looked up when first asked for. */
TW_API const struct tw_addr *tw_conn_src(const struct tw_conn *conn);
TW_API const struct tw_addr *tw_conn_dst(struct tw_conn *conn);
TW_API struct tw_worker *tw_conn_worker(const struct tw_conn *conn);
TW_API const struct tw_bind *tw_conn_bind(const struct tw_conn *conn);
TW_API int tw_conn_fd(const struct tw_conn *conn);
/** tw_conn_requests - requests begun on it so far. */
TW_API uint32_t tw_conn_requests(const struct tw_conn *conn);

/* Clients are sent away before what they came to moves to another machine. */
struct tw_drain;
/* in: is_clear: none of the connections of the beginning is left; else the limit
 * is over. */
typedef void tw_drained_fn(void *arg, bool is_clear);
/** tw_drain_begin - until tw_drain_end client connections end when they are idle,
 * and answers say that they are the last; new ones are accepted all the same.
 * done: called once, on the control thread. returns: owned. context: control. */
TW_API struct tw_drain *tw_drain_begin(uint32_t limit_ms, tw_drained_fn *done, void *arg);
/** tw_drain_end - of NULL: nothing. `done` is not called any more. */
TW_API void tw_drain_end(struct tw_drain **d);

/* Who wants to know that a client's connection ends; embed it, in memory that
 * lives until then (the connection's block). */
struct tw_conn_end {
	struct tw_conn_end *next;
	void (*ended)(struct tw_conn_end *self, struct tw_conn *conn);
};
/** tw_conn_at_end - ended() is called once, after the last log line. context:
 * the connection's worker. */
TW_API void tw_conn_at_end(struct tw_conn *conn, struct tw_conn_end *end);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fetch_conn.c - fetches about the two connections and how the exchange went.
 *
 * What the kernel counts is asked for when it is wanted (TCP_INFO). Any
 * worker. source: HAProxy's manual, 7.3.3.
 */
#include "config.h"

#include <netinet/in.h>
#include <linux/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include <tideway/mux.h>
#include <tideway/proxy.h>

#include "expr/fetch.h"

/* ---- addresses ---------------------------------------------------------- */

#define ADDRESS(name, conn, end)                                \
	TW__FETCH(name)                                         \
	{                                                       \
		struct tw_conn *const c = conn;                 \
		TW_GET_UNUSED;                                  \
		return c != NULL && tw__give_addr(out, end(c)); \
	}                                                       \
	TW__FETCH(name##_port)                                  \
	{                                                       \
		struct tw_conn *const c = conn;                 \
		TW_GET_UNUSED;                                  \
		return c != NULL && tw__give_port(out, end(c)); \
	}

/* Addresses of the socket itself, whatever rules made of them. */
static const struct tw_addr *
socket_addr(struct tw_conn *conn, bool peer)
{
	static __thread struct tw_addr a;
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	const int fd = tw_conn_fd(conn);

	if ((peer ? getpeername(fd, (struct sockaddr *)&ss, &len)
		  : getsockname(fd, (struct sockaddr *)&ss, &len)) != 0)
		return NULL;
	tw_addr_from_sockaddr(&a, (const struct sockaddr *)&ss, len);
	return &a;
}

static const struct tw_addr *
local_end(struct tw_conn *conn)
{
	return socket_addr(conn, false);
}

static const struct tw_addr *
far_end(struct tw_conn *conn)
{
	return socket_addr(conn, true);
}

ADDRESS(fc_src, tw_req_conn(req), tw_conn_src)
ADDRESS(fc_dst, tw_req_conn(req), tw_conn_dst)
ADDRESS(bc_src, tw_req_server_conn(req), local_end)
ADDRESS(bc_dst, tw_req_server_conn(req), far_end)

/* The system can bind to addresses of its own only. */
static bool
is_local(const struct tw_addr *a, struct tw_sample *out)
{
	struct sockaddr_storage ss;

	if (a == NULL || (a->family != AF_INET && a->family != AF_INET6))
		return false;
	struct tw_addr any_port = *a;
	any_port.port = 0;
	const socklen_t len = tw_addr_to_sockaddr(&any_port, &ss);
	const int fd = socket(a->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	tw_sample_bool(out, bind(fd, (const struct sockaddr *)&ss, len) == 0);
	close(fd);
	return true;
}

TW__FETCH(src_is_local)
{
	TW_GET_UNUSED;
	return is_local(tw_conn_src(tw_req_conn(req)), out);
}

TW__FETCH(dst_is_local)
{
	TW_GET_UNUSED;
	return is_local(tw_conn_dst(tw_req_conn(req)), out);
}

/* ---- what the kernel knows ---------------------------------------------- */

static bool
tcp_info(const struct tw_conn *conn, struct tcp_info *ti)
{
	socklen_t len = sizeof(*ti);

	memset(ti, 0, sizeof(*ti));
	return conn != NULL &&
	    getsockopt(tw_conn_fd(conn), IPPROTO_TCP, TCP_INFO, ti, &len) == 0;
}

/* args[0]: "ms" (if absent) or "us". out: args[1].n, microseconds in one. */
static int
check_rtt(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err)
{
	const char *const unit = args[0].type != TW_ANY ? args[0].str.p : "ms";

	(void)gen;
	args[1].n = strcmp(unit, "ms") == 0 ? 1000 : strcmp(unit, "us") == 0 ? 1 : 0;
	if (args[1].n == 0)
		return tw_err_set(err, "unit '%s' is unknown: write ms or us", unit);
	return 0;
}

#define KERNEL(name, conn, value)                                        \
	TW__FETCH(name)                                                  \
	{                                                                \
		struct tcp_info ti;                                      \
		TW_GET_UNUSED;                                           \
		return tcp_info(conn, &ti) && tw_sample_int(out, value); \
	}

KERNEL(fc_rtt, tw_req_conn(req), ti.tcpi_rtt / args[1].n)
KERNEL(fc_rttvar, tw_req_conn(req), ti.tcpi_rttvar / args[1].n)
KERNEL(bc_rtt, tw_req_server_conn(req), ti.tcpi_rtt / args[1].n)
KERNEL(bc_rttvar, tw_req_server_conn(req), ti.tcpi_rttvar / args[1].n)
KERNEL(fc_unacked, tw_req_conn(req), ti.tcpi_unacked)
KERNEL(fc_sacked, tw_req_conn(req), ti.tcpi_sacked)
KERNEL(fc_retrans, tw_req_conn(req), ti.tcpi_retrans)
KERNEL(fc_fackets, tw_req_conn(req), ti.tcpi_fackets)
KERNEL(fc_lost, tw_req_conn(req), ti.tcpi_lost)
KERNEL(fc_reordering, tw_req_conn(req), ti.tcpi_reordering)

/* The system gives it away once. */
TW__FETCH(fc_saved_syn)
{
	char *const mem = tw__scratch(req, 1024);
	socklen_t len = 1024;

	TW_GET_UNUSED;
	return getsockopt(tw_conn_fd(tw_req_conn(req)), IPPROTO_TCP, TCP_SAVED_SYN, mem,
		   &len) == 0 &&
	    len > 0 &&
	    tw_sample_str(out, TW_BINARY, (struct tw_str){ mem, (size_t)len });
}

/* ---- protocols ---------------------------------------------------------- */

static int
major_of(struct tw_conn *conn)
{
	struct tw_mux_info info = { .name = NULL };

	if (conn != NULL)
		tw_mux_info(conn, &info);
	return info.name != NULL ? 2 : 1;
}

TW__FETCH(fc_http_major)
{
	TW_GET_UNUSED;
	return tw_sample_int(out, major_of(tw_req_conn(req)));
}

TW__FETCH(bc_http_major)
{
	TW_GET_UNUSED;
	return tw_req_server_conn(req) != NULL &&
	    tw_sample_int(out, major_of(tw_req_server_conn(req)));
}

TW__FETCH(ssl_fc)
{
	TW_GET_UNUSED;
	return tw_sample_bool(out, tw_req_is_ssl(req));
}

/* ---- the exchange ------------------------------------------------------- */

static bool
give_time(struct tw_req *req, enum tw_time which, struct tw_sample *out)
{
	const int64_t ms = tw_req_time_ms(req, which);

	return ms >= 0 && tw_sample_int(out, ms);
}

#define TIME(name, which)                          \
	TW__FETCH(name)                            \
	{                                          \
		TW_GET_UNUSED;                     \
		return give_time(req, which, out); \
	}

TIME(t_connect, TW_T_CONNECT)
TIME(t_handshake, TW_T_HANDSHAKE)
TIME(t_total, TW_T_TOTAL)
TIME(t_head, TW_T_REQUEST)
TIME(t_idle, TW_T_IDLE)
TIME(t_queue, TW_T_QUEUE)
TIME(t_query, TW_T_QUERY)
TIME(t_data, TW_T_DATA)
TIME(t_response, TW_T_RESPONSE)
TIME(t_user, TW_T_USER)

TW__FETCH(bytes_in)
{
	TW_GET_UNUSED;
	return tw_sample_int(out, (int64_t)tw_req_bytes_in(req));
}

TW__FETCH(bytes_out)
{
	TW_GET_UNUSED;
	return tw_sample_int(out, (int64_t)tw_req_bytes_out(req));
}

TW__FETCH(txn_status)
{
	const int status = tw_req_status(req);

	TW_GET_UNUSED;
	return status > 0 && tw_sample_int(out, status);
}

TW__FETCH(conn_retries)
{
	TW_GET_UNUSED;
	return tw_sample_int(out, abs(tw_req_retries(req)));
}

TW__FETCH(redispatched)
{
	TW_GET_UNUSED;
	return tw_sample_bool(out, tw_req_retries(req) < 0);
}

TW__FETCH(term_state)
{
	char term[4];
	char *const mem = tw__scratch(req, 2);

	TW_GET_UNUSED;
	tw_req_term(req, term);
	memcpy(mem, term, 2);
	return tw_sample_str(out, TW_STRING, (struct tw_str){ mem, 2 });
}

TW__FETCH(id32)
{
	TW_GET_UNUSED;
	return tw_sample_int(out, (uint32_t)tw_req_id(req));
}

TW__FETCH(bc_be_queue)
{
	TW_GET_UNUSED;
	return tw_sample_int(out, tw_req_backend_queue(req));
}

TW__FETCH(bc_srv_queue)
{
	TW_GET_UNUSED;
	return tw_sample_int(out, tw_req_server_queue(req));
}

#define ONE(n, type, fn, help)                                           \
	{                                                                \
		n, "", type, TW__AT_CLIENT, fetch_##fn, NULL, NULL, help \
	}
#define IP(n, fn, help)                                                     \
	{                                                                   \
		n, "", TW_IPV4, TW__AT_CLIENT, fetch_##fn, "ip", NULL, help \
	}
#define RTT(n, help)                                                                \
	{                                                                           \
#n, "[s]", TW_SINT, TW__AT_CLIENT, fetch_##n, NULL, check_rtt, help \
	}

const struct tw_fetch tw__fetch_conn[] = {
	ONE("bc.timer.connect", TW_SINT, t_connect, "Milliseconds to connect (%Tc)."),
	ONE("bc_be_queue", TW_SINT, bc_be_queue,
	    "Requests served before it in the backend's queue."),
	IP("bc_dst", bc_dst, "The server's address that was connected to."),
	ONE("bc_dst_port", TW_SINT, bc_dst_port,
	    "The server's port that was connected to."),
	ONE("bc_http_major", TW_SINT, bc_http_major,
	    "The server's connection's major version of HTTP."),
	RTT(bc_rtt, "(ms or us) The server's round trip time."),
	RTT(bc_rttvar, "(ms or us) The variation of the server's round trip time."),
	IP("bc_src", bc_src, "The address that the server was connected from."),
	ONE("bc_src_port", TW_SINT, bc_src_port,
	    "The port that the server was connected from."),
	ONE("bc_srv_queue", TW_SINT, bc_srv_queue,
	    "Requests served before it in the server's queue."),
	ONE("bytes_in", TW_SINT, bytes_in, "Bytes from the client."),
	ONE("bytes_out", TW_SINT, bytes_out, "Bytes to the client."),
	ONE("dst_is_local", TW_BOOL, dst_is_local,
	    "Is the address that the client connected to one of this machine?"),
	ONE("fc.timer.handshake", TW_SINT, t_handshake,
	    "Milliseconds of handshakes (%Th)."),
	ONE("fc.timer.total", TW_SINT, t_total, "Milliseconds of the session (%Tt)."),
	IP("fc_dst", fc_dst, "The address that the client connected to."),
	ONE("fc_dst_is_local", TW_BOOL, dst_is_local, "As dst_is_local."),
	ONE("fc_dst_port", TW_SINT, fc_dst_port, "The port the client connected to."),
	ONE("fc_saved_syn", TW_BINARY, fc_saved_syn,
	    "The first packet of the client's connection, once; see tcp-ss."),
	ONE("fc_fackets", TW_SINT, fc_fackets, "The kernel's forward ACK counter."),
	ONE("fc_http_major", TW_SINT, fc_http_major,
	    "The client's connection's major version of HTTP."),
	ONE("fc_lost", TW_SINT, fc_lost, "The kernel's counter of lost segments."),
	ONE("fc_reordering", TW_SINT, fc_reordering,
	    "The kernel's reordering counter."),
	ONE("fc_retrans", TW_SINT, fc_retrans, "The kernel's counter of retransmits."),
	RTT(fc_rtt, "(ms or us) The client's round trip time."),
	RTT(fc_rttvar, "(ms or us) The variation of the client's round trip time."),
	ONE("fc_sacked", TW_SINT, fc_sacked, "The kernel's selective ACK counter."),
	IP("fc_src", fc_src, "The client's address."),
	ONE("fc_src_is_local", TW_BOOL, src_is_local, "As src_is_local."),
	ONE("fc_src_port", TW_SINT, fc_src_port, "The client's port."),
	ONE("fc_unacked", TW_SINT, fc_unacked,
	    "The kernel's counter of unacked segments."),
	ONE("req.bytes_in", TW_SINT, bytes_in, "Bytes from the client."),
	ONE("req.timer.hdr", TW_SINT, t_head,
	    "Milliseconds of the request's head (%TR)."),
	ONE("req.timer.idle", TW_SINT, t_idle,
	    "Milliseconds before its first byte (%Ti)."),
	ONE("req.timer.queue", TW_SINT, t_queue, "Milliseconds in queues (%Tw)."),
	ONE("req.timer.tq", TW_SINT, t_query,
	    "Milliseconds until its head was there (%Tq)."),
	ONE("res.bytes_out", TW_SINT, bytes_out, "Bytes to the client."),
	ONE("res.timer.data", TW_SINT, t_data,
	    "Milliseconds of the response's data (%Td)."),
	ONE("res.timer.hdr", TW_SINT, t_response,
	    "Milliseconds until the response's head (%Tr)."),
	ONE("src_is_local", TW_BOOL, src_is_local,
	    "Is the client's address one of this machine?"),
	ONE("ssl_fc", TW_BOOL, ssl_fc, "Did the client come through TLS?"),
	ONE("txn.conn_retries", TW_SINT, conn_retries,
	    "Attempts to connect after the first."),
	ONE("txn.id32", TW_SINT, id32, "A number of the exchange."),
	ONE("txn.redispatched", TW_BOOL, redispatched, "Was another server chosen?"),
	ONE("txn.sess_term_state", TW_STRING, term_state,
	    "The first two termination letters."),
	ONE("txn.status", TW_SINT, txn_status, "The status sent to the client."),
	ONE("txn.timer.total", TW_SINT, t_total, "Milliseconds of the exchange (%Tt)."),
	ONE("txn.timer.user", TW_SINT, t_user,
	    "Milliseconds as the user saw it (%Tu)."),
	{ .name = NULL },
};

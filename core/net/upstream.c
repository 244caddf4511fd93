/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * upstream.c - connections to servers: making them, keeping them idle.
 *
 * Each worker keeps its own idle connections for each server, found by the
 * live server's number, so taking one costs no lock and no search. The one
 * used last is taken first: it is the least likely to be closed by the
 * server. No more are kept than were busy together lately, and every five
 * seconds half of those that nobody needed since the last look are closed (as
 * HAProxy's pool-purge-delay).
 */
#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tideway/assert.h>
#include "core/net/conn.h"

static struct tw__idle *
idle_of(struct tw__net *net, uint32_t number, bool make)
{
	if (number >= net->n_idle_slots) {
		if (!make)
			return NULL;
		const uint32_t n = (number + 64) & ~63u;
		struct tw__idle **const p =
		    realloc(net->idle, n * sizeof(struct tw__idle *));
		if (p == NULL)
			return NULL;
		memset(p + net->n_idle_slots, 0,
		    (n - net->n_idle_slots) * sizeof(struct tw__idle *));
		net->idle = p;
		net->n_idle_slots = n;
	}
	if (net->idle[number] == NULL && make) {
		struct tw__idle *const idle = calloc(1, sizeof(*idle));
		if (idle == NULL)
			return NULL;
		TAILQ_INIT(&idle->list);
		TAILQ_INIT(&idle->shared);
		net->idle[number] = idle;
	}
	return net->idle[number];
}

/* For reports; the worker's own cell. */
static void
idle_tell(const struct tw_conn *conn, const struct tw__idle *idle)
{
	atomic_store_explicit(&conn->server->s.cells[conn->worker->id].idle, idle->n,
	    memory_order_relaxed);
}

static void
idle_remove(struct tw__idle *idle, struct tw_conn *conn)
{
	TAILQ_REMOVE(&idle->list, conn, link);
	idle->n--;
	if (idle->n < idle->least)
		idle->least = idle->n;
	idle_tell(conn, idle);
}

/* Connections of other names are not for this request. */
static struct tw_conn *__attribute__((noinline))
first_named(const struct tw__idle *idle, struct tw_str name)
{
	struct tw_conn *conn;

	TAILQ_FOREACH(conn, &idle->list, link) {
		if (tw_str_eq(conn->pool_name, name))
			return conn;
	}
	return NULL;
}

/* A carrier may have one more stream. */
static bool
carries_more(const struct tw_conn *conn, const struct tw_server *srv)
{
	return (srv->max_reuse == 0 || conn->n_requests < srv->max_reuse) &&
	    conn->mux->has_room(conn->mux_state);
}

/* One that has streams, and room for one more. */
static struct tw_conn *__attribute__((noinline)) shared_get(const struct tw__idle *idle,
    const struct tw_server *srv, bool proven, struct tw_str name)
{
	struct tw_conn *conn;

	TAILQ_FOREACH(conn, &idle->shared, link) {
		if (!conn->private && !conn->failed && !conn->rdhup && !conn->alone &&
		    (!proven || conn->n_requests >= 2) &&
		    (srv->pool_name == NULL || tw_str_eq(conn->pool_name, name)) &&
		    carries_more(conn, srv) &&
		    conn->epoch ==
			atomic_load_explicit(&srv->epoch, memory_order_relaxed))
			return conn;
	}
	return NULL;
}

struct tw_conn *
tw__upstream_get(
    struct tw_worker *w, const struct tw_server *srv, bool proven, struct tw_str name)
{
	struct tw__idle *const idle = idle_of(w->net, srv->live->number, false);

	if (idle == NULL)
		return NULL;
	if (TW_UNLIKELY(!TAILQ_EMPTY(&idle->shared))) {
		struct tw_conn *const conn = shared_get(idle, srv, proven, name);
		if (conn != NULL)
			return conn;
	}
	for (;;) {
		struct tw_conn *conn = TW_LIKELY(srv->pool_name == NULL)
		    ? TAILQ_FIRST(&idle->list)
		    : first_named(idle, name);
		if (conn == NULL || (proven && conn->n_requests < 2))
			return NULL;
		idle_remove(idle, conn);
		tw_timer_set(&conn->timer, 0);
		conn->timed_out = false;
		if (!conn->rdhup && !conn->failed &&
		    (TW_LIKELY(conn->mux == NULL) ? !conn->readable
						  : carries_more(conn, srv)) &&
		    conn->epoch ==
			atomic_load_explicit(&srv->epoch, memory_order_relaxed))
			return conn;
		tw__conn_free(&conn);
	}
}

/* The server has left the configuration, or has another address there. */
static bool
is_outdated(const struct tw_conn *conn)
{
	const struct tw_server_live *const l = conn->server;

	return atomic_load_explicit(&l->epoch, memory_order_relaxed) != conn->epoch ||
	    atomic_load_explicit(&l->gen, memory_order_relaxed) !=
	    tw__gen_current()->number;
}

void
tw__upstream_share(struct tw_conn *c)
{
	struct tw__idle *const idle = idle_of(c->worker->net, c->server->number, true);

	if (c->shared || idle == NULL)
		return;
	c->shared = true;
	TAILQ_INSERT_TAIL(&idle->shared, c, link);
}

static void
shared_remove(struct tw_conn *c)
{
	TAILQ_REMOVE(
	    &idle_of(c->worker->net, c->server->number, true)->shared, c, link);
	c->shared = false;
}

void
tw__upstream_carrier_rests(struct tw_conn *c)
{
	struct tw_conn *conn = c;

	shared_remove(c);
	if (c->private)
		tw__conn_free(&conn);
	else
		tw__upstream_put(&conn);
}

void
tw__upstream_carrier_off(struct tw_conn *c)
{
	if (c->shared)
		shared_remove(c);
	else
		idle_remove(idle_of(c->worker->net, c->server->number, true), c);
}

void
tw__upstream_use(struct tw_conn *conn)
{
	struct tw__idle *const idle =
	    idle_of(conn->worker->net, conn->server->number, true);

	conn->in_use = idle != NULL;
	if (idle != NULL && ++idle->used > idle->peak)
		idle->peak = idle->used;
}

void
tw__upstream_unuse(struct tw_conn *conn)
{
	if (!conn->in_use)
		return;
	conn->in_use = false;
	conn->worker->net->idle[conn->server->number]->used--;
}

/* As many as were busy at once are worth keeping; how many names they may have is
 * another matter. */
static bool
is_surplus(const struct tw__idle *idle)
{
	const uint32_t peak =
	    idle->peak > idle->peak_before ? idle->peak : idle->peak_before;

	return idle->n + idle->used >= peak;
}

/* tune.pool-low-fd-ratio */
static bool
is_crowded(const struct tw_conn *conn)
{
	return conn->fd >= atomic_load_explicit(&tw__idle_fd_low, memory_order_relaxed);
}

/* All workers' idle connections are counted only where that matters. */
static bool
is_full(const struct tw_server_live *l)
{
	const uint32_t most = atomic_load_explicit(&l->pool_max, memory_order_relaxed);
	uint32_t n = 0;

	if (most == UINT32_MAX)
		return false;
	for (int i = 0; i <= tw_n_workers(); i++)
		n += atomic_load_explicit(&l->s.cells[i].idle, memory_order_relaxed);
	return n >= most;
}

/* Nothing unread, nothing unsent, not closed by either side. `readable` may
 * be left over from a splice: the socket itself is asked then. */
bool
tw__upstream_is_clean(struct tw_conn *conn)
{
	char c;

	if (conn->rdhup || conn->failed || conn->shut || tw__conn_backlog(conn) ||
	    conn->in.head != conn->in.tail || is_outdated(conn))
		return false;
	if (!conn->readable || conn->mux != NULL)
		return true;
	if (conn->transport != NULL) /* what came may be its own: a ticket */
		return tw__conn_recv(conn, 0) == TW_IO_AGAIN;
	if (recv(conn->fd, &c, 1, MSG_PEEK) >= 0 || errno != EAGAIN)
		return false;
	conn->readable = false;
	return true;
}

bool
tw__upstream_rests(struct tw_conn *conn)
{
	if (conn->transport == NULL || !tw__upstream_is_clean(conn))
		return false;
	tw__buf_put(conn);
	return true;
}

static void
purge_by(struct tw__net *net, uint64_t due_ms)
{
	if (net->purge.due_ms == 0 || due_ms < net->purge.due_ms)
		tw_timer_set(&net->purge, due_ms);
}

/* A first period, of pool-purge-delay. */
static void
purge_begin(struct tw__net *net, struct tw__idle *idle, const struct tw_server_live *l)
{
	idle->purge_ms = atomic_load_explicit(&l->pool_purge_ms, memory_order_relaxed);
	idle->due_ms = tw_now_ms() + idle->purge_ms;
	purge_by(net, idle->due_ms);
}

void
tw__upstream_put(struct tw_conn **pconn)
{
	struct tw_conn *const conn = *pconn;
	struct tw__net *const net = conn->worker->net;
	struct tw__idle *const idle = idle_of(net, conn->server->number, true);

	tw__upstream_unuse(conn);
	if (idle == NULL || is_crowded(conn) || is_full(conn->server) ||
	    (is_surplus(idle) && conn->pool_name.p == NULL) ||
	    !tw__upstream_is_clean(conn)) {
		tw__conn_free(pconn);
		return;
	}
	*pconn = NULL;
	tw__buf_put(conn);
	tw__conn_watch(conn);
	conn->req = NULL;
	tw_timer_set(&conn->timer, 0);
	TAILQ_INSERT_HEAD(&idle->list, conn, link);
	idle->n++;
	if (TW_UNLIKELY(idle->due_ms == 0))
		purge_begin(net, idle, conn->server);
	idle_tell(conn, idle);
}

/* The pool's connection had an event: the server closed it, or spoke out of
 * turn. Called by the flow for connections without a request. */
void
tw__upstream_lost(struct tw_conn **pconn)
{
	struct tw_conn *const conn = *pconn;
	struct tw__idle *const idle =
	    idle_of(conn->worker->net, conn->server->number, false);

	TW_ASSERT(idle != NULL);
	if (tw__upstream_rests(conn))
		return;
	idle_remove(idle, conn);
	tw__conn_free(pconn);
}

static void
idle_trim(struct tw__idle *idle, uint32_t n)
{
	for (; n > 0; n--) {
		struct tw_conn *conn = TAILQ_LAST(&idle->list, tw__conn_list);
		idle_remove(idle, conn);
		tw__conn_free(&conn);
	}
}

/* Half of what nobody needed goes; a server that nobody uses any more has no
 * next period. */
static void
period_end(struct tw__idle *idle, uint64_t now)
{
	idle->peak_before = idle->peak;
	idle->peak = idle->used;
	idle->due_ms = 0;
	if (idle->n > 0) {
		const struct tw_server_live *const l = TAILQ_FIRST(&idle->list)->server;

		idle->purge_ms =
		    atomic_load_explicit(&l->pool_purge_ms, memory_order_relaxed);
		idle_trim(idle, (idle->least + 1) / 2);
		idle->least = idle->n;
	}
	if (idle->n > 0 || idle->peak_before > 0)
		idle->due_ms = now + idle->purge_ms;
}

void
tw__upstream_purge(struct tw_worker *w)
{
	struct tw__net *const net = w->net;
	const uint64_t now = tw_now_ms();
	uint64_t next = UINT64_MAX;

	for (uint32_t i = 0; i < net->n_idle_slots; i++) {
		struct tw__idle *const idle = net->idle[i];
		if (idle == NULL)
			continue;
		if (idle->n > 0 && is_outdated(TAILQ_FIRST(&idle->list)))
			idle_trim(idle, idle->n);
		if (idle->due_ms != 0 && idle->due_ms <= now)
			period_end(idle, now);
		if (idle->due_ms != 0 && idle->due_ms < next)
			next = idle->due_ms;
	}
	tw_timer_set(&net->purge, next != UINT64_MAX ? next : 0);
}

void
tw__upstream_drop(struct tw_worker *w, const struct tw_server_live *l)
{
	struct tw__idle *const idle = idle_of(w->net, l->number, false);

	struct tw_conn *c, *next;

	if (idle == NULL)
		return;
	idle_trim(idle, idle->n);
	for (c = TAILQ_FIRST(&idle->shared); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		if (c->n_streams == 0) /* it would become idle in this turn */
			tw__mux_end(c);
	}
}

/** tw__upstream_close_all - all of the worker's idle connections; when it ends. */
void
tw__upstream_close_all(struct tw_worker *w)
{
	struct tw__net *const net = w->net;

	for (uint32_t i = 0; i < net->n_idle_slots; i++) {
		if (net->idle[i] == NULL)
			continue;
		idle_trim(net->idle[i], net->idle[i]->n);
		while (!TAILQ_EMPTY(&net->idle[i]->shared)) {
			struct tw_conn *c = TAILQ_FIRST(&net->idle[i]->shared);
			tw__mux_end(c);
		}
		free(net->idle[i]);
	}
	net->n_idle_slots = 0;
	tw_timer_del(&net->purge);
}

/* Descriptors ran out: an idle connection is worth less than this one. */
static bool
idle_sacrifice(struct tw__net *net)
{
	for (uint32_t i = 0; i < net->n_idle_slots; i++) {
		if (net->idle[i] != NULL && net->idle[i]->n > 0) {
			idle_trim(net->idle[i], 1);
			return true;
		}
	}
	return false;
}

static int
socket_for(struct tw_worker *w, const struct tw_server *srv, int family,
    const struct tw_conn *client)
{
	const int one = 1;
	int fd;

	do
		fd = tw__outgoing_socket(srv, family, client);
	while (
	    fd < 0 && (errno == EMFILE || errno == ENFILE) && idle_sacrifice(w->net));
	if (TW_UNLIKELY(
		fd >= atomic_load_explicit(&tw__idle_fd_high, memory_order_relaxed)))
		idle_sacrifice(w->net);
	if (fd >= 0 && srv->proxy->c.tcpka_server)
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	if (fd >= 0)
		tw__socket_tune(fd, &srv->proxy->gen->global.tune, false);
	return fd;
}

static void
port_map(struct sockaddr_storage *ss, int port)
{
	if (ss->ss_family == AF_INET)
		((struct sockaddr_in *)ss)->sin_port = htons((uint16_t)port);
	else if (ss->ss_family == AF_INET6)
		((struct sockaddr_in6 *)ss)->sin6_port = htons((uint16_t)port);
}

static int
connect_once(int fd, const struct sockaddr_storage *ss, socklen_t len)
{
	int rc;

	do
		rc = connect(fd, (const struct sockaddr *)ss, len);
	while (rc != 0 && errno == EINTR);
	return rc;
}

/* On this machine the handshake is over when connect() says that it is under
 * way: asking once more is cheaper than an event. */
static bool
is_here(const struct sockaddr_storage *ss)
{
	if (ss->ss_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)ss)->sin_addr.s_addr) >> 24 ==
		    IN_LOOPBACKNET;
	return ss->ss_family == AF_INET6 &&
	    IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)ss)->sin6_addr);
}

/* The client asked for this program itself, and no redirection brought it here:
 * to connect there would go round in circles. */
static bool
is_loop(const struct tw_conn *client, const struct sockaddr_storage *ss)
{
	struct sockaddr_storage own;
	socklen_t len = sizeof(own);
	struct tw_addr a, b;

	if (client->bind == NULL || client->bind->transparent ||
	    getsockname(client->fd, (struct sockaddr *)&own, &len) != 0)
		return false;
	tw_addr_from_sockaddr(&a, (struct sockaddr *)&own, len);
	tw_addr_from_sockaddr(&b, (const struct sockaddr *)ss, sizeof(*ss));
	return tw_addr_eq(&a, &b);
}

/* The one found at run time, the line's, or the one that the client asked for.
 * returns: 0: errno. */
static socklen_t
address_of(const struct tw_server *srv, const struct tw_conn *client,
    struct sockaddr_storage *ss)
{
	const struct tw__where *const at =
	    atomic_load_explicit(&srv->live->where, memory_order_acquire);
	socklen_t len = at != NULL ? at->ss_len : srv->ss_len;

	*ss = at != NULL ? at->ss : srv->ss;
	if (TW_LIKELY(srv->map_port == 0 && !srv->map_addr))
		return len;
	const struct tw_addr *const dst = tw_conn_dst((struct tw_conn *)client);
	if (srv->map_addr)
		len = tw_addr_to_sockaddr(dst, ss);
	port_map(ss,
	    srv->map_port != 0 ? dst->port + (int16_t)srv->addr.port : srv->addr.port);
	if (srv->map_addr && is_loop(client, ss)) {
		errno = ELOOP;
		return 0;
	}
	return len;
}

int (*tw__upstream_instead)(
    const struct tw_server *srv, const struct sockaddr_storage *ss);

bool
tw__upstream_leads_to(const struct tw_conn *conn, const struct tw_server *srv,
    const struct tw_conn *client)
{
	return (!srv->map_addr && srv->map_port == 0) ||
	    tw_addr_eq(&conn->src, tw_conn_dst((struct tw_conn *)client));
}

/* Best effort, as for clients: a mark takes CAP_NET_ADMIN. */
static void
marks_apply(int fd, int family, const struct tw__out_marks *m)
{
	const int tos = m->tos;

	if (m->has_mark)
		(void)setsockopt(fd, SOL_SOCKET, SO_MARK, &m->mark, sizeof(m->mark));
	if (m->has_tos && family == AF_INET)
		(void)setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	else if (m->has_tos && family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
}

struct tw_conn *
tw__upstream_connect(struct tw_worker *w, const struct tw_server *srv,
    const struct tw_conn *client, const struct tw__out_marks *marks)
{
	/* in this order: a new place is never taken for the former's epoch */
	const uint32_t epoch = atomic_load_explicit(&srv->epoch, memory_order_acquire);
	struct sockaddr_storage ss;
	const socklen_t len = address_of(srv, client, &ss);
	const bool instead = tw__upstream_instead != NULL;
	if (len == 0 && !instead)
		return NULL;
	const int fd = TW_UNLIKELY(instead) ? tw__upstream_instead(srv, &ss)
					    : socket_for(w, srv, ss.ss_family, client);

	if (fd < 0)
		return NULL;
	if (TW_UNLIKELY(marks != NULL))
		marks_apply(fd, ss.ss_family, marks);
	int rc = TW_UNLIKELY(instead) ? 0 : connect_once(fd, &ss, len);
	if (rc != 0 && errno == EINPROGRESS && is_here(&ss))
		rc = connect_once(fd, &ss, len);
	if (rc != 0 && errno == EALREADY)
		errno = EINPROGRESS;
	if (rc != 0 && errno != EINPROGRESS) {
		const int e = errno;
		close(fd);
		errno = e;
		return NULL;
	}
	struct tw_conn *const conn = tw__conn_new(w, fd);
	if (conn == NULL) {
		close(fd);
		errno = ENOMEM;
		return NULL;
	}
	conn->server_side = true;
	conn->mptcp = srv->mptcp;
	conn->connecting = rc != 0;
	conn->writable = rc == 0;
	conn->server = srv->live;
	conn->epoch = epoch;
	if (TW_UNLIKELY(srv->map_addr || srv->map_port != 0))
		conn->src = *tw_conn_dst((struct tw_conn *)client);
	conn->nodelay = ss.ss_family == AF_UNIX; /* has no need of it */
	return conn;
}

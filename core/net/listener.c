/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * listener.c - listening sockets and accepting.
 *
 * A listener is found by its address across generations: an unchanged one
 * keeps its socket through a reload, so no connection is refused. Every
 * worker watches every listener; whoever accepts gives the connection to the
 * worker that has the fewest. When the process, the frontend or the line is
 * full, or descriptors have run out, the worker stops looking at the listener
 * for a moment: the kernel's backlog holds the clients meanwhile.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tideway/assert.h>
#include <tideway/log.h>
#include <tideway/transport.h>
#include "core/net/conn.h"
#include "core/net/accept.h"
#include "core/net/handover.h"
#include "core/proxy/process.h"
#include "core/net/rate.h"

#define RETRY_MS 20

/* The socket itself; closed when the last worker has let go. One that has
 * vanished is never taken up again: should its line return, a new one is made,
 * whatever the workers have seen of that so far. */
struct listener {
	SLIST_ENTRY(listener)
	link;                       /* control thread */
	struct tw__bind_live *live; /* borrow: until unlisted; control thread */
	bool wanted;                /* control thread: named by the generation */
	int fd;
	_Atomic int refs;
	char *unlink_path; /* owns; NULL: no unix socket of ours */
	dev_t dev;         /* of what we bound there: a successor may have */
	ino_t ino;         /* put its own in that place */
};

static SLIST_HEAD(, listener) listeners = SLIST_HEAD_INITIALIZER(listeners);

_Atomic uint32_t tw__n_conns;
uint32_t tw__maxconn = 2000;

uint32_t
tw__conns_active(void)
{
	return atomic_load(&tw__n_conns);
}

/* --- opening --- */

static int
bind_inet(int fd, const struct tw_bind *b)
{
	struct sockaddr_storage ss;
	const socklen_t len = tw_addr_to_sockaddr(&b->addr, &ss);

	tw__bind_options(fd, b);
	if (b->transparent && tw__bind_transparent(fd, b->addr.family) != 0)
		return -1;
	if (b->interface != NULL &&
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, b->interface,
		(socklen_t)strlen(b->interface) + 1) != 0)
		return -1;
	return bind(fd, (struct sockaddr *)&ss, len);
}

static int
open_new(const struct tw_bind *b, struct tw_err *err)
{
	const int fd = tw__netns_socket(b->netns, b->addr.family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, b->mptcp ? IPPROTO_MPTCP : 0);

	if (fd >= 0 &&
	    (b->addr.family == AF_UNIX ? tw__bind_unix(fd, b) : bind_inet(fd, b)) ==
		0 &&
	    listen(fd, tw__bind_backlog(b)) == 0)
		return tw__bind_listens(fd, b);
	tw_err_errno(err, "[%s:%d] : Starting frontend %s: cannot bind socket [%s]",
	    b->file, b->line, b->proxy->name, b->key);
	if (fd >= 0)
		close(fd);
	return -1;
}

static int
open_inherited(const struct tw_bind *b, struct tw_err *err)
{
	int listening = 0;
	socklen_t len = sizeof(listening);

	if (tw__handover_has(b->fd))
		return tw_err_set(err,
		    "[%s:%d] : Starting frontend %s: fd@%d was not inherited, it is "
		    "one of the sockets taken over: write its address instead",
		    b->file, b->line, b->proxy->name, b->fd);
	if (getsockopt(b->fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) != 0)
		return tw_err_errno(err,
		    "[%s:%d] : Starting frontend %s: cannot use descriptor fd@%d",
		    b->file, b->line, b->proxy->name, b->fd);
	if (!listening && listen(b->fd, tw__bind_backlog(b)) != 0)
		return tw_err_errno(err,
		    "[%s:%d] : Starting frontend %s: cannot listen on fd@%d", b->file,
		    b->line, b->proxy->name, b->fd);
	fcntl(b->fd, F_SETFL, fcntl(b->fd, F_GETFL) | O_NONBLOCK);
	fcntl(b->fd, F_SETFD, FD_CLOEXEC);
	tw__bind_tcp_options(b->fd, b);
	return tw__bind_listens(b->fd, b);
}

/* One that a predecessor has used: its options may be another line's. */
static int
open_handed_over(const struct tw_bind *b)
{
	const int fd = tw__handover_take(b);

	if (fd < 0)
		return -1;
	if (b->addr.family == AF_UNIX)
		tw__bind_unix_permissions(
		    b); /* best effort: they may be right already */
	else
		tw__bind_options(fd, b);
	listen(fd, tw__bind_backlog(b));
	return tw__bind_listens(fd, b);
}

static void
path_keep(struct listener *l, const char *path)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return;
	l->unlink_path = strdup(path);
	l->dev = st.st_dev;
	l->ino = st.st_ino;
}

static void
path_forget(struct listener *l)
{
	struct stat st;

	if (l->unlink_path == NULL)
		return;
	if (lstat(l->unlink_path, &st) == 0 && st.st_dev == l->dev &&
	    st.st_ino == l->ino)
		unlink(l->unlink_path);
	free(l->unlink_path);
	l->unlink_path = NULL;
}

static int
listener_open(struct tw_bind *b, struct tw_err *err)
{
	struct tw__bind_live *const live = b->live;

	if (live->net != NULL)
		return 0;
	int fd = b->fd >= 0 ? open_inherited(b, err) : open_handed_over(b);
	if (fd < 0 && b->fd < 0)
		fd = open_new(b, err);
	if (fd < 0)
		return -1;
	struct listener *const l = calloc(1, sizeof(*l));
	TW_ASSERT(l != NULL);
	l->fd = fd;
	l->live = live;
	SLIST_INSERT_HEAD(&listeners, l, link);
	if (b->fd < 0 && b->addr.family == AF_UNIX && b->addr.u.path[0] != '@')
		path_keep(l, b->addr.u.path);
	live->fd = fd;
	live->net = l;
	return 0;
}

/* Those that no generation published (refs 0): it was refused. */
static void
forget_unpublished(void)
{
	struct listener *l, *next;

	for (l = SLIST_FIRST(&listeners); l != NULL; l = next) {
		next = SLIST_NEXT(l, link);
		if (atomic_load(&l->refs) != 0)
			continue;
		SLIST_REMOVE(&listeners, l, listener, link);
		l->live->net = NULL;
		l->live->fd = -1;
		path_forget(l);
		close(l->fd);
		free(l);
	}
}

int
tw__listeners_open(struct tw_gen *gen, struct tw_err *err)
{
	struct tw_proxy *px;

	TAILQ_FOREACH(px, &gen->proxies, link) {
		for (int i = 0; !px->c.disabled && i < px->n_binds; i++) {
			if (listener_open(px->bind[i], err) == 0)
				continue;
			forget_unpublished();
			return -1;
		}
	}
	return 0;
}

/* --- accepting --- */

static void
watch(struct tw_worker *w, struct tw__accept *a)
{
	if (a->full) {
		a->full = false;
		w->net->n_full--;
	}
	event_add(&a->ev, NULL);
}

static void
unwatch_full(struct tw_worker *w, struct tw__accept *a)
{
	if (a->full || a->off)
		return;
	a->full = true;
	w->net->n_full++;
	event_del(&a->ev);
	tw_timer_set(&w->net->accept_retry, tw_now_ms() + RETRY_MS);
}

static void
watch_all(struct tw_worker *w)
{
	for (struct tw__accept *a = w->net->accepts; a != NULL; a = a->next) {
		if (a->full && !a->off)
			watch(w, a);
	}
}

static void
retry_fire(struct tw_timer *t)
{
	(void)t;
	watch_all(tw__self);
}

void
tw__listener_room(struct tw_worker *w)
{
	if (TW_UNLIKELY(w->net->n_full > 0))
		watch_all(w);
}

static uint32_t
room(uint32_t limit, uint32_t cur)
{
	return limit == 0 ? UINT32_MAX : cur < limit ? limit - cur : 0;
}

static uint32_t
least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* What carries the bytes may have limits of its own. */
static uint32_t
of_transport(const struct tw_bind *b)
{
	const struct tw_transport *const t = b->transport;

	return t == NULL || t->places == NULL ? UINT32_MAX : t->places();
}

/* Connections that the process, the frontend and the line can still take. */
static uint32_t
places(const struct tw_bind *b)
{
	const struct tw_proxy *const px = b->proxy;
	const uint32_t process = room(__atomic_load_n(&tw__maxconn, __ATOMIC_RELAXED),
	    atomic_load_explicit(&tw__n_conns, memory_order_relaxed));
	const uint32_t frontend =
	    room(atomic_load_explicit(&px->live->fe_maxconn, memory_order_relaxed),
		atomic_load_explicit(&px->live->fe.cur, memory_order_relaxed));
	const uint32_t line = room(
	    b->maxconn, atomic_load_explicit(&b->live->s.cur, memory_order_relaxed));

	return least(process, least(frontend, least(line, of_transport(b))));
}

/* A connection on its way to another worker; it refers to its generation, and
 * counts, from accept on: so limits hold, and nothing it points at vanishes. */
struct handover {
	struct tw_bind *bind;
	struct tw_worker *to;
	struct tw_addr src;
	int fd;
};

static void
count_in(struct tw_worker *to, struct tw_bind *bind)
{
	atomic_fetch_add_explicit(&tw__n_conns, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&to->conns, 1, memory_order_relaxed);
	tw__session_begin(&bind->proxy->live->fe);
	tw__session_begin(&bind->live->s);
	if (bind->transport != NULL && bind->transport->accepted != NULL)
		bind->transport->accepted();
}

static void
count_out(struct tw_worker *w, struct tw_bind *bind, const struct tw_transport *counted)
{
	if (counted != NULL && counted->closed != NULL)
		counted->closed();
	tw__session_end(&bind->proxy->live->fe);
	tw__session_end(&bind->live->s);
	atomic_fetch_sub_explicit(&tw__n_conns, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&w->conns, 1, memory_order_relaxed);
}

/* in: bind, counted and its generation referred to. */
static inline struct tw_conn *
conn_make(struct tw_worker *w, struct tw_bind *bind, int fd, const struct tw_addr *src)
{
	struct tw_conn *const conn = tw__conn_new(w, fd);

	if (conn == NULL) {
		close(fd);
		count_out(w, bind, bind->transport);
		tw__gen_unref(bind->proxy->gen);
		return NULL;
	}
	conn->bind = bind;
	conn->counted = bind->transport;
	conn->gen = bind->proxy->gen;
	conn->src = *src;
	conn->proxy_wanted = bind->accept_proxy;
	conn->mptcp = bind->mptcp;
	tw_now_ms(); /* reads this turn's clock */
	conn->accepted_us = w->now_us;
	conn->idle_us = conn->accepted_us;
	conn->readable = conn->writable = true; /* to be tried */
	TAILQ_INSERT_TAIL(&w->net->clients, conn, link);
	tw__cnt(&bind->proxy->live->fe, w->id, TW_CNT_CONN, 1);
	tw__cnt(&bind->live->s, w->id, TW_CNT_CONN, 1);
	tw__cnt(&bind->proxy->live->fe, w->id, TW_CNT_SESS, 1);
	tw__cnt(&bind->live->s, w->id, TW_CNT_SESS, 1);
	return conn;
}

static void
conn_begin(struct tw_worker *w, struct tw_bind *bind, int fd, const struct tw_addr *src)
{
	struct tw_conn *const conn = conn_make(w, bind, fd, src);

	if (conn != NULL)
		tw__flow_accepted(conn);
}

struct tw_conn *
tw__client_new(
    struct tw_worker *w, struct tw_bind *bind, int fd, const struct tw_addr *src)
{
	count_in(w, bind);
	tw__gen_ref(bind->proxy->gen);
	return conn_make(w, bind, fd, src);
}

static void
handover_run(void *arg)
{
	struct handover *const h = arg;

	conn_begin(h->to, h->bind, h->fd, &h->src);
	free(h);
}

static struct tw_worker *
least_loaded(struct tw_worker *self, const struct tw_bind *bind)
{
	const int n = tw_n_workers();
	struct tw_worker *best = self;
	uint32_t least = atomic_load_explicit(&self->conns, memory_order_relaxed);

	for (int i = 1; i <= n; i++) {
		struct tw_worker *const w = tw_worker_at(i);
		const uint32_t c =
		    atomic_load_explicit(&w->conns, memory_order_relaxed);
		if (TW_UNLIKELY(bind->confined) && !tw__bind_runs_on(bind, i))
			continue;
		if (c + 1 < least) {
			best = w;
			least = c;
		}
	}
	return best;
}

/* Takes over a connection that is counted already. */
static void
accepted(struct tw_worker *to, struct tw_bind *bind, int fd, const struct tw_addr *src)
{
	tw__gen_ref(bind->proxy->gen);
	if (to == tw__self) {
		conn_begin(to, bind, fd, src);
		return;
	}
	struct handover *const h = malloc(sizeof(*h));
	TW_ASSERT(h != NULL);
	*h = (struct handover){ bind, to, *src, fd };
	tw_worker_post(to, handover_run, h);
}

/* The last places go one by one, so that workers do not give one away twice. */
static pthread_mutex_t last_places = PTHREAD_MUTEX_INITIALIZER;

/* Sessions a second of the frontend; under last_places. */
static bool
rate_allows(const struct tw_bind *b)
{
	const struct tw_proxy *const px = b->proxy;

	return tw__window_room(&px->live->accepted, px->c.rate_limit, tw_turn_us()) > 0;
}

/* Accepts and counts one. returns: the descriptor; -1: errno; -2: full. */
static int
accept_counted(int fd, struct tw_bind *bind, struct tw_addr *src, struct tw_worker **to)
{
	const bool limited = bind->proxy->rate_limited;
	const bool few = limited || places(bind) <= (uint32_t)tw_n_workers();
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int c = -2;

	if (TW_UNLIKELY(few))
		pthread_mutex_lock(&last_places);
	if (!few || (places(bind) > 0 && (!limited || rate_allows(bind))))
		c = accept4(
		    fd, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	const int e = errno;
	if (c >= 0) {
		*to = least_loaded(tw__self, bind);
		count_in(*to, bind);
		if (TW_UNLIKELY(limited))
			tw__window_add(&bind->proxy->live->accepted, tw_turn_us());
		tw_addr_from_sockaddr(src, (struct sockaddr *)&ss, len);
	}
	if (TW_UNLIKELY(few))
		pthread_mutex_unlock(&last_places);
	errno = e;
	return c;
}

static void
accept_error(struct tw_worker *w, struct tw__accept *a, const struct tw_bind *bind)
{
	if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM)
		return;
	tw_log_limited(TW_WARNING,
	    "Proxy %s: cannot accept: %s (%u connections); "
	    "accepting again when there is room. Raise ulimit-n or lower maxconn.",
	    bind->proxy->name, strerror(errno), tw__conns_active());
	unwatch_full(w, a);
}

static void
on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct tw__accept *const a = arg;
	struct tw_worker *const w = tw__self;

	(void)what;
	for (uint32_t n = 0;; n++) {
		struct tw_bind *const bind = atomic_load(&a->live->bind);
		struct tw_addr src;
		struct tw_worker *to = NULL;

		if (bind == NULL || n >= bind->proxy->gen->global.maxaccept)
			return;
		const bool limited = tw__rate_is_limited();
		if (TW_UNLIKELY(limited) && !tw__rate_admits()) {
			unwatch_full(w, a);
			return;
		}
		const int c = accept_counted(fd, bind, &src, &to);
		if (TW_UNLIKELY(limited) && c < 0)
			tw__rate_return();
		if (c == -2) {
			unwatch_full(w, a);
			return;
		}
		if (c < 0) {
			if (errno == EINTR || errno == ECONNABORTED)
				continue;
			accept_error(w, a, bind);
			return;
		}
		__atomic_store_n(&w->n_accepted, w->n_accepted + 1, __ATOMIC_RELAXED);
		accepted(to, bind, c, &src);
	}
}

void
tw__client_closed(struct tw_conn *conn)
{
	struct tw_worker *const w = conn->worker;

	count_out(w, conn->bind, conn->counted);
	tw__listener_room(w);
}

int
tw__listener_fd(const struct tw_worker *w, const struct tw__bind_live *live)
{
	for (const struct tw__accept *a = w->net->accepts; a != NULL; a = a->next) {
		if (a->live == live)
			return event_get_fd(&a->ev);
	}
	return -1;
}

/* --- following the generations --- */

static void
listener_release(struct listener *l)
{
	if (atomic_fetch_sub(&l->refs, 1) > 1)
		return;
	close(l->fd);
	path_forget(l);
	free(l);
}

static void
accept_drop(struct tw_worker *w, struct tw__accept **at)
{
	struct tw__accept *const a = *at;

	*at = a->next;
	if (a->full)
		w->net->n_full--;
	else
		event_del(&a->ev);
	listener_release(a->l);
	free(a);
}

static bool
is_watched(const struct tw_worker *w, const struct listener *l)
{
	for (const struct tw__accept *a = w->net->accepts; a != NULL; a = a->next) {
		if (a->l == l)
			return true;
	}
	return false;
}

struct sync_entry {
	struct listener *l;
	struct tw__bind_live *live;
};

void
tw__accept_serve(struct tw_worker *w, struct tw__accept *a)
{
	const struct tw_bind *const b = atomic_load(&a->live->bind);
	const bool off = atomic_load(&a->live->paused) ||
	    (b != NULL && b->confined && !tw__bind_runs_on(b, w->id));

	if (off == a->off)
		return;
	a->off = off;
	if (a->full)
		w->net->n_full--;
	a->full = false;
	if (off)
		event_del(&a->ev);
	else
		event_add(&a->ev, NULL);
}

static void
accept_add(struct tw_worker *w, const struct sync_entry *e)
{
	struct tw__accept *const a = calloc(1, sizeof(*a));

	TW_ASSERT(a != NULL);
	a->l = e->l;
	a->live = e->live;
	event_assign(&a->ev, w->base, e->l->fd, EV_READ | EV_PERSIST, on_accept, a);
	a->off = true;
	tw__accept_serve(w, a);
	a->next = w->net->accepts;
	w->net->accepts = a;
}

/* What a worker shall listen on from now on. A listener is in all messages
 * from its first to its last, so that each worker takes and lets go of its
 * reference once, however late it reads them. */
struct sync {
	struct tw_worker *w;
	int n;
	struct sync_entry e[];
};

static bool
is_named(const struct sync *s, const struct listener *l)
{
	for (int i = 0; i < s->n; i++) {
		if (s->e[i].l == l)
			return true;
	}
	return false;
}

static void
sync_run(void *arg)
{
	struct sync *const s = arg;
	struct tw_worker *const w = s->w;
	struct tw__accept **at = &w->net->accepts;

	w->net->accept_retry.fn = retry_fire;
	while (*at != NULL) {
		if (!is_named(s, (*at)->l))
			accept_drop(w, at);
		else
			at = &(*at)->next;
	}
	for (struct tw__accept *a = w->net->accepts; a != NULL; a = a->next)
		tw__accept_serve(w, a);
	for (int i = 0; i < s->n; i++) {
		if (!is_watched(w, s->e[i].l))
			accept_add(w, &s->e[i]);
	}
	tw__upstream_purge(w);
	tw__flow_close_clients(w, false);
	free(s);
}

static void
sync_post(void)
{
	const struct listener *l;
	int n = 0;

	SLIST_FOREACH(l, &listeners, link)
		n++;
	for (int i = 1; i <= tw_n_workers(); i++) {
		struct sync *const s = malloc(sizeof(*s) + (size_t)n * sizeof(s->e[0]));
		TW_ASSERT(s != NULL);
		*s = (struct sync){ .w = tw_worker_at(i) };
		struct listener *each;
		SLIST_FOREACH(each, &listeners, link)
			s->e[s->n++] = (struct sync_entry){ each, each->live };
		tw_worker_post(s->w, sync_run, s);
	}
}

/* Listeners that no line names any more lose their bind; the workers let go
 * of them, and the last one closes the socket. A path is removed now: it may
 * soon be another socket's. */
static void
forget_unwanted(void)
{
	struct listener *l, *next;

	for (l = SLIST_FIRST(&listeners); l != NULL; l = next) {
		next = SLIST_NEXT(l, link);
		if (l->wanted)
			continue;
		SLIST_REMOVE(&listeners, l, listener, link);
		atomic_store(&l->live->bind, NULL);
		l->live->net = NULL;
		l->live->fd = -1;
		path_forget(l);
	}
}

/* Each worker will hold every listener once: references are taken here, for
 * all of them, so that none can see a socket that another has closed. */
void
tw__listeners_published(struct tw_gen *gen)
{
	struct listener *l;
	struct tw_proxy *px;

	SLIST_FOREACH(l, &listeners, link)
		l->wanted = false;
	TAILQ_FOREACH(px, &gen->proxies, link) {
		for (int i = 0; !px->c.disabled && i < px->n_binds; i++) {
			l = px->bind[i]->live->net;
			atomic_store(&px->bind[i]->live->bind, px->bind[i]);
			if (l == NULL) /* `tideway explain` listens nowhere */
				continue;
			l->wanted = true;
			if (px->bind[i]->addr.family != AF_UNIX)
				tw__socket_tune(l->fd, &gen->global.tune, true);
			if (atomic_load(&l->refs) == 0)
				atomic_store(&l->refs, tw_n_workers());
		}
	}
	forget_unwanted();
	sync_post();
}

void
tw__listeners_drain(void)
{
	struct listener *l;

	atomic_fetch_add(&tw__stopping, 1);
	atomic_store(&tw__process.stopping, true);
	SLIST_FOREACH(l, &listeners, link)
		l->wanted = false;
	forget_unwanted();
	sync_post();
}

void
tw__listeners_down(struct tw_worker *w)
{
	tw_timer_del(&w->net->accept_retry);
	while (w->net->accepts != NULL)
		accept_drop(w, &w->net->accepts);
}

/* --- shut down by an operator --- */

/* The next generation opens them again: it finds none. What was inherited
 * cannot be opened again, and rests instead. */
void
tw__listeners_stop(const struct tw_proxy *px)
{
	struct listener *l;

	SLIST_FOREACH(l, &listeners, link)
		l->wanted = true;
	for (int i = 0; i < px->n_binds; i++) {
		const struct tw_bind *const b = px->bind[i];

		if ((l = b->live->net) != NULL)
			l->wanted = b->fd >= 0;
		atomic_store(&b->live->paused, b->fd >= 0);
	}
	forget_unwanted();
	tw__listeners_look();
	sync_post();
}

/* --- handing over --- */

int *
tw__listeners_fds(bool inherited, int *n)
{
	const struct listener *l;
	int room = 0;

	SLIST_FOREACH(l, &listeners, link)
		room++;
	int *const fd = calloc((size_t)room + 1, sizeof(*fd));
	TW_ASSERT(fd != NULL);
	*n = 0;
	SLIST_FOREACH(l, &listeners, link) {
		const struct tw_bind *const b = atomic_load(&l->live->bind);

		if (inherited || b == NULL || b->fd < 0)
			fd[(*n)++] = l->fd;
	}
	return fd;
}

void
tw__listeners_leave_paths(void)
{
	struct listener *l;

	SLIST_FOREACH(l, &listeners, link) {
		free(l->unlink_path);
		l->unlink_path = NULL;
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * forward.c - the sockets of `log-forward` sections, and what comes through.
 *
 * A socket is found by its address and stays open across reloads; its section
 * is that of the generation in force. A stream that breaks its framing is
 * closed and counted; one that says nothing is closed after `timeout client`.
 * Nothing here waits: what targets do not take is dropped by them. Control
 * thread.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>

#include <tideway/assert.h>
#include <tideway/log.h>
#include <tideway/worker.h>

#include "net/conn.h"
#include "proxy/forward.h"
#include "run/gen.h"

#define IN_BYTES (TW__LOG_LEN_MAX + 16) /* a message and its length */
#define AT_ONCE 64 /* datagrams, or reads of a stream, before others have a turn */
#define BACKLOG 128
#define ACCEPT_AGAIN_MS 100 /* when there was no descriptor, or no memory */

struct source;

struct stream {
	LIST_ENTRY(stream) link;
	struct source *source;
	int fd;
	struct tw_addr from;
	struct event *io; /* owns */
	size_t len;
	char in[IN_BYTES];
};

struct source {
	LIST_ENTRY(source) link;
	struct tw_addr addr;
	bool is_dgram, paused;
	int fd;
	struct event *io;                  /* owns; NULL: not read yet */
	struct event *again;               /* owns; after ACCEPT_AGAIN_MS; NULL */
	const struct tw__forward *of;      /* borrow: gen in force; NULL: none */
	const struct tw__forward *next_of; /* of the generation that is built */
	uint32_t n_streams;
	LIST_HEAD(, stream) streams;
};

static LIST_HEAD(, source) sources;
static bool reading;
static _Atomic uint64_t n_messages, n_broken;

void
tw__forward_counts(uint64_t *messages, uint64_t *broken)
{
	*messages = atomic_load(&n_messages);
	*broken = atomic_load(&n_broken);
}

/* ---- messages ----------------------------------------------------------- */

static void
to_loggers(const struct tw__logger_list *list, const struct tw__syslog *m)
{
	static char text[TW__LOG_LEN_MAX + 1024];
	const struct tw__logger *lg;

	SLIST_FOREACH(lg, list, link) {
		struct tw_out o = tw_out_of(text, lg->max_len);
		if (m->level > lg->max_level || !tw__log_is_sampled(lg))
			continue;
		tw__syslog_out(&o, m, lg, tw_wall_us());
		tw__log_message(
		    lg, (struct tw_str){ text, (size_t)(o.p - text) }, m->text);
	}
}

static void
forward(const struct tw__forward *f, const struct tw_addr *from, struct tw_str bytes)
{
	char host[TW__HOST_BYTES];
	struct tw__syslog m;

	if (f == NULL || bytes.len == 0)
		return;
	atomic_fetch_add_explicit(&n_messages, 1, memory_order_relaxed);
	if (f->dont_parse)
		m = (struct tw__syslog){
			.format = TW__LOG_RAW, .level = TW_INFO, .text = bytes
		};
	else
		tw__syslog_parse(bytes, &m);
	tw__syslog_host(&m, f->host, from, host);
	to_loggers(&f->loggers, &m);
	if (f->log_global)
		to_loggers(&f->gen->global.loggers, &m);
}

static void
on_datagram(evutil_socket_t fd, short what, void *arg)
{
	static char mem[IN_BYTES];
	const struct source *const s = arg;

	(void)what;
	for (int i = 0; i < AT_ONCE; i++) {
		struct sockaddr_storage ss;
		socklen_t len = sizeof(ss);
		struct tw_addr from;
		const ssize_t n = recvfrom(
		    fd, mem, sizeof(mem), MSG_DONTWAIT, (struct sockaddr *)&ss, &len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		tw_addr_from_sockaddr(&from, (struct sockaddr *)&ss, len);
		forward(s->of, &from, (struct tw_str){ mem, (size_t)n });
	}
}

/* ---- streams ------------------------------------------------------------ */

static void
source_pause(struct source *s, bool pause)
{
	if (s->io == NULL || s->paused == pause)
		return;
	s->paused = pause;
	if (pause)
		event_del(s->io);
	else
		event_add(s->io, NULL);
}

static void
stream_free(struct stream *st)
{
	struct source *const s = st->source;

	LIST_REMOVE(st, link);
	event_free(st->io);
	close(st->fd);
	free(st);
	s->n_streams--;
	if (s->of != NULL && s->n_streams < s->of->maxconn)
		source_pause(s, false);
}

/* returns: false: it breaks its framing. */
static bool
take_messages(struct stream *st)
{
	const struct tw__forward *const f = st->source->of;
	size_t off = 0;

	for (;;) {
		struct tw_str msg;
		size_t used;
		const int n =
		    tw__syslog_frame((struct tw_str){ st->in + off, st->len - off },
			f->always_lines, &msg, &used);

		if (n < 0)
			return false;
		if (n == 0)
			break;
		forward(f, &st->from, msg);
		off += used;
	}
	memmove(st->in, st->in + off, st->len - off);
	st->len -= off;
	return st->len < sizeof(st->in);
}

static void
stream_end(struct stream *st)
{
	/* the last line may have no end */
	if (st->len > 0 && (st->in[0] < '1' || st->in[0] > '9'))
		forward(st->source->of, &st->from, (struct tw_str){ st->in, st->len });
	stream_free(st);
}

static void
on_stream(evutil_socket_t fd, short what, void *arg)
{
	struct stream *const st = arg;

	if (what & EV_TIMEOUT) {
		stream_free(st);
		return;
	}
	for (int i = 0; i < AT_ONCE; i++) {
		const ssize_t n =
		    recv(fd, st->in + st->len, sizeof(st->in) - st->len, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (n <= 0) {
			stream_end(st);
			return;
		}
		st->len += (size_t)n;
		if (take_messages(st))
			continue;
		atomic_fetch_add_explicit(&n_broken, 1, memory_order_relaxed);
		tw_log_limited(TW_WARNING,
		    "log-forward '%s': a stream was closed that is neither lines nor "
		    "octet counts, or has a message of more than %d bytes",
		    st->source->of->name, TW__LOG_LEN_MAX);
		stream_free(st);
		return;
	}
}

static bool
is_full(const struct source *s)
{
	return s->of == NULL || s->n_streams >= s->of->maxconn;
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	struct source *const s = arg;

	(void)fd;
	(void)what;
	source_pause(s, is_full(s));
}

/* What waits to be accepted would wake this thread again at once, and again. */
static void
accept_later(struct source *s, int error)
{
	static const struct timeval tv = { .tv_usec = ACCEPT_AGAIN_MS * 1000 };

	if (s->again == NULL)
		s->again = evtimer_new(tw_worker_base(tw_worker_at(0)), on_again, s);
	if (s->again == NULL || event_add(s->again, &tv) != 0)
		return;
	source_pause(s, true);
	tw_log_limited(TW_WARNING, "log-forward '%s': cannot accept a stream: %s",
	    s->of != NULL ? s->of->name : "", strerror(error));
}

static void
on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct source *const s = arg;
	struct event_base *const base = tw_worker_base(tw_worker_at(0));
	const uint32_t ms = s->of != NULL ? s->of->client_ms : 0;
	const struct timeval tv = { .tv_sec = ms / 1000,
		.tv_usec = (suseconds_t)(ms % 1000 * 1000) };

	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	(void)what;
	const int conn =
	    accept4(fd, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (conn < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM)
			accept_later(s, errno);
		return;
	}
	struct stream *const st = s->of != NULL ? calloc(1, sizeof(*st)) : NULL;
	if (st == NULL) {
		close(conn);
		return;
	}
	st->source = s;
	st->fd = conn;
	tw_addr_from_sockaddr(&st->from, (struct sockaddr *)&ss, len);
	st->io = event_new(base, conn, EV_READ | EV_PERSIST, on_stream, st);
	TW_ASSERT(st->io != NULL);
	event_add(st->io, ms > 0 ? &tv : NULL);
	LIST_INSERT_HEAD(&s->streams, st, link);
	s->n_streams++;
	source_pause(s, is_full(s));
}

/* ---- sockets ------------------------------------------------------------ */

static struct source *
source_find(const struct tw__forward_bind *b)
{
	struct source *s;

	LIST_FOREACH(s, &sources, link)
		if (s->is_dgram == b->is_dgram && s->addr.family == b->addr.family &&
		    tw_addr_eq(&s->addr, &b->addr))
			return s;
	return NULL;
}

static int
socket_open(const struct tw__forward *f, const struct tw__forward_bind *b)
{
	struct sockaddr_storage ss;
	const socklen_t len = tw_addr_to_sockaddr(&b->addr, &ss);
	const int type = b->is_dgram ? SOCK_DGRAM : SOCK_STREAM;
	const int on = 1;
	const int fd = socket(b->addr.family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	if (b->is_dgram)
		tw__dgram_tune(fd, &f->gen->global.tune);
	if (bind(fd, (struct sockaddr *)&ss, len) == 0 &&
	    (b->is_dgram ||
		listen(fd, (int)(f->backlog > 0 ? f->backlog : BACKLOG)) == 0))
		return fd;
	const int error = errno;
	close(fd);
	errno = error;
	return -1;
}

static void
source_free(struct source *s)
{
	while (!LIST_EMPTY(&s->streams))
		stream_free(LIST_FIRST(&s->streams));
	LIST_REMOVE(s, link);
	if (s->io != NULL)
		event_free(s->io);
	if (s->again != NULL)
		event_free(s->again);
	close(s->fd);
	free(s);
}

static int
source_open(
    const struct tw__forward *f, const struct tw__forward_bind *b, struct tw_err *err)
{
	struct source *s = source_find(b);

	if (s == NULL) {
		const int fd = socket_open(f, b);
		if (fd < 0)
			return tw_err_set(err,
			    "log-forward '%s' (%s:%d): cannot listen: %s", f->name,
			    b->file, b->line, strerror(errno));
		s = calloc(1, sizeof(*s));
		TW_ASSERT(s != NULL);
		s->fd = fd;
		s->is_dgram = b->is_dgram;
		s->addr = b->addr;
		LIST_INSERT_HEAD(&sources, s, link);
	}
	s->next_of = f;
	return 0;
}

/* Those that no generation has. */
static void
sweep(void)
{
	struct source *s, *next;

	for (s = LIST_FIRST(&sources); s != NULL; s = next) {
		next = LIST_NEXT(s, link);
		if (s->of == NULL)
			source_free(s);
	}
}

void
tw__forwards_abandon(void)
{
	sweep();
}

int
tw__forwards_open(struct tw_gen *gen, struct tw_err *err)
{
	struct source *s;

	LIST_FOREACH(s, &sources, link)
		s->next_of = NULL;
	for (const struct tw__forward *f = gen->forwards; f != NULL; f = f->next) {
		for (const struct tw__forward_bind *b = f->binds; b != NULL;
		     b = b->next) {
			if (source_open(f, b, err) != 0) {
				sweep(); /* what this generation alone wanted */
				return -1;
			}
		}
	}
	return 0;
}

static void
source_read(struct source *s)
{
	if (s->io != NULL)
		return;
	s->io = event_new(tw_worker_base(tw_worker_at(0)), s->fd, EV_READ | EV_PERSIST,
	    s->is_dgram ? on_datagram : on_accept, s);
	TW_ASSERT(s->io != NULL);
	event_add(s->io, NULL);
}

void
tw__forwards_published(struct tw_gen *gen)
{
	struct source *s;

	(void)gen;
	LIST_FOREACH(s, &sources, link) {
		s->of = s->next_of;
		if (s->of != NULL)
			source_pause(s, is_full(s));
		if (s->of != NULL && reading)
			source_read(s);
	}
	sweep();
}

void
tw__forwards_up(void)
{
	struct source *s;

	reading = true;
	LIST_FOREACH(s, &sources, link)
		if (s->of != NULL)
			source_read(s);
}

void
tw__forwards_down(void)
{
	reading = false;
	while (!LIST_EMPTY(&sources))
		source_free(LIST_FIRST(&sources));
}

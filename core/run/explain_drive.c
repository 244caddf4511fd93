/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * explain_drive.c - a client and servers that are the other ends of socket
 * pairs, and the loop that lets the worker's code run between them.
 *
 * The worker's steps are the real ones. Only where a server would be connected to
 * (tw__upstream_instead) the socket leads back here: what arrives is what the
 * server would have got. When nothing moves any more, the server answers; when
 * that does not help, either side has said all it has to say; when something
 * waits for time to pass, it passes at once.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tideway/assert.h>
#include "core/flow/debug.h"
#include "core/run/explain.h"

#define ENDS_MAX 64
#define SKIPS_MAX 4096
#define WAIT_MAX_MS (24ull * 3600 * 1000)

struct end {
	int fd;
	const struct tw_server *srv;
	struct tw__bytes got; /* in this exchange; kept when somebody asks for it */
	struct tw_str says;   /* d->answers gave it */
	bool asked;           /* it got something in the exchange at hand */
	bool answered;        /* and answers: so many bytes so far */
	size_t put;
	bool shut;
};

/* One run; the hooks of the flow have no argument to find it by. */
static struct {
	const struct tw__drive *d;
	struct tw_worker *w;
	int client;
	bool client_shut;
	size_t put;  /* bytes of the input that were sent */
	size_t left; /* of it, when an exchange ended */
	struct end end[ENDS_MAX];
	int n_ends;
	bool dialed; /* for the exchange at hand */
	struct tw__bytes sent, answer;
	struct tw_arena *arena;
	struct tw__record *record;
	uint64_t begun_us; /* of the exchange */
	uint64_t moved;    /* grows with whatever happens */
} it;

static int
pair(int fd[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd);
}

/* ---- the server's side -------------------------------------------------- */

static int
dial(const struct tw_server *srv, const struct sockaddr_storage *ss)
{
	int fd[2];

	(void)ss;
	if (it.n_ends == ENDS_MAX ||
	    (it.d->connects != NULL && !it.d->connects(srv, it.d->arg))) {
		errno = ECONNREFUSED;
		return -1;
	}
	if (pair(fd) != 0)
		return -1;
	it.end[it.n_ends++] = (struct end){ .fd = fd[1], .srv = srv };
	it.dialed = true;
	it.moved++;
	return fd[0];
}

static void
drain(int fd, struct tw__bytes *to)
{
	char part[16384];
	ssize_t n;

	while (fd >= 0 && (n = recv(fd, part, sizeof(part), 0)) > 0) {
		tw__bytes_add(to, part, (size_t)n);
		it.moved++;
	}
}

static void
drain_all(void)
{
	tw__conns_send_now(it.w->net);
	for (int i = 0; i < it.n_ends; i++) {
		const size_t before = it.sent.len;

		drain(it.end[i].fd, &it.sent);
		if (it.sent.len == before)
			continue;
		if (it.d->answers != NULL)
			tw__bytes_add(
			    &it.end[i].got, it.sent.p + before, it.sent.len - before);
		it.end[i].asked = true;
		it.dialed = true; /* over a connection used before, too */
	}
	drain(it.client, &it.answer);
}

static bool
is_http(void)
{
	return it.d->bind->proxy->c.mode == TW_MODE_HTTP;
}

/* What a stand-in for an answer would meet is nobody's business. */
static void
trail_stop(void)
{
	const struct tw_conn *const cli = TAILQ_FIRST(&it.w->net->clients);

	if (it.d->has_response || cli == NULL || cli->req == NULL ||
	    cli->req->record == NULL)
		return;
	tw__trail_sync(cli->req);
	cli->req->record->quiet = true;
}

/* What the kernel takes of an answer; the rest later. */
static void
answer_put(struct end *e)
{
	const struct tw_str r = it.d->answers != NULL ? e->says : it.d->response;

	while (e->answered && e->put < r.len &&
	    (is_http() || it.d->has_response || it.d->answers != NULL)) {
		const ssize_t n =
		    send(e->fd, r.p + e->put, r.len - e->put, MSG_NOSIGNAL);
		if (n <= 0)
			return;
		e->put += (size_t)n;
		it.moved++;
	}
}

/* Who has nothing to say closes. */
static void
answer_ask(struct end *e)
{
	e->says = (struct tw_str){ NULL, 0 };
	it.d->answers(
	    e->srv, (struct tw_str){ e->got.p, e->got.len }, &e->says, it.d->arg);
	e->got.len = 0;
	if (e->says.p == NULL) {
		shutdown(e->fd, SHUT_WR);
		e->shut = true;
		it.moved++;
	}
}

static bool
answer_at(struct end *e)
{
	if (e->answered)
		return false;
	if (it.d->answers == NULL)
		trail_stop();
	e->answered = true;
	e->put = 0;
	if (it.d->answers != NULL)
		answer_ask(e);
	answer_put(e);
	return true;
}

/* Who was asked; or the one connected to last: some servers speak first. */
static bool
answer(void)
{
	for (int i = it.n_ends - 1; i >= 0; i--)
		if (it.end[i].asked)
			return answer_at(&it.end[i]);
	return it.dialed && answer_at(&it.end[it.n_ends - 1]);
}

/* Either side has said all it has to say. */
static bool
shut_all(void)
{
	bool any = false;

	for (int i = 0; i < it.n_ends; i++) {
		if (it.end[i].shut)
			continue;
		it.end[i].shut = any = true;
		shutdown(it.end[i].fd, SHUT_WR);
	}
	if (!it.client_shut && it.dialed) {
		it.client_shut = any = true;
		shutdown(it.client, SHUT_WR);
	}
	return any;
}

/* ---- the trail ---------------------------------------------------------- */

static void
record_begin(void)
{
	if (it.record != NULL)
		return;
	it.record = tw__record_new(it.arena, UINT32_MAX);
	TW_ASSERT(it.record != NULL);
	it.record->exact = true;
}

/* Called for the connection and again, with another object, for each request. */
static void
on_begin(struct tw_req *req)
{
	record_begin();
	req->record = it.record;
	it.record->seen = NULL;
	tw__trail_diff(req, false);
}

/* What of the input nobody has looked at yet. */
static size_t
unread(const struct tw_req *req)
{
	const struct tw_conn *const cli = req->cli;
	int waiting = 0;

	if (req->failed && req->failed_at <= TW__READ) /* it was no request */
		return 0;
	if (ioctl(cli->fd, FIONREAD, &waiting) != 0)
		waiting = 0;
	return it.d->input.len - it.put + (size_t)waiting + cli->in.tail - cli->in.head;
}

static void
on_end(struct tw_req *req)
{
	record_begin();
	if (req->record == NULL) /* it was not understood */
		req->record = it.record;
	else
		tw__trail_sync(req);
	drain_all();
	const struct tw__explained x = { .req = req,
		.record = it.record,
		.sent = { it.sent.p, it.sent.len },
		.answer = { it.answer.p, it.answer.len },
		.dialed = it.dialed,
		.waited_ms = it.w->now_us / 1000 - it.begun_us / 1000 };
	it.left = unread(req);
	it.d->show(&x, it.d->arg);
	req->record = it.record = NULL;
	tw_arena_free(&it.arena);
	it.arena = tw_arena_new(0);
	it.sent.len = it.answer.len = 0;
	it.dialed = false;
	it.begun_us = it.w->now_us;
	for (int i = 0; i < it.n_ends; i++)
		it.end[i].asked = it.end[i].answered = false;
	it.moved++;
}

static const struct tw__trail_taker taker = { on_begin, on_end };

/* ---- the loop ----------------------------------------------------------- */

static struct tw_conn *
client(void)
{
	return TAILQ_FIRST(&it.w->net->clients);
}

static void
input_put(void)
{
	while (it.put < it.d->input.len) {
		const ssize_t n = send(it.client, it.d->input.p + it.put,
		    it.d->input.len - it.put, MSG_NOSIGNAL);
		if (n <= 0)
			return;
		it.put += (size_t)n;
		it.moved++;
	}
}

/* returns: whether anything has happened. */
static bool
turn(void)
{
	const uint64_t before = it.moved;

	input_put();
	for (int i = 0; i < it.n_ends; i++)
		answer_put(&it.end[i]);
	tw__worker_poll(it.w);
	tw__worker_messages(tw_worker_at(0));
	tw__self = it.w;
	drain_all();
	return it.moved != before;
}

static bool
let_time_pass(void)
{
	return (it.w->now_us - it.begun_us) / 1000 < WAIT_MAX_MS &&
	    tw__worker_skip(it.w);
}

/* Nothing moves: who can do something about it? */
static bool
nudge(void)
{
	if (answer())
		return true;
	if (it.dialed && shut_all())
		return true;
	return let_time_pass();
}

static bool
is_over(void)
{
	const struct tw_conn *const cli = client();

	return cli == NULL ||
	    (cli->req == NULL && cli->in.head == cli->in.tail &&
		it.put == it.d->input.len);
}

static void
loop(void)
{
	for (int skips = 0; skips < SKIPS_MAX; skips++) {
		while (turn() || turn())
			;
		if (is_over() || !nudge())
			return;
	}
}

/* ---- as if through TLS ---------------------------------------------------- */

static enum tw_io
clear_handshake(struct tw_conn *conn, void *state)
{
	(void)conn;
	(void)state;
	return TW_IO_OK;
}

static enum tw_io
io_of(ssize_t n)
{
	return n >= 0 ? TW_IO_OK : errno == EAGAIN ? TW_IO_AGAIN : TW_IO_ERR;
}

static enum tw_io
clear_recv(struct tw_conn *conn, void *state, void *p, size_t len, size_t *n)
{
	const ssize_t got = recv(conn->fd, p, len, 0);

	(void)state;
	*n = got > 0 ? (size_t)got : 0;
	return got == 0 ? TW_IO_END : io_of(got);
}

static enum tw_io
clear_send(
    struct tw_conn *conn, void *state, const struct iovec *iov, int n_iov, size_t *n)
{
	const struct msghdr m = { .msg_iov = (struct iovec *)(uintptr_t)iov,
		.msg_iovlen = (size_t)n_iov };
	const ssize_t sent = sendmsg(conn->fd, &m, MSG_NOSIGNAL);

	(void)state;
	*n = sent > 0 ? (size_t)sent : 0;
	return io_of(sent);
}

static void
clear_end(struct tw_conn *conn, void *state)
{
	(void)conn;
	(void)state;
}

/* Nothing is enciphered: rules see that the client came so, and nothing more. */
static const struct tw_transport clear = {
	.name = "tls",
	.handshake = clear_handshake,
	.recv = clear_recv,
	.send = clear_send,
	.shut = clear_end,
	.fini = clear_end,
};

/* ---- the client ------------------------------------------------------------- */

static bool
connect_client(void)
{
	int fd[2];

	if (pair(fd) != 0)
		return false;
	it.client = fd[1];
	input_put(); /* mode http looks at once whether something came */
	tw_now_ms();
	it.begun_us = it.w->now_us;
	struct tw_conn *const cli = tw__client_new(it.w, it.d->bind, fd[0], &it.d->src);
	if (cli == NULL)
		return false;
	cli->dst = it.d->dst;
	cli->dst_known = true;
	cli->transport = it.d->tls || it.d->bind->transport != NULL ? &clear : NULL;
	cli->proxy_wanted = false; /* --src says what the header would say */
	tw__flow_accepted(cli);
	return true;
}

size_t
tw__explain_drive(const struct tw__drive *d)
{
	memset(&it, 0, sizeof(it));
	it.d = d;
	it.w = tw_worker_at(1);
	it.arena = tw_arena_new(0);
	tw__self = it.w;
	tw__trail_taker = &taker;
	tw__upstream_instead = dial;
	tw_trail_prepare();
	if (connect_client())
		loop();
	const size_t left = client() == NULL ? it.left : 0;
	tw__flow_close_clients(it.w, true);
	for (int i = 0; i < it.n_ends; i++) {
		close(it.end[i].fd);
		tw__bytes_free(&it.end[i].got);
	}
	close(it.client);
	tw__bytes_free(&it.sent);
	tw__bytes_free(&it.answer);
	tw_arena_free(&it.arena);
	tw__trail_taker = NULL;
	tw__upstream_instead = NULL;
	return left;
}

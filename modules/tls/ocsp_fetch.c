/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * ocsp_fetch.c - one question to one responder: name, connection, request,
 * answer, each as the loop says that it can go on. Addresses are tried one
 * after the other. Names are asked of the `resolvers default` section's
 * servers, else of the system's. Control thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>

#include <tideway/assert.h>
#include <tideway/names.h>

#include "ocsp_fetch.h"
#include "ocsp_http.h"

#define DEADLINE_MS 20000u
#define CONNECT_MS 5000u
#define FIRST_BUF 4096u

struct asking;

struct tls_fetch {
	struct tw_timer timer;
	uint64_t end_ms;
	tls_fetched_fn *done;
	struct tls_ocsp *ocsp; /* borrow */
	struct tls_url url;    /* whom to connect to */
	struct asking *asking;
	struct evutil_addrinfo *found, *at; /* owns; at: the one in use */
	struct event *event;                /* owns */
	int fd;
	bool connected;
	char *out, *in; /* owns */
	size_t out_len, sent, in_len, in_size;
	const char *why; /* static */
};

/* An open question for a name: evdns answers in any case. */
struct asking {
	struct tls_fetch *fetch; /* borrow; NULL: nobody waits any more */
	struct evdns_getaddrinfo_request *request;
	bool in_call;
};

static struct evdns_base *dns; /* owns; control */

static void try_next(struct tls_fetch *f);

/* --- its end --- */

static void
socket_close(struct tls_fetch *f)
{
	if (f->event != NULL)
		event_free(f->event);
	f->event = NULL;
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	f->connected = false;
	f->sent = f->in_len = 0;
}

void
tls__fetch_free(struct tls_fetch **pf)
{
	struct tls_fetch *const f = *pf;

	*pf = NULL;
	if (f == NULL)
		return;
	tw_timer_del(&f->timer);
	socket_close(f);
	if (f->asking != NULL) {
		f->asking->fetch = NULL;
		if (f->asking->request != NULL)
			evdns_getaddrinfo_cancel(f->asking->request);
	}
	if (f->found != NULL)
		evutil_freeaddrinfo(f->found);
	free(f->out);
	free(f->in);
	free(f);
}

static void
fail(struct tls_fetch *f, enum tls_ocsp_status status, const char *why)
{
	f->done(f->ocsp, status, (struct tw_str){ NULL, 0 }, why);
}

/* This address is of no use: the next one. */
static void
give_up(struct tls_fetch *f, const char *why)
{
	socket_close(f);
	f->why = why;
	if (f->at != NULL)
		f->at = f->at->ai_next;
	try_next(f);
}

static void
on_timer(struct tw_timer *t)
{
	struct tls_fetch *const f = (struct tls_fetch *)t;

	if (f->at == NULL && f->asking == NULL)
		fail(f, TLS_OCSP_HTTP, f->why);
	else if (tw_now_ms() >= f->end_ms)
		fail(f, TLS_OCSP_HTTP, "no answer in time");
	else if (f->fd >= 0 && !f->connected)
		give_up(f, "no connection in time");
	else
		tw_timer_set(&f->timer, f->end_ms);
}

/* --- the conversation --- */

static bool
room(struct tls_fetch *f)
{
	const size_t size = f->in_size != 0 ? f->in_size * 2 : FIRST_BUF;
	char *buf;

	if (f->in_len < f->in_size)
		return true;
	if (size > TLS_HTTP_MAX || (buf = realloc(f->in, size)) == NULL)
		return false;
	f->in = buf;
	f->in_size = size;
	return true;
}

static void
judge(struct tls_fetch *f, bool eof)
{
	struct tls_http_answer a;
	const enum tw_io io = tls__http_answer(f->in, f->in_len, eof, &a);

	if (io == TW_IO_AGAIN)
		return;
	if (io != TW_IO_OK)
		fail(f, TLS_OCSP_HTTP, "the answer is not HTTP, or not complete");
	else if (a.status != 200)
		fail(f, TLS_OCSP_HTTP, "the answer has another status than 200");
	else if (!a.is_ocsp)
		fail(f, TLS_OCSP_HEADER,
		    "the answer has another type than application/ocsp-response");
	else
		f->done(f->ocsp, TLS_OCSP_OK, a.body, NULL);
}

static void
read_some(struct tls_fetch *f)
{
	for (;;) {
		if (!room(f)) {
			fail(f, TLS_OCSP_HTTP, "the answer is too long");
			return;
		}
		const ssize_t n =
		    recv(f->fd, f->in + f->in_len, f->in_size - f->in_len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			if (f->in_len > 0)
				judge(f, false);
			return;
		}
		if (n <= 0) {
			judge(f, true);
			return;
		}
		f->in_len += (size_t)n;
	}
}

/* returns: false: this connection is over. */
static bool
write_some(struct tls_fetch *f)
{
	while (f->sent < f->out_len) {
		const ssize_t n =
		    send(f->fd, f->out + f->sent, f->out_len - f->sent, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n < 0) {
			give_up(f, "the connection was closed");
			return false;
		}
		f->sent += (size_t)n;
	}
	return true;
}

static bool
is_connected(struct tls_fetch *f)
{
	int e = 0;
	socklen_t len = sizeof(e);

	if (!f->connected &&
	    (getsockopt(f->fd, SOL_SOCKET, SO_ERROR, &e, &len) != 0 || e != 0))
		return false;
	f->connected = true;
	return true;
}

static void
on_event(evutil_socket_t fd, short what, void *arg)
{
	struct tls_fetch *const f = arg;

	(void)fd;
	if (!is_connected(f)) {
		give_up(f, "no connection");
		return;
	}
	if (!write_some(f))
		return;
	if ((what & EV_READ) != 0)
		read_some(f);
}

static bool
dial(struct tls_fetch *f)
{
	struct event_base *const base = tw_worker_base(tw_worker_self());

	f->fd = socket(f->at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (f->fd < 0)
		return false;
	if (connect(f->fd, f->at->ai_addr, (socklen_t)f->at->ai_addrlen) != 0 &&
	    errno != EINPROGRESS)
		return false;
	f->event = event_new(
	    base, f->fd, EV_READ | EV_WRITE | EV_PERSIST | EV_ET, on_event, f);
	return f->event != NULL && event_add(f->event, NULL) == 0;
}

/* What cannot be done is told later, from the loop. */
static void
try_next(struct tls_fetch *f)
{
	const uint64_t now = tw_now_ms();

	for (; f->at != NULL; f->at = f->at->ai_next) {
		if (dial(f)) {
			const uint64_t due = now + CONNECT_MS;
			tw_timer_set(&f->timer, due < f->end_ms ? due : f->end_ms);
			return;
		}
		socket_close(f);
		f->why = "no connection";
	}
	tw_timer_set(&f->timer, now + 1);
}

/* --- the name --- */

/* The system's, as they were before the root directory was another one. */
#define N_SERVERS 3 /* resolv.conf(5): MAXNS */
static char servers[N_SERVERS][64];
static int n_servers;

void
tls__fetch_prepare(void)
{
	FILE *const f = n_servers > 0 ? NULL : fopen("/etc/resolv.conf", "re");
	char line[256];

	while (
	    f != NULL && n_servers < N_SERVERS && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "nameserver %63s", servers[n_servers]) == 1)
			n_servers++;
	if (f != NULL)
		fclose(f);
}

static struct evdns_base *
dns_of_system(struct event_base *loop, int flags)
{
	struct evdns_base *const base = evdns_base_new(loop, flags);

	for (int i = 0; base != NULL && i < n_servers; i++)
		evdns_base_nameserver_ip_add(base, servers[i]);
	return base;
}

static struct evdns_base *
dns_new(void)
{
	struct event_base *const loop = tw_worker_base(tw_worker_self());
	const struct tw_nameservers *const ns =
	    tw_gen_nameservers(tw_gen_running(), "default");
	const int flags = EVDNS_BASE_DISABLE_WHEN_INACTIVE;
	struct evdns_base *const base =
	    ns == NULL ? dns_of_system(loop, flags) : evdns_base_new(loop, flags);

	for (int i = 0; base != NULL && ns != NULL && i < ns->n; i++) {
		struct sockaddr_storage ss;
		const socklen_t len = tw_addr_to_sockaddr(&ns->addr[i], &ss);

		evdns_base_nameserver_sockaddr_add(
		    base, (struct sockaddr *)&ss, len, 0);
	}
	if (base != NULL)
		evdns_base_load_hosts(base, "/etc/hosts");
	return base;
}

static void
answered(int error, struct evutil_addrinfo *found, void *arg)
{
	struct asking *const a = arg;
	struct tls_fetch *const f = a->fetch;

	a->request = NULL;
	if (!a->in_call)
		free(a);
	if (f == NULL) {
		if (found != NULL)
			evutil_freeaddrinfo(found);
		return;
	}
	f->asking = NULL;
	f->found = f->at = found;
	f->why = error == EVUTIL_EAI_NONAME || error == EVUTIL_EAI_NODATA || error == 0
	    ? "the responder's name is not known"
	    : "name servers do not answer";
	try_next(f);
}

static void
ask(struct tls_fetch *f)
{
	struct evutil_addrinfo hints = { .ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = EVUTIL_AI_NUMERICSERV };
	struct asking *const a = calloc(1, sizeof(*a));
	char service[8];

	TW_ASSERT(a != NULL);
	snprintf(service, sizeof(service), "%u", f->url.port);
	if (dns == NULL)
		dns = dns_new();
	TW_ASSERT(dns != NULL);
	a->fetch = f;
	a->in_call = true;
	f->asking = a;
	/* it may have called back when it returns, with NULL */
	struct evdns_getaddrinfo_request *const request =
	    evdns_getaddrinfo(dns, f->url.host, service, &hints, answered, a);
	a->in_call = false;
	a->request = request;
	if (request == NULL)
		free(a);
}

void
tls__fetch_fini(void)
{
	if (dns != NULL)
		evdns_base_free(dns, 1);
	dns = NULL;
}

/* returns: false: err says why. */
static bool
prepare(struct tls_fetch *f, const char *uri, const char *proxy, struct tw_str der)
{
	struct tls_url to;
	struct tw_err err;

	if (tls__url_parse(uri, true, &to, &err) < 0 ||
	    (proxy != NULL && tls__url_parse(proxy, false, &f->url, &err) < 0)) {
		f->why = "the responder's address is not http://host[:port][/path]";
		return false;
	}
	if (proxy == NULL)
		f->url = to;
	f->out = tls__http_request(&to, der, proxy != NULL, &f->out_len);
	f->why = "out of memory";
	return f->out != NULL;
}

struct tls_fetch *
tls__fetch_new(const char *uri, const char *proxy, struct tw_str der,
    tls_fetched_fn *done, struct tls_ocsp *o)
{
	struct tls_fetch *const f = calloc(1, sizeof(*f));

	TW_ASSERT(f != NULL);
	f->fd = -1;
	f->done = done;
	f->ocsp = o;
	f->timer.fn = on_timer;
	f->end_ms = tw_now_ms() + DEADLINE_MS;
	tw_timer_set(&f->timer, f->end_ms);
	if (prepare(f, uri, proxy, der))
		ask(f);
	else
		tw_timer_set(&f->timer, tw_now_ms() + 1);
	return f;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * dial.c - from an address or a name to a connection that is ready to be used.
 *
 * All addresses of a name are tried, one after the other; the time that is left
 * is shared among them. TLS sends the name as SNI.
 */
#include "net.h"

#include <errno.h>
#include <event2/bufferevent_ssl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define DIAL_OF(member, p) \
	((struct lu_dial *)(void *)((char *)(p)-offsetof(struct lu_dial, member)))

/* ---- TLS ---- */

static SSL_CTX *plain_ctx; /* shared: made once */
static pthread_once_t plain_once = PTHREAD_ONCE_INIT;

static void
plain_make(void)
{
	plain_ctx = SSL_CTX_new(TLS_client_method());
	if (plain_ctx != NULL) /* many peers end without saying so */
		SSL_CTX_set_options(plain_ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
}

SSL_CTX *
lu_tls_plain(void)
{
	pthread_once(&plain_once, plain_make);
	return plain_ctx;
}

static SSL *
ssl_new(const struct lu_dial *d)
{
	SSL *const ssl = SSL_new(d->tls);
	const char *const name = d->sni != NULL ? d->sni : d->to.host;

	if (ssl == NULL)
		return NULL;
	if (name[0] != '\0' && !lu_is_ip(name))
		SSL_set_tlsext_host_name(ssl, name);
	if (!d->verify) {
		SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
	} else if (lu_is_ip(name)) {
		X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name);
	} else if (name[0] != '\0') {
		SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
		SSL_set1_host(ssl, name);
	}
	return ssl;
}

void
lu_why_tls(struct bufferevent *bev, char *why, size_t size)
{
	SSL *const ssl = bufferevent_openssl_get_ssl(bev);
	const unsigned long error = bufferevent_get_openssl_error(bev);
	const long verified = ssl != NULL ? SSL_get_verify_result(ssl) : X509_V_OK;
	const char *text = error != 0 ? ERR_reason_error_string(error) : NULL;

	if (ssl != NULL && verified != X509_V_OK &&
	    (SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER) != 0)
		text = X509_verify_cert_error_string(verified);
	snprintf(why, size, "TLS: %s", text != NULL ? text : "the handshake failed");
}

void
lu_bev_free(struct bufferevent **bev)
{
	struct bufferevent *const b = *bev;

	*bev = NULL;
	if (b == NULL)
		return;
	bufferevent_setcb(b, NULL, NULL, NULL, NULL);
	bufferevent_disable(b, EV_READ | EV_WRITE);
	SSL *const ssl = bufferevent_openssl_get_ssl(b);
	if (ssl != NULL && SSL_is_init_finished(ssl)) {
		SSL_shutdown(ssl);
		ERR_clear_error();
	}
	bufferevent_free(b);
}

/* ---- the attempts ---- */

static void attempt(struct lu_dial *d);

static void
over(struct tw_timer *t)
{
	struct lu_dial *const d = DIAL_OF(timer, t);

	d->busy = false;
	lu_ask_stop(&d->ask);
	d->done(d);
}

/* Told from the loop, so that done() never comes from within lu_dial(). */
static void
finish(struct lu_dial *d)
{
	d->timer.fn = over;
	tw_timer_set(&d->timer, tw_now_ms());
}

static void
fail(struct lu_dial *d, const char *why)
{
	if (why != NULL)
		snprintf(d->why, sizeof(d->why), "%s", why);
	lu_bev_free(&d->bev);
	finish(d);
}

static void
tune(struct bufferevent *bev)
{
	const int on = 1;

	setsockopt(bufferevent_getfd(bev), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	bufferevent_setcb(bev, NULL, NULL, NULL, NULL);
	bufferevent_set_max_single_read(bev, 1 << 18);
	bufferevent_set_max_single_write(bev, 1 << 18);
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct lu_dial *const d = arg;
	const int error = EVUTIL_SOCKET_ERROR();

	if (what & BEV_EVENT_CONNECTED) {
		d->why[0] = '\0';
		tune(bev);
		finish(d);
		return;
	}
	if (d->tls != NULL && bufferevent_get_openssl_error(bev) != 0)
		lu_why_tls(bev, d->why, sizeof(d->why));
	else if (d->tls != NULL && ((what & BEV_EVENT_EOF) || error == 0))
		snprintf(d->why, sizeof(d->why), "TLS: closed during the handshake");
	else
		snprintf(d->why, sizeof(d->why), "connect: %s",
		    evutil_socket_error_to_string(error));
	lu_bev_free(&d->bev);
	attempt(d);
}

static struct bufferevent *
bev_new(const struct lu_dial *d, int fd)
{
	struct event_base *const base = tw_worker_base(tw_worker_self());
	const int options = BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS;

	if (d->tls == NULL)
		return bufferevent_socket_new(base, fd, options);
	SSL *const ssl = ssl_new(d);
	if (ssl == NULL)
		return NULL;
	struct bufferevent *const bev = bufferevent_openssl_socket_new(
	    base, fd, ssl, BUFFEREVENT_SSL_CONNECTING, options);
	if (bev == NULL)
		SSL_free(ssl);
	return bev;
}

static void
on_timer(struct tw_timer *t)
{
	struct lu_dial *const d = DIAL_OF(timer, t);

	snprintf(d->why, sizeof(d->why), "timeout");
	d->timed_out = true;
	lu_bev_free(&d->bev);
	lu_ask_stop(&d->ask);
	d->at = NULL;
	d->busy = false;
	d->done(d);
}

static void
on_attempt_timer(struct tw_timer *t)
{
	struct lu_dial *const d = DIAL_OF(timer, t);

	snprintf(d->why, sizeof(d->why), "timeout");
	lu_bev_free(&d->bev);
	attempt(d);
}

/* ---- addresses of a name ---- */

static struct evutil_addrinfo *
next_address(struct lu_dial *d)
{
	for (; d->pass < 2; d->pass++, d->at = d->ask.found)
		while (d->at != NULL) {
			struct evutil_addrinfo *const a = d->at;
			const bool is_v6 = a->ai_family == AF_INET6;
			d->at = a->ai_next;
			if (is_v6 == (d->v6_first == (d->pass == 0)))
				return a;
		}
	return NULL;
}

static bool
is_last(const struct lu_dial *d)
{
	struct lu_dial rest = *d;

	return next_address(&rest) == NULL;
}

/* Each but the last one gets a half of what is left. */
static void
arm(struct lu_dial *d)
{
	const uint64_t now = tw_now_ms();
	const bool last = d->to.len != 0 || is_last(d);

	if (d->until_ms == 0)
		return;
	d->timer.fn = last ? on_timer : on_attempt_timer;
	const uint64_t left = d->until_ms > now ? d->until_ms - now : 0;
	tw_timer_set(&d->timer, now + (last ? left : left / 2));
}

/* Not bufferevent_socket_connect(): that loses the reason of an immediate no. */
static int
open_fd(struct lu_dial *d, const struct sockaddr *sa, socklen_t len)
{
	const int fd =
	    socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd >= 0 && (connect(fd, sa, len) == 0 || errno == EINPROGRESS))
		return fd;
	snprintf(d->why, sizeof(d->why), "connect: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* returns: false: failed at once. */
static bool
connect_to(struct lu_dial *d, const struct sockaddr *sa, socklen_t len)
{
	const int fd = open_fd(d, sa, len);

	if (fd < 0)
		return false;
	d->bev = bev_new(d, fd);
	if (d->bev == NULL) {
		close(fd);
		snprintf(d->why, sizeof(d->why), "out of memory");
		return false;
	}
	bufferevent_setcb(d->bev, NULL, NULL, on_event, d);
	arm(d);
	if (d->tls == NULL)
		bufferevent_socket_connect(d->bev, NULL, 0);
	return true;
}

static void
attempt(struct lu_dial *d)
{
	const struct evutil_addrinfo *a = NULL;

	if (d->to.len != 0 && !d->tried) {
		d->tried = true;
		if (connect_to(d, (const struct sockaddr *)&d->to.ss, d->to.len))
			return;
	}
	while (d->to.len == 0 && (a = next_address(d)) != NULL)
		if (connect_to(d, a->ai_addr, (socklen_t)a->ai_addrlen))
			return;
	fail(d, d->why[0] == '\0' ? "name not found" : NULL);
}

static void
on_found(struct lu_ask *ask, int error)
{
	struct lu_dial *const d = DIAL_OF(ask, ask);

	if (error != 0) {
		fail(d, lu_ask_error(error));
		return;
	}
	d->at = ask->found;
	d->pass = 0;
	attempt(d);
}

void
lu_dial(struct lu_dial *d)
{
	d->bev = NULL;
	d->why[0] = '\0';
	d->timed_out = d->tried = false;
	d->at = NULL;
	d->pass = 0;
	d->busy = true;
	d->until_ms = d->limit_ms > 0 ? tw_now_ms() + d->limit_ms : 0;
	if (d->to.len != 0) {
		attempt(d);
		return;
	}
	if (d->until_ms != 0) {
		d->timer.fn = on_timer;
		tw_timer_set(&d->timer, d->until_ms);
	}
	d->ask.done = on_found;
	lu_ask(&d->ask, d->servers, d->to.host, d->to.port, d->to.family);
}

void
lu_dial_stop(struct lu_dial *d)
{
	if (d->busy) {
		d->busy = false;
		lu_bev_free(&d->bev);
		lu_ask_stop(&d->ask);
	}
	tw_timer_del(&d->timer);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * server_crt.c - the client certificates of servers, and what becomes of
 * connections when an operator changes what they are or whom they trust.
 *
 * A server's certificate is one of the generation's store, as those of bind lines
 * are, and in its context from the beginning. A context is not changed while
 * workers use it: another certificate is laid over each connection instead, which
 * costs nothing where none was changed. Sessions of before show the former one, so
 * they get another serial; idle connections are left alone. Control thread, but
 * for what says otherwise.
 */
#include <openssl/err.h>

#include <tideway/assert.h>
#include <tideway/server_run.h>

#include "certs.h"
#include "ctl_trust.h"
#include "expiry.h"
#include "server.h"

/* --- all of a generation --- */

/* The next server that is a TLS one. in: i, j: from where; moved on. */
static struct tls_server *
next_of(struct tw_gen *gen, int *i, int *j)
{
	const struct tw_proxy *px;
	struct tw_server *srv;

	for (; (px = tw_gen_proxy(gen, *i)) != NULL; ++*i, *j = 0)
		while ((srv = tw_proxy_server(px, (*j)++)) != NULL)
			if (tls_server_of(srv)->side.ctx != NULL)
				return tls_server_of(srv);
	return NULL;
}

int
tls__servers_showing(struct tw_gen *gen, const struct tls_cert *cert)
{
	const struct tls_server *ts;
	int i = 0, j = 0, n = 0;

	while ((ts = next_of(gen, &i, &j)) != NULL)
		n += ts->cert == cert;
	return n;
}

/* --- one --- */

static void
retired(void *arg)
{
	struct tls_cert *cert = arg;

	tls__cert_unref(&cert);
}

static void
server_ends(void *arg)
{
	struct tls_server *const ts = arg;
	struct tls_cert *instead = atomic_exchange(&ts->instead, NULL);

	tls__cert_unref(&ts->cert);
	tls__cert_unref(&instead);
}

int
tls__server_crt_use(struct tw_gen *gen, struct tls_server *ts, struct tw_err *err)
{
	struct tls_load how = tls__load_how(gen);
	struct tls_cert *cert;
	bool is_new;
	int line;

	if (ts->crt == NULL)
		return 0;
	how.extras |= TLS_EXTRA_KEY;
	cert = tls__cert_obtain(gen, ts->crt, &how, &is_new, err);
	if (cert == NULL)
		return -1;
	const char *const file = tw_server_where(ts->srv, &line);
	if (is_new)
		tls__warn_dates(gen, file, line, cert);
	if (is_new && atomic_load(&tls_gen_of(gen)->expiry) != NULL) /* it runs */
		tls__expiry_renew(gen);
	ts->cert = tls__cert_ref(cert);
	tw_arena_at_end(tw_gen_arena(gen), server_ends, ts);
	if (SSL_CTX_use_cert_and_key(
		ts->side.ctx, cert->leaf, cert->key, cert->chain, 1) != 1)
		return tls__ssl_error(
		    err, "unable to use certificate from", cert->path);
	return 0;
}

/* One of another type would stand beside the context's, not in its place. */
static bool
lay_over(SSL *ssl, const struct tls_cert *cert)
{
	SSL_certs_clear(ssl);
	return SSL_use_cert_and_key(ssl, cert->leaf, cert->key, cert->chain, 1) == 1;
}

bool
tls__server_crt_apply(SSL *ssl, const struct tls_server *ts)
{
	const struct tls_cert *const cert = atomic_load(&ts->instead);

	return cert == NULL || lay_over(ssl, cert);
}

/* --- changes --- */

/* What exists was begun otherwise: nobody is to continue it. The serial comes after
 * what it stands for, see peer_new(). */
static void
server_renew(struct tls_server *ts)
{
	tls__server_serial(ts);
	tw_server_leave_idle(ts->srv);
}

int
tls__servers_try(struct tw_gen *gen, const struct tls_cert *was,
    const struct tls_cert *cert, struct tw_err *err)
{
	const struct tls_server *ts;
	int i = 0, j = 0, rc = 0;

	while (rc == 0 && (ts = next_of(gen, &i, &j)) != NULL) {
		if (ts->cert != was)
			continue;
		SSL *const ssl = SSL_new(ts->side.ctx);

		TW_ASSERT(ssl != NULL);
		if (!lay_over(ssl, cert))
			rc = tls__ssl_error(
			    err, "unable to use the certificate from", cert->path);
		SSL_free(ssl);
	}
	return rc;
}

void
tls__servers_show(struct tw_gen *gen, const struct tls_cert *was, struct tls_cert *cert)
{
	struct tls_server *ts;
	int i = 0, j = 0;

	while ((ts = next_of(gen, &i, &j)) != NULL) {
		if (ts->cert != was)
			continue;
		struct tls_cert *const old =
		    atomic_exchange(&ts->instead, tls__cert_ref(cert));

		if (old != NULL)
			tw_retire(retired, old);
		tls__cert_unref(&ts->cert);
		ts->cert = tls__cert_ref(cert);
		server_renew(ts);
	}
}

void
tls__servers_trust(struct tw_gen *gen, const char *file)
{
	const struct tls_server *ts;
	int i = 0, j = 0;

	while ((ts = next_of(gen, &i, &j)) != NULL)
		if (ts->opts.verify != TLS_VERIFY_NONE &&
		    tls__opts_name(&ts->opts, file))
			tw_server_leave_idle(ts->srv);
}

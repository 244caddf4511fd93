/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * bind_crt.c - the certificate of a bind line: one PEM file. Control thread.
 */
#include "store.h"
#include "tls.h"

static int
use(SSL_CTX *ctx, const struct tls_cert *cert, struct tw_err *err)
{
	if (SSL_CTX_use_cert_and_key(ctx, cert->leaf, cert->key, cert->chain, 1) == 1)
		return 0;
	return tls__ssl_error(err, "unable to use certificate from", cert->path);
}

int
tls__bind_certs(struct tw_gen *gen, struct tw_bind *bind, struct tls_bind *tb)
{
	static const struct tls_load alone = { .extras = 0 };
	struct tw_err err;
	const char *file;

	(void)bind;
	if (tb->crt == NULL)
		return tw_gen_fail(gen, NULL, 0,
		    "no SSL certificate specified for a "
		    "'bind' line with 'ssl' (use 'crt <file>')");
	file = tls__file(gen, tls_gen_of(gen)->crt_base, tb->crt);
	struct tls_cert *cert = tls__cert_load(file, &alone, &err);
	if (cert == NULL || use(tb->side.ctx, cert, &err) < 0) {
		tls__cert_unref(&cert);
		return tw_gen_fail(gen, NULL, 0, "%s", err.text);
	}
	tls__cert_unref(&cert);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * bind_crt.c - the certificate of a bind line: one PEM file. Control thread.
 */
#include "tls.h"

int
tls__bind_certs(struct tw_gen *gen, struct tw_bind *bind, struct tls_bind *tb)
{
	SSL_CTX *const ctx = tb->side.ctx;
	struct tw_err err;
	const char *file;

	(void)bind;
	if (tb->crt == NULL)
		return tw_gen_fail(gen, NULL, 0,
		    "no SSL certificate specified for a "
		    "'bind' line with 'ssl' (use 'crt <file>')");
	file = tls__file(gen, tls_gen_of(gen)->crt_base, tb->crt);
	if (SSL_CTX_use_certificate_chain_file(ctx, file) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, file, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(ctx) != 1) {
		tls__ssl_error(&err, "unable to load certificate from", file);
		return tw_gen_fail(gen, NULL, 0, "%s", err.text);
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * certs_chain.c - chains that are not in a certificate's own file, and roots that
 * are but need not be sent. Certificates of one issuer share the chain in memory.
 * source: HAProxy's manual, 3.1. Configuration and control thread.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <tideway/assert.h>

#include "certs.h"
#include "certs_kw.h"
#include "ocsp.h"

/* One file of a directory: a chain, its first certificate signed others. */
struct tls_issuers {
	struct tls_issuers *next;
	STACK_OF(X509) * chain; /* owns */
};

static void
issuers_drop(void *arg)
{
	struct tls_issuers *const i = arg;

	sk_X509_pop_free(i->chain, X509_free);
}

static STACK_OF(X509) * read_chain(const char *path)
{
	STACK_OF(X509) *const chain = sk_X509_new_null();
	BIO *const bio = BIO_new_file(path, "r");
	X509 *x;

	TW_ASSERT(chain != NULL);
	while (bio != NULL &&
	    (x = PEM_read_bio_X509(bio, NULL, tls__no_pass_phrase, NULL)) != NULL)
		TW_ASSERT(sk_X509_push(chain, x) > 0);
	BIO_free(bio);
	ERR_clear_error();
	return chain;
}

static int
add_file(struct tw_line *ln, const char *dir, const char *name)
{
	struct tls_gen *const g = ln->state;
	struct tw_arena *const arena = tw_gen_arena(ln->gen);
	const char *const path = tw_arena_printf(arena, "%s/%s", dir, name);
	struct tls_issuers *const i = tw_arena_zalloc(arena, sizeof(*i));

	i->chain = read_chain(path);
	tw_arena_at_end(arena, issuers_drop, i);
	if (sk_X509_num(i->chain) == 0)
		return tw_line_warn(
		    ln, 0, "'%s' : no certificate in '%s'", ln->kw->word, path);
	i->next = g->issuers;
	g->issuers = i;
	return 0;
}

static int
is_visible(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

int
tls_set_issuers(struct tw_line *ln)
{
	const char *const dir = tw_arg(ln, 0);
	struct dirent **d;
	const int n = scandir(dir, &d, is_visible, alphasort);

	if (n < 0)
		return tw_line_fail(ln, 0, "'%s' : unable to load chain from '%s': %s",
		    ln->kw->word, dir, strerror(errno));
	for (int i = n; i-- > 0;) {
		add_file(ln, dir, d[i]->d_name);
		free(d[i]);
	}
	free(d);
	return 0;
}

/* --- completion --- */

static void
take_chain(struct tls_cert *cert, const struct tls_issuers *i)
{
	for (; i != NULL; i = i->next)
		if (X509_check_issued(sk_X509_value(i->chain, 0), cert->leaf) ==
		    X509_V_OK) {
			cert->chain = X509_chain_up_ref(i->chain);
			break;
		}
	ERR_clear_error();
}

/* A root is what clients have. It still tells who signed, for OCSP. */
static void
drop_root(struct tls_cert *cert)
{
	const int n = sk_X509_num(cert->chain);
	X509 *const last = n > 0 ? sk_X509_value(cert->chain, n - 1) : NULL;

	if (last == NULL || X509_check_issued(last, last) != X509_V_OK)
		return;
	(void)sk_X509_pop(cert->chain);
	if (cert->issuer == NULL && X509_check_issued(last, cert->leaf) == X509_V_OK)
		cert->issuer = last;
	else
		X509_free(last);
	if (n == 1) {
		sk_X509_free(cert->chain);
		cert->chain = NULL;
	}
}

void
tls__cert_complete(struct tw_gen *gen, struct tls_cert *cert)
{
	const struct tls_gen *const g = tls_gen_of(gen);

	tls__ocsp_reserve(cert->leaf);
	if (cert->chain == NULL)
		take_chain(cert, g->issuers);
	if (g->skip_self_issued)
		drop_root(cert);
}

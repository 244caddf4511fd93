/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * sni.h - which certificate answers a server name.
 *
 * A table is built once from all lines of a bind and never changed: workers
 * read it without a lock, and a change builds another one. RFC 6066, section
 * 3 (server_name); RFC 6125, section 6.4.3 (a wildcard is one whole label).
 */
#ifndef MODULE_TLS_SNI_H
#define MODULE_TLS_SNI_H

#include "store.h"

struct tls_sni;

/* A line: one certificate with its filters. */
struct tls_sni_line {
	const struct tls_cert *cert;
	void *ctx;                  /* borrow: what find() gives, lives as the table */
	const char *const *filters; /* "name", "*.name", "!name"; "*" is no name */
	int n_filters;              /* 0: the names of the certificate; else only
				     * these, also when all begin with '!' */
};

/** tls__sni_new - in: lines, in the order of the configuration. */
struct tls_sni *tls__sni_new(const struct tls_sni_line *lines, int n_lines);
void tls__sni_free(struct tls_sni **sni);

/* What is known of the client. */
struct tls_sni_ask {
	struct tw_str name; /* any case */
	unsigned kinds;     /* 1 << enum tls_kind: what it can verify */
	time_t now;         /* s */
};

/** tls__sni_find - by exact name and by wildcard. Of several: what the client can
 * verify before what not, a valid one before an expired one, ECDSA before RSA, an
 * exact name before a wildcard, the earlier line. returns: ctx; NULL: none.
 * context: any. */
void *tls__sni_find(const struct tls_sni *sni, const struct tls_sni_ask *ask);
/** tls__sni_rank - the same for one certificate, as a number: the higher the
 * better. */
int tls__sni_rank(const struct tls_cert *cert, const struct tls_sni_ask *ask);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * ctl_text.c - certificates as text, as HAProxy's control socket shows them.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "ctl.h"

void
tls__ctl_hex(struct tw_cli *cli, const unsigned char *p, size_t len, const char *fmt)
{
	for (size_t i = 0; i < len; i++)
		tw_cli_printf(cli, fmt, p[i]);
}

void
tls__ctl_filled(struct tw_cli *cli, struct tw_str text)
{
	const char *p = text.p;

	while (text.len > 0 && p[text.len - 1] == '\n')
		text.len--;
	for (const char *const end = p + text.len; p < end;) {
		const char *const nl = memchr(p, '\n', (size_t)(end - p));
		const size_t n = nl == NULL ? (size_t)(end - p) : (size_t)(nl - p);

		tw_cli_write(cli, n == 0 ? TW_STR(" ") : (struct tw_str){ p, n });
		tw_cli_write(cli, TW_STR("\n"));
		p += n + 1;
	}
}

int
tls__ctl_by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char *
tls__ctl_name(const X509_NAME *name)
{
	BIO *const bio = BIO_new(BIO_s_mem());
	char *p, *copy;
	long len;

	for (int i = 0; bio != NULL && i < X509_NAME_entry_count(name); i++) {
		X509_NAME_ENTRY *const e = X509_NAME_get_entry(name, i);
		const ASN1_STRING *const s = X509_NAME_ENTRY_get_data(e);
		const ASN1_OBJECT *const o = X509_NAME_ENTRY_get_object(e);
		const int nid = OBJ_obj2nid(o);
		char oid[80];

		if (nid == NID_undef)
			OBJ_obj2txt(oid, sizeof(oid), o, 1);
		BIO_printf(bio, "/%s=%.*s", nid == NID_undef ? oid : OBJ_nid2sn(nid),
		    ASN1_STRING_length(s), (const char *)ASN1_STRING_get0_data(s));
	}
	len = bio == NULL ? 0 : BIO_get_mem_data(bio, &p);
	copy = strndup(len > 0 ? p : "", len > 0 ? (size_t)len : 0);
	BIO_free(bio);
	return copy;
}

void
tls__ctl_date(struct tw_cli *cli, const ASN1_TIME *t)
{
	BIO *const bio = BIO_new(BIO_s_mem());
	char *p;

	if (bio != NULL && ASN1_TIME_print(bio, t) == 1) {
		const long len = BIO_get_mem_data(bio, &p);
		tw_cli_printf(cli, "%.*s", (int)len, p);
	}
	BIO_free(bio);
}

void
tls__ctl_time(struct tw_cli *cli, const char *label, const ASN1_TIME *t)
{
	tw_cli_printf(cli, "%s", label);
	tls__ctl_date(cli, t);
	tw_cli_printf(cli, "\n");
}

static void
name_line(struct tw_cli *cli, const char *label, const X509_NAME *name)
{
	char *const text = tls__ctl_name(name);

	tw_cli_printf(cli, "%s%s\n", label, text != NULL ? text : "");
	free(text);
}

static void
alt_names(struct tw_cli *cli, X509 *x)
{
	GENERAL_NAMES *const all =
	    X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	BIO *const bio = BIO_new(BIO_s_mem());
	char *p;
	long len;

	for (int i = 0; bio != NULL && i < sk_GENERAL_NAME_num(all); i++) {
		if (i > 0)
			BIO_printf(bio, ", ");
		GENERAL_NAME_print(bio, sk_GENERAL_NAME_value(all, i));
	}
	len = bio == NULL ? 0 : BIO_get_mem_data(bio, &p);
	tw_cli_printf(
	    cli, "Subject Alternative Name: %.*s\n", (int)len, len > 0 ? p : "");
	BIO_free(bio);
	GENERAL_NAMES_free(all);
}

static void
algorithm(struct tw_cli *cli, X509 *x)
{
	EVP_PKEY *const key = X509_get0_pubkey(x);
	const int id = key == NULL ? 0 : EVP_PKEY_get_base_id(key);

	if (id == EVP_PKEY_RSA || id == EVP_PKEY_EC || id == EVP_PKEY_DSA)
		tw_cli_printf(cli, "Algorithm: %s%d\n",
		    id == EVP_PKEY_RSA      ? "RSA"
			: id == EVP_PKEY_EC ? "EC"
					    : "DSA",
		    EVP_PKEY_get_bits(key));
	else
		tw_cli_printf(cli, "Algorithm: %s\n", id == 0 ? "?" : OBJ_nid2sn(id));
}

void
tls__ctl_x509(struct tw_cli *cli, X509 *x)
{
	const ASN1_INTEGER *const serial = X509_get0_serialNumber(x);
	unsigned char sha1[20];

	tw_cli_printf(cli, "Serial: ");
	tls__ctl_hex(cli, ASN1_STRING_get0_data(serial),
	    (size_t)ASN1_STRING_length(serial), "%02X");
	tw_cli_printf(cli, "\n");
	tls__ctl_time(cli, "notBefore: ", X509_get0_notBefore(x));
	tls__ctl_time(cli, "notAfter: ", X509_get0_notAfter(x));
	alt_names(cli, x);
	algorithm(cli, x);
	tw_cli_printf(cli, "SHA1 FingerPrint: ");
	X509_digest(x, EVP_sha1(), sha1, NULL);
	tls__ctl_hex(cli, sha1, sizeof(sha1), "%02X");
	tw_cli_printf(cli, "\n");
	name_line(cli, "Subject: ", X509_get_subject_name(x));
	name_line(cli, "Issuer: ", X509_get_issuer_name(x));
	ERR_clear_error();
}

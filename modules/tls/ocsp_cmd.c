/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * ocsp_cmd.c - commands of the control socket about OCSP answers. Words and
 * columns are HAProxy's: its management guide, 9.3. Control thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "ctl.h"

#define N_STEP 64 /* entries of a list that are written at a time */

/* --- text --- */

static void
bio_write(struct tw_cli *cli, BIO *bio)
{
	char *p;
	const long len = BIO_get_mem_data(bio, &p);

	tls__ctl_filled(cli, (struct tw_str){ p, len > 0 ? (size_t)len : 0 });
}

void
tls__ocsp_text(struct tw_cli *cli, const struct tls_staple *s)
{
	const unsigned char *p = s->der;
	OCSP_RESPONSE *const resp = d2i_OCSP_RESPONSE(NULL, &p, (long)s->len);
	BIO *const bio = BIO_new(BIO_s_mem());

	if (resp != NULL && bio != NULL && OCSP_RESPONSE_print(bio, resp, 0) == 1)
		bio_write(cli, bio);
	BIO_free(bio);
	OCSP_RESPONSE_free(resp);
}

static void
base64_write(struct tw_cli *cli, const struct tls_staple *s)
{
	unsigned char *const out = malloc((s->len + 2) / 3 * 4 + 1);

	if (out == NULL)
		return;
	const int n = EVP_EncodeBlock(out, s->der, (int)s->len);
	tw_cli_printf(cli, "%.*s\n", n, (const char *)out);
	free(out);
}

static void
id_write(struct tw_cli *cli, const struct tls_ocsp *o)
{
	ASN1_OCTET_STRING *name, *key;
	ASN1_INTEGER *serial;

	OCSP_id_get0_info(&name, NULL, &key, &serial, o->id);
	tw_cli_printf(cli, " Certificate ID:\n   Issuer Name Hash: ");
	tls__ctl_hex(cli, name->data, (size_t)name->length, "%02X");
	tw_cli_printf(cli, "\n   Issuer Key Hash: ");
	tls__ctl_hex(cli, key->data, (size_t)key->length, "%02X");
	tw_cli_printf(cli, "\n   Serial Number: ");
	tls__ctl_hex(cli, serial->data, (size_t)serial->length, "%02X");
	tw_cli_printf(cli, "\n");
}

/* --- lists --- */

struct list {
	struct tls_ocsp **all; /* owns, each with a reference */
	size_t n, at;
};

static void
list_free(void *arg)
{
	struct list *const l = arg;

	for (size_t i = 0; i < l->n; i++)
		tls__ocsp_unref(&l->all[i]);
	free(l->all);
	free(l);
}

static struct list *
list_new(void)
{
	struct list *const l = calloc(1, sizeof(*l));

	if (l != NULL)
		l->all = tls__ocsp_each(&l->n);
	return l;
}

static bool
id_step(struct tw_cli *cli, void *arg)
{
	struct list *const l = arg;

	for (int i = 0; i < N_STEP && l->at < l->n; i++) {
		const struct tls_ocsp *const o = l->all[l->at++];

		tw_cli_printf(cli, "Certificate ID key : ");
		tls__ctl_hex(cli, o->key.der, o->key.len, "%02x");
		if (o->path != NULL)
			tw_cli_printf(cli, "\nCertificate path : %s", o->path);
		tw_cli_printf(cli, "\n");
		id_write(cli, o);
	}
	return l->at < l->n;
}

static int
by_path(const void *va, const void *vb)
{
	const struct tls_ocsp *const a = *(struct tls_ocsp *const *)va;
	const struct tls_ocsp *const b = *(struct tls_ocsp *const *)vb;

	return strcmp(a->path != NULL ? a->path : "", b->path != NULL ? b->path : "");
}

static void
list_ids(struct tw_cli *cli)
{
	struct list *const l = list_new();

	if (l == NULL)
		return;
	if (l->n > 0)
		qsort(l->all, l->n, sizeof(struct tls_ocsp *), by_path);
	tw_cli_printf(cli, "# Certificate IDs\n");
	tw_cli_stream(cli, id_step, list_free, l);
}

static int
by_next(const void *va, const void *vb)
{
	const struct tls_ocsp *const a = *(struct tls_ocsp *const *)va;
	const struct tls_ocsp *const b = *(struct tls_ocsp *const *)vb;

	return (a->next > b->next) - (a->next < b->next);
}

static void
date_write(struct tw_cli *cli, time_t t)
{
	char text[48];
	struct tm tm;

	if (t == 0 || localtime_r(&t, &tm) == NULL ||
	    strftime(text, sizeof(text), "%d/%b/%Y:%H:%M:%S %z", &tm) == 0)
		strcpy(text, "-");
	tw_cli_printf(cli, " | %s", text);
}

static bool
update_step(struct tw_cli *cli, void *arg)
{
	struct list *const l = arg;

	for (int i = 0; i < N_STEP && l->at < l->n; i++) {
		const struct tls_ocsp *const o = l->all[l->at++];

		if (o->n_uses == 0)
			continue;
		tls__ctl_hex(cli, o->key.der, o->key.len, "%02x");
		tw_cli_printf(cli, " | %s", o->path);
		date_write(cli, o->next);
		date_write(cli, o->last);
		tw_cli_printf(cli, " | %u | %u | %d | %s\n", o->n_ok, o->n_failed,
		    o->status, tls__ocsp_status_text(o->status));
	}
	return l->at < l->n;
}

void
tls_cmd_show_updates(struct tw_cli *cli, int argc, char *const argv[])
{
	struct list *const l = list_new();

	(void)argc;
	(void)argv;
	if (l == NULL)
		return;
	if (l->n > 0)
		qsort(l->all, l->n, sizeof(struct tls_ocsp *), by_next);
	tw_cli_printf(cli,
	    "OCSP Certid | Path | Next Update | Last Update | Successes | Failures | "
	    "Last Update Status | Last Update Status (str)\n");
	tw_cli_stream(cli, update_step, list_free, l);
}

/* --- one --- */

static bool
unhex(const char *z, struct tls_ocsp_key *key)
{
	long len = 0;
	unsigned char *const p =
	    strlen(z) > 2 * TLS_OCSP_KEY_MAX ? NULL : OPENSSL_hexstr2buf(z, &len);

	memset(key, 0, sizeof(*key));
	if (p != NULL && len <= TLS_OCSP_KEY_MAX) {
		key->len = (size_t)len;
		memcpy(key->der, p, key->len);
	}
	OPENSSL_free(p);
	return key->len > 0;
}

/* By its id, or the path of a file that uses it. returns: one reference. */
static struct tls_ocsp *
look_up(const char *word)
{
	struct tls_ocsp *const o = tls__ocsp_used(tw_gen_running(), word);
	struct tls_ocsp_key key;

	if (o != NULL)
		return tls__ocsp_find(&o->key);
	return unhex(word, &key) ? tls__ocsp_find(&key) : NULL;
}

void
tls_cmd_show_ocsp(struct tw_cli *cli, int argc, char *const argv[])
{
	const bool base64 = argc > 1 && strcmp(argv[0], "base64") == 0;
	const bool format = base64 || (argc > 1 && strcmp(argv[0], "text") == 0);
	const struct tls_staple *s;
	struct tls_ocsp *o;

	if (argc == 0) {
		list_ids(cli);
		return;
	}
	o = look_up(argv[format ? 1 : 0]);
	s = o == NULL ? NULL : atomic_load(&o->staple);
	if (o == NULL)
		tw_cli_msg(
		    cli, TW_ERR, "Certificate ID does not match any certificate.\n");
	else if (s == NULL)
		tw_cli_msg(cli, TW_ERR, "There is no OCSP response for it yet.\n");
	else if (base64)
		base64_write(cli, s);
	else
		tls__ocsp_text(cli, s);
	tls__ocsp_unref(&o);
}

/* in: text, base64, lines and blanks in it. returns: malloc()ed; NULL: it is none. */
unsigned char *
tls__base64(struct tw_str text, size_t *len)
{
	unsigned char *const out = malloc(text.len / 4 * 3 + 8);
	EVP_ENCODE_CTX *const ctx = EVP_ENCODE_CTX_new();
	int n = 0, end = 0;
	bool ok = false;

	if (out != NULL && ctx != NULL && text.len < (1u << 24)) {
		EVP_DecodeInit(ctx);
		ok = EVP_DecodeUpdate(ctx, out, &n, (const unsigned char *)text.p,
			 (int)text.len) >= 0 &&
		    EVP_DecodeFinal(ctx, out + n, &end) == 1 && n + end > 0;
	}
	EVP_ENCODE_CTX_free(ctx);
	*len = (size_t)(n + end);
	if (ok)
		return out;
	free(out);
	return NULL;
}

int
tls__ocsp_set(struct tw_str der, struct tw_err *err)
{
	struct tls_ocsp_key key;
	struct tls_staple *s =
	    tls__ocsp_read(der, (time_t)(tw_wall_us() / 1000000), &key, err);
	struct tls_ocsp *o = s == NULL ? NULL : tls__ocsp_find(&key);
	int rc = 0;

	if (s == NULL)
		return -1;
	if (o == NULL)
		rc = tw_err_set(err,
		    "OCSP single response: Certificate ID does not match any "
		    "certificate or issuer");
	else
		rc = tls__ocsp_verify(s, o->issuer, err);
	if (rc == 0)
		rc = tls__ocsp_renew(o, s, err);
	else
		free(s);
	tls__ocsp_unref(&o);
	return rc;
}

void
tls_cmd_set_ocsp(struct tw_cli *cli, int argc, char *const argv[])
{
	struct tw_str text = tw_cli_payload(cli);
	unsigned char *der;
	struct tw_err err;
	size_t len;

	if (text.p == NULL && argc > 0)
		text = (struct tw_str){ argv[0], strlen(argv[0]) };
	if (text.p == NULL || text.len == 0) {
		tw_cli_msg(cli, TW_ERR,
		    "'set ssl ocsp-response' expects response in base64 encoding.\n");
		return;
	}
	der = tls__base64(text, &len);
	if (der == NULL)
		tw_cli_msg(cli, TW_ERR,
		    "'set ssl ocsp-response' received invalid base64 encoded "
		    "response.\n");
	else if (tls__ocsp_set((struct tw_str){ (char *)der, len }, &err) < 0)
		tw_cli_msg(cli, TW_ERR, "%s.\n", err.text);
	else
		tw_cli_msg(cli, TW_INFO, "OCSP Response updated!\n");
	free(der);
}

void
tls_cmd_update_ocsp(struct tw_cli *cli, int argc, char *const argv[])
{
	struct tls_ocsp *o;
	struct tw_err err;

	if (argc == 0) {
		tw_cli_msg(
		    cli, TW_ERR, "'update ssl ocsp-response' expects a filename\n");
		return;
	}
	o = tls__ocsp_used(tw_gen_running(), argv[0]);
	if (o == NULL)
		tw_cli_msg(cli, TW_ERR,
		    "'update ssl ocsp-response' only works on certificates that "
		    "already have a known OCSP response.\n");
	else if (tls__ocsp_update(o, cli, &err) < 0)
		tw_cli_msg(cli, TW_ERR, "%s.\n", err.text);
}

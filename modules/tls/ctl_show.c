/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * ctl_show.c - which certificates there are, and what each of them is.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "ctl.h"

#define N_STEP 256

/* --- the list --- */

struct names {
	char **name; /* owns */
	size_t n, room, at;
	bool changed; /* the first is a transaction's */
};

static void
names_add(struct names *l, const char *name)
{
	if (l->n == l->room) {
		const size_t room = l->room != 0 ? l->room * 2 : 64;
		char **const more = realloc(l->name, room * sizeof(char *));

		if (more == NULL)
			return;
		l->name = more;
		l->room = room;
	}
	l->name[l->n] = strdup(name);
	l->n += l->name[l->n] != NULL;
}

static void
names_free(void *arg)
{
	struct names *const l = arg;

	for (size_t i = 0; i < l->n; i++)
		free(l->name[i]);
	free(l->name);
	free(l);
}

static void
add_cert(struct tls_cert *cert, void *arg)
{
	names_add(arg, cert->path);
}

static bool
names_step(struct tw_cli *cli, void *arg)
{
	struct names *const l = arg;

	for (int i = 0; i < N_STEP && l->at < l->n; i++)
		tw_cli_printf(cli, "%s\n", l->name[l->at++]);
	return l->at < l->n;
}

static void
list_all(struct tw_cli *cli)
{
	struct tls_store *const store = tls__store_of(tw_gen_running());
	struct names *const l = calloc(1, sizeof(*l));

	if (l == NULL)
		return;
	if (store != NULL)
		tls__store_each(store, add_cert, l);
	for (size_t i = 0; tls__ctl_empty_each(i) != NULL; i++)
		names_add(l, tls__ctl_empty_each(i));
	if (l->n > 0)
		qsort(l->name, l->n, sizeof(char *), tls__ctl_by_name);
	if (tls__ctl_changed() != NULL)
		tw_cli_printf(cli, "# transaction\n*%s\n", tls__ctl_changed()->path);
	tw_cli_printf(cli, "# filename\n");
	tw_cli_stream(cli, names_step, names_free, l);
}

/* --- one --- */

struct found {
	const struct tls_cert *cert; /* borrow; NULL: none, or an empty one */
	bool is_changed, is_empty;
};

static bool
find(const char *name, struct found *f)
{
	struct tls_store *const store = tls__store_of(tw_gen_running());
	const struct tls_cert *const changed = tls__ctl_changed();

	*f = (struct found){ .is_changed = name[0] == '*' };
	if (f->is_changed)
		f->cert = changed != NULL && strcmp(changed->path, name + 1) == 0
		    ? changed
		    : NULL;
	else if (store != NULL)
		f->cert = tls__store_find(store, name);
	f->is_empty = f->cert == NULL && tls__ctl_is_empty(name);
	return f->cert != NULL || f->is_empty;
}

static void
show_chain(struct tw_cli *cli, const struct tls_cert *c)
{
	for (int i = 0; i < sk_X509_num(c->chain); i++) {
		X509 *const x = sk_X509_value(c->chain, i);
		char *const subject = tls__ctl_name(X509_get_subject_name(x));
		char *const issuer = tls__ctl_name(X509_get_issuer_name(x));

		tw_cli_printf(cli, "Chain Subject: %s\nChain Issuer: %s\n",
		    subject != NULL ? subject : "", issuer != NULL ? issuer : "");
		free(subject);
		free(issuer);
	}
}

/* The name of its answer: of one in force, or of one that is to come with it. */
static bool
ocsp_key(const struct found *f, struct tls_ocsp_key *key)
{
	const struct tls_ocsp *const o = f->cert == NULL || f->is_changed
	    ? NULL
	    : tls__ocsp_used(tw_gen_running(), f->cert->path);
	X509 *issuer;
	OCSP_CERTID *id;
	bool ok;

	if (o != NULL && atomic_load(&o->staple) != NULL)
		*key = o->key;
	if (!f->is_changed || f->cert->ocsp.p == NULL || f->cert->leaf == NULL)
		return o != NULL && atomic_load(&o->staple) != NULL;
	issuer = tls__ocsp_issuer(f->cert);
	id = issuer == NULL ? NULL : OCSP_cert_to_id(NULL, f->cert->leaf, issuer);
	ok = id != NULL && tls__ocsp_key(id, key);
	OCSP_CERTID_free(id);
	ERR_clear_error();
	return ok;
}

static void
show_one(struct tw_cli *cli, const char *name, const struct found *f)
{
	struct tls_ocsp_key key;

	tw_cli_printf(cli, "Filename: %s\nStatus: %s\n", name,
	    f->is_empty || f->cert->leaf == NULL               ? "Empty"
		: f->is_changed                                ? "Unused"
		: tls__cert_is_used(tw_gen_running(), f->cert) ? "Used"
							       : "Unused");
	if (f->cert != NULL && f->cert->leaf != NULL) {
		tls__ctl_x509(cli, f->cert->leaf);
		show_chain(cli, f->cert);
	}
	tw_cli_printf(cli, "OCSP Response Key: ");
	if (ocsp_key(f, &key))
		tls__ctl_hex(cli, key.der, key.len, "%02x");
	tw_cli_printf(cli, "\n");
}

/* The answer that came with a transaction, or the one that is sent. */
static void
show_ocsp(struct tw_cli *cli, const struct found *f)
{
	const struct tls_ocsp *const o =
	    f->cert == NULL ? NULL : tls__ocsp_used(tw_gen_running(), f->cert->path);
	struct tls_staple *s = o == NULL ? NULL : atomic_load(&o->staple);
	struct tls_ocsp_key key;

	if (!f->is_changed) {
		if (s != NULL)
			tls__ocsp_text(cli, s);
		return;
	}
	if (f->cert->ocsp.p == NULL)
		return;
	s = tls__ocsp_read(
	    (struct tw_str){ (const char *)f->cert->ocsp.p, f->cert->ocsp.len },
	    (time_t)(tw_wall_us() / 1000000), &key, NULL);
	if (s != NULL)
		tls__ocsp_text(cli, s);
	free(s);
}

/* "NAME.ocsp" of a certificate that is there. */
static bool
find_ocsp(const char *name, struct found *f)
{
	const size_t len = strlen(name);
	char *const path = strdup(name);
	bool ok = false;

	if (path != NULL && len > 5 && strcmp(path + len - 5, ".ocsp") == 0) {
		path[len - 5] = '\0';
		ok = find(path, f);
	}
	free(path);
	return ok;
}

#define NOT_FOUND                                                           \
	"Can't display the certificate: Not found or the certificate is a " \
	"bundle!\n"

void
tls_cmd_show_cert(struct tw_cli *cli, int argc, char *const argv[])
{
	struct found f;

	if (argc == 0)
		list_all(cli);
	else if (find(argv[0], &f))
		show_one(cli, argv[0], &f);
	else if (find_ocsp(argv[0], &f))
		show_ocsp(cli, &f);
	else
		tw_cli_msg(cli, TW_ERR, NOT_FOUND);
}

/* --- as PEM --- */

static void
dump(struct tw_cli *cli, const struct tls_cert *c)
{
	BIO *const bio = BIO_new(BIO_s_mem());
	char *p;
	long len;

	if (bio == NULL)
		return;
	if (c->key != NULL)
		PEM_write_bio_PrivateKey(bio, c->key, NULL, NULL, 0, NULL, NULL);
	if (c->leaf != NULL)
		PEM_write_bio_X509(bio, c->leaf);
	for (int i = 0; i < sk_X509_num(c->chain); i++)
		PEM_write_bio_X509(bio, sk_X509_value(c->chain, i));
	len = BIO_get_mem_data(bio, &p);
	tls__ctl_filled(cli, (struct tw_str){ p, len > 0 ? (size_t)len : 0 });
	if (len > 0)
		OPENSSL_cleanse(p, (size_t)len);
	BIO_free(bio);
	ERR_clear_error();
}

void
tls_cmd_dump_cert(struct tw_cli *cli, int argc, char *const argv[])
{
	struct found f;

	if (argc == 0)
		tw_cli_msg(cli, TW_ERR, "'dump ssl cert' expects a filename\n");
	else if (!find(argv[0], &f) || f.is_empty)
		tw_cli_msg(cli, TW_ERR, NOT_FOUND);
	else
		dump(cli, f.cert);
}

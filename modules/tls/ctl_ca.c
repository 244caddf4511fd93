/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * ctl_ca.c - CA and CRL files on the control socket: one transaction for each of
 * the two kinds, then all contexts that use the file verify with what is new.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <tideway/assert.h>

#include "ctl.h"
#include "ctl_trust.h"

/* The two kinds, with HAProxy's words for them. */
struct kind {
	bool is_crl;
	const char *word, *title, *all;
};
static const struct kind ca_kind = { false, "ca-file", "CA", "CAs" };
static const struct kind crl_kind = { true, "crl-file", "CRL", "CRLs" };

static struct tls_ca *changed[2]; /* owns; by is_crl; NULL: no transaction */

void
tls__ctl_ca_gen_running(void)
{
	tls__ca_free(&changed[0]);
	tls__ca_free(&changed[1]);
}

static struct tls_ca *
find(const struct kind *k, const char *name)
{
	struct tls_ca *const ca = tls__ca_find(tw_gen_running(), name);

	return ca != NULL && ca->is_crl == k->is_crl ? ca : NULL;
}

/* --- set, add --- */

/* returns: NULL: there is nothing in it. */
static X509_STORE *
store_of(struct tw_str pem)
{
	X509_STORE *const store = X509_STORE_new();
	BIO *const bio = BIO_new_mem_buf(pem.p, (int)pem.len);
	STACK_OF(X509_INFO) *const all = bio == NULL
	    ? NULL
	    : PEM_X509_INFO_read_bio(bio, NULL, tls__no_pass_phrase, NULL);
	int n = 0;

	for (int i = 0; store != NULL && i < sk_X509_INFO_num(all); i++) {
		const X509_INFO *const one = sk_X509_INFO_value(all, i);

		n += one->x509 != NULL && X509_STORE_add_cert(store, one->x509);
		n += one->crl != NULL && X509_STORE_add_crl(store, one->crl);
	}
	sk_X509_INFO_pop_free(all, X509_INFO_free);
	BIO_free(bio);
	ERR_clear_error();
	if (n > 0)
		return store;
	X509_STORE_free(store);
	return NULL;
}

/* in: add: to what is there, else instead of it. */
static int
set(const struct kind *k, const char *name, struct tw_str pem, bool add,
    struct tw_err *err)
{
	struct tls_ca **const ch = &changed[k->is_crl];
	const struct tls_ca *const now = find(k, name);
	X509_STORE *store;

	if (now == NULL)
		return tw_err_set(err,
		    "Can't replace a %s file which is not referenced by the "
		    "configuration!",
		    k->title);
	if (*ch != NULL && strcmp((*ch)->name, name) != 0)
		return tw_err_set(err,
		    "The ongoing transaction is about '%s' but you are trying to set "
		    "'%s'",
		    (*ch)->name, name);
	store = store_of(pem);
	if (store == NULL)
		return tw_err_set(err, "Invalid payload");
	if (add && *ch != NULL && (*ch)->store != NULL)
		tls__ca_merge(store, (*ch)->store);
	else if (add && *ch == NULL && now->store != NULL)
		tls__ca_merge(store, now->store);
	if (*ch == NULL)
		*ch = tls__ca_new(name, k->is_crl);
	X509_STORE_free((*ch)->store);
	(*ch)->store = store;
	return 0;
}

static void
cmd_set(struct tw_cli *cli, const struct kind *k, bool add, const char *name)
{
	const struct tw_str pem = tw_cli_payload(cli);
	const bool created = changed[k->is_crl] == NULL;
	struct tw_err err;

	if (name == NULL || pem.p == NULL)
		tw_cli_msg(cli, TW_ERR,
		    "'%s ssl %s expects a filename and %s as a payload\n",
		    add ? "add" : "set", k->word, k->all);
	else if (set(k, name, pem, add, &err) < 0)
		tw_cli_msg(cli, TW_ERR, "%s\nCan't update %s!\n", err.text, name);
	else
		tw_cli_msg(cli, TW_NOTICE, "transaction %s for %s %s!\n",
		    created ? "created" : "updated", k->title, name);
}

/* --- commit, abort --- */

static int
commit(const struct kind *k, const char *name, struct tw_err *err)
{
	struct tls_ca **const ch = &changed[k->is_crl];
	struct tls_ca *ca;

	if (*ch == NULL)
		return tw_err_set(err, "No ongoing transaction! !");
	if (strcmp((*ch)->name, name) != 0)
		return tw_err_set(err,
		    "The ongoing transaction is about '%s' but you are trying to set "
		    "'%s'",
		    (*ch)->name, name);
	ca = find(k, name);
	if (ca == NULL) { /* deleted meanwhile */
		tls__ca_free(ch);
		return tw_err_set(err, "It is not there any more!");
	}
	tls__ca_commit(tw_gen_running(), ca, (*ch)->store);
	(*ch)->store = NULL;
	tls__ca_free(ch);
	return 0;
}

/* A dot for each certificate of a line that uses the file. */
static void
dots(struct tw_cli *cli, const char *name)
{
	for (const struct tls_certs *l = tls__lines(tw_gen_running()); l != NULL;
	     l = l->next) {
		if (!tls__opts_name(l->side.opts, name))
			continue;
		for (const struct tls_src *s = l->first; s != NULL; s = s->next)
			for (int i = 0; i < s->list->n_entries; i++)
				tw_cli_write(cli, TW_STR("."));
	}
}

static void
cmd_commit(struct tw_cli *cli, const struct kind *k, const char *name)
{
	struct tw_err err;

	if (name == NULL)
		tw_cli_msg(cli, TW_ERR, "'commit ssl %s expects a filename\n", k->word);
	else if (commit(k, name, &err) < 0)
		tw_cli_msg(cli, TW_ERR, "%s\nCan't commit %s!\n", err.text, name);
	else {
		tw_cli_printf(cli, "Committing %s", name);
		dots(cli, name);
		tw_cli_printf(cli, "\nSuccess!\n");
	}
}

static void
cmd_abort(struct tw_cli *cli, const struct kind *k, const char *name)
{
	struct tls_ca **const ch = &changed[k->is_crl];

	if (name == NULL)
		tw_cli_msg(cli, TW_ERR, "'abort ssl %s' expects a filename\n", k->word);
	else if (*ch == NULL)
		tw_cli_msg(cli, TW_ERR, "No ongoing transaction!\n");
	else if (strcmp((*ch)->name, name) != 0)
		tw_cli_msg(cli, TW_ERR,
		    "The ongoing transaction is about '%s' but you are trying to abort "
		    "a transaction for '%s'\n",
		    (*ch)->name, name);
	else {
		tls__ca_free(ch);
		tw_cli_msg(cli, TW_NOTICE,
		    "Transaction aborted for certificate '%s'!\n", name);
	}
}

/* --- new, del --- */

static void
cmd_new(struct tw_cli *cli, const struct kind *k, const char *name)
{
	struct tls_ca *ca;

	if (name == NULL) {
		tw_cli_msg(cli, TW_ERR, "'new ssl %s' expects a filename\n", k->word);
		return;
	}
	if (tls__ca_find(tw_gen_running(), name) != NULL) {
		tw_cli_msg(
		    cli, TW_ERR, "%s file '%s' already exists!\n", k->title, name);
		return;
	}
	ca = tls__ca_new(name, k->is_crl);
	ca->is_live = true;
	tls__ca_add(tw_gen_running(), ca);
	tw_cli_msg(cli, TW_NOTICE, "New %s file created '%s'!\n", k->title, name);
}

static int
del(const struct kind *k, const char *name, struct tw_err *err)
{
	struct tw_gen *const gen = tw_gen_running();
	struct tls_ca *ca = tls__ca_find(gen, name);

	if (ca == NULL)
		return tw_err_set(err, "%s file '%s' doesn't exist!", k->title, name);
	if (ca->is_crl != k->is_crl)
		return tw_err_set(err, "'del ssl %s' does not work on %s files!",
		    k->word, k->is_crl ? "CA" : "CRL");
	if (tls__ca_used(gen, name))
		return tw_err_set(
		    err, "%s file '%s' in use, can't be deleted!", k->title, name);
	tls__ca_take(gen, ca);
	tls__ca_free(&ca);
	return 0;
}

static void
cmd_del(struct tw_cli *cli, const struct kind *k, const char *name)
{
	struct tw_err err;

	if (name == NULL)
		tw_cli_msg(cli, TW_ERR, "'del ssl %s' expects a %s file name\n",
		    k->word, k->title);
	else if (del(k, name, &err) < 0)
		tw_cli_msg(cli, TW_ERR, "Can't remove the %s file: %s\n\n", k->title,
		    err.text);
	else
		tw_cli_msg(cli, TW_NOTICE, "%s file '%s' deleted!\n", k->title, name);
}

/* --- show --- */

static int
count(const struct tls_ca *ca, X509_LOOKUP_TYPE type)
{
	STACK_OF(X509_OBJECT) *const all =
	    ca->store == NULL ? NULL : X509_STORE_get0_objects(ca->store);
	int n = 0;

	for (int i = 0; i < sk_X509_OBJECT_num(all); i++)
		n += X509_OBJECT_get_type(sk_X509_OBJECT_value(all, i)) == type;
	return n;
}

static void
list_line(struct tw_cli *cli, const struct tls_ca *ca, const char *mark)
{
	if (ca->is_crl)
		tw_cli_printf(cli, "%s%s\n", mark, ca->name);
	else
		tw_cli_printf(cli, "%s%s - %d certificate(s)\n", mark, ca->name,
		    count(ca, X509_LU_X509));
}

static int
by_name(const void *va, const void *vb)
{
	const struct tls_ca *const a = *(struct tls_ca *const *)va;
	const struct tls_ca *const b = *(struct tls_ca *const *)vb;

	return strcmp(a->name, b->name);
}

static void
list_all(struct tw_cli *cli, const struct kind *k)
{
	struct tls_ca **all = NULL;
	size_t n = 0;

	for (struct tls_ca *ca = tls_gen_of(tw_gen_running())->cas; ca != NULL;
	     ca = ca->next) {
		if (ca->is_crl != k->is_crl)
			continue;
		all = realloc(all, (n + 1) * sizeof(struct tls_ca *));
		TW_ASSERT(all != NULL);
		all[n++] = ca;
	}
	if (n > 0)
		qsort(all, n, sizeof(struct tls_ca *), by_name);
	if (changed[k->is_crl] != NULL) {
		tw_cli_printf(cli, "# transaction\n");
		list_line(cli, changed[k->is_crl], "*");
	}
	tw_cli_printf(cli, "# filename\n");
	for (size_t i = 0; i < n; i++)
		list_line(cli, all[i], "");
	free(all);
}

static void
crl_revoked(BIO *bio, X509_CRL *crl)
{
	STACK_OF(X509_REVOKED) *const all = X509_CRL_get_REVOKED(crl);

	BIO_printf(bio, "%s\n",
	    sk_X509_REVOKED_num(all) > 0 ? "Revoked Certificates:"
					 : "No Revoked Certificates.");
	for (int i = 0; i < sk_X509_REVOKED_num(all); i++) {
		const X509_REVOKED *const r = sk_X509_REVOKED_value(all, i);

		BIO_printf(bio, "    Serial Number: ");
		i2a_ASN1_INTEGER(bio, X509_REVOKED_get0_serialNumber(r));
		BIO_printf(bio, "\n        Revocation Date: ");
		ASN1_TIME_print(bio, X509_REVOKED_get0_revocationDate(r));
		BIO_printf(bio, "\n");
		X509V3_extensions_print(
		    bio, "CRL entry extensions", X509_REVOKED_get0_extensions(r), 0, 8);
	}
}

static void
crl_text(struct tw_cli *cli, X509_CRL *crl)
{
	BIO *const bio = BIO_new(BIO_s_mem());
	char *const issuer = tls__ctl_name(X509_CRL_get_issuer(crl));
	const X509_ALGOR *alg;
	char *p;
	long len;

	if (bio == NULL || issuer == NULL)
		goto out;
	X509_CRL_get0_signature(crl, NULL, &alg);
	BIO_printf(
	    bio, "Version %ld\nSignature Algorithm: ", X509_CRL_get_version(crl) + 1);
	i2a_ASN1_OBJECT(bio, alg->algorithm);
	BIO_printf(bio, "\nIssuer: %s\nLast Update: ", issuer);
	ASN1_TIME_print(bio, X509_CRL_get0_lastUpdate(crl));
	BIO_printf(bio, "\nNext Update: ");
	if (X509_CRL_get0_nextUpdate(crl) != NULL)
		ASN1_TIME_print(bio, X509_CRL_get0_nextUpdate(crl));
	else
		BIO_printf(bio, "NONE");
	BIO_printf(bio, "\n");
	crl_revoked(bio, crl);
	len = BIO_get_mem_data(bio, &p);
	tls__ctl_filled(cli, (struct tw_str){ p, len > 0 ? (size_t)len : 0 });
out:
	free(issuer);
	BIO_free(bio);
	ERR_clear_error();
}

/* in: index, 0: all. */
static void
show_objects(struct tw_cli *cli, const struct tls_ca *ca, int index)
{
	STACK_OF(X509_OBJECT) *const all = X509_STORE_get0_objects(ca->store);
	int n = 0;

	for (int i = 0; i < sk_X509_OBJECT_num(all); i++) {
		X509_OBJECT *const o = sk_X509_OBJECT_value(all, i);
		X509 *const x = X509_OBJECT_get0_X509(o);
		X509_CRL *const crl = X509_OBJECT_get0_X509_CRL(o);

		if (ca->is_crl ? crl == NULL : x == NULL)
			continue;
		n++;
		if (index != 0 && index != n)
			continue;
		tw_cli_printf(cli, " \n%s #%d:\n",
		    ca->is_crl ? "Certificate Revocation List" : "Certificate", n);
		if (ca->is_crl)
			crl_text(cli, crl);
		else
			tls__ctl_x509(cli, x);
	}
}

/* Where it is: a transaction or what is in force. in: name, cut at its colon. */
static const struct tls_ca *
seek(const struct kind *k, const char *name)
{
	const struct tls_ca *const ch = changed[k->is_crl];

	if (name[0] == '*')
		return ch != NULL && strcmp(ch->name, name + 1) == 0 ? ch : NULL;
	return find(k, name);
}

static void
show_one(struct tw_cli *cli, const struct kind *k, char *word)
{
	char *const colon = strrchr(word, ':');
	const struct tls_ca *ca;
	char *end;
	int index = 0;

	if (colon != NULL) {
		index = (int)strtol(colon + 1, &end, 10);
		if (colon[1] == '\0' || *end != '\0' || index <= 0) {
			tw_cli_msg(cli, TW_ERR,
			    "wrong %s index after colons in '%s'!\n", k->title, word);
			return;
		}
		*colon = '\0';
	}
	ca = seek(k, word);
	if (ca == NULL) {
		tw_cli_msg(
		    cli, TW_ERR, "Can't display the %s file : Not found!\n", k->title);
		return;
	}
	if (!k->is_crl && (ca->store == NULL || index > count(ca, X509_LU_X509)))
		return;
	tw_cli_printf(cli, "Filename: %s\nStatus: %s\n", word,
	    ca->store == NULL                              ? "Empty"
		: word[0] == '*'                           ? "Unused"
		: tls__ca_used(tw_gen_running(), ca->name) ? "Used"
							   : "Unused");
	if (ca->store != NULL)
		show_objects(cli, ca, index);
}

/* --- the commands --- */

#define COMMANDS(kind)                                                               \
	void tls_cmd_set_##kind(struct tw_cli *cli, int argc, char *const argv[])    \
	{                                                                            \
		cmd_set(cli, &kind##_kind, false, argc > 0 ? argv[0] : NULL);        \
	}                                                                            \
	void tls_cmd_commit_##kind(struct tw_cli *cli, int argc, char *const argv[]) \
	{                                                                            \
		cmd_commit(cli, &kind##_kind, argc > 0 ? argv[0] : NULL);            \
	}                                                                            \
	void tls_cmd_abort_##kind(struct tw_cli *cli, int argc, char *const argv[])  \
	{                                                                            \
		cmd_abort(cli, &kind##_kind, argc > 0 ? argv[0] : NULL);             \
	}                                                                            \
	void tls_cmd_new_##kind(struct tw_cli *cli, int argc, char *const argv[])    \
	{                                                                            \
		cmd_new(cli, &kind##_kind, argc > 0 ? argv[0] : NULL);               \
	}                                                                            \
	void tls_cmd_del_##kind(struct tw_cli *cli, int argc, char *const argv[])    \
	{                                                                            \
		cmd_del(cli, &kind##_kind, argc > 0 ? argv[0] : NULL);               \
	}                                                                            \
	void tls_cmd_show_##kind(struct tw_cli *cli, int argc, char *const argv[])   \
	{                                                                            \
		if (argc == 0)                                                       \
			list_all(cli, &kind##_kind);                                 \
		else                                                                 \
			show_one(cli, &kind##_kind, argv[0]);                        \
	}

COMMANDS(ca)
COMMANDS(crl)

void
tls_cmd_add_ca(struct tw_cli *cli, int argc, char *const argv[])
{
	cmd_set(cli, &ca_kind, true, argc > 0 ? argv[0] : NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * ctl_cert.c - a certificate is replaced: prepared in parts, then all at once.
 *
 * There is one transaction at a time, a copy of the certificate that `set`
 * changes part by part; `commit` looks whether the parts fit and puts the copy
 * in the place of what all lines show. A name made by `new` is that of nothing
 * until then. Control thread.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <tideway/assert.h>

#include "ctl.h"
#include "expiry.h"
#include "server.h"

static struct tls_cert *changed; /* owns; NULL: no transaction */
static char **empties;           /* owns: names without a certificate */
static size_t n_empties;

const struct tls_cert *
tls__ctl_changed(void)
{
	return changed;
}

/* --- names of nothing --- */

const char *
tls__ctl_empty_each(size_t i)
{
	return i < n_empties ? empties[i] : NULL;
}

bool
tls__ctl_is_empty(const char *path)
{
	for (size_t i = 0; i < n_empties; i++)
		if (strcmp(empties[i], path) == 0)
			return true;
	return false;
}

static void
empty_add(const char *path)
{
	empties = realloc(empties, (n_empties + 1) * sizeof(char *));
	TW_ASSERT(empties != NULL);
	empties[n_empties] = strdup(path);
	TW_ASSERT(empties[n_empties++] != NULL);
}

static bool
empty_del(const char *path)
{
	for (size_t i = 0; i < n_empties; i++)
		if (strcmp(empties[i], path) == 0) {
			free(empties[i]);
			empties[i] = empties[--n_empties];
			return true;
		}
	return false;
}

void
tls__ctl_gen_running(void)
{
	tls__ctl_ca_gen_running();
	tls__cert_unref(&changed);
	while (n_empties > 0)
		empty_del(empties[0]);
	free(empties);
	empties = NULL;
}

/* --- copies --- */

static void
bytes_copy(struct tls_bytes *to, const struct tls_bytes *from)
{
	if (from->p == NULL)
		return;
	to->p = malloc(from->len + 1);
	TW_ASSERT(to->p != NULL);
	memcpy(to->p, from->p, from->len);
	to->p[from->len] = '\0';
	to->len = from->len;
}

static EVP_PKEY *
pkey_ref(EVP_PKEY *key)
{
	if (key != NULL)
		EVP_PKEY_up_ref(key);
	return key;
}

static X509 *
x509_ref(X509 *x)
{
	if (x != NULL)
		X509_up_ref(x);
	return x;
}

/* The parts, without what tls__cert_describe() makes of them. */
static struct tls_cert *
cert_copy(const struct tls_cert *from)
{
	struct tls_cert *const c = tls__cert_new(from->path);

	c->leaf = x509_ref(from->leaf);
	c->chain = from->chain == NULL ? NULL : X509_chain_up_ref(from->chain);
	c->key = pkey_ref(from->key);
	c->dh = pkey_ref(from->dh);
	c->issuer = x509_ref(from->issuer);
	bytes_copy(&c->ocsp, &from->ocsp);
	bytes_copy(&c->sctl, &from->sctl);
	c->ocsp_update = from->ocsp_update;
	return c;
}

/* --- parts --- */

static BIO *
bio_of(struct tw_str pem)
{
	BIO *const bio = BIO_new_mem_buf(pem.p, (int)pem.len);

	TW_ASSERT(bio != NULL);
	return bio;
}

/* Certificate, chain, key and DH parameters: what was there before goes. */
static int
set_pem(struct tls_cert **c, struct tw_str pem, struct tw_err *err)
{
	static const struct tls_load alone = { .extras = 0 };
	struct tls_cert *fresh = tls__cert_new((*c)->path);

	fresh->ocsp_update = (*c)->ocsp_update;
	if (tls__cert_read(fresh, pem, &alone, err) < 0) {
		tls__cert_unref(&fresh);
		return -1;
	}
	tls__cert_unref(c);
	*c = fresh;
	return 0;
}

static int
set_key(struct tls_cert **c, struct tw_str pem, struct tw_err *err)
{
	BIO *const bio = bio_of(pem);
	EVP_PKEY *const key =
	    PEM_read_bio_PrivateKey(bio, NULL, tls__no_pass_phrase, NULL);

	BIO_free(bio);
	ERR_clear_error();
	if (key == NULL)
		return tw_err_set(
		    err, "unable to load private key from file '%s'.", (*c)->path);
	EVP_PKEY_free((*c)->key);
	(*c)->key = key;
	return 0;
}

static int
set_issuer(struct tls_cert **c, struct tw_str pem, struct tw_err *err)
{
	BIO *const bio = bio_of(pem);
	X509 *const x = PEM_read_bio_X509_AUX(bio, NULL, tls__no_pass_phrase, NULL);

	BIO_free(bio);
	ERR_clear_error();
	if (x == NULL)
		return tw_err_set(err, "'%s' cannot be read or parsed'.", (*c)->path);
	X509_free((*c)->issuer);
	(*c)->issuer = x;
	return 0;
}

static void
bytes_set(struct tls_bytes *to, unsigned char *p, size_t len)
{
	free(to->p);
	*to = (struct tls_bytes){ p, len };
}

static int
set_ocsp(struct tls_cert **c, struct tw_str text, struct tw_err *err)
{
	struct tls_ocsp_key key;
	size_t len;
	unsigned char *const der = tls__base64(text, &len);
	struct tls_staple *s;

	if (der == NULL)
		return tw_err_set(err, "Error reading OCSP response in base64 format");
	s = tls__ocsp_read((struct tw_str){ (const char *)der, len },
	    (time_t)(tw_wall_us() / 1000000), &key, err);
	if (s == NULL) {
		free(der);
		return -1;
	}
	free(s);
	bytes_set(&(*c)->ocsp, der, len);
	return 0;
}

/* As in the file: a list with its length, not encoded. */
static int
set_sctl(struct tls_cert **c, struct tw_str text, struct tw_err *err)
{
	const unsigned char *const p = (const unsigned char *)text.p;
	struct tls_bytes from = { (unsigned char *)(uintptr_t)p, text.len };
	struct tls_bytes list = { NULL, 0 };

	/* the newline that ends it on the socket is no part of it */
	for (int cut = 0; cut < 2 && from.len >= 2; cut++, from.len--)
		if ((size_t)(p[0] << 8 | p[1]) == from.len - 2) {
			bytes_copy(&list, &from);
			bytes_set(&(*c)->sctl, list.p, list.len);
			return 0;
		}
	return tw_err_set(err, "'%s' is no list of SCTs.", (*c)->path);
}

static const struct part {
	const char *ext;
	int (*set)(struct tls_cert **c, struct tw_str text, struct tw_err *err);
} parts[] = {
	{ ".key", set_key },
	{ ".ocsp", set_ocsp },
	{ ".issuer", set_issuer },
	{ ".sctl", set_sctl },
};

static const struct part whole = { "", set_pem };

static bool
is_known(const char *path)
{
	return tls__ctl_is_empty(path) ||
	    (changed != NULL && strcmp(changed->path, path) == 0) ||
	    (tls__store_of(tw_gen_running()) != NULL &&
		tls__store_find(tls__store_of(tw_gen_running()), path) != NULL);
}

/* Which part of which certificate the word names: path is cut. NULL: of none. */
static const struct part *
part_of(char *path)
{
	const size_t len = strlen(path);

	if (is_known(path))
		return &whole;
	for (size_t i = 0; i < TW_N_ELEMENTS(parts); i++) {
		const size_t n = strlen(parts[i].ext);

		if (len <= n || strcmp(path + len - n, parts[i].ext) != 0)
			continue;
		path[len - n] = '\0';
		return is_known(path) ? &parts[i] : NULL;
	}
	return NULL;
}

/* What the transaction begins with. */
static struct tls_cert *
begin(const char *path)
{
	struct tls_store *const store = tls__store_of(tw_gen_running());
	const struct tls_cert *const now =
	    store == NULL ? NULL : tls__store_find(store, path);

	return now != NULL ? cert_copy(now) : tls__cert_new(path);
}

static int
set(const char *word, struct tw_str text, bool *created, struct tw_err *err)
{
	char *const path = strdup(word);
	const struct part *const part = path == NULL ? NULL : part_of(path);
	struct tls_cert *next;
	int rc;

	if (part == NULL) {
		free(path);
		return tw_err_set(err,
		    "Can't replace a certificate which is not referenced by the "
		    "configuration!\n");
	}
	*created = changed == NULL;
	if (!*created && strcmp(changed->path, path) != 0) {
		free(path);
		return tw_err_set(err,
		    "The ongoing transaction is about '%s' but you are trying to set "
		    "'%s'\n",
		    changed->path, word);
	}
	next = *created ? begin(path) : tls__cert_ref(changed);
	free(path);
	rc = part->set(&next, text, err);
	if (rc < 0) {
		const size_t len = strlen(err->text);
		snprintf(err->text + len, sizeof(err->text) - len,
		    "\nCan't load the payload\n");
		tls__cert_unref(&next);
		return -1;
	}
	tls__cert_unref(&changed);
	changed = next;
	return 0;
}

void
tls_cmd_set_cert(struct tw_cli *cli, int argc, char *const argv[])
{
	const struct tw_str text = tw_cli_payload(cli);
	struct tw_err err;
	bool created = false;

	if (argc == 0 || text.p == NULL)
		tw_cli_msg(cli, TW_ERR,
		    "'set ssl cert expects a filename and a certificate as a payload\n");
	else if (set(argv[0], text, &created, &err) < 0)
		tw_cli_msg(cli, TW_ERR, "%sCan't update %s!\n", err.text, argv[0]);
	else
		tw_cli_msg(cli, TW_NOTICE, "Transaction %s for certificate %s!\n",
		    created ? "created" : "updated", changed->path);
}

/* --- all at once --- */

static int
count_shown(const struct tls_cert *cert)
{
	int n = 0;

	for (const struct tls_certs *l = tls__lines(tw_gen_running()); l != NULL;
	     l = l->next)
		for (const struct tls_src *s = l->first; s != NULL; s = s->next)
			for (const struct tls_entry *e = s->list->first; e != NULL;
			     e = e->next)
				n += e->cert == cert;
	return n;
}

/* The entry's options, if a list has it. */
static enum tls_ocsp_mode
mode_of(const struct tls_cert *cert)
{
	const struct tls_ocsp_use *const u =
	    tls__ocsp_use_of(tw_gen_running(), cert->path);

	return u == NULL ? TLS_OCSP_UNSET : u->mode;
}

/* An answer that came with it is about it. */
static int
check_ocsp(const struct tls_cert *cert, struct tw_err *err)
{
	X509 *const issuer = tls__ocsp_issuer(cert);
	OCSP_CERTID *const id =
	    issuer == NULL ? NULL : OCSP_cert_to_id(NULL, cert->leaf, issuer);
	struct tls_ocsp_key key, of;
	struct tls_staple *s;
	int rc = -1;

	s = tls__ocsp_read(
	    (struct tw_str){ (const char *)cert->ocsp.p, cert->ocsp.len },
	    (time_t)(tw_wall_us() / 1000000), &key, err);
	if (s != NULL &&
	    (id == NULL || !tls__ocsp_key(id, &of) || key.len != of.len ||
		memcmp(key.der, of.der, of.len) != 0))
		tw_err_set(err,
		    "OCSP single response: Certificate ID does not match certificate "
		    "and issuer");
	else if (s != NULL)
		rc = tls__ocsp_verify(s, issuer, err);
	OCSP_CERTID_free(id);
	free(s);
	ERR_clear_error();
	return rc;
}

/* It was checked; what an entry has may be older. */
static int
set_staple(struct tw_gen *gen, struct tls_cert *cert, enum tls_ocsp_mode mode,
    struct tw_err *err)
{
	tls__ocsp_detach(gen, cert->path);
	if (tls__ocsp_attach(gen, cert, mode, err) < 0)
		return -1;
	if (cert->ocsp.p != NULL)
		return tls__ocsp_set(
		    (struct tw_str){ (const char *)cert->ocsp.p, cert->ocsp.len }, err);
	return 0;
}

static int
commit(int *shown, struct tw_err *err)
{
	struct tw_gen *const gen = tw_gen_running();
	struct tls_cert *const old = tls__store_find(tls__store_of(gen), changed->path);
	struct tls_cert *next;
	enum tls_ocsp_mode mode;
	int n_lines;

	if (changed->leaf == NULL || changed->key == NULL)
		return tw_err_set(err,
		    "The transaction must contain at least a certificate and a private "
		    "key!");
	next = cert_copy(changed);
	if (next->issuer != NULL &&
	    X509_check_issued(next->issuer, next->leaf) != X509_V_OK) {
		X509_free(next->issuer); /* the former certificate's */
		next->issuer = NULL;
	}
	if (tls__cert_describe(next, err) < 0 ||
	    (next->ocsp.p != NULL && next->ocsp.len > 0 && check_ocsp(next, err) < 0)) {
		tls__cert_unref(&next);
		return -1;
	}
	n_lines = old == NULL ? 0 : count_shown(old);
	*shown = old == NULL ? 0 : n_lines + tls__servers_showing(gen, old);
	mode = mode_of(next);
	tls__cert_ref(next);
	if (tls__cert_publish(gen, next, err) < 0) {
		tls__cert_unref(&next);
		return -1;
	}
	if (n_lines > 0 && set_staple(gen, next, mode, err) < 0)
		tw_log(TW_WARNING, "%s: %s", next->path, err->text);
	tls__cert_unref(&next);
	tls__expiry_renew(gen);
	empty_del(changed->path);
	tls__cert_unref(&changed);
	return 0;
}

static int
try_commit(const char *path, int *shown, struct tw_err *err)
{
	if (changed == NULL)
		return tw_err_set(err, "No ongoing transaction! !");
	if (strcmp(changed->path, path) != 0)
		return tw_err_set(err,
		    "The ongoing transaction is about '%s' but you are trying to set "
		    "'%s'",
		    changed->path, path);
	return commit(shown, err);
}

void
tls_cmd_commit_cert(struct tw_cli *cli, int argc, char *const argv[])
{
	struct tw_err err;
	int shown = 0;

	if (argc == 0) {
		tw_cli_msg(cli, TW_ERR, "'commit ssl cert expects a filename\n");
		return;
	}
	if (try_commit(argv[0], &shown, &err) < 0) {
		tw_cli_msg(cli, TW_ERR, "%s\nCan't commit %s!\n", err.text, argv[0]);
		return;
	}
	tw_cli_printf(cli, "Committing %s", argv[0]);
	while (shown-- > 0)
		tw_cli_write(cli, TW_STR("."));
	tw_cli_printf(cli, "\nSuccess!\n");
}

void
tls_cmd_abort_cert(struct tw_cli *cli, int argc, char *const argv[])
{
	if (argc == 0)
		tw_cli_msg(cli, TW_ERR, "'abort ssl cert' expects a filename\n");
	else if (changed == NULL)
		tw_cli_msg(cli, TW_ERR, "No ongoing transaction!\n");
	else if (strcmp(changed->path, argv[0]) != 0)
		tw_cli_msg(cli, TW_ERR,
		    "The ongoing transaction is about '%s' but you are trying to abort "
		    "a transaction for '%s'\n",
		    changed->path, argv[0]);
	else {
		tls__cert_unref(&changed);
		tw_cli_msg(cli, TW_NOTICE,
		    "Transaction aborted for certificate '%s'!\n", argv[0]);
	}
}

/* --- new ones, and no more --- */

void
tls_cmd_new_cert(struct tw_cli *cli, int argc, char *const argv[])
{
	if (argc == 0)
		tw_cli_msg(cli, TW_ERR, "'new ssl cert' expects a filename\n");
	else if (is_known(argv[0]))
		tw_cli_msg(cli, TW_ERR, "Certificate '%s' already exists!\n", argv[0]);
	else {
		empty_add(argv[0]);
		tw_cli_msg(
		    cli, TW_NOTICE, "New empty certificate store '%s'!\n", argv[0]);
	}
}

static int
del(const char *path, struct tw_err *err)
{
	struct tw_gen *const gen = tw_gen_running();
	struct tls_store *const store = tls__store_of(gen);
	struct tls_cert *cert = store == NULL ? NULL : tls__store_find(store, path);

	if (empty_del(path))
		return 0;
	if (cert == NULL)
		return tw_err_set(err, "certificate '%s' doesn't exist!", path);
	if (tls__cert_is_used(gen, cert))
		return tw_err_set(
		    err, "certificate '%s' in use, can't be deleted!", path);
	tls__ocsp_detach(gen, path);
	cert = tls__store_take(store, path);
	tls__cert_unref(&cert);
	tls__expiry_renew(gen);
	return 0;
}

void
tls_cmd_del_cert(struct tw_cli *cli, int argc, char *const argv[])
{
	struct tw_err err;

	if (argc == 0)
		tw_cli_msg(cli, TW_ERR, "'del ssl cert' expects a certificate name\n");
	else if (del(argv[0], &err) < 0)
		tw_cli_msg(
		    cli, TW_ERR, "Can't remove the certificate: %s\n\n", err.text);
	else
		tw_cli_msg(cli, TW_NOTICE, "Certificate '%s' deleted!\n", argv[0]);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * ca_dir.c - a directory of authorities' certificates, in place of a file.
 *
 * As HAProxy takes it: every .pem, .crt, .cer and .crl in it whose name does not
 * begin with a dot; one that holds nothing of use is passed over. source:
 * HAProxy's manual, ca-file. Control thread.
 */
#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "server.h"
#include "store.h"

bool
tls__is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int
is_wanted(const struct dirent *d)
{
	static const char *const ends[] = { ".pem", ".crt", ".cer", ".crl" };
	const char *const dot = strrchr(d->d_name, '.');

	for (size_t i = 0;
	     d->d_name[0] != '.' && dot != NULL && i < TW_N_ELEMENTS(ends); i++)
		if (strcmp(dot, ends[i]) == 0)
			return 1;
	return 0;
}

/* Certificates and lists of revoked ones. returns: how many. */
static int
infos_add(X509_STORE *store, STACK_OF(X509_INFO) * infos, STACK_OF(X509_NAME) * names)
{
	int n = 0;

	for (int i = 0; i < sk_X509_INFO_num(infos); i++) {
		const X509_INFO *const info = sk_X509_INFO_value(infos, i);

		if (info->x509 != NULL && X509_STORE_add_cert(store, info->x509)) {
			X509_NAME *const name = names == NULL
			    ? NULL
			    : X509_NAME_dup(X509_get_subject_name(info->x509));

			if (name != NULL && !sk_X509_NAME_push(names, name))
				X509_NAME_free(name);
			n++;
		}
		if (info->crl != NULL && X509_STORE_add_crl(store, info->crl))
			n++;
	}
	return n;
}

static int
file_add(X509_STORE *store, const char *path, STACK_OF(X509_NAME) * names)
{
	BIO *const bio = BIO_new_file(path, "r");
	STACK_OF(X509_INFO) *const infos = bio == NULL
	    ? NULL
	    : PEM_X509_INFO_read_bio(bio, NULL, tls__no_pass_phrase, NULL);
	const int n = infos == NULL ? 0 : infos_add(store, infos, names);

	sk_X509_INFO_pop_free(infos, X509_INFO_free);
	BIO_free(bio);
	ERR_clear_error();
	return n;
}

int
tls__ca_dir(
    X509_STORE *store, const char *dir, STACK_OF(X509_NAME) * names, struct tw_err *err)
{
	struct dirent **list = NULL;
	const int n = scandir(dir, &list, is_wanted, alphasort);
	char path[4096];
	int found = 0;

	for (int i = 0; i < n; i++) {
		if (snprintf(path, sizeof(path), "%s/%s", dir, list[i]->d_name) <
		    (int)sizeof(path))
			found += file_add(store, path, names);
		free(list[i]);
	}
	free(list);
	return found > 0
	    ? 0
	    : tw_err_set(err,
		  "unable to load CA directory '%s': no .pem, .crt, .cer or .crl in it "
		  "holds a certificate",
		  dir);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * ctl.h - commands of the control socket about certificates.
 *
 * Words, answers and levels are HAProxy's: its management guide, 9.3. What is
 * changed lasts until the files are read again. Control thread.
 */
#ifndef MODULE_TLS_CTL_H
#define MODULE_TLS_CTL_H

#include <tideway/command.h>

#include "certs.h"
#include "ocsp.h"

/* --- certificates that are not in force (ctl_cert.c) --- */

/** tls__ctl_changed - of which certificate something is prepared. returns: borrow;
 * NULL: of none. */
const struct tls_cert *tls__ctl_changed(void);
/** tls__ctl_is_empty - made by `new ssl cert`, and nothing committed to it. */
bool tls__ctl_is_empty(const char *path);
/** tls__ctl_empty_each - the i-th such name; NULL after the last. */
const char *tls__ctl_empty_each(size_t i);
/** tls__ctl_gen_running - what was prepared for another generation is forgotten. */
void tls__ctl_gen_running(void);

/** tls__ctl_ca_gen_running - the same for CA and CRL files. */
void tls__ctl_ca_gen_running(void);

/* --- text (ctl_text.c) --- */

/** tls__ctl_x509 - the lines of `show ssl cert` about one certificate. */
void tls__ctl_x509(struct tw_cli *cli, X509 *x);
/** tls__ctl_name - "/C=DE/O=x". returns: malloc()ed. */
char *tls__ctl_name(const X509_NAME *name);
void tls__ctl_time(struct tw_cli *cli, const char *label, const ASN1_TIME *t);
/** tls__ctl_date - the same without label and newline. */
void tls__ctl_date(struct tw_cli *cli, const ASN1_TIME *t);
void tls__ctl_hex(
    struct tw_cli *cli, const unsigned char *p, size_t len, const char *fmt);
/** tls__ctl_filled - text in which empty lines have a blank: they would end it. */
void tls__ctl_filled(struct tw_cli *cli, struct tw_str text);
/** tls__ctl_by_name - for qsort(): of pointers to strings. */
int tls__ctl_by_name(const void *a, const void *b);

/* --- commands --- */

void tls_cmd_set_cert(struct tw_cli *cli, int argc, char *const argv[]);
void tls_cmd_commit_cert(struct tw_cli *cli, int argc, char *const argv[]);
void tls_cmd_abort_cert(struct tw_cli *cli, int argc, char *const argv[]);
void tls_cmd_new_cert(struct tw_cli *cli, int argc, char *const argv[]);
void tls_cmd_del_cert(struct tw_cli *cli, int argc, char *const argv[]);
void tls_cmd_show_cert(struct tw_cli *cli, int argc, char *const argv[]);
void tls_cmd_dump_cert(struct tw_cli *cli, int argc, char *const argv[]);
void tls_cmd_show_crt_list(struct tw_cli *cli, int argc, char *const argv[]);
void tls_cmd_add_crt_list(struct tw_cli *cli, int argc, char *const argv[]);
void tls_cmd_del_crt_list(struct tw_cli *cli, int argc, char *const argv[]);
void tls_cmd_show_sni(struct tw_cli *cli, int argc, char *const argv[]);
void tls_cmd_set_ca(struct tw_cli *cli, int argc, char *const argv[]);
void tls_cmd_commit_ca(struct tw_cli *cli, int argc, char *const argv[]);
void tls_cmd_abort_ca(struct tw_cli *cli, int argc, char *const argv[]);
void tls_cmd_new_ca(struct tw_cli *cli, int argc, char *const argv[]);
void tls_cmd_del_ca(struct tw_cli *cli, int argc, char *const argv[]);
void tls_cmd_show_ca(struct tw_cli *cli, int argc, char *const argv[]);
void tls_cmd_set_crl(struct tw_cli *cli, int argc, char *const argv[]);
void tls_cmd_commit_crl(struct tw_cli *cli, int argc, char *const argv[]);
void tls_cmd_abort_crl(struct tw_cli *cli, int argc, char *const argv[]);
void tls_cmd_new_crl(struct tw_cli *cli, int argc, char *const argv[]);
void tls_cmd_del_crl(struct tw_cli *cli, int argc, char *const argv[]);
void tls_cmd_show_crl(struct tw_cli *cli, int argc, char *const argv[]);
void tls_cmd_add_ca(struct tw_cli *cli, int argc, char *const argv[]);

#endif

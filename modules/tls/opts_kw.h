/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * opts_kw.h - setters of the keywords in opts_kw.def.
 */
#ifndef MODULE_TLS_OPTS_KW_H
#define MODULE_TLS_OPTS_KW_H

#include "tls.h"

/* Where options stand that a line to a server has, too. */
#define TLS_BOTH (TW_SC_BIND | TW_SC_SERVER)

tw_kw_set tls_set_word;      /* an option without argument: its word tells */
tw_kw_set tls_set_version;   /* ssl-min-ver, ssl-max-ver */
tw_kw_set tls_set_verify;
tw_kw_set tls_set_alpn;
tw_kw_set tls_set_npn;
tw_kw_set tls_set_ignore;    /* ca-ignore-err, crt-ignore-err */
tw_kw_set tls_set_ca;        /* ca-file, ca-verify-file, crl-file: with ca-base */
tw_kw_set tls_set_gen_file;  /* ssl-dh-param-file */
tw_kw_set tls_set_options;   /* ssl-default-bind-options; offset: its tls_opts */
tw_kw_set tls_set_base;
tw_kw_set tls_set_cachesize;
tw_kw_set tls_set_compression; /* tune.ssl.certificate-compression */
tw_kw_set tls_set_record_layer; /* tune.ssl.record-layer */
tw_kw_set tls_set_lifetime;
tw_kw_set tls_set_dh;
tw_kw_set tls_set_on_off;    /* bool at offset */

/** tls__line_file - the line's first argument as a path. in: base, NULL: where the
 * line's relative names begin. gen */
const char *tls__line_file(struct tw_line *ln, const char *base);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * certs_kw.h - setters of the keywords in crt_kw.def.
 */
#ifndef MODULE_TLS_CERTS_KW_H
#define MODULE_TLS_CERTS_KW_H

#include "tls.h"

tw_kw_set tls_set_crt;        /* crt, default-crt, crt-list */
tw_kw_set tls_set_generate;    /* generate-certificates */
tw_kw_set tls_set_sign;        /* ca-sign-file, ca-sign-pass */
tw_kw_set tls_set_forged_size; /* tune.ssl.ssl-ctx-cache-size */
tw_kw_set tls_set_extra_files; /* ssl-load-extra-files */
tw_kw_set tls_set_issuers;     /* issuers-chain-path */

#endif

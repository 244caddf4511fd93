/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * certs_kw.h - setters of the keywords in crt_kw.def.
 */
#ifndef MODULE_TLS_CERTS_KW_H
#define MODULE_TLS_CERTS_KW_H

#include "tls.h"

tw_kw_set tls_set_crt;        /* crt, default-crt, crt-list */
tw_kw_set tls_set_strict_sni;

#endif

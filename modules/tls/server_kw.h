/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * server_kw.h - setters of the keywords in server.def.
 */
#ifndef MODULE_TLS_SERVER_KW_H
#define MODULE_TLS_SERVER_KW_H

#include "server.h"

tw_kw_set tls_server_set_ssl;
tw_kw_set tls_server_set_no_ssl;
tw_kw_set tls_server_set_crt;
tw_kw_set tls_server_set_sni;
tw_kw_set tls_server_set_tickets;
tw_kw_set tls_server_clear;       /* bool at offset: off */
tw_kw_set tls_server_set_verify;  /* ssl-server-verify */
tw_kw_set tls_server_set_options; /* ssl-default-server-options */
tw_kw_set tls_server_no_verifyhost;

#endif

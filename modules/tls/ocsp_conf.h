/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * ocsp_conf.h - what a generation says about OCSP.
 */
#ifndef MODULE_TLS_OCSP_CONF_H
#define MODULE_TLS_OCSP_CONF_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct tls_ocsp_use;
LIST_HEAD(tls_ocsp_uses, tls_ocsp_use);
#define TLS_OCSP_USES 256u /* lists, by the file's name */

#define TLS_OCSP_MIN_S 300
#define TLS_OCSP_MAX_S 3600

struct tls_ocsp_conf {
	bool update;           /* ocsp-update.mode */
	bool disable;          /* ocsp-update.disable */
	bool ends;             /* uses are freed with the generation */
	uint32_t min_s, max_s; /* ocsp-update.mindelay, maxdelay; 0: not said */
	const char *proxy;     /* ocsp-update.httpproxy: host and port; gen */
	struct tls_ocsp_uses uses[TLS_OCSP_USES];
};

#endif

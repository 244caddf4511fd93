/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * ocsp_fetch.h - a question to an OCSP responder. Control thread.
 */
#ifndef MODULE_TLS_OCSP_FETCH_H
#define MODULE_TLS_OCSP_FETCH_H

#include "ocsp.h"

/* How it ended: status OK has the body; else why, static. */
typedef void tls_fetched_fn(
    void *arg, enum tls_ocsp_status status, struct tw_str body, const char *why);

/** tls__fetch_new - asks; done() is called once, later, and is to free it. in:
 * proxy, "host:port" that is asked instead; NULL: none. returns: NULL: err. */
struct tls_fetch *tls__fetch_new(const char *uri, const char *proxy, struct tw_str der,
    tls_fetched_fn *done, struct tls_ocsp *o);
void tls__fetch_free(struct tls_fetch **f);
/** tls__fetch_prepare - names will be asked for: notes the system's name servers.
 * context: check(), control. */
void tls__fetch_prepare(void);
/** tls__fetch_fini - the name servers' base goes. */
void tls__fetch_fini(void);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * expiry.h - when certificates end, for reports.
 */
#ifndef MODULE_TLS_EXPIRY_H
#define MODULE_TLS_EXPIRY_H

#include "certs.h"

/** tls__expiry_renew - the generation's certificates are others now. context:
 * check(), control. */
void tls__expiry_renew(struct tw_gen *gen);

extern const struct tw_stats_table tls_stats_tables[];

#endif

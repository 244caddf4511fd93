/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * proxy/acl_kw.h - the keyword `acl`.
 */
#ifndef TW_PROXY_ACL_KW_H
#define TW_PROXY_ACL_KW_H

#include <tideway/err.h>

/** tw__acl_register - at start-up. */
int tw__acl_register(struct tw_err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * expr/fetch.h - what the families of fetches share.
 */
#ifndef TW_EXPR_FETCH_H
#define TW_EXPR_FETCH_H

#include "expr/expr_int.h"

#define TW__FETCH(name) static TW_GET_FN(fetch_##name)
/* Valid wherever there is a client: not in health checks. */
#define TW__AT_CLIENT (TW_AT_ANY & ~TW_AT_CHECK)

static inline bool
tw__give_addr(struct tw_sample *out, const struct tw_addr *a)
{
	if (a == NULL || (a->family != AF_INET && a->family != AF_INET6))
		return false;
	out->type = a->family == AF_INET ? TW_IPV4 : TW_IPV6;
	memcpy(out->u.ip, a->family == AF_INET ? a->u.v4 : a->u.v6,
	    a->family == AF_INET ? 4 : 16);
	return true;
}

static inline bool
tw__give_port(struct tw_sample *out, const struct tw_addr *a)
{
	if (a == NULL || (a->family != AF_INET && a->family != AF_INET6))
		return false;
	return tw_sample_int(out, a->port);
}

/** tw__fetch_wait - nothing yet, but more bytes may change that. returns:
 * false, what the fetch returns. */
bool tw__fetch_wait(struct tw_req *req, struct tw_sample *out);

/** tw__fetches_register - all families. */
int tw__fetches_register(struct tw_err *err);

extern const struct tw_fetch tw__core_fetches[], tw__fetch_const[], tw__fetch_state[],
    tw__fetch_conn[], tw__fetch_content[], tw__fetch_hello[];

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * expr/fetch.h - what the families of fetches share.
 */
#ifndef TW_EXPR_FETCH_H
#define TW_EXPR_FETCH_H

#include "expr/expr_int.h"

#define TW__FETCH(name)                                                      \
	static bool fetch_##name(struct tw_req *req,                         \
	    const struct tw_arg_val *args, struct tw_cursor *cur,            \
	    struct tw_sample *out)
/* Valid wherever there is a client: not in health checks. */
#define TW__AT_CLIENT (TW_AT_ANY & ~TW_AT_CHECK)
#define TW__UNUSED_FETCH ((void)req, (void)args, (void)cur, (void)out)

static inline bool
tw__give_int(struct tw_sample *out, int64_t n)
{
	out->type = TW_SINT;
	out->u.n = n;
	return true;
}

static inline bool
tw__give_bool(struct tw_sample *out, bool value)
{
	out->type = TW_BOOL;
	out->u.n = value;
	return true;
}

static inline bool
tw__give_str(struct tw_sample *out, enum tw_type type, struct tw_str s)
{
	out->type = (uint8_t)type;
	out->u.str = s;
	return true;
}

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
	return tw__give_int(out, a->port);
}

/** tw__fetch_wait - nothing yet, but more bytes may change that. returns:
 * false, what the fetch returns. */
bool tw__fetch_wait(struct tw_req *req, struct tw_sample *out);

/** tw__fetches_register - all families. */
int tw__fetches_register(struct tw_err *err);

extern const struct tw_fetch tw__core_fetches[], tw__fetch_const[], tw__fetch_state[],
    tw__fetch_conn[], tw__fetch_content[], tw__fetch_hello[];

#endif

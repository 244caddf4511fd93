/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * labels.c - what one module tells about a proxy or server and others show.
 *
 * Set while the configuration is read, read-only afterwards: a module's own
 * block stays its own, and reports need not know who owns the cookie.
 */
#include "config.h"

#include "core/proxy/proxy_int.h"

const char *
tw_proxy_cookie(const struct tw_proxy *px)
{
	TW_CHECK_MAGIC(px, TW_PROXY_MAGIC);
	return px->c.cookie;
}

void
tw_proxy_set_cookie(struct tw_proxy *px, const char *name)
{
	TW_CHECK_MAGIC(px, TW_PROXY_MAGIC);
	px->c.cookie = name;
}

const char *
tw_server_cookie(const struct tw_server *srv)
{
	TW_CHECK_MAGIC(srv, TW_SERVER_MAGIC);
	return __atomic_load_n(&srv->cookie, __ATOMIC_ACQUIRE);
}

void
tw_server_set_cookie(struct tw_server *srv, const char *value)
{
	TW_CHECK_MAGIC(srv, TW_SERVER_MAGIC);
	__atomic_store_n(&srv->cookie, value, __ATOMIC_RELEASE);
}

uint32_t
tw_server_maxqueue(const struct tw_server *srv)
{
	TW_CHECK_MAGIC(srv, TW_SERVER_MAGIC);
	return srv->maxqueue;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * check_pause.c - health checks that an administrator has stopped.
 *
 * The flag is part of the live server and so survives a reload. The control
 * thread sets it; who checks and who reports read it.
 */
#include "config.h"

#include "core/proxy/proxy_int.h"

void
tw_server_pause_checks(struct tw_server *srv, bool paused, const char *who)
{
	TW_CHECK_MAGIC(srv, TW_SERVER_MAGIC);
	if (atomic_exchange(&srv->live->checks_paused, paused) == paused)
		return;
	tw_log(TW_NOTICE, "health checks of server %s/%s are %s by %s",
	    srv->proxy->name, srv->name, paused ? "disabled" : "enabled", who);
}

bool
tw_server_checks_paused(const struct tw_server *srv)
{
	TW_CHECK_MAGIC(srv, TW_SERVER_MAGIC);
	return atomic_load_explicit(&srv->live->checks_paused, memory_order_relaxed);
}

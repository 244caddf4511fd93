/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * server_addr.c - where a server is now.
 *
 * The line's address belongs to the generation and does not change. Who finds
 * another one at run time (name servers, an administrator) puts it into the
 * live server, as one block that is replaced whole: a worker that connects
 * reads one pointer. The epoch is raised after that, so that a connection which
 * was made to the former place is never taken for one to the new. Control thread,
 * but for what only reads.
 */
#include "config.h"

#include <stdlib.h>

#include "core/proxy/logger.h"
#include "core/proxy/proxy_int.h"

static const struct tw__where *
where_of(const struct tw_server *srv)
{
	return srv->live != NULL
	    ? atomic_load_explicit(&srv->live->where, memory_order_acquire)
	    : NULL;
}

const struct tw_addr *
tw_server_addr(const struct tw_server *srv)
{
	const struct tw__where *at = where_of(srv);

	return at != NULL ? &at->addr : &srv->addr;
}

const char *
tw_server_target(const struct tw_server *srv)
{
	const struct tw__where *at = where_of(srv);

	return at != NULL && at->host[0] != '\0' ? at->host : tw_server_host(srv);
}

const char *
tw_server_where(const struct tw_server *srv, int *line)
{
	*line = srv->line;
	return srv->file;
}

int
tw_server_family(const struct tw_server *srv)
{
	return srv->family;
}

bool
tw_server_has_addr(const struct tw_server *srv)
{
	if (srv->live == NULL)
		return srv->has_addr;
	return !(atomic_load_explicit(&srv->live->admin, memory_order_relaxed) &
	    TW__ADM_NOADDR);
}

static void
where_publish(struct tw_server_live *l, struct tw__where *at)
{
	struct tw__where *old = atomic_exchange(&l->where, at);

	if (old != NULL)
		tw_retire(free, old);
}

void
tw__server_where_reset(const struct tw_server *srv)
{
	const struct tw__where *at = where_of(srv);

	/* what was restored has come just now */
	if (at != NULL && !srv->live->fresh &&
	    !(srv->carried && tw_addr_eq(&at->addr, &srv->addr)))
		where_publish(srv->live, NULL);
}

static struct tw__where *
where_make(const struct tw_addr *addr, const char *host)
{
	const size_t len = host != NULL ? strlen(host) : 0;
	struct tw__where *at = calloc(1, sizeof(*at) + len + 1);

	if (at == NULL)
		TW_WRONG("out of memory for a server's address");
	at->addr = *addr;
	at->ss_len = tw_addr_to_sockaddr(addr, &at->ss);
	if (len > 0)
		memcpy(at->host, host, len);
	return at;
}

void
tw__server_where_say(
    struct tw_server *srv, const struct tw_addr *addr, const char *host)
{
	where_publish(srv->live, where_make(addr, host));
}

/* "be/s changed its IP from 10.0.0.1 to 10.0.0.2 by mydns/ns1." */
static void
change_tell(struct tw_server *srv, const struct tw_addr *was, const struct tw_addr *is,
    const char *who)
{
	char text[320];
	struct tw_out o = tw_out_of(text, sizeof(text));

	tw_out_printf(&o, "%s/%s changed its ", srv->proxy->name, srv->name);
	if (was != NULL && was->family == is->family && was->port != is->port &&
	    memcmp(&was->u, &is->u, is->family == AF_INET ? 4 : 16) == 0) {
		tw_out_printf(
		    &o, "port from %u to %u by %s.", was->port, is->port, who);
	} else {
		tw_out_lit(&o, "IP from ");
		if (was != NULL)
			tw_addr_out(&o, was);
		else
			tw_out_lit(&o, "(none)");
		tw_out_lit(&o, " to ");
		tw_addr_out(&o, is);
		tw_out_printf(&o, " by %s.", who);
	}
	tw_proxy_log(srv->proxy, TW_NOTICE, "%.*s", (int)(o.p - text), text);
}

void
tw_server_set_addr(struct tw_server *srv, const struct tw_addr *addr, const char *host,
    const char *who)
{
	struct tw_server_live *l = srv->live;
	const bool had = tw_server_has_addr(srv);
	const struct tw_addr was = *tw_server_addr(srv);
	const char *former = tw_server_target(srv);
	struct tw_addr is = *addr;

	if (is.port == 0)
		is.port = srv->addr.port;
	const bool moved = !had || !tw_addr_eq(&was, &is);
	if (!moved && (host == NULL || (former != NULL && strcmp(host, former) == 0)))
		return;
	if (moved) /* hash-key may be its address */
		tw__balance_rebuild(srv->proxy);
	where_publish(l, where_make(&is, host));
	if (moved) {
		atomic_store(&srv->epoch, atomic_fetch_add(&l->epoch, 1) + 1);
		change_tell(srv, had ? &was : NULL, &is, who);
		if (srv->proxy->c.mode == TW_MODE_LOG)
			tw__log_server_moved(srv);
	}
	if (!had)
		tw__server_addressed(srv, tw_server_target(srv), NULL);
}

void
tw_server_lose_addr(struct tw_server *srv, const char *why)
{
	tw__server_addressed(srv, NULL, why);
}

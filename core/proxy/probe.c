/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * probe.c - what an operator says of a server's checks, agent and name.
 *
 * The line's words belong to the generation. What `set server` says in their
 * place is part of the live server and ends with the generation, as an
 * address does: the file that is read anew says where things are. A server
 * that has just come to life keeps what a server-state file has told. Control
 * thread, but for the name, which workers may read.
 */
#include "config.h"

#include <stdlib.h>

#include "core/proxy/proxy_int.h"

static struct tw_probe
configured(const struct tw_server *srv, enum tw_probe_kind kind)
{
	struct tw_probe p =
	    kind == TW_PROBE_AGENT ? srv->agent_at : (struct tw_probe){ .port = 0 };

	/* `addr` and `port` are both's */
	if (p.addr.family == 0 && srv->check_addr != NULL)
		p.addr = *srv->check_addr;
	if (p.port == 0)
		p.port = srv->check_port;
	return p;
}

void
tw_server_probe(
    const struct tw_server *srv, enum tw_probe_kind kind, struct tw_probe *out)
{
	const struct tw__said_probe *said;

	TW_CHECK_MAGIC(srv, TW_SERVER_MAGIC);
	*out = configured(srv, kind);
	if (srv->live == NULL)
		return;
	said = &srv->live->probe[kind];
	if (said->addr.family != 0)
		out->addr = said->addr;
	if (said->has_port)
		out->port = said->port;
}

void
tw_server_set_probe(struct tw_server *srv, enum tw_probe_kind kind,
    const struct tw_addr *addr, const uint32_t *port)
{
	struct tw__said_probe *const said = &srv->live->probe[kind];

	TW_CHECK_MAGIC(srv, TW_SERVER_MAGIC);
	if (addr != NULL)
		said->addr = *addr;
	if (port == NULL)
		return;
	said->has_port = true;
	said->port = *port;
}

void
tw_server_conf_agent(struct tw_server *srv, const struct tw_probe *at)
{
	TW_CHECK_MAGIC(srv, TW_SERVER_MAGIC);
	srv->agent_at = *at;
}

const char *
tw_server_agent_send(const struct tw_server *srv)
{
	return srv->live->agent_send;
}

void
tw_server_set_agent_send(struct tw_server *srv, const char *text)
{
	char *const copy = text != NULL ? strdup(text) : NULL;

	TW_ASSERT(text == NULL || copy != NULL);
	free(srv->live->agent_send);
	srv->live->agent_send = copy;
}

/* ---- its name ---- */

void
tw_server_set_resolved(struct tw_server *srv)
{
	TW_CHECK_MAGIC(srv, TW_SERVER_MAGIC);
	srv->resolved = true;
}

bool
tw_server_is_resolved(const struct tw_server *srv)
{
	return srv->resolved;
}

const char *
tw_server_host(const struct tw_server *srv)
{
	const char *const said = srv->live != NULL
	    ? atomic_load_explicit(&srv->live->host, memory_order_acquire)
	    : NULL;

	return said != NULL ? said : srv->host;
}

bool
tw_server_host_is_set(const struct tw_server *srv)
{
	return srv->live != NULL && atomic_load(&srv->live->host) != NULL;
}

const char *
tw_server_label(const struct tw_server *srv)
{
	return tw__is_srv_label(srv->host) ? srv->host : NULL;
}

static void
host_publish(struct tw_server_live *l, char *host)
{
	char *const former = atomic_exchange(&l->host, host);

	if (former != NULL)
		tw_retire(free, former);
}

void
tw__server_host_say(struct tw_server *srv, const char *host)
{
	char *const copy = strdup(host);

	TW_ASSERT(copy != NULL);
	host_publish(srv->live, copy);
}

void
tw_server_set_host(struct tw_server *srv, const char *host, const char *who)
{
	const char *const was = tw_server_host(srv);

	TW_CHECK_MAGIC(srv, TW_SERVER_MAGIC);
	tw_proxy_log(srv->proxy, TW_NOTICE,
	    "%s/%s changed its FQDN from %s to %s by %s.", srv->proxy->name, srv->name,
	    was != NULL ? was : "(none)", host, who);
	tw__server_host_say(srv, host);
	tw__modules_server_event(srv, TW_SERVER_RENAMED);
}

/* ---- the next generation ---- */

void
tw__server_probes_reset(const struct tw_server *srv)
{
	struct tw_server_live *const l = srv->live;

	if (l->fresh)
		return; /* what was restored has come just now */
	memset(l->probe, 0, sizeof(l->probe));
	free(l->agent_send);
	l->agent_send = NULL;
	host_publish(l, NULL);
}

void
tw__server_probes_free(struct tw_server_live *l)
{
	free(l->agent_send);
	free(atomic_load(&l->host));
}

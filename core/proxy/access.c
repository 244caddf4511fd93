/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * access.c - proxies, servers and listeners as modules see them.
 *
 * Modules get no struct of the core; these are their windows. Everything
 * here reads configuration that does not change, or one atomic.
 */
#include "config.h"

#include <tideway/edit.h>
#include <tideway/transport.h>
#include "core/proxy/proxy_int.h"

/* ---- the modules' blocks ---- */

void *
tw_proxy_block(const struct tw_proxy *px, const struct tw_self *self)
{
	TW_CHECK_MAGIC(px, TW_PROXY_MAGIC);
	return px->block + self->off[TW_IN_PROXY];
}

void *
tw_server_block(const struct tw_server *srv, const struct tw_self *self)
{
	TW_CHECK_MAGIC(srv, TW_SERVER_MAGIC);
	return srv->block + self->off[TW_IN_SERVER];
}

void *
tw_bind_block(const struct tw_bind *bind, const struct tw_self *self)
{
	TW_CHECK_MAGIC(bind, TW_BIND_MAGIC);
	return bind->block + self->off[TW_IN_BIND];
}

void *
tw_proxy_live_block(const struct tw_proxy *px, const struct tw_self *self)
{
	TW_CHECK_MAGIC(px, TW_PROXY_MAGIC);
	TW_ASSERT(px->live != NULL);
	return px->live->block + self->off[TW_IN_PROXY_LIVE];
}

void *
tw_server_live_block(const struct tw_server *srv, const struct tw_self *self)
{
	TW_CHECK_MAGIC(srv, TW_SERVER_MAGIC);
	TW_ASSERT(srv->live != NULL);
	return srv->live->block + self->off[TW_IN_SERVER_LIVE];
}

/* ---- proxies ---- */

const char *
tw_proxy_name(const struct tw_proxy *px)
{
	return px->name;
}

enum tw_mode
tw_proxy_mode(const struct tw_proxy *px)
{
	return px->c.mode;
}

const char *
tw_proxy_mode_name(const struct tw_proxy *px)
{
	static const char *const names[] = {
		[TW_MODE_TCP] = "tcp",
		[TW_MODE_HTTP] = "http",
		[TW_MODE_LOG] = "log",
	};

	return names[px->c.mode];
}

uint32_t
tw_proxy_id(const struct tw_proxy *px)
{
	return px->id;
}

bool
tw_proxy_has(const struct tw_proxy *px, enum tw_side side)
{
	return side == TW_FRONTEND ? tw__is_fe(px) : tw__is_be(px);
}

bool
tw_proxy_is_disabled(const struct tw_proxy *px)
{
	return px->c.disabled;
}

const char *
tw_proxy_description(const struct tw_proxy *px)
{
	return px->c.description;
}

const char *
tw_proxy_where(const struct tw_proxy *px, int *line)
{
	if (line != NULL)
		*line = px->line;
	return px->file;
}

const char *
tw_proxy_status_text(const struct tw_proxy *px, enum tw_side side)
{
	int active, backup;
	uint32_t weight;

	if (side == TW_FRONTEND) {
		const enum tw_fe_state state = tw_frontend_state(px);

		return state == TW_FE_OPEN  ? "OPEN"
		    : state == TW_FE_PAUSED ? "PAUSED"
					    : "STOP";
	}
	if (px->c.disabled)
		return "STOP";
	if (tw_proxy_n_servers(px) == 0)
		return "UP";
	tw_proxy_usable(px, &active, &backup, &weight);
	return active + backup > 0 ? "UP" : "DOWN";
}

const char *
tw_proxy_balance(const struct tw_proxy *px)
{
	return px->c.balance != NULL ? px->c.balance->name : "roundrobin";
}

struct tw_server *
tw_proxy_server(const struct tw_proxy *px, int i)
{
	const struct tw__servers *const s = tw__servers_now(px);
	const int n = s != NULL ? s->n : px->n_servers;

	return i < 0 || i >= n ? NULL : s != NULL ? s->of[i] : px->server[i];
}

int
tw_proxy_n_servers(const struct tw_proxy *px)
{
	const struct tw__servers *const s = tw__servers_now(px);

	return s != NULL ? s->n : px->n_servers;
}

struct tw_server *
tw_proxy_find_server(const struct tw_proxy *px, const char *name)
{
	struct tw_server *srv;

	for (int i = 0; (srv = tw_proxy_server(px, i)) != NULL; i++) {
		if (strcmp(srv->name, name) == 0)
			return srv;
	}
	return NULL;
}

uint32_t
tw_proxy_timeout_ms(const struct tw_proxy *px, const char *which)
{
	static const struct {
		const char *word;
		size_t offset;
	} timeouts[] = {
#define X(name) { #name, offsetof(struct tw__timeouts, name) },
		TW__TIMEOUTS(X)
#undef X
	};

	for (size_t i = 0; i < TW_N_ELEMENTS(timeouts); i++) {
		const char *a = timeouts[i].word, *b = which;

		while (*a != '\0' && (*a == *b || (*a == '_' && *b == '-')))
			a++, b++;
		if (*a == '\0' && *b == '\0')
			return *(const uint32_t *)((const char *)&px->c.timeout +
			    timeouts[i].offset);
	}
	return 0;
}

bool
tw_proxy_has_routes(const struct tw_proxy *px)
{
	return !STAILQ_EMPTY(&px->uses);
}

/* ---- the generation ---- */

struct tw_proxy *
tw_gen_proxy(struct tw_gen *gen, int i)
{
	struct tw_proxy *px;

	TAILQ_FOREACH(px, &gen->proxies, link) {
		if (i-- == 0)
			return px;
	}
	return NULL;
}

int
tw_gen_n_proxies(const struct tw_gen *gen)
{
	return gen->n_proxies;
}

int
tw_gen_proxies(struct tw_gen *gen, struct tw_proxy **of, int room)
{
	struct tw_proxy *px;
	int n = 0;

	TAILQ_FOREACH(px, &gen->proxies, link) {
		if (!px->c.disabled && n < room)
			of[n++] = px;
	}
	return n;
}

static bool
is_named(const struct tw_proxy *px, uint32_t hash, const char *name, enum tw_side side)
{
	return px->name_hash == hash && tw_proxy_has(px, side) &&
	    strcmp(px->name, name) == 0;
}

/* While the files are read: what is named is noted for hints.c. */
static struct tw_proxy *
find_and_note(struct tw_gen *gen, uint32_t hash, const char *name, enum tw_side side)
{
	struct tw_proxy *px;

	TAILQ_FOREACH(px, &gen->proxies, link) {
		if (!is_named(px, hash, name, side))
			continue;
		px->named |= side == TW_BACKEND;
		return px;
	}
	return NULL;
}

void
tw__proxies_index(struct tw_gen *gen)
{
	uint32_t size = 8, n = 0;
	struct tw_proxy *px;

	TAILQ_FOREACH(px, &gen->proxies, link)
		n++;
	while (size < 2 * n)
		size *= 2;
	gen->by_name =
	    tw_arena_zalloc(tw_gen_arena(gen), size * sizeof(struct tw_proxy *));
	gen->by_name_mask = size - 1;
	TAILQ_FOREACH(px, &gen->proxies, link) {
		uint32_t i = px->name_hash & gen->by_name_mask;
		while (gen->by_name[i] != NULL)
			i = (i + 1) & gen->by_name_mask;
		gen->by_name[i] = px;
	}
}

struct tw_proxy *
tw_gen_find(struct tw_gen *gen, const char *name, enum tw_side side)
{
	const uint32_t hash = tw__name_hash(name);

	if (gen->by_name == NULL)
		return find_and_note(gen, hash, name, side);
	for (uint32_t i = hash & gen->by_name_mask; gen->by_name[i] != NULL;
	     i = (i + 1) & gen->by_name_mask)
		if (is_named(gen->by_name[i], hash, name, side))
			return gen->by_name[i];
	return NULL;
}

/* ---- listeners ---- */

struct tw_bind *
tw_proxy_bind(const struct tw_proxy *px, int i)
{
	return i >= 0 && i < px->n_binds ? px->bind[i] : NULL;
}

void
tw_bind_set_transport(
    struct tw_bind *bind, const struct tw_transport *transport, void *conf)
{
	bind->transport = transport;
	bind->transport_conf = conf;
}

void
tw_server_set_transport(
    struct tw_server *srv, const struct tw_transport *transport, void *conf)
{
	srv->own_transport = transport;
	srv->transport_conf = conf;
	srv->transport_is_spare = false;
	atomic_store(&srv->transport, transport);
}

void
tw_server_offer_transport(
    struct tw_server *srv, const struct tw_transport *transport, void *conf)
{
	srv->own_transport = transport;
	srv->transport_conf = conf;
	srv->transport_is_spare = true;
	atomic_store(&srv->transport, NULL);
}

const struct tw_transport *
tw_server_transport(const struct tw_server *srv, void **conf)
{
	*conf = srv->transport_conf;
	return srv->transport_is_spare ? NULL : srv->own_transport;
}

void
tw_server_leave_idle(struct tw_server *srv)
{
	TW_CHECK_MAGIC(srv, TW_SERVER_MAGIC);
	atomic_store(&srv->epoch, atomic_fetch_add(&srv->live->epoch, 1) + 1);
}

const struct tw_proto *
tw_server_proto(const struct tw_server *srv)
{
	return srv->proto;
}

bool
tw_server_switch_transport(struct tw_server *srv, bool on)
{
	if (srv->own_transport == NULL)
		return false;
	atomic_store(&srv->transport, on ? srv->own_transport : NULL);
	tw_server_leave_idle(srv); /* they began otherwise */
	return true;
}

bool
tw_server_uses_transport(const struct tw_server *srv)
{
	return atomic_load_explicit(&srv->transport, memory_order_relaxed) != NULL;
}

void
tw_server_set_pool_name(struct tw_server *srv, struct tw_expr *name)
{
	if (srv->pool_name == NULL)
		srv->pool_name = name;
}

const char *
tw_bind_name(const struct tw_bind *bind)
{
	return bind->name;
}

uint32_t
tw_bind_id(const struct tw_bind *bind)
{
	return bind->id;
}

const struct tw_addr *
tw_bind_addr(const struct tw_bind *bind)
{
	return &bind->addr;
}

const char *
tw_bind_status_text(const struct tw_bind *bind)
{
	if (bind->live == NULL || bind->proxy->c.disabled)
		return "CLOSED";
	return atomic_load_explicit(&bind->live->paused, memory_order_relaxed)
	    ? "PAUSED"
	    : "OPEN";
}

/* ---- servers ---- */

const char *
tw_server_name(const struct tw_server *srv)
{
	return srv->name;
}

struct tw_proxy *
tw_server_proxy(const struct tw_server *srv)
{
	return srv->proxy;
}

uint32_t
tw_server_id(const struct tw_server *srv)
{
	return srv->id;
}

int
tw_server_index(const struct tw_server *srv)
{
	return srv->index;
}

bool
tw_server_is_backup(const struct tw_server *srv)
{
	return srv->backup;
}

struct tw_gen *
tw_proxy_gen(const struct tw_proxy *px)
{
	return px->gen;
}

bool
tw_server_is_checked(const struct tw_server *srv)
{
	return srv->check;
}

uint32_t
tw_server_maxconn(const struct tw_server *srv)
{
	return srv->live != NULL
	    ? atomic_load_explicit(&srv->live->maxconn, memory_order_relaxed)
	    : srv->maxconn;
}

uint32_t
tw_server_iweight(const struct tw_server *srv)
{
	return srv->weight;
}

void
tw_server_check_conf(const struct tw_server *srv, struct tw_check_conf *out)
{
	struct tw_probe at;

	tw_server_probe(srv, TW_PROBE_CHECK, &at);
	*out = (struct tw_check_conf){
		.inter_ms = srv->inter_ms,
		.fastinter_ms = srv->fastinter_ms ? srv->fastinter_ms : srv->inter_ms,
		.downinter_ms = srv->downinter_ms ? srv->downinter_ms : srv->inter_ms,
		.rise = (int)srv->rise,
		.fall = (int)srv->fall,
		.has_addr = tw_server_has_addr(srv) || at.addr.family != 0,
		.addr = at.addr.family != 0 ? at.addr : *tw_server_addr(srv),
		.no_port = srv->map_port && at.port == 0,
	};
	out->pp_version = srv->send_proxy2 ? 2 : 1;
	if (at.addr.family == 0 && at.port == 0 &&
	    (srv->send_proxy || srv->send_proxy2))
		out->send_proxy = out->pp_version;
	if (out->addr.family == AF_UNIX)
		return;
	out->addr.port = at.port != 0 ? (uint16_t)at.port : tw_server_addr(srv)->port;
}

const char *
tw_server_guid(const struct tw_server *srv)
{
	return srv->guid;
}

bool
tw_server_is_disabled(const struct tw_server *srv)
{
	return srv->disabled;
}

bool
tw_server_id_is_forced(const struct tw_server *srv)
{
	return srv->id_forced;
}

bool
tw_proxy_id_is_forced(const struct tw_proxy *px)
{
	return px->id_forced;
}

void
tw_server_check_view(const struct tw_server *srv, struct tw_check_view *out)
{
	struct tw_probe at;

	tw_server_probe(srv, TW_PROBE_CHECK, &at);
	*out = (struct tw_check_view){
		.addr = at.addr, .port = at.port, .host = tw_server_host(srv)
	};
}

int
tw_bind_fd(const struct tw_bind *bind)
{
	return bind->live != NULL ? bind->live->fd : -1;
}

const char *
tw_bind_where(const struct tw_bind *bind, int *line)
{
	*line = bind->line;
	return bind->file;
}

uint32_t
tw_proxy_rate_limit(const struct tw_proxy *px)
{
	TW_CHECK_MAGIC(px, TW_PROXY_MAGIC);
	return px->c.rate_limit;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * watch.c - modules that follow what becomes of frontends and backends.
 *
 * Every change of the servers in force passes through two places: where it is
 * counted, at once, and the rebuild of a backend's balance state, once for all
 * changes of a loop turn. Listeners change when a generation comes into force and
 * when the process begins to stop. Those places call this, and nobody has to look
 * again and again. Control thread.
 */
#include "config.h"

#include "core/proxy/proxy_int.h"

static struct tw_proxy_watch *watches; /* borrow: their owners' */

void
tw_proxy_watch(struct tw_proxy_watch *w)
{
	w->next = watches;
	watches = w;
}

void
tw_proxy_unwatch(struct tw_proxy_watch *w)
{
	struct tw_proxy_watch **at = &watches;

	while (*at != NULL && *at != w)
		at = &(*at)->next;
	if (*at != NULL)
		*at = w->next;
}

void
tw__proxy_changed(const struct tw_proxy *px)
{
	struct tw_proxy_watch *next;

	for (struct tw_proxy_watch *w = watches; w != NULL; w = next) {
		next = w->next; /* it may end itself */
		if (w->changed != NULL)
			w->changed(w, px);
	}
}

void
tw__proxy_settled(const struct tw_proxy *px)
{
	struct tw_proxy_watch *next;

	for (struct tw_proxy_watch *w = watches; w != NULL; w = next) {
		next = w->next;
		if (w->settled != NULL)
			w->settled(w, px);
	}
}

static struct tw_server_watch *server_watches; /* written at load only */

void
tw_server_watch(struct tw_server_watch *w)
{
	w->next = server_watches;
	server_watches = w;
}

void
tw__server_told(struct tw_server *srv, const struct tw_server_news *news)
{
	for (struct tw_server_watch *w = server_watches; w != NULL; w = w->next)
		w->told(w, srv, news);
}

void
tw__frontends_changed(const struct tw_gen *gen)
{
	const struct tw_proxy *px;

	if (gen == NULL || watches == NULL)
		return;
	TAILQ_FOREACH(px, &gen->proxies, link) {
		if (tw__is_fe(px))
			tw__proxy_changed(px);
	}
}

bool
tw_proxy_listens(const struct tw_proxy *px)
{
	TW_CHECK_MAGIC(px, TW_PROXY_MAGIC);
	for (int i = 0; !px->c.disabled && i < px->n_binds; i++) {
		const struct tw__bind_live *const l = px->bind[i]->live;

		if (l != NULL && l->fd >= 0 && !atomic_load(&l->paused))
			return true;
	}
	return false;
}

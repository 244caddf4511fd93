/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * follow.c - servers whose health another one decides: track, and agents.
 *
 * A server that tracks another is as that one is, whatever the reason. An
 * agent's word and a check's result both must be good for a server to be up.
 * The health check module tells what was found; what follows is here. Control
 * thread; what was last found may be read on any.
 */
#include "config.h"

#include <stdio.h>

#include "core/proxy/proxy_int.h"

/* ---- track ---- */

void
tw_server_set_tracked(struct tw_server *srv, struct tw_server *tracked)
{
	TW_CHECK_MAGIC(srv, TW_SERVER_MAGIC);
	TW_CHECK_MAGIC(tracked, TW_SERVER_MAGIC);
	srv->tracked = tracked;
	srv->next_tracker = tracked->trackers;
	tracked->trackers = srv;
}

const struct tw_server *
tw_server_tracked(const struct tw_server *srv)
{
	return srv->tracked;
}

static enum tw_health
followed(const struct tw_server *of)
{
	const enum tw_health h = tw_server_health(of);
	const unsigned admin = tw_server_admin(of);

	if (admin & TW_ADM_MAINT)
		return TW_DOWN;
	return h == TW_UP && (admin & TW_ADM_DRAIN) ? TW_NOLB : h;
}

void
tw__track_follow(struct tw_server *tracked)
{
	for (struct tw_server *t = tracked->trackers; t != NULL; t = t->next_tracker) {
		const enum tw_health h = followed(tracked);

		if (t->live != NULL && h != tw_server_health(t))
			tw__health_set_via(t, h, tracked);
	}
}

bool
tw__track_status(const struct tw_server *srv, char text[32])
{
	const struct tw_server *of = srv->tracked;

	while (of != NULL && of->tracked != NULL &&
	    (tw_server_admin(of) & (TW_ADM_MAINT | TW_ADM_DRAIN)) == 0)
		of = of->tracked;
	if (of == NULL || tw_server_admin(of) == 0)
		return false;
	if (tw_server_admin(of) & TW_ADM_MAINT) {
		struct tw_out o = tw_out_of(text, 31);

		tw_out_printf(&o, "MAINT (via %.10s/%.10s)", of->proxy->name, of->name);
		*o.p = '\0';
	} else
		strcpy(text, "DRAIN");
	return true;
}

/* ---- agents ---- */

void
tw_server_set_agent(struct tw_server *srv)
{
	TW_CHECK_MAGIC(srv, TW_SERVER_MAGIC);
	srv->agent = true;
}

bool
tw_server_has_agent(const struct tw_server *srv)
{
	return srv->agent;
}

/* What the checks alone say. */
static enum tw_health
checks_say(const struct tw_server *srv)
{
	const struct tw_check_result *const r = &srv->live->last;

	if (!srv->check)
		return TW_UP;
	if (r->health < r->rise)
		return TW_DOWN;
	return r->nolb ? TW_NOLB : TW_UP;
}

void
tw_server_agent_said(struct tw_server *srv, const struct tw_check_result *r)
{
	struct tw_server_live *const l = srv->live;
	const bool down = r->health < r->rise;

	pthread_mutex_lock(&l->lock);
	const struct tw_check_result last = l->last_agent;
	l->last_agent = *r;
	const enum tw_health h = down ? TW_DOWN : checks_say(srv);
	pthread_mutex_unlock(&l->lock);
	if (r->running)
		return;
	tw__server_check_told(srv, r, &last, true);
	atomic_store(&l->agent_down, down);
	if (h != tw_server_health(srv))
		tw__health_set_checked(srv, h, r);
}

void
tw_server_force_agent(struct tw_server *srv, bool up, const char *who)
{
	struct tw_check_result r;

	tw_server_last_agent(srv, &r);
	r.what = up ? TW_CHK_L7OK : TW_CHK_L7STS;
	r.status = 0;
	r.health = up ? r.rise : 0;
	snprintf(r.text, sizeof(r.text), "changed from %s", who);
	tw_server_agent_said(srv, &r);
}

void
tw_server_pause_agent(struct tw_server *srv, bool paused, const char *who)
{
	TW_CHECK_MAGIC(srv, TW_SERVER_MAGIC);
	if (atomic_exchange(&srv->live->agent_paused, paused) == paused)
		return;
	tw_log(TW_NOTICE, "the agent checks of server %s/%s are %s by %s",
	    srv->proxy->name, srv->name, paused ? "disabled" : "enabled", who);
}

bool
tw_server_agent_paused(const struct tw_server *srv)
{
	return atomic_load_explicit(&srv->live->agent_paused, memory_order_relaxed);
}

void
tw_server_last_agent(const struct tw_server *srv, struct tw_check_result *out)
{
	struct tw_server_live *const l = srv->live;

	pthread_mutex_lock(&l->lock);
	*out = l->last_agent;
	pthread_mutex_unlock(&l->lock);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * turn.c - what else happens when a server goes down or comes back.
 *
 * on-marked-down and on-marked-up end sessions; slowstart lets weight and
 * maxconn of a server that is back grow to their full size. The growth is
 * looked at once a second, however many servers grow, and each backend's
 * balance state is rebuilt once for all of its own. Control thread.
 * source: HAProxy's manual, on-marked-down, on-marked-up, slowstart,
 * init-state.
 */
#include "config.h"

#include "core/proxy/proxy_int.h"

#define RAMP_SCALE 16u /* so that a weight of 1 has steps, too */

static LIST_HEAD(, tw_server_live) ramps = LIST_HEAD_INITIALIZER(ramps);

/* ---- slowstart ---- */

static uint32_t
part_of(uint32_t full, uint32_t pct)
{
	const uint32_t part = (uint32_t)((uint64_t)full * pct / 100);

	return part > 0 || full == 0 ? part : 1;
}

static uint32_t
pct_of(const struct tw_server_live *l)
{
	return atomic_load_explicit(&l->ramp_pct, memory_order_relaxed);
}

uint32_t
tw_server_weight(const struct tw_server *srv)
{
	const uint32_t weight = tw_server_uweight(srv), pct = pct_of(srv->live);

	return pct == 0 ? weight : part_of(weight, pct);
}

uint32_t
tw_server_throttle(const struct tw_server *srv)
{
	return pct_of(srv->live);
}

uint32_t
tw__balance_weight(const struct tw_server *srv)
{
	const uint32_t pct = pct_of(srv->live);

	if (srv->proxy->live->n_ramps == 0)
		return tw_server_uweight(srv);
	return part_of(RAMP_SCALE * tw_server_uweight(srv), pct != 0 ? pct : 100);
}

uint32_t
tw__balance_scale(const struct tw_proxy *be)
{
	return be->live->n_ramps == 0 ? 1 : RAMP_SCALE;
}

/* A limit that somebody set meanwhile is the full one from now on. */
static void
maxconn_grow(struct tw_server_live *l, uint32_t pct)
{
	const uint32_t now = atomic_load(&l->maxconn);

	if (now != l->maxconn_ramp)
		l->maxconn_full = now;
	l->maxconn_ramp = part_of(l->maxconn_full, pct);
	atomic_store(&l->maxconn, l->maxconn_ramp);
}

static void
ramp_step(struct tw_server *srv, uint32_t pct)
{
	struct tw_server_live *const l = srv->live;

	if (atomic_load(&l->maxconn) != 0)
		maxconn_grow(l, pct);
	atomic_store(&l->ramp_pct, pct < 100 ? pct : 0);
}

static void
ramp_end(struct tw_server *srv)
{
	struct tw_server_live *const l = srv->live;

	if (l->ramp_from_ms == 0)
		return;
	ramp_step(srv, 100);
	l->ramp_from_ms = 0;
	LIST_REMOVE(l, ramp_link);
	srv->proxy->live->n_ramps--;
}

static void
ramp_begin(struct tw_server *srv)
{
	struct tw_server_live *const l = srv->live;

	if (srv->slowstart_ms == 0 || l->ramp_from_ms != 0)
		return;
	l->ramp_from_ms = tw__live_ms();
	l->maxconn_full = l->maxconn_ramp = atomic_load(&l->maxconn);
	LIST_INSERT_HEAD(&ramps, l, ramp_link);
	srv->proxy->live->n_ramps++;
	ramp_step(srv, 1);
}

/* How far it is: 1 .. 100. */
static uint32_t
ramp_pct(const struct tw_server_live *l, const struct tw_server *srv)
{
	const uint64_t for_ms = tw__live_ms() - l->ramp_from_ms;

	if (for_ms >= srv->slowstart_ms)
		return 100;
	return 1 + (uint32_t)(for_ms * 99 / srv->slowstart_ms);
}

/* Its last generation goes. */
void
tw__ramp_forget(struct tw_server *srv)
{
	ramp_end(srv);
}

static void
ramp_look(struct tw_server_live *l)
{
	struct tw_server *const srv = atomic_load(&l->srv);

	if (srv == NULL)
		return;
	tw__balance_rebuild(srv->proxy);
	const uint32_t pct = srv->slowstart_ms != 0 ? ramp_pct(l, srv) : 100;
	if (pct < 100)
		ramp_step(srv, pct);
	else
		ramp_end(srv);
	tw__balance_count(srv);
}

void
tw__ramps_tick(void)
{
	struct tw_server_live *l, *next;

	for (l = LIST_FIRST(&ramps); l != NULL; l = next) {
		next = LIST_NEXT(l, ramp_link);
		ramp_look(l);
	}
}

/* ---- the turn ---- */

static void
shut(struct tw_server *srv, tw_post_fn *fn)
{
	for (int i = 1; i <= tw_n_workers(); i++)
		tw_worker_post(tw_worker_at(i), fn, srv->live);
}

void
tw__server_turned(struct tw_server *srv, bool runs)
{
	if (!runs) {
		ramp_end(srv);
		if (srv->shut_when_down)
			shut(srv, tw__flow_shut_down);
		return;
	}
	ramp_begin(srv);
	if (!srv->shut_backups_when_up || srv->backup || tw_server_uweight(srv) == 0)
		return;
	for (int i = 0; i < srv->proxy->n_servers; i++)
		if (srv->proxy->server[i]->backup)
			shut(srv->proxy->server[i], tw__flow_shut_up);
}

/* ---- init-state ---- */

void
tw__server_init_state(struct tw_server *srv)
{
	struct tw_server_live *const l = srv->live;
	const int rise = (int)srv->rise, fall = (int)srv->fall;
	const int at[] = { rise, rise + fall - 1, rise - 1, 0 };
	const bool down = srv->check && srv->init_state >= TW__INIT_DOWN;

	atomic_store(&l->health, down ? TW_DOWN : TW_UP);
	l->last.health = at[srv->check ? srv->init_state : TW__INIT_UP];
}

/* ---- keywords ---- */

static int
set_slowstart(struct tw_line *ln)
{
	struct tw_server *const srv = ln->state;
	struct tw_err err;

	if (tw_parse_ms(tw_arg(ln, 0), 1000, &srv->slowstart_ms, &err) < 0)
		return tw_line_fail(ln, 0, "'slowstart': %s", err.text);
	return 0;
}

static int
set_marked(struct tw_line *ln)
{
	struct tw_server *const srv = ln->state;
	const bool down = strcmp(ln->kw->word, "on-marked-down") == 0;
	const char *const action =
	    down ? "shutdown-sessions" : "shutdown-backup-sessions";

	if (strcmp(tw_arg(ln, 0), action) != 0)
		return tw_line_fail(ln, 0, "'%s' expects '%s', not '%s'", ln->kw->word,
		    action, tw_arg(ln, 0));
	*(down ? &srv->shut_when_down : &srv->shut_backups_when_up) = true;
	return 0;
}

static int
set_init_state(struct tw_line *ln)
{
	static const char *const words[] = {
		[TW__INIT_UP] = "up",
		[TW__INIT_FULLY_UP] = "fully-up",
		[TW__INIT_DOWN] = "down",
		[TW__INIT_FULLY_DOWN] = "fully-down",
	};
	struct tw_server *const srv = ln->state;

	for (size_t i = 0; i < TW_N_ELEMENTS(words); i++) {
		if (strcmp(tw_arg(ln, 0), words[i]) == 0) {
			srv->init_state = (uint8_t)i;
			return 0;
		}
	}
	return tw_line_fail(ln, 0,
	    "'init-state' expects 'fully-up', 'up', 'down' or 'fully-down', not '%s'",
	    tw_arg(ln, 0));
}

/* clang-format off */
const struct tw_kw tw__turn_kw[] = {
	{ "slowstart", TW_SC_SERVER, 1, 1, set_slowstart, "<time>",
		"How long weight and maxconn grow after it was down.", "0", 0, 0, 0,
		0, NULL },
	{ "on-marked-down", TW_SC_SERVER, 1, 1, set_marked, "shutdown-sessions",
		"Ends its sessions when it goes down.", NULL, 0, 0, 0, 0, NULL },
	{ "on-marked-up", TW_SC_SERVER, 1, 1, set_marked,
		"shutdown-backup-sessions",
		"Ends the backup servers' sessions when it comes up.", NULL, 0, 0, 0,
		0, NULL },
	{ "init-state", TW_SC_SERVER, 1, 1, set_init_state,
		"{ fully-up | up | down | fully-down }",
		"What a checked server is before its first check and after "
		"maintenance.", "up", 0, 0, 0, 0, NULL },
	{ .word = NULL },
};
/* clang-format on */

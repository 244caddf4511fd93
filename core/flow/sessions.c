/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * flow/sessions.c - a worker tells of its sessions, and ends one.
 *
 * The clients' list is in the order of accept, so that the time of accept is a
 * cursor that survives whatever comes and goes between two calls; those of one
 * loop turn share it and are told together. Worker.
 */
#include "config.h"

#include <time.h>

#include <tideway/session.h>
#include "core/flow/req.h"

static int64_t
expires_ms(const struct tw_timer *t)
{
	const uint64_t now = tw_now_ms();

	return t->due_ms == 0 ? -1 : t->due_ms > now ? (int64_t)(t->due_ms - now) : 0;
}

static void
session_fill(struct tw_session *s, const struct tw_req *req)
{
	const struct tw_conn *const cli = req->cli;
	const uint64_t age_us = tw_turn_us() - cli->accepted_us;

	*s = (struct tw_session){ .id = req->id,
		.src = &cli->src,
		.bind = cli->bind,
		.fe = req->fe,
		.be = req->be,
		.srv = req->srv,
		.wall_us = tw_wall_us() - age_us,
		.age_ms = (uint32_t)(age_us / 1000),
		.n_requests = cli->n_requests,
		.fd = cli->fd,
		.srv_fd = req->srvc != NULL ? req->srvc->fd : -1,
		.retries = req->retries,
		.bytes_in = req->up.bytes,
		.bytes_out = req->down.bytes,
		.step = tw__step_name(req->step),
		.expires_ms = expires_ms(&cli->timer),
		.srv_expires_ms =
		    req->srvc != NULL ? expires_ms(&req->srvc->timer) : -1,
		.wait_expires_ms = expires_ms(&req->timer),
		.start_line = req->start_line };
	tw_mux_info(req->cli, &s->mux);
	if (req->srvc != NULL)
		tw_mux_info(req->srvc, &s->srv_mux);
}

bool
tw_sessions_walk(uint64_t *cursor, int max,
    void (*fn)(const struct tw_session *s, void *arg), void *arg)
{
	const uint64_t begin = *cursor;
	const struct tw_conn *cli;
	int n = 0;

	TAILQ_FOREACH(cli, &tw_worker_self()->net->clients, link) {
		struct tw_session s;

		if (cli->accepted_us <= begin)
			continue;
		if (n >= max && cli->accepted_us > *cursor)
			return true;
		*cursor = cli->accepted_us;
		n++;
		if (cli->req == NULL)
			continue;
		session_fill(&s, cli->req);
		fn(&s, arg);
	}
	return false;
}

int
tw_session_worker(uint64_t id)
{
	return (int)(id % ((uint64_t)tw_n_workers() + 1));
}

bool
tw_session_shut(uint64_t id)
{
	struct tw_conn *cli;

	TAILQ_FOREACH(cli, &tw_worker_self()->net->clients, link) {
		struct tw_req *const req = cli->req;

		if (req == NULL || req->id != id)
			continue;
		if (req->step == TW__LOG)
			return false; /* it ends anyway */
		tw__flow_fail(
		    req, 0, 'K', tw__step_term(req), "killed by an administrator");
		tw__flow_run(req);
		return true;
	}
	return false;
}

/* --- a worker's own state --- */

static void
pool_view(struct tw_pool_view *out, const char *name, const struct tw__pool *p)
{
	*out = (struct tw_pool_view){ name, p->size, p->n_used, p->n_free };
}

bool
tw_pool_at(int i, struct tw_pool_view *out)
{
	struct tw_worker *const w = tw_worker_self();
	const struct tw__net *const net = w->net;

	switch (i) {
	case 0:
		pool_view(out, "buffer", &net->bufs);
		return true;
	case 1:
		pool_view(out, "connection", &net->conns);
		return true;
	case 2:
		pool_view(out, "output", &net->outs);
		return true;
	case 3:
		pool_view(out, "request", tw__flow_pool(w));
		return true;
	default:
		return false;
	}
}

static uint64_t
cpu_us(const struct tw_worker *w)
{
	struct timespec ts;
	clockid_t id;

	if (pthread_getcpuclockid(w->thread, &id) != 0 || clock_gettime(id, &ts) != 0)
		return 0;
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

void
tw_worker_activity(int i, struct tw_activity *out)
{
	const struct tw_worker *const w = tw_worker_at(i);

	*out = (struct tw_activity){
		.loops = __atomic_load_n(&w->n_loops, __ATOMIC_RELAXED),
		.accepted = __atomic_load_n(&w->n_accepted, __ATOMIC_RELAXED),
		.conns = atomic_load(&w->conns),
		.cpu_us = cpu_us(w),
	};
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * pause.c - listeners that an operator pauses and resumes.
 *
 * A TCP socket that is shut down refuses clients and keeps its port; of any
 * other the workers just look away, and clients wait. Control thread; each
 * worker looks away itself.
 */
#include "config.h"

#include <sys/socket.h>

#include "core/net/accept.h"

static bool
is_shut_down(const struct tw_bind *b)
{
	return b->addr.family != AF_UNIX && b->fd < 0;
}

int
tw__listener_pause(struct tw_bind *b, struct tw_err *err)
{
	struct tw__bind_live *const live = b->live;

	(void)err;
	if (live->fd < 0 || atomic_exchange(&live->paused, true))
		return 0;
	if (is_shut_down(b))
		shutdown(live->fd, SHUT_RD);
	return 0;
}

int
tw__listener_resume(struct tw_bind *b, struct tw_err *err)
{
	struct tw__bind_live *const live = b->live;

	if (live->fd < 0 || !atomic_load(&live->paused))
		return 0;
	if (is_shut_down(b) && listen(live->fd, tw__bind_backlog(b)) != 0)
		return tw_err_errno(err, "cannot listen on [%s] again", b->key);
	atomic_store(&live->paused, false);
	return 0;
}

static void
look_run(void *arg)
{
	struct tw_worker *const w = arg;

	for (struct tw__accept *a = w->net->accepts; a != NULL; a = a->next)
		tw__accept_serve(w, a);
}

void
tw__listeners_look(void)
{
	for (int i = 1; i <= tw_n_workers(); i++)
		tw_worker_post(tw_worker_at(i), look_run, tw_worker_at(i));
}

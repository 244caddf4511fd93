/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * ticket.c - a call that waits until another thread has done something.
 *
 * The call's own worker reads and writes the ticket, or who holds the state; the
 * other thread only carries it there and back.
 */
#include "data.h"

static void
cancel(struct lu_call *c)
{
	struct lu_ticket *const t = c->waited;

	t->call = NULL;
}

void
lu_ticket_take(lua_State *L, struct lu_ticket *t)
{
	struct lu_call *const c = lu_call_of(L);

	t->call = c;
	t->worker = tw_worker_id(tw_worker_self());
	c->waited = t;
	c->cancel = cancel;
}

void
lu_ticket_use(struct lu_ticket *t)
{
	struct lu_call *const c = t->call;

	t->call = NULL;
	if (c != NULL)
		lu_wake(c);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * change.c - changes of proxies and servers that a script makes.
 *
 * They are the control thread's. A script on another thread has it posted; where it
 * may wait it does, so that what it reads next is new. In a fetch or converter the
 * change happens soon after.
 */
#include "data.h"

#include <stdlib.h>

struct posted {
	struct lu_ticket ticket; /* first */
	struct lu_change change;
	struct tw_gen *gen; /* held by the script's worker */
	char *result;       /* Lua's, while ticket.call is there */
	int worker;
	char name[]; /* of change.srv: it may be gone when this is read */
};

static void
run(struct lu_change *c)
{
	c->text[0] = '\0';
	c->run(c);
}

static void
finished(void *arg)
{
	struct posted *const p = arg;

	tw_gen_release(p->gen);
	if (p->ticket.call != NULL)
		memcpy(p->result, p->change.text, sizeof(p->change.text));
	lu_ticket_use(&p->ticket);
	free(p);
}

static void
control(void *arg)
{
	struct posted *const p = arg;
	struct lu_change *const c = &p->change;

	if (c->srv == NULL || tw_proxy_find_server(c->px, p->name) == c->srv)
		run(c);
	tw_worker_post(tw_worker_at(p->worker), finished, p);
}

static int
push_text(lua_State *L, const char *text)
{
	if (text[0] != '\0')
		lua_pushstring(L, text);
	else
		lua_pushnil(L);
	return 1;
}

static int
made(lua_State *L, int status, lua_KContext ctx)
{
	(void)status;
	return push_text(L, lua_touserdata(L, (int)ctx));
}

static struct posted *
posted_new(lua_State *L, const struct lu_change *c)
{
	const char *const name = c->srv != NULL ? tw_server_name(c->srv) : "";
	struct posted *const p = calloc(1, sizeof(*p) + strlen(name) + 1);

	if (p == NULL)
		luaL_error(L, "out of memory");
	p->change = *c;
	p->gen = lu_state_from(L)->gen;
	p->worker = tw_worker_id(tw_worker_self());
	memcpy(p->name, name, strlen(name) + 1);
	tw_gen_hold(p->gen);
	return p;
}

int
lu_change(lua_State *L, const struct lu_change *c)
{
	const struct tw_worker *const w = tw_worker_self();
	const bool waits = lu_may_yield(L);

	if (w == NULL || tw_worker_id(w) == 0) {
		struct lu_change now = *c;
		run(&now);
		return push_text(L, now.text);
	}
	char *const result = lua_newuserdata(L, sizeof(c->text));
	const int at = lua_gettop(L);
	struct posted *const p = posted_new(L, c);
	p->result = result;
	if (waits)
		lu_ticket_take(L, &p->ticket);
	tw_worker_post(tw_worker_at(0), control, p);
	if (!waits)
		return push_text(L, "");
	return lu_yield(L, at, made);
}

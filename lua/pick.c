/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * pick.c - backend:pick{by = ...}: one of the servers that take new sessions.
 *
 * Backups are looked at when no other server is left, as balance does. Of servers that
 * are equally good chance picks one, so that threads do not all choose the same.
 * Nothing is allocated but the objects of servers, which are kept.
 */
#include "route.h"

enum by { BY_LEAST, BY_RANDOM, BY_SCORE };

struct best {
	struct tw_server *srv; /* NULL: none yet */
	lua_Number score;
	uint32_t n; /* as good as that; BY_RANDOM: weights so far */
};

static bool
is_one_of(uint32_t n, uint32_t share)
{
	return (uint32_t)((uint64_t)lu_chance() * n >> 32) < share;
}

static void
weigh_by_chance(struct best *best, struct tw_server *srv)
{
	const uint32_t weight = tw_server_weight(srv);

	best->n += weight;
	if (weight > 0 && is_one_of(best->n, weight))
		best->srv = srv;
}

static void
weigh(struct best *best, struct tw_server *srv, lua_Number score)
{
	if (best->srv != NULL && score > best->score)
		return;
	best->n = best->srv != NULL && score >= best->score ? best->n + 1 : 1;
	best->score = score;
	if (is_one_of(best->n, 1))
		best->srv = srv;
}

/* The script's: a number, the lowest is the best; nil or false: not that one. */
static void
weigh_by_script(lua_State *L, struct best *best, struct tw_server *srv)
{
	lua_pushvalue(L, 3);
	lu_push_srv(L, srv);
	lua_call(L, 1, 1);
	if (lua_type(L, -1) == LUA_TNUMBER) {
		const lua_Number score = lua_tonumber(L, -1);
		if (score == score) /* not NaN */
			weigh(best, srv, score);
	} else if (lua_toboolean(L, -1)) {
		luaL_error(L,
		    "backend:pick: the function gives a number, the lowest is the "
		    "best, or nil, not a %s",
		    luaL_typename(L, -1));
	}
	lua_pop(L, 1);
}

/* With this session, for its weight. */
static void
weigh_by_load(struct best *best, struct tw_server *srv)
{
	const uint32_t weight = tw_server_weight(srv);

	if (weight > 0)
		weigh(best, srv, (lua_Number)(tw_server_load(srv) + 1) / weight);
}

static struct tw_server *
best_of(lua_State *L, const struct tw_proxy *px, enum by by, bool backup)
{
	struct best best = { .srv = NULL };
	struct tw_server *srv;

	for (int i = 0; (srv = tw_proxy_server(px, i)) != NULL; i++) {
		if (!tw_server_is_usable(srv) || tw_server_is_backup(srv) != backup)
			continue;
		if (by == BY_LEAST)
			weigh_by_load(&best, srv);
		else if (by == BY_RANDOM)
			weigh_by_chance(&best, srv);
		else
			weigh_by_script(L, &best, srv);
	}
	return best.srv;
}

/* Left at 3: what `by` is. */
static enum by
check_by(lua_State *L)
{
	lua_settop(L, 2);
	if (lua_isnil(L, 2)) {
		lua_pushnil(L);
		return BY_LEAST;
	}
	luaL_checktype(L, 2, LUA_TTABLE);
	lua_pushnil(L);
	while (lua_next(L, 2) != 0) {
		lua_pop(L, 1);
		if (lua_type(L, -1) != LUA_TSTRING ||
		    strcmp(lua_tostring(L, -1), "by") != 0)
			luaL_error(L, "backend:pick: unknown field '%s'",
			    luaL_tolstring(L, -1, NULL));
	}
	if (lua_getfield(L, 2, "by") == LUA_TNIL)
		return BY_LEAST;
	if (lua_isfunction(L, 3))
		return BY_SCORE;
	const char *const word =
	    lua_type(L, 3) == LUA_TSTRING ? lua_tostring(L, 3) : "";
	if (strcmp(word, "leastconn") == 0)
		return BY_LEAST;
	if (strcmp(word, "random") != 0)
		luaL_error(L,
		    "backend:pick: by is \"leastconn\", \"random\" or a function, not "
		    "%s",
		    luaL_tolstring(L, 3, NULL));
	return BY_RANDOM;
}

/*@ Backend:pick(what?: {by?: string|function}): Server? */
int
lu_backend_pick(lua_State *L)
{
	const struct tw_proxy *const px = lu_test_backend(L, 1);

	if (px == NULL)
		return luaL_error(L,
		    "backend:pick: a backend is expected as the first argument, not a "
		    "%s (write backend:pick{...}, with a colon)",
		    luaL_typename(L, 1));
	const enum by by = check_by(L);
	struct tw_server *srv = best_of(L, px, by, false);
	if (srv == NULL)
		srv = best_of(L, px, by, true);
	if (srv == NULL)
		lua_pushnil(L);
	else
		lu_push_srv(L, srv);
	return 1;
}

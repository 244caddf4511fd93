/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * filter_conf.c - lines `filter lua.NAME`, core.register_filter() and the global
 * `filter`.
 *
 * What core.register_filter()'s function gives for a line is made when the line is
 * read, so that a script that does not like it can say so; in other states when a
 * request first needs it. Control thread; the functions of `filter`: worker.
 */
#include "filter.h"

#define FLT_CFG_FL_HTX 1

/* ---- lines ------------------------------------------------------------*/

static int
line_try(lua_State *L)
{
	const struct lu_filter_line *const line = lua_touserdata(L, 1);

	lu_push_filter_line(L, line);
	return 0;
}

/* A script that does not like the arguments says so when they are read. */
static int
line_begin(struct tw_line *ln, const struct lu_filter_line *line)
{
	struct lu_set *const set =
	    atomic_load_explicit(&line->slot->unit->set, memory_order_relaxed);
	lua_State *const L = set->state[set->n > 1 ? 1 : 0]->L;
	int result = 0;

	lua_pushcfunction(L, lu_traceback);
	lua_pushcfunction(L, line_try);
	lua_pushlightuserdata(L, (void *)(uintptr_t)line);
	if (lu_pcall(L, 1, 0, -3) != LUA_OK)
		result = tw_line_fail(
		    ln, 0, "'filter %s': %s", tw_arg(ln, 0), lua_tostring(L, -1));
	lua_settop(L, 0);
	return result;
}

int
lu_filter_parse(struct tw_line *ln, int i, const void **conf)
{
	struct tw_arena *const arena = tw_gen_arena(ln->gen);
	const char *const name = tw_arg(ln, 0) + strlen("lua.");
	struct lu_conf *const lc = lu_conf_of(ln->gen);
	struct lu_slot *const slot = lu_slot_find(ln->gen, LU_FILTER, tw_str_of(name));

	if (slot == NULL)
		return tw_line_fail(ln, 0,
		    "no script has registered a filter '%s': write lua-load before, of "
		    "a file that calls core.register_filter()",
		    name);
	struct lu_filter_line *const l =
	    tw_arena_zalloc(arena, sizeof(*l) + sizeof(l->arg[0]) * (size_t)ln->n_args);
	l->slot = slot;
	l->proxy = ln->proxy;
	l->file = ln->file;
	l->line = ln->number;
	l->htx = slot->n_args & FLT_CFG_FL_HTX;
	for (; tw_arg(ln, i) != NULL; i++)
		l->arg[l->n_args++] = tw_arena_strdup(arena, tw_arg(ln, i));
	l->next = lc->filter_lines;
	lc->filter_lines = l;
	*conf = l;
	return line_begin(ln, l);
}

int
lu_filters_check(struct tw_gen *gen)
{
	int rc = 0;

	for (const struct lu_filter_line *l = lu_conf_of(gen)->filter_lines; l != NULL;
	     l = l->next)
		if (!l->htx && tw_proxy_mode(l->proxy) == TW_MODE_HTTP)
			rc |= tw_gen_fail(gen, l->file, l->line,
			    "the filter 'lua.%s' is not one for mode http: its class "
			    "says so with flags = filter.FLT_CFG_FL_HTX",
			    l->slot->name);
	return rc;
}

/* ---- the class `filter`, core.register_filter --------------------------*/

/*@ core.register_filter(name: string, class: table, func: fun(flt, args: string[])) */
int
lu_register_filter(lua_State *L)
{
	const char *const name = luaL_checkstring(L, 1);

	luaL_checktype(L, 2, LUA_TTABLE);
	luaL_checktype(L, 3, LUA_TFUNCTION);
	struct lu_slot *const slot = lu_slot_set(L, LU_FILTER, name, 3);
	if (slot == NULL)
		return 0;
	lua_getfield(L, 2, "flags");
	if (!lu_conf_of(lu_state_from(L)->gen)->began)
		slot->n_args = (int)luaL_optinteger(L, -1, 0);
	lua_pushvalue(L, 2);
	lua_rawsetp(L, LUA_REGISTRYINDEX, slot);
	return 0;
}

static struct lu_dir *
data_filter_args(lua_State *L)
{
	luaL_checkany(L, 1);
	return lu_dir_of(L, 2, NULL);
}

/*@ filter.register_data_filter(flt: any, chn: Channel) */
static int
register_data_filter(lua_State *L)
{
	data_filter_args(L)->data_on = true;
	return 0;
}

/*@ filter.unregister_data_filter(flt: any, chn: Channel) */
static int
unregister_data_filter(lua_State *L)
{
	data_filter_args(L)->data_on = false;
	return 0;
}

/*@ filter.wake_time(milliseconds: integer) */
static int
wake_time(lua_State *L)
{
	const lua_Integer ms = luaL_checkinteger(L, 1);
	const struct lu_call *const c = lu_state_from(L)->running;

	luaL_argcheck(L, ms >= 0 && ms <= INT32_MAX, 1, "the time is out of range");
	if (c == NULL || c->at != LU_AT_FILTER || c->owner == NULL)
		return luaL_error(
		    L, "filter.wake_time: only allowed in a filter's callbacks");
	((struct lu_dir *)c->owner)->stream->wake_ms = (uint32_t)ms;
	return 0;
}

static const luaL_Reg functions[] = {
	{ "register_data_filter", register_data_filter },
	{ "unregister_data_filter", unregister_data_filter },
	{ "wake_time", wake_time },
	{ NULL, NULL },
};

/*@ filter.CONTINUE: integer */
/*@ filter.WAIT: integer */
/*@ filter.ERROR: integer */
/*@ filter.FLT_CFG_FL_HTX: integer */
void
lu_open_filter(lua_State *L)
{
	lua_newtable(L);
	luaL_setfuncs(L, functions, 0);
	lua_pushinteger(L, LU_FILTER_CONTINUE);
	lua_setfield(L, -2, "CONTINUE");
	lua_pushinteger(L, LU_FILTER_WAIT);
	lua_setfield(L, -2, "WAIT");
	lua_pushinteger(L, LU_FILTER_ERROR);
	lua_setfield(L, -2, "ERROR");
	lua_pushinteger(L, FLT_CFG_FL_HTX);
	lua_setfield(L, -2, "FLT_CFG_FL_HTX");
	lua_setglobal(L, "filter");
	lu_open_message(L);
}

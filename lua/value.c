/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * value.c - values on their way between Lua and samples; classes.
 */
#include "lu.h"

#include <stdlib.h>

#include <tideway/text.h>

void
lu_push_sample(lua_State *L, struct tw_req *req, struct tw_sample *s, bool text)
{
	const struct lu_conf *const conf = lu_conf_of(lu_state_from(L)->gen);

	if (!text && s->type == TW_BOOL && conf->bool_said && !conf->bool_is_integer)
		lua_pushboolean(L, s->u.n != 0);
	else if (!text && (s->type == TW_BOOL || s->type == TW_SINT))
		lua_pushinteger(L, s->u.n);
	else if (tw_sample_cast(req, s, TW_STRING))
		lu_push_str(L, s->u.str);
	else if (text)
		lua_pushliteral(L, "");
	else
		lua_pushnil(L);
}

bool
lu_to_sample(lua_State *L, int i, struct tw_sample *out)
{
	*out = (struct tw_sample){ .type = TW_SINT };
	switch (lua_type(L, i)) {
	case LUA_TBOOLEAN:
		return tw_sample_bool(out, lua_toboolean(L, i));
	case LUA_TNUMBER:
		out->u.n = lua_tointeger(L, i); /* 0 for 1.5, as in HAProxy */
		return true;
	case LUA_TSTRING:
		out->type = TW_STRING;
		out->u.str.p = lua_tolstring(L, i, &out->u.str.len);
		return true;
	default:
		return false;
	}
}

const char *
lu_check_text(lua_State *L, int i)
{
	const struct tw_str s = lu_check_str(L, i);

	luaL_argcheck(L, memchr(s.p, '\0', s.len) == NULL, i, "has a NUL in it");
	return s.p;
}

/* Names are few; each is looked up once for each state. */
static const char vars_key;

static struct tw_var *
var_find(lua_State *L, int i, bool create, struct tw_err *err)
{
	const struct tw_str name = lu_check_str(L, i);

	if (lua_rawgetp(L, LUA_REGISTRYINDEX, &vars_key) != LUA_TTABLE) {
		lua_pop(L, 1);
		lua_newtable(L);
		lua_pushvalue(L, -1);
		lua_rawsetp(L, LUA_REGISTRYINDEX, &vars_key);
	}
	lua_pushvalue(L, i);
	lua_rawget(L, -2);
	struct tw_var *var = lua_touserdata(L, -1);
	lua_pop(L, 1);
	if (var == NULL) {
		var = create ? tw_var_of(name, err) : tw_var_find(name);
		if (var != NULL) {
			lua_pushvalue(L, i);
			lua_pushlightuserdata(L, var);
			lua_rawset(L, -3);
		}
	}
	lua_pop(L, 1);
	return var;
}

int
lu_anchor(lua_State *L, struct lu_state *s)
{
	if (s->n_anchors > 0) {
		const int place = s->anchors[--s->n_anchors];
		lua_pushvalue(L, -1);
		lua_rawseti(L, LUA_REGISTRYINDEX, place);
		return place;
	}
	/* so that giving one back cannot fail */
	int *const more =
	    realloc(s->anchors, sizeof(*more) * (size_t)(s->max_anchors + 1));
	if (more == NULL)
		return luaL_error(L, "out of memory");
	s->anchors = more;
	lua_pushvalue(L, -1);
	const int place = luaL_ref(L, LUA_REGISTRYINDEX);
	s->max_anchors++;
	return place;
}

void
lu_unanchor(struct lu_state *s, int place)
{
	s->anchors[s->n_anchors++] = place;
}

struct tw_var *
lu_var(lua_State *L, int i)
{
	struct tw_err err = { "" };
	struct tw_var *const var = var_find(L, i, true, &err);

	if (var == NULL)
		luaL_argerror(L, i, lua_pushstring(L, err.text));
	return var;
}

struct tw_var *
lu_var_or_null(lua_State *L, int i, bool create)
{
	struct tw_err err = { "" };

	return var_find(L, i, create, &err);
}

void
lu_class(lua_State *L, const char *name, const luaL_Reg *methods)
{
	luaL_newmetatable(L, name);
	lua_newtable(L);
	luaL_setfuncs(L, methods, 0);
	lua_setfield(L, -2, "__index");
	lua_pushliteral(L, "access denied");
	lua_setfield(L, -2, "__metatable");
}

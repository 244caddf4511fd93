/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * expr.c - txn.f, sf, c, sc: the configuration's fetches and converters as
 * methods; and the other way, lua.NAME in expressions.
 *
 * The four objects are the same for all requests: what they read is the running
 * call's. A method is made when it is first asked for; one called with
 * arguments keeps what these compile to, for a few different ones.
 */
#include "lu.h"

#include <tideway/log.h>
#include <tideway/text.h>

#define KEPT 64 /* compiled calls of one method; beyond that all are forgotten */
#define ARGS 12
#define BOUND "tideway.bound"

/* What a method of each object is: its first upvalue is the fetch or converter, its
 * second a table of userdata by arguments, its third the object. */
enum { UP_ENTRY = 1, UP_CACHE, UP_SELF };

struct kind {
	const char *class; /* "Fetches" */
	const char *field; /* of TXN */
	bool conv, text;
};
/*@ TXN.f: Fetches */
/*@ TXN.sf: FetchesText */
/*@ TXN.c: Converters */
/*@ TXN.sc: ConvertersText */
static const struct kind kinds[] = {
	{ "Fetches", "f", false, false },
	{ "Fetches (as text)", "sf", false, true },
	{ "Converters", "c", true, false },
	{ "Converters (as text)", "sc", true, true },
};

static const char kinds_key; /* registry: the four objects, by field */

static int
bound_gc(lua_State *L)
{
	tw_bound_free(luaL_checkudata(L, 1, BOUND));
	return 0;
}

/* ---- arguments --------------------------------------------------------------- */

static void
args_take(lua_State *L, int first, int n, struct tw_arg_val *args)
{
	if (n > ARGS)
		luaL_error(L, "more than %d arguments", ARGS);
	for (int i = 0; i < n; i++) {
		args[i] = (struct tw_arg_val){ .type = TW_ANY };
		if (lua_isinteger(L, first + i)) {
			args[i].type = TW_SINT;
			args[i].n = lua_tointeger(L, first + i);
		} else if (!lua_isnil(L, first + i)) {
			args[i].type = TW_STRING;
			args[i].str = lu_check_str(L, first + i);
		}
	}
}

/* Pushes what stands for the arguments in the cache: one string is itself. */
static void
push_key(lua_State *L, int first, int n)
{
	luaL_Buffer b;

	if (n == 0) {
		lua_pushboolean(L, 1);
		return;
	}
	if (n == 1 && lua_type(L, first) == LUA_TSTRING) {
		lua_pushvalue(L, first);
		return;
	}
	luaL_buffinit(L, &b);
	for (int i = first; i < first + n; i++) {
		luaL_addchar(&b, (char)('0' + lua_type(L, i)));
		luaL_tolstring(L, i, NULL);
		luaL_addvalue(&b);
		luaL_addchar(&b, '\0');
	}
	luaL_pushresult(&b);
}

/* in: key and userdata are on top, they stay. Forgets the others when there are
 * many: of arguments that always differ. */
static void
keep(lua_State *L)
{
	lua_rawgeti(L, lua_upvalueindex(UP_CACHE), 0);
	const lua_Integer n = lua_tointeger(L, -1) + 1;
	lua_pop(L, 1);
	if (n > KEPT) {
		lua_newtable(L);
		lua_replace(L, lua_upvalueindex(UP_CACHE));
	}
	lua_pushinteger(L, n > KEPT ? 1 : n);
	lua_rawseti(L, lua_upvalueindex(UP_CACHE), 0);
	lua_pushvalue(L, -2);
	lua_pushvalue(L, -2);
	lua_rawset(L, lua_upvalueindex(UP_CACHE));
}

/* What the arguments from `first` on compile to; stays on the stack. */
static const struct tw_bound *
bound_of(lua_State *L, bool conv, int first)
{
	const void *const entry = lua_touserdata(L, lua_upvalueindex(UP_ENTRY));
	const int n = lua_gettop(L) < first ? 0 : lua_gettop(L) - first + 1;
	struct tw_gen *const gen = lu_state_from(L)->gen;
	struct tw_arg_val args[ARGS];
	struct tw_err err = { "" };

	push_key(L, first, n);
	lua_pushvalue(L, -1);
	if (lua_rawget(L, lua_upvalueindex(UP_CACHE)) == LUA_TUSERDATA)
		return *(struct tw_bound **)lua_touserdata(L, -1);
	lua_pop(L, 1);
	args_take(L, first, n, args);
	struct tw_bound **const b = lua_newuserdata(L, sizeof(*b));
	*b = NULL;
	luaL_setmetatable(L, BOUND);
	*b = conv ? tw_bound_conv(gen, entry, args, n, &err)
		  : tw_bound_fetch(gen, entry, args, n, &err);
	if (*b == NULL)
		luaL_error(L, "%s: %s",
		    conv ? ((const struct tw_conv *)entry)->name
			 : ((const struct tw_fetch *)entry)->name,
		    err.text);
	keep(L);
	return *b;
}

/* ---- methods ------------------------------------------------------------------- */

static const struct kind *
self_check(lua_State *L)
{
	const struct kind *const *const self = lua_touserdata(L, 1);

	if (self == NULL || self != lua_touserdata(L, lua_upvalueindex(UP_SELF)))
		luaL_error(L,
		    "call it as %s:name(...), with a colon: the first argument is "
		    "not the object but a %s",
		    (*(const struct kind *const *)lua_touserdata(
			 L, lua_upvalueindex(UP_SELF)))
			->field,
		    luaL_typename(L, 1));
	return *self;
}

static int
none(lua_State *L, const struct kind *k)
{
	if (k->text)
		lua_pushliteral(L, "");
	else
		lua_pushnil(L);
	return 1;
}

static int
fetch_method(lua_State *L)
{
	const struct kind *const k = self_check(L);
	const struct tw_fetch *const f = lua_touserdata(L, lua_upvalueindex(UP_ENTRY));
	struct tw_req *const req = lu_req(L, f->name);
	struct tw_sample s = { .type = TW_ANY };

	if ((f->where & lu_where(lu_call_of(L))) == 0 ||
	    !tw_bound_get(bound_of(L, false, 2), req, &s))
		return none(L, k);
	lu_push_sample(L, req, &s, k->text);
	return 1;
}

static int
conv_method(lua_State *L)
{
	const struct kind *const k = self_check(L);
	const struct tw_conv *const c = lua_touserdata(L, lua_upvalueindex(UP_ENTRY));
	const struct lu_call *const call = lu_call_of(L);
	struct tw_req *const req = call != NULL ? call->req : NULL;
	struct tw_sample s;

	/* What a fetch did not find is false, as in HAProxy: txn.c:hex(txn.f:x()). */
	if (lua_isnil(L, 2))
		s = (struct tw_sample){ .type = TW_BOOL };
	else if (!lu_to_sample(L, 2, &s))
		return luaL_error(L,
		    "%s: a string, number or boolean is expected as "
		    "the first argument, not a %s",
		    c->name, luaL_typename(L, 2));
	if (!tw_bound_apply(bound_of(L, true, 3), req, &s))
		return none(L, k);
	lu_push_sample(L, req, &s, k->text);
	return 1;
}

/* "req_hdr_cnt" is req.hdr_cnt: what is no letter or digit is an underscore. */
static bool
is_method(const char *name, const char *method)
{
	for (; *name != '\0' && *method != '\0'; name++, method++)
		if (*name != *method &&
		    !(*method == '_' && (*name == '.' || *name == '-' || *name == '+')))
			return false;
	return *name == *method;
}

const void *
lu_entry_find(bool conv, const char *method)
{
	const void *p;
	const void *found = NULL;

	for (int i = 0; found == NULL; i++) {
		p = conv ? (const void *)tw_conv_at(i) : (const void *)tw_fetch_at(i);
		if (p == NULL)
			break;
		if (is_method(conv ? ((const struct tw_conv *)p)->name
				   : ((const struct tw_fetch *)p)->name,
			method))
			found = p;
	}
	return found;
}

/* __index of the table of methods: (table, name). Upvalue 1: the object. */
static int
method_make(lua_State *L)
{
	const struct kind *const k =
	    *(const struct kind **)lua_touserdata(L, lua_upvalueindex(1));
	const char *const name = luaL_checkstring(L, 2);
	const void *const entry = lu_entry_find(k->conv, name);

	if (entry == NULL)
		return 0;
	lua_pushlightuserdata(L, (void *)(uintptr_t)entry);
	lua_newtable(L);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_pushcclosure(L, k->conv ? conv_method : fetch_method, 3);
	lua_pushvalue(L, 2);
	lua_pushvalue(L, -2);
	lua_rawset(L, 1);
	return 1;
}

/* One object; left on the stack. */
static void
object_make(lua_State *L, const struct kind *k)
{
	const struct kind **const self = lua_newuserdata(L, sizeof(*self));

	*self = k;
	lua_newtable(L); /* its metatable */
	lua_newtable(L); /* methods */
	lua_newtable(L); /* the methods' metatable */
	lua_pushvalue(L, -4);
	lua_pushcclosure(L, method_make, 1);
	lua_setfield(L, -2, "__index");
	lua_setmetatable(L, -2);
	lua_setfield(L, -2, "__index");
	lua_pushstring(L, k->class);
	lua_setfield(L, -2, "__name");
	lua_pushliteral(L, "access denied");
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, -2);
}

void
lu_open_expr(lua_State *L)
{
	luaL_newmetatable(L, BOUND);
	lua_pushcfunction(L, bound_gc);
	lua_setfield(L, -2, "__gc");
	lua_pop(L, 1);
	lua_newtable(L);
	for (size_t i = 0; i < TW_N_ELEMENTS(kinds); i++) {
		object_make(L, &kinds[i]);
		lua_setfield(L, -2, kinds[i].field);
	}
	lua_rawsetp(L, LUA_REGISTRYINDEX, &kinds_key);
}

void
lu_expr_fields(lua_State *L)
{
	const int to = lua_gettop(L);

	lua_rawgetp(L, LUA_REGISTRYINDEX, &kinds_key);
	for (size_t i = 0; i < TW_N_ELEMENTS(kinds); i++) {
		lua_getfield(L, -1, kinds[i].field);
		lua_setfield(L, to, kinds[i].field);
	}
	lua_settop(L, to);
}

void
lu_push_expr(lua_State *L, const char *field)
{
	lua_rawgetp(L, LUA_REGISTRYINDEX, &kinds_key);
	lua_getfield(L, -1, field);
	lua_remove(L, -2);
}

/* ---- lua.NAME ---------------------------------------------------------------------- */

#define ARG_SLOT ARGS /* behind the arguments: where check() puts the slot */

static int
slot_check(struct tw_gen *gen, struct tw_arg_val *args, enum lu_reg reg,
    const char *what, struct tw_err *err)
{
	const char *const name = tw_check_name();

	args[ARG_SLOT].ptr = lu_slot_find(gen, reg, tw_str_of(name + strlen("lua.")));
	return args[ARG_SLOT].ptr != NULL
	    ? 0
	    : tw_err_set(err,
		  "no script has registered a %s of this name: "
		  "lua-load stands before, with core.register_%ss()",
		  what, what);
}

static int
fetch_check(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err)
{
	return slot_check(gen, args, LU_FETCH, "fetche", err);
}

static int
conv_check(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err)
{
	return slot_check(gen, args, LU_CONV, "converter", err);
}

static struct lu_call *
slot_begin(const struct tw_arg_val *args, enum lu_at at, struct tw_req *req)
{
	struct lu_slot *const slot = args[ARG_SLOT].ptr;
	struct lu_call *c =
	    lu_begin(lu_state_of(slot->unit, tw_worker_id(tw_worker_self())), at, req);

	if (c != NULL && !lu_push_slot(c, slot))
		lu_end(&c);
	return c;
}

/* A text is Lua's only until the call ends. */
static bool
text_keep(struct tw_req *req, struct tw_str *text)
{
	static _Thread_local char kept[16384];

	if (req != NULL) {
		*text = tw_req_copy(req, *text);
		return text->p != NULL;
	}
	if (text->len > sizeof(kept))
		return false;
	memcpy(kept, text->p, text->len);
	text->p = kept;
	return true;
}

static bool
slot_finish(
    struct lu_call *c, const struct tw_arg_val *args, int n, struct tw_sample *out)
{
	bool ok = false;
	struct tw_req *const req = c->req;

	for (int i = 0; i < ARGS && args[i].type != TW_ANY; i++, n++)
		lu_push_str(c->L, args[i].str);
	switch (lu_run(c, n)) {
	case LU_DONE:
		ok = true; /* nil and the like are false, as in HAProxy */
		if (lua_gettop(c->L) == 0 ||
		    !lu_to_sample(c->L, c->finished ? -1 : 1, out)) /* core.done() */
			*out = (struct tw_sample){ .type = TW_BOOL };
		if (out->type == TW_STRING)
			ok = text_keep(req, &out->u.str);
		break;
	case LU_WAITS: /* coroutine.yield() of its own accord: it cannot go on */
		tw_log_limited(TW_ALERT, "Lua '%s': yield not allowed", c->slot->name);
		break;
	case LU_FAILED:
		break;
	}
	lu_end(&c);
	out->may_change = true;
	return ok;
}

static bool
fetch_get(struct tw_req *req, const struct tw_arg_val *args, struct tw_cursor *cur,
    struct tw_sample *out)
{
	(void)cur;
	struct lu_call *const c = slot_begin(args, LU_AT_FETCH, req);

	if (c == NULL)
		return false;
	lu_push_txn(c);
	return slot_finish(c, args, 1, out);
}

static bool
conv_apply(struct tw_req *req, const struct tw_arg_val *args, struct tw_sample *s)
{
	struct lu_call *const c = slot_begin(args, LU_AT_CONV, req);

	if (c == NULL)
		return false;
	lu_push_sample(c->L, req, s, false);
	/* what follows takes it for the type that is declared */
	return slot_finish(c, args, 1, s) && tw_sample_cast(req, s, TW_STRING);
}

const struct tw_fetch lu_fetches[] = {
	{ "lua.", "[s,s,s,s,s,s,s,s]", TW_STRING, TW_AT_ANY, fetch_get, NULL,
	    fetch_check,
	    "What a function gives that a script has registered with "
	    "core.register_fetches()." },
	{ .name = NULL },
};

const struct tw_conv lu_convs[] = {
	{ "lua.", "[s,s,s,s,s,s,s,s]", TW_STRING, TW_STRING, conv_apply, conv_check,
	    "What a function makes of its input that a script has registered with "
	    "core.register_converters()." },
	{ .name = NULL },
};

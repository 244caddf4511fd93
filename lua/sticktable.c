/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * sticktable.c - the class StickTable: Proxy.stktable.
 *
 * An entry is seen under a lock, so nothing of Lua is called there: values are copied
 * into a row, and tables are made of rows afterwards.
 * source: HAProxy's Lua manual, StickTable class.
 */
#include "data.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <tideway/table.h>

#define ROWS "StickTable (rows)"
#define COLUMNS 32
#define VALUES 256 /* of one entry, elements of arrays counted */
#define FILTERS 4  /* as in HAProxy */
#define TEXT 128

static const char class_table[] = "StickTable";

struct table {
	struct tw_table *t;
	int n_columns, n_values;
	struct tw_table_data column[COLUMNS];
};

/* One entry, copied. */
struct row {
	size_t key_len;
	uint32_t uses;
	uint64_t expires_ms;
	char text[TEXT]; /* of server_key */
	uint64_t value[VALUES];
	char key[]; /* of the table's key_room bytes */
};

struct rows {
	const struct table *table;
	size_t key_room, n, room;
	char *p; /* owns */
	bool lost;
};

static struct table *
check_table(lua_State *L)
{
	return lu_check_object(L, 1, class_table);
}

static size_t
row_size(const struct rows *r)
{
	return (sizeof(struct row) + r->key_room + 7) & ~(size_t)7;
}

static struct row *
row_at(const struct rows *r, size_t i)
{
	return (struct row *)(void *)(r->p + i * row_size(r));
}

/* ---- copying, under the lock ------------------------------------------------------ */

static size_t
key_copy(const struct tw_sample *s, char *out, size_t room)
{
	char text[INET6_ADDRSTRLEN] = "";
	struct tw_str key = { text, 0 };

	if (s->type == TW_IPV4 || s->type == TW_IPV6)
		inet_ntop(s->type == TW_IPV4 ? AF_INET : AF_INET6, s->u.ip, text,
		    sizeof(text));
	else if (s->type == TW_SINT)
		snprintf(text, sizeof(text), "%" PRIu32, (uint32_t)s->u.n);
	else
		key = s->u.str;
	if (key.p == text)
		key.len = strlen(text);
	if (key.len > room)
		key.len = room;
	if (key.len > 0)
		memcpy(out, key.p, key.len);
	return key.len;
}

static void
values_copy(const struct table *t, struct tw_table_entry *e, struct row *row)
{
	int n = 0;

	for (int c = 0; c < t->n_columns; c++) {
		const struct tw_table_data *const d = &t->column[c];
		if (d->kind == TW_TABLE_TEXT) {
			const struct tw_str s =
			    tw_table_text(e, (struct tw_table_slot){ d->id, 0 });
			snprintf(row->text, TEXT, "%.*s", (int)s.len, s.len ? s.p : "");
		}
		for (unsigned i = 0; i < (d->is_array ? d->n : 1); i++)
			row->value[n++] =
			    tw_table_get(e, (struct tw_table_slot){ d->id, i });
	}
}

static void
entry_copy(struct rows *r, struct tw_table_entry *e)
{
	struct row *const row = row_at(r, r->n);
	struct tw_table_entry_info info;

	tw_table_entry_info(e, &info);
	row->key_len = key_copy(&info.key, row->key, r->key_room);
	row->uses = info.uses;
	row->expires_ms = info.expires_ms;
	row->text[0] = '\0';
	values_copy(r->table, e, row);
	r->n++;
}

static bool
rows_grow(struct rows *r)
{
	const size_t room = r->room > 0 ? r->room * 2 : 16;
	char *const p = r->n < r->room ? r->p : realloc(r->p, room * row_size(r));

	if (p == NULL)
		return false;
	if (r->n == r->room)
		r->room = room;
	r->p = p;
	return true;
}

static void
look_copy(struct tw_table_entry *e, void *arg)
{
	entry_copy(arg, e);
}

static bool
walk_copy(struct tw_table_entry *e, void *arg)
{
	struct rows *const r = arg;

	if (rows_grow(r))
		entry_copy(r, e);
	else
		r->lost = true;
	return false;
}

/* ---- tables of rows --------------------------------------------------------------- */

static int
rows_gc(lua_State *L)
{
	struct rows *const r = luaL_checkudata(L, 1, ROWS);

	free(r->p);
	r->p = NULL;
	r->n = 0;
	return 0;
}

/* Left on the stack. */
static struct rows *
rows_new(lua_State *L, const struct table *t)
{
	struct tw_table_info info;
	struct rows *const r = lua_newuserdata(L, sizeof(*r));

	tw_table_info(t->t, &info);
	*r = (struct rows){ .table = t,
		.key_room =
		    info.key_len < INET6_ADDRSTRLEN ? INET6_ADDRSTRLEN : info.key_len };
	luaL_setmetatable(L, ROWS);
	return r;
}

static void
push_row(lua_State *L, const struct table *t, const struct row *row)
{
	int n = 0;

	lua_createtable(L, 0, t->n_columns + 2);
	for (int c = 0; c < t->n_columns; c++) {
		const struct tw_table_data *const d = &t->column[c];
		if (d->kind == TW_TABLE_TEXT) {
			lua_pushstring(L, row->text);
			n++;
		} else if (d->is_array) {
			lua_newtable(L);
			for (unsigned i = 0; i < d->n; i++) {
				lua_pushinteger(L, (lua_Integer)row->value[n++]);
				lua_rawseti(L, -2, (lua_Integer)i);
			}
		} else {
			lua_pushinteger(L, (lua_Integer)row->value[n++]);
		}
		lua_setfield(L, -2, d->word);
	}
}

/* of arrays (gpc, gpt) a table from 0 on */
/*@ StickTable:lookup(key: string): table|nil */
static int
lookup(lua_State *L)
{
	struct table *const t = check_table(L);
	const struct tw_table_key key = { .text = lu_check_str(L, 2) };
	struct rows *const r = rows_new(L, t);

	if (!rows_grow(r))
		return luaL_error(L, "StickTable:lookup: out of memory");
	if (!tw_table_look(t->t, &key, look_copy, r)) {
		lua_pushnil(L);
		return 1;
	}
	const struct row *const row = row_at(r, 0);
	push_row(L, t, row);
	lua_pushinteger(L, row->uses);
	lua_setfield(L, -2, "use");
	lua_pushinteger(L, (lua_Integer)row->expires_ms);
	lua_setfield(L, -2, "expire");
	return 1;
}

/* ---- dump -------------------------------------------------------------------------- */

static int
refuse(lua_State *L, const char *why, lua_Integer entry)
{
	lua_pushnil(L);
	if (entry > 0)
		lua_pushfstring(L, "%s (entry #%I)", why, (LUAI_UACINT)entry);
	else
		lua_pushstring(L, why);
	return 2;
}

/* The triplet on top. returns: what is wrong; NULL: nothing. */
static const char *
filter_read(lua_State *L, const struct table *t, struct tw_table_cond *out)
{
	static const char triplet[] =
	    "Filter table entry must be a triplet: {\"data_col\", \"op\", val}";
	const char *why = NULL;

	if (!lua_istable(L, -1) || lua_rawlen(L, -1) != 3)
		return triplet;
	for (int i = 1; i <= 3; i++)
		lua_rawgeti(L, -i, i);
	if (lua_type(L, -3) != LUA_TSTRING || lua_type(L, -2) != LUA_TSTRING ||
	    !lua_isinteger(L, -1))
		why = triplet;
	else if (!tw_table_slot(t->t, lua_tostring(L, -3), &out->slot))
		why = "Filter table data column not present in stick table";
	else if (!tw_table_cmp(lua_tostring(L, -2), &out->cmp))
		why = "Unknown operator in filter table";
	out->value = lua_tointeger(L, -1);
	lua_pop(L, 3);
	return why;
}

/* returns: nil and what is wrong, if the filter is */
/*@ StickTable:dump(filter?: table): table|nil, string? */
static int
dump(lua_State *L)
{
	struct table *const t = check_table(L);
	struct tw_table_cond cond[FILTERS];
	struct tw_table_walk walk = { .conds = cond };

	lua_settop(L, 2);
	if (!lua_isnil(L, 2) && !lua_istable(L, 2))
		return refuse(L, "filter table expected", 0);
	const lua_Integer n = lua_isnil(L, 2) ? 0 : (lua_Integer)lua_rawlen(L, 2);
	if (n > FILTERS)
		return refuse(L, "Filter table too large (len > 4)", 0);
	for (lua_Integer i = 1; i <= n; i++) {
		lua_rawgeti(L, 2, i);
		const char *const why = filter_read(L, t, &cond[walk.n_conds++]);
		if (why != NULL)
			return refuse(L, why, i);
		lua_pop(L, 1);
	}
	lua_newtable(L);
	struct rows *const r = rows_new(L, t);
	for (bool more = true; more;) {
		more = tw_table_walk(t->t, &walk, walk_copy, r);
		if (r->lost)
			return luaL_error(L, "StickTable:dump: out of memory");
		for (size_t i = 0; i < r->n; i++) {
			const struct row *const row = row_at(r, i);
			lua_pushlstring(L, row->key, row->key_len);
			push_row(L, t, row);
			lua_rawset(L, -4);
		}
		r->n = 0;
	}
	lua_pop(L, 1);
	return 1;
}

/*@ StickTable:info(): table */
static int
info(lua_State *L)
{
	const struct table *const t = check_table(L);
	struct tw_table_info i;

	tw_table_info(t->t, &i);
	lua_newtable(L);
	lua_pushstring(L, i.type);
	lua_setfield(L, -2, "type");
	lua_pushinteger(L, i.key_len);
	lua_setfield(L, -2, "length");
	lua_pushinteger(L, i.expire_ms);
	lua_setfield(L, -2, "expire");
	lua_pushboolean(L, i.nopurge);
	lua_setfield(L, -2, "nopurge");
	lua_pushinteger(L, (lua_Integer)i.size);
	lua_setfield(L, -2, "size");
	lua_pushinteger(L, (lua_Integer)i.used);
	lua_setfield(L, -2, "used");
	lua_newtable(L);
	for (int c = 0; c < t->n_columns; c++) {
		const struct tw_table_data *const d = &t->column[c];
		lua_pushinteger(
		    L, d->kind == TW_TABLE_RATE ? (lua_Integer)d->period_ms : -1);
		lua_setfield(L, -2, d->word);
	}
	lua_setfield(L, -2, "data");
	return 1;
}

static const luaL_Reg methods[] = {
	{ "dump", dump },
	{ "info", info },
	{ "lookup", lookup },
	{ NULL, NULL },
};

void
lu_push_stktable(lua_State *L, struct tw_proxy *px)
{
	struct tw_table *const found =
	    tw_table_find(lu_state_from(L)->gen, tw_proxy_name(px));

	if (found == NULL) {
		lua_pushnil(L);
		return;
	}
	struct table *const t = lu_object(L, class_table, sizeof(*t));
	struct tw_table_data d;
	t->t = found;
	while (t->n_columns < COLUMNS && tw_table_data(found, t->n_columns, &d)) {
		const int n = d.is_array ? (int)d.n : 1;
		if (t->n_values + n > VALUES)
			break;
		t->n_values += n;
		t->column[t->n_columns++] = d;
	}
}

void
lu_open_sticktable(lua_State *L)
{
	lu_class_of_objects(L, class_table, methods);
	luaL_newmetatable(L, ROWS);
	lua_pushcfunction(L, rows_gc);
	lua_setfield(L, -2, "__gc");
	lua_pop(L, 1);
}

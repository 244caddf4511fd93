/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * router.c - tw.router{...}: a list of routes as a table of C.
 *
 * Of the routes that match, the one with the most precise host counts, then the
 * most precise path, then a method, more headers, more query arguments, the
 * first of the list. Hosts and paths are looked up in one hash table: a path
 * once as a whole, then each of its prefixes that ends at a slash, the longest
 * first; their hashes are made in one walk. source: Gateway API, HTTPRoute.
 */
#include "route.h"

#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <tideway/trail.h>

#include "message.h"

#define ROUTER "Router"
#define DEEP 64 /* slashes of a path that count */
#define CONDS_MAX 16

struct cond {
	struct tw_str name, value; /* p NULL: any */
};

/* To one backend, or to the parts of a split. */
struct target {
	struct tw_proxy *px;
	const struct lu_split *split;
};

struct route {
	struct route *next;   /* in its bucket */
	int number;           /* from 1 */
	struct tw_str method; /* p NULL: any */
	pcre2_code *re;       /* owns; NULL: none */
	int n_headers, n_args;
	struct cond *header, *arg;
	struct target to, other; /* other: fewer than min_up servers are up */
	int min_up;
};

/* Kinds of keys: what stands before them in the hash. */
enum key { HOST, WILDCARD, EXACT, PREFIX };

struct entry {
	struct entry *next;
	uint64_t hash;
	struct tw_str text;
	struct node *node;    /* HOST, WILDCARD: leads there; else where it belongs */
	struct route *bucket; /* EXACT, PREFIX */
	uint8_t key;
};

/* The routes of one host. */
struct node {
	uint64_t seed;
	struct route *by_re, *any;
	bool has_exact, has_prefix;
};

struct lu_router {
	struct tw_arena *arena;      /* owns */
	pcre2_match_data *match;     /* owns */
	pcre2_match_context *limits; /* owns */
	const struct tw_origin *origin;
	struct node any;
	bool has_wildcards;
	uint32_t n_slots; /* a power of two */
	uint32_t n_nodes;
	struct entry **slot;
	struct route **routes; /* by number - 1 */
	int n_routes;
};

/* ---- the hash table -------------------------------------------------------- */

#define FNV 1099511628211u

static inline uint64_t
hash_more(uint64_t h, char c)
{
	return (h ^ (uint8_t)c) * FNV;
}

static uint64_t
hash_of(struct tw_str s)
{
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < s.len; i++)
		h = hash_more(h, s.p[i]);
	return h;
}

static struct entry **
slot_of(const struct lu_router *r, const struct node *n, enum key key, uint64_t hash)
{
	uint64_t h = hash ^ n->seed ^ (uint64_t)key * 0x9e3779b97f4a7c15u;

	h ^= h >> 32;
	h *= 0x9e3779b97f4a7c15u;
	return &r->slot[(h >> 40) & (r->n_slots - 1)];
}

static struct entry *
entry_find(const struct lu_router *r, const struct node *n, enum key key,
    struct tw_str text, uint64_t hash)
{
	struct entry *e = *slot_of(r, n, key, hash);

	while (e != NULL &&
	    (e->hash != hash || e->key != key || (key > WILDCARD && e->node != n) ||
		!tw_str_eq(e->text, text)))
		e = e->next;
	return e;
}

static struct entry *
entry_make(struct lu_router *r, struct node *n, enum key key, struct tw_str text)
{
	const uint64_t hash = hash_of(text);
	struct entry *e = entry_find(r, n, key, text, hash);
	struct entry **const at = slot_of(r, n, key, hash);

	if (e != NULL)
		return e;
	e = tw_arena_zalloc(r->arena, sizeof(*e));
	*e = (struct entry){ *at, hash, tw_arena_str(r->arena, text), n, NULL,
		(uint8_t)key };
	*at = e;
	return e;
}

/* ---- matching -------------------------------------------------------------- */

static bool
conds_hold(const struct route *t, const struct lu_view *v)
{
	struct tw_str value;

	for (int i = 0; i < t->n_headers; i++)
		if (!lu_view_header(v, t->header[i].name, t->header[i].value))
			return false;
	for (int i = 0; i < t->n_args; i++)
		if (!lu_arg_find(v->query, t->arg[i].name, &value) ||
		    (t->arg[i].value.p != NULL && !lu_form_eq(value, t->arg[i].value)))
			return false;
	return true;
}

static const struct route *
bucket_find(const struct route *t, const struct lu_view *v)
{
	for (; t != NULL; t = t->next)
		if ((t->method.p == NULL || tw_str_eq(t->method, v->method)) &&
		    conds_hold(t, v))
			return t;
	return NULL;
}

static bool
re_matches(const struct lu_router *r, const struct route *t, struct tw_str path)
{
	return pcre2_match(t->re, (PCRE2_SPTR)(path.p != NULL ? path.p : ""), path.len,
		   0, 0, r->match, r->limits) >= 0;
}

static const struct route *
re_find(const struct lu_router *r, const struct route *t, const struct lu_view *v)
{
	for (; t != NULL; t = t->next)
		if ((t->method.p == NULL || tw_str_eq(t->method, v->method)) &&
		    conds_hold(t, v) && re_matches(r, t, v->path))
			return t;
	return NULL;
}

/* A path's prefixes that end before a slash or at its end. */
struct walk {
	int n;
	size_t len[DEEP];
	uint64_t hash[DEEP];
	uint64_t whole;
};

static void
walk_make(struct walk *w, struct tw_str path)
{
	uint64_t h = 14695981039346656037u;

	w->n = 0;
	for (size_t i = 0; i < path.len; i++) {
		if (path.p[i] == '/' && i > 0 && w->n < DEEP) {
			w->len[w->n] = i;
			w->hash[w->n++] = h;
		}
		h = hash_more(h, path.p[i]);
	}
	if (w->n < DEEP && path.len > 1 && path.p[path.len - 1] != '/') {
		w->len[w->n] = path.len;
		w->hash[w->n++] = h;
	}
	w->whole = h;
}

static const struct route *
node_find(const struct lu_router *r, const struct node *n, const struct walk *w,
    const struct lu_view *v)
{
	const struct route *t = NULL;
	const struct entry *e;

	if (n->has_exact && (e = entry_find(r, n, EXACT, v->path, w->whole)) != NULL)
		t = bucket_find(e->bucket, v);
	for (int i = w->n; n->has_prefix && t == NULL && i-- > 0;) {
		const struct tw_str prefix = { v->path.p, w->len[i] };
		e = entry_find(r, n, PREFIX, prefix, w->hash[i]);
		if (e != NULL)
			t = bucket_find(e->bucket, v);
	}
	if (t == NULL)
		t = re_find(r, n->by_re, v);
	return t != NULL ? t : bucket_find(n->any, v);
}

/* "a.b.c": *.b.c, *.c */
static const struct route *
wildcards_find(const struct lu_router *r, const struct walk *w, const struct lu_view *v)
{
	const struct route *t = NULL;

	for (size_t i = 1; t == NULL && i < v->host.len; i++) {
		if (v->host.p[i] != '.')
			continue;
		const struct tw_str rest = { v->host.p + i, v->host.len - i };
		const struct entry *const e =
		    entry_find(r, &r->any, WILDCARD, rest, hash_of(rest));
		if (e != NULL)
			t = node_find(r, e->node, w, v);
	}
	return t;
}

static const struct route *
find(const struct lu_router *r, const struct lu_view *v)
{
	const struct route *t = NULL;
	struct walk w;

	walk_make(&w, v->path);
	if (v->host.len > 0) {
		const struct entry *const e =
		    entry_find(r, &r->any, HOST, v->host, hash_of(v->host));
		if (e != NULL)
			t = node_find(r, e->node, &w, v);
		if (t == NULL && r->has_wildcards)
			t = wildcards_find(r, &w, v);
	}
	return t != NULL ? t : node_find(r, &r->any, &w, v);
}

static struct tw_proxy *
target_of(const struct target *t, const struct lu_view *v)
{
	return t->split != NULL ? lu_split_pick(t->split, v) : t->px;
}

static struct tw_proxy *
backend_of(const struct route *t, const struct lu_view *v)
{
	struct tw_proxy *const px = target_of(&t->to, v);
	int active, backup;
	uint32_t weight;

	if (t->min_up == 0)
		return px;
	tw_proxy_usable(px, &active, &backup, &weight);
	return active + backup >= t->min_up ? px : target_of(&t->other, v);
}

struct tw_proxy *
lu_router_find(struct lu_router *r, struct tw_req *req)
{
	struct lu_view v;

	lu_view_of(&v, req);
	const struct route *const t = find(r, &v);
	if (t == NULL)
		return NULL;
	tw_trail_note(req, "the router's route %d", t->number);
	return backend_of(t, &v);
}

const struct tw_origin *
lu_router_origin(const struct lu_router *r)
{
	return r->origin;
}

/* ---- compiling ------------------------------------------------------------- */

/* Before which one it stands: method, headers, arguments, then as written. */
static bool
goes_before(const struct route *a, const struct route *b)
{
	if ((a->method.p != NULL) != (b->method.p != NULL))
		return a->method.p != NULL;
	if (a->n_headers != b->n_headers)
		return a->n_headers > b->n_headers;
	if (a->n_args != b->n_args)
		return a->n_args > b->n_args;
	return a->number < b->number;
}

static void
bucket_add(struct route **at, struct route *t)
{
	while (*at != NULL && !goes_before(t, *at))
		at = &(*at)->next;
	t->next = *at;
	*at = t;
}

/* A field of the route, which is on top; p NULL: none. Stays in the table. */
static struct tw_str
field(lua_State *L, const char *name, int number)
{
	struct tw_str s = { NULL, 0 };

	if (lua_getfield(L, -1, name) == LUA_TSTRING)
		s.p = lua_tolstring(L, -1, &s.len);
	else if (!lua_isnil(L, -1))
		luaL_error(L, "tw.router: route %d: '%s' is a %s, not a text", number,
		    name, luaL_typename(L, -1));
	lua_pop(L, 1);
	return s;
}

static struct node *
node_of(lua_State *L, struct lu_router *r, int number)
{
	char text[256];
	const struct tw_str host = field(L, "host", number);
	const bool wild = host.len > 2 && host.p[0] == '*' && host.p[1] == '.';
	const size_t skip = wild ? 1 : 0;

	if (host.p == NULL || tw_str_eq(host, TW_STR("*")))
		return &r->any;
	if (host.len == 0 || host.len > 255 ||
	    memchr(host.p + skip, '*', host.len - skip) != NULL ||
	    memchr(host.p, '/', host.len) != NULL)
		luaL_error(L,
		    "tw.router: route %d: host '%s': write \"a.b\" or \"*.b\"", number,
		    host.p);
	for (size_t i = skip; i < host.len; i++)
		text[i - skip] = host.p[i] >= 'A' && host.p[i] <= 'Z'
		    ? (char)(host.p[i] | 0x20)
		    : host.p[i];
	struct entry *const e = entry_make(r, &r->any, wild ? WILDCARD : HOST,
	    (struct tw_str){ text, host.len - skip });
	r->has_wildcards |= wild;
	if (e->node == &r->any) {
		e->node = tw_arena_zalloc(r->arena, sizeof(*e->node));
		e->node->seed = ++r->n_nodes * 0xc2b2ae3d27d4eb4fu;
	}
	return e->node;
}

static void
re_compile(lua_State *L, struct route *t, const char *text)
{
	PCRE2_UCHAR why[120];
	PCRE2_SIZE at;
	int code;

	t->re =
	    pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, 0, &code, &at, NULL);
	if (t->re == NULL) {
		pcre2_get_error_message(code, why, sizeof(why));
		luaL_error(L, "tw.router: route %d: path '~%s': %s", t->number, text,
		    (const char *)why);
	}
	(void)pcre2_jit_compile(t->re, PCRE2_JIT_COMPLETE);
}

static int
slashes(struct tw_str s)
{
	int n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += s.p[i] == '/';
	return n;
}

static void
path_add(lua_State *L, struct lu_router *r, struct node *n, struct route *t)
{
	struct tw_str path = field(L, "path", t->number);

	if (path.len > 0 && path.p[0] == '~') {
		re_compile(L, t, path.p + 1);
		bucket_add(&n->by_re, t);
		return;
	}
	if (path.p == NULL || tw_str_eq(path, TW_STR("/*"))) {
		bucket_add(&n->any, t);
		return;
	}
	const bool is_prefix =
	    path.len > 2 && path.p[path.len - 1] == '*' && path.p[path.len - 2] == '/';
	if (is_prefix)
		path.len -= 2;
	if (path.len == 0 || path.p[0] != '/' ||
	    memchr(path.p, '*', path.len) != NULL ||
	    (is_prefix && path.p[path.len - 1] == '/') || slashes(path) > DEEP)
		luaL_error(L,
		    "tw.router: route %d: path '%s': write \"/a\", \"/a/*\" or a "
		    "regular expression \"~^/a\"",
		    t->number, field(L, "path", t->number).p);
	*(is_prefix ? &n->has_prefix : &n->has_exact) = true;
	bucket_add(&entry_make(r, n, is_prefix ? PREFIX : EXACT, path)->bucket, t);
}

/* {name = value | true} */
static struct cond *
conds(lua_State *L, struct lu_router *r, const char *name, int number, int *n)
{
	struct cond *list = NULL;

	if (lua_getfield(L, -1, name) == LUA_TTABLE) {
		list = tw_arena_zalloc(r->arena, sizeof(*list) * CONDS_MAX);
		lua_pushnil(L);
		while (lua_next(L, -2) != 0) {
			const bool any = lua_isboolean(L, -1) && lua_toboolean(L, -1);
			if (lua_type(L, -2) != LUA_TSTRING || *n == CONDS_MAX ||
			    (!any && lua_type(L, -1) != LUA_TSTRING))
				luaL_error(L,
				    "tw.router: route %d: '%s' is {name = \"value\" or "
				    "true}, %d at most",
				    number, name, CONDS_MAX);
			list[*n].name = tw_arena_str(r->arena, lu_check_str(L, -2));
			if (!any)
				list[*n].value =
				    tw_arena_str(r->arena, lu_check_str(L, -1));
			++*n;
			lua_pop(L, 1);
		}
	} else if (!lua_isnil(L, -1)) {
		luaL_error(L, "tw.router: route %d: '%s' is not a table", number, name);
	}
	lua_pop(L, 1);
	return list;
}

/* Splits stay in the routes' table, which the router keeps. */
static bool
target(lua_State *L, const char *name, int number, struct target *to)
{
	lua_getfield(L, -1, name);
	const bool there = !lua_isnil(L, -1);
	to->split = lu_test_split(L, -1);
	to->px = lu_test_backend(L, -1);
	if (there && to->split == NULL && to->px == NULL) {
		if (lua_type(L, -1) != LUA_TSTRING)
			luaL_error(L,
			    "tw.router: route %d: '%s' is a backend's name or a "
			    "tw.split",
			    number, name);
		to->px =
		    tw_gen_find(lu_state_from(L)->gen, lua_tostring(L, -1), TW_BACKEND);
		if (to->px == NULL)
			luaL_error(L, "tw.router: route %d: there is no backend '%s'",
			    number, lua_tostring(L, -1));
	}
	lua_pop(L, 1);
	return there;
}

static void
words_check(lua_State *L, int number)
{
	static const char *const known[] = { "else_to", "header", "host", "method",
		"min_up", "name", "path", "query", "to", NULL };

	lua_pushnil(L);
	while (lua_next(L, -2) != 0) {
		lua_pop(L, 1);
		if (lua_type(L, -1) != LUA_TSTRING ||
		    !tw_is_one_of(lua_tostring(L, -1), known))
			luaL_error(L, "tw.router: route %d: unknown field '%s'", number,
			    luaL_tolstring(L, -1, NULL));
	}
}

/* in: its table is on top. */
static void
route_add(lua_State *L, struct lu_router *r, int number)
{
	struct route *const t = tw_arena_zalloc(r->arena, sizeof(*t));

	t->number = number;
	r->routes[number - 1] = t;
	r->n_routes = number;
	words_check(L, number);
	const struct tw_str method = field(L, "method", number);
	if (method.p != NULL)
		t->method = tw_arena_str(r->arena, method);
	t->header = conds(L, r, "header", number, &t->n_headers);
	t->arg = conds(L, r, "query", number, &t->n_args);
	if (!target(L, "to", number, &t->to))
		luaL_error(L, "tw.router: route %d: 'to' is missing", number);
	const bool other = target(L, "else_to", number, &t->other);
	lua_getfield(L, -1, "min_up");
	t->min_up = (int)luaL_optinteger(L, -1, other ? 1 : 0);
	lua_pop(L, 1);
	if (t->min_up < 0 || (t->min_up > 0 && !other))
		luaL_error(L, "tw.router: route %d: 'min_up' needs 'else_to'", number);
	path_add(L, r, node_of(L, r, number), t);
}

static int
router_gc(lua_State *L)
{
	struct lu_router *const r = luaL_checkudata(L, 1, ROUTER);

	for (int i = 0; i < r->n_routes; i++)
		pcre2_code_free(r->routes[i]->re);
	r->n_routes = 0;
	pcre2_match_data_free(r->match);
	pcre2_match_context_free(r->limits);
	r->match = NULL;
	r->limits = NULL;
	if (r->arena != NULL)
		tw_arena_free(&r->arena);
	return 0;
}

static void
router_begin(lua_State *L, struct lu_router *r, lua_Integer n)
{
	r->arena = tw_arena_new(4096);
	r->match = pcre2_match_data_create(1, NULL);
	r->limits = pcre2_match_context_create(NULL);
	if (r->match == NULL || r->limits == NULL)
		luaL_error(L, "out of memory");
	pcre2_set_match_limit(r->limits, 100000);
	for (r->n_slots = 16; r->n_slots < 4 * n;)
		r->n_slots *= 2;
	r->slot = tw_arena_zalloc(r->arena, sizeof(struct entry *) * r->n_slots);
	r->routes = tw_arena_zalloc(r->arena, sizeof(struct route *) * (size_t)n);
	r->origin = lu_origin_here(L);
}

/*@ tw.router(routes: table[]): Router */
static int
tw_router(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	const lua_Integer n = luaL_len(L, 1);
	luaL_argcheck(L, n > 0 && n <= 1000000, 1, "a list of routes is expected");
	lua_settop(L, 1);
	struct lu_router *const r = lua_newuserdata(L, sizeof(*r));
	memset(r, 0, sizeof(*r));
	luaL_setmetatable(L, ROUTER);
	router_begin(L, r, n);
	lua_createtable(L, (int)n, 0); /* a list of its own: nobody changes it */
	for (int i = 1; i <= n; i++) {
		if (lua_geti(L, 1, i) != LUA_TTABLE)
			return luaL_error(L, "tw.router: route %d is a %s, not a table",
			    i, luaL_typename(L, -1));
		route_add(L, r, i);
		lua_rawseti(L, 3, i);
	}
	lua_newtable(L); /* and what they lead to stays */
	for (int i = 1; i <= n; i++) {
		lua_rawgeti(L, 3, i);
		lua_getfield(L, -1, "to");
		lua_rawseti(L, 4, 2 * i);
		lua_getfield(L, -1, "else_to");
		lua_rawseti(L, 4, 2 * i + 1);
		lua_pop(L, 1);
	}
	lua_setfield(L, 3, "kept");
	lua_setuservalue(L, 2);
	return 1;
}

struct lu_router *
lu_test_router(lua_State *L, int i)
{
	return lua_isuserdata(L, i) ? luaL_testudata(L, i, ROUTER) : NULL;
}

/* The route's table, and the name of the backend it leads to. */
/*@ Router:match(req: Request|table): table?, string? */
static int
router_match(lua_State *L)
{
	const struct lu_router *const r = luaL_checkudata(L, 1, ROUTER);
	struct lu_view v;

	lu_view_check(L, 2, &v);
	const struct route *const t = find(r, &v);
	if (t == NULL) {
		lua_pushnil(L);
		return 1;
	}
	lua_getuservalue(L, 1);
	lua_rawgeti(L, -1, t->number);
	lua_pushstring(L, tw_proxy_name(backend_of(t, &v)));
	return 2;
}

/* in: the table `tw` is on top. */
void
lu_open_router(lua_State *L)
{
	static const luaL_Reg methods[] = { { "match", router_match }, { NULL, NULL } };

	lu_class(L, ROUTER, methods);
	lua_pushcfunction(L, router_gc);
	lua_setfield(L, -2, "__gc");
	lua_pop(L, 1);
	lua_pushcfunction(L, tw_router);
	lua_setfield(L, -2, "router");
}

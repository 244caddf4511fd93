/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * script.c - lua-script: a program of its own, its hooks, who runs them.
 *
 * A hook is a function of the script, found by its name once, when the file has
 * run: a field of the table that the file returns, or else a global. check()
 * gives each proxy a list of hooks for each stage, so that a proxy without any
 * has no hook in its chain. Control thread.
 */
#include "route.h"
#include "text.h"
#include "unload.h"

#include <stdlib.h>
#include <unistd.h>

const char *const lu_stage_name[LU_N_STAGES] = {
#define X(name, text) [LU_ON_##name] = text,
	LU_STAGES(X)
#undef X
};

/* ---- the line -------------------------------------------------------------- */

static const char *
word_dup(struct tw_line *ln, const char *word)
{
	return tw_arena_strdup(tw_gen_arena(ln->gen), word);
}

static const char *
need(struct tw_line *ln, int i, const char *what)
{
	const char *const word = tw_arg(ln, i);

	if (word == NULL)
		tw_line_fail(ln, -1, "'lua-script': %s is missing: write %s", what,
		    LU_SCRIPT_USAGE);
	return word;
}

/* name=value words from `i` on. returns: the index behind them; -1 reported. */
static int
take_args(struct tw_line *ln, struct lu_script *s, int i)
{
	const char **const arg = tw_arena_zalloc(
	    tw_gen_arena(ln->gen), sizeof(*arg) * 2 * (size_t)(ln->n_args + s->n_args));
	const char *eq;
	const int first = i;

	for (int k = 0; k < 2 * s->n_args; k++)
		arg[k] = s->arg[k];
	for (; tw_arg(ln, i) != NULL && (eq = strchr(tw_arg(ln, i), '=')) != NULL;
	     i++) {
		const char *const word = tw_arg(ln, i);
		arg[2 * s->n_args] = tw_arena_printf(
		    tw_gen_arena(ln->gen), "%.*s", (int)(eq - word), word);
		arg[2 * s->n_args++ + 1] = word_dup(ln, eq + 1);
	}
	s->arg = arg;
	return i > first ? i
			 : tw_line_fail(ln, i < ln->n_args ? i : -1,
			       "'lua-script': 'arg' expects name=value%s%s",
			       tw_arg(ln, i) != NULL ? ", not " : "",
			       tw_arg(ln, i) != NULL ? tw_arg(ln, i) : "");
}

static int
take_in(struct tw_line *ln, struct lu_script *s, const char *list)
{
	char *const text = tw_arena_strdup(tw_gen_arena(ln->gen), list);
	const char **const in = tw_arena_zalloc(
	    tw_gen_arena(ln->gen), sizeof(*in) * (strlen(text) / 2 + 2));
	char *save = NULL;
	int n = 0;

	for (char *p = strtok_r(text, ",", &save); p != NULL;
	     p = strtok_r(NULL, ",", &save))
		in[n++] = p;
	s->in = in;
	return n > 0 ? 0 : -1;
}

static int
take_profile(struct tw_line *ln, struct lu_script *s, int i)
{
	static const char *const words[] = { "trusted", "standard", "untrusted" };

	for (size_t k = 0; k < TW_N_ELEMENTS(words); k++)
		if (strcmp(words[k], tw_arg(ln, i)) == 0) {
			s->profile = (enum lu_profile)k;
			return 0;
		}
	return tw_line_fail(ln, i,
	    "'lua-script': 'profile' expects 'trusted', 'standard' or 'untrusted', not "
	    "'%s'",
	    tw_arg(ln, i));
}

static int
take_limit(struct tw_line *ln, struct lu_script *s, int i)
{
	struct tw_err err = { "" };
	const char *const which = tw_arg(ln, i);
	const char *const value = need(ln, i + 1, "the limit's value");

	if (value == NULL)
		return -1;
	if (strcmp(which, "memory") == 0) {
		if (tw_parse_size(value, &s->memory, &err) != 0)
			return tw_line_fail(
			    ln, i + 1, "'lua-script': 'limit memory': %s", err.text);
		if (s->memory < 65536)
			return tw_line_fail(ln, i + 1,
			    "'lua-script': 'limit memory': a script needs 64k at "
			    "least");
		return 0;
	}
	if (strcmp(which, "time") != 0)
		return tw_line_fail(ln, i,
		    "'lua-script': 'limit' expects 'memory' or 'time', not '%s'",
		    which);
	if (tw_parse_ms(value, 1000, &s->time_ms, &err) != 0 || s->time_ms == 0)
		return tw_line_fail(ln, i + 1, "'lua-script': 'limit time': %s",
		    err.text[0] != '\0' ? err.text : "it must not be 0");
	return 0;
}

static int
take_on_error(struct tw_line *ln, struct lu_script *s, int i)
{
	struct tw_err err;
	const char *const word = tw_arg(ln, i);
	uint64_t status = 0;

	if (strcmp(word, "deny") == 0)
		status = 403;
	else if (strcmp(word, "continue") != 0 &&
	    tw_parse_uint(word, 400, 599, &status, &err) != 0)
		return tw_line_fail(ln, i,
		    "'lua-script': 'on-error' expects 'deny', 'continue' or a status "
		    "from 400 to 599, not '%s'",
		    word);
	s->on_error = (int)status;
	return 0;
}

/* One option. returns: the index behind it; -1 reported. */
static int
take_option(struct tw_line *ln, struct lu_script *s, int i)
{
	const char *const word = tw_arg(ln, i);
	const char *const value = need(ln, i + 1, "what stands behind the last word");

	if (value == NULL)
		return -1;
	if (strcmp(word, "arg") == 0)
		return take_args(ln, s, i + 1);
	if (strcmp(word, "in") == 0)
		return take_in(ln, s, value) == 0
		    ? i + 2
		    : tw_line_fail(
			  ln, i + 1, "'lua-script': 'in' expects names of proxies");
	if (strcmp(word, "profile") == 0)
		return take_profile(ln, s, i + 1) == 0 ? i + 2 : -1;
	if (strcmp(word, "limit") == 0)
		return take_limit(ln, s, i + 1) == 0 ? i + 3 : -1;
	if (strcmp(word, "on-error") == 0)
		return take_on_error(ln, s, i + 1) == 0 ? i + 2 : -1;
	return tw_line_fail(
	    ln, i, "'lua-script': unknown word '%s': write %s", word, LU_SCRIPT_USAGE);
}

struct lu_script *
lu_script_find(struct tw_gen *gen, const char *name)
{
	for (struct lu_unit *u = lu_conf_of(gen)->units; u != NULL; u = u->next)
		if (u->script != NULL && strcmp(u->name, name) == 0)
			return u->script;
	return NULL;
}

static struct lu_script *
script_new(struct tw_line *ln)
{
	struct lu_script *const s = tw_arena_zalloc(tw_gen_arena(ln->gen), sizeof(*s));

	s->conf_file = ln->file;
	s->conf_line = ln->number;
	s->profile = LU_STANDARD;
	s->on_error = 500;
	pthread_mutex_init(&s->lock, NULL);
	return s;
}

/* A ready script is found by its name alone. returns: NULL: reported. */
static const char *
file_find(struct tw_line *ln, const char *path)
{
	const char *const env = getenv("TIDEWAY_LUA_PATH");
	const char *const dir = env != NULL && *env != '\0' ? env : LU_SCRIPT_DIR;

	if (strchr(path, '/') != NULL || access(path, F_OK) == 0)
		return word_dup(ln, path);
	const char *const ready =
	    tw_arena_printf(tw_gen_arena(ln->gen), "%s/%s", dir, path);
	if (access(ready, F_OK) == 0)
		return ready;
	tw_line_fail(ln, 2,
	    "'lua-script': there is no file '%s', neither here nor in %s", path, dir);
	return NULL;
}

int
lu_script_set(struct tw_line *ln)
{
	struct lu_script *const s = script_new(ln);
	const char *const name = tw_arg(ln, 0);
	const char *path;

	if (lu_script_find(ln->gen, name) != NULL)
		return tw_line_fail(ln, 0,
		    "'lua-script': there is a script '%s' already, of line %d", name,
		    lu_script_find(ln->gen, name)->conf_line);
	if (strcmp(tw_arg(ln, 1), "file") != 0)
		return tw_line_fail(ln, 1, "'lua-script' expects %s", LU_SCRIPT_USAGE);
	for (int i = 3; i < ln->n_args;)
		if ((i = take_option(ln, s, i)) < 0)
			return -1;
	if ((path = file_find(ln, tw_arg(ln, 2))) == NULL)
		return -1;
	s->unit = lu_unit_new(ln->gen, LU_SCRIPT, word_dup(ln, name));
	s->unit->script = s;
	struct lu_file *const f = tw_arena_zalloc(tw_gen_arena(ln->gen), sizeof(*f));
	*f = (struct lu_file){
		.path = NULL, .conf_file = ln->file, .conf_line = ln->number
	};
	lu_file_find(ln, f, path);
	s->file = f;
	return 0;
}

/* ---- when the file is run -------------------------------------------------- */

void
lu_script_push_args(lua_State *L, const struct lu_script *script)
{
	lua_createtable(L, 0, script->n_args);
	for (int i = 0; i < script->n_args; i++) {
		lua_pushstring(L, script->arg[2 * i + 1]);
		lua_setfield(L, -2, script->arg[2 * i]);
	}
}

/* Where the hook's function begins, for what it decides by returning it. */
static void
origin_set(lua_State *L, struct lu_script *s, enum lu_stage stage)
{
	lua_Debug ar;

	lua_pushvalue(L, -1);
	lua_getinfo(L, ">S", &ar);
	if (s->origin[stage].who == NULL)
		s->origin[stage] = (struct tw_origin){ "lua",
			tw_arena_strdup(tw_gen_arena(s->unit->gen),
			    ar.source[0] == '@' ? ar.source + 1 : ar.short_src),
			ar.linedefined };
}

/* Pushes the function of that name, or something else. */
static void
hook_push(lua_State *L, const char *name)
{
	if (lua_type(L, 1) == LUA_TTABLE && lua_getfield(L, 1, name) != LUA_TNIL)
		return;
	lua_getglobal(L, name);
}

static const char *
known_word(const char *word)
{
	for (int i = 0; i < LU_ON_TIMER; i++)
		if (strcmp(word, lu_stage_name[i]) == 0)
			return word;
	return NULL;
}

/* on_reqest: said when the file is loaded, not found out in production. */
static void
typos_check(lua_State *L, int table)
{
	lua_pushnil(L);
	while (lua_next(L, table) != 0) {
		const char *const word =
		    lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
		if (strncmp(word, "on_", 3) == 0 && lua_isfunction(L, -1) &&
		    known_word(word) == NULL)
			luaL_error(L, "there is no hook '%s'", word);
		lua_pop(L, 1);
	}
}

/* It would never run. */
static void
body_check(lua_State *L, const struct lu_script *s)
{
	if (s->slot[LU_ON_BODY] != NULL && s->slot[LU_ON_REQUEST] == NULL &&
	    s->slot[LU_ON_ROUTE] == NULL && s->slot[LU_ON_RESPONSE] == NULL)
		luaL_error(L,
		    "on_body: no hook can ask for it: call req:filter_body() in "
		    "on_request, or res:filter_body() in on_response");
}

int
lu_script_loaded(lua_State *L)
{
	struct lu_script *const s = lu_state_from(L)->unit->script;

	lua_settop(L, 1);
	if (lua_istable(L, 1))
		typos_check(L, 1);
	lua_pushglobaltable(L);
	typos_check(L, 2);
	for (int i = 0; i < LU_ON_TIMER; i++) {
		hook_push(L, lu_stage_name[i]);
		struct lu_router *const router =
		    i == LU_ON_ROUTE ? lu_test_router(L, -1) : NULL;
		if (router != NULL)
			lu_state_from(L)->router = router;
		if (lua_isfunction(L, -1) || router != NULL) {
			struct lu_slot *const slot =
			    lu_slot_set(L, LU_HOOK, lu_stage_name[i], -1);
			if (slot != NULL) /* NULL: new with a reload */
				s->slot[i] = slot;
			if (router == NULL && !lua_iscfunction(L, -1))
				origin_set(L, s, (enum lu_stage)i);
			if (i == LU_ON_SERVER) {
				lua_pushvalue(L, -1);
				lu_on_server(L);
			}
		} else if (!lua_isnil(L, -1)) {
			luaL_error(L, "%s is a %s, not a function", lu_stage_name[i],
			    luaL_typename(L, -1));
		}
		lua_pop(L, 1);
	}
	body_check(L, s);
	return 0;
}

/* (function, legacy) */
static int
init_call(lua_State *L)
{
	const int thread = lu_state_from(L)->thread;

	lua_pushvalue(L, 1);
	lua_pushinteger(L, thread);
	lu_legacy_push(L, lua_touserdata(L, 2), thread);
	lua_call(L, 2, 0);
	return 0;
}

int
lu_script_init(struct lu_state *s, const struct lu_legacy *legacy, struct tw_err *err)
{
	struct lu_slot *const slot = s->unit->script->slot[LU_ON_INIT];
	struct lu_call *c;
	int rc = 0;

	if (slot == NULL)
		return 0;
	c = lu_begin(s, LU_AT_INIT, NULL);
	if (c == NULL)
		return tw_err_set(err, "out of memory");
	c->stage = LU_ON_INIT;
	lua_pushcfunction(c->L, init_call);
	if (lu_push_slot(c, slot)) {
		lua_pushlightuserdata(c->L, (void *)(uintptr_t)legacy);
		if (lu_run(c, 2) != LU_DONE)
			rc = tw_err_set(
			    err, "lua-script '%s': on_init failed", s->unit->name);
	}
	lu_end(&c);
	return rc;
}

/* ---- who decided ----------------------------------------------------------- */

static const struct tw_origin *
origin_find(const struct lu_script *s, const char *file, int line)
{
	const struct lu_origin *at =
	    atomic_load_explicit(&s->origins, memory_order_acquire);

	for (; at != NULL; at = at->next)
		if (at->o.line == line && strcmp(at->o.file, file) == 0)
			return &at->o;
	return NULL;
}

/* Once for each line; other threads read the list meanwhile. */
static const struct tw_origin *
origin_add(struct lu_script *s, const char *file, int line)
{
	const size_t len = strlen(file) + 1;

	pthread_mutex_lock(&s->lock);
	const struct tw_origin *o = origin_find(s, file, line);
	if (o == NULL) {
		struct lu_origin *const at = malloc(sizeof(*at) + len);
		if (at != NULL) {
			char *const copy = memcpy(at + 1, file, len);
			at->o = (struct tw_origin){ "lua", copy, line };
			at->next =
			    atomic_load_explicit(&s->origins, memory_order_relaxed);
			atomic_store_explicit(&s->origins, at, memory_order_release);
			o = &at->o;
		}
	}
	pthread_mutex_unlock(&s->lock);
	return o != NULL ? o : &s->origin[LU_ON_REQUEST];
}

static const struct tw_origin unknown = { "lua", NULL, 0 };

const struct tw_origin *
lu_origin_at(lua_State *L, const lua_Debug *ar)
{
	struct lu_script *const s = lu_state_from(L)->unit->script;
	const char *const file = ar->source[0] == '@' ? ar->source + 1 : ar->short_src;
	const struct tw_origin *o;

	if (s == NULL)
		return &unknown;
	o = origin_find(s, file, ar->currentline);
	return o != NULL ? o : origin_add(s, file, ar->currentline);
}

const struct tw_origin *
lu_origin_here(lua_State *L)
{
	lua_Debug ar;

	for (int level = 1; lua_getstack(L, level, &ar) != 0; level++) {
		lua_getinfo(L, "Sl", &ar);
		if (ar.currentline > 0)
			return lu_origin_at(L, &ar);
	}
	return &unknown;
}

void
lu_script_free(struct lu_script *s)
{
	struct lu_origin *at = atomic_load_explicit(&s->origins, memory_order_relaxed);

	while (at != NULL) {
		struct lu_origin *const next = at->next;
		free(at);
		at = next;
	}
	atomic_store_explicit(&s->origins, NULL, memory_order_relaxed);
	if (!s->over) /* called when it stops, and for what never began */
		pthread_mutex_destroy(&s->lock);
	s->over = true;
}

/* ---- which proxies run it -------------------------------------------------- */

#define OF_BACKEND (LU_BIT(PICK) | LU_BIT(RETRY))
#define OF_FRONTEND                                                            \
	(LU_BIT(ACCEPT) | LU_BIT(REQUEST) | LU_BIT(ROUTE) | LU_BIT(RESPONSE) | \
	    LU_BIT(LOG))
#define OF_HTTP (LU_BIT(REQUEST) | LU_BIT(RESPONSE))

static unsigned
stages_of(const struct lu_script *s, const struct tw_proxy *px)
{
	unsigned bits = 0;

	if (tw_proxy_has(px, TW_FRONTEND))
		bits |= OF_FRONTEND;
	if (tw_proxy_has(px, TW_BACKEND))
		bits |= OF_BACKEND | (s->in != NULL ? OF_HTTP : 0);
	if (tw_proxy_mode(px) != TW_MODE_HTTP)
		bits &= ~OF_HTTP;
	if (s->placed != NULL)
		bits &= ~LU_BIT(REQUEST);
	return bits;
}

static void
hooked_add(struct tw_gen *gen, struct lu_px *p, struct lu_script *s, int stage)
{
	struct lu_hooked **at = &p->hooks[stage];
	struct lu_hooked *const h = tw_arena_zalloc(tw_gen_arena(gen), sizeof(*h));

	while (*at != NULL)
		at = &(*at)->next;
	*h = (struct lu_hooked){ .script = s,
		.slot = s->slot[stage],
		.of_frontend = s->in == NULL && (OF_HTTP & 1u << stage) != 0 };
	*at = h;
}

static void
attach(struct tw_gen *gen, struct lu_script *s, struct tw_proxy *px)
{
	struct lu_px *const p = lu_px_of(px);

	if (tw_proxy_mode(px) == TW_MODE_LOG)
		return;
	if (s->in != NULL && !tw_is_one_of(tw_proxy_name(px), s->in))
		return;
	const unsigned bits = stages_of(s, px);
	for (int i = 0; i < LU_N_STAGES; i++)
		if (s->slot[i] != NULL && (bits & 1u << i) != 0)
			hooked_add(gen, p, s, i);
}

static int
names_check(struct tw_gen *gen, const struct lu_script *s)
{
	for (int i = 0; s->in != NULL && s->in[i] != NULL; i++)
		if (tw_gen_find(gen, s->in[i], TW_FRONTEND) == NULL &&
		    tw_gen_find(gen, s->in[i], TW_BACKEND) == NULL)
			return tw_gen_fail(gen, s->conf_file, s->conf_line,
			    "'lua-script': there is no proxy '%s', referenced by 'in'",
			    s->in[i]);
	return 0;
}

static int
placed_check(struct tw_gen *gen, const struct lu_script *s)
{
	for (struct lu_hooked *h = s->placed; h != NULL; h = h->next) {
		h->slot = s->slot[LU_ON_REQUEST];
		if (h->slot == NULL)
			return tw_gen_fail(gen, h->conf_file, h->conf_line,
			    "'lua-hook': the script '%s' has no function on_request",
			    s->unit->name);
	}
	return 0;
}

/* When all proxies are known, so that a file can name them. */
int
lu_scripts_load(struct tw_gen *gen)
{
	int rc = 0;

	for (struct lu_unit *u = lu_conf_of(gen)->units; u != NULL; u = u->next) {
		struct lu_script *const s = u->script;
		struct tw_err err = { "" };
		if (s == NULL)
			continue;
		if (lu_unit_load(u, s->file, &err) != 0)
			rc = tw_gen_fail(gen, s->conf_file, s->conf_line,
			    "'lua-script': %s", err.text);
		else
			rc |= placed_check(gen, s);
	}
	return rc;
}

int
lu_scripts_check(struct tw_gen *gen)
{
	struct tw_proxy *px;
	int rc = 0;
	bool any = false;

	for (struct lu_unit *u = lu_conf_of(gen)->units; u != NULL; u = u->next) {
		if (u->script == NULL)
			continue;
		any = true;
		rc |= names_check(gen, u->script);
		for (int i = 0; (px = tw_gen_proxy(gen, i)) != NULL; i++)
			attach(gen, u->script, px);
	}
	for (int i = 0; any && (px = tw_gen_proxy(gen, i)) != NULL; i++)
		lu_px_of(px)->decides = tw_proxy_mode(px) != TW_MODE_LOG;
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * cli.c - core.register_cli(): commands of the control socket.
 *
 * A command belongs to the generation that has the script, and holds it while it
 * runs. Its function gets an AppletTCP that writes to the session and reads the
 * lines behind `<<`, and all words of the line. It runs as a long answer
 * (tw_cli_stream), and so may wait. Control thread.
 */
#include "applet.h"

#include <ctype.h>
#include <stdlib.h>

#define PIECE (32u << 10)   /* bytes of one turn: the peer may be slow */
#define WAIT_MS 0x7fffffffu /* the script says when it goes on */

struct command {
	struct tw_command command; /* first */
	struct lu_slot *slot;
};

struct run {
	struct tw_cli *cli;
	struct tw_gen *gen;       /* held */
	struct lu_call *call;     /* NULL: it is over */
	struct lu_applet *applet; /* at the bottom of the call's stack */
	int n_args;
	bool began;
	bool sleeps; /* tw_cli_wait was called */
};

/* ---- the session ------------------------------------------------------------------ */

static enum tw_io
io_read(struct lu_applet *a, struct tw_str *data)
{
	*data = a->payload;
	return data->len > 0 ? TW_IO_OK : TW_IO_END;
}

static void
io_take(struct lu_applet *a, size_t n)
{
	a->payload.p += n;
	a->payload.len -= n;
}

static size_t
io_write(struct lu_applet *a, struct tw_str data)
{
	const size_t n = data.len < a->room ? data.len : a->room;

	tw_cli_write(a->cli, (struct tw_str){ data.p, n });
	a->room -= n;
	return n;
}

static const struct lu_applet_io io = { io_read, io_take, io_write };

/* ---- a run ------------------------------------------------------------------------- */

static int
make_applet(lua_State *L)
{
	struct run *const r = lua_touserdata(L, 1);

	r->applet = lu_push_applet(L, LU_APPLET_TCP);
	r->applet->io = &io;
	r->applet->cli = r->cli;
	r->applet->payload = tw_cli_payload(r->cli);
	return 1;
}

/* All words of the line, also those of the command's name. */
static int
push_args(lua_State *L, const char *words, int argc, char *const argv[])
{
	int n = 0;

	luaL_checkstack(L, 64 + argc, NULL);
	for (const char *p = words; *p != '\0'; n++) {
		const size_t len = strcspn(p, " ");
		lua_pushlstring(L, p, len);
		p += len + (p[len] == ' ');
	}
	for (int i = 0; i < argc; i++)
		lua_pushstring(L, argv[i]);
	return n + argc;
}

struct words {
	const struct command *command;
	int argc;
	char *const *argv;
	int n;
};

static int
make_args(lua_State *L)
{
	struct words *const w = lua_touserdata(L, 1);

	w->n = push_args(L, w->command->command.words, w->argc, w->argv);
	return w->n;
}

static bool
begin(struct run *r, struct words *w)
{
	struct lu_call *const c = r->call;

	c->slot = w->command->slot;
	lua_pushcfunction(c->L, make_applet);
	lua_pushlightuserdata(c->L, r);
	int rc = lua_pcall(c->L, 1, 1, 0);
	if (rc == LUA_OK && lu_push_slot(c, w->command->slot)) {
		lua_pushvalue(c->L, 1);
		lua_pushcfunction(c->L, make_args);
		lua_pushlightuserdata(c->L, w);
		rc = lua_pcall(c->L, 1, LUA_MULTRET, 0);
		r->n_args = 1 + w->n;
		if (rc == LUA_OK)
			return true;
	}
	if (rc != LUA_OK)
		lu_failed(c, c->L, c->s, rc);
	return false;
}

static void
fini(void *arg)
{
	struct run *const r = arg;

	lu_applet_end(&r->call, r->applet);
	tw_gen_release(r->gen);
	free(r);
}

static void
wake(struct lu_call *c)
{
	struct run *const r = c->owner;

	if (!r->sleeps)
		return;
	r->sleeps = false;
	tw_cli_done(r->cli);
}

/* returns: true: it waits, and the session does not want to any longer. */
static bool
still_waits(struct run *r)
{
	struct lu_call *const c = r->call;

	if (c->waits && !r->applet->waits_io)
		return true;
	c->waits = false;
	r->applet->waits_io = false;
	return false;
}

/* A piece of the answer. returns: false: that was all. */
static bool
step(struct tw_cli *cli, void *arg)
{
	struct run *const r = arg;
	enum lu_result result;

	if (r->call == NULL || (r->began && still_waits(r)))
		return false;
	r->applet->room = PIECE;
	result = lu_run(r->call, r->began ? 0 : r->n_args);
	r->began = true;
	if (result == LU_WAITS) {
		r->sleeps = !r->applet->waits_io;
		if (r->sleeps)
			tw_cli_wait(cli, WAIT_MS, NULL, NULL);
		return true;
	}
	if (result == LU_FAILED)
		tw_cli_msg(cli, TW_ERR, "The script failed: the log says why\n");
	lu_applet_end(&r->call, r->applet);
	return false;
}

/* The first piece comes at once: its state is entered. */
static void
run(struct tw_cli *cli, int argc, char *const argv[])
{
	const struct command *const command =
	    (const struct command *)(const void *)tw_cli_command(cli);
	struct words w = { command, argc, argv, 0 };
	struct run *r = calloc(1, sizeof(*r));

	if (r != NULL)
		r->call =
		    lu_begin(lu_state_of(command->slot->unit, 0), LU_AT_CLI, NULL);
	if (r == NULL || r->call == NULL) {
		free(r);
		tw_cli_msg(cli, TW_ERR, "Out of memory\n");
		return;
	}
	r->cli = cli;
	r->call->owner = r;
	r->call->on_wake = wake;
	r->gen = command->slot->unit->gen;
	tw_gen_hold(r->gen);
	if (begin(r, &w)) {
		tw_cli_stream(cli, step, fini, r);
		step(cli, r);
	} else {
		tw_cli_msg(cli, TW_ERR, "The script failed: the log says why\n");
		fini(r);
	}
}

/* ---- registration --------------------------------------------------------------------- */

/* The words, with a blank between; left on the stack. */
static const char *
check_words(lua_State *L)
{
	luaL_Buffer b;
	const int n = (int)lua_rawlen(L, 1);

	luaL_argcheck(L, n > 0 && n <= 16, 1, "1 to 16 words are expected");
	for (int i = 1; i <= n; i++) {
		const int type = lua_rawgeti(L, 1, i);
		const char *const word = lua_tostring(L, -1);
		luaL_argcheck(L, type == LUA_TSTRING && word[0] != '\0', 1,
		    "a list of words is expected");
		for (const char *p = word; *p != '\0'; p++)
			luaL_argcheck(L,
			    isgraph((unsigned char)*p) && strchr(";\\<", *p) == NULL, 1,
			    "a word cannot hold blanks, ';', '\\' or '<'");
		lua_pop(L, 1);
	}
	luaL_buffinit(L, &b);
	for (int i = 1; i <= n; i++) {
		if (i > 1)
			luaL_addchar(&b, ' ');
		lua_rawgeti(L, 1, i);
		luaL_addvalue(&b);
	}
	luaL_pushresult(&b);
	return lua_tostring(L, -1);
}

/* HAProxy prints a usage as it is: often the words, their arguments, a colon and
 * what it does; we have these apart. */
static void
set_usage(struct tw_arena *arena, struct tw_command *c, const char *text)
{
	const size_t len = strlen(c->words);
	const char *const colon = strchr(text, ':');

	c->usage = "";
	c->help = tw_arena_strdup(arena, text);
	if (strncmp(text, c->words, len) != 0 || colon == NULL ||
	    (text[len] != ' ' && text[len] != ':'))
		return;
	const struct tw_str args = tw_str_trim((struct tw_str){
	    text + len, colon > text + len ? (size_t)(colon - text) - len : 0 });
	const struct tw_str help = tw_str_trim(tw_str_of(colon + 1));
	c->usage = tw_arena_printf(arena, "%.*s", TW_STR_FMT(args));
	c->help = tw_arena_printf(arena, "%.*s", TW_STR_FMT(help));
}

static void
add(lua_State *L, struct lu_slot *slot, enum tw_cli_level level, const char *usage)
{
	struct tw_gen *const gen = lu_state_from(L)->gen;
	struct command *const c = tw_arena_zalloc(tw_gen_arena(gen), sizeof(*c));
	struct tw_err err = { "" };

	c->slot = slot;
	c->command.words = slot->name;
	c->command.level = level;
	c->command.run = run;
	set_usage(tw_gen_arena(gen), &c->command, usage);
	slot->usage = c->command.help;
	if (tw_command_add(gen, &c->command, &err) != 0)
		luaL_error(L, "core.register_cli: %s", err.text);
}

/* The level is ours: without it everybody may, as in HAProxy. */
/*@ core.register_cli(words: string[], usage: string, func: function, level?: string) */
int
lu_register_cli(lua_State *L)
{
	static const char *const levels[] = { "user", "operator", "admin", NULL };
	const struct lu_state *const s = lu_state_from(L);
	const int n_slots = s->unit->n_slots;

	luaL_checktype(L, 1, LUA_TTABLE);
	const char *const usage = luaL_optstring(L, 2, "");
	luaL_checktype(L, 3, LUA_TFUNCTION);
	const int level = luaL_checkoption(L, 4, "user", levels);
	struct lu_slot *const slot = lu_slot_set(L, LU_CLI, check_words(L), 3);
	if (slot != NULL && s->unit->n_slots > n_slots)
		add(L, slot, (enum tw_cli_level)level, usage);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * err.c - errors of scripts.
 *
 * Each unit remembers some distinct errors with the request, the stage and the
 * trace of the first: that one is logged in full, in the words of HAProxy that
 * tools look for; what repeats it is counted, and summed up in one line each ten
 * seconds. `show lua errors` prints the whole blocks.
 */
#include "err.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tideway/hash.h>
#include <tideway/log.h>

#include "count.h"
#include "script.h"

#define N_ERRORS 32
#define HEAD_ROOM 640
#define TRACE_ROOM 1400
#define TOLD_AGAIN_US 10000000u

const char *const lu_reg_word[LU_N_REGS] = { "action", "fetch", "converter", "service",
	"command", "filter", "hook" };

/* HAProxy's words for them. */
static const char *const haproxy_word[LU_N_REGS] = { "function", "sample-fetch",
	"converter", "applet", "cli", "filter", "hook" };

struct one {
	uint64_t hash; /* 0: not used */
	uint64_t n, told_n;
	uint64_t first_us, last_us, told_us;
	char head[HEAD_ROOM];   /* "Lua function 'x': runtime error: ..." */
	char where[200];        /* "request 7, http-request, lua-load, generation 1" */
	char trace[TRACE_ROOM]; /* lines */
};

struct lu_errors {
	pthread_mutex_t lock; /* all below */
	uint64_t n;           /* so far */
	struct tw_log_site site;
	struct one one[N_ERRORS];
};

struct lu_errors *
lu_errors_new(void)
{
	struct lu_errors *const e = calloc(1, sizeof(*e));

	if (e != NULL)
		pthread_mutex_init(&e->lock, NULL);
	return e;
}

void
lu_errors_free(struct lu_errors **e)
{
	if (*e != NULL)
		pthread_mutex_destroy(&(*e)->lock);
	free(*e);
	*e = NULL;
}

int
lu_traceback(lua_State *L)
{
	const char *const text = lua_tostring(L, 1);

	if (text != NULL)
		luaL_traceback(L, L, text, 1);
	else if (luaL_callmeta(L, 1, "__tostring") == 0)
		lua_pushfstring(L, "(an error that is a %s)", luaL_typename(L, 1));
	return 1;
}

/* ---- what is told of one ------------------------------------------------------- */

static const char *
stage_word(const struct lu_call *c)
{
	static const char *const of_rules[TW_N_RULES] = {
		[TW_TCP_CONNECTION] = "tcp-request connection",
		[TW_TCP_SESSION] = "tcp-request session",
		[TW_TCP_CONTENT] = "tcp-request content",
		[TW_TCP_RESPONSE] = "tcp-response content",
		[TW_HTTP_REQUEST] = "http-request",
		[TW_HTTP_RESPONSE] = "http-response",
		[TW_HTTP_AFTER] = "http-after-response",
	};

	if (c == NULL)
		return "outside of any call";
	if (c->at == LU_AT_HOOK && c->stage >= 0 && c->stage < LU_N_STAGES)
		return lu_stage_name[c->stage];
	if (c->at == LU_AT_ACTION && c->stage >= 0 && c->stage < TW_N_RULES)
		return of_rules[c->stage];
	return lu_at_name[c->at];
}

static void
where_fill(char *to, size_t room, const struct lu_call *c, const struct lu_state *s)
{
	size_t n = 0;

	if (c != NULL && c->req != NULL) {
		const struct tw_str id = tw_req_unique_id(c->req);
		n = id.len > 0 ? (size_t)snprintf(to, room, "request %.*s, ",
				     (int)(id.len < 80 ? id.len : 80), id.p)
			       : (size_t)snprintf(to, room, "request %llu, ",
				     (unsigned long long)tw_req_id(c->req));
	}
	if (n < room)
		snprintf(to + n, room - n, "%s, %s, generation %llu", stage_word(c),
		    s->unit->name, (unsigned long long)s->set->generation);
}

/* No more than this of any bytes that a script may have got from a peer. */
static void
clean(char *text, bool lines)
{
	for (unsigned char *p = (unsigned char *)text; *p != '\0'; p++)
		if ((*p < ' ' && !(lines && *p == '\n')) || *p == 0x7f)
			*p = ' ';
}

static int
trace_make(lua_State *L)
{
	lua_State *const of = lua_touserdata(L, 1);

	luaL_traceback(L, of, NULL, 0);
	return 1;
}

/* Made by the state's own main thread: `of` may be out of stack or memory. */
static void
trace_fill(char *to, size_t room, lua_State *of, const struct lu_state *s)
{
	lua_State *const L = s->L;

	to[0] = '\0';
	if (!lua_checkstack(L, 4))
		return;
	lua_pushcfunction(L, trace_make);
	lua_pushlightuserdata(L, of);
	if (lua_pcall(L, 1, 1, 0) == LUA_OK)
		snprintf(to, room, "%s", lua_tostring(L, -1));
	lua_pop(L, 1);
	clean(to, true);
}

static void
head_fill(char *to, size_t room, const struct lu_call *c, const char *text, int status)
{
	const bool timeout = strstr(text, "execution timeout") != NULL;
	const char *const what = status == LUA_ERRMEM ? "out of memory error: "
	    : timeout && c != NULL && c->stopped      ? ""
						      : "runtime error: ";

	if (c != NULL && c->slot != NULL)
		snprintf(to, room, "Lua %s '%s': %s%s", haproxy_word[c->slot->reg],
		    c->slot->name, what, text);
	else
		snprintf(to, room, "Lua %s: %s%s",
		    c != NULL && c->at == LU_AT_TASK ? "task" : "function", what, text);
	clean(to, false);
}

/* ---- counted ------------------------------------------------------------------- */

static struct one *
find(struct lu_errors *e, uint64_t hash)
{
	struct one *oldest = &e->one[0];

	for (int i = 0; i < N_ERRORS; i++) {
		if (e->one[i].hash == hash)
			return &e->one[i];
		if (e->one[i].last_us < oldest->last_us)
			oldest = &e->one[i];
	}
	*oldest = (struct one){ .hash = hash, .first_us = tw_wall_us() };
	return oldest;
}

/* returns: what is to be told now: 1 in full, 2 that it has repeated, 0 nothing. */
static int
count(struct one *one)
{
	const uint64_t now = tw_now_us();

	one->n++;
	one->last_us = tw_wall_us();
	if (one->n > 1 && now - one->told_us < TOLD_AGAIN_US)
		return 0;
	one->told_us = now;
	return one->n == 1 ? 1 : 2;
}

static void
tell_in_full(struct lu_errors *e, const struct one *one)
{
	char flat[TRACE_ROOM];

	snprintf(flat, sizeof(flat), "%s", one->trace);
	clean(flat, false);
	tw_log_site(&e->site, TW_ALERT, "%s (%s) %s", one->head, one->where, flat);
}

static void
remember(struct lu_call *c, lua_State *L, struct lu_state *s, const char *head,
    enum tw_level level)
{
	struct lu_errors *const e = s->unit->errors;
	const struct tw_str key = tw_str_of(head);
	const uint64_t hash =
	    (uint64_t)tw_hash_crc32(key) << 32 | tw_hash_djb2(key) | 1;

	if (e == NULL) {
		tw_log(level, "%s", head);
		return;
	}
	pthread_mutex_lock(&e->lock);
	e->n++;
	struct one *const one = find(e, hash);
	const int tell = count(one);
	if (tell == 1) {
		snprintf(one->head, sizeof(one->head), "%s", head);
		where_fill(one->where, sizeof(one->where), c, s);
		trace_fill(one->trace, sizeof(one->trace), L, s);
		tell_in_full(e, one);
	} else if (tell == 2) {
		tw_log_site(&e->site, TW_ALERT,
		    "%s (%llu more times; `show lua errors`)", one->head,
		    (unsigned long long)(one->n - one->told_n));
	}
	if (tell != 0)
		one->told_n = one->n;
	pthread_mutex_unlock(&e->lock);
}

static void
tally(struct lu_call *c, int status)
{
	lu_count_event(LU_CNT_ERRORS, 1);
	if (status == LUA_ERRMEM)
		lu_count_event(LU_CNT_NO_MEMORY, 1);
	if (c == NULL)
		return;
	if (c->stopped)
		lu_count_event(LU_CNT_STOPPED, 1);
	if (c->tally == NULL)
		return;
	lu_count_add(&c->tally->errors);
	if (c->stopped)
		lu_count_add(&c->tally->stopped);
}

void
lu_failed(struct lu_call *c, lua_State *L, struct lu_state *s, int status)
{
	char head[HEAD_ROOM];
	const char *text = lua_tostring(L, -1);

	if (text == NULL)
		text = "an error without text";
	head_fill(head, sizeof(head), c, text, status);
	tally(c, status);
	remember(c, L, s, head, TW_ALERT);
}

void
lu_slow(struct lu_call *c, lua_State *L)
{
	struct lu_state *const s = lu_state_from(L);
	char head[HEAD_ROOM], where[200] = "?";
	lua_Debug ar;

	if (lua_getstack(L, 0, &ar) != 0 && lua_getinfo(L, "Sl", &ar) != 0)
		snprintf(where, sizeof(where), "%s:%d", ar.short_src, ar.currentline);
	if (c != NULL && c->tally != NULL)
		lu_count_add(&c->tally->slow);
	lu_count_event(LU_CNT_SLOW, 1);
	snprintf(head, sizeof(head), "Lua %s '%s': %s: it has run for more than %u ms",
	    c != NULL && c->slot != NULL ? haproxy_word[c->slot->reg] : "function",
	    c != NULL && c->slot != NULL ? c->slot->name : "?", where,
	    c != NULL ? s->limits[c->at].soft : 0);
	tw_log_limited(TW_WARNING, "%s", head);
}

/* ---- shown --------------------------------------------------------------------- */

bool
lu_errors_show(struct lu_errors *e, int *i, char *text, size_t room)
{
	if (e == NULL)
		return false;
	pthread_mutex_lock(&e->lock);
	while (*i < N_ERRORS && e->one[*i].hash == 0)
		++*i;
	const bool there = *i < N_ERRORS;
	if (there) {
		const struct one *const o = &e->one[(*i)++];
		snprintf(text, room, "%llu time%s: %s\n  first: %s\n  %s\n",
		    (unsigned long long)o->n, o->n == 1 ? "" : "s", o->head, o->where,
		    o->trace);
	}
	pthread_mutex_unlock(&e->lock);
	return there;
}

void
lu_errors_clear(struct lu_errors *e)
{
	if (e == NULL)
		return;
	pthread_mutex_lock(&e->lock);
	memset(e->one, 0, sizeof(e->one));
	e->n = 0;
	pthread_mutex_unlock(&e->lock);
}

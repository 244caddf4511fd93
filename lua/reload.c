/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * reload.c - scripts are replaced while they run: `lua reload`, `lua rollback`.
 *
 * The files are read and run anew in new states on the control thread; init
 * functions follow, then the global function on_selftest(), if there is one. Only
 * when all of that went well is the unit's pointer changed. Calls that wait end
 * in the old states. Once every worker has gone through its loop nobody can
 * begin there; each state then says, from its own worker, when its last call and
 * its last transaction are gone. A state that has failed leaves all as it was.
 */
#include "lu.h"

#include <stdlib.h>

#include <tideway/log.h>

#include "count.h"
#include "data.h"
#include "err.h"
#include "script.h"
#include "show.h"
#include "text.h"

/* ---- beginning ----------------------------------------------------------------- */

static int
selftest(struct lu_state *s, struct tw_err *err)
{
	struct lu_call *c = lu_begin(s, LU_AT_INIT, NULL);
	int result = 0;

	if (c == NULL)
		return tw_err_set(err, "out of memory");
	lua_pushglobaltable(c->L);
	lua_pushliteral(c->L, "on_selftest");
	lua_rawget(c->L, -2);
	lua_remove(c->L, -2);
	if (lua_isfunction(c->L, -1) && lu_run(c, 0) != LU_DONE)
		result = tw_err_set(err, "on_selftest: %.800s",
		    lua_isstring(c->L, -1) ? lua_tostring(c->L, -1) : "it failed");
	lu_end(&c);
	return result;
}

int
lu_set_init(struct lu_set *set, struct tw_err *err)
{
	for (int i = 0; i < set->n; i++)
		if (lu_inits_run(set->state[i], err) != 0)
			return -1;
	for (int i = 0; i < set->n; i++)
		if (selftest(set->state[i], err) != 0)
			return -1;
	return 0;
}

/* ---- ending -------------------------------------------------------------------- */

static void
set_forget(void *arg)
{
	struct lu_set *set = arg;
	struct tw_gen *const gen = set->gen;
	struct lu_set **at = &set->unit->retired;

	while (*at != NULL && *at != set)
		at = &(*at)->next;
	if (*at == set)
		*at = set->next;
	lu_set_free(&set);
	tw_gen_release(gen);
}

/* The worker that said so may still be inside of lu_end(). */
static void
state_left(void *arg)
{
	struct lu_set *const set = arg;

	if (--set->n_left == 0)
		tw_retire(set_forget, set);
}

void
lu_state_left(struct lu_state *s)
{
	s->retired = false; /* said once */
	tw_worker_post(tw_worker_at(0), state_left, s->set);
}

static void
state_retire(void *arg)
{
	struct lu_state *const s = arg;

	while (s->leavers != NULL) {
		struct lu_leaver *const it = s->leavers;
		s->leavers = it->next;
		it->fn(s, it->arg);
		free(it);
	}
	lu_enter(s);
	s->retired = true;
	if (s->n_refs == 0)
		lu_state_left(s);
	lu_leave(s);
}

static void
set_retire(void *arg)
{
	struct lu_set *const set = arg;

	set->n_left = set->n;
	for (int i = 0; i < set->n; i++)
		tw_worker_post(
		    tw_worker_at(set->n > 1 ? i : 0), state_retire, set->state[i]);
}

void
lu_unit_fini(struct lu_unit *u)
{
	struct lu_set *set =
	    atomic_exchange_explicit(&u->set, NULL, memory_order_acq_rel);

	lu_set_free(&set);
	while (u->retired != NULL) {
		set = u->retired;
		u->retired = set->next;
		lu_set_free(&set);
	}
	lu_texts_free(&u->previous, u->n_previous);
	lu_errors_free(&u->errors);
	if (u->script != NULL)
		lu_script_free(u->script);
	u->script = NULL;
}

/* ---- replacing ----------------------------------------------------------------- */

static void
replace(struct lu_unit *u, struct lu_set *set)
{
	struct lu_set *const old =
	    atomic_exchange_explicit(&u->set, set, memory_order_acq_rel);

	lu_texts_free(&u->previous, u->n_previous);
	u->previous = old->text;
	u->n_previous = old->n_texts;
	old->text = NULL;
	old->n_texts = 0;
	old->next = u->retired;
	u->retired = old;
	tw_gen_hold(u->gen);
	lu_set_halt(old); /* workers hear of that before they retire it */
	tw_retire(set_retire, old);
	lu_set_go(set);
}

/* in: text, takes. */
static int
load(struct lu_unit *u, struct lu_text *text, int n, struct tw_err *err)
{
	struct lu_set *set = lu_set_new(u, text, n, err);

	if (set == NULL)
		return -1;
	if (lu_set_init(set, err) != 0) {
		lu_set_free(&set);
		return -1;
	}
	replace(u, set);
	return 0;
}

static int
reload_unit(struct lu_unit *u, struct tw_err *err)
{
	int n = 0, i = 0;

	for (const struct lu_file *f = u->files; f != NULL; f = f->next)
		n++;
	struct lu_text *text = calloc((size_t)n + 1, sizeof(*text));
	if (text == NULL)
		return tw_err_set(err, "out of memory");
	for (const struct lu_file *f = u->files; f != NULL; f = f->next)
		if (lu_text_read(f->real, &text[i++], err) != 0) {
			lu_texts_free(&text, n);
			return -1;
		}
	return load(u, text, n, err);
}

static int
rollback_unit(struct lu_unit *u, struct tw_err *err)
{
	if (u->previous == NULL)
		return tw_err_set(err, "nothing has been replaced yet");
	struct lu_text *const text = u->previous;
	const int n = u->n_previous;
	u->previous = NULL;
	u->n_previous = 0;
	struct lu_text *const copy = calloc((size_t)n + 1, sizeof(*copy));
	for (int i = 0; copy != NULL && i < n; i++) {
		copy[i].p = malloc(text[i].len + 1);
		if (copy[i].p != NULL)
			memcpy(copy[i].p, text[i].p, copy[i].len = text[i].len);
	}
	const int rc =
	    copy != NULL ? load(u, copy, n, err) : tw_err_set(err, "out of memory");
	if (rc == 0) {
		struct lu_text *done = text;
		lu_texts_free(&done, n);
	} else {
		u->previous = text;
		u->n_previous = n;
	}
	return rc;
}

/* ---- commands ------------------------------------------------------------------ */

typedef int unit_fn(struct lu_unit *u, struct tw_err *err);

static void
tell(struct tw_cli *cli, const struct lu_unit *u, const char *did, int rc,
    const struct tw_err *err)
{
	const struct lu_set *const set =
	    atomic_load_explicit(&u->set, memory_order_relaxed);

	tw_count(lu_self, rc == 0 ? LU_CNT_RELOADS : LU_CNT_RELOADS_FAILED, 1);
	if (rc == 0) {
		tw_log(TW_NOTICE, "Lua: %s is %s: generation %llu", u->name, did,
		    (unsigned long long)set->generation);
		tw_cli_msg(cli, TW_INFO, "%s is %s: generation %llu\n", u->name, did,
		    (unsigned long long)set->generation);
		return;
	}
	tw_log(TW_ALERT, "Lua: %s stays as it was: %s", u->name, err->text);
	tw_cli_msg(cli, TW_ERR, "%s stays as it was (generation %llu): %s\n", u->name,
	    (unsigned long long)set->generation, err->text);
}

static void
each(struct tw_cli *cli, char *const argv[], unit_fn *fn, const char *did)
{
	int n = 0;

	for (struct lu_unit *u = lu_conf_of(tw_gen_running())->units; u != NULL;
	     u = u->next) {
		struct tw_err err = { "" };
		if (argv[0] != NULL && strcmp(argv[0], u->name) != 0)
			continue;
		n++;
		tell(cli, u, did, fn(u, &err), &err);
	}
	if (n > 0)
		return;
	if (argv[0] != NULL)
		tw_cli_msg(cli, TW_ERR,
		    "No such script: '%s' (`show lua` names them).\n", argv[0]);
	else
		tw_cli_msg(cli, TW_ERR, "No script is loaded.\n");
}

void
lu_cmd_reload(struct tw_cli *cli, int argc, char *const argv[])
{
	(void)argc;
	each(cli, argv, reload_unit, "loaded anew");
}

void
lu_cmd_rollback(struct tw_cli *cli, int argc, char *const argv[])
{
	(void)argc;
	each(cli, argv, rollback_unit, "what it was before");
}

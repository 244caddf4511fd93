/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * unit.c - programs and their sets of states; slots.
 *
 * While the configuration is read a unit has one state only, in which its files
 * run so that the lines that follow can refer to what they register. The other
 * threads' states are made, by running all files again, before the generation
 * starts. Control thread.
 */
#include "lu.h"

#include <stdlib.h>

#include "chunk.h"
#include "err.h"
#include "gc.h"
#include "script.h"
#include "text.h"
#include "unload.h"

#define UNTRUSTED_STEPS 10000 /* thousands of instructions of a call */

struct lu_conf *
lu_conf_of(struct tw_gen *gen)
{
	return tw_gen_block(gen, lu_self);
}

/* Also of a configuration that was refused, which never started or stopped. */
static void
unit_end(void *unit)
{
	lu_unit_fini(unit);
}

struct lu_unit *
lu_unit_new(struct tw_gen *gen, enum lu_kind kind, const char *name)
{
	struct lu_conf *const conf = lu_conf_of(gen);
	struct lu_unit *const u = tw_arena_zalloc(tw_gen_arena(gen), sizeof(*u));

	u->kind = kind;
	u->name = name;
	u->gen = gen;
	u->files_end = &u->files;
	u->slots_end = &u->slots;
	u->errors = lu_errors_new();
	tw_arena_at_end(tw_gen_arena(gen), unit_end, u);
	if (kind == LU_SCRIPT) {
		u->profile = LU_STANDARD;
		u->limits = (struct lu_limits){ 5, 50, 1000, 0 };
	}
	if (conf->units_end == NULL)
		conf->units_end = &conf->units;
	*conf->units_end = u;
	conf->units_end = &u->next;
	return u;
}

/* ---- sets ------------------------------------------------------------------- */

/* While the configuration is read nobody knows how many threads there will be:
 * there is place for the first one's state. */
static int
n_states(const struct lu_unit *u)
{
	const int n = tw_n_workers() + 1;

	return u->kind == LU_SHARED ? 1 : n < 2 ? 2 : n;
}

static struct lu_set *
set_alloc(struct lu_unit *u)
{
	const int n = n_states(u);
	struct lu_set *const set =
	    calloc(1, sizeof(*set) + sizeof(set->state[0]) * (size_t)n);

	if (set == NULL)
		return NULL;
	set->unit = u;
	set->gen = u->gen;
	set->generation = ++u->generation;
	set->n = n;
	return set;
}

/* Which thread's state reads the configuration. */
static int
reader(const struct lu_set *set)
{
	return set->n > 1 ? 1 : 0;
}

static int
state_fill(struct lu_set *set, int i, struct tw_err *err)
{
	int t = 0;

	set->state[i] = lu_state_new(set, i, err);
	if (set->state[i] == NULL)
		return -1;
	for (const struct lu_file *f = set->unit->files; f != NULL; f = f->next)
		if (lu_state_load(set->state[i], f, &set->text[t++], err) != 0)
			return -1;
	return 0;
}

/* on_init, of scripts that have it. */
static int
scripts_init(struct lu_set *set, struct tw_err *err)
{
	struct lu_legacy *legacy;
	int rc = 0;

	if (set->unit->script == NULL)
		return 0;
	legacy = lu_legacy_take(set->unit);
	for (int i = 0; rc == 0 && i < set->n; i++)
		rc = lu_script_init(set->state[i], legacy, err);
	lu_legacy_free(&legacy);
	return rc;
}

void
lu_set_free(struct lu_set **set)
{
	struct lu_set *const old = *set;

	*set = NULL;
	if (old == NULL)
		return;
	for (int i = 0; i < old->n; i++)
		lu_state_free(&old->state[i]);
	lu_texts_free(&old->text, old->n_texts);
	free(old);
}

/* What the first thread has, all must have: a request may come to any. The
 * control thread's state serves no traffic. */
static int
slots_check(const struct lu_set *set, struct tw_err *err)
{
	for (const struct lu_slot *slot = set->unit->slots; slot != NULL;
	     slot = slot->next)
		for (int i = set->n > 1 ? 1 : 0; i < set->n; i++) {
			const struct lu_state *const s = set->state[i];
			if (s != NULL && slot->index < s->n_fn &&
			    s->fn[slot->index].ref != LUA_NOREF)
				continue;
			if (set->reloading && !slot->used)
				continue;
			return tw_err_set(err,
			    set->n > 1 && !set->reloading
				? "the %s '%s' is not registered in all threads: it is "
				  "missing in thread %d"
				: "the %s '%s', which the configuration uses, is not "
				  "registered any more",
			    lu_reg_word[slot->reg], slot->name, i);
		}
	return 0;
}

/* Lives on in steps: what the files made stays. */
static void
settle(struct lu_set *set)
{
	for (int i = 0; i < set->n; i++) {
		if (set->state[i] == NULL)
			continue;
		lu_state_settle(set->state[i]);
		lu_gc_begin(set->state[i]);
	}
}

struct lu_set *
lu_set_new(struct lu_unit *unit, struct lu_text *text, int n_texts, struct tw_err *err)
{
	struct lu_set *set = set_alloc(unit);

	if (set == NULL) {
		tw_err_set(err, "out of memory");
		lu_texts_free(&text, n_texts);
		return NULL;
	}
	set->text = text;
	set->n_texts = n_texts;
	set->reloading = true;
	for (int i = 0; i < set->n; i++)
		if (state_fill(set, i, err) != 0) {
			lu_set_free(&set);
			return NULL;
		}
	if (slots_check(set, err) != 0 || scripts_init(set, err) != 0)
		lu_set_free(&set);
	else
		settle(set);
	return set;
}

/* What the line of a lua-script says. */
static void
script_limits(struct lu_unit *u)
{
	const struct lu_script *const script = u->script;

	if (script == NULL)
		return;
	u->profile = script->profile;
	u->mem_limit = script->memory;
	if (script->time_ms != 0) {
		u->limits.hard = script->time_ms;
		if (u->limits.total < script->time_ms)
			u->limits.total = script->time_ms;
	}
	if (u->profile == LU_UNTRUSTED)
		u->limits.steps = UNTRUSTED_STEPS;
}

/* The set while the configuration is read: only the reader is there. */
static struct lu_set *
first_set(struct lu_unit *unit, struct tw_err *err)
{
	struct lu_set *set = atomic_load_explicit(&unit->set, memory_order_relaxed);

	if (set != NULL)
		return set;
	script_limits(unit);
	set = set_alloc(unit);
	if (set == NULL) {
		tw_err_set(err, "out of memory");
		return NULL;
	}
	atomic_store_explicit(&unit->set, set, memory_order_relaxed);
	set->state[reader(set)] = lu_state_new(set, reader(set), err);
	return set;
}

int
lu_unit_load(struct lu_unit *unit, struct lu_file *file, struct tw_err *err)
{
	struct lu_set *const set = first_set(unit, err);

	if (set == NULL)
		return -1;
	if (set->state[reader(set)] == NULL)
		return tw_err_set(err, "the Lua state could not be made");
	struct lu_text *const more =
	    realloc(set->text, sizeof(*more) * (size_t)(set->n_texts + 1));
	if (more == NULL)
		return tw_err_set(err, "out of memory");
	set->text = more;
	if (lu_text_read(file->real, &more[set->n_texts], err) != 0)
		return -1;
	*unit->files_end = file;
	unit->files_end = &file->next;
	return lu_state_load(
	    set->state[reader(set)], file, &set->text[set->n_texts++], err);
}

/* Now it is known. errors: false: out of memory. */
static bool
grow(struct lu_unit *unit)
{
	struct lu_set *const old =
	    atomic_load_explicit(&unit->set, memory_order_relaxed);
	const int n = n_states(unit);

	if (old == NULL || old->n >= n)
		return true;
	struct lu_set *const set =
	    calloc(1, sizeof(*set) + sizeof(set->state[0]) * (size_t)n);
	if (set == NULL)
		return false;
	memcpy(set, old, sizeof(*old) + sizeof(old->state[0]) * (size_t)old->n);
	set->n = n;
	for (int i = 0; i < old->n; i++)
		if (set->state[i] != NULL)
			set->state[i]->set = set;
	free(old);
	atomic_store_explicit(&unit->set, set, memory_order_relaxed);
	return true;
}

int
lu_unit_begin(struct lu_unit *unit, struct tw_err *err)
{
	if (!grow(unit))
		return tw_err_set(err, "out of memory");
	struct lu_set *const set =
	    atomic_load_explicit(&unit->set, memory_order_relaxed);

	for (int i = 0; set != NULL && i < set->n; i++)
		if (set->state[i] == NULL && state_fill(set, i, err) != 0)
			return -1;
	if (set == NULL)
		return 0;
	if (slots_check(set, err) != 0 || scripts_init(set, err) != 0)
		return -1;
	settle(set);
	return 0;
}

/* ---- slots ------------------------------------------------------------------- */

static bool
is_named(const struct lu_slot *slot, enum lu_reg reg, struct tw_str name)
{
	return slot->reg == reg && tw_str_eq(tw_str_of(slot->name), name);
}

static struct lu_slot *
find_in(struct lu_unit *u, enum lu_reg reg, struct tw_str name)
{
	for (struct lu_slot *slot = u->slots; slot != NULL; slot = slot->next)
		if (is_named(slot, reg, name))
			return slot;
	return NULL;
}

struct lu_slot *
lu_slot_find(struct tw_gen *gen, enum lu_reg reg, struct tw_str name)
{
	struct lu_slot *slot = NULL;

	for (struct lu_unit *u = lu_conf_of(gen)->units; u != NULL && slot == NULL;
	     u = u->next)
		slot = find_in(u, reg, name);
	if (slot != NULL)
		slot->used = true;
	return slot;
}

/* What was registered last is taken, as in HAProxy. */
struct lu_slot *
lu_action_find(struct tw_gen *gen, struct tw_str name, unsigned rules)
{
	struct lu_slot *found = NULL;

	for (struct lu_unit *u = lu_conf_of(gen)->units; u != NULL && found == NULL;
	     u = u->next)
		for (struct lu_slot *slot = u->slots; slot != NULL; slot = slot->next)
			if (is_named(slot, LU_ACTION, name) &&
			    (slot->rules & rules) != 0)
				found = slot;
	if (found != NULL)
		found->used = true;
	return found;
}

static struct lu_slot *
slot_new(struct lu_unit *u, enum lu_reg reg, const char *name)
{
	struct tw_arena *const arena = tw_gen_arena(u->gen);
	struct lu_slot *const slot = tw_arena_zalloc(arena, sizeof(*slot));

	slot->unit = u;
	slot->reg = reg;
	slot->name = tw_arena_strdup(arena, name);
	slot->index = u->n_slots++;
	*u->slots_end = slot;
	u->slots_end = &slot->next;
	return slot;
}

/* Both arrays, one place longer; a tally stays where it is. */
static bool
room_for(struct lu_state *s, int index)
{
	while (s->n_fn <= index) {
		const size_t n = (size_t)s->n_fn + 1;
		struct lu_fn *const fn = realloc(s->fn, sizeof(*fn) * n);
		if (fn != NULL)
			s->fn = fn;
		struct lu_tally **const tally = realloc(s->tally, sizeof(*tally) * n);
		if (tally != NULL)
			s->tally = tally;
		struct lu_tally *const one = calloc(1, sizeof(*one));
		if (fn == NULL || tally == NULL || one == NULL) {
			free(one);
			return false;
		}
		fn[n - 1] = (struct lu_fn){ .ref = LUA_NOREF };
		tally[n - 1] = one;
		s->n_fn = (int)n;
	}
	return true;
}

static void
function_keep(lua_State *L, struct lu_state *s, const struct lu_slot *slot, int fn)
{
	if (!room_for(s, slot->index))
		luaL_error(L, "out of memory");
	struct lu_fn *const f = &s->fn[slot->index];
	luaL_unref(L, LUA_REGISTRYINDEX, f->ref);
	lua_pushvalue(L, fn);
	f->keeps = 0;
	for (int i = 0; i < LU_KEPT; i++)
		f->keeps |= lu_keeps_arg(L, i) ? 1u << i : 0;
	f->ref = luaL_ref(L, LUA_REGISTRYINDEX);
}

/* A running generation gets no new slots: nothing could refer to them. */
struct lu_slot *
lu_slot_set(lua_State *L, enum lu_reg reg, const char *name, int fn)
{
	struct lu_state *const s = lu_state_from(L);
	struct lu_slot *slot = find_in(s->unit, reg, tw_str_of(name));

	if (!s->loading)
		luaL_error(L, "registration is only allowed while the file is loaded");
	if (slot == NULL && !lu_conf_of(s->gen)->began)
		slot = slot_new(s->unit, reg, name);
	if (slot != NULL)
		function_keep(L, s, slot, lua_absindex(L, fn));
	return slot;
}

/* A name can be several actions, each of other rules: one slot for each set of
 * rules, the same in all states. When scripts are loaded anew, a function serves
 * all slots whose rules it was registered for. */
void
lu_action_set(lua_State *L, const char *name, int fn, unsigned rules, int n_args)
{
	struct lu_state *const s = lu_state_from(L);
	const bool began = lu_conf_of(s->gen)->began;
	bool is_new = !began;

	if (!s->loading)
		luaL_error(L, "registration is only allowed while the file is loaded");
	for (struct lu_slot *slot = s->unit->slots; slot != NULL; slot = slot->next) {
		if (!is_named(slot, LU_ACTION, tw_str_of(name)) ||
		    (began ? (slot->rules & ~rules) != 0 : slot->rules != rules))
			continue;
		is_new = false;
		function_keep(L, s, slot, lua_absindex(L, fn));
		if (!began)
			slot->n_args = n_args;
	}
	if (!is_new)
		return;
	struct lu_slot *const slot = slot_new(s->unit, LU_ACTION, name);
	slot->rules = rules;
	slot->n_args = n_args;
	function_keep(L, s, slot, lua_absindex(L, fn));
}

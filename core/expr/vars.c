/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * vars.c - the store of variables, and the fetch var().
 *
 * Names are interned for the process's life, so that a value set before a
 * reload is found after it, and comparing names is comparing pointers. Values
 * of an exchange lie in its arena, those of a session, of a check and of the
 * process on the heap; a scope's few values are a list. Only the process's are shared:
 * behind a lock, and read as a copy. source: HAProxy's manual, 2.8, 7.3.2.
 */
#include "config.h"

#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>

#include <tideway/assert.h>
#include <tideway/var.h>

#include "expr/expr_int.h"
#include "flow/trail.h"

enum scope { PROC, SESS, TXN, REQ, RES, CHECK, N_SCOPES };

struct tw_var {
	struct tw_var *next;
	enum scope scope;
	char name[]; /* "txn.x" */
};

struct tw__var_value {
	struct tw__var_value *next;
	const struct tw_var *var;
	struct tw_sample s;
	char *mem; /* of a string; kept when the variable is unset */
	size_t room;
	bool set;
};

static struct tw_var *_Atomic names; /* shared: owns; only grows, for ever */
static pthread_mutex_t names_lock = PTHREAD_MUTEX_INITIALIZER;
static struct tw__var_value *proc_values; /* shared: proc_lock */
static pthread_rwlock_t proc_lock = PTHREAD_RWLOCK_INITIALIZER;

/* ---- names -------------------------------------------------------------- */

static const char *const scope_words[N_SCOPES] = { "proc", "sess", "txn", "req", "res",
	"check" };

static enum scope
scope_of(struct tw_str name)
{
	int i = 0;

	while (i < N_SCOPES &&
	    (name.len <= strlen(scope_words[i]) + 1 ||
		!tw_str_has_prefix(name, tw_str_of(scope_words[i])) ||
		name.p[strlen(scope_words[i])] != '.'))
		i++;
	return (enum scope)i;
}

static int
name_check(struct tw_str name, struct tw_err *err)
{
	const enum scope scope = scope_of(name);

	if (scope == N_SCOPES)
		return tw_err_set(err,
		    "invalid variable name '%.*s'. A variable name must start by its "
		    "scope. The scope can be 'proc', 'sess', 'txn', 'req', 'res' or "
		    "'check', followed by a dot and a name",
		    TW_STR_FMT(name));
	for (size_t i = 0; i < name.len; i++)
		if (!isalnum((unsigned char)name.p[i]) && name.p[i] != '_' &&
		    name.p[i] != '.')
			return tw_err_set(err,
			    "invalid variable name '%.*s': it may hold letters, "
			    "digits, '_' and '.', not '%c'",
			    TW_STR_FMT(name), name.p[i]);
	return 0;
}

static struct tw_var *
name_find(struct tw_str name)
{
	struct tw_var *v = atomic_load_explicit(&names, memory_order_acquire);

	while (v != NULL && !tw_str_eq(tw_str_of(v->name), name))
		v = v->next;
	return v;
}

struct tw_var *
tw_var_find(struct tw_str name)
{
	return name_find(name);
}

struct tw_var *
tw_var_of(struct tw_str name, struct tw_err *err)
{
	if (name_check(name, err) != 0)
		return NULL;
	struct tw_var *v = name_find(name);
	if (v != NULL)
		return v;
	pthread_mutex_lock(&names_lock);
	v = name_find(name); /* somebody else may have been faster */
	if (v == NULL) {
		v = calloc(1, sizeof(*v) + name.len + 1);
		TW_ASSERT(v != NULL);
		v->scope = scope_of(name);
		memcpy(v->name, name.p, name.len);
		v->next = atomic_load_explicit(&names, memory_order_relaxed);
		atomic_store_explicit(&names, v, memory_order_release);
	}
	pthread_mutex_unlock(&names_lock);
	return v;
}

/* ---- values ------------------------------------------------------------- */

/* Scope req ends where scope res begins: when the request has left. */
static struct tw__var_value **
list_of(struct tw_req *req, enum scope scope)
{
	if (scope == PROC)
		return &proc_values;
	if (req == NULL)
		return NULL;
	if (req->cli == NULL) /* tw_check_req(), tw_message_req() */
		return scope == CHECK || scope == SESS ? req->side_vars : NULL;
	if (scope == CHECK)
		return NULL;
	if (scope == SESS)
		return &tw__conn_session(req->cli)->vars;
	if (scope == TXN || (scope == RES) == (req->t_connect != 0))
		return &req->vars;
	return NULL;
}

static struct tw__var_value *
find(struct tw__var_value **list, const struct tw_var *var)
{
	struct tw__var_value *v = list != NULL ? *list : NULL;

	while (v != NULL && v->var != var)
		v = v->next;
	return v;
}

/* What outlives an exchange. */
static bool
is_on_heap(enum scope scope)
{
	return scope <= SESS || scope == CHECK;
}

static void *
memory(struct tw_req *req, enum scope scope, size_t len)
{
	return is_on_heap(scope) ? malloc(len) : tw_arena_try(tw_req_arena(req), len);
}

static bool
is_text(const struct tw_sample *s)
{
	return s->type == TW_STRING || s->type == TW_BINARY || s->type == TW_METH;
}

static bool
store(struct tw_req *req, struct tw__var_value *v, const struct tw_sample *s)
{
	const enum scope scope = v->var->scope;
	struct tw_sample copy = *s;

	if (is_text(s)) {
		if (v->mem == NULL || s->u.str.len > v->room) {
			const size_t room = s->u.str.len + 32;
			char *const mem = memory(req, scope, room);
			if (mem == NULL)
				return false;
			if (is_on_heap(scope))
				free(v->mem);
			v->mem = mem;
			v->room = room;
		}
		if (s->u.str.len > 0)
			memmove(v->mem, s->u.str.p, s->u.str.len);
		copy.u.str.p = v->mem;
	}
	copy.may_change = false;
	v->s = copy;
	v->set = true;
	return true;
}

/* --- tune.vars.*-max-size: only where there is one --- */

static uint64_t
bytes_of(const struct tw_sample *s)
{
	return is_text(s) ? s->u.str.len : s->type == TW_IPV6 ? 16 : 8;
}

/* Of all that are set, but for the one that is about to change. in: scope,
 * N_SCOPES: all. */
static uint64_t
sum_of(const struct tw__var_value *v, enum scope scope, const struct tw_var *but)
{
	uint64_t n = 0;

	for (; v != NULL; v = v->next) {
		if (v->set && v->var != but &&
		    (scope == N_SCOPES || v->var->scope == scope))
			n += bytes_of(&v->s);
	}
	return n;
}

static bool
is_above(uint64_t n, uint32_t most)
{
	return most != 0 && n > most;
}

/* The limit of a scope holds for those inside of it, too. */
static __attribute__((noinline)) bool
has_room(const struct tw_req *req, const struct tw_var *var, const struct tw_sample *s,
    const struct tw__tune *t)
{
	const enum scope scope = var->scope;
	const uint64_t more = bytes_of(s);
	const uint64_t txn = sum_of(req->vars, N_SCOPES, var);

	if (scope >= REQ &&
	    is_above(sum_of(req->vars, scope, var) + more, t->vars_reqres))
		return false;
	if (scope >= TXN && is_above(txn + more, t->vars_txn))
		return false;
	return !is_above(
	    txn + sum_of(tw__conn_session(req->cli)->vars, N_SCOPES, var) + more,
	    t->vars_sess);
}

static bool
set_in(struct tw_req *req, struct tw__var_value **list, const struct tw_var *var,
    const struct tw_sample *s)
{
	struct tw__var_value *v = find(list, var);

	if (v == NULL) {
		v = memory(req, var->scope, sizeof(*v));
		if (v == NULL)
			return false;
		*v = (struct tw__var_value){ .next = *list, .var = var };
		*list = v;
	}
	return store(req, v, s);
}

bool
tw_var_set(struct tw_req *req, const struct tw_var *var, const struct tw_sample *s)
{
	struct tw__var_value **const list = list_of(req, var->scope);

	if (list == NULL)
		return false;
	if (var->scope != PROC) {
		const struct tw__tune *const t = &req->fe->gen->global.tune;

		if (TW_UNLIKELY((t->vars_sess | t->vars_txn | t->vars_reqres) != 0) &&
		    !has_room(req, var, s, t)) {
			tw_var_unset(req, var);
			return false;
		}
		return set_in(req, list, var, s);
	}
	pthread_rwlock_wrlock(&proc_lock);
	const bool done = set_in(req, list, var, s);
	pthread_rwlock_unlock(&proc_lock);
	return done;
}

/* A copy, as another worker may set it at any time. */
static bool
get_proc(struct tw_req *req, const struct tw_var *var, struct tw_sample *out)
{
	pthread_rwlock_rdlock(&proc_lock);
	const struct tw__var_value *const v = find(&proc_values, var);
	bool found = v != NULL && v->set;

	if (found) {
		*out = v->s;
		if (is_text(out) && out->u.str.len > 0) {
			char *const mem = tw__scratch(req, out->u.str.len);
			found = mem != NULL;
			if (found)
				memcpy(mem, v->mem, out->u.str.len);
			out->u.str.p = mem;
		}
	}
	pthread_rwlock_unlock(&proc_lock);
	return found;
}

bool
tw_var_get(struct tw_req *req, const struct tw_var *var, struct tw_sample *out)
{
	if (var->scope == PROC)
		return get_proc(req, var, out);
	const struct tw__var_value *const v = find(list_of(req, var->scope), var);
	if (v == NULL || !v->set)
		return false;
	*out = v->s;
	return true;
}

void
tw_var_unset(struct tw_req *req, const struct tw_var *var)
{
	if (var->scope == PROC)
		pthread_rwlock_wrlock(&proc_lock);
	struct tw__var_value *const v = find(list_of(req, var->scope), var);
	if (v != NULL)
		v->set = false;
	if (var->scope == PROC)
		pthread_rwlock_unlock(&proc_lock);
}

bool
tw_var_exists(struct tw_req *req, const struct tw_var *var)
{
	if (var->scope == PROC) /* made when the configuration is read */
		return true;
	return find(list_of(req, var->scope), var) != NULL;
}

const char *
tw__var_each(struct tw_req *req, int i, struct tw_sample *s)
{
	const struct tw__var_value *v = req->vars;

	while (v != NULL && i-- > 0)
		v = v->next;
	if (v == NULL)
		for (v = tw__conn_session(req->cli)->vars; v != NULL && i-- > 0;)
			v = v->next;
	if (v == NULL)
		return NULL;
	*s = v->s;
	if (!v->set)
		s->type = TW_ANY;
	return v->var->name;
}

void
tw__vars_visit(struct tw_req *req, const char *scope_name,
    void (*fn)(void *arg, const char *name, const struct tw_sample *s), void *arg)
{
	enum scope scope = PROC;

	while (scope < N_SCOPES && strcmp(scope_words[scope], scope_name) != 0)
		scope++;
	TW_ASSERT(scope < N_SCOPES);
	if (scope == PROC)
		pthread_rwlock_rdlock(&proc_lock);
	struct tw__var_value **const list = list_of(req, scope);
	for (const struct tw__var_value *v = list != NULL ? *list : NULL; v != NULL;
	     v = v->next)
		if (v->set && v->var->scope == scope)
			fn(arg, v->var->name, &v->s);
	if (scope == PROC)
		pthread_rwlock_unlock(&proc_lock);
}

void
tw_check_vars(struct tw_req *req, struct tw__var_value **vars)
{
	TW_ASSERT(req->cli == NULL);
	req->side_vars = vars;
}

void
tw_vars_free(struct tw__var_value **vars)
{
	tw__vars_free(vars);
}

void
tw__vars_free(struct tw__var_value **list)
{
	while (*list != NULL) {
		struct tw__var_value *const v = *list;

		*list = v->next;
		free(v->mem);
		free(v);
	}
}

/* ---- var() -------------------------------------------------------------- */

static int
check_var(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err)
{
	(void)gen;
	args[0].ptr = tw_var_of(args[0].str, err);
	return args[0].ptr != NULL ? 0 : -1;
}

static bool
fetch_var(struct tw_req *req, const struct tw_arg_val *args, struct tw_cursor *cur,
    struct tw_sample *out)
{
	(void)cur;
	if (args[0].ptr != NULL && tw_var_get(req, args[0].ptr, out))
		return true;
	if (args[1].type == TW_ANY)
		return false;
	return tw_sample_str(out, TW_STRING, args[1].str);
}

const struct tw_fetch tw__var_fetches[] = {
	{ "var", "s[,s]", TW_ANY, TW_AT_ANY, fetch_var, NULL, check_var,
	    "The value of a variable, of whatever type it has; the second argument "
	    "when it is not set." },
	{ .name = NULL },
};

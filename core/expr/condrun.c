/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * condrun.c - neighbouring conditions that compare one fetch with fixed text.
 *
 * `if { hdr(host) -i a }`, `if { hdr(host) -i b } { path_beg /x }`, ...: one
 * look into a hash tells which of them may hold. A condition belongs to a run
 * when it cannot hold unless its text is found: each of its groups has a term,
 * not negated, whose tests are all of the run's expression. The first of a
 * condition decides on the expression. Whoever walks the run asks only those
 * that the look has found, in their order. Built when all files are read, from
 * the patterns that the ACLs keep; read by all workers.
 */
#include "config.h"

#include "expr/cond.h"
#include "flow/trail.h"

#define RUN_MIN 4 /* fewer are as quick one by one */

enum method { EXACT, BEGIN, END, SUB, DIR, DOM, N_METHODS, NO_METHOD = N_METHODS };

/* Strings and the condition that each belongs to. */
struct side {
	struct tw__strset set;
	struct tw__subset inside; /* SUB, DIR, DOM */
	uint32_t *cond;           /* of item i */
	uint32_t *twin;           /* 1 + the next item of the same text; 0: none */
	uint32_t n_cond;          /* room */
};

struct tw_cond_run {
	const struct tw_expr *expr;
	struct side side[N_METHODS][2]; /* as written; in lower case */
	bool folds;                     /* some is in lower case */
	uint32_t n;
	const atomic_bool *changed; /* by a command: they are asked one by one */
};

static enum method
method_of(enum tw__match m)
{
	switch (m) {
	case TW__STR:
		return EXACT;
	case TW__BEG:
		return BEGIN;
	case TW__END:
		return END;
	case TW__SUB:
		return SUB;
	case TW__DIR:
		return DIR;
	case TW__DOM:
		return DOM;
	default:
		return NO_METHOD;
	}
}

/* ---- what belongs ------------------------------------------------------- */

static bool
is_key(const struct tw__acl *acl, const char *key)
{
	for (const struct tw__acl_test *t = acl->tests; t != NULL; t = t->next)
		if (t->files != NULL || t->present || t->pats == NULL ||
		    method_of(t->match) == NO_METHOD || strcmp(t->expr->key, key) != 0)
			return false;
	return acl->tests != NULL;
}

/* The term of the group at `from` that tells; NULL: none does. */
static const struct tw__term *
key_term(const struct tw_cond *c, uint16_t from, const char *key)
{
	for (uint16_t i = from; i < c->term[from].skip; i++)
		if (!c->term[i].negated && is_key(c->term[i].acl, key))
			return &c->term[i];
	return NULL;
}

static bool
belongs(const struct tw_cond *c, const char *key)
{
	if (c == NULL || c->unless || c->n == 0 || !tw__cond_is_pure(c))
		return false;
	for (uint16_t i = 0; i < c->n; i = c->term[i].skip)
		if (key_term(c, i, key) == NULL)
			return false;
	return true;
}

static int
length_with(const struct tw_cond *const *cond, int n, const char *key)
{
	int len = 0;

	while (len < n && belongs(cond[len], key))
		len++;
	return len;
}

/* The expression that most conditions from here on ask for. out: len. */
static const struct tw_expr *
key_of(const struct tw_cond *const *cond, int n, int *len)
{
	const struct tw_cond *const c = cond[0];
	const struct tw_expr *best = NULL;

	*len = 0;
	for (uint16_t i = 0; c != NULL && c->n > 0 && i < c->term[0].skip; i++) {
		const struct tw__acl_test *const t = c->term[i].acl->tests;
		if (c->term[i].negated || t == NULL || (best && t->expr == best) ||
		    tw__expr_steady(t->expr) > TW__BY_VARS)
			continue;
		const int with = length_with(cond, n, t->expr->key);
		if (with > *len) {
			*len = with;
			best = t->expr;
		}
	}
	return best;
}

/* ---- building ----------------------------------------------------------- */

static void
add_items(
    struct tw_arena *arena, struct side *to, const struct tw__strset *from, uint32_t i)
{
	for (uint32_t k = 0; k < from->n; k++) {
		tw__strset_add(arena, &to->set, from->item[k]);
		if (to->set.n > to->n_cond) {
			const uint32_t room = to->n_cond ? to->n_cond * 2 : 16;
			uint32_t *const grown =
			    tw_arena_alloc(arena, sizeof(*grown) * room);
			if (to->n_cond > 0)
				memcpy(grown, to->cond, sizeof(*grown) * to->n_cond);
			to->cond = grown;
			to->n_cond = room;
		}
		to->cond[to->set.n - 1] = i;
	}
}

static void
add_acl(struct tw_arena *arena, struct tw_cond_run *run, const struct tw__acl *acl)
{
	for (const struct tw__acl_test *t = acl->tests; t != NULL; t = t->next) {
		struct side *const side = run->side[method_of(t->match)];
		add_items(arena, &side[0], tw__pats_strings(t->pats, false), run->n);
		add_items(arena, &side[1], tw__pats_strings(t->pats, true), run->n);
	}
}

static void
add_cond(struct tw_arena *arena, struct tw_cond_run *run, const struct tw_cond *c)
{
	for (uint16_t i = 0; i < c->n; i = c->term[i].skip)
		add_acl(arena, run, key_term(c, i, run->expr->key)->acl);
	run->n++;
}

static void
close_side(struct tw_arena *arena, struct side *side, enum tw__match m)
{
	struct tw__strset *const set = &side->set;

	if (set->n == 0)
		return;
	tw__strset_close(arena, set);
	tw__subset_build(arena, &side->inside, set, m);
	side->twin = tw_arena_zalloc(arena, sizeof(uint32_t) * set->n);
	for (uint32_t i = set->n; i-- > 0;) { /* the first finds the others */
		const uint32_t first = tw__strset_find(set, set->item[i]) - 1;
		if (first != i) {
			side->twin[i] = side->twin[first];
			side->twin[first] = i + 1;
		}
	}
}

static void
close_sides(struct tw_arena *arena, struct tw_cond_run *run)
{
	static const enum tw__match match[N_METHODS] = { TW__STR, TW__BEG, TW__END,
		TW__SUB, TW__DIR, TW__DOM };

	for (int m = 0; m < N_METHODS; m++) {
		close_side(arena, &run->side[m][0], match[m]);
		close_side(arena, &run->side[m][1], match[m]);
		run->folds |= run->side[m][1].set.n > 0;
	}
}

struct tw_cond_run *
tw_cond_run_new(struct tw_gen *gen, const struct tw_cond *const *cond, int n)
{
	struct tw_arena *const arena = tw_gen_arena(gen);
	int len = 0;
	const struct tw_expr *const key = n >= RUN_MIN ? key_of(cond, n, &len) : NULL;

	if (len < RUN_MIN)
		return NULL;
	struct tw_cond_run *const run = tw_arena_zalloc(arena, sizeof(*run));
	run->expr = key;
	run->changed = &tw__expr_gen(gen)->lines_changed;
	for (int i = 0; i < len; i++)
		add_cond(arena, run, cond[i]);
	close_sides(arena, run);
	return run;
}

int
tw_cond_run_length(const struct tw_cond_run *run)
{
	return (int)run->n;
}

/* ---- looking ------------------------------------------------------------ */

struct look {
	struct tw_cond_hits *hits;
	const struct side *side;
	uint32_t from;
};

/* The lowest ones are kept, in their order. */
static void
hit(struct tw_cond_hits *h, uint32_t i)
{
	uint16_t at = h->n;

	while (at > 0 && h->i[at - 1] >= i) {
		if (h->i[--at] == i)
			return;
	}
	if (at == TW_COND_HITS) {
		h->more = true;
		return;
	}
	if (h->n == TW_COND_HITS) {
		h->more = true;
		h->n--;
	}
	memmove(&h->i[at + 1], &h->i[at], sizeof(h->i[0]) * (size_t)(h->n - at));
	h->i[at] = i;
	h->n++;
}

static void
found(void *arg, uint32_t item)
{
	const struct look *const l = arg;

	for (uint32_t k = item + 1; k != 0; k = l->side->twin[k - 1])
		if (l->side->cond[k - 1] >= l->from)
			hit(l->hits, l->side->cond[k - 1]);
}

static void
look_at_ends(struct look *l, enum method m, struct tw_str s)
{
	const struct tw__strset *const set = &l->side->set;

	for (uint32_t i = 0; i < set->n_lengths && set->length[i] <= s.len; i++) {
		const uint32_t len = set->length[i];
		if (m == EXACT && len != s.len)
			continue;
		const char *const p = m == END ? s.p + s.len - len : s.p;
		const uint32_t at = tw__strset_find(set, (struct tw_str){ p, len });
		if (at != 0)
			found(l, at - 1);
	}
}

static void
look_up(struct look *l, const struct tw_cond_run *run, bool folded, struct tw_str s)
{
	for (int m = 0; m < N_METHODS; m++) {
		l->side = &run->side[m][folded];
		if (l->side->set.n == 0)
			continue;
		if (m < SUB)
			look_at_ends(l, (enum method)m, s);
		else
			tw__subset_each(&l->side->inside, s, found, l);
	}
}

/* false: out of memory, nothing is known. */
static bool
look(
    const struct tw_cond_run *run, struct tw_req *req, int from, struct tw_cond_hits *h)
{
	struct tw_cursor cur = { .more = false };
	struct tw_sample s;
	struct look l = { .hits = h, .from = (uint32_t)from };
	int got;

	*h = (struct tw_cond_hits){ .run = run };
	while ((got = tw__expr_once(run->expr, req, &cur, &s)) >= 0) {
		if (got > 0 && tw__cast(req, &s, TW_STRING)) {
			const struct tw_str text = { s.u.str.p ? s.u.str.p : "",
				s.u.str.len };
			look_up(&l, run, false, text);
			const struct tw_str low =
			    run->folds ? tw__lower(req, text) : text;
			if (low.p == NULL)
				return false;
			if (run->folds)
				look_up(&l, run, true, low);
		}
		if (!cur.more)
			break;
	}
	return true;
}

int
tw_cond_run_next(
    const struct tw_cond_run *run, struct tw_req *req, int from, struct tw_cond_hits *h)
{
	if (TW_UNLIKELY(atomic_load_explicit(run->changed, memory_order_relaxed)))
		return from;
	if (h->run == run) {
		while (h->at < h->n && h->i[h->at] < (uint32_t)from)
			h->at++;
		if (h->at < h->n)
			return (int)h->i[h->at];
		if (!h->more)
			return (int)run->n;
	}
	if (!look(run, req, from, h)) {
		h->run = NULL;
		return from; /* let it be tried */
	}
	return h->n > 0 ? (int)h->i[0] : (int)run->n;
}

void
tw_trail_cond_run(struct tw_req *req, const struct tw_cond_run *run)
{
	struct tw__acl_told t = { .expr = run->expr->text,
		.verb = "is none of their texts" };
	struct tw_sample s;

	if (req->record == NULL)
		return;
	if (tw_expr_eval(run->expr, req, &s))
		t.value = tw__trail_sample(req, &s);
	tw__trail_acl(req, &t);
}

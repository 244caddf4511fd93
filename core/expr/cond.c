/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * cond.c - `if` and `unless`: ACLs joined by AND, OR and !.
 *
 * A condition is a flat array of terms. A false term skips to the next `or`,
 * a group that got to its end ends the whole: each ACL is asked only when its
 * answer matters, in the order written. source: HAProxy's manual, 7.2.
 */
#include "config.h"

#include <tideway/text.h>

#include "expr/cond.h"
#include "flow/trail.h"

struct parser {
	const struct tw__ectx *cx;
	struct tw__acl **list;
	char *const *word;
	int n, i;
};

static bool
is_or(const char *word)
{
	return strcasecmp(word, "or") == 0 || strcmp(word, "||") == 0;
}

static struct tw__acl *
read_anonymous(struct parser *p)
{
	const int first = ++p->i;

	while (p->i < p->n && strcmp(p->word[p->i], "}") != 0)
		p->i++;
	if (p->i == p->n) {
		p->i = first - 1;
		tw_err_set(p->cx->err,
		    "missing closing '}' in the condition: "
		    "braces stand alone, with a space on both sides");
		return NULL;
	}
	int bad = 0;
	struct tw__ectx cx = *p->cx;
	cx.bad = &bad;
	struct tw__acl *const acl =
	    tw__acl_anonymous(&cx, p->word + first, p->i - first);
	if (acl == NULL) {
		p->i = first + bad;
		return NULL;
	}
	p->i++;
	return acl;
}

static struct tw__acl *
read_named(struct parser *p, const char *name)
{
	struct tw__acl *acl = tw__acl_find(*p->list, name);

	if (acl == NULL)
		acl = tw__acl_builtin(p->cx, p->list, name);
	if (acl == NULL && p->cx->err->text[0] == '\0')
		tw_err_set(p->cx->err,
		    "no such ACL: '%s'; declare it above "
		    "with `acl %s ...`",
		    name, name);
	if (acl != NULL) {
		acl->used = true;
		p->i++;
	}
	return acl;
}

/* One `[!]name` or `[!] { ... }`. */
static int
read_term(struct parser *p, struct tw__term *t)
{
	const char *word = p->word[p->i];

	while (*word == '!') {
		t->negated = !t->negated;
		word++;
		if (*word != '\0')
			continue;
		if (++p->i == p->n) {
			p->i--;
			return tw_err_set(p->cx->err, "an ACL is expected after '!'");
		}
		word = p->word[p->i];
	}
	struct tw__acl *const acl =
	    strcmp(word, "{") == 0 ? read_anonymous(p) : read_named(p, word);
	t->acl = acl;
	return acl != NULL ? 0 : -1;
}

static int
read_terms(struct parser *p, struct tw_cond *c)
{
	uint16_t first = 0; /* of the open group */

	for (; p->i < p->n;) {
		if (!is_or(p->word[p->i])) {
			if (read_term(p, &c->term[c->n]) != 0)
				return -1;
			c->n++;
			continue;
		}
		if (c->n == first)
			return tw_err_set(p->cx->err, "an ACL is expected before '%s'",
			    p->word[p->i]);
		c->term[c->n - 1].last = true;
		for (; first < c->n; first++)
			c->term[first].skip = c->n;
		p->i++;
	}
	if (c->n == first) {
		p->i = p->n - 1;
		return tw_err_set(
		    p->cx->err, "an ACL is expected after '%s'", p->word[p->i]);
	}
	c->term[c->n - 1].last = true;
	for (; first < c->n; first++)
		c->term[first].skip = c->n;
	return 0;
}

struct tw_cond *
tw__cond_parse(const struct tw__ectx *cx, struct tw__acl **list, char *const *word,
    int n, int *bad)
{
	struct parser p = { .cx = cx, .list = list, .word = word, .n = n, .i = 1 };

	*bad = 0;
	if (n == 0 || (strcmp(word[0], "if") != 0 && strcmp(word[0], "unless") != 0)) {
		tw_err_set(cx->err, "'if' or 'unless' is expected%s%s%s",
		    n ? ", not '" : "", n ? word[0] : "", n ? "'" : "");
		return NULL;
	}
	struct tw_cond *const c = tw_arena_zalloc(
	    tw_gen_arena(cx->gen), sizeof(*c) + sizeof(c->term[0]) * (size_t)n);
	c->unless = word[0][0] == 'u';
	c->proxy = cx->proxy;
	c->where = cx->where;
	if (n > UINT16_MAX || read_terms(&p, c) != 0) {
		*bad = p.i;
		return NULL;
	}
	struct tw__expr_gen *const eg = tw__expr_gen(cx->gen);
	c->next = eg->conds;
	eg->conds = c;
	return c;
}

/* The fetch that has no value there. */
static const char *
misplaced_fetch(const struct tw__acl *acl, unsigned where)
{
	const struct tw__acl_test *t = acl->tests;

	while (t->next != NULL && (t->expr->fetch->where & where) != 0)
		t = t->next;
	return t->expr->fetch->name;
}

/* Warns of ACLs that cannot have a value where the condition is asked. */
static void
warn_never(const struct tw_line *ln, const struct tw_cond *c, unsigned where)
{
	for (uint16_t i = 0; i < c->n; i++) {
		const struct tw__acl *const acl = c->term[i].acl;
		if ((acl->where & where) == 0)
			tw_line_warn(ln, -1,
			    "acl '%s' will never match here: it uses keyword '%s', and "
			    "what that reads is not known yet or no more",
			    acl->name ? acl->name : "{ ... }",
			    misplaced_fetch(acl, where));
	}
}

struct tw_cond *
tw_cond_compile(struct tw_line *ln, int i, unsigned where)
{
	static char *no_words[1];
	int bad;
	struct tw_err err = { "" };
	const struct tw__ectx cx = tw__ectx_of(ln, where, &err);
	const int n = ln->n_args > i ? ln->n_args - i : 0;
	struct tw__acl *none = NULL;
	struct tw_cond *const c =
	    tw__cond_parse(&cx, ln->proxy ? tw__proxy_acls(ln->proxy) : &none,
		n ? ln->word + ln->arg + i : no_words, n, &bad);

	if (c == NULL) {
		tw_line_fail(ln, n ? i + bad : -1, "%s", err.text);
		return NULL;
	}
	warn_never(ln, c, where);
	return c;
}

static inline __attribute__((always_inline)) bool
term_holds(const struct tw__term *t, struct tw_req *req, bool told)
{
	return told ? tw__acl_eval_told(t->acl, req, t->negated)
		    : tw__acl_eval(t->acl, req);
}

/* One text for both: with a trail and, without any cost of it, for all others. */
static inline __attribute__((always_inline)) bool
eval(const struct tw_cond *c, struct tw_req *req, const bool told)
{
	for (uint16_t i = 0; i < c->n;) {
		const struct tw__term *const t = &c->term[i];
		if (term_holds(t, req, told) == t->negated) {
			i = t->skip;
			continue;
		}
		if (t->last)
			return !c->unless;
		i++;
	}
	return c->unless;
}

bool
tw_cond_eval(const struct tw_cond *c, struct tw_req *req)
{
	return eval(c, req, false);
}

/* One ACL: 1, 0; -1: a fetch of it waits for more. */
static inline __attribute__((always_inline)) int
try_term(const struct tw__term *t, struct tw_req *req, bool told)
{
	req->undecided = false;
	if (term_holds(t, req, told))
		return 1;
	return req->undecided ? -1 : 0;
}

/* What is false stays so whatever is open beside it; what is true decides. */
static inline __attribute__((always_inline)) int
try(const struct tw_cond *c, struct tw_req *req, const bool told)
{
	bool open = false, group_open = false;

	for (uint16_t i = 0; i < c->n;) {
		const struct tw__term *const t = &c->term[i];
		const int r = try_term(t, req, told);
		if (r >= 0 && (r == 1) == t->negated) {
			i = t->skip;
			group_open = false;
			continue;
		}
		group_open |= r < 0;
		if (!t->last) {
			i++;
			continue;
		}
		if (!group_open)
			return c->unless ? 0 : 1;
		open = true;
		group_open = false;
		i = t->skip;
	}
	return open ? -1 : c->unless ? 1 : 0;
}

int
tw_cond_try(const struct tw_cond *c, struct tw_req *req)
{
	return try(c, req, false);
}

int
tw_trail_cond(struct tw_req *req, const struct tw_cond *c)
{
	if (req->record == NULL)
		return tw_req_final(req) ? tw_cond_eval(c, req) : tw_cond_try(c, req);
	return tw_req_final(req) ? eval(c, req, true) : try(c, req, true);
}

int
tw_cond_constant(const struct tw_cond *c)
{
	return c == NULL ? 1 : c->n == 0 ? c->unless : -1;
}

void
tw_req_undecided(struct tw_req *req)
{
	req->undecided = true;
}

bool
tw_req_final(const struct tw_req *req)
{
	return !req->unfinished;
}

void
tw_req_set_final(struct tw_req *req, bool final)
{
	req->unfinished = !final;
}

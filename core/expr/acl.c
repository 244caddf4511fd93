/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * acl.c - `acl` lines, anonymous and predefined ACLs.
 *
 * An ACL is a list of tests, one for each line that declares it; it holds
 * when one of them does. A test is an expression, a match method and a set of
 * patterns; of a fetch with several values, one that matches is enough. The
 * method comes from -m, from the name's suffix (path_beg), from the fetch, or
 * from the type of the result, in this order.
 * source: HAProxy's manual, 7.1, 7.2 and 7.4.
 */
#include "config.h"

#include <ctype.h>

#include "expr/acl_told.h"
#include "expr/cond.h"
#include "expr/patref.h"

#define WORDS_MAX 8

/* Flags and patterns while they are read. */
struct reader {
	const struct tw__ectx *cx;
	struct tw__pats *pats;
	struct tw__acl_test *test;
	struct tw__acl_file **file_tail; /* of test->files */
	const char *by_name;             /* suffix of the criterion; NULL: none */
	bool fold, no_resolve, map, some, method_set;
	char *const *word;
	int n, i, n_patterns;
	int id;      /* -u; -1: none */
	char **kept; /* gen; the patterns as written */
};

/* Predefined ACLs: name, criterion, patterns. */
static const struct {
	const char *name;
	const char *word[WORDS_MAX];
} builtins[] = {
	{ "FALSE", { "always_false" } },
	{ "HTTP", { "req.proto_http" } },
	{ "HTTP_1.0", { "req.ver", "1.0" } },
	{ "HTTP_1.1", { "req.ver", "1.1" } },
	{ "HTTP_2.0", { "req.ver", "2.0" } },
	{ "HTTP_CONTENT", { "req.hdr_val(content-length)", "gt", "0" } },
	{ "HTTP_URL_ABS", { "url_reg", "^[^/:]*://" } },
	{ "HTTP_URL_SLASH", { "url_beg", "/" } },
	{ "HTTP_URL_STAR", { "url", "*" } },
	{ "LOCALHOST", { "src", "127.0.0.1/8", "::1" } },
	{ "METH_CONNECT", { "method", "CONNECT" } },
	{ "METH_DELETE", { "method", "DELETE" } },
	{ "METH_GET", { "method", "GET", "HEAD" } },
	{ "METH_HEAD", { "method", "HEAD" } },
	{ "METH_OPTIONS", { "method", "OPTIONS" } },
	{ "METH_POST", { "method", "POST" } },
	{ "METH_PUT", { "method", "PUT" } },
	{ "METH_TRACE", { "method", "TRACE" } },
	{ "RDP_COOKIE", { "req.rdp_cookie_cnt", "gt", "0" } },
	{ "REQ_CONTENT", { "req.len", "gt", "0" } },
	{ "TRUE", { "always_true" } },
	{ "WAIT_END", { "wait_end" } },
};

const char *
tw__acl_builtin_at(int i, char *text, size_t room)
{
	struct tw_out o = tw_out_of(text, room - 1);

	if (i < 0 || (size_t)i >= TW_N_ELEMENTS(builtins))
		return NULL;
	tw_out_lit(&o, "Is");
	for (int k = 0; k < WORDS_MAX && builtins[i].word[k] != NULL; k++)
		tw_out_printf(&o, " %s", builtins[i].word[k]);
	tw_out_char(&o, '.');
	*o.p = '\0';
	return builtins[i].name;
}

/* ---- pattern files ------------------------------------------------------ */

static int
add_file(struct reader *r, const char *path)
{
	const struct tw__patkind kind = {
		.match = r->test->match, .fold = r->fold, .resolve = !r->no_resolve
	};
	struct tw_arena *const arena = tw_gen_arena(r->cx->gen);

	r->some = true;
	struct tw__patref *const ref = tw__patref_open(r->cx, path, r->map);
	struct tw__patview *const view =
	    ref != NULL ? tw__patref_view(r->cx, ref, &kind) : NULL;
	if (view == NULL)
		return -1;
	struct tw__acl_file *const file = tw_arena_zalloc(arena, sizeof(*file));
	file->view = view;
	*r->file_tail = file;
	r->file_tail = &file->next;
	return 0;
}

/* ---- flags -------------------------------------------------------------- */

static int
choose_method(struct reader *r, enum tw__match m)
{
	const enum tw_type from = r->test->expr->out;

	if (!tw__match_takes(m, from, &r->test->cast))
		return tw_err_set(r->cx->err,
		    "'%s' gives %s, which '-m %s' "
		    "cannot match",
		    r->test->expr->text, tw__type_name(from), tw__match_name(m));
	if ((m == TW__IP && from != TW_SINT) || m == TW__FOUND)
		r->test->cast = TW_ANY;
	r->test->match = m;
	r->test->present = m == TW__FOUND;
	r->pats = tw__pats_new(r->cx, m);
	return 0;
}

static const char *
default_method(const struct tw_expr *e, const char *suffix)
{
	if (e->n_convs == 0 && suffix != NULL)
		return suffix;
	if (e->n_convs == 0 && e->fetch->match != NULL)
		return e->fetch->match;
	switch ((enum tw_type)e->out) {
	case TW_BOOL:
		return "bool";
	case TW_SINT:
		return "int";
	case TW_IPV4:
	case TW_IPV6:
		return "ip";
	case TW_STRING:
		return "str";
	case TW_METH:
		return "meth";
	default:
		return NULL;
	}
}

/* Before the first pattern or file: what -m has not said. */
static int
need_method(struct reader *r)
{
	if (r->pats != NULL)
		return 0;
	const char *const name = default_method(r->test->expr, r->by_name);
	if (name == NULL)
		return tw_err_set(r->cx->err,
		    "'%s' gives %s: say with -m how "
		    "to match it",
		    r->test->expr->text, tw__type_name(r->test->expr->out));
	const enum tw__match m = tw__match_of(name);
	if (m == TW__N_MATCH)
		return tw_err_set(r->cx->err, "unknown matching method '%s'", name);
	return choose_method(r, m);
}

static int
flag_m(struct reader *r, const char *name)
{
	const enum tw__match m = tw__match_of(name);

	if (r->some)
		return tw_err_set(
		    r->cx->err, "-m must stand before patterns and files");
	if (m == TW__N_MATCH)
		return tw_err_set(r->cx->err,
		    "unknown matching method '%s': "
		    "write found, bool, int, ip, str, beg, end, sub, dir, dom, "
		    "len, reg, bin or meth",
		    name);
	return choose_method(r, m);
}

static int
flag_u(struct reader *r, const char *id)
{
	uint64_t n;

	if (!tw_str_to_u64(tw_str_of(id), &n) || n > INT32_MAX)
		return tw_err_set(r->cx->err, "-u takes a number, not '%s'", id);
	r->id = (int)n;
	return 0;
}

/* One flag, with its argument. returns: 1 was one; 0 the flags are over. */
static int
read_flag(struct reader *r)
{
	const char *const flag = r->word[r->i];
	const char *const arg = r->i + 1 < r->n ? r->word[r->i + 1] : NULL;

	if (flag[0] != '-' || flag[1] == '\0' || flag[2] != '\0' ||
	    strchr("infmuM-", flag[1]) == NULL)
		return 0;
	if (strchr("fmu", flag[1]) != NULL && arg == NULL)
		return tw_err_set(r->cx->err, "%s needs an argument", flag);
	r->i += strchr("fmu", flag[1]) != NULL ? 2 : 1;
	switch (flag[1]) {
	case 'i':
		r->fold = true;
		return 1;
	case 'n':
		r->no_resolve = true;
		return 1;
	case 'M':
		r->map = true;
		return 1;
	case 'm':
		return flag_m(r, arg) == 0 ? 1 : -1;
	case 'u':
		return flag_u(r, arg) == 0 ? 1 : -1;
	case 'f':
		return need_method(r) == 0 && add_file(r, arg) == 0 ? 1 : -1;
	default: /* "--" */
		r->some = true;
		return 0;
	}
}

/* ---- tests -------------------------------------------------------------- */

/* Patterns as they are written. */
static void
keep_words(struct reader *r)
{
	struct tw_arena *const arena = tw_gen_arena(r->cx->gen);
	const int n = r->n - r->i;
	const char **const word =
	    tw_arena_alloc(arena, sizeof(*word) * (size_t)(n + 1));

	for (int i = 0; i < n; i++)
		word[i] = tw_arena_strdup(arena, r->word[r->i + i]);
	r->test->word = word;
	r->test->n_words = n;
	r->test->fold = r->fold;
	r->test->resolve = !r->no_resolve;
}

/* What commands show and change under a number. */
static int
keep_patterns(struct reader *r)
{
	struct tw_arena *const arena = tw_gen_arena(r->cx->gen);
	struct tw__expr_gen *const eg = tw__expr_gen(r->cx->gen);
	struct tw__patline *const l = tw_arena_zalloc(arena, sizeof(*l));
	const char *const text = r->test->expr->text;

	*l = (struct tw__patline){
		.criterion =
		    tw_arena_str(arena, (struct tw_str){ text, strcspn(text, "(,") }).p,
		.kind = { .match = r->test->match,
		    .fold = r->fold,
		    .resolve = !r->no_resolve },
		.word = r->kept,
		.n = r->n_patterns,
		.id = r->id,
		.first = r->pats,
		.slot = &r->test->pats,
		.changed = &eg->lines_changed,
	};
	return tw__patref_of_line(r->cx, l);
}

static int
read_patterns(struct reader *r)
{
	struct tw_arena *const arena = tw_gen_arena(r->cx->gen);
	int more;

	while (r->i < r->n && (more = read_flag(r)) != 0)
		if (more < 0)
			return -1;
	if (need_method(r) != 0)
		return -1;
	keep_words(r);
	if (r->i < r->n)
		r->kept = tw_arena_alloc(arena, sizeof(char *) * (size_t)(r->n - r->i));
	for (; r->i < r->n; r->i++) {
		if (r->word[r->i][0] == '\0')
			continue; /* matches nothing, as in HAProxy */
		if (tw__pats_add(
			r->cx, r->pats, r->word[r->i], r->fold, !r->no_resolve) != 0)
			return -1;
		r->kept[r->n_patterns++] = tw_arena_strdup(arena, r->word[r->i]);
	}
	tw__pats_close(r->pats);
	if (r->n_patterns > 0 || r->test->files == NULL)
		r->test->pats = r->pats;
	return keep_patterns(r);
}

static void
warn_empty(const struct reader *r)
{
	if (r->cx->ln == NULL || r->some || r->n_patterns > 0 ||
	    r->test->match == TW__FOUND || r->test->match == TW__BOOL)
		return;
	tw_line_warn(r->cx->ln, -1,
	    "no pattern to match '%s' against, so this "
	    "ACL will never match. If this is what you intended, please add "
	    "'--'. To match only for existence, use '-m found'; to match an "
	    "integer as a boolean, '-m bool'",
	    r->test->expr->text);
}

static struct tw__acl_test *
test_new(const struct tw__ectx *cx, char *const *word, int n)
{
	struct tw__acl_test *const test =
	    tw_arena_zalloc(tw_gen_arena(cx->gen), sizeof(*test));
	struct reader r = {
		.cx = cx, .test = test, .word = word, .n = n, .i = 1, .id = -1
	};
	r.file_tail = &test->files;
	const char *text = n > 0 ? word[0] : "";

	if (cx->bad != NULL)
		*cx->bad = 0;
	test->file = cx->file;
	test->line = cx->line;
	test->expr = tw__expr_parse(cx, &text, &r.by_name);
	if (test->expr == NULL)
		return NULL;
	if (*text != '\0') {
		tw_err_set(
		    cx->err, "unexpected '%s' after '%s'", text, test->expr->text);
		return NULL;
	}
	if (read_patterns(&r) != 0) {
		if (cx->bad != NULL)
			*cx->bad = r.i < n ? r.i : n - 1;
		return NULL;
	}
	warn_empty(&r);
	return test;
}

static struct tw__acl *
acl_new(const struct tw__ectx *cx, const char *name)
{
	struct tw__acl *const acl =
	    tw_arena_zalloc(tw_gen_arena(cx->gen), sizeof(*acl));

	acl->name = tw_arena_strdup(tw_gen_arena(cx->gen), name);
	acl->tail = &acl->tests;
	acl->file = cx->file;
	acl->line = cx->line;
	return acl;
}

static void
acl_append(struct tw__acl *acl, struct tw__acl_test *test)
{
	*acl->tail = test;
	acl->tail = &test->next;
	acl->where |= test->expr->fetch->where;
}

static int
check_name(const struct tw__ectx *cx, const char *name)
{
	for (const char *p = name; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) && strchr("-_.:", *p) == NULL)
			return tw_err_set(cx->err,
			    "character '%c' is not "
			    "permitted in the name of an ACL",
			    *p);
	if (strcasecmp(name, "or") == 0)
		return tw_err_set(cx->err,
		    "an ACL named '%s' could never be "
		    "used: the word stands between conditions",
		    name);
	return 0;
}

struct tw__acl *
tw__acl_find(struct tw__acl *list, const char *name)
{
	for (; list != NULL; list = SLIST_NEXT(list, link))
		if (strcmp(list->name, name) == 0)
			return list;
	return NULL;
}

int
tw__acl_add(const struct tw__ectx *cx, struct tw__acl **list, const char *name,
    char *const *word, int n)
{
	if (check_name(cx, name) != 0)
		return -1;
	struct tw__acl_test *const test = test_new(cx, word, n);
	if (test == NULL)
		return -1;
	struct tw__acl *acl = tw__acl_find(*list, name);
	if (acl == NULL) {
		acl = acl_new(cx, name);
		acl->link.sle_next = *list;
		*list = acl;
	}
	acl_append(acl, test);
	return 0;
}

/* The words as one text; the braces' content names an anonymous ACL. */
static const char *
words_joined(struct tw_arena *arena, char *const *word, int n)
{
	size_t len = 1;

	for (int i = 0; i < n; i++)
		len += strlen(word[i]) + 1;
	char *const text = tw_arena_alloc(arena, len);
	struct tw_out o = tw_out_of(text, len);
	for (int i = 0; i < n; i++) {
		tw_out_str(&o, tw_str_of(word[i]));
		tw_out_char(&o, '\x1f'); /* a word may have blanks */
	}
	*o.p = '\0';
	return text;
}

/* Where the anonymous ACL of this text hangs, or would. */
static struct tw__acl **
anonymous_place(const struct tw__ectx *cx, const char *text)
{
	struct tw__expr_gen *const eg = tw__expr_gen(cx->gen);

	if (eg->anonymous == NULL)
		eg->anonymous = tw_arena_zalloc(
		    tw_gen_arena(cx->gen), sizeof(*eg->anonymous) * TW__ANONYMOUS);
	struct tw__acl **at =
	    &eg->anonymous[tw__strset_hash(text, strlen(text)) & (TW__ANONYMOUS - 1)];
	while (*at != NULL &&
	    ((*at)->proxy != cx->proxy || strcmp((*at)->text, text) != 0))
		at = &(*at)->link.sle_next;
	return at;
}

/* The same text in the same section is the same ACL: memo.c asks it once. */
struct tw__acl *
tw__acl_anonymous(const struct tw__ectx *cx, char *const *word, int n)
{
	const char *const text = words_joined(tw_gen_arena(cx->gen), word, n);
	struct tw__acl **const place = anonymous_place(cx, text);

	if (*place != NULL)
		return *place;
	struct tw__acl_test *const test = test_new(cx, word, n);
	if (test == NULL)
		return NULL;
	struct tw__acl *const acl = acl_new(cx, NULL);
	acl_append(acl, test);
	acl->text = text;
	acl->proxy = cx->proxy;
	return *place = acl;
}

struct tw__acl *
tw__acl_builtin(const struct tw__ectx *cx, struct tw__acl **list, const char *name)
{
	for (size_t i = 0; i < TW_N_ELEMENTS(builtins); i++) {
		char *word[WORDS_MAX];
		int n = 0;
		if (strcmp(builtins[i].name, name) != 0)
			continue;
		while (n < WORDS_MAX && builtins[i].word[n] != NULL) {
			word[n] =
			    tw_arena_strdup(tw_gen_arena(cx->gen), builtins[i].word[n]);
			n++;
		}
		if (tw__acl_add(cx, list, name, word, n) == 0)
			return *list;
		struct tw_err why = *cx->err;
		tw_err_set(cx->err,
		    "the predefined ACL '%s' is not supported "
		    "here: %.800s",
		    name, why.text);
		return NULL;
	}
	return NULL;
}

static inline __attribute__((always_inline)) bool
patterns_match(
    const struct tw__acl_test *t, struct tw_req *req, const struct tw_sample *s)
{
	const struct tw__pats *const pats =
	    atomic_load_explicit(&t->pats, memory_order_acquire);

	if (pats != NULL && tw__pats_match(pats, req, s))
		return true;
	for (const struct tw__acl_file *f = t->files; f != NULL; f = f->next)
		if (tw__pats_match(tw__patview_pats(f->view), req, s))
			return true;
	return false;
}

/* in: told, NULL: the request has no trail; then it costs nothing here. */
static inline __attribute__((always_inline)) bool
test_ask(const struct tw__acl_test *t, struct tw_req *req, struct tw__acl_telling *told)
{
	struct tw_cursor cur = { .more = false };
	struct tw_sample s;
	int got;

	while ((got = tw__expr_once(t->expr, req, &cur, &s)) >= 0) {
		if (told != NULL && got > 0)
			tw__acl_saw(told, req, &s);
		if (got > 0 &&
		    (t->present ||
			(tw__cast(req, &s, t->cast) && patterns_match(t, req, &s)))) {
			if (told != NULL)
				tw__acl_matched(told, req, &s);
			return true;
		}
		if (!cur.more)
			return false;
	}
	return false;
}

bool
tw__acl_test_ask(const struct tw__acl_test *t, struct tw_req *req)
{
	return test_ask(t, req, NULL);
}

bool
tw__acl_ask(const struct tw__acl *acl, struct tw_req *req)
{
	for (const struct tw__acl_test *t = acl->tests; t; t = t->next)
		if (tw__acl_test_ask(t, req))
			return true;
	return false;
}

/* What trails show of a test's patterns. */
static struct tw__acl_patterns
patterns_of(const struct tw__acl_test *t)
{
	return (struct tw__acl_patterns){ .match = t->match,
		.word = t->word,
		.n_words = t->n_words,
		.fold = t->fold,
		.resolve = t->resolve,
		.file = t->files != NULL ? tw__patview_ref(t->files->view) : NULL };
}

bool
tw__acl_eval_told(const struct tw__acl *acl, struct tw_req *req, bool negated)
{
	bool is_true = false;

	for (const struct tw__acl_test *t = acl->tests; t && !is_true; t = t->next) {
		const struct tw__acl_patterns pats = patterns_of(t);
		struct tw__acl_telling told = { .pats = &pats,
			.t = { .name = acl->name,
			    .expr = t->expr->text,
			    .file = t->file,
			    .line = t->line,
			    .negated = negated } };

		is_true = test_ask(t, req, &told);
		tw__acl_tell(&told, req, is_true);
	}
	return is_true;
}

bool
tw__acl_eval(const struct tw__acl *acl, struct tw_req *req)
{
	return acl->memo != 0 && tw__memo_owner == req ? tw__memo_acl(acl, req)
						       : tw__acl_ask(acl, req);
}

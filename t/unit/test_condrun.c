/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_condrun.c - conditions compiled against the same ones as written.
 *
 * Random rule sets are read twice: one copy is folded, has its memo and its
 * runs, the other is evaluated one by one. Both are walked on random values,
 * with actions that change these values in between; which rules applied must be
 * the same. TW_SEED=N repeats a run.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "expr_help.h"

#include "core/expr/cond.h"
#include "core/flow/req.h"

#define RULES 24
#define NAMED 6

/* ---- a request: what the fetches give ----------------------------------- */

static struct {
	char host[2][8], path[8];
	bool two_hosts;
	int number;
	int n_asked;
} now;

static bool
get_hosts(struct tw_req *req, const struct tw_arg_val *args, struct tw_cursor *cur,
    struct tw_sample *out)
{
	const uint64_t i = cur->at[0]++;

	(void)req;
	(void)args;
	now.n_asked++;
	if (i > now.two_hosts)
		return false;
	out->type = TW_STRING;
	out->u.str = tw_str_of(now.host[i]);
	cur->more = now.two_hosts && i == 0;
	return true;
}

static bool
get_path(struct tw_req *req, const struct tw_arg_val *args, struct tw_cursor *cur,
    struct tw_sample *out)
{
	(void)req;
	(void)args;
	(void)cur;
	now.n_asked++;
	out->type = TW_STRING;
	out->u.str = tw_str_of(now.path);
	return now.path[0] != '\0';
}

static bool
get_number(struct tw_req *req, const struct tw_arg_val *args, struct tw_cursor *cur,
    struct tw_sample *out)
{
	(void)req;
	(void)args;
	(void)cur;
	out->type = TW_SINT;
	out->u.n = now.number;
	return true;
}

static bool
get_given(struct tw_req *req, const struct tw_arg_val *args, struct tw_cursor *cur,
    struct tw_sample *out)
{
	(void)req;
	(void)cur;
	out->type = TW_STRING;
	out->u.str = args[0].str;
	return true;
}

/* Each time another value: it must be asked for as often as it is written. */
static bool
get_turn(struct tw_req *req, const struct tw_arg_val *args, struct tw_cursor *cur,
    struct tw_sample *out)
{
	(void)req;
	(void)args;
	(void)cur;
	out->type = TW_SINT;
	out->u.n = given.n++ & 3;
	return true;
}

/* Under names that the engine knows to be steady, fixed or neither. */
static const struct tw_fetch fetches[] = {
	{ "hdr", "[s]", TW_STRING, TW_AT_ANY, get_hosts, NULL, NULL, "" },
	{ "path", "", TW_STRING, TW_AT_ANY, get_path, NULL, NULL, "" },
	{ "src_port", "", TW_SINT, TW_AT_ANY, get_number, NULL, NULL, "" },
	{ "str", "s", TW_STRING, TW_AT_ANY, get_given, NULL, NULL, "" },
	{ "t_turn", "", TW_SINT, TW_AT_ANY, get_turn, NULL, NULL, "" },
	{ .name = NULL },
};

/* ---- random text -------------------------------------------------------- */

static unsigned
below(unsigned n)
{
	return (unsigned)rand() % n;
}

static void
random_text(char *to, unsigned max)
{
	const unsigned n = 1 + below(max);

	for (unsigned i = 0; i < n; i++)
		to[i] = "abAB/."[below(6)];
	to[n] = '\0';
}

static void
random_values(void)
{
	random_text(now.host[0], 5);
	random_text(now.host[1], 5);
	random_text(now.path, 5);
	if (below(8) == 0)
		now.path[0] = '\0'; /* no value */
	now.two_hosts = below(4) == 0;
	now.number = (int)below(4);
}

/* One criterion; `most` is what most rules of a set look at. */
static void
random_criterion(struct tw_out *o, unsigned most)
{
	static const char *const fetch[] = { "hdr(host)", "path", "hdr(host),lower",
		"path,upper", "hdr" };
	static const char *const method[] = { "str", "beg", "end", "sub", "dir", "dom",
		"reg", "len" };
	const unsigned what = below(24), m = below(below(3) ? 6 : 8);
	char a[8], b[8];

	random_text(a, 3);
	random_text(b, 2);
	if (what == 0)
		tw_out_printf(o, "src_port %u %u", below(4), below(4));
	else if (what == 1)
		tw_out_printf(o, "str(%c) -m str %c", "ab"[below(2)], "ab"[below(2)]);
	else if (what == 2)
		tw_out_printf(o, "str(a),upper -m str %c", "aA"[below(2)]);
	else if (what == 3)
		tw_out_printf(o, "%s -m found", fetch[below(5)]);
	else if (what == 4)
		tw_out_lit(o, "t_turn ge 1");
	else if (m == 7)
		tw_out_printf(o, "%s -m len %u", fetch[below(5)], below(5));
	else
		tw_out_printf(o, "%s -m %s%s %s %s", fetch[below(9) ? most : below(5)],
		    method[m == 6      ? 6
			    : below(3) ? most
				       : m],
		    below(3) ? "" : " -i", m == 6 ? "^a" : a, m == 6 ? "b$" : b);
}

static void
random_condition(struct tw_out *o, unsigned most)
{
	const unsigned n = 1 + (below(3) == 0) + (below(6) == 0);

	tw_out_str(o, tw_str_of(below(16) ? "if" : "unless"));
	for (unsigned i = 0; i < n; i++) {
		if (i > 0 && below(3) == 0)
			tw_out_lit(o, " ||");
		tw_out_str(o, tw_str_of(below(8) ? " " : " !"));
		if (below(4) == 0) {
			tw_out_printf(o, "acl%u", below(NAMED));
		} else if (below(14) == 0) {
			tw_out_str(o, tw_str_of(below(2) ? "TRUE" : "FALSE"));
		} else {
			tw_out_lit(o, "{ ");
			random_criterion(o, most);
			tw_out_lit(o, " }");
		}
	}
}

/* ---- rule sets ---------------------------------------------------------- */

enum action { GO_ON, EDIT, STOP };

struct set {
	char acl[NAMED][64], text[RULES][256];
	enum action action[RULES];
	struct tw_gen gen[2]; /* as written; compiled */
	const struct tw_cond *cond[2][RULES];
	const struct tw_cond_run *run[RULES];
	int nth[RULES], behind[RULES];
};

static void
set_invent(struct set *s)
{
	const unsigned most = below(5);

	for (int i = 0; i < NAMED; i++) {
		struct tw_out o = tw_out_of(s->acl[i], sizeof(s->acl[i]) - 1);
		random_criterion(&o, most);
		*o.p = '\0';
	}
	for (int i = 0; i < RULES; i++) {
		struct tw_out o = tw_out_of(s->text[i], sizeof(s->text[i]) - 1);
		random_condition(&o, most);
		*o.p = '\0';
		s->action[i] = below(12) == 0 ? STOP : below(4) == 0 ? EDIT : GO_ON;
	}
}

static void
set_read(struct set *s, int copy)
{
	char text[256], *word[64];
	int bad;
	struct tw__acl *list = NULL;
	struct tw_gen *const gen = &s->gen[copy];
	struct tw_err err = { "" };
	const struct tw__ectx cx = { .gen = gen, .where = TW_AT_ANY, .err = &err };

	memset(gen, 0, sizeof(*gen));
	gen->magic = TW_GEN_MAGIC;
	gen->conf.arena = tw_arena_new(0);
	for (int i = 0; i < NAMED; i++) {
		char name[16];
		snprintf(name, sizeof(name), "acl%d", i);
		snprintf(text, sizeof(text), "%s", s->acl[i]);
		assert_int_equal(
		    tw__acl_add(&cx, &list, name, word, split_words(text, word, 64)),
		    0);
	}
	for (int i = 0; i < RULES; i++) {
		snprintf(text, sizeof(text), "%s", s->text[i]);
		s->cond[copy][i] =
		    tw__cond_parse(&cx, &list, word, split_words(text, word, 64), &bad);
		if (s->cond[copy][i] == NULL)
			fail_msg("%s: %s", s->text[i], err.text);
	}
	assert_int_equal(tw__expr_check(gen), 0);
}

/* As modules/rules/rules_compile.c. returns: how many runs there are. */
static int
set_compile(struct set *s)
{
	struct tw_gen *const gen = &s->gen[1];
	int n = 0, len;

	tw__exprs_fold(gen);
	tw__exprs_memo(gen);
	memset(s->run, 0, sizeof(s->run));
	for (int i = 0; i < RULES; i += len) {
		const struct tw_cond_run *const run =
		    tw_cond_run_new(gen, s->cond[1] + i, RULES - i);
		len = run != NULL ? tw_cond_run_length(run) : 1;
		n += run != NULL;
		for (int k = 0; run != NULL && k < len; k++) {
			s->run[i + k] = run;
			s->nth[i + k] = k;
			s->behind[i + k] = i + len;
		}
	}
	return n;
}

static void
set_free(struct set *s)
{
	for (int copy = 0; copy < 2; copy++) {
		tw__expr_fini(&s->gen[copy]);
		tw_arena_free(&s->gen[copy].conf.arena);
	}
}

/* What an action does to the values. */
static void
edit(int rule)
{
	now.host[0][0] = "abAB"[rule & 3];
	now.path[0] = "aB/."[rule & 3];
	now.number = rule & 3;
}

static uint32_t
walk_written(const struct set *s, struct tw_req *req)
{
	uint32_t applied = 0;

	for (int i = 0; i < RULES; i++) {
		if (!tw_cond_eval(s->cond[0][i], req))
			continue;
		applied |= 1u << i;
		if (s->action[i] == STOP)
			break;
		if (s->action[i] == EDIT)
			edit(i);
	}
	return applied;
}

/* As modules/rules/rules_run.c. */
static int
pass_over(const struct set *s, int i, struct tw_req *req, struct tw_cond_hits *hits)
{
	while (i < RULES && s->run[i] != NULL) {
		const int first = i - s->nth[i];
		const int k = tw_cond_run_next(s->run[i], req, s->nth[i], hits);
		if (k < tw_cond_run_length(s->run[i]))
			return first + k;
		i = s->behind[i];
	}
	return i;
}

static uint32_t
walk_compiled(const struct set *s, struct tw_req *req)
{
	struct tw_cond_hits hits = { .run = NULL };
	uint32_t applied = 0;

	tw_memo_begin(req);
	for (int i = -1; (i = pass_over(s, i + 1, req, &hits)) < RULES;) {
		if (!tw_cond_eval(s->cond[1][i], req))
			continue;
		applied |= 1u << i;
		if (s->action[i] == STOP)
			break;
		if (s->action[i] == EDIT)
			edit(i);
		hits.run = NULL;
		tw_memo_forget(req);
	}
	tw_memo_end(req);
	return applied;
}

/* ---- the property ------------------------------------------------------- */

static unsigned seed;

static struct {
	int cases, runs, asked_written, asked_compiled, applied, constant;
} sum;

static struct tw_req *
req_new(void)
{
	struct tw_req *const req = calloc(1, sizeof(*req));

	assert_non_null(req);
	req->magic = TW_REQ_MAGIC;
	req->arena = tw_arena_new(0);
	return req;
}

static void
req_free(struct tw_req *req)
{
	tw_arena_free(&req->arena);
	free(req);
}

static void
set_print(const struct set *s)
{
	for (int i = 0; i < NAMED; i++)
		print_message("acl acl%d %s\n", i, s->acl[i]);
	for (int i = 0; i < RULES; i++)
		print_message("%2d %s: %d\n", i, s->text[i], (int)s->action[i]);
}

static void
one_case(const struct set *s)
{
	struct tw_req *const req = req_new();

	random_values();
	const typeof(now) before = now;
	given.n = 0;
	now.n_asked = 0;
	const uint32_t want = walk_written(s, req);
	sum.asked_written += now.n_asked;
	const int64_t turns = given.n;
	now = before;
	given.n = 0;
	now.n_asked = 0;
	const uint32_t got = walk_compiled(s, req);
	sum.asked_compiled += now.n_asked;
	if (got != want || given.n != turns) {
		set_print(s);
		fail_msg("seed %u: host %s, path %s: %x applied, %x as written", seed,
		    before.host[0], before.path, got, want);
	}
	sum.cases++;
	sum.applied += want != 0;
	req_free(req);
}

static void
test_same_as_written(void **state)
{
	static struct set s;

	(void)state;
	print_message("TW_SEED=%u\n", seed);
	for (int round = 0; round < 1000; round++) {
		set_invent(&s);
		set_read(&s, 0);
		set_read(&s, 1);
		sum.runs += set_compile(&s);
		for (int i = 0; i < RULES; i++)
			sum.constant += tw_cond_constant(s.cond[1][i]) >= 0;
		for (int k = 0; k < 20; k++)
			one_case(&s);
		set_free(&s);
	}
	print_message("%d cases, %d with a match; %d runs, %d constant conditions; "
		      "%d fetches, %d as written\n",
	    sum.cases, sum.applied, sum.runs, sum.constant, sum.asked_compiled,
	    sum.asked_written);
	assert_true(sum.runs > 50 && sum.constant > 100);
	assert_true(sum.applied > sum.cases / 2);
	assert_true(sum.asked_compiled < sum.asked_written * 3 / 4);
}

/* ---- single things ------------------------------------------------------ */

static struct tw_cond *
condition_of(struct tw_gen *gen, const char *text)
{
	char copy[256], *word[32];
	int bad;
	static struct tw__acl *list;
	struct tw_err err = { "" };
	const struct tw__ectx cx = { .gen = gen, .where = TW_AT_ANY, .err = &err };

	list = NULL;
	snprintf(copy, sizeof(copy), "%s", text);
	struct tw_cond *const c =
	    tw__cond_parse(&cx, &list, word, split_words(copy, word, 32), &bad);
	if (c == NULL)
		fail_msg("%s: %s", text, err.text);
	return c;
}

static struct tw_cond *
condition(const char *text)
{
	return condition_of(&test_gen, text);
}

static int
run_length(const struct tw_cond *const *cond, int n)
{
	const struct tw_cond_run *const run = tw_cond_run_new(&test_gen, cond, n);

	return run != NULL ? tw_cond_run_length(run) : 0;
}

static void
test_what_is_a_run(void **state)
{
	static const char *const others[] = { "if { path -m reg a }",
		"if !{ path -m str a }", "if { hdr -m str a }",
		"if { path -m str a } or { hdr -m str b }", "unless { path -m str a }",
		"if { path -m str a } { t_str -m str a }" };
	static const char *const alike[] = { "if { path -m beg a }",
		"if { path -i -m dom a }", "if { hdr -m str b } { path -m str a }",
		"if { path -m str a } or { hdr -m reg b } { path -m sub b }" };
	const struct tw_cond *cond[8];

	(void)state;
	for (int i = 0; i < 8; i++)
		cond[i] = condition("if { path -m str a }");
	assert_int_equal(run_length(cond, 8), 8);
	assert_int_equal(run_length(cond, 3), 0);
	for (size_t i = 0; i < TW_N_ELEMENTS(others); i++) {
		cond[5] = condition(others[i]);
		assert_int_equal(run_length(cond, 8), 5);
	}
	for (size_t i = 0; i < TW_N_ELEMENTS(alike); i++) {
		cond[5] = condition(alike[i]);
		assert_int_equal(run_length(cond, 8), 8);
	}
	cond[1] = NULL; /* always */
	assert_int_equal(run_length(cond, 8), 0);
}

/* More may hold than one look keeps. */
static void
test_many_hits(void **state)
{
	const struct tw_cond *cond[50];
	struct tw_cond_hits hits = { .run = NULL };

	(void)state;
	for (int i = 0; i < 50; i++)
		cond[i] =
		    condition(i % 2 ? "if { path -m beg b }" : "if { path -m beg a }");
	const struct tw_cond_run *const run = tw_cond_run_new(&test_gen, cond, 50);
	snprintf(now.path, sizeof(now.path), "bb");
	now.n_asked = 0;
	for (int want = 1, from = 0; want < 50; want += 2, from = want - 1)
		assert_int_equal(tw_cond_run_next(run, NULL, from, &hits), want);
	assert_int_equal(tw_cond_run_next(run, NULL, 50, &hits), 50);
	assert_int_equal(now.n_asked, 2); /* 14 hits, then the other 11 */
}

static void
test_folding(void **state)
{
	static const struct {
		const char *text;
		int constant;
	} want[] = { { "if TRUE", 1 }, { "if FALSE", 0 }, { "unless TRUE", 0 },
		{ "unless FALSE", 1 }, { "if !TRUE", 0 }, { "if !FALSE", 1 },
		{ "if { str(a) -m str b }", 0 }, { "if { str(a),upper -m str A }", 1 },
		{ "if { path -m str a } TRUE", -1 },
		{ "if { path -m str a } FALSE", 0 },
		{ "if { path -m str a } or TRUE", 1 },
		{ "if { path -m str a } FALSE or FALSE", 0 },
		{ "unless { path -m str a } or FALSE", -1 },
		{ "unless { path -m str a } or TRUE", 0 },
		/* what a module's fetch does is unknown */
		{ "if { t_turn ge 0 } or TRUE", -1 } };
	struct tw_gen gen = { .magic = TW_GEN_MAGIC };
	const struct tw_cond *cond[TW_N_ELEMENTS(want)];

	(void)state;
	gen.conf.arena = tw_arena_new(0);
	for (size_t i = 0; i < TW_N_ELEMENTS(want); i++)
		cond[i] = condition_of(&gen, want[i].text);
	tw__exprs_fold(&gen);
	for (size_t i = 0; i < TW_N_ELEMENTS(want); i++) {
		if (tw_cond_constant(cond[i]) != want[i].constant)
			fail_msg("%s: %d", want[i].text, tw_cond_constant(cond[i]));
		if (want[i].constant >= 0)
			assert_int_equal(tw_cond_eval(cond[i], NULL), want[i].constant);
	}
	tw__expr_fini(&gen);
	tw_arena_free(&gen.conf.arena);
}

/* One that never holds implies nothing that is of interest. */
static void
test_implication(void **state)
{
	static const struct {
		const char *a, *b;
		bool implies;
	} want[] = {
		{ "if { path a }", "if { path a }", true },
		{ "if { path a }", "if { path a b }", true },
		{ "if { path a b }", "if { path a }", false },
		{ "if { path -i a }", "if { path a }", false },
		{ "if { path a } { hdr(host) b }", "if { path a }", true },
		{ "if { path a }", "if { path a } { hdr(host) b }", false },
		{ "if { path a }", "if { path a } or { hdr(host) b }", true },
		{ "if { path a } or { hdr(host) b }", "if { path a }", false },
		{ "if !{ path a b }", "if !{ path a }", true },
		{ "if !{ path a }", "if !{ path a b }", false },
		{ "if !{ path a }", "if { path a }", false },
		{ "unless { path a b }", "unless { path a }", true },
		{ "if { path /a/b }", "if { path -m beg /a }", true },
		{ "if { path -m beg /a/b }", "if { path -m beg /a }", true },
		{ "if { path -m end /a/b }", "if { path -m beg /a }", false },
		{ "if { path -m end .b.a }", "if { path -m end .a }", true },
		{ "if { t_turn 1 }", "if { t_turn 1 }", false },
		{ "if { path -m reg a }", "if { path -m reg a }", true },
		{ "if { path -m reg a }", "if { path -m reg b }", false },
	};

	(void)state;
	for (size_t i = 0; i < TW_N_ELEMENTS(want); i++)
		if (tw_cond_implies(condition(want[i].a), condition(want[i].b)) !=
		    want[i].implies)
			fail_msg("%s => %s", want[i].a, want[i].b);
	assert_true(tw_cond_implies(condition("if { path a }"), NULL));
}

static int
setup(void **state)
{
	if (expr_setup(state) != 0)
		return -1;
	return tw__expr_add_fetches(fetches, &test_err);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_as_written),
		cmocka_unit_test(test_what_is_a_run),
		cmocka_unit_test(test_many_hits),
		cmocka_unit_test(test_folding),
		cmocka_unit_test(test_implication),
	};
	const char *const given_seed = getenv("TW_SEED");

	seed = given_seed != NULL ? (unsigned)strtoul(given_seed, NULL, 10)
				  : (unsigned)time(NULL);
	srand(seed);
	return cmocka_run_group_tests(tests, setup, expr_teardown);
}

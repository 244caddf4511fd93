/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * regex.c - PCRE2 for ACLs, maps and converters.
 *
 * Code is compiled when the configuration is read and shared by all workers;
 * each thread has match data of its own, which lives as long as the thread.
 * Peers choose the subjects: limits keep a costly expression from holding a
 * worker for long.
 */
#include "config.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <pthread.h>

#include <tideway/encode.h>
#include <tideway/assert.h>

#include "expr/regex.h"

#define MATCH_LIMIT 1000000

struct tw__regex {
	struct tw__regex *next;
	pcre2_code *code; /* owns; tw__regex_fini */
};

static pthread_key_t match_key;
static pthread_once_t match_once = PTHREAD_ONCE_INIT;

struct matcher {
	pcre2_match_data *data;
	pcre2_match_context *limits;
};

static __thread struct matcher *matcher;

static void
matcher_free(void *p)
{
	struct matcher *const m = p;

	pcre2_match_data_free(m->data);
	pcre2_match_context_free(m->limits);
	free(m);
	matcher = NULL;
}

static void
make_key(void)
{
	TW_ASSERT(pthread_key_create(&match_key, matcher_free) == 0);
}

static struct matcher *
matcher_get(void)
{
	if (TW_LIKELY(matcher != NULL))
		return matcher;
	pthread_once(&match_once, make_key);
	struct matcher *const m = calloc(1, sizeof(*m));
	if (m == NULL)
		return NULL;
	m->data = pcre2_match_data_create(TW__REGEX_GROUPS, NULL);
	m->limits = pcre2_match_context_create(NULL);
	if (m->data == NULL || m->limits == NULL) {
		matcher_free(m);
		return NULL;
	}
	pcre2_set_match_limit(m->limits, MATCH_LIMIT);
	pthread_setspecific(match_key, m);
	return matcher = m;
}

struct tw__regex *
tw__regex_new(struct tw_arena *arena, const char *text, bool fold, struct tw_err *err)
{
	int code;
	PCRE2_SIZE at;
	pcre2_code *const compiled = pcre2_compile((PCRE2_SPTR)text,
	    PCRE2_ZERO_TERMINATED, fold ? PCRE2_CASELESS : 0, &code, &at, NULL);

	if (compiled == NULL) {
		PCRE2_UCHAR why[256];
		pcre2_get_error_message(code, why, sizeof(why));
		tw_err_set(err,
		    "regular expression '%s' is not valid: "
		    "%s at character %zu",
		    text, (char *)why, (size_t)at);
		return NULL;
	}
	/* Without JIT (not built in, no executable memory) it still works. */
	(void)pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE);
	struct tw__regex *const re = arena != NULL ? tw_arena_zalloc(arena, sizeof(*re))
						   : calloc(1, sizeof(*re));
	if (re == NULL) {
		pcre2_code_free(compiled);
		tw_err_set(err, "out of memory");
		return NULL;
	}
	re->code = compiled;
	return re;
}

void
tw__regex_free(struct tw__regex *re)
{
	pcre2_code_free(re->code);
	re->code = NULL;
}

struct tw__regex *
tw__regex_compile(const struct tw__ectx *cx, const char *text, bool fold)
{
	struct tw__expr_gen *const eg = tw__expr_gen(cx->gen);
	struct tw__regex *const re =
	    tw__regex_new(tw_gen_arena(cx->gen), text, fold, cx->err);

	if (re == NULL)
		return NULL;
	re->next = eg->regexes;
	eg->regexes = re;
	return re;
}

static int
run(const struct tw__regex *re, struct tw_str s, uint32_t options)
{
	struct matcher *const m = matcher_get();

	if (m == NULL)
		return -1;
	return pcre2_match(re->code, (PCRE2_SPTR)(s.p ? s.p : ""), s.len, 0, options,
	    m->data, m->limits);
}

bool
tw__regex_match(const struct tw__regex *re, struct tw_str s)
{
	return run(re, s, 0) >= 0;
}

bool
tw__regex_find(const struct tw__regex *re, struct tw_str s, bool not_begin,
    struct tw_str group[TW__REGEX_GROUPS])
{
	const int n = run(re, s, not_begin ? PCRE2_NOTBOL : 0);
	const PCRE2_SIZE *v;

	if (n < 0)
		return false;
	v = pcre2_get_ovector_pointer(matcher->data);
	for (int i = 0; i < TW__REGEX_GROUPS; i++) {
		group[i] = (struct tw_str){ s.p, 0 };
		/* n is 0 when there are more groups than asked for. */
		if ((n > 0 && i >= n) || v[2 * i] == PCRE2_UNSET ||
		    v[2 * i + 1] < v[2 * i])
			continue;
		group[i] = (struct tw_str){ s.p + v[2 * i],
			(size_t)(v[2 * i + 1] - v[2 * i]) };
	}
	return true;
}

/* "\1": a group, "\x41": a byte, "\c": c itself. */
void
tw__regex_subst(
    struct tw_out *o, struct tw_str by, const struct tw_str group[TW__REGEX_GROUPS])
{
	for (size_t i = 0; i < by.len; i++) {
		const char next = by.p[i] == '\\' && i + 1 < by.len ? by.p[i + 1] : 0;
		if (next == 0) {
			tw_out_char(o, by.p[i]);
			continue;
		}
		i++;
		if (next >= '0' && next <= '9') {
			tw_out_str(o, group[next - '0']);
			continue;
		}
		const int hi =
		    next == 'x' && by.len - i > 2 ? tw_hex_digit(by.p[i + 1]) : -1;
		const int lo = hi >= 0 ? tw_hex_digit(by.p[i + 2]) : -1;
		if (lo < 0) {
			tw_out_char(o, next);
			continue;
		}
		tw_out_char(o, (char)(hi << 4 | lo));
		i += 2;
	}
}

void
tw__regex_fini(struct tw__expr_gen *eg)
{
	for (struct tw__regex *re = eg->regexes; re != NULL; re = re->next)
		pcre2_code_free(re->code);
	eg->regexes = NULL;
}

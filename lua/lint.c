/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * lint.c - what -c says of scripts: names that nothing has, calls that wait where
 * nothing may wait.
 *
 * Reads the script's words, not its meaning: what it says is a notice. Only
 * literal names and functions written in their place are seen. Control thread,
 * when all files are read.
 */
#include "lu.h"

#include <ctype.h>

#include "lint.h"

#define DEPTH_MAX 256
#define LOOK_BACK 8

enum token_kind { T_END, T_NAME, T_STRING, T_NUMBER, T_OTHER };

struct token {
	enum token_kind kind;
	struct tw_str text; /* of a string: between its quotes */
	int line;
};

/* In what kind of function a word stands. */
enum place { ANYWHERE, IN_FETCH, IN_CONV, IN_PICK, IN_LOG, IN_ROUTE };
static const char *const place_name[] = { "", "a fetch", "a converter", "on_pick",
	"on_log", "on_route" };

struct lint {
	struct tw_gen *gen;
	const char *file;
	const char *p, *end;
	int line;
	struct token last[LOOK_BACK]; /* the newest first */
	enum place pending;           /* of the next function */
	enum place place[DEPTH_MAX];  /* by open block */
	int depth;
};

/* ---- words ------------------------------------------------------------------------ */

static char
at(const struct lint *l, int i)
{
	return l->end - l->p > i ? l->p[i] : '\0';
}

static void
skip_char(struct lint *l)
{
	l->line += *l->p == '\n';
	l->p++;
}

/* "[[", "[==[": how many '='; -1: it is none. */
static int
long_level(const struct lint *l)
{
	int n = 0;

	while (at(l, n + 1) == '=')
		n++;
	return at(l, 0) == '[' && at(l, n + 1) == '[' ? n : -1;
}

static struct tw_str
take_long(struct lint *l, int level)
{
	l->p += level + 2;
	const char *const from = l->p;

	while (l->p < l->end) {
		int n = 0;
		while (at(l, 0) == ']' && at(l, n + 1) == '=')
			n++;
		if (at(l, 0) == ']' && n == level && at(l, n + 1) == ']') {
			const struct tw_str s = { from, (size_t)(l->p - from) };
			l->p += level + 2;
			return s;
		}
		skip_char(l);
	}
	return (struct tw_str){ from, (size_t)(l->p - from) };
}

static struct tw_str
take_short(struct lint *l)
{
	const char quote = *l->p++;
	const char *const from = l->p;

	while (l->p < l->end && *l->p != quote) {
		if (*l->p == '\\' && l->end - l->p > 1)
			skip_char(l);
		skip_char(l);
	}
	const struct tw_str s = { from, (size_t)(l->p - from) };
	if (l->p < l->end)
		l->p++;
	return s;
}

static void
skip_comment(struct lint *l)
{
	l->p += 2;
	const int level = long_level(l);
	if (level >= 0)
		take_long(l, level);
	else
		while (l->p < l->end && *l->p != '\n')
			l->p++;
}

static void
skip_blank(struct lint *l)
{
	for (;;) {
		while (l->p < l->end && isspace((unsigned char)*l->p))
			skip_char(l);
		if (at(l, 0) != '-' || at(l, 1) != '-')
			return;
		skip_comment(l);
	}
}

static struct tw_str
take_name(struct lint *l)
{
	const char *const from = l->p;

	while (l->p < l->end && (isalnum((unsigned char)*l->p) || *l->p == '_'))
		l->p++;
	return (struct tw_str){ from, (size_t)(l->p - from) };
}

static struct token
take(struct lint *l)
{
	skip_blank(l);
	struct token t = { T_END, { l->p, 0 }, l->line };
	const char c = at(l, 0);
	const int level = long_level(l);

	if (l->p >= l->end)
		return t;
	if (isalpha((unsigned char)c) || c == '_') {
		t.kind = T_NAME;
		t.text = take_name(l);
	} else if (isdigit((unsigned char)c)) {
		t.kind = T_NUMBER;
		t.text = take_name(l);
	} else if (c == '"' || c == '\'' || level >= 0) {
		t.kind = T_STRING;
		t.text = level >= 0 ? take_long(l, level) : take_short(l);
	} else {
		t.kind = T_OTHER;
		t.text.len = 1;
		l->p++;
	}
	return t;
}

/* ---- what they say ------------------------------------------------------------------ */

static bool
is(const struct token *t, const char *word)
{
	return t->kind != T_STRING && tw_str_eq(t->text, tw_str_of(word));
}

static bool
is_any(const struct token *t, const char *const *words)
{
	for (; *words != NULL; words++)
		if (is(t, *words))
			return true;
	return false;
}

/* "req_hdr" stands for req.hdr and the like. */
static bool
is_known(bool conv, struct tw_str name)
{
	char word[128];

	if (name.len >= sizeof(word))
		return true;
	memcpy(word, name.p, name.len);
	word[name.len] = '\0';
	return lu_entry_find(conv, word) != NULL;
}

/* txn.f:NAME( ; l->last[0] is NAME, `next` what follows it. */
static void
look_at_method(struct lint *l, const struct token *next)
{
	static const char *const fetches[] = { "f", "sf", NULL };
	static const char *const convs[] = { "c", "sc", NULL };
	static const char *const objects[] = { "txn", "applet", "tx", "t", NULL };
	const struct token *const t = l->last;
	const bool conv = is_any(&t[2], convs);

	if (!is(next, "(") || !is(&t[1], ":") || !is(&t[3], "."))
		return;
	if (!conv && !is_any(&t[2], fetches))
		return;
	if (!is_any(&t[4], objects) || is_known(conv, t[0].text))
		return;
	tw_gen_hint(l->gen, l->file, t[0].line,
	    "txn.%.*s:%.*s(): there is no %s of this name", TW_STR_FMT(t[2].text),
	    TW_STR_FMT(t[0].text), conv ? "converter" : "fetch");
}

static void
look_at_backend(struct lint *l, const struct token *name)
{
	char word[256];

	if (name->text.len >= sizeof(word) ||
	    memchr(name->text.p, '\\', name->text.len))
		return;
	memcpy(word, name->text.p, name->text.len);
	word[name->text.len] = '\0';
	if (tw_gen_find(l->gen, word, TW_BACKEND) == NULL)
		tw_gen_hint(
		    l->gen, l->file, name->line, "there is no backend '%s'", word);
}

/* req:route("NAME"), return "NAME" in on_route; last[0] is the string. */
static void
look_at_string(struct lint *l, const struct token *next)
{
	static const char *const ends[] = { ")", "end", ";", "else", "elseif", "until",
		NULL };
	const struct token *const t = l->last;
	const bool whole = is_any(next, ends) || next->kind == T_END;

	if (is(&t[1], "(") && is(&t[2], "route") && is(&t[3], ":") && whole)
		look_at_backend(l, t);
	else if (is(&t[1], "return") && l->place[l->depth] == IN_ROUTE && whole)
		look_at_backend(l, t);
}

/* core.sleep( in a fetch; last[0] is "sleep". */
static void
look_at_call(struct lint *l, const struct token *next)
{
	static const char *const of_core[] = { "sleep", "msleep", "yield", "wait",
		"tcp", "httpclient", NULL };
	static const char *const of_tw[] = { "sleep", "http", "tcp", "resolve", "all",
		NULL };
	const struct token *const t = l->last;
	const enum place place = l->place[l->depth];

	if (place == ANYWHERE || place == IN_ROUTE || !is(&t[1], ".") ||
	    !(is(next, "(") || is(next, "{")))
		return;
	if ((is(&t[2], "core") && is_any(&t[0], of_core)) ||
	    (is(&t[2], "tw") && is_any(&t[0], of_tw)))
		tw_gen_hint(l->gen, l->file, t[0].line,
		    "%.*s.%.*s() waits, which is not allowed in %s",
		    TW_STR_FMT(t[2].text), TW_STR_FMT(t[0].text), place_name[place]);
}

/* ---- blocks ---------------------------------------------------------------------------- */

static enum place
place_of(const struct token *name)
{
	static const struct {
		const char *name;
		enum place place;
	} table[] = { { "on_pick", IN_PICK }, { "on_balance", IN_PICK },
		{ "on_log", IN_LOG }, { "on_route", IN_ROUTE },
		{ "register_fetches", IN_FETCH }, { "register_converters", IN_CONV } };

	for (size_t i = 0; i < TW_N_ELEMENTS(table); i++)
		if (is(name, table[i].name))
			return table[i].place;
	return ANYWHERE;
}

static void
open_block(struct lint *l, enum place place)
{
	if (l->depth + 1 < DEPTH_MAX)
		l->place[++l->depth] = place;
}

/* Of a function inside of another one nothing is known: it may run elsewhere. */
static void
look_at_block(struct lint *l, const struct token *t, const struct token *next)
{
	static const char *const opens[] = { "do", "if", "repeat", NULL };
	static const char *const closes[] = { "end", "until", NULL };

	if (is(t, "function")) {
		enum place place = l->pending;
		if (place == ANYWHERE)
			place = place_of(next);
		open_block(l, place);
		l->pending = ANYWHERE;
	} else if (is_any(t, opens)) {
		open_block(l, l->place[l->depth]);
	} else if (is_any(t, closes) && l->depth > 0) {
		l->depth--;
	} else if (place_of(t) != ANYWHERE && (is(next, "=") || is(next, "("))) {
		if (!is(&l->last[1], "function"))
			l->pending = place_of(t);
	}
}

static void
look(struct lint *l, const struct token *next)
{
	const struct token *const t = &l->last[0];

	if (t->kind == T_STRING) {
		look_at_string(l, next);
		return;
	}
	if (t->kind != T_NAME)
		return;
	look_at_block(l, t, next);
	look_at_method(l, next);
	look_at_call(l, next);
}

static void
text_look(struct lint *l)
{
	struct token next = take(l);

	while (next.kind != T_END) {
		memmove(&l->last[1], &l->last[0], sizeof(l->last[0]) * (LOOK_BACK - 1));
		l->last[0] = next;
		next = take(l);
		look(l, &next);
	}
}

/* ---- files ---------- */

void
lu_lint_text(struct tw_gen *gen, const char *file, struct tw_str text)
{
	struct lint l = { .gen = gen,
		.file = file,
		.p = text.p,
		.end = text.p + text.len,
		.line = 1 };

	text_look(&l);
}

void
lu_lint(struct tw_gen *gen)
{
	if (!tw_gen_wants_hints(gen))
		return;
	for (const struct lu_unit *u = lu_conf_of(gen)->units; u != NULL; u = u->next) {
		const struct lu_set *const set =
		    atomic_load_explicit(&u->set, memory_order_relaxed);
		const struct lu_file *f = u->files;

		for (int i = 0; set != NULL && i < set->n_texts; i++, f = f->next)
			lu_lint_text(gen, f->path,
			    (struct tw_str){ set->text[i].p, set->text[i].len });
	}
}

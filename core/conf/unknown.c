/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * unknown.c - what to say about a word that nobody takes.
 *
 * In this order: a word of a proxy's other side, which is ignored; a form that
 * HAProxy has dropped (and the line to write instead); a word of HAProxy's that
 * is not supported yet; a keyword of another section; the nearest word. Control
 * thread; speed is no matter.
 */
#include "config.h"

#include <stdlib.h>

#include <tideway/edit.h>
#include <tideway/proxy.h>
#include <tideway/str.h>
#include "core/conf/dead_forms.h"
#include "core/conf/parser.h"
#include "core/run/gen.h"
#include "core/tbl/known_keywords.h"

struct known {
	unsigned sections; /* TW_KN_ */
	const char *word;
	const char *second;
};

static const struct known known[] = {
#define X(sections, word, second) { sections, word, second },
	TW_KNOWN_KEYWORDS(X)
#undef X
};

#define PROXY_BITS 0x1fu /* TW_SC_GLOBAL to TW_SC_BACKEND are TW_KN_'s too */

static int
known_cmp(const void *a, const void *b)
{
	const struct known *const x = a, *const y = b;
	const int d = strcmp(x->word, y->word);

	return d ? d : strcmp(x->second, y->second);
}

static const struct known *
known_find(const char *word, const char *second)
{
	const struct known key = { 0, word, second };

	return bsearch(&key, known, TW_N_ELEMENTS(known), sizeof(known[0]), known_cmp);
}

bool
tw__is_known(enum tw__known kind, struct tw_str name)
{
	static const unsigned masks[] = { [TW__KNOWN_FETCH] = TW_KN_FETCH | TW_KN_ACL,
		[TW__KNOWN_CONV] = TW_KN_CONVERTER,
		[TW__KNOWN_LOGVAR] = TW_KN_LOGVAR };
	char word[64];

	if (name.len >= sizeof(word))
		return false;
	memcpy(word, name.p, name.len);
	word[name.len] = '\0';
	const struct known *const k = known_find(word, "");
	return k != NULL && (k->sections & masks[kind]) != 0;
}

bool
tw_known_word(const char *word, const char *second)
{
	return known_find(word, second) != NULL;
}

static unsigned
kn_of_scope(unsigned scope)
{
	switch (scope) {
	case TW_SC_BIND:
		return TW_KN_BIND;
	case TW_SC_SERVER:
		return TW_KN_SERVER;
	case TW_SC_SECTION:
		return 0;
	default:
		return scope & PROXY_BITS;
	}
}

/* ---- texts ---- */

void
tw__scope_names(struct tw_out *o, unsigned scopes)
{
	static const struct {
		unsigned scope;
		const char *text;
	} names[] = {
		{ TW_SC_GLOBAL, "'global'" },
		{ TW_SC_DEFAULTS, "'defaults'" },
		{ TW_SC_FRONTEND, "'frontend'" },
		{ TW_SC_LISTEN, "'listen'" },
		{ TW_SC_BACKEND, "'backend'" },
		{ TW_SC_BIND, "'bind' lines" },
		{ TW_SC_SERVER, "'server' lines" },
	};
	const char *const start = o->p;

	for (size_t i = 0; i < TW_N_ELEMENTS(names); i++) {
		if (!(scopes & names[i].scope))
			continue;
		scopes &= ~names[i].scope;
		if (o->p > start)
			tw_out_str(o, tw_str_of(scopes ? ", " : " and "));
		tw_out_str(o, tw_str_of(names[i].text));
	}
}

/* "in 'global' section", "on 'server' lines". */
static const char *
place_text(struct tw__place at, char *text, size_t size)
{
	struct tw_out o = tw_out_of(text, size - 1);
	const bool on_line = at.scope & (TW_SC_BIND | TW_SC_SERVER);

	tw_out_str(&o, tw_str_of(on_line ? "on " : "in "));
	if (at.scope == TW_SC_SECTION)
		tw_out_printf(&o, "'%s'", at.section ? at.section : "?");
	else
		tw__scope_names(&o, at.scope);
	tw_out_str(&o, tw_str_of(on_line ? "" : " section"));
	*o.p = '\0';
	return text;
}

/* Is there a keyword of two words here that begins with this one? out: with
 * `o`, the second words. */
static bool
is_group(struct tw__place at, const char *first, struct tw_out *o)
{
	const size_t len = strlen(first);
	const struct tw__kw_entry *e;
	bool any = false;

	for (int i = 0; (e = tw__kw_at(i)) != NULL; i++) {
		if (strncmp(e->kw->word, first, len) != 0 || e->kw->word[len] != ' ' ||
		    !(e->kw->scopes & at.scope))
			continue;
		if (o != NULL)
			tw_out_printf(
			    o, "%s'%s'", any ? ", " : "", e->kw->word + len + 1);
		any = true;
	}
	return any;
}

/* Where else a keyword may stand. */
static unsigned
scopes_of(const char *word)
{
	const struct tw__kw_entry *e;
	unsigned scopes = 0;

	for (int i = 0; (e = tw__kw_at(i)) != NULL; i++)
		if (strcmp(e->kw->word, word) == 0)
			scopes |= e->kw->scopes;
	return scopes;
}

/* ---- the answers, each 0 when it has nothing to say ---- */

/* A line, and which of its words is at fault. */
struct fault {
	struct tw_line ln; /* pos: the word */
	struct tw__place at;
	const char *first, *second; /* second may be NULL */
	char both[160];             /* "first second", or just first */
};

/* The lines to write are what matters: no caret between them and the text. */
static void
report_dead(const struct tw_line *ln, const char *form, const char *lines)
{
	char text[2048];
	struct tw_out o = tw_out_of(text, sizeof(text) - 1);

	tw_out_printf(&o,
	    "'%s' is no longer part of HAProxy's language; write "
	    "instead:",
	    form);
	while (*lines != '\0') {
		const size_t len = strcspn(lines, "\n");

		tw_out_lit(&o, "\n    ");
		tw_out_mem(&o, lines, len);
		lines += len + (lines[len] != '\0');
	}
	*o.p = '\0';
	tw__report_add(
	    ln->gen->conf.report, true, ln->file, ln->number, NULL, -1, text);
}

static int
answer_dead(const struct fault *f)
{
	char lines[1024];
	const char **words = (const char **)(f->ln.word + f->ln.pos);
	const int n = f->ln.n_words - f->ln.pos;

	if (!conf_dead_form(words, n, kn_of_scope(f->at.scope), lines, sizeof(lines)))
		return 0;
	report_dead(
	    &f->ln, is_group(f->at, f->first, NULL) ? f->both : f->first, lines);
	return -1;
}

/* A word is compared up to its parenthesis. */
static const char *
bare(const char *word, char *text, size_t size)
{
	const size_t len = word ? strcspn(word, "(") : 0;

	snprintf(text, size, "%.*s", (int)len, word ? word : "");
	return text;
}

static const struct known *
known_best(const struct fault *f)
{
	char first[64], second[64], both[130], third[64];
	const bool has_third = f->ln.pos + 2 < f->ln.n_words;
	const struct known *k;

	bare(f->first, first, sizeof(first));
	bare(f->second, second, sizeof(second));
	bare(has_third ? f->ln.word[f->ln.pos + 2] : NULL, third, sizeof(third));
	snprintf(both, sizeof(both), "%s %s", first, second);
	if ((k = known_find(both, third)) != NULL ||
	    (k = known_find(both, "")) != NULL ||
	    (second[0] != '\0' && (k = known_find(first, second)) != NULL))
		return k;
	return is_group(f->at, first, NULL) ? NULL : known_find(first, "");
}

static int
answer_known(const struct fault *f)
{
	const struct known *k = known_best(f);
	const unsigned here = kn_of_scope(f->at.scope);

	if (k == NULL || !(k->sections & here))
		return 0;
	return tw_line_fail(&f->ln, -1,
	    "'%s%s%s' is known to HAProxy 3.4 but "
	    "not supported by tideway yet",
	    k->word, k->second[0] ? " " : "", k->second);
}

/* Words of one side of a proxy that HAProxy passes over, with a warning, in a
 * section that has only the other side. */
static bool
is_passed_over(const char *word)
{
	static const char *const words[] = { "option ", "capture ", "monitor ",
		"http-check ", "tcp-check ", "external-check ",
		"load-server-state-from-file", "unique-id-header" };

	for (size_t i = 0; i < TW_N_ELEMENTS(words); i++)
		if (strncmp(word, words[i], strlen(words[i])) == 0)
			return true;
	return false;
}

static bool
is_other_side(const struct fault *f, unsigned scopes)
{
	const unsigned sides = TW_SC_FRONTEND | TW_SC_BACKEND;

	return (f->at.scope & sides) != 0 && (f->at.scope & ~sides) == 0 &&
	    (scopes & sides) == (sides & ~f->at.scope);
}

/* returns: 1 warned. */
static int
answer_other_side(const struct fault *f)
{
	const char *word = f->both;
	unsigned scopes = scopes_of(word);
	const bool is_backend = f->at.scope == TW_SC_BACKEND;

	if (scopes == 0)
		scopes = scopes_of(word = f->first);
	if (f->ln.proxy == NULL || !is_passed_over(word) || !is_other_side(f, scopes))
		return 0;
	tw_line_warn(&f->ln, -1, "'%s' ignored because %s '%s' has no %s capability.",
	    strncmp(word, "option ", 7) == 0 ? word + 7 : word,
	    is_backend ? "backend" : "frontend", tw_proxy_name(f->ln.proxy),
	    is_backend ? "frontend" : "backend");
	return 1;
}

static int
answer_elsewhere(const struct fault *f)
{
	const char *word = f->both;
	unsigned scopes = scopes_of(word);
	char place[128], names[256];

	if (scopes == 0)
		scopes = scopes_of(word = f->first);
	struct tw_out o = tw_out_of(names, sizeof(names) - 1);
	tw__scope_names(&o, scopes & ~TW_SC_SECTION);
	*o.p = '\0';
	if (names[0] == '\0')
		return 0;
	return tw_line_fail(&f->ln, -1,
	    "'%s' is not allowed %s; it belongs "
	    "%s %s",
	    word, place_text(f->at, place, sizeof(place)),
	    scopes & (TW_SC_BIND | TW_SC_SERVER) ? "on" : "in", names);
}

static int
answer_known_elsewhere(const struct fault *f)
{
	const struct known *k = known_best(f);
	const unsigned no_keyword =
	    TW_KN_FETCH | TW_KN_ACL | TW_KN_CONVERTER | TW_KN_LOGVAR;
	char place[128];

	if (k == NULL || !(k->sections & ~no_keyword))
		return 0;
	return tw_line_fail(&f->ln, -1,
	    "'%s' is not allowed %s, and where "
	    "HAProxy 3.4 allows it, it is not supported by tideway yet",
	    f->both, place_text(f->at, place, sizeof(place)));
}

/* The caret goes to the second word when the first one is right. */
static int
answer_nearest(const struct fault *f)
{
	struct tw_line ln = f->ln;
	char place[128], list[600];
	struct tw_out o = tw_out_of(list, sizeof(list) - 1);
	const bool group = is_group(f->at, f->first, &o);
	const char *word = tw__kw_nearest(f->at, f->first, f->second);

	*o.p = '\0';
	place_text(f->at, place, sizeof(place));
	if (word == NULL && !group && !(f->at.scope & (TW_SC_BIND | TW_SC_SERVER)))
		word = tw__section_nearest(f->first);
	if (group && f->second == NULL)
		return tw_line_fail(&ln, -1, "'%s' expects one of %s", f->first, list);
	ln.pos += group;
	if (word != NULL)
		return tw_line_fail(&ln, -1,
		    "unknown keyword '%s' %s; did you "
		    "mean '%s' maybe ?",
		    group ? f->both : f->first, place, word);
	if (group)
		return tw_line_fail(&ln, -1,
		    "unknown keyword '%s' %s; after "
		    "'%s' there may be %s",
		    f->both, place, f->first, list);
	return tw_line_fail(&ln, -1, "unknown keyword '%s' %s", f->first, place);
}

int
tw__unknown_word(const struct tw_line *ln, int i, struct tw__place at)
{
	struct fault f = {
		.ln = *ln,
		.at = at,
		.first = ln->word[i],
		.second = i + 1 < ln->n_words ? ln->word[i + 1] : NULL,
	};

	f.ln.pos = i;
	snprintf(f.both, sizeof(f.both), "%.70s%s%.70s", f.first, f.second ? " " : "",
	    f.second ? f.second : "");
	if (answer_other_side(&f) != 0)
		return 0;
	if (answer_dead(&f) == 0 && answer_known(&f) == 0 &&
	    answer_elsewhere(&f) == 0 && answer_known_elsewhere(&f) == 0)
		answer_nearest(&f);
	return -1;
}

/* ---- sections ---- */

bool
tw__is_foreign_section(const char *word)
{
	const struct known *k = known_find(word, "");

	return k != NULL && (k->sections & TW_KN_SECTION);
}

bool
tw__dead_section(const struct tw_line *ln)
{
	char lines[1024], form[200];

	if (!conf_dead_form((const char **)ln->word, ln->n_words, TW_KN_SECTION, lines,
		sizeof(lines)))
		return false;
	snprintf(form, sizeof(form), "%.60s%s%.60s%s%.60s", ln->word[0],
	    ln->n_words > 1 ? " " : "", ln->n_words > 1 ? ln->word[1] : "",
	    ln->n_words > 2 ? " " : "", ln->n_words > 2 ? ln->word[2] : "");
	report_dead(ln, form, lines);
	return true;
}

int
tw__unknown_section(const struct tw_line *ln)
{
	const char *const word = ln->word[0];

	if (tw__dead_section(ln))
		return -1;
	if (tw__is_foreign_section(word))
		return tw_line_fail(ln, -1,
		    "section '%s' is known to HAProxy 3.4 "
		    "but not supported by tideway yet; its lines are passed over",
		    word);
	const char *const near = tw__section_nearest(word);
	if (near != NULL)
		return tw_line_fail(ln, -1,
		    "unknown keyword '%s' out of section; "
		    "did you mean '%s' maybe ?",
		    word, near);
	return tw_line_fail(ln, -1, "unknown keyword '%s' out of section.", word);
}

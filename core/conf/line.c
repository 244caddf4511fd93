/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * line.c - who takes a line, and the options of bind and server lines.
 *
 * Prefix, keyword, number of arguments, state, setter: in this order, the
 * same for every keyword of every owner. Control thread.
 */
#include "config.h"

#include <tideway/assert.h>
#include "core/conf/parser.h"
#include "core/run/gen.h"

enum prefix { PREFIX_NONE, PREFIX_NO, PREFIX_DEFAULT };

/* `no` or `default` before the keyword. */
static enum prefix
take_prefix(struct tw_line *ln)
{
	const char *const word = ln->word[ln->pos];

	if (ln->n_words - ln->pos < 2)
		return PREFIX_NONE;
	enum prefix prefix = PREFIX_NONE;
	if (strcmp(word, "no") == 0)
		prefix = PREFIX_NO;
	else if (strcmp(word, "default") == 0)
		prefix = PREFIX_DEFAULT;
	ln->pos += prefix != PREFIX_NONE;
	return prefix;
}

/* `default` means what the table says; what says nothing is off. */
static int
apply_prefix(struct tw_line *ln, enum prefix prefix)
{
	const struct tw_kw *const kw = ln->kw;

	if (prefix == PREFIX_NONE)
		return 0;
	if (!(kw->flags & TW_KW_NO))
		return tw_line_fail(ln, -1, "'%s' cannot be preceded by '%s'", kw->word,
		    ln->word[ln->pos - 1]);
	const bool is_on = kw->def != NULL &&
	    (strcmp(kw->def, "on") == 0 || strcmp(kw->def, "enabled") == 0);
	ln->no = prefix == PREFIX_NO || !is_on;
	return 0;
}

static int
check_arity(const struct tw_line *ln)
{
	const struct tw_kw *const kw = ln->kw;

	if (ln->n_args < kw->min_args && !ln->no)
		return tw_line_fail(ln, -1, "'%s' expects %s", kw->word,
		    kw->usage ? kw->usage : "more arguments");
	if (kw->max_args >= 0 && ln->n_args > kw->max_args)
		return tw_line_fail(ln, kw->max_args,
		    "'%s' cannot handle unexpected argument '%s'.", kw->word,
		    tw_arg(ln, kw->max_args));
	return 0;
}

static enum tw_scope_block
block_of(unsigned scope)
{
	switch (scope) {
	case TW_SC_GLOBAL:
		return TW_IN_GEN;
	case TW_SC_BIND:
		return TW_IN_BIND;
	case TW_SC_SERVER:
		return TW_IN_SERVER;
	default:
		return TW_IN_PROXY;
	}
}

static void *
state_of(const struct tw_line *ln, const struct tw_self *owner)
{
	if (ln->scope == TW_SC_SECTION)
		return ln->section;
	if (owner == NULL)
		return ln->core;
	return ln->block ? ln->block + owner->off[block_of(ln->scope)] : NULL;
}

/* Points the line at its keyword. */
static void
set_keyword(struct tw_line *ln, const struct tw__kw_entry *e, int n_words)
{
	ln->kw = e->kw;
	ln->arg = ln->pos + n_words;
	ln->n_args = ln->n_words - ln->arg;
	ln->state = state_of(ln, e->owner);
}

int
tw__line_take(struct tw_line *ln, struct tw__place at, bool call)
{
	const enum prefix prefix = take_prefix(ln);
	int n_words;
	const struct tw__kw_entry *e = tw__kw_lookup(at, ln->word[ln->pos],
	    ln->pos + 1 < ln->n_words ? ln->word[ln->pos + 1] : NULL, &n_words);

	if (e == NULL)
		return tw__unknown_word(ln, ln->pos, at);
	set_keyword(ln, e, n_words);
	ln->used = e->kw->max_args < 0 ? ln->n_args : e->kw->max_args;
	if (apply_prefix(ln, prefix) != 0 || check_arity(ln) != 0)
		return -1;
	return call ? e->kw->set(ln) : 0;
}

/* ---- the options of bind and server lines ---- */

/* The option at word `i`: by its name, or "no-NAME" of one that allows it. */
static const struct tw__kw_entry *
option_lookup(struct tw_line *ln, struct tw__place at, int i, int *n_words)
{
	const char *const word = ln->word[i];
	const char *const next = i + 1 < ln->n_words ? ln->word[i + 1] : NULL;
	const struct tw__kw_entry *e = tw__kw_lookup(at, word, next, n_words);

	const char *const open = strchr(word, '(');

	ln->no = false;
	if (e == NULL && open != NULL) { /* "set-proxy-v2-tlv-fmt(0x20)" */
		char name[64];

		if ((size_t)(open - word) >= sizeof(name))
			return NULL;
		memcpy(name, word, (size_t)(open - word));
		name[open - word] = '\0';
		return tw__kw_lookup(at, name, NULL, n_words);
	}
	if (e != NULL || strncmp(word, "no-", 3) != 0)
		return e;
	e = tw__kw_lookup(at, word + 3, NULL, n_words);
	if (e == NULL || !(e->kw->flags & TW_KW_NO))
		return NULL;
	ln->no = true;
	return e;
}

/* One option. returns: the words it took; -1 when the rest cannot be read.
 * out: failed. */
static int
option_take(struct tw_line *ln, struct tw__place at, int i, bool *failed)
{
	int n_words;
	const struct tw__kw_entry *e = option_lookup(ln, at, i, &n_words);

	ln->pos = i;
	if (e == NULL)
		return tw__unknown_word(ln, i, at);
	set_keyword(ln, e, n_words);
	if (ln->gen->conf.takes != NULL && !ln->gen->conf.takes(e->kw->word))
		return tw_line_fail(ln, -1,
		    "'%s' option is not accepted for dynamic server", ln->word[i]);
	const int max = ln->no ? 0 : e->kw->max_args;
	if (max >= 0 && ln->n_args > max)
		ln->n_args = max;
	ln->used = ln->n_args;
	if (check_arity(ln) != 0)
		return -1;
	if (e->kw->set(ln) != 0)
		*failed = true;
	TW_ASSERT(ln->used >= 0 && ln->used <= ln->n_words - ln->arg);
	return n_words + ln->used;
}

int
tw__line_options(struct tw_line *ln, unsigned scope, int from, void *core, char *block)
{
	const struct tw__place at = { .scope = scope };
	bool failed = false;

	for (int i = from; i < ln->n_words;) {
		struct tw_line option = *ln;

		option.scope = scope;
		option.core = core;
		option.block = block;
		ln->gen->conf.line = &option;
		const int n = option_take(&option, at, i, &failed);
		ln->gen->conf.line = ln;
		if (n < 0)
			return -1;
		i += n;
	}
	return failed ? -1 : 0;
}

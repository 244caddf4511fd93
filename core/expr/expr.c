/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * expr.c - "fetch(args),conv(args),...": compiling and evaluating.
 *
 * Fetches and converters are table entries: the core's come from the tables
 * registered here, a module's from its descriptor. Arguments are parsed by
 * the letters in the table ("s", "i", "[...]" optional). What an argument
 * names may stand further down in the files, so a table entry's check() runs
 * when all are read. source: HAProxy's manual, 2.2 and 7.3.
 */
#include "config.h"

#include <ctype.h>

#include <tideway/assert.h>

#include "conf/conf.h"
#include "expr/expr_int.h"
#include "expr/patref.h"
#include "module/module_int.h"
#include "run/gen.h"

#define TABLES_MAX 32
#define CONVS_MAX 16

static const struct tw_fetch *fetch_tables[TABLES_MAX]; /* set at start-up */
static const struct tw_conv *conv_tables[TABLES_MAX];
/* while late checks run */
static _Thread_local const struct tw__late *late_now;

int
tw__expr_add_fetches(const struct tw_fetch *table, struct tw_err *err)
{
	for (int i = 0; i < TABLES_MAX; i++) {
		if (fetch_tables[i] == table)
			return 0;
		if (fetch_tables[i] == NULL) {
			fetch_tables[i] = table;
			return 0;
		}
	}
	return tw_err_set(err, "too many tables of fetches");
}

int
tw__expr_add_convs(const struct tw_conv *table, struct tw_err *err)
{
	for (int i = 0; i < TABLES_MAX; i++) {
		if (conv_tables[i] == table)
			return 0;
		if (conv_tables[i] == NULL) {
			conv_tables[i] = table;
			return 0;
		}
	}
	return tw_err_set(err, "too many tables of converters");
}

#define FETCH_NAME_MAX 64

/* out: word. returns: false: no name is as long. */
static bool
name_is_word(struct tw_str name, char word[FETCH_NAME_MAX])
{
	if (name.len >= FETCH_NAME_MAX)
		return false;
	memcpy(word, name.p, name.len);
	word[name.len] = '\0';
	return true;
}

const struct tw_fetch *
tw__expr_find_fetch(struct tw_str name)
{
	for (int i = 0; i < TABLES_MAX && fetch_tables[i] != NULL; i++)
		for (const struct tw_fetch *f = fetch_tables[i]; f->name; f++)
			if (tw_str_eq(name, tw_str_of(f->name)))
				return f;
	const struct tw_self *owner;
	char word[FETCH_NAME_MAX];
	return name_is_word(name, word) ? tw__module_find_fetch(word, &owner) : NULL;
}

const struct tw_conv *
tw__expr_find_conv(struct tw_str name)
{
	for (int i = 0; i < TABLES_MAX && conv_tables[i] != NULL; i++)
		for (const struct tw_conv *c = conv_tables[i]; c->name; c++)
			if (tw_str_eq(name, tw_str_of(c->name)))
				return c;
	const struct tw_self *owner;
	char word[FETCH_NAME_MAX];
	return name_is_word(name, word) ? tw__module_find_conv(word, &owner) : NULL;
}

TW__TABLES_AT(tw__expr_fetch_at, tw_fetch, fetch_tables, fetches)
TW__TABLES_AT(tw__expr_conv_at, tw_conv, conv_tables, convs)

struct tw__expr_gen *
tw__expr_gen(struct tw_gen *gen)
{
	if (tw__bound_lists() != NULL)
		return tw__bound_lists();
	if (gen->expr == NULL)
		gen->expr = tw_arena_zalloc(tw_gen_arena(gen), sizeof(*gen->expr));
	return gen->expr;
}

struct tw__ectx
tw__ectx_of(const struct tw_line *ln, unsigned where, struct tw_err *err)
{
	return (struct tw__ectx){ .gen = ln->gen,
		.proxy = ln->proxy,
		.file = ln->file,
		.line = ln->number,
		.where = where,
		.err = err,
		.ln = ln };
}

static void
late_add(const struct tw__ectx *cx, const char *name, struct tw_arg_val *args,
    int (*check)(struct tw_gen *, struct tw_arg_val *, struct tw_err *))
{
	struct tw__expr_gen *const eg = tw__expr_gen(cx->gen);
	struct tw__late *const late =
	    tw_arena_zalloc(tw_gen_arena(cx->gen), sizeof(*late));

	*late = (struct tw__late){ .next = eg->late,
		.check = check,
		.args = args,
		.name = name,
		.file = cx->file,
		.line = cx->line,
		.proxy = cx->proxy };
	eg->late = late;
}

/* One entry of a table may stand for many names: "lua." */
static const char *
name_kept(const struct tw__ectx *cx, const char *of_table, struct tw_str written)
{
	return tw_is_family(of_table) ? tw_arena_str(tw_gen_arena(cx->gen), written).p
				      : of_table;
}

const char *
tw_check_name(void)
{
	return late_now != NULL ? late_now->name : NULL;
}

const struct tw_proxy *
tw__expr_late_proxy(void)
{
	return late_now != NULL ? late_now->proxy : NULL;
}

const struct tw_proxy *
tw_check_proxy(void)
{
	return tw__expr_late_proxy();
}

bool
tw_expr_gives(const struct tw_expr *e, enum tw_type type)
{
	return tw__cast_is_possible((enum tw_type)e->out, type);
}

bool
tw_expr_is_valid_at(const struct tw_expr *e, unsigned where)
{
	return (e->fetch->where & where) != 0;
}

void
tw__expr_late_where(struct tw__ectx *cx)
{
	cx->file = late_now != NULL ? late_now->file : NULL;
	cx->line = late_now != NULL ? late_now->line : 0;
}

int
tw__expr_check_one(int (*check)(struct tw_gen *, struct tw_arg_val *, struct tw_err *),
    struct tw_gen *gen, struct tw_arg_val *args, const char *name, struct tw_err *err)
{
	const struct tw__late late = { .check = check, .args = args, .name = name };

	late_now = &late;
	const int result = check(gen, args, err);
	late_now = NULL;
	return result;
}

int
tw__expr_late_run(struct tw_gen *gen, struct tw_err *told)
{
	int result = 0;
	struct tw__late *late = gen->expr ? gen->expr->late : NULL;
	struct tw__late *order = NULL;

	while (late != NULL) { /* back into the order of the file */
		struct tw__late *const next = late->next;
		late->next = order;
		order = late;
		late = next;
	}
	if (gen->expr != NULL)
		gen->expr->late = NULL;
	for (late = order; late != NULL; late = late->next) {
		struct tw_err err = { "" };
		late_now = late;
		const int bad = late->check(gen, late->args, &err);
		late_now = NULL;
		if (bad == 0)
			continue;
		if (told != NULL)
			tw_err_set(told, "'%s': %.900s", late->name, err.text);
		else
			tw_gen_fail(gen, late->file, late->line, "'%s': %s", late->name,
			    err.text);
		result = -1;
	}
	return result;
}

int
tw__expr_check(struct tw_gen *gen)
{
	const int result = tw__expr_late_run(gen, NULL);

	if (gen->expr != NULL) {
		tw__patref_lists(gen);
		tw__patref_number(gen->expr);
	}
	return result;
}

/* ---- parsing ------------------------------------------------------------ */

static struct tw_str
take_name(const char **text)
{
	const char *p = *text;

	while (isalnum((unsigned char)*p) || *p == '_' || *p == '.' || *p == '-' ||
	    *p == '+')
		p++;
	const struct tw_str name = { *text, (size_t)(p - *text) };
	*text = p;
	return name;
}

/* The character that a backslash protects; 0: the backslash stays. */
static char
unescape(char c)
{
	switch (c) {
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	case ' ':
	case '"':
	case '\'':
	case '\\':
	case ',':
	case ')':
		return c;
	default:
		return 0;
	}
}

/* One argument, quotes and escapes resolved, up to ',' or ')'. */
static int
take_arg(const struct tw__ectx *cx, const char **text, struct tw_str *out)
{
	const char *p = *text;
	char *const mem = tw_arena_alloc(tw_gen_arena(cx->gen), strlen(p) + 1);
	char *to = mem;
	char quote = 0;

	for (; *p != '\0' && (quote || (*p != ',' && *p != ')')); p++) {
		if (*p == '\\' && quote != '\'' && unescape(p[1])) {
			*to++ = unescape(*++p);
			continue;
		}
		if (quote ? *p == quote : *p == '"' || *p == '\'') {
			quote = quote ? 0 : *p;
			continue;
		}
		*to++ = *p;
	}
	if (quote)
		return tw_err_set(
		    cx->err, "unterminated %c in the arguments '%s'", quote, *text);
	if (*p == '\0')
		return tw_err_set(cx->err, "missing ')' after '%s'", *text);
	*to = '\0';
	*out = (struct tw_str){ mem, (size_t)(to - mem) };
	*text = p;
	return 0;
}

static bool
parse_int(struct tw_str s, int64_t *out)
{
	uint64_t n;
	const bool minus = s.len > 0 && s.p[0] == '-';

	if (minus)
		s = (struct tw_str){ s.p + 1, s.len - 1 };
	if (!tw_str_to_u64(s, &n) || n > INT64_MAX)
		return false;
	*out = minus ? -(int64_t)n : (int64_t)n;
	return true;
}

char
tw__next_letter(const char **spec, bool *optional)
{
	while (**spec == ',' || **spec == '[' || **spec == ']') {
		if (**spec == '[')
			*optional = true;
		(*spec)++;
	}
	return **spec != '\0' ? *(*spec)++ : 0;
}

static int
set_arg(const struct tw__ectx *cx, struct tw_str name, char letter, struct tw_str text,
    struct tw_arg_val *arg)
{
	arg->type = TW_STRING;
	arg->str = text;
	if (letter != 'i')
		return 0;
	arg->type = TW_SINT;
	if (!parse_int(text, &arg->n))
		return tw_err_set(cx->err, "'%.*s' takes a number, not '%s'",
		    TW_STR_FMT(name), text.p);
	return 0;
}

/* The part from '(' on, if there is one, by the letters of `spec`. */
static int
parse_args(const struct tw__ectx *cx, const char **text, struct tw_str name,
    const char *spec, struct tw_arg_val *args)
{
	bool open = **text == '(';
	bool optional = false;
	int n = 0;

	spec = spec ? spec : "";
	if (open && (*text)[1] == ')') {
		*text += 2;
		open = false;
		if (spec[0] == 's' && spec[1] == '\0') { /* str() */
			args[0].type = TW_STRING;
			args[0].str = TW_STR("");
			return 0;
		}
	}
	for (char letter; (letter = tw__next_letter(&spec, &optional)); n++) {
		struct tw_str arg = { NULL, 0 };
		TW_ASSERT(n < TW__ARGS_MAX);
		if (!open && optional)
			return 0;
		if (!open)
			return tw_err_set(cx->err,
			    "'%.*s' needs %s as argument"
			    " %d: write %.*s(...)",
			    TW_STR_FMT(name), letter == 'i' ? "a number" : "a string",
			    n + 1, TW_STR_FMT(name));
		(*text)++;
		if (take_arg(cx, text, &arg) != 0)
			return -1;
		if ((arg.len > 0 || !optional) &&
		    set_arg(cx, name, letter, arg, &args[n]) != 0)
			return -1;
		if (**text == ')') {
			(*text)++;
			open = false;
		}
	}
	if (open)
		return tw_err_set(cx->err,
		    n ? "'%.*s' takes no more arguments: expected ')' before '%s'"
		      : "'%.*s' takes no argument: remove '%s'",
		    TW_STR_FMT(name), *text);
	return 0;
}

/* "path_beg": the fetch "path", matched by "beg". */
static const struct tw_fetch *
find_suffixed(struct tw_str name, const char **match)
{
	static const char *const suffixes[] = {
		"beg",
		"dir",
		"dom",
		"end",
		"len",
		"reg",
		"sub",
	};

	if (name.len < 5 || name.p[name.len - 4] != '_')
		return NULL;
	for (size_t i = 0; i < TW_N_ELEMENTS(suffixes); i++) {
		if (memcmp(name.p + name.len - 3, suffixes[i], 3) != 0)
			continue;
		const struct tw_fetch *const f =
		    tw__expr_find_fetch((struct tw_str){ name.p, name.len - 4 });
		if (f == NULL || (f->out != TW_STRING && f->out != TW_BINARY))
			return NULL;
		*match = suffixes[i];
		return f;
	}
	return NULL;
}

static const struct tw_fetch *
parse_fetch(const struct tw__ectx *cx, const char **text, const char **match)
{
	const char *const all = *text;
	const struct tw_str name = take_name(text);

	if (match != NULL)
		*match = NULL;
	if (name.len == 0) {
		tw_err_set(cx->err, "a fetch is expected, not '%s'", all);
		return NULL;
	}
	const struct tw_fetch *f = tw__expr_find_fetch(name);
	if (f == NULL && match != NULL)
		f = find_suffixed(name, match);
	if (f == NULL)
		tw_err_set(cx->err,
		    tw__is_known(TW__KNOWN_FETCH, name)
			? "fetch '%.*s' is known to HAProxy 3.4 but not supported by "
			  "tideway yet"
			: "unknown fetch '%.*s'",
		    TW_STR_FMT(name));
	return f;
}

static int
parse_conv(const struct tw__ectx *cx, const char **text, enum tw_type *type,
    struct tw__call *call)
{
	const struct tw_str name = take_name(text);
	const struct tw_conv *const c = tw__expr_find_conv(name);

	if (c == NULL)
		return tw_err_set(cx->err,
		    tw__is_known(TW__KNOWN_CONV, name)
			? "converter '%.*s' is known to HAProxy 3.4 but not supported by "
			  "tideway yet"
			: "unknown converter '%.*s'",
		    TW_STR_FMT(name));
	if (!tw__cast_is_possible(*type, c->in))
		return tw_err_set(cx->err,
		    "converter '%s' takes %s, which "
		    "cannot be made from %s",
		    c->name, tw__type_name(c->in), tw__type_name(*type));
	call->conv = c;
	call->args = tw_arena_zalloc(
	    tw_gen_arena(cx->gen), sizeof(*call->args) * (TW__ARGS_MAX + 1));
	if (parse_args(cx, text, name, c->args, call->args) != 0)
		return -1;
	if (c->check != NULL)
		late_add(cx, name_kept(cx, c->name, name), call->args, c->check);
	*type = c->out != TW_ANY ? c->out : *type;
	return 0;
}

static int
parse_convs(const struct tw__ectx *cx, const char **text, struct tw_expr *e)
{
	struct tw__call calls[CONVS_MAX];
	enum tw_type type = e->fetch->out;

	while (**text == ',') {
		(*text)++;
		if (e->n_convs == CONVS_MAX)
			return tw_err_set(
			    cx->err, "more than %d converters", CONVS_MAX);
		if (parse_conv(cx, text, &type, &calls[e->n_convs]) != 0)
			return -1;
		e->n_convs++;
	}
	e->out = (uint8_t)type;
	if (e->n_convs > 0) {
		struct tw__call *const copy =
		    tw_arena_alloc(tw_gen_arena(cx->gen), sizeof(*copy) * e->n_convs);
		memcpy(copy, calls, sizeof(*copy) * e->n_convs);
		e->conv = copy;
	}
	return 0;
}

struct tw_expr *
tw__expr_parse(const struct tw__ectx *cx, const char **text, const char **match)
{
	const char *const start = *text;
	const struct tw_fetch *const f = parse_fetch(cx, text, match);

	if (f == NULL)
		return NULL;
	const struct tw_str name = { start, (size_t)(*text - start) };
	struct tw_expr *const e = tw_arena_zalloc(tw_gen_arena(cx->gen), sizeof(*e));
	e->fetch = f;
	if (parse_args(cx, text, name, f->args, e->args) != 0)
		return NULL;
	if (f->check != NULL)
		late_add(cx, name_kept(cx, f->name, name), e->args, f->check);
	if (parse_convs(cx, text, e) != 0)
		return NULL;
	e->text = tw_arena_str(
	    tw_gen_arena(cx->gen), (struct tw_str){ start, (size_t)(*text - start) })
		      .p;
	/* names may differ: path_beg, path; hdr, req.hdr */
	e->key = tw_arena_printf(tw_gen_arena(cx->gen), "%p/%d%.*s",
	    (void *)(uintptr_t)f->get, (int)f->out,
	    (int)(*text - start - (int)name.len), start + name.len);
	struct tw__expr_gen *const eg = tw__expr_gen(cx->gen);
	e->next = eg->exprs;
	eg->exprs = e;
	return e;
}

struct tw_expr *
tw_expr_compile(struct tw_line *ln, int i, const char *text, unsigned where)
{
	struct tw_err err = { "" };
	const struct tw__ectx cx = tw__ectx_of(ln, where, &err);
	struct tw_expr *const e = tw__expr_parse(&cx, &text, NULL);

	if (e == NULL) {
		tw_line_fail(ln, i, "%s", err.text);
		return NULL;
	}
	if (*text != '\0') {
		tw_line_fail(
		    ln, i, "unexpected '%s' after the expression '%s'", text, e->text);
		return NULL;
	}
	if ((e->fetch->where & where) == 0) {
		tw_line_fail(ln, i,
		    "fetch '%s' has no value here: what it "
		    "reads is not known yet or no more",
		    e->fetch->name);
		return NULL;
	}
	return e;
}

/* ---- evaluating --------------------------------------------------------- */

static bool
convert(const struct tw_expr *e, struct tw_req *req, struct tw_sample *s)
{
	for (int i = 0; i < e->n_convs; i++)
		if (!tw__conv_apply(e->conv[i].conv, e->conv[i].args, req, s))
			return false;
	return true;
}

int
tw__expr_next(const struct tw_expr *e, struct tw_req *req, struct tw_cursor *cur,
    struct tw_sample *out)
{
	cur->all = true;
	memset(out, 0, sizeof(*out));
	out->type = (uint8_t)e->fetch->out;
	cur->more = false;
	if (!e->fetch->get(req, e->args, cur, out))
		return -1;
	return e->n_convs == 0 || convert(e, req, out);
}

bool
tw_expr_eval(const struct tw_expr *e, struct tw_req *req, struct tw_sample *out)
{
	return tw__fetch_last(e->fetch, e->args, req, out) && convert(e, req, out);
}

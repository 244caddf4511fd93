/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * logfmt.c - log-format strings: "%ci:%cp [%tr] %{+Q}r %[src]".
 *
 * Compiled to an array of literals, separators, variables and expressions.
 * Runs of spaces are one separator, which is not repeated when what stands
 * between two of them writes nothing (%hr without captures), nor written at
 * the beginning of a line. Variables are table entries: core/flow's and the
 * modules'. source: HAProxy's manual, 8.2.6.
 */
#include "config.h"

#include <ctype.h>

#include <tideway/assert.h>

#include "conf/conf.h"
#include "expr/expr_int.h"
#include "expr/logenc.h"
#include "module/module_int.h"

#define TABLES_MAX 8

enum node_kind {
	NODE_TEXT,
	NODE_SPACE,
	NODE_VAR,
	NODE_EXPR,
	NODE_VAR_ENCODED, /* %{+json}, %{+cbor} of its own */
	NODE_EXPR_ENCODED,
};

struct node {
	enum node_kind kind;
	unsigned flags;
	union {
		struct tw_str text;
		const struct tw_logvar *var;
		const struct tw_expr *expr;
	} u;
	const struct tw__logitem *item; /* gen; NULL: neither name nor type */
};

struct tw_logfmt {
	uint32_t n, cap;
	unsigned encoding; /* TW__LOG_JSON, _CBOR, _BIN of %{...}o */
	struct node *node; /* gen */
};

struct parser {
	const struct tw__ectx *cx;
	const char *p;
	struct tw_logfmt *fmt;
	char *text; /* literal that is being gathered */
	size_t text_len;
	unsigned flags;                 /* set by %{...}o for all that follows */
	const struct tw__logitem *item; /* of the one that is read */
};

static const struct tw_logvar *tables[TABLES_MAX]; /* set at start-up */

int
tw__logvar_add(const struct tw_logvar *table, struct tw_err *err)
{
	for (int i = 0; i < TABLES_MAX; i++) {
		if (tables[i] == table)
			return 0;
		if (tables[i] == NULL) {
			tables[i] = table;
			return 0;
		}
	}
	return tw_err_set(err, "too many tables of log variables");
}

const struct tw_logvar *
tw__logvar_find(struct tw_str name)
{
	char word[32];

	for (int i = 0; i < TABLES_MAX && tables[i] != NULL; i++)
		for (const struct tw_logvar *v = tables[i]; v->name; v++)
			if (tw_str_eq(name, tw_str_of(v->name)))
				return v;
	if (name.len >= sizeof(word))
		return NULL;
	memcpy(word, name.p, name.len);
	word[name.len] = '\0';
	const struct tw_self *owner;
	return tw__module_find_logvar(word, &owner);
}

TW__TABLES_AT(tw__logvar_at, tw_logvar, tables, logvars)

/* How unlike two short names are; the same letter in other case counts less. */
static unsigned
distance(struct tw_str a, struct tw_str b)
{
	unsigned sum = 0;
	const size_t n = a.len < b.len ? a.len : b.len;

	for (size_t i = 0; i < n; i++)
		if (a.p[i] != b.p[i])
			sum += tolower((unsigned char)a.p[i]) ==
				tolower((unsigned char)b.p[i])
			    ? 1
			    : 3;
	return sum + 2 * (unsigned)(a.len + b.len - 2 * n);
}

const char *
tw__logvar_nearest(struct tw_str name)
{
	const char *best = NULL;
	unsigned best_distance = 4;

	for (int i = 0; i < TABLES_MAX && tables[i] != NULL; i++) {
		for (const struct tw_logvar *v = tables[i]; v->name; v++) {
			const unsigned d = distance(name, tw_str_of(v->name));
			if (d < best_distance) {
				best_distance = d;
				best = v->name;
			}
		}
	}
	return best;
}

/* ---- parsing ------------------------------------------------------------ */

static bool
is_log(const struct parser *ps)
{
	return (ps->cx->where & TW_AT_LOG) != 0;
}

static struct node *
add_node(struct parser *ps, enum node_kind kind)
{
	struct tw_logfmt *const f = ps->fmt;

	if (f->n == f->cap) {
		f->cap = f->cap ? f->cap * 2 : 16;
		struct node *const grown =
		    tw_arena_zalloc(tw_gen_arena(ps->cx->gen), sizeof(*grown) * f->cap);
		if (f->n > 0)
			memcpy(grown, f->node, sizeof(*grown) * f->n);
		f->node = grown;
	}
	f->node[f->n] = (struct node){ .kind = kind };
	return &f->node[f->n++];
}

/* A separator. */
static void
add_space(struct parser *ps)
{
	const struct node *const last =
	    ps->fmt->n > 0 ? &ps->fmt->node[ps->fmt->n - 1] : NULL;

	if (last != NULL && last->kind == NODE_VAR &&
	    (last->u.var->flags & TW__LOGVAR_SOLID))
		add_node(ps, NODE_TEXT)->u.text = TW_STR(" ");
	else
		add_node(ps, NODE_SPACE);
}

static void
end_text(struct parser *ps)
{
	if (ps->text_len == 0)
		return;
	add_node(ps, NODE_TEXT)->u.text = tw_arena_str(
	    tw_gen_arena(ps->cx->gen), (struct tw_str){ ps->text, ps->text_len });
	ps->text_len = 0;
}

static unsigned
flag_of(char c)
{
	switch (c) {
	case 'Q':
		return TW_LOG_QUOTE;
	case 'X':
		return TW_LOG_HEX;
	case 'E':
		return TW_LOG_ESCAPE;
	case 'M':
		return TW_LOG_MANDATORY;
	default:
		return 0;
	}
}

/* A flag at ps->p, which moves behind it. returns: 0: there is none. */
static unsigned
read_flag(struct parser *ps)
{
	static const struct {
		const char *word;
		unsigned flag;
	} words[] = {
		{ "json", TW__LOG_JSON },
		{ "cbor", TW__LOG_CBOR },
		{ "bin", TW__LOG_BIN },
	};

	for (size_t i = 0; i < TW_N_ELEMENTS(words); i++) {
		const size_t len = strlen(words[i].word);
		if (strncmp(ps->p, words[i].word, len) == 0) {
			ps->p += len;
			return words[i].flag;
		}
	}
	const unsigned flag = flag_of(*ps->p);
	if (flag != 0)
		ps->p++;
	return flag;
}

/* "{+Q,-X}"; ps->p is behind the brace. Without a sign, it is set. */
static int
read_flags(struct parser *ps, unsigned *flags)
{
	const char *const start = ps->p;

	while (*ps->p != '}') {
		char sign = '+';
		if (*ps->p == '+' || *ps->p == '-')
			sign = *ps->p++;
		else if (*ps->p == ',')
			ps->p++;
		if (*ps->p == '\0')
			return tw_err_set(
			    ps->cx->err, "missing '}' after '%%{%s'", start);
		if (*ps->p == '}' || *ps->p == '+' || *ps->p == '-' || *ps->p == ',')
			continue;
		const unsigned flag = read_flag(ps);
		if (flag == 0)
			return tw_err_set(ps->cx->err,
			    "unknown flag '%c' in "
			    "'%%{%s': write +Q, +X, +E, +json, +cbor, +bin, or - "
			    "in place of +",
			    *ps->p, start);
		*flags = sign == '+' ? *flags | flag : *flags & ~flag;
	}
	if ((*flags & TW__LOG_ENCODED) == TW__LOG_ENCODED)
		return tw_err_set(
		    ps->cx->err, "'%%{%s': json and cbor exclude each other", start);
	ps->p++;
	return 0;
}

/* "(name:type)"; ps->p is behind the parenthesis. */
static int
read_item(struct parser *ps)
{
	static const struct {
		const char *word;
		uint8_t type;
	} types[] = { { "str", TW_STRING }, { "sint", TW_SINT }, { "bool", TW_BOOL } };
	struct tw_arena *const arena = tw_gen_arena(ps->cx->gen);
	const char *const start = ps->p, *const end = strchr(start, ')');
	struct tw__logitem *const item = tw_arena_zalloc(arena, sizeof(*item));

	if (end == NULL)
		return tw_err_set(ps->cx->err, "missing ')' after '%%(%s'", start);
	const char *const colon = memchr(start, ':', (size_t)(end - start));
	const char *const name_end = colon != NULL ? colon : end;
	item->name =
	    tw_arena_str(arena, (struct tw_str){ start, (size_t)(name_end - start) });
	ps->p = end + 1;
	ps->item = item;
	if (colon == NULL)
		return 0;
	const struct tw_str word = { colon + 1, (size_t)(end - colon - 1) };
	for (size_t i = 0; i < TW_N_ELEMENTS(types); i++) {
		if (tw_str_eq(word, tw_str_of(types[i].word))) {
			item->type = types[i].type;
			return 0;
		}
	}
	return tw_err_set(ps->cx->err,
	    "unknown type '%.*s' of '%%(%.*s': write str, sint or bool",
	    TW_STR_FMT(word), (int)(end - start), start);
}

static int
read_expr(struct parser *ps, unsigned flags)
{
	const char *const start = ps->p;

	end_text(ps);
	const struct tw_expr *const e = tw__expr_parse(ps->cx, &ps->p, NULL);
	if (e == NULL)
		return -1;
	if (*ps->p != ']')
		return tw_err_set(ps->cx->err, "missing ']' after '%%[%s'", start);
	if ((e->fetch->where & ps->cx->where) == 0)
		return tw_err_set(ps->cx->err, "fetch '%s' has no value %s",
		    e->fetch->name,
		    ps->cx->lf_flags & TW__LOG_RULE
			? "here: what it reads is not known yet or no more"
			: is_log(ps) ? "when a line is logged"
				     : "here");
	ps->p++;
	struct node *const n =
	    add_node(ps, flags & TW__LOG_ENCODED ? NODE_EXPR_ENCODED : NODE_EXPR);
	n->flags = flags;
	n->u.expr = e;
	n->item = ps->item;
	return 0;
}

static int
unknown_variable(struct parser *ps, struct tw_str name)
{
	const char *const near = tw__logvar_nearest(name);

	if (tw__is_known(TW__KNOWN_LOGVAR, name))
		return tw_err_set(ps->cx->err,
		    "format variable '%.*s' is known to "
		    "HAProxy 3.4 but not supported by tideway yet",
		    TW_STR_FMT(name));
	return tw_err_set(ps->cx->err,
	    "no such format variable '%.*s'%s%s%s "
	    "If you wanted to emit the '%%' character verbatim, you need to "
	    "use '%%%%'",
	    TW_STR_FMT(name), near ? "; did you mean '%" : ".", near ? near : "",
	    near ? "'?" : "");
}

static int
read_variable(struct parser *ps, unsigned flags)
{
	const char *const start = ps->p;

	while (isalnum((unsigned char)*ps->p))
		ps->p++;
	const struct tw_str name = { start, (size_t)(ps->p - start) };
	if (tw_str_eq(name, TW_STR("o"))) {
		ps->flags = flags;
		ps->fmt->encoding = flags & TW__LOG_ENCODED
		    ? flags & (TW__LOG_ENCODED | TW__LOG_BIN)
		    : 0;
		return 0;
	}
	const struct tw_logvar *const var = tw__logvar_find(name);
	if (var == NULL)
		return unknown_variable(ps, name);
	if (ps->cx->where == TW_AT_CHECK && !(var->flags & TW_LOGVAR_CHECK))
		return tw_err_set(ps->cx->err,
		    "format variable '%%%.*s' has no value in a health check",
		    TW_STR_FMT(name));
	end_text(ps);
	struct node *const n =
	    add_node(ps, flags & TW__LOG_ENCODED ? NODE_VAR_ENCODED : NODE_VAR);
	n->flags = flags;
	n->u.var = var;
	n->item = ps->item;
	return 0;
}

/* What follows a '%'. */
static int
read_percent(struct parser *ps)
{
	unsigned flags = ps->flags;

	if (*ps->p == '%') {
		ps->text[ps->text_len++] = *ps->p++;
		return 0;
	}
	ps->item = NULL;
	if (*ps->p == '(') {
		ps->p++;
		if (read_item(ps) != 0)
			return -1;
	}
	if (*ps->p == '{') {
		ps->p++;
		if (read_flags(ps, &flags) != 0)
			return -1;
	}
	if (*ps->p == '[') {
		ps->p++;
		return read_expr(ps, flags);
	}
	if (*ps->p == '\0')
		return tw_err_set(ps->cx->err,
		    "truncated line after '%%': "
		    "a variable is expected, or '%%%%' for the character");
	if (isalpha((unsigned char)*ps->p))
		return read_variable(ps, flags);
	return tw_err_set(ps->cx->err,
	    "'%%%c' is not a variable; write "
	    "'%%%%' for the character",
	    *ps->p);
}

struct tw_logfmt *
tw__logfmt_parse(const struct tw__ectx *cx, const char *text)
{
	struct tw_arena *const arena = tw_gen_arena(cx->gen);
	struct parser ps = { .cx = cx, .p = text, .flags = cx->lf_flags };

	if (ps.flags == 0 && is_log(&ps))
		ps.flags = TW_LOG_MANDATORY;
	ps.text = tw_arena_alloc(arena, strlen(text) + 1);
	ps.fmt = tw_arena_zalloc(arena, sizeof(*ps.fmt));
	while (*ps.p != '\0') {
		if (*ps.p == '%') {
			ps.p++;
			if (read_percent(&ps) != 0)
				return NULL;
		} else if (*ps.p == ' ' && is_log(&ps) &&
		    !(cx->lf_flags & TW__LOG_RULE)) {
			end_text(&ps);
			while (*ps.p == ' ')
				ps.p++;
			add_space(&ps);
		} else {
			ps.text[ps.text_len++] = *ps.p++;
		}
	}
	end_text(&ps);
	return ps.fmt;
}

struct tw_logfmt *
tw_logfmt_compile_at(struct tw_line *ln, int i, const char *text, unsigned where)
{
	struct tw_err err = { "" };
	const struct tw__ectx cx = tw__ectx_of(ln, where, &err);
	struct tw_logfmt *const f = tw__logfmt_parse(&cx, text);

	if (f == NULL)
		tw_line_fail(ln, i, "%s", err.text);
	return f;
}

struct tw_logfmt *
tw_logfmt_compile(struct tw_line *ln, int i, const char *text)
{
	/* the response's buffer is somebody else's when a line is logged */
	return tw_logfmt_compile_at(
	    ln, i, text, TW_AT_CONN | TW_AT_REQUEST | TW_AT_LOG);
}

static bool
is_var(const struct node *n)
{
	return n->kind == NODE_VAR || n->kind == NODE_VAR_ENCODED;
}

const char *
tw__logfmt_needs_request(const struct tw_logfmt *f)
{
	const char *name = NULL;

	for (uint32_t i = 0; i < f->n && name == NULL; i++) {
		const struct node *const n = &f->node[i];
		if (n->kind == NODE_EXPR || n->kind == NODE_EXPR_ENCODED)
			name = tw__expr_needs_request(n->u.expr);
		else if (is_var(n) && strcmp(n->u.var->name, "H") != 0 &&
		    strcmp(n->u.var->name, "pid") != 0)
			name = n->u.var->name;
	}
	return name;
}

const char *
tw__logfmt_needs_http(const struct tw_logfmt *f)
{
	for (uint32_t i = 0; i < f->n; i++)
		if (is_var(&f->node[i]) && (f->node[i].u.var->flags & TW_LOGVAR_HTTP))
			return f->node[i].u.var->name;
	return NULL;
}

bool
tw__logfmt_has(const struct tw_logfmt *f, unsigned flags)
{
	for (uint32_t i = 0; f != NULL && i < f->n; i++)
		if (is_var(&f->node[i]) && (f->node[i].u.var->flags & flags))
			return true;
	return false;
}

const struct tw_logfmt *
tw__logfmt_trim(struct tw_gen *gen, const struct tw_logfmt *f,
    bool (*is_empty)(const struct tw_logvar *var, const void *arg), const void *arg)
{
	struct tw_arena *const arena = tw_gen_arena(gen);
	if (f->encoding != 0) /* which has null for them */
		return f;
	struct tw_logfmt *const t = tw_arena_zalloc(arena, sizeof(*t));
	char word[4];

	t->node = tw_arena_zalloc(arena, sizeof(*t->node) * (f->n + 1));
	for (uint32_t i = 0; i < f->n; i++) {
		const struct node *const n = &f->node[i];
		struct tw_out o = tw_out_of(word, sizeof(word));

		if (n->kind != NODE_VAR || !is_empty(n->u.var, arg)) {
			t->node[t->n++] = *n;
			continue;
		}
		if (n->u.var->flags & TW__LOGVAR_NOTHING)
			continue;
		tw__log_word(&o, (struct tw_str){ NULL, 0 }, n->flags);
		t->node[t->n++] = (struct node){ .kind = NODE_TEXT,
			.u.text = tw_arena_str(
			    arena, (struct tw_str){ word, (size_t)(o.p - word) }) };
	}
	return t;
}

/* ---- writing ------------------------------------------------------------ */

/* As much of it as there is room for, when that is not all. */
static void
out_cut(struct tw_out *o, struct tw_str s)
{
	const size_t room = (size_t)(o->end - o->p);

	if (room < s.len) {
		memcpy(o->p, s.p, room);
		o->p += room;
	}
}

static void
out_expr(const struct tw_expr *e, struct tw_req *req, struct tw_out *o, unsigned flags)
{
	struct tw_sample s;

	if (!tw_expr_eval(e, req, &s) || !tw__cast(req, &s, TW_STRING))
		s.u.str = (struct tw_str){ NULL, 0 };
	if (TW_UNLIKELY(flags & TW__LOG_RULE)) {
		tw__rule_text(o, s.u.str, flags);
		return;
	}
	tw__log_word(o, s.u.str, flags);
}

static struct tw__logvalue
value_of(const struct node *n, struct tw_req *req)
{
	const uint8_t type = n->item != NULL ? n->item->type : TW_ANY;

	return is_var(n) ? tw__logenc_var(n->u.var, req, n->flags, type)
			 : tw__logenc_expr(n->u.expr, req, type);
}

static void
out_encoded(const struct node *n, struct tw_req *req, struct tw_out *o)
{
	const struct tw__logvalue v = value_of(n, req);

	tw__logenc_put(o, &v, n->flags);
}

/* One pair; null when its value does not fit. returns: false: not even that. */
static bool
out_pair(const struct tw_logfmt *f, const struct node *n, unsigned pairs,
    struct tw_req *req, struct tw_out *o)
{
	static const struct tw__logvalue null = { .type = TW_ANY };
	const struct tw__logvalue v = value_of(n, req);
	char *const start = o->p;

	tw__logenc_pair(o, pairs, n->item->name, &v, f->encoding);
	if (TW_LIKELY(!o->over))
		return true;
	o->p = start;
	o->over = false;
	tw__logenc_pair(o, pairs, n->item->name, &null, f->encoding);
	if (!o->over)
		return true;
	o->p = start;
	o->over = false;
	return false;
}

/* A map of what has a name; whole, however little room there is. */
static void
out_map(const struct tw_logfmt *f, struct tw_req *req, struct tw_out *o)
{
	const size_t end =
	    f->encoding & TW__LOG_BIN || f->encoding & TW__LOG_JSON ? 1 : 2;
	unsigned pairs = 0;

	if ((size_t)(o->end - o->p) < 2 * end) {
		o->over = true;
		return;
	}
	o->end -= end; /* kept for what closes the map */
	tw__logenc_begin(o, f->encoding);
	for (uint32_t i = 0; i < f->n; i++) {
		const struct node *const n = &f->node[i];
		if (n->kind <= NODE_SPACE || n->item == NULL || n->item->name.len == 0)
			continue;
		if (out_pair(f, n, pairs, req, o))
			pairs++;
	}
	o->end += end;
	tw__logenc_end(o, f->encoding);
}

size_t
tw_logfmt_out(const struct tw_logfmt *f, struct tw_req *req, struct tw_out *o)
{
	char *const start = o->p;
	const char *space = start; /* where a separator would be the second */

	if (TW_UNLIKELY(f->encoding != 0)) {
		out_map(f, req, o);
		return (size_t)(o->p - start);
	}
	for (uint32_t i = 0; i < f->n && !o->over; i++) {
		const struct node *const n = &f->node[i];
		if (n->kind == NODE_VAR) { /* half of them */
			n->u.var->out(req, o, n->flags);
			continue;
		}
		switch (n->kind) {
		case NODE_TEXT:
			if (n->u.text.len == 1)
				tw_out_char(o, n->u.text.p[0]);
			else
				tw_out_str(o, n->u.text);
			if (TW_UNLIKELY(o->over))
				out_cut(o, n->u.text);
			break;
		case NODE_SPACE:
			if (o->p == space)
				break;
			tw_out_char(o, ' ');
			space = o->p;
			break;
		case NODE_VAR:
			break;
		case NODE_EXPR:
			out_expr(n->u.expr, req, o, n->flags);
			break;
		case NODE_VAR_ENCODED:
		case NODE_EXPR_ENCODED:
			out_encoded(n, req, o);
			break;
		}
	}
	return (size_t)(o->p - start);
}

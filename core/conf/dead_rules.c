/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */

/*
 * dead_rules.c - reqadd, reqrep, rspdel and their family as today's rules.
 *
 * The regex of the old rules matched a whole line of a message, "^Name: value"
 * or "^GET /path HTTP/1.0"; today's rules match one part of it. So the regex
 * is taken apart first. What cannot be said safely becomes advice, never a
 * line that does something else. Control thread, while parsing; no state.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "dead_rules.h"

static struct span
span_of(const char *s)
{
	return (struct span){ s, strlen(s) };
}

static bool
span_is(struct span s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.s, text, s.len) == 0;
}

static bool
span_has(struct span s, const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i + len <= s.len; i++)
		if (memcmp(s.s + i, text, len) == 0)
			return true;
	return false;
}

static bool
span_begins(struct span s, const char *text)
{
	size_t len = strlen(text);

	return s.len >= len && memcmp(s.s, text, len) == 0;
}

/* A short word made of a few pieces, so that it can be quoted as a whole. */
struct piece {
	char buf[4096];
	struct out o;
};

static struct out *
piece_init(struct piece *p)
{
	p->o = (struct out){ p->buf, sizeof(p->buf), 0 };
	p->buf[0] = '\0';
	return &p->o;
}

static void
out_piece(struct out *o, const struct piece *p)
{
	out_str(o, " ");
	out_word(o, p->buf, p->o.len);
}

/* ---- conditions ---- */

static bool
is_cond(const char *word)
{
	return strcmp(word, "if") == 0 || strcmp(word, "unless") == 0;
}

/* Index of the condition's if or unless at `from` or after, or n. */
static int
cond_index(const struct dead_line *l, int from)
{
	while (from < l->n && !is_cond(l->args[from]))
		from++;
	return from < l->n ? from : l->n;
}

static void
out_cond(struct out *o, const struct dead_line *l, int at)
{
	out_words(o, l->args + at, l->n - at);
}

static bool
cond_has_or(const struct dead_line *l, int at)
{
	for (int i = at; i < l->n; i++)
		if (!strcmp(l->args[i], "or") || !strcmp(l->args[i], "||"))
			return true;
	return false;
}

/* True when "unless" is followed by one term, which "!" can negate. */
static bool
cond_is_one_term(const struct dead_line *l, int at)
{
	const char *first = at + 1 < l->n ? l->args[at + 1] : "!";

	if (first[0] == '!')
		return false;
	if (strcmp(first, "{") != 0)
		return at + 2 == l->n;
	for (int i = at + 2; i < l->n; i++)
		if (!strcmp(l->args[i], "}"))
			return i + 1 == l->n;
	return false;
}

/* True when the condition at `at` can stand behind another one. */
static bool
cond_can_follow(const struct dead_line *l, int at)
{
	if (at == l->n)
		return true;
	if (!strcmp(l->args[at], "if"))
		return !cond_has_or(l, at);
	return cond_is_one_term(l, at);
}

static void
out_cond_after(struct out *o, const struct dead_line *l, int at)
{
	if (at == l->n)
		return;
	if (!strcmp(l->args[at], "if")) {
		out_words(o, l->args + at + 1, l->n - at - 1);
		return;
	}
	out_str(o, " !");
	out_word(o, l->args[at + 1], strlen(l->args[at + 1]));
	out_words(o, l->args + at + 2, l->n - at - 2);
}

/* ---- regexes on a whole line ---- */

enum part_kind { PART_HEADER, PART_REQUEST, PART_OTHER };

/* What a regex on a whole line says, taken apart. */
struct part {
	enum part_kind kind;
	struct span name;  /* HEADER: its name; REQUEST: the method's regex */
	struct span value; /* HEADER: after the colon and blanks; REQUEST: URI */
	int n_groups;      /* REQUEST: groups in `name` */
	bool to_end;       /* REQUEST: the version followed, so value is whole */
};

static bool
is_name_char(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '_';
}

static size_t
name_length(struct span s)
{
	size_t n = 0;

	while (n < s.len && is_name_char(s.s[n]))
		n++;
	return n;
}

/* The ways to say "blanks, if any" after the colon. */
static struct span
skip_blanks(struct span s)
{
	static const char *const blanks[] = {
		"[ \t]*",
		"[ ]*",
		"[ ]+",
		"\\s*",
		"\\s+",
		" *",
		" +",
		" ?",
		" ",
	};

	for (size_t i = 0; i < sizeof(blanks) / sizeof(blanks[0]); i++)
		if (span_begins(s, blanks[i]))
			return span_skip(s, strlen(blanks[i]));
	return s;
}

/* Offset of the first blank outside brackets and groups, or s.len. */
static size_t
blank_offset(struct span s, int *n_groups)
{
	bool bracket = false;
	int depth = 0;

	*n_groups = 0;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.s[i];

		if (c == '\\') {
			i++;
		} else if (bracket) {
			bracket = c != ']';
		} else if (c == '[') {
			bracket = true;
		} else if (c == '(') {
			depth++;
			if (i + 1 < s.len && s.s[i + 1] != '?')
				++*n_groups;
		} else if (c == ')') {
			depth--;
		} else if (c == ' ' && depth == 0) {
			return i;
		}
	}
	return s.len;
}

static bool
parse_header(struct span re, struct part *p)
{
	size_t len = name_length(re);

	if (len == 0 || len == re.len || re.s[len] != ':')
		return false;
	p->kind = PART_HEADER;
	p->name = (struct span){ re.s, len };
	p->value = skip_blanks(span_skip(re, len + 1));
	return true;
}

static bool
parse_request_line(struct span re, struct part *p)
{
	size_t end = blank_offset(re, &p->n_groups);
	int ignored;

	if (end == 0 || end == re.len)
		return false;
	p->kind = PART_REQUEST;
	p->name = (struct span){ re.s, end };
	p->value = span_skip(re, end + 1);
	end = blank_offset(p->value, &ignored);
	p->to_end = end < p->value.len;
	p->value.len = end;
	return end > 0;
}

static struct part
parse_regex(const char *word)
{
	struct span re = span_of(word);
	struct part p = { .kind = PART_OTHER, .value = re };

	if (!span_begins(re, "^") || span_begins(re, "^HTTP/"))
		return p;
	re = span_skip(re, 1);
	if (parse_header(re, &p) || parse_request_line(re, &p))
		return p;
	p.kind = PART_OTHER;
	p.value = span_of(word);
	return p;
}

static bool
is_anything(struct span s)
{
	return s.len == 0 || span_is(s, ".*") || span_is(s, "(.*)") ||
	    span_is(s, ".*$") || span_is(s, "(.*)$");
}

/* True for the usual ways to say "any method". */
static bool
is_any_method(struct span m)
{
	static const char *const any[] = {
		"[^ ]*",
		"[^ ]+",
		"[^ :]*",
		"[^ :]+",
		".*",
		"\\S*",
		"\\S+",
		"[A-Z]*",
		"[A-Z]+",
		"[a-zA-Z]+",
		"\\w+",
		"\\w*",
	};

	if (m.len >= 2 && m.s[0] == '(' && m.s[m.len - 1] == ')')
		m = (struct span){ m.s + 1, m.len - 2 };
	for (size_t i = 0; i < sizeof(any) / sizeof(any[0]); i++)
		if (span_is(m, any[i]))
			return true;
	return false;
}

static void
out_method_acl(struct out *o, struct span m)
{
	struct piece re;

	if (name_length(m) == m.len) {
		out_str(o, " { method ");
		out_mem(o, m.s, m.len);
		out_str(o, " }");
		return;
	}
	out_str(piece_init(&re), "^");
	out_mem(&re.o, m.s, m.len);
	out_str(&re.o, "$");
	out_str(o, " { method -m reg");
	out_piece(o, &re);
	out_str(o, " }");
}

static bool
is_response(const struct dead_form *f)
{
	return strncmp(f->text, "http-response", 13) == 0;
}

/* " { req.fhdr(NAME) -m reg -i ^VALUE }" */
static void
out_header_acl(struct out *o, const struct dead_form *f, const struct part *p)
{
	struct piece re;

	out_str(o, is_response(f) ? " { res.fhdr(" : " { req.fhdr(");
	out_mem(o, p->name.s, p->name.len);
	if (is_anything(p->value)) {
		out_str(o, ") -m found }");
		return;
	}
	out_str(o, f->icase ? ") -m reg -i" : ") -m reg");
	piece_init(&re);
	if (!span_begins(p->value, ".*") && !span_begins(p->value, "^"))
		out_str(&re.o, "^");
	out_mem(&re.o, p->value.s, p->value.len);
	out_piece(o, &re);
	out_str(o, " }");
}

static void
out_url_acl(struct out *o, const struct dead_form *f, const struct part *p)
{
	struct piece re;

	if (!is_any_method(p->name))
		out_method_acl(o, p->name);
	out_str(o, f->icase ? " { url -m reg -i" : " { url -m reg");
	out_str(piece_init(&re), "^");
	out_mem(&re.o, p->value.s, p->value.len);
	out_str(&re.o, p->to_end ? "$" : "");
	out_piece(o, &re);
	out_str(o, " }");
}

/* A regex that may match any line of the message: all headers at once. */
static void
out_any_line_acl(
    struct out *o, const struct dead_form *f, const char *fetch, const char *regex)
{
	struct piece re;

	out_str(o, " { ");
	out_str(o, fetch);
	out_str(o, f->icase ? " -m reg -i" : " -m reg");
	out_str(piece_init(&re), regex[0] == '^' ? "(?m)" : "");
	out_str(&re.o, regex);
	out_piece(o, &re);
	out_str(o, " }");
}

/* ---- the rewrites ---- */

static void
advise(struct out *o, const struct dead_line *l, const char *how)
{
	out_str(o, "# write by hand: ");
	out_str(o, how);
	out_str(o, ", for:");
	out_words(o, l->args, l->n);
}

/* A header's value as a log-format, in which % is written twice. */
static void
out_format(struct out *o, struct span s, int group_shift)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.s[i];

		if (c == '\\' && i + 1 < s.len && isdigit((unsigned char)s.s[i + 1])) {
			char ref[2] = { '\\', s.s[++i] };

			if (ref[1] != '0')
				ref[1] = (char)(ref[1] - group_shift);
			out_mem(o, ref, 2);
		} else {
			out_str(o, c == '%' ? "%" : "");
			out_mem(o, &c, 1);
		}
	}
}

void
tw__dead_add(struct out *o, const struct dead_line *l)
{
	int cond = cond_index(l, 1);
	size_t len = l->n > 0 ? name_length(span_of(l->args[0])) : 0;
	struct piece value;

	if (len == 0 || l->args[0][len] != ':') {
		advise(o, l, "http-request add-header NAME VALUE");
		return;
	}
	const char *s = l->args[0] + len + 1;
	piece_init(&value);
	out_format(&value.o, span_of(s + strspn(s, " \t")), 0);
	for (int i = 1; i < cond; i++) {
		out_str(&value.o, value.o.len > 0 ? " " : "");
		out_format(&value.o, span_of(l->args[i]), 0);
	}
	out_str(o, l->form->text);
	out_str(o, " add-header ");
	out_mem(o, l->args[0], len);
	if (value.o.len == 0) /* an empty word would count as none */
		out_str(o, " %[str()]");
	else
		out_piece(o, &value);
	out_cond(o, l, cond);
}

static bool
replace_header(struct out *o, const struct dead_line *l, const struct part *p)
{
	struct part to;
	struct piece re, value;

	if (!parse_header(span_of(l->args[1]), &to) || to.name.len != p->name.len ||
	    strncasecmp(to.name.s, p->name.s, to.name.len) != 0)
		return false;
	piece_init(&re);
	out_str(&re.o, l->form->icase ? "(?i)" : "");
	out_str(&re.o, span_begins(p->value, ".*") || p->value.len == 0 ? "" : "^");
	out_mem(&re.o, p->value.s, p->value.len);
	out_str(&re.o, p->value.len == 0 ? ".*" : "");
	piece_init(&value);
	out_format(&value.o, to.value, 0);
	out_str(o, l->form->text);
	out_str(o, " replace-header ");
	out_mem(o, p->name.s, p->name.len);
	out_piece(o, &re);
	out_piece(o, &value);
	out_cond(o, l, 2);
	return true;
}

/* True when the new request line begins with the method that was matched. */
static bool
keeps_method(const struct part *from, const struct part *to)
{
	if (from->n_groups == 1)
		return span_is(to->name, "\\1");
	return from->n_groups == 0 && to->name.len == from->name.len &&
	    memcmp(to->name.s, from->name.s, to->name.len) == 0;
}

static const char *
replace_action(const struct part *from, const struct part *to)
{
	if (memchr(to->value.s, '?', to->value.len) != NULL ||
	    span_has(from->value, "\\?"))
		return " replace-pathq";
	if (span_has(from->value, "://") || span_has(to->value, "://"))
		return " replace-uri";
	return " replace-path";
}

/* A group that the replacement takes from the method cannot be kept. */
static bool
uses_method_group(struct span s)
{
	return span_has(s, "\\1");
}

static bool
replace_request_line(struct out *o, const struct dead_line *l, const struct part *p)
{
	bool any = is_any_method(p->name);
	struct part to = { 0 };
	struct piece re, fmt;

	if (!parse_request_line(span_of(l->args[1]), &to) || !keeps_method(p, &to))
		return false;
	if (p->n_groups > 0 && uses_method_group(to.value))
		return false;
	if (!any && !cond_can_follow(l, 2))
		return false;
	piece_init(&re);
	out_str(&re.o, l->form->icase ? "(?i)^" : "^");
	out_mem(&re.o, p->value.s, p->value.len);
	out_str(&re.o, p->to_end ? "$" : "");
	piece_init(&fmt);
	out_format(&fmt.o, to.value, p->n_groups);
	out_str(o, l->form->text);
	out_str(o, replace_action(p, &to));
	out_piece(o, &re);
	out_piece(o, &fmt);
	if (any) {
		out_cond(o, l, 2);
	} else {
		out_str(o, " if");
		out_method_acl(o, p->name);
		out_cond_after(o, l, 2);
	}
	return true;
}

void
tw__dead_replace(struct out *o, const struct dead_line *l)
{
	bool response = is_response(l->form);

	if (l->n == 2 || (l->n > 2 && is_cond(l->args[2]))) {
		struct part p = parse_regex(l->args[0]);

		if (p.kind == PART_HEADER && replace_header(o, l, &p))
			return;
		if (p.kind == PART_REQUEST && !response &&
		    replace_request_line(o, l, &p))
			return;
	}
	advise(o, l,
	    response ? "http-response replace-header or set-status"
		     : "http-request replace-header, replace-path or set-header");
}

/* No plain name: a regex on names, up to the colon. */
static void
delete_by_regex(struct out *o, const struct dead_line *l)
{
	struct span re = span_of(l->args[0]);
	const char *colon = memchr(re.s, ':', re.len);
	struct piece name;

	if (colon != NULL)
		re.len = (size_t)(colon - re.s);
	else if (re.len > 2 && !memcmp(re.s + re.len - 2, ".*", 2))
		re.len -= 2;
	out_str(piece_init(&name), "(?i)");
	out_mem(&name.o, re.s, re.len);
	out_str(&name.o, colon != NULL ? "$" : "");
	out_str(o, l->form->text);
	out_str(o, " del-header");
	out_piece(o, &name);
	out_str(o, " -m reg");
	out_cond(o, l, 1);
}

static void
delete_by_name(struct out *o, const struct dead_line *l, const struct part *p)
{
	out_str(o, l->form->text);
	out_str(o, " del-header ");
	out_mem(o, p->name.s, p->name.len);
	out_cond(o, l, 1);
}

static void
delete_by_value(struct out *o, const struct dead_line *l, const struct part *p)
{
	out_str(o, l->form->text);
	out_str(o, " del-header ");
	out_mem(o, p->name.s, p->name.len);
	out_str(o, " if");
	out_header_acl(o, l->form, p);
	out_cond_after(o, l, 1);
}

void
tw__dead_delete(struct out *o, const struct dead_line *l)
{
	if (l->n < 1 || (l->n > 1 && !is_cond(l->args[1]))) {
		advise(o, l, "del-header NAME");
		return;
	}
	struct part p = parse_regex(l->args[0]);

	if (p.kind != PART_HEADER)
		delete_by_regex(o, l);
	else if (is_anything(p.value))
		delete_by_name(o, l, &p);
	else if (cond_can_follow(l, 1))
		delete_by_value(o, l, &p);
	else
		advise(o, l, "del-header NAME if ...");
}

/* The rule's beginning: "http-request deny", "use_backend NAME". */
static void
out_match_rule(struct out *o, const struct dead_line *l)
{
	out_str(o, l->form->text);
	if (l->form->how == HOW_BACKEND)
		out_words(o, l->args + 1, 1);
	out_str(o, " if");
}

static void
match_rule(struct out *o, const struct dead_line *l, int cond)
{
	struct part p = parse_regex(l->args[0]);

	out_match_rule(o, l);
	if (p.kind == PART_HEADER) {
		out_header_acl(o, l->form, &p);
	} else if (is_response(l->form)) {
		out_any_line_acl(o, l->form, "res.hdrs", l->args[0]);
	} else if (p.kind == PART_REQUEST) {
		out_url_acl(o, l->form, &p);
	} else {
		out_any_line_acl(o, l->form, "url", l->args[0]);
		out_cond_after(o, l, cond);
		out_str(o, "\n");
		out_match_rule(o, l);
		out_any_line_acl(o, l->form, "req.hdrs", l->args[0]);
	}
	out_cond_after(o, l, cond);
}

void
tw__dead_match(struct out *o, const struct dead_line *l)
{
	int cond = l->form->how == HOW_BACKEND ? 2 : 1;

	if (l->n < cond || (l->n > cond && !is_cond(l->args[cond])) ||
	    !cond_can_follow(l, cond) || !strncmp(l->args[0], "^HTTP/", 6))
		advise(o, l, l->form->text);
	else
		match_rule(o, l, cond);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */

/*
 * dead_forms.c - turns a dead configuration line into the line of today.
 *
 * The table is tbl/dead_forms.h. Here are the look-up, the templates and the
 * rewrites of single words; conf/dead_rules.c has the family of reqrep.
 * Control thread, while parsing; no state.
 */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "../tbl/dead_forms.h"
#include "../tbl/known_keywords.h"
#include "dead_forms.h"
#include "dead_rules.h"
#include "dead_text.h"

static const struct dead_form dead_forms[] = {
#define X(sections, word, second, how, icase, text) \
	{ sections, word, second, HOW_##how, icase, text },
	TW_DEAD_FORMS(X)
#undef X
};

#define N_DEAD_FORMS (sizeof(dead_forms) / sizeof(dead_forms[0]))

/* ---- the rewrites; each returns false when the line is not dead ---- */

static bool
rewrite_template(struct out *o, const struct dead_line *l)
{
	for (const char *t = l->form->text; *t != '\0'; t++) {
		if (t[0] != '$') {
			out_mem(o, t, 1);
		} else if (*++t == '*') {
			if (o->len > 0 && o->buf[o->len - 1] == ' ')
				o->buf[--o->len] = '\0';
			out_words(o, l->args, l->n);
		} else {
			int i = *t - '1';

			if (i < l->n)
				out_word(o, l->args[i], strlen(l->args[i]));
			else
				out_str(o, "...");
		}
	}
	return true;
}

static bool
is_address(const char *word)
{
	return strchr(word, ':') != NULL || strchr(word, '@') != NULL || word[0] == '/';
}

/* "listen NAME ADDRESS [options]": the address gets its own bind line. */
static bool
rewrite_address(struct out *o, const struct dead_line *l)
{
	if (l->n < 2 || !is_address(l->args[1]))
		return false;
	out_str(o, l->form->text);
	out_words(o, l->args, 1);
	out_str(o, "\n\tbind");
	out_words(o, l->args + 1, l->n - 1);
	return true;
}

/* Length of a line end at s: real ones, or the two escapes left as written. */
static size_t
line_end_length(const char *s)
{
	if (!strncmp(s, "\\r\\n", 4))
		return 4;
	if (!strncmp(s, "\r\n", 2) || !strncmp(s, "\\n", 2))
		return 2;
	return *s == '\n' || *s == '\r' ? 1 : 0;
}

static size_t
line_length(const char *s)
{
	size_t n = 0;

	while (s[n] != '\0' && line_end_length(s + n) == 0)
		n++;
	return n;
}

static void
out_check_word(struct out *o, const char *option, struct span *s)
{
	const char *blank = memchr(s->s, ' ', s->len);
	size_t len = blank != NULL ? (size_t)(blank - s->s) : s->len;

	if (len == 0)
		return;
	out_str(o, option);
	out_word(o, s->s, len);
	*s = span_skip(*s, blank != NULL ? len + 1 : len);
}

static void
out_check_header(struct out *o, const char *s, size_t len)
{
	const char *colon = memchr(s, ':', len);

	if (colon == NULL || colon == s)
		return;
	size_t name_len = (size_t)(colon - s);
	size_t skip = name_len + 1;

	while (skip < len && (s[skip] == ' ' || s[skip] == '\t'))
		skip++;
	out_str(o, " hdr ");
	out_word(o, s, name_len);
	out_str(o, " ");
	out_word(o, s + skip, len - skip);
}

/* The arguments as one text; blanks that are still escaped lose the escape. */
static void
join_args(char *all, size_t size, const struct dead_line *l)
{
	struct out o = { all, size, 0 };

	all[0] = '\0';
	for (int i = 0; i < l->n; i++) {
		out_str(&o, i > 0 ? " " : "");
		for (const char *s = l->args[i]; *s != '\0'; s++)
			if (s[0] != '\\' || s[1] != ' ')
				out_mem(&o, s, 1);
	}
}

/* "option httpchk GET / HTTP/1.1\r\nHost:\ www": into http-check send. */
static bool
rewrite_httpchk(struct out *o, const struct dead_line *l)
{
	char all[4096];

	join_args(all, sizeof(all), l);
	const char *s = all + line_length(all);
	struct span first = { all, (size_t)(s - all) };

	if (*s == '\0')
		return false;
	out_str(o, l->form->text);
	out_str(o, "\nhttp-check send");
	out_check_word(o, " meth ", &first);
	out_check_word(o, " uri ", &first);
	out_check_word(o, " ver ", &first);
	while (*s != '\0') {
		s += line_end_length(s);
		if (line_end_length(s) > 0) { /* the empty line: a body follows */
			s += line_end_length(s);
			if (*s != '\0') {
				out_str(o, " body ");
				out_word(o, s, strlen(s));
			}
			break;
		}
		out_check_header(o, s, line_length(s));
		s += line_length(s);
	}
	return true;
}

/* "process 1/2-3" chose threads of a process; without "/" there is no choice. */
static bool
rewrite_process(struct out *o, const struct dead_line *l)
{
	int at = 1;

	while (at + 1 < l->n && strcmp(l->args[at], "process") != 0)
		at++;
	if (at + 1 >= l->n)
		return false;
	const char *threads = strchr(l->args[at + 1], '/');

	out_str(o, l->form->text);
	out_words(o, l->args, at);
	if (threads != NULL) {
		out_str(o, " thread ");
		out_word(o, threads + 1, strlen(threads + 1));
	}
	out_words(o, l->args + at + 2, l->n - at - 2);
	return true;
}

static const char *
arg_after(const struct dead_line *l, const char *name, const char *otherwise)
{
	for (int i = 1; i + 1 < l->n; i++)
		if (!strcmp(l->args[i], name))
			return l->args[i + 1];
	return otherwise;
}

/* "appsession NAME len N timeout T": learn the cookie in a stick-table. */
static bool
rewrite_appsession(struct out *o, const struct dead_line *l)
{
	const char *name = l->n > 0 ? l->args[0] : "NAME";

	out_str(o, "stick-table type string len ");
	out_str(o, arg_after(l, "len", "52"));
	out_str(o, " size 100k expire ");
	out_str(o, arg_after(l, "timeout", "3h"));
	out_str(o, "\nstick store-response res.cook(");
	out_str(o, name);
	out_str(o, ")\nstick match req.cook(");
	out_str(o, name);
	out_str(o, ")");
	return true;
}

static bool
rewrite(struct out *o, const struct dead_line *l)
{
	switch (l->form->how) {
	case HOW_TEMPLATE:
		return rewrite_template(o, l);
	case HOW_ADDRESS:
		return rewrite_address(o, l);
	case HOW_ADD:
		tw__dead_add(o, l);
		return true;
	case HOW_REPLACE:
		tw__dead_replace(o, l);
		return true;
	case HOW_DELETE:
		tw__dead_delete(o, l);
		return true;
	case HOW_MATCH:
	case HOW_BACKEND:
		tw__dead_match(o, l);
		return true;
	case HOW_HTTPCHK:
		return rewrite_httpchk(o, l);
	case HOW_PROCESS:
		return rewrite_process(o, l);
	case HOW_APPSESSION:
		return rewrite_appsession(o, l);
	}
	return false;
}

static const struct dead_form *
form_find(const char **words, int n, unsigned section)
{
	for (size_t i = 0; i < N_DEAD_FORMS; i++) {
		const struct dead_form *f = &dead_forms[i];

		if ((f->sections & section) == 0 || strcmp(f->word, words[0]))
			continue;
		if (f->second[0] == '\0')
			return f;
		if (n > 1 && !strcmp(f->second, words[1]))
			return f;
	}
	return NULL;
}

bool
conf_dead_form(const char **words, int n, unsigned section, char *out, size_t out_size)
{
	struct out o = { out, out_size, 0 };
	bool negated = n > 1 && !strcmp(words[0], "no");

	out[0] = '\0';
	if (n < 1)
		return false;
	words += negated;
	n -= negated;
	const struct dead_form *f = form_find(words, n, section);

	if (f == NULL)
		return false;
	if (negated) {
		if (f->how != HOW_TEMPLATE)
			return false;
		out_str(&o, "# no line: leave it out");
		return true;
	}
	int skip = f->second[0] != '\0' ? 2 : 1;
	struct dead_line l = { f, words + skip, n - skip };

	return rewrite(&o, &l);
}

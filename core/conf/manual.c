/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * manual.c - -K: the keyword manual, printed from the tables.
 *
 * What is printed is what the program that prints it can do, modules
 * included; there is no second list that could be out of date. Grouped by
 * where a keyword stands, in alphabetical order. Start-up only.
 */
#include "config.h"

#include <stdlib.h>

#include <tideway/action.h>
#include <tideway/module.h>
#include <tideway/str.h>
#include "core/conf/chapter.h"
#include "core/conf/parser.h"

#define WIDTH 80
#define INDENT 4

static int
entry_cmp(const void *a, const void *b)
{
	const struct tw__kw_entry *const *x = a, *const *y = b;

	return strcmp((*x)->kw->word, (*y)->kw->word);
}

void
tw__manual_wrapped(FILE *to, const char *text)
{
	int column = 0;

	while (*text != '\0') {
		const int len = (int)strcspn(text, " \n");

		if (column > 0 && column + 1 + len > WIDTH - 1) {
			fputc('\n', to);
			column = 0;
		}
		if (len > 0) {
			fprintf(to, "%*s%.*s", column ? 1 : INDENT, "", len, text);
			column += len + (column ? 1 : INDENT);
		}
		text += len;
		text += *text != '\0';
	}
	fputc('\n', to);
}

void
tw__manual_title(FILE *to, const char *title)
{
	fprintf(to, "%s\n", title);
	for (size_t i = 0; title[i] != '\0'; i++)
		fputc('=', to);
	fputs("\n\n", to);
}

static void
print_keyword(FILE *to, const struct tw__kw_entry *e)
{
	const struct tw_kw *const kw = e->kw;
	char text[1024];
	struct tw_out o = tw_out_of(text, sizeof(text) - 1);

	fprintf(to, "%s%s%s%s\n", kw->flags & TW_KW_NO ? "[no] " : "", kw->word,
	    kw->usage && kw->usage[0] ? " " : "", kw->usage ? kw->usage : "");
	if (kw->help != NULL)
		tw__manual_wrapped(to, kw->help);
	if (kw->scopes & TW_SC_PROXY) {
		tw_out_lit(&o, "May be used in ");
		tw__scope_names(&o, kw->scopes & TW_SC_PROXY);
		tw_out_lit(&o, ". ");
	}
	if (kw->def != NULL)
		tw_out_printf(&o, "Default: %s. ", kw->def);
	if (kw->flags & TW_KW_HTTP)
		tw_out_lit(&o, "Only in mode http. ");
	tw_out_printf(
	    &o, "From %s%s.", e->owner ? "module " : "", tw__owner_name(e->owner));
	*o.p = '\0';
	tw__manual_wrapped(to, text);
	fputc('\n', to);
}

static bool
is_matched(const struct tw__kw_entry *e, const char *match)
{
	return match == NULL || strstr(e->kw->word, match) != NULL ||
	    strcmp(tw__owner_name(e->owner), match) == 0;
}

/* The keywords of one group, in order. returns: owned; out: n. */
static const struct tw__kw_entry **
group_collect(struct tw__place at, const char *match, size_t *n)
{
	const struct tw__kw_entry **list = NULL, *e;

	*n = 0;
	for (int i = 0; (e = tw__kw_at(i)) != NULL; i++) {
		if (!(e->kw->scopes & at.scope) || !is_matched(e, match))
			continue;
		const char *const own = e->kw->section;
		if (at.section != NULL && (!own || strcmp(own, at.section) != 0))
			continue;
		const struct tw__kw_entry **more =
		    realloc(list, sizeof(*list) * (*n + 1));
		if (more == NULL)
			break;
		list = more;
		list[(*n)++] = e;
	}
	if (*n > 0)
		qsort(list, *n, sizeof(*list), entry_cmp);
	return list;
}

static bool
print_group(FILE *to, const char *title, struct tw__place at, const char *match)
{
	size_t n;
	const struct tw__kw_entry **const list = group_collect(at, match, &n);

	if (n > 0)
		tw__manual_title(to, title);
	for (size_t i = 0; i < n; i++)
		print_keyword(to, list[i]);
	free(list);
	return n > 0;
}

/* The rule sets in which an action may stand. */
static void
print_action_sets(FILE *to, const struct tw_action *a, const struct tw_self *owner)
{
	static const char *const sets[TW_N_RULES] = { "tcp-request connection",
		"tcp-request session", "tcp-request content", "tcp-response content",
		"http-request", "http-response", "http-after-response" };
	char text[512];
	struct tw_out o = tw_out_of(text, sizeof(text) - 1);
	bool any = false;

	for (unsigned i = 0; i < TW_N_RULES; i++) {
		if (!(a->rules & 1u << i))
			continue;
		tw_out_printf(&o, "%s%s", any ? ", " : "In ", sets[i]);
		any = true;
	}
	tw_out_printf(&o, ". From module %s.", tw__owner_name(owner));
	*o.p = '\0';
	tw__manual_wrapped(to, text);
}

static void
print_action(FILE *to, const struct tw_action *a, const struct tw_self *owner)
{
	const bool paren = (a->flags & TW_ACTION_PAREN) != 0;
	const bool digits = (a->flags & TW_ACTION_DIGITS) != 0;

	fprintf(to, "%s%s%s%s\n", a->name, digits ? "<N>" : "",
	    !paren && a->usage && *a->usage ? " " : "", a->usage ? a->usage : "");
	if (a->help != NULL)
		tw__manual_wrapped(to, a->help);
	print_action_sets(to, a, owner);
	fputc('\n', to);
}

static bool
print_actions(FILE *to, const char *match)
{
	const struct tw_self *self;
	bool any = false;

	for (int i = 0; (self = tw_module_each(i)) != NULL; i++) {
		for (const struct tw_action *a = self->module->actions;
		     a != NULL && a->name != NULL; a++) {
			if (match != NULL && strstr(a->name, match) == NULL &&
			    strcmp(tw__owner_name(self), match) != 0)
				continue;
			if (!any)
				tw__manual_title(to, "Actions of rules");
			any = true;
			print_action(to, a, self);
		}
	}
	return any;
}

bool
tw__conf_manual(FILE *to, const char *match)
{
	static const struct {
		const char *title;
		unsigned scope;
	} groups[] = {
		{ "Section global", TW_SC_GLOBAL },
		{ "Sections defaults, frontend, listen and backend", TW_SC_PROXY },
		{ "Options of bind lines", TW_SC_BIND },
		{ "Options of server and default-server lines", TW_SC_SERVER },
	};
	const struct tw__section_entry *s;
	bool any = false;

	for (size_t i = 0; i < TW_N_ELEMENTS(groups); i++)
		any |= print_group(to, groups[i].title,
		    (struct tw__place){ .scope = groups[i].scope }, match);
	for (int i = 0; (s = tw__section_at(i)) != NULL; i++) {
		char title[160];

		if (s->module == NULL)
			continue;
		snprintf(title, sizeof(title), "Section %s (module %s)", s->word,
		    tw__owner_name(s->owner));
		any |= print_group(
		    to, title, (struct tw__place){ TW_SC_SECTION, s->word }, match);
	}
	any |= print_actions(to, match);
	any |= tw__chapters_print(to, match);
	return any;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * chapter.c - chapters of the manual: fetches, converters, commands and so on.
 *
 * What modules bring in tables of the descriptor is walked here; the core's
 * own tables are added by who keeps them. Each chapter in alphabetical order.
 * Start-up only.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <tideway/balance.h>
#include <tideway/check.h>
#include <tideway/filter.h>
#include <tideway/service.h>
#include "core/conf/chapter.h"
#include "core/conf/parser.h"

#define CHAPTERS_MAX 16

static struct {
	const char *title;
	tw__topic_fn *at;
} chapters[CHAPTERS_MAX];
static int n_chapters;

/* The i-th entry of one table of all modules. */
#define MODULE_TOPICS(fn, type, table, with)                                \
	static bool fn(int i, struct tw__topic *out)                        \
	{                                                                   \
		const struct tw_self *self;                                 \
                                                                            \
		for (int m = 0; (self = tw_module_each(m)) != NULL; m++) {  \
			const struct type *t = self->module->table;         \
			for (; t != NULL && t->name != NULL; t++) {         \
				if (i-- > 0)                                \
					continue;                           \
				*out = (struct tw__topic){ .name = t->name, \
					.help = t->help,                    \
					.owner = self };                    \
				with;                                       \
				return true;                                \
			}                                                   \
		}                                                           \
		return false;                                               \
	}

MODULE_TOPICS(balance_at, tw_balance, balances, (void)0)
MODULE_TOPICS(check_at, tw_check_type, checks, (void)0)
MODULE_TOPICS(service_at, tw_service, services, (void)0)
MODULE_TOPICS(filter_at, tw_filter, filters,
    snprintf(out->usage, sizeof(out->usage), "%s", t->usage ? t->usage : ""))

int
tw__chapter_add(const char *title, tw__topic_fn *at, struct tw_err *err)
{
	if (n_chapters == CHAPTERS_MAX)
		return tw_err_set(err, "too many chapters of the manual");
	chapters[n_chapters].title = title;
	chapters[n_chapters++].at = at;
	return 0;
}

static int
topic_cmp(const void *a, const void *b)
{
	const struct tw__topic *const x = a, *const y = b;

	return strcmp(x->name, y->name);
}

static bool
is_asked_for(const struct tw__topic *t, const char *match)
{
	return match == NULL || strstr(t->name, match) != NULL ||
	    strcmp(tw__owner_name(t->owner), match) == 0;
}

static void
topic_print(FILE *to, const struct tw__topic *t)
{
	char text[512];

	fprintf(to, "%s%s\n", t->name, t->usage);
	if (t->help != NULL)
		tw__manual_wrapped(to, t->help);
	snprintf(text, sizeof(text), "%s%sFrom %s%s.", t->note, *t->note ? " " : "",
	    t->owner != NULL ? "module " : "", tw__owner_name(t->owner));
	tw__manual_wrapped(to, text);
	fputc('\n', to);
}

static bool
chapter_print(FILE *to, const char *title, tw__topic_fn *at, const char *match)
{
	struct tw__topic *list = NULL, one = { .name = NULL };
	size_t n = 0;

	for (int i = 0; at(i, &one); i++, one = (struct tw__topic){ .name = NULL }) {
		if (!is_asked_for(&one, match))
			continue;
		struct tw__topic *const more = realloc(list, (n + 1) * sizeof(*list));
		if (more == NULL)
			break;
		list = more;
		list[n++] = one;
	}
	if (n > 0) {
		qsort(list, n, sizeof(*list), topic_cmp);
		tw__manual_title(to, title);
	}
	for (size_t i = 0; i < n; i++)
		topic_print(to, &list[i]);
	free(list);
	return n > 0;
}

bool
tw__chapters_print(FILE *to, const char *match)
{
	bool any = chapter_print(to, "Algorithms of balance", balance_at, match);

	any |= chapter_print(to, "Filters", filter_at, match);
	any |= chapter_print(to, "Services of use-service", service_at, match);
	any |= chapter_print(to, "Types of health checks", check_at, match);
	for (int i = 0; i < n_chapters; i++)
		any |= chapter_print(to, chapters[i].title, chapters[i].at, match);
	return any;
}

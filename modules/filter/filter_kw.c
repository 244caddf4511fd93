/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * filter_kw.c - the keyword `filter`, for the filters of all modules.
 *
 * source: HAProxy's manual, 4.2 "filter" and chapter 9.
 */
#include <string.h>

#include <tideway/edit.h>

#include "filter.h"

static void
line_add(struct tw_gen *gen, struct filter_proxy *p, const struct tw_filter *filter,
    const void *conf)
{
	struct filter_line *const l = tw_arena_zalloc(tw_gen_arena(gen), sizeof(*l));

	*l = (struct filter_line){ .filter = filter, .conf = conf };
	if (p->first == NULL)
		p->end = &p->first;
	*p->end = l;
	p->end = &l->next;
}

/* Those that have a line. */
static void
names_out(struct tw_out *o)
{
	const struct tw_self *self;
	const char *sep = "";

	for (int i = 0; (self = tw_module_each(i)) != NULL; i++) {
		const struct tw_filter *f = self->module->filters;
		for (; f != NULL && f->name != NULL; f++) {
			if (f->parse == NULL)
				continue;
			tw_out_str(o, tw_str_of(sep));
			tw_out_str(o, tw_str_of(f->name));
			sep = ", ";
		}
	}
	*o->p = '\0';
}

static int
unknown(struct tw_line *ln, const char *name)
{
	char names[256];
	struct tw_out o = tw_out_of(names, sizeof(names) - 1);

	if (tw_known_word("filter", name))
		return tw_line_fail(ln, 0,
		    "'filter %s' is known to HAProxy 3.4 but not supported by tideway "
		    "yet",
		    name);
	names_out(&o);
	return tw_line_fail(ln, 0,
	    "'filter' : unknown keyword '%s'. Registered keywords : %s", name, names);
}

int
filter_set(struct tw_line *ln)
{
	const char *const name = tw_arg(ln, 0);
	const struct tw_filter *const f = tw_filter_find(name);
	const void *conf = NULL;

	if (f == NULL || f->parse == NULL)
		return unknown(ln, name);
	if (f->parse(ln, 1, &conf) != 0)
		return -1;
	line_add(ln->gen, ln->state, f, conf);
	return 0;
}

/* One that is implied: by itself where there are no lines. */
static int
imply(struct tw_gen *gen, const struct tw_proxy *px, const struct tw_filter *f,
    bool has_lines)
{
	int line;

	if (!has_lines) {
		line_add(gen, filter_proxy_of(px), f, NULL);
		return 0;
	}
	const char *const file = tw_proxy_where(px, &line);
	return tw_gen_fail(gen, file, line,
	    "proxy '%s': beside other filters, '%s' needs a line 'filter %s' in the "
	    "place where it shall work",
	    tw_proxy_name(px), f->name, f->name);
}

int
filter_check_proxy(struct tw_gen *gen, const struct tw_proxy *px, bool *any)
{
	const bool has_lines = filter_proxy_of(px)->first != NULL;
	const struct tw_self *self;
	int rc = 0;

	for (int i = 0; (self = tw_module_each(i)) != NULL; i++) {
		const struct tw_filter *f = self->module->filters;
		for (; f != NULL && f->name != NULL; f++) {
			if (f->implied != NULL && f->implied(px))
				rc |= imply(gen, px, f, has_lines);
		}
	}
	*any |= filter_proxy_of(px)->first != NULL;
	return rc;
}

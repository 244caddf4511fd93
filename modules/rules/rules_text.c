/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * rules_text.c - the texts that actions take: fixed ones are made when the
 * configuration is read, log-formats for each request, in its memory.
 */
#include <stdio.h>

#include "rules.h"

#define TEXT_MAX 16384 /* as much as a buffer holds */

const char *
gen_dup(struct tw_line *ln, const char *z)
{
	return tw_arena_strdup(tw_gen_arena(ln->gen), z);
}

int
action_missing(struct tw_action_line *a, const char *what)
{
	return tw_line_fail(
	    a->ln, a->i - 1, "'%s %s' expects %s", a->set, a->word, what);
}

int
text_parse(
    struct tw_action_line *a, int i, const char *arg, bool http, struct rule_text *out)
{
	if (strchr(arg, '%') == NULL) {
		out->fixed = tw_str_of(gen_dup(a->ln, arg));
		return 0;
	}
	out->fixed = (struct tw_str){ NULL, 0 };
	out->fmt = tw_text_compile(a->ln, i, arg, a->where, http);
	return out->fmt != NULL ? 0 : -1;
}

struct tw_str
text_make(struct tw_req *req, const struct rule_text *t)
{
	static __thread char mem[TEXT_MAX];
	struct tw_out o = tw_out_of(mem, sizeof(mem));

	if (t->fixed.p != NULL)
		return t->fixed;
	tw_logfmt_out(t->fmt, req, &o);
	if (o.over)
		return (struct tw_str){ NULL, 0 };
	return tw_req_copy(req, (struct tw_str){ mem, (size_t)(o.p - mem) });
}

struct tw_str
text_field(struct tw_req *req, const struct rule_text *t)
{
	const struct tw_str s = tw_str_trim(text_make(req, t));

	return s.p != NULL && text_is_field(s) ? s : (struct tw_str){ NULL, 0 };
}

bool
text_is_field(struct tw_str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] == '\r' || s.p[i] == '\n' || s.p[i] == '\0')
			return false;
	return true;
}

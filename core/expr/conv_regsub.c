/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conv_regsub.c - regsub: replaces what a regular expression finds.
 *
 * Compiled when the configuration is read. A match of no bytes stands before
 * a character, which is copied before the next search, as sed does. Any
 * worker. source: HAProxy's manual, 7.3.1.
 */
#include "config.h"

#include "expr/conv.h"
#include "expr/regex.h"

#define RESULT_MAX 16384

TW__CHECK(regsub)
{
	bool fold = false;
	const struct tw__ectx cx = { .gen = gen, .err = err };

	for (const char *p = tw__arg_is(&args[2]) ? args[2].str.p : ""; *p; p++) {
		if (*p == 'g')
			args[3].n = 1;
		else if (*p == 'i')
			fold = true;
		else
			return tw_err_set(
			    err, "flag '%c' is unknown: write g, i or both", *p);
	}
	args[0].ptr = tw__regex_compile(&cx, args[0].str.p, fold);
	return args[0].ptr != NULL ? 0 : -1;
}

TW__CONV(regsub)
{
	struct tw_str group[TW__REGEX_GROUPS], left = s->u.str;
	const bool all = args[3].n != 0;
	bool first = true;
	char *const mem = tw__scratch(req, RESULT_MAX);
	struct tw_out o = tw_out_of(mem, RESULT_MAX);

	if (left.p == NULL)
		left.p = "";
	while (tw__regex_find(args[0].ptr, left, !first, group)) {
		const size_t before = (size_t)(group[0].p - left.p);
		size_t skip = before + group[0].len;
		tw_out_mem(&o, left.p, before);
		tw__regex_subst(&o, args[1].str, group);
		const bool nothing = group[0].len == 0, at_end = skip == left.len;
		if (all && nothing && !at_end)
			tw_out_char(&o, left.p[skip++]);
		left = (struct tw_str){ left.p + skip, left.len - skip };
		first = false;
		if (!all || (nothing && at_end))
			break;
	}
	tw_out_str(&o, left);
	return !o.over && tw__set_text(s, TW_STRING, mem, (size_t)(o.p - mem));
}

const struct tw_conv tw__conv_regsub[] = {
	{ "regsub", "s,s,[s]", TW_STRING, TW_STRING, conv_regsub, check_regsub,
	    "(regex, replacement, flags g and i) What matches, replaced." },
	{ .name = NULL },
};

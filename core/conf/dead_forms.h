/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */

/*
 * dead_forms.h - says what to write in place of a line that HAProxy dropped.
 *
 * The parser asks before it calls a word unknown, and for the lines whose word
 * lives on but whose arguments may be dead: "frontend" and "listen", "option
 * httpchk", "bind". It needs libc only and keeps no state; the control thread
 * calls it while it parses.
 */
#ifndef TW_CONF_DEAD_FORMS_H
#define TW_CONF_DEAD_FORMS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * conf_dead_form - the replacement of a dead line, if it is one.
 * in: words, the n words of the line after unquoting; a leading "no" is seen
 *     through; section, one TW_KN_x of tbl/known_keywords.h, TW_KN_SECTION for
 *     a line that opens a section; out_size, at least 1.
 * out: one or more lines, separated by '\n', ready to be pasted; a line that
 *     begins with "# " is advice. Always terminated, cut when out is too small.
 * returns: true for a dead form; false leaves out empty.
 * context: any.
 */
bool conf_dead_form(const char **words, int n, unsigned section, char *out,
	size_t out_size);

#endif

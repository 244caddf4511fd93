/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * replace.c - texts that rules make (text.h).
 *
 * A log-format in a rule differs from a log's in its flags: nothing is escaped
 * for a line of text, empty values are nothing, spaces stay. In what goes into
 * a message, control characters are written as %XX. source: HAProxy's manual, 4.2 http-request
 * replace-header.
 */
#include "config.h"

#include <stdlib.h>

#include <tideway/text.h>

#include "expr/expr_int.h"
#include "expr/regex.h"

struct tw_logfmt *
tw_text_compile(struct tw_line *ln, int i, const char *text, unsigned where, bool http)
{
	struct tw_err err = { "" };
	struct tw__ectx cx = tw__ectx_of(ln, where, &err);

	cx.lf_flags = TW__LOG_RULE | (http ? TW__LOG_HTTP : 0);
	struct tw_logfmt *const f = tw__logfmt_parse(&cx, text);
	if (f == NULL)
		tw_line_fail(ln, i, "%s", err.text);
	return f;
}

void
tw__rule_text(struct tw_out *o, struct tw_str s, unsigned flags)
{
	static const char digits[] = "0123456789ABCDEF";

	if (flags & TW_LOG_QUOTE)
		tw_out_char(o, '"');
	for (size_t i = 0; i < s.len; i++) {
		const unsigned char c = (unsigned char)s.p[i];

		if ((flags & TW_LOG_ESCAPE) && (c == '"' || c == '\\' || c == ']')) {
			tw_out_char(o, '\\');
			tw_out_char(o, (char)c);
		} else if ((flags & TW__LOG_HTTP) &&
		    ((c < 0x20 && c != '\t') || c == 0x7f)) {
			const char three[3] = { '%', digits[c >> 4], digits[c & 15] };
			tw_out_mem(o, three, 3);
		} else {
			tw_out_char(o, (char)c);
		}
	}
	if (flags & TW_LOG_QUOTE)
		tw_out_char(o, '"');
}

struct tw_regex *
tw_regex_compile(struct tw_line *ln, int i, const char *text, bool fold)
{
	struct tw_err err = { "" };
	const struct tw__ectx cx = tw__ectx_of(ln, TW_AT_ANY, &err);
	struct tw__regex *const re = tw__regex_compile(&cx, text, fold);

	if (re == NULL)
		tw_line_fail(ln, i, "%s", err.text);
	return (struct tw_regex *)re;
}

struct tw_regex *
tw_regex_new(const char *text, bool fold, struct tw_err *err)
{
	return (struct tw_regex *)tw__regex_new(NULL, text, fold, err);
}

void
tw_regex_free(struct tw_regex **re)
{
	struct tw__regex *const old = (struct tw__regex *)*re;

	*re = NULL;
	if (old == NULL)
		return;
	tw__regex_free(old);
	free(old);
}

bool
tw_regex_match(const struct tw_regex *re, struct tw_str s)
{
	return tw__regex_match((const struct tw__regex *)re, s);
}

bool
tw_regex_expand(const struct tw_regex *re, struct tw_str subject, struct tw_str by,
    struct tw_out *out)
{
	struct tw_str group[TW__REGEX_GROUPS];

	if (!tw__regex_find((const struct tw__regex *)re, subject, false, group))
		return false;
	tw__regex_subst(out, by, group);
	return true;
}

/* The length of a list's first value, quoted commas not being separators. */
static size_t
value_length(struct tw_str s)
{
	bool quoted = false;
	size_t i = 0;

	for (; i < s.len && (quoted || s.p[i] != ','); i++) {
		if (s.p[i] == '"')
			quoted = !quoted;
		else if (quoted && s.p[i] == '\\' && i + 1 < s.len)
			i++;
	}
	return i;
}

bool
tw_regex_expand_list(
    const struct tw_regex *re, struct tw_str s, struct tw_str by, struct tw_out *o)
{
	bool any = false;

	for (;;) {
		const size_t len = value_length(s);
		const struct tw_str value = tw_str_trim((struct tw_str){ s.p, len });

		if (value.len > 0 && tw_regex_expand(re, value, by, o))
			any = true;
		else
			tw_out_mem(o, s.p, len);
		if (len == s.len)
			return any;
		s = (struct tw_str){ s.p + len + 1, s.len - len - 1 };
		tw_out_char(o, ',');
	}
}

bool
tw_sample_cast(struct tw_req *req, struct tw_sample *s, enum tw_type to)
{
	return tw__cast(req, s, to);
}

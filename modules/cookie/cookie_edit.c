/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * cookie_edit.c - finding and changing one cookie among others.
 *
 * Everything works on slices and writes to memory that the caller bounds by
 * the length of what it gives: an edit never makes a value longer. Pure
 * functions; any thread. source: RFC 6265, RFC 2965.
 */
#include "config.h"

#include "cookie_edit.h"

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool
is_delim(char c)
{
	return c == ';' || c == ',';
}

/* Where the part that begins at p ends: at a delimiter that is not quoted. */
static const char *
part_end(const char *p, const char *end)
{
	bool quoted = false, in_value = false;

	for (; p < end; p++) {
		if (quoted && *p == '\\' && p + 1 < end)
			p++;
		else if (in_value && *p == '"')
			quoted = !quoted;
		else if (*p == '=')
			in_value = true;
		else if (is_delim(*p) && !quoted)
			break;
	}
	return p;
}

bool
tw__cookie_next(struct tw_str *rest, struct cookie_pair *pair)
{
	const char *p = rest->p;
	const char *const end = rest->p + rest->len;

	if (rest->len == 0)
		return false;
	pair->delim = 0;
	if (pair->all.p) { /* not the first: a delimiter stands here */
		pair->delim = *p++;
		if (tw_str_trim((struct tw_str){ p, (size_t)(end - p) }).len == 0)
			return false;
	}
	const char *stop = part_end(p, end);

	pair->all = (struct tw_str){ p, (size_t)(stop - p) };
	pair->value = (struct tw_str){ NULL, 0 };
	*rest = (struct tw_str){ stop, (size_t)(end - stop) };
	const char *equals = memchr(p, '=', (size_t)(stop - p));

	if (equals) {
		const char *v = equals + 1;

		pair->value = tw_str_trim((struct tw_str){ v, (size_t)(stop - v) });
		stop = equals;
	}
	pair->name = tw_str_trim((struct tw_str){ p, (size_t)(stop - p) });
	return true;
}

bool
tw__cookie_is_attribute(const struct cookie_pair *pair)
{
	return pair->name.len > 0 && pair->name.p[0] == '$';
}

static bool
is_cookie(const struct cookie_pair *pair, struct tw_str name)
{
	return pair->value.p != NULL && tw_str_eq(pair->name, name);
}

void
tw__cookie_delete(struct tw_str value, struct tw_str name, struct tw_out *out)
{
	struct cookie_pair pair = { .delim = 0 };
	char *const begin = out->p;
	bool gone = false; /* the part before this one was deleted */
	bool any = false;  /* something but attributes is kept */
	bool first = true;
	char delim = 0; /* before what was deleted */

	while (tw__cookie_next(&value, &pair)) {
		if (is_cookie(&pair, name) ||
		    (gone && tw__cookie_is_attribute(&pair))) {
			if (!gone)
				delim = pair.delim;
			gone = true;
			continue;
		}
		any = any || !tw__cookie_is_attribute(&pair);
		if (!gone) {
			if (!first)
				tw_out_char(out, pair.delim);
			tw_out_str(out, pair.all);
		} else {
			while (out->p > begin && is_blank(out->p[-1]))
				out->p--;
			if (!first) {
				tw_out_char(out, delim);
				tw_out_char(out, ' ');
			}
			const struct tw_str t = tw_str_trim(pair.all);

			tw_out_mem(out, t.len > 0 ? t.p : "",
			    t.len > 0 ? (size_t)(pair.all.p + pair.all.len - t.p) : 0);
		}
		first = false;
		gone = false;
	}
	while (out->p > begin && is_blank(out->p[-1]))
		out->p--;
	if (!any)
		out->p = begin;
}

void
tw__cookie_strip(struct tw_str value, struct tw_str name, char mark, struct tw_out *out)
{
	struct cookie_pair pair = { .delim = 0 };
	const char *from = value.p; /* not written yet */
	const char *const end = value.p + value.len;

	while (tw__cookie_next(&value, &pair)) {
		if (!is_cookie(&pair, name) || pair.value.len == 0)
			continue;
		const char *m = memchr(pair.value.p, mark, pair.value.len);

		if (!m)
			continue;
		tw_out_mem(out, from, (size_t)(pair.name.p + pair.name.len - from));
		tw_out_char(out, '=');
		from = m + 1;
	}
	tw_out_mem(out, from, (size_t)(end - from));
}

bool
tw__set_cookie_split(
    struct tw_str field, struct tw_str name, struct tw_str *value, struct tw_str *rest)
{
	const char *p = field.p;
	const char *const end = field.p + field.len;
	const char *semi = field.len > 0 ? memchr(p, ';', field.len) : NULL;
	const char *stop = semi ? semi : end;
	const char *equals = stop > p ? memchr(p, '=', (size_t)(stop - p)) : NULL;

	if (!equals ||
	    !tw_str_eq(tw_str_trim((struct tw_str){ p, (size_t)(equals - p) }), name))
		return false;
	p = equals + 1;
	while (p < stop && is_blank(*p))
		p++;
	while (stop > p && is_blank(stop[-1]))
		stop--;
	*value = (struct tw_str){ p, (size_t)(stop - p) };
	*rest = (struct tw_str){ stop, (size_t)(end - stop) };
	return true;
}

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			     "0123456789+/";

uint32_t
tw__cookie_date(struct tw_str s)
{
	uint32_t n = 0;

	if (s.len < 5)
		return 0;
	for (int i = 0; i < 5; i++) {
		const char *d = memchr(digits, s.p[i], sizeof(digits) - 1);

		if (!d)
			return 0;
		n = n << 6 | (uint32_t)(d - digits);
	}
	return n;
}

void
tw__cookie_date_out(struct tw_out *out, uint32_t date)
{
	for (int shift = 24; shift >= 0; shift -= 6)
		tw_out_char(out, digits[date >> shift & 63]);
}

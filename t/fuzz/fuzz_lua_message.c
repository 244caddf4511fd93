/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fuzz_lua_message.c - any bytes as a query and as cookies: req.args and req.cookies
 * find what a parser finds that looks at one byte after the other, and nothing
 * outside of what was given.
 *
 * The first byte is the length of the name that is looked for; cookies: fields end at
 * a line break.
 */
#include <stdlib.h>
#include <string.h>

#include <tideway/assert.h>
#include "lua/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define FIELDS_MAX 8

/* ---- the slow parser ------------------------------------------------------- */

static int
digit(char c)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	const char *const at = c != '\0' ? strchr(digits, c) : NULL;

	if (at == NULL)
		return -1;
	return at - digits < 16 ? (int)(at - digits) : (int)(at - digits) - 6;
}

/* out: room for s.len. */
static struct tw_str
decode(struct tw_str s, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len;) {
		const bool escaped = s.p[i] == '%' && s.len - i > 2 &&
		    digit(s.p[i + 1]) >= 0 && digit(s.p[i + 2]) >= 0;
		out[n++] = escaped  ? (char)(digit(s.p[i + 1]) * 16 + digit(s.p[i + 2]))
		    : s.p[i] == '+' ? ' '
				    : s.p[i];
		i += escaped ? 3 : 1;
	}
	return (struct tw_str){ out, n };
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* [from, to) without blanks at its ends. */
static struct tw_str
bare(const char *p, size_t from, size_t to)
{
	while (from < to && is_blank(p[from]))
		from++;
	while (to > from && is_blank(p[to - 1]))
		to--;
	return (struct tw_str){ p + from, to - from };
}

/* The first pair of that name: where its value stands. */
static bool
slow_find(struct tw_str in, char sep, bool form, struct tw_str wanted, char *mem,
    struct tw_str *value)
{
	for (size_t i = 0, end; i <= in.len; i = end + 1) {
		size_t eq = i;

		for (end = i; end < in.len && in.p[end] != sep; end++)
			continue;
		while (eq < end && in.p[eq] != '=')
			eq++;
		if (end == i || (!form && eq == end))
			continue;
		const size_t after = eq < end ? eq + 1 : end;
		const struct tw_str name = form
		    ? decode((struct tw_str){ in.p + i, eq - i }, mem)
		    : bare(in.p, i, eq);
		*value = form ? (struct tw_str){ in.p + after, end - after }
			      : bare(in.p, after, end);
		if (tw_str_eq(name, wanted))
			return true;
	}
	return false;
}

/* ---- against it ------------------------------------------------------------ */

static void
same(bool a, struct tw_str va, bool b, struct tw_str vb)
{
	TW_ASSERT(a == b);
	TW_ASSERT(!a || (va.len == vb.len && (va.len == 0 || va.p == vb.p)));
}

static void
try_args(struct tw_str in, struct tw_str name, char *mem)
{
	struct tw_str fast, slow;
	const bool found = lu_arg_find(in, name, &fast);

	same(found, fast, slow_find(in, '&', true, name, mem, &slow), slow);
	TW_ASSERT(lu_form_eq(in, decode(in, mem)));
	if (in.len > 0) {
		struct tw_str text = decode(in, mem);
		text.len--;
		TW_ASSERT(!lu_form_eq(in, text));
	}
}

static void
try_cookies(struct tw_str in, struct tw_str name, char *mem)
{
	static struct tw_msg msg;
	struct tw_str fast, slow = { NULL, 0 };
	bool found = false;
	int n = 0;

	memset(&msg, 0, sizeof(msg));
	while (n < FIELDS_MAX) {
		const char *const nl = memchr(in.p, '\n', in.len);
		const struct tw_str one = { in.p,
			nl != NULL ? (size_t)(nl - in.p) : in.len };
		TW_ASSERT(tw_msg_add(&msg, TW_STR("cookie"), one) == 0);
		n++;
		found = found || slow_find(one, ';', false, name, mem, &slow);
		if (nl == NULL)
			break;
		in.p += one.len + 1;
		in.len -= one.len + 1;
	}
	same(lu_cookie_find(&msg, name, &fast), fast, found, slow);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len < 1 || len > 60000)
		return 0;
	const size_t n = data[0] % 16 < len ? data[0] % 16 : len - 1;
	char *const text = malloc(len), *const mem = malloc(len);
	char *const wanted = malloc(n + 1);
	struct tw_str in = { text, len - 1 - n };

	TW_ASSERT(text != NULL && mem != NULL && wanted != NULL);
	memcpy(wanted, data + 1, n);
	memcpy(text, data + 1 + n, in.len);
	try_args(in, (struct tw_str){ wanted, n }, mem);
	try_cookies(in, (struct tw_str){ wanted, n }, mem);
	free(text);
	free(mem);
	free(wanted);
	return 0;
}

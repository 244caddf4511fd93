/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conv_string.c - converters: parts of text, joining, comparing.
 *
 * Most give a slice of their input. Any worker.
 * source: HAProxy's manual, 7.3.1.
 */
#include "config.h"

#include <ctype.h>
#include <stdlib.h>

#include "expr/conv.h"

static bool
is_in(struct tw_str set, char c)
{
	return set.len > 0 && memchr(set.p, c, set.len) != NULL;
}

/* ---- fields and words --------------------------------------------------- */

/* What is looked for: part `index` and count - 1 more (0: all that follow),
 * between delimiters. */
struct parts {
	struct tw_str delims;
	int64_t index, count;
	bool runs; /* several delimiters are one, those at the ends none */
};

static struct parts
parts_of(const struct tw_arg_val *args, bool runs)
{
	return (struct parts){ .delims = args[1].str,
		.index = args[0].n,
		.count = tw__arg_is(&args[2]) ? args[2].n : 1,
		.runs = runs };
}

static bool
from_front(struct parts w, struct tw_str *s)
{
	const char *start = s->p, *p = s->p, *const end = s->p + s->len;
	int64_t n = 1;
	bool before = w.runs; /* the last one was a delimiter */

	for (; p < end; p++) {
		const bool delim = is_in(w.delims, *p);
		if (delim && w.runs && before) {
			start = n == w.index && start < p ? start : p + 1;
			continue;
		}
		before = delim;
		if (!delim)
			continue;
		if (n < w.index) {
			start = p + 1;
			n++;
		} else if (w.count == 1) {
			break;
		} else if (w.count > 1) {
			w.count--;
		}
	}
	*s = (struct tw_str){ start, (size_t)(p - start) };
	return n == w.index;
}

static bool
from_back(struct parts w, struct tw_str *s)
{
	const char *const begin = s->p;
	const char *p = s->p + s->len, *end = p;
	int64_t n = -1;
	bool before = w.runs;

	for (; p > begin; p--) {
		const bool delim = is_in(w.delims, p[-1]);
		if (delim && w.runs && before) {
			end = n == w.index && end > p ? end : p - 1;
			continue;
		}
		before = delim;
		if (!delim)
			continue;
		if (n > w.index) {
			end = p - 1;
			n--;
		} else if (w.count == 1) {
			break;
		} else if (w.count > 1) {
			w.count--;
		}
	}
	*s = (struct tw_str){ p, (size_t)(end - p) };
	return n == w.index;
}

static bool
take_parts(struct parts w, struct tw_sample *s)
{
	if (w.index > 0)
		return from_front(w, &s->u.str);
	return w.index < 0 && from_back(w, &s->u.str);
}

TW__CHECK(parts)
{
	TW__UNUSED_CHECK;
	if (args[0].n == 0)
		return tw_err_set(err, "parts are counted from 1 or from -1, not 0");
	if (args[2].n < 0)
		return tw_err_set(err, "the count cannot be negative");
	return 0;
}

TW__CONV(field)
{
	(void)req;
	return take_parts(parts_of(args, false), s);
}

/* A word that is not there is an empty one; a field is none, as in HAProxy. */
TW__CONV(word)
{
	(void)req;
	if (!take_parts(parts_of(args, true), s))
		s->u.str.len = 0;
	return true;
}

TW__CONV(cut_crlf)
{
	size_t n = 0;

	TW__UNUSED_CONV;
	while (n < s->u.str.len && s->u.str.p[n] != '\r' && s->u.str.p[n] != '\n')
		n++;
	s->u.str.len = n;
	return true;
}

/* ---- joining ------------------------------------------------------------ */

static bool
join(struct tw_req *req, struct tw_sample *s, const struct tw_str *part, int n)
{
	size_t len = 0;

	for (int i = 0; i < n; i++)
		len += part[i].len;
	char *const mem = tw__scratch(req, len + 1);
	if (mem == NULL)
		return false;
	struct tw_out o = tw_out_of(mem, len);
	for (int i = 0; i < n; i++)
		tw_out_str(&o, part[i]);
	return tw__set_text(s, TW_STRING, mem, len);
}

/* concat([start],[var],[end]) and add_item(delim,[var],[suffix]) */
TW__CHECK(middle)
{
	return tw__arg_is(&args[1]) ? tw__arg_var(gen, &args[1], err) : 0;
}

TW__CHECK(add_item)
{
	if (!tw__arg_is(&args[1]) && !tw__arg_is(&args[2]))
		return tw_err_set(err,
		    "a variable or a suffix is expected after the "
		    "delimiter");
	return check_middle(gen, args, err);
}

TW__CONV(concat)
{
	char mem[64];
	struct tw_str part[4] = { s->u.str, args[0].str, { NULL, 0 }, args[2].str };

	if (tw__arg_is(&args[1]))
		(void)tw__arg_var_text(req, &args[1], mem, &part[2]);
	return join(req, s, part, 4);
}

TW__CONV(add_item)
{
	char mem[64];
	struct tw_str part[4] = { s->u.str, args[0].str, { NULL, 0 }, args[2].str };

	if (tw__arg_is(&args[1]))
		(void)tw__arg_var_text(req, &args[1], mem, &part[2]);
	if (s->u.str.len == 0 || (part[2].len == 0 && part[3].len == 0))
		part[1].len = 0;
	return join(req, s, part, 4);
}

TW__CONV(iif)
{
	(void)req;
	s->u.str = s->u.n != 0 ? args[0].str : args[1].str;
	return true;
}

/* ---- comparing ---------------------------------------------------------- */

TW__CHECK(variable)
{
	return tw__arg_var(gen, &args[0], err);
}

TW__CONV(strcmp)
{
	char mem[64];
	struct tw_str other;
	const struct tw_str in = s->u.str;

	if (!tw__arg_var_text(req, &args[0], mem, &other))
		return false;
	const size_t len = in.len < other.len ? in.len : other.len;
	const int order = len > 0 ? memcmp(in.p, other.p, len) : 0;
	if (order != 0)
		s->u.n = order;
	else
		s->u.n = (in.len > other.len) - (in.len < other.len);
	return true;
}

TW__CONV(secure_memcmp)
{
	char mem[64];
	struct tw_str other;
	unsigned char differ = 0;

	if (!tw__arg_var_text(req, &args[0], mem, &other))
		return false;
	const bool same_length = other.len == s->u.str.len;
	for (size_t i = 0; same_length && i < other.len; i++)
		differ |= (unsigned char)(other.p[i] ^ s->u.str.p[i]);
	s->u.n = same_length && differ == 0;
	return true;
}

/* ---- order -------------------------------------------------------------- */

TW__CONV(reverse)
{
	const struct tw_str in = s->u.str;
	char *const mem = tw__scratch(req, in.len + 1);

	(void)args;
	for (size_t i = 0; mem != NULL && i < in.len; i++)
		mem[i] = in.p[in.len - 1 - i];
	return tw__set_text(s, TW_STRING, mem, in.len);
}

/* "www.example.org" becomes "org.example.www." */
TW__CONV(reverse_dom)
{
	struct tw_str in = s->u.str;
	char *const mem = tw__scratch(req, in.len + 1);

	(void)args;
	if (mem == NULL)
		return false;
	if (in.len > 0 && in.p[in.len - 1] == '.')
		in.len--;
	struct tw_out o = tw_out_of(mem, in.len + 1);
	for (size_t end = in.len; end > 0;) {
		size_t start = end;
		while (start > 0 && in.p[start - 1] != '.')
			start--;
		tw_out_mem(&o, in.p + start, end - start);
		tw_out_char(&o, '.');
		end = start > 0 ? start - 1 : 0;
	}
	return tw__set_text(s, TW_STRING, mem, (size_t)(o.p - mem));
}

/* ---- Host --------------------------------------------------------------- */

/* Where the port's colon is; the length: there is none. */
static size_t
host_length(struct tw_str s)
{
	size_t i = s.len;

	while (i > 0 && isdigit((unsigned char)s.p[i - 1]))
		i--;
	if (i == 0 || s.p[i - 1] != ':')
		return s.len;
	/* "::1" has no port, "[::1]:80" has. */
	if (memchr(s.p, ':', i - 1) != NULL && (i < 2 || s.p[i - 2] != ']'))
		return s.len;
	return i - 1;
}

TW__CONV(host_only)
{
	const size_t len = host_length(s->u.str);
	char *const mem = tw__scratch(req, len + 1);

	(void)args;
	for (size_t i = 0; mem != NULL && i < len; i++)
		mem[i] = (char)tolower((unsigned char)s->u.str.p[i]);
	return tw__set_text(s, TW_STRING, mem, len);
}

TW__CONV(port_only)
{
	const struct tw_str in = s->u.str;
	const size_t len = host_length(in);
	uint64_t port = 0;

	TW__UNUSED_CONV;
	if (len + 1 < in.len &&
	    !tw_str_to_u64((struct tw_str){ in.p + len + 1, in.len - len - 1 }, &port))
		port = 0;
	s->u.n = port <= 65535 ? (int64_t)port : 0;
	return true;
}

/* ---- language ----------------------------------------------------------- */

/* The quality of "fr;q=0.8", in thousandths; `name` loses the parameters. */
static int
quality(struct tw_str *name)
{
	const char *const semi = memchr(name->p, ';', name->len);
	struct tw_str rest = { NULL, 0 };
	int q = 0, scale = 1000;

	if (semi != NULL) {
		rest.p = semi + 1;
		rest.len = (size_t)(name->p + name->len - rest.p);
		name->len = (size_t)(semi - name->p);
	}
	*name = tw_str_trim(*name);
	rest = tw_str_trim(rest);
	if (rest.len < 3 || (rest.p[0] | 0x20) != 'q' || rest.p[1] != '=')
		return 1000;
	for (size_t i = 2; i < rest.len && scale > 0; i++) {
		if (i == 3 && rest.p[i] == '.')
			continue;
		if (!isdigit((unsigned char)rest.p[i]))
			break;
		q += (rest.p[i] - '0') * scale;
		scale /= 10;
	}
	return q > 1000 ? 1000 : q;
}

/* The configured name that is this one, or its base: "fr" for "fr-CA". */
static bool
offered(struct tw_str list, struct tw_str name, struct tw_str *found)
{
	const char *const dash = memchr(name.p, '-', name.len);
	bool is_base = false;

	while (list.len > 0) {
		const char *const semi = memchr(list.p, ';', list.len);
		const size_t len = semi ? (size_t)(semi - list.p) : list.len;
		const struct tw_str one = { list.p, len };
		if (tw_str_eq(one, name)) {
			*found = one;
			return true;
		}
		if (dash != NULL && len == (size_t)(dash - name.p) &&
		    memcmp(one.p, name.p, len) == 0) {
			*found = one;
			is_base = true;
		}
		list.p += semi ? len + 1 : len;
		list.len -= semi ? len + 1 : len;
	}
	return is_base;
}

TW__CONV(language)
{
	struct tw_str left = s->u.str, best = args[1].str, found;
	int best_q = 0;

	(void)req;
	while (left.len > 0) {
		const char *const comma = memchr(left.p, ',', left.len);
		const size_t len = comma ? (size_t)(comma - left.p) : left.len;
		struct tw_str name = tw_str_trim((struct tw_str){ left.p, len });
		const int q = name.len > 0 ? quality(&name) : 0;
		if (q > best_q && name.len > 0 && offered(args[0].str, name, &found)) {
			best = found;
			best_q = q;
		}
		left.p += comma ? len + 1 : len;
		left.len -= comma ? len + 1 : len;
	}
	s->u.str = best;
	return best_q > 0 || tw__arg_is(&args[1]);
}

/* "a=1&b=2": the first of that name; a segment without '=' is empty. */
TW__CONV(param)
{
	const struct tw_str delims =
	    tw__arg_is(&args[1]) && args[1].str.len > 0 ? args[1].str : TW_STR("&");
	struct tw_str left = s->u.str;

	(void)req;
	while (left.len > 0) {
		size_t n = 0;
		while (n < left.len && !is_in(delims, left.p[n]))
			n++;
		const char *const eq = memchr(left.p, '=', n);
		const size_t name = eq != NULL ? (size_t)(eq - left.p) : n;
		if (tw_str_eq((struct tw_str){ left.p, name }, args[0].str)) {
			s->u.str = eq != NULL ? (struct tw_str){ eq + 1, n - name - 1 }
					      : (struct tw_str){ left.p + n, 0 };
			return true;
		}
		n += n < left.len;
		left = (struct tw_str){ left.p + n, left.len - n };
	}
	return false;
}

const struct tw_conv tw__conv_string[] = {
	{ "add_item", "s,[s,s]", TW_STRING, TW_STRING, conv_add_item, check_add_item,
	    "(delimiter, variable, suffix) A list's next item." },
	{ "concat", "[s,s,s]", TW_STRING, TW_STRING, conv_concat, check_middle,
	    "(start, variable, end) Put behind the string." },
	{ "cut_crlf", "", TW_STRING, TW_STRING, conv_cut_crlf, NULL,
	    "The string up to its first line end." },
	{ "field", "i,s,[i]", TW_STRING, TW_STRING, conv_field, check_parts,
	    "(index, delimiters, count) What stands between delimiters." },
	{ "host_only", "", TW_STRING, TW_STRING, conv_host_only, NULL,
	    "The name or address of a Host field, in lower case." },
	{ "iif", "s,s", TW_BOOL, TW_STRING, conv_iif, NULL,
	    "The first string when true, else the second." },
	{ "language", "s,[s]", TW_STRING, TW_STRING, conv_language, NULL,
	    "(list, default) The preferred of languages separated by ';'." },
	{ "param", "s,[s]", TW_STRING, TW_STRING, conv_param, NULL,
	    "(name, delimiters) The value of name=value in a list, by default between "
	    "'&'." },
	{ "port_only", "", TW_STRING, TW_SINT, conv_port_only, NULL,
	    "The port of a Host field; 0: none." },
	{ "reverse", "", TW_STRING, TW_STRING, conv_reverse, NULL,
	    "The last character first." },
	{ "reverse_dom", "", TW_STRING, TW_STRING, conv_reverse_dom, NULL,
	    "A domain name's labels, the last first." },
	{ "secure_memcmp", "s", TW_BINARY, TW_BOOL, conv_secure_memcmp, check_variable,
	    "Equal to a variable? In time that does not depend on where not." },
	{ "strcmp", "s", TW_STRING, TW_SINT, conv_strcmp, check_variable,
	    "The order to a variable: 0 when equal, below 0 when it is first." },
	{ "word", "i,s,[i]", TW_STRING, TW_STRING, conv_word, check_parts,
	    "(index, delimiters, count) Words between delimiters." },
	{ .name = NULL },
};

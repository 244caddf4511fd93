/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * act_normalize.c - normalize-uri.
 *
 * One normalizer a rule; each works in place in a copy, as none makes a part
 * longer, but for fragment-encode. source: HAProxy's manual, http-request
 * normalize-uri; RFC 3986, sections 5.2.4 and 6.2.2.
 */
#include <ctype.h>
#include <stdlib.h>

#include "normalize.h"
#include "rules.h"

#define PART_MAX 16384
#define PARAMETERS_MAX 1024

struct normalizer {
	const char *word, *option; /* option: NULL: it has none */
	/* in: s, in mem; returns: false: malformed. */
	bool (*apply)(char *mem, size_t *len, bool option);
	bool path, query;
};

struct normalize {
	const struct normalizer *how;
	bool option;
};

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
normalize_upper(char *s, size_t *len, bool strict)
{
	for (size_t i = 0; i < *len; i++) {
		if (s[i] != '%')
			continue;
		if (i + 2 >= *len || hex(s[i + 1]) < 0 || hex(s[i + 2]) < 0) {
			if (strict)
				return false;
			continue;
		}
		s[i + 1] = (char)toupper((unsigned char)s[i + 1]);
		s[i + 2] = (char)toupper((unsigned char)s[i + 2]);
		i += 2;
	}
	return true;
}

static bool
is_unreserved(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
}

bool
normalize_decode(char *s, size_t *len, bool strict)
{
	size_t n = 0;

	for (size_t i = 0; i < *len; i++) {
		if (s[i] != '%') {
			s[n++] = s[i];
			continue;
		}
		const bool valid =
		    i + 2 < *len && hex(s[i + 1]) >= 0 && hex(s[i + 2]) >= 0;
		if (!valid && strict)
			return false;
		const int c = valid ? hex(s[i + 1]) << 4 | hex(s[i + 2]) : -1;
		if (!is_unreserved(c)) {
			s[n++] = s[i];
			continue;
		}
		s[n++] = (char)c;
		i += 2;
	}
	*len = n;
	return true;
}

bool
normalize_slashes(char *s, size_t *len, bool option)
{
	size_t n = 0;

	(void)option;
	for (size_t i = 0; i < *len; i++)
		if (s[i] != '/' || n == 0 || s[n - 1] != '/')
			s[n++] = s[i];
	*len = n;
	return true;
}

/* The segment from `i` to before the next slash. */
static size_t
segment(const char *s, size_t len, size_t i)
{
	size_t end = i;

	while (end < len && s[end] != '/')
		end++;
	return end - i;
}

bool
normalize_dot(char *s, size_t *len, bool option)
{
	size_t n = 0, i = 0;

	(void)option;
	while (i < *len) {
		const size_t seg = segment(s, *len, i);
		const bool more = i + seg < *len;

		if (seg == 1 && s[i] == '.') {
			i += seg + more; /* "./" goes; at the end, the dot */
			continue;
		}
		memmove(s + n, s + i, seg + more);
		n += seg + more;
		i += seg + more;
	}
	*len = n;
	return true;
}

/* Back over the last segment that was written; s[0] is '/'. */
static size_t
step_back(const char *s, size_t n)
{
	n--; /* the slash behind it */
	while (n > 0 && s[n - 1] != '/')
		n--;
	return n;
}

/* in: full: ".." at the beginning goes, too. */
bool
normalize_dotdot(char *s, size_t *len, bool full)
{
	size_t n = 0, i = 0, depth = 0;

	while (i < *len) {
		const size_t seg = segment(s, *len, i);
		const size_t all = seg + (i + seg < *len);
		const bool up = seg == 2 && s[i] == '.' && s[i + 1] == '.';

		if (up && depth > 0) {
			n = step_back(s, n);
			depth--;
		} else if (!up || !full || i == 0) {
			memmove(s + n, s + i, all);
			n += all;
			if (i > 0 && !up)
				depth++;
		}
		i += all;
	}
	*len = n;
	return true;
}

static int
by_name(const void *a, const void *b)
{
	const struct tw_str *const x = a, *const y = b;
	const char *const ex = memchr(x->p, '=', x->len),
			  *const ey = memchr(y->p, '=', y->len);
	const size_t nx = ex != NULL ? (size_t)(ex - x->p) : x->len;
	const size_t ny = ey != NULL ? (size_t)(ey - y->p) : y->len;
	const int d = memcmp(x->p, y->p, nx < ny ? nx : ny);

	if (d != 0)
		return d;
	if (nx != ny)
		return nx < ny ? -1 : 1;
	return x->p < y->p ? -1 : 1; /* in the order they came */
}

bool
normalize_sort(char *s, size_t *len, bool option)
{
	static __thread struct tw_str parameter[PARAMETERS_MAX];
	static __thread char copy[PART_MAX];
	size_t n = 0, i = 0;

	(void)option;
	memcpy(copy, s, *len);
	while (i <= *len) {
		size_t end = i;
		while (end < *len && copy[end] != '&')
			end++;
		if (n == PARAMETERS_MAX)
			return false;
		parameter[n++] = (struct tw_str){ copy + i, end - i };
		i = end + 1;
	}
	qsort(parameter, n, sizeof(parameter[0]), by_name);
	for (size_t k = 0; k < n; k++) {
		if (k > 0)
			*s++ = '&';
		memcpy(s, parameter[k].p, parameter[k].len);
		s += parameter[k].len;
	}
	return true;
}

bool
normalize_strip_fragment(char *s, size_t *len, bool option)
{
	const char *const mark = *len > 0 ? memchr(s, '#', *len) : NULL;

	(void)option;
	if (mark != NULL)
		*len = (size_t)(mark - s);
	return true;
}

bool
normalize_encode_fragment(char *s, size_t *len, bool option)
{
	(void)option;
	for (size_t i = 0; i < *len; i++) {
		if (s[i] != '#')
			continue;
		if (*len + 2 > PART_MAX)
			return false;
		memmove(s + i + 3, s + i + 1, *len - i - 1);
		memcpy(s + i, "%23", 3);
		*len += 2;
	}
	return true;
}

static const struct normalizer normalizers[] = {
	{ "path-merge-slashes", NULL, normalize_slashes, true, false },
	{ "path-strip-dot", NULL, normalize_dot, true, false },
	{ "path-strip-dotdot", "full", normalize_dotdot, true, false },
	{ "percent-to-uppercase", "strict", normalize_upper, true, true },
	{ "percent-decode-unreserved", "strict", normalize_decode, true, true },
	{ "query-sort-by-name", NULL, normalize_sort, false, true },
	{ "fragment-strip", NULL, normalize_strip_fragment, true, true },
	{ "fragment-encode", NULL, normalize_encode_fragment, true, true },
};

static int
parse(struct tw_action_line *a, const void **conf)
{
	struct normalize *const v =
	    tw_arena_zalloc(tw_gen_arena(a->ln->gen), sizeof(*v));
	const char *const word = tw_action_arg(a);

	*conf = v;
	for (size_t i = 0; word != NULL && i < TW_N_ELEMENTS(normalizers); i++)
		if (strcmp(word, normalizers[i].word) == 0)
			v->how = &normalizers[i];
	if (v->how == NULL)
		return action_fail(a,
		    "'%s %s' expects fragment-encode, fragment-strip, "
		    "path-merge-slashes, path-strip-dot, path-strip-dotdot, "
		    "percent-decode-unreserved, percent-to-uppercase or "
		    "query-sort-by-name",
		    a->set, a->word);
	const char *const option = tw_arg(a->ln, a->i);
	if (option != NULL && v->how->option != NULL &&
	    strcmp(option, v->how->option) == 0) {
		v->option = true;
		a->i++;
	}
	return 0;
}

/* returns: p NULL: malformed. */
static struct tw_str
applied(struct tw_req *req, const struct normalize *v, struct tw_str s)
{
	static __thread char mem[PART_MAX + 4];
	size_t len = s.len;

	if (len == 0)
		return (struct tw_str){ "", 0 };
	if (len > PART_MAX)
		return (struct tw_str){ NULL, 0 };
	memcpy(mem, s.p, len);
	if (!v->how->apply(mem, &len, v->option))
		return (struct tw_str){ NULL, 0 };
	return tw_req_copy(req, (struct tw_str){ mem, len });
}

static enum tw_act
run(struct tw_req *req, const struct tw_action_call *call)
{
	const struct normalize *const v = call->conf;
	const struct tw_msg *const msg = tw_req_request(req);

	if (!tw_target_has_path(msg))
		return TW_ACT_NEXT;
	struct tw_target p = tw_target_split(msg);
	if (v->how->path)
		p.path = applied(req, v, p.path);
	if (v->how->query && p.has_query)
		p.query = applied(req, v, p.query);
	if (p.path.p == NULL || (p.has_query && p.query.p == NULL)) {
		tw_req_fail(req, 400, "the target cannot be normalized", call->origin);
		return TW_ACT_FAIL;
	}
	return tw_target_join(req, &p) == 0 ? TW_ACT_NEXT : TW_ACT_ERROR;
}

const struct tw_action act_normalize[] = {
	{ "normalize-uri", 1u << TW_HTTP_REQUEST, parse, run, "<normalizer> [<option>]",
	    "Brings the request target into a normal form.", 0 },
	{ .name = NULL },
};

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * pattern.c - patterns as ACLs write them, and matching against them.
 *
 * One set has one match method; -i makes a second set of strings in it, in
 * lower case. Numbers with operators become ranges, addresses with masks too
 * (an IPv4 mask with holes is kept as it is). The code of regular expressions
 * is outside the arena (PCRE2's JIT) and freed with the generation.
 * source: HAProxy's manual, 7.1.1 to 7.1.6.
 */
#include "config.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <tideway/assert.h>

#include "expr/cond.h"
#include "expr/regex.h"

enum operator{ OP_EQ, OP_GE, OP_GT, OP_LE, OP_LT };

struct range {
	int64_t lo, hi;
};

struct range6 {
	uint8_t lo[16], hi[16];
};

struct masked {
	uint32_t addr, mask;
};

/* An array in the arena that grows. */
struct vec {
	void *p;
	uint32_t n, cap;
};

struct tw__pats {
	enum tw__match match;
	struct tw_arena *arena; /* borrow: gen; owns when is_own */
	bool is_own;
	enum operator op; /* while it is read */
	bool op_set;
	struct vec ints;  /* struct range: INT, LEN, and IPv4 for IP */
	struct vec ip6;   /* struct range6 */
	struct vec holes; /* struct masked */
	struct vec regs;  /* struct tw__regex * */
	struct tw__strset exact, folded;
	struct tw__subset in_exact, in_folded; /* SUB, DIR, DOM */
};

static const struct {
	const char *name;
	enum tw_type takes;
} methods[TW__N_MATCH] = {
	[TW__FOUND] = { "found", TW_ANY },
	[TW__BOOL] = { "bool", TW_BOOL },
	[TW__INT] = { "int", TW_SINT },
	[TW__IP] = { "ip", TW_IPV4 },
	[TW__STR] = { "str", TW_STRING },
	[TW__BEG] = { "beg", TW_STRING },
	[TW__END] = { "end", TW_STRING },
	[TW__SUB] = { "sub", TW_STRING },
	[TW__DIR] = { "dir", TW_STRING },
	[TW__DOM] = { "dom", TW_STRING },
	[TW__LEN] = { "len", TW_STRING },
	[TW__REG] = { "reg", TW_STRING },
	[TW__BIN] = { "bin", TW_BINARY },
	[TW__METH] = { "meth", TW_STRING },
	[TW__VER] = { "ver", TW_SINT },
};

enum tw__match
tw__match_of(const char *name)
{
	int i;

	for (i = 0; i < TW__N_MATCH; i++)
		if (strcmp(name, methods[i].name) == 0)
			break;
	return (enum tw__match)i;
}

const char *
tw__match_name(enum tw__match m)
{
	return methods[m].name;
}

bool
tw__match_takes(enum tw__match m, enum tw_type from, enum tw_type *to)
{
	*to = methods[m].takes;
	if (m == TW__IP && (from == TW_BOOL || from == TW_METH))
		return false;
	return from == TW_ANY || tw__cast_is_possible(from, *to);
}

static struct tw__pats *
pats_in(struct tw_arena *arena, enum tw__match m)
{
	struct tw__pats *const ps = tw_arena_zalloc(arena, sizeof(*ps));

	ps->match = m;
	ps->arena = arena;
	ps->folded.fold = true;
	return ps;
}

struct tw__pats *
tw__pats_new(const struct tw__ectx *cx, enum tw__match m)
{
	return pats_in(tw_gen_arena(cx->gen), m);
}

struct tw__pats *
tw__pats_new_own(enum tw__match m)
{
	struct tw__pats *const ps = pats_in(tw_arena_new(0), m);

	ps->is_own = true;
	return ps;
}

void
tw__pats_free(struct tw__pats **pps)
{
	struct tw__pats *const ps = *pps;
	struct tw__regex *const *const re = ps->regs.p;
	struct tw_arena *arena = ps->arena;

	*pps = NULL;
	for (uint32_t i = 0; i < ps->regs.n; i++)
		tw__regex_free(re[i]);
	tw_arena_free(&arena);
}

static void *
vec_add(const struct tw__pats *ps, struct vec *v, size_t size)
{
	if (v->n == v->cap) {
		v->cap = v->cap ? v->cap * 2 : 2;
		void *const grown = tw_arena_alloc(ps->arena, size * v->cap);
		if (v->n > 0)
			memcpy(grown, v->p, size * v->n);
		v->p = grown;
	}
	return (char *)v->p + size * v->n++;
}

/* ---- numbers ------------------------------------------------------------ */

static bool
is_operator(const char *text, enum operator* op)
{
	static const char *const names[] = { "eq", "ge", "gt", "le", "lt" };

	for (size_t i = 0; i < TW_N_ELEMENTS(names); i++) {
		if (strcmp(text, names[i]) == 0) {
			*op = (enum operator)i;
			return true;
		}
	}
	return false;
}

static bool
read_int(const char **text, int64_t *out)
{
	char *end;

	if ((**text < '0' || **text > '9') && **text != '-')
		return false;
	const long long n = strtoll(*text, &end, 10);
	if (end == *text)
		return false;
	*out = n;
	*text = end;
	return true;
}

/* "5", "1:9", "1:", ":9". */
static int
parse_range(struct tw_err *err, const char *text, struct range *r)
{
	const char *p = text;

	r->lo = INT64_MIN;
	r->hi = INT64_MAX;
	if (*p != ':') {
		if (!read_int(&p, &r->lo))
			return tw_err_set(err, "'%s' is not a number", text);
		if (*p == '\0')
			r->hi = r->lo;
	}
	if (*p == ':' && p[1] != '\0') {
		p++;
		if (!read_int(&p, &r->hi))
			return tw_err_set(err,
			    "'%s' is not a range of "
			    "numbers: write LOW:HIGH",
			    text);
	} else if (*p == ':') {
		p++;
	}
	if (*p != '\0' || r->lo > r->hi || strcmp(text, ":") == 0)
		return tw_err_set(err, "'%s' is not a valid number or range", text);
	return 0;
}

int
tw__pat_parse_int(const char *text, int64_t *lo, int64_t *hi, struct tw_err *err)
{
	struct range r;

	if (parse_range(err, text, &r) != 0)
		return -1;
	*lo = r.lo;
	*hi = r.hi;
	return 0;
}

/* "3.1", "3": a version; with ':' from one to another. */
static bool
read_version(const char **text, int64_t *out)
{
	int64_t minor = 0;

	if (!read_int(text, out) || *out < 0 || *out > 0xffff)
		return false;
	if (**text == '.') {
		(*text)++;
		if (!read_int(text, &minor) || minor < 0 || minor > 0xffff)
			return false;
	}
	*out = *out << 16 | minor;
	return true;
}

static int
parse_versions(struct tw_err *err, const char *text, struct range *r)
{
	const char *p = text;

	r->lo = INT64_MIN;
	r->hi = INT64_MAX;
	bool ok = *p == ':' || read_version(&p, &r->lo);
	if (ok && *p == '\0')
		r->hi = r->lo;
	else if (ok && *p == ':' && *++p != '\0')
		ok = read_version(&p, &r->hi);
	if (!ok || *p != '\0' || r->lo > r->hi)
		return tw_err_set(
		    err, "'%s' is not a version: write 3.1 or 3.0:3.3", text);
	return 0;
}

static int
add_int(const struct tw__ectx *cx, struct tw__pats *ps, const char *text)
{
	struct range r;

	if (is_operator(text, &ps->op)) {
		ps->op_set = true;
		return 0;
	}
	if ((ps->match == TW__VER ? parse_versions(cx->err, text, &r)
				  : parse_range(cx->err, text, &r)) != 0)
		return -1;
	if ((ps->op == OP_GT && r.lo == INT64_MAX) ||
	    (ps->op == OP_LT && r.hi == INT64_MIN))
		return 0; /* never true */
	if (ps->op == OP_GE || ps->op == OP_GT) {
		r.lo += ps->op == OP_GT;
		r.hi = INT64_MAX;
	} else if (ps->op == OP_LE || ps->op == OP_LT) {
		r.hi -= ps->op == OP_LT;
		r.lo = INT64_MIN;
	}
	*(struct range *)vec_add(ps, &ps->ints, sizeof(r)) = r;
	return 0;
}

bool
tw__pat_is_operator(enum tw__match m, const char *text)
{
	enum operator op;

	return (m == TW__INT || m == TW__LEN || m == TW__VER) && is_operator(text, &op);
}

static void
number_out(struct tw_out *o, enum tw__match m, int64_t n)
{
	if (m == TW__VER)
		tw_out_printf(o, "%" PRId64 ".%" PRId64, n >> 16, n & 0xffff);
	else
		tw_out_printf(o, "%" PRId64, n);
}

const char *
tw__pat_with_operator(enum tw__match m, const char *op, const char *word, char mem[96])
{
	struct tw_out o = tw_out_of(mem, 95);
	enum operator which;
	struct range r;
	struct tw_err err;

	if (op == NULL || !is_operator(op, &which) || which == OP_EQ ||
	    (m == TW__VER ? parse_versions(&err, word, &r)
			  : parse_range(&err, word, &r)) != 0)
		return word;
	if (which == OP_GE || which == OP_GT) {
		if (which == OP_GT && r.lo == INT64_MAX)
			return word;
		number_out(&o, m, r.lo + (which == OP_GT));
		tw_out_str(&o, TW_STR(":"));
	} else {
		if (which == OP_LT && r.hi == INT64_MIN)
			return word;
		tw_out_str(&o, TW_STR(":"));
		number_out(&o, m, r.hi - (which == OP_LT));
	}
	*o.p = '\0';
	return mem;
}

static int
by_low(const void *a, const void *b)
{
	const struct range *const x = a, *const y = b;

	return (x->lo > y->lo) - (x->lo < y->lo);
}

static void
merge_ints(struct vec *v)
{
	struct range *const r = v->p;
	uint32_t n = 0;

	if (v->n == 0)
		return;
	qsort(r, v->n, sizeof(*r), by_low);
	for (uint32_t i = 0; i < v->n; i++) {
		if (n > 0 && r[i].lo <= r[n - 1].hi) {
			if (r[i].hi > r[n - 1].hi)
				r[n - 1].hi = r[i].hi;
		} else {
			r[n++] = r[i];
		}
	}
	v->n = n;
}

static bool
ints_have(const struct vec *v, int64_t value)
{
	const struct range *const r = v->p;
	uint32_t lo = 0, hi = v->n; /* first range whose low is above value */

	while (lo < hi) {
		const uint32_t mid = (lo + hi) / 2;
		if (r[mid].lo <= value)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo > 0 && value <= r[lo - 1].hi;
}

/* ---- addresses ---------------------------------------------------------- */

/* "192.168.1": what is missing is 0 in the middle, the last part is last; a
 * number alone is 0.0.0.n, as in HAProxy. */
static bool
parse_v4(const char *text, size_t len, uint32_t *addr)
{
	unsigned part[4], n = 0;
	size_t i = 0;

	while (i < len && n < 4) {
		unsigned value = 0;
		const size_t start = i;
		while (i < len && text[i] >= '0' && text[i] <= '9' && value < 256)
			value = value * 10 + (unsigned)(text[i++] - '0');
		if (i == start || value > 255)
			return false;
		part[n++] = value;
		if (i < len && (text[i++] != '.' || i == len))
			return false;
	}
	if (n == 0 || i < len)
		return false;
	*addr = n == 1 ? part[0] : part[0] << 24 | part[n - 1];
	if (n >= 3)
		*addr |= part[1] << 16;
	if (n == 4)
		*addr |= part[2] << 8;
	return true;
}

static bool
parse_mask4(const char *text, uint32_t *mask)
{
	char *end;

	if (strchr(text, '.') != NULL) {
		struct in_addr in;
		if (inet_pton(AF_INET, text, &in) != 1)
			return false;
		*mask = ntohl(in.s_addr);
		return true;
	}
	const unsigned long bits = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || bits > 32)
		return false;
	*mask = bits == 0 ? 0 : ~(uint32_t)0 << (32 - bits);
	return true;
}

static void
add_v4(struct tw__pats *ps, uint32_t addr, uint32_t mask)
{
	addr &= mask;
	if ((~mask & (~mask + 1)) != 0) {
		*(struct masked *)vec_add(ps, &ps->holes, sizeof(struct masked)) =
		    (struct masked){ addr, mask };
		return;
	}
	*(struct range *)vec_add(ps, &ps->ints, sizeof(struct range)) =
	    (struct range){ addr, addr | ~mask };
}

static bool
parse_v6(const char *text, const char *mask, uint8_t lo[16], uint8_t hi[16])
{
	unsigned long bits = 128;
	char *end;

	if (inet_pton(AF_INET6, text, lo) != 1)
		return false;
	if (mask != NULL) {
		bits = strtoul(mask, &end, 10);
		if (*mask < '0' || *mask > '9' || *end != '\0' || bits > 128)
			return false;
	}
	for (unsigned i = 0; i < 16; i++) {
		const unsigned keep = bits >= 8 * (i + 1) ? 8
		    : bits > 8 * i                        ? (unsigned)bits - 8 * i
							  : 0;
		const uint8_t m = (uint8_t)(0xff00u >> keep);
		lo[i] &= m;
		hi[i] = (uint8_t)(lo[i] | (uint8_t)~m);
	}
	return true;
}

static bool
resolve_v4(const char *host, uint32_t *addr)
{
	const struct addrinfo hints = { .ai_family = AF_INET,
		.ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;

	if (getaddrinfo(host, NULL, &hints, &list) != 0)
		return false;
	struct sockaddr_in in;
	memcpy(&in, list->ai_addr, sizeof(in));
	*addr = ntohl(in.sin_addr.s_addr);
	freeaddrinfo(list);
	return true;
}

int
tw__pat_parse_ip(
    const char *text, bool resolve, struct tw__patip *out, struct tw_err *err)
{
	char host[256];
	const char *const slash = strchr(text, '/');
	const size_t len = slash ? (size_t)(slash - text) : strlen(text);

	if (len == 0 || len >= sizeof(host))
		return tw_err_set(err, "'%s' is not an address", text);
	memcpy(host, text, len);
	host[len] = '\0';
	out->is_v6 = parse_v6(host, slash ? slash + 1 : NULL, out->lo, out->hi);
	if (out->is_v6)
		return 0;
	out->mask = ~(uint32_t)0;
	if ((slash == NULL || parse_mask4(slash + 1, &out->mask)) &&
	    (parse_v4(host, len, &out->addr) ||
		(resolve && strspn(host, "0123456789.") < len &&
		    strchr(host, ':') == NULL && resolve_v4(host, &out->addr)))) {
		out->addr &= out->mask;
		return 0;
	}
	return tw_err_set(err, "'%s' is not a valid IPv4 or IPv6 address", text);
}

static int
add_ip(const struct tw__ectx *cx, struct tw__pats *ps, const char *text, bool resolve)
{
	struct tw__patip ip;
	struct range6 r;

	if (tw__pat_parse_ip(text, resolve, &ip, cx->err) != 0)
		return -1;
	if (!ip.is_v6) {
		add_v4(ps, ip.addr, ip.mask);
		return 0;
	}
	memcpy(r.lo, ip.lo, 16);
	memcpy(r.hi, ip.hi, 16);
	*(struct range6 *)vec_add(ps, &ps->ip6, sizeof(r)) = r;
	return 0;
}

static int
by_low6(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

static void
merge_v6(struct vec *v)
{
	struct range6 *const r = v->p;
	uint32_t n = 0;

	if (v->n == 0)
		return;
	qsort(r, v->n, sizeof(*r), by_low6);
	for (uint32_t i = 0; i < v->n; i++) {
		if (n > 0 && memcmp(r[i].lo, r[n - 1].hi, 16) <= 0) {
			if (memcmp(r[i].hi, r[n - 1].hi, 16) > 0)
				memcpy(r[n - 1].hi, r[i].hi, 16);
		} else {
			r[n++] = r[i];
		}
	}
	v->n = n;
}

static bool
v6_has(const struct vec *v, const uint8_t ip[16])
{
	const struct range6 *const r = v->p;
	uint32_t lo = 0, hi = v->n;

	while (lo < hi) {
		const uint32_t mid = (lo + hi) / 2;
		if (memcmp(r[mid].lo, ip, 16) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo > 0 && memcmp(ip, r[lo - 1].hi, 16) <= 0;
}

static bool
v4_has(const struct tw__pats *ps, const uint8_t ip[4])
{
	const uint32_t addr = (uint32_t)ip[0] << 24 | (uint32_t)ip[1] << 16 |
	    (uint32_t)ip[2] << 8 | ip[3];

	if (ints_have(&ps->ints, addr))
		return true;
	const struct masked *const m = ps->holes.p;
	for (uint32_t i = 0; i < ps->holes.n; i++)
		if ((addr & m[i].mask) == m[i].addr)
			return true;
	return false;
}

/* The IPv4 address in ::ffff:a.b.c.d, ::a.b.c.d or 2002:AABB:CCDD::. */
const uint8_t *
tw__v4_within(const uint8_t ip[16])
{
	static const uint8_t zero[12];

	if (memcmp(ip, zero, 12) == 0)
		return ip + 12;
	if (memcmp(ip, zero, 10) == 0 && ip[10] == 0xff && ip[11] == 0xff)
		return ip + 12;
	return ip[0] == 0x20 && ip[1] == 0x02 ? ip + 2 : NULL;
}

static bool
ip_match(const struct tw__pats *ps, const struct tw_sample *s)
{
	struct tw_sample ip = *s;

	if (s->type == TW_STRING || s->type == TW_BINARY)
		if (!tw__text_ip(s->u.str, &ip))
			return false;
	if (ip.type == TW_IPV4) {
		if (v4_has(ps, ip.u.ip))
			return true;
		return ps->ip6.n > 0 && tw__cast(NULL, &ip, TW_IPV6) &&
		    v6_has(&ps->ip6, ip.u.ip);
	}
	const uint8_t *const v4 = tw__v4_within(ip.u.ip);
	return v6_has(&ps->ip6, ip.u.ip) || (v4 != NULL && v4_has(ps, v4));
}

/* ---- text --------------------------------------------------------------- */

static bool
inside_match(const struct tw__pats *ps, struct tw_req *req, struct tw_str s)
{
	if (s.p == NULL)
		s.p = "";
	if (tw__subset_find(&ps->in_exact, s) != 0)
		return true;
	if (ps->folded.n == 0)
		return false;
	s = tw__lower(req, s);
	return s.p != NULL && tw__subset_find(&ps->in_folded, s) != 0;
}

static int
add_hex(const struct tw__ectx *cx, struct tw__pats *ps, const char *text)
{
	const size_t len = strlen(text);
	char *const bytes = tw_arena_alloc(ps->arena, len / 2 + 1);

	if (len % 2 != 0)
		return tw_err_set(
		    cx->err, "'%s': an even number of hex digits is expected", text);
	for (size_t i = 0; i < len; i += 2) {
		const char two[3] = { text[i], text[i + 1], '\0' };
		char *end;
		bytes[i / 2] = (char)strtoul(two, &end, 16);
		if (*end != '\0' || two[0] == '-' || two[0] == '+')
			return tw_err_set(
			    cx->err, "'%s': hex digits are expected", text);
	}
	tw__strset_add(ps->arena, &ps->exact, (struct tw_str){ bytes, len / 2 });
	return 0;
}

static int
add_text(struct tw__pats *ps, const char *text, bool fold)
{
	const struct tw_str s = tw__subset_trim(ps->match, tw_str_of(text));

	tw__strset_add(ps->arena, fold ? &ps->folded : &ps->exact, s);
	return 0;
}

/* A known method is what it is; -i is for the others. */
static int
add_method(struct tw__pats *ps, const char *text, bool fold)
{
	const struct tw_str s = tw_str_of(text);

	tw__strset_add(ps->arena, &ps->exact, s);
	if (fold && tw_method_of(s) == TW_M_OTHER)
		tw__strset_add(ps->arena, &ps->folded, s);
	return 0;
}

static bool
method_match(const struct tw__pats *ps, struct tw_req *req, struct tw_str s)
{
	return tw__strset_has(&ps->exact, req, s) ||
	    (ps->folded.n > 0 && tw_method_of(s) == TW_M_OTHER &&
		tw__strset_has(&ps->folded, req, s));
}

static int
add_reg(const struct tw__ectx *cx, struct tw__pats *ps, const char *text, bool fold)
{
	struct tw__regex *const re = ps->is_own
	    ? tw__regex_new(ps->arena, text, fold, cx->err)
	    : tw__regex_compile(cx, text, fold);

	if (re == NULL)
		return -1;
	*(struct tw__regex **)vec_add(ps, &ps->regs, sizeof(re)) = re;
	return 0;
}

int
tw__pats_add(const struct tw__ectx *cx, struct tw__pats *ps, const char *text,
    bool fold, bool resolve)
{
	switch (ps->match) {
	case TW__FOUND:
	case TW__BOOL:
		return 0; /* takes no pattern; HAProxy ignores them too */
	case TW__INT:
	case TW__LEN:
	case TW__VER:
		return add_int(cx, ps, text);
	case TW__IP:
		return add_ip(cx, ps, text, resolve);
	case TW__REG:
		return add_reg(cx, ps, text, fold);
	case TW__BIN:
		return add_hex(cx, ps, text);
	case TW__METH:
		return add_method(ps, text, fold);
	default:
		return add_text(ps, text, fold);
	}
}

void
tw__pats_close(struct tw__pats *ps)
{
	merge_ints(&ps->ints);
	merge_v6(&ps->ip6);
	tw__strset_close(ps->arena, &ps->exact);
	tw__strset_close(ps->arena, &ps->folded);
	tw__subset_build(ps->arena, &ps->in_exact, &ps->exact, ps->match);
	tw__subset_build(ps->arena, &ps->in_folded, &ps->folded, ps->match);
}

const struct tw__strset *
tw__pats_strings(const struct tw__pats *ps, bool folded)
{
	return folded ? &ps->folded : &ps->exact;
}

static bool
reg_match(const struct tw__pats *ps, struct tw_str s)
{
	struct tw__regex *const *const re = ps->regs.p;

	for (uint32_t i = 0; i < ps->regs.n; i++)
		if (tw__regex_match(re[i], s))
			return true;
	return false;
}

bool
tw__pats_match(const struct tw__pats *ps, struct tw_req *req, const struct tw_sample *s)
{
	switch (ps->match) {
	case TW__FOUND:
		return true;
	case TW__BOOL:
		return s->u.n != 0;
	case TW__INT:
	case TW__VER:
		return ints_have(&ps->ints, s->u.n);
	case TW__LEN:
		return ints_have(&ps->ints, (int64_t)s->u.str.len);
	case TW__IP:
		return ip_match(ps, s);
	case TW__METH:
		return method_match(ps, req, s->u.str);
	case TW__STR:
	case TW__BIN:
		return tw__strset_has(&ps->exact, req, s->u.str) ||
		    tw__strset_has(&ps->folded, req, s->u.str);
	case TW__BEG:
		return tw__strset_has_prefix_of(&ps->exact, req, s->u.str) ||
		    tw__strset_has_prefix_of(&ps->folded, req, s->u.str);
	case TW__END:
		return tw__strset_has_suffix_of(&ps->exact, req, s->u.str) ||
		    tw__strset_has_suffix_of(&ps->folded, req, s->u.str);
	case TW__SUB:
	case TW__DIR:
	case TW__DOM:
		return inside_match(ps, req, s->u.str);
	case TW__REG:
		return reg_match(ps, s->u.str);
	default:
		TW_WRONG("unknown match method");
	}
}

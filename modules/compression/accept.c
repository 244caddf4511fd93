/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * accept.c - which algorithm a client would like best.
 *
 * The one with the highest weight; of several, the one that the client names
 * first. A weight that is none counts as 1, as in HAProxy. What '*' stands for
 * is what is not named; configured last comes first then. Any thread. source: RFC
 * 9110, 12.5.3.
 */
#include "comp.h"

#define Q_ONE 1000

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct tw_str
trimmed(struct tw_str s)
{
	while (s.len > 0 && is_blank(*s.p)) {
		s.p++;
		s.len--;
	}
	while (s.len > 0 && is_blank(s.p[s.len - 1]))
		s.len--;
	return s;
}

/* Takes what stands before the next separator. */
static struct tw_str
part(struct tw_str *rest, char sep)
{
	const char *const end = rest->len > 0 ? memchr(rest->p, sep, rest->len) : NULL;
	const struct tw_str got = { rest->p,
		end != NULL ? (size_t)(end - rest->p) : rest->len };
	const size_t used = got.len + (end != NULL);

	rest->p += used;
	rest->len -= used;
	return trimmed(got);
}

/* "0.5" as 500; what is no weight, as 1000. */
static int
weight(struct tw_str s)
{
	int q = 0, unit = Q_ONE;

	if (s.len == 0 || (*s.p != '0' && *s.p != '1'))
		return Q_ONE;
	q = (*s.p - '0') * Q_ONE;
	for (size_t i = 2; s.len > 1 && s.p[1] == '.' && i < s.len && i < 5; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			break;
		unit /= 10;
		q += (s.p[i] - '0') * unit;
	}
	return q < Q_ONE ? q : Q_ONE;
}

/* in: rest, the parameters of a coding. */
static int
weight_of(struct tw_str rest)
{
	while (rest.len > 0) {
		struct tw_str value = part(&rest, ';');
		const struct tw_str name = part(&value, '=');

		if (name.len == 1 && (*name.p | 0x20) == 'q')
			return weight(trimmed(value));
	}
	return Q_ONE;
}

static void
named(struct comp_accept *a, struct tw_str token, int q)
{
	for (int i = a->n - 1; i >= 0; i--) {
		const struct comp_algo *const algo = comp_algo_at(a->algo[i] - 1);

		if (!tw_str_ieq(token, tw_str_of(algo->token)))
			continue;
		a->named |= (uint8_t)(1u << i);
		if (q <= a->best_q)
			continue;
		a->best_q = q;
		a->best = a->algo[i];
		a->any_first = a->any_q >= 0;
	}
}

void
comp_accept_field(struct comp_accept *a, struct tw_str value)
{
	while (value.len > 0) {
		struct tw_str member = part(&value, ',');
		const struct tw_str token = part(&member, ';');
		const int q = weight_of(member);

		if (token.len == 1 && *token.p == '*')
			a->any_q = a->any_q < q ? q : a->any_q;
		else if (token.len > 0)
			named(a, token, q);
	}
}

/* What '*' stands for. */
static int
any_other(const struct comp_accept *a)
{
	for (int i = a->n - 1; i >= 0; i--) {
		if (!(a->named & 1u << i))
			return a->algo[i];
	}
	return 0;
}

const struct comp_algo *
comp_accept_end(struct comp_accept *a)
{
	const int other = any_other(a);

	if (other != 0 && a->any_q > 0 &&
	    (a->any_q > a->best_q || (a->any_q == a->best_q && a->any_first)))
		a->best = other;
	return a->best != 0 ? comp_algo_at(a->best - 1) : NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * access.c - `stats scope` and `stats http-request`: what is shown, to whom.
 *
 * With rules, `stats auth` lines do not count, as in HAProxy. Start-up and the
 * request's worker. source: HAProxy's manual, stats scope, stats http-request.
 */
#include <tideway/expr.h>

#include "st.h"

/* --- configuration --- */

int
st_set_scope(struct tw_line *ln)
{
	struct st_conf *const c = st_line_conf(ln);
	struct st_scope *const s = tw_arena_alloc(tw_gen_arena(ln->gen), sizeof(*s));

	*s = (struct st_scope){ .next = c->scopes,
		.name = tw_arena_strdup(tw_gen_arena(ln->gen), tw_arg(ln, 0)) };
	c->scopes = s;
	return 0;
}

/* out: at, the first argument behind the action. */
static int
rule_read(struct tw_line *ln, struct st_rule *r, int *at)
{
	static const char *const words[] = { "allow", "deny", "auth" };
	size_t kind = 0;

	while (kind < TW_N_ELEMENTS(words) && strcmp(tw_arg(ln, 0), words[kind]) != 0)
		kind++;
	if (kind == TW_N_ELEMENTS(words))
		return tw_line_fail(ln, 0,
		    "'stats http-request' takes 'allow', 'deny' or 'auth', not '%s'",
		    tw_arg(ln, 0));
	*r = (struct st_rule){ .kind = (enum st_rule_kind)kind };
	*at = 1;
	if (r->kind != ST_RULE_AUTH || ln->n_args < 2 ||
	    strcmp(tw_arg(ln, 1), "realm") != 0)
		return 0;
	*at = 3;
	if (ln->n_args < 3)
		return tw_line_fail(ln, 1, "'realm' needs a text");
	r->realm = tw_arena_strdup(tw_gen_arena(ln->gen), tw_arg(ln, 2));
	return r->realm[strcspn(r->realm, "\"\\\r\n")] == '\0'
	    ? 0
	    : tw_line_fail(ln, 2, "quotes and backslashes cannot stand in this realm");
}

int
st_set_http_request(struct tw_line *ln)
{
	struct st_conf *const c = st_line_conf(ln);
	struct st_rule *const r = tw_arena_alloc(tw_gen_arena(ln->gen), sizeof(*r));
	struct st_rule **end = &c->rules;
	int at;

	if (rule_read(ln, r, &at) != 0)
		return -1;
	if (at < ln->n_args) {
		r->cond = tw_cond_compile(ln, at, TW_AT_CONN | TW_AT_REQUEST);
		if (r->cond == NULL)
			return -1;
	}
	while (*end != NULL)
		end = &(*end)->next;
	*end = r;
	return 0;
}

/* --- requests --- */

bool
st_shows(const struct st_conf *c, const struct tw_proxy *of, const struct tw_proxy *px)
{
	const struct st_scope *s = c != NULL ? c->scopes : NULL;

	if (s == NULL)
		return true;
	for (; s != NULL; s = s->next) {
		if (strcmp(s->name, ".") == 0
			? strcmp(tw_proxy_name(px), tw_proxy_name(of)) == 0
			: strcmp(tw_proxy_name(px), s->name) == 0)
			return true;
	}
	return false;
}

const struct st_rule *
st_rule_for(const struct st_conf *c, struct tw_req *req)
{
	const struct st_rule *r = c->rules;

	while (r != NULL && r->cond != NULL && !tw_cond_eval(r->cond, req))
		r = r->next;
	return r;
}

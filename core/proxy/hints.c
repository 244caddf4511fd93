/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * hints.c - what -c tells beside errors and warnings: parts of a configuration
 * that do nothing.
 *
 * ACLs that no condition names, use_backend rules that never get their turn,
 * backends that nothing leads to. They are notices: nothing is wrong, and
 * zero-warning does not count them. Control thread, after all checks.
 */
#include "config.h"

#include "core/expr/expr_int.h"
#include "core/proxy/proxy_int.h"
#include "core/proxy/use_run.h"

#define GUARDS_MAX 256 /* earlier rules that are compared with */

/* ---- ACLs --------------------------------------------------------------- */

/* The list has the last one first. */
static void
hint_acls(struct tw_gen *gen, const struct tw__acl *acl)
{
	if (acl == NULL)
		return;
	hint_acls(gen, SLIST_NEXT(acl, link));
	if (!acl->used)
		tw_gen_hint(gen, acl->file, acl->line,
		    "acl '%s' is declared, but no condition names it.", acl->name);
}

/* ---- use_backend -------------------------------------------------------- */

static const struct tw__use *
guard_of(const struct tw__use *const *guard, int n, const struct tw__use *use)
{
	for (int i = 0; i < n; i++)
		if (tw_cond_constant(guard[i]->cond) == 1 ||
		    (use->cond != NULL && tw_cond_implies(use->cond, guard[i]->cond)))
			return guard[i];
	return NULL;
}

static void
hint_default(struct tw_gen *gen, const struct tw_proxy *px, const struct tw__use *by)
{
	if (px->c.default_backend != NULL && by->fmt == NULL)
		tw_gen_hint(gen, px->c.default_backend_file, px->c.default_backend_line,
		    "'default_backend %s' is never used in '%s': 'use_backend' of line "
		    "%d always applies.",
		    px->c.default_backend, px->name, by->origin.line);
}

static void
hint_use(struct tw_gen *gen, const struct tw__use *use, const struct tw__use *by)
{
	if (by != NULL)
		tw_gen_hint(gen, use->origin.file, use->origin.line,
		    "this 'use_backend' rule can never match: 'use_backend' of line %d "
		    "%s.",
		    by->origin.line,
		    tw_cond_constant(by->cond) == 1
			? "always applies"
			: "applies whenever its condition holds");
	else if (tw_cond_constant(use->cond) == 0)
		tw_gen_hint(gen, use->origin.file, use->origin.line,
		    "this 'use_backend' rule can never match: its condition never "
		    "holds.");
}

static void
hint_routes(struct tw_gen *gen, const struct tw_proxy *px)
{
	const struct tw__use *guard[GUARDS_MAX], *use;
	bool always = false;
	int n = 0;

	STAILQ_FOREACH(use, &px->uses, link) {
		hint_use(gen, use, guard_of(guard, n, use));
		if (tw_cond_constant(use->cond) == 1 && !always)
			hint_default(gen, px, use);
		always |= tw_cond_constant(use->cond) == 1;
		if (n < GUARDS_MAX && tw_cond_constant(use->cond) != 0)
			guard[n++] = use;
	}
}

/* ---- backends ----------------------------------------------------------- */

/* A module may lead requests to any backend: by a hook, or by what a rule of
 * a made name says. */
static bool
routes_freely(struct tw_gen *gen)
{
	const struct tw_proxy *px;
	const struct tw_self *self;
	const struct tw__use *use;

	for (int i = 0; (self = tw_module_each(i)) != NULL; i++)
		for (const struct tw_hook *h = self->module->hooks; h && h->fn; h++)
			TAILQ_FOREACH(px, &gen->proxies, link)
				if (h->point == TW_ON_ROUTE &&
				    (h->wants == NULL || h->wants(px)))
					return true;
	TAILQ_FOREACH(px, &gen->proxies, link)
		STAILQ_FOREACH(use, &px->uses, link)
			if (use->fmt != NULL && tw_cond_constant(use->cond) != 0)
				return true;
	return false;
}

static void
hint_backends(struct tw_gen *gen)
{
	const struct tw_proxy *px;

	if (routes_freely(gen))
		return;
	TAILQ_FOREACH(px, &gen->proxies, link)
		if (tw__is_be(px) && !tw__is_fe(px) && !px->named && !px->c.disabled &&
		    px->n_servers > 0)
			tw_gen_hint(gen, px->file, px->line,
			    "no frontend leads to backend '%s': neither 'use_backend' "
			    "nor 'default_backend' names it.",
			    px->name);
}

void
tw__proxies_hint(struct tw_gen *gen)
{
	struct tw_proxy *px;

	if (!tw_gen_wants_hints(gen))
		return;
	TAILQ_FOREACH(px, &gen->defaults, link)
		hint_acls(gen, *tw__proxy_acls(px));
	TAILQ_FOREACH(px, &gen->proxies, link) {
		hint_acls(gen, *tw__proxy_acls(px));
		hint_routes(gen, px);
	}
	hint_backends(gen);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * rules_trail.c - the keyword `trail`: which requests of live traffic are told
 * about, step by step (tideway/trail.h).
 *
 * The hook is the first of its chain, so that the rules behind it are told;
 * who has no such line does not have it. A backend's line begins there: what
 * the frontend has done is seen as decisions only. Worker.
 */
#include "rules.h"

#define WHERE (TW_AT_CONN | TW_AT_REQUEST | TW_AT_REQ_BODY)

struct trail_wish {
	struct trail_wish *next;
	const struct tw_cond *cond; /* NULL: always */
	struct tw_origin origin;
	unsigned to;      /* TW_TRAIL_... */
	const char *ring; /* NULL: none */
};

/* `log`, `ring NAME`. returns: the index of what follows; -1: reported. */
static int
parse_targets(struct tw_line *ln, struct trail_wish *wish)
{
	const char *word;
	int i = 0;

	for (; (word = tw_arg(ln, i)) != NULL; i++) {
		if (strcmp(word, "log") == 0) {
			wish->to |= TW_TRAIL_LOG;
		} else if (strcmp(word, "ring") == 0) {
			if (tw_arg(ln, i + 1) == NULL)
				return tw_line_fail(ln, i,
				    "the name of a ring is expected after 'ring'");
			if (wish->ring != NULL)
				return tw_line_fail(
				    ln, i, "a trail goes to one ring only");
			wish->to |= TW_TRAIL_RING;
			wish->ring = gen_dup(ln, tw_arg(ln, ++i));
		} else if (strcmp(word, "if") == 0 || strcmp(word, "unless") == 0) {
			return i;
		} else {
			return tw_line_fail(ln, i,
			    "'trail' expects 'log', 'ring <name>', or 'if' or "
			    "'unless' followed by a condition, not '%s'",
			    word);
		}
	}
	return i;
}

int
rules_set_trail(struct tw_line *ln)
{
	struct rules_conf *const c = ln->state;
	struct trail_wish *const wish =
	    tw_arena_zalloc(tw_gen_arena(ln->gen), sizeof(*wish));
	const int i = parse_targets(ln, wish);

	c->owner = ln->proxy;
	wish->origin = (struct tw_origin){ "trail", ln->file, ln->number };
	if (i < 0 || rules_parse_cond(ln, i, WHERE, "trail", &wish->cond) != 0)
		return -1;
	if (c->trails_end == NULL)
		c->trails_end = &c->trails;
	*c->trails_end = wish;
	c->trails_end = &wish->next;
	return 0;
}

bool
rules_wants_trail(const struct tw_proxy *px)
{
	for (const struct rules_conf *c = rules_of(px); c != NULL; c = c->above)
		if (c->trails != NULL)
			return true;
	return false;
}

int
rules_check_trails(struct tw_gen *gen, const struct tw_proxy *px)
{
	int rc = 0;

	for (const struct rules_conf *c = rules_of(px); c != NULL; c = c->above) {
		for (const struct trail_wish *w = c->trails; w != NULL; w = w->next) {
			tw_trail_prepare();
			if (w->ring != NULL && !tw_gen_has_ring(gen, w->ring))
				rc = tw_gen_fail(gen, w->origin.file, w->origin.line,
				    "there is no ring '%s', which a 'trail' line names: "
				    "write a section 'ring %s'",
				    w->ring, w->ring);
		}
	}
	return rc;
}

/* in: px's own lines behind those of its defaults. */
static bool
begin_one(struct tw_req *req, const struct rules_conf *c)
{
	if (c->above != NULL && begin_one(req, c->above))
		return true;
	for (const struct trail_wish *w = c->trails; w != NULL; w = w->next) {
		const int is = w->cond == NULL ? 1
		    : tw_req_final(req)        ? tw_cond_eval(w->cond, req)
					       : tw_cond_try(w->cond, req);
		if (is != 1)
			continue;
		tw_trail_begin(req, &w->origin, w->to, w->ring);
		return true;
	}
	return false;
}

enum tw_verdict
rules_on_trail(struct tw_req *req, void *state)
{
	(void)state;
	begin_one(req, rules_of(tw_req_proxy(req)));
	return TW_NEXT;
}

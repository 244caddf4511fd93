/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * rules_mod.c - the descriptor of the module `rules`, and its hooks.
 *
 * One hook for each step; a proxy without rules of that step does not have
 * it. In mode http, `tcp-request content` runs before `http-request`, whose
 * request is there as a whole; in mode tcp it waits for bytes, at most as long
 * as inspect-delay says. `http-after-response` runs last of all on the
 * frontend's chain, for the backend's rules too. Worker.
 */
#include "rules.h"

#define ACTIONS_MAX 96

const struct tw_self *rules_self;

/* All tables of this module's actions as one; filled once, at load. */
static struct tw_action actions[ACTIONS_MAX];

static int
rules_load(const struct tw_self *self, struct tw_err *err)
{
	static const struct tw_action *const tables[] = {
#define X(name) act_##name,
		ACTION_TABLES(X)
#undef X
	};
	size_t n = 0;

	rules_self = self;
	for (size_t i = 0; i < TW_N_ELEMENTS(tables); i++)
		for (const struct tw_action *a = tables[i]; a->name != NULL; a++) {
			if (n == ACTIONS_MAX - 1)
				return tw_err_set(err, "too many actions");
			actions[n++] = *a;
		}
	return 0;
}

struct userlist **
rules_userlists(struct tw_gen *gen)
{
	return &((struct rules_gen *)tw_gen_block(gen, rules_self))->lists;
}

/* ---- verdicts ----------------------------------------------------------- */

static enum tw_verdict
verdict(enum tw_act act)
{
	switch (act) {
	case TW_ACT_DONE:
		return TW_DONE;
	case TW_ACT_FAIL:
		return TW_FAIL;
	case TW_ACT_WAIT:
		return TW_WAIT;
	default:
		return TW_NEXT;
	}
}

static bool
is_over(enum tw_act act)
{
	return act != TW_ACT_NEXT && act != TW_ACT_STOP;
}

/* Which set waited; -1: none. */
static int
waits_in(struct tw_req *req)
{
	const struct rules_wait *const w =
	    ((struct rules_req *)tw_req_block(req, rules_self))->wait;

	return w != NULL && w->at != NULL ? w->set : -1;
}

/* ---- mode tcp: contents ------------------------------------------------- */

/* Until when bytes may come; the timer brings the hook back. */
static bool
delay_is_over(struct tw_req *req, struct rules_wait *w, uint32_t ms)
{
	if (ms == 0)
		return true;
	if (w->until_ms == 0)
		w->until_ms = tw_now_ms() + ms;
	if (tw_now_ms() >= w->until_ms)
		return true;
	tw_timer_set(&w->timer, w->until_ms);
	tw_req_deadline(req, ms + 60000);
	return false;
}

static enum tw_verdict
on_content(struct tw_req *req, unsigned set, bool response)
{
	const struct tw_proxy *const px = tw_req_proxy(req);
	const uint32_t ms = rules_of(px)->inspect_ms[response];
	struct rules_wait *const w = rules_wait_of(req);
	struct tw_str bytes;

	if (w == NULL)
		return tw_req_fail(req, 0, "out of memory", NULL);
	const enum tw_io io =
	    ms != 0 ? tw_req_content(req, response, &bytes) : TW_IO_END;
	if (io == TW_IO_ERR) {
		tw_req_set_term(req, response ? 'S' : 'C', response ? 'D' : 'R');
		return tw_req_fail(req, 0, "the peer left", NULL);
	}
	const bool final = io == TW_IO_END || delay_is_over(req, w, ms);
	tw_req_set_final(req, final);
	const enum tw_act act = rules_run(req, px, set);
	tw_req_set_final(req, true);
	if (act == TW_ACT_WAIT)
		return TW_WAIT;
	tw_timer_set(&w->timer, 0);
	w->until_ms = 0;
	return verdict(act);
}

static enum tw_verdict
rules_on_content(struct tw_req *req, void *state)
{
	(void)state;
	return on_content(req, TW_TCP_CONTENT, false);
}

static enum tw_verdict
rules_on_response_content(struct tw_req *req, void *state)
{
	(void)state;
	return on_content(req, TW_TCP_RESPONSE, true);
}

/* ---- connections -------------------------------------------------------- */

static enum tw_verdict
rules_on_conn(struct tw_req *req, void *state)
{
	(void)state;
	return verdict(rules_run(req, tw_req_proxy(req), TW_TCP_CONNECTION));
}

static enum tw_verdict
rules_on_session(struct tw_req *req, void *state)
{
	(void)state;
	return verdict(rules_run(req, tw_req_proxy(req), TW_TCP_SESSION));
}

/* ---- mode http ---------------------------------------------------------- */

static enum tw_verdict
rules_on_request(struct tw_req *req, void *state)
{
	const struct tw_proxy *const px = tw_req_proxy(req);

	(void)state;
	if (waits_in(req) != TW_HTTP_REQUEST) {
		const enum tw_act act = rules_run(req, px, TW_TCP_CONTENT);
		if (is_over(act))
			return verdict(act);
	}
	return verdict(rules_run(req, px, TW_HTTP_REQUEST));
}

static enum tw_verdict
rules_on_redirect(struct tw_req *req, void *state)
{
	(void)state;
	return verdict(rules_run(req, tw_req_proxy(req), SET_REDIRECT));
}

/* tcp-response is the backend's. */
static enum tw_verdict
rules_on_response(struct tw_req *req, void *state)
{
	const struct tw_proxy *const px = tw_req_proxy(req);

	(void)state;
	if (px == tw_req_backend(req) && waits_in(req) != TW_HTTP_RESPONSE) {
		const enum tw_act act = rules_run(req, px, TW_TCP_RESPONSE);
		if (is_over(act))
			return verdict(act);
	}
	return verdict(rules_run(req, px, TW_HTTP_RESPONSE));
}

static void
run_after(struct tw_req *req)
{
	const struct tw_proxy *const fe = tw_req_frontend(req);
	const struct tw_proxy *const be = tw_req_backend(req);

	if (be != NULL && be != fe)
		rules_run(req, be, TW_HTTP_AFTER);
	rules_run(req, fe, TW_HTTP_AFTER);
}

/* Of a server's response: the last hook before it is delivered. */
static enum tw_verdict
rules_on_after(struct tw_req *req, void *state)
{
	(void)state;
	if (tw_req_proxy(req) == tw_req_frontend(req))
		run_after(req);
	return TW_NEXT;
}

static enum tw_verdict
rules_on_own_response(struct tw_req *req, void *state)
{
	(void)state;
	run_after(req);
	return TW_NEXT;
}

static enum tw_verdict
rules_on_reset(struct tw_req *req, void *state)
{
	(void)state;
	rules_reset(req);
	return TW_NEXT;
}

/* ---- who wants them ----------------------------------------------------- */

static bool
is_http(const struct tw_proxy *px)
{
	return tw_proxy_mode(px) == TW_MODE_HTTP;
}

static bool
wants_conn(const struct tw_proxy *px)
{
	return rules_any(px, TW_TCP_CONNECTION);
}

static bool
wants_session(const struct tw_proxy *px)
{
	return rules_any(px, TW_TCP_SESSION);
}

static bool
wants_content(const struct tw_proxy *px)
{
	return !is_http(px) && rules_any(px, TW_TCP_CONTENT);
}

static bool
wants_response_content(const struct tw_proxy *px)
{
	return !is_http(px) && rules_any(px, TW_TCP_RESPONSE);
}

static bool
wants_request(const struct tw_proxy *px)
{
	return is_http(px) &&
	    (rules_any(px, TW_TCP_CONTENT) || rules_any(px, TW_HTTP_REQUEST));
}

static bool
wants_redirect(const struct tw_proxy *px)
{
	return is_http(px) && rules_any(px, SET_REDIRECT);
}

static bool
wants_response(const struct tw_proxy *px)
{
	return is_http(px) &&
	    (rules_any(px, TW_TCP_RESPONSE) || rules_any(px, TW_HTTP_RESPONSE));
}

/* Set by check(), just before the hooks are asked for: some proxy has such
 * rules. A frontend's chain serves all backends. */
static bool any_after, any_state;

static bool
wants_after(const struct tw_proxy *px)
{
	return is_http(px) && any_after;
}

static bool
wants_reset(const struct tw_proxy *px)
{
	(void)px;
	return any_state;
}

static bool
wants_pick(const struct tw_proxy *px)
{
	return rules_of(px)->servers != NULL;
}

/* Some rule may need a struct rules_wait. */
static bool
keeps_state(const struct tw_proxy *px)
{
	bool any = rules_any(px, TW_TCP_CONTENT) || rules_any(px, TW_TCP_RESPONSE);

	for (const struct rules_conf *c = rules_of(px); c != NULL; c = c->above)
		for (unsigned set = 0; set < N_SETS; set++)
			any |= c->own[set].waits;
	return any;
}

static int
rules_check(struct tw_gen *gen)
{
	struct tw_proxy *px;
	int rc = 0;

	any_after = any_state = false;
	for (int i = 0; (px = tw_gen_proxy(gen, i)) != NULL; i++) {
		rc |= rules_check_proxy(gen, px);
		rules_compile(gen, px);
		any_after |= rules_any(px, TW_HTTP_AFTER);
		any_state |= keeps_state(px);
	}
	return rc | auth_check(gen) | rules_late_check(gen);
}

static const struct tw_hook hooks[] = {
	{ TW_ON_REQUEST, rules_on_trail, "rules_on_trail", rules_wants_trail },
	{ TW_ON_CONTENT, rules_on_trail, "rules_on_trail", rules_wants_trail },
	{ TW_ON_CONN, rules_on_conn, "rules_on_conn", wants_conn },
	{ TW_ON_SESSION, rules_on_session, "rules_on_session", wants_session },
	{ TW_ON_CONTENT, rules_on_content, "rules_on_content", wants_content },
	{ TW_ON_REQUEST, rules_on_request, "rules_on_request", wants_request },
	{ (enum tw_point)(TW_ON_REQUEST | TW_HOOK_LATE), rules_on_redirect,
	    "rules_on_redirect", wants_redirect },
	{ TW_ON_PICK, rules_on_pick, "rules_on_pick", wants_pick },
	{ TW_ON_RESPONSE, rules_on_response, "rules_on_response", wants_response },
	{ (enum tw_point)(TW_ON_RESPONSE | TW_HOOK_LATE), rules_on_after,
	    "rules_on_after", wants_after },
	{ TW_ON_RESPONSE_CONTENT, rules_on_response_content,
	    "rules_on_response_content", wants_response_content },
	{ TW_ON_OWN_RESPONSE, rules_on_own_response, "rules_on_own_response",
	    wants_after },
	{ TW_ON_RESET, rules_on_reset, "rules_on_reset", wants_reset },
	{ .fn = NULL },
};

static const char *const after[] = { "http", NULL };
static const char *const before[] = { "balance", "cookie", "demo", "skeleton", "stats",
	NULL };

const struct tw_module tideway_module = {
	TW_MODULE_HEAD,
	.name = "rules",
	.version = "0.1.0",
	.summary = "http-request, http-response and tcp-request rules, redirect, "
		   "use-server, user lists",
	.before = before,
	.after = after,
	.size_of = { [TW_IN_GEN] = sizeof(struct rules_gen),
	    [TW_IN_PROXY] = sizeof(struct rules_conf),
	    [TW_IN_REQ] = sizeof(struct rules_req) },
	.keywords = rules_keywords,
	.sections = auth_sections,
	.fetches = auth_fetches,
	.hooks = hooks,
	.actions = actions,
	.load = rules_load,
	.check = rules_check,
	.proxy_inherit = rules_inherit,
};

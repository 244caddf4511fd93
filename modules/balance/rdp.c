/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * rdp.c - `persist rdp-cookie` and `balance rdp-cookie`.
 *
 * A terminal server names itself in the cookie of the connection request
 * (rdp_token.c); who balances by the cookie hashes its value. Either reads the
 * cookie with the fetch req.rdp_cookie; that its bytes are there is the business
 * of `tcp-request content`. source: HAProxy's manual, `persist rdp-cookie`.
 */
#include "hash.h"
#include "rdp.h"

#define BALANCE_COOKIE "mstshash"
#define PERSIST_COOKIE "msts"

/* "rdp-cookie(name)" at word i. returns: NULL: reported. */
static struct tw_expr *
cookie_expr(struct tw_line *ln, int i, const char *usual)
{
	const char *word = tw_arg(ln, i), *open = strchr(word, '(');
	const size_t len = strlen(word);
	struct tw_arena *arena = tw_gen_arena(ln->gen);
	const char *name = usual;

	if (open != NULL) {
		if (word[len - 1] != ')' || word + len - open < 3) {
			(void)tw_line_fail(ln, i,
			    "rdp-cookie requires an rdp cookie name in parentheses, as "
			    "in 'rdp-cookie(%s)', or nothing",
			    usual);
			return NULL;
		}
		name = tw_arena_str(
		    arena, (struct tw_str){ open + 1, (size_t)(word + len - open - 2) })
			   .p;
	}
	return tw_expr_compile(ln, i,
	    tw_arena_printf(arena, "req.rdp_cookie(%s)", name),
	    TW_AT_CONN | TW_AT_REQUEST);
}

int
rdp_args(struct tw_line *ln, void *conf)
{
	struct hash_conf *c = conf;

	c->kind = HASH_EXPR;
	if (ln->n_args > 1)
		return tw_line_fail(
		    ln, 1, "balance 'rdp-cookie' takes no other arguments");
	c->expr = cookie_expr(ln, 0, BALANCE_COOKIE);
	return c->expr != NULL ? 0 : -1;
}

int
rdp_set_persist(struct tw_line *ln)
{
	struct balance_proxy *state = ln->state;
	const char *word = tw_arg(ln, 0);

	if (strncmp(word, "rdp-cookie", 10) != 0 ||
	    (word[10] != '\0' && word[10] != '('))
		return tw_line_fail(ln, 0,
		    "unknown persist method '%s'; 'persist' knows 'rdp-cookie' only",
		    word);
	state->rdp_origin = (struct tw_origin){ "persist", ln->file, ln->number };
	state->rdp = cookie_expr(ln, 0, PERSIST_COOKIE);
	return state->rdp != NULL ? 0 : -1;
}

/* The server at that address that may be used. */
static struct tw_server *
server_at(const struct tw_proxy *px, const struct tw_addr *addr, bool down_too)
{
	struct tw_server *srv;

	for (int i = 0; (srv = tw_proxy_server(px, i)) != NULL; i++) {
		if (tw_addr_eq(tw_server_addr(srv), addr) &&
		    (down_too || tw_server_is_alive(srv)))
			return srv;
	}
	return NULL;
}

enum tw_verdict
rdp_on_pick(struct tw_req *req, void *state)
{
	struct tw_proxy *px = tw_req_backend(req);
	const struct balance_proxy *conf = tw_proxy_block(px, balance_self);
	const enum tw_persistence how = tw_req_persistence(req);
	struct tw_sample s;
	struct tw_addr addr;

	(void)state;
	if (!tw_expr_eval(conf->rdp, req, &s) || !rdp_token(s.u.str, &addr))
		return TW_NEXT;
	/* ignore-persist is for cookies of HTTP, as in HAProxy */
	struct tw_server *srv =
	    server_at(px, &addr, how == TW_PERSIST_FORCE || how == TW_PERSIST_DOWN);
	if (srv == NULL)
		return TW_NEXT;
	tw_decide_server(req, srv, &conf->rdp_origin);
	tw_req_persist(req);
	return TW_DONE;
}

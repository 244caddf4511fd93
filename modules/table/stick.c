/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * stick.c - rules that keep clients on their servers: `stick`.
 *
 * Rules that match run last of all that may choose a server, so a cookie comes
 * first; what force-persist and option persist say of servers that are down
 * holds here, too. A server is learned when the request goes to it, whoever
 * chose it: its id and its name (or address), of which the name is looked for
 * first, so that a table serves several backends. Workers. source: HAProxy's
 * manual, stick match, stick store-request, non-stick.
 */
#include "config.h"

#include "mod.h"

#define STORES_MAX 8 /* of a request, as HAProxy has it */

/* ---- the line ------------------------------------------------------------ */

/* "table <name>", at argument *i. */
static int
parse_table(struct tw_line *ln, int *i, const char **table)
{
	const char *const word = tw_arg(ln, *i);

	*table = NULL;
	if (word == NULL || strcmp(word, "table") != 0)
		return 0;
	*table = tw_arg(ln, *i + 1);
	if (*table == NULL)
		return tw_line_fail(
		    ln, *i, "'%s': 'table' lacks the name of a table", ln->kw->word);
	*i += 2;
	return 0;
}

static int
parse_cond(struct tw_line *ln, int i, unsigned where, const struct tw_cond **cond)
{
	const char *const word = tw_arg(ln, i);

	if (word == NULL)
		return 0;
	if (strcmp(word, "if") != 0 && strcmp(word, "unless") != 0)
		return tw_line_fail(ln, i,
		    "'%s' expects 'table', 'if', 'unless' or nothing more, not '%s'",
		    ln->kw->word, word);
	*cond = tw_cond_compile(ln, i, where);
	return *cond != NULL ? 0 : -1;
}

static void
append(struct tb_proxy *p, struct tb_stick *s)
{
	if (p->sticks_end == NULL)
		p->sticks_end = &p->sticks;
	*p->sticks_end = s;
	p->sticks_end = &s->next;
}

int
tb_stick_line(struct tw_line *ln)
{
	struct tb_stick *const s = tw_arena_zalloc(tw_gen_arena(ln->gen), sizeof(*s));
	const char *const kind = ln->kw->word + strlen("stick ");
	const char *table;
	int i = 1;

	s->of_response = strcmp(kind, "store-response") == 0;
	s->matches = strcmp(kind, "on") == 0 || strcmp(kind, "match") == 0;
	s->stores = strcmp(kind, "match") != 0;
	s->origin = (struct tw_origin){ ln->kw->word, ln->file, ln->number };
	const unsigned where = s->of_response
	    ? TW_AT_CONN | TW_AT_RESPONSE
	    : TW_AT_CONN | TW_AT_REQUEST | TW_AT_REQ_BODY;
	s->expr = tw_expr_compile(ln, 0, tw_arg(ln, 0), where);
	if (s->expr == NULL || parse_table(ln, &i, &table) != 0 ||
	    parse_cond(ln, i, where, &s->cond) != 0)
		return -1;
	s->ref = tb_ref_new(ln, ln->kw->word, table, s->expr);
	s->ref->sticks = true;
	append(ln->state, s);
	return 0;
}

/* ---- matching ------------------------------------------------------------ */

static struct tw_str
server_key(
    const struct tb_conf *conf, const struct tw_server *srv, char *room, size_t size)
{
	if (!conf->by_addr)
		return tw_str_of(tw_server_name(srv));
	struct tw_out o = tw_out_of(room, size);
	tw_addr_port_out(&o, tw_server_addr(srv));
	return (struct tw_str){ room, (size_t)(o.p - room) };
}

static struct tw_server *
server_by_key(const struct tb_conf *conf, const struct tw_proxy *be, struct tw_str key)
{
	char room[128];
	struct tw_server *srv;

	for (int i = 0; (srv = tw_proxy_server(be, i)) != NULL; i++)
		if (tw_str_eq(server_key(conf, srv, room, sizeof(room)), key))
			break;
	return srv;
}

static struct tw_server *
server_by_id(const struct tw_proxy *be, uint64_t id)
{
	struct tw_server *srv;

	for (int i = 0; (srv = tw_proxy_server(be, i)) != NULL; i++)
		if (tw_server_id(srv) == id)
			break;
	return srv;
}

/* The entry's key is looked for with the shard unlocked again. */
static struct tw_server *
server_of(const struct tb_conf *conf, const struct tw_proxy *be, struct tb_hold *h)
{
	const struct tw_str name = tb_name_get(h, TB_server_key);
	const uint64_t id = tb_get(h, TB_server_id, 0);
	char copy[256];
	struct tw_server *srv = NULL;

	if (name.len < sizeof(copy) && name.len > 0)
		memcpy(copy, name.p, name.len);
	tb_touch(h);
	tb_leave(h);
	if (name.len > 0 && name.len < sizeof(copy))
		srv = server_by_key(conf, be, (struct tw_str){ copy, name.len });
	return srv != NULL || id == 0 ? srv : server_by_id(be, id);
}

static bool
find(struct tw_req *req, const struct tb_stick *s, enum tb_how how, struct tb_hold *h)
{
	struct tb_table *const t = s->ref->conf->table;
	struct tw_sample sample;
	struct tb_key key;

	return (s->cond == NULL || tw_cond_eval(s->cond, req)) &&
	    tw_expr_eval(s->expr, req, &sample) &&
	    tb_key_make(req, tb_table_layout(t), &sample, &key) &&
	    tb_find(h, t, &key, how, tw_now_ms());
}

static bool
may_use(struct tw_req *req, const struct tw_server *srv)
{
	const enum tw_persistence how = tw_req_persistence(req);

	return tw_server_is_alive(srv) || how == TW_PERSIST_FORCE ||
	    how == TW_PERSIST_DOWN;
}

enum tw_verdict
tb_on_pick(struct tw_req *req, void *state)
{
	const struct tw_proxy *const be = tw_req_backend(req);
	struct tb_hold h;

	(void)state;
	for (const struct tb_stick *s = tb_proxy_of(be)->sticks; s != NULL;
	     s = s->next) {
		if (!s->matches || !find(req, s, TB_LOOK, &h))
			continue;
		struct tw_server *const srv = server_of(s->ref->conf, be, &h);
		if (srv == NULL || !may_use(req, srv))
			continue;
		tw_decide_server(req, srv, &s->origin);
		tw_req_persist(req);
		return TW_DONE;
	}
	return TW_NEXT;
}

/* ---- learning ------------------------------------------------------------ */

static bool
store(struct tw_req *req, const struct tb_stick *s, const struct tw_server *srv)
{
	char room[128];
	struct tb_hold h;

	if (!find(req, s, TB_MAKE, &h))
		return false;
	tb_set(&h, TB_server_id, 0, tw_server_id(srv));
	tb_name_set(
	    &h, TB_server_key, server_key(s->ref->conf, srv, room, sizeof(room)));
	tb_touch(&h);
	tb_leave(&h);
	return true;
}

/* Each table once, with the first rule that has a key for it. */
static void
learn(struct tw_req *req, bool of_response)
{
	const struct tw_server *const srv = tw_req_server(req);
	const struct tb_conf *seen[STORES_MAX];
	int n = 0;

	if (srv == NULL || tw_server_is_non_stick(srv))
		return;
	const struct tb_stick *s = tb_proxy_of(tw_req_backend(req))->sticks;
	for (; s != NULL && n < STORES_MAX; s = s->next) {
		int i = 0;

		if (!s->stores || s->of_response != of_response)
			continue;
		while (i < n && seen[i] != s->ref->conf)
			i++;
		if (i == n && store(req, s, srv))
			seen[n++] = s->ref->conf;
	}
}

enum tw_verdict
tb_on_send(struct tw_req *req, void *state)
{
	(void)state;
	learn(req, false);
	return TW_NEXT;
}

enum tw_verdict
tb_on_learn(struct tw_req *req, void *state)
{
	const int status = tw_req_response(req)->status;

	(void)state;
	if (tw_req_proxy(req) == tw_req_backend(req) && (status == 0 || status >= 200))
		learn(req, true);
	return TW_NEXT;
}

/* ---- who wants them ------------------------------------------------------ */

static bool
any(const struct tw_proxy *px, bool matches, bool of_response)
{
	const struct tb_stick *s = tb_proxy_of(px)->sticks;

	while (s != NULL &&
	    (matches ? !s->matches : !s->stores || s->of_response != of_response))
		s = s->next;
	return s != NULL;
}

bool
tb_wants_match(const struct tw_proxy *px)
{
	return any(px, true, false);
}

bool
tb_wants_store(const struct tw_proxy *px)
{
	return any(px, false, false);
}

bool
tb_wants_learn(const struct tw_proxy *px)
{
	return tw_proxy_mode(px) == TW_MODE_HTTP && any(px, false, true);
}

bool
tb_wants_learn_tcp(const struct tw_proxy *px)
{
	return tw_proxy_mode(px) != TW_MODE_HTTP && any(px, false, true);
}

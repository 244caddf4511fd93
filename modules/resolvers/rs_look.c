/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * rs_look.c - the action do-resolve: a request waits for a name's address.
 *
 * What is asked for is a struct rs_look, which the request's worker and the
 * control thread share; whoever lets go of it last frees it, so that a request
 * may end while its question is on the way. A name that was asked for so is
 * kept for as long as `hold` says of its last answer, and those who ask in the
 * meantime have that answer. source: HAProxy's manual, 4.4, do-resolve.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include <tideway/action.h>
#include <tideway/expr.h>
#include <tideway/proxy.h>
#include <tideway/text.h>
#include <tideway/var.h>
#include "modules/resolvers/rs.h"

#define NAMES_MAX 10000 /* of a section at once: clients choose them */
#define LATE_MS 10000   /* more than the questions take by themselves */

struct rs_look {
	LIST_ENTRY(rs_look) link; /* of the name; control thread */
	_Atomic int refs;         /* shared: the request's and the question's */
	struct tw_worker *worker;
	struct tw_req *req; /* its worker's; NULL: it has ended */
	bool done;          /* its worker's */
	bool prefer_v4;
	struct tw_addr addr;    /* family 0: there is none */
	char host[RS_NAME_MAX]; /* in lower case */
	char section[];
};

/* A rule. */
struct resolve {
	struct resolve *next;
	const char *section;        /* gen */
	const struct rs_conf *conf; /* gen; after check() */
	const struct tw_var *var;
	const struct tw_expr *expr;
	bool prefer_v4;
	const struct tw_origin *origin;
};

static void
look_unref(struct rs_look *l)
{
	if (atomic_fetch_sub_explicit(&l->refs, 1, memory_order_acq_rel) == 1)
		free(l);
}

/* ---- the control thread -------------------------------------------------- */

/* On the request's worker. */
static void
look_done(void *arg)
{
	struct rs_look *const l = arg;

	l->done = true;
	if (l->req != NULL)
		tw_resume(l->req);
	look_unref(l);
}

static void
look_answer(struct rs_look *l, const struct tw_addr *a)
{
	if (a != NULL)
		l->addr = *a;
	tw_worker_post(l->worker, look_done, l);
}

/* The first of the family that was asked for; else the first. */
static const struct tw_addr *
address_of(const struct rs_name *n)
{
	const int family = n->prefer_v4 ? AF_INET : AF_INET6;
	const struct rs_item *item;

	TAILQ_FOREACH(item, &n->items, link)
		if (item->r.addr.family == family)
			return &item->r.addr;
	item = TAILQ_FIRST(&n->items);
	return item != NULL ? &item->r.addr : NULL;
}

void
rs_looks_answer(struct rs_name *n, uint32_t hold_ms)
{
	struct rs_look *l;

	while ((l = LIST_FIRST(&n->looks)) != NULL) {
		LIST_REMOVE(l, link);
		look_answer(l, address_of(n));
	}
	tw_timer_set(&n->timer, tw_now_ms() + (hold_ms > 0 ? hold_ms : 1));
}

static void
look_begin(void *arg)
{
	struct rs_look *const l = arg;
	struct rs_group *const g = rs_group_now(l->section);
	struct rs_name *n =
	    g != NULL ? rs_name_find_look(g, l->host, l->prefer_v4) : NULL;

	if (n != NULL && !n->asking) {
		look_answer(l, address_of(n));
		return;
	}
	if (n == NULL && g != NULL && g->n_looks < NAMES_MAX) {
		n = rs_name_new_look(g, l->host, l->prefer_v4);
		LIST_INSERT_HEAD(&n->looks, l, link);
		rs_ask(n);
	} else if (n != NULL) {
		LIST_INSERT_HEAD(&n->looks, l, link);
	} else {
		look_answer(l, NULL);
	}
}

/* They are asked for once more, by the section that has taken its place; not when
 * the program ends. */
void
rs_looks_again(struct rs_name *n)
{
	struct rs_look *l;

	while ((l = LIST_FIRST(&n->looks)) != NULL) {
		LIST_REMOVE(l, link);
		if (rs_run_is_up())
			tw_worker_post(tw_worker_at(0), look_begin, l);
		else
			look_unref(l);
	}
}

/* ---- the request's worker ------------------------------------------------ */

static bool
host_of(struct tw_req *req, const struct tw_expr *e, char host[RS_NAME_MAX])
{
	struct tw_sample s;

	if (!tw_expr_eval(e, req, &s) || !tw_sample_cast(req, &s, TW_STRING) ||
	    s.u.str.len == 0 || s.u.str.len >= RS_NAME_MAX)
		return false;
	for (size_t i = 0; i < s.u.str.len; i++) {
		const char c = s.u.str.p[i];
		if (c == '\0')
			return false;
		host[i] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
	}
	host[s.u.str.len] = '\0';
	return rs_name_is_ok(host);
}

static struct rs_look *
look_new(struct tw_req *req, const struct resolve *r)
{
	const size_t len = strlen(r->section);
	char host[RS_NAME_MAX];

	if (!host_of(req, r->expr, host))
		return NULL;
	struct rs_look *const l = calloc(1, sizeof(*l) + len + 1);
	if (l == NULL)
		return NULL;
	atomic_init(&l->refs, 2);
	l->worker = tw_conn_worker(tw_req_conn(req));
	l->req = req;
	l->prefer_v4 = r->prefer_v4;
	strcpy(l->host, host);
	memcpy(l->section, r->section, len);
	return l;
}

static void
take_answer(struct tw_req *req, const struct resolve *r, const struct rs_look *l)
{
	struct tw_sample s = { .type = TW_IPV4 };

	if (l->addr.family == 0)
		return;
	if (l->addr.family == AF_INET6)
		s.type = TW_IPV6;
	memcpy(s.u.ip, l->addr.u.v6, l->addr.family == AF_INET6 ? 16 : 4);
	tw_var_set(req, r->var, &s);
}

static enum tw_act
run(struct tw_req *req, const struct tw_action_call *call)
{
	const struct resolve *const r = call->conf;
	struct rs_look **const at = tw_req_block(req, rs_self);

	if (!call->again) {
		*at = look_new(req, r);
		if (*at == NULL)
			return TW_ACT_NEXT;
		tw_req_deadline(
		    req, 2 * r->conf->retries * r->conf->retry_ms + LATE_MS);
		tw_worker_post(tw_worker_at(0), look_begin, *at);
		return TW_ACT_WAIT;
	}
	if (*at == NULL)
		return TW_ACT_NEXT;
	if (!(*at)->done)
		return TW_ACT_WAIT;
	take_answer(req, r, *at);
	look_unref(*at);
	*at = NULL;
	return TW_ACT_NEXT;
}

enum tw_verdict
rs_looks_on_reset(struct tw_req *req, void *state)
{
	struct rs_look **const at = state;

	(void)req;
	if (*at == NULL)
		return TW_NEXT;
	(*at)->req = NULL;
	look_unref(*at);
	*at = NULL;
	return TW_NEXT;
}

/* ---- configuration ------------------------------------------------------- */

static struct tw_str
word_next(struct tw_str *rest)
{
	const char *const comma =
	    rest->len > 0 ? memchr(rest->p, ',', rest->len) : NULL;
	const struct tw_str word = { rest->p,
		comma != NULL ? (size_t)(comma - rest->p) : rest->len };

	*rest = comma != NULL ? (struct tw_str){ comma + 1, rest->len - word.len - 1 }
			      : (struct tw_str){ NULL, 0 };
	return tw_str_trim(word);
}

/* "txn.ip,mydns,ipv4" */
static int
parse_paren(struct tw_action_line *a, struct resolve *r)
{
	struct tw_str rest = a->paren;
	const struct tw_str var = word_next(&rest), section = word_next(&rest);
	const struct tw_str family = word_next(&rest);
	struct tw_err err = { "" };

	if (section.len == 0)
		return tw_line_fail(a->ln, 0,
		    "'%s' expects a variable and a resolvers section: write "
		    "do-resolve(<var>,<resolvers>[,ipv4|ipv6])",
		    a->word);
	r->var = tw_var_of(var, &err);
	if (r->var == NULL)
		return tw_line_fail(a->ln, 0, "%s", err.text);
	r->section = tw_arena_str(tw_gen_arena(a->ln->gen), section).p;
	r->prefer_v4 = tw_str_eq(family, TW_STR("ipv4"));
	if (rest.p != NULL ||
	    (family.p != NULL && !r->prefer_v4 && !tw_str_eq(family, TW_STR("ipv6"))))
		return tw_line_fail(a->ln, 0,
		    "'%s': 'ipv4', 'ipv6' or nothing is expected behind the section",
		    a->word);
	return 0;
}

static int
parse(struct tw_action_line *a, const void **conf)
{
	struct rs_gen *const g = tw_gen_block(a->ln->gen, rs_self);
	struct resolve *const r = tw_arena_zalloc(tw_gen_arena(a->ln->gen), sizeof(*r));

	*conf = r;
	if (parse_paren(a, r) != 0)
		return -1;
	const char *const text = tw_action_arg(a);
	if (text == NULL)
		return tw_line_fail(a->ln, a->i - 1,
		    "'%s %s' expects an expression that gives a host name", a->set,
		    a->word);
	r->expr = tw_expr_compile(a->ln, a->i - 1, text, a->where);
	r->origin = a->origin;
	r->next = g->looks;
	g->looks = r;
	return r->expr != NULL ? 0 : -1;
}

int
rs_looks_check(struct tw_gen *gen)
{
	const struct rs_gen *const g = tw_gen_block(gen, rs_self);
	int rc = 0;

	for (struct resolve *r = g->looks; r != NULL; r = r->next) {
		r->conf = rs_conf_find(gen, r->section);
		if (r->conf == NULL && strcmp(r->section, "default") == 0)
			r->conf = rs_conf_default(gen);
		if (r->conf != NULL)
			continue;
		tw_gen_fail(gen, r->origin->file, r->origin->line,
		    "'%s': there is no resolvers section '%s'", r->origin->who,
		    r->section);
		rc = -1;
	}
	return rc;
}

#define S(x) (1u << TW_##x)

const struct tw_action rs_actions[] = {
	{ "do-resolve", S(HTTP_REQUEST) | S(TCP_CONTENT), parse, run,
	    "(<var>,<resolvers>[,ipv4|ipv6]) <expr>",
	    "Asks name servers for the address of the host that the expression names, "
	    "and puts it into the variable, which is not set when there is none.",
	    TW_ACTION_PAREN | TW_ACTION_WAITS },
	{ .name = NULL },
};

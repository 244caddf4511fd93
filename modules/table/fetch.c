/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fetch.c - sc_*, sc0_* to sc2_*, src_*, table_avl, table_cnt.
 *
 * A key that the table has not gives 0, one whose entry does not store what is
 * asked for gives nothing, and so does a counter that tracks nothing. One
 * function each is made from fetch.def, because a fetch is a plain function.
 * Any worker. source: HAProxy's manual, 7.3.1 to 7.3.3.
 */
#include "config.h"

#include "mod.h"

#define ANYWHERE (TW_AT_CONN | TW_AT_REQUEST | TW_AT_RESPONSE | TW_AT_LOG)

/* What is asked for, and where. */
struct query {
	enum tb_op op;
	enum tb_data data;
	int64_t i;                    /* of an array */
	const struct tw_arg_val *tab; /* its ptr: struct tb_conf; NULL: not named */
};

static bool
answer(struct tw_sample *out, int64_t n)
{
	out->type = TW_SINT;
	out->u.n = n;
	out->may_change = true;
	return true;
}

static struct tb_table *
table_of(const struct tw_arg_val *arg)
{
	const struct tb_conf *const conf = arg->ptr;

	return conf != NULL ? conf->table : NULL;
}

static bool
run(struct tb_hold *h, const struct query *q, struct tw_sample *out)
{
	uint64_t n = 0;
	const bool ok = q->i >= 0 && q->i < TB_ARRAY_MAX &&
	    tb_op_run(h, q->op, q->data, (unsigned)q->i, &n);

	if (q->op == TB_INC)
		tb_touch(h);
	tb_leave(h);
	return ok && answer(out, (int64_t)n);
}

/* in: s, the key. */
static bool
run_key(struct tw_req *req, struct tb_table *t, struct tw_sample *s,
    const struct query *q, struct tw_sample *out)
{
	struct tb_key key;
	struct tb_hold h;

	if (!tb_key_make(req, tb_table_layout(t), s, &key))
		return false;
	if (!tb_find(&h, t, &key, q->op == TB_INC ? TB_MAKE : TB_LOOK, tw_now_ms()))
		return answer(out, 0);
	return run(&h, q, out);
}

static bool
sc_get(
    struct tw_req *req, int64_t counter, const struct query *q, struct tw_sample *out)
{
	const struct tb_track *const t =
	    counter >= 0 ? tb_track_of(req, (uint64_t)counter) : NULL;
	struct tb_table *const other = table_of(q->tab);
	struct tb_hold h;

	if (t == NULL)
		return false;
	if (other == NULL || other == t->table) {
		tb_enter(&h, t->table, t->e, tw_now_ms());
		return run(&h, q, out);
	}
	struct tw_sample s;
	tb_key_sample(tb_table_layout(t->table), tb_entry_key(t->table, t->e), &s);
	return run_key(req, other, &s, q, out);
}

static bool
src_sample(struct tw_req *req, struct tw_sample *s)
{
	const struct tw_addr *const a = tw_conn_src(tw_req_conn(req));

	memset(s, 0, sizeof(*s));
	if (a->family == AF_INET)
		s->type = TW_IPV4;
	else if (a->family == AF_INET6)
		s->type = TW_IPV6;
	else
		return false;
	memcpy(s->u.ip, a->family == AF_INET ? a->u.v4 : a->u.v6,
	    a->family == AF_INET ? 4 : 16);
	return true;
}

static bool
src_get(struct tw_req *req, const struct query *q, struct tw_sample *out)
{
	struct tb_table *const t = table_of(q->tab);
	struct tw_sample s;

	return t != NULL && src_sample(req, &s) && run_key(req, t, &s, q, out);
}

/* ---- the functions ------------------------------------------------------- */

#define GET(name)                                                           \
	static bool name(struct tw_req *req, const struct tw_arg_val *args, \
	    struct tw_cursor *cur, struct tw_sample *out)
#define QUERY(op, data, i, tab)            \
	&(const struct query)              \
	{                                  \
		TB_##op, TB_##data, i, tab \
	}

#define V(n_, op, data, help)                                                     \
	GET(sc_##n_)                                                              \
	{                                                                         \
		(void)cur;                                                        \
		return sc_get(req, args[0].n, QUERY(op, data, 0, &args[1]), out); \
	}                                                                         \
	GET(sc0_##n_)                                                             \
	{                                                                         \
		(void)cur;                                                        \
		return sc_get(req, 0, QUERY(op, data, 0, &args[0]), out);         \
	}                                                                         \
	GET(sc1_##n_)                                                             \
	{                                                                         \
		(void)cur;                                                        \
		return sc_get(req, 1, QUERY(op, data, 0, &args[0]), out);         \
	}                                                                         \
	GET(sc2_##n_)                                                             \
	{                                                                         \
		(void)cur;                                                        \
		return sc_get(req, 2, QUERY(op, data, 0, &args[0]), out);         \
	}                                                                         \
	GET(src_##n_)                                                             \
	{                                                                         \
		(void)cur;                                                        \
		return src_get(req, QUERY(op, data, 0, &args[0]), out);           \
	}
#define I(n_, op, data, help)                                                   \
	GET(sc_##n_)                                                            \
	{                                                                       \
		(void)cur;                                                      \
		return sc_get(                                                  \
		    req, args[1].n, QUERY(op, data, args[0].n, &args[2]), out); \
	}                                                                       \
	GET(src_##n_)                                                           \
	{                                                                       \
		(void)cur;                                                      \
		return src_get(req, QUERY(op, data, args[0].n, &args[1]), out); \
	}
#include "fetch.def"

static bool
tracked(struct tw_req *req, int64_t counter, struct tw_sample *out)
{
	answer(out, counter >= 0 && tb_track_of(req, (uint64_t)counter) != NULL);
	out->type = TW_BOOL;
	return true;
}

static bool
key_of(struct tw_req *req, int64_t counter, struct tw_sample *out)
{
	const struct tb_track *const t =
	    counter >= 0 ? tb_track_of(req, (uint64_t)counter) : NULL;

	if (t == NULL)
		return false;
	tb_key_sample(tb_table_layout(t->table), tb_entry_key(t->table, t->e), out);
	return true;
}

/* clang-format off */
#define SC_FORMS(n_, call)                                            \
	GET(sc_##n_) { (void)cur, (void)args; return call(args[0].n, &args[1]); } \
	GET(sc0_##n_) { (void)cur, (void)args; return call(0, &args[0]); }        \
	GET(sc1_##n_) { (void)cur, (void)args; return call(1, &args[0]); }        \
	GET(sc2_##n_) { (void)cur, (void)args; return call(2, &args[0]); }
/* clang-format on */
#define TRACKED(counter, tab) tracked(req, counter, out)
#define TRACKERS(counter, tab) \
	sc_get(req, counter, QUERY(TRACKERS, server_id, 0, tab), out)
#define KEY(counter, tab) key_of(req, counter, out)
SC_FORMS(tracked, TRACKED)
SC_FORMS(trackers, TRACKERS)
SC_FORMS(key, KEY)

/* A connection counted by a fetch: from before there was track-sc. */
GET(src_updt_conn_cnt)
{
	struct tb_table *const t = table_of(&args[0]);
	struct tw_sample s;
	struct tb_key key;
	struct tb_hold h;

	(void)cur;
	if (t == NULL || !tb_has(t, TB_conn_cnt) || !src_sample(req, &s) ||
	    !tb_key_make(req, tb_table_layout(t), &s, &key) ||
	    !tb_find(&h, t, &key, TB_MAKE, tw_now_ms()))
		return false;
	tb_add(&h, TB_conn_cnt, 0, 1);
	tb_touch(&h);
	return run(&h, QUERY(GET, conn_cnt, 0, NULL), out);
}

GET(table_cnt)
{
	struct tb_table *const t = table_of(&args[0]);

	(void)req;
	(void)cur;
	if (t == NULL)
		return false;
	tb_live_settle(t);
	return answer(out, (int64_t)tb_table_used(t));
}

GET(table_avl)
{
	struct tb_table *const t = table_of(&args[0]);
	struct tb_limits limits;

	(void)req;
	(void)cur;
	if (t == NULL)
		return false;
	tb_live_settle(t);
	tb_table_limits(t, &limits);
	return answer(out, (int64_t)(limits.size - tb_table_used(t)));
}

/* ---- checks -------------------------------------------------------------- */

static int
check_table(struct tw_gen *gen, struct tw_arg_val *arg, bool own, struct tw_err *err)
{
	const bool named = arg->type == TW_STRING && arg->str.len > 0;

	if (!named && !own)
		return 0;
	arg->ptr = tb_conf_find(
	    gen, named ? arg->str.p : NULL, own ? tw_check_proxy() : NULL, err);
	return arg->ptr != NULL ? 0 : -1;
}

static int
check_counter(struct tw_gen *gen, int64_t n, struct tw_err *err)
{
	const uint32_t all = tb_counters(gen);

	return n >= 0 && n < all
	    ? 0
	    : tw_err_set(err,
		  "there is no counter %lld: they are numbered from 0 on and there are "
		  "%u; 'tune.stick-counters' in 'global' makes it more",
		  (long long)n, all);
}

static int
check_index(int64_t n, struct tw_err *err)
{
	return n >= 0 && n < TB_ARRAY_MAX
	    ? 0
	    : tw_err_set(err,
		  "the index %lld is out of range: write 0 "
		  "to %d",
		  (long long)n, TB_ARRAY_MAX - 1);
}

/* ([<table>]) of what is tracked */
static int
check_sc0(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err)
{
	return check_table(gen, &args[0], false, err);
}

/* (<counter>[,<table>]) */
static int
check_sc(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err)
{
	if (check_counter(gen, args[0].n, err) != 0)
		return -1;
	return check_table(gen, &args[1], false, err);
}

/* (<index>,<counter>[,<table>]) */
static int
check_sc_i(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err)
{
	if (check_index(args[0].n, err) != 0 || check_counter(gen, args[1].n, err) != 0)
		return -1;
	return check_table(gen, &args[2], false, err);
}

/* ([<table>]), else the proxy's own */
static int
check_own(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err)
{
	return check_table(gen, &args[0], true, err);
}

/* (<index>[,<table>]) */
static int
check_own_i(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err)
{
	if (check_index(args[0].n, err) != 0)
		return -1;
	return check_table(gen, &args[1], true, err);
}

/* ---- the table ----------------------------------------------------------- */

#define ENTRY(n, args, type, check, match, help) \
	{ #n, args, type, ANYWHERE, n, match, check, help },
#define SC_ENTRIES(n_, type, match, help)                     \
	ENTRY(sc_##n_, "i,[s]", type, check_sc, match,        \
	    "(counter, table) Of what is tracked: " help ".") \
	ENTRY(sc0_##n_, "[s]", type, check_sc0, match,        \
	    "(table) Of what track-sc0 tracks: " help ".")    \
	ENTRY(sc1_##n_, "[s]", type, check_sc0, match,        \
	    "(table) Of what track-sc1 tracks: " help ".")    \
	ENTRY(sc2_##n_, "[s]", type, check_sc0, match,        \
	    "(table) Of what track-sc2 tracks: " help ".")
#define V(n_, op, data, help)                             \
	SC_ENTRIES(n_, TW_SINT, "int", help)              \
	ENTRY(src_##n_, "[s]", TW_SINT, check_own, "int", \
	    "(table) Of the client's address: " help ".")
#define I(n_, op, data, help)                                        \
	ENTRY(sc_##n_, "i,i,[s]", TW_SINT, check_sc_i, "int",        \
	    "(index, counter, table) Of what is tracked: " help ".") \
	ENTRY(src_##n_, "i,[s]", TW_SINT, check_own_i, "int",        \
	    "(index, table) Of the client's address: " help ".")

/* clang-format off */
const struct tw_fetch tb_fetches[] = {
#include "fetch.def"
	SC_ENTRIES(tracked, TW_BOOL, "bool", "whether something is")
	SC_ENTRIES(trackers, TW_SINT, "int", "who tracks the entry now")
	SC_ENTRIES(key, TW_ANY, NULL, "the key")
	ENTRY(src_updt_conn_cnt, "[s]", TW_SINT, check_own, "int",
	    "(table) Counts a connection of the client's address; all of them so far.")
	{ "table_avl", "[s]", TW_SINT, TW_AT_ANY, table_avl, "int", check_own,
		"(table) How many more entries fit into a table." },
	{ "table_cnt", "[s]", TW_SINT, TW_AT_ANY, table_cnt, "int", check_own,
		"(table) How many entries a table has." },
	{ .name = NULL },
};
/* clang-format on */

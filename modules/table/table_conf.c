/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * table_conf.c - the lines `stick-table` and `tune.stick-counters`, and the
 * tables that other lines name.
 *
 * A table may be named before it is declared, so names are resolved when all
 * files are read; what a table stores is known only then, too, because stick
 * rules add to it. source: HAProxy's manual, 4.2 stick-table.
 */
#include "config.h"

#include "mod.h"

#define SIZE_MAX_ENTRIES UINT32_MAX

uint32_t
tb_counters(struct tw_gen *gen)
{
	const struct tb_gen *const g = tb_gen_of(gen);

	return g->has_counters ? g->counters : TB_COUNTERS;
}

/* ---- the words of a stick-table line ------------------------------------- */

/* The line while it is read. */
struct reading {
	struct tw_line *ln;
	struct tb_conf *conf;
	int i; /* of the word at hand */
	bool has_type, has_expire;
};

static const char *
value_of(struct reading *r, const char *example)
{
	const char *const word = tw_arg(r->ln, r->i);
	const char *const value = tw_arg(r->ln, r->i + 1);

	if (value == NULL)
		tw_line_fail(r->ln, r->i,
		    "'stick-table': '%s' lacks its value: write "
		    "'%s %s'",
		    word, word, example);
	r->i++;
	return value;
}

static int
number(struct reading *r, const char *example, uint64_t max, uint64_t *out)
{
	const char *const name = tw_arg(r->ln, r->i);
	const char *const word = value_of(r, example);
	struct tw_err err;

	if (word == NULL)
		return -1;
	if (tw_parse_size(word, out, &err) != 0)
		return tw_line_fail(
		    r->ln, r->i, "'stick-table': '%s': %s", name, err.text);
	if (*out < 1 || *out > max)
		return tw_line_fail(r->ln, r->i,
		    "'stick-table': '%s %s' is out of range: write 1 to %llu", name,
		    word, (unsigned long long)max);
	return 0;
}

static int
set_type(struct reading *r)
{
	struct tb_layout *const l = &r->conf->layout;
	const char *const word = value_of(r, "ip");
	static const uint32_t lens[TB_N_KEYS] = { 4, 16, 4, 32, 32 };
	uint64_t len;
	int key = 0;

	if (word == NULL)
		return -1;
	while (key < TB_N_KEYS && strcmp(word, tb_key_words[key]) != 0)
		key++;
	if (key == TB_N_KEYS)
		return tw_line_fail(r->ln, r->i,
		    "'stick-table': unknown type '%s': write ip, ipv6, integer, string "
		    "or binary",
		    word);
	r->has_type = true;
	l->key = (enum tb_key_type)key;
	l->key_len = lens[key];
	const char *const next = tw_arg(r->ln, r->i + 1);
	if (next == NULL || strcmp(next, "len") != 0)
		return 0;
	r->i++;
	if (key != TB_STRING && key != TB_BINARY)
		return tw_line_fail(r->ln, r->i,
		    "'stick-table': 'len' is for the types string and binary: remove "
		    "it");
	if (number(r, "32", TB_STRING_MAX, &len) != 0)
		return -1;
	l->key_len = (uint32_t)len;
	return 0;
}

static int
set_size(struct reading *r)
{
	return number(r, "100k", SIZE_MAX_ENTRIES, &r->conf->limits.size);
}

static int
set_expire(struct reading *r)
{
	const char *const word = value_of(r, "30m");
	uint32_t *const ms = &r->conf->limits.expire_ms;
	struct tw_err err;

	if (word == NULL)
		return -1;
	if (tw_parse_ms(word, 1000, ms, &err) != 0)
		return tw_line_fail(
		    r->ln, r->i, "'stick-table': 'expire': %s", err.text);
	if (*ms > TB_EXPIRE_MAX)
		return tw_line_fail(r->ln, r->i,
		    "'stick-table': 'expire %s' is too long: at most %d ms (24 days)",
		    word, TB_EXPIRE_MAX);
	return 0;
}

static int
set_nopurge(struct reading *r)
{
	r->conf->limits.nopurge = true;
	return 0;
}

static int
set_recv_only(struct reading *r)
{
	r->conf->recv_only = true;
	return 0;
}

static int
set_srvkey(struct reading *r)
{
	const char *const word = value_of(r, "name");

	if (word == NULL)
		return -1;
	r->conf->by_addr = strcmp(word, "addr") == 0;
	if (!r->conf->by_addr && strcmp(word, "name") != 0)
		return tw_line_fail(r->ln, r->i,
		    "'stick-table': unknown server key '%s': write 'srvkey name' or "
		    "'srvkey addr'",
		    word);
	return 0;
}

static int
set_write_to(struct reading *r)
{
	const char *const word = value_of(r, "<table>");

	if (word == NULL)
		return -1;
	r->conf->write_to = tw_arena_strdup(tw_gen_arena(r->ln->gen), word);
	return 0;
}

static int
set_peers(struct reading *r)
{
	return tw_line_fail(r->ln, r->i,
	    "'stick-table ... peers' is known to HAProxy 3.4 but not supported by "
	    "tideway yet");
}

static int
set_store(struct reading *r)
{
	const char *const word = value_of(r, "http_req_rate(10s)");
	const char *twice;
	struct tw_err err;

	if (word == NULL)
		return -1;
	if (tb_store_parse(&r->conf->layout, word, &twice, &err) != 0)
		return tw_line_fail(r->ln, r->i, "'stick-table': %s", err.text);
	if (twice != NULL)
		tw_line_warn(r->ln, r->i,
		    "'stick-table': '%s' is stored already: ignored", twice);
	return 0;
}

static int
set_block(struct reading *r)
{
	uint64_t n;

	if (number(r, "1024", 1024, &n) != 0)
		return -1;
	r->conf->layout.block = (uint32_t)n;
	return 0;
}

static const struct {
	const char *word;
	int (*set)(struct reading *r);
} words[] = {
	{ "type", set_type },
	{ "size", set_size },
	{ "expire", set_expire },
	{ "nopurge", set_nopurge },
	{ "recv-only", set_recv_only },
	{ "srvkey", set_srvkey },
	{ "write-to", set_write_to },
	{ "peers", set_peers },
	{ "store", set_store },
	{ "brates-factor", set_block },
};

static int
read_words(struct reading *r)
{
	const char *word;

	for (; (word = tw_arg(r->ln, r->i)) != NULL; r->i++) {
		size_t k = 0;

		while (k < TW_N_ELEMENTS(words) && strcmp(word, words[k].word) != 0)
			k++;
		if (k == TW_N_ELEMENTS(words))
			return tw_line_fail(r->ln, r->i,
			    "'stick-table': unknown word '%s': write type, size, expire, "
			    "nopurge, store, srvkey, brates-factor, recv-only or "
			    "write-to",
			    word);
		if (words[k].set(r) != 0)
			return -1;
	}
	if (!r->has_type)
		return tw_line_fail(r->ln, -1,
		    "'stick-table' lacks its type: write 'stick-table type ip size 100k "
		    "...'");
	if (r->conf->limits.size == 0)
		return tw_line_fail(
		    r->ln, -1, "'stick-table' lacks its size: add 'size 100k'");
	return 0;
}

static int
set_table(struct tw_line *ln)
{
	struct tb_proxy *const p = ln->state;
	struct tb_gen *const g = tb_gen_of(ln->gen);
	struct tb_conf *const conf =
	    tw_arena_zalloc(tw_gen_arena(ln->gen), sizeof(*conf));
	struct reading r = { .ln = ln, .conf = conf };

	for (const struct tb_conf *c = g->tables; c != NULL; c = c->next)
		if (strcmp(c->name, tw_proxy_name(ln->proxy)) == 0)
			return tw_line_fail(ln, -1,
			    "there is a stick-table '%s' already (%s:%d): put the second "
			    "one into a backend of its own",
			    c->name, c->file, c->line);
	*conf = (struct tb_conf){ .pub = { tb_table_ops },
		.name = tw_proxy_name(ln->proxy),
		.px = ln->proxy,
		.file = ln->file,
		.line = ln->number };
	if (read_words(&r) != 0)
		return -1;
	p->conf = conf;
	conf->next = g->tables;
	g->tables = conf;
	return 0;
}

static int
set_counters(struct tw_line *ln)
{
	struct tb_gen *const g = ln->state;
	struct tw_err err;
	uint64_t n;

	if (tw_parse_uint(tw_arg(ln, 0), 0, 100, &n, &err) != 0)
		return tw_line_fail(ln, 0, "'tune.stick-counters': %s", err.text);
	g->has_counters = true;
	g->counters = (uint32_t)n;
	return 0;
}

/* ---- names of tables ----------------------------------------------------- */

struct tb_conf *
tb_conf_find(
    struct tw_gen *gen, const char *name, const struct tw_proxy *px, struct tw_err *err)
{
	if (name == NULL) {
		struct tb_conf *const own = px != NULL ? tb_proxy_of(px)->conf : NULL;

		if (own == NULL)
			tw_err_set(err,
			    "'%s' has no stick-table: add 'stick-table ...' to it, or "
			    "name the table of another proxy",
			    px != NULL ? tw_proxy_name(px) : "this section");
		return own;
	}
	for (struct tb_conf *c = tb_gen_of(gen)->tables; c != NULL; c = c->next)
		if (strcmp(c->name, name) == 0)
			return c;
	tw_err_set(err,
	    "there is no table '%s': add 'stick-table ...' to a proxy of that name",
	    name);
	return NULL;
}

struct tb_ref *
tb_ref_new(
    struct tw_line *ln, const char *what, const char *table, const struct tw_expr *expr)
{
	struct tw_arena *const arena = tw_gen_arena(ln->gen);
	struct tb_ref *const ref = tw_arena_zalloc(arena, sizeof(*ref));
	struct tb_gen *const g = tb_gen_of(ln->gen);

	*ref = (struct tb_ref){ .next = g->refs,
		.table = tw_arena_strdup(arena, table),
		.px = ln->proxy,
		.what = tw_arena_strdup(arena, what),
		.file = ln->file,
		.line = ln->number,
		.expr = expr };
	g->refs = ref;
	return ref;
}

static int
ref_check(struct tw_gen *gen, struct tb_ref *ref)
{
	struct tw_err err = { "" };

	ref->conf = tb_conf_find(gen, ref->table, ref->px, &err);
	if (ref->conf == NULL)
		return tw_gen_fail(
		    gen, ref->file, ref->line, "'%s': %s", ref->what, err.text);
	struct tb_layout *const l = &ref->conf->layout;
	if (ref->expr != NULL && !tw_expr_gives(ref->expr, tb_sample_type(l->key)))
		return tw_gen_fail(gen, ref->file, ref->line,
		    "'%s': what the expression gives is no key of the table '%s', whose "
		    "type is %s",
		    ref->what, ref->conf->name, tb_key_words[l->key]);
	if (ref->sticks)
		l->n[TB_server_id] = l->n[TB_server_key] = 1;
	return 0;
}

static int
write_to_check(struct tw_gen *gen, const struct tb_conf *c)
{
	struct tw_err err = { "" };

	if (c->write_to == NULL)
		return 0;
	const struct tb_conf *const to = tb_conf_find(gen, c->write_to, NULL, &err);
	if (to == NULL)
		return tw_gen_fail(
		    gen, c->file, c->line, "'stick-table ... write-to': %s", err.text);
	if (to == c)
		return tw_gen_fail(gen, c->file, c->line,
		    "'stick-table ... write-to %s' names the table itself: name another "
		    "one",
		    c->write_to);
	if (to->layout.key != c->layout.key || to->layout.key_len != c->layout.key_len)
		return tw_gen_fail(gen, c->file, c->line,
		    "'stick-table ... write-to %s': that table has other keys: give both "
		    "the same type and len",
		    c->write_to);
	return 0;
}

int
tb_conf_check(struct tw_gen *gen)
{
	struct tb_gen *const g = tb_gen_of(gen);
	int rc = 0;

	for (struct tb_ref *ref = g->refs; ref != NULL; ref = ref->next)
		rc |= ref_check(gen, ref);
	for (struct tb_conf *c = g->tables; c != NULL; c = c->next) {
		rc |= write_to_check(gen, c);
		tb_layout_end(&c->layout);
	}
	return rc;
}

/* ---- the table ----------------------------------------------------------- */

static int
ignore_stick(struct tw_line *ln)
{
	return tw_line_warn(ln, -1,
	    "'stick' ignored because frontend '%s' has no backend capability.",
	    tw_proxy_name(ln->proxy));
}

#define STICK(word, help)                                                             \
	{                                                                             \
		word, TW_SC_LISTEN | TW_SC_BACKEND, 1, -1, tb_stick_line,             \
		    "<expr> [table <table>] [{if | unless} <condition>]", help, NULL, \
		    TW_KW_REST, 0, 0, 0, NULL                                         \
	}
#define NO_STICK(w)                                                          \
	{                                                                    \
		.word = w, .scopes = TW_SC_FRONTEND, .max_args = -1,         \
		.set = ignore_stick, .help = "Ignored here, with a warning." \
	}

/* clang-format off */
const struct tw_kw tb_keywords[] = {
	{ "stick-table", TW_SC_FRONTEND | TW_SC_LISTEN | TW_SC_BACKEND, 0, -1, set_table,
		"type {ip | ipv6 | integer | string [len <n>] | binary [len <n>]} "
		"size <n> [expire <time>] [nopurge] [store <data>[,...]]... "
		"[srvkey {name | addr}] [brates-factor <n>] [recv-only] "
		"[write-to <table>]",
		"A table of what is known of clients, under the section's name.", NULL,
		TW_KW_REST, 0, 0, 0, NULL },
	STICK("stick on", "As 'stick match' and 'stick store-request' together."),
	STICK("stick match", "A request goes to the server that the table has for its "
		"key, if that can be."),
	STICK("stick store-request", "The server that a request went to is entered into "
		"the table, under a key taken from the request."),
	STICK("stick store-response", "The same with a key taken from the response."),
	NO_STICK("stick on"),
	NO_STICK("stick match"),
	NO_STICK("stick store-request"),
	NO_STICK("stick store-response"),
	{ "tune.stick-counters", TW_SC_GLOBAL, 1, 1, set_counters, "<number>",
		"How many entries a connection, and each of its requests, can track at "
		"the same time.", "3", 0, 0, 0, 0, NULL },
	{ .word = NULL },
};
/* clang-format on */

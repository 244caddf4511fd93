/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * show.c - the commands `show table`, `set table`, `clear table`, and the
 * tables' row on the statistics page.
 *
 * A key is looked up at once; everything else walks over the table in pieces,
 * each of which is brief, on the table as it was when the command came.
 * Control thread. source: HAProxy's management guide, 9.3; answers as there.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include <tideway/assert.h>
#include <tideway/stats.h>

#include "filter.h"
#include "mod.h"

#define LINE_BYTES (TB_STRING_MAX * 4 + 32768)
#define SETS_MAX 32

enum what { SHOW, SET, CLEAR };

/* One command that walks. */
struct job {
	struct tw_cli *cli;
	struct tb_table *table; /* owns a reference */
	enum what what;
	struct tb_filter filter;
	const void *ptr; /* that entry only; NULL: all */
	struct tb_cursor at;
	char *line; /* owns; SHOW */
};

static struct tb_table *
table_find(struct tw_cli *cli, const char *name)
{
	const struct tb_conf *c = tb_gen_of(tw_gen_running())->tables;

	while (c != NULL && strcmp(c->name, name) != 0)
		c = c->next;
	if (c != NULL)
		return c->table;
	tw_cli_msg(cli, TW_ERR, "No such table\n");
	return NULL;
}

/* ---- walking ------------------------------------------------------------- */

static void
job_end(void *arg)
{
	struct job *const j = arg;

	tb_table_unref(&j->table);
	free(j->line);
	free(j);
}

static void
show_entry(struct tw_cli *cli, const struct tb_hold *h, char *line)
{
	struct tw_out o = tw_out_of(line, LINE_BYTES);

	tb_entry_out(&o, h);
	tw_out_char(&o, '\n');
	tw_cli_write(cli, (struct tw_str){ line, (size_t)(o.p - line) });
}

static bool
job_entry(struct tb_hold *h, void *arg)
{
	struct job *const j = arg;

	if ((j->ptr != NULL && j->ptr != h->e) || !tb_filter_holds(&j->filter, h))
		return false;
	if (j->what == CLEAR)
		return true;
	show_entry(j->cli, h, j->line);
	return false;
}

static bool
job_step(struct tw_cli *cli, void *arg)
{
	struct job *const j = arg;

	(void)cli;
	return tb_walk(j->table, &j->at, tw_now_ms(), job_entry, j);
}

static void
head_write(struct tw_cli *cli, struct tb_table *t)
{
	struct tb_limits limits;

	tb_live_settle(t);
	tb_table_limits(t, &limits);
	tw_cli_printf(cli, "# table: %s, type: %s, size:%llu, used:%llu\n",
	    tb_table_name(t), tb_key_words[tb_table_layout(t)->key],
	    (unsigned long long)limits.size, (unsigned long long)tb_table_used(t));
}

static void
job_begin(struct tw_cli *cli, struct tb_table *t, enum what what,
    const struct tb_filter *filter, const void *ptr)
{
	struct job *const j = calloc(1, sizeof(*j));

	TW_ASSERT(j != NULL);
	*j = (struct job){
		.cli = cli, .table = t, .what = what, .filter = *filter, .ptr = ptr
	};
	if (what == SHOW) {
		j->line = malloc(LINE_BYTES);
		TW_ASSERT(j->line != NULL);
	}
	tb_table_ref(t);
	tw_cli_stream(cli, job_step, job_end, j);
}

/* ---- which entries ------------------------------------------------------- */

/* "key <key>". returns: false: the answer is given. */
static bool
key_arg(struct tw_cli *cli, const struct tb_table *t, const char *word,
    const char *doing, struct tb_key *key)
{
	const struct tb_layout *const l = tb_table_layout(t);

	if (word == NULL) {
		tw_cli_msg(cli, TW_ERR, "Key value expected\n");
		return false;
	}
	if (l->key == TB_BINARY) {
		tw_cli_msg(cli, TW_ERR,
		    "%s tables of type other than ip, ipv6, string and integer is not "
		    "supported\n",
		    doing);
		return false;
	}
	if (tb_key_parse(l, word, key))
		return true;
	tw_cli_msg(cli, TW_ERR, "Invalid key\n");
	return false;
}

/* "ptr 0x..." */
static bool
ptr_arg(struct tw_cli *cli, const char *word, const void **ptr)
{
	void *p = NULL;

	if (word == NULL || sscanf(word, "%p", &p) != 1 || p == NULL) {
		tw_cli_msg(cli, TW_ERR, "Pointer expected (0xffff notation)\n");
		return false;
	}
	*ptr = p;
	return true;
}

static void
by_filter(struct tw_cli *cli, struct tb_table *t, enum what what, int argc,
    char *const argv[])
{
	struct tb_filter filter = { .n = 0 };
	struct tw_err err = { "" };
	const void *ptr = NULL;

	if (argc > 0 && strcmp(argv[0], "ptr") == 0) {
		if (!ptr_arg(cli, argc > 1 ? argv[1] : NULL, &ptr))
			return;
	} else if (tb_filter_parse(tb_table_layout(t), argc, argv, 3, &filter, &err) !=
	    0) {
		tw_cli_msg(cli, TW_ERR, "%s", err.text);
		return;
	}
	if (what == SHOW)
		head_write(cli, t);
	job_begin(cli, t, what, &filter, ptr);
}

static bool
is_filter(const char *word)
{
	return strncmp(word, "data.", 5) == 0 || strcmp(word, "ptr") == 0;
}

/* ---- show table ---------------------------------------------------------- */

static void
show_key(struct tw_cli *cli, struct tb_table *t, const char *word)
{
	struct tb_key key;
	struct tb_hold h;

	if (!key_arg(cli, t, word, "Showing keys from", &key) ||
	    !tb_find(&h, t, &key, TB_LOOK, tw_now_ms()))
		return;
	tb_leave(&h);
	head_write(cli, t);
	char *const line = malloc(LINE_BYTES);
	TW_ASSERT(line != NULL);
	if (tb_find(&h, t, &key, TB_LOOK, tw_now_ms())) {
		show_entry(cli, &h, line);
		tb_leave(&h);
	}
	free(line);
}

static void
show_table(struct tw_cli *cli, int argc, char *const argv[])
{
	if (argc == 0) {
		const struct tb_conf *c = tb_gen_of(tw_gen_running())->tables;

		for (; c != NULL; c = c->next)
			head_write(cli, c->table);
		return;
	}
	struct tb_table *const t = table_find(cli, argv[0]);
	if (t == NULL)
		return;
	if (tw_cli_level(cli) < TW_CLI_OPERATOR) {
		head_write(cli, t);
		tw_cli_printf(
		    cli, "# contents not dumped due to insufficient privileges\n");
	} else if (argc > 1 && strcmp(argv[1], "key") == 0) {
		show_key(cli, t, argv[2]);
	} else if (argc > 1 && !is_filter(argv[1])) {
		tw_cli_msg(cli, TW_ERR,
		    "Optional argument only supports \"data.<store_data_type>\" "
		    "<operator> <value> and key <key>\n");
	} else {
		by_filter(cli, t, SHOW, argc - 1, argv + 1);
	}
}

/* ---- clear table --------------------------------------------------------- */

static void
clear_key(struct tw_cli *cli, struct tb_table *t, const char *word)
{
	struct tb_key key;
	struct tb_hold h;

	if (!key_arg(cli, t, word, "Removing keys from", &key) ||
	    !tb_find(&h, t, &key, TB_LOOK, tw_now_ms()))
		return;
	if (!tb_remove(&h))
		tw_cli_msg(cli, TW_ERR, "Entry currently in use, cannot remove\n");
}

static void
clear_table(struct tw_cli *cli, int argc, char *const argv[])
{
	static const char usage[] =
	    "Required arguments: <table> \"data.<store_data_type>\" <operator> <value> "
	    "or <table> key <key>\n";

	if (argc == 0) {
		tw_cli_msg(cli, TW_ERR, "%s", usage);
		return;
	}
	struct tb_table *const t = table_find(cli, argv[0]);
	if (t == NULL)
		return;
	if (argc > 1 && strcmp(argv[1], "key") == 0)
		clear_key(cli, t, argv[2]);
	else if (argc > 1 && !is_filter(argv[1]))
		tw_cli_msg(cli, TW_ERR, "%s", usage);
	else
		by_filter(cli, t, CLEAR, argc - 1, argv + 1);
}

/* ---- set table ----------------------------------------------------------- */

struct set {
	enum tb_data data;
	unsigned i;
	int64_t value;
};

/* "data.gpc0 5 ...": all are read before any is written. returns: how many; -1:
 * the answer is given. */
static int
read_sets(struct tw_cli *cli, const struct tb_layout *l, int argc, char *const argv[],
    struct set sets[SETS_MAX])
{
	const char *why = NULL;
	int n = 0;

	for (int i = 0; i < argc && why == NULL && n < SETS_MAX; i += 2, n++) {
		const char *const value = i + 1 < argc ? argv[i + 1] : NULL;

		sets[n].data = tb_data_word(argv[i], &sets[n].i);
		if (strncmp(argv[i], "data.", 5) != 0)
			why = "\"data.<type>\" followed by a value expected\n";
		else if (sets[n].data == TB_NONE)
			why = "Unknown data type\n";
		else if (sets[n].i >= l->n[sets[n].data])
			why = "Data type not stored in this table\n";
		else if (tb_types[sets[n].data].kind == TB_NAME ||
		    !tb_int_parse(value, &sets[n].value))
			why = "Require a valid integer value to store\n";
	}
	if (why != NULL)
		tw_cli_msg(cli, TW_ERR, "%s", why);
	return why == NULL ? n : -1;
}

static void
set_key(struct tw_cli *cli, struct tb_table *t, int argc, char *const argv[])
{
	struct set sets[SETS_MAX];
	struct tb_key key;
	struct tb_hold h;

	if (!key_arg(cli, t, argc > 0 ? argv[0] : NULL, "Inserting keys into", &key))
		return;
	const int n = read_sets(cli, tb_table_layout(t), argc - 1, argv + 1, sets);
	if (n < 0)
		return;
	if (!tb_find(&h, t, &key, TB_MAKE, tw_now_ms())) {
		tw_cli_msg(cli, TW_ERR, "Unable to allocate a new entry\n");
		return;
	}
	for (int i = 0; i < n; i++)
		tb_set(&h, sets[i].data, sets[i].i, (uint64_t)sets[i].value);
	tb_touch(&h);
	tb_leave(&h);
}

static void
set_table(struct tw_cli *cli, int argc, char *const argv[])
{
	static const char usage[] =
	    "Required arguments: <table> key <key> [data.<store_data_type> <value>]*\n";

	if (argc == 0) {
		tw_cli_msg(cli, TW_ERR, "%s", usage);
		return;
	}
	struct tb_table *const t = table_find(cli, argv[0]);
	if (t == NULL || argc == 1)
		return;
	if (strcmp(argv[1], "key") == 0)
		set_key(cli, t, argc - 2, argv + 2);
	else
		tw_cli_msg(cli, TW_ERR, "%s", usage);
}

const struct tw_command tb_commands[] = {
	{ "show table", TW_CLI_USER, 0, show_table, "[<table> [<filter>]*]",
	    "report table usage stats or dump this table's contents (filter: data/key)" },
	{ "set table", TW_CLI_OPERATOR, 0, set_table,
	    "<table> key <key> [data.<data> <value>]*",
	    "update or create a table entry's data" },
	{ "clear table", TW_CLI_OPERATOR, 0, clear_table, "<table> [<filter>]*",
	    "remove an entry from a table (filter: data/key)" },
	{ .words = NULL },
};

/* ---- the statistics page ------------------------------------------------- */

static bool
stats_row(struct tw_gen *gen, int i, struct tw_stats_row *row)
{
	const struct tb_conf *c = tb_gen_of(gen)->tables;
	struct tb_limits limits;

	while (c != NULL && i-- > 0)
		c = c->next;
	if (c == NULL || c->table == NULL)
		return false;
	tb_table_limits(c->table, &limits);
	row->look = TW_STATS_PLAIN;
	snprintf(row->cell[0], TW_STATS_CELL, "%s", c->name);
	snprintf(row->cell[1], TW_STATS_CELL, "%s", tb_key_words[c->layout.key]);
	snprintf(row->cell[2], TW_STATS_CELL, "%llu", (unsigned long long)limits.size);
	snprintf(row->cell[3], TW_STATS_CELL, "%llu",
	    (unsigned long long)tb_table_used(c->table));
	return true;
}

static const struct tw_stats_column columns[] = {
	{ "name", "Name", TW_STATS_TEXT },
	{ "type", "Type", TW_STATS_TEXT },
	{ "size", "Size", TW_STATS_NUMBER },
	{ "used", "Used", TW_STATS_NUMBER },
	{ .name = NULL },
};

const struct tw_stats_table tb_stats_tables[] = {
	{ "sticktable", "Stick tables", columns, stats_row },
	{ .name = NULL },
};

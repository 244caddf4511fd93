/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * show.c - commands: show lua, show lua errors, clear lua errors, lua reload,
 * lua rollback. Numbers of other threads are read as they are. Control thread.
 */
#include "show.h"

#include "count.h"
#include "err.h"

#define ERROR_ROOM 2400

static unsigned long long
read64(const _Atomic uint64_t *n)
{
	return atomic_load_explicit(n, memory_order_relaxed);
}

static unsigned long long
read_size(const _Atomic size_t *n)
{
	return atomic_load_explicit(n, memory_order_relaxed);
}

/* A state of another thread is not entered, unless it has a lock. */
static void
show_state(struct tw_cli *cli, const struct lu_state *s, int i)
{
	tw_cli_printf(cli,
	    "  state thread=%d memory=%llu peak=%llu gc_us=%llu gc_steps=%llu "
	    "gc_cycles=%llu waiting=%d idle=%d contended=%llu\n",
	    i, read_size(&s->mem.used), read_size(&s->mem.peak), read64(&s->gc_us),
	    read64(&s->gc_steps), read64(&s->gc_cycles),
	    atomic_load_explicit(&s->n_live, memory_order_relaxed),
	    atomic_load_explicit(&s->n_pool, memory_order_relaxed),
	    read64(&s->n_contended));
}

static void
show_slot(struct tw_cli *cli, const struct lu_set *set, const struct lu_slot *slot)
{
	struct lu_sum sum;

	lu_count_sum(set, slot, &sum);
	tw_cli_printf(cli,
	    "  %s %s calls=%llu errors=%llu yields=%llu slow=%llu stopped=%llu "
	    "cpu_p50_ns=%llu cpu_p99_ns=%llu wall_p50_us=%llu wall_p99_us=%llu\n",
	    lu_reg_word[slot->reg], slot->name, (unsigned long long)sum.calls,
	    (unsigned long long)sum.errors, (unsigned long long)sum.yields,
	    (unsigned long long)sum.slow, (unsigned long long)sum.stopped,
	    (unsigned long long)lu_count_quantile(sum.cpu, 50),
	    (unsigned long long)lu_count_quantile(sum.cpu, 99),
	    (unsigned long long)lu_count_quantile(sum.wall, 50) / 1000,
	    (unsigned long long)lu_count_quantile(sum.wall, 99) / 1000);
}

static int
n_retired(const struct lu_unit *u)
{
	int n = 0;

	for (const struct lu_set *set = u->retired; set != NULL; set = set->next)
		n++;
	return n;
}

static void
show_unit(struct tw_cli *cli, const struct lu_unit *u)
{
	static const char *const profile[] = { "trusted", "standard", "untrusted" };
	const struct lu_set *const set =
	    atomic_load_explicit(&u->set, memory_order_relaxed);

	if (set == NULL)
		return;
	tw_cli_printf(cli, "%s generation=%llu profile=%s states=%d replaced=%d\n",
	    u->name, (unsigned long long)set->generation, profile[u->profile], set->n,
	    n_retired(u));
	for (const struct lu_file *f = u->files; f != NULL; f = f->next)
		tw_cli_printf(cli, "  file %s\n", f->path);
	for (int i = 0; i < set->n; i++)
		if (set->state[i] != NULL)
			show_state(cli, set->state[i], i);
	for (const struct lu_slot *slot = u->slots; slot != NULL; slot = slot->next)
		show_slot(cli, set, slot);
}

static struct lu_unit *
units(void)
{
	return lu_conf_of(tw_gen_running())->units;
}

static void
show_lua(struct tw_cli *cli, int argc, char *const argv[])
{
	(void)argc;
	for (const struct lu_unit *u = units(); u != NULL; u = u->next)
		if (argv[0] == NULL || strcmp(argv[0], u->name) == 0)
			show_unit(cli, u);
}

static void
show_errors(struct tw_cli *cli, int argc, char *const argv[])
{
	char text[ERROR_ROOM];

	(void)argc;
	for (const struct lu_unit *u = units(); u != NULL; u = u->next) {
		int i = 0;
		if (argv[0] != NULL && strcmp(argv[0], u->name) != 0)
			continue;
		while (lu_errors_show(u->errors, &i, text, sizeof(text)))
			tw_cli_printf(cli, "%s", text);
	}
}

static void
clear_errors(struct tw_cli *cli, int argc, char *const argv[])
{
	(void)cli;
	(void)argc;
	(void)argv;
	for (struct lu_unit *u = units(); u != NULL; u = u->next)
		lu_errors_clear(u->errors);
}

const struct tw_command lu_commands[] = {
	{ "clear lua errors", TW_CLI_ADMIN, 0, clear_errors, NULL,
	    "forgets the errors of scripts" },
	{ "lua reload", TW_CLI_ADMIN, 0, lu_cmd_reload, "[<script>]",
	    "loads scripts anew: lua-load, lua-load-per-thread, a lua-script" },
	{ "lua rollback", TW_CLI_ADMIN, 0, lu_cmd_rollback, "[<script>]",
	    "returns to what scripts were before" },
	{ "show lua", TW_CLI_OPERATOR, 0, show_lua, "[<script>]",
	    "scripts: states, memory, functions with calls, errors and times" },
	{ "show lua errors", TW_CLI_OPERATOR, 0, show_errors, "[<script>]",
	    "errors of scripts, each with its first trace and how often it came" },
	{ .words = NULL },
};

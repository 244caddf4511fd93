/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * vars_proc.c - variables of the process from outside of requests: the global
 * keywords set-var and set-var-fmt, the commands `get var` and `set var`.
 *
 * Here expressions are evaluated without a request, so only fetches and
 * converters that need none are taken. The lines of a configuration are carried
 * out, in their order, when it comes into force: one that is only checked, or
 * that fails, changes nothing. Control thread.
 * source: HAProxy's manual, 3.1 (set-var); management guide, 9.3.
 */
#include "config.h"

#include <stdlib.h>

#include <tideway/command.h>
#include <tideway/proxy.h>
#include <tideway/var.h>

#include "conf/conf.h"
#include "expr/conv.h"
#include "expr/expr_int.h"

#define TEXT_MAX 16384

/* One line of the global section. */
struct tw__proc_set {
	struct tw__proc_set *next;
	const struct tw_var *var;
	const struct tw_expr *expr; /* or fmt */
	const struct tw_logfmt *fmt;
};

/* ---- what needs no request ----------------------------------------------- */

static bool
is_of_table(const struct tw_conv *table, const struct tw_conv *c)
{
	for (; table->name != NULL; table++)
		if (table == c)
			return true;
	return false;
}

const char *
tw__expr_needs_request(const struct tw_expr *e)
{
	static const char *const names[] = { "always_false", "always_true", "bin",
		"bool", "date", "date_us", "env", "hostname", "int", "ipv4", "ipv6",
		"meth", "nbthread", "pid", "proc", "rand", "stopping", "str", "thread",
		"uptime", "uuid", "var" };
	size_t i = 0;

	while (i < TW_N_ELEMENTS(names) && strcmp(e->fetch->name, names[i]) != 0)
		i++;
	if (i == TW_N_ELEMENTS(names))
		return e->fetch->name;
	for (i = 0; i < e->n_convs; i++)
		if (is_of_table(tw__conv_state, e->conv[i].conv))
			return e->conv[i].conv->name;
	return NULL;
}

static struct tw_var *
var_of(struct tw_str name, const char *place, struct tw_err *err)
{
	if (!tw_str_has_prefix(name, TW_STR("proc."))) {
		tw_err_set(err,
		    "cannot set variable '%.*s', only scope 'proc' is permitted %s",
		    TW_STR_FMT(name), place);
		return NULL;
	}
	return tw_var_of(name, err);
}

/* in: s, one of expr and fmt is filled in. errors: -1. */
static int
compile(struct tw__ectx *cx, struct tw__proc_set *s, const char *text, bool fmt)
{
	const char *needs, *p = text;

	if (fmt) {
		cx->lf_flags = TW__LOG_RULE;
		s->fmt = tw__logfmt_parse(cx, text);
		if (s->fmt == NULL)
			return -1;
		needs = tw__logfmt_needs_request(s->fmt);
	} else {
		s->expr = tw__expr_parse(cx, &p, NULL);
		if (s->expr == NULL)
			return -1;
		if (*p != '\0')
			return tw_err_set(
			    cx->err, "unexpected '%s' after '%s'", p, s->expr->text);
		needs = tw__expr_needs_request(s->expr);
	}
	return needs == NULL
	    ? 0
	    : tw_err_set(cx->err,
		  "'%s' has no value here, where there is no request: write str, int, "
		  "env, date, var(proc.NAME) and the like",
		  needs);
}

static void
carry_out(const struct tw__proc_set *s)
{
	static char text[TEXT_MAX];
	struct tw_out o = tw_out_of(text, sizeof(text));
	struct tw_sample v = { .type = TW_STRING };

	if (s->expr != NULL) {
		if (!tw_expr_eval(s->expr, NULL, &v))
			return;
	} else {
		v.u.str = (struct tw_str){ text, tw_logfmt_out(s->fmt, NULL, &o) };
	}
	tw_var_set(NULL, s->var, &v);
}

void
tw__proc_vars_published(struct tw_gen *gen)
{
	const struct tw__expr_gen *const eg = tw__expr_gen(gen);

	for (const struct tw__proc_set *s = eg->proc_sets; s != NULL; s = s->next)
		carry_out(s);
}

/* ---- the global section --------------------------------------------------- */

static int
set_line(struct tw_line *ln)
{
	struct tw__expr_gen *const eg = tw__expr_gen(ln->gen);
	struct tw__proc_set *const s =
	    tw_arena_zalloc(tw_gen_arena(ln->gen), sizeof(*s));
	struct tw_err err = { "" };
	struct tw__ectx cx = tw__ectx_of(ln, TW_AT_CHECK, &err);
	const bool fmt = strcmp(ln->kw->word, "set-var-fmt") == 0;

	s->var = var_of(tw_str_of(tw_arg(ln, 0)), "in the global section", &err);
	if (s->var == NULL)
		return tw_line_fail(ln, 0, "'%s': %s", ln->kw->word, err.text);
	if (compile(&cx, s, tw_arg(ln, 1), fmt) != 0)
		return tw_line_fail(ln, 1, "'%s': %s", ln->kw->word, err.text);
	if (eg->proc_sets_end == NULL)
		eg->proc_sets_end = &eg->proc_sets;
	*eg->proc_sets_end = s;
	eg->proc_sets_end = &s->next;
	return 0;
}

const struct tw_kw tw__proc_var_kw[] = {
	{ .word = "set-var",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 2,
	    .max_args = 2,
	    .set = set_line,
	    .usage = "proc.<name> <expr>",
	    .help = "Sets a variable of the process when this configuration comes into "
		    "force; the expression may not ask for a request." },
	{ .word = "set-var-fmt",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 2,
	    .max_args = 2,
	    .set = set_line,
	    .usage = "proc.<name> <fmt>",
	    .help = "The same with a text." },
	{ .word = NULL },
};

/* ---- commands ------------------------------------------------------------- */

static void
cmd_get_var(struct tw_cli *cli, int argc, char *const argv[])
{
	struct tw_err err = { "" };
	struct tw_sample s;

	if (argc == 0 || argv[0][0] == '\0') {
		tw_cli_msg(cli, TW_ERR, "Missing process-wide variable identifier.\n");
		return;
	}
	const struct tw_var *const var = strncmp(argv[0], "proc.", 5) == 0
	    ? tw_var_of(tw_str_of(argv[0]), &err)
	    : NULL;
	if (var == NULL || !tw_var_get(NULL, var, &s)) {
		tw_cli_msg(cli, TW_ERR, "Variable not found.\n");
		return;
	}
	tw_cli_printf(
	    cli, "%s: type=%s value=<", argv[0], tw__type_word((enum tw_type)s.type));
	if (s.type == TW_BOOL)
		tw_cli_printf(cli, "%d", s.u.n != 0);
	else if (tw__cast(NULL, &s, TW_STRING))
		tw_cli_printf(cli, "%.*s", TW_STR_FMT(s.u.str));
	tw_cli_printf(cli, ">\n");
}

static void
cmd_set_var(struct tw_cli *cli, int argc, char *const argv[])
{
	struct tw_gen *const gen = tw_gen_running();
	struct tw_err err = { "" };
	struct tw__ectx cx = { .gen = gen, .where = TW_AT_CHECK, .err = &err };
	struct tw__proc_set s = { .next = NULL };

	const bool fmt = argc > 1 && strcmp(argv[1], "fmt") == 0;
	const bool word = fmt || (argc > 1 && strcmp(argv[1], "expr") == 0);
	if (argc == 0) {
		tw_cli_msg(cli, TW_ERR, "Missing process-wide variable identifier.\n");
		return;
	}
	if (argc != 2 + word) {
		tw_cli_msg(cli, TW_ERR,
		    argc < 2 + word ? "Missing either 'expr', 'fmt' or expression.\n"
				    : "Unexpected words behind the expression.\n");
		return;
	}
	s.var = var_of(tw_str_of(argv[0]), "here", &err);
	if (s.var == NULL || compile(&cx, &s, argv[1 + word], fmt) != 0 ||
	    tw__expr_late_run(gen, &err) != 0)
		tw_cli_msg(cli, TW_ERR, "'set var': %s.\n", err.text);
	else
		carry_out(&s);
}

const struct tw_command tw__commands_var[] = {
	{ "get var", TW_CLI_OPERATOR, 0, cmd_get_var, "<name>",
	    "retrieve contents of a process-wide variable" },
	{ "set var", TW_CLI_ADMIN, TW_CMD_EXPERIMENTAL, cmd_set_var,
	    "<name> [fmt|expr] {<fmt>|<expr>}",
	    "set variable from an expression or a format (experimental mode)" },
	{ .words = NULL },
};

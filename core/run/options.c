/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * options.c - HAProxy's command line, and two options of our own.
 *
 * Letters do not combine (-db is one option, not -d -b), which getopt cannot
 * express; a table and a loop can. What HAProxy knows and this program does
 * not have yet is refused by name: an option is honoured or refused, never
 * swallowed. Start-up only.
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <tideway/assert.h>
#include <tideway/conf.h>
#include <tideway/log.h>
#include "core/run/options.h"

/* The argument list, and where the parser is in it. */
struct args {
	char **at; /* the next one */
	char **end;
	struct tw__options *o;
	const char *name; /* the option that is being taken */
	struct tw_err *err;
};

typedef int option_fn(struct args *a);

static bool
is_option(const char *word)
{
	return word[0] == '-' && word[1] != '\0';
}

static const char *
arg_take(struct args *a, const char *what)
{
	if (a->at < a->end)
		return *a->at++;
	tw_err_set(a->err, "option %s needs %s", a->name, what);
	return NULL;
}

static int
number_take(struct args *a, const char *what, uint32_t max, uint32_t *out)
{
	const char *const word = arg_take(a, what);
	char *end;

	if (word == NULL)
		return -1;
	errno = 0;
	const unsigned long long v = strtoull(word, &end, 10);
	if (word[0] < '0' || word[0] > '9' || *end != '\0' || errno != 0 || v > max)
		return tw_err_set(a->err,
		    "option %s needs %s from 0 to %u, not "
		    "'%s'",
		    a->name, what, max, word);
	*out = (uint32_t)v;
	return 0;
}

static void
file_add(struct tw__options *o, char *path)
{
	o->files = reallocarray(o->files, (size_t)o->n_files + 1, sizeof(o->files[0]));
	TW_ASSERT(o->files != NULL);
	o->files[o->n_files++] = path;
}

/* --- options with an argument --- */

static int
take_f(struct args *a)
{
	if (arg_take(a, "a file or directory") == NULL)
		return -1;
	file_add(a->o, a->at[-1]);
	return 0;
}

static int
take_rest(struct args *a)
{
	while (a->at < a->end)
		file_add(a->o, *a->at++);
	return 0;
}

static int
take_C(struct args *a)
{
	return (a->o->dir = arg_take(a, "a directory")) == NULL ? -1 : 0;
}

static int
take_p(struct args *a)
{
	return (a->o->pidfile = arg_take(a, "a file")) == NULL ? -1 : 0;
}

static int
take_L(struct args *a)
{
	return (a->o->local_peer = arg_take(a, "a name")) == NULL ? -1 : 0;
}

static int
take_n(struct args *a)
{
	return number_take(a, "a number", UINT32_MAX, &a->o->maxconn);
}

static int
take_N(struct args *a)
{
	return number_take(a, "a number", UINT32_MAX, &a->o->proxy_maxconn);
}

static int
take_m(struct args *a)
{
	return number_take(a, "a number of megabytes", 1u << 30, &a->o->memory_mb);
}

/* The version is all there is to do once it was asked for. */
static void
todo_set(struct tw__options *o, enum tw__todo what)
{
	if (o->todo != TW__DO_VERSION && o->todo != TW__DO_VERSION_ALL)
		o->todo = what;
}

static int
take_cc(struct args *a)
{
	todo_set(a->o, TW__DO_CONDITION);
	if (a->at == a->end)
		return -1; /* HAProxy shows its usage */
	a->o->condition = *a->at++;
	return 0;
}

static int
take_K(struct args *a)
{
	todo_set(a->o, TW__DO_MANUAL);
	if (a->at < a->end && !is_option(*a->at))
		a->o->manual = *a->at++;
	return 0;
}

static int
take_Kt(struct args *a)
{
	todo_set(a->o, TW__DO_MANUAL);
	a->o->manual_table = true;
	return 0;
}

/* --- -sf and -st: pids, one or several in an argument --- */

static int
pid_add(struct args *a, const char *word)
{
	struct tw__options *const o = a->o;
	const char *p = word;

	while (*p != '\0') {
		char *end;

		errno = 0;
		const long pid = strtol(p, &end, 10);
		if (end == p || errno != 0 || pid <= 0 || pid > INT32_MAX ||
		    (*end != '\0' && *end != ' '))
			return tw_err_set(a->err,
			    "option %s needs process "
			    "numbers, not '%s'",
			    a->name, word);
		o->old = reallocarray(o->old, (size_t)o->n_old + 1, sizeof(o->old[0]));
		TW_ASSERT(o->old != NULL);
		o->old[o->n_old++] = (pid_t)pid;
		for (p = end; *p == ' '; p++)
			;
	}
	return 0;
}

static int
pids_take(struct args *a, int signal_number)
{
	a->o->old_signal = signal_number;
	while (a->at < a->end && !is_option(*a->at)) {
		if (pid_add(a, *a->at++) != 0)
			return -1;
	}
	return 0;
}

static int
take_sf(struct args *a)
{
	return pids_take(a, SIGUSR1);
}

static int
take_st(struct args *a)
{
	return pids_take(a, SIGTERM);
}

static int
take_x(struct args *a)
{
	if (a->at == a->end || is_option(*a->at))
		return tw_err_set(a->err,
		    "option -x needs the path of the old process's control socket");
	if (a->o->old_socket != NULL)
		tw_log(TW_WARNING, "-x was given before: %s is used", *a->at);
	a->o->old_socket = *a->at++;
	return 0;
}

static const char *check_peer; /* start-up, then read-only */
static bool is_check;          /* the same */
static bool expired_ok;        /* the same */

bool
tw_is_check(void)
{
	return is_check;
}

bool
tw_check_expired(void)
{
	return is_check && !expired_ok;
}

const char *
tw_check_peer(void)
{
	return check_peer;
}

static int
take_S(struct args *a)
{
	struct tw__options *const o = a->o;

	if (a->at == a->end || is_option(*a->at))
		return tw_err_set(a->err,
		    "option -S needs the master's control socket: "
		    "<address>[,<parameter>,<value>...]");
	o->control =
	    reallocarray(o->control, (size_t)o->n_control + 1, sizeof(o->control[0]));
	TW_ASSERT(o->control != NULL);
	o->control[o->n_control++] = *a->at++;
	return 0;
}

static int
take_peer(struct args *a)
{
	if (a->at == a->end || is_option(*a->at))
		return tw_err_set(a->err, "option --peer needs the other node's file");
	check_peer = *a->at++;
	return 0;
}

/* --- options without --- */

static int
take_expired_ok(struct args *a)
{
	(void)a;
	expired_ok = true;
	return 0;
}

static int
take_c(struct args *a)
{
	todo_set(a->o, TW__DO_CHECK);
	is_check = true;
	return 0;
}

static int
take_T(struct args *a)
{
	todo_set(a->o, TW__DO_CHAINS);
	return 0;
}

static int
take_v(struct args *a)
{
	todo_set(a->o, TW__DO_VERSION);
	return 0;
}

static int
take_vv(struct args *a)
{
	todo_set(a->o, TW__DO_VERSION_ALL);
	return 0;
}

static int
take_V(struct args *a)
{
	a->o->verbose = true;
	a->o->quiet = false;
	return 0;
}

static int
take_q(struct args *a)
{
	a->o->quiet = true;
	a->o->verbose = false;
	return 0;
}

static int
take_D(struct args *a)
{
	a->o->daemon = true;
	return 0;
}

static int
take_W(struct args *a)
{
	a->o->master = true;
	return 0;
}

static int
take_Ws(struct args *a)
{
	a->o->notify = true;
	return take_W(a);
}

static int
take_db(struct args *a)
{
	a->o->foreground = true;
	return 0;
}

static int
take_d(struct args *a)
{
	a->o->debug = true;
	return take_V(a);
}

static int
take_dW(struct args *a)
{
	a->o->zero_warning = true;
	return 0;
}

static int
take_dC(struct args *a)
{
	a->o->dump = true;
	return 0;
}

static int
take_dS(struct args *a)
{
	a->o->nosplice = true;
	return 0;
}

static int
take_dR(struct args *a)
{
	a->o->noreuseport = true;
	return 0;
}

static int
take_dr(struct args *a)
{
	a->o->ignore_unresolved = true;
	return 0;
}

/* It tunes what is not here: pollers, ways of forwarding. */
static int
take_nothing(struct args *a)
{
	(void)a;
	return 0;
}

static const struct {
	const char *name;
	option_fn *take; /* NULL: HAProxy has it, this program not yet */
} table[] = {
	{ "-f", take_f },
	{ "--", take_rest },
	{ "-C", take_C },
	{ "-c", take_c },
	{ "-cc", take_cc },
	{ "-dC", take_dC },
	{ "-dC0", take_dC },
	{ "-v", take_v },
	{ "-vv", take_vv },
	{ "-V", take_V },
	{ "-q", take_q },
	{ "-D", take_D },
	{ "-W", take_W },
	{ "-Ws", take_Ws },
	{ "-d", take_d },
	{ "-db", take_db },
	{ "-dW", take_dW },
	{ "-p", take_p },
	{ "-n", take_n },
	{ "-N", take_N },
	{ "-m", take_m },
	{ "-L", take_L },
	{ "-sf", take_sf },
	{ "-st", take_st },
	{ "-x", take_x },
	{ "--peer", take_peer },
	{ "--expired-ok", take_expired_ok },
	{ "-S", take_S },
	{ "-T", take_T },
	{ "-K", take_K },
	{ "-Kt", take_Kt },
	{ "-dD", NULL },
	{ "-dF", take_nothing },
	{ "-dG", NULL },
	{ "-dI", NULL },
	{ "-dK", NULL },
	{ "-dL", NULL },
	{ "-dM", NULL },
	{ "-dR", take_dR },
	{ "-dS", take_dS },
	{ "-dV", NULL },
	{ "-de", NULL },
	{ "-dp", take_nothing },
	{ "-dr", take_dr },
	{ "-dk", take_nothing },
	{ "-dt", NULL },
	{ "-dv", take_nothing },
	{ "-dZ", take_nothing },
};

/* returns: index into the table; -1: not an option of anyone's. */
static int
option_find(const char *word)
{
	for (size_t i = 0; i < TW_N_ELEMENTS(table); i++) {
		const size_t len = strlen(table[i].name);

		/* -dK, -dM and -dt carry their argument in the same word */
		if (strcmp(word, table[i].name) == 0 ||
		    (table[i].take == NULL && len == 3 &&
			strncmp(word, table[i].name, len) == 0))
			return (int)i;
	}
	return -1;
}

static int
option_take(struct args *a)
{
	a->name = *a->at++;
	const int i = option_find(a->name);
	if (i < 0) {
		if (strncmp(a->name, "-dC", 3) == 0)
			return tw_err_set(a->err,
			    "option %s: dumping with a "
			    "key is known but not supported yet; -dC dumps as "
			    "it is",
			    a->name);
		return -1;
	}
	if (table[i].take == NULL)
		return tw_err_set(a->err,
		    "option %s is known but not supported "
		    "by tideway yet: remove it",
		    table[i].name);
	return table[i].take(a);
}

int
tw__options_parse(struct tw__options *o, int argc, char **argv, struct tw_err *err)
{
	struct args a = { .at = argv + 1, .end = argv + argc, .o = o, .err = err };

	memset(o, 0, sizeof(*o));
	err->text[0] = '\0';
	while (a.at < a.end) {
		if (!is_option(*a.at) || option_take(&a) != 0) {
			tw__options_fini(o);
			return -1;
		}
	}
	if (o->n_files == 0 &&
	    (o->todo == TW__DO_RUN || o->todo == TW__DO_CHECK ||
		o->todo == TW__DO_CHAINS))
		o->todo = TW__DO_USAGE;
	return 0;
}

void
tw__options_fini(struct tw__options *o)
{
	free(o->files);
	free(o->old);
	free(o->control);
	o->files = NULL;
	o->old = NULL;
	o->control = NULL;
	o->n_files = o->n_old = o->n_control = 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * affinity_kw.c - cpu-map, cpu-policy, cpu-set, thread-groups and the like.
 *
 * Control thread or start-up. source: HAProxy's manual, 3.1.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "core/run/affinity.h"
#include "core/run/run.h"

static struct tw__cpu_conf *
conf_of(const struct tw_line *ln)
{
	struct tw__global *const g = ln->core;

	if (g->cpu == NULL)
		g->cpu = tw_arena_zalloc(tw_gen_arena(ln->gen), sizeof(*g->cpu));
	return g->cpu;
}

/* --- ranges --- */

struct range {
	int min, max;
	const char *what; /* "thread", for messages */
};

static int
range_fail(const struct tw_line *ln, int i, const char *word, const struct range *r)
{
	return tw_line_fail(ln, i,
	    "%s : '%s' is not a valid %s number or range; write a number from %d to "
	    "%d, as in '%d-%d', or 'all', 'odd' or 'even'",
	    ln->kw->word, word, r->what, r->min, r->max, r->min, r->min + 1);
}

/* "3", "1-4", "1-" */
static int
bounds_parse(const char *word, const struct range *r, int *from, int *to)
{
	char *end;
	const long a = strtol(word, &end, 10);
	long b = a;

	if (end == word || *word < '0' || *word > '9')
		return -1;
	if (*end == '-') {
		word = end + 1;
		b = r->max;
		if (*word != '\0')
			b = strtol(word, &end, 10);
		else
			end++;
	}
	if (*end != '\0' || a < r->min || a > r->max || b < r->min || b > r->max)
		return -1;
	*from = (int)(a < b ? a : b);
	*to = (int)(a < b ? b : a);
	return 0;
}

/* in: word, one range. out: added to set. returns: -1: not one. */
static int
range_parse(const char *word, const struct range *r, cpu_set_t *set)
{
	int from = r->min, to = r->max, step = 1;

	if (strcmp(word, "odd") == 0) {
		step = 2;
		from += r->min % 2 == 0;
	} else if (strcmp(word, "even") == 0) {
		step = 2;
		from += r->min % 2 != 0;
	} else if (strcmp(word, "all") != 0 && bounds_parse(word, r, &from, &to) < 0) {
		return -1;
	}
	for (int i = from; i <= to; i += step)
		CPU_SET((unsigned)i, set);
	return 0;
}

/* Words from `i` on, each one range or several with commas between. */
static int
cpus_parse(const struct tw_line *ln, int i, cpu_set_t *cpus)
{
	static const struct range cpu = { 0, CPU_SETSIZE - 1, "CPU" };
	struct tw_arena *const arena = tw_gen_arena(ln->gen);

	for (; i < ln->n_args; i++) {
		char *save, *word = tw_arena_strdup(arena, tw_arg(ln, i));

		word = strtok_r(word, ",", &save);
		do {
			if (word == NULL || range_parse(word, &cpu, cpus) < 0)
				return range_fail(ln, i, tw_arg(ln, i), &cpu);
		} while ((word = strtok_r(NULL, ",", &save)) != NULL);
	}
	return 0;
}

/* Numbers from 1 on as bits from 0 on. */
static int
numbers_parse(
    const struct tw_line *ln, const char *word, const char *what, uint64_t *out)
{
	const struct range r = { 1, 64, what };
	cpu_set_t set;

	CPU_ZERO(&set);
	if (range_parse(word, &r, &set) < 0)
		return range_fail(ln, 0, word, &r);
	*out = 0;
	for (unsigned i = 1; i <= 64; i++)
		*out |= CPU_ISSET(i, &set) ? UINT64_C(1) << (i - 1) : 0;
	return 0;
}

/* --- cpu-map --- */

static int
auto_check(const struct tw_line *ln, const struct tw__cpu_map *m)
{
	const int groups = __builtin_popcountll(m->groups);
	const int threads = m->of_threads ? __builtin_popcountll(m->threads) : 1;
	const int cpus = CPU_COUNT(&m->cpus);

	if (groups > 1 && threads > 1)
		return tw_line_fail(ln, 0,
		    "cpu-map : 'auto:' takes a range of groups or one of threads, not "
		    "both");
	if (groups * threads != cpus)
		return tw_line_fail(ln, 1,
		    "cpu-map : with 'auto:' there must be as many CPUs (%d) as there "
		    "are groups or threads (%d)",
		    cpus, groups * threads);
	return 0;
}

static int
cpu_set_map(struct tw_line *ln)
{
	struct tw_arena *const arena = tw_gen_arena(ln->gen);
	struct tw__cpu_map *const m = tw_arena_zalloc(arena, sizeof(*m));
	struct tw__cpu_map **at = &conf_of(ln)->maps;
	char *word = tw_arena_strdup(arena, tw_arg(ln, 0));

	m->is_auto = strncmp(word, "auto:", 5) == 0;
	word += m->is_auto ? 5 : 0;
	char *const slash = strchr(word, '/');
	if (slash != NULL)
		*slash = '\0';
	if (numbers_parse(ln, word, "thread group", &m->groups) < 0)
		return -1;
	if (slash != NULL && numbers_parse(ln, slash + 1, "thread", &m->threads) < 0)
		return -1;
	m->of_threads = slash != NULL;
	if (cpus_parse(ln, 1, &m->cpus) < 0 || (m->is_auto && auto_check(ln, m) < 0))
		return -1;
	while (*at != NULL)
		at = &(*at)->next;
	*at = m;
	return 0;
}

/* --- cpu-set, cpu-policy --- */

static void
nodes_to_cpus(cpu_set_t *set)
{
	cpu_set_t of_node, cpus;

	CPU_ZERO(&cpus);
	for (unsigned i = 0; i < 64; i++) {
		if (!CPU_ISSET(i, set))
			continue;
		tw__node_cpus((int)i, &of_node);
		CPU_OR(&cpus, &cpus, &of_node);
	}
	*set = cpus;
}

static int
cpu_set_set(struct tw_line *ln)
{
	static const char *const later[] = { "drop-cluster", "only-cluster",
		"drop-core", "only-core", "drop-thread", "only-thread", NULL };
	static const char *const words[] = { "only-cpu", "drop-cpu", "only-node",
		"drop-node", NULL };
	struct tw__cpu_conf *const c = conf_of(ln);
	const char *const how = tw_arg(ln, 0);
	cpu_set_t set;

	if (strcmp(how, "reset") == 0 && ln->n_args == 1) {
		c->reset = true;
		c->has_only = c->has_drop = false;
		return 0;
	}
	if (tw_is_one_of(how, later))
		return tw_line_fail(ln, 0,
		    "'cpu-set %s' is known to HAProxy 3.4 but not supported by tideway "
		    "yet; name the CPUs with 'only-cpu' or 'drop-cpu'",
		    how);
	if (!tw_is_one_of(how, words) || ln->n_args != 2)
		return tw_line_fail(ln, ln->n_args > 2 ? 2 : 0,
		    "'cpu-set' expects 'reset', or 'only-cpu', 'drop-cpu', 'only-node' "
		    "or 'drop-node' and a set");
	CPU_ZERO(&set);
	if (cpus_parse(ln, 1, &set) < 0)
		return -1;
	if (strcmp(how + 5, "node") == 0)
		nodes_to_cpus(&set);
	if (*how == 'o') {
		c->only = set;
		c->has_only = true;
		return 0;
	}
	CPU_OR(&c->drop, &c->drop, &set);
	c->has_drop = true;
	return 0;
}

static int
cpu_set_policy(struct tw_line *ln)
{
	struct tw__cpu_conf *const c = conf_of(ln);
	const char *const how = tw_arg(ln, 0);

	c->policy = tw__policy_find(how);
	c->first_node = strcmp(how, "first-usable-node") == 0;
	if (c->policy == NULL && !c->first_node && strcmp(how, "none") != 0)
		return tw_line_fail(ln, 0,
		    "unknown CPU policy '%s'; write 'none', 'first-usable-node', "
		    "'performance', 'efficiency', 'resource' or 'group-by-...'",
		    how);
	return 0;
}

static int
cpu_set_numa(struct tw_line *ln)
{
	conf_of(ln)->first_node = !ln->no;
	return 0;
}

/* --- numbers --- */

static int
number_set(struct tw_line *ln, uint32_t *out, uint64_t max)
{
	struct tw_err err;
	uint64_t n;

	if (tw_parse_uint(tw_arg(ln, 0), 1, max, &n, &err) != 0)
		return tw_line_fail(ln, 0, "'%s': %s", ln->kw->word, err.text);
	*out = (uint32_t)n;
	return 0;
}

static int
cpu_set_groups(struct tw_line *ln)
{
	return number_set(ln, &conf_of(ln)->groups, TW__MAX_GROUPS);
}

static int
cpu_set_group(struct tw_line *ln)
{
	return tw__group_set(ln, conf_of(ln));
}

static int
cpu_set_per_group(struct tw_line *ln)
{
	return number_set(ln, &conf_of(ln)->per_group, TW__GROUP_THREADS);
}

static int
cpu_set_hard_limit(struct tw_line *ln)
{
	return number_set(ln, &conf_of(ln)->hard_limit, INT32_MAX);
}

static const struct tw_kw keywords[] = {
	{ .word = "cpu-map",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 2,
	    .max_args = -1,
	    .set = cpu_set_map,
	    .usage = "[auto:]<thread-group>[/<thread-set>] <cpu-set>[,...] [...]",
	    .help = "Binds threads to CPUs; with auto: each of them to one." },
	{ .word = "cpu-policy",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 1,
	    .max_args = 1,
	    .set = cpu_set_policy,
	    .usage =
		"{ none | first-usable-node | performance | efficiency | resource | "
		"group-by-[2-|3-|4-]{ cluster[s] | ccx } }",
	    .def = "none",
	    .help =
		"Which CPUs are used when nbthread, thread-groups, thread-group and "
		"cpu-map do not say so. group-by-...: all, with a thread group, "
		"bound to them, for each cluster (CPUs of one kind with one level 3 "
		"cache), for each such cache (ccx), or for several; performance: the "
		"same without clusters of less than 80% of the highest capacity; "
		"efficiency: these alone, if any; resource: the smallest one." },
	{ .word = "cpu-set",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 1,
	    .max_args = -1,
	    .set = cpu_set_set,
	    .usage = "{ reset | only-cpu <set> | drop-cpu <set> | only-node <set> | "
		     "drop-node <set> }",
	    .help = "Narrows the CPUs that threads may use; reset: forgets what was "
		    "set before, at the start as well." },
	{ .word = "numa-cpu-mapping",
	    .scopes = TW_SC_GLOBAL,
	    .set = cpu_set_numa,
	    .def = "off",
	    .help = "As 'cpu-policy first-usable-node'.",
	    .flags = TW_KW_NO },
	{ .word = "thread-groups",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 1,
	    .max_args = 1,
	    .set = cpu_set_groups,
	    .usage = "<number>",
	    .def = "one for each 64 threads",
	    .help = "How threads are numbered for cpu-map, 'bind ... thread' and "
		    "'shards by-group': evenly in so many groups." },
	{ .word = "thread-group",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 1,
	    .max_args = -1,
	    .set = cpu_set_group,
	    .usage = "<group> [<number>[-<number>]...]",
	    .help = "The threads of a group; others go evenly to the groups that no "
		    "such line names." },
	{ .word = "max-threads-per-group",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 1,
	    .max_args = 1,
	    .set = cpu_set_per_group,
	    .usage = "<number>",
	    .def = "64",
	    .help = "Threads in a group when thread-groups does not say how many." },
	{ .word = "thread-hard-limit",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 1,
	    .max_args = 1,
	    .set = cpu_set_hard_limit,
	    .usage = "<number>",
	    .help = "Most worker threads, whatever nbthread and CPUs say." },
	{ .word = NULL },
};

int
tw__cpus_register(struct tw_err *err)
{
	return tw__kw_add(keywords, NULL, err);
}

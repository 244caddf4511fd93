/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * prom_modules.c - what modules count of their own, process-wide: part of the scope
 * `global`. The module's name is in front, as most of their names have it already,
 * so that no two are the same. Worker.
 */
#include "prom.h"

bool
prom_module_counter(int i, struct prom_at *at)
{
	const struct tw_self *self;

	for (int m = 0; (self = tw_module_each(m)) != NULL; m++) {
		const struct tw_counter *const c = self->module->counters;

		for (int k = 0; c != NULL && c[k].name != NULL; k++)
			if (i-- == 0) {
				at->module = self;
				at->counter = k;
				return true;
			}
	}
	return false;
}

/* Others write modules, too: what a name may not have becomes '_'. */
static void
word_write(struct tw_out *o, const char *z, size_t len)
{
	for (; len > 0; z++, len--) {
		const bool ok = (*z >= 'a' && *z <= 'z') || (*z >= 'A' && *z <= 'Z') ||
		    (*z >= '0' && *z <= '9');

		tw_out_char(o, ok ? *z : '_');
	}
}

static bool
ends_with(const char *name, const char *end)
{
	const size_t len = strlen(name), n = strlen(end);

	return len > n && strcmp(name + len - n, end) == 0;
}

/* Prometheus wants base units. */
static bool
is_us(const char *name)
{
	return ends_with(name, "_microseconds_total");
}

static void
name_write(struct tw_out *o, const char *module, const char *name)
{
	static const char us[] = "microseconds_total";
	const size_t len = strlen(module), n = strlen(name);

	tw_out_lit(o, "haproxy_process_");
	if (strncmp(name, module, len) != 0 || name[len] != '_') {
		word_write(o, module, len);
		tw_out_char(o, '_');
	}
	if (is_us(name)) {
		word_write(o, name, n - strlen(us));
		tw_out_lit(o, "seconds_total");
		return;
	}
	word_write(o, name, n);
	if (!ends_with(name, "_total"))
		tw_out_lit(o, "_total");
}

static void
help_write(struct tw_out *o, const char *help)
{
	for (; *help != '\0'; help++) {
		if (*help == '\\')
			tw_out_char(o, '\\');
		tw_out_char(o, *help == '\n' ? ' ' : *help);
	}
}

static void
counter_write(const struct prom_at *at)
{
	const struct tw_module *const m = at->module->module;
	const struct tw_counter *const c = &m->counters[at->counter];
	struct tw_out *const o = at->out;

	tw_out_lit(o, "# HELP ");
	name_write(o, m->name, c->name);
	tw_out_char(o, ' ');
	help_write(o, c->help != NULL && c->help[0] != '\0' ? c->help : c->name);
	tw_out_lit(o, "\n# TYPE ");
	name_write(o, m->name, c->name);
	tw_out_lit(o, " counter\n");
	name_write(o, m->name, c->name);
	tw_out_char(o, ' ');
	const uint64_t n = tw_count_sum(at->module, at->counter);
	if (is_us(c->name))
		tw_out_printf(o, "%llu.%06u\n", (unsigned long long)(n / 1000000),
		    (unsigned)(n % 1000000));
	else
		tw_out_printf(o, "%llu\n", (unsigned long long)n);
}

const struct prom_metric prom_module_metrics[] = {
	{ "", "counter", "", PROM_OTHER, 0, counter_write, false },
	{ .name = NULL },
};

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * loader.c - finds, loads and orders the modules.
 *
 * Every *.so of the module directory is loaded, so that dropping in a file is
 * all it takes; `module-load` narrows that. Files are taken by name, so that
 * the order does not depend on the directory; then requires[] decides. Here
 * each module gets its place in every scope's block. Start-up only; what is
 * loaded stays for ever.
 */
#include "config.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tideway/assert.h>
#include <tideway/stats.h>
#include "core/base/panic.h"
#include "core/conf/conf.h"
#include "core/module/module_int.h"

#define BLOCK_ALIGN 16u
#define BLOCK_MAX (16u << 20) /* a module that wants more has a defect */
#define PATH_BYTES 4096

struct loaded {
	struct tw__object object;
	struct tw_self self;
	char *path; /* owns */
};

/* Read-only once tw__modules_load has returned. */
static struct loaded **loaded;            /* owns: by load order */
static const struct tw_self **hook_order; /* owns */
static int n_loaded;
static int n_registered; /* of these: seen by everyone else */
static size_t block_bytes[TW_N_BLOCKS];
static uint32_t n_counters;
static const char *dir_used; /* owns; NULL: not loaded yet */

/* A program that was not installed finds the modules it was built with. */
static const char *
beside_program(void)
{
	static char path[PATH_MAX];
	const ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n <= 0)
		return NULL;
	path[n] = '\0';
	char *const slash = strrchr(path, '/');
	static const char below[] = "/modules/.libs";
	if (slash == NULL || (size_t)(slash - path) + sizeof(below) > sizeof(path))
		return NULL;
	memcpy(slash, below, sizeof(below));
	return access(path, X_OK) == 0 ? path : NULL;
}

static const char *
built_in_dir(void)
{
	const char *const beside = beside_program();

	return beside != NULL ? beside : TW_MODULEDIR;
}

const char *
tw__modules_dir(const char *chosen)
{
	const char *const env = getenv("TIDEWAY_MODULE_PATH");

	if (chosen != NULL)
		return chosen;
	if (dir_used != NULL)
		return dir_used;
	return env != NULL && *env != '\0' ? env : built_in_dir();
}

int
tw__modules_count(void)
{
	return n_registered;
}

const struct tw_self *
tw__module_at(int i)
{
	return i >= 0 && i < n_registered ? &loaded[i]->self : NULL;
}

const struct tw_self *
tw_module_each(int i)
{
	return tw__module_at(i);
}

const struct tw_self *
tw__module_in_hook_order(int i)
{
	return i >= 0 && i < n_registered ? hook_order[i] : NULL;
}

size_t
tw__module_block_bytes(enum tw_scope_block scope)
{
	return block_bytes[scope];
}

uint32_t
tw__module_n_counters(void)
{
	return n_counters;
}

/* --- files --- */

static int
name_is_module(const struct dirent *e)
{
	const size_t len = strlen(e->d_name);

	return e->d_name[0] != '.' && len > 3 &&
	    strcmp(e->d_name + len - 3, ".so") == 0;
}

static int
by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int
load_file(const char *dir, const char *file, struct tw_err *err)
{
	char path[PATH_BYTES];
	struct loaded *const m = calloc(1, sizeof(*m));

	TW_ASSERT(m != NULL);
	if (snprintf(path, sizeof(path), "%s/%s", dir, file) >= (int)sizeof(path)) {
		free(m);
		return tw_err_set(err,
		    "cannot load module %s: the path is too "
		    "long",
		    file);
	}
	if (tw__object_open(path, &m->object, err) != 0) {
		free(m);
		return -1;
	}
	m->path = strdup(path);
	loaded = reallocarray(loaded, (size_t)n_loaded + 1, sizeof(loaded[0]));
	TW_ASSERT(m->path != NULL && loaded != NULL);
	loaded[n_loaded++] = m;
	return 0;
}

static int
load_all(const char *dir, struct tw_err *err)
{
	struct dirent **list;
	const int n = scandir(dir, &list, name_is_module, by_bytes);
	int rc = 0;

	if (n < 0)
		return tw_err_errno(err,
		    "cannot read the module directory %s "
		    "(set module-path in global, or TIDEWAY_MODULE_PATH)",
		    dir);
	for (int i = 0; i < n; i++) {
		if (rc == 0)
			rc = load_file(dir, list[i]->d_name, err);
		free(list[i]);
	}
	free(list);
	return rc;
}

static int
load_named(const char *dir, const char *const *names, struct tw_err *err)
{
	for (; *names != NULL; names++) {
		char file[256];

		if (strchr(*names, '/') != NULL ||
		    snprintf(file, sizeof(file), "%s.so", *names) >= (int)sizeof(file))
			return tw_err_set(err,
			    "module-load %s: write the "
			    "module's name only; module-path says where it is",
			    *names);
		if (load_file(dir, file, err) != 0)
			return -1;
	}
	return 0;
}

/* --- order --- */

static int
names_check(struct tw_err *err)
{
	for (int i = 0; i < n_loaded; i++) {
		for (int j = 0; j < i; j++) {
			if (strcmp(loaded[i]->object.desc.name,
				loaded[j]->object.desc.name) == 0)
				return tw_err_set(err,
				    "two files are module "
				    "'%s': %s and %s; remove one",
				    loaded[i]->object.desc.name, loaded[j]->path,
				    loaded[i]->path);
		}
	}
	return 0;
}

static struct tw__order_item *
items_new(void)
{
	struct tw__order_item *const items =
	    calloc((size_t)n_loaded + 1, sizeof(*items));

	TW_ASSERT(items != NULL);
	for (int i = 0; i < n_loaded; i++) {
		const struct tw_module *const d = &loaded[i]->object.desc;

		items[i] = (struct tw__order_item){ d->name, d->requires, d->before,
			d->after };
	}
	return items;
}

static int *
order_new(void)
{
	int *const order = calloc((size_t)n_loaded + 1, sizeof(*order));

	TW_ASSERT(order != NULL);
	return order;
}

static int
sort_loaded(struct tw_err *err)
{
	struct tw__order_item *items = items_new();
	int *order = order_new();
	const int rc = tw__order_load(items, n_loaded, order, err);

	if (rc == 0) {
		struct loaded **const sorted =
		    calloc((size_t)n_loaded + 1, sizeof(sorted[0]));

		TW_ASSERT(sorted != NULL);
		for (int i = 0; i < n_loaded; i++)
			sorted[i] = loaded[order[i]];
		free(loaded);
		loaded = sorted;
	}
	free(items);
	free(order);
	return rc;
}

static int
sort_hooks(struct tw_err *err)
{
	struct tw__order_item *items = items_new();
	int *order = order_new();
	const int rc = tw__order_hooks(items, n_loaded, order, err);

	hook_order = calloc((size_t)n_loaded + 1, sizeof(hook_order[0]));
	TW_ASSERT(hook_order != NULL);
	for (int i = 0; i < n_loaded && rc == 0; i++)
		hook_order[i] = &loaded[order[i]]->self;
	free(items);
	free(order);
	return rc;
}

/* --- registration --- */

static int
blocks_place(struct tw_self *self, struct tw_err *err)
{
	for (int b = 0; b < TW_N_BLOCKS; b++) {
		const uint32_t want = self->module->size_of[b];

		if (want > BLOCK_MAX)
			return tw_err_set(err,
			    "cannot load module %s: it wants "
			    "%u bytes of state in one block, at most %u are "
			    "given",
			    self->path, want, BLOCK_MAX);
		self->off[b] = (uint32_t)block_bytes[b];
		block_bytes[b] += (want + BLOCK_ALIGN - 1) & ~(BLOCK_ALIGN - 1);
	}
	return 0;
}

static uint32_t
counters_len(const struct tw_counter *c)
{
	uint32_t n = 0;

	while (c != NULL && c[n].name != NULL)
		n++;
	return n;
}

static int
words_add(const struct tw_self *self, struct tw_err *err)
{
	const struct tw_module *const m = self->module;

	if (m->keywords != NULL && tw__kw_add(m->keywords, self, err) != 0)
		return -1;
	for (const struct tw_section *s = m->sections; s != NULL && s->word != NULL;
	     s++) {
		if (tw__module_section_add(s, self, err) != 0)
			return -1;
	}
	return 0;
}

static int
module_register(int i, struct tw_err *err)
{
	struct loaded *const m = loaded[i];
	struct tw_self *const self = &m->self;

	self->module = &m->object.desc;
	self->path = m->path;
	self->id = (uint32_t)i;
	n_registered = i + 1;
	self->counter = n_counters;
	n_counters += counters_len(self->module->counters);
	if (blocks_place(self, err) != 0 || words_add(self, err) != 0)
		return -1;
	return tw__module_check_names(self, err);
}

static int
module_greet(const struct tw_self *self, struct tw_err *err)
{
	struct tw_err why = { "" };

	if (self->module->load == NULL || self->module->load(self, &why) == 0)
		return 0;
	return tw_err_set(err, "module '%s' (%s) does not start: %.800s",
	    self->module->name, self->path, why.text);
}

/* For the crash report: no malloc, no stdio. */
static void
modules_report(int fd)
{
	char buf[1024];
	struct tw_out o = tw_out_of(buf, sizeof(buf));

	tw_out_lit(&o, "Modules:");
	for (int i = 0; i < n_registered; i++) {
		tw_out_char(&o, ' ');
		tw_out_str(&o, tw_str_of(loaded[i]->object.desc.name));
		tw_out_char(&o, '-');
		tw_out_str(&o, tw_str_of(loaded[i]->object.desc.version));
	}
	tw_out_char(&o, '\n');
	if (write(fd, buf, (size_t)(o.p - buf)) < 0)
		return; /* nobody to tell */
}

int
tw__modules_load(const struct tw__module_choice *choice, struct tw_err *err)
{
	const char *const dir = tw__modules_dir(choice->dir);

	TW_ASSERT(n_loaded == 0);
	dir_used = strdup(dir);
	tw__panic_add(modules_report);
	if ((choice->names != NULL ? load_named(dir, choice->names, err)
				   : load_all(dir, err)) != 0)
		return -1;
	if (names_check(err) != 0 || sort_loaded(err) != 0)
		return -1;
	for (int i = 0; i < n_loaded; i++) {
		if (module_register(i, err) != 0)
			return -1;
	}
	if (sort_hooks(err) != 0)
		return -1;
	for (int i = 0; i < n_loaded; i++) {
		if (module_greet(&loaded[i]->self, err) != 0)
			return -1;
	}
	return 0;
}

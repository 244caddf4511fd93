/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * types.c - `tideway lua-types DIR`: what editors need to complete and check
 * scripts, in LuaCATS annotations.
 *
 * What functions there are is collected from the C files when the program is built
 * (contrib/dev/luatypes.sh); fetches and converters come from the tables of the
 * core and of the modules that are loaded.
 */
#include "lu.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "test.h"

extern const char lu_lib_types[];

static const char *
type_name(enum tw_type type)
{
	switch (type) {
	case TW_BOOL:
		return "boolean|integer";
	case TW_SINT:
		return "integer";
	case TW_ANY:
		return "any";
	default:
		return "string";
	}
}

static void
name_print(FILE *to, const char *name)
{
	for (; *name != '\0'; name++)
		fputc(isalnum((unsigned char)*name) ? *name : '_', to);
}

/* "s,i" or "s[,i]": arg1, arg2 ... returns: how many. */
static int
params_print(FILE *to, const char *spec)
{
	bool optional = false;
	int n = 0;

	for (; spec != NULL && *spec != '\0'; spec++) {
		optional = optional || *spec == '[';
		if (!isalpha((unsigned char)*spec))
			continue;
		fprintf(to, "---@param arg%d%s %s\n", ++n, optional ? "?" : "",
		    *spec == 'i' ? "integer" : "string|integer");
	}
	return n;
}

/* "function C:x(a, b) end"; a word of Lua's own cannot stand behind a colon. */
static void
function_print(FILE *to, const char *class, const char *name, int n, const char *first)
{
	static const char *const words[] = { "and", "not", "or", NULL };
	const bool word = tw_is_one_of(name, words);

	fprintf(to, word ? "%s[\"" : "function %s:", class);
	name_print(to, name);
	fprintf(to, word ? "\"] = function(self, %s" : "(%s", first);
	for (int i = 1; i <= n; i++)
		fprintf(to, "%sarg%d", i > 1 || *first != '\0' ? ", " : "", i);
	fprintf(to, ") end\n\n");
}

static void
fetches_print(FILE *to, const char *class, bool text)
{
	const struct tw_fetch *f;

	fprintf(to, "---@class %s\nlocal %s = {}\n\n", class, class);
	for (int i = 0; (f = tw_fetch_at(i)) != NULL; i++) {
		if (tw_is_family(f->name))
			continue;
		fprintf(to, "--- %s\n", f->help != NULL ? f->help : f->name);
		const int n = params_print(to, f->args);
		fprintf(to, "---@return %s\n", text ? "string" : type_name(f->out));
		function_print(to, class, f->name, n, "");
	}
}

static void
convs_print(FILE *to, const char *class, bool text)
{
	const struct tw_conv *c;

	fprintf(to, "---@class %s\nlocal %s = {}\n\n", class, class);
	for (int i = 0; (c = tw_conv_at(i)) != NULL; i++) {
		if (tw_is_family(c->name))
			continue;
		fprintf(to, "--- %s\n---@param input any\n",
		    c->help != NULL ? c->help : c->name);
		const int n = params_print(to, c->args);
		fprintf(to, "---@return %s\n", text ? "string" : type_name(c->out));
		function_print(to, class, c->name, n, "input");
	}
}

static void
expressions_print(FILE *to)
{
	fprintf(to,
	    "---@meta\n-- Fetches and converters. Written by tideway lua-types.\n\n");
	fetches_print(to, "Fetches", false);
	fetches_print(to, "FetchesText", true);
	convs_print(to, "Converters", false);
	convs_print(to, "ConvertersText", true);
}

static void
functions_print(FILE *to)
{
	fputs(lu_lib_types, to);
}

static int
file_write(const char *dir, const char *name, void (*print)(FILE *to))
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *const f = fopen(path, "w");
	if (f != NULL)
		print(f);
	if (f == NULL || fclose(f) != 0) {
		fprintf(stderr, "tideway lua-types: %s: %s\n", path, strerror(errno));
		return 1;
	}
	printf("%s\n", path);
	return 0;
}

int
lu_types_run(int argc, char **argv)
{
	if (argc != 2 || argv[1][0] == '-') {
		fprintf(stderr,
		    "usage: tideway lua-types DIR\n"
		    "Writes type files (LuaCATS) for editors to DIR: name it in\n"
		    "workspace.library of .luarc.json.\n");
		return 2;
	}
	if (mkdir(argv[1], 0777) != 0 && errno != EEXIST) {
		fprintf(
		    stderr, "tideway lua-types: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	return file_write(argv[1], "tideway.lua", functions_print) |
	    file_write(argv[1], "expressions.lua", expressions_print);
}

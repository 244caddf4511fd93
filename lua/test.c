/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test.c - `tideway lua-test`: runs *_test.lua files.
 *
 * Each file runs in a process of its own: a script that brings the program down
 * fails its own tests only. The report is TAP, so that prove and the like read
 * it. One thread.
 */
#include "lu.h"

#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tideway/log.h>

#include "count.h"
#include "test.h"

extern const char lu_lib_test[];
extern const size_t lu_lib_test_len;

struct options {
	const char *only; /* cases whose name has this in it; NULL: all */
	int least;        /* percent of lines */
	bool no_cover;
};

struct totals {
	int n, failed;
};

struct list {
	char **at;
	int n;
};

static int
fail(const char *fmt, const char *arg)
{
	fprintf(stderr, "tideway lua-test: ");
	fprintf(stderr, fmt, arg);
	fputc('\n', stderr);
	return 2;
}

/* ---- finding files ---------------------------------------------------------------------- */

static void
list_add(struct list *l, const char *path)
{
	char **const more = realloc(l->at, sizeof(*more) * (size_t)(l->n + 1));

	if (more == NULL)
		return;
	l->at = more;
	l->at[l->n++] = strdup(path);
}

static bool
is_test(const char *name)
{
	const size_t len = strlen(name), tail = strlen("_test.lua");

	return len > tail && strcmp(name + len - tail, "_test.lua") == 0;
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void
dir_search(struct list *l, const char *dir, int depth)
{
	struct dirent **names;
	const int n = scandir(dir, &names, NULL, by_name);
	char path[PATH_MAX];
	struct stat st;

	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
		if (names[i]->d_name[0] != '.' && stat(path, &st) == 0) {
			if (S_ISDIR(st.st_mode) && depth < 16)
				dir_search(l, path, depth + 1);
			else if (is_test(names[i]->d_name))
				list_add(l, path);
		}
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

/* ---- one file -------------- */

static void
print_comment(const char *text)
{
	while (*text != '\0') {
		const size_t len = strcspn(text, "\n");
		printf("    # %.*s\n", (int)len, text);
		text += len + (text[len] != '\0');
	}
}

/* report(name, ok, why, stack); upvalue 1: struct totals. */
static int
report(lua_State *L)
{
	struct totals *const t = lua_touserdata(L, lua_upvalueindex(1));
	const bool ok = lua_toboolean(L, 2);

	t->n++;
	t->failed += !ok;
	printf("    %s %d - %s\n", ok ? "ok" : "not ok", t->n, luaL_checkstring(L, 1));
	for (int i = 3; i <= 4 && !ok; i++)
		print_comment(luaL_optstring(L, i, ""));
	return 0;
}

static int
add_traceback(lua_State *L)
{
	if (lua_type(L, 1) == LUA_TSTRING)
		luaL_traceback(L, L, lua_tostring(L, 1), 1);
	else
		luaL_tolstring(L, 1, NULL); /* the library's own: it says where */
	return 1;
}

/* returns: the runner at the top, `test` global. */
static int
library_open(lua_State *L)
{
	luaL_openlibs(L);
	if (luaL_loadbuffer(L, lu_lib_test, lu_lib_test_len, "=test") != LUA_OK)
		return lua_error(L);
	lu_open_play(L);
	lua_call(L, 1, 2);
	lua_insert(L, -2);
	lua_setglobal(L, "test");
	return 1;
}

static int
file_fail(lua_State *L, const char *name)
{
	printf("    # %s:\n", name);
	print_comment(lua_tostring(L, -1));
	return 1;
}

static int
cases_run(lua_State *L, const char *name, const struct options *o, struct totals *t)
{
	lua_pushcfunction(L, add_traceback);
	lua_pushcfunction(L, library_open);
	if (lua_pcall(L, 0, 1, 1) != LUA_OK)
		return file_fail(L, name);
	if (luaL_loadfilex(L, name, "t") != LUA_OK || lua_pcall(L, 0, 0, 1) != LUA_OK)
		return file_fail(L, name);
	lua_pushlightuserdata(L, t);
	lua_pushcclosure(L, report, 1);
	lua_pushstring(L, o->only);
	return lua_pcall(L, 2, 0, 1) == LUA_OK ? 0 : file_fail(L, name);
}

/* What the functions of the configuration in force have cost. Line coverage is not
 * free: with --no-coverage it is what the program itself would need. */
static void
costs_print(const struct options *o)
{
	struct tw_gen *const gen = tw_gen_running();
	struct lu_sum sum;

	if (gen == NULL)
		return;
	for (const struct lu_unit *u = lu_conf_of(gen)->units; u != NULL; u = u->next)
		for (const struct lu_slot *slot = u->slots; slot != NULL;
		     slot = slot->next) {
			lu_count_sum(u->set, slot, &sum);
			if (sum.calls == 0)
				continue;
			printf("# cost %s %s: %llu calls, %llu errors, %.2f us of CPU "
			       "each%s\n",
			    u->name, slot->name, (unsigned long long)sum.calls,
			    (unsigned long long)sum.errors,
			    (double)lu_count_quantile(sum.cpu, 50) / 1000,
			    o->no_cover ? "" : " with coverage");
		}
}

/* In its directory, so that it names its script as it likes. returns: the status
 * of the child. */
static int
file_run(const char *path, const struct options *o)
{
	struct totals t = { 0, 0 };
	char dir[PATH_MAX], name[PATH_MAX];
	lua_State *const L = luaL_newstate();

	snprintf(dir, sizeof(dir), "%s", path);
	snprintf(name, sizeof(name), "%s", path);
	if (L == NULL || chdir(dirname(dir)) != 0) {
		printf("    # %s: %s\n", path, strerror(errno));
		return 1;
	}
	if (!o->no_cover)
		lu_cover_begin();
	int status = cases_run(L, basename(name), o, &t);
	printf("    1..%d\n", t.n);
	costs_print(o);
	if (!lu_cover_print(stdout, o->least)) {
		printf("    # fewer than %d%% of the lines were run\n", o->least);
		status = 1;
	}
	lua_close(L);
	tw_play_down();
	lu_cover_end();
	fflush(stdout);
	return status != 0 || t.failed > 0;
}

static bool
file_fork(const char *path, const struct options *o)
{
	int status = 0;

	fflush(stdout);
	const pid_t pid = fork();
	if (pid == 0)
		exit(file_run(path, o));
	if (pid < 0)
		return false;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		printf("    # it ended by signal %d\n", WTERMSIG(status));
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* ---- the whole -------------- */

static int
help(void)
{
	puts(
	    "tideway lua-test [OPTION...] DIR|FILE...\n"
	    "Runs the *_test.lua files that are there and reports in TAP.\n"
	    "  --only TEXT     only cases whose name has TEXT in it\n"
	    "  --coverage N    fail when fewer than N % of a script's lines were run\n"
	    "  --no-coverage   do not look which lines are run; costs are the real ones\n"
	    "Exit status: 0 all passed, 1 not all, 2 wrong usage. See tideway-lua-test(1).");
	return 0;
}

static int
take_options(struct options *o, struct list *files, int argc, char **argv)
{
	struct stat st;
	char *end;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0)
			exit(help());
		if (strcmp(argv[i], "--no-coverage") == 0) {
			o->no_cover = true;
		} else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) {
			o->only = argv[++i];
		} else if (strcmp(argv[i], "--coverage") == 0 && i + 1 < argc) {
			o->least = (int)strtol(argv[++i], &end, 10);
			if (*end != '\0' || o->least < 0 || o->least > 100)
				return fail("--coverage: 0 to 100, not '%s'", argv[i]);
		} else if (argv[i][0] == '-') {
			return fail("unknown option '%s': --help tells more", argv[i]);
		} else if (stat(argv[i], &st) != 0) {
			return fail("%s is not there", argv[i]);
		} else if (S_ISDIR(st.st_mode)) {
			dir_search(files, argv[i], 0);
		} else {
			list_add(files, argv[i]);
		}
	}
	return files->n > 0 ? 0
			    : fail("%s: no file *_test.lua was found",
				  argc > 1 ? argv[argc - 1] : "no directory was named");
}

static int
test_run(int argc, char **argv)
{
	struct options o = { .only = NULL };
	struct list files = { NULL, 0 };
	int failed = 0;
	const int status = take_options(&o, &files, argc, argv);

	for (int i = 0; status == 0 && i < files.n; i++) {
		printf("# %s\n", files.at[i]);
		const bool ok = file_fork(files.at[i], &o);
		failed += !ok;
		printf("%s %d - %s\n", ok ? "ok" : "not ok", i + 1, files.at[i]);
	}
	if (status == 0)
		printf("1..%d\n", files.n);
	for (int i = 0; i < files.n; i++)
		free(files.at[i]);
	free(files.at);
	return status != 0 ? status : failed > 0;
}

const struct tw_tool lu_tools[] = {
	{ "lua-test", test_run, "DIR|FILE...",
	    "runs the tests of Lua scripts; lua-test --help tells more" },
	{ "lua-types", lu_types_run, "DIR",
	    "writes type files of the Lua functions for editors" },
	{ .name = NULL },
};

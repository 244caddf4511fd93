/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_options.c - the command line: what is taken, what is refused and how,
 * and that nothing is swallowed.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/run/options.h"

#define MAX_ARGS 16
#define PARSE(o, err, ...) \
	parse((o), (err), (const char *const[]){ "tideway", __VA_ARGS__, NULL })

static int
parse(struct tw__options *o, struct tw_err *err, const char *const *words)
{
	static char *argv[MAX_ARGS];
	int argc = 0;

	for (; words[argc] != NULL; argc++)
		argv[argc] = (char *)words[argc];
	return tw__options_parse(o, argc, argv, err);
}

static void
test_files(void **state)
{
	struct tw__options o;
	struct tw_err err;

	(void)state;
	assert_int_equal(
	    PARSE(&o, &err, "-f", "a", "-c", "-f", "b", "--", "c", "-d"), 0);
	assert_int_equal(o.n_files, 4);
	assert_string_equal(o.files[0], "a");
	assert_string_equal(o.files[1], "b");
	assert_string_equal(o.files[2], "c");
	assert_string_equal(o.files[3], "-d");
	assert_int_equal(o.todo, TW__DO_CHECK);
	assert_false(o.debug);
	tw__options_fini(&o);
}

static void
test_flags(void **state)
{
	struct tw__options o;
	struct tw_err err;

	(void)state;
	assert_int_equal(PARSE(&o, &err, "-f", "a", "-Ws", "-D", "-db", "-dW", "-p",
			     "pid", "-C", "dir", "-L", "me", "-dC"),
	    0);
	assert_true(o.master && o.notify && o.daemon && o.foreground);
	assert_true(o.zero_warning && o.dump);
	assert_false(o.debug);
	assert_string_equal(o.pidfile, "pid");
	assert_string_equal(o.dir, "dir");
	assert_string_equal(o.local_peer, "me");
	assert_int_equal(o.todo, TW__DO_RUN);
	tw__options_fini(&o);
	assert_int_equal(PARSE(&o, &err, "-f", "a", "-W", "-V", "-q"), 0);
	assert_true(o.master && o.quiet);
	assert_false(o.notify || o.verbose);
	tw__options_fini(&o);
}

static void
test_numbers(void **state)
{
	struct tw__options o;
	struct tw_err err;

	(void)state;
	assert_int_equal(
	    PARSE(&o, &err, "-f", "a", "-n", "10", "-N", "20", "-m", "30"), 0);
	assert_int_equal(o.maxconn, 10);
	assert_int_equal(o.proxy_maxconn, 20);
	assert_int_equal(o.memory_mb, 30);
	tw__options_fini(&o);
	assert_int_equal(PARSE(&o, &err, "-n", "abc"), -1);
	assert_non_null(strstr(err.text, "'abc'"));
	assert_int_equal(PARSE(&o, &err, "-n", "-1"), -1);
	assert_int_equal(PARSE(&o, &err, "-m", "99999999999999999999"), -1);
	assert_int_equal(PARSE(&o, &err, "-N", "4294967296"), -1);
	assert_int_equal(PARSE(&o, &err, "-N", ""), -1);
	assert_int_equal(PARSE(&o, &err, "-n"), -1);
	assert_non_null(strstr(err.text, "-n needs"));
}

static void
test_pids(void **state)
{
	struct tw__options o;
	struct tw_err err;

	(void)state;
	assert_int_equal(PARSE(&o, &err, "-f", "a", "-sf", "1", "22 333", "-c"), 0);
	assert_int_equal(o.old_signal, SIGUSR1);
	assert_int_equal(o.n_old, 3);
	assert_int_equal(o.old[2], 333);
	tw__options_fini(&o);
	assert_int_equal(PARSE(&o, &err, "-f", "a", "-st"), 0);
	assert_int_equal(o.old_signal, SIGTERM);
	assert_int_equal(o.n_old, 0);
	tw__options_fini(&o);
	assert_int_equal(PARSE(&o, &err, "-sf", "12x"), -1);
	assert_non_null(strstr(err.text, "'12x'"));
	assert_int_equal(PARSE(&o, &err, "-st", "0"), -1);
	assert_int_equal(PARSE(&o, &err, "-st", "99999999999"), -1);
}

static void
test_old_socket(void **state)
{
	struct tw__options o;
	struct tw_err err;

	(void)state;
	assert_int_equal(PARSE(&o, &err, "-f", "a", "-x", "/run/old.sock"), 0);
	assert_string_equal(o.old_socket, "/run/old.sock");
	tw__options_fini(&o);
	assert_int_equal(PARSE(&o, &err, "-f", "a", "-x"), -1);
	assert_non_null(strstr(err.text, "-x needs"));
	assert_int_equal(PARSE(&o, &err, "-x", "-f", "a"), -1);
}

/* An empty text asks for the usage; a text says why. */
static void
test_refusals(void **state)
{
	static const char *const later[] = { "-dM", "-dMhelp", "-de", "-dKall" };
	struct tw__options o;
	struct tw_err err;

	(void)state;
	for (size_t i = 0; i < TW_N_ELEMENTS(later); i++) {
		assert_int_equal(PARSE(&o, &err, later[i], "arg"), -1);
		assert_non_null(strstr(err.text, "not supported by tideway yet"));
	}
	assert_int_equal(PARSE(&o, &err, "-Z"), -1);
	assert_string_equal(err.text, "");
	assert_int_equal(PARSE(&o, &err, "-f", "a", "stray"), -1);
	assert_string_equal(err.text, "");
	assert_int_equal(PARSE(&o, &err, "-cc"), -1);
	assert_string_equal(err.text, "");
	assert_int_equal(PARSE(&o, &err, "-dCkey"), -1);
	assert_non_null(strstr(err.text, "-dCkey"));
}

static void
test_other_work(void **state)
{
	struct tw__options o;
	struct tw_err err;

	(void)state;
	assert_int_equal(parse(&o, &err, (const char *const[]){ "tideway", NULL }), 0);
	assert_int_equal(o.todo, TW__DO_USAGE);
	assert_int_equal(PARSE(&o, &err, "-c"), 0);
	assert_int_equal(o.todo, TW__DO_USAGE);
	assert_int_equal(PARSE(&o, &err, "-v"), 0);
	assert_int_equal(o.todo, TW__DO_VERSION);
	assert_int_equal(PARSE(&o, &err, "-vv"), 0);
	assert_int_equal(o.todo, TW__DO_VERSION_ALL);
	assert_int_equal(PARSE(&o, &err, "-cc", "streq(a,a)"), 0);
	assert_string_equal(o.condition, "streq(a,a)");
	assert_int_equal(PARSE(&o, &err, "-K"), 0);
	assert_null(o.manual);
	assert_int_equal(PARSE(&o, &err, "-K", "bind"), 0);
	assert_string_equal(o.manual, "bind");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_pids),
		cmocka_unit_test(test_old_socket),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_other_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

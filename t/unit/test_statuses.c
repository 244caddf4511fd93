/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_statuses.c - http-err-codes and http-fail-codes: what they read, and what
 * counts then.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <tideway/req.h>
#include "core/conf/parser.h"
#include "core/conf/read.h"
#include "core/proxy/proxy.h"
#include "core/run/run.h"

static struct tw_gen gen;
static struct tw_report report;

static int
setup(void **state)
{
	struct tw_err err;

	(void)state;
	if (tw__global_register(&err) != 0 || tw__proxy_register(&err) != 0)
		fail_msg("%s", err.text);
	return 0;
}

static int
gen_end(void **state)
{
	(void)state;
	if (gen.conf.arena != NULL)
		tw_arena_free(&gen.conf.arena);
	free(report.text);
	report.text = NULL;
	return 0;
}

/* Lines of a global section. */
static int
lines(const char *text)
{
	char all[256];
	const int len = snprintf(all, sizeof(all), "global\n%s\n", text);

	gen_end(NULL);
	memset(&gen, 0, sizeof(gen));
	memset(&report, 0, sizeof(report));
	gen.magic = TW_GEN_MAGIC;
	gen.conf.arena = tw_arena_new(0);
	gen.conf.report = &report;
	TAILQ_INIT(&gen.proxies);
	TAILQ_INIT(&gen.defaults);
	return tw__conf_read_text(&gen, "t", all, (size_t)len);
}

/* in: text, what counts, as "400-403 405 ". */
static void
counts(bool (*is)(const struct tw_gen *, int), const char *want)
{
	char text[1024] = "";
	size_t len = 0;

	for (int i = 0; i < 1000; i++) {
		int k = i;

		if (!is(&gen, i))
			continue;
		while (is(&gen, k + 1))
			k++;
		len += (size_t)snprintf(
		    text + len, sizeof(text) - len, k > i ? "%d-%d " : "%d ", i, k);
		i = k;
	}
	assert_string_equal(text, want);
}

static void
test_usual(void **state)
{
	(void)state;
	assert_int_equal(lines(""), 0);
	counts(tw_status_is_err, "400-499 ");
	counts(tw_status_is_fail, "500 502-504 506-599 ");
}

static void
test_lists(void **state)
{
	(void)state;
	assert_int_equal(lines("http-err-codes 400,402-444,446-480,490"), 0);
	counts(tw_status_is_err, "400 402-444 446-480 490 ");
	counts(tw_status_is_fail, "500 502-504 506-599 ");
	assert_int_equal(lines("http-err-codes 400-499 -450 +500"), 0);
	counts(tw_status_is_err, "400-449 451-500 ");
	assert_int_equal(lines("http-err-codes -450-459"), 0);
	counts(tw_status_is_err, "400-449 460-499 ");
	assert_int_equal(lines("http-fail-codes +501,505"), 0);
	counts(tw_status_is_fail, "500-599 ");
	assert_int_equal(lines("http-fail-codes 503\nhttp-fail-codes +100,599"), 0);
	counts(tw_status_is_fail, "100 503 599 ");
}

static void
test_bad(void **state)
{
	static const char *const bad[] = { "99", "600", "400-", "-", "+", "400,",
		",400", "450-440", "4000", "40", "x", "400-499x", "400--499" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[64];

		snprintf(text, sizeof(text), "http-err-codes %s", bad[i]);
		assert_int_equal(lines(text), -1);
		assert_non_null(
		    strstr(report.text, "expects statuses from 100 to 599"));
	}
	assert_int_equal(lines("http-err-codes"), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_usual),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, setup, gen_end);
}

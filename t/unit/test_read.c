/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_read.c - files and directories.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>
#include "conf_lang.h"

static char dir[] = "/tmp/tideway_test_read_XXXXXX";

static const char *
path_of(const char *name)
{
	static char path[200];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void
put_file(const char *name, const char *text)
{
	FILE *f = fopen(path_of(name), "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int
setup(void **state)
{
	(void)state;
	lang_register();
	if (mkdtemp(dir) == NULL)
		return -1;
	put_file("b.cfg", "global\n any bad\n");
	put_file("a.cfg", "global\n any bad\n");
	put_file("Z.cfg", "global\r\n any bad\r\n");
	put_file(".h.cfg", "hidden\n");
	put_file("c.txt", "other\n");
	return mkdir(path_of("d.cfg"), 0700);
}

static int
teardown(void **state)
{
	static const char *const names[] = { "b.cfg", "a.cfg", "Z.cfg", ".h.cfg",
		"c.txt", "bom" };

	(void)state;
	for (size_t i = 0; i < TW_N_ELEMENTS(names); i++)
		unlink(path_of(names[i]));
	rmdir(path_of("d.cfg"));
	tw__registry_clear();
	return rmdir(dir);
}

static int
read_path(const char *path, struct tw_report *r)
{
	static struct tw_gen gen;

	memset(&gen, 0, sizeof(gen));
	gen.conf.arena = tw_arena_new(0);
	gen.conf.report = r;
	const int rc = tw__conf_read(&gen, path);
	tw_arena_free(&gen.conf.arena);
	return rc;
}

static void
test_directory_in_order(void **state)
{
	struct tw_report r = { 0 };

	(void)state;
	assert_int_equal(read_path(dir, &r), -1);
	assert_int_equal(r.n_errors, 3);
	const char *const z = strstr(r.text, "/Z.cfg:2]");
	const char *const a = strstr(r.text, "/a.cfg:2]");
	const char *const b = strstr(r.text, "/b.cfg:2]");
	assert_true(z != NULL && a > z && b > a);
	free(r.text);
}

static void
test_missing_file(void **state)
{
	struct tw_report r = { 0 };

	(void)state;
	assert_int_equal(read_path(path_of("none"), &r), -1);
	assert_non_null(strstr(r.text, "/none : No such file or directory\n"));
	free(r.text);
}

static void
test_empty_file_is_fine(void **state)
{
	struct tw_report r = { 0 };

	(void)state;
	assert_int_equal(read_path("/dev/null", &r), 0);
	assert_int_equal(read_path(path_of("d.cfg"), &r), 0);
	assert_null(r.text);
}

static void
test_byte_order_mark(void **state)
{
	struct tw_report r = { 0 };

	(void)state;
	put_file("bom",
	    "\xef\xbb\xbf"
	    "global\n daemon\n");
	assert_int_equal(read_path(path_of("bom"), &r), 0);
}

static void
test_ten_thousand_servers(void **state)
{
	const size_t cap = 1000000;
	char *text = malloc(cap);
	struct tw_report r = { 0 };
	size_t len = 0;

	(void)state;
	for (int b = 0; b < 1000; b++) {
		len += (size_t)snprintf(text + len, cap - len, "backend b%d\n", b);
		for (int s = 0; s < 10; s++)
			len += (size_t)snprintf(text + len, cap - len,
			    " server s%d 10.0.%d.%d:80 check weight 5\n", s, b % 256,
			    s);
	}
	assert_int_equal(lang_parse(text, len, &r, NULL), 0);
	assert_int_equal(lang_last.n_servers, 10);
	assert_int_equal(lang_last.n_options, 20);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_directory_in_order),
		cmocka_unit_test(test_missing_file),
		cmocka_unit_test(test_empty_file_is_fine),
		cmocka_unit_test(test_byte_order_mark),
		cmocka_unit_test(test_ten_thousand_servers),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

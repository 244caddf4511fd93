/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_msg.c - message heads: ids, fields, targets (core/flow/msg.c).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <ctype.h>
#include <stdio.h>
/* after the above, as cmocka wants it */
#include <cmocka.h>

#include <tideway/edit.h>
#include <tideway/msg.h>
#include <tideway/text.h>

static struct tw_msg msg;

static int
setup(void **state)
{
	(void)state;
	memset(&msg, 0, sizeof(msg));
	return 0;
}

static void
ids(void **state)
{
	static const struct {
		const char *name;
		enum tw_hdr_id id;
	} all[] = {
#define X(id, text) { text, TW_H_##id },
#include <tideway/headers.def>
#undef X
	};

	(void)state;
	for (size_t i = 0; i < TW_N_ELEMENTS(all); i++) {
		char up[64];
		size_t len = strlen(all[i].name);

		assert_int_equal(tw_hdr_id(tw_str_of(all[i].name)), all[i].id);
		for (size_t j = 0; j <= len; j++)
			up[j] = (char)toupper((unsigned char)all[i].name[j]);
		assert_int_equal(tw_hdr_id(tw_str_of(up)), all[i].id);
		for (size_t j = 0; j < len; j++) {
			char keep = up[j];

			up[j] = keep == '!' ? '#' : '!';
			assert_int_equal(tw_hdr_id(tw_str_of(up)), TW_H_OTHER);
			up[j] = keep;
		}
		up[len] = 'x';
		assert_int_equal(tw_hdr_id((struct tw_str){ up, len + 1 }), TW_H_OTHER);
		assert_int_not_equal(
		    tw_hdr_id((struct tw_str){ up, len - 1 }), all[i].id);
	}
	assert_int_equal(tw_hdr_id(TW_STR("")), TW_H_OTHER);
	assert_int_equal(tw_hdr_id(TW_STR("x")), TW_H_OTHER);
}

static void
methods(void **state)
{
	(void)state;
	assert_int_equal(tw_method_of(TW_STR("GET")), TW_M_GET);
	assert_int_equal(tw_method_of(TW_STR("PATCH")), TW_M_PATCH);
	assert_int_equal(tw_method_of(TW_STR("get")), TW_M_OTHER);
	assert_int_equal(tw_method_of(TW_STR("GETS")), TW_M_OTHER);
	assert_int_equal(tw_method_of(TW_STR("")), TW_M_OTHER);
}

static void
add_and_delete(void **state)
{
	(void)state;
	assert_null(tw_msg_first(&msg, TW_H_COOKIE));
	assert_int_equal(tw_msg_add(&msg, TW_STR("Cookie"), TW_STR("1")), 0);
	assert_int_equal(tw_msg_add(&msg, TW_STR("X-A"), TW_STR("2")), 0);
	assert_int_equal(tw_msg_add(&msg, TW_STR("cookie"), TW_STR("3")), 0);
	assert_int_equal(tw_msg_add(&msg, TW_STR("COOKIE"), TW_STR("")), 0);
	assert_true(msg.flags & TW_MSG_EDITED);
	struct tw_hdr *a = tw_msg_first(&msg, TW_H_COOKIE);
	struct tw_hdr *b = tw_msg_next(&msg, a);
	struct tw_hdr *c = tw_msg_next(&msg, b);

	assert_true(tw_str_eq(tw_hdr_value(a), TW_STR("1")));
	assert_true(tw_str_eq(tw_hdr_value(b), TW_STR("3")));
	assert_int_equal(c->value_len, 0);
	assert_null(tw_msg_next(&msg, c));
	tw_msg_del(&msg, b);
	assert_ptr_equal(tw_msg_next(&msg, a), c);
	tw_msg_del(&msg, a);
	assert_ptr_equal(tw_msg_first(&msg, TW_H_COOKIE), c);
	tw_msg_del(&msg, c);
	assert_null(tw_msg_first(&msg, TW_H_COOKIE));
	assert_int_equal(tw_msg_add(&msg, TW_STR("cookie"), TW_STR("5")), 0);
	assert_true(
	    tw_str_eq(tw_hdr_value(tw_msg_first(&msg, TW_H_COOKIE)), TW_STR("5")));
}

static void
find(void **state)
{
	(void)state;
	assert_null(tw_msg_find(&msg, TW_STR("X-A"), NULL));
	tw_msg_add(&msg, TW_STR("X-A"), TW_STR("1"));
	tw_msg_add(&msg, TW_STR("Host"), TW_STR("h"));
	tw_msg_add(&msg, TW_STR("x-a"), TW_STR("2"));
	tw_msg_add(&msg, TW_STR("X-AB"), TW_STR("3"));
	struct tw_hdr *a = tw_msg_find(&msg, TW_STR("X-a"), NULL);
	struct tw_hdr *b = tw_msg_find(&msg, TW_STR("X-a"), a);

	assert_ptr_equal(a, &msg.hdr[0]);
	assert_ptr_equal(b, &msg.hdr[2]);
	assert_null(tw_msg_find(&msg, TW_STR("X-a"), b));
	assert_ptr_equal(tw_msg_find(&msg, TW_STR("HOST"), NULL), &msg.hdr[1]);
	assert_null(tw_msg_find(&msg, TW_STR("HOST"), &msg.hdr[1]));
	tw_msg_del(&msg, a);
	assert_ptr_equal(tw_msg_find(&msg, TW_STR("X-a"), NULL), b);
}

static void
limits(void **state)
{
	(void)state;
	for (int i = 0; i < TW_MAX_HDR; i++)
		assert_int_equal(tw_msg_add(&msg, TW_STR("X"), TW_STR("1")), 0);
	assert_int_equal(tw_msg_add(&msg, TW_STR("X"), TW_STR("1")), -1);
	assert_int_equal(msg.n_hdr, TW_MAX_HDR);
}

static void
path_is(const char *target, const char *path, const char *query)
{
	msg.target = tw_str_of(target);
	assert_true(tw_str_eq(tw_msg_path(&msg), tw_str_of(path)));
	assert_true(tw_str_eq(tw_msg_query(&msg), tw_str_of(query)));
}

static void
paths(void **state)
{
	(void)state;
	path_is("/", "/", "");
	path_is("/a/b", "/a/b", "");
	path_is("/a?b?c", "/a", "b?c");
	path_is("/?", "/", "");
	path_is("http://h/x?y", "/x", "y");
	path_is("http://h?y", "", "y");
	path_is("https://h:1", "", "");
	path_is("*", "", "");
	path_is("", "", "");
	msg.method = TW_M_CONNECT;
	path_is("h:443", "", "");
}

static void
reasons(void **state)
{
	(void)state;
	assert_string_equal(tw_status_reason(200), "OK");
	assert_string_equal(tw_status_reason(511), "Network Authentication Required");
	assert_non_null(tw_status_reason(799));
}

static void
target_parts(void **state)
{
	static const struct {
		const char *target, *before, *path, *query; /* query NULL: none */
		bool has_path;
	} all[] = {
		{ "/a/b?c=d", "", "/a/b", "c=d", true },
		{ "/a?", "", "/a", "", true },
		{ "/", "", "/", NULL, true },
		{ "http://h:1/a?b", "http://h:1", "/a", "b", true },
		{ "a/b?c", "", "a/b", "c", true },
		{ "*", "*", "", NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < TW_N_ELEMENTS(all); i++) {
		msg.target = tw_str_of(all[i].target);
		const struct tw_target t = tw_target_split(&msg);
		assert_true(tw_str_eq(t.before, tw_str_of(all[i].before)));
		assert_true(tw_str_eq(t.path, tw_str_of(all[i].path)));
		assert_int_equal(t.has_query, all[i].query != NULL);
		if (all[i].query != NULL)
			assert_true(tw_str_eq(t.query, tw_str_of(all[i].query)));
		assert_int_equal(tw_target_has_path(&msg), all[i].has_path);
	}
	msg.method = TW_M_CONNECT;
	msg.target = TW_STR("h:443");
	assert_false(tw_target_has_path(&msg));
}

/* A regular expression that is made while traffic runs, on a list. */
static void
lists(void **state)
{
	struct tw_err err = { "" };
	char mem[64];
	struct tw_out o = tw_out_of(mem, sizeof(mem));
	struct tw_regex *re = tw_regex_new("^(b)$", false, &err);

	(void)state;
	assert_non_null(re);
	assert_true(
	    tw_regex_expand_list(re, TW_STR("a, b,\"x,b\",b"), TW_STR("<\\1>"), &o));
	assert_int_equal(o.p - mem, 15);
	assert_memory_equal(mem, "a,<b>,\"x,b\",<b>", 15);
	tw_regex_free(&re);
	assert_null(re);
	tw_regex_free(&re);
	assert_null(tw_regex_new("(", false, &err));
	assert_non_null(strstr(err.text, "parenthesis"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(target_parts, setup),
		cmocka_unit_test(lists),
		cmocka_unit_test_setup(ids, setup),
		cmocka_unit_test_setup(methods, setup),
		cmocka_unit_test_setup(add_and_delete, setup),
		cmocka_unit_test_setup(find, setup),
		cmocka_unit_test_setup(limits, setup),
		cmocka_unit_test_setup(paths, setup),
		cmocka_unit_test_setup(reasons, setup),
	};

	return cmocka_run_group_tests_name("msg", tests, NULL, NULL);
}

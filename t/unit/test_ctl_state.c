/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_ctl_state.c - lines of server-state files, and whose word counts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "modules/ctl/ctl.h"

static bool
parse(const char *text, struct ctl_state *s)
{
	static char line[512];

	assert_true(strlen(text) < sizeof(line));
	strcpy(line, text);
	return ctl_state_line(line, s);
}

static void
test_line(void **unused)
{
	struct ctl_state s;

	(void)unused;
	assert_true(parse(
	    "3 be 7 s1 10.0.0.1 2 8 50 100 42 15 3 4 6 0 0 0 - 80 - 0 0 - - 0", &s));
	assert_string_equal(s.backend, "be");
	assert_string_equal(s.server, "s1");
	assert_int_equal(s.iid, 3);
	assert_int_equal(s.sid, 7);
	assert_int_equal(s.health, TW_UP);
	assert_int_equal(s.admin, CTL_FDRAIN);
	assert_int_equal(s.uweight, 50);
	assert_int_equal(s.iweight, 100);
	assert_int_equal(s.changed_s, 42);
	assert_int_equal(s.what, TW_CHK_L7OK);
	assert_string_equal(s.addr, "10.0.0.1");
	assert_int_equal(s.port, 80);
	assert_null(s.host);
	assert_null(s.check_addr);
	assert_true(
	    parse("3 be 7 s1 ::1 2 64 1 1 42 15 3 4 6 22 0 0 a.b 80 _l._t.x 0 8 ::2 "
		  "127.0.0.3 70000",
		&s));
	assert_string_equal(s.host, "a.b");
	assert_string_equal(s.label, "_l._t.x");
	assert_string_equal(s.check_addr, "::2");
	assert_string_equal(s.agent_addr, "127.0.0.3");
	assert_int_equal(s.check_port, 8);
	assert_int_equal(s.agent_port, 0); /* no port */
	assert_int_equal(s.admin, CTL_FHOST);
	assert_int_equal(
	    s.agent, CTL_CHECK_AGENT | CTL_CHECK_CONFIGURED | CTL_CHECK_ENABLED);
	assert_true(parse("3 be 7 s1 - 0 0 1 1 0 8 2 0 6 0 0 0", &s)); /* older */
	assert_null(s.addr);
	assert_int_equal(s.health, TW_DOWN);
	assert_int_equal(s.what, TW_CHK_L4CON);
	assert_true(parse("3 be 7 s1 - 3 0 1 1 0 99 2 0", &s));
	assert_int_equal(s.health, TW_NOLB);
	assert_int_equal(s.what, TW_CHK_UNK);
}

static void
test_bad_lines(void **unused)
{
	static const char *const bad[] = { "", "   ", "1", "a b c",
		"3 be 7 s1 - 2 0 1 1 0 6 3",     /* too short */
		"x be 7 s1 - 2 0 1 1 0 6 3 4 6", /* numbers */
		"3 be x s1 - 2 0 1 1 0 6 3 4 6", "3 be 7 s1 - 4 0 1 1 0 6 3 4 6",
		"3 be 7 s1 - 2 256 1 1 0 6 3 4 6", "3 be 7 s1 - 2 0 257 1 0 6 3 4 6",
		"3 be 7 s1 - 2 0 1 -1 0 6 3 4 6",
		"3 be 7 s1 - 2 0 1 1 4294967296 6 3 4 6",
		"3 be 7 s1 - 2 0 1 1 0 6x 3 4 6", NULL };
	struct ctl_state s;

	(void)unused;
	for (int i = 0; bad[i] != NULL; i++)
		assert_false(parse(bad[i], &s));
}

static void
test_whose_word(void **unused)
{
	static const struct {
		uint32_t saved;
		bool is_disabled;
		unsigned now;
	} cases[] = {
		{ 0, false, 0 },
		{ 0, true, TW_ADM_MAINT },           /* the line is new */
		{ CTL_FMAINT, false, TW_ADM_MAINT }, /* a person */
		{ CTL_FMAINT, true, TW_ADM_MAINT },
		{ CTL_FMAINT | CTL_CMAINT, true, TW_ADM_MAINT }, /* the line */
		{ CTL_FMAINT | CTL_CMAINT, false, 0 },           /* it was changed */
		{ CTL_CMAINT, true, 0 }, /* a person had ended it */
		{ CTL_CMAINT, false, 0 },
		{ CTL_FDRAIN, false, TW_ADM_DRAIN },
		{ CTL_FDRAIN | CTL_FMAINT, false, TW_ADM_DRAIN | TW_ADM_MAINT },
	};

	(void)unused;
	for (size_t i = 0; i < TW_N_ELEMENTS(cases); i++) {
		const struct ctl_state s = { .admin = cases[i].saved };

		assert_int_equal(
		    ctl_state_admin(&s, cases[i].is_disabled), cases[i].now);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_whose_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

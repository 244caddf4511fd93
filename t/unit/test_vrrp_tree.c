/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_vrrp_tree.c - keepalived.conf as lines of words: a text is read and
 * written again in one form, words between bars, blocks between braces.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "modules/vrrp/tree.h"

static char said[4096];

static void
say(void *arg, bool is_error, const struct vr_where *at, const char *text)
{
	(void)arg;
	const size_t len = strlen(said);
	snprintf(said + len, sizeof(said) - len, "%s:%d: %s%s\n", at->file, at->line,
	    is_error ? "" : "warning: ", text);
}

static void
write_lines(struct tw_out *o, const struct vr_line *l)
{
	for (; l != NULL; l = l->next) {
		for (unsigned i = 0; i < l->n_words; i++)
			tw_out_printf(o, "%s%s", i > 0 ? "|" : "", l->word[i]);
		if (l->has_block) {
			tw_out_lit(o, "{");
			write_lines(o, l->child);
			tw_out_lit(o, "}");
		}
		if (l->next != NULL)
			tw_out_lit(o, ";");
	}
}

/* returns: the text in the one form; static. */
static const char *
form_from(const char *path, const struct vr_source *from)
{
	static char out[16384];
	struct tw_out o = tw_out_of(out, sizeof(out) - 1);
	struct vr_report rep = { .say = say };
	struct tw_arena *arena = tw_arena_new(0);

	said[0] = '\0';
	write_lines(&o, vr_tree_read(arena, path, from, &rep));
	*o.p = '\0';
	tw_arena_free(&arena);
	return out;
}

static const char *
form(const char *text)
{
	const struct vr_source from = { .config_id = "main",
		.text = text,
		.text_len = strlen(text),
		.max_lines = 10000 };
	return form_from("k.conf", &from);
}

#define MEANS(text, expected) assert_string_equal(form(text), expected)
#define FAILS(text, expected)                            \
	do {                                             \
		form(text);                              \
		assert_non_null(strstr(said, expected)); \
	} while (0)

static void
test_words(void **state)
{
	(void)state;
	MEANS("", "");
	MEANS("a\tb  c\r\n\n d ", "a|b|c;d");
	MEANS("abcd\" efg h jkl \"mnop", "abcd efg h jkl mnop");
	MEANS("abcd \"efg h jkl\" mnop", "abcd|efg h jkl|mnop");
	MEANS("s '/bin/x \"a b\" c'", "s|/bin/x \"a b\" c");
	MEANS("s \"\"", "s|");
	MEANS("id \"A\\tB\\x41\\102\\e\\\\\\\"\"", "id|A\tBABe\\\"");
	MEANS("id A\\#b", "id|A#b");
	MEANS("p C:\\dir\\x", "p|C:\\dir\\x");
	FAILS("a\nb \"c\nd", "k.conf:2: a quote has no end");
}

static void
test_comments(void **state)
{
	(void)state;
	MEANS("# a\n! b\n  # c {\nd # e\nf!g", "d;f");
	MEANS("a \"b # c!\" d", "a|b # c!|d");
	MEANS("a \"b\\\" # c\" d # e", "a|b\" # c|d");
}

static void
test_blocks(void **state)
{
	(void)state;
	MEANS("a { b }", "a{b}");
	MEANS("a{b}", "a{b}");
	MEANS("a {\nb c\nd }", "a{b|c;d}");
	MEANS("a b\n{\nc\n}\nd", "a|b{c};d");
	MEANS("a { b { c } d } e", "a{b{c};d};e");
	MEANS("a { }", "a{}");
	MEANS("p \"a { b\"", "p|a { b");
	FAILS("a {\nb {\n}\n", "k.conf:1: the block of 'a' has no end");
	FAILS("a\n}\n", "k.conf:2: '}' closes nothing");
	FAILS("{ a }", "k.conf:1: '{' without a word");
	FAILS("a { b } { c }", "k.conf:1: '{' without a word");
	FAILS("a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{", "deep");
}

static void
test_conditions(void **state)
{
	(void)state;
	MEANS("@main a\n@backup b\n@^main c\n@^backup d\n@tideway e\n@^tideway f\n@ g",
	    "a;d;e");
	MEANS("@main $P=1\n@backup $P=2\nx $P", "x|1");
	MEANS("$IF=@main\n$IF a\n$NO=@other\n$NO b", "a");
	MEANS("@other $M= \\\n a \\\n b\nc", "c");
	MEANS("@main @tideway a", "a");
}

static void
test_variables(void **state)
{
	(void)state;
	MEANS("$A=eth0\nx ${A}.1 $A $AB $A.1 ${B} \"${A} y\"",
	    "x|eth0.1|eth0|$AB|$A.1|${B}|eth0 y");
	MEANS("$B=10.2.${S}\n$S=0\n${B}.1\n$S=10\n${B}.1", "10.2.0.1;10.2.10.1");
	MEANS("$E=\nx ${E}y", "x|y");
	MEANS("$V= \"a b\"\nx $V", "x|a b");
	MEANS("x ${_HASH}a ${_BANG} ${_INSTANCE}", "x|#a|!|main");
	MEANS("x ${_RANDOM 7 7} ${_RANDOM 9 3}", "x|7|9");
	MEANS("a $ b $1 ${", "a|$|b|$1|${}"); /* the brace opens a block */
	FAILS("$A=x${A}\ny $A", "probably contains itself");
	FAILS("$A=x \\\n $A \\\n y\n$A", "probably names itself");
}

static void
test_definitions_of_several_lines(void **state)
{
	(void)state;
	MEANS("$I= \\\nvi ${N} { \\\n # c \\\n id ${N} \\\n } # d\n$N=0\n$I\n$N=1\n$I",
	    "vi|0{id|0};vi|1{id|1}");
	MEANS("$R= \\\n rs ${W}.${N} \n$V= \\\n vs { \\\n $N=1 \\\n $R \\\n $N=2 \\\n"
	      " $R \\\n }\n$V",
	    "vs{rs|${W}.1;rs|${W}.2}");
	MEANS("$A= \\\n b \\\n\nc\n$A", "c;b"); /* an empty line ends it */
}

static void
test_loops(void **state)
{
	(void)state;
	MEANS("~SEQ(S, 0, 3) ip 10.0.${S}.1",
	    "ip|10.0.0.1;ip|10.0.1.1;ip|10.0.2.1;ip|10.0.3.1");
	MEANS("~SEQ(A,2) $A", "1;2");
	MEANS("~SEQ(A,-2) $A", "-1;-2");
	MEANS("~SEQ(A,3,1) $A", "3;2;1");
	MEANS("~SEQx(S, 0x90, 0x10, 0xb0) fe80::20:${S}:1",
	    "fe80::20:90:1;fe80::20:a0:1;fe80::20:b0:1");
	MEANS("~SEQx(D, 0x90, 0x10, 0xa0) ~SEQx(E, 2, -1, 1) ${D}:${E}",
	    "90:2;90:1;a0:2;a0:1");
	MEANS("$N=2\n~SEQ(A,$N) $A", "1;2");
	MEANS("~LST({P, Q}, {10,1},{20,4}) ~SEQ(R,1,2) ${P}.${Q}.${R}",
	    "10.1.1;10.1.2;20.4.1;20.4.2");
	MEANS("~LST(P, a, b) x { $P }", "x{a};x{b}");
	FAILS("~SEQ(A,1,0,2) a", "a step of 0");
	FAILS("~SEQ(A,b) a", "'b' is no number");
	FAILS("~SEQ(,1) a", "must be a variable's name");
	FAILS("~SEQ(A,1", "without ')'");
	FAILS("~LST({A,B},{1}) a", "as many members");
	FAILS("~SEQ(A,1,100000)", "more than 10000 lines");
}

/* --- includes ------------------------------------------------------------ */

static char dir[64];

static void
put(const char *name, const char *text)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *const f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static const char *
included(const char *text)
{
	static const struct vr_source from = { .config_id = "main" };
	char path[128];
	put("main.conf", text);
	snprintf(path, sizeof(path), "%s/main.conf", dir);
	return form_from(path, &from);
}

static void
test_include(void **state)
{
	(void)state;
	put("a.inc", "a\ninclude sub/*.conf\na2");
	put("sub/b.conf", "b\ninclude c.txt");
	put("sub/c.txt", "c");
	put("open.inc", "x {\n y");
	assert_string_equal(included("include a.inc\nd"), "a;b;c;a2;d");
	assert_string_equal(included("include {a,open}.inc\n}"), "a;b;c;a2;x{y}");
	assert_string_equal(included("x {\n include sub/c.txt\n }"), "x{c}");
	assert_string_equal(included("@main include \"${_PWD}/sub/c.txt\""), "c");
	assert_string_equal(included("$D=1\ninclude sub/*.nothing\nd"), "d");
	assert_string_equal(said, "");
	included("d\ninclude none.conf");
	assert_non_null(strstr(said, "main.conf:2: warning: include: there is no"));
}

static void
test_include_errors(void **state)
{
	(void)state;
	put("loop.inc", "include main.conf");
	included("include loop.inc");
	assert_non_null(strstr(said, "loop.inc:1: '"));
	assert_non_null(strstr(said, "includes itself"));
	included("includem none.conf");
	assert_non_null(strstr(said, "no file matches"));
	included("includem *.none");
	assert_string_equal(said, "");
	included("includew *.none");
	assert_non_null(strstr(said, "no file matches"));
	included("includeb {a,none}.inc");
	assert_non_null(strstr(said, "nothing matches the alternative"));
	included("global_defs {\ninclude_check match }\ninclude none.conf");
	assert_non_null(strstr(said, "no file matches"));
	included("include_check nonsense");
	assert_non_null(strstr(said, "include_check 'nonsense'"));
	included("include sub");
	assert_non_null(strstr(said, "Is a directory"));
	included("include");
	assert_non_null(strstr(said, "needs a file name"));
}

static void
test_other_files(void **state)
{
	(void)state;
	const struct vr_source from = { 0 };
	form_from("/nonexistent/k.conf", &from);
	assert_non_null(
	    strstr(said, "cannot read '/nonexistent/k.conf': No such file"));
	const struct vr_source zero = { .text = "a\nb\0c", .text_len = 5 };
	form_from("k.conf", &zero);
	assert_non_null(strstr(said, "k.conf:2: a byte of value 0"));
	MEANS("include /etc/passwd\na", "a");
}

static void
test_split(void **state)
{
	(void)state;
	struct tw_arena *arena = tw_arena_new(0);
	char *word[VR_MAX_WORDS + 1];
	assert_int_equal(vr_split(arena, "/bin/x 'a b' c\"d e\"f  ", word), 3);
	assert_string_equal(word[1], "a b");
	assert_string_equal(word[2], "cd ef");
	assert_int_equal(vr_split(arena, "'a", word), -1);
	assert_int_equal(vr_split(arena, "'", word), -1);
	assert_int_equal(vr_split(arena, "''", word), 1);
	assert_int_equal(vr_split(arena, " ", word), 0);
	tw_arena_free(&arena);
}

static int
setup(void **state)
{
	(void)state;
	char sub[128];
	const char *const tmp = getenv("TMPDIR");
	snprintf(dir, sizeof(dir), "%.40s/vrtree.XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(sub, sizeof(sub), "%s/sub", dir);
	return mkdir(sub, 0700);
}

static int
teardown(void **state)
{
	(void)state;
	static const char *const names[] = { "main.conf", "a.inc", "loop.inc",
		"open.inc", "sub/b.conf", "sub/c.txt", "sub", "" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[128];
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		remove(path);
	}
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_comments),
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_variables),
		cmocka_unit_test(test_definitions_of_several_lines),
		cmocka_unit_test(test_loops),
		cmocka_unit_test(test_include),
		cmocka_unit_test(test_include_errors),
		cmocka_unit_test(test_other_files),
		cmocka_unit_test(test_split),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}

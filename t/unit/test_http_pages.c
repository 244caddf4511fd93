/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_http_pages.c - the built-in answers and errorfile (modules/http).
 */
#include "config.h"

#include <stdio.h>
#include <unistd.h>

#include "h1_help.h"

#include "../../modules/http/http.h"

static void
built_in(void **state)
{
	(void)state;
	for (const struct http_page *page = tw__http_pages; page->status; page++) {
		struct h1_in t;

		h1_init(&t, page->text.p, page->text.len);
		assert_int_equal(
		    tw__h1_read_head(&t.st, &t.buf, &t.msg, &t.request, true),
		    TW_IO_OK);
		assert_int_equal(t.msg.status, page->status);
		if (t.st.left != t.buf.tail - t.buf.head)
			fail_msg("%d: Content-Length says %u, %u is right",
			    page->status, (unsigned)t.st.left, t.buf.tail - t.buf.head);
		assert_ptr_equal(
		    page, &tw__http_pages[tw__http_page_index(page->status)]);
		h1_fini(&t);
	}
	assert_int_equal(tw__http_page_index(299), -1);
}

/* returns: what the file's bytes become; "" when refused. */
static const char *
from_file(const char *text)
{
	static char got[256];
	char path[] = "/tmp/tideway-errorfile-XXXXXX";
	struct tw_arena *arena = tw_arena_new(0);
	struct tw_err err = { "" };
	const int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	const struct tw_str s = tw__http_errorfile(arena, path, &err);

	assert_true((s.p != NULL) == (err.text[0] == '\0'));
	snprintf(got, sizeof(got), "%.*s", TW_STR_FMT(s));
	unlink(path);
	tw_arena_free(&arena);
	return got;
}

static void
files(void **state)
{
	struct tw_arena *arena = tw_arena_new(0);
	struct tw_err err = { "" };

	(void)state;
	assert_string_equal(from_file("HTTP/1.0 503 X\r\n\r\nhi\nyou"),
	    "HTTP/1.0 503 X\r\n\r\nhi\nyou");
	assert_string_equal(from_file("HTTP/1.1 503 X\nA: b\n\nhi\nyou"),
	    "HTTP/1.1 503 X\r\nA: b\r\n\r\nhi\nyou");
	assert_string_equal(from_file("HTTP/1.1 503 X\nContent-Length: 2\n\nhi"),
	    "HTTP/1.1 503 X\r\nContent-Length: 2\r\n\r\nhi");
	assert_string_equal(from_file("HTTP/1.1 503 X\nContent-Length: 3\n\nhi"), "");
	assert_string_equal(from_file("garbage"), "");
	assert_string_equal(from_file("HTTP/1.1 503 X\n"), "");
	assert_string_equal(
	    from_file("HTTP/1.1 503 X\nTransfer-Encoding: chunked\n\n"), "");
	const struct tw_str none = tw__http_errorfile(arena, "/dev/null", &err);

	assert_non_null(none.p);
	assert_int_equal(none.len, 0);
	assert_null(tw__http_errorfile(arena, "/nowhere/503.http", &err).p);
	assert_non_null(strstr(err.text, "/nowhere/503.http"));
	tw_arena_free(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(built_in),
		cmocka_unit_test(files),
	};

	return cmocka_run_group_tests_name("http_pages", tests, NULL, NULL);
}

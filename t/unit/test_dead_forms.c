/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */

/*
 * test_dead_forms.c - the replacement of every family of dead lines, the lines
 * that must be left alone, short output, and the order of the known words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../core/conf/dead_forms.h"
#include "../../core/tbl/dead_forms.h"
#include "../../core/tbl/known_keywords.h"

#define MAX_WORDS 16

struct sample {
	unsigned section;
	const char *words[MAX_WORDS];
	const char *want; /* NULL: not a dead form */
};

static int
count_words(const char *const *words)
{
	int n = 0;

	while (n < MAX_WORDS && words[n] != NULL)
		n++;
	return n;
}

static void
check(struct sample *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char out[1024] = "untouched";
		bool dead = conf_dead_form(s[i].words, count_words(s[i].words),
		    s[i].section, out, sizeof(out));

		assert_string_equal(out, s[i].want != NULL ? s[i].want : "");
		assert_int_equal(dead, s[i].want != NULL);
	}
}

#define CHECK(samples) check(samples, sizeof(samples) / sizeof(samples[0]))

static void
test_address(void **state)
{
	struct sample s[] = {
		{ TW_KN_SECTION, { "listen", "x", ":80" }, "listen x\n\tbind :80" },
		{ TW_KN_SECTION, { "frontend", "f", "*:443", "ssl", "crt", "a b" },
		    "frontend f\n\tbind *:443 ssl crt 'a b'" },
		{ TW_KN_SECTION, { "listen", "x", "/run/x.sock" },
		    "listen x\n\tbind /run/x.sock" },
		{ TW_KN_SECTION, { "listen", "x" }, NULL },
		{ TW_KN_SECTION, { "listen", "x", "from", "base" }, NULL },
		{ TW_KN_SECTION, { "backend", "x", ":80" }, NULL },
		{ TW_KN_LISTEN, { "listen", "x", ":80" }, NULL },
	};

	(void)state;
	CHECK(s);
}

static void
test_templates(void **state)
{
	struct sample s[] = {
		{ TW_KN_GLOBAL, { "nbproc", "4" }, "nbthread 4" },
		{ TW_KN_GLOBAL, { "debug" },
		    "# no line: start with -d on the command line instead" },
		{ TW_KN_GLOBAL, { "stats", "bind-process", "1" },
		    "# no line: there is one process, the socket always reaches it" },
		{ TW_KN_DEFAULTS, { "clitimeout", "50000" }, "timeout client 50000" },
		{ TW_KN_DEFAULTS, { "contimeout", "5s" }, "timeout connect 5s" },
		{ TW_KN_LISTEN, { "srvtimeout" }, "timeout server ..." },
		{ TW_KN_BACKEND, { "timeout", "srvtimeout", "1m" },
		    "timeout server 1m" },
		{ TW_KN_BACKEND, { "option", "forceclose" }, "option httpclose" },
		{ TW_KN_BACKEND, { "no", "option", "forceclose" },
		    "# no line: leave it out" },
		{ TW_KN_BACKEND, { "redispatch" }, "option redispatch" },
		{ TW_KN_FRONTEND, { "block", "if", "bad", "{ x }" },
		    "http-request deny if bad '{ x }'" },
		{ TW_KN_FRONTEND, { "bind", ":80", "process", "1/2-3", "tfo" },
		    "bind :80 thread 2-3 tfo" },
		{ TW_KN_FRONTEND, { "bind", ":80", "process", "all" }, "bind :80" },
		{ TW_KN_FRONTEND, { "monitor-net", "10.0.0.0/8" },
		    "http-request return status 200 if { src 10.0.0.0/8 }" },
		{ TW_KN_FRONTEND, { "grace", "10s" },
		    "# in the section global:\ngrace 10s" },
		{ TW_KN_BACKEND, { "appsession", "JS", "len", "32", "timeout", "1h" },
		    "stick-table type string len 32 size 100k expire 1h\n"
		    "stick store-response res.cook(JS)\n"
		    "stick match req.cook(JS)" },
	};

	(void)state;
	CHECK(s);
}

static void
test_alive(void **state)
{
	struct sample s[] = {
		{ TW_KN_GLOBAL, { "quiet" }, NULL },
		{ TW_KN_GLOBAL, { "strict-limits" }, NULL },
		{ TW_KN_GLOBAL, { "grace", "10s" }, NULL },
		{ TW_KN_GLOBAL, { "stats", "socket", "/run/x" }, NULL },
		{ TW_KN_LISTEN, { "debug" }, NULL },
		{ TW_KN_BACKEND, { "dispatch", "192.0.2.1:80" }, NULL },
		{ TW_KN_BACKEND, { "timeout", "server", "5s" }, NULL },
		{ TW_KN_BACKEND, { "option", "httpchk" }, NULL },
		{ TW_KN_BACKEND, { "option", "httpchk", "GET", "/", "HTTP/1.1" },
		    NULL },
		{ TW_KN_FRONTEND, { "bind", "process" }, NULL },
		{ TW_KN_FRONTEND, { "bind", ":80", "name", "process" }, NULL },
		{ TW_KN_BACKEND, { "no" }, NULL },
		{ TW_KN_BACKEND, { "option" }, NULL },
	};

	(void)state;
	CHECK(s);
	char out[8] = "x";

	assert_false(conf_dead_form(s[0].words, 0, TW_KN_GLOBAL, out, sizeof(out)));
	assert_string_equal(out, "");
}

static void
test_add(void **state)
{
	struct sample s[] = {
		{ TW_KN_FRONTEND, { "reqadd", "X-Forwarded-Proto: https" },
		    "http-request add-header X-Forwarded-Proto https" },
		{ TW_KN_FRONTEND, { "reqadd", "X-Tls:1", "if", "{", "ssl_fc", "}" },
		    "http-request add-header X-Tls 1 if { ssl_fc }" },
		{ TW_KN_FRONTEND,
		    { "reqadd", "X-Load:", "100%", "it's", "unless", "a" },
		    "http-request add-header X-Load \"100%% it's\" unless a" },
		{ TW_KN_BACKEND,
		    { "rspadd", "Strict-Transport-Security: max-age=1; preload" },
		    "http-response add-header Strict-Transport-Security "
		    "'max-age=1; preload'" },
		{ TW_KN_BACKEND, { "rspadd", "X-Empty:" },
		    "http-response add-header X-Empty %[str()]" },
		{ TW_KN_BACKEND, { "reqadd", "no colon" },
		    "# write by hand: http-request add-header NAME VALUE, "
		    "for: 'no colon'" },
	};

	(void)state;
	CHECK(s);
}

static void
test_replace(void **state)
{
	struct sample s[] = {
		{ TW_KN_BACKEND, { "reqrep", "^([^ :]*) /api/(.*)", "\\1 /\\2" },
		    "http-request replace-path ^/api/(.*) /\\1" },
		{ TW_KN_BACKEND,
		    { "reqirep", "^GET /a HTTP/1.0", "GET /b HTTP/1.0", "if", "x" },
		    "http-request replace-path (?i)^/a$ /b if { method GET } x" },
		{ TW_KN_BACKEND,
		    { "reqrep", "^(GET|POST) /a", "\\1 /b", "unless", "x" },
		    "http-request replace-path ^/a /b "
		    "if { method -m reg ^(GET|POST)$ } !x" },
		{ TW_KN_BACKEND, { "reqrep", "^([^ ]*) /a(.*)", "\\1 /b?v=\\2" },
		    "http-request replace-pathq ^/a(.*) /b?v=\\1" },
		{ TW_KN_BACKEND, { "reqirep", "^Host: old(.*)", "host: new\\1" },
		    "http-request replace-header Host (?i)^old(.*) new\\1" },
		{ TW_KN_BACKEND,
		    { "rsprep", "^Location: http://(.*)", "Location: https://\\1" },
		    "http-response replace-header Location ^http://(.*) https://\\1" },
		{ TW_KN_BACKEND, { "rsprep", "^HTTP/1.1 404", "HTTP/1.1 200" },
		    "# write by hand: http-response replace-header or set-status, "
		    "for: '^HTTP/1.1 404' 'HTTP/1.1 200'" },
		{ TW_KN_BACKEND, { "reqrep", "^([^ ]*) /(.*)", "\\1 /\\1/\\2" },
		    "# write by hand: http-request replace-header, replace-path or "
		    "set-header, for: '^([^ ]*) /(.*)' '\\1 /\\1/\\2'" },
		{ TW_KN_BACKEND, { "reqrep", "^Host: a", "X-Host: b" },
		    "# write by hand: http-request replace-header, replace-path or "
		    "set-header, for: '^Host: a' 'X-Host: b'" },
		{ TW_KN_BACKEND, { "reqrep" },
		    "# write by hand: http-request replace-header, replace-path or "
		    "set-header, for:" },
	};

	(void)state;
	CHECK(s);
}

static void
test_delete(void **state)
{
	struct sample s[] = {
		{ TW_KN_BACKEND, { "reqidel", "^X-Forwarded-For:.*" },
		    "http-request del-header X-Forwarded-For" },
		{ TW_KN_BACKEND, { "rspdel", "^Server:", "if", "x" },
		    "http-response del-header Server if x" },
		{ TW_KN_BACKEND, { "rspidel", "^Server" },
		    "http-response del-header (?i)^Server -m reg" },
		{ TW_KN_BACKEND, { "rspidel", "^X-(A|B):.*" },
		    "http-response del-header (?i)^X-(A|B)$ -m reg" },
		{ TW_KN_BACKEND, { "reqdel", "^Cookie: a=1" },
		    "http-request del-header Cookie "
		    "if { req.fhdr(Cookie) -m reg ^a=1 }" },
	};

	(void)state;
	CHECK(s);
}

static void
test_match(void **state)
{
	struct sample s[] = {
		{ TW_KN_BACKEND, { "reqdeny", "^GET /admin", "unless", "local" },
		    "http-request deny if { method GET } { url -m reg ^/admin } "
		    "!local" },
		{ TW_KN_BACKEND, { "reqitarpit", "^[^ :]* /x HTTP/1" },
		    "http-request tarpit if { url -m reg -i ^/x$ }" },
		{ TW_KN_BACKEND, { "reqallow", "^Host: ok" },
		    "http-request allow if { req.fhdr(Host) -m reg ^ok }" },
		{ TW_KN_BACKEND, { "reqideny", "evil", "if", "a", "b" },
		    "http-request deny if { url -m reg -i evil } a b\n"
		    "http-request deny if { req.hdrs -m reg -i evil } a b" },
		{ TW_KN_BACKEND, { "rspdeny", "^Set-Cookie:" },
		    "http-response deny if { res.fhdr(Set-Cookie) -m found }" },
		{ TW_KN_BACKEND, { "reqdeny", "evil", "if", "a", "or", "b" },
		    "# write by hand: http-request deny, for: evil if a or b" },
		{ TW_KN_BACKEND, { "reqdeny", "evil", "unless" },
		    "# write by hand: http-request deny, for: evil unless" },
		{ TW_KN_BACKEND, { "reqisetbe", "^Host: img", "b_img" },
		    "use_backend b_img if { req.fhdr(Host) -m reg -i ^img }" },
	};

	(void)state;
	CHECK(s);
}

static void
test_httpchk(void **state)
{
	struct sample s[] = {
		{ TW_KN_BACKEND,
		    { "option", "httpchk", "GET", "/x", "HTTP/1.1\r\nHost: www" },
		    "option httpchk\n"
		    "http-check send meth GET uri /x ver HTTP/1.1 hdr Host www" },
		{ TW_KN_BACKEND,
		    { "option", "httpchk", "HEAD", "/", "HTTP/1.1\\r\\nHost:\\ www" },
		    "option httpchk\n"
		    "http-check send meth HEAD uri / ver HTTP/1.1 hdr Host www" },
		{ TW_KN_BACKEND,
		    { "option", "httpchk", "POST", "/",
			"HTTP/1.0\r\nA: b c\r\nD:e\r\n\r\nbody" },
		    "option httpchk\nhttp-check send meth POST uri / ver HTTP/1.0 "
		    "hdr A 'b c' hdr D e body body" },
	};

	(void)state;
	CHECK(s);
}

static void
test_short_output(void **state)
{
	const char *words[] = { "nbproc", "4" };
	char guarded[16];

	(void)state;
	for (size_t size = 1; size <= 12; size++) {
		memset(guarded, '#', sizeof(guarded));
		assert_true(conf_dead_form(words, 2, TW_KN_GLOBAL, guarded, size));
		assert_int_equal(strlen(guarded), size - 1 < 10 ? size - 1 : 10);
		assert_int_equal(guarded[size], '#');
		assert_memory_equal(guarded, "nbthread 4", strlen(guarded));
	}
}

struct known {
	unsigned sections;
	const char *word;
	const char *second;
};

static const struct known known[] = {
#define X(sections, word, second) { sections, word, second },
	TW_KNOWN_KEYWORDS(X)
#undef X
};

static void
test_known_words_are_sorted(void **state)
{
	(void)state;
	for (size_t i = 1; i < sizeof(known) / sizeof(known[0]); i++) {
		int order = strcmp(known[i - 1].word, known[i].word);

		if (order == 0)
			order = strcmp(known[i - 1].second, known[i].second);
		if (order >= 0)
			fail_msg("%s %s out of order", known[i].word, known[i].second);
		assert_int_not_equal(known[i].sections, 0);
	}
}

/* A word that is called dead must not be called known in the same section. */
static void
test_dead_words_are_not_known(void **state)
{
	static const struct known dead[] = {
#define X(sections, word, second, how, icase, text) { sections, word, second },
		TW_DEAD_FORMS(X)
#undef X
	};

	(void)state;
	for (size_t d = 0; d < sizeof(dead) / sizeof(dead[0]); d++) {
		if (dead[d].sections == TW_KN_SECTION ||
		    strcmp(dead[d].second, "httpchk") == 0 ||
		    strcmp(dead[d].word, "bind") == 0)
			continue;
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			if (strcmp(dead[d].word, known[i].word) == 0 &&
			    strcmp(dead[d].second, known[i].second) == 0)
				assert_int_equal(
				    dead[d].sections & known[i].sections, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_address),
		cmocka_unit_test(test_templates),
		cmocka_unit_test(test_alive),
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_replace),
		cmocka_unit_test(test_delete),
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_httpchk),
		cmocka_unit_test(test_short_output),
		cmocka_unit_test(test_known_words_are_sorted),
		cmocka_unit_test(test_dead_words_are_not_known),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("dead_forms", tests, NULL, NULL);
}

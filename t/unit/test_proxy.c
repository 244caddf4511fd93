/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_proxy.c - sections, bind and server lines, and what is checked last.
 *
 * Texts are parsed with the real keyword tables of core/proxy; no module is
 * loaded, so backends with servers are only parsed, not checked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <tideway/assert.h>
#include "core/conf/parser.h"
#include "core/conf/read.h"
#include "core/proxy/proxy.h"

static struct tw_gen gen;
static struct tw_report report;

static int
setup(void **state)
{
	struct tw_err err;

	(void)state;
	if (tw__proxy_register(&err) != 0)
		fail_msg("%s", err.text);
	return 0;
}

static void
gen_new(void)
{
	memset(&gen, 0, sizeof(gen));
	memset(&report, 0, sizeof(report));
	gen.magic = TW_GEN_MAGIC;
	gen.conf.arena = tw_arena_new(0);
	gen.conf.report = &report;
	TAILQ_INIT(&gen.proxies);
	TAILQ_INIT(&gen.defaults);
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

static int
parse(const char *text)
{
	const size_t len = strlen(text);
	char *copy = malloc(len + 1);

	TW_ASSERT(copy != NULL);
	memcpy(copy, text, len + 1);
	gen_new();
	const int rc = tw__conf_read_text(&gen, "t", copy, len);
	free(copy);
	return rc;
}

static void
parse_good(const char *text)
{
	if (parse(text) != 0)
		fail_msg("%s", report.text);
}

static void
expect(const char *what)
{
	if (report.text == NULL || strstr(report.text, what) == NULL)
		fail_msg("'%s' is not in: %s", what,
		    report.text != NULL ? report.text : "nothing");
}

static void
expect_bad(const char *text, const char *what)
{
	assert_int_equal(parse(text), -1);
	expect(what);
	gen_end(NULL);
}

static struct tw_proxy *
fe(const char *name)
{
	struct tw_proxy *px = tw_gen_find(&gen, name, TW_FRONTEND);

	assert_non_null(px);
	return px;
}

static struct tw_proxy *
be(const char *name)
{
	struct tw_proxy *px = tw_gen_find(&gen, name, TW_BACKEND);

	assert_non_null(px);
	return px;
}

static void
test_sections(void **state)
{
	(void)state;
	parse_good("frontend a\nbackend a\nlisten c\n");
	assert_int_equal(gen.n_proxies, 3);
	assert_ptr_not_equal(fe("a"), be("a"));
	assert_ptr_equal(fe("c"), be("c"));
	assert_int_equal(fe("a")->c.mode, TW_MODE_TCP);
	assert_int_equal(be("a")->c.retries, 3);
	assert_null(tw_gen_find(&gen, "x", TW_FRONTEND));
	gen_end(NULL);
	expect_bad("frontend\n", "expects an <id>");
	expect_bad("frontend a/b\n", "'/' is not permitted");
	expect_bad("frontend a b\n", "unexpected argument 'b'");
	expect_bad("frontend a\n\nfrontend a\n",
	    "frontend 'a' has the same name as frontend 'a' declared at t:1");
	expect_bad("backend a\nlisten a\n", "same name as backend 'a'");
	expect_bad("frontend a from x\n", "no defaults section 'x'");
	expect_bad("defaults x\ndefaults x\nfrontend a from x\n", "is ambiguous");
}

static void
test_defaults(void **state)
{
	(void)state;
	parse_good("defaults one\n mode http\n timeout client 5s\n retries 7\n"
		   " option redispatch\n default-server weight 9 check\n"
		   " default_backend d\n"
		   "defaults two from one\n retries 8\n no option redispatch\n"
		   "defaults three\n"
		   "frontend a from one\nbackend b from two\n server s 1.2.3.4:80\n"
		   "backend c\nlisten l from one\n server s 1.2.3.4:80 weight 2 "
		   "no-check\n");
	assert_int_equal(fe("a")->c.mode, TW_MODE_HTTP);
	assert_int_equal(fe("a")->c.timeout.client, 5000);
	assert_string_equal(fe("a")->c.default_backend, "d");
	assert_null(be("b")->c.default_backend);
	assert_int_equal(be("b")->c.retries, 8);
	assert_false(be("b")->c.redispatch);
	assert_int_equal(be("b")->server[0]->weight, 9);
	assert_true(be("b")->server[0]->check);
	assert_int_equal(be("c")->c.retries, 3); /* of the last, which is empty */
	assert_true(be("l")->c.redispatch);
	assert_int_equal(be("l")->c.redispatch_every, -1);
	assert_int_equal(be("l")->server[0]->weight, 2);
	assert_false(be("l")->server[0]->check);
}

static void
test_http_mode(void **state)
{
	(void)state;
	parse_good("defaults\n option http-server-close\n"
		   "backend a\nbackend b\n option httpclose\n"
		   "backend c\n no option http-server-close\n"
		   "backend d\n no option httpclose\n");
	assert_int_equal(be("a")->c.http_mode, TW__SERVER_CLOSE);
	assert_int_equal(be("b")->c.http_mode, TW__CLOSE);
	assert_int_equal(be("c")->c.http_mode, TW__KEEP_ALIVE);
	assert_int_equal(be("d")->c.http_mode, TW__SERVER_CLOSE);
}

static void
test_timeouts(void **state)
{
	(void)state;
	parse_good("listen a\n timeout connect 1\n timeout client 2s\n"
		   " timeout server 3m\n timeout http-request 4s\n"
		   " timeout http-keep-alive 5s\n timeout queue 6s\n"
		   " timeout tunnel 1h\n timeout client-fin 7s\n"
		   " timeout server-fin 8s\n timeout check 9s\n timeout tarpit 10s\n");
	assert_int_equal(tw_proxy_timeout_ms(fe("a"), "connect"), 1);
	assert_int_equal(tw_proxy_timeout_ms(fe("a"), "server"), 180000);
	assert_int_equal(tw_proxy_timeout_ms(fe("a"), "http-keep-alive"), 5000);
	assert_int_equal(tw_proxy_timeout_ms(fe("a"), "tunnel"), 3600000);
	assert_int_equal(tw_proxy_timeout_ms(fe("a"), "server-fin"), 8000);
	assert_int_equal(tw_proxy_timeout_ms(fe("a"), "server-"), 0);
	gen_end(NULL);
	parse_good("backend b\n timeout client 1s\n maxconn 5\n");
	expect("'timeout client' will be ignored because backend 'b' has no "
	       "frontend capability");
	expect("Maybe you want 'fullconn' instead ?");
}

static void
test_bind(void **state)
{
	(void)state;
	parse_good("frontend a\n bind :80,127.0.0.1:8000-8002,[::1]:90 name x "
		   "maxconn 5 accept-proxy\n bind /run/x mode 660 uid 5\n bind fd@7\n");
	const struct tw_proxy *px = fe("a");
	assert_int_equal(px->n_binds, 7);
	assert_int_equal(gen.n_binds, 7);
	for (int i = 0; i < 5; i++) {
		assert_string_equal(px->bind[i]->name, "x");
		assert_int_equal(px->bind[i]->maxconn, 5);
		assert_true(px->bind[i]->accept_proxy);
	}
	assert_int_equal(px->bind[3]->addr.port, 8002);
	assert_int_equal(px->bind[4]->addr.family, AF_INET6);
	assert_int_equal(px->bind[5]->mode, 0660);
	assert_int_equal(px->bind[5]->uid, 5);
	assert_int_equal(px->bind[5]->gid, UINT32_MAX);
	assert_int_equal(px->bind[6]->fd, 7);
	gen_end(NULL);
	expect_bad("frontend a\n bind 1.2.3.4\n", "missing port");
	expect_bad("frontend a\n bind :80 mode 9\n", "octal");
	expect_bad("frontend a\n bind :80 maxcon 9\n", "maxcon");
}

static void
test_server(void **state)
{
	(void)state;
	parse_good("backend b\n default-server inter 1s fall 5 maxconn 20\n"
		   " server a 1.2.3.4:80 check backup rise 9\n"
		   " server b 1.2.3.4 disabled port 8080 addr 5.6.7.8\n"
		   " server c 1.2.3.4:+10 id 77\n server d name.example:80\n"
		   " server e /run/x init-addr none,1.2.3.4\n");
	struct tw_server **s = be("b")->server;
	struct tw_check_conf check;
	assert_int_equal(be("b")->n_servers, 5);
	assert_true(s[0]->check && s[0]->backup && s[0]->has_addr);
	assert_int_equal(s[0]->rise, 9);
	assert_int_equal(s[0]->fall, 5);
	assert_int_equal(s[0]->maxconn, 20);
	assert_int_equal(s[0]->map_port, 0);
	assert_true(s[1]->disabled);
	assert_int_equal(s[1]->map_port, 1);
	tw_server_check_conf(s[1], &check);
	assert_int_equal(check.addr.port, 8080);
	assert_int_equal(check.addr.u.v4[0], 5);
	assert_int_equal(check.fastinter_ms, 1000);
	assert_int_equal(s[2]->map_port, 1);
	assert_int_equal(s[2]->addr.port, 10);
	assert_int_equal(s[2]->id, 77);
	assert_string_equal(s[3]->host, "name.example");
	assert_false(s[3]->has_addr);
	assert_int_equal(s[4]->map_port, 0);
	gen_end(NULL);
	expect_bad("backend b\n server a 1.2.3.4 weight 257\n",
	    "weight of server a is not within 0 and 256 (257)");
	expect_bad("backend b\n server a/b 1.2.3.4\n", "not permitted in server name");
	expect_bad("backend b\n server a 1.2.3.4 inter 0\n", "more than 0");
	expect_bad("backend b\n server a 1.2.3.4 init-addr x,y\n", "init-addr");
	expect_bad("backend b\n default-server id 3\n", "not possible");
	expect_bad("frontend f\n server a 1.2.3.4\n", "no backend capability");
	expect_bad("defaults\n server a 1.2.3.4\n", "not allowed in 'defaults'");
}

static void
test_routes(void **state)
{
	(void)state;
	parse_good("frontend a\n bind :1\n use_backend x\n default_backend y\n"
		   " maxconn 100\nlisten l\n bind :2\n maxconn 50\nbackend x\n"
		   "backend y\n");
	assert_int_equal(tw__proxies_check(&gen), 0);
	assert_ptr_equal(fe("a")->default_backend, be("y"));
	assert_ptr_equal(STAILQ_FIRST(&fe("a")->uses)->backend, be("x"));
	assert_ptr_equal(fe("l")->default_backend, fe("l"));
	assert_int_equal(be("x")->fe_maxconn, 100);
	assert_int_equal(be("l")->fe_maxconn, 50);
	assert_int_equal(be("l")->n_fe_unlimited, 0);
	const struct tw_origin *origin;
	assert_ptr_equal(tw__route(fe("a"), NULL, &origin), be("x"));
	assert_string_equal(origin->who, "use_backend");
	assert_int_equal(origin->line, 3);
}

static void
test_check(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{ "frontend a\n bind :1\n default_backend x\n",
		    "[t:3] : Proxy 'a': unable to find required default_backend: 'x'" },
		{ "frontend a\n bind :1\n use_backend a\n",
		    "unable to find required use_backend: 'a'" },
		{ "frontend a\n bind :1\n default_backend b\nbackend b\n mode http\n",
		    "incompatible http backend 'b'" },
		{ "backend a\n server s 1.2.3.4:1\n server s 1.2.3.4:2\n",
		    "[t:3] : backend 'a', another server named 's' was already "
		    "defined at line 2" },
		{ "backend a\n id 5\nbackend b\n id 5\n", "the same 'id' 5" },
		{ "backend a\n server s 1.2.3.4:1 id 9\n server t 1.2.3.4:1 id 9\n",
		    "the same 'id' 9" },
	};

	(void)state;
	for (size_t i = 0; i < TW_N_ELEMENTS(bad); i++) {
		parse_good(bad[i].text);
		assert_int_equal(tw__proxies_check(&gen), -1);
		expect(bad[i].says);
		gen_end(NULL);
	}
	parse_good("frontend a\n mode tcp\n");
	assert_int_equal(tw__proxies_check(&gen), 0);
	expect("frontend 'a' has no 'bind' directive");
	expect("missing timeouts for frontend 'a'");
}

static void
test_numbers(void **state)
{
	(void)state;
	parse_good("frontend a\n bind :1,:2\n bind :3 id 1\n bind :1\nbackend b\n"
		   " id 2\nbackend c\n");
	assert_int_equal(tw__proxies_check(&gen), 0);
	assert_int_equal(fe("a")->id, 1);
	assert_int_equal(be("b")->id, 2);
	assert_int_equal(be("c")->id, 3);
	struct tw_bind **b = fe("a")->bind;
	assert_int_equal(b[0]->id, 2);
	assert_int_equal(b[1]->id, 3);
	assert_int_equal(b[2]->id, 1);
	assert_int_equal(b[3]->id, 5); /* one that has its own number counts */
	assert_string_equal(b[1]->name, "sock-2");
	assert_string_equal(b[1]->key, "0.0.0.0:2");
	assert_string_not_equal(b[0]->key, b[3]->key); /* one address twice */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_sections, gen_end),
		cmocka_unit_test_teardown(test_defaults, gen_end),
		cmocka_unit_test_teardown(test_http_mode, gen_end),
		cmocka_unit_test_teardown(test_timeouts, gen_end),
		cmocka_unit_test_teardown(test_bind, gen_end),
		cmocka_unit_test_teardown(test_server, gen_end),
		cmocka_unit_test_teardown(test_routes, gen_end),
		cmocka_unit_test_teardown(test_check, gen_end),
		cmocka_unit_test_teardown(test_numbers, gen_end),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_logfmt.c - log-format strings, their variables on a made-up request,
 * and lines on their way to targets.
 */
#include "config.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "expr_help.h"
#include "core/flow/logvars.h"
#include "core/flow/req.h"
#include "core/proxy/logger.h"
#include "core/run/worker.h"

#define T0 1000000000u /* microseconds of the monotonic clock */

static struct tw_req *req;
static struct tw_conn conn;
static struct tw_proxy fe, be;
static struct tw_server srv;
static struct tw_proxy_live fe_live, be_live;
static struct tw_server_live srv_live;

static struct tw_logfmt *
parse(const char *format)
{
	const struct tw__ectx cx = test_cx();

	return tw__logfmt_parse(&cx, format);
}

static const char *
line_of(const char *format, size_t room)
{
	static char mem[2048];
	struct tw_out o = tw_out_of(mem, room);
	const struct tw_logfmt *const f = parse(format);

	if (f == NULL)
		fail_msg("%s: %s", format, test_err.text);
	const size_t n = tw_logfmt_out(f, req, &o);
	assert_int_equal(n, o.p - mem);
	*o.p = '\0';
	return mem;
}

static void
is(const char *format, const char *want)
{
	const char *const got = line_of(format, 2000);

	if (strcmp(got, want) != 0)
		fail_msg("%s: '%s', not '%s'", format, got, want);
}

static void
refused(const char *format, const char *why)
{
	if (parse(format) != NULL)
		fail_msg("accepted: %s", format);
	if (strstr(test_err.text, why) == NULL)
		fail_msg("%s: %s", format, test_err.text);
}

static void
test_syntax(void **state)
{
	(void)state;
	given.str = tw_str_of("a\"b");
	given.n = 0;
	is("", "");
	is("plain text", "plain text");
	is("  a   b  ", "a b ");
	is("100%% %%b", "100% %b");
	is("%b", "servers");
	is("%b/%s.", "servers/s1.");
	is("%hr %hs %b %hr %b", "servers servers");
	is("x %hr", "x ");
	is("%[t_str]", "a\"b");
	is("%{+Q}[t_str]-%{+E}[t_str]", "\"a\"b\"-a\\\"b");
	is("%[t_int]", "0");
	is("%CC %{+Q}CC", "- \"\"");
	is("%{+Q}o %b %cp %{-Q}b %[t_int] %{-Q}o %b",
	    "\"servers\" 40000 "
	    "servers \"0\" servers");
	is("%{+Q,-Q}b %{}b %{Q}b", "servers servers \"servers\"");
	is("%{+X}cp %{+X}ci %{+X}Ts %{+X}ms", "9C40 C0A800D5 4A3C4F80 07");
	is("%[t_echo(])] %[t_echo(x\\ y),upper]", "] X Y");
	given.str = (struct tw_str){ NULL, 0 };
	is("<%[t_str]> <%{+Q}[t_str]>", "<-> <\"\">");
}

static void
test_encodings(void **state)
{
	(void)state;
	given.str = (struct tw_str){ "a\"\\\n\x01\x7f\xc3\xa4\xff\xed\xa0\x80", 12 };
	given.n = -7;
	is("%{+json}[t_str]",
	    "\"a\\\"\\\\\\n\\u0001\\u007f\xc3\xa4\\ufffd\\ufffd\\ufffd\\ufffd\"");
	is("%{+json}o x %(a)[t_int] %b %(b)b %(c:str)cp",
	    "{\"a\": -7, \"b\": "
	    "\"servers\", \"c\": \"40000\"}");
	is("%{+json}o", "{}");
	is("%(a)b %{+json}b %(:str){+json}cp", "servers \"servers\" \"40000\"");
	is("%{+cbor}o %(a)[t_int] %(b)b",
	    "BF616126616267736572766572"
	    "73FF");
	is("%{+cbor}cp %{+cbor}CC", "199C40 F6");
	given.n = INT64_MIN;
	is("%{+cbor}[t_int] %{+json}[t_int]",
	    "3B7FFFFFFFFFFFFFFF -9223372036854775808");
	given.n = INT64_MAX;
	is("%{+cbor}[t_int]", "1B7FFFFFFFFFFFFFFF");
	refused("%{+json,+cbor}o", "exclude each other");
	refused("%(a", "missing ')'");
	refused("%(a:int)b", "unknown type 'int'");
	/* what does not fit is null, or left out; the map is whole */
	assert_string_equal(
	    line_of("%{+json}o %(a)b %(b)b", 25), "{\"a\": \"servers\"}");
	assert_string_equal(line_of("%{+json}o %(a)b %(b)b", 12), "{\"a\": null}");
	assert_string_equal(line_of("%{+json}o %(a)b %(b)b", 5), "{}");
	assert_string_equal(line_of("%{+json}o %(a)b %(b)b", 1), "");
	assert_string_equal(line_of("%{+cbor}o %(a)b", 11), "BF6161F6FF");
}

static void
test_errors(void **state)
{
	(void)state;
	refused("%", "truncated");
	refused("%b %", "truncated");
	refused("%zzz", "no such format variable 'zzz'");
	refused("%cI", "did you mean '%ci'?");
	refused("%-b", "not a variable");
	refused("%{+Q", "missing '}'");
	refused("%{+Z}b", "unknown flag 'Z'");
	refused("%[", "fetch is expected");
	refused("%[t_str", "missing ']'");
	refused("%[nope]", "unknown fetch");
	refused("%[t_str,nope]", "unknown converter");
	assert_string_equal(tw__logfmt_needs_http(parse("%ci %HM %tr")), "HM");
	assert_null(tw__logfmt_needs_http(parse("%ci %b %t")));
}

static void
test_formats(void **state)
{
	(void)state;
	is("%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc "
	   "%ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r",
	    "192.168.0.213:40000 [20/Jun/2009:02:54:56.008] www servers/s1 "
	    "3/10/20/30/70 200 12345 - - --NI 0/3/2/1/0 5/6 "
	    "\"GET http://a/p?q=#221 HTTP/1.1\"");
	is("%{+Q}o %{-Q}ci - - [%trg] %r %ST %B \"\" \"\" %cp %ms %ft %b %s",
	    "192.168.0.213 - - [20/Jun/2009:02:54:56 +0000] "
	    "\"GET http://a/p?q=#221 HTTP/1.1\" 200 12345 \"\" \"\" 40000 007 "
	    "\"www\" \"servers\" \"s1\"");
	is("%HM %HU %HP %HPO %HQ %HV",
	    "GET http://a/p?q=#221 http://a/p /p "
	    "?q=#221 HTTP/1.1");
	is("%t %T %Tl %trl %Ts",
	    "20/Jun/2009:02:54:56.007 "
	    "20/Jun/2009:02:54:56 +0000 20/Jun/2009:02:54:56 +0000 "
	    "20/Jun/2009:02:54:56 +0000 1245466496");
	is("%si:%sp %fi:%fp", "10.0.0.1:8080 127.0.0.1:443");
}

static void
test_states(void **state)
{
	const struct tw_req keep = *req;

	(void)state;
	req->t_connect = req->t_response = 0;
	req->srv = NULL;
	req->be = NULL;
	req->status = -1;
	req->term[0] = 'C';
	req->term[1] = 'Q';
	is("%b/%s %Tc/%Tr %ST %ts %tsc", "www/<NOSRV> -1/-1 -1 CQ CQNI");
	req->retries = -2;
	is("%rc", "+2");
	req->step = 0; /* before its end: logasap */
	is("%B", "+12345");
	req->t_head = 0;
	is("%{+Q}r %HM", "\"<BADREQ>\" <BADREQ>");
	*req = keep;
}

static void
test_room(void **state)
{
	(void)state;
	for (size_t room = 0; room < 40; room++)
		assert_true(strlen(line_of("%ci:%cp [%tr] %ft %{+Q}r", room)) <= room);
	assert_string_equal(line_of("%HU", 10), "http://a/p");
}

/* ---- targets ------------------------------------------------------------ */

/* The end of a loop's turn, and the time after which few lines leave, too. */
static void
turn(void)
{
	for (struct tw__turn_hook *h = tw__self->turn_hooks; h; h = h->next)
		h->fn(tw__self, h->arg);
	tw__self->now_us += 10000;
	tw__wheel_advance(&tw__self->wheel, tw_now_ms());
}

static const char *
receive(int fd)
{
	static char mem[2048];
	const ssize_t n = recv(fd, mem, sizeof(mem) - 1, MSG_DONTWAIT);

	mem[n > 0 ? n : 0] = '\0';
	return mem;
}

static int
unix_sink(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	return fd;
}

static void
logger_to(struct tw__logger *lg, const char *path)
{
	const struct tw_addr a = { .family = AF_UNIX, .u.path = path };

	*lg = (struct tw__logger){ .target = tw__log_target_addr(&a),
		.max_len = 1024,
		.facility = 16,
		.max_level = TW_DEBUG,
		.format = TW__LOG_RAW };
}

/* LONG: the same two sinks live through all of it */
static void
test_targets(void **state)
{
	char dir[] = "/tmp/test_logfmt.XXXXXX", one[64], two[64], want[99];
	struct tw__logger a, b;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(one, sizeof(one), "%s/one", dir);
	snprintf(two, sizeof(two), "%s/two", dir);
	int fd1 = unix_sink(one);
	const int fd2 = unix_sink(two);
	logger_to(&a, one);
	logger_to(&b, two);
	assert_ptr_equal(a.target,
	    tw__log_target_addr(&(struct tw_addr){ .family = AF_UNIX, .u.path = one }));
	assert_ptr_not_equal(a.target, b.target);
	b.format = TW__LOG_PRIORITY;
	b.max_len = 80;
	fe.c.logfmt =
	    parse("%b %lc 234567890123456789012345678901234567890123"
		  "456789012345678901234567890123456789012345678901234567890");
	SLIST_INSERT_HEAD(&fe.c.loggers, &a, link);
	SLIST_INSERT_HEAD(&fe.c.loggers, &b, link);
	tw__log_request(req, TW__LOG_AT_CLOSE);
	assert_string_equal(receive(fd1), ""); /* not before the turn ends */
	turn();
	assert_int_equal(strlen(receive(fd1)), 110);
	const char *const cut = receive(fd2);
	snprintf(want, sizeof(want), "<134>servers 0 2345");
	assert_memory_equal(cut, want, strlen(want));
	assert_int_equal(strlen(cut), 81);

	/* Levels: a notice is lowered, or not sent. */
	a.max_level = TW_WARNING;
	b.min_level = TW_INFO;
	tw__log_request(req, TW__LOG_AT_CLOSE);
	turn();
	assert_string_equal(receive(fd1), "");
	assert_memory_equal(receive(fd2), "<134>servers 1", 14);

	/* A receiver that goes away costs lines, and is found again. */
	a.max_level = TW_DEBUG;
	close(fd1);
	unlink(one);
	const uint64_t before = tw__log_dropped();
	tw__log_request(req, TW__LOG_AT_CLOSE);
	turn();
	assert_int_equal(tw__log_dropped() - before, 1);
	fd1 = unix_sink(one);
	const uint64_t give_up = tw_now_us() + 5000000;
	do {
		tw__log_request(req, TW__LOG_AT_CLOSE);
		turn();
		receive(fd2);
	} while (receive(fd1)[0] == '\0' && tw_now_us() < give_up);
	assert_true(tw_now_us() < give_up);

	/* One that is restarted at once loses nothing. */
	close(fd1);
	unlink(one);
	fd1 = unix_sink(one);
	const uint64_t lost = tw__log_dropped();
	tw__log_request(req, TW__LOG_AT_CLOSE);
	turn();
	assert_memory_equal(receive(fd1), "servers ", 8);
	assert_int_equal(tw__log_dropped(), lost);
	close(fd1);
	close(fd2);
	unlink(one);
	unlink(two);
	rmdir(dir);
	SLIST_INIT(&fe.c.loggers);
}

/* A pipe that nobody reads: full, then lines are lost, nothing waits. */
static void
test_full_pipe(void **state)
{
	int p[2];
	char got[64];

	(void)state;
	assert_int_equal(pipe(p), 0);
	struct tw__logger lg = { .target = tw__log_target_fd(p[1]),
		.max_len = 1024,
		.max_level = TW_DEBUG,
		.format = TW__LOG_RAW };
	SLIST_INSERT_HEAD(&fe.c.loggers, &lg, link);
	fe.c.logfmt = parse("line of %b");
	const uint64_t before = tw__log_dropped();
	for (int i = 0; i < 20000; i++)
		tw__log_request(req, TW__LOG_AT_CLOSE);
	turn();
	assert_true(tw__log_dropped() > before);
	assert_int_equal(read(p[0], got, 16), 16);
	assert_memory_equal(got, "line of servers\n", 16);
	close(p[0]);
	close(p[1]);
	SLIST_INIT(&fe.c.loggers);
}

/* LONG: one request, field by field */
static int
request_setup(void **state)
{
	static struct tw_bind bind = { .magic = TW_BIND_MAGIC, .id = 1 };

	setenv("TZ", "UTC", 1);
	if (expr_setup(state) != 0 || tw__logvars_register(&test_err) != 0 ||
	    tw__workers_init(1, 64, &test_err) != 0)
		return -1;
	tw__self = tw_worker_at(1);
	if (tw__log_worker_up(tw__self) != 0)
		return -1;
	/* 2009-06-20 02:54:56.082 UTC, 75 ms after the connection came. */
	tw__self->now_us = T0 + 75000;
	tw__wheel_init(&tw__self->wheel, tw__self->now_us / 1000);
	tw__self->wall_offset_us = 1245466496082000u - tw__self->now_us;
	tw__self->wall_checked_us = tw__self->now_us;
	test_gen.number = 1;
	fe = (struct tw_proxy){ .magic = TW_PROXY_MAGIC,
		.name = "www",
		.gen = &test_gen,
		.live = &fe_live };
	be = (struct tw_proxy){ .magic = TW_PROXY_MAGIC,
		.name = "servers",
		.gen = &test_gen,
		.live = &be_live };
	srv = (struct tw_server){ .magic = TW_SERVER_MAGIC,
		.name = "s1",
		.live = &srv_live,
		.addr = { .family = AF_INET, .port = 8080, .u.v4 = { 10, 0, 0, 1 } } };
	fe_live.fe.cur = 3;
	be_live.be.cur = 2;
	srv_live.s.cur = 1;
	conn = (struct tw_conn){ .magic = TW_CONN_MAGIC,
		.fd = -1,
		.worker = tw__self,
		.bind = &bind,
		.dst_known = true,
		.src = { .family = AF_INET,
		    .port = 40000,
		    .u.v4 = { 192, 168, 0, 213 } },
		.dst = { .family = AF_INET, .port = 443, .u.v4 = { 127, 0, 0, 1 } } };
	req = calloc(1, sizeof(*req));
	*req = (struct tw_req){ .magic = TW_REQ_MAGIC,
		.step = TW__LOG,
		.http = true,
		.worker = tw__self,
		.cli = &conn,
		.fe = &fe,
		.be = &be,
		.srv = &srv,
		.status = 200,
		.cookie = { 'N', 'I' },
		.t_accept = T0,
		.t_idle = T0,
		.t_first = T0 + 1000,
		.t_head = T0 + 4000,
		.t_queue = T0 + 14000,
		.t_connect = T0 + 34000,
		.t_response = T0 + 64000,
		.t_end = T0 + 71000,
		.start_line = TW_STR("GET http://a/p?q=\"1 HTTP/1.1") };
	req->down.bytes = 12345;
	req->pend.ahead_srv = 5;
	req->pend.ahead_be = 6;
	return 0;
}

static int
request_teardown(void **state)
{
	free(req);
	tw__log_worker_down(tw__self);
	tw__workers_join();
	return expr_teardown(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_syntax),
		cmocka_unit_test(test_encodings),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_full_pipe),
	};

	return cmocka_run_group_tests(tests, request_setup, request_teardown);
}

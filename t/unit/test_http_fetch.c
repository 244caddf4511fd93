/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_http_fetch.c - fetches of heads (modules/http/http_fetch.c).
 *
 * A request is a message here: the few functions of the core that fetches
 * call are defined below, so that no connection is needed.
 */
#include "config.h"

#include <stdio.h>

#include "h1_help.h"

#include "../../modules/http/http.h"

static struct h1_in t;
static struct tw_arena *arena; /* owns */

struct tw_msg *
tw_req_request(struct tw_req *req)
{
	(void)req;
	return &t.msg;
}

struct tw_msg *
tw_req_response(struct tw_req *req)
{
	(void)req;
	return &t.msg;
}

struct tw_str
tw_req_uri(struct tw_req *req)
{
	(void)req;
	return t.msg.target;
}

struct tw_arena *
tw_req_arena(struct tw_req *req)
{
	(void)req;
	return arena;
}

struct tw_conn *
tw_req_conn(const struct tw_req *req)
{
	(void)req;
	return NULL;
}

uint32_t
tw_conn_requests(const struct tw_conn *conn)
{
	(void)conn;
	return 2;
}

const struct tw_addr *
tw_conn_src(const struct tw_conn *conn)
{
	(void)conn;
	return NULL;
}

void *
tw_proxy_block(const struct tw_proxy *px, const struct tw_self *self)
{
	(void)px;
	(void)self;
	return NULL;
}

static bool every = true;

/* All values, as text, each followed by '|'; "-" when there is none. */
static const char *
fetched(const char *name, const char *field, int64_t occ)
{
	static char text[512];
	struct tw_out o = tw_out_of(text, sizeof(text) - 1);
	struct tw_arg_val args[2] = { { .type = field ? TW_STRING : TW_ANY,
					  .str = tw_str_of(field) },
		{ .type = occ ? TW_SINT : TW_ANY, .n = occ } };
	struct tw_cursor cur = { .all = every };
	const struct tw_fetch *f = tw__http_fetches;
	struct tw_sample s;

	while (strcmp(f->name, name) != 0)
		f++;
	do {
		memset(&s, 0, sizeof(s));
		cur.more = false;
		if (!f->get(NULL, args, &cur, &s))
			break;
		if (s.type == TW_SINT || s.type == TW_BOOL)
			tw_out_i64(&o, s.u.n);
		else if (s.type == TW_IPV4 || s.type == TW_IPV6)
			tw_out_printf(&o, "%d.%d.%d", s.type == TW_IPV4 ? 4 : 6,
			    s.u.ip[0], s.u.ip[s.type == TW_IPV4 ? 3 : 15]);
		else
			tw_out_str(&o, s.u.str);
		tw_out_char(&o, '|');
	} while (cur.more);
	*o.p = '\0';
	return o.p == text ? "-" : text;
}

static void
request(const char *text)
{
	h1_fini(&t);
	assert_int_equal(h1_request(&t, text), TW_IO_OK);
}

static void
targets(void **state)
{
	(void)state;
	request("GET /a/b?c=d?e HTTP/1.1\r\nHost: h:80\r\n\r\n");
	assert_string_equal(fetched("method", NULL, 0), "GET|");
	assert_string_equal(fetched("url", NULL, 0), "/a/b?c=d?e|");
	assert_string_equal(fetched("path", NULL, 0), "/a/b|");
	assert_string_equal(fetched("pathq", NULL, 0), "/a/b?c=d?e|");
	assert_string_equal(fetched("query", NULL, 0), "c=d?e|");
	assert_string_equal(fetched("base", NULL, 0), "h:80/a/b|");
	assert_string_equal(fetched("baseq", NULL, 0), "h:80/a/b?c=d?e|");
	assert_string_equal(fetched("req.ver", NULL, 0), "1.1|");
	assert_string_equal(fetched("http_first_req", NULL, 0), "0|");
	request("GET /? HTTP/1.0\r\n\r\n");
	assert_string_equal(fetched("query", NULL, 0), "|");
	assert_string_equal(fetched("base", NULL, 0), "/|");
	assert_string_equal(fetched("req.ver", NULL, 0), "1.0|");
	request("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_string_equal(fetched("path", NULL, 0), "-");
	assert_string_equal(fetched("query", NULL, 0), "-");
	assert_string_equal(fetched("base", NULL, 0), "h|");
	request("GET http://h HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_string_equal(fetched("path", NULL, 0), "-");
	assert_string_equal(fetched("url", NULL, 0), "http://h|");
}

static void
values(void **state)
{
	(void)state;
	request(
	    "GET / HTTP/1.1\r\nHost: h\r\nX-A: 1, \"2,3\" ,\r\nX-B: n\r\nx-a: 4\r\n\r\n");
	assert_string_equal(fetched("hdr", "X-a", 0), "1|\"2,3\"||4|");
	assert_string_equal(fetched("req.fhdr", "x-a", 0), "1, \"2,3\" ,|4|");
	assert_string_equal(fetched("hdr_cnt", "x-a", 0), "4|");
	assert_string_equal(fetched("req.fhdr_cnt", "x-a", 0), "2|");
	assert_string_equal(fetched("req.fhdr_cnt", NULL, 0), "4|");
	assert_string_equal(fetched("hdr", "x-a", 1), "1|");
	assert_string_equal(fetched("hdr", "x-a", 4), "4|");
	assert_string_equal(fetched("hdr", "x-a", 5), "-");
	assert_string_equal(fetched("hdr", "x-a", -1), "4|");
	assert_string_equal(fetched("hdr", "x-a", -3), "\"2,3\"|");
	assert_string_equal(fetched("hdr", "x-a", -5), "-");
	assert_string_equal(fetched("hdr", "x-none", 0), "-");
	assert_string_equal(fetched("hdr_cnt", "x-none", 0), "0|");
	tw_msg_del(&t.msg, tw_msg_find(&t.msg, TW_STR("x-a"), NULL));
	assert_string_equal(fetched("hdr", "x-a", 0), "4|");
}

static void
numbers_and_addresses(void **state)
{
	(void)state;
	request(
	    "GET / HTTP/1.1\r\nHost: h\r\nX-N: 12, -7x, y\r\n"
	    "X-F: 10.0.0.1, nobody, 10.0.0.2:80, ::3, [::4], [::5]:443, 1.2.3.4:x\r\n\r\n");
	assert_string_equal(fetched("hdr_val", "x-n", 0), "12|-7|0|");
	assert_string_equal(
	    fetched("hdr_ip", "x-f", 0), "4.10.1|4.10.2|6.0.3|6.0.4|6.0.5|");
	assert_string_equal(fetched("hdr_ip", "x-f", 2), "-");
	assert_string_equal(fetched("hdr_ip", "x-f", 1), "4.10.1|");
	every = false; /* the last one is no address: none */
	assert_string_equal(fetched("hdr_ip", "x-f", 0), "-");
	assert_string_equal(fetched("hdr", "x-n", 0), "y|");
	every = true;
}

static void
responses(void **state)
{
	const char *text = "HTTP/1.0 404 No\r\nX-A: 1,2\r\nContent-Length: 0\r\n\r\n";

	(void)state;
	h1_fini(&t);
	h1_init(&t, text, strlen(text));
	assert_int_equal(
	    tw__h1_read_head(&t.st, &t.buf, &t.msg, &t.request, false), TW_IO_OK);
	assert_string_equal(fetched("status", NULL, 0), "404|");
	assert_string_equal(fetched("res.ver", NULL, 0), "1.0|");
	assert_string_equal(fetched("res.hdr", "x-a", 0), "1|2|");
	assert_string_equal(fetched("shdr_cnt", "x-a", 0), "2|");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets),
		cmocka_unit_test(values),
		cmocka_unit_test(numbers_and_addresses),
		cmocka_unit_test(responses),
	};

	arena = tw_arena_new(0);
	const int failed = cmocka_run_group_tests_name("http_fetch", tests, NULL, NULL);

	h1_fini(&t);
	tw_arena_free(&arena);
	return failed;
}

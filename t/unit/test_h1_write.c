/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_h1_write.c - HTTP/1 heads as they are sent (modules/http).
 */
#include "config.h"

#include "h1_help.h"

#define H "Host: a\r\n"

static char out_mem[4096];

/* Reads `text`, lets `edit` change it, and compares what goes out. */
static struct tw_stream
passes(const char *text, const struct tw_msg *request, unsigned how,
    void (*edit)(struct tw_msg *msg), const char *want)
{
	struct tw_out out = tw_out_of(out_mem, sizeof(out_mem));
	struct tw_stream st = { 0 };
	struct h1_in t;

	h1_init(&t, text, strlen(text));
	if (tw__h1_read_head(&t.st, &t.buf, &t.msg, request, false) != TW_IO_OK)
		fail_msg("%s: %s", text, t.st.why);
	if (edit)
		edit(&t.msg);
	assert_int_equal(tw__h1_write_head(&st, &t.msg, &out, how), 0);
	*out.p = '\0';
	assert_string_equal(out_mem, want);
	h1_fini(&t);
	return st;
}

static void
untouched(void **state)
{
	const char *text = "GET /x HTTP/1.1\r\nhOST:a\r\nX:  1 \r\n\r\n";

	(void)state;
	passes(text, NULL, 0, NULL, text);
	text = "POST /x HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\n";
	assert_int_equal(passes(text, NULL, 0, NULL, text).left, 3);
	text = "POST /x HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n";
	assert_true(passes(text, NULL, 0, NULL, text).done);
}

static void
hop_by_hop(void **state)
{
	(void)state;
	passes("GET / HTTP/1.1\r\nConnection: close, X-A\r\n" H
	       "X-A: 1\r\nKeep-Alive: 3\r\n"
	       "X-B: 2\r\nProxy-Connection: x\r\nUpgrade: h2c\r\n\r\n",
	    NULL, 0, NULL, "GET / HTTP/1.1\r\n" H "X-B: 2\r\n\r\n");
	passes("GET / HTTP/1.1\r\n" H "TE: gzip, trailers\r\nX-B: 2\r\n\r\n", NULL,
	    TW_HEAD_CLOSE, NULL,
	    "GET / HTTP/1.1\r\n" H
	    "X-B: 2\r\nconnection: close, TE\r\nte: trailers\r\n\r\n");
	passes("GET / HTTP/1.1\r\n" H "TE: trailers\r\n\r\n", NULL, 0, NULL,
	    "GET / HTTP/1.1\r\n" H "connection: TE\r\nte: trailers\r\n\r\n");
	passes("GET / HTTP/1.1\r\nConnection: keep-alive, upgrade\r\n" H
	       "Upgrade: websocket\r\n\r\n",
	    NULL, 0, NULL,
	    "GET / HTTP/1.1\r\n" H "Upgrade: websocket\r\nconnection: upgrade\r\n\r\n");
}

static void
versions(void **state)
{
	(void)state;
	passes("GET / HTTP/1.0\r\n" H "\r\n", NULL, 0, NULL,
	    "GET / HTTP/1.1\r\n" H "\r\n");
	struct tw_stream st = passes("GET / HTTP/1.0\r\nX: 1\r\n\r\n", NULL, 0, NULL,
	    "GET / HTTP/1.0\r\nX: 1\r\nconnection: close\r\n\r\n");

	assert_true(st.last);
	const struct tw_msg get = { .method = TW_M_GET };

	passes("HTTP/1.0 200 Fine\r\nContent-Length: 0\r\n\r\n", &get, TW_HEAD_KEEP,
	    NULL,
	    "HTTP/1.1 200 Fine\r\nContent-Length: 0\r\nconnection: keep-alive\r\n\r\n");
	passes("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", &get, 0, NULL,
	    "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n");
}

static void
framing(void **state)
{
	const struct tw_msg get = { .method = TW_M_GET };
	const struct tw_msg head = { .method = TW_M_HEAD };
	const struct tw_msg connect = { .method = TW_M_CONNECT };
	const char *chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
	struct tw_stream st;

	(void)state;
	passes(chunked, &get, 0, NULL, chunked);
	st = passes(chunked, &get, TW_HEAD_HTTP10, NULL,
	    "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
	assert_int_equal(st.body, TW_BODY_CLOSE);
	assert_true(st.last);
	passes(chunked, &head, TW_HEAD_NO_BODY, NULL, chunked);
	st = passes("HTTP/1.1 200 OK\r\nX: 1\r\n\r\n", &get, 0, NULL,
	    "HTTP/1.1 200 OK\r\nX: 1\r\nconnection: close\r\n\r\n");
	assert_int_equal(st.body, TW_BODY_CLOSE);
	passes("HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n", &get, 0, NULL,
	    "HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n");
	passes("HTTP/1.1 204 No\r\nContent-Length: 9\r\n\r\n", &get, 0, NULL,
	    "HTTP/1.1 204 No\r\n\r\n");
	passes("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", &head, TW_HEAD_NO_BODY,
	    NULL, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
	st = passes("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", &connect, 0, NULL,
	    "HTTP/1.1 200 OK\r\n\r\n");
	assert_int_equal(st.body, TW_BODY_TUNNEL);
	passes("HTTP/1.1 100 Continue\r\nX: 1\r\n\r\n", &get, TW_HEAD_CLOSE, NULL,
	    "HTTP/1.1 100 Continue\r\nX: 1\r\n\r\n");
	passes("POST / HTTP/1.1\r\nContent-Length: 3, 3\r\n" H
	       "Content-Length: 3\r\n\r\n",
	    NULL, 0, NULL, "POST / HTTP/1.1\r\nContent-Length: 3\r\n" H "\r\n");
}

static void
edit_fields(struct tw_msg *msg)
{
	tw_msg_del(msg, tw_msg_find(msg, TW_STR("X-1"), NULL));
	tw_msg_set_value(msg, tw_msg_find(msg, TW_STR("X-3"), NULL), TW_STR("new"));
	tw_msg_add(msg, TW_STR("X-5"), TW_STR("5"));
}

static void
edit_target(struct tw_msg *msg)
{
	msg->target.p++;
	msg->target.len--;
}

static void
edit_target_end(struct tw_msg *msg)
{
	msg->target.len--;
}

static void
edit_filter(struct tw_msg *msg)
{
	msg->body = TW_BODY_CHUNKED;
}

static void
edit_status(struct tw_msg *msg)
{
	msg->status = 503;
	msg->reason = (struct tw_str){ NULL, 0 };
}

static void
edits(void **state)
{
	const struct tw_msg get = { .method = TW_M_GET };

	(void)state;
	passes("GET / HTTP/1.1\r\nX-1: a\r\n" H "X-2:b\r\nX-3: c\r\nX-4:d\r\n\r\n",
	    NULL, 0, edit_fields,
	    "GET / HTTP/1.1\r\n" H "X-2:b\r\nX-3: new\r\nX-4:d\r\nX-5: 5\r\n\r\n");
	passes("GET //ab HTTP/1.1\r\n" H "\r\n", NULL, 0, edit_target,
	    "GET /ab HTTP/1.1\r\n" H "\r\n");
	passes("GET //ab HTTP/1.1\r\n" H "\r\n", NULL, 0, edit_target_end,
	    "GET //a HTTP/1.1\r\n" H "\r\n");
	passes("HTTP/1.1 200 OK\r\nContent-Length: 9\r\nX: 1\r\n\r\n", &get, 0,
	    edit_filter,
	    "HTTP/1.1 200 OK\r\nX: 1\r\ntransfer-encoding: chunked\r\n\r\n");
	passes("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", &get, 0, edit_status,
	    "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
}

/* A message that no peer sent: nothing of it is in any buffer. */
static void
made_here(void **state)
{
	static struct tw_msg msg;
	struct tw_out out = tw_out_of(out_mem, sizeof(out_mem));
	struct tw_stream st = { 0 };

	(void)state;
	msg.major = msg.minor = 1;
	msg.flags = TW_MSG_RESPONSE;
	msg.status = 200;
	msg.body = TW_BODY_LENGTH;
	msg.content_length = 12;
	tw_msg_add(&msg, TW_STR("content-type"), TW_STR("text/html"));
	assert_int_equal(tw__h1_write_head(&st, &msg, &out, TW_HEAD_CLOSE), 0);
	*out.p = '\0';
	assert_string_equal(out_mem,
	    "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n"
	    "content-length: 12\r\nconnection: close\r\n\r\n");
	out = tw_out_of(out_mem, sizeof(out_mem));
	msg.body = TW_BODY_NONE;
	assert_int_equal(tw__h1_write_head(&st, &msg, &out, 0), 0);
	*out.p = '\0';
	assert_non_null(strstr(out_mem, "content-length: 0\r\n"));
	for (size_t size = 0; size < 60; size++) {
		char *mem = malloc(size > 0 ? size : 1);

		assert_non_null(mem);
		out = tw_out_of(mem, size);
		assert_int_equal(tw__h1_write_head(&st, &msg, &out, 0), -1);
		free(mem);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(untouched),
		cmocka_unit_test(hop_by_hop),
		cmocka_unit_test(versions),
		cmocka_unit_test(framing),
		cmocka_unit_test(edits),
		cmocka_unit_test(made_here),
	};

	return cmocka_run_group_tests_name("h1_write", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_tune.c - what tune.* asks of sockets and pipes reaches the kernel.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/net/conn.h"

static int
option(int fd, int level, int name)
{
	int v = -1;
	socklen_t len = sizeof(v);

	assert_int_equal(getsockopt(fd, level, name, &v, &len), 0);
	return v;
}

/* The kernel doubles what it is asked for. */
static void
test_socket(void **state)
{
	const struct tw__tune t = {
		.rcvbuf_client = 8192,
		.sndbuf_client = 16384,
		.rcvbuf_server = 12288,
		.sndbuf_server = 20480,
		.lowat_client = 1000,
		.lowat_server = 2000,
	};
	const int cli = socket(AF_INET, SOCK_STREAM, 0);
	const int srv = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	tw__socket_tune(cli, &t, true);
	tw__socket_tune(srv, &t, false);
	assert_int_equal(option(cli, SOL_SOCKET, SO_RCVBUF), 2 * 8192);
	assert_int_equal(option(cli, SOL_SOCKET, SO_SNDBUF), 2 * 16384);
	assert_int_equal(option(cli, IPPROTO_TCP, TCP_NOTSENT_LOWAT), 1000);
	assert_int_equal(option(srv, SOL_SOCKET, SO_RCVBUF), 2 * 12288);
	assert_int_equal(option(srv, SOL_SOCKET, SO_SNDBUF), 2 * 20480);
	assert_int_equal(option(srv, IPPROTO_TCP, TCP_NOTSENT_LOWAT), 2000);
	close(cli);
	close(srv);
}

static void
test_nothing(void **state)
{
	const struct tw__tune t = { 0 };
	const int fd = socket(AF_INET, SOCK_STREAM, 0);
	const int before = option(fd, SOL_SOCKET, SO_RCVBUF);

	(void)state;
	tw__socket_tune(fd, &t, true);
	assert_int_equal(option(fd, SOL_SOCKET, SO_RCVBUF), before);
	close(fd);
}

static void
test_pipes(void **state)
{
	struct tw__net *const net = calloc(1, sizeof(*net));
	struct tw_worker *const w = calloc(1, sizeof(*w));
	struct tw__pipe *a, *b;

	(void)state;
	w->net = net;
	tw__pipes_set(0, 0, true);
	assert_null(tw__pipe_get(w)); /* nosplice */
	tw__pipes_set(65536, 1, false);
	a = tw__pipe_get(w);
	assert_non_null(a);
	assert_int_equal(fcntl(a->wr, F_GETPIPE_SZ), 65536);
	assert_null(tw__pipe_get(w)); /* maxpipes */
	tw__pipe_put(w, &a);
	a = tw__pipe_get(w); /* one that is there already */
	assert_non_null(a);
	tw__pipes_set(0, 0, false);
	b = tw__pipe_get(w);
	assert_non_null(b);
	a->held = b->held = 1; /* such are not kept */
	tw__pipe_put(w, &a);
	tw__pipe_put(w, &b);
	tw__pipes_set(0, 1, false);
	b = tw__pipe_get(w);
	assert_non_null(b); /* the others are gone */
	b->held = 1;
	tw__pipe_put(w, &b);
	tw__pipes_set(0, 0, false);
	free(net);
	free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_socket),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_pipes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_handover.c - listening sockets on a wire: what fits a line is taken,
 * peers that lie cost nothing, and no descriptor is left behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tideway/assert.h>
#include <tideway/worker.h>
#include "core/conf/read.h"
#include "core/net/conn.h"
#include "core/net/handover.h"
#include "core/run/worker.h"

#define BATCH 252
#define HAPROXY "/usr/sbin/haproxy"

static int pair[2]; /* 0: the receiver's, 1: the peer's */
static int fds_before;
static struct tw_err err;
static char dir[] = "/tmp/test_handover-XXXXXX";

/* --- help --- */

static int
fds_open(void)
{
	DIR *const d = opendir("/proc/self/fd");
	int n = -1; /* d's own */

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static int
wire_up(void **state)
{
	(void)state;
	fds_before = fds_open();
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
}

/* A test that leaks fails. */
static int
wire_down(void **state)
{
	(void)state;
	tw__handover_end();
	close(pair[0]);
	if (pair[1] >= 0)
		close(pair[1]);
	return fds_open() == fds_before ? 0 : -1;
}

static int
listen_on(struct tw_addr *addr)
{
	const struct sockaddr_in any = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in in;
	socklen_t len = sizeof(in);
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (const struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	tw_addr_from_sockaddr(addr, (struct sockaddr *)&in, len);
	return fd;
}

static int
listen_at(const char *path, size_t path_len)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(un.sun_path, path, strlen(path));
	if (path[0] == '@')
		un.sun_path[0] = '\0';
	const size_t len = offsetof(struct sockaddr_un, sun_path) + path_len;
	assert_int_equal(bind(fd, (struct sockaddr *)&un, (socklen_t)len), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

static ino_t
inode(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

static void
peer_write(const void *bytes, size_t len)
{
	assert_int_equal(write(pair[1], bytes, len), len);
}

static void
peer_count(uint32_t n)
{
	peer_write(&n, sizeof(n));
}

/* As HAProxy has them: no name space, no interface, no options. */
static void
peer_sockets(const int *fd, int n)
{
	static char words[(BATCH + 1) * 6];
	static char room[CMSG_SPACE((BATCH + 1) * sizeof(int))];
	struct iovec iov = { words, (size_t)n * 6 };
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = room,
		.msg_controllen = CMSG_SPACE((size_t)n * sizeof(int)) };
	struct cmsghdr *const c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
	memcpy(CMSG_DATA(c), fd, (size_t)n * sizeof(int));
	assert_int_equal(sendmsg(pair[1], &m, 0), iov.iov_len);
}

static void
peer_close(void)
{
	close(pair[1]);
	pair[1] = -1;
}

static int
receive_in(unsigned ms)
{
	err.text[0] = '\0';
	return tw__handover_receive(pair[0], tw_now_us() / 1000 + ms, &err);
}

static void
receive_bad(const char *why)
{
	assert_int_equal(receive_in(20), -1);
	if (strstr(err.text, why) == NULL)
		fail_msg("'%s' is not in: %s", why, err.text);
}

/* What a line for this address gets. returns: its inode; 0: none. */
static ino_t
take(struct tw_addr addr)
{
	const struct tw_bind b = { .magic = TW_BIND_MAGIC, .addr = addr, .fd = -1 };
	const int fd = tw__handover_take(&b);

	if (fd < 0)
		return 0;
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	const ino_t ino = inode(fd);
	close(fd);
	return ino;
}

static ino_t
take_path(const char *path)
{
	return take((struct tw_addr){ .family = AF_UNIX, .u.path = path });
}

static const char *
path_of(const char *name)
{
	static char path[4][64]; /* the last four are good */
	static int turn;

	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof(path[0]), "%s/%s", dir, name);
	return path[turn];
}

/* --- receiving --- */

static void
test_taken(void **state)
{
	struct tw_addr a, b, other;
	const int fd[] = { listen_on(&a), listen_on(&b) };
	const ino_t ino[] = { inode(fd[0]), inode(fd[1]) };
	char ack[8];

	(void)state;
	peer_count(2);
	peer_sockets(fd, 2);
	close(fd[0]);
	close(fd[1]);
	assert_int_equal(receive_in(1000), 0);
	assert_int_equal(recv(pair[1], ack, sizeof(ack), MSG_DONTWAIT), 4);
	assert_memory_equal(ack, "\0\0\0\0", 4);
	other = b;
	other.u.v4[3]++;
	assert_int_equal(take(other), 0);
	assert_int_equal(take(b), ino[1]);
	assert_int_equal(take(b), 0);
	assert_int_equal(take(a), ino[0]);
}

static void
test_several_messages(void **state)
{
	struct tw_addr addr;
	const int fd = listen_on(&addr);
	int all[BATCH];

	(void)state;
	for (int i = 0; i < BATCH; i++)
		all[i] = fd;
	peer_count(BATCH + 3);
	peer_sockets(all, BATCH);
	peer_sockets(all, 3);
	assert_int_equal(receive_in(1000), 0);
	for (int i = 0; i < BATCH + 3; i++)
		assert_int_equal(take(addr), inode(fd));
	assert_int_equal(take(addr), 0);
	close(fd);
}

static void
test_replaces(void **state)
{
	struct tw_addr a, b;
	const int fd[] = { listen_on(&a), listen_on(&b) };

	(void)state;
	peer_count(1);
	peer_sockets(&fd[0], 1);
	assert_int_equal(receive_in(1000), 0);
	peer_count(2);
	receive_bad("cannot receive");
	peer_count(1);
	peer_sockets(&fd[1], 1);
	assert_int_equal(receive_in(1000), 0);
	assert_int_equal(take(a), 0); /* a refused message left it alone */
	peer_count(0);
	assert_int_equal(receive_in(1000), 0);
	assert_int_equal(take(b), 0);
	close(fd[0]);
	close(fd[1]);
}

static void
test_refused_keeps(void **state)
{
	struct tw_addr a;
	const int fd = listen_on(&a);

	(void)state;
	peer_count(1);
	peer_sockets(&fd, 1);
	assert_int_equal(receive_in(1000), 0);
	peer_count(2);
	peer_sockets(&fd, 1);
	receive_bad("Connection timed out");
	assert_int_equal(take(a), inode(fd));
	close(fd);
}

static void
test_has(void **state)
{
	struct tw_addr addr;
	const int fd = listen_on(&addr);

	(void)state;
	assert_false(tw__handover_has(fd));
	assert_int_equal(tw__handover_offer(fd), 0);
	assert_true(tw__handover_has(fd));
	assert_int_not_equal(take(addr), 0);
	assert_true(tw__handover_has(fd)); /* its number is no inherited one */
	tw__handover_end();
	assert_false(tw__handover_has(fd));
}

/* --- unix sockets --- */

static void
test_renamed(void **state)
{
	const char *const tmp = path_of("web.sock.4711.tmp");
	const char *const path = path_of("web.sock");
	const int fd = listen_at(tmp, strlen(tmp) + 1);

	(void)state;
	assert_int_equal(rename(tmp, path), 0);
	peer_count(1);
	peer_sockets(&fd, 1);
	assert_int_equal(receive_in(1000), 0);
	assert_int_equal(take_path(path_of("other.sock")), 0);
	assert_int_equal(take_path(path), inode(fd));
	unlink(path);
	close(fd);
}

static void
test_odd_names(void **state)
{
	static const char *const names[] = { "x.tmp", "x..tmp", "x.1a.tmp" };

	(void)state;
	for (size_t i = 0; i < TW_N_ELEMENTS(names); i++) {
		const char *const path = path_of(names[i]);
		const int fd = listen_at(path, strlen(path) + 1);

		unlink(path);
		assert_int_equal(tw__handover_offer(fd), 0);
		assert_int_equal(take_path(path_of("x")), 0);
		tw__handover_end();
	}
}

static void
test_longest_name(void **state)
{
	char path[sizeof(((struct sockaddr_un *)0)->sun_path) + 1] = "";

	(void)state;
	memset(path, 'x', sizeof(path) - 1);
	memcpy(path, path_of("x"), strlen(path_of("x")));
	const int fd = listen_at(path, strlen(path));
	assert_int_equal(tw__handover_offer(fd), 0);
	assert_int_equal(take_path(path), inode(fd));
	unlink(path);
}

static void
test_abstract(void **state)
{
	const size_t all = sizeof(((struct sockaddr_un *)0)->sun_path);
	char name[32], tight[32]; /* abns@ and abnsz@ */

	(void)state;
	snprintf(name, sizeof(name), "@handover-%d", (int)getpid());
	snprintf(tight, sizeof(tight), "@\1handover-%d", (int)getpid());
	const size_t lengths[] = { strlen(name), all };
	for (size_t i = 0; i < TW_N_ELEMENTS(lengths); i++) {
		const int fd = listen_at(name, lengths[i]);
		const ino_t ino = inode(fd);

		assert_int_equal(tw__handover_offer(fd), 0);
		assert_int_equal(take_path("@handover-"), 0);
		assert_int_equal(take_path("@handover-0123456789abcdef"), 0);
		assert_int_equal(take_path(i == 0 ? name : tight), 0);
		assert_int_equal(take_path(i == 0 ? tight : name), ino);
	}
}

/* The file is another program's by now: the socket hears of nobody. */
static void
test_path_of_another(void **state)
{
	const char *const path = path_of("shared.sock");
	const size_t len = strlen(path) + 1;
	const int fd = listen_at(path, len);

	(void)state;
	peer_count(1);
	peer_sockets(&fd, 1);
	assert_int_equal(receive_in(1000), 0);
	assert_int_equal(rename(path, path_of("aside")), 0);
	const int other = listen_at(path, len);
	for (int i = 0; i < 2; i++) { /* lent again, it is not believed either */
		assert_int_equal(take_path(path), 0);
		peer_count(1);
		peer_sockets(&fd, 1);
		assert_int_equal(receive_in(1000), 0);
	}
	assert_int_equal(rename(path_of("aside"), path), 0);
	assert_int_equal(take_path(path), inode(fd));
	unlink(path);
	close(fd);
	close(other);
}

/* --- peers that lie --- */

static void
test_no_listeners(void **state)
{
	struct tw_addr addr;
	const int listening = listen_on(&addr);
	const int fd[] = { socket(AF_INET, SOCK_STREAM, 0),
		socket(AF_INET, SOCK_DGRAM, 0), open("/dev/null", O_RDONLY),
		dup(listening), dup(pair[0]) };

	(void)state;
	peer_count(TW_N_ELEMENTS(fd));
	peer_sockets(fd, TW_N_ELEMENTS(fd));
	for (size_t i = 0; i < TW_N_ELEMENTS(fd); i++)
		close(fd[i]);
	const int before = fds_open();
	assert_int_equal(receive_in(1000), 0);
	assert_int_equal(fds_open(), before + 1); /* the one that listens */
	assert_int_equal(take(addr), inode(listening));
	close(listening);
}

static void
test_counts(void **state)
{
	(void)state;
	peer_count(UINT32_MAX);
	receive_bad("sent no number");
	peer_write("\1\0", 2);
	receive_bad("cannot receive");
	peer_close();
	receive_bad("closed instead of sending");
}

static void
test_count_with_sockets(void **state)
{
	struct tw_addr addr;
	const int fd = listen_on(&addr);

	(void)state;
	peer_sockets(&fd, 1); /* six zero bytes: none follows */
	close(fd);
	assert_int_equal(receive_in(1000), 0);
	assert_int_equal(take(addr), 0);
}

static void
test_too_many(void **state)
{
	struct tw_addr addr;
	const int fd = listen_on(&addr);
	const int both[] = { fd, fd };

	(void)state;
	peer_count(1);
	peer_sockets(both, 2);
	receive_bad("more listening sockets than the 1");
	assert_int_equal(take(addr), 0);
	close(fd);
}

static void
test_truncated(void **state)
{
	struct tw_addr addr;
	const int fd = listen_on(&addr);

	(void)state;
	peer_count(2);
	peer_sockets(&fd, 1);
	peer_write("bytes alone", 11);
	peer_close();
	close(fd);
	receive_bad("closed after 1 of 2");
	assert_int_equal(take(addr), 0);
}

static void
test_no_room(void **state)
{
	struct tw_addr addr;
	const int fd = listen_on(&addr);
	const int both[] = { fd, fd };
	struct rlimit now;

	(void)state;
	peer_count(2);
	peer_sockets(both, 2);
	close(fd);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
	const struct rlimit few = { (rlim_t)fd + 1, now.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	const int rc = receive_in(1000);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
	assert_int_equal(rc, -1);
	assert_non_null(strstr(err.text, "raise the limit of open files"));
}

/* --- sending what this process listens on --- */

static struct tw_gen gen;
static struct tw_report report;
static struct tw_addr given; /* of fd@N */

/* in: text, whose one %d is an inherited descriptor. */
static void
listeners_open(const char *text)
{
	char conf[512];

	const int fd = listen_on(&given);
	snprintf(conf, sizeof(conf), text, fd, dir);
	memset(&gen, 0, sizeof(gen));
	gen.magic = TW_GEN_MAGIC;
	gen.conf.arena = tw_arena_new(0);
	gen.conf.report = &report;
	TAILQ_INIT(&gen.proxies);
	TAILQ_INIT(&gen.defaults);
	if (tw__conf_read_text(&gen, "t", conf, strlen(conf)) != 0 ||
	    tw__proxies_check(&gen) != 0)
		fail_msg("%s", report.text);
	if (tw__proxies_start(&gen, &err) != 0 || tw__listeners_open(&gen, &err) != 0)
		fail_msg("%s", err.text);
	tw__listeners_published(&gen);
}

static void
test_lent_and_sent(void **state)
{
	const char *const path = path_of("own.sock");

	(void)state;
	assert_int_equal(tw__handover_lend(pair[1], &err), 0);
	assert_int_equal(receive_in(1000), 0);
	assert_int_equal(take(given), 0); /* its giver has it */
	assert_int_not_equal(take_path(path), 0);
	assert_int_equal(tw__handover_send(pair[1], &err), 0);
	assert_int_equal(receive_in(1000), 0);
	assert_int_not_equal(take(given), 0);
	assert_int_not_equal(take_path(path), 0);
	char acks[16]; /* one for each message with sockets */
	assert_int_equal(recv(pair[1], acks, sizeof(acks), MSG_DONTWAIT), 8);
}

static void
test_peer_does_not_read(void **state)
{
	char filler[4096] = "";

	(void)state;
	while (send(pair[1], filler, sizeof(filler), MSG_DONTWAIT) > 0)
		;
	assert_int_equal(tw__handover_lend(pair[1], &err), -1);
	assert_non_null(strstr(err.text, "cannot send listening sockets"));
	close(pair[0]);
	pair[0] = dup(pair[1]);
	assert_int_equal(tw__handover_lend(pair[1], &err), -1);
}

/* --- HAProxy takes over --- */

static pid_t
haproxy_start(const char *from)
{
	char conf[256];
	const char *const file = path_of("haproxy.cfg");
	FILE *const f = fopen(file, "w");

	assert_non_null(f);
	snprintf(conf, sizeof(conf),
	    "frontend f\n mode http\n timeout client 5s\n bind %s\n"
	    " bind 127.0.0.1:%u\n http-request return status 200\n",
	    path_of("own.sock"), given.port);
	fputs(conf, f);
	fclose(f);
	const pid_t pid = fork();
	if (pid == 0) {
		execl(HAPROXY, HAPROXY, "-q", "-db", "-x", from, "-f", file, NULL);
		_exit(127);
	}
	return pid;
}

static void
question_answer(int l)
{
	const struct timeval limit = { .tv_sec = 10 };
	char question[32] = "";

	setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	const int c = accept(l, NULL, NULL);
	setsockopt(c, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	assert_true(c >= 0);
	assert_int_equal(read(c, question, sizeof(question) - 1), 10);
	assert_string_equal(question, "_getsocks\n");
	assert_int_equal(tw__handover_send(c, &err), 0);
	/* as a control socket does: it is closed once the peer has closed */
	while (read(c, question, sizeof(question)) > 0)
		;
	close(c);
}

/* returns: a client of the port is served by whoever has it. */
static bool
is_served(void)
{
	struct sockaddr_storage ss;
	const socklen_t len = tw_addr_to_sockaddr(&given, &ss);
	const struct timeval limit = { .tv_sec = 5 };
	char answer[16] = "";
	const int c = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(c, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	assert_int_equal(connect(c, (struct sockaddr *)&ss, len), 0);
	assert_int_equal(send(c, "GET / HTTP/1.0\r\n\r\n", 18, 0), 18);
	const ssize_t n = recv(c, answer, 12, MSG_WAITALL);
	close(c);
	return n == 12 && strcmp(answer + 8, " 200") == 0;
}

static void
test_to_haproxy(void **state)
{
	(void)state;
	if (access(HAPROXY, X_OK) != 0)
		skip();
	const char *const from = path_of("old.sock");
	const int l = listen_at(from, strlen(from) + 1);
	const pid_t pid = haproxy_start(from);
	question_answer(l);
	close(l);
	/* the port is not to be had twice: that socket does not share it */
	assert_true(is_served());
	kill(pid, SIGTERM);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	unlink(path_of("haproxy.cfg"));
	unlink(from);
}

static int
listeners_up(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL || tw__proxy_register(&err) != 0 ||
	    tw__workers_init(1, 64, &err) != 0)
		return -1;
	listeners_open("frontend f\n bind fd@%d\n bind %s/own.sock\n");
	return 0;
}

static int
listeners_down(void **state)
{
	(void)state;
	tw__proxies_stop(&gen);
	tw_arena_free(&gen.conf.arena);
	free(report.text);
	unlink(path_of("own.sock"));
	return rmdir(dir);
}

#define ON_WIRE(test) cmocka_unit_test_setup_teardown(test, wire_up, wire_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ON_WIRE(test_taken),
		ON_WIRE(test_several_messages),
		ON_WIRE(test_replaces),
		ON_WIRE(test_refused_keeps),
		ON_WIRE(test_has),
		ON_WIRE(test_renamed),
		ON_WIRE(test_odd_names),
		ON_WIRE(test_longest_name),
		ON_WIRE(test_abstract),
		ON_WIRE(test_path_of_another),
		ON_WIRE(test_no_listeners),
		ON_WIRE(test_counts),
		ON_WIRE(test_count_with_sockets),
		ON_WIRE(test_too_many),
		ON_WIRE(test_truncated),
		ON_WIRE(test_no_room),
		ON_WIRE(test_lent_and_sent),
		ON_WIRE(test_peer_does_not_read),
		ON_WIRE(test_to_haproxy),
	};

	return cmocka_run_group_tests(tests, listeners_up, listeners_down);
}

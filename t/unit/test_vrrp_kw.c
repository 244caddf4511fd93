/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_vrrp_kw.c - vrrp-config and vrrp-peer, through the parser: what they
 * store, and what they say of what they cannot use.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <tideway/assert.h>

#include "../../modules/vrrp/vrrp.h"
#include "core/conf/parser.h"
#include "core/conf/read.h"
#include "core/run/gen.h"

#define KEY "0123456789abcdef"
#define NODES "192.0.2.1 192.0.2.2 "

static const struct tw_module module = { TW_MODULE_HEAD, .name = "vrrp" };
static const struct tw_self self = { .module = &module, .off = { [TW_IN_GEN] = 16 } };
static struct {
	char room[16];
	struct vr_gen gen;
} block;
static struct tw_report report;
static struct tw_gen gen;

static int
open_global(struct tw_line *ln)
{
	ln->core = &ln->gen->global;
	ln->block = (char *)&block;
	return 0;
}

static const struct tw__section global = { "global", TW_SC_GLOBAL, open_global, NULL };

static int
setup(void **state)
{
	struct tw_err err;

	(void)state;
	TW_ASSERT(tw__kw_add(vr_peer_keywords, &self, &err) == 0);
	TW_ASSERT(tw__section_add(&global, &err) == 0);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	tw__registry_clear();
	if (gen.conf.arena != NULL)
		tw_arena_free(&gen.conf.arena);
	free(report.text);
	return 0;
}

/* returns: what it is told of: "" when all is well. */
static const char *
parse(const char *lines)
{
	char text[1024];
	const int len = snprintf(text, sizeof(text), "global\n%s\n", lines);

	if (gen.conf.arena != NULL)
		tw_arena_free(&gen.conf.arena);
	free(report.text);
	report = (struct tw_report){ 0 };
	memset(&gen, 0, sizeof(gen));
	memset(&block, 0, sizeof(block));
	gen.conf.arena = tw_arena_new(0);
	gen.conf.report = &report;
	tw__conf_read_text(&gen, "t", text, (size_t)len);
	return report.text != NULL ? report.text : "";
}

static void
refused(const char *lines, const char *why)
{
	const char *const said = parse(lines);

	if (strstr(said, why) == NULL)
		fail_msg("%s: \"%s\" is not in: %s", lines, why, said);
	assert_non_null(strstr(said, "[t:"));
}

static void
test_stored(void **state)
{
	const struct vr_peer_conf *const p = &block.gen.peer;
	char text[64];

	(void)state;
	assert_string_equal(parse("vrrp-config /etc/keepalived/keepalived.conf\n"
				  "vrrp-peer " NODES "key " KEY),
	    "");
	assert_string_equal(block.gen.path, "/etc/keepalived/keepalived.conf");
	assert_int_equal(block.gen.where.line, 2);
	assert_string_equal(vr_ip_out(&p->local, text, sizeof(text)), "192.0.2.1");
	assert_string_equal(vr_ip_out(&p->remote, text, sizeof(text)), "192.0.2.2");
	assert_int_equal(p->local_port, 1112);
	assert_int_equal(p->remote_port, 1112);
	assert_int_equal(p->key_len, 16);
	assert_memory_equal(p->key, KEY, 16);
	assert_int_equal(p->interval_us, 50000);
	assert_int_equal(p->dead_after_us, 150000);
	assert_int_equal(p->where.line, 3);
}

static void
test_options(void **state)
{
	const struct vr_peer_conf *const p = &block.gen.peer;
	char text[64];

	(void)state;
	assert_string_equal(
	    parse("vrrp-peer [2001:db8::1]:700 2001:db8::2 dead-after 1s "
		  "interval 20 key " KEY KEY),
	    "");
	assert_string_equal(vr_ip_out(&p->local, text, sizeof(text)), "2001:db8::1");
	assert_int_equal(p->local_port, 700);
	assert_int_equal(p->remote_port, 1112);
	assert_int_equal(p->remote.family, AF_INET6);
	assert_int_equal(p->interval_us, 20000);
	assert_int_equal(p->dead_after_us, 1000000);
	assert_int_equal(p->key_len, 32);
	assert_string_equal(
	    parse("vrrp-peer 192.0.2.1:1 192.0.2.2:65535 interval 100ms key " KEY), "");
	assert_int_equal(p->remote_port, 65535);
	assert_int_equal(p->dead_after_us, 300000);
}

static void
test_bad_addresses(void **state)
{
	(void)state;
	refused("vrrp-peer lb1 192.0.2.2 key " KEY, "'lb1' is no IP address");
	refused("vrrp-peer 192.0.2.1 [2001:db8::1 key " KEY, "is no IP address");
	refused("vrrp-peer 192.0.2.1 [2001:db8::1]x key " KEY, "is no IP address");
	refused("vrrp-peer 192.0.2.1:0 192.0.2.2 key " KEY, "'0' is no UDP port");
	refused("vrrp-peer 192.0.2.1 192.0.2.2:65536 key " KEY, "is no UDP port");
	refused("vrrp-peer 0.0.0.0 192.0.2.2 key " KEY, "one machine");
	refused("vrrp-peer :: 2001:db8::1 key " KEY, "one machine");
	refused("vrrp-peer 192.0.2.1 224.0.0.18 key " KEY, "one machine");
	refused("vrrp-peer 192.0.2.1 255.255.255.255 key " KEY, "one machine");
	refused("vrrp-peer 2001:db8::1 ff02::12 key " KEY, "one machine");
	refused("vrrp-peer fe80::1 fe80::2 key " KEY, "link-local");
	refused("vrrp-peer 192.0.2.1 2001:db8::1 key " KEY, "another IP version");
	refused("vrrp-peer 192.0.2.1 192.0.2.1 key " KEY, "own address");
}

static void
test_bad_options(void **state)
{
	(void)state;
	refused("vrrp-peer " NODES, "needs a key");
	refused("vrrp-peer " NODES "key short", "the key has 5 bytes");
	refused("vrrp-peer " NODES "key " KEY KEY KEY KEY "x", "the key has 65 bytes");
	refused("vrrp-peer " NODES "key", "'key' needs an argument");
	refused("vrrp-peer " NODES "key " KEY " colour red", "unknown option 'colour'");
	refused("vrrp-peer " NODES "key " KEY " interval 5ms", "10 to 10000 ms");
	refused("vrrp-peer " NODES "key " KEY " interval soon", "'soon'");
	refused("vrrp-peer " NODES "key " KEY " interval 50 dead-after 99",
	    "at least twice the interval");
	refused("vrrp-peer " NODES "key " KEY " dead-after 2m", "20 to 60000 ms");
	refused("vrrp-config ''", "name of a file is missing");
	refused("vrrp-config", "vrrp-config");
	refused("vrrp-config a\nvrrp-config b", "the first is at t:2");
	refused("vrrp-peer " NODES "key " KEY "\nvrrp-peer " NODES "key " KEY,
	    "the first is at t:2");
}

static void
test_key_file(void **state)
{
	char path[] = "/tmp/test_vrrp_kw.XXXXXX", line[128];
	const int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	snprintf(line, sizeof(line), "vrrp-peer " NODES "key-file %s", path);
	refused(line, "the key has 0 bytes");
	assert_int_equal(write(fd, KEY "\r\nnot this\n", 27), 27);
	assert_string_equal(parse(line), "");
	assert_int_equal(block.gen.peer.key_len, 16);
	assert_memory_equal(block.gen.peer.key, KEY, 16);
	assert_int_equal(fchmod(fd, 0644), 0);
	assert_non_null(strstr(parse(line), "everybody"));
	assert_int_equal(block.gen.peer.key_len, 16);
	close(fd);
	unlink(path);
	refused(line, "cannot read the key file");
	refused("vrrp-peer " NODES "key-file /tmp", "cannot read the key file");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stored),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_bad_addresses),
		cmocka_unit_test(test_bad_options),
		cmocka_unit_test(test_key_file),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_vrrp_lint.c - keepalived.conf: what is valid but hardly meant, in one
 * file and in those of two routers.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "vrrp_conf_help.h"

static struct vr_conf *other;

static void
lint(const char *text, const char *peer)
{
	vr_conf_free(&other);
	good(text);
	if (peer != NULL)
		other = text_read("peer.conf", peer);
	assert_true(peer == NULL || other != NULL);
	said[0] = '\0';
	vr_lint(conf, other, &report);
}

/* The interface is one that every machine has; no network warning then. */
#define LO(vrid, lines)                                                    \
	"vrrp_instance VI {\n interface lo\n virtual_router_id " vrid "\n" \
	" virtual_ipaddress {\n 127.0.0.9\n }\n" lines "\n}\n"
#define CHK(weight) "vrrp_script chk { script /bin/a\n weight " weight " }\n"
#define TRACKS "\ntrack_script { chk }"

static void
test_lint_one(void **state)
{
	(void)state;
	lint(LO("1", TRACKS) CHK("10"), NULL);
	assert_string_equal(said, "");
	lint(LO("1", ""), NULL);
	assert_string_equal(said, "");
	lint(LO("1", "") CHK("10"), NULL);
	warned("vrrp_script 'chk' is used nowhere");
	lint(LO("1", "priority 255" TRACKS) CHK("10"), NULL);
	warned("the weights of what it tracks never count");
	lint(LO("1", "priority 250" TRACKS) CHK("10"), NULL);
	warned("may be 250 to 260");
	lint(LO("1", "nopreempt" TRACKS) CHK("10"), NULL);
	warned("checks fail by weight");
	lint(LO("1", TRACKS) "vrrp_script chk { script \"killall -0 haproxy\" }", NULL);
	warned("write track_worker");
	lint(LO("1", "track_process { p }") "vrrp_track_process p { process haproxy }",
	    NULL);
	warned("write track_worker");
	lint(
	    "vrrp_instance A { interface nosuch0\n virtual_router_id 1\n"
	    " track_interface nosuch1\n virtual_ipaddress { 192.0.2.1 dev nosuch2\n } }",
	    NULL);
	warned("'A': there is no interface 'nosuch0'");
	warned("'nosuch1' on this machine: it counts as down");
	warned("'nosuch2' on this machine: the address waits");
	lint("vrrp_instance A { interface lo\n virtual_router_id 1\n"
	     " virtual_ipaddress { 192.0.2.1\n 192.0.2.1 } }",
	    NULL);
	warned("stands on line 3 already");
	if (strstr(said, "in no network of lo") == NULL)
		fail_msg("no word about the network: %s", said);
}

static void
test_lint_weights(void **state)
{
	(void)state;
	lint(LO("1", "priority 100" TRACKS) CHK("10"),
	    LO("1", "priority 99" TRACKS) CHK("10"));
	assert_string_equal(said, "");
	lint(LO("1", "priority 100" TRACKS) CHK("2"),
	    LO("1", "priority 90" TRACKS) CHK("2"));
	warned("it still has 100, the other at best 92");
	lint(LO("1", "priority 90" TRACKS) CHK("2"),
	    LO("1", "priority 100" TRACKS) CHK("2"));
	warned("it still has 100, the other at best 92");
	lint(LO("1", "priority 100" TRACKS) CHK("-20"),
	    LO("1", "priority 90" TRACKS) CHK("-20"));
	assert_string_equal(said, "");
	lint(LO("1", "priority 150" TRACKS) CHK("0"), LO("1", "priority 90"));
	assert_string_equal(said, "");
	lint(LO("1", "priority 150\n track_file { f }") "track_file f { file /f }",
	    LO("1", "priority 90"));
	assert_string_equal(said, "");
}

static void
test_lint_pair(void **state)
{
	(void)state;
	static const char *const mine = LO("1", "priority 100");
	lint(mine, LO("1", ""));
	warned("both files say priority 100");
	lint(
	    LO("1", "state MASTER\n priority 9"), LO("1", "state MASTER\n priority 8"));
	warned("both files say 'state MASTER'");
	lint(mine, LO("2", ""));
	warned("virtual_router_id is 1 here and 2 in peer.conf");
	lint(mine, "vrrp_instance X { interface lo\n virtual_router_id 9 }");
	warned("no instance of peer.conf has its virtual_router_id 1");
	warned("no instance of k.conf has its virtual_router_id 9");
	lint(mine, LO("1", "priority 9\n version 3"));
	warned("the version differs from peer.conf:1");
	lint(mine, LO("1", "priority 9\n advert_int 2"));
	warned("advert_int differs");
	lint(mine,
	    LO("1", "priority 9\n authentication { auth_type PASS\n auth_pass a }"));
	warned("authentication differs");
	lint(LO("1", "priority 8\n authentication { auth_type PASS\n auth_pass b }"),
	    LO("1", "priority 9\n authentication { auth_type PASS\n auth_pass a }"));
	warned("auth_pass differs");
	lint(mine, LO("1", "priority 9\n virtual_ipaddress { 127.0.0.8 }"));
	warned("virtual_ipaddress differs");
	lint(mine, LO("1", "priority 9\n unicast_peer { 192.0.2.1 }"));
	warned("unicast or multicast differs");
	lint(LO("1", "unicast_src_ip 192.0.2.2\n unicast_peer { 192.0.2.3 }"),
	    LO("1", "priority 9\n unicast_peer { 192.0.2.1 }"));
	warned("192.0.2.2 is no unicast_peer in peer.conf");
}

static int
forget_both(void **state)
{
	vr_conf_free(&other);
	return forget(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lint_one),
		cmocka_unit_test(test_lint_weights),
		cmocka_unit_test(test_lint_pair),
	};
	return cmocka_run_group_tests(tests, NULL, forget_both);
}

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

#include <tideway/assert.h>

#include "modules/vrrp/lint.h"

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

/* --- the packet filter --- */

#define NFT_INPUT(policy, rules)                                                 \
	"table inet filter {\n\tchain input {\n"                                 \
	"\t\ttype filter hook input priority filter; policy " policy ";\n" rules \
	"\t}\n\n\tchain output {\n"                                              \
	"\t\ttype filter hook output priority filter; policy drop;\n\t}\n}\n"

#define LAST_DROPS                       \
	"table ip last {\n\tchain i {\n" \
	"\t\ttype filter hook input priority 0; policy drop;\n\t}\n}\n"

static void
test_lint_firewall(void **state)
{
	static const struct {
		const char *rules;
		const char *table; /* NULL: no warning */
	} cases[] = {
		{ "", NULL },
		{ NFT_INPUT("accept", ""), NULL },
		{ NFT_INPUT("drop", ""), "inet filter" },
		{ NFT_INPUT("drop", "\t\ttcp dport 112 accept\n"), "inet filter" },
		{ NFT_INPUT("drop", "\t\tip protocol vrrp accept\n"), NULL },
		{ NFT_INPUT("drop", "\t\tip protocol 112 accept\n"), NULL },
		{ NFT_INPUT("drop", "\t\tmeta l4proto { icmp, vrrp } accept\n"), NULL },
		{ NFT_INPUT("drop", "\t\tiifname \"eth0\" accept\n"), NULL },
		{ NFT_INPUT("drop", "\t\tiifname \"eth0\" tcp dport 22 accept\n"),
		    "inet filter" },
		{ NFT_INPUT("drop", "\t\tiifname \"eth01\" accept\n"), "inet filter" },
		{ NFT_INPUT("accept",
		      "\t\tct state established accept\n"
		      "\t\treject with icmpx admin-prohibited\n"),
		    "inet filter" },
		{ NFT_INPUT("accept", "\t\tcounter packets 5 bytes 9 drop\n"),
		    "inet filter" },
		{ NFT_INPUT("accept", "\t\ttcp dport 23 drop\n"), NULL },
		/* the other family's */
		{ "table ip6 f {\n\tchain i {\n\t\ttype filter hook input priority 0; "
		  "policy drop;\n\t}\n}\n",
		    NULL },
		/* one of two */
		{ NFT_INPUT("drop", "\t\tip protocol vrrp accept\n") LAST_DROPS,
		    "ip last" },
		{ "-P INPUT ACCEPT\n-P FORWARD DROP\n", NULL },
		{ "-P INPUT DROP\n-A INPUT -p tcp -m tcp --dport 112 -j ACCEPT\n",
		    "of iptables" },
		{ "-P INPUT DROP\n-A INPUT -p vrrp -j ACCEPT\n", NULL },
		{ "-P INPUT ACCEPT\n-A INPUT -j REJECT --reject-with icmp\n",
		    "of iptables" },
	};
	const struct vr_instance in = { .interface = "eth0", .family = AF_INET };

	(void)state;
	for (size_t i = 0; i < TW_N_ELEMENTS(cases); i++) {
		char table[128] = "";
		const bool drops =
		    vr_firewall_drops(cases[i].rules, &in, table, sizeof(table));

		if (drops != (cases[i].table != NULL) ||
		    (drops && strcmp(table, cases[i].table) != 0))
			fail_msg("'%s' for case %zu:\n%s", table, i, cases[i].rules);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lint_one),
		cmocka_unit_test(test_lint_weights),
		cmocka_unit_test(test_lint_pair),
		cmocka_unit_test(test_lint_firewall),
	};
	return cmocka_run_group_tests(tests, NULL, forget_both);
}

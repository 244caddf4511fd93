/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_vrrp_show.c - what is shown of VRRP: tables, JSON, Prometheus samples,
 * the statistics page's rows.
 */
#include "vrrp_text.h"

#include <time.h>

#include <jansson.h>

/* --- rows to show --- */

static void
rows_make(struct vr_shown rows[2])
{
	const uint64_t now_us = (uint64_t)time(NULL) * 1000000;

	memset(rows, 0, 2 * sizeof(*rows));
	rows[0] = (struct vr_shown){ .name = "VI_1",
		.interface = "enp0s8",
		.group = "G1",
		.family = AF_INET,
		.version = 2,
		.vrid = 51,
		.base_priority = 100,
		.priority = 110,
		.state = VR_MASTER,
		.wants_state = VR_MASTER,
		.path = VR_PATH_BACKUP,
		.advert_us = 1000000,
		.master_advert_us = 1000000,
		.entered_wall_us = now_us - 7380 * 1000000ULL,
		.own = ip("192.168.2.1"),
		.master = ip("192.168.2.1"),
		.master_priority = 110,
		.n_vips = 1,
		.vip = { ip("192.168.2.100") },
		.n = { .adverts_sent = 7381,
		    .adverts_received = 3,
		    .became_master = 1,
		    .dropped = { [VR_DROP_AUTH] = 2, [VR_DROP_CHECKSUM] = 5 } } };
	rows[1] = (struct vr_shown){ .name = "VI_LONG_NAME6",
		.interface = "eth0",
		.family = AF_INET6,
		.version = 3,
		.vrid = 7,
		.base_priority = 90,
		.priority = 90,
		.state = VR_BACKUP,
		.wants_state = VR_BACKUP,
		.path = VR_PATH_MASTER,
		.advert_us = 100000,
		.master_advert_us = 200000,
		.own = ip("fe80::1"),
		.master = ip("fe80::2"),
		.master_priority = 120,
		.n_vips = 10,
		.vip = { ip("2001:db8::1") } };
}

static void
test_table(void **state)
{
	struct vr_shown rows[2];
	FILE *to = NULL;
	char *text = NULL;
	size_t len;

	(void)state;
	rows_make(rows);
	written(&to, &text, &len);
	vr_show_table(to, rows, 2);
	assert_string_equal(written(&to, &text, &len),
	    "instance       interface  vrid  state   since  priority (base)  master"
	    "     second path     sent  received  dropped\n"
	    "VI_1           enp0s8       51  MASTER  2h03m  110 (100)        this node"
	    "  peer is backup  7381         3        7\n"
	    "VI_LONG_NAME6  eth0          7  BACKUP      -  90 (90)          fe80::2"
	    "    peer is master     0         0        0\n");
	free(text);

	rows[0].is_split = true;
	rows[1].yielding = true;
	written(&to, &text, &len);
	vr_show_table(to, rows, 2);
	written(&to, &text, &len);
	has(text, "*** SPLIT: VI_1 on enp0s8: this node and another node both claim");
	has(text, "  MASTER SPLIT   2h03m");
	has(text, "  BACKUP yields      -");
	free(text);

	written(&to, &text, &len);
	vr_show_table(to, rows, 0);
	has(written(&to, &text, &len), "no VRRP instance");
	free(text);
}

static void
test_one(void **state)
{
	struct vr_shown rows[2];
	FILE *to = NULL;
	char *text = NULL;
	size_t len;

	(void)state;
	rows_make(rows);
	written(&to, &text, &len);
	vr_show_one(to, &rows[0]);
	written(&to, &text, &len);
	has(text, "VI_1\n  state               MASTER for 2h03m, since 2");
	has(text, "  sync group          G1\n");
	has(text, "  priority            110 (base 100)\n");
	has(text, "  master              this node\n");
	has(text, "  addresses           192.168.2.100\n");
	has(text, "  interval            1 s\n");
	has(text,
	    "  dropped             7\n"
	    "                      2 password differs\n"
	    "                      5 checksum is wrong\n");
	free(text);
	written(&to, &text, &len);
	vr_show_one(to, &rows[1]);
	written(&to, &text, &len);
	has(text, "  master              fe80::2, priority 120\n");
	has(text, "  interval            0.1 s, the master's 0.2 s\n");
	has(text, " and 2 more\n");
	has(text, "  second path         peer is master\n");
	has_not(text, "sync group");
	free(text);
}

static const char *
member(const json_t *o, const char *key)
{
	const char *const text = json_string_value(json_object_get(o, key));

	return text != NULL ? text : "(none)";
}

static void
test_json(void **state)
{
	struct vr_shown rows[2];
	FILE *to = NULL;
	char *text = NULL;
	size_t len;

	(void)state;
	rows_make(rows);
	strcpy(rows[1].name, "quote\"\n");
	written(&to, &text, &len);
	vr_show_json(to, rows, 2);
	json_t *const all = json_loads(written(&to, &text, &len), 0, NULL);
	free(text);
	assert_int_equal(json_array_size(all), 2);
	const json_t *const a = json_array_get(all, 0),
			    *const b = json_array_get(all, 1);
	assert_string_equal(member(a, "instance"), "VI_1");
	assert_string_equal(member(a, "state"), "MASTER");
	assert_string_equal(member(a, "second_path"), "backup");
	assert_string_equal(member(a, "master_address"), "192.168.2.1");
	assert_string_equal(member(b, "instance"), "quote\"\n");
	assert_string_equal(member(b, "family"), "ipv6");
	assert_string_equal(member(b, "group"), "(none)");
	const json_t *const n = json_object_get(a, "counters");
	assert_int_equal(json_integer_value(json_object_get(n, "adverts_sent")), 7381);
	assert_int_equal(json_integer_value(json_object_get(
			     json_object_get(n, "dropped"), "checksum")),
	    5);
	json_decref(all);
}

#define LABELS1 "{instance=\"VI_1\",interface=\"enp0s8\",vrid=\"51\",family=\"ipv4\""

static void
test_metrics(void **state)
{
	struct vr_shown rows[2];
	FILE *to = NULL;
	char *text = NULL;
	size_t len;

	(void)state;
	rows_make(rows);
	strcpy(rows[1].name, "a\"b\\c\n");
	written(&to, &text, &len);
	vr_show_metrics(to, rows, 2);
	written(&to, &text, &len);
	has(text,
	    "# TYPE tideway_vrrp_state gauge\n"
	    "tideway_vrrp_state" LABELS1 ",state=\"init\"} 0\n");
	has(text, "tideway_vrrp_state" LABELS1 ",state=\"master\"} 1\n");
	has(text, "tideway_vrrp_priority" LABELS1 "} 110\n");
	has(text, "tideway_vrrp_base_priority" LABELS1 "} 100\n");
	has(text, "# TYPE tideway_vrrp_adverts_sent_total counter\n");
	has(text, "tideway_vrrp_adverts_sent_total" LABELS1 "} 7381\n");
	has(text, "tideway_vrrp_adverts_dropped_total" LABELS1 ",reason=\"auth\"} 2\n");
	has(text, "tideway_vrrp_second_path" LABELS1 ",peer=\"backup\"} 1\n");
	has(text, "vrrp_priority{instance=\"a\\\"b\\\\c\\n\",interface=\"eth0\"");
	has(text, "_advert_interval_seconds" LABELS1 "} 1\n");
	free(text);
	written(&to, &text, &len);
	vr_show_metrics(to, rows, 0);
	assert_string_equal(written(&to, &text, &len), "");
	free(text);
}

static void
test_page(void **state)
{
	static struct vr_shared shared;
	const struct tw_stats_table *const t = vr_stats_tables;
	struct tw_stats_row row = { 0 };
	int n = 0;

	(void)state;
	vr_shared = &shared;
	rows_make(shared.shown);
	assert_false(t->row(NULL, 0, &row)); /* then the page shows no table */
	shared.n_shown = 2;
	shared.shown[0].is_split = true;
	assert_true(t->row(NULL, 0, &row));
	assert_int_equal(row.look, TW_STATS_DOWN);
	assert_string_equal(row.cell[0], "VI_1");
	assert_string_equal(row.cell[1], "MASTER SPLIT");
	assert_true(t->row(NULL, 1, &row));
	assert_int_equal(row.look, TW_STATS_PLAIN);
	while (t->columns[n].name != NULL)
		assert_true(row.cell[n++][0] != '\0');
	assert_true(n <= TW_STATS_COLUMNS);
	assert_string_equal(row.cell[n - 1], "0"); /* dropped */
	assert_false(t->row(NULL, 2, &row));
	vr_shared = NULL;
}

static void
test_copy(void **state)
{
	static struct vr_shared shared;
	static struct vr_shown rows[VR_MAX_SHOWN];
	struct vr_shown row;

	(void)state;
	vr_shared = &shared;
	rows_make(shared.shown);
	shared.n_shown = 2;
	assert_int_equal(vr_show_copy(rows), 2);
	assert_string_equal(rows[1].name, "VI_LONG_NAME6");
	assert_true(vr_show_copy_one(1, &row));
	assert_string_equal(row.name, "VI_LONG_NAME6");
	assert_false(vr_show_copy_one(2, &row));
	assert_false(vr_show_copy_one(VR_MAX_SHOWN, &row));
	/* the writer died while it wrote */
	shared.turn = 1;
	shared.n_shown = UINT32_MAX;
	memset(shared.shown, 0xff, sizeof(shared.shown));
	assert_int_equal(vr_show_copy(rows), VR_MAX_SHOWN);
	assert_int_equal(strlen(rows[3].name), VR_NAME_LEN - 1);
	vr_shared = NULL;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_metrics),
		cmocka_unit_test(test_page),
		cmocka_unit_test(test_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

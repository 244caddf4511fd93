/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_balance_hash.c - keys, functions, map and ring of modules/balance.
 *
 * What is expected of functions and maps was read off HAProxy 2.6 (its sdbm,
 * djb2 and crc32 converters; its static-rr).
 */
#include "balance_help.h"
#include "modules/balance/rdp.h"

static void
test_functions(void **st)
{
	const struct tw_str a = TW_STR("a"), hello = TW_STR("hello");

	(void)st;
	assert_int_equal(hash_of(HASH_SDBM, a), 97);
	assert_int_equal(hash_of(HASH_SDBM, hello), 684824882);
	assert_int_equal(hash_of(HASH_DJB2, a), 177670);
	assert_int_equal(hash_of(HASH_DJB2, hello), 261238937);
	assert_int_equal(hash_of(HASH_CRC32, a), 3904355907u);
	assert_int_equal(hash_of(HASH_CRC32, hello), 907060870);
	assert_int_equal(tw_hash_avalanche(hash_of(HASH_SDBM, a)), 1830748055);
	assert_int_equal(tw_hash_avalanche(hash_of(HASH_DJB2, hello)), 1119739105);
	assert_int_equal(tw_hash_avalanche(hash_of(HASH_CRC32, hello)), 3902247103u);
	assert_int_equal(hash_of(HASH_NONE, TW_STR("\0\0\0\0\1\2\3\4")), 0x01020304);
	assert_int_equal(hash_of(HASH_NONE, TW_STR("\1")), 1);
	assert_int_equal(hash_of(HASH_NONE, TW_STR("")), 0);
}

static const char *
text_of(struct tw_str s)
{
	static char text[256];

	snprintf(text, sizeof(text), "%.*s", (int)s.len, s.p != NULL ? s.p : "-");
	return s.p == NULL ? "(none)" : text;
}

static void
test_domain(void **st)
{
	static const char *const cases[][2] = { { "haproxy.1wt.eu", "1wt" },
		{ "www.example.com:80", "example" }, { "localhost", "localhost" },
		{ "localhost:80", "localhost:80" }, { "a.b.c.d.e", "d" },
		{ "10.1.2.3", "2" }, { "a.b.c.", "c" }, { ".x.y", "x" },
		{ "foo.", "foo" }, { ".foo", ".foo" }, { "a..b", "a." },
		{ "example.com", "example" }, { ".", "." }, { "", "" }, { "..", "." } };

	(void)st;
	for (size_t i = 0; i < TW_N_ELEMENTS(cases); i++)
		assert_string_equal(
		    text_of(hash_domain(tw_str_of(cases[i][0]))), cases[i][1]);
}

static void
test_uri(void **st)
{
	static const struct {
		struct hash_conf conf;
		const char *target, *want;
	} cases[] = {
		{ { .len = 0 }, "/ab/cd?x/y=1", "/ab/cd" },
		{ { .whole = true }, "/ab/cd?x/y=1", "/ab/cd?x/y=1" },
		{ { .depth = 1 }, "/ab/cd/efgh?x/y=1", "/ab" },
		{ { .depth = 2 }, "/ab/cd/efgh?x/y=1", "/ab/cd" },
		{ { .depth = 1 }, "//a//b", "/" },
		{ { .depth = 2 }, "/ab/", "/ab/" },
		{ { .depth = 1 }, "http://www.ex.com/ab", "http:/" },
		{ { .len = 5 }, "/ab/cd", "/ab/c" },
		{ { .len = 5 }, "/", "/" },
		{ { .len = 5, .depth = 2 }, "//a//b", "//a" },
		{ { .len = 0 }, "*", "*" },
		{ { .len = 3 }, "", "" },
	};

	(void)st;
	for (size_t i = 0; i < TW_N_ELEMENTS(cases); i++)
		assert_string_equal(
		    text_of(hash_uri(&cases[i].conf, tw_str_of(cases[i].target))),
		    cases[i].want);
}

static void
test_param(void **st)
{
	static const char *const cases[][2] = { { "p=val", "val" },
		{ "a=1&p=val&b", "val" }, { "p=", "" }, { "p", "(none)" },
		{ "xp=1&p=2", "2" }, { "p=a&p=b", "a" }, { "a;p=val", "(none)" },
		{ "p=a;b&c", "a;b" }, { "P=1", "(none)" }, { "", "(none)" },
		{ "&&p=1", "1" }, { "pp=1", "(none)" }, { "q=p=1", "(none)" } };

	(void)st;
	for (size_t i = 0; i < TW_N_ELEMENTS(cases); i++)
		assert_string_equal(
		    text_of(hash_param(tw_str_of(cases[i][0]), TW_STR("p"))),
		    cases[i][1]);
	assert_null(hash_param((struct tw_str){ NULL, 0 }, TW_STR("p")).p);
}

static void
test_first_value(void **st)
{
	static const char *const cases[][2] = { { "a,b", "a" }, { "a ,b c", "a" },
		{ "\"a,b\",c", "\"a,b\"" }, { "\"a\\\",b\",c", "\"a\\\",b\"" },
		{ ",a", "" }, { "", "" }, { " a", "a" } };

	(void)st;
	for (size_t i = 0; i < TW_N_ELEMENTS(cases); i++)
		assert_string_equal(
		    text_of(hash_first_value(tw_str_of(cases[i][0]))), cases[i][1]);
}

static const char *
map_text(const uint32_t *weights, int n)
{
	static char text[512];
	struct tw_out o = tw_out_of(text, sizeof(text) - 1);

	make(n, weights);
	struct hash_map *map = hash_map_build(choices, n);
	for (uint32_t i = 0; i < map->n; i++)
		tw_out_printf(&o, "%d", map->at[i]->index + 1);
	*o.p = '\0';
	free(map);
	return text;
}

static void
test_map(void **st)
{
	static const struct {
		uint32_t weights[4];
		int n;
		const char *want;
	} cases[] = {
		{ { 3, 2, 1 }, 3, "112123" },
		{ { 1, 2, 3 }, 3, "132323" },
		{ { 10, 20, 30 }, 3, "132323" },
		{ { 5, 1, 2, 1 }, 4, "112131314" },
		{ { 1, 1, 1, 3 }, 4, "142434" },
		{ { 2, 3 }, 2, "12122" },
		{ { 1, 5 }, 2, "122222" },
		{ { 5, 1 }, 2, "111112" },
		{ { 4, 4 }, 2, "12" },
		{ { 2, 2, 2, 1 }, 4, "1231234" },
		{ { 7, 5, 3 }, 3, "121231121312123" },
	};

	(void)st;
	for (size_t i = 0; i < TW_N_ELEMENTS(cases); i++)
		assert_string_equal(
		    map_text(cases[i].weights, cases[i].n), cases[i].want);
}

/* Each server has as many places as its weight says, for odd weights too. */
static void
test_map_share(void **st)
{
	uint32_t weights[1000], sum = 0;

	(void)st;
	for (uint32_t i = 0; i < 1000; i++)
		sum += weights[i] = 1 + i * 7919 % 256;
	make(1000, weights);
	struct hash_map *map = hash_map_build(choices, 1000);
	assert_int_equal(map->n, sum);
	for (uint32_t i = 0; i < map->n; i++)
		map->at[i]->picked++;
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(servers[i].picked, weights[i]);
	free(map);
}

static uint32_t
ring_server(const struct hash_ring *r, uint32_t hash)
{
	return r->server[r->point[hash_ring_find(r, hash)].choice]->id;
}

#define KEYS 20000

/* One of ten goes: its keys move, nobody else's; when it is back all is as it
 * was. One more comes: it takes its share, and nothing moves between others. */
static void
test_ring_moves_its_share(void **st)
{
	static uint32_t before[KEYS];
	uint32_t lost = 0, won = 0;

	(void)st;
	make(11, NULL);
	struct hash_ring *r = hash_ring_build(choices, 10);
	for (uint32_t i = 0; i < KEYS; i++)
		before[i] = ring_server(r, tw_hash_avalanche(i));
	hash_ring_free(&r);
	r = hash_ring_build(choices + 1, 9); /* without s1 */
	for (uint32_t i = 0; i < KEYS; i++) {
		lost += before[i] == 1;
		if (before[i] != 1)
			assert_int_equal(
			    ring_server(r, tw_hash_avalanche(i)), before[i]);
	}
	hash_ring_free(&r);
	assert_in_range(lost, KEYS / 10 / 3, KEYS / 10 * 3);
	r = hash_ring_build(choices, 11);
	for (uint32_t i = 0; i < KEYS; i++) {
		const uint32_t now = ring_server(r, tw_hash_avalanche(i));

		won += now == 11;
		if (now != 11)
			assert_int_equal(now, before[i]);
	}
	hash_ring_free(&r);
	assert_in_range(won, KEYS / 11 / 3, KEYS / 11 * 3);
}

/* Weights count: within three standard deviations of 16 points a unit. */
static void
test_ring_weights(void **st)
{
	const uint32_t weights[] = { 10, 20, 70 };
	uint32_t seen[3] = { 0 };

	(void)st;
	make(3, weights);
	struct hash_ring *r = hash_ring_build(choices, 3);
	assert_int_equal(r->n, 1600);
	for (uint32_t i = 1; i < r->n; i++)
		assert_true(r->point[i - 1].at <= r->point[i].at);
	for (uint32_t i = 0; i < KEYS; i++)
		seen[ring_server(r, tw_hash_avalanche(i)) - 1]++;
	for (int i = 0; i < 3; i++)
		assert_in_range(seen[i], KEYS * weights[i] / 100 * 3 / 4,
		    KEYS * weights[i] / 100 * 5 / 4);
	hash_ring_free(&r);
}

/* The nearest point, around the end of the circle too. */
/* While one grows, weights are counted in finer units: the others' keys stay. */
static void
test_ring_grows(void **st)
{
	static uint32_t before[KEYS];
	uint32_t lost = 0;

	(void)st;
	make(5, NULL);
	struct hash_ring *r = hash_ring_build(choices, 5);
	for (uint32_t i = 0; i < KEYS; i++)
		before[i] = ring_server(r, tw_hash_avalanche(i));
	hash_ring_free(&r);
	for (int i = 0; i < 5; i++) {
		choices[i].weight = i == 2 ? 4 : 16; /* a quarter of its way */
		choices[i].scale = 16;
	}
	r = hash_ring_build(choices, 5);
	for (uint32_t i = 0; i < KEYS; i++) {
		lost += before[i] == 3 && ring_server(r, tw_hash_avalanche(i)) != 3;
		if (before[i] != 3)
			assert_int_equal(
			    ring_server(r, tw_hash_avalanche(i)), before[i]);
	}
	hash_ring_free(&r);
	assert_in_range(lost, KEYS / 5 / 4, KEYS / 5 * 2);
}

static void
test_ring_nearest(void **st)
{
	struct ring_point points[] = { { 100, 0 }, { 200, 1 }, { 0xfffffff0u, 2 } };
	const struct hash_ring r = { .n = 3, .point = points };
	static const struct {
		uint32_t hash, point;
	} cases[] = { { 0, 2 }, { 41, 2 }, { 43, 0 }, { 100, 0 }, { 149, 0 },
		{ 151, 1 }, { 201, 1 }, { 0xffffff00u, 2 }, { 0xffffffffu, 2 } };

	(void)st;
	for (size_t i = 0; i < TW_N_ELEMENTS(cases); i++)
		assert_int_equal(hash_ring_find(&r, cases[i].hash), cases[i].point);
}

/* By address the ring is the same whatever the order and the numbers are. */
static void
test_ring_by_address(void **st)
{
	(void)st;
	make(6, NULL);
	for (int i = 0; i < 6; i++) {
		const uint8_t n = (uint8_t)(i % 3 + 1);

		servers[i].addr = (struct tw_addr){
			.family = AF_INET, .port = 80 + n, .u.v4 = { 10, 0, 0, n }
		};
		servers[i].conf.point = POINT_ADDR;
	}
	choices[3].server = &servers[5]; /* .3 .1 .2 */
	choices[4].server = &servers[3];
	choices[5].server = &servers[4];
	struct hash_ring *a = hash_ring_build(choices, 3);
	struct hash_ring *b = hash_ring_build(choices + 3, 3);
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal((ring_server(a, tw_hash_avalanche(i)) - 1) % 3,
		    (ring_server(b, tw_hash_avalanche(i)) - 1) % 3);
	hash_ring_free(&a);
	hash_ring_free(&b);
}

static struct tw_server *
pick(void *s, const struct hash_conf *c, const char *text)
{
	key = text != NULL ? tw_str_of(text) : (struct tw_str){ NULL, 0 };
	return hash_pick(s, c, NULL);
}

static void
test_pick(void **st)
{
	struct hash_conf c = { .kind = HASH_EXPR };

	(void)st;
	for (int ring = 0; ring < 2; ring++) {
		make(5, NULL);
		c.type = (struct hash_type){ .consistent = ring, .avalanche = ring };
		void *s = hash_build(choices, 5, &c, NULL);
		struct tw_server *const home = pick(s, &c, "some key");
		for (int i = 0; i < 10; i++)
			assert_ptr_equal(pick(s, &c, "some key"), home);
		home->full = true; /* the request shall wait there */
		assert_ptr_equal(pick(s, &c, "some key"), home);
		c.type.affinity = AFFINITY_MAXCONN;
		assert_ptr_not_equal(pick(s, &c, "some key"), home);
		c.type.affinity = AFFINITY_MAXQUEUE; /* no limit of its queue */
		assert_ptr_equal(pick(s, &c, "some key"), home);
		home->full = false;
		home->maxconn = 3;
		home->load = 3;
		home->maxqueue = 2;
		assert_ptr_equal(pick(s, &c, "some key"), home);
		home->load = 5;
		assert_ptr_not_equal(pick(s, &c, "some key"), home);
		c.type.affinity = AFFINITY_ALWAYS;
		avoided = home;
		assert_ptr_not_equal(pick(s, &c, "some key"), home);
		avoided = NULL;
		home->load = 0;
		for (int i = 0; i < 10; i++) /* no key: in turn */
			assert_int_equal(pick(s, &c, NULL)->index, i % 5);
		hash_free(s);
	}
}

/* No server has more than 125% of the average, whatever the keys are. */
static void
test_bounded(void **st)
{
	struct hash_conf c = { .kind = HASH_EXPR,
		.type = { .consistent = true, .avalanche = true, .factor = 125 } };
	char text[32];
	uint32_t moved = 0;

	(void)st;
	make(8, NULL);
	void *s = hash_build(choices, 8, &c, NULL);
	for (sessions = 1; sessions <= 800; sessions++) {
		snprintf(text, sizeof(text), "key %u", sessions % 11);
		const struct hash_conf plain = { .kind = HASH_EXPR,
			.type = { .consistent = true, .avalanche = true } };
		struct tw_server *home = pick(s, &plain, text);
		struct tw_server *srv = pick(s, &c, text);
		srv->load++;
		moved += srv != home;
		for (int i = 0; i < 8; i++)
			assert_true(servers[i].load <= sessions * 125 / 800 + 1);
	}
	assert_in_range(moved, 1, 799);
	hash_free(s);
}

static void
test_rdp_token(void **st)
{
	static const char *const bad[] = { "", "1", "1.2", "1.2x.0", "x.1.0",
		"4294967296.1.0000", "1.65536.0000", ".1.0", "1..0", "-1.1.0" };
	struct tw_addr a;

	(void)st;
	assert_true(rdp_token(TW_STR("3640205228.15629.0000"), &a));
	assert_int_equal(a.family, AF_INET);
	assert_int_equal(a.port, 3389);
	assert_memory_equal(a.u.v4, ((const uint8_t[]){ 172, 31, 249, 216 }), 4);
	for (size_t i = 0; i < TW_N_ELEMENTS(bad); i++)
		assert_false(rdp_token(tw_str_of(bad[i]), &a));
	assert_false(rdp_token((struct tw_str){ NULL, 0 }, &a));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_functions),
		cmocka_unit_test(test_domain),
		cmocka_unit_test(test_uri),
		cmocka_unit_test(test_param),
		cmocka_unit_test(test_first_value),
		cmocka_unit_test(test_map),
		cmocka_unit_test(test_map_share),
		cmocka_unit_test(test_ring_moves_its_share),
		cmocka_unit_test(test_ring_weights),
		cmocka_unit_test(test_ring_grows),
		cmocka_unit_test(test_ring_nearest),
		cmocka_unit_test(test_ring_by_address),
		cmocka_unit_test(test_pick),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_rdp_token),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_mqtt.c - messages of MQTT and FIX (core/expr/mqtt.c, fix.c).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/expr/mqtt.h"

#define BYTES(text) ((struct tw_str){ text, sizeof(text) - 1 })

static const char connect_v5[] = "\x10\x29\0\4MQTT\5\x86\0\x3c"
				 "\x08\x21\0\5\x27\0\0\1\0"
				 "\0\3abc"
				 "\5\x18\0\0\0\x09"
				 "\0\1t\0\1p\0\3bob";

static void
test_connect(void **state)
{
	struct tw__mqtt m;
	const struct tw_str all = { connect_v5, sizeof(connect_v5) - 1 };

	(void)state;
	assert_int_equal((unsigned char)connect_v5[1], all.len - 2);
	assert_int_equal(tw__mqtt_parse(all, &m), TW__SEEN_ALL);
	assert_int_equal(m.packet, TW__MQTT_CONNECT);
	assert_int_equal(m.field[TW__MQTT_PROTOCOL_VERSION].n, 5);
	assert_int_equal(m.field[TW__MQTT_KEEPALIVE].n, 60);
	assert_int_equal(m.property[33].n, 5);
	assert_int_equal(m.property[39].n, 256);
	assert_int_equal(m.property[24].n, 9);
	assert_false(m.property[17].set);
	assert_true(tw_str_eq(m.field[TW__MQTT_USERNAME].text, TW_STR("bob")));
	assert_true(tw_str_eq(m.field[TW__MQTT_WILL_PAYLOAD].text, TW_STR("p")));
	for (size_t n = 0; n < all.len; n++)
		assert_int_equal(
		    tw__mqtt_parse((struct tw_str){ all.p, n }, &m), TW__SEEN_PART);
}

static void
test_wrong(void **state)
{
	static const struct tw_str wrong[] = {
		BYTES("\x30\0"),                                 /* PUBLISH */
		BYTES("\x10\xff\xff\xff\xff\x01"),               /* its length */
		BYTES("\x10\x0c\0\4MQTT\4\1\0\x3c\0\0"),         /* reserved */
		BYTES("\x10\x0c\0\4MQTT\6\2\0\x3c\0\0"),         /* version */
		BYTES("\x10\x0d\0\4MQTT\4\2\0\x3c\0\0x"),        /* surplus */
		BYTES("\x10\x0c\0\4MQTT\4\2\0\x3c\0\1"),         /* too short */
		BYTES("\x10\x0f\0\4MQTT\5\2\0\x3c\2\x24\1\0\0"), /* not there */
		BYTES("\x10\x0f\0\4MQTT\5\2\0\x3c\2\x19\2\0\0"), /* no boolean */
		BYTES("\x20\2\2\0"),                             /* flags */
	};
	struct tw__mqtt m;

	(void)state;
	for (size_t i = 0; i < TW_N_ELEMENTS(wrong); i++)
		assert_int_equal(tw__mqtt_parse(wrong[i], &m), TW__SEEN_NOT);
}

static void
test_fix(void **state)
{
	static const char text[] = "8=FIX.4.4\1"
				   "9=20\1"
				   "35=A\1"
				   "49=S\1"
				   "56=T\1"
				   "34=1\1"
				   "10=171\1";
	const struct tw_str all = { text, sizeof(text) - 1 };
	char other[sizeof(text)];
	unsigned sum = 0;

	(void)state;
	for (size_t i = 0; i < all.len - 7; i++)
		sum += (unsigned char)text[i];
	memcpy(other, text, sizeof(text));
	snprintf(other + all.len - 7, 8, "10=%03u\1", sum % 256);
	const struct tw_str good = { other, all.len };
	assert_int_equal(tw__fix_parse(good), TW__SEEN_ALL);
	assert_true(tw_str_eq(tw__fix_tag(good, 56), TW_STR("T")));
	assert_null(tw__fix_tag(good, 57).p);
	for (size_t n = 0; n < good.len; n++)
		assert_int_equal(
		    tw__fix_parse((struct tw_str){ other, n }), TW__SEEN_PART);
	other[11] = '3'; /* the length */
	assert_int_not_equal(tw__fix_parse(good), TW__SEEN_ALL);
	assert_int_equal(tw__fix_parse(TW_STR("GET / HTTP/1.1")), TW__SEEN_NOT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connect),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_fix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

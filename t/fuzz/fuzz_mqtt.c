/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fuzz_mqtt.c - any bytes as a message of MQTT, and as one of FIX.
 *
 * What is found must lie in the input. A part of what is a whole message must not
 * be called wrong: rules wait for the rest of it.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>

#include <tideway/assert.h>

#include "core/expr/mqtt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
lies_in(struct tw_str in, struct tw_str part)
{
	TW_ASSERT(
	    part.p == NULL || (part.p >= in.p && part.p + part.len <= in.p + in.len));
}

static void
mqtt(struct tw_str in)
{
	struct tw__mqtt m, part;
	const enum tw__seen seen = tw__mqtt_parse(in, &m);

	for (int i = 0; i < TW__MQTT_N_FIELDS; i++)
		lies_in(in, m.field[i].text);
	for (int i = 0; i < TW__MQTT_N_PROPERTIES; i++)
		lies_in(in, m.property[i].text);
	for (size_t n = 0; seen == TW__SEEN_PART && n < in.len; n++)
		TW_ASSERT(
		    tw__mqtt_parse((struct tw_str){ in.p, n }, &part) == TW__SEEN_PART);
}

static void
fix(struct tw_str in)
{
	static const uint32_t tags[] = { 8, 9, 10, 35, 49, 56, 99 };
	const enum tw__seen seen = tw__fix_parse(in);

	for (size_t i = 0; i < TW_N_ELEMENTS(tags); i++)
		lies_in(in, tw__fix_tag(in, tags[i]));
	if (seen != TW__SEEN_ALL)
		return;
	size_t whole = in.len; /* of the first message */
	while (whole > 0 &&
	    tw__fix_parse((struct tw_str){ in.p, whole - 1 }) == TW__SEEN_ALL)
		whole--;
	for (size_t n = 0; n < whole; n++)
		TW_ASSERT(tw__fix_parse((struct tw_str){ in.p, n }) == TW__SEEN_PART);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len > 4000)
		return 0;
	char *const exact = malloc(len > 0 ? len : 1); /* for the sanitizer */
	TW_ASSERT(exact != NULL);
	if (len > 0)
		memcpy(exact, data, len);
	const struct tw_str in = { exact, len };
	mqtt(in);
	fix(in);
	free(exact);
	return 0;
}
